/* Gradients of the router, the experts and the trunk against finite differences, and against PyTorch's. */
#include "param_rig.h"
#include "route_rig.h"
#include "suite.h"
#include <jansson.h>

typedef double (*loss_fn)(void *arg);

/* Fourth-order central difference at *w. */
static double slope(loss_fn loss, void *arg, real *w)
{
    const double h = 1e-4;
    double at[4], w0 = *w, step[4] = {-2 * h, -h, h, 2 * h};
    for (int i = 0; i < 4; i++) {
        *w = w0 + step[i];
        at[i] = loss(arg);
    }
    *w = w0;
    return (at[0] - 8 * at[1] + 8 * at[2] - at[3]) / (12 * h);
}

static void check_one(const char *name, int64_t i, double got, double want)
{
    double scale = fmax(fmax(fabs(got), fabs(want)), 1e-4);
    ck_assert_msg(fabs(got - want) <= 1e-6 * scale, "%s[%lld]: gradient %.12g, finite difference %.12g", name,
                  (long long)i, got, want);
}

/* Up to 48 numbers spread over w (n), against g. */
static void check_slopes(const char *name, loss_fn loss, void *arg, real *w, const real *g, int64_t n)
{
    int64_t step = n / 48 + 1;
    for (int64_t i = 0; i < n; i += step) check_one(name, i, g[i], slope(loss, arg, &w[i]));
}

/* Groups that no row reached must have slope 0. */
static void check_param(loss_fn loss, void *arg, struct pw_param *p)
{
    int64_t size = p->n / p->groups;
    if (p->kind == PW_CONST) return;
    for (int64_t e = 0; e < p->groups; e++) {
        if (grad_at(p, e * size) != NULL)
            check_slopes(p->name, loss, arg, pw_param_group(p, e), grad_at(p, e * size), size);
        else
            check_one(p->name, e * size, 0, slope(loss, arg, pw_param_group(p, e)));
    }
}

/* --- the router alone --- */

struct routing {
    struct rig rig; struct pw_router_config c;
    int n_segments; const struct pw_segment *segment;
    real *logits, *weight; double *load, *load0;
};

static struct pw_routes *route_again(struct routing *s)
{
    struct pw_routes *r;
    pw_arena_reset(s->rig.x.arena);
    if (s->load != NULL) memcpy(s->load, s->load0, (size_t)s->c.experts * sizeof *s->load);
    ck_assert_int_eq(pw_route(&s->rig.x, &s->c, s->n_segments, s->segment, s->logits, s->load, &r), PWY_OK);
    return r;
}

static double routing_loss(void *arg)
{
    struct routing *s = arg;
    const struct pw_routes *r = route_again(s);
    double sum = r->balance_loss + r->z_loss;
    for (int i = 0; i < r->n_pairs; i++) sum += r->slot[i] < 0 ? 0 : r->gate[i] * s->weight[i];
    return sum;
}

static void check_segments(struct pw_router_config c, int n_segments, const struct pw_segment *segment)
{
    struct routing s = {.c = c, .n_segments = n_segments, .segment = segment};
    double load[8], load0[8] = {.3, .05, .1, .15, .1, .1, .1, .1};
    size_t n = (size_t)pw_route_size(&c, n_segments, segment);
    real *dlogits = numbers(0, n, 1);
    rig_open(&s.rig, 1, true);
    s.logits = numbers(1, n, 1);
    s.load0 = load0;
    s.load = c.load_memory > 0 ? load : NULL;
    const struct pw_routes *r = route_again(&s);
    s.weight = numbers(2, (size_t)r->n_pairs, 1);
    ck_assert_int_eq(pw_route_back(&s.rig.x, &c, r, s.load, s.weight, 1, dlogits), PWY_OK);
    check_slopes("logits", routing_loss, &s, s.logits, dlogits, (int64_t)n);
    free(dlogits);
    free(s.logits);
    free(s.weight);
    rig_close(&s.rig);
}

static void check_routing(struct pw_router_config c)
{
    const int32_t low[] = {0, 1, 2, 3, 4}, high[] = {3, 4, 5, 6, 7};
    struct pw_segment all[] = {{9, c.experts, NULL}, {5, 5, low}, {7, 5, high}};
    check_segments(c, 1, all);
    if (c.experts == 8 && c.topk <= 5) check_segments(c, 3, all);
}

START_TEST(router_gradients)
{
    const int ks[] = {1, 2, 5, 8};
    for (int i = 0; i < 4; i++)
        for (int renormalise = 0; renormalise < 2; renormalise++)
            check_routing((struct pw_router_config){.experts = 8, .topk = ks[i], .renormalise = renormalise,
                                                    .balance = .7, .zloss = .3});
}
END_TEST

START_TEST(router_gradients_with_memory_and_jitter)
{
    check_routing((struct pw_router_config){.experts = 8, .topk = 2, .renormalise = true, .balance = .7, .zloss = .3,
                                            .load_memory = .9, .jitter = .2});
    check_routing((struct pw_router_config){.experts = 8, .topk = 1, .balance = .7, .jitter = .1, .key = 3});
}
END_TEST

static struct pw_router_config plain(enum pw_router_policy policy)
{
    return (struct pw_router_config){.experts = 8, .topk = 2, .policy = policy, .balance = .7, .zloss = .3};
}

START_TEST(gates_by_sigmoid)
{
    const int ks[] = {1, 2, 5};
    for (int i = 0; i < 3; i++)
        for (int renormalise = 0; renormalise < 2; renormalise++) {
            struct pw_router_config c = plain(PW_TOPK);
            c.topk = ks[i];
            c.renormalise = renormalise;
            c.sigmoid = true;
            c.zloss = 0;
            c.gate_scale = i == 1 ? 2.5 : 0;
            c.jitter = i == 2 ? .1 : 0;
            check_routing(c);
        }
}
END_TEST

START_TEST(gates_are_scaled)
{
    struct pw_router_config c = plain(PW_TOPK);
    c.gate_scale = 3;
    for (int renormalise = 0; renormalise < 2; renormalise++) {
        c.renormalise = renormalise;
        check_routing(c);
    }
    c.topk = 1;
    check_routing(c);
}
END_TEST

/* The bias moves the choice, not the gates; balance is its own then. */
START_TEST(gates_under_a_bias)
{
    const real bias[] = {0, .4, -.4, .3, 0, -.2, .1, -.3};
    struct pw_segment all = {9, 8, NULL, .bias = bias};
    struct pw_router_config c = plain(PW_TOPK);
    c.by_bias = true;
    c.renormalise = true;
    check_segments(c, 1, &all);
    c.sigmoid = true;
    c.zloss = 0;
    check_segments(c, 1, &all);
}
END_TEST

START_TEST(dropped_pairs_have_no_gradient)
{
    struct pw_segment all = {30, 8, NULL};
    for (int renormalise = 0; renormalise < 2; renormalise++) {
        struct pw_router_config c = plain(PW_TOPK);
        c.capacity = .6;
        c.renormalise = renormalise;
        check_segments(c, 1, &all);
    }
}
END_TEST

START_TEST(expert_choice_gradients)
{
    const int32_t list[] = {1, 4, 5};
    struct pw_segment all[] = {{9, 8, NULL}, {0, 8, NULL}, {6, 3, list}, {1, 8, NULL}};
    struct pw_router_config c = plain(PW_EXPERT_CHOICE);
    for (int i = 0; i < 3; i++) {
        c.capacity = (double[]){1, 2, .3}[i];
        c.renormalise = i == 0;
        c.jitter = i == 1 ? .2 : 0;
        check_segments(c, 4, all);
    }
    c.capacity = 1;
    c.sigmoid = true;
    c.zloss = 0;
    check_segments(c, 4, all);
}
END_TEST

START_TEST(whole_task_gradients)
{
    const int32_t list[] = {1, 4, 5};
    struct pw_segment all[] = {{9, 8, NULL}, {0, 8, NULL}, {6, 3, list}, {1, 8, NULL}};
    struct pw_router_config c = plain(PW_WHOLE_TASK);
    for (int renormalise = 0; renormalise < 2; renormalise++) {
        c.renormalise = renormalise;
        c.jitter = renormalise ? .1 : 0;
        check_segments(c, 4, all);
    }
    c.topk = 1;
    check_segments(c, 4, all);
}
END_TEST

/* Chooses the two experts after a row's number; gates tanh of their logits. */
static pwy_status choose_next(int64_t layer, int64_t n, int64_t candidates, int64_t topk, const real *logits,
                              int32_t *chosen, real *gates, void *user)
{
    (void)layer;
    ++*(int *)user;
    for (int64_t i = 0; i < n * topk; i++) {
        int64_t t = i / topk, e = (t + 5 - i % topk) % candidates;
        chosen[i] = t == 3 && i % topk == 0 ? -1 : (int32_t)e;
        gates[i] = tanh(logits[t * candidates + e]);
    }
    return PWY_OK;
}

static pwy_status next_grad(int64_t layer, int64_t n, int64_t candidates, int64_t topk, const real *logits,
                            const int32_t *chosen, const real *gates, const real *dgates, real *dlogits, void *user)
{
    (void)layer, (void)logits, (void)user;
    memset(dlogits, 0, (size_t)(n * candidates) * sizeof *dlogits);
    for (int64_t i = 0; i < n * topk; i++)
        if (chosen[i] >= 0)
            dlogits[i / topk * candidates + chosen[i]] += dgates[i] * (1 - gates[i] * gates[i]);
    return PWY_OK;
}

START_TEST(a_callers_router)
{
    const int32_t list[] = {1, 4, 5};
    struct pw_segment all[] = {{9, 8, NULL}, {0, 8, NULL}, {6, 3, list}};
    struct pw_router_config c = plain(PW_CALLER);
    int calls = 0;
    c.choose = choose_next;
    c.grad = next_grad;
    c.user = &calls;
    check_segments(c, 3, all);
    ck_assert_int_gt(calls, 2);
    c.balance = c.zloss = 0;
    check_segments(c, 1, all);
}
END_TEST

START_TEST(one_expert)
{
    check_routing((struct pw_router_config){.experts = 1, .topk = 1, .balance = .5, .zloss = .1});
}
END_TEST

START_TEST(perfect_balance_is_finite_and_least)
{
    struct rig r;
    struct pw_router_config c = {.experts = 4, .topk = 1, .balance = .01, .zloss = .001};
    real logits[16] = {0}, dgate[4] = {0}, dlogits[16];
    struct pw_routes *routes;
    rig_open(&r, 1, true);
    for (int i = 0; i < 4; i++) logits[5 * i] = 1e-9;
    ck_assert_int_eq(route_all(&r.x, &c, 4, logits, NULL, &routes), PWY_OK);
    ck_assert_double_eq_tol(routes->balance_loss, .01, 1e-15);
    ck_assert_int_eq(pw_route_back(&r.x, &c, routes, NULL, dgate, 1, dlogits), PWY_OK);
    for (int i = 0; i < 16; i++) ck_assert(isfinite(dlogits[i]));
    rig_close(&r);
}
END_TEST

/* --- experts and feed-forward --- */

struct layer {
    struct rig rig; struct pw_routes *r;
    int rows, d, f; real *in, *dout, *out; struct pw_param *w13, *w2;
};

static double layer_loss(struct layer *l)
{
    double sum = 0;
    for (int i = 0; i < l->rows * l->d; i++) sum += l->out[i] * l->dout[i];
    return sum;
}

static double experts_loss(void *arg)
{
    struct layer *l = arg;
    size_t mark = pw_arena_mark(l->rig.x.arena);
    memset(l->out, 0, (size_t)(l->rows * l->d) * sizeof(real));
    ck_assert_int_eq(pw_experts(&l->rig.x, l->r, l->d, l->f, l->in, l->w13, l->w2, l->out, NULL), PWY_OK);
    ck_assert_uint_eq(pw_arena_mark(l->rig.x.arena), mark);
    return layer_loss(l);
}

static double ffn_loss(void *arg)
{
    struct layer *l = arg;
    memset(l->out, 0, (size_t)(l->rows * l->d) * sizeof(real));
    ck_assert_int_eq(pw_ffn(&l->rig.x, l->rows, l->d, l->f, l->in, l->w13, l->w2, l->out, NULL), PWY_OK);
    return layer_loss(l);
}

static void layer_open(struct layer *l, int experts)
{
    size_t n;
    *l = (struct layer){.rows = 11, .d = 6, .f = 5};
    n = (size_t)(l->rows * l->d);
    rig_open(&l->rig, 2, true);
    l->in = numbers(1, n, 1);
    l->dout = numbers(2, n, 1);
    l->out = numbers(3, n, 0);
    int64_t up[] = {experts, l->d, 2 * l->f}, down[] = {experts, l->f, l->d};
    int rank = experts > 0 ? 3 : 2;
    l->w13 = matrix(&l->rig, "w13", rank, up + 3 - rank, .5);
    l->w2 = matrix(&l->rig, "w2", rank, down + 3 - rank, .5);
    ck_assert_int_eq(pw_params_start_training(l->rig.set), PWY_OK);
    pw_params_zero_grad(l->rig.set);
}

static void layer_close(struct layer *l)
{
    free(l->in);
    free(l->dout);
    free(l->out);
    rig_close(&l->rig);
}

static void check_experts(int topk)
{
    struct layer l;
    struct pw_router_config c = {.experts = 6, .topk = topk, .renormalise = true};
    struct pw_experts_keep *keep;
    layer_open(&l, 6);
    size_t n = (size_t)(l.rows * l.d);
    real *logits = numbers(5, (size_t)(l.rows * 6), 1), *din = numbers(0, n, 0), *dgate = numbers(0,
                                                                                                  (size_t)(l.rows * topk), 1);
    ck_assert_int_eq(route_all(&l.rig.x, &c, l.rows, logits, NULL, &l.r), PWY_OK);
    ck_assert_int_eq(pw_experts(&l.rig.x, l.r, l.d, l.f, l.in, l.w13, l.w2, l.out, &keep), PWY_OK);
    ck_assert_int_eq(pw_experts_back(&l.rig.x, l.r, l.d, l.f, keep, l.w13, l.w2, l.dout, din, dgate), PWY_OK);
    check_slopes("in", experts_loss, &l, l.in, din, (int64_t)n);
    check_slopes("gate", experts_loss, &l, l.r->gate, dgate, l.rows * topk);
    check_param(experts_loss, &l, l.w13);
    check_param(experts_loss, &l, l.w2);
    free(logits);
    free(din);
    free(dgate);
    layer_close(&l);
}

START_TEST(experts_gradients)
{
    check_experts(1);
    check_experts(2);
    check_experts(6);
}
END_TEST

START_TEST(ffn_gradients)
{
    struct layer l;
    struct pw_ffn_keep *keep;
    layer_open(&l, 0);
    size_t n = (size_t)(l.rows * l.d);
    real *din = numbers(0, n, 0);
    ck_assert_int_eq(pw_ffn(&l.rig.x, l.rows, l.d, l.f, l.in, l.w13, l.w2, l.out, &keep), PWY_OK);
    ck_assert_int_eq(pw_ffn_back(&l.rig.x, l.rows, l.d, l.f, l.in, keep, l.w13, l.w2, l.dout, din), PWY_OK);
    check_slopes("in", ffn_loss, &l, l.in, din, (int64_t)n);
    check_param(ffn_loss, &l, l.w13);
    check_param(ffn_loss, &l, l.w2);
    free(din);
    layer_close(&l);
}
END_TEST

/* A second pass in the same step adds; the first overwrites whatever an expert's gradient held. */
START_TEST(experts_gradients_add_up_within_a_step)
{
    struct layer l;
    struct pw_router_config c = {.experts = 6, .topk = 2};
    struct pw_experts_keep *keep;
    layer_open(&l, 6);
    size_t n = (size_t)(l.rows * l.d);
    real *logits = numbers(5, (size_t)(l.rows * 6), 1), *din = numbers(0, n, 0), *dgate = numbers(0,
                                                                                                  (size_t)(l.rows * 2), 1);
    real *once = numbers(0, (size_t)l.w13->n, 0);
    int64_t size = l.w13->n / 6;
    for (int e = 0; e < 6; e++) {
        bool first;
        ck_assert_int_eq(pw_slice_touch(l.w13, e, &first), PWY_OK);
        for (int64_t i = 0; i < size; i++) l.w13->slice[e].g[i] = NAN;
    }
    pw_params_zero_grad(l.rig.set);
    for (int pass = 0; pass < 2; pass++) {
        ck_assert_int_eq(route_all(&l.rig.x, &c, l.rows, logits, NULL, &l.r), PWY_OK);
        ck_assert_int_eq(pw_experts(&l.rig.x, l.r, l.d, l.f, l.in, l.w13, l.w2, l.out, &keep), PWY_OK);
        ck_assert_int_eq(pw_experts_back(&l.rig.x, l.r, l.d, l.f, keep, l.w13, l.w2, l.dout, din, dgate), PWY_OK);
        for (int e = 0; e < 6 && pass == 0; e++)
            memcpy(once + e * size, l.w13->slice[e].g, (size_t)size * sizeof *once);
    }
    for (int64_t i = 0; i < l.w13->n; i++) {
        const struct pw_slice *s = &l.w13->slice[i / size];
        if (s->touched)
            ck_assert_double_eq_tol(s->g[i % size], 2 * once[i], 1e-12);
        else
            ck_assert(isnan(s->g[i % size]));
    }
    free(logits);
    free(din);
    free(dgate);
    free(once);
    layer_close(&l);
}
END_TEST

/* --- the trunk --- */

struct whole {
    const struct pw_ragged *ragged; struct rig rig; const struct pw_pathway *way[3]; struct pw_pathway *own; struct pw_trunk_config c; real *in, *dout, *out; double loads[16]; };

static void loads(struct whole *w, bool restore)
{
    for (int l = 0; l < w->c.layers && w->c.experts > 0; l++) {
        double *load = pw_trunk_load(w->rig.trunk, l), *kept = w->loads + l * w->c.experts;
        memcpy(restore ? load : kept, restore ? kept : load, (size_t)w->c.experts * sizeof *load);
    }
}

static double whole_pass(struct whole *w, struct pw_trunk_keep **keep)
{
    struct pw_routes *routes[4];
    double sum = 0;
    pw_arena_reset(w->rig.x.arena);
    loads(w, true);
    struct pw_ragged ragged = *w->ragged;
    ragged.way = w->way;
    ck_assert_int_eq(pw_trunk_forward(w->rig.trunk, &w->rig.x, &ragged, w->in, w->out, routes, keep), PWY_OK);
    for (int i = 0; i < RIG_ROWS * w->c.d; i++) sum += w->out[i] * w->dout[i];
    for (int l = 0; l < w->c.layers; l++)
        if (routes[l] != NULL) sum += routes[l]->balance_loss + routes[l]->z_loss;
    return sum;
}

static double whole_loss(void *arg)
{
    struct pw_trunk_keep *keep;
    return whole_pass(arg, &keep);
}

static void whole_open(struct whole *w, struct pw_trunk_config c)
{
    size_t n = (size_t)(RIG_ROWS * c.d);
    memset(w, 0, sizeof *w);
    w->c = c;
    w->ragged = c.router.policy == PW_EXPERT_CHOICE ? &rig_ahead : &rig_ragged;
    rig_open(&w->rig, 2, true);
    rig_trunk(&w->rig, &c);
    pw_params_zero_grad(w->rig.set);
    loads(w, false);
    w->in = numbers(21, n, 1);
    w->dout = numbers(22, n, 1);
    w->out = numbers(23, n, 1);
}

static void whole_close(struct whole *w)
{
    pw_pathway_free(w->own);
    free(w->in);
    free(w->dout);
    free(w->out);
    rig_close(&w->rig);
}

/* The gradient of the input, owned by the caller. */
static real *whole_back(struct whole *w)
{
    struct pw_trunk_keep *keep;
    real *din = numbers(24, (size_t)(RIG_ROWS * w->c.d), 1);
    double sum = whole_pass(w, &keep), aux = 0;
    for (int i = 0; i < RIG_ROWS * w->c.d; i++) sum -= w->out[i] * w->dout[i];
    ck_assert_int_eq(pw_trunk_backward(w->rig.trunk, &w->rig.x, w->ragged, keep, w->dout, din, &aux), PWY_OK);
    ck_assert_double_eq_tol(aux, sum, 1e-12);
    return din;
}

/* The first and the last sequence go a way of their own: some of the experts, own routers, norms, an adapter. */
static void whole_way(struct whole *w)
{
    static const int32_t first[] = {0, 2, 3}, second[] = {1, 3};
    const int32_t *const expert[] = {first, second};
    const int n[] = {3, 2};
    struct pw_way_plan plan = {.expert = expert, .n = n, .adapter = 3, .norms = true};
    ck_assert_int_eq(pw_pathway_new(w->rig.trunk, w->rig.set, &plan, "task/t", &w->own), PWY_OK);
    for (int i = 0; i < w->rig.set->n; i++) {
        struct pw_param *p = w->rig.set->list[i];
        if (strncmp(p->name, "task/t/", 7) != 0) continue;
        real *start = numbers(31 + (uint64_t)i, (size_t)p->n, .6);
        for (int64_t j = 0; j < p->n; j++) p->w[j] += start[j];
        free(start);
    }
    ck_assert_int_eq(pw_params_start_training(w->rig.set), PWY_OK);
    w->way[0] = w->way[2] = w->own;
}

static void check_config(struct pw_trunk_config c, double dropout, bool way)
{
    struct whole w;
    whole_open(&w, c);
    w.rig.x.dropout = dropout;
    if (way) whole_way(&w);
    real *din = whole_back(&w);
    check_slopes("in", whole_loss, &w, w.in, din, RIG_ROWS * c.d);
    for (int i = 0; i < w.rig.set->n; i++) check_param(whole_loss, &w, w.rig.set->list[i]);
    free(din);
    whole_close(&w);
}

static void check_dropped(struct pw_trunk_config c, double dropout)
{
    check_config(c, dropout, false);
}

static void check_whole(struct pw_trunk_config c)
{
    check_config(c, 0, false);
}

static struct pw_trunk_config sparse(void)
{
    return (struct pw_trunk_config){.d = 8, .layers = 2, .heads = 2, .experts = 4, .topk = 2, .hidden = 6,
                                    .router = {.renormalise = true, .balance = .5, .zloss = .2}};
}

START_TEST(trunk_serial)
{
    check_whole(sparse());
}
END_TEST

START_TEST(trunk_parallel)
{
    struct pw_trunk_config c = sparse();
    c.parallel = true;
    c.kv_heads = 1;
    check_whole(c);
}
END_TEST

START_TEST(trunk_shared)
{
    struct pw_trunk_config c = sparse();
    c.shared = 2;
    c.topk = 1;
    c.router.load_memory = .9;
    check_whole(c);
}
END_TEST

START_TEST(trunk_dense)
{
    struct pw_trunk_config c = sparse();
    c.experts = 0;
    check_whole(c);
    c.parallel = true;
    c.shared = 1;
    check_whole(c);
}
END_TEST

START_TEST(trunk_pathways)
{
    struct pw_trunk_config c = sparse();
    check_config(c, 0, true);
    c.parallel = true;
    c.shared = 1;
    c.router.load_memory = .9;
    check_config(c, .3, true);
    c.experts = 0;
    check_config(c, 0, true);
}
END_TEST

START_TEST(trunk_of_every_router)
{
    struct pw_trunk_config c = sparse();
    c.router.policy = PW_WHOLE_TASK;
    check_whole(c);
    c.router.policy = PW_HASH;
    check_whole(c);
    c.router.policy = PW_EXPERT_CHOICE;
    c.router.capacity = 1;
    check_whole(c);
    c = sparse();
    c.router.sigmoid = c.router.by_bias = true;
    c.router.zloss = 0;
    check_whole(c);
    c = sparse();
    c.router.capacity = .7;
    check_whole(c);
}
END_TEST

START_TEST(trunk_dropout)
{
    struct pw_trunk_config c = sparse();
    c.router.jitter = .1;
    check_dropped(c, .3);
    c.parallel = true;
    check_dropped(c, .3);
}
END_TEST

/* Freezing one parameter leaves its gradient alone, and every other as it was. */
START_TEST(trunk_freezing)
{
    struct pw_trunk_config c = sparse();
    struct whole all;
    c.shared = 1;
    whole_open(&all, c);
    real *din = whole_back(&all);
    for (int frozen = 0; frozen < all.rig.set->n; frozen++) {
        struct whole w;
        whole_open(&w, c);
        struct pw_param *p = w.rig.set->list[frozen];
        p->frozen = true;
        for (int64_t i = 0; p->g != NULL && i < p->n; i++) p->g[i] = 77;
        real *din2 = whole_back(&w);
        ck_assert(same(din, din2, (size_t)(RIG_ROWS * c.d)));
        for (int64_t i = 0; i < p->n; i++) ck_assert(p->g != NULL ? p->g[i] == 77 : grad_at(p, i) == NULL);
        for (int i = 0; i < all.rig.set->n; i++) {
            struct pw_param *a = all.rig.set->list[i], *b = w.rig.set->list[i];
            for (int64_t j = 0; i != frozen && j < a->n; j++)
                if (grad_at(a, j) != NULL) ck_assert(*grad_at(a, j) == *grad_at(b, j));
        }
        free(din2);
        whole_close(&w);
    }
    free(din);
    whole_close(&all);
}
END_TEST

/* --- PyTorch --- */

static int whole_number(const json_t *golden, const char *key)
{
    return (int)json_integer_value(json_object_get(golden, key));
}

static real *tensor(const json_t *golden, const char *key)
{
    const json_t *list = json_object_get(golden, key);
    real *out = pw_calloc(json_array_size(list) + 1, sizeof *out);
    ck_assert_msg(json_array_size(list) > 0, "no %s", key);
    for (size_t i = 0; i < json_array_size(list); i++) out[i] = json_number_value(json_array_get(list, i));
    return out;
}

static void check_tensor(const json_t *golden, const char *key, const real *got)
{
    real *want = tensor(golden, key);
    for (size_t i = 0; i < json_array_size(json_object_get(golden, key)); i++)
        ck_assert_msg(fabs(got[i] - want[i]) <= 1e-9 * fmax(1, fabs(want[i])), "%s %s[%zu]: %.15g, PyTorch %.15g",
                      json_string_value(json_object_get(golden, "name")), key, i, got[i], want[i]);
    free(want);
}

static void fill(struct pw_param *p, const json_t *golden, const char *key)
{
    real *values = tensor(golden, key);
    for (int64_t i = 0; i < p->n; i++) *weight_at(p, i) = values[i];
    free(values);
}

static void check_gates(const json_t *golden, const struct pw_routes *r)
{
    size_t n = (size_t)(r->n_tokens * r->experts);
    real *dense = numbers(0, n, 0);
    for (int i = 0; i < r->n_tokens * r->topk; i++) dense[i / r->topk * r->experts + r->expert[i]] = r->gate[i];
    check_tensor(golden, "gate", dense);
    ck_assert_double_eq_tol(r->balance_loss, json_number_value(json_object_get(golden, "balance_loss")), 1e-12);
    ck_assert_double_eq_tol(r->z_loss, json_number_value(json_object_get(golden, "z_loss")), 1e-12);
    free(dense);
}

/* An expert that no token chose has no gradient here, and zeros there. */
static void check_experts_gradient(const json_t *golden, const char *key, struct pw_param *p)
{
    real *g = numbers(0, (size_t)p->n, 0);
    for (int64_t i = 0; i < p->n; i++) g[i] = grad_at(p, i) != NULL ? *grad_at(p, i) : 0;
    check_tensor(golden, key, g);
    free(g);
}

static void check_golden(const json_t *golden)
{
    int t = whole_number(golden, "tokens"), d = whole_number(golden, "d"), f = whole_number(golden, "f");
    int e = whole_number(golden, "experts"), k = whole_number(golden, "topk");
    struct pw_router_config c = {.experts = e, .topk = k, .renormalise = json_is_true(json_object_get(golden,
                                                                                                      "renormalise")),
                                 .balance = json_number_value(json_object_get(golden, "balance")),
                                 .zloss = json_number_value(json_object_get(golden, "zloss"))};
    struct rig rig;
    struct pw_routes *r;
    struct pw_experts_keep *keep;
    rig_open(&rig, 1, true);
    struct pw_param *router = matrix(&rig, "router", 2, PW_SHAPE(d, e), 1);
    struct pw_param *w13 = matrix(&rig, "w13", 3, PW_SHAPE(e, d, 2 * f), 1);
    struct pw_param *w2 = matrix(&rig, "w2", 3, PW_SHAPE(e, f, d), 1);
    fill(router, golden, "router");
    fill(w13, golden, "w13");
    fill(w2, golden, "w2");
    ck_assert_int_eq(pw_params_start_training(rig.set), PWY_OK);
    pw_params_zero_grad(rig.set);
    real *x = tensor(golden, "x"), *dout = tensor(golden, "dout");
    real *out = numbers(0, (size_t)(t * d), 0), *din = numbers(0, (size_t)(t * d), 0);
    real *logits = numbers(0, (size_t)(t * e), 0), *dlogits = numbers(0, (size_t)(t * e), 0), *dgate = numbers(0,
                                                                                                               (size_t)(t * k), 0);
    ck_assert_int_eq(pw_linear(&rig.x, t, d, e, x, router->w, logits, false), PWY_OK);
    check_tensor(golden, "logits", logits);
    ck_assert_int_eq(route_all(&rig.x, &c, t, logits, NULL, &r), PWY_OK);
    check_gates(golden, r);
    ck_assert_int_eq(pw_experts(&rig.x, r, d, f, x, w13, w2, out, &keep), PWY_OK);
    check_tensor(golden, "out", out);
    ck_assert_int_eq(pw_experts_back(&rig.x, r, d, f, keep, w13, w2, dout, din, dgate), PWY_OK);
    ck_assert_int_eq(pw_route_back(&rig.x, &c, r, NULL, dgate, 1, dlogits), PWY_OK);
    ck_assert_int_eq(pw_linear_dx(&rig.x, t, d, e, dlogits, router->w, din, true), PWY_OK);
    ck_assert_int_eq(pw_linear_dw(&rig.x, t, d, e, x, dlogits, router->g), PWY_OK);
    check_tensor(golden, "dx", din);
    check_tensor(golden, "drouter", router->g);
    check_experts_gradient(golden, "dw13", w13);
    check_experts_gradient(golden, "dw2", w2);
    real *all[] = {x, dout, out, din, logits, dlogits, dgate};
    for (int i = 0; i < 7; i++) free(all[i]);
    rig_close(&rig);
}

START_TEST(golden)
{
    const char *folder = getenv("srcdir");
    char path[4096];
    json_error_t error;
    snprintf(path, sizeof path, "%s/tests/golden/route.json", folder != NULL ? folder : ".");
    json_t *all = json_load_file(path, 0, &error);
    ck_assert_msg(all != NULL, "%s: %s", path, error.text);
    ck_assert_int_eq(json_array_size(all), 2);
    for (size_t i = 0; i < json_array_size(all); i++) check_golden(json_array_get(all, i));
    json_decref(all);
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("route gradients");
    TCase *c = tcase_create("all");
    tcase_set_timeout(c, 300);
    tcase_add_test(c, router_gradients);
    tcase_add_test(c, router_gradients_with_memory_and_jitter);
    tcase_add_test(c, gates_by_sigmoid);
    tcase_add_test(c, gates_are_scaled);
    tcase_add_test(c, gates_under_a_bias);
    tcase_add_test(c, dropped_pairs_have_no_gradient);
    tcase_add_test(c, expert_choice_gradients);
    tcase_add_test(c, whole_task_gradients);
    tcase_add_test(c, a_callers_router);
    tcase_add_test(c, one_expert);
    tcase_add_test(c, perfect_balance_is_finite_and_least);
    tcase_add_test(c, experts_gradients);
    tcase_add_test(c, ffn_gradients);
    tcase_add_test(c, experts_gradients_add_up_within_a_step);
    tcase_add_test(c, trunk_serial);
    tcase_add_test(c, trunk_parallel);
    tcase_add_test(c, trunk_shared);
    tcase_add_test(c, trunk_dense);
    tcase_add_test(c, trunk_pathways);
    tcase_add_test(c, trunk_of_every_router);
    tcase_add_test(c, trunk_dropout);
    tcase_add_test(c, trunk_freezing);
    tcase_add_test(c, golden);
    suite_add_tcase(s, c);
    return s;
}

int main(void)
{
    return run_suite(suite());
}

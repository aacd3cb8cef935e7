/* The gradient of the whole network, from every loss to every tensor, against finite differences. */
#include "model_rig.h"
#include "param_rig.h"
#include "model/infer.h"
#include "suite.h"

enum { BATCH = 3, ENTRIES = 4 };

struct whole {
    pwy_context *ctx; pwy_model *m;
    struct pw_encoder encoder;
    struct pw_exec x;
    pwy_example *ex[R_TASKS * BATCH];
    struct pw_item item[R_TASKS * BATCH];
    struct pw_batch batch;
    struct pw_arena *items;
    real weight[R_TASKS * BATCH];
    double *load[8], load0[8][16];
};

static void open_whole(struct whole *w, int tasks, const char *shape)
{
    memset(w, 0, sizeof *w);
    OK(pwy_context_new(NULL, &w->ctx));
    w->m = rig_model(w->ctx, tasks, shape);
    w->x = (struct pw_exec){.kern = w->m->ctx->kern, .train = true, .seed = 5, .step = 3, .arena = pw_arena_new()};
    w->items = pw_arena_new();
    OK(pw_params_start_training(w->m->params));
    w->batch.item = w->item;
    for (int t = 0; t < R_TASKS; t++)
        for (int i = 0; (tasks >> t & 1) && i < BATCH; i++) {
            struct pw_net *net;
            pwy_example **ex = &w->ex[w->batch.n];
            OK(pwy_example_new(ex));
            rig_row(t, 1 + i, *ex);
            OK(pw_model_net(w->m, rig_task[t].name, &net));
            OK(pw_item_encode(w->m, net, *ex, true, NULL, w->items, &w->item[w->batch.n++]));
        }
    for (int i = 0; i < w->batch.n; i++) w->weight[i] = (real)1 / (real)w->batch.n;
    OK(pw_batch_layout(&w->batch, w->items));
    for (int l = 0; l < w->m->shape.layers; l++) {
        w->load[l] = pw_trunk_load(w->m->trunk, l);
        for (int e = 0; w->load[l] != NULL && e < w->m->shape.experts; e++) w->load0[l][e] = .2 + .05 * e;
    }
}

static void close_whole(struct whole *w)
{
    for (int i = 0; i < w->batch.n; i++) pwy_example_free(w->ex[i]);
    pw_arena_free(w->x.arena);
    pw_arena_free(w->items);
    pwy_model_free(w->m);
    pwy_context_free(w->ctx);
}

/* Weights that stand at 0 hide what is behind them. */
static void stir(struct whole *w)
{
    for (int i = 0; i < w->m->params->n; i++) {
        struct pw_param *p = w->m->params->list[i];
        struct pw_rng rng = pw_rng_at(11, pw_hash(p->name, strlen(p->name)), 0);
        for (int64_t j = 0; j < p->n && p->kind != PW_CONST; j++) *weight_at(p, j) += (real)(.05 * pw_rng_normal(&rng));
    }
}

/* What the trainer makes small: the mean over the batch of both paths' losses, and the routers'. */
static double total(struct whole *w)
{
    struct pw_pass p;
    double trunk[R_TASKS * BATCH], wide[R_TASKS * BATCH], sum = 0;
    pw_arena_reset(w->x.arena);
    pw_params_zero_grad(w->m->params);
    for (int l = 0; l < w->m->shape.layers; l++)
        if (w->load[l] != NULL) memcpy(w->load[l], w->load0[l], (size_t)w->m->shape.experts * sizeof(double));
    OK(pw_pass_forward(&p, w->m, &w->x, &w->batch));
    OK(pw_pass_backward(&p, w->weight, trunk, wide));
    for (int i = 0; i < w->batch.n; i++) sum += w->weight[i] * (trunk[i] + (isnan(wide[i]) ? 0 : wide[i]));
    return sum + p.aux_loss;
}

static double slope(struct whole *w, real *at)
{
    const double h = 2e-5, step[4] = {-2 * h, -h, h, 2 * h};
    double loss[4], before = *at;
    for (int i = 0; i < 4; i++) {
        *at = before + step[i];
        loss[i] = total(w);
    }
    *at = before;
    return (loss[0] - 8 * loss[1] + 8 * loss[2] - loss[3]) / (12 * h);
}

static bool reached(const struct pw_param *p, int64_t i)
{
    return grad_at(p, i) != NULL;
}

/* The entry of the greatest gradient, and others spread over the tensor. */
static int pick(const struct pw_param *p, int64_t *which)
{
    int64_t best = -1;
    int n = 0;
    for (int64_t i = 0; i < p->n; i++)
        if (reached(p, i) && (best < 0 || fabs(*grad_at(p, i)) > fabs(*grad_at(p, best)))) best = i;
    if (best >= 0) which[n++] = best;
    for (int64_t k = 0; best >= 0 && k < 40 * ENTRIES && n < ENTRIES; k++) {
        int64_t i = (k * 7919 + 13) % p->n;
        if (reached(p, i) && *grad_at(p, i) != 0) which[n++] = i;
    }
    return n;
}

static void check_param(struct whole *w, struct pw_param *p)
{
    int64_t which[ENTRIES];
    double got[ENTRIES];
    total(w);
    int n = pick(p, which);
    ck_assert_msg(n > 0, "%s: no gradient came", p->name);
    for (int i = 0; i < n; i++) got[i] = *grad_at(p, which[i]);
    ck_assert_msg(got[0] != 0, "%s: its gradient is 0", p->name);
    for (int i = 0; i < n; i++) {
        double want = slope(w, weight_at(p, which[i]));
        ck_assert_msg(fabs(got[i] - want) <= 1e-5 * fmax(fabs(want), 1e-5),
                      "%s[%lld]: gradient %.12g, finite difference %.12g", p->name, (long long)which[i], got[i], want);
    }
}

static void check_whole(int tasks, const char *shape)
{
    struct whole w;
    open_whole(&w, tasks, shape);
    stir(&w);
    int trained = 0;
    for (int i = 0; i < w.m->params->n; i++) {
        if (!pw_trains(w.m->params->list[i])) continue;
        check_param(&w, w.m->params->list[i]);
        trained++;
    }
    ck_assert_int_ge(trained, 10);
    close_whole(&w);
}

START_TEST(every_sense_and_head)
{
    check_whole(1 << _i, "d: 8, layers: 1, heads: 2, experts: 3, topk: 2, hidden: 8, vocab: 300, window: 24");
}
END_TEST

START_TEST(all_at_once)
{
    check_whole(1 << R_TEXT | 1 << R_TABLE | 1 << R_SERIES | 1 << R_WRITE | 1 << R_GO,
                "d: 8, layers: 2, heads: 2, kv_heads: 1, experts: 3, topk: 2, hidden: 8, shared: 1, vocab: 300, "
                "window: 24, zloss: 0.01");
}
END_TEST

START_TEST(dense_and_parallel)
{
    check_whole(R_QUICK, "d: 8, layers: 2, heads: 2, experts: 0, hidden: 8, parallel: true, vocab: 300, window: 24");
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("the whole network's gradient");
    TCase *t = tcase_create("gradient");
    tcase_set_timeout(t, 300);
    tcase_add_loop_test(t, every_sense_and_head, 0, R_TASKS);
    tcase_add_test(t, all_at_once);
    tcase_add_test(t, dense_and_parallel);
    suite_add_tcase(s, t);
    return s;
}

int main(void)
{
    return run_suite(suite());
}

/* The router and the trunk: choices, bad input, what must not depend on what, and decoding. */
#include "param_rig.h"
#include "route_rig.h"
#include "pathways/router.h"
#include "suite.h"

/* --- choices --- */

static struct pw_routes *decide(struct rig *r, const struct pw_router_config *c, int n, const real *logits)
{
    struct pw_routes *out = NULL;
    ck_assert_int_eq(route_all(&r->x, c, n, logits, NULL, &out), PWY_OK);
    ck_assert_ptr_nonnull(out);
    return out;
}

START_TEST(ties_go_to_the_lowest_index)
{
    struct rig r;
    struct pw_router_config c = {.experts = 6, .topk = 3, .renormalise = true};
    real logits[] = {2, 2, 2, 2, 2, 2, 0, 5, 1, 5, 1, 1, 9, 0, 0, 0, 0, 8};
    const int32_t want[] = {0, 1, 2, 1, 2, 3, 0, 1, 5};
    rig_open(&r, 1, false);
    const struct pw_routes *out = decide(&r, &c, 3, logits);
    for (int i = 0; i < 9; i++) ck_assert_int_eq(out->expert[i], want[i]);
    for (int i = 0; i < 3; i++) ck_assert_float_eq_tol(out->gate[i], 1.f / 3, 1e-6);
    ck_assert_float_eq(out->gate[3], out->gate[5]);
    rig_close(&r);
}
END_TEST

START_TEST(gates_of_one_choice_are_probabilities)
{
    struct rig r;
    struct pw_router_config c = {.experts = 2, .topk = 1, .renormalise = true};
    real logits[] = {0, 1.0986123f};
    rig_open(&r, 1, false);
    const struct pw_routes *out = decide(&r, &c, 1, logits);
    ck_assert_int_eq(out->expert[0], 1);
    ck_assert_float_eq_tol(out->gate[0], .75f, 1e-6);
    c.topk = 2;
    c.renormalise = false;
    out = decide(&r, &c, 1, logits);
    ck_assert_float_eq_tol(out->gate[0], .25f, 1e-6);
    ck_assert_float_eq_tol(out->gate[0] + out->gate[1], 1, 1e-6);
    rig_close(&r);
}
END_TEST

START_TEST(the_sort_is_stable_and_whole)
{
    enum { T = 700, E = 7, K = 3 };
    struct rig r;
    struct pw_router_config c = {.experts = E, .topk = K};
    bool met[T * K] = {false};
    real *logits = numbers(1, T * E, 1);
    rig_open(&r, 2, true);
    const struct pw_routes *out = decide(&r, &c, T, logits);
    ck_assert_int_eq(out->start[0], 0);
    ck_assert_int_eq(out->n_present, E);
    ck_assert_int_eq(out->start[E], T * K);
    for (int i = 0; i < T * K; i++) {
        int32_t e = out->expert[i], s = out->slot[i];
        if (i % K > 0) ck_assert_int_lt(out->expert[i - 1], e);
        ck_assert(s >= out->start[e] && s < out->start[e + 1] && !met[s]);
        met[s] = true;
        ck_assert_int_eq(out->token[s], i / K);
        if (s > out->start[e]) ck_assert_int_lt(out->token[s - 1], out->token[s]);
    }
    free(logits);
    rig_close(&r);
}
END_TEST

START_TEST(loads_move_in_training_alone)
{
    struct rig r;
    struct pw_router_config c = {.experts = 2, .topk = 1, .balance = 1, .load_memory = .75};
    real logits[] = {1, 0, 1, 0};
    double load[] = {.5, .5};
    struct pw_routes *out;
    rig_open(&r, 1, true);
    ck_assert_int_eq(route_all(&r.x, &c, 2, logits, load, &out), PWY_OK);
    ck_assert_double_eq_tol(load[0], .625, 1e-12);
    ck_assert_double_eq_tol(load[1], .375, 1e-12);
    ck_assert_double_eq_tol(out->balance_loss, 2 * (.625 * .731058578 + .375 * .268941421), 1e-6);
    r.x.train = false;
    ck_assert_int_eq(route_all(&r.x, &c, 2, logits, load, &out), PWY_OK);
    ck_assert_double_eq_tol(load[0], .625, 1e-12);
    ck_assert_ptr_null(out->lse);
    rig_close(&r);
}
END_TEST

START_TEST(logits_that_are_no_numbers_are_refused)
{
    const real bad[] = {NAN, INFINITY, -INFINITY};
    struct pw_router_config c = {.experts = 4, .topk = 2, .load_memory = .9, .balance = 1};
    struct rig r;
    real *logits = numbers(1, 300 * 4, 1);
    rig_open(&r, 2, true);
    for (int i = 0; i < 3; i++) {
        double load[] = {.25, .25, .25, .25};
        struct pw_routes *out = (struct pw_routes *)&r;
        real kept = logits[201 * 4 + 2];
        logits[201 * 4 + 2] = bad[i];
        ck_assert_int_eq(route_all(&r.x, &c, 300, logits, load, &out), PWY_E_DATA);
        ck_assert_ptr_nonnull(strstr(pwy_error_message(), "row 201"));
        ck_assert_ptr_nonnull(strstr(pwy_error_message(), "expert 2"));
        ck_assert_ptr_eq(out, &r);
        for (int e = 0; e < 4; e++) ck_assert_double_eq(load[e], .25);
        logits[201 * 4 + 2] = kept;
    }
    free(logits);
    rig_close(&r);
}
END_TEST

START_TEST(no_token_and_one_token)
{
    struct pw_router_config c = {.experts = 4, .topk = 4, .renormalise = true, .balance = 1, .zloss = 1,
                                 .load_memory = .9};
    struct pw_param w = {0};
    struct pw_experts_keep *keep;
    struct rig r;
    double load[4] = {.25, .25, .25, .25};
    real logits[] = {3, 1, 2, 0}, none[1] = {0};
    struct pw_routes *out;
    rig_open(&r, 2, true);
    ck_assert_int_eq(route_all(&r.x, &c, 0, none, load, &out), PWY_OK);
    ck_assert_int_eq(out->n_present, 0);
    ck_assert_int_eq(out->start[0], 0);
    ck_assert_double_eq(out->balance_loss, 0);
    ck_assert_double_eq(load[0], .25);
    ck_assert_int_eq(pw_experts(&r.x, out, 8, 8, none, &w, &w, none, &keep), PWY_OK);
    ck_assert_int_eq(pw_experts_back(&r.x, out, 8, 8, keep, &w, &w, none, none, none), PWY_OK);
    ck_assert_int_eq(pw_route_back(&r.x, &c, out, load, none, 1, none), PWY_OK);
    const struct pw_routes *one = decide(&r, &c, 1, logits);
    for (int e = 0; e < 4; e++) ck_assert_int_eq(one->expert[e], e);
    ck_assert_float_eq_tol(one->gate[0] + one->gate[1] + one->gate[2] + one->gate[3], 1, 1e-6);
    rig_close(&r);
}
END_TEST

START_TEST(shuffling_moves_every_choice)
{
    enum { T = 40, E = 5 };
    struct rig r;
    struct pw_router_config c = {.experts = E, .topk = 1, .key = 1};
    real *logits = numbers(1, T * E, 1);
    rig_open(&r, 1, false);
    const struct pw_routes *a = decide(&r, &c, T, logits), *b;
    r.x.shuffle = 3;
    b = decide(&r, &c, T, logits);
    for (int t = 0; t < T; t++) {
        ck_assert_int_ne(a->expert[t], b->expert[t]);
        ck_assert_float_eq(a->gate[t], b->gate[t]);
    }
    c.topk = 3;
    b = decide(&r, &c, T, logits);
    for (int i = 0; i < T * 3; i++) ck_assert(i % 3 == 0 || b->expert[i - 1] < b->expert[i]);
    r.x.train = true;
    c.topk = 1;
    b = decide(&r, &c, T, logits);
    for (int t = 0; t < T; t++) ck_assert_int_eq(a->expert[t], b->expert[t]);
    free(logits);
    rig_close(&r);
}
END_TEST

START_TEST(jitter_is_of_training_and_of_the_step)
{
    enum { T = 30, E = 4 };
    struct rig r;
    struct pw_router_config c = {.experts = E, .topk = 4, .jitter = .3}, plain = {.experts = E, .topk = 4};
    real *logits = numbers(1, T * E, 1);
    rig_open(&r, 1, true);
    const struct pw_routes *a = decide(&r, &c, T, logits), *b = decide(&r, &c, T, logits);
    ck_assert(same(a->gate, b->gate, T * 4));
    r.x.step++;
    b = decide(&r, &c, T, logits);
    ck_assert(!same(a->gate, b->gate, T * 4));
    r.x.train = false;
    a = decide(&r, &c, T, logits);
    b = decide(&r, &plain, T, logits);
    ck_assert(same(a->gate, b->gate, T * 4));
    free(logits);
    rig_close(&r);
}
END_TEST

/* --- candidates --- */

/* Rows choose among their segment's list alone, as a router of that many experts would: the same gates and losses'
   inputs, ids of the list. */
START_TEST(candidates_are_a_smaller_router)
{
    enum { T = 300, E = 1000, N = 5 };
    const int32_t list[N] = {3, 77, 78, 500, 999};
    struct rig r;
    struct pw_router_config big = {.experts = E, .topk = 2, .renormalise = true, .balance = .1, .zloss = .1},
                            small = big;
    struct pw_segment some = {.rows = T, .n = N, .expert = list};
    real *logits = numbers(1, T * N, 1), *dgate = numbers(2, T * 2, 1), da[T * N], db[T * N];
    struct pw_routes *a, *b;
    small.experts = N;
    rig_open(&r, 2, true);
    size_t mark = pw_arena_mark(r.x.arena);
    ck_assert_int_eq(pw_route(&r.x, &big, 1, &some, logits, NULL, &a), PWY_OK);
    size_t used = pw_arena_mark(r.x.arena) - mark;
    ck_assert_int_eq(route_all(&r.x, &small, T, logits, NULL, &b), PWY_OK);
    ck_assert(used < T * N * 16 + 2 * E * 4 + T * 100);
    ck_assert(same(a->gate, b->gate, T * 2));
    for (int i = 0; i < T * 2; i++) {
        ck_assert_int_eq(a->expert[i], list[b->expert[i]]);
        ck_assert_int_eq(a->slot[i], b->slot[i]);
    }
    ck_assert_int_eq(a->n_present, b->n_present);
    for (int i = 0; i < a->n_present; i++) ck_assert_int_eq(a->present[i], list[b->present[i]]);
    ck_assert_double_eq_tol(a->balance_loss, b->balance_loss, 1e-9);
    ck_assert_double_eq(a->z_loss, b->z_loss);
    ck_assert_int_eq(pw_route_back(&r.x, &big, a, NULL, dgate, 1, da), PWY_OK);
    ck_assert_int_eq(pw_route_back(&r.x, &small, b, NULL, dgate, 1, db), PWY_OK);
    for (int i = 0; i < T * N; i++) ck_assert_float_eq_tol(da[i], db[i], 1e-7);
    free(logits);
    free(dgate);
    rig_close(&r);
}
END_TEST

/* Segments with lists of their own, one of all: the sorted order is whole and by expert, and a segment's choices are
   what they are without the others. */
START_TEST(segments_stand_beside_each_other)
{
    enum { E = 12 };
    const int32_t one[] = {7, 9, 11}, two[] = {0, 7};
    const struct pw_segment all[] = {{150, 3, one}, {0, 2, two}, {9, E, NULL}, {1, 2, two}, {140, 2, two}};
    struct pw_router_config c = {.experts = E, .topk = 2, .balance = 1, .load_memory = .9};
    struct rig r;
    double load[E];
    for (int e = 0; e < E; e++) load[e] = 1.0 / E;
    real *logits = numbers(1, (size_t)pw_segments_size(5, all), 1);
    struct pw_routes *whole, *part;
    rig_open(&r, 2, true);
    ck_assert_int_eq(pw_segments_size(5, all), 450 + 9 * E + 2 + 280);
    ck_assert_int_eq(pw_route(&r.x, &c, 5, all, logits, load, &whole), PWY_OK);
    ck_assert_int_eq(whole->n_tokens, 300);
    ck_assert_int_eq(whole->start[whole->n_present], 600);
    for (int i = 0, row = 0; i < whole->n_present; i++) {
        if (i > 0) ck_assert_int_lt(whole->present[i - 1], whole->present[i]);
        for (; row < whole->start[i + 1]; row++) {
            int t = whole->token[row], e = whole->present[i];
            ck_assert(row == whole->start[i] || whole->token[row - 1] < t);
            ck_assert((whole->expert[2 * t] == e && whole->slot[2 * t] == row)
                      || (whole->expert[2 * t + 1] == e && whole->slot[2 * t + 1] == row));
        }
    }
    size_t at = 0;
    for (int s = 0, row = 0; s < 5; at += (size_t)(all[s].rows * all[s].n), row += all[s].rows, s++) {
        ck_assert_int_eq(pw_route(&r.x, &c, 1, &all[s], logits + at, NULL, &part), PWY_OK);
        ck_assert(memcmp(part->expert, whole->expert + 2 * row, (size_t)all[s].rows * 2 * sizeof(int32_t)) == 0);
        ck_assert(same(part->gate, whole->gate + 2 * row, (size_t)all[s].rows * 2));
        ck_assert(same(part->prob, whole->prob + at, (size_t)(all[s].rows * all[s].n)));
    }
    double sum = 0;
    for (int e = 0; e < E; e++) sum += load[e];
    ck_assert_double_eq_tol(sum, 1, 1e-12);
    free(logits);
    rig_close(&r);
}
END_TEST

START_TEST(lists_that_cannot_be_are_refused)
{
    const int32_t twice[] = {1, 1}, down[] = {2, 1}, far[] = {1, 4}, below[] = {-1, 2};
    const struct { struct pw_segment s; const char *says; } bad[] = {
        {{3, 0, twice}, "has 0 candidate experts"}, {{3, 1, twice}, "topk is 2, but segment 0 has 1 candidate"},
        {{3, 2, twice}, "expert 1 after 1"}, {{3, 2, down}, "must ascend"}, {{3, 2, far}, "expert 4 of 4"},
        {{3, 2, below}, "expert -1 of 4"}, {{3, 3, NULL}, "has no list and n 3"}, {{-1, 2, far}, "-1 rows"}};
    struct pw_router_config c = {.experts = 4, .topk = 2};
    struct pw_routes *out = NULL;
    real logits[12] = {0};
    struct rig r;
    rig_open(&r, 1, true);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        ck_assert_int_eq(pw_route(&r.x, &c, 1, &bad[i].s, logits, NULL, &out), PWY_E_ARGUMENT);
        ck_assert_msg(strstr(pwy_error_message(), bad[i].says) != NULL, "%s", pwy_error_message());
        ck_assert_ptr_null(out);
    }
    ck_assert_int_eq(pw_route(&r.x, &c, 0, NULL, logits, NULL, &out), PWY_OK);
    ck_assert_int_eq(out->n_tokens, 0);
    rig_close(&r);
}
END_TEST

/* --- the trunk --- */

static struct pw_trunk_config shape(int kind)
{
    struct pw_trunk_config c = {.d = 32, .layers = 2, .heads = 4, .experts = 5, .topk = 2, .hidden = 24,
                                .router = {.renormalise = true, .balance = .01, .zloss = .001, .load_memory = .98}};
    if (kind == 1) c = (struct pw_trunk_config){.d = 32, .layers = 3, .heads = 4, .kv_heads = 2, .hidden = 48,
                                                .parallel = true};
    if (kind == 2) c.shared = c.topk = 1;
    if (kind == 3) c.parallel = true;
    if (kind == 4) c.router.policy = PW_WHOLE_TASK;
    if (kind == 5) c.router.policy = PW_HASH;
    if (kind == 6) {
        c.router = (struct pw_router_config){.sigmoid = true, .by_bias = true, .renormalise = true, .gate_scale = 2};
        c.bias_rate = .01;
    }
    return c;
}

enum { KINDS = 7 };

static void infer(struct rig *r, const struct pw_ragged *ragged, const real *in, real *out)
{
    size_t mark = pw_arena_mark(r->x.arena);
    ck_assert_int_eq(pw_trunk_forward(r->trunk, &r->x, ragged, in, out, NULL, NULL), PWY_OK);
    ck_assert_uint_eq(pw_arena_mark(r->x.arena), mark);
}

START_TEST(a_sequence_alone_answers_as_in_a_batch)
{
    struct pw_trunk_config c = shape(_i);
    size_t d = (size_t)c.d;
    struct rig r;
    real *in = numbers(1, RIG_ROWS * d, 1), *kept = numbers(1, RIG_ROWS * d, 1);
    real *all = numbers(0, RIG_ROWS * d, 0), *one = numbers(0, RIG_ROWS * d, 0);
    rig_open(&r, 2, false);
    rig_trunk(&r, &c);
    infer(&r, &rig_ragged, in, all);
    for (int s = 0; s < rig_ragged.n_seq; s++) {
        int32_t first = rig_off[s], off[] = {0, rig_off[s + 1] - first};
        struct pw_ragged alone = {1, off, &rig_prefix[s], &rig_task[s]};
        infer(&r, &alone, in + (size_t)first * d, one);
        ck_assert(same(all + (size_t)first * d, one, (size_t)off[1] * d));
    }
    ck_assert(same(in, kept, RIG_ROWS * d));
    free(in);
    free(kept);
    free(all);
    free(one);
    rig_close(&r);
}
END_TEST

/* A whole step of training and an inference, by so many threads: out, din, gradients. */
static void step(int threads, int kind, real *out, real *din, struct rig *r)
{
    struct pw_trunk_config c = shape(kind);
    size_t n = (size_t)(RIG_ROWS * c.d);
    real *in = numbers(1, n, 1), *dout = numbers(2, n, 1);
    struct pw_trunk_keep *keep;
    double aux = 0;
    rig_open(r, threads, true);
    rig_trunk(r, &c);
    pw_params_zero_grad(r->set);
    ck_assert_int_eq(pw_trunk_forward(r->trunk, &r->x, &rig_ragged, in, out, NULL, &keep), PWY_OK);
    ck_assert_int_eq(pw_trunk_backward(r->trunk, &r->x, &rig_ragged, keep, dout, din, &aux), PWY_OK);
    ck_assert(c.experts == 0 || aux > 0 || c.router.policy == PW_HASH || c.router.by_bias);
    r->x.train = false;
    infer(r, &rig_ragged, in, out + n);
    free(in);
    free(dout);
}

START_TEST(threads_change_nothing)
{
    struct rig a, b;
    size_t n = (size_t)(RIG_ROWS * shape(_i).d);
    real *out1 = numbers(0, 2 * n, 0), *out2 = numbers(0, 2 * n, 0), *din1 = numbers(0, n, 0), *din2 = numbers(0, n, 0);
    step(1, _i, out1, din1, &a);
    step(2, _i, out2, din2, &b);
    ck_assert(same(out1, out2, 2 * n));
    ck_assert(same(din1, din2, n));
    for (int i = 0; i < a.set->n; i++) {
        const struct pw_param *p = a.set->list[i], *q = b.set->list[i];
        size_t size = (size_t)(p->n / p->groups);
        for (int64_t e = 0; p->kind != PW_CONST && e < p->groups; e++) {
            const real *g = grad_at(p, e * (int64_t)size), *other = grad_at(q, e * (int64_t)size);
            ck_assert_int_eq(g == NULL, other == NULL);
            if (g != NULL) ck_assert(same(g, other, size));
        }
    }
    free(out1);
    free(out2);
    free(din1);
    free(din2);
    rig_close(&a);
    rig_close(&b);
}
END_TEST

START_TEST(experts_that_sleep_are_not_read)
{
    struct pw_trunk_config c = shape(0);
    size_t n = (size_t)(RIG_ROWS * c.d);
    struct rig r;
    struct pw_routes *routes[2];
    real *in = numbers(1, n, 1), *out = numbers(0, n, 0), *again = numbers(0, n, 0);
    rig_open(&r, 1, false);
    c.experts = 64;
    rig_trunk(&r, &c);
    ck_assert_int_eq(pw_trunk_forward(r.trunk, &r.x, &rig_ragged, in, out, routes, NULL), PWY_OK);
    int asleep = 0;
    for (int l = 0; l < 2; l++) {
        char name[64];
        snprintf(name, sizeof name, "trunk.%d.experts.w2", l);
        struct pw_param *p = pw_params_find(r.set, name);
        for (int e = 0; e < 64; e++) {
            int first;
            if (pw_routes_rows(routes[l], e, &first) > 0) continue;
            for (int64_t i = 0; i < p->n / 64; i++) pw_param_group(p, e)[i] = NAN;
            asleep++;
        }
    }
    ck_assert_int_gt(asleep, 0);
    infer(&r, &rig_ragged, in, again);
    ck_assert(same(out, again, n));
    free(in);
    free(out);
    free(again);
    rig_close(&r);
}
END_TEST

START_TEST(expert_choice_is_for_encoders)
{
    struct pw_trunk_config c = shape(0);
    size_t n = (size_t)(RIG_ROWS * c.d);
    struct rig r;
    struct pw_cache *cache;
    real *in = numbers(1, n, 1), *out = numbers(0, n, 0), *alone = numbers(0, n, 0);
    c.router.policy = PW_EXPERT_CHOICE;
    c.router.capacity = 1;
    rig_open(&r, 2, false);
    rig_trunk(&r, &c);
    ck_assert_int_eq(pw_trunk_forward(r.trunk, &r.x, &rig_ragged, in, out, NULL, NULL), PWY_E_ARGUMENT);
    ck_assert_msg(strstr(pwy_error_message(), "sequence 0 is causal") != NULL, "%s", pwy_error_message());
    infer(&r, &rig_ahead, in, out);
    struct pw_ragged last = {1, (const int32_t[]){0, 7}, (const int32_t[]){7}, (const int32_t[]){-1}};
    infer(&r, &last, in + 6 * c.d, alone);
    ck_assert(same(alone, out + 6 * c.d, (size_t)(7 * c.d)));
    ck_assert_int_eq(pw_cache_new(r.trunk, NULL, 16, &cache), PWY_OK);
    ck_assert_int_eq(pw_trunk_feed(r.trunk, &r.x, cache, 1, 0, in, out, NULL), PWY_E_ARGUMENT);
    pw_cache_free(cache);
    free(in);
    free(out);
    free(alone);
    rig_close(&r);
}
END_TEST

/* The biases move once a step, where rows went; frozen ones stay. */
START_TEST(a_trunks_biases_step)
{
    struct pw_trunk_config c = shape(6);
    size_t n = (size_t)(RIG_ROWS * c.d);
    struct rig r;
    struct pw_trunk_keep *keep;
    real *in = numbers(1, n, 1), *out = numbers(0, n, 0);
    rig_open(&r, 2, true);
    rig_trunk(&r, &c);
    struct pw_param *bias[2] = {pw_params_find(r.set, "trunk.0.bias"), pw_params_find(r.set, "trunk.1.bias")};
    ck_assert(bias[0] != NULL && bias[1] != NULL && bias[0]->kind == PW_CONST);
    bias[1]->frozen = true;
    ck_assert_int_eq(pw_trunk_forward(r.trunk, &r.x, &rig_ragged, in, out, NULL, &keep), PWY_OK);
    ck_assert_int_eq(pw_trunk_step(r.trunk, NULL), PWY_OK);
    double sum = 0, most = 0;
    for (int e = 0; e < c.experts; e++) {
        sum += bias[0]->w[e];
        most = fmax(most, fabs(bias[0]->w[e]));
        ck_assert_float_eq(bias[1]->w[e], 0);
    }
    ck_assert_double_eq_tol(sum, 0, 1e-7);
    ck_assert_double_gt(most, .005);
    real kept = bias[0]->w[0];
    ck_assert_int_eq(pw_trunk_step(r.trunk, NULL), PWY_OK);
    ck_assert_float_eq(kept, bias[0]->w[0]);
    free(in);
    free(out);
    rig_close(&r);
}
END_TEST

START_TEST(shuffling_changes_the_answer)
{
    struct pw_trunk_config c = shape(0);
    size_t n = (size_t)(RIG_ROWS * c.d);
    struct rig r;
    real *in = numbers(1, n, 1), *out = numbers(0, n, 0), *other = numbers(0, n, 0);
    rig_open(&r, 1, false);
    rig_trunk(&r, &c);
    infer(&r, &rig_ragged, in, out);
    r.x.shuffle = 5;
    infer(&r, &rig_ragged, in, other);
    ck_assert(!same(out, other, n));
    r.x.shuffle = 0;
    infer(&r, &rig_ragged, in, other);
    ck_assert(same(out, other, n));
    free(in);
    free(out);
    free(other);
    rig_close(&r);
}
END_TEST

/* --- decoding --- */

/* One sequence of 11 rows, fed in pieces, against the same in one pass. */
static void check_feed(int kind, int prefix, const int *piece)
{
    enum { N = 11 };
    struct pw_trunk_config c = shape(kind);
    size_t d = (size_t)c.d, at = 0;
    int32_t off[] = {0, N}, see[] = {prefix}, task[] = {0};
    struct pw_ragged ragged = {1, off, see, task};
    struct pw_cache *cache;
    struct rig r;
    real *in = numbers(1, N * d, 1), *want = numbers(0, N * d, 0), *got = numbers(0, N * d, 0);
    rig_open(&r, 2, false);
    rig_trunk(&r, &c);
    infer(&r, &ragged, in, want);
    ck_assert_int_eq(pw_cache_new(r.trunk, NULL, 16, &cache), PWY_OK);
    for (int round = 0; round < 2; round++, pw_cache_clear(cache), at = 0) {
        for (int i = 0; at < N; at += (size_t)piece[i++])
            ck_assert_int_eq(pw_trunk_feed(r.trunk, &r.x, cache, piece[i], at == 0 ? prefix : 0, in + at * d,
                                           got + at * d,
                                           NULL), PWY_OK);
        ck_assert_int_eq(pw_cache_len(cache), N);
        ck_assert(same(want, got, N * d));
        memset(got, 0, N * d * sizeof *got);
    }
    free(in);
    free(want);
    free(got);
    pw_cache_free(cache);
    rig_close(&r);
}

START_TEST(fed_rows_answer_as_in_one_pass)
{
    check_feed(_i, 0, (const int[]){11});
    check_feed(_i, 0, (const int[]){1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1});
    check_feed(_i, 0, (const int[]){4, 1, 5, 1});
    check_feed(_i, 4, (const int[]){4, 1, 1, 5});
    check_feed(_i, 3, (const int[]){6, 1, 4});
    check_feed(_i, 11, (const int[]){11});
}
END_TEST

START_TEST(a_cache_has_its_limits)
{
    struct pw_trunk_config c = shape(0);
    struct pw_cache *cache = NULL;
    struct pw_routes *routes[2] = {NULL, NULL};
    struct rig r;
    real *in = numbers(1, 5 * 32, 1), *out = numbers(0, 5 * 32, 0), *kept = numbers(0, 5 * 32, 0);
    rig_open(&r, 1, false);
    rig_trunk(&r, &c);
    ck_assert_int_eq(pw_cache_new(r.trunk, NULL, 0, &cache), PWY_E_ARGUMENT);
    ck_assert_ptr_null(cache);
    ck_assert_int_eq(pw_cache_new(r.trunk, NULL, 4, &cache), PWY_OK);
    ck_assert_int_eq(pw_trunk_feed(r.trunk, &r.x, cache, 5, 0, in, out, NULL), PWY_E_LIMIT);
    ck_assert_int_eq(pw_trunk_feed(r.trunk, &r.x, cache, 3, 4, in, out, NULL), PWY_E_ARGUMENT);
    ck_assert_int_eq(pw_trunk_feed(r.trunk, &r.x, cache, -1, 0, in, out, NULL), PWY_E_ARGUMENT);
    ck_assert(same(out, kept, 5 * 32));
    ck_assert_int_eq(pw_cache_len(cache), 0);
    ck_assert_int_eq(pw_trunk_feed(r.trunk, &r.x, cache, 4, 0, in, out, routes), PWY_OK);
    ck_assert_int_eq(routes[1]->n_tokens, 4);
    ck_assert_int_eq(pw_trunk_feed(r.trunk, &r.x, cache, 1, 1, in, out, NULL), PWY_E_ARGUMENT);
    ck_assert_int_eq(pw_trunk_feed(r.trunk, &r.x, cache, 1, 0, in, out, NULL), PWY_E_LIMIT);
    ck_assert_int_eq(pw_trunk_feed(r.trunk, &r.x, cache, 0, 0, in, out, NULL), PWY_OK);
    pw_cache_free(cache);
    pw_cache_free(NULL);
    free(in);
    free(out);
    free(kept);
    rig_close(&r);
}
END_TEST

/* --- shapes that are refused --- */

static void refuse(struct pw_trunk_config c, const char *a, const char *b)
{
    struct pw_params *set = pw_params_new(1);
    struct pw_trunk *t = NULL;
    ck_assert_int_eq(pw_trunk_new(&c, set, &t), PWY_E_ARGUMENT);
    ck_assert_ptr_null(t);
    ck_assert_msg(strstr(pwy_error_message(), a) != NULL && strstr(pwy_error_message(), b) != NULL, "%s",
                  pwy_error_message());
    ck_assert_int_eq(set->n, 0);
    pw_params_free(set);
}

START_TEST(shapes_out_of_range)
{
    struct pw_trunk_config c = shape(0);
    c.topk = 6;
    refuse(c, "topk is 6", "experts 5");
    c.topk = 0;
    refuse(c, "topk is 0", "experts 5");
    c = shape(0);
    c.heads = 5;
    refuse(c, "d is 32", "heads 5");
    c.heads = 32;
    refuse(c, "d is 32", "heads 32");
    c = shape(0);
    c.kv_heads = 3;
    refuse(c, "heads is 4", "kv_heads 3");
    c = shape(0);
    c.layers = 0;
    refuse(c, "layers 0", "at least 1");
    c = shape(0);
    c.router.jitter = NAN;
    refuse(c, "jitter", "below 1");
    c = shape(0);
    c.router.balance = -1;
    refuse(c, "balance is -1", "negative");
}
END_TEST

START_TEST(a_trunk_binds_to_what_is_there)
{
    struct pw_trunk_config c = shape(2);
    struct rig r;
    struct pw_trunk *second = NULL;
    rig_open(&r, 1, false);
    rig_trunk(&r, &c);
    int n = r.set->n;
    ck_assert_int_eq(pw_trunk_new(&c, r.set, &second), PWY_OK);
    ck_assert_int_eq(r.set->n, n);
    ck_assert_double_eq(pw_trunk_load(second, 1)[4], .2);
    ck_assert_int_eq(pw_params_find(r.set, "trunk.1.experts.w13")->groups, 5);
    pw_trunk_free(second);
    second = NULL;
    c.hidden++;
    ck_assert_int_eq(pw_trunk_new(&c, r.set, &second), PWY_E_FORMAT);
    ck_assert_ptr_null(second);
    rig_close(&r);
}
END_TEST

/* --- pathways/router.h --- */

static pwy_status router_of(const char *text, pwy_router **out)
{
    pwy_options *options;
    ck_assert_int_eq(pwy_options_parse(text, &options), PWY_OK);
    pwy_status status = pwy_router_new(options, out);
    pwy_options_free(options);
    return status;
}

START_TEST(router_options)
{
    pwy_router *r = NULL;
    ck_assert_int_eq(pwy_router_new(NULL, &r), PWY_E_ARGUMENT);
    ck_assert_ptr_nonnull(strstr(pwy_error_message(), "experts"));
    ck_assert_int_eq(router_of("{experts: 4, topk: 5}", &r), PWY_E_ARGUMENT);
    ck_assert_ptr_nonnull(strstr(pwy_error_message(), "topk is 5"));
    ck_assert_ptr_nonnull(strstr(pwy_error_message(), "experts 4"));
    ck_assert_int_eq(router_of("{experts: 4, top: 2}", &r), PWY_E_ARGUMENT);
    ck_assert_ptr_nonnull(strstr(pwy_error_message(), "top"));
    ck_assert_int_eq(router_of("{experts: 0}", &r), PWY_E_ARGUMENT);
    ck_assert_ptr_null(r);
    ck_assert_int_eq(router_of("{experts: 4}", NULL), PWY_E_ARGUMENT);
    pwy_router_free(NULL);
}
END_TEST

START_TEST(router_routes_and_counts)
{
    pwy_router *r;
    float logits[] = {1, 3, 2, 0, 0, 0, 0, 0}, gates[4], dgates[4] = {1, 0, 0, 1}, dlogits[8] = {0};
    int32_t experts[4];
    int64_t counts[4];
    double balance = -1, zloss = -1;
    ck_assert_int_eq(router_of("{experts: 4, topk: 2, zloss: .001, threads: 2}", &r), PWY_OK);
    ck_assert_int_eq(pwy_router_losses(r, &balance, &zloss), PWY_E_STATE);
    ck_assert_int_eq(pwy_router_backward(r, dgates, dlogits), PWY_E_STATE);
    ck_assert_double_eq(balance, -1);
    ck_assert_int_eq(pwy_router_route(r, 2, logits, experts, gates), PWY_OK);
    ck_assert_int_eq(experts[0], 1);
    ck_assert_int_eq(experts[1], 2);
    ck_assert_int_eq(experts[2], 0);
    ck_assert_int_eq(experts[3], 1);
    ck_assert_float_eq_tol(gates[0], 1 / (1 + expf(-1)), 1e-6);
    ck_assert_float_eq_tol(gates[2], .5f, 1e-6);
    ck_assert_int_eq(pwy_router_losses(r, &balance, &zloss), PWY_OK);
    ck_assert_double_gt(balance, .01);
    ck_assert_double_gt(zloss, 0);
    ck_assert_int_eq(pwy_router_backward(r, dgates, dlogits), PWY_OK);
    ck_assert_float_gt(dlogits[1], 0);
    ck_assert_int_eq(pwy_router_load(r, counts), PWY_OK);
    ck_assert(counts[0] == 1 && counts[1] == 2 && counts[2] == 1 && counts[3] == 0);
    ck_assert_int_eq(pwy_router_route(r, 0, NULL, NULL, NULL), PWY_OK);
    ck_assert_int_eq(pwy_router_backward(r, NULL, NULL), PWY_OK);
    pwy_router_reset(r);
    ck_assert_int_eq(pwy_router_load(r, counts), PWY_OK);
    ck_assert(counts[0] + counts[1] + counts[2] + counts[3] == 0);
    pwy_router_free(r);
}
END_TEST

/* What failed left outputs, counts and the last routing alone. */
START_TEST(router_refuses_bad_logits)
{
    pwy_router *r;
    float logits[] = {1, 3, 2, 0, 0, NAN, 0, 0}, gates[4] = {9, 9, 9, 9}, dgates[2] = {1, 0}, before[4], after[4];
    int32_t experts[4] = {9, 9, 9, 9};
    int64_t counts[4];
    ck_assert_int_eq(router_of("{experts: 4}", &r), PWY_OK);
    ck_assert_int_eq(pwy_router_route(r, 1, logits, experts, gates), PWY_OK);
    ck_assert_int_eq(pwy_router_backward(r, dgates, before), PWY_OK);
    for (int i = 0; i < 2; i++) experts[i] = 9, gates[i] = 9;
    ck_assert_int_eq(pwy_router_route(r, 2, logits, experts, gates), PWY_E_DATA);
    ck_assert_int_eq(pwy_router_route(r, -1, logits, experts, gates), PWY_E_ARGUMENT);
    ck_assert_int_eq(pwy_router_route(r, 1, NULL, experts, gates), PWY_E_ARGUMENT);
    for (int i = 0; i < 4; i++) ck_assert(experts[i] == 9 && gates[i] == 9);
    ck_assert_int_eq(pwy_router_load(r, counts), PWY_OK);
    ck_assert(counts[1] == 1 && counts[2] == 1 && counts[0] + counts[3] == 0);
    ck_assert_int_eq(pwy_router_backward(r, dgates, after), PWY_OK);
    ck_assert(same(before, after, 4));
    pwy_router_free(r);
}
END_TEST

static void add_router(Suite *s)
{
    TCase *c = tcase_create("router");
    tcase_add_test(c, ties_go_to_the_lowest_index);
    tcase_add_test(c, gates_of_one_choice_are_probabilities);
    tcase_add_test(c, the_sort_is_stable_and_whole);
    tcase_add_test(c, loads_move_in_training_alone);
    tcase_add_test(c, logits_that_are_no_numbers_are_refused);
    tcase_add_test(c, no_token_and_one_token);
    tcase_add_test(c, shuffling_moves_every_choice);
    tcase_add_test(c, candidates_are_a_smaller_router);
    tcase_add_test(c, segments_stand_beside_each_other);
    tcase_add_test(c, lists_that_cannot_be_are_refused);
    tcase_add_test(c, jitter_is_of_training_and_of_the_step);
    tcase_add_test(c, router_options);
    tcase_add_test(c, router_routes_and_counts);
    tcase_add_test(c, router_refuses_bad_logits);
    suite_add_tcase(s, c);
}

static Suite *suite(void)
{
    Suite *s = suite_create("route");
    TCase *c = tcase_create("trunk");
    add_router(s);
    tcase_set_timeout(c, 120);
    tcase_add_loop_test(c, a_sequence_alone_answers_as_in_a_batch, 0, KINDS);
    tcase_add_loop_test(c, threads_change_nothing, 0, KINDS);
    tcase_add_test(c, experts_that_sleep_are_not_read);
    tcase_add_test(c, expert_choice_is_for_encoders);
    tcase_add_test(c, a_trunks_biases_step);
    tcase_add_test(c, shuffling_changes_the_answer);
    tcase_add_loop_test(c, fed_rows_answer_as_in_one_pass, 0, KINDS);
    tcase_add_test(c, a_cache_has_its_limits);
    tcase_add_test(c, shapes_out_of_range);
    tcase_add_test(c, a_trunk_binds_to_what_is_there);
    suite_add_tcase(s, c);
    return s;
}

int main(void)
{
    return run_suite(suite());
}

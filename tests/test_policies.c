/* What each of the router's policies decides, and what it refuses. */
#include "route_rig.h"
#include "suite.h"

static struct pw_routes *decide(struct rig *r, const struct pw_router_config *c, int n, const struct pw_segment *s,
                                const real *logits)
{
    struct pw_routes *out = NULL;
    ck_assert_msg(pw_route(&r->x, c, n, s, logits, NULL, &out) == PWY_OK, "%s", pwy_error_message());
    return out;
}

/* --- bias --- */

START_TEST(a_bias_moves_the_choice_alone)
{
    struct rig r;
    struct pw_router_config c = {.experts = 3, .topk = 2, .sigmoid = true, .renormalise = true, .by_bias = true};
    const real logits[] = {2, 1, 0}, bias[] = {0, -1, 0};
    struct pw_segment all = {1, 3, NULL, .bias = bias};
    rig_open(&r, 1, true);
    const struct pw_routes *out = decide(&r, &c, 1, &all, logits);
    ck_assert_int_eq(out->expert[0], 0);
    ck_assert_int_eq(out->expert[1], 2);
    ck_assert_float_eq_tol(out->gate[0], .8807971f / (.8807971f + .5f), 1e-6);
    ck_assert_float_eq_tol(out->gate[0] + out->gate[1], 1, 1e-6);
    ck_assert_double_eq(out->balance_loss, 0);
    c.gate_scale = 2.5;
    out = decide(&r, &c, 1, &all, logits);
    ck_assert_float_eq_tol(out->gate[0] + out->gate[1], 2.5f, 1e-6);
    rig_close(&r);
}
END_TEST

START_TEST(a_bias_step_is_centred)
{
    int64_t met[] = {6, 2, 1, 3}, none[] = {0, 0, 0, 0};
    real bias[] = {.5, -.5, .25, -.25}, kept[4];
    pw_bias_step(4, .1, met, bias);
    const real want[] = {.5 - .1 - .025, -.5 + .1 - .025, .25 + .1 - .025, -.25 - .025};
    for (int i = 0; i < 4; i++) {
        ck_assert_float_eq_tol(bias[i], want[i], 1e-6);
        ck_assert_int_eq(met[i], 0);
    }
    memcpy(kept, bias, sizeof bias);
    pw_bias_step(4, .1, none, bias);
    ck_assert(same(kept, bias, 4));
    ck_assert_double_eq(pw_max_violation(4, (const int64_t[]){6, 2, 1, 3}), 1);
    ck_assert_double_eq(pw_max_violation(4, none), 0);
}
END_TEST

/* Tokens that all like the same expert best: the bias spreads them over all, and counts in training alone. */
START_TEST(a_bias_balances)
{
    enum { T = 512, E = 8 };
    struct rig r;
    struct pw_router_config c = {.experts = E, .topk = 2, .sigmoid = true, .renormalise = true, .by_bias = true};
    real *logits = numbers(1, T * E, 1), bias[E] = {0};
    int64_t met[E] = {0}, seen[E];
    struct pw_segment all = {T, E, NULL, .bias = bias, .met = met};
    for (int t = 0; t < T; t++) logits[t * E] += 3;
    rig_open(&r, 1, true);
    double first = 0, last = 0;
    for (int step = 0; step < 600; step++) {
        pw_arena_reset(r.x.arena);
        decide(&r, &c, 1, &all, logits);
        memcpy(seen, met, sizeof met);
        last = pw_max_violation(E, seen);
        if (step == 0) first = last;
        pw_bias_step(E, 2e-3, met, bias);
    }
    ck_assert_double_gt(first, 2);
    ck_assert_double_lt(last, .1);
    r.x.train = false;
    decide(&r, &c, 1, &all, logits);
    for (int e = 0; e < E; e++) ck_assert_int_eq(met[e], 0);
    free(logits);
    rig_close(&r);
}
END_TEST

/* --- capacity --- */

START_TEST(capacity_drops_and_counts)
{
    enum { T = 8, E = 4 };
    struct rig r;
    struct pw_router_config c = {.experts = E, .topk = 1, .capacity = 1.25, .balance = 1};
    struct pw_segment all = {T, E, NULL};
    real logits[T * E] = {0};
    for (int t = 0; t < T; t++) logits[t * E + (t < 6 ? 1 : 3)] = 1;
    rig_open(&r, 1, true);
    const struct pw_routes *out = decide(&r, &c, 1, &all, logits);
    ck_assert_int_eq(out->dropped, 3);
    ck_assert_int_eq(out->n_rows, 5);
    ck_assert_int_eq(out->count[1], 3);
    ck_assert_int_eq(out->chosen[1], 6);
    for (int t = 0; t < T; t++) ck_assert_int_eq(out->slot[t] < 0, t >= 3 && t < 6);
    r.x.train = false;
    ck_assert_int_eq(decide(&r, &c, 1, &all, logits)->dropped, 0);
    r.x.train = true;
    c.capacity = 0;
    ck_assert_int_eq(decide(&r, &c, 1, &all, logits)->dropped, 0);
    rig_close(&r);
}
END_TEST

/* A dropped pair adds nothing, and the experts' products do without it. */
START_TEST(experts_without_the_dropped)
{
    enum { T = 40, E = 4, D = 8, F = 6 };
    struct rig r;
    struct pw_router_config c = {.experts = E, .topk = 2, .capacity = .5};
    struct pw_segment all = {T, E, NULL};
    real *logits = numbers(1, T * E, 1), *in = numbers(2, T * D, 1), *out = numbers(0, T * D, 0), *dgate, *din;
    rig_open(&r, 1, true);
    struct pw_param *w13 = matrix(&r, "w13", 3, PW_SHAPE(E, D, 2 * F), .5);
    struct pw_param *w2 = matrix(&r, "w2", 3, PW_SHAPE(E, F, D), .5);
    ck_assert_int_eq(pw_params_start_training(r.set), PWY_OK);
    pw_params_zero_grad(r.set);
    struct pw_routes *routes = decide(&r, &c, 1, &all, logits);
    struct pw_experts_keep *keep;
    ck_assert_int_gt(routes->dropped, 0);
    ck_assert_int_eq(pw_experts(&r.x, routes, D, F, in, w13, w2, out, &keep), PWY_OK);
    for (int t = 0; t < T; t++) {
        bool any = false, zero = true;
        for (int i = routes->pair[t]; i < routes->pair[t + 1]; i++) any = any || routes->slot[i] >= 0;
        for (int i = 0; i < D; i++) zero = zero && out[t * D + i] == 0;
        ck_assert_int_ne(any, zero);
    }
    dgate = numbers(3, T * 2, 1);
    din = numbers(0, T * D, 0);
    ck_assert_int_eq(pw_experts_back(&r.x, routes, D, F, keep, w13, w2, in, din, dgate), PWY_OK);
    for (int i = 0; i < T * 2; i++) ck_assert(routes->slot[i] >= 0 || dgate[i] == 0);
    free(logits);
    free(in);
    free(out);
    free(dgate);
    free(din);
    rig_close(&r);
}
END_TEST

/* --- expert choice --- */

START_TEST(experts_choose_their_best_rows)
{
    enum { T = 90, E = 6 };
    struct rig r;
    struct pw_router_config c = {.experts = E, .topk = 2, .policy = PW_EXPERT_CHOICE, .capacity = 1};
    struct pw_segment two[] = {{60, E, NULL}, {T - 60, E, NULL}};
    real *logits = numbers(1, T * E, 1);
    rig_open(&r, 2, false);
    const struct pw_routes *out = decide(&r, &c, 2, two, logits), *alone;
    ck_assert_int_eq(out->n_pairs, 2 * T);
    for (int e = 0; e < E; e++) ck_assert_int_eq(out->count[e], 2 * T / E);
    for (int s = 0, first = 0; s < 2; first += two[s++].rows)
        for (int e = 0; e < E; e++) {
            real least = 2, most = -1;
            for (int t = first; t < first + two[s].rows; t++) {
                bool taken = false;
                real p = out->prob[t * E + e];
                for (int i = out->pair[t]; i < out->pair[t + 1]; i++) {
                    taken = taken || out->expert[i] == e;
                    if (out->expert[i] == e) ck_assert_float_eq(out->gate[i], p);
                }
                if (taken && p < least) least = p;
                if (!taken && p > most) most = p;
            }
            ck_assert_float_ge(least, most);
        }
    alone = decide(&r, &c, 1, two + 1, logits + 60 * E);
    for (int i = 0; i < alone->n_pairs; i++) ck_assert_int_eq(alone->expert[i], out->expert[out->pair[60] + i]);
    free(logits);
    rig_close(&r);
}
END_TEST

START_TEST(equal_rows_are_taken_in_order)
{
    struct rig r;
    struct pw_router_config c = {.experts = 2, .topk = 1, .policy = PW_EXPERT_CHOICE, .capacity = 1, .balance = 1};
    real logits[16] = {0}, dgate[8] = {0}, dlogits[16];
    struct pw_segment all = {8, 2, NULL};
    rig_open(&r, 1, true);
    const struct pw_routes *out = decide(&r, &c, 1, &all, logits);
    for (int t = 0; t < 8; t++) ck_assert_int_eq(out->pair[t + 1] - out->pair[t], t < 4 ? 2 : 0);
    ck_assert_double_eq_tol(out->balance_loss, 1, 1e-6);
    ck_assert_int_eq(pw_route_back(&r.x, &c, out, NULL, dgate, 1, dlogits), PWY_OK);
    for (int i = 0; i < 16; i++) ck_assert(isfinite(dlogits[i]));
    rig_close(&r);
}
END_TEST

/* --- hash --- */

START_TEST(a_hash_goes_by_the_key_alone)
{
    enum { T = 4000, E = 16 };
    struct rig r;
    struct pw_router_config c = {.experts = E, .topk = 2, .policy = PW_HASH, .key = 3};
    static uint64_t key[T];
    int64_t count[E] = {0};
    struct pw_segment all = {T, E, NULL, .key = key};
    for (int t = 0; t < T; t++) key[t] = (uint64_t)(t / 2);
    rig_open(&r, 2, true);
    ck_assert_int_eq(pw_route_size(&c, 1, &all), 0);
    const struct pw_routes *out = decide(&r, &c, 1, &all, NULL), *other;
    for (int t = 0; t < T; t++) {
        const int32_t *mine = out->expert + 2 * t;
        ck_assert_int_lt(mine[0], mine[1]);
        ck_assert(t % 2 == 0 || memcmp(mine, mine - 2, 2 * sizeof *mine) == 0);
        ck_assert_float_eq(out->gate[2 * t], .5f);
        count[mine[0]]++;
        count[mine[1]]++;
    }
    ck_assert_double_lt(pw_max_violation(E, count), .3);
    ck_assert_int_eq(pw_route_back(&r.x, &c, out, NULL, NULL, 1, NULL), PWY_OK);
    c.key = 4;
    other = decide(&r, &c, 1, &all, NULL);
    int differ = 0;
    for (int i = 0; i < 2 * T; i++) differ += other->expert[i] != out->expert[i];
    ck_assert_int_gt(differ, T);
    rig_close(&r);
}
END_TEST

/* --- whole tasks --- */

START_TEST(a_tasks_rows_go_together)
{
    struct rig r;
    const int32_t list[] = {2, 5, 6};
    struct pw_router_config c = {.experts = 8, .topk = 2, .policy = PW_WHOLE_TASK, .renormalise = true};
    struct pw_segment two[] = {{200, 8, NULL}, {3, 3, list}};
    const real logits[] = {0, 5, 0, 0, 4, 0, 0, 0, /* */ 1, 0, 2};
    rig_open(&r, 2, false);
    ck_assert_int_eq(pw_route_size(&c, 2, two), 11);
    const struct pw_routes *out = decide(&r, &c, 2, two, logits);
    for (int t = 0; t < 203; t++) {
        ck_assert_int_eq(out->expert[2 * t], t < 200 ? 1 : 2);
        ck_assert_int_eq(out->expert[2 * t + 1], t < 200 ? 4 : 6);
        ck_assert_float_eq_tol(out->gate[2 * t] + out->gate[2 * t + 1], 1, 1e-6);
    }
    ck_assert_int_eq(out->n_present, 4);
    rig_close(&r);
}
END_TEST

/* --- what is refused --- */

static pwy_status choose_badly(int64_t layer, int64_t n, int64_t candidates, int64_t topk, const real *logits,
                               int32_t *chosen, real *gates, void *user)
{
    (void)layer, (void)logits;
    for (int64_t i = 0; i < n * topk; i++) {
        chosen[i] = (int32_t)(i % topk);
        gates[i] = 1;
    }
    switch (*(int *)user) {
    case 0: chosen[1] = (int32_t)candidates; break;
    case 1: chosen[1] = chosen[0]; break;
    case 2: gates[0] = NAN; break;
    case 3: return PWY_E_IO;
    case 4: chosen[0] = -2; break;
    }
    return PWY_OK;
}

START_TEST(a_callers_mistakes_are_named)
{
    const char *says[] = {"place 4", "twice", "gate of nan", "status 50", "place -2"};
    struct rig r;
    int how;
    struct pw_router_config c = {.experts = 4, .topk = 2, .policy = PW_CALLER, .choose = choose_badly, .user = &how};
    struct pw_segment all = {3, 4, NULL};
    real logits[12] = {0};
    struct pw_routes *out = NULL;
    rig_open(&r, 1, true);
    for (how = 0; how < 5; how++) {
        ck_assert_int_eq(pw_route(&r.x, &c, 1, &all, logits, NULL, &out), PWY_E_CALLBACK);
        ck_assert_msg(strstr(pwy_error_message(), says[how]) != NULL, "%s", pwy_error_message());
        ck_assert_ptr_null(out);
    }
    ck_assert_int_eq(pw_route(&r.x, &c, 1, &all, logits, NULL, &out), PWY_OK);
    rig_close(&r);
}
END_TEST

START_TEST(configurations_that_cannot_be)
{
    const struct { struct pw_router_config c; const char *says; } bad[] = {
        {{.experts = 2, .topk = 3}, "topk is 3"}, {{.experts = 0, .topk = 1}, "experts is 0"},
        {{.experts = 2, .topk = 1, .policy = PW_EXPERT_CHOICE}, "capacity is 0"},
        {{.experts = 2, .topk = 1, .policy = PW_CALLER}, "needs a function"},
        {{.experts = 2, .topk = 1, .capacity = -1}, "capacity is -1"},
        {{.experts = 2, .topk = 1, .capacity = INFINITY}, "capacity is inf"},
        {{.experts = 2, .topk = 1, .gate_scale = NAN}, "gate_scale is nan"},
        {{.experts = 2, .topk = 1, .sigmoid = true, .zloss = 1}, "zloss is 1"},
        {{.experts = 2, .topk = 1, .by_bias = true, .policy = PW_HASH}, "not with hash"},
        {{.experts = 2, .topk = 1, .policy = (enum pw_router_policy)9}, "policy is 9"}};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        ck_assert_int_eq(pw_router_check(&bad[i].c), PWY_E_ARGUMENT);
        ck_assert_msg(strstr(pwy_error_message(), bad[i].says) != NULL, "%s", pwy_error_message());
    }
    enum pw_router_policy policy;
    for (int i = 0; i < 5; i++) {
        ck_assert_int_eq(pw_router_policy(pw_router_word((enum pw_router_policy)i), &policy), PWY_OK);
        ck_assert_int_eq(policy, i);
    }
    ck_assert_int_eq(pw_router_policy("topq", &policy), PWY_E_ARGUMENT);
    ck_assert_ptr_null(pw_router_word((enum pw_router_policy)5));
}
END_TEST

/* No rows, one row, equal logits, logits that are no numbers: of every policy, in training and not. */
START_TEST(every_policy_takes_what_comes)
{
    enum { E = 4, T = 300 };
    static uint64_t key[T];
    static real logits[T * E], dgate[T * E], dlogits[T * E];
    int how = 9;
    struct rig r;
    rig_open(&r, 2, true);
    for (int i = 0; i < 10; i++) {
        struct pw_router_config c = {.experts = E, .topk = 2, .policy = (enum pw_router_policy)(i / 2), .capacity = 1,
                                     .balance = .1, .choose = choose_badly, .user = &how, .sigmoid = i % 2 == 1};
        struct pw_routes *out = NULL;
        ck_assert_int_eq(pw_router_check(&c), PWY_OK);
        for (int rows = 0; rows <= T; rows = rows * 299 + 1) {
            struct pw_segment all = {rows, E, NULL, .key = key};
            for (int train = 0; train < 2; train++) {
                r.x.train = train;
                memset(logits, 0, sizeof logits);
                const struct pw_routes *got = decide(&r, &c, 1, &all, logits);
                ck_assert_int_eq(got->n_tokens, rows);
                ck_assert_int_eq(got->start[got->n_present], got->n_rows);
                ck_assert_int_eq(got->pair[rows], got->n_pairs);
                for (int p = 0; p < got->n_pairs; p++) ck_assert(isfinite(got->gate[p]));
            }
            const struct pw_routes *got = decide(&r, &c, 1, &all, logits);
            ck_assert_int_eq(pw_route_back(&r.x, &c, got, NULL, dgate, 1, dlogits), PWY_OK);
            for (int64_t p = 0; p < pw_route_size(&c, 1, &all); p++) ck_assert(isfinite(dlogits[p]));
            if (rows == 0 || c.policy == PW_HASH) continue;
            logits[pw_route_size(&c, 1, &all) - 1] = NAN;
            ck_assert_int_eq(pw_route(&r.x, &c, 1, &all, logits, NULL, &out), PWY_E_DATA);
            ck_assert_ptr_nonnull(strstr(pwy_error_message(), "expert 3"));
            logits[0] = NAN;
            ck_assert_int_eq(pw_route(&r.x, &c, 1, &all, logits, NULL, &out), PWY_E_DATA);
            ck_assert_ptr_nonnull(strstr(pwy_error_message(), "row 0"));
            ck_assert_ptr_nonnull(strstr(pwy_error_message(), "expert 0"));
            if (rows == T) break;
        }
    }
    struct pw_router_config hash = {.experts = E, .topk = 2, .policy = PW_HASH};
    struct pw_segment keyless = {3, E, NULL};
    struct pw_routes *out;
    ck_assert_int_eq(pw_route(&r.x, &hash, 1, &keyless, NULL, NULL, &out), PWY_E_ARGUMENT);
    ck_assert_ptr_nonnull(strstr(pwy_error_message(), "has no keys"));
    rig_close(&r);
}
END_TEST

/* Affinities that underflow, all of them or the chosen ones, give no NaN. */
START_TEST(hopeless_logits_stay_finite)
{
    struct rig r;
    struct pw_segment all = {1, 3, NULL};
    real logits[] = {-3e4f, -3e4f, -3e4f}, dgate[] = {1, 1}, dlogits[3], bias[] = {-9, 9, 9};
    rig_open(&r, 1, true);
    for (int how = 0; how < 2; how++) {
        struct pw_router_config c = {.experts = 3, .topk = 2, .renormalise = true, .sigmoid = how == 0,
                                     .by_bias = how == 1, .zloss = how};
        if (how == 1) {
            all.bias = bias;
            logits[0] = 300;
        }
        const struct pw_routes *out = decide(&r, &c, 1, &all, logits);
        ck_assert_int_eq(pw_route_back(&r.x, &c, out, NULL, dgate, 1, dlogits), PWY_OK);
        for (int i = 0; i < 2; i++) ck_assert(isfinite(out->gate[i]));
        for (int i = 0; i < 3; i++) ck_assert(isfinite(dlogits[i]));
        ck_assert(isfinite(out->z_loss));
    }
    rig_close(&r);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("policies");
    TCase *c = tcase_create("all");
    tcase_set_timeout(c, 60);
    tcase_add_test(c, a_bias_moves_the_choice_alone);
    tcase_add_test(c, a_bias_step_is_centred);
    tcase_add_test(c, a_bias_balances);
    tcase_add_test(c, capacity_drops_and_counts);
    tcase_add_test(c, experts_without_the_dropped);
    tcase_add_test(c, experts_choose_their_best_rows);
    tcase_add_test(c, equal_rows_are_taken_in_order);
    tcase_add_test(c, a_hash_goes_by_the_key_alone);
    tcase_add_test(c, a_tasks_rows_go_together);
    tcase_add_test(c, a_callers_mistakes_are_named);
    tcase_add_test(c, configurations_that_cannot_be);
    tcase_add_test(c, every_policy_takes_what_comes);
    tcase_add_test(c, hopeless_logits_stay_finite);
    suite_add_tcase(s, c);
    return run_suite(s);
}

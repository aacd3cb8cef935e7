/* pathways/router.h: the router by itself. */
#include "pathways/router.h"
#include "suite.h"
#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define OK(call) ck_assert_msg((call) == PWY_OK, "%s", pwy_error_message())

static pwy_status router_of(const char *yaml, pwy_router **out)
{
    pwy_options *o = NULL;
    ck_assert_int_eq(pwy_options_parse(yaml, &o), PWY_OK);
    pwy_status status = pwy_router_new(o, out);
    pwy_options_free(o);
    return status;
}

static pwy_router *open_router(const char *yaml)
{
    pwy_router *r = NULL;
    OK(router_of(yaml, &r));
    return r;
}

START_TEST(options_that_cannot_be)
{
    const struct { const char *yaml, *says; } bad[] = {
        {"{experts: 4, router: best}", "there is no 'best'"}, {"{experts: 4, gate: tanh}", "softmax or sigmoid"},
        {"{experts: 4, balance_by: hope}", "loss or bias"}, {"{experts: 4, router: expert_choice}", "capacity is 0"},
        {"{experts: 4, router: hash, balance_by: bias}", "not with hash"}, {"{experts: 4, router: caller}", "function"},
        {"{experts: 4, gate: sigmoid, zloss: .1}", "zloss"}, {"{experts: 4, capacity: -1}", "capacity"}};
    pwy_router *r = NULL;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        ck_assert_int_eq(router_of(bad[i].yaml, &r), PWY_E_ARGUMENT);
        ck_assert_msg(strstr(pwy_error_message(), bad[i].says) != NULL, "%s", pwy_error_message());
        ck_assert_ptr_null(r);
    }
}
END_TEST

START_TEST(among_candidates)
{
    const int32_t list[] = {3, 40, 77}, wrong[] = {3, 3};
    const float logits[] = {1, 2, 3, 3, 2, 1};
    int32_t experts[4];
    float gates[4], dlogits[6], dgates[4] = {1, 0, 0, 1};
    pwy_router *r = open_router("{experts: 100}");
    ck_assert_int_eq(pwy_router_set_candidates(r, 2, wrong), PWY_E_ARGUMENT);
    ck_assert_int_eq(pwy_router_set_candidates(r, 1, list), PWY_E_ARGUMENT);
    ck_assert_ptr_nonnull(strstr(pwy_error_message(), "topk is 2"));
    ck_assert_int_eq(pwy_router_set_candidates(r, 101, list), PWY_E_ARGUMENT);
    OK(pwy_router_set_candidates(r, 3, list));
    ck_assert_int_eq(pwy_router_backward(r, dgates, dlogits), PWY_E_STATE);
    OK(pwy_router_route(r, 2, logits, experts, gates));
    const int32_t want[] = {40, 77, 3, 40};
    for (int i = 0; i < 4; i++) ck_assert_int_eq(experts[i], want[i]);
    OK(pwy_router_backward(r, dgates, dlogits));
    int64_t counts[100];
    OK(pwy_router_load(r, counts));
    ck_assert(counts[3] == 1 && counts[40] == 2 && counts[77] == 1);
    OK(pwy_router_set_candidates(r, 0, NULL));
    float all[100] = {0};
    OK(pwy_router_route(r, 1, all, experts, gates));
    ck_assert(experts[0] == 0 && experts[1] == 1);
    pwy_router_free(r);
}
END_TEST

START_TEST(drops_are_counted)
{
    float logits[8 * 2], gates[8], dgates[8], dlogits[16];
    int32_t experts[8];
    double entropy = -1, violation = -1;
    int64_t dropped = -1, n = 0;
    const int32_t *of;
    pwy_router *r = open_router("{experts: 2, topk: 1, capacity: 1, balance: 0}");
    for (int i = 0; i < 8; i++) logits[2 * i] = 1, logits[2 * i + 1] = 0, dgates[i] = 1;
    OK(pwy_router_route(r, 8, logits, experts, gates));
    for (int i = 0; i < 8; i++) {
        ck_assert_int_eq(experts[i], i < 4 ? 0 : -1);
        ck_assert(i < 4 ? gates[i] > .7f : gates[i] == 0);
    }
    OK(pwy_router_balance(r, &entropy, &violation, &dropped));
    ck_assert(entropy == 0 && violation == 1 && dropped == 4);
    OK(pwy_router_pairs(r, &n, NULL, &of, NULL));
    ck_assert(n == 8 && of[3] == 0 && of[4] == -1);
    OK(pwy_router_backward(r, dgates, dlogits));
    for (int i = 0; i < 8; i++) ck_assert((dlogits[2 * i] != 0) == (i < 4));
    pwy_router_reset(r);
    OK(pwy_router_balance(r, &entropy, &violation, &dropped));
    ck_assert(entropy == 0 && violation == 0 && dropped == 0);
    pwy_router_free(r);
}
END_TEST

START_TEST(biases_step)
{
    float logits[12] = {1, 0, 0, 1, 0, 0, 1, 0, 0, 1, 0, 0}, biases[3], gates[4];
    int32_t experts[4];
    pwy_router *plain = open_router("{experts: 3}");
    pwy_router *r = open_router("{experts: 3, topk: 1, gate: sigmoid, balance_by: bias, bias_rate: .3}");
    ck_assert_int_eq(pwy_router_step(plain), PWY_E_STATE);
    OK(pwy_router_route(r, 4, logits, experts, gates));
    OK(pwy_router_step(r));
    OK(pwy_router_biases(r, biases));
    ck_assert_float_eq_tol(biases[0], -.4f, 1e-6);
    ck_assert_float_eq_tol(biases[1], .2f, 1e-6);
    OK(pwy_router_route(r, 4, logits, experts, gates));
    ck_assert_int_eq(experts[0], 1);
    ck_assert_float_eq_tol(gates[0], .5f, 1e-6);
    pwy_router_free(plain);
    pwy_router_free(r);
}
END_TEST

START_TEST(expert_choice_has_pairs)
{
    const float logits[] = {3, 0, 2, 0, 1, 0, 0, 0};
    int64_t n;
    const int32_t *first, *experts;
    const float *gates;
    int32_t into[8];
    float dlogits[8], dgates[4] = {1, 1, 1, 1};
    pwy_router *r = open_router("{experts: 2, topk: 1, router: expert_choice, capacity: 1}");
    ck_assert_int_eq(pwy_router_pairs(r, &n, &first, &experts, &gates), PWY_E_STATE);
    ck_assert_int_eq(pwy_router_route(r, 4, logits, into, NULL), PWY_E_ARGUMENT);
    OK(pwy_router_route(r, 4, logits, NULL, NULL));
    OK(pwy_router_pairs(r, &n, &first, &experts, &gates));
    ck_assert_int_eq(n, 4);
    for (int i = 0; i < 4; i++) {
        ck_assert_int_eq(first[i + 1] - first[i], 1);
        ck_assert_int_eq(experts[i], i < 2 ? 0 : 1);
    }
    OK(pwy_router_backward(r, dgates, dlogits));
    pwy_router_free(r);
}
END_TEST

START_TEST(by_keys)
{
    const uint64_t keys[] = {7, 8, 7};
    int32_t experts[6];
    float gates[6];
    pwy_router *r = open_router("{experts: 64, router: hash}"), *plain = open_router("{experts: 64}");
    ck_assert_int_eq(pwy_router_route_keys(plain, 3, keys, experts, gates), PWY_E_STATE);
    ck_assert_int_eq(pwy_router_route(r, 3, gates, experts, gates), PWY_E_STATE);
    OK(pwy_router_route_keys(r, 3, keys, experts, gates));
    ck_assert(experts[0] == experts[4] && experts[1] == experts[5]);
    ck_assert(experts[0] != experts[2] || experts[1] != experts[3]);
    OK(pwy_router_backward(r, NULL, NULL));
    pwy_router_free(r);
    pwy_router_free(plain);
}
END_TEST

START_TEST(one_row_for_a_task)
{
    const float logits[] = {0, 3, 1, 2};
    int32_t experts[6];
    float gates[6], dlogits[4], dgates[6] = {1, 0, 1, 0, 1, 0};
    pwy_router *r = open_router("{experts: 4, router: task, balance: 0}");
    OK(pwy_router_route(r, 3, logits, experts, gates));
    for (int i = 0; i < 6; i++) ck_assert_int_eq(experts[i], i % 2 == 0 ? 1 : 3);
    OK(pwy_router_backward(r, dgates, dlogits));
    ck_assert_float_eq_tol(dlogits[1], 3 * gates[0] * gates[1], 1e-5);
    ck_assert_float_eq_tol(dlogits[0], 0, 1e-7);
    pwy_router_free(r);
}
END_TEST

static int ended;

static void end(void *user)
{
    (void)user;
    ended++;
}

static pwy_status first_ones(int64_t layer, int64_t n, int64_t candidates, int64_t topk, const float *logits,
                             int32_t *chosen, float *gates, void *user)
{
    (void)candidates, (void)logits;
    ck_assert_int_eq(layer, 0);
    for (int64_t i = 0; i < n * topk; i++) chosen[i] = (int32_t)(i % topk), gates[i] = *(float *)user;
    return PWY_OK;
}

/* One expert a row, the last; the other slot stays empty. */
static pwy_status the_last(int64_t layer, int64_t n, int64_t candidates, int64_t topk, const float *logits,
                           int32_t *chosen, float *gates, void *user)
{
    (void)layer, (void)logits, (void)user;
    for (int64_t i = 0; i < n * topk; i++) {
        chosen[i] = i % topk == 0 ? (int32_t)candidates - 1 : -1;
        gates[i] = i % topk == 0;
    }
    return PWY_OK;
}

START_TEST(a_caller_leaves_slots_empty)
{
    float gates[4];
    const float logits[8] = {0};
    int32_t experts[4];
    pwy_router *r = open_router("{experts: 4, balance: 0}");
    OK(pwy_router_set_function(r, the_last, NULL, NULL, NULL));
    OK(pwy_router_route(r, 2, logits, experts, gates));
    for (int i = 0; i < 4; i++) ck_assert_int_eq(experts[i], i % 2 == 0 ? -1 : 3);
    for (int i = 0; i < 4; i++) ck_assert_float_eq(gates[i], i % 2);
    pwy_router_free(r);
}
END_TEST

START_TEST(a_function_of_the_callers)
{
    float scale = .25f, gates[4], dlogits[8], dgates[4] = {1, 1, 1, 1};
    const float logits[] = {0, 0, 0, 9, 0, 0, 9, 0};
    int32_t experts[4];
    pwy_router *r = open_router("{experts: 4, balance: 0}");
    ended = 0;
    ck_assert_int_eq(pwy_router_set_function(r, NULL, NULL, NULL, end), PWY_E_ARGUMENT);
    ck_assert_int_eq(ended, 1);
    OK(pwy_router_set_function(r, first_ones, NULL, &scale, end));
    OK(pwy_router_route(r, 2, logits, experts, gates));
    for (int i = 0; i < 4; i++) ck_assert(experts[i] == i % 2 && gates[i] == .25f);
    OK(pwy_router_backward(r, dgates, dlogits));
    for (int i = 0; i < 8; i++) ck_assert_float_eq(dlogits[i], 0);
    OK(pwy_router_set_function(r, first_ones, NULL, &scale, end));
    ck_assert_int_eq(ended, 2);
    pwy_router_free(r);
    ck_assert_int_eq(ended, 3);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("router");
    TCase *c = tcase_create("all");
    tcase_add_test(c, options_that_cannot_be);
    tcase_add_test(c, among_candidates);
    tcase_add_test(c, drops_are_counted);
    tcase_add_test(c, biases_step);
    tcase_add_test(c, expert_choice_has_pairs);
    tcase_add_test(c, by_keys);
    tcase_add_test(c, one_row_for_a_task);
    tcase_add_test(c, a_function_of_the_callers);
    tcase_add_test(c, a_caller_leaves_slots_empty);
    suite_add_tcase(s, c);
    return run_suite(s);
}

/* Models of every router that a recipe may name: trained, saved, opened, asked alone and together. */
#include "model_rig.h"
#include "model/model.h"
#include "suite.h"

#define SHAPE "d: 16, layers: 2, heads: 2, experts: 4, hidden: 16, vocab: 300, window: 48, "
enum { ENCODERS = 1 << R_TEXT | 1 << R_TABLE | 1 << R_IMAGE, ALL = ENCODERS | 1 << R_WRITE | 1 << R_GO };

static const struct { const char *shape; int tasks; } kinds[] = {
    {SHAPE "topk: 2, router: task", ALL}, {SHAPE "topk: 1, router: hash", ALL},
    {SHAPE "topk: 2, gate: sigmoid, balance_by: bias, bias_rate: .01, gate_scale: 2", ALL},
    {SHAPE "topk: 1, gate_scale: 4, capacity: 1, jitter: .1", ALL},
    {SHAPE "topk: 2, router: expert_choice, capacity: 1", ENCODERS}};
enum { KINDS = sizeof kinds / sizeof *kinds };

START_TEST(every_router)
{
    int tasks = kinds[_i].tasks;
    pwy_model *m = rig_trained(rig_model(NULL, tasks, kinds[_i].shape), "steps: 6, batch: 16, threads: 2"), *again;
    char *answers = rig_ask(m, NULL, tasks, 16, 16), *json;
    struct bytes b = rig_bytes(m);
    OK(pwy_model_open_memory(NULL, b.data, b.len, &again));
    rig_same_answers(again, "threads: 2", tasks, 1, answers);
    OK(pwy_model_describe(again, &json));
    const char *word = strstr(kinds[_i].shape, "router: ");
    char want[40] = "\"router\":\"topk\"";
    if (word != NULL) snprintf(want, sizeof want, "\"router\":\"%.*s\"", (int)strcspn(word + 8, ","), word + 8);
    ck_assert_msg(strstr(json, want) != NULL, "%s", json);
    pwy_text_free(json);
    free(answers);
    free(b.data);
    pwy_model_free(again);
    pwy_model_free(m);
}
END_TEST

/* The same bytes on another number of threads, and stopped and gone on with; biases that moved. */
START_TEST(biases_are_of_the_model)
{
    pwy_model *m = rig_model(NULL, ENCODERS, kinds[2].shape), *half;
    pwy_model *one = rig_trained(rig_model(NULL, ENCODERS, kinds[2].shape), "steps: 7, batch: 16");
    pwy_model *two = rig_trained(m, "steps: 7, batch: 16, threads: 2");
    struct bytes a = rig_bytes(one), b = rig_bytes(two);
    rig_same(a, b);
    const struct pw_param *bias = pw_params_find(one->params, "trunk.1.bias");
    ck_assert_ptr_nonnull(bias);
    float most = 0, kept;
    for (int e = 0; e < 4; e++) most = fmaxf(most, fabsf(bias->w[e]));
    ck_assert_float_gt(most, .002f);
    kept = bias->w[0];
    half = rig_trained(two, "steps: 2, batch: 16");
    ck_assert_float_eq(kept, bias->w[0]);
    pwy_model_free(half);
    pwy_model_free(one);
    free(a.data);
    free(b.data);
}
END_TEST

static pwy_status by_row(int64_t layer, int64_t n, int64_t candidates, int64_t topk, const float *logits,
                         int32_t *chosen, float *gates, void *user)
{
    (void)logits, (void)user;
    for (int64_t i = 0; i < n * topk; i++) {
        chosen[i] = (int32_t)((layer + i % topk) % candidates);
        gates[i] = .5f;
    }
    return PWY_OK;
}

static int ended;

static void end(void *user)
{
    (void)user;
    ended++;
}

START_TEST(a_callers_router)
{
    pwy_context *ctx;
    pwy_model *again = NULL;
    ended = 0;
    OK(pwy_context_new(NULL, &ctx));
    OK(pwy_context_set_router(ctx, by_row, NULL, NULL, end));
    FAILS(pwy_context_set_router(ctx, by_row, NULL, NULL, end), PWY_E_STATE);
    ck_assert_int_eq(ended, 1);
    pwy_model *m = rig_trained(rig_model(ctx, ENCODERS, SHAPE "topk: 2, router: caller"), "steps: 4, batch: 16");
    char *answers = rig_ask(m, NULL, ENCODERS, 16, 16);
    struct bytes b = rig_bytes(m);
    OK(pwy_model_open_memory(ctx, b.data, b.len, &again));
    rig_same_answers(again, NULL, ENCODERS, 3, answers);
    pwy_model_free(again);
    FAILS(pwy_model_open_memory(NULL, b.data, b.len, &again), PWY_E_FORMAT);
    SAYS("pwy_context_set_router");
    pwy_model_free(m);
    pwy_context_free(ctx);
    ck_assert_int_eq(ended, 2);
    free(answers);
    free(b.data);
}
END_TEST

START_TEST(what_cannot_be)
{
    const struct { const char *shape, *says; } bad[] = {
        {SHAPE "router: expert_choice, capacity: 1", "writes one id after another"},
        {SHAPE "router: expert_choice", "capacity"},
        {SHAPE "router: best", "topk, expert_choice, hash, task or caller"},
        {SHAPE "router: caller", "function"}, {SHAPE "gate: sigmoid, zloss: .1", "zloss"},
        {SHAPE "router: hash, balance_by: bias", "not with hash"}, {SHAPE "capacity: -1", "capacity"}};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        pwy_registry *r = rig_registry(NULL, i == 0 ? ALL : ENCODERS);
        pwy_options *o = rig_options(bad[i].shape);
        pwy_model *m = NULL;
        ck_assert_int_eq(pwy_model_new(r, o, &m), PWY_E_ARGUMENT);
        ck_assert_msg(strstr(pwy_error_message(), bad[i].says) != NULL, "%s", pwy_error_message());
        ck_assert_ptr_null(m);
        pwy_options_free(o);
        pwy_registry_free(r);
    }
}
END_TEST

int main(void)
{
    Suite *s = suite_create("recipe routers");
    TCase *c = tcase_create("all");
    tcase_set_timeout(c, 120);
    tcase_add_loop_test(c, every_router, 0, KINDS);
    tcase_add_test(c, biases_are_of_the_model);
    tcase_add_test(c, a_callers_router);
    tcase_add_test(c, what_cannot_be);
    suite_add_tcase(s, c);
    return run_suite(s);
}

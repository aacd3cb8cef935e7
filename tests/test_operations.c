/* Tasks added within a budget of floating-point operations. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "model/model.h"
#include "train_rig.h"
#include "suite.h"

enum { OLD = 1 << R_TEXT | 1 << R_IMAGE | 1 << R_TABLE };

static pwy_model *sealed;
static char *old_answers;

static void open_models(void)
{
    pwy_model *before = rig_trained(rig_model(NULL, OLD, NULL), "steps: 12, batch: 8");
    OK(pwy_model_seal(before, NULL, NULL, &sealed));
    old_answers = rig_ask(sealed, NULL, OLD, 16, 1);
    pwy_model_free(before);
}

static void close_models(void)
{
    pwy_model_free(sealed);
    free(old_answers);
}

static pwy_model *added(int tasks, const char *how)
{
    pwy_registry *r = rig_registry(NULL, tasks);
    pwy_options *o = rig_options(how);
    pwy_trainer *t;
    pwy_model *grown, *out;
    OK(pwy_trainer_add(sealed, r, o, &t));
    pwy_options_free(o);
    pwy_registry_free(r);
    OK(pwy_trainer_run(t));
    OK(pwy_trainer_model(t, &grown));
    pwy_trainer_free(t);
    OK(pwy_model_seal(grown, NULL, NULL, &out));
    pwy_model_free(grown);
    return out;
}

/* The most that an answer of the task "both" costs: rows of its own, and a text without end. */
static double most_operations(pwy_model *m)
{
    pwy_session *s = rig_session(m, NULL);
    pwy_example *ex;
    double most = 0;
    char text[4000];
    for (int i = 0; i < 4000; i++) text[i] = i % 4 == 3 ? ' ' : (char)('a' + i % 23);
    OK(pwy_example_new(&ex));
    for (int64_t i = 0; i < 24; i++) {
        pwy_result *r;
        pwy_example_clear(ex);
        rig_parts(R_TWO, 100 + i, ex);
        if (i > 15) OK(pwy_example_set_text(ex, "caption", text, 4000));
        OK(pwy_session_predict(s, "both", ex, &r));
        most = fmax(most, pwy_result_flops(r));
        pwy_result_free(r);
    }
    pwy_example_free(ex);
    pwy_session_free(s);
    return most;
}

static pwy_model *added_within(int tasks, double operations)
{
    char how[160];
    snprintf(how, sizeof how, "{steps: 2, batch: 8, add: {operations: %.0f}}", operations);
    return added(tasks, how);
}

static double refused_within(int tasks, double operations, pwy_status status, const char *says)
{
    char how[160];
    pwy_registry *r = rig_registry(NULL, tasks);
    pwy_trainer *t;
    snprintf(how, sizeof how, "{steps: 2, add: {operations: %.0f}}", operations);
    pwy_options *o = rig_options(how);
    FAILS(pwy_trainer_add(sealed, r, o, &t), status);
    SAYS(says);
    const char *least = strstr(pwy_error_message(), "takes ");
    pwy_options_free(o);
    pwy_registry_free(r);
    return least == NULL ? 0 : strtod(least + 6, NULL);
}

START_TEST(operations_hold)
{
    static const double share[] = {.98, .9, .7, .5};
    pwy_model *free_one = added(1 << R_TWO, "{steps: 2, batch: 8}"), *m = added_within(1 << R_TWO, 1e12);
    double all = most_operations(free_one), before_it = all;
    same(rig_bytes(free_one), rig_bytes(m));
    pwy_model_free(m);
    for (int i = 0; i < 4; i++) {
        m = added_within(1 << R_TWO, floor(all * share[i]));
        double most = most_operations(m);
        ck_assert_msg(most <= all * share[i] && most <= before_it, "%g of %g where %g is the budget", most, all,
                      all * share[i]);
        ck_assert_msg(most > .5 * all * share[i], "%g of %g where %g is the budget", most, all, all * share[i]);
        rig_same_answers(m, NULL, OLD, 16, old_answers);
        pwy_model_free(m);
        before_it = most;
    }
    double least = refused_within(1 << R_TWO, 10, PWY_E_LIMIT, "10 operations is too small");
    m = added_within(1 << R_TWO, least);
    ck_assert_msg(most_operations(m) <= least, "%g of %g", most_operations(m), least);
    pwy_model_free(m);
    refused_within(1 << R_TWO, least - 1, PWY_E_LIMIT, "task 'both'");
    pwy_model_free(free_one);
}
END_TEST

/* Two budgets at once: inputs are cut down, and nothing more is brought for it. */
START_TEST(both_budgets_hold)
{
    char how[160];
    pwy_model *m = added(1 << R_TWO, "{steps: 2, batch: 8, add: {parameters: 20000}}");
    double all = most_operations(m);
    pwy_model_free(m);
    snprintf(how, sizeof how, "{steps: 2, batch: 8, add: {parameters: 20000, operations: %.0f}}", .7 * all);
    m = added(1 << R_TWO, how);
    ck_assert(most_operations(m) <= .7 * all);
    ck_assert_int_le(pwy_model_parameters(m) - pwy_model_parameters(sealed), 20000);
    rig_same_answers(m, NULL, OLD, 16, old_answers);
    pwy_model_free(m);
}
END_TEST

/* What has no input that could be cut down gives up candidates and adapter. */
START_TEST(operations_of_other_senses)
{
    double least = refused_within(1 << R_SERIES, 10, PWY_E_LIMIT, "task 'wave'");
    struct pw_net *net;
    pwy_model *m = added_within(1 << R_SERIES, least);
    OK(pw_model_net(m, "wave", &net));
    ck_assert(net->way->adapter == 0 && net->way->layer[0].n == 2 && net->way->layer[1].n == 2);
    pwy_model_free(m);
    refused_within(1 << R_SERIES, least - 1, PWY_E_LIMIT, "operations is too small");
    pwy_model_free(added_within(1 << R_AUDIO, refused_within(1 << R_AUDIO, 1, PWY_E_LIMIT, "task 'tone'")));
    refused_within(1 << R_WRITE, 1e12, PWY_E_UNSUPPORTED, "writes");
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("operations");
    TCase *t = tcase_create("operations");
    tcase_set_timeout(t, 240);
    tcase_add_unchecked_fixture(t, open_models, close_models);
    tcase_add_test(t, operations_hold);
    tcase_add_test(t, both_budgets_hold);
    tcase_add_test(t, operations_of_other_senses);
    suite_add_tcase(s, t);
    return s;
}

int main(void)
{
    return run_suite(suite());
}

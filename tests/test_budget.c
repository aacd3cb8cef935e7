/* What a task that is added gets of its own: a text that the model's tokenizer cuts into bytes, a tokenizer; and all of
   it together no more than it was given. */
#include "model/model.h"
#include "train/train.h"
#include "train_rig.h"
#include "suite.h"

enum { OLD = 1 << R_TEXT, ROWS = 24 };

static pwy_model *sealed;

static void open_models(void)
{
    pwy_model *before = rig_trained(rig_model(NULL, OLD, "{d: 16, layers: 1, heads: 2, experts: 4, topk: 1, hidden: 16, "
                                              "vocab: 1024}"), "steps: 12, batch: 8");
    OK(pwy_model_seal(before, NULL, NULL, &sealed));
    pwy_model_free(before);
}

static void close_models(void)
{
    pwy_model_free(sealed);
}

static void fill(pwy_example *ex, bool strange, int i)
{
    static const char *const known[] = {"what a fine day", "dark and cold awful"},
                      *const other[] = {"доброе утро, добрый день", "спокойной ночи, до встречи"};
    char text[96];
    snprintf(text, sizeof text, "%s %c", (strange ? other : known)[i % 2], 'a' + i % 9);
    pwy_example_clear(ex);
    OK(pwy_example_set_text(ex, "line", text, -1));
    OK(pwy_example_set_label(ex, i % 2 ? "odd" : "even"));
}

static pwy_source *lines(bool strange)
{
    pwy_source *s;
    pwy_example *ex;
    OK(pwy_source_new(NULL, &s));
    OK(pwy_example_new(&ex));
    for (int i = 0; i < ROWS; i++) {
        fill(ex, strange, i);
        OK(pwy_source_append(s, ex));
    }
    pwy_example_free(ex);
    return s;
}

static pwy_registry *newcomer(bool strange, const char *settings)
{
    pwy_registry *r;
    pwy_task *t;
    pwy_options *o = rig_options(settings);
    pwy_source *s = lines(strange);
    OK(pwy_registry_new(NULL, &r));
    OK(pwy_registry_add(r, "newcomer", PWY_CLASSIFY, &t));
    OK(pwy_task_add_part_with(t, "line", "text", o));
    OK(pwy_task_set_source(t, PWY_TRAIN, s));
    pwy_source_free(s);
    pwy_options_free(o);
    return r;
}

static pwy_model *added(bool strange, const char *settings, const char *how)
{
    pwy_registry *r = newcomer(strange, settings);
    pwy_options *o = rig_options(how);
    pwy_trainer *t;
    pwy_model *grown, *out;
    OK(pwy_trainer_add(sealed, r, o, &t));
    OK(pwy_trainer_run(t));
    OK(pwy_trainer_model(t, &grown));
    OK(pwy_model_seal(grown, NULL, NULL, &out));
    pwy_model_free(grown);
    pwy_trainer_free(t);
    pwy_options_free(o);
    pwy_registry_free(r);
    return out;
}

static bool has_own(pwy_model *m)
{
    return pw_params_find(m->params, "task/newcomer/line.embed") != NULL;
}

static void answers(pwy_model *m, double *score)
{
    pwy_session *s = rig_session(m, NULL);
    pwy_example *ex;
    OK(pwy_example_new(&ex));
    for (int i = 0; i < ROWS; i++) {
        pwy_result *r;
        fill(ex, true, i);
        OK(pwy_session_predict(s, "newcomer", ex, &r));
        for (int64_t l = 0; l < 2; l++) score[2 * i + l] = pwy_result_score(r, l);
        pwy_result_free(r);
    }
    pwy_example_free(ex);
    pwy_session_free(s);
}

#define ROOM "{steps: 4, batch: 8, add: {parameters: 100000}}"

START_TEST(only_where_it_helps)
{
    static const struct { bool strange; const char *settings, *how; bool own; } cases[] = {
        {true, NULL, ROOM, true}, {false, NULL, ROOM, false}, {true, "vocab: 0", ROOM, false},
        {false, "vocab: 300", ROOM, true}, {true, NULL, "{steps: 4, batch: 8, add: {parameters: 30000}}", false}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        pwy_model *m = added(cases[i].strange, cases[i].settings, cases[i].how);
        ck_assert_msg(has_own(m) == cases[i].own, "case %zu", i);
        pwy_model_free(m);
    }
}
END_TEST

/* In a file, in an extracted one, and to the bit. */
START_TEST(it_goes_with_the_task)
{
    static const char *const name[] = {"newcomer"};
    double here[2 * ROWS], there[2 * ROWS];
    pwy_model *m = added(true, NULL, ROOM), *again = rig_reopened(m), *alone, *small;
    answers(m, here);
    ck_assert(here[0] != here[2]);
    answers(again, there);
    ck_assert(memcmp(here, there, sizeof here) == 0);
    OK(pwy_model_extract(again, name, 1, &alone));
    small = rig_reopened(alone);
    answers(small, there);
    ck_assert(memcmp(here, there, sizeof here) == 0);
    pwy_model_free(small);
    pwy_model_free(alone);
    pwy_model_free(again);
    pwy_model_free(m);
}
END_TEST

START_TEST(the_old_stay)
{
    char *old = rig_ask(sealed, NULL, OLD, 16, 1);
    pwy_model *m = added(true, NULL, ROOM);
    rig_same_answers(m, NULL, OLD, 16, old);
    pwy_model_free(m);
    free(old);
}
END_TEST

/* --- the bound --- */

static pwy_model *base_of(int tasks)
{
    pwy_model *m = rig_trained(rig_model(NULL, tasks, NULL), "steps: 12, batch: 8"), *out;
    OK(pwy_model_seal(m, NULL, NULL, &out));
    pwy_model_free(m);
    return out;
}

/* A task as the rig's, under a name that no model has; a table with trees. */
static void add_again(pwy_registry *r, int task, const char *name)
{
    pwy_task *t;
    pwy_source *s = rig_source(NULL, task, 0, R_ROWS);
    OK(pwy_registry_add(r, name, rig_task[task].kind, &t));
    OK(pwy_task_add_part(t, rig_task[task].part, rig_task[task].sense));
    if (task == R_TWO) OK(pwy_task_add_part(t, "picture", "image"));
    OK(pwy_task_set_source(t, PWY_TRAIN, s));
    pwy_source_free(s);
}

/* tasks: as bits. */
static pwy_status add_within(pwy_model *base, int tasks, int64_t budget, pwy_trainer **out)
{
    char how[80];
    pwy_registry *r;
    OK(pwy_registry_new(NULL, &r));
    for (int t = 0; t < R_TASKS; t++) {
        snprintf(how, sizeof how, "again %s", rig_task[t].name);
        if (tasks >> t & 1) add_again(r, t, how);
    }
    if (budget == 0) snprintf(how, sizeof how, "steps: 1, batch: 8");
    else snprintf(how, sizeof how, "{steps: 1, batch: 8, add: {parameters: %lld}}", (long long)budget);
    pwy_options *o = rig_options(how);
    pwy_status status = pwy_trainer_add(base, r, o, out);
    pwy_options_free(o);
    pwy_registry_free(r);
    return status;
}

/* What it brought when it has learned; budget 0: none given. */
static int64_t brought(pwy_model *base, int tasks, int64_t budget)
{
    pwy_trainer *t;
    pwy_model *grown;
    OK(add_within(base, tasks, budget, &t));
    OK(pwy_trainer_run(t));
    OK(pwy_trainer_model(t, &grown));
    int64_t n = pwy_model_parameters(grown) - pwy_model_parameters(base);
    pwy_model_free(grown);
    pwy_trainer_free(t);
    return n;
}

/* The least that the message says. */
static int64_t refused(pwy_model *base, int tasks, int64_t budget)
{
    char says[96];
    pwy_trainer *t = NULL;
    FAILS(add_within(base, tasks, budget, &t), PWY_E_LIMIT);
    snprintf(says, sizeof says, "a budget of %lld parameters is too small; it needs ", (long long)budget);
    SAYS(says);
    SAYS("task 'again ");
    ck_assert_ptr_null(t);
    return strtoll(strstr(pwy_error_message(), "it needs ") + 9, NULL, 10);
}

/* An adapter's width is 96 numbers. */
static void holds(pwy_model *base, int task)
{
    int64_t least = refused(base, 1 << task, 1);
    const int64_t budget[] = {least, least + 95, least + 96, least + 700, least + 3000, least + 20000, 2 * least, least + 300000};
    ck_assert_int_eq(refused(base, 1 << task, least - 1), least);
    for (size_t i = 0; i < sizeof budget / sizeof *budget; i++) {
        int64_t n = brought(base, 1 << task, budget[i]);
        ck_assert_msg(n <= budget[i] && (i > 0 || n == least), "%s: %lld new of %lld", rig_task[task].name,
                      (long long)n, (long long)budget[i]);
    }
}

/* Each sense where it is new to the model and where it is there; what is refused leaves the model as it was. */
START_TEST(no_more_than_given)
{
    static const int first = 1 << R_TEXT | 1 << R_IMAGE | 1 << R_TABLE,
                     second = 1 << R_SERIES | 1 << R_BYTES | 1 << R_AUDIO | 1 << R_WRITE;
    for (int i = 0; i < 2; i++) {
        pwy_model *base = base_of(i == 0 ? first : second);
        struct bytes was = rig_bytes(base);
        for (int task = 0; task < R_TASKS; task++) holds(base, task);
        same(was, rig_bytes(base));
        pwy_model_free(base);
    }
}
END_TEST

/* Nothing to reuse: the trunk's own way. */
START_TEST(no_more_without_a_pathway)
{
    pwy_model *base = rig_trained(rig_model(NULL, OLD, NULL), "steps: 2, batch: 8");
    holds(base, R_TEXT);
    holds(base, R_SERIES);
    pwy_model_free(base);
}
END_TEST

/* The adapter that it has room for where no budget is given. */
static int usual_adapter(pwy_model *base, int task)
{
    pwy_trainer *t;
    struct pw_net *net;
    char name[64];
    snprintf(name, sizeof name, "again %s", rig_task[task].name);
    OK(add_within(base, 1 << task, 0, &t));
    OK(pw_model_net(t->model, name, &net));
    int width = net->way->adapter;
    pwy_trainer_free(t);
    return width;
}

/* A tenth of what a model of the task's own would have: much for a text, less than it needs anyway for a small table. */
START_TEST(a_tenth_unless_given)
{
    pwy_model *base = base_of(OLD), *alone = rig_trained(rig_model(NULL, 1 << R_TEXT, NULL), "steps: 1, batch: 8");
    ck_assert_int_le(brought(base, 1 << R_TEXT, 0), pwy_model_parameters(alone) / 10);
    ck_assert_int_eq(usual_adapter(base, R_TEXT), 8);
    ck_assert_int_eq(usual_adapter(base, R_TABLE), 0);
    pwy_model_free(alone);
    pwy_model_free(base);
}
END_TEST

/* Of tasks that are added together the first brings what they share. */
START_TEST(no_more_of_several)
{
    const int pictures = 1 << R_IMAGE | 1 << R_TWO, all = pictures | 1 << R_AUDIO | 1 << R_WRITE;
    int64_t least = refused(sealed, 1 << R_IMAGE, 1);
    ck_assert_int_gt(refused(sealed, 1 << R_TWO, least), least);
    ck_assert_int_eq(refused(sealed, pictures, 1), least);
    ck_assert_int_le(brought(sealed, pictures, least), 2 * least);
    ck_assert_int_le(brought(sealed, all, least + 5000), 4 * (least + 5000));
    refused(sealed, all, least - 1);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("budget");
    TCase *t = tcase_create("budget");
    tcase_set_timeout(t, 120);
    tcase_add_unchecked_fixture(t, open_models, close_models);
    tcase_add_test(t, only_where_it_helps);
    tcase_add_test(t, it_goes_with_the_task);
    tcase_add_test(t, the_old_stay);
    tcase_add_test(t, no_more_than_given);
    tcase_add_test(t, no_more_without_a_pathway);
    tcase_add_test(t, a_tenth_unless_given);
    tcase_add_test(t, no_more_of_several);
    suite_add_tcase(s, t);
    return run_suite(s);
}

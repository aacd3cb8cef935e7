/* Learning by doing: one example at a time, on a trainer in any state; sealed tasks stay as they are to the bit. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <malloc.h>
#include "model/model.h"
#include "train/train.h"
#include "train_rig.h"
#include "suite.h"

enum { TASKS = 1 << R_TEXT | 1 << R_TABLE };

static pwy_example *row(int task, int64_t i)
{
    pwy_example *ex;
    OK(pwy_example_new(&ex));
    rig_row(task, i, ex);
    return ex;
}

static void learn(pwy_trainer *t, int task, int64_t i)
{
    pwy_example *ex = row(task, i);
    OK(pwy_trainer_learn(t, rig_task[task].name, ex));
    pwy_example_free(ex);
}

static pwy_model *model_of(pwy_trainer *t)
{
    pwy_model *m;
    OK(pwy_trainer_model(t, &m));
    return m;
}

/* The label that a model gives to a message, and how sure it is; the caller's. */
static char *answer(pwy_model *m, const char *message, double *score)
{
    pwy_session *s = rig_session(m, NULL);
    pwy_example *ex;
    pwy_result *r;
    OK(pwy_example_new(&ex));
    OK(pwy_example_set_text(ex, "message", message, -1));
    OK(pwy_session_predict(s, "words", ex, &r));
    char *label = strdup(pwy_result_label(r, 0));
    *score = pwy_result_score(r, 0);
    pwy_result_free(r);
    pwy_example_free(ex);
    pwy_session_free(s);
    return label;
}

/* What a trained model gets wrong, it gets right once it was told a few times, and what it got right stays right. */
static void learns_what_it_errs_on(pwy_trainer *t, pwy_model *m)
{
    static const char wrong[] = "awful rain again b";
    double score;
    char *was = answer(m, wrong, &score);
    const char *want = strcmp(was, "odd") == 0 ? "even" : "odd";
    pwy_example *ex;
    OK(pwy_example_new(&ex));
    OK(pwy_example_set_text(ex, "message", wrong, -1));
    OK(pwy_example_set_label(ex, want));
    for (int i = 0; i < 60; i++) OK(pwy_trainer_learn(t, "words", ex));
    ck_assert_int_eq(pwy_trainer_learned(t), 60);
    pwy_model *taught = model_of(t), *again = rig_reopened(taught);
    char *now = answer(taught, wrong, &score), *later = answer(again, wrong, &score);
    ck_assert_msg(strcmp(now, want) == 0, "'%s' is still %s", wrong, now);
    ck_assert_str_eq(later, want);
    free(was);
    free(now);
    free(later);
    pwy_example_free(ex);
    pwy_model_free(again);
    pwy_model_free(taught);
}

START_TEST(after_a_run)
{
    pwy_model *blank = rig_model(NULL, TASKS, NULL), *m;
    pwy_trainer *t = rig_trainer(blank, "steps: 12, batch: 8");
    OK(pwy_trainer_run(t));
    m = model_of(t);
    learns_what_it_errs_on(t, m);
    pwy_trainer_free(t);
    pwy_model_free(m);
    pwy_model_free(blank);
}
END_TEST

/* A model from a file has no rows: it learns by doing alone, and says so when it is asked to run. */
START_TEST(on_a_saved_model)
{
    pwy_model *trained = rig_trained(rig_model(NULL, TASKS, NULL), "steps: 12, batch: 8"), *m = rig_reopened(trained);
    pwy_trainer *t = rig_trainer(m, "lr: 0.01");
    FAILS(pwy_trainer_run(t), PWY_E_STATE);
    SAYS("no task has training rows");
    FAILS(pwy_trainer_step(t, NULL, NULL), PWY_E_STATE);
    struct bytes before = rig_bytes(m);
    same(before, snapshot(t));
    learns_what_it_errs_on(t, m);
    pwy_trainer_free(t);
    pwy_model_free(m);
    pwy_model_free(trained);
}
END_TEST

/* A fresh one learns from nothing else, and what it learned can be sealed. */
START_TEST(on_a_fresh_model)
{
    pwy_model *blank = rig_model(NULL, TASKS, NULL), *m, *sealed;
    pwy_trainer *t = rig_trainer(blank, "steps: 12, batch: 8");
    m = model_of(t);
    FAILS(pwy_model_seal(m, "words", NULL, &sealed), PWY_E_STATE);
    pwy_model_free(m);
    for (int64_t i = 0; i < 20; i++) learn(t, R_TEXT, i);
    ck_assert_int_eq(pwy_trainer_steps(t), 0);
    m = model_of(t);
    OK(pwy_model_seal(m, "words", NULL, &sealed));
    OK(pwy_model_check(sealed, "words"));
    FAILS(pwy_model_seal(m, "price", NULL, &sealed), PWY_E_STATE);
    SAYS("price");
    pwy_model_free(sealed);
    pwy_model_free(m);
    pwy_trainer_free(t);
    pwy_model_free(blank);
}
END_TEST

/* Any task learns so, whatever its senses and kind. */
START_TEST(every_kind)
{
    pwy_model *blank = rig_model(NULL, R_ALL, NULL), *m;
    pwy_trainer *t = rig_trainer(blank, "steps: 4, batch: 8, lr: 0.05");
    OK(pwy_trainer_run(t));
    m = model_of(t);
    for (int task = 0; task < R_TASKS; task++) {
        char *before = rig_ask(m, NULL, 1 << task, 8, 8);
        for (int i = 0; i < 5; i++) learn(t, task, 1);
        pwy_model *now = model_of(t);
        char *after = rig_ask(now, NULL, 1 << task, 8, 8);
        ck_assert_msg(task == R_WRITE || task == R_GO || strcmp(before, after) != 0, "%s learned nothing",
                      rig_task[task].name);
        free(before);
        free(after);
        pwy_model_free(now);
    }
    pwy_model_free(m);
    pwy_trainer_free(t);
    pwy_model_free(blank);
}
END_TEST

static struct bytes own_numbers(pwy_trainer *t, const char *prefix)
{
    struct bytes b = {NULL, 0};
    for (int i = 0; i < t->model->params->n; i++) {
        const struct pw_param *p = t->model->params->list[i];
        if (strncmp(p->name, prefix, strlen(prefix)) != 0) continue;
        size_t len = (size_t)p->n * sizeof(real);
        b.data = realloc(b.data, (size_t)b.len + len);
        memcpy((char *)b.data + b.len, p->w, len);
        b.len += (int64_t)len;
    }
    ck_assert(b.len > 0);
    return b;
}

/* What another task has of its own is not moved, by what is left of the momentum of its own examples either. */
START_TEST(others_are_left_alone)
{
    static const char *const how[] = {"steps: 3, batch: 8", "steps: 3, batch: 8, optimizer: adafactor"};
    pwy_model *blank = rig_model(NULL, TASKS, NULL);
    pwy_trainer *t = rig_trainer(blank, how[_i]);
    OK(pwy_trainer_run(t));
    for (int64_t i = 0; i < 3; i++) learn(t, R_TEXT, i);
    struct bytes before = own_numbers(t, "task/words/"), mine = own_numbers(t, "task/price/");
    for (int64_t i = 0; i < 3; i++) learn(t, R_TABLE, i);
    struct bytes now = own_numbers(t, "task/price/");
    ck_assert(memcmp(mine.data, now.data, (size_t)now.len) != 0);
    same(before, own_numbers(t, "task/words/"));
    free(mine.data);
    free(now.data);
    pwy_trainer_free(t);
    pwy_model_free(blank);
}
END_TEST

static pwy_model *sealed_and_open(void)
{
    pwy_model *m = rig_trained(rig_model(NULL, TASKS | 1 << R_IMAGE, NULL), "steps: 8, batch: 8"), *out;
    OK(pwy_model_seal(m, "price", NULL, &out));
    pwy_model_free(m);
    OK(pwy_model_seal(out, "shape", NULL, &m));
    pwy_model_free(out);
    return m;
}

START_TEST(sealed_tasks_stay)
{
    pwy_model *m = sealed_and_open();
    pwy_trainer *t = rig_trainer(m, "lr: 0.05");
    pwy_example *ex = row(R_TABLE, 3);
    char *old = rig_ask(m, NULL, 1 << R_TABLE | 1 << R_IMAGE, 16, 1), *words = rig_ask(m, NULL, 1 << R_TEXT, 16, 1);
    FAILS(pwy_trainer_learn(t, "price", ex), PWY_E_STATE);
    SAYS("task 'price': it is sealed");
    ck_assert_int_eq(pwy_trainer_learned(t), 0);
    for (int64_t i = 0; i < 30; i++) learn(t, R_TEXT, i);
    pwy_model *now = model_of(t), *again = rig_reopened(now);
    rig_same_answers(now, NULL, 1 << R_TABLE | 1 << R_IMAGE, 16, old);
    rig_same_answers(again, "threads: 2", 1 << R_TABLE | 1 << R_IMAGE, 16, old);
    OK(pwy_model_check(again, "price"));
    OK(pwy_model_check(again, "shape"));
    char *moved = rig_ask(again, NULL, 1 << R_TEXT, 16, 1);
    ck_assert_str_ne(words, moved);
    free(moved);
    free(words);
    free(old);
    pwy_example_free(ex);
    pwy_model_free(again);
    pwy_model_free(now);
    pwy_trainer_free(t);
    pwy_model_free(m);
}
END_TEST

/* While tasks are added, those that were there learn no more. */
START_TEST(added_tasks_learn)
{
    pwy_model *m = sealed_and_open();
    pwy_registry *r = rig_registry(NULL, 1 << R_SERIES);
    pwy_trainer *t;
    char *old = rig_ask(m, NULL, TASKS, 16, 1);
    OK(pwy_trainer_add(m, r, NULL, &t));
    pwy_example *ex = row(R_TEXT, 3);
    FAILS(pwy_trainer_learn(t, "words", ex), PWY_E_STATE);
    SAYS("words");
    for (int64_t i = 0; i < 10; i++) learn(t, R_SERIES, i);
    pwy_model *now = model_of(t);
    rig_same_answers(now, NULL, TASKS, 16, old);
    free(old);
    pwy_example_free(ex);
    pwy_model_free(now);
    pwy_trainer_free(t);
    pwy_registry_free(r);
    pwy_model_free(m);
}
END_TEST

static void refuses(pwy_trainer *t, const char *task, const pwy_example *ex, pwy_status status, const char *says)
{
    struct bytes before = snapshot(t);
    FAILS(pwy_trainer_learn(t, task, ex), status);
    SAYS(says);
    same(before, snapshot(t));
}

START_TEST(what_cannot_be_learned)
{
    pwy_model *blank = rig_model(NULL, TASKS, NULL);
    pwy_trainer *t = rig_trainer(blank, "steps: 4, batch: 8");
    pwy_example *ex, *number = row(R_TABLE, 2);
    OK(pwy_trainer_run(t));
    OK(pwy_example_new(&ex));
    OK(pwy_example_set_text(ex, "message", "fine", -1));
    refuses(t, "words", ex, PWY_E_DATA, "task 'words': it has no label");
    OK(pwy_example_set_label(ex, "evn"));
    refuses(t, "words", ex, PWY_E_DATA, "even");
    refuses(t, "wurds", ex, PWY_E_NOT_FOUND, "words");
    refuses(t, "price", ex, PWY_E_ARGUMENT, "message");
    OK(pwy_example_set_label(number, "nan"));
    refuses(t, "price", number, PWY_E_DATA, "a finite number");
    ck_assert_int_eq(pwy_example_set_number(number, (double)NAN), PWY_E_DATA);
    pwy_example_clear(ex);
    OK(pwy_example_set_label(ex, "even"));
    refuses(t, "words", ex, PWY_E_DATA, "none of the task's parts");
    FAILS(pwy_trainer_learn(NULL, "words", ex), PWY_E_ARGUMENT);
    FAILS(pwy_trainer_learn(t, NULL, ex), PWY_E_ARGUMENT);
    FAILS(pwy_trainer_learn(t, "words", NULL), PWY_E_ARGUMENT);
    ck_assert_int_eq(pwy_trainer_learned(t), 0);
    pwy_example_free(ex);
    pwy_example_free(number);
    pwy_trainer_free(t);
    pwy_model_free(blank);
}
END_TEST

/* A rate that makes numbers too large is told, and the weights stay as they were before that example. */
START_TEST(not_finite)
{
    pwy_model *blank = rig_model(NULL, 1 << R_TABLE, NULL);
    pwy_trainer *t = rig_trainer(blank, "steps: 4, batch: 8, learn_lr: 1, clip: 0");
    pwy_example *ex = row(R_TABLE, 2);
    struct pw_param *w;
    learn(t, R_TABLE, 1);
    w = pw_params_find(t->model->params, "task/price/head.w");
    w->w[0] = INFINITY;
    real was = w->w[1];
    FAILS(pwy_trainer_learn(t, "price", ex), PWY_E_STATE);
    SAYS("smaller learn_lr than 1");
    ck_assert(w->w[1] == was);
    ck_assert_int_eq(pwy_trainer_learned(t), 1);
    pwy_example_free(ex);
    pwy_trainer_free(t);
    pwy_model_free(blank);
}
END_TEST

/* Saved between examples and gone on: the same bytes as without, run included. */
static struct bytes taught(const char *options, bool saved)
{
    pwy_model *m = rig_model(NULL, TASKS, NULL);
    pwy_trainer *t = rig_trainer(m, options);
    for (int i = 0; i < 3; i++) OK(pwy_trainer_step(t, NULL, NULL));
    for (int64_t i = 0; i < 5; i++) learn(t, i % 2 ? R_TEXT : R_TABLE, i);
    if (saved) {
        pwy_registry *r = rig_registry(NULL, TASKS);
        OK(pwy_trainer_save(t, in_folder("half")));
        pwy_trainer_free(t);
        OK(pwy_trainer_open(r, in_folder("half"), NULL, &t));
        pwy_registry_free(r);
        ck_assert_int_eq(pwy_trainer_learned(t), 5);
    }
    for (int64_t i = 5; i < 9; i++) learn(t, R_TEXT, i);
    struct bytes b = finish(t);
    pwy_model_free(m);
    return b;
}

START_TEST(saved_and_gone_on)
{
    same(taught("steps: 6, batch: 8, dropout: 0.1", false), taught("steps: 6, batch: 8, dropout: 0.1", true));
    same(taught("steps: 6, batch: 8, threads: 2", false), taught("steps: 6, batch: 8", true));
    same(taught("steps: 6, batch: 8, optimizer: adafactor", false),
         taught("steps: 6, batch: 8, optimizer: adafactor", true));
}
END_TEST

/* How many were learned stands in the model, and adds up over trainers. */
START_TEST(counted)
{
    pwy_model *m = rig_trained(rig_model(NULL, TASKS, NULL), "steps: 3, batch: 8");
    for (int round = 1; round <= 2; round++) {
        pwy_model *old = rig_reopened(m);
        pwy_trainer *t = rig_trainer(old, NULL);
        for (int64_t i = 0; i < 4; i++) learn(t, R_TEXT, i);
        pwy_model_free(m);
        m = model_of(t);
        pwy_trainer_free(t);
        pwy_model_free(old);
        char *json, want[32];
        OK(pwy_model_describe(m, &json));
        snprintf(want, sizeof want, "\"learned\":%d", 4 * round);
        ck_assert_msg(strstr(json, want) != NULL, "no %s in %s", want, json);
        ck_assert_ptr_nonnull(strstr(json, "\"steps\":3"));
        pwy_text_free(json);
    }
    ck_assert_int_eq(pwy_trainer_learned(NULL), 0);
    pwy_model_free(m);
}
END_TEST

/* A thousand examples later no more memory is held than after the first few, and none took more than those. */
START_TEST(memory_is_bounded)
{
    pwy_model *m = rig_trained(rig_model(NULL, TASKS, NULL), "steps: 3, batch: 8");
    pwy_trainer *t = rig_trainer(m, "lr: 0.001");
    for (int64_t i = 0; i < 100; i++) learn(t, i % 2 ? R_TEXT : R_TABLE, i);
    size_t before = mallinfo2().uordblks + mallinfo2().hblkhd;
    for (int64_t i = 0; i < 1000; i++) {
        learn(t, i % 2 ? R_TEXT : R_TABLE, i % 100);
        size_t now = mallinfo2().uordblks + mallinfo2().hblkhd;
        ck_assert_msg(now <= before, "%lld more bytes after example %lld", (long long)(now - before), (long long)i);
    }
    pwy_trainer_free(t);
    pwy_model_free(m);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("learn");
    TCase *t = add_case(s, "learn");
    tcase_add_test(t, after_a_run);
    tcase_add_test(t, on_a_saved_model);
    tcase_add_test(t, on_a_fresh_model);
    tcase_add_test(t, every_kind);
    tcase_add_loop_test(t, others_are_left_alone, 0, 2);
    tcase_add_test(t, sealed_tasks_stay);
    tcase_add_test(t, added_tasks_learn);
    tcase_add_test(t, what_cannot_be_learned);
    tcase_add_test(t, not_finite);
    tcase_add_test(t, saved_and_gone_on);
    tcase_add_test(t, counted);
    tcase_add_test(t, memory_is_bounded);
    return run_suite(s);
}

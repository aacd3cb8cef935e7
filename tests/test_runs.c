/* Runs: the same seed gives the same file, on any threads, stopped and resumed, by minutes and replayed. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "train_rig.h"
#include "train/train.h"
#include "suite.h"
#include <pthread.h>

/* --- the same file --- */

START_TEST(any_number_of_threads)
{
    same(trained(R_ALL, "steps: 12, batch: 16, dropout: 0.1"),
         trained(R_ALL, "steps: 12, batch: 16, dropout: 0.1, threads: 2"));
    same(trained(R_QUICK, "epochs: 2, batch: 16"), trained(R_QUICK, "epochs: 2, batch: 16, threads: 3"));
}
END_TEST

START_TEST(seeds_and_dropout_matter)
{
    struct bytes a = trained(R_QUICK, "steps: 6, seed: 1"), b = trained(R_QUICK, "steps: 6, seed: 2");
    struct bytes c = trained(R_QUICK, "steps: 6, seed: 1, dropout: 0.3");
    ck_assert(a.len != b.len || memcmp(a.data, b.data, (size_t)a.len) != 0);
    ck_assert(a.len != c.len || memcmp(a.data, c.data, (size_t)a.len) != 0);
    free(a.data);
    free(b.data);
    free(c.data);
}
END_TEST

START_TEST(step_by_step_or_in_one_run)
{
    pwy_model *m = rig_model(NULL, R_QUICK, NULL);
    pwy_trainer *t = rig_trainer(m, "steps: 7");
    int done = 0;
    double loss;
    while (!done) OK(pwy_trainer_step(t, &loss, &done));
    FAILS(pwy_trainer_step(t, &loss, &done), PWY_E_STATE);
    struct bytes a = snapshot(t), again = snapshot(t);
    rig_same(a, again);
    free(again.data);
    pwy_trainer_free(t);
    same(a, finish(rig_trainer(m, "steps: 7")));
    pwy_model_free(m);
}
END_TEST

/* --- stopped, and going on --- */

static int stop_at(const pwy_progress *p, void *user)
{
    (void)user;
    return pwy_progress_step(p) >= 5;
}

/* Makes every step slow enough to be reported. */
static pwy_status slow_row(int64_t i, pwy_example *ex, void *user)
{
    (void)user;
    usleep(3000);
    rig_parts(R_TEXT, i, ex);
    rig_target(R_TEXT, i, ex);
    return PWY_OK;
}

static pwy_registry *slow_registry(void)
{
    pwy_registry *r;
    pwy_task *t;
    pwy_source *s;
    OK(pwy_registry_new(NULL, &r));
    OK(pwy_registry_add(r, "words", PWY_CLASSIFY, &t));
    OK(pwy_task_add_part(t, "message", "text"));
    OK(pwy_source_from_function(NULL, R_ROWS, slow_row, NULL, NULL, &s));
    OK(pwy_task_set_source(t, PWY_TRAIN, s));
    pwy_source_free(s);
    return r;
}

START_TEST(stopped_by_progress_and_run_again)
{
    pwy_registry *r = slow_registry();
    pwy_options *o = rig_options(RIG_SHAPE);
    pwy_model *m;
    OK(pwy_model_new(r, o, &m));
    pwy_trainer *t = rig_trainer(m, "steps: 12, batch: 16");
    OK(pwy_trainer_on_progress(t, stop_at, NULL, NULL));
    FAILS(pwy_trainer_run(t), PWY_E_CANCELLED);
    ck_assert_int_ge(pwy_trainer_steps(t), 5);
    ck_assert_int_lt(pwy_trainer_steps(t), 12);
    OK(pwy_trainer_on_progress(t, NULL, NULL, NULL));
    same(finish(t), finish(rig_trainer(m, "steps: 12, batch: 16")));
    pwy_options_free(o);
    pwy_registry_free(r);
    pwy_model_free(m);
}
END_TEST

static void *cancel(void *arg)
{
    usleep(60000);
    pwy_trainer_cancel(arg);
    return NULL;
}

START_TEST(stopped_from_another_thread)
{
    pwy_registry *r = slow_registry();
    pwy_options *o = rig_options(RIG_SHAPE);
    pwy_model *m;
    pthread_t thread;
    OK(pwy_model_new(r, o, &m));
    pwy_trainer *t = rig_trainer(m, "steps: 1000, batch: 8");
    pthread_create(&thread, NULL, cancel, t);
    FAILS(pwy_trainer_run(t), PWY_E_CANCELLED);
    pthread_join(thread, NULL);
    ck_assert_int_lt(pwy_trainer_steps(t), 900);
    pwy_trainer_free(t);
    pwy_options_free(o);
    pwy_registry_free(r);
    pwy_model_free(m);
}
END_TEST

static pwy_trainer *go_on(int tasks, const char *path, const char *options)
{
    pwy_registry *r = rig_registry(NULL, tasks);
    pwy_options *o = rig_options(options);
    pwy_trainer *t;
    OK(pwy_trainer_open(r, path, o, &t));
    pwy_options_free(o);
    pwy_registry_free(r);
    return t;
}

START_TEST(saved_and_resumed)
{
    static const char run[] = "steps: 12, batch: 16, dropout: 0.1, lr: 0.01";
    pwy_model *m = rig_model(NULL, R_ALL, NULL);
    pwy_trainer *t = rig_trainer(m, run);
    struct bytes straight = finish(rig_trainer(m, run));
    for (int i = 0; i < 12; i++) {
        if (i == 0 || i == 5 || i == 9) {
            OK(pwy_trainer_save(t, in_folder("half")));
            pwy_trainer_free(t);
            t = go_on(R_ALL, in_folder("half"), i == 5 ? "threads: 2" : NULL);
            ck_assert_int_eq(pwy_trainer_steps(t), i);
        }
        OK(pwy_trainer_step(t, NULL, NULL));
    }
    OK(pwy_trainer_save(t, in_folder("end")));
    pwy_trainer_free(t);
    t = go_on(R_ALL, in_folder("end"), NULL);
    same(straight, finish(t));
    pwy_model_free(m);
}
END_TEST

/* How many experts of the trainer's have moved, but not in the last step. */
static int asleep(const pwy_trainer *t)
{
    int n = 0;
    for (int i = 0; i < t->adamw.n; i++)
        for (int64_t e = 0; t->model->params->list[i]->slice != NULL && e < t->adamw.of[i].n; e++)
            n += t->adamw.of[i].slot[e].m != NULL && t->adamw.of[i].slot[e].step < t->adamw.steps;
    return n;
}

/* Neither being saved nor giving out its model wakes an expert, or changes where the run ends. */
START_TEST(saved_while_experts_sleep)
{
    static const char run[] = "steps: 14, batch: 2, lr: 0.02, weight_decay: 0.1";
    pwy_model *m = rig_model(NULL, R_QUICK, "d: 16, layers: 2, heads: 2, experts: 64, topk: 1, hidden: 8, vocab: 300"), *look;
    pwy_trainer *t = rig_trainer(m, run);
    struct bytes straight = finish(rig_trainer(m, run));
    for (int i = 0; i < 14; i++) {
        if (i == 6 || i == 11) {
            ck_assert_int_gt(asleep(t), 0);
            OK(pwy_trainer_model(t, &look));
            pwy_model_free(look);
            OK(pwy_trainer_save(t, in_folder("asleep")));
            pwy_trainer_free(t);
            t = go_on(R_QUICK, in_folder("asleep"), i == 6 ? "threads: 2" : NULL);
            ck_assert_int_gt(asleep(t), 0);
        }
        OK(pwy_trainer_step(t, NULL, NULL));
    }
    same(straight, finish(t));
    pwy_model_free(m);
}
END_TEST

START_TEST(adafactor_saved_and_resumed)
{
    static const char run[] = "steps: 10, batch: 4, optimizer: adafactor";
    pwy_model *m = rig_model(NULL, R_ALL, "d: 16, layers: 1, heads: 2, experts: 8, topk: 1, hidden: 8, vocab: 300");
    pwy_trainer *t = rig_trainer(m, run);
    struct bytes straight = finish(rig_trainer(m, run));
    for (int i = 0; i < 10; i++) {
        if (i == 4) {
            OK(pwy_trainer_save(t, in_folder("factored")));
            pwy_trainer_free(t);
            t = go_on(R_ALL, in_folder("factored"), "threads: 2");
            ck_assert(t->adamw.adafactor);
        }
        OK(pwy_trainer_step(t, NULL, NULL));
    }
    same(straight, finish(t));
    pwy_model_free(m);
}
END_TEST

START_TEST(made_again_is_the_same)
{
    same(trained(R_ALL, "steps: 8, batch: 16, dropout: 0.1"),
         trained(R_ALL, "steps: 8, batch: 16, dropout: 0.1, recompute: true, threads: 2"));
}
END_TEST

START_TEST(accumulated_on_any_threads)
{
    static const char run[] = "steps: 6, batch: 15, dropout: 0.1, accumulate: 4";
    pwy_model *m = rig_model(NULL, R_ALL, NULL);
    pwy_trainer *t = rig_trainer(m, run);
    struct bytes straight = finish(rig_trainer(m, run));
    for (int i = 0; i < 6; i++) {
        if (i == 3) {
            OK(pwy_trainer_save(t, in_folder("parts")));
            pwy_trainer_free(t);
            t = go_on(R_ALL, in_folder("parts"), "threads: 2, recompute: true");
        }
        OK(pwy_trainer_step(t, NULL, NULL));
    }
    same(straight, finish(t));
    pwy_model_free(m);
}
END_TEST

static void keep_warning(pwy_log_level level, const char *message, void *user)
{
    if (level == PWY_LOG_WARNING && strstr(message, "lr") != NULL) snprintf(user, 200, "%s", message);
}

START_TEST(a_run_goes_on_as_it_began)
{
    char warning[200] = "";
    pwy_context *ctx;
    pwy_model *m = rig_model(NULL, 1 << R_TEXT, NULL);
    OK(pwy_context_new(NULL, &ctx));
    OK(pwy_context_on_log(ctx, keep_warning, warning, NULL));
    pwy_trainer *t = rig_trainer(m, "steps: 4, lr: 0.003");
    OK(pwy_trainer_step(t, NULL, NULL));
    OK(pwy_trainer_save(t, in_folder("begun")));
    struct bytes straight = finish(t);
    pwy_registry *r = rig_registry(ctx, 1 << R_TEXT);
    pwy_options *o = rig_options("minutes: 1, lr: 0.01, threads: 2");
    OK(pwy_trainer_open(r, in_folder("begun"), o, &t));
    ck_assert_msg(strstr(warning, "0.003") != NULL, "'%s'", warning);
    same(straight, finish(t));
    pwy_options_free(o);
    pwy_registry_free(r);
    pwy_model_free(m);
    pwy_context_free(ctx);
}
END_TEST

START_TEST(the_checkpoint_option)
{
    char options[256];
    pwy_model *m = rig_model(NULL, R_QUICK, NULL);
    snprintf(options, sizeof options, "steps: 30, checkpoint: '%s'", in_folder("stopped"));
    pwy_trainer *t = rig_trainer(m, options);
    OK(pwy_trainer_on_progress(t, stop_at, NULL, NULL));
    for (int i = 0; i < 5; i++) OK(pwy_trainer_step(t, NULL, NULL));
    FAILS(pwy_trainer_run(t), PWY_E_CANCELLED);
    SAYS("stopped");
    pwy_trainer_free(t);
    same(finish(go_on(R_QUICK, in_folder("stopped"), NULL)), finish(rig_trainer(m, "steps: 30")));
    pwy_model_free(m);
}
END_TEST

START_TEST(a_run_by_minutes_is_replayed)
{
    char *plan, options[4096];
    pwy_model *m = rig_model(NULL, R_QUICK, NULL);
    pwy_trainer *t = rig_trainer(m, "minutes: 0.02");
    OK(pwy_trainer_run(t));
    OK(pwy_trainer_plan(t, &plan));
    struct bytes there = snapshot(t);
    ck_assert_int_ge(pwy_trainer_steps(t), 8);
    pwy_trainer_free(t);
    ck_assert_int_lt(snprintf(options, sizeof options, "%s", plan), (int)sizeof options);
    same(there, finish(rig_trainer(m, options)));
    pwy_text_free(plan);
    pwy_model_free(m);
}
END_TEST

/* A run by minutes that was stopped and went on is replayed by what it reports in the end. */
START_TEST(a_resumed_run_by_minutes_is_replayed)
{
    char *plan;
    pwy_model *m = rig_model(NULL, R_QUICK, NULL);
    pwy_trainer *t = rig_trainer(m, "minutes: 0.02");
    for (int done = 0; !done && pwy_trainer_steps(t) < 30;) OK(pwy_trainer_step(t, NULL, &done));
    OK(pwy_trainer_save(t, in_folder("minutes")));
    pwy_trainer_free(t);
    t = go_on(R_QUICK, in_folder("minutes"), NULL);
    OK(pwy_trainer_run(t));
    OK(pwy_trainer_plan(t, &plan));
    struct bytes there = snapshot(t);
    pwy_trainer_free(t);
    same(there, finish(rig_trainer(m, plan)));
    pwy_text_free(plan);
    pwy_model_free(m);
}
END_TEST

START_TEST(checkpoints_that_are_none)
{
    pwy_registry *r = rig_registry(NULL, R_QUICK), *other = rig_registry(NULL, 1 << R_TEXT);
    pwy_model *m = rig_model(NULL, R_QUICK, NULL);
    pwy_trainer *t = rig_trainer(m, "steps: 5"), *none = NULL;
    FAILS(pwy_trainer_open(r, in_folder("nothing"), NULL, &none), PWY_E_NOT_FOUND);
    OK(pwy_model_save(m, in_folder("model")));
    FAILS(pwy_trainer_open(r, in_folder("model"), NULL, &none), PWY_E_FORMAT);
    SAYS("checkpoint");
    OK(pwy_trainer_save(t, in_folder("good")));
    FAILS(pwy_trainer_open(other, in_folder("good"), NULL, &none), PWY_E_NOT_FOUND);
    pwy_options *o = rig_options("thraeds: 1");
    FAILS(pwy_trainer_open(r, in_folder("good"), o, &none), PWY_E_ARGUMENT);
    SAYS("threads");
    pwy_options_free(o);
    FAILS(pwy_trainer_save(t, "/nowhere/at/all"), PWY_E_NOT_FOUND);
    ck_assert_ptr_null(none);
    pwy_trainer_free(t);
    pwy_model_free(m);
    pwy_registry_free(r);
    pwy_registry_free(other);
}
END_TEST

/* A checkpoint with some bytes of its texts changed: it goes on or is refused. */
START_TEST(damaged_checkpoints_harm_nobody)
{
    const char *env = getenv("PATHWAYS_MUTATIONS");
    uint32_t state = 7;
    pwy_registry *r = rig_registry(NULL, 1 << R_TEXT | 1 << R_TABLE);
    pwy_model *m = rig_model(NULL, 1 << R_TEXT | 1 << R_TABLE, "d: 8, layers: 1, heads: 2, experts: 2, vocab: 270");
    pwy_trainer *t = rig_trainer(m, "steps: 9, batch: 4");
    for (int i = 0; i < 3; i++) OK(pwy_trainer_step(t, NULL, NULL));
    OK(pwy_trainer_save(t, in_folder("sound")));
    pwy_trainer_free(t);
    struct bytes b = rig_file(in_folder("sound"));
    char *copy = malloc((size_t)b.len), *own = memmem(b.data, (size_t)b.len, "{\"steps\":", 9);
    ck_assert_ptr_nonnull(own);
    for (int i = 0; i < (env != NULL ? atoi(env) : 100); i++) {
        memcpy(copy, b.data, (size_t)b.len);
        for (int k = 0; k < 1 + i % 2; k++) {
            int64_t at = (state = state * 1664525 + 1013904223) >> 8;
            at = i % 4 ? own - (char *)b.data + at % 420 : at % (own - (char *)b.data);
            copy[at] = "0123456789-[]{}\",:.e"[(state = state * 1664525 + 1013904223) % 20];
        }
        FILE *f = fopen(in_folder("damaged"), "wb");
        ck_assert_int_eq((int64_t)fwrite(copy, 1, (size_t)b.len, f), b.len);
        fclose(f);
        if (pwy_trainer_open(r, in_folder("damaged"), NULL, &t) != PWY_OK) {
            ck_assert(pwy_error_message()[0] != 0);
            continue;
        }
        pwy_trainer_step(t, NULL, NULL);
        pwy_trainer_free(t);
    }
    free(copy);
    free(b.data);
    pwy_model_free(m);
    pwy_registry_free(r);
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("runs");
    TCase *t = add_case(s, "the same file");
    tcase_add_test(t, any_number_of_threads);
    tcase_add_test(t, seeds_and_dropout_matter);
    tcase_add_test(t, step_by_step_or_in_one_run);
    tcase_add_test(t, stopped_by_progress_and_run_again);
    tcase_add_test(t, stopped_from_another_thread);
    tcase_add_test(t, saved_and_resumed);
    tcase_add_test(t, saved_while_experts_sleep);
    tcase_add_test(t, adafactor_saved_and_resumed);
    tcase_add_test(t, made_again_is_the_same);
    tcase_add_test(t, accumulated_on_any_threads);
    tcase_add_test(t, a_run_goes_on_as_it_began);
    tcase_add_test(t, the_checkpoint_option);
    tcase_add_test(t, a_run_by_minutes_is_replayed);
    tcase_add_test(t, a_resumed_run_by_minutes_is_replayed);
    tcase_add_test(t, checkpoints_that_are_none);
    tcase_add_test(t, damaged_checkpoints_harm_nobody);
    return s;
}

int main(void)
{
    return run_suite(suite());
}

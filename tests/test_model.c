/* Models that answer: the same bits however they are asked, what cannot be answered, and who outlives whom. */
#include "model_rig.h"
#include "suite.h"
#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>

static const char quick_run[] = "steps: 12, batch: 16, seed: 3, lr: 0.01";

/* One trained model of every task, made once in the parent, read by the tests' forked children. */
static pwy_model *all;
static char *all_answers;

static void train_all(void)
{
    all = rig_trained(rig_model(NULL, R_ALL, NULL), quick_run);
    all_answers = rig_ask(all, NULL, R_ALL, 16, 1);
}

static void free_all(void)
{
    free(all_answers);
    pwy_model_free(all);
}

/* --- the same bits --- */

START_TEST(alone_or_together)
{
    rig_same_answers(all, NULL, R_ALL, 16, all_answers);
    rig_same_answers(all, NULL, R_ALL, 5, all_answers);
}
END_TEST

START_TEST(any_number_of_threads)
{
    rig_same_answers(all, "threads: 2", R_ALL, 16, all_answers);
    rig_same_answers(all, "threads: 3", R_ALL, 1, all_answers);
}
END_TEST

START_TEST(saved_and_loaded)
{
    struct bytes b = rig_bytes(all);
    pwy_model *m;
    OK(pwy_model_open_memory(NULL, b.data, b.len, &m));
    rig_same_answers(m, NULL, R_ALL, 16, all_answers);
    struct bytes again = rig_bytes(m);
    rig_same(b, again);
    free(again.data);
    free(b.data);
    pwy_model_free(m);
}
END_TEST

START_TEST(any_kernels)
{
    static const char *const names[] = {"reference", "avx2", "avx512"};
    struct bytes b = rig_bytes(all);
    for (int i = 0; i < 3; i++) {
        pwy_options *o;
        pwy_context *ctx;
        pwy_model *m;
        OK(pwy_options_new(&o));
        OK(pwy_options_set(o, "kernels", names[i]));
        pwy_status status = pwy_context_new(o, &ctx);
        pwy_options_free(o);
        if (status == PWY_E_UNSUPPORTED) continue;
        ck_assert_int_eq(status, PWY_OK);
        OK(pwy_model_open_memory(ctx, b.data, b.len, &m));
        rig_same_answers(m, NULL, R_ALL, 16, all_answers);
        pwy_model_free(m);
        pwy_context_free(ctx);
    }
    free(b.data);
}
END_TEST

START_TEST(whatever_was_asked_before)
{
    pwy_session *s = rig_session(all, NULL);
    char *other = rig_answers(s, R_IMAGE, 7, 7), *got = rig_all_answers(s, R_ALL, 16, 4);
    ck_assert_msg(strcmp(got, all_answers) == 0, "the answers differ");
    free(got);
    free(other);
    pwy_session_free(s);
}
END_TEST

struct asker { pthread_t thread; char *answers; };

static void *ask(void *arg)
{
    struct asker *a = arg;
    a->answers = rig_ask(all, NULL, R_ALL, 16, 8);
    return NULL;
}

START_TEST(many_threads_over_one_model)
{
    struct asker a[4];
    for (int i = 0; i < 4; i++) ck_assert_int_eq(pthread_create(&a[i].thread, NULL, ask, &a[i]), 0);
    for (int i = 0; i < 4; i++) {
        pthread_join(a[i].thread, NULL);
        ck_assert_msg(strcmp(a[i].answers, all_answers) == 0, "the answers differ");
        free(a[i].answers);
    }
}
END_TEST

START_TEST(a_host_that_flushes_to_zero)
{
    pwy_model *usual = rig_trained(rig_model(NULL, R_QUICK, NULL), quick_run);
    rig_odd_mode = 0x1f80 | 0x8040 | 0x6000;    /* of MXCSR: flush to zero, denormals are zeros, round to zero */
    rig_same_answers(all, "threads: 2", R_ALL, 16, all_answers);
    pwy_model *odd = rig_trained(rig_model(NULL, R_QUICK, NULL), quick_run);
    rig_odd_mode = 0;
    struct bytes a = rig_bytes(odd), b = rig_bytes(usual);
    rig_same(a, b);
    free(a.data);
    free(b.data);
    pwy_model_free(odd);
    pwy_model_free(usual);
}
END_TEST

START_TEST(a_forked_child_goes_on)
{
    pwy_session *one = rig_session(all, NULL), *two = rig_session(all, "threads: 2");
    char *warm = rig_answers(two, R_TEXT, 8, 8);
    pid_t child = fork();
    if (child == 0) {
        char *a = rig_all_answers(one, R_ALL, 16, 4), *b = rig_all_answers(two, R_ALL, 16, 16);
        int same = strcmp(a, all_answers) == 0 && strcmp(b, all_answers) == 0;
        pwy_session_free(one);
        pwy_session_free(two);
        _exit(same ? 0 : 1);
    }
    int how;
    ck_assert_int_eq(waitpid(child, &how, 0), child);
    ck_assert(WIFEXITED(how) && WEXITSTATUS(how) == 0);
    free(warm);
    pwy_session_free(one);
    pwy_session_free(two);
}
END_TEST

START_TEST(shuffled_routes_differ)
{
    char *usual = rig_ask(all, NULL, R_ALL, 16, 16), *shuffled = rig_ask(all, "shuffle_routes: 7", R_ALL, 16, 16);
    ck_assert_str_ne(usual, shuffled);
    rig_same_answers(all, "shuffle_routes: 7", R_ALL, 3, shuffled);
    rig_same_answers(all, NULL, R_ALL, 16, all_answers);
    free(usual);
    free(shuffled);
}
END_TEST

/* --- what an answer is --- */

static pwy_result *predict(pwy_session *s, int task, pwy_example *ex)
{
    pwy_result *r;
    OK(pwy_session_predict(s, rig_task[task].name, ex, &r));
    return r;
}

START_TEST(answers_are_whole)
{
    pwy_session *s = rig_session(all, "max_new: 4");
    pwy_example *ex;
    OK(pwy_example_new(&ex));
    for (int t = 0; t < R_TASKS; t++) {
        double sum = 0, last = INFINITY;
        pwy_example_clear(ex);
        rig_parts(t, 3, ex);
        pwy_result *r = predict(s, t, ex);
        for (int64_t i = 0; i < pwy_result_count(r); i++) {
            ck_assert(pwy_result_score(r, i) <= last && pwy_result_score(r, i) >= 0);
            sum += last = pwy_result_score(r, i);
        }
        if (rig_task[t].kind == PWY_CLASSIFY) ck_assert_double_eq_tol(sum, 1, 1e-5);
        if (rig_task[t].kind == PWY_MULTILABEL) ck_assert_int_eq(pwy_result_count(r), 3);
        ck_assert_int_eq(isnan(pwy_result_number(r)) == 0, rig_task[t].kind == PWY_REGRESS);
        ck_assert_int_eq(pwy_result_text(r) != NULL, rig_task[t].kind == PWY_GENERATE);
        ck_assert_double_gt(pwy_result_active_share(r), 0);
        ck_assert_double_le(pwy_result_active_share(r), 1);
        ck_assert_double_gt(pwy_result_flops(r), 0);
        ck_assert_ptr_nonnull(strstr(pwy_result_json(r), rig_task[t].name));
        ck_assert_ptr_null(strchr(pwy_result_json(r), '\n'));
        ck_assert_ptr_null(pwy_result_label(r, 99));
        ck_assert(isnan(pwy_result_score(r, -1)));
        pwy_result_free(r);
    }
    pwy_example_free(ex);
    pwy_session_free(s);
}
END_TEST

START_TEST(parts_may_be_missing)
{
    pwy_session *s = rig_session(all, NULL);
    pwy_example *ex;
    double score[3];
    OK(pwy_example_new(&ex));
    for (int which = 0; which < 3; which++) {
        pwy_example_clear(ex);
        if (which != 0) OK(pwy_example_set_text(ex, "caption", "tall one here", -1));
        if (which != 1) rig_fill_picture(ex, 1);
        pwy_result *r = predict(s, R_TWO, ex);
        score[which] = pwy_result_score(r, 0);
        pwy_result_free(r);
    }
    ck_assert(score[0] != score[1] && score[1] != score[2] && score[0] != score[2]);
    pwy_example_free(ex);
    pwy_session_free(s);
}
END_TEST

START_TEST(writing_is_the_same_every_time)
{
    char *greedy = rig_ask(all, NULL, 1 << R_GO | 1 << R_WRITE, 16, 1);
    char *one = rig_ask(all, "temperature: 1, seed: 4", 1 << R_GO, 16, 1);
    char *other = rig_ask(all, "temperature: 1, seed: 5", 1 << R_GO, 16, 1);
    rig_same_answers(all, "threads: 2", 1 << R_GO | 1 << R_WRITE, 16, greedy);
    rig_same_answers(all, "temperature: 1, seed: 4, threads: 2", 1 << R_GO, 16, one);
    ck_assert_str_ne(one, other);
    free(greedy);
    free(one);
    free(other);
}
END_TEST

/* --- what cannot be answered --- */

START_TEST(bad_questions)
{
    pwy_session *s = rig_session(all, NULL);
    pwy_result *none = NULL;
    pwy_example *ex;
    OK(pwy_example_new(&ex));
    FAILS(pwy_session_predict(s, "words", ex, &none), PWY_E_DATA);
    SAYS("message");
    OK(pwy_example_set_text(ex, "message", "hello", -1));
    FAILS(pwy_session_predict(s, "wrods", ex, &none), PWY_E_NOT_FOUND);
    SAYS("words");
    FAILS(pwy_session_predict(s, NULL, ex, &none), PWY_E_NOT_FOUND);
    FAILS(pwy_session_predict(s, "shape", ex, &none), PWY_E_ARGUMENT);
    SAYS("picture");
    OK(pwy_example_set_text(ex, "mesage", "hello", -1));
    FAILS(pwy_session_predict(s, "words", ex, &none), PWY_E_ARGUMENT);
    SAYS("mesage");
    pwy_example_clear(ex);
    rig_fill_picture(ex, 0);
    OK(pwy_example_set_bytes(ex, "picture", "abc", 3));
    FAILS(pwy_session_predict(s, "shape", ex, &none), PWY_E_ARGUMENT);
    SAYS("image");
    pwy_example_clear(ex);
    FAILS(pwy_example_set_text(ex, "message", "", 0), PWY_E_DATA);
    FAILS(pwy_example_set_image(ex, "picture", (const uint8_t *)"", 0, 0, 1), PWY_E_DATA);
    ck_assert_ptr_null(none);
    pwy_example_free(ex);
    pwy_session_free(s);
}
END_TEST

START_TEST(one_bad_question_among_good_ones)
{
    pwy_session *s = rig_session(all, NULL);
    pwy_example *ex[3];
    pwy_result *out[3] = {NULL};
    for (int i = 0; i < 3; i++) {
        OK(pwy_example_new(&ex[i]));
        if (i != 1) rig_parts(R_TEXT, i, ex[i]);
    }
    FAILS(pwy_session_predict_batch(s, "words", (const pwy_example *const *)ex, 3, out), PWY_E_DATA);
    SAYS("2 of 3");
    SAYS("words");
    for (int i = 0; i < 3; i++) ck_assert_ptr_null(out[i]);
    OK(pwy_session_predict_batch(s, "words", NULL, 0, out));
    FAILS(pwy_session_predict_batch(s, "words", NULL, 2, out), PWY_E_ARGUMENT);
    FAILS(pwy_session_predict_batch(s, "words", (const pwy_example *const *)ex, -1, out), PWY_E_ARGUMENT);
    for (int i = 0; i < 3; i++) pwy_example_free(ex[i]);
    pwy_session_free(s);
}
END_TEST

/* More than one pass holds, the last of them bad. */
START_TEST(a_bad_question_far_behind)
{
    enum { N = 150 };
    pwy_session *s = rig_session(all, NULL);
    pwy_example *ex[N];
    pwy_result *out[N] = {NULL};
    for (int i = 0; i < N; i++) {
        OK(pwy_example_new(&ex[i]));
        if (i < N - 1) rig_parts(R_TEXT, i, ex[i]);
    }
    FAILS(pwy_session_predict_batch(s, "words", (const pwy_example *const *)ex, N, out), PWY_E_DATA);
    SAYS("150 of 150");
    for (int i = 0; i < N; i++) ck_assert_ptr_null(out[i]);
    OK(pwy_session_predict_batch(s, "words", (const pwy_example *const *)ex, N - 1, out));
    for (int i = 0; i < N; i++) {
        pwy_result_free(out[i]);
        pwy_example_free(ex[i]);
    }
    pwy_session_free(s);
}
END_TEST

START_TEST(untrained)
{
    pwy_model *m = rig_model(NULL, 1 << R_TEXT, NULL);
    pwy_session *s = rig_session(m, NULL);
    pwy_example *ex;
    pwy_result *r = NULL;
    OK(pwy_example_new(&ex));
    rig_parts(R_TEXT, 0, ex);
    FAILS(pwy_session_predict(s, "words", ex, &r), PWY_E_STATE);
    SAYS("trained");
    ck_assert_ptr_null(r);
    pwy_example_free(ex);
    pwy_session_free(s);
    pwy_model_free(m);
}
END_TEST

START_TEST(nothing_given)
{
    pwy_model *m = NULL;
    pwy_session *s = NULL;
    pwy_score *score = NULL;
    pwy_result *r = NULL;
    void *data;
    int64_t len;
    char *json;
    FAILS(pwy_model_new(NULL, NULL, &m), PWY_E_ARGUMENT);
    FAILS(pwy_model_open(NULL, NULL, &m), PWY_E_ARGUMENT);
    FAILS(pwy_model_open_memory(NULL, NULL, 0, &m), PWY_E_ARGUMENT);
    FAILS(pwy_model_open_memory(NULL, "x", -1, &m), PWY_E_ARGUMENT);
    FAILS(pwy_model_save(all, NULL), PWY_E_ARGUMENT);
    FAILS(pwy_model_save(NULL, "x"), PWY_E_ARGUMENT);
    FAILS(pwy_model_save_memory(all, NULL, &len), PWY_E_ARGUMENT);
    FAILS(pwy_model_save_memory(all, &data, NULL), PWY_E_ARGUMENT);
    FAILS(pwy_model_describe(NULL, &json), PWY_E_ARGUMENT);
    FAILS(pwy_session_new(NULL, NULL, &s), PWY_E_ARGUMENT);
    FAILS(pwy_session_new(all, NULL, NULL), PWY_E_ARGUMENT);
    FAILS(pwy_session_predict(NULL, "words", NULL, &r), PWY_E_ARGUMENT);
    FAILS(pwy_session_evaluate(NULL, "words", NULL, 0, &score), PWY_E_ARGUMENT);
    ck_assert(m == NULL && s == NULL && r == NULL && score == NULL);
    ck_assert_int_eq(pwy_model_parameters(NULL), 0);
    ck_assert_int_eq(pwy_result_count(NULL), 0);
    ck_assert(isnan(pwy_score_value(NULL)));
    pwy_model_free(NULL);
    pwy_session_free(NULL);
    pwy_result_free(NULL);
    pwy_score_free(NULL);
}
END_TEST

static void bad_model(const char *shape, const char *says)
{
    pwy_registry *r = rig_registry(NULL, 1 << R_TEXT);
    pwy_options *o = rig_options(shape);
    pwy_model *m = NULL;
    FAILS(pwy_model_new(r, o, &m), PWY_E_ARGUMENT);
    SAYS(says);
    ck_assert_ptr_null(m);
    pwy_options_free(o);
    pwy_registry_free(r);
}

START_TEST(bad_options)
{
    pwy_session *s = NULL;
    pwy_options *o;
    bad_model("layrs: 2", "layers");
    bad_model("d: 7", "8");
    bad_model("d: 24, heads: 5", "heads");
    bad_model("experts: 2, topk: 3", "topk");
    bad_model("heads: 4, kv_heads: 3", "kv_heads");
    bad_model("vocab: 100", "257");
    bad_model("d: many", "many");
    bad_model("window: 4096", "4095");
    o = rig_options("temprature: 1");
    FAILS(pwy_session_new(all, o, &s), PWY_E_ARGUMENT);
    SAYS("temperature");
    pwy_options_free(o);
    o = rig_options("threads: 0");
    FAILS(pwy_session_new(all, o, &s), PWY_E_ARGUMENT);
    SAYS("threads");
    pwy_options_free(o);
    ck_assert_ptr_null(s);
}
END_TEST

START_TEST(registries_that_make_no_model)
{
    pwy_registry *r;
    pwy_task *t;
    pwy_model *m = NULL;
    OK(pwy_registry_new(NULL, &r));
    FAILS(pwy_model_new(r, NULL, &m), PWY_E_STATE);
    OK(pwy_registry_add(r, "lonely", PWY_CLASSIFY, &t));
    FAILS(pwy_model_new(r, NULL, &m), PWY_E_STATE);
    SAYS("lonely");
    OK(pwy_task_add_part(t, "x", "text"));
    FAILS(pwy_model_new(r, NULL, &m), PWY_E_STATE);
    SAYS("lonely");
    pwy_source *s = rig_source(NULL, R_TABLE, 0, 4);      /* targets that are numbers, rows without the part */
    OK(pwy_task_set_source(t, PWY_TRAIN, s));
    OK(pwy_model_new(r, NULL, &m));
    pwy_trainer *trainer = rig_trainer(m, "steps: 1");
    FAILS(pwy_trainer_run(trainer), PWY_E_ARGUMENT);
    SAYS("task 'lonely' has no part 'row'");
    pwy_trainer_free(trainer);
    pwy_model_free(m);
    pwy_source_free(s);
    pwy_registry_free(r);
}
END_TEST

/* --- evaluation --- */

static void count_log(pwy_log_level level, const char *message, void *user)
{
    (void)level;
    *(int *)user += strstr(message, "skipped") != NULL;
}

/* 30 rows, of which 3 are bad. */
static pwy_source *spoiled(int task)
{
    pwy_source *s = rig_source(NULL, task, 0, 27);
    pwy_example *ex;
    OK(pwy_example_new(&ex));
    for (int i = 0; i < 3; i++) {
        pwy_example_clear(ex);
        rig_parts(task, i, ex);
        OK(pwy_example_set_label(ex, "neither"));
        OK(pwy_source_append(s, ex));
    }
    pwy_example_free(ex);
    return s;
}

START_TEST(evaluation_skips_bad_rows)
{
    int logged = 0;
    pwy_context *ctx;
    pwy_model *m;
    pwy_score *score = NULL;
    struct bytes b = rig_bytes(all);
    OK(pwy_context_new(NULL, &ctx));
    OK(pwy_context_on_log(ctx, count_log, &logged, NULL));
    OK(pwy_model_open_memory(ctx, b.data, b.len, &m));
    pwy_session *s = rig_session(m, NULL);
    pwy_source *rows = spoiled(R_TEXT);
    OK(pwy_session_evaluate(s, "words", rows, 3, &score));
    ck_assert_int_eq(pwy_score_n(score), 27);
    ck_assert_int_eq(pwy_score_bad_rows(score), 3);
    ck_assert_int_eq(logged, 3);
    ck_assert_str_eq(pwy_score_metric(score), "accuracy");
    ck_assert_ptr_nonnull(strstr(pwy_score_json(score), "\"bad_rows\":3"));
    pwy_score_free(score);
    score = NULL;
    FAILS(pwy_session_evaluate(s, "words", rows, 2, &score), PWY_E_LIMIT);
    SAYS("neither");
    ck_assert_ptr_null(score);
    pwy_source_free(rows);
    pwy_session_free(s);
    pwy_model_free(m);
    pwy_context_free(ctx);
    free(b.data);
}
END_TEST

START_TEST(every_task_is_scored)
{
    pwy_session *one = rig_session(all, NULL), *two = rig_session(all, "threads: 2");
    for (int t = 0; t < R_TASKS; t++) {
        pwy_source *rows = rig_source(NULL, t, 200, 290);
        pwy_score *a, *b;
        OK(pwy_session_evaluate(one, rig_task[t].name, rows, 0, &a));
        OK(pwy_session_evaluate(two, rig_task[t].name, rows, 0, &b));
        ck_assert_str_eq(pwy_score_json(a), pwy_score_json(b));
        ck_assert_int_eq(pwy_score_n(a), 90);
        ck_assert(isfinite(pwy_score_value(a)) && isfinite(pwy_score_baseline(a)));
        ck_assert_int_gt(pwy_score_active_parameters(a), 0);
        ck_assert_int_le(pwy_score_active_parameters(a), pwy_score_total_parameters(a));
        pwy_score_free(a);
        pwy_score_free(b);
        pwy_source_free(rows);
    }
    pwy_session_free(one);
    pwy_session_free(two);
}
END_TEST

START_TEST(an_empty_source_scores_nothing)
{
    pwy_session *s = rig_session(all, NULL);
    pwy_source *rows = rig_source(NULL, R_TEXT, 0, 0);
    pwy_score *score;
    OK(pwy_session_evaluate(s, "words", rows, 0, &score));
    ck_assert_int_eq(pwy_score_n(score), 0);
    ck_assert(isnan(pwy_score_value(score)));
    pwy_score_free(score);
    pwy_source_free(rows);
    pwy_session_free(s);
}
END_TEST

/* --- lives --- */

START_TEST(ends_in_any_order)
{
    pwy_context *ctx;
    pwy_model *m, *out;
    pwy_result *r;
    pwy_example *ex;
    OK(pwy_context_new(NULL, &ctx));
    pwy_registry *registry = rig_registry(ctx, R_QUICK);
    pwy_context_free(ctx);
    pwy_options *o = rig_options(RIG_SHAPE);
    OK(pwy_model_new(registry, o, &m));
    pwy_options_free(o);
    pwy_registry_free(registry);
    pwy_trainer *t = rig_trainer(m, quick_run);
    pwy_model_free(m);
    OK(pwy_trainer_run(t));
    OK(pwy_trainer_model(t, &out));
    pwy_trainer_free(t);
    pwy_session *s = rig_session(out, NULL);
    pwy_model_free(out);
    OK(pwy_example_new(&ex));
    rig_parts(R_TEXT, 1, ex);
    OK(pwy_session_predict(s, "words", ex, &r));
    pwy_example_free(ex);
    pwy_session_free(s);
    ck_assert_int_eq(pwy_result_count(r), 2);
    ck_assert_ptr_nonnull(strstr(pwy_result_json(r), "words"));
    pwy_result_free(r);
}
END_TEST

START_TEST(descriptions_are_lines_of_json)
{
    char *json;
    int lines = 0;
    OK(pwy_model_describe(all, &json));
    for (const char *c = json; *c != 0; c++) lines += *c == '\n';
    ck_assert_int_eq(lines, 1 + R_TASKS + 2);
    ck_assert_ptr_nonnull(strstr(json, "\"trunk_scale\""));
    pwy_text_free(json);
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("model");
    TCase *t = tcase_create("answers");
    tcase_set_timeout(t, 120);
    tcase_add_unchecked_fixture(t, train_all, free_all);
    tcase_add_test(t, alone_or_together);
    tcase_add_test(t, any_number_of_threads);
    tcase_add_test(t, saved_and_loaded);
    tcase_add_test(t, any_kernels);
    tcase_add_test(t, whatever_was_asked_before);
    tcase_add_test(t, many_threads_over_one_model);
    tcase_add_test(t, a_host_that_flushes_to_zero);
    tcase_add_test(t, a_forked_child_goes_on);
    tcase_add_test(t, shuffled_routes_differ);
    tcase_add_test(t, answers_are_whole);
    tcase_add_test(t, parts_may_be_missing);
    tcase_add_test(t, writing_is_the_same_every_time);
    tcase_add_test(t, bad_questions);
    tcase_add_test(t, one_bad_question_among_good_ones);
    tcase_add_test(t, a_bad_question_far_behind);
    tcase_add_test(t, nothing_given);
    tcase_add_test(t, bad_options);
    tcase_add_test(t, evaluation_skips_bad_rows);
    tcase_add_test(t, every_task_is_scored);
    tcase_add_test(t, an_empty_source_scores_nothing);
    tcase_add_test(t, descriptions_are_lines_of_json);
    suite_add_tcase(s, t);
    t = tcase_create("models");
    tcase_set_timeout(t, 60);
    tcase_add_test(t, untrained);
    tcase_add_test(t, registries_that_make_no_model);
    tcase_add_test(t, ends_in_any_order);
    suite_add_tcase(s, t);
    return s;
}

int main(void)
{
    return run_suite(suite());
}

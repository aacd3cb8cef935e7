/* Which task was meant: rankings over small tasks of every sense, what is unknown, and what must not move. */
#include "train_rig.h"
#include "model/which.h"
#include "param_rig.h"
#include "train/train.h"
#include "suite.h"

enum { ASKED = 1 << R_TEXT | 1 << R_TABLE | 1 << R_BYTES | 1 << R_SERIES | 1 << R_AUDIO | 1 << R_IMAGE };

static pwy_model *all;                  /* a task of each sense, trained a little */
static pwy_session *session;

static void open_all(void)
{
    make_folder();
    all = rig_trained(rig_model(NULL, ASKED, NULL), "steps: 2");
    session = rig_session(all, NULL);
}

static void close_all(void)
{
    pwy_session_free(session);
    pwy_model_free(all);
    remove_folder();
}

static pwy_example *example(void)
{
    pwy_example *ex;
    OK(pwy_example_new(&ex));
    return ex;
}

static pwy_which *ask(pwy_session *s, const pwy_example *ex)
{
    pwy_which *w;
    OK(pwy_session_which(s, ex, &w));
    return w;
}

static void hide_names(pwy_example *ex)
{
    static const char *const names[] = {"*", "*2"};
    for (int i = 0; i < ex->n_parts; i++) ex->parts[i].name = names[i];
}

START_TEST(every_task_finds_its_own)
{
    pwy_example *ex = example();
    for (int t = 0; t < R_TASKS; t++)
        for (int i = 100, known = 0; i < 120 && (ASKED >> t & 1); i++) {
            pwy_example_clear(ex);
            rig_parts(t, i, ex);
            if (i % 2) hide_names(ex);
            pwy_which *w = ask(session, ex);
            ck_assert_int_eq(pwy_which_count(w), 1);
            ck_assert_str_eq(pwy_which_task(w, 0), rig_task[t].name);
            ck_assert_double_eq(pwy_which_confidence(w, 0), 1);
            ck_assert_int_eq(pwy_which_known(w), pwy_which_distance(w, 0) <= pwy_which_limit(w, 0));
            known += pwy_which_known(w);
            pwy_which_free(w);
            if (i == 119) ck_assert_msg(known >= 14, "task %s knows %d of 20", rig_task[t].name, known);
        }
    pwy_example_free(ex);
}
END_TEST

static void unknown(pwy_example *ex, const char *nearest)
{
    pwy_result *none = NULL;
    pwy_which *w = ask(session, ex);
    ck_assert(!pwy_which_known(w));
    ck_assert_ptr_nonnull(strstr(pwy_which_json(w), "\"unknown\":true"));
    ck_assert_ptr_nonnull(strstr(pwy_which_json(w), "\"task\":null"));
    pwy_which_free(w);
    FAILS(pwy_session_predict(session, NULL, ex, &none), PWY_E_NOT_FOUND);
    SAYS(nearest);
    ck_assert_ptr_null(none);
    pwy_example_clear(ex);
}

START_TEST(what_is_like_none_is_unknown)
{
    uint8_t noise[3 * 30 * 40];
    float flat[3000] = {0};
    pwy_example *ex = example();
    OK(pwy_example_set_text(ex, "*", "Bilanz 2024: 17.300 Stück, ÄÖÜ -- §§ 3, 4; SUMME = 99 %", -1));
    unknown(ex, "words");
    for (size_t i = 0; i < sizeof noise; i++) noise[i] = (uint8_t)(i * i * 31 >> 3);
    OK(pwy_example_set_image(ex, "*", noise, 30, 40, 3));
    unknown(ex, "shape");
    OK(pwy_example_set_bytes(ex, "*", noise, 500));
    unknown(ex, "frames");
    OK(pwy_example_set_audio(ex, "*", flat, 3000, 1, 8000));
    unknown(ex, "tone");
    for (int i = 0; i < 3000; i++) flat[i] = (float)(i % 2 ? -900 : 1000);
    OK(pwy_example_set_series(ex, "*", flat, 300, 2));
    unknown(ex, "wave");
    OK(pwy_example_set_cell(ex, "*", "color", "violet"));
    OK(pwy_example_set_cell_number(ex, "*", "size", -4e9));
    unknown(ex, "price");
    pwy_example_free(ex);
}
END_TEST

static void excluded(pwy_example *ex)
{
    pwy_result *none = NULL;
    pwy_which *w = ask(session, ex);
    ck_assert_int_eq(pwy_which_count(w), 0);
    ck_assert(!pwy_which_known(w));
    ck_assert_ptr_null(pwy_which_task(w, 0));
    ck_assert(isnan(pwy_which_confidence(w, 0)));
    pwy_which_free(w);
    FAILS(pwy_session_predict(session, NULL, ex, &none), PWY_E_NOT_FOUND);
    SAYS("these parts");
    pwy_example_clear(ex);
}

START_TEST(other_parts_exclude)
{
    float x[30] = {0};
    pwy_example *ex = example();
    excluded(ex);
    OK(pwy_example_set_cell(ex, "*", "weight", "3"));
    excluded(ex);
    OK(pwy_example_set_series(ex, "*", x, 10, 3));
    excluded(ex);
    OK(pwy_example_set_text(ex, "caption", "this is good indeed", -1));
    excluded(ex);
    OK(pwy_example_set_text(ex, "wave", "this is good indeed", -1));
    excluded(ex);
    rig_parts(R_TEXT, 100, ex);
    rig_parts(R_IMAGE, 100, ex);
    excluded(ex);
    pwy_example_free(ex);
}
END_TEST

START_TEST(predicting_without_a_name_is_predicting_with_it)
{
    pwy_example *ex[2] = {example(), example()};
    pwy_result *with[2], *without[2];
    int tasks[2] = {R_TEXT, R_IMAGE};
    for (int i = 0; i < 2; i++) {
        rig_parts(tasks[i], 101, ex[i]);
        OK(pwy_session_predict(session, rig_task[tasks[i]].name, ex[i], &with[i]));
        if (i == 0) hide_names(ex[i]);
    }
    OK(pwy_session_predict_batch(session, NULL, (const pwy_example *const *)ex, 2, without));
    for (int i = 0; i < 2; i++) {
        ck_assert_str_eq(pwy_result_json(with[i]), pwy_result_json(without[i]));
        pwy_result_free(with[i]);
        pwy_result_free(without[i]);
    }
    pwy_example_clear(ex[1]);
    OK(pwy_example_set_text(ex[1], "*", "§§§ 11 22 33 ___ ###", -1));
    FAILS(pwy_session_predict_batch(session, NULL, (const pwy_example *const *)ex, 2, without), PWY_E_NOT_FOUND);
    SAYS("example 2 of 2");
    for (int i = 0; i < 2; i++) pwy_example_free(ex[i]);
}
END_TEST

START_TEST(a_file_keeps_it)
{
    struct bytes b = rig_bytes(all);
    pwy_model *m;
    pwy_example *ex = example();
    OK(pwy_model_open_memory(NULL, b.data, b.len, &m));
    pwy_session *s = rig_session(m, NULL);
    rig_parts(R_AUDIO, 105, ex);
    pwy_which *a = ask(session, ex), *c = ask(s, ex);
    pwy_session_free(s);
    pwy_model_free(m);
    ck_assert_str_eq(pwy_which_json(a), pwy_which_json(c));
    pwy_which_free(a);
    pwy_which_free(c);
    pwy_example_free(ex);
    free(b.data);
}
END_TEST

START_TEST(a_file_is_read_by_what_it_is)
{
    pwy_example *ex = example();
    char *path = in_folder("text");
    FILE *f = fopen(path, "w");
    fputs("this is good indeed", f);
    fclose(f);
    OK(pwy_session_read_part(session, NULL, path, NULL, ex));
    ck_assert_int_eq(ex->parts[0].value.type, PW_VALUE_TEXT);
    f = fopen(path, "w");
    fputs("{\"size\": 3, \"color\": \"red\"}", f);
    fclose(f);
    pwy_example_clear(ex);
    OK(pwy_session_read_part(session, NULL, path, NULL, ex));
    ck_assert_int_eq(ex->parts[0].value.type, PW_VALUE_ROW);
    pwy_example_clear(ex);
    OK(pwy_session_read_part(session, NULL, path, "message", ex));
    ck_assert_int_eq(ex->parts[0].value.type, PW_VALUE_TEXT);
    FAILS(pwy_session_read_part(session, NULL, path, "mesage", ex), PWY_E_NOT_FOUND);
    FAILS(pwy_session_read_part(session, NULL, "/none", NULL, ex), PWY_E_NOT_FOUND);
    SAYS("/none");
    pwy_example_free(ex);
}
END_TEST

START_TEST(nothing_given)
{
    pwy_which *w = NULL;
    pwy_example *ex = example();
    FAILS(pwy_session_which(NULL, ex, &w), PWY_E_ARGUMENT);
    FAILS(pwy_session_which(session, NULL, &w), PWY_E_ARGUMENT);
    FAILS(pwy_session_which(session, ex, NULL), PWY_E_ARGUMENT);
    ck_assert_int_eq(pwy_which_count(NULL), 0);
    ck_assert_int_eq(pwy_which_known(NULL), 0);
    ck_assert_ptr_null(pwy_which_json(NULL));
    ck_assert(isnan(pwy_which_distance(NULL, 0)) && isnan(pwy_which_limit(NULL, 0)));
    pwy_which_free(NULL);
    pwy_example_free(ex);
}
END_TEST

/* --- other models --- */

START_TEST(a_tie_goes_by_the_registry)
{
    pwy_registry *r;
    pwy_model *m;
    pwy_example *ex = example();
    OK(pwy_registry_new(NULL, &r));
    for (int i = 0; i < 2; i++) {
        pwy_task *t;
        OK(pwy_registry_add(r, i == 0 ? "zeta" : "alpha", PWY_CLASSIFY, &t));
        OK(pwy_task_add_part(t, "message", "text"));
        pwy_source *s = rig_source(NULL, R_TEXT, 0, R_ROWS);
        OK(pwy_task_set_source(t, PWY_TRAIN, s));
        pwy_source_free(s);
    }
    pwy_options *o = rig_options(RIG_SHAPE);
    OK(pwy_model_new(r, o, &m));
    m = rig_trained(m, "steps: 1");
    pwy_session *s = rig_session(m, NULL);
    rig_parts(R_TEXT, 102, ex);
    pwy_which *w = ask(s, ex);
    ck_assert_int_eq(pwy_which_count(w), 2);
    ck_assert_str_eq(pwy_which_task(w, 0), "zeta");
    ck_assert_double_eq(pwy_which_confidence(w, 0), .5);
    ck_assert_double_eq(pwy_which_confidence(w, 1), .5);
    ck_assert_double_eq(pwy_which_distance(w, 0), pwy_which_distance(w, 1));
    pwy_which_free(w);
    pwy_session_free(s);
    pwy_model_free(m);
    pwy_options_free(o);
    pwy_registry_free(r);
    pwy_example_free(ex);
}
END_TEST

START_TEST(parts_may_be_missing)
{
    pwy_model *m = rig_trained(rig_model(NULL, 1 << R_TWO | 1 << R_TEXT | 1 << R_IMAGE, NULL), "steps: 1");
    pwy_session *s = rig_session(m, NULL);
    pwy_example *ex = example();
    pwy_result *r;
    OK(pwy_example_set_text(ex, "*", "tall one here", -1));
    pwy_which *w = ask(s, ex);
    ck_assert_int_eq(pwy_which_count(w), 2);
    ck_assert_str_eq(pwy_which_task(w, 0), "both");
    pwy_which_free(w);
    rig_fill_picture(ex, 100);
    w = ask(s, ex);
    ck_assert_int_eq(pwy_which_count(w), 1);
    ck_assert_str_eq(pwy_which_task(w, 0), "both");
    ck_assert(pwy_which_known(w));
    pwy_which_free(w);
    OK(pwy_session_predict(s, NULL, ex, &r));
    ck_assert_int_eq(pwy_result_count(r), 3);
    pwy_result_free(r);
    pwy_example_clear(ex);
    OK(pwy_example_set_text(ex, "message", "tall one here", -1));
    w = ask(s, ex);
    ck_assert_int_eq(pwy_which_count(w), 1);
    ck_assert_str_eq(pwy_which_task(w, 0), "words");
    pwy_which_free(w);
    pwy_example_free(ex);
    pwy_session_free(s);
    pwy_model_free(m);
}
END_TEST

START_TEST(one_task_is_never_in_doubt)
{
    pwy_model *m = rig_trained(rig_model(NULL, 1 << R_TEXT, NULL), "steps: 1");
    pwy_session *s = rig_session(m, NULL);
    pwy_example *ex = example();
    pwy_result *r;
    OK(pwy_example_set_text(ex, "message", "§§§ 11 22 33 ___ ###", -1));
    pwy_which *w = ask(s, ex);
    ck_assert_int_eq(pwy_which_count(w), 1);
    ck_assert(!pwy_which_known(w));
    pwy_which_free(w);
    OK(pwy_session_predict(s, NULL, ex, &r));
    pwy_result_free(r);
    pwy_example_free(ex);
    pwy_session_free(s);
    pwy_model_free(m);
}
END_TEST

START_TEST(an_untrained_task_is_not_ranked)
{
    pwy_model *m = rig_model(NULL, R_QUICK, NULL);
    pwy_session *s = rig_session(m, NULL);
    pwy_example *ex = example();
    rig_parts(R_TEXT, 100, ex);
    pwy_which *w = ask(s, ex);
    ck_assert_int_eq(pwy_which_count(w), 0);
    pwy_which_free(w);
    pwy_example_free(ex);
    pwy_session_free(s);
    pwy_model_free(m);
}
END_TEST

/* A task that is fitted by itself moves no tensor of another, nor the ground, and comes out the same again. */
START_TEST(a_task_fitted_alone_moves_no_other)
{
    pwy_model *m = rig_model(NULL, R_QUICK, NULL);
    pwy_trainer *t = rig_trainer(m, "steps: 2");
    OK(pwy_trainer_run(t));
    struct pw_params *set = t->model->params;
    real **before = calloc((size_t)set->n, sizeof *before);
    for (int i = 0; i < set->n; i++) {
        bool own = strncmp(set->list[i]->name, "task/words/", 11) == 0 && pw_which_owns(set->list[i]->name);
        before[i] = malloc((size_t)set->list[i]->n * sizeof(real) + 1);
        for (int64_t j = 0; j < set->list[i]->n; j++) {
            before[i][j] = *weight_at(set->list[i], j);
            if (own) *weight_at(set->list[i], j) = 0;
        }
    }
    struct pwy_task *words;
    OK(pw_registry_get(t->model->registry, "words", &words));
    OK(pw_which_fit(t->model, words));
    for (int i = 0; i < set->n; i++) {
        for (int64_t j = 0; j < set->list[i]->n; j++)
            ck_assert_msg(before[i][j] == *weight_at(set->list[i], j), "%s", set->list[i]->name);
        free(before[i]);
    }
    free(before);
    pwy_trainer_free(t);
    pwy_model_free(m);
}
END_TEST

static void place(pwy_session *s, pwy_which **out)
{
    pwy_example *ex = example();
    rig_parts(R_TEXT, 104, ex);
    hide_names(ex);
    *out = ask(s, ex);
    pwy_example_free(ex);
}

/* Tasks that are added to a sealed model, of its senses and of others, are found; the sealed ones' distances and limits
   stay what they were, to the bit. */
START_TEST(what_is_added_moves_no_other)
{
    pwy_model *m = rig_trained(rig_model(NULL, 1 << R_TEXT | 1 << R_IMAGE, NULL), "steps: 4"), *sealed, *grown;
    pwy_registry *r = rig_registry(NULL, 1 << R_BYTES | 1 << R_TWO);
    pwy_options *o = rig_options("steps: 2");
    pwy_trainer *t;
    pwy_which *was, *is;
    OK(pwy_model_seal(m, NULL, NULL, &sealed));
    OK(pwy_trainer_add(sealed, r, o, &t));
    OK(pwy_trainer_run(t));
    OK(pwy_trainer_model(t, &grown));
    pwy_session *before = rig_session(sealed, NULL), *after = rig_session(grown, NULL);
    place(before, &was);
    place(after, &is);
    ck_assert_int_eq(pwy_which_count(was), 1);
    ck_assert_int_eq(pwy_which_count(is), 2);
    ck_assert_str_eq(pwy_which_task(is, 0), "words");
    ck_assert(pwy_which_distance(was, 0) == pwy_which_distance(is, 0));
    ck_assert(pwy_which_limit(was, 0) == pwy_which_limit(is, 0));
    pwy_which_free(was);
    pwy_which_free(is);
    pwy_example *ex = example();
    rig_parts(R_BYTES, 102, ex);
    hide_names(ex);
    is = ask(after, ex);
    ck_assert_str_eq(pwy_which_task(is, 0), "frames");
    ck_assert(pwy_which_known(is));
    pwy_which_free(is);
    pwy_example_free(ex);
    pwy_session_free(before);
    pwy_session_free(after);
    pwy_trainer_free(t);
    pwy_options_free(o);
    pwy_registry_free(r);
    pwy_model_free(grown);
    pwy_model_free(sealed);
    pwy_model_free(m);
}
END_TEST

START_TEST(probabilities_are_packed)
{
    static double p[PW_SIGN_BUCKETS];
    static real words[PW_WHICH_WORDS];
    for (int i = 0; i < PW_SIGN_BUCKETS; i++) p[i] = exp(-(i % 15) - .5);
    p[7] = 0;
    pw_which_pack(words, p);
    for (int i = 0; i < PW_SIGN_BUCKETS; i++)
        ck_assert_double_eq_tol(pw_which_unpack(words, i), i == 7 ? -255 / 16. : log(p[i]), 1. / 32 + 1e-9);
    words[2] = (real)NAN;
    words[3] = -1;
    ck_assert_double_eq(pw_which_unpack(words, 6), -255 / 16.);
    ck_assert_double_eq(pw_which_unpack(words, 9), -255 / 16.);
}
END_TEST

START_TEST(names_of_its_tensors)
{
    ck_assert(pw_which_owns("which.text") && pw_which_owns("task/a/which") && pw_which_owns("task/a/b/which.bag"));
    ck_assert(!pw_which_owns("task/a/which/place") && !pw_which_owns("which") && !pw_which_owns("task/a/b/place"));
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("which");
    TCase *t = tcase_create("asked");
    tcase_add_checked_fixture(t, open_all, close_all);
    tcase_set_timeout(t, 120);
    tcase_add_test(t, every_task_finds_its_own);
    tcase_add_test(t, what_is_like_none_is_unknown);
    tcase_add_test(t, other_parts_exclude);
    tcase_add_test(t, predicting_without_a_name_is_predicting_with_it);
    tcase_add_test(t, a_file_keeps_it);
    tcase_add_test(t, a_file_is_read_by_what_it_is);
    tcase_add_test(t, nothing_given);
    suite_add_tcase(s, t);
    t = add_case(s, "models");
    tcase_add_test(t, a_tie_goes_by_the_registry);
    tcase_add_test(t, parts_may_be_missing);
    tcase_add_test(t, one_task_is_never_in_doubt);
    tcase_add_test(t, an_untrained_task_is_not_ranked);
    tcase_add_test(t, a_task_fitted_alone_moves_no_other);
    tcase_add_test(t, what_is_added_moves_no_other);
    tcase_add_test(t, probabilities_are_packed);
    tcase_add_test(t, names_of_its_tensors);
    return s;
}

int main(void)
{
    return run_suite(suite());
}

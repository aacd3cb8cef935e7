/* The matrix of scores: every figure against values worked out by hand. */
#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "pathways/pathways.h"
#include "suite.h"

#define OK(call) ck_assert_msg((call) == PWY_OK, "%s: %s", #call, pwy_error_message())

/* Three tasks; NAN: not set. */
static pwy_continual *matrix(const double score[3][3], const double baseline[3], int higher)
{
    pwy_continual *c;
    OK(pwy_continual_new(&c));
    for (int i = 0; i < 3; i++) {
        int64_t at;
        OK(pwy_continual_add(c, (const char *[]){"a", "b", "c"}[i], higher, &at));
        ck_assert_int_eq(at, i);
    }
    for (int i = 0; i < 3; i++) {
        if (!isnan(baseline[i])) OK(pwy_continual_set_baseline(c, i, baseline[i]));
        for (int j = 0; j < 3; j++)
            if (!isnan(score[i][j])) OK(pwy_continual_set(c, i, j, score[i][j]));
    }
    return c;
}

static void is(double value, double right)
{
    if (isnan(right)) ck_assert(isnan(value));
    else ck_assert_double_eq_tol(value, right, 1e-12);
}

static const double full[3][3] = {{.9, .25, .125}, {.8, .7, .5}, {.85, .6, .95}};
static const double none[3] = {.5, .25, .25};

START_TEST(figures_by_hand)
{
    pwy_continual *c = matrix(full, none, 1);
    is(pwy_continual_accuracy(c, 0), .9);
    is(pwy_continual_accuracy(c, 1), (.8 + .7) / 2);
    is(pwy_continual_accuracy(c, 2), (.85 + .6 + .95) / 3);
    is(pwy_continual_backward_transfer(c, 0), NAN);
    is(pwy_continual_backward_transfer(c, 1), -.1);
    is(pwy_continual_backward_transfer(c, 2), ((.85 - .9) + (.6 - .7)) / 2);
    is(pwy_continual_forward_transfer(c, 0), NAN);
    is(pwy_continual_forward_transfer(c, 1), 0);
    is(pwy_continual_forward_transfer(c, 2), ((.25 - .25) + (.5 - .25)) / 2);
    is(pwy_continual_forgetting(c, 0), NAN);
    is(pwy_continual_forgetting(c, 1), .1);
    is(pwy_continual_forgetting(c, 2), ((.9 - .85) + (.7 - .6)) / 2);
    is(pwy_continual_accuracy(c, 3), NAN);
    is(pwy_continual_accuracy(c, -1), NAN);
    pwy_continual_free(c);
}
END_TEST

/* The best before need not be the score at learning; one that is better than ever counts below 0. */
START_TEST(forgetting_is_from_the_best)
{
    static const double score[3][3] = {{.5, .1, .1}, {.9, .4, .1}, {.6, .8, .7}};
    pwy_continual *c = matrix(score, none, 1);
    is(pwy_continual_forgetting(c, 2), ((.9 - .6) + (.4 - .8)) / 2);
    is(pwy_continual_backward_transfer(c, 2), ((.6 - .5) + (.8 - .4)) / 2);
    pwy_continual_free(c);
}
END_TEST

START_TEST(errors_count_the_other_way_round)
{
    static const double rmse[3][3] = {{2, 9, 9}, {3, 4, 8}, {2.5, 3, 1}}, start[3] = {10, 10, 10};
    pwy_continual *c = matrix(rmse, start, 0);
    is(pwy_continual_accuracy(c, 2), (2.5 + 3 + 1) / 3);
    is(pwy_continual_backward_transfer(c, 2), ((2 - 2.5) + (4 - 3)) / 2);
    is(pwy_continual_forward_transfer(c, 2), ((10 - 9) + (10 - 8)) / 2.);
    is(pwy_continual_forgetting(c, 2), ((2.5 - 2) + (3 - 4)) / 2);
    pwy_continual_free(c);
}
END_TEST

START_TEST(nothing_moved_is_exactly_nothing)
{
    static const double score[3][3] = {{.1, NAN, NAN}, {.1, 1. / 3, NAN}, {.1, 1. / 3, .7}};
    static const double missing[3] = {NAN, NAN, NAN};
    pwy_continual *c = matrix(score, missing, 1);
    ck_assert(pwy_continual_forgetting(c, 2) == 0);
    ck_assert(pwy_continual_backward_transfer(c, 2) == 0);
    is(pwy_continual_forward_transfer(c, 2), NAN);
    pwy_continual_free(c);
}
END_TEST

START_TEST(what_is_missing_is_no_figure)
{
    static const double score[3][3] = {{NAN, NAN, NAN}, {.8, .7, NAN}, {.85, .6, .95}};
    pwy_continual *c = matrix(score, none, 1);
    is(pwy_continual_accuracy(c, 0), NAN);
    is(pwy_continual_accuracy(c, 2), .8);
    is(pwy_continual_backward_transfer(c, 1), NAN);
    is(pwy_continual_forgetting(c, 1), NAN);
    is(pwy_continual_forward_transfer(c, 1), NAN);
    is(pwy_continual_score(c, 0, 0), NAN);
    is(pwy_continual_score(c, 7, 0), NAN);
    is(pwy_continual_score(c, 3, 0), NAN);
    is(pwy_continual_forgetting(c, 0), NAN);
    is(pwy_continual_baseline(c, 3), NAN);
    pwy_continual_free(c);
}
END_TEST

START_TEST(comes_back_from_json)
{
    static const double score[3][3] = {{.1, NAN, 1e-300}, {1. / 3, .7, NAN}, {.85, NAN, .95}};
    pwy_continual *c = matrix(score, (const double[]){NAN, .25, 0}, 0), *back;
    char *json, *again;
    OK(pwy_continual_json(c, &json));
    ck_assert_ptr_nonnull(strstr(json, "\"forgetting\":"));
    OK(pwy_continual_parse(json, &back));
    OK(pwy_continual_json(back, &again));
    ck_assert_str_eq(json, again);
    ck_assert_int_eq(pwy_continual_count(back), 3);
    ck_assert_str_eq(pwy_continual_name(back, 2), "c");
    ck_assert(pwy_continual_score(back, 1, 0) == 1. / 3);
    pwy_text_free(json);
    pwy_text_free(again);
    pwy_continual_free(c);
    pwy_continual_free(back);
}
END_TEST

START_TEST(wrong_calls_and_texts)
{
    pwy_continual *c = matrix(full, none, 1), *read = c;
    int64_t at = 7;
    ck_assert_int_eq(pwy_continual_add(c, "a", 1, &at), PWY_E_EXISTS);
    ck_assert_int_eq(pwy_continual_add(c, "", 1, &at), PWY_E_ARGUMENT);
    ck_assert_int_eq(pwy_continual_find(c, "x", &at), PWY_E_NOT_FOUND);
    ck_assert_int_eq(at, 7);
    OK(pwy_continual_find(c, "c", &at));
    ck_assert_int_eq(at, 2);
    ck_assert_int_eq(pwy_continual_set(c, 3, 0, 1), PWY_E_ARGUMENT);
    ck_assert_int_eq(pwy_continual_set(c, 0, -1, 1), PWY_E_ARGUMENT);
    ck_assert_int_eq(pwy_continual_set(c, 0, 0, NAN), PWY_E_ARGUMENT);
    ck_assert_int_eq(pwy_continual_set_baseline(c, 0, HUGE_VAL), PWY_E_ARGUMENT);
    ck_assert_int_eq(pwy_continual_set_baseline(c, 9, 0), PWY_E_ARGUMENT);
    is(pwy_continual_score(c, 0, 0), .9);
    static const char *const bad[] = {"", "[]", "{}", "{\"tasks\":[\"a\"]}",
        "{\"tasks\":[\"a\",\"a\"],\"higher_is_better\":[true,true],\"baseline\":[null,null],\"matrix\":[[1,1],[1,1]]}",
        "{\"tasks\":[\"a\"],\"higher_is_better\":[true],\"baseline\":[null],\"matrix\":[[1,2]]}",
        "{\"tasks\":[\"a\"],\"higher_is_better\":[true],\"baseline\":[null],\"matrix\":[[\"x\"]]}",
        "{\"tasks\":[\"a/b\"],\"higher_is_better\":[true],\"baseline\":[null],\"matrix\":[[1]]}",
        "{\"tasks\":[\"a\"],\"higher_is_better\":[true],\"baseline\":[{}],\"matrix\":[[1]]}"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        ck_assert_msg(pwy_continual_parse(bad[i], &read) == PWY_E_FORMAT, "%s", bad[i]);
    ck_assert_ptr_eq(read, c);
    ck_assert_int_eq(pwy_continual_add(NULL, "a", 1, NULL), PWY_E_ARGUMENT);
    ck_assert_int_eq(pwy_continual_count(NULL), 0);
    ck_assert_ptr_null(pwy_continual_name(c, 3));
    pwy_continual_free(c);
    pwy_continual_free(NULL);
}
END_TEST

START_TEST(many_tasks)
{
    pwy_continual *c;
    char name[32];
    OK(pwy_continual_new(&c));
    for (int i = 0; i < 300; i++) {
        snprintf(name, sizeof name, "task %d", i);
        OK(pwy_continual_add(c, name, 1, NULL));
        for (int j = 0; j <= i; j++) OK(pwy_continual_set(c, i, j, 1 - .001 * (i - j)));
    }
    is(pwy_continual_forgetting(c, 299), .001 * 300 / 2);
    is(pwy_continual_backward_transfer(c, 299), -.001 * 300 / 2);
    pwy_continual_free(c);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {figures_by_hand, forgetting_is_from_the_best, errors_count_the_other_way_round,
        nothing_moved_is_exactly_nothing, what_is_missing_is_no_figure, comes_back_from_json, wrong_calls_and_texts,
        many_tasks};
    Suite *s = suite_create("continual");
    TCase *t = tcase_create("continual");
    for (size_t i = 0; i < sizeof tests / sizeof *tests; i++) tcase_add_test(t, tests[i]);
    suite_add_tcase(s, t);
    return run_suite(s);
}

/* Functions made at run time: every type as argument and result, bad signatures, lives. */
#include <check.h>
#include <stdlib.h>
#include <string.h>
#include "pathways/closure.h"
#include "suite.h"

struct seen { int calls, destroyed; double sum; const char *text; void *pointer; };

static void destroy(void *user)
{
    ((struct seen *)user)->destroyed++;
}

static void add_all(void *const *args, void *ret, void *user)
{
    struct seen *seen = user;
    seen->calls++;
    seen->sum = *(int32_t *)args[0] + (double)*(int64_t *)args[1] + *(double *)args[2];
    seen->pointer = *(void **)args[3];
    seen->text = *(const char **)args[4];
    *(double *)ret = seen->sum;
}

START_TEST(takes_every_type)
{
    struct seen seen = {0};
    pwy_closure *c;
    ck_assert_int_eq(pwy_closure_new("dildps", add_all, &seen, destroy, &c), PWY_OK);
    double (*f)(int32_t, int64_t, double, void *, const char *) =
        (double (*)(int32_t, int64_t, double, void *, const char *))pwy_closure_function(c);
    ck_assert_double_eq(f(-3, (int64_t)1 << 40, .5, &seen, "text"), 1099511627773.5);
    ck_assert_ptr_eq(seen.pointer, &seen);
    ck_assert_str_eq(seen.text, "text");
    ck_assert_int_eq(seen.destroyed, 0);
    pwy_closure_free(c);
    ck_assert_int_eq(seen.destroyed, 1);
}
END_TEST

static void narrow(void *const *args, void *ret, void *user)
{
    (void)user;
    *(int32_t *)ret = -*(int32_t *)args[0];
}

static void word(void *const *args, void *ret, void *user)
{
    (void)user;
    *(int64_t *)ret = -(int64_t)*(int32_t *)args[0];
}

/* A handler may write an int32 or a whole word; the sign goes with it. */
START_TEST(narrow_results_have_room)
{
    pwy_closure_handler handler[] = {narrow, word};
    for (int h = 0; h < 2; h++) {
        pwy_closure *c;
        ck_assert_int_eq(pwy_closure_new("ii", handler[h], NULL, NULL, &c), PWY_OK);
        int32_t (*f)(int32_t) = (int32_t (*)(int32_t))pwy_closure_function(c);
        ck_assert_int_eq(f(7), -7);
        ck_assert_int_eq(f(-2147483647), 2147483647);
        pwy_closure_free(c);
    }
}
END_TEST

static void give_back(void *const *args, void *ret, void *user)
{
    (void)user;
    *(void **)ret = *(void **)args[0];
}

START_TEST(results_of_pointers_and_words)
{
    pwy_closure *c;
    int here;
    ck_assert_int_eq(pwy_closure_new("pp", give_back, NULL, NULL, &c), PWY_OK);
    ck_assert_ptr_eq(((void *(*)(void *))pwy_closure_function(c))(&here), &here);
    pwy_closure_free(c);
    ck_assert_int_eq(pwy_closure_new("ss", give_back, NULL, NULL, &c), PWY_OK);
    ck_assert_str_eq(((const char *(*)(const char *))pwy_closure_function(c))("x"), "x");
    pwy_closure_free(c);
    ck_assert_int_eq(pwy_closure_new("ll", give_back, NULL, NULL, &c), PWY_OK);
    ck_assert(((int64_t (*)(int64_t))pwy_closure_function(c))(INT64_MIN) == INT64_MIN);
    pwy_closure_free(c);
}
END_TEST

static void count(void *const *args, void *ret, void *user)
{
    (void)args;
    ck_assert_ptr_null(ret);
    ((struct seen *)user)->calls++;
}

START_TEST(nothing_in_nothing_out)
{
    struct seen seen = {0};
    pwy_closure *c;
    ck_assert_int_eq(pwy_closure_new("v", count, &seen, NULL, &c), PWY_OK);
    ((void (*)(void))pwy_closure_function(c))();
    ck_assert_int_eq(seen.calls, 1);
    pwy_closure_free(c);
    pwy_closure_free(NULL);
    ck_assert_ptr_null(pwy_closure_function(NULL));
}
END_TEST

START_TEST(bad_signatures_are_refused)
{
    static const char *const bad[] = {"", "x", "iv", "i p", "vq", "I", "viiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiii"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct seen seen = {0};
        pwy_closure *c = (void *)&seen;
        ck_assert_int_eq(pwy_closure_new(bad[i], count, &seen, destroy, &c), PWY_E_ARGUMENT);
        ck_assert_ptr_eq(c, &seen);
        ck_assert_int_eq(seen.destroyed, 1);
        ck_assert_ptr_nonnull(strstr(pwy_error_message(), "signature"));
    }
}
END_TEST

START_TEST(null_arguments_are_refused)
{
    struct seen seen = {0};
    pwy_closure *c;
    ck_assert_int_eq(pwy_closure_new(NULL, count, &seen, destroy, &c), PWY_E_ARGUMENT);
    ck_assert_int_eq(pwy_closure_new("v", NULL, &seen, destroy, &c), PWY_E_ARGUMENT);
    ck_assert_int_eq(pwy_closure_new("v", count, &seen, destroy, NULL), PWY_E_ARGUMENT);
    ck_assert_int_eq(seen.destroyed, 3);
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("closure");
    TCase *t = tcase_create("closure");
    tcase_add_test(t, takes_every_type);
    tcase_add_test(t, narrow_results_have_room);
    tcase_add_test(t, results_of_pointers_and_words);
    tcase_add_test(t, nothing_in_nothing_out);
    tcase_add_test(t, bad_signatures_are_refused);
    tcase_add_test(t, null_arguments_are_refused);
    suite_add_tcase(s, t);
    return s;
}

int main(void)
{
    return run_suite(suite());
}

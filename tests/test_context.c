/* pwy_context: options, count, log, decoders; and which library this is. */
#include <check.h>
#include <stdlib.h>
#include <string.h>
#include "kern/context.h"
#include "pathways/version.h"
#include "suite.h"

static int destroyed;

static void count_destroy(void *user)
{
    destroyed += user != NULL ? *(int *)user : 1;
}

static void setup(void)
{
    destroyed = 0;
    unsetenv("PATHWAYS_KERNELS");
}

static pwy_context *make(void)
{
    pwy_context *ctx = NULL;
    ck_assert_int_eq(pwy_context_new(NULL, &ctx), PWY_OK);
    ck_assert_ptr_nonnull(ctx);
    return ctx;
}

static pwy_status make_with(const char *text, pwy_context **out)
{
    pwy_options *options = NULL;
    ck_assert_int_eq(pwy_options_parse(text, &options), PWY_OK);
    pwy_status status = pwy_context_new(options, out);
    pwy_options_free(options);
    return status;
}

START_TEST(test_options)
{
    pwy_context *ctx = make();
    ck_assert_int_eq(ctx->threads, 1);
    ck_assert_str_eq(pwy_context_kernels(ctx), ctx->kern->name);
    pwy_context_free(ctx);
    ck_assert_int_eq(make_with("{kernels: reference, threads: 3}", &ctx), PWY_OK);
    ck_assert_str_eq(pwy_context_kernels(ctx), "reference");
    ck_assert_int_eq(ctx->threads, 3);
    pwy_context_free(ctx);
    pwy_context_free(NULL);
    ck_assert_str_eq(pwy_context_kernels(NULL), "");
}
END_TEST

START_TEST(test_bad_options)
{
    pwy_context *const untouched = (pwy_context *)&destroyed;
    pwy_context *ctx = untouched;
    ck_assert_int_eq(make_with("{kernels: mmx}", &ctx), PWY_E_ARGUMENT);
    ck_assert_ptr_nonnull(strstr(pwy_error_message(), "reference"));
    ck_assert_int_eq(make_with("{threads: 0}", &ctx), PWY_E_ARGUMENT);
    ck_assert_int_eq(make_with("{kernel: avx2}", &ctx), PWY_E_ARGUMENT);
    ck_assert_ptr_nonnull(strstr(pwy_error_message(), "kernels"));
    ck_assert_int_eq(pwy_context_new(NULL, NULL), PWY_E_ARGUMENT);
    setenv("PATHWAYS_KERNELS", "abacus", 1);
    ck_assert_int_eq(pwy_context_new(NULL, &ctx), PWY_E_ARGUMENT);
    ck_assert_ptr_eq(ctx, untouched);
}
END_TEST

START_TEST(test_count)
{
    pwy_context *ctx = make(), *same = NULL, *own = NULL;
    ck_assert_int_eq(pwy_context_on_log(ctx, NULL, NULL, count_destroy), PWY_OK);
    ck_assert_int_eq(pw_context_or_default(ctx, &same), PWY_OK);
    ck_assert_ptr_eq(ctx, same);
    pwy_context_free(ctx);
    ck_assert_int_eq(destroyed, 0);
    pwy_context_free(same);
    ck_assert_int_eq(destroyed, 1);
    ck_assert_int_eq(pw_context_or_default(NULL, &own), PWY_OK);
    pwy_context_free(own);
}
END_TEST

static void keep_log(pwy_log_level level, const char *message, void *user)
{
    ck_assert_int_eq(level, PWY_LOG_WARNING);
    strncat(user, message, 100);
}

START_TEST(test_log)
{
    char said[300] = "";
    pwy_context *ctx = make();
    pw_log(ctx, PWY_LOG_WARNING, "nobody hears");
    ck_assert_int_eq(pwy_context_on_log(ctx, keep_log, said, NULL), PWY_OK);
    pw_log(ctx, PWY_LOG_WARNING, "row %d", 7);
    ck_assert_str_eq(said, "row 7");
    int weight = 10;
    ck_assert_int_eq(pwy_context_on_log(ctx, NULL, &weight, count_destroy), PWY_OK);
    pw_log(ctx, PWY_LOG_WARNING, "nobody again");
    ck_assert_str_eq(said, "row 7");
    ck_assert_int_eq(destroyed, 0);
    pwy_context_free(ctx);
    ck_assert_int_eq(destroyed, 10);
    ck_assert_int_eq(pwy_context_on_log(NULL, keep_log, &weight, count_destroy), PWY_E_ARGUMENT);
    ck_assert_int_eq(destroyed, 20);
}
END_TEST

/* Writes its user's number as the text of the part; a negative number is the status it fails with. */
static pwy_status decode(const char *name, const void *data, int64_t len, pwy_example *ex, const char *part, void *user)
{
    int number = *(int *)user;
    (void)name, (void)data, (void)len, (void)ex, (void)part;
    destroyed = number;
    return number < 0 ? (pwy_status)-number : PWY_OK;
}

START_TEST(test_decoders)
{
    int one = 1, two = 2, bad = -PWY_E_FORMAT;
    pwy_context *ctx = make();
    pwy_example *ex = pw_example_make();
    ck_assert_int_eq(pwy_context_add_decoder(ctx, "image", "P", 1, decode, &one, NULL), PWY_OK);
    ck_assert_int_eq(pwy_context_add_decoder(ctx, "image", "P6", 2, decode, &two, NULL), PWY_OK);
    ck_assert_int_eq(pwy_context_add_decoder(ctx, "audio", "\x01\x02", 2, decode, &bad, NULL), PWY_OK);
    ck_assert_int_eq(pw_decode(ctx, "image", "a.ppm", "P6 1 1", 6, ex, "image"), PWY_OK);
    ck_assert_int_eq(destroyed, 2);
    ck_assert_int_eq(pw_decode(ctx, "image", "a.ppm", "P", 1, ex, "image"), PWY_OK);
    ck_assert_int_eq(destroyed, 1);
    ck_assert_int_eq(pw_decode(ctx, "audio", "a.au", "\x01\x02\x03", 3, ex, "sound"), PWY_E_FORMAT);
    ck_assert_ptr_nonnull(strstr(pwy_error_message(), "a.au"));
    ck_assert_int_eq(pw_decode(ctx, "image", "a.gif", "GIF8\x01", 5, ex, "image"), PWY_E_UNSUPPORTED);
    ck_assert_str_eq(pwy_error_message(), "a.gif: no decoder for this image: it begins with \"GIF8\\x01\"; "
                     "decoders of this kind read what begins with \"P\", \"P6\"");
    ck_assert_int_eq(pw_decode(ctx, "video", "a.avi", "", 0, ex, "video"), PWY_E_UNSUPPORTED);
    ck_assert_ptr_nonnull(strstr(pwy_error_message(), "no decoder of that kind"));
    pw_example_release(ex);
    pwy_context_free(ctx);
}
END_TEST

START_TEST(test_bad_decoders)
{
    int w = 1;
    pwy_context *ctx = make();
    ck_assert_int_eq(pwy_context_add_decoder(NULL, "image", "P", 1, decode, &w, count_destroy), PWY_E_ARGUMENT);
    ck_assert_int_eq(pwy_context_add_decoder(ctx, "smell", "P", 1, decode, &w, count_destroy), PWY_E_ARGUMENT);
    ck_assert_ptr_nonnull(strstr(pwy_error_message(), "'smell'"));
    ck_assert_int_eq(pwy_context_add_decoder(ctx, "image", "P", 0, decode, &w, count_destroy), PWY_E_ARGUMENT);
    ck_assert_int_eq(pwy_context_add_decoder(ctx, "image", "P", 17, decode, &w, count_destroy), PWY_E_ARGUMENT);
    ck_assert_int_eq(pwy_context_add_decoder(ctx, "image", NULL, 1, decode, &w, count_destroy), PWY_E_ARGUMENT);
    ck_assert_int_eq(pwy_context_add_decoder(ctx, "image", "P", 1, NULL, &w, count_destroy), PWY_E_ARGUMENT);
    ck_assert_int_eq(destroyed, 6);
    ck_assert_int_eq(pwy_context_add_decoder(ctx, "image", "P", 1, decode, &w, count_destroy), PWY_OK);
    ck_assert_int_eq(destroyed, 6);
    pwy_context_free(ctx);
    ck_assert_int_eq(destroyed, 7);
}
END_TEST

START_TEST(test_version)
{
    ck_assert_int_ge(strlen(pwy_version()), 5);
    ck_assert_ptr_nonnull(strstr(pwy_features(), "openblas"));
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("context");
    TCase *c = tcase_create("context");
    tcase_add_checked_fixture(c, setup, NULL);
    tcase_add_test(c, test_options);
    tcase_add_test(c, test_bad_options);
    tcase_add_test(c, test_count);
    tcase_add_test(c, test_log);
    tcase_add_test(c, test_decoders);
    tcase_add_test(c, test_bad_decoders);
    tcase_add_test(c, test_version);
    suite_add_tcase(s, c);
    return s;
}

int main(void)
{
    return run_suite(suite());
}

/* The table "onednn": near the reference in floats, near or equal in bf16, on any threads; and who sets OpenMP's. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <check.h>
#include <dlfcn.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "base/mem.h"
#include "base/rng.h"
#include "kern/exec.h"
#include "suite.h"

static const struct pw_kern *reference, *onednn;
static const int sizes[][3] = { { 1, 1, 1 }, { 1, 60, 300 }, { 5, 17, 8 }, { 64, 96, 256 }, { 65, 97, 257 },
    { 137, 200, 515 }, { 0, 4, 4 }, { 4, 0, 4 }, { 4, 5, 0 } };
enum { N_SIZES = sizeof sizes / sizeof *sizes };

static void setup(void)
{
    reference = pw_kern_all()[0];
    ck_assert_msg(pw_kern_choose("onednn", &onednn) == PWY_OK, "%s", pwy_error_message());
    ck_assert_str_eq(onednn->name, "onednn");
}

static float *numbers(size_t n, uint64_t seed)
{
    struct pw_rng rng = pw_rng_at(seed, 1, 0);
    float *x = pw_calloc(n + 1, sizeof *x);
    ck_assert_ptr_nonnull(x);
    for (size_t i = 0; i < n; i++)
        x[i] = (float)(pw_rng_uniform(&rng) - 0.5);
    return x;
}

static uint16_t *rounded(float *x, size_t n)
{
    uint16_t *half = pw_calloc(n + 1, sizeof *half);
    ck_assert_ptr_nonnull(half);
    reference->to_bf16((int)n, x, half);
    reference->from_bf16((int)n, half, x);
    return half;
}

/* One product by the reference and by oneDNN, of floats or of their bf16. What lies beside c stays. */
static void check_product(bool bf16, bool ta, bool tb, const int *size, float beta)
{
    int m = size[0], n = size[1], k = size[2], lda = (ta ? m : k) + 2, ldb = (tb ? k : n) + 3, ldc = n + 1;
    size_t na = (size_t)(ta ? k : m) * lda, nb = (size_t)(tb ? n : k) * ldb, nc = (size_t)m * ldc;
    float *a = numbers(na, 1), *b = numbers(nb, 2), *want = numbers(nc, 3), *got = numbers(nc, 3);
    uint16_t *a2 = rounded(a, na), *b2 = rounded(b, nb);
    reference->product(ta, tb, m, n, k, a, lda, b, ldb, beta, want, ldc);
    if (bf16)
        onednn->gemm_bf16(ta, tb, m, n, k, a2, lda, b2, ldb, beta, got, ldc);
    else
        onednn->gemm(ta, tb, m, n, k, a, lda, b, ldb, beta, got, ldc);
    for (size_t i = 0; i < nc; i++)
        ck_assert_msg(fabsf(want[i] - got[i]) <= (i % ldc < (size_t)n ? 2e-5f : 0),
                      "%d %d %d, %d %d, beta %g: %g at %zu", m, n, k, ta, tb, beta, got[i], i);
    void *all[] = { a, b, want, got, a2, b2 };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        free(all[i]);
}

START_TEST(test_products)
{
    for (int s = 0; s < N_SIZES; s++)
        for (int turn = 0; turn < 4; turn++)
            for (int beta = 0; beta < 3; beta++)
                check_product(_i, turn & 1, turn & 2, sizes[s], beta * 0.5f);
}
END_TEST

START_TEST(test_beta_0_reads_nothing)
{
    float a[4] = { 1, 2, 3, 4 }, c[4] = { NAN, NAN, NAN, NAN }, d[4] = { NAN, NAN, NAN, NAN };
    uint16_t *half = rounded(a, 4);
    onednn->gemm(false, true, 2, 2, 2, a, 2, a, 2, 0, c, 2);
    onednn->gemm_bf16(false, true, 2, 2, 2, half, 2, half, 2, 0, d, 2);
    for (int i = 0; i < 4; i++)
        ck_assert(c[i] == (i == 0 ? 5 : i == 3 ? 25 : 11) && d[i] == c[i]);
    free(half);
}
END_TEST

/* OpenMP's number of threads is one setting for each thread: what a host set stays. */
START_TEST(test_openmp_guest)
{
    int (*get)(void) = (int (*)(void))dlsym(RTLD_DEFAULT, "omp_get_max_threads");
    void *openmp = get == NULL ? dlopen("libgomp.so.1", RTLD_NOW | RTLD_NOLOAD) : NULL;
    if (openmp != NULL)
        get = (int (*)(void))dlsym(openmp, "omp_get_max_threads");
    void (*set)(int) = openmp != NULL ? (void (*)(int))dlsym(openmp, "omp_set_num_threads") : NULL;
    if (get == NULL || set == NULL)
        return;
    set(3);
    check_product(false, false, false, sizes[3], 0);
    check_product(true, false, false, sizes[3], 0);
    ck_assert_int_eq(get(), 3);
}
END_TEST

static void run(int threads, bool bf16, struct pw_product p, float *out)
{
    struct pw_exec x = { .kern = onednn, .arena = pw_arena_new(), .train = true, .bf16 = true };
    ck_assert_ptr_nonnull(x.arena);
    if (threads > 1)
        ck_assert_int_eq(pw_pool_new(threads, &x.pool), PWY_OK);
    p.bf16 = bf16;
    p.c = out;
    ck_assert_int_eq(pw_products(&x, &p, 1), PWY_OK);
    pw_pool_free(x.pool);
    pw_arena_free(x.arena);
}

START_TEST(test_threads)
{
    enum { M = 300, N = 400, K = 200 };
    float *a = numbers(M * K, 1), *b = numbers(K * N, 2), *one = numbers(M * N, 3), *many = numbers(M * N, 3);
    struct pw_product p = { .m = M, .n = N, .k = K, .a = a, .lda = K, .b = b, .ldb = N, .beta = 1, .ldc = N };
    run(1, _i, p, one);
    run(3, _i, p, many);
    ck_assert(memcmp(one, many, M * N * sizeof *one) == 0);
    float *all[] = { a, b, one, many };
    for (int i = 0; i < 4; i++)
        free(all[i]);
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("onednn");
    TCase *c = tcase_create("onednn");
    tcase_add_checked_fixture(c, setup, NULL);
    tcase_set_timeout(c, 120);
    tcase_add_loop_test(c, test_products, 0, 2);
    tcase_add_test(c, test_beta_0_reads_nothing);
    tcase_add_test(c, test_openmp_guest);
    tcase_add_loop_test(c, test_threads, 0, 2);
    suite_add_tcase(s, c);
    return s;
}

int main(void)
{
    return run_suite(suite());
}

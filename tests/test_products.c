/* Lists of products on the pool: right, the same bits on any number of threads and in any tile, counted, recorded. */
#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "kern/exec.h"
#include "suite.h"

enum { MOST = 12 };

static struct pw_exec exec_of(bool train, int threads, const char *kernels)
{
    struct pw_exec x = { .arena = pw_arena_new(), .train = train };
    ck_assert_ptr_nonnull(x.arena);
    ck_assert_int_eq(pw_kern_choose(kernels, &x.kern), PWY_OK);
    if (threads > 0)
        ck_assert_int_eq(pw_pool_new(threads, &x.pool), PWY_OK);
    return x;
}

static void exec_end(struct pw_exec x)
{
    pw_pool_free(x.pool);
    pw_arena_free(x.arena);
}

static real *numbers(size_t n, uint64_t seed)
{
    struct pw_rng rng = pw_rng_at(seed, 1, 0);
    real *x = pw_calloc(n + 1, sizeof *x);
    ck_assert_ptr_nonnull(x);
    for (size_t i = 0; i < n; i++)
        x[i] = (real)(pw_rng_uniform(&rng) - 0.5);
    return x;
}

static const struct pw_product list[MOST] = {
    { .m = 300, .n = 500, .k = 128 }, { .tb = true, .m = 129, .n = 1000, .k = 70, .beta = 1 },
    { .ta = true, .m = 256, .n = 400, .k = 300, .beta = 1 }, { .m = 1, .n = 8192, .k = 200 },
    { .tb = true, .m = 1, .n = 4000, .k = 260 }, { .m = 4000, .n = 3, .k = 90, .beta = 1 }, { .m = 7, .n = 9, .k = 0 },
    { .m = 7, .n = 9, .k = 0, .beta = 1 }, { .m = 0, .n = 9, .k = 5 }, { .m = 5, .n = 0, .k = 5 },
    { .ta = true, .tb = true, .m = 33, .n = 35, .k = 37 }, { .m = 2, .n = 2, .k = 2 },
};

/* The list with matrices of its own; free_list frees them. */
static void fill(struct pw_product *p)
{
    memcpy(p, list, sizeof list);
    for (int i = 0; i < MOST; i++, p++) {
        p->lda = (p->ta ? p->m : p->k) + 1;
        p->ldb = (p->tb ? p->k : p->n) + 2;
        p->ldc = p->n + 3;
        p->a = numbers((size_t)p->lda * (p->ta ? p->k : p->m), 3 * i + 1);
        p->b = numbers((size_t)p->ldb * (p->tb ? p->n : p->k), 3 * i + 2);
        p->c = numbers((size_t)p->ldc * p->m, 3 * i + 3);
    }
}

static void free_list(struct pw_product *p)
{
    for (int i = 0; i < MOST; i++, p++) {
        free((void *)p->a);
        free((void *)p->b);
        free(p->c);
    }
}

static void compare(const struct pw_product *want, const struct pw_product *got, double near)
{
    for (int i = 0; i < MOST; i++)
        for (size_t j = 0; j < (size_t)want[i].ldc * want[i].m; j++)
            if (near > 0)
                ck_assert_double_eq_tol(want[i].c[j], got[i].c[j], near);
            else
                ck_assert_msg(memcmp(&want[i].c[j], &got[i].c[j], sizeof(real)) == 0, "product %d differs at %zu", i,
                              j);
}

static void run(struct pw_product *p, bool train, int threads, const char *kernels)
{
    struct pw_exec x = exec_of(train, threads, kernels);
    fill(p);
    size_t mark = pw_arena_mark(x.arena);
    ck_assert_int_eq(pw_products(&x, p, MOST), PWY_OK);
    ck_assert_uint_eq(pw_arena_mark(x.arena), mark);
    double flops = 0;
    for (int i = 0; i < MOST; i++)
        flops += 2.0 * p[i].m * p[i].n * p[i].k;
    ck_assert_double_eq(x.flops, flops);
    exec_end(x);
}

START_TEST(test_against_whole_products)
{
    struct pw_product got[MOST], want[MOST];
    const struct pw_kern *const *all = pw_kern_all(), *kern = all[0];
    fill(want);
    for (struct pw_product *p = want; p < want + MOST; p++)
        kern->product(p->ta, p->tb, p->m, p->n, p->k, p->a, p->lda, p->b, p->ldb, p->beta, p->c, p->ldc);
    for (; *all != NULL; all++)
        for (int train = 0; train < 2; train++) {
            bool blas = train && strcmp((*all)->name, "blas") == 0;
            if (blas)
                pw_blas_enter();
            run(got, train, 2, (*all)->name);
            compare(want, got, blas ? 1e-4 : 0);
            if (blas)
                pw_blas_leave();
            free_list(got);
        }
    free_list(want);
}
END_TEST

START_TEST(test_threads)
{
    static const char *const kernels[] = { NULL, "blas" };
    struct pw_product one[MOST], many[MOST];
    pw_blas_enter();
    for (int k = 0; k < 2; k++)
        for (int train = 0; train < 2; train++) {
            run(one, train, 0, kernels[k]);
            for (int threads = 1; threads <= 3; threads++) {
                run(many, train, threads, kernels[k]);
                compare(one, many, 0);
                free_list(many);
            }
            free_list(one);
        }
    pw_blas_leave();
}
END_TEST

START_TEST(test_linear)
{
    enum { ROWS = 5, K = 7, N = 3 };
    struct pw_exec x = exec_of(true, 0, "reference");
    real *in = numbers(ROWS * K, 1), *w = numbers(K * N, 2), *dout = numbers(ROWS * N, 3);
    real *out = numbers(ROWS * N, 4), *din = numbers(ROWS * K, 5), *dw = numbers(K * N, 6), *dw0 = numbers(K * N, 6);
    ck_assert_int_eq(pw_linear(&x, ROWS, K, N, in, w, out, false), PWY_OK);
    ck_assert_int_eq(pw_linear_dx(&x, ROWS, K, N, dout, w, din, false), PWY_OK);
    ck_assert_int_eq(pw_linear_dw(&x, ROWS, K, N, in, dout, dw), PWY_OK);
    double y = 0, dx = 0, d = dw0[4 * N + 1];
    for (int p = 0; p < K; p++)
        y += (double)in[2 * K + p] * w[p * N + 1];
    for (int j = 0; j < N; j++)
        dx += (double)dout[2 * N + j] * w[4 * N + j];
    for (int i = 0; i < ROWS; i++)
        d += (double)in[i * K + 4] * dout[i * N + 1];
    ck_assert_double_eq_tol(out[2 * N + 1], y, 1e-6);
    ck_assert_double_eq_tol(din[2 * K + 4], dx, 1e-6);
    ck_assert_double_eq_tol(dw[4 * N + 1], d, 1e-6);
    ck_assert_double_eq(x.flops, 3 * 2.0 * ROWS * K * N);
    real *all[] = { in, w, dout, out, din, dw, dw0 };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        free(all[i]);
    exec_end(x);
}
END_TEST

START_TEST(test_trace)
{
    struct pw_exec x = exec_of(true, 2, NULL);
    struct pw_product p[MOST];
    double seconds = -1, flops = -1, blas = -1;
    x.trace = pw_trace_new();
    ck_assert_ptr_nonnull(x.trace);
    ck_assert_int_eq(pw_trace_replay(&x, x.trace, &seconds, &flops), PWY_OK);
    ck_assert(seconds >= 0 && flops == 0);
    fill(p);
    ck_assert_int_eq(pw_products(&x, p, MOST), PWY_OK);
    ck_assert_int_eq(pw_products(&x, p + 3, 2), PWY_OK);
    double counted = x.flops;
    ck_assert_int_eq(pw_trace_replay(&x, x.trace, &seconds, &flops), PWY_OK);
    ck_assert(seconds > 0 && flops == counted && x.flops == counted);
    ck_assert_int_eq(pw_trace_replay_blas(x.trace, 2, &blas), PWY_OK);
    ck_assert(blas > 0);
    pw_trace_clear(x.trace);
    ck_assert_int_eq(pw_trace_replay(&x, x.trace, &seconds, &flops), PWY_OK);
    ck_assert(flops == 0);
    pw_trace_free(x.trace);
    pw_trace_free(NULL);
    free_list(p);
    exec_end(x);
}
END_TEST

START_TEST(test_rng)
{
    struct pw_exec x = { .seed = 7, .step = 3 }, y = { .seed = 7, .step = 4 }, z = { .seed = 8, .step = 3 };
    struct pw_rng same[2] = { pw_exec_rng(&x, "dropout", 5), pw_exec_rng(&x, "dropout", 5) };
    struct pw_rng other[4] = { pw_exec_rng(&x, "jitter", 5), pw_exec_rng(&x, "dropout", 6),
        pw_exec_rng(&y, "dropout", 5), pw_exec_rng(&z, "dropout", 5) };
    uint64_t first = pw_rng_below(&same[0], UINT64_MAX);
    ck_assert_uint_eq(first, pw_rng_below(&same[1], UINT64_MAX));
    for (int i = 0; i < 4; i++)
        ck_assert_uint_ne(first, pw_rng_below(&other[i], UINT64_MAX));
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("products");
    TCase *c = tcase_create("products");
    tcase_set_timeout(c, 120);
    tcase_add_test(c, test_against_whole_products);
    tcase_add_test(c, test_threads);
    tcase_add_test(c, test_linear);
    tcase_add_test(c, test_trace);
    tcase_add_test(c, test_rng);
    suite_add_tcase(s, c);
    return s;
}

int main(void)
{
    return run_suite(suite());
}

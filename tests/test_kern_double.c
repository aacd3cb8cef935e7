/* The build in double: exp and its like are libm's, the products of the reference and of BLAS agree, lists are cut. */
#include <check.h>
#include <math.h>
#include <stdlib.h>
#include "kern/exec.h"
#include "suite.h"

static real *numbers(size_t n, uint64_t seed)
{
    struct pw_rng rng = pw_rng_at(seed, 1, 0);
    real *x = pw_calloc(n, sizeof *x);
    ck_assert_ptr_nonnull(x);
    for (size_t i = 0; i < n; i++)
        x[i] = pw_rng_uniform(&rng) - 0.5;
    return x;
}

START_TEST(test_loops)
{
    const real x[3] = { -2, 0.5, 700 }, y[3] = { 1, 2, 3 };
    real out[3];
    ck_assert_uint_eq(sizeof(real), sizeof(double));
    for (const struct pw_kern *const *all = pw_kern_all(); *all != NULL; all++) {
        (*all)->exp(3, x, out);
        ck_assert(out[0] == exp(-2) && out[2] == exp(700));
        (*all)->log(3, y, out);
        ck_assert(out[0] == 0 && out[2] == log(3));
        (*all)->sigmoid(3, x, out);
        ck_assert_double_eq_tol(out[0], 1 / (1 + exp(2)), 1e-16);
        (*all)->softmax(3, y, 1, out);
        ck_assert_double_eq_tol((*all)->sum(3, out), 1, 1e-15);
    }
}
END_TEST

START_TEST(test_products)
{
    enum { M = 70, N = 400, K = 90 };
    real *a = numbers(M * K, 1), *b = numbers(N * K, 2), *c = numbers(M * N, 3);
    for (const struct pw_kern *const *all = pw_kern_all(); *all != NULL; all++)
        for (int train = 0; train < 2; train++) {
            real *d = numbers(M * N, 4);
            struct pw_exec x = { .kern = *all, .arena = pw_arena_new(), .train = train };
            struct pw_product p = { .tb = true, .m = M, .n = N, .k = K, .a = a, .lda = K, .b = b, .ldb = K, .c = d,
                                    .ldc = N };
            pw_blas_enter();
            ck_assert_int_eq(pw_products(&x, &p, 1), PWY_OK);
            pw_blas_leave();
            pw_kern_all()[0]->product(false, true, M, N, K, a, K, b, K, 0, c, N);
            for (int i = 0; i < M * N; i++)
                ck_assert_double_eq_tol(c[i], d[i], 1e-13);
            pw_arena_free(x.arena);
            free(d);
        }
    free(a);
    free(b);
    free(c);
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("kern in double");
    TCase *c = tcase_create("double");
    tcase_add_test(c, test_loops);
    tcase_add_test(c, test_products);
    suite_add_tcase(s, c);
    return s;
}

int main(void)
{
    return run_suite(suite());
}

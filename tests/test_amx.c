/* The kernel for AMX over tiles in plain C, so that its packing and its edges are tested on every processor; and where
   the processor has AMX, over the real ones. */
#include <check.h>
#include <math.h>
#include <stdlib.h>
#include "base/rng.h"
#include "sys/cpu.h"
#define PW_TILES "../tests/amx_tiles.h"
#define pw_gemm_amx emulated_gemm
#include "kern/amx.c"
#undef pw_gemm_amx

#ifdef PW_HAVE_AVX
void pw_gemm_amx(bool ta, bool tb, int m, int n, int k, const uint16_t *a, int lda, const uint16_t *b, int ldb,
                 float beta, float *c, int ldc);
typedef void (*gemm_fn)(bool ta, bool tb, int m, int n, int k, const uint16_t *a, int lda, const uint16_t *b, int ldb,
                        float beta, float *c, int ldc);

static const int sizes[][3] = {{1, 1, 1}, {16, 16, 32}, {32, 32, 32}, {17, 33, 31}, {129, 65, 513}, {140, 37, 1030},
                               {5, 100, 2}, {48, 16, 64}, {256, 7, 40}, {0, 4, 4}, {4, 0, 4}, {4, 5, 0}};
enum { N_SIZES = sizeof sizes / sizeof *sizes, SLACK = 3 };

static uint16_t *halves(size_t n, uint64_t seed)
{
    struct pw_rng rng = pw_rng_at(seed, 1, 0);
    uint16_t *x = calloc(n + 1, sizeof *x);
    ck_assert_ptr_nonnull(x);
    for (size_t i = 0; i < n; i++) {
        float v = (float)(pw_rng_uniform(&rng) - 0.5);
        uint32_t bits;
        memcpy(&bits, &v, sizeof bits);
        x[i] = (uint16_t)(bits >> 16);
    }
    return x;
}

static double wanted(bool ta, bool tb, int k, const uint16_t *a, int lda, const uint16_t *b, int ldb, int i, int j)
{
    double sum = 0;
    for (int p = 0; p < k; p++)
        sum += (double)emulated_float(a[ta ? p * lda + i : i * lda + p])
             * (double)emulated_float(b[tb ? j * ldb + p : p * ldb + j]);
    return sum;
}

/* What lies between the rows of C is left alone. */
static void check_size(gemm_fn gemm, const int *size, bool ta, bool tb, float beta)
{
    int m = size[0], n = size[1], k = size[2], lda = (ta ? m : k) + 1, ldb = (tb ? k : n) + 2, ldc = n + SLACK;
    uint16_t *a = halves((size_t)lda * (size_t)(ta ? k : m), 1), *b = halves((size_t)ldb * (size_t)(tb ? n : k), 2);
    float *c = calloc((size_t)m * (size_t)ldc + 1, sizeof *c);
    for (int i = 0; i < m * ldc; i++) c[i] = (float)(i % 7) - 3;
    gemm(ta, tb, m, n, k, a, lda, b, ldb, beta, c, ldc);
    for (int i = 0; i < m; i++)
        for (int j = 0; j < ldc; j++) {
            float was = (float)((i * ldc + j) % 7) - 3, is = c[i * ldc + j];
            if (j >= n) ck_assert_float_eq(is, was);
            else ck_assert_double_le(fabs((double)is - (double)(beta * was) - wanted(ta, tb, k, a, lda, b, ldb, i, j)),
                                     1e-6 * (k + 10));
        }
    free(a);
    free(b);
    free(c);
}

static void check_all(gemm_fn gemm)
{
    static const float betas[] = {0, 1, .5f};
    for (int s = 0; s < N_SIZES; s++)
        for (int turn = 0; turn < 4; turn++)
            for (int i = 0; i < 3; i++) check_size(gemm, sizes[s], turn & 1, turn & 2, betas[i]);
}

START_TEST(plain_tiles)
{
    if (!pw_cpu_detect().avx2_fma) return;      /* the packing is AVX2 */
    check_all(emulated_gemm);
    ck_assert_int_eq(emulated_open, 0);
}
END_TEST

START_TEST(real_tiles)
{
    if (pw_cpu_detect().amx_bf16) check_all(pw_gemm_amx);
}
END_TEST

/* An output has the same bits whatever is computed beside it. */
START_TEST(alone_and_among_others)
{
    enum { M = 70, N = 90, K = 600 };
    static float all[M * N], one[M * N];
    if (!pw_cpu_detect().avx2_fma) return;
    uint16_t *a = halves(M * K, 3), *b = halves(K * N, 4);
    emulated_gemm(false, false, M, N, K, a, K, b, N, 0, all, N);
    for (int i = 0; i < M; i += 23)
        for (int j = 0; j < N; j += 17) {
            emulated_gemm(false, false, 1, 1, K, a + i * K, K, b + j, N, 0, one, N);
            ck_assert_float_eq(one[0], all[i * N + j]);
        }
    free(a);
    free(b);
}
END_TEST
#endif

int main(void)
{
    Suite *suite = suite_create("amx");
    TCase *tc = tcase_create("products");
#ifdef PW_HAVE_AVX
    tcase_add_test(tc, plain_tiles);
    tcase_add_test(tc, real_tiles);
    tcase_add_test(tc, alone_and_among_others);
#endif
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}

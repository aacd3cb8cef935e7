/* The kernel for AMX over tiles and lines in plain C, so that its loops and its edges are tested on every processor;
   and where the processor has AMX, over the real ones. */
#include <check.h>
#include <math.h>
#include <stdlib.h>
#include "base/rng.h"
#include "sys/cpu.h"
#define PW_TILES "../tests/amx_tiles.h"
#define pw_panels_amx emulated_panels
#include "kern/amx.c"
#undef pw_panels_amx
#include "suite.h"

#ifdef PW_HAVE_AVX
extern const struct pw_panels pw_panels_amx;

static const int sizes[][3] = {{1, 1, 1}, {16, 16, 32}, {32, 32, 32}, {17, 33, 31}, {129, 65, 513}, {140, 37, 1030},
                               {5, 100, 2}, {48, 16, 64}, {256, 7, 40}, {33, 31, 2100}};
enum { N_SIZES = sizeof sizes / sizeof *sizes, SLACK = 3 };

static float *numbers(size_t n, uint64_t seed)
{
    struct pw_rng rng = pw_rng_at(seed, 1, 0);
    float *x = calloc(n + 1, sizeof *x);
    ck_assert_ptr_nonnull(x);
    for (size_t i = 0; i < n; i++) x[i] = (float)(pw_rng_uniform(&rng) - 0.5);
    return x;
}

static size_t panels_bytes(int lines, int k)
{
    return (size_t)((lines + 31) / 32) * (size_t)((k + 31) / 32) * 2048;
}

/* In parts, from the last to the first, over what is no number. */
static uint16_t *packed(const struct pw_panels *panels, struct pw_operand x, int lines, int depth)
{
    size_t size = panels_bytes(x.lines, x.k) + 64;
    uint16_t *out = aligned_alloc(64, size);
    ck_assert_ptr_nonnull(out);
    memset(out, 0xff, size);
    for (int line = (x.lines - 1) / lines * lines; line >= 0; line -= lines)
        for (int p = (x.k - 1) / depth * depth; p >= 0; p -= depth)
            panels->pack(&x, line, least(x.lines - line, lines), p, least(x.k - p, depth), out);
    ck_assert_int_eq(out[size / 2 - 32], 0xffff);
    return out;
}

static double rounded(float x)
{
    return (double)emulated_float(emulated_half(x));
}

static double wanted(const struct pw_operand *a, const struct pw_operand *b, int i, int j)
{
    double sum = 0;
    for (int p = 0; p < a->k; p++)
        sum += rounded(a->at[a->along ? i * a->ld + p : p * a->ld + i])
             * rounded(b->at[b->along ? j * b->ld + p : p * b->ld + j]);
    return sum;
}

/* What lies between the rows of C is left alone. */
static void check_result(const struct pw_operand *a, const struct pw_operand *b, bool add, const float *c, int ldc)
{
    for (int i = 0; i < a->lines; i++)
        for (int j = 0; j < ldc; j++) {
            float was = (float)((i * ldc + j) % 7) - 3, is = c[i * ldc + j];
            if (j >= b->lines) ck_assert_float_eq(is, was);
            else ck_assert_double_le(fabs((double)is - (double)(add ? was : 0) - wanted(a, b, i, j)),
                                     1e-6 * (a->k + 10));
        }
}

static void check_size(const struct pw_panels *panels, const int *size, bool ta, bool tb, bool add)
{
    int m = size[0], n = size[1], k = size[2], ldc = n + SLACK;
    struct pw_operand a = {NULL, (ta ? m : k) + 1, m, k, !ta, false}, b = {NULL, (tb ? k : n) + 2, n, k, tb, true};
    float *x = numbers((size_t)a.ld * (size_t)(ta ? k : m), 1), *w = numbers((size_t)b.ld * (size_t)(tb ? n : k), 2);
    float *c = calloc((size_t)m * (size_t)ldc + 1, sizeof *c);
    a.at = x;
    b.at = w;
    uint16_t *left = packed(panels, a, 64, 96), *right = packed(panels, b, 32, 2048);
    for (int i = 0; i < m * ldc; i++) c[i] = (float)(i % 7) - 3;
    panels->multiply(m, n, k, left, right, add, c, ldc);
    check_result(&a, &b, add, c, ldc);
    free(x);
    free(w);
    free(c);
    free(left);
    free(right);
}

static void check_all(const struct pw_panels *panels)
{
    for (int s = 0; s < N_SIZES; s++)
        for (int turn = 0; turn < 8; turn++) check_size(panels, sizes[s], turn & 1, turn & 2, turn & 4);
}

/* What the kernel's own intrinsics need. */
static bool has_tiles(void)
{
    struct pw_cpu cpu = pw_cpu_detect();
    return cpu.avx512_bf16 && cpu.amx_bf16;
}

START_TEST(plain_tiles)
{
    check_all(&emulated_panels);
    ck_assert_int_eq(emulated_open, 0);
}
END_TEST

START_TEST(real_tiles)
{
    if (has_tiles()) check_all(&pw_panels_amx);
}
END_TEST

/* The bytes of both, and of what is no number, too large or halfway between two. */
START_TEST(packs_like_the_plain_one)
{
    enum { LINES = 75, K = 83, LD = 90 };
    static const float special[] = {INFINITY, -INFINITY, NAN, 3.4e38f, 0, -0.f, 1.00390625f, 1.01171875f, 1e-30f};
    if (!has_tiles()) return;
    float *x = numbers(LD * LD, 5);
    for (int i = 0; i < LD * LD; i += 11) x[i] = special[i / 11 % 9];
    for (int kind = 0; kind < 4; kind++) {
        struct pw_operand of = {x, LD, LINES, K, kind & 1, kind & 2};
        uint16_t *plain = packed(&emulated_panels, of, 32, 32), *real = packed(&pw_panels_amx, of, 96, 32);
        ck_assert(memcmp(plain, real, panels_bytes(LINES, K)) == 0);
        free(plain);
        free(real);
    }
    free(x);
}
END_TEST

/* An output has the same bits whatever is computed beside it. */
START_TEST(alone_and_among_others)
{
    enum { M = 70, N = 90, K = 600 };
    static float all[M * N], one[1];
    float *x = numbers(M * K, 3), *w = numbers(K * N, 4);
    struct pw_operand a = {x, K, M, K, true, false}, b = {w, N, N, K, false, true};
    uint16_t *left = packed(&emulated_panels, a, 32, 32), *right = packed(&emulated_panels, b, 32, 32);
    emulated_panels.multiply(M, N, K, left, right, false, all, N);
    for (int i = 0; i < M; i += 23)
        for (int j = 0; j < N; j += 17) {
            struct pw_operand row = {x + i * K, K, 1, K, true, false}, column = {w + j, N, 1, K, false, true};
            uint16_t *a1 = packed(&emulated_panels, row, 32, 32), *b1 = packed(&emulated_panels, column, 32, 32);
            emulated_panels.multiply(1, 1, K, a1, b1, false, one, 1);
            ck_assert_float_eq(one[0], all[i * N + j]);
            free(a1);
            free(b1);
        }
    free(x);
    free(w);
    free(left);
    free(right);
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
    tcase_add_test(tc, packs_like_the_plain_one);
    tcase_add_test(tc, alone_and_among_others);
#endif
    suite_add_tcase(suite, tc);
    return run_suite(suite);
}

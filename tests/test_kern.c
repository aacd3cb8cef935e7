/* The kernels: every table against the naive reference bit by bit, and against libm; who sets BLAS's threads. */
#include <check.h>
#include <cblas.h>
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "base/mem.h"
#include "base/rng.h"
#include "kern/kern.h"
#include "suite.h"

static const struct pw_kern *reference;
static const int lengths[] = { 0, 1, 2, 7, 8, 9, 15, 16, 17, 31, 32, 33, 47, 48, 49, 100, 255, 256, 1000, 1027 };
enum { N_LENGTHS = sizeof lengths / sizeof *lengths, MOST = 1027, GUARD = 16 };

static void setup(void)
{
    unsetenv("PATHWAYS_KERNELS");
    reference = pw_kern_all()[0];
    ck_assert_str_eq(reference->name, "reference");
}

static float *numbers(size_t n, uint64_t seed, double width)
{
    struct pw_rng rng = pw_rng_at(seed, 1, 0);
    float *x = pw_calloc(n + GUARD, sizeof *x);
    ck_assert_ptr_nonnull(x);
    for (size_t i = 0; i < n + GUARD; i++)
        x[i] = (float)((pw_rng_uniform(&rng) - 0.5) * width);
    return x;
}

static bool same(const float *a, const float *b, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (memcmp(&a[i], &b[i], sizeof *a) != 0 && !(isnan(a[i]) && isnan(b[i])))
            return false;
    return true;
}

/* y of the reference and of the table from the same start, with guards that must stay. */
struct pair { float *want, *got; size_t n; };

static struct pair pair_of(size_t n, uint64_t seed)
{
    return (struct pair){ numbers(n, seed, 4), numbers(n, seed, 4), n };
}

static void pair_check(struct pair p, const char *what, const struct pw_kern *kern, int n)
{
    ck_assert_msg(same(p.want, p.got, p.n + GUARD), "%s of %s differs from the reference at n = %d", what, kern->name,
                  n);
    free(p.want);
    free(p.got);
}

static void check_matmul(const struct pw_kern *kern, int rows, int n, int k, bool add)
{
    int ldx = k + 3, ldw = n + 5, ldy = n + 1;
    float *x = numbers((size_t)rows * ldx, 1, 2), *w = numbers((size_t)k * ldw, 2, 2);
    struct pair y = pair_of((size_t)rows * ldy, 3);
    reference->matmul(rows, n, k, x, ldx, w, ldw, y.want, ldy, add);
    kern->matmul(rows, n, k, x, ldx, w, ldw, y.got, ldy, add);
    pair_check(y, add ? "matmul, added," : "matmul", kern, n);
    free(x);
    free(w);
}

START_TEST(test_matmul_bits)
{
    static const int rows[] = { 0, 1, 2, 3, 4, 5, 7, 8, 9, 13, 16, 31, 33, 70 };
    static const int ns[] = { 0, 1, 7, 8, 16, 17, 24, 40, 48, 49, 95, 97, 130 };
    static const int ks[] = { 0, 1, 7, 8, 9, 31, 256, 257, 530 };
    for (const struct pw_kern *const *all = pw_kern_all(); *all != NULL; all++)
        for (size_t r = 0; r < sizeof rows / sizeof *rows; r++)
            for (size_t n = 0; n < sizeof ns / sizeof *ns; n++) {
                size_t k = (r + n) % (sizeof ks / sizeof *ks);
                check_matmul(*all, rows[r], ns[n], ks[k], false);
                check_matmul(*all, rows[r], ns[n], ks[(k + 4) % (sizeof ks / sizeof *ks)], true);
            }
}
END_TEST

static void check_product(const struct pw_kern *kern, bool ta, bool tb, int m, int n, int k, float beta)
{
    int lda = (ta ? m : k) + 2, ldb = (tb ? k : n) + 3, ldc = n + 1;
    float *a = numbers((size_t)(ta ? k : m) * lda, 1, 2), *b = numbers((size_t)(tb ? n : k) * ldb, 2, 2);
    struct pair c = pair_of((size_t)m * ldc, 3);
    reference->product(ta, tb, m, n, k, a, lda, b, ldb, beta, c.want, ldc);
    kern->product(ta, tb, m, n, k, a, lda, b, ldb, beta, c.got, ldc);
    pair_check(c, "product", kern, n);
    free(a);
    free(b);
}

START_TEST(test_product_bits)
{
    static const int sizes[][3] = { { 1, 1, 1 }, { 1, 60, 300 }, { 5, 17, 8 }, { 8, 48, 256 }, { 13, 50, 257 },
        { 70, 31, 9 }, { 130, 100, 40 }, { 137, 97, 515 }, { 0, 4, 4 }, { 4, 0, 4 }, { 4, 5, 0 } };
    for (const struct pw_kern *const *all = pw_kern_all(); *all != NULL; all++)
        for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++)
            for (int turn = 0; turn < 4; turn++)
                for (int beta = 0; beta < 3; beta++)
                    check_product(*all, turn & 1, turn & 2, sizes[s][0], sizes[s][1], sizes[s][2], beta * 0.5f);
}
END_TEST

/* The reference widens too: it is compared with its own product of the numbers as floats. */
static void check_bf16_product(const struct pw_kern *kern, bool ta, bool tb, int m, int n, int k, float beta)
{
    int lda = (ta ? m : k) + 2, ldb = (tb ? k : n) + 3, ldc = n + 1;
    size_t na = (size_t)(ta ? k : m) * lda, nb = (size_t)(tb ? n : k) * ldb;
    float *a = numbers(na, 1, 2), *b = numbers(nb, 2, 2);
    uint16_t *a2 = pw_calloc(na + 1, sizeof *a2), *b2 = pw_calloc(nb + 1, sizeof *b2);
    struct pair c = pair_of((size_t)m * ldc, 3);
    reference->to_bf16(na, a, a2);
    reference->to_bf16(nb, b, b2);
    reference->from_bf16(na, a2, a);
    reference->from_bf16(nb, b2, b);
    reference->product(ta, tb, m, n, k, a, lda, b, ldb, beta, c.want, ldc);
    kern->gemm_bf16(ta, tb, m, n, k, a2, lda, b2, ldb, beta, c.got, ldc);
    bool near = strcmp(pw_kern_bf16_by(kern), "widening") != 0;
    for (int i = 0; near && i < m * ldc; i++) {
        ck_assert_msg(fabsf(c.want[i] - c.got[i]) <= (i % ldc < n ? 1e-4f : 0), "gemm_bf16 of %s: %g, not %g",
                      kern->name, c.got[i], c.want[i]);
        c.got[i] = c.want[i];
    }
    pair_check(c, "gemm_bf16", kern, n);
    free(a);
    free(b);
    free(a2);
    free(b2);
}

START_TEST(test_bf16_product)
{
    static const int sizes[][3] = { { 1, 1, 1 }, { 1, 60, 300 }, { 5, 17, 8 }, { 64, 96, 256 }, { 65, 97, 257 },
        { 137, 200, 515 }, { 0, 4, 4 }, { 4, 0, 4 }, { 4, 5, 0 } };
    for (const struct pw_kern *const *all = pw_kern_all(); *all != NULL; all++)
        for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++)
            for (int turn = 0; turn < 4; turn++)
                for (int beta = 0; beta < 3 && (*all)->gemm_bf16 != NULL; beta++)   /* panels: test_amx.c */
                    check_bf16_product(*all, turn & 1, turn & 2, sizes[s][0], sizes[s][1], sizes[s][2], beta * 0.5f);
}
END_TEST

START_TEST(test_beta_0_reads_nothing)
{
    for (const struct pw_kern *const *all = pw_kern_all(); *all != NULL; all++) {
        float a[4] = { 1, 2, 3, 4 }, c[4] = { NAN, NAN, NAN, NAN }, d[4] = { NAN, NAN, NAN, NAN };
        (*all)->gemm(false, true, 2, 2, 2, a, 2, a, 2, 0, c, 2);
        ck_assert(c[0] == 5 && c[1] == 11 && c[2] == 11 && c[3] == 25);
        (*all)->gemm(false, false, 2, 2, 0, a, 0, a, 2, 0, d, 2);
        ck_assert(d[0] == 0 && d[1] == 0 && d[2] == 0 && d[3] == 0);
    }
}
END_TEST

/* BLAS has its own order of sums: near, not equal. */
START_TEST(test_gemm_near)
{
    enum { M = 37, N = 53, K = 71 };
    float *a = numbers(M * K, 1, 2), *b = numbers(K * N, 2, 2);
    for (const struct pw_kern *const *all = pw_kern_all(); *all != NULL; all++)
        for (int turn = 0; turn < 4; turn++) {
            struct pair c = pair_of(M * N, 3);
            bool ta = turn & 1, tb = turn & 2;
            reference->gemm(ta, tb, M, N, K, a, ta ? M : K, b, tb ? K : N, 1, c.want, N);
            (*all)->gemm(ta, tb, M, N, K, a, ta ? M : K, b, tb ? K : N, 1, c.got, N);
            for (int i = 0; i < M * N; i++)
                ck_assert_float_eq_tol(c.want[i], c.got[i], 2e-5);
            free(c.want);
            free(c.got);
        }
    free(a);
    free(b);
}
END_TEST

START_TEST(test_one_row_of_many)
{
    enum { ROWS = 1000, N = 130, K = 300 };
    float *x = numbers(ROWS * K, 1, 2), *w = numbers(K * N, 2, 2);
    for (const struct pw_kern *const *all = pw_kern_all() + 1; *all != NULL; all++) {
        float *many = numbers(ROWS * N, 3, 2), one[N];
        (*all)->matmul(ROWS, N, K, x, K, w, N, many, N, false);
        for (int i = 0; i < ROWS; i += 37) {
            (*all)->matmul(1, N, K, x + i * K, K, w, N, one, N, false);
            ck_assert(same(one, many + i * N, N));
        }
        free(many);
    }
    free(x);
    free(w);
}
END_TEST

/* Weights packed as `store`, and what they stand for as a plain matrix. */
struct packed { struct pw_weights w; float *wide; };

static struct packed packed_of(enum pw_form store, int k, int n, bool turned)
{
    float *w = numbers((size_t)k * n, 5, 2), *scale = numbers((size_t)pw_packed_width(n), 6, 2);
    struct packed p = { { store, pw_calloc((size_t)pw_packed_size(store, k, n) + 1, 1), scale },
        numbers((size_t)k * n, 7, 2) };
    ck_assert_ptr_nonnull(p.w.at);
    pw_pack(store, k, n, w, turned, (void *)p.w.at, scale);
    for (int i = 0; i < k; i++)
        for (int j = 0; j < n; j++) {
            float near = store == PW_AS_I8 ? scale[j] * 0.5001f : store == PW_AS_BF16 ? 0.004f : 0;
            p.wide[i * n + j] = pw_packed_at(p.w, k, i, j);
            ck_assert(fabsf(p.wide[i * n + j] - w[turned ? j * k + i : i * n + j]) <= near);
        }
    free(w);
    return p;
}

static void packed_end(struct packed p)
{
    free((void *)p.w.at);
    free((void *)p.w.scale);
    free(p.wide);
}

/* linear is matmul by what the weights stand for. */
static void check_linear(const struct pw_kern *kern, enum pw_form store, int rows, int n, int k, bool add)
{
    int ldx = k + 3, ldy = n + 1;
    float *x = numbers((size_t)rows * ldx, 1, 2);
    struct packed p = packed_of(store, k, n, add);
    struct pair y = pair_of((size_t)rows * ldy, 3);
    reference->matmul(rows, n, k, x, ldx, p.wide, n, y.want, ldy, add);
    kern->linear(rows, n, k, x, ldx, p.w, y.got, ldy, add);
    pair_check(y, "linear", kern, n);
    packed_end(p);
    free(x);
}

START_TEST(test_linear_bits)
{
    static const int rows[] = { 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 16, 33, 70 };
    static const int ns[] = { 0, 1, 7, 8, 31, 32, 33, 48, 64, 100 }, ks[] = { 0, 1, 9, 63, 64, 65, 130, 256 };
    for (const struct pw_kern *const *all = pw_kern_all(); *all != NULL; all++)
        for (int store = 0; store < 3; store++)
            for (size_t r = 0; r < sizeof rows / sizeof *rows; r++)
                for (size_t n = 0; n < sizeof ns / sizeof *ns; n++)
                    check_linear(*all, store, rows[r], ns[n], ks[(r + 3 * n) % (sizeof ks / sizeof *ks)], (r + n) % 2);
}
END_TEST

START_TEST(test_linear_one_row_of_many)
{
    enum { ROWS = 200, N = 130, K = 300 };
    float *x = numbers(ROWS * K, 1, 2);
    for (int store = 0; store < 3; store++) {
        struct packed p = packed_of(store, K, N, false);
        for (const struct pw_kern *const *all = pw_kern_all(); *all != NULL; all++) {
            float *many = numbers(ROWS * N, 3, 2), one[N];
            (*all)->linear(ROWS, N, K, x, K, p.w, many, N, false);
            for (int i = 0; i < ROWS; i += 13) {
                (*all)->linear(1, N, K, x + i * K, K, p.w, one, N, false);
                ck_assert(same(one, many + i * N, N));
            }
            free(many);
        }
        packed_end(p);
    }
    free(x);
}
END_TEST

/* Columns of zeros, of one number, with a NaN. */
START_TEST(test_pack_special)
{
    const float w[] = { 0, -3, NAN, 1, 0, -1.5f, 2, 0.25f };
    float scale[PW_PANEL];
    int8_t out[2 * PW_PANEL];
    uint16_t half[2 * PW_PANEL];
    pw_pack(PW_AS_I8, 2, 4, w, false, out, scale);
    ck_assert(out[0] == 0 && out[PW_PANEL] == 0 && scale[0] == 0 && out[1] == -127 && out[PW_PANEL + 1] == -64);
    ck_assert(out[3] == 127 && out[PW_PANEL + 3] == 32 && out[4] == 0 && scale[3] == 1.0f / 127);
    pw_pack(PW_AS_BF16, 2, 4, w, false, half, NULL);
    ck_assert(half[0] == 0 && half[1] == 0xc040 && half[2] == 0x7fc0 && half[3] == 0x3f80 && half[PW_PANEL + 3] == 0x3e80);
    ck_assert_int_eq(pw_packed_size(PW_AS_REAL, 3, 33), 3 * 64 * 4);
}
END_TEST

START_TEST(test_transpose)
{
    for (const struct pw_kern *const *all = pw_kern_all(); *all != NULL; all++)
        for (int rows = 0; rows < 20; rows += 3)
            for (int cols = 0; cols < 30; cols += 4) {
                float *x = numbers((size_t)rows * (cols + 2), 1, 2);
                struct pair y = pair_of((size_t)cols * (rows + 1), 2);
                reference->transpose(rows, cols, x, cols + 2, y.want, rows + 1);
                (*all)->transpose(rows, cols, x, cols + 2, y.got, rows + 1);
                pair_check(y, "transpose", *all, cols);
                free(x);
            }
}
END_TEST

START_TEST(test_sums_bits)
{
    float *x = numbers(MOST, 1, 8), *y = numbers(MOST, 2, 8);
    for (const struct pw_kern *const *all = pw_kern_all(); *all != NULL; all++)
        for (int l = 0; l < N_LENGTHS; l++) {
            int n = lengths[l];
            float want[3] = { reference->sum(n, x), reference->dot(n, x, y), reference->max(n, x) };
            float got[3] = { (*all)->sum(n, x), (*all)->dot(n, x, y), (*all)->max(n, x) };
            ck_assert_msg(same(want, got, 3), "a sum of %s differs at n = %d", (*all)->name, n);
        }
    free(x);
    free(y);
}
END_TEST

/* By definition: 16 lanes, folded 8, 4, 2, 1. */
START_TEST(test_sum_order)
{
    float *x = numbers(50, 1, 1000), lane[16] = { 0 };
    for (int i = 0; i < 50; i++)
        lane[i % 16] += x[i];
    for (int half = 8; half > 0; half /= 2)
        for (int i = 0; i < half; i++)
            lane[i] += lane[i + half];
    for (const struct pw_kern *const *all = pw_kern_all(); *all != NULL; all++)
        ck_assert((*all)->sum(50, x) == lane[0]);
    ck_assert(reference->sum(0, x) == 0 && reference->dot(0, x, x) == 0 && reference->max(0, x) == -INFINITY);
    free(x);
}
END_TEST

/* Extremes among ordinary numbers, so that every function meets them in every lane. */
static float *with_extremes(size_t n, uint64_t seed)
{
    static const float extremes[] = { 0, -0.0f, INFINITY, -INFINITY, NAN, FLT_MAX, -FLT_MAX, FLT_MIN, 1e-45f, -1e-40f,
        88.7f, 88.8f, -87.3f, -88, -103.9f, -104.1f, 1, -1, 0.5f };
    float *x = numbers(n, seed, 30);
    for (size_t i = 0; i < n; i++)
        if (i % 3 == 0)
            x[i] = extremes[i / 3 % (sizeof extremes / sizeof *extremes)];
    return x;
}

static void check_maps(const struct pw_kern *kern, int n, const float *x, const float *y, const float *z)
{
    typedef void (*map_fn)(int, const float *, float *);
    const map_fn want[] = { reference->exp, reference->log, reference->sigmoid, reference->relu, reference->add };
    const map_fn got[] = { kern->exp, kern->log, kern->sigmoid, kern->relu, kern->add };
    static const char *const names[] = { "exp", "log", "sigmoid", "relu", "add" };
    for (int f = 0; f < 5; f++) {
        struct pair out = pair_of(n, 9);
        want[f](n, x, out.want);
        got[f](n, x, out.got);
        pair_check(out, names[f], kern, n);
    }
    struct pair out = pair_of(n, 9), out2 = pair_of(n, 10);
    reference->swiglu(n, x, y, out.want);
    kern->swiglu(n, x, y, out.got);
    pair_check(out, "swiglu", kern, n);
    out = pair_of(n, 9);
    reference->swiglu_back(n, x, y, z, out.want, out2.want);
    kern->swiglu_back(n, x, y, z, out.got, out2.got);
    pair_check(out, "swiglu_back, da", kern, n);
    pair_check(out2, "swiglu_back, db", kern, n);
}

static void check_scalings(const struct pw_kern *kern, int n, const float *x, const float *y)
{
    struct pair out = pair_of(n, 9);
    reference->axpy(n, 0.37f, x, out.want);
    kern->axpy(n, 0.37f, x, out.got);
    reference->scale(n, -1.7f, out.want);
    kern->scale(n, -1.7f, out.got);
    pair_check(out, "axpy or scale", kern, n);
    out = pair_of(n, 9);
    reference->mul(n, x, y, out.want);
    kern->mul(n, x, y, out.got);
    pair_check(out, "mul", kern, n);
    if (n == 0)
        return;
    out = pair_of(n, 9);
    reference->softmax(n, y, 0.7f, out.want);
    kern->softmax(n, y, 0.7f, out.got);
    pair_check(out, "softmax", kern, n);
}

static void check_bf16(const struct pw_kern *kern, int n, const float *x)
{
    uint16_t want[MOST + GUARD], got[MOST + GUARD];
    struct pair out = pair_of(n, 9);
    for (int i = 0; i < n + GUARD; i++)
        want[i] = got[i] = (uint16_t)i;
    reference->to_bf16(n, x, want);
    kern->to_bf16(n, x, got);
    ck_assert_msg(memcmp(want, got, (n + GUARD) * sizeof *want) == 0, "to_bf16 of %s at n = %d", kern->name, n);
    reference->from_bf16(n, want, out.want);
    kern->from_bf16(n, want, out.got);
    pair_check(out, "from_bf16", kern, n);
}

START_TEST(test_bf16)
{
    static const uint32_t from[] = { 0x3f800000, 0x3f807fff, 0x3f808000, 0x3f808001, 0x3f818000, 0x7f7fffff,
        0x7f800000, 0xff800000, 0x7f800001, 0x00008000, 0x00018000, 0x80000000, 0xbf80ffff };
    static const uint16_t to[] = { 0x3f80, 0x3f80, 0x3f80, 0x3f81, 0x3f82, 0x7f80, 0x7f80, 0xff80, 0x7fc0, 0, 2, 0x8000,
        0xbf81 };
    enum { N = sizeof from / sizeof *from };
    float x[N], back;
    uint16_t y[N];
    memcpy(x, from, sizeof x);
    reference->to_bf16(N, x, y);
    for (int i = 0; i < N; i++)
        ck_assert_msg(y[i] == to[i], "%08x becomes %04x", from[i], y[i]);
    reference->from_bf16(1, &y[4], &back);
    ck_assert(back == 1.015625f);
    float *z = with_extremes(MOST, 1), *tiny = numbers(MOST, 2, 1e-38);
    for (const struct pw_kern *const *all = pw_kern_all(); *all != NULL; all++)
        for (int l = 0; l < N_LENGTHS; l++) {
            check_bf16(*all, lengths[l], z);
            check_bf16(*all, lengths[l], tiny);
        }
    free(z);
    free(tiny);
}
END_TEST

START_TEST(test_maps_bits)
{
    float *x = with_extremes(MOST, 1), *y = numbers(MOST, 2, 8), *z = numbers(MOST, 3, 8);
    for (const struct pw_kern *const *all = pw_kern_all(); *all != NULL; all++)
        for (int l = 0; l < N_LENGTHS; l++) {
            check_maps(*all, lengths[l], x, y, z);
            check_maps(*all, lengths[l], y, x, z);
            check_scalings(*all, lengths[l], x, y);
        }
    free(x);
    free(y);
    free(z);
}
END_TEST

/* The largest relative error over n numbers evenly from low to high. */
static double worst(void (*fn)(int, const float *, float *), double (*exact)(double), double low, double high, int n)
{
    double most = 0;
    for (int i = 0; i < n; i++) {
        float x = (float)(low + (high - low) * i / (n - 1)), y;
        fn(1, &x, &y);
        double want = exact(x), error = fabs(y - want) / fabs(want);
        most = want != 0 && error > most ? error : most;
    }
    return most;
}

static double logistic(double x)
{
    return 1 / (1 + exp(-x));
}

START_TEST(test_accuracy)
{
    ck_assert_double_le(worst(reference->exp, exp, -87.3, 88.7, 200001), 4e-7);
    ck_assert_double_le(worst(reference->exp, exp, -1e-3, 1e-3, 20001), 4e-7);
    ck_assert_double_le(worst(reference->log, log, 1e-38, 1e-30, 20001), 4e-7);
    ck_assert_double_le(worst(reference->log, log, 1e-3, 3, 200001), 4e-7);
    ck_assert_double_le(worst(reference->log, log, 0.999, 1.001, 20001), 4e-7);
    ck_assert_double_le(worst(reference->log, log, 1e-41, 1e-39, 2001), 4e-7);
    ck_assert_double_le(worst(reference->log, log, 3, 3e38, 20001), 4e-7);
    ck_assert_double_le(worst(reference->sigmoid, logistic, -87, 87, 200001), 4e-7);
}
END_TEST

START_TEST(test_ends)
{
    const float x[] = { INFINITY, -INFINITY, 89, -105, 0, NAN, -1000, 1000 };
    float y[8];
    reference->exp(8, x, y);
    ck_assert(y[0] == INFINITY && y[1] == 0 && y[2] == INFINITY && y[3] == 0 && y[4] == 1 && isnan(y[5]) && y[6] == 0);
    reference->sigmoid(8, x, y);
    ck_assert(y[0] == 1 && y[1] == 0 && y[4] == 0.5f && isnan(y[5]) && y[6] == 0 && y[7] == 1);
    const float z[] = { 0, -0.0f, -1, INFINITY, -INFINITY, NAN, 1, 1e-45f };
    reference->log(8, z, y);
    ck_assert(y[0] == -INFINITY && y[1] == -INFINITY && isnan(y[2]) && y[3] == INFINITY && isnan(y[4]) && isnan(y[5]));
    ck_assert(y[6] == 0);
    ck_assert_float_eq_tol(y[7], -103.278929903432, 1e-4);
    reference->relu(8, x, y);
    ck_assert(y[1] == 0 && y[0] == INFINITY && isnan(y[5]));
}
END_TEST

START_TEST(test_softmax)
{
    for (const struct pw_kern *const *all = pw_kern_all(); *all != NULL; all++)
        for (int l = 1; l < N_LENGTHS; l++) {
            float *x = numbers(lengths[l], l, 200);
            (*all)->softmax(lengths[l], x, 1.0f, x);
            double sum = 0;
            for (int i = 0; i < lengths[l]; i++)
                sum += x[i];
            ck_assert_double_eq_tol(sum, 1, 1e-5);
            free(x);
        }
    float far[3] = { 3e38f, -3e38f, 0 }, nan[2] = { 1, NAN }, mask[2] = { -INFINITY, 5 };
    reference->softmax(3, far, 1, far);
    ck_assert(far[0] == 1 && far[1] == 0 && far[2] == 0);
    reference->softmax(2, nan, 1, nan);
    ck_assert(isnan(nan[0]) && isnan(nan[1]));
    reference->softmax(2, mask, 1, mask);
    ck_assert(mask[0] == 0 && mask[1] == 1);
}
END_TEST

START_TEST(test_swiglu_back)
{
    float a = 0.7f, b = -1.3f, d = 2.5f, da, db;
    double s = logistic(a);
    reference->swiglu_back(1, &a, &b, &d, &da, &db);
    ck_assert_double_eq_tol(da, 2.5 * b * (s + a * s * (1 - s)), 1e-6);
    ck_assert_double_eq_tol(db, 2.5 * a * s, 1e-6);
}
END_TEST

START_TEST(test_adamw_missed)
{
    enum { N = 83 };
    const float a[] = { 0.01f, 0.02f, 0.005f }, q[] = { 1.2f, 0.9f, 0.5f };
    for (const struct pw_kern *const *all = pw_kern_all(); *all != NULL; all++) {
        struct pair w = pair_of(N, 1), m = pair_of(N, 2), v = pair_of(N, 3);
        for (int i = 0; i < N + GUARD; i++)
            v.want[i] = v.got[i] = i == 5 ? 0 : fabsf(v.got[i]);
        m.want[5] = m.got[5] = 0;
        double last = 0.99 * w.got[N - 1], flat = 0.99 * w.got[5], root = sqrt(v.got[N - 1]);
        for (int k = 0; k < 3; k++)
            last -= a[k] * (m.got[N - 1] / (root * q[k] + 1e-8));
        reference->adamw_missed(N, w.want, m.want, v.want, 3, a, q, 0.99f, 0.7f, 0.9f, 1e-8f);
        (*all)->adamw_missed(N, w.got, m.got, v.got, 3, a, q, 0.99f, 0.7f, 0.9f, 1e-8f);
        ck_assert_double_eq_tol(w.got[N - 1], last, 1e-6);
        ck_assert_double_eq_tol(w.got[5], flat, 1e-6);
        pair_check(w, "adamw_missed, w", *all, N);
        pair_check(m, "adamw_missed, m", *all, N);
        pair_check(v, "adamw_missed, v", *all, N);
    }
}
END_TEST

START_TEST(test_adamw)
{
    enum { N = 83 };
    for (const struct pw_kern *const *all = pw_kern_all(); *all != NULL; all++) {
        struct pair w = pair_of(N, 1), m = pair_of(N, 2), v = pair_of(N, 3);
        float *g = numbers(N, 4, 3), *start = numbers(N, 1, 4), *m0 = numbers(N, 2, 4);
        for (int i = 0; i < N + GUARD; i++)
            v.want[i] = v.got[i] = fabsf(v.got[i]);
        float v0 = v.want[N - 1];
        reference->adamw(N, w.want, g, m.want, v.want, 0.5f, 0.9f, 0.99f, 0.01f, 1.2f, 1e-8f, 0.001f);
        (*all)->adamw(N, w.got, g, m.got, v.got, 0.5f, 0.9f, 0.99f, 0.01f, 1.2f, 1e-8f, 0.001f);
        double gs = g[N - 1] * 0.5, first = 0.9 * m0[N - 1] + 0.1 * gs, second = 0.99 * v0 + 0.01 * gs * gs;
        double last = start[N - 1] - 0.01 * first / (sqrt(second) * 1.2 + 1e-8) - 0.001 * start[N - 1];
        ck_assert_double_eq_tol(w.got[N - 1], last, 1e-6);
        pair_check(w, "adamw, w", *all, N);
        pair_check(m, "adamw, m", *all, N);
        pair_check(v, "adamw, v", *all, N);
        free(g);
        free(start);
        free(m0);
    }
}
END_TEST

START_TEST(test_choose)
{
    const struct pw_kern *kern = NULL, *best = NULL;
    ck_assert_int_eq(pw_kern_choose(NULL, &best), PWY_OK);
    for (const struct pw_kern *const *all = pw_kern_all(); *all != NULL; all++) {
        ck_assert_int_eq(pw_kern_choose((*all)->name, &kern), PWY_OK);
        ck_assert_ptr_eq(kern, *all);
        setenv("PATHWAYS_KERNELS", (*all)->name, 1);
        ck_assert_int_eq(pw_kern_choose(NULL, &kern), PWY_OK);
        ck_assert_ptr_eq(kern, *all);
        ck_assert_int_eq(pw_kern_choose("reference", &kern), PWY_OK);
        ck_assert_ptr_eq(kern, reference);
    }
    setenv("PATHWAYS_KERNELS", "", 1);
    ck_assert_int_eq(pw_kern_choose(NULL, &kern), PWY_OK);
    ck_assert_ptr_eq(kern, best);
}
END_TEST

START_TEST(test_choose_unknown)
{
    const struct pw_kern *kern = reference;
    ck_assert_int_eq(pw_kern_choose("mmx", &kern), PWY_E_ARGUMENT);
    ck_assert_ptr_nonnull(strstr(pwy_error_message(), "'mmx'"));
    for (const struct pw_kern *const *all = pw_kern_all(); *all != NULL; all++)
        ck_assert_ptr_nonnull(strstr(pwy_error_message(), (*all)->name));
    setenv("PATHWAYS_KERNELS", "sse9", 1);
    ck_assert_int_eq(pw_kern_choose(NULL, &kern), PWY_E_ARGUMENT);
    ck_assert_ptr_nonnull(strstr(pwy_error_message(), "PATHWAYS_KERNELS"));
    ck_assert_ptr_eq(kern, reference);
}
END_TEST

START_TEST(test_blas_guest)
{
    openblas_set_num_threads(2);
    int found = openblas_get_num_threads();
    pw_blas_enter();
    ck_assert_int_eq(openblas_get_num_threads(), 1);
    pw_blas_enter();
    pw_blas_leave();
    ck_assert_int_eq(openblas_get_num_threads(), 1);
    pw_blas_leave();
    ck_assert_int_eq(openblas_get_num_threads(), found);
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("kern");
    TCase *c = tcase_create("kern");
    tcase_add_checked_fixture(c, setup, NULL);
    tcase_set_timeout(c, 120);
    const TTest *const tests[] = { test_matmul_bits, test_product_bits, test_bf16_product,
        test_beta_0_reads_nothing, test_gemm_near,
        test_one_row_of_many, test_linear_bits, test_linear_one_row_of_many, test_pack_special, test_transpose,
        test_sums_bits, test_sum_order, test_maps_bits, test_bf16,
        test_accuracy, test_ends,
        test_softmax, test_swiglu_back, test_adamw, test_adamw_missed, test_choose, test_choose_unknown, test_blas_guest };
    for (size_t i = 0; i < sizeof tests / sizeof *tests; i++)
        tcase_add_test(c, tests[i]);
    suite_add_tcase(s, c);
    return s;
}

int main(void)
{
    return run_suite(suite());
}

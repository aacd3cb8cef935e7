/* The naive kernels: what every other table must equal, bit by bit. Plain loops, kept simple.
   Wherever a product meets a sum the fused multiply-add is written out, so that no compiler's own fusing changes a
   bit. */
#include <string.h>
#include "kern/tables.h"

/* Folds the 16 lanes of a reduction: 8, 4, 2, 1. */
static real fold_sum(real *lane)
{
    for (int half = PW_LANES / 2; half > 0; half /= 2)
        for (int i = 0; i < half; i++)
            lane[i] += lane[i + half];
    return lane[0];
}

static void matmul(int rows, int n, int k, const real *x, int ldx, const real *w, int ldw, real *y, int ldy, bool add)
{
    for (int i = 0; i < rows; i++)
        for (int j = 0; j < n; j++) {
            real *out = y + (ptrdiff_t)i * ldy + j;
            real sum = add ? *out : 0;
            for (int p = 0; p < k; p++)
                sum = pw_fma(x[(ptrdiff_t)i * ldx + p], w[(ptrdiff_t)p * ldw + j], sum);
            *out = sum;
        }
}

static void product(bool ta, bool tb, int m, int n, int k, const real *a, int lda, const real *b, int ldb, real beta,
                    real *c, int ldc)
{
    for (int i = 0; i < m; i++)
        for (int j = 0; j < n; j++) {
            real *out = c + (ptrdiff_t)i * ldc + j;
            real sum = beta == 0 ? 0 : beta * *out;
            for (int p = 0; p < k; p++)
                sum = pw_fma(ta ? a[(ptrdiff_t)p * lda + i] : a[(ptrdiff_t)i * lda + p],
                             tb ? b[(ptrdiff_t)j * ldb + p] : b[(ptrdiff_t)p * ldb + j], sum);
            *out = sum;
        }
}

static void transpose(int rows, int cols, const real *x, int ldx, real *y, int ldy)
{
    for (int i = 0; i < rows; i++)
        for (int j = 0; j < cols; j++)
            y[(ptrdiff_t)j * ldy + i] = x[(ptrdiff_t)i * ldx + j];
}

static real sum(int n, const real *x)
{
    real lane[PW_LANES] = { 0 };
    for (int i = 0; i < n; i++)
        lane[i % PW_LANES] += x[i];
    return fold_sum(lane);
}

static real dot(int n, const real *x, const real *y)
{
    real lane[PW_LANES] = { 0 };
    for (int i = 0; i < n; i++)
        lane[i % PW_LANES] = pw_fma(x[i], y[i], lane[i % PW_LANES]);
    return fold_sum(lane);
}

/* -inf for nothing; a NaN is passed over. */
static real max(int n, const real *x)
{
    real lane[PW_LANES];
    for (int i = 0; i < PW_LANES; i++)
        lane[i] = -(real)INFINITY;
    for (int i = 0; i < n; i++)
        lane[i % PW_LANES] = x[i] > lane[i % PW_LANES] ? x[i] : lane[i % PW_LANES];
    for (int half = PW_LANES / 2; half > 0; half /= 2)
        for (int i = 0; i < half; i++)
            lane[i] = lane[i + half] > lane[i] ? lane[i + half] : lane[i];
    return lane[0];
}

static void axpy(int n, real a, const real *x, real *y)
{
    for (int i = 0; i < n; i++)
        y[i] = pw_fma(a, x[i], y[i]);
}

static void scale(int n, real a, real *x)
{
    for (int i = 0; i < n; i++)
        x[i] *= a;
}

static void add(int n, const real *x, real *y)
{
    for (int i = 0; i < n; i++)
        y[i] += x[i];
}

static void mul(int n, const real *x, const real *y, real *out)
{
    for (int i = 0; i < n; i++)
        out[i] = x[i] * y[i];
}

static float from_bits(int32_t bits)
{
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

static int32_t to_bits(float x)
{
    int32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

#ifdef PATHWAYS_DOUBLE
static real exp1(real x)
{
    return exp(x);
}

static real log1(real x)
{
    return log(x);
}
#else
/* 2^n in two steps, since n reaches 128 above and the denormals below. */
static float times_power(float x, int n)
{
    int half = n >> 1;
    return x * from_bits((half + 127) * (1 << 23)) * from_bits((n - half + 127) * (1 << 23));
}

static float exp1(float x)
{
    if (x != x)
        return x;
    x = PW_EXP_HIGH < x ? PW_EXP_HIGH : x;
    x = PW_EXP_LOW > x ? PW_EXP_LOW : x;
    float n = rintf(x * PW_LOG2E);
    float r = fmaf(n, -PW_LN2_LO, fmaf(n, -PW_LN2_HI, x));
    float q = fmaf(PW_EXP_C4, r, PW_EXP_C3);
    q = fmaf(q, r, PW_EXP_C2);
    q = fmaf(q, r, PW_EXP_C1);
    q = fmaf(q, r, PW_EXP_C0);
    return times_power(fmaf(r * r, q, r) + 1.0f, (int)n);
}

static float log1(float x)
{
    if (!(x > 0) || x == INFINITY)
        return x == 0 ? -INFINITY : x < 0 ? NAN : x;
    bool tiny = x < PW_LOG_TINY;
    int32_t bits = to_bits(tiny ? x * PW_LOG_SCALE : x) - PW_SQRT_HALF_BITS;
    float e = (float)((bits >> 23) - (tiny ? 25 : 0));
    float f = from_bits((bits & 0x7fffff) + PW_SQRT_HALF_BITS) - 1.0f;
    float q = fmaf(PW_LOG_C6, f, PW_LOG_C5);
    q = fmaf(q, f, PW_LOG_C4);
    q = fmaf(q, f, PW_LOG_C3);
    q = fmaf(q, f, PW_LOG_C2);
    q = fmaf(q, f, PW_LOG_C1);
    q = fmaf(q, f, PW_LOG_C0);
    return fmaf(e, PW_LN2_HI, fmaf(f * f, fmaf(q, f, -0.5f), f));
}
#endif

static real sigmoid1(real x)
{
    real e = exp1(x < 0 ? x : -x);
    return (x >= 0 ? 1 : e) / (1 + e);
}

static void vexp(int n, const real *x, real *out)
{
    for (int i = 0; i < n; i++)
        out[i] = exp1(x[i]);
}

static void vlog(int n, const real *x, real *out)
{
    for (int i = 0; i < n; i++)
        out[i] = log1(x[i]);
}

static void sigmoid(int n, const real *x, real *out)
{
    for (int i = 0; i < n; i++)
        out[i] = sigmoid1(x[i]);
}

static void relu(int n, const real *x, real *out)
{
    for (int i = 0; i < n; i++)
        out[i] = x[i] < 0 ? 0 : x[i];
}

/* Half of the last place kept is added, and one less where that place is even, so that ties go there. */
static void to_bf16(int n, const real *x, uint16_t *out)
{
    for (int i = 0; i < n; i++) {
        uint32_t bits = (uint32_t)to_bits((float)x[i]), even = bits >> 16 & 1;
        out[i] = (uint16_t)((x[i] != x[i] ? bits | 0x400000 : bits + 0x7fff + even) >> 16);
    }
}

static void from_bf16(int n, const uint16_t *x, real *out)
{
    for (int i = 0; i < n; i++)
        out[i] = from_bits((int32_t)((uint32_t)x[i] << 16));
}

static void linear(int rows, int n, int k, const real *x, int ldx, struct pw_weights w, real *y, int ldy, bool add)
{
    for (int i = 0; i < rows; i++)
        for (int j = 0; j < n; j++) {
            real *out = y + (ptrdiff_t)i * ldy + j;
            real sum = add ? *out : 0;
            for (int p = 0; p < k; p++)
                sum = pw_fma(x[(ptrdiff_t)i * ldx + p], pw_packed_at(w, k, p, j), sum);
            *out = sum;
        }
}

static void softmax(int n, const real *x, real factor, real *out)
{
    for (int i = 0; i < n; i++)
        out[i] = factor * x[i];
    real top = max(n, out);
    for (int i = 0; i < n; i++)
        out[i] = exp1(out[i] - top);
    scale(n, 1 / sum(n, out), out);
}

static void swiglu(int n, const real *a, const real *b, real *out)
{
    for (int i = 0; i < n; i++)
        out[i] = a[i] * sigmoid1(a[i]) * b[i];
}

static void swiglu_back(int n, const real *a, const real *b, const real *dout, real *da, real *db)
{
    for (int i = 0; i < n; i++) {
        real s = sigmoid1(a[i]), silu = a[i] * s, d = dout[i];
        real slope = pw_fma(silu, 1 - s, s);
        da[i] = d * b[i] * slope;
        db[i] = d * silu;
    }
}

static void adamw(int n, real *w, const real *g, real *m, real *v, real gscale, real b1, real b2, real step, real c2,
                  real eps, real decay)
{
    for (int i = 0; i < n; i++) {
        real s = g[i] * gscale;
        m[i] = pw_fma(b1, m[i], (1 - b1) * s);
        v[i] = pw_fma(b2, v[i], (1 - b2) * (s * s));
        real u = m[i] / pw_fma(pw_sqrt(v[i]), c2, eps);
        w[i] -= pw_fma(decay, w[i], step * u);
    }
}

static void adamw_missed(int n, real *w, real *m, real *v, int nodes, const real *a, const real *q, real keep, real b1,
                         real b2, real eps)
{
    for (int i = 0; i < n; i++) {
        real root = pw_sqrt(v[i]), out = keep * w[i];
        for (int k = 0; k < nodes; k++)
            out -= a[k] * (m[i] / pw_fma(root, q[k], eps));
        w[i] = out;
        m[i] *= b1;
        v[i] *= b2;
    }
}

#include "kern/widen.h"

#define TABLE(word, training, low) { \
    .name = word, .matmul = matmul, .product = product, .gemm = training, .gemm_bf16 = low, .linear = linear, \
    .transpose = transpose, .sum = sum, .dot = dot, .max = max, .axpy = axpy, .scale = scale, .add = add, \
    .mul = mul, .exp = vexp, .log = vlog, .sigmoid = sigmoid, .relu = relu, .to_bf16 = to_bf16, \
    .from_bf16 = from_bf16, .softmax = softmax, .swiglu = swiglu, .swiglu_back = swiglu_back, .adamw = adamw, \
    .adamw_missed = adamw_missed }

const struct pw_kern pw_kern_reference = TABLE("reference", product, gemm_bf16);
const struct pw_kern pw_kern_reference_blas = TABLE("blas", pw_gemm_blas, gemm_bf16);
#ifndef PATHWAYS_DOUBLE
const struct pw_kern pw_kern_reference_onednn = TABLE("onednn", pw_gemm_onednn, gemm_bf16_onednn);
#endif

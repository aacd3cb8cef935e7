/* The tables that this build has, for choose.c; and the parts that they share. Private to src/kern. */
#ifndef PW_TABLES_H
#define PW_TABLES_H
#include "kern/kern.h"

#if defined(__x86_64__) && !defined(PATHWAYS_DOUBLE)
#define PW_HAVE_AVX 1                   /* avx2.c and avx512.c hold tables: they compute in float alone */
#endif

enum { PW_LANES = 16 };                 /* of every reduction, on every processor */

/* Before a product that adds: c = beta c. */
static inline void pw_begin_sum(int m, int n, float beta, float *c, ptrdiff_t ldc)
{
    for (int i = 0; beta != 1 && i < m; i++)
        for (int j = 0; j < n; j++) c[i * ldc + j] = beta == 0 ? 0 : beta * c[i * ldc + j];
}

/* Every set of loops makes two tables: all its own, and "blas", whose gemm is BLAS. */
extern const struct pw_kern pw_kern_reference, pw_kern_reference_blas;
#ifdef PW_HAVE_AVX
extern const struct pw_kern pw_kern_avx2, pw_kern_avx2_blas, pw_kern_avx512, pw_kern_avx512_blas;
/* Loops of avx512; their bf16 products, by AVX512_BF16 and by AMX's tiles, are not of the bits that widening gives. */
extern const struct pw_kern pw_kern_avx512bf16, pw_kern_amx;
#endif

/* cblas_sgemm (dgemm in double) in row-major order; empty products never reach it. */
void pw_gemm_blas(bool ta, bool tb, int m, int n, int k, const real *a, int lda, const real *b, int ldb, real beta,
                  real *c, int ldc);
#ifndef PATHWAYS_DOUBLE
/* Products of training by oneDNN, in bf16 too where the processor has it. Only once pw_onednn_open has opened the
   module; it is opened once, and *error says why not. */
extern const struct pw_kern pw_kern_reference_onednn;
#ifdef PW_HAVE_AVX
extern const struct pw_kern pw_kern_avx2_onednn, pw_kern_avx512_onednn;
#endif
struct pw_onednn;
const struct pw_onednn *pw_onednn_open(const char **error);
void pw_gemm_onednn(bool ta, bool tb, int m, int n, int k, const float *a, int lda, const float *b, int ldb, float beta,
                    float *c, int ldc);
/* false: not done: no module, a processor without AVX-512, an empty product. */
bool pw_gemm_bf16_onednn(bool ta, bool tb, int m, int n, int k, const uint16_t *a, int lda, const uint16_t *b, int ldb,
                         float beta, float *c, int ldc);
/* By AVX512_BF16, and by AMX's tiles; each on its own processors alone. */
extern const struct pw_panels pw_panels_amx;
void pw_gemm_avx512bf16(bool ta, bool tb, int m, int n, int k, const uint16_t *a, int lda, const uint16_t *b, int ldb,
                        float beta, float *c, int ldc);
#endif
/* Sets OpenBLAS's threads for a comparison, and returns what it found. */
int pw_blas_threads(int threads);

/* Constants of exp and log: minimax fits (Remez) made for these kernels; every table must use the same operations. */
#define PW_LOG2E 1.44269504088896341f
#define PW_LN2_HI 0.693147182464599609375f          /* ln 2 as a float, and the rest */
#define PW_LN2_LO (-1.904654299957768e-09f)
#define PW_EXP_LOW (-104.0f)                        /* below: 0 */
#define PW_EXP_HIGH 89.0f                           /* above: inf */
#define PW_EXP_C0 0.4999999343212932f               /* exp(r) = 1 + r + r^2 (C0 + C1 r + ...), |r| <= ln(2) / 2 */
#define PW_EXP_C1 0.16666520399042317f
#define PW_EXP_C2 0.04166839078354834f
#define PW_EXP_C3 0.008368745108961295f
#define PW_EXP_C4 0.0013814540176412438f
#define PW_LOG_C0 0.3333391073656639f               /* log(1 + f) = f + f^2 (-1/2 + f (C0 + C1 f + ...)), */
#define PW_LOG_C1 (-0.2500133703515817f)            /* 1 + f in sqrt(1/2) .. sqrt(2) */
#define PW_LOG_C2 0.19963063832719044f
#define PW_LOG_C3 (-0.16577584733324002f)
#define PW_LOG_C4 0.149147675966271f
#define PW_LOG_C5 (-0.14267486593963472f)
#define PW_LOG_C6 0.0870043643214711f
#define PW_SQRT_HALF_BITS 0x3f3504f3                /* sqrt(1/2) as a float's bits */
#define PW_LOG_TINY 1.17549435e-38f                 /* below, x is scaled up by 2^25 first */
#define PW_LOG_SCALE 33554432.0f
#endif

/* The product of bf16 operands by AVX512_BF16: vdpbf16ps takes two of k at a time, flushes subnormals, and adds a
   pair's two products in its own way. Its bits are near those of widening, not equal; they depend on nothing else: each
   output is one chain over the pairs of k, whatever the tile.

   Both operands are packed alike: for every pair of k, the numbers of all rows of A, or of 48 columns of B, each a word
   of 32 bits that holds the pair. */
#include "kern/tables.h"

#ifdef PW_HAVE_AVX
#pragma GCC target("avx512bf16,avx512f,avx512dq,avx512bw,avx512vl")
#include <immintrin.h>

enum { VW = 16, MR = 8, NV = 3, COLS = NV * VW, ROWS = 256, PAIRS = 128, DEPTH = 2 * PAIRS };

#define INLINE static inline __attribute__((always_inline))

struct operand { const uint16_t *at; ptrdiff_t ld; };

static inline __mmask16 first_lanes(int left)
{
    return left >= VW ? 0xffff : (__mmask16)((1u << left) - 1);
}

/* Lines of k stand end to end: two lines become one of pairs. The last of an odd k pairs with zeros. */
static void pack_lines(int k, int width, struct operand x, uint32_t *out, int out_width)
{
    for (int p = 0; p < k; p += 2, out += out_width)
        for (int i = 0; i < width; i += VW) {
            __mmask16 some = first_lanes(width - i);
            const uint16_t *at = x.at + p * x.ld + i;
            __m512i low = _mm512_cvtepu16_epi32(_mm256_maskz_loadu_epi16(some, at)), high = _mm512_setzero_si512();
            if (p + 1 < k)
                high = _mm512_cvtepu16_epi32(_mm256_maskz_loadu_epi16(some, at + x.ld));
            _mm512_storeu_si512(out + i, _mm512_or_si512(low, _mm512_slli_epi32(high, 16)));
        }
}

/* Each of `width` rows holds its own k numbers: pairs lie together there already. */
static void pack_rows(int k, int width, struct operand x, uint32_t *out, int out_width)
{
    for (int i = 0; i < width; i += VW) {
        __mmask16 some = first_lanes(width - i);
        __m512i row = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
        __m512i index = _mm512_mullo_epi32(row, _mm512_set1_epi32((int)x.ld));
        const uint16_t *at = x.at + i * x.ld;
        for (int p = 0; p + 1 < k; p += 2)
            _mm512_storeu_si512(out + p / 2 * out_width + i,
                                _mm512_mask_i32gather_epi32(_mm512_setzero_si512(), some, index, at + p, 2));
        for (int r = 0; k % 2 != 0 && r < VW; r++)
            out[k / 2 * out_width + i + r] = i + r < width ? at[r * x.ld + k - 1] : 0;
    }
}

INLINE void tile(int mr, int nv, __mmask16 last, int pairs, const uint32_t *a, const uint32_t *b, float *c,
                 ptrdiff_t ldc, bool add)
{
    __m512 acc[MR][NV];
#define LANES(j) ((j) + 1 < nv ? (__mmask16)0xffff : last)
#pragma GCC unroll 8
    for (int i = 0; i < mr; i++)
#pragma GCC unroll 4
        for (int j = 0; j < nv; j++)
            acc[i][j] = add ? _mm512_maskz_loadu_ps(LANES(j), c + i * ldc + j * VW) : _mm512_setzero_ps();
    for (int p = 0; p < pairs; p++, a += ROWS, b += COLS) {
        __m512bh right[NV];
#pragma GCC unroll 4
        for (int j = 0; j < nv; j++)
            right[j] = (__m512bh)_mm512_loadu_si512(b + j * VW);
#pragma GCC unroll 8
        for (int i = 0; i < mr; i++)
#pragma GCC unroll 4
            for (int j = 0; j < nv; j++)
                acc[i][j] = _mm512_dpbf16_ps(acc[i][j], (__m512bh)_mm512_set1_epi32((int)a[i]), right[j]);
    }
#pragma GCC unroll 8
    for (int i = 0; i < mr; i++)
#pragma GCC unroll 4
        for (int j = 0; j < nv; j++)
            _mm512_mask_storeu_ps(c + i * ldc + j * VW, LANES(j), acc[i][j]);
#undef LANES
}

INLINE void panel(int rows, int nv, __mmask16 last, int pairs, const uint32_t *a, const uint32_t *b, float *c,
                  ptrdiff_t ldc, bool add)
{
    int i = 0;
    for (; i + MR <= rows; i += MR)
        tile(MR, nv, last, pairs, a + i, b, c + i * ldc, ldc, add);
    for (; i + 2 <= rows; i += 2)
        tile(2, nv, last, pairs, a + i, b, c + i * ldc, ldc, add);
    if (i < rows)
        tile(1, nv, last, pairs, a + i, b, c + i * ldc, ldc, add);
}

static void run_panel(int rows, int cols, int pairs, const uint32_t *a, const uint32_t *b, float *c, ptrdiff_t ldc,
                      bool add)
{
    __mmask16 last = first_lanes(cols - (cols - 1) / VW * VW);
    if (cols > 2 * VW)
        panel(rows, 3, last, pairs, a, b, c, ldc, add);
    else if (cols > VW)
        panel(rows, 2, last, pairs, a, b, c, ldc, add);
    else
        panel(rows, 1, last, pairs, a, b, c, ldc, add);
}

static int least(int a, int b)
{
    return a < b ? a : b;
}

/* Up to ROWS rows and DEPTH of k, against all columns. */
static void block(int rows, int n, int k, bool ta, struct operand a, bool tb, struct operand b, float *c, ptrdiff_t ldc,
                  bool add)
{
    uint32_t left[PAIRS * ROWS] __attribute__((aligned(64))), right[PAIRS * COLS] __attribute__((aligned(64)));
    (ta ? pack_lines : pack_rows)(k, rows, a, left, ROWS);
    for (int j = 0; j < n; j += COLS) {
        int cols = least(n - j, COLS);
        struct operand part = { b.at + (tb ? j * b.ld : j), b.ld };
        (tb ? pack_rows : pack_lines)(k, cols, part, right, COLS);
        run_panel(rows, cols, (k + 1) / 2, left, right, c + j, ldc, add);
    }
}

void pw_gemm_avx512bf16(bool ta, bool tb, int m, int n, int k, const uint16_t *a, int lda, const uint16_t *b, int ldb,
                        float beta, float *c, int ldc)
{
    if (beta != 0 || k <= 0)
        pw_begin_sum(m, n, beta, c, ldc);
    for (int p = 0; p < k; p += DEPTH)
        for (int i = 0; i < m; i += ROWS) {
            struct operand x = { a + (ta ? (ptrdiff_t)p * lda + i : (ptrdiff_t)i * lda + p), lda };
            struct operand w = { b + (tb ? p : (ptrdiff_t)p * ldb), ldb };
            block(least(m - i, ROWS), n, least(k - p, DEPTH), ta, x, tb, w, c + (ptrdiff_t)i * ldc, ldc,
                  beta != 0 || p > 0);
        }
}
#endif

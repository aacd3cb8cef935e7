/* The product of bf16 operands where a processor has none of its own: blocks of both are widened to floats, which is
   exact, and go through `product`. So each output is the same chain of fused multiply-adds, in the order of k, as that
   of the rounded operands in floats. Included by reference.c and loops' tables after `product` and `from_bf16`. */

enum { WIDE_ROWS = 64, WIDE_COLS = 96, WIDE_DEPTH = 256 };      /* 64 and 96 KiB: the second-level cache holds them */

/* The block of op(x) from (row, col), rows x cols, as it stands in memory: turned when the operand is. */
static void widen(bool turned, int row, int col, int rows, int cols, const uint16_t *x, int ldx, real *out, int ldo)
{
    const uint16_t *at = x + (turned ? (ptrdiff_t)col * ldx + row : (ptrdiff_t)row * ldx + col);
    int lines = turned ? cols : rows, width = turned ? rows : cols;
    for (int i = 0; i < lines; i++)
        from_bf16(width, at + (ptrdiff_t)i * ldx, out + (ptrdiff_t)i * ldo);
}

static int least(int a, int b)
{
    return a < b ? a : b;
}

static void gemm_bf16(bool ta, bool tb, int m, int n, int k, const uint16_t *a, int lda, const uint16_t *b, int ldb,
                      real beta, real *c, int ldc)
{
    real left[WIDE_ROWS * WIDE_DEPTH] __attribute__((aligned(64)));
    real right[WIDE_COLS * WIDE_DEPTH] __attribute__((aligned(64)));
    int ldl = ta ? WIDE_ROWS : WIDE_DEPTH, ldr = tb ? WIDE_DEPTH : WIDE_COLS;
    if (k <= 0)
        product(ta, tb, m, n, k, NULL, 0, NULL, 0, beta, c, ldc);
    for (int p = 0; p < k; p += WIDE_DEPTH) {
        int depth = least(k - p, WIDE_DEPTH);
        for (int j = 0; j < n; j += WIDE_COLS) {
            int cols = least(n - j, WIDE_COLS);
            widen(tb, p, j, depth, cols, b, ldb, right, ldr);
            for (int i = 0; i < m; i += WIDE_ROWS) {
                int rows = least(m - i, WIDE_ROWS);
                widen(ta, i, p, rows, depth, a, lda, left, ldl);
                product(ta, tb, rows, cols, depth, left, ldl, right, ldr, p > 0 ? 1 : beta, c + (ptrdiff_t)i * ldc + j,
                        ldc);
            }
        }
    }
}

#ifndef PATHWAYS_DOUBLE
/* Of the table "onednn". */
static void gemm_bf16_onednn(bool ta, bool tb, int m, int n, int k, const uint16_t *a, int lda, const uint16_t *b,
                             int ldb, float beta, float *c, int ldc)
{
    if (!pw_gemm_bf16_onednn(ta, tb, m, n, k, a, lda, b, ldb, beta, c, ldc))
        gemm_bf16(ta, tb, m, n, k, a, lda, b, ldb, beta, c, ldc);
}
#endif

/* Matrix products over vectors of VW floats: register tiles of up to MR rows by NV vectors, and a path that streams
   the weights once for the few rows of decoding. Included by avx2.c and avx512.c after transpose.h. Each output is one
   chain of fused multiply-adds in the order of k: a block of k ends by storing y, which rounds nothing, and the next
   goes on from there. */

enum {
    COLS = NV * VW,                     /* columns of a packed panel of w */
    DEPTH = 256, ROWS = 128, WIDE = 32, /* of k, and of a transposed x, that are packed at a time */
    STRIP = 8, FEW = VW / 8, TILED = 8  /* below TILED rows: strips of 8 rows of w by FEW rows of x */
};

#define INLINE static inline __attribute__((always_inline))

/* One operand: row-major, and whether it stands there transposed. */
struct operand { const float *at; ptrdiff_t ld; bool turned; };

/* mr rows by nv vectors of y, of which the last has `last` columns. x (i, p) is at i si + p sp;
   w (k, nv VW) is whole: packed, or inside a wider matrix. */
INLINE void tile(int mr, int nv, int last, int k, const float *x, ptrdiff_t si, ptrdiff_t sp, const float *w,
                 ptrdiff_t ldw, float *y, ptrdiff_t ldy, bool add)
{
    vec acc[MR][NV];
#pragma GCC unroll 8
    for (int i = 0; i < mr; i++)
#pragma GCC unroll 4
        for (int j = 0; j < nv; j++)
            acc[i][j] = add ? v_get(y + i * ldy + j * VW, j + 1 < nv ? VW : last) : v_set(0);
    for (int p = 0; p < k; p++) {
        vec b[NV];
#pragma GCC unroll 4
        for (int j = 0; j < nv; j++)
            b[j] = v_load(w + p * ldw + j * VW);
#pragma GCC unroll 8
        for (int i = 0; i < mr; i++)
#pragma GCC unroll 4
            for (int j = 0; j < nv; j++)
                acc[i][j] = v_fma(v_set(x[i * si + p * sp]), b[j], acc[i][j]);
    }
#pragma GCC unroll 8
    for (int i = 0; i < mr; i++)
#pragma GCC unroll 4
        for (int j = 0; j < nv; j++)
            v_put(y + i * ldy + j * VW, j + 1 < nv ? VW : last, acc[i][j]);
}

/* All rows against one panel of nv vectors: tiles of MR rows, then of 4, 2 and 1. A turned x is packed: for every 8
   rows (k, 8), so that row i begins at (i - i % 8) k + i % 8. */
INLINE void panel_rows(int rows, int nv, int last, int k, bool packed, const float *x, ptrdiff_t ldx, const float *w,
                       ptrdiff_t ldw, float *y, ptrdiff_t ldy, bool add)
{
    const ptrdiff_t si = packed ? 1 : ldx, sp = packed ? 8 : 1;
    int i = 0;
#define AT (packed ? x + (ptrdiff_t)(i & ~7) * k + (i & 7) : x + i * ldx)
    for (; i + MR <= rows; i += MR)
        tile(MR, nv, last, k, AT, si, sp, w, ldw, y + i * ldy, ldy, add);
    for (; MR > 4 && i + 4 <= rows; i += 4)
        tile(4, nv, last, k, AT, si, sp, w, ldw, y + i * ldy, ldy, add);
    for (; i + 2 <= rows; i += 2)
        tile(2, nv, last, k, AT, si, sp, w, ldw, y + i * ldy, ldy, add);
    if (i < rows)
        tile(1, nv, last, k, AT, si, sp, w, ldw, y + i * ldy, ldy, add);
#undef AT
}

/* One function each for the widths and the two layouts of x: constants there make the tiles. */
#define PANEL(name, nv, packed) \
    static void name(int rows, int last, int k, const float *x, ptrdiff_t ldx, const float *w, ptrdiff_t ldw, \
                     float *y, ptrdiff_t ldy, bool add) \
    { \
        panel_rows(rows, nv, last, k, packed, x, ldx, w, ldw, y, ldy, add); \
    }
PANEL(panel1, 1, false)
PANEL(panel2, 2, false)
PANEL(panel3, 3, false)
PANEL(packed1, 1, true)
PANEL(packed2, 2, true)
PANEL(packed3, 3, true)

typedef void (*panel_fn)(int, int, int, const float *, ptrdiff_t, const float *, ptrdiff_t, float *, ptrdiff_t, bool);
static const panel_fn panels[2][3] = { { panel1, panel2, panel3 }, { packed1, packed2, packed3 } };

/* Copies k rows of `cols` columns to pack (k, nv VW), the rest of the last vector zero. */
static void pack_panel(int k, int cols, const float *w, ptrdiff_t ldw, float *pack)
{
    int nv = (cols + VW - 1) / VW, last = cols - (nv - 1) * VW;
    for (int p = 0; p < k; p++, w += ldw, pack += nv * VW) {
        for (int j = 0; j + 1 < nv; j++)
            v_store(pack + j * VW, v_load(w + j * VW));
        v_store(pack + (nv - 1) * VW, v_get(w + (nv - 1) * VW, last));
    }
}

/* The same from w transposed: `cols` rows of k numbers. */
static void pack_turned(int k, int cols, const float *w, ptrdiff_t ldw, float *pack)
{
    int width = (cols + VW - 1) / VW * VW;
    for (int p = 0; cols < width && p < k; p++)
        v_store(pack + (p + 1) * width - VW, v_set(0));
    transpose(cols, k, w, (int)ldw, pack, width);
}

/* A turned x (k, rows): for every 8 rows of the product (k, 8). WIDE rows at a time use up the cache lines that they
   touch. */
static void pack_rows(int rows, int k, const float *x, ptrdiff_t ldx, float *pack)
{
    int i = 0;
    for (; i + WIDE <= rows; i += WIDE)
        for (int p = 0; p < k; p++)
#pragma GCC unroll 8
            for (int q = i; q < i + WIDE; q += 8)
                _mm256_storeu_ps(pack + q * k + 8 * p, _mm256_loadu_ps(x + p * ldx + q));
    for (; i < rows; i += 8)
        for (int p = 0; p < k; p++)
            memcpy(pack + i * k + 8 * p, x + p * ldx + i, (rows - i < 8 ? rows - i : 8) * sizeof *x);
}

/* Up to DEPTH of k: all rows of x, packed if it was turned, against a panel of COLS columns at a time. */
static void block(int rows, int n, int k, struct operand x, struct operand w, float *y, ptrdiff_t ldy, bool add)
{
    float pack[DEPTH * COLS] __attribute__((aligned(64)));
    for (int j = 0; j < n; j += COLS) {
        int cols = n - j < COLS ? n - j : COLS, nv = (cols + VW - 1) / VW, last = cols - (nv - 1) * VW;
        bool whole = last == VW && rows < 4 * MR && !w.turned;
        if (w.turned)
            pack_turned(k, cols, w.at + j * w.ld, w.ld, pack);
        else if (!whole)
            pack_panel(k, cols, w.at + j, w.ld, pack);
        panels[x.turned][nv - 1](rows, last, k, x.at, x.ld, whole ? w.at + j : pack, whole ? w.ld : nv * VW, y + j,
                                 ldy, add);
    }
}

/* block for a turned x: packed ROWS at a time. */
static void turned_block(int rows, int n, int k, struct operand x, struct operand w, float *y, ptrdiff_t ldy, bool add)
{
    float pack[ROWS * DEPTH] __attribute__((aligned(64)));
    for (int i = 0; i < rows; i += ROWS) {
        int part = rows - i < ROWS ? rows - i : ROWS;
        pack_rows(part, k, x.at + i, x.ld, pack);
        block(part, n, k, (struct operand){ pack, 0, true }, w, y + i * ldy, ldy, add);
    }
}

/* y (mr, n) = or += x (mr, k) w (k, n) for k up to STRIP: y is read and written once a strip, and w flows through in
   its own order. */
INLINE void strip(int mr, int k, int n, const float *x, ptrdiff_t ldx, const float *w, ptrdiff_t ldw, float *y,
                  ptrdiff_t ldy, bool add)
{
    vec a[FEW][STRIP];
#pragma GCC unroll 4
    for (int r = 0; r < mr; r++)
#pragma GCC unroll 8
        for (int p = 0; p < k; p++)
            a[r][p] = v_set(x[r * ldx + p]);
    EACH(n) {
        vec sum[FEW];
#pragma GCC unroll 4
        for (int r = 0; r < mr; r++)
            sum[r] = add ? GET(y + r * ldy) : v_set(0);
#pragma GCC unroll 8
        for (int p = 0; p < k; p++) {
            vec b = GET(w + p * ldw);
#pragma GCC unroll 4
            for (int r = 0; r < mr; r++)
                sum[r] = v_fma(a[r][p], b, sum[r]);
        }
#pragma GCC unroll 4
        for (int r = 0; r < mr; r++)
            PUT(y + r * ldy, sum[r]);
    }
}

/* All rows, FEW at a time, against one strip of w. */
INLINE void strip_rows(int rows, int k, int n, const float *x, ptrdiff_t ldx, const float *w, ptrdiff_t ldw, float *y,
                       ptrdiff_t ldy, bool add)
{
    int i = 0;
    for (; i + FEW <= rows; i += FEW)
        strip(FEW, k, n, x + i * ldx, ldx, w, ldw, y + i * ldy, ldy, add);
    for (; i < rows; i++)
        strip(1, k, n, x + i * ldx, ldx, w, ldw, y + i * ldy, ldy, add);
}

/* Few rows: strips of w outside, rows inside, so that each weight comes from memory once. */
static void stream(int rows, int n, int k, const float *x, ptrdiff_t ldx, const float *w, ptrdiff_t ldw, float *y,
                   ptrdiff_t ldy, bool add)
{
    int p = 0;
    for (; p + STRIP <= k; p += STRIP)
        strip_rows(rows, STRIP, n, x + p, ldx, w + p * ldw, ldw, y, ldy, add || p > 0);
    for (; p < k; p++)
        strip_rows(rows, 1, n, x + p, ldx, w + p * ldw, ldw, y, ldy, add || p > 0);
}

/* Before a product that adds: y = beta y, for beta other than 1. */
static void prepare(int rows, int n, float beta, float *y, ptrdiff_t ldy)
{
    for (int i = 0; beta != 1 && i < rows; i++)
        for (int j = 0; j < n; j++)
            y[i * ldy + j] = beta == 0 ? 0 : beta * y[i * ldy + j];
}

static void product(bool ta, bool tb, int m, int n, int k, const float *a, int lda, const float *b, int ldb, float beta,
                    float *c, int ldc)
{
    if (beta != 0 || k <= 0)
        prepare(m, n, beta, c, ldc);
    if (k <= 0 || m <= 0 || n <= 0)
        return;
    if (m < TILED && !ta && !tb) {
        stream(m, n, k, a, lda, b, ldb, c, ldc, beta != 0);
        return;
    }
    for (int p = 0; p < k; p += DEPTH) {
        struct operand x = { a + (ta ? (ptrdiff_t)p * lda : p), lda, ta };
        struct operand w = { b + (tb ? p : (ptrdiff_t)p * ldb), ldb, tb };
        (ta ? turned_block : block)(m, n, k - p < DEPTH ? k - p : DEPTH, x, w, c, ldc, beta != 0 || p > 0);
    }
}

static void matmul(int rows, int n, int k, const float *x, int ldx, const float *w, int ldw, float *y, int ldy,
                   bool add)
{
    product(false, false, rows, n, k, x, ldx, w, ldw, add, y, ldy);
}

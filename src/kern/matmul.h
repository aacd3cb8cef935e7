/* y = x w over vectors of VW floats: register tiles of up to MR rows by NV vectors, and a path that streams w once for
   the few rows of decoding. Included by avx2.c and avx512.c. Each output is one chain of fused multiply-adds in the
   order of k: a block of k ends by storing y, which rounds nothing, and the next goes on from there. */

enum { COLS = NV * VW, DEPTH = 256, STRIP = 8, FEW = VW / 8, TILED = 8 };

#define INLINE static inline __attribute__((always_inline))

/* mr rows by nv vectors of y, of which the last has `last` columns. w (k, nv VW) is whole: packed, or inside a wider matrix. */
INLINE void tile(int mr, int nv, int last, int k, const float *x, ptrdiff_t ldx, const float *w, ptrdiff_t ldw,
                 float *y, ptrdiff_t ldy, bool add)
{
    vec acc[MR][NV];
#pragma GCC unroll 16
    for (int i = 0; i < mr; i++)
#pragma GCC unroll 4
        for (int j = 0; j < nv; j++)
            acc[i][j] = add ? v_get(y + i * ldy + j * VW, j + 1 < nv ? VW : last) : v_set(0);
    for (int p = 0; p < k; p++) {
        vec b[NV];
#pragma GCC unroll 4
        for (int j = 0; j < nv; j++)
            b[j] = v_load(w + p * ldw + j * VW);
#pragma GCC unroll 16
        for (int i = 0; i < mr; i++)
#pragma GCC unroll 4
            for (int j = 0; j < nv; j++)
                acc[i][j] = v_fma(v_set(x[i * ldx + p]), b[j], acc[i][j]);
    }
#pragma GCC unroll 16
    for (int i = 0; i < mr; i++)
#pragma GCC unroll 4
        for (int j = 0; j < nv; j++)
            v_put(y + i * ldy + j * VW, j + 1 < nv ? VW : last, acc[i][j]);
}

/* All rows against one panel of nv vectors: tiles of MR rows, then of 4, 2 and 1. */
INLINE void panel_rows(int rows, int nv, int last, int k, const float *x, ptrdiff_t ldx, const float *w, ptrdiff_t ldw,
                       float *y, ptrdiff_t ldy, bool add)
{
    int i = 0;
    for (; i + MR <= rows; i += MR)
        tile(MR, nv, last, k, x + i * ldx, ldx, w, ldw, y + i * ldy, ldy, add);
    for (; MR > 4 && i + 4 <= rows; i += 4)
        tile(4, nv, last, k, x + i * ldx, ldx, w, ldw, y + i * ldy, ldy, add);
    for (; i + 2 <= rows; i += 2)
        tile(2, nv, last, k, x + i * ldx, ldx, w, ldw, y + i * ldy, ldy, add);
    if (i < rows)
        tile(1, nv, last, k, x + i * ldx, ldx, w, ldw, y + i * ldy, ldy, add);
}

static void panel3(int rows, int last, int k, const float *x, ptrdiff_t ldx, const float *w, ptrdiff_t ldw, float *y,
                   ptrdiff_t ldy, bool add)
{
    panel_rows(rows, 3, last, k, x, ldx, w, ldw, y, ldy, add);
}

static void panel2(int rows, int last, int k, const float *x, ptrdiff_t ldx, const float *w, ptrdiff_t ldw, float *y,
                   ptrdiff_t ldy, bool add)
{
    panel_rows(rows, 2, last, k, x, ldx, w, ldw, y, ldy, add);
}

static void panel1(int rows, int last, int k, const float *x, ptrdiff_t ldx, const float *w, ptrdiff_t ldw, float *y,
                   ptrdiff_t ldy, bool add)
{
    panel_rows(rows, 1, last, k, x, ldx, w, ldw, y, ldy, add);
}

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

/* Up to DEPTH rows of w against all rows of x, a panel of COLS columns at a time. */
static void block(int rows, int n, int k, const float *x, ptrdiff_t ldx, const float *w, ptrdiff_t ldw, float *y,
                  ptrdiff_t ldy, bool add)
{
    float pack[DEPTH * COLS] __attribute__((aligned(64)));
    for (int j = 0; j < n; j += COLS) {
        int cols = n - j < COLS ? n - j : COLS, nv = (cols + VW - 1) / VW, last = cols - (nv - 1) * VW;
        bool whole = last == VW && rows < 4 * MR;
        if (!whole)
            pack_panel(k, cols, w + j, ldw, pack);
        (nv == 3 ? panel3 : nv == 2 ? panel2 : panel1)(rows, last, k, x, ldx, whole ? w + j : pack,
                                                       whole ? ldw : nv * VW, y + j, ldy, add);
    }
}

/* y (mr, n) = or += x (mr, k) w (k, n) for k up to STRIP: y is read and written once a strip, w flows through in its own order. */
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

static void clear(int rows, int n, float *y, ptrdiff_t ldy)
{
    for (int i = 0; i < rows; i++)
        for (int j = 0; j < n; j++)
            y[i * ldy + j] = 0;
}

static void matmul(int rows, int n, int k, const float *x, int ldx, const float *w, int ldw, float *y, int ldy, bool add)
{
    if (k <= 0 && !add)
        clear(rows, n, y, ldy);
    if (k <= 0 || rows <= 0 || n <= 0)
        return;
    if (rows < TILED) {
        stream(rows, n, k, x, ldx, w, ldw, y, ldy, add);
        return;
    }
    for (int p = 0; p < k; p += DEPTH)
        block(rows, n, k - p < DEPTH ? k - p : DEPTH, x + p, ldx, w + (ptrdiff_t)p * ldw, ldw, y, ldy, add || p > 0);
}

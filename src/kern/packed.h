/* Products with packed weights (kern.h): a panel lies in memory in the order in which it is used, so that few rows take
   as long as reading it and many need no packing. Included by avx2.c and avx512.c after matmul.h. */

enum {
    PARTS = PW_PANEL / VW,              /* vectors across a panel */
    TALL = VW == 8 ? 3 : 8,             /* rows of a tile: their sums, a row of the panel and x fill the registers */
    SLICE = 64,                         /* of k, that are widened at a time, and that many rows pass over in turn */
    FAR = 2048                          /* bytes; the processor's own prefetching stops at the end of a page */
};

static const int packed_size[] = { [PW_AS_REAL] = sizeof(float), [PW_AS_BF16] = 2, [PW_AS_I8] = 1 };

/* VW weights as numbers. */
INLINE vec w_get(enum pw_form store, const char *w, vec scale)
{
    if (store == PW_AS_BF16)
        return v_as_float(v_shift_left(v_load_half((const uint16_t *)(const void *)w), 16));
    if (store == PW_AS_I8)
        return v_mul(v_from_int(v_load_byte((const int8_t *)w)), scale);
    return v_load((const float *)(const void *)w);
}

/* What comes behind: a tile asks for one line of it in every row of the panel, so that memory works while we do. NULL:
   few rows, which wait for the panel itself, and ask for it FAR ahead. */
struct ahead { const char *at; int lines; };

/* mr rows of y by the first `cols` columns of a panel. */
INLINE void packed_tile(enum pw_form store, int mr, int cols, int k, const float *x, ptrdiff_t ldx, const char *w,
                        const float *scale, float *y, ptrdiff_t ldy, bool add, struct ahead ahead)
{
    vec acc[TALL][PARTS], s[PARTS];
#pragma GCC unroll 4
    for (int j = 0; j < PARTS; j++)
        s[j] = store == PW_AS_I8 ? v_load(scale + j * VW) : v_set(0);
#pragma GCC unroll 8
    for (int i = 0; i < mr; i++)
#pragma GCC unroll 4
        for (int j = 0; j < PARTS; j++)
            acc[i][j] = add && cols > j * VW ? v_get(y + i * ldy + j * VW, cols - j * VW) : v_set(0);
    for (int p = 0; p < k; p++, w += PW_PANEL * packed_size[store]) {
        vec a[TALL];
        if (p < ahead.lines)
            _mm_prefetch(ahead.at + 64 * p, _MM_HINT_T0);
        if (ahead.at == NULL)
            for (int line = 0; line < PW_PANEL * packed_size[store]; line += 64)
                _mm_prefetch(w + FAR + line, _MM_HINT_T0);
#pragma GCC unroll 8
        for (int i = 0; i < mr; i++)
            a[i] = v_set(x[i * ldx + p]);
#pragma GCC unroll 4
        for (int j = 0; j < PARTS; j++) {
            vec b = w_get(store, w + j * VW * packed_size[store], s[j]);
#pragma GCC unroll 8
            for (int i = 0; i < mr; i++)
                acc[i][j] = v_fma(a[i], b, acc[i][j]);
        }
    }
#pragma GCC unroll 8
    for (int i = 0; i < mr; i++)
#pragma GCC unroll 4
        for (int j = 0; j < PARTS; j++)
            if (cols > j * VW)
                v_put(y + i * ldy + j * VW, cols - j * VW, acc[i][j]);
}

/* One function for every store and height: constants there make the tiles. */
typedef void (*packed_fn)(int, int, const float *, ptrdiff_t, const char *, const float *, float *, ptrdiff_t, bool,
                          struct ahead);
#define PACKED(name, store, mr) \
    static void name(int cols, int k, const float *x, ptrdiff_t ldx, const char *w, const float *scale, float *y, \
                     ptrdiff_t ldy, bool add, struct ahead ahead) \
    { \
        packed_tile(store, mr, cols, k, x, ldx, w, scale, y, ldy, add, ahead); \
    }
#define HEIGHTS(name, store) PACKED(name##1, store, 1) PACKED(name##2, store, 2) PACKED(name##3, store, 3) \
    PACKED(name##4, store, TALL < 4 ? TALL : 4) PACKED(name##8, store, TALL)
HEIGHTS(real, PW_AS_REAL)
HEIGHTS(bf16_, PW_AS_BF16)
HEIGHTS(i8_, PW_AS_I8)
#undef HEIGHTS
#define HEIGHTS(name) { NULL, name##1, name##2, name##3, name##4, name##4, name##4, name##4, name##8 }
static const packed_fn heights[][9] = {
    [PW_AS_REAL] = HEIGHTS(real), [PW_AS_BF16] = HEIGHTS(bf16_), [PW_AS_I8] = HEIGHTS(i8_)
};

/* How many of `left` rows the next tile takes: four are two and two where three is the most. */
static int height(int left)
{
    if (TALL == 3)
        return left == 4 || left == 2 ? 2 : left >= 3 ? 3 : left;
    return left >= 8 ? 8 : left >= 4 ? 4 : left;
}

/* All rows by one slice of a panel. Tiles take turns in asking for `next`. */
static void slice_by_rows(enum pw_form store, int rows, int cols, int k, const float *x, ptrdiff_t ldx, const char *w,
                          const float *scale, float *y, ptrdiff_t ldy, bool add, struct ahead next)
{
    int share = (next.lines + 1) / 2 < SLICE ? (next.lines + 1) / 2 : SLICE;
    for (int i = 0, mr; i < rows; i += mr) {
        struct ahead ahead = { next.at, next.lines < share ? next.lines : share };
        mr = height(rows - i);
        heights[store][mr](cols, k, x + i * ldx, ldx, w, scale, y + i * ldy, ldy, add, ahead);
        if (ahead.lines > 0)
            next.at += 64 * ahead.lines;
        next.lines -= ahead.lines;
    }
}

/* k rows of a panel as numbers. */
static void widen_panel(enum pw_form store, int k, const char *w, const float *scale, float *out)
{
    if (store == PW_AS_BF16)
        for (int i = 0; i < k * PW_PANEL; i += VW)
            v_store(out + i, w_get(PW_AS_BF16, w + i * 2, v_set(0)));
    else
        for (int p = 0; p < k; p++)
            for (int j = 0; j < PW_PANEL; j += VW)
                v_store(out + p * PW_PANEL + j, w_get(PW_AS_I8, w + p * PW_PANEL + j, v_load(scale + j)));
}

/* Few rows stream a panel; more pass over slices of it that stay in the first cache, widened if that pays. */
static void panel(int rows, int cols, int k, const float *x, ptrdiff_t ldx, struct pw_weights w, float *y,
                  ptrdiff_t ldy, bool add)
{
    float wide[SLICE * PW_PANEL] __attribute__((aligned(64)));
    const int step = PW_PANEL * packed_size[w.store], most = rows > TALL ? SLICE : k;
    for (int p = 0; p < k; p += most) {
        int depth = k - p < most ? k - p : most;
        const char *at = (const char *)w.at + (ptrdiff_t)p * step;
        struct ahead next = { NULL, 0 };
        if (rows > TALL)
            next = (struct ahead){ at + (ptrdiff_t)depth * step, SLICE * step / 64 };
        bool widens = w.store != PW_AS_REAL && rows > 3 * TALL;
        if (widens)
            widen_panel(w.store, depth, at, w.scale, wide);
        slice_by_rows(widens ? PW_AS_REAL : w.store, rows, cols, depth, x + p, ldx, widens ? (const char *)wide : at,
                      w.scale, y, ldy, add || p > 0, next);
    }
}

static void linear(int rows, int n, int k, const float *x, int ldx, struct pw_weights w, float *y, int ldy, bool add)
{
    if (k <= 0)
        prepare(rows, n, add, y, ldy);
    for (int j = 0; k > 0 && j < n; j += PW_PANEL) {
        panel(rows, n - j < PW_PANEL ? n - j : PW_PANEL, k, x, ldx, w, y + j, ldy, add);
        w.at = (const char *)w.at + (ptrdiff_t)k * PW_PANEL * packed_size[w.store];
        w.scale = w.scale != NULL ? w.scale + PW_PANEL : NULL;
    }
}

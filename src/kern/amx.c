/* The product of bf16 operands by AMX's tiles (Intel's "Advanced Matrix Extensions", TDPBF16PS): 16 rows of A, or 16
   columns of B, by 32 of k at a time, sums in floats. Its bits are near those of the other kernels, not equal; they
   depend on nothing else: each output is one chain over the tiles of k, whatever lies beside it, and what fills up a
   tile is zeros.

   Operands are floats, rounded as they are packed (subnormals to zero, as the tiles would read them). A panel of 32
   rows of A, or columns of B, is two tiles for each step of k, one step behind the other. A tile is 16 lines of 16
   words, a word being two neighbours in k: a line is a row of A, or a pair of k of B. */
#include <string.h>
#include "kern/tables.h"

#ifdef PW_HAVE_AVX

enum {
    SIDE = PW_PANEL / 2,                /* rows, columns and pairs of k of a tile: 16 */
    DEEP = 2 * SIDE,                    /* of k that a tile has: a step */
    DEPTH = 64,                         /* steps at a time: the second cache holds them */
    AHEAD = 4,                          /* rows of the next C that a step prefetches */
    LINE = SIDE * sizeof(uint32_t)
};

struct tile { uint32_t line[SIDE][SIDE]; } __attribute__((aligned(64)));

#define INLINE static inline __attribute__((always_inline))

#ifdef PW_TILES                         /* a test's own, for processors that have none */
#include PW_TILES
#else
#pragma GCC target("prfchw,amx-tile,amx-bf16,avx512bf16,avx512f,avx512dq,avx512bw,avx512vl")
#include <immintrin.h>
/* GCC's own do not say that they read memory: what was written has to be there first. */
#define WRITTEN() __asm__ volatile("" ::: "memory")
#define TILE_OPEN(config) do { WRITTEN(); _tile_loadconfig(config); } while (0)
#define TILE_CLOSE() _tile_release()
#define TILE_ZERO(t) _tile_zero(t)
#define TILE_LOAD(t, at, bytes) do { WRITTEN(); _tile_loadd(t, at, bytes); } while (0)
#define TILE_STORE(t, at, bytes) do { _tile_stored(t, at, bytes); WRITTEN(); } while (0)
#define TILE_DOT(c, a, b) _tile_dpbf16ps(c, a, b)

typedef __m512i words;                  /* of a line */

static inline __mmask16 first_lanes(int n)
{
    return n >= SIDE ? 0xffff : n > 0 ? (__mmask16)((1u << n) - 1) : 0;
}

static inline words line_zero(void)
{
    return _mm512_setzero_si512();
}

/* n numbers that lie end to end. */
static inline words line_of_row(int n, const float *at)
{
    __m512 low = _mm512_maskz_loadu_ps(first_lanes(n), at);
    __m512 high = _mm512_maskz_loadu_ps(first_lanes(n - SIDE), at + SIDE);
    return (__m512i)_mm512_cvtne2ps_pbh(high, low);
}

/* The words of n of one k and as many of the next, which may be missing: NULL. */
static inline words line_of_pair(int n, const float *even, const float *odd)
{
    const __m512i order = _mm512_set_epi32(0x1f000f, 0x1e000e, 0x1d000d, 0x1c000c, 0x1b000b, 0x1a000a, 0x190009,
        0x180008, 0x170007, 0x160006, 0x150005, 0x140004, 0x130003, 0x120002, 0x110001, 0x100000);
    __m512 low = _mm512_maskz_loadu_ps(first_lanes(n), even), high = _mm512_setzero_ps();
    if (odd != NULL) high = _mm512_maskz_loadu_ps(first_lanes(n), odd);
    return _mm512_permutexvar_epi16(order, (__m512i)_mm512_cvtne2ps_pbh(high, low));
}

/* Lines become columns: words, then pairs of them, then quarters of a line. */
INLINE void transpose_lines(words *r)
{
    words s[SIDE];
#pragma GCC unroll 16
    for (int i = 0; i < SIDE; i += 2) {
        s[i] = _mm512_unpacklo_epi32(r[i], r[i + 1]);
        s[i + 1] = _mm512_unpackhi_epi32(r[i], r[i + 1]);
    }
#pragma GCC unroll 16
    for (int i = 0; i < SIDE; i++)
        r[i] = i % 2 == 0 ? _mm512_unpacklo_epi64(s[i / 4 * 4 + i % 4 / 2], s[i / 4 * 4 + i % 4 / 2 + 2])
                          : _mm512_unpackhi_epi64(s[i / 4 * 4 + i % 4 / 2], s[i / 4 * 4 + i % 4 / 2 + 2]);
#pragma GCC unroll 16
    for (int i = 0; i < 8; i++) {
        s[i] = _mm512_shuffle_i32x4(r[i % 4 + i / 4 * 8], r[i % 4 + i / 4 * 8 + 4], 0x88);
        s[i + 8] = _mm512_shuffle_i32x4(r[i % 4 + i / 4 * 8], r[i % 4 + i / 4 * 8 + 4], 0xdd);
    }
#pragma GCC unroll 16
    for (int i = 0; i < 4; i++) {
        r[i] = _mm512_shuffle_i32x4(s[i], s[i + 4], 0x88);
        r[i + 8] = _mm512_shuffle_i32x4(s[i], s[i + 4], 0xdd);
        r[i + 4] = _mm512_shuffle_i32x4(s[i + 8], s[i + 12], 0x88);
        r[i + 12] = _mm512_shuffle_i32x4(s[i + 8], s[i + 12], 0xdd);
    }
}

static inline void line_store(uint32_t *to, words a)
{
    _mm512_store_si512(to, a);
}
#endif

static int least(int a, int b)
{
    return a < b ? a : b;
}

static int steps_of(int k)
{
    return (k + DEEP - 1) / DEEP;
}

/* --- packing --- */

/* Rows that hold their own k. */
INLINE void take_rows(int rows, int k, const float *at, ptrdiff_t ld, words *r)
{
#pragma GCC unroll 16
    for (int i = 0; i < SIDE; i++) r[i] = i < rows ? line_of_row(k, at + i * ld) : line_zero();
}

/* Lines of k: two become one of words. */
INLINE void take_pairs(int width, int k, const float *at, ptrdiff_t ld, words *r)
{
#pragma GCC unroll 16
    for (int i = 0; i < SIDE; i++)
        r[i] = 2 * i >= k ? line_zero()
                          : line_of_pair(width, at + 2 * i * ld, 2 * i + 1 < k ? at + (2 * i + 1) * ld : NULL);
}

INLINE void pack_lines(bool along, bool right, int width, int k, const float *at, ptrdiff_t ld, struct tile *out)
{
    words r[SIDE];
    if (along) take_rows(width, k, at, ld, r);
    else take_pairs(width, k, at, ld, r);
    if (along == right) transpose_lines(r);
#pragma GCC unroll 16
    for (int i = 0; i < SIDE; i++) line_store(out->line[i], r[i]);
}

/* Whole tiles without their bounds: much faster. */
INLINE void pack_tile(bool along, bool right, int width, int k, const float *at, ptrdiff_t ld, struct tile *out)
{
    if (width == SIDE && k == DEEP) pack_lines(along, right, SIDE, DEEP, at, ld, out);
    else pack_lines(along, right, width, k, at, ld, out);
}

static void pack_rows(bool right, int width, int k, const float *at, ptrdiff_t ld, struct tile *out)
{
    if (right) pack_tile(true, true, width, k, at, ld, out);
    else pack_tile(true, false, width, k, at, ld, out);
}

static void pack_pairs(bool right, int width, int k, const float *at, ptrdiff_t ld, struct tile *out)
{
    if (right) pack_tile(false, true, width, k, at, ld, out);
    else pack_tile(false, false, width, k, at, ld, out);
}

/* The two tiles of a panel and a step. */
static void pack_step(const struct pw_operand *x, int line, int p, struct tile *out)
{
    for (int t = line; t < line + 2 * SIDE; t += SIDE, out++)
        if (t >= x->lines) memset(out, 0, sizeof *out);
        else if (x->along)
            pack_rows(x->right, least(x->lines - t, SIDE), least(x->k - p, DEEP), x->at + (ptrdiff_t)t * x->ld + p,
                      x->ld, out);
        else
            pack_pairs(x->right, least(x->lines - t, SIDE), least(x->k - p, DEEP), x->at + (ptrdiff_t)p * x->ld + t,
                       x->ld, out);
}

/* In the order of memory. */
static void pack_operand(const struct pw_operand *x, int line, int lines, int p, int depth, uint16_t *to)
{
    struct tile *out = (struct tile *)(void *)to;
    int steps = steps_of(x->k), outer = x->along ? lines : depth, inner = x->along ? depth : lines;
    for (int i = 0; i < outer; i += DEEP)
        for (int j = 0; j < inner; j += DEEP) {
            int l = line + (x->along ? i : j), q = p + (x->along ? j : i);
            pack_step(x, l, q, out + ((ptrdiff_t)(l / DEEP) * steps + q / DEEP) * 2);
        }
}

/* --- products --- */

/* A tile of C that sticks out over an edge goes through a whole one. */
static void copy_part(int rows, int cols, const float *from, ptrdiff_t from_ld, float *to, ptrdiff_t to_ld)
{
    for (int i = 0; i < rows; i++)
        for (int j = 0; j < cols; j++) to[i * to_ld + j] = from[i * from_ld + j];
}

/* Where a panel of rows by one of columns goes: more rows and columns may follow. */
struct place { float *c; int rows, cols; };

struct corner { float *c; ptrdiff_t ld; int rows, cols; };

static struct corner corner_of(struct place at, ptrdiff_t ld, int i, int j)
{
    return (struct corner){ at.c + i * SIDE * ld + j * SIDE, ld, least(at.rows - i * SIDE, SIDE),
                            least(at.cols - j * SIDE, SIDE) };
}

static bool sticks_out(const struct corner *at)
{
    return at->rows < SIDE || at->cols < SIDE;
}

/* The tile's number has to be a constant. */
#define BEGIN(t, at) do { \
    if (!add) TILE_ZERO(t); \
    else if (!sticks_out(&(at))) TILE_LOAD(t, (at).c, (at).ld * (ptrdiff_t)sizeof(float)); \
    else { \
        memset(part, 0, sizeof part); \
        copy_part((at).rows, (at).cols, (at).c, (at).ld, part, SIDE); \
        TILE_LOAD(t, part, LINE); \
    } } while (0)
#define END(t, at) do { \
    if (!sticks_out(&(at))) TILE_STORE(t, (at).c, (at).ld * (ptrdiff_t)sizeof(float)); \
    else { \
        TILE_STORE(t, part, LINE); \
        copy_part((at).rows, (at).cols, part, SIDE, (at).c, (at).ld); \
    } } while (0)

/* Some rows of the C that is written next, so that its stores need not wait for memory. */
static inline void prefetch_rows(struct place at, int row, ptrdiff_t ldc)
{
    for (int i = row; i < row + AHEAD && i < at.rows; i++) {
        __builtin_prefetch(at.c + i * ldc, 1);
        if (at.cols > SIDE) __builtin_prefetch(at.c + i * ldc + SIDE, 1);
    }
}

/* A panel of rows by one of columns; the one that follows it goes to `next`. */
static void square(int steps, const struct tile *a, const struct tile *b, struct place at, struct place next,
                   ptrdiff_t ldc, bool add)
{
    float part[SIDE * SIDE] __attribute__((aligned(64)));
    struct corner c00 = corner_of(at, ldc, 0, 0), c01 = corner_of(at, ldc, 0, 1);
    struct corner c10 = corner_of(at, ldc, 1, 0), c11 = corner_of(at, ldc, 1, 1);
    BEGIN(0, c00);
    BEGIN(1, c01);
    BEGIN(2, c10);
    BEGIN(3, c11);
    for (int p = 0; p < steps; p++, a += 2, b += 2) {
        if (p < DEEP / AHEAD) prefetch_rows(next, p * AHEAD, ldc);
        TILE_LOAD(4, a, LINE);
        TILE_LOAD(6, b, LINE);
        TILE_LOAD(5, a + 1, LINE);
        TILE_LOAD(7, b + 1, LINE);
        TILE_DOT(0, 4, 6);
        TILE_DOT(1, 4, 7);
        TILE_DOT(2, 5, 6);
        TILE_DOT(3, 5, 7);
    }
    END(0, c00);
    END(1, c01);
    END(2, c10);
    END(3, c11);
}

/* All eight tiles whole. */
struct config { uint8_t palette, start, reserved[14]; uint16_t bytes[16]; uint8_t rows[16]; };

static void open_tiles(void)
{
    struct config config = { .palette = 1 };
    for (int t = 0; t < 8; t++) {
        config.bytes[t] = LINE;
        config.rows[t] = SIDE;
    }
    TILE_OPEN(&config);
}

/* A panel of rows by all of columns: C is written in the order of memory. */
static void stripe(int steps, const struct tile *a, const struct tile *b, ptrdiff_t panel, struct place at,
                   ptrdiff_t ldc, bool add)
{
    struct place below = { at.rows > DEEP ? at.c + DEEP * ldc : at.c, at.rows - DEEP, at.cols };
    for (; at.cols > 0; b += panel) {
        struct place right = { at.c + DEEP, at.rows, at.cols - DEEP };
        square(steps, a, b, at, right.cols > 0 ? right : below, ldc, add);
        at = right;
    }
}

static void multiply(int m, int n, int k, const uint16_t *a, const uint16_t *b, bool add, float *c, int ldc)
{
    const struct tile *left = (const void *)a, *right = (const void *)b;
    ptrdiff_t panel = 2 * (ptrdiff_t)steps_of(k);
    open_tiles();
    for (int p = 0; p < steps_of(k); p += DEPTH)
        for (int i = 0; i < m; i += DEEP)
            stripe(least(steps_of(k) - p, DEPTH), left + i / DEEP * panel + 2 * p, right + 2 * p, panel,
                   (struct place){ c + (ptrdiff_t)i * ldc, m - i, n }, ldc, add || p > 0);
    TILE_CLOSE();
}

const struct pw_panels pw_panels_amx = { pack_operand, multiply };
#endif

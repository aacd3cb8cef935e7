/* The product of bf16 operands by AMX's tiles (Intel's "Advanced Matrix Extensions", TDPBF16PS): 16 rows of A, or 16
   columns of B, by 32 of k at a time, sums in floats. Its bits are near those of the other kernels, not equal; they
   depend on nothing else: each output is one chain over the tiles of k, whatever lies beside it, and what fills up a
   tile is zeros.

   Both operands are packed into tiles of 16 lines of 16 words, a word being two neighbours in k: a line is a row of A,
   or a pair of k of B. */
#include <string.h>
#include "kern/tables.h"

#ifdef PW_HAVE_AVX
#ifdef PW_TILES                         /* a test's own, for processors that have none */
#pragma GCC target("avx2")
#include <immintrin.h>
#include PW_TILES
#else
#pragma GCC target("amx-tile,amx-bf16,avx2")
#include <immintrin.h>
/* GCC's own do not say that they read memory: what was written has to be there first. */
#define WRITTEN() __asm__ volatile("" ::: "memory")
#define TILE_OPEN(config) do { WRITTEN(); _tile_loadconfig(config); } while (0)
#define TILE_CLOSE() _tile_release()
#define TILE_ZERO(t) _tile_zero(t)
#define TILE_LOAD(t, at, bytes) do { WRITTEN(); _tile_loadd(t, at, bytes); } while (0)
#define TILE_STORE(t, at, bytes) do { _tile_stored(t, at, bytes); WRITTEN(); } while (0)
#define TILE_DOT(c, a, b) _tile_dpbf16ps(c, a, b)
#endif

enum {
    SIDE = 16,                          /* rows, columns and pairs of k of a tile */
    DEEP = 2 * SIDE,                    /* of k that a tile has */
    ROWS = 128, COLS = 2 * SIDE, DEPTH = 512,   /* packed at a time: A in the second cache, B in the first */
    LINE = SIDE * sizeof(uint32_t)
};

struct tile { uint32_t line[SIDE][SIDE]; } __attribute__((aligned(64)));
struct operand { const uint16_t *at; ptrdiff_t ld; };

static int least(int a, int b)
{
    return a < b ? a : b;
}

/* --- packing --- */

/* Rows that hold their own k: words lie there already. */
static void take_rows(int rows, int k, struct operand x, struct tile *out)
{
    if (rows < SIDE || k < DEEP) {
        memset(out, 0, sizeof *out);
        for (int i = 0; i < rows; i++) memcpy(out->line[i], x.at + i * x.ld, (size_t)k * sizeof *x.at);
        return;
    }
    for (int i = 0; i < SIDE; i++) memcpy(out->line[i], x.at + i * x.ld, LINE);     /* of a size that is known: fast */
}

static void take_part_of_lines(int k, int width, struct operand x, struct tile *out)
{
    memset(out, 0, sizeof *out);
    for (int p = 0; p < k; p++)
        for (int i = 0; i < width; i++)
            out->line[p / 2][i] |= (uint32_t)x.at[p * x.ld + i] << (p % 2 != 0 ? 16 : 0);
}

/* Lines of k: two become one of words. */
static void take_lines(int k, int width, struct operand x, struct tile *out)
{
    if (k < DEEP || width < SIDE) {
        take_part_of_lines(k, width, x, out);
        return;
    }
    for (int p = 0; p < SIDE; p++) {
        const uint16_t *at = x.at + 2 * p * x.ld;
        __m256i a = _mm256_loadu_si256((const __m256i *)(const void *)at);
        __m256i b = _mm256_loadu_si256((const __m256i *)(const void *)(at + x.ld));
        __m256i low = _mm256_unpacklo_epi16(a, b), high = _mm256_unpackhi_epi16(a, b);
        __m256i *to = (__m256i *)(void *)out->line[p];
        _mm256_store_si256(to, _mm256_permute2x128_si256(low, high, 0x20));
        _mm256_store_si256(to + 1, _mm256_permute2x128_si256(low, high, 0x31));
    }
}

/* A quarter of a tile, 8 words by 8. */
static void turn_quarter(const uint32_t *in, uint32_t *out)
{
    __m256i r[8], s[8];
    for (int i = 0; i < 8; i++) r[i] = _mm256_load_si256((const __m256i *)(const void *)(in + i * SIDE));
    for (int i = 0; i < 8; i += 2) {
        s[i] = _mm256_unpacklo_epi32(r[i], r[i + 1]);
        s[i + 1] = _mm256_unpackhi_epi32(r[i], r[i + 1]);
    }
    for (int i = 0; i < 8; i += 4)
        for (int j = 0; j < 2; j++) {
            r[i + 2 * j] = _mm256_unpacklo_epi64(s[i + j], s[i + j + 2]);
            r[i + 2 * j + 1] = _mm256_unpackhi_epi64(s[i + j], s[i + j + 2]);
        }
    for (int i = 0; i < 4; i++) {
        __m256i *to = (__m256i *)(void *)(out + i * SIDE);
        _mm256_store_si256(to, _mm256_permute2x128_si256(r[i], r[i + 4], 0x20));
        _mm256_store_si256(to + 4 * SIDE / 8, _mm256_permute2x128_si256(r[i], r[i + 4], 0x31));
    }
}

static void turn(const struct tile *in, struct tile *out)
{
    for (int i = 0; i < SIDE; i += 8)
        for (int j = 0; j < SIDE; j += 8) turn_quarter(&in->line[i][j], &out->line[j][i]);
}

/* One tile: `width` rows of A or columns of B, k numbers each, which lie in rows of their own or in lines of k; a line
   of the tile is a row (A) or a pair of k (B). */
static void pack_tile(bool rows, bool line_is_row, int k, int width, struct operand x, struct tile *out)
{
    struct tile turned;
    struct tile *to = rows == line_is_row ? out : &turned;
    if (rows) take_rows(width, k, x, to);
    else take_lines(k, width, x, to);
    if (to == &turned) turn(&turned, out);
}

/* Tiles side by side, then the next of k. */
static void pack(bool rows, bool line_is_row, int k, int width, int tiles, struct operand x, struct tile *out)
{
    for (int p = 0; p < k; p += DEEP)
        for (int t = 0; t < tiles; t++, out++) {
            struct operand part = { x.at + (rows ? t * SIDE * x.ld + p : p * x.ld + t * SIDE), x.ld };
            int some = least(width - t * SIDE, SIDE);
            if (some > 0) pack_tile(rows, line_is_row, least(k - p, DEEP), some, part, out);
            else memset(out, 0, sizeof *out);
        }
}

/* --- products --- */

/* A tile of C that sticks out over an edge goes through a whole one. */
static void copy_part(int rows, int cols, const float *from, ptrdiff_t from_ld, float *to, ptrdiff_t to_ld)
{
    for (int i = 0; i < rows; i++)
        for (int j = 0; j < cols; j++) to[i * to_ld + j] = from[i * from_ld + j];
}

struct corner { float *c; ptrdiff_t ld; int rows, cols; };

static struct corner corner_of(float *c, ptrdiff_t ld, int rows, int cols, int i, int j)
{
    return (struct corner){ c + i * SIDE * ld + j * SIDE, ld, least(rows - i * SIDE, SIDE), least(cols - j * SIDE, SIDE) };
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

/* Two tiles of rows by two of columns, along all of k that is packed. */
static void square(int deep, const struct tile *a, int a_step, const struct tile *b, float *c, ptrdiff_t ldc, int rows,
                   int cols, bool add)
{
    float part[SIDE * SIDE] __attribute__((aligned(64)));
    struct corner c00 = corner_of(c, ldc, rows, cols, 0, 0), c01 = corner_of(c, ldc, rows, cols, 0, 1);
    struct corner c10 = corner_of(c, ldc, rows, cols, 1, 0), c11 = corner_of(c, ldc, rows, cols, 1, 1);
    BEGIN(0, c00);
    BEGIN(1, c01);
    BEGIN(2, c10);
    BEGIN(3, c11);
    for (int p = 0; p < deep; p++, a += a_step, b += 2) {
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

/* Up to ROWS rows and DEPTH of k, against all columns. */
static void block(int rows, int n, int k, bool ta, struct operand a, bool tb, struct operand b, float *c, ptrdiff_t ldc,
                  bool add)
{
    struct tile left[ROWS / SIDE * DEPTH / DEEP], right[COLS / SIDE * DEPTH / DEEP];
    int tall = (rows + 2 * SIDE - 1) / (2 * SIDE) * 2;
    pack(!ta, true, k, rows, tall, a, left);
    for (int j = 0; j < n; j += COLS) {
        struct operand some = { b.at + (tb ? j * b.ld : j), b.ld };
        pack(tb, false, k, n - j, COLS / SIDE, some, right);
        for (int i = 0; i < tall; i += 2)
            square((k + DEEP - 1) / DEEP, left + i, tall, right, c + i * SIDE * ldc + j, ldc, rows - i * SIDE, n - j,
                   add);
    }
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

void pw_gemm_amx(bool ta, bool tb, int m, int n, int k, const uint16_t *a, int lda, const uint16_t *b, int ldb,
                 float beta, float *c, int ldc)
{
    if (beta != 0 || k <= 0) pw_begin_sum(m, n, beta, c, ldc);
    if (m <= 0 || n <= 0 || k <= 0) return;
    open_tiles();
    for (int p = 0; p < k; p += DEPTH)
        for (int i = 0; i < m; i += ROWS) {
            struct operand x = { a + (ta ? (ptrdiff_t)p * lda + i : (ptrdiff_t)i * lda + p), lda };
            struct operand w = { b + (tb ? p : (ptrdiff_t)p * ldb), ldb };
            block(least(m - i, ROWS), n, least(k - p, DEPTH), ta, x, tb, w, c + (ptrdiff_t)i * ldc, ldc,
                  beta != 0 || p > 0);
        }
    TILE_CLOSE();
}
#endif

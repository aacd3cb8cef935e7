/* AMX's tiles in plain C, for tests/test_amx.c: what the instructions do, whole tiles of 16 lines of 64 bytes alone;
   and the lines that are packed into them. */
#ifndef AMX_TILES_H
#define AMX_TILES_H
#include <stdint.h>
#include <string.h>

union emulated { uint32_t word[16][16]; float number[16][16]; uint16_t half[16][32]; };
static union emulated emulated[8];
static int emulated_open;

static inline void emulated_load(int t, const void *at, ptrdiff_t bytes)
{
    for (int i = 0; i < 16; i++) memcpy(emulated[t].word[i], (const char *)at + i * bytes, 64);
}

static inline void emulated_store(int t, void *at, ptrdiff_t bytes)
{
    for (int i = 0; i < 16; i++) memcpy((char *)at + i * bytes, emulated[t].word[i], 64);
}

static inline float emulated_float(uint16_t half)
{
    uint32_t bits = (uint32_t)half << 16;
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

static inline void emulated_dot(int c, int a, int b)
{
    for (int i = 0; i < 16; i++)
        for (int j = 0; j < 16; j++) {
            float even = 0, odd = 0;
            for (int p = 0; p < 16; p++) {
                even += emulated_float(emulated[a].half[i][2 * p]) * emulated_float(emulated[b].half[p][2 * j]);
                odd += emulated_float(emulated[a].half[i][2 * p + 1]) * emulated_float(emulated[b].half[p][2 * j + 1]);
            }
            emulated[c].number[i][j] += even + odd;
        }
}

/* To the nearest, ties to even. */
static inline uint16_t emulated_half(float x)
{
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    if (x != x) return (uint16_t)(bits >> 16 | 0x40);
    return (uint16_t)((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

typedef struct { uint32_t word[16]; } words;

static inline words line_zero(void)
{
    return (words){{0}};
}

static inline words line_of_row(int n, const float *at)
{
    words r = line_zero();
    for (int i = 0; i < n; i++) r.word[i / 2] |= (uint32_t)emulated_half(at[i]) << (i % 2 * 16);
    return r;
}

static inline words line_of_pair(int n, const float *even, const float *odd)
{
    words r = line_zero();
    for (int i = 0; i < n; i++)
        r.word[i] = emulated_half(even[i]) | (odd != NULL ? (uint32_t)emulated_half(odd[i]) << 16 : 0);
    return r;
}

static inline void transpose_lines(words *r)
{
    words s[16];
    memcpy(s, r, sizeof s);
    for (int i = 0; i < 16; i++)
        for (int j = 0; j < 16; j++) r[i].word[j] = s[j].word[i];
}

static inline void line_store(uint32_t *to, words a)
{
    memcpy(to, a.word, sizeof a.word);
}

#define TILE_OPEN(config) ((void)(config), emulated_open++)
#define TILE_CLOSE() ((void)emulated_open--)
#define TILE_ZERO(t) memset(&emulated[t], 0, sizeof emulated[t])
#define TILE_LOAD(t, at, bytes) emulated_load(t, at, bytes)
#define TILE_STORE(t, at, bytes) emulated_store(t, at, bytes)
#define TILE_DOT(c, a, b) emulated_dot(c, a, b)
#endif

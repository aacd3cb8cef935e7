/* AMX's tiles in plain C, for tests/test_amx.c: what the instructions do, whole tiles of 16 lines of 64 bytes alone. */
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

#define TILE_OPEN(config) ((void)(config), emulated_open++)
#define TILE_CLOSE() ((void)emulated_open--)
#define TILE_ZERO(t) memset(&emulated[t], 0, sizeof emulated[t])
#define TILE_LOAD(t, at, bytes) emulated_load(t, at, bytes)
#define TILE_STORE(t, at, bytes) emulated_store(t, at, bytes)
#define TILE_DOT(c, a, b) emulated_dot(c, a, b)
#endif

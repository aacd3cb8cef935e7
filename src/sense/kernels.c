/* The responses of the 84 kernels, by shifted copies: -1 everywhere plus 3 at three positions. */
#include "sense/kernels.h"
#include "base/rng.h"
#include <string.h>

pwy_status pw_padded_open(struct pw_arena *arena, int64_t steps, int64_t channels, int dilations, struct pw_lines *out)
{
    struct pw_lines l = {.steps = steps, .channels = channels, .pad = (int64_t)(PW_KERNEL_LENGTH / 2) << dilations};
    l.stride = steps + 2 * l.pad;
    PW_NEED(l.line = pw_arena_zero(arena, (size_t)(l.stride * channels), sizeof(real)));
    PW_NEED(l.base = pw_arena_take(arena, (size_t)(steps * channels), sizeof(real)));
    PW_NEED(l.response = pw_arena_take(arena, (size_t)steps, sizeof(real)));
    *out = l;
    return PWY_OK;
}

/* base = - sum over the nine shifts of each channel. */
void pw_padded_dilate(struct pw_lines *l, int j)
{
    for (int64_t c = 0; c < l->channels; c++) {
        real *base = l->base + c * l->steps;
        memset(base, 0, (size_t)l->steps * sizeof(real));
        for (int i = 0; i < PW_KERNEL_LENGTH; i++) {
            const real *x = l->line + c * l->stride + l->pad + (int64_t)(i - PW_KERNEL_LENGTH / 2) * (1 << j);
            for (int64_t t = 0; t < l->steps; t++) base[t] -= x[t];
        }
    }
}

/* Kernel k's three positions, the k-th triple of 0 .. 8 in lexicographic order. */
static void kernel_places(int k, int place[3])
{
    int n = 0;
    for (int a = 0; a < PW_KERNEL_LENGTH; a++)
        for (int b = a + 1; b < PW_KERNEL_LENGTH; b++)
            for (int c = b + 1; c < PW_KERNEL_LENGTH; c++) {
                if (n++ != k) continue;
                place[0] = a;
                place[1] = b;
                place[2] = c;
            }
}

static void add_channel(struct pw_lines *l, int64_t c, int64_t dilation, const int place[3])
{
    const real *base = l->base + c * l->steps, *x = l->line + c * l->stride + l->pad;
    const real *x0 = x + (place[0] - 4) * dilation, *x1 = x + (place[1] - 4) * dilation,
        *x2 = x + (place[2] - 4) * dilation;
    real *out = l->response;
    for (int64_t t = 0; t < l->steps; t++) out[t] += base[t] + 3 * (x0[t] + x1[t] + x2[t]);
}

const real *pw_padded_respond(struct pw_lines *l, int j, int k, const uint8_t *subset)
{
    int place[3] = {0};
    kernel_places(k, place);
    memset(l->response, 0, (size_t)l->steps * sizeof(real));
    for (int64_t c = 0; c < l->channels; c++)
        if (subset[c]) add_channel(l, c, (int64_t)1 << j, place);
    return l->response;
}

/* How many channels: 2 to a power drawn evenly, so that few are as likely as many; nine at most. */
void pw_kernel_subset(uint64_t seed, int j, int k, int64_t channels, uint8_t *subset)
{
    struct pw_rng rng = pw_rng_at(seed, pw_hash("series.subset", 13) ^ (uint64_t)(j * PW_KERNELS + k), 0);
    double most = channels < 9 ? (double)channels : 9;
    int64_t want = (int64_t)pow(2, pw_rng_uniform(&rng) * log2(most + 1));
    memset(subset, 0, (size_t)channels);
    for (int64_t left = want < 1 ? 1 : want; left > 0;) {
        int64_t c = (int64_t)pw_rng_below(&rng, (uint64_t)channels);
        if (subset[c]) continue;
        subset[c] = 1;
        left--;
    }
}

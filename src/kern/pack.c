/* Weights packed for inference: into panels, and into fewer bits. */
#include <string.h>
#include "kern/kern.h"

int pw_form_size(enum pw_form store)
{
    return store == PW_AS_BF16 ? 2 : store == PW_AS_I8 ? 1 : (int)sizeof(real);
}

int64_t pw_packed_width(int64_t n)
{
    return (n + PW_PANEL - 1) / PW_PANEL * PW_PANEL;
}

int64_t pw_packed_size(enum pw_form store, int64_t k, int64_t n)
{
    return k * pw_packed_width(n) * pw_form_size(store);
}

/* To the nearest, ties to even; a NaN stays one. */
static uint16_t to_bf16(real x)
{
    float value = (float)x;
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    if (value != value)
        return (uint16_t)(bits >> 16 | 0x40);
    return (uint16_t)((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

static real from_bf16(uint16_t half)
{
    uint32_t bits = (uint32_t)half << 16;
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static int8_t to_i8(real w, real scale)
{
    real q = scale > 0 ? w / scale : 0;
    return (int8_t)(q < 0 ? q - (real)0.5 : q + (real)0.5);
}

struct packing { enum pw_form store; int64_t k, n; const real *w; bool turned; };

static real weight(const struct packing *m, int64_t p, int64_t j)
{
    return j >= m->n ? 0 : m->w[m->turned ? j * m->k + p : p * m->n + j];
}

static real column_scale(const struct packing *m, int64_t j)
{
    real most = 0;
    for (int64_t p = 0; p < m->k; p++) {
        real w = weight(m, p, j), size = w < 0 ? -w : w;
        most = size > most ? size : most;
    }
    return most / 127;
}

static void put(enum pw_form store, real w, real scale, void *out, int64_t at)
{
    if (store == PW_AS_BF16)
        ((uint16_t *)out)[at] = to_bf16(w);
    else if (store == PW_AS_I8)
        ((int8_t *)out)[at] = to_i8(w, scale);
    else
        ((real *)out)[at] = w;
}

void pw_pack(enum pw_form store, int64_t k, int64_t n, const real *w, bool turned, void *out, real *scale)
{
    struct packing m = { store, k, n, w, turned };
    for (int64_t first = 0, at = 0; first < n; first += PW_PANEL) {
        for (int64_t j = first; store == PW_AS_I8 && j < first + PW_PANEL; j++)
            scale[j] = column_scale(&m, j);
        for (int64_t p = 0; p < k; p++)
            for (int64_t j = first; j < first + PW_PANEL; j++, at++)
                put(store, weight(&m, p, j), store == PW_AS_I8 ? scale[j] : 0, out, at);
    }
}

real pw_packed_at(struct pw_weights w, int64_t k, int64_t p, int64_t j)
{
    int64_t at = (j / PW_PANEL * k + p) * PW_PANEL + j % PW_PANEL;
    if (w.store == PW_AS_BF16)
        return from_bf16(((const uint16_t *)w.at)[at]);
    return w.store == PW_AS_I8 ? (real)((const int8_t *)w.at)[at] * w.scale[j] : ((const real *)w.at)[at];
}

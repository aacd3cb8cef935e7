/* The map of pairs: what the merges of a vocabulary are looked up in, and what training counts in. */
#include "tok/bpe.h"

#include <stdlib.h>
#include <string.h>

/* Into the first free slot; there is one. */
static void put(struct pw_pairs *pairs, uint64_t key, int32_t value)
{
    int64_t i = pw_pair_slot(pairs, key);
    while (pairs->key[i] != UINT64_MAX)
        i = (i + 1) & (pairs->cap - 1);
    pairs->key[i] = key;
    pairs->value[i] = value;
}

static pwy_status grow(struct pw_pairs *pairs)
{
    struct pw_pairs wide = { .cap = pairs->cap > 0 ? 2 * pairs->cap : 1024, .n = pairs->n };
    wide.key = pw_calloc((size_t)wide.cap, sizeof *wide.key);
    wide.value = pw_calloc((size_t)wide.cap, sizeof *wide.value);
    if (wide.key == NULL || wide.value == NULL) {
        pw_pairs_free(&wide);
        return PWY_E_NOMEM;
    }
    memset(wide.key, 0xff, (size_t)wide.cap * sizeof *wide.key);
    for (int64_t i = 0; i < pairs->cap; i++)
        if (pairs->key[i] != UINT64_MAX)
            put(&wide, pairs->key[i], pairs->value[i]);
    pw_pairs_free(pairs);
    *pairs = wide;
    return PWY_OK;
}

pwy_status pw_pairs_add(struct pw_pairs *pairs, int32_t a, int32_t b, int32_t value)
{
    if (2 * pairs->n >= pairs->cap)
        PW_TRY(grow(pairs));
    put(pairs, pw_pair_key(a, b), value);
    pairs->n++;
    return PWY_OK;
}

void pw_pairs_free(struct pw_pairs *pairs)
{
    free(pairs->key);
    free(pairs->value);
    *pairs = (struct pw_pairs){ 0 };
}

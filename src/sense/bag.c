/* A tally of sparse features: open addressing while they are counted, a radix sort at the end. */
#include "sense/bag.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* The slot of a key, or the free one where it belongs. */
static int64_t find_slot(const struct pw_tally *t, uint32_t key)
{
    int64_t i = (int64_t)(key * 0x9E3779B1u & (uint32_t)(t->cap - 1));
    while (t->slot[i] != 0 && pw_tally_key(t->slot[i]) != key)
        i = (i + 1) & (t->cap - 1);
    return i;
}

static pwy_status grow(struct pw_tally *t)
{
    struct pw_tally wide = { .cap = t->cap > 0 ? 2 * t->cap : 1024, .n = t->n };
    wide.slot = pw_calloc((size_t)wide.cap, sizeof *wide.slot);
    PW_NEED(wide.slot);
    for (int64_t i = 0; i < t->cap; i++)
        if (t->slot[i] != 0)
            wide.slot[find_slot(&wide, pw_tally_key(t->slot[i]))] = t->slot[i];
    free(t->slot);
    *t = wide;
    return PWY_OK;
}

pwy_status pw_tally_add(struct pw_tally *t, uint32_t key)
{
    if (2 * t->n >= t->cap)
        PW_TRY(grow(t));
    uint64_t *slot = &t->slot[find_slot(t, key)];
    if (*slot == 0) {
        *slot = (uint64_t)key << 32;
        t->n++;
    }
    if (pw_tally_count(*slot) < UINT32_MAX)
        ++*slot;
    return PWY_OK;
}

/* One pass of the radix sort, by PW_TALLY_BITS / 2 bits of the key. */
static void sort_pass(const uint64_t *from, uint64_t *to, int64_t n, int shift)
{
    enum { BUCKETS = 1 << PW_TALLY_BITS / 2 };
    int64_t start[BUCKETS + 1] = { 0 };
    for (int64_t i = 0; i < n; i++)
        start[(from[i] >> shift & (BUCKETS - 1)) + 1]++;
    for (int b = 0; b < BUCKETS; b++)
        start[b + 1] += start[b];
    for (int64_t i = 0; i < n; i++)
        to[start[from[i] >> shift & (BUCKETS - 1)]++] = from[i];
}

pwy_status pw_tally_sort(struct pw_tally *t)
{
    int64_t n = 0;
    uint64_t *other = pw_realloc(NULL, (size_t)t->n + 1, sizeof *other);
    PW_NEED(other);
    for (int64_t i = 0; i < t->cap; i++)
        if (t->slot[i] != 0)
            t->slot[n++] = t->slot[i];
    sort_pass(t->slot, other, n, 32);
    sort_pass(other, t->slot, n, 32 + PW_TALLY_BITS / 2);
    free(other);
    return PWY_OK;
}

void pw_tally_free(struct pw_tally *t)
{
    free(t->slot);
    *t = (struct pw_tally){ 0 };
}

double pw_ln(double x)
{
    int exponent;
    double m = frexp(x, &exponent);
    if (m < 0.70710678118654752) {
        m *= 2;
        exponent--;
    }
    double s = (m - 1) / (m + 1), s2 = s * s, sum = 0;
    for (int k = 25; k >= 1; k -= 2)
        sum = sum * s2 + 1.0 / k;
    return 2 * s * sum + exponent * 0.69314718055994531;
}

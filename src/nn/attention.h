/* What the passes of attention share: heads laid out one after the other, and rotary positions. Private to src/nn. */
#ifndef PW_ATTENTION_H
#define PW_ATTENTION_H
#include "nn/nn.h"
#include "nn/rows.h"

enum { PW_ATTENTION_ROWS = 64 };        /* queries whose scores stand in memory at a time */

/* The cosines and sines of positions 0 .. n-1, (n, hd / 2) each. */
struct pw_rope { const real *cos, *sin; };

struct pw_attention_keep {
    struct pw_rope rope;
    const int32_t *pos;                 /* (T) the row's position in its sequence */
    int longest;                        /* sequence */
    real *q, *k;                        /* (heads, T, hd), (kv_heads, T, hd): rotated; q also scaled by 1 / sqrt(hd) */
};

static inline int pw_attention_width(const struct pw_attention *a)
{
    return (a->heads + 2 * a->kv_heads) * a->hd;
}

/* The keys that row i of sequence s sees: 0 .. that - 1. Never fewer for a later row. */
static inline int pw_attention_sees(const struct pw_ragged *r, int s, int i)
{
    int len = r->off[s + 1] - r->off[s], prefix = r->prefix[s] < len ? r->prefix[s] : len;
    return i + 1 > prefix ? i + 1 : prefix;
}

/* Rows first .. end-1 of sequence s, which see the keys 0 .. keys-1 among them. */
struct pw_attention_block { int first, end, keys; };
static inline struct pw_attention_block pw_attention_block_at(const struct pw_ragged *r, int s, int first)
{
    int len = r->off[s + 1] - r->off[s], end = first + PW_ATTENTION_ROWS < len ? first + PW_ATTENTION_ROWS : len;
    return (struct pw_attention_block){ first, end, pw_attention_sees(r, s, end - 1) };
}

/* rope.c */
void pw_rope_angles(const struct pw_attention *a, int position, real *cos, real *sin);     /* one row of the tables */
pwy_status pw_rope_tables(struct pw_exec *x, const struct pw_attention *a, int n, struct pw_rope *out);
/* out = in rotated by the angles and scaled; direction -1 turns back. Out of place. */
void pw_rope_turn(int hd, const real *in, const real *cos, const real *sin, int direction, real scale, real *out);
/* qkv into keep's q and k, and the gradients (heads, T, hd) of q, k and v into dqkv; dk and dv are summed over the
   heads that share them. */
void pw_rope_split(const struct pw_exec *x, const struct pw_attention *a, int rows, const real *qkv,
                   const struct pw_attention_keep *keep);
void pw_rope_join(const struct pw_exec *x, const struct pw_attention *a, int rows, const struct pw_attention_keep *keep,
                  const real *dq, real *dk, real *dv, real *dqkv);
/* attention.c: of one product in every block, over all heads. */
double pw_attention_flops(const struct pw_attention *a, const struct pw_ragged *r);
/* Where the pass is traced: its products, a list for each sequence, whose heads run side by side. What backward makes
   again instead of keeping is left out. */
pwy_status pw_attention_trace(struct pw_exec *x, const struct pw_attention *a, const struct pw_ragged *r, bool back);
#endif

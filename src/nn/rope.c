/* Rotary positions (Su et al. 2021), halves convention, on the way between rows and heads. */
#include <math.h>
#include "nn/attention.h"

enum { LANES = 8 };

/* Rows first .. end-1 of the tables; the powers, which cost most, once for all of them. */
static void fill_rows(const struct pw_attention *a, int first, int end, real *cos_row, real *sin_row)
{
    int half = a->hd / 2;
    for (int i = 0; i < half; i++) {
        double rate = pow(a->rope_base, -2. * i / a->hd);
        for (int position = first; position < end; position++) {
            size_t at = (size_t)(position - first) * half + i;
            cos_row[at] = (real)cos(position * rate);
            sin_row[at] = (real)sin(position * rate);
        }
    }
}

void pw_rope_angles(const struct pw_attention *a, int position, real *cos_row, real *sin_row)
{
    fill_rows(a, position, position + 1, cos_row, sin_row);
}

struct tables { const struct pw_attention *a; int n; real *cos, *sin; };

static void fill_block(void *arg, int block, int worker)
{
    const struct tables *t = arg;
    int half = t->a->hd / 2;
    struct pw_span span = pw_block_span(t->n, 16 * half, block);
    (void)worker;
    fill_rows(t->a, span.first, span.end, t->cos + (size_t)span.first * half, t->sin + (size_t)span.first * half);
}

pwy_status pw_rope_tables(struct pw_exec *x, const struct pw_attention *a, int n, struct pw_rope *out)
{
    size_t size = (size_t)n * (a->hd / 2) + 1;
    struct tables t = { .a = a, .n = n };
    PW_NEED(t.cos = pw_arena_take(x->arena, size, sizeof *t.cos));
    PW_NEED(t.sin = pw_arena_take(x->arena, size, sizeof *t.sin));
    pw_exec_run(x, pw_block_count(n, 16 * (a->hd / 2)), fill_block, &t);
    *out = (struct pw_rope){ t.cos, t.sin };
    return PWY_OK;
}

/* A fixed number of pairs, which the compiler turns into vectors. */
static inline void turn_pairs(int n, const real *restrict low, const real *restrict high, const real *restrict cos_row,
                              const real *restrict sin_row, real direction, real scale, real *restrict out_low,
                              real *restrict out_high)
{
    for (int i = 0; i < n; i++) {
        real c = cos_row[i] * scale, s = sin_row[i] * direction * scale;
        out_low[i] = low[i] * c - high[i] * s;
        out_high[i] = high[i] * c + low[i] * s;
    }
}

/* Not inlined: a row must have the same bits whoever asks. */
__attribute__((noinline)) void pw_rope_turn(int hd, const real *in, const real *cos_row, const real *sin_row,
                                            int direction, real scale, real *out)
{
    int half = hd / 2, i = 0;
    for (; i + LANES <= half; i += LANES)
        turn_pairs(LANES, in + i, in + half + i, cos_row + i, sin_row + i, direction, scale, out + i, out + half + i);
    turn_pairs(half - i, in + i, in + half + i, cos_row + i, sin_row + i, direction, scale, out + i, out + half + i);
    if (hd % 2 != 0)
        out[hd - 1] = in[hd - 1] * scale;
}

struct job {
    const struct pw_exec *x;
    const struct pw_attention *a;
    int rows;
    const struct pw_attention_keep *keep;
    const real *qkv, *dq;
    real *dk, *dv, *dqkv;
};

static real query_scale(const struct pw_attention *a)
{
    return 1 / pw_sqrt((real)a->hd);
}

/* Where row i of a head stands in (heads, T, hd). */
static size_t place(const struct job *j, int head, int i)
{
    return ((size_t)head * j->rows + i) * j->a->hd;
}

static void split_row(const struct job *j, int i)
{
    const struct pw_attention *a = j->a;
    const real *row = j->qkv + (size_t)i * pw_attention_width(a);
    const real *cos_row = j->keep->rope.cos + (size_t)j->keep->pos[i] * (a->hd / 2);
    const real *sin_row = j->keep->rope.sin + (size_t)j->keep->pos[i] * (a->hd / 2);
    for (int h = 0; h < a->heads; h++)
        pw_rope_turn(a->hd, row + h * a->hd, cos_row, sin_row, 1, query_scale(a), j->keep->q + place(j, h, i));
    for (int h = 0; h < a->kv_heads; h++)
        pw_rope_turn(a->hd, row + (a->heads + h) * a->hd, cos_row, sin_row, 1, 1, j->keep->k + place(j, h, i));
}

static void split_block(void *arg, int block, int worker)
{
    const struct job *j = arg;
    struct pw_span span = pw_block_span(j->rows, pw_attention_width(j->a), block);
    (void)worker;
    for (int i = span.first; i < span.end; i++)
        split_row(j, i);
}

void pw_rope_split(const struct pw_exec *x, const struct pw_attention *a, int rows, const real *qkv,
                   const struct pw_attention_keep *keep)
{
    struct job job = { .x = x, .a = a, .rows = rows, .keep = keep, .qkv = qkv };
    pw_exec_run(x, pw_block_count(rows, pw_attention_width(a)), split_block, &job);
}

/* Row i of the gradient of key and value head g: the sum over the query heads that share it, in the first's place. */
static void share(const struct job *j, int g, int i)
{
    int group = j->a->heads / j->a->kv_heads;
    for (int h = g * group + 1; h < (g + 1) * group; h++) {
        j->x->kern->add(j->a->hd, j->dk + place(j, h, i), j->dk + place(j, g * group, i));
        j->x->kern->add(j->a->hd, j->dv + place(j, h, i), j->dv + place(j, g * group, i));
    }
}

static void join_row(const struct job *j, int i)
{
    const struct pw_attention *a = j->a;
    int hd = a->hd, group = a->heads / a->kv_heads;
    real *row = j->dqkv + (size_t)i * pw_attention_width(a);
    const real *cos_row = j->keep->rope.cos + (size_t)j->keep->pos[i] * (hd / 2);
    const real *sin_row = j->keep->rope.sin + (size_t)j->keep->pos[i] * (hd / 2);
    for (int h = 0; h < a->heads; h++)
        pw_rope_turn(hd, j->dq + place(j, h, i), cos_row, sin_row, -1, query_scale(a), row + h * hd);
    for (int g = 0; g < a->kv_heads; g++) {
        share(j, g, i);
        pw_rope_turn(hd, j->dk + place(j, g * group, i), cos_row, sin_row, -1, 1, row + (a->heads + g) * hd);
        memcpy(row + (a->heads + a->kv_heads + g) * hd, j->dv + place(j, g * group, i), hd * sizeof *row);
    }
}

static void join_block(void *arg, int block, int worker)
{
    const struct job *j = arg;
    struct pw_span span = pw_block_span(j->rows, pw_attention_width(j->a), block);
    (void)worker;
    for (int i = span.first; i < span.end; i++)
        join_row(j, i);
}

void pw_rope_join(const struct pw_exec *x, const struct pw_attention *a, int rows, const struct pw_attention_keep *keep,
                  const real *dq, real *dk, real *dv, real *dqkv)
{
    struct job job = { .x = x, .a = a, .rows = rows, .keep = keep, .dq = dq, .dk = dk, .dv = dv, .dqkv = dqkv };
    pw_exec_run(x, pw_block_count(rows, pw_attention_width(a)), join_block, &job);
}

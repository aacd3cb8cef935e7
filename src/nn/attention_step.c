/* Attention of one new row against the rows before it. The cache has, for each kv head, the rotated keys turned to
   (hd, capacity), so that lanes run over keys as in pw_attention, and the values (capacity, hd). */
#include "nn/attention.h"

/* In multiply-adds: with less to do than this, handing it out costs more than it brings. */
enum { WORTH_THREADS = 1 << 14 };

struct job {
    const struct pw_exec *x;
    const struct pw_attention *a;
    int pos;
    int64_t capacity;
    const real *qkv, *cos, *sin;
    real *q, *scores;                   /* (heads, hd), (heads, pos + 1) */
    real *key;                          /* (kv_heads, hd) */
    real *cache, *out;
};

int64_t pw_attention_cache_size(const struct pw_attention *a, int64_t capacity)
{
    return 2 * (int64_t)a->kv_heads * a->hd * capacity;
}

static real *keys_of(const struct job *j, int g)
{
    return j->cache + 2 * (int64_t)g * j->a->hd * j->capacity;
}

static real *values_of(const struct job *j, int g)
{
    return keys_of(j, g) + (int64_t)j->a->hd * j->capacity;
}

/* The new row's key and value of kv head g join the cache. */
static void join(const struct job *j, int g)
{
    const struct pw_attention *a = j->a;
    real *key = j->key + g * a->hd, *keys = keys_of(j, g);
    pw_rope_turn(a->hd, j->qkv + (a->heads + g) * a->hd, j->cos, j->sin, 1, 1, key);
    for (int i = 0; i < a->hd; i++)
        keys[i * j->capacity + j->pos] = key[i];
    memcpy(values_of(j, g) + (int64_t)j->pos * a->hd, j->qkv + (a->heads + a->kv_heads + g) * a->hd,
           a->hd * sizeof *key);
}

/* The query heads that share kv head g. */
static void run_group(void *arg, int g, int worker)
{
    const struct job *j = arg;
    const struct pw_attention *a = j->a;
    const struct pw_kern *kern = j->x->kern;
    int group = a->heads / a->kv_heads, first = g * group, n = j->pos + 1, hd = a->hd;
    real *q = j->q + first * hd, *scores = j->scores + (size_t)first * n;
    (void)worker;
    join(j, g);
    for (int h = 0; h < group; h++)
        pw_rope_turn(hd, j->qkv + (first + h) * hd, j->cos, j->sin, 1, 1 / pw_sqrt((real)hd), q + h * hd);
    kern->matmul(group, n, hd, q, hd, keys_of(j, g), (int)j->capacity, scores, n, false);
    for (int h = 0; h < group; h++)
        kern->softmax(n, scores + (size_t)h * n, 1, scores + (size_t)h * n);
    kern->matmul(group, hd, n, scores, n, values_of(j, g), hd, j->out + first * hd, hd, false);
}

static pwy_status make_room(struct pw_exec *x, struct job *j)
{
    const struct pw_attention *a = j->a;
    real *angles = pw_arena_take(x->arena, a->hd + 1, sizeof *angles);
    PW_NEED(angles);
    pw_rope_angles(a, j->pos, angles, angles + a->hd / 2);
    j->cos = angles;
    j->sin = angles + a->hd / 2;
    PW_NEED(j->q = pw_arena_take(x->arena, (size_t)a->heads * a->hd, sizeof *j->q));
    PW_NEED(j->key = pw_arena_take(x->arena, (size_t)a->kv_heads * a->hd, sizeof *j->key));
    PW_NEED(j->scores = pw_arena_take(x->arena, (size_t)a->heads * (j->pos + 1), sizeof *j->scores));
    return PWY_OK;
}

pwy_status pw_attention_step(struct pw_exec *x, const struct pw_attention *a, const real *qkv, int pos,
                             int64_t capacity, real *cache, real *out)
{
    size_t mark = pw_arena_mark(x->arena);
    struct job job = { .x = x, .a = a, .pos = pos, .capacity = capacity, .qkv = qkv, .cache = cache, .out = out };
    double work = 2. * a->heads * a->hd * (pos + 1);
    PW_TRY(make_room(x, &job));
    if (work >= WORTH_THREADS)
        pw_exec_run(x, a->kv_heads, run_group, &job);
    else
        for (int g = 0; g < a->kv_heads; g++)
            run_group(&job, g, 0);
    x->flops += 2 * work;
    pw_arena_release(x->arena, mark);
    return PWY_OK;
}

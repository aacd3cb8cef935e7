/* Decoding: rows of one sequence against the keys and values of those before them. */
#include "route/trunk.h"
#include "route/record.h"
#include "route/rows.h"
#include <stdlib.h>
#include <string.h>

struct pw_cache {
    int64_t capacity, len, size;        /* rows, rows, numbers of one layer */
    real *kv;                           /* (layers, size), laid out by the attention */
    const struct pw_pathway *way;       /* of the sequence; NULL: the trunk's own */
    int32_t task;                       /* of the sequence, for the record; -1: unknown */
    real *head;                         /* (d) its first row */
    uint64_t *key;                      /* (capacity) of its rows */
};

pwy_status pw_cache_new(const struct pw_trunk *t, const struct pw_pathway *way, int64_t capacity, struct pw_cache **out)
{
    struct pw_cache *c;
    if (capacity < 1 || capacity > INT32_MAX)
        return pw_fail(PWY_E_ARGUMENT, "cache: capacity is %lld rows; it must be from 1 to %d", (long long)capacity,
                       INT32_MAX);
    PW_NEED(c = pw_calloc(1, sizeof *c));
    c->capacity = capacity;
    c->task = -1;
    c->way = way;
    c->size = pw_attention_cache_size(&t->block[0].attention, capacity);
    c->kv = pw_calloc((size_t)t->config.layers, (size_t)c->size * sizeof *c->kv);
    c->head = pw_calloc((size_t)t->config.d, sizeof *c->head);
    c->key = pw_calloc((size_t)capacity, sizeof *c->key);
    if (c->kv == NULL || c->head == NULL || c->key == NULL) {
        pw_cache_free(c);
        return PWY_E_NOMEM;
    }
    for (int64_t i = 0; i < capacity; i++) c->key[i] = (uint64_t)i;
    *out = c;
    return PWY_OK;
}

void pw_cache_free(struct pw_cache *c)
{
    if (c == NULL) return;
    free(c->kv);
    free(c->head);
    free(c->key);
    free(c);
}

void pw_cache_task(struct pw_cache *c, int task)
{
    c->task = task;
}

void pw_cache_keys(struct pw_cache *c, int64_t n, const uint64_t *key)
{
    for (int64_t i = 0; i < n && c->len + i < c->capacity; i++) c->key[c->len + i] = key[i];
}

void pw_cache_clear(struct pw_cache *c)
{
    c->len = 0;
}

int64_t pw_cache_len(const struct pw_cache *c)
{
    return c->len;
}

static pwy_status check(const struct pw_cache *c, int n, int prefix)
{
    if (prefix > 0 && (c->len > 0 || prefix > n))
        return pw_fail(PWY_E_ARGUMENT,
                       "cache: a prefix of %d rows among %d rows behind %lld; it must be fed whole, and first",
                       prefix, n, (long long)c->len);
    if (n < 0) return pw_fail(PWY_E_ARGUMENT, "cache: %d rows were fed; there must be 0 or more", n);
    if (c->len + n > c->capacity)
        return pw_fail(PWY_E_LIMIT, "cache: %d more rows behind %lld are more than its capacity of %lld", n,
                       (long long)c->len,
                       (long long)c->capacity);
    return PWY_OK;
}

/* Each row joins the cache and looks back over it; the rows of a prefix, which also look ahead, are then answered as
   a batch. */
static pwy_status attend(const struct pw_block *b, struct pw_exec *x, const struct pw_cache *c, real *kv, int n,
                         int prefix,
                         struct pw_block_keep *k)
{
    size_t width = (size_t)pw_block_qkv_width(b), d = (size_t)b->c->d;
    int32_t off[2] = {0, prefix}, see[1] = {prefix}, task[1] = {-1};
    struct pw_ragged first = {1, off, see, task};
    for (int i = 0; i < n; i++)
        PW_TRY(pw_attention_step(x, &b->attention, k->qkv + (size_t)i * width, (int)c->len + i, c->capacity, kv,
                                 k->att + (size_t)i * d));
    return prefix > 1 ? pw_attention(x, &b->attention, &first, k->qkv, k->att, NULL) : PWY_OK;
}

static pwy_status record(struct pw_exec *x, const struct pw_cache *c, int layer, int n, const struct pw_routes *r)
{
    int32_t off[2] = {0, n};
    struct pw_ragged one = {.n_seq = 1, .off = off, .task = &c->task};
    return pw_record_add(x->record, x, layer, r, &one);
}

static pwy_status feed(struct pw_trunk *t, struct pw_exec *x, struct pw_cache *c, const struct pw_runs *runs, int n,
                       int prefix, real *cur, struct pw_routes **routes)
{
    struct pw_block_keep k = {.runs = runs, .in = cur, .mid = cur, .next = cur};
    PW_TRY(pw_block_buffers(&t->block[0], x, n, false, &k));
    for (int i = 0; i < t->config.layers; i++) {
        const struct pw_block *b = &t->block[i];
        PW_TRY(pw_block_open(b, x, n, &k));
        PW_TRY(attend(b, x, c, c->kv + (size_t)i * (size_t)c->size, n, prefix, &k));
        PW_TRY(pw_block_close(b, x, n, &k));
        if (routes != NULL) routes[i] = k.routes;
        if (x->record != NULL && k.routes != NULL) PW_TRY(record(x, c, i, n, k.routes));
    }
    return PWY_OK;
}

pwy_status pw_trunk_feed(struct pw_trunk *t, struct pw_exec *x, struct pw_cache *c, int n, int prefix, const real *in,
                         real *out,
                         struct pw_routes **routes)
{
    size_t mark = pw_arena_mark(x->arena);
    struct pw_runs runs;
    real *cur;
    PW_TRY(check(c, n, prefix));
    if (t->config.experts > 0 && t->config.router.policy == PW_EXPERT_CHOICE)
        return pw_fail(PWY_E_ARGUMENT, "router: expert_choice looks ahead, so a sequence cannot be fed row by row");
    if (c->len == 0 && n > 0) memcpy(c->head, in, (size_t)t->config.d * sizeof *c->head);
    bool whole = t->config.router.policy == PW_WHOLE_TASK;
    PW_TRY(pw_runs_one(x, n, c->way, whole ? c->head : NULL, c->key + c->len, &runs));
    PW_NEED(cur = pw_take_rows(x, n, t->config.d));
    pw_copy_rows(x, (int64_t)n * t->config.d, in, cur);
    PW_TRY(feed(t, x, c, &runs, n, prefix, cur, routes));
    PW_TRY(pw_trunk_last_norm(t, x, &runs, cur, out, NULL));
    c->len += n;
    if (routes == NULL) pw_arena_release(x->arena, mark);
    return PWY_OK;
}

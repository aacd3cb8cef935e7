/* Writing: the prompt is fed to the trunk's cache, then one token at a time. */
#include "model/model.h"
#include <stdlib.h>
#include <string.h>

struct writer { const pwy_model *m; const struct pw_vocabulary *vocabulary; struct pw_exec *x; struct pw_cache *cache;
    const struct pw_generate *how; real *logits; };

static int32_t most_likely(int n, const real *logits)
{
    int32_t best = 0;
    for (int i = 1; i < n; i++)
        if (logits[i] > logits[best]) best = i;
    return best;
}

/* One draw from softmax(logits / temperature); logits are overwritten. */
static int32_t draw(const struct writer *w, int n, real *logits, int64_t position)
{
    struct pw_rng rng = pw_rng_at(w->how->seed, pw_hash("generate", 8), (uint64_t)position);
    double left = pw_rng_uniform(&rng);
    w->x->kern->softmax(n, logits, (real)(1 / w->how->temperature), logits);
    for (int i = 0; i < n; i++)
        if ((left -= (double)logits[i]) < 0) return i;
    return most_likely(n, logits);
}

/* The next id after the row h (d). Raw bytes and BPE pieces alike; <end> may come. */
static pwy_status choose(struct writer *w, const real *h, int64_t position, int32_t *id)
{
    int vocab = (int)pw_tok_vocab(w->vocabulary->tok);
    struct pw_packed_product p = {1, (int)w->m->shape.d, vocab, h, pw_packed_weights(&w->vocabulary->packed),
                                  w->logits, false};
    PW_TRY(pw_packed_products(w->x, &p, 1));
    *id = w->how->temperature > 0 ? draw(w, vocab, w->logits, position) : most_likely(vocab, w->logits);
    return PWY_OK;
}

static pwy_status add_piece(const struct writer *w, int32_t id, struct pw_buf *text)
{
    int64_t len;
    const char *piece = pw_tok_piece(w->vocabulary->tok, id, &len);
    return pw_buf_add(text, piece, (size_t)len);
}

static pwy_status write_on(struct writer *w, real *row, struct pw_buf *text, int64_t *n_new)
{
    int d = (int)w->m->shape.d;
    const real *embed = w->vocabulary->embed->w;
    for (*n_new = 0; *n_new < w->how->max_new; (*n_new)++) {
        int32_t id;
        size_t mark = pw_arena_mark(w->x->arena);
        PW_TRY(choose(w, row, *n_new, &id));
        if (id == PW_TOK_END) return PWY_OK;
        PW_TRY(add_piece(w, id, text));
        pw_cache_keys(w->cache, 1, (const uint64_t[]){pw_id_key(id)});
        PW_TRY(pw_trunk_feed(w->m->trunk, w->x, w->cache, 1, 0, embed + (size_t)id * (size_t)d, row, NULL));
        pw_arena_release(w->x->arena, mark);
    }
    return PWY_OK;
}

/* The prompt's rows are those that the pass has made: all of them into the cache; the last one's output chooses
   first. */
static pwy_status feed_prompt(struct writer *w, const struct pw_pass *pass, const struct pw_item *item, real *row)
{
    size_t d = (size_t)w->m->shape.d;
    real *out;
    PW_NEED(out = pw_arena_take(w->x->arena, (size_t)item->n_rows * d, sizeof(real)));
    pw_cache_keys(w->cache, item->n_rows, pass->batch->key + item->row);
    PW_TRY(pw_trunk_feed(w->m->trunk, w->x, w->cache, item->n_rows, item->first_write + 1,
                         pass->in + (size_t)item->row * d, out, NULL));
    memcpy(row, out + (size_t)(item->n_rows - 1) * d, d * sizeof(real));
    return PWY_OK;
}

static pwy_status generate(struct writer *w, const struct pw_pass *pass, const struct pw_item *item,
                           struct pw_buf *text, int64_t *n_new)
{
    real *row;
    PW_NEED(row = pw_arena_take(w->x->arena, (size_t)w->m->shape.d, sizeof(real)));
    PW_NEED(w->logits = pw_arena_take(w->x->arena, (size_t)pw_tok_vocab(w->vocabulary->tok), sizeof(real)));
    PW_TRY(feed_prompt(w, pass, item, row));
    PW_TRY(write_on(w, row, text, n_new));
    return pw_buf_add(text, "", 0);
}

pwy_status pw_generate(const pwy_model *m, struct pw_exec *x, const struct pw_item *item, const struct pw_generate *how,
                       char **text, int64_t *n_new, struct pw_pass *pass)
{
    struct writer w = {.m = m, .vocabulary = item->net->vocabulary, .x = x, .how = how};
    struct pw_buf buf = {0};
    pwy_status status;
    PW_TRY(pw_cache_new(m->trunk, item->net->way, item->n_rows + how->max_new, &w.cache));
    pw_cache_task(w.cache, item->net->task->index);
    status = generate(&w, pass, item, &buf, n_new);
    pw_cache_free(w.cache);
    if (status == PWY_OK) *text = buf.data;
    else pw_buf_free(&buf);
    return status;
}

/* The writing head: next-token loss by tied embeddings, in blocks of rows, so that (rows, vocab) never stands whole. */
#include "model/model.h"

enum { BLOCK = 1024 };

struct block { struct pw_exec *x; int n, d, vocab; const real *h; const struct pw_packed *packed;
    struct pw_param *embed; real *logits; };

/* logits (n, vocab) = h (n, d) E^T. While the embedding trains, what was packed is what it once was. */
static pwy_status block_logits(const struct block *b)
{
    struct pw_product p = {false, true, b->n, b->vocab, b->d, b->h, b->d, b->embed->w, b->d, 0, b->logits, b->vocab,
                           true};
    if (b->packed == NULL || b->x->train || pw_trains(b->embed)) return pw_products(b->x, &p, 1);
    struct pw_packed_product packed = {b->n, b->d, b->vocab, b->h, pw_packed_weights(b->packed), b->logits, false};
    return pw_packed_products(b->x, &packed, 1);
}

/* dh (n, d) = dlogits E, dE += dlogits^T h; independent, so one list. */
static pwy_status block_back(const struct block *b, real *dh)
{
    struct pw_product p[2] = {
        {false, false, b->n, b->d, b->vocab, b->logits, b->vocab, b->embed->w, b->d, 0, dh, b->d, true},
        {true, false, b->vocab, b->d, b->n, b->logits, b->vocab, b->h, b->d, 1, b->embed->g, b->d, true}};
    return pw_products(b->x, p, pw_trains(b->embed) ? 2 : 1);
}

static pwy_status one_block(const struct block *b, const int32_t *target, const real *weight, double *loss, real *dh)
{
    PW_TRY(block_logits(b));
    PW_TRY(pw_softmax_xent(b->x, b->n, b->vocab, b->logits, target, weight, loss, b->logits));
    return dh != NULL ? block_back(b, dh) : PWY_OK;
}

/* The head moves every row of the embedding, where reading touches a few. */
static void touch_all(struct pw_param *embed)
{
    for (int64_t row = 0; pw_trains(embed) && row < embed->groups; row++) pw_param_touch(embed, row);
}

pwy_status pw_writer(struct pw_exec *x, int n, int d, const real *h, struct pw_param *embed,
                     const struct pw_packed *vocab,
                     const int32_t *target, const real *weight, double *loss, real *dh)
{
    struct block b = {.x = x, .d = d, .vocab = (int)embed->shape[0], .embed = embed, .packed = vocab};
    size_t mark = pw_arena_mark(x->arena);
    int rows = n < BLOCK ? n : BLOCK;
    if (dh != NULL) touch_all(embed);
    PW_NEED(b.logits = pw_arena_take(x->arena, (size_t)rows * (size_t)b.vocab + 1, sizeof(real)));
    for (int at = 0; at < n; at += BLOCK) {
        size_t row = (size_t)at * (size_t)d;
        b.n = n - at < BLOCK ? n - at : BLOCK;
        b.h = h + row;
        PW_TRY(one_block(&b, target + at, weight == NULL ? NULL : weight + at, loss + at,
                         dh == NULL ? NULL : dh + row));
    }
    pw_arena_release(x->arena, mark);
    return PWY_OK;
}

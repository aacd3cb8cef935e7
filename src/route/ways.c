/* What a block does run by run, since tasks may have their own: norms, routers, adapters. */
#include "route/block.h"
#include "route/rows.h"

static struct pw_param *norm_of(const struct pw_block *b, const struct pw_run *run, bool second)
{
    const struct pw_way_layer *own = pw_run_layer(run, b->layer);
    struct pw_param *norm = own == NULL ? NULL : second ? own->norm2 : own->norm1;
    return norm != NULL ? norm : second ? b->norm2 : b->norm1;
}

pwy_status pw_way_norm(const struct pw_block *b, struct pw_exec *x, const struct pw_runs *runs, bool second,
                       const real *in, real *out, real *rstd)
{
    for (int i = 0; i < runs->n; i++) {
        const struct pw_run *run = &runs->list[i];
        size_t at = (size_t)run->first * (size_t)b->c->d;
        PW_TRY(pw_rmsnorm(x, run->rows, b->c->d, in + at, norm_of(b, run, second), out + at, rstd + run->first));
    }
    return PWY_OK;
}

pwy_status pw_way_norm_back(const struct pw_block *b, struct pw_exec *x, const struct pw_runs *runs, bool second,
                            const real *in, const real *rstd, const real *dout, real *din)
{
    for (int i = 0; i < runs->n; i++) {
        const struct pw_run *run = &runs->list[i];
        size_t at = (size_t)run->first * (size_t)b->c->d;
        PW_TRY(pw_rmsnorm_back(x, run->rows, b->c->d, in + at, rstd + run->first, norm_of(b, run, second), dout + at,
                               din + at));
    }
    return PWY_OK;
}

/* --- routers --- */

static struct pw_param *router_of(const struct pw_block *b, const struct pw_run *run)
{
    const struct pw_way_layer *own = pw_run_layer(run, b->layer);
    return own != NULL && own->router != NULL ? own->router : b->gate;
}

static struct pw_segment segment_of(const struct pw_block *b, const struct pw_runs *runs, const struct pw_run *run)
{
    const struct pw_way_layer *own = pw_run_layer(run, b->layer);
    const uint64_t *key = runs->key == NULL ? NULL : runs->key + run->first;
    if (own == NULL || own->expert == NULL)
        return (struct pw_segment){.rows = run->rows, .n = b->c->experts, .key = key, .met = b->met,
                                   .expert = b->c->experts < b->router.experts ? b->routed : NULL,
                                   .bias = b->bias == NULL ? NULL : b->bias->w};
    return (struct pw_segment){.rows = run->rows, .n = own->n, .expert = own->expert, .key = key, .met = own->met,
                               .bias = own->bias == NULL ? NULL : own->bias->w};
}

/* The rows that are routed by: the run's own, or the first of its sequence. */
static int scored(const struct pw_run *run)
{
    return run->head != NULL ? 1 : run->rows;
}

static const real *scored_rows(const struct pw_block *b, const struct pw_run *run, const struct pw_block_keep *k)
{
    return run->head != NULL ? run->head : k->n2 + (size_t)run->first * (size_t)b->c->d;
}

static struct pw_product logits_of(const struct pw_block *b, const struct pw_run *run, const struct pw_block_keep *k,
                                   real *logits)
{
    const struct pw_param *w = router_of(b, run);
    int d = b->c->d, n = (int)w->shape[1];
    return (struct pw_product){.m = scored(run), .n = n, .k = d, .a = scored_rows(b, run, k), .lda = d, .b = w->w,
                               .ldb = n, .c = logits, .ldc = n};
}

/* Of the trunk's router alone: a way's own chooses from what it was given. */
static void add_fade(const struct pw_block *b, const struct pw_run *run, real *logits)
{
    int n = b->c->experts;
    if (b->fade == NULL || router_of(b, run) != b->gate) return;
    for (int t = 0; t < scored(run); t++)
        for (int e = 0; e < n; e++) logits[(size_t)t * (size_t)n + (size_t)e] += b->fade->w[e];
}

pwy_status pw_way_route(const struct pw_block *b, struct pw_exec *x, struct pw_block_keep *k)
{
    const struct pw_runs *runs = k->runs;
    bool scores = b->router.policy != PW_HASH;
    struct pw_segment *segment;
    struct pw_product *list;
    real *logits;
    size_t at = 0;
    PW_NEED(segment = pw_arena_take(x->arena, (size_t)runs->n + 1, sizeof *segment));
    PW_NEED(list = pw_arena_take(x->arena, (size_t)runs->n + 1, sizeof *list));
    for (int i = 0; i < runs->n; i++) {
        segment[i] = segment_of(b, runs, &runs->list[i]);
        if (x->quiet) segment[i].met = NULL;
    }
    PW_NEED(logits = pw_take_rows(x, pw_route_size(&b->router, runs->n, segment), 1));
    for (int i = 0; scores && i < runs->n; i++) {
        list[i] = logits_of(b, &runs->list[i], k, logits + at);
        at += (size_t)scored(&runs->list[i]) * (size_t)segment[i].n;
    }
    PW_TRY(pw_products(x, list, scores ? runs->n : 0));
    for (int i = 0; scores && i < runs->n; i++) add_fade(b, &runs->list[i], list[i].c);
    struct pw_router_config c = b->router;
    c.hold = x->hold;
    PW_TRY(pw_route(x, &c, runs->n, segment, logits, b->load, &k->routes));
    if (x->count) pw_block_count(b, k->routes);
    return PWY_OK;
}

pwy_status pw_way_route_back(const struct pw_block *b, struct pw_exec *x, struct pw_block_keep *k, const real *dgate,
                             real *dn)
{
    const struct pw_routes *r = k->routes;
    int d = b->c->d;
    real *dlogits;
    size_t size = 0;
    if (b->router.policy == PW_HASH) return PWY_OK;
    for (int i = 0; i < r->n_spans; i++) size += (size_t)scored(&k->runs->list[i]) * (size_t)r->span[i].n;
    PW_NEED(dlogits = pw_take_rows(x, (int64_t)size, 1));
    PW_TRY(pw_route_back(x, &b->router, r, b->load, dgate, (real)(x->portion > 0 ? x->portion : 1), dlogits));
    for (int i = 0; i < k->runs->n; i++) {
        const struct pw_run *run = &k->runs->list[i];
        real *into = run->dhead != NULL ? run->dhead : dn + (size_t)run->first * (size_t)d;
        PW_TRY(pw_linear_back(x, scored(run), d, r->span[i].n, scored_rows(b, run, k), router_of(b, run),
                              dlogits + r->span[i].at, into, true));
    }
    return PWY_OK;
}

/* --- adapters --- */

static bool adapts(const struct pw_block *b, const struct pw_run *run)
{
    const struct pw_way_layer *own = pw_run_layer(run, b->layer);
    return own != NULL && own->up != NULL;
}

pwy_status pw_way_adapt(const struct pw_block *b, struct pw_exec *x, struct pw_block_keep *k, real *out)
{
    int d = b->c->d;
    if (k->back) PW_NEED(k->adapter = pw_arena_zero(x->arena, (size_t)k->runs->n + 1, sizeof *k->adapter));
    for (int i = 0; i < k->runs->n; i++) {
        const struct pw_run *run = &k->runs->list[i];
        size_t at = (size_t)run->first * (size_t)d;
        if (!adapts(b, run)) continue;
        const struct pw_way_layer *own = pw_run_layer(run, b->layer);
        PW_TRY(pw_ffn(x, run->rows, d, run->way->adapter, k->n2 + at, own->up, own->down, out + at,
                      k->back ? &k->adapter[i] : NULL));
    }
    return PWY_OK;
}

pwy_status pw_way_adapt_back(const struct pw_block *b, struct pw_exec *x, struct pw_block_keep *k, const real *dout,
                             real *dn)
{
    int d = b->c->d;
    for (int i = 0; i < k->runs->n; i++) {
        const struct pw_run *run = &k->runs->list[i];
        size_t at = (size_t)run->first * (size_t)d;
        if (!adapts(b, run)) continue;
        const struct pw_way_layer *own = pw_run_layer(run, b->layer);
        PW_TRY(pw_ffn_back(x, run->rows, d, run->way->adapter, k->n2 + at, k->adapter[i], own->up, own->down,
                           dout + at, dn + at));
    }
    return PWY_OK;
}

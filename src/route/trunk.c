/* The trunk: its shape, its parameters, and a pass forward and back through all blocks. */
#include "route/trunk.h"
#include "route/record.h"
#include "route/rows.h"
#include "route/usage.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct pw_trunk_keep {
    struct pw_block_keep *block;        /* [layers] */
    struct pw_runs runs;
    const real *last;                   /* (T, d): what the last norm reads */
    real *rstd;                         /* (T) */
    bool lean;                          /* of the blocks only `in` was kept */
};

/* --- shape --- */

static pwy_status check_width(const struct pw_trunk_config *c)
{
    if (c->d < 1 || c->layers < 1 || c->hidden < 1)
        return pw_fail(PWY_E_ARGUMENT, "trunk: d is %d, layers %d, hidden %d; each must be at least 1", c->d,
                       c->layers, c->hidden);
    if (c->heads < 1 || c->d % c->heads != 0 || c->d / c->heads % 2 != 0)
        return pw_fail(PWY_E_ARGUMENT, "trunk: d is %d with heads %d; d must be a multiple of twice the heads", c->d,
                       c->heads);
    if (c->kv_heads < 1 || c->heads % c->kv_heads != 0)
        return pw_fail(PWY_E_ARGUMENT, "trunk: heads is %d with kv_heads %d; heads must be a multiple of kv_heads",
                       c->heads,
                       c->kv_heads);
    return PWY_OK;
}

static pwy_status check(const struct pw_trunk_config *c)
{
    PW_TRY(check_width(c));
    if (c->experts < 0 || c->shared < 0)
        return pw_fail(PWY_E_ARGUMENT, "trunk: experts is %d and shared %d; neither may be negative", c->experts,
                       c->shared);
    if (!(c->rope_base > 1) || !(c->expert_lr > 0))
        return pw_fail(PWY_E_ARGUMENT, "trunk: rope_base is %g and expert_lr %g; they must be over 1 and over 0",
                       c->rope_base,
                       c->expert_lr);
    return c->experts > 0 ? pw_router_check(&c->router) : PWY_OK;
}

/* 0 stands for the usual. */
static struct pw_trunk_config complete(const struct pw_trunk_config *c)
{
    struct pw_trunk_config out = *c;
    if (out.kv_heads == 0) out.kv_heads = out.heads;
    if (out.rope_base == 0) out.rope_base = 10000;
    if (out.expert_lr == 0) out.expert_lr = 1;
    out.router.experts = out.experts;
    out.router.topk = out.topk;
    return out;
}

/* --- parameters --- */

static const char trunk[] = "trunk.";

bool pw_trunk_owns(const char *name)
{
    return strncmp(name, trunk, strlen(trunk)) == 0;
}

int pw_trunk_layer_of(const char *name)
{
    return atoi(name + strlen(trunk));
}

bool pw_trunk_routes(const char *name)
{
    const char *last = strrchr(name, '.');
    if (!pw_trunk_owns(name)) return false;
    return strcmp(last, ".router") == 0 || strcmp(last, ".bias") == 0 || strcmp(last, ".fade") == 0;
}

static pwy_status declare_matrix(struct pw_params *set, int layer, const char *name, int fan_in, int width,
                                 double spread,
                                 struct pw_param **out)
{
    return pw_param_declare(set, PW_MATRIX, PW_NORMAL, spread, 2, PW_SHAPE(fan_in, width), out, "trunk.%d.%s", layer,
                            name);
}

static pwy_status declare_norm(struct pw_params *set, int layer, const char *name, int d, struct pw_param **out)
{
    return pw_param_declare(set, PW_VECTOR, PW_ONES, 0, 1, PW_SHAPE(d), out, "trunk.%d.%s", layer, name);
}

static double output_scale(const struct pw_trunk_config *c)
{
    return 1 / sqrt(2.0 * c->layers);
}

static pwy_status declare_attention(struct pw_block *b, struct pw_params *set, int layer)
{
    int d = b->c->d;
    double spread = 1 / sqrt(d);
    PW_TRY(declare_norm(set, layer, "norm1", d, &b->norm1));
    PW_TRY(declare_matrix(set, layer, "qkv", d, pw_block_qkv_width(b), spread, &b->qkv));
    PW_TRY(declare_matrix(set, layer, "out", d, d, spread * output_scale(b->c), &b->out));
    return b->c->parallel ? PWY_OK : declare_norm(set, layer, "norm2", d, &b->norm2);
}

static pwy_status declare_ffn(struct pw_block *b, struct pw_params *set, int layer, const char *name, int f,
                              struct pw_param **w13, struct pw_param **w2)
{
    int d = b->c->d;
    char full[32];
    snprintf(full, sizeof full, "%s.w13", name);
    PW_TRY(declare_matrix(set, layer, full, d, 2 * f, 1 / sqrt(d), w13));
    snprintf(full, sizeof full, "%s.w2", name);
    return declare_matrix(set, layer, full, f, d, output_scale(b->c) / sqrt(f), w2);
}

static void group(struct pw_param *p, const struct pw_trunk_config *c)
{
    p->lr_scale = (real)c->expert_lr;
}

/* A layer of a model that grew has more experts than its router knows. */
static int experts_of(const struct pw_trunk_config *c, const struct pw_params *set, int layer)
{
    char name[64];
    snprintf(name, sizeof name, "trunk.%d.experts.w13", layer);
    const struct pw_param *there = pw_params_find(set, name);
    return there != NULL && there->rank == 3 && there->shape[0] > c->experts && there->shape[0] <= INT32_MAX
        ? (int)there->shape[0] : c->experts;
}

/* Of a model that grew, until its new experts are awake. */
static pwy_status declare_fade(struct pw_block *b, struct pw_params *set, int layer)
{
    char name[64];
    snprintf(name, sizeof name, "trunk.%d.fade", layer);
    if (pw_params_find(set, name) == NULL) return PWY_OK;
    return pw_param_declare(set, PW_CONST, PW_ZEROS, 0, 1, PW_SHAPE(b->c->experts), &b->fade, "%s", name);
}

static pwy_status declare_router(struct pw_block *b, struct pw_params *set, int layer)
{
    const struct pw_trunk_config *c = b->c;
    if (c->router.policy == PW_HASH) return PWY_OK;
    PW_TRY(declare_matrix(set, layer, "router", c->d, c->experts, .02, &b->gate));
    PW_TRY(declare_fade(b, set, layer));
    if (!c->router.by_bias) return PWY_OK;
    PW_NEED(b->met = pw_calloc((size_t)c->experts, sizeof *b->met));
    return pw_param_declare(set, PW_CONST, PW_ZEROS, 0, 1, PW_SHAPE(c->experts), &b->bias, "trunk.%d.bias", layer);
}

static pwy_status declare_experts(struct pw_block *b, struct pw_params *set, int layer)
{
    int d = b->c->d, f = b->c->hidden, e = experts_of(b->c, set, layer);
    PW_TRY(declare_router(b, set, layer));
    PW_TRY(pw_param_declare(set, PW_MATRIX, PW_NORMAL, 1 / sqrt(d), 3, PW_SHAPE(e, d, 2 * f), &b->w13,
                            "trunk.%d.experts.w13", layer));
    PW_TRY(pw_param_declare(set, PW_MATRIX, PW_NORMAL, output_scale(b->c) / sqrt(f), 3, PW_SHAPE(e, f, d), &b->w2,
                            "trunk.%d.experts.w2", layer));
    group(b->w13, b->c);
    group(b->w2, b->c);
    return PWY_OK;
}

/* Even to begin with. */
static pwy_status make_load(struct pw_block *b)
{
    b->router.experts = (int)b->w13->shape[0];
    PW_NEED(b->load = pw_calloc((size_t)b->router.experts, sizeof *b->load));
    for (int e = 0; e < b->c->experts; e++) b->load[e] = 1.0 / b->c->experts;
    return PWY_OK;
}

static pwy_status declare_block(struct pw_trunk *t, struct pw_params *set, int layer)
{
    const struct pw_trunk_config *c = &t->config;
    struct pw_block *b = &t->block[layer];
    b->c = c;
    b->layer = layer;
    b->attention = (struct pw_attention){c->heads, c->kv_heads, c->d / c->heads, c->rope_base};
    b->router = c->router;
    b->router.key = (uint64_t)layer;
    snprintf(b->drop_attention, sizeof b->drop_attention, "trunk.%d.attention", layer);
    snprintf(b->drop_ffn, sizeof b->drop_ffn, "trunk.%d.ffn", layer);
    PW_TRY(declare_attention(b, set, layer));
    if (c->experts > 0) {
        PW_TRY(declare_experts(b, set, layer));
        PW_TRY(make_load(b));
    } else
        PW_TRY(declare_ffn(b, set, layer, "ffn", c->hidden, &b->w13, &b->w2));
    if (c->shared == 0) return PWY_OK;
    return declare_ffn(b, set, layer, "shared", c->shared * c->hidden, &b->shared13, &b->shared2);
}

static pwy_status build(struct pw_trunk *t, struct pw_params *set)
{
    const struct pw_trunk_config *c = &t->config;
    PW_NEED(t->block = pw_calloc((size_t)c->layers, sizeof *t->block));
    PW_NEED(t->routed = pw_calloc((size_t)c->experts + 1, sizeof *t->routed));
    for (int e = 0; e < c->experts; e++) t->routed[e] = e;
    for (int i = 0; i < c->layers; i++) t->block[i].routed = t->routed;
    for (int i = 0; i < c->layers; i++) PW_TRY(declare_block(t, set, i));
    return pw_param_declare(set, PW_VECTOR, PW_ONES, 0, 1, PW_SHAPE(c->d), &t->norm, "trunk.norm");
}

pwy_status pw_trunk_new(const struct pw_trunk_config *c, struct pw_params *params, struct pw_trunk **out)
{
    struct pw_trunk_config full = complete(c);
    struct pw_trunk *t;
    PW_TRY(check(&full));
    PW_NEED(t = pw_calloc(1, sizeof *t));
    t->config = full;
    pwy_status status = build(t, params);
    if (status == PWY_OK)
        *out = t;
    else
        pw_trunk_free(t);
    return status;
}

void pw_trunk_free(struct pw_trunk *t)
{
    if (t == NULL) return;
    pw_trunk_count_end(t);
    for (int i = 0; t->block != NULL && i < t->config.layers; i++) {
        free(t->block[i].load);
        free(t->block[i].met);
    }
    free(t->block);
    free(t->routed);
    free(t);
}

const struct pw_trunk_config *pw_trunk_config(const struct pw_trunk *t)
{
    return &t->config;
}

double *pw_trunk_load(struct pw_trunk *t, int layer)
{
    return t->block[layer].load;
}

int pw_trunk_experts(const struct pw_trunk *t, int layer)
{
    return t->config.experts == 0 ? 0 : t->block[layer].router.experts;
}

pwy_status pw_trunk_grow(struct pw_trunk *t, int layer, int n)
{
    struct pw_block *b = &t->block[layer];
    int e = b->router.experts;
    double *load = pw_realloc(b->load, (size_t)(e + n), sizeof *load);
    PW_NEED(load);
    memset(load + e, 0, (size_t)n * sizeof *load);
    b->load = load;
    PW_TRY(pw_param_grow(b->w13, n));
    PW_TRY(pw_param_grow(b->w2, n));
    b->router.experts += n;
    return PWY_OK;
}

void pw_trunk_keep(struct pw_trunk *t, int layer, const int32_t *id)
{
    struct pw_block *b = &t->block[layer];
    for (int e = 0; e < b->router.experts; e++)
        if (id[e] >= 0) b->load[id[e]] = b->load[e];
    pw_param_keep_groups(b->w13, id);
    pw_param_keep_groups(b->w2, id);
    b->router.experts = (int)b->w13->groups;
}

/* --- what a task may begin as a copy of --- */

const struct pw_param *pw_trunk_router(const struct pw_trunk *t, int layer)
{
    return t->block[layer].gate;
}

const struct pw_param *pw_trunk_bias(const struct pw_trunk *t, int layer)
{
    return t->block[layer].bias;
}

void pw_trunk_lock_routers(struct pw_trunk *t)
{
    for (int i = 0; i < t->config.layers; i++)
        if (t->block[i].gate != NULL) t->block[i].gate->locked = true;
}

void pw_trunk_norms(const struct pw_trunk *t, int layer, const struct pw_param **norm1, const struct pw_param **norm2)
{
    *norm1 = t->block[layer].norm1;
    *norm2 = t->block[layer].norm2;
}

const struct pw_param *pw_trunk_norm(const struct pw_trunk *t)
{
    return t->norm;
}

void pw_trunk_expert_params(const struct pw_trunk *t, int layer, struct pw_param **w13, struct pw_param **w2)
{
    *w13 = t->block[layer].w13;
    *w2 = t->block[layer].w2;
}

/* The weights of a file are not written to. */
static pwy_status own_weights(struct pw_param *p)
{
    real *own;
    if (!p->mapped) return PWY_OK;
    PW_NEED(own = pw_calloc((size_t)p->n, sizeof *own));
    memcpy(own, p->w, (size_t)p->n * sizeof *own);
    p->w = own;
    p->mapped = false;
    return PWY_OK;
}

static pwy_status step_bias(const struct pw_trunk *t, struct pw_param *bias, int64_t *met)
{
    if (bias == NULL) return PWY_OK;
    if (bias->frozen || bias->locked) {
        memset(met, 0, (size_t)bias->n * sizeof *met);
        return PWY_OK;
    }
    PW_TRY(own_weights(bias));
    pw_bias_step((int)bias->n, t->config.bias_rate, met, bias->w);
    return PWY_OK;
}

pwy_status pw_trunk_step(struct pw_trunk *t, struct pw_pathway *way)
{
    for (int i = 0; i < t->config.layers; i++) {
        PW_TRY(step_bias(t, t->block[i].bias, t->block[i].met));
        if (way != NULL) PW_TRY(step_bias(t, way->layer[i].bias, way->layer[i].met));
    }
    return PWY_OK;
}

/* --- experts that grew --- */

const struct pw_param *pw_trunk_fade(const struct pw_trunk *t, int layer)
{
    return t->config.experts == 0 ? NULL : t->block[layer].fade;
}

int pw_trunk_awake(const struct pw_trunk *t, int layer)
{
    const struct pw_param *fade = pw_trunk_fade(t, layer);
    int n = 0;
    if (fade == NULL) return t->config.experts;
    while (n < t->config.experts && fade->w[n] == 0) n++;
    return n < t->config.topk ? t->config.topk : n;
}

/* What goes by the router must not move where that is locked. */
static bool still(const struct pw_block *b)
{
    return b->gate->locked || b->gate->frozen || b->fade->locked || b->fade->frozen;
}

pwy_status pw_trunk_wake(struct pw_trunk *t, double left)
{
    for (int i = 0; i < t->config.layers; i++) {
        struct pw_block *b = &t->block[i];
        if (b->fade == NULL || still(b) || pw_trunk_awake(t, i) == t->config.experts) continue;
        PW_TRY(own_weights(b->fade));
        for (int64_t e = 0; e < b->fade->n; e++) b->fade->w[e] = left > 0 ? (real)left * b->fade->w[e] : 0;
    }
    return PWY_OK;
}

/* --- a step of several passes --- */

pwy_status pw_trunk_count_begin(struct pw_trunk *t)
{
    pw_trunk_count_end(t);
    for (int i = 0; i < t->config.layers; i++) {
        struct pw_block *b = &t->block[i];
        if (b->load != NULL && b->router.load_memory > 0)
            PW_NEED(b->tally = pw_calloc((size_t)b->router.experts + 1, sizeof *b->tally));
    }
    return PWY_OK;
}

/* The last number is the count of all. */
void pw_block_count(const struct pw_block *b, const struct pw_routes *r)
{
    if (b->tally == NULL) return;
    b->tally[b->router.experts] += r->n_pairs;
    for (int i = 0; i < r->n_present; i++) b->tally[r->present[i]] += r->chosen[r->present[i]];
}

void pw_trunk_count_end(struct pw_trunk *t)
{
    for (int i = 0; t->block != NULL && i < t->config.layers; i++) {
        struct pw_block *b = &t->block[i];
        double keep = b->router.load_memory, all = b->tally == NULL ? 0 : (double)b->tally[b->router.experts];
        for (int e = 0; all > 0 && e < b->router.experts; e++)
            b->load[e] = keep * b->load[e] + (1 - keep) * ((double)b->tally[e] / all);
        free(b->tally);
        b->tally = NULL;
    }
}

/* --- a pass --- */

pwy_status pw_trunk_last_norm(const struct pw_trunk *t, struct pw_exec *x, const struct pw_runs *runs, const real *in,
                              real *out, real *rstd)
{
    for (int i = 0; i < runs->n; i++) {
        const struct pw_run *run = &runs->list[i];
        size_t at = (size_t)run->first * (size_t)t->config.d;
        const struct pw_param *norm = run->way != NULL && run->way->norm != NULL ? run->way->norm : t->norm;
        PW_TRY(pw_rmsnorm(x, run->rows, t->config.d, in + at, norm, out + at, rstd == NULL ? NULL : rstd + run->first));
    }
    return PWY_OK;
}

static pwy_status last_norm_back(const struct pw_trunk *t, struct pw_exec *x, const struct pw_trunk_keep *keep,
                                 const real *dout, real *din)
{
    for (int i = 0; i < keep->runs.n; i++) {
        const struct pw_run *run = &keep->runs.list[i];
        size_t at = (size_t)run->first * (size_t)t->config.d;
        struct pw_param *norm = run->way != NULL && run->way->norm != NULL ? run->way->norm : t->norm;
        PW_TRY(pw_rmsnorm_back(x, run->rows, t->config.d, keep->last + at, keep->rstd + run->first, norm, dout + at,
                               din + at));
    }
    return PWY_OK;
}

static pwy_status run_block(const struct pw_block *b, struct pw_exec *x, const struct pw_ragged *r,
                            struct pw_block_keep *k)
{
    int rows = r->off[r->n_seq];
    PW_TRY(pw_block_open(b, x, rows, k));
    PW_TRY(pw_attention(x, &b->attention, r, k->qkv, k->att, k->back ? &k->attention : NULL));
    PW_TRY(pw_block_close(b, x, rows, k));
    if (x->quiet || k->routes == NULL) return PWY_OK;
    if (x->usage != NULL) pw_usage_add(x->usage, b->layer, k->routes, r);
    return x->record == NULL ? PWY_OK : pw_record_add(x->record, x, b->layer, k->routes, r);
}

/* --- keeping the blocks' inputs alone --- */

/* All that a block made is given back, but for what the next one reads. */
static pwy_status forward_lean(struct pw_trunk *t, struct pw_exec *x, const struct pw_ragged *r,
                               struct pw_trunk_keep *all)
{
    int rows = r->off[r->n_seq];
    for (int i = 0; i < t->config.layers; i++) {
        struct pw_block_keep k = {.runs = &all->runs, .in = all->last};
        real *next;
        PW_NEED(next = pw_take_rows(x, rows, t->config.d));
        size_t mark = pw_arena_mark(x->arena);
        PW_TRY(pw_block_buffers(&t->block[i], x, rows, true, &k));
        PW_TRY(run_block(&t->block[i], x, r, &k));
        pw_copy_rows(x, (int64_t)rows * t->config.d, k.next, next);
        pw_arena_release(x->arena, mark);
        all->block[i].in = all->last;
        all->last = next;
    }
    return PWY_OK;
}

/* A block's pass once more: by the running shares as they are now, and counted no second time. */
static pwy_status again(const struct pw_block *b, struct pw_exec *x, const struct pw_ragged *r,
                        const struct pw_trunk_keep *all, struct pw_block_keep *k)
{
    bool hold = x->hold, count = x->count, quiet = x->quiet;
    *k = (struct pw_block_keep){.runs = &all->runs, .in = all->block[b->layer].in};
    x->hold = x->quiet = true;
    x->count = false;
    pwy_status status = pw_block_buffers(b, x, r->off[r->n_seq], true, k);
    if (status == PWY_OK) status = run_block(b, x, r, k);
    x->hold = hold;
    x->count = count;
    x->quiet = quiet;
    return status;
}

static pwy_status back_again(const struct pw_block *b, struct pw_exec *x, const struct pw_ragged *r,
                             const struct pw_trunk_keep *all, real *dx, double *aux_loss)
{
    size_t mark = pw_arena_mark(x->arena);
    struct pw_block_keep k;
    PW_TRY(again(b, x, r, all, &k));
    PW_TRY(pw_block_back(b, x, r, &k, dx));
    if (k.routes != NULL) *aux_loss += k.routes->balance_loss + k.routes->z_loss;
    pw_arena_release(x->arena, mark);
    return PWY_OK;
}

/* At inference one set of buffers serves all blocks, and the rows are moved on in place. */
static pwy_status infer(struct pw_trunk *t, struct pw_exec *x, const struct pw_ragged *r, const real *in, real *out,
                        struct pw_routes **routes)
{
    int rows = r->off[r->n_seq], d = t->config.d;
    size_t mark = pw_arena_mark(x->arena);
    struct pw_block_keep k = {0};
    struct pw_runs runs;
    real *cur;
    PW_TRY(pw_runs_make(x, &t->config, r, in, &runs));
    PW_NEED(cur = pw_take_rows(x, rows, d));
    PW_TRY(pw_block_buffers(&t->block[0], x, rows, false, &k));
    pw_copy_rows(x, (int64_t)rows * d, in, cur);
    k.in = k.mid = k.next = cur;
    k.runs = &runs;
    for (int i = 0; i < t->config.layers; i++) {
        PW_TRY(run_block(&t->block[i], x, r, &k));
        if (routes != NULL) routes[i] = k.routes;
    }
    PW_TRY(pw_trunk_last_norm(t, x, &runs, cur, out, NULL));
    if (routes == NULL) pw_arena_release(x->arena, mark);
    return PWY_OK;
}

static pwy_status keep_new(const struct pw_trunk *t, struct pw_exec *x, int rows, struct pw_trunk_keep **out)
{
    struct pw_trunk_keep *keep;
    PW_NEED(keep = pw_arena_zero(x->arena, 1, sizeof *keep));
    PW_NEED(keep->block = pw_arena_zero(x->arena, (size_t)t->config.layers, sizeof *keep->block));
    PW_NEED(keep->rstd = pw_take_rows(x, rows, 1));
    *out = keep;
    return PWY_OK;
}

pwy_status pw_trunk_forward(struct pw_trunk *t, struct pw_exec *x, const struct pw_ragged *r, const real *in, real *out,
                            struct pw_routes **routes, struct pw_trunk_keep **keep)
{
    int rows = r->off[r->n_seq];
    struct pw_trunk_keep *all;
    if (keep == NULL) return infer(t, x, r, in, out, routes);
    PW_TRY(keep_new(t, x, rows, &all));
    PW_TRY(pw_runs_make(x, &t->config, r, in, &all->runs));
    all->last = in;
    all->lean = x->recompute && x->tape == NULL;     /* a tape goes forward alone */
    if (all->lean) PW_TRY(forward_lean(t, x, r, all));
    for (int i = 0; i < t->config.layers && !all->lean; i++) {
        struct pw_block_keep *k = &all->block[i];
        PW_TRY(pw_block_buffers(&t->block[i], x, rows, true, k));
        k->in = all->last;
        k->runs = &all->runs;
        PW_TRY(run_block(&t->block[i], x, r, k));
        all->last = k->next;
        if (routes != NULL) routes[i] = k->routes;
    }
    PW_TRY(pw_trunk_last_norm(t, x, &all->runs, all->last, out, all->rstd));
    *keep = all;
    return PWY_OK;
}

pwy_status pw_trunk_backward(struct pw_trunk *t, struct pw_exec *x, const struct pw_ragged *r,
                             const struct pw_trunk_keep *keep,
                             const real *dout, real *din, double *aux_loss)
{
    int rows = r->off[r->n_seq], d = t->config.d;
    pw_zero_rows(x, (int64_t)rows * d, din);
    PW_TRY(last_norm_back(t, x, keep, dout, din));
    for (int i = t->config.layers - 1; i >= 0; i--) {
        if (keep->lean) {
            PW_TRY(back_again(&t->block[i], x, r, keep, din, aux_loss));
            continue;
        }
        const struct pw_routes *routes = keep->block[i].routes;
        PW_TRY(pw_block_back(&t->block[i], x, r, &keep->block[i], din));
        if (routes != NULL) *aux_loss += routes->balance_loss + routes->z_loss;
    }
    for (int i = 0; i < keep->runs.n; i++) {
        const struct pw_run *run = &keep->runs.list[i];
        if (run->dhead != NULL) x->kern->add(d, run->dhead, din + (size_t)run->first * (size_t)d);
    }
    return PWY_OK;
}

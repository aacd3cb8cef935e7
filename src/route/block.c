#include "route/block.h"
#include "route/rows.h"

int pw_block_qkv_width(const struct pw_block *b)
{
    return (b->attention.heads + 2 * b->attention.kv_heads) * b->attention.hd;
}

pwy_status pw_block_buffers(const struct pw_block *b, const struct pw_exec *x, int rows, bool back,
                            struct pw_block_keep *k)
{
    int d = b->c->d;
    k->back = back;
    PW_NEED(k->n1 = pw_take_rows(x, rows, d));
    PW_NEED(k->rstd1 = pw_take_rows(x, rows, 1));
    PW_NEED(k->qkv = pw_take_rows(x, rows, pw_block_qkv_width(b)));
    PW_NEED(k->att = pw_take_rows(x, rows, d));
    k->n2 = k->n1;
    k->rstd2 = k->rstd1;
    if (!back) return PWY_OK;
    PW_NEED(k->next = pw_take_rows(x, rows, d));
    k->mid = k->next;
    if (b->norm2 == NULL) return PWY_OK;
    PW_NEED(k->mid = pw_take_rows(x, rows, d));
    PW_NEED(k->n2 = pw_take_rows(x, rows, d));
    PW_NEED(k->rstd2 = pw_take_rows(x, rows, 1));
    return PWY_OK;
}

static bool drops(const struct pw_exec *x)
{
    return x->train && x->dropout > 0;
}

pwy_status pw_block_open(const struct pw_block *b, struct pw_exec *x, int rows, struct pw_block_keep *k)
{
    PW_TRY(pw_way_norm(b, x, k->runs, false, k->in, k->n1, k->rstd1));
    return pw_apply(x, rows, k->n1, b->qkv, k->qkv, false);
}

/* mid = in + att W_out. */
static pwy_status close_attention(const struct pw_block *b, struct pw_exec *x, int rows, struct pw_block_keep *k)
{
    int d = b->c->d;
    size_t mark = pw_arena_mark(x->arena);
    real *branch = k->mid;
    bool drop = drops(x);
    pw_copy_rows(x, (int64_t)rows * d, k->in, k->mid);
    if (drop) PW_NEED(branch = pw_take_rows(x, rows, d));
    PW_TRY(pw_apply(x, rows, k->att, b->out, branch, !drop));
    if (!drop) return PWY_OK;
    pw_dropout(x, b->drop_attention, (int64_t)rows * d, x->dropout, branch);
    pw_add_rows(x, (int64_t)rows * d, branch, k->mid);
    pw_arena_release(x->arena, mark);
    return PWY_OK;
}

/* out += experts or feed-forward, and shared experts, of n2. */
static pwy_status feed_forward(const struct pw_block *b, struct pw_exec *x, int rows, struct pw_block_keep *k,
                               real *out)
{
    int d = b->c->d, f = b->c->hidden;
    if (b->c->experts == 0)
        PW_TRY(pw_ffn(x, rows, d, f, k->n2, b->w13, b->w2, out, k->back ? &k->ffn : NULL));
    else {
        PW_TRY(pw_way_route(b, x, k));
        PW_TRY(pw_experts(x, k->routes, d, f, k->n2, b->w13, b->w2, out, k->back ? &k->experts : NULL));
    }
    PW_TRY(pw_way_adapt(b, x, k, out));
    if (b->shared13 == NULL) return PWY_OK;
    return pw_ffn(x, rows, d, f * b->c->shared, k->n2, b->shared13, b->shared2, out, k->back ? &k->shared : NULL);
}

/* next = mid + the feed-forward half. */
static pwy_status close_ffn(const struct pw_block *b, struct pw_exec *x, int rows, struct pw_block_keep *k)
{
    int64_t n = (int64_t)rows * b->c->d;
    real *branch;
    pw_copy_rows(x, n, k->mid, k->next);
    if (!drops(x)) return feed_forward(b, x, rows, k, k->next);
    PW_NEED(branch = pw_take_rows(x, rows, b->c->d));
    pw_zero_rows(x, n, branch);
    PW_TRY(feed_forward(b, x, rows, k, branch));
    pw_dropout(x, b->drop_ffn, n, x->dropout, branch);
    pw_add_rows(x, n, branch, k->next);
    return PWY_OK;
}

pwy_status pw_block_close(const struct pw_block *b, struct pw_exec *x, int rows, struct pw_block_keep *k)
{
    PW_TRY(close_attention(b, x, rows, k));
    if (b->norm2 != NULL) PW_TRY(pw_way_norm(b, x, k->runs, true, k->mid, k->n2, k->rstd2));
    return close_ffn(b, x, rows, k);
}

/* The gradient of a branch before its dropout: dx itself where there is none. */
static pwy_status undrop(const struct pw_block *b, struct pw_exec *x, const char *what, int rows, real *dx, real **out)
{
    int64_t n = (int64_t)rows * b->c->d;
    *out = dx;
    if (!drops(x)) return PWY_OK;
    PW_NEED(*out = pw_take_rows(x, rows, b->c->d));
    pw_copy_rows(x, n, dx, *out);
    pw_dropout(x, what, n, x->dropout, *out);
    return PWY_OK;
}

/* Experts, then their routers: dn += both. */
static pwy_status experts_back(const struct pw_block *b, struct pw_exec *x, struct pw_block_keep *k, const real *dout,
                               real *dn)
{
    real *dgate;
    PW_NEED(dgate = pw_take_rows(x, k->routes->n_pairs, 1));
    PW_TRY(pw_experts_back(x, k->routes, b->c->d, b->c->hidden, k->experts, b->w13, b->w2, dout, dn, dgate));
    return pw_way_route_back(b, x, k, dgate, dn);
}

/* dn (T, d) = the gradient of n2. */
static pwy_status ffn_half_back(const struct pw_block *b, struct pw_exec *x, int rows, struct pw_block_keep *k,
                                real *dx,
                                real *dn)
{
    int d = b->c->d, f = b->c->hidden;
    size_t mark = pw_arena_mark(x->arena);
    real *dout;
    PW_TRY(undrop(b, x, b->drop_ffn, rows, dx, &dout));
    pw_zero_rows(x, (int64_t)rows * d, dn);
    if (b->c->experts > 0)
        PW_TRY(experts_back(b, x, k, dout, dn));
    else
        PW_TRY(pw_ffn_back(x, rows, d, f, k->n2, k->ffn, b->w13, b->w2, dout, dn));
    PW_TRY(pw_way_adapt_back(b, x, k, dout, dn));
    if (b->shared13 != NULL)
        PW_TRY(pw_ffn_back(x, rows, d, f * b->c->shared, k->n2, k->shared, b->shared13, b->shared2, dout, dn));
    pw_arena_release(x->arena, mark);
    return PWY_OK;
}

/* dn (T, d) = or += the gradient of n1 through the attention. */
static pwy_status attention_half_back(const struct pw_block *b, struct pw_exec *x, const struct pw_ragged *r,
                                      struct pw_block_keep *k, real *dx, real *dn, bool add)
{
    int rows = r->off[r->n_seq], d = b->c->d, width = pw_block_qkv_width(b);
    size_t mark = pw_arena_mark(x->arena);
    real *dout, *datt, *dqkv;
    PW_TRY(undrop(b, x, b->drop_attention, rows, dx, &dout));
    PW_NEED(datt = pw_take_rows(x, rows, d));
    PW_NEED(dqkv = pw_take_rows(x, rows, width));
    PW_TRY(pw_linear_bf16_back(x, rows, d, d, k->att, b->out, dout, datt, false));
    PW_TRY(pw_attention_back(x, &b->attention, r, k->attention, k->qkv, datt, dqkv));
    PW_TRY(pw_linear_bf16_back(x, rows, d, width, k->n1, b->qkv, dqkv, dn, add));
    pw_arena_release(x->arena, mark);
    return PWY_OK;
}

pwy_status pw_block_back(const struct pw_block *b, struct pw_exec *x, const struct pw_ragged *r,
                         struct pw_block_keep *k,
                         real *dx)
{
    int rows = r->off[r->n_seq], d = b->c->d;
    size_t mark = pw_arena_mark(x->arena);
    bool serial = b->norm2 != NULL;
    real *dn;
    PW_NEED(dn = pw_take_rows(x, rows, d));
    PW_TRY(ffn_half_back(b, x, rows, k, dx, dn));
    if (serial) PW_TRY(pw_way_norm_back(b, x, k->runs, true, k->mid, k->rstd2, dn, dx));
    PW_TRY(attention_half_back(b, x, r, k, dx, dn, !serial));
    PW_TRY(pw_way_norm_back(b, x, k->runs, false, k->in, k->rstd1, dn, dx));
    pw_arena_release(x->arena, mark);
    return PWY_OK;
}

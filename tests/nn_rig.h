/* What the tests of the layers share: one layer with its input, its parameters and its gradients, whichever it is.
   Numbers come from fill(), which golden/nn.py has too. */
#ifndef NN_RIG_H
#define NN_RIG_H
#include <check.h>
#include <stdlib.h>
#include <string.h>
#include "nn/nn.h"

enum { RIG_PARAMS = 4, RIG_SEQS = 24 };

struct rig {
    struct pw_exec x;
    struct pw_param p[RIG_PARAMS];
    double p_scale[RIG_PARAMS], in_scale;
    int n_p;
    int dim[5];                                     /* as the layer takes them */
    struct pw_attention att;
    struct pw_ragged seqs;
    int32_t off[RIG_SEQS + 1], prefix[RIG_SEQS];
    size_t n_in, n_out;
    real *in, *out, *dout, *din;
    void *keep;
    void (*forward)(struct rig *r), (*backward)(struct rig *r);
    bool overwrites;                                /* din, where other layers add */
};

static inline void fill(int seed, size_t n, double scale, real *out)
{
    for (size_t i = 0; i < n; i++)
        out[i] = (real)(scale * sin(12.9898 * ((double)i + 1) + 78.233 * seed));
}

static inline real *room(size_t n)
{
    real *p = pw_calloc(n + 1, sizeof *p);
    ck_assert_ptr_nonnull(p);
    return p;
}

static inline void ok(pwy_status status)
{
    ck_assert_int_eq(status, PWY_OK);
}

static inline void rig_exec(struct pw_exec *x, int threads, bool train)
{
    memset(x, 0, sizeof *x);
    ok(pw_kern_choose(NULL, &x->kern));
    ok(pw_pool_new(threads, &x->pool));
    x->arena = pw_arena_new();
    ck_assert_ptr_nonnull(x->arena);
    x->train = train;
    x->seed = 7;
}

static inline void rig_exec_end(struct pw_exec *x)
{
    pw_arena_free(x->arena);
    pw_pool_free(x->pool);
}

static inline struct pw_param *rig_param(struct rig *r, const char *name, enum pw_param_kind kind, int rank,
                                         const int64_t *shape, double scale)
{
    struct pw_param *p = &r->p[r->n_p];
    *p = (struct pw_param){ .name = (char *)name, .kind = kind, .rank = rank, .n = 1, .groups = 1, .lr_scale = 1,
                             .training = true };
    for (int i = 0; i < rank; i++)
        p->n *= p->shape[i] = shape[i];
    if (kind == PW_TABLE)
        p->groups = shape[0];
    p->touched = pw_calloc(p->groups, 1);
    p->w = room(p->n);
    p->g = room(p->n);
    r->p_scale[r->n_p++] = scale;
    return p;
}

/* Fills everything: the input by seed 1, parameters by 2, 3, ..., the output's gradient by 9. */
static inline void rig_fill(struct rig *r)
{
    r->in = room(r->n_in);
    r->din = room(r->n_in);
    r->out = room(r->n_out);
    r->dout = room(r->n_out);
    fill(1, r->n_in, r->in_scale, r->in);
    fill(9, r->n_out, 1, r->dout);
    for (int i = 0; i < r->n_p; i++)
        fill(2 + i, r->p[i].n, r->p_scale[i], r->p[i].w);
}

static inline void rig_free(struct rig *r)
{
    for (int i = 0; i < r->n_p; i++) {
        free(r->p[i].w);
        free(r->p[i].g);
        free(r->p[i].touched);
    }
    free(r->in);
    free(r->out);
    free(r->dout);
    free(r->din);
    rig_exec_end(&r->x);
    memset(r, 0, sizeof *r);
}

static inline void rig_start(struct rig *r, int threads)
{
    memset(r, 0, sizeof *r);
    rig_exec(&r->x, threads, true);
    r->in_scale = 1;
}

/* --- the layers: dim 0 is the number of rows --- */

static inline void rmsnorm_forward(struct rig *r)
{
    real *rstd = pw_arena_take(r->x.arena, r->dim[0] + 1, sizeof *rstd);
    r->keep = rstd;
    ok(pw_rmsnorm(&r->x, r->dim[0], r->dim[1], r->in, &r->p[0], r->out, rstd));
}

static inline void rmsnorm_backward(struct rig *r)
{
    ok(pw_rmsnorm_back(&r->x, r->dim[0], r->dim[1], r->in, r->keep, &r->p[0], r->dout, r->din));
}

static inline void rig_rmsnorm(struct rig *r, int threads, int rows, int d)
{
    rig_start(r, threads);
    r->dim[0] = rows, r->dim[1] = d;
    r->n_in = r->n_out = (size_t)rows * d;
    rig_param(r, "w", PW_VECTOR, 1, PW_SHAPE(d), 1);
    r->forward = rmsnorm_forward, r->backward = rmsnorm_backward;
    rig_fill(r);
}

static inline void layernorm_forward(struct rig *r)
{
    real *stat = pw_arena_take(r->x.arena, 2 * r->dim[0] + 1, sizeof *stat);
    r->keep = stat;
    ok(pw_layernorm(&r->x, r->dim[0], r->dim[1], r->in, &r->p[0], r->dim[2] ? &r->p[1] : NULL, r->out, stat));
}

static inline void layernorm_backward(struct rig *r)
{
    ok(pw_layernorm_back(&r->x, r->dim[0], r->dim[1], r->in, r->keep, &r->p[0], r->dim[2] ? &r->p[1] : NULL, r->dout,
                         r->din));
}

static inline void rig_layernorm(struct rig *r, int threads, int rows, int d, bool bias)
{
    rig_start(r, threads);
    r->dim[0] = rows, r->dim[1] = d, r->dim[2] = bias;
    r->n_in = r->n_out = (size_t)rows * d;
    rig_param(r, "w", PW_VECTOR, 1, PW_SHAPE(d), 1);
    if (bias)
        rig_param(r, "b", PW_VECTOR, 1, PW_SHAPE(d), 1);
    r->forward = layernorm_forward, r->backward = layernorm_backward;
    rig_fill(r);
}

static inline void dense_forward(struct rig *r)
{
    ok(pw_dense(&r->x, r->dim[0], r->in, &r->p[0], r->dim[1] ? &r->p[1] : NULL, r->out));
}

static inline void dense_backward(struct rig *r)
{
    ok(pw_dense_back(&r->x, r->dim[0], r->in, &r->p[0], r->dim[1] ? &r->p[1] : NULL, r->dout, r->din));
}

static inline void rig_dense(struct rig *r, int threads, int rows, int k, int n, bool bias)
{
    rig_start(r, threads);
    r->dim[0] = rows, r->dim[1] = bias;
    r->n_in = (size_t)rows * k;
    r->n_out = (size_t)rows * n;
    rig_param(r, "w", PW_MATRIX, 2, PW_SHAPE(k, n), 1);
    if (bias)
        rig_param(r, "b", PW_VECTOR, 1, PW_SHAPE(n), 1);
    r->forward = dense_forward, r->backward = dense_backward;
    rig_fill(r);
}

static const int32_t rig_id[] = { 3, 0, 3, 1, 3 };
static const int64_t rig_bag_start[] = { 0, 2, 2, 5 };
static const int32_t rig_bag_index[] = { 3, 1, 3, 0, 3 };

static inline void embed_forward(struct rig *r)
{
    ok(pw_embed(&r->x, r->dim[0], rig_id, &r->p[0], r->out));
}

static inline void embed_backward(struct rig *r)
{
    ok(pw_embed_back(&r->x, r->dim[0], rig_id, &r->p[0], r->dout));
}

static inline void rig_embed(struct rig *r, int threads, int n, int d)
{
    rig_start(r, threads);
    r->dim[0] = n;
    r->n_out = (size_t)n * d;
    rig_param(r, "w", PW_TABLE, 2, PW_SHAPE(4, d), 1);
    r->forward = embed_forward, r->backward = embed_backward;
    rig_fill(r);
}

static inline struct pw_sparse rig_sparse(const struct rig *r, real *value)
{
    fill(1, 5, 1, value);
    return (struct pw_sparse){ r->dim[0], rig_bag_start, rig_bag_index, value };
}

static inline void bag_forward(struct rig *r)
{
    real value[5];
    struct pw_sparse in = rig_sparse(r, value);
    memset(r->out, 0, r->n_out * sizeof *r->out);
    ok(pw_bag(&r->x, &in, &r->p[0], r->out));
}

static inline void bag_backward(struct rig *r)
{
    real value[5];
    struct pw_sparse in = rig_sparse(r, value);
    ok(pw_bag_back(&r->x, &in, &r->p[0], r->dout));
}

static inline void rig_bag(struct rig *r, int threads, int n, int d)
{
    rig_start(r, threads);
    r->dim[0] = n;
    r->n_out = (size_t)n * d;
    rig_param(r, "w", PW_TABLE, 2, PW_SHAPE(4, d), 1);
    r->forward = bag_forward, r->backward = bag_backward;
    rig_fill(r);
}

static inline void attention_forward(struct rig *r)
{
    struct pw_attention_keep *keep = NULL;
    ok(pw_attention(&r->x, &r->att, &r->seqs, r->in, r->out, r->x.train ? &keep : NULL));
    r->keep = keep;
}

static inline void attention_backward(struct rig *r)
{
    ok(pw_attention_back(&r->x, &r->att, &r->seqs, r->keep, r->in, r->dout, r->din));
}

static inline void rig_attention(struct rig *r, int threads, int heads, int kv_heads, int hd, int n_seq, const int *len,
                                 const int *prefix)
{
    rig_start(r, threads);
    r->att = (struct pw_attention){ heads, kv_heads, hd, 10000 };
    for (int i = 0; i < n_seq; i++) {
        r->off[i + 1] = r->off[i] + len[i];
        r->prefix[i] = prefix[i];
    }
    r->seqs = (struct pw_ragged){ n_seq, r->off, r->prefix, NULL };
    r->n_in = (size_t)r->off[n_seq] * (heads + 2 * kv_heads) * hd;
    r->n_out = (size_t)r->off[n_seq] * heads * hd;
    r->overwrites = true;
    r->forward = attention_forward, r->backward = attention_backward;
    rig_fill(r);
}

static inline struct pw_conv_block rig_block(struct rig *r)
{
    return (struct pw_conv_block){ &r->p[0], &r->p[1], &r->p[2], &r->p[3], r->dim[3], r->dim[4] };
}

static inline void conv_forward(struct rig *r)
{
    struct pw_conv_block b = rig_block(r);
    struct pw_conv_keep *keep = NULL;
    ok(pw_conv_block(&r->x, &b, r->dim[0], r->dim[1], r->dim[2], r->in, r->out, r->x.train ? &keep : NULL));
    r->keep = keep;
}

static inline void conv_backward(struct rig *r)
{
    struct pw_conv_block b = rig_block(r);
    ok(pw_conv_block_back(&r->x, &b, r->dim[0], r->dim[1], r->dim[2], r->in, r->keep, r->dout, r->din));
}

static inline void rig_conv(struct rig *r, int threads, int n, int h, int w, int c_in, int c_out)
{
    rig_start(r, threads);
    int dim[] = { n, h, w, c_in, c_out };
    memcpy(r->dim, dim, sizeof dim);
    r->n_in = (size_t)n * h * w * c_in;
    r->n_out = (size_t)n * ((h + 1) / 2) * ((w + 1) / 2) * c_out;
    rig_param(r, "w", PW_MATRIX, 4, PW_SHAPE(3, 3, c_in, c_out), .3);
    rig_param(r, "gain", PW_VECTOR, 1, PW_SHAPE(c_out), 1);
    rig_param(r, "gn_gain", PW_VECTOR, 1, PW_SHAPE(c_out), 1);
    rig_param(r, "gn_bias", PW_VECTOR, 1, PW_SHAPE(c_out), 1);
    r->forward = conv_forward, r->backward = conv_backward;
    rig_fill(r);
}

/* Losses: the output's gradient is the rows' weights; forward leaves the gradient in keep. */
static inline void rig_loss_out(struct rig *r, const double *loss)
{
    for (size_t i = 0; i < r->n_out; i++)
        r->out[i] = (real)loss[i];
}

static inline void loss_backward(struct rig *r)
{
    r->x.kern->add((int)r->n_in, r->keep, r->din);
}

static inline void softmax_forward(struct rig *r)
{
    const int32_t target[] = { 2, -1, 0, 4 };
    double loss[4];
    r->keep = pw_arena_take(r->x.arena, r->n_in + 1, sizeof(real));
    ok(pw_softmax_xent(&r->x, r->dim[0], r->dim[1], r->in, target, r->dout, loss, r->keep));
    rig_loss_out(r, loss);
}

static inline void sigmoid_forward(struct rig *r)
{
    const uint8_t target[] = { 1, 0, 0, 1, 0, 0, 0, 0, 1, 1, 0, 1 };
    double loss[3];
    r->keep = pw_arena_take(r->x.arena, r->n_in + 1, sizeof(real));
    ok(pw_sigmoid_xent(&r->x, r->dim[0], r->dim[1], r->in, target, r->dout, loss, r->keep));
    rig_loss_out(r, loss);
}

static inline void squared_forward(struct rig *r)
{
    real target[4];
    double loss[4];
    fill(2, 4, 1, target);
    r->keep = pw_arena_take(r->x.arena, r->n_in + 1, sizeof(real));
    ok(pw_squared(&r->x, r->dim[0], r->in, target, r->dout, loss, r->keep));
    rig_loss_out(r, loss);
}

static inline void rig_loss(struct rig *r, int threads, void (*forward)(struct rig *), int rows, int n, double scale,
                            int weight_seed)
{
    rig_start(r, threads);
    r->dim[0] = rows, r->dim[1] = n;
    r->n_in = (size_t)rows * n;
    r->n_out = rows;
    r->in_scale = scale;
    r->forward = forward, r->backward = loss_backward;
    rig_fill(r);
    fill(weight_seed, rows, 1, r->dout);
}
#endif

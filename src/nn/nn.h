/* The layers: forward and backward of one layer in one file each, named nn/<layer>.c.
   Matrices are row-major (rows, width). d-something is the gradient of the loss by it. Backward passes ADD to
   parameters' gradients (p->g, only where pw_trains(p)) and, unless said otherwise, ADD to the gradient of their input
   (so that branches meet without copies). Every sum over rows has a fixed order, cut by shape alone. At inference a
   row's, a sequence's or an image's bits do not depend on the rest of the batch. All return PWY_OK or PWY_E_NOMEM. */
#ifndef PW_NN_H
#define PW_NN_H
#include "kern/exec.h"
#include "nn/param.h"

/* A ragged batch: sequence s owns rows off[s] .. off[s+1]-1 of every (T, d) matrix. Row i of a sequence sees rows
   0 .. max(i, prefix[s] - 1) of it: prefix = length is full attention, 0 causal. task: index, -1 unknown. way: of each
   sequence, the trunk's matter (route/pathway.h); NULL: none has one. key (T): what a row is
   known by, for routing by hash; NULL: its place in its sequence. */
struct pw_pathway;
struct pw_ragged { int n_seq; const int32_t *off; const int32_t *prefix; const int32_t *task;
    const struct pw_pathway *const *way; const uint64_t *key; };

/* rmsnorm.c: out = in / sqrt(mean(in^2) + 1e-6) * w. rstd (rows) is kept for backward; may be NULL at inference. */
pwy_status pw_rmsnorm(struct pw_exec *x, int rows, int d, const real *in, const struct pw_param *w, real *out,
                      real *rstd);
pwy_status pw_rmsnorm_back(struct pw_exec *x, int rows, int d, const real *in, const real *rstd, struct pw_param *w,
                           const real *dout, real *din);

/* layernorm.c: for the read-out; eps 1e-5, gain w and bias b (b may be NULL). stat (rows, 2) keeps mean and 1/std. */
pwy_status pw_layernorm(struct pw_exec *x, int rows, int d, const real *in, const struct pw_param *w,
                        const struct pw_param *b, real *out, real *stat);
pwy_status pw_layernorm_back(struct pw_exec *x, int rows, int d, const real *in, const real *stat, struct pw_param *w,
                             struct pw_param *b, const real *dout, real *din);

/* dense.c: out (rows, n) = in (rows, k) w (k, n) + b; b may be NULL. din may be NULL: no gradient for the input. */
pwy_status pw_dense(struct pw_exec *x, int rows, const real *in, const struct pw_param *w, const struct pw_param *b,
                    real *out);
pwy_status pw_dense_back(struct pw_exec *x, int rows, const real *in, struct pw_param *w, struct pw_param *b,
                         const real *dout, real *din);

/* dropout.c: inverted dropout in place, rate 0 or inference: nothing. The mask is a function of (seed, step, what,
   element): backward makes it again. The rate is taken to 1/65536. */
void pw_dropout(struct pw_exec *x, const char *what, int64_t n, double rate, real *inout);

/* attention.c: grouped-query attention with rotary positions over qkv (T, (heads + 2 kv_heads) hd): all q heads, then
   k, then v. out (T, heads hd). Rotary: the halves convention (x1 = first half, x2 = second half of a head), position =
   row within its sequence. keep: what backward needs (arena), NULL at inference. dqkv is OVERWRITTEN. */
struct pw_attention { int heads, kv_heads, hd; double rope_base; };
struct pw_attention_keep;
pwy_status pw_attention(struct pw_exec *x, const struct pw_attention *a, const struct pw_ragged *r, const real *qkv,
                        real *out, struct pw_attention_keep **keep);
pwy_status pw_attention_back(struct pw_exec *x, const struct pw_attention *a, const struct pw_ragged *r,
                             const struct pw_attention_keep *keep, const real *qkv, const real *dout, real *dqkv);
/* attention_step.c: one new row of one sequence against its cache, where k and v of rows 0 .. pos-1 stand (capacity
   rows each, pw_attention_cache_size reals); appends row pos. Same bits as pw_attention's row. */
int64_t pw_attention_cache_size(const struct pw_attention *a, int64_t capacity);
pwy_status pw_attention_step(struct pw_exec *x, const struct pw_attention *a, const real *qkv, int pos,
                             int64_t capacity, real *cache, real *out);

/* embed.c: out[i] = table[id[i]] (rows of d); backward adds, rows of equal id in ascending order of i. Touches groups
   where the table has them. */
/* packed.c: out (rows, n) = or += in (rows, k) p, whose weights may be packed. */
pwy_status pw_apply(struct pw_exec *x, int rows, const real *in, const struct pw_param *p, real *out, bool add);
pwy_status pw_embed(struct pw_exec *x, int n, const int32_t *id, const struct pw_param *table, real *out);
pwy_status pw_embed_back(struct pw_exec *x, int n, const int32_t *id, struct pw_param *table, const real *dout);
/* A weighted bag over sparse features: out (n, width) += sum_j value[j] table[index[j]] over j in
   start[i] .. start[i+1]-1. */
struct pw_sparse { int n; const int64_t *start; const int32_t *index; const real *value; };
pwy_status pw_bag(struct pw_exec *x, const struct pw_sparse *in, const struct pw_param *table, real *out);
pwy_status pw_bag_back(struct pw_exec *x, const struct pw_sparse *in, struct pw_param *table, const real *dout);

/* conv.c: n images of one shape (h, w, c_in) channels last; 3x3, stride 1, zero padding, weight-standardised kernel w
   (3, 3, c_in, c_out) (Qiao et al. 2019; eps 1e-5) with a gain (c_out), GroupNorm of 8 channels a group (Wu and He
   2018; a last group has the rest) with gain and bias, ReLU, 2x2 max-pool (a last odd row or column is pooled by
   itself: out (ceil(h/2), ceil(w/2), c_out)). One call is one such block. keep as in attention. din may be NULL. */
struct pw_conv_block { struct pw_param *w, *gain, *gn_gain, *gn_bias; int c_in, c_out; };
struct pw_conv_keep;
pwy_status pw_conv_block(struct pw_exec *x, const struct pw_conv_block *b, int n, int h, int w, const real *in,
                         real *out, struct pw_conv_keep **keep);
pwy_status pw_conv_block_back(struct pw_exec *x, const struct pw_conv_block *b, int n, int h, int w, const real *in,
                              const struct pw_conv_keep *keep, const real *dout, real *din);

/* loss.c: mean over what? none: the caller scales. Each writes per-row loss and d(loss)/d(logits) * weight[row]; weight
   NULL: 1. The gradient may stand where the logits do. A NaN among a row's logits makes its loss NaN. */
/* Target -1: no loss, gradient 0. */
pwy_status pw_softmax_xent(struct pw_exec *x, int rows, int n, const real *logits, const int32_t *target,
                           const real *weight, double *loss, real *dlogits);
/* target (rows, n) 0/1; mean over n. */
pwy_status pw_sigmoid_xent(struct pw_exec *x, int rows, int n, const real *logits, const uint8_t *target,
                           const real *weight, double *loss, real *dlogits);
/* (pred - target)^2 / 2 */
pwy_status pw_squared(struct pw_exec *x, int rows, const real *pred, const real *target, const real *weight,
                      double *loss, real *dpred);
#endif

/* The experts that a routing meets: grouped SwiGLU over its sorted order. And the trunk: blocks of attention and
   experts. Formulas: docs/architecture.md. */
#ifndef PW_ROUTE_H
#define PW_ROUTE_H
#include "nn/nn.h"
#include "route/router.h"

/* experts.c: out (T, d) += sum over t's pairs of gate W2_e (silu(W1_e x) * W3_e x), w13 (E, d, 2 f) holds W1 beside W3,
   w2 (E, f, d). Experts no token reached cost nothing. */
struct pw_experts_keep;
pwy_status pw_experts(struct pw_exec *x, const struct pw_routes *r, int d, int f, const real *in,
                      const struct pw_param *w13, const struct pw_param *w2, real *out, struct pw_experts_keep **keep);
/* din += ; dgate (pairs) overwritten, 0 where a pair was dropped. What `keep` holds is used up. */
pwy_status pw_experts_back(struct pw_exec *x, const struct pw_routes *r, int d, int f, struct pw_experts_keep *keep,
                           struct pw_param *w13, struct pw_param *w2, const real *dout, real *din, real *dgate);
/* One expert for every token: the dense model, and shared experts. w13 (d, 2 f), w2 (f, d). out +=, din +=; what
   `keep` holds is used up. */
struct pw_ffn_keep;
pwy_status pw_ffn(struct pw_exec *x, int rows, int d, int f, const real *in, const struct pw_param *w13,
                  const struct pw_param *w2, real *out, struct pw_ffn_keep **keep);
pwy_status pw_ffn_back(struct pw_exec *x, int rows, int d, int f, const real *in, struct pw_ffn_keep *keep,
                       struct pw_param *w13, struct pw_param *w2, const real *dout, real *din);

/* trunk.c: L pre-norm blocks: x += attn(norm(x)); x += ffn or experts(norm(x)) (+ shared experts); parallel (PaLM):
   x += attn(norm(x)) + ffn(norm(x)). Then a last norm.
   Parallel blocks have one norm, norm1. s shared experts are one of width s f: their sum.
   Parameters "trunk.<layer>.norm1|qkv|out|norm2|router|fade|experts.w13|experts.w2|ffn.w13|ffn.w2|shared.w13|
   shared.w2", "trunk.norm". Matrices N(0, 1/fan_in); output matrices (out, w2) also by 1/sqrt(2 L); router
   N(0, .02). */
bool pw_trunk_owns(const char *name);                       /* whether a parameter of that name is the trunk's */
int pw_trunk_layer_of(const char *name);                    /* the layer in the name of a block's */
bool pw_trunk_routes(const char *name);                     /* whether it is a router, its biases or its fading in */
struct pw_trunk_config {
    /* experts 0: dense; shared: how many, each hidden */
    int d, layers, heads, kv_heads, experts, topk, hidden, shared;
    bool parallel;
    double rope_base, expert_lr;        /* 10000; experts' learning rate times this */
    double bias_rate;                   /* of balance by bias */
    struct pw_router_config router;     /* experts and topk are taken from above */
};
struct pw_trunk;
struct pw_trunk_keep;
/* binds to the set, declaring what is not there */
pwy_status pw_trunk_new(const struct pw_trunk_config *c, struct pw_params *params, struct pw_trunk **out);
void pw_trunk_free(struct pw_trunk *t);
const struct pw_trunk_config *pw_trunk_config(const struct pw_trunk *t);
/* in (T, d) is left as it is; out (T, d). routes: [layers] of this pass, NULL entries for dense layers; may be NULL.
   keep NULL at inference. */
pwy_status pw_trunk_forward(struct pw_trunk *t, struct pw_exec *x, const struct pw_ragged *r, const real *in,
                            real *out, struct pw_routes **routes, struct pw_trunk_keep **keep);
/* din OVERWRITTEN. Auxiliary losses are added to *aux_loss and their gradients taken along. */
pwy_status pw_trunk_backward(struct pw_trunk *t, struct pw_exec *x, const struct pw_ragged *r,
                             const struct pw_trunk_keep *keep, const real *dout, real *din, double *aux_loss);
/* A step of several passes: between the two calls passes with x->count are counted, the second moves the routers'
   running shares once by all of them. Then the passes that learn go with x->hold. */
pwy_status pw_trunk_count_begin(struct pw_trunk *t);
void pw_trunk_count_end(struct pw_trunk *t);
/* Decoding: n sequences, one new row each, against their caches. */
struct pw_cache;
/* way: the sequence's, which must outlive the cache; NULL: the trunk's own. */
pwy_status pw_cache_new(const struct pw_trunk *t, const struct pw_pathway *way, int64_t capacity,
                        struct pw_cache **out);
void pw_cache_free(struct pw_cache *c);
void pw_cache_clear(struct pw_cache *c);
int64_t pw_cache_len(const struct pw_cache *c);
void pw_cache_task(struct pw_cache *c, int task);                   /* whose sequence it is, for the record */
/* What the next n rows are known by, for routing by hash; else their places. */
void pw_cache_keys(struct pw_cache *c, int64_t n, const uint64_t *key);
/* Feeds n rows (n, d) of one sequence behind what the cache holds; the rows see, of themselves, those before them
   (prefix > 0: the first `prefix` rows of an empty cache see each other). out (n, d). Past capacity: PWY_E_LIMIT. */
pwy_status pw_trunk_feed(struct pw_trunk *t, struct pw_exec *x, struct pw_cache *c, int n, int prefix, const real *in,
                         real *out, struct pw_routes **routes);
/* Balance by bias: after the optimizer's step, the layers' biases, and those of a pathway (NULL: none) of its own. */
pwy_status pw_trunk_step(struct pw_trunk *t, struct pw_pathway *way);
/* The running load of a layer's experts, for checkpoints and the record; NULL for a dense trunk. */
double *pw_trunk_load(struct pw_trunk *t, int layer);
/* How many experts a layer has: those that the router knows (config.experts), and behind them those that grew, which
   only pathways reach. */
int pw_trunk_experts(const struct pw_trunk *t, int layer);
/* Experts that grew (model/grow.c) fade in: "trunk.L.fade" (E), which a set may bring, is added to the logits of the
   trunk's router. NULL: there is none. Awake are the experts before the first that it is not 0 of, topk at least: new
   ones come last. */
const struct pw_param *pw_trunk_fade(const struct pw_trunk *t, int layer);
int pw_trunk_awake(const struct pw_trunk *t, int layer);
/* `left`, 0 to 1, of it stays; nothing moves of a router that is locked or frozen. After an optimizer's step. */
pwy_status pw_trunk_wake(struct pw_trunk *t, double left);
/* n more, zeros. While nothing else uses the trunk. */
pwy_status pw_trunk_grow(struct pw_trunk *t, int layer, int n);
/* Of those that grew, the ones whose new id is -1 go; ids ascend. While nothing else uses the trunk. */
void pw_trunk_keep(struct pw_trunk *t, int layer, const int32_t *id);
/* The trunk's own parameters that a pathway begins as copies of. norm2 NULL: parallel. */
const struct pw_param *pw_trunk_router(const struct pw_trunk *t, int layer);         /* NULL: by hash */
const struct pw_param *pw_trunk_bias(const struct pw_trunk *t, int layer);           /* NULL: balance by the loss */
/* No row goes by the trunk's own routers: they have no gradient and no moments. Before training starts. */
void pw_trunk_lock_routers(struct pw_trunk *t);
void pw_trunk_norms(const struct pw_trunk *t, int layer, const struct pw_param **norm1, const struct pw_param **norm2);
const struct pw_param *pw_trunk_norm(const struct pw_trunk *t);
void pw_trunk_expert_params(const struct pw_trunk *t, int layer, struct pw_param **w13, struct pw_param **w2);
#endif

/* One block of the trunk, in the two halves that stand around its attention, so that a whole batch and a cache share
   them. */
#ifndef PW_ROUTE_BLOCK_H
#define PW_ROUTE_BLOCK_H
#include "route/pathway.h"

struct pw_block {
    const struct pw_trunk_config *c;
    int layer;
    struct pw_attention attention;
    struct pw_router_config router;
    /* gate NULL: dense, or by hash; norm2 NULL: parallel */
    struct pw_param *norm1, *qkv, *out, *norm2, *gate, *w13, *w2, *shared13, *shared2;
    struct pw_param *bias;              /* (c->experts), PW_CONST; NULL: balance by the loss */
    int64_t *met;                       /* (c->experts) pairs since the last step; NULL: no bias */
    struct pw_param *fade;              /* (c->experts), PW_CONST, added to the logits; NULL: nothing grew */
    double *load;                       /* (router.experts); NULL: dense. Experts that grew come behind */
    int64_t *tally;                     /* (router.experts + 1): pairs counted for a step, then all; NULL: none are */
    const int32_t *routed;              /* (c->experts): the trunk's */
    char drop_attention[32], drop_ffn[32];
};

/* What one pass leaves: for backward in training, reused from block to block at inference. */
struct pw_block_keep {
    const struct pw_runs *runs;         /* of the batch */
    const real *in;                     /* (T, d) */
    real *n1, *rstd1;                   /* (T, d), (T) */
    real *qkv, *att;                    /* (T, (heads + 2 kv_heads) hd), (T, heads hd) */
    struct pw_attention_keep *attention;
    real *mid, *n2, *rstd2;             /* (T, d), (T, d), (T): after attention; n2 is n1 in parallel blocks */
    real *next;                         /* (T, d) */
    struct pw_routes *routes;           /* NULL: dense */
    struct pw_experts_keep *experts;
    struct pw_ffn_keep *ffn, *shared, **adapter;       /* adapter: [runs] */
    bool back;                          /* the pass is for backward */
};

/* Buffers for `rows` rows. back: all apart; else mid and next are `in` itself, which is overwritten. */
pwy_status pw_block_buffers(const struct pw_block *b, const struct pw_exec *x, int rows, bool back,
                            struct pw_block_keep *k);
int pw_block_qkv_width(const struct pw_block *b);
/* k->in -> qkv */
pwy_status pw_block_open(const struct pw_block *b, struct pw_exec *x, int rows, struct pw_block_keep *k);
/* k->att -> next */
pwy_status pw_block_close(const struct pw_block *b, struct pw_exec *x, int rows, struct pw_block_keep *k);
/* dx (T, d): the gradient of next becomes that of in. */
pwy_status pw_block_back(const struct pw_block *b, struct pw_exec *x, const struct pw_ragged *r,
                         struct pw_block_keep *k,
                         real *dx);

void pw_block_count(const struct pw_block *b, const struct pw_routes *r);      /* trunk.c */

/* ways.c: what goes run by run. second: norm2. Outputs are added to, but for the norms'. */
pwy_status pw_way_norm(const struct pw_block *b, struct pw_exec *x, const struct pw_runs *runs, bool second,
                       const real *in, real *out, real *rstd);
pwy_status pw_way_norm_back(const struct pw_block *b, struct pw_exec *x, const struct pw_runs *runs, bool second,
                            const real *in, const real *rstd, const real *dout, real *din);
pwy_status pw_way_route(const struct pw_block *b, struct pw_exec *x, struct pw_block_keep *k);     /* n2 -> routes */
pwy_status pw_way_route_back(const struct pw_block *b, struct pw_exec *x, struct pw_block_keep *k, const real *dgate,
                             real *dn);
pwy_status pw_way_adapt(const struct pw_block *b, struct pw_exec *x, struct pw_block_keep *k, real *out);
pwy_status pw_way_adapt_back(const struct pw_block *b, struct pw_exec *x, struct pw_block_keep *k, const real *dout,
                             real *dn);
#endif

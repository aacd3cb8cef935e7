/* What the files of one routing share. */
#ifndef PW_ROUTE_POLICY_H
#define PW_ROUTE_POLICY_H
#include "route/router.h"

enum { PW_ROUTE_PIECE = 128 };          /* rows of one item of the pool */

/* Some rows of one segment: what one item of the pool works on. Cut by the segments' shapes alone. */
struct pw_piece { int span, first, rows; size_t sum; };

/* One call of pw_route. */
struct pw_routing {
    struct pw_exec *x;
    const struct pw_router_config *c;
    struct pw_routes *r;
    const real *logits;
    bool replay;                        /* pairs and places are there */
    int n_pieces;
    struct pw_piece *piece;
    double *prob_sum, *z_sum;           /* training: (n) a piece, from its `sum`; (pieces) */
    int64_t *bad;                       /* (pieces): the first row with a logit that is not finite, or -1 */
};

/* One call of pw_route_back. */
struct pw_route_grad {
    struct pw_exec *x;
    const struct pw_router_config *c;
    const struct pw_routes *r;
    const real *dgate;                  /* (pairs) */
    const real *const *pull;            /* [spans] (n): scale a n / T f */
    real zscale, *dlogits;
    int n_pieces;
    const struct pw_piece *piece;
};

/* How one policy decides: fills in pairs, choices, gates and what its way back needs, and counts the dropped among
   them as slot -1. `logits`: rows of logits of a segment of so many rows. back: NULL: nothing flows back. */
struct pw_policy {
    const char *word;
    bool whole;                         /* a piece is a whole segment */
    int (*logits)(int rows);
    pwy_status (*decide)(struct pw_routing *j);
    pwy_status (*back)(const struct pw_route_grad *g);
};
const struct pw_policy *pw_policy_of(enum pw_router_policy policy);
extern const struct pw_policy pw_policy_topk, pw_policy_expert_choice, pw_policy_hash, pw_policy_whole_task,
                              pw_policy_caller;

static inline size_t pw_logits_of(const struct pw_span *s, int t)
{
    return s->at + (size_t)(t - s->first) * (size_t)s->n;
}

static inline double pw_gate_scale(const struct pw_router_config *c)
{
    return c->gate_scale == 0 ? 1 : c->gate_scale;
}

/* segments.c: checks, places, pieces. */
pwy_status pw_segments_check(const struct pw_router_config *c, int n_segments, const struct pw_segment *segment);
pwy_status pw_spans_make(const struct pw_exec *x, const struct pw_router_config *c, int n_segments,
                         const struct pw_segment *segment, struct pw_routes *r);
pwy_status pw_pieces_make(struct pw_exec *x, const struct pw_router_config *c, const struct pw_routes *r, int *n_pieces,
                          struct pw_piece **out);
/* Memory for n pairs; even: each row its topk, in order. */
pwy_status pw_pairs_make(const struct pw_exec *x, struct pw_routes *r, int64_t n, bool even);

/* affinity.c: logits into prob: jittered, and through softmax or sigmoid. */
/* Marks the piece as bad and returns false where one of its first `rows` rows of logits is not finite. */
bool pw_affinity_check(const struct pw_routing *j, int item, int rows);
void pw_affinity_take(const struct pw_routing *j, const struct pw_span *s, int t, real *p);
/* The affinities in place of the logits p (n). Training: *z and *top are a logit and its affinity, for lse. best: the
   place of the greatest, -1: find it. */
void pw_affinity_make(const struct pw_routing *j, const struct pw_span *s, int best, real *p, real *z, real *top);
/* Training: lse and the sums of a piece's first `rows` rows of logits, each of which stands for `weight` tokens. */
void pw_affinity_sums(const struct pw_routing *j, int item, int rows, double weight, const real *z, const real *top);

/* gates.c: a row's gates, from the affinities at its places; then places as swapped and ascending, and ids. */
void pw_gates_make(const struct pw_routing *j, const struct pw_span *s, int t, const real *p);
void pw_gates_settle(const struct pw_routing *j, const struct pw_span *s, int t);
/* dlogits of one row = through its pairs' gates (dgate NULL: none), and of both losses, as of `weight` tokens. */
void pw_gates_back(const struct pw_route_grad *g, const struct pw_span *s, int t, const real *dgate, real weight);

/* choose.c: one row, all of it: affinities, the top k, gates. And the way back of what has a row of logits each. */
void pw_choose_row(const struct pw_routing *j, const struct pw_span *s, int t, real *z, real *top);
pwy_status pw_choose_back(const struct pw_route_grad *g);

/* sort.c: counts, the experts that are present and the sorted order, from pairs and their experts. Before it: pairs
   past the capacity, in the order of rows, lose their slot. */
pwy_status pw_routes_limit(struct pw_exec *x, const struct pw_router_config *c, struct pw_routes *r);
pwy_status pw_routes_sort(struct pw_exec *x, struct pw_routes *r);

/* balance.c: moves `load` and sets the two losses; one segment's part of the balance loss's gradient, pull (n). */
void pw_route_losses(const struct pw_routing *j, double *load);
void pw_route_pull(const struct pw_router_config *c, const struct pw_routes *r, const struct pw_span *s,
                   const double *load, real scale, real *pull);
#endif

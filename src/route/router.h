/* The router: which of its candidate experts each row meets, and with what gate; the losses that keep them balanced; and
   the order in which the experts' products run. Formulas: docs/architecture.md. */
#ifndef PW_ROUTE_ROUTER_H
#define PW_ROUTE_ROUTER_H
#include "kern/exec.h"

struct pw_router_config {
    int experts, topk;
    bool renormalise;                   /* gates p / sum_S p; false: p. Of one choice always p: 1 would teach nothing */
    double balance, zloss;              /* weights of the two losses; 0: off */
    double load_memory;                 /* f as a running mean over steps with this memory (.98), 0: the batch's own */
    double jitter;                      /* training: logits times U(1 - j, 1 + j); 0: off */
    uint64_t key;                       /* which router of the model this is: its own jitter and permutation */
};
/* topk within 1 .. experts, weights and memory in their ranges: else PWY_E_ARGUMENT that names what is wrong. */
pwy_status pw_router_check(const struct pw_router_config *c);

/* Rows that choose among the same experts: a task's. A batch is its segments end to end, their rows and, without a gap,
   their logits: (rows, n) of the first, then (rows, n) of the second. What a segment costs, in time and memory, goes by
   its n and not by the number of experts. Neighbours with one list are better one segment. */
struct pw_segment {
    int rows;
    int n;                              /* candidates: at least topk */
    const int32_t *expert;              /* (n) their ids, ascending, alive as long as the routes; NULL: all, n = E */
};

/* A segment of a routing, and where it stands. */
struct pw_span {
    int rows, n;
    const int32_t *expert;
    int first;                          /* its first row */
    size_t at;                          /* its first logit */
    const int32_t *swap;                /* (n): the candidate that takes another's place; NULL: none */
};

/* What one routing decided, all in the arena. A pair is one row's meeting with one expert; a row's pairs stand side by
   side, experts ascending. The sorted order has the pairs' rows expert by expert, tokens ascending within one. */
struct pw_routes {
    int n_tokens, experts, topk;
    int n_spans;
    struct pw_span *span;
    int n_pairs;
    int32_t *pair;                      /* (T + 1): row t's pairs are pair[t] .. pair[t + 1] - 1 */
    int32_t *expert;                    /* (pairs): ids */
    int32_t *place;                     /* (pairs): where the expert stands among its segment's candidates */
    real *gate;                         /* (pairs) */
    int32_t *slot;                      /* (pairs): the sorted row; -1: dropped */
    int n_rows;                         /* sorted rows: the pairs that were not dropped */
    int32_t *token;                     /* (rows): the token of each */
    int n_present;                      /* experts that have rows */
    int32_t *present;                   /* (n_present) their ids, ascending */
    int32_t *start;                     /* (n_present + 1): the sorted rows of present[i] are start[i] .. start[i + 1] - 1 */
    int32_t *count;                     /* (E): rows of an expert; of no segment's candidates: rubbish */
    real *prob;                         /* as the logits: softmax over the candidates */
    real *lse;                          /* (T) log sum exp of the logits; NULL at inference */
    real *noise;                        /* as the logits: the jitter's factors; NULL: none */
    double balance_loss, z_loss;        /* weighted, mean as in docs; for the report */
};

/* The rows of `expert` in the sorted order, by bisection: how many, and the first. */
int pw_routes_rows(const struct pw_routes *r, int expert, int *first);

/* How many logits a batch of segments has: the sum of rows n. */
int64_t pw_segments_size(int n_segments, const struct pw_segment *segment);
/* Routes. A logit that is NaN or Inf: PWY_E_DATA; a segment without candidates, with fewer than topk, or with a list
   that does not ascend within 0 .. E - 1: PWY_E_ARGUMENT. load (E): the running share, read and moved in training when
   load_memory > 0, may be NULL. */
pwy_status pw_route(struct pw_exec *x, const struct pw_router_config *c, int n_segments,
                    const struct pw_segment *segment, const real *logits, double *load, struct pw_routes **out);
/* dlogits, laid out as the logits = gradient through the gates (dgate (pairs)) plus the two losses' times loss_scale.
   Overwrites. */
pwy_status pw_route_back(struct pw_exec *x, const struct pw_router_config *c, const struct pw_routes *r,
                         const double *load, const real *dgate, real loss_scale, real *dlogits);
#endif

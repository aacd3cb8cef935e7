/* The router: which of its candidate experts each row meets, and with what gate; the losses that keep them balanced;
   and the order in which the experts' products run. Formulas: docs/architecture.md. */
#ifndef PW_ROUTE_ROUTER_H
#define PW_ROUTE_ROUTER_H
#include "kern/exec.h"

enum pw_router_policy {
    PW_TOPK,                            /* each row the k experts it has the greatest affinity to */
    PW_EXPERT_CHOICE,                   /* each expert its rows, of one sequence; later rows have a say */
    PW_HASH,                            /* k experts drawn by a key of the row; no logits, nothing to learn */
    PW_WHOLE_TASK,                      /* all rows of a segment the k experts of the segment's one row of logits */
    PW_CALLER                           /* a function's */
};

/* Routes n rows of router `layer` by their logits (n, candidates): writes the chosen (n, topk), each a place among the
   candidates, or -1 for none, and the gates (n, topk). On the calling thread. */
typedef pwy_status (*pw_route_fn)(int64_t layer, int64_t n, int64_t candidates, int64_t topk, const real *logits,
                                  int32_t *chosen, real *gates, void *user);
/* The gates' part of the gradient: writes dlogits (n, candidates) by dgates (n, topk), 0 where nothing was chosen. */
typedef pwy_status (*pw_route_grad_fn)(int64_t layer, int64_t n, int64_t candidates, int64_t topk, const real *logits,
                                       const int32_t *chosen, const real *gates, const real *dgates, real *dlogits,
                                       void *user);

/* Zeros are the plain choice: token choice by softmax, dropless, balanced by the loss. */
struct pw_router_config {
    int experts, topk;
    enum pw_router_policy policy;
    bool sigmoid;                       /* affinities sigmoid(z); false: softmax(z) over the candidates */
    bool renormalise;                   /* gates p / sum_S p; false: p. Of one choice always p: 1 would teach nothing */
    double gate_scale;                  /* gates times this; 0: 1 */
    double capacity;                    /* training: rows an expert takes, over the even share; 0: all. Expert choice:
                                           the factor C = ceil(capacity k T / n), always */
    double balance, zloss;              /* weights of the two losses; 0: off */
    bool by_bias;                       /* balanced by the segments' biases instead of the loss */
    bool hold;                          /* the running share is read, not moved */
    double load_memory;                 /* f as a running mean over steps with this memory (.98), 0: the batch's own */
    double jitter;                      /* training: logits times U(1 - j, 1 + j); 0: off */
    uint64_t key;                       /* which router of the model this is: its own jitter and permutation */
    pw_route_fn choose;                 /* PW_CALLER */
    pw_route_grad_fn grad;              /* its gates' gradient; NULL: they are constants */
    void *user;
};
/* topk within 1 .. experts, weights and memory in their ranges, what goes together: else PWY_E_ARGUMENT that names what
   is wrong. */
pwy_status pw_router_check(const struct pw_router_config *c);
extern const char *const pw_router_all_words[];     /* by their numbers, ended by NULL */
/* "topk", "expert_choice", "hash", "task", "caller"; NULL: none of them. */
const char *pw_router_word(enum pw_router_policy policy);
pwy_status pw_router_policy(const char *word, enum pw_router_policy *out);
/* A recipe's words into c: `router` (topk), `gate` (softmax, sigmoid), `balance_by` (loss, bias); NULL: the first. */
pwy_status pw_router_words(const char *router, const char *gate, const char *balance_by, struct pw_router_config *c);

/* Rows that choose among the same experts: a task's. A batch is its segments end to end, their rows and, without a gap,
   their logits: (rows, n) of the first, then (rows, n) of the second. What a segment costs, in time and memory, goes by
   its n and not by the number of experts. Neighbours with one list are better one segment. */
struct pw_segment {
    int rows;
    int n;                              /* candidates: at least topk */
    const int32_t *expert;              /* (n) their ids, ascending, alive as long as the routes; NULL: all, n = E */
    const real *bias;                   /* (n): added to the affinities for the choice alone; NULL: none */
    int64_t *met;                       /* (n): training adds the pairs of each; NULL: not asked */
    const uint64_t *key;                /* (rows): what PW_HASH goes by */
};

/* A segment of a routing, and where it stands. */
struct pw_span {
    int rows, n;
    const int32_t *expert;
    int first;                          /* its first row */
    size_t at;                          /* its first logit */
    const real *bias;
    int64_t *met;
    const uint64_t *key;
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
    int32_t *expert;                    /* (pairs): ids; -1: dropped */
    int32_t *place;                     /* (pairs): where the expert stands among its segment's candidates */
    real *gate;                         /* (pairs) */
    int32_t *slot;                      /* (pairs): the sorted row; -1: dropped */
    int n_rows;                         /* sorted rows: the pairs that were not dropped */
    int32_t *token;                     /* (rows): the token of each */
    int n_present;                      /* experts that have rows */
    int32_t *present;                   /* (n_present) their ids, ascending */
    int32_t *start;                     /* (n_present + 1): present[i] has the rows start[i] .. start[i + 1] - 1 */
    int32_t *count;                     /* (E): rows of an expert; of no segment's candidates: rubbish */
    int32_t *chosen;                    /* (E): its pairs, dropped or not; of no segment's candidates: rubbish */
    int64_t dropped;                    /* pairs without a row: past the capacity, or the caller's -1 */
    real *prob;                         /* as the logits: affinities */
    real *lse;                          /* (T) log sum exp of the logits; sigmoid: sum of affinities. Training alone */
    const real *logits;                 /* a copy for PW_CALLER's gradient; else NULL */
    real *noise;                        /* as the logits: the jitter's factors; NULL: none */
    double balance_loss, z_loss;        /* weighted, mean as in docs; for the report */
};

/* The rows of `expert` in the sorted order, by bisection: how many, and the first. */
int pw_routes_rows(const struct pw_routes *r, int expert, int *first);

/* How many logits a batch of segments has: the sum of rows n; of PW_WHOLE_TASK the sum of n; of PW_HASH 0. */
int64_t pw_route_size(const struct pw_router_config *c, int n_segments, const struct pw_segment *segment);
int64_t pw_segments_size(int n_segments, const struct pw_segment *segment);     /* the sum of rows n */
/* Routes. A logit that is NaN or Inf: PWY_E_DATA; a segment without candidates, with fewer than topk, or with a list
   that does not ascend within 0 .. E - 1: PWY_E_ARGUMENT. load (E): the running share, read and moved in training when
   load_memory > 0, may be NULL. */
pwy_status pw_route(struct pw_exec *x, const struct pw_router_config *c, int n_segments,
                    const struct pw_segment *segment, const real *logits, double *load, struct pw_routes **out);
/* dlogits, laid out as the logits = gradient through the gates (dgate (pairs)) plus the two losses' times loss_scale.
   Overwrites. */
pwy_status pw_route_back(struct pw_exec *x, const struct pw_router_config *c, const struct pw_routes *r,
                         const double *load, const real *dgate, real loss_scale, real *dlogits);

/* balance.c: balance without a loss (DeepSeek-V3), once per optimizer step: experts met less than the mean go up by
   `rate`, those met more go down, the mean bias back to 0; met becomes 0. Nothing met: nothing moves. */
void pw_bias_step(int n, double rate, int64_t *met, real *bias);
/* max_e count_e n / (sum of counts) - 1; 0 where nothing was counted. */
double pw_max_violation(int n, const int64_t *count);
/* -sum of f ln f, f = count / sum of counts; 0 where nothing was counted. */
double pw_load_entropy(int n, const int64_t *count);
#endif

/* A task's own way through the trunk: the experts that it may meet in each layer, and what it has of its own there. A
   batch of several tasks is cut into runs of neighbouring rows that go one way. */
#ifndef PW_ROUTE_PATHWAY_H
#define PW_ROUTE_PATHWAY_H
#include "route/route.h"

/* NULL: the trunk's own. */
struct pw_way_layer {
    struct pw_param *norm1, *norm2;     /* (d) */
    struct pw_param *router;            /* (d, n); NULL also where candidates are met by hash */
    struct pw_param *bias; int64_t *met;    /* (n); NULL: balance by the loss */
    int32_t *expert; int n;             /* (n) ids, ascending; n >= topk */
    struct pw_param *up, *down;         /* the adapter, an expert for all rows: (d, 2 r), (r, d); NULL: none */
};

struct pw_pathway {
    struct pw_way_layer *layer;         /* [layers] */
    int layers;
    int adapter;                        /* r; 0: none */
    struct pw_param *norm;              /* (d): the last norm; NULL: the trunk's */
};

/* What a pathway is to have, before its parameters are there. */
struct pw_way_plan {
    const int32_t *const *expert;       /* [layers]: candidates, ascending; NULL: the trunk's router and all experts */
    const int *n;                       /* [layers] */
    int adapter;                        /* hidden width; 0: none. It starts as a no-op: down is 0 */
    bool norms;                         /* its own, which start as ones */
};
/* Declares "PREFIX/trunk.L.router|norm1|norm2|adapter.up|adapter.down" and "PREFIX/trunk.norm" in the set. Candidates
   that do not ascend within 0 .. E - 1 or are fewer than topk: PWY_E_ARGUMENT. */
pwy_status pw_pathway_new(const struct pw_trunk *t, struct pw_params *set, const struct pw_way_plan *plan,
                          const char *prefix, struct pw_pathway **out);
void pw_pathway_free(struct pw_pathway *way);                       /* NULL allowed; parameters are the set's */

/* Neighbouring rows of one way; of expert choice and of whole-task routing, of one sequence. */
struct pw_run {
    int first, rows; const struct pw_pathway *way;                  /* way NULL: the trunk's own */
    /* whole-task: (d) the sequence's first row as it came in, its gradient or NULL */
    const real *head; real *dhead;
};
struct pw_runs { int n; struct pw_run *list; const uint64_t *key; };    /* in the arena; key (T): by hash alone */
/* in (T, d): the trunk's. A causal sequence with expert choice: PWY_E_ARGUMENT. */
pwy_status pw_runs_make(struct pw_exec *x, const struct pw_trunk_config *c, const struct pw_ragged *r, const real *in,
                        struct pw_runs *out);
/* head, key: as above, or NULL. */
pwy_status pw_runs_one(struct pw_exec *x, int rows, const struct pw_pathway *way, const real *head, const uint64_t *key,
                       struct pw_runs *out);
static inline const struct pw_way_layer *pw_run_layer(const struct pw_run *run, int layer)
{
    return run->way == NULL ? NULL : &run->way->layer[layer];
}
#endif

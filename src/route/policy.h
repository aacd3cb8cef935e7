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
};

/* choose.c: token choice. A piece forward, one row back. */
void pw_choose_piece(const struct pw_routing *j, int item);
void pw_choose_back(const struct pw_route_grad *g, const struct pw_span *s, int t);

/* sort.c: counts, the experts that are present and the sorted order, from pairs and their experts. */
pwy_status pw_routes_sort(struct pw_exec *x, struct pw_routes *r);

/* balance.c: moves `load` and sets the two losses; one segment's part of the balance loss's gradient, pull (n). */
void pw_route_losses(const struct pw_routing *j, double *load);
void pw_route_pull(const struct pw_router_config *c, const struct pw_routes *r, const struct pw_span *s,
                   const double *load, real scale, real *pull);
#endif

/* What stands between the products of a block: whole-matrix passes, cut into pieces by size alone and run on the
   pool. */
#ifndef PW_ROUTE_ROWS_H
#define PW_ROUTE_ROWS_H
#include "nn/nn.h"

void pw_zero_rows(const struct pw_exec *x, int64_t n, real *out);
void pw_copy_rows(const struct pw_exec *x, int64_t n, const real *in, real *out);      /* nothing where they are one */
void pw_add_rows(const struct pw_exec *x, int64_t n, const real *in, real *out);       /* out += in */
real *pw_take_rows(const struct pw_exec *x, int64_t rows, int64_t width);              /* from the arena, not zeroed */

/* act (rows, f) = silu(a) b, with h (rows, 2 f) holding a beside b. */
void pw_swiglu_rows(const struct pw_exec *x, int rows, int f, const real *h, real *act);
/* h becomes its gradient, by dact (rows, f). */
void pw_swiglu_rows_back(const struct pw_exec *x, int rows, int f, real *h, const real *dact);

/* The way back through y (rows, n) = x (rows, k) W (k, n), its two products as one list: din (+)= dout W^T, W's
   gradient += in^T dout. pw_linear_bf16_back is that of pw_linear_bf16: in bf16 where x asks for it. */
pwy_status pw_linear_back(struct pw_exec *x, int rows, int k, int n, const real *in, struct pw_param *w,
                               const real *dout, real *din, bool add);
pwy_status pw_linear_bf16_back(struct pw_exec *x, int rows, int k, int n, const real *in, struct pw_param *w,
                           const real *dout, real *din, bool add);

struct pw_routes;
/* experts_packed.c: the experts' own part of pw_experts with packed weights: in (T, d) to rows->out. */
struct pw_packed_rows { real *in, *h, *act, *out; };            /* sorted: (N, d), (N, 2 f), (N, f), (N, d) */
pwy_status pw_experts_packed(struct pw_exec *x, const struct pw_routes *r, int d, int f, const real *in,
                             const struct pw_param *w13, const struct pw_param *w2, const struct pw_packed_rows *rows);
#endif

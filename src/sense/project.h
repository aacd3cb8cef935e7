/* The last step of most stems: rows of features to rows of width d by a linear layer and RMSNorm. */
#ifndef PW_PROJECT_H
#define PW_PROJECT_H
#include "nn/nn.h"

struct pw_project { struct pw_param *w, *b, *norm; int k, d; };     /* (k, d), (d), (d) */
struct pw_project_keep { real *dense, *rstd; };                     /* (rows, d), (rows) */

/* Declares PREFIXNAME.w, PREFIXNAME.b and PREFIXNAME.norm. */
pwy_status pw_project_declare(struct pw_params *set, const char *prefix, const char *name, int k, int d,
                              struct pw_project *out);
/* in (rows, k) to out (rows, d); keep is filled from x->arena. */
pwy_status pw_project_rows(struct pw_exec *x, const struct pw_project *p, int rows, const real *in, real *out,
                           struct pw_project_keep *keep);
/* din (rows, k) is added to; NULL: the input needs no gradient. */
pwy_status pw_project_back(struct pw_exec *x, struct pw_project *p, int rows, const real *in,
                           const struct pw_project_keep *keep, const real *dout, real *din);
/* table (n, d): adds row at[i] of it to row i of `rows`; the way back adds to its gradient in the order of i. */
void pw_position_add(struct pw_exec *x, const struct pw_param *table, int rows, const int32_t *at, real *inout);
void pw_position_back(struct pw_exec *x, struct pw_param *table, int rows, const int32_t *at, const real *dout);
#endif

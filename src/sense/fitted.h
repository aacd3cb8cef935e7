/* What senses share when they look through the training rows: numbers kept in a map, means and spreads of features. */
#ifndef PW_FITTED_H
#define PW_FITTED_H
#include "sense/sense.h"

/* The training row that is number j of `take` spread evenly over all; take <= n_train. */
int64_t pw_fit_row(const struct pw_fit *fit, int64_t take, int64_t j);
/* That row's value, NULL when it is missing, bad or of another type. */
pwy_status pw_fit_value(const struct pw_fit *fit, int64_t take, int64_t j, enum pw_value_type type,
                        const struct pw_value **out);

pwy_status pw_fitted_put(struct pw_node *map, const char *key, double value);
/* A number between min and max; else PWY_E_FORMAT that names `what` and the key. */
pwy_status pw_fitted_get(const struct pw_node *map, const char *what, const char *key, double min, double max,
                         double *out);

/* Running sums of n features. */
struct pw_moments { double *sum, *square; int64_t n, rows; };
pwy_status pw_moments_open(struct pw_moments *m, int64_t n);
void pw_moments_add(struct pw_moments *m, const real *feature);
/* Writes mean and 1/spread into constants (2, n); a feature that never changes has 1/spread 0. */
void pw_moments_write(const struct pw_moments *m, real *constants);
void pw_moments_close(struct pw_moments *m);
/* feature (n) in place by constants (2, n), cut off at +-limit. */
void pw_standardise(const real *constants, int64_t n, real limit, real *feature);

/* Makes all n features the sparse wide features of one value, times `scale`. */
pwy_status pw_wide_all(struct pw_arena *arena, int64_t n, const real *feature, real scale, struct pw_encoded *out);
/* Ascending doubles, in place. */
void pw_sort(double *x, int64_t n);
#endif

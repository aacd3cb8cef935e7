/* Features to rows of width d: linear, RMSNorm, and tables of positions that are added behind it. */
#include "sense/project.h"
#include <string.h>

pwy_status pw_project_declare(struct pw_params *set, const char *prefix, const char *name, int k, int d,
                              struct pw_project *out)
{
    *out = (struct pw_project){.k = k, .d = d};
    PW_TRY(pw_param_declare(set, PW_MATRIX, PW_UNIFORM, 1 / sqrt((double)k), 2, PW_SHAPE(k, d), &out->w, "%s%s.w",
                            prefix, name));
    PW_TRY(pw_param_declare(set, PW_VECTOR, PW_ZEROS, 0, 1, PW_SHAPE(d), &out->b, "%s%s.b", prefix, name));
    return pw_param_declare(set, PW_VECTOR, PW_ONES, 0, 1, PW_SHAPE(d), &out->norm, "%s%s.norm", prefix, name);
}

pwy_status pw_project_rows(struct pw_exec *x, const struct pw_project *p, int rows, const real *in, real *out,
                           struct pw_project_keep *keep)
{
    PW_NEED(keep->dense = pw_arena_take(x->arena, (size_t)rows * (size_t)p->d + 1, sizeof(real)));
    PW_NEED(keep->rstd = pw_arena_take(x->arena, (size_t)rows + 1, sizeof(real)));
    PW_TRY(pw_dense(x, rows, in, p->w, p->b, keep->dense));
    return pw_rmsnorm(x, rows, p->d, keep->dense, p->norm, out, keep->rstd);
}

pwy_status pw_project_back(struct pw_exec *x, struct pw_project *p, int rows, const real *in,
                           const struct pw_project_keep *keep, const real *dout, real *din)
{
    real *ddense;
    PW_NEED(ddense = pw_arena_zero(x->arena, (size_t)rows * (size_t)p->d + 1, sizeof(real)));
    PW_TRY(pw_rmsnorm_back(x, rows, p->d, keep->dense, keep->rstd, p->norm, dout, ddense));
    return pw_dense_back(x, rows, in, p->w, p->b, ddense, din);
}

void pw_position_add(struct pw_exec *x, const struct pw_param *table, int rows, const int32_t *at, real *inout)
{
    size_t d = (size_t)table->shape[1];
    for (int i = 0; i < rows; i++)
        x->kern->add((int)d, table->w + (size_t)at[i] * d, inout + (size_t)i * d);
}

void pw_position_back(struct pw_exec *x, struct pw_param *table, int rows, const int32_t *at, const real *dout)
{
    size_t d = (size_t)table->shape[1];
    if (!pw_trains(table))
        return;
    for (int i = 0; i < rows; i++)
        x->kern->add((int)d, dout + (size_t)i * d, table->g + (size_t)at[i] * d);
}

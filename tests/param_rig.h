/* Numbers of a parameter by their place in the whole tensor, wherever they lie. */
#ifndef PARAM_RIG_H
#define PARAM_RIG_H
#include "nn/param.h"

static inline real *weight_at(const struct pw_param *p, int64_t i)
{
    int64_t size = pw_param_group_size(p);
    return p->slice != NULL ? p->slice[i / size].w + i % size : p->w + i;
}

/* NULL: no row of this step's batch reached it. */
static inline real *grad_at(const struct pw_param *p, int64_t i)
{
    int64_t size = pw_param_group_size(p), e = i / size;
    if (p->slice != NULL) return p->slice[e].touched ? p->slice[e].g + i % size : NULL;
    return p->g == NULL || (p->touched != NULL && !p->touched[e]) ? NULL : p->g + i;
}
#endif

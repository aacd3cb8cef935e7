/* How much tasks use each expert of each layer while they train: the sum of their rows' gates, which fades, so that it
   is mostly of the last steps. */
#ifndef PW_ROUTE_USAGE_H
#define PW_ROUTE_USAGE_H
#include "nn/nn.h"
#include "route/router.h"

struct pw_usage { int tasks, layers, experts; double **gates; };     /* [tasks] (layers, experts); NULL: not counted */

pwy_status pw_usage_new(int tasks, int layers, int experts, struct pw_usage **out);
void pw_usage_free(struct pw_usage *u);                             /* NULL allowed */
pwy_status pw_usage_count(struct pw_usage *u, int task);            /* it is counted from now on */
void pw_usage_fade(struct pw_usage *u, double keep);                /* all sums times keep */
/* One layer's routing of a batch; task: of each sequence. Experts past those that the trunk's router knows are not
   counted. */
void pw_usage_add(struct pw_usage *u, int layer, const struct pw_routes *r, const struct pw_ragged *ragged);
static inline double *pw_usage_of(const struct pw_usage *u, int task, int layer)      /* (experts) */
{
    return u->gates[task] + (size_t)layer * (size_t)u->experts;
}
#endif

#ifndef PW_NUMBERS_H
#define PW_NUMBERS_H
#include "model/model.h"

/* How many numbers a task that is added brings to a model, as inspect's `parameters` counts them. */

/* Tasks from `task` on are added, parameters from `param` on came with them. */
struct pw_came { const pwy_model *m; int task, param; };

/* With a task, but for its way and clones: what has its name, and what its senses share that was not there. Of several
   tasks that need the same, the first brings it. */
int64_t pw_came_with(const struct pw_came *c, int task);
int64_t pw_came_shared(const struct pw_came *c, int task);             /* the latter alone */

/* A way: norms, routers over so many candidates in all layers together (0: the trunk's), an adapter so wide. */
int64_t pw_way_numbers(const pwy_model *m, int64_t candidates, int64_t adapter);
#endif

#ifndef PW_ADD_H
#define PW_ADD_H
#include "train/train.h"

struct pw_add_options {                 /* a train option `add:` */
    int64_t parameters;                 /* that a new task brings, at most; 0: a tenth of what a model of its own would
                                           have, and what its senses share that is new */
    int64_t operations;                 /* floating-point, of an answer to its greatest example, at most; 0: no bound */
    int64_t adapter, clones;            /* hidden width at most; experts cloned at most */
    char *reuse;                        /* "best" (measured; NULL too), "random", or a task's name */
    int64_t seed;
};

/* An overlay of m with the tasks behind its own, which are all locked. Each gets a way of its own: it reuses the most
   useful old one, and clones and grows within its budget; it starts as the old way. m and tasks stay as they are. A
   name that is taken: PWY_E_EXISTS; a budget that the least it needs does not fit in: PWY_E_LIMIT; operations of a task
   that writes: PWY_E_UNSUPPORTED. */
pwy_status pw_add_tasks(const pwy_model *m, const pwy_registry *tasks, const struct pw_node *options, pwy_model **out);
#endif

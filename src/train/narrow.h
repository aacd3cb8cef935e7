#ifndef PW_NARROW_H
#define PW_NARROW_H
#include "file/file.h"
#include "train/train.h"

/* Candidate sets that are learned: tasks that have no way of their own when the run begins go by the trunk's router,
   and what they use is counted. Then each has a router of its own, a copy of the trunk's columns, over the half that it
   used most, and learns with it; the sets halve again until, at the share o.narrow of the run, they have
   o.candidates. */

/* Which tasks, and whether the model can: `candidates` that it cannot have is PWY_E_ARGUMENT. Nothing where the option
   is not given. After the tasks that are drawn are known. */
pwy_status pw_narrow_open(struct pwy_trainer *t);
void pw_narrow_close(struct pwy_trainer *t);
/* Behind a step: narrows what is due. New parameters train from the next step on. */
pwy_status pw_narrow_step(struct pwy_trainer *t);
/* Of a checkpoint: what the state says beside the tensors "checkpoint.use/TASK", F64 (layers, experts). */
pwy_status pw_narrow_put(const struct pwy_trainer *t, struct pw_node *state);
pwy_status pw_narrow_restore(struct pwy_trainer *t, const struct pw_node *state, const struct pw_tensors *tensors,
                             const char *path);
#endif

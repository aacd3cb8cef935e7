#ifndef PW_NEAR_H
#define PW_NEAR_H
#include "model/model.h"

/* How far rows of a task stray from what each task of the model was trained on, by the signatures (model/which.h): mean
   over a few training rows into distance [the model's tasks]; INFINITY: it takes other parts, or cannot be told. Reads
   signatures alone, no weights: what it costs beside a pass is nothing, so that a thousand tasks can be looked at. */
pwy_status pw_near(const pwy_model *m, const struct pwy_task *t, double *distance);
#endif

/* Which experts a task uses, and how few of them are enough for it. */
#ifndef PW_USE_H
#define PW_USE_H
#include "model/infer.h"

/* [layers] (experts): the sum of the gates that each expert had. */
pwy_status pw_use_new(const pwy_model *m, double ***out);
void pw_use_free(const pwy_model *m, double **use);                 /* NULL allowed */
void pw_use_add(double **use, const struct pw_pass *pass);

/* Puts into the task what sealing goes by (task.h: `use`): the trunk's experts of each layer by how much they are used,
   `order`, and for some n how much of the score is lost, on validation rows, when only the first n of each layer are
   there, `curve`. Nothing where the task has a way already, writes, or has no validation rows. */
pwy_status pw_use_measure(struct pw_infer *f, struct pw_net *net);
#endif

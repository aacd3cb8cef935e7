/* Which experts a task uses, and how few of them are enough for it. */
#ifndef PW_USE_H
#define PW_USE_H
#include "model/infer.h"

/* [layers] (experts): the sum of the gates that each expert had. */
pwy_status pw_use_new(const pwy_model *m, double ***out);
void pw_use_free(const pwy_model *m, double **use);                 /* NULL allowed */
void pw_use_add(double **use, const struct pw_pass *pass);

/* Places among the candidates (n ids; NULL: the first n experts), those of the greatest gates (experts) first. *out (n)
   is the caller's. */
pwy_status pw_use_order(const double *gates, const int32_t *candidate, int n, int32_t **out);
/* Puts into the task what sealing goes by (task.h: `use`): its candidates of each layer by how much they are used,
   `order`, places among them; and for some n how much of the score is lost, on validation rows, when only the first n
   of each layer are there, `curve`. Nothing where it lists no candidates, or there are no validation rows: what
   leaving experts out costs on rows that it has learned by heart is not what it costs on others. */
pwy_status pw_use_measure(struct pw_infer *f, struct pw_net *net);
#endif

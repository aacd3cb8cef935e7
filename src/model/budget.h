/* What a task that is added to a model may have of its own, in numbers. */
#ifndef PW_BUDGET_H
#define PW_BUDGET_H
#include "model/model.h"

/* Of one of its senses, about, 1 at least. budget: the task's; 0: a tenth of what a model of its own would have. */
int64_t pw_budget_part(const pwy_model *m, const struct pwy_task *t, int64_t budget);
/* Sets its parts' options so that the wide path fits in, the features that tell most; and gives a text that the model's
   tokenizer cuts into bytes one of its own. What the caller has set stays. */
pwy_status pw_budget_cut(const pwy_model *m, struct pwy_task *t, int64_t budget);
#endif

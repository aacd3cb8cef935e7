/* Which rows of a large sparse feature space tell most about the label: chi-squared over the labels (Yang and Pedersen
   1997), of how much of each row the examples of each label have. */
#ifndef PW_TELLING_H
#define PW_TELLING_H
#include "sense/fitted.h"

struct pw_telling {
    int rows, labels;
    float *seen;                        /* (rows, labels) sums of values */
    int64_t *examples, n;               /* (labels), in all */
};
/* How many labels a task's rows are told by: 1 where it does not classify. */
int pw_telling_labels(const struct pw_fit *fit);
pwy_status pw_telling_open(struct pw_telling *t, int rows, int labels);
/* What a value has of the rows, by pw_telling_add, under the label that it is given with. */
typedef pwy_status (*pw_telling_fn)(struct pw_telling *t, const struct pw_value *value, int label);
struct pw_telling_kind { enum pw_value_type type; int64_t least, most; pw_telling_fn add; };
/* Counts at most `most` examples, evenly spread over the training rows: values of the type with `least` bytes or more.
   Those without a label count under label 0. */
pwy_status pw_telling_count(struct pw_telling *t, const struct pw_fit *fit, const struct pw_telling_kind *kind);
void pw_telling_add(struct pw_telling *t, int row, int label, double value);
double pw_telling_sum(const struct pw_telling *t, int row);         /* over the labels */
/* As many rows as `chosen` has numbers, those that tell most, ascending; with one label those that are met most. */
pwy_status pw_telling_choose(const struct pw_telling *t, struct pw_param *chosen);
void pw_telling_close(struct pw_telling *t);

/* The place of `row` among chosen ones (ascending), looked for from *from on, which moves there; -1: it is not one. */
int32_t pw_telling_find(const struct pw_param *chosen, real row, int64_t *from);
#endif

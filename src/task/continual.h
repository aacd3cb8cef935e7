/* Scores of tasks learned one after the other: pathways/continual.h says what each function gives. */
#ifndef PW_CONTINUAL_H
#define PW_CONTINUAL_H
#include "base/mem.h"
#include "pathways/continual.h"

struct pw_score_row { double *score; int n; };          /* [n]; NaN: not set. Behind n nothing is set */
struct pwy_continual {
    struct pw_map *names;               /* the tasks, by index */
    struct pw_score_row *row;           /* [cap] after each task */
    double *baseline; bool *higher; int cap;            /* [cap] */
};
pwy_status pw_continual_make(struct pwy_continual **out);
void pw_continual_free(struct pwy_continual *c);                   /* NULL allowed */
pwy_status pw_continual_add(struct pwy_continual *c, const char *name, bool higher, int64_t *index);
pwy_status pw_continual_set(struct pwy_continual *c, int64_t after, int64_t task, double score);
double pw_continual_score(const struct pwy_continual *c, int64_t after, int64_t task);     /* NaN out of range */
double pw_continual_accuracy(const struct pwy_continual *c, int64_t k);
double pw_continual_backward(const struct pwy_continual *c, int64_t k);
double pw_continual_forward(const struct pwy_continual *c, int64_t k);
double pw_continual_forgetting(const struct pwy_continual *c, int64_t k);
/* continual_json.c */
pwy_status pw_continual_json(const struct pwy_continual *c, char **json);
pwy_status pw_continual_parse(const char *json, struct pwy_continual **out);
#endif

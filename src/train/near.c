/* Which tasks of a model a new one looks like, before anything is run. */
#include "train/near.h"
#include "model/which.h"
#include <math.h>
#include <stdlib.h>

enum { ROWS = 32 };

struct near { const pwy_model *m; pwy_example *ex; double *sum; int64_t *n; };

/* Parts of other tasks have other names: each may be any that takes its value. */
static void forget_names(pwy_example *ex)
{
    for (int i = 0; i < ex->n_parts; i++) ex->parts[i].name = "*";
}

static void add_ranking(struct near *k, const struct pwy_which *w)
{
    for (int i = 0; i < w->n; i++) {
        k->sum[w->row[i].index] += w->row[i].distance;
        k->n[w->row[i].index]++;
    }
}

/* Bad rows say nothing. */
static pwy_status look_at(struct near *k, pwy_source *s, int64_t row)
{
    struct pwy_which *w;
    pwy_status status = pw_source_read(s, (int64_t)pw_permute(5, (uint64_t)s->n, (uint64_t)row), k->ex);
    if (status == PWY_OK) {
        forget_names(k->ex);
        status = pw_which_ask(k->m, k->ex, &w);
    }
    if (status != PWY_OK) return status == PWY_E_DATA ? PWY_OK : status;
    add_ranking(k, w);
    pw_which_release(w);
    return PWY_OK;
}

static pwy_status look(struct near *k, pwy_source *train)
{
    for (int64_t i = 0; i < ROWS && i < train->n; i++) PW_TRY(look_at(k, train, i));
    return PWY_OK;
}

pwy_status pw_near(const pwy_model *m, const struct pwy_task *t, double *distance)
{
    struct near k = {.m = m, .sum = distance};
    int64_t tasks = m->registry->n;
    for (int64_t i = 0; i < tasks; i++) distance[i] = 0;
    PW_NEED(k.n = pw_calloc((size_t)tasks + 1, sizeof *k.n));
    k.ex = pw_example_make();
    pwy_status status = k.ex == NULL ? PWY_E_NOMEM : look(&k, t->source[PWY_TRAIN]);
    for (int64_t i = 0; i < tasks; i++) distance[i] = k.n[i] > 0 ? distance[i] / (double)k.n[i] : INFINITY;
    if (k.ex != NULL) pw_example_release(k.ex);
    free(k.n);
    return status;
}

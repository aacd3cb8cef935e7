/* Which old pathway a task that is added reuses: the one that, tried as it is, explains most of the new task's rows. */
#include "train/adding.h"
#include "train/near.h"
#include "train/probe.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Rows of a first and of a second probe; ways in the first and in the second. */
enum { QUICK = PW_REUSE_ROWS, CAREFUL = 900, PROBED = 32, FINALISTS = 3 };

static bool shares_sense(const struct pwy_task *a, const struct pwy_task *b)
{
    for (int i = 0; i < a->n_parts; i++)
        for (int j = 0; j < b->n_parts; j++)
            if (strcmp(a->parts[i].sense, b->parts[j].sense) == 0) return true;
    return false;
}

/* Trained tasks before the new one with a way of their own; those that share a sense, or all where none does. */
static pwy_status list_sources(const struct adding *a, bool any_sense, struct source *list, int *n)
{
    *n = 0;
    for (int64_t i = 0; i < a->net->task->index; i++) {
        struct pwy_task *t;
        PW_TRY(pw_registry_task(a->m->registry, i, &t));
        if (!t->trained || (!any_sense && !shares_sense(t, a->net->task))) continue;
        if (t->pathway == NULL && a->m->shape.experts > 0) continue;
        list[(*n)++] = (struct source){.task = i, .score = NAN};
    }
    return PWY_OK;
}

void pw_reuse_borrow(struct adding *a, const struct source *s)
{
    a->net->way = s->net->way;
    memcpy(a->net->token->w, s->net->token->w, (size_t)a->net->token->n * sizeof(real));
}

pwy_status pw_reuse_probe(struct adding *a, struct source *s, int rows, double **use)
{
    pw_reuse_borrow(a, s);
    pwy_status status = pw_probe(a->infer, a->net, rows, use, &s->score);
    a->net->way = NULL;
    return status;
}

static int best_first(const void *x, const void *y)
{
    const struct source *a = x, *b = y;
    return a->score != b->score ? (a->score < b->score ? 1 : -1) : a->task < b->task ? -1 : 1;
}

static pwy_status rank(struct adding *a, struct source *list, int n, int rows)
{
    for (int i = 0; i < n; i++) PW_TRY(pw_reuse_probe(a, &list[i], rows, NULL));
    qsort(list, (size_t)n, sizeof *list, best_first);
    return PWY_OK;
}

static pwy_status open_nets(struct adding *a, struct source *list, int n)
{
    for (int i = 0; i < n; i++) PW_TRY(pw_net_open(a->m, list[i].task, &list[i].net));
    return PWY_OK;
}

/* The tasks whose data look most like the new one's come first. A probe costs a pass of all its rows: of a thousand
   tasks it can be made with a few only. */
static pwy_status nearest_first(const struct adding *a, struct source *list, int n)
{
    double *distance;
    PW_NEED(distance = pw_calloc((size_t)a->m->registry->n + 1, sizeof *distance));
    pwy_status status = pw_near(a->m, a->net->task, distance);
    for (int i = 0; i < n; i++) list[i].score = -distance[list[i].task];
    if (status == PWY_OK) qsort(list, (size_t)n, sizeof *list, best_first);
    free(distance);
    return status;
}

/* The nearest are looked at quickly, the first of them carefully: of a text each id is a row, so a quick look is
   careful. */
static pwy_status measure(struct adding *a, struct source *list, int n)
{
    if (n > PROBED) {
        PW_TRY(nearest_first(a, list, n));
        n = PROBED;
    }
    PW_TRY(open_nets(a, list, n));
    if (n > FINALISTS || a->net->writes) PW_TRY(rank(a, list, n, QUICK));
    return a->net->writes ? PWY_OK : rank(a, list, n < FINALISTS ? n : FINALISTS, CAREFUL);
}

static pwy_status find_source(const struct adding *a, const struct source *list, int n, int *out)
{
    for (int i = 0; i < n; i++)
        if (strcmp(pw_registry_at(a->m->registry, list[i].task)->name, a->o->reuse) == 0) return *out = i, PWY_OK;
    return pw_fail(PWY_E_NOT_FOUND, "add: reuse: there is no task '%s' with a pathway that it could reuse",
                   a->o->reuse);
}

static bool asked(const struct adding *a, const char *how)
{
    return strcmp(a->o->reuse == NULL ? "best" : a->o->reuse, how) == 0;
}

static bool named(const struct adding *a)
{
    return !asked(a, "best") && !asked(a, "random");
}

/* The source that is taken comes first, its net open. */
static pwy_status by_choice(struct adding *a, struct source *list, int n)
{
    int at = 0;
    if (named(a)) PW_TRY(find_source(a, list, n, &at));
    if (n == 0) return PWY_OK;
    if (asked(a, "best")) return measure(a, list, n);
    if (asked(a, "random")) {
        struct pw_rng rng = pw_rng_at((uint64_t)a->o->seed, pw_hash("reuse", 5), (uint64_t)a->net->task->index);
        at = (int)pw_rng_below(&rng, (uint64_t)n);
    }
    struct source chosen = list[at];
    list[at] = list[0];
    list[0] = chosen;
    return open_nets(a, list, 1);
}

pwy_status pw_reuse_choose(struct adding *a, struct source *out)
{
    struct source *list;
    int n;
    *out = (struct source){.task = -1};
    PW_NEED(list = pw_calloc((size_t)a->net->task->index + 1, sizeof *list));
    pwy_status status = list_sources(a, named(a), list, &n);
    if (status == PWY_OK && n == 0) status = list_sources(a, true, list, &n);
    if (status == PWY_OK) status = by_choice(a, list, n);
    if (status == PWY_OK && n > 0) *out = list[0];
    free(list);
    return status;
}

/* The matrix of scores, and what is read off it. */
#include "task/continual.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "task/task.h"

pwy_status pw_continual_make(struct pwy_continual **out)
{
    struct pwy_continual *c;
    PW_NEED(c = pw_calloc(1, sizeof *c));
    if ((c->names = pw_map_new()) == NULL) {
        free(c);
        return PWY_E_NOMEM;
    }
    *out = c;
    return PWY_OK;
}

void pw_continual_free(struct pwy_continual *c)
{
    if (c == NULL) return;
    for (int64_t i = 0; i < pw_map_count(c->names); i++) free(c->row[i].score);
    pw_map_free(c->names);
    free(c->row);
    free(c->baseline);
    free(c->higher);
    free(c);
}

static pwy_status reserve(struct pwy_continual *c)
{
    if (pw_map_count(c->names) < c->cap) return PWY_OK;
    int cap = c->cap == 0 ? 16 : 2 * c->cap;
    struct pw_score_row *row = pw_realloc(c->row, (size_t)cap, sizeof *row);
    PW_NEED(row);
    c->row = row;
    double *baseline = pw_realloc(c->baseline, (size_t)cap, sizeof *baseline);
    PW_NEED(baseline);
    c->baseline = baseline;
    bool *higher = pw_realloc(c->higher, (size_t)cap, sizeof *higher);
    PW_NEED(higher);
    c->higher = higher;
    c->cap = cap;
    return PWY_OK;
}

pwy_status pw_continual_add(struct pwy_continual *c, const char *name, bool higher, int64_t *index)
{
    PW_TRY(pw_name_check("task", name));
    if (pw_map_find(c->names, name, strlen(name)) >= 0)
        return pw_fail(PWY_E_EXISTS, "task '%s' is in the matrix already", name);
    PW_TRY(reserve(c));
    int64_t at = pw_map_add(c->names, name, strlen(name));
    if (at < 0) return PWY_E_NOMEM;
    c->row[at] = (struct pw_score_row){NULL, 0};
    c->baseline[at] = NAN;
    c->higher[at] = higher;
    if (index != NULL) *index = at;
    return PWY_OK;
}

/* The row up to a task; what lies between is not set. */
static pwy_status reach(struct pw_score_row *row, int64_t task)
{
    if (task < row->n) return PWY_OK;
    double *score = pw_realloc(row->score, (size_t)task + 1, sizeof *score);
    PW_NEED(score);
    row->score = score;
    while (row->n <= task) score[row->n++] = NAN;
    return PWY_OK;
}

pwy_status pw_continual_set(struct pwy_continual *c, int64_t after, int64_t task, double score)
{
    int64_t n = pw_map_count(c->names);
    if (after < 0 || after >= n || task < 0 || task >= n)
        return pw_fail(PWY_E_ARGUMENT, "score of task %lld after %lld: the matrix has %lld tasks", (long long)task,
                       (long long)after, (long long)n);
    if (!isfinite(score)) return pw_fail(PWY_E_ARGUMENT, "score %g is not a finite number", score);
    PW_TRY(reach(&c->row[after], task));
    c->row[after].score[task] = score;
    return PWY_OK;
}

double pw_continual_score(const struct pwy_continual *c, int64_t after, int64_t task)
{
    if (after < 0 || after >= pw_map_count(c->names) || task < 0 || task >= c->row[after].n) return NAN;
    return c->row[after].score[task];
}

/* --- what is read off: NaN goes through --- */

static bool learned(const struct pwy_continual *c, int64_t k)
{
    return k >= 0 && k < pw_map_count(c->names);
}

/* How much better b is than a. */
static double gain(const struct pwy_continual *c, int64_t task, double a, double b)
{
    return c->higher[task] ? b - a : a - b;
}

double pw_continual_accuracy(const struct pwy_continual *c, int64_t k)
{
    double sum = 0;
    if (!learned(c, k)) return NAN;
    for (int64_t j = 0; j <= k; j++) sum += pw_continual_score(c, k, j);
    return sum / (double)(k + 1);
}

double pw_continual_backward(const struct pwy_continual *c, int64_t k)
{
    double sum = 0;
    if (!learned(c, k) || k == 0) return NAN;
    for (int64_t j = 0; j < k; j++) sum += gain(c, j, pw_continual_score(c, j, j), pw_continual_score(c, k, j));
    return sum / (double)k;
}

double pw_continual_forward(const struct pwy_continual *c, int64_t k)
{
    double sum = 0;
    if (!learned(c, k) || k == 0) return NAN;
    for (int64_t j = 1; j <= k; j++) sum += gain(c, j, c->baseline[j], pw_continual_score(c, j - 1, j));
    return sum / (double)k;
}

/* The best that a task ever was before k, over the scores that were taken; it must have been scored when learned. */
static double best_before(const struct pwy_continual *c, int64_t task, int64_t k)
{
    double best = pw_continual_score(c, task, task);
    for (int64_t i = 0; i < k; i++) {
        double score = pw_continual_score(c, i, task);
        if (gain(c, task, best, score) > 0) best = score;
    }
    return best;
}

double pw_continual_forgetting(const struct pwy_continual *c, int64_t k)
{
    double sum = 0;
    if (!learned(c, k) || k == 0) return NAN;
    for (int64_t j = 0; j < k; j++) sum += gain(c, j, pw_continual_score(c, k, j), best_before(c, j, k));
    return sum / (double)k;
}

/* What the training targets say of a task: its labels and how often each occurs, or mean and spread. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "base/num.h"
#include "task/store.h"

/* One look through the rows. Everything is committed to the task at the end. */
struct scan {
    struct pwy_task *t;
    struct pw_map *labels;              /* the task's own first when they are fixed */
    int64_t *count, cap;                /* [labels] */
    int64_t n, n_bad;                   /* good rows, and those that are not */
    double mean, m2;                    /* Welford's: mean and sum of squared distances */
    char *first_bad;                    /* the message of the first bad row */
};

const char *pw_target_label(const pwy_example *ex, char room[32])
{
    if (ex->target_type == PW_TARGET_LABELS) return ex->n_labels == 1 ? ex->labels[0] : NULL;
    if (ex->target_type != PW_TARGET_NUMBER) return NULL;
    pw_format_double(room, 32, ex->number);
    return room;
}

static pwy_status grow_counts(struct scan *s)
{
    int64_t n = pw_map_count(s->labels);
    if (n <= s->cap) return PWY_OK;
    int64_t cap = n < 64 ? 64 : 2 * n;
    int64_t *count = pw_realloc(s->count, (size_t)cap, sizeof *count);
    PW_NEED(count);
    memset(count + s->cap, 0, (size_t)(cap - s->cap) * sizeof *count);
    s->count = count;
    s->cap = cap;
    return PWY_OK;
}

static pwy_status count_label(struct scan *s, const char *label)
{
    int64_t at = pw_map_add(s->labels, label, strlen(label));
    if (at < 0) return PWY_E_NOMEM;
    PW_TRY(grow_counts(s));
    s->count[at]++;
    return PWY_OK;
}

static pwy_status check_label(const struct scan *s, const pwy_example *ex, const char *label)
{
    if (*label == '\0') return pw_target_fail(ex, "its label is empty");
    if (s->t->fixed_labels && pw_task_label(s->t, label) < 0) return pw_label_unknown(s->t, ex, label);
    return PWY_OK;
}

static pwy_status look_label(struct scan *s, const pwy_example *ex)
{
    char room[32];
    const char *label = pw_target_label(ex, room);
    if (label == NULL && ex->n_labels > 1) return pw_target_fail(ex, "it has %d labels, not one", ex->n_labels);
    if (label == NULL) return pw_target_fail(ex, "it has no label");
    PW_TRY(check_label(s, ex, label));
    return count_label(s, label);
}

static bool said_before(const pwy_example *ex, int i)
{
    for (int j = 0; j < i; j++)
        if (strcmp(ex->labels[i], ex->labels[j]) == 0) return true;
    return false;
}

static pwy_status look_labels(struct scan *s, const pwy_example *ex)
{
    if (ex->target_type != PW_TARGET_LABELS) return pw_target_fail(ex, "it has no labels");
    for (int i = 0; i < ex->n_labels; i++) PW_TRY(check_label(s, ex, ex->labels[i]));
    for (int i = 0; i < ex->n_labels; i++)
        if (!said_before(ex, i)) PW_TRY(count_label(s, ex->labels[i]));
    return PWY_OK;
}

static pwy_status look_number(struct scan *s, const pwy_example *ex)
{
    struct pw_target goal = {0};
    PW_TRY(s->t->head->target(s->t, ex, &goal));
    double from = goal.number - s->mean;
    s->mean += from / (double)(s->n + 1);
    s->m2 += from * (goal.number - s->mean);
    return PWY_OK;
}

static pwy_status look(struct scan *s, const pwy_example *ex)
{
    if (s->t->head->kind == PWY_REGRESS) return look_number(s, ex);
    return s->t->head->kind == PWY_MULTILABEL ? look_labels(s, ex) : look_label(s, ex);
}

static pwy_status look_at_rows(struct scan *s, pwy_source *rows, pwy_example *ex)
{
    for (int64_t i = 0; i < rows->n; i++) {
        pwy_status status = pw_source_target(rows, i, ex);
        if (status == PWY_OK) status = look(s, ex);
        if (status != PWY_OK && status != PWY_E_DATA) return status;
        if (status == PWY_OK) s->n++;
        else if (s->n_bad++ == 0) PW_NEED(s->first_bad = pw_strdup(pwy_error_message()));
    }
    if (s->n > 0) return PWY_OK;
    if (s->n_bad == 0) return pw_fail(PWY_E_DATA, "its training source has no rows");
    return pw_fail(PWY_E_DATA, "none of its %lld training rows has a usable target; the first: %s",
                   (long long)s->n_bad, s->first_bad);
}

/* --- labels that are all numbers: by value, equal ones in order of first appearance --- */

struct place { double value; int64_t at; };

static int by_value(const void *a, const void *b)
{
    const struct place *x = a, *y = b;
    if (x->value != y->value) return x->value < y->value ? -1 : 1;
    return (x->at > y->at) - (x->at < y->at);
}

/* False: one of them is not a number. */
static bool read_places(const struct pw_map *labels, struct place *place)
{
    for (int64_t i = 0; i < pw_map_count(labels); i++) {
        const char *label = pw_map_key(labels, i);
        place[i].at = i;
        if (!pw_parse_double(label, strlen(label), &place[i].value) || !isfinite(place[i].value)) return false;
    }
    return true;
}

/* Puts labels and counts into the order of place; frees nothing of the old map on failure. */
static pwy_status reorder(struct scan *s, const struct place *place, int64_t n)
{
    struct pw_map *labels = pw_map_new();
    int64_t *count = pw_calloc((size_t)n + 1, sizeof *count);
    pwy_status status = labels == NULL || count == NULL ? PWY_E_NOMEM : PWY_OK;
    for (int64_t i = 0; i < n && status == PWY_OK; i++) {
        const char *label = pw_map_key(s->labels, place[i].at);
        count[i] = s->count[place[i].at];
        if (pw_map_add(labels, label, strlen(label)) < 0) status = PWY_E_NOMEM;
    }
    if (status != PWY_OK) {
        pw_map_free(labels);
        free(count);
        return status;
    }
    pw_map_free(s->labels);
    free(s->count);
    s->labels = labels;
    s->count = count;
    s->cap = n;
    return PWY_OK;
}

static pwy_status sort_labels(struct scan *s)
{
    int64_t n = pw_map_count(s->labels);
    struct place *place = pw_calloc((size_t)n + 1, sizeof *place);
    pwy_status status = PWY_OK;
    PW_NEED(place);
    if (read_places(s->labels, place)) {
        qsort(place, (size_t)n, sizeof *place, by_value);
        status = reorder(s, place, n);
    }
    free(place);
    return status;
}

/* --- the whole --- */

/* The task has the new labels and counts, or what it had. */
static pwy_status commit_labels(struct scan *s)
{
    struct pw_labels labels = {0};
    for (int64_t i = 0; i < pw_map_count(s->labels) && !s->t->fixed_labels; i++)
        if (pw_labels_add(&labels, s->t->registry->store->words, pw_map_key(s->labels, i)) != PWY_OK) {
            pw_labels_free(&labels);
            return PWY_E_NOMEM;
        }
    if (!s->t->fixed_labels) {
        pw_labels_free(&s->t->labels);
        s->t->labels = labels;
    }
    free(s->t->label_count);
    s->t->label_count = s->count;
    s->count = NULL;
    return PWY_OK;
}

static pwy_status finish_labels(struct scan *s)
{
    if (!s->t->fixed_labels) PW_TRY(sort_labels(s));
    PW_TRY(grow_counts(s));
    if (pw_map_count(s->labels) == 0) return pw_fail(PWY_E_DATA, "its training rows have no label at all");
    return commit_labels(s);
}

static pwy_status finish_number(struct scan *s)
{
    double spread = sqrt(s->m2 / (double)s->n);
    if (!isfinite(s->mean) || !isfinite(spread))
        return pw_fail(PWY_E_DATA, "its training targets are too large to be averaged");
    s->t->mean = s->mean;
    s->t->spread = spread > 0 ? spread : 1;
    return PWY_OK;
}

static pwy_status fit(struct scan *s, pwy_source *rows)
{
    pwy_example *ex = pw_example_make();
    PW_NEED(ex);
    pwy_status status = look_at_rows(s, rows, ex);
    pw_example_release(ex);
    PW_TRY(status);
    PW_TRY(s->t->head->kind == PWY_REGRESS ? finish_number(s) : finish_labels(s));
    s->t->n_train = s->n;
    return PWY_OK;
}

/* Texts need no look but one: rows that bring a target of their own are written, not continued. */
static pwy_status fit_text(struct pwy_task *t, pwy_source *rows)
{
    pwy_example *ex = pw_example_make();
    pwy_status status = PWY_E_DATA;
    PW_NEED(ex);
    for (int64_t i = 0; i < rows->n && status == PWY_E_DATA; i++) status = pw_source_target(rows, i, ex);
    bool has_target = status == PWY_OK && ex->target_type == PW_TARGET_TEXT;
    pw_example_release(ex);
    if (rows->n == 0) return pw_fail(PWY_E_DATA, "its training source has no rows");
    PW_TRY(status);
    if (has_target && t->target == NULL) PW_NEED(t->target = pw_strdup("target"));
    t->n_train = rows->n;
    return PWY_OK;
}

/* Fixed labels have their numbers already. */
static pwy_status fixed_first(struct scan *s)
{
    for (uint32_t i = 0; s->t->fixed_labels && i < s->t->labels.n; i++) {
        const char *label = s->t->labels.text[i];
        if (pw_map_add(s->labels, label, strlen(label)) < 0) return PWY_E_NOMEM;
    }
    return PWY_OK;
}

pwy_status pw_task_fit_target(struct pwy_task *t)
{
    pwy_source *rows = t->source[PWY_TRAIN];
    struct scan s = {.t = t};
    if (rows == NULL)
        return pw_fail(PWY_E_STATE, "it has no training rows; pwy_task_read or pwy_task_set_source gives them");
    if (t->head->kind == PWY_GENERATE) return fit_text(t, rows);
    PW_NEED(s.labels = pw_map_new());
    pwy_status status = fixed_first(&s);
    if (status == PWY_OK) status = fit(&s, rows);
    pw_map_free(s.labels);
    free(s.count);
    free(s.first_bad);
    return status;
}

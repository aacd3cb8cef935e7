/* Choosing features by chi-squared. */
#include "sense/telling.h"

#include <stdlib.h>
#include <string.h>

int pw_telling_labels(const struct pw_fit *fit)
{
    return strcmp(fit->kind, "classify") == 0 && fit->outputs > 1 ? fit->outputs : 1;
}

pwy_status pw_telling_open(struct pw_telling *t, int rows, int labels)
{
    *t = (struct pw_telling){ .rows = rows, .labels = labels };
    PW_NEED(t->seen = pw_calloc((size_t)rows * (size_t)labels, sizeof *t->seen));
    PW_NEED(t->examples = pw_calloc((size_t)labels, sizeof *t->examples));
    return PWY_OK;
}

void pw_telling_close(struct pw_telling *t)
{
    free(t->seen);
    free(t->examples);
    *t = (struct pw_telling){ 0 };
}

static int count_example(struct pw_telling *t, int label)
{
    label = label >= 0 && label < t->labels ? label : 0;
    t->examples[label]++;
    t->n++;
    return label;
}

pwy_status pw_telling_count(struct pw_telling *t, const struct pw_fit *fit, const struct pw_telling_kind *kind)
{
    int64_t sample = fit->n_train < kind->most ? fit->n_train : kind->most;
    for (int64_t i = 0; i < sample; i++) {
        const struct pw_value *value = NULL;
        struct pw_goal goal;
        PW_TRY(fit->row(fit->arg, pw_fit_row(fit, sample, i), &value, &goal));
        if (value == NULL || value->type != kind->type || value->len < kind->least)
            continue;
        PW_TRY(kind->add(t, value, count_example(t, goal.label)));
    }
    return PWY_OK;
}

void pw_telling_add(struct pw_telling *t, int row, int label, double value)
{
    t->seen[(size_t)row * (size_t)t->labels + (size_t)label] += (float)value;
}

double pw_telling_sum(const struct pw_telling *t, int row)
{
    double sum = 0;
    for (int l = 0; l < t->labels; l++)
        sum += (double)t->seen[(size_t)row * (size_t)t->labels + (size_t)l];
    return sum;
}

static double tells(const struct pw_telling *t, int row)
{
    double chi = 0, sum = pw_telling_sum(t, row);
    if (t->labels < 2 || sum == 0)
        return sum;
    for (int l = 0; l < t->labels; l++) {
        double expected = sum * (double)t->examples[l] / (double)t->n;
        double seen = (double)t->seen[(size_t)row * (size_t)t->labels + (size_t)l];
        chi += expected > 0 ? (seen - expected) * (seen - expected) / expected : 0;
    }
    return chi;
}

struct told { double much; int32_t row; };

static int most_first(const void *a, const void *b)
{
    const struct told *x = a, *y = b;
    return x->much != y->much ? (x->much < y->much ? 1 : -1) : x->row - y->row;
}

static int by_row(const void *a, const void *b)
{
    return ((const struct told *)a)->row - ((const struct told *)b)->row;
}

pwy_status pw_telling_choose(const struct pw_telling *t, struct pw_param *chosen)
{
    struct told *told = pw_calloc((size_t)t->rows, sizeof *told);
    PW_NEED(told);
    for (int i = 0; i < t->rows; i++)
        told[i] = (struct told){ tells(t, i), i };
    qsort(told, (size_t)t->rows, sizeof *told, most_first);
    qsort(told, (size_t)chosen->n, sizeof *told, by_row);
    for (int64_t i = 0; i < chosen->n; i++)
        chosen->w[i] = (real)told[i].row;
    free(told);
    return PWY_OK;
}

int32_t pw_telling_find(const struct pw_param *chosen, real row, int64_t *from)
{
    while (*from < chosen->n && chosen->w[*from] < row)
        ++*from;
    return *from < chosen->n && chosen->w[*from] == row ? (int32_t)*from : -1;
}

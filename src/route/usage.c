#include "route/usage.h"
#include <stdlib.h>

pwy_status pw_usage_new(int tasks, int layers, int experts, struct pw_usage **out)
{
    struct pw_usage *u;
    PW_NEED(u = pw_calloc(1, sizeof *u));
    *u = (struct pw_usage){.tasks = tasks, .layers = layers, .experts = experts};
    u->gates = pw_calloc((size_t)tasks + 1, sizeof *u->gates);
    *out = u;
    if (u->gates != NULL) return PWY_OK;
    free(u);
    return PWY_E_NOMEM;
}

void pw_usage_free(struct pw_usage *u)
{
    if (u == NULL) return;
    for (int i = 0; i < u->tasks; i++) free(u->gates[i]);
    free(u->gates);
    free(u);
}

pwy_status pw_usage_count(struct pw_usage *u, int task)
{
    if (u->gates[task] != NULL) return PWY_OK;
    PW_NEED(u->gates[task] = pw_calloc((size_t)u->layers * (size_t)u->experts + 1, sizeof(double)));
    return PWY_OK;
}

void pw_usage_fade(struct pw_usage *u, double keep)
{
    size_t n = (size_t)u->layers * (size_t)u->experts;
    for (int task = 0; task < u->tasks; task++)
        for (size_t i = 0; u->gates[task] != NULL && i < n; i++) u->gates[task][i] *= keep;
}

static void add_row(double *gates, int experts, const struct pw_routes *r, int row)
{
    for (int i = r->pair[row]; i < r->pair[row + 1]; i++)
        if (r->expert[i] >= 0 && r->expert[i] < experts) gates[r->expert[i]] += (double)r->gate[i];
}

void pw_usage_add(struct pw_usage *u, int layer, const struct pw_routes *r, const struct pw_ragged *ragged)
{
    for (int s = 0; s < ragged->n_seq; s++) {
        int task = ragged->task == NULL ? -1 : ragged->task[s];
        if (task < 0 || task >= u->tasks || u->gates[task] == NULL) continue;
        for (int row = ragged->off[s]; row < ragged->off[s + 1]; row++)
            add_row(pw_usage_of(u, task, layer), u->experts, r, row);
    }
}

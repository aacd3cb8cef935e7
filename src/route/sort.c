/* The counting sort that groups rows by expert, over the experts that occur. */
#include "route/policy.h"
#include <stdlib.h>
#include <string.h>

/* Zeroed for the candidates alone: of a layer of thousands the others' memory is not touched. */
static pwy_status new_counts(struct pw_exec *x, const struct pw_routes *r, int32_t **out)
{
    int32_t *count;
    PW_NEED(count = pw_arena_take(x->arena, (size_t)r->experts, sizeof *count));
    for (int s = 0; s < r->n_spans; s++) {
        const struct pw_span *span = &r->span[s];
        if (span->expert == NULL) memset(count, 0, (size_t)r->experts * sizeof *count);
        for (int i = 0; span->expert != NULL && i < span->n; i++) count[span->expert[i]] = 0;
    }
    *out = count;
    return PWY_OK;
}

/* Rows that an expert takes: `capacity` times those it would have if each segment's were spread evenly over its
   candidates. */
static pwy_status capacities(struct pw_exec *x, const struct pw_router_config *c, const struct pw_routes *r,
                             double **out)
{
    double *most;
    PW_NEED(most = pw_arena_take(x->arena, (size_t)r->experts, sizeof *most));
    for (int pass = 0; pass < 2; pass++) {
        for (int s = 0; s < r->n_spans; s++) {
            const struct pw_span *span = &r->span[s];
            double even = c->capacity * c->topk * span->rows / span->n;
            for (int i = 0; i < span->n; i++) {
                double *m = &most[span->expert == NULL ? i : span->expert[i]];
                *m = pass == 0 ? 0 : *m + even;
            }
        }
    }
    *out = most;
    return PWY_OK;
}

pwy_status pw_routes_limit(struct pw_exec *x, const struct pw_router_config *c, struct pw_routes *r)
{
    bool limited = x->train && c->capacity > 0 && c->policy != PW_EXPERT_CHOICE;
    double *most = NULL;
    PW_TRY(new_counts(x, r, &r->chosen));
    if (limited) PW_TRY(capacities(x, c, r, &most));
    for (int i = 0; i < r->n_pairs; i++) {
        int32_t e = r->expert[i];
        if (r->slot[i] >= 0 && ++r->chosen[e] > (limited ? ceil(most[e]) : INT32_MAX)) r->slot[i] = -1;
        if (r->slot[i] >= 0) continue;
        r->expert[i] = -1;
        r->dropped++;
    }
    return PWY_OK;
}

/* Without drops the same as what was chosen. */
static pwy_status count_rows(struct pw_exec *x, struct pw_routes *r)
{
    r->count = r->chosen;
    if (r->dropped == 0) return PWY_OK;
    PW_TRY(new_counts(x, r, &r->count));
    for (int i = 0; i < r->n_pairs; i++)
        if (r->slot[i] >= 0) r->count[r->expert[i]]++;
    return PWY_OK;
}

static int by_id(const void *a, const void *b)
{
    const int32_t *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

static bool any_has_all(const struct pw_routes *r)
{
    for (int s = 0; s < r->n_spans; s++)
        if (r->span[s].expert == NULL) return true;
    return false;
}

/* The experts with rows, ascending: off one list where there is one, else sorted. */
static void find_present(struct pw_routes *r)
{
    const struct pw_span *only = r->n_spans == 1 ? &r->span[0] : NULL;
    bool all = any_has_all(r);
    int n = all ? r->experts : only != NULL ? only->n : 0;
    r->n_present = 0;
    for (int i = 0; i < n; i++) {
        int32_t e = all ? i : only->expert[i];
        if (r->count[e] > 0) r->present[r->n_present++] = e;
    }
    if (n > 0) return;
    for (int s = 0; s < r->n_spans; s++) {
        const struct pw_span *span = &r->span[s];
        for (int i = 0; i < span->n; i++) {
            int32_t e = span->expert[i], c = r->count[e];
            if (c <= 0) continue;
            r->present[r->n_present++] = e;
            r->count[e] = -c;
        }
    }
    for (int i = 0; i < r->n_present; i++) r->count[r->present[i]] = -r->count[r->present[i]];
    qsort(r->present, (size_t)r->n_present, sizeof *r->present, by_id);
}

/* Stable: an expert's rows keep the order of their tokens. `next` (E): the next free sorted row, of those present. */
static void fill(struct pw_routes *r, int32_t *next)
{
    int32_t at = 0;
    for (int i = 0; i < r->n_present; i++) {
        int32_t e = r->present[i];
        r->start[i] = next[e] = at;
        at += r->count[e];
    }
    r->start[r->n_present] = r->n_rows = at;
    for (int32_t t = 0; t < r->n_tokens; t++)
        for (int32_t i = r->pair[t]; i < r->pair[t + 1]; i++)
            if (r->slot[i] >= 0) r->token[r->slot[i] = next[r->expert[i]]++] = t;
}

pwy_status pw_routes_sort(struct pw_exec *x, struct pw_routes *r)
{
    size_t e = (size_t)r->experts, most = (size_t)(r->n_pairs < r->experts ? r->n_pairs : r->experts);
    int32_t *next;
    PW_NEED(r->present = pw_arena_take(x->arena, most + 1, sizeof *r->present));
    PW_NEED(r->start = pw_arena_take(x->arena, most + 1, sizeof *r->start));
    PW_NEED(r->token = pw_arena_take(x->arena, (size_t)r->n_pairs + 1, sizeof *r->token));
    PW_NEED(next = pw_arena_take(x->arena, e, sizeof *next));
    PW_TRY(count_rows(x, r));
    find_present(r);
    fill(r, next);
    return PWY_OK;
}

int pw_routes_rows(const struct pw_routes *r, int expert, int *first)
{
    int low = 0, high = r->n_present;
    while (low < high) {
        int mid = low + (high - low) / 2;
        if (r->present[mid] < expert) low = mid + 1;
        else high = mid;
    }
    bool found = low < r->n_present && r->present[low] == expert;
    *first = r->start[low];
    return found ? r->start[low + 1] - r->start[low] : 0;
}

/* The counting sort that groups rows by expert, over the experts that occur. */
#include "route/policy.h"
#include <stdlib.h>
#include <string.h>

/* Counts of the candidates alone: of a layer of thousands the others' memory is not touched. */
static void count_pairs(struct pw_routes *r)
{
    for (int s = 0; s < r->n_spans; s++) {
        const struct pw_span *span = &r->span[s];
        if (span->expert == NULL) memset(r->count, 0, (size_t)r->experts * sizeof *r->count);
        for (int i = 0; span->expert != NULL && i < span->n; i++) r->count[span->expert[i]] = 0;
    }
    for (int i = 0; i < r->n_pairs; i++) r->count[r->expert[i]] += r->slot[i] >= 0;
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
    PW_NEED(r->count = pw_arena_take(x->arena, e, sizeof *r->count));
    PW_NEED(r->present = pw_arena_take(x->arena, most + 1, sizeof *r->present));
    PW_NEED(r->start = pw_arena_take(x->arena, most + 1, sizeof *r->start));
    PW_NEED(r->token = pw_arena_take(x->arena, (size_t)r->n_pairs + 1, sizeof *r->token));
    PW_NEED(next = pw_arena_take(x->arena, e, sizeof *next));
    count_pairs(r);
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

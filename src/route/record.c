#include "route/record.h"
#include <stdlib.h>
#include <string.h>

pwy_status pw_record_new(int layers, int experts, struct pw_record **out)
{
    struct pw_record *r;
    PW_NEED(r = pw_calloc(1, sizeof *r));
    r->count = 1;
    r->layers = layers;
    r->experts = experts;
    r->cap = 64;
    r->total = pw_calloc((size_t)layers * (size_t)experts + 1, sizeof *r->total);
    r->dropped = pw_calloc((size_t)layers + 1, sizeof *r->dropped);
    r->cell = pw_calloc(r->cap, sizeof *r->cell);
    *out = r;
    if (r->total != NULL && r->dropped != NULL && r->cell != NULL) return PWY_OK;
    pw_record_release(r);
    return PWY_E_NOMEM;
}

struct pw_record *pw_record_hold(struct pw_record *record)
{
    __atomic_add_fetch(&record->count, 1, __ATOMIC_RELAXED);
    return record;
}

void pw_record_release(struct pw_record *record)
{
    if (record == NULL || __atomic_sub_fetch(&record->count, 1, __ATOMIC_ACQ_REL) > 0) return;
    free(record->total);
    free(record->dropped);
    free(record->cell);
    free(record);
}

void pw_record_clear(struct pw_record *record)
{
    memset(record->total, 0, (size_t)record->layers * (size_t)record->experts * sizeof *record->total);
    memset(record->dropped, 0, (size_t)record->layers * sizeof *record->dropped);
    memset(record->cell, 0, record->cap * sizeof *record->cell);
    record->n = 0;
}

/* --- cells --- */

static uint64_t key_of(const struct pw_record *r, int64_t task, int layer, int expert)
{
    return ((uint64_t)(task + 1) * (uint64_t)r->layers + (uint64_t)layer) * ((uint64_t)r->experts + 1)
        + (uint64_t)expert + 1;
}

/* The key's cell, or the free one where it would be. */
static struct pw_record_cell *find(const struct pw_record *r, uint64_t key)
{
    uint64_t h = key * 0x9e3779b97f4a7c15u;
    for (size_t i = (size_t)(h >> 20) & (r->cap - 1);; i = (i + 1) & (r->cap - 1))
        if (r->cell[i].key == key || r->cell[i].key == 0) return &r->cell[i];
}

static pwy_status grow(struct pw_record *r)
{
    struct pw_record wide = {.cap = r->cap * 2};
    if (2 * (r->n + 1) < r->cap) return PWY_OK;
    PW_NEED(wide.cell = pw_calloc(wide.cap, sizeof *wide.cell));
    for (size_t i = 0; i < r->cap; i++)
        if (r->cell[i].key != 0) *find(&wide, r->cell[i].key) = r->cell[i];
    free(r->cell);
    r->cell = wide.cell;
    r->cap = wide.cap;
    return PWY_OK;
}

static pwy_status add(struct pw_record *r, int64_t task, int layer, int expert, int64_t more)
{
    PW_TRY(grow(r));
    struct pw_record_cell *cell = find(r, key_of(r, task, layer, expert));
    r->n += cell->key == 0;
    cell->key = key_of(r, task, layer, expert);
    cell->count += more;
    return PWY_OK;
}

/* --- a pass --- */

/* An expert's rows come in runs of one task. */
static pwy_status add_expert(struct pw_record *record, int layer, const struct pw_routes *r, int i,
                             const int32_t *task)
{
    int end = r->start[i + 1];
    for (int row = r->start[i]; row < end;) {
        int from = row, of = task[r->token[row]];
        while (row < end && task[r->token[row]] == of) row++;
        PW_TRY(add(record, of, layer, r->present[i], row - from));
    }
    record->total[(size_t)layer * (size_t)record->experts + (size_t)r->present[i]] += end - r->start[i];
    return PWY_OK;
}

static pwy_status add_dropped(struct pw_record *record, int layer, const struct pw_routes *r, const int32_t *task)
{
    for (int t = 0; t < r->n_tokens; t++)
        for (int i = r->pair[t]; i < r->pair[t + 1]; i++)
            if (r->slot[i] < 0) PW_TRY(add(record, task[t], layer, record->experts, 1));
    record->dropped[layer] += r->dropped;
    return PWY_OK;
}

pwy_status pw_record_add(struct pw_record *record, struct pw_exec *x, int layer, const struct pw_routes *r,
                         const struct pw_ragged *ragged)
{
    size_t mark = pw_arena_mark(x->arena);
    int32_t *task;
    if (layer >= record->layers || r->experts > record->experts)
        return pw_fail(PWY_E_STATE, "record: layer %d has %d experts now, the record is of %d layers with %d; a new "
                       "one would be right", layer, r->experts, record->layers, record->experts);
    PW_NEED(task = pw_arena_take(x->arena, (size_t)r->n_tokens + 1, sizeof *task));
    for (int s = 0; s < ragged->n_seq; s++)
        for (int t = ragged->off[s]; t < ragged->off[s + 1]; t++) task[t] = ragged->task == NULL ? -1 : ragged->task[s];
    for (int i = 0; i < r->n_present; i++) PW_TRY(add_expert(record, layer, r, i, task));
    if (r->dropped > 0) PW_TRY(add_dropped(record, layer, r, task));
    pw_arena_release(x->arena, mark);
    return PWY_OK;
}

/* --- reading --- */

void pw_record_counts(const struct pw_record *record, int64_t task, int layer, int64_t *count, int64_t *dropped)
{
    const int64_t *total = record->total + (size_t)layer * (size_t)record->experts;
    for (int e = 0; e < record->experts; e++)
        count[e] = task < 0 ? total[e] : find(record, key_of(record, task, layer, e))->count;
    *dropped = task < 0 ? record->dropped[layer] : find(record, key_of(record, task, layer, record->experts))->count;
}

double pw_record_overlap(int n, const int64_t *a, const int64_t *b)
{
    double sum_a = 0, sum_b = 0, common = 0;
    for (int i = 0; i < n; i++) {
        sum_a += (double)a[i];
        sum_b += (double)b[i];
    }
    for (int i = 0; sum_a > 0 && sum_b > 0 && i < n; i++) common += fmin((double)a[i] / sum_a, (double)b[i] / sum_b);
    return common;
}

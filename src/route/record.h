/* The record of where rows went: how many (row, slot) pairs each expert of each layer had from each task, and how many
   were dropped. Counted run by run of the sorted order, so it costs a few instructions a pair. */
#ifndef PW_ROUTE_RECORD_H
#define PW_ROUTE_RECORD_H
#include "nn/nn.h"
#include "route/router.h"

struct pw_record_cell { uint64_t key; int64_t count; };       /* key 0: free */

struct pw_record {
    int count;                          /* atomic references */
    int layers, experts;
    int64_t *total;                     /* (layers, experts), all tasks together */
    int64_t *dropped;                   /* (layers) */
    struct pw_record_cell *cell; size_t n, cap;         /* by task, layer and expert; expert `experts`: dropped */
};

pwy_status pw_record_new(int layers, int experts, struct pw_record **out);
struct pw_record *pw_record_hold(struct pw_record *record);
void pw_record_release(struct pw_record *record);                   /* NULL allowed */
void pw_record_clear(struct pw_record *record);
/* One layer's routing of a batch. task: of each sequence, by off; see struct pw_ragged. */
pwy_status pw_record_add(struct pw_record *record, struct pw_exec *x, int layer, const struct pw_routes *r,
                         const struct pw_ragged *ragged);
/* What a task's rows (-1: all tasks') met in a layer: count (experts), and the dropped pairs. */
void pw_record_counts(const struct pw_record *record, int64_t task, int layer, int64_t *count, int64_t *dropped);
/* sum over experts of the lesser of both shares, 0 .. 1; 0 where one has none. */
double pw_record_overlap(int n, const int64_t *a, const int64_t *b);
#endif

/* pathways/routes.h. A tape stands behind its handle as it is; a record knows its model, for the tasks' names. */
#include "pathways/routes.h"
#include "api/check.h"
#include "api/routes.h"
#include "model/infer.h"
#include "route/record.h"
#include "route/tape.h"
#include "train/train.h"
#include <stdlib.h>

struct pwy_record { pwy_model *model; struct pw_record *counts; int64_t *one, *two; /* (experts): scratch */ };

/* Of the layer that has most: layers of a model that grew differ. */
static int experts_of(const pwy_model *m)
{
    int most = 0;
    for (int l = 0; l < m->shape.layers; l++)
        if (pw_trunk_experts(m->trunk, l) > most) most = pw_trunk_experts(m->trunk, l);
    return most;
}

static struct pw_tape *tape_of(const pwy_routes *routes)
{
    return (struct pw_tape *)(uintptr_t)routes;
}

pwy_status pwy_routes_new(pwy_routes **out)
{
    PW_GIVEN(out);
    return pw_tape_new((struct pw_tape **)out);
}

pwy_status pwy_routes_open(const char *path, pwy_routes **out)
{
    PW_GIVEN(path);
    PW_GIVEN(out);
    return pw_tape_open(path, (struct pw_tape **)out);
}

pwy_status pwy_routes_save(const pwy_routes *routes, const char *path)
{
    PW_GIVEN(routes);
    PW_GIVEN(path);
    return pw_tape_save(tape_of(routes), path);
}

int64_t pwy_routes_count(const pwy_routes *routes)
{
    return routes == NULL ? 0 : tape_of(routes)->routings;
}

void pwy_routes_free(pwy_routes *routes)
{
    pw_tape_release(tape_of(routes));
}

pwy_status pw_exec_use_routes(struct pw_exec *x, pwy_routes *routes, pwy_routes_mode mode)
{
    if (mode != PWY_ROUTES_OFF && mode != PWY_ROUTES_RECORD && mode != PWY_ROUTES_REPLAY)
        return pw_fail(PWY_E_ARGUMENT, "routes: mode is %d; it must be off, record or replay (0 to 2)", (int)mode);
    if (mode != PWY_ROUTES_OFF) PW_GIVEN(routes);
    struct pw_tape *tape = mode == PWY_ROUTES_OFF ? NULL : pw_tape_hold(tape_of(routes));
    pw_tape_release(x->tape);
    x->tape = tape;
    if (tape == NULL) return PWY_OK;
    tape->mode = (enum pw_tape_mode)mode;
    tape->at = 0;
    return PWY_OK;
}

pwy_status pwy_trainer_use_routes(pwy_trainer *trainer, pwy_routes *routes, pwy_routes_mode mode)
{
    PW_GIVEN(trainer);
    return pw_exec_use_routes(&trainer->x, routes, mode);
}

/* --- the record --- */

static pwy_status build(pwy_record *r, pwy_model *model)
{
    size_t experts = (size_t)experts_of(model);
    r->model = pw_model_hold(model);
    PW_NEED(r->one = pw_calloc(experts, sizeof *r->one));
    PW_NEED(r->two = pw_calloc(experts, sizeof *r->two));
    return pw_record_new((int)model->shape.layers, (int)experts, &r->counts);
}

pwy_status pwy_record_new(pwy_model *model, pwy_record **out)
{
    pwy_record *r;
    PW_GIVEN(model);
    PW_GIVEN(out);
    if (model->shape.experts == 0)
        return pw_fail(PWY_E_ARGUMENT, "record: the model is dense; there is nothing that rows are sent to");
    PW_NEED(r = pw_calloc(1, sizeof *r));
    pwy_status status = build(r, model);
    if (status == PWY_OK) *out = r;
    else pwy_record_free(r);
    return status;
}

void pwy_record_free(pwy_record *record)
{
    if (record == NULL) return;
    pw_record_release(record->counts);
    pw_model_release(record->model);
    free(record->one);
    free(record->two);
    free(record);
}

void pwy_record_reset(pwy_record *record)
{
    if (record != NULL) pw_record_clear(record->counts);
}

pwy_status pw_exec_use_record(struct pw_exec *x, const pwy_model *model, pwy_record *record)
{
    bool fits = record == NULL || (record->counts->layers == model->shape.layers
                                   && record->counts->experts >= experts_of(model));
    if (!fits)
        return pw_fail(PWY_E_ARGUMENT, "record: it is of %d layers with %d experts, the model has %lld with %d",
                       record->counts->layers, record->counts->experts, (long long)model->shape.layers,
                       experts_of(model));
    struct pw_record *counts = record == NULL ? NULL : pw_record_hold(record->counts);
    pw_record_release(x->record);
    x->record = counts;
    return PWY_OK;
}

pwy_status pwy_trainer_use_record(pwy_trainer *trainer, pwy_record *record)
{
    PW_GIVEN(trainer);
    return pw_exec_use_record(&trainer->x, trainer->model, record);
}

/* count (experts) of a task by name; NULL: of all. */
static pwy_status read_counts(const pwy_record *r, const char *task, int64_t layer, int64_t *count, int64_t *dropped)
{
    int64_t index = -1;
    if (layer < 0 || layer >= r->model->shape.layers)
        return pw_fail(PWY_E_ARGUMENT, "record: layer is %lld; it must be from 0 to %lld", (long long)layer,
                       (long long)r->model->shape.layers - 1);
    if (task != NULL) {
        struct pw_net *net;
        PW_TRY(pw_model_net(r->model, task, &net));
        index = net->task->index;
    }
    pw_record_counts(r->counts, index, (int)layer, count, dropped);
    return PWY_OK;
}

pwy_status pwy_record_counts(const pwy_record *record, const char *task, int64_t layer, int64_t *counts)
{
    int64_t dropped;
    PW_GIVEN(record);
    PW_GIVEN(counts);
    return read_counts(record, task, layer, counts, &dropped);
}

static double share_met(int n, const int64_t *count)
{
    int met = 0;
    for (int i = 0; i < n; i++) met += count[i] > 0;
    return (double)met / n;
}

pwy_status pwy_record_measure(const pwy_record *record, const char *task, int64_t layer, double *entropy,
                              double *max_violation, double *met, int64_t *dropped)
{
    int64_t lost;
    PW_GIVEN(record);
    int n = record->counts->experts;
    PW_TRY(read_counts(record, task, layer, record->one, &lost));
    if (entropy != NULL) *entropy = pw_load_entropy(n, record->one);
    if (max_violation != NULL) *max_violation = pw_max_violation(n, record->one);
    if (met != NULL) *met = share_met(n, record->one);
    if (dropped != NULL) *dropped = lost;
    return PWY_OK;
}

pwy_status pwy_record_overlap(const pwy_record *record, const char *one, const char *other, int64_t layer,
                              double *overlap)
{
    int64_t lost;
    PW_GIVEN(record);
    PW_GIVEN(overlap);
    PW_TRY(read_counts(record, one, layer, record->one, &lost));
    PW_TRY(read_counts(record, other, layer, record->two, &lost));
    *overlap = pw_record_overlap(record->counts->experts, record->one, record->two);
    return PWY_OK;
}

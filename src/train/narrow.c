/* Candidate sets that are learned while a run goes on. */
#include "train/narrow.h"
#include "route/usage.h"
#include "train/use.h"
#include <stdlib.h>
#include <string.h>

/* Of the sums of gates, what is left after each step: those of the last hundred count. */
static const double FADE = .99;
static const double ROUNDING = 1e-9;    /* of a share, which is a sum */

/* --- what is asked for --- */

static pwy_status refuse(const struct pwy_trainer *t, const char *why)
{
    return pw_node_fail(pw_node_get(t->given, "candidates"), PWY_E_ARGUMENT, "train: candidates: %s", why);
}

static pwy_status check(const struct pwy_trainer *t)
{
    const struct pw_shape *s = &t->model->shape;
    if (t->first > 0) return refuse(t, "tasks that are added take those of the pathway that they reuse");
    if (s->experts == 0) return refuse(t, "the model is dense and has no experts to choose from");
    if (s->router == PW_HASH) return refuse(t, "router hash draws experts by a key; there is nothing to learn");
    if (t->o.candidates < s->topk || t->o.candidates > s->experts)
        return pw_node_fail(pw_node_get(t->given, "candidates"), PWY_E_ARGUMENT,
                            "train: candidates is %lld, of topk %lld and %lld experts; topk to all of them, or 0, "
                            "would be right", (long long)t->o.candidates, (long long)s->topk, (long long)s->experts);
    return PWY_OK;
}

/* How many candidates a layer they have after a stage: half of before, down to what is asked for. */
static int width(const struct pwy_trainer *t, int stage)
{
    int64_t n = t->model->shape.experts;
    for (int i = 0; i <= stage; i++) n = n / 2 > t->o.candidates ? n / 2 : t->o.candidates;
    return (int)n;
}

/* The share of the run at which a stage is due: the first when half of `narrow` is over, the last at `narrow`. */
static double due(const struct pwy_trainer *t, int stage)
{
    int stages = t->narrowing.stages;
    return stages == 1 ? t->o.narrow : t->o.narrow * (.5 + .5 * stage / (stages - 1));
}

static pwy_status choose_task(struct pwy_trainer *t, int task)
{
    t->narrowing.of[task] = true;
    return pw_usage_count(t->narrowing.usage, task);
}

pwy_status pw_narrow_open(struct pwy_trainer *t)
{
    struct pw_narrowing *w = &t->narrowing;
    const struct pw_shape *s = &t->model->shape;
    if (t->o.candidates == 0) return PWY_OK;
    PW_TRY(check(t));
    for (w->stages = 1; width(t, w->stages - 1) > t->o.candidates;) w->stages++;
    w->width = (int)s->experts;
    PW_NEED(w->of = pw_calloc((size_t)t->model->registry->n + 1, sizeof *w->of));
    PW_TRY(pw_usage_new(t->model->registry->n, (int)s->layers, (int)s->experts, &w->usage));
    for (int i = 0; i < t->model->registry->n; i++)
        if (t->run[i].drawn && pw_net_at(t->model, i)->way == NULL) PW_TRY(choose_task(t, i));
    t->x.usage = w->usage;
    return PWY_OK;
}

/* Nothing is to be narrowed any more. */
static void stop_counting(struct pwy_trainer *t)
{
    pw_usage_free(t->narrowing.usage);
    t->narrowing.usage = t->x.usage = NULL;
}

void pw_narrow_close(struct pwy_trainer *t)
{
    stop_counting(t);
    free(t->narrowing.of);
}

/* --- one task --- */

static int ascending(const void *a, const void *b)
{
    return *(const int32_t *)a - *(const int32_t *)b;
}

/* What a layer's candidates have been given; of a task that no row came of yet, what all tasks' rows met. */
static const double *gates_of(const struct pwy_trainer *t, int task, int layer)
{
    const double *gates = pw_usage_of(t->narrowing.usage, task, layer);
    for (int e = 0; e < t->narrowing.usage->experts; e++)
        if (gates[e] > 0) return gates;
    return pw_trunk_load(t->model->trunk, layer);
}

static pwy_status keep_moments(struct pwy_trainer *t, const struct pw_param *p, const int32_t *keep, int n)
{
    if (p == NULL) return PWY_OK;
    PW_TRY(pw_adamw_keep_columns(&t->adamw, p, keep, n));
    return t->doing.of == NULL ? PWY_OK : pw_adamw_keep_columns(&t->doing, p, keep, n);
}

/* The first n of the order, ascending, are what a router that is there keeps. */
static pwy_status order_layer(struct pwy_trainer *t, struct pw_net *net, int layer, int n, int32_t **out)
{
    int all;
    const int32_t *candidate = pw_net_candidates(t->model, net, layer, &all);
    PW_TRY(pw_use_order(gates_of(t, net->task->index, layer), candidate, all, out));
    if (all > n) qsort(*out, (size_t)n, sizeof **out, ascending);
    if (net->way == NULL || all <= n) return PWY_OK;
    PW_TRY(keep_moments(t, net->way->layer[layer].router, *out, n));
    return keep_moments(t, net->way->layer[layer].bias, *out, n);
}

static pwy_status narrow_task(struct pwy_trainer *t, struct pw_net *net, int n)
{
    int layers = (int)t->model->shape.layers;
    int32_t **order;
    pwy_status status = PWY_OK;
    PW_NEED(order = pw_calloc((size_t)layers, sizeof *order));
    for (int l = 0; status == PWY_OK && l < layers; l++) status = order_layer(t, net, l, n, &order[l]);
    if (status == PWY_OK) status = pw_net_take_few(t->model, net, (const int32_t *const *)order, n);
    for (int l = 0; l < layers; l++) free(order[l]);
    free(order);
    pw_node_free(net->task->use);
    net->task->use = NULL;
    return status == PWY_OK ? PWY_OK : pw_fail_task(net->task->name);
}

/* --- all of them --- */

/* Routers that are new train as all else does; where none goes by the trunk's, those stand still. */
static pwy_status take_up(struct pwy_trainer *t, int first)
{
    PW_TRY(pw_params_start_training(t->model->params));
    pw_trainer_freeze(t, first, NULL);
    PW_TRY(pw_adamw_extend(&t->adamw));
    if (t->doing.of != NULL) PW_TRY(pw_adamw_extend(&t->doing));
    pw_trainer_lock_unreached(t);
    return PWY_OK;
}

static pwy_status narrow_all(struct pwy_trainer *t, int n)
{
    int first = t->model->params->n, tasks = 0;
    for (int i = 0; i < t->model->registry->n; i++) {
        if (!t->narrowing.of[i]) continue;
        PW_TRY(narrow_task(t, pw_net_at(t->model, i), n));
        tasks++;
    }
    if (tasks == 0) return PWY_OK;
    t->narrowing.width = n;
    pw_log(t->model->ctx, PWY_LOG_INFO, "train: after step %lld %d tasks choose from %d experts of each layer",
           (long long)t->schedule.step, tasks, n);
    return take_up(t, first);
}

pwy_status pw_narrow_step(struct pwy_trainer *t)
{
    struct pw_narrowing *w = &t->narrowing;
    if (w->usage == NULL) return PWY_OK;
    pw_usage_fade(w->usage, FADE);
    for (; w->stage < w->stages && t->schedule.share + ROUNDING >= due(t, w->stage); w->stage++)
        PW_TRY(narrow_all(t, width(t, w->stage)));
    if (w->stage == w->stages) stop_counting(t);
    return PWY_OK;
}

/* --- in a checkpoint --- */

pwy_status pw_narrow_put(const struct pwy_trainer *t, struct pw_node *state)
{
    const struct pw_narrowing *w = &t->narrowing;
    struct pw_node *map, *list;
    if (w->stages == 0) return PWY_OK;
    PW_TRY(pw_node_put_new(state, "narrowing", PW_MAP, &map));
    PW_TRY(pw_node_put_int(map, "stage", w->stage));
    PW_TRY(pw_node_put_new(map, "tasks", PW_LIST, &list));
    for (int i = 0; i < t->model->registry->n; i++)
        if (w->of[i]) PW_TRY(pw_node_add_text(list, pw_registry_at(t->model->registry, i)->name));
    return PWY_OK;
}

static pwy_status bad_state(const char *path, const char *what)
{
    return pw_fail(PWY_E_FORMAT, "%s: its state's narrowing has no %s that fits", path, what);
}

static pwy_status read_use(struct pwy_trainer *t, int task, const struct pw_tensors *tensors, const char *path)
{
    struct pw_usage *u = t->narrowing.usage;
    size_t bytes = (size_t)u->layers * (size_t)u->experts * sizeof(double);
    const char *of = pw_registry_at(t->model->registry, task)->name;
    char *name;
    PW_NEED(name = pw_printf("checkpoint.use/%s", of));
    const struct pw_tensor *use = pw_tensors_find(tensors, name);
    free(name);
    if (use == NULL || use->dtype != PW_F64 || use->bytes != bytes) return bad_state(path, of);
    pw_tensor_copy(use, u->gates[task]);
    return PWY_OK;
}

static pwy_status read_task(struct pwy_trainer *t, const struct pw_node *name, const struct pw_tensors *tensors,
                            const char *path)
{
    struct pwy_task *task;
    if (name->kind != PW_SCALAR) return bad_state(path, "tasks");
    PW_TRY(pw_registry_get(t->model->registry, name->text, &task));
    if (t->narrowing.usage == NULL) return t->narrowing.of[task->index] = true, PWY_OK;
    PW_TRY(choose_task(t, task->index));
    return read_use(t, task->index, tensors, path);
}

pwy_status pw_narrow_restore(struct pwy_trainer *t, const struct pw_node *state, const struct pw_tensors *tensors,
                             const char *path)
{
    struct pw_narrowing *w = &t->narrowing;
    const struct pw_node *map = pw_node_get(state, "narrowing"), *stage = pw_node_get(map, "stage"),
                         *tasks = pw_node_get(map, "tasks");
    if (w->stages == 0) return PWY_OK;
    if (stage == NULL || stage->kind != PW_SCALAR || tasks == NULL || tasks->kind != PW_LIST)
        return bad_state(path, "stage and tasks");
    w->stage = atoi(stage->text);
    if (w->stage < 0 || w->stage > w->stages) return bad_state(path, "stage");
    if (w->stage > 0) w->width = width(t, w->stage - 1);
    if (w->stage == w->stages) stop_counting(t);
    for (int i = 0; i < tasks->n; i++) PW_TRY(read_task(t, tasks->item[i], tensors, path));
    return PWY_OK;
}

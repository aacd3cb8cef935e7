/* Sealing: a task gets a way of its own over the experts that matter to it, and its closure is locked for good. */
#include "base/digest.h"
#include "base/num.h"
#include "model/model.h"
#include <stdlib.h>
#include <string.h>

/* --- which experts matter: what choosing found (train/choose.c) is in the task's `use` --- */

static double number_of(const struct pw_node *node)
{
    double value = NAN;
    if (node == NULL || node->kind != PW_SCALAR || !pw_parse_double(node->text, strlen(node->text), &value)) return NAN;
    return value;
}

/* The fewest candidates a layer by which no more than `tolerance` of the score is lost; 0: nothing was measured. */
static int enough(const struct pw_node *use, double tolerance)
{
    const struct pw_node *curve = pw_node_get(use, "curve");
    for (int i = 0; curve != NULL && curve->kind == PW_LIST && i < curve->n; i++) {
        const struct pw_node *at = curve->item[i];
        if (at->kind != PW_LIST || at->n != 2) return 0;
        if (number_of(at->item[1]) <= tolerance) return (int)number_of(at->item[0]);
    }
    return 0;
}

static int ascending(const void *a, const void *b)
{
    return *(const int32_t *)a - *(const int32_t *)b;
}

/* --- a way over the first n of each layer's order, of places among what the net chooses from --- */

struct few { int layers, size; int32_t *place, *id; const int32_t **layer; int *n; };     /* place, id (layers, size) */

static void few_free(struct few *w)
{
    free(w->place);
    free(w->id);
    free(w->layer);
    free(w->n);
}

static pwy_status few_open(int layers, int n, struct few *w)
{
    size_t size = (size_t)layers * (size_t)n + 1;
    w->layers = layers;
    w->size = n;
    PW_NEED(w->place = pw_calloc(size, sizeof *w->place));
    PW_NEED(w->id = pw_calloc(size, sizeof *w->id));
    PW_NEED(w->layer = pw_calloc((size_t)layers, sizeof *w->layer));
    PW_NEED(w->n = pw_calloc((size_t)layers, sizeof *w->n));
    return PWY_OK;
}

/* order NULL: the first n. */
static pwy_status few_make(const pwy_model *m, const struct pw_net *net, const int32_t *const *order, int n,
                           struct few *w)
{
    PW_TRY(few_open((int)m->shape.layers, n, w));
    for (int l = 0; l < w->layers; l++) {
        int32_t *place = w->place + (size_t)l * (size_t)n, *id = w->id + (size_t)l * (size_t)n;
        const int32_t *own = pw_net_candidates(m, net, l, &w->n[l]);
        if (w->n[l] > n) w->n[l] = n;
        for (int i = 0; i < w->n[l]; i++) place[i] = order == NULL ? i : order[l][i];
        qsort(place, (size_t)w->n[l], sizeof *place, ascending);
        for (int i = 0; i < w->n[l]; i++) id[i] = own == NULL ? place[i] : own[place[i]];
        w->layer[l] = id;
    }
    return PWY_OK;
}

const int32_t *pw_net_candidates(const pwy_model *m, const struct pw_net *net, int layer, int *n)
{
    const struct pw_way_layer *own = net->way == NULL ? NULL : &net->way->layer[layer];
    *n = own != NULL && own->expert != NULL ? own->n : pw_trunk_awake(m->trunk, layer);
    return own != NULL && own->expert != NULL ? own->expert : NULL;
}

/* The columns of the router that the net goes by, and its biases, that are the new way's; by hash there are none. */
static void copy_columns(const pwy_model *m, const struct pw_net *net, const struct few *w, struct pw_pathway *way)
{
    for (int l = 0; l < way->layers; l++) {
        const struct pw_way_layer *old = net->way == NULL ? NULL : &net->way->layer[l];
        const struct pw_param *from = old == NULL ? pw_trunk_router(m->trunk, l) : old->router;
        const struct pw_param *bias = old == NULL ? pw_trunk_bias(m->trunk, l) : old->bias;
        const int32_t *place = w->place + (size_t)l * (size_t)w->size;
        struct pw_way_layer *own = &way->layer[l];
        if (own->bias != NULL) pw_copy_columns(1, bias->n, bias->w, place, own->n, own->bias->w);
        if (own->router != NULL) pw_copy_columns(m->shape.d, from->shape[1], from->w, place, own->n, own->router->w);
    }
}

/* Norms and an adapter are as they were. */
static void borrow_rest(const struct pw_pathway *old, struct pw_pathway *way)
{
    way->norm = old->norm;
    way->adapter = old->adapter;
    for (int l = 0; l < way->layers; l++) {
        way->layer[l].norm1 = old->layer[l].norm1;
        way->layer[l].norm2 = old->layer[l].norm2;
        way->layer[l].up = old->layer[l].up;
        way->layer[l].down = old->layer[l].down;
    }
}

pwy_status pw_way_of_few(const pwy_model *m, const struct pw_net *net, const int32_t *const *order, int n,
                         struct pw_params *set, const char *prefix, struct pw_pathway **out)
{
    struct few w = {0};
    pwy_status status = few_make(m, net, order, n, &w);
    struct pw_way_plan plan = {.expert = w.layer, .n = w.n};
    if (status == PWY_OK) status = pw_pathway_new(m->trunk, set, &plan, prefix, out);
    if (status == PWY_OK) copy_columns(m, net, &w, *out);
    if (status == PWY_OK && net->way != NULL) borrow_rest(net->way, *out);
    few_free(&w);
    return status;
}

/* --- the task's own --- */

static void order_free(int32_t **order, int layers)
{
    for (int l = 0; order != NULL && l < layers; l++) free(order[l]);
    free(order);
}

static pwy_status read_layer(const struct pw_node *list, int n, int candidates, int32_t **out)
{
    PW_NEED(*out = pw_calloc((size_t)n + 1, sizeof **out));
    for (int i = 0; i < n; i++) {
        double place = list->kind == PW_LIST && i < list->n ? number_of(list->item[i]) : NAN;
        if (!(place >= 0 && place < candidates))
            return pw_fail(PWY_E_FORMAT, "its record of experts in use is damaged");
        (*out)[i] = (int32_t)place;
    }
    return PWY_OK;
}

/* The first n of each layer; *out NULL: nothing was measured. */
static pwy_status read_order(const pwy_model *m, const struct pw_net *net, int n, int32_t ***out)
{
    const struct pw_node *order = pw_node_get(net->task->use, "order");
    int layers = (int)m->shape.layers;
    *out = NULL;
    if (order == NULL || order->kind != PW_LIST || order->n != layers) return PWY_OK;
    PW_NEED(*out = pw_calloc((size_t)layers, sizeof **out));
    pwy_status status = PWY_OK;
    for (int l = 0; status == PWY_OK && l < layers; l++) {
        int candidates;
        pw_net_candidates(m, net, l, &candidates);
        status = read_layer(order->item[l], n < candidates ? n : candidates, candidates, &(*out)[l]);
    }
    return status;
}

static pwy_status open_way(pwy_model *m, struct pw_net *net)
{
    bool closed = m->params->closed;
    m->params->closed = false;
    pwy_status status = pw_net_open_way(m, net);
    m->params->closed = closed;
    return status;
}

static pwy_status thin_layer(struct pw_way_layer *own, const int32_t *place, const int32_t *id, int n)
{
    if (own->router != NULL) PW_TRY(pw_param_keep_columns(own->router, place, n));
    if (own->bias != NULL) PW_TRY(pw_param_keep_columns(own->bias, place, n));
    memcpy(own->expert, id, (size_t)n * sizeof *id);
    own->n = n;
    return PWY_OK;
}

/* Names and shapes first: what can fail without memory changes nothing. */
static pwy_status take_few(pwy_model *m, struct pw_net *net, const struct few *w)
{
    struct pw_way_plan plan = {.expert = w->layer, .n = w->n, .adapter = net->way == NULL ? 0 : net->way->adapter,
                               .norms = net->way != NULL && net->way->norm != NULL};
    PW_TRY(pw_task_set_pathway(net->task, &plan, w->layers));
    if (net->way == NULL) {
        PW_TRY(open_way(m, net));
        struct pw_net before = {.way = NULL};
        copy_columns(m, &before, w, net->way);
        return PWY_OK;
    }
    for (int l = 0; l < w->layers; l++)
        PW_TRY(thin_layer(&net->way->layer[l], w->place + (size_t)l * (size_t)w->size, w->layer[l], w->n[l]));
    return PWY_OK;
}

pwy_status pw_net_take_few(pwy_model *m, struct pw_net *net, const int32_t *const *order, int n)
{
    struct few w = {0};
    pwy_status status = few_make(m, net, order, n, &w);
    if (status == PWY_OK) status = take_few(m, net, &w);
    few_free(&w);
    if (status == PWY_OK) pw_net_count(m, net);
    return status;
}

bool pw_net_can_thin(const pwy_model *m, const struct pw_net *net)
{
    if (m->shape.experts == 0 || net->task->sealed) return false;
    return net->way == NULL || net->way->layer[0].expert != NULL;
}

static pwy_status own_way(pwy_model *m, struct pw_net *net, double tolerance)
{
    int32_t **order = NULL;
    int all, n = enough(net->task->use, tolerance);
    if (!pw_net_can_thin(m, net)) return PWY_OK;
    pw_net_candidates(m, net, 0, &all);
    if (n < m->shape.topk || n > all) n = all;
    if (net->way != NULL && n == all) return PWY_OK;
    pwy_status status = read_order(m, net, n, &order);
    if (status == PWY_OK) status = pw_net_take_few(m, net, (const int32_t *const *)order, n);
    order_free(order, (int)m->shape.layers);
    return status;
}

/* --- sealing --- */

static pwy_status seal_net(pwy_model *m, struct pw_net *net, const struct pw_seal *how)
{
    unsigned char digest[PW_DIGEST_LEN];
    if (net->task->sealed) return PWY_OK;
    if (!net->task->trained)
        return pw_fail(PWY_E_STATE, "it has not been trained; pwy_trainer_run trains it, then it can be sealed");
    PW_TRY(own_way(m, net, how->tolerance));
    PW_TRY(pw_golden_answer(m, net));
    PW_TRY(pw_closure_digest(m, net, digest));
    PW_TRY(pw_task_set_digest(net->task, digest));
    net->task->sealed = true;
    return PWY_OK;
}

static pwy_status seal_at(pwy_model *m, int64_t task, const struct pw_seal *how)
{
    struct pw_net *net;
    PW_TRY(pw_net_open(m, task, &net));
    return seal_net(m, net, how) == PWY_OK ? PWY_OK : pw_fail_task(net->task->name);
}

static pwy_status seal_tasks(pwy_model *m, const char *task, const struct pw_seal *how)
{
    struct pwy_task *t;
    if (task == NULL) {
        for (int64_t i = 0; i < m->registry->n; i++) PW_TRY(seal_at(m, i, how));
        return PWY_OK;
    }
    PW_TRY(pw_registry_get(m->registry, task, &t));
    return seal_at(m, t->index, how);
}

pwy_status pw_model_seal(const pwy_model *m, const char *task, const struct pw_seal *how, pwy_model **out)
{
    pwy_model *own;
    PW_TRY(pw_model_overlay(m, &own));
    pwy_status status = seal_tasks(own, task, how);
    if (status == PWY_OK && m->parent != NULL) status = pw_model_drop_clones(own, m->parent);
    pw_model_count(own);
    if (status == PWY_OK) *out = own;
    else pw_model_release(own);
    return status;
}

/* --- locks --- */

static pwy_status lock_part(void *arg, const struct pw_closure_part *part)
{
    (void)arg;
    if (part->expert < 0) part->p->locked = true;
    else part->p->slice[part->expert].locked = true;
    return PWY_OK;
}

pwy_status pw_model_lock(pwy_model *m)
{
    for (int64_t i = 0; i < m->registry->n; i++) {
        struct pwy_task *t;
        struct pw_net *net;
        PW_TRY(pw_registry_task(m->registry, i, &t));
        if (!t->sealed) continue;
        PW_TRY(pw_net_open(m, i, &net));
        PW_TRY(pw_closure_walk(m, net, lock_part, NULL));
    }
    return PWY_OK;
}

/* --- the proof --- */

pwy_status pw_task_check(const pwy_model *m, struct pw_net *net)
{
    unsigned char digest[PW_DIGEST_LEN];
    if (!net->task->sealed) return PWY_OK;
    PW_TRY(pw_closure_digest(m, net, digest));
    if (net->task->digest == NULL || memcmp(digest, net->task->digest, sizeof digest) != 0) {
        pw_fail(PWY_E_FORMAT, "its closure is not what was sealed: the digest differs");
        return pw_fail_task(net->task->name);
    }
    return pw_golden_replay(m, net) == PWY_OK ? PWY_OK : pw_fail_task(net->task->name);
}

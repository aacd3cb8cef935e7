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

/* --- a way over the first n of each layer's order --- */

struct few { int layers; int32_t *id; const int32_t **layer; int *n; };

static void few_free(struct few *w)
{
    free(w->id);
    free(w->layer);
    free(w->n);
}

/* order NULL: the trunk's first n. */
static pwy_status few_make(const int32_t *const *order, int layers, int n, struct few *w)
{
    w->layers = layers;
    PW_NEED(w->id = pw_calloc((size_t)layers * (size_t)n, sizeof *w->id));
    PW_NEED(w->layer = pw_calloc((size_t)layers, sizeof *w->layer));
    PW_NEED(w->n = pw_calloc((size_t)layers, sizeof *w->n));
    for (int l = 0; l < layers; l++) {
        int32_t *id = w->id + (size_t)l * (size_t)n;
        for (int i = 0; i < n; i++) id[i] = order == NULL ? i : order[l][i];
        qsort(id, (size_t)n, sizeof *id, ascending);
        w->layer[l] = id;
        w->n[l] = n;
    }
    return PWY_OK;
}

/* The columns of the trunk's router, and the biases, that are the way's candidates'; by hash there are none. */
static void copy_columns(const pwy_model *m, struct pw_pathway *way)
{
    for (int l = 0; l < way->layers; l++) {
        const struct pw_param *from = pw_trunk_router(m->trunk, l), *bias = pw_trunk_bias(m->trunk, l);
        struct pw_way_layer *own = &way->layer[l];
        for (int e = 0; own->bias != NULL && e < own->n; e++) own->bias->w[e] = bias->w[own->expert[e]];
        if (own->router == NULL) continue;
        for (int64_t i = 0; i < m->shape.d; i++)
            for (int e = 0; e < own->n; e++)
                own->router->w[i * own->n + e] = from->w[i * from->shape[1] + own->expert[e]];
    }
}

pwy_status pw_way_of_few(const pwy_model *m, const int32_t *const *order, int n, struct pw_params *set,
                         const char *prefix, struct pw_pathway **out)
{
    struct few w = {0};
    pwy_status status = few_make(order, (int)m->shape.layers, n, &w);
    struct pw_way_plan plan = {.expert = w.layer, .n = w.n};
    if (status == PWY_OK) status = pw_pathway_new(m->trunk, set, &plan, prefix, out);
    if (status == PWY_OK) copy_columns(m, *out);
    few_free(&w);
    return status;
}

/* --- the task's own --- */

static void order_free(int32_t **order, int layers)
{
    for (int l = 0; order != NULL && l < layers; l++) free(order[l]);
    free(order);
}

static pwy_status read_layer(const struct pw_node *list, int n, int experts, int32_t **out)
{
    PW_NEED(*out = pw_calloc((size_t)n + 1, sizeof **out));
    for (int i = 0; i < n; i++) {
        double id = list->kind == PW_LIST && i < list->n ? number_of(list->item[i]) : NAN;
        if (!(id >= 0 && id < experts)) return pw_fail(PWY_E_FORMAT, "its record of experts in use is damaged");
        (*out)[i] = (int32_t)id;
    }
    return PWY_OK;
}

/* The first n of each layer; *out NULL: nothing was measured. */
static pwy_status read_order(const pwy_model *m, const struct pw_node *use, int n, int32_t ***out)
{
    const struct pw_node *order = pw_node_get(use, "order");
    int layers = (int)m->shape.layers;
    *out = NULL;
    if (order == NULL || order->kind != PW_LIST || order->n != layers) return PWY_OK;
    PW_NEED(*out = pw_calloc((size_t)layers, sizeof **out));
    pwy_status status = PWY_OK;
    for (int l = 0; status == PWY_OK && l < layers; l++)
        status = read_layer(order->item[l], n, (int)m->shape.experts, &(*out)[l]);
    return status;
}

static pwy_status set_few(const pwy_model *m, struct pwy_task *t, int32_t **order, int n)
{
    struct few w = {0};
    pwy_status status = few_make((const int32_t *const *)order, (int)m->shape.layers, n, &w);
    struct pw_way_plan plan = {.expert = w.layer, .n = w.n};
    if (status == PWY_OK) status = pw_task_set_pathway(t, &plan, (int)m->shape.layers);
    few_free(&w);
    return status;
}

pwy_status pw_net_give_way(pwy_model *m, struct pw_net *net, int n)
{
    bool closed = m->params->closed;
    int32_t **order = NULL;
    pwy_status status = read_order(m, net->task->use, n, &order);
    if (status == PWY_OK) status = set_few(m, net->task, order, n);
    m->params->closed = false;
    if (status == PWY_OK) status = pw_net_open_way(m, net);
    m->params->closed = closed;
    order_free(order, (int)m->shape.layers);
    PW_TRY(status);
    copy_columns(m, net->way);
    pw_net_count(m, net);
    return PWY_OK;
}

static pwy_status own_way(pwy_model *m, struct pw_net *net, double tolerance)
{
    int all = (int)m->shape.experts, n = enough(net->task->use, tolerance);
    if (m->shape.experts == 0 || net->way != NULL) return PWY_OK;
    if (n < m->shape.topk || n > all) n = all;
    return pw_net_give_way(m, net, n);
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

/* A model of some of another's tasks: with what they read, and nothing else. Extracting, forgetting and pruning are
   this. Numbers stay where they lie; experts that nobody kept go, and the others move up. */
#include "model/model.h"
#include <stdlib.h>
#include <string.h>

struct keeping {
    const pwy_model *m;
    const bool *keep;                   /* [tasks] */
    bool *param;                        /* [params] */
    bool **expert;                      /* [layers] (experts) */
    int32_t **id;                       /* [layers] (experts): the new number, -1: gone */
    int *n;                             /* [layers] experts that stay */
    int routed;                         /* that the routers know: the same in all layers */
};

/* --- what stays --- */

static int param_index(const struct pw_params *set, const struct pw_param *p)
{
    return (int)pw_map_find(set->names, p->name, strlen(p->name));
}

static pwy_status mark(void *arg, const struct pw_closure_part *part)
{
    struct keeping *k = arg;
    k->param[param_index(k->m->params, part->p)] = true;
    if (part->expert >= 0) k->expert[pw_trunk_layer_of(part->p->name)][part->expert] = true;
    return PWY_OK;
}

/* The trunk stays as a trunk, whether or not the tasks have norms and routers of their own. */
static pwy_status mark_all(struct keeping *k)
{
    const struct pw_params *set = k->m->params;
    for (int i = 0; i < set->n; i++) k->param[i] = pw_trunk_owns(set->list[i]->name);
    for (int64_t t = 0; t < k->m->registry->n; t++) {
        struct pw_net *net;
        if (!k->keep[t]) continue;
        PW_TRY(pw_net_open(k->m, t, &net));
        PW_TRY(pw_closure_walk(k->m, net, mark, k));
    }
    return PWY_OK;
}

/* At least topk a layer, so that the trunk's own router can choose. */
static void number_layer(struct keeping *k, int layer)
{
    int n = 0, all = pw_trunk_experts(k->m->trunk, layer), known = 0;
    for (int e = 0; e < all; e++) n += k->expert[layer][e];
    for (int e = 0; e < all && n < k->m->shape.topk; e++) {
        n += !k->expert[layer][e];
        k->expert[layer][e] = true;
    }
    for (int e = n = 0; e < all; e++) {
        k->id[layer][e] = k->expert[layer][e] ? n++ : -1;
        known += k->expert[layer][e] && e < k->m->shape.experts;
    }
    k->n[layer] = n;
    int least = known < k->m->shape.topk ? (int)k->m->shape.topk : known;
    if (least < k->routed) k->routed = least;
}

static pwy_status keeping_open(struct keeping *k)
{
    size_t layers = (size_t)k->m->shape.layers;
    k->routed = (int)k->m->shape.experts;
    PW_NEED(k->param = pw_calloc((size_t)k->m->params->n + 1, sizeof *k->param));
    PW_NEED(k->expert = pw_calloc(layers, sizeof *k->expert));
    PW_NEED(k->id = pw_calloc(layers, sizeof *k->id));
    PW_NEED(k->n = pw_calloc(layers, sizeof *k->n));
    for (size_t l = 0; l < layers; l++) {
        size_t n = (size_t)pw_trunk_experts(k->m->trunk, (int)l) + 1;
        PW_NEED(k->expert[l] = pw_calloc(n, sizeof **k->expert));
        PW_NEED(k->id[l] = pw_calloc(n, sizeof **k->id));
    }
    PW_TRY(mark_all(k));
    for (size_t l = 0; l < layers && k->m->shape.experts > 0; l++) number_layer(k, (int)l);
    return PWY_OK;
}

static void keeping_close(struct keeping *k)
{
    for (int l = 0; l < k->m->shape.layers; l++) {
        if (k->expert != NULL) free(k->expert[l]);
        if (k->id != NULL) free(k->id[l]);
    }
    free(k->expert);
    free(k->id);
    free(k->param);
    free(k->n);
}

/* --- the new set --- */

/* The columns, of a router or its biases, of the experts that the router still knows. */
static pwy_status cut_router(const struct keeping *k, struct pw_params *set, const struct pw_param *p)
{
    int layer = pw_trunk_layer_of(p->name), last = p->rank - 1;
    int64_t shape[2] = {p->shape[0], 0}, width = p->shape[last], rows = p->n / width;
    int32_t *keep, n = 0;
    real *w;
    PW_NEED(keep = pw_calloc((size_t)width + 1, sizeof *keep));
    for (int e = 0; e < width && n < k->routed; e++)
        if (k->expert[layer][e]) keep[n++] = e;
    w = pw_calloc((size_t)(rows * k->routed) + 1, sizeof *w);
    if (w != NULL) pw_copy_columns(rows, width, p->w, keep, k->routed, w);
    free(keep);
    PW_NEED(w);
    shape[last] = k->routed;
    return pw_params_bring(set, p->name, p->rank, shape, w, false);
}

/* Nothing that the router still knows fades in. */
static bool faded(const struct keeping *k, const struct pw_param *p)
{
    if (!pw_trunk_owns(p->name) || strcmp(strrchr(p->name, '.'), ".fade") != 0) return false;
    for (int e = 0, n = 0; e < k->m->shape.experts && n < k->routed; e++) {
        if (!k->expert[pw_trunk_layer_of(p->name)][e]) continue;
        if (p->w[e] != 0) return false;
        n++;
    }
    return true;
}

static pwy_status take_param(const struct keeping *k, struct pw_params *set, const struct pw_param *p)
{
    if (faded(k, p)) return PWY_OK;
    if (k->routed < k->m->shape.experts && pw_trunk_routes(p->name)) return cut_router(k, set, p);
    if (p->slice != NULL) return pw_params_borrow_some(set, p, k->expert[pw_trunk_layer_of(p->name)]);
    return pw_params_borrow(set, p);
}

static pwy_status take_params(const struct keeping *k, pwy_model *own)
{
    const struct pw_params *from = k->m->params;
    PW_NEED(own->params = pw_params_new((uint64_t)k->m->shape.seed));
    for (int i = 0; i < from->n; i++)
        if (k->param[i]) PW_TRY(take_param(k, own->params, from->list[i]));
    own->params->closed = true;
    return PWY_OK;
}

/* --- the tasks --- */

static pwy_status take_tasks(const struct keeping *k, pwy_model *own)
{
    PW_TRY(pw_model_copy_tasks(k->m, own));
    for (int64_t i = k->m->registry->n - 1; i >= 0; i--)
        if (!k->keep[i]) PW_TRY(pw_registry_remove(own->registry, pw_registry_at(own->registry, i)->name));
    for (int64_t i = 0; i < own->registry->n; i++) {
        struct pwy_task *t = pw_registry_at(own->registry, i);
        if (k->routed < k->m->shape.experts && t->pathway == NULL) {
            pw_node_free(t->use);
            t->use = NULL;
        }
        PW_TRY(pw_task_renumber(t, k->m, k->id));
    }
    return PWY_OK;
}

static void take_loads(const struct keeping *k, pwy_model *own)
{
    for (int l = 0; l < k->m->shape.layers && k->m->shape.experts > 0; l++) {
        const double *from = pw_trunk_load(k->m->trunk, l);
        double *to = pw_trunk_load(own->trunk, l);
        for (int e = 0; e < pw_trunk_experts(k->m->trunk, l); e++)
            if (k->id[l][e] >= 0) to[k->id[l][e]] = from[e];
    }
}

/* Whose embeddings stay. */
static pwy_status take_vocabularies(const struct keeping *k, pwy_model *own)
{
    for (const struct pw_vocabulary *v = k->m->vocabulary; v != NULL; v = v->next)
        if (k->param[param_index(k->m->params, v->embed)])
            PW_TRY(pw_vocabulary_add(own, v->stem, pw_tok_hold(v->tok)));
    return PWY_OK;
}

static pwy_status restrict_to(const struct keeping *k, pwy_model *own)
{
    own->parent = pw_model_hold((pwy_model *)(uintptr_t)k->m);
    own->shape = k->m->shape;
    own->shape.experts = k->routed;
    PW_TRY(take_vocabularies(k, own));
    if (k->m->run != NULL) PW_NEED(own->run = pw_node_copy(k->m->run));
    PW_TRY(take_tasks(k, own));
    PW_TRY(take_params(k, own));
    PW_TRY(pw_model_assemble(own));
    take_loads(k, own);
    return PWY_OK;
}

pwy_status pw_model_restrict(const pwy_model *m, const bool *keep, pwy_model **out)
{
    struct keeping k = {.m = m, .keep = keep};
    pwy_model *own = NULL;
    PW_TRY(pw_model_plain(m));
    pwy_status status = keeping_open(&k);
    if (status == PWY_OK) status = pw_model_make(m->ctx, &own);
    if (status == PWY_OK) status = restrict_to(&k, own);
    keeping_close(&k);
    if (status == PWY_OK) *out = own;
    else pw_model_release(own);
    return status;
}

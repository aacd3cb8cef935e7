/* A model over another: it reads the other's numbers where they lie, holds the other while it does, and owns only what
   it changes. */
#include "model/model.h"
#include "task/record.h"
#include <stdlib.h>
#include <string.h>

static pwy_status senses_of(void *arg, int64_t task, struct pw_node **out)
{
    return pw_senses_to_node(arg, task, out);
}

/* Tasks as a file would have them, with the sources of the other's. */
pwy_status pw_model_copy_tasks(const pwy_model *m, pwy_model *own)
{
    struct pw_image image = {0};
    pwy_status status = pw_registry_image(m->registry, 0, senses_of, (void *)(uintptr_t)m, &image);
    if (status == PWY_OK) {
        struct pw_task_segment_bytes bytes = pw_image_bytes(&image);
        bytes.name = "model";
        status = pw_registry_open(m->ctx, &bytes, 1, true, &own->registry);
    }
    pw_image_free(&image);
    PW_TRY(status);
    return pw_registry_share_sources(own->registry, m->registry);
}

static pwy_status take_params(const pwy_model *m, bool copy, pwy_model *own)
{
    PW_NEED(own->params = pw_params_new((uint64_t)m->shape.seed));
    for (int i = 0; i < m->params->n; i++)
        PW_TRY((copy ? pw_params_copy : pw_params_borrow)(own->params, m->params->list[i]));
    own->params->closed = true;
    return PWY_OK;
}

void pw_model_copy_loads(const pwy_model *m, pwy_model *own)
{
    for (int l = 0; l < m->shape.layers && m->shape.experts > 0; l++)
        memcpy(pw_trunk_load(own->trunk, l), pw_trunk_load(m->trunk, l),
               (size_t)pw_trunk_experts(m->trunk, l) * sizeof(double));
}

static pwy_status lay_over(const pwy_model *m, bool copy, pwy_model *own)
{
    const pwy_model *under = copy ? m->parent : m;
    if (under != NULL) own->parent = pw_model_hold((pwy_model *)(uintptr_t)under);
    own->shape = m->shape;
    PW_TRY(pw_vocabularies_copy(m, own));
    if (m->run != NULL) PW_NEED(own->run = pw_node_copy(m->run));
    PW_TRY(pw_model_copy_tasks(m, own));
    PW_TRY(take_params(m, copy, own));
    PW_TRY(pw_model_assemble(own));
    pw_model_copy_loads(m, own);
    return PWY_OK;
}

pwy_status pw_model_plain(const pwy_model *m)
{
    for (int i = 0; i < m->params->n; i++)
        if (m->params->list[i]->packed.at != NULL)
            return pw_fail(PWY_E_STATE, "the model is packed for inference; the one that it was packed from would be "
                           "right");
    return PWY_OK;
}

static pwy_status make(const pwy_model *m, bool copy, pwy_model **out)
{
    pwy_model *own;
    PW_TRY(pw_model_plain(m));
    PW_TRY(pw_model_make(m->ctx, &own));
    pwy_status status = lay_over(m, copy, own);
    if (status == PWY_OK) *out = own;
    else pw_model_release(own);
    return status;
}

pwy_status pw_model_overlay(const pwy_model *m, pwy_model **out)
{
    return make(m, false, out);
}

/* Without a model under it, m must own all that it has. */
pwy_status pw_model_snapshot(const pwy_model *m, pwy_model **out)
{
    return make(m, true, out);
}

/* --- growing --- */

static void copy_expert(struct pw_param *p, int from, int to)
{
    memcpy(p->slice[to].w, p->slice[from].w, (size_t)pw_param_group_size(p) * sizeof(real));
}

pwy_status pw_model_clone_expert(pwy_model *m, int layer, int from, int *out)
{
    struct pw_param *w13, *w2;
    int id = pw_trunk_experts(m->trunk, layer);
    PW_TRY(pw_trunk_grow(m->trunk, layer, 1));
    pw_trunk_expert_params(m->trunk, layer, &w13, &w2);
    copy_expert(w13, from, id);
    copy_expert(w2, from, id);
    *out = id;
    return PWY_OK;
}

/* --- shrinking --- */

struct shrinking { pwy_model *m; const pwy_model *base; int32_t **id; bool less; };    /* id [layers] (experts) */

static bool lists_candidates(const struct pw_net *net)
{
    return net->way != NULL && net->way->layer[0].expert != NULL;
}

static void mark_read(const struct shrinking *s, int layer, int32_t *id)
{
    for (int64_t t = s->base->registry->n; t < s->m->registry->n; t++) {
        const struct pw_net *net = pw_net_at(s->m, t);
        const struct pw_way_layer *own = lists_candidates(net) ? &net->way->layer[layer] : NULL;
        for (int i = 0; own != NULL && i < own->n; i++) id[own->expert[i]] = 0;
    }
}

/* The new numbers: what the base has keeps its own, of the others what is read moves up and the rest goes (-1). */
static void number_layer(struct shrinking *s, int layer)
{
    const pwy_model *m = s->m;
    int32_t *id = s->id[layer], n = (int32_t)m->shape.experts, all = pw_trunk_experts(m->trunk, layer);
    if (n < pw_trunk_experts(s->base->trunk, layer)) n = pw_trunk_experts(s->base->trunk, layer);
    for (int32_t e = 0; e < all; e++) id[e] = -1;
    mark_read(s, layer, id);
    for (int32_t e = 0, first = n; e < all; e++) {
        if (e < first) id[e] = e;
        else if (id[e] >= 0) id[e] = n++;
        else s->less = true;
    }
}

static pwy_status number_all(struct shrinking *s)
{
    PW_NEED(s->id = pw_calloc((size_t)s->m->shape.layers, sizeof *s->id));
    for (int64_t t = s->base->registry->n; t < s->m->registry->n; t++) {
        struct pw_net *net;
        PW_TRY(pw_net_open(s->m, t, &net));
    }
    for (int l = 0; l < s->m->shape.layers; l++) {
        PW_NEED(s->id[l] = pw_calloc((size_t)pw_trunk_experts(s->m->trunk, l) + 1, sizeof **s->id));
        number_layer(s, l);
    }
    return PWY_OK;
}

static pwy_status renumber_task(const struct shrinking *s, struct pw_net *net)
{
    if (!lists_candidates(net)) return PWY_OK;
    PW_TRY(pw_task_renumber(net->task, s->m, s->id));
    for (int l = 0; l < net->way->layers; l++) {
        struct pw_way_layer *own = &net->way->layer[l];
        for (int i = 0; i < own->n; i++) own->expert[i] = s->id[l][own->expert[i]];
    }
    return PWY_OK;
}

static pwy_status shrink(struct shrinking *s)
{
    PW_TRY(number_all(s));
    for (int64_t t = s->base->registry->n; s->less && t < s->m->registry->n; t++)
        PW_TRY(renumber_task(s, pw_net_at(s->m, t)));
    for (int l = 0; s->less && l < s->m->shape.layers; l++) pw_trunk_keep(s->m->trunk, l, s->id[l]);
    return PWY_OK;
}

static bool has_grown(const pwy_model *m, const pwy_model *base)
{
    for (int l = 0; l < m->shape.layers && l < base->shape.layers; l++)
        if (pw_trunk_experts(m->trunk, l) > pw_trunk_experts(base->trunk, l)) return true;
    return false;
}

pwy_status pw_model_drop_clones(pwy_model *m, const pwy_model *base)
{
    struct shrinking s = {.m = m, .base = base};
    if (m->shape.experts == 0 || m->registry->n <= base->registry->n || !has_grown(m, base)) return PWY_OK;
    pwy_status status = shrink(&s);
    for (int l = 0; s.id != NULL && l < m->shape.layers; l++) free(s.id[l]);
    free(s.id);
    return status;
}

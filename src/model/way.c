/* A task's pathway between its settings, which name it, and the trunk, where it goes. */
#include "base/num.h"
#include "model/model.h"
#include <stdlib.h>
#include <string.h>

struct plan { struct pw_way_plan to; int32_t **expert; int *n; int layers; };

static void plan_free(struct plan *p)
{
    for (int l = 0; p->expert != NULL && l < p->layers; l++) free(p->expert[l]);
    free(p->expert);
    free(p->n);
}

static pwy_status read_id(const struct pw_node *node, int32_t *out)
{
    double value;
    if (node->kind != PW_SCALAR || !pw_parse_double(node->text, strlen(node->text), &value) || value != (int32_t)value)
        return pw_fail(PWY_E_FORMAT, "its pathway has a candidate expert that is no whole number");
    *out = (int32_t)value;
    return PWY_OK;
}

static pwy_status read_layer(struct plan *p, int layer, const struct pw_node *list)
{
    if (list->kind != PW_LIST) return pw_fail(PWY_E_FORMAT, "its pathway's layer %d is no list of experts", layer);
    PW_NEED(p->expert[layer] = pw_calloc((size_t)list->n + 1, sizeof(int32_t)));
    p->n[layer] = list->n;
    for (int i = 0; i < list->n; i++) PW_TRY(read_id(list->item[i], &p->expert[layer][i]));
    return PWY_OK;
}

static pwy_status read_experts(struct plan *p, const struct pw_node *layers)
{
    if (layers == NULL) return PWY_OK;
    if (layers->kind != PW_LIST || layers->n != p->layers)
        return pw_fail(PWY_E_FORMAT, "its pathway must have a list of experts for each of the %d layers", p->layers);
    PW_NEED(p->expert = pw_calloc((size_t)p->layers, sizeof *p->expert));
    PW_NEED(p->n = pw_calloc((size_t)p->layers, sizeof *p->n));
    for (int l = 0; l < p->layers; l++) PW_TRY(read_layer(p, l, layers->item[l]));
    p->to.expert = (const int32_t *const *)p->expert;
    p->to.n = p->n;
    return PWY_OK;
}

static pwy_status read_plan(const struct pw_node *pathway, struct plan *p)
{
    struct words { const struct pw_node *experts; int64_t adapter; bool norms; } words = {0};
    static const struct pw_option table[] = {
        {"experts", PW_OPT_NODE, offsetof(struct words, experts), 0, 0},
        {"adapter", PW_OPT_INT, offsetof(struct words, adapter), 0, 65536},
        {"norms", PW_OPT_FLAG, offsetof(struct words, norms), 0, 0}, {0}};
    PW_TRY(pw_options_read(pathway, "pathway", table, &words));
    p->to.adapter = (int)words.adapter;
    p->to.norms = words.norms;
    return read_experts(p, words.experts);
}

pwy_status pw_net_open_way(const pwy_model *m, struct pw_net *net)
{
    struct plan p = {.layers = (int)m->shape.layers};
    char *prefix;
    if (net->task->pathway == NULL) return PWY_OK;
    PW_NEED(prefix = pw_printf("task/%s", net->task->name));
    pwy_status status = read_plan(net->task->pathway, &p);
    if (status == PWY_OK) status = pw_pathway_new(m->trunk, m->params, &p.to, prefix, &net->way);
    plan_free(&p);
    free(prefix);
    return status;
}

static pwy_status put_experts(struct pw_node *map, const struct pw_way_plan *plan, int layers)
{
    struct pw_node *list;
    PW_TRY(pw_node_put_new(map, "experts", PW_LIST, &list));
    for (int l = 0; l < layers; l++) {
        struct pw_node *ids;
        PW_TRY(pw_node_add_new(list, PW_LIST, &ids));
        for (int i = 0; i < plan->n[l]; i++) PW_TRY(pw_node_add_int(ids, plan->expert[l][i]));
    }
    return PWY_OK;
}

static pwy_status put_plan(struct pw_node *map, const struct pw_way_plan *plan, int layers)
{
    if (plan->expert != NULL) PW_TRY(put_experts(map, plan, layers));
    if (plan->adapter > 0) PW_TRY(pw_node_put_int(map, "adapter", plan->adapter));
    return plan->norms ? pw_node_put_flag(map, "norms", true) : PWY_OK;
}

pwy_status pw_task_set_pathway(struct pwy_task *t, const struct pw_way_plan *plan, int layers)
{
    struct pw_node *map;
    PW_NEED(map = pw_node_new(PW_MAP));
    pwy_status status = put_plan(map, plan, layers);
    if (status != PWY_OK) {
        pw_node_free(map);
        return status;
    }
    pw_node_free(t->pathway);
    t->pathway = map;
    return PWY_OK;
}

/* --- the same way by other numbers --- */

static pwy_status renumber(const struct pw_way_layer *l, const int32_t *id, int32_t **out)
{
    PW_NEED(*out = pw_calloc((size_t)l->n + 1, sizeof **out));
    for (int i = 0; i < l->n; i++) (*out)[i] = id[l->expert[i]];
    return PWY_OK;
}

static pwy_status renumber_layers(const struct pw_pathway *way, int32_t *const *id, struct plan *p)
{
    PW_NEED(p->expert = pw_calloc((size_t)p->layers, sizeof *p->expert));
    PW_NEED(p->n = pw_calloc((size_t)p->layers, sizeof *p->n));
    for (int l = 0; l < p->layers; l++) {
        p->n[l] = way->layer[l].n;
        PW_TRY(renumber(&way->layer[l], id[l], &p->expert[l]));
    }
    p->to = (struct pw_way_plan){.expert = (const int32_t *const *)p->expert, .n = p->n, .adapter = way->adapter,
                                 .norms = way->norm != NULL};
    return PWY_OK;
}

pwy_status pw_task_renumber(struct pwy_task *t, const pwy_model *m, int32_t *const *id)
{
    struct plan p = {.layers = (int)m->shape.layers};
    struct pw_net *net;
    PW_TRY(pw_model_net(m, t->name, &net));
    if (net->way == NULL || net->way->layer[0].expert == NULL) return PWY_OK;
    pwy_status status = renumber_layers(net->way, id, &p);
    if (status == PWY_OK) status = pw_task_set_pathway(t, &p.to, p.layers);
    plan_free(&p);
    return status;
}

/* What `pathways inspect --json` says: one JSON object a line. */
#include "base/num.h"
#include "model/model.h"
#include <stdlib.h>
#include <string.h>

static pwy_status put_text(struct pw_node *map, const char *key, const char *text)
{
    struct pw_node *value;
    PW_NEED(value = pw_node_text(text, true));
    return pw_node_put(map, key, value);
}

static pwy_status put_number(struct pw_node *map, const char *key, double number)
{
    char text[40];
    struct pw_node *value;
    pw_format_double(text, sizeof text, number);
    PW_NEED(value = pw_node_text(text, false));
    return pw_node_put(map, key, value);
}

static pwy_status put_option(struct pw_node *map, const struct pw_option *o, const void *at)
{
    struct pw_node *flag;
    if (o->type == PW_OPT_INT) return put_number(map, o->name, (double)*(const int64_t *)at);
    if (o->type == PW_OPT_NUMBER) return put_number(map, o->name, *(const double *)at);
    PW_NEED(flag = pw_node_text(*(const bool *)at ? "true" : "false", false));
    return pw_node_put(map, o->name, flag);
}

pwy_status pw_shape_to_node(const struct pw_shape *s, struct pw_node **out)
{
    struct pw_node *map;
    PW_NEED(map = pw_node_new(PW_MAP));
    for (const struct pw_option *o = pw_shape_options; o->name != NULL; o++) {
        const char *at = (const char *)s + o->offset;
        pwy_status status = put_option(map, o, at);
        if (status == PWY_OK) continue;
        pw_node_free(map);
        return status;
    }
    *out = map;
    return PWY_OK;
}

static pwy_status end_line(struct pw_node *line, pwy_status status, struct pw_buf *out)
{
    char *json = NULL;
    if (status == PWY_OK) status = (json = pw_node_to_json(line)) == NULL ? PWY_E_NOMEM : PWY_OK;
    if (status == PWY_OK) status = pw_buf_printf(out, "%s\n", json);
    free(json);
    pw_node_free(line);
    return status;
}

static pwy_status model_fields(const pwy_model *m, struct pw_node *line)
{
    struct pw_node *shape;
    PW_TRY(put_text(line, "kind", "model"));
    PW_TRY(put_number(line, "parameters", (double)m->total));
    PW_TRY(put_number(line, "tasks", m->registry->n));
    PW_TRY(put_number(line, "tensors", m->params->n));
    PW_TRY(pw_shape_to_node(&m->shape, &shape));
    PW_TRY(pw_node_put(line, "shape", shape));
    if (m->run == NULL) return PWY_OK;
    PW_NEED(shape = pw_node_copy(m->run));
    return pw_node_put(line, "train", shape);
}

static pwy_status put_parts(struct pw_node *line, const struct pwy_task *t)
{
    struct pw_node *parts;
    PW_NEED(parts = pw_node_new(PW_MAP));
    PW_TRY(pw_node_put(line, "parts", parts));
    for (int p = 0; p < t->n_parts; p++) PW_TRY(put_text(parts, t->parts[p].name, t->parts[p].sense));
    return PWY_OK;
}

static pwy_status task_fields(const struct pw_net *net, struct pw_node *line)
{
    const struct pwy_task *t = net->task;
    PW_TRY(put_text(line, "kind", "task"));
    PW_TRY(put_text(line, "task", t->name));
    PW_TRY(put_text(line, "answers", t->head->name));
    PW_TRY(put_text(line, "metric", t->metric != NULL ? t->metric : t->head->metric));
    PW_TRY(put_parts(line, t));
    PW_TRY(put_number(line, "outputs", net->outputs));
    PW_TRY(put_number(line, "rows", (double)t->n_train));
    PW_TRY(put_number(line, "parameters", (double)net->own_fixed));
    PW_TRY(put_number(line, "wide_scale", net->wide ? t->wide_scale : 0));
    return put_number(line, "trunk_scale", net->wide ? t->trunk_scale : 1);
}

/* The share of (token, slot) pairs that each expert received, as a running mean over training. */
static pwy_status layer_fields(const pwy_model *m, int layer, struct pw_node *line)
{
    const double *load = pw_trunk_load(m->trunk, layer);
    struct pw_node *list, *value;
    PW_TRY(put_text(line, "kind", "layer"));
    PW_TRY(put_number(line, "layer", layer));
    PW_NEED(list = pw_node_new(PW_LIST));
    PW_TRY(pw_node_put(line, "load", list));
    for (int e = 0; load != NULL && e < m->shape.experts; e++) {
        char text[40];
        pw_format_double(text, sizeof text, load[e]);
        PW_NEED(value = pw_node_text(text, false));
        PW_TRY(pw_node_add(list, value));
    }
    return PWY_OK;
}

pwy_status pw_model_json(const pwy_model *m, struct pw_buf *out)
{
    struct pw_node *line;
    PW_NEED(line = pw_node_new(PW_MAP));
    PW_TRY(end_line(line, model_fields(m, line), out));
    for (int i = 0; i < m->registry->n; i++) {
        PW_NEED(line = pw_node_new(PW_MAP));
        PW_TRY(end_line(line, task_fields(&m->net[i], line), out));
    }
    for (int l = 0; l < m->shape.layers; l++) {
        PW_NEED(line = pw_node_new(PW_MAP));
        PW_TRY(end_line(line, layer_fields(m, l, line), out));
    }
    return PWY_OK;
}

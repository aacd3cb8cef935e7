/* What `pathways inspect --json` says: one JSON object a line. */
#include "base/digest.h"
#include "model/model.h"
#include "task/store.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

static pwy_status put_option(struct pw_node *map, const struct pw_option *o, const void *at)
{
    if (o->type == PW_OPT_INT) return pw_node_put_int(map, o->name, *(const int64_t *)at);
    if (o->type == PW_OPT_WORD) return pw_node_put_text(map, o->name, o->words[*(const int64_t *)at]);
    if (o->type == PW_OPT_NUMBER) return pw_node_put_number(map, o->name, *(const double *)at);
    return pw_node_put_flag(map, o->name, *(const bool *)at);
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
    PW_TRY(pw_node_put_text(line, "kind", "model"));
    PW_TRY(pw_node_put_number(line, "parameters", (double)m->total));
    PW_TRY(pw_node_put_number(line, "tasks", m->registry->n));
    PW_TRY(pw_node_put_number(line, "tensors", m->params->n));
    PW_TRY(pw_shape_to_node(&m->shape, &shape));
    PW_TRY(pw_node_put(line, "shape", shape));
    return pw_node_put_copy(line, "train", m->run);
}

static pwy_status put_parts(struct pw_node *line, const struct pwy_task *t)
{
    struct pw_node *parts;
    PW_TRY(pw_node_put_new(line, "parts", PW_MAP, &parts));
    for (int p = 0; p < t->n_parts; p++) PW_TRY(pw_node_put_text(parts, t->parts[p].name, t->parts[p].sense));
    return PWY_OK;
}

static pwy_status put_seal(struct pw_node *line, const struct pwy_task *t)
{
    char digest[PW_DIGEST_HEX];
    PW_TRY(pw_node_put_text(line, "state", pw_state_name((int)pw_task_state(t))));
    if (!t->sealed || t->digest == NULL) return PWY_OK;
    pw_digest_hex(t->digest, digest);
    return pw_node_put_text(line, "digest", digest);
}

/* How many experts of each layer it chooses from, by a router of its own. */
static pwy_status put_candidates(struct pw_node *line, const struct pw_net *net)
{
    struct pw_node *list;
    if (net->way == NULL || net->way->layer[0].expert == NULL) return PWY_OK;
    PW_TRY(pw_node_put_new(line, "candidates", PW_LIST, &list));
    for (int l = 0; l < net->way->layers; l++) PW_TRY(pw_node_add_int(list, net->way->layer[l].n));
    return PWY_OK;
}

static pwy_status task_fields(const struct pw_net *net, struct pw_node *line)
{
    const struct pwy_task *t = net->task;
    PW_TRY(pw_node_put_text(line, "kind", "task"));
    PW_TRY(pw_node_put_text(line, "task", t->name));
    PW_TRY(pw_node_put_text(line, "answers", t->head->name));
    PW_TRY(pw_node_put_text(line, "metric", t->metric != NULL ? t->metric : t->head->metric));
    PW_TRY(put_parts(line, t));
    PW_TRY(put_seal(line, t));
    PW_TRY(pw_node_put_number(line, "outputs", net->outputs));
    PW_TRY(pw_node_put_number(line, "rows", (double)t->n_train));
    PW_TRY(pw_node_put_number(line, "parameters", (double)net->own_fixed));
    PW_TRY(put_candidates(line, net));
    PW_TRY(pw_node_put_number(line, "wide_scale", net->wide ? t->wide_scale : 0));
    return pw_node_put_number(line, "trunk_scale", net->wide ? t->trunk_scale : 1);
}

/* Of the shares: their entropy in nats, and MaxVio, the greatest over the mean, less 1. */
static pwy_status load_fields(const double *load, int experts, struct pw_node *line)
{
    double entropy = 0, most = 0, sum = 0;
    for (int e = 0; e < experts; e++) {
        entropy -= load[e] > 0 ? load[e] * log(load[e]) : 0;
        most = load[e] > most ? load[e] : most;
        sum += load[e];
    }
    PW_TRY(pw_node_put_number(line, "entropy", entropy));
    return pw_node_put_number(line, "max_violation", sum > 0 ? most * experts / sum - 1 : 0);
}

/* The share of (token, slot) pairs that each expert received, as a running mean over training. */
static pwy_status layer_fields(const pwy_model *m, int layer, struct pw_node *line)
{
    const double *load = pw_trunk_load(m->trunk, layer);
    struct pw_node *list;
    PW_TRY(pw_node_put_text(line, "kind", "layer"));
    PW_TRY(pw_node_put_number(line, "layer", layer));
    PW_TRY(pw_node_put_new(line, "load", PW_LIST, &list));
    int experts = load == NULL ? 0 : pw_trunk_experts(m->trunk, layer);
    for (int e = 0; e < experts; e++) PW_TRY(pw_node_add_number(list, load[e]));
    return load == NULL ? PWY_OK : load_fields(load, experts, line);
}

pwy_status pw_model_json(const pwy_model *m, struct pw_buf *out)
{
    struct pw_node *line;
    PW_NEED(line = pw_node_new(PW_MAP));
    PW_TRY(end_line(line, model_fields(m, line), out));
    for (int i = 0; i < m->registry->n; i++) {
        struct pw_net *net;
        PW_TRY(pw_net_open(m, i, &net));
        PW_NEED(line = pw_node_new(PW_MAP));
        PW_TRY(end_line(line, task_fields(net, line), out));
    }
    for (int l = 0; l < m->shape.layers; l++) {
        PW_NEED(line = pw_node_new(PW_MAP));
        PW_TRY(end_line(line, layer_fields(m, l, line), out));
    }
    return PWY_OK;
}

/* The model's own life: opening the senses, declaring every parameter, counting, and the end. */
#include "model/model.h"
#include <stdlib.h>
#include <stdio.h>
#include <string.h>

/* --- senses --- */

static pwy_status open_sense(pwy_model *m, struct pw_net *net, int part)
{
    const struct pw_task_part *what = &net->task->parts[part];
    struct pw_sense *s = &net->sense[part];
    s->params = m->params;
    s->tok = m->tok;
    s->d = (int)m->shape.d;
    s->kind = net->task->head->name;
    s->outputs = net->outputs;
    PW_NEED(s->own = pw_printf("task/%s/%s", net->task->name, what->name));
    s->ops = pw_sense_find(what->sense);
    if (s->ops == NULL)
        return pw_fail(PWY_E_UNSUPPORTED, "part '%s': this build has no sense '%s'", what->name, what->sense);
    return s->ops->open(s, what->options);
}

static pwy_status open_net(pwy_model *m, struct pw_net *net, struct pwy_task *t)
{
    net->task = t;
    net->writes = !t->head->reads_out;
    net->outputs = net->writes ? 0 : t->head->outputs(t);
    net->n_parts = t->n_parts;
    PW_NEED(net->sense = pw_calloc((size_t)t->n_parts, sizeof *net->sense));
    PW_NEED(net->wide_table = pw_calloc((size_t)t->n_parts, sizeof *net->wide_table));
    PW_NEED(net->wide_dense = pw_calloc((size_t)t->n_parts, sizeof *net->wide_dense));
    for (int p = 0; p < t->n_parts; p++)
        if (open_sense(m, net, p) != PWY_OK) return pw_fail_task(t->name);
    return PWY_OK;
}

pwy_status pw_nets_open(pwy_model *m)
{
    PW_NEED(m->net = pw_calloc((size_t)m->registry->n, sizeof *m->net));
    for (int i = 0; i < m->registry->n; i++) PW_TRY(open_net(m, pw_net_at(m, i), pw_registry_at(m->registry, i)));
    return PWY_OK;
}

/* --- parameters --- */

static pwy_status declare_wide(pwy_model *m, struct pw_net *net, int part)
{
    struct pw_sense *s = &net->sense[part];
    const int64_t c = net->outputs;
    if (s->wide_rows > 0) {
        PW_TRY(pw_param_declare(m->params, PW_TABLE, PW_ZEROS, 0, 2, PW_SHAPE(s->wide_rows, c), &net->wide_table[part],
                                "%s/wide", s->own));
        net->wide_table[part]->lr_scale = 5;
    }
    if (s->wide_dense > 0)
        PW_TRY(pw_param_declare(m->params, PW_MATRIX, PW_ZEROS, 0, 2, PW_SHAPE(s->wide_dense, c),
                                &net->wide_dense[part], "%s/wide_dense", s->own));
    net->wide = net->wide || s->wide_rows > 0 || s->wide_dense > 0 || s->wide_logits;
    return PWY_OK;
}

static pwy_status declare_head(pwy_model *m, struct pw_net *net)
{
    const char *name = net->task->name;
    const int64_t width = 2 * m->shape.d, c = net->outputs;
    bool bias = false;
    PW_TRY(pw_param_declare(m->params, PW_VECTOR, PW_ONES, 0, 1, PW_SHAPE(width), &net->norm_w, "task/%s/norm.w",
                            name));
    PW_TRY(pw_param_declare(m->params, PW_VECTOR, PW_ZEROS, 0, 1, PW_SHAPE(width), &net->norm_b, "task/%s/norm.b",
                            name));
    PW_TRY(pw_param_declare(m->params, PW_MATRIX, PW_NORMAL, .1 / sqrt((double)width), 2, PW_SHAPE(width, c),
                            &net->head_w, "task/%s/head.w", name));
    PW_TRY(pw_param_declare(m->params, PW_VECTOR, PW_ZEROS, 0, 1, PW_SHAPE(c), &net->head_b, "task/%s/head.b", name));
    for (int p = 0; p < net->n_parts; p++) {
        PW_TRY(declare_wide(m, net, p));
        bias = bias || net->wide_table[p] != NULL || net->wide_dense[p] != NULL;
    }
    if (!bias) return PWY_OK;
    return pw_param_declare(m->params, PW_VECTOR, PW_ZEROS, 0, 1, PW_SHAPE(c), &net->wide_bias, "task/%s/wide.b", name);
}

static pwy_status declare_net(pwy_model *m, struct pw_net *net)
{
    PW_TRY(pw_param_declare(m->params, PW_VECTOR, PW_NORMAL, .5, 2, PW_SHAPE(1, m->shape.d), &net->token,
                            "task/%s/token", net->task->name));
    for (int p = 0; p < net->n_parts && !pw_streams(net); p++) PW_TRY(net->sense[p].ops->declare(&net->sense[p]));
    return net->writes ? PWY_OK : declare_head(m, net);
}

static pwy_status declare_trunk(pwy_model *m)
{
    const struct pw_shape *s = &m->shape;
    struct pw_trunk_config c = {
        .d = (int)s->d, .layers = (int)s->layers, .heads = (int)s->heads, .kv_heads = (int)s->kv_heads,
        .experts = (int)s->experts, .topk = (int)s->topk, .hidden = (int)s->hidden, .shared = (int)s->shared,
        .parallel = s->parallel, .rope_base = 10000, .expert_lr = s->expert_lr,
        .router = {.renormalise = s->topk > 1, .balance = s->balance, .zloss = s->zloss, .load_memory = .98}};
    return pw_trunk_new(&c, m->params, &m->trunk);
}

/* --- counting --- */

static bool starts(const char *name, const char *prefix, size_t len)
{
    return strncmp(name, prefix, len) == 0 && (name[len] == '/' || name[len] == '.');
}

/* Whether an answer of this net reads the whole of p: its own, or its senses' shared ones; tables are counted by the
   row. */
static bool reads_whole(const struct pwy_model *m, const struct pw_net *net, const struct pw_param *p)
{
    char own[512];
    int len = snprintf(own, sizeof own, "task/%s", net->task->name);
    if (p->kind == PW_TABLE || p == m->embed) return false;
    if (starts(p->name, own, (size_t)len)) return true;
    for (int i = 0; i < net->n_parts; i++)
        if (starts(p->name, net->sense[i].ops->name, strlen(net->sense[i].ops->name))) return true;
    return false;
}

static void count_parameters(pwy_model *m)
{
    m->expert_size = 3 * m->shape.d * m->shape.hidden;
    for (int i = 0; i < m->params->n; i++) {
        const struct pw_param *p = m->params->list[i];
        m->total += p->n;
        if (starts(p->name, "trunk", 5) && strstr(p->name, ".experts.") == NULL) m->trunk_fixed += p->n;
        for (int t = 0; t < m->registry->n; t++)
            if (reads_whole(m, pw_net_at(m, t), p)) pw_net_at(m, t)->own_fixed += p->n;
    }
    for (int t = 0; t < m->registry->n; t++)
        if (pw_net_at(m, t)->writes && m->embed != NULL) pw_net_at(m, t)->own_fixed += m->embed->n;
}

/* The embedding with lanes over the vocabulary, for writing one row at a time. */
static pwy_status transpose_embedding(pwy_model *m)
{
    const int64_t v = m->shape.vocab, d = m->shape.d;
    bool writes = false;
    for (int i = 0; i < m->registry->n; i++) writes = writes || pw_net_at(m, i)->writes;
    if (!writes) return PWY_OK;
    PW_NEED(m->embed_t = pw_calloc((size_t)(v * d), sizeof(real)));
    for (int64_t i = 0; i < v; i++)
        for (int64_t j = 0; j < d; j++) m->embed_t[j * v + i] = m->embed->w[i * d + j];
    return PWY_OK;
}

pwy_status pw_model_declare(pwy_model *m)
{
    PW_TRY(declare_trunk(m));
    if (m->tok != NULL) {
        m->shape.vocab = pw_tok_vocab(m->tok);
        PW_TRY(pw_text_embedding(m->params, m->tok, (int)m->shape.d, &m->embed));
    }
    for (int i = 0; i < m->registry->n; i++)
        if (declare_net(m, pw_net_at(m, i)) != PWY_OK) return pw_fail_task(pw_net_at(m, i)->task->name);
    count_parameters(m);
    return transpose_embedding(m);
}

/* --- from a file --- */

pwy_status pw_model_assemble(pwy_model *m, const struct pw_node *senses)
{
    PW_TRY(pw_nets_open(m));
    for (int i = 0; i < m->registry->n; i++) {
        struct pw_net *net = pw_net_at(m, i);
        const struct pw_node *of_task = pw_node_get(senses, net->task->name);
        for (int p = 0; p < net->n_parts; p++) {
            struct pw_sense *s = &net->sense[p];
            const struct pw_node *saved = pw_node_get(of_task, net->task->parts[p].name);
            if (s->ops->load != NULL && s->ops->load(s, saved) != PWY_OK) return pw_fail_task(net->task->name);
        }
    }
    return pw_model_declare(m);
}

static pwy_status save_sense(const struct pw_sense *s, const char *part, struct pw_node *of_task)
{
    struct pw_node *own;
    PW_TRY(pw_node_put_new(of_task, part, PW_MAP, &own));
    return s->ops->save == NULL ? PWY_OK : s->ops->save(s, own);
}

static pwy_status save_senses(const struct pw_net *net, struct pw_node *into)
{
    struct pw_node *of_task;
    PW_TRY(pw_node_put_new(into, net->task->name, PW_MAP, &of_task));
    for (int p = 0; p < net->n_parts; p++) PW_TRY(save_sense(&net->sense[p], net->task->parts[p].name, of_task));
    return PWY_OK;
}

pwy_status pw_senses_to_node(const pwy_model *m, struct pw_node **out)
{
    struct pw_node *all;
    PW_NEED(all = pw_node_new(PW_MAP));
    for (int i = 0; i < m->registry->n; i++) {
        pwy_status status = save_senses(pw_net_at(m, i), all);
        if (status == PWY_OK) continue;
        pw_node_free(all);
        return status;
    }
    *out = all;
    return PWY_OK;
}

/* --- life --- */

pwy_status pw_model_make(pwy_context *ctx, pwy_model **out)
{
    pwy_model *m;
    PW_NEED(m = pw_calloc(1, sizeof *m));
    m->count = 1;
    m->ctx = pw_context_hold(ctx);
    *out = m;
    return PWY_OK;
}

pwy_model *pw_model_hold(pwy_model *m)
{
    __atomic_add_fetch(&m->count, 1, __ATOMIC_RELAXED);
    return m;
}

static void free_net(struct pw_net *net)
{
    for (int p = 0; net->sense != NULL && p < net->n_parts; p++) {
        struct pw_sense *s = &net->sense[p];
        if (s->ops != NULL) s->ops->close(s);
        free(s->own);
    }
    free(net->sense);
    free(net->wide_table);
    free(net->wide_dense);
}

static void free_parts(pwy_model *m)
{
    for (int i = 0; m->net != NULL && i < m->registry->n; i++) free_net(pw_net_at(m, i));
    free(m->net);
    free(m->embed_t);
    pw_trunk_free(m->trunk);
    pw_params_free(m->params);
    pw_tok_release(m->tok);
    pwy_registry_free(m->registry);
    pw_node_free(m->run);
    if (m->file.data != NULL) pw_map_close(&m->file);
    free(m->memory);
    pwy_context_free(m->ctx);
}

void pw_model_release(pwy_model *m)
{
    if (m == NULL || __atomic_sub_fetch(&m->count, 1, __ATOMIC_ACQ_REL) > 0) return;
    free_parts(m);
    free(m);
}

pwy_status pw_model_net(const pwy_model *m, const char *task, struct pw_net **out)
{
    struct pwy_task *t;
    PW_TRY(pw_registry_get(m->registry, task, &t));
    *out = pw_net_at(m, t->index);
    return PWY_OK;
}

/* A task's own part of the network: its senses, opened and declared when first asked for. */
#include "model/which.h"
#include <pthread.h>
#include <stdlib.h>
#include <stdio.h>
#include <string.h>

struct pw_nets {
    pthread_mutex_t lock;               /* held while a net is opened: any session may be the first to ask */
    struct pw_net **net; int n;         /* [n], NULL: not opened yet */
};

/* --- senses --- */

static pwy_status open_sense(const pwy_model *m, struct pw_net *net, int part)
{
    const struct pw_task_part *what = &net->task->parts[part];
    struct pw_sense *s = &net->sense[part];
    s->params = m->params;
    if (net->vocabulary != NULL) s->tok = net->vocabulary->tok;
    s->d = (int)m->shape.d;
    s->kind = net->task->head->name;
    s->outputs = net->outputs;
    s->stem = pw_task_stem(net->task, what->sense);
    PW_NEED(s->own = pw_printf("task/%s/%s", net->task->name, what->name));
    s->ops = pw_sense_find(what->sense);
    if (s->ops == NULL)
        return pw_fail(PWY_E_UNSUPPORTED, "part '%s': this build has no sense '%s'", what->name, what->sense);
    return s->ops->open(s, what->options);
}

static pwy_status open_senses(const pwy_model *m, struct pw_net *net, struct pwy_task *t)
{
    net->task = t;
    net->writes = !t->head->reads_out;
    net->outputs = net->writes ? 0 : t->head->outputs(t);
    net->vocabulary = pw_vocabulary_of(m, pw_task_stem(t, "text"));
    net->n_parts = t->n_parts;
    PW_NEED(net->sense = pw_calloc((size_t)t->n_parts, sizeof *net->sense));
    PW_NEED(net->wide_table = pw_calloc((size_t)t->n_parts, sizeof *net->wide_table));
    PW_NEED(net->wide_dense = pw_calloc((size_t)t->n_parts, sizeof *net->wide_dense));
    for (int p = 0; p < t->n_parts; p++)
        if (open_sense(m, net, p) != PWY_OK) return pw_fail_task(t->name);
    return PWY_OK;
}


/* --- parameters --- */

static pwy_status declare_wide(const pwy_model *m, struct pw_net *net, int part)
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

static pwy_status declare_head(const pwy_model *m, struct pw_net *net)
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

static pwy_status declare_net(const pwy_model *m, struct pw_net *net)
{
    PW_TRY(pw_param_declare(m->params, PW_VECTOR, PW_NORMAL, .5, 2, PW_SHAPE(1, m->shape.d), &net->token,
                            "task/%s/token", net->task->name));
    PW_TRY(pw_which_declare(m, net->task));
    for (int p = 0; p < net->n_parts && !pw_streams(net); p++) PW_TRY(net->sense[p].ops->declare(&net->sense[p]));
    return net->writes ? PWY_OK : declare_head(m, net);
}

/* --- counting --- */

static bool starts(const char *name, const char *prefix, size_t len)
{
    return strncmp(name, prefix, len) == 0 && (name[len] == '/' || name[len] == '.');
}

/* Whether an answer of this net reads the whole of p: its own, or its senses' shared ones; tables are counted by the
   row. */
static bool reads_whole(const struct pw_net *net, const struct pw_param *p)
{
    char own[512];
    int len = snprintf(own, sizeof own, "task/%s", net->task->name);
    if (p->kind == PW_TABLE || pw_which_owns(p->name)) return false;
    if (starts(p->name, own, (size_t)len)) return true;
    for (int i = 0; i < net->n_parts; i++)
        if (starts(p->name, net->sense[i].stem, strlen(net->sense[i].stem))) return true;
    return false;
}

void pw_net_count(const pwy_model *m, struct pw_net *net)
{
    net->own_fixed = 0;
    for (int i = 0; i < m->params->n; i++) {
        const struct pw_param *p = m->params->list[i];
        if (reads_whole(net, p)) net->own_fixed += p->n;
        if (starts(p->name, "trunk", 5) && pw_way_replaces(net, p->name)) net->own_fixed -= p->n;
    }
    if (net->writes && net->vocabulary != NULL) net->own_fixed += net->vocabulary->embed->n;
}

/* --- opening --- */

static void free_net(struct pw_net *net)
{
    for (int p = 0; net->sense != NULL && p < net->n_parts; p++) {
        struct pw_sense *s = &net->sense[p];
        if (s->ops != NULL) s->ops->close(s);
        free(s->own);
    }
    pw_pathway_free(net->way);
    free(net->sense);
    free(net->wide_table);
    free(net->wide_dense);
    free(net);
}

static pwy_status make_net(const pwy_model *m, int task, struct pw_net **out)
{
    struct pw_net *net;
    struct pwy_task *t;
    PW_TRY(pw_registry_task(m->registry, task, &t));
    PW_NEED(net = pw_calloc(1, sizeof *net));
    pwy_status status = open_senses(m, net, t);
    if (status == PWY_OK) *out = net;
    else free_net(net);
    return status;
}

static pwy_status load_senses(struct pw_net *net)
{
    struct pw_node *saved;
    pwy_status status = PWY_OK;
    PW_TRY(pw_task_senses(net->task, &saved));
    for (int p = 0; p < net->n_parts && status == PWY_OK; p++) {
        struct pw_sense *s = &net->sense[p];
        if (s->ops->load != NULL) status = s->ops->load(s, pw_node_get(saved, net->task->parts[p].name));
    }
    pw_node_free(saved);
    return status;
}

static pwy_status declare_and_count(const pwy_model *m, struct pw_net *net)
{
    PW_TRY(declare_net(m, net));
    PW_TRY(pw_net_open_way(m, net));
    pw_net_count(m, net);
    if (!net->writes) return PWY_OK;
    if (net->vocabulary == NULL) return pw_fail(PWY_E_FORMAT, "the task writes, but the model has no tokenizer");
    return pw_vocabulary_pack(m, net->vocabulary);
}

enum { STRETCH = 16384 };               /* bytes that are worth a call */

static pwy_status read_soon(void *arg, const struct pw_closure_part *part)
{
    const struct pw_param *p = part->p;
    const real *w = part->expert < 0 ? p->w : pw_param_group(p, part->expert);
    size_t bytes = (size_t)(part->expert < 0 ? p->n : pw_param_group_size(p)) * sizeof(real);
    (void)arg;
    if (w != NULL && p->mapped && p->kind != PW_TABLE && p->kind != PW_CONST && bytes >= STRETCH) pw_map_soon(w, bytes);
    return PWY_OK;
}

/* Has the system read the few experts of a way, and what else an answer reads whole, in the background. */
static pwy_status read_ahead(const pwy_model *m, const struct pw_net *net)
{
    if (m->files == NULL || net->way == NULL || net->way->layer[0].router == NULL) return PWY_OK;
    return pw_closure_walk(m, net, read_soon, NULL);
}

static pwy_status load_net(const pwy_model *m, int task)
{
    struct pw_net *net;
    PW_TRY(make_net(m, task, &net));
    pwy_status status = load_senses(net);
    if (status == PWY_OK) status = declare_and_count(m, net);
    if (status == PWY_OK) status = read_ahead(m, net);
    if (status == PWY_OK) {
        __atomic_store_n(&m->nets->net[task], net, __ATOMIC_RELEASE);
        return PWY_OK;
    }
    pw_fail_task(net->task->name);
    free_net(net);
    return status;
}

struct pw_net *pw_net_at(const pwy_model *m, int64_t task)
{
    return __atomic_load_n(&m->nets->net[task], __ATOMIC_ACQUIRE);
}

pwy_status pw_net_open(const pwy_model *m, int64_t task, struct pw_net **out)
{
    struct pw_net *net = pw_net_at(m, task);
    pwy_status status = PWY_OK;
    if (net == NULL) {
        pthread_mutex_lock(&m->nets->lock);
        if (m->nets->net[task] == NULL) status = load_net(m, (int)task);
        net = m->nets->net[task];
        pthread_mutex_unlock(&m->nets->lock);
    }
    PW_TRY(status);
    *out = net;
    return PWY_OK;
}

pwy_status pw_nets_make(pwy_model *m)
{
    struct pw_nets *nets;
    PW_NEED(m->nets = nets = pw_calloc(1, sizeof *nets));
    pthread_mutex_init(&nets->lock, NULL);
    nets->n = m->registry->n;
    PW_NEED(nets->net = pw_calloc((size_t)nets->n + 1, sizeof(struct pw_net *)));
    return PWY_OK;
}

pwy_status pw_nets_extend(pwy_model *m)
{
    struct pw_nets *nets = m->nets;
    struct pw_net **net = pw_realloc(nets->net, (size_t)m->registry->n + 1, sizeof *net);
    PW_NEED(net);
    for (int i = nets->n; i < m->registry->n; i++) net[i] = NULL;
    nets->net = net;
    nets->n = m->registry->n;
    return PWY_OK;
}

pwy_status pw_nets_fit_open(pwy_model *m, int first)
{
    for (int i = first; i < m->nets->n; i++) PW_TRY(make_net(m, i, &m->nets->net[i]));
    return PWY_OK;
}

pwy_status pw_nets_declare(pwy_model *m, int first)
{
    for (int i = first; i < m->nets->n; i++)
        if (m->nets->net[i] != NULL && declare_and_count(m, m->nets->net[i]) != PWY_OK)
            return pw_fail_task(m->nets->net[i]->task->name);
    return PWY_OK;
}

void pw_nets_free(struct pw_nets *nets)
{
    if (nets == NULL) return;
    for (int i = 0; nets->net != NULL && i < nets->n; i++)
        if (nets->net[i] != NULL) free_net(nets->net[i]);
    pthread_mutex_destroy(&nets->lock);
    free(nets->net);
    free(nets);
}

/* --- what the senses keep --- */

static pwy_status save_sense(const struct pw_sense *s, const char *part, struct pw_node *of_task)
{
    struct pw_node *own;
    PW_TRY(pw_node_put_new(of_task, part, PW_MAP, &own));
    return s->ops->save == NULL ? PWY_OK : s->ops->save(s, own);
}

pwy_status pw_senses_to_node(const pwy_model *m, int64_t task, struct pw_node **out)
{
    const struct pw_net *net = pw_net_at(m, task);
    struct pw_node *of_task = NULL;
    pwy_status status = PWY_OK;
    if (net != NULL) PW_NEED(of_task = pw_node_new(PW_MAP));
    for (int p = 0; net != NULL && p < net->n_parts && status == PWY_OK; p++)
        status = save_sense(&net->sense[p], net->task->parts[p].name, of_task);
    if (status == PWY_OK) *out = of_task;
    else pw_node_free(of_task);
    return status;
}

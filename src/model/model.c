/* The model's own life: what all tasks share, counting, and the end. */
#include "model/model.h"
#include <stdlib.h>
#include <stdio.h>
#include <string.h>

static pwy_status declare_trunk(pwy_model *m)
{
    const struct pw_shape *s = &m->shape;
    struct pw_trunk_config c = {
        .d = (int)s->d, .layers = (int)s->layers, .heads = (int)s->heads, .kv_heads = (int)s->kv_heads,
        .experts = (int)s->experts, .topk = (int)s->topk, .hidden = (int)s->hidden, .shared = (int)s->shared,
        .parallel = s->parallel, .rope_base = 10000, .expert_lr = s->expert_lr, .bias_rate = s->bias_rate,
        .router = {.policy = (enum pw_router_policy)s->router, .sigmoid = s->gate == 1, .by_bias = s->balance_by == 1,
                   .renormalise = s->normalise == 0, .gate_scale = s->gate_scale, .capacity = s->capacity,
                   .balance = s->balance, .zloss = s->zloss, .load_memory = .98, .jitter = s->jitter}};
    if (c.router.policy == PW_CALLER) {
        c.router.choose = (pw_route_fn)m->ctx->route;
        c.router.grad = (pw_route_grad_fn)m->ctx->route_grad;
        c.router.user = m->ctx->route_user;
    }
    return pw_trunk_new(&c, m->params, &m->trunk);
}

static bool is_common(const struct pw_param *p)
{
    return pw_trunk_owns(p->name) && strstr(p->name, ".experts.") == NULL;
}

void pw_model_count(pwy_model *m)
{
    m->expert_size = 3 * m->shape.d * m->shape.hidden;
    m->total = m->trunk_fixed = 0;
    for (int i = 0; i < m->params->n; i++) {
        const struct pw_param *p = m->params->list[i];
        m->total += p->n;
        if (is_common(p)) m->trunk_fixed += p->n;
    }
}

pwy_status pw_model_declare(pwy_model *m)
{
    PW_TRY(declare_trunk(m));
    PW_TRY(pw_vocabularies_declare(m));
    PW_TRY(pw_nets_declare(m, 0));
    pw_model_count(m);
    return PWY_OK;
}

pwy_status pw_model_assemble(pwy_model *m)
{
    PW_TRY(pw_nets_make(m));
    return pw_model_declare(m);
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

static void free_parts(pwy_model *m)
{
    pw_nets_free(m->nets);
    pw_trunk_free(m->trunk);
    pw_params_free(m->params);
    pw_vocabularies_free(m);
    pwy_registry_free(m->registry);
    pw_node_free(m->run);
    pw_model_release(m->parent);
    pw_model_release(m->other);
    if (m->close_files != NULL) m->close_files(m->files);
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
    return pw_net_open(m, t->index, out);
}

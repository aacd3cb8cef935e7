#include "route/pathway.h"
#include "route/trunk.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* --- parameters --- */

struct making { struct pw_params *set; const char *prefix; int layer, d; };

static pwy_status declare(const struct making *m, enum pw_param_kind kind, enum pw_init init, double spread, int rows,
                          int width, const char *name, struct pw_param **out)
{
    return pw_param_declare(m->set, kind, init, spread, 2, PW_SHAPE(rows, width), out, "%s/trunk.%d.%s", m->prefix,
                            m->layer, name);
}

static pwy_status declare_norm(const struct making *m, const char *name, struct pw_param **out)
{
    return pw_param_declare(m->set, PW_VECTOR, PW_ONES, 0, 1, PW_SHAPE(m->d), out, "%s/trunk.%d.%s", m->prefix,
                            m->layer, name);
}

static pwy_status declare_adapter(const struct making *m, int r, struct pw_way_layer *l)
{
    PW_TRY(declare(m, PW_MATRIX, PW_NORMAL, 1 / sqrt((double)m->d), m->d, 2 * r, "adapter.up", &l->up));
    return declare(m, PW_MATRIX, PW_ZEROS, 0, r, m->d, "adapter.down", &l->down);
}

static pwy_status check_candidates(const struct pw_trunk *t, int layer, int n, const int32_t *expert)
{
    int experts = pw_trunk_experts(t, layer), topk = t->config.topk;
    if (n < topk)
        return pw_fail(PWY_E_ARGUMENT, "pathway: layer %d has %d candidate experts; topk %d needs at least as many",
                       layer, n, topk);
    for (int i = 0; i < n; i++)
        if (expert[i] < (i > 0 ? expert[i - 1] + 1 : 0) || expert[i] >= experts)
            return pw_fail(PWY_E_ARGUMENT, "pathway: layer %d has candidate expert %d at place %d; the ids must ascend "
                           "within 0 and %d", layer, expert[i], i, experts - 1);
    return PWY_OK;
}

static pwy_status take_candidates(const struct making *m, const struct pw_trunk *t, int n, const int32_t *expert,
                                  struct pw_way_layer *l)
{
    PW_TRY(check_candidates(t, m->layer, n, expert));
    PW_NEED(l->expert = pw_calloc((size_t)n, sizeof *l->expert));
    memcpy(l->expert, expert, (size_t)n * sizeof *expert);
    l->n = n;
    if (t->config.router.policy == PW_HASH) return PWY_OK;
    PW_TRY(declare(m, PW_MATRIX, PW_NORMAL, .02, m->d, n, "router", &l->router));
    if (!t->config.router.by_bias) return PWY_OK;
    PW_NEED(l->met = pw_calloc((size_t)n, sizeof *l->met));
    return pw_param_declare(m->set, PW_CONST, PW_ZEROS, 0, 1, PW_SHAPE(n), &l->bias, "%s/trunk.%d.bias", m->prefix,
                            m->layer);
}

static pwy_status make_layer(const struct making *m, const struct pw_trunk *t, const struct pw_way_plan *plan,
                             struct pw_way_layer *l)
{
    const struct pw_trunk_config *c = &t->config;
    if (plan->norms) PW_TRY(declare_norm(m, "norm1", &l->norm1));
    if (plan->norms && !c->parallel) PW_TRY(declare_norm(m, "norm2", &l->norm2));
    if (plan->expert != NULL && c->experts > 0)
        PW_TRY(take_candidates(m, t, plan->n[m->layer], plan->expert[m->layer], l));
    return plan->adapter > 0 ? declare_adapter(m, plan->adapter, l) : PWY_OK;
}

static pwy_status make(struct pw_pathway *way, const struct pw_trunk *t, const struct pw_way_plan *plan,
                       struct making *m)
{
    PW_NEED(way->layer = pw_calloc((size_t)way->layers, sizeof *way->layer));
    for (m->layer = 0; m->layer < way->layers; m->layer++) PW_TRY(make_layer(m, t, plan, &way->layer[m->layer]));
    if (!plan->norms) return PWY_OK;
    return pw_param_declare(m->set, PW_VECTOR, PW_ONES, 0, 1, PW_SHAPE(m->d), &way->norm, "%s/trunk.norm", m->prefix);
}

pwy_status pw_pathway_new(const struct pw_trunk *t, struct pw_params *set, const struct pw_way_plan *plan,
                          const char *prefix, struct pw_pathway **out)
{
    struct making m = {set, prefix, 0, t->config.d};
    struct pw_pathway *way;
    PW_NEED(way = pw_calloc(1, sizeof *way));
    way->layers = t->config.layers;
    way->adapter = plan->adapter;
    pwy_status status = make(way, t, plan, &m);
    if (status == PWY_OK) *out = way;
    else pw_pathway_free(way);
    return status;
}

void pw_pathway_free(struct pw_pathway *way)
{
    if (way == NULL) return;
    for (int i = 0; way->layer != NULL && i < way->layers; i++) {
        free(way->layer[i].expert);
        free(way->layer[i].met);
    }
    free(way->layer);
    free(way);
}

/* --- runs --- */

static const struct pw_pathway *way_of(const struct pw_ragged *r, int seq)
{
    return r->way == NULL ? NULL : r->way[seq];
}

/* What a row is known by where nobody says: its place in its sequence. */
static pwy_status row_keys(struct pw_exec *x, const struct pw_ragged *r, const uint64_t **out)
{
    uint64_t *key;
    *out = r->key;
    if (r->key != NULL) return PWY_OK;
    PW_NEED(key = pw_arena_take(x->arena, (size_t)r->off[r->n_seq] + 1, sizeof *key));
    for (int s = 0; s < r->n_seq; s++)
        for (int t = r->off[s]; t < r->off[s + 1]; t++) key[t] = (uint64_t)(t - r->off[s]);
    *out = key;
    return PWY_OK;
}

static pwy_status check_ahead(const struct pw_ragged *r)
{
    for (int s = 0; s < r->n_seq; s++)
        if (r->prefix[s] < r->off[s + 1] - r->off[s] && r->off[s + 1] - r->off[s] > 1)
            return pw_fail(PWY_E_ARGUMENT, "router: expert_choice looks ahead, and sequence %d is causal: of its %d "
                           "rows only %d see each other; topk would be right", s, r->off[s + 1] - r->off[s],
                           r->prefix[s]);
    return PWY_OK;
}

static pwy_status add_heads(struct pw_exec *x, int d, const real *in, struct pw_runs *runs)
{
    real *dhead = NULL;
    if (x->train) PW_NEED(dhead = pw_arena_zero(x->arena, (size_t)runs->n * (size_t)d + 1, sizeof *dhead));
    for (int i = 0; i < runs->n; i++) {
        runs->list[i].head = in + (size_t)runs->list[i].first * (size_t)d;
        runs->list[i].dhead = dhead == NULL ? NULL : dhead + (size_t)i * (size_t)d;
    }
    return PWY_OK;
}

pwy_status pw_runs_make(struct pw_exec *x, const struct pw_trunk_config *c, const struct pw_ragged *r, const real *in,
                        struct pw_runs *out)
{
    enum pw_router_policy policy = c->experts > 0 ? c->router.policy : PW_TOPK;
    bool apart = policy == PW_EXPERT_CHOICE || policy == PW_WHOLE_TASK;
    int n = 0;
    out->key = NULL;
    if (policy == PW_EXPERT_CHOICE) PW_TRY(check_ahead(r));
    if (policy == PW_HASH) PW_TRY(row_keys(x, r, &out->key));
    PW_NEED(out->list = pw_arena_take(x->arena, (size_t)r->n_seq + 1, sizeof *out->list));
    for (int s = 0; s < r->n_seq; s++) {
        int rows = r->off[s + 1] - r->off[s];
        if (n > 0 && !apart && out->list[n - 1].way == way_of(r, s)) out->list[n - 1].rows += rows;
        else out->list[n++] = (struct pw_run){.first = r->off[s], .rows = rows, .way = way_of(r, s)};
    }
    out->n = n;
    return policy == PW_WHOLE_TASK ? add_heads(x, c->d, in, out) : PWY_OK;
}

pwy_status pw_runs_one(struct pw_exec *x, int rows, const struct pw_pathway *way, const real *head, const uint64_t *key,
                       struct pw_runs *out)
{
    PW_NEED(out->list = pw_arena_take(x->arena, 1, sizeof *out->list));
    out->list[0] = (struct pw_run){.rows = rows, .way = way, .head = head};
    out->n = 1;
    out->key = key;
    return PWY_OK;
}

/* More experts for a sparse model: copies of some that are there, behind those that the trunk's routers know, in every
   layer. They sleep to begin with: no row chooses one until training has woken them (pw_trunk_wake). */
#include "model/model.h"
#include <stdlib.h>
#include <string.h>

enum { MOST = 65536 };                  /* experts a layer, as in a recipe */
static const real ASLEEP = -32;         /* e^-32 of a logit's share is lost in rounding */

struct growing {
    const pwy_model *m;
    const struct pw_grow *how;
    int known, more;                    /* experts that the routers know, and that come behind those */
    bool clones;                        /* some layer has experts behind those again: they move up */
    int32_t **from;                     /* [layers] (more): what each is a copy of */
    int32_t **id;                       /* [layers] (experts): the new numbers */
};

/* --- what may be asked --- */

static pwy_status check_numbers(const pwy_model *m, const struct pw_grow *how)
{
    int64_t have = m->shape.experts;
    if (have == 0)
        return pw_fail(PWY_E_STATE, "grow: the model is dense, it has no experts; upcycle makes the first ones");
    if (how->experts < 1)
        return pw_fail(PWY_E_ARGUMENT, "grow: experts is %lld; at least 1 would be right", (long long)how->experts);
    if (how->experts > MOST - have)
        return pw_fail(PWY_E_LIMIT, "grow: %lld experts more than the %lld that a layer has are over %d; at most %lld "
                       "would be right", (long long)how->experts, (long long)have, MOST, (long long)(MOST - have));
    return PWY_OK;
}

static pwy_status refuse_sealed(const struct pwy_task *t)
{
    return pw_fail(PWY_E_STATE, "grow: task '%s' is sealed and goes by the trunk's own routers, so they may not "
                   "change; a model without it would be right", t->name);
}

/* What these decide of one expert depends on how many there are; of the others on no more than its logit. */
static pwy_status refuse_router(const struct pwy_task *t, int64_t router)
{
    return pw_fail(PWY_E_ARGUMENT, "grow: with router %s more experts change which of them a row meets, so the answers "
                   "of task '%s' would change; approximate true would allow that",
                   pw_router_word((enum pw_router_policy)router), t->name);
}

/* A task with a list of candidates meets nothing new. */
static pwy_status check_tasks(const pwy_model *m, const struct pw_grow *how)
{
    int64_t router = m->shape.router;
    bool stays = router == PW_TOPK || router == PW_WHOLE_TASK || how->approximate;
    for (int64_t i = 0; i < m->registry->n; i++) {
        struct pwy_task *t;
        PW_TRY(pw_registry_task(m->registry, i, &t));
        if (pw_node_get(t->pathway, "experts") != NULL) continue;
        if (t->sealed) return refuse_sealed(t);
        if (!stays) return refuse_router(t, router);
    }
    return PWY_OK;
}

/* --- what is copied --- */

struct used { double load; int32_t expert; };

static int most_first(const void *x, const void *y)
{
    const struct used *a = x, *b = y;
    return a->load != b->load ? (a->load < b->load ? 1 : -1) : a->expert - b->expert;
}

/* The layer's experts in the order in which they are copied. */
static void order_layer(const struct growing *g, int layer, struct used *list)
{
    const double *load = pw_trunk_load(g->m->trunk, layer);
    uint64_t key[2] = {(uint64_t)g->how->seed, (uint64_t)layer}, mixed = pw_hash(key, sizeof key);
    uint64_t n = (uint64_t)g->known;
    for (int e = 0; e < g->known; e++) {
        bool any = g->how->copy == PW_GROW_RANDOM;
        list[e] = (struct used){any ? 0 : load[e], any ? (int32_t)pw_permute(mixed, n, (uint64_t)e) : e};
    }
    if (g->how->copy == PW_GROW_USED) qsort(list, (size_t)n, sizeof *list, most_first);
}

/* More than there are: from the first on again. */
static pwy_status choose_layer(struct growing *g, int layer)
{
    struct used *list;
    int all = pw_trunk_experts(g->m->trunk, layer);
    PW_NEED(g->from[layer] = pw_calloc((size_t)g->more, sizeof(int32_t)));
    PW_NEED(g->id[layer] = pw_calloc((size_t)all + 1, sizeof(int32_t)));
    PW_NEED(list = pw_calloc((size_t)g->known, sizeof *list));
    order_layer(g, layer, list);
    for (int i = 0; i < g->more; i++) g->from[layer][i] = list[i % g->known].expert;
    free(list);
    for (int e = 0; e < all; e++) g->id[layer][e] = e < g->known ? e : e + g->more;
    g->clones = g->clones || all > g->known;
    return PWY_OK;
}

static pwy_status growing_open(struct growing *g)
{
    size_t layers = (size_t)g->m->shape.layers;
    PW_NEED(g->from = pw_calloc(layers, sizeof *g->from));
    PW_NEED(g->id = pw_calloc(layers, sizeof *g->id));
    for (size_t l = 0; l < layers; l++) PW_TRY(choose_layer(g, (int)l));
    return PWY_OK;
}

static void growing_close(struct growing *g)
{
    for (int l = 0; l < g->m->shape.layers; l++) {
        if (g->from != NULL) free(g->from[l]);
        if (g->id != NULL) free(g->id[l]);
    }
    free(g->from);
    free(g->id);
}

/* --- the new set --- */

/* Whether it is the trunk's parameter of that name in some layer. */
static bool is(const struct pw_param *p, const char *what)
{
    return pw_trunk_owns(p->name) && strcmp(strrchr(p->name, '.'), what) == 0;
}

/* Copies lie where their originals do until they train. */
static pwy_status take_experts(const struct growing *g, struct pw_params *set, const struct pw_param *p)
{
    int64_t shape[3] = {p->groups + g->more, p->shape[1], p->shape[2]};
    int layer = pw_trunk_layer_of(p->name);
    real **each;
    PW_NEED(each = pw_calloc((size_t)shape[0], sizeof *each));
    for (int64_t e = 0; e < p->groups; e++) each[g->id[layer][e]] = p->slice[e].w;
    for (int i = 0; i < g->more; i++) each[g->known + i] = p->slice[g->from[layer][i]].w;
    pwy_status status = pw_params_bring_slices(set, p->name, 3, shape, each);
    free(each);
    PW_TRY(status);
    if (g->how->noise == 0) return PWY_OK;
    struct pw_rng rng = pw_rng_at((uint64_t)g->how->seed ^ pw_hash("grow", 4), pw_hash(p->name, strlen(p->name)), 0);
    return pw_experts_stir(set->list[set->n - 1], g->known, g->more, g->how->noise, &rng);
}

static pwy_status bring_wider(const struct growing *g, struct pw_params *set, const char *name, int rank, int64_t rows,
                              const int32_t *column, const real *from, real **out)
{
    int n = g->known + g->more;
    int64_t shape[2] = {rank == 1 ? n : rows, n};
    real *w;
    PW_NEED(w = pw_calloc((size_t)(rows * n) + 1, sizeof *w));
    if (from != NULL) pw_copy_columns(rows, g->known, from, column, n, w);
    *out = w;
    return pw_params_bring(set, name, rank, shape, w, false);
}

static real least(const struct pw_param *p)
{
    real min = p->w[0];
    for (int64_t e = 1; e < p->n; e++) min = p->w[e] < min ? p->w[e] : min;
    return min;
}

/* A router or its biases: the copies' columns are their originals'. Of biases, which are added to affinities, they have
   the least, or one could be chosen by its bias alone. */
static pwy_status take_router(const struct growing *g, struct pw_params *set, const struct pw_param *p)
{
    int n = g->known + g->more, layer = pw_trunk_layer_of(p->name);
    int32_t *column;
    real *w;
    PW_NEED(column = pw_calloc((size_t)n, sizeof *column));
    for (int e = 0; e < n; e++) column[e] = e < g->known ? e : g->from[layer][e - g->known];
    pwy_status status = bring_wider(g, set, p->name, p->rank, p->n / g->known, column, p->w, &w);
    free(column);
    PW_TRY(status);
    for (int e = g->known; p->rank == 1 && e < n; e++) w[e] = least(p);
    return PWY_OK;
}

static pwy_status add_fade(const struct growing *g, struct pw_params *set, int layer)
{
    const struct pw_param *old = pw_trunk_fade(g->m->trunk, layer);
    char *name;
    real *w;
    PW_NEED(name = pw_printf("trunk.%d.fade", layer));
    pwy_status status = bring_wider(g, set, name, 1, 1, NULL, NULL, &w);
    free(name);
    PW_TRY(status);
    for (int e = 0; old != NULL && e < g->known; e++) w[e] = old->w[e];
    for (int i = 0; i < g->more; i++) w[g->known + i] = ASLEEP;
    return PWY_OK;
}

static pwy_status take_param(const struct growing *g, struct pw_params *set, const struct pw_param *p)
{
    if (p->slice != NULL) return take_experts(g, set, p);
    if (is(p, ".fade")) return PWY_OK;
    if (is(p, ".bias")) return take_router(g, set, p);
    if (!is(p, ".router")) return pw_params_borrow(set, p);
    PW_TRY(take_router(g, set, p));
    return add_fade(g, set, pw_trunk_layer_of(p->name));
}

static pwy_status take_params(const struct growing *g, pwy_model *own)
{
    PW_NEED(own->params = pw_params_new((uint64_t)g->m->shape.seed));
    for (int i = 0; i < g->m->params->n; i++) PW_TRY(take_param(g, own->params, g->m->params->list[i]));
    own->params->closed = true;
    return PWY_OK;
}

/* --- the model --- */

static pwy_status take_tasks(const struct growing *g, pwy_model *own)
{
    PW_TRY(pw_model_copy_tasks(g->m, own));
    for (int64_t i = 0; g->clones && i < own->registry->n; i++) {
        struct pwy_task *t;
        PW_TRY(pw_registry_task(own->registry, i, &t));
        PW_TRY(pw_task_renumber(t, g->m, g->id));
    }
    return PWY_OK;
}

/* Nobody has met the new ones. */
static void take_loads(const struct growing *g, pwy_model *own)
{
    for (int l = 0; l < g->m->shape.layers; l++) {
        const double *from = pw_trunk_load(g->m->trunk, l);
        double *to = pw_trunk_load(own->trunk, l);
        memset(to, 0, (size_t)pw_trunk_experts(own->trunk, l) * sizeof *to);
        for (int e = 0; e < pw_trunk_experts(g->m->trunk, l); e++) to[g->id[l][e]] = from[e];
    }
}

static pwy_status build(const struct growing *g, pwy_model *own)
{
    own->parent = pw_model_hold((pwy_model *)(uintptr_t)g->m);
    own->shape = g->m->shape;
    own->shape.experts = g->known + g->more;
    PW_TRY(pw_vocabularies_copy(g->m, own));
    if (g->m->run != NULL) PW_NEED(own->run = pw_node_copy(g->m->run));
    PW_TRY(take_tasks(g, own));
    PW_TRY(take_params(g, own));
    PW_TRY(pw_model_assemble(own));
    take_loads(g, own);
    return PWY_OK;
}

static pwy_status grow(const pwy_model *m, const struct pw_grow *how, pwy_model **out)
{
    struct growing g = {.m = m, .how = how, .known = (int)m->shape.experts, .more = (int)how->experts};
    pwy_model *own = NULL;
    pwy_status status = growing_open(&g);
    if (status == PWY_OK) status = pw_model_make(m->ctx, &own);
    if (status == PWY_OK) status = build(&g, own);
    growing_close(&g);
    if (status == PWY_OK) *out = own;
    else pw_model_release(own);
    return status;
}

static const char *const copy_words[] = {"used", "random", NULL};
#define FIELD(name, type, min, max, ...) {#name, type, offsetof(struct pw_grow, name), min, max, __VA_ARGS__}
static const struct pw_option table[] = {
    FIELD(experts, PW_OPT_INT, 0, 9e15, NULL), FIELD(copy, PW_OPT_WORD, 0, 0, copy_words),
    FIELD(noise, PW_OPT_NUMBER, 0, 10, NULL), FIELD(seed, PW_OPT_INT, 0, 9e15, NULL),
    FIELD(approximate, PW_OPT_FLAG, 0, 0, NULL), {0}};

pwy_status pw_model_grow(const pwy_model *m, const struct pw_node *options, pwy_model **out)
{
    struct pw_grow how = {.seed = 1};
    PW_TRY(pw_options_read(options, "grow", table, &how));
    PW_TRY(pw_model_plain(m));
    PW_TRY(check_numbers(m, &how));
    PW_TRY(check_tasks(m, &how));
    return grow(m, &how, out);
}

/* What a task that is added gets of its own: how wide an adapter and how many clones fit into its budget, which experts
   are cloned, and how its way starts, as the old one. */
#include "model/which.h"
#include "train/adding.h"
#include "train/numbers.h"
#include "train/operations.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- how much --- */

/* Numbers that the new task's answers read beside what a clone or an adapter would add. */
static int64_t own_numbers(const struct adding *a, const struct source *s)
{
    int64_t n = (2 * a->m->shape.layers + 1) * a->m->shape.d, d = a->m->shape.d;
    char prefix[256];
    int len = snprintf(prefix, sizeof prefix, "task/%s/", a->net->task->name);
    for (int i = 0; i < a->m->params->n; i++) {
        const struct pw_param *p = a->m->params->list[i];
        if (strncmp(p->name, prefix, (size_t)len) == 0 && !pw_which_owns(p->name)) n += p->n;
    }
    for (int l = 0; s->net->way != NULL && l < s->net->way->layers; l++) n += d * s->net->way->layer[l].n;
    return n;
}

/* Tensors that tell the task from others: a model of its own has them too. */
static int64_t which_numbers(const struct adding *a)
{
    int64_t n = 0;
    char prefix[256];
    int len = snprintf(prefix, sizeof prefix, "task/%s/", a->net->task->name);
    for (int i = 0; i < a->m->params->n; i++) {
        const struct pw_param *p = a->m->params->list[i];
        if (strncmp(p->name, prefix, (size_t)len) == 0 && pw_which_owns(p->name)) n += p->n;
    }
    return n;
}

/* A tenth of what a model of its own would have, whose senses are whole. */
static int64_t usual_budget(const struct adding *a, const struct source *s)
{
    int64_t which = which_numbers(a), n = pw_model_common(a->m, a->net->task) + own_numbers(a, s) + which;
    for (int p = 0; p < a->net->n_parts; p++) n += a->net->sense[p].left_out;
    return n / 10 - which;
}

static int64_t candidates(const struct pw_pathway *way, int most)
{
    int64_t n = 0;
    for (int l = 0; way != NULL && l < way->layers; l++)
        n += most > 0 && most < way->layer[l].n ? most : way->layer[l].n;
    return n;
}

/* What a given budget leaves beside a way without an adapter. Candidates go only where they do not fit in with all: the
   least, topk, always does (cut_further). */
static int64_t left_of_budget(const struct adding *a, const struct pw_pathway *way, int *most)
{
    int64_t left = a->o->parameters - a->came;
    *most = 0;
    if (pw_way_numbers(a->m, candidates(way, 0), 0) <= left) return left - pw_way_numbers(a->m, candidates(way, 0), 0);
    for (int l = 0; way != NULL && l < way->layers; l++) *most = way->layer[l].n > *most ? way->layer[l].n : *most;
    while (*most > a->m->shape.topk && pw_way_numbers(a->m, candidates(way, *most), 0) > left) --*most;
    return left - pw_way_numbers(a->m, candidates(way, *most), 0);
}

void pw_growth_plan(const struct adding *a, const struct source *s, struct growth *out)
{
    const struct pw_shape *shape = &a->m->shape;
    const struct pw_pathway *way = s->net == NULL ? NULL : s->net->way;
    int64_t adapter = 3 * shape->d * shape->layers, clone = 3 * shape->d * shape->hidden, left;
    if (a->o->parameters > 0) left = left_of_budget(a, way, &out->most);
    else left = usual_budget(a, s) - own_numbers(a, s);
    out->adapter = (int)(left / adapter < a->o->adapter ? left > 0 ? left / adapter : 0 : a->o->adapter);
    left -= out->adapter * adapter;
    int64_t clones = left / clone < a->o->clones ? left / clone : a->o->clones;
    out->clones = candidates(way, 0) == 0 || left < 0 ? 0 : (int)clones;
}

/* --- which experts are cloned --- */

struct candidate { int layer, place; double mass; };

static int most_used(const void *x, const void *y)
{
    const struct candidate *a = x, *b = y;
    if (a->mass != b->mass) return a->mass < b->mass ? 1 : -1;
    return a->layer != b->layer ? b->layer - a->layer : a->place - b->place;
}

/* The candidates of the way, most used first; of one layer and another, the later. */
static pwy_status list_candidates(const struct adding *a, const struct pw_pathway *way, struct candidate **out, int *n)
{
    int all = 0, at = 0;
    for (int l = 0; l < way->layers; l++) all += way->layer[l].n;
    PW_NEED(*out = pw_calloc((size_t)all + 1, sizeof **out));
    for (int l = 0; l < way->layers; l++)
        for (int i = 0; i < way->layer[l].n; i++)
            (*out)[at++] = (struct candidate){
                l, i, a->use[l][way->layer[l].expert[i]]};
    qsort(*out, (size_t)all, sizeof **out, most_used);
    *n = all;
    return PWY_OK;
}

/* Candidate lists of the new way: the old one's, the most used experts replaced by clones. from: of each place, the
   place in the old list that its router column comes from. */
struct lists { int layers; int32_t **expert, **from; int *n; };

static void lists_free(struct lists *k)
{
    for (int l = 0; l < k->layers; l++) {
        if (k->expert != NULL) free(k->expert[l]);
        if (k->from != NULL) free(k->from[l]);
    }
    free(k->expert);
    free(k->from);
    free(k->n);
}

static pwy_status lists_open(const struct pw_pathway *way, struct lists *k)
{
    k->layers = way->layers;
    PW_NEED(k->expert = pw_calloc((size_t)way->layers, sizeof *k->expert));
    PW_NEED(k->from = pw_calloc((size_t)way->layers, sizeof *k->from));
    PW_NEED(k->n = pw_calloc((size_t)way->layers, sizeof *k->n));
    for (int l = 0; l < way->layers; l++) {
        PW_NEED(k->expert[l] = pw_calloc((size_t)way->layer[l].n + 1, sizeof(int32_t)));
        PW_NEED(k->from[l] = pw_calloc((size_t)way->layer[l].n + 1, sizeof(int32_t)));
    }
    return PWY_OK;
}

/* How many candidates of the layer are used more than the one at `place`, or as much and stand before it. */
static int before_in_use(const struct adding *a, const struct pw_pathway *way, int layer, int place)
{
    const int32_t *expert = way->layer[layer].expert;
    double mass = a->use[layer][expert[place]];
    int n = 0;
    for (int i = 0; i < way->layer[layer].n; i++)
        n += a->use[layer][expert[i]] > mass || (a->use[layer][expert[i]] == mass && i < place);
    return n;
}

/* Of each layer the `most` that are used most; 0: all. */
static void lists_fill(const struct adding *a, const struct pw_pathway *way, int most, struct lists *k)
{
    for (int l = 0; l < way->layers; l++)
        for (int i = 0; i < way->layer[l].n; i++) {
            if (most > 0 && before_in_use(a, way, l, i) >= most) continue;
            k->expert[l][k->n[l]] = way->layer[l].expert[i];
            k->from[l][k->n[l]++] = i;
        }
}

static bool lists_have(const struct lists *k, int layer, int place)
{
    for (int i = 0; i < k->n[layer]; i++)
        if (k->from[layer][i] == place) return true;
    return false;
}

/* Place `place` of the old list goes to the end, as expert `id`: new experts have the highest numbers. */
static void lists_replace(struct lists *k, int layer, int place, int32_t id)
{
    int at = 0, n = k->n[layer];
    while (k->from[layer][at] != place) at++;
    for (; at + 1 < n; at++) {
        k->expert[layer][at] = k->expert[layer][at + 1];
        k->from[layer][at] = k->from[layer][at + 1];
    }
    k->expert[layer][n - 1] = id;
    k->from[layer][n - 1] = place;
}

/* Clones the most used candidates: each takes the place of its original in the new task's lists. */
static pwy_status clone(struct adding *a, const struct pw_pathway *way, int clones, struct lists *k)
{
    struct candidate *list;
    int n;
    pwy_status status = PWY_OK;
    PW_TRY(list_candidates(a, way, &list, &n));
    for (int i = 0, made = 0; status == PWY_OK && made < clones && i < n; i++) {
        int id, l = list[i].layer;
        if (!lists_have(k, l, list[i].place)) continue;
        made++;
        status = pw_model_clone_expert(a->m, l, way->layer[l].expert[list[i].place], &id);
        if (status == PWY_OK) lists_replace(k, l, list[i].place, id);
    }
    free(list);
    return status;
}

/* --- how it starts: as the old pathway --- */

static void copy_numbers(struct pw_param *to, const struct pw_param *from)
{
    memcpy(to->w, from->w, (size_t)to->n * sizeof(real));
}

static void start_router(const struct pw_way_layer *old, struct pw_way_layer *own, const int32_t *from)
{
    int64_t d = own->router->shape[0];
    for (int64_t i = 0; i < d; i++)
        for (int e = 0; e < own->n; e++) own->router->w[i * own->n + e] = old->router->w[i * old->n + from[e]];
}

static void start_way(const struct adding *a, const struct pw_pathway *old, const struct lists *k)
{
    struct pw_pathway *own = a->net->way;
    for (int l = 0; l < own->layers; l++) {
        struct pw_way_layer *layer = &own->layer[l];
        const struct pw_way_layer *was = old == NULL ? NULL : &old->layer[l];
        const struct pw_param *norm1, *norm2;
        pw_trunk_norms(a->m->trunk, l, &norm1, &norm2);
        copy_numbers(layer->norm1, was != NULL && was->norm1 != NULL ? was->norm1 : norm1);
        if (layer->norm2 != NULL) copy_numbers(layer->norm2, was != NULL && was->norm2 != NULL ? was->norm2 : norm2);
        if (layer->router != NULL) start_router(was, layer, k->from[l]);
    }
    copy_numbers(own->norm, old != NULL && old->norm != NULL ? old->norm : pw_trunk_norm(a->m->trunk));
}

/* A way that goes by the trunk's routers has none. */
static pwy_status make_lists(struct adding *a, const struct pw_pathway *old, const struct growth *g, struct lists *k)
{
    if (old == NULL || (a->m->shape.experts > 0 && old->layer[0].expert == NULL)) return PWY_OK;
    PW_TRY(lists_open(old, k));
    lists_fill(a, old, g->most, k);
    return g->clones > 0 ? clone(a, old, g->clones, k) : PWY_OK;
}

pwy_status pw_growth_give(struct adding *a, const struct source *s, const struct growth *g)
{
    const struct pw_pathway *old = s->net == NULL ? NULL : s->net->way;
    struct lists k = {0};
    pwy_status status = make_lists(a, old, g, &k);
    struct pw_way_plan plan = {.expert = (const int32_t *const *)k.expert, .n = k.n, .adapter = g->adapter,
                               .norms = true};
    if (status == PWY_OK) status = pw_task_set_pathway(a->net->task, &plan, (int)a->m->shape.layers);
    a->m->params->closed = false;
    if (status == PWY_OK) status = pw_net_open_way(a->m, a->net);
    a->m->params->closed = true;
    if (status == PWY_OK) start_way(a, old, &k);
    if (status == PWY_OK) pw_net_count(a->m, a->net);
    lists_free(&k);
    return status;
}

pwy_status pw_growth_within(struct adding *a, const struct source *s, struct growth *g)
{
    if (s->net != NULL) pw_reuse_borrow(a, s);
    int most = g->most;
    pwy_status status = pw_cost_cut_way(a->infer, a->net, a->o->operations, &g->adapter, &g->most);
    if (most > 0 && (g->most == 0 || g->most > most)) g->most = most;
    a->net->way = NULL;
    return status;
}

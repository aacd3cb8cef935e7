/* A task added to a model whose own tasks must not move: everything that is there is locked; what the new task reuses is
   measured, what it must change is cloned, what it lacks is grown, within a budget. */
#include "model/which.h"
#include "train/add.h"
#include "train/near.h"
#include "train/numbers.h"
#include "train/operations.h"
#include "train/probe.h"
#include "train/use.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FIELD(name, type, min, max) {#name, type, offsetof(struct pw_add_options, name), min, max}
static const struct pw_option add_table[] = {
    FIELD(parameters, PW_OPT_INT, 1, 9e15), FIELD(operations, PW_OPT_INT, 1, 9e15), FIELD(adapter, PW_OPT_INT, 0, 65536),
    FIELD(clones, PW_OPT_INT, 0, 65536), FIELD(reuse, PW_OPT_TEXT, 0, 0), FIELD(seed, PW_OPT_INT, 0, 9e15), {0}};

/* Rows of a first and of a second probe; ways in the first and in the second. */
enum { QUICK = 192, CAREFUL = 900, PROBED = 32, FINALISTS = 3 };

struct adding {
    pwy_model *m;                       /* the overlay that it is added to */
    struct pw_net *net;                 /* the new task's */
    const struct pw_add_options *o;
    struct pw_infer *infer;
    int64_t came;                       /* numbers that it brought so far */
    double **use;                       /* [layers] (experts): the gates of the new task's rows on the chosen way */
};

struct source { int64_t task; struct pw_net *net; double score; };

/* --- which old pathway --- */

static bool shares_sense(const struct pwy_task *a, const struct pwy_task *b)
{
    for (int i = 0; i < a->n_parts; i++)
        for (int j = 0; j < b->n_parts; j++)
            if (strcmp(a->parts[i].sense, b->parts[j].sense) == 0) return true;
    return false;
}

/* Trained tasks before the new one with a way of their own; those that share a sense, or all where none does. */
static pwy_status list_sources(const struct adding *a, bool any_sense, struct source *list, int *n)
{
    *n = 0;
    for (int64_t i = 0; i < a->net->task->index; i++) {
        struct pwy_task *t;
        PW_TRY(pw_registry_task(a->m->registry, i, &t));
        if (!t->trained || (!any_sense && !shares_sense(t, a->net->task))) continue;
        if (t->pathway == NULL && a->m->shape.experts > 0) continue;
        list[(*n)++] = (struct source){.task = i};
    }
    return PWY_OK;
}

/* The new task takes the way and the token of another, for trying. */
static void borrow_way(struct adding *a, const struct source *s)
{
    a->net->way = s->net->way;
    memcpy(a->net->token->w, s->net->token->w, (size_t)a->net->token->n * sizeof(real));
}

static pwy_status probe(struct adding *a, struct source *s, int rows, double **use)
{
    borrow_way(a, s);
    pwy_status status = pw_probe(a->infer, a->net, rows, use, &s->score);
    a->net->way = NULL;
    return status;
}

static int best_first(const void *x, const void *y)
{
    const struct source *a = x, *b = y;
    return a->score != b->score ? (a->score < b->score ? 1 : -1) : a->task < b->task ? -1 : 1;
}

static pwy_status rank(struct adding *a, struct source *list, int n, int rows)
{
    for (int i = 0; i < n; i++) PW_TRY(probe(a, &list[i], rows, NULL));
    qsort(list, (size_t)n, sizeof *list, best_first);
    return PWY_OK;
}

static pwy_status open_nets(struct adding *a, struct source *list, int n)
{
    for (int i = 0; i < n; i++) PW_TRY(pw_net_open(a->m, list[i].task, &list[i].net));
    return PWY_OK;
}

/* The tasks whose data look most like the new one's come first. A probe costs a pass of all its rows: of a thousand
   tasks it can be made with a few only. */
static pwy_status nearest_first(const struct adding *a, struct source *list, int n)
{
    double *distance;
    PW_NEED(distance = pw_calloc((size_t)a->m->registry->n + 1, sizeof *distance));
    pwy_status status = pw_near(a->m, a->net->task, distance);
    for (int i = 0; i < n; i++) list[i].score = -distance[list[i].task];
    if (status == PWY_OK) qsort(list, (size_t)n, sizeof *list, best_first);
    free(distance);
    return status;
}

/* The nearest are looked at quickly, the first of them carefully: of a text each id is a row, so a quick look is
   careful. */
static pwy_status measure(struct adding *a, struct source *list, int n)
{
    if (n > PROBED) {
        PW_TRY(nearest_first(a, list, n));
        n = PROBED;
    }
    PW_TRY(open_nets(a, list, n));
    if (n > FINALISTS || a->net->writes) PW_TRY(rank(a, list, n, QUICK));
    return a->net->writes ? PWY_OK : rank(a, list, n < FINALISTS ? n : FINALISTS, CAREFUL);
}

static pwy_status find_source(const struct adding *a, const struct source *list, int n, int *out)
{
    for (int i = 0; i < n; i++)
        if (strcmp(pw_registry_at(a->m->registry, list[i].task)->name, a->o->reuse) == 0) return *out = i, PWY_OK;
    return pw_fail(PWY_E_NOT_FOUND, "add: reuse: there is no task '%s' with a pathway that it could reuse", a->o->reuse);
}

static bool asked(const struct adding *a, const char *how)
{
    return strcmp(a->o->reuse == NULL ? "best" : a->o->reuse, how) == 0;
}

static bool named(const struct adding *a)
{
    return !asked(a, "best") && !asked(a, "random");
}

/* The source that is taken comes first, its net open. */
static pwy_status by_choice(struct adding *a, struct source *list, int n)
{
    int at = 0;
    if (named(a)) PW_TRY(find_source(a, list, n, &at));
    if (n == 0) return PWY_OK;
    if (asked(a, "best")) return measure(a, list, n);
    if (asked(a, "random")) {
        struct pw_rng rng = pw_rng_at((uint64_t)a->o->seed, pw_hash("reuse", 5), (uint64_t)a->net->task->index);
        at = (int)pw_rng_below(&rng, (uint64_t)n);
    }
    struct source chosen = list[at];
    list[at] = list[0];
    list[0] = chosen;
    return open_nets(a, list, 1);
}

/* *out: the task whose way is reused; net NULL: there is none. */
static pwy_status choose_source(struct adding *a, struct source *out)
{
    struct source *list;
    int n;
    *out = (struct source){.task = -1};
    PW_NEED(list = pw_calloc((size_t)a->net->task->index + 1, sizeof *list));
    pwy_status status = list_sources(a, named(a), list, &n);
    if (status == PWY_OK && n == 0) status = list_sources(a, true, list, &n);
    if (status == PWY_OK) status = by_choice(a, list, n);
    if (status == PWY_OK && n > 0) *out = list[0];
    free(list);
    return status;
}

/* --- what it gets of its own --- */

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

/* most: candidates a layer at most, the most used stay; 0: all. */
struct growth { int adapter, clones, most; };

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

/* An adapter first: it reaches every layer; then as many clones as the budget has room for. */
static void plan_growth(const struct adding *a, const struct source *s, struct growth *out)
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

static pwy_status give_way(struct adding *a, const struct source *s, const struct growth *g)
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

/* Counted on the way that is reused, if there is one. */
static pwy_status within_operations(struct adding *a, const struct source *s, struct growth *g)
{
    if (s->net != NULL) borrow_way(a, s);
    int most = g->most;
    pwy_status status = pw_cost_cut_way(a->infer, a->net, a->o->operations, &g->adapter, &g->most);
    if (most > 0 && (g->most == 0 || g->most > most)) g->most = most;
    a->net->way = NULL;
    return status;
}

static pwy_status add_way(struct adding *a)
{
    struct source s;
    struct growth g = {.adapter = (int)a->o->adapter};
    PW_TRY(choose_source(a, &s));
    if (s.net != NULL) {
        PW_TRY(pw_use_new(a->m, &a->use));
        PW_TRY(probe(a, &s, QUICK, a->use));
        borrow_way(a, &s);
        a->net->way = NULL;
    }
    if (s.net != NULL || a->o->parameters > 0) plan_growth(a, &s, &g);
    if (a->o->operations > 0) PW_TRY(within_operations(a, &s, &g));
    pw_log(a->m->ctx, PWY_LOG_INFO, "task '%s' reuses the pathway of '%s' (it explains %.2f), with an adapter of %d and "
           "%d cloned experts", a->net->task->name, s.net == NULL ? "none" : s.net->task->name, s.score, g.adapter,
           g.clones);
    return give_way(a, &s, &g);
}

/* --- several --- */

/* What is added together. */
struct several {
    const pwy_model *base; const pwy_registry *tasks; const struct pw_add_options *o;
    bool reuse;                         /* some task has candidates that can be reused */
    struct pw_inputs *in;               /* [tasks] */
    int64_t *numbers;                   /* [tasks] that are left to senses and way where a budget is given */
    pwy_model *m; int param;            /* the overlay, and how many parameters it had */
};

static struct pw_came came(const struct several *k)
{
    return (struct pw_came){k->m, k->base->registry->n, k->param};
}

static pwy_status add_one(const struct several *k, int task, struct pw_pool *pool)
{
    struct pw_came c = came(k);
    struct adding a = {.m = k->m, .o = k->o, .came = pw_came_with(&c, task)};
    PW_TRY(pw_net_open(k->m, task, &a.net));
    pwy_status status = pw_infer_open(k->m, pool, 1, &a.infer);
    if (status == PWY_OK) status = add_way(&a);
    pw_infer_close(a.infer);
    pw_use_free(k->m, a.use);
    return status == PWY_OK ? PWY_OK : pw_fail_task(a.net->task->name);
}

static void lock_all(struct pw_params *params)
{
    for (int i = 0; i < params->n; i++) {
        struct pw_param *p = params->list[i];
        p->locked = p->slice == NULL;
        for (int64_t e = 0; p->slice != NULL && e < p->groups; e++) p->slice[e].locked = true;
    }
}

static pwy_status add_ways(const struct several *k)
{
    struct pw_pool *pool = NULL;
    pwy_status status = PWY_OK;
    if (k->m->ctx->threads > 1) PW_TRY(pw_pool_new(k->m->ctx->threads, &pool));
    for (int i = k->base->registry->n; status == PWY_OK && i < k->m->registry->n; i++) status = add_one(k, i, pool);
    pw_pool_free(pool);
    return status;
}

/* Behind the model's own; of a budget of operations, with as much of its examples as fits in. */
static pwy_status adopt(pwy_model *m, const pwy_registry *tasks, int i, const struct pw_inputs *in)
{
    struct pwy_task *t;
    PW_TRY(pw_registry_adopt(m->registry, tasks, i, &t));
    if (in->step == PW_INPUT_STEPS) return PWY_OK;
    pw_log(m->ctx, PWY_LOG_INFO, "task '%s': %d/%d of its inputs fit into %lld operations", t->name, in->step,
           PW_INPUT_STEPS, (long long)in->operations);
    return pw_inputs_cut(t, in);
}

/* Senses and way, each task's own, in a new overlay. */
static pwy_status extend(struct several *k)
{
    PW_TRY(pw_model_overlay(k->base, &k->m));
    for (int i = 0; i < k->tasks->n; i++) PW_TRY(adopt(k->m, k->tasks, i, &k->in[i]));
    lock_all(k->m->params);
    k->param = k->m->params->n;
    return pw_model_extend(k->m, k->base->registry->n, k->o->parameters > 0 ? k->numbers : NULL);
}

/* --- within a given budget --- */

enum { ROUNDS = 4, HALF_ADAPTER = 4 };

static pwy_status too_small(const struct several *k, int i, int64_t least)
{
    struct pw_came c = came(k);
    const struct pwy_task *t = pw_registry_at(k->tasks, i);
    pw_fail(PWY_E_LIMIT, "add: a budget of %lld parameters is too small; it needs %lld at the least: %lld tell it from "
            "other tasks, %lld are of senses that are new to the model, the rest its token, norms, routers, head and "
            "wide path", (long long)k->o->parameters, (long long)least, (long long)pw_which_numbers(t),
            (long long)pw_came_shared(&c, k->base->registry->n + i));
    return pw_fail_task(t->name);
}

/* What senses come to is known when they are there. Where a task is over its budget with the least of ways (and half an
   adapter, as long as its senses can give way to one), they get that much less, in the last round the least. */
static pwy_status cut_further(struct several *k, int i, int round, bool *fits)
{
    const struct pw_shape *s = &k->base->shape;
    struct pw_came c = came(k);
    int64_t way = pw_way_numbers(k->base, k->reuse ? s->topk * s->layers : 0, 0);
    int64_t room = k->o->adapter < HALF_ADAPTER ? k->o->adapter : HALF_ADAPTER;
    int64_t least = pw_came_with(&c, k->base->registry->n + i) + way, over = least - k->o->parameters;
    int64_t cut = (over + 3 * s->d * s->layers * room) * pw_registry_at(k->tasks, i)->n_parts;
    if (cut <= 0 || (over <= 0 && k->numbers[i] == 1)) return PWY_OK;
    if (k->numbers[i] == 1) return too_small(k, i, least);
    k->numbers[i] = round + 2 < ROUNDS && cut < k->numbers[i] ? k->numbers[i] - cut : 1;
    *fits = false;
    return PWY_OK;
}

static pwy_status extend_within(struct several *k)
{
    bool fits = false;
    for (int round = 0; !fits; round++) {
        pw_model_release(k->m);
        k->m = NULL;
        PW_TRY(extend(k));
        fits = true;
        for (int i = 0; k->o->parameters > 0 && i < k->tasks->n; i++) PW_TRY(cut_further(k, i, round, &fits));
    }
    return PWY_OK;
}

/* --- all --- */

static pwy_status plan_task(struct several *k, int i)
{
    struct pwy_task *t;
    PW_TRY(pw_registry_task(k->tasks, i, &t));
    int64_t n = k->o->parameters - pw_which_numbers(t);
    k->numbers[i] = n > 0 ? n : 1;
    k->in[i] = (struct pw_inputs){.operations = k->o->operations, .adapter = (int)k->o->adapter,
                                  .numbers = k->o->parameters > 0 ? k->numbers[i] : 0};
    return pw_inputs_choose(k->base, k->tasks, i, &k->in[i]);
}

static pwy_status look_for_ways(struct several *k)
{
    for (int64_t i = 0; i < k->base->registry->n && !k->reuse; i++) {
        struct pwy_task *t;
        PW_TRY(pw_registry_task(k->base->registry, i, &t));
        k->reuse = t->trained && k->base->shape.experts > 0 && pw_node_get(t->pathway, "experts") != NULL;
    }
    return PWY_OK;
}

static pwy_status add_all(struct several *k)
{
    PW_NEED(k->in = pw_calloc((size_t)k->tasks->n + 1, sizeof *k->in));
    PW_NEED(k->numbers = pw_calloc((size_t)k->tasks->n + 1, sizeof *k->numbers));
    PW_TRY(look_for_ways(k));
    for (int i = 0; i < k->tasks->n; i++) PW_TRY(plan_task(k, i));
    PW_TRY(extend_within(k));
    return add_ways(k);
}

static pwy_status add_tasks(const pwy_model *m, const pwy_registry *tasks, const struct pw_add_options *o,
                            pwy_model **out)
{
    struct several k = {.base = m, .tasks = tasks, .o = o};
    pwy_status status = add_all(&k);
    for (int i = 0; k.in != NULL && i < tasks->n; i++) free(k.in[i].all);
    free(k.in);
    free(k.numbers);
    if (status == PWY_OK) *out = k.m;
    else pw_model_release(k.m);
    return status;
}

pwy_status pw_add_tasks(const pwy_model *m, const pwy_registry *tasks, const struct pw_node *options, pwy_model **out)
{
    struct pw_add_options o = {.adapter = 8, .clones = 4, .seed = 1};
    pwy_status status = pw_options_read(options, "add", add_table, &o);
    if (status == PWY_OK) status = add_tasks(m, tasks, &o, out);
    pw_options_release(add_table, &o);
    return status;
}

/* A task added to a model whose own tasks must not move: everything that is there is locked; what the new task reuses
   is measured (reuse.c), what it must change is cloned, what it lacks is grown (growth.c), within a budget. */
#include "model/which.h"
#include "train/adding.h"
#include "train/numbers.h"
#include "train/operations.h"
#include "train/use.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define FIELD(name, type, min, max) {#name, type, offsetof(struct pw_add_options, name), min, max}
static const struct pw_option add_table[] = {
    FIELD(parameters, PW_OPT_INT, 1, 9e15), FIELD(operations, PW_OPT_INT, 1, 9e15),
    FIELD(adapter, PW_OPT_INT, 0, 65536), FIELD(clones, PW_OPT_INT, 0, 65536), FIELD(reuse, PW_OPT_TEXT, 0, 0),
    FIELD(seed, PW_OPT_INT, 0, 9e15), {0}};

/* --- one --- */

static pwy_status add_way(struct adding *a)
{
    struct source s;
    struct growth g = {.adapter = (int)a->o->adapter};
    PW_TRY(pw_reuse_choose(a, &s));
    struct source quick = s;
    if (s.net != NULL) {
        PW_TRY(pw_use_new(a->m, &a->use));
        PW_TRY(pw_reuse_probe(a, &quick, PW_REUSE_ROWS, a->use));
        if (isnan(s.score)) s.score = quick.score;
    }
    if (s.net != NULL || a->o->parameters > 0) pw_growth_plan(a, &s, &g);
    if (a->o->operations > 0) PW_TRY(pw_growth_within(a, &s, &g));
    pw_log(a->m->ctx, PWY_LOG_INFO, "task '%s' reuses the pathway of '%s' (it explains %.2f), with an adapter of %d "
           "and %d cloned experts", a->net->task->name, s.net == NULL ? "none" : s.net->task->name, s.score, g.adapter,
           g.clones);
    return pw_growth_give(a, &s, &g);
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

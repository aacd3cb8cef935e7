/* pathways/router.h: the trunk's router by itself. Two arenas, so that a refused routing leaves the last one whole. */
#include "pathways/router.h"
#include "api/check.h"
#include "api/routes.h"
#include "base/node.h"
#include "kern/context.h"
#include "route/route.h"
#include "route/tape.h"

#include <stdlib.h>
#include <string.h>

struct pwy_router {
    struct pw_router_config config;
    struct pw_exec x;
    struct pw_arena *arena[2];
    int now;                            /* the arena that `last` lives in */
    struct pw_routes *last;             /* NULL: nothing was routed yet */
    int32_t *list; int n;               /* (n) the candidates; NULL: all, n = experts */
    real *bias;                         /* (experts), of the first n */
    int64_t *met;                       /* (experts) since the last step */
    double bias_rate;
    int64_t *counts, dropped;           /* (experts) */
    pwy_destroy_fn destroy;             /* of config.user; NULL */
};

struct settings {
    int64_t experts, topk, threads, seed;
    bool renormalise;
    double balance, zloss, gate_scale, capacity, bias_rate, jitter;
    char *router, *gate, *balance_by;
};

#define FIELD(name, type, min, max) {#name, type, offsetof(struct settings, name), min, max}
static const struct pw_option table[] = {
    FIELD(experts, PW_OPT_INT, 1, 1 << 20), FIELD(topk, PW_OPT_INT, 1, 1 << 20), FIELD(threads, PW_OPT_INT, 1, 1024),
    FIELD(seed, PW_OPT_INT, 0, 9e15), FIELD(renormalise, PW_OPT_FLAG, 0, 1), FIELD(balance, PW_OPT_NUMBER, 0, 1e6),
    FIELD(zloss, PW_OPT_NUMBER, 0, 1e6), FIELD(gate_scale, PW_OPT_NUMBER, 1e-6, 1e6),
    FIELD(capacity, PW_OPT_NUMBER, 0, 1e6), FIELD(bias_rate, PW_OPT_NUMBER, 0, 1e3),
    FIELD(jitter, PW_OPT_NUMBER, 0, 1), FIELD(router, PW_OPT_TEXT, 0, 0), FIELD(gate, PW_OPT_TEXT, 0, 0),
    FIELD(balance_by, PW_OPT_TEXT, 0, 0), {0}};

static pwy_status read_options(const pwy_options *options, struct settings *s)
{
    *s = (struct settings){.topk = 2, .threads = 1, .seed = 1, .renormalise = true, .balance = .01, .gate_scale = 1,
                           .bias_rate = .001};
    PW_TRY(pw_options_read(options == NULL ? NULL : options->map, "router", table, s));
    if (s->experts == 0) return pw_fail(PWY_E_ARGUMENT, "router: experts is not set; it must be at least 1");
    return PWY_OK;
}

static pwy_status configure(const struct settings *s, struct pw_router_config *c)
{
    *c = (struct pw_router_config){.experts = (int)s->experts, .topk = (int)s->topk, .renormalise = s->renormalise,
                                   .balance = s->balance, .zloss = s->zloss, .gate_scale = s->gate_scale,
                                   .capacity = s->capacity, .jitter = s->jitter};
    PW_TRY(pw_router_words(s->router, s->gate, s->balance_by, c));
    return pw_router_check(c);
}

static pwy_status build(pwy_router *r, const struct settings *s)
{
    PW_TRY(configure(s, &r->config));
    PW_TRY(pw_kern_choose(NULL, &r->x.kern));
    PW_TRY(pw_pool_new((int)s->threads, &r->x.pool));
    for (int i = 0; i < 2; i++) PW_NEED(r->arena[i] = pw_arena_new());
    PW_NEED(r->counts = pw_calloc((size_t)s->experts, sizeof *r->counts));
    PW_NEED(r->met = pw_calloc((size_t)s->experts, sizeof *r->met));
    PW_NEED(r->bias = pw_calloc((size_t)s->experts, sizeof *r->bias));
    r->n = (int)s->experts;
    r->bias_rate = s->bias_rate;
    r->x.train = true;
    r->x.seed = (uint64_t)s->seed;
    return PWY_OK;
}

pwy_status pwy_router_new(const pwy_options *options, pwy_router **out)
{
    struct settings s;
    pwy_router *r;
    PW_GIVEN(out);
    pwy_status status = read_options(options, &s);
    r = status == PWY_OK ? pw_calloc(1, sizeof *r) : NULL;
    if (status == PWY_OK) status = r == NULL ? PWY_E_NOMEM : build(r, &s);
    pw_options_release(table, &s);
    if (status == PWY_OK)
        *out = r;
    else
        pwy_router_free(r);
    return status;
}

static void end_function(pwy_router *r)
{
    if (r->destroy != NULL) r->destroy(r->config.user);
    r->destroy = NULL;
}

void pwy_router_free(pwy_router *router)
{
    if (router == NULL) return;
    end_function(router);
    pw_tape_release(router->x.tape);
    pw_pool_free(router->x.pool);
    for (int i = 0; i < 2; i++) pw_arena_free(router->arena[i]);
    free(router->list);
    free(router->counts);
    free(router->met);
    free(router->bias);
    free(router);
}

/* A routing of no rows: are these candidates possible? */
static pwy_status try_candidates(const pwy_router *r, int n, const int32_t *list)
{
    struct pw_segment none = {.n = n, .expert = list};
    struct pw_exec x = r->x;
    struct pw_routes *routes;
    x.tape = NULL;
    PW_NEED(x.arena = pw_arena_new());
    pwy_status status = pw_route(&x, &r->config, 1, &none, NULL, NULL, &routes);
    pw_arena_free(x.arena);
    return status;
}

pwy_status pwy_router_set_candidates(pwy_router *router, int64_t n, const int32_t *list)
{
    int32_t *own = NULL;
    PW_GIVEN(router);
    if (n < 0 || n > router->config.experts)
        return pw_fail(PWY_E_ARGUMENT, "router: %lld candidates of %d experts; it must be from 0 to that",
                       (long long)n, router->config.experts);
    if (n > 0) {
        PW_GIVEN(list);
        PW_TRY(try_candidates(router, (int)n, list));
        PW_NEED(own = pw_calloc((size_t)n, sizeof *own));
        memcpy(own, list, (size_t)n * sizeof *own);
    }
    free(router->list);
    router->list = own;
    router->n = n > 0 ? (int)n : router->config.experts;
    router->last = NULL;
    memset(router->met, 0, (size_t)router->config.experts * sizeof *router->met);
    memset(router->bias, 0, (size_t)router->config.experts * sizeof *router->bias);
    return PWY_OK;
}

pwy_status pwy_router_set_function(pwy_router *router, pwy_route_fn fn, pwy_route_grad_fn grad, void *user,
                                   pwy_destroy_fn destroy)
{
    if (router == NULL || fn == NULL) {
        if (destroy != NULL) destroy(user);
        return pw_fail(PWY_E_ARGUMENT, "%s is NULL; it must be given", router == NULL ? "router" : "fn");
    }
    end_function(router);
    router->config.policy = PW_CALLER;
    router->config.by_bias = false;
    router->config.choose = fn;
    router->config.grad = grad;
    router->config.user = user;
    router->destroy = destroy;
    router->last = NULL;
    return PWY_OK;
}

static pwy_status set_router(pwy_context *context, pwy_route_fn fn, pwy_route_grad_fn grad, void *user,
                             pwy_destroy_fn destroy)
{
    PW_GIVEN(context);
    PW_GIVEN(fn);
    if (context->route != NULL)
        return pw_fail(PWY_E_STATE, "pwy_context_set_router: the context has a router, and models may be using it");
    context->route = (void (*)(void))fn;
    context->route_grad = (void (*)(void))grad;
    context->route_user = user;
    context->route_destroy = destroy;
    return PWY_OK;
}

pwy_status pwy_context_set_router(pwy_context *context, pwy_route_fn fn, pwy_route_grad_fn grad, void *user,
                                  pwy_destroy_fn destroy)
{
    pwy_status status = set_router(context, fn, grad, user, destroy);
    if (status != PWY_OK && destroy != NULL) destroy(user);
    return status;
}

pwy_status pwy_router_use_routes(pwy_router *router, pwy_routes *routes, pwy_routes_mode mode)
{
    PW_GIVEN(router);
    return pw_exec_use_routes(&router->x, routes, mode);
}

/* --- routing --- */

static void report(pwy_router *r, int32_t *experts, float *gates)
{
    const struct pw_routes *last = r->last;
    for (int i = 0; i < last->n_present; i++) r->counts[last->present[i]] += last->start[i + 1] - last->start[i];
    r->dropped += last->dropped;
    for (int i = 0; experts != NULL && i < last->n_pairs; i++) experts[i] = last->expert[i];
    for (int i = 0; gates != NULL && i < last->n_pairs; i++) gates[i] = last->slot[i] < 0 ? 0 : (float)last->gate[i];
}

static pwy_status route(pwy_router *router, int64_t n, const float *logits, const uint64_t *keys, int32_t *experts,
                        float *gates)
{
    struct pw_segment all = {.rows = (int)n, .n = router->n, .expert = router->list, .key = keys};
    struct pw_routes *routes;
    if (router->config.by_bias) {
        all.bias = router->bias;
        all.met = router->met;
    }
    router->x.arena = router->arena[!router->now];
    pw_arena_reset(router->x.arena);
    PW_TRY(pw_route(&router->x, &router->config, 1, &all, logits, NULL, &routes));
    router->now = !router->now;
    router->last = routes;
    router->x.step++;
    report(router, experts, gates);
    return PWY_OK;
}

static pwy_status check_rows(const pwy_router *router, int64_t n)
{
    PW_GIVEN(router);
    if (n < 0 || n > INT32_MAX)
        return pw_fail(PWY_E_ARGUMENT, "router: n is %lld; it must be from 0 to %d rows", (long long)n, INT32_MAX);
    return PWY_OK;
}

pwy_status pwy_router_route(pwy_router *router, int64_t n, const float *logits, int32_t *experts, float *gates)
{
    PW_TRY(check_rows(router, n));
    if (n > 0) PW_GIVEN(logits);
    if (router->config.policy == PW_HASH)
        return pw_fail(PWY_E_STATE, "router: hash goes by keys; pwy_router_route_keys takes them");
    if (router->config.policy == PW_EXPERT_CHOICE && (experts != NULL || gates != NULL))
        return pw_fail(PWY_E_ARGUMENT, "router: by expert_choice a row has no fixed number of experts; experts and "
                       "gates must be NULL, pwy_router_pairs has them");
    return route(router, n, logits, NULL, experts, gates);
}

pwy_status pwy_router_route_keys(pwy_router *router, int64_t n, const uint64_t *keys, int32_t *experts, float *gates)
{
    PW_TRY(check_rows(router, n));
    if (n > 0) PW_GIVEN(keys);
    if (router->config.policy != PW_HASH)
        return pw_fail(PWY_E_STATE, "router: %s goes by logits; pwy_router_route takes them",
                       pw_router_word(router->config.policy));
    return route(router, n, NULL, keys, experts, gates);
}

static pwy_status need_last(const pwy_router *router)
{
    PW_GIVEN(router);
    if (router->last == NULL) return pw_fail(PWY_E_STATE, "router: nothing has been routed yet");
    return PWY_OK;
}

pwy_status pwy_router_backward(pwy_router *router, const float *dgates, float *dlogits)
{
    PW_TRY(need_last(router));
    if (router->last->n_tokens == 0 || router->config.policy == PW_HASH) return PWY_OK;
    PW_GIVEN(dgates);
    PW_GIVEN(dlogits);
    router->x.arena = router->arena[router->now];
    return pw_route_back(&router->x, &router->config, router->last, NULL, dgates, 1, dlogits);
}

pwy_status pwy_router_pairs(const pwy_router *router, int64_t *n_pairs, const int32_t **first, const int32_t **experts,
                            const float **gates)
{
    PW_TRY(need_last(router));
    if (n_pairs != NULL) *n_pairs = router->last->n_pairs;
    if (first != NULL) *first = router->last->pair;
    if (experts != NULL) *experts = router->last->expert;
    if (gates != NULL) *gates = router->last->gate;
    return PWY_OK;
}

pwy_status pwy_router_step(pwy_router *router)
{
    PW_GIVEN(router);
    if (!router->config.by_bias) return pw_fail(PWY_E_STATE, "router: only balance_by bias has a step");
    pw_bias_step(router->n, router->bias_rate, router->met, router->bias);
    return PWY_OK;
}

pwy_status pwy_router_biases(const pwy_router *router, float *biases)
{
    PW_GIVEN(router);
    PW_GIVEN(biases);
    memcpy(biases, router->bias, (size_t)router->n * sizeof *biases);
    return PWY_OK;
}

pwy_status pwy_router_losses(const pwy_router *router, double *balance, double *zloss)
{
    PW_TRY(need_last(router));
    PW_GIVEN(balance);
    PW_GIVEN(zloss);
    *balance = router->last->balance_loss;
    *zloss = router->last->z_loss;
    return PWY_OK;
}

pwy_status pwy_router_load(const pwy_router *router, int64_t *counts)
{
    PW_GIVEN(router);
    PW_GIVEN(counts);
    memcpy(counts, router->counts, (size_t)router->config.experts * sizeof *counts);
    return PWY_OK;
}

pwy_status pwy_router_balance(const pwy_router *router, double *entropy, double *max_violation, int64_t *dropped)
{
    PW_GIVEN(router);
    if (entropy != NULL) *entropy = pw_load_entropy(router->config.experts, router->counts);
    if (max_violation != NULL) *max_violation = pw_max_violation(router->config.experts, router->counts);
    if (dropped != NULL) *dropped = router->dropped;
    return PWY_OK;
}

void pwy_router_reset(pwy_router *router)
{
    if (router == NULL) return;
    memset(router->counts, 0, (size_t)router->config.experts * sizeof *router->counts);
    router->dropped = 0;
}

/* pathways/router.h: the trunk's router by itself. Two arenas, so that a refused routing leaves the last one whole. */
#include "pathways/router.h"
#include "api/check.h"
#include "base/node.h"
#include "route/route.h"

#include <stdlib.h>
#include <string.h>

struct pwy_router {
    struct pw_router_config config;
    struct pw_exec x;
    struct pw_arena *arena[2];
    int now;                            /* the arena that `last` lives in */
    struct pw_routes *last;             /* NULL: nothing was routed yet */
    int64_t *counts;                    /* (experts) */
};

struct settings { int64_t experts, topk, threads; bool renormalise; double balance, zloss; };

static const struct pw_option table[] = {
    {"experts", PW_OPT_INT, offsetof(struct settings, experts), 1, 1 << 20},
    {"topk", PW_OPT_INT, offsetof(struct settings, topk), 1, 1 << 20},
    {"renormalise", PW_OPT_FLAG, offsetof(struct settings, renormalise), 0, 1},
    {"balance", PW_OPT_NUMBER, offsetof(struct settings, balance), 0, 1e6},
    {"zloss", PW_OPT_NUMBER, offsetof(struct settings, zloss), 0, 1e6},
    {"threads", PW_OPT_INT, offsetof(struct settings, threads), 1, 1024},
    {0}};

static pwy_status read_options(const pwy_options *options, struct settings *s)
{
    *s = (struct settings){.topk = 2, .threads = 1, .renormalise = true, .balance = .01};
    PW_TRY(pw_options_read(options == NULL ? NULL : options->map, "router", table, s));
    if (s->experts == 0) return pw_fail(PWY_E_ARGUMENT, "router: experts is not set; it must be at least 1");
    return PWY_OK;
}

static pwy_status build(pwy_router *r, const struct settings *s)
{
    r->config = (struct pw_router_config){.experts = (int)s->experts, .topk = (int)s->topk,
                                          .renormalise = s->renormalise,
                                          .balance = s->balance, .zloss = s->zloss};
    PW_TRY(pw_router_check(&r->config));
    PW_TRY(pw_kern_choose(NULL, &r->x.kern));
    PW_TRY(pw_pool_new((int)s->threads, &r->x.pool));
    for (int i = 0; i < 2; i++) PW_NEED(r->arena[i] = pw_arena_new());
    PW_NEED(r->counts = pw_calloc((size_t)s->experts, sizeof *r->counts));
    r->x.train = true;
    return PWY_OK;
}

pwy_status pwy_router_new(const pwy_options *options, pwy_router **out)
{
    struct settings s;
    pwy_router *r;
    PW_GIVEN(out);
    PW_TRY(read_options(options, &s));
    PW_NEED(r = pw_calloc(1, sizeof *r));
    pwy_status status = build(r, &s);
    if (status == PWY_OK)
        *out = r;
    else
        pwy_router_free(r);
    return status;
}

void pwy_router_free(pwy_router *router)
{
    if (router == NULL) return;
    pw_pool_free(router->x.pool);
    for (int i = 0; i < 2; i++) pw_arena_free(router->arena[i]);
    free(router->counts);
    free(router);
}

static void report(pwy_router *r, int32_t *experts, float *gates)
{
    size_t pairs = (size_t)r->last->n_tokens * (size_t)r->last->topk;
    for (int i = 0; i < r->last->n_present; i++)
        r->counts[r->last->present[i]] += r->last->start[i + 1] - r->last->start[i];
    if (pairs == 0) return;
    memcpy(experts, r->last->expert, pairs * sizeof *experts);
    memcpy(gates, r->last->gate, pairs * sizeof *gates);
}

pwy_status pwy_router_route(pwy_router *router, int64_t n, const float *logits, int32_t *experts, float *gates)
{
    PW_GIVEN(router);
    if (n < 0 || n > INT32_MAX)
        return pw_fail(PWY_E_ARGUMENT, "router: n is %lld; it must be from 0 to %d rows", (long long)n, INT32_MAX);
    if (n > 0) {
        PW_GIVEN(logits);
        PW_GIVEN(experts);
        PW_GIVEN(gates);
    }
    router->x.arena = router->arena[!router->now];
    pw_arena_reset(router->x.arena);
    struct pw_segment all = {.rows = (int)n, .n = router->config.experts};
    struct pw_routes *routes;
    PW_TRY(pw_route(&router->x, &router->config, 1, &all, logits, NULL, &routes));
    router->now = !router->now;
    router->last = routes;
    report(router, experts, gates);
    return PWY_OK;
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
    if (router->last->n_tokens == 0) return PWY_OK;
    PW_GIVEN(dgates);
    PW_GIVEN(dlogits);
    router->x.arena = router->arena[router->now];
    return pw_route_back(&router->x, &router->config, router->last, NULL, dgates, 1, dlogits);
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

void pwy_router_reset(pwy_router *router)
{
    if (router != NULL) memset(router->counts, 0, (size_t)router->config.experts * sizeof *router->counts);
}

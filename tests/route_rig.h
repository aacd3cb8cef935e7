/* What the tests of the router and the trunk share: an exec of its own, a parameter set, numbers by key, ragged
   batches. */
#ifndef ROUTE_RIG_H
#define ROUTE_RIG_H
#include "route/route.h"
#include "route/trunk.h"
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct rig { struct pw_exec x; struct pw_params *set; struct pw_trunk *trunk; };

static inline void rig_open(struct rig *r, int threads, bool train)
{
    memset(r, 0, sizeof *r);
    ck_assert_int_eq(pw_kern_choose(NULL, &r->x.kern), PWY_OK);
    ck_assert_int_eq(pw_pool_new(threads, &r->x.pool), PWY_OK);
    r->x.arena = pw_arena_new();
    r->x.train = train;
    r->x.seed = 7;
    r->set = pw_params_new(11);
    ck_assert_ptr_nonnull(r->x.arena);
    ck_assert_ptr_nonnull(r->set);
}

static inline void rig_close(struct rig *r)
{
    pw_trunk_free(r->trunk);
    pw_params_free(r->set);
    pw_arena_free(r->x.arena);
    pw_pool_free(r->x.pool);
}

/* n numbers N(0, scale^2); the caller frees them. */
static inline real *numbers(uint64_t key, size_t n, double scale)
{
    struct pw_rng rng = pw_rng_at(key, 3, 0);
    real *out = pw_calloc(n + 1, sizeof *out);
    for (size_t i = 0; i < n; i++) out[i] = (real)(scale * pw_rng_normal(&rng));
    return out;
}

static inline struct pw_param *matrix(struct rig *r, const char *name, int rank, const int64_t *shape, double spread)
{
    struct pw_param *p;
    ck_assert_int_eq(pw_param_declare(r->set, PW_MATRIX, PW_NORMAL, spread, rank, shape, &p, "%s", name), PWY_OK);
    if (rank == 3) p->groups = shape[0];
    return p;
}

/* All rows may choose among all experts. */
static inline pwy_status route_all(struct pw_exec *x, const struct pw_router_config *c, int rows, const real *logits,
                                   double *load, struct pw_routes **out)
{
    struct pw_segment all = {.rows = rows, .n = c->experts};
    return pw_route(x, c, 1, &all, logits, load, out);
}

/* A trunk with a router that decides clearly. */
static inline void rig_trunk(struct rig *r, const struct pw_trunk_config *c)
{
    char name[64];
    ck_assert_int_eq(pw_trunk_new(c, r->set, &r->trunk), PWY_OK);
    for (int l = 0; l < c->layers && c->experts > 0 && c->router.policy != PW_HASH; l++) {
        snprintf(name, sizeof name, "trunk.%d.router", l);
        struct pw_param *p = pw_params_find(r->set, name);
        ck_assert_ptr_nonnull(p);
        for (int64_t i = 0; i < p->n; i++) p->w[i] *= 25;
    }
    if (r->x.train) ck_assert_int_eq(pw_params_start_training(r->set), PWY_OK);
}

static const int32_t rig_off[] = {0, 5, 6, 13}, rig_prefix[] = {0, 1, 4}, rig_task[] = {0, 1, -1};
static const struct pw_ragged rig_ragged = {3, rig_off, rig_prefix, rig_task};
static const int32_t rig_whole[] = {5, 1, 7};
/* Every row sees all of its sequence. */
static const struct pw_ragged rig_ahead = {3, rig_off, rig_whole, rig_task};
enum { RIG_ROWS = 13 };

static inline bool same(const void *a, const void *b, size_t n)
{
    return memcmp(a, b, n * sizeof(real)) == 0;
}
#endif

/* Pathways: a task's own way through the trunk. */
#include "route/pathway.h"
#include "route_rig.h"
#include "suite.h"

enum { D = 8, E = 4, N = RIG_ROWS * D };

static const int32_t every[] = {0, 1, 2, 3}, two[] = {1, 2};

struct ways { struct rig r; struct pw_pathway *way; real *in, *want, *got; };

/* A pathway over n experts in both layers, its routers copies of the trunk's. */
static void ways_open(struct ways *w, const int32_t *expert, int n, bool norms)
{
    const int32_t *const list[] = {expert, expert};
    const int size[] = {n, n};
    struct pw_way_plan plan = {.expert = list, .n = size, .adapter = 2, .norms = norms};
    struct pw_trunk_config c = {.d = D, .layers = 2, .heads = 2, .experts = E, .topk = 2, .hidden = 6,
                                .router = {.renormalise = true}};
    rig_open(&w->r, 2, false);
    rig_trunk(&w->r, &c);
    ck_assert_int_eq(pw_pathway_new(w->r.trunk, w->r.set, &plan, "task/a", &w->way), PWY_OK);
    for (int l = 0; l < 2; l++)
        for (int i = 0; i < D; i++)
            for (int e = 0; e < n; e++)
                w->way->layer[l].router->w[i * n + e] = w->r.trunk->block[l].gate->w[i * E + expert[e]];
    w->in = numbers(5, N, 1);
    w->want = numbers(6, N, 1);
    w->got = numbers(7, N, 1);
}

static void ways_close(struct ways *w)
{
    free(w->in);
    free(w->want);
    free(w->got);
    pw_pathway_free(w->way);
    rig_close(&w->r);
}

/* The three sequences' answers, each on the way or not. */
static void answers(struct ways *w, bool first, bool second, bool third, real *out)
{
    const struct pw_pathway *way[] = {first ? w->way : NULL, second ? w->way : NULL, third ? w->way : NULL};
    struct pw_ragged ragged = rig_ragged;
    ragged.way = way;
    ck_assert_int_eq(pw_trunk_forward(w->r.trunk, &w->r.x, &ragged, w->in, out, NULL, NULL), PWY_OK);
}

/* A way over all experts by a copy of the router, with an adapter that is still a no-op, is the trunk's own way. */
START_TEST(a_new_way_changes_nothing)
{
    struct ways w;
    ways_open(&w, every, E, true);
    answers(&w, false, false, false, w.want);
    answers(&w, true, true, true, w.got);
    ck_assert(same(w.want, w.got, N));
    answers(&w, false, true, false, w.got);
    ck_assert(same(w.want, w.got, N));
    ways_close(&w);
}
END_TEST

/* What a sequence answers on its way has nothing to do with the ways of its neighbours. */
START_TEST(ways_do_not_mix)
{
    struct ways w;
    ways_open(&w, two, 2, false);
    for (int64_t i = 0; i < w.way->layer[1].down->n; i++) w.way->layer[1].down->w[i] = (real).1 * (real)(i % 5);
    answers(&w, true, true, true, w.want);
    answers(&w, true, false, true, w.got);
    ck_assert(same(w.want, w.got, 5 * D));
    ck_assert(!same(w.want + 5 * D, w.got + 5 * D, D));
    ck_assert(same(w.want + 6 * D, w.got + 6 * D, 7 * D));
    ways_close(&w);
}
END_TEST

START_TEST(a_cache_goes_the_way)
{
    struct ways w;
    struct pw_cache *cache;
    ways_open(&w, two, 2, true);
    answers(&w, true, true, true, w.want);
    ck_assert_int_eq(pw_cache_new(w.r.trunk, w.way, 16, &cache), PWY_OK);
    ck_assert_int_eq(pw_trunk_feed(w.r.trunk, &w.r.x, cache, 5, 0, w.in, w.got, NULL), PWY_OK);
    ck_assert(same(w.want, w.got, 5 * D));
    pw_cache_free(cache);
    ways_close(&w);
}
END_TEST

/* Only the candidates are met, and only they count as active. */
START_TEST(candidates_alone_are_met)
{
    struct ways w;
    struct pw_routes *routes[2];
    ways_open(&w, two, 2, false);
    const struct pw_pathway *way[] = {w.way, w.way, w.way};
    struct pw_ragged ragged = rig_ragged;
    ragged.way = way;
    ck_assert_int_eq(pw_trunk_forward(w.r.trunk, &w.r.x, &ragged, w.in, w.got, routes, NULL), PWY_OK);
    for (int l = 0; l < 2; l++)
        for (int i = 0; i < routes[l]->n_pairs; i++)
            ck_assert(routes[l]->expert[i] == 1 || routes[l]->expert[i] == 2);
    ways_close(&w);
}
END_TEST

START_TEST(ways_that_are_none)
{
    static const int32_t twice[] = {1, 1}, far[] = {1, 4}, below[] = {-1, 2};
    const int32_t *const bad[] = {twice, far, below, two};
    struct ways w;
    ways_open(&w, every, E, false);
    for (int i = 0; i < 4; i++) {
        const int32_t *const list[] = {bad[i], bad[i]};
        const int n[] = {i < 3 ? 2 : 1, 2};
        struct pw_way_plan plan = {.expert = list, .n = n};
        struct pw_pathway *way = NULL;
        ck_assert_int_eq(pw_pathway_new(w.r.trunk, w.r.set, &plan, "task/b", &way), PWY_E_ARGUMENT);
        ck_assert_ptr_null(way);
        ck_assert_ptr_nonnull(strstr(pwy_error_message(), "layer 0"));
    }
    ways_close(&w);
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("pathway");
    TCase *c = tcase_create("pathway");
    tcase_add_test(c, a_new_way_changes_nothing);
    tcase_add_test(c, ways_do_not_mix);
    tcase_add_test(c, a_cache_goes_the_way);
    tcase_add_test(c, candidates_alone_are_met);
    tcase_add_test(c, ways_that_are_none);
    suite_add_tcase(s, c);
    return s;
}

int main(void)
{
    return run_suite(suite());
}

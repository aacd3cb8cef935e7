/* The optimizers by themselves: what slept catches up with the plain AdamW, on any number of threads. */
#include <check.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/rng.h"
#include "param_rig.h"
#include "train/train.h"
#include "suite.h"

enum { EXPERTS = 6, IN = 16, OUT = 1030, SIZE = IN * OUT, STEPS = 100 };

static void ok(pwy_status status)
{
    ck_assert_msg(status == PWY_OK, "%s", pwy_error_message());
}

struct rig { struct pw_exec x; struct pw_params *set; struct pw_param *experts, *whole; struct pw_adamw adamw; };

static void rig_open(struct rig *r, int threads)
{
    memset(r, 0, sizeof *r);
    ok(pw_kern_choose(NULL, &r->x.kern));
    if (threads > 1) ok(pw_pool_new(threads, &r->x.pool));
    r->x.arena = pw_arena_new();
    r->x.train = true;
    r->set = pw_params_new(3);
    ok(pw_param_declare(r->set, PW_MATRIX, PW_NORMAL, .05, 3, PW_SHAPE(EXPERTS, IN, OUT), &r->experts, "experts"));
    ok(pw_param_declare(r->set, PW_MATRIX, PW_NORMAL, .05, 2, PW_SHAPE(7, 5), &r->whole, "whole"));
    r->experts->lr_scale = (real)1.5;
    ok(pw_params_start_training(r->set));
    r->adamw = (struct pw_adamw){.b1 = .9, .b2 = .98, .eps = 1e-8, .decay = .1, .clip = 1};
    ok(pw_adamw_open(&r->adamw, r->set));
}

static void rig_close(struct rig *r)
{
    pw_adamw_close(&r->adamw);
    pw_params_free(r->set);
    pw_arena_free(r->x.arena);
    pw_pool_free(r->x.pool);
}

/* Whether step `step` reaches the expert: always, by halves, seldom, twice, late, never. */
static bool reaches(int64_t step, int e)
{
    struct pw_rng rng = pw_rng_at(5, (uint64_t)step, (uint64_t)e);
    return e == 0 || (e == 1 && pw_rng_uniform(&rng) < .5) || (e == 2 && step % 7 == 3)
        || (e == 3 && (step == 3 || step == 97)) || (e == 4 && step > 60 && step % 11 == 0);
}

/* Gradients of very different sizes, some of them 0. */
static void add_gradient(real *g, int64_t n, int64_t step, uint64_t key)
{
    static const double size[] = {1, 1e-1, 1e-2, 1e-3, 1e-4, 1e-5, 1e-6, 1e-7, 1e-8};
    uint64_t state = key * 1000 + (uint64_t)step;
    for (int64_t i = 0; i < n; i++) {
        state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        g[i] = i % 17 == 0 ? 0 : (real)(size[i % 9] * ((double)(state >> 11) / 4503599627370496.0 - 1));
    }
}

/* plain: experts that are not reached have a gradient of zeros. */
static void make_step(struct rig *r, int64_t step, bool plain)
{
    int32_t list[EXPERTS];
    int n = 0;
    bool first;
    double norm;
    pw_arena_reset(r->x.arena);
    pw_params_zero_grad(r->set);
    for (int e = 0; e < EXPERTS; e++)
        if (reaches(step, e)) list[n++] = e;
    if (!plain) ok(r->experts->waker->wake(r->experts->waker, &r->x, r->experts, list, n));
    for (int e = 0; e < EXPERTS; e++) {
        if (!reaches(step, e) && (!plain || e == 5)) continue;
        ok(pw_slice_touch(r->experts, e, &first));
        memset(r->experts->slice[e].g, 0, SIZE * sizeof(real));
        if (reaches(step, e)) add_gradient(r->experts->slice[e].g, SIZE, step, (uint64_t)e);
    }
    add_gradient(r->whole->g, r->whole->n, step, 99);
    ok(pw_adamw_step(&r->adamw, &r->x, .004 * (1.1 + cos((double)step / 20)), step, &norm));
    ck_assert(norm > 0);
}

/* Within rounding of a hundred steps. */
static void check_near(const struct rig *a, const struct rig *b, int e, int64_t step)
{
    const real *v = pw_param_group(a->experts, e), *w = pw_param_group(b->experts, e);
    for (int64_t i = 0; i < SIZE; i++)
        ck_assert_msg(fabs((double)(v[i] - w[i])) <= 2e-6, "step %d, expert %d, %d: %.9g, plain %.9g", (int)step, e,
                      (int)i, (double)v[i], (double)w[i]);
}

/* decay 0: what has no moments has missed nothing. */
static void catches_up(double decay)
{
    struct rig lazy, plain;
    struct pw_awake look;
    rig_open(&lazy, 1);
    rig_open(&plain, 1);
    lazy.adamw.decay = plain.adamw.decay = decay;
    for (int64_t step = 1; step <= STEPS; step++) {
        make_step(&lazy, step, false);
        make_step(&plain, step, true);
        for (int e = 0; e < EXPERTS - 1; e++)
            if (reaches(step, e)) check_near(&lazy, &plain, e, step);
    }
    real *before = malloc(SIZE * sizeof *before);
    memcpy(before, pw_param_group(lazy.experts, 2), SIZE * sizeof *before);
    pw_arena_reset(lazy.x.arena);
    ok(pw_adamw_look(&lazy.adamw, &lazy.x, &look));
    for (int e = 0; e < EXPERTS; e++) check_near(&lazy, &plain, e, STEPS);
    ck_assert(memcmp(before, pw_param_group(lazy.experts, 2), SIZE * sizeof *before) != 0);
    pw_adamw_look_away(&look);
    ck_assert(memcmp(before, pw_param_group(lazy.experts, 2), SIZE * sizeof *before) == 0);
    ck_assert(lazy.adamw.of[0].slot[5].m == NULL && lazy.experts->slice[5].g == NULL);
    free(before);
    rig_close(&lazy);
    rig_close(&plain);
}

START_TEST(what_slept_catches_up)
{
    catches_up(.1);
    catches_up(0);
}
END_TEST

START_TEST(threads_change_nothing)
{
    struct rig one, two;
    rig_open(&one, 1);
    rig_open(&two, 2);
    for (int64_t step = 1; step <= 40; step++) {
        make_step(&one, step, false);
        make_step(&two, step, false);
    }
    for (int e = 0; e < EXPERTS; e++)
        ck_assert(memcmp(pw_param_group(one.experts, e), pw_param_group(two.experts, e), SIZE * sizeof(real)) == 0);
    rig_close(&one);
    rig_close(&two);
}
END_TEST

/* Thousands of steps: what is left of the moments is nothing, the decay is all that counts. */
START_TEST(a_long_sleep)
{
    struct rig r;
    int32_t e = 3;
    rig_open(&r, 1);
    for (int64_t step = 1; step <= 3; step++) make_step(&r, step, false);
    double w = (double)pw_param_group(r.experts, 3)[17];        /* its gradient was 0 */
    ck_assert(r.adamw.of[0].slot[3].m[17] == 0);
    for (int64_t step = 4; step <= 9000; step++) ok(pw_adamw_rate(&r.adamw, step, .001));
    ok(pw_adamw_wake(&r.adamw.of[0].waker, &r.x, r.experts, &e, 1));
    ck_assert_double_eq_tol((double)pw_param_group(r.experts, 3)[17], w * pow(1 - .0015 * .1, 8997), 1e-7);
    for (int64_t i = 0; i < SIZE; i++) {
        ck_assert(isfinite(pw_param_group(r.experts, 3)[i]));
        ck_assert(r.adamw.of[0].slot[3].m[i] == 0 && r.adamw.of[0].slot[3].v[i] == 0);
    }
    rig_close(&r);
}
END_TEST

/* --- against PyTorch --- */

static const json_t *golden_of(const char *rule, const char *name)
{
    static json_t *all;
    char path[1024];
    const char *folder = getenv("srcdir");
    snprintf(path, sizeof path, "%s/tests/golden/optimizer.json", folder != NULL ? folder : ".");
    if (all == NULL) all = json_load_file(path, 0, NULL);
    ck_assert_msg(all != NULL, "%s cannot be read", path);
    return json_object_get(json_object_get(all, rule), name);
}

/* optimizer.py's fill(). */
static void fill(real *out, int64_t n, uint64_t seed, double scale)
{
    for (int64_t i = 0; i < n; i++) {
        seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        out[i] = (real)(scale * ((double)(seed >> 11) / 4503599627370496.0 - 1));
    }
}

static void check_golden(const char *rule, bool adafactor, double decay)
{
    static const char *const names[] = {"matrix", "vector", "expert"};
    struct rig r = {.set = pw_params_new(1), .x = {.train = true, .arena = pw_arena_new()}};
    struct pw_param *p[3];
    bool first;
    double norm;
    ok(pw_kern_choose(NULL, &r.x.kern));
    ok(pw_param_declare(r.set, PW_MATRIX, PW_ZEROS, 0, 2, PW_SHAPE(5, 7), &p[0], "matrix"));
    ok(pw_param_declare(r.set, PW_VECTOR, PW_ZEROS, 0, 1, PW_SHAPE(6), &p[1], "vector"));
    ok(pw_param_declare(r.set, PW_MATRIX, PW_ZEROS, 0, 3, PW_SHAPE(2, 4, 9), &p[2], "expert"));
    ok(pw_params_start_training(r.set));
    r.adamw = (struct pw_adamw){.adafactor = adafactor, .b1 = .9, .b2 = .98, .eps = 1e-8, .decay = decay};
    ok(pw_adamw_open(&r.adamw, r.set));
    for (int i = 0; i < 3; i++) fill(i < 2 ? p[i]->w : p[2]->slice[1].w, i < 2 ? p[i]->n : 36, (uint64_t)(100 + i), .5);
    for (int64_t step = 1; step <= 12; step++) {
        pw_arena_reset(r.x.arena);
        pw_params_zero_grad(r.set);
        ok(pw_slice_touch(p[2], 1, &first));
        for (int i = 0; i < 3; i++)
            fill(i < 2 ? p[i]->g : p[2]->slice[1].g, i < 2 ? p[i]->n : 36, (uint64_t)(1000 * step + i),
                 pow(10, -(double)(step % 4)));
        ok(pw_adamw_step(&r.adamw, &r.x, .01, step, &norm));
    }
    for (int i = 0; i < 3; i++) {
        const json_t *want = golden_of(rule, names[i]);
        for (size_t k = 0; k < json_array_size(want); k++)
            ck_assert_double_eq_tol((double)(i < 2 ? p[i]->w : p[2]->slice[1].w)[k],
                                    json_number_value(json_array_get(want, k)), 2e-6);
        ck_assert_int_eq((int)json_array_size(want), i < 2 ? (int)p[i]->n : 36);
    }
    if (adafactor) ck_assert_int_eq(pw_adamw_bytes(&r.adamw), (35 + 12 + 6 + 6 + 36 + 13) * (int)sizeof(real));
    ck_assert_ptr_null(r.adamw.of[2].slot[0].m);
    rig_close(&r);
}

START_TEST(as_pytorch_does)
{
    check_golden("adamw", false, .1);
    check_golden("adafactor", true, -1);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("optimizer");
    TCase *t = tcase_create("adamw");
    tcase_set_timeout(t, 120);
    tcase_add_test(t, what_slept_catches_up);
    tcase_add_test(t, threads_change_nothing);
    tcase_add_test(t, a_long_sleep);
    tcase_add_test(t, as_pytorch_does);
    suite_add_tcase(s, t);
    return run_suite(s);
}

/* The layers in float: whose bits depend on what. */
#include "nn_rig.h"
#include "param_rig.h"
#include "suite.h"

static void check_same(const char *what, size_t n, const real *a, const real *b)
{
    for (size_t i = 0; i < n; i++)
        ck_assert_msg(memcmp(a + i, b + i, sizeof *a) == 0, "%s[%zu]: %.9g and %.9g", what, i, (double)a[i],
                      (double)b[i]);
}

/* --- the layers, by number of threads --- */

enum { LAYERS = 11 };

static void open_layer(struct rig *r, int layer, int threads)
{
    static const int len[] = { 3, 70, 0, 200, 1, 64, 65, 17 }, prefix[] = { 0, 10, 0, 0, 1, 64, 0, 99 };
    switch (layer) {
    case 0: rig_rmsnorm(r, threads, 1000, 65); return;
    case 1: rig_layernorm(r, threads, 1000, 65, true); return;
    case 2: rig_dense(r, threads, 700, 65, 97, true); return;
    case 3: rig_embed(r, threads, 5, 300); return;
    case 4: rig_bag(r, threads, 3, 300); return;
    case 5: rig_attention(r, threads, 4, 4, 32, 8, len, prefix); return;
    case 6: rig_attention(r, threads, 6, 2, 10, 8, len, prefix); return;
    case 7: rig_conv(r, threads, 9, 28, 28, 3, 32); return;
    case 8: rig_conv(r, threads, 40, 13, 15, 24, 20); return;
    case 9: rig_loss(r, threads, softmax_forward, 4, 5, 3, 2); return;
    default: rig_loss(r, threads, sigmoid_forward, 3, 4, 3, 2); return;
    }
}

START_TEST(test_threads)
{
    for (int layer = 0; layer < LAYERS; layer++) {
        struct rig one, two;
        open_layer(&one, layer, 1);
        open_layer(&two, layer, 3);
        struct rig *both[] = { &one, &two };
        for (int i = 0; i < 2; i++) {
            pw_blas_enter();
            both[i]->forward(both[i]);
            both[i]->backward(both[i]);
            pw_blas_leave();
        }
        check_same("out", one.n_out, one.out, two.out);
        check_same("din", one.n_in, one.din, two.din);
        for (int i = 0; i < one.n_p; i++)
            check_same(one.p[i].name, one.p[i].n, one.p[i].g, two.p[i].g);
        rig_free(&one);
        rig_free(&two);
    }
}
END_TEST

START_TEST(test_kernels_at_inference)
{
    for (int layer = 0; layer < 9; layer++) {
        struct rig want, have;
        open_layer(&want, layer, 2);
        want.x.train = false;
        want.x.kern = pw_kern_all()[0];
        want.forward(&want);
        for (const struct pw_kern *const *kern = pw_kern_all(); *kern != NULL; kern++) {
            open_layer(&have, layer, 2);
            have.x.train = false;
            have.x.kern = *kern;
            have.forward(&have);
            check_same((*kern)->name, want.n_out, want.out, have.out);
            rig_free(&have);
        }
        rig_free(&want);
    }
}
END_TEST

START_TEST(test_training_is_close_to_inference)
{
    for (int layer = 0; layer < 9; layer++) {
        struct rig train, infer;
        open_layer(&train, layer, 2);
        open_layer(&infer, layer, 2);
        infer.x.train = false;
        train.forward(&train);
        infer.forward(&infer);
        for (size_t i = 0; i < train.n_out; i++)
            ck_assert_msg(fabs((double)train.out[i] - infer.out[i]) <= 1e-4 * (1 + fabs((double)train.out[i])),
                          "layer %d, %zu: %g and %g", layer, i, (double)train.out[i], (double)infer.out[i]);
        rig_free(&train);
        rig_free(&infer);
    }
}
END_TEST

/* --- alone and among others, at inference --- */

START_TEST(test_rows_alone)
{
    for (int layer = 0; layer < 3; layer++) {
        struct rig many, one;
        open_layer(&many, layer, 2);
        open_layer(&one, layer, 2);
        many.x.train = one.x.train = false;
        many.forward(&many);
        size_t rows = many.dim[0], wide = many.n_in / rows, out = many.n_out / rows;
        one.dim[0] = 1;
        for (size_t i = 0; i < rows; i += 37) {
            memcpy(one.in, many.in + i * wide, wide * sizeof(real));
            one.forward(&one);
            check_same("row", out, many.out + i * out, one.out);
        }
        rig_free(&many);
        rig_free(&one);
    }
}
END_TEST

START_TEST(test_sequence_alone)
{
    int len[16], prefix[16];
    for (int i = 0; i < 16; i++)
        len[i] = i * 37 % 150, prefix[i] = i % 3 == 0 ? 0 : len[i] / (i % 3);
    struct rig many, one;
    rig_attention(&many, 2, 4, 2, 24, 16, len, prefix);
    many.x.train = false;
    many.forward(&many);
    for (int s = 0; s < 16; s++) {
        rig_attention(&one, 2, 4, 2, 24, 1, &len[s], &prefix[s]);
        memcpy(one.in, many.in + (size_t)many.off[s] * 8 * 24, one.n_in * sizeof(real));
        one.x.train = false;
        one.forward(&one);
        check_same("sequence", one.n_out, many.out + (size_t)many.off[s] * 4 * 24, one.out);
        rig_free(&one);
    }
    rig_free(&many);
}
END_TEST

START_TEST(test_image_alone)
{
    for (int layer = 7; layer < 9; layer++) {
        struct rig many, one;
        open_layer(&many, layer, 2);
        rig_conv(&one, 2, 1, many.dim[1], many.dim[2], many.dim[3], many.dim[4]);
        many.x.train = one.x.train = false;
        many.forward(&many);
        for (int i = 0; i < many.dim[0]; i++) {
            memcpy(one.in, many.in + i * one.n_in, one.n_in * sizeof(real));
            one.forward(&one);
            check_same("image", one.n_out, many.out + i * one.n_out, one.out);
        }
        rig_free(&many);
        rig_free(&one);
    }
}
END_TEST

/* --- one row at a time --- */

static void check_steps(int heads, int kv_heads, int hd, int len, int capacity)
{
    int causal = 0, width = (heads + 2 * kv_heads) * hd;
    struct rig r;
    rig_attention(&r, 2, heads, kv_heads, hd, 1, &len, &causal);
    r.x.train = false;
    r.forward(&r);
    real *cache = room(pw_attention_cache_size(&r.att, capacity)), *out = room((size_t)heads * hd);
    for (int i = 0; i < len; i++) {
        ok(pw_attention_step(&r.x, &r.att, r.in + (size_t)i * width, i, capacity, cache, out));
        check_same("step", (size_t)heads * hd, r.out + (size_t)i * heads * hd, out);
    }
    free(cache);
    free(out);
    rig_free(&r);
}

START_TEST(test_step)
{
    check_steps(1, 1, 2, 1, 1);
    check_steps(8, 8, 32, 300, 300);
    check_steps(4, 2, 24, 150, 201);
    check_steps(16, 1, 10, 140, 1000);
    check_steps(2, 1, 64, 70, 70);
}
END_TEST

/* Rows that see the same as before a prefix was known. */
START_TEST(test_prefix_as_steps)
{
    int len = 100, prefix = 30, causal = 0;
    struct rig r, first;
    rig_attention(&r, 1, 4, 2, 24, 1, &len, &prefix);
    rig_attention(&first, 1, 4, 2, 24, 1, &len, &causal);
    r.x.train = first.x.train = false;
    r.forward(&r);
    first.forward(&first);
    check_same("behind the prefix", 71 * 96, r.out + 29 * 96, first.out + 29 * 96);
    rig_free(&r);
    rig_free(&first);
}
END_TEST

START_TEST(test_long_sequence)
{
    int len = 4096, causal = 0;
    struct rig r;
    rig_attention(&r, 2, 1, 1, 16, 1, &len, &causal);
    r.forward(&r);
    r.backward(&r);
    for (size_t i = 0; i < r.n_in; i++)
        ck_assert(isfinite(r.din[i]));
    real last = r.out[r.n_out - 1];
    r.x.train = false;
    r.forward(&r);
    ck_assert_double_eq_tol(last, r.out[r.n_out - 1], 1e-4);
    rig_free(&r);
}
END_TEST

/* --- NaN --- */

static bool any_nan(size_t n, const real *x)
{
    for (size_t i = 0; i < n; i++)
        if (isnan(x[i]))
            return true;
    return false;
}

START_TEST(test_nan_stays_where_it_was_seen)
{
    int len[] = { 80, 90 }, prefix[] = { 0, 0 };
    for (int train = 0; train < 2; train++) {
        struct rig r;
        rig_attention(&r, 2, 2, 1, 8, 2, len, prefix);
        r.x.train = train;
        for (int i = 0; i < 32; i++)
            r.in[50 * 32 + i] = NAN;
        r.forward(&r);
        ck_assert(!any_nan(90 * 16, r.out + 80 * 16));
        for (int i = 50; i < 80; i++)
            ck_assert(isnan(r.out[i * 16]) && isnan(r.out[i * 16 + 15]));
        if (!train)
            ck_assert(!any_nan(50 * 16, r.out));
        rig_free(&r);
    }
}
END_TEST

START_TEST(test_nan_is_not_lost)
{
    struct rig r;
    rig_conv(&r, 2, 2, 5, 5, 3, 8);
    r.in[7] = NAN;
    r.forward(&r);
    for (size_t i = 0; i < r.n_out / 2; i++)
        ck_assert(isnan(r.out[i]));
    ck_assert(!any_nan(r.n_out / 2, r.out + r.n_out / 2));
    rig_free(&r);
    rig_loss(&r, 1, softmax_forward, 4, 5, 3, 2);
    r.in[11] = NAN;
    r.forward(&r);
    ck_assert(isnan(r.out[2]) && !isnan(r.out[0]) && r.out[1] == 0);
    rig_free(&r);
    rig_loss(&r, 1, sigmoid_forward, 3, 4, 3, 2);
    r.in[5] = NAN;
    r.forward(&r);
    ck_assert(isnan(r.out[1]) && !isnan(r.out[0]) && !isnan(r.out[2]));
    rig_free(&r);
}
END_TEST

/* --- dropout --- */

enum { DROPPED = 20001 };

static real *drop(bool train, uint64_t step, const char *what, double rate)
{
    struct pw_exec x;
    rig_exec(&x, 2, train);
    x.step = step;
    real *ones = room(DROPPED);
    for (int i = 0; i < DROPPED; i++)
        ones[i] = 1;
    pw_dropout(&x, what, DROPPED, rate, ones);
    rig_exec_end(&x);
    return ones;
}

static int count_other(const real *a, const real *b)
{
    int n = 0;
    for (int i = 0; i < DROPPED; i++)
        n += a[i] != b[i];
    free((void *)b);
    return n;
}

START_TEST(test_dropout)
{
    real *mask = drop(true, 3, "branch", .25);
    int zeros = 0;
    for (int i = 0; i < DROPPED; i++) {
        zeros += mask[i] == 0;
        ck_assert(mask[i] == 0 || fabs((double)mask[i] - 1 / .75) < 1e-6);
    }
    ck_assert_int_gt(zeros, DROPPED * .24);
    ck_assert_int_lt(zeros, DROPPED * .26);
    ck_assert_int_eq(count_other(mask, drop(true, 3, "branch", .25)), 0);
    ck_assert_int_gt(count_other(mask, drop(true, 4, "branch", .25)), DROPPED / 4);
    ck_assert_int_gt(count_other(mask, drop(true, 3, "other", .25)), DROPPED / 4);
    real *all = drop(false, 3, "branch", .25);
    ck_assert_int_eq(count_other(all, drop(true, 3, "branch", 0)), 0);
    ck_assert_float_eq((float)all[0], 1);
    free(all);
    free(mask);
}
END_TEST

/* --- parameters --- */

static struct pw_param *declare(struct pw_params *set, enum pw_param_kind kind, enum pw_init init, int rank,
                                const int64_t *shape, const char *name)
{
    struct pw_param *p = NULL;
    ok(pw_param_declare(set, kind, init, .5, rank, shape, &p, "%s", name));
    ck_assert_ptr_nonnull(p);
    return p;
}

START_TEST(test_declare)
{
    struct pw_params *set = pw_params_new(5), *again = pw_params_new(5);
    struct pw_param *a = declare(set, PW_MATRIX, PW_NORMAL, 2, PW_SHAPE(30, 40), "a"), *found = NULL;
    declare(again, PW_VECTOR, PW_ONES, 1, PW_SHAPE(3), "other");
    struct pw_param *b = declare(again, PW_MATRIX, PW_NORMAL, 2, PW_SHAPE(30, 40), "a");
    check_same("by name, not by order", 1200, a->w, b->w);
    ck_assert(declare(set, PW_MATRIX, PW_ZEROS, 2, PW_SHAPE(30, 40), "a") == a && set->n == 1);
    ck_assert_ptr_eq(pw_params_find(set, "a"), a);
    ck_assert_ptr_null(pw_params_find(set, "b"));
    ck_assert_int_eq(pw_param_declare(set, PW_MATRIX, PW_ZEROS, 0, 2, PW_SHAPE(30, 41), &found, "%s", "a"),
                     PWY_E_FORMAT);
    ck_assert(strstr(pwy_error_message(), "'a'") != NULL && strstr(pwy_error_message(), "(30, 41)") != NULL);
    ck_assert_ptr_null(found);
    struct pw_param *u = declare(set, PW_VECTOR, PW_UNIFORM, 1, PW_SHAPE(1000), "u");
    double sum = 0;
    for (int i = 0; i < 1000; i++) {
        ck_assert(fabs((double)u->w[i]) <= .5);
        sum += u->w[i];
    }
    ck_assert(fabs(sum / 1000) < .05);
    ck_assert_int_eq(declare(set, PW_VECTOR, PW_ZEROS, 1, PW_SHAPE(0), "nothing")->n, 0);
    set->closed = true;
    ck_assert_int_eq(pw_param_declare(set, PW_VECTOR, PW_ONES, 0, 1, PW_SHAPE(3), &found, "new.%d", 1), PWY_E_FORMAT);
    ck_assert(strstr(pwy_error_message(), "new.1") != NULL);
    pw_params_free(set);
    pw_params_free(again);
    pw_params_free(NULL);
}
END_TEST

START_TEST(test_bring)
{
    struct pw_params *set = pw_params_new(5);
    static real file[6] = { 1, 2, 3, 4, 5, 6 };
    ok(pw_params_bring(set, "mapped", 2, PW_SHAPE(2, 3), file, true));
    ok(pw_params_bring(set, "own", 1, PW_SHAPE(6), room(6), false));
    ck_assert_int_eq(pw_params_bring(set, "own", 1, PW_SHAPE(6), room(6), false), PWY_E_FORMAT);
    ck_assert_int_eq(pw_params_bring(set, "deep", 5, PW_SHAPE(1, 1, 1, 1, 1), room(6), false), PWY_E_FORMAT);
    ck_assert_int_eq(pw_params_bring(set, "minus", 1, PW_SHAPE(-1), file, true), PWY_E_FORMAT);
    ck_assert_int_eq(pw_params_bring(set, "huge", 2, PW_SHAPE(INT64_MAX / 2, 8), file, true), PWY_E_FORMAT);
    ck_assert_int_eq(set->n, 2);
    struct pw_param *p = declare(set, PW_TABLE, PW_ONES, 2, PW_SHAPE(2, 3), "mapped");
    ck_assert(p->w == file && p->groups == 2 && p->kind == PW_TABLE);
    ok(pw_params_start_training(set));
    ck_assert(p->w != file && !p->mapped && p->w[5] == 6 && p->g != NULL);
    ck_assert_ptr_null(pw_params_find(set, "own")->g);
    pw_params_free(set);
}
END_TEST

START_TEST(test_training_state)
{
    struct pw_params *set = pw_params_new(5);
    struct pw_param *m = declare(set, PW_MATRIX, PW_ONES, 2, PW_SHAPE(2, 2), "m");
    struct pw_param *t = declare(set, PW_TABLE, PW_ONES, 2, PW_SHAPE(3, 2), "t");
    struct pw_param *e = declare(set, PW_MATRIX, PW_ONES, 3, PW_SHAPE(4, 2, 2), "experts");
    struct pw_param *c = declare(set, PW_CONST, PW_ONES, 1, PW_SHAPE(2), "c");
    ck_assert(!pw_trains(m));
    ok(pw_params_start_training(set));
    ok(pw_params_start_training(set));
    ck_assert(pw_trains(m) && pw_trains(t) && !pw_trains(c) && e->groups == 4 && m->groups == 1);
    m->frozen = true;
    ck_assert(!pw_trains(m));
    m->g[0] = t->g[2] = t->g[4] = 7;
    pw_param_touch(t, 1);
    pw_param_touch(m, 0);
    ck_assert(t->touched[1] && !t->touched[2] && t->g[2] == 0 && t->g[4] == 7 && m->g[0] == 7);
    t->g[2] = 3;
    pw_param_touch(t, 1);
    ck_assert(t->g[2] == 3);
    pw_params_zero_grad(set);
    ck_assert(!t->touched[1] && m->g[0] == 0);
    pw_params_free(set);
}
END_TEST

/* --- experts --- */

START_TEST(test_slices_start_as_the_whole_does)
{
    struct pw_params *set = pw_params_new(5), *other = pw_params_new(5);
    struct pw_param *e = declare(set, PW_MATRIX, PW_NORMAL, 3, PW_SHAPE(4, 3, 5), "x");
    struct pw_param *whole = declare(other, PW_VECTOR, PW_NORMAL, 3, PW_SHAPE(4, 3, 5), "x");
    ck_assert(e->w == NULL && e->groups == 4 && e->slice != NULL && whole->slice == NULL);
    for (int64_t i = 0; i < 60; i++)
        ck_assert(*weight_at(e, i) == whole->w[i]);
    ck_assert(pw_params_bytes(set).weights == 60 * (int64_t)sizeof(real));
    pw_params_free(set);
    pw_params_free(other);
}
END_TEST

/* Touches expert `e` in a new step. */
static void touch(struct pw_params *set, struct pw_param *p, int64_t e)
{
    bool first = false;
    pw_params_zero_grad(set);
    ok(pw_slice_touch(p, e, &first));
    ck_assert(first && p->slice[e].touched && p->slice[e].g != NULL);
    ok(pw_slice_touch(p, e, &first));
    ck_assert(!first);
}

START_TEST(test_slices_of_a_file)
{
    static real file[6] = { 1, 2, 3, 4, 5, 6 };
    struct pw_params *set = pw_params_new(5);
    ok(pw_params_bring(set, "mapped", 3, PW_SHAPE(3, 1, 2), file, true));
    ok(pw_params_bring(set, "own", 3, PW_SHAPE(3, 1, 2), room(6), false));
    struct pw_param *p = declare(set, PW_MATRIX, PW_ONES, 3, PW_SHAPE(3, 1, 2), "mapped");
    struct pw_param *own = declare(set, PW_MATRIX, PW_ONES, 3, PW_SHAPE(3, 1, 2), "own");
    ck_assert(declare(set, PW_MATRIX, PW_ONES, 3, PW_SHAPE(3, 1, 2), "mapped") == p);
    ck_assert(p->w == NULL && pw_param_group(p, 1) == file + 2 && pw_param_group_size(p) == 2);
    ok(pw_params_start_training(set));
    p->slice[2].locked = true;
    ck_assert(pw_trains_group(p, 1) && !pw_trains_group(p, 2));
    ck_assert(pw_params_bytes(set).weights == 6 * (int64_t)sizeof(real) && pw_params_bytes(set).gradients == 0);
    touch(set, p, 1);
    ck_assert(pw_param_group(p, 0) == file && pw_param_group(p, 1) != file + 2 && pw_param_group(p, 1)[1] == 4);
    ck_assert(p->slice[0].g == NULL && p->slice[2].g == NULL);
    ck_assert(pw_params_bytes(set).weights == 8 * (int64_t)sizeof(real));
    ck_assert(pw_params_bytes(set).gradients == 2 * (int64_t)sizeof(real));
    real *lies = pw_param_group(own, 2);
    touch(set, own, 2);
    ck_assert(pw_param_group(own, 2) == lies && !p->slice[1].touched);
    pw_params_free(set);
}
END_TEST

START_TEST(test_borrowing)
{
    struct pw_params *parent = pw_params_new(5), *set = pw_params_new(6);
    struct pw_param *m = declare(parent, PW_MATRIX, PW_NORMAL, 2, PW_SHAPE(2, 2), "m");
    struct pw_param *e = declare(parent, PW_MATRIX, PW_NORMAL, 3, PW_SHAPE(2, 2, 2), "e");
    ok(pw_params_borrow(set, m));
    ok(pw_params_borrow(set, e));
    ck_assert_int_eq(pw_params_borrow(set, e), PWY_E_FORMAT);
    struct pw_param *n = declare(set, PW_MATRIX, PW_ONES, 2, PW_SHAPE(2, 2), "m");
    struct pw_param *f = declare(set, PW_MATRIX, PW_ONES, 3, PW_SHAPE(2, 2, 2), "e");
    ck_assert(n->w == m->w && pw_param_group(f, 1) == pw_param_group(e, 1) && pw_params_bytes(set).weights == 0);
    n->locked = true;
    ok(pw_params_start_training(set));
    ck_assert(!pw_trains(n) && n->w == m->w && n->g == NULL);
    touch(set, f, 0);
    ck_assert(pw_param_group(f, 0) != pw_param_group(e, 0) && pw_param_group(f, 1) == pw_param_group(e, 1));
    ck_assert(pw_param_group(f, 0)[3] == pw_param_group(e, 0)[3]);
    pw_params_free(set);
    pw_params_free(parent);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("nn");
    TCase *tests = tcase_create("bits");
    tcase_set_timeout(tests, 120);
    tcase_add_test(tests, test_threads);
    tcase_add_test(tests, test_kernels_at_inference);
    tcase_add_test(tests, test_training_is_close_to_inference);
    tcase_add_test(tests, test_rows_alone);
    tcase_add_test(tests, test_sequence_alone);
    tcase_add_test(tests, test_image_alone);
    tcase_add_test(tests, test_step);
    tcase_add_test(tests, test_prefix_as_steps);
    tcase_add_test(tests, test_long_sequence);
    tcase_add_test(tests, test_nan_stays_where_it_was_seen);
    tcase_add_test(tests, test_nan_is_not_lost);
    tcase_add_test(tests, test_dropout);
    tcase_add_test(tests, test_declare);
    tcase_add_test(tests, test_bring);
    tcase_add_test(tests, test_training_state);
    tcase_add_test(tests, test_slices_start_as_the_whole_does);
    tcase_add_test(tests, test_slices_of_a_file);
    tcase_add_test(tests, test_borrowing);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}

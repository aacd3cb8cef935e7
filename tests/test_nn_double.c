/* Every layer's backward against central differences, in double. */
#include "nn_rig.h"
#include "suite.h"

enum { PROBES = 300 };

static const double STEP = 1e-5, PRECISION = 1e-6;

static double loss_of(struct rig *r)
{
    double sum = 0;
    pw_arena_reset(r->x.arena);
    r->forward(r);
    for (size_t i = 0; i < r->n_out; i++)
        sum += r->out[i] * r->dout[i];
    return sum;
}

static double loss_at(struct rig *r, real *at, double value)
{
    double old = *at;
    *at = value;
    double loss = loss_of(r);
    *at = old;
    return loss;
}

/* By differences of the fourth order. */
static double slope(struct rig *r, real *at)
{
    double near = loss_at(r, at, *at + STEP) - loss_at(r, at, *at - STEP);
    double far = loss_at(r, at, *at + 2 * STEP) - loss_at(r, at, *at - 2 * STEP);
    return (8 * near - far) / (12 * STEP);
}

static double typical(size_t n, const real *g, double base)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += (g[i] - base) * (g[i] - base);
    return sqrt(sum / (n > 0 ? n : 1));
}

/* g less `base`, what stood there before, against differences of the loss by w; up to PROBES elements. */
static void compare(struct rig *r, const char *what, size_t n, real *w, const real *g, double base)
{
    size_t step = n / PROBES + 1;
    double size = typical(n, g, base);
    for (size_t i = 0; i < n; i += step) {
        double want = slope(r, &w[i]), have = g[i] - base;
        ck_assert_msg(fabs(have - want) <= PRECISION * (fabs(want) + size + 1e-6), "%s[%zu]: %.10g, differences %.10g",
                      what, i, have, want);
    }
}

static void set_all(size_t n, real value, real *x)
{
    for (size_t i = 0; i < n; i++)
        x[i] = value;
}

/* Gradients start at numbers other than 0, so that it shows whether they add. All rows of a table count as touched. */
static void start_gradients(struct rig *r)
{
    set_all(r->n_in, .25, r->din);
    for (int i = 0; i < r->n_p; i++) {
        set_all(r->p[i].n, .5, r->p[i].g);
        memset(r->p[i].touched, 1, r->p[i].groups);
    }
}

static void check_frozen(struct rig *r)
{
    start_gradients(r);
    for (int i = 0; i < r->n_p; i++)
        r->p[i].frozen = true;
    r->backward(r);
    for (int i = 0; i < r->n_p; i++)
        for (int64_t j = 0; j < r->p[i].n; j++)
            ck_assert_msg(r->p[i].g[j] == .5, "%s is frozen and got a gradient", r->p[i].name);
}

static void check(struct rig *r)
{
    start_gradients(r);
    loss_of(r);
    r->backward(r);
    compare(r, "in", r->n_in, r->in, r->din, r->overwrites ? 0 : .25);
    for (int i = 0; i < r->n_p; i++)
        compare(r, r->p[i].name, r->p[i].n, r->p[i].w, r->p[i].g, .5);
    loss_of(r);
    check_frozen(r);
    rig_free(r);
}

START_TEST(test_norms)
{
    const int rows[] = { 0, 1, 3, 70 }, width[] = { 1, 5, 33, 300 };
    struct rig r;
    for (int i = 0; i < 4; i++)
        for (int j = 0; j < 4; j++) {
            rig_rmsnorm(&r, 2, rows[i], width[j]);
            check(&r);
            if (width[j] == 1)
                continue;
            rig_layernorm(&r, 2, rows[i], width[j], i % 2 == 0);
            check(&r);
        }
}
END_TEST

START_TEST(test_dense)
{
    const int shape[][3] = { { 0, 3, 2 }, { 1, 1, 1 }, { 7, 5, 3 }, { 65, 17, 33 }, { 3, 4, 0 } };
    struct rig r;
    for (int i = 0; i < 5; i++) {
        rig_dense(&r, 2, shape[i][0], shape[i][1], shape[i][2], i % 2 == 0);
        check(&r);
    }
}
END_TEST

START_TEST(test_dense_without_input)
{
    struct rig r;
    rig_dense(&r, 2, 7, 5, 3, true);
    r.forward(&r);
    ok(pw_dense_back(&r.x, 7, r.in, &r.p[0], &r.p[1], r.dout, NULL));
    compare(&r, "w", r.p[0].n, r.p[0].w, r.p[0].g, 0);
    compare(&r, "b", r.p[1].n, r.p[1].w, r.p[1].g, 0);
    rig_free(&r);
}
END_TEST

START_TEST(test_tables)
{
    struct rig r;
    for (int n = 0; n <= 5; n++) {
        rig_embed(&r, 2, n, 3 + n);
        check(&r);
    }
    for (int n = 0; n <= 3; n++) {
        rig_bag(&r, 2, n, 17);
        check(&r);
    }
}
END_TEST

START_TEST(test_touch)
{
    struct rig r;
    rig_embed(&r, 2, 5, 3);
    start_gradients(&r);
    memset(r.p[0].touched, 0, r.p[0].groups);
    r.backward(&r);
    const bool touched[] = { true, true, false, true };     /* ids 3 0 3 1 3 */
    for (int i = 0; i < 4; i++) {
        ck_assert_int_eq(r.p[0].touched[i], touched[i]);
        if (!touched[i])
            ck_assert_double_eq(r.p[0].g[3 * i], .5);
    }
    ck_assert_double_eq_tol(r.p[0].g[9], r.dout[0] + r.dout[6] + r.dout[12], 1e-12);
    rig_free(&r);
}
END_TEST

START_TEST(test_attention)
{
    const int heads[][3] = { { 1, 1, 2 }, { 2, 2, 4 }, { 4, 2, 6 }, { 3, 1, 8 }, { 2, 1, 5 } };
    const int len[] = { 0, 1, 5, 70, 3, 0 }, prefix[] = { 0, 1, 3, 0, 200, 4 };
    struct rig r;
    for (int i = 0; i < 5; i++) {
        rig_attention(&r, 2, heads[i][0], heads[i][1], heads[i][2], 6, len, prefix);
        check(&r);
    }
}
END_TEST

START_TEST(test_attention_prefixes)
{
    const int prefix[] = { 0, 40, 65, 100, 130 };
    struct rig r;
    for (int i = 0; i < 5; i++) {
        rig_attention(&r, 1, 2, 1, 4, 1, (int[]){ 130 }, &prefix[i]);
        check(&r);
    }
}
END_TEST

START_TEST(test_attention_of_nothing)
{
    struct rig r;
    rig_attention(&r, 2, 2, 1, 4, 0, NULL, NULL);
    check(&r);
    rig_attention(&r, 2, 2, 1, 4, 2, (int[]){ 0, 0 }, (int[]){ 0, 3 });
    check(&r);
}
END_TEST

START_TEST(test_conv)
{
    const int shape[][5] = { { 0, 3, 3, 2, 8 }, { 1, 1, 1, 1, 8 }, { 3, 5, 7, 3, 8 }, { 2, 2, 3, 1, 12 },
                             { 2, 1, 4, 2, 5 }, { 1, 6, 1, 9, 16 }, { 2, 4, 4, 2, 17 } };
    struct rig r;
    for (int i = 0; i < 7; i++) {
        rig_conv(&r, 2, shape[i][0], shape[i][1], shape[i][2], shape[i][3], shape[i][4]);
        check(&r);
    }
}
END_TEST

/* Images enough for more than one chunk of patches. */
START_TEST(test_conv_chunks)
{
    struct rig r;
    rig_conv(&r, 2, 40, 13, 12, 24, 8);
    r.forward(&r);
    r.backward(&r);
    real *din = r.din, *dw = r.p[0].g;
    r.din = room(r.n_in), r.p[0].g = room(r.p[0].n);
    struct rig one;
    rig_conv(&one, 2, 1, 13, 12, 24, 8);
    free(one.in);
    free(one.dout);
    free(one.din);
    for (int i = 0; i < 40; i++) {
        one.in = r.in + i * one.n_in, one.dout = r.dout + i * one.n_out, one.din = r.din + i * one.n_in;
        pw_arena_reset(one.x.arena);
        one.forward(&one);
        one.backward(&one);
    }
    for (size_t i = 0; i < r.n_in; i++)
        ck_assert_double_eq_tol(din[i], r.din[i], 1e-10);
    for (int64_t i = 0; i < r.p[0].n; i++)
        ck_assert_double_eq_tol(dw[i], one.p[0].g[i], 1e-10);
    one.in = one.dout = one.din = NULL;
    rig_free(&one);
    free(din);
    free(dw);
    rig_free(&r);
}
END_TEST

START_TEST(test_losses)
{
    struct rig r;
    rig_loss(&r, 2, softmax_forward, 4, 5, 3, 2);
    check(&r);
    rig_loss(&r, 2, sigmoid_forward, 3, 4, 3, 2);
    check(&r);
    rig_loss(&r, 2, squared_forward, 4, 1, 1, 2);
    check(&r);
    rig_loss(&r, 2, softmax_forward, 0, 5, 3, 2);
    check(&r);
}
END_TEST

START_TEST(test_extreme_logits)
{
    struct pw_exec x;
    rig_exec(&x, 1, true);
    real logits[] = { 1000, -1000, 0, 1000, -1000, 0 }, grad[6];
    double loss[2];
    ok(pw_softmax_xent(&x, 2, 3, logits, (int32_t[]){ 0, 1 }, NULL, loss, grad));
    ck_assert_double_eq_tol(loss[0], 0, 1e-12);
    ck_assert_double_eq_tol(loss[1], 2000, 1e-9);
    ck_assert_double_eq_tol(grad[4], -1, 1e-12);
    ok(pw_sigmoid_xent(&x, 1, 3, logits, (uint8_t[]){ 0, 1, 1 }, NULL, loss, grad));
    ck_assert_double_eq_tol(loss[0], (2000 + log(2)) / 3, 1e-9);
    ck_assert_double_eq_tol(grad[0], 1. / 3, 1e-12);
    rig_exec_end(&x);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("nn_double");
    TCase *tests = tcase_create("gradients");
    tcase_set_timeout(tests, 120);
    tcase_add_test(tests, test_norms);
    tcase_add_test(tests, test_dense);
    tcase_add_test(tests, test_dense_without_input);
    tcase_add_test(tests, test_tables);
    tcase_add_test(tests, test_touch);
    tcase_add_test(tests, test_attention);
    tcase_add_test(tests, test_attention_prefixes);
    tcase_add_test(tests, test_attention_of_nothing);
    tcase_add_test(tests, test_conv);
    tcase_add_test(tests, test_conv_chunks);
    tcase_add_test(tests, test_losses);
    tcase_add_test(tests, test_extreme_logits);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}

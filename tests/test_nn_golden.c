/* The layers in double against PyTorch (golden/nn.py): outputs and gradients. */
#include <jansson.h>
#include <stdio.h>
#include "nn_rig.h"
#include "suite.h"

static json_t *golden;

static void load(void)
{
    char path[512];
    const char *folder = getenv("srcdir");
    snprintf(path, sizeof path, "%s/tests/golden/nn.json", folder != NULL ? folder : ".");
    json_error_t error;
    golden = json_load_file(path, 0, &error);
    ck_assert_msg(golden != NULL, "%s: %s", path, error.text);
}

static void unload(void)
{
    json_decref(golden);
}

static void compare(const char *layer, const char *what, const json_t *want, size_t n, const real *have)
{
    ck_assert_msg(json_array_size(want) == n, "%s %s: %zu numbers, not %zu", layer, what, json_array_size(want), n);
    for (size_t i = 0; i < n; i++) {
        double w = json_number_value(json_array_get(want, i));
        ck_assert_msg(fabs(have[i] - w) <= 1e-9 * (1 + fabs(w)), "%s %s[%zu] is %.12g, not %.12g", layer, what, i,
                      (double)have[i], w);
    }
}

static void check(struct rig *r, const char *layer)
{
    const json_t *entry = json_object_get(golden, layer), *grad = json_object_get(entry, "grad");
    ck_assert_ptr_nonnull(entry);
    r->forward(r);
    r->backward(r);
    compare(layer, "out", json_object_get(entry, "out"), r->n_out, r->out);
    if (r->n_in > 0)
        compare(layer, "in", json_object_get(grad, "in"), r->n_in, r->din);
    for (int i = 0; i < r->n_p; i++)
        compare(layer, r->p[i].name, json_object_get(grad, r->p[i].name), r->p[i].n, r->p[i].g);
    rig_free(r);
}

START_TEST(test_rows)
{
    struct rig r;
    rig_rmsnorm(&r, 2, 5, 7);
    check(&r, "rmsnorm");
    rig_layernorm(&r, 2, 5, 7, true);
    check(&r, "layernorm");
    rig_dense(&r, 2, 5, 7, 3, true);
    check(&r, "dense");
    rig_bag(&r, 2, 3, 3);
    check(&r, "bag");
}
END_TEST

START_TEST(test_attention)
{
    struct rig r;
    rig_attention(&r, 2, 2, 2, 4, 3, (int[]){ 3, 1, 5 }, (int[]){ 0, 0, 5 });
    check(&r, "attention");
    rig_attention(&r, 2, 4, 2, 6, 3, (int[]){ 0, 6, 2 }, (int[]){ 0, 4, 1 });
    check(&r, "attention_grouped");
}
END_TEST

START_TEST(test_conv)
{
    struct rig r;
    rig_conv(&r, 2, 2, 5, 4, 3, 8);
    check(&r, "conv");
    rig_conv(&r, 2, 1, 3, 3, 2, 16);
    check(&r, "conv_wide");
}
END_TEST

START_TEST(test_losses)
{
    struct rig r;
    rig_loss(&r, 2, softmax_forward, 4, 5, 3, 2);
    check(&r, "softmax_xent");
    rig_loss(&r, 2, sigmoid_forward, 3, 4, 3, 2);
    check(&r, "sigmoid_xent");
    rig_loss(&r, 2, squared_forward, 4, 1, 1, 3);
    check(&r, "squared");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("nn_golden");
    TCase *tests = tcase_create("torch");
    tcase_add_checked_fixture(tests, load, unload);
    tcase_add_test(tests, test_rows);
    tcase_add_test(tests, test_attention);
    tcase_add_test(tests, test_conv);
    tcase_add_test(tests, test_losses);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}

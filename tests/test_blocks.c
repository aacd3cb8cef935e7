/* Small language models made of the blocks of Switch, Mixtral, OLMoE, DeepSeekMoE and DeepSeek-V3 against PyTorch in
   double (golden/blocks.py): logits, losses, gradients. Built in float and in double. */
#include <jansson.h>
#include <math.h>
#include "param_rig.h"
#include "route_rig.h"
#include "suite.h"

#ifdef PATHWAYS_DOUBLE
static const double near = 1e-9;
#else
static const double near = 1e-4;
#endif

struct model {
    const json_t *golden; const char *name;
    struct rig rig; struct pw_param *embed;
    int rows, d, vocab, n_seq; int32_t off[16], prefix[16], id[64], target[64];
};

static const json_t *field(const struct model *m, const char *key)
{
    const json_t *value = json_object_get(m->golden, key);
    ck_assert_msg(value != NULL, "%s has no %s", m->name, key);
    return value;
}

static int whole(const struct model *m, const char *key)
{
    return (int)json_integer_value(field(m, key));
}

static double number(const struct model *m, const char *key)
{
    return json_number_value(field(m, key));
}

/* Relative to the number, or to the tensor's root mean square where the number is small beside it. */
static void compare(const struct model *m, const char *what, const json_t *want, size_t n, const real *have)
{
    double squares = 0;
    ck_assert_msg(json_array_size(want) == n, "%s %s: %zu numbers, not %zu", m->name, what, json_array_size(want), n);
    for (size_t i = 0; i < n; i++) squares += pow(json_number_value(json_array_get(want, i)), 2);
    for (size_t i = 0; i < n; i++) {
        double w = json_number_value(json_array_get(want, i)), scale = fmax(fabs(w), sqrt(squares / (double)n));
        ck_assert_msg(fabs((double)have[i] - w) <= near * scale, "%s %s[%zu] is %.12g, PyTorch has %.12g", m->name,
                      what, i, (double)have[i], w);
    }
}

static void read_rows(struct model *m)
{
    const json_t *lengths = field(m, "lengths"), *id = field(m, "ids"), *target = field(m, "target");
    m->rows = (int)json_array_size(id);
    m->n_seq = (int)json_array_size(lengths);
    for (int s = 0; s < m->n_seq; s++)
        m->off[s + 1] = m->off[s] + (int32_t)json_integer_value(json_array_get(lengths, (size_t)s));
    for (int i = 0; i < m->rows; i++) {
        m->id[i] = (int32_t)json_integer_value(json_array_get(id, (size_t)i));
        m->target[i] = (int32_t)json_integer_value(json_array_get(target, (size_t)i));
    }
    ck_assert_int_eq(m->off[m->n_seq], m->rows);
}

/* golden/blocks.py's fill(). */
static void fill(struct pw_param *p, const json_t *tensor)
{
    uint64_t state = (uint64_t)json_integer_value(json_object_get(tensor, "seed"));
    double scale = json_number_value(json_object_get(tensor, "scale"));
    double shift = json_number_value(json_object_get(tensor, "shift"));
    for (int64_t i = 0; i < p->n; i++) {
        state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        *weight_at(p, i) = (real)(shift + scale * ((double)(state >> 11) / 4503599627370496.0 - 1));
    }
}

static struct pw_param *named(const struct model *m, const json_t *tensor)
{
    const char *name = json_string_value(json_object_get(tensor, "name"));
    struct pw_param *p = pw_params_find(m->rig.set, name);
    ck_assert_msg(p != NULL, "%s: the trunk has no %s", m->name, name);
    return p;
}

static void open_model(struct model *m)
{
    struct pw_trunk_config c = {
        .d = whole(m, "d"), .layers = whole(m, "layers"), .heads = whole(m, "heads"), .kv_heads = whole(m, "kv_heads"),
        .experts = whole(m, "experts"), .topk = whole(m, "topk"), .hidden = whole(m, "hidden"),
        .shared = whole(m, "shared"), .rope_base = 10000, .expert_lr = 1,
        .router = {.renormalise = json_is_true(field(m, "renormalise")), .sigmoid = json_is_true(field(m, "sigmoid")),
                   .gate_scale = number(m, "gate_scale"), .balance = number(m, "balance"),
                   .zloss = number(m, "zloss")}};
    const json_t *tensors = field(m, "tensors");
    m->d = c.d;
    m->vocab = whole(m, "vocab");
    rig_open(&m->rig, 1, true);
    ck_assert_int_eq(pw_trunk_new(&c, m->rig.set, &m->rig.trunk), PWY_OK);
    m->embed = matrix(&m->rig, "embed", 2, PW_SHAPE(m->vocab, m->d), 1);
    ck_assert_int_eq((int)json_array_size(tensors), m->rig.set->n);
    for (size_t i = 0; i < json_array_size(tensors); i++)
        fill(named(m, json_array_get(tensors, i)), json_array_get(tensors, i));
    ck_assert_int_eq(pw_params_start_training(m->rig.set), PWY_OK);
    pw_params_zero_grad(m->rig.set);
}

/* Logits (T, vocab) = out E^T, compared; then out's gradient dout (T, d), and the table's as a writer. */
static void write_rows(struct model *m, const real *out, real *dout)
{
    struct pw_exec *x = &m->rig.x;
    size_t n = (size_t)(m->rows * m->vocab);
    real *logits = numbers(0, n, 0), weight[64];
    double loss[64], mean = 0;
    struct pw_product p = {.tb = true, .m = m->rows, .n = m->vocab, .k = m->d, .a = out, .lda = m->d, .b = m->embed->w,
                           .ldb = m->d, .c = logits, .ldc = m->vocab};
    for (int i = 0; i < m->rows; i++) weight[i] = (real)1 / (real)m->rows;
    ck_assert_int_eq(pw_products(x, &p, 1), PWY_OK);
    compare(m, "logits", field(m, "logits"), n, logits);
    ck_assert_int_eq(pw_softmax_xent(x, m->rows, m->vocab, logits, m->target, weight, loss, logits), PWY_OK);
    for (int i = 0; i < m->rows; i++) mean += loss[i] / m->rows;
    ck_assert_double_eq_tol(mean, number(m, "loss"), near * number(m, "loss"));
    ck_assert_int_eq(pw_linear(x, m->rows, m->vocab, m->d, logits, m->embed->w, dout, false), PWY_OK);
    ck_assert_int_eq(pw_linear_dw(x, m->rows, m->vocab, m->d, logits, out, m->embed->g), PWY_OK);
    free(logits);
}

static void check_gradients(struct model *m)
{
    const json_t *tensors = field(m, "tensors");
    for (size_t i = 0; i < json_array_size(tensors); i++) {
        const json_t *tensor = json_array_get(tensors, i);
        struct pw_param *p = named(m, tensor);
        real *g = numbers(0, (size_t)p->n, 0);
        for (int64_t j = 0; j < p->n; j++) g[j] = grad_at(p, j) != NULL ? *grad_at(p, j) : 0;
        compare(m, p->name, json_object_get(tensor, "grad"), (size_t)p->n, g);
        free(g);
    }
}

static void check_model(struct model *m)
{
    struct pw_ragged ragged = {.n_seq = m->n_seq, .off = m->off, .prefix = m->prefix};
    struct pw_exec *x = &m->rig.x;
    struct pw_trunk_keep *keep;
    size_t n = (size_t)(m->rows * m->d);
    real *in = numbers(0, n, 0), *out = numbers(0, n, 0), *dout = numbers(0, n, 0), *din = numbers(0, n, 0);
    double aux = 0;
    ck_assert_int_eq(pw_embed(x, m->rows, m->id, m->embed, in), PWY_OK);
    ck_assert_int_eq(pw_trunk_forward(m->rig.trunk, x, &ragged, in, out, NULL, &keep), PWY_OK);
    write_rows(m, out, dout);
    ck_assert_int_eq(pw_trunk_backward(m->rig.trunk, x, &ragged, keep, dout, din, &aux), PWY_OK);
    ck_assert_double_eq_tol(aux, number(m, "aux"), near * number(m, "aux"));
    ck_assert_int_eq(pw_embed_back(x, m->rows, m->id, m->embed, din), PWY_OK);
    check_gradients(m);
    real *all[] = {in, out, dout, din};
    for (int i = 0; i < 4; i++) free(all[i]);
}

static const char *const names[] = {"switch", "mixtral", "olmoe", "deepseekmoe", "deepseek_v3"};
enum { MODELS = sizeof names / sizeof *names };

START_TEST(blocks)
{
    const char *folder = getenv("srcdir");
    char path[4096];
    json_error_t error;
    snprintf(path, sizeof path, "%s/tests/golden/blocks.json", folder != NULL ? folder : ".");
    json_t *all = json_load_file(path, 0, &error);
    ck_assert_msg(all != NULL, "%s: %s", path, error.text);
    ck_assert_int_eq((int)json_array_size(all), MODELS);
    struct model m = {.golden = json_array_get(all, (size_t)_i), .name = names[_i]};
    ck_assert_str_eq(json_string_value(field(&m, "name")), names[_i]);
    read_rows(&m);
    open_model(&m);
    check_model(&m);
    rig_close(&m.rig);
    json_decref(all);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("blocks");
    TCase *tests = tcase_create("torch");
    tcase_add_loop_test(tests, blocks, 0, MODELS);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}

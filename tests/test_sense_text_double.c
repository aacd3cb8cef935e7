/* Gradients of the stems of text and bytes against central differences, in double. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "sense/sense.h"
#include "suite.h"

extern const struct pw_sense_ops pw_sense_text, pw_sense_bytes;

enum { D = 6, N = 5, MAX_ROWS = 64 };

/* A sense, N values (one of them missing), and a loss: the sum of rows times fixed numbers. */
struct rig {
    struct pw_sense s;
    struct pw_exec x;
    struct pw_arena *kept;
    struct pw_encoded value[N];
    const struct pw_encoded *in[N];
    int rows;
    real weight[MAX_ROWS * D];
};

static const char *const texts[N] = { "aab ab", "x", NULL, "abcabcabcabc", "\x01\x02\x03\x01\x02\x7f" };

static struct pw_value value_of(enum pw_value_type type, const char *text)
{
    return (struct pw_value){ .type = text != NULL ? type : PW_VALUE_NONE, .text = text,
                              .len = text != NULL ? (int64_t)strlen(text) : 0 };
}

static pwy_status text_row(void *arg, int64_t i, const struct pw_value **value, struct pw_goal *goal)
{
    struct pw_value *store = arg;
    *store = value_of(PW_VALUE_TEXT, texts[i]);
    *value = texts[i] != NULL ? store : NULL;
    goal->label = (int)(i % 2);
    return PWY_OK;
}

/* Fitted where it has settings. */
static void sense_open(struct pw_sense *s, const char *settings)
{
    struct pw_value store;
    struct pw_fit fit = { .arg = &store, .n_train = N, .row = text_row, .kind = "classify", .outputs = 2 };
    struct pw_node *map = NULL;
    if (settings != NULL)
        ck_assert_int_eq(pw_node_from_yaml(settings, strlen(settings), NULL, &map), PWY_OK);
    ck_assert_int_eq(s->ops->open(s, map), PWY_OK);
    if (settings != NULL)
        ck_assert_int_eq(s->ops->fit(s, &fit), PWY_OK);
    pw_node_free(map);
}

static void rig_open(struct rig *rig, const struct pw_sense_ops *ops, enum pw_value_type type, const char *settings)
{
    struct pw_rng rng = pw_rng_at(7, 8, 0);
    memset(rig, 0, sizeof *rig);
    rig->s = (struct pw_sense){ .ops = ops, .d = D, .own = (char *)"task.t.part", .stem = ops->name,
                                .kind = "classify", .outputs = 2 };
    rig->s.params = pw_params_new(3);
    rig->kept = pw_arena_new();
    rig->x = (struct pw_exec){ .arena = pw_arena_new(), .train = true };
    ck_assert_int_eq(pw_kern_choose("reference", &rig->x.kern), PWY_OK);
    ck_assert_int_eq(pw_tok_bytes(&rig->s.tok), PWY_OK);
    sense_open(&rig->s, settings);
    ck_assert_int_eq(ops->declare(&rig->s), PWY_OK);
    ck_assert_int_eq(pw_params_start_training(rig->s.params), PWY_OK);
    for (int i = 0; i < N; i++) {
        struct pw_value v = value_of(type, texts[i]);
        ck_assert_int_eq(ops->encode(&rig->s, &v, NULL, rig->kept, &rig->value[i]), PWY_OK);
        rig->in[i] = &rig->value[i];
        rig->rows += rig->value[i].n_tokens;
    }
    for (int i = 0; i < rig->rows * D; i++)
        rig->weight[i] = pw_rng_normal(&rng);
}

static void rig_close(struct rig *rig)
{
    rig->s.ops->close(&rig->s);
    pw_params_free(rig->s.params);
    pw_arena_free(rig->kept);
    pw_arena_free(rig->x.arena);
    pw_tok_release(rig->s.tok);
}

static double loss(struct rig *rig, void **keep)
{
    real rows[MAX_ROWS * D];
    double sum = 0;
    ck_assert_int_eq(rig->s.ops->forward(&rig->s, &rig->x, N, rig->in, rows, NULL, keep), PWY_OK);
    for (int i = 0; i < rig->rows * D; i++)
        sum += rows[i] * rig->weight[i];
    return sum;
}

static double slope(struct rig *rig, real *w)
{
    const double h = 1e-6;
    real old = *w;
    *w = old + h;
    double up = loss(rig, NULL);
    *w = old - h;
    double down = loss(rig, NULL);
    *w = old;
    pw_arena_reset(rig->x.arena);
    return (up - down) / (2 * h);
}

/* Every touched number of a parameter, at most a few hundred of them; what is not touched has no slope. */
static int check_param(struct rig *rig, struct pw_param *p)
{
    int checked = 0;
    int64_t row = p->n / p->groups;
    for (int64_t i = 0; i < p->n && checked < 400; i++) {
        bool touched = p->groups == 1 || p->touched[i / row];
        if (!touched && i % 997 != 0)
            continue;
        double want = slope(rig, &p->w[i]), got = touched ? p->g[i] : 0;
        ck_assert_msg(fabs(want - got) < 1e-6 * (1 + fabs(want)), "%s[%lld]: %g, differences give %g", p->name,
                      (long long)i, got, want);
        checked += touched;
    }
    return checked;
}

static void check_sense(const struct pw_sense_ops *ops, enum pw_value_type type, const char *settings, int n_params)
{
    struct rig rig;
    void *keep = NULL;
    int seen = 0;
    rig_open(&rig, ops, type, settings);
    pw_params_zero_grad(rig.s.params);
    loss(&rig, &keep);
    ck_assert_int_eq(ops->backward(&rig.s, &rig.x, N, rig.in, keep, rig.weight, NULL), PWY_OK);
    pw_arena_reset(rig.x.arena);
    for (int i = 0; i < rig.s.params->n; i++)
        if (rig.s.params->list[i]->g != NULL)
            seen += check_param(&rig, rig.s.params->list[i]) > 0;
    ck_assert_int_eq(seen, n_params);
    rig_close(&rig);
}

START_TEST(text_gradients)
{
    check_sense(&pw_sense_text, PW_VALUE_TEXT, NULL, 1);
}
END_TEST

/* Narrow embeddings and the product that makes them as wide as the trunk. */
START_TEST(own_tokenizer_gradients)
{
    check_sense(&pw_sense_text, PW_VALUE_TEXT, "{vocab: 262, rank: 3}", 2);
}
END_TEST

START_TEST(bytes_gradients)
{
    check_sense(&pw_sense_bytes, PW_VALUE_BYTES, NULL, 5);
}
END_TEST

START_TEST(frozen_parameters_stay)
{
    struct rig rig;
    void *keep = NULL;
    rig_open(&rig, &pw_sense_bytes, PW_VALUE_BYTES, NULL);
    pw_params_zero_grad(rig.s.params);
    for (int i = 0; i < rig.s.params->n; i++)
        rig.s.params->list[i]->frozen = true;
    loss(&rig, &keep);
    ck_assert_int_eq(rig.s.ops->backward(&rig.s, &rig.x, N, rig.in, keep, rig.weight, NULL), PWY_OK);
    for (int i = 0; i < rig.s.params->n; i++) {
        const struct pw_param *p = rig.s.params->list[i];
        for (int64_t k = 0; p->groups == 1 && k < p->n; k++)
            ck_assert(p->g[k] == 0);
        for (int64_t k = 0; p->groups > 1 && k < p->groups; k++)
            ck_assert_int_eq(p->touched[k], 0);
    }
    rig_close(&rig);
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("sense_text_double");
    TCase *c = tcase_create("sense_text_double");
    tcase_add_test(c, text_gradients);
    tcase_add_test(c, own_tokenizer_gradients);
    tcase_add_test(c, bytes_gradients);
    tcase_add_test(c, frozen_parameters_stay);
    tcase_set_timeout(c, 60);
    suite_add_tcase(s, c);
    return s;
}

int main(void)
{
    return run_suite(suite());
}

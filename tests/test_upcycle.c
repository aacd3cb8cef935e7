/* Sparse models out of dense ones: the same answers, experts that part as they train on, and what cannot be asked. */
#include "model/model.h"
#include "train_rig.h"
#include "suite.h"

#define DENSE "d: 16, layers: 2, heads: 2, experts: 0, hidden: 24, shared: 1, vocab: 300, window: 48"
enum { SOME = 1 << R_TEXT | 1 << R_TABLE | 1 << R_GO };

static pwy_model *dense;

static void open_dense(void)
{
    dense = rig_trained(rig_model(NULL, R_ALL, DENSE), "steps: 15, batch: 16");
}

static void close_dense(void)
{
    pwy_model_free(dense);
}

static pwy_status upcycle(const pwy_model *from, const char *how, pwy_model **out)
{
    pwy_options *o = rig_options(how);
    rig_host_mode(true);
    pwy_status status = pwy_model_upcycle(from, o, out);
    rig_host_mode(false);
    pwy_options_free(o);
    return status;
}

static pwy_model *upcycled(const pwy_model *from, const char *how)
{
    pwy_model *out;
    OK(upcycle(from, how, &out));
    return out;
}

static const char *const kept[] = {
    "experts: 8", "experts: 5, topk: 3, gate: sigmoid", "experts: 2, topk: 2", "experts: 1, topk: 1",
    "experts: 6, topk: 1, router: hash", "experts: 6, topk: 3, router: task", "experts: 4, balance_by: bias"};

/* Of every kind of task, texts that are written among them; and the file of it. */
START_TEST(answers_stay)
{
    pwy_model *sparse = upcycled(dense, kept[_i]), *again = rig_reopened(sparse);
    ck_assert(pwy_model_parameters(sparse) >= pwy_model_parameters(dense));
    ck_assert_double_le(rig_difference(dense, sparse, R_ALL), 1e-5);
    char *want = rig_ask(sparse, NULL, R_ALL, 16, 1);
    rig_same_answers(again, "threads: 2", R_ALL, 16, want);
    free(want);
    pwy_model_free(sparse);
    pwy_model_free(again);
}
END_TEST

START_TEST(the_seed_makes_the_routers)
{
    pwy_model *a = upcycled(dense, "experts: 4, seed: 3"), *b = upcycled(dense, "experts: 4, seed: 3");
    pwy_model *c = upcycled(dense, "experts: 4, seed: 4");
    struct bytes one = rig_bytes(a), two = rig_bytes(b), other = rig_bytes(c);
    ck_assert(one.len != other.len || memcmp(one.data, other.data, (size_t)one.len) != 0);
    same(one, two);
    free(other.data);
    pwy_model_free(a);
    pwy_model_free(b);
    pwy_model_free(c);
}
END_TEST

/* How far the experts of a layer are from its first. */
static double spread_of(const pwy_model *m, int layer)
{
    struct pw_param *w13, *w2;
    double most = 0;
    pw_trunk_expert_params(m->trunk, layer, &w13, &w2);
    for (int64_t e = 1; e < w13->groups; e++)
        for (int64_t i = 0; i < pw_param_group_size(w13); i++)
            most = fmax(most, fabs((double)w13->slice[e].w[i] - (double)w13->slice[0].w[i]));
    return most;
}

START_TEST(noise_tells_them_apart)
{
    pwy_model *plain = upcycled(dense, "experts: 4"), *noisy = upcycled(dense, "experts: 4, noise: 0.01");
    double far = rig_difference(dense, noisy, SOME);
    ck_assert(spread_of(plain, 0) == 0);
    ck_assert(spread_of(noisy, 0) > 0 && spread_of(noisy, 1) > 0);
    ck_assert_msg(far < .2, "noise of .01 moves scores by %g", far);
    pwy_model_free(plain);
    pwy_model_free(noisy);
}
END_TEST

static double mean_loss(pwy_trainer *t, int steps)
{
    double sum = 0, loss;
    for (int i = 0; i < steps; i++) {
        OK(pwy_trainer_step(t, &loss, NULL));
        sum += loss;
    }
    return sum / steps;
}

/* From a file, over the rows of a registry: the loss goes on falling, the experts part, the dense model stays. */
START_TEST(it_trains_on)
{
    pwy_model *short_one = rig_trained(rig_model(NULL, SOME, DENSE), "steps: 10, batch: 16");
    char *was = rig_ask(short_one, NULL, SOME, 16, 1);
    pwy_model *sparse = upcycled(short_one, "experts: 4"), *file = rig_reopened(sparse), *model, *after;
    pwy_registry *r = rig_registry(NULL, SOME);
    pwy_trainer *t;
    t = rig_trainer(file, NULL);
    FAILS(pwy_trainer_run(t), PWY_E_STATE);
    pwy_trainer_free(t);
    OK(pwy_model_with_sources(file, r, &model));
    pwy_model_free(file);
    t = rig_trainer(model, "steps: 60, batch: 16");
    double first = mean_loss(t, 10);
    mean_loss(t, 40);
    double last = mean_loss(t, 10);
    ck_assert_msg(last < .9 * first, "the loss went from %g to %g", first, last);
    OK(pwy_trainer_model(t, &after));
    pwy_trainer_free(t);
    ck_assert(spread_of(after, 0) > 1e-4 && spread_of(after, 1) > 1e-4);
    ck_assert(spread_of(sparse, 0) == 0);
    rig_same_answers(short_one, NULL, SOME, 16, was);
    free(was);
    pwy_registry_free(r);
    pwy_model_free(model);
    pwy_model_free(after);
    pwy_model_free(sparse);
    pwy_model_free(short_one);
}
END_TEST

/* In memory and from the file it learns the same, to the byte: what is shared until it trains is told from nothing. */
START_TEST(shared_or_not_it_learns_the_same)
{
    pwy_model *short_one = rig_trained(rig_model(NULL, SOME, DENSE), "steps: 3, batch: 16");
    pwy_model *sparse = upcycled(short_one, "experts: 4"), *file = rig_reopened(sparse), *model;
    pwy_registry *r = rig_registry(NULL, SOME);
    OK(pwy_model_with_sources(file, r, &model));
    struct bytes one = finish(rig_trainer(sparse, "steps: 6, batch: 16, threads: 2"));
    struct bytes two = finish(rig_trainer(model, "steps: 6, batch: 16"));
    same(one, two);
    pwy_registry_free(r);
    pwy_model_free(file);
    pwy_model_free(model);
    pwy_model_free(sparse);
    pwy_model_free(short_one);
}
END_TEST

static const char *const changed[] = {"experts: 8, topk: 1", "experts: 8, normalise: none", "experts: 4, gate_scale: 2",
                                      "experts: 8, topk: 2, gate: sigmoid, normalise: none"};

/* Gates that do not sum to 1 are asked for by a word; then they do so nearly, unless another scale is given. */
START_TEST(gates_that_do_not_sum_to_one)
{
    char how[128];
    pwy_model *m;
    FAILS(upcycle(dense, changed[_i], &m), PWY_E_ARGUMENT);
    SAYS("sum to 1");
    snprintf(how, sizeof how, "%s, approximate: true", changed[_i]);
    m = upcycled(dense, how);
    double far = rig_difference(dense, m, 1 << R_TEXT | 1 << R_IMAGE);
    ck_assert_msg(far > 1e-6 && far < .3, "%s: scores differ by %g", how, far);
    pwy_model_free(m);
}
END_TEST

static const struct { const char *how; pwy_status status; const char *says; } wrong[] = {
    {NULL, PWY_E_ARGUMENT, "experts is 0"}, {"experts: 0", PWY_E_ARGUMENT, "experts is 0"},
    {"experts: 2, topk: 3", PWY_E_ARGUMENT, "topk 3 is more than experts 2"},
    {"experts: -1", PWY_E_ARGUMENT, "'experts' is -1"}, {"experts: 4, topk: 0", PWY_E_ARGUMENT, "'topk' is 0"},
    {"experts: 4, noise: -1", PWY_E_ARGUMENT, "'noise' is -1"}, {"experts: 4, hidden: 8", PWY_E_ARGUMENT, "hidden"},
    {"experts: 4, router: expert_choice, capacity: 1, approximate: true", PWY_E_ARGUMENT, "writes one id"}};

START_TEST(what_cannot_be_asked)
{
    pwy_model *m = NULL;
    FAILS(upcycle(dense, wrong[_i].how, &m), wrong[_i].status);
    SAYS(wrong[_i].says);
    ck_assert_ptr_null(m);
}
END_TEST

START_TEST(what_cannot_be_upcycled)
{
    pwy_model *sparse = upcycled(dense, "experts: 2"), *sealed, *packed, *m;
    FAILS(upcycle(sparse, "experts: 4", &m), PWY_E_STATE);
    SAYS("2 experts a layer already");
    OK(pwy_model_seal(dense, "words", NULL, &sealed));
    FAILS(upcycle(sealed, "experts: 4", &m), PWY_E_STATE);
    SAYS("'words' is sealed");
    OK(pwy_model_quantize(dense, "f32", &packed));
    FAILS(upcycle(packed, "experts: 4", &m), PWY_E_STATE);
    SAYS("packed");
    FAILS(upcycle(NULL, "experts: 4", &m), PWY_E_ARGUMENT);
    pwy_model_free(sparse);
    pwy_model_free(sealed);
    pwy_model_free(packed);
}
END_TEST

START_TEST(sources_that_do_not_fit)
{
    pwy_registry *few = rig_registry(NULL, 1 << R_TEXT), *other;
    pwy_model *m, *one = rig_model(NULL, 1 << R_TEXT, DENSE);
    pwy_task *t;
    FAILS(pwy_model_with_sources(dense, few, &m), PWY_E_NOT_FOUND);
    SAYS("price");
    OK(pwy_registry_new(NULL, &other));
    OK(pwy_registry_add(other, "words", PWY_REGRESS, &t));
    FAILS(pwy_model_with_sources(one, other, &m), PWY_E_ARGUMENT);
    SAYS("'words'");
    FAILS(pwy_model_with_sources(one, NULL, &m), PWY_E_ARGUMENT);
    pwy_registry_free(few);
    pwy_registry_free(other);
    pwy_model_free(one);
}
END_TEST

#define COUNT(list) (int)(sizeof (list) / sizeof *(list))

int main(void)
{
    Suite *s = suite_create("upcycle");
    TCase *t = add_case(s, "upcycle");
    tcase_add_unchecked_fixture(t, open_dense, close_dense);
    tcase_add_loop_test(t, answers_stay, 0, COUNT(kept));
    tcase_add_test(t, the_seed_makes_the_routers);
    tcase_add_test(t, noise_tells_them_apart);
    tcase_add_test(t, it_trains_on);
    tcase_add_test(t, shared_or_not_it_learns_the_same);
    tcase_add_loop_test(t, gates_that_do_not_sum_to_one, 0, COUNT(changed));
    tcase_add_loop_test(t, what_cannot_be_asked, 0, COUNT(wrong));
    tcase_add_test(t, what_cannot_be_upcycled);
    tcase_add_test(t, sources_that_do_not_fit);
    return run_suite(s);
}

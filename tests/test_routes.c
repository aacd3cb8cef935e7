/* pathways/routes.h: routes kept and replayed, and the record of where rows went. */
#include "model_rig.h"
#include "model/model.h"
#include "pathways/routes.h"
#include "suite.h"

#define BARE "d: 16, layers: 2, heads: 2, hidden: 16, vocab: 300, window: 48"
#define SHAPE BARE ", experts: 4, topk: 2"
enum { SOME = 1 << R_TEXT | 1 << R_TABLE | 1 << R_WRITE };

static pwy_routes *new_routes(void)
{
    pwy_routes *r;
    OK(pwy_routes_new(&r));
    return r;
}

static pwy_router *new_router(const char *yaml)
{
    pwy_router *r;
    pwy_options *o = rig_options(yaml);
    OK(pwy_router_new(o, &r));
    pwy_options_free(o);
    return r;
}

static void fill(float *logits, int n, int seed)
{
    for (int i = 0; i < n; i++) logits[i] = sinf((float)(i * 7 + seed * 13));
}

/* --- a router by itself --- */

/* Every policy: saved, opened and replayed under other logits, the same experts with gates of the new logits. */
START_TEST(a_router_replays)
{
    static const char *const yaml[] = {
        "{experts: 6, topk: 2, jitter: .2}", "{experts: 6, topk: 2, gate: sigmoid, balance_by: bias}",
        "{experts: 6, topk: 2, router: task}", "{experts: 6, topk: 2, router: expert_choice, capacity: 1}",
        "{experts: 6, topk: 1, capacity: .5}"};
    enum { N = 30 };
    const char *path = "test_routes.routes";
    float a[N * 6], b[N * 6], dgates[N * 6] = {0}, dlogits[N * 6];
    int32_t kept[N * 6];
    const int32_t *first, *experts;
    int64_t n, again;
    pwy_router *r = new_router(yaml[_i]);
    pwy_routes *routes = new_routes(), *read;
    fill(a, N * 6, 1);
    fill(b, N * 6, 2);
    OK(pwy_router_use_routes(r, routes, PWY_ROUTES_RECORD));
    OK(pwy_router_route(r, N, a, NULL, NULL));
    OK(pwy_router_pairs(r, &n, &first, &experts, NULL));
    memcpy(kept, experts, (size_t)n * sizeof *kept);
    OK(pwy_router_route(r, 3, b, NULL, NULL));
    ck_assert_int_eq(pwy_routes_count(routes), 2);
    OK(pwy_routes_save(routes, path));
    OK(pwy_routes_open(path, &read));
    ck_assert_int_eq(pwy_routes_count(read), 2);
    OK(pwy_router_use_routes(r, read, PWY_ROUTES_REPLAY));
    pwy_routes_free(read);
    OK(pwy_router_route(r, N, b, NULL, NULL));
    OK(pwy_router_pairs(r, &again, &first, &experts, NULL));
    ck_assert_int_eq(n, again);
    ck_assert(memcmp(kept, experts, (size_t)n * sizeof *kept) == 0);
    OK(pwy_router_backward(r, dgates, dlogits));
    FAILS(pwy_router_route(r, 4, b, NULL, NULL), PWY_E_ARGUMENT);
    SAYS("4 rows of layer 0");
    SAYS("3 rows of layer 0");
    OK(pwy_router_route(r, 3, b, NULL, NULL));
    FAILS(pwy_router_route(r, 3, b, NULL, NULL), PWY_E_ARGUMENT);
    SAYS("end");
    OK(pwy_router_use_routes(r, NULL, PWY_ROUTES_OFF));
    OK(pwy_router_route(r, 7, b, NULL, NULL));
    remove(path);
    pwy_routes_free(routes);
    pwy_router_free(r);
}
END_TEST

START_TEST(replays_that_do_not_fit)
{
    const int32_t list[] = {0, 2, 3};
    float logits[6 * 4], biases[4], after[4];
    pwy_router *r = new_router("{experts: 4, topk: 2, gate: sigmoid, balance_by: bias}");
    pwy_router *one = new_router("{experts: 4, topk: 1}");
    pwy_routes *routes = new_routes();
    fill(logits, 24, 1);
    FAILS(pwy_router_use_routes(r, NULL, PWY_ROUTES_RECORD), PWY_E_ARGUMENT);
    FAILS(pwy_router_use_routes(r, routes, (pwy_routes_mode)7), PWY_E_ARGUMENT);
    OK(pwy_router_use_routes(r, routes, PWY_ROUTES_RECORD));
    OK(pwy_router_route(r, 6, logits, NULL, NULL));
    OK(pwy_router_step(r));
    OK(pwy_router_biases(r, biases));
    OK(pwy_router_use_routes(r, routes, PWY_ROUTES_REPLAY));
    OK(pwy_router_route(r, 6, logits, NULL, NULL));
    OK(pwy_router_step(r));
    OK(pwy_router_biases(r, after));
    ck_assert(memcmp(biases, after, sizeof after) == 0);
    OK(pwy_router_use_routes(one, routes, PWY_ROUTES_REPLAY));
    FAILS(pwy_router_route(one, 6, logits, NULL, NULL), PWY_E_ARGUMENT);
    SAYS("topk 1");
    OK(pwy_router_use_routes(r, NULL, PWY_ROUTES_OFF));
    OK(pwy_router_set_candidates(r, 3, list));
    OK(pwy_router_use_routes(r, routes, PWY_ROUTES_REPLAY));
    FAILS(pwy_router_route(r, 6, logits, NULL, NULL), PWY_E_ARGUMENT);
    SAYS("expert 1");
    pwy_routes_free(routes);
    pwy_routes_free(NULL);
    pwy_router_free(r);
    pwy_router_free(one);
}
END_TEST

START_TEST(damaged_files_are_refused)
{
    const char *path = "test_routes_bad.routes";
    float logits[20];
    pwy_router *r = new_router("{experts: 4}");
    pwy_routes *routes = new_routes(), *read = NULL;
    fill(logits, 20, 1);
    FAILS(pwy_routes_open("no such file", &read), PWY_E_NOT_FOUND);
    OK(pwy_router_use_routes(r, routes, PWY_ROUTES_RECORD));
    OK(pwy_router_route(r, 5, logits, NULL, NULL));
    OK(pwy_routes_save(routes, path));
    struct bytes b = rig_file(path);
    for (int64_t at = 0; at < 9 * 4; at++) {
        FILE *f = fopen(path, "wb");
        ((char *)b.data)[at] ^= 0x40;
        fwrite(b.data, 1, (size_t)b.len, f);
        fclose(f);
        ((char *)b.data)[at] ^= 0x40;
        if (at / 4 == 3) continue;              /* the layer may be any */
        FAILS(pwy_routes_open(path, &read), PWY_E_FORMAT);
    }
    for (int64_t len = 1; len < b.len; len++) {
        FILE *f = fopen(path, "wb");
        fwrite(b.data, 1, (size_t)len, f);
        fclose(f);
        if (len != 8) FAILS(pwy_routes_open(path, &read), PWY_E_FORMAT);
    }
    ck_assert_ptr_null(read);
    free(b.data);
    remove(path);
    pwy_routes_free(routes);
    pwy_router_free(r);
}
END_TEST

/* --- models --- */

START_TEST(a_session_replays_to_the_bit)
{
    pwy_model *m = rig_trained(rig_model(NULL, SOME, SHAPE), "steps: 4, batch: 16");
    pwy_session *s = rig_session(m, "max_new: 6"), *other = rig_session(m, "shuffle_routes: 5, max_new: 6");
    pwy_routes *routes = new_routes();
    OK(pwy_session_use_routes(s, routes, PWY_ROUTES_RECORD));
    char *first = rig_all_answers(s, SOME, 6, 3), *again;
    ck_assert_int_gt(pwy_routes_count(routes), 2 * 2 * 3);
    OK(pwy_session_use_routes(other, routes, PWY_ROUTES_REPLAY));
    again = rig_all_answers(other, SOME, 6, 3);
    ck_assert_str_eq(first, again);
    free(again);
    OK(pwy_session_use_routes(other, routes, PWY_ROUTES_REPLAY));
    pwy_example *ex;
    pwy_result *result = NULL;
    OK(pwy_example_new(&ex));
    rig_parts(R_TEXT, 100, ex);
    FAILS(pwy_session_predict(other, "words", ex, &result), PWY_E_ARGUMENT);
    SAYS("rows of layer 0");
    ck_assert_ptr_null(result);
    OK(pwy_session_use_routes(other, NULL, PWY_ROUTES_OFF));
    OK(pwy_session_predict(other, "words", ex, &result));
    pwy_result_free(result);
    pwy_example_free(ex);
    free(first);
    pwy_routes_free(routes);
    pwy_session_free(s);
    pwy_session_free(other);
    pwy_model_free(m);
}
END_TEST

static void run(pwy_model *m, pwy_routes *routes, pwy_routes_mode mode, pwy_record *record, pwy_model **out)
{
    pwy_trainer *t = rig_trainer(m, "steps: 4, batch: 16, seed: 3");
    OK(pwy_trainer_use_routes(t, routes, mode));
    OK(pwy_trainer_use_record(t, record));
    OK(pwy_trainer_run(t));
    OK(pwy_trainer_model(t, out));
    pwy_trainer_free(t);
}

/* Loads and biases stay where they were in a replay. */
START_TEST(a_trainer_replays)
{
    for (int bias = 0; bias < 2; bias++) {
        pwy_model *m = rig_model(NULL, SOME, bias ? SHAPE ", gate: sigmoid, balance_by: bias, bias_rate: .01" : SHAPE);
        pwy_model *first, *again;
        pwy_routes *routes = new_routes();
        run(m, routes, PWY_ROUTES_RECORD, NULL, &first);
        ck_assert_int_eq(pwy_routes_count(routes), 4 * 2);
        run(m, routes, PWY_ROUTES_REPLAY, NULL, &again);
        const struct pw_param *b = pw_params_find(again->params, "trunk.1.bias");
        bool moved = false;
        for (int e = 0; e < 4; e++) {
            ck_assert_double_eq(pw_trunk_load(again->trunk, 1)[e], .25);
            moved = moved || pw_trunk_load(first->trunk, 1)[e] != .25;
            if (bias) ck_assert_float_eq(b->w[e], 0);
        }
        ck_assert(moved);
        pwy_routes_free(routes);
        pwy_model_free(first);
        pwy_model_free(again);
        pwy_model_free(m);
    }
}
END_TEST

static int64_t total_of(const pwy_record *r, const char *task, int64_t layer, int experts)
{
    int64_t counts[16], sum = 0;
    OK(pwy_record_counts(r, task, layer, counts));
    for (int e = 0; e < experts; e++) sum += counts[e];
    return sum;
}

static int64_t total(const pwy_record *r, const char *task, int64_t layer)
{
    return total_of(r, task, layer, 4);
}

START_TEST(a_record_counts)
{
    pwy_model *m = rig_model(NULL, SOME, SHAPE), *out;
    pwy_record *r;
    double entropy, violation, met, overlap;
    int64_t dropped, counts[4];
    OK(pwy_record_new(m, &r));
    run(m, NULL, PWY_ROUTES_OFF, r, &out);
    for (int l = 0; l < 2; l++) {
        ck_assert_int_gt(total(r, NULL, l), 4 * 16 * 2);
        ck_assert_int_eq(total(r, NULL, l), total(r, "words", l) + total(r, "price", l) + total(r, "reply", l));
        OK(pwy_record_measure(r, "words", l, &entropy, &violation, &met, &dropped));
        ck_assert(entropy > 0 && entropy < log(4) + 1e-9 && violation >= 0 && violation <= 1 && met >= .5);
        ck_assert_int_eq(dropped, 0);
        OK(pwy_record_overlap(r, "words", "words", l, &overlap));
        ck_assert_double_eq_tol(overlap, 1, 1e-12);
        OK(pwy_record_overlap(r, "words", "price", l, &overlap));
        ck_assert(overlap > 0 && overlap <= 1);
    }
    FAILS(pwy_record_counts(r, "nothing", 0, counts), PWY_E_NOT_FOUND);
    FAILS(pwy_record_counts(r, NULL, 2, counts), PWY_E_ARGUMENT);
    pwy_record_reset(r);
    ck_assert_int_eq(total(r, NULL, 0) + total(r, "words", 1), 0);
    pwy_session *s = rig_session(out, "max_new: 6");
    OK(pwy_session_use_record(s, r));
    free(rig_answers(s, R_TEXT, 4, 4));
    ck_assert_int_gt(total(r, "words", 0), 0);
    ck_assert_int_eq(total(r, "words", 0), total(r, NULL, 0));
    free(rig_answers(s, R_WRITE, 4, 4));
    ck_assert_int_eq(total(r, NULL, 1), total(r, "words", 1) + total(r, "reply", 1));
    pwy_record_free(r);
    pwy_session_free(s);
    pwy_model_free(out);
    pwy_model_free(m);
}
END_TEST

/* Many tasks by sixteen experts: more than a record has room for to begin with. */
START_TEST(a_record_grows)
{
    pwy_model *m = rig_model(NULL, R_ALL, BARE ", experts: 16, topk: 2"), *out;
    pwy_record *r;
    OK(pwy_record_new(m, &r));
    run(m, NULL, PWY_ROUTES_OFF, r, &out);
    for (int l = 0; l < 2; l++) {
        int64_t sum = 0;
        for (int t = 0; t < R_TASKS; t++) sum += total_of(r, rig_task[t].name, l, 16);
        ck_assert_int_gt(sum, 0);
        ck_assert_int_eq(total_of(r, NULL, l, 16), sum);
    }
    pwy_record_free(r);
    pwy_model_free(out);
    pwy_model_free(m);
}
END_TEST

START_TEST(a_record_counts_drops)
{
    pwy_model *m = rig_model(NULL, SOME, SHAPE ", capacity: .5"), *out;
    pwy_model *dense = rig_model(NULL, 1 << R_TEXT, BARE ", experts: 0");
    pwy_record *r, *none = NULL;
    int64_t all, words, price, reply;
    FAILS(pwy_record_new(dense, &none), PWY_E_ARGUMENT);
    OK(pwy_record_new(m, &r));
    run(m, NULL, PWY_ROUTES_OFF, r, &out);
    OK(pwy_record_measure(r, NULL, 0, NULL, NULL, NULL, &all));
    OK(pwy_record_measure(r, "words", 0, NULL, NULL, NULL, &words));
    OK(pwy_record_measure(r, "price", 0, NULL, NULL, NULL, &price));
    OK(pwy_record_measure(r, "reply", 0, NULL, NULL, NULL, &reply));
    ck_assert_int_gt(all, 0);
    ck_assert_int_eq(all, words + price + reply);
    pwy_record_free(r);
    pwy_model_free(out);
    pwy_model_free(m);
    pwy_model_free(dense);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("routes");
    TCase *c = tcase_create("all");
    tcase_set_timeout(c, 120);
    tcase_add_loop_test(c, a_router_replays, 0, 5);
    tcase_add_test(c, replays_that_do_not_fit);
    tcase_add_test(c, damaged_files_are_refused);
    tcase_add_test(c, a_session_replays_to_the_bit);
    tcase_add_test(c, a_trainer_replays);
    tcase_add_test(c, a_record_counts);
    tcase_add_test(c, a_record_grows);
    tcase_add_test(c, a_record_counts_drops);
    suite_add_tcase(s, c);
    return run_suite(s);
}

/* What sealing may cost: which of the measured numbers of candidates a tolerance picks, and that the score of what is
   sealed keeps to it. */
#include "model/infer.h"
#include "train/train.h"
#include "train_rig.h"
#include "suite.h"

#define SHAPE "d: 16, layers: 2, heads: 2, experts: 16, topk: 2, hidden: 32, vocab: 300, window: 48"

enum { TASKS = 1 << R_TEXT | 1 << R_TABLE | 1 << R_IMAGE | 1 << R_WRITE | 1 << R_GO, EXPERTS = 16, ROWS = 120 };
static const double ROUNDING = 1e-9;    /* of sums in another order */

/* Tasks with validation rows enough for a score that says something. */
static pwy_registry *tasks_of(int tasks)
{
    pwy_registry *r = rig_registry(NULL, tasks);
    for (int t = 0, i = 0; t < R_TASKS; t++) {
        if (!(tasks >> t & 1)) continue;
        pwy_source *valid = rig_source(NULL, t, R_ROWS, R_ROWS + ROWS);
        OK(pwy_task_set_source(pwy_registry_at(r, i++), PWY_VALID, valid));
        pwy_source_free(valid);
    }
    return r;
}

static pwy_model *trained_of(int tasks, const char *train)
{
    pwy_registry *r = tasks_of(tasks);
    pwy_options *o = rig_options(SHAPE);
    pwy_model *m;
    OK(pwy_model_new(r, o, &m));
    pwy_options_free(o);
    pwy_registry_free(r);
    return rig_trained(m, train);
}

/* tolerance < 0: the usual one. */
static pwy_model *seal(const pwy_model *m, double tolerance)
{
    char text[64];
    snprintf(text, sizeof text, "tolerance: %g", tolerance);
    pwy_options *o = rig_options(tolerance < 0 ? NULL : text);
    pwy_model *out;
    OK(pwy_model_seal(m, NULL, o, &out));
    OK(pwy_model_check(out, NULL));
    pwy_options_free(o);
    return out;
}

static struct pw_net *net_of(const pwy_model *m, const char *task)
{
    struct pw_net *net;
    OK(pw_model_net(m, task, &net));
    return net;
}

static int candidates(const pwy_model *m, const char *task)
{
    int n;
    pw_net_candidates(m, net_of(m, task), 0, &n);
    return n;
}

/* --- what a tolerance picks --- */

/* The curve is set by hand; what it was measured to be is gone. */
static void set_curve(const pwy_model *m, const char *task, const char *curve)
{
    pwy_options *o = rig_options(curve);
    struct pw_node *use = net_of(m, task)->task->use;
    ck_assert_msg(use != NULL, "nothing was measured of '%s'", task);
    OK(pw_node_put(use, "curve", pw_node_copy(pw_node_get(o->map, "curve"))));
    pwy_options_free(o);
}

static const struct pw_param *router_of(const pwy_model *m, const char *task, int layer)
{
    const struct pw_pathway *way = net_of(m, task)->way;
    return way == NULL ? pw_trunk_router(m->trunk, layer) : way->layer[layer].router;
}

static const real *expert_of(const pwy_model *m, int layer, int id, size_t *bytes)
{
    struct pw_param *w13, *w2;
    pw_trunk_expert_params(m->trunk, layer, &w13, &w2);
    *bytes = (size_t)pw_param_group_size(w13) * sizeof(real);
    return pw_param_group(w13, id);
}

/* Place i of what is sealed is place `from` of before: that expert, by whatever number, and that column. */
static void same_place(const pwy_model *sealed, int i, const pwy_model *m, int from, const char *task, int layer)
{
    const struct pw_param *router = router_of(sealed, task, layer), *old = router_of(m, task, layer);
    size_t bytes;
    int all;
    const int32_t *before = pw_net_candidates(m, net_of(m, task), layer, &all);
    const real *expert = expert_of(m, layer, before == NULL ? from : before[from], &bytes);
    int id = net_of(sealed, task)->way->layer[layer].expert[i];
    ck_assert(memcmp(expert_of(sealed, layer, id, &bytes), expert, bytes) == 0);
    for (int64_t row = 0; row < router->shape[0]; row++)
        ck_assert(router->w[row * router->shape[1] + i] == old->w[row * old->shape[1] + from]);
}

/* Of each layer those that the order says first, of the candidates before. */
static void has_first(const pwy_model *sealed, const pwy_model *m, const char *task, int n)
{
    const struct pw_node *order = pw_node_get(net_of(m, task)->task->use, "order");
    for (int l = 0; l < 2; l++) {
        bool first[EXPERTS] = {false};
        for (int i = 0; i < n; i++) first[atoi(order->item[l]->item[i]->text)] = true;
        ck_assert_msg(net_of(sealed, task)->way->layer[l].n == n, "%s: not %d candidates", task, n);
        ck_assert_int_eq(router_of(sealed, task, l)->shape[1], n);
        for (int from = 0, i = 0; i < n; from++)
            if (first[from]) same_place(sealed, i++, m, from, task, l);
    }
}

static const struct { const char *curve; double tolerance; int n; } picks[] = {
    {"curve: [[2, 0.1], [4, 0.01], [8, 0]]", 0, 8},      {"curve: [[2, 0.1], [4, 0.01], [8, 0]]", -1, 8},
    {"curve: [[2, 0.1], [4, 0.01], [8, 0]]", .009, 8},   {"curve: [[2, 0.1], [4, 0.01], [8, 0]]", .01, 4},
    {"curve: [[2, 0.1], [4, 0.01], [8, 0]]", .099, 4},   {"curve: [[2, 0.1], [4, 0.01], [8, 0]]", .1, 2},
    {"curve: [[2, 0.1], [4, 0.01], [8, 0]]", 1, 2},      {"curve: [[2, 0.006], [4, 0.005], [8, 0]]", -1, 4},
    {"curve: [[2, -0.02], [4, 0.01], [8, 0]]", 0, 2},    {"curve: [[2, 0.5], [4, 0.4], [8, 0.3]]", .2, EXPERTS},
    {"curve: [[2, null], [4, 0.4], [8, 0.3]]", 1, 4},    {"curve: []", 1, EXPERTS}};
enum { PICKS = sizeof picks / sizeof *picks };

static pwy_model *open_model, *narrow_model;

static void open_models(void)
{
    open_model = trained_of(TASKS, "steps: 12, batch: 8");
    narrow_model = trained_of(TASKS, "steps: 24, batch: 8, candidates: 12");
}

static void close_models(void)
{
    pwy_model_free(open_model);
    pwy_model_free(narrow_model);
}

/* The fewest that lose no more; where all of them lose more, none is left out. */
START_TEST(tolerance_picks_the_fewest)
{
    for (int narrow = 0; narrow < 2; narrow++) {
        const pwy_model *m = narrow ? narrow_model : open_model;
        int n = narrow && picks[_i].n == EXPERTS ? 12 : picks[_i].n;
        set_curve(m, "shape", picks[_i].curve);
        set_curve(m, "reply", picks[_i].curve);
        pwy_model *sealed = seal(m, picks[_i].tolerance);
        has_first(sealed, m, "shape", n);
        has_first(sealed, m, "reply", n);
        pwy_model_free(sealed);
    }
}
END_TEST

/* Where there are no rows to measure by, all stay. */
START_TEST(nothing_is_known_without_rows)
{
    pwy_registry *r = rig_registry(NULL, TASKS);
    pwy_options *o = rig_options(SHAPE);
    pwy_model *m;
    pwy_source *none = rig_source(NULL, R_TEXT, 0, 0);
    for (int64_t i = 0; i < pwy_registry_count(r); i++) OK(pwy_task_set_source(pwy_registry_at(r, i), PWY_VALID, none));
    OK(pwy_model_new(r, o, &m));
    m = rig_trained(m, "steps: 2, batch: 8");
    pwy_model *sealed = seal(m, 1);
    for (int t = 0; t < R_TASKS; t++)
        if (TASKS >> t & 1) ck_assert_int_eq(candidates(sealed, rig_task[t].name), EXPERTS);
    pwy_model_free(sealed);
    pwy_model_free(m);
    pwy_source_free(none);
    pwy_options_free(o);
    pwy_registry_free(r);
}
END_TEST

/* --- what it costs --- */

static double score_of(pwy_model *m, const char *task, bool *higher)
{
    pwy_session *s = rig_session(m, NULL);
    pwy_score *score;
    OK(pwy_session_evaluate(s, task, net_of(m, task)->task->source[PWY_VALID], 0, &score));
    double value = score->value;
    *higher = score->higher_is_better;
    pw_score_release(score);
    pwy_session_free(s);
    ck_assert(isfinite(value));
    return value;
}

/* Of its score, or of an error as a share of it. */
static double lost(pwy_model *m, pwy_model *sealed, const char *task)
{
    bool higher;
    double before = score_of(m, task, &higher), after = score_of(sealed, task, &higher);
    return higher ? before - after : (after - before) / before;
}

/* Validation scores, sealed, are as good as before but for the tolerance; the more is allowed, the fewer are left.
   seen: bits of the numbers of candidates, where one was thinned. */
static void keeps_to_tolerance(pwy_model *m, int tasks, unsigned *seen)
{
    static const double tolerance[] = {0, .001, .005, .02, .05, .1, .3, 1};
    int before[R_TASKS];
    for (int t = 0; t < R_TASKS; t++) before[t] = tasks >> t & 1 ? candidates(m, rig_task[t].name) : 0;
    for (int i = 0; i < 8; i++) {
        pwy_model *sealed = seal(m, tolerance[i]);
        for (int t = 0; t < R_TASKS; t++) {
            if (!(tasks >> t & 1)) continue;
            const char *name = rig_task[t].name;
            double loss = lost(m, sealed, name);
            int n = candidates(sealed, name);
            ck_assert_msg(loss <= tolerance[i] + ROUNDING, "%s lost %g of %g", name, loss, tolerance[i]);
            ck_assert_int_le(n, before[t]);
            seen[t] |= (unsigned)n;
            before[t] = n;
        }
        pwy_model_free(sealed);
    }
}

/* Of errors, which grow a little by every expert that is left out, not every tolerance leaves the same. */
START_TEST(scores_keep_to_the_tolerance)
{
    static const char *const how[] = {"steps: 150, batch: 16, lr: 0.02",
                                      "steps: 150, batch: 16, lr: 0.02, candidates: 12"};
    unsigned seen[R_TASKS] = {0};
    pwy_model *m = trained_of(TASKS, how[_i]);
    keeps_to_tolerance(m, TASKS, seen);
    for (int t = R_TABLE; t <= R_WRITE; t += R_WRITE - R_TABLE)
        ck_assert_msg((seen[t] & (seen[t] - 1)) != 0, "%s: all tolerances leave the same", rig_task[t].name);
    pwy_model_free(m);
}
END_TEST

/* --- tasks that are added --- */

enum { ADDED = 1 << R_TWO | 1 << R_BYTES | 1 << R_WRITE };
static const double LOSING = 1;

/* Sealed tasks that keep 12 candidates, whose ways those that are added take up; their answers. */
static pwy_model *sealed_wide(char **answers)
{
    pwy_model *m = trained_of(TASKS & ~ADDED, "steps: 24, batch: 8, candidates: 12");
    for (int t = 0; t < R_TASKS; t++)
        if ((TASKS & ~ADDED) >> t & 1) set_curve(m, rig_task[t].name, "curve: []");
    pwy_model *sealed = seal(m, LOSING);
    *answers = rig_ask(sealed, NULL, TASKS & ~ADDED, 16, 1);
    pwy_model_free(m);
    return sealed;
}

static pwy_model *added(pwy_model *m, int tasks, const char *how)
{
    pwy_registry *r = tasks_of(tasks);
    pwy_options *o = rig_options(how);
    pwy_trainer *t;
    pwy_model *grown;
    OK(pwy_trainer_add(m, r, o, &t));
    OK(pwy_trainer_run(t));
    OK(pwy_trainer_model(t, &grown));
    pwy_trainer_free(t);
    pwy_options_free(o);
    pwy_registry_free(r);
    return grown;
}

static bool same_tensor(const pwy_model *a, const pwy_model *b, const char *task, const char *tensor)
{
    char name[128];
    snprintf(name, sizeof name, "task/%s/%s", task, tensor);
    const struct pw_param *x = pw_params_find(a->params, name), *y = pw_params_find(b->params, name);
    ck_assert_msg(x != NULL && y != NULL, "no %s", name);
    return x->n == y->n && memcmp(x->w, y->w, (size_t)x->n * sizeof(real)) == 0;
}

static const char add_how[] = "{steps: 30, batch: 8, lr: 0.02, add: {parameters: 300000, clones: 3, adapter: 4}}";

/* An added task's list gets thin as others' do; its norms, its adapter and every other task stay as they are. */
START_TEST(added_tasks_get_thin)
{
    static const char *const stay[] = {"trunk.0.norm1", "trunk.1.norm2", "trunk.norm", "trunk.1.adapter.up",
                                       "trunk.0.adapter.down"};
    char *answers;
    pwy_model *base = sealed_wide(&answers), *m = added(base, ADDED, add_how);
    for (int t = 0; t < R_TASKS; t++) {
        if (!(ADDED >> t & 1)) continue;
        const char *name = rig_task[t].name;
        ck_assert_int_eq(candidates(m, name), 12);
        set_curve(m, name, picks[_i].curve);
    }
    pwy_model *sealed = seal(m, picks[_i].tolerance), *again = rig_reopened(sealed);
    for (int t = 0; t < R_TASKS; t++) {
        if (!(ADDED >> t & 1)) continue;
        const char *name = rig_task[t].name;
        has_first(sealed, m, name, picks[_i].n == EXPERTS ? 12 : picks[_i].n);
        for (int i = 0; i < 5; i++) ck_assert(same_tensor(m, sealed, name, stay[i]));
    }
    OK(pwy_model_check(again, NULL));
    rig_same_answers(again, NULL, TASKS & ~ADDED, 16, answers);
    pwy_model_free(again);
    pwy_model_free(sealed);
    pwy_model_free(m);
    pwy_model_free(base);
    free(answers);
}
END_TEST

START_TEST(added_tasks_keep_to_the_tolerance)
{
    unsigned seen[R_TASKS] = {0};
    char *answers;
    pwy_model *base = sealed_wide(&answers), *m = added(base, ADDED, add_how);
    keeps_to_tolerance(m, ADDED, seen);
    ck_assert_msg((seen[R_WRITE] & (seen[R_WRITE] - 1)) != 0, "all tolerances leave the same");
    pwy_model_free(m);
    pwy_model_free(base);
    free(answers);
}
END_TEST

/* Experts behind the trunk's own, of all layers. */
static int grown(const pwy_model *m)
{
    int n = 0;
    for (int l = 0; l < 2; l++) n += pw_trunk_experts(m->trunk, l) - EXPERTS;
    return n;
}

/* Of each layer those of the trunk first, so that thinning leaves out every clone: lists ascend, clones are last. */
static void clones_last(const pwy_model *m, const char *task)
{
    struct pw_node *order = pw_node_get(net_of(m, task)->task->use, "order");
    for (int l = 0; l < 2; l++) {
        struct pw_node *places = order->item[l];
        while (places->n > 0) pw_node_free(places->item[--places->n]);
        for (int i = 0; i < 12; i++) OK(pw_node_add_int(places, i));
    }
}

/* Clones that no list has any more go; those behind them move up, and their tasks answer as before. */
START_TEST(clones_go_with_the_list)
{
    enum { OTHERS = TASKS & ~ADDED, KEPT = 1 << R_TWO };
    char *answers;
    pwy_model *base = sealed_wide(&answers), *m = added(base, 1 << R_BYTES | KEPT, add_how);
    ck_assert_int_eq(grown(m), 6);
    clones_last(m, "frames");
    set_curve(m, "frames", "curve: [[2, 0]]");
    set_curve(m, "both", "curve: []");
    char *kept = rig_ask(m, NULL, KEPT, 16, 1);
    pwy_model *sealed = seal(m, LOSING), *again = rig_reopened(sealed);
    ck_assert_int_eq(grown(sealed), 3);
    ck_assert_int_lt(pwy_model_parameters(sealed), pwy_model_parameters(m));
    ck_assert_int_eq(pwy_model_parameters(sealed), pwy_model_parameters(again));
    rig_same_answers(again, NULL, OTHERS, 16, answers);
    rig_same_answers(again, "threads: 2", KEPT, 5, kept);
    rig_same_answers(sealed, NULL, KEPT, 16, kept);
    OK(pwy_model_check(again, NULL));
    pwy_model_free(m);
    m = added(sealed, 1 << R_WRITE, add_how);
    pwy_model *more = seal(m, LOSING);
    rig_same_answers(more, NULL, KEPT, 16, kept);
    rig_same_answers(more, NULL, OTHERS, 16, answers);
    free(kept);
    free(answers);
    pwy_model_free(more);
    pwy_model_free(again);
    pwy_model_free(sealed);
    pwy_model_free(m);
    pwy_model_free(base);
}
END_TEST

/* Added to a file and thinned, it lies beside it, opens again and can be taken out alone. */
START_TEST(thin_beside_a_file)
{
    static const char *const one[] = {"frames"};
    char path[128], *answers;
    pwy_model *base = sealed_wide(&answers), *file, *again, *part;
    strcpy(path, in_folder("one.pathways"));
    OK(pwy_model_save(base, path));
    OK(pwy_model_open(NULL, path, &file));
    pwy_model *m = added(file, 1 << R_BYTES, add_how);
    clones_last(m, "frames");
    set_curve(m, "frames", "curve: [[2, 0]]");
    pwy_model *sealed = seal(m, LOSING);
    OK(pwy_model_save_added(sealed, path));
    OK(pwy_model_open(NULL, path, &again));
    OK(pwy_model_check(again, NULL));
    ck_assert_int_eq(candidates(again, "frames"), 2);
    ck_assert_int_eq(grown(again), 0);
    rig_same_answers(again, NULL, TASKS & ~ADDED, 16, answers);
    char *mine = rig_ask(sealed, NULL, 1 << R_BYTES, 16, 1);
    OK(pwy_model_extract(again, one, 1, &part));
    OK(pwy_model_check(part, NULL));
    rig_same_answers(part, "threads: 2", 1 << R_BYTES, 5, mine);
    free(mine);
    pwy_model_free(part);
    pwy_model_free(again);
    pwy_model_free(sealed);
    pwy_model_free(m);
    pwy_model_free(file);
    pwy_model_free(base);
    free(answers);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("tolerance");
    TCase *t = add_case(s, "tolerance");
    tcase_add_unchecked_fixture(t, open_models, close_models);
    tcase_add_loop_test(t, tolerance_picks_the_fewest, 0, PICKS);
    tcase_add_test(t, nothing_is_known_without_rows);
    tcase_add_loop_test(t, scores_keep_to_the_tolerance, 0, 2);
    tcase_add_loop_test(t, added_tasks_get_thin, 0, PICKS);
    tcase_add_test(t, added_tasks_keep_to_the_tolerance);
    tcase_add_test(t, clones_go_with_the_list);
    tcase_add_test(t, thin_beside_a_file);
    return run_suite(s);
}

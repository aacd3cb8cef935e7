/* Candidate sets that are learned while training: what they are, that runs stay the same to the byte, and what sealing
   then leaves of them. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "model/model.h"
#include "route/usage.h"
#include "train/train.h"
#include "train_rig.h"
#include "suite.h"

#define WIDTHS "d: 16, heads: 2, hidden: 8, vocab: 300, "
#define SHAPE WIDTHS "layers: 2, experts: 16, topk: 2"

enum { TASKS = 1 << R_TEXT | 1 << R_TABLE | 1 << R_IMAGE, EXPERTS = 16 };

static pwy_model *model_of(pwy_trainer *t)
{
    pwy_model *m;
    OK(pwy_trainer_model(t, &m));
    return m;
}

/* Candidates of a task in a layer; EXPERTS: it has no way of its own. */
static int candidates(const pwy_model *m, const char *task, int layer)
{
    struct pw_net *net;
    OK(pw_model_net(m, task, &net));
    if (net->way == NULL) return EXPERTS;
    const struct pw_way_layer *own = &net->way->layer[layer];
    for (int i = 1; i < own->n; i++) ck_assert_int_lt(own->expert[i - 1], own->expert[i]);
    if (own->router != NULL) ck_assert_int_eq(own->router->shape[1], own->n);
    return own->n;
}

static void all_have(const pwy_model *m, int tasks, int n)
{
    for (int t = 0; t < R_TASKS; t++)
        for (int l = 0; (tasks >> t & 1) && l < 2; l++) ck_assert_int_eq(candidates(m, rig_task[t].name, l), n);
}

static void steps(pwy_trainer *t, int n)
{
    for (int i = 0; i < n; i++) OK(pwy_trainer_step(t, NULL, NULL));
}

/* Half, a quarter: at 10 and 20 of 40 steps. */
START_TEST(sets_get_narrow_in_steps)
{
    static const int at[] = {9, 1, 9, 1, 20}, n[] = {16, 8, 8, 4, 4};
    pwy_model *blank = rig_model(NULL, TASKS, SHAPE);
    pwy_trainer *t = rig_trainer(blank, "steps: 40, batch: 8, candidates: 4, narrow: 0.5");
    for (int i = 0; i < 5; i++) {
        steps(t, at[i]);
        pwy_model *m = model_of(t);
        all_have(m, TASKS, n[i]);
        char *answers = rig_ask(m, NULL, TASKS, 16, 1);
        pwy_model *again = rig_reopened(m);
        rig_same_answers(again, NULL, TASKS, 5, answers);
        pwy_model_free(again);
        pwy_model_free(m);
        free(answers);
    }
    pwy_trainer_free(t);
    pwy_model_free(blank);
}
END_TEST

static int see_width(const pwy_progress *p, void *user)
{
    *(int64_t *)user = pwy_progress_candidates(p);
    return 0;
}

/* The run's words and its progress say what was learned; the words replay it. */
START_TEST(it_is_told)
{
    int64_t seen = -1;
    char *lines;
    pwy_model *blank = rig_model(NULL, TASKS, SHAPE);
    pwy_trainer *t = rig_trainer(blank, "steps: 12, batch: 8, candidates: 4, narrow: 0.4");
    OK(pwy_trainer_on_progress(t, see_width, &seen, NULL));
    OK(pwy_trainer_run(t));
    ck_assert_int_eq(seen, 4);
    pwy_model *m = model_of(t);
    OK(pwy_model_describe(m, &lines));
    ck_assert_ptr_nonnull(strstr(lines, "\"candidates\":4,\"narrow\":0.4"));
    ck_assert_ptr_nonnull(strstr(lines, "\"candidates\":[4,4]"));
    char *words = pw_node_to_json(m->run);
    same(rig_bytes(m), finish(rig_trainer(blank, words)));
    free(words);
    pwy_text_free(lines);
    pwy_model_free(m);
    pwy_trainer_free(t);
    pwy_model_free(blank);
}
END_TEST

static struct bytes tensor_of(const pwy_model *m, const char *name)
{
    const struct pw_param *p = pw_params_find(m->params, name);
    ck_assert_msg(p != NULL, "no tensor '%s'", name);
    struct bytes b = {malloc((size_t)p->n * sizeof(real)), p->n * (int64_t)sizeof(real)};
    memcpy(b.data, p->w, (size_t)b.len);
    return b;
}

static bool moved(struct bytes a, struct bytes b)
{
    bool differ = a.len != b.len || memcmp(a.data, b.data, (size_t)a.len) != 0;
    free(a.data);
    free(b.data);
    return differ;
}

/* From then on its own router learns, and the trunk's, by which nobody goes any more, stands still. */
START_TEST(own_routers_learn)
{
    pwy_model *blank = rig_model(NULL, TASKS, SHAPE);
    pwy_trainer *t = rig_trainer(blank, "steps: 20, batch: 16, candidates: 8, narrow: 0.5");
    steps(t, 10);
    pwy_model *half = model_of(t);
    steps(t, 10);
    pwy_model *end = model_of(t);
    ck_assert(moved(tensor_of(half, "task/words/trunk.0.router"), tensor_of(end, "task/words/trunk.0.router")));
    ck_assert(!moved(tensor_of(half, "trunk.0.router"), tensor_of(end, "trunk.0.router")));
    const struct pw_param *trunk = pw_params_find(half->params, "trunk.1.router"),
                          *own = pw_params_find(half->params, "task/shape/trunk.1.router");
    struct pw_net *net;
    OK(pw_model_net(half, "shape", &net));
    for (int i = 0; i < 16 * 8; i++)
        ck_assert(own->w[i] == trunk->w[i / 8 * 16 + net->way->layer[1].expert[i % 8]]);
    pwy_model_free(half);
    pwy_model_free(end);
    pwy_trainer_free(t);
    pwy_model_free(blank);
}
END_TEST

/* What is kept is what it uses: of most of its gates, in the last steps before. */
START_TEST(most_used_stay)
{
    pwy_model *blank = rig_model(NULL, 1 << R_TEXT, WIDTHS "layers: 1, experts: 16, topk: 1");
    pwy_trainer *t = rig_trainer(blank, "steps: 40, batch: 16, candidates: 8, narrow: 0.5, lr: 0.02");
    steps(t, 19);
    double gates[EXPERTS], kept = 0, all = 0;
    ck_assert_ptr_nonnull(t->narrowing.usage);
    memcpy(gates, t->narrowing.usage->gates[0], sizeof gates);
    steps(t, 1);
    const struct pw_pathway *way = pw_net_at(t->model, 0)->way;
    for (int e = 0; e < EXPERTS; e++) all += gates[e];
    for (int i = 0; i < 8; i++) kept += gates[way->layer[0].expert[i]];
    ck_assert_msg(kept > .6 * all, "%g of %g", kept, all);
    ck_assert_ptr_null(t->narrowing.usage);
    pwy_trainer_free(t);
    pwy_model_free(blank);
}
END_TEST

/* --- the same bytes --- */

static const char *const runs[] = {
    "steps: 16, batch: 8, candidates: 4, narrow: 0.6, dropout: 0.1",
    "steps: 16, batch: 8, candidates: 4, narrow: 0.6, optimizer: adafactor",
    "steps: 16, batch: 8, candidates: 6, narrow: 0.6, accumulate: 3",
    "steps: 16, batch: 8, candidates: 4, narrow: 0.6, recompute: true, dtype: bf16"};

static struct bytes run_of(const pwy_model *m, const char *train, const char *more)
{
    char text[256];
    snprintf(text, sizeof text, "%s%s", train, more);
    return finish(rig_trainer((pwy_model *)(uintptr_t)m, text));
}

START_TEST(any_number_of_threads)
{
    pwy_model *blank = rig_model(NULL, TASKS, SHAPE);
    same(run_of(blank, runs[_i], ""), run_of(blank, runs[_i], ", threads: 2"));
    pwy_model_free(blank);
}
END_TEST

START_TEST(recompute_is_the_same)
{
    pwy_model *blank = rig_model(NULL, TASKS, SHAPE);
    same(run_of(blank, runs[0], ""), run_of(blank, runs[0], ", recompute: true"));
    pwy_model_free(blank);
}
END_TEST

static pwy_trainer *go_on(int tasks, const char *path, const char *options)
{
    pwy_registry *r = rig_registry(NULL, tasks);
    pwy_options *o = rig_options(options);
    pwy_trainer *t;
    OK(pwy_trainer_open(r, path, o, &t));
    pwy_options_free(o);
    pwy_registry_free(r);
    return t;
}

/* Stopped after every step, before, between and behind the narrowings. */
START_TEST(saved_and_resumed)
{
    pwy_model *blank = rig_model(NULL, TASKS, SHAPE);
    struct bytes straight = run_of(blank, runs[_i], "");
    pwy_trainer *t = rig_trainer(blank, runs[_i]);
    for (int i = 0; i < 16; i++) {
        OK(pwy_trainer_save(t, in_folder("half")));
        pwy_trainer_free(t);
        t = go_on(TASKS, in_folder("half"), i == 5 ? "threads: 2" : NULL);
        steps(t, 1);
    }
    same(straight, finish(t));
    pwy_model_free(blank);
}
END_TEST

static void learn(pwy_trainer *t, int64_t i)
{
    pwy_example *ex;
    OK(pwy_example_new(&ex));
    rig_row(R_TEXT, i, ex);
    OK(pwy_trainer_learn(t, "words", ex));
    pwy_example_free(ex);
}

/* Learning by doing goes on across a narrowing, with moments of its own. */
START_TEST(learning_by_doing)
{
    struct bytes end[2];
    pwy_model *blank = rig_model(NULL, TASKS, SHAPE);
    for (int stopped = 0; stopped < 2; stopped++) {
        pwy_trainer *t = rig_trainer(blank, runs[_i]);
        for (int i = 0; i < 16; i++) {
            learn(t, i);
            if (stopped) {
                OK(pwy_trainer_save(t, in_folder("half")));
                pwy_trainer_free(t);
                t = go_on(TASKS, in_folder("half"), NULL);
            }
            steps(t, 1);
        }
        learn(t, 16);
        end[stopped] = snapshot(t);
        pwy_trainer_free(t);
    }
    same(end[0], end[1]);
    pwy_model_free(blank);
}
END_TEST

/* --- what goes with it --- */

/* Only tasks that learn and have no way get one; the others go by the trunk's router, which moves on for them. */
START_TEST(some_of_the_tasks)
{
    pwy_model *m = rig_trained(rig_model(NULL, TASKS, SHAPE), "steps: 8, batch: 8"), *more;
    pwy_trainer *t = rig_trainer(m, "steps: 8, batch: 8, candidates: 4, tasks: [words, shape]");
    OK(pwy_trainer_run(t));
    more = model_of(t);
    all_have(more, 1 << R_TEXT | 1 << R_IMAGE, 4);
    all_have(more, 1 << R_TABLE, EXPERTS);
    pwy_trainer_free(t);
    pwy_model_free(m);
    pwy_registry *r = rig_registry(NULL, TASKS);
    pwy_model *with, *last;
    OK(pwy_model_with_sources(more, r, &with));
    t = rig_trainer(with, "steps: 8, batch: 8, candidates: 8");
    OK(pwy_trainer_run(t));
    last = model_of(t);
    all_have(last, 1 << R_TEXT | 1 << R_IMAGE, 4);
    all_have(last, 1 << R_TABLE, 8);
    pwy_trainer_free(t);
    pwy_model_free(last);
    pwy_model_free(with);
    pwy_model_free(more);
    pwy_registry_free(r);
}
END_TEST

START_TEST(other_routers)
{
    static const char *const shape[] = {SHAPE ", router: task", SHAPE ", router: expert_choice, capacity: 1",
                                        SHAPE ", balance_by: bias",
                                        WIDTHS "layers: 2, experts: 16, topk: 1, gate: sigmoid"};
    pwy_model *blank = rig_model(NULL, TASKS, shape[_i]);
    struct bytes straight = run_of(blank, runs[0], ""), two = run_of(blank, runs[0], ", threads: 2");
    rig_same(straight, two);
    free(two.data);
    pwy_trainer *t = rig_trainer(blank, runs[0]);
    steps(t, 12);
    OK(pwy_trainer_save(t, in_folder("half")));
    pwy_trainer_free(t);
    t = go_on(TASKS, in_folder("half"), NULL);
    OK(pwy_trainer_run(t));
    pwy_model *m = model_of(t), *sealed, *part;
    same(straight, rig_bytes(m));
    static const char *const one[] = {"words"};
    OK(pwy_model_seal(m, NULL, NULL, &sealed));
    OK(pwy_model_extract(sealed, one, 1, &part));
    OK(pwy_model_check(part, NULL));
    pwy_model_free(part);
    pwy_model_free(sealed);
    pwy_model_free(m);
    pwy_trainer_free(t);
    pwy_model_free(blank);
}
END_TEST

/* As if nothing had been measured. */
static void keep_all(const pwy_model *m, const char *task)
{
    struct pw_net *net;
    OK(pw_model_net(m, task, &net));
    pw_node_free(net->task->use);
    net->task->use = NULL;
}

START_TEST(writers_too)
{
    enum { WRITE = 1 << R_WRITE | 1 << R_GO };
    pwy_model *m = rig_trained(rig_model(NULL, WRITE, SHAPE), "steps: 8, batch: 8, candidates: 4");
    all_have(m, WRITE, 4);
    char *answers = rig_ask(m, NULL, WRITE, 16, 1);
    pwy_model *sealed, *few;
    pwy_options *all = rig_options("tolerance: 1");
    OK(pwy_model_seal(m, NULL, all, &few));
    all_have(few, WRITE, 2);
    OK(pwy_model_check(few, NULL));
    for (int t = R_WRITE; t <= R_GO; t++) keep_all(m, rig_task[t].name);
    OK(pwy_model_seal(m, NULL, all, &sealed));
    rig_same_answers(sealed, NULL, WRITE, 1, answers);
    free(answers);
    pwy_options_free(all);
    pwy_model_free(few);
    pwy_model_free(sealed);
    pwy_model_free(m);
}
END_TEST

START_TEST(what_is_frozen_stays)
{
    pwy_model *blank = rig_model(NULL, TASKS, SHAPE);
    pwy_trainer *t = rig_trainer(blank, "steps: 10, batch: 8, candidates: 8, narrow: 0.5, freeze: ['*.router']");
    steps(t, 5);
    pwy_model *half = model_of(t);
    steps(t, 5);
    pwy_model *end = model_of(t);
    ck_assert(!moved(tensor_of(half, "task/words/trunk.0.router"), tensor_of(end, "task/words/trunk.0.router")));
    ck_assert(moved(tensor_of(half, "task/words/head.w"), tensor_of(end, "task/words/head.w")));
    pwy_model_free(half);
    pwy_model_free(end);
    pwy_trainer_free(t);
    pwy_model_free(blank);
}
END_TEST

/* --- what comes of it --- */

START_TEST(sealing_thins_what_was_learned)
{
    pwy_model *m = rig_trained(rig_model(NULL, TASKS, SHAPE), "steps: 24, batch: 8, candidates: 8");
    pwy_model *sealed, *few, *part;
    char *answers = rig_ask(m, NULL, TASKS, 16, 1);
    pwy_options *all = rig_options("tolerance: 1"), *none = rig_options("tolerance: 0");
    OK(pwy_model_seal(m, NULL, all, &few));
    all_have(few, TASKS, 2);
    OK(pwy_model_check(few, NULL));
    OK(pwy_model_seal(m, NULL, none, &sealed));
    OK(pwy_model_check(sealed, NULL));
    for (int t = 0; t < R_TASKS; t++)
        if (TASKS >> t & 1) ck_assert_int_le(candidates(sealed, rig_task[t].name, 0), 8);
    rig_same_answers(m, NULL, TASKS, 5, answers);
    pwy_model *again = rig_reopened(few);
    OK(pwy_model_check(again, NULL));
    static const char *const one[] = {"words"};
    OK(pwy_model_extract(again, one, 1, &part));
    OK(pwy_model_check(part, NULL));
    pwy_model_free(part);
    OK(pwy_model_extract(m, one, 1, &part));
    pwy_model *thin;
    OK(pwy_model_seal(part, NULL, all, &thin));
    char *mine = rig_ask(thin, NULL, 1 << R_TEXT, 16, 1);
    rig_same_answers(few, NULL, 1 << R_TEXT, 5, mine);
    free(mine);
    pwy_model_free(thin);
    pwy_model_free(part);
    pwy_model_free(again);
    pwy_model_free(sealed);
    pwy_model_free(few);
    pwy_model_free(m);
    pwy_options_free(all);
    pwy_options_free(none);
    free(answers);
}
END_TEST

START_TEST(sealed_beside_a_file)
{
    char path[128], beside[160];
    pwy_model *m = rig_trained(rig_model(NULL, TASKS, SHAPE), "steps: 12, batch: 8, candidates: 8");
    pwy_model *file, *few, *again;
    pwy_options *all = rig_options("tolerance: 1");
    strcpy(path, in_folder("one.pathways"));
    snprintf(beside, sizeof beside, "%s.delta1", path);
    OK(pwy_model_save(m, path));
    OK(pwy_model_open(NULL, path, &file));
    OK(pwy_model_seal(file, "words", all, &few));
    OK(pwy_model_save_added(few, path));
    ck_assert_int_eq(access(beside, F_OK), 0);
    OK(pwy_model_open(NULL, path, &again));
    OK(pwy_model_check(again, NULL));
    same(rig_bytes(few), rig_bytes(again));
    ck_assert_int_eq(candidates(again, "words", 0), 2);
    ck_assert_int_eq(candidates(again, "shape", 0), 8);
    pwy_model_free(again);
    pwy_model_free(few);
    pwy_model_free(file);
    pwy_model_free(m);
    pwy_options_free(all);
}
END_TEST

/* --- what is refused --- */

static void refused(pwy_model *m, const char *train, const char *says)
{
    pwy_options *o = rig_options(train);
    pwy_trainer *t = NULL;
    FAILS(pwy_trainer_new(m, o, &t), PWY_E_ARGUMENT);
    SAYS(says);
    ck_assert_ptr_null(t);
    pwy_options_free(o);
}

START_TEST(bad_options)
{
    pwy_model *m = rig_model(NULL, TASKS, SHAPE), *dense = rig_model(NULL, 1 << R_TEXT, WIDTHS "layers: 1, experts: 0"),
              *hash = rig_model(NULL, 1 << R_TEXT, SHAPE ", router: hash");
    refused(m, "steps: 5, candidates: 1", "candidates is 1, of topk 2 and 16 experts");
    refused(m, "steps: 5, candidates: 17", "candidates is 17");
    refused(m, "steps: 5, candidates: -1", "candidates");
    refused(m, "steps: 5, candidates: 4, narrow: 1", "narrow");
    refused(m, "steps: 5, candidates: 4, narrow: 0", "narrow");
    refused(m, "steps: 5, narrow: 0.3", "narrow goes with candidates");
    refused(dense, "steps: 5, candidates: 2", "dense");
    refused(hash, "steps: 5, candidates: 4", "hash");
    pwy_model_free(rig_trained(dense, "steps: 2, candidates: 0"));
    pwy_model_free(hash);
    pwy_model *trained = rig_trained(m, "steps: 2, batch: 4, candidates: 16"), *sealed;
    all_have(trained, TASKS, 16);
    OK(pwy_model_seal(trained, NULL, NULL, &sealed));
    pwy_registry *r = rig_registry(NULL, 1 << R_TWO);
    pwy_options *o = rig_options("steps: 2, candidates: 4");
    pwy_trainer *t;
    FAILS(pwy_trainer_add(sealed, r, o, &t), PWY_E_ARGUMENT);
    SAYS("added");
    pwy_options_free(o);
    pwy_registry_free(r);
    pwy_model_free(sealed);
    pwy_model_free(trained);
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("narrow");
    TCase *t = add_case(s, "narrow");
    tcase_add_test(t, sets_get_narrow_in_steps);
    tcase_add_test(t, it_is_told);
    tcase_add_test(t, own_routers_learn);
    tcase_add_test(t, most_used_stay);
    tcase_add_loop_test(t, any_number_of_threads, 0, 4);
    tcase_add_test(t, recompute_is_the_same);
    tcase_add_loop_test(t, saved_and_resumed, 0, 4);
    tcase_add_loop_test(t, learning_by_doing, 0, 2);
    tcase_add_test(t, some_of_the_tasks);
    tcase_add_loop_test(t, other_routers, 0, 4);
    tcase_add_test(t, writers_too);
    tcase_add_test(t, what_is_frozen_stays);
    tcase_add_test(t, sealing_thins_what_was_learned);
    tcase_add_test(t, sealed_beside_a_file);
    tcase_add_test(t, bad_options);
    return s;
}

int main(void)
{
    return run_suite(suite());
}

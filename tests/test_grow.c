/* More experts: the same answers until they train, then experts that learn; and what is sealed never knows of them. */
#include "model/model.h"
#include "train/train.h"
#include "seal_rig.h"
#include "suite.h"

#define SPARSE "d: 16, layers: 2, heads: 2, experts: 4, topk: 2, hidden: 16, vocab: 300, window: 48"
enum { OLD = 1 << R_TEXT | 1 << R_TABLE | 1 << R_IMAGE, SOME = OLD | 1 << R_GO };

static pwy_model *base, *sealed;        /* of SOME, all open; words of it sealed */
static char *answers, *words;           /* base's, and of words alone */

static pwy_status grow(const pwy_model *m, const char *how, pwy_model **out)
{
    pwy_options *o = rig_options(how);
    rig_host_mode(true);
    pwy_status status = pwy_model_grow(m, o, out);
    rig_host_mode(false);
    pwy_options_free(o);
    return status;
}

static pwy_model *grown(const pwy_model *m, const char *how)
{
    pwy_model *out;
    OK(grow(m, how, &out));
    return out;
}

/* Added and sealed, it alone. */
static pwy_model *added(pwy_model *m, int task)
{
    pwy_trainer *t = rig_adding(m, 1 << task, "{steps: 4, batch: 8, add: {parameters: 200000, clones: 2}}");
    pwy_model *more, *out;
    OK(pwy_trainer_run(t));
    OK(pwy_trainer_model(t, &more));
    out = rig_sealed(more, rig_task[task].name, NULL);
    pwy_trainer_free(t);
    pwy_model_free(more);
    return out;
}

static void open_models(void)
{
    base = rig_trained(rig_model(NULL, SOME, SPARSE), "steps: 15, batch: 16");
    sealed = rig_sealed(base, "words", NULL);
    answers = rig_ask(base, NULL, SOME, 16, 1);
    words = rig_ask(sealed, NULL, 1 << R_TEXT, 16, 1);
}

static void close_models(void)
{
    pwy_model_free(base);
    pwy_model_free(sealed);
    free(answers);
    free(words);
}

/* --- nothing is answered otherwise --- */

static const char *const routers[] = {
    "topk: 2", "topk: 1", "topk: 3, gate: sigmoid", "topk: 2, normalise: none", "topk: 2, router: task",
    "topk: 2, balance_by: bias, bias_rate: .1", "topk: 2, gate: sigmoid, balance_by: bias, shared: 1",
    "topk: 4, parallel: true"};

/* Of every kind of task, texts that are written among them; again, from the file, on other threads. */
START_TEST(answers_stay)
{
    char shape[160];
    snprintf(shape, sizeof shape, "d: 16, layers: 2, heads: 2, experts: 4, hidden: 16, vocab: 300, window: 48, %s",
             routers[_i]);
    pwy_model *m = rig_trained(rig_model(NULL, R_ALL, shape), "steps: 10, batch: 16");
    pwy_model *wide = grown(m, "experts: 6"), *wider = grown(wide, "experts: 1, copy: random"), *again;
    again = rig_reopened(wider);
    ck_assert_int_eq(again->shape.experts, 11);
    ck_assert_int_eq(pw_trunk_experts(again->trunk, 1), 11);
    ck_assert_double_le(rig_difference(m, wide, R_ALL), 1e-5);
    ck_assert_double_le(rig_difference(m, wider, R_ALL), 1e-5);
    char *want = rig_ask(wider, NULL, R_ALL, 16, 1);
    rig_same_answers(again, "threads: 2", R_ALL, 16, want);
    same(rig_bytes(wider), rig_bytes(again));
    free(want);
    pwy_model_free(m);
    pwy_model_free(wide);
    pwy_model_free(wider);
    pwy_model_free(again);
}
END_TEST

/* By every other router the words are asked for. */
START_TEST(routers_that_count)
{
    static const char *const counting[] = {"router: hash", "router: expert_choice, capacity: 1"};
    char shape[160];
    pwy_model *wide;
    snprintf(shape, sizeof shape, "d: 16, layers: 1, heads: 2, experts: 4, topk: 2, hidden: 16, vocab: 300, %s",
             counting[_i]);
    pwy_model *m = rig_trained(rig_model(NULL, R_QUICK, shape), "steps: 4, batch: 8");
    FAILS(grow(m, "experts: 2", &wide), PWY_E_ARGUMENT);
    SAYS("approximate");
    SAYS("words");
    wide = grown(m, "experts: 2, approximate: true");
    ck_assert_int_eq(pw_trunk_experts(wide->trunk, 0), 6);
    pwy_model *on = rig_trained(wide, "steps: 4, batch: 8"), *all = rig_sealed(m, NULL, NULL);
    char *was = rig_ask(all, NULL, R_QUICK, 16, 1);
    wide = grown(all, "experts: 2");
    rig_same_answers(wide, NULL, R_QUICK, 16, was);
    OK(pwy_model_check(wide, NULL));
    free(was);
    pwy_model_free(wide);
    pwy_model_free(all);
    pwy_model_free(on);
    pwy_model_free(m);
}
END_TEST

/* --- which are copied --- */

static bool is_copy(const pwy_model *m, int layer, int e, int of)
{
    struct pw_param *w[2];
    pw_trunk_expert_params(m->trunk, layer, &w[0], &w[1]);
    bool same = true;
    for (int i = 0; i < 2; i++) {
        size_t size = (size_t)pw_param_group_size(w[i]) * sizeof(real);
        same = same && memcmp(w[i]->slice[e].w, w[i]->slice[of].w, size) == 0;
    }
    return same;
}

START_TEST(the_most_used_are_copied)
{
    pwy_model *m = grown(base, "experts: 9");
    for (int l = 0; l < 2; l++) {
        const double *load = pw_trunk_load(m->trunk, l);
        int last = -1;
        for (int i = 0; i < 9; i++) {
            int of = 0;
            while (!is_copy(m, l, 4 + i, of)) ck_assert_int_lt(++of, 4);
            ck_assert(i % 4 == 0 || load[of] <= load[last]);
            ck_assert(load[4 + i] == 0);
            ck_assert(i < 4 || is_copy(m, l, 4 + i, 4 + i % 4));
            last = of;
        }
    }
    pwy_model_free(m);
}
END_TEST

START_TEST(seeds_and_noise)
{
    static const char *const how[] = {"experts: 3, noise: 0.05", "experts: 3, noise: 0.05, seed: 2",
                                      "experts: 3, copy: random, seed: 5"};
    struct bytes b[3];
    for (int i = 0; i < 3; i++) {
        pwy_model *one = grown(base, how[i]), *two = grown(base, how[i]);
        b[i] = rig_bytes(one);
        struct bytes again = rig_bytes(two);
        rig_same(b[i], again);
        free(again.data);
        for (int e = 0; e < 4; e++) ck_assert(i == 2 || !is_copy(one, 0, 4, e));
        ck_assert_double_le(rig_difference(base, one, SOME), 1e-5);
        pwy_model_free(one);
        pwy_model_free(two);
    }
    ck_assert(b[0].len != b[1].len || memcmp(b[0].data, b[1].data, (size_t)b[0].len) != 0);
    for (int i = 0; i < 3; i++) free(b[i].data);
}
END_TEST

/* --- they learn --- */

/* What was trained on has rows for the new experts, whose numbers went their own way. */
static void has_learned(const pwy_model *before, const pwy_model *after)
{
    double met = 0;
    int moved = 0;
    for (int l = 0; l < 2; l++) {
        struct pw_param *was, *now, *w2;
        pw_trunk_expert_params(before->trunk, l, &was, &w2);
        pw_trunk_expert_params(after->trunk, l, &now, &w2);
        for (int e = 4; e < 8; e++) {
            met += pw_trunk_load(after->trunk, l)[e];
            moved += memcmp(was->slice[e].w, now->slice[e].w, (size_t)pw_param_group_size(was) * sizeof(real)) != 0;
        }
        ck_assert_int_eq(pw_trunk_awake(before->trunk, l), 4);
        ck_assert_int_eq(pw_trunk_awake(after->trunk, l), 8);
    }
    ck_assert_msg(met > .1, "new experts have %g of the rows of two layers", met);
    ck_assert_msg(moved >= 4, "of eight new experts %d have moved", moved);
}

/* From a file, over the rows of a registry; the file stays as it was, and what comes of it is sealed as any. */
START_TEST(new_experts_learn)
{
    pwy_model *wide = grown(base, "experts: 4"), *file = rig_reopened(wide), *model, *after;
    pwy_registry *r = rig_registry(NULL, SOME);
    OK(pwy_model_with_sources(file, r, &model));
    char *was = rig_ask(wide, NULL, SOME, 16, 1);
    pwy_trainer *t = rig_trainer(model, "steps: 40, batch: 16");
    OK(pwy_trainer_run(t));
    OK(pwy_trainer_model(t, &after));
    pwy_trainer_free(t);
    has_learned(wide, after);
    rig_same_answers(wide, NULL, SOME, 16, was);
    rig_same_answers(base, NULL, SOME, 16, answers);
    same(finish(rig_trainer(wide, "steps: 6, batch: 16, threads: 2")),
         finish(rig_trainer(model, "steps: 6, batch: 16")));
    pwy_model *all = rig_sealed(after, NULL, NULL), *again = rig_reopened(all);
    OK(pwy_model_check(again, NULL));
    free(was);
    pwy_registry_free(r);
    pwy_model_free(all);
    pwy_model_free(again);
    pwy_model_free(after);
    pwy_model_free(model);
    pwy_model_free(file);
    pwy_model_free(wide);
}
END_TEST

/* Stopped while the new experts fade in, and after that, it ends in the same file. */
START_TEST(stopped_and_resumed)
{
    static const char run[] = "steps: 40, batch: 8";
    pwy_model *wide = grown(base, "experts: 4");
    struct bytes straight = finish(rig_trainer(wide, run));
    pwy_trainer *t = rig_trainer(wide, run);
    for (int i = 0; i < 40; i++) {
        if (i == 1 || i == 3 || i == 20) {
            pwy_registry *r = rig_registry(NULL, SOME);
            OK(pwy_trainer_save(t, in_folder("half")));
            pwy_trainer_free(t);
            OK(pwy_trainer_open(r, in_folder("half"), NULL, &t));
            pwy_registry_free(r);
        }
        ck_assert_int_eq(pw_trunk_awake(t->model->trunk, 0), i < 4 ? 4 : 8);
        OK(pwy_trainer_step(t, NULL, NULL));
    }
    same(straight, finish(t));
    pwy_model_free(wide);
}
END_TEST

/* What sleeps is nothing to choose from: sealed at once, tasks are what they are without it. */
START_TEST(sealed_asleep)
{
    static const char *const names[] = {"words", "price", "shape", "story"};
    pwy_model *wide = grown(base, "experts: 4"), *one = rig_sealed(base, NULL, NULL);
    pwy_model *two = rig_sealed(wide, NULL, NULL);
    for (int i = 0; i < 4; i++) rig_same_digest(one, names[i], two, names[i]);
    OK(pwy_model_check(two, NULL));
    pwy_model_free(wide);
    pwy_model_free(one);
    pwy_model_free(two);
}
END_TEST

/* A layer's fade stays where its router does: of a task that is frozen or whose answers must not move. */
START_TEST(what_is_frozen_does_not_wake)
{
    pwy_model *wide = grown(base, "experts: 4"), *after;
    pwy_trainer *t = rig_trainer(wide, "{steps: 5, batch: 8, freeze: ['trunk.*']}");
    OK(pwy_trainer_run(t));
    OK(pwy_trainer_model(t, &after));
    ck_assert_int_eq(pw_trunk_awake(after->trunk, 0), 4);
    pwy_trainer_free(t);
    pwy_model_free(after);
    char *was = rig_ask(wide, NULL, SOME, 16, 1);
    after = added(wide, R_BYTES);
    rig_same_answers(after, NULL, SOME, 16, was);
    free(was);
    pwy_model_free(after);
    pwy_model_free(wide);
}
END_TEST

/* --- sealed tasks --- */

START_TEST(what_is_sealed_stays)
{
    pwy_model *wide = grown(sealed, "experts: 4"), *again = rig_reopened(wide);
    rig_same_answers(wide, NULL, 1 << R_TEXT, 1, words);
    rig_same_answers(again, "threads: 2", 1 << R_TEXT, 16, words);
    rig_same_digest(sealed, "words", again, "words");
    OK(pwy_model_check(again, NULL));
    ck_assert_double_le(rig_difference(sealed, wide, SOME), 1e-5);
    pwy_model *copy = grown(sealed, "experts: 4"), *after = rig_trained(wide, "steps: 40, batch: 16");
    has_learned(copy, after);
    rig_same_answers(after, NULL, 1 << R_TEXT, 16, words);
    rig_same_digest(sealed, "words", after, "words");
    OK(pwy_model_check(after, NULL));
    pwy_model_free(after);
    pwy_model_free(copy);
    pwy_model_free(again);
}
END_TEST

/* Clones behind what the routers know move up; pruned again, all is as if nothing had grown. */
START_TEST(behind_clones)
{
    pwy_model *all = rig_sealed(base, NULL, NULL), *more = added(all, R_TWO), *lean, *less;
    int tasks = SOME | 1 << R_TWO, clones = pw_trunk_experts(more->trunk, 0) + pw_trunk_experts(more->trunk, 1) - 8;
    ck_assert_int_gt(clones, 0);
    char *was = rig_ask(more, NULL, tasks, 16, 1);
    pwy_model *wide = grown(more, "experts: 3"), *again = rig_reopened(wide);
    ck_assert_int_eq(pw_trunk_experts(again->trunk, 0) + pw_trunk_experts(again->trunk, 1), 8 + 6 + clones);
    rig_same_answers(wide, NULL, tasks, 16, was);
    rig_same_answers(again, "threads: 2", tasks, 1, was);
    rig_same_digest(more, "both", again, "both");
    OK(pwy_model_check(again, NULL));
    OK(pwy_model_prune(more, &lean));
    OK(pwy_model_prune(again, &less));
    rig_same_answers(less, NULL, tasks, 16, was);
    same(rig_bytes(lean), rig_bytes(less));
    free(was);
    pwy_model_free(all);
    pwy_model_free(more);
    pwy_model_free(wide);
    pwy_model_free(again);
    pwy_model_free(lean);
    pwy_model_free(less);
}
END_TEST

/* What grew and learned another task still merges with what did not. */
START_TEST(merged_with_what_did_not_grow)
{
    static const char *const both[] = {"both"};
    pwy_model *all = rig_sealed(base, NULL, NULL), *wide = grown(all, "experts: 3"), *more = added(wide, R_TWO);
    pwy_model *one, *out;
    char *was = rig_ask(all, NULL, SOME, 16, 1), *mine = rig_ask(more, NULL, 1 << R_TWO, 16, 1);
    OK(pwy_model_extract(more, both, 1, &one));
    OK(pwy_model_merge(all, one, &out));
    rig_same_answers(out, NULL, SOME, 16, was);
    rig_same_answers(out, NULL, 1 << R_TWO, 16, mine);
    OK(pwy_model_check(out, NULL));
    pwy_model_free(out);
    OK(pwy_model_merge(wide, one, &out));
    pwy_model *again = rig_reopened(out);
    rig_same_answers(again, NULL, 1 << R_TWO, 16, mine);
    OK(pwy_model_check(again, NULL));
    free(was);
    free(mine);
    pwy_model_free(again);
    pwy_model_free(out);
    pwy_model_free(one);
    pwy_model_free(more);
    pwy_model_free(wide);
    pwy_model_free(all);
}
END_TEST

/* --- files --- */

/* Opened from a file with something beside it, and saved over it. */
START_TEST(in_place_of_its_file)
{
    char path[128];
    pwy_model *m, *more, *wide, *again;
    strcpy(path, in_folder("one.pathways"));
    OK(pwy_model_save(base, path));
    OK(pwy_model_open(NULL, path, &m));
    more = rig_sealed(m, "words", NULL);
    OK(pwy_model_save_added(more, path));
    pwy_model_free(more);
    pwy_model_free(m);
    OK(pwy_model_open(NULL, path, &m));
    wide = grown(m, "experts: 4");
    for (int i = 0; i < 2; i++) {
        OK(i == 0 ? pwy_model_save(wide, path) : pwy_model_save_added(wide, path));
        OK(pwy_model_verify(NULL, path, NULL, NULL));
        OK(pwy_model_open(NULL, path, &again));
        same(rig_bytes(wide), rig_bytes(again));
        rig_same_answers(again, NULL, 1 << R_TEXT, 16, words);
        rig_same_digest(sealed, "words", again, "words");
        pwy_model_free(again);
    }
    pwy_model_free(m);
    rig_same_answers(wide, NULL, 1 << R_TEXT, 16, words);
    pwy_model_free(wide);
}
END_TEST

/* --- what cannot be --- */

static const struct { const char *how; pwy_status status; const char *says; } wrong[] = {
    {NULL, PWY_E_ARGUMENT, "experts is 0"}, {"experts: 0", PWY_E_ARGUMENT, "at least 1"},
    {"experts: -3", PWY_E_ARGUMENT, "'experts' is -3"}, {"experts: 65533", PWY_E_LIMIT, "at most 65532"},
    {"experts: 9000000000000000", PWY_E_LIMIT, "at most 65532"}, {"experts: many", PWY_E_ARGUMENT, "whole number"},
    {"experts: 2, copy: most", PWY_E_ARGUMENT, "used or random"}, {"experts: 2, nose: 1", PWY_E_ARGUMENT, "noise"},
    {"expert: 2", PWY_E_ARGUMENT, "did you mean 'experts'"},
    {"experts: 2, noise: -1", PWY_E_ARGUMENT, "'noise' is -1"}};

START_TEST(what_cannot_be_asked)
{
    pwy_model *m = NULL;
    FAILS(grow(base, wrong[_i].how, &m), wrong[_i].status);
    SAYS(wrong[_i].says);
    ck_assert_ptr_null(m);
}
END_TEST

START_TEST(what_cannot_grow)
{
    pwy_model *dense = rig_model(NULL, 1 << R_TEXT, "d: 16, layers: 1, heads: 2, experts: 0, vocab: 300");
    pwy_model *packed, *m;
    FAILS(grow(dense, "experts: 2", &m), PWY_E_STATE);
    SAYS("upcycle");
    OK(pwy_model_quantize(base, "i8", &packed));
    FAILS(grow(packed, "experts: 2", &m), PWY_E_STATE);
    SAYS("packed");
    FAILS(grow(NULL, "experts: 2", &m), PWY_E_ARGUMENT);
    FAILS(pwy_model_grow(base, NULL, NULL), PWY_E_ARGUMENT);
    pwy_model *way = added(base, R_SERIES);     /* behind what is open: by the trunk's routers, and sealed */
    FAILS(grow(way, "experts: 2", &m), PWY_E_STATE);
    SAYS("'wave' is sealed");
    pwy_model_free(way);
    pwy_model_free(packed);
    pwy_model_free(dense);
}
END_TEST

#define COUNT(list) (int)(sizeof (list) / sizeof *(list))

int main(void)
{
    Suite *s = suite_create("grow");
    TCase *t = add_case(s, "grow");
    tcase_add_unchecked_fixture(t, open_models, close_models);
    tcase_add_loop_test(t, answers_stay, 0, COUNT(routers));
    tcase_add_loop_test(t, routers_that_count, 0, 2);
    tcase_add_test(t, the_most_used_are_copied);
    tcase_add_test(t, seeds_and_noise);
    tcase_add_test(t, new_experts_learn);
    tcase_add_test(t, stopped_and_resumed);
    tcase_add_test(t, sealed_asleep);
    tcase_add_test(t, what_is_frozen_does_not_wake);
    tcase_add_test(t, what_is_sealed_stays);
    tcase_add_test(t, behind_clones);
    tcase_add_test(t, merged_with_what_did_not_grow);
    tcase_add_test(t, in_place_of_its_file);
    tcase_add_loop_test(t, what_cannot_be_asked, 0, COUNT(wrong));
    tcase_add_test(t, what_cannot_grow);
    return run_suite(s);
}

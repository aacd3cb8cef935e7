/* Tasks that are sealed, and tasks added behind them: what was answered before is answered after, to the bit. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "base/digest.h"
#include "base/example_bytes.h"
#include "model/model.h"
#include "train/train.h"
#include "seal_rig.h"
#include "suite.h"

enum { OLD = 1 << R_TEXT | 1 << R_IMAGE | 1 << R_TABLE };

static pwy_model *before, *sealed;
static char *old_answers;

static void open_models(void)
{
    before = rig_trained(rig_model(NULL, OLD, NULL), "steps: 12, batch: 8");
    sealed = rig_sealed(before, NULL, NULL);
    old_answers = rig_ask(sealed, NULL, OLD, 16, 1);
}

static void close_models(void)
{
    pwy_model_free(before);
    pwy_model_free(sealed);
    free(old_answers);
}

START_TEST(sealing_keeps_what_is_answered)
{
    pwy_model *all = rig_sealed(before, NULL, "tolerance: 0");
    char *digest, *again;
    OK(pwy_model_check(sealed, NULL));
    OK(pwy_model_digest(sealed, "words", &digest));
    ck_assert_int_eq((int)strlen(digest), 64);
    pwy_model *twice = rig_sealed(sealed, NULL, NULL);
    OK(pwy_model_digest(twice, "words", &again));
    ck_assert_str_eq(digest, again);
    rig_same_answers(twice, NULL, OLD, 16, old_answers);
    pwy_text_free(digest);
    pwy_text_free(again);
    pwy_model_free(twice);
    pwy_model_free(all);
}
END_TEST

START_TEST(sealed_and_reopened_is_the_same)
{
    pwy_model *again = rig_reopened(sealed);
    rig_same_answers(again, "threads: 2", OLD, 16, old_answers);
    OK(pwy_model_check(again, NULL));
    struct bytes one = rig_bytes(sealed), two = rig_bytes(again);
    same(one, two);
    pwy_model_free(again);
}
END_TEST

/* One after another, of senses that are there and that are new; reopened between. */
START_TEST(added_tasks_move_nothing)
{
    static const int tasks[] = {R_SERIES, R_TWO, R_AUDIO, R_BYTES, R_WRITE};
    pwy_model *m = rig_reopened(sealed);
    for (int i = 0; i < 5; i++) {
        pwy_model *more = rig_added(m, 1 << tasks[i], "steps: 6, batch: 8"), *again = rig_reopened(more);
        rig_same_answers(more, NULL, OLD, 1, old_answers);
        rig_same_answers(again, NULL, OLD, 16, old_answers);
        rig_same_answers(again, "threads: 2", OLD, 16, old_answers);
        OK(pwy_model_check(again, NULL));
        char *mine = rig_ask(more, NULL, 1 << tasks[i], 16, 1);
        rig_same_answers(again, NULL, 1 << tasks[i], 16, mine);
        free(mine);
        pwy_model_free(more);
        pwy_model_free(m);
        m = again;
    }
    char *digest, *was;
    OK(pwy_model_digest(m, "shape", &digest));
    OK(pwy_model_digest(sealed, "shape", &was));
    ck_assert_str_eq(digest, was);
    pwy_text_free(digest);
    pwy_text_free(was);
    pwy_model_free(m);
}
END_TEST

/* Where every task that learns has routers of its own, the trunk's has no gradient; where one has not, it does. */
START_TEST(the_trunks_router_trains_where_it_is_reached)
{
    pwy_trainer *t = rig_adding(sealed, 1 << R_SERIES, "steps: 4, batch: 8"), *on;
    pwy_model *grown;
    OK(pwy_trainer_run(t));
    OK(pwy_trainer_model(t, &grown));
    pwy_trainer_free(t);
    on = rig_trainer(grown, "steps: 4, batch: 8");
    OK(pwy_trainer_run(on));
    ck_assert_ptr_null(pw_params_find(on->model->params, "trunk.0.router")->g);
    ck_assert_ptr_nonnull(pw_params_find(on->model->params, "task/wave/trunk.0.router")->g);
    pwy_trainer_free(on);
    on = rig_trainer(before, "steps: 1, batch: 8");
    ck_assert_ptr_nonnull(pw_params_find(on->model->params, "trunk.0.router")->g);
    pwy_trainer_free(on);
    pwy_model_free(grown);
}
END_TEST

static int64_t size_of(const char *path)
{
    struct bytes b = rig_file(path);
    free(b.data);
    return b.len;
}

/* Adding to a file writes what is new, beside it; opened, packed, it is one model. */
START_TEST(added_to_a_file)
{
    static const int tasks[] = {R_SERIES, R_TWO};
    char path[128], beside[160];
    strcpy(path, in_folder("one.pathways"));
    OK(pwy_model_save(sealed, path));
    int64_t base = size_of(path);
    for (int i = 0; i < 2; i++) {
        pwy_model *m, *more, *again;
        OK(pwy_model_open(NULL, path, &m));
        more = rig_added(m, 1 << tasks[i], "{steps: 4, batch: 8, add: {parameters: 100000, clones: 2}}");
        OK(pwy_model_save_added(more, path));
        ck_assert_int_eq(size_of(path), base);
        snprintf(beside, sizeof beside, "%s.delta%d", path, i + 1);
        ck_assert(size_of(beside) < base);
        OK(pwy_model_open(NULL, path, &again));
        char *mine = rig_ask(more, NULL, 1 << tasks[i], 16, 1);
        rig_same_answers(again, NULL, OLD, 16, old_answers);
        rig_same_answers(again, "threads: 2", 1 << tasks[i], 16, mine);
        OK(pwy_model_check(again, NULL));
        struct bytes one = rig_bytes(more), two = rig_bytes(again);
        same(one, two);
        free(mine);
        pwy_model_free(again);
        pwy_model_free(more);
        pwy_model_free(m);
    }
}
END_TEST

/* Sealing a file's tasks, one and then the others, writes what that gave them; what is sealed again, nothing. */
START_TEST(sealed_beside_a_file)
{
    static const char *const names[] = {"words", NULL, NULL};
    char path[128], beside[160];
    strcpy(path, in_folder("one.pathways"));
    OK(pwy_model_save(before, path));
    int64_t base = size_of(path);
    for (int i = 0; i < 3; i++) {
        pwy_model *m, *more, *again;
        OK(pwy_model_open(NULL, path, &m));
        more = rig_sealed(m, names[i], NULL);
        OK(pwy_model_save_added(more, path));
        ck_assert_int_eq(size_of(path), base);
        snprintf(beside, sizeof beside, "%s.delta%d", path, i + 1);
        ck_assert_int_eq(access(beside, F_OK) == 0, i < 2);
        if (i < 2) ck_assert(size_of(beside) < base / 2);
        OK(pwy_model_open(NULL, path, &again));
        OK(pwy_model_check(again, NULL));
        same(rig_bytes(more), rig_bytes(again));
        if (i > 0) rig_same_answers(again, NULL, OLD, 16, old_answers);
        pwy_model_free(again);
        pwy_model_free(more);
        pwy_model_free(m);
    }
    OK(pwy_model_verify(NULL, path, NULL, NULL));
    OK(pwy_model_pack(path));
    pwy_model *packed;
    OK(pwy_model_open(NULL, path, &packed));
    OK(pwy_model_check(packed, NULL));
    rig_same_answers(packed, NULL, OLD, 16, old_answers);
    pwy_model_free(packed);
}
END_TEST

/* Numbers that changed are not left out: of tensors they go beside the file, of experts the whole is written. */
START_TEST(trained_on_beside_a_file)
{
    static const char *const how[] = {"{steps: 4, batch: 8, freeze: ['trunk.*']}", "{steps: 4, batch: 8}"};
    for (int i = 0; i < 2; i++) {
        char path[128], beside[160];
        pwy_model *m, *more, *again;
        strcpy(path, in_folder("one.pathways"));
        snprintf(beside, sizeof beside, "%s.delta1", path);
        OK(pwy_model_save(before, path));
        OK(pwy_model_open(NULL, path, &m));
        pwy_registry *r = rig_registry(NULL, OLD);
        OK(pw_registry_attach_sources(m->registry, r));
        pwy_trainer *t = rig_trainer(m, how[i]);
        OK(pwy_trainer_run(t));
        OK(pwy_trainer_model(t, &more));
        OK(pwy_model_save_added(more, path));
        ck_assert_int_eq(access(beside, F_OK) == 0, i == 0);
        OK(pwy_model_open(NULL, path, &again));
        char *mine = rig_ask(more, NULL, OLD, 16, 1);
        rig_same_answers(again, NULL, OLD, 16, mine);
        free(mine);
        pwy_trainer_free(t);
        pwy_registry_free(r);
        pwy_model_free(again);
        pwy_model_free(more);
        pwy_model_free(m);
    }
}
END_TEST

/* What is reused is shared with the model that it came from, and that one may go. */
START_TEST(a_model_over_another_holds_it)
{
    pwy_model *base = rig_reopened(sealed), *more = rig_added(base, 1 << R_TWO, "steps: 2, batch: 8");
    struct pw_param *mine = pw_params_find(more->params, "trunk.0.qkv"),
                    *theirs = pw_params_find(base->params, "trunk.0.qkv");
    ck_assert_ptr_eq(mine->w, theirs->w);
    pwy_model_free(base);
    rig_same_answers(more, NULL, OLD, 16, old_answers);
    pwy_model_free(more);
}
END_TEST

/* Behind tasks without ways of their own: the second finds the first's, which goes by the trunk's routers. */
START_TEST(added_twice_behind_what_is_open)
{
    pwy_trainer *t = rig_adding(before, 1 << R_SERIES, "steps: 2, batch: 8");
    pwy_model *one, *two;
    OK(pwy_trainer_run(t));
    OK(pwy_trainer_model(t, &one));
    pwy_trainer_free(t);
    char *wave = rig_ask(one, NULL, OLD | 1 << R_SERIES, 16, 1);
    t = rig_adding(one, 1 << R_BYTES | 1 << R_TWO, "steps: 2, batch: 8");
    OK(pwy_trainer_run(t));
    OK(pwy_trainer_model(t, &two));
    pwy_trainer_free(t);
    rig_same_answers(two, NULL, OLD | 1 << R_SERIES, 16, wave);
    free(wave);
    pwy_model_free(one);
    pwy_model_free(two);
}
END_TEST

START_TEST(added_again_is_the_same_file)
{
    pwy_model *one = rig_added(sealed, 1 << R_TWO, "steps: 4, batch: 8, threads: 1"),
              *two = rig_added(sealed, 1 << R_TWO, "steps: 4, batch: 8, threads: 2");
    same(rig_bytes(one), rig_bytes(two));
    pwy_model_free(one);
    pwy_model_free(two);
}
END_TEST

/* What an added task brings stays within what it was given; more room, more clones. */
START_TEST(budgets_hold)
{
    struct pw_net *net;
    int64_t all, own;
    pwy_model *more = rig_added(sealed, 1 << R_TWO, "{steps: 2, batch: 8, add: {parameters: 20000, clones: 0}}");
    OK(pw_model_net(more, "both", &net));
    OK(pw_closure_size(more, net, &all, &own));
    ck_assert(own <= 20000 && all > own);
    ck_assert_int_le(pwy_model_parameters(more) - pwy_model_parameters(sealed), 20000);
    ck_assert_int_eq(pw_trunk_experts(more->trunk, 0), 4);
    pwy_model_free(more);
    more = rig_added(sealed, 1 << R_TWO, "{steps: 2, batch: 8, add: {parameters: 10000000, clones: 3}}");
    ck_assert_int_eq(pw_trunk_experts(more->trunk, 0) + pw_trunk_experts(more->trunk, 1), 8 + 3);
    rig_same_answers(more, NULL, OLD, 16, old_answers);
    pwy_model_free(more);
    pwy_registry *r = rig_registry(NULL, 1 << R_TWO);
    pwy_options *o = rig_options("{steps: 2, add: {parameters: 10}}");
    pwy_trainer *t;
    FAILS(pwy_trainer_add(sealed, r, o, &t), PWY_E_LIMIT);
    SAYS("10 parameters is too small");
    pwy_options_free(o);
    pwy_registry_free(r);
}
END_TEST

/* Before its first step an added task goes the way that it reuses: its parts start as copies or as no-ops. */
START_TEST(what_can_be_reused)
{
    pwy_registry *r = rig_registry(NULL, 1 << R_TWO);
    pwy_options *o = rig_options("{steps: 2, add: {reuse: nothing}}");
    pwy_trainer *t;
    FAILS(pwy_trainer_add(sealed, r, o, &t), PWY_E_NOT_FOUND);
    SAYS("nothing");
    pwy_options_free(o);
    static const char *const good[] = {"{steps: 1, batch: 8, add: {reuse: words}}", "{steps: 1, add: {reuse: random}}",
                                       "{steps: 1, batch: 8, add: {reuse: best}}"};
    for (int i = 0; i < 3; i++) {
        o = rig_options(good[i]);
        OK(pwy_trainer_add(sealed, r, o, &t));
        pwy_trainer_free(t);
        pwy_options_free(o);
    }
    pwy_registry_free(r);
}
END_TEST

START_TEST(bad_calls)
{
    pwy_model *blank = rig_model(NULL, 1 << R_TEXT, NULL), *out = NULL;
    pwy_trainer *t = NULL;
    pwy_registry *r = rig_registry(NULL, 1 << R_TEXT);
    pwy_options *o = rig_options("steps: 1, add: {parameters: 5}");
    char *hex;
    FAILS(pwy_model_seal(blank, NULL, NULL, &out), PWY_E_STATE);
    SAYS("words");
    FAILS(pwy_model_seal(before, "wurds", NULL, &out), PWY_E_NOT_FOUND);
    SAYS("words");
    FAILS(pwy_trainer_add(sealed, r, NULL, &t), PWY_E_EXISTS);
    SAYS("words");
    FAILS(pwy_model_digest(before, "words", &hex), PWY_E_STATE);
    FAILS(pwy_model_check(before, "words"), PWY_E_STATE);
    FAILS(pwy_trainer_new(blank, o, &t), PWY_E_ARGUMENT);
    FAILS(pwy_trainer_new(sealed, NULL, &t), PWY_E_STATE);
    SAYS("sealed");
    FAILS(pwy_model_seal(NULL, NULL, NULL, &out), PWY_E_ARGUMENT);
    FAILS(pwy_trainer_add(NULL, r, NULL, &t), PWY_E_ARGUMENT);
    ck_assert(out == NULL && t == NULL);
    rig_same_answers(sealed, NULL, OLD, 16, old_answers);
    pwy_options_free(o);
    pwy_registry_free(r);
    pwy_model_free(blank);
}
END_TEST

/* One task of many, experts of its own among them: a small file, the same answers, the same digest. */
START_TEST(extracted_is_the_same)
{
    static const char *const one[] = {"both"}, *const two[] = {"shape", "both"}, *const none[] = {"bath"};
    static const char how[] = "{steps: 4, batch: 8, add: {parameters: 100000, clones: 3}}";
    pwy_model *m = rig_added(sealed, 1 << R_TWO, how), *out, *again;
    char *mine = rig_ask(m, NULL, 1 << R_TWO, 16, 1);
    OK(pwy_model_extract(m, one, 1, &out));
    again = rig_reopened(out);
    ck_assert_int_eq(pwy_registry_count(pwy_model_registry(again)), 1);
    rig_same_answers(out, NULL, 1 << R_TWO, 16, mine);
    rig_same_answers(again, "threads: 2", 1 << R_TWO, 16, mine);
    OK(pwy_model_check(again, NULL));
    rig_same_digest(m, "both", again, "both");
    struct bytes whole = rig_bytes(m), part = rig_bytes(again);
    struct pw_net *net;
    int64_t all, own;
    OK(pw_model_net(m, "both", &net));
    OK(pw_closure_size(m, net, &all, &own));
    ck_assert(part.len <= 4 * all + 65536 && part.len < whole.len);
    free(whole.data);
    free(part.data);
    pwy_model_free(again);
    pwy_model_free(out);
    OK(pwy_model_extract(m, two, 2, &out));
    rig_same_answers(out, NULL, 1 << R_TWO, 16, mine);
    rig_same_digest(m, "shape", out, "shape");
    pwy_model_free(out);
    FAILS(pwy_model_extract(m, none, 1, &out), PWY_E_NOT_FOUND);
    SAYS("both");
    FAILS(pwy_model_extract(m, none, 0, &out), PWY_E_ARGUMENT);
    pwy_model_free(m);
    free(mine);
}
END_TEST

START_TEST(forgotten_and_renamed)
{
    pwy_model *m = rig_added(sealed, 1 << R_SERIES, "{steps: 4, batch: 8, add: {parameters: 100000, clones: 2}}"), *out,
              *again;
    OK(pwy_model_forget(m, "wave", &out));
    again = rig_reopened(out);
    rig_same_answers(again, NULL, OLD, 16, old_answers);
    FAILS(pwy_model_digest(again, "wave", &(char *){NULL}), PWY_E_NOT_FOUND);
    ck_assert(pwy_model_parameters(again) <= pwy_model_parameters(sealed));
    pwy_model_free(again);
    pwy_model_free(out);
    OK(pwy_model_rename(m, "wave", "ripple", &out));
    again = rig_reopened(out);
    rig_same_digest(m, "wave", again, "ripple");
    OK(pwy_model_check(again, NULL));
    rig_same_answers(again, NULL, OLD, 16, old_answers);
    pwy_model_free(again);
    FAILS(pwy_model_rename(m, "wave", "words", &again), PWY_E_EXISTS);
    FAILS(pwy_model_rename(m, "wav", "x", &again), PWY_E_NOT_FOUND);
    pwy_model_free(out);
    pwy_model_free(m);
}
END_TEST

static int experts_of(const pwy_model *m)
{
    return pw_trunk_experts(m->trunk, 0) + pw_trunk_experts(m->trunk, 1);
}

static int64_t bytes_of(const pwy_model *m)
{
    struct bytes b = rig_bytes(m);
    free(b.data);
    return b.len;
}

/* A sealed task reads topk experts of four: pruning takes the others out, and does nothing a second time. */
START_TEST(what_no_sealed_task_reads_is_pruned)
{
    pwy_model *open = rig_trained(rig_model(NULL, 1 << R_TEXT, NULL), "steps: 12, batch: 8"), *out, *twice;
    pwy_model *m = rig_sealed(open, NULL, "tolerance: 1"), *again = rig_reopened(m);
    char *was = rig_ask(m, NULL, 1 << R_TEXT, 16, 1);
    ck_assert_int_eq(experts_of(m), 8);
    OK(pwy_model_prune(again, &out));
    ck_assert_int_eq(experts_of(out), 4);
    ck_assert_int_eq(out->shape.experts, 2);
    ck_assert_int_eq(pwy_model_parameters(m) - pwy_model_parameters(out), 4 * m->expert_size + 2 * 2 * m->shape.d);
    ck_assert_int_ge(bytes_of(m) - bytes_of(out), 4 * 4 * m->expert_size);
    pwy_model_free(again);
    again = rig_reopened(out);
    rig_same_answers(out, NULL, 1 << R_TEXT, 1, was);
    rig_same_answers(again, "threads: 2", 1 << R_TEXT, 16, was);
    rig_same_digest(m, "words", again, "words");
    OK(pwy_model_check(again, NULL));
    OK(pwy_model_prune(again, &twice));
    same(rig_bytes(out), rig_bytes(twice));
    free(was);
    pwy_model_free(twice);
    pwy_model_free(again);
    pwy_model_free(out);
    pwy_model_free(m);
    pwy_model_free(open);
}
END_TEST

/* An open task may meet any expert of the trunk's routers, so beside one they all stay. */
START_TEST(what_an_open_task_may_meet_stays)
{
    pwy_model *one = rig_sealed(before, "words", "tolerance: 1"), *out;
    char *was = rig_ask(one, NULL, OLD, 16, 1);
    OK(pwy_model_prune(one, &out));
    same(rig_bytes(one), rig_bytes(out));
    rig_same_answers(out, NULL, OLD, 16, was);
    free(was);
    pwy_model_free(out);
    pwy_model_free(one);
}
END_TEST

/* The rest is trained on with all that moves a weight: moments, decay, dropout. What is sealed stays to the bit. */
START_TEST(trained_on_nothing_sealed_moves)
{
    static const char *const ways[] = {
        "{steps: 30, batch: 8, lr: 0.01, weight_decay: 0.5, dropout: 0.2, clip: 100}",
        "{steps: 30, batch: 8, lr: 0.01, weight_decay: 0.5, optimizer: adafactor, accumulate: 2}",
        "{steps: 30, batch: 8, lr: 0.01, weight_decay: 0.5, recompute: true, threads: 2}"};
    enum { KEPT = 1 << R_TEXT | 1 << R_TABLE };
    pwy_model *half = rig_sealed(before, "words", NULL), *most = rig_sealed(half, "price", NULL);
    pwy_model *file = rig_reopened(most);
    char *kept = rig_ask(most, NULL, KEPT, 16, 1), *open = rig_ask(most, NULL, 1 << R_IMAGE, 16, 1), *now;
    pwy_registry *rows = rig_registry(NULL, OLD);
    for (int from_file = 0; from_file < 2; from_file++) {
        pwy_model *start;
        OK(pwy_model_with_sources(from_file ? file : most, rows, &start));
        pwy_model *after = rig_trained(start, ways[_i]), *again = rig_reopened(after);
        rig_same_answers(after, NULL, KEPT, 16, kept);
        rig_same_answers(again, "threads: 2", KEPT, 1, kept);
        rig_same_digest(again, "words", half, "words");
        rig_same_digest(again, "price", most, "price");
        OK(pwy_model_check(again, NULL));
        now = rig_ask(after, NULL, 1 << R_IMAGE, 16, 1);
        ck_assert_msg(strcmp(now, open) != 0, "training moved nothing");
        free(now);
        pwy_model_free(again);
        pwy_model_free(after);
    }
    free(kept);
    free(open);
    pwy_registry_free(rows);
    pwy_model_free(file);
    pwy_model_free(most);
    pwy_model_free(half);
}
END_TEST

/* How many experts of a layer differ from how they were, among those that "words" reads or among the others. */
static int moved(const pwy_model *was, const pwy_model *now, int layer, bool read)
{
    char name[32];
    struct pw_net *net;
    int n = 0;
    snprintf(name, sizeof name, "trunk.%d.experts.w2", layer);
    const struct pw_param *old = pw_params_find(was->params, name), *new = pw_params_find(now->params, name);
    size_t bytes = (size_t)pw_param_group_size(old) * sizeof(real);
    OK(pw_model_net((pwy_model *)(uintptr_t)was, "words", &net));
    const struct pw_way_layer *own = &net->way->layer[layer];
    ck_assert_int_eq(new->groups, old->groups);
    for (int64_t e = 0; e < old->groups; e++) {
        bool reads = false;
        for (int i = 0; i < own->n; i++) reads |= own->expert[i] == e;
        n += reads == read && memcmp(old->slice[e].w, new->slice[e].w, bytes) != 0;
    }
    return n;
}

/* An open task meets a sealed one's experts too. They take part in its answers and stay; the others move. */
START_TEST(experts_met_by_both_stay)
{
    pwy_model *one = rig_sealed(before, "words", "tolerance: 1"), *after;
    pwy_registry *rows = rig_registry(NULL, OLD);
    OK(pwy_model_with_sources(one, rows, &after));
    after = rig_trained(after, "{steps: 20, batch: 8, lr: 0.01, weight_decay: 0.5}");
    for (int l = 0; l < 2; l++) {
        ck_assert_int_eq(moved(one, after, l, true), 0);
        ck_assert_int_gt(moved(one, after, l, false), 0);
    }
    rig_same_digest(after, "words", one, "words");
    OK(pwy_model_check(after, NULL));
    pwy_registry_free(rows);
    pwy_model_free(after);
    pwy_model_free(one);
}
END_TEST

/* A byte of what a sealed task reads is changed, and found; one that it does not read is not its matter. */
START_TEST(a_changed_number_is_found)
{
    pwy_model *m = rig_reopened(sealed);
    struct pw_param *p = pw_params_find(m->params, "task/words/head.w");
    real *w = (real *)malloc((size_t)p->n * sizeof(real)), *was = p->w;
    memcpy(w, was, (size_t)p->n * sizeof(real));
    w[3] += (real)1e-3;
    p->w = w;
    FAILS(pwy_model_check(m, "words"), PWY_E_FORMAT);
    SAYS("words");
    OK(pwy_model_check(m, "shape"));
    OK(pwy_model_check(m, "price"));
    p->w = was;
    OK(pwy_model_check(m, "words"));
    free(w);
    pwy_model_free(m);
}
END_TEST

/* --- what a task reads, and nothing else --- */

/* Made anew. */
struct digest { unsigned char of[PW_DIGEST_LEN]; };

static struct digest digest_of(const pwy_model *m, const char *task)
{
    struct digest d;
    struct pw_net *net;
    OK(pw_model_net(m, task, &net));
    OK(pw_closure_digest(m, net, d.of));
    return d;
}

static bool is_digest(const pwy_model *m, const char *task, const struct digest *want)
{
    struct digest got = digest_of(m, task);
    return memcmp(got.of, want->of, sizeof got.of) == 0;
}

static pwy_model *opened_from(struct bytes file)
{
    pwy_model *m;
    OK(pwy_model_open_memory(NULL, file.data, file.len, &m));
    return m;
}

/* Whether an answer may go by it and yet none here change: an expert that no row met, what tells tasks apart, and where
   trees cut, which these tables have none of. */
static bool may_be_still(const struct pw_param *p)
{
    return p->slice != NULL || strstr(p->name, "which") != NULL || strstr(p->name, "/cuts") != NULL;
}

struct read_by { char *answers[R_TASKS]; struct digest digest[R_TASKS]; int tasks; };

static void compare_reading(struct bytes file, const struct read_by *was, const struct pw_param *p)
{
    pwy_model *m = opened_from(file);
    for (int t = 0; t < R_TASKS; t++) {
        if ((was->tasks >> t & 1) == 0) continue;
        char *now = rig_ask(m, NULL, 1 << t, 8, 8);
        bool still = strcmp(now, was->answers[t]) == 0, same = is_digest(m, rig_task[t].name, &was->digest[t]);
        ck_assert_msg(still || !same, "%s answers otherwise by %s, its digest is the same", rig_task[t].name, p->name);
        ck_assert_msg(!still || same || may_be_still(p), "%s does not read %s, its digest does", rig_task[t].name,
                      p->name);
        free(now);
    }
    pwy_model_free(m);
}

static void change_and_compare(struct bytes file, const struct read_by *was, const struct pw_param *p, const real *w)
{
    size_t n = (size_t)(p->slice != NULL ? pw_param_group_size(p) : p->n);
    real *at = memmem(file.data, (size_t)file.len, w, n * sizeof *w), *old = malloc(n * sizeof *w);
    ck_assert_msg(at != NULL, "%s is not in the file", p->name);
    memcpy(old, at, n * sizeof *w);
    for (size_t i = 0; i < n; i++) at[i] = old[i] * (real).4 + (real)(.3 + .01 * (double)(i % 7));
    compare_reading(file, was, p);
    memcpy(at, old, n * sizeof *w);
    free(old);
}

/* Each tensor in turn, and each expert, is changed: who answers otherwise has another digest, and who has one reads
   it. */
START_TEST(a_digest_is_of_what_is_read)
{
    struct read_by was = {.tasks = OLD | 1 << R_SERIES | 1 << R_WRITE};
    pwy_model *m = rig_added(sealed, 1 << R_SERIES | 1 << R_WRITE, "{steps: 8, batch: 8, add: {parameters: 100000}}");
    struct bytes file = rig_bytes(m);
    for (int t = 0; t < R_TASKS; t++) {
        if ((was.tasks >> t & 1) == 0) continue;
        was.answers[t] = rig_ask(m, NULL, 1 << t, 8, 8);
        was.digest[t] = digest_of(m, rig_task[t].name);
    }
    for (int i = 0; i < m->params->n; i++) {
        const struct pw_param *p = m->params->list[i];
        for (int e = 0; p->slice != NULL && e < p->shape[0]; e++) change_and_compare(file, &was, p, p->slice[e].w);
        if (p->slice == NULL) change_and_compare(file, &was, p, p->w);
    }
    for (int t = 0; t < R_TASKS; t++) free(was.answers[t]);
    free(file.data);
    pwy_model_free(m);
}
END_TEST

/* A word of the model's own settings, of the same length. */
START_TEST(a_digest_is_of_how_rows_are_routed)
{
    struct bytes file = rig_bytes(sealed);
    struct digest was = digest_of(sealed, "words");
    char *at = memmem(file.data, (size_t)file.len, "\"softmax\"", 9);
    ck_assert_ptr_nonnull(at);
    memcpy(at, "\"sigmoid\"", 9);
    pwy_model *m = opened_from(file);
    ck_assert(!is_digest(m, "words", &was));
    FAILS(pwy_model_check(m, "words"), PWY_E_FORMAT);
    pwy_model_free(m);
    free(file.data);
}
END_TEST

/* --- a changed byte in a file --- */

struct named { char file[160], part[128]; int n; };

static void tell(const char *file, const char *part, const char *why, void *user)
{
    struct named *found = user;
    (void)why;
    snprintf(found->file, sizeof found->file, "%s", file);
    snprintf(found->part, sizeof found->part, "%s", part);
    found->n++;
}

static void write_file(const char *path, struct bytes b)
{
    FILE *f = fopen(path, "wb");
    ck_assert_ptr_nonnull(f);
    ck_assert_int_eq((int64_t)fwrite(b.data, 1, (size_t)b.len, f), b.len);
    fclose(f);
}

/* Where the numbers of a tensor, of experts those of one that "words" reads in layer 1, lie in a file. */
static char *numbers_in(struct bytes file, const pwy_model *m, const char *tensor)
{
    const struct pw_param *p = pw_params_find(m->params, tensor);
    struct pw_net *net;
    ck_assert_msg(p != NULL, "no tensor %s", tensor);
    OK(pw_model_net(m, "words", &net));
    const real *w = p->slice != NULL ? p->slice[net->way->layer[1].expert[0]].w : p->w;
    return memmem(file.data, (size_t)file.len, w, (size_t)pw_param_group_size(p) * sizeof(real));
}

/* Verifying names the tensor, and checking the task whose closure has it. */
START_TEST(a_changed_byte_is_named)
{
    static const struct { const char *tensor, *task; } changed[] = {
        {"task/words/head.w", "words"}, {"trunk.0.qkv", "shape"}, {"trunk.1.experts.w2", "words"},
        {"image.patch.w", "shape"}};
    char path[128];
    strcpy(path, in_folder("one.pathways"));
    struct bytes file = rig_bytes(sealed);
    for (size_t i = 0; i < sizeof changed / sizeof *changed; i++) {
        struct named found = {.n = 0};
        pwy_model *m;
        char *at = numbers_in(file, sealed, changed[i].tensor);
        ck_assert_msg(at != NULL, "%s is not in the file", changed[i].tensor);
        at[6] ^= 1;
        write_file(path, file);
        FAILS(pwy_model_verify(NULL, path, tell, &found), PWY_E_FORMAT);
        SAYS(changed[i].tensor);
        ck_assert_int_eq(found.n, 1);
        ck_assert_str_eq(found.part, changed[i].tensor);
        ck_assert_str_eq(found.file, path);
        OK(pwy_model_open(NULL, path, &m));
        FAILS(pwy_model_check(m, changed[i].task), PWY_E_FORMAT);
        SAYS(changed[i].task);
        if (i == 0) OK(pwy_model_check(m, "shape"));
        pwy_model_free(m);
        at[6] ^= 1;
    }
    write_file(path, file);
    OK(pwy_model_verify(NULL, path, NULL, NULL));
    free(file.data);
}
END_TEST

/* A task whose weights are as they were, but whose answers are not what was kept. */
START_TEST(golden_answers_are_compared)
{
    pwy_model *m = rig_reopened(sealed);
    struct pw_net *net;
    OK(pw_model_net(m, "words", &net));
    struct pw_node *answers = pw_node_get(net->task->golden, "answers");
    ck_assert(answers != NULL && answers->n == 3);
    OK(pwy_model_check(m, "words"));
    char *text = answers->item[1]->text;
    text[0] = text[0] == '0' ? '1' : '0';
    FAILS(pwy_model_check(m, "words"), PWY_E_FORMAT);
    SAYS("golden input 1");
    pwy_model_free(m);
}
END_TEST

/* Every kind of value comes back as it was; cut short anywhere it is an error. */
START_TEST(examples_as_bytes)
{
    for (int task = 0; task < R_TASKS; task++) {
        struct pw_buf one = {0}, two = {0};
        pwy_example *ex, *back;
        OK(pwy_example_new(&ex));
        OK(pwy_example_new(&back));
        rig_parts(task, 7, ex);
        OK(pw_example_write(ex, &one));
        OK(pw_example_read(one.data, one.len, back));
        OK(pw_example_write(back, &two));
        ck_assert(one.len == two.len && memcmp(one.data, two.data, one.len) == 0);
        for (size_t len = 0; len < one.len; len += 1 + one.len / 50) {
            pwy_example_clear(back);
            FAILS(pw_example_read(one.data, len, back), PWY_E_FORMAT);
        }
        pw_buf_free(&one);
        pw_buf_free(&two);
        pwy_example_free(ex);
        pwy_example_free(back);
    }
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("seal");
    TCase *t = tcase_create("seal");
    tcase_set_timeout(t, 240);
    tcase_add_unchecked_fixture(t, open_models, close_models);
    tcase_add_checked_fixture(t, make_folder, remove_folder);
    tcase_add_test(t, sealing_keeps_what_is_answered);
    tcase_add_test(t, sealed_and_reopened_is_the_same);
    tcase_add_test(t, added_tasks_move_nothing);
    tcase_add_test(t, the_trunks_router_trains_where_it_is_reached);
    tcase_add_test(t, added_to_a_file);
    tcase_add_test(t, sealed_beside_a_file);
    tcase_add_test(t, trained_on_beside_a_file);
    tcase_add_loop_test(t, trained_on_nothing_sealed_moves, 0, 3);
    tcase_add_test(t, experts_met_by_both_stay);
    tcase_add_test(t, a_model_over_another_holds_it);
    tcase_add_test(t, added_twice_behind_what_is_open);
    tcase_add_test(t, added_again_is_the_same_file);
    tcase_add_test(t, budgets_hold);
    tcase_add_test(t, what_can_be_reused);
    tcase_add_test(t, bad_calls);
    tcase_add_test(t, extracted_is_the_same);
    tcase_add_test(t, forgotten_and_renamed);
    tcase_add_test(t, what_no_sealed_task_reads_is_pruned);
    tcase_add_test(t, what_an_open_task_may_meet_stays);
    tcase_add_test(t, golden_answers_are_compared);
    tcase_add_test(t, examples_as_bytes);
    tcase_add_test(t, a_changed_number_is_found);
    tcase_add_test(t, a_digest_is_of_what_is_read);
    tcase_add_test(t, a_digest_is_of_how_rows_are_routed);
    tcase_add_test(t, a_changed_byte_is_named);
    suite_add_tcase(s, t);
    return s;
}

int main(void)
{
    return run_suite(suite());
}

/* Two models that grew from one, each on its own, made one. */
#include "model/model.h"
#include "seal_rig.h"
#include "suite.h"

enum { OLD = 1 << R_TEXT | 1 << R_IMAGE | 1 << R_TABLE, WAVE = 1 << R_SERIES, BOTH = 1 << R_TWO, TONE = 1 << R_AUDIO,
       MINE = OLD | WAVE | BOTH };
static const char how[] = "{steps: 4, batch: 8, add: {parameters: 100000, clones: 2}}",
                  otherwise[] = "{steps: 4, batch: 8, seed: 9, add: {parameters: 100000, clones: 2}}";

static pwy_model *open_base, *base, *one, *two;         /* sealed; with a task more each, clones among what they read */
static char *old, *wave, *both;                         /* their answers */

static void open_models(void)
{
    open_base = rig_trained(rig_model(NULL, OLD, NULL), "steps: 12, batch: 8");
    base = rig_sealed(open_base, NULL, NULL);
    one = rig_added(base, WAVE, how);
    two = rig_added(base, BOTH, how);
    old = rig_ask(base, NULL, OLD, 16, 1);
    wave = rig_ask(one, NULL, WAVE, 16, 1);
    both = rig_ask(two, NULL, BOTH, 16, 1);
}

static void close_models(void)
{
    pwy_model_free(open_base);
    pwy_model_free(base);
    pwy_model_free(one);
    pwy_model_free(two);
    free(old);
    free(wave);
    free(both);
}

static pwy_model *merged(const pwy_model *a, const pwy_model *b)
{
    pwy_model *out;
    OK(pwy_model_merge(a, b, &out));
    return out;
}

static void same_file(const pwy_model *a, const pwy_model *b)
{
    struct bytes x = rig_bytes(a), y = rig_bytes(b);
    rig_same(x, y);
    free(x.data);
    free(y.data);
}

static void is_all(pwy_model *m)
{
    rig_same_answers(m, NULL, OLD, 16, old);
    rig_same_answers(m, "threads: 2", WAVE, 16, wave);
    rig_same_answers(m, NULL, BOTH, 1, both);
    OK(pwy_model_check(m, NULL));
    rig_same_digest(m, "words", base, "words");
    rig_same_digest(m, "wave", one, "wave");
    rig_same_digest(m, "both", two, "both");
}

START_TEST(what_two_added_comes_together)
{
    pwy_model *m = merged(one, two), *again = rig_reopened(m);
    pwy_registry *r = pwy_model_registry(again);
    static const char *const names[] = {"words", "price", "shape", "wave", "both"};
    ck_assert_int_eq(pwy_registry_count(r), 5);
    for (int i = 0; i < 5; i++) ck_assert_str_eq(pwy_task_name(pwy_registry_at(r, i)), names[i]);
    is_all(m);
    is_all(again);
    ck_assert_int_lt(pwy_model_parameters(m), pwy_model_parameters(one) + pwy_model_parameters(two));
    pwy_model_free(again);
    pwy_model_free(m);
}
END_TEST

/* Clones of both stand behind the base's experts under the same numbers: each has its own in what is merged. */
START_TEST(clones_of_both_are_kept)
{
    pwy_model *m = merged(one, two);
    int clones = 0;
    for (int l = 0; l < 2; l++) {
        int had = pw_trunk_experts(base->trunk, l), first = pw_trunk_experts(one->trunk, l) - had,
            second = pw_trunk_experts(two->trunk, l) - had;
        ck_assert_int_eq(pw_trunk_experts(m->trunk, l), had + first + second);
        clones += first * second;
    }
    ck_assert_msg(clones > 0, "no layer was cloned in by both");
    pwy_model_free(m);
}
END_TEST

START_TEST(merged_again_nothing_changes)
{
    pwy_model *m = merged(one, two), *again = rig_reopened(m);
    pwy_model *known[] = {one, two, base, again};
    for (int i = 0; i < 4; i++) {
        pwy_model *more = merged(m, known[i]);
        same_file(m, more);
        is_all(more);
        pwy_model_free(more);
    }
    pwy_model *self = merged(base, base), *grown = merged(base, one);
    same_file(self, base);
    is_all(m);
    rig_same_answers(grown, NULL, WAVE, 1, wave);
    rig_same_answers(grown, NULL, OLD, 1, old);
    pwy_model_free(grown);
    pwy_model_free(self);
    pwy_model_free(again);
    pwy_model_free(m);
}
END_TEST

/* Merged from files, the models freed in between, and with a third. */
START_TEST(three_of_them)
{
    pwy_model *first = rig_reopened(one), *second = rig_reopened(two), *third = rig_added(base, TONE, how);
    char *tone = rig_ask(third, NULL, TONE, 16, 1);
    pwy_model *m = merged(first, second), *all = merged(third, m);
    pwy_model_free(first);
    pwy_model_free(second);
    pwy_model_free(m);
    is_all(all);
    rig_same_answers(all, NULL, TONE, 16, tone);
    pwy_model *again = rig_reopened(all), *cut;
    static const char *const names[] = {"both"};
    is_all(again);
    OK(pwy_model_extract(again, names, 1, &cut));
    rig_same_answers(cut, NULL, BOTH, 16, both);
    rig_same_digest(cut, "both", two, "both");
    OK(pwy_model_check(cut, NULL));
    free(tone);
    pwy_model_free(cut);
    pwy_model_free(again);
    pwy_model_free(all);
    pwy_model_free(third);
}
END_TEST

/* A few of its tasks alone: what it had of the base is not there to be the same. */
START_TEST(with_a_part)
{
    static const char *const names[] = {"both"};
    pwy_model *cut, *m;
    OK(pwy_model_extract(two, names, 1, &cut));
    m = merged(one, cut);
    is_all(m);
    pwy_model_free(m);
    pwy_model_free(cut);
}
END_TEST

/* --- what both brought of one sense --- */

static pwy_model *cut_to(pwy_model *m, const char *task)
{
    pwy_model *out;
    OK(pwy_model_extract(m, &task, 1, &out));
    return out;
}

static pwy_model *called(pwy_model *m, const char *name, const char *to)
{
    pwy_model *out;
    OK(pwy_model_rename(m, name, to, &out));
    return out;
}

/* `task` of m is what `as` of `from` was: by its digest, and by its answers under that name. */
static void is_still(pwy_model *m, const char *task, pwy_model *from, const char *as, int bits)
{
    char *want = rig_ask(from, NULL, bits, 16, 1);
    pwy_model *cut = cut_to(m, task), *again = rig_reopened(cut);
    pwy_model *named = strcmp(task, as) != 0 ? called(again, task, as) : pw_model_hold(again);
    rig_same_digest(m, task, from, as);
    rig_same_digest(again, task, from, as);
    rig_same_answers(named, "threads: 2", bits, 16, want);
    OK(pwy_model_check(again, NULL));
    free(want);
    pwy_model_free(named);
    pwy_model_free(again);
    pwy_model_free(cut);
}

/* How many series' stems it has. */
static int series_of(const pwy_model *m)
{
    int n = 0;
    for (int i = 0; i < m->params->n; i++) {
        const char *name = m->params->list[i]->name, *dot = strchr(name, '.');
        n += strncmp(name, "series", 6) == 0 && strcmp(dot, ".place") == 0;
    }
    return n;
}

/* Each fitted the sense for itself; a third brings it once more, and a fourth what is there already. */
START_TEST(both_brought_a_sense)
{
    pwy_model *twin = rig_added(base, WAVE, otherwise), *sea = called(twin, "wave", "sea");
    pwy_model *third = rig_added(base, WAVE, "{steps: 3, batch: 8, seed: 5}"), *lake = called(third, "wave", "lake");
    pwy_model *m = merged(one, sea), *again = rig_reopened(m), *all = merged(again, lake);
    pwy_model *more = rig_added(sea, BOTH, how), *last = merged(all, more);
    ck_assert_int_eq(series_of(m), 2);
    ck_assert_int_eq(series_of(all), 3);
    ck_assert_int_eq(series_of(last), 3);
    pwy_model *const of[] = {m, again, all, last};
    for (int i = 0; i < 4; i++) {
        OK(pwy_model_check(of[i], NULL));
        rig_same_answers(of[i], NULL, OLD, 16, old);
        rig_same_answers(of[i], NULL, WAVE, 16, wave);
        is_still(of[i], "sea", twin, "wave", WAVE);
    }
    is_still(last, "lake", third, "wave", WAVE);
    is_still(last, "both", more, "both", BOTH);
    pwy_model *const gone[] = {twin, sea, third, lake, m, again, all, more, last};
    for (int i = 0; i < 9; i++) pwy_model_free(gone[i]);
}
END_TEST

/* What is left of a merged model has the second stem alone: what is added to that takes it. */
START_TEST(a_second_stem_is_added_to)
{
    pwy_model *twin = rig_added(base, WAVE, otherwise), *sea = called(twin, "wave", "sea"), *m = merged(one, sea);
    pwy_model *cut = cut_to(m, "sea"), *grown = rig_added(cut, WAVE, how), *new = called(grown, "wave", "new");
    pwy_model *back = merged(m, new);
    ck_assert_int_eq(series_of(grown), 1);
    ck_assert_ptr_null(pw_params_find(grown->params, "series.place"));
    is_still(grown, "sea", twin, "wave", WAVE);
    ck_assert_int_eq(series_of(back), 2);
    is_still(back, "new", grown, "wave", WAVE);
    rig_same_answers(back, NULL, WAVE, 16, wave);
    pwy_model *const gone[] = {twin, sea, m, cut, grown, new, back};
    for (int i = 0; i < 7; i++) pwy_model_free(gone[i]);
}
END_TEST

static int vocabularies(const pwy_model *m)
{
    int n = 0;
    for (const struct pw_vocabulary *v = m->vocabulary; v != NULL; v = v->next) n++;
    return n;
}

/* Texts that are read and written, each by the tokenizer that came with them. */
START_TEST(both_brought_texts)
{
    enum { MUTE = 1 << R_IMAGE | 1 << R_TABLE, READ = 1 << R_TEXT | 1 << R_WRITE, WROTE = BOTH | 1 << R_GO };
    pwy_model *plain = rig_trained(rig_model(NULL, MUTE, NULL), "steps: 6, batch: 8");
    pwy_model *mute = rig_sealed(plain, NULL, NULL);
    pwy_model *a = rig_added(mute, READ, how), *b = rig_added(mute, WROTE, otherwise), *m = merged(a, b);
    pwy_model *again = rig_reopened(m), *more = rig_added(b, 1 << R_AUDIO, how), *all = merged(again, more);
    char *read = rig_ask(a, NULL, READ, 16, 1), *wrote = rig_ask(b, NULL, WROTE, 16, 1);
    pwy_model *const of[] = {m, again, all};
    for (int i = 0; i < 3; i++) {
        ck_assert_int_eq(vocabularies(of[i]), 2);
        OK(pwy_model_check(of[i], NULL));
        rig_same_answers(of[i], NULL, READ, 16, read);
        rig_same_answers(of[i], "threads: 2", WROTE, 16, wrote);
        is_still(of[i], "story", b, "story", 1 << R_GO);
        is_still(of[i], "reply", a, "reply", 1 << R_WRITE);
        is_still(of[i], "both", b, "both", BOTH);
    }
    pwy_model *const gone[] = {plain, mute, a, b, m, again, more, all};
    for (int i = 0; i < 8; i++) pwy_model_free(gone[i]);
    free(read);
    free(wrote);
}
END_TEST

/* --- what was cut, added to and merged, in any order --- */

enum { PARTS = 5, ROUNDS = 20 };
static const char plenty[] = "{steps: 4, batch: 8, add: {parameters: 200000, clones: 2}}";

/* Each task of it has a few experts of its own choice. */
static pwy_model *wide_base(void)
{
    static const char shape[] = "d: 16, layers: 2, heads: 2, experts: 10, topk: 4, hidden: 8, vocab: 300";
    pwy_model *m = rig_model(NULL, OLD, shape), *out;
    m = rig_trained(m, "steps: 16, batch: 8, candidates: 5");
    out = rig_sealed(m, NULL, NULL);
    pwy_model_free(m);
    return out;
}

static pwy_model *grown_from(pwy_model *m, const char *task, int tasks)
{
    pwy_model *cut = cut_to(m, task), *out = rig_added(cut, tasks, plenty);
    pwy_model_free(cut);
    return out;
}

static const int32_t *candidates_of(pwy_model *m, const char *task, int layer, int *n)
{
    struct pw_net *net;
    OK(pw_model_net(m, task, &net));
    return pw_net_candidates(m, net, layer, n);
}

static bool has(const int32_t *list, int n, int32_t id)
{
    while (n > 0 && list[n - 1] != id) n--;
    return n > 0;
}

/* Whether in some layer `task` has one that `other` has behind one that it has not: in what is cut to `other` and added
   to, those of all that come along stand the other way round. */
static bool crosses(pwy_model *m, const char *task, const char *other)
{
    for (int l = 0; l < 2; l++) {
        int n, theirs;
        bool missed = false;
        const int32_t *own = candidates_of(m, task, l, &n), *cut = candidates_of(m, other, l, &theirs);
        for (int i = 0; i < n; i++) {
            if (missed && has(cut, theirs, own[i])) return true;
            missed |= !has(cut, theirs, own[i]);
        }
    }
    return false;
}

/* The tasks that it has, by bits. */
static int tasks_of(const pwy_model *m)
{
    int bits = 0;
    pwy_task *t;
    for (int i = 0; i < R_TASKS; i++)
        if (pwy_registry_find(pwy_model_registry(m), rig_task[i].name, &t) == PWY_OK) bits |= 1 << i;
    return bits;
}

/* All that it has is what it was, here and reopened. */
static void is_as_ever(pwy_model *m, char *const *answers)
{
    pwy_model *again = rig_reopened(m);
    OK(pwy_model_check(again, NULL));
    for (int i = 0; i < R_TASKS; i++) {
        if ((tasks_of(m) >> i & 1) == 0) continue;
        rig_same_answers(m, NULL, 1 << i, 1, answers[i]);
        rig_same_answers(again, "threads: 2", 1 << i, 16, answers[i]);
    }
    pwy_model_free(again);
}

static int roll(uint32_t *dice, int sides)
{
    *dice = *dice * 1664525 + 1013904223;
    return (int)(*dice >> 8) % sides;
}

/* Some of its tasks alone, or all of it. */
static pwy_model *some_of(pwy_model *m, uint32_t *dice)
{
    const char *name[R_TASKS];
    int n = 0, all = tasks_of(m);
    for (int i = 0; i < R_TASKS; i++)
        if (all >> i & 1 && roll(dice, 2)) name[n++] = rig_task[i].name;
    pwy_model *out = pw_model_hold(m);
    if (n > 0) {
        pwy_model_free(out);
        OK(pwy_model_extract(m, name, n, &out));
    }
    return out;
}

/* What was extracted has the base's experts under other numbers, and some not at all. */
START_TEST(in_any_order)
{
    pwy_model *all = wide_base(), *m[PARTS] = {all, grown_from(all, "shape", WAVE), grown_from(all, "words", TONE),
                                               grown_from(all, "price", 1 << R_BYTES), rig_added(all, BOTH, how)};
    char *answers[R_TASKS] = {NULL};
    uint32_t dice = 7;
    ck_assert_msg(crosses(all, "price", "words") || crosses(all, "shape", "words"), "nothing crosses");
    for (int i = 0; i < PARTS; i++)
        for (int t = 0; t < R_TASKS; t++)
            if (answers[t] == NULL && (tasks_of(m[i]) >> t & 1)) answers[t] = rig_ask(m[i], NULL, 1 << t, 16, 1);
    for (int round = 0; round < ROUNDS; round++) {
        int to = 1 + roll(&dice, PARTS - 1), with = roll(&dice, PARTS);
        pwy_model *part = some_of(m[to], &dice), *now = round % 2 ? merged(part, m[with]) : merged(m[with], part);
        is_as_ever(now, answers);
        pwy_model_free(part);
        pwy_model_free(m[to]);
        m[to] = now;
    }
    for (int t = 0; t < R_TASKS; t++) free(answers[t]);
    for (int i = 0; i < PARTS; i++) pwy_model_free(m[i]);
}
END_TEST

/* The same name is not the same task; under another it comes along. */
START_TEST(of_one_name)
{
    pwy_model *twin = rig_added(base, BOTH, otherwise), *price = rig_sealed(open_base, "price", NULL);
    pwy_model *out = NULL, *other;
    FAILS(pwy_model_merge(two, twin, &out), PWY_E_EXISTS);
    SAYS("'both'");
    SAYS("digests differ");
    FAILS(pwy_model_merge(price, one, &out), PWY_E_EXISTS);
    SAYS("'words', sealed in the second alone");
    ck_assert_ptr_null(out);
    OK(pwy_model_rename(twin, "both", "again", &other));
    pwy_model *m = merged(two, other);
    rig_same_answers(m, NULL, BOTH, 16, both);
    rig_same_digest(m, "again", twin, "both");
    OK(pwy_model_check(m, NULL));
    pwy_model_free(m);
    pwy_model_free(other);
    pwy_model_free(price);
    pwy_model_free(twin);
}
END_TEST

START_TEST(what_cannot_be_merged)
{
    pwy_model *out = NULL, *other = rig_trained(rig_model(NULL, 1 << R_BYTES, NULL), "steps: 3, batch: 8, seed: 4"),
              *strange = rig_sealed(other, NULL, NULL);
    FAILS(pwy_model_merge(one, open_base, &out), PWY_E_STATE);
    SAYS("'words' is not sealed");
    FAILS(pwy_model_merge(one, strange, &out), PWY_E_ARGUMENT);
    SAYS("trunk.");
    ck_assert_ptr_null(out);
    pwy_model_free(strange);
    pwy_model_free(other);
}
END_TEST

/* What was made another way is told apart before any number is read, and by the word for it. */
START_TEST(of_another_shape)
{
    static const char *const shape[] = {
        "d: 16, layers: 2, heads: 4, experts: 4, topk: 2, hidden: 16, vocab: 300, window: 48",
        "d: 16, layers: 2, heads: 2, experts: 0, hidden: 16, vocab: 300, window: 48",
        RIG_SHAPE ", router: hash"};
    static const char *const says[] = {
        "'heads' is 2 in the first model and 4 in the second",
        "'experts' is more than 0 in the first model and 0 in the second",
        "'router' is topk in the first model and hash in the second"};
    for (int i = 0; i < 3; i++) {
        pwy_model *made = rig_trained(rig_model(NULL, 1 << R_BYTES, shape[i]), "steps: 3, batch: 8"), *out = NULL;
        pwy_model *strange = rig_sealed(made, NULL, NULL);
        FAILS(pwy_model_merge(one, strange, &out), PWY_E_ARGUMENT);
        SAYS(says[i]);
        ck_assert_ptr_null(out);
        pwy_model_free(strange);
        pwy_model_free(made);
    }
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("merge");
    TCase *t = tcase_create("merge");
    tcase_set_timeout(t, 240);
    tcase_add_unchecked_fixture(t, open_models, close_models);
    tcase_add_test(t, what_two_added_comes_together);
    tcase_add_test(t, clones_of_both_are_kept);
    tcase_add_test(t, merged_again_nothing_changes);
    tcase_add_test(t, three_of_them);
    tcase_add_test(t, with_a_part);
    tcase_add_test(t, both_brought_a_sense);
    tcase_add_test(t, a_second_stem_is_added_to);
    tcase_add_test(t, both_brought_texts);
    tcase_add_test(t, in_any_order);
    tcase_add_test(t, of_one_name);
    tcase_add_test(t, what_cannot_be_merged);
    tcase_add_test(t, of_another_shape);
    suite_add_tcase(s, t);
    return s;
}

int main(void)
{
    return run_suite(suite());
}

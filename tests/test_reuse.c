/* Which pathway an added task reuses, what of it is cloned, and that it starts as that pathway. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "model/model.h"
#include "train/probe.h"
#include "train/train.h"
#include "train/use.h"
#include "train_rig.h"
#include "suite.h"

enum { OLD = 1 << R_TEXT | 1 << R_TABLE | 1 << R_WRITE | 1 << R_IMAGE, ROWS = 12 };

static char said[4000];                 /* the line that says what is reused */
static pwy_context *ctx;
static pwy_model *sealed;

static void note(pwy_log_level level, const char *message, void *user)
{
    (void)level;
    (void)user;
    if (strstr(message, "reuses the pathway") != NULL) snprintf(said, sizeof said, "%s", message);
}

static pwy_model *seal(pwy_model *m)
{
    pwy_model *out;
    OK(pwy_model_seal(m, NULL, NULL, &out));
    pwy_model_free(m);
    return out;
}

static void open_models(void)
{
    OK(pwy_context_new(NULL, &ctx));
    OK(pwy_context_on_log(ctx, note, NULL, NULL));
    sealed = seal(rig_trained(rig_model(ctx, OLD, NULL), "steps: 40, batch: 16"));
}

static void close_models(void)
{
    pwy_model_free(sealed);
    pwy_context_free(ctx);
}

/* A task as one of the rig's, under another name. */
static pwy_status add_rows(pwy_model *m, int task, const char *name, pwy_source *s, const char *how, pwy_trainer **out)
{
    pwy_registry *r;
    pwy_task *t;
    pwy_options *o = rig_options(how);
    OK(pwy_registry_new(ctx, &r));
    OK(pwy_registry_add(r, name, rig_task[task].kind, &t));
    OK(pwy_task_add_part(t, rig_task[task].part, rig_task[task].sense));
    OK(pwy_task_set_source(t, PWY_TRAIN, s));
    pwy_status status = pwy_trainer_add(m, r, o, out);
    pwy_options_free(o);
    pwy_registry_free(r);
    return status;
}

static pwy_status add(pwy_model *m, int task, const char *name, const char *how, pwy_trainer **out)
{
    pwy_source *s = rig_source(ctx, task, 0, R_ROWS);
    pwy_status status = add_rows(m, task, name, s, how, out);
    pwy_source_free(s);
    return status;
}

static pwy_trainer *added(pwy_model *m, int task, const char *name, const char *how)
{
    pwy_trainer *t;
    said[0] = 0;
    OK(add(m, task, name, how, &t));
    return t;
}

static bool says_reuses(const char *task)
{
    char words[80];
    snprintf(words, sizeof words, "reuses the pathway of '%s'", task);
    return strstr(said, words) != NULL;
}

static void reuses(int task, const char *reuse, const char *want)
{
    char how[80];
    snprintf(how, sizeof how, "{steps: 1, batch: 8, add: {reuse: %s}}", reuse);
    pwy_trainer_free(added(sealed, task, "newcomer", how));
    ck_assert_msg(says_reuses(want), "%s by %s: %s", rig_task[task].name, reuse, said);
}

/* A name is taken at its word whatever the kinds, the senses too. */
START_TEST(by_name)
{
    static const int kinds[] = {R_TEXT, R_TABLE, R_WRITE, R_GO, R_SERIES};
    static const char *const names[] = {"words", "price", "reply"};
    for (int k = 0; k < 5; k++) {
        pwy_trainer *t;
        for (int i = 0; i < 3; i++) reuses(kinds[k], names[i], names[i]);
        FAILS(add(sealed, kinds[k], "newcomer", "{steps: 1, add: {reuse: wards}}", &t), PWY_E_NOT_FOUND);
        SAYS("'wards'");
    }
}
END_TEST

/* An unknown name is one where nothing can be reused too. */
START_TEST(by_name_without_pathways)
{
    pwy_model *open = rig_trained(rig_model(ctx, 1 << R_TEXT, NULL), "steps: 2, batch: 8");
    pwy_trainer *t;
    FAILS(add(open, R_GO, "newcomer", "{steps: 1, add: {reuse: words}}", &t), PWY_E_NOT_FOUND);
    SAYS("'words'");
    pwy_trainer_free(added(open, R_GO, "newcomer", "{steps: 1, add: {reuse: random}}"));
    ck_assert_msg(says_reuses("none"), "%s", said);
    pwy_model_free(open);
}
END_TEST

/* Every task that shares its sense is drawn by some seed, the same by the same. */
START_TEST(at_random)
{
    static const int kinds[] = {R_TEXT, R_GO};
    for (int k = 0; k < 2; k++) {
        int words = 0, reply = 0;
        for (int seed = 1; seed <= 12; seed++) {
            char how[80], before[sizeof said];
            snprintf(how, sizeof how, "{steps: 1, batch: 8, add: {reuse: random, seed: %d}}", seed);
            pwy_trainer_free(added(sealed, kinds[k], "newcomer", how));
            strcpy(before, said);
            words += says_reuses("words");
            reply += says_reuses("reply");
            pwy_trainer_free(added(sealed, kinds[k], "newcomer", how));
            ck_assert_str_eq(before, said);
        }
        ck_assert(words > 0 && reply > 0 && words + reply == 12);
    }
}
END_TEST

/* A pathway whose last norm is zero shows nothing of what it was given: no answer can be read off it. */
static void blind(pwy_model *m, const char *task)
{
    struct pw_net *net;
    OK(pw_model_net(m, task, &net));
    ck_assert(net->way != NULL && net->way->norm != NULL);
    memset(net->way->norm->w, 0, (size_t)net->way->norm->n * sizeof(real));
}

static pwy_model *grown(pwy_model *m, int task, const char *name)
{
    pwy_trainer *t = added(m, task, name, "{steps: 30, batch: 16}");
    pwy_model *out;
    OK(pwy_trainer_run(t));
    OK(pwy_trainer_model(t, &out));
    pwy_trainer_free(t);
    return out;
}

/* Two donors that learned the newcomer's answers, one of them blind, the first or the second: the other is chosen. */
static void best_of_two(int task)
{
    static const char *const names[] = {"one", "two"};
    for (int dark = 0; dark < 2; dark++) {
        pwy_model *open = rig_trained(rig_model(ctx, 1 << task, NULL), "steps: 20, batch: 16"),
                  *one = seal(grown(open, task, "one")), *two = seal(grown(one, task, "two")), *m;
        OK(pwy_model_forget(two, rig_task[task].name, &m));
        blind(m, names[dark]);
        pwy_trainer_free(added(m, task, "newcomer", "{steps: 1, batch: 8, add: {reuse: best}}"));
        ck_assert_msg(says_reuses(names[!dark]), "'%s' is blind: %s", names[dark], said);
        ck_assert_msg(strstr(said, "it explains 0.00") == NULL && strstr(said, "it explains -") == NULL, "%s", said);
        pwy_model_free(m);
        pwy_model_free(two);
        pwy_model_free(one);
        pwy_model_free(open);
    }
}

START_TEST(the_informative_one_is_best)
{
    reuses(R_WRITE, "best", "reply");
    best_of_two(R_TEXT);
    best_of_two(R_WRITE);
}
END_TEST

static double explains(void)
{
    const char *at = strstr(said, "it explains ");
    ck_assert_msg(at != NULL, "%s", said);
    return atof(at + strlen("it explains "));
}

/* Rows of which one in eight has another label, and nothing that tells which. */
static pwy_source *rows_by_chance(void)
{
    pwy_source *s;
    pwy_example *ex;
    OK(pwy_source_new(ctx, &s));
    OK(pwy_example_new(&ex));
    for (int64_t i = 0; i < R_ROWS; i++) {
        rig_row(R_TEXT, i, ex);
        OK(pwy_example_set_label(ex, (i * 5 + i / 8) % 8 == 0 ? "odd" : "even"));
        OK(pwy_source_append(s, ex));
    }
    pwy_example_free(ex);
    return s;
}

/* Fewer rows than features: what can be told is told, and of what cannot be nothing is explained, but not less. */
START_TEST(few_rows_are_enough)
{
    pwy_trainer *t;
    pwy_source *s = rows_by_chance();
    pwy_trainer_free(added(sealed, R_TEXT, "newcomer", "{steps: 1, batch: 8, add: {reuse: words}}"));
    ck_assert_msg(explains() > .5, "%s", said);
    OK(add_rows(sealed, R_TEXT, "newcomer", s, "{steps: 1, batch: 8, add: {reuse: words}}", &t));
    ck_assert_msg(fabs(explains()) < .1, "%s", said);
    pwy_trainer_free(t);
    pwy_source_free(s);
}
END_TEST

/* --- what is cloned --- */

/* The gates of the newcomer's rows on the way that it reused. */
static double **use_of(pwy_trainer *t, struct pw_net *donor, struct pw_net *net)
{
    struct pw_pathway *own = net->way;
    struct pw_infer *f;
    double **use, score;
    OK(pw_infer_open(t->model, NULL, 1, &f));
    OK(pw_use_new(t->model, &use));
    net->way = donor->way;
    OK(pw_probe(f, net, R_ROWS, use, &score));
    net->way = own;
    pw_infer_close(f);
    return use;
}

static bool lists(const struct pw_way_layer *l, int32_t expert)
{
    for (int i = 0; i < l->n; i++)
        if (l->expert[i] == expert) return true;
    return false;
}

/* One expert of the donor's is missing from the newcomer's lists, and none is used more. */
static void clones_most_used(int task)
{
    struct pw_net *donor, *net;
    char how[100];
    double most = -1, gone = -1;
    int n_gone = 0;
    snprintf(how, sizeof how, "{steps: 1, batch: 8, add: {reuse: %s, parameters: 200000, clones: 1}}", rig_task[task].name);
    pwy_trainer *t = added(sealed, task, "newcomer", how);
    OK(pw_model_net(t->model, rig_task[task].name, &donor));
    OK(pw_model_net(t->model, "newcomer", &net));
    double **use = use_of(t, donor, net);
    for (int l = 0; l < donor->way->layers; l++)
        for (int i = 0; i < donor->way->layer[l].n; i++) {
            int32_t e = donor->way->layer[l].expert[i];
            if (use[l][e] > most) most = use[l][e];
            if (lists(&net->way->layer[l], e)) continue;
            gone = use[l][e];
            n_gone++;
        }
    ck_assert_msg(n_gone == 1 && gone == most && most > 0, "%s: %d gone, %g of %g", rig_task[task].name, n_gone, gone, most);
    pw_use_free(t->model, use);
    pwy_trainer_free(t);
}

START_TEST(the_most_used_are_cloned)
{
    clones_most_used(R_TEXT);
    clones_most_used(R_WRITE);
    clones_most_used(R_IMAGE);
}
END_TEST

/* --- how it starts --- */

/* What the trunk makes of an example by a net, all of its rows. */
static real *rows_by(struct pw_infer *f, struct pw_net *net, int task, int64_t i, size_t *n)
{
    pwy_example *ex;
    OK(pwy_example_new(&ex));
    rig_row(task, i, ex);
    OK(pw_infer_run(f, net, (const pwy_example *const *)&ex, 1, true));
    *n = (size_t)f->batch.rows * (size_t)f->m->shape.d;
    real *out = malloc(*n * sizeof *out);
    memcpy(out, f->pass.out, *n * sizeof *out);
    pwy_example_free(ex);
    return out;
}

/* far: how much any number may differ; 0: the same bytes. */
static void same_rows(struct pw_infer *f, struct pw_net *donor, struct pw_net *net, int task, double far)
{
    for (int64_t i = 100; i < 100 + ROWS; i++) {
        size_t n, n_own;
        real *old = rows_by(f, donor, task, i, &n), *own = rows_by(f, net, task, i, &n_own);
        double worst = 0;
        ck_assert(n == n_own && n > 0);
        for (size_t k = 0; k < n; k++) worst = fmax(worst, fabs((double)old[k] - (double)own[k]));
        ck_assert_msg(worst <= far && (far > 0 || memcmp(old, own, n * sizeof *old) == 0), "%s, row %d: %g",
                      rig_task[task].name, (int)i, worst);
        free(old);
        free(own);
    }
}

static int experts(const pwy_model *m)
{
    return pw_trunk_experts(m->trunk, 0) + pw_trunk_experts(m->trunk, 1);
}

static void starts_as(pwy_model *m, int task, int clones, double far)
{
    char how[120];
    struct pw_infer *f;
    struct pw_net *donor, *net;
    snprintf(how, sizeof how, "{steps: 1, add: {reuse: %s, parameters: 300000, clones: %d, adapter: 5}}",
             rig_task[task].name, clones);
    pwy_trainer *t = added(m, task, "newcomer", how);
    OK(pw_model_net(t->model, rig_task[task].name, &donor));
    OK(pw_model_net(t->model, "newcomer", &net));
    OK(pw_infer_open(t->model, NULL, 1, &f));
    ck_assert(net->way->adapter == 5 && experts(t->model) == experts(m) + clones);
    ck_assert(memcmp(net->token->w, donor->token->w, (size_t)net->token->n * sizeof(real)) == 0);
    same_rows(f, donor, net, task, far);
    pw_infer_close(f);
    pwy_trainer_free(t);
}

/* Before its first step: adapters are no-ops, clones and all else copies. A clone stands last among the candidates, so
   where an answer is a sum over several experts its rounding may change; of one of two nothing does. */
START_TEST(it_starts_as_what_it_reuses)
{
    static const int tasks[] = {R_TEXT, R_WRITE, R_IMAGE};
    pwy_model *one = seal(rig_trained(rig_model(ctx, OLD, "d: 16, layers: 2, heads: 2, experts: 2, topk: 1, hidden: 16, "
                                                          "vocab: 300"), "steps: 20, batch: 16"));
    for (int i = 0; i < 3; i++) {
        for (int clones = 0; clones < 3; clones++) starts_as(one, tasks[i], clones, 0);
        starts_as(sealed, tasks[i], 0, 0);
        starts_as(sealed, tasks[i], 2, 1e-5);
    }
    pwy_model_free(one);
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("reuse");
    TCase *t = tcase_create("reuse");
    tcase_set_timeout(t, 240);
    tcase_add_unchecked_fixture(t, open_models, close_models);
    tcase_add_test(t, by_name);
    tcase_add_test(t, by_name_without_pathways);
    tcase_add_test(t, at_random);
    tcase_add_test(t, the_informative_one_is_best);
    tcase_add_test(t, few_rows_are_enough);
    tcase_add_test(t, the_most_used_are_cloned);
    tcase_add_test(t, it_starts_as_what_it_reuses);
    suite_add_tcase(s, t);
    return s;
}

int main(void)
{
    return run_suite(suite());
}

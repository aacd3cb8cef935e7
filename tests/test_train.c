/* Training: every parameter learns, what is asked is checked, bad rows are passed over, and something comes of it. */
#include "param_rig.h"
#include "train_rig.h"
#include <locale.h>
#include <signal.h>
#include "model/which.h"
#include "train/train.h"
#include "suite.h"

/* --- every parameter --- */

static bool moved(const struct pw_param *p)
{
    for (int64_t i = 0; i < p->n; i++)
        if (grad_at(p, i) != NULL && *grad_at(p, i) != 0) return true;
    return false;
}

START_TEST(every_parameter_has_a_gradient)
{
    pwy_model *m = rig_model(NULL, R_ALL, NULL);
    pwy_trainer *t = rig_trainer(m, "steps: 12, batch: 32, lr: 0.01");
    bool seen[1024] = {false};
    int done = 0;
    ck_assert_int_lt(t->model->params->n, 1024);
    while (!done) {
        OK(pwy_trainer_step(t, NULL, &done));
        for (int i = 0; i < t->model->params->n; i++)
            seen[i] = seen[i] || (pw_trains(t->model->params->list[i]) && moved(t->model->params->list[i]));
    }
    for (int i = 0; i < t->model->params->n; i++) {
        const struct pw_param *p = t->model->params->list[i];
        ck_assert_msg(seen[i] || p->kind == PW_CONST, "%s never had a gradient", p->name);
        ck_assert_msg(!seen[i] || p->kind != PW_CONST, "%s is constant, and had a gradient", p->name);
    }
    pwy_trainer_free(t);
    pwy_model_free(m);
}
END_TEST

/* The loss of the last of 200 steps. */
static double loss_after(pwy_model *m, const char *freeze)
{
    char options[256];
    int done = 0;
    double loss = NAN;
    snprintf(options, sizeof options, "steps: 200, batch: 8, seed: 2, lr: 0.003, freeze: [%s]", freeze);
    pwy_trainer *t = rig_trainer(m, options);
    while (!done) OK(pwy_trainer_step(t, &loss, &done));
    ck_assert_int_eq(pwy_trainer_steps(t), 200);
    pwy_trainer_free(t);
    return loss;
}

static void frozen_differs(pwy_model *m, const char *glob, double usual)
{
    ck_assert_msg(loss_after(m, glob) != usual, "freezing %s changes nothing", glob);
}

START_TEST(freezing_any_layer_changes_the_loss)
{
    static const char *const whole[] = {"trunk.0.*", "trunk.1.*", "trunk.*.router", "trunk.*.experts.*", "text*"};
    pwy_model *m = rig_model(NULL, 1 << R_TEXT | 1 << R_TABLE,
                             "d: 8, layers: 2, heads: 2, experts: 4, hidden: 8, vocab: 300");
    double usual = loss_after(m, "");
    ck_assert(isfinite(usual));
    ck_assert(loss_after(m, "") == usual);
    for (int i = 0; i < 5; i++) frozen_differs(m, whole[i], usual);
    for (int i = 0; i < m->params->n; i++)
        if (m->params->list[i]->kind != PW_CONST) frozen_differs(m, m->params->list[i]->name, usual);
    pwy_model_free(m);
}
END_TEST

/* Of the senses with larger stems: everything of the sense, and of the task. */
START_TEST(freezing_any_sense_changes_the_loss)
{
    static const int tasks[] = {R_BYTES, R_SERIES, R_AUDIO, R_IMAGE, R_TWO, R_WRITE};
    char glob[64];
    int task = tasks[_i], senses = 0;
    pwy_model *m = rig_model(NULL, 1 << task, "d: 8, layers: 1, heads: 2, experts: 2, topk: 1, hidden: 8, vocab: 300");
    double usual = loss_after(m, "");
    ck_assert(isfinite(usual));
    snprintf(glob, sizeof glob, "task/%s/*", rig_task[task].name);
    frozen_differs(m, glob, usual);
    snprintf(glob, sizeof glob, "%s*", task == R_TWO ? "image" : rig_task[task].sense);
    for (int i = 0; i < m->params->n; i++)
        senses += m->params->list[i]->kind != PW_CONST
               && strncmp(m->params->list[i]->name, glob, strlen(glob) - 1) == 0;
    if (senses > 0) frozen_differs(m, glob, usual);
    pwy_model_free(m);
}
END_TEST

START_TEST(what_is_frozen_stays)
{
    pwy_model *m = rig_model(NULL, R_QUICK, NULL);
    pwy_trainer *t = rig_trainer(m, "steps: 5, freeze: ['trunk.*.qkv', 'task/words/*']");
    OK(pwy_trainer_run(t));
    for (int i = 0; i < m->params->n; i++) {
        const struct pw_param *p = m->params->list[i], *now = pw_params_find(t->model->params, p->name);
        bool frozen = strstr(p->name, ".qkv") != NULL || strncmp(p->name, "task/words/", 11) == 0;
        bool equal = true, moves = p->kind != PW_CONST || pw_which_owns(p->name);
        for (int64_t j = 0; j < p->n; j++) equal = equal && *weight_at(p, j) == *weight_at(now, j);
        ck_assert_msg(equal == (frozen || !moves), "%s", p->name);
    }
    pwy_trainer_free(t);
    pwy_model_free(m);
}
END_TEST

/* Of the tasks only those that were named learn: what the others have of their own stays, while the trunk moves. */
START_TEST(only_named_tasks_learn)
{
    pwy_model *m = rig_trained(rig_model(NULL, R_QUICK, NULL), "steps: 4, batch: 8"), *then;
    pwy_trainer *t = rig_trainer(m, "{steps: 6, batch: 8, tasks: [words]}");
    bool trunk = false, mine = false;
    OK(pwy_trainer_run(t));
    OK(pwy_trainer_model(t, &then));
    for (int i = 0; i < m->params->n; i++) {
        const struct pw_param *p = m->params->list[i], *now = pw_params_find(then->params, p->name);
        bool equal = true;
        for (int64_t j = 0; j < p->n; j++) equal = equal && *weight_at(p, j) == *weight_at(now, j);
        ck_assert_msg(equal || (strncmp(p->name, "task/price/", 11) != 0 && strncmp(p->name, "task/both/", 10) != 0),
                      "%s moved", p->name);
        trunk = trunk || (!equal && strncmp(p->name, "trunk.", 6) == 0);
        mine = mine || (!equal && strncmp(p->name, "task/words/", 11) == 0);
    }
    ck_assert(trunk && mine);
    char *json;
    OK(pwy_model_describe(then, &json));
    ck_assert_ptr_nonnull(strstr(json, "\"tasks\":[\"words\"]"));
    pwy_text_free(json);
    pwy_model_free(then);
    pwy_trainer_free(t);
    pwy_model_free(m);
}
END_TEST

START_TEST(tasks_that_cannot_learn)
{
    static const struct { const char *options, *says; pwy_status status; } bad[] = {
        {"{steps: 1, tasks: [wurds]}", "words", PWY_E_NOT_FOUND}, {"{steps: 1, tasks: []}", "a list", PWY_E_ARGUMENT},
        {"{steps: 1, tasks: words}", "a list", PWY_E_ARGUMENT}, {"{steps: 1, tasks: [[words]]}", "name", PWY_E_ARGUMENT},
        {"{steps: 1, tasks: [price]}", "task 'price': it is sealed", PWY_E_STATE}};
    pwy_model *m = rig_trained(rig_model(NULL, R_QUICK, NULL), "steps: 2, batch: 8"), *sealed;
    pwy_trainer *t = NULL;
    OK(pwy_model_seal(m, "price", NULL, &sealed));
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        pwy_options *o = rig_options(bad[i].options);
        FAILS(pwy_trainer_new(sealed, o, &t), bad[i].status);
        SAYS(bad[i].says);
        pwy_options_free(o);
    }
    ck_assert_ptr_null(t);
    pwy_model_free(sealed);
    pwy_model_free(m);
}
END_TEST

/* A sealed expert is never written, has no gradient and no moments; nor has one that nothing reaches. */
START_TEST(locked_experts_stay)
{
    pwy_model *m = rig_model(NULL, R_QUICK, NULL);
    pwy_trainer *t = rig_trainer(m, "steps: 6");
    int moved_ones = 0;
    for (int i = 0; i < t->model->params->n; i++)
        for (int64_t e = 0; t->model->params->list[i]->slice != NULL && e < m->shape.experts; e += 2)
            t->model->params->list[i]->slice[e].locked = true;
    OK(pwy_trainer_run(t));
    for (int i = 0; i < m->params->n; i++) {
        const struct pw_param *p = m->params->list[i], *now = t->model->params->list[i];
        for (int64_t e = 0; p->slice != NULL && e < p->groups; e++) {
            size_t bytes = (size_t)pw_param_group_size(p) * sizeof(real);
            bool equal = memcmp(pw_param_group(p, e), pw_param_group(now, e), bytes) == 0;
            ck_assert_msg(equal == (t->adamw.of[i].slot[e].m == NULL), "%s %d", p->name, (int)e);
            ck_assert_msg(e % 2 == 1 || (equal && now->slice[e].g == NULL), "%s %d", p->name, (int)e);
            moved_ones += !equal;
        }
    }
    ck_assert_int_gt(moved_ones, 0);
    pwy_trainer_free(t);
    pwy_model_free(m);
}
END_TEST

/* One step's gradient, and the loads behind it, within rounding of those of one pass; more parts than rows too. */
static void check_accumulated(pwy_model *m, int parts)
{
    char options[100];
    double loss[2];
    snprintf(options, sizeof options, "steps: 4, batch: 16, accumulate: %d", parts);
    pwy_trainer *whole = rig_trainer(m, "steps: 4, batch: 16"), *cut = rig_trainer(m, options);
    OK(pwy_trainer_step(whole, &loss[0], NULL));
    OK(pwy_trainer_step(cut, &loss[1], NULL));
    ck_assert_double_eq_tol(loss[0], loss[1], 1e-5);
    for (int i = 0; i < m->params->n; i++) {
        const struct pw_param *a = whole->model->params->list[i], *b = cut->model->params->list[i];
        double most = 1e-7;
        for (int64_t j = 0; j < a->n; j++) most = grad_at(a, j) != NULL ? fmax(most, fabs((double)*grad_at(a, j))) : most;
        for (int64_t j = 0; j < a->n; j++) {
            ck_assert_msg((grad_at(a, j) == NULL) == (grad_at(b, j) == NULL), "%s", a->name);
            if (grad_at(a, j) != NULL)
                ck_assert_msg(fabs((double)(*grad_at(a, j) - *grad_at(b, j))) <= 2e-4 * most, "%s[%d]: %g, in parts %g, of %g",
                              a->name, (int)j, (double)*grad_at(a, j), (double)*grad_at(b, j), most);
        }
    }
    for (int l = 0; l < m->shape.layers; l++)
        for (int e = 0; e < m->shape.experts; e++)
            ck_assert_double_eq_tol(pw_trunk_load(whole->model->trunk, l)[e], pw_trunk_load(cut->model->trunk, l)[e], 1e-12);
    pwy_trainer_free(whole);
    pwy_trainer_free(cut);
}

START_TEST(parts_add_up_to_the_whole)
{
    pwy_model *m = rig_model(NULL, R_QUICK, "d: 16, layers: 2, heads: 2, experts: 4, hidden: 8, vocab: 300, balance: 1, zloss: 0.1");
    check_accumulated(m, 2);
    check_accumulated(m, 5);
    check_accumulated(m, 40);
    pwy_model_free(m);
}
END_TEST

/* --- options --- */

static void bad_run(pwy_model *m, const char *train, pwy_status status, const char *says)
{
    pwy_options *o = rig_options(train);
    pwy_trainer *t = NULL;
    pwy_status got = pwy_trainer_new(m, o, &t);
    ck_assert_msg(got == status, "%s gave %s (%s)", train, pwy_status_name(got), pwy_error_message());
    SAYS(says);
    ck_assert_ptr_null(t);
    pwy_options_free(o);
}

START_TEST(bad_options)
{
    pwy_model *m = rig_model(NULL, 1 << R_TEXT, NULL);
    bad_run(m, "stpes: 5", PWY_E_ARGUMENT, "steps");
    bad_run(m, "steps: 0", PWY_E_ARGUMENT, "steps");
    bad_run(m, "minutes: 0", PWY_E_ARGUMENT, "minutes");
    bad_run(m, "epochs: 0", PWY_E_ARGUMENT, "epochs");
    bad_run(m, "steps: 5, minutes: 1", PWY_E_ARGUMENT, "exclude");
    bad_run(m, "plan: [[0, 5]]", PWY_E_ARGUMENT, "plan");
    bad_run(m, "steps: 5, plan: [[1, 5]]", PWY_E_ARGUMENT, "plan");
    bad_run(m, "steps: 5, plan: 3", PWY_E_ARGUMENT, "plan");
    bad_run(m, "lr: nan", PWY_E_ARGUMENT, "lr");
    bad_run(m, "lr: -1", PWY_E_ARGUMENT, "lr");
    bad_run(m, "batch: 0", PWY_E_ARGUMENT, "batch");
    bad_run(m, "threads: 100000", PWY_E_ARGUMENT, "threads");
    bad_run(m, "dtype: f16", PWY_E_UNSUPPORTED, "f16");
    bad_run(m, "freeze: trunk", PWY_E_ARGUMENT, "list");
    bad_run(m, "accumulate: 0", PWY_E_ARGUMENT, "accumulate");
    bad_run(m, "optimizer: sgd", PWY_E_ARGUMENT, "adafactor");
    bad_run(m, "freeze: [trunk.9.*]", PWY_E_NOT_FOUND, "trunk.9.*");
    bad_run(m, "temperature: 0", PWY_E_ARGUMENT, "temperature");
    pwy_model_free(m);
}
END_TEST

START_TEST(nothing_given)
{
    pwy_trainer *t = NULL;
    pwy_model *m = NULL;
    char *plan;
    FAILS(pwy_trainer_new(NULL, NULL, &t), PWY_E_ARGUMENT);
    FAILS(pwy_trainer_run(NULL), PWY_E_ARGUMENT);
    FAILS(pwy_trainer_step(NULL, NULL, NULL), PWY_E_ARGUMENT);
    FAILS(pwy_trainer_model(NULL, &m), PWY_E_ARGUMENT);
    FAILS(pwy_trainer_save(NULL, "x"), PWY_E_ARGUMENT);
    FAILS(pwy_trainer_open(NULL, "x", NULL, &t), PWY_E_ARGUMENT);
    FAILS(pwy_trainer_plan(NULL, &plan), PWY_E_ARGUMENT);
    FAILS(pwy_trainer_on_progress(NULL, NULL, NULL, NULL), PWY_E_ARGUMENT);
    ck_assert_int_eq(pwy_trainer_steps(NULL), 0);
    ck_assert_int_eq(pwy_trainer_bad_rows(NULL), 0);
    ck_assert(isnan(pwy_progress_loss(NULL)));
    pwy_trainer_cancel(NULL);
    pwy_trainer_free(NULL);
    ck_assert(t == NULL && m == NULL);
}
END_TEST

START_TEST(a_model_from_a_file_has_no_rows)
{
    pwy_model *m = rig_model(NULL, 1 << R_TEXT, NULL), *opened;
    struct bytes b = rig_bytes(m);
    pwy_trainer *t = NULL;
    OK(pwy_model_open_memory(NULL, b.data, b.len, &opened));
    OK(pwy_trainer_new(opened, NULL, &t));
    FAILS(pwy_trainer_run(t), PWY_E_STATE);
    SAYS("training rows");
    pwy_trainer_free(t);
    free(b.data);
    pwy_model_free(m);
    pwy_model_free(opened);
}
END_TEST

/* --- progress --- */

struct seen { int calls; double share; };

static int look(const pwy_progress *p, void *user)
{
    struct seen *s = user;
    s->calls++;
    ck_assert(pwy_progress_share(p) >= s->share && pwy_progress_share(p) <= 1);
    s->share = pwy_progress_share(p);
    ck_assert(pwy_progress_seconds(p) >= 0);
    ck_assert(isfinite(pwy_progress_loss(p)));
    ck_assert_int_eq(pwy_progress_task_count(p), 3);
    ck_assert_int_eq(pwy_progress_candidates(p), 0);
    ck_assert_str_eq(pwy_progress_task_name(p, 0), "words");
    ck_assert_ptr_null(pwy_progress_task_name(p, 3));
    ck_assert(isnan(pwy_progress_task_score(p, -1)));
    ck_assert(strcmp(pwy_progress_phase(p), "train") == 0 || strcmp(pwy_progress_phase(p), "choose") == 0);
    return 0;
}

static void count_end(void *user)
{
    ++*(int *)user;
}

START_TEST(progress_is_told)
{
    struct seen seen = {0, 0};
    pwy_model *m = rig_model(NULL, R_QUICK, NULL);
    pwy_trainer *t = rig_trainer(m, "steps: 20");
    OK(pwy_trainer_on_progress(t, look, &seen, NULL));
    OK(pwy_trainer_run(t));
    ck_assert_int_gt(seen.calls, 0);
    ck_assert_double_eq_tol(seen.share, 1, 1e-9);
    pwy_trainer_free(t);
    pwy_model_free(m);
}
END_TEST

START_TEST(callbacks_end_once)
{
    int ended = 0;
    pwy_model *m = rig_model(NULL, 1 << R_TEXT, NULL);
    pwy_trainer *t = rig_trainer(m, "steps: 2");
    FAILS(pwy_trainer_on_progress(NULL, look, &ended, count_end), PWY_E_ARGUMENT);
    ck_assert_int_eq(ended, 1);
    OK(pwy_trainer_on_progress(t, look, &ended, count_end));
    OK(pwy_trainer_on_progress(t, NULL, &ended, count_end));
    ck_assert_int_eq(ended, 2);
    pwy_trainer_free(t);
    ck_assert_int_eq(ended, 3);
    pwy_model_free(m);
}
END_TEST

/* --- bad rows --- */

struct log { int skipped; char last[512]; };

static void keep_log(pwy_log_level level, const char *message, void *user)
{
    struct log *log = user;
    (void)level;
    if (strstr(message, "skipped") == NULL) return;
    log->skipped++;
    snprintf(log->last, sizeof log->last, "%s", message);
}

static pwy_context *logging(struct log *log)
{
    pwy_context *ctx;
    memset(log, 0, sizeof *log);
    OK(pwy_context_new(NULL, &ctx));
    OK(pwy_context_on_log(ctx, keep_log, log, NULL));
    return ctx;
}

/* A table of 60 good rows, then these. */
static const char *table_with(const char *rows)
{
    const char *path = in_folder("rows.csv");
    FILE *f = fopen(path, "w");
    fprintf(f, "label,text\n");
    for (int i = 0; i < 60; i++)
        fprintf(f, "%s,%s %d\n", i % 2 ? "bad" : "good", i % 2 ? "awful thing" : "fine day", i);
    fputs(rows, f);
    fclose(f);
    return path;
}

static pwy_model *table_model(pwy_context *ctx, const char *path, bool fixed)
{
    pwy_registry *r;
    pwy_task *t;
    pwy_model *m;
    pwy_options *o = rig_options(RIG_SHAPE);
    OK(pwy_registry_new(ctx, &r));
    OK(pwy_registry_add(r, "mood", PWY_CLASSIFY, &t));
    OK(pwy_task_add_part(t, "text", "text"));
    if (fixed) OK(pwy_task_add_label(t, "good"));
    if (fixed) OK(pwy_task_add_label(t, "bad"));
    OK(pwy_task_read(t, PWY_TRAIN, path, "label", NULL));
    pwy_source *valid = NULL;
    OK(pwy_source_new(ctx, &valid));
    OK(pwy_task_set_source(t, PWY_VALID, valid));
    pwy_source_free(valid);
    OK(pwy_model_new(r, o, &m));
    pwy_options_free(o);
    pwy_registry_free(r);
    return m;
}

static void resumed_count(const char *name, int64_t bad)
{
    pwy_registry *r;
    pwy_task *task;
    pwy_trainer *t;
    OK(pwy_registry_new(NULL, &r));
    OK(pwy_registry_add(r, "mood", PWY_CLASSIFY, &task));
    OK(pwy_task_add_part(task, "text", "text"));
    OK(pwy_task_read(task, PWY_TRAIN, in_folder("rows.csv"), "label", NULL));
    OK(pwy_trainer_open(r, in_folder(name), NULL, &t));
    ck_assert_int_eq(pwy_trainer_bad_rows(t), bad);
    pwy_trainer_free(t);
    pwy_registry_free(r);
}

START_TEST(bad_rows_are_skipped_and_counted_once)
{
    static const char rows[] = "maybe,what is this\ngood,\nbad\nmaybe,what else\n";      /* 2 labels, a text, a field */
    struct log log;
    pwy_context *ctx = logging(&log);
    pwy_model *m = table_model(ctx, table_with(rows), true);
    pwy_trainer *t = rig_trainer(m, "epochs: 5, batch: 16, max_bad_rows: 4");
    log.skipped = 0;
    OK(pwy_trainer_run(t));
    ck_assert_int_eq(pwy_trainer_bad_rows(t), 4);
    ck_assert_int_eq(log.skipped, 4);
    ck_assert_msg(strstr(log.last, "rows.csv:6") != NULL, "'%s' names no line", log.last);
    ck_assert_ptr_nonnull(strstr(log.last, "mood"));
    OK(pwy_trainer_save(t, in_folder("bad")));
    pwy_trainer_free(t);
    resumed_count("bad", 4);
    t = rig_trainer(m, "epochs: 5, batch: 16, max_bad_rows: 3");
    FAILS(pwy_trainer_run(t), PWY_E_LIMIT);
    SAYS("max_bad_rows");
    SAYS("rows.csv:6");
    pwy_trainer_free(t);
    pwy_model_free(m);
    pwy_context_free(ctx);
}
END_TEST

static pwy_status any_row(int64_t i, pwy_example *ex, void *user)
{
    int kind = *(int *)user;
    if (i % 10 != 7 || kind == 0) {
        rig_parts(kind == 3 ? R_IMAGE : kind == 2 ? R_TABLE : R_TEXT, i, ex);
        rig_target(kind == 3 ? R_IMAGE : kind == 2 ? R_TABLE : R_TEXT, i, ex);
        return PWY_OK;
    }
    if (kind == 1) return pwy_example_set_text(ex, "message", "", 0);
    if (kind == 2) return pwy_example_set_number(ex, NAN);
    if (kind == 3) return pwy_example_set_image(ex, "picture", (const uint8_t *)"", 0, 0, 1);
    if (kind == 4) return PWY_E_DATA;
    return PWY_E_CALLBACK;
}

/* Of 50 rows every tenth is bad in one way. */
static pwy_trainer *spoiled_trainer(int *kind, pwy_context *ctx)
{
    pwy_registry *r;
    pwy_task *t;
    pwy_source *s;
    int task = *kind == 3 ? R_IMAGE : *kind == 2 ? R_TABLE : R_TEXT, real_kind = *kind;
    pwy_options *o = rig_options("d: 8, layers: 1, heads: 2, experts: 2, topk: 1, vocab: 300");
    pwy_options *plain = rig_options("trees: false");
    OK(pwy_registry_new(ctx, &r));
    OK(pwy_registry_add(r, rig_task[task].name, rig_task[task].kind, &t));
    OK(pwy_task_add_part_with(t, rig_task[task].part, rig_task[task].sense, task == R_TABLE ? plain : NULL));
    OK(pwy_source_from_function(ctx, 50, any_row, kind, NULL, &s));
    OK(pwy_task_set_source(t, PWY_TRAIN, s));
    if (*kind == 5) *kind = 0;
    pwy_model *m;
    OK(pwy_model_new(r, o, &m));
    *kind = real_kind;
    pwy_trainer *trainer = rig_trainer(m, "epochs: 3, batch: 10, max_bad_rows: 5");
    pwy_model_free(m);
    pwy_registry_free(r);
    pwy_source_free(s);
    pwy_options_free(o);
    pwy_options_free(plain);
    return trainer;
}

START_TEST(rows_bad_in_every_way)
{
    struct log log;
    int kind = _i;
    pwy_context *ctx = logging(&log);
    pwy_trainer *t = spoiled_trainer(&kind, ctx);
    if (kind == 5) FAILS(pwy_trainer_run(t), PWY_E_CALLBACK);
    else OK(pwy_trainer_run(t));
    if (kind < 5) ck_assert_int_le(pwy_trainer_bad_rows(t), 5);
    if (kind > 0 && kind < 5) ck_assert_int_ge(pwy_trainer_bad_rows(t), 3);
    pwy_trainer_free(t);
    pwy_context_free(ctx);
}
END_TEST

/* --- the host's surroundings --- */

START_TEST(the_pool_takes_no_signals)
{
    pwy_model *m = rig_model(NULL, 1 << R_TEXT, NULL);
    pwy_trainer *t = rig_trainer(m, "steps: 3, threads: 3");
    DIR *d = opendir("/proc/self/task");
    int threads = 0;
    OK(pwy_trainer_run(t));
    for (struct dirent *e; (e = readdir(d)) != NULL;) {
        char path[300], line[256];
        unsigned long long blocked = 0;
        if (e->d_name[0] == '.' || atoi(e->d_name) == getpid()) continue;
        snprintf(path, sizeof path, "/proc/self/task/%s/comm", e->d_name);
        FILE *f = fopen(path, "r");
        ck_assert_ptr_nonnull(fgets(line, sizeof line, f));
        fclose(f);
        if (strcmp(line, "pathways\n") != 0) continue;
        snprintf(path, sizeof path, "/proc/self/task/%s/status", e->d_name);
        f = fopen(path, "r");
        while (fgets(line, sizeof line, f) != NULL) sscanf(line, "SigBlk: %llx", &blocked);
        fclose(f);
        ck_assert_msg((blocked >> (SIGINT - 1) & 1) && (blocked >> (SIGTERM - 1) & 1) && (blocked >> (SIGALRM - 1) & 1),
                      "a thread takes signals: %llx", blocked);
        threads++;
    }
    closedir(d);
    ck_assert_int_eq(threads, 2);
    pwy_trainer_free(t);
    pwy_model_free(m);
}
END_TEST

START_TEST(a_locale_with_commas)
{
    struct bytes usual = trained(R_QUICK, "steps: 4, lr: 0.015");
    const char *set = setlocale(LC_ALL, "de_DE.UTF-8");
    if (set == NULL) set = setlocale(LC_ALL, "de_DE");
    if (set != NULL) {
        struct bytes german = trained(R_QUICK, "steps: 4, lr: 0.015");
        rig_same(usual, german);
        pwy_model *m;
        OK(pwy_model_open_memory(NULL, german.data, german.len, &m));
        struct bytes again = rig_bytes(m);
        same(german, again);
        pwy_model_free(m);
    }
    setlocale(LC_ALL, "C");
    free(usual.data);
}
END_TEST

/* --- it learns --- */

static double score_of(pwy_model *m, int task, double *baseline)
{
    pwy_session *s = rig_session(m, NULL);
    pwy_source *rows = rig_source(NULL, task, 300, 340);
    pwy_score *score;
    OK(pwy_session_evaluate(s, rig_task[task].name, rows, 0, &score));
    double value = pwy_score_value(score);
    if (baseline != NULL) *baseline = pwy_score_baseline(score);
    pwy_score_free(score);
    pwy_source_free(rows);
    pwy_session_free(s);
    return value;
}

START_TEST(classes_and_numbers_are_learned)
{
    double baseline;
    pwy_model *m = rig_trained(rig_model(NULL, R_QUICK, NULL), "steps: 150, batch: 24, lr: 0.01");
    ck_assert_double_ge(score_of(m, R_TEXT, NULL), .95);
    ck_assert_double_ge(score_of(m, R_TWO, NULL), .8);
    double rmse = score_of(m, R_TABLE, &baseline);
    ck_assert_msg(rmse < baseline / 2, "rmse %g, of the mean %g", rmse, baseline);
    pwy_model_free(m);
}
END_TEST

/* Bits a byte of a text by its own letters' shares. */
static double order0(const char *text)
{
    double n = (double)strlen(text), bits = 0;
    int count[256] = {0};
    for (const char *c = text; *c != 0; c++) count[(unsigned char)*c]++;
    for (int i = 0; i < 256; i++)
        if (count[i] > 0) bits -= count[i] / n * log2(count[i] / n);
    return bits;
}

START_TEST(a_text_is_learned_and_written)
{
    pwy_model *m = rig_trained(rig_model(NULL, 1 << R_GO | 1 << R_WRITE, NULL), "steps: 200, batch: 16, lr: 0.01");
    pwy_example *ex;
    pwy_result *r;
    double bits = score_of(m, R_GO, NULL);
    ck_assert_msg(bits < .5 * order0("the cat sat on the mat and the cat sat"), "%g bits a byte", bits);
    pwy_session *s = rig_session(m, "max_new: 8");
    OK(pwy_example_new(&ex));
    for (int i = 0; i < 2; i++) {
        pwy_example_clear(ex);
        rig_parts(R_WRITE, i, ex);
        OK(pwy_session_predict(s, "reply", ex, &r));
        ck_assert_str_eq(pwy_result_text(r), i ? "no!" : "yes");
        pwy_result_free(r);
    }
    pwy_example_clear(ex);
    OK(pwy_example_set_text(ex, "text", "the cat sat on the", -1));
    OK(pwy_session_predict(s, "story", ex, &r));
    ck_assert_msg(strncmp(pwy_result_text(r), " mat and the cat", 10) == 0, "it wrote '%s'", pwy_result_text(r));
    pwy_result_free(r);
    pwy_example_free(ex);
    pwy_session_free(s);
    pwy_model_free(m);
}
END_TEST

static void add_asked(TCase *t)
{
    tcase_add_test(t, bad_options);
    tcase_add_test(t, nothing_given);
    tcase_add_test(t, a_model_from_a_file_has_no_rows);
    tcase_add_test(t, progress_is_told);
    tcase_add_test(t, callbacks_end_once);
    tcase_add_test(t, bad_rows_are_skipped_and_counted_once);
    tcase_add_loop_test(t, rows_bad_in_every_way, 0, 6);
    tcase_add_test(t, the_pool_takes_no_signals);
    tcase_add_test(t, a_locale_with_commas);
}

static Suite *suite(void)
{
    Suite *s = suite_create("train");
    TCase *t = add_case(s, "parameters");
    tcase_add_test(t, every_parameter_has_a_gradient);
    tcase_add_test(t, freezing_any_layer_changes_the_loss);
    tcase_add_loop_test(t, freezing_any_sense_changes_the_loss, 0, 6);
    tcase_add_test(t, what_is_frozen_stays);
    tcase_add_test(t, only_named_tasks_learn);
    tcase_add_test(t, tasks_that_cannot_learn);
    tcase_add_test(t, locked_experts_stay);
    tcase_add_test(t, parts_add_up_to_the_whole);
    add_asked(add_case(s, "what is asked and given"));
    t = add_case(s, "learning");
    tcase_add_test(t, classes_and_numbers_are_learned);
    tcase_add_test(t, a_text_is_learned_and_written);
    return s;
}

int main(void)
{
    return run_suite(suite());
}

/* A run: how it begins, goes on, reports, ends. */
#include "base/num.h"
#include "file/model_file.h"
#include "train/add.h"
#include "train/narrow.h"
#include "route/record.h"
#include "route/tape.h"
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FIELD(name, type, min, max) {#name, type, offsetof(struct pw_train_options, name), min, max}
const struct pw_option pw_train_table[] = {
    FIELD(minutes, PW_OPT_NUMBER, 1e-6, 1e6), FIELD(epochs, PW_OPT_NUMBER, 1e-6, 1e6),
    FIELD(steps, PW_OPT_INT, 1, 1e12),
    FIELD(seed, PW_OPT_INT, 0, 9e15), FIELD(threads, PW_OPT_INT, 1, 1024), FIELD(batch, PW_OPT_INT, 1, 65536),
    FIELD(chunk, PW_OPT_INT, 1, 65536), FIELD(lr, PW_OPT_NUMBER, 0, 10),
    FIELD(learn_lr, PW_OPT_NUMBER, 0, 10), FIELD(warmup, PW_OPT_NUMBER, 0, .9),
    FIELD(temperature, PW_OPT_NUMBER, .1, 1e6), FIELD(clip, PW_OPT_NUMBER, 0, 1e6),
    FIELD(weight_decay, PW_OPT_NUMBER, 0, 10), FIELD(dropout, PW_OPT_NUMBER, 0, .95),
    FIELD(max_bad_rows, PW_OPT_INT, 0, 1e15), FIELD(dtype, PW_OPT_TEXT, 0, 0), FIELD(checkpoint, PW_OPT_TEXT, 0, 0),
    FIELD(optimizer, PW_OPT_TEXT, 0, 0), FIELD(accumulate, PW_OPT_INT, 1, 65536), FIELD(recompute, PW_OPT_FLAG, 0, 0),
    FIELD(plan, PW_OPT_NODE, 0, 0), FIELD(freeze, PW_OPT_NODE, 0, 0), FIELD(add, PW_OPT_NODE, 0, 0),
    FIELD(tasks, PW_OPT_NODE, 0, 0), FIELD(candidates, PW_OPT_INT, 0, 65536),
    FIELD(narrow, PW_OPT_NUMBER, 1e-6, 1 - 1e-6), {0}};

/* Of tasks that are added, where no length is given. */
enum { ADDED_EPOCHS = 10, ADDED_LEAST = 400, ADDED_MOST = 4000 };

double pw_clock(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

/* --- options --- */

static pwy_status check_options(const struct pw_node *given, struct pw_train_options *o)
{
    int ways = (pw_node_get(given, "minutes") != NULL) + (pw_node_get(given, "steps") != NULL)
             + (pw_node_get(given, "epochs") != NULL);
    if (ways > 1)
        return pw_node_fail(given, PWY_E_ARGUMENT,
                            "train: minutes, steps and epochs exclude each other; one of them would be right");
    if (o->plan != NULL && o->steps == 0)
        return pw_node_fail(o->plan, PWY_E_ARGUMENT,
                            "train: plan goes with steps, as the run that made it reported them");
    if (o->dtype != NULL && strcmp(o->dtype, "f32") != 0 && strcmp(o->dtype, "bf16") != 0)
        return pw_node_fail(pw_node_get(given, "dtype"), PWY_E_UNSUPPORTED,
                            "train: dtype '%s'; training is in f32 or bf16", o->dtype);
    if (o->optimizer != NULL && strcmp(o->optimizer, "adamw") != 0 && strcmp(o->optimizer, "adafactor") != 0)
        return pw_node_fail(pw_node_get(given, "optimizer"), PWY_E_ARGUMENT,
                            "train: optimizer '%s'; adamw or adafactor would be right", o->optimizer);
    if (o->freeze != NULL && o->freeze->kind != PW_LIST)
        return pw_node_fail(o->freeze, PWY_E_ARGUMENT, "train: freeze is a list of parameter names");
    if (o->tasks != NULL && (o->tasks->kind != PW_LIST || o->tasks->n == 0))
        return pw_node_fail(o->tasks, PWY_E_ARGUMENT, "train: tasks is a list of the names of those that learn");
    if (o->candidates == 0 && pw_node_get(given, "narrow") != NULL)
        return pw_node_fail(pw_node_get(given, "narrow"), PWY_E_ARGUMENT, "train: narrow goes with candidates, the "
                            "number of experts that each task has from then on");
    if (ways == 0 && o->plan == NULL) o->minutes = 5;
    if (o->chunk == 0) o->chunk = o->batch >= 64 ? 8 : (o->batch + 7) / 8;
    return PWY_OK;
}

static bool by_adafactor(const struct pw_train_options *o)
{
    return o->optimizer != NULL && strcmp(o->optimizer, "adafactor") == 0;
}

/* What a task that is added trains is little, and stands on what does not move: it takes, and needs, larger steps. */
static double usual_rate(const struct pwy_trainer *t)
{
    return by_adafactor(&t->o) || t->first > 0 ? 1e-2 : 2e-3;
}

static pwy_status read_options(struct pwy_trainer *t, const struct pw_node *options)
{
    t->o = (struct pw_train_options){.seed = 1, .threads = t->model->ctx->threads, .batch = 64,
                                     .warmup = .05, .accumulate = 1, .narrow = .3,
                                     .temperature = 2, .clip = 1, .weight_decay = .05, .max_bad_rows = 100};
    if (options == NULL) PW_NEED(t->given = pw_node_new(PW_MAP));
    else PW_NEED(t->given = pw_node_copy(options));
    PW_TRY(pw_options_read(t->given, "train", pw_train_table, &t->o));
    if (pw_node_get(t->given, "lr") == NULL) t->o.lr = usual_rate(t);
    if (by_adafactor(&t->o) && pw_node_get(t->given, "weight_decay") == NULL) t->o.weight_decay = -1;
    if (pw_node_get(t->given, "learn_lr") == NULL) t->o.learn_lr = .1 * t->o.lr;
    return check_options(t->given, &t->o);
}

pwy_status pw_trainer_check(const struct pw_node *options)
{
    struct pw_train_options o = {.batch = 1};
    pwy_status status = pw_options_read(options, "train", pw_train_table, &o);
    if (status == PWY_OK) status = check_options(options, &o);
    pw_options_release(pw_train_table, &o);
    return status;
}

/* So many passes over the rows of all tasks that learn, in steps. */
static double passes(const struct pwy_trainer *t, double epochs)
{
    double rows = 0;
    for (int i = 0; i < t->model->registry->n; i++)
        if (t->run[i].drawn)
            rows += (double)pw_registry_at(t->model->registry, i)->source[PWY_TRAIN]->n;
    return ceil(epochs * rows / (double)t->o.batch);
}

/* Steps that a run by epochs or steps has; 0: by minutes. */
static int64_t steps_of(const struct pwy_trainer *t)
{
    return t->o.epochs == 0 ? t->o.steps : (int64_t)passes(t, t->o.epochs);
}

/* A writing task's rows are documents, however long. */
static bool one_writes(const struct pwy_trainer *t)
{
    for (int i = 0; i < t->model->registry->n; i++)
        if (t->run[i].drawn && !pw_registry_at(t->model->registry, i)->head->reads_out) return true;
    return false;
}

/* Of tasks that are added for no given time; 0: no bound. They have little to learn: docs/results.md. */
static int64_t enough_steps(const struct pwy_trainer *t)
{
    if (t->first == 0 || pw_node_get(t->given, "minutes") != NULL || one_writes(t)) return 0;
    return (int64_t)fmin(fmax(passes(t, ADDED_EPOCHS), ADDED_LEAST), ADDED_MOST);
}

/* --- parts --- */

void pw_trainer_freeze(struct pwy_trainer *t, int first, int *met)
{
    for (int i = 0; t->o.freeze != NULL && i < t->o.freeze->n; i++) {
        const struct pw_node *name = t->o.freeze->item[i];
        for (int p = first; p < t->model->params->n && name->kind == PW_SCALAR; p++) {
            if (fnmatch(name->text, t->model->params->list[p]->name, 0) != 0) continue;
            t->model->params->list[p]->frozen = true;
            if (met != NULL) met[i]++;
        }
    }
}

static pwy_status freeze(struct pwy_trainer *t)
{
    int n = t->o.freeze == NULL ? 0 : t->o.freeze->n, *met;
    pwy_status status = PWY_OK;
    PW_NEED(met = pw_calloc((size_t)n + 1, sizeof *met));
    pw_trainer_freeze(t, 0, met);
    for (int i = 0; i < n && status == PWY_OK; i++) {
        const struct pw_node *name = t->o.freeze->item[i];
        if (met[i] == 0)
            status = pw_node_fail(name, PWY_E_NOT_FOUND, "train: freeze: no parameter is called '%s'",
                                  name->kind == PW_SCALAR ? name->text : "(a list)");
    }
    free(met);
    return status;
}

/* --- which tasks it draws --- */

static bool has_rows(const struct pwy_task *task)
{
    return task->source[PWY_TRAIN] != NULL && task->source[PWY_TRAIN]->n > 0;
}

static pwy_status draw_named(struct pwy_trainer *t, const struct pw_node *name)
{
    struct pwy_task *task;
    if (name->kind != PW_SCALAR) return pw_node_fail(name, PWY_E_ARGUMENT, "train: tasks: a list is not a task's name");
    PW_TRY(pw_registry_get(t->model->registry, name->text, &task));
    t->run[task->index].drawn = true;
    if (!task->sealed && task->index >= t->first && has_rows(task)) return PWY_OK;
    pw_fail(PWY_E_STATE, task->sealed ? "it is sealed, and learns no more" : task->index < t->first
            ? "it is not one that this trainer added" : "it has no training rows");
    return pw_fail_task(task->name);
}

/* All that can learn, or of these those that were named. */
static pwy_status choose_drawn(struct pwy_trainer *t)
{
    const struct pw_node *named = t->o.tasks;
    for (int i = 0; named != NULL && i < named->n; i++) PW_TRY(draw_named(t, named->item[i]));
    for (int i = t->first; named == NULL && i < t->model->registry->n; i++) {
        const struct pwy_task *task = pw_registry_at(t->model->registry, i);
        t->run[i].drawn = !task->sealed && has_rows(task);
    }
    return PWY_OK;
}

/* The task that has a parameter as its own; NULL: none. */
static struct pwy_task *owner(const struct pwy_trainer *t, const char *param)
{
    const char *name = param + strlen("task/"), *end = strchr(name, '/');
    struct pwy_task *task = NULL;
    if (strncmp(param, "task/", 5) != 0 || end == NULL) return NULL;
    char *text = pw_printf("%.*s", (int)(end - name), name);
    if (text != NULL && pw_registry_find(t->model->registry, text, &task) != PWY_OK) task = NULL;
    free(text);
    return task;
}

/* What a task that is not drawn has of its own would only decay. Where none is drawn, all learn by doing. */
static void lock_others(struct pwy_trainer *t)
{
    for (int i = 0; i < t->model->registry->n; i++) t->draws = t->draws || t->run[i].drawn;
    for (int i = 0; t->draws && i < t->model->params->n; i++) {
        const struct pwy_task *task = owner(t, t->model->params->list[i]->name);
        if (task != NULL && !t->run[task->index].drawn) t->model->params->list[i]->locked = true;
    }
}

static pwy_status make_rows(struct pwy_trainer *t)
{
    size_t n = (size_t)t->o.batch;
    PW_NEED(t->ex = pw_calloc(n, sizeof *t->ex));
    PW_NEED(t->job = pw_calloc(n, sizeof *t->job));
    PW_NEED(t->item = pw_calloc(n, sizeof *t->item));
    PW_NEED(t->weight = pw_calloc(n, sizeof *t->weight));
    PW_NEED(t->trunk_loss = pw_calloc(n, sizeof *t->trunk_loss));
    PW_NEED(t->wide_loss = pw_calloc(n, sizeof *t->wide_loss));
    PW_NEED(t->run = pw_calloc((size_t)t->model->registry->n, sizeof *t->run));
    PW_NEED(t->bad = pw_map_new());
    for (int i = 0; i < t->model->registry->n; i++) t->run[i].score = NAN;
    for (size_t i = 0; i < n; i++) PW_NEED(t->ex[i] = pw_example_make());
    return PWY_OK;
}

static bool trains_in_bf16(const struct pwy_trainer *t)
{
    return t->o.dtype != NULL && strcmp(t->o.dtype, "bf16") == 0;
}

static pwy_status make_engine(struct pwy_trainer *t)
{
    t->adamw = (struct pw_adamw){.b1 = .9, .b2 = .98, .eps = 1e-8, .decay = t->o.weight_decay, .clip = t->o.clip,
                                  .adafactor = by_adafactor(&t->o)};
    PW_TRY(pw_params_start_training(t->model->params));
    PW_TRY(freeze(t));
    PW_TRY(pw_adamw_open(&t->adamw, t->model->params));
    if (t->o.threads > 1) PW_TRY(pw_pool_new((int)t->o.threads, &t->pool));
    PW_TRY(pw_encoder_open(&t->encoder, t->pool));
    t->x = (struct pw_exec){.kern = t->model->ctx->kern, .pool = t->pool, .train = true, .seed = (uint64_t)t->o.seed,
                            .dropout = t->o.dropout, .recompute = t->o.recompute};
    PW_NEED(t->x.arena = pw_arena_new());
    t->x.bf16 = trains_in_bf16(t);
    if (!t->x.bf16) return PWY_OK;
    pw_log(t->model->ctx, PWY_LOG_INFO, "train: products in bf16 by %s", pw_kern_bf16_by(t->x.kern));
    return PWY_OK;
}

static pwy_status open_tasks(const pwy_model *m, int first)
{
    int learning = 0;
    for (int i = first; i < m->registry->n; i++) {
        struct pw_net *net;
        if (pw_registry_at(m->registry, i)->sealed) continue;
        PW_TRY(pw_net_open(m, i, &net));
        learning++;
    }
    return learning > 0 ? PWY_OK : pw_fail(PWY_E_STATE, "every task is sealed: there is none to train");
}

/* Where every task that learns has candidates and routers of its own, none comes by the trunk's. */
void pw_trainer_lock_unreached(const struct pwy_trainer *t)
{
    for (int i = t->first; i < t->model->registry->n; i++) {
        if (pw_registry_at(t->model->registry, i)->sealed) continue;
        const struct pw_pathway *way = pw_net_at(t->model, i)->way;
        if (way == NULL || way->layer[0].expert == NULL) return;
    }
    pw_trunk_lock_routers(t->model->trunk);
}

/* Examples that the model was taught by doing, in all. */
static int64_t learned_of(const pwy_model *m)
{
    const struct pw_node *n = pw_node_get(m->run, "learned");
    int64_t learned;
    return n != NULL && n->kind == PW_SCALAR && pw_parse_int(n->text, strlen(n->text), &learned) ? learned : 0;
}

static pwy_status begin(struct pwy_trainer *t, const struct pw_node *options)
{
    PW_TRY(open_tasks(t->model, t->first));
    t->learned_before = learned_of(t->model);
    if (t->first == 0) PW_TRY(pw_model_lock(t->model));
    pw_trainer_lock_unreached(t);
    PW_TRY(read_options(t, options));
    PW_TRY(make_rows(t));
    PW_TRY(choose_drawn(t));
    lock_others(t);
    PW_TRY(make_engine(t));
    PW_TRY(pw_narrow_open(t));
    PW_TRY(pw_schedule_open(&t->schedule, &t->o, steps_of(t), enough_steps(t)));
    t->started = pw_clock();
    return pw_mixture_open(&t->mixture, t->model->registry, t->run, t->o.temperature);
}

static pwy_status begin_at(pwy_model *model, int first, const struct pw_node *options, struct pwy_trainer **out)
{
    struct pwy_trainer *t = pw_calloc(1, sizeof *t);
    pwy_status status = t == NULL ? PWY_E_NOMEM : PWY_OK;
    if (t == NULL) {
        pw_model_release(model);
        return status;
    }
    t->model = model;
    t->first = first;
    status = begin(t, options);
    if (status == PWY_OK) *out = t;
    else pw_trainer_close(t);
    return status;
}

pwy_status pw_trainer_begin(pwy_model *model, const struct pw_node *options, struct pwy_trainer **out)
{
    return begin_at(model, 0, options, out);
}

pwy_status pw_trainer_open(pwy_model *model, const struct pw_node *options, struct pwy_trainer **out)
{
    pwy_model *own;
    if (pw_node_get(options, "add") != NULL)
        return pw_node_fail(pw_node_get(options, "add"), PWY_E_ARGUMENT,
                            "train: add is for tasks that are added to a model");
    PW_TRY(pw_model_overlay(model, &own));
    return begin_at(own, 0, options, out);
}

pwy_status pw_trainer_open_added(pwy_model *model, const pwy_registry *tasks, const struct pw_node *options,
                                 struct pwy_trainer **out)
{
    pwy_model *own;
    PW_TRY(pw_trainer_check(options));
    PW_TRY(pw_add_tasks(model, tasks, pw_node_get(options, "add"), &own));
    return begin_at(own, model->registry->n, options, out);
}

static void free_rows(struct pwy_trainer *t)
{
    for (int i = 0; t->ex != NULL && i < t->o.batch; i++)
        if (t->ex[i] != NULL) pw_example_release(t->ex[i]);
    for (int i = 0; t->run != NULL && i < t->model->registry->n; i++) pw_metric_free(t->run[i].metric);
    free(t->ex);
    free(t->job);
    free(t->item);
    free(t->weight);
    free(t->trunk_loss);
    free(t->wide_loss);
    free(t->run);
    if (t->bad != NULL) pw_map_free(t->bad);
}

void pw_trainer_close(struct pwy_trainer *t)
{
    if (t == NULL) return;
    if (t->progress_destroy != NULL) t->progress_destroy(t->progress_user);
    free_rows(t);
    pw_narrow_close(t);
    pw_adamw_close(&t->doing);
    pw_adamw_close(&t->adamw);
    pw_encoder_close(&t->encoder);
    pw_pool_free(t->pool);
    pw_tape_release(t->x.tape);
    pw_record_release(t->x.record);
    if (t->x.arena != NULL) pw_arena_free(t->x.arena);
    pw_mixture_close(&t->mixture);
    pw_schedule_close(&t->schedule);
    pw_options_release(pw_train_table, &t->o);
    pw_node_free(t->given);
    pw_model_release(t->model);
    free(t);
}

/* --- running --- */

pwy_status pw_trainer_report(struct pwy_trainer *t, const char *phase, bool always)
{
    double now = pw_clock();
    struct pwy_progress p = {t, phase, t->schedule.share, t->loss, now - t->started, pw_schedule_left(&t->schedule)};
    if (t->progress != NULL && (always || now - t->shown >= .1)) {
        t->shown = now;
        if (t->progress(&p, t->progress_user) != 0) __atomic_store_n(&t->cancelled, 1, __ATOMIC_RELAXED);
    }
    if (!__atomic_load_n(&t->cancelled, __ATOMIC_RELAXED)) return PWY_OK;
    return pw_fail(PWY_E_CANCELLED, "stopped after step %lld", (long long)t->schedule.step);
}

/* What is given out, and chosen by, are weights that have caught up; the run itself goes on with those that have not,
   or it would depend on when it was looked at. */
static pwy_status choose_awake(struct pwy_trainer *t)
{
    struct pw_awake look;
    PW_TRY(pw_adamw_look(&t->adamw, &t->x, &look));
    pwy_status status = pw_trainer_choose(t);
    pw_adamw_look_away(&look);
    return status;
}

static pwy_status give_out(struct pwy_trainer *t, pwy_model **out)
{
    struct pw_awake look;
    PW_TRY(pw_adamw_look(&t->adamw, &t->x, &look));
    pwy_status status = pw_model_snapshot(t->model, out);
    pw_adamw_look_away(&look);
    return status;
}

static pwy_status run_steps(struct pwy_trainer *t)
{
    while (!pw_schedule_done(&t->schedule)) {
        double loss = 0;
        PW_TRY(pw_trainer_step(t, &loss));
        PW_TRY(pw_trainer_report(t, "train", false));
    }
    return PWY_OK;
}

pwy_status pw_trainer_run(struct pwy_trainer *t)
{
    pwy_status status;
    __atomic_store_n(&t->cancelled, 0, __ATOMIC_RELAXED);
    t->started = pw_clock() - t->schedule.seconds;
    pw_blas_enter();
    status = run_steps(t);
    pw_blas_leave();
    if (status == PWY_E_CANCELLED && t->o.checkpoint != NULL) {
        PW_TRY(pw_trainer_save(t, t->o.checkpoint));
        return pw_fail(status, "stopped after step %lld; saved in %s", (long long)t->schedule.step, t->o.checkpoint);
    }
    PW_TRY(status);
    PW_TRY(choose_awake(t));
    return pw_trainer_report(t, "choose", true) == PWY_E_CANCELLED ? PWY_OK : PWY_OK;
}

/* --- the model that came of it --- */

static pwy_status describe_run(const struct pwy_trainer *t, struct pw_node *run)
{
    PW_TRY(pw_schedule_to_node(&t->schedule, run));
    PW_TRY(pw_node_put_int(run, "seed", t->o.seed));
    PW_TRY(pw_node_put_int(run, "batch", t->o.batch));
    PW_TRY(pw_node_put_int(run, "chunk", t->o.chunk));
    PW_TRY(pw_node_put_number(run, "lr", t->o.lr));
    PW_TRY(pw_node_put_number(run, "warmup", t->o.warmup));
    PW_TRY(pw_node_put_number(run, "temperature", t->o.temperature));
    PW_TRY(pw_node_put_number(run, "clip", t->o.clip));
    PW_TRY(pw_node_put_number(run, "dropout", t->o.dropout));
    if (trains_in_bf16(t)) PW_TRY(pw_node_put_text(run, "dtype", t->o.dtype));
    if (t->o.accumulate > 1) PW_TRY(pw_node_put_int(run, "accumulate", t->o.accumulate));
    if (by_adafactor(&t->o)) PW_TRY(pw_node_put_text(run, "optimizer", t->o.optimizer));
    if (t->o.candidates > 0) PW_TRY(pw_node_put_int(run, "candidates", t->o.candidates));
    if (t->o.candidates > 0) PW_TRY(pw_node_put_number(run, "narrow", t->o.narrow));
    PW_TRY(pw_node_put_copy(run, "tasks", t->o.tasks));
    return t->o.weight_decay < 0 ? PWY_OK : pw_node_put_number(run, "weight_decay", t->o.weight_decay);
}

/* A trainer that was only taught by doing leaves what is known of the run before it. */
static pwy_status note_run(struct pwy_trainer *t)
{
    pwy_model *m = t->model;
    if (t->schedule.step > 0 || m->run == NULL) {
        pw_node_free(m->run);
        PW_NEED(m->run = pw_node_new(PW_MAP));
        PW_TRY(describe_run(t, m->run));
    }
    if (t->learned == 0) return PWY_OK;
    return pw_node_put_int(m->run, "learned", t->learned_before + t->learned);
}

static void note_task(const struct pwy_trainer *t, int i)
{
    struct pwy_task *task = pw_registry_at(t->model->registry, i);
    bool drawn = t->run[i].drawn;
    if ((drawn && t->schedule.step > 0) || t->run[i].learned > 0) task->trained = true;
    if (drawn) task->n_train = task->source[PWY_TRAIN]->n;
}

pwy_status pw_trainer_snapshot(struct pwy_trainer *t, pwy_model **out)
{
    if (!t->chosen) PW_TRY(choose_awake(t));
    PW_TRY(note_run(t));
    for (int i = 0; i < t->model->registry->n; i++) note_task(t, i);
    return give_out(t, out);
}

/* One step: rows of several tasks, encoded side by side, one pass forward and back, one update. */
#include "train/narrow.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TRIES = 1000, WINDOW = 256 };    /* rows tried for one good one; answers that a running score goes over */
static const double AWAKE = .1;         /* share of the run after which experts that grew are awake */
static const double ROUNDING = 1e-9;    /* of a share, which is a sum */

/* --- rows --- */

static pwy_status bad_row(struct pwy_trainer *t, const struct pwy_task *task, int64_t row, const pwy_example *ex)
{
    char key[96];
    int64_t known = pw_map_count(t->bad);
    int len = snprintf(key, sizeof key, "%d:%lld", task->index, (long long)row);
    if (pw_map_add(t->bad, key, (size_t)len) < 0) return PWY_E_NOMEM;
    if (pw_map_count(t->bad) == known) return PWY_OK;
    char *why = pw_strdup(pwy_error_message());
    PW_NEED(why);
    bool placed = ex->file == NULL || strstr(why, ex->file) != NULL;
    char *text = placed ? pw_printf("task '%s': %s", task->name, why)
                        : pw_printf("task '%s': %s:%lld: %s", task->name, ex->file, (long long)ex->line, why);
    free(why);
    PW_NEED(text);
    pw_log(t->model->ctx, PWY_LOG_WARNING, "%s: row skipped", text);
    pwy_status status = known + 1 <= t->o.max_bad_rows ? PWY_OK
        : pw_fail(PWY_E_LIMIT, "more than max_bad_rows %lld bad rows; the last: %s", (long long)t->o.max_bad_rows,
                  text);
    free(text);
    return status;
}

/* The next row of a task that can be read and encoded is tried for here only as far as reading goes. */
static pwy_status next_row(struct pwy_trainer *t, struct pwy_task *task, pwy_example *ex, int64_t *row)
{
    pwy_source *source = task->source[PWY_TRAIN];
    for (int tries = 0; tries < TRIES; tries++) {
        *row = pw_mixture_row(&t->mixture, task->index, (uint64_t)t->o.seed, source->n);
        pwy_status status = pw_source_read(source, *row, ex);
        if (status != PWY_E_DATA) return status;
        PW_TRY(bad_row(t, task, *row, ex));
    }
    return pw_fail(PWY_E_DATA, "task '%s': %d rows in a row could not be read", task->name, TRIES);
}

static pwy_status read_rows(struct pwy_trainer *t)
{
    int64_t chunk = t->o.chunk, chunks = (t->o.batch + chunk - 1) / chunk;
    for (int64_t i = 0; i < t->o.batch; i++) {
        uint64_t draw = (uint64_t)(t->schedule.step * chunks + i / chunk);
        int task = pw_mixture_draw(&t->mixture, (uint64_t)t->o.seed, draw);
        int64_t row;
        PW_TRY(next_row(t, pw_registry_at(t->model->registry, task), t->ex[i], &row));
        t->job[i] = (struct pw_encode_job){
            .net = pw_net_at(t->model, task), .ex = t->ex[i], .with_target = true, .augment = true, .row = row,
            .item = &t->item[i],
            .rng = pw_rng_at((uint64_t)t->o.seed ^ pw_hash("augment", 7), (uint64_t)t->schedule.step,
                             (uint64_t)i << 32)};
    }
    return PWY_OK;
}

/* Drops the rows that could not be encoded. */
static pwy_status keep_good(struct pwy_trainer *t, int *n)
{
    *n = 0;
    for (int i = 0; i < t->o.batch; i++) {
        struct pw_encode_job *job = &t->job[i];
        if (job->status == PWY_OK) {
            t->item[(*n)++] = t->item[i];
            continue;
        }
        pwy_status status = pw_encode_again(&t->encoder, t->model, job);
        if (status != PWY_E_DATA) return pw_fail_task(job->net->task->name);
        PW_TRY(bad_row(t, job->net->task, job->row, job->ex));
    }
    return PWY_OK;
}

static pwy_status make_batch(struct pwy_trainer *t, struct pw_batch *b)
{
    pw_arena_reset(t->x.arena);
    pw_encoder_reset(&t->encoder);
    PW_TRY(read_rows(t));
    pw_encode(&t->encoder, t->model, t->job, (int)t->o.batch);
    *b = (struct pw_batch){.item = t->item};
    PW_TRY(keep_good(t, &b->n));
    return pw_batch_layout(b, t->x.arena);
}

/* --- running scores --- */

static pwy_status score_item(struct pwy_trainer *t, const struct pw_group *g, int i, int first, real *scores)
{
    const struct pwy_task *task = g->net->task;
    struct pw_task_run *run = &t->run[task->index];
    if (run->metric == NULL) PW_TRY(pw_metric_new(task, &run->metric));
    if (g->net->writes) {
        const struct pw_item *item = g->item[i];
        pw_metric_add_text(run->metric, t->trunk_loss[first + g->index[i]] * item->n_ids, item->text_bytes, NULL);
    } else {
        pw_group_fuse(g, i, g->net->wide ? .5 : 0, .5, scores);
        if (task->head->kind == PWY_CLASSIFY) pw_group_fuse(g, i, 1, 1, scores);
        task->head->answer(task, t->x.kern, scores);
        PW_TRY(pw_metric_add(run->metric, scores, &g->item[i]->target));
    }
    run->seen++;
    run->score = pw_metric_score(run->metric);
    if (pw_metric_count(run->metric) < WINDOW) return PWY_OK;
    pw_metric_free(run->metric);
    run->metric = NULL;
    return PWY_OK;
}

/* first: where the pass's items stand among the step's. */
static pwy_status keep_scores(struct pwy_trainer *t, const struct pw_pass *p, int first)
{
    for (int g = 0; g < p->n_groups; g++) {
        real *scores;
        PW_NEED(scores = pw_arena_take(t->x.arena, (size_t)p->group[g].net->outputs + 1, sizeof(real)));
        for (int i = 0; i < p->group[g].n; i++) PW_TRY(score_item(t, &p->group[g], i, first, scores));
    }
    return PWY_OK;
}

static double mean_loss(const struct pwy_trainer *t, int n)
{
    double sum = 0;
    for (int i = 0; i < n; i++) sum += t->trunk_loss[i] + (isnan(t->wide_loss[i]) ? 0 : t->wide_loss[i]);
    return n > 0 ? sum / n : 0;
}

/* --- the step --- */

/* Micro-batch k: its share of the step's items, and of their rows. Its passes draw their own dropout. */
static pwy_status part_open(struct pwy_trainer *t, const struct pw_batch *whole, int k, struct pw_batch *part,
                            int *first)
{
    int n = (int)t->o.accumulate;
    *first = (int)((int64_t)whole->n * k / n);
    *part = (struct pw_batch){.item = whole->item + *first, .n = (int)((int64_t)whole->n * (k + 1) / n) - *first};
    PW_TRY(pw_batch_layout(part, t->x.arena));
    t->x.portion = (double)part->rows / (double)whole->rows;
    t->x.step = (uint64_t)t->schedule.step * (uint64_t)n + (uint64_t)k;
    return PWY_OK;
}

static pwy_status learn_part(struct pwy_trainer *t, const struct pw_batch *whole, int k)
{
    size_t mark = pw_arena_mark(t->x.arena);
    struct pw_batch part;
    struct pw_pass p;
    int first;
    PW_TRY(part_open(t, whole, k, &part, &first));
    if (part.n > 0) {
        PW_TRY(pw_pass_forward(&p, t->model, &t->x, &part));
        PW_TRY(pw_pass_backward(&p, t->weight + first, t->trunk_loss + first, t->wide_loss + first));
        PW_TRY(keep_scores(t, &p, first));
    }
    pw_arena_release(t->x.arena, mark);
    return PWY_OK;
}

static pwy_status count_part(struct pwy_trainer *t, const struct pw_batch *whole, int k)
{
    size_t mark = pw_arena_mark(t->x.arena);
    struct pw_batch part;
    struct pw_pass p;
    int first;
    PW_TRY(part_open(t, whole, k, &part, &first));
    if (part.n > 0) PW_TRY(pw_pass_forward(&p, t->model, &t->x, &part));
    pw_arena_release(t->x.arena, mark);
    return PWY_OK;
}

/* What the balance loss is to even out is the load of the whole step, so the routers are asked for it before the first
   micro-batch learns. */
static pwy_status count_loads(struct pwy_trainer *t, const struct pw_batch *whole)
{
    pwy_status status = pw_trunk_count_begin(t->model->trunk);
    t->x.count = t->x.quiet = true;
    for (int k = 0; status == PWY_OK && k < t->o.accumulate; k++) status = count_part(t, whole, k);
    t->x.count = t->x.quiet = false;
    pw_trunk_count_end(t->model->trunk);
    return status;
}

static pwy_status accumulate(struct pwy_trainer *t, const struct pw_batch *whole)
{
    struct pw_trunk *trunk = t->model->trunk;
    const struct pw_router_config *router = &pw_trunk_config(trunk)->router;
    bool before = router->balance > 0 && !router->by_bias && t->x.tape == NULL;
    t->x.hold = true;
    pwy_status status = before ? count_loads(t, whole) : pw_trunk_count_begin(trunk);
    t->x.count = !before;
    for (int k = 0; status == PWY_OK && k < t->o.accumulate; k++) status = learn_part(t, whole, k);
    t->x.count = t->x.hold = false;
    t->x.portion = 0;
    pw_trunk_count_end(trunk);
    return status;
}

static pwy_status learn_whole(struct pwy_trainer *t, const struct pw_batch *b)
{
    struct pw_pass p;
    PW_TRY(pw_pass_forward(&p, t->model, &t->x, b));
    PW_TRY(pw_pass_backward(&p, t->weight, t->trunk_loss, t->wide_loss));
    return keep_scores(t, &p, 0);
}

static pwy_status pass_and_update(struct pwy_trainer *t, struct pw_batch *b, double *loss)
{
    double norm;
    for (int i = 0; i < b->n; i++) t->weight[i] = (real)1 / (real)b->n;
    pw_params_zero_grad(t->model->params);
    PW_TRY(t->o.accumulate > 1 ? accumulate(t, b) : learn_whole(t, b));
    PW_TRY(pw_adamw_step(&t->adamw, &t->x, t->o.lr * pw_schedule_rate(&t->schedule, t->o.warmup),
                         t->schedule.step + 1, &norm));
    for (int i = 0; i < b->n; i++) PW_TRY(pw_trunk_step(t->model->trunk, b->item[i].net->way));
    *loss = mean_loss(t, b->n);
    if (isfinite(*loss) && isfinite(norm)) return PWY_OK;
    return pw_fail(PWY_E_STATE,
                   "step %lld: the loss or its gradient is not finite; a smaller lr than %g would be right",
                   (long long)t->schedule.step, t->o.lr);
}

/* Experts that grew fade in over the first of the run, by the cube of what is left of that: so most of it passes where
   logits differ by a few, and rows begin to meet them. */
static pwy_status wake_new(struct pwy_trainer *t, double before)
{
    double left = t->schedule.share + ROUNDING < AWAKE ? (AWAKE - t->schedule.share) / (AWAKE - before) : 0;
    return pw_trunk_wake(t->model->trunk, left * left * left);
}

pwy_status pw_trainer_step(struct pwy_trainer *t, double *loss)
{
    struct pw_batch b;
    double before = t->schedule.share;
    if (!t->draws)
        return pw_fail(PWY_E_STATE, "no task has training rows (a model from a file has none); "
                       "pwy_model_with_sources gives them");
    t->x.step = (uint64_t)t->schedule.step;
    t->chosen = false;
    PW_TRY(make_batch(t, &b));
    if (b.n > 0) PW_TRY(pass_and_update(t, &b, loss));
    t->loss = t->schedule.step == 0 ? *loss : t->loss + (*loss - t->loss) * (t->schedule.step < 50 ? .1 : .02);
    PW_TRY(pw_schedule_advance(&t->schedule, pw_clock() - t->started));
    PW_TRY(wake_new(t, before));
    return pw_narrow_step(t);
}

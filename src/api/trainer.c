/* Training: see pathways/trainer.h. */
#include "pathways/trainer.h"
#include "api/check.h"
#include "sys/fpmode.h"
#include "train/train.h"
#include <math.h>

static const struct pw_node *map_of(const pwy_options *options)
{
    return options == NULL ? NULL : options->map;
}

pwy_status pwy_trainer_new(pwy_model *model, const pwy_options *options, pwy_trainer **out)
{
    PW_GIVEN(model);
    PW_GIVEN(out);
    return pw_trainer_open(model, map_of(options), out);
}

pwy_status pwy_trainer_check(const pwy_options *options)
{
    return pw_trainer_check(map_of(options));
}

pwy_status pwy_trainer_open(pwy_registry *registry, const char *path, const pwy_options *options, pwy_trainer **out)
{
    PW_GIVEN(registry);
    PW_GIVEN(path);
    PW_GIVEN(out);
    return pw_trainer_open_checkpoint(registry, path, map_of(options), out);
}

pwy_status pwy_trainer_on_progress(pwy_trainer *trainer, pwy_progress_fn fn, void *user, pwy_destroy_fn destroy)
{
    if (trainer == NULL && destroy != NULL) destroy(user);
    PW_GIVEN(trainer);
    if (trainer->progress_destroy != NULL) trainer->progress_destroy(trainer->progress_user);
    trainer->progress = fn;
    trainer->progress_user = user;
    trainer->progress_destroy = destroy;
    return PWY_OK;
}

pwy_status pwy_trainer_run(pwy_trainer *trainer)
{
    fenv_t host;
    PW_GIVEN(trainer);
    pw_fp_enter(&host);
    pwy_status status = pw_trainer_run(trainer);
    pw_fp_leave(&host);
    return status;
}

pwy_status pwy_trainer_step(pwy_trainer *trainer, double *loss, int *done)
{
    double own = 0;
    pwy_status status;
    fenv_t host;
    PW_GIVEN(trainer);
    if (pw_schedule_done(&trainer->schedule))
        return pw_fail(PWY_E_STATE, "the run is over after %lld steps", (long long)trainer->schedule.step);
    pw_fp_enter(&host);
    pw_blas_enter();
    status = pw_trainer_step(trainer, &own);
    pw_blas_leave();
    pw_fp_leave(&host);
    PW_TRY(status);
    if (loss != NULL) *loss = own;
    if (done != NULL) *done = pw_schedule_done(&trainer->schedule);
    return PWY_OK;
}

pwy_status pwy_trainer_learn(pwy_trainer *trainer, const char *task, const pwy_example *example)
{
    fenv_t host;
    PW_GIVEN(trainer);
    PW_GIVEN(task);
    PW_GIVEN(example);
    pw_fp_enter(&host);
    pw_blas_enter();
    pwy_status status = pw_trainer_learn(trainer, task, example);
    pw_blas_leave();
    pw_fp_leave(&host);
    return status;
}

int64_t pwy_trainer_learned(const pwy_trainer *trainer)
{
    return trainer == NULL ? 0 : trainer->learned;
}

void pwy_trainer_cancel(pwy_trainer *trainer)
{
    if (trainer != NULL) __atomic_store_n(&trainer->cancelled, 1, __ATOMIC_RELAXED);
}

pwy_status pwy_trainer_model(pwy_trainer *trainer, pwy_model **out)
{
    PW_GIVEN(trainer);
    PW_GIVEN(out);
    fenv_t host;
    pw_fp_enter(&host);
    pwy_status status = pw_trainer_snapshot(trainer, out);
    pw_fp_leave(&host);
    return status;
}

pwy_status pwy_trainer_save(const pwy_trainer *trainer, const char *path)
{
    PW_GIVEN(trainer);
    PW_GIVEN(path);
    return pw_trainer_save(trainer, path);
}

int64_t pwy_trainer_steps(const pwy_trainer *trainer)
{
    return trainer == NULL ? 0 : trainer->schedule.step;
}

pwy_status pwy_trainer_plan(const pwy_trainer *trainer, char **yaml)
{
    struct pw_node *run;
    PW_GIVEN(trainer);
    PW_GIVEN(yaml);
    PW_NEED(run = pw_node_new(PW_MAP));
    pwy_status status = pw_schedule_to_node(&trainer->schedule, run);
    char *json = status == PWY_OK ? pw_node_to_json(run) : NULL;
    pw_node_free(run);
    PW_TRY(status);
    PW_NEED(json);
    *yaml = json;
    return PWY_OK;
}

int64_t pwy_trainer_bad_rows(const pwy_trainer *trainer)
{
    return trainer == NULL ? 0 : pw_map_count(trainer->bad);
}

void pwy_trainer_free(pwy_trainer *trainer)
{
    pw_trainer_close(trainer);
}

double pwy_progress_share(const pwy_progress *progress)
{
    return progress == NULL ? NAN : progress->share;
}

double pwy_progress_loss(const pwy_progress *progress)
{
    return progress == NULL ? NAN : progress->loss;
}

double pwy_progress_seconds(const pwy_progress *progress)
{
    return progress == NULL ? NAN : progress->seconds;
}

double pwy_progress_seconds_left(const pwy_progress *progress)
{
    return progress == NULL ? NAN : progress->left;
}

int64_t pwy_progress_step(const pwy_progress *progress)
{
    return progress == NULL ? 0 : progress->trainer->schedule.step;
}

const char *pwy_progress_phase(const pwy_progress *progress)
{
    return progress == NULL ? NULL : progress->phase;
}

int64_t pwy_progress_candidates(const pwy_progress *progress)
{
    return progress == NULL ? 0 : progress->trainer->narrowing.width;
}

int64_t pwy_progress_task_count(const pwy_progress *progress)
{
    return progress == NULL ? 0 : progress->trainer->model->registry->n;
}

const char *pwy_progress_task_name(const pwy_progress *progress, int64_t index)
{
    if (index < 0 || index >= pwy_progress_task_count(progress)) return NULL;
    return pw_registry_at(progress->trainer->model->registry, index)->name;
}

double pwy_progress_task_score(const pwy_progress *progress, int64_t index)
{
    if (index < 0 || index >= pwy_progress_task_count(progress)) return NAN;
    return progress->trainer->run[index].score;
}

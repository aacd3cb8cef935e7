/**
 * @file pathways/trainer.h
 * The training loop: optimizer, mixture of tasks, schedule.
 */
#ifndef PATHWAYS_TRAINER_H
#define PATHWAYS_TRAINER_H
#include <pathways/status.h>
#include <pathways/options.h>
#include <pathways/model.h>

#ifdef __cplusplus
extern "C" {
#endif

/** One thread at a time, except pwy_trainer_cancel. Works on a copy of the model's weights. */
typedef struct pwy_trainer pwy_trainer;
/** What a run says of itself; borrowed during the callback. */
typedef struct pwy_progress pwy_progress;
/** Called about ten times a second at most, on the thread that called in. Anything but 0 stops the run cleanly. */
typedef int (*pwy_progress_fn)(const pwy_progress *progress, void *user);

/** Options (recipe: `train:`): `minutes`, `steps` or `epochs` (one of them; default 5 minutes), `seed`, `threads`, `batch`, `lr`, `warmup`, `temperature`, `clip`, `weight_decay`,
 *  `dropout`, `max_bad_rows`, `plan` (what a run by minutes came to), `freeze` (a list of parameter names, * allowed), `checkpoint` (a path that is written when the run is stopped). @since 0.1 */
PWY_API pwy_status pwy_trainer_new(pwy_model *model, const pwy_options *options, pwy_trainer **out);
/** Whether pwy_trainer_new would take these options: for asking before a model is made, which takes long. @since 0.1 */
PWY_API pwy_status pwy_trainer_check(const pwy_options *options);
PWY_API pwy_status pwy_trainer_on_progress(pwy_trainer *trainer, pwy_progress_fn fn, void *user, pwy_destroy_fn destroy);   /**< @since 0.1 */
/** Runs to the end. PWY_E_CANCELLED when stopped: run again to go on. @since 0.1 */
PWY_API pwy_status pwy_trainer_run(pwy_trainer *trainer);
/** One step, for a loop of the caller's own; loss may be NULL. *done (may be NULL) becomes 1 after the last. @since 0.1 */
PWY_API pwy_status pwy_trainer_step(pwy_trainer *trainer, double *loss, int *done);
PWY_API void pwy_trainer_cancel(pwy_trainer *trainer);                                     /**< From any thread or a signal handler; within one step. @since 0.1 */
/** The model as trained so far, with each task's mix of wide path and trunk chosen on its validation rows. A new model; the caller frees it. @since 0.1 */
PWY_API pwy_status pwy_trainer_model(pwy_trainer *trainer, pwy_model **out);
/** Saves all that a run needs to go on to the same bytes. @since 0.1 */
PWY_API pwy_status pwy_trainer_save(const pwy_trainer *trainer, const char *path);
/** Goes on from a checkpoint; registry: the tasks with their sources, as they were. options: only `threads`, `minutes`, `checkpoint` may be given anew. @since 0.1 */
PWY_API pwy_status pwy_trainer_open(pwy_registry *registry, const char *path, const pwy_options *options, pwy_trainer **out);
PWY_API int64_t pwy_trainer_steps(const pwy_trainer *trainer);                             /**< Steps done. @since 0.1 */
PWY_API pwy_status pwy_trainer_plan(const pwy_trainer *trainer, char **yaml);              /**< `steps: N, plan: [...]` that replays this run. The caller's (pwy_text_free). @since 0.1 */
PWY_API int64_t pwy_trainer_bad_rows(const pwy_trainer *trainer);                          /**< Rows skipped. @since 0.1 */
PWY_API void pwy_trainer_free(pwy_trainer *trainer);                                       /**< NULL allowed. @since 0.1 */

PWY_API double pwy_progress_share(const pwy_progress *progress);                           /**< 0 .. 1. @since 0.1 */
PWY_API double pwy_progress_loss(const pwy_progress *progress);                            /**< Running mean. @since 0.1 */
PWY_API double pwy_progress_seconds(const pwy_progress *progress);                         /**< Since the start. @since 0.1 */
PWY_API double pwy_progress_seconds_left(const pwy_progress *progress);                    /**< Expected. @since 0.1 */
PWY_API int64_t pwy_progress_step(const pwy_progress *progress);                           /**< @since 0.1 */
PWY_API const char *pwy_progress_phase(const pwy_progress *progress);                      /**< "train", "choose". @since 0.1 */
PWY_API int64_t pwy_progress_task_count(const pwy_progress *progress);                     /**< @since 0.1 */
PWY_API const char *pwy_progress_task_name(const pwy_progress *progress, int64_t index);   /**< NULL out of range. @since 0.1 */
PWY_API double pwy_progress_task_score(const pwy_progress *progress, int64_t index);       /**< Running score on what it trains on, NaN before the first. @since 0.1 */

#ifdef __cplusplus
}
#endif
#endif

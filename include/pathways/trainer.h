/**
 * @file pathways/trainer.h
 * The training loop: optimizer (AdamW: Loshchilov and Hutter 2019), mixture of tasks, schedule.
 *
 * With `steps`, `epochs` or a `plan`, the same registry, options and seed give the same model file, byte for byte, on
 * any number of threads, whether or not the run was stopped and resumed on the way.
 */
#ifndef PATHWAYS_TRAINER_H
#define PATHWAYS_TRAINER_H
#include <pathways/status.h>
#include <pathways/options.h>
#include <pathways/example.h>
#include <pathways/model.h>

#ifdef __cplusplus
extern "C" {
#endif

/** One thread at a time, except pwy_trainer_cancel. Works on a copy of the model's weights. While one runs, OpenBLAS is
 *  set to one thread for the whole process; the last to end puts back what the first one found. */
typedef struct pwy_trainer pwy_trainer;
/** What a run says of itself; borrowed during the callback. */
typedef struct pwy_progress pwy_progress;
/** Called about ten times a second at most, on the thread that called in. Anything but 0 stops the run cleanly. */
typedef int (*pwy_progress_fn)(const pwy_progress *progress, void *user);

/** Options, as a recipe's `train:` (docs/recipe.md): `minutes`, `steps` or `epochs` (one of them; default 5 minutes,
 *  of tasks that are added as pwy_trainer_add says),
 *  `seed` 1, `threads` (the context's), `batch` 64, `chunk` (8: rows of one task in a row), `lr` .002
 *  (of tasks that are added .01), `learn_lr` (a tenth of `lr`: of pwy_trainer_learn), `warmup` .05, `temperature` 2,
 *  `clip` 1, `weight_decay` .05, `dropout` 0, `max_bad_rows` 100, `dtype` "f32" (or "bf16"), `plan`
 *  (with `steps`: what a run by minutes came to), `freeze` (a list of parameter names, * allowed), `checkpoint` (a path
 *  that is written when the run is stopped), `tasks` (a list of names: only these learn, while the trunk that all share
 *  moves on), `candidates` (0: all; N: each task that has no pathway of its own learns which N experts of each layer it
 *  needs: from the share `narrow`, .3, of the run on it has a router of its own over those that it used most; topk to
 *  all of them, PWY_E_ARGUMENT otherwise, for a dense model, the router "hash" and tasks that are added). Tasks without
 *  training rows (a model from a file has none until pwy_model_with_sources) are not drawn: they learn by
 *  pwy_trainer_learn alone. Sealed ones stay as they are. PWY_E_STATE: all are sealed. @since 0.1 */
PWY_API pwy_status pwy_trainer_new(pwy_model *model, const pwy_options *options, pwy_trainer **out);
/** Whether pwy_trainer_new would take these options: for asking before a model is made, which takes long. @since 0.1 */
PWY_API pwy_status pwy_trainer_check(const pwy_options *options);
/** Replaces the function; NULL: none. @since 0.1 */
PWY_API pwy_status pwy_trainer_on_progress(pwy_trainer *trainer, pwy_progress_fn fn, void *user,
                                           pwy_destroy_fn destroy);
/** Runs to the end. PWY_E_CANCELLED when stopped: run again to go on. PWY_E_LIMIT: more than max_bad_rows.
 *  PWY_E_STATE: the loss is not finite, or no task has training rows. @since 0.1 */
PWY_API pwy_status pwy_trainer_run(pwy_trainer *trainer);
/** One step, for a loop of the caller's own; loss may be NULL. *done (may be NULL) becomes 1 after the last, and
 *  PWY_E_STATE is what comes after that. @since 0.1 */
PWY_API pwy_status pwy_trainer_step(pwy_trainer *trainer, double *loss, int *done);
/** Learning by doing: one step on one example with its target (pwy_example_set_label and the like), outside the run,
 *  whose schedule and moments stay as they are: before it, after it, in between, or on a model from a file, without
 *  rows. The rate is `learn_lr` throughout, by the run's optimizer with moments of its own (made by the first call);
 *  nothing decays or is dropped. Time goes by the example's length and the model's active size, memory does not grow
 *  with how many were learned. The example may be freed after. pwy_trainer_model has what was learned, its mixes chosen
 *  anew where there are validation rows, and how many (`learned` of the model's line); pwy_trainer_save keeps both. A
 *  failure leaves all weights as they were. PWY_E_NOT_FOUND: no such task; PWY_E_STATE: it is sealed, or was there when
 *  others were added, or the loss is not finite; PWY_E_DATA: no target, an unknown label, nothing to learn from.
 *  @since 0.1 */
PWY_API pwy_status pwy_trainer_learn(pwy_trainer *trainer, const char *task, const pwy_example *example);
/** Examples learned so by this trainer. @since 0.1 */
PWY_API int64_t pwy_trainer_learned(const pwy_trainer *trainer);
/** From any thread or a signal handler; within one step. @since 0.1 */
PWY_API void pwy_trainer_cancel(pwy_trainer *trainer);
/** The model as trained so far, with each task's mix of wide path and trunk chosen on its validation rows. A new model;
 *  the caller frees it. The trainer can go on. @since 0.1 */
PWY_API pwy_status pwy_trainer_model(pwy_trainer *trainer, pwy_model **out);
/** Saves all that a run needs to go on to the same bytes: weights, moments, schedule, places in the mixture.
 *  @since 0.1 */
PWY_API pwy_status pwy_trainer_save(const pwy_trainer *trainer, const char *path);
/** Goes on from a checkpoint; registry: the tasks with their sources, as they were. options: only `threads`,
 *  `checkpoint`, `max_bad_rows` and, of a run by minutes, `minutes` are taken anew; the others are the checkpoint's.
 *  @since 0.1 */
PWY_API pwy_status pwy_trainer_open(pwy_registry *registry, const char *path, const pwy_options *options,
                                    pwy_trainer **out);
/** Steps done. @since 0.1 */
PWY_API int64_t pwy_trainer_steps(const pwy_trainer *trainer);
/** `steps` and `plan` that replay this run, as one line of JSON, which is YAML too. The caller's (pwy_text_free).
 *  @since 0.1 */
PWY_API pwy_status pwy_trainer_plan(const pwy_trainer *trainer, char **yaml);
/** Different rows skipped. @since 0.1 */
PWY_API int64_t pwy_trainer_bad_rows(const pwy_trainer *trainer);
/** NULL allowed. @since 0.1 */
PWY_API void pwy_trainer_free(pwy_trainer *trainer);

/** 0 .. 1. @since 0.1 */
PWY_API double pwy_progress_share(const pwy_progress *progress);
/** Running mean over steps. @since 0.1 */
PWY_API double pwy_progress_loss(const pwy_progress *progress);
/** Since the start, without the time between a stop and its resumption. @since 0.1 */
PWY_API double pwy_progress_seconds(const pwy_progress *progress);
/** Expected; NaN before the first step of a run by steps. @since 0.1 */
PWY_API double pwy_progress_seconds_left(const pwy_progress *progress);
/** Steps done. @since 0.1 */
PWY_API int64_t pwy_progress_step(const pwy_progress *progress);
/** "train", then "choose": the mixes of wide path and trunk. Borrowed for ever. @since 0.1 */
PWY_API const char *pwy_progress_phase(const pwy_progress *progress);
/** Experts of each layer that the tasks choose from now whose sets the run learns (train option `candidates`); 0: it
 *  learns none. @since 0.1 */
PWY_API int64_t pwy_progress_candidates(const pwy_progress *progress);
/** Tasks, for the two functions below. @since 0.1 */
PWY_API int64_t pwy_progress_task_count(const pwy_progress *progress);
/** Borrowed from the trainer; NULL out of range. @since 0.1 */
PWY_API const char *pwy_progress_task_name(const pwy_progress *progress, int64_t index);
/** Running score, in the task's metric, on what it trains on; NaN before the first. @since 0.1 */
PWY_API double pwy_progress_task_score(const pwy_progress *progress, int64_t index);

#ifdef __cplusplus
}
#endif
#endif

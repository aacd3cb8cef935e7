/**
 * @file pathways/pathway.h
 * Pathways that solidify: tasks are sealed, others are added behind them, and not a bit of a sealed one's answers
 * moves.
 *
 * A sealed task's closure is every byte that its answers read: they are locked, and a digest proves them. Tasks that
 * are added read what is there and train what is their own (muNet: Gesmundo and Dean 2022). Models never change: each
 * of these functions gives a new one, which shares all that is the same with the one it came from and holds it.
 */
#ifndef PATHWAYS_PATHWAY_H
#define PATHWAYS_PATHWAY_H
#include <pathways/status.h>
#include <pathways/options.h>
#include <pathways/model.h>
#include <pathways/trainer.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Seals a task, or all that are not sealed yet (task NULL). Each gets a way of its own over the experts that matter
 *  to it: as few a layer as lose no more than `tolerance` (.005) of its score, measured on its validation rows (500 at
 *  most) when it was trained: of accuracy, f1 and r2 that much; of an error, and of a text's bits per byte, that share
 *  of it, .005 is half a per cent more. A task without validation rows keeps all of its candidates: on the rows that
 *  it has learned nobody can tell what it would lose. options NULL: that. *out is the caller's. PWY_E_NOT_FOUND: no
 *  such task; PWY_E_STATE: it was not trained; a task that is sealed stays as it is. @since 0.1 */
PWY_API pwy_status pwy_model_seal(const pwy_model *model, const char *task, const pwy_options *options,
                                  pwy_model **out);
/** A trainer of the tasks of a registry, added to a model whose own tasks stay as they are to the bit. Looks through
 *  their training data and gives each its way: it reuses the pathway of the old task whose features explain most of
 *  its answers, or by which its texts cost least where it writes (measured on its training rows), clones the experts
 *  that it uses most and grows an adapter, a head and what senses are new, within a budget. It starts as the reused
 *  way. Run the trainer, take its model, seal it: of the candidates that it took over, those that matter to it stay,
 *  as of any task.
 *  With neither minutes nor steps nor epochs the run ends after 5 minutes, or after 10 passes over the rows (400 to
 *  4000 steps) where that is less; of tasks that write after 5 minutes.
 *  Options, beside those of pwy_trainer_new, a map `add`: `parameters` (that each new task brings, at most: all by
 *  which pwy_model_parameters grows, what its senses share that is new to the model and what tells it from other
 *  tasks included; default a tenth of what a model of its own would have, more where it cannot do with less, and what
 *  its senses share comes on top), `operations` (floating-point, of an answer to its greatest example, at most:
 *  pwy_result_flops of none is more; default no bound), `adapter` (8: hidden width at most), `clones` (4: experts at
 *  most), `reuse` ("best", "random" of those that share a sense, or a task's name), `seed` 1 (of "random").
 *  PWY_E_EXISTS: a name that is taken; PWY_E_LIMIT: a budget has no room for what a task needs at the least, which
 *  the message says; PWY_E_UNSUPPORTED: operations of a task that writes. The trainer cannot be saved. @since 0.1 */
PWY_API pwy_status pwy_trainer_add(pwy_model *model, pwy_registry *tasks, const pwy_options *options,
                                   pwy_trainer **out);
/** Saves a model to the file that it was opened from, before tasks were added or sealed: writes only what is new,
 *  beside that file (docs/format.md, deltas), as a whole or not at all; nothing where nothing is. A model that has no
 *  part in the file, or whose experts are not those of the file any more, is saved as a whole. PWY_E_STATE: the file
 *  has changed since. @since 0.1 */
PWY_API pwy_status pwy_model_save_added(const pwy_model *model, const char *path);
/** A model of some tasks alone, with what they read and nothing else: the same answers to the bit, and of sealed tasks
 *  the same digests. names (n). PWY_E_NOT_FOUND names the nearest; PWY_E_STATE: the model is packed
 *  (pwy_model_quantize). @since 0.1 */
PWY_API pwy_status pwy_model_extract(const pwy_model *model, const char *const *names, int64_t n, pwy_model **out);
/** Without a task, and without all that only it read. PWY_E_STATE: it is the only one. @since 0.1 */
PWY_API pwy_status pwy_model_forget(const pwy_model *model, const char *task, pwy_model **out);
/** Without experts and senses that no task reads: a sealed task reads its candidates, an open one with a list of
 *  candidates those, and one without a list may meet all experts that the trunk's routers know, so for it they stay. At
 *  least topk a layer stay. The same answers to the bit, the same digests; pruned again nothing changes. PWY_E_STATE:
 *  the model is packed. @since 0.1 */
PWY_API pwy_status pwy_model_prune(const pwy_model *model, pwy_model **out);
/** With `experts` more in every layer (needed, at least 1; a layer has 65536 at most), for the tasks that go by the
 *  trunk's own routers: room for what they learn next, also where what they share is sealed. A new expert is a copy
 *  of an old one, with its router column, and sleeps: its logit is too low by 32 to be chosen, so answers change by
 *  no more than rounding. Trained on (pwy_trainer_new; of a model from a file pwy_model_with_sources first), new
 *  experts fade in over the first tenth of the run and then learn as any. Sealed tasks, and others with candidates of
 *  their own, have the same answers to the bit, the same digests, and never meet new experts; learning by doing
 *  (pwy_trainer_learn) wakes none. Copies share the memory of `model` until they train, so it is held; in a file each
 *  has its own. Options: `experts`; `copy` used (each layer's most used experts, the first of them first, and again
 *  where more are needed than there are) or random; `seed` 1, of the random order and the noise; `noise` 0: each
 *  number of a copy moves by this times the root mean square of its matrix; `approximate` false: true grows also
 *  where answers of open tasks change, by routers that choose by how many experts there are (expert_choice, hash,
 *  caller). *out is the caller's. PWY_E_ARGUMENT: experts below 1, such a router without approximate; PWY_E_LIMIT:
 *  more than a layer can have; PWY_E_STATE: the model is dense (pwy_model_upcycle makes the first experts), is
 *  packed, or has a sealed task that goes by the trunk's routers. Any thread, while others use the model. @since 0.1 */
PWY_API pwy_status pwy_model_grow(const pwy_model *model, const pwy_options *options, pwy_model **out);
/** A task under another name; its answers and its digest stay. PWY_E_EXISTS: the name is taken. @since 0.1 */
PWY_API pwy_status pwy_model_rename(const pwy_model *model, const char *task, const char *name, pwy_model **out);
/** The tasks of both models, those of `other`, all sealed, behind those of `model`. A task of both, sealed, of one name
 *  and one digest, is there once: so what two added to copies of one model comes together. A sense that the sealed
 *  model had not, and each of the two brought for itself, is there twice, with a tokenizer each where it is text: every
 *  task reads what it learned with, and keeps its answers to the bit and its digest. Both must have grown from one
 *  sealed model: PWY_E_ARGUMENT names the setting or the tensor of the trunk that is not the same. PWY_E_EXISTS: a task
 *  of both that is not the same; PWY_E_STATE: one of other's that is not sealed. Any thread, while others use the
 *  models, which *out (the caller's) holds. @since 0.1 */
PWY_API pwy_status pwy_model_merge(const pwy_model *model, const pwy_model *other, pwy_model **out);
/** The digest of a sealed task's closure as 64 hexadecimal digits: it depends on nothing but what its answers read. The
 *  caller's (pwy_text_free). PWY_E_STATE: the task is not sealed. @since 0.1 */
PWY_API pwy_status pwy_model_digest(const pwy_model *model, const char *task, char **hex);
/** Makes the digest of a sealed task anew, and compares: PWY_E_FORMAT names a task that is not what was sealed. task
 *  NULL: all sealed ones. @since 0.1 */
PWY_API pwy_status pwy_model_check(const pwy_model *model, const char *task);

#ifdef __cplusplus
}
#endif
#endif

/**
 * @file pathways/model.h
 * The weights and their shape. The file: docs/format.md; the network: docs/architecture.md.
 */
#ifndef PATHWAYS_MODEL_H
#define PATHWAYS_MODEL_H
#include <pathways/status.h>
#include <pathways/options.h>
#include <pathways/context.h>
#include <pathways/registry.h>
#include <pathways/tokenizer.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Immutable and counted; any number of threads and sessions read one at once. */
typedef struct pwy_model pwy_model;

/** An untrained model for the tasks of a registry: looks through their training data for labels, statistics, trees and
 *  the tokenizer, which may take a while, and takes a copy of the registry that shares its sources. Options, as a
 *  recipe's `model:` (docs/recipe.md): `d` 128, `layers` 2, `heads` 4, `kv_heads` (as heads), `experts` 8, or 16 from
 *  nine tasks on (0: dense), `topk` 2, `hidden` (as d), `shared` 0, `vocab` 4096, `window` 256, `parallel` false,
 *  `balance` .01, `zloss` 0, `expert_lr` 1, `seed` 1. NULL: these. PWY_E_STATE: no task, a task without a part or
 *  without training rows. @since 0.1 */
PWY_API pwy_status pwy_model_new(pwy_registry *registry, const pwy_options *options, pwy_model **out);
/** Maps the file, which must stay as it is while the model lives; a save that replaces it leaves the mapped one alone.
 *  PWY_E_FORMAT names what is damaged. @since 0.1 */
PWY_API pwy_status pwy_model_open(pwy_context *context, const char *path, pwy_model **out);
/** The same from len bytes, which are copied. @since 0.1 */
PWY_API pwy_status pwy_model_open_memory(pwy_context *context, const void *data, int64_t len, pwy_model **out);
/** Writes the file beside the old one and renames it over: a crash leaves the old one whole. The same model gives the
 *  same bytes. PWY_E_IO: the folder cannot be written, or another writer is at this file. @since 0.1 */
PWY_API pwy_status pwy_model_save(const pwy_model *model, const char *path);
/** The same bytes into memory: *data is the caller's (pwy_text_free). @since 0.1 */
PWY_API pwy_status pwy_model_save_memory(const pwy_model *model, void **data, int64_t *len);
/** A copy for inference alone, without the sources: the matrices of the trunk packed as they are used, so that small
 *  batches take about as long as reading them. dtype `f32`: the same answers to the bit. `bf16` and `i8` (whole numbers
 *  with a scale for each column): a half and a quarter of the memory, and nearly the same answers. Saved and opened it
 *  stays packed, and runs as it lies in the file. PWY_E_ARGUMENT: another dtype; PWY_E_STATE: it is packed already.
 *  @since 0.1 */
PWY_API pwy_status pwy_model_quantize(const pwy_model *model, const char *dtype, pwy_model **out);
/** A sparse model from a dense one (`experts` 0), as Komatsuzaki and others (2022) do it: in every layer each expert is
 *  the dense feed-forward, and the router is new (N(0, .02^2)). As long as the gates of a row sum to 1 the answers are
 *  the dense model's up to rounding; trained on (pwy_trainer_new; of a model from a file pwy_model_with_sources first),
 *  the experts part. They share the dense model's memory until they train, so it is held. Options: `experts` (needed),
 *  `topk` 2, `router` topk, `gate` softmax, `normalise` chosen, `balance_by` loss, `balance`, `zloss`, `expert_lr` (the
 *  dense model's), `gate_scale`, `capacity`, `bias_rate`, `jitter`: as a recipe's `model:`; `seed` 1 of the routers and
 *  the noise; `noise` 0: each number of every copy moves by this times the root mean square of its matrix, which
 *  changes answers;
 *  `approximate` false: true allows gates that do not sum to 1 (topk 1 but by hash, normalise none, expert_choice,
 *  caller), whose answers differ; there `gate_scale`, unless it is given, makes them sum to about 1 at the start.
 *  PWY_E_ARGUMENT: no experts, topk over experts, gates that do not sum to 1; PWY_E_STATE: it has experts already, is
 *  packed, or has a sealed task. How the dense model was trained is not kept in the new one. @since 0.1 */
PWY_API pwy_status pwy_model_upcycle(const pwy_model *dense, const pwy_options *options, pwy_model **out);
/** The same model over the rows of a registry's tasks, found by name: what a model from a file needs before it can be
 *  trained on. Weights are shared, and `model` is held. PWY_E_NOT_FOUND: a task of the model that the registry does not
 *  have; PWY_E_ARGUMENT: it is of another kind there; PWY_E_STATE: the model is packed. @since 0.1 */
PWY_API pwy_status pwy_model_with_sources(const pwy_model *model, pwy_registry *tasks, pwy_model **out);
/** Whether a model could be written there now: PWY_E_IO or PWY_E_NOT_FOUND says why not. For asking before a long run.
 *  @since 0.1 */
PWY_API pwy_status pwy_model_check_path(const char *path);
/** Folds what was added beside the file (PATH.delta1, ...) into it, atomically; nothing to do is PWY_OK. PWY_E_STATE:
 *  another writer is at it. @since 0.1 */
PWY_API pwy_status pwy_model_pack(const char *path);
/** Told of a part of a file that is not as it was written: a tensor's name, "header" or "padding", and what is wrong
 *  with it. All texts are borrowed for the call. */
typedef void (*pwy_damage_fn)(const char *file, const char *part, const char *why, void *user);
/** Reads every byte of a model file, and of what was added beside it, against the digests in it. tell (NULL: nobody) is
 *  called on this thread for each part that differs; then the result is PWY_E_FORMAT, and the message names the first.
 *  PWY_E_UNSUPPORTED: written without digests. @since 0.1 */
PWY_API pwy_status pwy_model_verify(pwy_context *context, const char *path, pwy_damage_fn tell, void *user);
/** Lets go; NULL allowed. @since 0.1 */
PWY_API void pwy_model_free(pwy_model *model);
/** The tasks as the model knows them. Borrowed, as long as the model; not to be changed. @since 0.1 */
PWY_API pwy_registry *pwy_model_registry(const pwy_model *model);
/** Borrowed, as long as the model; NULL: no task has text. Of several, which pwy_model_merge may bring, the first: that
 *  of `model`. @since 0.1 */
PWY_API pwy_tokenizer *pwy_model_tokenizer(const pwy_model *model);
/** Numbers in all, of what is trained and of what was fitted before. @since 0.1 */
PWY_API int64_t pwy_model_parameters(const pwy_model *model);
/** What `pathways inspect --json` prints: one JSON object a line, the model first, then each task and each layer
 *  (docs/json.md). The caller's (pwy_text_free). @since 0.1 */
PWY_API pwy_status pwy_model_describe(const pwy_model *model, char **json);

#ifdef __cplusplus
}
#endif
#endif

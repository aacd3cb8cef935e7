/**
 * @file pathways/model.h
 * The weights and their shape.
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

/** A model for the tasks of a registry, sized by their training data: looks through it for labels, statistics and the tokenizer. Options (recipe: `model:`):
 *  `d`, `layers`, `heads`, `experts` (0: dense), `topk`, `hidden`, `shared`, `vocab`, `parallel`, `seed`. NULL: by the data. @since 0.1 */
PWY_API pwy_status pwy_model_new(pwy_registry *registry, const pwy_options *options, pwy_model **out);
PWY_API pwy_status pwy_model_open(pwy_context *context, const char *path, pwy_model **out);               /**< Maps the file. @since 0.1 */
PWY_API pwy_status pwy_model_open_memory(pwy_context *context, const void *data, int64_t len, pwy_model **out);   /**< Copies data. @since 0.1 */
/** Writes the file beside the old one and renames it over: a crash leaves the old one whole. @since 0.1 */
PWY_API pwy_status pwy_model_save(const pwy_model *model, const char *path);
PWY_API pwy_status pwy_model_save_memory(const pwy_model *model, void **data, int64_t *len);            /**< *data is the caller's (pwy_text_free). @since 0.1 */
/** Whether a model could be written there now: PWY_E_IO says why not. For asking before a long run. @since 0.1 */
PWY_API pwy_status pwy_model_check_path(const char *path);
PWY_API void pwy_model_free(pwy_model *model);                                             /**< Lets go; NULL allowed. @since 0.1 */
PWY_API pwy_registry *pwy_model_registry(const pwy_model *model);                          /**< Borrowed; not to be changed. @since 0.1 */
PWY_API pwy_tokenizer *pwy_model_tokenizer(const pwy_model *model);                        /**< Borrowed; NULL: no text. @since 0.1 */
PWY_API int64_t pwy_model_parameters(const pwy_model *model);                              /**< Trained numbers in all. @since 0.1 */
/** What `pathways inspect --json` prints: one JSON object a line, the model first, then each task and each layer. The caller's (pwy_text_free). @since 0.1 */
PWY_API pwy_status pwy_model_describe(const pwy_model *model, char **json);

#ifdef __cplusplus
}
#endif
#endif

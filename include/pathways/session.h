/**
 * @file pathways/session.h
 * Inference over a shared model, one session a thread, and what it answered.
 */
#ifndef PATHWAYS_SESSION_H
#define PATHWAYS_SESSION_H
#include <pathways/status.h>
#include <pathways/options.h>
#include <pathways/example.h>
#include <pathways/model.h>
#include <pathways/source.h>

#ifdef __cplusplus
extern "C" {
#endif

/** One thread at a time; any number over one model. */
typedef struct pwy_session pwy_session;
/** One answer. Immutable; outlives its session and model. */
typedef struct pwy_result pwy_result;
/** One task's evaluation. */
typedef struct pwy_score pwy_score;

/** Options: `threads` (1: the caller's), `max_new` (64) and `temperature` (0: greedy) and `seed` for writing, `shuffle_routes` (a key that permutes the router's choices: what is the routing worth?). @since 0.1 */
PWY_API pwy_status pwy_session_new(pwy_model *model, const pwy_options *options, pwy_session **out);
PWY_API void pwy_session_free(pwy_session *session);                                       /**< NULL allowed. @since 0.1 */
/** Answers one example; any parts may be missing but not all. *out is the caller's. @since 0.1 */
PWY_API pwy_status pwy_session_predict(pwy_session *session, const char *task, const pwy_example *example, pwy_result **out);
/** Answers n examples at once, each the same to the bit as alone. On failure nothing is written, and the message says which. @since 0.1 */
PWY_API pwy_status pwy_session_predict_batch(pwy_session *session, const char *task, const pwy_example *const *examples, int64_t n, pwy_result **out);
/** Reads a file into a part, as the task's sense takes it: text, bytes, PGM, PPM, WAV, a series' rows, and what decoders were added for. @since 0.1 */
PWY_API pwy_status pwy_session_read_part(pwy_session *session, const char *task, const char *path, const char *part, pwy_example *example);
/** Scores a task on a source, beside its baseline. Bad rows are skipped, counted and logged up to max_bad_rows (then PWY_E_LIMIT). @since 0.1 */
PWY_API pwy_status pwy_session_evaluate(pwy_session *session, const char *task, pwy_source *source, int64_t max_bad_rows, pwy_score **out);

PWY_API int64_t pwy_result_count(const pwy_result *result);                                /**< Labels answered, best first; 0 for a number or a text. @since 0.1 */
PWY_API const char *pwy_result_label(const pwy_result *result, int64_t index);             /**< NULL out of range. @since 0.1 */
PWY_API double pwy_result_score(const pwy_result *result, int64_t index);                  /**< Probability; NaN out of range. @since 0.1 */
PWY_API double pwy_result_number(const pwy_result *result);                                /**< The answer of regress; NaN for others. @since 0.1 */
PWY_API const char *pwy_result_text(const pwy_result *result);                             /**< The answer of generate, else NULL. @since 0.1 */
PWY_API double pwy_result_active_share(const pwy_result *result);                          /**< Parameters that this answer read, of all. @since 0.1 */
PWY_API int64_t pwy_result_active_parameters(const pwy_result *result);                    /**< @since 0.1 */
PWY_API double pwy_result_flops(const pwy_result *result);                                 /**< Floating-point operations in products. @since 0.1 */
PWY_API const char *pwy_result_json(const pwy_result *result);                             /**< One line, as `predict --json`. Borrowed. @since 0.1 */
PWY_API void pwy_result_free(pwy_result *result);                                          /**< NULL allowed. @since 0.1 */

PWY_API const char *pwy_score_metric(const pwy_score *score);                              /**< @since 0.1 */
PWY_API double pwy_score_value(const pwy_score *score);                                    /**< @since 0.1 */
PWY_API double pwy_score_baseline(const pwy_score *score);                                 /**< @since 0.1 */
PWY_API int pwy_score_higher_is_better(const pwy_score *score);                            /**< @since 0.1 */
PWY_API int64_t pwy_score_n(const pwy_score *score);                                       /**< Examples scored. @since 0.1 */
PWY_API int64_t pwy_score_bad_rows(const pwy_score *score);                                /**< Rows skipped. @since 0.1 */
PWY_API int64_t pwy_score_active_parameters(const pwy_score *score);                       /**< Mean over examples. @since 0.1 */
PWY_API int64_t pwy_score_total_parameters(const pwy_score *score);                        /**< @since 0.1 */
PWY_API double pwy_score_flops(const pwy_score *score);                                    /**< An example, mean. @since 0.1 */
PWY_API const char *pwy_score_json(const pwy_score *score);                                /**< One line, as `eval --json`. Borrowed. @since 0.1 */
PWY_API void pwy_score_free(pwy_score *score);                                             /**< NULL allowed. @since 0.1 */

#ifdef __cplusplus
}
#endif
#endif

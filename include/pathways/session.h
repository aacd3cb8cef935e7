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

/** One thread at a time; any number over one model, which it holds. */
typedef struct pwy_session pwy_session;
/** One answer. Immutable; outlives its session and model. */
typedef struct pwy_result pwy_result;
/** Which task an example belongs to. Immutable; outlives its session and model. */
typedef struct pwy_which pwy_which;
/** One task's evaluation. Immutable; outlives its session and model. */
typedef struct pwy_score pwy_score;

/** Options: `threads` (1: the caller's); for tasks that write `max_new` (64 tokens at most), `temperature` (0: greedy)
 *  and `seed` (1); `shuffle_routes` (0: off; else a key that permutes the router's choices: what is the routing
 *  worth?); `path` (both; or trunk or wide: what one of them answers alone, of tasks that have both). The answers are
 *  the same to the bit on any number of threads. @since 0.1 */
PWY_API pwy_status pwy_session_new(pwy_model *model, const pwy_options *options, pwy_session **out);
/** NULL allowed. @since 0.1 */
PWY_API void pwy_session_free(pwy_session *session);
/** Answers one example; any parts may be missing but not all. task NULL: the only one, where the model has one; else
 *  the task that pwy_session_which ranks first, with the example's parts renamed to its own. *out is the caller's.
 *  PWY_E_NOT_FOUND: no such task, or (task NULL) an example that is like none, the message names the nearest;
 *  PWY_E_STATE: it was not trained; PWY_E_ARGUMENT: a part that the task does not have, or of another sense;
 *  PWY_E_DATA: an example that cannot be answered. @since 0.1 */
PWY_API pwy_status pwy_session_predict(pwy_session *session, const char *task, const pwy_example *example,
                                       pwy_result **out);
/** Answers n examples at once, each the same to the bit as alone: out (n). On failure nothing is written, and the
 *  message says which example it was. n may be 0. @since 0.1 */
PWY_API pwy_status pwy_session_predict_batch(pwy_session *session, const char *task,
                                             const pwy_example *const *examples, int64_t n, pwy_result **out);
/** Ranks the model's tasks for an example that names none. A part is looked for by its name; one whose name begins with
 *  '*' ("*", "*2", ...: no task can have such a part) is any part that takes its value. Tasks that do not have the
 *  parts, whose columns or channels are others, or that were not trained are not in the ranking. What is asked are the
 *  values themselves, not the trunk: it costs no pass, and more training moves nothing. *out is the caller's.
 *  PWY_E_DATA: a value that cannot be read. @since 0.1 */
PWY_API pwy_status pwy_session_which(pwy_session *session, const pwy_example *example, pwy_which **out);
/** Tasks in the ranking. @since 0.1 */
PWY_API int64_t pwy_which_count(const pwy_which *which);
/** Best first, equal ones as the registry has them. Borrowed from which; NULL out of range. @since 0.1 */
PWY_API const char *pwy_which_task(const pwy_which *which, int64_t index);
/** Its share among the ranked, 0 .. 1; they sum to 1. NaN out of range. @since 0.1 */
PWY_API double pwy_which_confidence(const pwy_which *which, int64_t index);
/** How far the example strays from the task's own: those are about 0 with a spread of 1 or 2. Does not depend on what
 *  other tasks there are now. NaN out of range. @since 0.1 */
PWY_API double pwy_which_distance(const pwy_which *which, int64_t index);
/** The distance within which 95 of 100 of the task's validation rows stay. NaN out of range. @since 0.1 */
PWY_API double pwy_which_limit(const pwy_which *which, int64_t index);
/** 1: the first of the ranking is within its limit; 0: unknown. @since 0.1 */
PWY_API int pwy_which_known(const pwy_which *which);
/** One line (docs/json.md). Borrowed from which. @since 0.1 */
PWY_API const char *pwy_which_json(const pwy_which *which);
/** NULL allowed. @since 0.1 */
PWY_API void pwy_which_free(pwy_which *which);
/** Reads a file into a part (NULL: the task's first; task NULL, of several: any part, by the first sense that can read
 *  it), as the task's sense takes it: text, bytes, PGM, PPM, WAV, a
 *  series' rows, a table's row as a JSON object, and what decoders were added for to the model's context. @since 0.1 */
PWY_API pwy_status pwy_session_read_part(pwy_session *session, const char *task, const char *path, const char *part,
                                         pwy_example *example);
/** Scores a task on every row of a source, beside its baseline. Bad rows are skipped, counted and logged up to
 *  max_bad_rows (then PWY_E_LIMIT). *out is the caller's. @since 0.1 */
PWY_API pwy_status pwy_session_evaluate(pwy_session *session, const char *task, pwy_source *source,
                                        int64_t max_bad_rows, pwy_score **out);

/** The task that answered: the one that was named, or found out. Borrowed from result. @since 0.1 */
PWY_API const char *pwy_result_task(const pwy_result *result);
/** The digest of the sealed task's closure as 64 hexadecimal digits (pwy_model_digest); NULL: it is not sealed.
 *  Borrowed from result. @since 0.1 */
PWY_API const char *pwy_result_digest(const pwy_result *result);
/** Labels answered, best first; 0 for a number or a text. @since 0.1 */
PWY_API int64_t pwy_result_count(const pwy_result *result);
/** Borrowed from result; NULL out of range. @since 0.1 */
PWY_API const char *pwy_result_label(const pwy_result *result, int64_t index);
/** Probability, 0 .. 1: of classify they sum to 1, of multilabel each stands by itself. NaN out of range. @since 0.1 */
PWY_API double pwy_result_score(const pwy_result *result, int64_t index);
/** The answer of regress, in the target's unit; NaN for others. @since 0.1 */
PWY_API double pwy_result_number(const pwy_result *result);
/** The answer of generate, else NULL. Borrowed from result. @since 0.1 */
PWY_API const char *pwy_result_text(const pwy_result *result);
/** Parameters that this answer read, of all: 0 .. 1. @since 0.1 */
PWY_API double pwy_result_active_share(const pwy_result *result);
/** Parameters that this answer read; docs/json.md says what counts. @since 0.1 */
PWY_API int64_t pwy_result_active_parameters(const pwy_result *result);
/** Floating-point operations in products, a multiply and an add each; of a batch, an example's mean. @since 0.1 */
PWY_API double pwy_result_flops(const pwy_result *result);
/** One line, as `predict --json` (docs/json.md). Borrowed from result. @since 0.1 */
PWY_API const char *pwy_result_json(const pwy_result *result);
/** NULL allowed. @since 0.1 */
PWY_API void pwy_result_free(pwy_result *result);

/** The metric's name: "accuracy". Borrowed from score. @since 0.1 */
PWY_API const char *pwy_score_metric(const pwy_score *score);
/** In the metric's unit: shares in 0 .. 1, errors in the target's unit, bits per byte; NaN: no row. @since 0.1 */
PWY_API double pwy_score_value(const pwy_score *score);
/** The same metric of one fixed answer: the most common training label, the mean of the training targets, or the
 *  order-0 entropy of the bytes scored. @since 0.1 */
PWY_API double pwy_score_baseline(const pwy_score *score);
/** 1 or 0. @since 0.1 */
PWY_API int pwy_score_higher_is_better(const pwy_score *score);
/** Examples scored. @since 0.1 */
PWY_API int64_t pwy_score_n(const pwy_score *score);
/** Rows skipped. @since 0.1 */
PWY_API int64_t pwy_score_bad_rows(const pwy_score *score);
/** Mean over examples, rounded. @since 0.1 */
PWY_API int64_t pwy_score_active_parameters(const pwy_score *score);
/** As pwy_model_parameters. @since 0.1 */
PWY_API int64_t pwy_score_total_parameters(const pwy_score *score);
/** An example, mean. @since 0.1 */
PWY_API double pwy_score_flops(const pwy_score *score);
/** One line, as `eval --json` (docs/json.md). Borrowed from score. @since 0.1 */
PWY_API const char *pwy_score_json(const pwy_score *score);
/** NULL allowed. @since 0.1 */
PWY_API void pwy_score_free(pwy_score *score);

#ifdef __cplusplus
}
#endif
#endif

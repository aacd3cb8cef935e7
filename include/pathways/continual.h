/**
 * @file pathways/continual.h
 * Tasks learned one after the other: the matrix of scores R[after][task], the score of each task after each was
 * learned, and what the field reads off it (Lopez-Paz and Ranzato 2017; Chaudhry and others 2018).
 */
#ifndef PATHWAYS_CONTINUAL_H
#define PATHWAYS_CONTINUAL_H
#include <pathways/status.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Tasks in the order in which they were learned, from 0, and their scores. One thread at a time. */
typedef struct pwy_continual pwy_continual;

PWY_API pwy_status pwy_continual_new(pwy_continual **out);                        /**< No task yet. @since 0.1 */
PWY_API void pwy_continual_free(pwy_continual *continual);                        /**< NULL allowed. @since 0.1 */
/** The task learned next; index may be NULL. higher_is_better is 0 for errors (rmse, bits per byte): gains are then
 *  what the score went down by. PWY_E_EXISTS when the name is taken, PWY_E_ARGUMENT as of a registry's name.
 *  @since 0.1 */
PWY_API pwy_status pwy_continual_add(pwy_continual *continual, const char *name, int higher_is_better, int64_t *index);
/** PWY_E_NOT_FOUND. @since 0.1 */
PWY_API pwy_status pwy_continual_find(const pwy_continual *continual, const char *name, int64_t *index);
PWY_API int64_t pwy_continual_count(const pwy_continual *continual);              /**< Tasks. @since 0.1 */
/** NULL out of range. @since 0.1 */
PWY_API const char *pwy_continual_name(const pwy_continual *continual, int64_t index);
/** R[after][task]: the score on `task` once `after` was learned; task may be one that is learned later. A score that is
 *  there is replaced. PWY_E_ARGUMENT: out of range, or not a finite number. @since 0.1 */
PWY_API pwy_status pwy_continual_set(pwy_continual *continual, int64_t after, int64_t task, double score);
/** The score on `task` of a model that has learned nothing, for forward transfer. @since 0.1 */
PWY_API pwy_status pwy_continual_set_baseline(pwy_continual *continual, int64_t task, double score);
/** What was set; NaN: nothing. @since 0.1 */
PWY_API double pwy_continual_score(const pwy_continual *continual, int64_t after, int64_t task);
PWY_API double pwy_continual_baseline(const pwy_continual *continual, int64_t task);       /**< The same. @since 0.1 */

/* What is known once task k = `after` was learned; NaN where a score that it needs is missing, or there is no earlier
   task. Gains of tasks where lower is better are counted the other way round. */
/** ACC: mean over j <= k of R[k][j]. @since 0.1 */
PWY_API double pwy_continual_accuracy(const pwy_continual *continual, int64_t after);
/** Mean over j < k of R[k][j] - R[j][j]: below 0, old tasks lost by the new ones. @since 0.1 */
PWY_API double pwy_continual_backward_transfer(const pwy_continual *continual, int64_t after);
/** Mean over 1 <= j <= k of R[j-1][j] - baseline[j]: what earlier tasks gave one before it was learned. @since 0.1 */
PWY_API double pwy_continual_forward_transfer(const pwy_continual *continual, int64_t after);
/** Mean over j < k of max over i < k of R[i][j], less R[k][j]: how far each is below its best. Exactly 0 where no score
 *  moved. @since 0.1 */
PWY_API double pwy_continual_forgetting(const pwy_continual *continual, int64_t after);

/** Matrix, baselines and the four figures after each task, as one JSON object (docs/json.md). The caller's
 *  (pwy_text_free). @since 0.1 */
PWY_API pwy_status pwy_continual_json(const pwy_continual *continual, char **json);
/** Back from that text; figures are worked out anew. PWY_E_FORMAT. @since 0.1 */
PWY_API pwy_status pwy_continual_parse(const char *json, pwy_continual **out);

#ifdef __cplusplus
}
#endif
#endif

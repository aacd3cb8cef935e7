/**
 * @file pathways/routes.h
 * Where rows went: counts of it by task, layer and expert (a record), and the routes themselves, kept and replayed.
 */
#ifndef PATHWAYS_ROUTES_H
#define PATHWAYS_ROUTES_H
#include <pathways/router.h>
#include <pathways/session.h>
#include <pathways/trainer.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Routes, one routing after another: of a pass, one for each layer. Counted: whoever uses it holds it. Used by one
 *  thread at a time. */
typedef struct pwy_routes pwy_routes;
/** What a user of routes does with them. @since 0.1 */
typedef enum pwy_routes_mode {
    PWY_ROUTES_OFF    = 0,    /**< nothing */
    PWY_ROUTES_RECORD = 1,    /**< every routing goes behind what is there */
    PWY_ROUTES_REPLAY = 2     /**< rows meet the experts that were recorded, from the first routing on */
} pwy_routes_mode;

/** Empty. @since 0.1 */
PWY_API pwy_status pwy_routes_new(pwy_routes **out);
/** From a file that pwy_routes_save wrote; PWY_E_FORMAT for any other. @since 0.1 */
PWY_API pwy_status pwy_routes_open(const char *path, pwy_routes **out);
/** Replaces the file as a whole. @since 0.1 */
PWY_API pwy_status pwy_routes_save(const pwy_routes *routes, const char *path);
/** Routings in it. @since 0.1 */
PWY_API int64_t pwy_routes_count(const pwy_routes *routes);
/** NULL allowed. @since 0.1 */
PWY_API void pwy_routes_free(pwy_routes *routes);

/** From now on the router, session or trainer keeps its routes there, or is made to go by them; PWY_ROUTES_OFF (routes
 *  may be NULL) ends that, as does the user's end. A replay begins with the first routing. It takes the choices; gates
 *  are made from the logits of now, so that they can be trained, and with the weights of the recording answers are the
 *  same to the bit. Neither the running loads nor the biases of balance move in a replay. A pass of another shape, a
 *  choice that is no candidate, or the end of what was recorded is PWY_E_ARGUMENT there; after it, begin anew. Routes
 *  of a caller's function are not replayed (PWY_E_UNSUPPORTED). @since 0.1 */
PWY_API pwy_status pwy_router_use_routes(pwy_router *router, pwy_routes *routes, pwy_routes_mode mode);
PWY_API pwy_status pwy_session_use_routes(pwy_session *session, pwy_routes *routes,
                                          pwy_routes_mode mode);   /**< @since 0.1 */
PWY_API pwy_status pwy_trainer_use_routes(pwy_trainer *trainer, pwy_routes *routes,
                                          pwy_routes_mode mode);   /**< @since 0.1 */

/** Counts of a model's (row, slot) pairs by task, layer and expert. Counted as ::pwy_routes, one thread at a time. */
typedef struct pwy_record pwy_record;
/** For the tasks and the shape of this model, which it holds; `experts` below are those of its largest
 *  layer. Of a dense model: PWY_E_ARGUMENT. @since 0.1 */
PWY_API pwy_status pwy_record_new(pwy_model *model, pwy_record **out);
/** From now on the session's or the trainer's passes are counted there; NULL ends that. The model must have the
 *  record's tasks in the same order, and its shape. @since 0.1 */
PWY_API pwy_status pwy_session_use_record(pwy_session *session, pwy_record *record);
PWY_API pwy_status pwy_trainer_use_record(pwy_trainer *trainer, pwy_record *record);    /**< @since 0.1 */
/** How often each expert of a layer was met by the rows of a task, or of all (NULL): counts (experts). @since 0.1 */
PWY_API pwy_status pwy_record_counts(const pwy_record *record, const char *task, int64_t layer, int64_t *counts);
/** What the counts come to: entropy of the experts' shares in nats, MaxVio = the greatest count over the mean, less 1,
 *  the share of the layer's experts that were met at all, and the pairs that were dropped for want of capacity. Any may
 *  be NULL. @since 0.1 */
PWY_API pwy_status pwy_record_measure(const pwy_record *record, const char *task, int64_t layer, double *entropy,
                                      double *max_violation, double *met, int64_t *dropped);
/** How far two tasks share a layer's experts: the sum over experts of the lesser of their shares, 1 where they go the
 *  same ways, 0 where they meet nowhere. @since 0.1 */
PWY_API pwy_status pwy_record_overlap(const pwy_record *record, const char *one, const char *other, int64_t layer,
                                      double *overlap);
/** Back to 0. @since 0.1 */
PWY_API void pwy_record_reset(pwy_record *record);
/** NULL allowed. @since 0.1 */
PWY_API void pwy_record_free(pwy_record *record);

#ifdef __cplusplus
}
#endif
#endif

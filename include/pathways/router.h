/**
 * @file pathways/router.h
 * The policy that sends a token to experts, usable by itself, and the record of where they went.
 */
#ifndef PATHWAYS_ROUTER_H
#define PATHWAYS_ROUTER_H
#include <pathways/status.h>
#include <pathways/options.h>

#ifdef __cplusplus
extern "C" {
#endif

/** One thread at a time. */
typedef struct pwy_router pwy_router;

/** Options: `experts` (needed), `topk` (2), `renormalise` (true for topk >= 2), `balance` (.01), `zloss` (0), `threads` (1). @since 0.1 */
PWY_API pwy_status pwy_router_new(const pwy_options *options, pwy_router **out);
/** Routes n tokens by their logits (n, experts): the chosen experts (n, topk), ascending, and gates (n, topk). Ties go to the lowest index.
 *  NaN or infinity: PWY_E_DATA, nothing written. n may be 0. @since 0.1 */
PWY_API pwy_status pwy_router_route(pwy_router *router, int64_t n, const float *logits, int32_t *experts, float *gates);
/** The gradient of the last routing: by gates (n, topk) plus the balance loss and z-loss, to logits (n, experts). @since 0.1 */
PWY_API pwy_status pwy_router_backward(pwy_router *router, const float *dgates, float *dlogits);
PWY_API pwy_status pwy_router_losses(const pwy_router *router, double *balance, double *zloss);      /**< Of the last routing. @since 0.1 */
/** How many (token, slot) pairs each expert has received since the start or the last reset: counts (experts). @since 0.1 */
PWY_API pwy_status pwy_router_load(const pwy_router *router, int64_t *counts);
PWY_API void pwy_router_reset(pwy_router *router);                                         /**< @since 0.1 */
PWY_API void pwy_router_free(pwy_router *router);                                          /**< NULL allowed. @since 0.1 */

#ifdef __cplusplus
}
#endif
#endif

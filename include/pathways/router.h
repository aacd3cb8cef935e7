/**
 * @file pathways/router.h
 * The policy that sends a token to experts, usable by itself, and the record of where they went.
 *
 * Token choice (Shazeer et al. 2017) with the balance loss of Switch Transformers (Fedus et al. 2022) and the z-loss of
 * ST-MoE (Zoph et al. 2022), dropless. Formulas: docs/architecture.md.
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

/** Options: `experts` (needed), `topk` (2; at most experts), `renormalise` (true: gates p / sum of the chosen p; of one
 *  choice always p), `balance` (.01) and `zloss` (0): weights of the two losses, `threads` (1). @since 0.1 */
PWY_API pwy_status pwy_router_new(const pwy_options *options, pwy_router **out);
/** Routes n tokens by their logits (n, experts): the chosen experts (n, topk), ascending, and gates (n, topk). Ties go
 *  to the lowest index. NaN or infinity: PWY_E_DATA, nothing written, the last routing kept. n may be 0. @since 0.1 */
PWY_API pwy_status pwy_router_route(pwy_router *router, int64_t n, const float *logits, int32_t *experts,
                                    float *gates);
/** The gradient of the last routing: by gates (n, topk) plus the balance loss and z-loss, to logits (n, experts), which
 *  is overwritten. PWY_E_STATE before the first routing. @since 0.1 */
PWY_API pwy_status pwy_router_backward(pwy_router *router, const float *dgates, float *dlogits);
/** Of the last routing, each times its weight. PWY_E_STATE before the first. @since 0.1 */
PWY_API pwy_status pwy_router_losses(const pwy_router *router, double *balance, double *zloss);
/** How many (token, slot) pairs each expert has received since the start or the last reset: counts (experts).
 *  @since 0.1 */
PWY_API pwy_status pwy_router_load(const pwy_router *router, int64_t *counts);
/** Sets the counts back to 0. @since 0.1 */
PWY_API void pwy_router_reset(pwy_router *router);
/** NULL allowed. @since 0.1 */
PWY_API void pwy_router_free(pwy_router *router);

#ifdef __cplusplus
}
#endif
#endif

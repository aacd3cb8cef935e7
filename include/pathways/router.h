/**
 * @file pathways/router.h
 * The policies that send a token to experts, usable by themselves, and the count of where they went.
 *
 * Token choice (Shazeer et al. 2017) with the balance loss of Switch Transformers (Fedus et al. 2022), the z-loss of
 * ST-MoE (Zoph et al. 2022) or biases instead of a loss (DeepSeek-AI 2024); expert choice (Zhou et al. 2022); by hash
 * (Roller et al. 2021); whole tasks (Kudugunta et al. 2021); a function of the caller's. Formulas:
 * docs/architecture.md.
 */
#ifndef PATHWAYS_ROUTER_H
#define PATHWAYS_ROUTER_H
#include <pathways/status.h>
#include <pathways/options.h>
#include <pathways/context.h>

#ifdef __cplusplus
extern "C" {
#endif

/** One thread at a time. */
typedef struct pwy_router pwy_router;

/** Options: `experts` (needed), `topk` (2; at most experts), `router` (topk; or expert_choice, hash, task), `gate`
 *  (softmax; or sigmoid), `renormalise` (true: gates p / sum of the chosen p; of one choice always p), `gate_scale`
 *  (1): gates times this, `capacity` (0: none dropped; else an expert takes capacity times its even share of the rows,
 *  the rest are dropped; expert_choice needs one), `balance_by` (loss; or bias, of topk alone), `balance` (.01) and
 *  `zloss` (0): weights of the two losses, `bias_rate` (.001), `jitter` (0): logits times U(1 - j, 1 + j), `seed` (1)
 *  of the jitter, `threads` (1). @since 0.1 */
PWY_API pwy_status pwy_router_new(const pwy_options *options, pwy_router **out);
/** From the next routing on, rows choose among these experts alone: list (n), ascending, at least topk of them; copied.
 *  Logits then are (rows, n). n 0: among all again. @since 0.1 */
PWY_API pwy_status pwy_router_set_candidates(pwy_router *router, int64_t n, const int32_t *list);
/** Routes n rows by their logits (n, candidates): writes the chosen (n, topk), each a place among the candidates or -1
 *  for none, and the gates (n, topk). layer: which router of a model asks, 0 of one by itself. Anything but PWY_OK
 *  stops the routing with PWY_E_CALLBACK. On the thread that routes. */
typedef pwy_status (*pwy_route_fn)(int64_t layer, int64_t n, int64_t candidates, int64_t topk, const float *logits,
                                   int32_t *chosen, float *gates, void *user);
/** The gradient of the gates: writes dlogits (n, candidates) by dgates (n, topk). */
typedef pwy_status (*pwy_route_grad_fn)(int64_t layer, int64_t n, int64_t candidates, int64_t topk,
                                        const float *logits, const int32_t *chosen, const float *gates,
                                        const float *dgates, float *dlogits, void *user);
/** From now on fn decides, whatever `router` said; losses, capacity and counts stay. grad NULL: the gates are
 *  constants. destroy (NULL allowed) ends user. @since 0.1 */
PWY_API pwy_status pwy_router_set_function(pwy_router *router, pwy_route_fn fn, pwy_route_grad_fn grad, void *user,
                                           pwy_destroy_fn destroy);
/** For models with `router: caller`: fn decides in each of their layers, on whatever thread asks them. Once, before
 *  such a model is made or opened under the context; again: PWY_E_STATE. destroy (NULL allowed) ends user with the
 *  context, or at once on failure. @since 0.1 */
PWY_API pwy_status pwy_context_set_router(pwy_context *context, pwy_route_fn fn, pwy_route_grad_fn grad, void *user,
                                          pwy_destroy_fn destroy);
/** Routes n rows by their logits (n, candidates): the chosen experts (n, topk), ascending, and gates (n, topk); a
 *  dropped choice is expert -1 with gate 0. Ties go to the lowest index. By `task` the n rows are one task's, and
 *  logits are one row of them. By `expert_choice` the rows are one sequence, experts and gates must be NULL, and
 *  pwy_router_pairs has the answer; else they may be NULL too. NaN or infinity: PWY_E_DATA, nothing written, the last
 *  routing kept. n may be 0. @since 0.1 */
PWY_API pwy_status pwy_router_route(pwy_router *router, int64_t n, const float *logits, int32_t *experts,
                                    float *gates);
/** The same for `hash`: by keys (n), as ids of tokens: rows of one key meet the same experts. PWY_E_STATE of another
 *  router. @since 0.1 */
PWY_API pwy_status pwy_router_route_keys(pwy_router *router, int64_t n, const uint64_t *keys, int32_t *experts,
                                         float *gates);
/** The last routing as pairs of a row and an expert: row i's are first[i] .. first[i + 1] - 1 of experts and gates;
 *  an expert of -1 was dropped. Borrowed until the next routing; any of the four may be NULL. PWY_E_STATE before the
 *  first. @since 0.1 */
PWY_API pwy_status pwy_router_pairs(const pwy_router *router, int64_t *n_pairs, const int32_t **first,
                                    const int32_t **experts, const float **gates);
/** The gradient of the last routing: by gates (pairs: n topk but for expert_choice) plus the balance loss and z-loss,
 *  to logits, which is overwritten. Of `hash` nothing: NULL is allowed. PWY_E_STATE before the first routing.
 *  @since 0.1 */
PWY_API pwy_status pwy_router_backward(pwy_router *router, const float *dgates, float *dlogits);
/** Once per optimizer step, with `balance_by: bias`: biases move towards balance by what was routed since the last
 *  step. @since 0.1 */
PWY_API pwy_status pwy_router_step(pwy_router *router);
/** The biases (candidates); zeros without `balance_by: bias`. @since 0.1 */
PWY_API pwy_status pwy_router_biases(const pwy_router *router, float *biases);
/** Of the last routing, each times its weight. PWY_E_STATE before the first. @since 0.1 */
PWY_API pwy_status pwy_router_losses(const pwy_router *router, double *balance, double *zloss);
/** How many (token, slot) pairs each expert has received since the start or the last reset: counts (experts).
 *  @since 0.1 */
PWY_API pwy_status pwy_router_load(const pwy_router *router, int64_t *counts);
/** Of what was counted: the entropy of the experts' shares in nats, MaxVio = the greatest count over the mean, less 1,
 *  both over all experts, and how many pairs were dropped. Any may be NULL. @since 0.1 */
PWY_API pwy_status pwy_router_balance(const pwy_router *router, double *entropy, double *max_violation,
                                      int64_t *dropped);
/** Sets the counts back to 0. @since 0.1 */
PWY_API void pwy_router_reset(pwy_router *router);
/** NULL allowed. @since 0.1 */
PWY_API void pwy_router_free(pwy_router *router);

#ifdef __cplusplus
}
#endif
#endif

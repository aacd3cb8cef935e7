/* One routing: what is asked is checked and cut into pieces, the policy decides, what is over the capacity is dropped,
   the rest is sorted by expert, and the losses are taken. */
#include "route/policy.h"
#include "route/tape.h"
#include <string.h>

static const struct pw_policy *const policies[] = {
    [PW_TOPK] = &pw_policy_topk, [PW_EXPERT_CHOICE] = &pw_policy_expert_choice, [PW_HASH] = &pw_policy_hash,
    [PW_WHOLE_TASK] = &pw_policy_whole_task, [PW_CALLER] = &pw_policy_caller};
const char *const pw_router_all_words[] = {"topk", "expert_choice", "hash", "task", "caller", NULL};
enum { POLICIES = sizeof policies / sizeof *policies };

const struct pw_policy *pw_policy_of(enum pw_router_policy policy)
{
    return policies[policy];
}

const char *pw_router_word(enum pw_router_policy policy)
{
    return (int)policy < POLICIES ? policies[policy]->word : NULL;
}

pwy_status pw_router_policy(const char *word, enum pw_router_policy *out)
{
    for (int i = 0; i < POLICIES; i++) {
        if (strcmp(word, policies[i]->word) != 0) continue;
        *out = (enum pw_router_policy)i;
        return PWY_OK;
    }
    return pw_fail(PWY_E_ARGUMENT, "router: there is no '%s'; there are topk, expert_choice, hash, task and caller",
                   word);
}

static pwy_status either(const char *what, const char *word, const char *first, const char *second, bool *out)
{
    *out = word != NULL && strcmp(word, second) == 0;
    if (word == NULL || *out || strcmp(word, first) == 0) return PWY_OK;
    return pw_fail(PWY_E_ARGUMENT, "router: %s is '%s'; it must be %s or %s", what, word, first, second);
}

pwy_status pw_router_words(const char *router, const char *gate, const char *balance_by, struct pw_router_config *c)
{
    PW_TRY(pw_router_policy(router == NULL ? "topk" : router, &c->policy));
    PW_TRY(either("gate", gate, "softmax", "sigmoid", &c->sigmoid));
    return either("balance_by", balance_by, "loss", "bias", &c->by_bias);
}

static pwy_status check_numbers(const struct pw_router_config *c)
{
    if (c->experts < 1) return pw_fail(PWY_E_ARGUMENT, "router: experts is %d; it must be at least 1", c->experts);
    if (c->topk < 1 || c->topk > c->experts)
        return pw_fail(PWY_E_ARGUMENT, "router: topk is %d with experts %d; it must be from 1 to the number of experts",
                       c->topk, c->experts);
    if (!(c->balance >= 0 && c->zloss >= 0) || isinf(c->balance) || isinf(c->zloss))
        return pw_fail(PWY_E_ARGUMENT, "router: balance is %g and zloss %g; neither may be negative", c->balance,
                       c->zloss);
    if (!(c->load_memory >= 0 && c->load_memory < 1))
        return pw_fail(PWY_E_ARGUMENT, "router: load_memory is %g; it must be from 0 to below 1", c->load_memory);
    if (!(c->jitter >= 0 && c->jitter < 1))
        return pw_fail(PWY_E_ARGUMENT, "router: jitter is %g; it must be from 0 to below 1", c->jitter);
    if (!(c->gate_scale >= 0) || isinf(c->gate_scale))
        return pw_fail(PWY_E_ARGUMENT, "router: gate_scale is %g; it must be over 0", c->gate_scale);
    if (!(c->capacity >= 0) || isinf(c->capacity))
        return pw_fail(PWY_E_ARGUMENT, "router: capacity is %g; it must be over 0, or 0 for none", c->capacity);
    return PWY_OK;
}

pwy_status pw_router_check(const struct pw_router_config *c)
{
    PW_TRY(check_numbers(c));
    if ((int)c->policy < 0 || (int)c->policy >= POLICIES)
        return pw_fail(PWY_E_ARGUMENT, "router: policy is %d; it must be from 0 to %d", (int)c->policy, POLICIES - 1);
    if (c->policy == PW_EXPERT_CHOICE && c->capacity == 0)
        return pw_fail(PWY_E_ARGUMENT, "router: capacity is 0, but expert_choice needs one; 1 or 2 is usual");
    if (c->policy == PW_CALLER && c->choose == NULL)
        return pw_fail(PWY_E_ARGUMENT, "router: caller needs a function; pwy_router_set_function, or "
                       "pwy_context_set_router for a model, gives it one");
    if (c->sigmoid && c->zloss > 0)
        return pw_fail(PWY_E_ARGUMENT, "router: zloss is %g with gate sigmoid, which has no log sum exp; it must be 0",
                       c->zloss);
    if (c->by_bias && c->policy != PW_TOPK)
        return pw_fail(PWY_E_ARGUMENT, "router: balance_by bias goes with topk, not with %s",
                       policies[c->policy]->word);
    return PWY_OK;
}

/* --- forward --- */

static pwy_status make_routes(const struct pw_exec *x, const struct pw_router_config *c, int n_segments,
                              const struct pw_segment *segment, struct pw_routes **out)
{
    size_t size = (size_t)pw_route_size(c, n_segments, segment);
    bool noisy = x->train && c->jitter > 0 && c->policy != PW_CALLER;
    struct pw_routes *r;
    PW_NEED(r = pw_arena_zero(x->arena, 1, sizeof *r));
    r->experts = c->experts;
    r->topk = c->topk;
    PW_TRY(pw_spans_make(x, c, n_segments, segment, r));
    PW_NEED(r->prob = pw_arena_take(x->arena, size + 1, sizeof *r->prob));
    if (x->train) PW_NEED(r->lse = pw_arena_take(x->arena, (size_t)r->n_tokens + 1, sizeof *r->lse));
    if (noisy) PW_NEED(r->noise = pw_arena_take(x->arena, size + 1, sizeof *r->noise));
    *out = r;
    return PWY_OK;
}

static size_t sums_of(const struct pw_routing *j)
{
    if (j->n_pieces == 0) return 0;
    const struct pw_piece *last = &j->piece[j->n_pieces - 1];
    return last->sum + (size_t)j->r->span[last->span].n;
}

static pwy_status complain(const struct pw_routing *j)
{
    for (int i = 0; i < j->n_pieces; i++) {
        const struct pw_span *s = &j->r->span[j->piece[i].span];
        int64_t t = j->bad[i];
        if (t < 0) continue;
        const real *z = j->logits + pw_logits_of(s, (int)t);
        int e = 0;
        while (isfinite(z[e])) e++;
        return pw_fail(PWY_E_DATA, "router: the logit of row %lld for expert %d is %g; logits must be finite",
                       (long long)t, s->expert == NULL ? e : s->expert[e], (double)z[e]);
    }
    return PWY_OK;
}

/* What balancing by bias counts: every pair, dropped or not. */
static void count_met(const struct pw_routes *r)
{
    for (int i = 0; i < r->n_spans; i++) {
        const struct pw_span *s = &r->span[i];
        if (s->met == NULL) continue;
        for (int p = r->pair[s->first]; p < r->pair[s->first + s->rows]; p++)
            if (r->place[p] >= 0) s->met[r->place[p]]++;
    }
}

/* For the caller's gradient. */
static pwy_status keep_logits(const struct pw_exec *x, const struct pw_router_config *c, int n_segments,
                              const struct pw_segment *segment, struct pw_routing *j)
{
    size_t size = (size_t)pw_route_size(c, n_segments, segment);
    real *own;
    if (!x->train || c->grad == NULL) return PWY_OK;
    PW_NEED(own = pw_arena_take(x->arena, size + 1, sizeof *own));
    memcpy(own, j->logits, size * sizeof *own);
    j->r->logits = own;
    return PWY_OK;
}

/* Choices come from the tape. */
static pwy_status replay(struct pw_routing *j)
{
    struct pw_tape *tape = j->x->tape;
    if (tape == NULL || tape->mode != PW_TAPE_REPLAY) return PWY_OK;
    if (j->c->policy == PW_CALLER)
        return pw_fail(PWY_E_UNSUPPORTED, "routes: the gates of a caller's router are its own; it cannot be replayed");
    for (int s = 0; s < j->r->n_spans; s++) j->r->span[s].swap = NULL;
    j->replay = true;
    PW_TRY(pw_tape_give(j->x, tape, (int)j->c->key, j->r));
    bool even = j->c->policy == PW_EXPERT_CHOICE || j->r->n_pairs == (int64_t)j->r->n_tokens * j->r->topk;
    for (int t = 0; even && j->c->policy != PW_EXPERT_CHOICE && t < j->r->n_tokens; t++)
        even = j->r->pair[t + 1] - j->r->pair[t] == j->r->topk;
    if (even) return PWY_OK;
    return pw_fail(PWY_E_ARGUMENT, "routes: %d pairs are to be replayed for %d rows; topk %d needs that many for each",
                   j->r->n_pairs, j->r->n_tokens, j->r->topk);
}

pwy_status pw_route(struct pw_exec *x, const struct pw_router_config *c, int n_segments,
                    const struct pw_segment *segment, const real *logits, double *load, struct pw_routes **out)
{
    struct pw_routing j = {.x = x, .c = c, .logits = logits};
    PW_TRY(pw_segments_check(c, n_segments, segment));
    PW_TRY(make_routes(x, c, n_segments, segment, &j.r));
    PW_TRY(pw_pieces_make(x, c, j.r, &j.n_pieces, &j.piece));
    if (x->train) PW_NEED(j.prob_sum = pw_arena_take(x->arena, sums_of(&j) + 1, sizeof *j.prob_sum));
    PW_NEED(j.z_sum = pw_arena_take(x->arena, (size_t)j.n_pieces + 1, sizeof *j.z_sum));
    PW_NEED(j.bad = pw_arena_take(x->arena, (size_t)j.n_pieces + 1, sizeof *j.bad));
    if (c->policy == PW_CALLER) PW_TRY(keep_logits(x, c, n_segments, segment, &j));
    PW_TRY(replay(&j));
    PW_TRY(pw_policy_of(c->policy)->decide(&j));
    PW_TRY(complain(&j));
    if (x->tape != NULL && x->tape->mode == PW_TAPE_RECORD) PW_TRY(pw_tape_take(x->tape, (int)c->key, j.r));
    PW_TRY(pw_routes_limit(x, c, j.r));
    PW_TRY(pw_routes_sort(x, j.r));
    if (x->train && !j.replay) count_met(j.r);
    if (x->train && j.r->n_pairs > 0 && c->policy != PW_HASH) pw_route_losses(&j, load);
    *out = j.r;
    return PWY_OK;
}

/* --- back --- */

static pwy_status make_pull(struct pw_exec *x, const struct pw_router_config *c, const struct pw_routes *r,
                            const double *load, real scale, const real *const **out)
{
    const real **pull;
    PW_NEED(pull = pw_arena_take(x->arena, (size_t)r->n_spans, sizeof *pull));
    for (int s = 0; s < r->n_spans; s++) {
        real *of_span;
        PW_NEED(of_span = pw_arena_take(x->arena, (size_t)r->span[s].n, sizeof *of_span));
        pw_route_pull(c, r, &r->span[s], load, scale, of_span);
        pull[s] = of_span;
    }
    *out = pull;
    return PWY_OK;
}

/* A pair without a row has no gradient, whatever the caller's says. */
static pwy_status without_dropped(struct pw_exec *x, const struct pw_routes *r, const real **dgate)
{
    real *own;
    if (r->dropped == 0) return PWY_OK;
    PW_NEED(own = pw_arena_take(x->arena, (size_t)r->n_pairs, sizeof *own));
    for (int i = 0; i < r->n_pairs; i++) own[i] = r->slot[i] < 0 ? 0 : (*dgate)[i];
    *dgate = own;
    return PWY_OK;
}

/* A whole-task segment without rows has a row of logits nevertheless. */
static void zero_empty(const struct pw_route_grad *g)
{
    for (int i = 0; i < g->r->n_spans; i++) {
        const struct pw_span *s = &g->r->span[i];
        if (s->rows == 0 && g->c->policy == PW_WHOLE_TASK) memset(g->dlogits + s->at, 0, (size_t)s->n * sizeof(real));
    }
}

pwy_status pw_route_back(struct pw_exec *x, const struct pw_router_config *c, const struct pw_routes *r,
                         const double *load, const real *dgate, real loss_scale, real *dlogits)
{
    const struct pw_policy *policy = pw_policy_of(c->policy);
    size_t mark = pw_arena_mark(x->arena);
    struct pw_route_grad g = {.x = x, .c = c, .r = r, .dgate = dgate, .dlogits = dlogits};
    struct pw_piece *piece;
    if (policy->back == NULL) return PWY_OK;
    zero_empty(&g);
    if (r->n_tokens == 0) return PWY_OK;
    g.zscale = loss_scale * (real)(2 * c->zloss / r->n_tokens);
    PW_TRY(make_pull(x, c, r, load, loss_scale, &g.pull));
    PW_TRY(pw_pieces_make(x, c, r, &g.n_pieces, &piece));
    PW_TRY(without_dropped(x, r, &g.dgate));
    g.piece = piece;
    PW_TRY(policy->back(&g));
    pw_arena_release(x->arena, mark);
    return PWY_OK;
}

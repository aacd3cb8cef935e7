/* Token choice: softmax over all experts, the top k of each token, and the counting sort that groups tokens by
   expert. */
#include "route/route.h"
#include <string.h>

enum { PIECE = 128 };                   /* tokens of one item */

struct job {
    const struct pw_exec *x;
    const struct pw_router_config *c;
    struct pw_routes *r;
    const real *logits;
    const int32_t *swap;                /* (E): the expert that takes another's place; NULL: none */
    double *prob_sum, *z_sum;           /* (pieces, E), (pieces) */
    int64_t *bad;                       /* (pieces): index of the first logit that is not finite, or -1 */
};

pwy_status pw_router_check(const struct pw_router_config *c)
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
    return PWY_OK;
}

static int pieces(int n_tokens)
{
    return (n_tokens + PIECE - 1) / PIECE;
}

static bool renormalised(const struct pw_router_config *c)
{
    return c->renormalise && c->topk > 1;
}

/* The k greatest of z (n), best first; of equals the lowest index. */
static void top_k(int n, int k, const real *z, int32_t *best)
{
    for (int e = 0, have = 0; e < n; e++) {
        if (have == k && !(z[e] > z[best[k - 1]])) continue;
        int j = have < k ? have++ : k - 1;
        for (; j > 0 && z[e] > z[best[j - 1]]; j--) best[j] = best[j - 1];
        best[j] = e;
    }
}

/* Puts a token's pairs into ascending order of expert. */
static void ascend(int k, int32_t *expert, real *gate)
{
    for (int i = 1; i < k; i++) {
        int32_t e = expert[i];
        real g = gate[i];
        int j = i;
        for (; j > 0 && expert[j - 1] > e; j--) {
            expert[j] = expert[j - 1];
            gate[j] = gate[j - 1];
        }
        expert[j] = e;
        gate[j] = g;
    }
}

static void draw_noise(const struct job *j, int t)
{
    struct pw_rng rng = pw_exec_rng(j->x, "route.jitter", j->c->key << 40 | (uint64_t)t);
    real *noise = j->r->noise + (size_t)t * (size_t)j->c->experts;
    for (int e = 0; e < j->c->experts; e++) noise[e] = (real)(1 + j->c->jitter * (2 * pw_rng_uniform(&rng) - 1));
}

static bool all_finite(int n, const real *z)
{
    int bad = 0;
    for (int i = 0; i < n; i++) bad |= !isfinite(z[i]);
    return !bad;
}

/* One token: its logits (jittered) into the row of prob, the choice, then softmax in place and the gates. Returns the
   greatest logit and, in *top, its probability. */
static real route_token(const struct job *j, int t, real *top)
{
    const struct pw_router_config *c = j->c;
    size_t at = (size_t)t * (size_t)c->experts, pair = (size_t)t * (size_t)c->topk;
    real *p = j->r->prob + at, *gate = j->r->gate + pair, sum = 0;
    int32_t *expert = j->r->expert + pair;
    memcpy(p, j->logits + at, (size_t)c->experts * sizeof(real));
    if (j->r->noise != NULL) {
        draw_noise(j, t);
        for (int e = 0; e < c->experts; e++) p[e] *= j->r->noise[at + (size_t)e];
    }
    top_k(c->experts, c->topk, p, expert);
    real z = p[expert[0]];
    j->x->kern->softmax(c->experts, p, 1, p);
    *top = p[expert[0]];
    for (int i = 0; i < c->topk; i++) sum += gate[i] = p[expert[i]];
    for (int i = 0; renormalised(c) && i < c->topk; i++) gate[i] /= sum;
    for (int i = 0; j->swap != NULL && i < c->topk; i++) expert[i] = j->swap[expert[i]];
    ascend(c->topk, expert, gate);
    return z;
}

/* What the losses need of one piece: lse = max logit - log(its probability), and the sums. */
static void piece_losses(const struct job *j, int item, int first, int n, const real *z, const real *top)
{
    int experts = j->c->experts;
    double *sum = j->prob_sum + (size_t)item * (size_t)experts, squares = 0;
    real *lse = j->r->lse + first;
    j->x->kern->log(n, top, lse);
    memset(sum, 0, (size_t)experts * sizeof *sum);
    for (int t = 0; t < n; t++) {
        const real *p = j->r->prob + (size_t)(first + t) * (size_t)experts;
        lse[t] = z[t] - lse[t];
        squares += (double)lse[t] * (double)lse[t];
        for (int e = 0; e < experts; e++) sum[e] += (double)p[e];
    }
    j->z_sum[item] = squares;
}

static void route_piece(void *arg, int item, int worker)
{
    const struct job *j = arg;
    int first = item * PIECE, left = j->r->n_tokens - first, n = left < PIECE ? left : PIECE;
    int experts = j->c->experts;
    real z[PIECE], top[PIECE];
    (void)worker;
    j->bad[item] = -1;
    for (int t = 0; t < n; t++) {
        const real *logit = j->logits + (size_t)(first + t) * (size_t)experts;
        if (!all_finite(experts, logit)) {
            j->bad[item] = first + t;
            return;
        }
        z[t] = route_token(j, first + t, &top[t]);
    }
    if (j->r->lse != NULL) piece_losses(j, item, first, n, z, top);
}

static pwy_status complain(const struct job *j)
{
    for (int i = 0; i < pieces(j->r->n_tokens); i++) {
        if (j->bad[i] < 0) continue;
        const real *z = j->logits + (size_t)j->bad[i] * (size_t)j->c->experts;
        int e = 0;
        while (isfinite(z[e])) e++;
        return pw_fail(PWY_E_DATA, "router: the logit of row %lld for expert %d is %g; logits must be finite",
                       (long long)j->bad[i], e, (double)z[e]);
    }
    return PWY_OK;
}

/* Stable: an expert's rows keep the order of their tokens. */
static void counting_sort(struct pw_routes *r)
{
    int32_t n = r->n_tokens * r->topk;
    memset(r->start, 0, ((size_t)r->experts + 1) * sizeof *r->start);
    for (int32_t i = 0; i < n; i++) r->start[r->expert[i] + 1]++;
    for (int e = 0; e < r->experts; e++) r->start[e + 1] += r->start[e];
    for (int32_t t = 0, i = 0; t < r->n_tokens; t++)
        for (int k = 0; k < r->topk; k++, i++) r->token[r->slot[i] = r->start[r->expert[i]]++] = t;
    memmove(r->start + 1, r->start, (size_t)r->experts * sizeof *r->start);
    r->start[0] = 0;
}

static pwy_status make_routes(const struct pw_exec *x, const struct pw_router_config *c, int n_tokens,
                              struct pw_routes **out)
{
    size_t t = (size_t)n_tokens, e = (size_t)c->experts, n = t * (size_t)c->topk;
    bool noisy = x->train && c->jitter > 0;
    struct pw_routes *r;
    PW_NEED(r = pw_arena_zero(x->arena, 1, sizeof *r));
    r->n_tokens = n_tokens;
    r->experts = c->experts;
    r->topk = c->topk;
    PW_NEED(r->expert = pw_arena_take(x->arena, n, sizeof *r->expert));
    PW_NEED(r->gate = pw_arena_take(x->arena, n, sizeof *r->gate));
    PW_NEED(r->prob = pw_arena_take(x->arena, t * e, sizeof *r->prob));
    PW_NEED(r->slot = pw_arena_take(x->arena, n, sizeof *r->slot));
    PW_NEED(r->token = pw_arena_take(x->arena, n, sizeof *r->token));
    PW_NEED(r->start = pw_arena_take(x->arena, e + 1, sizeof *r->start));
    if (x->train) PW_NEED(r->lse = pw_arena_take(x->arena, t, sizeof *r->lse));
    if (noisy) PW_NEED(r->noise = pw_arena_take(x->arena, t * e, sizeof *r->noise));
    *out = r;
    return PWY_OK;
}

/* Each expert takes the place of the next in a permuted order: one cycle, so none stays. */
static pwy_status make_swap(const struct pw_exec *x, const struct pw_router_config *c, const int32_t **out)
{
    uint64_t n = (uint64_t)c->experts, key[2] = {(uint64_t)x->shuffle, c->key}, mixed = pw_hash(key, sizeof key);
    int32_t *swap;
    *out = NULL;
    if (x->train || x->shuffle == 0) return PWY_OK;
    PW_NEED(swap = pw_arena_take(x->arena, n, sizeof *swap));
    for (uint64_t i = 0; i < n; i++)
        swap[pw_permute(mixed, n, i)] = (int32_t)pw_permute(mixed, n, (i + 1) % n);
    *out = swap;
    return PWY_OK;
}

static bool remembers(const struct pw_router_config *c, const double *load)
{
    return load != NULL && c->load_memory > 0;
}

/* f_e of the balance loss: the running share, or this batch's. */
static double share(const struct pw_router_config *c, const struct pw_routes *r, const double *load, int e)
{
    if (remembers(c, load)) return load[e];
    return (double)(r->start[e + 1] - r->start[e]) / ((double)r->n_tokens * r->topk);
}

static void move_load(const struct pw_router_config *c, const struct pw_routes *r, double *load)
{
    for (int e = 0; e < c->experts; e++)
        load[e] = c->load_memory * load[e] + (1 - c->load_memory) * share(c, r, NULL, e);
}

static void losses(const struct job *j, const double *load)
{
    struct pw_routes *r = j->r;
    double balance = 0, squares = 0;
    int n = pieces(r->n_tokens);
    for (int e = 0; e < r->experts; e++) {
        double sum = 0;
        for (int i = 0; i < n; i++) sum += j->prob_sum[(size_t)i * (size_t)r->experts + (size_t)e];
        balance += share(j->c, r, load, e) * sum / r->n_tokens;
    }
    for (int i = 0; i < n; i++) squares += j->z_sum[i];
    r->balance_loss = j->c->balance * r->experts * balance;
    r->z_loss = j->c->zloss * squares / r->n_tokens;
}

pwy_status pw_route(struct pw_exec *x, const struct pw_router_config *c, int n_tokens, const real *logits, double *load,
                    struct pw_routes **out)
{
    struct job j = {.x = x, .c = c, .logits = logits};
    size_t n = (size_t)pieces(n_tokens);
    if ((int64_t)n_tokens * c->experts > INT32_MAX)
        return pw_fail(PWY_E_LIMIT, "router: %d rows with %d experts are more than one pass can hold", n_tokens,
                       c->experts);
    PW_TRY(make_routes(x, c, n_tokens, &j.r));
    PW_TRY(make_swap(x, c, &j.swap));
    PW_NEED(j.prob_sum = pw_arena_take(x->arena, n * (size_t)c->experts, sizeof *j.prob_sum));
    PW_NEED(j.z_sum = pw_arena_take(x->arena, n, sizeof *j.z_sum));
    PW_NEED(j.bad = pw_arena_take(x->arena, n, sizeof *j.bad));
    pw_exec_run(x, (int)n, route_piece, &j);
    PW_TRY(complain(&j));
    counting_sort(j.r);
    if (x->train && n_tokens > 0) {
        if (remembers(c, load)) move_load(c, j.r, load);
        losses(&j, load);
    }
    *out = j.r;
    return PWY_OK;
}

struct back {
    const struct pw_exec *x;
    const struct pw_router_config *c;
    const struct pw_routes *r;
    const real *pull, *dgate;           /* (E): scale a E / T f_e */
    real zscale, *dlogits;
};

/* dz = p (pull + c0) for all experts, where c0 gathers what is the same for all of them; and the chosen ones' gates. */
static void back_token(const struct back *b, int t)
{
    const struct pw_routes *r = b->r;
    size_t at = (size_t)t * (size_t)r->experts, pair = (size_t)t * (size_t)r->topk;
    const real *p = r->prob + at, *gate = r->gate + pair, *dgate = b->dgate + pair;
    const int32_t *expert = r->expert + pair;
    real *dz = b->dlogits + at, inner = 0;
    for (int i = 0; i < r->topk; i++) inner = pw_fma(gate[i], dgate[i], inner);
    real c0 = b->zscale * r->lse[t] - b->x->kern->dot(r->experts, b->pull, p) - (renormalised(b->c) ? 0 : inner);
    for (int e = 0; e < r->experts; e++) dz[e] = p[e] * (b->pull[e] + c0);
    for (int i = 0; i < r->topk; i++) dz[expert[i]] += gate[i] * (dgate[i] - (renormalised(b->c) ? inner : 0));
    if (r->noise != NULL) b->x->kern->mul(r->experts, dz, r->noise + at, dz);
}

static void back_piece(void *arg, int item, int worker)
{
    const struct back *b = arg;
    int first = item * PIECE, end = first + PIECE < b->r->n_tokens ? first + PIECE : b->r->n_tokens;
    (void)worker;
    for (int t = first; t < end; t++) back_token(b, t);
}

pwy_status pw_route_back(struct pw_exec *x, const struct pw_router_config *c, const struct pw_routes *r,
                         const double *load, const real *dgate, real loss_scale, real *dlogits)
{
    size_t mark = pw_arena_mark(x->arena);
    double tokens = r->n_tokens;
    real *pull;
    if (r->n_tokens == 0) return PWY_OK;
    PW_NEED(pull = pw_arena_take(x->arena, (size_t)r->experts, sizeof *pull));
    for (int e = 0; e < r->experts; e++)
        pull[e] = loss_scale * (real)(c->balance * r->experts / tokens * share(c, r, load, e));
    struct back b = {.x = x, .c = c, .r = r, .pull = pull, .dgate = dgate,
                     .zscale = loss_scale * (real)(2 * c->zloss / tokens), .dlogits = dlogits};
    pw_exec_run(x, pieces(r->n_tokens), back_piece, &b);
    pw_arena_release(x->arena, mark);
    return PWY_OK;
}

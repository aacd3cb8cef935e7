/* Token choice: softmax over the candidates, the top k of each token, their gates; and the way back. */
#include "route/policy.h"
#include <string.h>

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
static void ascend(int k, int32_t *place, real *gate)
{
    for (int i = 1; i < k; i++) {
        int32_t e = place[i];
        real g = gate[i];
        int j = i;
        for (; j > 0 && place[j - 1] > e; j--) {
            place[j] = place[j - 1];
            gate[j] = gate[j - 1];
        }
        place[j] = e;
        gate[j] = g;
    }
}

static void draw_noise(const struct pw_routing *j, int t, int n, real *noise)
{
    struct pw_rng rng = pw_exec_rng(j->x, "route.jitter", j->c->key << 40 | (uint64_t)t);
    for (int e = 0; e < n; e++) noise[e] = (real)(1 + j->c->jitter * (2 * pw_rng_uniform(&rng) - 1));
}

static bool all_finite(int n, const real *z)
{
    int bad = 0;
    for (int i = 0; i < n; i++) bad |= !isfinite(z[i]);
    return !bad;
}

static size_t logits_of(const struct pw_span *s, int t)
{
    return s->at + (size_t)(t - s->first) * (size_t)s->n;
}

static void take_logits(const struct pw_routing *j, const struct pw_span *s, int t, real *p)
{
    size_t at = logits_of(s, t);
    memcpy(p, j->logits + at, (size_t)s->n * sizeof(real));
    if (j->r->noise == NULL) return;
    draw_noise(j, t, s->n, j->r->noise + at);
    for (int e = 0; e < s->n; e++) p[e] *= j->r->noise[at + (size_t)e];
}

/* One token: its logits (jittered) into the row of prob, the choice, then softmax in place and the gates. Returns the
   greatest logit and, in *top, its probability. */
static real choose_token(const struct pw_routing *j, const struct pw_span *s, int t, real *top)
{
    const struct pw_router_config *c = j->c;
    size_t pair = (size_t)j->r->pair[t];
    real *p = j->r->prob + logits_of(s, t), *gate = j->r->gate + pair, sum = 0;
    int32_t *place = j->r->place + pair, *expert = j->r->expert + pair;
    take_logits(j, s, t, p);
    top_k(s->n, c->topk, p, place);
    real z = p[place[0]];
    j->x->kern->softmax(s->n, p, 1, p);
    *top = p[place[0]];
    for (int i = 0; i < c->topk; i++) sum += gate[i] = p[place[i]];
    for (int i = 0; renormalised(c) && i < c->topk; i++) gate[i] /= sum;
    for (int i = 0; s->swap != NULL && i < c->topk; i++) place[i] = s->swap[place[i]];
    ascend(c->topk, place, gate);
    for (int i = 0; i < c->topk; i++) expert[i] = s->expert == NULL ? place[i] : s->expert[place[i]];
    return z;
}

/* What the losses need of one piece: lse = max logit - log(its probability), and the sums. */
static void piece_losses(const struct pw_routing *j, int item, const real *z, const real *top)
{
    const struct pw_piece *piece = &j->piece[item];
    const struct pw_span *s = &j->r->span[piece->span];
    double *sum = j->prob_sum + piece->sum, squares = 0;
    real *lse = j->r->lse + piece->first;
    j->x->kern->log(piece->rows, top, lse);
    memset(sum, 0, (size_t)s->n * sizeof *sum);
    for (int t = 0; t < piece->rows; t++) {
        const real *p = j->r->prob + logits_of(s, piece->first + t);
        lse[t] = z[t] - lse[t];
        squares += (double)lse[t] * (double)lse[t];
        for (int e = 0; e < s->n; e++) sum[e] += (double)p[e];
    }
    j->z_sum[item] = squares;
}

void pw_choose_piece(const struct pw_routing *j, int item)
{
    const struct pw_piece *piece = &j->piece[item];
    const struct pw_span *s = &j->r->span[piece->span];
    real z[PW_ROUTE_PIECE], top[PW_ROUTE_PIECE];
    j->bad[item] = -1;
    for (int t = 0; t < piece->rows; t++) {
        if (!all_finite(s->n, j->logits + logits_of(s, piece->first + t))) {
            j->bad[item] = piece->first + t;
            return;
        }
        z[t] = choose_token(j, s, piece->first + t, &top[t]);
    }
    if (j->r->lse != NULL) piece_losses(j, item, z, top);
}

/* dz = p (pull + c0) for all candidates, where c0 gathers what is the same for all of them; and the chosen ones'
   gates. */
void pw_choose_back(const struct pw_route_grad *g, const struct pw_span *s, int t)
{
    const struct pw_routes *r = g->r;
    size_t at = logits_of(s, t), pair = (size_t)r->pair[t];
    const real *p = r->prob + at, *gate = r->gate + pair, *dgate = g->dgate + pair, *pull = g->pull[s - r->span];
    const int32_t *place = r->place + pair;
    real *dz = g->dlogits + at, inner = 0;
    for (int i = 0; i < r->topk; i++) inner = pw_fma(gate[i], dgate[i], inner);
    real c0 = g->zscale * r->lse[t] - g->x->kern->dot(s->n, pull, p) - (renormalised(g->c) ? 0 : inner);
    for (int e = 0; e < s->n; e++) dz[e] = p[e] * (pull[e] + c0);
    for (int i = 0; i < r->topk; i++) dz[place[i]] += gate[i] * (dgate[i] - (renormalised(g->c) ? inner : 0));
    if (r->noise != NULL) g->x->kern->mul(s->n, dz, r->noise + at, dz);
}

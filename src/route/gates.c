/* Gates, and their way back to the logits. */
#include "route/policy.h"

/* Of expert choice never: a row may have one pair, or none. */
static bool renormalised(const struct pw_router_config *c)
{
    return c->renormalise && c->topk > 1 && c->policy != PW_EXPERT_CHOICE;
}

/* Added to the sum that gates are divided by: affinities that underflowed give gates of 0, not NaN. */
static const real TINY = (real)1e-20;

void pw_gates_make(const struct pw_routing *j, const struct pw_span *s, int t, const real *p)
{
    const struct pw_routes *r = j->r;
    int from = r->pair[t], n = r->pair[t + 1] - from;
    const int32_t *place = r->place + from;
    real *gate = r->gate + from, sum = 0, scale = (real)pw_gate_scale(j->c);
    (void)s;
    for (int i = 0; i < n; i++) sum += gate[i] = p[place[i]];
    for (int i = 0; renormalised(j->c) && i < n; i++) gate[i] /= sum + TINY;
    for (int i = 0; scale != 1 && i < n; i++) gate[i] *= scale;
}

/* Puts a row's pairs into ascending order of place. */
static void ascend(int n, int32_t *place, real *gate)
{
    for (int i = 1; i < n; i++) {
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

void pw_gates_settle(const struct pw_routing *j, const struct pw_span *s, int t)
{
    const struct pw_routes *r = j->r;
    int from = r->pair[t], n = r->pair[t + 1] - from;
    int32_t *place = r->place + from, *expert = r->expert + from;
    for (int i = 0; s->swap != NULL && i < n; i++) place[i] = s->swap[place[i]];
    ascend(n, place, r->gate + from);
    for (int i = 0; i < n; i++) expert[i] = s->expert == NULL ? place[i] : s->expert[place[i]];
}

/* dz = p (pull + c0) for all candidates, where c0 gathers what is the same for all of them; and the chosen ones'
   gates. */
static void softmax_back(const struct pw_route_grad *g, const struct pw_span *s, int t, const real *dgate, real weight,
                         real *dz)
{
    const struct pw_routes *r = g->r;
    int from = r->pair[t], n = dgate == NULL ? 0 : r->pair[t + 1] - from;
    const real *p = r->prob + pw_logits_of(s, t), *gate = r->gate + from, *pull = g->pull[s - r->span];
    const int32_t *place = r->place + from;
    real inner = 0, scale = (real)pw_gate_scale(g->c);
    bool shared = renormalised(g->c);
    for (int i = 0; i < n; i++) inner = pw_fma(gate[i], dgate[i], inner);
    real losses = weight * (g->zscale * r->lse[t] - g->x->kern->dot(s->n, pull, p));
    real c0 = losses - (shared ? 0 : inner);
    for (int e = 0; e < s->n; e++) dz[e] = p[e] * (weight * pull[e] + c0);
    for (int i = 0; i < n; i++) dz[place[i]] += gate[i] * (dgate[i] - (shared ? inner / scale : 0));
}

/* ds first: of the balance loss (pull - sum pull P) / sum of s; then dz = s (1 - s) ds. */
static void sigmoid_back(const struct pw_route_grad *g, const struct pw_span *s, int t, const real *dgate, real weight,
                         real *dz)
{
    const struct pw_routes *r = g->r;
    int from = r->pair[t], n = dgate == NULL ? 0 : r->pair[t + 1] - from;
    const real *p = r->prob + pw_logits_of(s, t), *gate = r->gate + from, *pull = g->pull[s - r->span];
    const int32_t *place = r->place + from;
    real inner = 0, chosen = TINY, all = r->lse[t], scale = (real)pw_gate_scale(g->c);
    real mean = g->x->kern->dot(s->n, pull, p) / all;
    bool shared = renormalised(g->c);
    for (int i = 0; i < n; i++) {
        inner = pw_fma(gate[i], dgate[i], inner);
        chosen += p[place[i]];
    }
    for (int e = 0; e < s->n; e++) dz[e] = weight * (pull[e] - mean) / all;
    for (int i = 0; i < n; i++) dz[place[i]] += shared ? (scale * dgate[i] - inner) / chosen : scale * dgate[i];
    for (int e = 0; e < s->n; e++) dz[e] *= p[e] * (1 - p[e]);
}

void pw_gates_back(const struct pw_route_grad *g, const struct pw_span *s, int t, const real *dgate, real weight)
{
    size_t at = pw_logits_of(s, t);
    real *dz = g->dlogits + at;
    if (g->c->sigmoid) sigmoid_back(g, s, t, dgate, weight, dz);
    else softmax_back(g, s, t, dgate, weight, dz);
    if (g->r->noise != NULL) g->x->kern->mul(s->n, dz, g->r->noise + at, dz);
}

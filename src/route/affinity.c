/* From logits to affinities: jitter, softmax over the candidates or sigmoid, and what the losses need of them. */
#include "route/policy.h"
#include <string.h>

static bool all_finite(int n, const real *z)
{
    int bad = 0;
    for (int i = 0; i < n; i++) bad |= !isfinite(z[i]);
    return !bad;
}

bool pw_affinity_check(const struct pw_routing *j, int item, int rows)
{
    const struct pw_piece *piece = &j->piece[item];
    const struct pw_span *s = &j->r->span[piece->span];
    j->bad[item] = -1;
    for (int t = piece->first; t < piece->first + rows; t++) {
        if (all_finite(s->n, j->logits + pw_logits_of(s, t))) continue;
        j->bad[item] = t;
        return false;
    }
    return true;
}

static void draw_noise(const struct pw_routing *j, int t, int n, real *noise)
{
    struct pw_rng rng = pw_exec_rng(j->x, "route.jitter", j->c->key << 40 | (uint64_t)t);
    for (int e = 0; e < n; e++) noise[e] = (real)(1 + j->c->jitter * (2 * pw_rng_uniform(&rng) - 1));
}

void pw_affinity_take(const struct pw_routing *j, const struct pw_span *s, int t, real *p)
{
    size_t at = pw_logits_of(s, t);
    memcpy(p, j->logits + at, (size_t)s->n * sizeof(real));
    if (j->r->noise == NULL) return;
    draw_noise(j, t, s->n, j->r->noise + at);
    for (int e = 0; e < s->n; e++) p[e] *= j->r->noise[at + (size_t)e];
}

static int greatest(int n, const real *z)
{
    int best = 0;
    for (int i = 1; i < n; i++)
        if (z[i] > z[best]) best = i;
    return best;
}

void pw_affinity_make(const struct pw_routing *j, const struct pw_span *s, int best, real *p, real *z, real *top)
{
    if (j->c->sigmoid) {
        j->x->kern->sigmoid(s->n, p, p);
        return;
    }
    if (best < 0) best = greatest(s->n, p);
    *z = p[best];
    j->x->kern->softmax(s->n, p, 1, p);
    *top = p[best];
}

/* P of the balance loss is s / sum of s. lse keeps that sum, which is over 0 for all but hopeless logits. */
static void sigmoid_sums(const struct pw_routing *j, const struct pw_span *s, int first, int rows, double weight,
                         double *sum)
{
    for (int t = first; t < first + rows; t++) {
        const real *p = j->r->prob + pw_logits_of(s, t);
        real all = j->x->kern->sum(s->n, p) + (real)1e-20;
        j->r->lse[t] = all;
        for (int e = 0; e < s->n; e++) sum[e] += weight * (double)(p[e] / all);
    }
}

void pw_affinity_sums(const struct pw_routing *j, int item, int rows, double weight, const real *z, const real *top)
{
    const struct pw_piece *piece = &j->piece[item];
    const struct pw_span *s = &j->r->span[piece->span];
    double *sum = j->prob_sum + piece->sum, squares = 0;
    real *lse = j->r->lse + piece->first;
    memset(sum, 0, (size_t)s->n * sizeof *sum);
    j->z_sum[item] = 0;
    if (j->c->sigmoid) {
        sigmoid_sums(j, s, piece->first, rows, weight, sum);
        return;
    }
    j->x->kern->log(rows, top, lse);
    for (int t = 0; t < rows; t++) {
        const real *p = j->r->prob + pw_logits_of(s, piece->first + t);
        lse[t] = z[t] - lse[t];
        squares += weight * ((double)lse[t] * (double)lse[t]);
        for (int e = 0; e < s->n; e++) sum[e] += weight * (double)p[e];
    }
    j->z_sum[item] = squares;
}

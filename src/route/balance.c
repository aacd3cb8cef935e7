/* The losses that keep experts balanced.

   With lists of candidates, f is the share of all pairs, as without; a segment's part of the loss sees it within its
   own candidates, made to sum to 1 over them: L = (a / T) sum over segments of n sum_e f'_e sum_t p_{t,e}. Without
   lists this is a E sum_e f_e P_e. It is least, a, where a segment's candidates are met equally often by all tasks
   together: an expert that many tasks have among theirs is then met less by each of them. */
#include "route/policy.h"

/* Balance by bias leaves the loss out. */
static double weight(const struct pw_router_config *c)
{
    return c->by_bias ? 0 : c->balance;
}

static bool remembers(const struct pw_router_config *c, const double *load)
{
    return load != NULL && c->load_memory > 0;
}

/* f_e among all pairs: the running share, or this batch's. */
static double share(const struct pw_router_config *c, const struct pw_routes *r, const double *load, int e)
{
    if (remembers(c, load)) return load[e];
    return (double)r->chosen[e] / ((double)r->n_pairs);
}

/* What the shares of a segment's candidates are divided by; 0: nothing met any of them yet. */
static double share_sum(const struct pw_router_config *c, const struct pw_routes *r, const struct pw_span *s,
                        const double *load)
{
    double sum = 0;
    if (s->expert == NULL) return 1;
    for (int i = 0; i < s->n; i++) sum += share(c, r, load, s->expert[i]);
    return sum;
}

static double share_within(const struct pw_router_config *c, const struct pw_routes *r, const struct pw_span *s,
                           const double *load, int i, double sum)
{
    if (s->expert == NULL) return share(c, r, load, i);
    return sum > 0 ? share(c, r, load, s->expert[i]) / sum : 1.0 / s->n;
}

/* Experts that are no segment's candidates have a share of 0. */
static void move_load(const struct pw_router_config *c, const struct pw_routes *r, double *load)
{
    double keep = c->load_memory;
    if (r->n_spans == 1 && r->span[0].expert == NULL) {
        for (int e = 0; e < r->experts; e++) load[e] = keep * load[e] + (1 - keep) * share(c, r, NULL, e);
        return;
    }
    for (int e = 0; e < r->experts; e++) load[e] *= keep;
    for (int i = 0; i < r->n_present; i++) load[r->present[i]] += (1 - keep) * share(c, r, NULL, r->present[i]);
}

void pw_route_losses(const struct pw_routing *j, double *load)
{
    struct pw_routes *r = j->r;
    double squares = 0;
    if (remembers(j->c, load) && !j->replay && !j->c->hold) move_load(j->c, r, load);
    r->balance_loss = 0;
    for (int s = 0, from = 0, to = 0; s < r->n_spans; s++, from = to) {
        const struct pw_span *span = &r->span[s];
        double balance = 0, total = share_sum(j->c, r, span, load);
        while (to < j->n_pieces && j->piece[to].span == s) to++;
        for (int e = 0; e < span->n; e++) {
            double sum = 0;
            for (int i = from; i < to; i++) sum += j->prob_sum[j->piece[i].sum + (size_t)e];
            balance += share_within(j->c, r, span, load, e, total) * sum / r->n_tokens;
        }
        r->balance_loss += weight(j->c) * span->n * balance;
    }
    for (int i = 0; i < j->n_pieces; i++) squares += j->z_sum[i];
    r->z_loss = j->c->zloss * squares / r->n_tokens;
}

void pw_route_pull(const struct pw_router_config *c, const struct pw_routes *r, const struct pw_span *s,
                   const double *load, real scale, real *pull)
{
    double tokens = r->n_tokens, total = share_sum(c, r, s, load);
    for (int e = 0; e < s->n; e++)
        pull[e] = scale * (real)(weight(c) * s->n / tokens * share_within(c, r, s, load, e, total));
}

void pw_bias_step(int n, double rate, int64_t *met, real *bias)
{
    int64_t total = 0;
    double mean = 0;
    for (int i = 0; i < n; i++) total += met[i];
    if (total == 0) return;
    for (int i = 0; i < n; i++) {
        int64_t more = total - met[i] * n;
        bias[i] += (real)(more > 0 ? rate : more < 0 ? -rate : 0);
        mean += (double)bias[i] / n;
        met[i] = 0;
    }
    for (int i = 0; i < n; i++) bias[i] -= (real)mean;
}

double pw_max_violation(int n, const int64_t *count)
{
    int64_t total = 0, most = 0;
    for (int i = 0; i < n; i++) {
        total += count[i];
        most = count[i] > most ? count[i] : most;
    }
    return total == 0 ? 0 : (double)most * n / (double)total - 1;
}

double pw_load_entropy(int n, const int64_t *count)
{
    double total = 0, sum = 0;
    for (int i = 0; i < n; i++) total += (double)count[i];
    for (int i = 0; i < n; i++)
        if (count[i] > 0) sum -= (double)count[i] / total * log((double)count[i] / total);
    return sum;
}

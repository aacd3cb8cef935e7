/* A router that the caller gives: its function chooses and sets the gates; balance loss, z-loss, capacity, counting and
   the order of the products are as ever. */
#include "route/policy.h"
#include <string.h>

static void affinity_piece(void *arg, int item, int worker)
{
    const struct pw_routing *j = arg;
    const struct pw_piece *piece = &j->piece[item];
    const struct pw_span *s = &j->r->span[piece->span];
    real z[PW_ROUTE_PIECE], top[PW_ROUTE_PIECE];
    (void)worker;
    if (!pw_affinity_check(j, item, piece->rows) || !j->x->train) return;
    for (int t = 0; t < piece->rows; t++) {
        real *p = j->r->prob + pw_logits_of(s, piece->first + t);
        pw_affinity_take(j, s, piece->first + t, p);
        pw_affinity_make(j, s, -1, p, &z[t], &top[t]);
    }
    pw_affinity_sums(j, item, piece->rows, 1, z, top);
}

/* The choices of one row: places, each once, and finite gates. */
static pwy_status check_row(const struct pw_span *s, int t, int k, const int32_t *place, const real *gate)
{
    for (int i = 0; i < k; i++) {
        if (place[i] < -1 || place[i] >= s->n)
            return pw_fail(PWY_E_CALLBACK,
                           "router: the caller's function chose place %d for row %d; it must be from 0 to %d, or -1",
                           place[i], t, s->n - 1);
        if (!isfinite(gate[i]))
            return pw_fail(PWY_E_CALLBACK, "router: the caller's function set a gate of %g for row %d", (double)gate[i],
                           t);
        for (int m = 0; m < i; m++)
            if (place[i] >= 0 && place[m] == place[i])
                return pw_fail(PWY_E_CALLBACK, "router: the caller's function chose place %d twice for row %d",
                               place[i], t);
    }
    return PWY_OK;
}

/* Ascending as all choices are, with ids; what has no expert stands first and has no slot. */
static void settle(const struct pw_routing *j, const struct pw_span *s, int t)
{
    const struct pw_routes *r = j->r;
    struct pw_span plain = {.n = s->n};
    pw_gates_settle(j, &plain, t);
    for (int i = r->pair[t]; i < r->pair[t + 1]; i++) {
        r->slot[i] = r->place[i] < 0 ? -1 : 0;
        if (s->expert != NULL && r->place[i] >= 0) r->expert[i] = s->expert[r->place[i]];
    }
}

static pwy_status ask(const struct pw_routing *j, const struct pw_span *s)
{
    const struct pw_routes *r = j->r;
    int from = r->pair[s->first], k = r->topk;
    if (s->rows == 0) return PWY_OK;
    pwy_status status = j->c->choose((int64_t)j->c->key, s->rows, s->n, k, j->logits + s->at, r->place + from,
                                     r->gate + from, j->c->user);
    if (status != PWY_OK)
        return pw_fail(PWY_E_CALLBACK, "router: the caller's function failed with status %d", (int)status);
    for (int t = s->first; t < s->first + s->rows; t++) {
        PW_TRY(check_row(s, t, k, r->place + r->pair[t], r->gate + r->pair[t]));
        settle(j, s, t);
    }
    return PWY_OK;
}

static pwy_status decide(struct pw_routing *j)
{
    PW_TRY(pw_pairs_make(j->x, j->r, (int64_t)j->r->n_tokens * j->r->topk, true));
    pw_exec_run(j->x, j->n_pieces, affinity_piece, j);
    for (int i = 0; i < j->n_pieces; i++)
        if (j->bad[i] >= 0) return PWY_OK;
    for (int i = 0; i < j->r->n_spans; i++) PW_TRY(ask(j, &j->r->span[i]));
    return PWY_OK;
}

static void losses_piece(void *arg, int item, int worker)
{
    const struct pw_route_grad *g = arg;
    const struct pw_piece *piece = &g->piece[item];
    const struct pw_span *s = &g->r->span[piece->span];
    (void)worker;
    for (int t = piece->first; t < piece->first + piece->rows; t++) pw_gates_back(g, s, t, NULL, 1);
}

static pwy_status add_gates(const struct pw_route_grad *g, const struct pw_span *s, real *part)
{
    const struct pw_routes *r = g->r;
    size_t size = (size_t)s->rows * (size_t)s->n;
    int from = r->pair[s->first];
    if (s->rows == 0) return PWY_OK;
    pwy_status status = g->c->grad((int64_t)g->c->key, s->rows, s->n, r->topk, r->logits + s->at, r->place + from,
                                   r->gate + from, g->dgate + from, part, g->c->user);
    if (status != PWY_OK)
        return pw_fail(PWY_E_CALLBACK, "router: the caller's gradient failed with status %d", (int)status);
    g->x->kern->add((int)size, part, g->dlogits + s->at);
    return PWY_OK;
}

static pwy_status back(const struct pw_route_grad *g)
{
    size_t most = 0;
    real *part;
    pw_exec_run(g->x, g->n_pieces, losses_piece, (void *)g);
    if (g->c->grad == NULL) return PWY_OK;
    for (int i = 0; i < g->r->n_spans; i++) {
        size_t size = (size_t)g->r->span[i].rows * (size_t)g->r->span[i].n;
        most = size > most ? size : most;
    }
    PW_NEED(part = pw_arena_take(g->x->arena, most + 1, sizeof *part));
    for (int i = 0; i < g->r->n_spans; i++) PW_TRY(add_gates(g, &g->r->span[i], part));
    return PWY_OK;
}

static int each(int rows)
{
    return rows;
}

const struct pw_policy pw_policy_caller = {"caller", false, each, decide, back};

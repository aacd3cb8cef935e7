/* Token choice: the top k of each row by its affinities, with the bias where there is one. */
#include "route/policy.h"

/* The k greatest of z (+ bias) (n), best first; of equals the lowest index. */
static inline void top_k(int n, int k, const real *z, const real *bias, int32_t *best)
{
#define SCORE(i) (bias == NULL ? z[i] : z[i] + bias[i])
    for (int e = 0, have = 0; e < n; e++) {
        real score = SCORE(e);
        if (have == k && !(score > SCORE(best[k - 1]))) continue;
        int j = have < k ? have++ : k - 1;
        for (; j > 0 && score > SCORE(best[j - 1]); j--) best[j] = best[j - 1];
        best[j] = e;
    }
#undef SCORE
}

void pw_choose_row(const struct pw_routing *j, const struct pw_span *s, int t, real *z, real *top)
{
    real *p = j->r->prob + pw_logits_of(s, t);
    int32_t *place = j->r->place + j->r->pair[t];
    pw_affinity_take(j, s, t, p);
    bool plain = !j->replay && s->bias == NULL;
    if (plain) top_k(s->n, j->c->topk, p, NULL, place);
    pw_affinity_make(j, s, plain ? place[0] : -1, p, z, top);
    if (!plain && !j->replay) top_k(s->n, j->c->topk, p, s->bias, place);
    pw_gates_make(j, s, t, p);
    pw_gates_settle(j, s, t);
}

static void choose_piece(void *arg, int item, int worker)
{
    const struct pw_routing *j = arg;
    const struct pw_piece *piece = &j->piece[item];
    real z[PW_ROUTE_PIECE], top[PW_ROUTE_PIECE];
    (void)worker;
    if (!pw_affinity_check(j, item, piece->rows)) return;
    for (int t = 0; t < piece->rows; t++)
        pw_choose_row(j, &j->r->span[piece->span], piece->first + t, &z[t], &top[t]);
    if (j->x->train) pw_affinity_sums(j, item, piece->rows, 1, z, top);
}

static pwy_status decide(struct pw_routing *j)
{
    if (!j->replay) PW_TRY(pw_pairs_make(j->x, j->r, (int64_t)j->r->n_tokens * j->r->topk, true));
    pw_exec_run(j->x, j->n_pieces, choose_piece, j);
    return PWY_OK;
}

static void back_piece(void *arg, int item, int worker)
{
    const struct pw_route_grad *g = arg;
    const struct pw_piece *piece = &g->piece[item];
    (void)worker;
    for (int t = piece->first; t < piece->first + piece->rows; t++)
        pw_gates_back(g, &g->r->span[piece->span], t, g->dgate + g->r->pair[t], 1);
}

pwy_status pw_choose_back(const struct pw_route_grad *g)
{
    pw_exec_run(g->x, g->n_pieces, back_piece, (void *)g);
    return PWY_OK;
}

static int each(int rows)
{
    return rows;
}

const struct pw_policy pw_policy_topk = {"topk", false, each, decide, pw_choose_back};

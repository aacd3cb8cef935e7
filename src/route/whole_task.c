/* Whole-task routing (Kudugunta et al. 2021): a segment has one row of logits, and all its rows the experts chosen by
   it. And hash routing (Roller et al. 2021): experts drawn by a key. */
#include "route/policy.h"
#include <string.h>

/* The first row's pairs are all rows'. */
static void spread(const struct pw_routes *r, const struct pw_piece *piece)
{
    size_t k = (size_t)r->topk, from = (size_t)r->pair[piece->first];
    for (int i = 1; i < piece->rows; i++) {
        size_t to = from + (size_t)i * k;
        memcpy(r->expert + to, r->expert + from, k * sizeof *r->expert);
        memcpy(r->place + to, r->place + from, k * sizeof *r->place);
        memcpy(r->gate + to, r->gate + from, k * sizeof *r->gate);
    }
}

static void task_piece(void *arg, int item, int worker)
{
    const struct pw_routing *j = arg;
    const struct pw_piece *piece = &j->piece[item];
    real z, top;
    (void)worker;
    if (!pw_affinity_check(j, item, 1)) return;
    pw_choose_row(j, &j->r->span[piece->span], piece->first, &z, &top);
    spread(j->r, piece);
    if (j->x->train) pw_affinity_sums(j, item, 1, piece->rows, &z, &top);
}

static pwy_status decide(struct pw_routing *j)
{
    if (!j->replay) PW_TRY(pw_pairs_make(j->x, j->r, (int64_t)j->r->n_tokens * j->r->topk, true));
    pw_exec_run(j->x, j->n_pieces, task_piece, j);
    return PWY_OK;
}

/* One row of logits gathers all rows' gradients of its gates. */
static pwy_status back(const struct pw_route_grad *g)
{
    int k = g->r->topk;
    real *sum;
    PW_NEED(sum = pw_arena_take(g->x->arena, (size_t)k, sizeof *sum));
    for (int i = 0; i < g->n_pieces; i++) {
        const struct pw_piece *piece = &g->piece[i];
        const real *dgate = g->dgate + g->r->pair[piece->first];
        memset(sum, 0, (size_t)k * sizeof *sum);
        for (int t = 0; t < piece->rows; t++)
            for (int m = 0; m < k; m++) sum[m] += dgate[(size_t)t * (size_t)k + (size_t)m];
        pw_gates_back(g, &g->r->span[piece->span], piece->first, sum, (real)piece->rows);
    }
    return PWY_OK;
}

static int one(int rows)
{
    (void)rows;
    return 1;
}

const struct pw_policy pw_policy_whole_task = {"task", true, one, decide, back};

/* --- by hash --- */

static void hash_piece(void *arg, int item, int worker)
{
    const struct pw_routing *j = arg;
    const struct pw_piece *piece = &j->piece[item];
    const struct pw_span *s = &j->r->span[piece->span];
    int k = j->c->topk;
    real gate = (real)(pw_gate_scale(j->c) / k);
    (void)worker;
    j->bad[item] = -1;
    for (int t = piece->first; t < piece->first + piece->rows; t++) {
        uint64_t key[2] = {s->key[t - s->first], j->c->key}, mixed = pw_hash(key, sizeof key);
        for (int i = 0; i < k; i++) {
            if (!j->replay) j->r->place[j->r->pair[t] + i] = (int32_t)pw_permute(mixed, (uint64_t)s->n, (uint64_t)i);
            j->r->gate[j->r->pair[t] + i] = gate;
        }
        pw_gates_settle(j, s, t);
    }
}

static pwy_status hash_decide(struct pw_routing *j)
{
    if (!j->replay) PW_TRY(pw_pairs_make(j->x, j->r, (int64_t)j->r->n_tokens * j->r->topk, true));
    pw_exec_run(j->x, j->n_pieces, hash_piece, j);
    return PWY_OK;
}

static int none(int rows)
{
    (void)rows;
    return 0;
}

const struct pw_policy pw_policy_hash = {"hash", false, none, hash_decide, NULL};

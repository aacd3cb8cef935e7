/* Expert choice (Zhou et al. 2022): each expert takes the C rows of a segment that have the greatest affinity to it. A
   segment is one sequence, whose rows all see each other. */
#include "route/policy.h"
#include <string.h>

static int capacity_of(const struct pw_router_config *c, const struct pw_span *s)
{
    double want = ceil(c->capacity * c->topk * s->rows / s->n);
    return want < s->rows ? (int)want : s->rows;
}

static void affinity_piece(void *arg, int item, int worker)
{
    const struct pw_routing *j = arg;
    const struct pw_piece *piece = &j->piece[item];
    const struct pw_span *s = &j->r->span[piece->span];
    real z[PW_ROUTE_PIECE], top[PW_ROUTE_PIECE];
    (void)worker;
    if (!pw_affinity_check(j, item, piece->rows)) return;
    for (int t = 0; t < piece->rows; t++) {
        real *p = j->r->prob + pw_logits_of(s, piece->first + t);
        pw_affinity_take(j, s, piece->first + t, p);
        pw_affinity_make(j, s, -1, p, &z[t], &top[t]);
    }
    if (j->x->train) pw_affinity_sums(j, item, piece->rows, 1, z, top);
}

/* The greatest value of which at most k - 1 are greater, by quickselect; v (n) is put in another order. */
static real kth_greatest(int n, int k, real *v)
{
    int low = 0, high = n - 1;
    while (low < high) {
        real pivot = v[low + (high - low) / 2];
        int i = low, j = high;
        while (i <= j) {
            while (v[i] > pivot) i++;
            while (v[j] < pivot) j--;
            if (i > j) break;
            real kept = v[i];
            v[i++] = v[j];
            v[j--] = kept;
        }
        if (k - 1 <= j) high = j;
        else if (k - 1 >= i) low = i;
        else break;
    }
    return v[k - 1];
}

struct picking {
    const struct pw_routing *j; uint8_t *taken; const int32_t *span, *place; real **column;
};

/* taken (rows, n) of a segment, as its logits: 1 where the expert takes the row; of equals the first rows. */
static void pick(void *arg, int item, int worker)
{
    const struct picking *p = arg;
    const struct pw_span *s = &p->j->r->span[p->span[item]];
    size_t n = (size_t)s->n, e = (size_t)p->place[item];
    int c = capacity_of(p->j->c, s), left = c;
    const real *prob = p->j->r->prob + s->at + e;
    uint8_t *taken = p->taken + s->at + e;
    real *column = p->column[item];
    (void)worker;
    if (s->rows == 0) return;
    for (int t = 0; t < s->rows; t++) column[t] = prob[(size_t)t * n];
    real least = kth_greatest(s->rows, c, column);
    for (int t = 0; t < s->rows; t++) left -= taken[(size_t)t * n] = prob[(size_t)t * n] > least;
    for (int t = 0; left > 0 && t < s->rows; t++) {
        if (prob[(size_t)t * n] != least) continue;
        taken[(size_t)t * n] = 1;
        left--;
    }
}

static pwy_status pick_all(struct pw_routing *j, uint8_t *taken)
{
    struct pw_arena *arena = j->x->arena;
    size_t items = 0, at = 0;
    int32_t *span, *place;
    real **column;
    for (int s = 0; s < j->r->n_spans; s++) items += (size_t)j->r->span[s].n;
    PW_NEED(span = pw_arena_take(arena, items + 1, sizeof *span));
    PW_NEED(place = pw_arena_take(arena, items + 1, sizeof *place));
    PW_NEED(column = pw_arena_take(arena, items + 1, sizeof *column));
    for (int s = 0; s < j->r->n_spans; s++) {
        for (int e = 0; e < j->r->span[s].n; e++, at++) {
            span[at] = s;
            place[at] = e;
            PW_NEED(column[at] = pw_arena_take(arena, (size_t)j->r->span[s].rows + 1, sizeof(real)));
        }
    }
    struct picking p = {j, taken, span, place, column};
    pw_exec_run(j->x, (int)items, pick, &p);
    return PWY_OK;
}

/* Row by row, what took it; NULL: as the places say. */
static void fill(const struct pw_routing *j, const uint8_t *taken)
{
    const struct pw_routes *r = j->r;
    for (int i = 0; i < r->n_spans; i++) {
        const struct pw_span *s = &r->span[i];
        for (int t = s->first; t < s->first + s->rows; t++) {
            for (int e = 0, at = r->pair[t]; taken != NULL && e < s->n; e++)
                if (taken[pw_logits_of(s, t) + (size_t)e]) r->place[at++] = e;
            pw_gates_make(j, s, t, r->prob + pw_logits_of(s, t));
            pw_gates_settle(j, s, t);
        }
    }
}

static int64_t count(const struct pw_routes *r, const uint8_t *taken)
{
    int32_t n = 0;
    for (int i = 0; i < r->n_spans; i++) {
        const struct pw_span *s = &r->span[i];
        for (int t = s->first; t < s->first + s->rows; t++) {
            r->pair[t] = n;
            for (int e = 0; e < s->n; e++) n += taken[pw_logits_of(s, t) + (size_t)e];
        }
    }
    return r->pair[r->n_tokens] = n;
}

static bool all_good(const struct pw_routing *j)
{
    for (int i = 0; i < j->n_pieces; i++)
        if (j->bad[i] >= 0) return false;
    return true;
}

static pwy_status decide(struct pw_routing *j)
{
    struct pw_routes *r = j->r;
    size_t size = 0;
    uint8_t *taken;
    for (int i = 0; i < r->n_spans; i++) size += (size_t)r->span[i].rows * (size_t)r->span[i].n;
    pw_exec_run(j->x, j->n_pieces, affinity_piece, j);
    if (!all_good(j)) return PWY_OK;
    if (j->replay) {
        fill(j, NULL);
        return PWY_OK;
    }
    PW_NEED(taken = pw_arena_zero(j->x->arena, size + 1, sizeof *taken));
    PW_NEED(r->pair = pw_arena_take(j->x->arena, (size_t)r->n_tokens + 1, sizeof *r->pair));
    PW_TRY(pick_all(j, taken));
    PW_TRY(pw_pairs_make(j->x, r, count(r, taken), false));
    fill(j, taken);
    return PWY_OK;
}

static int each(int rows)
{
    return rows;
}

const struct pw_policy pw_policy_expert_choice = {"expert_choice", false, each, decide, pw_choose_back};

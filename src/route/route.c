/* One routing: what is asked is checked, cut into pieces for the pool, decided, sorted. */
#include "route/policy.h"

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

/* --- segments --- */

int64_t pw_segments_size(int n_segments, const struct pw_segment *segment)
{
    int64_t size = 0;
    for (int s = 0; s < n_segments; s++) size += (int64_t)segment[s].rows * segment[s].n;
    return size;
}

static pwy_status check_list(const struct pw_router_config *c, const struct pw_segment *s)
{
    for (int i = 0; i < s->n; i++) {
        if (s->expert[i] < 0 || s->expert[i] >= c->experts)
            return pw_fail(PWY_E_ARGUMENT, "router: candidate %d is expert %d of %d; ids go from 0 to %d", i,
                           s->expert[i], c->experts, c->experts - 1);
        if (i > 0 && s->expert[i] <= s->expert[i - 1])
            return pw_fail(PWY_E_ARGUMENT, "router: candidate %d is expert %d after %d; a list must ascend", i,
                           s->expert[i], s->expert[i - 1]);
    }
    return PWY_OK;
}

static pwy_status check_segment(const struct pw_router_config *c, const struct pw_segment *s, int at)
{
    if (s->rows < 0) return pw_fail(PWY_E_ARGUMENT, "router: segment %d has %d rows; it must be 0 or more", at, s->rows);
    if (s->n < 1)
        return pw_fail(PWY_E_ARGUMENT, "router: segment %d has %d candidate experts; its rows need at least topk, %d",
                       at, s->n, c->topk);
    if (c->topk > s->n)
        return pw_fail(PWY_E_ARGUMENT, "router: topk is %d, but segment %d has %d candidate experts; it needs that many",
                       c->topk, at, s->n);
    if (s->expert != NULL) return check_list(c, s);
    if (s->n != c->experts)
        return pw_fail(PWY_E_ARGUMENT, "router: segment %d has no list and n %d; all of them would be %d", at, s->n,
                       c->experts);
    return PWY_OK;
}

static pwy_status check_segments(const struct pw_router_config *c, int n_segments, const struct pw_segment *segment)
{
    int64_t rows = 0, size = pw_segments_size(n_segments, segment);
    for (int s = 0; s < n_segments; s++) {
        PW_TRY(check_segment(c, &segment[s], s));
        rows += segment[s].rows;
    }
    if (size > INT32_MAX || rows * c->topk > INT32_MAX)
        return pw_fail(PWY_E_LIMIT, "router: %lld rows with %lld logits are more than one pass can hold",
                       (long long)rows, (long long)size);
    return PWY_OK;
}

/* Each candidate takes the place of the next in a permuted order: one cycle, so none stays. */
static pwy_status make_swap(const struct pw_exec *x, const struct pw_router_config *c, struct pw_span *s)
{
    uint64_t n = (uint64_t)s->n, key[2] = {(uint64_t)x->shuffle, c->key}, mixed = pw_hash(key, sizeof key);
    int32_t *swap;
    if (x->train || x->shuffle == 0) return PWY_OK;
    PW_NEED(swap = pw_arena_take(x->arena, n, sizeof *swap));
    for (uint64_t i = 0; i < n; i++)
        swap[pw_permute(mixed, n, i)] = (int32_t)pw_permute(mixed, n, (i + 1) % n);
    s->swap = swap;
    return PWY_OK;
}

static pwy_status make_spans(const struct pw_exec *x, const struct pw_router_config *c, int n_segments,
                             const struct pw_segment *segment, struct pw_routes *r)
{
    size_t at = 0;
    PW_NEED(r->span = pw_arena_zero(x->arena, (size_t)n_segments + 1, sizeof *r->span));
    for (int i = 0; i < n_segments; i++) {
        struct pw_span *s = &r->span[i];
        *s = (struct pw_span){.rows = segment[i].rows, .n = segment[i].n, .expert = segment[i].expert,
                              .first = r->n_tokens, .at = at};
        r->n_tokens += s->rows;
        at += (size_t)s->rows * (size_t)s->n;
        PW_TRY(make_swap(x, c, s));
    }
    r->n_spans = n_segments;
    return PWY_OK;
}

/* --- memory --- */

/* Token choice: k pairs a row, none dropped. */
static pwy_status make_pairs(const struct pw_exec *x, struct pw_routes *r)
{
    size_t t = (size_t)r->n_tokens, n = t * (size_t)r->topk;
    r->n_pairs = (int)n;
    PW_NEED(r->pair = pw_arena_take(x->arena, t + 1, sizeof *r->pair));
    PW_NEED(r->expert = pw_arena_take(x->arena, n + 1, sizeof *r->expert));
    PW_NEED(r->place = pw_arena_take(x->arena, n + 1, sizeof *r->place));
    PW_NEED(r->gate = pw_arena_take(x->arena, n + 1, sizeof *r->gate));
    PW_NEED(r->slot = pw_arena_zero(x->arena, n + 1, sizeof *r->slot));
    for (int i = 0; i <= r->n_tokens; i++) r->pair[i] = i * r->topk;
    return PWY_OK;
}

static pwy_status make_routes(const struct pw_exec *x, const struct pw_router_config *c, int n_segments,
                              const struct pw_segment *segment, struct pw_routes **out)
{
    size_t size = (size_t)pw_segments_size(n_segments, segment);
    bool noisy = x->train && c->jitter > 0;
    struct pw_routes *r;
    PW_NEED(r = pw_arena_zero(x->arena, 1, sizeof *r));
    r->experts = c->experts;
    r->topk = c->topk;
    PW_TRY(make_spans(x, c, n_segments, segment, r));
    PW_TRY(make_pairs(x, r));
    PW_NEED(r->prob = pw_arena_take(x->arena, size + 1, sizeof *r->prob));
    if (x->train) PW_NEED(r->lse = pw_arena_take(x->arena, (size_t)r->n_tokens + 1, sizeof *r->lse));
    if (noisy) PW_NEED(r->noise = pw_arena_take(x->arena, size + 1, sizeof *r->noise));
    *out = r;
    return PWY_OK;
}

static int pieces(int rows)
{
    return (rows + PW_ROUTE_PIECE - 1) / PW_ROUTE_PIECE;
}

static pwy_status make_pieces(struct pw_exec *x, const struct pw_routes *r, int *n_pieces, struct pw_piece **out)
{
    int n = 0;
    size_t sum = 0;
    struct pw_piece *piece;
    for (int s = 0; s < r->n_spans; s++) n += pieces(r->span[s].rows);
    PW_NEED(piece = pw_arena_take(x->arena, (size_t)n + 1, sizeof *piece));
    *n_pieces = n;
    *out = piece;
    for (int s = 0; s < r->n_spans; s++) {
        const struct pw_span *span = &r->span[s];
        for (int at = 0; at < span->rows; at += PW_ROUTE_PIECE, sum += (size_t)span->n) {
            int left = span->rows - at;
            *piece++ = (struct pw_piece){s, span->first + at, left < PW_ROUTE_PIECE ? left : PW_ROUTE_PIECE, sum};
        }
    }
    return PWY_OK;
}

static size_t sums_of(const struct pw_routing *j)
{
    if (j->n_pieces == 0) return 0;
    const struct pw_piece *last = &j->piece[j->n_pieces - 1];
    return last->sum + (size_t)j->r->span[last->span].n;
}

/* --- forward --- */

static pwy_status complain(const struct pw_routing *j)
{
    for (int i = 0; i < j->n_pieces; i++) {
        const struct pw_span *s = &j->r->span[j->piece[i].span];
        int64_t t = j->bad[i];
        if (t < 0) continue;
        const real *z = j->logits + s->at + (size_t)(t - s->first) * (size_t)s->n;
        int e = 0;
        while (isfinite(z[e])) e++;
        return pw_fail(PWY_E_DATA, "router: the logit of row %lld for expert %d is %g; logits must be finite",
                       (long long)t, s->expert == NULL ? e : s->expert[e], (double)z[e]);
    }
    return PWY_OK;
}

static void run_piece(void *arg, int item, int worker)
{
    (void)worker;
    pw_choose_piece(arg, item);
}

pwy_status pw_route(struct pw_exec *x, const struct pw_router_config *c, int n_segments,
                    const struct pw_segment *segment, const real *logits, double *load, struct pw_routes **out)
{
    struct pw_routing j = {.x = x, .c = c, .logits = logits};
    PW_TRY(check_segments(c, n_segments, segment));
    PW_TRY(make_routes(x, c, n_segments, segment, &j.r));
    PW_TRY(make_pieces(x, j.r, &j.n_pieces, &j.piece));
    if (x->train) PW_NEED(j.prob_sum = pw_arena_take(x->arena, sums_of(&j) + 1, sizeof *j.prob_sum));
    PW_NEED(j.z_sum = pw_arena_take(x->arena, (size_t)j.n_pieces + 1, sizeof *j.z_sum));
    PW_NEED(j.bad = pw_arena_take(x->arena, (size_t)j.n_pieces + 1, sizeof *j.bad));
    pw_exec_run(x, j.n_pieces, run_piece, &j);
    PW_TRY(complain(&j));
    PW_TRY(pw_routes_sort(x, j.r));
    if (x->train && j.r->n_tokens > 0) pw_route_losses(&j, load);
    *out = j.r;
    return PWY_OK;
}

/* --- back --- */

struct back { struct pw_route_grad g; const struct pw_piece *piece; };

static void back_piece(void *arg, int item, int worker)
{
    const struct back *b = arg;
    const struct pw_piece *piece = &b->piece[item];
    (void)worker;
    for (int t = piece->first; t < piece->first + piece->rows; t++)
        pw_choose_back(&b->g, &b->g.r->span[piece->span], t);
}

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

pwy_status pw_route_back(struct pw_exec *x, const struct pw_router_config *c, const struct pw_routes *r,
                         const double *load, const real *dgate, real loss_scale, real *dlogits)
{
    size_t mark = pw_arena_mark(x->arena);
    struct back b = {.g = {.x = x, .c = c, .r = r, .dgate = dgate, .dlogits = dlogits}};
    struct pw_piece *piece;
    int n;
    if (r->n_tokens == 0) return PWY_OK;
    b.g.zscale = loss_scale * (real)(2 * c->zloss / r->n_tokens);
    PW_TRY(make_pull(x, c, r, load, loss_scale, &b.g.pull));
    PW_TRY(make_pieces(x, r, &n, &piece));
    b.piece = piece;
    pw_exec_run(x, n, back_piece, &b);
    pw_arena_release(x->arena, mark);
    return PWY_OK;
}

/* What a routing is asked for: segments are checked, given their places, and cut into pieces for the pool. */
#include "route/policy.h"

int64_t pw_segments_size(int n_segments, const struct pw_segment *segment)
{
    int64_t size = 0;
    for (int s = 0; s < n_segments; s++) size += (int64_t)segment[s].rows * segment[s].n;
    return size;
}

int64_t pw_route_size(const struct pw_router_config *c, int n_segments, const struct pw_segment *segment)
{
    const struct pw_policy *policy = pw_policy_of(c->policy);
    int64_t size = 0;
    for (int s = 0; s < n_segments; s++) size += (int64_t)policy->logits(segment[s].rows) * segment[s].n;
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
    if (s->rows < 0)
        return pw_fail(PWY_E_ARGUMENT, "router: segment %d has %d rows; it must be 0 or more", at, s->rows);
    if (s->n < 1)
        return pw_fail(PWY_E_ARGUMENT, "router: segment %d has %d candidate experts; its rows need at least topk, %d",
                       at, s->n, c->topk);
    if (c->topk > s->n)
        return pw_fail(PWY_E_ARGUMENT,
                       "router: topk is %d, but segment %d has %d candidate experts; it needs that many", c->topk, at,
                       s->n);
    if (c->policy == PW_HASH && s->key == NULL && s->rows > 0)
        return pw_fail(PWY_E_ARGUMENT, "router: segment %d has no keys; hash routing needs one for each row", at);
    if (s->expert != NULL) return check_list(c, s);
    if (s->n != c->experts)
        return pw_fail(PWY_E_ARGUMENT, "router: segment %d has no list and n %d; all of them would be %d", at, s->n,
                       c->experts);
    return PWY_OK;
}

pwy_status pw_segments_check(const struct pw_router_config *c, int n_segments, const struct pw_segment *segment)
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

pwy_status pw_spans_make(const struct pw_exec *x, const struct pw_router_config *c, int n_segments,
                         const struct pw_segment *segment, struct pw_routes *r)
{
    const struct pw_policy *policy = pw_policy_of(c->policy);
    size_t at = 0;
    PW_NEED(r->span = pw_arena_zero(x->arena, (size_t)n_segments + 1, sizeof *r->span));
    for (int i = 0; i < n_segments; i++) {
        const struct pw_segment *from = &segment[i];
        struct pw_span *s = &r->span[i];
        *s = (struct pw_span){.rows = from->rows, .n = from->n, .expert = from->expert, .bias = from->bias,
                              .met = from->met, .key = from->key, .first = r->n_tokens, .at = at};
        r->n_tokens += s->rows;
        at += (size_t)policy->logits(s->rows) * (size_t)s->n;
        PW_TRY(make_swap(x, c, s));
    }
    r->n_spans = n_segments;
    return PWY_OK;
}

/* Rows of one piece of a segment. */
static int step_of(const struct pw_policy *policy, const struct pw_span *s)
{
    return policy->whole && s->rows > 0 ? s->rows : PW_ROUTE_PIECE;
}

pwy_status pw_pieces_make(struct pw_exec *x, const struct pw_router_config *c, const struct pw_routes *r, int *n_pieces,
                          struct pw_piece **out)
{
    const struct pw_policy *policy = pw_policy_of(c->policy);
    int n = 0;
    size_t sum = 0;
    struct pw_piece *piece;
    for (int s = 0; s < r->n_spans; s++) {
        int step = step_of(policy, &r->span[s]);
        n += (r->span[s].rows + step - 1) / step;
    }
    PW_NEED(piece = pw_arena_take(x->arena, (size_t)n + 1, sizeof *piece));
    *n_pieces = n;
    *out = piece;
    for (int s = 0; s < r->n_spans; s++) {
        const struct pw_span *span = &r->span[s];
        int step = step_of(policy, span);
        for (int at = 0; at < span->rows; at += step, sum += (size_t)span->n) {
            int left = span->rows - at;
            *piece++ = (struct pw_piece){s, span->first + at, left < step ? left : step, sum};
        }
    }
    return PWY_OK;
}

pwy_status pw_pairs_make(const struct pw_exec *x, struct pw_routes *r, int64_t n, bool even)
{
    size_t size = (size_t)n + 1;
    if (n > INT32_MAX)
        return pw_fail(PWY_E_LIMIT, "router: %lld pairs of a row and an expert are more than one pass can hold",
                       (long long)n);
    r->n_pairs = (int)n;
    if (r->pair == NULL) PW_NEED(r->pair = pw_arena_take(x->arena, (size_t)r->n_tokens + 1, sizeof *r->pair));
    PW_NEED(r->expert = pw_arena_take(x->arena, size, sizeof *r->expert));
    PW_NEED(r->place = pw_arena_take(x->arena, size, sizeof *r->place));
    PW_NEED(r->gate = pw_arena_take(x->arena, size, sizeof *r->gate));
    PW_NEED(r->slot = pw_arena_zero(x->arena, size, sizeof *r->slot));
    for (int i = 0; even && i <= r->n_tokens; i++) r->pair[i] = i * r->topk;
    return PWY_OK;
}

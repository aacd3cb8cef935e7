/* The experts of one layer. Rows are gathered into the sorted order, every expert's products of one stage run as one
   list, and
   tokens gather their results back, experts ascending: no atomics, no scatter-add, every sum has one owner. */
#include "route/route.h"
#include "route/rows.h"
#include <string.h>

enum { PIECE = 64 };                    /* rows of one item */

struct pw_experts_keep {
    real *in, *h, *act, *out;           /* sorted rows: (N, d), (N, 2 f), (N, f), (N, d), N = r->n_rows */
};

struct job {
    const struct pw_exec *x;
    const struct pw_routes *r;
    int d;
    const real *in;                     /* (N, d) or (T, d) */
    real *out;
    real *sorted, *dgate;               /* spread alone: (N, d), (pairs) */
};

static int pieces(int rows)
{
    return (rows + PIECE - 1) / PIECE;
}

static int piece_end(int item, int rows)
{
    return (item + 1) * PIECE < rows ? (item + 1) * PIECE : rows;
}

/* out (N, d): each sorted row its token's row of in (T, d). */
static void gather_piece(void *arg, int item, int worker)
{
    const struct job *j = arg;
    size_t d = (size_t)j->d;
    int end = piece_end(item, j->r->n_rows);
    (void)worker;
    for (int i = item * PIECE; i < end; i++)
        memcpy(j->out + (size_t)i * d, j->in + (size_t)j->r->token[i] * d, d * sizeof(real));
}

/* out (T, d) += gate times each of the token's sorted rows of in (N, d). */
static void combine_piece(void *arg, int item, int worker)
{
    const struct job *j = arg;
    const struct pw_routes *r = j->r;
    size_t d = (size_t)j->d;
    int end = piece_end(item, r->n_tokens);
    (void)worker;
    for (size_t t = (size_t)(item * PIECE); t < (size_t)end; t++)
        for (int32_t i = r->pair[t]; i < r->pair[t + 1]; i++)
            if (r->slot[i] >= 0) j->x->kern->axpy(j->d, r->gate[i], j->in + (size_t)r->slot[i] * d, j->out + t * d);
}

/* The gradient of combine: dgate = <dout, sorted row>, then the sorted row becomes gate dout. */
static void spread_piece(void *arg, int item, int worker)
{
    const struct job *j = arg;
    const struct pw_routes *r = j->r;
    size_t d = (size_t)j->d;
    int end = piece_end(item, r->n_tokens);
    (void)worker;
    for (size_t t = (size_t)(item * PIECE); t < (size_t)end; t++) {
        for (int32_t i = r->pair[t]; i < r->pair[t + 1]; i++) {
            j->dgate[i] = 0;
            if (r->slot[i] < 0) continue;
            real *row = j->sorted + (size_t)r->slot[i] * d;
            j->dgate[i] = j->x->kern->dot(j->d, j->in + t * d, row);
            memcpy(row, j->in + t * d, d * sizeof(real));
            j->x->kern->scale(j->d, r->gate[i], row);
        }
    }
}

/* The gradient of gather: out (T, d) += each of the token's sorted rows of in. */
static void collect_piece(void *arg, int item, int worker)
{
    const struct job *j = arg;
    const struct pw_routes *r = j->r;
    size_t d = (size_t)j->d;
    int end = piece_end(item, r->n_tokens);
    (void)worker;
    for (size_t t = (size_t)(item * PIECE); t < (size_t)end; t++)
        for (int32_t i = r->pair[t]; i < r->pair[t + 1]; i++)
            if (r->slot[i] >= 0) j->x->kern->add(j->d, j->in + (size_t)r->slot[i] * d, j->out + t * d);
}

/* A stage's list: forward y = x W, or back dx = dy W^T and W's gradient = or += x^T dy, for the experts that have
   rows. */
struct stage { int k, n; const real *in; real *out; const real *dout; real *din; struct pw_param *w; };

static struct pw_product forward_of(const struct stage *s, const real *w, int first, int rows)
{
    size_t at = (size_t)first;
    return (struct pw_product){.m = rows, .n = s->n, .k = s->k, .a = s->in + at * (size_t)s->k, .lda = s->k,
                               .b = w, .ldb = s->n, .c = s->out + at * (size_t)s->n, .ldc = s->n,
                               .bf16 = true};
}

static struct pw_product back_of(const struct stage *s, int e, int first, int rows)
{
    size_t k = (size_t)s->k, n = (size_t)s->n, at = (size_t)first;
    return (struct pw_product){.tb = true, .m = rows, .n = s->k, .k = s->n, .a = s->dout + at * n, .lda = s->n,
                               .b = pw_param_group(s->w, e), .ldb = s->n, .c = s->din + at * k, .ldc = s->k,
                               .bf16 = true};
}

/* The first product into an expert's gradient in a step overwrites what stood there. */
static pwy_status gradient_of(const struct stage *s, int e, int first, int rows, struct pw_product *out)
{
    size_t at = (size_t)first;
    bool fresh;
    PW_TRY(pw_slice_touch(s->w, e, &fresh));
    *out = (struct pw_product){.ta = true, .m = s->k, .n = s->n, .k = rows, .a = s->in + at * (size_t)s->k, .lda = s->k,
                               .b = s->dout + at * (size_t)s->n, .ldb = s->n, .beta = fresh ? 0 : 1,
                               .c = s->w->slice[e].g, .ldc = s->n, .bf16 = true};
    return PWY_OK;
}

static pwy_status stage_forward(struct pw_exec *x, const struct pw_routes *r, const struct stage *s,
                                const struct pw_param *w)
{
    size_t mark = pw_arena_mark(x->arena);
    struct pw_product *list;
    int n = 0;
    PW_NEED(list = pw_arena_take(x->arena, (size_t)r->n_present + 1, sizeof *list));
    for (int i = 0; i < r->n_present; i++)
        list[n++] = forward_of(s, pw_param_group(w, r->present[i]), r->start[i], r->start[i + 1] - r->start[i]);
    PW_TRY(pw_products(x, list, n));
    pw_arena_release(x->arena, mark);
    return PWY_OK;
}

static pwy_status stage_back(struct pw_exec *x, const struct pw_routes *r, const struct stage *s)
{
    size_t mark = pw_arena_mark(x->arena);
    struct pw_product *list;
    int n = 0;
    PW_NEED(list = pw_arena_take(x->arena, (size_t)r->n_present * 2 + 1, sizeof *list));
    for (int i = 0; i < r->n_present; i++) {
        int e = r->present[i], first = r->start[i], rows = r->start[i + 1] - first;
        list[n++] = back_of(s, e, first, rows);
        if (pw_trains_group(s->w, e)) PW_TRY(gradient_of(s, e, first, rows, &list[n++]));
    }
    PW_TRY(pw_products(x, list, n));
    pw_arena_release(x->arena, mark);
    return PWY_OK;
}

static pwy_status keep_new(const struct pw_exec *x, int rows, int d, int f, struct pw_experts_keep **out)
{
    struct pw_experts_keep *k;
    PW_NEED(k = pw_arena_take(x->arena, 1, sizeof *k));
    PW_NEED(k->in = pw_take_rows(x, rows, d));
    PW_NEED(k->h = pw_take_rows(x, rows, 2 * f));
    PW_NEED(k->act = pw_take_rows(x, rows, f));
    PW_NEED(k->out = pw_take_rows(x, rows, d));
    *out = k;
    return PWY_OK;
}

static pwy_status wake(struct pw_exec *x, const struct pw_routes *r, const struct pw_param *w)
{
    if (!x->train || w->waker == NULL) return PWY_OK;
    return w->waker->wake(w->waker, x, w, r->present, r->n_present);
}

pwy_status pw_experts(struct pw_exec *x, const struct pw_routes *r, int d, int f, const real *in,
                      const struct pw_param *w13, const struct pw_param *w2, real *out, struct pw_experts_keep **keep)
{
    size_t mark = pw_arena_mark(x->arena);
    int rows = r->n_rows;
    struct pw_experts_keep *k;
    PW_TRY(wake(x, r, w13));
    PW_TRY(wake(x, r, w2));
    PW_TRY(keep_new(x, rows, d, f, &k));
    struct job gather = {.x = x, .r = r, .d = d, .in = in, .out = k->in};
    struct job combine = {.x = x, .r = r, .d = d, .in = k->out, .out = out};
    struct stage up = {.k = d, .n = 2 * f, .in = k->in, .out = k->h};
    struct stage down = {.k = f, .n = d, .in = k->act, .out = k->out};
    if (w13->packed.at != NULL)
        PW_TRY(pw_experts_packed(x, r, d, f, in, w13, w2, &(struct pw_packed_rows){k->in, k->h, k->act, k->out}));
    else {
        pw_exec_run(x, pieces(rows), gather_piece, &gather);
        PW_TRY(stage_forward(x, r, &up, w13));
        pw_swiglu_rows(x, rows, f, k->h, k->act);
        PW_TRY(stage_forward(x, r, &down, w2));
    }
    pw_exec_run(x, pieces(r->n_tokens), combine_piece, &combine);
    if (keep == NULL)
        pw_arena_release(x->arena, mark);
    else
        *keep = k;
    return PWY_OK;
}

pwy_status pw_experts_back(struct pw_exec *x, const struct pw_routes *r, int d, int f, struct pw_experts_keep *keep,
                           struct pw_param *w13, struct pw_param *w2, const real *dout, real *din, real *dgate)
{
    size_t mark = pw_arena_mark(x->arena);
    int rows = r->n_rows;
    real *dact;
    PW_NEED(dact = pw_take_rows(x, rows, f));
    struct job spread = {.x = x, .r = r, .d = d, .in = dout, .sorted = keep->out, .dgate = dgate};
    struct job collect = {.x = x, .r = r, .d = d, .in = keep->out, .out = din};
    struct stage down = {.k = f, .n = d, .in = keep->act, .dout = keep->out, .din = dact, .w = w2};
    struct stage up = {.k = d, .n = 2 * f, .in = keep->in, .dout = keep->h, .din = keep->out, .w = w13};
    pw_exec_run(x, pieces(r->n_tokens), spread_piece, &spread);
    PW_TRY(stage_back(x, r, &down));
    pw_swiglu_rows_back(x, rows, f, keep->h, dact);
    PW_TRY(stage_back(x, r, &up));
    pw_exec_run(x, pieces(r->n_tokens), collect_piece, &collect);
    pw_arena_release(x->arena, mark);
    return PWY_OK;
}

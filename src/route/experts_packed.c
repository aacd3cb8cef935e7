/* Experts with packed weights, for inference. With few rows an expert is one item from its input to its output, so that
   a thread reads its weights from end to end and nobody waits in between; else one stage after the other. */
#include "route/route.h"
#include "route/rows.h"
#include <string.h>

enum { FEW = 64 };                      /* rows of an expert; with more, stages are cut better than experts */

struct job {
    const struct pw_exec *x; const struct pw_routes *r; int d, f; const real *in;
    const struct pw_param *w13, *w2;
    const struct pw_packed_rows *rows;
};

static int rows_of(const struct pw_routes *r, int i)
{
    return r->start[i + 1] - r->start[i];
}

static void gather(const struct job *j, int i)
{
    size_t d = (size_t)j->d;
    for (int32_t row = j->r->start[i]; row < j->r->start[i + 1]; row++)
        memcpy(j->rows->in + (size_t)row * d, j->in + (size_t)j->r->token[row] * d, d * sizeof(real));
}

static void activate(const struct job *j, int i)
{
    size_t f = (size_t)j->f;
    for (size_t row = (size_t)j->r->start[i]; row < (size_t)j->r->start[i + 1]; row++) {
        const real *h = j->rows->h + row * 2 * f;
        j->x->kern->swiglu(j->f, h, h + f, j->rows->act + row * f);
    }
}

static struct pw_packed_product up(const struct job *j, int i)
{
    size_t at = (size_t)j->r->start[i], d = (size_t)j->d, f = (size_t)j->f;
    return (struct pw_packed_product){rows_of(j->r, i), j->d, 2 * j->f, j->rows->in + at * d,
                                      pw_param_packed(j->w13, j->r->present[i]), j->rows->h + at * 2 * f, false};
}

static struct pw_packed_product down(const struct job *j, int i)
{
    size_t at = (size_t)j->r->start[i], d = (size_t)j->d, f = (size_t)j->f;
    return (struct pw_packed_product){rows_of(j->r, i), j->f, j->d, j->rows->act + at * f,
                                      pw_param_packed(j->w2, j->r->present[i]), j->rows->out + at * d, false};
}

static void multiply(const struct job *j, struct pw_packed_product p)
{
    j->x->kern->linear(p.rows, p.n, p.k, p.in, p.k, p.w, p.out, p.n, p.add);
}

static void run_expert(void *arg, int i, int worker)
{
    const struct job *j = arg;
    (void)worker;
    gather(j, i);
    multiply(j, up(j, i));
    activate(j, i);
    multiply(j, down(j, i));
}

static void gather_item(void *arg, int i, int worker)
{
    (void)worker;
    gather(arg, i);
}

static void activate_item(void *arg, int i, int worker)
{
    (void)worker;
    activate(arg, i);
}

static pwy_status run_stages(struct pw_exec *x, struct job *j)
{
    int n = j->r->n_present;
    size_t mark = pw_arena_mark(x->arena);
    struct pw_packed_product *list;
    PW_NEED(list = pw_arena_take(x->arena, (size_t)n + 1, sizeof *list));
    pw_exec_run(x, n, gather_item, j);
    for (int i = 0; i < n; i++) list[i] = up(j, i);
    PW_TRY(pw_packed_products(x, list, n));
    pw_exec_run(x, n, activate_item, j);
    for (int i = 0; i < n; i++) list[i] = down(j, i);
    PW_TRY(pw_packed_products(x, list, n));
    pw_arena_release(x->arena, mark);
    return PWY_OK;
}

/* Whether whole experts keep all threads busy. The bits are the same either way. */
static bool shares_out(const struct pw_exec *x, const struct pw_routes *r)
{
    int n = r->n_present, workers = pw_pool_workers(x->pool);
    return (n % workers == 0 || n >= 4 * workers) && r->n_rows <= (int64_t)n * FEW;
}

pwy_status pw_experts_packed(struct pw_exec *x, const struct pw_routes *r, int d, int f, const real *in,
                             const struct pw_param *w13, const struct pw_param *w2, const struct pw_packed_rows *rows)
{
    struct job j = {.x = x, .r = r, .d = d, .f = f, .in = in, .w13 = w13, .w2 = w2, .rows = rows};
    if (!shares_out(x, r)) return run_stages(x, &j);
    pw_exec_run(x, r->n_present, run_expert, &j);
    x->flops += 6.0 * r->n_rows * d * f;
    return PWY_OK;
}

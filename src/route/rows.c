#include "route/rows.h"
#include <string.h>

enum { PIECE = 16384, GLU_PIECE = 16 };         /* numbers, rows of one item */

enum op { ZERO, COPY, ADD };
struct walk { const struct pw_exec *x; enum op op; int64_t n; const real *in; real *out; };

static void walk_piece(void *arg, int item, int worker)
{
    const struct walk *w = arg;
    int64_t at = (int64_t)item * PIECE, n = w->n - at < PIECE ? w->n - at : PIECE;
    (void)worker;
    if (w->op == ZERO)
        memset(w->out + at, 0, (size_t)n * sizeof(real));
    else if (w->op == COPY)
        memcpy(w->out + at, w->in + at, (size_t)n * sizeof(real));
    else
        w->x->kern->add((int)n, w->in + at, w->out + at);
}

static void walk(const struct pw_exec *x, enum op op, int64_t n, const real *in, real *out)
{
    struct walk w = {x, op, n, in, out};
    pw_exec_run(x, (int)((n + PIECE - 1) / PIECE), walk_piece, &w);
}

void pw_zero_rows(const struct pw_exec *x, int64_t n, real *out)
{
    walk(x, ZERO, n, NULL, out);
}

void pw_copy_rows(const struct pw_exec *x, int64_t n, const real *in, real *out)
{
    if (in != out) walk(x, COPY, n, in, out);
}

void pw_add_rows(const struct pw_exec *x, int64_t n, const real *in, real *out)
{
    walk(x, ADD, n, in, out);
}

real *pw_take_rows(const struct pw_exec *x, int64_t rows, int64_t width)
{
    return pw_arena_take(x->arena, (size_t)rows, (size_t)width * sizeof(real));
}

struct glu { const struct pw_exec *x; int rows, f; const real *in; real *out; };

static void glu_piece(void *arg, int item, int worker)
{
    const struct glu *g = arg;
    size_t f = (size_t)g->f;
    int first = item * GLU_PIECE, end = first + GLU_PIECE < g->rows ? first + GLU_PIECE : g->rows;
    (void)worker;
    for (size_t i = (size_t)first; i < (size_t)end; i++)
        g->x->kern->swiglu(g->f, g->in + i * 2 * f, g->in + i * 2 * f + f, g->out + i * f);
}

static void glu_back_piece(void *arg, int item, int worker)
{
    const struct glu *g = arg;
    size_t f = (size_t)g->f;
    int first = item * GLU_PIECE, end = first + GLU_PIECE < g->rows ? first + GLU_PIECE : g->rows;
    (void)worker;
    for (size_t i = (size_t)first; i < (size_t)end; i++) {
        real *a = g->out + i * 2 * f, *b = a + f;
        g->x->kern->swiglu_back(g->f, a, b, g->in + i * f, a, b);
    }
}

void pw_swiglu_rows(const struct pw_exec *x, int rows, int f, const real *h, real *act)
{
    struct glu g = {x, rows, f, h, act};
    pw_exec_run(x, (rows + GLU_PIECE - 1) / GLU_PIECE, glu_piece, &g);
}

void pw_swiglu_rows_back(const struct pw_exec *x, int rows, int f, real *h, const real *dact)
{
    struct glu g = {x, rows, f, dact, h};
    pw_exec_run(x, (rows + GLU_PIECE - 1) / GLU_PIECE, glu_back_piece, &g);
}

static pwy_status both_back(struct pw_exec *x, int rows, int k, int n, const real *in, struct pw_param *w,
                            const real *dout, real *din, bool add, bool bf16)
{
    struct pw_product list[2] = {
        {.tb = true, .m = rows, .n = k, .k = n, .a = dout, .lda = n, .b = w->w, .ldb = n,
         .beta = add ? 1 : 0, .c = din, .ldc = k, .bf16 = bf16},
        {.ta = true, .m = k, .n = n, .k = rows, .a = in, .lda = k, .b = dout, .ldb = n, .beta = 1, .c = w->g,
         .ldc = n, .bf16 = bf16}};
    return pw_products(x, list, pw_trains(w) ? 2 : 1);
}

pwy_status pw_linear_back(struct pw_exec *x, int rows, int k, int n, const real *in, struct pw_param *w,
                               const real *dout, real *din, bool add)
{
    return both_back(x, rows, k, n, in, w, dout, din, add, false);
}

pwy_status pw_linear_bf16_back(struct pw_exec *x, int rows, int k, int n, const real *in, struct pw_param *w,
                           const real *dout, real *din, bool add)
{
    return both_back(x, rows, k, n, in, w, dout, din, add, true);
}

/* The linear layer with a bias. */
#include "nn/nn.h"
#include "nn/rows.h"

struct job { const struct pw_exec *x; int rows, n; const real *from; real *to; };

static int width_of(const struct pw_param *w)
{
    return (int)w->shape[w->rank - 1];
}

static void fill_block(void *arg, int block, int worker)
{
    const struct job *j = arg;
    struct pw_span span = pw_block_span(j->rows, j->n, block);
    (void)worker;
    for (int i = span.first; i < span.end; i++)
        memcpy(j->to + (size_t)i * j->n, j->from, j->n * sizeof(real));
}

pwy_status pw_dense(struct pw_exec *x, int rows, const real *in, const struct pw_param *w, const struct pw_param *b,
                    real *out)
{
    int n = width_of(w), k = n > 0 ? (int)(w->n / n) : 0;
    if (b != NULL) {
        struct job job = { x, rows, n, b->w, out };
        pw_exec_run(x, pw_block_count(rows, n), fill_block, &job);
    }
    return pw_linear(x, rows, k, n, in, w->w, out, b != NULL);
}

static void sum_block(void *arg, int block, int worker)
{
    const struct job *j = arg;
    struct pw_span span = pw_block_span(j->rows, j->n, block);
    (void)worker;
    for (int i = span.first; i < span.end; i++)
        j->x->kern->add(j->n, j->from + (size_t)i * j->n, j->to + (size_t)block * j->n);
}

/* db += the sum of the rows of dout. */
static pwy_status bias_back(struct pw_exec *x, int rows, int n, const real *dout, real *db)
{
    int blocks = pw_block_count(rows, n);
    size_t mark = pw_arena_mark(x->arena);
    real *part = pw_arena_zero(x->arena, (size_t)blocks * n + 1, sizeof *part);
    PW_NEED(part);
    struct job job = { x, rows, n, dout, part };
    pw_exec_run(x, blocks, sum_block, &job);
    pw_block_sum(x, blocks, n, part, db);
    pw_arena_release(x->arena, mark);
    return PWY_OK;
}

pwy_status pw_dense_back(struct pw_exec *x, int rows, const real *in, struct pw_param *w, struct pw_param *b,
                         const real *dout, real *din)
{
    int n = width_of(w), k = n > 0 ? (int)(w->n / n) : 0;
    if (b != NULL && pw_trains(b))
        PW_TRY(bias_back(x, rows, n, dout, b->g));
    if (pw_trains(w))
        PW_TRY(pw_linear_dw(x, rows, k, n, in, dout, w->g));
    return din == NULL ? PWY_OK : pw_linear_dx(x, rows, k, n, dout, w->w, din, true);
}

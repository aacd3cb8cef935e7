/* Root-mean-square norm (Zhang and Sennrich 2019). */
#include "nn/nn.h"
#include "nn/rows.h"

#define EPS 1e-6

struct job {
    const struct pw_exec *x;
    int rows, d;
    const real *in, *w, *dout;
    real *out, *rstd, *din;
    real *part, *scratch;               /* (blocks, d) each; part NULL: the gain does not train */
};

static void forward_block(void *arg, int block, int worker)
{
    const struct job *j = arg;
    const struct pw_kern *kern = j->x->kern;
    struct pw_span span = pw_block_span(j->rows, j->d, block);
    (void)worker;
    for (int i = span.first; i < span.end; i++) {
        const real *in = j->in + (size_t)i * j->d;
        real *out = j->out + (size_t)i * j->d;
        real rstd = 1 / pw_sqrt(kern->dot(j->d, in, in) / j->d + (real)EPS);
        if (j->rstd != NULL)
            j->rstd[i] = rstd;
        kern->mul(j->d, in, j->w, out);
        kern->scale(j->d, rstd, out);
    }
}

pwy_status pw_rmsnorm(struct pw_exec *x, int rows, int d, const real *in, const struct pw_param *w, real *out,
                      real *rstd)
{
    struct job job = { .x = x, .rows = rows, .d = d, .in = in, .w = w->w, .out = out, .rstd = rstd };
    pw_exec_run(x, pw_block_count(rows, d), forward_block, &job);
    return PWY_OK;
}

/* With s = rstd and u = w dout: din += s u - in s^3 <u, in> / d; dw += s in dout. */
static void back_row(const struct job *j, int i, real *u, real *part)
{
    const struct pw_kern *kern = j->x->kern;
    const real *in = j->in + (size_t)i * j->d, *dout = j->dout + (size_t)i * j->d;
    real *din = j->din + (size_t)i * j->d;
    real s = j->rstd[i];
    kern->mul(j->d, dout, j->w, u);
    real inner = kern->dot(j->d, u, in);
    kern->axpy(j->d, s, u, din);
    kern->axpy(j->d, -s * s * s * inner / j->d, in, din);
    if (part == NULL)
        return;
    kern->mul(j->d, dout, in, u);
    kern->axpy(j->d, s, u, part);
}

static void back_block(void *arg, int block, int worker)
{
    const struct job *j = arg;
    struct pw_span span = pw_block_span(j->rows, j->d, block);
    real *part = j->part == NULL ? NULL : j->part + (size_t)block * j->d;
    (void)worker;
    for (int i = span.first; i < span.end; i++)
        back_row(j, i, j->scratch + (size_t)block * j->d, part);
}

pwy_status pw_rmsnorm_back(struct pw_exec *x, int rows, int d, const real *in, const real *rstd, struct pw_param *w,
                           const real *dout, real *din)
{
    struct job job = { .x = x, .rows = rows, .d = d, .in = in, .w = w->w, .dout = dout,
                       .rstd = (real *)rstd, .din = din };
    int blocks = pw_block_count(rows, d);
    size_t mark = pw_arena_mark(x->arena);
    PW_NEED(job.scratch = pw_arena_take(x->arena, (size_t)blocks * d + 1, sizeof(real)));
    if (pw_trains(w))
        PW_NEED(job.part = pw_arena_zero(x->arena, (size_t)blocks * d + 1, sizeof(real)));
    pw_exec_run(x, blocks, back_block, &job);
    if (pw_trains(w))
        pw_block_sum(x, blocks, d, job.part, w->g);
    pw_arena_release(x->arena, mark);
    return PWY_OK;
}

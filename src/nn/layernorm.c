/* Layer norm (Ba, Kiros and Hinton 2016). */
#include "nn/nn.h"
#include "nn/rows.h"

#define EPS 1e-5

struct job {
    const struct pw_exec *x;
    int rows, d;
    const real *in, *w, *b, *dout;
    real *out, *din;
    const real *stat;                   /* (rows, 2) for backward */
    real *keep_stat;                    /* the same for forward; may be NULL */
    real *part, *scratch;               /* (blocks, 2 d): of gain and bias; normed row and its slope */
};

static void subtract(int n, const real *in, real value, real *out)
{
    for (int i = 0; i < n; i++)
        out[i] = in[i] - value;
}

static void forward_row(const struct job *j, int i)
{
    const struct pw_kern *kern = j->x->kern;
    const real *in = j->in + (size_t)i * j->d;
    real *out = j->out + (size_t)i * j->d;
    real mean = kern->sum(j->d, in) / j->d;
    subtract(j->d, in, mean, out);
    real rstd = 1 / pw_sqrt(kern->dot(j->d, out, out) / j->d + (real)EPS);
    kern->scale(j->d, rstd, out);
    kern->mul(j->d, out, j->w, out);
    if (j->b != NULL)
        kern->add(j->d, j->b, out);
    if (j->keep_stat == NULL)
        return;
    j->keep_stat[2 * i] = mean;
    j->keep_stat[2 * i + 1] = rstd;
}

static void forward_block(void *arg, int block, int worker)
{
    const struct job *j = arg;
    struct pw_span span = pw_block_span(j->rows, j->d, block);
    (void)worker;
    for (int i = span.first; i < span.end; i++)
        forward_row(j, i);
}

pwy_status pw_layernorm(struct pw_exec *x, int rows, int d, const real *in, const struct pw_param *w,
                        const struct pw_param *b, real *out, real *stat)
{
    struct job job = { .x = x, .rows = rows, .d = d, .in = in, .w = w->w, .b = b == NULL ? NULL : b->w, .out = out,
                       .keep_stat = stat };
    pw_exec_run(x, pw_block_count(rows, d), forward_block, &job);
    return PWY_OK;
}

/* With the normed row h and u = w dout: din += rstd (u - mean(u) - h mean(u h)); dw += h dout; db += dout. */
static void back_row(const struct job *j, int i, real *scratch, real *part)
{
    const struct pw_kern *kern = j->x->kern;
    const real *dout = j->dout + (size_t)i * j->d;
    real *din = j->din + (size_t)i * j->d, *h = scratch, *u = scratch + j->d, rstd = j->stat[2 * i + 1];
    subtract(j->d, j->in + (size_t)i * j->d, j->stat[2 * i], h);
    kern->scale(j->d, rstd, h);
    kern->mul(j->d, dout, j->w, u);
    real mean = kern->sum(j->d, u) / j->d, inner = kern->dot(j->d, u, h) / j->d;
    subtract(j->d, u, mean, u);
    kern->axpy(j->d, rstd, u, din);
    kern->axpy(j->d, -rstd * inner, h, din);
    kern->mul(j->d, h, dout, u);
    kern->add(j->d, u, part);
    kern->add(j->d, dout, part + j->d);
}

static void back_block(void *arg, int block, int worker)
{
    const struct job *j = arg;
    struct pw_span span = pw_block_span(j->rows, j->d, block);
    size_t at = (size_t)block * 2 * j->d;
    (void)worker;
    for (int i = span.first; i < span.end; i++)
        back_row(j, i, j->scratch + at, j->part + at);
}

pwy_status pw_layernorm_back(struct pw_exec *x, int rows, int d, const real *in, const real *stat, struct pw_param *w,
                             struct pw_param *b, const real *dout, real *din)
{
    struct job job = { .x = x, .rows = rows, .d = d, .in = in, .w = w->w, .dout = dout, .stat = stat, .din = din };
    int blocks = pw_block_count(rows, d);
    size_t mark = pw_arena_mark(x->arena), size = (size_t)blocks * 2 * d;
    PW_NEED(job.scratch = pw_arena_take(x->arena, size + 1, sizeof(real)));
    PW_NEED(job.part = pw_arena_zero(x->arena, size + 1, sizeof(real)));
    pw_exec_run(x, blocks, back_block, &job);
    for (int i = 0; i < blocks; i++) {
        if (pw_trains(w))
            x->kern->add(d, job.part + (size_t)i * 2 * d, w->g);
        if (b != NULL && pw_trains(b))
            x->kern->add(d, job.part + (size_t)i * 2 * d + d, b->g);
    }
    pw_arena_release(x->arena, mark);
    return PWY_OK;
}

/* Weight standardisation (Qiao et al. 2019): each output channel's kernel has mean 0 and variance 1 over its fan-in. */
#include "nn/conv.h"

#define EPS 1e-5

/* row of the raw kernel, less the mean. */
static void center(const struct pw_kern *kern, int n, const real *w, const real *mean, real *out)
{
    memcpy(out, w, n * sizeof *out);
    kern->axpy(n, -1, mean, out);
}

static void find_stats(const struct pw_kern *kern, int fan_in, int n, const real *w, real *row,
                       struct pw_conv_keep *keep)
{
    memset(keep->mean, 0, n * sizeof *keep->mean);
    memset(keep->rstd, 0, n * sizeof *keep->rstd);
    for (int i = 0; i < fan_in; i++)
        kern->add(n, w + (size_t)i * n, keep->mean);
    kern->scale(n, (real)1 / fan_in, keep->mean);
    for (int i = 0; i < fan_in; i++) {
        center(kern, n, w + (size_t)i * n, keep->mean, row);
        kern->mul(n, row, row, row);
        kern->add(n, row, keep->rstd);
    }
    for (int c = 0; c < n; c++)
        keep->rstd[c] = 1 / pw_sqrt(keep->rstd[c] / fan_in + (real)EPS);
}

pwy_status pw_conv_kernel(struct pw_exec *x, const struct pw_conv_block *b, struct pw_conv_keep *keep)
{
    int fan_in = 9 * b->c_in, n = b->c_out;
    real *factor = pw_arena_take(x->arena, n, sizeof *factor);
    PW_NEED(factor);
    PW_NEED(keep->mean = pw_arena_take(x->arena, n, sizeof(real)));
    PW_NEED(keep->rstd = pw_arena_take(x->arena, n, sizeof(real)));
    PW_NEED(keep->kernel = pw_arena_take(x->arena, (size_t)fan_in * n, sizeof(real)));
    find_stats(x->kern, fan_in, n, b->w->w, factor, keep);
    x->kern->mul(n, keep->rstd, b->gain->w, factor);
    for (int i = 0; i < fan_in; i++) {
        real *row = keep->kernel + (size_t)i * n;
        center(x->kern, n, b->w->w + (size_t)i * n, keep->mean, row);
        x->kern->mul(n, row, factor, row);
    }
    return PWY_OK;
}

/* Five rows of c_out numbers: the kernel's row made again, a product, and sums over the fan-in. */
struct rows { real *normed, *tmp, *sum, *inner, *factor; };

static void normed_row(const struct pw_kern *kern, const struct pw_conv_block *b, const struct pw_conv_keep *keep,
                       int i, real *out)
{
    center(kern, b->c_out, b->w->w + (size_t)i * b->c_out, keep->mean, out);
    kern->mul(b->c_out, out, keep->rstd, out);
}

/* With h the standardised kernel: sum = sum dkernel, inner = sum h dkernel. */
static void find_sums(const struct pw_kern *kern, const struct pw_conv_block *b, const struct pw_conv_keep *keep,
                      const real *dkernel, struct rows *r)
{
    int n = b->c_out;
    for (int i = 0; i < 9 * b->c_in; i++) {
        const real *d = dkernel + (size_t)i * n;
        normed_row(kern, b, keep, i, r->normed);
        kern->mul(n, r->normed, d, r->tmp);
        kern->add(n, r->tmp, r->inner);
        kern->add(n, d, r->sum);
    }
}

/* dw += rstd gain (dkernel - sum / fan_in - h inner / fan_in) */
static void weights_back(const struct pw_kern *kern, const struct pw_conv_block *b, const struct pw_conv_keep *keep,
                         const real *dkernel, struct rows *r)
{
    int n = b->c_out, fan_in = 9 * b->c_in;
    kern->mul(n, keep->rstd, b->gain->w, r->factor);
    for (int i = 0; i < fan_in; i++) {
        real *dw = b->w->g + (size_t)i * n;
        normed_row(kern, b, keep, i, r->normed);
        kern->mul(n, r->normed, r->inner, r->normed);
        kern->add(n, r->sum, r->normed);
        memcpy(r->tmp, dkernel + (size_t)i * n, n * sizeof *r->tmp);
        kern->axpy(n, -(real)1 / fan_in, r->normed, r->tmp);
        kern->mul(n, r->tmp, r->factor, r->tmp);
        kern->add(n, r->tmp, dw);
    }
}

pwy_status pw_conv_kernel_back(struct pw_exec *x, const struct pw_conv_block *b, const struct pw_conv_keep *keep,
                               const real *dkernel)
{
    size_t mark = pw_arena_mark(x->arena), n = b->c_out, stride = (n + 15) / 16 * 16;
    real *room = pw_arena_zero(x->arena, 5 * stride, sizeof *room);
    PW_NEED(room);
    struct rows r = { room, room + stride, room + 2 * stride, room + 3 * stride, room + 4 * stride };
    find_sums(x->kern, b, keep, dkernel, &r);
    if (pw_trains(b->gain))
        x->kern->add(b->c_out, r.inner, b->gain->g);
    if (pw_trains(b->w))
        weights_back(x->kern, b, keep, dkernel, &r);
    pw_arena_release(x->arena, mark);
    return PWY_OK;
}

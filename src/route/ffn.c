/* One SwiGLU for every token: the dense model's feed-forward, and the shared experts. */
#include "route/route.h"
#include "route/rows.h"

struct pw_ffn_keep { real *h, *act; };          /* (rows, 2 f), (rows, f) */

pwy_status pw_ffn(struct pw_exec *x, int rows, int d, int f, const real *in, const struct pw_param *w13,
                  const struct pw_param *w2, real *out, struct pw_ffn_keep **keep)
{
    size_t mark = pw_arena_mark(x->arena);
    struct pw_ffn_keep *k;
    (void)d;
    PW_NEED(k = pw_arena_take(x->arena, 1, sizeof *k));
    PW_NEED(k->h = pw_take_rows(x, rows, 2 * f));
    PW_NEED(k->act = pw_take_rows(x, rows, f));
    PW_TRY(pw_apply(x, rows, in, w13, k->h, false));
    pw_swiglu_rows(x, rows, f, k->h, k->act);
    PW_TRY(pw_apply(x, rows, k->act, w2, out, true));
    if (keep == NULL)
        pw_arena_release(x->arena, mark);
    else
        *keep = k;
    return PWY_OK;
}

pwy_status pw_ffn_back(struct pw_exec *x, int rows, int d, int f, const real *in, struct pw_ffn_keep *keep,
                       struct pw_param *w13, struct pw_param *w2, const real *dout, real *din)
{
    size_t mark = pw_arena_mark(x->arena);
    real *dact;
    PW_NEED(dact = pw_take_rows(x, rows, f));
    PW_TRY(pw_linear_bf16_back(x, rows, f, d, keep->act, w2, dout, dact, false));
    pw_swiglu_rows_back(x, rows, f, keep->h, dact);
    PW_TRY(pw_linear_bf16_back(x, rows, d, 2 * f, in, w13, keep->h, din, true));
    pw_arena_release(x->arena, mark);
    return PWY_OK;
}

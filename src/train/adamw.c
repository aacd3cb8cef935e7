/* AdamW (Loshchilov and Hutter 2019) over a set of parameters; rows of tables and experts that a step did not touch
   are left alone. */
#include "train/train.h"
#include <stdlib.h>

enum { BLOCK = 16384 };                 /* numbers an item of work has */

pwy_status pw_adamw_open(struct pw_adamw *a, const struct pw_params *params)
{
    a->n = params->n;
    PW_NEED(a->m = pw_calloc((size_t)a->n, sizeof *a->m));
    PW_NEED(a->v = pw_calloc((size_t)a->n, sizeof *a->v));
    for (int i = 0; i < a->n; i++) {
        if (params->list[i]->g == NULL) continue;
        PW_NEED(a->m[i] = pw_calloc((size_t)params->list[i]->n, sizeof(real)));
        PW_NEED(a->v[i] = pw_calloc((size_t)params->list[i]->n, sizeof(real)));
    }
    return PWY_OK;
}

void pw_adamw_close(struct pw_adamw *a)
{
    for (int i = 0; i < a->n; i++) {
        if (a->m != NULL) free(a->m[i]);
        if (a->v != NULL) free(a->v[i]);
    }
    free(a->m);
    free(a->v);
}

/* A run of numbers of one parameter that this step moves. */
struct span { int param; int64_t at; int n; };
struct spans { struct span *list; int n, cap; };

static pwy_status add_span(struct spans *s, struct pw_arena *arena, int param, int64_t at, int64_t n)
{
    for (int64_t done = 0; done < n; done += BLOCK) {
        if (s->n == s->cap) {
            struct span *grown;
            s->cap = s->cap > 0 ? 2 * s->cap : 256;
            PW_NEED(grown = pw_arena_take(arena, (size_t)s->cap, sizeof *grown));
            for (int i = 0; i < s->n; i++) grown[i] = s->list[i];
            s->list = grown;
        }
        s->list[s->n++] = (struct span){param, at + done, (int)(n - done < BLOCK ? n - done : BLOCK)};
    }
    return PWY_OK;
}

/* Neighbouring touched groups make one span. */
static pwy_status touched_spans(struct spans *s, struct pw_arena *arena, int index, const struct pw_param *p)
{
    int64_t size = p->n / p->groups, from = 0;
    while (from < p->groups) {
        int64_t to = from;
        while (to < p->groups && p->touched[to]) to++;
        if (to > from) PW_TRY(add_span(s, arena, index, from * size, (to - from) * size));
        from = to + 1;
    }
    return PWY_OK;
}

static pwy_status all_spans(struct spans *s, struct pw_arena *arena, const struct pw_params *params)
{
    for (int i = 0; i < params->n; i++) {
        const struct pw_param *p = params->list[i];
        if (!pw_trains(p)) continue;
        if (p->groups > 1) PW_TRY(touched_spans(s, arena, i, p));
        else PW_TRY(add_span(s, arena, i, 0, p->n));
    }
    return PWY_OK;
}

struct update {
    struct pw_adamw *a; struct pw_params *params; const struct pw_kern *kern;
    struct spans spans; double *sumsq;
    double lr, scale, c1, c2;
};

static void span_sumsq(void *arg, int item, int worker)
{
    struct update *u = arg;
    const struct span *s = &u->spans.list[item];
    const struct pw_param *p = u->params->list[s->param];
    (void)worker;
    u->sumsq[item] = p->kind == PW_TABLE ? 0 : (double)u->kern->dot(s->n, p->g + s->at, p->g + s->at);
}

static void span_update(void *arg, int item, int worker)
{
    struct update *u = arg;
    const struct span *s = &u->spans.list[item];
    const struct pw_adamw *a = u->a;
    struct pw_param *p = u->params->list[s->param];
    double lr = u->lr * (double)p->lr_scale, decay = p->kind == PW_MATRIX ? lr * a->decay : 0;
    (void)worker;
    u->kern->adamw(s->n, p->w + s->at, p->g + s->at, a->m[s->param] + s->at, a->v[s->param] + s->at,
                   (real)(p->kind == PW_TABLE ? 1 : u->scale), (real)a->b1, (real)a->b2, (real)(lr * u->c1),
                   (real)u->c2, (real)a->eps, (real)decay);
}

pwy_status pw_adamw_step(struct pw_adamw *a, struct pw_exec *x, struct pw_params *params, double lr, int64_t step,
                         double *norm)
{
    struct update u = {.a = a, .params = params, .kern = x->kern, .lr = lr, .scale = 1};
    double sum = 0;
    PW_TRY(all_spans(&u.spans, x->arena, params));
    PW_NEED(u.sumsq = pw_arena_take(x->arena, (size_t)u.spans.n + 1, sizeof *u.sumsq));
    pw_exec_run(x, u.spans.n, span_sumsq, &u);
    for (int i = 0; i < u.spans.n; i++) sum += u.sumsq[i];
    *norm = sqrt(sum);
    if (a->clip > 0 && *norm > a->clip) u.scale = a->clip / *norm;
    u.c1 = 1 / (1 - pow(a->b1, (double)step));
    u.c2 = 1 / sqrt(1 - pow(a->b2, (double)step));
    if (isfinite(sum)) pw_exec_run(x, u.spans.n, span_update, &u);
    return PWY_OK;
}

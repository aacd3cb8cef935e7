/* AdamW (Loshchilov and Hutter 2019) over a set of parameters; rows of tables and experts that a step did not touch
   are left alone. */
#include "train/train.h"
#include <stdlib.h>
#include <string.h>

enum { BLOCK = 16384 };                 /* numbers an item of work has */

static pwy_status open_moments(struct pw_adamw *a, struct pw_param *p, struct pw_moments *of)
{
    if (!pw_trains(p)) return PWY_OK;
    of->n = pw_moment_slots(p);
    of->size = of->n > 0 ? p->n / of->n : 0;
    of->second = a->adafactor ? pw_adafactor_size(p, of->size) : of->size;
    of->waker.wake = pw_adamw_wake;
    of->adamw = a;
    PW_NEED(of->slot = pw_calloc((size_t)of->n + 1, sizeof *of->slot));
    if (p->slice != NULL && !a->adafactor && !a->apart) p->waker = &of->waker;
    return PWY_OK;
}

pwy_status pw_adamw_open(struct pw_adamw *a, struct pw_params *params)
{
    a->n = params->n;
    a->params = params;
    PW_NEED(a->of = pw_calloc((size_t)a->n + 1, sizeof *a->of));
    for (int i = 0; i < a->n; i++) PW_TRY(open_moments(a, params->list[i], &a->of[i]));
    return PWY_OK;
}

/* The old ones move with the list: experts' parameters point at theirs. */
static pwy_status make_room(struct pw_adamw *a, int n)
{
    struct pw_moments *of = pw_realloc(a->of, (size_t)n + 1, sizeof *of);
    PW_NEED(of);
    memset(of + a->n, 0, (size_t)(n - a->n) * sizeof *of);
    a->of = of;
    for (int i = 0; i < a->n && !a->apart; i++)
        if (a->params->list[i]->waker != NULL) a->params->list[i]->waker = &of[i].waker;
    return PWY_OK;
}

pwy_status pw_adamw_extend(struct pw_adamw *a)
{
    PW_TRY(make_room(a, a->params->n));
    while (a->n < a->params->n) {
        struct pw_moments *of = &a->of[a->n];
        PW_TRY(open_moments(a, a->params->list[a->n++], of));
        for (int64_t k = 0; k < of->n; k++) PW_TRY(pw_adamw_need(of, k));
    }
    return PWY_OK;
}

/* Of numbers behind `skip` others, (rows, width), the columns keep (n). */
static pwy_status keep_columns(real **numbers, int64_t skip, int64_t rows, int64_t width, const int32_t *keep, int n)
{
    real *few;
    if (*numbers == NULL) return PWY_OK;
    PW_NEED(few = pw_calloc((size_t)(skip + rows * n) + 1, sizeof *few));
    memcpy(few, *numbers, (size_t)skip * sizeof *few);
    pw_copy_columns(rows, width, *numbers + skip, keep, n, few + skip);
    free(*numbers);
    *numbers = few;
    return PWY_OK;
}

pwy_status pw_adamw_keep_columns(struct pw_adamw *a, const struct pw_param *p, const int32_t *keep, int n)
{
    int i = 0;
    while (i < a->n && a->params->list[i] != p) i++;
    if (i == a->n || a->of[i].n == 0) return PWY_OK;
    struct pw_moments *of = &a->of[i];
    int64_t width = p->shape[p->rank - 1], rows = of->size / width;
    bool means = of->second < of->size;
    PW_TRY(keep_columns(&of->slot[0].m, 0, rows, width, keep, n));
    PW_TRY(keep_columns(&of->slot[0].v, means ? rows : 0, means ? 1 : rows, width, keep, n));
    of->size = rows * n;
    of->second = means ? rows + n : of->size;
    return PWY_OK;
}

void pw_adamw_close(struct pw_adamw *a)
{
    for (int i = 0; a->of != NULL && i < a->n; i++) {
        if (!a->apart) a->params->list[i]->waker = NULL;
        for (int64_t k = 0; a->of[i].slot != NULL && k < a->of[i].n; k++) {
            free(a->of[i].slot[k].m);
            free(a->of[i].slot[k].v);
        }
        free(a->of[i].slot);
    }
    free(a->of);
    free(a->rate);
}

pwy_status pw_adamw_need(struct pw_moments *of, int64_t k)
{
    struct pw_moment *slot = &of->slot[k];
    if (slot->m == NULL) PW_NEED(slot->m = pw_calloc((size_t)of->size + 1, sizeof(real)));
    if (slot->v == NULL) PW_NEED(slot->v = pw_calloc((size_t)of->second + 1, sizeof(real)));
    return PWY_OK;
}

int64_t pw_adamw_bytes(const struct pw_adamw *a)
{
    int64_t sum = 0;
    for (int i = 0; i < a->n; i++)
        for (int64_t k = 0; k < a->of[i].n; k++)
            sum += a->of[i].slot[k].m != NULL ? (a->of[i].size + a->of[i].second) * (int64_t)sizeof(real) : 0;
    return sum;
}

/* A run of numbers that this step moves. */
struct span { const struct pw_param *p; real *w, *m, *v; const real *g; int n; };
struct spans { struct span *list; int n, cap; struct pw_arena *arena; };

static pwy_status add_span(struct spans *s, const struct span *whole, int64_t at, int64_t n)
{
    for (int64_t done = at; done < at + n; done += BLOCK) {
        if (s->n == s->cap) {
            struct span *grown;
            s->cap = s->cap > 0 ? 2 * s->cap : 256;
            PW_NEED(grown = pw_arena_take(s->arena, (size_t)s->cap, sizeof *grown));
            for (int i = 0; i < s->n; i++) grown[i] = s->list[i];
            s->list = grown;
        }
        s->list[s->n++] = (struct span){whole->p, whole->w + done, whole->m + done,
                                        whole->v == NULL ? NULL : whole->v + done, whole->g + done,
                                        (int)(at + n - done < BLOCK ? at + n - done : BLOCK)};
    }
    return PWY_OK;
}

/* Neighbouring touched rows make one span. */
static pwy_status row_spans(struct spans *s, const struct span *whole)
{
    const struct pw_param *p = whole->p;
    int64_t size = p->n / p->groups, from = 0;
    while (from < p->groups) {
        int64_t to = from;
        while (to < p->groups && p->touched[to]) to++;
        if (to > from) PW_TRY(add_span(s, whole, from * size, (to - from) * size));
        from = to + 1;
    }
    return PWY_OK;
}

static pwy_status slice_spans(struct spans *s, const struct pw_param *p, struct pw_moments *of)
{
    for (int64_t e = 0; e < p->groups; e++) {
        const struct pw_slice *slice = &p->slice[e];
        if (!slice->touched || slice->locked) continue;
        PW_TRY(pw_adamw_need(of, e));
        struct span whole = {p, slice->w, of->slot[e].m, of->second < of->size ? NULL : of->slot[e].v, slice->g, 0};
        PW_TRY(add_span(s, &whole, 0, of->size));
    }
    return PWY_OK;
}

static pwy_status param_spans(struct spans *s, const struct pw_param *p, struct pw_moments *of)
{
    if (p->slice != NULL) return slice_spans(s, p, of);
    PW_TRY(pw_adamw_need(of, 0));
    struct span whole = {p, p->w, of->slot[0].m, of->second < of->size ? NULL : of->slot[0].v, p->g, 0};
    return p->groups > 1 ? row_spans(s, &whole) : add_span(s, &whole, 0, p->n);
}

/* Experts that a gradient reached without a pass that woke them. */
static pwy_status wake_touched(struct pw_exec *x, const struct pw_param *p, struct pw_moments *of)
{
    size_t mark = pw_arena_mark(x->arena);
    int32_t *expert;
    int n = 0;
    PW_NEED(expert = pw_arena_take(x->arena, (size_t)p->groups + 1, sizeof *expert));
    for (int64_t e = 0; e < p->groups; e++)
        if (p->slice[e].touched) expert[n++] = (int32_t)e;
    PW_TRY(pw_adamw_wake(&of->waker, x, p, expert, n));
    pw_arena_release(x->arena, mark);
    return PWY_OK;
}

static pwy_status wake_all_touched(struct pw_adamw *a, struct pw_exec *x)
{
    for (int i = 0; i < a->n; i++)
        if (a->params->list[i]->waker != NULL && pw_trains(a->params->list[i]))
            PW_TRY(wake_touched(x, a->params->list[i], &a->of[i]));
    return PWY_OK;
}

static pwy_status all_spans(struct spans *s, struct pw_adamw *a)
{
    for (int i = 0; i < a->n; i++)
        if (pw_trains(a->params->list[i])) PW_TRY(param_spans(s, a->params->list[i], &a->of[i]));
    return PWY_OK;
}

struct update {
    struct pw_adamw *a; const struct pw_kern *kern;
    struct spans spans; double *sumsq;
    double lr, scale, c1, c2;
};

static void span_sumsq(void *arg, int item, int worker)
{
    struct update *u = arg;
    const struct span *s = &u->spans.list[item];
    (void)worker;
    u->sumsq[item] = s->p->kind == PW_TABLE ? 0 : (double)u->kern->dot(s->n, s->g, s->g);
}

static void span_update(void *arg, int item, int worker)
{
    struct update *u = arg;
    const struct span *s = &u->spans.list[item];
    const struct pw_adamw *a = u->a;
    if (a->adafactor && s->p->kind != PW_TABLE) return;
    if (a->apart && s->p->kind != PW_TABLE && u->sumsq[item] == 0) return;
    double lr = u->lr * (double)s->p->lr_scale, decay = s->p->kind == PW_MATRIX ? lr * a->decay : 0;
    (void)worker;
    u->kern->adamw(s->n, s->w, s->g, s->m, s->v, (real)(s->p->kind == PW_TABLE ? 1 : u->scale), (real)a->b1,
                   (real)a->b2, (real)(lr * u->c1), (real)u->c2, (real)a->eps, (real)decay);
}

static void mark_done(struct pw_adamw *a, int64_t step)
{
    for (int i = 0; i < a->n && !a->adafactor; i++) {
        const struct pw_param *p = a->params->list[i];
        for (int64_t e = 0; p->slice != NULL && e < a->of[i].n; e++)
            if (p->slice[e].touched) a->of[i].slot[e].step = step;
    }
}

pwy_status pw_adamw_rate(struct pw_adamw *a, int64_t step, double lr)
{
    if (step > a->cap) {
        int64_t cap = step < 512 ? 1024 : 2 * step;
        double *rate = pw_realloc(a->rate, (size_t)cap, sizeof *rate);
        PW_NEED(rate);
        a->rate = rate;
        a->cap = cap;
    }
    while (a->steps < step) a->rate[a->steps++] = 0;
    a->rate[step - 1] = lr;
    return PWY_OK;
}

pwy_status pw_adamw_step(struct pw_adamw *a, struct pw_exec *x, double lr, int64_t step, double *norm)
{
    struct update u = {.a = a, .kern = x->kern, .lr = lr, .scale = 1, .spans = {.arena = x->arena}};
    double sum = 0;
    if (!a->apart) PW_TRY(wake_all_touched(a, x));
    PW_TRY(all_spans(&u.spans, a));
    PW_NEED(u.sumsq = pw_arena_take(x->arena, (size_t)u.spans.n + 1, sizeof *u.sumsq));
    pw_exec_run(x, u.spans.n, span_sumsq, &u);
    a->moved = 0;
    for (int i = 0; i < u.spans.n; i++) {
        sum += u.sumsq[i];
        a->moved += u.spans.list[i].n;
    }
    *norm = sqrt(sum);
    if (a->clip > 0 && *norm > a->clip) u.scale = a->clip / *norm;
    u.c1 = 1 / (1 - pow(a->b1, (double)step));
    u.c2 = 1 / sqrt(1 - pow(a->b2, (double)step));
    if (!isfinite(sum)) return PWY_OK;
    if (!a->apart) PW_TRY(pw_adamw_rate(a, step, lr));
    pw_exec_run(x, u.spans.n, span_update, &u);
    mark_done(a, step);
    return a->adafactor ? pw_adafactor_update(a, x, lr, u.scale, step) : PWY_OK;
}

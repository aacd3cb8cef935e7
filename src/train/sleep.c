/* Experts that slept. AdamW moves a weight also in steps that give it no gradient: its moments shrink, and what is left
   of the first still pulls, and it decays. An expert that no row reached is left alone all the same, and what it missed
   is made up for when it is next read: the steps one by one where few were missed, else many as one, each stretch of
   steps by the sum of their rates and the mean of their divisors. Later steps weigh so little that the difference is
   below rounding. */
#include "train/train.h"
#include <stdlib.h>
#include <string.h>

enum { BLOCK = 16384 };                 /* numbers an item of work has */
enum { EXACT = 8, EACH_SIZE = 4, STRETCHES = 64 };

/* What m, v and w missed: the arguments of the kernel adamw_missed. */
struct missed { int64_t from; int n; real a[STRETCHES], q[STRETCHES], keep, b1, b2; };

/* Where the stretches end: eight steps by themselves, then four stretches each of 2, 4, 8, ...; the moments of steps
   behind `reach` are nothing. */
static int cut(int64_t steps, int64_t reach, int64_t *end)
{
    int n = 0;
    int64_t at = 0, most = steps < reach ? steps : reach;
    while (at < most && n < STRETCHES) {
        int64_t size = n < EXACT ? 1 : (int64_t)2 << (n - EXACT) / EACH_SIZE;
        at = at + size < most && n + 1 < STRETCHES ? at + size : most;
        end[n++] = at;
    }
    return n;
}

/* The factor of a power, 0 where it would only make numbers too small to be numbers. */
static real power(double b, double n)
{
    double p = pow(b, n);
    return p < 1e-30 ? 0 : (real)p;
}

static double rate_of(const struct pw_adamw *a, const struct pw_param *p, int64_t step)
{
    return a->rate[step - 1] * (double)p->lr_scale;
}

static int64_t reach_of(const struct pw_adamw *a)
{
    double each = a->b1 / sqrt(a->b2);
    return each < .999 ? (int64_t)ceil(log(1e-10) / log(each)) : INT64_MAX;
}

/* The i-th missed step is step from + i: it would have moved w by rate c1 b1^i m / (sqrt(b2^i v) c2 + eps), and the
   decays behind it shrink that. Backwards, so that those are known. */
static void add_up(const struct pw_adamw *a, const struct pw_param *p, int64_t from, struct missed *out)
{
    int64_t end[STRETCHES], n = a->steps - from;
    double sum[STRETCHES] = {0}, over[STRETCHES] = {0}, keep = 1;
    int k = out->n = cut(n, reach_of(a), end);
    for (int64_t i = n; i > 0; i--) {
        double rate = rate_of(a, p, from + i);
        while (k > 0 && i <= (k > 1 ? end[k - 2] : 0)) k--;
        if (k > 0 && i <= end[k - 1]) {
            double step = rate * keep * pow(a->b1, (double)i) / (1 - pow(a->b1, (double)(from + i)));
            sum[k - 1] += step;
            over[k - 1] += step / (pow(a->b2, .5 * (double)i) / sqrt(1 - pow(a->b2, (double)(from + i))));
        }
        if (p->kind == PW_MATRIX) keep *= 1 - rate * a->decay;
    }
    for (int i = 0; i < out->n; i++) {
        out->a[i] = (real)sum[i];
        out->q[i] = over[i] > 0 ? (real)(sum[i] / over[i]) : 1;
    }
    out->from = from;
    out->keep = (real)keep;
    out->b1 = power(a->b1, (double)n);
    out->b2 = power(a->b2, (double)n);
}

/* --- waking --- */

struct nap { real *w, *m, *v; int n; const struct missed *missed; };
struct naps { const struct pw_kern *kern; real eps; struct nap *list; int n; };

static void wake_piece(void *arg, int item, int worker)
{
    const struct naps *naps = arg;
    const struct nap *s = &naps->list[item];
    const struct missed *e = s->missed;
    (void)worker;
    if (s->m == NULL) naps->kern->scale(s->n, e->keep, s->w);
    else naps->kern->adamw_missed(s->n, s->w, s->m, s->v, e->n, e->a, e->q, e->keep, e->b1, e->b2, naps->eps);
}

static bool slept(const struct pw_moments *of, const struct pw_param *p, int64_t e)
{
    return of->slot[e].step < of->adamw->steps && pw_trains_group(p, e);
}

static void add_nap(struct naps *naps, real *w, const struct pw_moment *slot, int64_t size, const struct missed *missed)
{
    for (int64_t at = 0; at < size; at += BLOCK)
        naps->list[naps->n++] = (struct nap){w + at, slot->m == NULL ? NULL : slot->m + at,
                                             slot->m == NULL ? NULL : slot->v + at,
                                             (int)(size - at < BLOCK ? size - at : BLOCK), missed};
}

static pwy_status take_missed(struct pw_exec *x, const struct pw_moments *of, const struct pw_param *p, int64_t from,
                              struct missed **last)
{
    if (*last != NULL && (*last)->from == from) return PWY_OK;
    PW_NEED(*last = pw_arena_take(x->arena, 1, sizeof **last));
    add_up(of->adamw, p, from, *last);
    return PWY_OK;
}

static pwy_status wake_those(struct pw_exec *x, struct pw_moments *of, const struct pw_param *p, const int32_t *expert,
                             int n, int asleep)
{
    struct naps naps = {.kern = x->kern, .eps = (real)of->adamw->eps};
    struct missed *last = NULL;
    PW_NEED(naps.list = pw_arena_take(x->arena, (size_t)asleep * (size_t)(of->size / BLOCK + 1), sizeof *naps.list));
    for (int i = 0; i < n; i++) {
        struct pw_moment *slot = &of->slot[expert[i]];
        if (!slept(of, p, expert[i])) continue;
        PW_TRY(take_missed(x, of, p, slot->step, &last));
        if (slot->m != NULL || last->keep != 1) {
            PW_TRY(pw_slice_own(p, expert[i]));
            add_nap(&naps, p->slice[expert[i]].w, slot, of->size, last);
        }
        slot->step = of->adamw->steps;
    }
    pw_exec_run(x, naps.n, wake_piece, &naps);
    return PWY_OK;
}

pwy_status pw_adamw_wake(struct pw_waker *w, struct pw_exec *x, const struct pw_param *p, const int32_t *expert, int n)
{
    struct pw_moments *of = (struct pw_moments *)(void *)w;         /* its first member */
    int asleep = 0;
    for (int i = 0; i < n; i++) asleep += slept(of, p, expert[i]);
    if (asleep == 0) return PWY_OK;
    size_t mark = pw_arena_mark(x->arena);
    PW_TRY(wake_those(x, of, p, expert, n, asleep));
    pw_arena_release(x->arena, mark);
    return PWY_OK;
}

/* --- a look at the weights as if all were awake --- */

/* w (size) = the weights behind the missed steps; the moments stay. */
static void look(const struct pw_exec *x, const struct pw_moments *of, const struct pw_moment *slot,
                 const struct missed *e, real *scratch, real *w)
{
    for (int64_t at = 0; at < of->size; at += BLOCK) {
        int n = (int)(of->size - at < BLOCK ? of->size - at : BLOCK);
        memcpy(scratch, slot->m + at, (size_t)n * sizeof *scratch);
        memcpy(scratch + BLOCK, slot->v + at, (size_t)n * sizeof *scratch);
        x->kern->adamw_missed(n, w + at, scratch, scratch + BLOCK, e->n, e->a, e->q, e->keep, e->b1, e->b2,
                              (real)of->adamw->eps);
    }
}

static pwy_status look_at(struct pw_awake *k, struct pw_exec *x, const struct pw_moments *of, const struct pw_param *p,
                          int64_t e, real *scratch)
{
    struct missed missed;
    real *w;
    if (of->slot[e].m == NULL || !slept(of, p, e)) return PWY_OK;
    if (k->n == k->cap) {
        int64_t cap = k->cap > 0 ? 2 * k->cap : 64;
        struct pw_aside *list = pw_realloc(k->list, (size_t)cap, sizeof *list);
        PW_NEED(list);
        k->list = list;
        k->cap = cap;
    }
    PW_NEED(w = pw_calloc((size_t)of->size + 1, sizeof *w));
    memcpy(w, p->slice[e].w, (size_t)of->size * sizeof *w);
    add_up(of->adamw, p, of->slot[e].step, &missed);
    look(x, of, &of->slot[e], &missed, scratch, w);
    k->list[k->n++] = (struct pw_aside){&p->slice[e], p->slice[e].w};
    p->slice[e].w = w;
    return PWY_OK;
}

static pwy_status look_at_all(struct pw_awake *k, struct pw_exec *x, const struct pw_adamw *a)
{
    real *scratch;
    PW_NEED(scratch = pw_arena_take(x->arena, 2 * BLOCK, sizeof *scratch));
    for (int i = 0; i < a->n; i++)
        for (int64_t e = 0; a->params->list[i]->waker != NULL && e < a->of[i].n; e++)
            PW_TRY(look_at(k, x, &a->of[i], a->params->list[i], e, scratch));
    return PWY_OK;
}

pwy_status pw_adamw_look(const struct pw_adamw *a, struct pw_exec *x, struct pw_awake *k)
{
    *k = (struct pw_awake){0};
    pwy_status status = look_at_all(k, x, a);
    if (status != PWY_OK) pw_adamw_look_away(k);
    return status;
}

void pw_adamw_look_away(struct pw_awake *k)
{
    for (int64_t i = 0; i < k->n; i++) {
        free(k->list[i].slice->w);
        k->list[i].slice->w = k->list[i].w;
    }
    free(k->list);
    *k = (struct pw_awake){0};
}

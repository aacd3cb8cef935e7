/* How much each answer takes of the wide path and of the trunk: the mix with the least loss on the task's validation
   rows. */
#include "model/which.h"
#include "train/train.h"
#include "train/use.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { ROWS = 2000, FEW = 10 };         /* of validation, at most; fewer tell nothing: the usual mix stays */

struct mix { double wide, trunk; };
/* Numbers are averaged; log-odds are added, since a trunk that has seen its rows often is over-confident. A wide path
   that has seen them seldom is the contrary: each sum is tried at several temperatures, or else the surer path would be
   taken for its sureness. The usual mix is left for another only where the rows say so by two standard errors. */
static const struct mix number_mix[] = {{.5, .5}, {1, 0}, {.9, .1}, {.75, .25}, {.25, .75}, {0, 1}};
static const struct mix label_mix[] = {{1, .25}, {1, 0}, {1, .1}, {1, .5}, {1, 1}, {1, 2}, {0, 1}};
static const double temperature[] = {1, 2, 4, .5};
enum { NUMBER_MIXES = sizeof number_mix / sizeof *number_mix, LABEL_MIXES = sizeof label_mix / sizeof *label_mix,
       TEMPERATURES = sizeof temperature / sizeof *temperature };

/* both paths' answers (n, outputs) on the validation rows, and what would be right */
struct heard {
    struct pw_net *net; struct pw_arena *arena;
    int64_t n, cap;
    real *wide, *trunk;
    struct pw_target *target;
};

static pwy_status heard_open(struct heard *h, int64_t rows)
{
    size_t n = (size_t)rows, c = (size_t)h->net->outputs;
    h->cap = rows;
    PW_NEED(h->arena = pw_arena_new());
    PW_NEED(h->wide = pw_arena_take(h->arena, n * c, sizeof(real)));
    PW_NEED(h->trunk = pw_arena_take(h->arena, n * c, sizeof(real)));
    PW_NEED(h->target = pw_arena_take(h->arena, n, sizeof *h->target));
    return PWY_OK;
}

static pwy_status keep_target(struct heard *h, const struct pw_target *from)
{
    size_t c = (size_t)h->net->outputs;
    struct pw_target *to = &h->target[h->n];
    *to = *from;
    PW_NEED(to->labels = pw_arena_take(h->arena, c + 1, 1));
    memcpy(to->labels, from->labels, c);
    to->text = NULL;
    return PWY_OK;
}

static pwy_status hear(void *arg, struct pw_infer *f, struct pw_net *net)
{
    struct heard *h = arg;
    const struct pw_group *g = &f->pass.group[0];
    size_t c = (size_t)net->outputs;
    for (int i = 0; i < g->n && h->n < h->cap; i++, h->n++) {
        memcpy(h->wide + (size_t)h->n * c, g->wide + (size_t)i * c, c * sizeof(real));
        memcpy(h->trunk + (size_t)h->n * c, g->trunk + (size_t)i * c, c * sizeof(real));
        PW_TRY(keep_target(h, &g->item[i]->target));
    }
    return PWY_OK;
}

/* A mix and what it loses, in all and each row. */
struct tried { struct mix mix; double loss, *each; };

static pwy_status mix_loss(struct heard *h, struct pw_exec *x, const struct mix *mix, double *each, double *loss)
{
    size_t c = (size_t)h->net->outputs, size = (size_t)h->n * c;
    real *out, *dout;
    PW_NEED(out = pw_arena_take(h->arena, size, sizeof(real)));
    PW_NEED(dout = pw_arena_take(h->arena, size, sizeof(real)));
    for (size_t i = 0; i < size; i++) out[i] = pw_fma((real)mix->trunk, h->trunk[i], (real)mix->wide * h->wide[i]);
    PW_TRY(h->net->task->head->loss(x, h->net->task, (int)h->n, out, h->target, NULL, each, dout));
    *loss = 0;
    for (int64_t i = 0; i < h->n; i++) *loss += each[i];
    return PWY_OK;
}

/* A mix at the temperature where it loses least. */
static pwy_status try_mix(struct heard *h, struct pw_exec *x, const struct mix *mix, int temperatures,
                          struct tried *out)
{
    double *each;
    *out = (struct tried){.loss = INFINITY};
    PW_NEED(out->each = pw_arena_zero(h->arena, (size_t)h->n, sizeof *out->each));
    PW_NEED(each = pw_arena_take(h->arena, (size_t)h->n, sizeof *each));
    for (int i = 0; i < temperatures; i++) {
        struct mix one = {temperature[i] * mix->wide, temperature[i] * mix->trunk};
        double loss;
        size_t mark = pw_arena_mark(h->arena);
        PW_TRY(mix_loss(h, x, &one, each, &loss));
        pw_arena_release(h->arena, mark);
        if (!(loss < out->loss)) continue;
        out->mix = one;
        out->loss = loss;
        memcpy(out->each, each, (size_t)h->n * sizeof *each);
    }
    return PWY_OK;
}

/* Whether b loses less than a by more than two standard errors of the rows' differences. */
static bool clearly_less(const struct tried *a, const struct tried *b, int64_t n)
{
    double mean = (a->loss - b->loss) / (double)n, square = 0;
    for (int64_t i = 0; i < n; i++) {
        double d = a->each[i] - b->each[i] - mean;
        square += d * d;
    }
    return n > 1 && mean > 2 * sqrt(square / ((double)n * (double)(n - 1)));
}

static pwy_status least_loss(struct heard *h, struct pw_exec *x, bool number, struct mix *best)
{
    const struct mix *mix = number ? number_mix : label_mix;
    int n = number ? NUMBER_MIXES : LABEL_MIXES, temperatures = number ? 1 : TEMPERATURES;
    struct tried usual, least, one;
    PW_TRY(try_mix(h, x, &mix[0], temperatures, &usual));
    least = usual;
    for (int i = 1; i < n; i++) {
        PW_TRY(try_mix(h, x, &mix[i], temperatures, &one));
        if (one.loss < least.loss) least = one;
    }
    *best = usual.loss < INFINITY ? usual.mix : *best;
    if (clearly_less(&usual, &least, h->n)) *best = least.mix;
    return PWY_OK;
}

static pwy_status choose(struct heard *h, struct pw_infer *f)
{
    struct pwy_task *t = h->net->task;
    struct pw_scan scan = {.limit = ROWS, .max_bad = INT64_MAX - 1, .key = 1};
    bool number = t->head->kind == PWY_REGRESS;
    struct mix best = {number ? .5 : 1, number ? .5 : .25};
    if (t->source[PWY_VALID] != NULL && t->source[PWY_VALID]->n > 0) {
        PW_TRY(heard_open(h, t->source[PWY_VALID]->n < ROWS ? t->source[PWY_VALID]->n : ROWS));
        PW_TRY(pw_infer_scan(f, h->net, t->source[PWY_VALID], &scan, hear, h));
    }
    if (h->n >= FEW) PW_TRY(least_loss(h, &f->x, number, &best));
    t->wide_scale = best.wide;
    t->trunk_scale = best.trunk;
    return PWY_OK;
}

/* What tells the tasks apart does not depend on the weights: once is enough. Tasks that are added are fitted one by
   one, against what is there. */
static pwy_status fit_which(struct pwy_trainer *t)
{
    const pwy_registry *r = t->model->registry;
    if (t->told || t->schedule.step + t->learned == 0) return PWY_OK;
    if (t->first == 0) PW_TRY(pw_which_fit_all(t->model));
    for (int i = t->first; t->first > 0 && i < r->n; i++)
        if (t->run[i].drawn) PW_TRY(pw_which_fit(t->model, pw_registry_at(r, i)));
    t->told = true;
    return PWY_OK;
}

pwy_status pw_trainer_choose(struct pwy_trainer *t)
{
    struct pw_infer *f;
    pwy_status status = PWY_OK;
    PW_TRY(pw_infer_open(t->model, t->pool, 1, &f));
    for (int i = 0; status == PWY_OK && i < t->model->registry->n; i++) {
        struct heard h = {.net = pw_net_at(t->model, i)};
        if (!t->run[i].drawn) continue;
        if (h.net->wide && !h.net->writes) status = choose(&h, f);
        if (status == PWY_OK) status = pw_use_measure(f, h.net);
        if (status == PWY_OK) status = pw_golden_keep(t->model, h.net);
        if (h.arena != NULL) pw_arena_free(h.arena);
        if (t->progress != NULL && status == PWY_OK) pw_trainer_report(t, "choose", false);
    }
    pw_infer_close(f);
    t->chosen = status == PWY_OK;
    return status == PWY_OK ? fit_which(t) : status;
}

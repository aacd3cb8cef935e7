/* How useful an old pathway is to a new task, measured: the new task's rows through it, and a ridge regression from
   what comes out to their answers, scored on rows held out (a linear probe: Alain and Bengio 2016). What is written is
   read off by the embedding, which is locked: its loss says how good a start the pathway is, with nothing to fit. */
#include "train/probe.h"
#include "train/use.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { HELD_OUT = 3 };                  /* every third row scores */
/* Of the mean square of a feature, times the rows; what explains most counts: few rows want more than many do. */
static const double ridges[] = {.03, .3, 3, 30};
enum { RIDGES = sizeof ridges / sizeof *ridges };

struct table {                          /* rows of features and answers, as they come */
    int rows, most, f, c;
    double *x, *y;                      /* (most, f), (most, c) */
    double **use;                       /* the gates, NULL: not asked */
};

static void table_close(struct table *t)
{
    free(t->x);
    free(t->y);
}

static pwy_status table_open(struct table *t, const pwy_model *m, const struct pw_net *net, int most, double **use)
{
    *t = (struct table){.most = most, .f = 2 * (int)m->shape.d, .c = net->outputs, .use = use};
    PW_NEED(t->x = pw_calloc((size_t)most * (size_t)t->f, sizeof *t->x));
    PW_NEED(t->y = pw_calloc((size_t)most * (size_t)t->c, sizeof *t->y));
    return PWY_OK;
}

/* The answer as numbers: 1 for the label, 1 for each of several, or the standardised number. */
static void answer_of(const struct pwy_task *t, const struct pw_target *target, int c, double *y)
{
    if (t->head->kind == PWY_REGRESS) y[0] = (target->number - t->mean) / (t->spread > 0 ? t->spread : 1);
    else if (t->head->kind == PWY_MULTILABEL)
        for (int i = 0; i < c; i++) y[i] = target->labels[i];
    else if (target->label >= 0) y[target->label] = 1;
}

static pwy_status take_rows(void *arg, struct pw_infer *f, struct pw_net *net)
{
    struct table *t = arg;
    const struct pw_group *g = &f->pass.group[0];
    for (int i = 0; i < g->n && t->rows < t->most; i++, t->rows++) {
        double *x = t->x + (size_t)t->rows * (size_t)t->f;
        const real *from = g->normed + (size_t)i * (size_t)t->f;
        for (int j = 0; j < t->f; j++) x[j] = (double)from[j];
        answer_of(net->task, &f->item[g->index[i]].target, t->c, t->y + (size_t)t->rows * (size_t)t->c);
    }
    if (t->use != NULL) pw_use_add(t->use, &f->pass);
    return PWY_OK;
}

static bool held_out(int row)
{
    return row % HELD_OUT == 0;
}

/* Each column of v (rows, n) less its mean over the rows that fit: the ridge is not to pull at that. */
static void centre(int rows, int n, double *v)
{
    for (int j = 0; j < n; j++) {
        double sum = 0;
        int fitted = 0;
        for (int r = 0; r < rows; r++) {
            if (held_out(r)) continue;
            sum += v[(size_t)r * (size_t)n + (size_t)j];
            fitted++;
        }
        for (int r = 0; r < rows && fitted > 0; r++) v[(size_t)r * (size_t)n + (size_t)j] -= sum / fitted;
    }
}

/* a (f, f) = sum of x x^T, b (f, c) = sum of x y^T over the rows that fit. */
static void gather(const struct table *t, double *a, double *b)
{
    size_t f = (size_t)t->f, c = (size_t)t->c;
    for (int r = 0; r < t->rows; r++) {
        const double *x = t->x + (size_t)r * f, *y = t->y + (size_t)r * c;
        if (held_out(r)) continue;
        for (size_t i = 0; i < f; i++) {
            for (size_t j = 0; j <= i; j++) a[i * f + j] += x[i] * x[j];
            for (size_t j = 0; j < c; j++) b[i * c + j] += x[i] * y[j];
        }
    }
}

/* Cholesky in the lower triangle of a (n, n); false: not positive. */
static bool factor(int n, double *a)
{
    for (int j = 0; j < n; j++)
        for (int i = j; i < n; i++) {
            double sum = a[i * n + j];
            for (int k = 0; k < j; k++) sum -= a[i * n + k] * a[j * n + k];
            if (i == j && !(sum > 0)) return false;
            a[i * n + j] = i == j ? sqrt(sum) : sum / a[j * n + j];
        }
    return true;
}

/* b (n, c) becomes the solution. */
static void solve(int n, int c, const double *a, double *b)
{
    for (int i = 0; i < n; i++)
        for (int q = 0; q < c; q++) {
            for (int k = 0; k < i; k++) b[i * c + q] -= a[i * n + k] * b[k * c + q];
            b[i * c + q] /= a[i * n + i];
        }
    for (int i = n - 1; i >= 0; i--)
        for (int q = 0; q < c; q++) {
            for (int k = i + 1; k < n; k++) b[i * c + q] -= a[k * n + i] * b[k * c + q];
            b[i * c + q] /= a[i * n + i];
        }
}

/* The share of the held-out answers' variance that b explains: 1 is perfect, 0 is knowing nothing. */
static double explained(const struct table *t, const double *b)
{
    double error = 0, spread = 0;
    for (int q = 0; q < t->c; q++) {
        double mean = 0;
        int n = 0;
        for (int r = 0; r < t->rows; r += HELD_OUT, n++) mean += t->y[r * t->c + q];
        for (int r = 0; r < t->rows; r += HELD_OUT) {
            double said = 0, y = t->y[r * t->c + q];
            for (int i = 0; i < t->f; i++) said += t->x[(size_t)r * (size_t)t->f + (size_t)i] * b[i * t->c + q];
            error += (said - y) * (said - y);
            spread += (y - mean / n) * (y - mean / n);
        }
    }
    return spread > 0 ? 1 - error / spread : 0;
}

/* a (f, f), b (f, c) as gathered are left; with (f, f + c): room. */
static double by_ridge(const struct table *t, double ridge, const double *a, const double *b, double *with)
{
    size_t f = (size_t)t->f, c = (size_t)t->c;
    double *solution = with + f * f, trace = 0;
    memcpy(with, a, f * f * sizeof *a);
    memcpy(solution, b, f * c * sizeof *b);
    for (size_t i = 0; i < f; i++) trace += a[i * f + i];
    for (size_t i = 0; i < f; i++) with[i * f + i] += ridge * trace / (double)f + 1e-9;
    if (!factor((int)f, with)) return -INFINITY;
    solve((int)f, (int)c, with, solution);
    return explained(t, solution);
}

static pwy_status regress(struct table *t, double *score)
{
    size_t f = (size_t)t->f, c = (size_t)t->c, size = f * (f + c);
    double *a, *b, *with;
    PW_NEED(a = pw_calloc(2 * size, sizeof *a));
    b = a + f * f;
    with = a + size;
    centre(t->rows, t->f, t->x);
    centre(t->rows, t->c, t->y);
    gather(t, a, b);
    *score = -INFINITY;
    for (int i = 0; i < RIDGES; i++) {
        double found = by_ridge(t, ridges[i], a, b, with);
        if (found > *score) *score = found;
    }
    free(a);
    return PWY_OK;
}

static pwy_status probe_answers(struct pw_infer *f, struct pw_net *net, struct pw_scan *scan, double **use,
                                double *score)
{
    struct table t;
    pwy_status status = table_open(&t, f->m, net, (int)scan->limit, use);
    if (status == PWY_OK) status = pw_infer_scan(f, net, net->task->source[PWY_TRAIN], scan, take_rows, &t);
    if (status == PWY_OK) status = regress(&t, score);
    table_close(&t);
    return status;
}

/* --- what is written --- */

struct written { double nats, **use; int64_t ids; };

static pwy_status take_ids(void *arg, struct pw_infer *f, struct pw_net *net)
{
    struct written *w = arg;
    double nats[PW_INFER_BATCH] = {0};
    (void)net;
    PW_TRY(pw_pass_write_loss(&f->pass, nats));
    for (int i = 0; i < f->batch.n; i++) {
        w->nats += nats[i];
        w->ids += f->item[i].n_ids;
    }
    if (w->use != NULL) pw_use_add(w->use, &f->pass);
    return PWY_OK;
}

static pwy_status probe_texts(struct pw_infer *f, struct pw_net *net, struct pw_scan *scan, double **use,
                              double *score)
{
    struct written w = {.use = use};
    PW_TRY(pw_infer_scan(f, net, net->task->source[PWY_TRAIN], scan, take_ids, &w));
    double even = log((double)pw_tok_vocab(net->vocabulary->tok));
    *score = w.ids == 0 || !isfinite(w.nats) ? -INFINITY : 1 - w.nats / ((double)w.ids * even);
    return PWY_OK;
}

pwy_status pw_probe(struct pw_infer *f, struct pw_net *net, int rows, double **use, double *score)
{
    struct pw_scan scan = {.limit = rows, .max_bad = INT64_MAX - 1, .key = 5};
    return net->writes ? probe_texts(f, net, &scan, use, score) : probe_answers(f, net, &scan, use, score);
}

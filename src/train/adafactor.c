/* Adafactor (Shazeer and Stern 2018) with momentum and steps relative to the weights, as PaLM was trained: of a
   matrix's second moments only the means of rows and columns are kept. Experts that a step did not reach are left
   alone; each counts its own steps. Tables go by AdamW's rule. */
#include "train/train.h"
#include <string.h>

static const double TINY = 1e-30, LEAST = 1e-3, MOST = 1;       /* eps1, eps2, d of the paper */

/* A matrix, an expert or a vector: what one item of work updates. v: means of rows, then of columns; of a vector
   all. */
struct unit {
    const struct pw_param *p;
    real *w, *m, *v; const real *g;
    int64_t rows, cols, step;
    bool factored;
};
struct units { const struct pw_exec *x; const struct pw_adamw *a; struct unit *list; int n; real *scratch; int64_t most;
    double lr, scale; };

bool pw_adafactor_factors(const struct pw_param *p)
{
    return p->kind == PW_MATRIX && p->rank > 1 && p->shape[p->rank - 1] > 1;
}

int64_t pw_adafactor_size(const struct pw_param *p, int64_t size)
{
    int64_t cols = p->shape[p->rank - 1];
    if (p->kind == PW_TABLE || !pw_adafactor_factors(p) || cols == 0) return size;
    return size / cols + cols;
}

/* v = b2 v + (1 - b2) (value + tiny) */
static void keep(real *v, double b2, double value)
{
    *v = (real)(b2 * (double)*v + (1 - b2) * (value + TINY));
}

/* Means of g^2 over rows and columns into v. tmp (cols), sum (cols) */
static void gather(const struct units *j, const struct unit *u, double b2, real *tmp, real *sum)
{
    const struct pw_kern *k = j->x->kern;
    double square = j->scale * j->scale;
    int cols = (int)u->cols;
    memset(sum, 0, (size_t)cols * sizeof *sum);
    for (int64_t i = 0; i < u->rows; i++) {
        const real *g = u->g + i * u->cols;
        k->mul(cols, g, g, tmp);
        k->add(cols, tmp, sum);
        keep(&u->v[i], b2, square * (double)k->sum(cols, tmp) / (double)cols);
    }
    for (int c = 0; c < cols; c++) keep(&u->v[u->rows + c], b2, square * (double)sum[c] / (double)u->rows);
}

static double mean_of_rows(const struct unit *u)
{
    double sum = 0;
    for (int64_t i = 0; i < u->rows; i++) sum += (double)u->v[i];
    return sum / (double)u->rows;
}

static double rms_of_weights(const struct units *j, const struct unit *u)
{
    double sum = 0;
    for (int64_t i = 0; i < u->rows; i++)
        sum += (double)j->x->kern->dot((int)u->cols, u->w + i * u->cols, u->w + i * u->cols);
    return sqrt(sum / (double)(u->rows * u->cols));
}

/* u_ij = g_ij / sqrt(R_i C_j / mean R) = g_ij row_i col_j, and row of a vector 1 with a col for each number. */
static double row_factor(const struct units *j, const struct unit *u, double mean, int64_t i)
{
    return j->scale * (u->factored ? sqrt(mean / (double)u->v[i]) : 1);
}

static double rms_of_update(const struct units *j, const struct unit *u, double mean, const real *col, real *tmp)
{
    double sum = 0;
    for (int64_t i = 0; i < u->rows; i++) {
        double row = row_factor(j, u, mean, i);
        j->x->kern->mul((int)u->cols, u->g + i * u->cols, col, tmp);
        sum += row * row * (double)j->x->kern->dot((int)u->cols, tmp, tmp);
    }
    return sqrt(sum / (double)(u->rows * u->cols));
}

/* m = b1 m + (1 - b1) rate u, w -= m + decay w. */
static void move(const struct units *j, const struct unit *u, double mean, const real *col, real *tmp, double rate,
                 double decay)
{
    const struct pw_kern *k = j->x->kern;
    int cols = (int)u->cols;
    for (int64_t i = 0; i < u->rows; i++) {
        real *m = u->m + i * u->cols, *w = u->w + i * u->cols;
        k->mul(cols, u->g + i * u->cols, col, tmp);
        k->scale(cols, (real)j->a->b1, m);
        k->axpy(cols, (real)((1 - j->a->b1) * rate * row_factor(j, u, mean, i)), tmp, m);
        if (decay != 0) k->scale(cols, (real)(1 - decay), w);
        k->axpy(cols, -1, m, w);
    }
}

static void moments(const struct units *j, const struct unit *u, double b2, real *tmp, real *col)
{
    if (u->factored) gather(j, u, b2, tmp, col);
    for (int64_t c = 0; c < u->cols; c++) {
        real *v = &u->v[u->factored ? u->rows + c : c];
        double g = j->scale * (double)u->g[c];
        if (!u->factored) keep(v, b2, g * g);
        col[c] = (real)(1 / sqrt((double)*v));
    }
}

static double gradient_norm(const struct units *j, const struct unit *u)
{
    double sum = 0;
    for (int64_t i = 0; i < u->rows; i++)
        sum += (double)j->x->kern->dot((int)u->cols, u->g + i * u->cols, u->g + i * u->cols);
    return sum;
}

static void update_unit(void *arg, int item, int worker)
{
    const struct units *j = arg;
    const struct unit *u = &j->list[item];
    real *tmp = j->scratch + (size_t)worker * 2 * (size_t)j->most, *col = tmp + j->most;
    if (j->a->apart && !(gradient_norm(j, u) > 0)) return;
    double b2 = 1 - pow((double)u->step, -.8), lr = j->lr * (double)u->p->lr_scale, size = rms_of_weights(j, u);
    moments(j, u, b2, tmp, col);
    double mean = u->factored ? mean_of_rows(u) : 1, rms = rms_of_update(j, u, mean, col, tmp);
    double rate = lr * (size > LEAST ? size : LEAST) / (rms > MOST ? rms / MOST : 1);
    double decay = u->p->kind != PW_MATRIX ? 0 : lr * (j->a->decay < 0 ? lr : j->a->decay);
    move(j, u, mean, col, tmp, rate, decay);
}

/* --- what there is to update --- */

static void add_unit(struct units *j, const struct pw_param *p, struct pw_moment *slot, real *w, const real *g,
                     int64_t size, int64_t step)
{
    struct unit *u = &j->list[j->n++];
    *u = (struct unit){.p = p, .w = w, .g = g, .m = slot->m, .v = slot->v, .step = step, .rows = 1, .cols = size,
                       .factored = pw_adafactor_factors(p)};
    if (u->factored) {
        u->cols = p->shape[p->rank - 1];
        u->rows = size / u->cols;
    }
    j->most = u->cols > j->most ? u->cols : j->most;
}

static void add_param(struct units *j, const struct pw_param *p, struct pw_moments *of, int64_t step)
{
    if (!pw_trains(p) || p->kind == PW_TABLE || p->n == 0) return;
    if (p->slice == NULL) add_unit(j, p, &of->slot[0], p->w, p->g, p->n, step);
    for (int64_t e = 0; p->slice != NULL && e < p->groups; e++)
        if (p->slice[e].touched && !p->slice[e].locked)
            add_unit(j, p, &of->slot[e], p->slice[e].w, p->slice[e].g, of->size, ++of->slot[e].step);
}

pwy_status pw_adafactor_update(struct pw_adamw *a, struct pw_exec *x, double lr, double scale, int64_t step)
{
    struct units j = {.x = x, .a = a, .lr = lr, .scale = scale};
    size_t most = 1;
    for (int i = 0; i < a->n; i++) most += (size_t)a->of[i].n;
    PW_NEED(j.list = pw_arena_take(x->arena, most, sizeof *j.list));
    for (int i = 0; i < a->n; i++) add_param(&j, a->params->list[i], &a->of[i], step);
    PW_NEED(j.scratch = pw_arena_take(x->arena, (size_t)pw_pool_workers(x->pool) * 2 * (size_t)j.most + 1,
                                      sizeof *j.scratch));
    pw_exec_run(x, j.n, update_unit, &j);
    return PWY_OK;
}

/* Fitting what tells a task apart, in three looks through its rows: counts and covariances; the ground of its senses;
   how far its own rows stray. */
#include "model/which.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Rows: of training in all, for scales, of validation; fewer than FEW and than ENOUGH are joined by others. */
enum { ROWS = 4000, STRAYED = 1000, VALID = 1000, FEW = 8, ENOUGH = 39 };
static const double unseen = .5, quantile = .95, ground_mix = .99;

/* --- the rows of a task --- */

/* Of the permuted training rows [0, count) are counted, [scale, end) give the scales, [end, keep) validate where no
   source does. */
struct rows { pwy_source *train, *valid; int64_t count, scale, end, keep; pwy_example *ex; };

static struct rows rows_of(const struct pwy_task *t, pwy_example *ex)
{
    struct rows r = {.train = t->source[PWY_TRAIN], .valid = t->source[PWY_VALID], .ex = ex};
    r.keep = r.train->n < ROWS ? r.train->n : ROWS;
    r.end = r.keep;
    if (r.valid == NULL || r.valid->n == 0) {
        r.valid = NULL;
        r.end = r.keep - r.keep / 10;
    }
    r.scale = r.end - r.end / 4;
    if (r.end - r.scale > STRAYED) r.scale = r.end - STRAYED;
    r.count = r.scale;
    if (r.end - r.scale < FEW) r.scale = 0, r.count = r.end;
    return r;
}

/* A bad row is passed over: *good is false. */
static pwy_status read_row(struct rows *r, pwy_source *s, uint64_t key, int64_t i, bool *good)
{
    pwy_status status = pw_source_read(s, (int64_t)pw_permute(key, (uint64_t)s->n, (uint64_t)i), r->ex);
    *good = status == PWY_OK;
    return status == PWY_E_DATA ? PWY_OK : status;
}

static pwy_status train_row(struct rows *r, int64_t i, bool *good)
{
    return read_row(r, r->train, 11, i, good);
}

/* The signature of a part of the row that was read; *good false: it is missing, or cannot be signed. */
static pwy_status sign_part(const struct rows *r, const struct pwy_task *t, int part, const struct pw_sign_ops *ops,
                            struct pw_arena *arena, struct pw_signature *out, bool *good)
{
    const struct pw_value *value = pw_example_find(r->ex, t->parts[part].name);
    const struct pw_sense_ops *sense = pw_sense_find(t->parts[part].sense);
    *good = value != NULL && value->type == sense->takes;
    if (!*good) return PWY_OK;
    pwy_status status = pw_sign(ops, value, arena, out);
    *good = status == PWY_OK;
    return status == PWY_E_DATA ? PWY_OK : status;
}

/* --- tensors that are written --- */

/* A tensor of this name as it may be written: one that lies in a file is copied first. */
static pwy_status own(pwy_model *m, struct pw_param **out, const char *format, const char *task, const char *part)
{
    char name[1024];
    snprintf(name, sizeof name, format, task, part);
    struct pw_param *p = pw_params_find(m->params, name);
    if (p == NULL) return pw_fail(PWY_E_STATE, "tensor '%s' was not declared", name);
    *out = p;
    if (!p->mapped) return PWY_OK;
    real *w = pw_calloc((size_t)p->n + 1, sizeof *w);
    PW_NEED(w);
    memcpy(w, p->w, (size_t)p->n * sizeof *w);
    p->w = w;
    p->mapped = false;
    return PWY_OK;
}

static bool fitted(const struct pw_param *p)
{
    for (int64_t i = 0; i < p->n; i++)
        if (p->w[i] != 0) return true;
    return false;
}

/* --- the first look: counts, means, covariances --- */

struct moments { double n, sum[PW_SIGN_DENSE], cross[PW_SIGN_DENSE * PW_SIGN_DENSE]; };
struct counts { double bag[PW_SIGN_BAGS][PW_SIGN_BUCKETS]; struct moments dense; };

static void add_moments(struct moments *m, const double *x, int n)
{
    m->n++;
    for (int i = 0; i < n; i++) {
        m->sum[i] += x[i];
        for (int j = 0; j <= i; j++) m->cross[i * n + j] += x[i] * x[j];
    }
}

static pwy_status count_rows(struct rows *r, const struct pwy_task *t, int part, const struct pw_sign_ops *ops,
                             struct pw_arena *arena, struct counts *c)
{
    for (int64_t i = 0; i < r->end; i++) {
        struct pw_signature s;
        size_t mark = pw_arena_mark(arena);
        bool good;
        PW_TRY(train_row(r, i, &good));
        if (good) PW_TRY(sign_part(r, t, part, ops, arena, &s, &good));
        for (int b = 0; good && i < r->count && b < ops->n_bags; b++)
            for (int64_t k = 0; k < s.bag[b].n; k++) c->bag[b][s.bag[b].item[k]]++;
        if (good) add_moments(&c->dense, s.dense, s.n_dense);
        pw_arena_release(arena, mark);
    }
    return PWY_OK;
}

/* Counts into probabilities, in place: additive smoothing; of a closed bag what was never seen stays at 0. */
static void smooth(double *count, bool closed)
{
    double sum = 0, more = closed ? 0 : unseen;
    for (int i = 0; i < PW_SIGN_BUCKETS; i++) sum += count[i] + more;
    for (int i = 0; i < PW_SIGN_BUCKETS; i++) count[i] = (count[i] + more) / (sum > 0 ? sum : 1);
}

/* The covariance (n, n) from the moments, in place: shrunk towards its diagonal, the more the fewer rows there are. */
static void covariance(struct moments *m, int n)
{
    double rows = m->n > 0 ? m->n : 1, shrink = n / (n + rows);
    shrink = shrink < .02 ? .02 : shrink;
    for (int i = 0; i < n; i++)
        for (int j = 0; j <= i; j++) {
            double *c = &m->cross[i * n + j];
            *c = *c / rows - m->sum[i] / rows * (m->sum[j] / rows);
            if (i == j) *c = (*c > 0 ? *c : 0) + 1e-3;
            else *c *= 1 - shrink;
        }
}

/* Lower factor by rows, packed into out (n (n + 1) / 2). */
static void cholesky(const double *c, int n, double *out)
{
    for (int i = 0; i < n; i++)
        for (int j = 0; j <= i; j++) {
            double rest = c[i * n + j];
            const double *a = out + i * (i + 1) / 2, *b = out + j * (j + 1) / 2;
            for (int k = 0; k < j; k++) rest -= a[k] * b[k];
            out[i * (i + 1) / 2 + j] = i == j ? sqrt(rest > 1e-9 ? rest : 1e-9) : rest / b[j];
        }
}

static pwy_status put_dense(struct pw_param *p, struct moments *m, int n, struct pw_arena *arena)
{
    double *factor;
    PW_NEED(factor = pw_arena_take(arena, (size_t)(n * (n + 1) / 2), sizeof *factor));
    covariance(m, n);
    cholesky(m->cross, n, factor);
    for (int i = 0; i < n; i++) p->w[i] = (real)(m->n > 0 ? m->sum[i] / m->n : 0);
    for (int i = 0; i < n * (n + 1) / 2; i++) p->w[n + i] = (real)factor[i];
    return PWY_OK;
}

static pwy_status fit_counts(pwy_model *m, const struct pwy_task *t, int part, struct rows *r, struct pw_arena *arena)
{
    const struct pw_sign_ops *ops = pw_sense_find(t->parts[part].sense)->sign;
    struct pw_param *bag, *dense;
    struct counts *c;
    if (ops == NULL) return PWY_OK;
    PW_NEED(c = pw_arena_zero(arena, 1, sizeof *c));
    PW_TRY(count_rows(r, t, part, ops, arena, c));
    if (ops->n_bags > 0) PW_TRY(own(m, &bag, "task/%s/%s/which.bag", t->name, t->parts[part].name));
    for (int b = 0; b < ops->n_bags; b++) {
        smooth(c->bag[b], b == 0 && ops->closed);
        pw_which_pack(bag->w + b * PW_WHICH_WORDS, c->bag[b]);
    }
    if (ops->n_dense == 0) return PWY_OK;
    PW_TRY(own(m, &dense, "task/%s/%s/which.dense", t->name, t->parts[part].name));
    return put_dense(dense, &c->dense, ops->n_dense, arena);
}

/* --- the second: what a sense's items are against --- */

/* Adds the parts of this sense of task t, one share each. */
static void add_ground(const pwy_model *m, const struct pwy_task *t, const struct pw_sense_ops *sense, int bag,
                       double *p, int *n)
{
    for (int i = 0; i < t->n_parts; i++) {
        struct pw_which_part part;
        if (strcmp(t->parts[i].sense, sense->name) != 0 || !pw_which_part_of(m, t, i, &part)) continue;
        for (int k = 0; k < PW_SIGN_BUCKETS; k++) p[k] += exp(pw_which_unpack(part.bag + bag * PW_WHICH_WORDS, k));
        ++*n;
    }
}

/* Of one part alone there is nothing to compare with: its ground is even. */
static pwy_status fit_ground(pwy_model *m, const struct pw_sense_ops *sense, struct pw_arena *arena)
{
    struct pw_param *ground;
    double *p;
    PW_TRY(own(m, &ground, "which.%s", sense->name, ""));
    PW_NEED(p = pw_arena_take(arena, PW_SIGN_BUCKETS, sizeof *p));
    for (int b = 0; b < sense->sign->n_bags; b++) {
        double sum = 0;
        int n = 0;
        memset(p, 0, PW_SIGN_BUCKETS * sizeof *p);
        for (int64_t i = 0; i < m->registry->n; i++) {
            struct pwy_task *t;
            PW_TRY(pw_registry_task(m->registry, i, &t));
            add_ground(m, t, sense, b, p, &n);
        }
        for (int k = 0; k < PW_SIGN_BUCKETS; k++) sum += p[k];
        for (int k = 0; k < PW_SIGN_BUCKETS; k++)
            p[k] = n < 2 || !(sum > 0) ? 1. / PW_SIGN_BUCKETS
                 : ground_mix * p[k] / sum + (1 - ground_mix) / PW_SIGN_BUCKETS;
        pw_which_pack(ground->w + b * PW_WHICH_WORDS, p);
    }
    return PWY_OK;
}

/* again: also where there is one. */
static pwy_status fit_grounds(pwy_model *m, bool again, struct pw_arena *arena)
{
    for (int s = 0; pw_senses[s] != NULL; s++) {
        char name[64];
        snprintf(name, sizeof name, "which.%s", pw_senses[s]->name);
        const struct pw_param *p = pw_params_find(m->params, name);
        if (p != NULL && !p->locked && !p->frozen && (again || !fitted(p))) PW_TRY(fit_ground(m, pw_senses[s], arena));
    }
    return PWY_OK;
}

/* --- the third: how far its own rows stray --- */

struct seen_rows { int n; double *x[PW_SIGN_BAGS], *items[PW_SIGN_BAGS], *log_m; };

static pwy_status seen_open(struct seen_rows *s, int64_t cap, struct pw_arena *arena)
{
    s->n = 0;
    for (int b = 0; b < PW_SIGN_BAGS; b++) {
        PW_NEED(s->x[b] = pw_arena_take(arena, (size_t)cap + 1, sizeof(double)));
        PW_NEED(s->items[b] = pw_arena_take(arena, (size_t)cap + 1, sizeof(double)));
    }
    PW_NEED(s->log_m = pw_arena_take(arena, (size_t)cap + 1, sizeof(double)));
    return PWY_OK;
}

static void keep_seen(struct seen_rows *s, const struct pw_which_seen *one)
{
    for (int b = 0; b < PW_SIGN_BAGS; b++) {
        s->x[b][s->n] = one->surprise[b];
        s->items[b][s->n] = one->items[b];
    }
    s->log_m[s->n++] = log(one->mahalanobis + 1e-9);
}

static pwy_status see_rows(const struct pwy_task *t, int part, const struct pw_which_part *p, struct rows *r,
                           struct pw_arena *arena, struct seen_rows *out)
{
    PW_TRY(seen_open(out, r->end - r->scale, arena));
    for (int64_t i = r->scale; i < r->end; i++) {
        struct pw_signature s;
        struct pw_which_seen one;
        size_t mark = pw_arena_mark(arena);
        bool good;
        PW_TRY(train_row(r, i, &good));
        if (good) PW_TRY(sign_part(r, t, part, p->sign, arena, &s, &good));
        if (good) {
            pw_which_see(p, &s, &one);
            keep_seen(out, &one);
        }
        pw_arena_release(arena, mark);
    }
    return PWY_OK;
}

/* y by least squares as c[0] + c[1] x; level where x hardly varies. */
static void line(const double *x, const double *y, int n, double *c)
{
    double sx = 0, sy = 0, xx = 0, xy = 0;
    for (int i = 0; i < n; i++) sx += x[i], sy += y[i];
    sx /= n;
    sy /= n;
    for (int i = 0; i < n; i++) {
        xx += (x[i] - sx) * (x[i] - sx);
        xy += (x[i] - sx) * (y[i] - sy);
    }
    c[1] = xx / n > 1e-3 ? xy / xx : 0;
    c[0] = sy - c[1] * sx;
}

/* Variance as slope / items + base, by least squares: chance in few items, and how the rows themselves differ. Neither
   is negative. */
static void variance(const double *rest, const double *items, int n, double *slope, double *base)
{
    double square = 0, weighted = 0, sum = 0, sum_square = 0, both = 0;
    for (int i = 0; i < n; i++) {
        double s = rest[i] * rest[i] / n, inverse = 1 / items[i];
        square += s;
        weighted += s * items[i];
        sum += inverse / n;
        sum_square += inverse * inverse / n;
        both += s * inverse;
    }
    double spread = sum_square - sum * sum, up = spread > 1e-9 ? (both - square * sum) / spread : 0;
    *slope = up < 0 ? 0 : square < up * sum ? weighted : up;
    *base = (up < 0 ? square : square < up * sum ? 0 : square - up * sum) + 1e-4;
}

static void bag_scale(struct seen_rows *s, const double *log_items, int b, real *out)
{
    double c[2], a, spread;
    line(log_items, s->x[b], s->n, c);
    for (int i = 0; i < s->n; i++) s->x[b][i] -= c[0] + c[1] * log_items[i];
    variance(s->x[b], s->items[b], s->n, &a, &spread);
    out[0] = (real)c[0];
    out[1] = (real)c[1];
    out[2] = (real)a;
    out[3] = (real)spread;
}

static void dense_scale(const struct seen_rows *s, real *out)
{
    double sum = 0, square = 0;
    for (int i = 0; i < s->n; i++) sum += s->log_m[i];
    for (int i = 0; i < s->n; i++) square += (s->log_m[i] - sum / s->n) * (s->log_m[i] - sum / s->n);
    double spread = sqrt(square / s->n);
    out[0] = (real)(sum / s->n);
    out[1] = (real)(spread > .05 ? spread : .05);
}

static void even_scale(real *scale)
{
    for (int i = 0; i < PW_WHICH_SCALES; i++) scale[i] = i % 4 == 3 || i == PW_WHICH_SCALES - 1;
}

static pwy_status fit_scale(pwy_model *m, const struct pwy_task *t, int part, struct rows *r, struct pw_arena *arena)
{
    struct pw_which_part p;
    struct pw_param *scale;
    struct seen_rows s;
    double *log_items;
    if (!pw_which_part_of(m, t, part, &p)) return PWY_OK;
    PW_TRY(own(m, &scale, "task/%s/%s/which.scale", t->name, t->parts[part].name));
    even_scale(scale->w);
    p.scale = scale->w;
    PW_TRY(see_rows(t, part, &p, r, arena, &s));
    if (s.n == 0) return PWY_OK;
    PW_NEED(log_items = pw_arena_take(arena, (size_t)s.n, sizeof *log_items));
    for (int i = 0; i < s.n; i++) log_items[i] = log(s.items[0][i]);
    for (int b = 0; b < p.sign->n_bags; b++) bag_scale(&s, log_items, b, scale->w + 4 * b);
    dense_scale(&s, scale->w + 4 * PW_SIGN_BAGS);
    return PWY_OK;
}

/* --- the limit --- */

struct distances { double *value; int64_t n; };

/* The distance of the row that was read; *good false: no part of it can be told. */
static pwy_status row_distance(const pwy_model *m, const struct pwy_task *t, const struct rows *r,
                               struct pw_arena *arena, double *distance, bool *good)
{
    int n = 0;
    *distance = 0;
    for (int i = 0; i < t->n_parts; i++) {
        struct pw_which_part p;
        struct pw_signature s;
        struct pw_which_seen one;
        bool here = pw_which_part_of(m, t, i, &p);
        if (here) PW_TRY(sign_part(r, t, i, p.sign, arena, &s, &here));
        if (!here) continue;
        pw_which_see(&p, &s, &one);
        *distance += one.distance;
        n++;
    }
    *good = n > 0;
    *distance /= sqrt(n > 0 ? n : 1);
    return PWY_OK;
}

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

/* Adds the distances of rows [from, to): of the training rows, or of the source that validates. */
static pwy_status add_distances(const pwy_model *m, const struct pwy_task *t, struct rows *r, bool train, int64_t from,
                                int64_t to, struct pw_arena *arena, struct distances *d)
{
    for (int64_t i = from; i < to; i++) {
        size_t mark = pw_arena_mark(arena);
        bool good;
        PW_TRY(train ? train_row(r, i, &good) : read_row(r, r->valid, 12, i, &good));
        if (good) PW_TRY(row_distance(m, t, r, arena, &d->value[d->n], &good));
        if (good && isfinite(d->value[d->n])) d->n++;
        pw_arena_release(arena, mark);
    }
    return PWY_OK;
}

/* The rows that validate; so few that none of them need be past the quantile are joined by those of the scales. */
static pwy_status valid_distances(const pwy_model *m, const struct pwy_task *t, struct rows *r, struct pw_arena *arena,
                                  struct distances *d)
{
    PW_NEED(d->value = pw_arena_take(arena, ROWS + VALID, sizeof *d->value));
    if (r->valid == NULL) PW_TRY(add_distances(m, t, r, true, r->end, r->keep, arena, d));
    else PW_TRY(add_distances(m, t, r, false, 0, r->valid->n < VALID ? r->valid->n : VALID, arena, d));
    return d->n < ENOUGH ? add_distances(m, t, r, true, r->scale, r->end, arena, d) : PWY_OK;
}

/* The quantile, the row that is yet to come counted as one of them. Of too few rows it is not known: then it is one
   spread past the farthest. */
static double limit_of(const struct distances *d)
{
    double sum = 0, square = 0, n = (double)d->n;
    int64_t at = (int64_t)ceil(quantile * (n + 1)) - 1;
    if (at < d->n) return d->value[at];
    for (int64_t i = 0; i < d->n; i++) sum += d->value[i], square += d->value[i] * d->value[i];
    double variance = square / n - sum / n * (sum / n);
    return d->value[d->n - 1] + sqrt(variance > 0 ? variance : 0);
}

static pwy_status fit_limit(pwy_model *m, const struct pwy_task *t, struct rows *r, struct pw_arena *arena)
{
    struct pw_param *limits;
    struct distances d = {0};
    PW_TRY(own(m, &limits, "task/%s/which", t->name, ""));
    PW_TRY(valid_distances(m, t, r, arena, &d));
    memset(limits->w, 0, (size_t)limits->n * sizeof *limits->w);
    if (d.n == 0) return PWY_OK;
    qsort(d.value, (size_t)d.n, sizeof *d.value, ascending);
    limits->w[0] = (real)d.n;
    limits->w[1] = (real)(limit_of(&d) + 1e-3);
    for (int i = 0; i < PW_WHICH_QUANTILES; i++)
        limits->w[2 + i] = (real)d.value[i * (d.n - 1) / (PW_WHICH_QUANTILES - 1)];
    return PWY_OK;
}

/* --- all of it --- */

/* Nothing to fit: no rows here, a task that is frozen or sealed, or a file that was written without the tensors. */
static bool fits(const pwy_model *m, const struct pwy_task *t)
{
    char name[512];
    snprintf(name, sizeof name, "task/%s/which", t->name);
    const struct pw_param *p = pw_params_find(m->params, name);
    return t->source[PWY_TRAIN] != NULL && t->source[PWY_TRAIN]->n > 0 && p != NULL && !p->frozen && !p->locked;
}

/* One look through a task's rows, in an arena that is empty before and after. */
static pwy_status look(pwy_model *m, const struct pwy_task *t, int which, pwy_example *ex, struct pw_arena *arena)
{
    struct rows r;
    if (!fits(m, t)) return PWY_OK;
    r = rows_of(t, ex);
    for (int i = 0; i < t->n_parts; i++) {
        pw_arena_reset(arena);
        PW_TRY(which == 1 ? fit_counts(m, t, i, &r, arena) : fit_scale(m, t, i, &r, arena));
    }
    pw_arena_reset(arena);
    return which == 1 ? PWY_OK : fit_limit(m, t, &r, arena);
}

/* only NULL: all tasks. */
static pwy_status fit(pwy_model *m, struct pwy_task *only, pwy_example *ex, struct pw_arena *arena)
{
    for (int which = 1; which <= 2; which++) {
        for (int64_t i = 0; i < m->registry->n; i++) {
            struct pwy_task *t;
            PW_TRY(pw_registry_task(m->registry, i, &t));
            if ((only == NULL || t == only) && look(m, t, which, ex, arena) != PWY_OK) return pw_fail_task(t->name);
        }
        pw_arena_reset(arena);
        if (which == 1) PW_TRY(fit_grounds(m, only == NULL, arena));
    }
    return PWY_OK;
}

static pwy_status fit_some(pwy_model *m, struct pwy_task *only)
{
    struct pw_arena *arena = pw_arena_new();
    pwy_example *ex = pw_example_make();
    pwy_status status = arena == NULL || ex == NULL ? PWY_E_NOMEM : fit(m, only, ex, arena);
    if (ex != NULL) pw_example_release(ex);
    if (arena != NULL) pw_arena_free(arena);
    return status;
}

pwy_status pw_which_fit(pwy_model *m, struct pwy_task *t)
{
    return fit_some(m, t);
}

pwy_status pw_which_fit_all(pwy_model *m)
{
    return fit_some(m, NULL);
}

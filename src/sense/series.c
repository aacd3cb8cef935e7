/* Time series of any length: a token a dilation from fixed kernels, and one of each channel's level and spread.
   Nothing of the kernels is trained; biases and standardisation come from the training rows. Wide: the same features,
   sparse. */
#include "sense/fitted.h"
#include "sense/kernels.h"
#include "sense/project.h"
#include "base/num.h"
#include <stdlib.h>
#include <string.h>

enum { LOOK_BIAS = 64, LOOK_STATS = 1000, POINTS = 32, LONGEST = 8192, CHANNELS = 4096, LEVELS = 4 };

struct series {
    bool augment;                               /* setting */
    int64_t channels, length;                   /* of the task; median training steps */
    int64_t every;                              /* steps averaged into one, of long series */
    int dilations;
    uint64_t seed;
    uint8_t *subset;                            /* (dilations, PW_KERNELS, channels) */
    struct pw_param *bias;                      /* constants (dilations, PW_KERNELS, PW_BIASES) */
    struct pw_param *stats;                     /* constants (2, features) */
    struct pw_project kernel, level;            /* shared, own */
    struct pw_param *place;                     /* (PW_DILATIONS + 1, d): of each dilation, last of the level token */
};

static const struct pw_option series_settings[] = {{"augment", PW_OPT_FLAG, offsetof(struct series, augment), 0, 0},
                                                   {0}};

static int64_t n_levels(const struct series *r)
{
    return r->channels * (2 + LEVELS);
}

static int64_t n_features(const struct series *r)
{
    return (int64_t)r->dilations * PW_DILATION_FEATURES + n_levels(r);
}

static void series_close(struct pw_sense *s)
{
    struct series *r = s->state;
    if (r != NULL) free(r->subset);
    free(r);
    s->state = NULL;
}

static pwy_status series_open(struct pw_sense *s, const struct pw_node *settings)
{
    struct series *r;
    PW_NEED(s->state = r = pw_calloc(1, sizeof *r));
    r->augment = true;
    return pw_sense_options(settings, "series", series_settings, r);
}

/* All that follows from channels, length and seed. */
static pwy_status set_shape(struct pw_sense *s)
{
    struct series *r = s->state;
    r->every = (r->length + LONGEST - 1) / LONGEST;
    int64_t steps = r->length / r->every;
    for (r->dilations = 1; r->dilations < PW_DILATIONS && (int64_t)8 << r->dilations < steps;) r->dilations++;
    PW_NEED(r->subset = pw_calloc((size_t)(r->dilations * PW_KERNELS * r->channels), 1));
    for (int j = 0; j < r->dilations; j++)
        for (int k = 0; k < PW_KERNELS; k++)
            pw_kernel_subset(r->seed, j, k, r->channels, r->subset + (j * PW_KERNELS + k) * r->channels);
    s->wide_rows = s->outputs > 0 ? n_features(r) : 0;
    return PWY_OK;
}

static pwy_status declare_constants(struct pw_sense *s)
{
    struct series *r = s->state;
    PW_TRY(pw_param_declare(s->params, PW_CONST, PW_ZEROS, 0, 3, PW_SHAPE(r->dilations, PW_KERNELS, PW_BIASES),
                            &r->bias,
                            "%s/bias", s->own));
    return pw_param_declare(s->params, PW_CONST, PW_ZEROS, 0, 2, PW_SHAPE(2, n_features(r)), &r->stats, "%s/stats",
                            s->own);
}

static pwy_status series_declare(struct pw_sense *s)
{
    struct series *r = s->state;
    PW_TRY(declare_constants(s));
    PW_TRY(pw_project_declare(s->params, s->stem, ".kernel", PW_DILATION_FEATURES, s->d, &r->kernel));
    PW_TRY(pw_project_declare(s->params, s->own, "/level", (int)n_levels(r), s->d, &r->level));
    return pw_param_declare(s->params, PW_VECTOR, PW_NORMAL, .1, 2, PW_SHAPE(PW_DILATIONS + 1, s->d), &r->place,
                            "%s.place", s->stem);
}

/* --- one series made ready --- */

static pwy_status check(const struct series *r, const struct pw_value *v)
{
    int64_t missing = 0, all = v->steps * v->channels;
    if (v->steps <= 0 || v->channels <= 0 || v->samples == NULL)
        return pw_fail(PWY_E_DATA, "series is %lld steps of %lld channels; at least 1 of 1 would be right",
                       (long long)v->steps, (long long)v->channels);
    if (v->channels != r->channels)
        return pw_fail(PWY_E_DATA, "series has %lld channels; the task's have %lld", (long long)v->channels,
                       (long long)r->channels);
    for (int64_t i = 0; i < all; i++) {
        if (isinf(v->samples[i]))
            return pw_fail(PWY_E_DATA, "series is infinite at step %lld; numbers or NaN (missing) would be right",
                           (long long)(i / v->channels));
        missing += isnan(v->samples[i]) != 0;
    }
    return missing < all ? PWY_OK : pw_fail(PWY_E_DATA, "series has no value, all of it is missing");
}

/* Missing steps of x (n) get the line between their neighbours; all missing: 0. */
static void interpolate(real *x, int64_t n)
{
    int64_t last = -1;
    for (int64_t t = 0; t < n; t++) {
        if (isnan(x[t])) continue;
        for (int64_t g = last + 1; g < t; g++)
            x[g] = last < 0 ? x[t] : x[last] + (x[t] - x[last]) * (real)(g - last) / (real)(t - last);
        last = t;
    }
    for (int64_t g = last + 1; g < n; g++) x[g] = last < 0 ? 0 : x[last];
}

/* The mean of step t's `every` raw steps of channel c. */
static real raw_step(const struct series *r, const struct pw_value *v, int64_t t, int64_t c)
{
    real sum = 0;
    int64_t n = 0;
    for (int64_t i = t * r->every; i < (t + 1) * r->every && i < v->steps; i++) {
        if (isnan(v->samples[i * v->channels + c])) continue;
        sum += (real)v->samples[i * v->channels + c];
        n++;
    }
    return n > 0 ? sum / (real)n : (real)NAN;
}

static real spread_of(const real *x, int64_t n, real *mean)
{
    double sum = 0, square = 0;
    for (int64_t t = 0; t < n; t++) sum += (double)x[t];
    sum /= (double)n;
    for (int64_t t = 0; t < n; t++) square += ((double)x[t] - sum) * ((double)x[t] - sum);
    *mean = (real)sum;
    return (real)sqrt(square / (double)n);
}

struct warp { double bend, phase; };            /* of time, one for all channels */

/* Changes for training: size by 10 %, noise of 2 % of the spread, and time by a smooth wave of 5 % of the length. */
static void distort(struct pw_rng *rng, const struct warp *w, real *x, real *spare, int64_t n)
{
    const double turn = 6.283185307179586;
    double gain = 1 + .1 * pw_rng_normal(rng);
    real mean, noise = (real).02 * spread_of(x, n, &mean);
    memcpy(spare, x, (size_t)n * sizeof(real));
    for (int64_t t = 0; t < n; t++) {
        double wave = sin(turn * ((double)t / (double)n + w->phase)) - sin(turn * w->phase);
        double at = (double)t + w->bend * (double)n * wave / 2;
        at = at < 0 ? 0 : at > (double)(n - 1) ? (double)(n - 1) : at;
        int64_t low = (int64_t)at, high = low + 1 < n ? low + 1 : low;
        real part = (real)(at - (double)low);
        x[t] = (real)gain * (spare[low] + part * (spare[high] - spare[low])) + noise * (real)pw_rng_normal(rng);
    }
}

/* Mean, log of spread, and the means of LEVELS quarters of one channel. */
static void levels(const real *x, int64_t n, real mean, real spread, real *out)
{
    out[0] = mean;
    out[1] = (real)log((double)spread + 1e-4);
    for (int64_t q = 0; q < LEVELS; q++) {
        int64_t from = q * n / LEVELS, to = (q + 1) * n / LEVELS;
        double sum = 0;
        if (to == from) to = from + 1;
        for (int64_t t = from; t < to; t++) sum += (double)x[t];
        out[2 + q] = (real)(sum / (double)(to - from));
    }
}

/* Lines of mean 0 and spread 1, and the levels (n_levels) from before that. */
static pwy_status make_lines(const struct series *r, const struct pw_value *v, struct pw_rng *augment,
                             struct pw_arena *arena, struct pw_lines *l, real *level)
{
    int64_t steps = (v->steps + r->every - 1) / r->every, n = steps < PW_KERNEL_LENGTH ? PW_KERNEL_LENGTH : steps;
    struct warp warp = {0};
    real *spare, mean;
    if (augment != NULL) warp = (struct warp){.05 * pw_rng_normal(augment), pw_rng_uniform(augment)};
    PW_TRY(pw_padded_open(arena, n, r->channels, r->dilations, l));
    PW_NEED(spare = pw_arena_take(arena, (size_t)n, sizeof(real)));
    for (int64_t c = 0; c < r->channels; c++) {
        real *x = l->line + c * l->stride + l->pad;
        for (int64_t t = 0; t < steps; t++) x[t] = raw_step(r, v, t, c);
        interpolate(x, steps);
        for (int64_t t = steps; t < n; t++) x[t] = x[steps - 1];
        if (augment != NULL) distort(augment, &warp, x, spare, n);
        real spread = spread_of(x, n, &mean);
        levels(x, n, mean, spread, level + c * (2 + LEVELS));
        for (int64_t t = 0; t < n; t++) x[t] = (x[t] - mean) / (spread + (real)1e-6);
    }
    return PWY_OK;
}

/* --- features --- */

static void shares(const real *response, int64_t n, const real *bias, real *out)
{
    for (int b = 0; b < PW_BIASES; b++) {
        int64_t above = 0;
        for (int64_t t = 0; t < n; t++) above += response[t] > bias[b];
        out[b] = (real)above / (real)n;
    }
}

/* All features, not standardised: PW_DILATION_FEATURES a dilation, then the levels. */
static pwy_status features(const struct series *r, const struct pw_value *v, struct pw_rng *augment,
                           struct pw_arena *arena,
                           real **out)
{
    struct pw_lines l;
    PW_NEED(*out = pw_arena_take(arena, (size_t)n_features(r), sizeof(real)));
    PW_TRY(make_lines(r, v, augment, arena, &l, *out + (size_t)r->dilations * PW_DILATION_FEATURES));
    for (int j = 0; j < r->dilations; j++) {
        pw_padded_dilate(&l, j);
        for (int k = 0; k < PW_KERNELS; k++) {
            int64_t at = j * PW_KERNELS + k;
            shares(pw_padded_respond(&l, j, k, r->subset + at * r->channels), l.steps, r->bias->w + at * PW_BIASES,
                   *out + at * PW_BIASES);
        }
    }
    return PWY_OK;
}

/* --- fit --- */

static int64_t take_of(const struct pw_fit *fit, int64_t most)
{
    return fit->n_train < most ? fit->n_train : most;
}

/* Channels of the first series, and the median length. */
static pwy_status fit_shape(struct series *r, const struct pw_fit *fit, double *length)
{
    int64_t take = take_of(fit, LOOK_STATS), n = 0;
    for (int64_t j = 0; j < take; j++) {
        const struct pw_value *v;
        PW_TRY(pw_fit_value(fit, take, j, PW_VALUE_SERIES, &v));
        if (v == NULL || v->steps <= 0 || v->channels <= 0) continue;
        if (r->channels == 0) r->channels = v->channels;
        length[n++] = (double)v->steps;
    }
    if (n == 0) return pw_fail(PWY_E_DATA, "no training row has a series");
    if (r->channels > CHANNELS)
        return pw_fail(PWY_E_DATA, "series has %lld channels; at most %d would be right", (long long)r->channels,
                       CHANNELS);
    pw_sort(length, n);
    r->length = (int64_t)length[n / 2];
    return PWY_OK;
}

/* Responses at POINTS places of every looked-at series: pool (dilations PW_KERNELS, cap); counts how many each has. */
static void pool_responses(const struct series *r, struct pw_lines *l, double *pool, int64_t cap, int64_t *n)
{
    int64_t points = l->steps < POINTS ? l->steps : POINTS;
    for (int j = 0; j < r->dilations; j++) {
        pw_padded_dilate(l, j);
        for (int k = 0; k < PW_KERNELS; k++) {
            int64_t at = j * PW_KERNELS + k;
            const real *response = pw_padded_respond(l, j, k, r->subset + at * r->channels);
            for (int64_t i = 0; i < points; i++)
                pool[at * cap + *n + i] = (double)response[(2 * i + 1) * l->steps / (2 * points)];
        }
    }
    *n += points;
}

static pwy_status fill_pool(const struct series *r, const struct pw_fit *fit, struct pw_arena *arena, double *pool,
                            int64_t cap, int64_t *n)
{
    int64_t take = take_of(fit, LOOK_BIAS);
    for (int64_t j = 0; j < take; j++) {
        const struct pw_value *v;
        struct pw_lines l;
        real *level;
        PW_TRY(pw_fit_value(fit, take, j, PW_VALUE_SERIES, &v));
        if (v == NULL || check(r, v) != PWY_OK) continue;
        pw_arena_reset(arena);
        PW_NEED(level = pw_arena_take(arena, (size_t)n_levels(r), sizeof(real)));
        PW_TRY(make_lines(r, v, NULL, arena, &l, level));
        pool_responses(r, &l, pool, cap, n);
    }
    return PWY_OK;
}

static pwy_status fit_biases(const struct series *r, const struct pw_fit *fit, struct pw_arena *arena)
{
    static const double level[PW_BIASES] = {.1, .37, .63, .9};
    int64_t cap = take_of(fit, LOOK_BIAS) * POINTS, kernels = r->dilations * PW_KERNELS, n = 0;
    double *pool = pw_calloc((size_t)(kernels * cap), sizeof *pool);
    PW_NEED(pool);
    pwy_status status = fill_pool(r, fit, arena, pool, cap, &n);
    for (int64_t k = 0; status == PWY_OK && n > 0 && k < kernels; k++) {
        pw_sort(pool + k * cap, n);
        for (int b = 0; b < PW_BIASES; b++)
            r->bias->w[k * PW_BIASES + b] = (real)pool[k * cap + (int64_t)(level[b] * (double)(n - 1))];
    }
    free(pool);
    return status;
}

static pwy_status add_moments(const struct series *r, const struct pw_fit *fit, struct pw_arena *arena,
                              struct pw_moments *m)
{
    int64_t take = take_of(fit, LOOK_STATS);
    for (int64_t j = 0; j < take; j++) {
        const struct pw_value *v;
        real *feature;
        PW_TRY(pw_fit_value(fit, take, j, PW_VALUE_SERIES, &v));
        if (v == NULL || check(r, v) != PWY_OK) continue;
        pw_arena_reset(arena);
        PW_TRY(features(r, v, NULL, arena, &feature));
        pw_moments_add(m, feature);
    }
    return PWY_OK;
}

static pwy_status fit_constants(const struct series *r, const struct pw_fit *fit, struct pw_arena *arena)
{
    struct pw_moments m;
    PW_TRY(fit_biases(r, fit, arena));
    PW_TRY(pw_moments_open(&m, n_features(r)));
    pwy_status status = add_moments(r, fit, arena, &m);
    if (status == PWY_OK) pw_moments_write(&m, r->stats->w);
    pw_moments_close(&m);
    return status;
}

static pwy_status fit_rest(struct pw_sense *s, const struct pw_fit *fit)
{
    struct pw_arena *arena;
    PW_TRY(set_shape(s));
    PW_TRY(declare_constants(s));
    PW_NEED(arena = pw_arena_new());
    pwy_status status = fit_constants(s->state, fit, arena);
    pw_arena_free(arena);
    return status;
}

static pwy_status series_fit(struct pw_sense *s, const struct pw_fit *fit)
{
    struct series *r = s->state;
    double *length = pw_calloc((size_t)take_of(fit, LOOK_STATS) + 1, sizeof *length);
    PW_NEED(length);
    r->seed = fit->seed;
    pwy_status status = fit_shape(r, fit, length);
    free(length);
    PW_TRY(status);
    return fit_rest(s, fit);
}

static pwy_status series_save(const struct pw_sense *s, struct pw_node *into)
{
    const struct series *r = s->state;
    PW_TRY(pw_fitted_put(into, "channels", (double)r->channels));
    PW_TRY(pw_fitted_put(into, "length", (double)r->length));
    return pw_fitted_put(into, "seed", (double)r->seed);
}

static pwy_status series_load(struct pw_sense *s, const struct pw_node *from)
{
    struct series *r = s->state;
    double channels, length, seed;
    PW_TRY(pw_fitted_get(from, "series", "channels", 1, CHANNELS, &channels));
    PW_TRY(pw_fitted_get(from, "series", "length", 1, 1e15, &length));
    PW_TRY(pw_fitted_get(from, "series", "seed", 0, 9007199254740992.0, &seed));
    r->channels = (int64_t)channels;
    r->length = (int64_t)length;
    r->seed = (uint64_t)seed;
    return set_shape(s);
}

/* --- one series --- */

/* The sparse features: kernels and levels each of length about 1, so that neither drowns the other. */
static pwy_status wide_features(const struct series *r, struct pw_arena *arena, const real *feature,
                                struct pw_encoded *e)
{
    int64_t kernels = (int64_t)r->dilations * PW_DILATION_FEATURES;
    real of_kernels = 1 / pw_sqrt((real)kernels), of_levels = 1 / pw_sqrt((real)n_levels(r));
    PW_TRY(pw_wide_all(arena, n_features(r), feature, of_kernels, e));
    for (int64_t i = kernels; i < e->n_wide; i++) e->wide_value[i] = feature[i] * of_levels;
    return PWY_OK;
}

static pwy_status series_encode(const struct pw_sense *s, const struct pw_value *value, struct pw_rng *augment,
                                struct pw_arena *arena, struct pw_encoded *out)
{
    const struct series *r = s->state;
    struct pw_encoded e = {.n_tokens = r->dilations + 1, .n_reals = n_features(r)};
    PW_TRY(check(r, value));
    PW_TRY(features(r, value, r->augment ? augment : NULL, arena, &e.reals));
    pw_standardise(r->stats->w, e.n_reals, 5, e.reals);
    if (s->wide_rows > 0) PW_TRY(wide_features(r, arena, e.reals, &e));
    *out = e;
    return PWY_OK;
}

/* --- many series --- */

struct series_keep {
    real *kernel, *level;                       /* (n dilations, PW_DILATION_FEATURES), (n, levels) */
    real *kernel_rows, *level_rows;             /* (n dilations, d), (n, d): outputs, then gradients */
    int32_t *place;                             /* (n (dilations + 1)) */
    struct pw_project_keep of_kernel, of_level;
};

static pwy_status gather(const struct series *r, struct pw_exec *x, int n, int d, const struct pw_encoded *const *in,
                         struct series_keep *k)
{
    size_t kernels = (size_t)r->dilations * PW_DILATION_FEATURES, level = (size_t)n_levels(r), count = (size_t)n;
    int tokens = r->dilations + 1;
    PW_NEED(k->kernel = pw_arena_take(x->arena, count * kernels + 1, sizeof(real)));
    PW_NEED(k->level = pw_arena_take(x->arena, count * level + 1, sizeof(real)));
    PW_NEED(k->kernel_rows = pw_arena_take(x->arena, count * (size_t)(r->dilations * d) + 1, sizeof(real)));
    PW_NEED(k->level_rows = pw_arena_take(x->arena, count * (size_t)d + 1, sizeof(real)));
    PW_NEED(k->place = pw_arena_take(x->arena, count * (size_t)tokens + 1, sizeof *k->place));
    for (int i = 0; i < n; i++) {
        memcpy(k->kernel + (size_t)i * kernels, in[i]->reals, kernels * sizeof(real));
        memcpy(k->level + (size_t)i * level, in[i]->reals + kernels, level * sizeof(real));
    }
    for (int i = 0; i < n * tokens; i++) k->place[i] = i % tokens < r->dilations ? i % tokens : PW_DILATIONS;
    return PWY_OK;
}

/* Copies between rows (n, dilations + 1, d) and the two kinds of token. */
static void move_rows(const struct series *r, int n, int d, struct series_keep *k, real *rows, bool to_rows)
{
    size_t len = (size_t)(r->dilations * d), one = (size_t)d;
    for (size_t i = 0; i < (size_t)n; i++) {
        real *row = rows + i * (len + one);
        memcpy(to_rows ? row : k->kernel_rows + i * len, to_rows ? k->kernel_rows + i * len : row, len * sizeof(real));
        memcpy(to_rows ? row + len : k->level_rows + i * one, to_rows ? k->level_rows + i * one : row + len,
               one * sizeof(real));
    }
}

static pwy_status series_forward(const struct pw_sense *s, struct pw_exec *x, int n, const struct pw_encoded *const *in,
                                 real *rows, real *wide, void **keep)
{
    const struct series *r = s->state;
    struct series_keep *k;
    (void)wide;
    PW_NEED(k = pw_arena_zero(x->arena, 1, sizeof *k));
    PW_TRY(gather(r, x, n, s->d, in, k));
    PW_TRY(pw_project_rows(x, &r->kernel, n * r->dilations, k->kernel, k->kernel_rows, &k->of_kernel));
    PW_TRY(pw_project_rows(x, &r->level, n, k->level, k->level_rows, &k->of_level));
    move_rows(r, n, s->d, k, rows, true);
    pw_position_add(x, r->place, n * (r->dilations + 1), k->place, rows);
    if (keep != NULL) *keep = k;
    return PWY_OK;
}

static pwy_status series_backward(const struct pw_sense *s, struct pw_exec *x, int n,
                                  const struct pw_encoded *const *in,
                                  void *keep, const real *drows, const real *dwide)
{
    struct series *r = s->state;
    struct series_keep *k = keep;
    (void)in;
    (void)dwide;
    pw_position_back(x, r->place, n * (r->dilations + 1), k->place, drows);
    move_rows(r, n, s->d, k, (real *)drows, false);
    PW_TRY(pw_project_back(x, &r->kernel, n * r->dilations, k->kernel, &k->of_kernel, k->kernel_rows, NULL));
    return pw_project_back(x, &r->level, n, k->level, &k->of_level, k->level_rows, NULL);
}

const struct pw_sense_ops pw_sense_series = {
    .name = "series", .takes = PW_VALUE_SERIES, .settings = series_settings, .sign = &pw_sign_series,
    .open = series_open, .fit = series_fit, .save = series_save, .load = series_load, .declare = series_declare,
    .encode = series_encode, .forward = series_forward, .backward = series_backward, .close = series_close};

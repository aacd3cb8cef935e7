/* Sound: log-mel frames, normalised over the clip, laid into a window of fixed length; eight frames are a row. Wide:
   cepstra of ten stretches of the clip with their spreads and changes, which a linear model reads well, sparse. */
#include "sense/fitted.h"
#include "sense/mel.h"
#include "sense/project.h"
#include <stdlib.h>
#include <string.h>

enum {
    FRAMES = 8, INPUTS = FRAMES * PW_MEL_BANDS, LOOK = 2000, LONGEST = 30,
    CEPSTRA = 20, STRETCHES = 10, WIDE = (2 * STRETCHES + 2) * CEPSTRA + 1
};
static const double tokens_a_second = (double)PW_MEL_RATE / PW_MEL_HOP / FRAMES;

struct audio {
    double seconds;                             /* setting; 0: fitted */
    int64_t rate;                               /* the readers' word, for samples without a header */
    int tokens;                                 /* of the window */
    struct pw_mel *mel;
    struct pw_param *stats;                     /* constants (2, WIDE) */
    struct pw_project patch;                    /* shared */
    struct pw_param *place;                     /* own (tokens, d) */
};

static const struct pw_option audio_settings[] = {
    {"seconds", PW_OPT_NUMBER, offsetof(struct audio, seconds), .1, LONGEST},
    {"rate", PW_OPT_INT, offsetof(struct audio, rate), 100, 400000}, {0}};

static void audio_close(struct pw_sense *s)
{
    struct audio *a = s->state;
    if (a != NULL) pw_mel_free(a->mel);
    free(a);
    s->state = NULL;
}

static pwy_status audio_open(struct pw_sense *s, const struct pw_node *settings)
{
    struct audio *a;
    PW_NEED(s->state = a = pw_calloc(1, sizeof *a));
    PW_TRY(pw_sense_options(settings, "audio", audio_settings, a));
    s->wide_rows = s->outputs > 0 ? WIDE : 0;
    return pw_mel_new(&a->mel);
}

static pwy_status declare_constants(struct pw_sense *s)
{
    return pw_param_declare(s->params, PW_CONST, PW_ZEROS, 0, 2, PW_SHAPE(2, WIDE), &((struct audio *)s->state)->stats,
                            "%s/stats", s->own);
}

static pwy_status audio_declare(struct pw_sense *s)
{
    struct audio *a = s->state;
    PW_TRY(declare_constants(s));
    PW_TRY(pw_project_declare(s->params, s->stem, ".patch", INPUTS, s->d, &a->patch));
    return pw_param_declare(s->params, PW_VECTOR, PW_NORMAL, .1, 2, PW_SHAPE(a->tokens, s->d), &a->place, "%s/place",
                            s->own);
}

/* --- features --- */

/* (x - mean) / (spread + .1) over the whole clip. */
static void normalise(real *x, int64_t n)
{
    double sum = 0, square = 0;
    for (int64_t i = 0; i < n; i++) sum += (double)x[i];
    sum /= (double)n;
    for (int64_t i = 0; i < n; i++) square += ((double)x[i] - sum) * ((double)x[i] - sum);
    double scale = 1 / (sqrt(square / (double)n) + .1);
    for (int64_t i = 0; i < n; i++) x[i] = (real)(((double)x[i] - sum) * scale);
}

/* The first CEPSTRA coefficients of a cosine transform of every frame. */
static pwy_status cepstra(const real *frame, int64_t n, struct pw_arena *arena, real **out)
{
    real wave[CEPSTRA][PW_MEL_BANDS];
    PW_NEED(*out = pw_arena_take(arena, (size_t)n * CEPSTRA, sizeof(real)));
    for (int c = 0; c < CEPSTRA; c++)
        for (int b = 0; b < PW_MEL_BANDS; b++)
            wave[c][b] = (real)(cos(3.14159265358979323846 * c * (b + .5) / PW_MEL_BANDS) * sqrt(2.0 / PW_MEL_BANDS));
    for (int64_t f = 0; f < n; f++)
        for (int c = 0; c < CEPSTRA; c++) {
            real sum = 0;
            for (int b = 0; b < PW_MEL_BANDS; b++) sum += wave[c][b] * frame[f * PW_MEL_BANDS + b];
            (*out)[f * CEPSTRA + c] = sum;
        }
    return PWY_OK;
}

/* Mean and spread of coefficient c over frames from .. to-1. */
static void stretch(const real *x, int64_t from, int64_t to, int c, real *mean, real *spread)
{
    double sum = 0, square = 0, n = (double)(to - from);
    for (int64_t f = from; f < to; f++) sum += (double)x[f * CEPSTRA + c];
    sum /= n;
    for (int64_t f = from; f < to; f++) {
        double off = (double)x[f * CEPSTRA + c] - sum;
        square += off * off;
    }
    *mean = (real)sum;
    *spread = (real)sqrt(square / n);
}

/* The root of the mean squared change of coefficient c over two frames. */
static real change(const real *x, int64_t n, int c)
{
    double square = 0;
    for (int64_t f = 2; f < n; f++) {
        double step = (double)(x[f * CEPSTRA + c] - x[(f - 2) * CEPSTRA + c]);
        square += step * step;
    }
    return n > 2 ? (real)sqrt(square / (double)(n - 2)) : 0;
}

/* out (WIDE): means by stretch, spreads by stretch, spread and change over the clip, log of its length. */
static pwy_status wide_features(const real *frame, int64_t n, struct pw_arena *arena, real *out)
{
    real *x, mean, *whole = out + 2 * STRETCHES * CEPSTRA;
    PW_TRY(cepstra(frame, n, arena, &x));
    for (int c = 0; c < CEPSTRA; c++) {
        for (int64_t i = 0; i < STRETCHES; i++) {
            int64_t from = i * n / STRETCHES, to = (i + 1) * n / STRETCHES, at = i * CEPSTRA + c;
            stretch(x, from, to > from ? to : from + 1, c, &out[at], &out[STRETCHES * CEPSTRA + at]);
        }
        stretch(x, 0, n, c, &mean, &whole[c]);
        whole[CEPSTRA + c] = change(x, n, c);
    }
    out[WIDE - 1] = (real)log((double)n);
    return PWY_OK;
}

/* --- fit: the window, and the wide features' means and spreads --- */

static pwy_status look(const struct audio *a, const struct pw_fit *fit, int64_t take, struct pw_arena *arena,
                       double *seconds, struct pw_moments *m)
{
    for (int64_t j = 0; j < take; j++) {
        const struct pw_value *v;
        real *frame, feature[WIDE];
        int64_t n;
        PW_TRY(pw_fit_value(fit, take, j, PW_VALUE_AUDIO, &v));
        if (v == NULL || pw_mel_check(v) != PWY_OK) continue;
        pw_arena_reset(arena);
        PW_TRY(pw_mel_frames(a->mel, v, arena, &frame, &n));
        normalise(frame, n * PW_MEL_BANDS);
        PW_TRY(wide_features(frame, n, arena, feature));
        seconds[m->rows] = pw_mel_seconds(v);
        pw_moments_add(m, feature);
    }
    return m->rows > 0 ? PWY_OK : pw_fail(PWY_E_DATA, "no training row has a sound");
}

/* One second where half the clips are about that or shorter, else what nine of ten fit in, four at most. */
static double window_seconds(const struct audio *a, double *seconds, int64_t n)
{
    if (a->seconds > 0) return a->seconds;
    pw_sort(seconds, n);
    if (seconds[n / 2] <= 1.1) return 1;
    double most = seconds[(n - 1) * 9 / 10];
    return most > 4 ? 4 : most;
}

static void set_window(struct audio *a, double seconds)
{
    a->tokens = (int)(seconds * tokens_a_second);
    if (a->tokens < 1) a->tokens = 1;
}

static pwy_status fit_into(struct pw_sense *s, const struct pw_fit *fit, struct pw_arena *arena, double *seconds,
                           struct pw_moments *m)
{
    struct audio *a = s->state;
    PW_TRY(look(a, fit, fit->n_train < LOOK ? fit->n_train : LOOK, arena, seconds, m));
    set_window(a, window_seconds(a, seconds, m->rows));
    s->input = a->tokens / tokens_a_second;
    PW_TRY(declare_constants(s));
    pw_moments_write(m, a->stats->w);
    return PWY_OK;
}

static pwy_status audio_fit(struct pw_sense *s, const struct pw_fit *fit)
{
    struct pw_moments m = {0};
    double *seconds = pw_calloc(LOOK, sizeof *seconds);
    struct pw_arena *arena = pw_arena_new();
    pwy_status status = seconds != NULL && arena != NULL ? pw_moments_open(&m, WIDE) : PWY_E_NOMEM;
    if (status == PWY_OK) status = fit_into(s, fit, arena, seconds, &m);
    pw_moments_close(&m);
    if (arena != NULL) pw_arena_free(arena);
    free(seconds);
    return status;
}

static pwy_status audio_save(const struct pw_sense *s, struct pw_node *into)
{
    return pw_fitted_put(into, "tokens", ((const struct audio *)s->state)->tokens);
}

static pwy_status audio_load(struct pw_sense *s, const struct pw_node *from)
{
    double tokens;
    PW_TRY(pw_fitted_get(from, "audio", "tokens", 1, LONGEST * tokens_a_second, &tokens));
    ((struct audio *)s->state)->tokens = (int)tokens;
    return PWY_OK;
}

/* --- one sound --- */

/* Lays n frames into the window: in its middle, or anywhere when augmenting; of a longer clip a part the same way. */
static pwy_status lay(const struct audio *a, const real *frame, int64_t n, struct pw_rng *augment,
                      struct pw_arena *arena,
                      struct pw_encoded *e)
{
    int64_t window = (int64_t)a->tokens * FRAMES, room = window > n ? window - n : n - window;
    int64_t at = augment != NULL ? (int64_t)pw_rng_below(augment, (uint64_t)room + 1) : room / 2;
    int64_t len = n < window ? n : window;
    e->n_reals = window * PW_MEL_BANDS;
    PW_NEED(e->reals = pw_arena_zero(arena, (size_t)e->n_reals, sizeof(real)));
    memcpy(e->reals + (window > n ? at : 0) * PW_MEL_BANDS, frame + (window > n ? 0 : at) * PW_MEL_BANDS,
           (size_t)(len * PW_MEL_BANDS) * sizeof(real));
    return PWY_OK;
}

static pwy_status encode_wide(const struct audio *a, const real *frame, int64_t n, struct pw_arena *arena,
                              struct pw_encoded *e)
{
    real feature[WIDE];
    PW_TRY(wide_features(frame, n, arena, feature));
    pw_standardise(a->stats->w, WIDE, 5, feature);
    return pw_wide_all(arena, WIDE, feature, 1 / pw_sqrt((real)WIDE), e);
}

static pwy_status audio_encode(const struct pw_sense *s, const struct pw_value *value, struct pw_rng *augment,
                               struct pw_arena *arena, struct pw_encoded *out)
{
    const struct audio *a = s->state;
    struct pw_encoded e = {.n_tokens = a->tokens};
    real *frame;
    int64_t n;
    PW_TRY(pw_mel_check(value));
    PW_TRY(pw_mel_frames(a->mel, value, arena, &frame, &n));
    normalise(frame, n * PW_MEL_BANDS);
    PW_TRY(lay(a, frame, n, augment, arena, &e));
    if (s->wide_rows > 0) PW_TRY(encode_wide(a, frame, n, arena, &e));
    *out = e;
    return PWY_OK;
}

/* --- many sounds --- */

struct audio_keep { real *in; int32_t *place; struct pw_project_keep project; };    /* (n tokens, INPUTS), (n tokens) */

static pwy_status audio_forward(const struct pw_sense *s, struct pw_exec *x, int n, const struct pw_encoded *const *in,
                                real *rows, real *wide, void **keep)
{
    const struct audio *a = s->state;
    size_t size = (size_t)a->tokens * INPUTS;
    int tokens = n * a->tokens;
    struct audio_keep *k;
    (void)wide;
    PW_NEED(k = pw_arena_zero(x->arena, 1, sizeof *k));
    PW_NEED(k->in = pw_arena_take(x->arena, (size_t)n * size + 1, sizeof(real)));
    PW_NEED(k->place = pw_arena_take(x->arena, (size_t)tokens + 1, sizeof *k->place));
    for (int i = 0; i < n; i++) memcpy(k->in + (size_t)i * size, in[i]->reals, size * sizeof(real));
    for (int i = 0; i < tokens; i++) k->place[i] = i % a->tokens;
    PW_TRY(pw_project_rows(x, &a->patch, tokens, k->in, rows, &k->project));
    pw_position_add(x, a->place, tokens, k->place, rows);
    if (keep != NULL) *keep = k;
    return PWY_OK;
}

static pwy_status audio_backward(const struct pw_sense *s, struct pw_exec *x, int n, const struct pw_encoded *const *in,
                                 void *keep, const real *drows, const real *dwide)
{
    struct audio *a = s->state;
    const struct audio_keep *k = keep;
    (void)in;
    (void)dwide;
    pw_position_back(x, a->place, n * a->tokens, k->place, drows);
    return pw_project_back(x, &a->patch, n * a->tokens, k->in, &k->project, drows, NULL);
}

const struct pw_sense_ops pw_sense_audio = {
    .name = "audio", .takes = PW_VALUE_AUDIO, .settings = audio_settings, .sign = &pw_sign_audio,
    .input = {"seconds", .1, false}, .open = audio_open, .fit = audio_fit, .save = audio_save,
    .load = audio_load, .declare = audio_declare, .encode = audio_encode, .forward = audio_forward,
    .backward = audio_backward, .close = audio_close};

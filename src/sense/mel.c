/* Log-mel frames: resampling by a windowed sinc, Hann windows, FFT (kissfft, float), triangular filters. */
#include "sense/mel.h"
#include <kissfft/kiss_fft.h>
#include <stdlib.h>
#include <string.h>

enum { CROSSINGS = 8, STEPS = 64, TABLE = CROSSINGS * STEPS + 2, BINS = PW_MEL_WINDOW / 2 + 1 };

struct pw_mel {
    kiss_fft_cfg fft;                           /* read only while it runs */
    float window[PW_MEL_WINDOW];
    float filter[PW_MEL_BANDS][BINS];
    int from[PW_MEL_BANDS], to[PW_MEL_BANDS];   /* where a filter is not zero */
    double sinc[TABLE];                         /* one side of the interpolation kernel, STEPS a crossing */
};

static const double pi = 3.14159265358979323846;

static double mel_of(double hertz)
{
    return 2595 * log10(1 + hertz / 700);
}

static void make_filter(struct pw_mel *m, int band, double low, double step)
{
    m->from[band] = BINS;
    for (int i = 0; i < BINS; i++) {
        double at = (mel_of((double)i * PW_MEL_RATE / PW_MEL_WINDOW) - low) / step - band;
        double height = at < 1 ? at : 2 - at;
        m->filter[band][i] = height > 0 ? (float)height : 0;
        if (height <= 0) continue;
        if (i < m->from[band]) m->from[band] = i;
        m->to[band] = i + 1;
    }
}

static void make_tables(struct pw_mel *m)
{
    double low = mel_of(60), step = (mel_of(PW_MEL_RATE / 2) - low) / (PW_MEL_BANDS + 1);
    for (int i = 0; i < PW_MEL_WINDOW; i++) m->window[i] = (float)(.5 - .5 * cos(2 * pi * i / PW_MEL_WINDOW));
    for (int b = 0; b < PW_MEL_BANDS; b++) make_filter(m, b, low, step);
    for (int i = 0; i < TABLE; i++) {
        double x = (double)i / STEPS, fade = .5 + .5 * cos(pi * x / CROSSINGS);
        m->sinc[i] = i == 0 ? 1 : x >= CROSSINGS ? 0 : sin(pi * x) / (pi * x) * fade;
    }
}

pwy_status pw_mel_new(struct pw_mel **out)
{
    struct pw_mel *m = pw_calloc(1, sizeof *m);
    PW_NEED(m);
    m->fft = kiss_fft_alloc(PW_MEL_WINDOW, 0, NULL, NULL);
    if (m->fft == NULL) {
        free(m);
        return pw_fail_nomem(PW_MEL_WINDOW * sizeof(kiss_fft_cpx));
    }
    make_tables(m);
    *out = m;
    return PWY_OK;
}

void pw_mel_free(struct pw_mel *m)
{
    if (m != NULL) kiss_fft_free(m->fft);
    free(m);
}

pwy_status pw_mel_check(const struct pw_value *sound)
{
    int64_t n = sound->steps * sound->channels;
    if (sound->steps <= 0 || sound->channels <= 0 || sound->samples == NULL)
        return pw_fail(PWY_E_DATA, "sound is empty; at least one sample would be right");
    if (!(sound->rate >= 100 && sound->rate <= 400000))
        return pw_fail(PWY_E_DATA, "sound has a rate of %g Hz; 100 to 400000 would be right", sound->rate);
    for (int64_t i = 0; i < n; i++)
        if (!isfinite(sound->samples[i]))
            return pw_fail(PWY_E_DATA, "sound is %g at sample %lld; -1 to 1 would be right", (double)sound->samples[i],
                           (long long)(i / sound->channels));
    return PWY_OK;
}

/* The steps that are heard: at most PW_MEL_SECONDS, from the middle. */
static int64_t heard(const struct pw_value *sound, int64_t *first)
{
    int64_t most = (int64_t)(sound->rate * PW_MEL_SECONDS);
    int64_t n = sound->steps < most ? sound->steps : most;
    *first = (sound->steps - n) / 2;
    return n;
}

double pw_mel_seconds(const struct pw_value *sound)
{
    int64_t first;
    return (double)heard(sound, &first) / sound->rate;
}

static double mono(const struct pw_value *sound, int64_t step)
{
    double sum = 0;
    for (int64_t c = 0; c < sound->channels; c++) sum += (double)sound->samples[step * sound->channels + c];
    return sum / (double)sound->channels;
}

/* The sound at time `at` (in its own steps), low-passed to `wide` times fewer a second. */
static float resampled(const struct pw_mel *m, const double *in, int64_t n, double at, double wide)
{
    int64_t from = (int64_t)ceil(at - CROSSINGS * wide), to = (int64_t)floor(at + CROSSINGS * wide);
    double sum = 0, weight = 0;
    for (int64_t i = from < 0 ? 0 : from; i <= to && i < n; i++) {
        double x = fabs((double)i - at) / wide * STEPS;
        int low = (int)x < TABLE - 2 ? (int)x : TABLE - 2;
        double w = m->sinc[low] + (x - low) * (m->sinc[low + 1] - m->sinc[low]);
        sum += w * in[i];
        weight += w;
    }
    return weight > .1 ? (float)(sum / weight) : 0;
}

/* The heard part as mono samples at PW_MEL_RATE. */
static pwy_status to_rate(const struct pw_mel *m, const struct pw_value *sound, struct pw_arena *arena, float **out,
                          int64_t *n)
{
    int64_t first, steps = heard(sound, &first);
    double ratio = sound->rate / PW_MEL_RATE, *in;
    bool same = ratio == 1;
    *n = same ? steps : (int64_t)ceil((double)steps / ratio);
    PW_NEED(in = pw_arena_take(arena, (size_t)steps, sizeof *in));
    PW_NEED(*out = pw_arena_take(arena, (size_t)*n, sizeof **out));
    for (int64_t i = 0; i < steps; i++) in[i] = mono(sound, first + i);
    for (int64_t i = 0; i < *n; i++)
        (*out)[i] = same ? (float)in[i] : resampled(m, in, steps, (double)i * ratio, ratio > 1 ? ratio : 1);
    return PWY_OK;
}

/* Frame f's windowed samples, centred on the middle of its hop; silence outside the sound. */
static float windowed(const struct pw_mel *m, const float *in, int64_t n, int64_t f, int i)
{
    int64_t at = f * PW_MEL_HOP + PW_MEL_HOP / 2 - PW_MEL_WINDOW / 2 + i;
    return at < 0 || at >= n ? 0 : in[at] * m->window[i];
}

static void bands(const struct pw_mel *m, const float *power, real *out)
{
    for (int b = 0; b < PW_MEL_BANDS; b++) {
        double sum = 0;
        for (int i = m->from[b]; i < m->to[b]; i++) sum += (double)(m->filter[b][i] * power[i]);
        out[b] = (real)log(sum + 1e-6);
    }
}

/* Frames f and f + 1 by one complex transform: one is its real part, the other its imaginary one. second NULL: f
   alone. */
static void two_frames(const struct pw_mel *m, const float *in, int64_t n, int64_t f, real *first, real *second)
{
    kiss_fft_cpx wave[PW_MEL_WINDOW], out[PW_MEL_WINDOW];
    float power[2][BINS];
    for (int i = 0; i < PW_MEL_WINDOW; i++)
        wave[i] = (kiss_fft_cpx){windowed(m, in, n, f, i), windowed(m, in, n, f + 1, i)};
    kiss_fft(m->fft, wave, out);
    for (int i = 0; i < BINS; i++) {
        kiss_fft_cpx a = out[i], b = out[(PW_MEL_WINDOW - i) % PW_MEL_WINDOW];
        float re = a.r + b.r, im = a.i - b.i, re2 = a.i + b.i, im2 = b.r - a.r;
        power[0][i] = (re * re + im * im) / 4;
        power[1][i] = (re2 * re2 + im2 * im2) / 4;
    }
    bands(m, power[0], first);
    if (second != NULL) bands(m, power[1], second);
}

pwy_status pw_mel_frames(const struct pw_mel *m, const struct pw_value *sound, struct pw_arena *arena, real **frame,
                         int64_t *n_frames)
{
    float *in;
    int64_t n, frames;
    PW_TRY(to_rate(m, sound, arena, &in, &n));
    frames = (n + PW_MEL_HOP - 1) / PW_MEL_HOP;
    PW_NEED(*frame = pw_arena_take(arena, (size_t)frames * PW_MEL_BANDS, sizeof(real)));
    for (int64_t f = 0; f < frames; f += 2) {
        real *first = *frame + f * PW_MEL_BANDS;
        two_frames(m, in, n, f, first, f + 1 < frames ? first + PW_MEL_BANDS : NULL);
    }
    *n_frames = frames;
    return PWY_OK;
}

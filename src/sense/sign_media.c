/* Signatures of pictures and sounds: size, light and colour, edges; length, level and bands. */
#include "sense/mel.h"
#include "sense/picture.h"
#include "sense/sign.h"
#include <string.h>

enum { GRID = 4, LEVELS = 8, TURNS = 8, SEEN = 256 };  /* SEEN: pixels a side at most, others are stepped over */
enum { IMAGE_NUMBERS = 3 + GRID * GRID + 7 + 3 + TURNS + 1 + LEVELS };

/* --- pictures --- */

/* grey (h, w) in 0..1, and sums over the pixels of what else is asked of them */
struct light {
    int64_t h, w;
    double *grey;
    double spread_sum, spread_square, red, blue;       /* spread: largest less smallest of the three colours */
    int64_t black, white, level[LEVELS];
};

/* Channel c of the pixel at p over white, 0..1. */
static double shade(const uint8_t *p, int64_t channels, int c)
{
    double colour = channels < 3 ? p[0] : p[c], alpha = channels % 2 == 0 ? p[channels - 1] : 255;
    return (colour * alpha + 255 * (255 - alpha)) / (255. * 255);
}

static void add_pixel(struct light *l, const uint8_t *p, int64_t channels, double *grey)
{
    double r = shade(p, channels, 0), g = shade(p, channels, 1), b = shade(p, channels, 2);
    double high = r > g ? r : g, low = r < g ? r : g;
    high = b > high ? b : high;
    low = b < low ? b : low;
    *grey = (r + g + b) / 3;
    l->spread_sum += high - low;
    l->spread_square += (high - low) * (high - low);
    l->red += r - *grey;
    l->blue += b - *grey;
    l->black += *grey <= 0;
    l->white += *grey >= 254. / 255;
    int level = (int)(*grey * LEVELS);
    l->level[level < LEVELS ? level : LEVELS - 1]++;
}

static pwy_status see(const struct pw_value *v, struct pw_arena *arena, struct light *l)
{
    int64_t longer = v->height > v->width ? v->height : v->width, step = (longer + SEEN - 1) / SEEN;
    l->h = (v->height + step - 1) / step;
    l->w = (v->width + step - 1) / step;
    PW_NEED(l->grey = pw_arena_take(arena, (size_t)(l->h * l->w), sizeof *l->grey));
    for (int64_t y = 0; y < l->h; y++)
        for (int64_t x = 0; x < l->w; x++)
            add_pixel(l, v->pixels + (y * step * v->width + x * step) * v->channels, v->channels,
                      &l->grey[y * l->w + x]);
    return PWY_OK;
}

/* The mean light of cell (i, j) of a GRID by GRID division; every cell has a pixel. */
static double cell(const struct light *l, int64_t i, int64_t j)
{
    int64_t top = i * l->h / GRID, left = j * l->w / GRID;
    int64_t down = (i + 1) * l->h / GRID, right = (j + 1) * l->w / GRID;
    double sum = 0;
    if (down <= top) down = top + 1;
    if (right <= left) right = left + 1;
    for (int64_t y = top; y < down; y++)
        for (int64_t x = left; x < right; x++) sum += l->grey[y * l->w + x];
    return sum / (double)((down - top) * (right - left));
}

static double spread_of(double sum, double square, double n)
{
    double variance = square / n - sum / n * (sum / n);
    return sqrt(variance > 0 ? variance : 0);
}

static void light_numbers(const struct light *l, struct pw_signature *s)
{
    double n = (double)(l->h * l->w), sum = 0, square = 0;
    for (int64_t i = 0; i < l->h * l->w; i++) {
        sum += l->grey[i];
        square += l->grey[i] * l->grey[i];
    }
    for (int i = 0; i < GRID * GRID; i++) pw_sign_number(s, cell(l, i / GRID, i % GRID));
    pw_sign_number(s, spread_of(sum, square, n));
    pw_sign_share(s, l->black, l->h * l->w);
    pw_sign_share(s, l->white, l->h * l->w);
    pw_sign_number(s, l->spread_sum / n);
    pw_sign_number(s, spread_of(l->spread_sum, l->spread_square, n));
    pw_sign_number(s, l->red / n);
    pw_sign_number(s, l->blue / n);
    for (int i = 0; i < LEVELS; i++) pw_sign_share(s, l->level[i], l->h * l->w);
}

/* One of TURNS directions of an edge, opposite ones alike; by comparing, so that every machine finds the same. */
static int turn(double gx, double gy)
{
    double x = gy < 0 ? -gx : gx, across = fabs(gx), down = fabs(gy);
    int octant = down < .41421356237309503 * across ? 0 : down < across ? 1
        : down < 2.4142135623730949 * across ? 2 : 3;
    return x < 0 ? TURNS - 1 - octant : octant;
}

struct edges { double sum, square, bend, by_turn[TURNS]; int64_t flat, bends; };

static void add_edge(const struct light *l, int64_t y, int64_t x, struct edges *e)
{
    const double *g = l->grey + y * l->w + x;
    double gx = x + 1 < l->w ? g[1] - g[0] : 0, gy = y + 1 < l->h ? g[l->w] - g[0] : 0;
    double size = sqrt(gx * gx + gy * gy);
    e->sum += size;
    e->square += size * size;
    e->flat += size < .02;
    e->by_turn[turn(gx, gy)] += size;
    if (y == 0 || x == 0 || y + 1 == l->h || x + 1 == l->w) return;
    e->bend += fabs(4 * g[0] - g[1] - g[-1] - g[l->w] - g[-l->w]);
    e->bends++;
}

static void edge_numbers(const struct light *l, struct pw_signature *s)
{
    struct edges e = {0};
    double n = (double)(l->h * l->w);
    for (int64_t y = 0; y < l->h; y++)
        for (int64_t x = 0; x < l->w; x++) add_edge(l, y, x, &e);
    pw_sign_number(s, log(e.sum / n + 1e-3));
    pw_sign_share(s, e.flat, l->h * l->w);
    pw_sign_number(s, log(spread_of(e.sum, e.square, n) + 1e-3));
    for (int i = 0; i < TURNS; i++) pw_sign_number(s, sqrt(e.by_turn[i] / (e.sum + 1e-6)));
    pw_sign_number(s, log((e.bends > 0 ? e.bend / (double)e.bends : 0) + 1e-3));
}

static pwy_status describe_image(const struct pw_value *value, struct pw_signature *out)
{
    struct light l = {0};
    PW_TRY(pw_picture_check(value));
    PW_TRY(see(value, out->arena, &l));
    pw_sign_number(out, log((double)value->height));
    pw_sign_number(out, log((double)value->width));
    pw_sign_number(out, value->channels >= 3);
    light_numbers(&l, out);
    edge_numbers(&l, out);
    return PWY_OK;
}

const struct pw_sign_ops pw_sign_image = {.n_dense = IMAGE_NUMBERS, .describe = describe_image};

/* --- sounds --- */

enum { BANDS = 20, PER_BAND = PW_MEL_BANDS / BANDS, AUDIO_NUMBERS = 3 * BANDS + 4 };

static double band_at(const real *frame, int64_t f, int band)
{
    double sum = 0;
    for (int i = 0; i < PER_BAND; i++) sum += (double)frame[f * PW_MEL_BANDS + band * PER_BAND + i];
    return sum / PER_BAND;
}

/* Mean, spread and change from frame to frame of one band's log energy. */
static void band_numbers(const real *frame, int64_t n, int band, struct pw_signature *s)
{
    double sum = 0, square = 0, change = 0, last = 0;
    for (int64_t f = 0; f < n; f++) {
        double x = band_at(frame, f, band);
        sum += x;
        square += x * x;
        if (f > 0) change += (x - last) * (x - last);
        last = x;
    }
    pw_sign_number(s, sum / (double)n);
    pw_sign_number(s, spread_of(sum, square, (double)n));
    pw_sign_number(s, n > 1 ? sqrt(change / (double)(n - 1)) : 0);
}

static void wave_numbers(const struct pw_value *v, struct pw_signature *s)
{
    double peak = 0;
    int64_t crossings = 0;
    for (int64_t t = 0; t < v->steps; t++) {
        double x = (double)v->samples[t * v->channels];
        peak = fabs(x) > peak ? fabs(x) : peak;
        crossings += t > 0 && (x < 0) != (v->samples[(t - 1) * v->channels] < 0);
    }
    pw_sign_number(s, log(pw_mel_seconds(v) + 1e-3));
    pw_sign_number(s, log(v->rate));
    pw_sign_number(s, log(peak + 1e-4));
    pw_sign_number(s, log((double)crossings / (double)v->steps + 1e-3));
}

static pwy_status describe_audio(const struct pw_value *value, struct pw_signature *out)
{
    struct pw_mel *mel;
    real *frame;
    int64_t n;
    PW_TRY(pw_mel_check(value));
    PW_TRY(pw_mel_new(&mel));
    pwy_status status = pw_mel_frames(mel, value, out->arena, &frame, &n);
    pw_mel_free(mel);
    PW_TRY(status);
    if (n <= 0) return pw_fail(PWY_E_DATA, "sound is too short to be heard");
    for (int b = 0; b < BANDS; b++) band_numbers(frame, n, b, out);
    wave_numbers(value, out);
    return PWY_OK;
}

const struct pw_sign_ops pw_sign_audio = {.n_dense = AUDIO_NUMBERS, .describe = describe_audio};

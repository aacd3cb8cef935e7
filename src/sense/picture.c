/* Drawing a picture into a box of fixed size. Area averaging in whole numbers, so every machine draws the same bits. */
#include "sense/picture.h"

pwy_status pw_picture_check(const struct pw_value *value)
{
    if (value->height <= 0 || value->width <= 0 || value->pixels == NULL)
        return pw_fail(PWY_E_DATA, "picture is %lld by %lld; at least 1 by 1 would be right", (long long)value->width,
                       (long long)value->height);
    if (value->channels < 1 || value->channels > 4)
        return pw_fail(PWY_E_DATA, "picture has %lld channels; 1 to 4 would be right", (long long)value->channels);
    return PWY_OK;
}

static int64_t scaled(int64_t length, int64_t to, int64_t from)
{
    int64_t n = (int64_t)floor((double)length * (double)to / (double)from + .5);
    return n < 1 ? 1 : n;
}

void pw_picture_size(int64_t height, int64_t width, int64_t side, int64_t *out_height, int64_t *out_width)
{
    int64_t longer = height > width ? height : width;
    int64_t want = longer > side ? side : longer < PW_PICTURE_MIN ? PW_PICTURE_MIN : longer;
    *out_height = scaled(height, want, longer);
    *out_width = scaled(width, want, longer);
}

/* Channel c of pixel i over white, times 255. */
static int64_t shade(const struct pw_value *v, int64_t i, int c)
{
    const uint8_t *p = v->pixels + i * v->channels;
    int64_t colour = v->channels < 3 ? p[0] : p[c];
    int64_t alpha = v->channels % 2 == 0 ? p[v->channels - 1] : 255;
    return colour * alpha + 255 * (255 - alpha);
}

/* How much of source pixel s lies in the interval [from, to), in units of 1/n of a source pixel. */
static int64_t overlap(int64_t s, int64_t n, int64_t from, int64_t to)
{
    int64_t a = s * n > from ? s * n : from, b = (s + 1) * n < to ? (s + 1) * n : to;
    return b - a;
}

/* The mean of channel c over the part of the picture that pixel (y, x) of a picture (h, w) covers. */
static real area(const struct pw_value *v, int64_t h, int64_t w, int64_t y, int64_t x, int c)
{
    int64_t top = y * v->height, left = x * v->width, total = 0;
    for (int64_t r = top / h; r * h < top + v->height; r++) {
        int64_t line = 0;
        for (int64_t s = left / w; s * w < left + v->width; s++)
            line += shade(v, r * v->width + s, c) * overlap(s, w, left, left + v->width);
        total += line * overlap(r, h, top, top + v->height);
    }
    return (real)((double)total / ((double)v->height * (double)v->width * 255 * 127.5) - 1);
}

/* The largest size of the picture's shape within the box. */
static void fit_box(const struct pw_value *v, int64_t height, int64_t width, int64_t *h, int64_t *w)
{
    bool tall = v->height * width > v->width * height;
    *h = tall ? height : scaled(v->height, width, v->width);
    *w = tall ? scaled(v->width, height, v->height) : width;
    if (*h > height) *h = height;
    if (*w > width) *w = width;
}

void pw_picture_draw(const struct pw_value *value, int64_t height, int64_t width, real *out)
{
    int64_t h, w;
    fit_box(value, height, width, &h, &w);
    int64_t top = (height - h) / 2, left = (width - w) / 2;
    for (int64_t i = 0; i < height * width * 3; i++)
        out[i] = value->channels % 2 == 0 ? 1 : 0;
    for (int64_t y = 0; y < h; y++)
        for (int64_t x = 0; x < w; x++)
            for (int c = 0; c < 3; c++)
                out[((top + y) * width + left + x) * 3 + c] = area(value, h, w, y, x, c);
}

static int64_t within(int64_t i, int64_t n)
{
    return i < 0 ? 0 : i >= n ? n - 1 : i;
}

void pw_picture_move(struct pw_rng *rng, bool flip, int64_t height, int64_t width, const real *in, real *out)
{
    int64_t dy = (int64_t)pw_rng_below(rng, 5) - 2, dx = (int64_t)pw_rng_below(rng, 5) - 2;
    bool mirror = flip && pw_rng_below(rng, 2) == 1;
    for (int64_t y = 0; y < height; y++)
        for (int64_t x = 0; x < width; x++) {
            int64_t from = within((mirror ? width - 1 - x : x) + dx, width);
            const real *p = in + (within(y + dy, height) * width + from) * 3;
            for (int c = 0; c < 3; c++) out[(y * width + x) * 3 + c] = p[c];
        }
}

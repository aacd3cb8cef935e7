/* PGM and PPM pictures: P2, P3 (text), P5, P6 (bytes), of 8 and 16 bit. */
#include "data/read.h"

#include <stdlib.h>
#include <string.h>

struct pnm { const char *name; const unsigned char *at, *end; int64_t width, height, max; int channels; bool text; };

bool pw_is_pnm(const void *data, int64_t len)
{
    const char *p = data;
    return len >= 3 && p[0] == 'P' && strchr("2356", p[1]) && p[1] && strchr(" \t\r\n#", p[2]) && p[2];
}

static bool is_space(unsigned char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static void skip_space(struct pnm *p)
{
    while (p->at < p->end && (is_space(*p->at) || *p->at == '#')) {
        if (*p->at == '#')
            while (p->at < p->end && *p->at != '\n')
                p->at++;
        else
            p->at++;
    }
}

static pwy_status number(struct pnm *p, const char *what, int64_t max, int64_t *out)
{
    skip_space(p);
    const unsigned char *from = p->at;
    int64_t value = 0;
    while (p->at < p->end && *p->at >= '0' && *p->at <= '9' && value <= max)
        value = value * 10 + (*p->at++ - '0');
    if (p->at == from)
        return pw_fail(PWY_E_FORMAT, "'%s': the PNM picture %s", p->name, p->at == p->end ? "is cut short"
                       : "has no number where one should be");
    if (value > max)
        return pw_fail(PWY_E_FORMAT, "'%s': the PNM picture's %s is over %lld", p->name, what, (long long)max);
    *out = value;
    return PWY_OK;
}

static pwy_status header(struct pnm *p)
{
    p->channels = p->at[1] == '3' || p->at[1] == '6' ? 3 : 1;
    p->text = p->at[1] == '2' || p->at[1] == '3';
    p->at += 2;
    PW_TRY(number(p, "width", PW_MAX_PIXELS, &p->width));
    PW_TRY(number(p, "height", PW_MAX_PIXELS, &p->height));
    PW_TRY(number(p, "highest value", 65535, &p->max));
    if (p->width == 0 || p->height == 0)
        return pw_fail(PWY_E_DATA, "'%s': a picture of %lld by %lld", p->name, (long long)p->width,
                       (long long)p->height);
    if (p->width * p->height > PW_MAX_PIXELS)
        return pw_fail(PWY_E_DATA, "'%s': %lld by %lld is more than 64 Mpixel", p->name, (long long)p->width,
                       (long long)p->height);
    if (p->max == 0)
        return pw_fail(PWY_E_FORMAT, "'%s': the PNM picture's highest value is 0", p->name);
    if (p->at < p->end && !p->text)
        p->at++;                            /* the one space before the bytes */
    return PWY_OK;
}

static uint8_t scale(const struct pnm *p, int64_t value)
{
    value = value > p->max ? p->max : value;
    return (uint8_t)((value * 255 + p->max / 2) / p->max);
}

static pwy_status text_pixels(struct pnm *p, int64_t n, uint8_t *out)
{
    for (int64_t i = 0; i < n; i++) {
        int64_t value;
        PW_TRY(number(p, "value", p->max, &value));
        out[i] = scale(p, value);
    }
    return PWY_OK;
}

static pwy_status byte_pixels(struct pnm *p, int64_t n, uint8_t *out)
{
    int64_t width = p->max > 255 ? 2 : 1;
    if (p->end - p->at < n * width)
        return pw_fail(PWY_E_FORMAT, "'%s' is cut short: %lld bytes of pixels expected, %lld found", p->name,
                       (long long)(n * width),
                       (long long)(p->end - p->at));
    for (int64_t i = 0; i < n; i++)
        out[i] = scale(p, width == 2 ? p->at[2 * i] << 8 | p->at[2 * i + 1] : p->at[i]);
    return PWY_OK;
}

pwy_status pw_read_pnm(const char *name, const void *data, int64_t len, pwy_example *ex, const char *part)
{
    struct pnm p = {.name = name, .at = data, .end = (const unsigned char *)data + len};
    PW_TRY(header(&p));
    int64_t n = p.width * p.height * p.channels;
    if (p.end - p.at < n)                   /* a value takes a byte at least: no memory for what cannot be there */
        return pw_fail(PWY_E_FORMAT, "'%s' is cut short: %lld values expected, %lld bytes found", name, (long long)n,
                       (long long)(p.end - p.at));
    uint8_t *pixels = pw_arena_take(ex->arena, (size_t)n, 1);
    PW_NEED(pixels);
    PW_TRY(p.text ? text_pixels(&p, n, pixels) : byte_pixels(&p, n, pixels));
    struct pw_value *value = pw_example_part(ex, part);
    PW_NEED(value);
    return pw_value_set_image(ex, value, pixels, p.height, p.width, p.channels);
}

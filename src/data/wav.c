/* WAV sounds: PCM of 8, 16, 24 and 32 bit, float of 32 and 64 bit, any number of channels. */
#include "data/read.h"

#include <string.h>

enum { PCM = 1, FLOAT = 3, EXTENSIBLE = 0xfffe };

struct wav { const char *name; int format, channels, bits; uint32_t rate; const unsigned char *data; int64_t len; };

static uint32_t get_u16(const unsigned char *p)
{
    return (uint32_t)p[0] | (uint32_t)p[1] << 8;
}

static uint32_t get_u32(const unsigned char *p)
{
    return get_u16(p) | get_u16(p + 2) << 16;
}

bool pw_is_wav(const void *data, int64_t len)
{
    return len >= 12 && memcmp(data, "RIFF", 4) == 0 && memcmp((const char *)data + 8, "WAVE", 4) == 0;
}

static pwy_status read_format(struct wav *w, const unsigned char *p, int64_t len)
{
    if (len < 16)
        return pw_fail(PWY_E_FORMAT, "'%s': the WAV format chunk has %lld bytes, 16 or more expected", w->name,
                       (long long)len);
    w->format = (int)get_u16(p);
    w->channels = (int)get_u16(p + 2);
    w->rate = get_u32(p + 4);
    w->bits = (int)get_u16(p + 14);
    if (w->format == EXTENSIBLE && len >= 26)
        w->format = (int)get_u16(p + 24);
    bool pcm = w->format == PCM && (w->bits == 8 || w->bits == 16 || w->bits == 24 || w->bits == 32);
    if (!pcm && !(w->format == FLOAT && (w->bits == 32 || w->bits == 64)))
        return pw_fail(PWY_E_UNSUPPORTED,
                       "'%s': WAV format %d of %d bit; PCM of 8, 16, 24, 32 bit and float of 32, 64 bit are read",
                           w->name,
                       w->format, w->bits);
    if (w->channels == 0 || w->rate == 0)
        return pw_fail(PWY_E_FORMAT, "'%s': a WAV of %d channels at %u Hz", w->name, w->channels, w->rate);
    return PWY_OK;
}

/* A length of 2^32 - 1 is what a writer leaves that could not go back: all that follows. */
static pwy_status read_data(struct wav *w, const unsigned char *p, int64_t len, int64_t there)
{
    if (w->channels == 0)
        return pw_fail(PWY_E_FORMAT, "'%s': the WAV has data before its format chunk", w->name);
    if (len == UINT32_MAX)
        len = there;
    if (len > there)
        return pw_fail(PWY_E_FORMAT, "'%s' is cut short: %lld bytes of sound expected, %lld found", w->name,
                       (long long)len, (long long)there);
    w->data = p;
    w->len = len;
    return PWY_OK;
}

static pwy_status find_chunks(struct wav *w, const unsigned char *data, int64_t len)
{
    for (int64_t at = 12; w->data == NULL && at + 8 <= len; ) {
        const unsigned char *chunk = data + at;
        int64_t size = get_u32(chunk + 4), there = len - at - 8;
        if (memcmp(chunk, "fmt ", 4) == 0)
            PW_TRY(read_format(w, chunk + 8, size < there ? size : there));
        if (memcmp(chunk, "data", 4) == 0)
            PW_TRY(read_data(w, chunk + 8, size, there));
        at += 8 + size + (size & 1);        /* chunks begin at even places */
    }
    return w->data ? PWY_OK : pw_fail(PWY_E_FORMAT, "'%s': the WAV has no data chunk, or is cut short before it",
                                      w->name);
}

static float float_sample(const unsigned char *p, int bits)
{
    uint64_t wide = get_u32(p);
    uint32_t bits32 = (uint32_t)wide;
    float single;
    double number;
    memcpy(&single, &bits32, sizeof single);
    if (bits == 32)
        return single;
    wide |= (uint64_t)get_u32(p + 4) << 32;
    memcpy(&number, &wide, sizeof number);
    return (float)number;
}

static float sample(const struct wav *w, const unsigned char *p)
{
    if (w->format == FLOAT)
        return float_sample(p, w->bits);
    if (w->bits == 8)
        return (float)((*p - 128) / 128.0);
    if (w->bits == 16)
        return (float)((int16_t)get_u16(p) / 32768.0);
    uint32_t high = w->bits == 24 ? get_u16(p) << 8 | (uint32_t)p[2] << 24 : get_u32(p);
    return (float)((int32_t)high / 2147483648.0);
}

pwy_status pw_read_wav(const char *name, const void *data, int64_t len, pwy_example *ex, const char *part)
{
    struct wav w = {.name = name};
    PW_TRY(find_chunks(&w, data, len));
    int64_t width = w.bits / 8, steps = w.len / (width * w.channels), n = steps * w.channels;
    if (steps == 0)
        return pw_fail(PWY_E_DATA, "'%s' holds no sound", name);
    float *samples = pw_arena_take(ex->arena, (size_t)n, sizeof *samples);
    PW_NEED(samples);
    for (int64_t i = 0; i < n; i++)
        samples[i] = sample(&w, w.data + i * width);
    struct pw_value *value = pw_example_part(ex, part);
    PW_NEED(value);
    return pw_value_set_audio(ex, value, samples, steps, w.channels, w.rate);
}

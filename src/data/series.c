/* Series from text: numbers, dimensions between ':', JSON lists, rows of numbers. */
#include "data/read.h"

#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/num.h"

pwy_status pw_floats_add(struct pw_floats *f, float value)
{
    if (f->n == f->cap) {
        int64_t cap = f->cap ? f->cap * 2 : 256;
        float *data = pw_realloc(f->data, (size_t)cap, sizeof *data);
        PW_NEED(data);
        f->data = data;
        f->cap = cap;
    }
    f->data[f->n++] = value;
    return PWY_OK;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

static bool is_separator(char c)
{
    return c == ',' || c == ';';
}

static pwy_status read_number(const char *text, int64_t len, float *out)
{
    double number = NAN;
    bool missing = len == 0 || (len == 1 && *text == '?');
    if (!missing && (!pw_parse_double(text, (size_t)len, &number) || isinf(number)))
        return pw_fail(PWY_E_DATA, "'%.*s' is not a number", (int)(len < 40 ? len : 40), text);
    *out = (float)number;
    return PWY_OK;
}

pwy_status pw_floats_read(struct pw_floats *f, const char *text, const char *end)
{
    for (const char *at = text; ; ) {
        while (at < end && is_blank(*at))
            at++;
        if (at == end)
            return PWY_OK;
        const char *stop = at;
        while (stop < end && !is_blank(*stop) && !is_separator(*stop))
            stop++;
        float number = NAN;
        PW_TRY(read_number(at, stop - at, &number));
        PW_TRY(pw_floats_add(f, number));
        while (stop < end && is_blank(*stop))
            stop++;
        at = stop < end && is_separator(*stop) ? stop + 1 : stop;
    }
}

static pwy_status set_series(pwy_example *ex, const char *part, const float *samples, int64_t steps, int64_t channels)
{
    if (steps == 0 || channels == 0)
        return pw_fail(PWY_E_DATA, "the series has no number in it");
    struct pw_value *value = pw_example_part(ex, part);
    PW_NEED(value);
    return pw_value_set_series(ex, value, samples, steps, channels);
}

/* Channels one behind the other, from[c] where c begins, become (steps, channels). */
static pwy_status interleave(pwy_example *ex, const char *part, const struct pw_floats *f, const int64_t *from,
                             int64_t channels)
{
    int64_t steps = 0;
    for (int64_t c = 0; c < channels; c++)
        steps = from[c + 1] - from[c] > steps ? from[c + 1] - from[c] : steps;
    float *samples = pw_arena_take(ex->arena, (size_t)(steps * channels), sizeof *samples);
    PW_NEED(samples);
    for (int64_t s = 0; s < steps; s++)
        for (int64_t c = 0; c < channels; c++)
            samples[s * channels + c] = from[c] + s < from[c + 1] ? f->data[from[c] + s] : NAN;
    return set_series(ex, part, samples, steps, channels);
}

pwy_status pw_series_dims(pwy_example *ex, const char *part, const char *text, const char *end, int want_dims,
                          struct pw_floats *work)
{
    int64_t channels = 1;
    for (const char *at = text; at < end; at++)
        channels += *at == ':';
    if (want_dims > 0 && channels != want_dims)
        return pw_fail(PWY_E_DATA, "%lld dimensions where the header says %d", (long long)channels, want_dims);
    int64_t *from = pw_arena_take(ex->arena, (size_t)channels + 1, sizeof *from);
    PW_NEED(from);
    work->n = 0;
    for (int64_t c = 0; c < channels; c++) {
        const char *colon = memchr(text, ':', (size_t)(end - text));
        from[c] = work->n;
        PW_TRY(pw_floats_read(work, text, colon ? colon : end));
        text = colon ? colon + 1 : end;
    }
    from[channels] = work->n;
    return interleave(ex, part, work, from, channels);
}

static pwy_status json_number(const json_t *item, float *out)
{
    if (!json_is_number(item) && !json_is_null(item))
        return pw_fail(PWY_E_DATA, "a series is a list of time steps, each a number, null or a list of channels");
    *out = json_is_null(item) ? NAN : (float)json_number_value(item);
    return PWY_OK;
}

static pwy_status json_step(const json_t *step, int64_t channels, float *out)
{
    if (!json_is_array(step))
        return channels == 1 ? json_number(step, out)
            : pw_fail(PWY_E_DATA, "a time step of the series is no list, others are");
    if ((int64_t)json_array_size(step) != channels)
        return pw_fail(PWY_E_DATA, "a time step with %zu channels where the first has %lld", json_array_size(step),
                       (long long)channels);
    for (int64_t c = 0; c < channels; c++)
        PW_TRY(json_number(json_array_get(step, (size_t)c), &out[c]));
    return PWY_OK;
}

pwy_status pw_series_json(pwy_example *ex, const char *part, const json_t *list)
{
    if (!json_is_array(list) || json_array_size(list) == 0)
        return pw_fail(PWY_E_DATA, "a series is a list of time steps, one or more");
    int64_t steps = (int64_t)json_array_size(list);
    const json_t *first = json_array_get(list, 0);
    int64_t channels = json_is_array(first) ? (int64_t)json_array_size(first) : 1;
    float *samples = pw_arena_take(ex->arena, (size_t)(steps * channels), sizeof *samples);
    PW_NEED(samples);
    for (int64_t s = 0; s < steps; s++)
        PW_TRY(json_step(json_array_get(list, (size_t)s), channels, &samples[s * channels]));
    return set_series(ex, part, samples, steps, channels);
}

/* Lines of numbers into f; *channels is what each line has. A first line of words is a header. */
static pwy_status read_lines(struct pw_floats *f, const char *name, const char *at, const char *end, int64_t *steps,
                             int64_t *channels)
{
    for (long line = 1; at < end; line++) {
        const char *stop = pw_line_end(at, end);
        int64_t before = f->n;
        pwy_status status = pw_floats_read(f, at, pw_line_trim(at, stop));
        if (status == PWY_E_DATA && line == 1)
            f->n = before;
        else if (status != PWY_OK)
            return pw_bad_row(status, name, line, NULL);
        int64_t width = f->n - before;
        if (width > 0 && *steps > 0 && width != *channels)
            return pw_fail_at(PWY_E_DATA, name, line, "%lld numbers where the lines before have %lld",
                              (long long)width, (long long)*channels);
        *channels = width > 0 ? width : *channels;
        *steps += width > 0;
        at = stop < end ? stop + 1 : end;
    }
    return PWY_OK;
}

static pwy_status rows_of_numbers(struct pw_floats *f, pwy_example *ex, const char *part, const char *name,
                                  const char *text, int64_t len)
{
    int64_t steps = 0, channels = 0;
    PW_TRY(read_lines(f, name, text, text + len, &steps, &channels));
    if (steps == 1)                         /* one line alone is the steps of one channel */
        return set_series(ex, part, f->data, channels, 1);
    return set_series(ex, part, f->data, steps, channels);
}

pwy_status pw_series_text(pwy_example *ex, const char *part, const char *name, const char *text, int64_t len)
{
    if (len > 0 && (text[0] == '@' || text[0] == '#'))
        return pw_ts_first(ex, part, name, text, len);
    if (len > 0 && text[0] == '[') {
        json_t *list = json_loadb(text, (size_t)len, 0, NULL);
        pwy_status status = pw_series_json(ex, part, list);
        json_decref(list);
        return status;
    }
    struct pw_floats f = {0};
    pwy_status status = rows_of_numbers(&f, ex, part, name, text, len);
    free(f.data);
    return status;
}

#include "base/example_bytes.h"
#include <string.h>

/* --- to --- */

static pwy_status put_int(struct pw_buf *out, int64_t value)
{
    return pw_buf_add(out, (const char *)&value, sizeof value);
}

static pwy_status put_text(struct pw_buf *out, const char *text, int64_t len)
{
    PW_TRY(put_int(out, text == NULL ? -1 : len));
    return text == NULL ? PWY_OK : pw_buf_add(out, text, (size_t)len);
}

static pwy_status put_cells(struct pw_buf *out, const struct pw_value *v)
{
    PW_TRY(put_int(out, v->n_cells));
    for (int64_t i = 0; i < v->n_cells; i++) {
        const struct pw_cell *c = &v->cells[i];
        PW_TRY(put_text(out, c->column, (int64_t)strlen(c->column)));
        PW_TRY(put_int(out, c->is_number));
        PW_TRY(pw_buf_add(out, (const char *)&c->number, sizeof c->number));
        PW_TRY(put_text(out, c->text, c->text == NULL ? 0 : (int64_t)strlen(c->text)));
    }
    return PWY_OK;
}

static pwy_status put_pixels(struct pw_buf *out, const struct pw_value *v)
{
    PW_TRY(put_int(out, v->frames));
    PW_TRY(put_int(out, v->height));
    PW_TRY(put_int(out, v->width));
    PW_TRY(put_int(out, v->channels));
    int64_t n = (v->type == PW_VALUE_VIDEO ? v->frames : 1) * v->height * v->width * v->channels;
    return pw_buf_add(out, (const char *)v->pixels, (size_t)n);
}

static pwy_status put_samples(struct pw_buf *out, const struct pw_value *v)
{
    PW_TRY(put_int(out, v->steps));
    PW_TRY(put_int(out, v->channels));
    PW_TRY(pw_buf_add(out, (const char *)&v->rate, sizeof v->rate));
    return pw_buf_add(out, (const char *)v->samples, (size_t)(v->steps * v->channels) * sizeof *v->samples);
}

static pwy_status put_value(struct pw_buf *out, const struct pw_value *v)
{
    PW_TRY(put_int(out, v->type));
    switch (v->type) {
    case PW_VALUE_TEXT: case PW_VALUE_BYTES: return put_text(out, v->text, v->len);
    case PW_VALUE_IMAGE: case PW_VALUE_VIDEO: return put_pixels(out, v);
    case PW_VALUE_AUDIO: case PW_VALUE_SERIES: return put_samples(out, v);
    case PW_VALUE_ROW: return put_cells(out, v);
    default: return PWY_OK;
    }
}

pwy_status pw_example_write(const pwy_example *ex, struct pw_buf *out)
{
    PW_TRY(put_int(out, ex->n_parts));
    for (int i = 0; i < ex->n_parts; i++) {
        PW_TRY(put_text(out, ex->parts[i].name, (int64_t)strlen(ex->parts[i].name)));
        PW_TRY(put_value(out, &ex->parts[i].value));
    }
    return PWY_OK;
}

/* --- from --- */

struct reading { const char *at, *end; pwy_example *ex; };

static pwy_status damaged(void)
{
    return pw_fail(PWY_E_FORMAT, "an example that was kept is damaged");
}

static pwy_status take(struct reading *r, size_t n, const void **out)
{
    if ((size_t)(r->end - r->at) < n) return damaged();
    *out = r->at;
    r->at += n;
    return PWY_OK;
}

static pwy_status get_int(struct reading *r, int64_t least, int64_t most, int64_t *out)
{
    const void *at = NULL;
    PW_TRY(take(r, sizeof *out, &at));
    memcpy(out, at, sizeof *out);
    return *out >= least && *out <= most ? PWY_OK : damaged();
}

static pwy_status get_number(struct reading *r, double *out)
{
    const void *at = NULL;
    PW_TRY(take(r, sizeof *out, &at));
    memcpy(out, at, sizeof *out);
    return PWY_OK;
}

/* A text of the example's own, with a NUL behind it; *text NULL where there is none. */
static pwy_status get_text(struct reading *r, char **text, int64_t *len)
{
    const void *at = NULL;
    *text = NULL;
    PW_TRY(get_int(r, -1, INT32_MAX, len));
    if (*len < 0) return PWY_OK;
    PW_TRY(take(r, (size_t)*len, &at));
    PW_NEED(*text = pw_arena_take(r->ex->arena, (size_t)*len + 1, 1));
    memcpy(*text, at, (size_t)*len);
    (*text)[*len] = '\0';
    return PWY_OK;
}

static pwy_status get_chars(struct reading *r, struct pw_value *v, enum pw_value_type type)
{
    char *text = NULL;
    int64_t len = 0;
    PW_TRY(get_text(r, &text, &len));
    if (text == NULL) return damaged();
    return type == PW_VALUE_TEXT ? pw_value_set_text(r->ex, v, text, len) : pw_value_set_bytes(r->ex, v, text, len);
}

static pwy_status get_pixels(struct reading *r, struct pw_value *v, enum pw_value_type type)
{
    int64_t frames = 0, h = 0, w = 0, c = 0;
    const void *at = NULL;
    PW_TRY(get_int(r, 0, 1 << 20, &frames));
    PW_TRY(get_int(r, 1, 1 << 15, &h));
    PW_TRY(get_int(r, 1, 1 << 15, &w));
    PW_TRY(get_int(r, 1, 4, &c));
    bool video = type == PW_VALUE_VIDEO;
    PW_TRY(take(r, (size_t)((video ? frames : 1) * h * w * c), &at));
    return video ? pw_value_set_video(r->ex, v, at, frames, h, w, c) : pw_value_set_image(r->ex, v, at, h, w, c);
}

static pwy_status get_samples(struct reading *r, struct pw_value *v, enum pw_value_type type)
{
    int64_t steps = 0, channels = 0;
    double rate = 0;
    const void *at = NULL;
    float *samples;
    PW_TRY(get_int(r, 1, INT32_MAX, &steps));
    PW_TRY(get_int(r, 1, 1 << 16, &channels));
    PW_TRY(get_number(r, &rate));
    size_t n = (size_t)(steps * channels);
    PW_TRY(take(r, n * sizeof *samples, &at));
    PW_NEED(samples = pw_arena_take(r->ex->arena, n, sizeof *samples));
    memcpy(samples, at, n * sizeof *samples);
    return type == PW_VALUE_AUDIO ? pw_value_set_audio(r->ex, v, samples, steps, channels, rate)
                                  : pw_value_set_series(r->ex, v, samples, steps, channels);
}

static pwy_status get_cell(struct reading *r, struct pw_value *v)
{
    char *column = NULL, *text = NULL;
    int64_t len = 0, text_len = 0, number = 0;
    double value = 0;
    PW_TRY(get_text(r, &column, &len));
    PW_TRY(get_int(r, 0, 1, &number));
    PW_TRY(get_number(r, &value));
    PW_TRY(get_text(r, &text, &text_len));
    if (column == NULL) return damaged();
    if (text == NULL && number) return pw_value_add_number(r->ex, v, column, value);
    return pw_value_add_cell(r->ex, v, column, text, text_len);
}

static pwy_status get_cells(struct reading *r, struct pw_value *v)
{
    int64_t n = 0;
    PW_TRY(get_int(r, 0, 1 << 20, &n));
    for (int64_t i = 0; i < n; i++) PW_TRY(get_cell(r, v));
    return PWY_OK;
}

static pwy_status get_part(struct reading *r)
{
    char *name = NULL;
    int64_t len = 0, type = 0;
    struct pw_value *v;
    PW_TRY(get_text(r, &name, &len));
    PW_TRY(get_int(r, PW_VALUE_NONE, PW_VALUE_SERIES, &type));
    if (name == NULL) return damaged();
    PW_NEED(v = pw_example_part(r->ex, name));
    switch (type) {
    case PW_VALUE_TEXT: case PW_VALUE_BYTES: return get_chars(r, v, (enum pw_value_type)type);
    case PW_VALUE_IMAGE: case PW_VALUE_VIDEO: return get_pixels(r, v, (enum pw_value_type)type);
    case PW_VALUE_AUDIO: case PW_VALUE_SERIES: return get_samples(r, v, (enum pw_value_type)type);
    case PW_VALUE_ROW: return get_cells(r, v);
    default: return PWY_OK;
    }
}

pwy_status pw_example_read(const void *data, size_t len, pwy_example *ex)
{
    struct reading r = {data, (const char *)data + len, ex};
    int64_t n = 0;
    PW_TRY(get_int(&r, 0, 1 << 16, &n));
    for (int64_t i = 0; i < n; i++) PW_TRY(get_part(&r));
    return r.at == r.end ? PWY_OK : damaged();
}

/* Examples in memory: written one behind the other into one buffer, beside it where each begins. */
#include "data/read.h"

#include <stdlib.h>
#include <string.h>

struct memory { struct pw_buf data; uint64_t *at; int64_t cap; };

/* What stands before a value's payload. */
struct head { int32_t type, name_len; int64_t len, frames, height, width, channels, steps, n_cells; double rate; };
struct cell { int32_t name_len, text_len; double number; bool is_number; };   /* text_len -1: no text */
struct row { int32_t n_parts, target_type, n_labels, target_len; double number; };

static pwy_status put_text(struct pw_buf *to, const char *text, size_t len)
{
    PW_TRY(pw_buf_add(to, text, len));
    return pw_buf_add(to, "", 1);
}

static const void *payload(const struct pw_value *v, size_t *len)
{
    *len = 0;
    if (v->type == PW_VALUE_TEXT || v->type == PW_VALUE_BYTES)
        return *len = (size_t)v->len, v->text;
    if (v->type == PW_VALUE_IMAGE)
        return *len = (size_t)(v->height * v->width * v->channels), v->pixels;
    if (v->type == PW_VALUE_VIDEO)
        return *len = (size_t)(v->frames * v->height * v->width * v->channels), v->pixels;
    if (v->type == PW_VALUE_AUDIO || v->type == PW_VALUE_SERIES)
        return *len = (size_t)(v->steps * v->channels) * sizeof(float), v->samples;
    return NULL;
}

static pwy_status put_cells(struct pw_buf *to, const struct pw_value *v)
{
    for (int64_t c = 0; v->type == PW_VALUE_ROW && c < v->n_cells; c++) {
        const struct pw_cell *from = &v->cells[c];
        struct cell cell = {(int32_t)strlen(from->column), from->text ? (int32_t)strlen(from->text) : -1,
                            from->number, from->is_number};
        PW_TRY(pw_buf_add(to, &cell, sizeof cell));
        PW_TRY(put_text(to, from->column, (size_t)cell.name_len));
        if (from->text)
            PW_TRY(put_text(to, from->text, (size_t)cell.text_len));
    }
    return PWY_OK;
}

static pwy_status put_part(struct pw_buf *to, const struct pw_part *part)
{
    const struct pw_value *v = &part->value;
    size_t len;
    const void *data = payload(v, &len);
    struct head head = {(int32_t)v->type, (int32_t)strlen(part->name), (int64_t)len, v->frames, v->height, v->width,
                        v->channels, v->steps, v->n_cells, v->rate};
    PW_TRY(pw_buf_add(to, &head, sizeof head));
    PW_TRY(put_text(to, part->name, (size_t)head.name_len));
    if (len > 0)
        PW_TRY(pw_buf_add(to, data, len));
    return put_cells(to, v);
}

static pwy_status put_row(struct pw_buf *to, const pwy_example *ex)
{
    struct row row = {ex->n_parts, (int32_t)ex->target_type, ex->n_labels, 0, ex->number};
    row.target_len = ex->target_type == PW_TARGET_TEXT ? (int32_t)strlen(ex->target_text) : 0;
    PW_TRY(pw_buf_add(to, &row, sizeof row));
    for (int p = 0; p < ex->n_parts; p++)
        PW_TRY(put_part(to, &ex->parts[p]));
    for (int l = 0; l < ex->n_labels; l++)
        PW_TRY(put_text(to, ex->labels[l], strlen(ex->labels[l])));
    return put_text(to, ex->target_type == PW_TARGET_TEXT ? ex->target_text : "", (size_t)row.target_len);
}

static const struct pw_source_ops memory_ops;

pwy_status pw_source_memory_add(pwy_source *s, const pwy_example *ex)
{
    struct memory *m = s->state;
    if (s->ops != &memory_ops)
        return pw_fail(PWY_E_STATE, "examples can be appended only to a source in memory, not to one of %s",
                       s->ops->name);
    if (s->n == m->cap) {
        int64_t cap = m->cap ? m->cap + m->cap / 2 : 64;
        uint64_t *at = pw_realloc(m->at, (size_t)cap, sizeof *at);
        PW_NEED(at);
        m->at = at;
        m->cap = cap;
    }
    size_t before = m->data.len;
    pwy_status status = put_row(&m->data, ex);
    if (status != PWY_OK) {
        m->data.len = before;
        return status;
    }
    m->at[s->n++] = before;
    return PWY_OK;
}

static const char *take(const char **at, size_t len)
{
    const char *here = *at;
    *at += len;
    return here;
}

static const char *take_text(const char **at, int32_t len)
{
    return take(at, (size_t)len + 1);
}

static pwy_status get_cells(const char **at, const struct head *head, pwy_example *ex, struct pw_value *v)
{
    for (int64_t c = 0; c < head->n_cells; c++) {
        struct cell cell;
        memcpy(&cell, take(at, sizeof cell), sizeof cell);
        const char *column = take_text(at, cell.name_len);
        const char *text = cell.text_len >= 0 ? take_text(at, cell.text_len) : NULL;
        if (text == NULL && cell.is_number)
            PW_TRY(pw_value_add_number(ex, v, column, cell.number));
        else
            PW_TRY(pw_value_add_cell(ex, v, column, text, text ? cell.text_len : 0));
    }
    return PWY_OK;
}

/* Samples lie at any offset in the buffer: copied to where floats may. */
static pwy_status get_samples(const char *data, const struct head *head, pwy_example *ex, struct pw_value *v)
{
    float *samples = pw_arena_take(ex->arena, (size_t)head->len, 1);
    PW_NEED(samples);
    memcpy(samples, data, (size_t)head->len);
    v->type = (enum pw_value_type)head->type;
    v->samples = samples;
    v->steps = head->steps;
    v->channels = head->channels;
    v->rate = head->rate;
    return PWY_OK;
}

static pwy_status get_value(const char **at, const struct head *head, pwy_example *ex, struct pw_value *v)
{
    const char *data = take(at, (size_t)head->len);
    const uint8_t *pixels = (const uint8_t *)data;
    switch (head->type) {
    case PW_VALUE_TEXT: return pw_value_set_text(ex, v, data, head->len);
    case PW_VALUE_BYTES: return pw_value_set_bytes(ex, v, data, head->len);
    case PW_VALUE_IMAGE: return pw_value_set_image(ex, v, pixels, head->height, head->width, head->channels);
    case PW_VALUE_VIDEO: return pw_value_set_video(ex, v, pixels, head->frames, head->height, head->width,
                                                   head->channels);
    case PW_VALUE_AUDIO:
    case PW_VALUE_SERIES: return get_samples(data, head, ex, v);
    case PW_VALUE_ROW: return get_cells(at, head, ex, v);
    default: return PWY_OK;
    }
}

static pwy_status get_target(const char **at, const struct row *row, pwy_example *ex)
{
    for (int l = 0; l < row->n_labels; l++) {
        size_t len = strlen(*at);
        PW_TRY(pw_example_add_label(ex, take(at, len + 1), (int64_t)len));
    }
    if (row->target_type == PW_TARGET_TEXT && row->target_len > 0)
        PW_TRY(pw_answer_set(ex, PW_ANSWER_TEXT, *at, row->target_len));
    ex->target_type = (enum pw_target_type)row->target_type;
    ex->number = row->number;
    return PWY_OK;
}

static pwy_status read_memory(pwy_source *s, int64_t i, pwy_example *ex)
{
    struct memory *m = s->state;
    const char *at = m->data.data + m->at[i];
    struct row row;
    memcpy(&row, take(&at, sizeof row), sizeof row);
    for (int p = 0; p < row.n_parts; p++) {
        struct head head;
        memcpy(&head, take(&at, sizeof head), sizeof head);
        struct pw_value *v = pw_example_part(ex, take_text(&at, head.name_len));
        PW_NEED(v);
        PW_TRY(get_value(&at, &head, ex, v));
    }
    PW_TRY(get_target(&at, &row, ex));
    PW_TRY(pw_example_filled(ex, "memory", i + 1));
    return pw_example_place(ex, "memory", i + 1);
}

static void free_memory(pwy_source *s)
{
    struct memory *m = s->state;
    pw_buf_free(&m->data);
    free(m->at);
    free(m);
}

static const struct pw_source_ops memory_ops = {"memory", read_memory, NULL, free_memory};

pwy_status pw_source_memory(pwy_context *ctx, pwy_source **out)
{
    struct memory *m = pw_calloc(1, sizeof *m);
    PW_NEED(m);
    pwy_status status = pw_source_make(ctx, &memory_ops, 0, m, out);
    if (status != PWY_OK)
        free(m);
    return status;
}

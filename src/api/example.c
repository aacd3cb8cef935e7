/* pwy_example_...: arguments checked, the rest in base/example.c. A part changes only when its new value is whole. */
#include <math.h>
#include <string.h>
#include "base/example.h"
#include "base/num.h"

static pwy_status check(const char *function, const pwy_example *example, const char *name, const char *value)
{
    if (example == NULL)
        return pw_fail(PWY_E_ARGUMENT, "%s: example is NULL; make one with pwy_example_new", function);
    if (value == NULL)
        return pw_fail(PWY_E_ARGUMENT, "%s: %s is NULL", function, name);
    return PWY_OK;
}

/* What every setter of a part has in common: example, part and data. */
static pwy_status check_part(const char *function, const pwy_example *example, const char *part, const void *data)
{
    PW_TRY(check(function, example, "part", part));
    if (part[0] == 0)
        return pw_fail(PWY_E_ARGUMENT, "%s: part is an empty name", function);
    if (data == NULL)
        return pw_fail(PWY_E_ARGUMENT, "%s: the data of part '%s' are NULL", function, part);
    return PWY_OK;
}

/* Puts a finished value in its place; a failed one is named by its part. */
static pwy_status put(pwy_example *example, const char *part, pwy_status status, const struct pw_value *value)
{
    if (status == PWY_E_NOMEM)
        return status;
    if (status != PWY_OK)
        return pw_fail(status, "part '%s': %s", part, pwy_error_message());
    struct pw_value *there = pw_example_part(example, part);
    PW_NEED(there);
    *there = *value;
    return PWY_OK;
}

pwy_status pwy_example_new(pwy_example **out)
{
    if (out == NULL)
        return pw_fail(PWY_E_ARGUMENT, "pwy_example_new: out is NULL; it must point to where the example goes");
    pwy_example *example = pw_example_make();
    PW_NEED(example);
    *out = example;
    return PWY_OK;
}

void pwy_example_free(pwy_example *example)
{
    pw_example_release(example);
}

void pwy_example_clear(pwy_example *example)
{
    if (example != NULL)
        pw_example_clear(example);
}

static pwy_status check_len(const char *function, int64_t len, int64_t least)
{
    if (len >= least)
        return PWY_OK;
    return pw_fail(PWY_E_ARGUMENT, "%s: len is %lld; it must be at least %lld", function, (long long)len,
                   (long long)least);
}

pwy_status pwy_example_set_text(pwy_example *example, const char *part, const char *text, int64_t len)
{
    struct pw_value value = { 0 };
    PW_TRY(check_part("pwy_example_set_text", example, part, text));
    PW_TRY(check_len("pwy_example_set_text", len, -1));
    return put(example, part, pw_value_set_text(example, &value, text, len), &value);
}

pwy_status pwy_example_set_bytes(pwy_example *example, const char *part, const void *data, int64_t len)
{
    struct pw_value value = { 0 };
    PW_TRY(check_part("pwy_example_set_bytes", example, part, data));
    PW_TRY(check_len("pwy_example_set_bytes", len, 0));
    return put(example, part, pw_value_set_bytes(example, &value, data, len), &value);
}

pwy_status pwy_example_set_image(pwy_example *example, const char *part, const uint8_t *pixels, int64_t height,
                                 int64_t width, int64_t channels)
{
    struct pw_value value = { 0 };
    PW_TRY(check_part("pwy_example_set_image", example, part, pixels));
    return put(example, part, pw_value_set_image(example, &value, pixels, height, width, channels), &value);
}

pwy_status pwy_example_set_audio(pwy_example *example, const char *part, const float *samples, int64_t steps,
                                 int64_t channels, double rate)
{
    struct pw_value value = { 0 };
    PW_TRY(check_part("pwy_example_set_audio", example, part, samples));
    return put(example, part, pw_value_set_audio(example, &value, samples, steps, channels, rate), &value);
}

pwy_status pwy_example_set_series(pwy_example *example, const char *part, const float *samples, int64_t steps,
                                  int64_t channels)
{
    struct pw_value value = { 0 };
    PW_TRY(check_part("pwy_example_set_series", example, part, samples));
    return put(example, part, pw_value_set_series(example, &value, samples, steps, channels), &value);
}

pwy_status pwy_example_set_video(pwy_example *example, const char *part, const uint8_t *pixels, int64_t frames,
                                 int64_t height, int64_t width, int64_t channels)
{
    struct pw_value value = { 0 };
    PW_TRY(check_part("pwy_example_set_video", example, part, pixels));
    return put(example, part, pw_value_set_video(example, &value, pixels, frames, height, width, channels), &value);
}

/* The part's row without the column, ready for its new cell; other parts' kinds are replaced by an empty row. */
static pwy_status row_without(pwy_example *example, const char *part, const char *column, struct pw_value *row)
{
    const struct pw_value *old = pw_example_find(example, part);
    *row = (struct pw_value){ .type = PW_VALUE_ROW };
    if (old == NULL || old->type != PW_VALUE_ROW)
        return PWY_OK;
    for (int64_t i = 0; i < old->n_cells; i++) {
        const struct pw_cell *cell = &old->cells[i];
        if (strcmp(cell->column, column) == 0)
            continue;
        if (cell->text != NULL || !cell->is_number)
            PW_TRY(pw_value_add_cell(example, row, cell->column, cell->text, -1));
        else
            PW_TRY(pw_value_add_number(example, row, cell->column, cell->number));
    }
    return PWY_OK;
}

static bool has_column(const pwy_example *example, const char *part, const char *column)
{
    const struct pw_value *row = pw_example_find(example, part);
    for (int64_t i = 0; row != NULL && row->type == PW_VALUE_ROW && i < row->n_cells; i++)
        if (strcmp(row->cells[i].column, column) == 0)
            return true;
    return false;
}

/* The row that a cell joins: the one that is there, or a new one without the column that is set again. */
static pwy_status row_for(pwy_example *example, const char *part, const char *column, struct pw_value *row)
{
    const struct pw_value *old = pw_example_find(example, part);
    if (old == NULL || old->type != PW_VALUE_ROW || has_column(example, part, column))
        return row_without(example, part, column, row);
    *row = *old;
    return PWY_OK;
}

pwy_status pwy_example_set_cell(pwy_example *example, const char *part, const char *column, const char *text)
{
    struct pw_value row;
    PW_TRY(check_part("pwy_example_set_cell", example, part, ""));
    PW_TRY(check("pwy_example_set_cell", example, "column", column));
    PW_TRY(row_for(example, part, column, &row));
    return put(example, part, pw_value_add_cell(example, &row, column, text, -1), &row);
}

pwy_status pwy_example_set_cell_number(pwy_example *example, const char *part, const char *column, double number)
{
    struct pw_value row;
    PW_TRY(check_part("pwy_example_set_cell_number", example, part, ""));
    PW_TRY(check("pwy_example_set_cell_number", example, "column", column));
    if (isinf(number))
        return pw_fail(PWY_E_DATA, "part '%s': column '%s' is infinite; it must be a finite number, or NaN where it is "
                       "missing", part, column);
    PW_TRY(row_for(example, part, column, &row));
    return put(example, part, pw_value_add_number(example, &row, column, number), &row);
}

static pwy_status check_label(const char *function, const pwy_example *example, const char *label)
{
    PW_TRY(check(function, example, "label", label));
    if (label[0] == 0)
        return pw_fail(PWY_E_DATA, "%s: the label is empty", function);
    return PWY_OK;
}

pwy_status pwy_example_set_label(pwy_example *example, const char *label)
{
    PW_TRY(check_label("pwy_example_set_label", example, label));
    const char **old = example->labels;
    int n_old = example->n_labels;
    example->labels = NULL;
    example->n_labels = 0;
    pwy_status status = pw_example_add_label(example, label, (int64_t)strlen(label));
    if (status != PWY_OK) {
        example->labels = old;
        example->n_labels = n_old;
    }
    return status;
}

pwy_status pwy_example_add_label(pwy_example *example, const char *label)
{
    PW_TRY(check_label("pwy_example_add_label", example, label));
    return pw_example_add_label(example, label, (int64_t)strlen(label));
}

pwy_status pwy_example_set_number(pwy_example *example, double number)
{
    char text[40];
    PW_TRY(check("pwy_example_set_number", example, "", ""));
    pw_format_double(text, sizeof text, number);
    if (!isfinite(number))
        return pw_fail(PWY_E_DATA, "the target is %s; it must be a finite number", text);
    example->target_type = PW_TARGET_NUMBER;
    example->number = number;
    return PWY_OK;
}

pwy_status pwy_example_set_target_text(pwy_example *example, const char *text, int64_t len)
{
    struct pw_value value = { 0 };
    PW_TRY(check("pwy_example_set_target_text", example, "text", text));
    PW_TRY(check_len("pwy_example_set_target_text", len, -1));
    PW_TRY(pw_value_set_text(example, &value, text, len));
    example->target_type = PW_TARGET_TEXT;
    example->target_text = value.text;
    return PWY_OK;
}

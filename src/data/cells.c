/* From the cells of a row to the parts and the target of an example. */
#include "data/read.h"

#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/num.h"

static pwy_status not_a_list(const struct pw_field *f, const char *wanted)
{
    if (f->json == NULL)
        return PWY_OK;
    return pw_fail(PWY_E_DATA, "the cell holds %s where %s is wanted", json_is_array(f->json) ? "a list"
                   : "an object", wanted);
}

/* The file that a cell names. */
static pwy_status fill_file(struct pw_rows *t, const struct pw_bind *bind, const struct pw_field *f, pwy_example *ex)
{
    PW_TRY(not_a_list(f, "a file's name"));
    char *name = pw_strndup(f->text, (size_t)f->len);
    PW_NEED(name);
    char *path = pw_path_join(bind->path, name);
    pwy_status status = path ? pw_decode_file(t->ctx, bind->type, path, ex, bind->name) : PWY_E_NOMEM;
    free(path);
    free(name);
    return status;
}

static bool reads_as_numbers(const struct pw_field *f)
{
    for (int64_t i = 0; i < f->len; i++)
        if (strchr(" \t,:;?+-.eE0123456789", f->text[i]) == NULL || f->text[i] == 0)
            return f->len == 3 && strncasecmp(f->text, "nan", 3) == 0;
    return true;
}

/* A series in one cell: a JSON list, numbers with ':' between channels, or the name of a file. */
static pwy_status fill_series_cell(struct pw_rows *t, const struct pw_bind *bind, const struct pw_field *f,
                                   pwy_example *ex)
{
    if (f->json)
        return pw_series_json(ex, bind->name, f->json);
    if (f->text[0] == '[') {
        json_t *list = json_loadb(f->text, (size_t)f->len, 0, NULL);
        pwy_status status = pw_series_json(ex, bind->name, list);
        json_decref(list);
        return status;
    }
    if (!reads_as_numbers(f))
        return fill_file(t, bind, f, ex);
    struct pw_floats work = {0};
    pwy_status status = pw_series_dims(ex, bind->name, f->text, f->text + f->len, 0, &work);
    free(work.data);
    return status;
}

static pwy_status cell_number(struct pw_rows *t, int column, float *out)
{
    const struct pw_field *f = &t->fields[column];
    double number = NAN;
    PW_TRY(not_a_list(f, "a number"));
    if (!pw_field_missing(t, f) && !pw_parse_double(f->text, (size_t)f->len, &number))
        return pw_fail(PWY_E_DATA, "column '%s': '%.*s' is not a number", pw_map_key(t->columns, column),
                       (int)(f->len < 60 ? f->len : 60), f->text);
    *out = (float)number;
    return PWY_OK;
}

/* A series whose time steps are columns. */
static pwy_status fill_series_columns(struct pw_rows *t, const struct pw_bind *bind, pwy_example *ex)
{
    float *steps = pw_arena_take(ex->arena, (size_t)bind->n_columns, sizeof *steps);
    PW_NEED(steps);
    for (int c = 0; c < bind->n_columns; c++)
        PW_TRY(cell_number(t, bind->columns[c], &steps[c]));
    struct pw_value *value = pw_example_part(ex, bind->name);
    PW_NEED(value);
    return pw_value_set_series(ex, value, steps, bind->n_columns, 1);
}

static pwy_status fill_table(struct pw_rows *t, const struct pw_bind *bind, pwy_example *ex)
{
    struct pw_value *value = pw_example_part(ex, bind->name);
    PW_NEED(value);
    for (int c = 0; c < bind->n_columns; c++) {
        const struct pw_field *f = &t->fields[bind->columns[c]];
        PW_TRY(not_a_list(f, "a text or a number"));
        const char *text = pw_field_missing(t, f) ? NULL : f->text;
        PW_TRY(pw_value_add_cell(ex, value, pw_map_key(t->columns, bind->columns[c]), text, text ? f->len : 0));
    }
    return PWY_OK;
}

static pwy_status fill_cell(struct pw_rows *t, const struct pw_bind *bind, pwy_example *ex)
{
    const struct pw_field *f = &t->fields[bind->column];
    if (bind->file)
        return fill_file(t, bind, f, ex);
    if (bind->type == PW_VALUE_SERIES)
        return fill_series_cell(t, bind, f, ex);
    PW_TRY(not_a_list(f, "a text"));
    return pw_decode_bytes(t->ctx, bind->type, t->path, f->text, f->len, ex, bind->name);
}

static bool all_missing(const struct pw_rows *t, const struct pw_bind *bind)
{
    if (bind->column >= 0)
        return pw_field_missing(t, &t->fields[bind->column]);
    for (int c = 0; c < bind->n_columns; c++)
        if (!pw_field_missing(t, &t->fields[bind->columns[c]]))
            return false;
    return true;
}

static pwy_status fill_part(struct pw_rows *t, const struct pw_bind *bind, pwy_example *ex)
{
    if (all_missing(t, bind))
        return PWY_OK;
    if (bind->type == PW_VALUE_ROW && bind->column < 0)
        return fill_table(t, bind, ex);
    if (bind->column < 0)
        return fill_series_columns(t, bind, ex);
    return fill_cell(t, bind, ex);
}

pwy_status pw_rows_fill(struct pw_rows *t, pwy_example *ex, int64_t line)
{
    for (int b = 0; b < t->n_bind; b++)
        PW_TRY(pw_bad_row(fill_part(t, &t->bind[b], ex), t->path, line, t->bind[b].name));
    return pw_example_filled(ex, t->path, line);
}

static pwy_status answer_from_list(pwy_example *ex, enum pw_answer answer, json_t *list)
{
    if (answer != PW_ANSWER_LABELS || !json_is_array(list))
        return pw_fail(PWY_E_DATA, "the target is a list or an object; only multilabel takes a list");
    char *text = json_dumps(list, JSON_COMPACT);
    if (text == NULL)
        return pw_fail_nomem(64);
    pwy_status status = pw_answer_set(ex, answer, text, (int64_t)strlen(text));
    free(text);
    return status;
}

pwy_status pw_rows_target(struct pw_rows *t, pwy_example *ex, int64_t line)
{
    if (t->target < 0)
        return PWY_OK;
    const struct pw_field *f = &t->fields[t->target];
    pwy_status status;
    if (f->json)
        status = answer_from_list(ex, t->answer, f->json);
    else if (pw_field_missing(t, f))
        status = pw_fail(PWY_E_DATA, "the target '%s' is missing", pw_map_key(t->columns, t->target));
    else
        status = pw_answer_set(ex, t->answer, f->text, f->len);
    return pw_bad_row(status, t->path, line, NULL);
}

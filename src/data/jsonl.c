/* .jsonl: an object a line; its keys are the columns, a nested list is a series. */
#include "data/read.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/num.h"

enum { LOOK = 1000 };                       /* rows that are looked at for the names of the columns */

struct jsonl { json_t *row; char (*number)[40]; /* (n_columns) */ };

static const char *next(const char *at, const char *end, int64_t *lines)
{
    const char *stop = pw_line_end(at, end);
    ++*lines;
    return stop < end ? stop + 1 : end;
}

static pwy_status parse(const char *at, const char *end, json_t **out)
{
    json_error_t error;
    json_t *row = json_loadb(at, (size_t)(end - at), 0, &error);
    if (row == NULL)
        return pw_fail(PWY_E_DATA, "not JSON: %s at byte %d", error.text, error.position);
    if (!json_is_object(row)) {
        json_decref(row);
        return pw_fail(PWY_E_DATA, "a row of .jsonl is an object, {\"column\": value}");
    }
    *out = row;
    return PWY_OK;
}

static struct pw_field number_field(char *room, size_t cap, const json_t *value)
{
    int len = json_is_integer(value) ? snprintf(room, cap, "%lld", (long long)json_integer_value(value))
                                     : pw_format_double(room, cap, json_real_value(value));
    return (struct pw_field){.text = room, .len = len};
}

static struct pw_field field(char *room, size_t cap, json_t *value)
{
    if (json_is_string(value))
        return (struct pw_field){.text = json_string_value(value), .len = (int64_t)json_string_length(value)};
    if (json_is_number(value))
        return number_field(room, cap, value);
    if (json_is_boolean(value))
        return (struct pw_field){.text = json_is_true(value) ? "true" : "false", .len = json_is_true(value) ? 4 : 5};
    return (struct pw_field){.json = json_is_null(value) ? NULL : value};
}

/* A key that the row lacks is a missing cell. */
static pwy_status split(struct pw_rows *t, const char *at, const char *end, int64_t *n)
{
    struct jsonl *own = t->own;
    json_decref(own->row);
    own->row = NULL;
    PW_TRY(parse(at, end, &own->row));
    for (int c = 0; c < t->n_columns; c++) {
        json_t *value = json_object_get(own->row, pw_map_key(t->columns, c));
        t->fields[c] = value ? field(own->number[c], sizeof own->number[c], value) : (struct pw_field){0};
    }
    *n = t->n_columns;
    return PWY_OK;
}

static pwy_status add_keys(struct pw_rows *t, json_t *row)
{
    const char *key;
    json_t *value;
    json_object_foreach(row, key, value)
        if (pw_map_add(t->columns, key, strlen(key)) < 0)
            return PWY_E_NOMEM;
    return PWY_OK;
}

/* The keys of the first rows, in order of appearance. */
static pwy_status look(struct pw_rows *t)
{
    const char *end = t->map.data + t->map.len;
    int64_t line = t->first_line;
    pwy_status first = PWY_OK;
    for (const char *at = t->first; at < end && line < t->first_line + LOOK; ) {
        const char *stop = pw_line_end(at, end);
        json_t *row = NULL;
        pwy_status status = pw_line_trim(at, stop) > at ? parse(at, stop, &row) : PWY_OK;
        if (status != PWY_OK && first == PWY_OK)
            first = pw_bad_row(status, t->path, line, NULL);
        status = row ? add_keys(t, row) : PWY_OK;
        json_decref(row);
        PW_TRY(status);
        at = next(at, end, &line);
    }
    t->n_columns = (int)pw_map_count(t->columns);
    if (t->n_columns > 0)
        return PWY_OK;
    return first != PWY_OK ? PWY_E_FORMAT
        : pw_fail(PWY_E_FORMAT, "'%s' holds no rows; a row of .jsonl is an object a line", t->path);
}

static pwy_status columns(struct pw_rows *t, const struct pw_open *o)
{
    if (o->want->columns)
        return pw_node_fail(o->want->columns, PWY_E_ARGUMENT,
                            "`columns:` is for files without a header; the rows of '%s' name theirs", t->path);
    struct jsonl *own = pw_calloc(1, sizeof *own);
    PW_NEED(own);
    t->own = own;
    PW_TRY(look(t));
    own->number = pw_calloc((size_t)t->n_columns, sizeof *own->number);
    return own->number ? PWY_OK : PWY_E_NOMEM;
}

static void free_jsonl(struct pw_rows *t)
{
    struct jsonl *own = t->own;
    if (own == NULL)
        return;
    json_decref(own->row);
    free(own->number);
    free(own);
}

static pwy_status open_jsonl(const struct pw_open *o, pwy_source **out)
{
    static const struct pw_row_form form = {.name = "jsonl", .next = next, .split = split, .columns = columns,
                                            .free = free_jsonl, .loose = true};
    return pw_rows_open(o, &form, out);
}

const struct pw_reader pw_reader_jsonl = {"jsonl", open_jsonl};

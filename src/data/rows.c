/* A file of rows with named columns: what .csv, .tsv, .jsonl, .txt and libsvm have in common. */
#include "data/read.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void bind_free(struct pw_bind *bind)
{
    free(bind->name);
    free(bind->columns);
    free(bind->path);
}

void pw_rows_free(struct pw_rows *t)
{
    if (t->form->free)
        t->form->free(t);
    for (int b = 0; b < t->n_bind; b++)
        bind_free(&t->bind[b]);
    free(t->bind);
    free(t->fields);
    pw_buf_free(&t->scratch);
    pw_map_free(t->columns);
    pw_index_free(&t->index);
    pw_map_close(&t->map);
    free(t->path);
    free(t->folder);
    free(t->missing);
    free(t);
}

/* Cuts the row that begins at `at` into t->fields. */
pwy_status pw_rows_split(struct pw_rows *t, const char *at, int64_t line)
{
    const char *end = t->map.data + t->map.len;
    int64_t lines = 0, n = 0;
    const char *next = t->form->next(at, end, &lines);
    const char *stop = next > at && next[-1] == '\n' ? next - 1 : next;
    pwy_status status = t->form->split(t, at, pw_line_trim(at, stop), &n);
    if (status != PWY_OK)
        return pw_bad_row(status, t->path, line, NULL);
    if (t->form->loose || n == t->n_columns)
        return PWY_OK;
    return pw_fail_at(PWY_E_DATA, t->path, (long)line, "%lld fields where %s %d", (long long)n,
                      t->first_line > 1 ? "the header has" : "there are columns for", t->n_columns);
}

bool pw_field_missing(const struct pw_rows *t, const struct pw_field *field)
{
    if (field->json)
        return false;
    const char *at = field->text;
    int64_t len = field->len;
    while (len > 0 && (*at == ' ' || *at == '\t'))
        at++, len--;
    while (len > 0 && (at[len - 1] == ' ' || at[len - 1] == '\t'))
        len--;
    return len == 0 || (t->missing && (int64_t)strlen(t->missing) == len && memcmp(at, t->missing, (size_t)len) == 0);
}

pwy_status pw_rows_column(const struct pw_rows *t, const char *what, const char *name, const struct pw_node *node,
                          int *column)
{
    int64_t found = pw_map_find(t->columns, name, strlen(name));
    if (found >= 0) {
        *column = (int)found;
        return PWY_OK;
    }
    struct pw_buf list = {0};
    pwy_status status = PWY_OK;
    for (int c = 0; c < t->n_columns && status == PWY_OK && list.len < 600; c++)
        status = pw_buf_printf(&list, "%s%s", c ? ", " : "", pw_map_key(t->columns, c));
    if (status == PWY_OK)
        status = pw_node_fail(node, PWY_E_NOT_FOUND, "%s: '%s' has no column '%s'; its columns are %s%s", what,
                              t->path, name, list.len ? list.data : "none",
                              t->first_line > 1 ? " (its first line; where that is a row, `columns:` names them)" : "");
    pw_buf_free(&list);
    return status;
}

static pwy_status add_column(struct pw_rows *t, const char *name, size_t len, const struct pw_node *node)
{
    int64_t had = pw_map_count(t->columns);
    int64_t index = pw_map_add(t->columns, name, len);
    if (index < 0)
        return PWY_E_NOMEM;
    if (index < had)
        return pw_node_fail(node, PWY_E_FORMAT, "'%s' has two columns '%.*s'; a name stands once", t->path, (int)len,
                            name);
    t->n_columns = (int)index + 1;
    return PWY_OK;
}

/* How many cells the first row has, with room for as many. */
static pwy_status first_row(struct pw_rows *t, const char **next, int64_t *lines)
{
    const char *end = t->map.data + t->map.len;
    if (t->first == end)
        return pw_fail(PWY_E_FORMAT, "'%s' is empty; its first line should name the columns", t->path);
    *next = t->form->next(t->first, end, lines);
    const char *stop = pw_line_trim(t->first, (*next)[-1] == '\n' ? *next - 1 : *next);
    int64_t n = 0;
    PW_TRY(t->form->split(t, t->first, stop, &n));
    t->fields = pw_calloc((size_t)n, sizeof *t->fields);
    PW_NEED(t->fields);
    t->n_columns = (int)n;
    return t->form->split(t, t->first, stop, &n);
}

static pwy_status columns_from_header(struct pw_rows *t)
{
    const char *next;
    int64_t lines = 0;
    PW_TRY(first_row(t, &next, &lines));
    int n = t->n_columns;
    for (int c = 0; c < n; c++) {
        const struct pw_field *f = &t->fields[c];
        int64_t from = 0, to = f->len;
        while (from < to && f->text[from] == ' ')
            from++;
        while (to > from && f->text[to - 1] == ' ')
            to--;
        PW_TRY(add_column(t, f->text + from, (size_t)(to - from), NULL));
    }
    t->first = next;
    t->first_line += lines;
    return PWY_OK;
}

static pwy_status columns_from_list(struct pw_rows *t, const struct pw_node *list)
{
    for (int c = 0; c < list->n; c++) {
        if (list->item[c]->kind != PW_SCALAR)
            return pw_node_fail(list->item[c], PWY_E_ARGUMENT, "`columns:` is a list of names");
        PW_TRY(add_column(t, list->item[c]->text, strlen(list->item[c]->text), list->item[c]));
    }
    if (list->n == 0)
        return pw_node_fail(list, PWY_E_ARGUMENT, "`columns:` names no column");
    return PWY_OK;
}

static bool is_none(const struct pw_node *columns)
{
    if (columns->kind == PW_LIST && columns->n == 1)
        columns = columns->item[0];
    return columns->kind == PW_SCALAR && !columns->quoted && strcmp(columns->text, "none") == 0;
}

/* `columns: none` or `[none]`: no header line, and columns are called 1, 2, ... */
static pwy_status columns_by_place(struct pw_rows *t)
{
    const char *next;
    int64_t lines = 0;
    PW_TRY(first_row(t, &next, &lines));
    int n = t->n_columns;
    for (int c = 0; c < n; c++) {
        char name[16];
        int len = snprintf(name, sizeof name, "%d", c + 1);
        PW_TRY(add_column(t, name, (size_t)len, NULL));
    }
    return PWY_OK;
}

/* A list of names that fits none of the first rows is a mistake in the list, not in the rows. */
static pwy_status check_columns(struct pw_rows *t, const struct pw_node *node)
{
    const char *at = t->first, *end = t->map.data + t->map.len;
    int64_t line = t->first_line, n = 0;
    for (int tries = 0; tries < 8 && at < end; tries++) {
        const char *next = t->form->next(at, end, &line);
        const char *stop = pw_line_trim(at, next[-1] == '\n' ? next - 1 : next);
        if (stop == at || (t->form->split(t, at, stop, &n) == PWY_OK && n == t->n_columns))
            return PWY_OK;
        at = next;
    }
    if (at == t->first)
        return PWY_OK;
    return pw_node_fail(node, PWY_E_FORMAT, "`columns:` has %d names, the rows of '%s' have %lld fields",
                        t->n_columns, t->path, (long long)n);
}

static pwy_status name_columns(struct pw_rows *t, const struct pw_open *o)
{
    const struct pw_node *columns = o->want->columns;
    if (t->form->columns)
        return t->form->columns(t, o);
    if (columns && is_none(columns))
        return columns_by_place(t);
    if (columns && columns->kind == PW_LIST)
        return columns_from_list(t, columns);
    if (columns)
        return pw_node_fail(columns, PWY_E_ARGUMENT,
                            "`columns:` is a list of names, or none for a file whose columns have no names");
    return columns_from_header(t);
}

static pwy_status rows_load(struct pw_rows *t, const struct pw_open *o)
{
    t->path = pw_strdup(o->path);
    PW_NEED(t->path);
    t->folder = pw_path_folder(o->path);
    PW_NEED(t->folder);
    if (o->want->missing)
        PW_NEED(t->missing = pw_strdup(o->want->missing));
    t->columns = pw_map_new();
    PW_NEED(t->columns);
    PW_TRY(pw_answer_kind(o->want->kind, &t->answer));
    PW_TRY(pw_map_unpacked(o->path, &t->map));
    t->first = pw_skip_mark(&t->map);
    t->first_line = 1;
    PW_TRY(name_columns(t, o));
    free(t->fields);
    t->fields = pw_calloc((size_t)t->n_columns, sizeof *t->fields);
    PW_NEED(t->fields);
    if (o->want->columns && !t->form->columns)
        PW_TRY(check_columns(t, o->want->columns));
    PW_TRY(pw_rows_bind(t, o->want));
    const struct pw_node *where = o->where->kind == PW_MAP ? pw_node_get(o->where, "where") : NULL;
    return pw_rows_where(t, where);
}

static pwy_status read_row(pwy_source *s, int64_t i, pwy_example *ex)
{
    struct pw_rows *t = s->state;
    int64_t line = t->index.line[i];
    PW_TRY(pw_rows_split(t, t->map.data + t->index.at[i], line));
    PW_TRY(pw_example_place(ex, t->path, line));
    PW_TRY(pw_rows_target(t, ex, line));
    return pw_rows_fill(t, ex, line);
}

static pwy_status read_target(pwy_source *s, int64_t i, pwy_example *ex)
{
    struct pw_rows *t = s->state;
    int64_t line = t->index.line[i];
    PW_TRY(pw_rows_split(t, t->map.data + t->index.at[i], line));
    PW_TRY(pw_example_place(ex, t->path, line));
    return pw_rows_target(t, ex, line);
}

static void free_rows(pwy_source *s)
{
    pw_rows_free(s->state);
}

static const struct pw_source_ops rows_ops = {"rows", read_row, read_target, free_rows};

pwy_status pw_rows_open(const struct pw_open *o, const struct pw_row_form *form, pwy_source **out)
{
    struct pw_rows *t = pw_calloc(1, sizeof *t);
    PW_NEED(t);
    t->form = form;
    t->ctx = o->ctx;
    t->target = -1;
    pwy_status status = rows_load(t, o);
    if (status == PWY_OK)
        status = pw_source_make(o->ctx, &rows_ops, t->index.n, t, out);
    if (status != PWY_OK)
        pw_rows_free(t);
    return status;
}

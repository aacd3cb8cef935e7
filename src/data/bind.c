/* Which columns of a table go to which part, and which is the target. */
#include "data/read.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/num.h"

/* "last" and -1, -2, ... count from the end, where no column has that name. */
static bool from_end(const struct pw_rows *t, const char *name, int *column)
{
    int64_t place = -1;
    if (pw_map_find(t->columns, name, strlen(name)) >= 0)
        return false;
    if (strcmp(name, "last") != 0 && (!pw_parse_int(name, strlen(name), &place) || place >= 0))
        return false;
    if (place < -t->n_columns)
        return false;
    *column = (int)(t->n_columns + place);
    return true;
}

static pwy_status bind_target(struct pw_rows *t, const struct pw_want *want)
{
    if (want->target && from_end(t, want->target, &t->target))
        return PWY_OK;
    if (want->target)
        return pw_rows_column(t, "target", want->target, NULL, &t->target);
    if (t->answer == PW_ANSWER_TEXT)
        return PWY_OK;
    return pw_rows_column(t, "no `target:` is given, so the target is column 'target'", "target", NULL, &t->target);
}

static const struct pw_node *option(const struct pw_want_part *part, const char *key)
{
    return part->options ? pw_node_get(part->options, key) : NULL;
}

static pwy_status text_option(const struct pw_want_part *part, const char *key, const char **out)
{
    const struct pw_node *node = option(part, key);
    if (node && node->kind != PW_SCALAR)
        return pw_node_fail(node, PWY_E_ARGUMENT, "part '%s': `%s:` is one text", part->name, key);
    *out = node ? node->text : NULL;
    return PWY_OK;
}

static pwy_status bind_list(struct pw_rows *t, struct pw_bind *bind, const struct pw_node *list)
{
    if (list->kind != PW_LIST || list->n == 0)
        return pw_node_fail(list, PWY_E_ARGUMENT, "part '%s': `columns:` is a list of names", bind->name);
    bind->columns = pw_calloc((size_t)list->n, sizeof *bind->columns);
    PW_NEED(bind->columns);
    char what[96];
    snprintf(what, sizeof what, "part '%.80s'", bind->name);
    for (int c = 0; c < list->n; c++) {
        if (list->item[c]->kind != PW_SCALAR)
            return pw_node_fail(list->item[c], PWY_E_ARGUMENT, "part '%s': `columns:` is a list of names", bind->name);
        PW_TRY(pw_rows_column(t, what, list->item[c]->text, list->item[c], &bind->columns[bind->n_columns++]));
    }
    return PWY_OK;
}

/* Cells are names of files: where those start from. */
static pwy_status bind_files(struct pw_rows *t, struct pw_bind *bind, const struct pw_want_part *part)
{
    const char *path = NULL;
    PW_TRY(text_option(part, "path", &path));
    bind->file = path || bind->type == PW_VALUE_IMAGE || bind->type == PW_VALUE_AUDIO || bind->type == PW_VALUE_VIDEO;
    if (path == NULL) {
        bind->path = pw_strdup(t->folder);
        return bind->path ? PWY_OK : PWY_E_NOMEM;
    }
    bind->path = pw_path_join(t->folder, path);
    PW_NEED(bind->path);
    struct stat st;
    if (stat(bind->path, &st) != 0 || !S_ISDIR(st.st_mode))
        return pw_node_fail(option(part, "path"), PWY_E_NOT_FOUND, "part '%s': `path:` '%s' is no folder", part->name,
                            bind->path);
    return PWY_OK;
}

static bool takes_many(enum pw_value_type type)
{
    return type == PW_VALUE_ROW || type == PW_VALUE_SERIES;
}

/* A table of one column. */
static pwy_status bind_single(struct pw_bind *bind)
{
    bind->columns = pw_calloc(1, sizeof *bind->columns);
    PW_NEED(bind->columns);
    bind->columns[0] = bind->column;
    bind->n_columns = 1;
    bind->column = -1;
    return PWY_OK;
}

/* A part of its own column or columns; one that takes what is left gets neither here. */
static pwy_status bind_part(struct pw_rows *t, struct pw_bind *bind, const struct pw_want_part *part)
{
    const struct pw_node *list = option(part, "columns");
    const char *column = NULL;
    char what[96];
    bind->type = part->type;
    bind->column = -1;
    PW_NEED(bind->name = pw_strdup(part->name));
    PW_TRY(bind_files(t, bind, part));
    PW_TRY(text_option(part, "column", &column));
    if (list && (column || !takes_many(part->type)))
        return pw_node_fail(list, PWY_E_ARGUMENT, "part '%s': %s", part->name,
                            column ? "`column:` or `columns:`, not both"
                                : "`columns:` is for table and series; give one `column:`");
    if (list)
        return bind_list(t, bind, list);
    if (column == NULL && part->type == PW_VALUE_ROW)
        return PWY_OK;
    if (column == NULL && part->type == PW_VALUE_SERIES && pw_map_find(t->columns, part->name, strlen(part->name)) < 0)
        return PWY_OK;
    snprintf(what, sizeof what, "part '%.80s'", part->name);
    PW_TRY(pw_rows_column(t, what, column ? column : part->name, option(part, "column"), &bind->column));
    return part->type == PW_VALUE_ROW ? bind_single(bind) : PWY_OK;
}

static pwy_status refuse_target(const struct pw_rows *t, const struct pw_bind *bind, int column)
{
    if (column != t->target || column < 0)
        return PWY_OK;
    return pw_fail(PWY_E_ARGUMENT,
                   "part '%s' takes column '%s', which is the target; a part is what the target is told from",
                   bind->name, pw_map_key(t->columns, column));
}

static pwy_status mark_used(const struct pw_rows *t, const struct pw_bind *bind, bool *used)
{
    PW_TRY(refuse_target(t, bind, bind->column));
    if (bind->column >= 0)
        used[bind->column] = true;
    for (int c = 0; c < bind->n_columns; c++) {
        PW_TRY(refuse_target(t, bind, bind->columns[c]));
        used[bind->columns[c]] = true;
    }
    return PWY_OK;
}

static pwy_status bind_rest(struct pw_rows *t, struct pw_bind *bind, const bool *used)
{
    bind->columns = pw_calloc((size_t)t->n_columns, sizeof *bind->columns);
    PW_NEED(bind->columns);
    for (int c = 0; c < t->n_columns; c++)
        if (!used[c])
            bind->columns[bind->n_columns++] = c;
    if (bind->n_columns > 0)
        return PWY_OK;
    return pw_fail(PWY_E_ARGUMENT, "part '%s': '%s' has no column left for it beside the target and the other parts'",
                   bind->name, t->path);
}

static pwy_status bind_all(struct pw_rows *t, const struct pw_want *want, bool *used)
{
    for (int p = 0; p < want->n_parts; p++) {
        t->n_bind++;
        PW_TRY(bind_part(t, &t->bind[p], &want->parts[p]));
        PW_TRY(mark_used(t, &t->bind[p], used));
    }
    if (t->target >= 0)
        used[t->target] = true;
    for (int p = 0; p < want->n_parts; p++)
        if (t->bind[p].column < 0 && t->bind[p].n_columns == 0)
            PW_TRY(bind_rest(t, &t->bind[p], used));
    return PWY_OK;
}

pwy_status pw_rows_bind(struct pw_rows *t, const struct pw_want *want)
{
    PW_TRY(bind_target(t, want));
    t->bind = pw_calloc((size_t)want->n_parts, sizeof *t->bind);
    PW_NEED(t->bind);
    bool *used = pw_calloc((size_t)t->n_columns, sizeof *used);
    PW_NEED(used);
    pwy_status status = bind_all(t, want, used);
    free(used);
    return status;
}

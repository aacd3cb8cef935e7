/* Which rows of a table to keep: where: {column: value}, {column: [value, ...]} or {column: {not: ...}}. One scan
   builds the index. */
#include "data/read.h"

#include <stdlib.h>
#include <string.h>

struct condition { int column; bool not; const struct pw_node *values; };

static pwy_status check_values(const struct pw_node *values)
{
    bool good = values->kind != PW_MAP;
    for (int v = 0; good && values->kind == PW_LIST && v < values->n; v++)
        good = values->item[v]->kind == PW_SCALAR;
    return good ? PWY_OK
        : pw_node_fail(values, PWY_E_ARGUMENT, "`where:` takes a value, a list of values, or {not: ...} for a column");
}

static pwy_status read_condition(const struct pw_rows *t, const char *name, const struct pw_node *values,
                                 struct condition *out)
{
    PW_TRY(pw_rows_column(t, "where", name, values, &out->column));
    const struct pw_node *inner = values->kind == PW_MAP && values->n == 1 ? pw_node_get(values, "not") : NULL;
    out->not = inner != NULL;
    out->values = inner ? inner : values;
    return check_values(out->values);
}

static bool equals(const struct pw_field *f, const struct pw_node *value)
{
    int64_t len = f->text ? f->len : 0;
    return (int64_t)strlen(value->text) == len && memcmp(value->text, f->text ? f->text : "", (size_t)len) == 0;
}

static bool holds(const struct condition *c, const struct pw_field *f)
{
    bool any = c->values->kind == PW_SCALAR && equals(f, c->values);
    for (int v = 0; !any && v < c->values->n; v++)
        any = equals(f, c->values->item[v]);
    return any != c->not;
}

/* A row that cannot be cut into cells is kept: reading it says what is wrong. */
static bool keeps(struct pw_rows *t, const char *at, int64_t line, const struct condition *conditions, int n)
{
    if (n == 0 || pw_rows_split(t, at, line) != PWY_OK)
        return true;
    for (int c = 0; c < n; c++)
        if (!holds(&conditions[c], &t->fields[conditions[c].column]))
            return false;
    return true;
}

static bool blank(const char *at, const char *next)
{
    while (at < next && (*at == '\n' || *at == '\r'))
        at++;
    return at == next;
}

static pwy_status scan(struct pw_rows *t, const struct condition *conditions, int n)
{
    const char *end = t->map.data + t->map.len;
    int64_t line = t->first_line;
    for (const char *at = t->first; at < end; ) {
        int64_t lines = 0;
        const char *next = t->form->next(at, end, &lines);
        if (!blank(at, next) && keeps(t, at, line, conditions, n))
            PW_TRY(pw_index_add(&t->index, (uint64_t)(at - t->map.data), line));
        line += lines;
        at = next;
    }
    pw_index_trim(&t->index);
    return PWY_OK;
}

static pwy_status scan_where(struct pw_rows *t, const struct pw_node *where, struct condition *conditions)
{
    for (int c = 0; c < where->n; c++)
        PW_TRY(read_condition(t, where->key[c], where->item[c], &conditions[c]));
    PW_TRY(scan(t, conditions, where->n));
    if (t->index.n > 0)
        return PWY_OK;
    return pw_node_fail(where, PWY_E_NOT_FOUND, "`where:` keeps no row of '%s'", t->path);
}

pwy_status pw_rows_where(struct pw_rows *t, const struct pw_node *where)
{
    if (where == NULL)
        return scan(t, NULL, 0);
    if (where->kind != PW_MAP || where->n == 0)
        return pw_node_fail(where, PWY_E_ARGUMENT, "`where:` is a map, {column: value}");
    struct condition *conditions = pw_calloc((size_t)where->n, sizeof *conditions);
    PW_NEED(conditions);
    pwy_status status = scan_where(t, where, conditions);
    free(conditions);
    return status;
}

/* Settings out of a map by a table. Everything is checked first, then put in place. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "base/mem.h"
#include "base/node.h"
#include "base/num.h"

static const struct pw_option *find(const struct pw_option *table, const char *name)
{
    for (; table->name != NULL; table++)
        if (strcmp(table->name, name) == 0)
            return table;
    return NULL;
}

/* "a, b, c" of the table's names. */
static void list_names(const struct pw_option *table, struct pw_buf *buf)
{
    for (int i = 0; table[i].name != NULL; i++)
        if (pw_buf_printf(buf, i > 0 ? ", %s" : "%s", table[i].name) != PWY_OK)
            return;
}

static pwy_status fail_unknown(const struct pw_node *at, const char *what, const char *name,
                               const struct pw_option *table)
{
    const char *names[128] = { NULL };
    for (int i = 0; i < 127 && table[i].name != NULL; i++)
        names[i] = table[i].name;
    const char *near = pw_nearest(name, names);
    if (near != NULL)
        return pw_node_fail(at, PWY_E_ARGUMENT, "%s: unknown setting '%s'; did you mean '%s'?", what, name, near);
    struct pw_buf buf = { 0 };
    list_names(table, &buf);
    pw_node_fail(at, PWY_E_ARGUMENT, "%s: unknown setting '%s'; there are: %s", what, name,
                 buf.data ? buf.data : "none");
    pw_buf_free(&buf);
    return PWY_E_ARGUMENT;
}

/* Says what was found in the place of `wanted`. */
static pwy_status fail_value(const struct pw_node *node, const char *what, const char *name, const char *wanted)
{
    if (node->kind != PW_SCALAR)
        return pw_node_fail(node, PWY_E_ARGUMENT, "%s: '%s' is a %s; it must be %s", what, name,
                            node->kind == PW_LIST ? "list" : "map", wanted);
    return pw_node_fail(node, PWY_E_ARGUMENT, "%s: '%s' is %s%s%s; it must be %s", what, name,
                        node->quoted ? "\"" : "'", node->text, node->quoted ? "\" in quotes" : "'", wanted);
}

static pwy_status fail_range(const struct pw_node *node, const char *what, const struct pw_option *option)
{
    char low[40], high[40];
    pw_format_double(low, sizeof low, option->min);
    pw_format_double(high, sizeof high, option->max);
    const char *kind = option->type == PW_OPT_INT ? "whole number" : "number";
    if (isinf(option->max))
        return pw_node_fail(node, PWY_E_ARGUMENT, "%s: '%s' is %s; it must be a finite %s of at least %s", what,
                            option->name, node->text, kind, low);
    return pw_node_fail(node, PWY_E_ARGUMENT, "%s: '%s' is %s; it must be a %s from %s to %s", what, option->name,
                        node->text, kind, low, high);
}

/* A table without a range (min and max equal) takes any finite number. */
static bool in_range(const struct pw_option *option, double value)
{
    return isfinite(value) && (option->min >= option->max || (value >= option->min && value <= option->max));
}

static pwy_status read_int(const struct pw_node *node, const char *what, const struct pw_option *option, int64_t *out)
{
    int64_t value;
    if (node->kind != PW_SCALAR || node->quoted || !pw_parse_int(node->text, strlen(node->text), &value))
        return fail_value(node, what, option->name, "a whole number");
    if (!in_range(option, (double)value))
        return fail_range(node, what, option);
    *out = value;
    return PWY_OK;
}

static pwy_status read_number(const struct pw_node *node, const char *what, const struct pw_option *option, double *out)
{
    double value;
    if (node->kind != PW_SCALAR || node->quoted || !pw_parse_double(node->text, strlen(node->text), &value))
        return fail_value(node, what, option->name, "a number");
    if (!isfinite(value))
        return fail_value(node, what, option->name, "a finite number");
    if (!in_range(option, value))
        return fail_range(node, what, option);
    *out = value;
    return PWY_OK;
}

static pwy_status read_flag(const struct pw_node *node, const char *what, const char *name, bool *out)
{
    static const char *const yes[] = { "true", "yes", "on" }, *const no[] = { "false", "no", "off" };
    for (int i = 0; i < 3 && node->kind == PW_SCALAR && !node->quoted; i++)
        if (strcmp(node->text, yes[i]) == 0 || strcmp(node->text, no[i]) == 0) {
            *out = strcmp(node->text, yes[i]) == 0;
            return PWY_OK;
        }
    return fail_value(node, what, name, "true or false");
}

static pwy_status read_word(const struct pw_node *node, const char *what, const struct pw_option *option, int64_t *out)
{
    struct pw_buf list = {0};
    for (int64_t i = 0; node->kind == PW_SCALAR && option->words[i] != NULL; i++) {
        if (strcmp(node->text, option->words[i]) != 0) continue;
        *out = i;
        return PWY_OK;
    }
    for (int i = 0; option->words[i] != NULL; i++)
        PW_TRY(pw_buf_printf(&list, "%s%s", i == 0 ? "" : option->words[i + 1] == NULL ? " or " : ", ",
                             option->words[i]));
    pwy_status status = fail_value(node, what, option->name, list.data);
    pw_buf_free(&list);
    return status;
}

static pwy_status put_text(const struct pw_node *node, char **out)
{
    char *text = pw_strdup(node->text);
    PW_NEED(text);
    free(*out);
    *out = text;
    return PWY_OK;
}

/* into NULL: only checks. */
static pwy_status read_one(const struct pw_node *node, const char *what, const struct pw_option *option, char *into)
{
    union { int64_t i; double d; bool b; } spare;
    void *to = into != NULL ? into + option->offset : (void *)&spare;
    switch (option->type) {
    case PW_OPT_INT:
        return read_int(node, what, option, to);
    case PW_OPT_NUMBER:
        return read_number(node, what, option, to);
    case PW_OPT_FLAG:
        return read_flag(node, what, option->name, to);
    case PW_OPT_TEXT:
        if (node->kind != PW_SCALAR)
            return fail_value(node, what, option->name, "a text");
        return into != NULL ? put_text(node, to) : PWY_OK;
    case PW_OPT_WORD:
        return read_word(node, what, option, to);
    case PW_OPT_NODE:
        if (into != NULL)
            *(const struct pw_node **)to = node;
        return PWY_OK;
    }
    return PWY_OK;
}

pwy_status pw_options_read(const struct pw_node *map, const char *what, const struct pw_option *table, void *into)
{
    if (map == NULL)
        return PWY_OK;
    if (map->kind != PW_MAP)
        return pw_node_fail(map, PWY_E_ARGUMENT, "%s must be a map of settings (name: value)", what);
    for (int i = 0; i < map->n; i++) {
        const struct pw_option *option = find(table, map->key[i]);
        if (option == NULL)
            return fail_unknown(map->item[i], what, map->key[i], table);
        PW_TRY(read_one(map->item[i], what, option, NULL));
    }
    for (int i = 0; i < map->n; i++)
        PW_TRY(read_one(map->item[i], what, find(table, map->key[i]), into));
    return PWY_OK;
}

void pw_options_release(const struct pw_option *table, void *into)
{
    for (; table->name != NULL; table++)
        if (table->type == PW_OPT_TEXT) {
            char **text = (char **)((char *)into + table->offset);
            free(*text);
            *text = NULL;
        }
}

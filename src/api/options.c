/* pwy_options_...: a map of scalars over base/node.h. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/mem.h"
#include "base/node.h"
#include "base/num.h"

static pwy_status fail_null(const char *function, const char *argument)
{
    return pw_fail(PWY_E_ARGUMENT, "%s: %s is NULL", function, argument);
}

/* Takes map, also on failure. */
static pwy_status wrap(struct pw_node *map, pwy_options **out)
{
    pwy_options *options = pw_calloc(1, sizeof *options);
    if (options == NULL) {
        pw_node_free(map);
        return PWY_E_NOMEM;
    }
    options->map = map;
    *out = options;
    return PWY_OK;
}

pwy_status pwy_options_new(pwy_options **out)
{
    if (out == NULL)
        return fail_null("pwy_options_new", "out");
    struct pw_node *map = pw_node_new(PW_MAP);
    PW_NEED(map);
    return wrap(map, out);
}

/* "d: 128, layers: 4" in one line is the inside of a flow map; anything longer stands as it is. */
static pwy_status parse(const char *text, struct pw_node **out)
{
    size_t len = strlen(text);
    while (len > 0 && strchr(" \t\r\n", text[len - 1]) != NULL)
        len--;
    pwy_status status = pw_node_from_yaml(text, len, NULL, out);
    if (status != PWY_E_FORMAT || memchr(text, '\n', len) != NULL || text[strspn(text, " \t")] == '{')
        return status;
    char *flow = pw_printf("{%.*s}", (int)len, text);
    PW_NEED(flow);
    status = pw_node_from_yaml(flow, strlen(flow), NULL, out);
    free(flow);
    return status;
}

pwy_status pwy_options_parse(const char *text, pwy_options **out)
{
    struct pw_node *map = NULL;
    if (text == NULL || out == NULL)
        return fail_null("pwy_options_parse", text == NULL ? "text" : "out");
    PW_TRY(parse(text, &map));
    if (map->kind != PW_MAP) {
        pw_node_free(map);
        return pw_fail(PWY_E_FORMAT, "options must be a map, as in \"d: 128, layers: 4\"");
    }
    return wrap(map, out);
}

static pwy_status put(pwy_options *options, const char *function, const char *name, const char *value)
{
    if (options == NULL || name == NULL || value == NULL)
        return fail_null(function, options == NULL ? "options" : name == NULL ? "name" : "value");
    if (name[0] == 0)
        return pw_fail(PWY_E_ARGUMENT, "%s: name is empty; it must name a setting", function);
    struct pw_node *node = pw_node_text(value, false);
    PW_NEED(node);
    return pw_node_put(options->map, name, node);
}

pwy_status pwy_options_set(pwy_options *options, const char *name, const char *value)
{
    return put(options, "pwy_options_set", name, value);
}

pwy_status pwy_options_set_int(pwy_options *options, const char *name, int64_t value)
{
    char text[24];
    snprintf(text, sizeof text, "%" PRId64, value);
    return put(options, "pwy_options_set_int", name, text);
}

pwy_status pwy_options_set_number(pwy_options *options, const char *name, double value)
{
    char text[40];
    pw_format_double(text, sizeof text, value);
    if (!isfinite(value))
        return pw_fail(PWY_E_ARGUMENT, "pwy_options_set_number: '%s' is %s; it must be finite",
                       name != NULL ? name : "(NULL)", text);
    return put(options, "pwy_options_set_number", name, text);
}

pwy_status pwy_options_set_flag(pwy_options *options, const char *name, int value)
{
    return put(options, "pwy_options_set_flag", name, value ? "true" : "false");
}

pwy_status pwy_options_unset(pwy_options *options, const char *name)
{
    if (options == NULL || name == NULL)
        return fail_null("pwy_options_unset", options == NULL ? "options" : "name");
    pw_node_remove(options->map, name);
    return PWY_OK;
}

pwy_status pwy_options_merge(pwy_options *options, const pwy_options *from)
{
    if (options == NULL)
        return fail_null("pwy_options_merge", "options");
    for (int i = 0; from != NULL && i < from->map->n; i++)
        PW_TRY(pw_node_put_copy(options->map, from->map->key[i], from->map->item[i]));
    return PWY_OK;
}

void pwy_options_free(pwy_options *options)
{
    if (options == NULL)
        return;
    pw_node_free(options->map);
    free(options);
}

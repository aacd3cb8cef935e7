/* Building a tree of settings: the usual values in one call each. */
#include <math.h>
#include <stdio.h>
#include "base/node.h"
#include "base/num.h"

/* Puts under key, or adds to a list where key is NULL. */
static pwy_status place(struct pw_node *into, const char *key, const char *text, bool quoted)
{
    struct pw_node *node = pw_node_text(text, quoted);
    PW_NEED(node);
    return key != NULL ? pw_node_put(into, key, node) : pw_node_add(into, node);
}

static pwy_status place_number(struct pw_node *into, const char *key, double number)
{
    char text[40];
    pw_format_double(text, sizeof text, number);
    return place(into, key, isfinite(number) ? text : "null", false);
}

static pwy_status place_int(struct pw_node *into, const char *key, int64_t number)
{
    char text[24];
    snprintf(text, sizeof text, "%lld", (long long)number);
    return place(into, key, text, false);
}

static pwy_status place_new(struct pw_node *into, const char *key, enum pw_node_kind kind, struct pw_node **out)
{
    struct pw_node *node = pw_node_new(kind);
    PW_NEED(node);
    PW_TRY(key != NULL ? pw_node_put(into, key, node) : pw_node_add(into, node));
    *out = node;
    return PWY_OK;
}

pwy_status pw_node_put_text(struct pw_node *map, const char *key, const char *text)
{
    return text == NULL ? PWY_OK : place(map, key, text, true);
}

pwy_status pw_node_put_word(struct pw_node *map, const char *key, const char *word)
{
    return place(map, key, word, false);
}

pwy_status pw_node_put_number(struct pw_node *map, const char *key, double number)
{
    return place_number(map, key, number);
}

pwy_status pw_node_put_int(struct pw_node *map, const char *key, int64_t number)
{
    return place_int(map, key, number);
}

pwy_status pw_node_put_flag(struct pw_node *map, const char *key, bool flag)
{
    return place(map, key, flag ? "true" : "false", false);
}

pwy_status pw_node_put_copy(struct pw_node *map, const char *key, const struct pw_node *value)
{
    struct pw_node *copy;
    if (value == NULL) return PWY_OK;
    PW_NEED(copy = pw_node_copy(value));
    return pw_node_put(map, key, copy);
}

pwy_status pw_node_put_new(struct pw_node *map, const char *key, enum pw_node_kind kind, struct pw_node **out)
{
    return place_new(map, key, kind, out);
}

pwy_status pw_node_add_text(struct pw_node *list, const char *text)
{
    return place(list, NULL, text, true);
}

pwy_status pw_node_add_number(struct pw_node *list, double number)
{
    return place_number(list, NULL, number);
}

pwy_status pw_node_add_int(struct pw_node *list, int64_t number)
{
    return place_int(list, NULL, number);
}

pwy_status pw_node_add_new(struct pw_node *list, enum pw_node_kind kind, struct pw_node **out)
{
    return place_new(list, NULL, kind, out);
}

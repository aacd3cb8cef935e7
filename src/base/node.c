/* The tree of settings itself. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/mem.h"
#include "base/node.h"

struct pw_node *pw_node_new(enum pw_node_kind kind)
{
    struct pw_node *node = pw_calloc(1, sizeof *node);
    if (node != NULL)
        node->kind = kind;
    return node;
}

struct pw_node *pw_node_text(const char *text, bool quoted)
{
    struct pw_node *node = pw_node_new(PW_SCALAR);
    if (node == NULL)
        return NULL;
    node->quoted = quoted;
    node->text = pw_strdup(text);
    if (node->text != NULL)
        return node;
    pw_node_free(node);
    return NULL;
}

void pw_node_free(struct pw_node *node)
{
    if (node == NULL)
        return;
    for (int i = 0; i < node->n; i++) {
        pw_node_free(node->item[i]);
        if (node->kind == PW_MAP)
            free(node->key[i]);
    }
    free(node->item);
    free(node->key);
    free(node->text);
    free(node->file);
    free(node);
}

static int find(const struct pw_node *map, const char *key)
{
    for (int i = 0; i < map->n; i++)
        if (strcmp(map->key[i], key) == 0)
            return i;
    return -1;
}

struct pw_node *pw_node_get(const struct pw_node *map, const char *key)
{
    if (map == NULL || map->kind != PW_MAP)
        return NULL;
    int at = find(map, key);
    return at >= 0 ? map->item[at] : NULL;
}

static pwy_status reserve(struct pw_node *node)
{
    if (node->n < node->cap)
        return PWY_OK;
    int cap = node->cap == 0 ? 4 : node->cap * 2;
    struct pw_node **item = pw_realloc(node->item, (size_t)cap, sizeof *item);
    PW_NEED(item);
    node->item = item;
    if (node->kind == PW_MAP) {
        char **key = pw_realloc(node->key, (size_t)cap, sizeof *key);
        PW_NEED(key);
        node->key = key;
    }
    node->cap = cap;
    return PWY_OK;
}

/* Without a look for the key, which the caller knows to be new. */
static pwy_status append(struct pw_node *node, const char *key, struct pw_node *value)
{
    char *kept = key != NULL ? pw_strdup(key) : NULL;
    if ((key != NULL && kept == NULL) || reserve(node) != PWY_OK) {
        free(kept);
        pw_node_free(value);
        return PWY_E_NOMEM;
    }
    if (key != NULL)
        node->key[node->n] = kept;
    node->item[node->n++] = value;
    return PWY_OK;
}

pwy_status pw_node_put(struct pw_node *map, const char *key, struct pw_node *value)
{
    int at = find(map, key);
    if (at < 0)
        return append(map, key, value);
    pw_node_free(map->item[at]);
    map->item[at] = value;
    return PWY_OK;
}

void pw_node_remove(struct pw_node *map, const char *key)
{
    int at = 0;
    while (at < map->n && strcmp(map->key[at], key) != 0)
        at++;
    if (at == map->n)
        return;
    pw_node_free(map->item[at]);
    free(map->key[at]);
    map->n--;
    memmove(map->item + at, map->item + at + 1, (size_t)(map->n - at) * sizeof *map->item);
    memmove(map->key + at, map->key + at + 1, (size_t)(map->n - at) * sizeof *map->key);
}

pwy_status pw_node_add(struct pw_node *list, struct pw_node *value)
{
    return append(list, NULL, value);
}

static struct pw_node *copy_items(struct pw_node *copy, const struct pw_node *node)
{
    for (int i = 0; i < node->n; i++) {
        struct pw_node *item = pw_node_copy(node->item[i]);
        if (item == NULL || append(copy, node->kind == PW_MAP ? node->key[i] : NULL, item) != PWY_OK) {
            pw_node_free(copy);
            return NULL;
        }
    }
    return copy;
}

struct pw_node *pw_node_copy(const struct pw_node *node)
{
    struct pw_node *copy = pw_node_new(node->kind);
    if (copy == NULL)
        return NULL;
    copy->quoted = node->quoted;
    copy->line = node->line;
    copy->text = node->text != NULL ? pw_strdup(node->text) : NULL;
    copy->file = node->file != NULL ? pw_strdup(node->file) : NULL;
    if ((node->text != NULL && copy->text == NULL) || (node->file != NULL && copy->file == NULL)) {
        pw_node_free(copy);
        return NULL;
    }
    return copy_items(copy, node);
}

pwy_status pw_node_fail(const struct pw_node *node, pwy_status status, const char *format, ...)
{
    char message[1024];
    va_list args;
    va_start(args, format);
    vsnprintf(message, sizeof message, format, args);
    va_end(args);
    if (node == NULL)
        return pw_fail(status, "%s", message);
    return pw_fail_at(status, node->file, node->line, "%s", message);
}

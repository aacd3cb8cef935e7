/* A split that the program asks for: path, target and options become what a recipe would say. */
#include <stdlib.h>
#include <string.h>
#include "task/task.h"

/* What a task knows of its files; all owned. */
struct how { char *target, *missing; struct pw_node *columns; };

static void free_how(struct how *h)
{
    free(h->target);
    free(h->missing);
    pw_node_free(h->columns);
}

static void swap_how(struct pwy_task *t, struct how *h)
{
    struct how old = {t->target, t->missing, t->columns};
    t->target = h->target;
    t->missing = h->missing;
    t->columns = h->columns;
    *h = old;
}

static pwy_status copy_text(char **to, const char *given, const char *old)
{
    const char *text = given != NULL ? given : old;
    if (text != NULL) PW_NEED(*to = pw_strdup(text));
    return PWY_OK;
}

/* The task's own settings where nothing new is given. */
static pwy_status make_how(const struct pwy_task *t, const char *target, const struct pw_node *options, struct how *h)
{
    const struct pw_node *missing = pw_node_get(options, "missing"), *columns = pw_node_get(options, "columns");
    if (missing != NULL && missing->kind != PW_SCALAR)
        return pw_node_fail(missing, PWY_E_ARGUMENT, "'missing' is the text that stands for a missing value");
    if (columns != NULL && columns->kind != PW_LIST)
        return pw_node_fail(columns, PWY_E_ARGUMENT, "'columns' is a list of names");
    PW_TRY(copy_text(&h->target, target, t->target));
    PW_TRY(copy_text(&h->missing, missing != NULL ? missing->text : NULL, t->missing));
    if (columns == NULL) columns = t->columns;
    if (columns != NULL) PW_NEED(h->columns = pw_node_copy(columns));
    return PWY_OK;
}

/* The options that say where the rows are: all but columns and missing. */
static pwy_status copy_rest(const struct pw_node *options, struct pw_node *map)
{
    for (int i = 0; options != NULL && i < options->n; i++) {
        if (strcmp(options->key[i], "columns") == 0 || strcmp(options->key[i], "missing") == 0) continue;
        PW_TRY(pw_node_put_copy(map, options->key[i], options->item[i]));
    }
    return PWY_OK;
}

/* Completes the map by path and target. *target becomes NULL where it is no column but belongs to the map. */
static pwy_status complete(struct pw_node *map, const char *path, const char **target)
{
    bool rows_of_table = map->n == 1 && pw_node_get(map, "where") != NULL;
    if (path != NULL && rows_of_table) return pw_node_put_text(map, "table", path);
    if (path != NULL)
        return pw_fail(PWY_E_ARGUMENT, "the path '%s' and the option '%s' both say where the rows are; one is right",
                       path, map->key[0]);
    if (*target == NULL || pw_node_get(map, "table") != NULL || pw_node_get(map, "target") != NULL) return PWY_OK;
    PW_TRY(pw_node_put_text(map, "target", *target));
    *target = NULL;
    return PWY_OK;
}

static pwy_status make_where(const char *path, const char **target, const struct pw_node *options, struct pw_node **out)
{
    struct pw_node *map = pw_node_new(PW_MAP);
    PW_NEED(map);
    pwy_status status = copy_rest(options, map);
    if (status == PWY_OK && map->n > 0) status = complete(map, path, target);
    if (status == PWY_OK && map->n > 0) {
        *out = map;
        return PWY_OK;
    }
    pw_node_free(map);
    PW_TRY(status);
    if (path == NULL) return pw_fail(PWY_E_ARGUMENT, "neither a path nor an option says where the rows are");
    PW_NEED(*out = pw_node_text(path, true));
    return PWY_OK;
}

/* Opens with the new settings in place; they go again on failure. */
static pwy_status open_with(struct pwy_task *t, pwy_split split, struct how *h, const struct pw_node *where)
{
    swap_how(t, h);
    pwy_status status = pw_task_open(t, split, NULL, where);
    if (status != PWY_OK) swap_how(t, h);
    return status;
}

pwy_status pw_task_read(struct pwy_task *t, pwy_split split, const char *path, const char *target,
                        const struct pw_node *options)
{
    struct pw_node *where = NULL;
    struct how h = {0};
    pwy_status status = make_where(path, &target, options, &where);
    if (status == PWY_OK) status = make_how(t, target, options, &h);
    if (status == PWY_OK) status = open_with(t, split, &h, where);
    pw_node_free(where);
    free_how(&h);
    return status;
}

/* A recipe as a whole: the top words, and which tasks are taken. */
#include <stdlib.h>
#include <string.h>
#include "recipe/recipe.h"
#include "sys/file.h"

/* How it is to be read. */
struct ask { char *data; bool sources, skip_unsupported; const struct pw_node *only; };
static const struct pw_option ask_words[] = {
    {"data", PW_OPT_TEXT, offsetof(struct ask, data), 0, 0},
    {"sources", PW_OPT_FLAG, offsetof(struct ask, sources), 0, 0},
    {"skip_unsupported", PW_OPT_FLAG, offsetof(struct ask, skip_unsupported), 0, 0},
    {"only", PW_OPT_NODE, offsetof(struct ask, only), 0, 0}, {0}
};

/* The top of a recipe; nodes are borrowed from its tree. */
struct top { const struct pw_node *data, *model, *train, *tasks; };
static const struct pw_option top_words[] = {
    {"data", PW_OPT_NODE, offsetof(struct top, data), 0, 0}, {"model", PW_OPT_NODE, offsetof(struct top, model), 0, 0},
    {"train", PW_OPT_NODE, offsetof(struct top, train), 0, 0},
    {"tasks", PW_OPT_NODE, offsetof(struct top, tasks), 0, 0}, {0}
};

static pwy_status read_tree(const char *path, struct pw_node **out)
{
    struct pw_mapping file;
    PW_TRY(pw_map_open(path, &file));
    pwy_status status = pw_node_from_yaml(file.data, file.len, path, out);
    pw_map_close(&file);
    return status;
}

/* The folder that paths start from: the option, else `data:`, else the recipe's own. */
static pwy_status find_folder(const char *path, const struct ask *ask, struct pw_node *data, char **out)
{
    if (ask->data != NULL) {
        PW_NEED(*out = pw_strdup(ask->data));
        return PWY_OK;
    }
    char *own = pw_path_folder(path);
    PW_NEED(own);
    if (data == NULL) {
        *out = own;
        return PWY_OK;
    }
    pwy_status status = data->kind == PW_SCALAR && data->text[0] != '\0' ? pw_recipe_expand(data)
        : pw_node_fail(data, PWY_E_ARGUMENT, "'data' is the folder that paths start from");
    if (status == PWY_OK && (*out = pw_path_join(own, data->text)) == NULL) status = PWY_E_NOMEM;
    free(own);
    return status;
}

/* A map that is handed on unread, expanded; an empty one where the recipe has none. */
static pwy_status take_map(struct pw_node *map, const char *word, struct pw_node **out)
{
    if (map == NULL) {
        PW_NEED(*out = pw_node_new(PW_MAP));
        return PWY_OK;
    }
    if (map->kind != PW_MAP) return pw_node_fail(map, PWY_E_ARGUMENT, "'%s' is a map of settings", word);
    PW_TRY(pw_recipe_expand(map));
    PW_NEED(*out = pw_node_copy(map));
    return PWY_OK;
}

/* --- which tasks --- */

static bool names(const struct pw_node *only, const char *name)
{
    if (only == NULL) return true;
    if (only->kind == PW_SCALAR) return strcmp(only->text, name) == 0;
    for (int i = 0; i < only->n; i++)
        if (only->item[i]->kind == PW_SCALAR && strcmp(only->item[i]->text, name) == 0) return true;
    return false;
}

static pwy_status check_name(const struct pw_node *tasks, const struct pw_node *name)
{
    if (name->kind != PW_SCALAR) return pw_node_fail(name, PWY_E_ARGUMENT, "'only' is a list of tasks' names");
    if (pw_node_get(tasks, name->text) != NULL) return PWY_OK;
    const char **words = pw_calloc((size_t)tasks->n + 1, sizeof *words);
    PW_NEED(words);
    for (int i = 0; i < tasks->n; i++) words[i] = tasks->key[i];
    const char *near = pw_nearest(name->text, words);
    free(words);
    if (near != NULL)
        return pw_node_fail(tasks, PWY_E_NOT_FOUND, "there is no task '%s'; the nearest is '%s'", name->text, near);
    return pw_node_fail(tasks, PWY_E_NOT_FOUND, "there is no task '%s'", name->text);
}

static pwy_status check_only(const struct pw_node *tasks, const struct pw_node *only)
{
    if (only == NULL) return PWY_OK;
    if (only->kind == PW_SCALAR) return check_name(tasks, only);
    if (only->kind != PW_LIST || only->n == 0)
        return pw_node_fail(only, PWY_E_ARGUMENT, "'only' is a list of tasks' names");
    for (int i = 0; i < only->n; i++) PW_TRY(check_name(tasks, only->item[i]));
    return PWY_OK;
}

/* With skip_unsupported, a task that this build cannot do is left out with a warning. */
static pwy_status add_task(pwy_registry *r, const struct pw_recipe_place *place, const struct ask *ask,
                           const char *name, struct pw_node *map)
{
    int before = r->n;
    pwy_status status = pw_recipe_task(r, place, name, map);
    if (status != PWY_E_UNSUPPORTED || !ask->skip_unsupported || r->n != before) return status;
    pw_log(r->ctx, PWY_LOG_WARNING, "left out: %s", pwy_error_message());
    return PWY_OK;
}

static pwy_status add_tasks(pwy_registry *r, const struct pw_recipe_place *place, const struct ask *ask,
                            const struct pw_node *tasks)
{
    if (tasks->kind != PW_MAP || tasks->n == 0)
        return pw_node_fail(tasks, PWY_E_ARGUMENT, "'tasks' is a map of at least one task by its name");
    PW_TRY(check_only(tasks, ask->only));
    for (int i = 0; i < tasks->n; i++)
        if (names(ask->only, tasks->key[i])) PW_TRY(add_task(r, place, ask, tasks->key[i], tasks->item[i]));
    if (r->n == 0) return pw_node_fail(tasks, PWY_E_UNSUPPORTED, "none of the tasks is supported yet");
    return PWY_OK;
}

/* --- the whole --- */

static pwy_status fill(pwy_recipe *recipe, const char *path, const struct ask *ask, struct pw_node *tree)
{
    struct top top = {0};
    char *folder = NULL;
    if (tree->kind != PW_MAP || tree->n == 0)
        return pw_fail_at(PWY_E_FORMAT, path, 0, "a recipe is a map with the word 'tasks'");
    PW_TRY(pw_options_read(tree, "recipe", top_words, &top));
    if (top.tasks == NULL) return pw_fail_at(PWY_E_FORMAT, path, 0, "the word 'tasks' is missing");
    PW_TRY(take_map(pw_node_get(tree, "model"), "model", &recipe->model.map));
    PW_TRY(take_map(pw_node_get(tree, "train"), "train", &recipe->train.map));
    PW_TRY(find_folder(path, ask, pw_node_get(tree, "data"), &folder));
    struct pw_recipe_place place = {.folder = folder, .sources = ask->sources};
    pwy_status status = add_tasks(recipe->registry, &place, ask, top.tasks);
    free(folder);
    return status;
}

static pwy_status read_recipe(pwy_context *ctx, const char *path, const struct ask *ask, pwy_recipe **out)
{
    struct pw_node *tree;
    pwy_recipe *recipe;
    PW_TRY(read_tree(path, &tree));
    recipe = pw_calloc(1, sizeof *recipe);
    pwy_status status = recipe == NULL ? PWY_E_NOMEM : pw_registry_make(ctx, &recipe->registry);
    if (status == PWY_OK) status = fill(recipe, path, ask, tree);
    pw_node_free(tree);
    if (status == PWY_OK) *out = recipe;
    else pw_recipe_release(recipe);
    return status;
}

pwy_status pw_recipe_read(pwy_context *ctx, const char *path, const struct pw_node *options, pwy_recipe **out)
{
    struct ask ask = {.sources = true};
    pwy_status status = pw_options_read(options, "recipe options", ask_words, &ask);
    if (status == PWY_OK) status = read_recipe(ctx, path, &ask, out);
    pw_options_release(ask_words, &ask);
    return status;
}

void pw_recipe_release(pwy_recipe *recipe)
{
    if (recipe == NULL) return;
    pw_registry_release(recipe->registry);
    pw_node_free(recipe->model.map);
    pw_node_free(recipe->train.map);
    free(recipe);
}

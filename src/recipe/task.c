/* One task of a recipe: its words, then its files. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "recipe/recipe.h"

/* What stands below a task's name. Texts are owned until pw_options_release, nodes are the recipe's. */
struct words {
    char *kind, *target, *missing, *metric;
    const struct pw_node *parts, *columns, *labels, *split, *file[3];
    double weight;
};
#define WORD(name, type, field, min, max) {name, type, offsetof(struct words, field), min, max}
static const struct pw_option task_words[] = {
    WORD("kind", PW_OPT_TEXT, kind, 0, 0), WORD("parts", PW_OPT_NODE, parts, 0, 0),
    WORD("target", PW_OPT_TEXT, target, 0, 0), WORD("columns", PW_OPT_NODE, columns, 0, 0),
    WORD("missing", PW_OPT_TEXT, missing, 0, 0), WORD("train", PW_OPT_NODE, file[PWY_TRAIN], 0, 0),
    WORD("valid", PW_OPT_NODE, file[PWY_VALID], 0, 0), WORD("test", PW_OPT_NODE, file[PWY_TEST], 0, 0),
    WORD("split", PW_OPT_NODE, split, 0, 0), WORD("metric", PW_OPT_TEXT, metric, 0, 0),
    WORD("weight", PW_OPT_NUMBER, weight, 0, 1e9), WORD("labels", PW_OPT_NODE, labels, 0, 0), {0}
};
static const struct pw_option split_words[] = {
    {"test", PW_OPT_NUMBER, offsetof(struct pw_cut, test), 0, 1},
    {"valid", PW_OPT_NUMBER, offsetof(struct pw_cut, valid), 0, 1},
    {"seed", PW_OPT_INT, offsetof(struct pw_cut, seed), 0, 9e15}, {0}
};

/* Gives the last error the place of `at`, unless it names a place in the recipe already. */
static pwy_status blame(const struct pw_node *at, pwy_status status)
{
    if (status == PWY_OK || status == PWY_E_NOMEM || at == NULL || at->file == NULL) return status;
    pwy_error *error = pwy_error_last();
    PW_NEED(error);
    const char *file = pwy_error_file(error);
    if (file == NULL || strcmp(file, at->file) != 0) status = pw_node_fail(at, status, "%s", pwy_error_text(error));
    pwy_error_free(error);
    return status;
}

static bool is_list_of_texts(const struct pw_node *node)
{
    bool right = node->kind == PW_LIST && node->n > 0;
    for (int i = 0; right && i < node->n; i++) right = node->item[i]->kind == PW_SCALAR;
    return right;
}

/* --- parts --- */

/* The sense of a part that is `text` or `{sense: bytes, record: 1024}`. */
static pwy_status sense_of(const char *name, const struct pw_node *part, const char **sense)
{
    const struct pw_node *word = part->kind == PW_MAP ? pw_node_get(part, "sense") : part;
    if (word == NULL || word->kind != PW_SCALAR || word->text[0] == '\0')
        return pw_node_fail(part, PWY_E_ARGUMENT, "part '%s' needs a sense: 'text', or a map like {sense: text}", name);
    *sense = word->text;
    return PWY_OK;
}

/* A part's settings without `sense`. */
static pwy_status settings_of(const struct pw_node *part, struct pw_node **out)
{
    struct pw_node *map = pw_node_new(PW_MAP);
    pwy_status status = PWY_OK;
    PW_NEED(map);
    for (int i = 0; part->kind == PW_MAP && i < part->n && status == PWY_OK; i++) {
        if (strcmp(part->key[i], "sense") == 0) continue;
        struct pw_node *copy = pw_node_copy(part->item[i]);
        status = copy != NULL ? pw_node_put(map, part->key[i], copy) : PWY_E_NOMEM;
    }
    if (status == PWY_OK) *out = map;
    else pw_node_free(map);
    return status;
}

static pwy_status add_part(struct pwy_task *t, const char *name, const struct pw_node *part)
{
    const char *sense = NULL;
    struct pw_node *settings = NULL;
    PW_TRY(sense_of(name, part, &sense));
    PW_TRY(settings_of(part, &settings));
    pwy_status status = pw_task_add_part(t, name, sense, settings);
    pw_node_free(settings);
    return blame(part, status);
}

/* Before the task is there: a sense that is not supported leaves nothing behind. */
static pwy_status check_parts(const struct pw_node *map, const struct pw_node *parts)
{
    const char *name = NULL;
    const struct pw_sense_ops *sense;
    if (parts == NULL || parts->kind != PW_MAP || parts->n == 0)
        return pw_node_fail(parts != NULL ? parts : map, PWY_E_ARGUMENT,
                            "'parts' names what an example is made of, like {message: text}");
    for (int i = 0; i < parts->n; i++) {
        PW_TRY(sense_of(parts->key[i], parts->item[i], &name));
        PW_TRY(blame(parts->item[i], pw_sense_named(name, &sense)));
    }
    return PWY_OK;
}

static pwy_status add_parts(struct pwy_task *t, const struct pw_node *parts)
{
    for (int i = 0; i < parts->n; i++) PW_TRY(add_part(t, parts->key[i], parts->item[i]));
    return PWY_OK;
}

/* --- settings --- */

static pwy_status add_labels(struct pwy_task *t, const struct pw_node *labels)
{
    if (labels == NULL) return PWY_OK;
    if (!is_list_of_texts(labels)) return pw_node_fail(labels, PWY_E_ARGUMENT, "'labels' is a list, like [ham, spam]");
    for (int i = 0; i < labels->n; i++) PW_TRY(blame(labels->item[i], pw_task_add_label(t, labels->item[i]->text)));
    return PWY_OK;
}

static pwy_status set_columns(struct pwy_task *t, const struct pw_node *columns)
{
    if (columns == NULL) return PWY_OK;
    if (!is_list_of_texts(columns)) return pw_node_fail(columns, PWY_E_ARGUMENT, "'columns' is a list of names");
    PW_NEED(t->columns = pw_node_copy(columns));
    return PWY_OK;
}

static pwy_status set_words(struct pwy_task *t, const struct pw_node *map, const struct words *w)
{
    if (w->target != NULL) PW_NEED(t->target = pw_strdup(w->target));
    if (w->missing != NULL) PW_NEED(t->missing = pw_strdup(w->missing));
    if (w->metric != NULL) PW_TRY(blame(pw_node_get(map, "metric"), pw_task_set_metric(t, w->metric)));
    PW_TRY(blame(pw_node_get(map, "weight"), pw_task_set_weight(t, w->weight)));
    PW_TRY(set_columns(t, w->columns));
    return add_labels(t, w->labels);
}

/* --- files --- */

static pwy_status check_files(const struct pw_node *map, const struct words *w)
{
    if (w->file[PWY_TRAIN] == NULL && w->file[PWY_VALID] == NULL && w->file[PWY_TEST] == NULL)
        return pw_node_fail(map, PWY_E_ARGUMENT, "it names no file: 'train', 'valid' or 'test' does");
    if (w->split != NULL && w->split->kind != PW_MAP)
        return pw_node_fail(w->split, PWY_E_ARGUMENT, "'split' is a map, like {test: 0.2, valid: 0.1, seed: 1}");
    if (w->split != NULL && w->file[PWY_TRAIN] == NULL)
        return pw_node_fail(w->split, PWY_E_ARGUMENT, "'split' cuts 'train', and there is none");
    for (int s = PWY_VALID; s <= PWY_TEST; s++)
        if (w->file[s] != NULL && pw_node_get(w->split, pw_split_name((pwy_split)s)) != NULL)
            return pw_node_fail(w->split, PWY_E_ARGUMENT, "'%s' is a file already and cannot be cut by 'split' too",
                                pw_split_name((pwy_split)s));
    return PWY_OK;
}

static pwy_status check_shares(const struct words *w, const struct pw_cut *cut)
{
    if (cut->test + cut->valid < 1) return PWY_OK;
    return pw_node_fail(w->split, PWY_E_ARGUMENT, "test %g and valid %g leave nothing to train on", cut->test,
                        cut->valid);
}

static pwy_status open_files(struct pwy_task *t, const struct pw_recipe_place *place, const struct words *w)
{
    for (int s = 0; s < 3; s++) {
        if (w->file[s] == NULL) continue;
        pwy_status status = place->sources ? pw_task_open(t, (pwy_split)s, place->folder, w->file[s])
                                           : pw_task_where_check(t, w->file[s]);
        if (status != PWY_OK) return blame(w->file[s], status);
    }
    return PWY_OK;
}

static pwy_status take_files(struct pwy_task *t, const struct pw_recipe_place *place, const struct pw_node *map,
                             const struct words *w)
{
    struct pw_cut cut = {.seed = 1};
    PW_TRY(check_files(map, w));
    PW_TRY(pw_options_read(w->split, "split", split_words, &cut));
    PW_TRY(check_shares(w, &cut));
    PW_TRY(open_files(t, place, w));
    if (!place->sources || w->file[PWY_TRAIN] == NULL) return PWY_OK;
    return blame(w->split != NULL ? w->split : w->file[PWY_TRAIN], pw_task_cut(t, &cut));
}

/* --- the whole --- */

static pwy_status take_task(pwy_registry *r, const struct pw_recipe_place *place, const char *name,
                            const struct pw_node *map, const struct words *w)
{
    const struct pw_head_ops *head;
    struct pwy_task *t;
    if (w->kind == NULL)
        return pw_node_fail(map, PWY_E_ARGUMENT, "'kind' is missing: classify, multilabel, regress or generate");
    PW_TRY(blame(pw_node_get(map, "kind"), pw_head_named(w->kind, &head)));
    PW_TRY(check_parts(map, w->parts));
    PW_TRY(blame(map, pw_registry_add(r, name, head, &t)));
    PW_TRY(add_parts(t, w->parts));
    PW_TRY(set_words(t, map, w));
    return take_files(t, place, map, w);
}

pwy_status pw_recipe_task(pwy_registry *r, const struct pw_recipe_place *place, const char *name, struct pw_node *map)
{
    struct words w = {.weight = 1};
    if (map->kind != PW_MAP)
        return pw_node_fail(map, PWY_E_ARGUMENT, "task '%s' is a map, like {kind: classify, parts: ...}", name);
    pwy_status status = pw_recipe_expand(map);
    if (status == PWY_OK) status = pw_options_read(map, "task", task_words, &w);
    if (status == PWY_OK) status = take_task(r, place, name, map, &w);
    pw_options_release(task_words, &w);
    return status == PWY_OK || status == PWY_E_NOMEM ? status : pw_fail_task(name);
}

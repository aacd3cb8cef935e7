/* A task's files: opening a split, and cutting one source into several. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "task/task.h"

static const char *const split_names[] = {"train", "valid", "test"};

const char *pw_split_name(pwy_split split)
{
    return split_names[split];
}

/* --- opening --- */

/* A map that is none of a table or of files has parts' names and target; those forms' own words are the readers'. */
static pwy_status unknown_word(const struct pwy_task *t, const struct pw_node *at, const char *word)
{
    const char **words = pw_calloc((size_t)t->n_parts + 4, sizeof *words);
    PW_NEED(words);
    for (int p = 0; p < t->n_parts; p++) words[p] = t->parts[p].name;
    words[t->n_parts] = "target";
    words[t->n_parts + 1] = "table";
    words[t->n_parts + 2] = "files";
    const char *near = pw_nearest(word, words);
    free(words);
    if (near != NULL) return pw_node_fail(at, PWY_E_ARGUMENT, "unknown word '%s'; the nearest is '%s'", word, near);
    return pw_node_fail(at, PWY_E_ARGUMENT, "'%s' is no part of this task; its first is '%s'", word, t->parts[0].name);
}

static bool is_part(const struct pwy_task *t, const char *word)
{
    for (int p = 0; p < t->n_parts; p++)
        if (strcmp(t->parts[p].name, word) == 0) return true;
    return false;
}

static pwy_status check_map(const struct pwy_task *t, const struct pw_node *where)
{
    bool table = pw_node_get(where, "table") != NULL, files = pw_node_get(where, "files") != NULL;
    if (table && files) return pw_node_fail(where, PWY_E_ARGUMENT, "either table or files, not both");
    if (table || files) return PWY_OK;
    if (pw_node_get(where, "where") != NULL)
        return pw_node_fail(where, PWY_E_ARGUMENT, "where picks rows of a table: 'table' is missing");
    for (int i = 0; i < where->n; i++)
        if (strcmp(where->key[i], "target") != 0 && !is_part(t, where->key[i]))
            return unknown_word(t, where->item[i], where->key[i]);
    return PWY_OK;
}

/* Text that goes on with itself is one part of text; all else about parts is the readers' and the model's to say. */
static pwy_status check_parts(const struct pwy_task *t)
{
    if (t->n_parts == 0) return pw_fail(PWY_E_STATE, "it has no part; add one before its files are read");
    if (t->head->kind != PWY_GENERATE || t->target != NULL) return PWY_OK;
    if (t->n_parts == 1 && strcmp(t->parts[0].sense, "text") == 0) return PWY_OK;
    return pw_fail(PWY_E_ARGUMENT,
                   "kind generate without a target goes on with a text: it takes one part, of sense text");
}

pwy_status pw_task_where_check(const struct pwy_task *t, const struct pw_node *where)
{
    PW_TRY(check_parts(t));
    if (where->kind == PW_SCALAR && where->text[0] != '\0') return PWY_OK;
    if (where->kind == PW_MAP && where->n > 0) return check_map(t, where);
    return pw_node_fail(where, PWY_E_ARGUMENT,
                        "a path, or a map like {table: PATH, where: {column: value}}, is right");
}

pwy_status pw_task_open(struct pwy_task *t, pwy_split split, const char *folder, const struct pw_node *where)
{
    pwy_source *source;
    struct pw_want want;
    PW_TRY(pw_task_where_check(t, where));
    struct pw_want_part *parts = pw_calloc((size_t)t->n_parts, sizeof *parts);
    PW_NEED(parts);
    pwy_status status = pw_task_want(t, folder, &want, parts);
    if (status == PWY_OK) status = pw_source_open(t->registry->ctx, &want, where, &source);
    free(parts);
    PW_TRY(status);
    return pw_task_set_source(t, split, source);
}

/* --- cutting --- */

enum { DEFAULT_SEED = 1, DEFAULT_SHARE = 10, DEFAULT_LEAST = 10 };

/* Test, then valid, then what is left for training. Nothing changes on failure. */
static pwy_status cut_rows(struct pwy_task *t, uint64_t key, int64_t n_test, int64_t n_valid)
{
    pwy_source *all = t->source[PWY_TRAIN], *part[3] = {NULL};
    int64_t used = n_test + n_valid;
    pwy_status status = pw_source_slice(all, key, used, all->n, &part[PWY_TRAIN]);
    if (status == PWY_OK && n_test > 0) status = pw_source_slice(all, key, 0, n_test, &part[PWY_TEST]);
    if (status == PWY_OK && n_valid > 0) status = pw_source_slice(all, key, n_test, used, &part[PWY_VALID]);
    for (int s = 0; s < 3; s++) {
        if (part[s] == NULL) continue;
        if (status == PWY_OK) status = pw_task_set_source(t, (pwy_split)s, part[s]);
        else pw_source_release(part[s]);
    }
    return status;
}

static pwy_status check_cut(const struct pwy_task *t, const struct pw_cut *cut)
{
    if (t->source[PWY_TRAIN] == NULL) return pw_fail(PWY_E_STATE, "there are no training rows to cut");
    if (!(cut->test >= 0 && cut->valid >= 0 && cut->test + cut->valid < 1))
        return pw_fail(PWY_E_ARGUMENT, "test %g and valid %g: shares that leave something to train on are right",
                       cut->test, cut->valid);
    if (cut->test > 0 && t->source[PWY_TEST] != NULL) return pw_fail(PWY_E_STATE, "it has test rows already");
    if (cut->valid > 0 && t->source[PWY_VALID] != NULL) return pw_fail(PWY_E_STATE, "it has validation rows already");
    return PWY_OK;
}

pwy_status pw_task_cut(struct pwy_task *t, const struct pw_cut *cut)
{
    PW_TRY(check_cut(t, cut));
    int64_t n = t->source[PWY_TRAIN]->n;
    int64_t n_test = llround((double)n * cut->test), n_valid = llround((double)n * cut->valid);
    if (cut->valid <= 0 && t->source[PWY_VALID] == NULL && n - n_test >= DEFAULT_LEAST)
        n_valid = (n - n_test) / DEFAULT_SHARE;
    if (n_test + n_valid == 0) return PWY_OK;
    if (n_test + n_valid >= n)
        return pw_fail(PWY_E_DATA, "%lld rows are too few to be cut into test %g and valid %g", (long long)n,
                       cut->test, cut->valid);
    return cut_rows(t, (uint64_t)cut->seed, n_test, n_valid);
}

pwy_status pw_task_cut_default(struct pwy_task *t)
{
    if (t->source[PWY_TRAIN] == NULL || t->source[PWY_VALID] != NULL) return PWY_OK;
    return pw_task_cut(t, &(struct pw_cut){.seed = DEFAULT_SEED});
}

/* One task: its parts, labels and settings. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "sense/sense.h"
#include "task/store.h"

enum { NAME_MAX_BYTES = 200 };

/* Names stand in the names of tensors, on command lines ("part=value") and in messages. */
pwy_status pw_name_check(const char *what, const char *name)
{
    size_t len = strlen(name);
    if (len == 0) return pw_fail(PWY_E_ARGUMENT, "a %s needs a name that is not empty", what);
    if (len > NAME_MAX_BYTES)
        return pw_fail(PWY_E_ARGUMENT, "a %s's name has %zu bytes; at most %d are right", what, len, NAME_MAX_BYTES);
    for (size_t i = 0; i < len; i++)
        if ((unsigned char)name[i] < 32 || name[i] == '/' || name[i] == '=' || name[i] == '*' || name[i] == 127)
            return pw_fail(PWY_E_ARGUMENT, "%s '%s': a name cannot have '/', '=', '*' or control characters", what,
                           name);
    return PWY_OK;
}

/* A task without rows has no room for them. */
static pwy_source *const no_source[3];

void pw_task_init(struct pwy_task *t, pwy_registry *r, const struct pw_head_ops *head)
{
    t->registry = r;
    t->head = head;
    t->source = no_source;
    t->weight = t->spread = t->trunk_scale = 1;
}

void pw_task_close(struct pwy_task *t)
{
    pw_node_free(t->pathway);
    pw_node_free(t->use);
    pw_node_free(t->stems);
    pw_node_free(t->golden);
    for (int p = 0; p < t->n_parts; p++) pw_node_free(t->parts[p].options);
    for (int s = 0; s < 3; s++)
        if (t->source[s] != NULL) pw_source_release(t->source[s]);
    pw_labels_free(&t->labels);
    pw_node_free(t->columns);
    free(t->label_count);
    free(t->missing);
    free(t->target);
    free(t->metric);
}

/* --- parts --- */

static const char *const reserved[] = {"target", "table", "files", "where", NULL};
static const char *const reader_words[] = {"column", "columns", "path", "record", NULL};

static bool listed(const char *word, const char *const *list)
{
    while (*list != NULL && strcmp(*list, word) != 0) list++;
    return *list != NULL;
}

static pwy_status part_name_check(const struct pwy_task *t, const char *name)
{
    PW_TRY(pw_name_check("part", name));
    if (listed(name, reserved))
        return pw_fail(PWY_E_ARGUMENT, "a part cannot be called '%s': target, table, files and where are taken", name);
    for (int p = 0; p < t->n_parts; p++)
        if (strcmp(t->parts[p].name, name) == 0)
            return pw_fail(PWY_E_EXISTS, "the task has a part '%s' already", name);
    return PWY_OK;
}

/* Names of the senses, for the nearest one; room for `cap` with the NULL behind them. */
static void sense_names(const char **words, int cap)
{
    int n = 0;
    for (; pw_senses[n] != NULL && n < cap - 1; n++) words[n] = pw_senses[n]->name;
    words[n] = NULL;
}

pwy_status pw_sense_named(const char *name, const struct pw_sense_ops **out)
{
    const char *words[32];
    const struct pw_sense_ops *ops = pw_sense_find(name);
    if (ops != NULL) {
        *out = ops;
        return PWY_OK;
    }
    if (strcmp(name, "video") == 0)
        return pw_fail(PWY_E_UNSUPPORTED, "sense 'video' is not supported yet");
    sense_names(words, 32);
    const char *near = pw_nearest(name, words);
    if (near != NULL) return pw_fail(PWY_E_ARGUMENT, "there is no sense '%s'; the nearest is '%s'", name, near);
    return pw_fail(PWY_E_ARGUMENT, "there is no sense '%s'; text, image, audio, bytes, table and series are", name);
}

static pwy_status setting_unknown(const struct pw_sense_ops *ops, const struct pw_node *at, const char *word)
{
    const char *words[64];
    int n = 0;
    for (const char *const *w = reader_words; *w != NULL; w++) words[n++] = *w;
    for (const struct pw_option *o = ops->settings; o != NULL && o->name != NULL && n < 63; o++) words[n++] = o->name;
    words[n] = NULL;
    const char *near = pw_nearest(word, words);
    if (near == NULL)
        return pw_node_fail(at, PWY_E_ARGUMENT, "sense '%s' has no setting '%s'", ops->name, word);
    return pw_node_fail(at, PWY_E_ARGUMENT, "sense '%s' has no setting '%s'; the nearest is '%s'", ops->name, word,
                        near);
}

static bool setting_known(const struct pw_sense_ops *ops, const char *word)
{
    if (listed(word, reader_words)) return true;
    for (const struct pw_option *o = ops->settings; o != NULL && o->name != NULL; o++)
        if (strcmp(o->name, word) == 0) return true;
    return false;
}

static pwy_status settings_check(const struct pw_sense_ops *ops, const struct pw_node *settings)
{
    if (settings == NULL) return PWY_OK;
    if (settings->kind != PW_MAP)
        return pw_node_fail(settings, PWY_E_ARGUMENT, "a part's settings are a map, like {column: name}");
    for (int i = 0; i < settings->n; i++)
        if (!setting_known(ops, settings->key[i])) return setting_unknown(ops, settings->item[i], settings->key[i]);
    return PWY_OK;
}

pwy_status pw_task_add_part(struct pwy_task *t, const char *name, const char *sense, const struct pw_node *settings)
{
    const struct pw_sense_ops *ops;
    struct pw_words *words = t->registry->store->words;
    struct pw_task_part *parts;
    PW_TRY(part_name_check(t, name));
    PW_TRY(pw_sense_named(sense, &ops));
    PW_TRY(settings_check(ops, settings));
    PW_NEED(parts = pw_words_take(words, ((size_t)t->n_parts + 1) * sizeof *parts, sizeof(void *)));
    if (t->n_parts > 0) memcpy(parts, t->parts, (size_t)t->n_parts * sizeof *parts);
    struct pw_task_part *part = &parts[t->n_parts];
    *part = (struct pw_task_part){.sense = ops->name};
    PW_NEED(part->name = pw_words_put(words, name));
    if (settings != NULL && settings->n > 0) PW_NEED(part->options = pw_node_copy(settings));
    t->parts = parts;
    t->n_parts++;
    return PWY_OK;
}

bool pw_has_sense(const struct pwy_task *t, int parts, const char *sense)
{
    for (int p = 0; p < parts; p++)
        if (strcmp(t->parts[p].sense, sense) == 0) return true;
    return false;
}

const char *pw_task_stem(const struct pwy_task *t, const char *sense)
{
    const struct pw_node *stem = t->stems != NULL ? pw_node_get(t->stems, sense) : NULL;
    return stem != NULL ? stem->text : sense;
}

pwy_status pw_task_set_stem(struct pwy_task *t, const char *sense, const char *stem)
{
    if (t->stems == NULL) PW_NEED(t->stems = pw_node_new(PW_MAP));
    pw_node_remove(t->stems, sense);
    return strcmp(stem, sense) == 0 ? PWY_OK : pw_node_put_text(t->stems, sense, stem);
}

bool pw_stem_of_sense(const char *stem, const char *sense)
{
    size_t len = strlen(sense);
    return strncmp(stem, sense, len) == 0 && (stem[len] == '\0' || stem[len] == '~');
}

pwy_status pw_task_want(const struct pwy_task *t, const char *folder, struct pw_want *want, struct pw_want_part *parts)
{
    for (int p = 0; p < t->n_parts; p++) {
        const struct pw_sense_ops *ops = NULL;
        PW_TRY(pw_sense_named(t->parts[p].sense, &ops));
        parts[p] = (struct pw_want_part){t->parts[p].name, ops->takes, t->parts[p].options};
    }
    *want = (struct pw_want){.parts = parts, .n_parts = t->n_parts, .kind = t->head->name, .target = t->target,
                             .columns = t->columns, .missing = t->missing, .folder = folder};
    return PWY_OK;
}

/* --- labels and settings --- */

int pw_task_label(const struct pwy_task *t, const char *label)
{
    return (int)pw_labels_find(&t->labels, label);
}

static bool has_labels(const struct pwy_task *t)
{
    return t->head->kind == PWY_CLASSIFY || t->head->kind == PWY_MULTILABEL;
}

pwy_status pw_task_add_label(struct pwy_task *t, const char *label)
{
    if (!has_labels(t))
        return pw_fail(PWY_E_ARGUMENT, "kind %s has no labels; classify and multilabel have", t->head->name);
    if (t->trained) return pw_fail(PWY_E_STATE, "its labels are fixed: it has been trained");
    if (*label == '\0') return pw_fail(PWY_E_ARGUMENT, "a label cannot be empty");
    if (t->fixed_labels && pw_task_label(t, label) >= 0)
        return pw_fail(PWY_E_EXISTS, "label '%s' is there already", label);
    if (!t->fixed_labels && t->labels.n > 0)
        return pw_fail(PWY_E_STATE, "its labels were found in its training rows already");
    PW_TRY(pw_labels_add(&t->labels, t->registry->store->words, label));
    t->fixed_labels = true;
    return PWY_OK;
}

pwy_status pw_task_set_weight(struct pwy_task *t, double weight)
{
    if (!isfinite(weight) || weight <= 0)
        return pw_fail(PWY_E_ARGUMENT, "weight %g: a number above 0 is right; 1 is usual", weight);
    t->weight = weight;
    return PWY_OK;
}

pwy_status pw_task_set_metric(struct pwy_task *t, const char *metric)
{
    char *copy;
    PW_TRY(pw_metric_check(t->head, metric));
    PW_NEED(copy = pw_strdup(metric));
    free(t->metric);
    t->metric = copy;
    return PWY_OK;
}

pwy_status pw_task_set_source(struct pwy_task *t, pwy_split split, pwy_source *source)
{
    pwy_source **own = (pwy_source **)(uintptr_t)t->source;
    if (t->source == no_source) {
        own = pw_words_take(t->registry->store->words, sizeof no_source, sizeof *own);
        if (own == NULL) {
            pw_source_release(source);
            return PWY_E_NOMEM;
        }
        memset(own, 0, sizeof no_source);
        t->source = own;
    }
    if (own[split] != NULL) pw_source_release(own[split]);
    own[split] = source;
    return PWY_OK;
}

pwy_status pw_task_set_digest(struct pwy_task *t, const uint8_t digest[32])
{
    uint8_t *copy;
    PW_NEED(copy = pw_words_take(t->registry->store->words, 32, 1));
    memcpy(copy, digest, 32);
    t->digest = copy;
    return PWY_OK;
}

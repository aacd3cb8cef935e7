/* A task as JSON for the model file, and back: exactly, and short where a setting is the usual one. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "base/num.h"
#include "task/store.h"

/* --- to --- */

static pwy_status put_parts(struct pw_node *map, const struct pwy_task *t)
{
    struct pw_node *parts, *part;
    PW_TRY(pw_node_put_new(map, "parts", PW_MAP, &parts));
    for (int p = 0; p < t->n_parts; p++) {
        PW_TRY(pw_node_put_new(parts, t->parts[p].name, PW_MAP, &part));
        PW_TRY(pw_node_put_text(part, "sense", t->parts[p].sense));
        PW_TRY(pw_node_put_copy(part, "settings", t->parts[p].options));
    }
    return PWY_OK;
}

static pwy_status put_labels(struct pw_node *map, const struct pwy_task *t)
{
    struct pw_node *labels, *counts;
    int64_t n = t->labels.n;
    PW_TRY(pw_node_put_new(map, "labels", PW_LIST, &labels));
    for (int64_t i = 0; i < n; i++) PW_TRY(pw_node_add_text(labels, t->labels.text[i]));
    if (t->label_count == NULL) return PWY_OK;
    PW_TRY(pw_node_put_new(map, "label_count", PW_LIST, &counts));
    for (int64_t i = 0; i < n; i++) PW_TRY(pw_node_add_int(counts, t->label_count[i]));
    return PWY_OK;
}

/* A number that differs from what its absence means. */
static pwy_status put_unless(struct pw_node *map, const char *key, double number, double usual)
{
    if (number == usual && !signbit(number) == !signbit(usual)) return PWY_OK;
    return pw_node_put_number(map, key, number);
}

static pwy_status put_settings(struct pw_node *map, const struct pwy_task *t)
{
    PW_TRY(put_parts(map, t));
    PW_TRY(pw_node_put_text(map, "target", t->target));
    PW_TRY(pw_node_put_copy(map, "columns", t->columns));
    PW_TRY(pw_node_put_text(map, "missing", t->missing));
    PW_TRY(pw_node_put_text(map, "metric", t->metric));
    return put_unless(map, "weight", t->weight, 1);
}

static pwy_status put_fitted(struct pw_node *map, const struct pwy_task *t)
{
    if (t->labels.n > 0) PW_TRY(put_labels(map, t));
    if (t->fixed_labels) PW_TRY(pw_node_put_flag(map, "fixed_labels", true));
    PW_TRY(put_unless(map, "mean", t->mean, 0));
    PW_TRY(put_unless(map, "spread", t->spread, 1));
    if (t->n_train > 0) PW_TRY(pw_node_put_int(map, "n_train", t->n_train));
    PW_TRY(put_unless(map, "wide_scale", t->wide_scale, 0));
    return put_unless(map, "trunk_scale", t->trunk_scale, 1);
}

/* A task that does not move depends on all but its name, those of its stems, the numbers of its experts and how they
   were found. */
static pwy_status put_closure(struct pw_node *map, const struct pwy_task *t)
{
    PW_TRY(put_settings(map, t));
    PW_TRY(put_fitted(map, t));
    PW_TRY(pw_node_put_copy(map, "pathway", t->pathway));
    struct pw_node *pathway = pw_node_get(map, "pathway");
    if (pathway != NULL) pw_node_remove(pathway, "experts");
    return pw_node_put_text(map, "kind", t->head->name);
}

static pwy_status put_all(struct pw_node *map, const struct pwy_task *t)
{
    PW_TRY(put_settings(map, t));
    PW_TRY(put_fitted(map, t));
    PW_TRY(pw_node_put_copy(map, "pathway", t->pathway));
    if (t->stems != NULL && t->stems->n > 0) PW_TRY(pw_node_put_copy(map, "stems", t->stems));
    PW_TRY(pw_node_put_copy(map, "golden", t->golden));
    return pw_node_put_copy(map, "use", t->use);
}

static pwy_status as_json(const struct pwy_task *t, pwy_status (*put)(struct pw_node *, const struct pwy_task *),
                          char **out)
{
    struct pw_node *map;
    PW_NEED(map = pw_node_new(PW_MAP));
    pwy_status status = put(map, t);
    if (status == PWY_OK) status = (*out = pw_node_to_json(map)) == NULL ? PWY_E_NOMEM : PWY_OK;
    pw_node_free(map);
    return status;
}

pwy_status pw_task_closure_json(const struct pwy_task *t, char **out)
{
    return as_json(t, put_closure, out);
}

pwy_status pw_task_to_json(const struct pwy_task *t, char **out)
{
    return as_json(t, put_all, out);
}

/* --- from --- */

/* What is read of a task's map by table; texts are borrowed by nobody and freed after. */
struct saved {
    char *target, *missing, *metric;
    const struct pw_node *parts, *columns, *labels, *label_count, *pathway, *use, *stems, *golden;
    double weight, mean, spread, wide_scale, trunk_scale;
    int64_t n_train;
    bool fixed_labels;
};
#define FIELD(name, type, min, max) {#name, type, offsetof(struct saved, name), min, max}
static const struct pw_option saved_options[] = {
    FIELD(parts, PW_OPT_NODE, 0, 0), FIELD(target, PW_OPT_TEXT, 0, 0),
    FIELD(columns, PW_OPT_NODE, 0, 0), FIELD(missing, PW_OPT_TEXT, 0, 0), FIELD(metric, PW_OPT_TEXT, 0, 0),
    FIELD(weight, PW_OPT_NUMBER, 0, HUGE_VAL), FIELD(labels, PW_OPT_NODE, 0, 0), FIELD(label_count, PW_OPT_NODE, 0, 0),
    FIELD(fixed_labels, PW_OPT_FLAG, 0, 0), FIELD(mean, PW_OPT_NUMBER, -HUGE_VAL, HUGE_VAL),
    FIELD(spread, PW_OPT_NUMBER, 0, HUGE_VAL), FIELD(n_train, PW_OPT_INT, 0, 9e18),
    FIELD(wide_scale, PW_OPT_NUMBER, -HUGE_VAL, HUGE_VAL), FIELD(trunk_scale, PW_OPT_NUMBER, -HUGE_VAL, HUGE_VAL),
    FIELD(pathway, PW_OPT_NODE, 0, 0), FIELD(use, PW_OPT_NODE, 0, 0),
    FIELD(stems, PW_OPT_NODE, 0, 0), FIELD(golden, PW_OPT_NODE, 0, 0), {0}
};

static bool is_list(const struct pw_node *node)
{
    if (node == NULL || node->kind != PW_LIST) return false;
    for (int i = 0; i < node->n; i++)
        if (node->item[i]->kind != PW_SCALAR) return false;
    return true;
}

static pwy_status read_parts(struct pwy_task *t, const struct pw_node *parts)
{
    if (parts == NULL || parts->kind != PW_MAP) return pw_fail(PWY_E_FORMAT, "'parts' is missing or no map");
    for (int p = 0; p < parts->n; p++) {
        const struct pw_node *sense = pw_node_get(parts->item[p], "sense");
        if (sense == NULL || sense->kind != PW_SCALAR)
            return pw_fail(PWY_E_FORMAT, "part '%s' has no sense", parts->key[p]);
        PW_TRY(pw_task_add_part(t, parts->key[p], sense->text, pw_node_get(parts->item[p], "settings")));
    }
    return PWY_OK;
}

static pwy_status read_stems(struct pwy_task *t, const struct pw_node *stems)
{
    for (int i = 0; stems != NULL && i < stems->n; i++) {
        const struct pw_node *stem = stems->item[i];
        if (stems->kind != PW_MAP || stem->kind != PW_SCALAR || !pw_stem_of_sense(stem->text, stems->key[i]))
            return pw_fail(PWY_E_FORMAT, "'stems' is no map of senses to their stems, like {audio: audio~2}");
        PW_TRY(pw_task_set_stem(t, stems->key[i], stem->text));
    }
    return PWY_OK;
}

static pwy_status read_counts(struct pwy_task *t, const struct pw_node *counts)
{
    int64_t n = t->labels.n;
    if (counts == NULL) return PWY_OK;
    if (!is_list(counts) || counts->n != n)
        return pw_fail(PWY_E_FORMAT, "'label_count' is not a list of %lld", (long long)n);
    PW_NEED(t->label_count = pw_calloc((size_t)n + 1, sizeof *t->label_count));
    for (int64_t i = 0; i < n; i++) {
        const char *text = counts->item[i]->text;
        if (!pw_parse_int(text, strlen(text), &t->label_count[i]) || t->label_count[i] < 0)
            return pw_fail(PWY_E_FORMAT, "'label_count' has '%.40s'", text);
    }
    return PWY_OK;
}

static pwy_status read_label(struct pwy_task *t, const char *label)
{
    if (*label == '\0' || pw_task_label(t, label) >= 0)
        return pw_fail(PWY_E_FORMAT, "'labels' has '%.40s' twice, or an empty one", label);
    return pw_labels_add(&t->labels, t->registry->store->words, label);
}

static pwy_status read_labels(struct pwy_task *t, const struct saved *s)
{
    if (s->labels == NULL) return PWY_OK;
    if (!is_list(s->labels)) return pw_fail(PWY_E_FORMAT, "'labels' is not a list of texts");
    if (t->head->kind != PWY_CLASSIFY && t->head->kind != PWY_MULTILABEL)
        return pw_fail(PWY_E_FORMAT, "kind %s has no labels", t->head->name);
    for (int i = 0; i < s->labels->n; i++) PW_TRY(read_label(t, s->labels->item[i]->text));
    return read_counts(t, s->label_count);
}

static pwy_status check_numbers(const struct saved *s)
{
    if (!isfinite(s->weight) || s->weight <= 0) return pw_fail(PWY_E_FORMAT, "'weight' %g is not above 0", s->weight);
    if (!isfinite(s->spread) || s->spread <= 0) return pw_fail(PWY_E_FORMAT, "'spread' %g is not above 0", s->spread);
    if (!isfinite(s->mean) || !isfinite(s->wide_scale) || !isfinite(s->trunk_scale))
        return pw_fail(PWY_E_FORMAT, "'mean', 'wide_scale' or 'trunk_scale' is not a finite number");
    return PWY_OK;
}

static pwy_status copy_text(char **to, const char *from)
{
    if (from != NULL) PW_NEED(*to = pw_strdup(from));
    return PWY_OK;
}

static pwy_status read_texts(struct pwy_task *t, const struct saved *s)
{
    PW_TRY(copy_text(&t->target, s->target));
    PW_TRY(copy_text(&t->missing, s->missing));
    if (s->metric != NULL) PW_TRY(pw_task_set_metric(t, s->metric));
    if (s->columns == NULL) return PWY_OK;
    if (!is_list(s->columns)) return pw_fail(PWY_E_FORMAT, "'columns' is not a list of names");
    PW_NEED(t->columns = pw_node_copy(s->columns));
    return PWY_OK;
}

static pwy_status fill_task(struct pwy_task *t, const struct saved *s)
{
    PW_TRY(check_numbers(s));
    PW_TRY(read_parts(t, s->parts));
    PW_TRY(read_texts(t, s));
    PW_TRY(read_labels(t, s));
    PW_TRY(read_stems(t, s->stems));
    if (s->pathway != NULL) PW_NEED(t->pathway = pw_node_copy(s->pathway));
    if (s->use != NULL) PW_NEED(t->use = pw_node_copy(s->use));
    if (s->golden != NULL) PW_NEED(t->golden = pw_node_copy(s->golden));
    t->weight = s->weight;
    t->mean = s->mean;
    t->spread = s->spread;
    t->n_train = s->n_train;
    t->wide_scale = s->wide_scale;
    t->trunk_scale = s->trunk_scale;
    t->fixed_labels = s->fixed_labels;
    return PWY_OK;
}

/* A fault is the file's, whatever the function that found it calls it; a kind or sense that this build lacks is not. */
static pwy_status blame_file(const char *name, pwy_status status)
{
    pw_fail_task(name);
    if (status == PWY_E_NOMEM || status == PWY_E_UNSUPPORTED || status == PWY_E_FORMAT) return status;
    char *text = pw_strdup(pwy_error_message());
    PW_NEED(text);
    status = pw_fail(PWY_E_FORMAT, "%s", text);
    free(text);
    return status;
}

static pwy_status read_map(struct pwy_task *t, const struct pw_node *map)
{
    struct saved s = {.weight = 1, .spread = 1, .trunk_scale = 1};
    if (map->kind != PW_MAP) return pw_fail(PWY_E_FORMAT, "its settings are no map");
    pwy_status status = pw_options_read(map, "task", saved_options, &s);
    if (status == PWY_OK) status = fill_task(t, &s);
    pw_options_release(saved_options, &s);
    return status;
}

pwy_status pw_task_from_json(struct pwy_task *t, const char *text, size_t len, const char *file)
{
    struct pw_node *map = NULL;
    pwy_status status = pw_node_from_json(text, len, file, &map);
    if (status == PWY_OK) status = read_map(t, map);
    pw_node_free(map);
    return status == PWY_OK ? PWY_OK : blame_file(t->name, status);
}

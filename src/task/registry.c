/* The registry: tasks by name, in the order in which they were added. */
#include <stdlib.h>
#include <string.h>
#include "task/task.h"

enum { SHOWN_NAMES = 12 };

pwy_status pw_registry_make(pwy_context *ctx, pwy_registry **out)
{
    pwy_registry *r;
    PW_NEED(r = pw_calloc(1, sizeof *r));
    r->count = 1;
    r->names = pw_map_new();
    if (r->names != NULL && pw_context_or_default(ctx, &r->ctx) == PWY_OK) {
        *out = r;
        return PWY_OK;
    }
    pw_registry_release(r);
    return PWY_E_NOMEM;
}

pwy_registry *pw_registry_hold(pwy_registry *r)
{
    __atomic_add_fetch(&r->count, 1, __ATOMIC_RELAXED);
    return r;
}

void pw_registry_release(pwy_registry *r)
{
    if (r == NULL || __atomic_sub_fetch(&r->count, 1, __ATOMIC_ACQ_REL) > 0) return;
    for (int i = 0; i < r->n; i++) pw_task_release(pw_registry_at(r, i));
    free(r->task);
    pw_map_free(r->names);
    pwy_context_free(r->ctx);
    free(r);
}

static pwy_status make_room(pwy_registry *r)
{
    if (r->n < r->cap) return PWY_OK;
    int cap = r->cap == 0 ? 8 : 2 * r->cap;
    struct pwy_task **task = pw_realloc(r->task, (size_t)cap, sizeof *task);
    PW_NEED(task);
    r->task = task;
    r->cap = cap;
    return PWY_OK;
}

static struct pwy_task *find(const pwy_registry *r, const char *name)
{
    int64_t at = pw_map_find(r->names, name, strlen(name));
    return at < 0 ? NULL : pw_registry_at(r, at);
}

pwy_status pw_registry_add(pwy_registry *r, const char *name, const struct pw_head_ops *head, struct pwy_task **out)
{
    struct pwy_task *t;
    PW_TRY(pw_name_check("task", name));
    if (find(r, name) != NULL) return pw_fail(PWY_E_EXISTS, "there is a task '%s' already", name);
    PW_TRY(make_room(r));
    PW_TRY(pw_task_make(r, name, head, &t));
    if (pw_map_add(r->names, name, strlen(name)) < 0) {
        pw_task_release(t);
        return PWY_E_NOMEM;
    }
    t->index = r->n;
    r->task[r->n++] = t;
    if (out != NULL) *out = t;
    return PWY_OK;
}

/* The nearest name for a message; NULL when none is near, or memory is short. */
static const char *nearest_name(const pwy_registry *r, const char *name)
{
    const char **words = pw_calloc((size_t)r->n + 1, sizeof *words);
    if (words == NULL) return NULL;
    for (int i = 0; i < r->n; i++) words[i] = pw_registry_at(r, i)->name;
    const char *near = pw_nearest(name, words);
    free(words);
    return near;
}

/* Nothing near: the first few names say what there is. */
static pwy_status fail_listed(const pwy_registry *r, const char *name)
{
    struct pw_buf list = {0};
    pwy_status status = PWY_OK;
    if (r->n == 0) return pw_fail(PWY_E_NOT_FOUND, "there is no task '%s': there is none at all", name);
    for (int i = 0; i < r->n && i < SHOWN_NAMES && status == PWY_OK; i++)
        status = pw_buf_printf(&list, "%s%.60s", i == 0 ? "" : ", ", pw_registry_at(r, i)->name);
    if (status == PWY_OK)
        status = pw_fail(PWY_E_NOT_FOUND, "there is no task '%s' among %s%s", name, list.data,
                         r->n > SHOWN_NAMES ? ", ..." : "");
    pw_buf_free(&list);
    return status;
}

pwy_status pw_registry_get(const pwy_registry *r, const char *name, struct pwy_task **out)
{
    struct pwy_task *t = find(r, name);
    if (t == NULL) {
        const char *near = nearest_name(r, name);
        if (near != NULL) return pw_fail(PWY_E_NOT_FOUND, "there is no task '%s'; the nearest is '%s'", name, near);
        return fail_listed(r, name);
    }
    *out = t;
    return PWY_OK;
}

static pwy_status copy_settings(const struct pwy_task *from, struct pwy_task *to)
{
    if (from->metric != NULL) PW_NEED(to->metric = pw_strdup(from->metric));
    if (from->missing != NULL) PW_NEED(to->missing = pw_strdup(from->missing));
    if (from->target != NULL) PW_NEED(to->target = pw_strdup(from->target));
    if (from->columns != NULL) PW_NEED(to->columns = pw_node_copy(from->columns));
    for (int p = 0; p < from->n_parts; p++)
        PW_TRY(pw_task_add_part(to, from->parts[p].name, from->parts[p].sense, from->parts[p].options));
    to->weight = from->weight;
    return PWY_OK;
}

static pwy_status copy_fitted(const struct pwy_task *from, struct pwy_task *to)
{
    int64_t n = pw_map_count(from->labels);
    for (int64_t i = 0; i < n; i++) {
        const char *label = pw_map_key(from->labels, i);
        if (pw_map_add(to->labels, label, strlen(label)) < 0) return PWY_E_NOMEM;
    }
    if (from->label_count != NULL) {
        PW_NEED(to->label_count = pw_calloc((size_t)n + 1, sizeof *to->label_count));
        memcpy(to->label_count, from->label_count, (size_t)n * sizeof *to->label_count);
    }
    to->fixed_labels = from->fixed_labels;
    to->mean = from->mean;
    to->spread = from->spread;
    to->n_train = from->n_train;
    to->wide_scale = from->wide_scale;
    to->trunk_scale = from->trunk_scale;
    to->trained = from->trained;
    return PWY_OK;
}

static pwy_status copy_task(const struct pwy_task *from, pwy_registry *r)
{
    struct pwy_task *to;
    PW_TRY(pw_registry_add(r, from->name, from->head, &to));
    PW_TRY(copy_settings(from, to));
    PW_TRY(copy_fitted(from, to));
    for (int s = 0; s < 3; s++)
        if (from->source[s] != NULL) to->source[s] = pw_source_hold(from->source[s]);
    return PWY_OK;
}

pwy_status pw_registry_copy(const pwy_registry *r, pwy_registry **out)
{
    pwy_registry *copy;
    pwy_status status = PWY_OK;
    PW_TRY(pw_registry_make(r->ctx, &copy));
    for (int i = 0; i < r->n && status == PWY_OK; i++) status = copy_task(pw_registry_at(r, i), copy);
    if (status == PWY_OK) *out = copy;
    else pw_registry_release(copy);
    return status;
}

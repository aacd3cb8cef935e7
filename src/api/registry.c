/* pathways/registry.h: checks arguments, calls down, names the task in the error. */
#include "api/check.h"
#include "task/task.h"

static pwy_status of_task(const pwy_task *task, pwy_status status)
{
    return status == PWY_OK || status == PWY_E_NOMEM ? status : pw_fail_task(task->name);
}

/* The task with all that is known of it, read now if need be; NULL: none given, or it cannot be read. */
static const pwy_task *filled(const pwy_task *task)
{
    return task != NULL && pw_task_fill(task) == PWY_OK ? task : NULL;
}

static bool split_is(pwy_split split)
{
    return split == PWY_TRAIN || split == PWY_VALID || split == PWY_TEST;
}

/* --- the registry --- */

pwy_status pwy_registry_new(pwy_context *context, pwy_registry **out)
{
    PW_GIVEN(out);
    return pw_registry_make(context, out);
}

void pwy_registry_free(pwy_registry *registry)
{
    pw_registry_release(registry);
}

pwy_status pwy_registry_add(pwy_registry *registry, const char *name, pwy_task_kind kind, pwy_task **task)
{
    PW_GIVEN(registry);
    PW_GIVEN(name);
    const struct pw_head_ops *head = pw_head_of(kind);
    if (head == NULL)
        return pw_fail(PWY_E_ARGUMENT, "task '%s': %d is no kind; PWY_CLASSIFY is one", name, (int)kind);
    return pw_registry_add(registry, name, head, task);
}

pwy_status pwy_registry_find(const pwy_registry *registry, const char *name, pwy_task **task)
{
    PW_GIVEN(registry);
    PW_GIVEN(name);
    PW_GIVEN(task);
    return pw_registry_find(registry, name, task);
}

pwy_status pwy_registry_copy_task(pwy_registry *registry, const pwy_task *task)
{
    pwy_task *copy;
    PW_GIVEN(registry);
    PW_GIVEN(task);
    return pw_registry_adopt(registry, task->registry, task->index, &copy);
}

int64_t pwy_registry_count(const pwy_registry *registry)
{
    return registry != NULL ? registry->n : 0;
}

pwy_task *pwy_registry_at(const pwy_registry *registry, int64_t index)
{
    pwy_task *task;
    if (registry == NULL || index < 0 || index >= registry->n) return NULL;
    return pw_registry_peek(registry, index, &task) == PWY_OK ? task : NULL;
}

pwy_status pwy_registry_select(const pwy_registry *registry, const pwy_options *query, int64_t after, int64_t *index,
                               int64_t room, int64_t *n)
{
    struct pw_found found = {.after = after, .index = index, .room = room};
    PW_GIVEN(registry);
    PW_GIVEN(n);
    if (room < 0 || after < -1 || (room > 0 && index == NULL))
        return pw_fail(PWY_E_ARGUMENT, "room for %lld tasks behind %lld: 0 and -1 are the least, with index for it",
                       (long long)room, (long long)after);
    PW_TRY(pw_registry_select(registry, query != NULL ? query->map : NULL, &found));
    *n = found.n;
    return PWY_OK;
}

pwy_status pwy_registry_remove(pwy_registry *registry, const char *name)
{
    PW_GIVEN(registry);
    PW_GIVEN(name);
    return pw_registry_remove(registry, name);
}

pwy_status pwy_registry_rename(pwy_registry *registry, const char *name, const char *to)
{
    PW_GIVEN(registry);
    PW_GIVEN(name);
    PW_GIVEN(to);
    return pw_registry_rename(registry, name, to);
}

/* --- what a task is --- */

const char *pwy_task_name(const pwy_task *task)
{
    return task != NULL ? task->name : NULL;
}

pwy_task_kind pwy_task_get_kind(const pwy_task *task)
{
    return task != NULL ? task->head->kind : PWY_CLASSIFY;
}

pwy_task_state pwy_task_get_state(const pwy_task *task)
{
    if (task == NULL || !task->trained) return PWY_TASK_OPEN;
    return task->sealed ? PWY_TASK_SEALED : PWY_TASK_TRAINED;
}

const char *pwy_task_state_name(pwy_task_state state)
{
    return pw_state_name((int)state);
}

const char *pwy_task_kind_name(pwy_task_kind kind)
{
    const struct pw_head_ops *head = pw_head_of(kind);
    return head != NULL ? head->name : NULL;
}

pwy_status pwy_task_kind_from_name(const char *name, pwy_task_kind *kind)
{
    const struct pw_head_ops *head;
    PW_GIVEN(name);
    PW_GIVEN(kind);
    PW_TRY(pw_head_named(name, &head));
    *kind = head->kind;
    return PWY_OK;
}

int64_t pwy_task_part_count(const pwy_task *task)
{
    return filled(task) != NULL ? task->n_parts : 0;
}

const char *pwy_task_part_name(const pwy_task *task, int64_t index)
{
    return index >= 0 && index < pwy_task_part_count(task) ? task->parts[index].name : NULL;
}

const char *pwy_task_part_sense(const pwy_task *task, int64_t index)
{
    return index >= 0 && index < pwy_task_part_count(task) ? task->parts[index].sense : NULL;
}

int64_t pwy_task_label_count(const pwy_task *task)
{
    return filled(task) != NULL ? task->labels.n : 0;
}

const char *pwy_task_label(const pwy_task *task, int64_t index)
{
    return index >= 0 && index < pwy_task_label_count(task) ? task->labels.text[index] : NULL;
}

/* --- setting it up --- */

static pwy_status not_sealed(const pwy_task *task)
{
    if (!task->sealed) return PWY_OK;
    return pw_fail(PWY_E_STATE, "it is sealed: nothing of it changes");
}

static pwy_status not_yet(const pwy_task *task)
{
    PW_TRY(not_sealed(task));
    if (!task->trained) return PWY_OK;
    return pw_fail(PWY_E_STATE, "it has been trained: its parts cannot be changed");
}

pwy_status pwy_task_add_part(pwy_task *task, const char *part, const char *sense)
{
    return pwy_task_add_part_with(task, part, sense, NULL);
}

pwy_status pwy_task_add_part_with(pwy_task *task, const char *part, const char *sense, const pwy_options *settings)
{
    PW_GIVEN(task);
    PW_GIVEN(part);
    PW_GIVEN(sense);
    PW_TRY(pw_task_fill(task));
    pwy_status status = not_yet(task);
    if (status == PWY_OK) status = pw_task_add_part(task, part, sense, settings != NULL ? settings->map : NULL);
    return of_task(task, status);
}

pwy_status pwy_task_add_label(pwy_task *task, const char *label)
{
    PW_GIVEN(task);
    PW_GIVEN(label);
    PW_TRY(pw_task_fill(task));
    pwy_status status = not_sealed(task);
    return of_task(task, status != PWY_OK ? status : pw_task_add_label(task, label));
}

pwy_status pwy_task_set_weight(pwy_task *task, double weight)
{
    PW_GIVEN(task);
    PW_TRY(pw_task_fill(task));
    pwy_status status = not_sealed(task);
    return of_task(task, status != PWY_OK ? status : pw_task_set_weight(task, weight));
}

pwy_status pwy_task_set_metric(pwy_task *task, const char *metric)
{
    PW_GIVEN(task);
    PW_GIVEN(metric);
    PW_TRY(pw_task_fill(task));
    pwy_status status = not_sealed(task);
    return of_task(task, status != PWY_OK ? status : pw_task_set_metric(task, metric));
}

/* --- its rows --- */

pwy_status pwy_task_read(pwy_task *task, pwy_split split, const char *path, const char *target,
                         const pwy_options *options)
{
    PW_GIVEN(task);
    PW_TRY(pw_task_fill(task));
    if (!split_is(split)) return of_task(task, pw_fail(PWY_E_ARGUMENT, "%d is no split; PWY_TRAIN is one", (int)split));
    return of_task(task, pw_task_read(task, split, path, target, options != NULL ? options->map : NULL));
}

pwy_status pwy_task_set_source(pwy_task *task, pwy_split split, pwy_source *source)
{
    PW_GIVEN(task);
    PW_GIVEN(source);
    PW_TRY(pw_task_fill(task));
    if (!split_is(split)) return of_task(task, pw_fail(PWY_E_ARGUMENT, "%d is no split; PWY_TRAIN is one", (int)split));
    return of_task(task, pw_task_set_source(task, split, pw_source_hold(source)));
}

pwy_status pwy_task_get_source(const pwy_task *task, pwy_split split, pwy_source **source)
{
    PW_GIVEN(task);
    PW_GIVEN(source);
    PW_TRY(pw_task_fill(task));
    if (!split_is(split)) return of_task(task, pw_fail(PWY_E_ARGUMENT, "%d is no split; PWY_TRAIN is one", (int)split));
    if (task->source[split] == NULL)
        return of_task(task, pw_fail(PWY_E_NOT_FOUND, "it has no %s rows", pw_split_name(split)));
    *source = task->source[split];
    return PWY_OK;
}

/* The registry: tasks by name, in the order in which they were added. What lies behind is store.h. */
#include <stdlib.h>
#include <string.h>
#include "task/store.h"

enum { SHOWN_NAMES = 12, NEAREST_OF = 4096 };

pwy_status pw_registry_make(pwy_context *ctx, pwy_registry **out)
{
    pwy_registry *r;
    PW_NEED(r = pw_calloc(1, sizeof *r));
    r->count = 1;
    if (pw_store_new(&r->store) == PWY_OK && pw_context_or_default(ctx, &r->ctx) == PWY_OK) {
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
    pw_store_free(r->store);
    pwy_context_free(r->ctx);
    free(r);
}

/* --- of files --- */

/* All tensors of all segments in one block of the registry's own; b then points into it. */
static pwy_status take_copy(pwy_registry *r, struct pw_task_segment_bytes *b, int n)
{
    size_t whole = 0;
    for (int i = 0; i < n; i++)
        whole += b[i].records.len + b[i].index.len + b[i].names.len + b[i].texts.len + b[i].labels.len;
    char *at = r->store->copy = pw_realloc(NULL, whole, 1);
    PW_NEED(at);
    for (int i = 0; i < n; i++) {
        struct pw_bytes *part[] = {&b[i].records, &b[i].index, &b[i].names, &b[i].texts, &b[i].labels};
        for (int p = 0; p < 5; at += part[p]->len, p++) {
            if (part[p]->len > 0) memcpy(at, part[p]->data, part[p]->len);
            part[p]->data = at;
        }
    }
    return PWY_OK;
}

static pwy_status attach(pwy_registry *r, const struct pw_task_segment_bytes *given, int n, bool own)
{
    struct pw_task_segment_bytes *b = pw_calloc((size_t)n, sizeof *b);
    PW_NEED(b);
    memcpy(b, given, (size_t)n * sizeof *b);
    pwy_status status = own ? take_copy(r, b, n) : PWY_OK;
    for (int i = 0; i < n && status == PWY_OK; i++) status = pw_store_attach(r->store, &b[i]);
    free(b);
    r->n = (int)(r->store->n_slots - r->store->n_removed);
    return status;
}

pwy_status pw_registry_open(pwy_context *ctx, const struct pw_task_segment_bytes *b, int n, bool own,
                            pwy_registry **out)
{
    pwy_registry *r;
    PW_TRY(pw_registry_make(ctx, &r));
    pwy_status status = attach(r, b, n, own);
    if (status == PWY_OK) *out = r;
    else pw_registry_release(r);
    return status;
}

void pw_registry_keep(pwy_registry *r, void *owner, void (*let_go)(void *owner))
{
    r->store->owner = owner;
    r->store->let_go = let_go;
}

/* What a failed filling left. */
static void empty(struct pwy_task *t)
{
    struct pwy_task bare = {.name = t->name, .digest = t->digest, .index = t->index, .slot = t->slot,
                            .trained = t->trained, .sealed = t->sealed};
    pw_task_close(t);
    pw_task_init(&bare, t->registry, t->head);
    *t = bare;
}

static pwy_status fill(struct pw_store *s, struct pwy_task *t)
{
    struct pw_again at;
    struct pw_record rec;
    pw_store_where(s, t->slot, &at);
    const struct pw_task_segment *g = &s->segment[at.segment];
    PW_TRY(pw_task_segment_read(g, at.k, &rec));
    pwy_status status = pw_task_from_json(t, (const char *)g->b.texts.data + rec.text_at, rec.task_len, g->name);
    if (status == PWY_OK) __atomic_store_n(&t->whole, true, __ATOMIC_RELEASE);
    else empty(t);
    return status;
}

pwy_status pw_task_fill(const struct pwy_task *t)
{
    struct pwy_task *mine = (struct pwy_task *)(uintptr_t)t;
    struct pw_store *s = t->registry->store;
    pwy_status status = PWY_OK;
    if (__atomic_load_n(&t->whole, __ATOMIC_ACQUIRE)) return PWY_OK;
    pthread_mutex_lock(&s->lock);
    if (!t->whole) status = fill(s, mine);
    pthread_mutex_unlock(&s->lock);
    return status;
}

pwy_status pw_task_senses(const struct pwy_task *t, struct pw_node **out)
{
    struct pw_store *s = t->registry->store;
    struct pw_again at;
    struct pw_record rec;
    *out = NULL;
    if (t->slot >= s->n_mapped) return PWY_OK;
    pw_store_where(s, t->slot, &at);
    const struct pw_task_segment *g = &s->segment[at.segment];
    PW_TRY(pw_task_segment_read(g, at.k, &rec));
    if (rec.senses_len == 0) return PWY_OK;
    const char *text = (const char *)g->b.texts.data + rec.text_at + rec.task_len;
    PW_TRY(pw_node_from_json(text, rec.senses_len, g->name, out));
    if ((*out)->kind == PW_MAP) return PWY_OK;
    pw_node_free(*out);
    *out = NULL;
    return pw_fail(PWY_E_FORMAT, "%s: the senses of task '%s' are no map", g->name, t->name);
}

/* --- adding and finding --- */

pwy_status pw_registry_add(pwy_registry *r, const char *name, const struct pw_head_ops *head, struct pwy_task **out)
{
    struct pwy_task *t;
    PW_TRY(pw_name_check("task", name));
    if (pw_store_find(r->store, name) >= 0) return pw_fail(PWY_E_EXISTS, "there is a task '%s' already", name);
    PW_TRY(pw_store_add(r->store, name, &t));
    pw_task_init(t, r, head);
    t->whole = true;
    r->n++;
    if (out != NULL) *out = t;
    return PWY_OK;
}

pwy_status pw_registry_peek(const pwy_registry *r, int64_t i, struct pwy_task **out)
{
    return pw_store_task(r->store, (pwy_registry *)(uintptr_t)r, pw_slot_of(r->store, i), false, out);
}

pwy_status pw_registry_task(const pwy_registry *r, int64_t i, struct pwy_task **out)
{
    struct pwy_task *t;
    PW_TRY(pw_registry_peek(r, i, &t));
    PW_TRY(pw_task_fill(t));
    *out = t;
    return PWY_OK;
}

struct pwy_task *pw_registry_at(const pwy_registry *r, int64_t i)
{
    return pw_store_made(r->store, pw_slot_of(r->store, i));
}

pwy_status pw_registry_load(const pwy_registry *r)
{
    struct pwy_task *t;
    for (int i = 0; i < r->n; i++) PW_TRY(pw_registry_task(r, i, &t));
    return PWY_OK;
}

/* For messages: no task is made. */
static const char *name_at(const pwy_registry *r, int64_t i)
{
    int64_t slot = pw_slot_of(r->store, i);
    struct pw_again at;
    struct pw_record rec;
    const struct pwy_task *t = pw_store_made(r->store, slot);
    if (t != NULL) return t->name;
    pw_store_where(r->store, slot, &at);
    const struct pw_task_segment *g = &r->store->segment[at.segment];
    return pw_task_segment_read(g, at.k, &rec) == PWY_OK ? pw_task_segment_name(g, &rec) : "?";
}

/* The nearest name for a message; NULL when none is near, there are too many to look at, or memory is short. */
static const char *nearest_name(const pwy_registry *r, const char *name)
{
    const char **words = r->n > NEAREST_OF ? NULL : pw_calloc((size_t)r->n + 1, sizeof *words);
    if (words == NULL) return NULL;
    for (int i = 0; i < r->n; i++) words[i] = name_at(r, i);
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
        status = pw_buf_printf(&list, "%s%.60s", i == 0 ? "" : ", ", name_at(r, i));
    if (status == PWY_OK)
        status = pw_fail(PWY_E_NOT_FOUND, "there is no task '%s' among %s%s", name, list.data,
                         r->n > SHOWN_NAMES ? ", ..." : "");
    pw_buf_free(&list);
    return status;
}

static pwy_status find_slot(const pwy_registry *r, const char *name, int64_t *slot)
{
    *slot = pw_store_find(r->store, name);
    if (*slot >= 0) return PWY_OK;
    const char *near = nearest_name(r, name);
    if (near != NULL) return pw_fail(PWY_E_NOT_FOUND, "there is no task '%s'; the nearest is '%s'", name, near);
    return fail_listed(r, name);
}

pwy_status pw_registry_find(const pwy_registry *r, const char *name, struct pwy_task **out)
{
    int64_t slot;
    PW_TRY(find_slot(r, name, &slot));
    return pw_store_task(r->store, (pwy_registry *)(uintptr_t)r, slot, true, out);
}

pwy_status pw_registry_get(const pwy_registry *r, const char *name, struct pwy_task **out)
{
    struct pwy_task *t;
    PW_TRY(pw_registry_find(r, name, &t));
    PW_TRY(pw_task_fill(t));
    *out = t;
    return PWY_OK;
}

/* --- changing --- */

pwy_status pw_registry_remove(pwy_registry *r, const char *name)
{
    int64_t slot;
    PW_TRY(find_slot(r, name, &slot));
    PW_TRY(pw_store_remove(r->store, slot));
    r->n--;
    return PWY_OK;
}

pwy_status pw_registry_rename(pwy_registry *r, const char *name, const char *to)
{
    struct pwy_task *t;
    PW_TRY(pw_registry_get(r, name, &t));
    PW_TRY(pw_name_check("task", to));
    if (strcmp(name, to) == 0) return PWY_OK;
    if (pw_store_find(r->store, to) >= 0) return pw_fail(PWY_E_EXISTS, "there is a task '%s' already", to);
    return pw_store_rename(r->store, t, to);
}

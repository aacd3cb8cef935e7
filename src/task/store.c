/* Slots of tasks: store.h. */
#include "task/store.h"
#include <stdlib.h>
#include <string.h>
#include "base/rng.h"

pwy_status pw_store_new(struct pw_store **out)
{
    struct pw_store *s;
    PW_NEED(s = pw_calloc(1, sizeof *s));
    pthread_mutex_init(&s->lock, NULL);
    if ((s->words = pw_words_new()) == NULL) {
        pw_store_free(s);
        return PWY_E_NOMEM;
    }
    *out = s;
    return PWY_OK;
}

static void free_tasks(struct pw_store *s)
{
    for (int64_t slot = 0; slot < s->n_slots; slot++) {
        struct pwy_task *t = pw_store_made(s, slot);
        if (t != NULL) pw_task_close(t);
    }
    for (int64_t p = 0; p < s->n_pages; p++) free(s->page[p]);
    free(s->page);
}

void pw_store_free(struct pw_store *s)
{
    if (s == NULL) return;
    free_tasks(s);
    for (int i = 0; i < s->n_segments; i++) pw_task_segment_close(&s->segment[i]);
    free(s->segment);
    free(s->again);
    free(s->removed);
    free(s->index);
    pw_words_free(s->words);
    if (s->let_go != NULL) s->let_go(s->owner);
    free(s->copy);
    pthread_mutex_destroy(&s->lock);
    free(s);
}

/* --- slots --- */

struct pwy_task *pw_store_made(const struct pw_store *s, int64_t slot)
{
    struct pwy_task **page = __atomic_load_n(&s->page[slot / PW_PAGE], __ATOMIC_ACQUIRE);
    return page == NULL ? NULL : __atomic_load_n(&page[slot % PW_PAGE], __ATOMIC_ACQUIRE);
}

/* Room for pages up to that of n_slots slots. */
static pwy_status reserve_pages(struct pw_store *s, int64_t n_slots)
{
    int64_t n = (n_slots + PW_PAGE - 1) / PW_PAGE;
    if (n <= s->n_pages) return PWY_OK;
    struct pwy_task ***page = pw_realloc(s->page, (size_t)n, sizeof *page);
    PW_NEED(page);
    memset(page + s->n_pages, 0, (size_t)(n - s->n_pages) * sizeof *page);
    s->page = page;
    s->n_pages = n;
    return PWY_OK;
}

/* A zeroed task that no slot has yet, and the slot's page. */
static pwy_status make_task(struct pw_store *s, int64_t slot, struct pwy_task **out)
{
    struct pwy_task *t;
    if (s->page[slot / PW_PAGE] == NULL) {
        struct pwy_task **page = pw_calloc(PW_PAGE, sizeof *page);
        PW_NEED(page);
        __atomic_store_n(&s->page[slot / PW_PAGE], page, __ATOMIC_RELEASE);
    }
    PW_NEED(t = pw_words_take(s->words, sizeof *t, _Alignof(struct pwy_task)));
    memset(t, 0, sizeof *t);
    t->slot = (int)slot;
    *out = t;
    return PWY_OK;
}

static void publish(struct pw_store *s, struct pwy_task *t)
{
    __atomic_store_n(&s->page[t->slot / PW_PAGE][t->slot % PW_PAGE], t, __ATOMIC_RELEASE);
}

/* --- the index of names in memory --- */

static void index_put(struct pw_store *s, uint32_t hash, uint32_t slot)
{
    const uint64_t mask = s->n_index - 1;
    uint64_t at = hash & mask;
    while (s->index[at].slot != 0) at = (at + 1) & mask;
    s->index[at] = (struct pw_name_slot){hash, slot};
    s->n_used++;
}

/* Twice as large when it is three quarters full: each name is moved about once in all. */
static pwy_status index_reserve(struct pw_store *s)
{
    if (4 * (s->n_used + 1) <= 3 * s->n_index) return PWY_OK;
    struct pw_name_slot *old = s->index;
    uint64_t n_old = s->n_index, n = n_old == 0 ? 16 : 2 * n_old;
    struct pw_name_slot *index = pw_calloc(n, sizeof *index);
    PW_NEED(index);
    s->index = index;
    s->n_index = n;
    s->n_used = 0;
    for (uint64_t i = 0; i < n_old; i++)
        if (old[i].slot != 0) index_put(s, old[i].hash, old[i].slot);
    free(old);
    return PWY_OK;
}

static int64_t index_find(const struct pw_store *s, const char *name, uint32_t hash)
{
    const uint64_t mask = s->n_index - 1;
    if (s->n_index == 0) return -1;
    for (uint64_t at = hash & mask; s->index[at].slot != 0; at = (at + 1) & mask)
        if (s->index[at].hash == hash && strcmp(pw_store_made(s, s->index[at].slot - 1)->name, name) == 0)
            return s->index[at].slot - 1;
    return -1;
}

/* Those behind it close the hole, each as near to its home as it gets. */
static void index_remove(struct pw_store *s, uint32_t hash, int64_t slot)
{
    const uint64_t mask = s->n_index - 1;
    if (s->n_index == 0) return;
    uint64_t at = hash & mask;
    while (s->index[at].slot != 0 && s->index[at].slot != (uint32_t)slot + 1) at = (at + 1) & mask;
    if (s->index[at].slot == 0) return;
    for (uint64_t next = (at + 1) & mask; s->index[next].slot != 0; next = (next + 1) & mask) {
        uint64_t home = s->index[next].hash & mask;
        if (((next - home) & mask) < ((next - at) & mask)) continue;
        s->index[at] = s->index[next];
        at = next;
    }
    s->index[at] = (struct pw_name_slot){0, 0};
    s->n_used--;
}

static uint64_t hash_of(const char *name)
{
    return pw_hash(name, strlen(name));
}

/* --- adding, finding, changing --- */

pwy_status pw_store_add(struct pw_store *s, const char *name, struct pwy_task **out)
{
    struct pwy_task *t;
    if (s->n_slots >= INT32_MAX / 2)
        return pw_fail(PWY_E_UNSUPPORTED, "a registry has at most %d tasks", INT32_MAX / 2);
    PW_TRY(reserve_pages(s, s->n_slots + 1));
    PW_TRY(index_reserve(s));
    PW_TRY(make_task(s, s->n_slots, &t));
    PW_NEED(t->name = pw_words_copy(s->words, name, strlen(name)));
    t->index = (int)(s->n_slots++ - s->n_removed);
    publish(s, t);
    index_put(s, (uint32_t)hash_of(name), (uint32_t)t->slot + 1);
    *out = t;
    return PWY_OK;
}

/* The slot that a segment's record speaks of, unless it is removed or has another name since. */
static int64_t current(const struct pw_store *s, const struct pw_task_segment *g, int64_t k, const char *name)
{
    int64_t slot = k < g->n_again ? g->again[k] : g->first + k - g->n_again;
    bool gone;
    pw_removed_before(s, slot, &gone);
    const struct pwy_task *t = gone || !s->renamed ? NULL : pw_store_made(s, slot);
    return gone || (t != NULL && strcmp(t->name, name) != 0) ? -1 : slot;
}

int64_t pw_store_find(const struct pw_store *s, const char *name)
{
    size_t len = strlen(name);
    uint64_t hash = pw_hash(name, len);
    int64_t slot = index_find(s, name, (uint32_t)hash);
    for (int i = s->n_segments - 1; i >= 0 && slot < 0; i--) {
        int64_t k = pw_task_segment_find(&s->segment[i], name, len, hash);
        if (k >= 0) return current(s, &s->segment[i], k, name);
    }
    return slot;
}

static pwy_status mark_removed(struct pw_store *s, int64_t slot)
{
    bool there;
    int64_t at = pw_removed_before(s, slot, &there);
    if (there) return PWY_OK;
    if (s->n_removed == s->cap_removed) {
        int64_t cap = s->cap_removed == 0 ? 8 : 2 * s->cap_removed;
        int64_t *removed = pw_realloc(s->removed, (size_t)cap, sizeof *removed);
        PW_NEED(removed);
        s->removed = removed;
        s->cap_removed = cap;
    }
    memmove(s->removed + at + 1, s->removed + at, (size_t)(s->n_removed++ - at) * sizeof *s->removed);
    s->removed[at] = slot;
    return PWY_OK;
}

pwy_status pw_store_remove(struct pw_store *s, int64_t slot)
{
    struct pwy_task *t = pw_store_made(s, slot);
    PW_TRY(mark_removed(s, slot));
    if (t != NULL) {
        index_remove(s, (uint32_t)hash_of(t->name), slot);
        pw_task_close(t);
        s->page[slot / PW_PAGE][slot % PW_PAGE] = NULL;
    }
    for (int64_t behind = slot + 1; behind < s->n_slots; behind++)
        if ((t = pw_store_made(s, behind)) != NULL) t->index--;
    return PWY_OK;
}

pwy_status pw_store_rename(struct pw_store *s, struct pwy_task *t, const char *name)
{
    char *copy;
    PW_NEED(copy = pw_words_copy(s->words, name, strlen(name)));
    PW_TRY(index_reserve(s));
    index_remove(s, (uint32_t)hash_of(t->name), t->slot);
    t->name = copy;
    s->renamed = true;
    index_put(s, (uint32_t)hash_of(name), (uint32_t)t->slot + 1);
    return PWY_OK;
}

/* --- files --- */

static int64_t again_at(const struct pw_store *s, int64_t slot)
{
    int64_t low = 0, high = s->n_again;
    while (low < high) {
        int64_t mid = (low + high) / 2;
        if (s->again[mid].slot < slot) low = mid + 1;
        else high = mid;
    }
    return low;
}

void pw_store_where(const struct pw_store *s, int64_t slot, struct pw_again *out)
{
    int64_t at = again_at(s, slot);
    int i = s->n_segments - 1;
    if (at < s->n_again && s->again[at].slot == slot) {
        *out = s->again[at];
        return;
    }
    while (s->segment[i].first > slot) i--;
    *out = (struct pw_again){slot, i, slot - s->segment[i].first + s->segment[i].n_again};
}

bool pw_store_speaks(const struct pw_store *s, int segment, int64_t k, int64_t *index)
{
    const struct pw_task_segment *g = &s->segment[segment];
    struct pw_again at;
    bool gone;
    if (k >= g->n) return false;
    int64_t slot = k < g->n_again ? g->again[k] : g->first + k - g->n_again;
    *index = slot - pw_removed_before(s, slot, &gone);
    pw_store_where(s, slot, &at);
    return !gone && at.segment == segment && at.k == k;
}

static pwy_status put_again(struct pw_store *s, struct pw_again again)
{
    int64_t at = again_at(s, again.slot);
    if (at == s->n_again || s->again[at].slot != again.slot) {
        struct pw_again *list = pw_realloc(s->again, (size_t)s->n_again + 1, sizeof *list);
        PW_NEED(list);
        s->again = list;
        memmove(list + at + 1, list + at, (size_t)(s->n_again++ - at) * sizeof *list);
    }
    s->again[at] = again;
    return PWY_OK;
}

/* One of a delta's first records: the slot of its name's task before it. */
static pwy_status take_again(struct pw_store *s, struct pw_task_segment *g, int64_t k, const struct pw_record *r)
{
    const char *name = pw_task_segment_name(g, r);
    int64_t slot = pw_store_find(s, name), *again;
    if (slot < 0) return pw_fail(PWY_E_FORMAT, "%s: it changes the task '%s', which is not there", g->name, name);
    PW_NEED(again = pw_realloc(g->again, (size_t)k + 1, sizeof *again));
    again[k] = slot;
    g->again = again;
    g->n_again = k + 1;
    if ((r->flags & PW_RECORD_GONE) != 0) return mark_removed(s, slot);
    return put_again(s, (struct pw_again){slot, s->n_segments, k});
}

static pwy_status take_changes(struct pw_store *s, struct pw_task_segment *g)
{
    struct pw_record r;
    for (int64_t k = 0; k < g->n; k++) {
        PW_TRY(pw_task_segment_read(g, k, &r));
        if (r.flags == 0) break;
        PW_TRY(take_again(s, g, k, &r));
    }
    return PWY_OK;
}

pwy_status pw_store_attach(struct pw_store *s, const struct pw_task_segment_bytes *b)
{
    struct pw_task_segment *list, *g;
    PW_NEED(list = pw_realloc(s->segment, (size_t)s->n_segments + 1, sizeof *list));
    s->segment = list;
    g = &list[s->n_segments];
    PW_TRY(pw_task_segment_open(b, g));
    pwy_status status = take_changes(s, g);
    if (status == PWY_OK) status = reserve_pages(s, s->n_slots + g->n - g->n_again);
    if (status != PWY_OK || s->n_slots + g->n > INT32_MAX / 2) {
        pw_task_segment_close(g);
        return status != PWY_OK ? status : pw_fail(PWY_E_FORMAT, "%s: too many tasks", b->name);
    }
    g->first = s->n_slots;
    s->n_mapped = s->n_slots += g->n - g->n_again;
    s->n_segments++;
    return PWY_OK;
}

static const uint8_t *digest_at(const struct pw_task_segment *g, int64_t k)
{
    static const uint8_t none[32];
    const struct pw_record *r = g->b.records.data;
    const uint8_t *digest = (const uint8_t *)r + (size_t)k * sizeof *r + offsetof(struct pw_record, digest);
    return memcmp(digest, none, sizeof none) == 0 ? NULL : digest;
}

/* Under the lock. */
static pwy_status make_named(struct pw_store *s, pwy_registry *r, int64_t slot, bool found, struct pwy_task **out)
{
    struct pw_again at;
    struct pw_record rec;
    bool there;
    pw_store_where(s, slot, &at);
    const struct pw_task_segment *g = &s->segment[at.segment];
    PW_TRY(pw_task_segment_read(g, at.k, &rec));
    const char *name = pw_task_segment_name(g, &rec);
    const struct pw_head_ops *head = pw_head_of((pwy_task_kind)rec.kind);
    if (pw_name_check("task", name) != PWY_OK || (at.k >= g->n_again && rec.flags != 0)
        || (!found && pw_store_find(s, name) != slot))
        return pw_fail(PWY_E_FORMAT, "%s: task %lld cannot be found by its name", g->name, (long long)at.k);
    if (head == NULL)
        return pw_fail(PWY_E_UNSUPPORTED, "%s: task '%s' is of kind %d, which is not supported yet", g->name, name,
                       rec.kind);
    PW_TRY(make_task(s, slot, out));
    pw_task_init(*out, r, head);
    (*out)->name = name;
    (*out)->digest = digest_at(g, at.k);
    (*out)->trained = rec.state >= PW_TRAINED;
    (*out)->sealed = rec.state == PW_SEALED;
    (*out)->index = (int)(slot - pw_removed_before(s, slot, &there));
    publish(s, *out);
    return PWY_OK;
}

pwy_status pw_store_task(struct pw_store *s, pwy_registry *r, int64_t slot, bool found, struct pwy_task **out)
{
    pwy_status status = PWY_OK;
    struct pwy_task *t = pw_store_made(s, slot);
    if (t == NULL) {
        pthread_mutex_lock(&s->lock);
        t = pw_store_made(s, slot);
        if (t == NULL) status = make_named(s, r, slot, found, &t);
        pthread_mutex_unlock(&s->lock);
    }
    if (status == PWY_OK) *out = t;
    return status;
}

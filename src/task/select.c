/* Which tasks fit a query. Records are looked at where they lie; a label's tasks come out of the file's list. */
#include <stdlib.h>
#include <string.h>
#include "base/rng.h"
#include "task/store.h"

static const char *const state_names[] = {"open", "trained", "sealed", NULL};

const char *pw_state_name(int state)
{
    return state >= PW_OPEN && state <= PW_SEALED ? state_names[state] : NULL;
}

/* --- the query --- */

struct query { char *name, *sense, *state, *kind, *label; uint32_t sense_bit; int want_state, want_kind; };
#define FIELD(name) {#name, PW_OPT_TEXT, offsetof(struct query, name), 0, 0}
static const struct pw_option fields[] = {FIELD(name), FIELD(sense), FIELD(state), FIELD(kind), FIELD(label), {0}};

static pwy_status find_state(const char *word, int *out)
{
    for (int i = 0; state_names[i] != NULL; i++)
        if (strcmp(state_names[i], word) == 0) return *out = i, PWY_OK;
    return pw_fail(PWY_E_ARGUMENT, "there is no state '%s'; open, trained and sealed are", word);
}

static pwy_status understand(struct query *q)
{
    const struct pw_sense_ops *sense;
    const struct pw_head_ops *head;
    q->want_state = q->want_kind = -1;
    if (q->state != NULL) PW_TRY(find_state(q->state, &q->want_state));
    if (q->sense != NULL) {
        PW_TRY(pw_sense_named(q->sense, &sense));
        q->sense_bit = pw_sense_bit(q->sense);
    }
    if (q->kind != NULL) {
        PW_TRY(pw_head_named(q->kind, &head));
        q->want_kind = (int)head->kind;
    }
    return PWY_OK;
}

/* --- one task --- */

/* What a query asks of every task: of one in memory from itself, else from its record. */
struct look { uint32_t senses; int state, kind; };

static void look_at(const pwy_registry *r, int64_t slot, struct look *out)
{
    const struct pwy_task *t = pw_store_made(r->store, slot);
    struct pw_again at;
    struct pw_record rec;
    if (t == NULL || !__atomic_load_n(&t->whole, __ATOMIC_ACQUIRE)) {
        pw_store_where(r->store, slot, &at);
        pw_task_segment_look(&r->store->segment[at.segment], at.k, &rec);
        *out = (struct look){rec.senses, rec.state, rec.kind};
        return;
    }
    *out = (struct look){.state = pw_task_state(t), .kind = (int)t->head->kind};
    for (int p = 0; p < t->n_parts; p++) out->senses |= pw_sense_bit(t->parts[p].sense);
}

/* A sense without a bit of its own, and a label's hash, are checked on the task itself. */
static pwy_status fits_whole(const struct query *q, const pwy_registry *r, int64_t i, bool *fits)
{
    struct pwy_task *t;
    PW_TRY(pw_registry_task(r, i, &t));
    *fits = (q->sense == NULL || pw_has_sense(t, t->n_parts, q->sense))
         && (q->label == NULL || pw_task_label(t, q->label) >= 0);
    return PWY_OK;
}

static pwy_status fits(const struct query *q, const pwy_registry *r, int64_t i, bool *out)
{
    struct look l;
    *out = false;
    if (q->sense != NULL || q->want_state >= 0 || q->want_kind >= 0) {
        look_at(r, pw_slot_of(r->store, i), &l);
        if (q->sense != NULL && (l.senses & q->sense_bit) == 0) return PWY_OK;
        if (q->want_state >= 0 && l.state != q->want_state) return PWY_OK;
        if (q->want_kind >= 0 && l.kind != q->want_kind) return PWY_OK;
    }
    *out = true;
    return q->label != NULL || q->sense_bit >> 31 != 0 ? fits_whole(q, r, i, out) : PWY_OK;
}

/* --- tasks of a label --- */

struct marks { uint8_t *bit; };         /* [n] by index: may have the label */

static void mark(struct marks *m, int64_t index)
{
    m->bit[index / 8] |= (uint8_t)(1u << index % 8);
}

static uint32_t hash_at(const struct pw_task_segment *g, int64_t l, uint32_t *record)
{
    uint32_t pair[2];
    memcpy(pair, (const char *)g->b.labels.data + 8 * l, sizeof pair);
    *record = pair[1];
    return pair[0];
}

static void mark_file(const pwy_registry *r, int segment, uint32_t hash, struct marks *m)
{
    const struct pw_task_segment *g = &r->store->segment[segment];
    int64_t low = 0, high = g->n_labels, index;
    uint32_t k;
    while (low < high) {
        int64_t mid = (low + high) / 2;
        if (hash_at(g, mid, &k) < hash) low = mid + 1;
        else high = mid;
    }
    for (; low < g->n_labels && hash_at(g, low, &k) == hash; low++)
        if (pw_store_speaks(r->store, segment, k, &index)) mark(m, index);
}

/* Tasks that were added, or filled and may have changed since, are asked themselves. */
static void mark_memory(const pwy_registry *r, const char *label, struct marks *m)
{
    for (int64_t slot = 0; slot < r->store->n_slots; slot++) {
        const struct pwy_task *t = pw_store_made(r->store, slot);
        if (t == NULL || !__atomic_load_n(&t->whole, __ATOMIC_ACQUIRE)) continue;
        if (pw_task_label(t, label) >= 0) mark(m, t->index);
    }
}

static pwy_status mark_label(const pwy_registry *r, const char *label, struct marks *m)
{
    uint32_t hash = (uint32_t)pw_hash(label, strlen(label));
    PW_NEED(m->bit = pw_calloc((size_t)r->n / 8 + 1, 1));
    for (int i = 0; i < r->store->n_segments; i++) mark_file(r, i, hash, m);
    mark_memory(r, label, m);
    return PWY_OK;
}

/* --- the whole --- */

static pwy_status go_through(const struct query *q, const pwy_registry *r, struct pw_found *found)
{
    struct marks marks = {0};
    pwy_status status = q->label != NULL ? mark_label(r, q->label, &marks) : PWY_OK;
    for (int64_t i = found->after + 1; i < r->n && found->n < found->room && status == PWY_OK; i++) {
        bool fit = false;
        if (marks.bit != NULL && (marks.bit[i / 8] >> i % 8 & 1) == 0) continue;
        status = fits(q, r, i, &fit);
        if (fit) found->index[found->n++] = i;
    }
    free(marks.bit);
    return status;
}

/* One name is looked up. */
static pwy_status look_up(const struct query *q, const pwy_registry *r, struct pw_found *found)
{
    int64_t slot = pw_store_find(r->store, q->name);
    bool fit = false, gone;
    if (slot < 0) return PWY_OK;
    int64_t i = slot - pw_removed_before(r->store, slot, &gone);
    if (i <= found->after || found->room == 0) return PWY_OK;
    PW_TRY(fits(q, r, i, &fit));
    if (fit) found->index[found->n++] = i;
    return PWY_OK;
}

pwy_status pw_registry_select(const pwy_registry *r, const struct pw_node *query, struct pw_found *found)
{
    struct query q = {0};
    found->n = 0;
    pwy_status status = pw_options_read(query, "query", fields, &q);
    if (status == PWY_OK) status = understand(&q);
    if (status == PWY_OK) status = q.name != NULL ? look_up(&q, r, found) : go_through(&q, r, found);
    pw_options_release(fields, &q);
    return status;
}

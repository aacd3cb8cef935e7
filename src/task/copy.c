/* A registry copied: into memory, or into the tensors of a file. */
#include <stdlib.h>
#include <string.h>
#include "base/rng.h"
#include "task/store.h"

/* --- into memory --- */

static pwy_status copy_text(char **to, const char *from)
{
    if (from != NULL) PW_NEED(*to = pw_strdup(from));
    return PWY_OK;
}

static pwy_status copy_settings(const struct pwy_task *from, struct pwy_task *to)
{
    PW_TRY(copy_text(&to->metric, from->metric));
    PW_TRY(copy_text(&to->missing, from->missing));
    PW_TRY(copy_text(&to->target, from->target));
    if (from->columns != NULL) PW_NEED(to->columns = pw_node_copy(from->columns));
    for (int p = 0; p < from->n_parts; p++)
        PW_TRY(pw_task_add_part(to, from->parts[p].name, from->parts[p].sense, from->parts[p].options));
    to->weight = from->weight;
    return PWY_OK;
}

static pwy_status copy_labels(const struct pwy_task *from, struct pwy_task *to)
{
    size_t n = from->labels.n;
    for (size_t i = 0; i < n; i++)
        PW_TRY(pw_labels_add(&to->labels, to->registry->store->words, from->labels.text[i]));
    if (from->label_count == NULL) return PWY_OK;
    PW_NEED(to->label_count = pw_calloc(n + 1, sizeof *to->label_count));
    memcpy(to->label_count, from->label_count, n * sizeof *to->label_count);
    return PWY_OK;
}

static pwy_status copy_fitted(const struct pwy_task *from, struct pwy_task *to)
{
    PW_TRY(copy_labels(from, to));
    if (from->digest != NULL) PW_TRY(pw_task_set_digest(to, from->digest));
    if (from->pathway != NULL) PW_NEED(to->pathway = pw_node_copy(from->pathway));
    if (from->use != NULL) PW_NEED(to->use = pw_node_copy(from->use));
    if (from->stems != NULL) PW_NEED(to->stems = pw_node_copy(from->stems));
    if (from->golden != NULL) PW_NEED(to->golden = pw_node_copy(from->golden));
    to->fixed_labels = from->fixed_labels;
    to->mean = from->mean;
    to->spread = from->spread;
    to->n_train = from->n_train;
    to->wide_scale = from->wide_scale;
    to->trunk_scale = from->trunk_scale;
    to->trained = from->trained;
    to->sealed = from->sealed;
    return PWY_OK;
}

pwy_status pw_registry_adopt(pwy_registry *copy, const pwy_registry *r, int64_t i, struct pwy_task **out)
{
    struct pwy_task *from, *to;
    PW_TRY(pw_registry_task(r, i, &from));
    PW_TRY(pw_registry_add(copy, from->name, from->head, &to));
    PW_TRY(copy_settings(from, to));
    PW_TRY(copy_fitted(from, to));
    for (int s = 0; s < 3; s++)
        if (from->source[s] != NULL) PW_TRY(pw_task_set_source(to, (pwy_split)s, pw_source_hold(from->source[s])));
    *out = to;
    return PWY_OK;
}

pwy_status pw_registry_copy(const pwy_registry *r, pwy_registry **out)
{
    pwy_registry *copy;
    pwy_status status = PWY_OK;
    PW_TRY(pw_registry_make(r->ctx, &copy));
    for (int i = 0; i < r->n && status == PWY_OK; i++) {
        struct pwy_task *t;
        status = pw_registry_adopt(copy, r, i, &t);
    }
    if (status == PWY_OK) *out = copy;
    else pw_registry_release(copy);
    return status;
}

pwy_status pw_registry_share_sources(pwy_registry *to, const pwy_registry *from)
{
    PW_TRY(pw_registry_load(to));
    for (int i = 0; i < to->n && i < from->n; i++) {
        const struct pwy_task *t = pw_registry_at(from, i);
        for (int s = 0; t != NULL && s < 3; s++)
            if (t->source[s] != NULL)
                PW_TRY(pw_task_set_source(pw_registry_at(to, i), (pwy_split)s, pw_source_hold(t->source[s])));
    }
    return PWY_OK;
}

static pwy_status attach_source(struct pwy_task *to, const struct pwy_task *from)
{
    if (to->head->kind != from->head->kind)
        return pw_fail(PWY_E_ARGUMENT, "task '%s' is of the kind %s and its rows of the kind %s", to->name,
                       to->head->name, from->head->name);
    for (int s = 0; s < 3; s++)
        if (from->source[s] != NULL) PW_TRY(pw_task_set_source(to, (pwy_split)s, pw_source_hold(from->source[s])));
    return pw_task_cut_default(to);
}

pwy_status pw_registry_attach_sources(pwy_registry *to, const pwy_registry *from)
{
    PW_TRY(pw_registry_load(to));
    for (int i = 0; i < to->n; i++) {
        struct pwy_task *own = pw_registry_at(to, i), *t;
        PW_TRY(pw_registry_get(from, own->name, &t));
        PW_TRY(attach_source(own, t));
    }
    return PWY_OK;
}

/* --- into a file --- */

/* One task on its way: what its file says of it, where it has one, and what is written. */
struct going {
    const struct pw_store *store;
    const struct pwy_task *t;           /* NULL: never filled, goes as it is */
    bool mapped; struct pw_record old; const struct pw_task_segment *from;
    struct pw_record r;
    char *task, *senses;                /* JSON made anew; NULL: the file's */
};

struct imaging {
    const pwy_registry *r; pw_senses_fn senses; void *arg;
    int32_t *copied;                    /* [r->n] record + 1 of a task whose labels are still to come; 0: none */
    struct pw_image im;
};

static uint32_t label_hash(const char *label)
{
    return (uint32_t)pw_hash(label, strlen(label));
}

static struct pw_bytes text_or(const char *text, const struct going *g, uint64_t at, size_t len)
{
    if (text != NULL) return (struct pw_bytes){text, strlen(text)};
    if (!g->mapped) return (struct pw_bytes){0};
    return (struct pw_bytes){(const char *)g->from->b.texts.data + at, len};
}

static void fill_record(struct going *g)
{
    const struct pwy_task *t = g->t;
    g->r = (struct pw_record){.kind = (uint16_t)t->head->kind,
                              .state = (uint8_t)pw_task_state(t)};
    for (int p = 0; p < t->n_parts; p++) g->r.senses |= pw_sense_bit(t->parts[p].sense);
    if (t->digest != NULL) memcpy(g->r.digest, t->digest, sizeof g->r.digest);
}

static pwy_status take_json(struct going *g, pw_senses_fn senses, void *arg, int64_t i)
{
    struct pw_node *node = NULL;
    if (g->t != NULL) PW_TRY(pw_task_to_json(g->t, &g->task));
    if (senses == NULL) return PWY_OK;
    PW_TRY(senses(arg, i, &node));
    if (node == NULL) return PWY_OK;
    g->senses = pw_node_to_json(node);
    pw_node_free(node);
    return g->senses == NULL ? PWY_E_NOMEM : PWY_OK;
}

static pwy_status look_up(struct going *g, int64_t slot)
{
    struct pw_again at;
    const struct pwy_task *t = pw_store_made(g->store, slot);
    if (t != NULL && __atomic_load_n(&t->whole, __ATOMIC_ACQUIRE)) g->t = t;
    g->mapped = slot < g->store->n_mapped;
    if (!g->mapped) return PWY_OK;
    pw_store_where(g->store, slot, &at);
    g->from = &g->store->segment[at.segment];
    return pw_task_segment_read(g->from, at.k, &g->old);
}

static pwy_status put_task(struct going *g, int flags, struct pw_image *im)
{
    const char *name = g->t != NULL ? g->t->name : pw_task_segment_name(g->from, &g->old);
    if (g->t != NULL) fill_record(g);
    else g->r = g->old;
    g->r.flags = (uint8_t)flags;
    PW_TRY(pw_image_add(im, name, &g->r, text_or(g->task, g, g->old.text_at, g->old.task_len),
                        text_or(g->senses, g, g->old.text_at + g->old.task_len, g->old.senses_len)));
    for (uint32_t l = 0; g->t != NULL && l < g->t->labels.n; l++)
        PW_TRY(pw_image_label(im, label_hash(g->t->labels.text[l]), im->n - 1));
    return PWY_OK;
}

static pwy_status image_task(struct imaging *to, int64_t i, int flags)
{
    struct going g = {.store = to->r->store};
    pwy_status status = look_up(&g, pw_slot_of(g.store, i));
    if (status == PWY_OK) status = take_json(&g, to->senses, to->arg, i);
    if (status == PWY_OK) status = put_task(&g, flags, &to->im);
    if (status == PWY_OK && g.t == NULL) to->copied[i] = (int32_t)to->im.n;
    free(g.task);
    free(g.senses);
    return status;
}

static pwy_status image_gone(struct imaging *to, const char *name)
{
    struct pw_record r = {.flags = PW_RECORD_GONE};
    return pw_image_add(&to->im, name, &r, (struct pw_bytes){0}, (struct pw_bytes){0});
}

/* The labels of tasks that went as they are, out of their files' lists. */
static pwy_status image_labels(struct imaging *to)
{
    const struct pw_store *s = to->r->store;
    int64_t index;
    for (int i = 0; i < s->n_segments; i++)
        for (int64_t l = 0; l < s->segment[i].n_labels; l++) {
            uint32_t pair[2];
            memcpy(pair, (const char *)s->segment[i].b.labels.data + 8 * l, 8);
            if (pw_store_speaks(s, i, pair[1], &index) && to->copied[index] > 0)
                PW_TRY(pw_image_label(&to->im, pair[0], to->copied[index] - 1));
        }
    return PWY_OK;
}

static pwy_status image_changes(struct imaging *to, const struct pw_registry_changes *c)
{
    PW_NEED(to->copied = pw_calloc((size_t)to->r->n + 1, sizeof *to->copied));
    for (int64_t i = 0; i < c->n_again; i++) PW_TRY(image_task(to, c->again[i], PW_RECORD_AGAIN));
    for (int64_t i = 0; i < c->n_gone; i++) PW_TRY(image_gone(to, c->gone[i]));
    for (int64_t i = c->first; i < to->r->n; i++) PW_TRY(image_task(to, i, 0));
    PW_TRY(image_labels(to));
    return pw_image_finish(&to->im);
}

pwy_status pw_registry_delta(const pwy_registry *r, const struct pw_registry_changes *changes, pw_senses_fn senses,
                             void *arg, struct pw_image *out)
{
    struct imaging to = {.r = r, .senses = senses, .arg = arg};
    pwy_status status = image_changes(&to, changes);
    if (status == PWY_OK) *out = to.im;
    else pw_image_free(&to.im);
    free(to.copied);
    return status;
}

pwy_status pw_registry_image(const pwy_registry *r, int64_t first, pw_senses_fn senses, void *arg,
                             struct pw_image *out)
{
    const struct pw_registry_changes all = {.first = first};
    return pw_registry_delta(r, &all, senses, arg, out);
}

/* A task's labels: pointers into the registry's texts, searched one by one while they are few, by hash when they are
   many. A task without labels has nothing, one with four has 32 bytes beside their texts. */
#include <stdlib.h>
#include <string.h>
#include "base/rng.h"
#include "task/task.h"

enum { FIRST = 4, SEARCHED = 16 };

static uint32_t home(const struct pw_labels *l, const char *label)
{
    return (uint32_t)pw_hash(label, strlen(label)) & (l->n_slots - 1);
}

/* The slot where the label is, or where it would go. */
static uint32_t probe(const struct pw_labels *l, const char *label)
{
    uint32_t at = home(l, label);
    while (l->slot[at] != 0 && strcmp(l->text[l->slot[at] - 1], label) != 0) at = (at + 1) & (l->n_slots - 1);
    return at;
}

int64_t pw_labels_find(const struct pw_labels *l, const char *label)
{
    if (l->n_slots > 0) return (int64_t)l->slot[probe(l, label)] - 1;
    for (uint32_t i = 0; i < l->n; i++)
        if (strcmp(l->text[i], label) == 0) return i;
    return -1;
}

static pwy_status grow_slots(struct pw_labels *l)
{
    uint32_t n = l->n_slots == 0 ? 4 * SEARCHED : 2 * l->n_slots, *slot;
    PW_NEED(slot = pw_calloc(n, sizeof *slot));
    free(l->slot);
    l->slot = slot;
    l->n_slots = n;
    for (uint32_t i = 0; i < l->n; i++) slot[probe(l, l->text[i])] = i + 1;
    return PWY_OK;
}

/* Room is for 4, 8, 16, ...: it is full where n is one of these, and what it was before stays in the chunk. */
static pwy_status reserve(struct pw_labels *l, struct pw_words *words)
{
    if (l->n >= INT32_MAX / 4) return pw_fail_nomem(SIZE_MAX);
    if (l->n >= SEARCHED && 2 * (l->n + 1) > l->n_slots) PW_TRY(grow_slots(l));
    if (l->n > 0 && (l->n < FIRST || (l->n & (l->n - 1)) != 0)) return PWY_OK;
    size_t cap = l->n == 0 ? FIRST : 2 * (size_t)l->n;
    const char **text = pw_words_take(words, cap * sizeof *text, sizeof *text);
    PW_NEED(text);
    if (l->n > 0) memcpy(text, l->text, l->n * sizeof *text);
    l->text = text;
    return PWY_OK;
}

pwy_status pw_labels_add(struct pw_labels *l, struct pw_words *words, const char *label)
{
    const char *text;
    PW_TRY(reserve(l, words));
    PW_NEED(text = pw_words_put(words, label));
    l->text[l->n++] = text;
    if (l->n_slots > 0) l->slot[probe(l, text)] = l->n;
    return PWY_OK;
}

void pw_labels_free(struct pw_labels *l)
{
    free(l->slot);
    *l = (struct pw_labels){0};
}

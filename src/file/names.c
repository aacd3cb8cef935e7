/* Tensors by name: open addressing over positions, by a hash whose key is new for every index. */
#include "file/file.h"

#include <stdlib.h>
#include <string.h>

static uint32_t hash_of(const struct pw_names *x, const char *name)
{
    return (uint32_t)pw_hash_keyed(&x->key, name, strlen(name));
}

/* The slot where the name is, or where it would go. n_slots > 0. */
static struct pw_slot *probe(const struct pw_names *x, const struct pw_tensor *list, const char *name, uint32_t hash)
{
    size_t mask = x->n_slots - 1, at = hash & mask;
    while (x->slot[at].at != 0 && (x->slot[at].hash != hash || strcmp(list[x->slot[at].at - 1].name, name) != 0))
        at = (at + 1) & mask;
    return &x->slot[at];
}

static void move_slots(const struct pw_names *from, struct pw_names *to)
{
    for (size_t i = 0; i < from->n_slots; i++) {
        size_t at = from->slot[i].hash & (to->n_slots - 1);
        if (from->slot[i].at == 0)
            continue;
        while (to->slot[at].at != 0)
            at = (at + 1) & (to->n_slots - 1);
        to->slot[at] = from->slot[i];
    }
}

/* At most half of the slots are taken. */
pwy_status pw_names_reserve(struct pw_names *names, int64_t n)
{
    struct pw_names grown = *names;
    if (n >= INT32_MAX / 2)
        return pw_fail(PWY_E_LIMIT, "%lld tensors in one file, at most %d are allowed", (long long)n, INT32_MAX / 2);
    if (names->n_slots == 0)
        grown = (struct pw_names){ .key = pw_hash_key_new(), .n_slots = 64 };
    while (grown.n_slots < 2 * (size_t)n)
        grown.n_slots *= 2;
    if (grown.n_slots == names->n_slots)
        return PWY_OK;
    grown.slot = pw_calloc(grown.n_slots, sizeof *grown.slot);
    PW_NEED(grown.slot);
    move_slots(names, &grown);
    free(names->slot);
    *names = grown;
    return PWY_OK;
}

int64_t pw_names_find(const struct pw_names *names, const struct pw_tensor *list, const char *name)
{
    return names->n_slots == 0 ? -1 : (int64_t)probe(names, list, name, hash_of(names, name))->at - 1;
}

pwy_status pw_names_add(struct pw_names *names, const struct pw_tensor *list, int64_t at, int64_t *old)
{
    PW_TRY(pw_names_reserve(names, (int64_t)names->n + 1));
    uint32_t hash = hash_of(names, list[at].name);
    struct pw_slot *slot = probe(names, list, list[at].name, hash);
    *old = (int64_t)slot->at - 1;
    if (slot->at != 0)
        return PWY_OK;
    *slot = (struct pw_slot){ (uint32_t)at + 1, hash };
    names->n++;
    return PWY_OK;
}

void pw_names_free(struct pw_names *names)
{
    free(names->slot);
    *names = (struct pw_names){ .slot = NULL };
}

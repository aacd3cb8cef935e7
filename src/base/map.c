/* A map from strings to 0, 1, 2, ...: open addressing over indices, keys in an arena. */
#include <stdlib.h>
#include <string.h>
#include "base/mem.h"
#include "base/rng.h"

struct entry { const char *key; size_t len; uint64_t hash; };

struct pw_map {
    struct entry *entry;            /* [count], room for cap */
    int64_t *slot;                  /* [n_slots], index + 1 or 0; n_slots a power of two, or 0 */
    int64_t count, cap;
    size_t n_slots;
    struct pw_arena *keys;
};

struct pw_map *pw_map_new(void)
{
    struct pw_map *map = pw_calloc(1, sizeof *map);
    if (map == NULL)
        return NULL;
    map->keys = pw_arena_new();
    if (map->keys != NULL)
        return map;
    free(map);
    return NULL;
}

void pw_map_free(struct pw_map *map)
{
    if (map == NULL)
        return;
    pw_arena_free(map->keys);
    free(map->entry);
    free(map->slot);
    free(map);
}

/* The slot where the key is, or where it would go. n_slots > 0. */
static size_t probe(const struct pw_map *map, const char *key, size_t len, uint64_t hash)
{
    size_t at = hash & (map->n_slots - 1);
    for (; map->slot[at] != 0; at = (at + 1) & (map->n_slots - 1)) {
        const struct entry *e = &map->entry[map->slot[at] - 1];
        if (e->hash == hash && e->len == len && memcmp(e->key, key, len) == 0)
            break;
    }
    return at;
}

int64_t pw_map_find(const struct pw_map *map, const char *key, size_t len)
{
    return map->n_slots == 0 ? -1 : map->slot[probe(map, key, len, pw_hash(key, len))] - 1;
}

static pwy_status grow_slots(struct pw_map *map)
{
    size_t n = map->n_slots == 0 ? 16 : map->n_slots * 2;
    int64_t *slot = pw_calloc(n, sizeof *slot);
    PW_NEED(slot);
    for (int64_t i = 0; i < map->count; i++) {
        size_t at = map->entry[i].hash & (n - 1);
        while (slot[at] != 0)
            at = (at + 1) & (n - 1);
        slot[at] = i + 1;
    }
    free(map->slot);
    map->slot = slot;
    map->n_slots = n;
    return PWY_OK;
}

/* Room for one more entry; slots stay at most half full. */
static pwy_status reserve(struct pw_map *map)
{
    if ((size_t)(map->count + 1) * 2 > map->n_slots)
        PW_TRY(grow_slots(map));
    if (map->count < map->cap)
        return PWY_OK;
    int64_t cap = map->cap == 0 ? 8 : map->cap * 2;
    struct entry *entry = pw_realloc(map->entry, (size_t)cap, sizeof *entry);
    PW_NEED(entry);
    map->entry = entry;
    map->cap = cap;
    return PWY_OK;
}

/* A key takes a multiple of 64 bytes: simple, and labels are few. */
static const char *keep_key(struct pw_map *map, const char *key, size_t len)
{
    char *copy = pw_arena_take(map->keys, len + 1, 1);
    if (copy == NULL)
        return NULL;
    memcpy(copy, key, len);
    copy[len] = 0;
    return copy;
}

int64_t pw_map_add(struct pw_map *map, const char *key, size_t len)
{
    uint64_t hash = pw_hash(key, len);
    int64_t found = map->n_slots == 0 ? -1 : map->slot[probe(map, key, len, hash)] - 1;
    if (found >= 0)
        return found;
    if (reserve(map) != PWY_OK)
        return -1;
    const char *copy = keep_key(map, key, len);
    if (copy == NULL)
        return -1;
    size_t at = probe(map, key, len, hash);
    map->entry[map->count] = (struct entry){ copy, len, hash };
    map->slot[at] = ++map->count;
    return map->count - 1;
}

int64_t pw_map_count(const struct pw_map *map)
{
    return map->count;
}

const char *pw_map_key(const struct pw_map *map, int64_t index)
{
    return map->entry[index].key;
}

/* Tasks where they lie in a file: every offset is checked before it is followed. */
#include "task/record.h"
#include <stdlib.h>
#include <string.h>
#include "base/rng.h"

enum { RECORD = (int)sizeof(struct pw_record) };

/* Numbers of the format: a sense keeps its bit for good. */
static const char *const sense_bits[] = {"text", "image", "audio", "bytes", "table", "series", NULL};

uint32_t pw_sense_bit(const char *sense)
{
    for (int i = 0; sense_bits[i] != NULL; i++)
        if (strcmp(sense_bits[i], sense) == 0) return UINT32_C(1) << i;
    return UINT32_C(1) << 31;
}

static uint32_t u32_at(const void *base, uint64_t at)
{
    uint32_t value;
    memcpy(&value, (const char *)base + 4 * at, sizeof value);
    return value;
}

pwy_status pw_task_segment_open(const struct pw_task_segment_bytes *b, struct pw_task_segment *out)
{
    struct pw_task_segment s = {.b = *b, .n = (int64_t)(b->records.len / RECORD), .n_slots = b->index.len / 8,
                           .n_labels = (int64_t)(b->labels.len / 8)};
    if (b->records.len % RECORD != 0 || s.n > INT32_MAX / 2)
        return pw_fail(PWY_E_FORMAT, "%s: the tasks' records have %zu bytes; a multiple of %d is right", b->name,
                       b->records.len, RECORD);
    if (b->index.len % 8 != 0 || (s.n_slots & (s.n_slots - 1)) != 0 || s.n_slots <= (uint64_t)s.n)
        return pw_fail(PWY_E_FORMAT, "%s: the tasks' index has %zu bytes for %lld tasks", b->name, b->index.len,
                       (long long)s.n);
    if (b->labels.len % 8 != 0)
        return pw_fail(PWY_E_FORMAT, "%s: the tasks' labels have %zu bytes", b->name, b->labels.len);
    PW_NEED(s.name = pw_strdup(b->name));
    s.b.name = s.name;
    *out = s;
    return PWY_OK;
}

void pw_task_segment_close(struct pw_task_segment *s)
{
    free(s->name);
    free(s->again);
}

static bool inside(uint64_t at, uint64_t len, size_t whole)
{
    return at <= whole && len <= whole - at;
}

void pw_task_segment_look(const struct pw_task_segment *s, int64_t k, struct pw_record *out)
{
    memcpy(out, (const char *)s->b.records.data + (size_t)k * RECORD, RECORD);
}

static bool name_inside(const struct pw_task_segment *s, const struct pw_record *r)
{
    const char *names = s->b.names.data;
    return inside(r->name_at, (uint64_t)r->name_len + 1, s->b.names.len) && names[r->name_at + r->name_len] == '\0';
}

const char *pw_task_segment_name(const struct pw_task_segment *s, const struct pw_record *r)
{
    return (const char *)s->b.names.data + r->name_at;
}

pwy_status pw_task_segment_read(const struct pw_task_segment *s, int64_t k, struct pw_record *out)
{
    struct pw_record r;
    pw_task_segment_look(s, k, &r);
    if (!name_inside(s, &r) || strlen(pw_task_segment_name(s, &r)) != r.name_len)
        return pw_fail(PWY_E_FORMAT, "%s: the name of task %lld lies outside of the names", s->name, (long long)k);
    const char *name = pw_task_segment_name(s, &r);
    if (pw_hash(name, r.name_len) != r.hash)
        return pw_fail(PWY_E_FORMAT, "%s: task '%.200s' has the hash of another name", s->name, name);
    if (!inside(r.text_at, (uint64_t)r.task_len + r.senses_len, s->b.texts.len))
        return pw_fail(PWY_E_FORMAT, "%s: the settings of task '%.200s' lie outside of the file", s->name, name);
    if (r.state > PW_SEALED) return pw_fail(PWY_E_FORMAT, "%s: task '%.200s' is in state %d", s->name, name, r.state);
    *out = r;
    return PWY_OK;
}

static bool is(const struct pw_task_segment *s, uint32_t k, const char *name, size_t len, uint64_t hash)
{
    struct pw_record r;
    if (k >= s->n) return false;
    pw_task_segment_look(s, k, &r);
    return r.hash == hash && r.name_len == len && name_inside(s, &r)
        && memcmp(pw_task_segment_name(s, &r), name, len) == 0;
}

int64_t pw_task_segment_find(const struct pw_task_segment *s, const char *name, size_t len, uint64_t hash)
{
    const uint64_t mask = s->n_slots - 1;
    for (uint64_t step = 0, at = hash & mask; step < s->n_slots; step++, at = (at + 1) & mask) {
        uint32_t record = u32_at(s->b.index.data, 2 * at + 1);
        if (record == 0) return -1;
        if (u32_at(s->b.index.data, 2 * at) == (uint32_t)(hash >> 32) && is(s, record - 1, name, len, hash))
            return record - 1;
    }
    return -1;
}

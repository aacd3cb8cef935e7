/* A file of records of `record:` bytes each, without anything between them. */
#include "data/read.h"

#include <stdlib.h>

#include "base/num.h"

struct records { struct pw_mapping map; int64_t record; };

static pwy_status read_record(struct pw_feed *f, int64_t i, pwy_example *ex, const char *part, enum pw_value_type type)
{
    struct records *r = f->state;
    (void)type;
    struct pw_value *value = pw_example_part(ex, part);
    PW_NEED(value);
    return pw_value_set_bytes(ex, value, r->map.data + i * r->record, r->record);
}

static void close_records(struct pw_feed *f)
{
    struct records *r = f->state;
    pw_map_close(&r->map);
    free(r);
}

static pwy_status records_load(struct records *r, const struct pw_feed *f, const struct pw_node *record)
{
    if (record->kind != PW_SCALAR || !pw_parse_int(record->text, __builtin_strlen(record->text), &r->record)
        || r->record < 1)
        return pw_node_fail(record, PWY_E_ARGUMENT, "`record:` is the length of a record in bytes, 1 or more");
    PW_TRY(pw_map_unpacked(f->path, &r->map));
    if (r->map.len % (size_t)r->record == 0)
        return PWY_OK;
    return pw_fail(PWY_E_FORMAT, "'%s' has %zu bytes, no multiple of `record: %lld`: %lld records and %lld bytes",
                   f->path, r->map.len,
                   (long long)r->record, (long long)((int64_t)r->map.len / r->record),
                       (long long)((int64_t)r->map.len % r->record));
}

pwy_status pw_feed_records(struct pw_feed *f, const struct pw_want_part *part)
{
    static const struct pw_feed_ops ops = {"records", read_record, NULL, close_records};
    struct records *r = pw_calloc(1, sizeof *r);
    PW_NEED(r);
    pwy_status status = records_load(r, f, pw_node_get(part->options, "record"));
    if (status != PWY_OK) {
        pw_map_close(&r->map);
        free(r);
        return status;
    }
    f->ops = &ops;
    f->state = r;
    f->n = (int64_t)r->map.len / r->record;
    return PWY_OK;
}

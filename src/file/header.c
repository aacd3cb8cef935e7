/* A safetensors header: {"NAME":{"dtype":...,"shape":[...],"data_offsets":[FROM,TO]},...} and "__metadata__", whose
   values are texts. Every number is checked against the file's length before it becomes a pointer. */
#include "file/header.h"

#include <stdlib.h>
#include <string.h>

enum { MOST_METADATA = 10000 };

/* Numbers of a list: those beyond what `number` holds are counted. bad: the first that is no whole number, or -1. */
struct numbers { int64_t number[PW_TENSOR_RANK], n, bad; bool is_list; };
enum { SEEN_DTYPE = 1, SEEN_SHAPE = 2, SEEN_PLACE = 4 };
struct entry { struct pw_tensor *t; bool has_dtype; struct numbers shape, place; int seen; };
struct reading { struct pw_scan s; struct pw_tensors *out; int64_t cap, cap_padding; bool has_metadata; };

#define DAMAGED(r, ...) pw_fail_at(PWY_E_FORMAT, (r)->s.name, 0, __VA_ARGS__)

static pwy_status read_dtype(struct reading *r, struct entry *e)
{
    char *text;
    if (pw_scan_peek(&r->s) != '"')
        return pw_scan_skip(&r->s, 0);
    PW_TRY(pw_scan_text(&r->s, &text));
    r->s.text = text;
    e->has_dtype = pw_dtype_find(text, &e->t->dtype);
    if (e->has_dtype)
        return PWY_OK;
    return DAMAGED(r, "tensor '%s': dtype '%.60s' is not one of U8, I32, I64, F32, F64, BOOL, I8, I16, U16, U32, U64, "
                   "F16, BF16, F8_E4M3, F8_E5M2", e->t->name, text);
}

static pwy_status read_one_number(struct reading *r, struct numbers *out)
{
    int64_t value = 0;
    bool whole = false;
    char c = pw_scan_peek(&r->s);
    if (c == '-' || (c >= '0' && c <= '9'))
        PW_TRY(pw_scan_number(&r->s, &value, &whole));
    else
        PW_TRY(pw_scan_skip(&r->s, 0));
    if (out->n < PW_TENSOR_RANK)
        out->number[out->n] = value;
    if (!whole && out->bad < 0)
        out->bad = out->n;
    out->n++;
    return PWY_OK;
}

static pwy_status read_numbers(struct reading *r, struct numbers *out)
{
    bool first = true, more = true;
    *out = (struct numbers){ .bad = -1, .is_list = pw_scan_peek(&r->s) == '[' };
    if (!out->is_list)
        return pw_scan_skip(&r->s, 0);
    r->s.at++;
    for (;;) {
        PW_TRY(pw_scan_next(&r->s, ']', &first, &more));
        if (!more)
            return PWY_OK;
        PW_TRY(read_one_number(r, out));
    }
}

static int field_of(const char *key)
{
    switch (key[0]) {
    case 'd': return strcmp(key, "dtype") == 0 ? SEEN_DTYPE : strcmp(key, "data_offsets") == 0 ? SEEN_PLACE : 0;
    case 's': return strcmp(key, "shape") == 0 ? SEEN_SHAPE : 0;
    default: return 0;
    }
}

/* One key of a tensor's entry; those that nobody knows are passed over. */
static pwy_status read_field(struct reading *r, struct entry *e)
{
    char *key;
    PW_TRY(pw_scan_text(&r->s, &key));
    r->s.text = key;
    int field = field_of(key);
    if (!pw_scan_take(&r->s, ':'))
        return pw_scan_fail(&r->s, "a colon is missing");
    if (e->seen & field)
        return pw_scan_fail(&r->s, "a key that stands twice");
    e->seen |= field;
    switch (field) {
    case SEEN_DTYPE: return read_dtype(r, e);
    case SEEN_SHAPE: return read_numbers(r, &e->shape);
    case SEEN_PLACE: return read_numbers(r, &e->place);
    default: return pw_scan_skip(&r->s, 0);
    }
}

static pwy_status check_shape(struct reading *r, const struct entry *e)
{
    struct pw_tensor *t = e->t;
    if (!e->has_dtype)
        return DAMAGED(r, "tensor '%s' has no dtype", t->name);
    if (!e->shape.is_list || e->shape.n > PW_TENSOR_RANK)
        return DAMAGED(r, "tensor '%s': the shape is not a list of at most %d numbers", t->name, PW_TENSOR_RANK);
    t->rank = (int)e->shape.n;
    for (int i = 0; i < t->rank; i++) {
        if (e->shape.bad == i || e->shape.number[i] < 0)
            return DAMAGED(r, "tensor '%s': size %d of the shape is not a whole number from 0", t->name, i);
        t->shape[i] = e->shape.number[i];
    }
    if (!pw_tensor_size(t, &t->bytes))
        return DAMAGED(r, "tensor '%s': the shape is larger than any file", t->name);
    return PWY_OK;
}

static pwy_status check_place(struct reading *r, const struct entry *e)
{
    struct pw_tensor *t = e->t;
    int64_t from = e->place.number[0], to = e->place.number[1];
    size_t there = r->out->len - r->out->header_len;
    if (!e->place.is_list || e->place.n != 2 || e->place.bad >= 0)
        return DAMAGED(r, "tensor '%s': data_offsets is not two whole numbers", t->name);
    if (from < 0 || to < from || (uint64_t)to > there)
        return DAMAGED(r, "tensor '%s': bytes %lld to %lld, but the file has %zu", t->name, (long long)from,
                       (long long)to, there);
    if ((uint64_t)(to - from) != t->bytes)
        return DAMAGED(r, "tensor '%s': %lld bytes, but its shape of %s takes %zu", t->name, (long long)(to - from),
                       pw_dtype_name(t->dtype), t->bytes);
    t->data = r->out->file + r->out->header_len + from;
    t->aligned = (uintptr_t)t->data % pw_dtype_size(t->dtype) == 0;
    return PWY_OK;
}

/* Room for one more of `size` bytes each in *list. */
static pwy_status make_room(void *list, int64_t n, int64_t *cap, size_t size)
{
    void **at = list;
    if (n < *cap)
        return PWY_OK;
    int64_t more = *cap > 0 ? 2 * *cap : 256;
    void *grown = pw_realloc(*at, (size_t)more, size);
    PW_NEED(grown);
    *at = grown;
    *cap = more;
    return PWY_OK;
}

static pwy_status keep(struct reading *r, const struct pw_tensor *t)
{
    struct pw_tensors *out = r->out;
    if (strncmp(t->name, "__pad", 5) == 0) {
        PW_TRY(make_room(&out->padding, out->n_padding, &r->cap_padding, sizeof *out->padding));
        out->padding[out->n_padding++] = (struct pw_padding){ t->data, t->bytes };
        r->s.text = t->name;
        return PWY_OK;
    }
    PW_TRY(make_room(&out->list, out->n, &r->cap, sizeof *out->list));
    out->list[out->n++] = *t;
    return PWY_OK;
}

static pwy_status read_tensor(struct reading *r, char *name)
{
    bool first = true, more = true;
    struct pw_tensor t = { .name = name };
    struct entry e = { .t = &t };
    if (!pw_scan_take(&r->s, '{'))
        return DAMAGED(r, "tensor '%s' has no dtype, shape and data_offsets", name);
    for (;;) {
        PW_TRY(pw_scan_next(&r->s, '}', &first, &more));
        if (!more)
            break;
        PW_TRY(read_field(r, &e));
    }
    PW_TRY(check_shape(r, &e));
    PW_TRY(check_place(r, &e));
    return keep(r, &t);
}

static pwy_status put_text(struct reading *r, const char *key, const char *value)
{
    struct pw_node *map = r->out->metadata;
    if (map->n >= MOST_METADATA)
        return DAMAGED(r, "__metadata__ has more than %d texts", MOST_METADATA);
    if (pw_node_get(map, key) != NULL)
        return pw_scan_fail(&r->s, "a key that stands twice");
    return pw_node_put_text(map, key, value);
}

static pwy_status read_text(struct reading *r)
{
    char *key, *value, *kept = r->s.text;
    PW_TRY(pw_scan_text(&r->s, &key));
    if (!pw_scan_take(&r->s, ':'))
        return pw_scan_fail(&r->s, "a colon is missing");
    if (pw_scan_peek(&r->s) != '"')
        return DAMAGED(r, "__metadata__ '%s' is not a text", key);
    if (strcmp(key, "digest") == 0)
        r->out->digest_at = (size_t)(r->s.at + 1 - r->out->file);
    PW_TRY(pw_scan_text(&r->s, &value));
    PW_TRY(put_text(r, key, value));
    r->s.text = kept;
    return PWY_OK;
}

static pwy_status read_metadata(struct reading *r)
{
    bool first = true, more = true;
    if (r->has_metadata)
        return pw_scan_fail(&r->s, "a key that stands twice");
    r->has_metadata = true;
    if (!pw_scan_take(&r->s, '{'))
        return DAMAGED(r, "__metadata__ is not a map");
    for (;;) {
        PW_TRY(pw_scan_next(&r->s, '}', &first, &more));
        if (!more)
            return PWY_OK;
        PW_TRY(read_text(r));
    }
}

static pwy_status read_entry(struct reading *r)
{
    char *key;
    PW_TRY(pw_scan_text(&r->s, &key));
    if (!pw_scan_take(&r->s, ':'))
        return pw_scan_fail(&r->s, "a colon is missing");
    if (key[0] != '_' || strcmp(key, "__metadata__") != 0)
        return read_tensor(r, key);
    r->s.text = key;
    return read_metadata(r);
}

static pwy_status read_all(struct reading *r)
{
    bool first = true, more = true;
    r->s.at++;
    for (;;) {
        PW_TRY(pw_scan_next(&r->s, '}', &first, &more));
        if (!more)
            break;
        PW_TRY(read_entry(r));
    }
    pw_scan_peek(&r->s);
    return r->s.at == r->s.end ? PWY_OK : pw_scan_fail(&r->s, "something behind its end");
}

pwy_status pw_header_read(struct pw_tensors *out, const char *name)
{
    const char *begin = out->file + 8, *end = out->file + out->header_len;
    if (begin == end || *begin != '{')
        return pw_fail_at(PWY_E_FORMAT, name, 0, "not a safetensors file: the header does not begin with '{'");
    PW_NEED(out->texts = pw_realloc(NULL, out->header_len + 8, 1));
    struct reading r = { .s = { name, begin, begin, end, out->texts }, .out = out };
    return read_all(&r);
}

/* Reading safetensors: 8 bytes of header length, a JSON header, the tensors' bytes one behind the other without a hole.
   Nothing of the data is looked at before every number of the header has been checked against the file's length. */
#include "file/file.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

static const struct { const char *name; size_t size; } dtypes[] = {
    [PW_U8] = { "U8", 1 }, [PW_I32] = { "I32", 4 }, [PW_I64] = { "I64", 8 }, [PW_F32] = { "F32", 4 },
    [PW_F64] = { "F64", 8 }, [PW_BOOL] = { "BOOL", 1 }, [PW_I8] = { "I8", 1 }, [PW_I16] = { "I16", 2 },
    [PW_U16] = { "U16", 2 }, [PW_U32] = { "U32", 4 }, [PW_U64] = { "U64", 8 }, [PW_F16] = { "F16", 2 },
    [PW_BF16] = { "BF16", 2 }, [PW_F8_E4M3] = { "F8_E4M3", 1 }, [PW_F8_E5M2] = { "F8_E5M2", 1 }
};
enum { N_DTYPES = sizeof dtypes / sizeof *dtypes };

size_t pw_dtype_size(enum pw_dtype dtype)
{
    return (unsigned)dtype < N_DTYPES ? dtypes[dtype].size : 0;
}

const char *pw_dtype_name(enum pw_dtype dtype)
{
    return (unsigned)dtype < N_DTYPES ? dtypes[dtype].name : NULL;
}

bool pw_tensor_size(const struct pw_tensor *tensor, size_t *bytes)
{
    size_t n = pw_dtype_size(tensor->dtype);
    bool empty = false;
    for (int i = 0; i < tensor->rank; i++) {
        if (tensor->shape[i] < 0)
            return false;
        empty |= tensor->shape[i] == 0;
    }
    for (int i = 0; i < tensor->rank && !empty; i++)
        if (__builtin_mul_overflow(n, (size_t)tensor->shape[i], &n) || n > INT64_MAX)
            return false;
    *bytes = empty ? 0 : n;
    return true;
}

/* One reading of a file. */
struct reading {
    const char *name;
    json_t *root;
    const char *data; size_t len;       /* the tensors' bytes */
    struct pw_tensor *all; int64_t n_all;       /* in the order of their bytes, padding included */
    struct pw_tensors *out;
};

#define DAMAGED(r, ...) pw_fail_at(PWY_E_FORMAT, (r)->name, 0, __VA_ARGS__)

/* The header's place and length; what is behind it is data. */
static pwy_status open_header(struct reading *r, const char *file, size_t len)
{
    uint64_t header = 0;
    json_error_t error;
    if (len < 8)
        return DAMAGED(r, "not a safetensors file: %zu bytes, at least 8 are needed", len);
    for (int i = 0; i < 8; i++)
        header |= (uint64_t)(unsigned char)file[i] << 8 * i;
    if (header > PW_HEADER_MAX)
        return DAMAGED(r, "not a safetensors file: a header of %llu bytes, at most %d are allowed",
                       (unsigned long long)header, PW_HEADER_MAX);
    if (header > len - 8)
        return DAMAGED(r, "cut short: a header of %llu bytes, but %zu are left", (unsigned long long)header, len - 8);
    if (header == 0 || file[8] != '{')
        return DAMAGED(r, "not a safetensors file: the header does not begin with '{'");
    r->root = json_loadb(file + 8, header, JSON_REJECT_DUPLICATES, &error);
    if (r->root == NULL)
        return DAMAGED(r, "the header is not JSON: %s", error.text);
    r->data = file + 8 + header;
    r->len = len - 8 - header;
    return PWY_OK;
}

static pwy_status read_metadata(struct reading *r, const json_t *map)
{
    const char *key;
    json_t *value;
    if (!json_is_object(map))
        return DAMAGED(r, "__metadata__ is not a map");
    json_object_foreach((json_t *)map, key, value) {
        if (!json_is_string(value))
            return DAMAGED(r, "__metadata__ '%s' is not a text", key);
        struct pw_node *text = pw_node_text(json_string_value(value), true);
        PW_NEED(text);
        PW_TRY(pw_node_put(r->out->metadata, key, text));
    }
    return PWY_OK;
}

static pwy_status read_dtype(struct reading *r, const json_t *entry, struct pw_tensor *t)
{
    const char *name = json_string_value(json_object_get(entry, "dtype"));
    if (name == NULL)
        return DAMAGED(r, "tensor '%s' has no dtype", t->name);
    for (int i = 0; i < N_DTYPES; i++) {
        if (strcmp(dtypes[i].name, name) != 0)
            continue;
        t->dtype = (enum pw_dtype)i;
        return PWY_OK;
    }
    return DAMAGED(r, "tensor '%s': dtype '%s' is not one of U8, I32, I64, F32, F64, BOOL, I8, I16, U16, U32, U64, "
                   "F16, BF16, F8_E4M3, F8_E5M2", t->name, name);
}

static pwy_status read_shape(struct reading *r, const json_t *entry, struct pw_tensor *t)
{
    const json_t *shape = json_object_get(entry, "shape");
    if (!json_is_array(shape) || json_array_size(shape) > PW_TENSOR_RANK)
        return DAMAGED(r, "tensor '%s': the shape is not a list of at most %d numbers", t->name, PW_TENSOR_RANK);
    t->rank = (int)json_array_size(shape);
    for (int i = 0; i < t->rank; i++) {
        const json_t *size = json_array_get(shape, (size_t)i);
        if (!json_is_integer(size) || json_integer_value(size) < 0)
            return DAMAGED(r, "tensor '%s': size %d of the shape is not a whole number from 0", t->name, i);
        t->shape[i] = json_integer_value(size);
    }
    if (!pw_tensor_size(t, &t->bytes))
        return DAMAGED(r, "tensor '%s': the shape is larger than any file", t->name);
    return PWY_OK;
}

static pwy_status read_place(struct reading *r, const json_t *entry, struct pw_tensor *t)
{
    const json_t *place = json_object_get(entry, "data_offsets");
    const json_t *from = json_array_get(place, 0), *to = json_array_get(place, 1);
    if (json_array_size(place) != 2 || !json_is_integer(from) || !json_is_integer(to))
        return DAMAGED(r, "tensor '%s': data_offsets is not two whole numbers", t->name);
    json_int_t a = json_integer_value(from), b = json_integer_value(to);
    if (a < 0 || b < a || (uint64_t)b > r->len)
        return DAMAGED(r, "tensor '%s': bytes %lld to %lld, but the file has %zu", t->name, (long long)a, (long long)b,
                       r->len);
    if ((uint64_t)(b - a) != t->bytes)
        return DAMAGED(r, "tensor '%s': %lld bytes, but its shape of %s takes %zu", t->name, (long long)(b - a),
                       dtypes[t->dtype].name, t->bytes);
    t->data = r->data + a;
    t->aligned = (uintptr_t)t->data % pw_dtype_size(t->dtype) == 0;
    return PWY_OK;
}

static pwy_status read_tensor(struct reading *r, const char *name, const json_t *entry)
{
    struct pw_tensor *t = &r->all[r->n_all];
    *t = (struct pw_tensor){ .name = pw_strdup(name) };
    PW_NEED(t->name);
    r->n_all++;
    PW_TRY(read_dtype(r, entry, t));
    PW_TRY(read_shape(r, entry, t));
    return read_place(r, entry, t);
}

static pwy_status read_entries(struct reading *r)
{
    const char *name;
    json_t *entry;
    r->all = pw_calloc(json_object_size(r->root) + 1, sizeof *r->all);
    PW_NEED(r->all);
    json_object_foreach(r->root, name, entry) {
        if (strcmp(name, "__metadata__") == 0)
            PW_TRY(read_metadata(r, entry));
        else
            PW_TRY(read_tensor(r, name, entry));
    }
    return PWY_OK;
}

/* By place; empty ones before what begins where they stand, then by name. */
static int by_place(const void *a, const void *b)
{
    const struct pw_tensor *s = a, *t = b;
    if (s->data != t->data)
        return (const char *)s->data < (const char *)t->data ? -1 : 1;
    if (s->bytes != t->bytes)
        return s->bytes < t->bytes ? -1 : 1;
    return strcmp(s->name, t->name);
}

/* Every byte belongs to exactly one tensor. */
static pwy_status check_cover(const struct reading *r)
{
    const char *at = r->data;
    for (int64_t i = 0; i < r->n_all; i++) {
        const struct pw_tensor *t = &r->all[i];
        long long begin = (const char *)t->data - r->data, end = at - r->data;
        if (begin < end)
            return DAMAGED(r, "tensor '%s' begins at byte %lld, inside '%s'", t->name, begin, r->all[i - 1].name);
        if (begin > end)
            return DAMAGED(r, "bytes %lld to %lld before tensor '%s' belong to none", end, begin, t->name);
        at = (const char *)t->data + t->bytes;
    }
    if (at != r->data + r->len)
        return DAMAGED(r, "%zu bytes behind the last tensor belong to none", (size_t)(r->data + r->len - at));
    return PWY_OK;
}

/* The tensors but for the padding move to the list. */
static pwy_status fill_list(struct reading *r)
{
    struct pw_tensors *out = r->out;
    out->list = pw_calloc((size_t)r->n_all + 1, sizeof *out->list);
    PW_NEED(out->list);
    for (int64_t i = 0; i < r->n_all; i++) {
        struct pw_tensor *t = &r->all[i];
        if (strncmp(t->name, "__pad", 5) == 0)
            continue;
        if (pw_map_add(out->names, t->name, strlen(t->name)) < 0)
            return PWY_E_NOMEM;
        out->list[out->n++] = *t;
        t->name = NULL;
    }
    return PWY_OK;
}

static pwy_status read_file(struct reading *r, const char *data, size_t len)
{
    PW_NEED(r->out = pw_calloc(1, sizeof *r->out));
    PW_NEED(r->out->names = pw_map_new());
    PW_NEED(r->out->metadata = pw_node_new(PW_MAP));
    PW_TRY(open_header(r, data, len));
    PW_TRY(read_entries(r));
    qsort(r->all, (size_t)r->n_all, sizeof *r->all, by_place);
    PW_TRY(check_cover(r));
    return fill_list(r);
}

pwy_status pw_tensors_read(const char *data, size_t len, const char *name, struct pw_tensors **out)
{
    struct reading r = { .name = name != NULL ? name : "safetensors" };
    pwy_status status = read_file(&r, data, len);
    for (int64_t i = 0; i < r.n_all; i++)
        free(r.all[i].name);
    free(r.all);
    json_decref(r.root);
    if (status == PWY_OK)
        *out = r.out;
    else
        pw_tensors_free(r.out);
    return status;
}

const struct pw_tensor *pw_tensors_find(const struct pw_tensors *t, const char *name)
{
    int64_t i = pw_map_find(t->names, name, strlen(name));
    return i >= 0 ? &t->list[i] : NULL;
}

void pw_tensors_free(struct pw_tensors *t)
{
    if (t == NULL)
        return;
    for (int64_t i = 0; i < t->n; i++)
        free(t->list[i].name);
    free(t->list);
    pw_map_free(t->names);
    pw_node_free(t->metadata);
    free(t);
}

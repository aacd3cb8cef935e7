/* Reading safetensors: 8 bytes of header length, a JSON header, the tensors' bytes one behind the other without a hole.
   Nothing of the data is looked at before every number of the header has been checked against the file's length. */
#include "file/header.h"

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

bool pw_dtype_find(const char *name, enum pw_dtype *out)
{
    for (int i = 0; i < N_DTYPES; i++) {
        if (dtypes[i].name[0] != name[0] || strcmp(dtypes[i].name, name) != 0)
            continue;
        *out = (enum pw_dtype)i;
        return true;
    }
    return false;
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

const void *pw_tensor_slice(const struct pw_tensor *tensor, int64_t i)
{
    if (tensor->rank < 1 || i < 0 || i >= tensor->shape[0])
        return NULL;
    size_t size = tensor->bytes / (size_t)tensor->shape[0];
    if (tensor->n_pieces == 0)
        return (const char *)tensor->data + (size_t)i * size;
    int k = 0;
    for (; i >= tensor->piece[k].n; k++)
        i -= tensor->piece[k].n;
    return (const char *)tensor->piece[k].data + (size_t)i * size;
}

void pw_tensor_copy(const struct pw_tensor *tensor, void *out)
{
    char *at = out;
    if (tensor->n_pieces == 0 && tensor->bytes > 0)
        memcpy(out, tensor->data, tensor->bytes);
    for (int i = 0; i < tensor->n_pieces && tensor->bytes > 0; i++) {
        size_t bytes = tensor->bytes / (size_t)tensor->shape[0] * (size_t)tensor->piece[i].n;
        memcpy(at, tensor->piece[i].data, bytes);
        at += bytes;
    }
}

#define DAMAGED(name, ...) pw_fail_at(PWY_E_FORMAT, name, 0, __VA_ARGS__)

/* The header's place and length; what is behind it is data. */
static pwy_status find_header(struct pw_tensors *out, const char *name)
{
    uint64_t header = 0;
    if (out->len < 8)
        return DAMAGED(name, "not a safetensors file: %zu bytes, at least 8 are needed", out->len);
    for (int i = 0; i < 8; i++)
        header |= (uint64_t)(unsigned char)out->file[i] << 8 * i;
    if (header > PW_HEADER_MAX)
        return DAMAGED(name, "not a safetensors file: a header of %llu bytes, at most %d are allowed",
                       (unsigned long long)header, PW_HEADER_MAX);
    if (header > out->len - 8)
        return DAMAGED(name, "cut short: a header of %llu bytes, but %zu are left", (unsigned long long)header,
                       out->len - 8);
    out->header_len = 8 + (size_t)header;
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

static int padding_by_place(const void *a, const void *b)
{
    const struct pw_padding *s = a, *t = b;
    if (s->data != t->data)
        return s->data < t->data ? -1 : 1;
    return s->bytes != t->bytes ? s->bytes < t->bytes ? -1 : 1 : 0;
}

/* Most files name their tensors in the order of their bytes. */
static void sort(void *list, int64_t n, size_t size, int (*compare)(const void *, const void *))
{
    const char *at = list;
    for (int64_t i = 1; i < n; i++, at += size) {
        if (compare(at, at + size) <= 0)
            continue;
        qsort(list, (size_t)n, size, compare);
        return;
    }
}

/* Every byte belongs to exactly one tensor: walks through both lists at once. */
static pwy_status check_cover(const struct pw_tensors *t, const char *name)
{
    const char *data = t->file + t->header_len, *at = data, *before = "the padding";
    for (int64_t i = 0, k = 0; i < t->n || k < t->n_padding;) {
        const char *next = i < t->n ? t->list[i].data : NULL;
        bool pad = i == t->n || (k < t->n_padding && t->padding[k].data < next + (t->list[i].bytes > 0));
        const char *begin = pad ? t->padding[k].data : next, *what = pad ? "the padding" : t->list[i].name;
        if (begin < at)
            return DAMAGED(name, "tensor '%s' begins at byte %lld, inside '%s'", what, (long long)(begin - data),
                           before);
        if (begin > at)
            return DAMAGED(name, "bytes %lld to %lld before tensor '%s' belong to none", (long long)(at - data),
                           (long long)(begin - data), what);
        at = begin + (pad ? t->padding[k++].bytes : t->list[i++].bytes);
        before = what;
    }
    if (at != t->file + t->len)
        return DAMAGED(name, "%zu bytes behind the last tensor belong to none", (size_t)(t->file + t->len - at));
    return PWY_OK;
}

static pwy_status index_names(struct pw_tensors *t, const char *name)
{
    PW_TRY(pw_names_reserve(&t->by_name, t->n));
    for (int64_t i = 0, old; i < t->n; i++) {
        PW_TRY(pw_names_add(&t->by_name, t->list, i, &old));
        if (old >= 0)
            return DAMAGED(name, "the header is not JSON: the key '%s' stands twice", t->list[i].name);
    }
    return PWY_OK;
}

static pwy_status read_file(struct pw_tensors *out, const char *name)
{
    PW_NEED(out->metadata = pw_node_new(PW_MAP));
    PW_TRY(find_header(out, name));
    PW_TRY(pw_header_read(out, name));
    sort(out->list, out->n, sizeof *out->list, by_place);
    sort(out->padding, out->n_padding, sizeof *out->padding, padding_by_place);
    PW_TRY(check_cover(out, name));
    return index_names(out, name);
}

pwy_status pw_tensors_read(const char *data, size_t len, const char *name, struct pw_tensors **out)
{
    struct pw_tensors *t = pw_calloc(1, sizeof *t);
    PW_NEED(t);
    t->file = data;
    t->len = len;
    pwy_status status = read_file(t, name != NULL ? name : "safetensors");
    if (status == PWY_OK)
        *out = t;
    else
        pw_tensors_free(t);
    return status;
}

const struct pw_tensor *pw_tensors_find(const struct pw_tensors *t, const char *name)
{
    int64_t i = pw_names_find(&t->by_name, t->list, name);
    return i >= 0 ? &t->list[i] : NULL;
}

const char *pw_tensors_text(const struct pw_tensors *t, const char *key)
{
    const struct pw_node *text = pw_node_get(t->metadata, key);
    return text != NULL ? text->text : NULL;
}

void pw_tensors_free(struct pw_tensors *t)
{
    if (t == NULL)
        return;
    for (int64_t i = 0; i < t->n; i++)
        free((void *)t->list[i].piece);
    free(t->list);
    free(t->padding);
    free(t->texts);
    pw_names_free(&t->by_name);
    pw_node_free(t->metadata);
    free(t);
}

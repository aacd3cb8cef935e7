/* Writing safetensors. The format allows no holes, so what aligns a tensor is a tensor too: __pad0, __pad1, ... of
   zeros. */
#include "file/file.h"

#include <stdlib.h>
#include <string.h>

enum { SMALL = 64, PAGE = 4096, LARGE = 65536 };       /* alignment, of tensors from LARGE bytes on; in bytes */

struct writing {
    const struct pw_tensor *list; int64_t n;
    size_t *pad;                        /* [n] zeros before each tensor */
    size_t first;                       /* alignment of the first byte behind the header */
    struct pw_buf header;
    size_t digest_at;                   /* where its own digest goes in the header; 0: it has none */
};

static size_t alignment(const struct pw_tensor *t)
{
    return t->bytes >= LARGE ? PAGE : SMALL;
}

static bool fits(const struct pw_tensor *t)
{
    size_t bytes;
    int64_t slices = 0;
    if (pw_dtype_name(t->dtype) == NULL || t->rank < 0 || t->rank > PW_TENSOR_RANK || !pw_tensor_size(t, &bytes)
        || bytes != t->bytes)
        return false;
    for (int i = 0; i < t->n_pieces; i++)
        slices += t->piece[i].n;
    return t->n_pieces == 0 || (t->rank > 0 && slices == t->shape[0]);
}

static pwy_status check(const struct writing *w, struct pw_map *names)
{
    for (int64_t i = 0; i < w->n; i++) {
        const struct pw_tensor *t = &w->list[i];
        if (t->name == NULL || strncmp(t->name, "__", 2) == 0)
            return pw_fail(PWY_E_ARGUMENT, "tensor %lld: the name '%s' begins with __, which belongs to the format",
                           (long long)i, t->name != NULL ? t->name : "");
        if (!fits(t))
            return pw_fail(PWY_E_ARGUMENT, "tensor '%s': %zu bytes do not fit its dtype and shape", t->name, t->bytes);
        if (pw_map_find(names, t->name, strlen(t->name)) >= 0)
            return pw_fail(PWY_E_ARGUMENT, "tensor '%s' stands twice in one file", t->name);
        if (pw_map_add(names, t->name, strlen(t->name)) < 0)
            return PWY_E_NOMEM;
    }
    return PWY_OK;
}

static pwy_status check_names(const struct writing *w)
{
    struct pw_map *names = pw_map_new();
    PW_NEED(names);
    pwy_status status = check(w, names);
    pw_map_free(names);
    return status;
}

static pwy_status add_metadata(struct writing *w, const struct pw_node *metadata)
{
    struct pw_buf *out = &w->header;
    PW_TRY(pw_buf_printf(out, "\"__metadata__\":{"));
    for (int i = 0; i < metadata->n; i++) {
        if (metadata->item[i]->kind != PW_SCALAR)
            return pw_fail(PWY_E_ARGUMENT, "metadata '%s' is not a text", metadata->key[i]);
        PW_TRY(pw_buf_add(out, ",", i > 0));
        PW_TRY(pw_buf_add_json(out, metadata->key[i]));
        PW_TRY(pw_buf_add(out, ":", 1));
        if (strcmp(metadata->key[i], "digest") == 0)
            w->digest_at = out->len + 1;
        PW_TRY(pw_buf_add_json(out, metadata->item[i]->text));
    }
    return pw_buf_add(out, "}", 1);
}

static pwy_status add_place(struct pw_buf *out, size_t at, size_t bytes)
{
    return pw_buf_printf(out, "],\"data_offsets\":[%zu,%zu]}", at, at + bytes);
}

static pwy_status add_separator(struct pw_buf *out)
{
    return out->len > 1 ? pw_buf_add(out, ",", 1) : PWY_OK;
}

static pwy_status add_tensor(struct writing *w, int64_t i, size_t at)
{
    const struct pw_tensor *t = &w->list[i];
    struct pw_buf *out = &w->header;
    if (w->pad[i] > 0) {
        PW_TRY(add_separator(out));
        PW_TRY(pw_buf_printf(out, "\"__pad%lld\":{\"dtype\":\"U8\",\"shape\":[%zu", (long long)i, w->pad[i]));
        PW_TRY(add_place(out, at, w->pad[i]));
    }
    PW_TRY(add_separator(out));
    PW_TRY(pw_buf_add_json(out, t->name));
    PW_TRY(pw_buf_printf(out, ":{\"dtype\":\"%s\",\"shape\":[", pw_dtype_name(t->dtype)));
    for (int k = 0; k < t->rank; k++)
        PW_TRY(pw_buf_printf(out, "%s%lld", k > 0 ? "," : "", (long long)t->shape[k]));
    return add_place(out, at + w->pad[i], t->bytes);
}

static void place(struct writing *w)
{
    size_t at = 0;
    w->first = SMALL;
    for (int64_t i = 0; i < w->n; i++) {
        size_t align = alignment(&w->list[i]);
        w->pad[i] = (align - at % align) % align;
        at += w->pad[i] + w->list[i].bytes;
        w->first = align > w->first ? align : w->first;
    }
}

static void length_of(const struct writing *w, unsigned char out[8])
{
    for (int i = 0; i < 8; i++)
        out[i] = (unsigned char)((uint64_t)w->header.len >> 8 * i);
}

/* The digest of the header's own bytes, its length among them, with zeros in its place. */
static void sign_header(struct writing *w)
{
    unsigned char digest[PW_DIGEST_LEN], len[8];
    char hex[PW_DIGEST_HEX];
    struct pw_digest d;
    memset(w->header.data + w->digest_at, '0', PW_DIGEST_HEX - 1);
    length_of(w, len);
    pw_digest_begin(&d);
    pw_digest_add(&d, len, sizeof len);
    pw_digest_add(&d, w->header.data, w->header.len);
    pw_digest_end(&d, digest);
    pw_digest_hex(digest, hex);
    memcpy(w->header.data + w->digest_at, hex, PW_DIGEST_HEX - 1);
}

/* The header, filled with blanks so that the first tensor stands at a multiple of the largest alignment. */
static pwy_status make_header(struct writing *w, const struct pw_node *metadata)
{
    size_t at = 0;
    place(w);
    PW_TRY(pw_buf_add(&w->header, "{", 1));
    if (metadata != NULL)
        PW_TRY(add_metadata(w, metadata));
    for (int64_t i = 0; i < w->n; i++) {
        PW_TRY(add_tensor(w, i, at));
        at += w->pad[i] + w->list[i].bytes;
    }
    PW_TRY(pw_buf_add(&w->header, "}", 1));
    while ((w->header.len + 8) % w->first != 0)
        PW_TRY(pw_buf_add(&w->header, " ", 1));
    if (w->header.len > PW_HEADER_MAX)
        return pw_fail(PWY_E_LIMIT, "the file's header has %zu bytes, at most %d are allowed: fewer tensors are needed",
                       w->header.len, PW_HEADER_MAX);
    if (w->digest_at > 0)
        sign_header(w);
    return PWY_OK;
}

static pwy_status write_tensor(const struct pw_tensor *t, pw_write_fn write, void *arg)
{
    if (t->bytes > 0 && t->n_pieces == 0)
        return write(arg, t->data, t->bytes);
    for (int i = 0; i < t->n_pieces && t->bytes > 0; i++) {
        size_t bytes = t->bytes / (size_t)t->shape[0] * (size_t)t->piece[i].n;
        if (bytes > 0)
            PW_TRY(write(arg, t->piece[i].data, bytes));
    }
    return PWY_OK;
}

static pwy_status write_file(const struct writing *w, pw_write_fn write, void *arg)
{
    static const char zeros[PAGE];
    unsigned char len[8];
    length_of(w, len);
    PW_TRY(write(arg, len, sizeof len));
    PW_TRY(write(arg, w->header.data, w->header.len));
    for (int64_t i = 0; i < w->n; i++) {
        if (w->pad[i] > 0)
            PW_TRY(write(arg, zeros, w->pad[i]));
        PW_TRY(write_tensor(&w->list[i], write, arg));
    }
    return PWY_OK;
}

pwy_status pw_tensors_write(const struct pw_tensor *list, int64_t n, const struct pw_node *metadata, pw_write_fn write,
                            void *arg)
{
    struct writing w = { .list = list, .n = n };
    PW_TRY(check_names(&w));
    w.pad = pw_calloc((size_t)n + 1, sizeof *w.pad);
    PW_NEED(w.pad);
    pwy_status status = make_header(&w, metadata);
    if (status == PWY_OK)
        status = write_file(&w, write, arg);
    free(w.pad);
    pw_buf_free(&w.header);
    return status;
}

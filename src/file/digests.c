/* Writing a file whose bytes all have a digest. */
#include "file/verify.h"

#include <stdlib.h>
#include <string.h>

void pw_tensor_digest(const struct pw_tensor *t, unsigned char out[PW_DIGEST_LEN])
{
    struct pw_digest d;
    pw_digest_begin(&d);
    if (t->n_pieces == 0 && t->bytes > 0)
        pw_digest_add(&d, t->data, t->bytes);
    for (int i = 0; i < t->n_pieces && t->bytes > 0; i++)
        pw_digest_add(&d, t->piece[i].data, t->bytes / (size_t)t->shape[0] * (size_t)t->piece[i].n);
    pw_digest_end(&d, out);
}

bool pw_stored_digest(const struct pw_tensors *file, const struct pw_tensor *t, unsigned char out[PW_DIGEST_LEN])
{
    const struct pw_tensor *table = pw_tensors_find(file, PW_DIGESTS);
    if (table == NULL || table->dtype != PW_U8 || table->rank != 2 || table->shape[0] != file->n - 1
        || table->shape[1] != PW_DIGEST_LEN || t == table || t < file->list || t >= file->list + file->n)
        return false;
    int64_t row = t - file->list - (t > table);
    memcpy(out, (const char *)table->data + row * PW_DIGEST_LEN, PW_DIGEST_LEN);
    return true;
}

struct signing { struct pw_tensor *list; unsigned char *table; struct pw_node *metadata; };

static pwy_status put_digests(struct signing *s, int64_t n)
{
    static char name[] = PW_DIGESTS;
    unsigned char digest[PW_DIGEST_LEN];
    char hex[PW_DIGEST_HEX];
    s->list[n] = (struct pw_tensor){ .name = name, .dtype = PW_U8, .rank = 2, .shape = { n, PW_DIGEST_LEN },
                                     .data = s->table, .bytes = (size_t)n * PW_DIGEST_LEN };
    pw_tensor_digest(&s->list[n], digest);
    pw_digest_hex(digest, hex);
    PW_TRY(pw_node_put_text(s->metadata, "digests", hex));
    memset(hex, '0', PW_DIGEST_HEX - 1);
    return pw_node_put_text(s->metadata, "digest", hex);
}

static pwy_status make_signing(struct signing *s, const struct pw_tensor *list, int64_t n,
                               const struct pw_node *metadata)
{
    PW_NEED(s->list = pw_calloc((size_t)n + 1, sizeof *s->list));
    PW_NEED(s->table = pw_calloc((size_t)n + 1, PW_DIGEST_LEN));
    PW_NEED(s->metadata = metadata != NULL ? pw_node_copy(metadata) : pw_node_new(PW_MAP));
    for (int64_t i = 0; i < n; i++) {
        s->list[i] = list[i];
        pw_tensor_digest(&list[i], s->table + i * PW_DIGEST_LEN);
    }
    return put_digests(s, n);
}

pwy_status pw_digested_write(const struct pw_tensor *list, int64_t n, const struct pw_node *metadata,
                             pw_write_fn write, void *arg)
{
    struct signing s = { .list = NULL };
    pwy_status status = make_signing(&s, list, n, metadata);
    if (status == PWY_OK)
        status = pw_tensors_write(s.list, n + 1, s.metadata, write, arg);
    free(s.list);
    free(s.table);
    pw_node_free(s.metadata);
    return status;
}

/* safetensors: reading with every offset checked, writing with alignment by named padding. */
#ifndef PW_SAFETENSORS_H
#define PW_SAFETENSORS_H
#include "base/digest.h"
#include "base/mem.h"
#include "base/node.h"

/* What the library writes, and behind it what files of others may hold besides. */
enum pw_dtype { PW_U8, PW_I32, PW_I64, PW_F32, PW_F64, PW_BOOL, PW_I8, PW_I16, PW_U16, PW_U32, PW_U64, PW_F16, PW_BF16,
    PW_F8_E4M3, PW_F8_E5M2 };
enum { PW_TENSOR_RANK = 8, PW_HEADER_MAX = 100000000 };     /* dimensions, and bytes of a header, at most */

/* n slices of a tensor's first axis, one behind the other. */
struct pw_piece { const void *data; int64_t n; };
/* data: of our files at a multiple of 64 bytes of the file; another's may lie at any byte (`aligned` tells). Where
   n_pieces > 0 the slices of the first axis lie in pieces, in their order, and data is NULL: pw_tensor_slice finds one
   in either form. `bytes` is always the whole. */
struct pw_tensor { char *name; enum pw_dtype dtype; int rank; int64_t shape[PW_TENSOR_RANK]; const void *data;
    size_t bytes; bool aligned; const struct pw_piece *piece; int n_pieces; };

/* Names by hash: positions in a list of tensors. slot [n_slots]: position + 1, or 0; n of them are taken. */
struct pw_names { struct pw_hash_key key; struct pw_slot { uint32_t at, hash; } *slot; size_t n_slots, n; };
struct pw_padding { const char *data; size_t bytes; };      /* a tensor whose name begins with "__pad" */

/* Tensors of one file, in the order of their bytes; borrowed data: of the mapping that it was read from. */
struct pw_tensors {
    struct pw_tensor *list; int64_t n;          /* without padding */
    struct pw_padding *padding; int64_t n_padding;
    struct pw_node *metadata;                   /* texts */
    const char *file; size_t len, header_len;   /* the file's bytes; those up to the first tensor's */
    size_t digest_at;                           /* where the header's own digest stands in the file; 0: it has none */
    struct pw_names by_name;
    char *texts;                                /* what the names in list point into; NULL: others' */
};
/* Any well-formed safetensors file. Damage: PWY_E_FORMAT naming file, tensor and what is wrong. */
pwy_status pw_tensors_read(const char *data, size_t len, const char *name, struct pw_tensors **out);
size_t pw_dtype_size(enum pw_dtype dtype);                          /* bytes of one number */
const char *pw_dtype_name(enum pw_dtype dtype);                    /* "F32"; NULL: none of them */
/* Product of the shape times the dtype's size; false: negative or too large. */
bool pw_tensor_size(const struct pw_tensor *tensor, size_t *bytes);
/* Slice i of the first axis: bytes / shape[0] bytes of it lie there. NULL: there is none. */
const void *pw_tensor_slice(const struct pw_tensor *tensor, int64_t i);
/* All of it into `out`, `bytes` of them. */
void pw_tensor_copy(const struct pw_tensor *tensor, void *out);
const struct pw_tensor *pw_tensors_find(const struct pw_tensors *t, const char *name);
const char *pw_tensors_text(const struct pw_tensors *t, const char *key);       /* of the metadata; NULL: not there */
void pw_tensors_free(struct pw_tensors *t);                         /* NULL allowed */

int64_t pw_names_find(const struct pw_names *names, const struct pw_tensor *list, const char *name);    /* or -1 */
/* Room for n names in all, which then can be added without more memory. */
pwy_status pw_names_reserve(struct pw_names *names, int64_t n);
/* Puts list[at]'s name in; *old: the position of an equal name, which stays, or -1. */
pwy_status pw_names_add(struct pw_names *names, const struct pw_tensor *list, int64_t at, int64_t *old);
void pw_names_free(struct pw_names *names);

/* Writes header and tensors in the order given, each at a multiple of 64 bytes (4096 for those of 64 KiB and more) of
   the file. metadata: map of texts or NULL; the text `digest`, 64 characters long, becomes the header's own digest.
   `write` gets the file's bytes in order. The same tensors give the same bytes. */
typedef pwy_status (*pw_write_fn)(void *arg, const void *data, size_t len);
pwy_status pw_tensors_write(const struct pw_tensor *list, int64_t n, const struct pw_node *metadata, pw_write_fn write,
                            void *arg);
#endif

/* safetensors: reading with every offset checked, writing with alignment by named padding. */
#ifndef PW_SAFETENSORS_H
#define PW_SAFETENSORS_H
#include "base/mem.h"
#include "base/node.h"

/* What the library writes, and behind it what files of others may hold besides. */
enum pw_dtype { PW_U8, PW_I32, PW_I64, PW_F32, PW_F64, PW_BOOL, PW_I8, PW_I16, PW_U16, PW_U32, PW_U64, PW_F16, PW_BF16,
    PW_F8_E4M3, PW_F8_E5M2 };
enum { PW_TENSOR_RANK = 8, PW_HEADER_MAX = 100000000 };     /* dimensions, and bytes of a header, at most */
/* data: of our files at a multiple of 64 bytes of the file; another's may lie at any byte (`aligned` tells). */
struct pw_tensor { char *name; enum pw_dtype dtype; int rank; int64_t shape[PW_TENSOR_RANK]; const void *data;
    size_t bytes; bool aligned; };

/* borrowed data: of the mapping it was read from */
struct pw_tensors { struct pw_tensor *list; int64_t n; struct pw_map *names; struct pw_node *metadata; };
/* Any well-formed safetensors file; padding tensors (names that begin with "__pad") are left out. Damage: PWY_E_FORMAT
   naming file, tensor and what is wrong. */
pwy_status pw_tensors_read(const char *data, size_t len, const char *name, struct pw_tensors **out);
size_t pw_dtype_size(enum pw_dtype dtype);                          /* bytes of one number */
const char *pw_dtype_name(enum pw_dtype dtype);                    /* "F32"; NULL: none of them */
/* Product of the shape times the dtype's size; false: negative or too large. */
bool pw_tensor_size(const struct pw_tensor *tensor, size_t *bytes);
const struct pw_tensor *pw_tensors_find(const struct pw_tensors *t, const char *name);
void pw_tensors_free(struct pw_tensors *t);
/* Writes header and tensors in the order given, each at a multiple of 64 bytes (4096 for those of 64 KiB and more) of
   the file. metadata: map of strings or NULL. `write` gets the file's bytes in order. The same tensors give the same
   bytes. */
typedef pwy_status (*pw_write_fn)(void *arg, const void *data, size_t len);
pwy_status pw_tensors_write(const struct pw_tensor *list, int64_t n, const struct pw_node *metadata, pw_write_fn write,
                            void *arg);
#endif

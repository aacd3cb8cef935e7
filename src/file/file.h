/* safetensors: reading with every offset checked, writing with alignment by named padding. */
#ifndef PW_SAFETENSORS_H
#define PW_SAFETENSORS_H
#include "base/mem.h"
#include "base/node.h"

enum pw_dtype { PW_U8, PW_I32, PW_I64, PW_F32, PW_F64 };
struct pw_tensor { char *name; enum pw_dtype dtype; int rank; int64_t shape[4]; const void *data; size_t bytes; };

struct pw_tensors { struct pw_tensor *list; int64_t n; struct pw_map *names; struct pw_node *metadata; };   /* borrowed data: of the mapping it was read from */
/* Any well-formed safetensors file; padding tensors (names that begin with "__pad") are left out. Damage: PWY_E_FORMAT naming file, tensor and what is wrong. */
pwy_status pw_tensors_read(const char *data, size_t len, const char *name, struct pw_tensors **out);
const struct pw_tensor *pw_tensors_find(const struct pw_tensors *t, const char *name);
void pw_tensors_free(struct pw_tensors *t);
/* Writes header and tensors in the order given, each at a multiple of 64 bytes (4096 for those of 64 KiB and more) of the file. metadata: map of strings or NULL. `write` gets the file's bytes in order. */
typedef pwy_status (*pw_write_fn)(void *arg, const void *data, size_t len);
pwy_status pw_tensors_write(const struct pw_tensor *list, int64_t n, const struct pw_node *metadata, pw_write_fn write, void *arg);
#endif

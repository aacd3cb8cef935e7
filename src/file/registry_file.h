/* A registry as tensors of a safetensors file: docs/format.md, task/record.h. */
#ifndef PW_REGISTRY_FILE_H
#define PW_REGISTRY_FILE_H
#include "file/chain.h"
#include "task/record.h"
#include "task/task.h"

enum { PW_REGISTRY_TENSORS = 5 };
/* Puts up to PW_REGISTRY_TENSORS tensors, borrowed from im, behind one another; how many. Empty ones are left out. */
int64_t pw_registry_tensors(const struct pw_image *im, struct pw_tensor *list);
/* Borrowed from the tensors; name stands in messages. */
pwy_status pw_registry_segment(const struct pw_tensors *tensors, const char *name, struct pw_task_segment_bytes *out);
/* A file's own tasks. own: copied, else the tensors' memory must outlive the registry. */
pwy_status pw_registry_from_tensors(pwy_context *ctx, const struct pw_tensors *tensors, const char *name, bool own,
                                    pwy_registry **out);

/* A registry as a file of its own, replaced as a whole; and back, mapped, from such a file or a model's. */
pwy_status pw_registry_write_file(const pwy_registry *r, const char *path);
pwy_status pw_registry_read_file(pwy_context *ctx, const char *path, pwy_registry **out);
/* Those of a base and its deltas; the chain must outlive the registry. */
pwy_status pw_registry_from_chain(pwy_context *ctx, const struct pw_chain *c, pwy_registry **out);
#endif

/* Every byte of a file of ours has a digest: each tensor's is a row of `pathways.digests`, that tensor's own stands in
   the header's metadata (`digests`), the header's own beside it (`digest`), and padding is zeros. */
#ifndef PW_VERIFY_H
#define PW_VERIFY_H
#include "file/file.h"

#define PW_DIGESTS "pathways.digests"       /* U8 (n, 32): of the file's other tensors, in the order of their bytes */

/* pw_tensors_write with digests: adds the tensor at the end, and both texts. metadata NULL: none but these. */
pwy_status pw_digested_write(const struct pw_tensor *list, int64_t n, const struct pw_node *metadata,
                             pw_write_fn write, void *arg);
void pw_tensor_digest(const struct pw_tensor *t, unsigned char out[PW_DIGEST_LEN]);     /* of its bytes alone */
/* What the file says of a tensor of its own, without reading that; false: no row for it. */
bool pw_stored_digest(const struct pw_tensors *file, const struct pw_tensor *t, unsigned char out[PW_DIGEST_LEN]);

/* Told of each part that is not as it was written. part: a tensor's name, "header" or "padding". */
typedef void (*pw_damage_fn)(void *arg, const char *file, const char *part, const char *why);
/* Reads all of one file (NULL: nobody is told). *n_damaged: parts that differ. PWY_E_UNSUPPORTED: a file without
   digests. */
pwy_status pw_verify_bytes(const char *data, size_t len, const char *name, pw_damage_fn tell, void *arg,
                           int64_t *n_damaged);
#endif

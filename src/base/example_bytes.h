/* An example's parts as bytes and back, exactly: what a sealed task keeps to prove its answers by. Little-endian. */
#ifndef PW_EXAMPLE_BYTES_H
#define PW_EXAMPLE_BYTES_H
#include "base/example.h"

/* Without its target. */
pwy_status pw_example_write(const pwy_example *ex, struct pw_buf *out);
/* Into an example that is empty. Bytes that pw_example_write did not make: PWY_E_FORMAT. */
pwy_status pw_example_read(const void *data, size_t len, pwy_example *ex);
/* example_cut.c: shortens the parts so that they hold about `most` bytes together: the start of a text, of bytes, of a
   sound or a series, the middle of a picture, the middle of a video's first frames, the first cells of a row. At least
   one letter, step, pixel, cell is left of each, however wide. */
pwy_status pw_example_cut(pwy_example *ex, int64_t most);
#endif

/* An example's parts as bytes and back, exactly: what a sealed task keeps to prove its answers by. Little-endian. */
#ifndef PW_EXAMPLE_BYTES_H
#define PW_EXAMPLE_BYTES_H
#include "base/example.h"

/* Without its target. */
pwy_status pw_example_write(const pwy_example *ex, struct pw_buf *out);
/* Into an example that is empty. Bytes that pw_example_write did not make: PWY_E_FORMAT. */
pwy_status pw_example_read(const void *data, size_t len, pwy_example *ex);
#endif

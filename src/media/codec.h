/* The decoders of libpathways-media; they use the public headers only. */
#ifndef PW_CODEC_H
#define PW_CODEC_H
#include <pathways/context.h>

enum { PW_CODEC_PIXELS = 1 << 26 };         /* pictures of more than 64 Mpixel are refused */

/* Each is a pwy_decoder_fn. PWY_E_FORMAT: damaged or cut short; PWY_E_DATA: too large. */
pwy_status pw_png_decode(const char *name, const void *data, int64_t len, pwy_example *ex, const char *part,
    void *user);
pwy_status pw_jpeg_decode(const char *name, const void *data, int64_t len, pwy_example *ex, const char *part,
    void *user);
#endif

/* pathways/media.h: adds the decoders to a context. A new codec is one file and one line here. */
#include <pathways/media.h>

#include "media/codec.h"

static const struct { const char *kind, *magic; int64_t len; pwy_decoder_fn fn; } codecs[] = {
    {"image", "\x89PNG\r\n\x1a\n", 8, pw_png_decode},
    {"image", "\xff\xd8\xff", 3, pw_jpeg_decode},
};

pwy_status pwy_media_register(pwy_context *context)
{
    for (size_t c = 0; c < sizeof codecs / sizeof *codecs; c++) {
        pwy_status status = pwy_context_add_decoder(context, codecs[c].kind, codecs[c].magic, codecs[c].len,
                                                    codecs[c].fn,
                                                    NULL, NULL);
        if (status != PWY_OK)
            return status;
    }
    return PWY_OK;
}

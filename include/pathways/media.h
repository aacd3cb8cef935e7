/**
 * @file pathways/media.h
 * libpathways-media: PNG and JPEG. Link it with pkg-config pathways-media.
 */
#ifndef PATHWAYS_MEDIA_H
#define PATHWAYS_MEDIA_H
#include <pathways/context.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Adds the decoders of PNG and JPEG pictures to a context, before files are read with it. @since 0.1 */
PWY_API pwy_status pwy_media_register(pwy_context *context);

#ifdef __cplusplus
}
#endif
#endif

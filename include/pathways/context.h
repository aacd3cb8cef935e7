/**
 * @file pathways/context.h
 * Where everything shared has its home: log, decoders, choice of kernels, threads. Nothing of it is global to the
 * process.
 */
#ifndef PATHWAYS_CONTEXT_H
#define PATHWAYS_CONTEXT_H
#include <pathways/status.h>
#include <pathways/options.h>
#include <pathways/example.h>

#ifdef __cplusplus
extern "C" {
#endif

/** A context; counted, so it may be freed before its children. Any thread, once it is set up (log, decoders). */
typedef struct pwy_context pwy_context;
typedef enum pwy_log_level {
    PWY_LOG_ERROR = 0,
    PWY_LOG_WARNING = 10,  /**< a row or task was left out */
    PWY_LOG_INFO = 20,
    PWY_LOG_DEBUG = 30
} pwy_log_level;
/** Gets what the library would like to say (it never prints), on the thread that called in. message: borrowed, no
 *  newline. */
typedef void (*pwy_log_fn)(pwy_log_level level, const char *message, void *user);
/** Decodes a file's len bytes into a part of an example (pwy_example_set_image, ...). name: for messages. Runs on
 *  whichever thread called in; data is borrowed during the call. Not PWY_OK: PWY_E_DATA makes it a bad row. */
typedef pwy_status (*pwy_decoder_fn)(const char *name, const void *data, int64_t len, pwy_example *example,
                                     const char *part, void *user);

/** A context. Options: `kernels` (text: reference, blas, avx2, avx512, avx512bf16, amx or onednn, as this build and
 *  processor have them; default the environment's PATHWAYS_KERNELS, else the best here; one that this processor lacks,
 *  or onednn without its module: PWY_E_UNSUPPORTED, another name: PWY_E_ARGUMENT; both list them), `threads`
 *  (1 .. 1024, default 1; for trainers that do not say their own). NULL: defaults. Every constructor that takes a
 *  context takes NULL for a private default one. @since 0.1 */
PWY_API pwy_status pwy_context_new(const pwy_options *options, pwy_context **out);
/** Lets go; NULL allowed. @since 0.1 */
PWY_API void pwy_context_free(pwy_context *context);
/** Replaces the log's function, whose user data ends; fn NULL: none. @since 0.1 */
PWY_API pwy_status pwy_context_on_log(pwy_context *context, pwy_log_fn fn, void *user, pwy_destroy_fn destroy);
/** Adds a decoder for kind "image", "audio" or "video": tried where the data begins with these 1 to 16 bytes (copied).
 *  Later ones first, those that are built in (PGM, PPM, WAV) last. @since 0.1 */
PWY_API pwy_status pwy_context_add_decoder(pwy_context *context, const char *kind, const void *magic,
                                           int64_t magic_len, pwy_decoder_fn fn, void *user, pwy_destroy_fn destroy);
/** The kernels in use: "avx512". Borrowed from the library for ever. @since 0.1 */
PWY_API const char *pwy_context_kernels(const pwy_context *context);

#ifdef __cplusplus
}
#endif
#endif

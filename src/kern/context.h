/* pwy_context: where everything shared has its home. Counted; a child holds a count on it. */
#ifndef PW_CONTEXT_H
#define PW_CONTEXT_H
#include "base/example.h"
#include "base/node.h"
#include "kern/kern.h"
#include "pathways/context.h"

struct pw_decoder { char *kind; unsigned char magic[16]; int magic_len; pwy_decoder_fn fn; void *user;
    pwy_destroy_fn destroy; };

struct pwy_context {
    int count;                              /* atomic */
    const struct pw_kern *kern;
    int threads;                            /* for those who do not say their own */
    pwy_log_fn log; void *log_user; pwy_destroy_fn log_destroy;
    struct pw_decoder *decoders; int n_decoders;
    /* the caller's router, as route/router.h has its types; NULL: none */
    void (*route)(void), (*route_grad)(void); void *route_user; pwy_destroy_fn route_destroy;
};
/* kernels NULL: the environment's or the best */
pwy_status pw_context_make(const char *kernels, int threads, pwy_context **out);
void pw_context_release(pwy_context *ctx);                         /* one count less; the last frees. NULL allowed */
pwy_context *pw_context_hold(pwy_context *ctx);                    /* one more count; returns ctx */
pwy_status pw_context_or_default(pwy_context *ctx, pwy_context **out); /* holds ctx, or makes a private one for NULL */
/* calls the log function, on this thread, if there is one */
void pw_log(pwy_context *ctx, pwy_log_level level, const char *format, ...) __attribute__((format(printf, 3, 4)));
/* Decodes `data` by the first decoder of that kind ("image", "audio", "video") whose magic stands at its start, into a
   part of ex. None: PWY_E_UNSUPPORTED that says what this program reads. */
pwy_status pw_decode(pwy_context *ctx, const char *kind, const char *name, const void *data, int64_t len,
                     pwy_example *ex, const char *part);
#endif

/* pwy_context_...: arguments checked, the rest in kern/context.c. */
#include <stddef.h>
#include <string.h>
#include <stdlib.h>
#include "kern/context.h"

struct settings { char *kernels; int64_t threads; };

static const struct pw_option settings_table[] = {
    { "kernels", PW_OPT_TEXT, offsetof(struct settings, kernels), 0, 0 },
    { "threads", PW_OPT_INT, offsetof(struct settings, threads), 1, 1024 },
    { 0 }
};

pwy_status pwy_context_new(const pwy_options *options, pwy_context **out)
{
    struct settings settings = { .threads = 1 };
    if (out == NULL)
        return pw_fail(PWY_E_ARGUMENT, "pwy_context_new: out is NULL; it must point to where the context goes");
    pwy_status status = pw_options_read(options != NULL ? options->map : NULL, "context", settings_table, &settings);
    if (status == PWY_OK)
        status = pw_context_make(settings.kernels, (int)settings.threads, out);
    pw_options_release(settings_table, &settings);
    return status;
}

void pwy_context_free(pwy_context *context)
{
    pw_context_release(context);
}

pwy_status pwy_context_on_log(pwy_context *context, pwy_log_fn fn, void *user, pwy_destroy_fn destroy)
{
    if (context == NULL) {
        if (destroy != NULL)
            destroy(user);
        return pw_fail(PWY_E_ARGUMENT, "pwy_context_on_log: context is NULL; make one with pwy_context_new");
    }
    pwy_destroy_fn old_destroy = context->log_destroy;
    void *old_user = context->log_user;
    context->log = fn;
    context->log_user = user;
    context->log_destroy = destroy;
    if (old_destroy != NULL)
        old_destroy(old_user);
    return PWY_OK;
}

static pwy_status check_decoder(pwy_context *context, const char *kind, const void *magic, int64_t magic_len,
                                pwy_decoder_fn fn)
{
    static const char *const kinds[] = { "image", "audio", "video", NULL };
    if (context == NULL || kind == NULL || magic == NULL || fn == NULL)
        return pw_fail(PWY_E_ARGUMENT, "pwy_context_add_decoder: %s is NULL", context == NULL ? "context" :
                       kind == NULL ? "kind" : magic == NULL ? "magic" : "fn");
    if (magic_len < 1 || magic_len > 16)
        return pw_fail(PWY_E_ARGUMENT, "pwy_context_add_decoder: magic_len is %lld; it must be 1 to 16",
                       (long long)magic_len);
    for (int i = 0; kinds[i] != NULL; i++)
        if (strcmp(kinds[i], kind) == 0)
            return PWY_OK;
    return pw_fail(PWY_E_ARGUMENT, "pwy_context_add_decoder: kind is '%s'; it must be image, audio or video", kind);
}

static pwy_status add_decoder(pwy_context *context, const char *kind, const void *magic, int magic_len,
                              pwy_decoder_fn fn, void *user, pwy_destroy_fn destroy)
{
    struct pw_decoder *grown = pw_realloc(context->decoders, context->n_decoders + 1, sizeof *grown);
    PW_NEED(grown);
    context->decoders = grown;
    struct pw_decoder d = { .kind = pw_strdup(kind), .magic_len = magic_len, .fn = fn, .user = user,
                            .destroy = destroy };
    PW_NEED(d.kind);
    memcpy(d.magic, magic, magic_len);
    grown[context->n_decoders++] = d;
    return PWY_OK;
}

pwy_status pwy_context_add_decoder(pwy_context *context, const char *kind, const void *magic, int64_t magic_len,
                                   pwy_decoder_fn fn, void *user, pwy_destroy_fn destroy)
{
    pwy_status status = check_decoder(context, kind, magic, magic_len, fn);
    if (status == PWY_OK)
        status = add_decoder(context, kind, magic, (int)magic_len, fn, user, destroy);
    if (status != PWY_OK && destroy != NULL)
        destroy(user);
    return status;
}

const char *pwy_context_kernels(const pwy_context *context)
{
    return context != NULL ? context->kern->name : "";
}

/* The context: its count, its log and its decoders. The public face is in api/context.c. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "kern/context.h"

pwy_status pw_context_make(const char *kernels, int threads, pwy_context **out)
{
    const struct pw_kern *kern;
    PW_TRY(pw_kern_choose(kernels, &kern));
    pwy_context *ctx = pw_calloc(1, sizeof *ctx);
    PW_NEED(ctx);
    ctx->count = 1;
    ctx->kern = kern;
    ctx->threads = threads;
    *out = ctx;
    return PWY_OK;
}

pwy_context *pw_context_hold(pwy_context *ctx)
{
    __atomic_add_fetch(&ctx->count, 1, __ATOMIC_RELAXED);
    return ctx;
}

static void free_context(pwy_context *ctx)
{
    if (ctx->route_destroy != NULL)
        ctx->route_destroy(ctx->route_user);
    if (ctx->log_destroy != NULL)
        ctx->log_destroy(ctx->log_user);
    for (int i = 0; i < ctx->n_decoders; i++) {
        if (ctx->decoders[i].destroy != NULL)
            ctx->decoders[i].destroy(ctx->decoders[i].user);
        free(ctx->decoders[i].kind);
    }
    free(ctx->decoders);
    free(ctx);
}

void pw_context_release(pwy_context *ctx)
{
    if (ctx != NULL && __atomic_sub_fetch(&ctx->count, 1, __ATOMIC_ACQ_REL) == 0)
        free_context(ctx);
}

pwy_status pw_context_or_default(pwy_context *ctx, pwy_context **out)
{
    if (ctx == NULL)
        return pw_context_make(NULL, 1, out);
    *out = pw_context_hold(ctx);
    return PWY_OK;
}

void pw_log(pwy_context *ctx, pwy_log_level level, const char *format, ...)
{
    char message[1024];
    va_list args;
    if (ctx == NULL || ctx->log == NULL)
        return;
    va_start(args, format);
    vsnprintf(message, sizeof message, format, args);
    va_end(args);
    ctx->log(level, message, ctx->log_user);
}

static bool begins(const struct pw_decoder *d, const void *data, int64_t len)
{
    return len >= d->magic_len && memcmp(data, d->magic, d->magic_len) == 0;
}

/* At most 16 bytes as one may read them: printable ones as they are, others as \xhh. */
static pwy_status add_bytes(struct pw_buf *buf, const unsigned char *bytes, int64_t len)
{
    PW_TRY(pw_buf_printf(buf, "\""));
    for (int64_t i = 0; i < len && i < 16; i++)
        PW_TRY(pw_buf_printf(buf, bytes[i] >= 32 && bytes[i] < 127 ? "%c" : "\\x%02x", bytes[i]));
    return pw_buf_printf(buf, "\"");
}

static pwy_status list_magics(pwy_context *ctx, const char *kind, struct pw_buf *buf)
{
    const char *before = "; decoders of this kind read what begins with ";
    for (int i = 0; i < ctx->n_decoders; i++) {
        if (strcmp(ctx->decoders[i].kind, kind) != 0)
            continue;
        PW_TRY(pw_buf_printf(buf, "%s", before));
        PW_TRY(add_bytes(buf, ctx->decoders[i].magic, ctx->decoders[i].magic_len));
        before = ", ";
    }
    return *before == ';' ? pw_buf_printf(buf, "; this program has no decoder of that kind") : PWY_OK;
}

static pwy_status fail_no_decoder(pwy_context *ctx, const char *kind, const char *name, const void *data, int64_t len)
{
    struct pw_buf buf = { 0 };
    pwy_status status = pw_buf_printf(&buf, "begins with ");
    if (status == PWY_OK)
        status = add_bytes(&buf, data, len < 8 ? len : 8);
    if (status == PWY_OK)
        status = list_magics(ctx, kind, &buf);
    if (status == PWY_OK)
        status = pw_fail(PWY_E_UNSUPPORTED, "%s: no decoder for this %s: it %s", name, kind, buf.data);
    pw_buf_free(&buf);
    return status;
}

/* A decoder from outside can fail without a message: then the last one is still the one before the call. */
static pwy_status run_decoder(const struct pw_decoder *d, const char *name, const void *data, int64_t len,
                              pwy_example *ex, const char *part)
{
    char before[256];
    snprintf(before, sizeof before, "%s", pwy_error_message());
    pwy_status status = d->fn(name, data, len, ex, part, d->user);
    if (status == PWY_OK || strncmp(before, pwy_error_message(), sizeof before - 1) != 0)
        return status;
    return pw_fail(status, "%s: its decoder could not read this %s: %s", name, d->kind, pwy_status_name(status));
}

pwy_status pw_decode(pwy_context *ctx, const char *kind, const char *name, const void *data, int64_t len,
                     pwy_example *ex, const char *part)
{
    for (int i = ctx->n_decoders - 1; i >= 0; i--)
        if (strcmp(ctx->decoders[i].kind, kind) == 0 && begins(&ctx->decoders[i], data, len))
            return run_decoder(&ctx->decoders[i], name, data, len, ex, part);
    return fail_no_decoder(ctx, kind, name, data, len);
}

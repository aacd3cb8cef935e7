/* Checked allocation and texts. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/mem.h"

void *pw_calloc(size_t count, size_t size)
{
    size_t bytes;
    if (__builtin_mul_overflow(count, size, &bytes) || bytes > PTRDIFF_MAX - 63) {
        pw_fail_nomem(SIZE_MAX);
        return NULL;
    }
    bytes = bytes == 0 ? 64 : (bytes + 63) / 64 * 64;
    void *memory = aligned_alloc(64, bytes);
    if (memory == NULL)
        pw_fail_nomem(bytes);
    else
        memset(memory, 0, bytes);
    return memory;
}

void *pw_realloc(void *old, size_t count, size_t size)
{
    size_t bytes;
    if (__builtin_mul_overflow(count, size, &bytes) || bytes > PTRDIFF_MAX) {
        pw_fail_nomem(SIZE_MAX);
        return NULL;
    }
    void *memory = realloc(old, bytes == 0 ? 1 : bytes);
    if (memory == NULL)
        pw_fail_nomem(bytes);
    return memory;
}

char *pw_strndup(const char *text, size_t len)
{
    char *copy = pw_realloc(NULL, len + 1, 1);
    if (copy == NULL)
        return NULL;
    memcpy(copy, text, len);
    copy[len] = 0;
    return copy;
}

char *pw_strdup(const char *text)
{
    return pw_strndup(text, strlen(text));
}

char *pw_printf(const char *format, ...)
{
    char *text = NULL;
    va_list args;
    va_start(args, format);
    int len = vasprintf(&text, format, args);
    va_end(args);
    if (len >= 0)
        return text;
    pw_fail_nomem(strlen(format));
    return NULL;
}

pwy_status pw_buf_add(struct pw_buf *buf, const void *data, size_t len)
{
    size_t need;
    if (__builtin_add_overflow(buf->len, len, &need) || need > PTRDIFF_MAX / 2)
        return pw_fail_nomem(len);
    if (need >= buf->cap) {
        size_t cap = buf->cap * 2 > need ? buf->cap * 2 : need < 64 ? 64 : need + 1;
        char *grown = pw_realloc(buf->data, cap, 1);
        PW_NEED(grown);
        buf->data = grown;
        buf->cap = cap;
    }
    if (len > 0)
        memcpy(buf->data + buf->len, data, len);
    buf->len = need;
    buf->data[need] = 0;
    return PWY_OK;
}

pwy_status pw_buf_printf(struct pw_buf *buf, const char *format, ...)
{
    char *text = NULL;
    va_list args;
    va_start(args, format);
    int len = vasprintf(&text, format, args);
    va_end(args);
    if (len < 0)
        return pw_fail_nomem(strlen(format));
    pwy_status status = pw_buf_add(buf, text, (size_t)len);
    free(text);
    return status;
}

void pw_buf_free(struct pw_buf *buf)
{
    free(buf->data);
    *buf = (struct pw_buf){ 0 };
}

pwy_status pw_buf_add_json(struct pw_buf *out, const char *text)
{
    PW_TRY(pw_buf_add(out, "\"", 1));
    for (const unsigned char *s = (const unsigned char *)text; *s != '\0'; s++) {
        if (*s < 0x20)
            PW_TRY(pw_buf_printf(out, "\\u%04x", *s));
        else
            PW_TRY(pw_buf_printf(out, *s == '"' || *s == '\\' ? "\\%c" : "%c", *s));
    }
    return pw_buf_add(out, "\"", 1);
}

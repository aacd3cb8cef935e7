/* The thread's last error. It lies in fixed room, so that failing needs no memory. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/error.h"

struct pwy_error {
    pwy_status status;
    int64_t line;
    char text[1024], file[512], task[256];
};

static _Thread_local struct pwy_error last;

/* Copies as much of text as fits, never half of a UTF-8 character. */
static void keep(char *out, size_t cap, const char *text)
{
    size_t len = strlen(text);
    if (len >= cap)
        for (len = cap - 1; len > 0 && ((unsigned char)text[len] & 0xC0) == 0x80; len--)
            continue;
    memcpy(out, text, len);
    out[len] = 0;
}

/* The arguments may point into `last`, so its parts change only after the message is whole. */
static pwy_status record(pwy_status status, const char *file, long line, const char *format, va_list args)
{
    char message[sizeof last.text + 4], text[sizeof last.text + sizeof last.file + 32];
    vsnprintf(message, sizeof message, format, args);
    if (file != NULL && line > 0)
        snprintf(text, sizeof text, "%s:%ld: %s", file, line, message);
    else if (file != NULL)
        snprintf(text, sizeof text, "%s: %s", file, message);
    else if (line > 0)
        snprintf(text, sizeof text, "line %ld: %s", line, message);
    else
        snprintf(text, sizeof text, "%s", message);
    last.status = status;
    last.line = line;
    keep(last.text, sizeof last.text, text);
    keep(text, sizeof last.file, file != NULL ? file : "");
    memcpy(last.file, text, sizeof last.file);
    last.task[0] = 0;
    return status;
}

pwy_status pw_fail(pwy_status status, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    record(status, NULL, 0, format, args);
    va_end(args);
    return status;
}

pwy_status pw_fail_at(pwy_status status, const char *file, long line, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    record(status, file, line, format, args);
    va_end(args);
    return status;
}

pwy_status pw_fail_task(const char *task)
{
    char text[sizeof last.text + sizeof last.task + 16], name[sizeof last.task];
    keep(name, sizeof name, task);
    snprintf(text, sizeof text, "task '%s': %s", name, last.text);
    keep(last.text, sizeof last.text, text);
    memcpy(last.task, name, sizeof name);
    return last.status;
}

pwy_status pw_fail_nomem(size_t bytes)
{
    return pw_fail(PWY_E_NOMEM, "out of memory: the system refused %zu bytes", bytes);
}

const char *pwy_status_name(pwy_status status)
{
    switch (status) {
    case PWY_OK: return "PWY_OK";
    case PWY_E_ARGUMENT: return "PWY_E_ARGUMENT";
    case PWY_E_STATE: return "PWY_E_STATE";
    case PWY_E_NOT_FOUND: return "PWY_E_NOT_FOUND";
    case PWY_E_EXISTS: return "PWY_E_EXISTS";
    case PWY_E_IO: return "PWY_E_IO";
    case PWY_E_FORMAT: return "PWY_E_FORMAT";
    case PWY_E_DATA: return "PWY_E_DATA";
    case PWY_E_UNSUPPORTED: return "PWY_E_UNSUPPORTED";
    case PWY_E_NOMEM: return "PWY_E_NOMEM";
    case PWY_E_CANCELLED: return "PWY_E_CANCELLED";
    case PWY_E_LIMIT: return "PWY_E_LIMIT";
    case PWY_E_CALLBACK: return "PWY_E_CALLBACK";
    }
    return "PWY_?";
}

const char *pwy_error_message(void)
{
    return last.text;
}

pwy_error *pwy_error_last(void)
{
    pwy_error *copy = last.status == PWY_OK ? NULL : malloc(sizeof *copy);
    if (copy != NULL)
        *copy = last;
    return copy;
}

pwy_status pwy_error_status(const pwy_error *error)
{
    return error != NULL ? error->status : PWY_OK;
}

const char *pwy_error_text(const pwy_error *error)
{
    return error != NULL ? error->text : "";
}

const char *pwy_error_file(const pwy_error *error)
{
    return error != NULL && error->file[0] != 0 ? error->file : NULL;
}

int64_t pwy_error_line(const pwy_error *error)
{
    return error != NULL ? error->line : 0;
}

const char *pwy_error_task(const pwy_error *error)
{
    return error != NULL && error->task[0] != 0 ? error->task : NULL;
}

void pwy_error_free(pwy_error *error)
{
    free(error);
}

void pwy_text_free(char *text)
{
    free(text);
}

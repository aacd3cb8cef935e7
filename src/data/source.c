/* What every source does: counting references, checking the row, noting where it came from. */
#include "data/read.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

pwy_status pw_source_make(pwy_context *ctx, const struct pw_source_ops *ops, int64_t n, void *state, pwy_source **out)
{
    pwy_source *s = pw_calloc(1, sizeof *s);
    PW_NEED(s);
    s->ops = ops;
    s->count = 1;
    s->n = n;
    s->ctx = pw_context_hold(ctx);
    s->state = state;
    *out = s;
    return PWY_OK;
}

pwy_source *pw_source_hold(pwy_source *s)
{
    __atomic_add_fetch(&s->count, 1, __ATOMIC_RELAXED);
    return s;
}

void pw_source_release(pwy_source *s)
{
    if (s == NULL || __atomic_sub_fetch(&s->count, 1, __ATOMIC_ACQ_REL) > 0)
        return;
    s->ops->free(s);
    pw_context_release(s->ctx);
    free(s);
}

static pwy_status check_row(const pwy_source *s, int64_t i)
{
    if (i >= 0 && i < s->n)
        return PWY_OK;
    return pw_fail(PWY_E_ARGUMENT, "row %lld: this source has %lld rows, counted from 0", (long long)i,
                   (long long)s->n);
}

/* A failed read leaves ex empty, never half filled. */
static pwy_status read_with(pwy_status (*fn)(pwy_source *, int64_t, pwy_example *), pwy_source *s, int64_t i,
                            pwy_example *ex)
{
    pw_example_clear(ex);
    PW_TRY(check_row(s, i));
    pwy_status status = fn(s, i, ex);
    if (status != PWY_OK)
        pw_example_clear(ex);
    return status;
}

pwy_status pw_source_read(pwy_source *s, int64_t i, pwy_example *ex)
{
    return read_with(s->ops->read, s, i, ex);
}

pwy_status pw_source_target(pwy_source *s, int64_t i, pwy_example *ex)
{
    return read_with(s->ops->read_target ? s->ops->read_target : s->ops->read, s, i, ex);
}

pwy_status pw_bad_row(pwy_status status, const char *file, int64_t line, const char *part)
{
    if (status == PWY_OK || status == PWY_E_NOMEM || status == PWY_E_CANCELLED || status == PWY_E_CALLBACK)
        return status;
    char why[2048];
    snprintf(why, sizeof why, "%s", pwy_error_message());
    if (part)
        return pw_fail_at(PWY_E_DATA, file, (long)line, "part '%s': %s", part, why);
    return pw_fail_at(PWY_E_DATA, file, (long)line, "%s", why);
}

pwy_status pw_example_place(pwy_example *ex, const char *file, int64_t line)
{
    size_t size = strlen(file) + 1;
    char *copy = pw_arena_take(ex->arena, size, 1);
    PW_NEED(copy);
    memcpy(copy, file, size);
    ex->file = copy;
    ex->line = line;
    return PWY_OK;
}

pwy_status pw_example_filled(pwy_example *ex, const char *file, int64_t line)
{
    for (int p = 0; p < ex->n_parts; p++)
        if (ex->parts[p].value.type != PW_VALUE_NONE)
            return PWY_OK;
    return pw_fail_at(PWY_E_DATA, file, (long)line, "every part of this row is missing");
}

const char *pw_value_type_name(enum pw_value_type type)
{
    static const char *const names[] = {"nothing", "text", "bytes", "image", "audio", "video", "table", "series"};
    return names[type];
}

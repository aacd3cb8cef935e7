/* A source that asks a function of the caller's for its rows. */
#include "data/read.h"

#include <stdlib.h>

struct function { pwy_source_fn fn; void *user; pwy_destroy_fn destroy; };

/* The caller's function may have failed without saying why. */
static pwy_status say_why(pwy_status status, int64_t i)
{
    pwy_error *last = pwy_error_last();
    bool said = last && pwy_error_status(last) == status;
    pwy_status result = said ? pw_fail(status, "row %lld: %s", (long long)i, pwy_error_text(last))
                             : pw_fail(status, "row %lld: the source's function answered %s", (long long)i,
                                       pwy_status_name(status));
    pwy_error_free(last);
    return result;
}

static pwy_status read_function(pwy_source *s, int64_t i, pwy_example *ex)
{
    struct function *f = s->state;
    pwy_status status = f->fn(i, ex, f->user);
    if (status != PWY_OK)
        return say_why(status, i);
    PW_TRY(pw_example_filled(ex, "function", i + 1));
    return pw_example_place(ex, "function", i + 1);
}

static void free_function(pwy_source *s)
{
    struct function *f = s->state;
    if (f->destroy)
        f->destroy(f->user);
    free(f);
}

static pwy_status make_function(pwy_context *ctx, int64_t n, const struct function *from, pwy_source **out)
{
    static const struct pw_source_ops ops = {"function", read_function, NULL, free_function};
    if (from->fn == NULL || n < 0)
        return pw_fail(PWY_E_ARGUMENT, from->fn ? "a source of %lld rows: 0 or more"
                       : "a source needs a function (%lld rows)", (long long)n);
    struct function *f = pw_calloc(1, sizeof *f);
    PW_NEED(f);
    *f = *from;
    pwy_status status = pw_source_make(ctx, &ops, n, f, out);
    if (status != PWY_OK)
        free(f);
    return status;
}

pwy_status pw_source_function(pwy_context *ctx, int64_t n, pwy_source_fn fn, void *user, pwy_destroy_fn destroy,
                              pwy_source **out)
{
    pwy_status status = make_function(ctx, n, &(struct function){fn, user, destroy}, out);
    if (status != PWY_OK && destroy)
        destroy(user);
    return status;
}

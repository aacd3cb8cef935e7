/* pathways/source.h: checks arguments and calls down. */
#include "pathways/source.h"

#include "data/data.h"

pwy_status pwy_source_new(pwy_context *context, pwy_source **out)
{
    pwy_context *ctx;
    if (out == NULL)
        return pw_fail(PWY_E_ARGUMENT, "pwy_source_new: out is NULL");
    PW_TRY(pw_context_or_default(context, &ctx));
    pwy_status status = pw_source_memory(ctx, out);
    pw_context_release(ctx);                /* the source holds its own count */
    return status;
}

pwy_status pwy_source_append(pwy_source *source, const pwy_example *example)
{
    if (source == NULL || example == NULL)
        return pw_fail(PWY_E_ARGUMENT, "pwy_source_append: %s is NULL", source ? "example" : "source");
    return pw_source_memory_add(source, example);
}

pwy_status pwy_source_from_function(pwy_context *context, int64_t n, pwy_source_fn fn, void *user,
                                    pwy_destroy_fn destroy, pwy_source **out)
{
    pwy_context *ctx = NULL;
    pwy_status status = out ? pw_context_or_default(context, &ctx)
        : pw_fail(PWY_E_ARGUMENT, "pwy_source_from_function: out is NULL");
    if (status != PWY_OK) {
        if (destroy)
            destroy(user);
        return status;
    }
    status = pw_source_function(ctx, n, fn, user, destroy, out);
    pw_context_release(ctx);
    return status;
}

int64_t pwy_source_count(const pwy_source *source)
{
    return source ? source->n : 0;
}

pwy_status pwy_source_read(pwy_source *source, int64_t index, pwy_example *example)
{
    if (source == NULL || example == NULL)
        return pw_fail(PWY_E_ARGUMENT, "pwy_source_read: %s is NULL", source ? "example" : "source");
    return pw_source_read(source, index, example);
}

void pwy_source_free(pwy_source *source)
{
    pw_source_release(source);
}

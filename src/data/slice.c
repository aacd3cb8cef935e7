/* A part of another source: rows [from, to) of a permutation by key, worked out row by row. */
#include "data/read.h"

#include <stdlib.h>

#include "base/rng.h"

/* n: the parent's rows when it was cut, so that rows keep their numbers when more are appended. */
struct slice { pwy_source *parent; uint64_t key; int64_t from, n; };

static int64_t parent_row(const struct slice *sl, int64_t i)
{
    return (int64_t)pw_permute(sl->key, (uint64_t)sl->n, (uint64_t)(sl->from + i));
}

static pwy_status read_slice(pwy_source *s, int64_t i, pwy_example *ex)
{
    struct slice *sl = s->state;
    return pw_source_read(sl->parent, parent_row(sl, i), ex);
}

static pwy_status target_slice(pwy_source *s, int64_t i, pwy_example *ex)
{
    struct slice *sl = s->state;
    return pw_source_target(sl->parent, parent_row(sl, i), ex);
}

static void free_slice(pwy_source *s)
{
    struct slice *sl = s->state;
    pw_source_release(sl->parent);
    free(sl);
}

pwy_status pw_source_slice(pwy_source *parent, uint64_t key, int64_t from, int64_t to, pwy_source **out)
{
    static const struct pw_source_ops ops = {"slice", read_slice, target_slice, free_slice};
    if (from < 0 || to < from || to > parent->n)
        return pw_fail(PWY_E_ARGUMENT, "rows %lld to %lld of a source of %lld", (long long)from, (long long)to,
                       (long long)parent->n);
    struct slice *sl = pw_calloc(1, sizeof *sl);
    PW_NEED(sl);
    *sl = (struct slice){parent, key, from, parent->n};
    pwy_status status = pw_source_make(parent->ctx, &ops, to - from, sl, out);
    if (status != PWY_OK) {
        free(sl);
        return status;
    }
    pw_source_hold(parent);
    return PWY_OK;
}

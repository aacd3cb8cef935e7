/* What a delta says, applied to the tensors before it: new ones, new versions, more slices. */
#include "file/chain.h"

#include <stdlib.h>
#include <string.h>

/* NAME+FIRST: where the + stands, and FIRST. NULL: a plain name. */
static const char *parse_extension(const char *name, int64_t *first)
{
    const char *plus = strrchr(name, '+');
    int64_t n = 0;
    if (plus == NULL || plus == name || plus[1] == 0)
        return NULL;
    for (const char *at = plus + 1; *at != 0; at++)
        if (*at < '0' || *at > '9' || __builtin_mul_overflow(n, 10, &n) || __builtin_add_overflow(n, *at - '0', &n))
            return NULL;
    *first = n;
    return plus;
}

static pwy_status append(struct pw_tensors *all, const struct pw_tensor *t)
{
    int64_t old;
    if ((all->n & (all->n - 1)) == 0) {     /* room doubles at each power of two */
        struct pw_tensor *list = pw_realloc(all->list, all->n > 0 ? 2 * (size_t)all->n : 1, sizeof *list);
        PW_NEED(list);
        all->list = list;
    }
    all->list[all->n] = *t;
    PW_TRY(pw_names_add(&all->by_name, all->list, all->n, &old));
    all->n++;
    return PWY_OK;
}

static bool fits_behind(const struct pw_tensor *old, const struct pw_tensor *t, int64_t first)
{
    return old->rank == t->rank && t->rank > 0 && old->dtype == t->dtype && old->shape[0] == first
        && memcmp(old->shape + 1, t->shape + 1, (size_t)(t->rank - 1) * sizeof *t->shape) == 0;
}

static pwy_status extend(struct pw_tensor *old, const struct pw_tensor *t)
{
    struct pw_tensor grown = *old;
    struct pw_piece *piece = pw_calloc((size_t)old->n_pieces + 2, sizeof *piece);
    PW_NEED(piece);
    if (old->n_pieces > 0)
        memcpy(piece, old->piece, (size_t)old->n_pieces * sizeof *piece);
    else
        piece[grown.n_pieces++] = (struct pw_piece){ old->data, old->shape[0] };
    piece[grown.n_pieces++] = (struct pw_piece){ t->data, t->shape[0] };
    grown.piece = piece;
    grown.data = NULL;
    grown.aligned = old->aligned && t->aligned;
    grown.shape[0] += t->shape[0];
    grown.bytes += t->bytes;
    free((void *)old->piece);
    *old = grown;
    return PWY_OK;
}

/* A tensor NAME+FIRST: behind the slices of NAME. */
static pwy_status merge_extension(struct pw_tensors *all, const struct pw_tensor *t, const char *plus, int64_t first,
                                  const char *name)
{
    char *whole = pw_strndup(t->name, (size_t)(plus - t->name));
    PW_NEED(whole);
    int64_t at = pw_names_find(&all->by_name, all->list, whole);
    free(whole);
    if (at < 0)
        return pw_fail_at(PWY_E_FORMAT, name, 0, "tensor '%s' extends one that is not there", t->name);
    if (!fits_behind(&all->list[at], t, first))
        return pw_fail_at(PWY_E_FORMAT, name, 0, "tensor '%s' does not fit behind '%s', which has %lld slices of %s",
                          t->name, all->list[at].name, (long long)all->list[at].shape[0],
                          pw_dtype_name(all->list[at].dtype));
    return extend(&all->list[at], t);
}

static pwy_status merge_one(struct pw_tensors *all, const struct pw_tensor *t, const char *name)
{
    int64_t first = 0;
    const char *plus = parse_extension(t->name, &first);
    if (plus != NULL)
        return merge_extension(all, t, plus, first, name);
    int64_t at = pw_names_find(&all->by_name, all->list, t->name);
    if (at < 0)
        return append(all, t);
    free((void *)all->list[at].piece);
    all->list[at] = *t;
    return PWY_OK;
}

bool pw_is_files_own(const char *name)
{
    return strcmp(name, PW_DIGESTS) == 0 || strncmp(name, PW_REGISTRY, sizeof PW_REGISTRY - 1) == 0;
}

pwy_status pw_tensors_merge(struct pw_tensors *all, const struct pw_tensor *list, int64_t n, const char *name)
{
    for (int64_t i = 0; i < n; i++)
        if (!pw_is_files_own(list[i].name))
            PW_TRY(merge_one(all, &list[i], name));
    return PWY_OK;
}

/* A copy that owns its list of pieces. */
static pwy_status append_copy(struct pw_tensors *all, const struct pw_tensor *t)
{
    struct pw_tensor copy = *t;
    struct pw_piece *piece = NULL;
    if (t->n_pieces > 0) {
        PW_NEED(piece = pw_calloc((size_t)t->n_pieces, sizeof *piece));
        memcpy(piece, t->piece, (size_t)t->n_pieces * sizeof *piece);
    }
    copy.piece = piece;
    pwy_status status = append(all, &copy);
    if (status != PWY_OK)
        free(piece);
    return status;
}

static pwy_status fill_view(const struct pw_tensors *base, struct pw_tensors *all)
{
    PW_NEED(all->metadata = pw_node_copy(base->metadata));
    PW_TRY(pw_names_reserve(&all->by_name, base->n));
    for (int64_t i = 0; i < base->n; i++)
        if (strcmp(base->list[i].name, PW_DIGESTS) != 0)
            PW_TRY(append_copy(all, &base->list[i]));
    return PWY_OK;
}

pwy_status pw_tensors_view(const struct pw_tensors *base, struct pw_tensors **out)
{
    struct pw_tensors *all = pw_calloc(1, sizeof *all);
    PW_NEED(all);
    pwy_status status = fill_view(base, all);
    if (status == PWY_OK)
        *out = all;
    else
        pw_tensors_free(all);
    return status;
}

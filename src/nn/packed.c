/* Parameters with packed weights: made for inference, never trained. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include "nn/nn.h"

enum { HUGE = 1 << 21 };

/* (groups, k, n) of a matrix or of matrices. */
struct pw_pack_shape { int64_t groups, k, n; };

static struct pw_pack_shape shape_of(const struct pw_param *p)
{
    bool many = p->rank == 3;
    return (struct pw_pack_shape){ many ? p->shape[0] : 1, p->shape[many], p->shape[many + 1] };
}

/* One token's weights lie in a thousand pages of the usual size. */
void *pw_take_pages(size_t size)
{
    if (size < 2 * HUGE || size > SIZE_MAX - HUGE)
        return pw_calloc(size + 1, 1);
    void *at = aligned_alloc(HUGE, (size + HUGE - 1) / HUGE * HUGE);
    if (at == NULL)
        pw_fail(PWY_E_NOMEM, "out of memory: %zu bytes for packed weights", size);
#ifdef MADV_HUGEPAGE
    else
        madvise(at, size, MADV_HUGEPAGE);
#endif
    return at;
}

static pwy_status take_packed(enum pw_form store, int64_t groups, int64_t k, int64_t n, struct pw_packed *out)
{
    struct pw_packed made = { .store = store, .own = pw_take_pages((size_t)(groups * pw_packed_size(store, k, n))) };
    PW_NEED(made.own);
    made.at = made.own;
    if (store == PW_AS_I8)
        made.scale = made.own_scale = pw_calloc((size_t)(groups * pw_packed_width(n)) + 1, sizeof(real));
    if (store == PW_AS_I8 && made.scale == NULL) {
        free(made.own);
        return PWY_E_NOMEM;
    }
    *out = made;
    return PWY_OK;
}

static void fill_group(struct pw_packed *out, int64_t group, int64_t k, int64_t n, const real *w, bool turned)
{
    pw_pack(out->store, k, n, w, turned, (char *)out->own + group * pw_packed_size(out->store, k, n),
            out->own_scale != NULL ? out->own_scale + group * pw_packed_width(n) : NULL);
}

pwy_status pw_packed_turned(enum pw_form store, int64_t k, int64_t n, const real *w, struct pw_packed *out)
{
    PW_TRY(take_packed(store, 1, k, n, out));
    fill_group(out, 0, k, n, w, true);
    return PWY_OK;
}

void pw_packed_free(struct pw_packed *packed)
{
    free(packed->own);
    free(packed->own_scale);
    *packed = (struct pw_packed){ 0 };
}

pwy_status pw_param_pack(struct pw_param *p, enum pw_form store)
{
    struct pw_pack_shape s = shape_of(p);
    if (p->rank < 2 || p->rank > 3)
        return pw_fail(PWY_E_ARGUMENT, "tensor '%s': rank %d; a matrix, or a list of them, would be right", p->name,
                       p->rank);
    if (p->packed.at != NULL)
        return pw_fail(PWY_E_STATE, "tensor '%s' is packed already; pack the model that it was made from", p->name);
    PW_TRY(take_packed(store, s.groups, s.k, s.n, &p->packed));
    for (int64_t g = 0; g < s.groups; g++)
        fill_group(&p->packed, g, s.k, s.n, p->rank == 3 ? pw_param_group(p, g) : p->w, false);
    pw_param_drop(p);
    return PWY_OK;
}

static bool ends(const char *name, const char *end)
{
    size_t len = strlen(name), most = strlen(end);
    return len >= most && strcmp(name + len - most, end) == 0;
}

bool pw_packs(const char *name)
{
    return strncmp(name, "trunk.", 6) == 0 && (ends(name, ".qkv") || ends(name, ".out") || ends(name, ".w13") ||
                                               ends(name, ".w2"));
}

struct pw_weights pw_param_packed(const struct pw_param *p, int64_t group)
{
    struct pw_pack_shape s = shape_of(p);
    const struct pw_packed *of = &p->packed;
    return (struct pw_weights){ of->store, (const char *)of->at + group * pw_packed_size(of->store, s.k, s.n),
                                of->scale != NULL ? of->scale + group * pw_packed_width(s.n) : NULL };
}

pwy_status pw_apply(struct pw_exec *x, int rows, const real *in, const struct pw_param *p, real *out, bool add)
{
    int k = (int)p->shape[0], n = (int)p->shape[1];
    if (p->packed.at == NULL)
        return pw_linear_bf16(x, rows, k, n, in, p->w, out, add);
    struct pw_packed_product product = { rows, k, n, in, pw_param_packed(p, 0), out, add };
    return pw_packed_products(x, &product, 1);
}

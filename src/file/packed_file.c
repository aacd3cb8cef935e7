/* Packed weights in a file: NAME as `packed.NAME`, (panels, k, 32) or (experts, panels, k, 32), and for whole numbers
   `packed.NAME.scale`. They run as they lie in the mapping. docs/format.md */
#include "file/model_file.h"
#include <stdlib.h>
#include <string.h>

#ifdef PATHWAYS_DOUBLE
#define REAL_TYPE PW_F64
#else
#define REAL_TYPE PW_F32
#endif

static const char prefix[] = "packed.", suffix[] = ".scale";
static const enum pw_dtype dtypes[] = {[PW_AS_REAL] = REAL_TYPE, [PW_AS_BF16] = PW_BF16, [PW_AS_I8] = PW_I8};

/* --- writing --- */

static struct pw_tensor weights_tensor(const struct pw_param *p, char *name)
{
    int last = p->rank - 1;
    struct pw_tensor t = {.name = name, .dtype = dtypes[p->packed.store], .rank = p->rank + 1, .data = p->packed.at};
    if (p->rank == 3) t.shape[0] = p->shape[0];
    t.shape[last - 1] = pw_packed_width(p->shape[last]) / PW_PANEL;
    t.shape[last] = p->shape[last - 1];
    t.shape[last + 1] = PW_PANEL;
    pw_tensor_size(&t, &t.bytes);
    return t;
}

static struct pw_tensor scale_tensor(const struct pw_param *p, char *name)
{
    int last = p->rank - 1;
    struct pw_tensor t = {.name = name, .dtype = REAL_TYPE, .rank = p->rank - 1, .data = p->packed.scale};
    if (p->rank == 3) t.shape[0] = p->shape[0];
    t.shape[last - 1] = pw_packed_width(p->shape[last]);
    pw_tensor_size(&t, &t.bytes);
    return t;
}

pwy_status pw_packed_list(const struct pw_param *p, struct pw_tensor *out, int *n)
{
    char *name;
    *n = 0;
    PW_NEED(name = pw_printf("%s%s", prefix, p->name));
    out[(*n)++] = weights_tensor(p, name);
    if (p->packed.store != PW_AS_I8) return PWY_OK;
    PW_NEED(name = pw_printf("%s%s%s", prefix, p->name, suffix));
    out[(*n)++] = scale_tensor(p, name);
    return PWY_OK;
}

/* --- reading --- */

bool pw_is_packed(const struct pw_tensor *t)
{
    return strncmp(t->name, prefix, sizeof prefix - 1) == 0;
}

static bool is_scale(const struct pw_tensor *t)
{
    size_t len = strlen(t->name), end = sizeof suffix - 1;
    return len >= end && strcmp(t->name + len - end, suffix) == 0;
}

static pwy_status form_of(const struct pw_tensor *t, enum pw_form *form)
{
    for (int i = 0; i < 3; i++)
        if (dtypes[i] == t->dtype) {
            *form = (enum pw_form)i;
            return PWY_OK;
        }
    return pw_fail(PWY_E_FORMAT, "tensor '%s': dtype %s; packed weights are F32, BF16 or I8", t->name,
                   pw_dtype_name(t->dtype));
}

/* (k, n) or (groups, k, n) of (panels, k, 32) or (groups, panels, k, 32). */
static pwy_status shape_of(const struct pw_tensor *t, int64_t *shape)
{
    int last = t->rank - 1;
    if (t->rank < 3 || t->rank > 4 || t->shape[last] != PW_PANEL || !pw_packs(t->name + sizeof prefix - 1))
        return pw_fail(PWY_E_FORMAT, "tensor '%s': not a matrix of the trunk in panels of %d columns", t->name,
                       PW_PANEL);
    if (t->rank == 4) shape[0] = t->shape[0];
    shape[last - 2] = t->shape[last - 1];
    return __builtin_mul_overflow(t->shape[last - 2], (int64_t)PW_PANEL, &shape[last - 1])
        ? pw_fail(PWY_E_FORMAT, "tensor '%s': too many panels", t->name) : PWY_OK;
}

/* The bytes as they lie there, or a copy where they must be owned or stand crooked. */
static pwy_status lay(const struct pw_tensor *t, bool own, const void **at, void **mine)
{
    *at = t->data;
    if (t->data != NULL && t->aligned && !own) return PWY_OK;
    PW_NEED(*mine = pw_calloc(t->bytes + 1, 1));
    char *to = *mine;
    for (int i = 0; i < t->n_pieces; i++) {
        size_t size = t->bytes / (size_t)(t->shape[0] > 0 ? t->shape[0] : 1) * (size_t)t->piece[i].n;
        memcpy(to, t->piece[i].data, size);
        to += size;
    }
    if (t->n_pieces == 0) memcpy(to, t->data, t->bytes);
    *at = *mine;
    return PWY_OK;
}

static pwy_status lay_scale(const struct pw_tensors *tensors, const struct pw_tensor *t, bool own,
                            struct pw_packed *packed)
{
    char *name = pw_printf("%s%s", t->name, suffix);
    PW_NEED(name);
    const struct pw_tensor *scale = pw_tensors_find(tensors, name);
    free(name);
    size_t count = t->shape[t->rank - 2] > 0 ? t->bytes / (size_t)t->shape[t->rank - 2] : 0;
    if (scale == NULL || scale->dtype != REAL_TYPE || scale->bytes != count * sizeof(real))
        return pw_fail(PWY_E_FORMAT, "tensor '%s' has no scale of its columns, %zu numbers", t->name, count);
    return lay(scale, own, (const void **)&packed->scale, (void **)&packed->own_scale);
}

pwy_status pw_packed_bring(struct pw_params *set, const struct pw_tensors *tensors, const struct pw_tensor *t, bool own)
{
    struct pw_packed packed = {0};
    int64_t shape[3];
    if (is_scale(t)) return PWY_OK;
    PW_TRY(form_of(t, &packed.store));
    PW_TRY(shape_of(t, shape));
    pwy_status status = lay(t, own, &packed.at, &packed.own);
    if (status == PWY_OK && packed.store == PW_AS_I8) status = lay_scale(tensors, t, own, &packed);
    if (status == PWY_OK)
        return pw_params_bring_packed(set, t->name + sizeof prefix - 1, t->rank - 1, shape, packed);
    pw_packed_free(&packed);
    return status;
}

/* --- packing --- */

pwy_status pw_model_quantize(const pwy_model *m, enum pw_form form, pwy_model **out)
{
    pwy_model *copy;
    pwy_status status = PWY_OK;
    PW_TRY(pw_model_copy(m, &copy));
    for (int i = 0; i < copy->params->n && status == PWY_OK; i++)
        if (pw_packs(copy->params->list[i]->name)) status = pw_param_pack(copy->params->list[i], form);
    if (status == PWY_OK) *out = copy;
    else pw_model_release(copy);
    return status;
}

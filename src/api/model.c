/* Models: see pathways/model.h. */
#include "pathways/model.h"
#include "api/check.h"
#include "file/chain.h"
#include "file/model_file.h"
#include "sys/fpmode.h"
#include <stdlib.h>
#include <string.h>

pwy_status pwy_model_new(pwy_registry *registry, const pwy_options *options, pwy_model **out)
{
    PW_GIVEN(registry);
    PW_GIVEN(out);
    fenv_t host;
    pw_fp_enter(&host);
    pwy_status status = pw_model_build(registry, options == NULL ? NULL : options->map, out);
    pw_fp_leave(&host);
    return status;
}

pwy_status pwy_model_open(pwy_context *context, const char *path, pwy_model **out)
{
    pwy_context *ctx;
    PW_GIVEN(path);
    PW_GIVEN(out);
    PW_TRY(pw_context_or_default(context, &ctx));
    pwy_status status = pw_model_read_file(ctx, path, out);
    pw_context_release(ctx);
    return status;
}

static pwy_status copy_bytes(const void *data, int64_t len, char **out)
{
    if (len < 0) return pw_fail(PWY_E_ARGUMENT, "len %lld is negative", (long long)len);
    PW_NEED(*out = pw_calloc((size_t)len + 1, 1));
    memcpy(*out, data, (size_t)len);
    return PWY_OK;
}

pwy_status pwy_model_open_memory(pwy_context *context, const void *data, int64_t len, pwy_model **out)
{
    pwy_context *ctx;
    char *copy = NULL;
    PW_GIVEN(data);
    PW_GIVEN(out);
    PW_TRY(copy_bytes(data, len, &copy));
    pwy_status status = pw_context_or_default(context, &ctx);
    if (status != PWY_OK) {
        free(copy);
        return status;
    }
    status = pw_model_read_memory(ctx, copy, (size_t)len, out);
    pw_context_release(ctx);
    return status;
}

pwy_status pwy_model_save(const pwy_model *model, const char *path)
{
    PW_GIVEN(model);
    PW_GIVEN(path);
    return pw_model_write_file(model, NULL, 0, path);
}

static pwy_status form_of(const char *dtype, enum pw_form *form)
{
    static const char *const names[] = {[PW_AS_REAL] = "f32", [PW_AS_BF16] = "bf16", [PW_AS_I8] = "i8"};
    for (int i = 0; i < 3; i++)
        if (strcmp(dtype, names[i]) == 0) {
            *form = (enum pw_form)i;
            return PWY_OK;
        }
    return pw_fail(PWY_E_ARGUMENT, "dtype '%s'; f32, bf16 and i8 would be right", dtype);
}

pwy_status pwy_model_quantize(const pwy_model *model, const char *dtype, pwy_model **out)
{
    enum pw_form form = PW_AS_REAL;
    fenv_t host;
    PW_GIVEN(model);
    PW_GIVEN(dtype);
    PW_GIVEN(out);
    PW_TRY(form_of(dtype, &form));
    pw_fp_enter(&host);
    pwy_status status = pw_model_quantize(model, form, out);
    pw_fp_leave(&host);
    return status;
}

pwy_status pwy_model_upcycle(const pwy_model *dense, const pwy_options *options, pwy_model **out)
{
    fenv_t host;
    PW_GIVEN(dense);
    PW_GIVEN(out);
    pw_fp_enter(&host);
    pwy_status status = pw_model_upcycle(dense, options == NULL ? NULL : options->map, out);
    pw_fp_leave(&host);
    return status;
}

pwy_status pwy_model_with_sources(const pwy_model *model, pwy_registry *tasks, pwy_model **out)
{
    pwy_model *own;
    PW_GIVEN(model);
    PW_GIVEN(tasks);
    PW_GIVEN(out);
    PW_TRY(pw_model_overlay(model, &own));
    pwy_status status = pw_registry_attach_sources(own->registry, tasks);
    if (status == PWY_OK) *out = own;
    else pw_model_release(own);
    return status;
}

pwy_status pwy_model_check_path(const char *path)
{
    struct pw_replace *r;
    PW_GIVEN(path);
    PW_TRY(pw_replace_begin(path, &r));
    pw_replace_abort(r);
    return PWY_OK;
}

pwy_status pwy_model_save_memory(const pwy_model *model, void **data, int64_t *len)
{
    struct pw_buf buf = {0};
    PW_GIVEN(model);
    PW_GIVEN(data);
    PW_GIVEN(len);
    pwy_status status = pw_model_write_memory(model, &buf);
    if (status != PWY_OK) {
        pw_buf_free(&buf);
        return status;
    }
    *data = buf.data;
    *len = (int64_t)buf.len;
    return PWY_OK;
}

pwy_status pwy_model_pack(const char *path)
{
    PW_GIVEN(path);
    return pw_model_pack(path);
}

/* The first damage is kept for the message. */
struct telling { pwy_damage_fn tell; void *user; struct pw_buf first; pwy_status status; };

static void told(void *arg, const char *file, const char *part, const char *why)
{
    struct telling *t = arg;
    if (t->first.len == 0) t->status = pw_buf_printf(&t->first, "%s: %s %s", file, part, why);
    if (t->tell != NULL) t->tell(file, part, why, t->user);
}

pwy_status pwy_model_verify(pwy_context *context, const char *path, pwy_damage_fn tell, void *user)
{
    struct telling t = {.tell = tell, .user = user, .status = PWY_OK};
    int64_t n = 0;
    (void)context;
    PW_GIVEN(path);
    pwy_status status = pw_chain_verify(path, told, &t, &n);
    if (status == PWY_OK) status = t.status;
    if (status == PWY_OK && n > 1)
        status = pw_fail(PWY_E_FORMAT, "%s; %lld other parts differ too", t.first.data, (long long)n - 1);
    else if (status == PWY_OK && n == 1) status = pw_fail(PWY_E_FORMAT, "%s", t.first.data);
    pw_buf_free(&t.first);
    return status;
}

void pwy_model_free(pwy_model *model)
{
    pw_model_release(model);
}

pwy_registry *pwy_model_registry(const pwy_model *model)
{
    return model == NULL ? NULL : model->registry;
}

pwy_tokenizer *pwy_model_tokenizer(const pwy_model *model)
{
    return model == NULL || model->vocabulary == NULL ? NULL : model->vocabulary->tok;
}

int64_t pwy_model_parameters(const pwy_model *model)
{
    return model == NULL ? 0 : model->total;
}

pwy_status pwy_model_describe(const pwy_model *model, char **json)
{
    struct pw_buf buf = {0};
    PW_GIVEN(model);
    PW_GIVEN(json);
    pwy_status status = pw_model_json(model, &buf);
    if (status == PWY_OK) *json = buf.data;
    else pw_buf_free(&buf);
    return status;
}

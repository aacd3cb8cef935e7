/* Sealing and adding: see pathways/pathway.h. */
#include "pathways/pathway.h"
#include "api/check.h"
#include "base/digest.h"
#include "file/model_file.h"
#include "sys/fpmode.h"
#include "train/train.h"
#include <stdlib.h>

pwy_status pwy_model_seal(const pwy_model *model, const char *task, const pwy_options *options, pwy_model **out)
{
    static const struct pw_option table[] = {
        {"tolerance", PW_OPT_NUMBER, offsetof(struct pw_seal, tolerance), 0, 1}, {0}};
    struct pw_seal how = {.tolerance = .005};
    fenv_t host;
    PW_GIVEN(model);
    PW_GIVEN(out);
    PW_TRY(pw_options_read(options == NULL ? NULL : options->map, "seal", table, &how));
    pw_fp_enter(&host);
    pwy_status status = pw_model_seal(model, task, &how, out);
    pw_fp_leave(&host);
    return status;
}

pwy_status pwy_model_grow(const pwy_model *model, const pwy_options *options, pwy_model **out)
{
    fenv_t host;
    PW_GIVEN(model);
    PW_GIVEN(out);
    pw_fp_enter(&host);
    pwy_status status = pw_model_grow(model, options == NULL ? NULL : options->map, out);
    pw_fp_leave(&host);
    return status;
}

pwy_status pwy_trainer_add(pwy_model *model, pwy_registry *tasks, const pwy_options *options, pwy_trainer **out)
{
    fenv_t host;
    PW_GIVEN(model);
    PW_GIVEN(tasks);
    PW_GIVEN(out);
    pw_fp_enter(&host);
    pwy_status status = pw_trainer_open_added(model, tasks, options == NULL ? NULL : options->map, out);
    pw_fp_leave(&host);
    return status;
}

pwy_status pwy_model_save_added(const pwy_model *model, const char *path)
{
    PW_GIVEN(model);
    PW_GIVEN(path);
    return pw_model_write_added(model, path);
}

pwy_status pwy_model_digest(const pwy_model *model, const char *task, char **hex)
{
    struct pwy_task *t;
    char *text;
    PW_GIVEN(model);
    PW_GIVEN(task);
    PW_GIVEN(hex);
    PW_TRY(pw_registry_get(model->registry, task, &t));
    if (!t->sealed || t->digest == NULL)
        return pw_fail(PWY_E_STATE, "task '%s' is not sealed; pwy_model_seal seals it", t->name);
    PW_NEED(text = pw_calloc(PW_DIGEST_HEX, 1));
    pw_digest_hex(t->digest, text);
    *hex = text;
    return PWY_OK;
}

static pwy_status check_all(const pwy_model *model)
{
    for (int64_t i = 0; i < model->registry->n; i++) {
        struct pw_net *net;
        PW_TRY(pw_net_open(model, i, &net));
        PW_TRY(pw_task_check(model, net));
    }
    return PWY_OK;
}

pwy_status pwy_model_check(const pwy_model *model, const char *task)
{
    struct pw_net *net;
    PW_GIVEN(model);
    if (task == NULL) return check_all(model);
    PW_TRY(pw_model_net(model, task, &net));
    if (net->task->sealed) return pw_task_check(model, net);
    return pw_fail(PWY_E_STATE, "task '%s' is not sealed; pwy_model_seal seals it", net->task->name);
}

/* --- some of the tasks --- */

static pwy_status restrict_model(const pwy_model *model, bool *keep, pwy_model **out)
{
    pwy_status status = pw_model_restrict(model, keep, out);
    free(keep);
    return status;
}

static pwy_status keep_list(const pwy_model *model, bool all, bool **out)
{
    PW_NEED(*out = pw_calloc((size_t)model->registry->n + 1, sizeof **out));
    for (int64_t i = 0; i < model->registry->n; i++) (*out)[i] = all;
    return PWY_OK;
}

static pwy_status keep_names(const pwy_model *model, const char *const *names, int64_t n, bool *keep)
{
    for (int64_t i = 0; i < n; i++) {
        struct pwy_task *t;
        PW_GIVEN(names[i]);
        PW_TRY(pw_registry_get(model->registry, names[i], &t));
        keep[t->index] = true;
    }
    return PWY_OK;
}

pwy_status pwy_model_extract(const pwy_model *model, const char *const *names, int64_t n, pwy_model **out)
{
    bool *keep;
    PW_GIVEN(model);
    PW_GIVEN(names);
    PW_GIVEN(out);
    if (n < 1) return pw_fail(PWY_E_ARGUMENT, "extract: %lld tasks; at least 1 would be right", (long long)n);
    PW_TRY(keep_list(model, false, &keep));
    pwy_status status = keep_names(model, names, n, keep);
    if (status == PWY_OK) return restrict_model(model, keep, out);
    free(keep);
    return status;
}

pwy_status pwy_model_forget(const pwy_model *model, const char *task, pwy_model **out)
{
    struct pwy_task *t;
    bool *keep;
    PW_GIVEN(model);
    PW_GIVEN(task);
    PW_GIVEN(out);
    PW_TRY(pw_registry_get(model->registry, task, &t));
    if (model->registry->n == 1)
        return pw_fail(PWY_E_STATE, "task '%s' is the model's only one: nothing would be left", t->name);
    PW_TRY(keep_list(model, true, &keep));
    keep[t->index] = false;
    return restrict_model(model, keep, out);
}

pwy_status pwy_model_prune(const pwy_model *model, pwy_model **out)
{
    bool *keep;
    PW_GIVEN(model);
    PW_GIVEN(out);
    PW_TRY(keep_list(model, true, &keep));
    return restrict_model(model, keep, out);
}

pwy_status pwy_model_rename(const pwy_model *model, const char *task, const char *name, pwy_model **out)
{
    PW_GIVEN(model);
    PW_GIVEN(task);
    PW_GIVEN(name);
    PW_GIVEN(out);
    return pw_model_rename(model, task, name, out);
}

pwy_status pwy_model_merge(const pwy_model *model, const pwy_model *other, pwy_model **out)
{
    PW_GIVEN(model);
    PW_GIVEN(other);
    PW_GIVEN(out);
    return pw_model_merge(model, other, out);
}

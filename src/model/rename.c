/* A task under another name: its tensors are called by it, and nothing else of it is. */
#include "model/model.h"
#include <stdlib.h>
#include <string.h>

/* "task/TO..." for a tensor of task NAME, the caller's; else NULL. */
static pwy_status new_name(const char *tensor, const char *name, const char *to, char **out)
{
    size_t len = strlen(name);
    *out = NULL;
    if (strncmp(tensor, "task/", 5) != 0 || strncmp(tensor + 5, name, len) != 0) return PWY_OK;
    if (tensor[5 + len] != '/' && tensor[5 + len] != '.') return PWY_OK;
    PW_NEED(*out = pw_printf("task/%s%s", to, tensor + 5 + len));
    return PWY_OK;
}

static pwy_status take_params(const pwy_model *m, const char *name, const char *to, pwy_model *own)
{
    PW_NEED(own->params = pw_params_new((uint64_t)m->shape.seed));
    for (int i = 0; i < m->params->n; i++) {
        char *as;
        PW_TRY(new_name(m->params->list[i]->name, name, to, &as));
        pwy_status status = pw_params_borrow_as(own->params, m->params->list[i],
                                                as != NULL ? as : m->params->list[i]->name);
        free(as);
        PW_TRY(status);
    }
    own->params->closed = true;
    return PWY_OK;
}

static pwy_status rename_in(const pwy_model *m, const char *name, const char *to, pwy_model *own)
{
    own->parent = pw_model_hold((pwy_model *)(uintptr_t)m);
    own->shape = m->shape;
    PW_TRY(pw_vocabularies_copy(m, own));
    if (m->run != NULL) PW_NEED(own->run = pw_node_copy(m->run));
    PW_TRY(pw_model_copy_tasks(m, own));
    PW_TRY(pw_registry_rename(own->registry, name, to));
    PW_TRY(take_params(m, name, to, own));
    PW_TRY(pw_model_assemble(own));
    pw_model_copy_loads(m, own);
    return PWY_OK;
}

pwy_status pw_model_rename(const pwy_model *m, const char *name, const char *to, pwy_model **out)
{
    pwy_model *own;
    PW_TRY(pw_model_plain(m));
    PW_TRY(pw_model_make(m->ctx, &own));
    pwy_status status = rename_in(m, name, to, own);
    if (status == PWY_OK) *out = own;
    else pw_model_release(own);
    return status;
}

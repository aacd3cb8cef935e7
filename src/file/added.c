/* What a model has that the file it grew from has not, as the next delta beside that file. */
#include "file/model_file.h"
#include "file/registry_file.h"
#include <stdlib.h>
#include <string.h>

struct added {
    const pwy_model *m, *base;          /* base: the model that was opened from the file, under m */
    struct pw_tensor *list; int64_t n;
    char **name; int n_names;           /* made here */
    char *config, *tok;
    struct pw_image tasks;
    struct pw_piece *piece; int64_t n_pieces;
};

static void added_free(struct added *a)
{
    for (int i = 0; i < a->n_names; i++) free(a->name[i]);
    free(a->name);
    free(a->list);
    free(a->config);
    free(a->tok);
    free(a->piece);
    pw_image_free(&a->tasks);
}

/* The nearest model under m that was opened from files. */
static const pwy_model *file_under(const pwy_model *m)
{
    while (m != NULL && m->files == NULL) m = m->parent;
    return m;
}

/* --- is it only more? --- */

static bool same_task(const struct pwy_task *a, const struct pwy_task *b)
{
    return strcmp(a->name, b->name) == 0 && a->trained == b->trained && a->sealed == b->sealed;
}

/* Whether m has the base's tasks as they were, and then others. */
static pwy_status only_more(const pwy_model *m, const pwy_model *base, bool *more)
{
    *more = m->other == NULL && m->registry->n > base->registry->n && m->shape.experts == base->shape.experts;
    for (int64_t i = 0; i < base->registry->n && *more; i++) {
        struct pwy_task *a, *b;
        PW_TRY(pw_registry_peek(m->registry, i, &a));
        PW_TRY(pw_registry_peek(base->registry, i, &b));
        *more = same_task(a, b);
    }
    for (int i = 0; i < base->params->n && *more; i++)
        *more = pw_params_find(m->params, base->params->list[i]->name) != NULL;
    return PWY_OK;
}

/* --- what is new --- */

static pwy_status named(struct added *a, struct pw_tensor t, char *name)
{
    PW_NEED(name);
    t.name = a->name[a->n_names++] = name;
    a->list[a->n++] = t;
    return PWY_OK;
}

static pwy_status add_experts(struct added *a, const struct pw_param *p, const struct pw_param *old)
{
    struct pw_tensor t = pw_param_tensor(p);
    t.shape[0] = p->groups - old->groups;
    t.bytes = (size_t)(t.shape[0] * pw_param_group_size(p)) * sizeof(real);
    t.piece = a->piece + a->n_pieces;
    t.n_pieces = (int)t.shape[0];
    for (int64_t e = old->groups; e < p->groups; e++)
        a->piece[a->n_pieces++] = (struct pw_piece){pw_param_group(p, e), 1};
    return named(a, t, pw_printf("%s+%lld", p->name, (long long)old->groups));
}

static pwy_status add_param(struct added *a, const struct pw_param *p)
{
    const struct pw_param *old = pw_params_find(a->base->params, p->name);
    if (p->slice != NULL && old != NULL) return p->groups > old->groups ? add_experts(a, p, old) : PWY_OK;
    if (old != NULL && (p->w == old->w || memcmp(p->w, old->w, (size_t)p->n * sizeof(real)) == 0)) return PWY_OK;
    a->list[a->n++] = pw_param_tensor(p);
    return PWY_OK;
}

static pwy_status add_load(struct added *a, int layer)
{
    if (pw_trunk_experts(a->m->trunk, layer) == pw_trunk_experts(a->base->trunk, layer)) return PWY_OK;
    return named(a, pw_load_tensor(a->m, layer), pw_printf("trunk.%d.load", layer));
}

static pwy_status add_texts(struct added *a)
{
    PW_TRY(pw_config_json(a->m, &a->config));
    a->list[a->n++] = pw_text_tensor("pathways.config", a->config);
    if (a->m->tok == NULL || a->base->tok != NULL) return PWY_OK;
    PW_NEED(a->tok = pw_tok_json(a->m->tok));
    a->list[a->n++] = pw_text_tensor("pathways.tokenizer", a->tok);
    return PWY_OK;
}

static pwy_status senses_of(void *arg, int64_t task, struct pw_node **out)
{
    return pw_senses_to_node(arg, task, out);
}

static pwy_status add_tasks(struct added *a)
{
    PW_TRY(pw_registry_image(a->m->registry, a->base->registry->n, senses_of, (void *)(uintptr_t)a->m, &a->tasks));
    a->n += pw_registry_tensors(&a->tasks, a->list + a->n);
    return PWY_OK;
}

static pwy_status list_new(struct added *a)
{
    const struct pw_params *set = a->m->params;
    size_t cap = (size_t)set->n + (size_t)a->m->shape.layers + PW_REGISTRY_TENSORS + 2, experts = 0;
    for (int i = 0; i < set->n; i++) experts += set->list[i]->slice != NULL ? (size_t)set->list[i]->groups : 0;
    PW_NEED(a->list = pw_calloc(cap, sizeof *a->list));
    PW_NEED(a->name = pw_calloc(cap, sizeof *a->name));
    PW_NEED(a->piece = pw_calloc(experts + 1, sizeof *a->piece));
    PW_TRY(add_texts(a));
    PW_TRY(add_tasks(a));
    for (int l = 0; l < a->m->shape.layers && a->m->shape.experts > 0; l++) PW_TRY(add_load(a, l));
    for (int i = 0; i < set->n; i++) PW_TRY(add_param(a, set->list[i]));
    return PWY_OK;
}

static pwy_status is_at(const struct pw_chain *c, const char *path, bool *out)
{
    char *resolved;
    PW_TRY(pw_path_resolve(path, &resolved));
    *out = strcmp(resolved, c->path) == 0;
    free(resolved);
    return PWY_OK;
}

pwy_status pw_model_write_added(const pwy_model *m, const char *path)
{
    struct added a = {.m = m, .base = file_under(m)};
    bool more = false;
    if (a.base != NULL) PW_TRY(only_more(m, a.base, &more));
    if (more) PW_TRY(is_at(a.base->files, path, &more));
    if (!more) return pw_model_write_file(m, NULL, 0, path);
    pwy_status status = list_new(&a);
    if (status == PWY_OK) status = pw_delta_write(path, pw_chain_tip(a.base->files), a.list, a.n, NULL);
    added_free(&a);
    return status;
}

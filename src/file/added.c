/* What a model has that the file it came from has not, as the next delta beside that file: tasks that were added, and
   what sealing gave to those that were there. */
#include "file/model_file.h"
#include "file/registry_file.h"
#include "task/store.h"
#include <stdlib.h>
#include <string.h>

struct added {
    const pwy_model *m, *base;          /* base: the model that was opened from the file, under m */
    struct pw_tensor *list; int64_t n;
    char **name; int n_names;           /* made here */
    char *config;
    struct pw_text_tensors tokenizers;
    int64_t *again, n_again;            /* tasks that were there, and are not as they were */
    bool replaces;                      /* a tensor that was there is not as it was */
    struct pw_image tasks;
    struct pw_piece *piece; int64_t n_pieces;
};

static void added_free(struct added *a)
{
    for (int i = 0; i < a->n_names; i++) free(a->name[i]);
    free(a->name);
    free(a->list);
    free(a->config);
    pw_text_tensors_free(&a->tokenizers);
    free(a->piece);
    free(a->again);
    pw_image_free(&a->tasks);
}

/* The nearest model under m that was opened from files. */
static const pwy_model *file_under(const pwy_model *m)
{
    while (m != NULL && m->files == NULL) m = m->parent;
    return m;
}

/* --- can it stand beside the file? --- */

static pwy_status same_settings(struct pwy_task *a, struct pwy_task *b, bool *same)
{
    char *mine = NULL, *theirs = NULL;
    pwy_status status = pw_task_to_json(a, &mine);
    if (status == PWY_OK) status = pw_task_to_json(b, &theirs);
    *same = status == PWY_OK && strcmp(mine, theirs) == 0;
    free(mine);
    free(theirs);
    return status;
}

/* What is sealed is what its digest says; of others all that the file says is looked at. */
static pwy_status same_task(const struct added *a, int64_t i, bool *same)
{
    struct pwy_task *mine, *theirs;
    PW_TRY(pw_registry_peek(a->m->registry, i, &mine));
    PW_TRY(pw_registry_peek(a->base->registry, i, &theirs));
    *same = mine->trained == theirs->trained && mine->sealed == theirs->sealed;
    if (!*same) return PWY_OK;
    if (mine->sealed) {
        *same = mine->digest != NULL && theirs->digest != NULL
             && memcmp(mine->digest, theirs->digest, PW_DIGEST_LEN) == 0;
        return PWY_OK;
    }
    PW_TRY(pw_registry_task(a->m->registry, i, &mine));
    PW_TRY(pw_registry_task(a->base->registry, i, &theirs));
    return same_settings(mine, theirs, same);
}

/* A delta's tasks stand in place of those of their names. */
static pwy_status same_name(const struct added *a, int64_t i, bool *same)
{
    struct pwy_task *mine, *theirs;
    PW_TRY(pw_registry_peek(a->m->registry, i, &mine));
    PW_TRY(pw_registry_peek(a->base->registry, i, &theirs));
    *same = strcmp(mine->name, theirs->name) == 0;
    return PWY_OK;
}

static pwy_status find_changes(struct added *a, bool *fits)
{
    PW_NEED(a->again = pw_calloc((size_t)a->base->registry->n + 1, sizeof *a->again));
    for (int64_t i = 0; i < a->base->registry->n && *fits; i++) {
        bool same;
        PW_TRY(same_name(a, i, fits));
        if (!*fits) return PWY_OK;
        PW_TRY(same_task(a, i, &same));
        if (!same) a->again[a->n_again++] = i;
    }
    return PWY_OK;
}

static bool same_numbers(const real *a, const real *b, int64_t n)
{
    return a == b || memcmp(a, b, (size_t)n * sizeof(real)) == 0;
}

/* Experts can come behind others, not in place of them. */
static bool only_longer(const struct pw_param *p, const struct pw_param *old)
{
    bool same = p->groups >= old->groups;
    for (int64_t e = 0; e < old->groups && same; e++)
        same = same_numbers(pw_param_group(p, e), pw_param_group(old, e), pw_param_group_size(p));
    return same;
}

static bool params_fit(const struct added *a)
{
    bool fit = true;
    for (int i = 0; i < a->base->params->n && fit; i++) {
        const struct pw_param *old = a->base->params->list[i], *p = pw_params_find(a->m->params, old->name);
        fit = p != NULL && (p->slice == NULL || only_longer(p, old));
    }
    return fit;
}

/* Whether m has the base's tasks and tensors, and then others. */
static pwy_status can_stand_beside(struct added *a, bool *fits)
{
    *fits = a->m->other == NULL && a->m->registry->n >= a->base->registry->n
        && a->m->shape.experts == a->base->shape.experts && params_fit(a);
    return *fits ? find_changes(a, fits) : PWY_OK;
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
    if (old != NULL && p->n == old->n && same_numbers(p->w, old->w, p->n)) return PWY_OK;
    a->replaces = a->replaces || old != NULL;
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
    for (int i = 0; i < a->tokenizers.n; i++)
        a->list[a->n++] = pw_text_tensor(a->tokenizers.name[i], a->tokenizers.text[i]);
    return PWY_OK;
}

static pwy_status senses_of(void *arg, int64_t task, struct pw_node **out)
{
    return pw_senses_to_node(arg, task, out);
}

static pwy_status add_tasks(struct added *a)
{
    const struct pw_registry_changes changes = {.again = a->again, .n_again = a->n_again,
                                                .first = a->base->registry->n};
    PW_TRY(pw_registry_delta(a->m->registry, &changes, senses_of, (void *)(uintptr_t)a->m, &a->tasks));
    a->n += pw_registry_tensors(&a->tasks, a->list + a->n);
    return PWY_OK;
}

static pwy_status list_new(struct added *a)
{
    const struct pw_params *set = a->m->params;
    size_t cap = (size_t)set->n + (size_t)a->m->shape.layers + PW_REGISTRY_TENSORS + 1, experts = 0;
    PW_TRY(pw_tokenizer_tensors(a->m, a->base, &a->tokenizers));
    cap += (size_t)a->tokenizers.n;
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

/* Whether the file is still the one that the base was opened from, to its last delta. */
static pwy_status is_tip(const struct pw_chain *c, const char *path, bool *out)
{
    struct pw_chain *now;
    pwy_status status = pw_chain_open(path, &now);
    *out = status == PWY_OK && strcmp(pw_chain_tip(now), pw_chain_tip(c)) == 0;
    if (status == PWY_OK) pw_chain_free(now);
    return status == PWY_E_NOT_FOUND ? PWY_OK : status;
}

/* *done: the file has all of it already. */
static pwy_status nothing_new(const struct added *a, const char *path, bool *done)
{
    *done = false;
    if (a->n_again > 0 || a->replaces || a->m->registry->n > a->base->registry->n) return PWY_OK;
    return is_tip(a->base->files, path, done);
}

static pwy_status write_beside(struct added *a, const char *path)
{
    bool done;
    PW_TRY(list_new(a));
    PW_TRY(nothing_new(a, path, &done));
    return done ? PWY_OK : pw_delta_write(path, pw_chain_tip(a->base->files), a->list, a->n, NULL);
}

pwy_status pw_model_write_added(const pwy_model *m, const char *path)
{
    struct added a = {.m = m, .base = file_under(m)};
    bool beside = false;
    pwy_status status = a.base == NULL ? PWY_OK : can_stand_beside(&a, &beside);
    if (status == PWY_OK && beside) status = is_at(a.base->files, path, &beside);
    if (status == PWY_OK) status = beside ? write_beside(&a, path) : pw_model_write_file(m, NULL, 0, path);
    added_free(&a);
    return status;
}

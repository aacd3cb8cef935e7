/* Names for the stems of a model that comes to another. */
#include "model/stems.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- names --- */

/* Where in a tensor's name a stem's may stand: after "which.", or first. */
static const char *stem_at(const char *tensor, int *len)
{
    const char *at = strncmp(tensor, "which.", 6) == 0 ? tensor + 6 : tensor;
    *len = (int)strcspn(at, ".");
    return at;
}

static bool is_of(const char *tensor, const char *stem)
{
    int len;
    const char *at = stem_at(tensor, &len);
    return strlen(stem) == (size_t)len && strncmp(at, stem, (size_t)len) == 0;
}

/* The same tensor of another stem. */
static char *renamed(const char *tensor, const char *to)
{
    int len;
    const char *at = stem_at(tensor, &len);
    return pw_printf("%.*s%s%s", (int)(at - tensor), tensor, to, at + len);
}

char *pw_stems_name(const struct pw_stem_names *names, const char *tensor)
{
    for (int i = 0; i < names->n; i++)
        if (is_of(tensor, names->list[i].from)) return renamed(tensor, names->list[i].to);
    return pw_strdup(tensor);
}

static bool is_there(const pwy_model *m, const char *stem)
{
    for (int i = 0; i < m->params->n; i++)
        if (is_of(m->params->list[i]->name, stem)) return true;
    return false;
}

/* --- which are the same --- */

static pwy_status same_tokenizer(const pwy_tokenizer *a, const pwy_tokenizer *b, bool *same)
{
    char *one = pw_tok_json(a), *two = pw_tok_json(b);
    pwy_status status = one == NULL || two == NULL ? PWY_E_NOMEM : PWY_OK;
    *same = status == PWY_OK && strcmp(one, two) == 0;
    free(one);
    free(two);
    return status;
}

static pwy_status same_vocabulary(const pwy_model *b, const char *from, const pwy_model *own, const char *to,
                                  bool *same)
{
    const struct pw_vocabulary *v = pw_vocabulary_of(b, from), *w = pw_vocabulary_of(own, to);
    *same = true;
    return v == NULL || w == NULL ? PWY_OK : same_tokenizer(v->tok, w->tok, same);
}

static pwy_status same_numbers(const pwy_model *own, const struct pw_param *p, const char *to, bool *same)
{
    char *name;
    PW_NEED(name = renamed(p->name, to));
    const struct pw_param *q = pw_params_find(own->params, name);
    free(name);
    *same = q == NULL || (q->n == p->n && memcmp(q->w, p->w, (size_t)p->n * sizeof(real)) == 0);
    return PWY_OK;
}

/* Whether b's stem `from` is what `own` has of `to`. */
static pwy_status is_same(const pwy_model *b, const char *from, const pwy_model *own, const char *to, bool *same)
{
    PW_TRY(same_vocabulary(b, from, own, to, same));
    for (int i = 0; i < b->params->n && *same; i++)
        if (is_of(b->params->list[i]->name, from)) PW_TRY(same_numbers(own, b->params->list[i], to, same));
    return PWY_OK;
}

/* --- choosing --- */

/* Into `to`: the stem of the sense that p is of; "": of none. */
static void stem_of(const struct pw_param *p, const char *sense, char to[64])
{
    int len;
    const char *at = stem_at(p->name, &len);
    snprintf(to, 64, "%.*s", len, at);
    if (!pw_stem_of_sense(to, sense)) to[0] = '\0';
}

static pwy_status find_same(const pwy_model *b, const struct pw_stem_name *s, const pwy_model *own, char to[64],
                            bool *found)
{
    char looked_at[64] = "";
    *found = false;
    for (int i = 0; i < own->params->n && !*found; i++) {
        stem_of(own->params->list[i], s->sense, to);
        if (to[0] == '\0' || strcmp(to, looked_at) == 0) continue;
        memcpy(looked_at, to, sizeof looked_at);
        PW_TRY(is_same(b, s->from, own, to, found));
    }
    return PWY_OK;
}

/* "audio", "audio~2", "audio~3": the first that nothing has. */
static void find_free(const struct pw_stem_names *names, const char *sense, const pwy_model *own, char to[64])
{
    bool taken = true;
    for (int k = 1; taken; k++) {
        snprintf(to, 64, k == 1 ? "%s" : "%s~%d", sense, k);
        taken = is_there(own, to);
        for (int i = 0; i + 1 < names->n && !taken; i++) taken = strcmp(names->list[i].to, to) == 0;
    }
}

static pwy_status add(struct pw_stem_names *names, const struct pwy_task *t, const char *sense, const pwy_model *b,
                      const pwy_model *own)
{
    const char *from = pw_task_stem(t, sense);
    char to[64];
    bool found;
    for (int i = 0; i < names->n; i++)
        if (strcmp(names->list[i].from, from) == 0) return PWY_OK;
    struct pw_stem_name *list = pw_realloc(names->list, (size_t)names->n + 1, sizeof *list), *s;
    PW_NEED(list);
    names->list = list;
    *(s = &list[names->n++]) = (struct pw_stem_name){.sense = sense};
    PW_NEED(s->from = pw_strdup(from));
    PW_TRY(find_same(b, s, own, to, &found));
    if (!found) find_free(names, sense, own, to);
    PW_NEED(s->to = pw_strdup(to));
    return PWY_OK;
}

pwy_status pw_stems_choose(const pwy_model *b, const pwy_model *own, struct pw_stem_names *out)
{
    for (int64_t i = 0; i < b->registry->n; i++) {
        struct pwy_task *t;
        PW_TRY(pw_registry_task(b->registry, i, &t));
        for (int p = 0; p < t->n_parts; p++) PW_TRY(add(out, t, t->parts[p].sense, b, own));
        if (pw_vocabulary_of(b, pw_task_stem(t, "text")) != NULL) PW_TRY(add(out, t, "text", b, own));
    }
    return PWY_OK;
}

void pw_stems_free(struct pw_stem_names *names)
{
    for (int i = 0; i < names->n; i++) {
        free(names->list[i].from);
        free(names->list[i].to);
    }
    free(names->list);
}

static pwy_status give(const struct pw_stem_names *names, struct pwy_task *t, const char *sense)
{
    const char *from = pw_task_stem(t, sense);
    for (int i = 0; i < names->n; i++)
        if (strcmp(names->list[i].from, from) == 0) return pw_task_set_stem(t, sense, names->list[i].to);
    return PWY_OK;
}

static pwy_status take(const pwy_model *m, struct pwy_task *t, const char *sense)
{
    char stem[64] = "";
    if (is_there(m, sense)) return PWY_OK;
    for (int i = 0; i < m->params->n && stem[0] == '\0'; i++) stem_of(m->params->list[i], sense, stem);
    return stem[0] != '\0' ? pw_task_set_stem(t, sense, stem) : PWY_OK;
}

pwy_status pw_stems_take(const pwy_model *m, struct pwy_task *t)
{
    for (int p = 0; p < t->n_parts; p++) PW_TRY(take(m, t, t->parts[p].sense));
    return take(m, t, "text");
}

/* Each sense once. */
pwy_status pw_stems_give(const struct pw_stem_names *names, struct pwy_task *t)
{
    for (int p = 0; p < t->n_parts; p++)
        if (!pw_has_sense(t, p, t->parts[p].sense)) PW_TRY(give(names, t, t->parts[p].sense));
    return pw_has_sense(t, t->n_parts, "text") ? PWY_OK : give(names, t, "text");
}

/* What an added task brings to a model, counted by the parameters that were declared for it. */
#include "train/numbers.h"
#include <stdio.h>
#include <string.h>

static bool named_after(const char *tensor, const struct pwy_task *t)
{
    char prefix[512];
    int len = snprintf(prefix, sizeof prefix, "task/%s/", t->name);
    return strncmp(tensor, prefix, (size_t)len) == 0;
}

/* "which.text" and "text.embed" are of texts, which what is written is too. */
static bool needs(const struct pwy_task *t, const char *tensor)
{
    const char *sense = strncmp(tensor, "which.", 6) == 0 ? tensor + 6 : tensor;
    size_t len = strcspn(sense, ".");
    for (int p = 0; p < t->n_parts; p++) {
        const char *stem = pw_task_stem(t, t->parts[p].sense);
        if (strlen(stem) == len && strncmp(stem, sense, len) == 0) return true;
    }
    return t->head->kind == PWY_GENERATE && strcmp(tensor, "text.embed") == 0;
}

/* The first task that needs a new tensor that is no task's. */
static int who_brings(const struct pw_came *c, const char *tensor)
{
    for (int i = c->task; i < c->m->registry->n; i++)
        if (needs(pw_registry_at(c->m->registry, i), tensor)) return i;
    return c->task;
}

int64_t pw_came_shared(const struct pw_came *c, int task)
{
    int64_t n = 0;
    for (int i = c->param; i < c->m->params->n; i++) {
        const struct pw_param *p = c->m->params->list[i];
        if (strncmp(p->name, "task/", 5) != 0 && who_brings(c, p->name) == task) n += p->n;
    }
    return n;
}

int64_t pw_came_with(const struct pw_came *c, int task)
{
    const struct pwy_task *t = pw_registry_at(c->m->registry, task);
    int64_t n = pw_came_shared(c, task);
    for (int i = c->param; i < c->m->params->n; i++)
        if (named_after(c->m->params->list[i]->name, t)) n += c->m->params->list[i]->n;
    return n;
}

int64_t pw_way_numbers(const pwy_model *m, int64_t candidates, int64_t adapter)
{
    const struct pw_shape *s = &m->shape;
    int64_t norms = (s->parallel ? 1 : 2) * s->layers + 1;
    int64_t column = s->router == PW_HASH ? 0 : s->d + (s->balance_by == 1);
    return norms * s->d + candidates * column + 3 * s->d * s->layers * adapter;
}

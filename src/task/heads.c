/* The kinds of answer, and what they share: messages about targets. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "task/task.h"

const struct pw_head_ops *const pw_heads[] = {
    &pw_head_classify, &pw_head_multilabel, &pw_head_regress, &pw_head_generate, NULL
};

/* Kinds that have a word already, so that a recipe which uses one is told what it is. */
static const char *const future[] = {"rank", "tag", "embed", NULL};

const struct pw_head_ops *pw_head_of(pwy_task_kind kind)
{
    for (const struct pw_head_ops *const *h = pw_heads; *h != NULL; h++)
        if ((*h)->kind == kind) return *h;
    return NULL;
}

pwy_status pw_head_named(const char *name, const struct pw_head_ops **out)
{
    const char *words[8] = {NULL};
    for (int i = 0; pw_heads[i] != NULL; i++) {
        words[i] = pw_heads[i]->name;
        if (strcmp(words[i], name) != 0) continue;
        *out = pw_heads[i];
        return PWY_OK;
    }
    for (int i = 0; future[i] != NULL; i++)
        if (strcmp(future[i], name) == 0) return pw_fail(PWY_E_UNSUPPORTED, "kind '%s' is not supported yet", name);
    const char *near = pw_nearest(name, words);
    if (near != NULL) return pw_fail(PWY_E_ARGUMENT, "there is no kind '%s'; the nearest is '%s'", name, near);
    return pw_fail(PWY_E_ARGUMENT, "there is no kind '%s'; classify, multilabel, regress and generate are", name);
}

pwy_status pw_target_fail(const pwy_example *ex, const char *format, ...)
{
    char text[1024];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (ex->file != NULL) return pw_fail_at(PWY_E_DATA, ex->file, (long)ex->line, "%s", text);
    return pw_fail(PWY_E_DATA, "%s", text);
}

enum { SHOWN_LABELS = 12, SHOWN_BYTES = 60 };

/* "ham, spam", or the first dozen and how many there are. */
static pwy_status list_labels(const struct pwy_task *t, struct pw_buf *out)
{
    int64_t n = t->labels.n;
    for (int64_t i = 0; i < n && i < SHOWN_LABELS; i++)
        PW_TRY(pw_buf_printf(out, "%s%.*s", i == 0 ? "" : ", ", SHOWN_BYTES, t->labels.text[i]));
    return n > SHOWN_LABELS ? pw_buf_printf(out, ", ... (%lld in all)", (long long)n) : PWY_OK;
}

static const char *nearest_label(const struct pwy_task *t, const char *label)
{
    int64_t n = t->labels.n;
    if (n <= SHOWN_LABELS || n > 4096) return NULL;
    const char **words = pw_calloc((size_t)n + 1, sizeof *words);
    if (words == NULL) return NULL;
    for (int64_t i = 0; i < n; i++) words[i] = t->labels.text[i];
    const char *near = pw_nearest(label, words);
    free(words);
    return near;
}

pwy_status pw_label_unknown(const struct pwy_task *t, const pwy_example *ex, const char *label)
{
    struct pw_buf list = {0};
    if (t->labels.n == 0) return pw_target_fail(ex, "label '%.60s': the task has no labels yet", label);
    if (list_labels(t, &list) != PWY_OK) {
        pw_buf_free(&list);
        return PWY_E_NOMEM;
    }
    const char *near = nearest_label(t, label);
    pwy_status status = near == NULL
        ? pw_target_fail(ex, "label '%.60s' is not one of %s", label, list.data)
        : pw_target_fail(ex, "label '%.60s' is not one of %s; the nearest is '%.60s'", label, list.data, near);
    pw_buf_free(&list);
    return status;
}

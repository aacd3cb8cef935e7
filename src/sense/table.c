/* The table of senses: a new one is a file in this folder and a line here. */
#include "sense/sense.h"

#include <stdlib.h>
#include <string.h>

extern const struct pw_sense_ops pw_sense_text, pw_sense_image, pw_sense_audio, pw_sense_bytes, pw_sense_table,
    pw_sense_series;

/* Video has its place here, between audio and bytes: frames are PW_VALUE_VIDEO, and readers give them already. */
const struct pw_sense_ops *const pw_senses[] = {
    &pw_sense_text, &pw_sense_image, &pw_sense_audio, &pw_sense_bytes, &pw_sense_table, &pw_sense_series, NULL
};

const struct pw_sense_ops *pw_sense_find(const char *name)
{
    for (int i = 0; pw_senses[i] != NULL; i++)
        if (strcmp(pw_senses[i]->name, name) == 0)
            return pw_senses[i];
    return NULL;
}

/* Words that a part's settings may hold for the readers, and that a sense passes over unless its own table has them. */
static bool is_readers(const char *key, const struct pw_option *table)
{
    static const char *const words[] = { "sense", "column", "columns", "path", "record" };
    for (; table != NULL && table->name != NULL; table++)
        if (strcmp(key, table->name) == 0)
            return false;
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strcmp(key, words[i]) == 0)
            return true;
    return false;
}

/* The settings without the readers' words; texts are borrowed from `settings`, freed by free_view. */
static pwy_status make_view(const struct pw_node *settings, const struct pw_option *table, struct pw_node *view)
{
    *view = *settings;
    view->n = 0;
    view->item = pw_calloc((size_t)settings->n + 1, sizeof *view->item);
    view->key = pw_calloc((size_t)settings->n + 1, sizeof *view->key);
    if (view->item == NULL || view->key == NULL) {
        free(view->item);
        free(view->key);
        return PWY_E_NOMEM;
    }
    for (int i = 0; i < settings->n; i++) {
        if (is_readers(settings->key[i], table))
            continue;
        view->item[view->n] = settings->item[i];
        view->key[view->n++] = settings->key[i];
    }
    return PWY_OK;
}

pwy_status pw_sense_options(const struct pw_node *settings, const char *what, const struct pw_option *table, void *into)
{
    struct pw_node view;
    if (settings == NULL)
        return PWY_OK;
    if (settings->kind != PW_MAP)
        return pw_node_fail(settings, PWY_E_ARGUMENT, "settings of %s are not a map", what);
    PW_TRY(make_view(settings, table, &view));
    pwy_status status = pw_options_read(&view, what, table, into);
    free(view.item);
    free(view.key);
    return status;
}

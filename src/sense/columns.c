/* Reading rows through fitted columns, and keeping the columns in a model file. */
#include "sense/columns.h"
#include "base/num.h"
#include "sense/fitted.h"
#include <stdlib.h>
#include <string.h>

static void column_free(struct pw_column *c)
{
    free(c->name);
    if (c->words != NULL) pw_map_free(c->words);
}

void pw_columns_free(struct pw_columns *c)
{
    for (int i = 0; i < c->n; i++) column_free(&c->col[i]);
    free(c->col);
    if (c->names != NULL) pw_map_free(c->names);
    *c = (struct pw_columns){0};
}

/* --- reading --- */

static pwy_status unknown_column(const struct pw_columns *c, const char *name)
{
    const char **names = pw_calloc((size_t)c->n + 1, sizeof *names);
    PW_NEED(names);
    for (int i = 0; i < c->n; i++) names[i] = c->col[i].name;
    const char *near = pw_nearest(name, names);
    free(names);
    return pw_fail(PWY_E_DATA, "column '%s' is none of the %d that the table was fitted on; %s '%s'", name, c->n,
                   near != NULL ? "nearest is" : "the first is", near != NULL ? near : c->col[0].name);
}

/* A numeric column takes finite numbers; NaN is a missing one. */
static pwy_status check_cell(const struct pw_column *c, const struct pw_cell *cell)
{
    bool text = !cell->is_number && cell->text != NULL && cell->text[0] != 0;
    if (!c->numeric || (!text && !(cell->is_number && isinf(cell->number)))) return PWY_OK;
    return pw_fail(PWY_E_DATA, "column '%s': '%s' is no finite number, as all were that the table was fitted on",
                   c->name,
                   text ? cell->text : "infinity");
}

pwy_status pw_columns_read(const struct pw_columns *c, const struct pw_value *row, const struct pw_cell **cell)
{
    if (row->n_cells == 0) return pw_fail(PWY_E_DATA, "row has no cell; one a column would be right");
    memset(cell, 0, sizeof *cell * (size_t)c->n);
    for (int64_t i = 0; i < row->n_cells; i++) {
        const char *name = row->cells[i].column;
        int64_t at = pw_map_find(c->names, name, strlen(name));
        if (at < 0) return unknown_column(c, name);
        PW_TRY(check_cell(&c->col[at], &row->cells[i]));
        cell[at] = &row->cells[i];
    }
    return PWY_OK;
}

static bool column_z(const struct pw_column *c, const struct pw_cell *cell, real *z)
{
    double x;
    if (!pw_cell_number(cell, &x)) return false;
    *z = (real)((x - c->centre) / c->scale);
    return true;
}

void pw_column_inputs(const struct pw_columns *c, int i, const struct pw_cell *cell, real *out)
{
    const struct pw_column *col = &c->col[i];
    const real *edge = c->edges->w + (size_t)i * PW_COLUMN_EDGES;
    int bins = col->n_edges - 1;
    real z, total = 0;
    memset(out, 0, PW_COLUMN_INPUTS * sizeof(real));
    if (!column_z(col, cell, &z)) {
        out[PW_COLUMN_BINS + 1] = 1;
        return;
    }
    for (int b = 0; b < bins; b++) {
        real part = (z - edge[b]) / (edge[b + 1] - edge[b]);
        out[b] = part < 0 ? 0 : part > 1 ? 1 : part;
        total += out[b];
    }
    if (bins > 0) out[PW_COLUMN_BINS] = (total / (real)bins - (real).5) * (real)3.4641016;
}

int pw_column_word(const struct pw_columns *c, int i, const struct pw_cell *cell)
{
    char number[64];
    const char *word;
    size_t len;
    if (!pw_cell_word(cell, number, &word, &len)) return PW_WORD_MISSING;
    int64_t at = pw_map_find(c->col[i].words, word, len);
    return at < 0 ? PW_WORD_UNSEEN : PW_WORD_FIRST + (int)at;
}

/* How many of the ascending cuts are at most z. */
static int count_cuts(const real *cut, int n, real z)
{
    int low = 0;
    while (low < n) {
        int mid = (low + n) / 2;
        if (cut[mid] <= z) low = mid + 1;
        else n = mid;
    }
    return low;
}

uint8_t pw_column_bin(const struct pw_columns *c, int i, const struct pw_cell *cell)
{
    real z;
    if (!c->col[i].numeric) {
        int word = pw_column_word(c, i, cell);
        return (uint8_t)(word < PW_WORD_FIRST ? 0 : word - PW_WORD_FIRST + 1);
    }
    if (!column_z(&c->col[i], cell, &z)) return 0;
    return (uint8_t)(1 + count_cuts(c->cuts->w + (size_t)i * PW_COLUMN_CUTS, c->col[i].n_cuts, z));
}

/* --- parameters --- */

pwy_status pw_columns_declare(struct pw_sense *s, struct pw_columns *c)
{
    if (c->n_numeric == 0) return PWY_OK;
    PW_TRY(pw_param_declare(s->params, PW_CONST, PW_ZEROS, 0, 2, PW_SHAPE(c->n_numeric, PW_COLUMN_EDGES), &c->edges,
                            "%s/edges", s->own));
    return pw_param_declare(s->params, PW_CONST, PW_ZEROS, 0, 2, PW_SHAPE(c->n_numeric, PW_COLUMN_CUTS), &c->cuts,
                            "%s/cuts", s->own);
}

/* --- saving --- */

static pwy_status put_text(struct pw_node *map, const char *key, const char *text)
{
    struct pw_node *node = pw_node_text(text, true);
    PW_NEED(node);
    return pw_node_put(map, key, node);
}

static pwy_status put_words(const struct pw_map *words, struct pw_node *map)
{
    struct pw_node *list = pw_node_new(PW_LIST);
    PW_NEED(list);
    for (int64_t i = 0; i < pw_map_count(words); i++) {
        struct pw_node *word = pw_node_text(pw_map_key(words, i), true);
        if (word == NULL || pw_node_add(list, word) != PWY_OK) {
            pw_node_free(list);
            return PWY_E_NOMEM;
        }
    }
    return pw_node_put(map, "words", list);
}

static pwy_status put_column(const struct pw_column *c, struct pw_node *map)
{
    PW_TRY(put_text(map, "name", c->name));
    if (!c->numeric) return put_words(c->words, map);
    PW_TRY(pw_fitted_put(map, "centre", c->centre));
    PW_TRY(pw_fitted_put(map, "scale", c->scale));
    PW_TRY(pw_fitted_put(map, "edges", c->n_edges));
    return pw_fitted_put(map, "cuts", c->n_cuts);
}

static pwy_status put_columns(const struct pw_columns *c, struct pw_node *list)
{
    for (int i = 0; i < c->n; i++) {
        struct pw_node *map = pw_node_new(PW_MAP);
        PW_NEED(map);
        pwy_status status = put_column(&c->col[i], map);
        if (status != PWY_OK) pw_node_free(map);
        PW_TRY(status);
        PW_TRY(pw_node_add(list, map));
    }
    return PWY_OK;
}

pwy_status pw_columns_save(const struct pw_columns *c, struct pw_node *into)
{
    struct pw_node *list = pw_node_new(PW_LIST);
    PW_NEED(list);
    pwy_status status = put_columns(c, list);
    if (status == PWY_OK) return pw_node_put(into, "columns", list);
    pw_node_free(list);
    return status;
}

/* --- loading --- */

static pwy_status get_words(const struct pw_node *list, struct pw_column *c)
{
    if (list->kind != PW_LIST || list->n > PW_COLUMN_WORDS)
        return pw_fail(PWY_E_FORMAT, "table: words of column '%s' are no list of at most %d", c->name, PW_COLUMN_WORDS);
    PW_NEED(c->words = pw_map_new());
    for (int i = 0; i < list->n; i++) {
        const struct pw_node *word = list->item[i];
        if (word->kind != PW_SCALAR || pw_map_find(c->words, word->text, strlen(word->text)) >= 0)
            return pw_fail(PWY_E_FORMAT, "table: word %d of column '%s' is no text or stands twice", i, c->name);
        if (pw_map_add(c->words, word->text, strlen(word->text)) < 0) return PWY_E_NOMEM;
    }
    return PWY_OK;
}

static pwy_status get_numeric(const struct pw_node *map, struct pw_column *c)
{
    double edges, cuts;
    c->numeric = true;
    PW_TRY(pw_fitted_get(map, "table", "centre", -1e308, 1e308, &c->centre));
    PW_TRY(pw_fitted_get(map, "table", "scale", 1e-308, 1e308, &c->scale));
    PW_TRY(pw_fitted_get(map, "table", "edges", 1, PW_COLUMN_EDGES, &edges));
    PW_TRY(pw_fitted_get(map, "table", "cuts", 0, PW_COLUMN_CUTS, &cuts));
    c->n_edges = (int)edges;
    c->n_cuts = (int)cuts;
    return PWY_OK;
}

static pwy_status get_column(struct pw_columns *c, const struct pw_node *map)
{
    const struct pw_node *name = pw_node_get(map, "name"), *words = pw_node_get(map, "words");
    struct pw_column *col = &c->col[c->n];
    if (name == NULL || name->kind != PW_SCALAR || pw_map_find(c->names, name->text, strlen(name->text)) >= 0)
        return pw_fail(PWY_E_FORMAT, "table: column %d has no name or another's", c->n);
    PW_NEED(col->name = pw_strdup(name->text));
    c->n++;
    if (pw_map_add(c->names, name->text, strlen(name->text)) < 0) return PWY_E_NOMEM;
    PW_TRY(words != NULL ? get_words(words, col) : get_numeric(map, col));
    if (col->numeric && c->n_numeric++ != c->n - 1)
        return pw_fail(PWY_E_FORMAT, "table: numeric column '%s' stands behind one of words", col->name);
    col->first = c->categories;
    if (!col->numeric) c->categories += PW_WORD_FIRST + pw_map_count(col->words);
    return PWY_OK;
}

pwy_status pw_columns_load(struct pw_columns *c, const struct pw_node *from)
{
    const struct pw_node *list = pw_node_get(from, "columns");
    if (list == NULL || list->kind != PW_LIST || list->n == 0)
        return pw_fail(PWY_E_FORMAT, "table: 'columns' is missing or no list");
    PW_NEED(c->col = pw_calloc((size_t)list->n, sizeof *c->col));
    PW_NEED(c->names = pw_map_new());
    for (int i = 0; i < list->n; i++) PW_TRY(get_column(c, list->item[i]));
    return PWY_OK;
}

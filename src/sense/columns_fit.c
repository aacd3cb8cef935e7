/* Finding the columns of a table in its training rows: kinds, categories, quantile edges, and the cuts of the trees. */
#include "sense/columns.h"
#include "base/num.h"
#include "sense/fitted.h"
#include <stdlib.h>
#include <string.h>

enum { ROWS = 100000, CELLS = 8 << 20, DIFFERENT = 4096, FEW = 10, ROW_CUTS = 169, VALUE_CUTS = 84 };

/* What was seen of one column. */
struct seen {
    double *number; int64_t n, cap;
    int64_t *count; int64_t n_count;            /* of each word */
    struct pw_map *words;                       /* the first DIFFERENT ones */
    bool other, fraction;                       /* a cell that is no number; a number that is no integer */
};
struct survey { struct pw_map *names; struct seen *col; int n, cap; };

bool pw_cell_number(const struct pw_cell *cell, double *out)
{
    if (cell == NULL || !cell->is_number || !isfinite(cell->number)) return false;
    *out = cell->number;
    return true;
}

/* A number's word is its shortest form, so that 1 and 1.0 are one category. */
bool pw_cell_word(const struct pw_cell *cell, char number[64], const char **word, size_t *len)
{
    if (cell == NULL || (cell->is_number && isnan(cell->number))) return false;
    if (!cell->is_number && (cell->text == NULL || cell->text[0] == 0)) return false;
    if (cell->is_number) pw_format_double(number, 64, cell->number);
    *word = cell->is_number ? number : cell->text;
    *len = strlen(*word);
    return true;
}

static void survey_free(struct survey *v)
{
    for (int i = 0; i < v->n; i++) {
        free(v->col[i].number);
        free(v->col[i].count);
        if (v->col[i].words != NULL) pw_map_free(v->col[i].words);
    }
    free(v->col);
    if (v->names != NULL) pw_map_free(v->names);
}

/* --- the survey --- */

static pwy_status survey_column(struct survey *v, const char *name, struct seen **out)
{
    int64_t at = pw_map_add(v->names, name, strlen(name));
    if (at < 0) return PWY_E_NOMEM;
    if (at == v->cap) {
        int cap = v->cap * 2 + 16;
        struct seen *col = pw_realloc(v->col, (size_t)cap, sizeof *col);
        PW_NEED(col);
        v->col = col;
        v->cap = cap;
    }
    if (at == v->n) {
        v->col[v->n++] = (struct seen){0};
        PW_NEED(v->col[at].words = pw_map_new());
        PW_NEED(v->col[at].count = pw_calloc(DIFFERENT, sizeof *v->col[at].count));
    }
    *out = &v->col[at];
    return PWY_OK;
}

static pwy_status survey_word(struct seen *c, const struct pw_cell *cell)
{
    char number[64];
    const char *word;
    size_t len;
    if (!pw_cell_word(cell, number, &word, &len)) return PWY_OK;
    int64_t at = pw_map_find(c->words, word, len);
    c->other = c->other || !cell->is_number;
    if (at < 0 && pw_map_count(c->words) == DIFFERENT) return PWY_OK;
    if (at < 0 && (at = pw_map_add(c->words, word, len)) < 0) return PWY_E_NOMEM;
    c->count[at]++;
    return PWY_OK;
}

static pwy_status survey_number(struct seen *c, double x)
{
    if (c->n == c->cap) {
        int64_t cap = c->cap * 2 + 256;
        double *number = pw_realloc(c->number, (size_t)cap, sizeof *number);
        PW_NEED(number);
        c->number = number;
        c->cap = cap;
    }
    c->number[c->n++] = x;
    c->fraction = c->fraction || x != floor(x);
    return PWY_OK;
}

static pwy_status survey_row(struct survey *v, const struct pw_value *row)
{
    for (int64_t i = 0; i < row->n_cells; i++) {
        struct seen *c;
        double x;
        PW_TRY(survey_column(v, row->cells[i].column, &c));
        PW_TRY(survey_word(c, &row->cells[i]));
        if (!c->other && pw_cell_number(&row->cells[i], &x)) PW_TRY(survey_number(c, x));
    }
    return PWY_OK;
}

static int64_t rows_to_see(const struct pw_fit *fit, int64_t n_cells)
{
    int64_t rows = CELLS / (n_cells > 0 ? n_cells : 1);
    if (rows > ROWS) rows = ROWS;
    if (rows < FEW * FEW) rows = FEW * FEW;
    return rows < fit->n_train ? rows : fit->n_train;
}

static pwy_status survey_rows(const struct pw_fit *fit, struct survey *v)
{
    const struct pw_value *row = NULL;
    int64_t take = fit->n_train;
    PW_NEED(v->names = pw_map_new());
    for (int64_t j = 0; row == NULL && j < take; j++) PW_TRY(pw_fit_value(fit, take, j, PW_VALUE_ROW, &row));
    if (row == NULL) return pw_fail(PWY_E_DATA, "no training row has a table row");
    take = rows_to_see(fit, row->n_cells);
    for (int64_t j = 0; j < take; j++) {
        PW_TRY(pw_fit_value(fit, take, j, PW_VALUE_ROW, &row));
        if (row != NULL) PW_TRY(survey_row(v, row));
    }
    return v->n > 0 ? PWY_OK : pw_fail(PWY_E_DATA, "no training row has a cell");
}

static bool is_numeric(const struct seen *c)
{
    return !c->other && c->n > 0 && (c->fraction || pw_map_count(c->words) > FEW);
}

/* --- categories: the most common ones, sorted by text --- */

struct counted { const char *word; int64_t count; };

static int by_count(const void *a, const void *b)
{
    const struct counted *x = a, *y = b;
    return x->count != y->count ? (x->count < y->count ? 1 : -1) : strcmp(x->word, y->word);
}

static int by_word(const void *a, const void *b)
{
    return strcmp(((const struct counted *)a)->word, ((const struct counted *)b)->word);
}

static pwy_status take_words(const struct seen *c, struct counted *list, struct pw_column *out)
{
    int64_t n = pw_map_count(c->words);
    for (int64_t i = 0; i < n; i++) list[i] = (struct counted){pw_map_key(c->words, i), c->count[i]};
    qsort(list, (size_t)n, sizeof *list, by_count);
    if (n > PW_COLUMN_WORDS) n = PW_COLUMN_WORDS;
    qsort(list, (size_t)n, sizeof *list, by_word);
    PW_NEED(out->words = pw_map_new());
    for (int64_t i = 0; i < n; i++)
        if (pw_map_add(out->words, list[i].word, strlen(list[i].word)) < 0) return PWY_E_NOMEM;
    return PWY_OK;
}

static pwy_status fit_words(const struct seen *c, struct pw_column *out)
{
    struct counted *list = pw_calloc((size_t)pw_map_count(c->words) + 1, sizeof *list);
    PW_NEED(list);
    pwy_status status = take_words(c, list, out);
    free(list);
    return status;
}

/* --- numbers: edges and cuts, all of z --- */

static double quantile(const double *sorted, int64_t n, double q)
{
    double at = q * (double)(n - 1);
    int64_t low = (int64_t)at;
    if (low >= n - 1) return sorted[n - 1];
    return sorted[low] + (at - (double)low) * (sorted[low + 1] - sorted[low]);
}

static int64_t drop_equal(double *sorted, int64_t n)
{
    int64_t kept = 0;
    for (int64_t i = 0; i < n; i++)
        if (kept == 0 || (real)sorted[i] != (real)sorted[kept - 1]) sorted[kept++] = sorted[i];
    return kept;
}

static void scale_numbers(struct seen *c, struct pw_column *out)
{
    out->centre = quantile(c->number, c->n, .5);
    out->scale = quantile(c->number, c->n, .9) - quantile(c->number, c->n, .1);
    if (!(out->scale > 0)) out->scale = c->number[c->n - 1] - c->number[0];
    if (!(out->scale > 0) || !isfinite(out->scale)) out->scale = 1;
    for (int64_t i = 0; i < c->n; i++) c->number[i] = (c->number[i] - out->centre) / out->scale;
}

static int fit_edges(const struct seen *c, real *edge)
{
    double all[PW_COLUMN_EDGES];
    for (int i = 0; i < PW_COLUMN_EDGES; i++) all[i] = quantile(c->number, c->n, (double)i / PW_COLUMN_BINS);
    int n = (int)drop_equal(all, PW_COLUMN_EDGES);
    for (int i = 0; i < n; i++) edge[i] = (real)all[i];
    return n;
}

/* Between few values the midpoints; of many the union of the rows' quantiles and the different values'. Row quantiles
   alone would lose rare large values. c->number is left without repetitions. */
static int fit_cuts(struct seen *c, real *cut)
{
    double all[PW_COLUMN_CUTS];
    int n = 0;
    for (int i = 1; i <= ROW_CUTS; i++) all[n++] = quantile(c->number, c->n, (double)i / (ROW_CUTS + 1));
    c->n = drop_equal(c->number, c->n);
    for (int i = 1; i <= VALUE_CUTS; i++) all[n++] = quantile(c->number, c->n, (double)i / (VALUE_CUTS + 1));
    if (c->n <= PW_COLUMN_CUTS + 1) {
        n = (int)c->n - 1;
        for (int i = 0; i < n; i++) all[i] = (c->number[i] + c->number[i + 1]) / 2;
    }
    pw_sort(all, n);
    n = (int)drop_equal(all, n);
    for (int i = 0; i < n; i++) cut[i] = (real)all[i];
    return n;
}

static void fit_numbers(struct seen *c, struct pw_columns *all, int i)
{
    struct pw_column *out = &all->col[i];
    pw_sort(c->number, c->n);
    scale_numbers(c, out);
    out->n_edges = fit_edges(c, all->edges->w + (size_t)i * PW_COLUMN_EDGES);
    out->n_cuts = fit_cuts(c, all->cuts->w + (size_t)i * PW_COLUMN_CUTS);
}

/* --- all columns --- */

static pwy_status add_column(const struct survey *v, int at, struct pw_columns *out)
{
    const char *name = pw_map_key(v->names, at);
    struct pw_column *c = &out->col[out->n];
    PW_NEED(c->name = pw_strdup(name));
    c->numeric = is_numeric(&v->col[at]);
    c->first = out->categories;
    out->n++;
    if (c->numeric) out->n_numeric++;
    else PW_TRY(fit_words(&v->col[at], c));
    if (!c->numeric) out->categories += PW_WORD_FIRST + pw_map_count(c->words);
    return pw_map_add(out->names, name, strlen(name)) < 0 ? PWY_E_NOMEM : PWY_OK;
}

static pwy_status take_columns(struct pw_sense *s, struct survey *v, struct pw_columns *out)
{
    PW_NEED(out->col = pw_calloc((size_t)v->n, sizeof *out->col));
    PW_NEED(out->names = pw_map_new());
    for (int pass = 0; pass < 2; pass++)
        for (int i = 0; i < v->n; i++)
            if (is_numeric(&v->col[i]) == (pass == 0)) PW_TRY(add_column(v, i, out));
    PW_TRY(pw_columns_declare(s, out));
    for (int i = 0, at = 0; i < v->n; i++)
        if (is_numeric(&v->col[i])) fit_numbers(&v->col[i], out, at++);
    return PWY_OK;
}

pwy_status pw_columns_fit(struct pw_sense *s, const struct pw_fit *fit, struct pw_columns *out)
{
    struct survey v = {0};
    pwy_status status = survey_rows(fit, &v);
    if (status == PWY_OK) status = take_columns(s, &v, out);
    survey_free(&v);
    return status;
}

/* Rows of a table: a token a column up to forty of them, else one token of everything. Wide: boosted trees, or where
   there are none the same inputs, sparse. Inputs, and rows of the sparse space: PW_COLUMN_INPUTS a numeric column,
   then one a category. Tokens are as wide as the trunk, or narrow and made wide by a product that all share: so little
   is a table's own that a task with a small budget can have it. */
#include "sense/columns.h"
#include "sense/fitted.h"
#include "sense/trees.h"
#include <stdlib.h>
#include <string.h>

enum { TOKENS = 40, LEAST_RANK = 4, LEAST_NODES = 256 };

struct row {
    bool trees;                                 /* setting, then whether there are any */
    int64_t rank, nodes;                        /* settings: width of narrow tokens, 0: none; of the trees, 0: any */
    struct pw_columns columns;
    struct pw_trees forest;
    struct pw_param *w, *b;                     /* of n numbers (n PW_COLUMN_INPUTS, d), (n, d); one token: b (1, d) */
    struct pw_param *words;                     /* (categories, d) */
    struct pw_param *all;                       /* one token: (inputs, d) */
    struct pw_param *widen;                     /* narrow tokens: (rank, d); w, b, words, all then have rank for d */
};

static const struct pw_option row_settings[] = {{"trees", PW_OPT_FLAG, offsetof(struct row, trees), 0, 0},
                                                {"rank", PW_OPT_INT, offsetof(struct row, rank), 0, 8192},
                                                {"nodes", PW_OPT_INT, offsetof(struct row, nodes), 0, 1 << 24}, {0}};

static bool many_tokens(const struct row *r)
{
    return r->columns.n <= TOKENS;
}

static int64_t n_inputs(const struct row *r)
{
    return (int64_t)r->columns.n_numeric * PW_COLUMN_INPUTS + r->columns.categories;
}

static int width_of(const struct row *r, int d)
{
    return r->rank > 0 ? (int)r->rank : d;
}

/* Rows of width d that the tokens are made from. */
static int64_t n_sources(const struct row *r)
{
    return many_tokens(r) ? r->columns.n_numeric * (PW_COLUMN_INPUTS + 1) + r->columns.categories : n_inputs(r) + 1;
}

static void row_close(struct pw_sense *s)
{
    struct row *r = s->state;
    if (r != NULL) pw_columns_free(&r->columns);
    free(r);
    s->state = NULL;
}

static pwy_status row_open(struct pw_sense *s, const struct pw_node *settings)
{
    struct row *r;
    PW_NEED(s->state = r = pw_calloc(1, sizeof *r));
    r->trees = true;
    return pw_sense_options(settings, "table", row_settings, r);
}

static void set_wide(struct pw_sense *s)
{
    const struct row *r = s->state;
    s->wide_logits = r->trees;
    s->wide_rows = r->trees || s->outputs == 0 ? 0 : n_inputs(r);
}

/* --- fit --- */

/* Binned rows for the trees, by column; rows without a value or a goal are left out. */
struct matrix {
    struct pw_tree_rows rows;
    int64_t cap;
    uint8_t *bin; int32_t *label; float *number;    /* label or number, NULL the other */
    const struct pw_cell **cell;                    /* (columns) of the row at hand */
};

static pwy_status matrix_open(struct matrix *m, const struct row *r, const struct pw_fit *fit, bool regress)
{
    int64_t rows = fit->n_train + fit->n_valid;
    *m = (struct matrix){.rows = {.cols = r->columns.n, .outputs = fit->outputs}, .cap = rows};
    m->bin = pw_calloc((size_t)rows * (size_t)r->columns.n + 1, 1);
    m->cell = pw_calloc((size_t)r->columns.n + 1, sizeof *m->cell);
    if (regress) m->number = pw_calloc((size_t)rows + 1, sizeof *m->number);
    else m->label = pw_calloc((size_t)rows + 1, sizeof *m->label);
    return m->bin != NULL && m->cell != NULL && (m->number != NULL || m->label != NULL) ? PWY_OK : PWY_E_NOMEM;
}

static void matrix_free(struct matrix *m)
{
    free(m->bin);
    free(m->cell);
    free(m->number);
    free(m->label);
}

static bool has_goal(const struct matrix *m, const struct pw_goal *goal)
{
    return m->label != NULL ? goal->label >= 0 && goal->label < m->rows.outputs : isfinite(goal->number);
}

static pwy_status matrix_row(struct matrix *m, const struct row *r, const struct pw_fit *fit, int64_t i)
{
    const struct pw_value *value = NULL;
    struct pw_goal goal;
    int64_t at = m->rows.n + m->rows.n_valid;
    PW_TRY(fit->row(fit->arg, i, &value, &goal));
    if (value == NULL || value->type != PW_VALUE_ROW || !has_goal(m, &goal)) return PWY_OK;
    if (pw_columns_read(&r->columns, value, m->cell) != PWY_OK) return PWY_OK;
    for (int c = 0; c < m->rows.cols; c++)
        m->bin[(size_t)c * (size_t)m->cap + (size_t)at] = pw_column_bin(&r->columns, c, m->cell[c]);
    if (m->label != NULL) m->label[at] = goal.label;
    else m->number[at] = (float)goal.number;
    if (i < fit->n_train) m->rows.n++;
    else m->rows.n_valid++;
    return PWY_OK;
}

/* Rows left out leave gaps behind each column: close them. */
static void matrix_close_up(struct matrix *m)
{
    size_t n = (size_t)(m->rows.n + m->rows.n_valid);
    for (size_t c = 1; c < (size_t)m->rows.cols; c++) memmove(m->bin + c * n, m->bin + c * (size_t)m->cap, n);
    m->rows.bin = m->bin;
    m->rows.label = m->label;
    m->rows.number = m->number;
}

static pwy_status fill_and_grow(struct pw_sense *s, const struct pw_fit *fit, struct matrix *m)
{
    struct row *r = s->state;
    for (int64_t i = 0; i < m->cap; i++) PW_TRY(matrix_row(m, r, fit, i));
    matrix_close_up(m);
    struct pw_trees_bound bound = {.nodes = r->nodes, .tenth = fit->numbers > 0};
    PW_TRY(pw_trees_fit(s, &m->rows, fit->seed, &bound, fit->pool, &r->forest));
    if (bound.whole > r->forest.n_nodes) s->left_out += 2 * (bound.whole - r->forest.n_nodes);
    return PWY_OK;
}

static pwy_status fit_trees(struct pw_sense *s, const struct pw_fit *fit, bool regress)
{
    struct matrix m;
    pwy_status status = matrix_open(&m, s->state, fit, regress);
    if (status == PWY_OK) status = fill_and_grow(s, fit, &m);
    matrix_free(&m);
    return status;
}

/* Within its numbers, and a tenth of what whole tokens would have: a quarter for the tokens, the rest for the trees. */
static void keep_within(struct pw_sense *s, int64_t numbers)
{
    struct row *r = s->state;
    int64_t sources = n_sources(r), whole = sources * s->d;
    if (numbers == 0) return;
    numbers += whole / 10;
    if (r->rank == 0 && whole > numbers / 4) {
        int64_t rank = numbers / 4 / (sources + s->d);
        r->rank = rank < LEAST_RANK ? LEAST_RANK : rank;
    }
    int64_t mine = r->rank > 0 ? (sources + s->d) * r->rank : whole;
    if (r->rank > 0 && mine < whole) s->left_out = whole - mine;
    mine += (int64_t)r->columns.n_numeric * (PW_COLUMN_EDGES + PW_COLUMN_CUTS);
    if (r->nodes == 0) r->nodes = numbers - mine < 2 * LEAST_NODES ? LEAST_NODES : (numbers - mine) / 2;
}

static pwy_status row_fit(struct pw_sense *s, const struct pw_fit *fit)
{
    struct row *r = s->state;
    bool regress = strcmp(fit->kind, "regress") == 0, classify = strcmp(fit->kind, "classify") == 0;
    PW_TRY(pw_columns_fit(s, fit, &r->columns));
    keep_within(s, fit->numbers);
    r->trees = r->trees && r->columns.n <= PW_TREES_COLUMNS &&
               ((regress && fit->outputs == 1) || (classify && fit->outputs >= 2 && fit->outputs <= PW_TREES_OUTPUTS));
    if (r->trees) PW_TRY(fit_trees(s, fit, regress));
    set_wide(s);
    return PWY_OK;
}

/* --- life in a file --- */

static pwy_status row_save(const struct pw_sense *s, struct pw_node *into)
{
    const struct row *r = s->state;
    PW_TRY(pw_columns_save(&r->columns, into));
    if (r->rank > 0) PW_TRY(pw_fitted_put(into, "rank", (double)r->rank));
    return r->trees ? pw_trees_save(&r->forest, into) : PWY_OK;
}

static pwy_status row_load(struct pw_sense *s, const struct pw_node *from)
{
    struct row *r = s->state;
    double rank = 0;
    PW_TRY(pw_columns_load(&r->columns, from));
    if (pw_node_get(from, "rank") != NULL) PW_TRY(pw_fitted_get(from, "table", "rank", 1, 8192, &rank));
    r->rank = (int64_t)rank;
    r->trees = pw_node_get(from, "trees") != NULL;
    if (r->trees) PW_TRY(pw_trees_load(&r->forest, from, r->columns.n, s->outputs));
    set_wide(s);
    return PWY_OK;
}

static pwy_status declare_tokens(struct pw_sense *s, struct row *r)
{
    const double spread = 1 / sqrt((double)PW_COLUMN_INPUTS);
    const int64_t numeric = r->columns.n_numeric, words = r->columns.categories, d = width_of(r, s->d);
    if (numeric > 0) {
        PW_TRY(pw_param_declare(s->params, PW_MATRIX, PW_UNIFORM, spread, 2, PW_SHAPE(numeric * PW_COLUMN_INPUTS, d),
                                &r->w,
                                "%s/w", s->own));
        PW_TRY(pw_param_declare(s->params, PW_VECTOR, PW_UNIFORM, spread, 2, PW_SHAPE(numeric, d), &r->b, "%s/b",
                                s->own));
    }
    if (words == 0) return PWY_OK;
    return pw_param_declare(s->params, PW_TABLE, PW_NORMAL, .2, 2, PW_SHAPE(words, d), &r->words, "%s/words", s->own);
}

static pwy_status row_declare(struct pw_sense *s)
{
    struct row *r = s->state;
    PW_TRY(pw_columns_declare(s, &r->columns));
    if (r->trees) PW_TRY(pw_trees_declare(s, &r->forest));
    if (r->rank > 0)
        PW_TRY(pw_param_declare(s->params, PW_MATRIX, PW_NORMAL, 1 / sqrt((double)r->rank), 2, PW_SHAPE(r->rank, s->d),
                                &r->widen, "%s/widen", s->own));
    if (many_tokens(r)) return declare_tokens(s, r);
    PW_TRY(pw_param_declare(s->params, PW_TABLE, PW_NORMAL, 1 / sqrt((double)r->columns.n), 2,
                            PW_SHAPE(n_inputs(r), width_of(r, s->d)), &r->all, "%s/all", s->own));
    return pw_param_declare(s->params, PW_VECTOR, PW_ZEROS, 0, 2, PW_SHAPE(1, width_of(r, s->d)), &r->b, "%s/b",
                            s->own);
}

/* --- one row --- */

/* Dense inputs (n_numeric, PW_COLUMN_INPUTS) and the row of each category. */
static pwy_status encode_dense(const struct row *r, const struct pw_cell **cell, struct pw_arena *arena,
                               struct pw_encoded *e)
{
    const struct pw_columns *c = &r->columns;
    e->n_reals = (int64_t)c->n_numeric * PW_COLUMN_INPUTS;
    e->n_ids = c->n - c->n_numeric;
    PW_NEED(e->reals = pw_arena_take(arena, (size_t)e->n_reals + 1, sizeof(real)));
    PW_NEED(e->ids = pw_arena_take(arena, (size_t)e->n_ids + 1, sizeof *e->ids));
    for (int i = 0; i < c->n_numeric; i++) pw_column_inputs(c, i, cell[i], e->reals + (size_t)i * PW_COLUMN_INPUTS);
    for (int i = c->n_numeric; i < c->n; i++)
        e->ids[i - c->n_numeric] = (int32_t)c->col[i].first + pw_column_word(c, i, cell[i]);
    return PWY_OK;
}

/* The inputs that are not zero, as indices (ascending) and values. */
static pwy_status make_sparse(const struct row *r, const struct pw_encoded *dense, struct pw_arena *arena,
                              int32_t **index,
                              real **value, int64_t *n)
{
    size_t cap = (size_t)(dense->n_reals + dense->n_ids) + 1;
    PW_NEED(*index = pw_arena_take(arena, cap, sizeof **index));
    PW_NEED(*value = pw_arena_take(arena, cap, sizeof **value));
    *n = 0;
    for (int64_t i = 0; i < dense->n_reals; i++) {
        if (dense->reals[i] == 0) continue;
        (*index)[*n] = (int32_t)i;
        (*value)[(*n)++] = dense->reals[i];
    }
    for (int64_t i = 0; i < dense->n_ids; i++) {
        (*index)[*n] = (int32_t)(r->columns.n_numeric * PW_COLUMN_INPUTS) + dense->ids[i];
        (*value)[(*n)++] = 1;
    }
    return PWY_OK;
}

static pwy_status encode_trees(const struct pw_sense *s, const struct row *r, const struct pw_cell **cell,
                               struct pw_arena *arena, struct pw_encoded *e)
{
    uint8_t *bin;
    PW_NEED(bin = pw_arena_take(arena, (size_t)r->columns.n, 1));
    PW_NEED(e->wide_logits = pw_arena_take(arena, (size_t)s->outputs + 1, sizeof(real)));
    for (int i = 0; i < r->columns.n; i++) bin[i] = pw_column_bin(&r->columns, i, cell[i]);
    pw_trees_answer(&r->forest, bin, e->wide_logits);
    return PWY_OK;
}

static pwy_status row_encode(const struct pw_sense *s, const struct pw_value *value, struct pw_rng *augment,
                             struct pw_arena *arena, struct pw_encoded *out)
{
    const struct row *r = s->state;
    const struct pw_cell **cell;
    struct pw_encoded e = {.n_tokens = many_tokens(r) ? r->columns.n : 1};
    (void)augment;
    PW_NEED(cell = pw_arena_take(arena, (size_t)r->columns.n, sizeof *cell));
    PW_TRY(pw_columns_read(&r->columns, value, cell));
    PW_TRY(encode_dense(r, cell, arena, &e));
    if (r->trees) PW_TRY(encode_trees(s, r, cell, arena, &e));
    if (s->wide_rows > 0) PW_TRY(make_sparse(r, &e, arena, &e.wide_index, &e.wide_value, &e.n_wide));
    if (!many_tokens(r)) {
        struct pw_encoded dense = e;
        PW_TRY(make_sparse(r, &dense, arena, &e.ids, &e.reals, &e.n_ids));
        e.n_reals = e.n_ids;
    }
    *out = e;
    return PWY_OK;
}

/* --- many rows --- */

struct row_keep {
    real *in; int32_t *ids; struct pw_sparse sparse;        /* (n, numeric inputs), (n, categories) */
    real *narrow;                                           /* (n tokens, rank) */
};

static pwy_status gather_dense(const struct row *r, struct pw_arena *arena, int n, const struct pw_encoded *const *in,
                               struct row_keep *k)
{
    size_t reals = (size_t)r->columns.n_numeric * PW_COLUMN_INPUTS, ids = (size_t)(r->columns.n - r->columns.n_numeric);
    PW_NEED(k->in = pw_arena_take(arena, (size_t)n * reals + 1, sizeof(real)));
    PW_NEED(k->ids = pw_arena_take(arena, (size_t)n * ids + 1, sizeof *k->ids));
    for (int i = 0; i < n; i++) {
        memcpy(k->in + (size_t)i * reals, in[i]->reals, reals * sizeof(real));
        memcpy(k->ids + (size_t)i * ids, in[i]->ids, ids * sizeof *k->ids);
    }
    return PWY_OK;
}

static pwy_status gather_sparse(struct pw_arena *arena, int n, const struct pw_encoded *const *in,
                                struct pw_sparse *out)
{
    int64_t total = 0, *start;
    int32_t *index;
    real *value;
    for (int i = 0; i < n; i++) total += in[i]->n_ids;
    PW_NEED(start = pw_arena_take(arena, (size_t)n + 1, sizeof *start));
    PW_NEED(index = pw_arena_take(arena, (size_t)total + 1, sizeof *index));
    PW_NEED(value = pw_arena_take(arena, (size_t)total + 1, sizeof *value));
    start[0] = 0;
    for (int i = 0; i < n; i++) {
        memcpy(index + start[i], in[i]->ids, (size_t)in[i]->n_ids * sizeof *index);
        memcpy(value + start[i], in[i]->reals, (size_t)in[i]->n_ids * sizeof *value);
        start[i + 1] = start[i] + in[i]->n_ids;
    }
    *out = (struct pw_sparse){n, start, index, value};
    return PWY_OK;
}

static pwy_status forward_one(const struct row *r, struct pw_exec *x, int n, int d, const struct row_keep *k,
                              real *rows)
{
    for (int i = 0; i < n; i++) memcpy(rows + (size_t)i * (size_t)d, r->b->w, (size_t)d * sizeof(real));
    return pw_bag(x, &k->sparse, r->all, rows);
}

/* Each numeric column is one product (n, inputs) by (inputs, d), into every columns.n-th row. */
static pwy_status forward_numeric(const struct row *r, struct pw_exec *x, int n, int d, const struct row_keep *k,
                                  real *rows)
{
    int numeric = r->columns.n_numeric, tokens = r->columns.n, wide = numeric * PW_COLUMN_INPUTS;
    struct pw_product *list;
    PW_NEED(list = pw_arena_zero(x->arena, (size_t)numeric + 1, sizeof *list));
    for (int c = 0; c < numeric; c++) {
        for (int i = 0; i < n; i++)
            memcpy(rows + ((size_t)i * (size_t)tokens + (size_t)c) * (size_t)d, r->b->w + (size_t)c * (size_t)d,
                   (size_t)d * sizeof(real));
        list[c] = (struct pw_product){.m = n, .n = d, .k = PW_COLUMN_INPUTS, .a = k->in + (size_t)c * PW_COLUMN_INPUTS,
                                      .lda = wide, .b = r->w->w + (size_t)c * PW_COLUMN_INPUTS * (size_t)d, .ldb = d,
                                      .beta = 1, .c = rows + (size_t)c * (size_t)d, .ldc = tokens * d};
    }
    return pw_products(x, list, numeric);
}

/* Copies between the categories' tokens among `rows` and `flat` (n categories, d). */
static void move_words(const struct row *r, int n, int d, real *rows, real *flat, bool to_rows)
{
    size_t numeric = (size_t)r->columns.n_numeric, tokens = (size_t)r->columns.n, words = tokens - numeric;
    size_t len = words * (size_t)d;
    for (size_t i = 0; i < (size_t)n; i++) {
        real *there = rows + (i * tokens + numeric) * (size_t)d, *here = flat + i * len;
        memcpy(to_rows ? there : here, to_rows ? here : there, len * sizeof(real));
    }
}

static pwy_status forward_words(const struct row *r, struct pw_exec *x, int n, int d, const struct row_keep *k,
                                real *rows)
{
    int words = r->columns.n - r->columns.n_numeric;
    real *flat;
    PW_NEED(flat = pw_arena_take(x->arena, (size_t)n * (size_t)words * (size_t)d + 1, sizeof(real)));
    PW_TRY(pw_embed(x, n * words, k->ids, r->words, flat));
    move_words(r, n, d, rows, flat, true);
    return PWY_OK;
}

static pwy_status forward_tokens(const struct row *r, struct pw_exec *x, int n, const struct pw_encoded *const *in,
                                 int d, real *rows, struct row_keep *k)
{
    if (!many_tokens(r)) {
        PW_TRY(gather_sparse(x->arena, n, in, &k->sparse));
        return forward_one(r, x, n, d, k, rows);
    }
    PW_TRY(gather_dense(r, x->arena, n, in, k));
    if (r->columns.n_numeric > 0) PW_TRY(forward_numeric(r, x, n, d, k, rows));
    return r->columns.n > r->columns.n_numeric ? forward_words(r, x, n, d, k, rows) : PWY_OK;
}

static int n_tokens(const struct row *r, int n)
{
    return many_tokens(r) ? n * r->columns.n : n;
}

static pwy_status row_forward(const struct pw_sense *s, struct pw_exec *x, int n, const struct pw_encoded *const *in,
                              real *rows, real *wide, void **keep)
{
    const struct row *r = s->state;
    struct row_keep *k;
    int tokens = n_tokens(r, n);
    (void)wide;
    PW_NEED(k = pw_arena_zero(x->arena, 1, sizeof *k));
    if (keep != NULL) *keep = k;
    if (r->rank == 0) return forward_tokens(r, x, n, in, s->d, rows, k);
    PW_NEED(k->narrow = pw_arena_take(x->arena, (size_t)tokens * (size_t)r->rank + 1, sizeof(real)));
    PW_TRY(forward_tokens(r, x, n, in, (int)r->rank, k->narrow, k));
    return pw_dense(x, tokens, k->narrow, r->widen, NULL, rows);
}

static void bias_back(const struct row *r, struct pw_exec *x, int n, int d, int columns, const real *drows)
{
    int tokens = many_tokens(r) ? r->columns.n : 1;
    if (!pw_trains(r->b)) return;
    for (int i = 0; i < n; i++)
        for (int c = 0; c < columns; c++)
            x->kern->add(d, drows + ((size_t)i * (size_t)tokens + (size_t)c) * (size_t)d,
                         r->b->g + (size_t)c * (size_t)d);
}

static pwy_status numeric_back(const struct row *r, struct pw_exec *x, int n, int d, const struct row_keep *k,
                               const real *drows)
{
    int numeric = r->columns.n_numeric, tokens = r->columns.n, wide = numeric * PW_COLUMN_INPUTS;
    struct pw_product *list;
    bias_back(r, x, n, d, numeric, drows);
    if (!pw_trains(r->w)) return PWY_OK;
    PW_NEED(list = pw_arena_zero(x->arena, (size_t)numeric + 1, sizeof *list));
    for (int c = 0; c < numeric; c++)
        list[c] = (struct pw_product){.ta = true, .m = PW_COLUMN_INPUTS, .n = d, .k = n,
                                      .a = k->in + (size_t)c * PW_COLUMN_INPUTS, .lda = wide,
                                      .b = drows + (size_t)c * (size_t)d, .ldb = tokens * d, .beta = 1,
                                      .c = r->w->g + (size_t)c * PW_COLUMN_INPUTS * (size_t)d, .ldc = d};
    return pw_products(x, list, numeric);
}

static pwy_status words_back(const struct row *r, struct pw_exec *x, int n, int d, const struct row_keep *k,
                             const real *drows)
{
    int words = r->columns.n - r->columns.n_numeric;
    real *flat;
    PW_NEED(flat = pw_arena_take(x->arena, (size_t)n * (size_t)words * (size_t)d + 1, sizeof(real)));
    move_words(r, n, d, (real *)drows, flat, false);
    return pw_embed_back(x, n * words, k->ids, r->words, flat);
}

static pwy_status tokens_back(const struct row *r, struct pw_exec *x, int n, int d, const struct row_keep *k,
                              const real *drows)
{
    if (!many_tokens(r)) {
        bias_back(r, x, n, d, 1, drows);
        return pw_bag_back(x, &k->sparse, r->all, drows);
    }
    if (r->columns.n_numeric > 0) PW_TRY(numeric_back(r, x, n, d, k, drows));
    return r->columns.n > r->columns.n_numeric ? words_back(r, x, n, d, k, drows) : PWY_OK;
}

static pwy_status row_backward(const struct pw_sense *s, struct pw_exec *x, int n, const struct pw_encoded *const *in,
                               void *keep, const real *drows, const real *dwide)
{
    const struct row *r = s->state;
    const struct row_keep *k = keep;
    int tokens = n_tokens(r, n);
    real *dnarrow;
    (void)in;
    (void)dwide;
    if (r->rank == 0) return tokens_back(r, x, n, s->d, k, drows);
    PW_NEED(dnarrow = pw_arena_zero(x->arena, (size_t)tokens * (size_t)r->rank + 1, sizeof(real)));
    PW_TRY(pw_dense_back(x, tokens, k->narrow, r->widen, NULL, drows, dnarrow));
    return tokens_back(r, x, n, (int)r->rank, k, dnarrow);
}

const struct pw_sense_ops pw_sense_table = {
    .name = "table", .takes = PW_VALUE_ROW, .settings = row_settings, .sign = &pw_sign_table, .open = row_open,
    .fit = row_fit, .save = row_save, .load = row_load, .declare = row_declare, .encode = row_encode,
    .forward = row_forward, .backward = row_backward, .close = row_close};

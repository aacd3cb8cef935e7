/* Text: the first tokens as embeddings for the trunk; a tf-idf bag of word and character grams of all of it for the
   wide
   path (settings measured to learn well from little: words and characters each of length 1). */
#include "sense/bag.h"
#include "sense/sense.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

enum { FIT_ROWS = 200000 };             /* texts that idf is counted over, at most */

struct text {
    int64_t tokens;                     /* rows in the trunk at most */
    bool grams;                         /* the wide path */
    int64_t features;                   /* of its rows, how many it has: those that tell most about the label */
    struct pw_param *embed;             /* (vocab, d), shared by all texts */
    struct pw_param *idf;               /* (features) */
    struct pw_param *rows;              /* (features) the grams' rows that were chosen, ascending; NULL: all of them */
};

static const struct pw_option settings[] = {
    { "tokens", PW_OPT_INT, offsetof(struct text, tokens), 1, PW_MAX_TOKENS },
    { "grams", PW_OPT_FLAG, offsetof(struct text, grams), 0, 0 },
    { "features", PW_OPT_INT, offsetof(struct text, features), 16, PW_GRAM_ROWS },
    { 0 }
};

static pwy_status text_open(struct pw_sense *s, const struct pw_node *node)
{
    struct text *t = pw_calloc(1, sizeof *t);
    PW_NEED(t);
    t->tokens = 40;
    t->grams = true;
    t->features = PW_GRAM_ROWS;
    pwy_status status = pw_sense_options(node, "text", settings, t);
    if (status != PWY_OK) {
        free(t);
        return status;
    }
    s->state = t;
    s->wide_rows = t->grams ? t->features : 0;
    return PWY_OK;
}

static void text_close(struct pw_sense *s)
{
    free(s->state);
    s->state = NULL;
}

static pwy_status declare_grams(struct pw_sense *s)
{
    struct text *t = s->state;
    PW_TRY(pw_param_declare(s->params, PW_CONST, PW_ONES, 0, 1, PW_SHAPE(t->features), &t->idf, "%s.idf", s->own));
    if (t->features == PW_GRAM_ROWS)
        return PWY_OK;
    return pw_param_declare(s->params, PW_CONST, PW_ZEROS, 0, 1, PW_SHAPE(t->features), &t->rows, "%s.rows", s->own);
}

pwy_status pw_text_embedding(struct pw_params *params, pwy_tokenizer *tok, int d, struct pw_param **out)
{
    if (tok == NULL)
        return pw_fail(PWY_E_STATE, "text needs a tokenizer, and the model has none");
    return pw_param_declare(params, PW_TABLE, PW_NORMAL, .05, 2, PW_SHAPE(pw_tok_vocab(tok), d), out, "text.embed");
}

static pwy_status text_declare(struct pw_sense *s)
{
    struct text *t = s->state;
    PW_TRY(pw_text_embedding(s->params, s->tok, s->d, &t->embed));
    return t->grams ? declare_grams(s) : PWY_OK;
}

/* How many texts have a gram in each row, of all labels and of each; texts without a label count under label 0. */
struct counts { uint32_t *df, *of_label; int64_t *texts; int labels; int64_t n; };     /* (rows), (rows, labels), (labels) */

static void count_row(struct counts *c, uint32_t row, int label)
{
    c->df[row]++;
    if (c->of_label != NULL)
        c->of_label[(size_t)row * c->labels + label]++;
}

static pwy_status count_text(const struct pw_value *value, int label, struct counts *c)
{
    struct pw_tally tally = { 0 };
    pwy_status status = pw_grams(value->text, value->len, &tally);
    if (status == PWY_OK)
        status = pw_tally_sort(&tally);
    for (int64_t i = 0; i < tally.n && status == PWY_OK; i++)
        if (i == 0 || pw_tally_key(tally.slot[i]) >> 1 != pw_tally_key(tally.slot[i - 1]) >> 1)
            count_row(c, pw_tally_key(tally.slot[i]) >> 1, label);
    pw_tally_free(&tally);
    return status;
}

/* Counts at most FIT_ROWS texts, evenly spread over the training rows. */
static pwy_status count_texts(const struct pw_fit *rows, struct counts *c)
{
    int64_t sample = rows->n_train < FIT_ROWS ? rows->n_train : FIT_ROWS;
    for (int64_t i = 0; i < sample; i++) {
        const struct pw_value *value = NULL;
        struct pw_goal goal;
        int64_t row = (int64_t)((__int128)i * rows->n_train / sample);
        PW_TRY(rows->row(rows->arg, row, &value, &goal));
        if (value == NULL || value->type != PW_VALUE_TEXT)
            continue;
        int label = goal.label >= 0 && goal.label < c->labels ? goal.label : 0;
        PW_TRY(count_text(value, label, c));
        c->texts[label]++;
        c->n++;
    }
    return PWY_OK;
}

/* What a row tells about the label: chi-squared over the labels (Yang and Pedersen 1997); with one label, how often it
   is met. */
static double tells(const struct counts *c, int row)
{
    double sum = 0, df = c->df[row];
    if (c->labels < 2 || df == 0)
        return df;
    for (int l = 0; l < c->labels; l++) {
        double expected = df * (double)c->texts[l] / (double)c->n, seen = c->of_label[(size_t)row * c->labels + l];
        sum += expected > 0 ? (seen - expected) * (seen - expected) / expected : 0;
    }
    return sum;
}

struct told { double much; int32_t row; };

static int most_first(const void *a, const void *b)
{
    const struct told *x = a, *y = b;
    return x->much != y->much ? (x->much < y->much ? 1 : -1) : x->row - y->row;
}

static int by_row(const void *a, const void *b)
{
    return ((const struct told *)a)->row - ((const struct told *)b)->row;
}

/* The rows that tell most, ascending, and each one's idf. */
static pwy_status choose_rows(struct text *t, const struct counts *c)
{
    struct told *told = pw_calloc(PW_GRAM_ROWS, sizeof *told);
    PW_NEED(told);
    for (int i = 0; i < PW_GRAM_ROWS; i++)
        told[i] = (struct told){ t->rows != NULL ? tells(c, i) : 0, i };
    if (t->rows != NULL) {
        qsort(told, PW_GRAM_ROWS, sizeof *told, most_first);
        qsort(told, (size_t)t->features, sizeof *told, by_row);
    }
    for (int64_t i = 0; i < t->features; i++) {
        t->idf->w[i] = (real)(1 + pw_ln((1.0 + (double)c->n) / (1.0 + c->df[told[i].row])));
        if (t->rows != NULL)
            t->rows->w[i] = (real)told[i].row;
    }
    free(told);
    return PWY_OK;
}

static pwy_status fit_grams(struct text *t, const struct pw_fit *rows, struct counts *c)
{
    PW_NEED(c->df = pw_calloc(PW_GRAM_ROWS, sizeof *c->df));
    PW_NEED(c->texts = pw_calloc((size_t)c->labels, sizeof *c->texts));
    if (t->rows != NULL && c->labels > 1)
        PW_NEED(c->of_label = pw_calloc((size_t)PW_GRAM_ROWS * (size_t)c->labels, sizeof *c->of_label));
    PW_TRY(count_texts(rows, c));
    return choose_rows(t, c);
}

static pwy_status text_fit(struct pw_sense *s, const struct pw_fit *rows)
{
    struct text *t = s->state;
    struct counts c = { .labels = strcmp(rows->kind, "classify") == 0 && rows->outputs > 1 ? rows->outputs : 1 };
    if (!t->grams)
        return PWY_OK;
    PW_TRY(declare_grams(s));
    pwy_status status = fit_grams(t, rows, &c);
    free(c.df);
    free(c.of_label);
    free(c.texts);
    return status;
}

static pwy_status nothing_to_save(const struct pw_sense *s, struct pw_node *into)
{
    (void)s, (void)into;
    return PWY_OK;
}

static pwy_status nothing_to_load(struct pw_sense *s, const struct pw_node *from)
{
    (void)s, (void)from;
    return PWY_OK;
}

/* Which of the features a gram's row is, looked for from *from on: the grams ascend, and so do the features. -1: none. */
static int32_t feature_of(const struct text *t, uint32_t row, int64_t *from)
{
    if (t->rows == NULL)
        return (int32_t)row;
    while (*from < t->features && t->rows->w[*from] < (real)row)
        ++*from;
    return *from < t->features && t->rows->w[*from] == (real)row ? (int32_t)*from : -1;
}

/* Sublinear count times idf. */
static double weight(const struct text *t, uint64_t entry, int32_t feature)
{
    uint32_t count = pw_tally_count(entry);
    return (count > 1 ? 1 + pw_ln(count) : 1) * (double)t->idf->w[feature];
}

/* The two kinds of grams each to length 1, then added where they share a row. */
static void fill_wide(const struct text *t, const struct pw_tally *tally, struct pw_encoded *out)
{
    double square[2] = { 0, 0 };
    int64_t from = 0;
    for (int64_t i = 0; i < tally->n; i++) {
        uint32_t key = pw_tally_key(tally->slot[i]);
        int32_t feature = feature_of(t, key >> 1, &from);
        double w = feature < 0 ? 0 : weight(t, tally->slot[i], feature);
        square[key & 1] += w * w;
    }
    double scale[2] = { square[0] > 0 ? 1 / sqrt(square[0]) : 0, square[1] > 0 ? 1 / sqrt(square[1]) : 0 };
    from = 0;
    for (int64_t i = 0; i < tally->n; i++) {
        uint32_t key = pw_tally_key(tally->slot[i]);
        int32_t feature = feature_of(t, key >> 1, &from);
        if (feature < 0)
            continue;
        real value = (real)(weight(t, tally->slot[i], feature) * scale[key & 1]);
        if (out->n_wide > 0 && out->wide_index[out->n_wide - 1] == feature) {
            out->wide_value[out->n_wide - 1] += value;
            continue;
        }
        out->wide_index[out->n_wide] = feature;
        out->wide_value[out->n_wide++] = value;
    }
}

static pwy_status encode_wide(const struct text *t, const struct pw_value *value, struct pw_arena *arena,
                              struct pw_encoded *out)
{
    struct pw_tally tally = { 0 };
    pwy_status status = pw_grams(value->text, value->len, &tally);
    if (status == PWY_OK)
        status = pw_tally_sort(&tally);
    if (status == PWY_OK) {
        out->wide_index = pw_arena_take(arena, (size_t)tally.n + 1, sizeof *out->wide_index);
        out->wide_value = pw_arena_take(arena, (size_t)tally.n + 1, sizeof *out->wide_value);
        if (out->wide_index == NULL || out->wide_value == NULL)
            status = PWY_E_NOMEM;
        else
            fill_wide(t, &tally, out);
    }
    pw_tally_free(&tally);
    return status;
}

static pwy_status text_encode(const struct pw_sense *s, const struct pw_value *value, struct pw_rng *augment,
                              struct pw_arena *arena, struct pw_encoded *out)
{
    const struct text *t = s->state;
    struct pw_encoded e = { 0 };
    (void)augment;
    if (value == NULL || value->type == PW_VALUE_NONE) {
        *out = e;
        return PWY_OK;
    }
    if (value->type != PW_VALUE_TEXT)
        return pw_fail(PWY_E_DATA, "value is not a text");
    if (value->len <= 0)
        return pw_fail(PWY_E_DATA, "text is empty");
    PW_NEED(e.ids = pw_arena_take(arena, (size_t)t->tokens, sizeof *e.ids));
    PW_TRY(pw_tok_encode(s->tok, value->text, value->len, e.ids, t->tokens, &e.n_ids, false));
    e.n_tokens = (int)e.n_ids;
    if (t->grams)
        PW_TRY(encode_wide(t, value, arena, &e));
    *out = e;
    return PWY_OK;
}

/* What backward needs: the ids of all values, one behind the other. */
struct text_keep { int32_t *id; int n; };

static pwy_status text_forward(const struct pw_sense *s, struct pw_exec *x, int n, const struct pw_encoded *const *in,
                               real *rows, real *wide, void **keep)
{
    const struct text *t = s->state;
    int64_t total = 0;
    (void)wide;
    for (int i = 0; i < n; i++)
        total += in[i]->n_ids;
    struct text_keep *k = pw_arena_take(x->arena, 1, sizeof *k);
    PW_NEED(k);
    PW_NEED(k->id = pw_arena_take(x->arena, (size_t)total + 1, sizeof *k->id));
    k->n = 0;
    for (int i = 0; i < n; i++) {
        if (in[i]->n_ids > 0)
            memcpy(k->id + k->n, in[i]->ids, (size_t)in[i]->n_ids * sizeof *k->id);
        k->n += (int)in[i]->n_ids;
    }
    if (keep != NULL)
        *keep = k;
    return pw_embed(x, k->n, k->id, t->embed, rows);
}

static pwy_status text_backward(const struct pw_sense *s, struct pw_exec *x, int n, const struct pw_encoded *const *in,
                                void *keep, const real *drows, const real *dwide)
{
    const struct text *t = s->state;
    const struct text_keep *k = keep;
    (void)n, (void)in, (void)dwide;
    return pw_trains(t->embed) ? pw_embed_back(x, k->n, k->id, t->embed, drows) : PWY_OK;
}

const struct pw_sense_ops pw_sense_text = {
    .name = "text", .takes = PW_VALUE_TEXT, .settings = settings, .sign = &pw_sign_text, .open = text_open,
    .fit = text_fit, .save = nothing_to_save, .load = nothing_to_load, .declare = text_declare, .encode = text_encode,
    .forward = text_forward, .backward = text_backward, .close = text_close
};

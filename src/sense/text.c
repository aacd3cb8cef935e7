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
    struct pw_param *embed;             /* (vocab, d), shared by all texts */
    struct pw_param *idf;               /* (PW_GRAM_ROWS) */
};

static const struct pw_option settings[] = {
    { "tokens", PW_OPT_INT, offsetof(struct text, tokens), 1, PW_MAX_TOKENS },
    { "grams", PW_OPT_FLAG, offsetof(struct text, grams), 0, 0 },
    { 0 }
};

static pwy_status text_open(struct pw_sense *s, const struct pw_node *node)
{
    struct text *t = pw_calloc(1, sizeof *t);
    PW_NEED(t);
    t->tokens = 40;
    t->grams = true;
    pwy_status status = pw_sense_options(node, "text", settings, t);
    if (status != PWY_OK) {
        free(t);
        return status;
    }
    s->state = t;
    s->wide_rows = t->grams ? PW_GRAM_ROWS : 0;
    return PWY_OK;
}

static void text_close(struct pw_sense *s)
{
    free(s->state);
    s->state = NULL;
}

static pwy_status declare_idf(struct pw_sense *s)
{
    struct text *t = s->state;
    return pw_param_declare(s->params, PW_CONST, PW_ONES, 0, 1, PW_SHAPE(PW_GRAM_ROWS), &t->idf, "%s.idf", s->own);
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
    return t->grams ? declare_idf(s) : PWY_OK;
}

/* Adds 1 to df (PW_GRAM_ROWS) for each row that the text has a gram in. */
static pwy_status count_text(const struct pw_value *value, uint32_t *df)
{
    struct pw_tally tally = { 0 };
    pwy_status status = pw_grams(value->text, value->len, &tally);
    if (status == PWY_OK)
        status = pw_tally_sort(&tally);
    for (int64_t i = 0; i < tally.n && status == PWY_OK; i++)
        if (i == 0 || pw_tally_key(tally.slot[i]) >> 1 != pw_tally_key(tally.slot[i - 1]) >> 1)
            df[pw_tally_key(tally.slot[i]) >> 1]++;
    pw_tally_free(&tally);
    return status;
}

/* Counts at most FIT_ROWS texts, evenly spread over the training rows. */
static pwy_status count_texts(const struct pw_fit *rows, uint32_t *df, int64_t *n)
{
    int64_t sample = rows->n_train < FIT_ROWS ? rows->n_train : FIT_ROWS;
    for (int64_t i = 0; i < sample; i++) {
        const struct pw_value *value = NULL;
        struct pw_goal goal;
        int64_t row = (int64_t)((__int128)i * rows->n_train / sample);
        PW_TRY(rows->row(rows->arg, row, &value, &goal));
        if (value == NULL || value->type != PW_VALUE_TEXT)
            continue;
        PW_TRY(count_text(value, df));
        ++*n;
    }
    return PWY_OK;
}

static pwy_status text_fit(struct pw_sense *s, const struct pw_fit *rows)
{
    struct text *t = s->state;
    int64_t n = 0;
    if (!t->grams)
        return PWY_OK;
    PW_TRY(declare_idf(s));
    uint32_t *df = pw_calloc(PW_GRAM_ROWS, sizeof *df);
    PW_NEED(df);
    pwy_status status = count_texts(rows, df, &n);
    for (int i = 0; i < PW_GRAM_ROWS && status == PWY_OK; i++)
        t->idf->w[i] = (real)(1 + pw_ln((1.0 + n) / (1.0 + df[i])));
    free(df);
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

/* Sublinear count times idf. */
static double weight(const struct text *t, uint64_t entry)
{
    uint32_t count = pw_tally_count(entry);
    return (count > 1 ? 1 + pw_ln(count) : 1) * (double)t->idf->w[pw_tally_key(entry) >> 1];
}

/* The two kinds of grams each to length 1, then added where they share a row. */
static void fill_wide(const struct text *t, const struct pw_tally *tally, struct pw_encoded *out)
{
    double square[2] = { 0, 0 };
    for (int64_t i = 0; i < tally->n; i++) {
        double w = weight(t, tally->slot[i]);
        square[pw_tally_key(tally->slot[i]) & 1] += w * w;
    }
    double scale[2] = { square[0] > 0 ? 1 / sqrt(square[0]) : 0, square[1] > 0 ? 1 / sqrt(square[1]) : 0 };
    for (int64_t i = 0; i < tally->n; i++) {
        uint32_t key = pw_tally_key(tally->slot[i]);
        real value = (real)(weight(t, tally->slot[i]) * scale[key & 1]);
        if (out->n_wide > 0 && out->wide_index[out->n_wide - 1] == (int32_t)(key >> 1)) {
            out->wide_value[out->n_wide - 1] += value;
            continue;
        }
        out->wide_index[out->n_wide] = (int32_t)(key >> 1);
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
    .name = "text", .takes = PW_VALUE_TEXT, .settings = settings, .open = text_open, .fit = text_fit,
    .save = nothing_to_save, .load = nothing_to_load, .declare = text_declare, .encode = text_encode,
    .forward = text_forward, .backward = text_backward, .close = text_close
};

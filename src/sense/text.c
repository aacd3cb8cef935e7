/* Text: the first tokens as embeddings for the trunk; a tf-idf bag of word and character grams of all of it for the
   wide path (settings measured to learn well from little: words and characters each of length 1). Where the model's
   tokenizer cuts a language that it never saw into single bytes, a text may have one of its own, whose narrow
   embeddings a product makes as wide as the trunk. */
#include "sense/bag.h"
#include "sense/telling.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

enum {
    FIT_ROWS = 200000,                  /* texts that idf is counted over, at most */
    TOK_BYTES = 2 << 20                 /* of text that a tokenizer of its own is made from, at most */
};

struct text {
    int64_t tokens;                     /* rows in the trunk at most */
    bool grams;                         /* the wide path */
    int64_t features;                   /* of its rows, how many it has: those that tell most about the label */
    int64_t vocab, rank;                /* of a tokenizer of its own, 0: the model's; width of its embeddings */
    pwy_tokenizer *tok;                 /* NULL: the model's */
    struct pw_param *embed;             /* (vocab, d), shared by all texts; its own: (vocab, rank) */
    struct pw_param *widen;             /* (rank, d); NULL: the embeddings are shared */
    struct pw_param *idf;               /* (features) */
    struct pw_param *rows;              /* (features) the grams' rows that were chosen, ascending; NULL: all of them */
};

static const struct pw_option settings[] = {
    { "tokens", PW_OPT_INT, offsetof(struct text, tokens), 1, PW_MAX_TOKENS },
    { "grams", PW_OPT_FLAG, offsetof(struct text, grams), 0, 0 },
    { "features", PW_OPT_INT, offsetof(struct text, features), 16, PW_GRAM_ROWS },
    { "vocab", PW_OPT_INT, offsetof(struct text, vocab), 0, 65536 },
    { "rank", PW_OPT_INT, offsetof(struct text, rank), 1, 8192 },
    { 0 }
};

static pwy_status check_vocab(const struct pw_sense *s, const struct text *t, const struct pw_node *node)
{
    if (t->vocab == 0)
        return PWY_OK;
    if (t->vocab <= PW_TOK_END)
        return pw_node_fail(pw_node_get(node, "vocab"), PWY_E_ARGUMENT,
                            "text: vocab %lld is too small; 257 (raw bytes) to 65536, or 0 for the model's, would be "
                            "right",
                            (long long)t->vocab);
    if (strcmp(s->kind, "generate") == 0)
        return pw_node_fail(pw_node_get(node, "vocab"), PWY_E_ARGUMENT,
                            "text: vocab: a task that writes has the model's tokenizer");
    return PWY_OK;
}

static pwy_status text_open(struct pw_sense *s, const struct pw_node *node)
{
    struct text *t = pw_calloc(1, sizeof *t);
    PW_NEED(t);
    *t = (struct text){ .tokens = 40, .grams = true, .features = PW_GRAM_ROWS, .rank = 16 };
    pwy_status status = pw_sense_options(node, "text", settings, t);
    if (status == PWY_OK)
        status = check_vocab(s, t, node);
    if (status != PWY_OK) {
        free(t);
        return status;
    }
    t->grams = t->grams && s->outputs > 0;  /* what writes has no wide path */
    s->state = t;
    s->input = (double)t->tokens;
    s->wide_rows = t->grams ? t->features : 0;
    s->left_out = t->grams ? (PW_GRAM_ROWS - t->features) * s->outputs : 0;
    return PWY_OK;
}

static void text_close(struct pw_sense *s)
{
    struct text *t = s->state;
    if (t != NULL)
        pw_tok_release(t->tok);
    free(t);
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

pwy_status pw_text_embedding(struct pw_params *params, const char *stem, pwy_tokenizer *tok, int d,
                             struct pw_param **out)
{
    if (tok == NULL)
        return pw_fail(PWY_E_STATE, "text needs a tokenizer, and the model has none");
    return pw_param_declare(params, PW_TABLE, PW_NORMAL, .05, 2, PW_SHAPE(pw_tok_vocab(tok), d), out, "%s.embed",
                            stem);
}

static pwy_status declare_own(struct pw_sense *s)
{
    struct text *t = s->state;
    PW_TRY(pw_param_declare(s->params, PW_TABLE, PW_NORMAL, .05, 2, PW_SHAPE(pw_tok_vocab(t->tok), t->rank), &t->embed,
                            "%s.embed", s->own));
    return pw_param_declare(s->params, PW_MATRIX, PW_NORMAL, 1 / sqrt((double)t->rank), 2, PW_SHAPE(t->rank, s->d),
                            &t->widen, "%s.widen", s->own);
}

static pwy_status text_declare(struct pw_sense *s)
{
    struct text *t = s->state;
    PW_TRY(t->tok != NULL ? declare_own(s) : pw_text_embedding(s->params, s->stem, s->tok, s->d, &t->embed));
    return t->grams ? declare_grams(s) : PWY_OK;
}

/* How many texts have a gram in each row, by label; texts without a label count under label 0. */
static pwy_status count_text(struct pw_telling *c, const struct pw_value *value, int label)
{
    struct pw_tally tally = { 0 };
    pwy_status status = pw_grams(value->text, value->len, &tally);
    if (status == PWY_OK)
        status = pw_tally_sort(&tally);
    for (int64_t i = 0; i < tally.n && status == PWY_OK; i++)
        if (i == 0 || pw_tally_key(tally.slot[i]) >> 1 != pw_tally_key(tally.slot[i - 1]) >> 1)
            pw_telling_add(c, (int)(pw_tally_key(tally.slot[i]) >> 1), label, 1);
    pw_tally_free(&tally);
    return status;
}

/* The rows that tell most, ascending, and each one's idf. */
static pwy_status choose_rows(struct text *t, const struct pw_telling *c)
{
    if (t->rows != NULL)
        PW_TRY(pw_telling_choose(c, t->rows));
    for (int64_t i = 0; i < t->features; i++) {
        double df = pw_telling_sum(c, t->rows != NULL ? (int)t->rows->w[i] : (int)i);
        t->idf->w[i] = (real)(1 + pw_ln((1.0 + (double)c->n) / (1.0 + df)));
    }
    return PWY_OK;
}

/* --- fit: a tokenizer of its own --- */

struct texts { const struct pw_fit *fit; int64_t row, bytes; };

static pwy_status next_text(void *arg, int64_t i, const char **text, int64_t *len)
{
    struct texts *in = arg;
    (void)i;
    while (in->row < in->fit->n_train && in->bytes < TOK_BYTES) {
        const struct pw_value *value = NULL;
        struct pw_goal goal;
        PW_TRY(in->fit->row(in->fit->arg, in->row++, &value, &goal));
        if (value == NULL || value->type != PW_VALUE_TEXT)
            continue;
        *text = value->text;
        in->bytes += *len = value->len;
        return PWY_OK;
    }
    *len = -1;
    return PWY_OK;
}

static pwy_status make_tokenizer(struct text *t, const struct pw_fit *rows)
{
    struct texts in = { .fit = rows };
    if (t->vocab == 0 || t->tok != NULL)
        return PWY_OK;
    return pw_tok_train(t->vocab, next_text, &in, &t->tok);
}

static pwy_status fit_grams(struct pw_sense *s, const struct pw_fit *rows)
{
    const struct pw_telling_kind texts = { PW_VALUE_TEXT, 0, FIT_ROWS, count_text };
    struct text *t = s->state;
    struct pw_telling c = { 0 };
    PW_TRY(declare_grams(s));
    pwy_status status = pw_telling_open(&c, PW_GRAM_ROWS, t->rows != NULL ? pw_telling_labels(rows) : 1);
    if (status == PWY_OK)
        status = pw_telling_count(&c, rows, &texts);
    if (status == PWY_OK)
        status = choose_rows(t, &c);
    pw_telling_close(&c);
    return status;
}

static pwy_status text_fit(struct pw_sense *s, const struct pw_fit *rows)
{
    struct text *t = s->state;
    PW_TRY(make_tokenizer(t, rows));
    return t->grams ? fit_grams(s, rows) : PWY_OK;
}

static pwy_status text_save(const struct pw_sense *s, struct pw_node *into)
{
    const struct text *t = s->state;
    if (t->tok == NULL)
        return PWY_OK;
    char *json = pw_tok_json(t->tok);
    PW_NEED(json);
    pwy_status status = pw_node_put_text(into, "tokenizer", json);
    free(json);
    return status;
}

static pwy_status text_load(struct pw_sense *s, const struct pw_node *from)
{
    struct text *t = s->state;
    const struct pw_node *tok = pw_node_get(from, "tokenizer");
    if (t->vocab == 0)
        return PWY_OK;
    if (tok == NULL || tok->kind != PW_SCALAR)
        return pw_fail(PWY_E_FORMAT, "text has a vocab of its own, but its tokenizer is not there");
    return pw_tok_load(tok->text, strlen(tok->text), "text's tokenizer", &t->tok);
}

/* Which of the features a gram's row is, looked for from *from on. -1: none. */
static int32_t feature_of(const struct text *t, uint32_t row, int64_t *from)
{
    return t->rows == NULL ? (int32_t)row : pw_telling_find(t->rows, (real)row, from);
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
    PW_TRY(pw_tok_encode(t->tok != NULL ? t->tok : s->tok, value->text, value->len, e.ids, t->tokens, &e.n_ids, false));
    e.n_tokens = (int)e.n_ids;
    if (t->grams)
        PW_TRY(encode_wide(t, value, arena, &e));
    *out = e;
    return PWY_OK;
}

/* What backward needs: the ids of all values, one behind the other, and their narrow embeddings. */
struct text_keep { int32_t *id; int n; real *narrow; };

static pwy_status gather_ids(struct pw_exec *x, int n, const struct pw_encoded *const *in, struct text_keep *k)
{
    int64_t total = 0;
    for (int i = 0; i < n; i++)
        total += in[i]->n_ids;
    PW_NEED(k->id = pw_arena_take(x->arena, (size_t)total + 1, sizeof *k->id));
    k->n = 0;
    for (int i = 0; i < n; i++) {
        if (in[i]->n_ids > 0)
            memcpy(k->id + k->n, in[i]->ids, (size_t)in[i]->n_ids * sizeof *k->id);
        k->n += (int)in[i]->n_ids;
    }
    return PWY_OK;
}

static pwy_status text_forward(const struct pw_sense *s, struct pw_exec *x, int n, const struct pw_encoded *const *in,
                               real *rows, real *wide, void **keep)
{
    const struct text *t = s->state;
    struct text_keep *k = pw_arena_take(x->arena, 1, sizeof *k);
    (void)wide;
    PW_NEED(k);
    PW_TRY(gather_ids(x, n, in, k));
    if (keep != NULL)
        *keep = k;
    if (t->widen == NULL)
        return pw_embed(x, k->n, k->id, t->embed, rows);
    PW_NEED(k->narrow = pw_arena_take(x->arena, (size_t)k->n * (size_t)t->rank + 1, sizeof(real)));
    PW_TRY(pw_embed(x, k->n, k->id, t->embed, k->narrow));
    return pw_dense(x, k->n, k->narrow, t->widen, NULL, rows);
}

static pwy_status text_backward(const struct pw_sense *s, struct pw_exec *x, int n, const struct pw_encoded *const *in,
                                void *keep, const real *drows, const real *dwide)
{
    const struct text *t = s->state;
    const struct text_keep *k = keep;
    real *dnarrow;
    (void)n, (void)in, (void)dwide;
    if (t->widen == NULL)
        return pw_trains(t->embed) ? pw_embed_back(x, k->n, k->id, t->embed, drows) : PWY_OK;
    PW_NEED(dnarrow = pw_arena_zero(x->arena, (size_t)k->n * (size_t)t->rank + 1, sizeof(real)));
    PW_TRY(pw_dense_back(x, k->n, k->narrow, t->widen, NULL, drows, dnarrow));
    return pw_embed_back(x, k->n, k->id, t->embed, dnarrow);
}

const struct pw_sense_ops pw_sense_text = {
    .name = "text", .takes = PW_VALUE_TEXT, .settings = settings, .limit = { "features", PW_GRAM_ROWS, 0 },
    .input = { "tokens", 1, true }, .sign = &pw_sign_text, .open = text_open, .fit = text_fit,
    .save = text_save, .load = text_load, .declare = text_declare, .encode = text_encode, .forward = text_forward,
    .backward = text_backward, .close = text_close
};

/* Raw bytes as two rich tokens: a linear map of the histogram, and one of hashed pairs of neighbouring bytes. The wide
   path gets the histogram, the histogram at each place mod 4 (instructions of fixed width show there) and the pairs:
   all, or those that tell most about the label.
   Settings and scales as measured on file fragments and machine code. */
#include "sense/bag.h"
#include "sense/telling.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

enum { PHASES = 4, BUCKETS = 8192 };    /* BUCKETS: of the pairs' hash for the trunk */
enum { WIDE_PHASE = 256, WIDE_PAIR = WIDE_PHASE + PHASES * 256, PAIRS = 65536 };
enum { FIT_ROWS = 20000 };              /* records that the pairs are chosen by, at most */

struct bytes {
    int64_t n_pairs;                    /* setting: of the wide path's pairs, how many it has */
    struct pw_param *chosen;            /* (n_pairs) ascending; NULL: all of them */
    struct pw_param *histogram;         /* (256, d) */
    struct pw_param *bigram;            /* (BUCKETS, d) */
    struct pw_param *norm[2];           /* (d) */
    struct pw_param *position;          /* (2, d) */
};

/* What backward needs of the m values that are there. */
struct bytes_keep {
    int m;
    real *hist;                         /* (m, 256) */
    struct pw_sparse pairs;             /* (m, BUCKETS) */
    real *pre[2], *rstd[2];             /* (m, d), (m): before the norms */
};

static const struct pw_option settings[] = {
    { "pairs", PW_OPT_INT, offsetof(struct bytes, n_pairs), 16, PAIRS }, { 0 }
};

static void bytes_close(struct pw_sense *s)
{
    free(s->state);
    s->state = NULL;
}

static pwy_status bytes_open(struct pw_sense *s, const struct pw_node *node)
{
    struct bytes *b;
    PW_NEED(s->state = b = pw_calloc(1, sizeof *b));
    b->n_pairs = PAIRS;
    pwy_status status = pw_sense_options(node, "bytes", settings, b);
    s->wide_rows = WIDE_PAIR + b->n_pairs;
    s->left_out = (PAIRS - b->n_pairs) * s->outputs;
    if (status != PWY_OK)
        bytes_close(s);
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

static pwy_status declare_chosen(struct pw_sense *s)
{
    struct bytes *b = s->state;
    if (b->n_pairs == PAIRS)
        return PWY_OK;
    return pw_param_declare(s->params, PW_CONST, PW_ZEROS, 0, 1, PW_SHAPE(b->n_pairs), &b->chosen, "%s.pairs", s->own);
}

static pwy_status bytes_declare(struct pw_sense *s)
{
    struct bytes *b = s->state;
    struct pw_params *set = s->params;
    PW_TRY(declare_chosen(s));
    PW_TRY(pw_param_declare(set, PW_MATRIX, PW_UNIFORM, 1 / sqrt(256), 2, PW_SHAPE(256, s->d), &b->histogram,
                            "%s.histogram", s->stem));
    PW_TRY(pw_param_declare(set, PW_TABLE, PW_UNIFORM, 1 / sqrt(BUCKETS), 2, PW_SHAPE(BUCKETS, s->d), &b->bigram,
                            "%s.bigram", s->stem));
    for (int i = 0; i < 2; i++)
        PW_TRY(pw_param_declare(set, PW_VECTOR, PW_ONES, 0, 1, PW_SHAPE(s->d), &b->norm[i], "%s.norm%d", s->stem,
                                i + 1));
    return pw_param_declare(set, PW_VECTOR, PW_NORMAL, .1, 2, PW_SHAPE(2, s->d), &b->position, "%s.position",
                            s->stem);
}

/* Pairs by value: key first << 8 | second. */
static pwy_status count_pairs(const unsigned char *data, int64_t len, struct pw_tally *tally)
{
    for (int64_t i = 0; i + 1 < len; i++)
        PW_TRY(pw_tally_add(tally, (uint32_t)data[i] << 8 | data[i + 1]));
    return pw_tally_sort(tally);
}

/* --- fit: the pairs that tell most about the label --- */

/* A record's pairs as the wide path has them: square roots of relative frequencies. */
static double pair_value(uint64_t entry, int64_t len)
{
    return sqrt((double)pw_tally_count(entry) / (double)(len - 1));
}

static pwy_status tell_record(struct pw_telling *t, const struct pw_value *value, int label)
{
    struct pw_tally pairs = { 0 };
    pwy_status status = count_pairs((const unsigned char *)value->text, value->len, &pairs);
    for (int64_t i = 0; i < pairs.n && status == PWY_OK; i++)
        pw_telling_add(t, (int)pw_tally_key(pairs.slot[i]), label, pair_value(pairs.slot[i], value->len));
    pw_tally_free(&pairs);
    return status;
}

static pwy_status bytes_fit(struct pw_sense *s, const struct pw_fit *rows)
{
    struct bytes *b = s->state;
    const struct pw_telling_kind records = { PW_VALUE_BYTES, 1, FIT_ROWS, tell_record };
    struct pw_telling t = { 0 };
    if (b->n_pairs == PAIRS)
        return PWY_OK;
    PW_TRY(declare_chosen(s));
    pwy_status status = pw_telling_open(&t, PAIRS, pw_telling_labels(rows));
    if (status == PWY_OK)
        status = pw_telling_count(&t, rows, &records);
    if (status == PWY_OK)
        status = pw_telling_choose(&t, b->chosen);
    pw_telling_close(&t);
    return status;
}

/* --- one record --- */

/* count (PHASES, 256) at each place mod PHASES. */
static void count_bytes(const unsigned char *data, int64_t len, int64_t count[PHASES * 256])
{
    memset(count, 0, PHASES * 256 * sizeof *count);
    for (int64_t i = 0; i < len; i++)
        count[i % PHASES * 256 + data[i]]++;
}

static void add_wide(struct pw_encoded *e, int index, double value)
{
    e->wide_index[e->n_wide] = index;
    e->wide_value[e->n_wide++] = (real)value;
}

/* The pairs that the wide path has; len 1: there are none. */
static void fill_pairs(const struct bytes *b, const struct pw_tally *pairs, int64_t len, struct pw_encoded *e)
{
    int64_t from = 0;
    for (int64_t i = 0; i < pairs->n; i++) {
        uint32_t pair = pw_tally_key(pairs->slot[i]);
        int32_t at = b->chosen == NULL ? (int32_t)pair : pw_telling_find(b->chosen, (real)pair, &from);
        if (at >= 0)
            add_wide(e, WIDE_PAIR + at, pair_value(pairs->slot[i], len));
    }
}

/* Three blocks, each of length 1 (the pairs less where some are left out): square roots of relative frequencies. */
static void fill_wide(const struct bytes *b, const int64_t *count, const struct pw_tally *pairs, int64_t len,
                      struct pw_encoded *e)
{
    for (int i = 0; i < 256; i++) {
        int64_t n = count[i] + count[256 + i] + count[512 + i] + count[768 + i];
        if (n > 0)
            add_wide(e, i, sqrt((double)n / (double)len));
    }
    for (int i = 0; i < PHASES * 256; i++)
        if (count[i] > 0)
            add_wide(e, WIDE_PHASE + i, sqrt((double)count[i] / (double)len));
    fill_pairs(b, pairs, len, e);
}

/* The first token's 256 numbers, then a weight for each bucket of pairs; ids are the buckets. */
static void fill_tokens(const int64_t *count, const struct pw_tally *pairs, int64_t len, uint32_t *bucket,
                        struct pw_encoded *e)
{
    for (int i = 0; i < 256; i++) {
        int64_t n = count[i] + count[256 + i] + count[512 + i] + count[768 + i];
        e->reals[i] = (real)(sqrt(256.0 * (double)n / (double)len) * .5 - .3);
    }
    memset(bucket, 0, BUCKETS * sizeof *bucket);
    for (int64_t i = 0; i < pairs->n; i++)
        bucket[pw_tally_key(pairs->slot[i]) * 0x9E3779B1u >> 19] += pw_tally_count(pairs->slot[i]);
    e->n_reals = 256;
    for (int i = 0; i < BUCKETS; i++) {
        if (bucket[i] == 0)
            continue;
        e->ids[e->n_ids++] = i;
        e->reals[e->n_reals++] = (real)(8 * sqrt((double)bucket[i] / (double)(len - 1)));
    }
}

/* Room for the features of n distinct pairs. */
static pwy_status make_room(struct pw_arena *arena, int64_t n, struct pw_encoded *e)
{
    size_t wide = WIDE_PAIR + (size_t)n;
    PW_NEED(e->reals = pw_arena_take(arena, 256 + (size_t)n, sizeof *e->reals));
    PW_NEED(e->ids = pw_arena_take(arena, (size_t)n + 1, sizeof *e->ids));
    PW_NEED(e->wide_index = pw_arena_take(arena, wide, sizeof *e->wide_index));
    PW_NEED(e->wide_value = pw_arena_take(arena, wide, sizeof *e->wide_value));
    return PWY_OK;
}

static pwy_status encode_pairs(const struct bytes *b, const unsigned char *data, int64_t len, struct pw_arena *arena,
                               struct pw_tally *pairs, struct pw_encoded *e)
{
    int64_t count[PHASES * 256];
    uint32_t bucket[BUCKETS];
    PW_TRY(count_pairs(data, len, pairs));
    PW_TRY(make_room(arena, pairs->n, e));
    count_bytes(data, len, count);
    fill_tokens(count, pairs, len, bucket, e);
    fill_wide(b, count, pairs, len, e);
    e->n_tokens = 2;
    return PWY_OK;
}

static pwy_status bytes_encode(const struct pw_sense *s, const struct pw_value *value, struct pw_rng *augment,
                               struct pw_arena *arena, struct pw_encoded *out)
{
    struct pw_encoded e = { 0 };
    struct pw_tally pairs = { 0 };
    (void)augment;
    if (value == NULL || value->type == PW_VALUE_NONE) {
        *out = e;
        return PWY_OK;
    }
    if (value->type != PW_VALUE_BYTES)
        return pw_fail(PWY_E_DATA, "value is not raw bytes");
    if (value->len <= 0)
        return pw_fail(PWY_E_DATA, "record has 0 bytes");
    pwy_status status = encode_pairs(s->state, (const unsigned char *)value->text, value->len, arena, &pairs, &e);
    pw_tally_free(&pairs);
    if (status == PWY_OK)
        *out = e;
    return status;
}

/* The values that are there, as the matrices that the layers take. */
static pwy_status gather(struct pw_exec *x, int n, const struct pw_encoded *const *in, struct bytes_keep *k)
{
    int64_t total = 0, at = 0;
    for (int i = 0; i < n; i++) {
        total += in[i]->n_ids;
        k->m += in[i]->n_tokens > 0;
    }
    int64_t *start = pw_arena_take(x->arena, (size_t)k->m + 1, sizeof *start);
    int32_t *index = pw_arena_take(x->arena, (size_t)total + 1, sizeof *index);
    real *value = pw_arena_take(x->arena, (size_t)total + 1, sizeof *value);
    k->hist = pw_arena_take(x->arena, (size_t)k->m * 256 + 1, sizeof *k->hist);
    if (start == NULL || index == NULL || value == NULL || k->hist == NULL)
        return PWY_E_NOMEM;
    k->pairs = (struct pw_sparse){ 0, start, index, value };
    start[0] = 0;
    for (int i = 0; i < n; i++) {
        if (in[i]->n_tokens == 0)
            continue;
        memcpy(k->hist + (size_t)k->pairs.n * 256, in[i]->reals, 256 * sizeof(real));
        memcpy(index + at, in[i]->ids, (size_t)in[i]->n_ids * sizeof *index);
        memcpy(value + at, in[i]->reals + 256, (size_t)in[i]->n_ids * sizeof *value);
        at += in[i]->n_ids;
        start[++k->pairs.n] = at;
    }
    return PWY_OK;
}

/* The norm of one of the two tokens, and its position, into every second row. */
static pwy_status finish_token(const struct pw_sense *s, struct pw_exec *x, struct bytes_keep *k, int token, real *rows)
{
    const struct bytes *b = s->state;
    real *out = pw_arena_take(x->arena, (size_t)k->m * s->d + 1, sizeof *out);
    k->rstd[token] = pw_arena_take(x->arena, (size_t)k->m + 1, sizeof *out);
    if (out == NULL || k->rstd[token] == NULL)
        return PWY_E_NOMEM;
    PW_TRY(pw_rmsnorm(x, k->m, s->d, k->pre[token], b->norm[token], out, k->rstd[token]));
    for (int i = 0; i < k->m; i++) {
        real *row = rows + (size_t)(2 * i + token) * s->d;
        memcpy(row, out + (size_t)i * s->d, (size_t)s->d * sizeof *row);
        x->kern->add(s->d, b->position->w + (size_t)token * s->d, row);
    }
    return PWY_OK;
}

static pwy_status bytes_forward(const struct pw_sense *s, struct pw_exec *x, int n, const struct pw_encoded *const *in,
                                real *rows, real *wide, void **keep)
{
    const struct bytes *b = s->state;
    struct bytes_keep *k = pw_arena_zero(x->arena, 1, sizeof *k);
    (void)wide;
    PW_NEED(k);
    PW_TRY(gather(x, n, in, k));
    for (int i = 0; i < 2; i++)
        PW_NEED(k->pre[i] = pw_arena_zero(x->arena, (size_t)k->m * s->d + 1, sizeof(real)));
    PW_TRY(pw_dense(x, k->m, k->hist, b->histogram, NULL, k->pre[0]));
    PW_TRY(pw_bag(x, &k->pairs, b->bigram, k->pre[1]));
    for (int i = 0; i < 2; i++)
        PW_TRY(finish_token(s, x, k, i, rows));
    if (keep != NULL)
        *keep = k;
    return PWY_OK;
}

/* Back through position and norm: *dpre (m, d) for one of the two tokens. */
static pwy_status start_token_back(const struct pw_sense *s, struct pw_exec *x, const struct bytes_keep *k, int token,
                                   const real *drows, real **dpre)
{
    const struct bytes *b = s->state;
    size_t d = (size_t)s->d;
    real *dout = pw_arena_take(x->arena, (size_t)k->m * d + 1, sizeof *dout);
    *dpre = pw_arena_zero(x->arena, (size_t)k->m * d + 1, sizeof **dpre);
    if (dout == NULL || *dpre == NULL)
        return PWY_E_NOMEM;
    for (int i = 0; i < k->m; i++) {
        memcpy(dout + (size_t)i * d, drows + (size_t)(2 * i + token) * d, d * sizeof *dout);
        if (pw_trains(b->position))
            x->kern->add(s->d, dout + (size_t)i * d, b->position->g + (size_t)token * d);
    }
    return pw_rmsnorm_back(x, k->m, s->d, k->pre[token], k->rstd[token], b->norm[token], dout, *dpre);
}

static pwy_status bytes_backward(const struct pw_sense *s, struct pw_exec *x, int n, const struct pw_encoded *const *in,
                                 void *keep, const real *drows, const real *dwide)
{
    const struct bytes *b = s->state;
    const struct bytes_keep *k = keep;
    real *dpre;
    (void)n, (void)in, (void)dwide;
    PW_TRY(start_token_back(s, x, k, 0, drows, &dpre));
    PW_TRY(pw_dense_back(x, k->m, k->hist, b->histogram, NULL, dpre, NULL));
    PW_TRY(start_token_back(s, x, k, 1, drows, &dpre));
    return pw_bag_back(x, &k->pairs, b->bigram, dpre);
}

const struct pw_sense_ops pw_sense_bytes = {
    .name = "bytes", .takes = PW_VALUE_BYTES, .settings = settings, .limit = { "pairs", PAIRS, WIDE_PAIR },
    .sign = &pw_sign_bytes, .open = bytes_open, .fit = bytes_fit, .save = nothing_to_save, .load = nothing_to_load,
    .declare = bytes_declare, .encode = bytes_encode, .forward = bytes_forward, .backward = bytes_backward,
    .close = bytes_close
};

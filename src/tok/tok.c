/* The life of a tokenizer: put together piece by piece, then counted and never changed. */
#include "tok/bpe.h"

#include <stdlib.h>
#include <string.h>

const char pw_tok_pattern[] =
    "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+";
const char pw_tok_end_text[] = "<end>";

static void discard(pwy_tokenizer *t)
{
    for (int64_t i = 0; i < t->n_specials; i++)
        free(t->specials[i].text);
    free(t->specials);
    free(t->merges);
    free(t->start);
    free(t->pattern);
    pw_buf_free(&t->bytes);
    pw_pairs_free(&t->ranks);
    pw_split_forget(t->code);
    free(t);
}

pwy_status pw_tok_blank(const char *pattern, pwy_tokenizer **out)
{
    pwy_tokenizer *t = pw_calloc(1, sizeof *t);
    PW_NEED(t);
    t->count = 1;
    t->end = -1;
    t->pattern = pw_strdup(pattern != NULL ? pattern : pw_tok_pattern);
    pwy_status status = t->pattern != NULL ? pw_split_compile(t->pattern, &t->code) : PWY_E_NOMEM;
    if (status != PWY_OK) {
        discard(t);
        return status;
    }
    *out = t;
    return PWY_OK;
}

pwy_status pw_tok_add_piece(pwy_tokenizer *t, const char *bytes, int64_t len)
{
    if (t->vocab + 2 > t->cap) {
        int64_t cap = t->cap > 0 ? 2 * t->cap : 512;
        int64_t *start = pw_realloc(t->start, (size_t)cap, sizeof *start);
        PW_NEED(start);
        t->start = start;
        t->cap = cap;
    }
    if (len > 0)
        PW_TRY(pw_buf_add(&t->bytes, bytes, (size_t)len));
    t->start[t->vocab] = (int64_t)t->bytes.len - len;
    t->start[++t->vocab] = (int64_t)t->bytes.len;
    return PWY_OK;
}

pwy_status pw_tok_add_merge(pwy_tokenizer *t, int32_t a, int32_t b, int32_t id)
{
    if (t->n_merges == t->cap_merges) {
        int64_t cap = t->cap_merges > 0 ? 2 * t->cap_merges : 512;
        struct pw_merge *merges = pw_realloc(t->merges, (size_t)cap, sizeof *merges);
        PW_NEED(merges);
        t->merges = merges;
        t->cap_merges = cap;
    }
    PW_TRY(pw_pairs_add(&t->ranks, a, b, (int32_t)t->n_merges));
    t->merges[t->n_merges++] = (struct pw_merge){ a, b, id };
    return PWY_OK;
}

pwy_status pw_tok_add_special(pwy_tokenizer *t, int32_t id, const char *text)
{
    struct pw_special *specials = pw_realloc(t->specials, (size_t)t->n_specials + 1, sizeof *specials);
    PW_NEED(specials);
    t->specials = specials;
    char *copy = pw_strdup(text);
    PW_NEED(copy);
    specials[t->n_specials++] = (struct pw_special){ id, copy };
    return PWY_OK;
}

/* The pieces that every tokenizer made here begins with. */
static pwy_status add_bytes(pwy_tokenizer *t)
{
    for (int i = 0; i < 256; i++) {
        char byte = (char)i;
        t->byte_id[i] = i;
        PW_TRY(pw_tok_add_piece(t, &byte, 1));
    }
    t->end = PW_TOK_END;
    PW_TRY(pw_tok_add_piece(t, "", 0));
    return pw_tok_add_special(t, PW_TOK_END, pw_tok_end_text);
}

pwy_status pw_tok_bytes(pwy_tokenizer **out)
{
    pwy_tokenizer *t;
    PW_TRY(pw_tok_blank(NULL, &t));
    pwy_status status = add_bytes(t);
    if (status != PWY_OK) {
        discard(t);
        return status;
    }
    *out = t;
    return PWY_OK;
}

pwy_tokenizer *pw_tok_hold(pwy_tokenizer *t)
{
    if (t != NULL)
        __atomic_add_fetch(&t->count, 1, __ATOMIC_RELAXED);
    return t;
}

void pw_tok_release(pwy_tokenizer *t)
{
    if (t != NULL && __atomic_sub_fetch(&t->count, 1, __ATOMIC_ACQ_REL) == 0)
        discard(t);
}

int64_t pw_tok_vocab(const pwy_tokenizer *t)
{
    return t->vocab;
}

int32_t pw_tok_end(const pwy_tokenizer *t)
{
    return t->end;
}

const char *pw_tok_piece(const pwy_tokenizer *t, int32_t id, int64_t *len)
{
    *len = 0;
    if (id < 0 || id >= t->vocab)
        return "";
    *len = t->start[id + 1] - t->start[id];
    return *len > 0 ? t->bytes.data + t->start[id] : "";
}

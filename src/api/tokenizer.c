/* pathways/tokenizer.h. */
#include "api/check.h"
#include "pathways/tokenizer.h"
#include "sys/file.h"
#include "tok/tok.h"

#include <stdlib.h>
#include <string.h>

pwy_status pwy_tokenizer_bytes(pwy_tokenizer **out)
{
    PW_GIVEN(out);
    return pw_tok_bytes(out);
}

struct texts { const char *const *text; const int64_t *len; int64_t n; };

static pwy_status next_text(void *arg, int64_t i, const char **text, int64_t *len)
{
    const struct texts *texts = arg;
    *len = -1;
    if (i >= texts->n)
        return PWY_OK;
    *text = texts->text[i];
    if (*text == NULL)
        return pw_fail(PWY_E_ARGUMENT, "text %lld is NULL", (long long)i);
    *len = texts->len != NULL ? texts->len[i] : (int64_t)strlen(*text);
    return *len >= 0 ? PWY_OK : pw_fail(PWY_E_ARGUMENT, "text %lld has length %lld", (long long)i, (long long)*len);
}

pwy_status pwy_tokenizer_train(const char *const *texts, const int64_t *lens, int64_t n, int64_t vocab,
                               pwy_tokenizer **out)
{
    struct texts all = { texts, lens, n };
    PW_GIVEN(out);
    if (n < 0)
        return pw_fail(PWY_E_ARGUMENT, "n is %lld: the number of texts is 0 or more", (long long)n);
    if (n > 0)
        PW_GIVEN(texts);
    return pw_tok_train(vocab, next_text, &all, out);
}

pwy_status pwy_tokenizer_open(const char *path, pwy_tokenizer **out)
{
    struct pw_mapping file;
    PW_GIVEN(path);
    PW_GIVEN(out);
    PW_TRY(pw_map_open(path, &file));
    pwy_status status = pw_tok_load(file.data, file.len, path, out);
    pw_map_close(&file);
    return status;
}

pwy_status pwy_tokenizer_parse(const char *json, int64_t len, const char *name, pwy_tokenizer **out)
{
    PW_GIVEN(json);
    PW_GIVEN(out);
    return pw_tok_load(json, len < 0 ? strlen(json) : (size_t)len, name, out);
}

pwy_status pwy_tokenizer_save(const pwy_tokenizer *tokenizer, const char *path)
{
    struct pw_replace *file;
    PW_GIVEN(tokenizer);
    PW_GIVEN(path);
    char *json = pw_tok_json(tokenizer);
    PW_NEED(json);
    pwy_status status = pw_replace_begin(path, &file);
    if (status == PWY_OK) {
        status = pw_write_all(pw_replace_fd(file), json, strlen(json), path);
        if (status == PWY_OK)
            status = pw_replace_commit(file);
        else
            pw_replace_abort(file);
    }
    free(json);
    return status;
}

void pwy_tokenizer_free(pwy_tokenizer *tokenizer)
{
    pw_tok_release(tokenizer);
}

int64_t pwy_tokenizer_vocab(const pwy_tokenizer *tokenizer)
{
    return tokenizer != NULL ? pw_tok_vocab(tokenizer) : 0;
}

pwy_status pwy_tokenizer_encode(const pwy_tokenizer *tokenizer, const char *text, int64_t len, int32_t *ids,
                                int64_t cap, int64_t *n)
{
    PW_GIVEN(tokenizer);
    PW_GIVEN(text);
    PW_GIVEN(n);
    if (cap < 0)
        return pw_fail(PWY_E_ARGUMENT, "cap is %lld: the room for ids is 0 or more", (long long)cap);
    if (cap > 0)
        PW_GIVEN(ids);
    return pw_tok_encode(tokenizer, text, len < 0 ? (int64_t)strlen(text) : len, ids, cap, n, true);
}

static pwy_status join_pieces(const pwy_tokenizer *tokenizer, const int32_t *ids, int64_t n, struct pw_buf *text)
{
    for (int64_t i = 0; i < n; i++) {
        int64_t len;
        if (ids[i] < 0 || ids[i] >= pw_tok_vocab(tokenizer))
            return pw_fail(PWY_E_ARGUMENT, "id %lld is %d, not one of 0 .. %lld", (long long)i, ids[i],
                           (long long)pw_tok_vocab(tokenizer) - 1);
        const char *piece = pw_tok_piece(tokenizer, ids[i], &len);
        PW_TRY(pw_buf_add(text, piece, (size_t)len));
    }
    return pw_buf_add(text, "", 0);
}

pwy_status pwy_tokenizer_decode(const pwy_tokenizer *tokenizer, const int32_t *ids, int64_t n, char **text,
                                int64_t *len)
{
    struct pw_buf joined = { 0 };
    PW_GIVEN(tokenizer);
    PW_GIVEN(text);
    if (n < 0)
        return pw_fail(PWY_E_ARGUMENT, "n is %lld: the number of ids is 0 or more", (long long)n);
    if (n > 0)
        PW_GIVEN(ids);
    pwy_status status = join_pieces(tokenizer, ids, n, &joined);
    if (status != PWY_OK) {
        pw_buf_free(&joined);
        return status;
    }
    *text = joined.data;
    if (len != NULL)
        *len = (int64_t)joined.len;
    return PWY_OK;
}

pwy_status pwy_detokenizer_new(pwy_tokenizer *tokenizer, pwy_detokenizer **out)
{
    PW_GIVEN(tokenizer);
    PW_GIVEN(out);
    return pw_detok_new(tokenizer, out);
}

pwy_status pwy_detokenizer_feed(pwy_detokenizer *detokenizer, int32_t id, const char **text)
{
    PW_GIVEN(detokenizer);
    PW_GIVEN(text);
    return pw_detok_feed(detokenizer, id, text);
}

void pwy_detokenizer_free(pwy_detokenizer *detokenizer)
{
    pw_detok_free(detokenizer);
}

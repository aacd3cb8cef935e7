/* Ids to text, one by one: a character goes out when its last byte is there. */
#include "tok/bpe.h"

#include <stdlib.h>
#include <string.h>

struct pwy_detokenizer {
    pwy_tokenizer *t;                   /* held */
    struct pw_buf pending;              /* bytes that are no whole character yet: at most 3 between calls */
    struct pw_buf out;
};

static const char replacement[] = "\xef\xbf\xbd";      /* U+FFFD */

pwy_status pw_detok_new(pwy_tokenizer *t, pwy_detokenizer **out)
{
    pwy_detokenizer *d = pw_calloc(1, sizeof *d);
    PW_NEED(d);
    d->t = pw_tok_hold(t);
    *out = d;
    return PWY_OK;
}

void pw_detok_free(pwy_detokenizer *d)
{
    if (d == NULL)
        return;
    pw_tok_release(d->t);
    pw_buf_free(&d->pending);
    pw_buf_free(&d->out);
    free(d);
}

/* One character of the pending bytes to the output; how many bytes it took, 0: it is not whole, -1: no memory.
   A NUL cannot stand in a text that ends with one, so it is replaced like broken bytes. */
static int64_t give(pwy_detokenizer *d, const char *s, int64_t left, bool flush)
{
    int n = pw_utf8_len((const unsigned char *)s, left);
    if (n < 0 && !flush)
        return 0;
    bool good = n > 0 && s[0] != '\0';
    if (pw_buf_add(&d->out, good ? s : replacement, good ? (size_t)n : sizeof replacement - 1) != PWY_OK)
        return -1;
    return n > 0 ? n : 1;
}

/* Gives out what is whole, or with `flush` everything, and keeps the rest. */
static pwy_status drain(pwy_detokenizer *d, bool flush)
{
    int64_t at = 0, len = (int64_t)d->pending.len, n = 1;
    while (at < len && n > 0) {
        n = give(d, d->pending.data + at, len - at, flush);
        at += n > 0 ? n : 0;
    }
    if (n < 0)
        return PWY_E_NOMEM;
    if (at > 0)
        memmove(d->pending.data, d->pending.data + at, (size_t)(len - at));
    d->pending.len = (size_t)(len - at);
    return PWY_OK;
}

pwy_status pw_detok_feed(pwy_detokenizer *d, int32_t id, const char **text)
{
    int64_t len;
    if (id < 0 || id >= pw_tok_vocab(d->t))
        return pw_fail(PWY_E_ARGUMENT, "id %d is not one of the tokenizer's 0 .. %lld", id,
                       (long long)pw_tok_vocab(d->t) - 1);
    const char *piece = pw_tok_piece(d->t, id, &len);
    d->out.len = 0;
    if (len > 0)
        PW_TRY(pw_buf_add(&d->pending, piece, (size_t)len));
    PW_TRY(drain(d, len == 0));
    if (d->out.len > 0)
        d->out.data[d->out.len] = '\0';
    *text = d->out.len > 0 ? d->out.data : "";
    return PWY_OK;
}

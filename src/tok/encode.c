/* Text into ids: words by the pattern, then in each word the merges, lowest rank first, leftmost of equals first. */
#include "tok/bpe.h"

#include <stdlib.h>
#include <string.h>

/* The place of the first lowest rank, -1 when there is none. */
static int64_t lowest(const int32_t *rank, int64_t n)
{
    int64_t best = -1;
    for (int64_t i = 0; i < n; i++)
        if (rank[i] >= 0 && (best < 0 || rank[i] < rank[best]))
            best = i;
    return best;
}

int64_t pw_merge_short(const pwy_tokenizer *t, int32_t *id, int64_t n)
{
    int32_t rank[PW_WORD_SHORT];
    int64_t at;
    for (int64_t i = 0; i + 1 < n; i++)
        rank[i] = pw_pairs_find(&t->ranks, id[i], id[i + 1]);
    while ((at = lowest(rank, n - 1)) >= 0) {
        id[at] = t->merges[rank[at]].id;
        n--;
        memmove(id + at + 1, id + at + 2, (size_t)(n - at - 1) * sizeof *id);
        if (at + 1 < n) {
            memmove(rank + at + 1, rank + at + 2, (size_t)(n - at - 2) * sizeof *rank);
            rank[at] = pw_pairs_find(&t->ranks, id[at], id[at + 1]);
        }
        if (at > 0)
            rank[at - 1] = pw_pairs_find(&t->ranks, id[at - 1], id[at]);
    }
    return n;
}

/* A long word: its ids as a linked list, the pairs that could merge in a heap by (rank, place). */
struct chain {
    const pwy_tokenizer *t;
    int32_t *id, *next, *prev;          /* [n]; id -1: merged into the one before; next n, prev -1: none */
    int32_t n;
    uint64_t *heap;                     /* rank << 32 | place */
    int64_t n_heap;
};

static void heap_push(struct chain *c, uint64_t entry)
{
    int64_t i = c->n_heap++;
    for (; i > 0 && c->heap[(i - 1) / 2] > entry; i = (i - 1) / 2)
        c->heap[i] = c->heap[(i - 1) / 2];
    c->heap[i] = entry;
}

static uint64_t heap_pop(struct chain *c)
{
    uint64_t top = c->heap[0], last = c->heap[--c->n_heap];
    int64_t i = 0;
    for (int64_t child; (child = 2 * i + 1) < c->n_heap; i = child) {
        if (child + 1 < c->n_heap && c->heap[child + 1] < c->heap[child])
            child++;
        if (c->heap[child] >= last)
            break;
        c->heap[i] = c->heap[child];
    }
    c->heap[i] = last;
    return top;
}

/* The rank of the pair that stands at a place, -1: none. */
static int32_t rank_at(const struct chain *c, int32_t at)
{
    if (at < 0 || c->id[at] < 0 || c->next[at] >= c->n)
        return -1;
    return pw_pairs_find(&c->t->ranks, c->id[at], c->id[c->next[at]]);
}

static void offer(struct chain *c, int32_t at)
{
    int32_t rank = rank_at(c, at);
    if (rank >= 0)
        heap_push(c, (uint64_t)rank << 32 | (uint32_t)at);
}

static void merge_at(struct chain *c, int32_t at, int32_t rank)
{
    int32_t gone = c->next[at];
    c->id[at] = c->t->merges[rank].id;
    c->id[gone] = -1;
    c->next[at] = c->next[gone];
    if (c->next[at] < c->n)
        c->prev[c->next[at]] = at;
    offer(c, at);
    offer(c, c->prev[at]);
}

static int64_t run_chain(struct chain *c)
{
    int64_t left = 0;
    for (int32_t i = 0; i < c->n; i++) {
        c->next[i] = i + 1;
        c->prev[i] = i - 1;
    }
    for (int32_t i = 0; i < c->n; i++)
        offer(c, i);
    while (c->n_heap > 0) {
        uint64_t top = heap_pop(c);
        int32_t at = (int32_t)(uint32_t)top, rank = (int32_t)(top >> 32);
        if (rank_at(c, at) == rank)
            merge_at(c, at, rank);
    }
    for (int32_t i = 0; i < c->n; i = c->next[i])
        c->id[left++] = c->id[i];
    return left;
}

pwy_status pw_merge_long(const pwy_tokenizer *t, int32_t *id, int64_t *n)
{
    struct chain c = { .t = t, .id = id, .n = (int32_t)*n };
    c.next = pw_realloc(NULL, 2 * (size_t)*n + 1, sizeof *c.next);
    c.heap = pw_realloc(NULL, 3 * (size_t)*n + 1, sizeof *c.heap);
    bool have = c.next != NULL && c.heap != NULL;
    if (have) {
        c.prev = c.next + *n;
        *n = run_chain(&c);
    }
    free(c.next);
    free(c.heap);
    return have ? PWY_OK : PWY_E_NOMEM;
}

/* Where ids go: at most cap are kept, all are counted. */
struct sink { int32_t *id; int64_t cap, n; };

static void emit(struct sink *out, const int32_t *id, int64_t n)
{
    int64_t room = out->cap > out->n ? out->cap - out->n : 0;
    if (room > 0)
        memcpy(out->id + out->n, id, (size_t)(n < room ? n : room) * sizeof *id);
    out->n += n;
}

static pwy_status encode_long(const pwy_tokenizer *t, const unsigned char *word, int64_t len, struct sink *out)
{
    int64_t n = len;
    int32_t *id = pw_realloc(NULL, (size_t)len, sizeof *id);
    PW_NEED(id);
    for (int64_t i = 0; i < len; i++)
        id[i] = t->byte_id[word[i]];
    pwy_status status = t->n_merges > 0 ? pw_merge_long(t, id, &n) : PWY_OK;
    if (status == PWY_OK)
        emit(out, id, n);
    free(id);
    return status;
}

static pwy_status encode_word(const pwy_tokenizer *t, const char *word, int64_t len, struct sink *out)
{
    const unsigned char *byte = (const unsigned char *)word;
    int32_t id[PW_WORD_SHORT];
    if (len > PW_WORD_SHORT)
        return encode_long(t, byte, len, out);
    for (int64_t i = 0; i < len; i++)
        id[i] = t->byte_id[byte[i]];
    emit(out, id, t->n_merges > 0 ? pw_merge_short(t, id, len) : len);
    return PWY_OK;
}

/* Words until the text or, unless all are to be counted, the room ends. */
static pwy_status encode_words(const pwy_tokenizer *t, struct pw_split *split, struct sink *out, bool all)
{
    const char *word;
    int64_t len;
    for (;;) {
        PW_TRY(pw_split_next(split, &word, &len));
        if (len == 0)
            return PWY_OK;
        PW_TRY(encode_word(t, word, len, out));
        if (!all && out->n >= out->cap)
            return PWY_OK;
    }
}

/* Without merges a byte is an id. */
static void encode_bytes(const pwy_tokenizer *t, const char *text, int64_t len, struct sink *out)
{
    for (int64_t i = 0; i < len && i < out->cap; i++)
        out->id[i] = t->byte_id[(unsigned char)text[i]];
    out->n = len;
}

pwy_status pw_tok_encode(const pwy_tokenizer *t, const char *text, int64_t len, int32_t *id, int64_t cap, int64_t *n,
                         bool all)
{
    struct sink out = { id, cap, 0 };
    struct pw_split split;
    pwy_status status = PWY_OK;
    if (t->n_merges == 0) {
        encode_bytes(t, text, len, &out);
    } else if (all || cap > 0) {
        PW_TRY(pw_split_start(&split, t, text, len));
        status = encode_words(t, &split, &out, all);
        pw_split_end(&split);
    }
    if (status == PWY_OK)
        *n = all || out.n < cap ? out.n : cap;
    return status;
}

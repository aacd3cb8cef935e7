/* Training of byte-level BPE (Sennrich et al. 2016): the pair that stands most often becomes a new piece, again and
   again. Each distinct word is kept once with its count; a merge touches only the words where its pair stands, and a
   heap of pairs by count is put right when an entry comes to its top. */
#include "tok/bpe.h"

#include <stdlib.h>
#include <string.h>

struct word { int64_t start, count; int32_t len; };

struct pair {
    int32_t a, b;
    int64_t count;
    int32_t *where;                     /* words where it stood at some time, ascending */
    int32_t n, cap;
};

struct entry { int64_t count; int32_t pair; };

struct trainer {
    pwy_tokenizer *t;                   /* what it becomes */
    struct pw_map *names, *pieces;      /* distinct words; the bytes of each piece */
    struct word *words; int64_t n_words, cap_words;
    int32_t *id;                        /* the words' ids, one word behind the other */
    struct pw_pairs index;              /* pair -> place in `pairs` */
    struct pair *pairs; int32_t n_pairs, cap_pairs;
    struct entry *heap; int64_t n_heap, cap_heap;
};

static void release(struct trainer *tr)
{
    for (int32_t i = 0; i < tr->n_pairs; i++)
        free(tr->pairs[i].where);
    free(tr->pairs);
    free(tr->heap);
    free(tr->words);
    free(tr->id);
    pw_pairs_free(&tr->index);
    pw_map_free(tr->names);
    pw_map_free(tr->pieces);
    pw_tok_release(tr->t);
}

/* a before b: more often, then the smaller pair. */
static bool before(const struct trainer *tr, struct entry a, struct entry b)
{
    const struct pair *p = &tr->pairs[a.pair], *q = &tr->pairs[b.pair];
    return a.count != b.count ? a.count > b.count : pw_pair_key(p->a, p->b) < pw_pair_key(q->a, q->b);
}

static pwy_status heap_push(struct trainer *tr, struct entry entry)
{
    if (tr->n_heap == tr->cap_heap) {
        int64_t cap = tr->cap_heap > 0 ? 2 * tr->cap_heap : 1024;
        struct entry *heap = pw_realloc(tr->heap, (size_t)cap, sizeof *heap);
        PW_NEED(heap);
        tr->heap = heap;
        tr->cap_heap = cap;
    }
    int64_t i = tr->n_heap++;
    for (; i > 0 && before(tr, entry, tr->heap[(i - 1) / 2]); i = (i - 1) / 2)
        tr->heap[i] = tr->heap[(i - 1) / 2];
    tr->heap[i] = entry;
    return PWY_OK;
}

static struct entry heap_pop(struct trainer *tr)
{
    struct entry top = tr->heap[0], last = tr->heap[--tr->n_heap];
    int64_t i = 0;
    for (int64_t child; (child = 2 * i + 1) < tr->n_heap; i = child) {
        if (child + 1 < tr->n_heap && before(tr, tr->heap[child + 1], tr->heap[child]))
            child++;
        if (!before(tr, tr->heap[child], last))
            break;
        tr->heap[i] = tr->heap[child];
    }
    tr->heap[i] = last;
    return top;
}

/* The pair's place, made when it is new; -1: no memory. */
static int32_t find_pair(struct trainer *tr, int32_t a, int32_t b)
{
    int32_t place = pw_pairs_find(&tr->index, a, b);
    if (place >= 0)
        return place;
    if (tr->n_pairs == tr->cap_pairs) {
        int32_t cap = tr->cap_pairs > 0 ? 2 * tr->cap_pairs : 4096;
        struct pair *pairs = pw_realloc(tr->pairs, (size_t)cap, sizeof *pairs);
        if (pairs == NULL)
            return -1;
        tr->pairs = pairs;
        tr->cap_pairs = cap;
    }
    if (pw_pairs_add(&tr->index, a, b, tr->n_pairs) != PWY_OK)
        return -1;
    tr->pairs[tr->n_pairs] = (struct pair){ .a = a, .b = b };
    return tr->n_pairs++;
}

static pwy_status note_word(struct pair *p, int32_t word)
{
    if (p->n > 0 && p->where[p->n - 1] == word)
        return PWY_OK;
    if (p->n == p->cap) {
        int32_t cap = p->cap > 0 ? 2 * p->cap : 4;
        int32_t *where = pw_realloc(p->where, (size_t)cap, sizeof *where);
        PW_NEED(where);
        p->where = where;
        p->cap = cap;
    }
    p->where[p->n++] = word;
    return PWY_OK;
}

/* The pair stands `change` times more (or less) in a word. */
static pwy_status count_pair(struct trainer *tr, int32_t a, int32_t b, int64_t change, int32_t word)
{
    int32_t place = find_pair(tr, a, b);
    if (place < 0)
        return PWY_E_NOMEM;
    tr->pairs[place].count += change;
    return change > 0 ? note_word(&tr->pairs[place], word) : PWY_OK;
}

static pwy_status add_word(struct trainer *tr, const char *text, int64_t len)
{
    int64_t place = pw_map_add(tr->names, text, (size_t)len);
    if (place < 0)
        return PWY_E_NOMEM;
    if (place < tr->n_words) {
        tr->words[place].count++;
        return PWY_OK;
    }
    if (tr->n_words == tr->cap_words) {
        int64_t cap = tr->cap_words > 0 ? 2 * tr->cap_words : 4096;
        struct word *words = pw_realloc(tr->words, (size_t)cap, sizeof *words);
        PW_NEED(words);
        tr->words = words;
        tr->cap_words = cap;
    }
    int64_t start = place > 0 ? tr->words[place - 1].start + tr->words[place - 1].len : 0;
    tr->words[tr->n_words++] = (struct word){ .start = start, .count = 1, .len = (int32_t)len };
    return PWY_OK;
}

static pwy_status add_text(struct trainer *tr, const char *text, int64_t len)
{
    struct pw_split split;
    const char *word = "";
    PW_TRY(pw_split_start(&split, tr->t, text, len));
    pwy_status status;
    do {
        status = pw_split_next(&split, &word, &len);
        if (status == PWY_OK && len > 0)
            status = add_word(tr, word, len);
    } while (status == PWY_OK && len > 0);
    pw_split_end(&split);
    return status;
}

static pwy_status add_texts(struct trainer *tr, pw_texts_fn texts, void *arg)
{
    for (int64_t i = 0;; i++) {
        const char *text = "";
        int64_t len = -1;
        PW_TRY(texts(arg, i, &text, &len));
        if (len < 0)
            return PWY_OK;
        PW_TRY(add_text(tr, text, len));
        if (tr->n_words > INT32_MAX / 2)
            return pw_fail(PWY_E_LIMIT, "the tokenizer's texts have more than %d distinct words: train on fewer",
                           INT32_MAX / 2);
    }
}

/* The words as byte ids, and the pairs in them. */
static pwy_status count_words(struct trainer *tr)
{
    const struct word *last = tr->n_words > 0 ? &tr->words[tr->n_words - 1] : NULL;
    tr->id = pw_calloc(last != NULL ? (size_t)(last->start + last->len) : 1, sizeof *tr->id);
    PW_NEED(tr->id);
    for (int64_t w = 0; w < tr->n_words; w++) {
        const unsigned char *text = (const unsigned char *)pw_map_key(tr->names, w);
        int32_t *id = tr->id + tr->words[w].start;
        for (int32_t i = 0; i < tr->words[w].len; i++)
            id[i] = text[i];
        for (int32_t i = 0; i + 1 < tr->words[w].len; i++)
            PW_TRY(count_pair(tr, id[i], id[i + 1], tr->words[w].count, (int32_t)w));
    }
    return PWY_OK;
}

/* Replaces a pair by its new id throughout one word. */
static pwy_status merge_word(struct trainer *tr, int32_t word, int32_t a, int32_t b, int32_t merged)
{
    struct word *w = &tr->words[word];
    int32_t *id = tr->id + w->start, n = 0;
    for (int32_t i = 0; i < w->len; i++) {
        if (i + 1 == w->len || id[i] != a || id[i + 1] != b) {
            id[n++] = id[i];
            continue;
        }
        if (n > 0) {
            PW_TRY(count_pair(tr, id[n - 1], a, -w->count, word));
            PW_TRY(count_pair(tr, id[n - 1], merged, w->count, word));
        }
        if (i + 2 < w->len) {
            PW_TRY(count_pair(tr, b, id[i + 2], -w->count, word));
            PW_TRY(count_pair(tr, merged, id[i + 2], w->count, word));
        }
        id[n++] = merged;
        i++;
    }
    w->len = n;
    return PWY_OK;
}

/* Appends the piece of a pair. *id -1: a piece of these bytes is there already, so the pair stays two. */
static pwy_status add_merge(struct trainer *tr, const struct pair *p, int32_t *id)
{
    int64_t len_a, len_b;
    const char *a = pw_tok_piece(tr->t, p->a, &len_a), *b = pw_tok_piece(tr->t, p->b, &len_b);
    struct pw_buf piece = { 0 };
    pwy_status status = pw_buf_add(&piece, a, (size_t)len_a);
    if (status == PWY_OK)
        status = pw_buf_add(&piece, b, (size_t)len_b);
    *id = -1;
    if (status == PWY_OK && pw_map_find(tr->pieces, piece.data, piece.len) < 0) {
        *id = (int32_t)tr->t->vocab;
        status = pw_map_add(tr->pieces, piece.data, piece.len) < 0 ? PWY_E_NOMEM
            : pw_tok_add_piece(tr->t, piece.data, (int64_t)piece.len);
        if (status == PWY_OK)
            status = pw_tok_add_merge(tr->t, p->a, p->b, *id);
    }
    pw_buf_free(&piece);
    return status;
}

static pwy_status merge_pair(struct trainer *tr, int32_t place)
{
    struct pair p = tr->pairs[place];
    int32_t merged, first_new = tr->n_pairs;
    PW_TRY(add_merge(tr, &p, &merged));
    tr->pairs[place].where = NULL;
    pwy_status status = PWY_OK;
    for (int32_t i = 0; i < p.n && merged >= 0 && status == PWY_OK; i++)
        status = merge_word(tr, p.where[i], p.a, p.b, merged);
    free(p.where);
    tr->pairs[place].n = tr->pairs[place].cap = 0;
    tr->pairs[place].count = 0;
    for (int32_t i = first_new; i < tr->n_pairs && status == PWY_OK; i++)
        if (tr->pairs[i].count > 1)
            status = heap_push(tr, (struct entry){ tr->pairs[i].count, i });
    return status;
}

/* A pair's count only falls once the step that made it is over: an entry that is too high goes back with the true
   one. */
static pwy_status merge_all(struct trainer *tr, int64_t vocab)
{
    for (int32_t i = 0; i < tr->n_pairs; i++)
        if (tr->pairs[i].count > 1)
            PW_TRY(heap_push(tr, (struct entry){ tr->pairs[i].count, i }));
    while (tr->n_heap > 0 && tr->t->vocab < vocab) {
        struct entry top = heap_pop(tr);
        int64_t count = tr->pairs[top.pair].count;
        if (count == top.count)
            PW_TRY(merge_pair(tr, top.pair));
        else if (count > 1)
            PW_TRY(heap_push(tr, (struct entry){ count, top.pair }));
    }
    return PWY_OK;
}

static pwy_status start(struct trainer *tr)
{
    PW_TRY(pw_tok_bytes(&tr->t));
    PW_NEED(tr->names = pw_map_new());
    PW_NEED(tr->pieces = pw_map_new());
    return pw_map_add(tr->pieces, pw_tok_end_text, strlen(pw_tok_end_text)) < 0 ? PWY_E_NOMEM : PWY_OK;
}

pwy_status pw_tok_train(int64_t vocab, pw_texts_fn texts, void *arg, pwy_tokenizer **out)
{
    struct trainer tr = { 0 };
    if (vocab <= PW_TOK_END || vocab > PW_TOK_MAX)
        return pw_fail(PWY_E_ARGUMENT, "vocab %lld is not in 257 .. %d", (long long)vocab, PW_TOK_MAX);
    pwy_status status = start(&tr);
    if (status == PWY_OK)
        status = add_texts(&tr, texts, arg);
    if (status == PWY_OK)
        status = count_words(&tr);
    if (status == PWY_OK)
        status = merge_all(&tr, vocab);
    if (status == PWY_OK)
        *out = pw_tok_hold(tr.t);
    release(&tr);
    return status;
}

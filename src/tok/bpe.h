/* What the files of the tokenizer share: its parts, the splitter into words, the map of pairs. */
#ifndef PW_BPE_H
#define PW_BPE_H
#include "tok/tok.h"

enum { PW_TOK_MAX = 1 << 20 };          /* ids at most */
enum { PW_WORD_MAX = 1 << 16 };         /* bytes of one word at most: a longer run is cut */
enum { PW_WORD_SHORT = 64 };            /* bytes up to which a word's merges are searched for by a plain scan */

/* Ordered pairs of ids to numbers >= 0, open addressing. Start with {0}. */
struct pw_pairs { uint64_t *key; int32_t *value; int64_t cap, n; };
pwy_status pw_pairs_add(struct pw_pairs *pairs, int32_t a, int32_t b, int32_t value); /* a pair that is not there yet */
void pw_pairs_free(struct pw_pairs *pairs);

static inline uint64_t pw_pair_key(int32_t a, int32_t b)
{
    return (uint64_t)(uint32_t)a << 32 | (uint32_t)b;
}

static inline int64_t pw_pair_slot(const struct pw_pairs *pairs, uint64_t key)
{
    uint64_t h = (key ^ key >> 29) * UINT64_C(0x9E3779B97F4A7C15);
    return (int64_t)((h ^ h >> 32) & (uint64_t)(pairs->cap - 1));
}

/* The number of a pair, -1: not there. */
static inline int32_t pw_pairs_find(const struct pw_pairs *pairs, int32_t a, int32_t b)
{
    uint64_t key = pw_pair_key(a, b);
    if (pairs->cap == 0)
        return -1;
    for (int64_t i = pw_pair_slot(pairs, key);; i = (i + 1) & (pairs->cap - 1)) {
        if (pairs->key[i] == key)
            return pairs->value[i];
        if (pairs->key[i] == UINT64_MAX)
            return -1;
    }
}

struct pw_merge { int32_t a, b, id; };              /* a then b become id; the place in the list is the rank */
struct pw_special { int32_t id; char *text; };

struct pwy_tokenizer {
    int count;                          /* atomic */
    int32_t byte_id[256];
    int32_t end;                        /* the id of <end>, -1: none */
    struct pw_buf bytes;                /* the pieces, one behind the other */
    int64_t *start;                     /* [vocab + 1] in bytes */
    int64_t vocab, cap;
    struct pw_merge *merges; int64_t n_merges, cap_merges;
    struct pw_pairs ranks;              /* pair -> rank */
    struct pw_special *specials; int64_t n_specials;
    char *pattern;                      /* what a word is, PCRE2 syntax */
    void *code;                         /* pcre2_code of the pattern */
};

/* tok.c: putting one together. */
pwy_status pw_tok_blank(const char *pattern, pwy_tokenizer **out);         /* no pieces yet; pattern NULL: GPT-2's */
pwy_status pw_tok_add_piece(pwy_tokenizer *t, const char *bytes, int64_t len);     /* gets the next id */
pwy_status pw_tok_add_merge(pwy_tokenizer *t, int32_t a, int32_t b, int32_t id);   /* gets the next rank */
pwy_status pw_tok_add_special(pwy_tokenizer *t, int32_t id, const char *text);     /* beside its empty piece */
extern const char pw_tok_pattern[];                 /* GPT-2's */
extern const char pw_tok_end_text[];                /* "<end>" */

/* split.c: a text as words, one behind the other without gaps. Bytes that are not UTF-8 stand by themselves. */
struct pw_split { void *code, *match; const char *text; int64_t len, pos, valid; };  /* valid: UTF-8 up to here */
pwy_status pw_split_compile(const char *pattern, void **code);
void pw_split_forget(void *code);
pwy_status pw_split_start(struct pw_split *s, const pwy_tokenizer *t, const char *text, int64_t len);
pwy_status pw_split_next(struct pw_split *s, const char **word, int64_t *len);     /* len 0: the end */
void pw_split_end(struct pw_split *s);
/* Length of the character at s: 1..4, 0: not UTF-8, -1: cut short by the end. */
int pw_utf8_len(const unsigned char *s, int64_t len);

/* encode.c: the merges of one word, in place; the number of ids that are left. */
int64_t pw_merge_short(const pwy_tokenizer *t, int32_t *id, int64_t n);    /* n <= PW_WORD_SHORT */
pwy_status pw_merge_long(const pwy_tokenizer *t, int32_t *id, int64_t *n); /* the same for any n, n log n */

/* json_read.c, json_write.c: GPT-2's printable characters for bytes. */
int pw_byte_to_char(unsigned char byte);
#endif

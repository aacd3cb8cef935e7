/* The grams of a text for the wide path. A word is a run of letters, marks and digits (an apostrophe between two of
   them
   included), or a run of anything else that is no blank; long runs, as in scripts without blanks, count as words in
   pieces of WORD_CHARS, while their character grams run on from end to end. */
#include "sense/bag.h"

#include <utf8proc.h>

enum { WORD_CHARS = 24, GRAM_LEAST = 2, GRAM_MOST = 5 };
enum class { BLANK, LETTER, SIGN };

struct grams {
    struct pw_tally *tally;
    enum class run;                     /* of the word that goes on, BLANK: none */
    uint32_t last[GRAM_MOST]; int n_last;       /* the word's latest characters, newest first */
    uint64_t word; int n_word;          /* hash and length of the piece so far */
    uint64_t before;                    /* hash of the piece before, or the start mark */
};

static uint64_t mix(uint64_t h, uint64_t x)
{
    h = (h ^ x) * UINT64_C(0x9E3779B97F4A7C15);
    return h ^ h >> 32;
}

static uint32_t row(uint64_t h)
{
    return (uint32_t)(h * UINT64_C(0xD6E8FEB86659FD93) >> 48);
}

static enum class classify(utf8proc_int32_t c)
{
    if (c < 0x80) {
        bool letter = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_';
        return letter ? LETTER : c <= ' ' || c == 0x7f ? BLANK : SIGN;
    }
    utf8proc_category_t category = utf8proc_category(c);
    if (category >= UTF8PROC_CATEGORY_LU && category <= UTF8PROC_CATEGORY_NO)
        return LETTER;
    bool blank = category >= UTF8PROC_CATEGORY_ZS && category <= UTF8PROC_CATEGORY_ZP;
    return blank || category == UTF8PROC_CATEGORY_CC ? BLANK : SIGN;
}

/* One more character of a word (or its boundary mark): the grams that end with it. */
static pwy_status push(struct grams *g, uint32_t c)
{
    uint64_t h = mix(3, c);
    for (int i = GRAM_MOST - 1; i > 0; i--)
        g->last[i] = g->last[i - 1];
    g->last[0] = c;
    g->n_last += g->n_last < GRAM_MOST;
    for (int i = 1; i < g->n_last; i++) {
        h = mix(h, g->last[i]);
        if (i + 1 >= GRAM_LEAST)
            PW_TRY(pw_tally_add(g->tally, row(h) << 1 | 1));
    }
    return PWY_OK;
}

/* The piece is whole: itself, and itself behind the one before. */
static pwy_status end_piece(struct grams *g)
{
    if (g->n_word == 0)
        return PWY_OK;
    PW_TRY(pw_tally_add(g->tally, row(g->word) << 1));
    PW_TRY(pw_tally_add(g->tally, row(mix(mix(2, g->before), g->word)) << 1));
    g->before = g->word;
    g->word = 1;
    g->n_word = 0;
    return PWY_OK;
}

static pwy_status end_word(struct grams *g)
{
    if (g->run == BLANK)
        return PWY_OK;
    g->run = BLANK;
    PW_TRY(end_piece(g));
    return push(g, '>');
}

static pwy_status add_char(struct grams *g, enum class class, uint32_t c)
{
    if (class != g->run) {
        PW_TRY(end_word(g));
        g->run = class;
        g->n_last = 0;
        PW_TRY(push(g, '<'));
    }
    PW_TRY(push(g, c));
    g->word = mix(g->word, c);
    return ++g->n_word == WORD_CHARS ? end_piece(g) : PWY_OK;
}

/* The next character and its length; a broken byte is U+FFFD. */
static int64_t next_char(const char *text, int64_t len, utf8proc_int32_t *c)
{
    utf8proc_ssize_t n = utf8proc_iterate((const utf8proc_uint8_t *)text, len, c);
    if (n > 0)
        return n;
    *c = 0xfffd;
    return 1;
}

/* An apostrophe stays within a word when a letter follows: don't. */
static bool joins(const struct grams *g, utf8proc_int32_t c, const char *rest, int64_t left)
{
    utf8proc_int32_t next;
    if (g->run != LETTER || left == 0 || (c != '\'' && c != 0x2019))
        return false;
    next_char(rest, left, &next);
    return classify(next) == LETTER;
}

pwy_status pw_grams(const char *text, int64_t len, struct pw_tally *tally)
{
    struct grams g = { .tally = tally, .word = 1 };
    for (int64_t i = 0; i < len;) {
        utf8proc_int32_t c;
        i += next_char(text + i, len - i, &c);
        enum class class = joins(&g, c, text + i, len - i) ? LETTER : classify(c);
        if (class == BLANK)
            PW_TRY(end_word(&g));
        else
            PW_TRY(add_char(&g, class, (uint32_t)utf8proc_tolower(c == 0x2019 ? '\'' : c)));
    }
    return end_word(&g);
}

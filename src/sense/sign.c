/* Signatures of text, bytes, table rows and series; what all share. Pictures and sounds are in sign_media.c. */
#include "sense/sign.h"
#include "base/rng.h"
#include <stdio.h>
#include <string.h>

enum { TEXT_BYTES = 2000, BYTES_SEEN = 4096, CHANNELS = 4, CHANNEL_NUMBERS = 6 };

pwy_status pw_sign(const struct pw_sign_ops *ops, const struct pw_value *value, struct pw_arena *arena,
                   struct pw_signature *out)
{
    memset(out, 0, sizeof *out);
    out->arena = arena;
    PW_TRY(ops->describe(value, out));
    for (int i = 0; i < out->n_dense; i++)
        if (!isfinite(out->dense[i])) return pw_fail(PWY_E_DATA, "value has a number that is not finite");
    return PWY_OK;
}

pwy_status pw_sign_room(struct pw_signature *s, int bag, int64_t n)
{
    PW_NEED(s->bag[bag].item = pw_arena_take(s->arena, (size_t)n + 1, sizeof *s->bag[bag].item));
    s->bag[bag].cap = n;
    return PWY_OK;
}

void pw_sign_item(struct pw_signature *s, int bag, uint64_t hash)
{
    struct pw_sign_bag *b = &s->bag[bag];
    if (b->n < b->cap) b->item[b->n++] = (uint16_t)(hash % PW_SIGN_BUCKETS);
}

/* --- text: character trigrams, words, pairs of words; how it is written --- */

static bool is_upper(unsigned char c) { return c >= 'A' && c <= 'Z'; }
static bool is_lower(unsigned char c) { return c >= 'a' && c <= 'z'; }
static bool is_digit(unsigned char c) { return c >= '0' && c <= '9'; }
static bool is_blank(unsigned char c) { return c <= ' '; }
static bool in_word(unsigned char c) { return is_upper(c) || is_lower(c) || is_digit(c) || c >= 128 || c == '\''; }

static const char marks[] = ".,?!'\"-$()/:;&#";
enum { MARKS = sizeof marks - 1, TEXT_NUMBERS = 6 + MARKS + 6 };

struct text_counts { int64_t upper, digit, blank, high, lower, mark[MARKS]; };

static void count_text(const unsigned char *t, int64_t n, struct text_counts *c)
{
    for (int64_t i = 0; i < n; i++) {
        const char *mark = t[i] != '\0' ? strchr(marks, t[i]) : NULL;
        c->upper += is_upper(t[i]);
        c->digit += is_digit(t[i]);
        c->blank += is_blank(t[i]);
        c->high += t[i] >= 128;
        c->lower += is_lower(t[i]);
        if (mark != NULL) c->mark[mark - marks]++;
    }
}

/* Pieces between blanks: how many, how many begin with a capital. */
static void count_pieces(const unsigned char *t, int64_t n, int64_t *pieces, int64_t *capital)
{
    for (int64_t i = 0; i < n; i++) {
        if (is_blank(t[i]) || (i > 0 && !is_blank(t[i - 1]))) continue;
        ++*pieces;
        *capital += is_upper(t[i]);
    }
}

static void text_numbers(const unsigned char *t, int64_t n, struct pw_signature *s)
{
    struct text_counts c = {0};
    int64_t pieces = 0, capital = 0;
    count_text(t, n, &c);
    count_pieces(t, n, &pieces, &capital);
    pw_sign_number(s, log((double)n));
    pw_sign_share(s, c.upper, n);
    pw_sign_share(s, c.digit, n);
    pw_sign_share(s, c.blank, n);
    pw_sign_share(s, c.high, n);
    pw_sign_share(s, c.lower, n);
    for (int i = 0; i < MARKS; i++) pw_sign_share(s, c.mark[i], n);
    pw_sign_number(s, is_upper(t[0]));
    pw_sign_number(s, t[n - 1] == '.');
    pw_sign_number(s, t[n - 1] == '?');
    pw_sign_number(s, pieces > 0 ? (double)(n - c.blank) / (double)pieces : 0);
    pw_sign_number(s, pieces > 0 ? (double)capital / (double)pieces : 0);
    pw_sign_number(s, n > 1 && is_blank(t[n - 2]));
}

/* A word is a run of letters, digits and what is not ASCII; any other character stands by itself. Its end, or n. */
static int64_t word_end(const unsigned char *t, int64_t n, int64_t at)
{
    if (!in_word(t[at])) return at + 1;
    while (at < n && in_word(t[at])) at++;
    return at;
}

/* A word in small letters: for pairs, where case would only thin the counts. */
static uint64_t hash_small(const unsigned char *t, int64_t n)
{
    unsigned char small[64];
    int64_t len = n < 64 ? n : 64;
    for (int64_t i = 0; i < len; i++) small[i] = is_upper(t[i]) ? t[i] | 32 : t[i];
    return pw_hash(small, (size_t)len);
}

static void pair(struct pw_signature *s, uint64_t first, uint64_t second)
{
    uint64_t both[2] = {first, second};
    pw_sign_item(s, 2, pw_hash(both, sizeof both));
}

static void text_words(const unsigned char *t, int64_t n, struct pw_signature *s)
{
    uint64_t last = 1;
    for (int64_t at = 0, end; at < n; at = end) {
        end = at + 1;
        if (is_blank(t[at])) continue;
        end = word_end(t, n, at);
        pw_sign_item(s, 1, pw_hash(t + at, (size_t)(end - at)));
        uint64_t word = hash_small(t + at, end - at);
        pair(s, last, word);
        last = word;
    }
    pair(s, last, 1);
}

/* Trigrams with a blank before and behind the text. */
static void text_trigrams(const unsigned char *t, int64_t n, struct pw_signature *s)
{
    for (int64_t i = -1; i < n - 1; i++) {
        unsigned char three[3] = {i < 0 ? ' ' : t[i], t[i + 1], i + 2 < n ? t[i + 2] : ' '};
        pw_sign_item(s, 0, pw_hash(three, 3));
    }
}

static pwy_status describe_text(const struct pw_value *value, struct pw_signature *out)
{
    const unsigned char *t = (const unsigned char *)value->text;
    int64_t n = value->len < TEXT_BYTES ? value->len : TEXT_BYTES;
    if (n <= 0) return pw_fail(PWY_E_DATA, "text is empty");
    for (int b = 0; b < 3; b++) PW_TRY(pw_sign_room(out, b, n + 1));
    text_numbers(t, n, out);
    text_trigrams(t, n, out);
    text_words(t, n, out);
    return PWY_OK;
}

const struct pw_sign_ops pw_sign_text = {
    .n_dense = TEXT_NUMBERS, .n_bags = 3, .weight = {1. / 3, 1. / 2, 1. / 4}, .describe = describe_text};

/* --- bytes: which there are, and pairs --- */

static void bytes_numbers(const unsigned char *t, int64_t n, int64_t whole, struct pw_signature *s)
{
    int64_t count[256] = {0}, same = 0, text = 0, high = 0;
    double bits = 0;
    for (int64_t i = 0; i < n; i++) {
        count[t[i]]++;
        same += i > 0 && t[i] == t[i - 1];
        text += (t[i] >= 32 && t[i] < 127) || t[i] == '\n' || t[i] == '\t';
        high += t[i] >= 128;
    }
    for (int i = 0; i < 256; i++)
        if (count[i] > 0) bits -= (double)count[i] / (double)n * log((double)count[i] / (double)n);
    pw_sign_number(s, log((double)whole));
    pw_sign_number(s, bits);
    pw_sign_share(s, count[0], n);
    pw_sign_share(s, text, n);
    pw_sign_share(s, high, n);
    pw_sign_share(s, same, n);
}

static pwy_status describe_bytes(const struct pw_value *value, struct pw_signature *out)
{
    const unsigned char *t = (const unsigned char *)value->text;
    int64_t n = value->len < BYTES_SEEN ? value->len : BYTES_SEEN;
    if (n <= 0) return pw_fail(PWY_E_DATA, "record has 0 bytes");
    for (int b = 0; b < 2; b++) PW_TRY(pw_sign_room(out, b, n));
    bytes_numbers(t, n, value->len, out);
    for (int64_t i = 0; i < n; i++) pw_sign_item(out, 0, t[i]);
    for (int64_t i = 0; i + 1 < n; i++) pw_sign_item(out, 1, pw_hash(t + i, 2));
    return PWY_OK;
}

const struct pw_sign_ops pw_sign_bytes = {
    .n_dense = 6, .n_bags = 2, .weight = {1. / 2, 1. / 2}, .describe = describe_bytes};

/* --- table: the columns' names, and what stands in each --- */

/* Numbers by sign and half octave, small whole ones as they are: bins that need no fit. */
static int number_bin(double x)
{
    int exponent;
    if (x == floor(x) && fabs(x) <= 16) return (int)x;
    double half = frexp(fabs(x), &exponent);
    int bin = 100 + 2 * (exponent + 1100) + (half >= .70710678118654752);
    return x < 0 ? -bin : bin;
}

static uint64_t hash_cell(const struct pw_cell *cell)
{
    uint64_t of[2] = {pw_hash(cell->column, strlen(cell->column)), 0};
    if (cell->is_number && isfinite(cell->number)) {
        int bin = number_bin(cell->number);
        of[1] = pw_hash(&bin, sizeof bin);
    } else if (!cell->is_number && cell->text != NULL) of[1] = pw_hash(cell->text, strlen(cell->text));
    return pw_hash(of, sizeof of);
}

static pwy_status describe_row(const struct pw_value *value, struct pw_signature *out)
{
    for (int b = 0; b < 2; b++) PW_TRY(pw_sign_room(out, b, value->n_cells));
    for (int64_t i = 0; i < value->n_cells; i++) {
        const struct pw_cell *cell = &value->cells[i];
        pw_sign_item(out, 0, pw_hash(cell->column, strlen(cell->column)));
        pw_sign_item(out, 1, hash_cell(cell));
    }
    return PWY_OK;
}

const struct pw_sign_ops pw_sign_table = {
    .n_bags = 2, .weight = {1, 1}, .closed = true, .describe = describe_row};

/* --- series: channels, length, and levels of the first channels --- */

struct channel { int64_t n, steps; double sum, square, low, high, along, change, last; };

static void add_sample(struct channel *c, double x)
{
    c->low = c->n == 0 || x < c->low ? x : c->low;
    c->high = c->n == 0 || x > c->high ? x : c->high;
    if (c->n > 0) {
        c->along += x * c->last;
        c->change += fabs(x - c->last);
    }
    c->sum += x;
    c->square += x * x;
    c->last = x;
    c->n++;
}

/* Levels by asinh, so that any unit has its place. */
static void channel_numbers(const struct channel *c, struct pw_signature *s)
{
    double n = c->n > 0 ? (double)c->n : 1, mean = c->sum / n, variance = c->square / n - mean * mean;
    double spread = sqrt(variance > 0 ? variance : 0);
    pw_sign_number(s, asinh(mean));
    pw_sign_number(s, asinh(spread));
    pw_sign_number(s, asinh(c->low));
    pw_sign_number(s, asinh(c->high));
    pw_sign_number(s, variance > 1e-12 ? (c->along / n - mean * mean) / variance : 0);
    pw_sign_number(s, asinh(c->change / n));
}

static void one_channel(const struct pw_value *value, int64_t channel, struct pw_signature *s)
{
    struct channel c = {0};
    for (int64_t t = 0; channel < value->channels && t < value->steps; t++) {
        double x = (double)value->samples[t * value->channels + channel];
        if (isfinite(x)) add_sample(&c, x);
    }
    channel_numbers(&c, s);
}

static pwy_status describe_series(const struct pw_value *value, struct pw_signature *out)
{
    int64_t missing = 0, all = value->steps * value->channels;
    if (all <= 0) return pw_fail(PWY_E_DATA, "series has no steps");
    PW_TRY(pw_sign_room(out, 0, 1));
    for (int64_t i = 0; i < all; i++) missing += isnan(value->samples[i]);
    pw_sign_item(out, 0, pw_hash(&value->channels, sizeof value->channels));
    pw_sign_number(out, log((double)value->steps));
    pw_sign_share(out, missing, all);
    for (int64_t c = 0; c < CHANNELS; c++) one_channel(value, c, out);
    return PWY_OK;
}

const struct pw_sign_ops pw_sign_series = {
    .n_dense = 2 + CHANNELS * CHANNEL_NUMBERS, .n_bags = 1, .weight = {1}, .closed = true,
    .describe = describe_series};

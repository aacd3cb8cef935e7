/* Text into words by the tokenizer's pattern (PCRE2, UTF and UCP). Each match starts at the current place and sees at
   most
   PW_WORD_MAX bytes on, so that any text costs time in proportion to its length. */
#define PCRE2_CODE_UNIT_WIDTH 8
#include "tok/bpe.h"

#include <pcre2.h>
#include <string.h>

pwy_status pw_split_compile(const char *pattern, void **code)
{
    int number;
    PCRE2_SIZE at;
    PCRE2_UCHAR why[128];
    pcre2_code *c = pcre2_compile((PCRE2_SPTR)pattern, PCRE2_ZERO_TERMINATED, PCRE2_UTF | PCRE2_UCP, &number, &at,
                                  NULL);
    if (c == NULL) {
        pcre2_get_error_message(number, why, sizeof why);
        return pw_fail(PWY_E_FORMAT, "the tokenizer's pattern '%s' fails at character %zu: %s", pattern, (size_t)at,
                       (const char *)why);
    }
    pcre2_jit_compile(c, PCRE2_JIT_COMPLETE);
    *code = c;
    return PWY_OK;
}

void pw_split_forget(void *code)
{
    pcre2_code_free(code);
}

pwy_status pw_split_start(struct pw_split *s, const pwy_tokenizer *t, const char *text, int64_t len)
{
    *s = (struct pw_split){ .code = t->code, .text = text, .len = len };
    s->match = pcre2_match_data_create(1, NULL);
    return s->match != NULL ? PWY_OK : pw_fail_nomem(sizeof(PCRE2_SIZE));
}

void pw_split_end(struct pw_split *s)
{
    pcre2_match_data_free(s->match);
}

/* The least and the greatest second byte behind a lead byte, by Unicode's table 3-7. */
static void second_range(unsigned char lead, unsigned char *least, unsigned char *greatest)
{
    *least = lead == 0xe0 ? 0xa0 : lead == 0xf0 ? 0x90 : 0x80;
    *greatest = lead == 0xed ? 0x9f : lead == 0xf4 ? 0x8f : 0xbf;
}

int pw_utf8_len(const unsigned char *s, int64_t len)
{
    if (len <= 0)
        return -1;
    if (s[0] < 0x80)
        return 1;
    int want = s[0] < 0xc2 ? 0 : s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : s[0] < 0xf5 ? 4 : 0;
    unsigned char least, greatest;
    second_range(s[0], &least, &greatest);
    for (int i = 1; i < want; i++) {
        if (i == len)
            return -1;
        if (s[i] < least || s[i] > greatest)
            return 0;
        least = 0x80;
        greatest = 0xbf;
    }
    return want;
}

/* Moves s->valid to the end of the UTF-8 that starts at s->pos. */
static void find_valid(struct pw_split *s)
{
    int n = 1;
    for (s->valid = s->pos; s->valid < s->len && n > 0; s->valid += n > 0 ? n : 0)
        n = pw_utf8_len((const unsigned char *)s->text + s->valid, s->len - s->valid);
}

/* The end of what a match at s->pos may see: a whole number of characters. */
static int64_t window_end(const struct pw_split *s)
{
    int64_t end = s->pos + PW_WORD_MAX;
    if (end >= s->valid)
        return s->valid;
    while (((unsigned char)s->text[end] & 0xc0) == 0x80)
        end--;
    return end;
}

static pwy_status match(struct pw_split *s, int64_t size, int64_t *from, int64_t *to)
{
    PCRE2_SPTR text = (PCRE2_SPTR)s->text + s->pos;
    int n = pcre2_match(s->code, text, (PCRE2_SIZE)size, 0, PCRE2_NO_UTF_CHECK, s->match, NULL);
    if (n == PCRE2_ERROR_JIT_STACKLIMIT)
        n = pcre2_match(s->code, text, (PCRE2_SIZE)size, 0, PCRE2_NO_UTF_CHECK | PCRE2_NO_JIT, s->match, NULL);
    if (n < 0 && n != PCRE2_ERROR_NOMATCH)
        return pw_fail(PWY_E_UNSUPPORTED,
                       "the tokenizer's pattern cannot be matched at byte %lld of a text (PCRE2: %d)",
                       (long long)s->pos, n);
    const PCRE2_SIZE *place = pcre2_get_ovector_pointer(s->match);
    *from = n < 0 ? size : (int64_t)place[0];
    *to = n < 0 ? size : (int64_t)place[1];
    return PWY_OK;
}

pwy_status pw_split_next(struct pw_split *s, const char **word, int64_t *len)
{
    int64_t from = 0, to = 0;
    *word = s->text + s->pos;
    *len = s->pos < s->len;
    if (*len == 0)
        return PWY_OK;
    if (s->pos >= s->valid)
        find_valid(s);
    if (s->pos < s->valid) {
        PW_TRY(match(s, window_end(s) - s->pos, &from, &to));
        *len = from > 0 ? from : to > 0 ? to : pw_utf8_len((const unsigned char *)*word, s->valid - s->pos);
    }
    s->pos += *len;
    return PWY_OK;
}

/* JSON by its grammar, value by value (RFC 8259): what a header of tens of thousands of entries needs to be read in
   milliseconds. UTF-8 is checked; a NUL in a text is refused, since names end with one. */
#include "file/header.h"

#include <string.h>
#include <utf8proc.h>

enum { DEEPEST = 64 };

pwy_status pw_scan_fail(const struct pw_scan *s, const char *why)
{
    return pw_fail_at(PWY_E_FORMAT, s->name, 0, "the header is not JSON: %s at its byte %zu", why,
                      (size_t)(s->at - s->begin));
}

char pw_scan_peek(struct pw_scan *s)
{
    while (s->at < s->end && (*s->at == ' ' || *s->at == '\n' || *s->at == '\r' || *s->at == '\t'))
        s->at++;
    return s->at < s->end ? *s->at : 0;
}

bool pw_scan_take(struct pw_scan *s, char c)
{
    if (pw_scan_peek(s) != c || s->at == s->end)
        return false;
    s->at++;
    return true;
}

static bool hex4(struct pw_scan *s, int32_t *out)
{
    *out = 0;
    if (s->end - s->at < 4)
        return false;
    for (int i = 0; i < 4; i++, s->at++) {
        char c = *s->at, low = (char)(c | 32);
        if (!(c >= '0' && c <= '9') && !(low >= 'a' && low <= 'f'))
            return false;
        *out = *out * 16 + (c <= '9' ? c - '0' : low - 'a' + 10);
    }
    return true;
}

/* Behind \u: one code, or two that stand for one. */
static pwy_status unicode(struct pw_scan *s)
{
    int32_t code, low;
    if (!hex4(s, &code) || code == 0)
        return pw_scan_fail(s, "a character by number that is none");
    if (code >= 0xD800 && code < 0xDC00) {
        if (s->end - s->at < 2 || s->at[0] != '\\' || s->at[1] != 'u')
            return pw_scan_fail(s, "half a character by number");
        s->at += 2;
        if (!hex4(s, &low) || low < 0xDC00 || low > 0xDFFF)
            return pw_scan_fail(s, "half a character by number");
        code = 0x10000 + (code - 0xD800) * 1024 + (low - 0xDC00);
    } else if (code >= 0xDC00 && code <= 0xDFFF)
        return pw_scan_fail(s, "half a character by number");
    s->text += utf8proc_encode_char(code, (utf8proc_uint8_t *)s->text);
    return PWY_OK;
}

static pwy_status escape(struct pw_scan *s)
{
    static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
    char c = ++s->at < s->end ? *s->at : 0;
    const char *found = c != 0 ? strchr(from, c) : NULL;
    if (found != NULL)
        *s->text++ = to[found - from];
    else if (c != 'u')
        return pw_scan_fail(s, "an unknown escape");
    s->at++;
    return found != NULL ? PWY_OK : unicode(s);
}

static pwy_status wide_character(struct pw_scan *s)
{
    utf8proc_int32_t code;
    utf8proc_ssize_t len = utf8proc_iterate((const utf8proc_uint8_t *)s->at, s->end - s->at, &code);
    if (len <= 0)
        return pw_scan_fail(s, "bytes that are not UTF-8");
    memcpy(s->text, s->at, (size_t)len);
    s->text += len;
    s->at += len;
    return PWY_OK;
}

static bool plain(char c)
{
    return c >= 0x20 && c != '"' && c != '\\' && (unsigned char)c < 0x80;
}

/* Whether one of eight bytes is a control character, a quote, a backslash or no ASCII: the usual tests of bytes in a
   word, which see some that are none behind the first that is. */
static bool special(uint64_t w)
{
    const uint64_t ones = 0x0101010101010101u, high = ones << 7;
    uint64_t quote = w ^ ones * '"', back = w ^ ones * '\\';
    return ((w | (w - ones * 0x20) | ((quote - ones) & ~quote) | ((back - ones) & ~back)) & high) != 0;
}

/* Over what stands for itself. */
static void copy_plain(struct pw_scan *s)
{
    uint64_t w;
    while (s->end - s->at >= 8 && (memcpy(&w, s->at, 8), !special(w))) {
        memcpy(s->text, &w, 8);
        s->text += 8;
        s->at += 8;
    }
    while (s->at < s->end && plain(*s->at))
        *s->text++ = *s->at++;
}

pwy_status pw_scan_text(struct pw_scan *s, char **out)
{
    if (!pw_scan_take(s, '"'))
        return pw_scan_fail(s, "a text is missing");
    char *begin = s->text;
    for (;;) {
        copy_plain(s);
        if (s->at == s->end || (unsigned char)*s->at < 0x20)
            return pw_scan_fail(s, "a text without an end");
        if (*s->at == '"')
            break;
        PW_TRY(*s->at == '\\' ? escape(s) : wide_character(s));
    }
    s->at++;
    *s->text++ = 0;
    *out = begin;
    return PWY_OK;
}

static bool digits(struct pw_scan *s)
{
    const char *from = s->at;
    while (s->at < s->end && *s->at >= '0' && *s->at <= '9')
        s->at++;
    return s->at > from;
}

/* Fraction and exponent, where there are any. */
static pwy_status rest_of_number(struct pw_scan *s, bool *whole)
{
    *whole = true;
    if (s->at < s->end && *s->at == '.') {
        *whole = false;
        s->at++;
        if (!digits(s))
            return pw_scan_fail(s, "a number without digits");
    }
    if (s->at < s->end && (*s->at | 32) == 'e') {
        *whole = false;
        s->at++;
        if (s->at < s->end && (*s->at == '+' || *s->at == '-'))
            s->at++;
        if (!digits(s))
            return pw_scan_fail(s, "a number without digits");
    }
    return PWY_OK;
}

/* Of digits; false: more than 63 bits. */
static bool value_of(const char *from, const char *to, bool minus, int64_t *out)
{
    int64_t n = 0;
    for (; from < to; from++)
        if (__builtin_mul_overflow(n, 10, &n) || __builtin_add_overflow(n, *from - '0', &n))
            return false;
    *out = minus ? -n : n;
    return true;
}

pwy_status pw_scan_number(struct pw_scan *s, int64_t *out, bool *whole)
{
    bool minus = pw_scan_take(s, '-');
    const char *from = s->at;
    if (!digits(s) || (*from == '0' && s->at > from + 1))
        return pw_scan_fail(s, "no number");
    const char *to = s->at;
    PW_TRY(rest_of_number(s, whole));
    return !*whole || value_of(from, to, minus, out) ? PWY_OK : pw_scan_fail(s, "a number of more than 63 bits");
}

pwy_status pw_scan_next(struct pw_scan *s, char close, bool *first, bool *more)
{
    *more = !pw_scan_take(s, close);
    if (*more && !*first && !pw_scan_take(s, ','))
        return pw_scan_fail(s, "a comma is missing");
    if (!*more || *first) {
        *first = false;
        return PWY_OK;
    }
    return pw_scan_peek(s) == close ? pw_scan_fail(s, "a comma too many") : PWY_OK;
}

static pwy_status skip_all(struct pw_scan *s, char open, int depth)
{
    bool first = true, more;
    char *key;
    s->at++;
    if (depth >= DEEPEST)
        return pw_scan_fail(s, "maps and lists more than 64 deep");
    for (;;) {
        PW_TRY(pw_scan_next(s, open == '{' ? '}' : ']', &first, &more));
        if (!more)
            return PWY_OK;
        if (open == '{') {
            PW_TRY(pw_scan_text(s, &key));
            if (!pw_scan_take(s, ':'))
                return pw_scan_fail(s, "a colon is missing");
        }
        PW_TRY(pw_scan_skip(s, depth + 1));
    }
}

static pwy_status skip_word(struct pw_scan *s)
{
    static const char *const words[] = { "true", "false", "null" };
    for (int i = 0; i < 3; i++) {
        size_t len = strlen(words[i]);
        if ((size_t)(s->end - s->at) < len || memcmp(s->at, words[i], len) != 0)
            continue;
        s->at += len;
        return PWY_OK;
    }
    return pw_scan_fail(s, "no value");
}

pwy_status pw_scan_skip(struct pw_scan *s, int depth)
{
    char *kept = s->text, *text;
    int64_t number;
    bool whole;
    pwy_status status;
    char c = pw_scan_peek(s);
    if (c == '{' || c == '[') status = skip_all(s, c, depth);
    else if (c == '"') status = pw_scan_text(s, &text);
    else if (c == '-' || (c >= '0' && c <= '9')) status = pw_scan_number(s, &number, &whole);
    else status = skip_word(s);
    s->text = kept;
    return status;
}

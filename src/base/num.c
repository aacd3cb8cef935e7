/* Numbers from and to text without the locale. glibc keeps the "C" locale ready, so newlocale costs a comparison. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/num.h"

/* A number's text is at most this long; the exact decimal form of any double is shorter. */
enum { LONGEST = 1100 };

static bool blank(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static bool digit(char c)
{
    return c >= '0' && c <= '9';
}

static void trim(const char **text, size_t *len)
{
    for (; *len > 0 && blank((*text)[*len - 1]); --*len)
        continue;
    for (; *len > 0 && blank(**text); ++*text, --*len)
        continue;
}

static bool same_word(const char *text, size_t len, const char *word)
{
    if (strlen(word) != len)
        return false;
    for (size_t i = 0; i < len; i++)
        if ((text[i] | 32) != word[i])
            return false;
    return true;
}

static bool parse_word(const char *text, size_t len, double *out)
{
    double sign = 1;
    if (len > 0 && (*text == '-' || *text == '+')) {
        sign = *text == '-' ? -1 : 1;
        text++;
        len--;
    }
    if (same_word(text, len, "nan"))
        *out = NAN;
    else if (same_word(text, len, "inf") || same_word(text, len, "infinity"))
        *out = sign * INFINITY;
    else
        return false;
    return true;
}

/* What a decimal number is made of: up to 19 digits as an integer, and the power of ten. */
struct decimal { bool negative; uint64_t digits; int n_digits; long exponent; };

static size_t read_digits(const char *text, size_t at, size_t len, struct decimal *d, int fraction)
{
    for (; at < len && digit(text[at]); at++) {
        if (d->n_digits < 19)
            d->digits = d->digits * 10 + (uint64_t)(text[at] - '0');
        d->n_digits += d->n_digits > 0 || text[at] != '0';
        d->exponent -= fraction;
    }
    return at;
}

/* From the exponent's letter on; the end, or 0 where no digit follows. */
static size_t read_exponent(const char *text, size_t at, size_t len, struct decimal *d)
{
    long value = 0;
    at++;
    bool negative = at < len && text[at] == '-';
    at += at < len && (text[at] == '-' || text[at] == '+');
    if (at == len || !digit(text[at]))
        return 0;
    for (; at < len && digit(text[at]); at++)
        value = value < 100000 ? value * 10 + (text[at] - '0') : value;
    d->exponent += negative ? -value : value;
    return at;
}

/* [+-] digits [. digits] [e [+-] digits], at least one digit before the exponent, and nothing else. */
static bool scan(const char *text, size_t len, struct decimal *d)
{
    *d = (struct decimal){ 0 };
    size_t start = len > 0 && (text[0] == '-' || text[0] == '+');
    d->negative = start > 0 && text[0] == '-';
    size_t at = read_digits(text, start, len, d, 0), n = at - start;
    if (at < len && text[at] == '.') {
        size_t point = at + 1;
        at = read_digits(text, point, len, d, 1);
        n += at - point;
    }
    if (n > 0 && at < len && (text[at] | 32) == 'e')
        at = read_exponent(text, at, len, d);
    return n > 0 && at == len;
}

/* By the C library, which rounds correctly. The text has been scanned: it is a number as a whole. */
static bool parse_slowly(const char *text, size_t len, double *out)
{
    char copy[LONGEST + 1];
    if (len > LONGEST)
        return false;
    memcpy(copy, text, len);
    copy[len] = 0;
    locale_t plain = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    if (plain == (locale_t)0)
        return false;
    *out = strtod_l(copy, NULL, plain);
    freelocale(plain);
    return true;
}

/* Up to 15 digits and a power of ten up to 22 are both exact, so one rounding gives the right double (Clinger 1990). */
bool pw_parse_double(const char *text, size_t len, double *out)
{
    static const double tens[] = { 1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                                   1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22 };
    struct decimal d;
    trim(&text, &len);
    if (!scan(text, len, &d))
        return parse_word(text, len, out);
    if (d.n_digits > 15 || d.exponent < -22 || d.exponent > 22)
        return parse_slowly(text, len, out);
    double value = (double)d.digits;
    value = d.exponent < 0 ? value / tens[-d.exponent] : value * tens[d.exponent];
    *out = d.negative ? -value : value;
    return true;
}

bool pw_parse_int(const char *text, size_t len, int64_t *out)
{
    int64_t value = 0;
    trim(&text, &len);
    bool negative = len > 0 && *text == '-';
    size_t at = len > 0 && (*text == '-' || *text == '+');
    if (at == len)
        return false;
    for (; at < len; at++) {
        int step = text[at] - '0';
        if (!digit(text[at]) || __builtin_mul_overflow(value, 10, &value) ||
            __builtin_add_overflow(value, negative ? -step : step, &value))
            return false;
    }
    *out = value;
    return true;
}

int pw_format_double(char *out, size_t cap, double value)
{
    char text[40];
    int len = 0;
    locale_t plain = newlocale(LC_ALL_MASK, "C", (locale_t)0), before = uselocale(plain);
    for (int digits = 15; digits <= 17; digits++) {
        double again = 0;
        len = snprintf(text, sizeof text, "%.*g", digits, value);
        if (!pw_parse_double(text, (size_t)len, &again) || again == value || isnan(value))
            break;
    }
    uselocale(before);
    if (plain != (locale_t)0)
        freelocale(plain);
    return snprintf(out, cap, "%s", text);
}

/* .csv by RFC 4180 (cells in quotes may hold commas, doubled quotes and newlines) and .tsv without any quoting. */
#include "data/read.h"

#include <string.h>

static void add_field(struct pw_rows *t, int64_t *n, const char *text, const char *end)
{
    if (*n < t->n_columns)
        t->fields[*n] = (struct pw_field){.text = text, .len = end - text};
    ++*n;
}

static void split_plain(struct pw_rows *t, const char *at, const char *end, char separator, int64_t *n)
{
    *n = 0;
    for (;;) {
        const char *stop = memchr(at, separator, (size_t)(end - at));
        add_field(t, n, at, stop ? stop : end);
        if (stop == NULL)
            return;
        at = stop + 1;
    }
}

/* Unquotes the cell at `at` (behind its opening quote) in place. Returns what follows its closing quote; NULL: there
   is none. */
static char *unquote(char *at, char *end, char **stop)
{
    char *to = at;
    while (at < end) {
        if (*at == '"' && (at + 1 == end || at[1] != '"')) {
            *stop = to;
            return at + 1;
        }
        at += *at == '"';
        *to++ = *at++;
    }
    return NULL;
}

/* In the scratch copy of a row. */
static pwy_status split_quoted(struct pw_rows *t, char *at, char *end, int64_t *n)
{
    for (*n = 0; ; at++) {
        char *stop, *text = at;
        if (at < end && *at == '"') {
            at = unquote(++text, end, &stop);
            if (at == NULL)
                return pw_fail(PWY_E_DATA, "the quote before field %lld is never closed", (long long)*n + 1);
            if (at < end && *at != ',')
                return pw_fail(PWY_E_DATA,
                               "field %lld goes on behind its closing quote; a quote in it is written twice",
                                   (long long)*n + 1);
        } else {
            stop = memchr(at, ',', (size_t)(end - at));
            at = stop = stop ? stop : end;
        }
        add_field(t, n, text, stop);
        if (at >= end)
            return PWY_OK;
    }
}

static pwy_status split_csv(struct pw_rows *t, const char *at, const char *end, int64_t *n)
{
    if (memchr(at, '"', (size_t)(end - at)) == NULL) {
        split_plain(t, at, end, ',', n);
        return PWY_OK;
    }
    t->scratch.len = 0;
    PW_TRY(pw_buf_add(&t->scratch, at, (size_t)(end - at)));
    return split_quoted(t, t->scratch.data, t->scratch.data + (end - at), n);
}

static pwy_status split_tsv(struct pw_rows *t, const char *at, const char *end, int64_t *n)
{
    split_plain(t, at, end, '\t', n);
    return PWY_OK;
}

static const char *next_tsv(const char *at, const char *end, int64_t *lines)
{
    const char *stop = pw_line_end(at, end);
    ++*lines;
    return stop < end ? stop + 1 : end;
}

static int64_t count_lines(const char *at, const char *end)
{
    int64_t lines = 0;
    while ((at = memchr(at, '\n', (size_t)(end - at))) != NULL) {
        lines++;
        at++;
    }
    return lines;
}

/* Behind the closing quote of the cell that begins at `at`, behind its opening one. */
static const char *skip_quoted(const char *at, const char *end, int64_t *lines)
{
    for (;;) {
        const char *quote = memchr(at, '"', (size_t)(end - at)), *stop = quote ? quote : end;
        *lines += count_lines(at, stop);
        if (quote == NULL || quote + 1 == end)
            return end;
        if (quote[1] != '"')
            return quote + 1;
        at = quote + 2;
    }
}

static const char *next_quoted(const char *at, const char *end, int64_t *lines)
{
    bool start = true;                      /* of a cell */
    while (at < end && *at != '\n') {
        if (start && *at == '"') {
            at = skip_quoted(at + 1, end, lines);
            start = false;
            continue;
        }
        start = *at++ == ',';
    }
    ++*lines;
    return at < end ? at + 1 : end;
}

static const char *next_csv(const char *at, const char *end, int64_t *lines)
{
    const char *stop = pw_line_end(at, end);
    if (memchr(at, '"', (size_t)(stop - at)))
        return next_quoted(at, end, lines);
    ++*lines;
    return stop < end ? stop + 1 : end;
}

static pwy_status open_csv(const struct pw_open *o, pwy_source **out)
{
    static const struct pw_row_form form = {.name = "csv", .header = true, .next = next_csv, .split = split_csv};
    return pw_rows_open(o, &form, out);
}

static pwy_status open_tsv(const struct pw_open *o, pwy_source **out)
{
    static const struct pw_row_form form = {.name = "tsv", .header = true, .next = next_tsv, .split = split_tsv};
    return pw_rows_open(o, &form, out);
}

const struct pw_reader pw_reader_csv = {"csv", open_csv};
const struct pw_reader pw_reader_tsv = {"tsv", open_tsv};

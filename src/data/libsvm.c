/* .libsvm: a label, then index:value pairs; what is not named is 0. Columns are `target` and the indices as text. */
#include "data/read.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/num.h"

enum { MAX_COLUMNS = 1 << 16 };

static const char *next(const char *at, const char *end, int64_t *lines)
{
    const char *stop = pw_line_end(at, end);
    ++*lines;
    return stop < end ? stop + 1 : end;
}

/* The next word of a line; its length, 0 at the end. */
static int64_t word(const char **at, const char *end)
{
    while (*at < end && (**at == ' ' || **at == '\t'))
        ++*at;
    const char *stop = *at;
    while (stop < end && *stop != ' ' && *stop != '\t')
        stop++;
    return stop - *at;
}

static pwy_status split_pair(const char *at, int64_t len, int64_t *index, const char **value)
{
    const char *colon = memchr(at, ':', (size_t)len);
    if (colon == NULL || !pw_parse_int(at, (size_t)(colon - at), index) || *index < 0 || *index >= MAX_COLUMNS)
        return pw_fail(PWY_E_DATA, "'%.*s' is not index:value with an index from 0 to %d", (int)(len < 40 ? len : 40),
                       at, MAX_COLUMNS - 1);
    *value = colon + 1;
    return PWY_OK;
}

static pwy_status split(struct pw_rows *t, const char *at, const char *end, int64_t *n)
{
    int64_t len = word(&at, end), index = 0;
    const char *value = NULL;
    for (int c = 1; c < t->n_columns; c++)
        t->fields[c] = (struct pw_field){.text = "0", .len = 1};
    t->fields[0] = (struct pw_field){.text = at, .len = len};
    for (at += len; (len = word(&at, end)) > 0; at += len) {
        PW_TRY(split_pair(at, len, &index, &value));
        if (index + 1 < t->n_columns)
            t->fields[index + 1] = (struct pw_field){.text = value, .len = at + len - value};
    }
    *n = t->n_columns;
    return PWY_OK;
}

/* The highest index in the file; rows that are bad say so when they are read. */
static int64_t highest(const struct pw_rows *t)
{
    const char *end = t->map.data + t->map.len, *value;
    int64_t high = 0, index, len;
    for (const char *at = t->first, *stop; at < end; at = stop < end ? stop + 1 : end) {
        stop = pw_line_end(at, end);
        const char *text = pw_line_trim(at, stop);
        at += word(&at, text);
        for (; (len = word(&at, text)) > 0; at += len)
            if (split_pair(at, len, &index, &value) == PWY_OK && index > high)
                high = index;
    }
    return high;
}

static pwy_status columns(struct pw_rows *t, const struct pw_open *o)
{
    if (o->want->columns)
        return pw_node_fail(o->want->columns, PWY_E_ARGUMENT,
                            "`columns:` does not apply to libsvm: they are target, 0, 1, 2, ...");
    int64_t high = highest(t);
    if (pw_map_add(t->columns, "target", 6) < 0)
        return PWY_E_NOMEM;
    for (int64_t c = 0; c <= high; c++) {
        char name[24];
        int len = snprintf(name, sizeof name, "%lld", (long long)c);
        if (pw_map_add(t->columns, name, (size_t)len) < 0)
            return PWY_E_NOMEM;
    }
    t->n_columns = (int)high + 2;
    return PWY_OK;
}

static pwy_status open_libsvm(const struct pw_open *o, pwy_source **out)
{
    static const struct pw_row_form form = {.name = "libsvm", .next = next, .split = split, .columns = columns,
                                            .loose = true};
    return pw_rows_open(o, &form, out);
}

const struct pw_reader pw_reader_libsvm = {"libsvm", open_libsvm};

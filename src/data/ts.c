/* UCR and UEA .ts files: a header of @words, then a series a line, dimensions and the label between ':'. */
#include "data/read.h"

#include <stdlib.h>
#include <string.h>

#include "base/num.h"

struct header { bool label, data; int dims; const char *rows; int64_t line; };   /* dims 0: not said */

struct ts {
    char *path, *part;
    struct pw_mapping map;
    struct header header;
    struct pw_index index;
    struct pw_floats work;
    enum pw_answer answer;
};

static bool word_is(const char *at, const char *end, const char *word)
{
    size_t len = strlen(word);
    return (size_t)(end - at) >= len && strncasecmp(at, word, len) == 0
        && ((size_t)(end - at) == len || at[len] == ' ' || at[len] == '\t');
}

/* What stands behind the word. */
static const char *behind(const char *at, const char *end)
{
    while (at < end && *at != ' ' && *at != '\t')
        at++;
    while (at < end && (*at == ' ' || *at == '\t'))
        at++;
    return at;
}

static pwy_status header_word(struct header *h, const char *name, const char *at, const char *end)
{
    const char *value = behind(at, end);
    int64_t number;
    if (word_is(at, end, "@data"))
        h->data = true;
    else if (word_is(at, end, "@classLabel") || word_is(at, end, "@targetLabel"))
        h->label = word_is(value, end, "true");
    else if (word_is(at, end, "@univariate") && word_is(value, end, "true"))
        h->dims = 1;
    else if (word_is(at, end, "@timeStamps") && word_is(value, end, "true"))
        return pw_fail_at(PWY_E_UNSUPPORTED, name, (long)h->line,
                          "series with time stamps; give them at equal steps, `@timeStamps false`");
    else if (word_is(at, end, "@dimensions") || word_is(at, end, "@dimension")) {
        if (!pw_parse_int(value, (size_t)(end - value), &number) || number < 1 || number > 1000000)
            return pw_fail_at(PWY_E_FORMAT, name, (long)h->line, "'%.*s' is not a number of dimensions",
                              (int)(end - value), value);
        h->dims = (int)number;
    }
    return PWY_OK;
}

/* Up to the line behind @data, where h->rows and h->line point to. */
static pwy_status read_header(struct header *h, const char *name, const char *at, const char *end)
{
    for (h->line = 1; at < end; h->line++) {
        const char *stop = pw_line_end(at, end), *text = pw_line_trim(at, stop);
        if (at < text && *at != '@' && *at != '#')
            return pw_fail_at(PWY_E_FORMAT, name, (long)h->line,
                              "a .ts file begins with lines of @words and ends them with @data");
        if (at < text && *at == '@')
            PW_TRY(header_word(h, name, at, text));
        at = stop < end ? stop + 1 : end;
        if (h->data) {
            h->line++;
            h->rows = at;
            return PWY_OK;
        }
    }
    return pw_fail(PWY_E_FORMAT, "'%s': there is no line @data", name);
}

/* The last ':' of a row; NULL: the row has no label. */
static const char *label_colon(const char *at, const char *end)
{
    while (end > at && end[-1] != ':')
        end--;
    return end > at ? end - 1 : NULL;
}

static pwy_status row_label(const struct ts *ts, const char *at, const char *end, pwy_example *ex)
{
    const char *colon = label_colon(at, end);
    if (colon == NULL)
        return pw_fail(PWY_E_DATA, "no ':' and label at the end of the row");
    for (colon++; colon < end && *colon == ' '; )
        colon++;
    while (end > colon && end[-1] == ' ')
        end--;
    return pw_answer_set(ex, ts->answer, colon, end - colon);
}

static const char *row_end(const struct ts *ts, const char *at)
{
    const char *end = ts->map.data + ts->map.len;
    return pw_line_trim(at, pw_line_end(at, end));
}

static pwy_status target_ts(pwy_source *s, int64_t i, pwy_example *ex)
{
    struct ts *ts = s->state;
    const char *at = ts->map.data + ts->index.at[i], *end = row_end(ts, at);
    PW_TRY(pw_example_place(ex, ts->path, ts->index.line[i]));
    if (!ts->header.label)
        return PWY_OK;
    return pw_bad_row(row_label(ts, at, end, ex), ts->path, ts->index.line[i], NULL);
}

static pwy_status read_ts(pwy_source *s, int64_t i, pwy_example *ex)
{
    struct ts *ts = s->state;
    PW_TRY(target_ts(s, i, ex));
    const char *at = ts->map.data + ts->index.at[i], *end = row_end(ts, at);
    if (ts->header.label)
        end = label_colon(at, end);
    pwy_status status = pw_series_dims(ex, ts->part, at, end, ts->header.dims, &ts->work);
    return pw_bad_row(status, ts->path, ts->index.line[i], NULL);
}

static void ts_free(struct ts *ts)
{
    pw_map_close(&ts->map);
    pw_index_free(&ts->index);
    free(ts->work.data);
    free(ts->path);
    free(ts->part);
    free(ts);
}

static void free_ts(pwy_source *s)
{
    ts_free(s->state);
}

static pwy_status scan(struct ts *ts)
{
    const char *end = ts->map.data + ts->map.len;
    int64_t line = ts->header.line;
    for (const char *at = ts->header.rows; at < end; line++) {
        const char *stop = pw_line_end(at, end);
        if (pw_line_trim(at, stop) > at && *at != '#')
            PW_TRY(pw_index_add(&ts->index, (uint64_t)(at - ts->map.data), line));
        at = stop < end ? stop + 1 : end;
    }
    pw_index_trim(&ts->index);
    return PWY_OK;
}

static pwy_status ts_load(struct ts *ts, const struct pw_open *o)
{
    if (o->want->n_parts != 1 || o->want->parts[0].type != PW_VALUE_SERIES)
        return pw_fail(PWY_E_ARGUMENT, "'%s' holds series, for one part of sense series", o->path);
    if (o->want->target || o->want->columns)
        return pw_fail(PWY_E_ARGUMENT, "'%s' has no columns: a .ts row ends with its label, so leave out `%s:`",
                       o->path,
                       o->want->target ? "target" : "columns");
    PW_TRY(pw_answer_kind(o->want->kind, &ts->answer));
    PW_NEED(ts->path = pw_strdup(o->path));
    PW_NEED(ts->part = pw_strdup(o->want->parts[0].name));
    PW_TRY(pw_map_unpacked(o->path, &ts->map));
    PW_TRY(read_header(&ts->header, ts->path, pw_skip_mark(&ts->map), ts->map.data + ts->map.len));
    if (!ts->header.label)
        return pw_fail(PWY_E_FORMAT,
                       "'%s' has no labels: its header should say @classLabel true or @targetLabel true", o->path);
    return scan(ts);
}

static pwy_status open_ts(const struct pw_open *o, pwy_source **out)
{
    static const struct pw_source_ops ops = {"ts", read_ts, target_ts, free_ts};
    struct ts *ts = pw_calloc(1, sizeof *ts);
    PW_NEED(ts);
    pwy_status status = ts_load(ts, o);
    if (status == PWY_OK)
        status = pw_source_make(o->ctx, &ops, ts->index.n, ts, out);
    if (status != PWY_OK)
        ts_free(ts);
    return status;
}

const struct pw_reader pw_reader_ts = {"ts", open_ts};

pwy_status pw_ts_first(pwy_example *ex, const char *part, const char *name, const char *text, int64_t len)
{
    struct header h = {0};
    const char *end = text + len;
    PW_TRY(read_header(&h, name, text, end));
    const char *at = h.rows;
    while (at < end && (*at == '\n' || *at == '\r'))
        at++;
    const char *stop = pw_line_trim(at, pw_line_end(at, end));
    const char *colon = h.label ? label_colon(at, stop) : stop;
    if (colon == NULL || at == stop)
        return pw_fail(PWY_E_DATA, "'%s': there is no row behind @data, or it has no label", name);
    struct pw_floats work = {0};
    pwy_status status = pw_series_dims(ex, part, at, colon, h.dims, &work);
    free(work.data);
    return status;
}

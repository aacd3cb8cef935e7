/* .txt: a line a row, cut into columns by the named groups of `pattern:`; or, where nothing but the text is to be
   learned, one long stream cut into windows. And lines as one part, or the target, beside other files. */
#include "data/read.h"

#include <stdlib.h>
#include <string.h>

enum { WINDOW = 512 };                      /* bytes of a stream's window, about */

static const char *next(const char *at, const char *end, int64_t *lines)
{
    const char *stop = pw_line_end(at, end);
    ++*lines;
    return stop < end ? stop + 1 : end;
}

static pwy_status split_line(struct pw_rows *t, const char *at, const char *end, int64_t *n)
{
    if (t->n_columns > 0)
        t->fields[0] = (struct pw_field){.text = at, .len = end - at};
    *n = 1;
    return PWY_OK;
}

static pwy_status split_pattern(struct pw_rows *t, const char *at, const char *end, int64_t *n)
{
    struct pw_regex *r = t->own;
    int group;
    if (!pw_regex_match(r, at, end - at))
        return pw_fail(PWY_E_DATA, "the line does not match `pattern:`");
    *n = t->n_columns;
    for (int c = 0; c < t->n_columns; c++) {
        struct pw_field *f = &t->fields[c];
        *f = (struct pw_field){0};
        pw_regex_name(r, c, &group);
        pw_regex_group(r, group, at, &f->text, &f->len);
    }
    return PWY_OK;
}

static pwy_status columns_pattern(struct pw_rows *t, const struct pw_open *o)
{
    struct pw_regex *r = NULL;
    const struct pw_node *pattern = pw_node_get(o->where, "pattern");
    const char *name;
    int group;
    PW_TRY(pw_regex_new(pattern, &r));
    t->own = r;
    for (; (name = pw_regex_name(r, t->n_columns, &group)) != NULL; t->n_columns++)
        if (pw_map_add(t->columns, name, strlen(name)) < 0)
            return PWY_E_NOMEM;
    if (t->n_columns > 0)
        return PWY_OK;
    return pw_node_fail(pattern, PWY_E_ARGUMENT, "`pattern:` has no named groups; (?<NAME>...) makes column NAME");
}

/* The line is one column, called as `columns:` says or as the part that takes it. */
static pwy_status columns_line(struct pw_rows *t, const struct pw_open *o)
{
    const struct pw_node *list = o->want->columns;
    const struct pw_node *own = o->want->n_parts ? pw_node_get(o->want->parts[0].options, "column") : NULL;
    const char *name = own && own->kind == PW_SCALAR ? own->text : o->want->n_parts ? o->want->parts[0].name : "text";
    if (list && (list->kind != PW_LIST || list->n != 1 || list->item[0]->kind != PW_SCALAR))
        return pw_node_fail(list, PWY_E_ARGUMENT,
                            "a line of '%s' is one column; `pattern:` with named groups makes more", t->path);
    if (list)
        name = list->item[0]->text;
    t->n_columns = 1;
    return pw_map_add(t->columns, name, strlen(name)) < 0 ? PWY_E_NOMEM : PWY_OK;
}

static void free_pattern(struct pw_rows *t)
{
    pw_regex_free(t->own);
}

/* A stream: window i is about bytes [512 i, 512 i + 512). */
struct stream { char *path, *part; struct pw_mapping map; const char *first; int64_t len; enum pw_value_type type; };

/* Back to where a character begins: at most three bytes. */
static int64_t boundary(const struct stream *st, int64_t at)
{
    if (at >= st->len)
        return st->len;
    for (int back = 0; back < 3 && at > 0 && ((unsigned char)st->first[at] & 0xc0) == 0x80; back++)
        at--;
    return at;
}

static int64_t line_at(const char *from, const char *at)
{
    int64_t line = 1;
    while ((from = memchr(from, '\n', (size_t)(at - from))) != NULL) {
        line++;
        from++;
    }
    return line;
}

static pwy_status read_window(pwy_source *s, int64_t i, pwy_example *ex)
{
    struct stream *st = s->state;
    int64_t from = boundary(st, i * WINDOW), to = boundary(st, (i + 1) * WINDOW);
    PW_TRY(pw_example_place(ex, st->path, 0));
    pwy_status status = pw_decode_bytes(s->ctx, st->type, st->path, st->first + from, to - from, ex, st->part);
    return status == PWY_OK ? status : pw_bad_row(status, st->path, line_at(st->first, st->first + from), NULL);
}

static void stream_free(struct stream *st)
{
    pw_map_close(&st->map);
    free(st->path);
    free(st->part);
    free(st);
}

static void free_stream(pwy_source *s)
{
    stream_free(s->state);
}

static pwy_status stream_load(struct stream *st, const struct pw_open *o)
{
    if (o->want->n_parts != 1 || (o->want->parts[0].type != PW_VALUE_TEXT && o->want->parts[0].type != PW_VALUE_BYTES))
        return pw_fail(PWY_E_ARGUMENT, "'%s' is one stream of text, for one part of text; this task has %d parts",
                       o->path, o->want->n_parts);
    st->type = o->want->parts[0].type;
    PW_NEED(st->path = pw_strdup(o->path));
    PW_NEED(st->part = pw_strdup(o->want->parts[0].name));
    PW_TRY(pw_map_unpacked(o->path, &st->map));
    st->first = pw_skip_mark(&st->map);
    st->len = (int64_t)st->map.len - (st->first - st->map.data);
    return st->len > 0 ? PWY_OK : pw_fail(PWY_E_FORMAT, "'%s' is empty; it should hold text", o->path);
}

static pwy_status open_stream(const struct pw_open *o, pwy_source **out)
{
    static const struct pw_source_ops ops = {"stream", read_window, NULL, free_stream};
    struct stream *st = pw_calloc(1, sizeof *st);
    PW_NEED(st);
    pwy_status status = stream_load(st, o);
    if (status == PWY_OK)
        status = pw_source_make(o->ctx, &ops, (st->len + WINDOW - 1) / WINDOW, st, out);
    if (status != PWY_OK)
        stream_free(st);
    return status;
}

static pwy_status open_txt(const struct pw_open *o, pwy_source **out)
{
    static const struct pw_row_form line = {.name = "txt", .next = next, .split = split_line, .columns = columns_line};
    static const struct pw_row_form pattern = {.name = "txt", .next = next, .split = split_pattern,
                                               .columns = columns_pattern,
                                               .free = free_pattern, .loose = true};
    bool where = o->where->kind == PW_MAP && pw_node_get(o->where, "where") != NULL;
    if (o->where->kind == PW_MAP && pw_node_get(o->where, "pattern"))
        return pw_rows_open(o, &pattern, out);
    if (o->want->kind && strcmp(o->want->kind, "generate") == 0 && o->want->target == NULL)
        return where || o->want->columns ? pw_rows_open(o, &line, out) : open_stream(o, out);
    return pw_node_fail(o->where, PWY_E_ARGUMENT,
                        "a line of '%s' holds no target; cut it into columns by {table: FILE, pattern: REGEX with "
                        "named groups}, or give {PART: FILE, target: FILE}", o->path);
}

const struct pw_reader pw_reader_txt = {"txt", open_txt};

static pwy_status feed_read(struct pw_feed *f, int64_t i, pwy_example *ex, const char *part, enum pw_value_type type)
{
    const char *text;
    int64_t len;
    pw_lines_get(f->state, i, &text, &len);
    struct pw_value *value = pw_example_part(ex, part);
    PW_NEED(value);
    return pw_bad_row(type == PW_VALUE_TEXT ? pw_value_set_text(ex, value, text, len)
                      : pw_value_set_bytes(ex, value, text, len), f->path, i + 1, part);
}

static pwy_status feed_answer(struct pw_feed *f, int64_t i, pwy_example *ex, enum pw_answer answer)
{
    const char *text;
    int64_t len;
    pw_lines_get(f->state, i, &text, &len);
    return pw_bad_row(pw_answer_set(ex, answer, text, len), f->path, i + 1, NULL);
}

static void feed_close(struct pw_feed *f)
{
    pw_lines_close(f->state);
    free(f->state);
}

pwy_status pw_feed_lines(struct pw_feed *f, const struct pw_want_part *part)
{
    static const struct pw_feed_ops ops = {"lines", feed_read, feed_answer, feed_close};
    if (part && part->type != PW_VALUE_TEXT && part->type != PW_VALUE_BYTES)
        return pw_fail(PWY_E_FORMAT, "'%s' is not IDX, which part '%s' (%s) would need", f->path, part->name,
                       pw_value_type_name(part->type));
    struct pw_lines *lines = pw_calloc(1, sizeof *lines);
    PW_NEED(lines);
    pwy_status status = pw_lines_open(f->path, lines);
    if (status != PWY_OK) {
        free(lines);
        return status;
    }
    f->ops = &ops;
    f->state = lines;
    f->n = lines->n;
    return PWY_OK;
}

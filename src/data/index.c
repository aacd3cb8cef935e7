/* Where rows and lines begin in a mapped file. */
#include "data/read.h"

#include <stdlib.h>
#include <string.h>

enum { STRIDE = 8 };                        /* pw_lines remembers every eighth line */

static pwy_status index_grow(struct pw_index *index)
{
    int64_t cap = index->cap ? index->cap + index->cap / 2 : 256;
    uint64_t *at = pw_realloc(index->at, (size_t)cap, sizeof *at);
    PW_NEED(at);
    index->at = at;
    uint32_t *line = pw_realloc(index->line, (size_t)cap, sizeof *line);
    PW_NEED(line);
    index->line = line;
    index->cap = cap;
    return PWY_OK;
}

pwy_status pw_index_add(struct pw_index *index, uint64_t at, int64_t line)
{
    if (index->n == index->cap)
        PW_TRY(index_grow(index));
    index->at[index->n] = at;
    index->line[index->n++] = line < UINT32_MAX ? (uint32_t)line : 0;
    return PWY_OK;
}

/* Gives back what growing took too much; keeps what it has when that fails. */
void pw_index_trim(struct pw_index *index)
{
    if (index->n == 0 || index->n == index->cap)
        return;
    uint64_t *at = realloc(index->at, (size_t)index->n * sizeof *at);
    if (at)
        index->at = at;
    uint32_t *line = realloc(index->line, (size_t)index->n * sizeof *line);
    if (line)
        index->line = line;
    index->cap = at && line ? index->n : index->cap;
}

void pw_index_free(struct pw_index *index)
{
    free(index->at);
    free(index->line);
    *index = (struct pw_index){0};
}

const char *pw_line_end(const char *at, const char *end)
{
    const char *newline = memchr(at, '\n', (size_t)(end - at));
    return newline ? newline : end;
}

const char *pw_line_trim(const char *at, const char *line_end)
{
    return line_end > at && line_end[-1] == '\r' ? line_end - 1 : line_end;
}

const char *pw_skip_mark(const struct pw_mapping *map)
{
    return map->len >= 3 && memcmp(map->data, "\xef\xbb\xbf", 3) == 0 ? map->data + 3 : map->data;
}

static const char *next_line(const char *at, const char *end)
{
    const char *stop = pw_line_end(at, end);
    return stop < end ? stop + 1 : end;
}

static pwy_status lines_mark(struct pw_lines *lines, uint64_t at, int64_t *cap)
{
    if (lines->n / STRIDE == *cap) {
        *cap = *cap ? *cap + *cap / 2 : 64;
        uint64_t *more = pw_realloc(lines->at, (size_t)*cap, sizeof *more);
        PW_NEED(more);
        lines->at = more;
    }
    lines->at[lines->n / STRIDE] = at;
    return PWY_OK;
}

static pwy_status lines_scan(struct pw_lines *lines)
{
    const char *end = lines->map.data + lines->map.len;
    int64_t cap = 0;
    for (const char *at = pw_skip_mark(&lines->map); at < end; at = next_line(at, end), lines->n++)
        if (lines->n % STRIDE == 0)
            PW_TRY(lines_mark(lines, (uint64_t)(at - lines->map.data), &cap));
    return PWY_OK;
}

pwy_status pw_lines_open(const char *path, struct pw_lines *out)
{
    struct pw_lines lines = {0};
    PW_TRY(pw_map_unpacked(path, &lines.map));
    pwy_status status = lines_scan(&lines);
    if (status != PWY_OK) {
        pw_lines_close(&lines);
        return status;
    }
    *out = lines;
    return PWY_OK;
}

/* Line i (0 .. n-1) without its end; borrowed from the mapping. */
void pw_lines_get(const struct pw_lines *lines, int64_t i, const char **text, int64_t *len)
{
    const char *end = lines->map.data + lines->map.len;
    const char *at = lines->map.data + lines->at[i / STRIDE];
    for (int64_t skip = i % STRIDE; skip > 0; skip--)
        at = next_line(at, end);
    *text = at;
    *len = pw_line_trim(at, pw_line_end(at, end)) - at;
}

void pw_lines_close(struct pw_lines *lines)
{
    pw_map_close(&lines->map);
    free(lines->at);
    *lines = (struct pw_lines){0};
}

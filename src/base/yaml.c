/* YAML into a tree, by libyaml's events. */
#include <stdlib.h>
#include <string.h>
#include <yaml.h>
#include "base/mem.h"
#include "base/node.h"

enum { DEEPEST = 100 };

struct reader { yaml_parser_t parser; yaml_event_t event; const char *name; };

static long line_of(const struct reader *r)
{
    return (long)r->event.start_mark.line + 1;
}

static pwy_status fail_parser(const struct reader *r)
{
    const yaml_parser_t *p = &r->parser;
    const char *problem = p->problem != NULL ? p->problem : "this is not YAML";
    long line = (long)(p->error == YAML_READER_ERROR ? 0 : p->problem_mark.line + 1);
    if (p->error == YAML_MEMORY_ERROR)
        return pw_fail_nomem(0);
    if (p->context != NULL)
        return pw_fail_at(PWY_E_FORMAT, r->name, line, "%s %s (from line %zu)", problem, p->context,
                          p->context_mark.line + 1);
    return pw_fail_at(PWY_E_FORMAT, r->name, line, "%s", problem);
}

/* The next event; the one before is given back. */
static pwy_status next(struct reader *r)
{
    yaml_event_delete(&r->event);
    memset(&r->event, 0, sizeof r->event);
    return yaml_parser_parse(&r->parser, &r->event) ? PWY_OK : fail_parser(r);
}

static pwy_status place(const struct reader *r, struct pw_node *node)
{
    node->line = line_of(r);
    if (r->name == NULL)
        return PWY_OK;
    node->file = pw_strdup(r->name);
    return node->file != NULL ? PWY_OK : PWY_E_NOMEM;
}

static pwy_status check_plain(const struct reader *r, const yaml_char_t *tag, const yaml_char_t *anchor)
{
    if (tag != NULL)
        return pw_fail_at(PWY_E_FORMAT, r->name, line_of(r), "the tag '%s' has no meaning here; leave it out", tag);
    if (anchor != NULL)
        return pw_fail_at(PWY_E_FORMAT, r->name, line_of(r), "anchors (&%s) are not read; write the value in full",
                          anchor);
    return PWY_OK;
}

static pwy_status read_scalar(struct reader *r, struct pw_node **out)
{
    const char *text = (const char *)r->event.data.scalar.value;
    PW_TRY(check_plain(r, r->event.data.scalar.tag, r->event.data.scalar.anchor));
    if (strlen(text) != r->event.data.scalar.length)
        return pw_fail_at(PWY_E_FORMAT, r->name, line_of(r), "a text with a NUL in it");
    *out = pw_node_text(text, r->event.data.scalar.style != YAML_PLAIN_SCALAR_STYLE);
    return *out != NULL ? place(r, *out) : PWY_E_NOMEM;
}

static pwy_status read_node(struct reader *r, int depth, struct pw_node **out);

static pwy_status read_list(struct reader *r, int depth, struct pw_node *list)
{
    for (;;) {
        PW_TRY(next(r));
        if (r->event.type == YAML_SEQUENCE_END_EVENT)
            return PWY_OK;
        struct pw_node *item = NULL;
        pwy_status status = read_node(r, depth, &item);
        if (status != PWY_OK) {
            pw_node_free(item);
            return status;
        }
        PW_TRY(pw_node_add(list, item));
    }
}

static pwy_status read_key(struct reader *r, const struct pw_node *map, char **key)
{
    if (r->event.type != YAML_SCALAR_EVENT)
        return pw_fail_at(PWY_E_FORMAT, r->name, line_of(r), "a key must be one word, not a list or a map");
    const char *text = (const char *)r->event.data.scalar.value;
    PW_TRY(check_plain(r, r->event.data.scalar.tag, r->event.data.scalar.anchor));
    const struct pw_node *before = pw_node_get(map, text);
    if (before != NULL)
        return pw_fail_at(PWY_E_FORMAT, r->name, line_of(r), "'%s' is there twice, first at line %ld; keep one", text,
                          before->line);
    *key = pw_strdup(text);
    return *key != NULL ? PWY_OK : PWY_E_NOMEM;
}

static pwy_status read_pair(struct reader *r, int depth, struct pw_node *map)
{
    char *key = NULL;
    struct pw_node *value = NULL;
    PW_TRY(read_key(r, map, &key));
    pwy_status status = next(r);
    if (status == PWY_OK)
        status = read_node(r, depth, &value);
    if (status == PWY_OK)
        status = pw_node_put(map, key, value);
    else
        pw_node_free(value);
    free(key);
    return status;
}

static pwy_status read_map(struct reader *r, int depth, struct pw_node *map)
{
    for (;;) {
        PW_TRY(next(r));
        if (r->event.type == YAML_MAPPING_END_EVENT)
            return PWY_OK;
        PW_TRY(read_pair(r, depth, map));
    }
}

static pwy_status read_collection(struct reader *r, int depth, bool is_map, struct pw_node **out)
{
    PW_TRY(is_map ? check_plain(r, r->event.data.mapping_start.tag, r->event.data.mapping_start.anchor)
                  : check_plain(r, r->event.data.sequence_start.tag, r->event.data.sequence_start.anchor));
    if (depth == DEEPEST)
        return pw_fail_at(PWY_E_FORMAT, r->name, line_of(r), "lists and maps nested more than %d deep", DEEPEST);
    *out = pw_node_new(is_map ? PW_MAP : PW_LIST);
    PW_NEED(*out);
    PW_TRY(place(r, *out));
    return is_map ? read_map(r, depth + 1, *out) : read_list(r, depth + 1, *out);
}

/* The node that begins at the event at hand. *out is the caller's also on failure. */
static pwy_status read_node(struct reader *r, int depth, struct pw_node **out)
{
    switch (r->event.type) {
    case YAML_SCALAR_EVENT:
        return read_scalar(r, out);
    case YAML_SEQUENCE_START_EVENT:
        return read_collection(r, depth, false, out);
    case YAML_MAPPING_START_EVENT:
        return read_collection(r, depth, true, out);
    case YAML_ALIAS_EVENT:
        return pw_fail_at(PWY_E_FORMAT, r->name, line_of(r), "aliases (*%s) are not read; write the value in full",
                          r->event.data.alias.anchor);
    default:
        return pw_fail_at(PWY_E_FORMAT, r->name, line_of(r), "a value is missing");
    }
}

/* One document, and nothing behind it. An empty text is an empty map. */
static pwy_status read_stream(struct reader *r, struct pw_node **out)
{
    PW_TRY(next(r));                                        /* the stream's start */
    PW_TRY(next(r));
    if (r->event.type == YAML_STREAM_END_EVENT) {
        *out = pw_node_new(PW_MAP);
        return *out != NULL ? place(r, *out) : PWY_E_NOMEM;
    }
    PW_TRY(next(r));
    PW_TRY(read_node(r, 0, out));
    PW_TRY(next(r));                                        /* the document's end */
    PW_TRY(next(r));
    if (r->event.type != YAML_STREAM_END_EVENT)
        return pw_fail_at(PWY_E_FORMAT, r->name, line_of(r), "a second document begins; there must be one");
    return PWY_OK;
}

pwy_status pw_node_from_yaml(const char *text, size_t len, const char *name, struct pw_node **out)
{
    struct reader r = { .name = name };
    struct pw_node *tree = NULL;
    if (!yaml_parser_initialize(&r.parser))
        return pw_fail_nomem(sizeof r.parser);
    yaml_parser_set_encoding(&r.parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&r.parser, (const unsigned char *)text, len);
    pwy_status status = read_stream(&r, &tree);
    yaml_event_delete(&r.event);
    yaml_parser_delete(&r.parser);
    if (status == PWY_OK)
        *out = tree;
    else
        pw_node_free(tree);
    return status;
}

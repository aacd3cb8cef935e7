/* JSON into a tree (by jansson) and back. */
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "base/mem.h"
#include "base/node.h"
#include "base/num.h"

static struct pw_node *from_value(const json_t *value, const char *name);

static struct pw_node *from_number(const json_t *value)
{
    char text[40];
    if (json_is_integer(value))
        snprintf(text, sizeof text, "%lld", (long long)json_integer_value(value));
    else
        pw_format_double(text, sizeof text, json_real_value(value));
    return pw_node_text(text, false);
}

static pwy_status fill_list(struct pw_node *list, const json_t *array, const char *name)
{
    for (size_t i = 0; i < json_array_size(array); i++) {
        struct pw_node *item = from_value(json_array_get(array, i), name);
        PW_NEED(item);
        PW_TRY(pw_node_add(list, item));
    }
    return PWY_OK;
}

static pwy_status fill_map(struct pw_node *map, json_t *object, const char *name)
{
    for (void *at = json_object_iter(object); at != NULL; at = json_object_iter_next(object, at)) {
        struct pw_node *item = from_value(json_object_iter_value(at), name);
        PW_NEED(item);
        PW_TRY(pw_node_put(map, json_object_iter_key(at), item));
    }
    return PWY_OK;
}

static struct pw_node *from_collection(const json_t *value, const char *name)
{
    struct pw_node *node = pw_node_new(json_is_array(value) ? PW_LIST : PW_MAP);
    if (node == NULL)
        return NULL;
    pwy_status status = json_is_array(value) ? fill_list(node, value, name) : fill_map(node, (json_t *)value, name);
    if (status == PWY_OK)
        return node;
    pw_node_free(node);
    return NULL;
}

static struct pw_node *from_scalar(const json_t *value)
{
    switch (json_typeof(value)) {
    case JSON_STRING:
        return pw_node_text(json_string_value(value), true);
    case JSON_TRUE:
        return pw_node_text("true", false);
    case JSON_FALSE:
        return pw_node_text("false", false);
    case JSON_NULL:
        return pw_node_text("null", false);
    default:
        return from_number(value);
    }
}

static struct pw_node *from_value(const json_t *value, const char *name)
{
    bool collection = json_is_array(value) || json_is_object(value);
    struct pw_node *node = collection ? from_collection(value, name) : from_scalar(value);
    if (node == NULL || name == NULL)
        return node;
    node->file = pw_strdup(name);
    if (node->file != NULL)
        return node;
    pw_node_free(node);
    return NULL;
}

pwy_status pw_node_from_json(const char *text, size_t len, const char *name, struct pw_node **out)
{
    json_error_t error;
    json_t *root = json_loadb(text, len, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &error);
    if (root == NULL && json_error_code(&error) == json_error_out_of_memory)
        return pw_fail_nomem(len);
    if (root == NULL)
        return pw_fail_at(PWY_E_FORMAT, name, error.line > 0 ? error.line : 0, "%s", error.text);
    struct pw_node *tree = from_value(root, name);
    json_decref(root);
    PW_NEED(tree);
    *out = tree;
    return PWY_OK;
}

static size_t skip_digits(const char *text, size_t at)
{
    while (text[at] >= '0' && text[at] <= '9')
        at++;
    return at;
}

/* JSON's own grammar, and a finite value: such a text is written as it stands. */
static bool is_number(const char *text)
{
    double value;
    size_t at = text[0] == '-', end = skip_digits(text, at);
    if (end == at || (text[at] == '0' && end - at > 1))
        return false;
    if (text[end] == '.') {
        at = end + 1;
        end = skip_digits(text, at);
        if (end == at)
            return false;
    }
    if ((text[end] | 32) == 'e') {
        at = end + 1 + (text[end + 1] == '-' || text[end + 1] == '+');
        end = skip_digits(text, at);
        if (end == at)
            return false;
    }
    return text[end] == 0 && pw_parse_double(text, strlen(text), &value) && isfinite(value);
}

static pwy_status write_string(struct pw_buf *buf, const char *text)
{
    PW_TRY(pw_buf_add(buf, "\"", 1));
    for (; *text != 0; text++) {
        unsigned char c = (unsigned char)*text;
        if (c == '"' || c == '\\')
            PW_TRY(pw_buf_printf(buf, "\\%c", c));
        else if (c < 0x20)
            PW_TRY(pw_buf_printf(buf, "\\u%04x", c));
        else
            PW_TRY(pw_buf_add(buf, text, 1));
    }
    return pw_buf_add(buf, "\"", 1);
}

static pwy_status write_scalar(struct pw_buf *buf, const struct pw_node *node)
{
    const char *text = node->text;
    if (node->quoted)
        return write_string(buf, text);
    if (text[0] == 0 || strcmp(text, "~") == 0 || strcmp(text, "null") == 0)
        return pw_buf_add(buf, "null", 4);
    if (strcmp(text, "true") == 0 || strcmp(text, "false") == 0 || is_number(text))
        return pw_buf_add(buf, text, strlen(text));
    return write_string(buf, text);
}

static pwy_status write_node(struct pw_buf *buf, const struct pw_node *node)
{
    if (node->kind == PW_SCALAR)
        return write_scalar(buf, node);
    PW_TRY(pw_buf_add(buf, node->kind == PW_MAP ? "{" : "[", 1));
    for (int i = 0; i < node->n; i++) {
        if (i > 0)
            PW_TRY(pw_buf_add(buf, ",", 1));
        if (node->kind == PW_MAP) {
            PW_TRY(write_string(buf, node->key[i]));
            PW_TRY(pw_buf_add(buf, ":", 1));
        }
        PW_TRY(write_node(buf, node->item[i]));
    }
    return pw_buf_add(buf, node->kind == PW_MAP ? "}" : "]", 1);
}

char *pw_node_to_json(const struct pw_node *node)
{
    struct pw_buf buf = { 0 };
    if (write_node(&buf, node) == PWY_OK)
        return buf.data;
    pw_buf_free(&buf);
    return NULL;
}

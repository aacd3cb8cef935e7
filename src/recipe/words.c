/* ${NAME} in a recipe's scalars. */
#include <stdlib.h>
#include <string.h>
#include "recipe/recipe.h"

/* Length of a variable's name at `text`, 0 where there is none. */
static size_t name_len(const char *text)
{
    size_t n = 0;
    if (*text >= '0' && *text <= '9') return 0;
    while ((text[n] >= 'A' && text[n] <= 'Z') || (text[n] >= 'a' && text[n] <= 'z') || text[n] == '_' ||
           (text[n] >= '0' && text[n] <= '9')) n++;
    return n;
}

/* Appends the variable whose name starts at `name`; *len becomes its length. */
static pwy_status add_variable(const struct pw_node *node, const char *name, size_t *len, struct pw_buf *out)
{
    *len = name_len(name);
    if (*len == 0 || name[*len] != '}')
        return pw_node_fail(node, PWY_E_FORMAT, "'%s': ${NAME} takes the name of an environment variable", node->text);
    char *copy = pw_strndup(name, *len);
    PW_NEED(copy);
    const char *value = getenv(copy);
    pwy_status status = value != NULL ? pw_buf_add(out, value, strlen(value))
        : pw_node_fail(node, PWY_E_NOT_FOUND, "the environment variable %s is not set", copy);
    free(copy);
    return status;
}

static pwy_status build(const struct pw_node *node, struct pw_buf *out)
{
    const char *from = node->text, *at;
    for (size_t len; (at = strstr(from, "${")) != NULL; from = at + 2 + len + 1) {
        PW_TRY(pw_buf_add(out, from, (size_t)(at - from)));
        PW_TRY(add_variable(node, at + 2, &len, out));
    }
    return pw_buf_add(out, from, strlen(from));
}

static pwy_status expand_scalar(struct pw_node *node)
{
    struct pw_buf out = {0};
    if (node->text == NULL || strstr(node->text, "${") == NULL) return PWY_OK;
    pwy_status status = build(node, &out);
    char *text = status == PWY_OK ? pw_strndup(out.data, out.len) : NULL;
    pw_buf_free(&out);
    PW_TRY(status);
    PW_NEED(text);
    free(node->text);
    node->text = text;
    return PWY_OK;
}

pwy_status pw_recipe_expand(struct pw_node *node)
{
    if (node->kind == PW_SCALAR) return expand_scalar(node);
    for (int i = 0; i < node->n; i++) PW_TRY(pw_recipe_expand(node->item[i]));
    return PWY_OK;
}

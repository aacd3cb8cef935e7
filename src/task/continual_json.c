/* The matrix as JSON, and back. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "base/node.h"
#include "base/num.h"
#include "task/continual.h"

/* --- to --- */

static pwy_status put_scores(struct pw_node *list, const struct pwy_continual *c, int64_t after)
{
    int64_t n = pw_map_count(c->names);
    for (int64_t j = 0; j < n; j++)
        PW_TRY(pw_node_add_number(list, after < 0 ? c->baseline[j] : pw_continual_score(c, after, j)));
    return PWY_OK;
}

static pwy_status put_figures(struct pw_node *list, const struct pwy_continual *c, int64_t k)
{
    struct pw_node *map;
    PW_TRY(pw_node_add_new(list, PW_MAP, &map));
    PW_TRY(pw_node_put_text(map, "after", pw_map_key(c->names, k)));
    PW_TRY(pw_node_put_number(map, "accuracy", pw_continual_accuracy(c, k)));
    PW_TRY(pw_node_put_number(map, "backward_transfer", pw_continual_backward(c, k)));
    PW_TRY(pw_node_put_number(map, "forward_transfer", pw_continual_forward(c, k)));
    return pw_node_put_number(map, "forgetting", pw_continual_forgetting(c, k));
}

static pwy_status put_tasks(struct pw_node *map, const struct pwy_continual *c)
{
    struct pw_node *tasks, *higher, *flag;
    PW_TRY(pw_node_put_new(map, "tasks", PW_LIST, &tasks));
    PW_TRY(pw_node_put_new(map, "higher_is_better", PW_LIST, &higher));
    for (int64_t j = 0; j < pw_map_count(c->names); j++) {
        PW_TRY(pw_node_add_text(tasks, pw_map_key(c->names, j)));
        PW_NEED(flag = pw_node_text(c->higher[j] ? "true" : "false", false));
        PW_TRY(pw_node_add(higher, flag));
    }
    return PWY_OK;
}

static pwy_status put_all(struct pw_node *map, const struct pwy_continual *c)
{
    struct pw_node *baseline, *matrix, *row, *figures;
    int64_t n = pw_map_count(c->names);
    PW_TRY(put_tasks(map, c));
    PW_TRY(pw_node_put_new(map, "baseline", PW_LIST, &baseline));
    PW_TRY(put_scores(baseline, c, -1));
    PW_TRY(pw_node_put_new(map, "matrix", PW_LIST, &matrix));
    for (int64_t k = 0; k < n; k++) {
        PW_TRY(pw_node_add_new(matrix, PW_LIST, &row));
        PW_TRY(put_scores(row, c, k));
    }
    PW_TRY(pw_node_put_new(map, "figures", PW_LIST, &figures));
    for (int64_t k = 0; k < n; k++) PW_TRY(put_figures(figures, c, k));
    return PWY_OK;
}

pwy_status pw_continual_json(const struct pwy_continual *c, char **json)
{
    struct pw_node *map;
    char *text = NULL;
    PW_NEED(map = pw_node_new(PW_MAP));
    pwy_status status = put_all(map, c);
    if (status == PWY_OK) status = (text = pw_node_to_json(map)) == NULL ? PWY_E_NOMEM : PWY_OK;
    pw_node_free(map);
    if (status == PWY_OK) *json = text;
    return status;
}

/* --- from --- */

static pwy_status list_of(const struct pw_node *map, const char *key, int n, const struct pw_node **out)
{
    *out = pw_node_get(map, key);
    if (*out != NULL && (*out)->kind == PW_LIST && (n < 0 || (*out)->n == n)) return PWY_OK;
    return pw_fail(PWY_E_FORMAT, "the matrix: '%s' is no list%s", key, n < 0 ? "" : " of as many as there are tasks");
}

/* null: not set, NaN. */
static pwy_status read_score(const struct pw_node *node, double *out)
{
    *out = NAN;
    if (node->kind == PW_SCALAR && !node->quoted && strcmp(node->text, "null") == 0) return PWY_OK;
    if (node->kind == PW_SCALAR && pw_parse_double(node->text, strlen(node->text), out) && isfinite(*out))
        return PWY_OK;
    return pw_fail(PWY_E_FORMAT, "the matrix: a score is no number");
}

static pwy_status read_tasks(struct pwy_continual *c, const struct pw_node *map)
{
    const struct pw_node *tasks, *higher;
    PW_TRY(list_of(map, "tasks", -1, &tasks));
    PW_TRY(list_of(map, "higher_is_better", tasks->n, &higher));
    for (int j = 0; j < tasks->n; j++) {
        const struct pw_node *name = tasks->item[j], *flag = higher->item[j];
        if (name->kind != PW_SCALAR || flag->kind != PW_SCALAR)
            return pw_fail(PWY_E_FORMAT, "the matrix: task %d has no name, or no flag", j);
        PW_TRY(pw_continual_add(c, name->text, strcmp(flag->text, "true") == 0, NULL));
    }
    return PWY_OK;
}

static pwy_status read_row(struct pwy_continual *c, int k, const struct pw_node *row)
{
    double score;
    if (row->kind != PW_LIST || row->n != (int)pw_map_count(c->names))
        return pw_fail(PWY_E_FORMAT, "the matrix: row %d has not as many scores as there are tasks", k);
    for (int j = 0; j < row->n; j++) {
        PW_TRY(read_score(row->item[j], &score));
        if (!isnan(score)) PW_TRY(pw_continual_set(c, k, j, score));
    }
    return PWY_OK;
}

static pwy_status read_all(struct pwy_continual *c, const struct pw_node *map)
{
    const struct pw_node *baseline, *matrix;
    PW_TRY(read_tasks(c, map));
    int n = (int)pw_map_count(c->names);
    PW_TRY(list_of(map, "baseline", n, &baseline));
    PW_TRY(list_of(map, "matrix", n, &matrix));
    for (int j = 0; j < n; j++) PW_TRY(read_score(baseline->item[j], &c->baseline[j]));
    for (int k = 0; k < n; k++) PW_TRY(read_row(c, k, matrix->item[k]));
    return PWY_OK;
}

/* A wrong name is the text's fault. */
static pwy_status blame_text(pwy_status status)
{
    if (status == PWY_E_NOMEM || status == PWY_E_FORMAT) return status;
    char *why = pw_strdup(pwy_error_message());
    PW_NEED(why);
    status = pw_fail(PWY_E_FORMAT, "the matrix: %s", why);
    free(why);
    return status;
}

pwy_status pw_continual_parse(const char *json, struct pwy_continual **out)
{
    struct pwy_continual *c = NULL;
    struct pw_node *map = NULL;
    pwy_status status = pw_node_from_json(json, strlen(json), NULL, &map);
    if (status == PWY_OK) status = pw_continual_make(&c);
    if (status == PWY_OK) status = read_all(c, map);
    pw_node_free(map);
    if (status == PWY_OK) {
        *out = c;
        return PWY_OK;
    }
    pw_continual_free(c);
    return blame_text(status);
}

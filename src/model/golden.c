/* Golden inputs: a few rows that a task keeps, large ones cut, and, once it is sealed, the very bytes of its answers
   to them. Checking a sealed task answers them again. In the task's settings as {"inputs": [HEX...], "answers":
   [HEX...]}. */
#include "base/example_bytes.h"
#include "model/infer.h"
#include <stdlib.h>
#include <string.h>

enum { GOLDEN = 3, LOOKED_AT = 30 };           /* rows that are kept, of so many */
enum { MOST_BYTES = 2048, MOST_NEW = 8 };       /* of one row; ids that a writer's answer has */

/* --- bytes as text --- */

static char *to_hex(const void *data, size_t len)
{
    static const char digit[] = "0123456789abcdef";
    const unsigned char *byte = data;
    char *hex = pw_calloc(2 * len + 1, 1);
    for (size_t i = 0; hex != NULL && i < len; i++) {
        hex[2 * i] = digit[byte[i] >> 4];
        hex[2 * i + 1] = digit[byte[i] & 15];
    }
    return hex;
}

static int digit_of(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static pwy_status from_hex(const struct pw_node *node, unsigned char **out, size_t *len)
{
    size_t n = node->kind == PW_SCALAR ? strlen(node->text) : 1;
    if (n % 2 != 0) return pw_fail(PWY_E_FORMAT, "a golden input is damaged");
    PW_NEED(*out = pw_calloc(n / 2 + 1, 1));
    *len = n / 2;
    for (size_t i = 0; i < n; i++) {
        int d = digit_of(node->text[i]);
        if (d < 0) {
            free(*out);
            return pw_fail(PWY_E_FORMAT, "a golden input is damaged");
        }
        (*out)[i / 2] = (unsigned char)((*out)[i / 2] << 4 | d);
    }
    return PWY_OK;
}

static pwy_status add_hex(struct pw_node *list, const void *data, size_t len)
{
    char *hex = to_hex(data, len);
    PW_NEED(hex);
    struct pw_node *node = pw_node_text(hex, true);
    free(hex);
    PW_NEED(node);
    return pw_node_add(list, node);
}

static struct pw_node *list_of(const struct pw_node *golden, const char *key)
{
    struct pw_node *list = pw_node_get(golden, key);
    return list != NULL && list->kind == PW_LIST ? list : NULL;
}

/* --- inputs --- */

static bool can_take(const pwy_model *m, struct pw_net *net, const pwy_example *ex)
{
    struct pw_item item;
    struct pw_arena *arena = pw_arena_new();
    bool can = arena != NULL && pw_item_encode(m, net, ex, false, NULL, arena, &item) == PWY_OK;
    if (arena != NULL) pw_arena_free(arena);
    return can;
}

/* Bytes of an example, cut where the task's senses take it so (what is left of a series may be all missing). */
static pwy_status cut(const pwy_model *m, struct pw_net *net, struct pw_buf *bytes)
{
    struct pw_buf shorter = {0};
    pwy_example *ex = pw_example_make();
    PW_NEED(ex);
    pwy_status status = pw_example_read(bytes->data, bytes->len, ex);
    if (status == PWY_OK) status = pw_example_cut(ex, MOST_BYTES);
    bool can = status == PWY_OK && can_take(m, net, ex);
    if (can) status = pw_example_write(ex, &shorter);
    pw_example_release(ex);
    if (can && status == PWY_OK) {
        struct pw_buf whole = *bytes;
        *bytes = shorter;
        shorter = whole;
    }
    pw_buf_free(&shorter);
    return status;
}

static pwy_status keep(const pwy_model *m, struct pw_net *net, const pwy_example *ex, struct pw_node *inputs)
{
    struct pw_buf bytes = {0};
    pwy_status status = pw_example_write(ex, &bytes);
    if (status == PWY_OK && bytes.len > MOST_BYTES) status = cut(m, net, &bytes);
    if (status == PWY_OK) status = add_hex(inputs, bytes.data, bytes.len);
    pw_buf_free(&bytes);
    return status;
}

static pwy_status make_golden(struct pwy_task *t)
{
    struct pw_node *map = pw_node_new(PW_MAP), *inputs;
    PW_NEED(map);
    pwy_status status = pw_node_put_new(map, "inputs", PW_LIST, &inputs);
    if (status != PWY_OK) {
        pw_node_free(map);
        return status;
    }
    pw_node_free(t->golden);
    t->golden = map;
    return PWY_OK;
}

pwy_status pw_golden_offer(const pwy_model *m, struct pw_net *net, const pwy_example *ex)
{
    struct pwy_task *t = net->task;
    if (list_of(t->golden, "inputs") == NULL) PW_TRY(make_golden(t));
    struct pw_node *inputs = list_of(t->golden, "inputs");
    return inputs->n < GOLDEN ? keep(m, net, ex, inputs) : PWY_OK;
}

static pwy_status keep_rows(const pwy_model *m, struct pw_net *net, pwy_source *rows, pwy_example *ex)
{
    struct pw_node *inputs = list_of(net->task->golden, "inputs");
    for (int64_t i = 0; i < rows->n && i < LOOKED_AT && inputs->n < GOLDEN; i++) {
        pwy_status status = pw_source_read(rows, i, ex);
        if (status == PWY_OK && can_take(m, net, ex)) status = keep(m, net, ex, inputs);
        if (status != PWY_E_DATA) PW_TRY(status);
    }
    return PWY_OK;
}

pwy_status pw_golden_keep(const pwy_model *m, struct pw_net *net)
{
    pwy_source *const *source = net->task->source, *rows = source[PWY_VALID];
    if (rows == NULL || rows->n == 0) rows = source[PWY_TRAIN];
    if (rows == NULL) return PWY_OK;
    pwy_example *ex = pw_example_make();
    PW_NEED(ex);
    pwy_status status = make_golden(net->task);
    if (status == PWY_OK) status = keep_rows(m, net, rows, ex);
    pw_example_release(ex);
    return status;
}

/* --- answers --- */

struct asking { struct pw_infer *f; struct pw_net *net; pwy_example *ex; };

/* The raw outputs of the last pass, before they become probabilities; of a writer, what it wrote. */
static pwy_status raw_answer(struct asking *a, struct pw_buf *out)
{
    const struct pwy_task *t = a->net->task;
    struct pw_generate how = {MOST_NEW, 0, 1};
    size_t n = (size_t)a->net->outputs;
    if (a->net->writes) {
        char *text;
        int64_t n_new;
        PW_TRY(pw_generate(a->f->m, &a->f->x, &a->f->item[0], &how, &text, &n_new, &a->f->pass));
        pwy_status status = pw_buf_add(out, text, strlen(text));
        free(text);
        return status;
    }
    real *raw = pw_arena_take(a->f->x.arena, n + 1, sizeof *raw);
    PW_NEED(raw);
    pw_group_fuse(&a->f->pass.group[0], 0, t->wide_scale, t->trunk_scale, raw);
    return pw_buf_add(out, (const char *)raw, n * sizeof *raw);
}

static pwy_status answer(struct asking *a, const struct pw_node *input, struct pw_buf *out)
{
    const pwy_example *ex = a->ex;
    unsigned char *bytes = NULL;
    size_t len = 0;
    PW_TRY(from_hex(input, &bytes, &len));
    pw_example_clear(a->ex);
    pwy_status status = pw_example_read(bytes, len, a->ex);
    free(bytes);
    if (status == PWY_OK) status = pw_infer_run(a->f, a->net, &ex, 1, false);
    return status == PWY_OK ? raw_answer(a, out) : status;
}

typedef pwy_status (*use_fn)(void *arg, int i, const struct pw_buf *answer);

static pwy_status ask_all(struct asking *a, use_fn use, void *arg)
{
    const struct pw_node *inputs = list_of(a->net->task->golden, "inputs");
    for (int i = 0; inputs != NULL && i < inputs->n; i++) {
        struct pw_buf out = {0};
        pwy_status status = answer(a, inputs->item[i], &out);
        if (status == PWY_OK) status = use(arg, i, &out);
        pw_buf_free(&out);
        PW_TRY(status);
    }
    return PWY_OK;
}

static pwy_status with_inputs(const pwy_model *m, struct pw_net *net, use_fn use, void *arg)
{
    struct asking a = {.net = net};
    if (net->task->golden == NULL) return PWY_OK;
    PW_TRY(pw_infer_open(m, NULL, 1, &a.f));
    a.ex = pw_example_make();
    pwy_status status = a.ex == NULL ? PWY_E_NOMEM : ask_all(&a, use, arg);
    if (a.ex != NULL) pw_example_release(a.ex);
    pw_infer_close(a.f);
    return status;
}

static pwy_status keep_answer(void *arg, int i, const struct pw_buf *answer)
{
    (void)i;
    return add_hex(arg, answer->data, answer->len);
}

pwy_status pw_golden_answer(const pwy_model *m, struct pw_net *net)
{
    struct pw_node *answers;
    if (net->task->golden == NULL) return PWY_OK;
    PW_NEED(answers = pw_node_new(PW_LIST));
    pwy_status status = with_inputs(m, net, keep_answer, answers);
    if (status == PWY_OK) return pw_node_put(net->task->golden, "answers", answers);
    pw_node_free(answers);
    return status;
}

static pwy_status compare_answer(void *arg, int i, const struct pw_buf *answer)
{
    const struct pw_node *answers = list_of(arg, "answers");
    char *hex = to_hex(answer->data, answer->len);
    PW_NEED(hex);
    bool same = answers != NULL && i < answers->n && answers->item[i]->kind == PW_SCALAR
             && strcmp(answers->item[i]->text, hex) == 0;
    free(hex);
    return same ? PWY_OK : pw_fail(PWY_E_FORMAT, "golden input %d is not answered as when it was sealed", i);
}

pwy_status pw_golden_replay(const pwy_model *m, struct pw_net *net)
{
    return with_inputs(m, net, compare_answer, net->task->golden);
}

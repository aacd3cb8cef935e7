/* A model from tasks and their data: targets, tokenizer and the senses' constants first, then the network. */
#include "model/budget.h"
#include "model/stems.h"
#include <stdlib.h>
#include <string.h>

enum { TEXT_ROWS = 20000, TEXT_BYTES = 2 << 20 };      /* what the tokenizer sees of one task */

const char *const pw_gate_words[] = {"softmax", "sigmoid", NULL};
const char *const pw_normalise_words[] = {"chosen", "none", NULL};
const char *const pw_balance_words[] = {"loss", "bias", NULL};

#define WORD(name, words) {#name, PW_OPT_WORD, offsetof(struct pw_shape, name), 0, 0, words}
#define FIELD(name, type, min, max) {#name, type, offsetof(struct pw_shape, name), min, max}
const struct pw_option pw_shape_options[] = {
    FIELD(d, PW_OPT_INT, 8, 8192), FIELD(layers, PW_OPT_INT, 1, 128), FIELD(heads, PW_OPT_INT, 1, 128),
    FIELD(kv_heads, PW_OPT_INT, 1, 128), FIELD(experts, PW_OPT_INT, 0, 65536), FIELD(topk, PW_OPT_INT, 1, 64),
    FIELD(hidden, PW_OPT_INT, 1, 65536), FIELD(shared, PW_OPT_INT, 0, 64), FIELD(vocab, PW_OPT_INT, 257, 1 << 20),
    FIELD(window, PW_OPT_INT, 8, 4095), FIELD(seed, PW_OPT_INT, 0, 9e15), FIELD(parallel, PW_OPT_FLAG, 0, 0),
    FIELD(balance, PW_OPT_NUMBER, 0, 10), FIELD(zloss, PW_OPT_NUMBER, 0, 10), FIELD(expert_lr, PW_OPT_NUMBER, .01, 100),
    WORD(router, pw_router_all_words), WORD(gate, pw_gate_words),
    WORD(normalise, pw_normalise_words), WORD(balance_by, pw_balance_words),
    FIELD(gate_scale, PW_OPT_NUMBER, 0, 1e6), FIELD(capacity, PW_OPT_NUMBER, 0, 1e6),
    FIELD(bias_rate, PW_OPT_NUMBER, 0, 1), FIELD(jitter, PW_OPT_NUMBER, 0, .99), {0}};

pwy_status pw_shape_check(struct pw_shape *s)
{
    if (s->kv_heads == 0) s->kv_heads = s->heads;
    if (s->hidden == 0) s->hidden = s->d;
    if (s->d % s->heads != 0 || s->d / s->heads % 2 != 0)
        return pw_fail(PWY_E_ARGUMENT,
                       "model: d %lld does not divide into %lld heads of an even width; d 128 and heads 4 would",
                       (long long)s->d, (long long)s->heads);
    if (s->heads % s->kv_heads != 0)
        return pw_fail(PWY_E_ARGUMENT, "model: heads %lld is no multiple of kv_heads %lld", (long long)s->heads,
                       (long long)s->kv_heads);
    if (s->experts > 0 && s->topk > s->experts)
        return pw_fail(PWY_E_ARGUMENT, "model: topk %lld is more than experts %lld; at most %lld would be right",
                       (long long)s->topk, (long long)s->experts, (long long)s->experts);
    return PWY_OK;
}

/* What is left out is sized by the number of tasks. */
static pwy_status read_shape(const struct pw_node *options, int n_tasks, struct pw_shape *s)
{
    *s = (struct pw_shape){.d = 128, .layers = 2, .heads = 4, .experts = n_tasks > 8 ? 16 : 8, .topk = 2, .vocab = 4096,
                           .window = 256, .seed = 1, .balance = .01, .zloss = 0, .expert_lr = 1,
                           .gate_scale = 1, .bias_rate = .001};
    PW_TRY(pw_options_read(options, "model", pw_shape_options, s));
    return pw_shape_check(s);
}

/* --- the tokenizer's texts: rows of every task with text, permuted, up to a number of bytes each --- */

/* of the tasks from `first` on */
struct texts { pwy_model *m; pwy_example *ex; int task; int64_t row, bytes; };

static bool has_text(const struct pwy_task *t)
{
    return pw_has_sense(t, t->n_parts, "text") || t->head->kind == PWY_GENERATE;
}

static const char *one_text(struct texts *in, const struct pwy_task *t)
{
    for (int p = 0; p < in->ex->n_parts; p++)
        if (in->ex->parts[p].value.type == PW_VALUE_TEXT) return in->ex->parts[p].value.text;
    return t->head->kind == PWY_GENERATE ? in->ex->target_text : NULL;
}

/* Of a task that writes its target, every other text is the target. */
static const char *text_of(struct texts *in, const struct pwy_task *t)
{
    if (in->row % 2 == 1 && in->ex->target_text != NULL) return in->ex->target_text;
    return one_text(in, t);
}

static pwy_status next_text(void *arg, int64_t i, const char **text, int64_t *len)
{
    struct texts *in = arg;
    (void)i;
    for (; in->task < in->m->registry->n; in->task++, in->row = 0, in->bytes = 0) {
        struct pwy_task *t = pw_registry_at(in->m->registry, in->task);
        pwy_source *s = t->source[PWY_TRAIN];
        while (has_text(t) && in->row < s->n && in->row < TEXT_ROWS && in->bytes < TEXT_BYTES) {
            int64_t at = (int64_t)pw_permute(0, (uint64_t)s->n, (uint64_t)in->row++);
            pwy_status status = pw_source_read(s, at, in->ex);
            if (status == PWY_E_DATA) continue;
            PW_TRY(status);
            if ((*text = text_of(in, t)) == NULL) continue;
            in->bytes += *len = (int64_t)strlen(*text);
            return PWY_OK;
        }
    }
    *len = -1;
    return PWY_OK;
}

static pwy_status build_tokenizer(pwy_model *m, int first)
{
    struct texts in = {.m = m, .task = first};
    pwy_tokenizer *tok;
    bool any = false;
    pwy_status status;
    for (int i = first; i < m->registry->n; i++) any = any || has_text(pw_registry_at(m->registry, i));
    if (!any) return PWY_OK;
    pw_log(m->ctx, PWY_LOG_INFO, "looking through the data: texts, for the tokenizer");
    PW_NEED(in.ex = pw_example_make());
    status = m->shape.vocab == 257 ? pw_tok_bytes(&tok) : pw_tok_train(m->shape.vocab, next_text, &in, &tok);
    pw_example_release(in.ex);
    return status == PWY_OK ? pw_vocabulary_add(m, "text", tok) : status;
}

/* --- the senses' constants --- */

struct fit_rows { struct pwy_task *task; int part; pwy_example *ex; struct pw_target target; };

static pwy_status read_permuted(struct fit_rows *f, int64_t i)
{
    pwy_source *train = f->task->source[PWY_TRAIN];
    if (i < train->n)
        return pw_source_read(train, (int64_t)pw_permute(1, (uint64_t)train->n, (uint64_t)i), f->ex);
    return pw_source_read(f->task->source[PWY_VALID], i - train->n, f->ex);
}

static pwy_status fit_row(void *arg, int64_t i, const struct pw_value **value, struct pw_goal *goal)
{
    struct fit_rows *f = arg;
    pwy_status status = read_permuted(f, i);
    *value = NULL;
    *goal = (struct pw_goal){.label = -1};
    if (status != PWY_OK) return status == PWY_E_DATA ? PWY_OK : status;
    *value = pw_example_find(f->ex, f->task->parts[f->part].name);
    if (*value != NULL && (*value)->type == PW_VALUE_NONE) *value = NULL;
    if (f->task->head->kind == PWY_GENERATE) return PWY_OK;
    if (f->task->head->target(f->task, f->ex, &f->target) != PWY_OK) return PWY_OK;
    goal->label = f->target.label;
    goal->number = (f->target.number - f->task->mean) / (f->task->spread > 0 ? f->task->spread : 1);
    return PWY_OK;
}

static pwy_status fit_sense(pwy_model *m, struct pw_net *net, int part, int64_t numbers, struct pw_pool *pool,
                            struct fit_rows *rows)
{
    struct pw_sense *s = &net->sense[part];
    struct pwy_task *t = net->task;
    struct pw_fit fit = {.arg = rows, .n_train = t->source[PWY_TRAIN]->n, .row = fit_row, .kind = t->head->name,
                         .n_valid = t->source[PWY_VALID] == NULL ? 0 : t->source[PWY_VALID]->n,
                         .outputs = net->outputs, .numbers = numbers, .seed = (uint64_t)m->shape.seed, .pool = pool};
    rows->part = part;
    if (s->ops->fit == NULL) return PWY_OK;
    return s->ops->fit(s, &fit) == PWY_OK ? PWY_OK : pw_fail_task(t->name);
}

static pwy_status fit_net(pwy_model *m, struct pw_net *net, int64_t numbers, struct pw_pool *pool)
{
    struct fit_rows rows = {.task = net->task};
    pwy_status status = PWY_OK;
    pw_log(m->ctx, PWY_LOG_INFO, "looking through the data: task '%s' (%d of %d), %lld rows", net->task->name,
           net->task->index + 1, m->registry->n, (long long)net->task->source[PWY_TRAIN]->n);
    PW_NEED(rows.ex = pw_example_make());
    rows.target.labels = pw_calloc((size_t)net->outputs + 1, 1);
    if (rows.target.labels == NULL) status = PWY_E_NOMEM;
    for (int p = 0; status == PWY_OK && p < net->n_parts; p++) status = fit_sense(m, net, p, numbers, pool, &rows);
    free(rows.target.labels);
    pw_example_release(rows.ex);
    return status;
}

/* Of a sense of a task; 0: no bound. */
static int64_t numbers_of(const pwy_model *m, int first, int task, const int64_t *budget)
{
    if (first == 0) return 0;
    return pw_budget_part(m, pw_registry_at(m->registry, task), budget == NULL ? 0 : budget[task - first]);
}

/* On the context's threads: what is fitted does not depend on their number. budget: of each task that is added. */
static pwy_status fit_nets(pwy_model *m, int first, const int64_t *budget)
{
    struct pw_pool *pool = NULL;
    pwy_status status = PWY_OK;
    if (m->ctx->threads > 1) PW_TRY(pw_pool_new(m->ctx->threads, &pool));
    for (int i = first; status == PWY_OK && i < m->registry->n; i++)
        if (!pw_streams(pw_net_at(m, i)))
            status = fit_net(m, pw_net_at(m, i), numbers_of(m, first, i, budget), pool);
    pw_pool_free(pool);
    return status;
}

static pwy_status fit_targets(pwy_registry *r, int first)
{
    if (r->n == first) return pw_fail(PWY_E_STATE, "the registry has no task");
    for (int i = first; i < r->n; i++) {
        struct pwy_task *t = pw_registry_at(r, i);
        if (t->n_parts == 0) return pw_fail(PWY_E_STATE, "task '%s' has no part; pwy_task_add_part adds one", t->name);
        if (t->source[PWY_TRAIN] == NULL || t->source[PWY_TRAIN]->n == 0)
            return pw_fail(PWY_E_STATE, "task '%s' has no training rows", t->name);
        PW_TRY(pw_task_cut_default(t));
        if (pw_task_fit_target(t) != PWY_OK) return pw_fail_task(t->name);
    }
    return PWY_OK;
}

/* Expert choice looks at all rows of a sequence. */
pwy_status pw_model_check_router(const pwy_model *m)
{
    for (int i = 0; m->shape.experts > 0 && m->shape.router == PW_EXPERT_CHOICE && i < m->registry->n; i++) {
        const struct pwy_task *t = pw_registry_at(m->registry, i);
        if (t->head->kind == PWY_GENERATE)
            return pw_fail(PWY_E_ARGUMENT, "model: router expert_choice looks ahead, and task '%s' writes one id after "
                           "another; topk would be right", t->name);
    }
    return PWY_OK;
}

static pwy_status build_into(pwy_model *m, const struct pw_node *options)
{
    PW_TRY(read_shape(options, m->registry->n, &m->shape));
    PW_TRY(pw_model_check_router(m));
    PW_TRY(fit_targets(m->registry, 0));
    PW_TRY(build_tokenizer(m, 0));
    PW_NEED(m->params = pw_params_new((uint64_t)m->shape.seed));
    PW_TRY(pw_nets_make(m));
    PW_TRY(pw_nets_fit_open(m, 0));
    PW_TRY(fit_nets(m, 0, NULL));
    return pw_model_declare(m);
}

/* --- more tasks for a model that is there --- */

static pwy_status extend(pwy_model *m, int first, const int64_t *budget)
{
    bool had_text = m->vocabulary != NULL;
    PW_TRY(fit_targets(m->registry, first));
    for (int i = first; i < m->registry->n; i++) PW_TRY(pw_stems_take(m, pw_registry_at(m->registry, i)));
    for (int i = first; i < m->registry->n; i++)
        PW_TRY(pw_budget_cut(m, pw_registry_at(m->registry, i), budget == NULL ? 0 : budget[i - first]));
    if (!had_text) PW_TRY(build_tokenizer(m, first));
    if (!had_text) PW_TRY(pw_vocabularies_declare(m));
    PW_TRY(pw_nets_extend(m));
    PW_TRY(pw_nets_fit_open(m, first));
    PW_TRY(fit_nets(m, first, budget));
    return pw_nets_declare(m, first);
}

pwy_status pw_model_extend(pwy_model *m, int first, const int64_t *budget)
{
    m->params->closed = false;
    pwy_status status = extend(m, first, budget);
    m->params->closed = true;
    return status;
}

pwy_status pw_model_build(pwy_registry *registry, const struct pw_node *options, pwy_model **out)
{
    pwy_model *m;
    pwy_status status;
    PW_TRY(pw_model_make(registry->ctx, &m));
    status = pw_registry_copy(registry, &m->registry);
    if (status == PWY_OK) status = build_into(m, options);
    if (status == PWY_OK) *out = m;
    else pw_model_release(m);
    return status;
}

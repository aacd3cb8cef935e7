/* What an answer costs in floating-point operations, and the settings by which less of an example is looked at. */
#include "train/operations.h"
#include <stdlib.h>
#include <string.h>

enum { LOOK = 256 };                    /* training rows that the greatest is looked for among */

/* --- the greatest example --- */

static bool is_text(const struct pw_net *net, int part)
{
    return strcmp(net->task->parts[part].sense, "text") == 0;
}

/* Rows of its parts but texts, which are made as long as they may be. */
static int rows_beside_texts(const struct pw_net *net, const struct pw_item *item)
{
    int rows = 0;
    for (int p = 0; p < net->n_parts; p++) rows += is_text(net, p) ? 0 : item->part[p].n_tokens;
    return rows;
}

static pwy_status read_row(const pwy_source *s, int64_t i, pwy_example *ex)
{
    return pw_source_read((pwy_source *)(uintptr_t)s, (int64_t)pw_permute(5, (uint64_t)s->n, (uint64_t)i), ex);
}

/* *most: rows of the best so far, -1: none. */
static pwy_status look_at(struct pw_infer *f, struct pw_net *net, int64_t i, int *most, int64_t *best)
{
    struct pw_item item;
    pwy_status status = read_row(net->task->source[PWY_TRAIN], i, f->ex[0]);
    pw_arena_reset(f->x.arena);
    if (status == PWY_OK) status = pw_item_encode(f->m, net, f->ex[0], false, NULL, f->x.arena, &item);
    if (status == PWY_E_DATA || status == PWY_E_ARGUMENT) return PWY_OK;
    PW_TRY(status);
    int rows = rows_beside_texts(net, &item);
    if (rows <= *most) return PWY_OK;
    *most = rows;
    *best = i;
    return PWY_OK;
}

/* Words enough for any number of ids: each is one at least. */
static pwy_status lengthen(pwy_example *ex, const char *part)
{
    enum { WORDS = PW_MAX_TOKENS + 1 };
    char *text;
    struct pw_value *value = pw_example_part(ex, part);
    PW_NEED(value);
    PW_NEED(text = pw_calloc(2 * WORDS + 1, 1));
    for (int i = 0; i < WORDS; i++) memcpy(text + 2 * i, "a ", 2);
    pwy_status status = pw_value_set_text(ex, value, text, 2 * WORDS);
    free(text);
    return status;
}

static pwy_status make_greatest(struct pw_infer *f, struct pw_net *net)
{
    const pwy_source *s = net->task->source[PWY_TRAIN];
    int most = -1;
    int64_t best = 0;
    for (int64_t i = 0; i < s->n && i < LOOK; i++) PW_TRY(look_at(f, net, i, &most, &best));
    if (most < 0) return pw_fail(PWY_E_DATA, "none of %d training rows can be read", LOOK);
    PW_TRY(read_row(s, best, f->ex[0]));
    for (int p = 0; p < net->n_parts; p++)
        if (is_text(net, p)) PW_TRY(lengthen(f->ex[0], net->task->parts[p].name));
    return PWY_OK;
}

pwy_status pw_cost_greatest(struct pw_infer *f, struct pw_net *net, struct pw_cost *out)
{
    PW_TRY(make_greatest(f, net));
    const pwy_example *ex = f->ex[0];
    PW_TRY(pw_infer_run(f, net, &ex, 1, false));
    out->operations = f->x.flops;
    out->rows = f->batch.rows;
    return PWY_OK;
}

/* --- a way within a budget --- */

/* Operations of routers over so many candidates in all layers together, and of an adapter so wide. */
static double cost_of_way(const pwy_model *m, int rows, int64_t candidates, int adapter)
{
    const struct pw_shape *s = &m->shape;
    int routed = s->experts == 0 || s->router == PW_HASH ? 0 : s->router == PW_WHOLE_TASK ? 1 : rows;
    return 2.0 * routed * (double)(s->d * candidates) + 6.0 * rows * adapter * (double)(s->d * s->layers);
}

static int64_t candidates_of(const pwy_model *m, const struct pw_pathway *way, int most)
{
    int64_t n = 0;
    if (way == NULL || way->layer[0].expert == NULL) return m->shape.experts * m->shape.layers;
    for (int l = 0; l < way->layers; l++) n += most > 0 && most < way->layer[l].n ? most : way->layer[l].n;
    return n;
}

static int most_candidates(const struct pw_pathway *way)
{
    int n = 0;
    for (int l = 0; way != NULL && l < way->layers; l++) n = way->layer[l].n > n ? way->layer[l].n : n;
    return n;
}

static pwy_status too_few(int64_t operations, double least, int rows)
{
    return pw_fail(PWY_E_LIMIT, "add: a budget of %lld operations is too small; an answer to its greatest example takes"
                   " %.0f at least: its senses, its head and a way of %d rows through the trunk, with the least of "
                   "inputs and candidates and no adapter", (long long)operations, ceil(least), rows);
}

/* Fewer candidates first: those that its rows hardly use; then a narrower adapter. Inputs were cut down before. */
pwy_status pw_cost_cut_way(struct pw_infer *f, struct pw_net *net, int64_t operations, int *adapter, int *most)
{
    const struct pw_pathway *old = net->way;
    int least = (int)f->m->shape.topk, n = most_candidates(old);
    struct pw_cost c;
    if (net->writes)
        return pw_fail(PWY_E_UNSUPPORTED, "add: operations: it writes, and what that costs goes by how much");
    PW_TRY(pw_cost_greatest(f, net, &c));
    double room = (double)operations - c.operations
                + cost_of_way(f->m, c.rows, candidates_of(f->m, old, 0), old == NULL ? 0 : old->adapter);
    while (n > least && cost_of_way(f->m, c.rows, candidates_of(f->m, old, n), *adapter) > room) n--;
    while (*adapter > 0 && cost_of_way(f->m, c.rows, candidates_of(f->m, old, n), *adapter) > room) (*adapter)--;
    *most = n;
    double own = cost_of_way(f->m, c.rows, candidates_of(f->m, old, n), *adapter);
    return own <= room ? PWY_OK : too_few(operations, (double)operations - room + own, c.rows);
}

/* --- inputs --- */

static const struct pw_sense_input *input_of(const struct pw_task_part *part)
{
    const struct pw_sense_input *in = &pw_sense_find(part->sense)->input;
    return in->setting == NULL || pw_node_get(part->options, in->setting) != NULL ? NULL : in;
}

static bool any_input(const struct pwy_task *t)
{
    for (int p = 0; p < t->n_parts; p++)
        if (input_of(&t->parts[p]) != NULL) return true;
    return false;
}

static pwy_status find_all(const struct pw_net *net, struct pw_inputs *in)
{
    PW_NEED(in->all = pw_calloc((size_t)net->n_parts + 1, sizeof *in->all));
    for (int p = 0; p < net->n_parts; p++)
        if (input_of(&net->task->parts[p]) != NULL) in->all[p] = net->sense[p].input;
    return PWY_OK;
}

static pwy_status cut_part(struct pw_task_part *part, double all, int step)
{
    const struct pw_sense_input *input = &pw_sense_find(part->sense)->input;
    double value = all * step / PW_INPUT_STEPS;
    if (value < input->least) value = input->least;
    if (part->options == NULL) PW_NEED(part->options = pw_node_new(PW_MAP));
    return input->whole ? pw_node_put_int(part->options, input->setting, (int64_t)value)
                        : pw_node_put_number(part->options, input->setting, value);
}

pwy_status pw_inputs_cut(struct pwy_task *t, const struct pw_inputs *in)
{
    for (int p = 0; p < t->n_parts; p++)
        if (in->all[p] > 0) PW_TRY(cut_part(&t->parts[p], in->all[p], in->step));
    return PWY_OK;
}

/* --- how much of them fits in --- */

/* The task behind the model's, by in->step, on the trunk's own way. The first time all of its inputs are found. */
static pwy_status measure(pwy_model *own, int task, struct pw_inputs *in, struct pw_cost *cost)
{
    struct pw_infer *f;
    struct pw_net *net;
    PW_TRY(pw_model_extend(own, task, in->numbers > 0 ? &in->numbers : NULL));
    PW_TRY(pw_net_open(own, task, &net));
    if (in->all == NULL) PW_TRY(find_all(net, in));
    PW_TRY(pw_infer_open(own, NULL, 1, &f));
    pwy_status status = pw_cost_greatest(f, net, cost);
    pw_infer_close(f);
    return status == PWY_OK ? PWY_OK : pw_fail_task(net->task->name);
}

static pwy_status try(const pwy_model *m, const pwy_registry *tasks, int i, struct pw_inputs *in, struct pw_cost *cost)
{
    pwy_model *own;
    struct pwy_task *t;
    PW_TRY(pw_model_overlay(m, &own));
    pwy_status status = pw_registry_adopt(own->registry, tasks, i, &t);
    if (status == PWY_OK && in->all != NULL) status = pw_inputs_cut(t, in);
    if (status == PWY_OK) status = measure(own, t->index, in, cost);
    pw_model_release(own);
    return status;
}

/* Whether an answer fits in, its way with an adapter and as many candidates as sealing usually leaves, or with the
   least. */
static bool fits(const pwy_model *m, const struct pw_inputs *in, const struct pw_cost *cost, bool whole)
{
    const struct pw_shape *s = &m->shape;
    int64_t n = whole ? 4 * s->topk : s->topk;
    double trunk = cost_of_way(m, cost->rows, s->experts * s->layers, 0);
    double way = cost_of_way(m, cost->rows, (n < s->experts ? n : s->experts) * s->layers, whole ? in->adapter : 0);
    return cost->operations - trunk + way <= (double)in->operations;
}

/* The greatest step from `low` to below `high` that fits; `low` where none does. */
static pwy_status search(const pwy_model *m, const pwy_registry *tasks, int i, struct pw_inputs *in, int low, int high,
                         bool whole, bool *found)
{
    int best = low;
    for (*found = false; low < high;) {
        struct pw_cost cost;
        in->step = (low + high) / 2;
        PW_TRY(try(m, tasks, i, in, &cost));
        if (fits(m, in, &cost, whole)) {
            *found = true;
            best = in->step;
            low = in->step + 1;
        } else
            high = in->step;
    }
    in->step = best;
    return PWY_OK;
}

pwy_status pw_inputs_choose(const pwy_model *m, const pwy_registry *tasks, int i, struct pw_inputs *in)
{
    enum { QUARTER = PW_INPUT_STEPS / 4 };
    struct pw_cost cost;
    struct pwy_task *t;
    bool found = false;
    in->step = PW_INPUT_STEPS;
    PW_TRY(pw_registry_task(tasks, i, &t));
    if (in->operations == 0 || !any_input(t) || !t->head->reads_out) return PWY_OK;
    PW_TRY(try(m, tasks, i, in, &cost));
    if (fits(m, in, &cost, true)) return PWY_OK;
    PW_TRY(search(m, tasks, i, in, QUARTER, PW_INPUT_STEPS, true, &found));
    return found ? PWY_OK : search(m, tasks, i, in, 0, QUARTER + 1, false, &found);
}

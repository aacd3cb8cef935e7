/* One pass of a batch through senses, trunk and heads, and the way back. */
#include "model/model.h"
#include <string.h>

/* --- groups: the items of one task together, tasks in ascending order --- */

static int count_groups(const struct pw_batch *b, int *size, int n_tasks)
{
    int groups = 0;
    memset(size, 0, sizeof *size * (size_t)n_tasks);
    for (int i = 0; i < b->n; i++) groups += size[b->item[i].net->task->index]++ == 0;
    return groups;
}

static pwy_status group_open(struct pw_pass *p, struct pw_group *g, int task, int n)
{
    struct pw_arena *arena = p->x->arena;
    memset(g, 0, sizeof *g);
    g->net = pw_net_at(p->model, task);
    PW_NEED(g->item = pw_arena_take(arena, (size_t)n, sizeof *g->item));
    PW_NEED(g->index = pw_arena_take(arena, (size_t)n, sizeof *g->index));
    PW_NEED(g->stem = pw_arena_zero(arena, (size_t)g->net->n_parts + 1, sizeof *g->stem));
    for (int i = 0; i < p->batch->n; i++) {
        if (p->batch->item[i].net->task->index != task) continue;
        g->item[g->n] = &p->batch->item[i];
        g->index[g->n++] = i;
    }
    return PWY_OK;
}

static pwy_status make_groups(struct pw_pass *p)
{
    int n_tasks = p->model->registry->n, *size;
    PW_NEED(size = pw_arena_take(p->x->arena, (size_t)n_tasks + 1, sizeof *size));
    p->n_groups = count_groups(p->batch, size, n_tasks);
    PW_NEED(p->group = pw_arena_take(p->x->arena, (size_t)p->n_groups + 1, sizeof *p->group));
    for (int task = 0, g = 0; task < n_tasks; task++)
        if (size[task] > 0) PW_TRY(group_open(p, &p->group[g++], task, size[task]));
    return PWY_OK;
}

/* --- rows that the senses make --- */

/* The row, from an item's first, where part `part` begins. */
static int part_row(const struct pw_item *item, int part)
{
    int row = item->row + 1;
    for (int p = 0; p < part; p++) row += item->part[p].n_tokens;
    return row;
}

static pwy_status gather_stem(struct pw_pass *p, struct pw_group *g, int part)
{
    struct pw_stem *s = &g->stem[part];
    struct pw_arena *arena = p->x->arena;
    PW_NEED(s->in = pw_arena_take(arena, (size_t)g->n, sizeof *s->in));
    PW_NEED(s->which = pw_arena_take(arena, (size_t)g->n, sizeof *s->which));
    for (int i = 0; i < g->n; i++) {
        if (g->item[i]->part == NULL || g->item[i]->part[part].n_tokens == 0) continue;
        s->in[s->n] = &g->item[i]->part[part];
        s->which[s->n++] = i;
        s->n_rows += g->item[i]->part[part].n_tokens;
    }
    PW_NEED(s->rows = pw_arena_take(arena, (size_t)s->n_rows * (size_t)p->model->shape.d + 1, sizeof(real)));
    PW_NEED(s->wide = pw_arena_take(arena, (size_t)s->n * (size_t)g->net->sense[part].wide_dense + 1, sizeof(real)));
    return PWY_OK;
}

/* Copies a stem's rows to their places among the trunk's (to_trunk), or the trunk's gradient back to the stem's. */
static void move_rows(struct pw_pass *p, const struct pw_group *g, int part, real *stem_rows, real *trunk,
                      bool to_trunk)
{
    const struct pw_stem *s = &g->stem[part];
    size_t d = (size_t)p->model->shape.d, at = 0;
    for (int i = 0; i < s->n; i++) {
        size_t len = (size_t)s->in[i]->n_tokens * d;
        real *there = trunk + (size_t)part_row(g->item[s->which[i]], part) * d;
        if (to_trunk) memcpy(there, stem_rows + at, len * sizeof(real));
        else memcpy(stem_rows + at, there, len * sizeof(real));
        at += len;
    }
}

static pwy_status stem_forward(struct pw_pass *p, struct pw_group *g, int part)
{
    const struct pw_sense *sense = &g->net->sense[part];
    struct pw_stem *s = &g->stem[part];
    PW_TRY(gather_stem(p, g, part));
    if (s->n == 0) return PWY_OK;
    PW_TRY(sense->ops->forward(sense, p->x, s->n, s->in, s->rows, s->wide, p->x->train ? &s->keep : NULL));
    move_rows(p, g, part, s->rows, p->in, true);
    return PWY_OK;
}

static pwy_status task_rows(struct pw_pass *p, struct pw_group *g)
{
    size_t d = (size_t)p->model->shape.d;
    for (int i = 0; i < g->n; i++)
        memcpy(p->in + (size_t)g->item[i]->row * d, g->net->token->w, d * sizeof(real));
    return PWY_OK;
}

/* --- rows of what was written so far --- */

/* The ids of one vocabulary fed by the items of the batch in order, and the trunk row of each. */
static pwy_status fed_ids(const struct pw_pass *p, const struct pw_vocabulary *v, int *n, int32_t **id, int32_t **row)
{
    int total = 0;
    for (int i = 0; i < p->batch->n; i++) total += p->batch->item[i].n_in;
    PW_NEED(*id = pw_arena_take(p->x->arena, (size_t)total + 1, sizeof **id));
    PW_NEED(*row = pw_arena_take(p->x->arena, (size_t)total + 1, sizeof **row));
    *n = 0;
    for (int i = 0; i < p->batch->n; i++) {
        const struct pw_item *item = &p->batch->item[i];
        for (int j = 0; item->net->vocabulary == v && j < item->n_in; j++, (*n)++) {
            (*id)[*n] = item->ids[j];
            (*row)[*n] = item->row + item->first_write + 1 + j;
        }
    }
    return PWY_OK;
}

static pwy_status feed_ids_of(struct pw_pass *p, const struct pw_vocabulary *v, const real *din)
{
    size_t d = (size_t)p->model->shape.d;
    int32_t *id, *row;
    int n;
    real *rows;
    PW_TRY(fed_ids(p, v, &n, &id, &row));
    if (n == 0) return PWY_OK;
    PW_NEED(rows = pw_arena_take(p->x->arena, (size_t)n * d, sizeof(real)));
    if (din == NULL) PW_TRY(pw_embed(p->x, n, id, v->embed, rows));
    for (int i = 0; i < n; i++) {
        size_t at = (size_t)row[i] * d, here = (size_t)i * d;
        if (din == NULL) memcpy(p->in + at, rows + here, d * sizeof(real));
        else memcpy(rows + here, din + at, d * sizeof(real));
    }
    return din == NULL ? PWY_OK : pw_embed_back(p->x, n, id, v->embed, rows);
}

static pwy_status feed_ids(struct pw_pass *p, const real *din)
{
    for (const struct pw_vocabulary *v = p->model->vocabulary; v != NULL; v = v->next) PW_TRY(feed_ids_of(p, v, din));
    return PWY_OK;
}

/* --- forward --- */

static pwy_status pass_open(struct pw_pass *p)
{
    size_t size = (size_t)p->batch->rows * (size_t)p->model->shape.d;
    p->ragged = (struct pw_ragged){p->batch->n, p->batch->off, p->batch->prefix, p->batch->task,
                                     p->batch->way, p->batch->key};
    PW_NEED(p->in = pw_arena_take(p->x->arena, size + 1, sizeof(real)));
    PW_NEED(p->out = pw_arena_take(p->x->arena, size + 1, sizeof(real)));
    PW_NEED(p->routes = pw_arena_zero(p->x->arena, (size_t)p->model->shape.layers + 1, sizeof *p->routes));
    return make_groups(p);
}

static pwy_status senses_forward(struct pw_pass *p)
{
    for (int g = 0; g < p->n_groups; g++) {
        struct pw_group *group = &p->group[g];
        PW_TRY(task_rows(p, group));
        for (int part = 0; part < group->net->n_parts; part++) PW_TRY(stem_forward(p, group, part));
    }
    return feed_ids(p, NULL);
}

pwy_status pw_pass_forward(struct pw_pass *p, const pwy_model *m, struct pw_exec *x, const struct pw_batch *b)
{
    *p = (struct pw_pass){.model = m, .x = x, .batch = b};
    PW_TRY(pass_open(p));
    PW_TRY(senses_forward(p));
    PW_TRY(pw_trunk_forward(m->trunk, x, &p->ragged, p->in, p->out, p->routes, x->train ? &p->keep : NULL));
    for (int g = 0; g < p->n_groups; g++) {
        if (p->group[g].net->writes) continue;
        PW_TRY(pw_read_out(p, &p->group[g]));
        PW_TRY(pw_wide(p, &p->group[g]));
    }
    return PWY_OK;
}

/* --- losses and backward --- */

static pwy_status head_loss(struct pw_pass *p, struct pw_group *g, const real *out, const real *weight, double *loss,
                            real *dout)
{
    struct pw_arena *arena = p->x->arena;
    struct pw_target *target;
    double *each;
    real *w;
    PW_NEED(target = pw_arena_take(arena, (size_t)g->n, sizeof *target));
    PW_NEED(each = pw_arena_take(arena, (size_t)g->n, sizeof *each));
    PW_NEED(w = pw_arena_take(arena, (size_t)g->n, sizeof *w));
    for (int i = 0; i < g->n; i++) {
        target[i] = g->item[i]->target;
        w[i] = weight[g->index[i]];
    }
    PW_TRY(g->net->task->head->loss(p->x, g->net->task, g->n, out, target, w, each, dout));
    for (int i = 0; i < g->n; i++) loss[g->index[i]] = each[i];
    return PWY_OK;
}

static pwy_status stem_backward(struct pw_pass *p, struct pw_group *g, int part, const real *din, const real *dwide)
{
    const struct pw_sense *sense = &g->net->sense[part];
    struct pw_stem *s = &g->stem[part];
    real *drows;
    if (s->n == 0) return PWY_OK;
    PW_NEED(drows = pw_arena_take(p->x->arena, (size_t)s->n_rows * (size_t)p->model->shape.d + 1, sizeof(real)));
    move_rows(p, g, part, drows, (real *)din, false);
    return sense->ops->backward(sense, p->x, s->n, s->in, s->keep, drows, dwide);
}

static void task_rows_back(struct pw_pass *p, struct pw_group *g, const real *din)
{
    int d = (int)p->model->shape.d;
    if (!pw_trains(g->net->token)) return;
    for (int i = 0; i < g->n; i++) p->x->kern->add(d, din + (size_t)g->item[i]->row * (size_t)d, g->net->token->g);
}

/* The heads' losses: the trunk's into dout, the wide path's into its tables and dstem [part]. */
static pwy_status heads_backward(struct pw_pass *p, struct pw_group *g, const real *weight, double *trunk_loss,
                                 double *wide_loss, real *dout, real **dstem)
{
    real *dlogits;
    PW_NEED(dlogits = pw_arena_take(p->x->arena, (size_t)g->n * (size_t)g->net->outputs + 1, sizeof(real)));
    PW_TRY(head_loss(p, g, g->trunk, weight, trunk_loss, dlogits));
    PW_TRY(pw_read_out_back(p, g, dlogits, dout));
    if (!g->net->wide) return PWY_OK;
    PW_TRY(head_loss(p, g, g->wide, weight, wide_loss, dlogits));
    return pw_wide_back(p, g, dlogits, dstem);
}

/* The rows that write by one vocabulary, in the order of the batch: (row in the trunk, id to write, weight, item). */
struct writing { int n; int32_t *row, *id, *item; real *weight; };

static bool writes_by(const struct pw_item *item, const struct pw_vocabulary *v)
{
    return item->net->writes && item->net->vocabulary == v;
}

static pwy_status find_writing(const struct pw_pass *p, const struct pw_vocabulary *v, const real *weight,
                               struct writing *w)
{
    struct pw_arena *arena = p->x->arena;
    int total = 0;
    for (int i = 0; i < p->batch->n; i++) total += writes_by(&p->batch->item[i], v) ? p->batch->item[i].n_ids : 0;
    PW_NEED(w->row = pw_arena_take(arena, (size_t)total * 3 + 1, sizeof *w->row));
    PW_NEED(w->weight = pw_arena_take(arena, (size_t)total + 1, sizeof *w->weight));
    w->id = w->row + total;
    w->item = w->id + total;
    w->n = 0;
    for (int i = 0; i < p->batch->n; i++) {
        const struct pw_item *item = &p->batch->item[i];
        for (int j = 0; writes_by(item, v) && j < item->n_ids; j++, w->n++) {
            w->row[w->n] = item->row + item->first_write + j;
            w->id[w->n] = item->ids[j];
            w->item[w->n] = i;
            w->weight[w->n] = weight == NULL ? 1 : weight[i] / (real)item->n_ids;
        }
    }
    return PWY_OK;
}

static void move_writing(const struct pw_pass *p, const struct writing *w, real *rows, real *trunk, bool add)
{
    int d = (int)p->model->shape.d;
    for (int i = 0; i < w->n; i++) {
        real *there = trunk + (size_t)w->row[i] * (size_t)d, *here = rows + (size_t)i * (size_t)d;
        if (add) p->x->kern->add(d, here, there);
        else memcpy(here, there, (size_t)d * sizeof(real));
    }
}

/* Losses of what is written: summed in nats by item; with dout the gradient too (weights by item, mean of
   its ids). */
static pwy_status writers_of(struct pw_pass *p, const struct pw_vocabulary *v, const real *weight, double *nats,
                             real *dout)
{
    struct writing w;
    int d = (int)p->model->shape.d;
    real *h, *dh = NULL;
    double *loss;
    PW_TRY(find_writing(p, v, weight, &w));
    if (w.n == 0) return PWY_OK;
    PW_NEED(h = pw_arena_take(p->x->arena, (size_t)w.n * (size_t)d, sizeof(real)));
    PW_NEED(loss = pw_arena_take(p->x->arena, (size_t)w.n, sizeof *loss));
    if (dout != NULL) PW_NEED(dh = pw_arena_zero(p->x->arena, (size_t)w.n * (size_t)d, sizeof(real)));
    move_writing(p, &w, h, p->out, false);
    const struct pw_packed *packed = v->packed.at != NULL ? &v->packed : NULL;
    PW_TRY(pw_writer(p->x, w.n, d, h, v->embed, packed, w.id, w.weight, loss, dh));
    for (int i = 0; i < w.n; i++) nats[w.item[i]] = 0;
    for (int i = 0; i < w.n; i++) nats[w.item[i]] += loss[i];
    if (dout != NULL) move_writing(p, &w, dh, dout, true);
    return PWY_OK;
}

static pwy_status writers(struct pw_pass *p, const real *weight, double *nats, real *dout)
{
    for (const struct pw_vocabulary *v = p->model->vocabulary; v != NULL; v = v->next)
        PW_TRY(writers_of(p, v, weight, nats, dout));
    return PWY_OK;
}

pwy_status pw_pass_write_loss(struct pw_pass *p, double *nats)
{
    return writers(p, NULL, nats, NULL);
}

static pwy_status mean_write_loss(struct pw_pass *p, const real *weight, double *loss, real *dout)
{
    PW_TRY(writers(p, weight, loss, dout));
    for (int i = 0; i < p->batch->n; i++)
        if (p->batch->item[i].net->writes) loss[i] /= p->batch->item[i].n_ids;
    return PWY_OK;
}

pwy_status pw_pass_backward(struct pw_pass *p, const real *weight, double *trunk_loss, double *wide_loss)
{
    size_t size = (size_t)p->batch->rows * (size_t)p->model->shape.d;
    int parts = 0;
    real *dout, *din, **dstem;
    for (int g = 0; g < p->n_groups; g++) parts += p->group[g].net->n_parts;
    PW_NEED(dout = pw_arena_zero(p->x->arena, size + 1, sizeof(real)));
    PW_NEED(din = pw_arena_take(p->x->arena, size + 1, sizeof(real)));
    PW_NEED(dstem = pw_arena_zero(p->x->arena, (size_t)parts + 1, sizeof *dstem));
    for (int i = 0; i < p->batch->n; i++) wide_loss[i] = NAN;
    for (int g = 0, at = 0; g < p->n_groups; at += p->group[g++].net->n_parts)
        if (!p->group[g].net->writes)
            PW_TRY(heads_backward(p, &p->group[g], weight, trunk_loss, wide_loss, dout, dstem + at));
    PW_TRY(mean_write_loss(p, weight, trunk_loss, dout));
    PW_TRY(pw_trunk_backward(p->model->trunk, p->x, &p->ragged, p->keep, dout, din, &p->aux_loss));
    for (int g = 0, at = 0; g < p->n_groups; at += p->group[g++].net->n_parts) {
        task_rows_back(p, &p->group[g], din);
        for (int part = 0; part < p->group[g].net->n_parts; part++)
            PW_TRY(stem_backward(p, &p->group[g], part, din, dstem[at + part]));
    }
    return feed_ids(p, din);
}

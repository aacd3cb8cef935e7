/* The read-out of the trunk, the wide path beside it, and their sum. */
#include "model/model.h"
#include <string.h>

/* --- read-out: LayerNorm(task row || mean of the others) -> dense --- */

/* feature (2 d) of one item from its rows of the trunk's output. */
static void read_item(const struct pw_kern *k, int d, const struct pw_item *item, const real *out, real *feature)
{
    const real *rows = out + (size_t)item->row * (size_t)d;
    int others = item->n_rows - 1;
    memcpy(feature, rows, (size_t)d * sizeof(real));
    memset(feature + d, 0, (size_t)d * sizeof(real));
    for (int i = 1; i <= others; i++) k->add(d, rows + (size_t)i * (size_t)d, feature + d);
    if (others > 0) k->scale(d, (real)1 / (real)others, feature + d);
}

static void read_item_back(const struct pw_kern *k, int d, const struct pw_item *item, const real *dfeature, real *dout)
{
    real *rows = dout + (size_t)item->row * (size_t)d;
    int others = item->n_rows - 1;
    k->add(d, dfeature, rows);
    for (int i = 1; i <= others; i++) k->axpy(d, (real)1 / (real)others, dfeature + d, rows + (size_t)i * (size_t)d);
}

pwy_status pw_read_out(struct pw_pass *p, struct pw_group *g)
{
    int d = (int)p->model->shape.d;
    size_t wide = (size_t)g->n * (size_t)d * 2;
    PW_NEED(g->feature = pw_arena_take(p->x->arena, wide, sizeof(real)));
    PW_NEED(g->normed = pw_arena_take(p->x->arena, wide, sizeof(real)));
    PW_NEED(g->stat = pw_arena_take(p->x->arena, (size_t)g->n * 2, sizeof(real)));
    PW_NEED(g->trunk = pw_arena_take(p->x->arena, (size_t)g->n * (size_t)g->net->outputs + 1, sizeof(real)));
    for (int i = 0; i < g->n; i++)
        read_item(p->x->kern, d, g->item[i], p->out, g->feature + (size_t)i * (size_t)d * 2);
    PW_TRY(pw_layernorm(p->x, g->n, 2 * d, g->feature, g->net->norm_w, g->net->norm_b, g->normed, g->stat));
    return pw_dense(p->x, g->n, g->normed, g->net->head_w, g->net->head_b, g->trunk);
}

pwy_status pw_read_out_back(struct pw_pass *p, struct pw_group *g, const real *dlogits, real *dout)
{
    int d = (int)p->model->shape.d;
    size_t wide = (size_t)g->n * (size_t)d * 2;
    real *dnormed, *dfeature;
    PW_NEED(dnormed = pw_arena_zero(p->x->arena, wide, sizeof(real)));
    PW_NEED(dfeature = pw_arena_zero(p->x->arena, wide, sizeof(real)));
    PW_TRY(pw_dense_back(p->x, g->n, g->normed, g->net->head_w, g->net->head_b, dlogits, dnormed));
    PW_TRY(pw_layernorm_back(p->x, g->n, 2 * d, g->feature, g->stat, g->net->norm_w, g->net->norm_b, dnormed,
                             dfeature));
    for (int i = 0; i < g->n; i++)
        read_item_back(p->x->kern, d, g->item[i], dfeature + (size_t)i * (size_t)d * 2, dout);
    return PWY_OK;
}

/* --- the wide path --- */

/* The sparse features of a stem's values, end to end. */
static pwy_status gather_sparse(struct pw_pass *p, const struct pw_stem *s, struct pw_sparse *out)
{
    int64_t total = 0, *start;
    int32_t *index;
    real *value;
    for (int i = 0; i < s->n; i++) total += s->in[i]->n_wide;
    PW_NEED(start = pw_arena_take(p->x->arena, (size_t)s->n + 1, sizeof *start));
    PW_NEED(index = pw_arena_take(p->x->arena, (size_t)total + 1, sizeof *index));
    PW_NEED(value = pw_arena_take(p->x->arena, (size_t)total + 1, sizeof *value));
    start[0] = 0;
    for (int i = 0; i < s->n; i++) {
        size_t n = (size_t)s->in[i]->n_wide;
        if (n > 0) memcpy(index + start[i], s->in[i]->wide_index, n * sizeof *index);
        if (n > 0) memcpy(value + start[i], s->in[i]->wide_value, n * sizeof *value);
        start[i + 1] = start[i] + (int64_t)n;
    }
    *out = (struct pw_sparse){s->n, start, index, value};
    return PWY_OK;
}

/* One part's answer (n of the stem, outputs), added into rows of `wide`. */
static pwy_status wide_part(struct pw_pass *p, struct pw_group *g, int part)
{
    const struct pw_net *net = g->net;
    const struct pw_stem *s = &g->stem[part];
    struct pw_sparse sparse;
    size_t c = (size_t)net->outputs;
    real *own;
    if (s->n == 0) return PWY_OK;
    PW_NEED(own = pw_arena_zero(p->x->arena, (size_t)s->n * c + 1, sizeof(real)));
    if (net->wide_dense[part] != NULL) PW_TRY(pw_dense(p->x, s->n, s->wide, net->wide_dense[part], NULL, own));
    if (net->wide_table[part] != NULL) {
        PW_TRY(gather_sparse(p, s, &sparse));
        PW_TRY(pw_bag(p->x, &sparse, net->wide_table[part], own));
    }
    for (int i = 0; i < s->n; i++) {
        if (s->in[i]->wide_logits != NULL) p->x->kern->add((int)c, s->in[i]->wide_logits, own + (size_t)i * c);
        p->x->kern->add((int)c, own + (size_t)i * c, g->wide + (size_t)s->which[i] * c);
    }
    return PWY_OK;
}

pwy_status pw_wide(struct pw_pass *p, struct pw_group *g)
{
    size_t c = (size_t)g->net->outputs;
    if (!g->net->wide) return PWY_OK;
    PW_NEED(g->wide = pw_arena_zero(p->x->arena, (size_t)g->n * c + 1, sizeof(real)));
    for (int i = 0; i < g->n && g->net->wide_bias != NULL; i++)
        memcpy(g->wide + (size_t)i * c, g->net->wide_bias->w, c * sizeof(real));
    for (int part = 0; part < g->net->n_parts; part++) PW_TRY(wide_part(p, g, part));
    return PWY_OK;
}

static pwy_status wide_part_back(struct pw_pass *p, struct pw_group *g, int part, const real *dwide, real **dstem)
{
    const struct pw_net *net = g->net;
    const struct pw_stem *s = &g->stem[part];
    struct pw_sparse sparse;
    size_t c = (size_t)net->outputs;
    real *own;
    if (s->n == 0) return PWY_OK;
    PW_NEED(own = pw_arena_take(p->x->arena, (size_t)s->n * c + 1, sizeof(real)));
    for (int i = 0; i < s->n; i++) memcpy(own + (size_t)i * c, dwide + (size_t)s->which[i] * c, c * sizeof(real));
    if (net->wide_dense[part] != NULL) {
        size_t size = (size_t)s->n * (size_t)net->sense[part].wide_dense;
        PW_NEED(*dstem = pw_arena_zero(p->x->arena, size + 1, sizeof(real)));
        PW_TRY(pw_dense_back(p->x, s->n, s->wide, net->wide_dense[part], NULL, own, *dstem));
    }
    if (net->wide_table[part] == NULL) return PWY_OK;
    PW_TRY(gather_sparse(p, s, &sparse));
    return pw_bag_back(p->x, &sparse, net->wide_table[part], own);
}

pwy_status pw_wide_back(struct pw_pass *p, struct pw_group *g, const real *dwide, real **dstem)
{
    struct pw_param *bias = g->net->wide_bias;
    int c = g->net->outputs;
    for (int i = 0; i < g->n && bias != NULL && pw_trains(bias); i++)
        p->x->kern->add(c, dwide + (size_t)i * (size_t)c, bias->g);
    for (int part = 0; part < g->net->n_parts; part++) PW_TRY(wide_part_back(p, g, part, dwide, &dstem[part]));
    return PWY_OK;
}

void pw_group_fuse(const struct pw_group *g, int i, double wide_scale, double trunk_scale, real *out)
{
    size_t c = (size_t)g->net->outputs, at = (size_t)i * c;
    for (size_t j = 0; j < c; j++) {
        real wide = g->net->wide ? (real)wide_scale * g->wide[at + j] : 0;
        out[j] = pw_fma((real)(g->net->wide ? trunk_scale : 1), g->trunk[at + j], wide);
    }
}

/* --- what an answer read --- */

static bool met_by(const struct pw_routes *r, int i, const struct pw_item *item)
{
    for (int32_t row = r->start[i]; row < r->start[i + 1]; row++)
        if (r->token[row] >= item->row && r->token[row] < item->row + item->n_rows) return true;
    return false;
}

/* Distinct experts of one layer that the item's rows met. */
static int64_t experts_met(const struct pw_routes *r, const struct pw_item *item)
{
    int64_t n = 0;
    for (int i = 0; i < r->n_present; i++) n += met_by(r, i, item);
    return n;
}

int64_t pw_pass_active(const struct pw_pass *p, const struct pw_item *item)
{
    const pwy_model *m = p->model;
    int64_t n = m->trunk_fixed + item->net->own_fixed;
    for (int l = 0; l < m->shape.layers; l++)
        if (p->routes[l] != NULL) n += m->expert_size * experts_met(p->routes[l], item);
    for (int part = 0; item->part != NULL && part < item->net->n_parts; part++)
        n += item->part[part].n_ids * m->shape.d
           + item->part[part].n_wide * (item->net->wide_table[part] != NULL ? item->net->outputs : 0);
    return n + (int64_t)item->n_in * m->shape.d;
}

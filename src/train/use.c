#include "train/use.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { ROWS = 500 };                    /* of validation, at most */

pwy_status pw_use_new(const pwy_model *m, double ***out)
{
    double **use;
    PW_NEED(use = pw_calloc((size_t)m->shape.layers, sizeof *use));
    for (int l = 0; l < m->shape.layers; l++) {
        use[l] = pw_calloc((size_t)pw_trunk_experts(m->trunk, l) + 1, sizeof **use);
        if (use[l] != NULL) continue;
        pw_use_free(m, use);
        return PWY_E_NOMEM;
    }
    *out = use;
    return PWY_OK;
}

void pw_use_free(const pwy_model *m, double **use)
{
    for (int l = 0; use != NULL && l < m->shape.layers; l++) free(use[l]);
    free(use);
}

void pw_use_add(double **use, const struct pw_pass *pass)
{
    for (int l = 0; l < pass->model->shape.layers; l++) {
        const struct pw_routes *r = pass->routes[l];
        for (int i = 0; r != NULL && i < r->n_pairs; i++) use[l][r->expert[i]] += (double)r->gate[i];
    }
}

/* --- how few are enough --- */

struct measuring {
    struct pw_infer *f; struct pw_net *net;
    double **use;                       /* NULL: not counted now */
    struct pw_metric *metric; real *scores; double *nats;
    bool error;                         /* less of it is better */
    int32_t **order;                    /* [layers] (experts): the most used first */
};

static pwy_status tally_texts(struct measuring *m, struct pw_infer *f)
{
    PW_TRY(pw_pass_write_loss(&f->pass, m->nats));
    for (int i = 0; i < f->batch.n; i++) pw_metric_add_text(m->metric, m->nats[i], f->item[i].text_bytes, NULL);
    return PWY_OK;
}

static pwy_status tally_answers(struct measuring *m, struct pw_infer *f)
{
    const struct pw_group *g = &f->pass.group[0];
    for (int i = 0; i < g->n; i++) {
        pw_infer_answer(f, i, m->scores);
        PW_TRY(pw_metric_add(m->metric, m->scores, &g->item[i]->target));
    }
    return PWY_OK;
}

static pwy_status tally(void *arg, struct pw_infer *f, struct pw_net *net)
{
    struct measuring *m = arg;
    PW_TRY(net->writes ? tally_texts(m, f) : tally_answers(m, f));
    if (m->use != NULL) pw_use_add(m->use, &f->pass);
    return PWY_OK;
}

static pwy_status score(struct measuring *m, double *out)
{
    struct pw_scan scan = {.limit = ROWS, .max_bad = INT64_MAX - 1, .key = 2};
    PW_TRY(pw_metric_new(m->net->task, &m->metric));
    pwy_status status = pw_infer_scan(m->f, m->net, m->net->task->source[PWY_VALID], &scan, tally, m);
    m->error = !pw_metric_higher_is_better(m->metric);
    *out = pw_metric_score(m->metric);
    pw_metric_free(m->metric);
    return status;
}

/* The score on the first n experts of each layer, by a way that is there for it alone. */
static pwy_status score_of_few(struct measuring *m, int n, double *out)
{
    struct pw_params *set;
    struct pw_pathway *way = NULL, *own = m->net->way;
    PW_NEED(set = pw_params_new(1));
    pwy_status status = pw_way_of_few(m->f->m, m->net, (const int32_t *const *)m->order, n, set, "few", &way);
    m->net->way = way;
    if (status == PWY_OK) status = score(m, out);
    m->net->way = own;
    pw_pathway_free(way);
    pw_params_free(set);
    return status;
}

struct mass { double gates; int32_t place; };

static int most_first(const void *x, const void *y)
{
    const struct mass *a = x, *b = y;
    return a->gates != b->gates ? (a->gates < b->gates ? 1 : -1) : a->place - b->place;
}

/* Places among the candidates (n ids, NULL: all), by the gates of their experts. */
pwy_status pw_use_order(const double *gates, const int32_t *candidate, int n, int32_t **out)
{
    struct mass *list;
    PW_NEED(*out = pw_calloc((size_t)n + 1, sizeof **out));
    PW_NEED(list = pw_calloc((size_t)n + 1, sizeof *list));
    for (int i = 0; i < n; i++) list[i] = (struct mass){gates[candidate == NULL ? i : candidate[i]], i};
    qsort(list, (size_t)n, sizeof *list, most_first);
    for (int i = 0; i < n; i++) (*out)[i] = list[i].place;
    free(list);
    return PWY_OK;
}

static pwy_status put_order(const struct measuring *m, struct pw_node *into)
{
    struct pw_node *layers, *places;
    PW_TRY(pw_node_put_new(into, "order", PW_LIST, &layers));
    for (int l = 0; l < m->f->m->shape.layers; l++) {
        int n;
        pw_net_candidates(m->f->m, m->net, l, &n);
        PW_TRY(pw_node_add_new(layers, PW_LIST, &places));
        for (int i = 0; i < n; i++) PW_TRY(pw_node_add_int(places, m->order[l][i]));
    }
    return PWY_OK;
}

static pwy_status put_point(struct pw_node *curve, int n, double lost)
{
    struct pw_node *point;
    PW_TRY(pw_node_add_new(curve, PW_LIST, &point));
    PW_TRY(pw_node_add_int(point, n));
    return pw_node_add_number(point, lost);
}

/* In the score's unit; of an error, bits per byte too, the share by which it grows (of none, what comes of it). */
static double lost(const struct measuring *m, double full, double few)
{
    return m->error ? (few - full) / (full > 0 ? full : 1) : full - few;
}

static pwy_status put_curve(struct measuring *m, double full, struct pw_node *into)
{
    double few;
    struct pw_node *curve;
    int all;
    pw_net_candidates(m->f->m, m->net, 0, &all);
    PW_TRY(pw_node_put_new(into, "curve", PW_LIST, &curve));
    for (int n = (int)m->f->m->shape.topk; n < all; n *= 2) {
        PW_TRY(score_of_few(m, n, &few));
        PW_TRY(put_point(curve, n, lost(m, full, few)));
    }
    return PWY_OK;
}

static pwy_status measure(struct measuring *m, struct pw_node *into)
{
    const struct pw_shape *shape = &m->f->m->shape;
    double full;
    PW_NEED(m->scores = pw_calloc((size_t)m->net->outputs + 1, sizeof(real)));
    PW_NEED(m->nats = pw_calloc(PW_INFER_BATCH, sizeof *m->nats));
    PW_NEED(m->order = pw_calloc((size_t)shape->layers, sizeof *m->order));
    PW_TRY(pw_use_new(m->f->m, &m->use));
    pwy_status status = score(m, &full);
    for (int l = 0, n; status == PWY_OK && l < shape->layers; l++) {
        const int32_t *candidate = pw_net_candidates(m->f->m, m->net, l, &n);
        status = pw_use_order(m->use[l], candidate, n, &m->order[l]);
    }
    pw_use_free(m->f->m, m->use);
    m->use = NULL;
    PW_TRY(status);
    PW_TRY(put_order(m, into));
    return put_curve(m, full, into);
}

pwy_status pw_use_measure(struct pw_infer *f, struct pw_net *net)
{
    struct measuring m = {.f = f, .net = net};
    struct pwy_task *t = net->task;
    const pwy_source *valid = t->source[PWY_VALID];
    struct pw_node *use;
    int all;
    pw_net_candidates(f->m, net, 0, &all);
    if (!pw_net_can_thin(f->m, net) || valid == NULL || valid->n == 0 || all <= f->m->shape.topk)
        return PWY_OK;
    PW_NEED(use = pw_node_new(PW_MAP));
    pwy_status status = measure(&m, use);
    for (int l = 0; m.order != NULL && l < f->m->shape.layers; l++) free(m.order[l]);
    free(m.order);
    free(m.scores);
    free(m.nats);
    if (status != PWY_OK) {
        pw_node_free(use);
        return status;
    }
    pw_node_free(t->use);
    t->use = use;
    return PWY_OK;
}

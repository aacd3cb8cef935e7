/* Telling tasks apart: what a part's tensors say of a signature, and the ranking. */
#include "model/which.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A dense number counts for little in the ranking: beside the bags' items they are few and lean on each other. */
static const double dense_weight = .05, bags_weight = 1.5, least_surprise = -1;

/* --- tensors --- */

static pwy_status declare_part(const pwy_model *m, const struct pwy_task *t, const struct pw_task_part *part)
{
    const struct pw_sense_ops *ops = pw_sense_find(part->sense);
    struct pw_param *p;
    if (ops == NULL || ops->sign == NULL) return PWY_OK;
    int64_t n = ops->sign->n_dense, bags = ops->sign->n_bags;
    if (n > 0)
        PW_TRY(pw_param_declare(m->params, PW_CONST, PW_ZEROS, 0, 1, PW_SHAPE(n + n * (n + 1) / 2), &p,
                                "task/%s/%s/which.dense", t->name, part->name));
    if (bags > 0) {
        PW_TRY(pw_param_declare(m->params, PW_CONST, PW_ZEROS, 0, 2, PW_SHAPE(bags, PW_WHICH_WORDS), &p,
                                "task/%s/%s/which.bag", t->name, part->name));
        PW_TRY(pw_param_declare(m->params, PW_CONST, PW_ZEROS, 0, 2, PW_SHAPE(bags, PW_WHICH_WORDS), &p, "which.%s",
                                pw_task_stem(t, ops->name)));
    }
    return pw_param_declare(m->params, PW_CONST, PW_ZEROS, 0, 1, PW_SHAPE(PW_WHICH_SCALES), &p,
                            "task/%s/%s/which.scale", t->name, part->name);
}

static struct pw_param *find(const pwy_model *m, const char *format, const char *task, const char *part)
{
    char name[1024];
    snprintf(name, sizeof name, format, task, part);
    return pw_params_find(m->params, name);
}

bool pw_which_owns(const char *tensor)
{
    const char *last = strrchr(tensor, '/');
    last = last != NULL ? last + 1 : tensor;
    return strncmp(last, "which.", 6) == 0 || (last > tensor && strcmp(last, "which") == 0);
}

bool pw_which_grounds(const struct pw_net *net, const char *tensor)
{
    for (int p = 0; p < net->n_parts && strncmp(tensor, "which.", 6) == 0; p++)
        if (strcmp(tensor + 6, pw_task_stem(net->task, net->task->parts[p].sense)) == 0) return true;
    return false;
}

pwy_status pw_which_declare(const pwy_model *m, const struct pwy_task *t)
{
    struct pw_param *p;
    if (m->params->closed && find(m, "task/%s/which", t->name, "") == NULL) return PWY_OK;
    for (int i = 0; i < t->n_parts; i++) PW_TRY(declare_part(m, t, &t->parts[i]));
    return pw_param_declare(m->params, PW_CONST, PW_ZEROS, 0, 1, PW_SHAPE(PW_WHICH_LIMITS), &p, "task/%s/which",
                            t->name);
}

int64_t pw_which_numbers(const struct pwy_task *t)
{
    int64_t numbers = PW_WHICH_LIMITS;
    for (int p = 0; p < t->n_parts; p++) {
        const struct pw_sense_ops *ops = pw_sense_find(t->parts[p].sense);
        if (ops == NULL || ops->sign == NULL) continue;
        int64_t n = ops->sign->n_dense, bags = ops->sign->n_bags;
        numbers += n + n * (n + 1) / 2 + bags * PW_WHICH_WORDS + PW_WHICH_SCALES;
    }
    return numbers;
}

bool pw_which_part_of(const pwy_model *m, const struct pwy_task *t, int part, struct pw_which_part *out)
{
    const struct pw_sense_ops *ops = pw_sense_find(t->parts[part].sense);
    const char *name = t->parts[part].name;
    if (ops == NULL || ops->sign == NULL) return false;
    const struct pw_param *bag = find(m, "task/%s/%s/which.bag", t->name, name), *ground = find(m, "which.%s",
        pw_task_stem(t, ops->name), ""), *dense = find(m, "task/%s/%s/which.dense", t->name, name),
        *scale = find(m, "task/%s/%s/which.scale", t->name, name);
    if (scale == NULL || (ops->sign->n_dense > 0) != (dense != NULL)) return false;
    if ((ops->sign->n_bags > 0) != (bag != NULL && ground != NULL)) return false;
    *out = (struct pw_which_part){.sign = ops->sign, .scale = scale->w};
    if (bag != NULL) out->bag = bag->w, out->ground = ground->w;
    if (dense != NULL) out->dense = dense->w;
    return true;
}

double pw_which_unpack(const real *words, int item)
{
    double word = (double)words[item / 3];
    if (!(word >= 0 && word < 1 << 24)) return -255 / 16.;
    return -(double)((uint32_t)word >> 8 * (item % 3) & 255) / 16;
}

void pw_which_pack(real *words, const double *p)
{
    for (int w = 0; w < PW_WHICH_WORDS; w++) {
        uint32_t word = 0;
        for (int i = 0; i < 3 && 3 * w + i < PW_SIGN_BUCKETS; i++) {
            double level = floor(-16 * log(p[3 * w + i]) + .5);
            word |= (uint32_t)(level < 1 ? 1 : level > 255 ? 255 : level) << 8 * i;
        }
        words[w] = (real)word;
    }
}

/* --- what a part sees --- */

/* |L^-1 (x - mean)|^2, and log det L L^T. */
static double mahalanobis(const real *dense, const double *x, int n, double *log_det)
{
    const real *row = dense + n;
    double off[PW_SIGN_DENSE], sum = 0;
    *log_det = 0;
    for (int i = 0; i < n; row += ++i) {
        double rest = x[i] - (double)dense[i];
        for (int j = 0; j < i; j++) rest -= (double)row[j] * off[j];
        off[i] = rest / (double)row[i];
        sum += off[i] * off[i];
        *log_det += 2 * log((double)row[i]);
    }
    return sum;
}

/* The bag's log-likelihood, and by how much the ground explains an item better than the task, on average. */
static double see_bag(const struct pw_which_part *p, const struct pw_sign_bag *bag, int b, struct pw_which_seen *out)
{
    const real *own = p->bag + b * PW_WHICH_WORDS, *ground = p->ground + b * PW_WHICH_WORDS;
    double likelihood = 0, against = 0;
    for (int64_t i = 0; i < bag->n; i++) {
        double here = pw_which_unpack(own, bag->item[i]);
        likelihood += here;
        against += pw_which_unpack(ground, bag->item[i]) - here;
        if (b == 0 && p->sign->closed && here <= -255 / 16.) out->excluded = true;
    }
    out->items[b] = bag->n > 0 ? (double)bag->n : 1;
    out->surprise[b] = against / out->items[b];
    return likelihood;
}

static double strayed(const struct pw_which_part *p, const struct pw_which_seen *s)
{
    double sum = 0, at = log(s->items[0]);
    for (int b = 0; b < p->sign->n_bags; b++) {
        const real *c = p->scale + 4 * b;
        double spread = sqrt((double)c[2] / s->items[b] + (double)c[3]);
        double z = (s->surprise[b] - (double)c[0] - (double)c[1] * at) / spread;
        sum += z > least_surprise ? z : least_surprise;
    }
    return sum / p->sign->n_bags;
}

void pw_which_see(const struct pw_which_part *p, const struct pw_signature *s, struct pw_which_seen *out)
{
    const real *of_dense = p->scale + 4 * PW_SIGN_BAGS;
    double log_det;
    memset(out, 0, sizeof *out);
    for (int b = 0; b < p->sign->n_bags; b++) out->likelihood += p->sign->weight[b] * see_bag(p, &s->bag[b], b, out);
    if (p->sign->n_bags > 0) out->distance += bags_weight * strayed(p, out);
    if (p->dense == NULL) return;
    out->mahalanobis = mahalanobis(p->dense, s->dense, p->sign->n_dense, &log_det);
    out->likelihood -= dense_weight * (out->mahalanobis + log_det);
    out->distance += (log(out->mahalanobis + 1e-9) - (double)of_dense[0]) / (double)of_dense[1];
}

/* --- the ranking --- */

void pw_which_release(struct pwy_which *w)
{
    if (w == NULL) return;
    for (int i = 0; i < w->n; i++) free(w->row[i].task);
    free(w->row);
    free(w->json);
    free(w);
}

static bool takes(const struct pw_task_part *part, const struct pw_value *value)
{
    const struct pw_sense_ops *ops = pw_sense_find(part->sense);
    return ops != NULL && ops->takes == value->type;
}

/* The first part that takes the value: by name, or of those not taken yet. -1: none. */
static int part_for(const struct pwy_task *t, const struct pw_part *what, const int *taken, int n)
{
    bool any = what->name[0] == '*';
    for (int p = 0; p < t->n_parts; p++) {
        bool free_part = true;
        for (int i = 0; i < n; i++) free_part = free_part && taken[i] != p;
        if (free_part && takes(&t->parts[p], &what->value) && (any || strcmp(t->parts[p].name, what->name) == 0))
            return p;
    }
    return -1;
}

bool pw_which_match(const struct pwy_task *t, const pwy_example *ex, int *part)
{
    int found = 0;
    for (int i = 0; i < ex->n_parts; i++) part[i] = -1;
    for (int starred = 0; starred < 2; starred++)
        for (int i = 0; i < ex->n_parts; i++) {
            const struct pw_part *what = &ex->parts[i];
            if (what->value.type == PW_VALUE_NONE || (what->name[0] == '*') != starred) continue;
            if ((part[i] = part_for(t, what, part, ex->n_parts)) < 0) return false;
            found++;
        }
    return found > 0;
}

pwy_status pw_which_has(const pwy_registry *r, const char *sense, const char *part, bool *out)
{
    *out = false;
    for (int64_t i = 0; i < r->n; i++) {
        struct pwy_task *t;
        PW_TRY(pw_registry_task(r, i, &t));
        for (int p = 0; p < t->n_parts; p++)
            if (strcmp(t->parts[p].sense, sense) == 0 && (part[0] == '*' || strcmp(t->parts[p].name, part) == 0))
                return *out = true, PWY_OK;
    }
    return PWY_OK;
}

/* One question: the example, and the signatures of its parts. */
struct asked {
    const pwy_model *m; const pwy_example *ex; struct pw_arena *arena;
    struct pw_signature *sign; bool *signed_;           /* [n_parts of ex] */
    int *part;                                          /* [n_parts of ex] */
    double items;
};

static pwy_status asked_open(struct asked *q)
{
    size_t n = (size_t)q->ex->n_parts + 1;
    PW_NEED(q->sign = pw_arena_zero(q->arena, n, sizeof *q->sign));
    PW_NEED(q->signed_ = pw_arena_zero(q->arena, n, sizeof *q->signed_));
    PW_NEED(q->part = pw_arena_zero(q->arena, n, sizeof *q->part));
    return PWY_OK;
}

/* A type of value has one sense, so a part has one signature whatever the task. */
static pwy_status signature(struct asked *q, int i, const struct pw_sign_ops *ops)
{
    if (q->signed_[i]) return PWY_OK;
    if (pw_sign(ops, &q->ex->parts[i].value, q->arena, &q->sign[i]) != PWY_OK)
        return pw_fail(PWY_E_DATA, "part '%s': %s", q->ex->parts[i].name, pwy_error_message());
    q->signed_[i] = true;
    for (int b = 0; b < ops->n_bags; b++) q->items += ops->weight[b] * (double)q->sign[i].bag[b].n;
    return PWY_OK;
}

/* Sums up the parts; distances of parts are about alike, so their sum is scaled to stay so. n: parts seen. */
static pwy_status see_parts(struct asked *q, const struct pwy_task *t, struct pw_which_row *row, int *n,
                            bool *excluded)
{
    for (int i = 0; i < q->ex->n_parts; i++) {
        struct pw_which_part p;
        struct pw_which_seen seen;
        if (q->part[i] < 0 || !pw_which_part_of(q->m, t, q->part[i], &p)) continue;
        PW_TRY(signature(q, i, p.sign));
        pw_which_see(&p, &q->sign[i], &seen);
        row->likelihood += seen.likelihood;
        row->distance += seen.distance;
        *excluded = *excluded || seen.excluded;
        ++*n;
    }
    row->distance /= sqrt(*n > 0 ? *n : 1);
    return PWY_OK;
}

static pwy_status add_row(struct pwy_which *w, const struct pw_which_row *row, const char *task)
{
    if ((w->n & (w->n - 1)) == 0) {
        struct pw_which_row *more = pw_realloc(w->row, w->n > 0 ? 2 * (size_t)w->n : 1, sizeof *more);
        PW_NEED(more);
        w->row = more;
    }
    w->row[w->n] = *row;
    PW_NEED(w->row[w->n].task = pw_strdup(task));
    w->n++;
    return PWY_OK;
}

/* Adds the task where it can be told and takes the example. */
static pwy_status consider(struct asked *q, const struct pwy_task *t, struct pwy_which *w)
{
    const struct pw_param *limits = find(q->m, "task/%s/which", t->name, "");
    struct pw_which_row row = {.index = t->index};
    bool excluded = false;
    int n = 0;
    if (!t->trained || limits == NULL || !(limits->w[0] > 0) || !pw_which_match(t, q->ex, q->part)) return PWY_OK;
    PW_TRY(see_parts(q, t, &row, &n, &excluded));
    if (n == 0 || excluded) return PWY_OK;
    row.limit = (double)limits->w[1];
    row.within = row.distance <= row.limit;
    if (!isfinite(row.likelihood)) row.likelihood = -INFINITY;
    return add_row(w, &row, t->name);
}

static int likelier(const void *a, const void *b)
{
    const struct pw_which_row *x = a, *y = b;
    if (x->likelihood != y->likelihood) return x->likelihood > y->likelihood ? -1 : 1;
    return x->index < y->index ? -1 : x->index > y->index;
}

/* Shares of the whole by likelihood. Items of one example lean on each other: the more there are, the less each
   says. */
static void share_out(struct pwy_which *w, double items)
{
    double sum = 0, heat = 1 + sqrt(items) / 4;
    for (int i = 0; i < w->n; i++) {
        double behind = w->row[i].likelihood - w->row[0].likelihood;
        w->row[i].confidence = i == 0 ? 1 : isnan(behind) ? 0 : exp(behind / heat);
        sum += w->row[i].confidence;
    }
    for (int i = 0; i < w->n; i++) w->row[i].confidence /= sum;
}

/* --- its line --- */

static pwy_status put_row(const struct pw_which_row *r, struct pw_node *list)
{
    struct pw_node *one;
    PW_TRY(pw_node_add_new(list, PW_MAP, &one));
    PW_TRY(pw_node_put_text(one, "task", r->task));
    PW_TRY(pw_node_put_number(one, "confidence", r->confidence));
    PW_TRY(pw_node_put_number(one, "distance", r->distance));
    return pw_node_put_number(one, "limit", r->limit);
}

static pwy_status fill_line(const struct pwy_which *w, struct pw_node *line)
{
    struct pw_node *list;
    PW_TRY(w->known ? pw_node_put_text(line, "task", w->row[0].task) : pw_node_put_word(line, "task", "null"));
    PW_TRY(pw_node_put_flag(line, "unknown", !w->known));
    PW_TRY(pw_node_put_new(line, "ranking", PW_LIST, &list));
    for (int i = 0; i < w->n; i++) PW_TRY(put_row(&w->row[i], list));
    return PWY_OK;
}

static pwy_status make_json(struct pwy_which *w)
{
    struct pw_node *line;
    PW_NEED(line = pw_node_new(PW_MAP));
    pwy_status status = fill_line(w, line);
    if (status == PWY_OK) status = (w->json = pw_node_to_json(line)) == NULL ? PWY_E_NOMEM : PWY_OK;
    pw_node_free(line);
    return status;
}

static pwy_status rank(struct asked *q, struct pwy_which *w)
{
    PW_TRY(asked_open(q));
    for (int64_t i = 0; i < q->m->registry->n; i++) {
        struct pwy_task *t;
        PW_TRY(pw_registry_task(q->m->registry, i, &t));
        PW_TRY(consider(q, t, w));
    }
    if (w->n > 1) qsort(w->row, (size_t)w->n, sizeof *w->row, likelier);
    share_out(w, q->items);
    w->known = w->n > 0 && w->row[0].within;
    return make_json(w);
}

pwy_status pw_which_ask(const pwy_model *m, const pwy_example *ex, struct pwy_which **out)
{
    struct pwy_which *w;
    struct asked q = {.m = m, .ex = ex};
    PW_NEED(w = pw_calloc(1, sizeof *w));
    q.arena = pw_arena_new();
    pwy_status status = q.arena == NULL ? PWY_E_NOMEM : rank(&q, w);
    if (q.arena != NULL) pw_arena_free(q.arena);
    if (status == PWY_OK) *out = w;
    else pw_which_release(w);
    return status;
}

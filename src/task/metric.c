/* Metrics, listed at the end of this file. What each one means:
     accuracy       share of examples whose best label is the right one (ties to the lowest index).
     f1, classify   macro F1: the mean of each label's 2 tp / (2 tp + fp + fn), over the labels that occur among the
                    examples or the answers.
     f1, multilabel micro F1: 2 tp / (2 tp + fp + fn) over all (example, label) pairs, a label being answered from a
                    score of .5 on; 1 where no label is right and none is answered.
     rmse, mae, r2  in the target's unit; r2 is 1 - squared error / squared distance from the examples' own mean.
     bits_per_byte  the text's loss in bits, over its bytes.
   The baseline is the same metric of one fixed answer: the most common training label, the mean of the training
   targets, or the order-0 entropy of the bytes that were scored. Without examples, score and baseline are NaN. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "task/task.h"

struct metric_ops {
    const char *name;
    pwy_task_kind kind;
    bool higher_is_better;
    void (*add)(struct pw_metric *m, const real *scores, const struct pw_target *target);
    double (*score)(const struct pw_metric *m);
    double (*baseline)(const struct pw_metric *m);
};

struct pw_metric {
    const struct metric_ops *ops;
    const struct pwy_task *task;
    int outputs;
    int common;                             /* the most common training label; -1: not known */
    int64_t n;
    int64_t *hit, *said, *right;            /* (outputs): both, answered, true */
    double abs, sq, base_abs, base_sq;      /* sums of errors: of the answers, and of the training mean */
    double mean, m2;                        /* of the targets seen (Welford) */
    double nats;
    int64_t bytes, byte_count[256];
};

static double f1(double tp, double said, double right)
{
    return said + right > 0 ? 2 * tp / (said + right) : NAN;
}

/* --- one label --- */

static int best_label(const real *scores, int n)
{
    int best = -1;
    for (int i = 0; i < n; i++)
        if (!isnan(scores[i]) && (best < 0 || scores[i] > scores[best])) best = i;
    return best;
}

static void add_label(struct pw_metric *m, const real *scores, const struct pw_target *target)
{
    int best = best_label(scores, m->outputs);
    if (target->label < 0 || target->label >= m->outputs) return;
    m->n++;
    m->right[target->label]++;
    if (best >= 0) m->said[best]++;
    if (best == target->label) m->hit[best]++;
}

static double accuracy(const struct pw_metric *m)
{
    int64_t hits = 0;
    for (int i = 0; i < m->outputs; i++) hits += m->hit[i];
    return (double)hits / (double)m->n;
}

static double accuracy_baseline(const struct pw_metric *m)
{
    return m->common < 0 ? NAN : (double)m->right[m->common] / (double)m->n;
}

static double macro_f1(const struct pw_metric *m)
{
    double sum = 0;
    int labels = 0;
    for (int i = 0; i < m->outputs; i++) {
        if (m->said[i] + m->right[i] == 0) continue;
        sum += f1((double)m->hit[i], (double)m->said[i], (double)m->right[i]);
        labels++;
    }
    return labels > 0 ? sum / labels : NAN;
}

static double macro_f1_baseline(const struct pw_metric *m)
{
    int labels = 0;
    if (m->common < 0) return NAN;
    for (int i = 0; i < m->outputs; i++) labels += m->right[i] > 0 || i == m->common;
    return f1((double)m->right[m->common], (double)m->n, (double)m->right[m->common]) / labels;
}

/* --- several labels --- */

static void add_labels(struct pw_metric *m, const real *scores, const struct pw_target *target)
{
    m->n++;
    for (int i = 0; i < m->outputs; i++) {
        bool said = scores[i] >= (real).5, right = target->labels[i] != 0;
        m->said[i] += said;
        m->right[i] += right;
        m->hit[i] += said && right;
    }
}

static double total(const int64_t *count, int n)
{
    int64_t sum = 0;
    for (int i = 0; i < n; i++) sum += count[i];
    return (double)sum;
}

static double micro_f1(const struct pw_metric *m)
{
    double said = total(m->said, m->outputs), right = total(m->right, m->outputs);
    return said + right > 0 ? f1(total(m->hit, m->outputs), said, right) : 1;
}

static double micro_f1_baseline(const struct pw_metric *m)
{
    if (m->common < 0) return NAN;
    return f1((double)m->right[m->common], (double)m->n, total(m->right, m->outputs));
}

/* --- a number --- */

static void add_number(struct pw_metric *m, const real *scores, const struct pw_target *target)
{
    double y = target->number, error = (double)scores[0] - y, base = m->task->mean - y, from = y - m->mean;
    m->n++;
    m->abs += fabs(error);
    m->sq += error * error;
    m->base_abs += fabs(base);
    m->base_sq += base * base;
    m->mean += from / (double)m->n;
    m->m2 += from * (y - m->mean);
}

static double rmse(const struct pw_metric *m)
{
    return sqrt(m->sq / (double)m->n);
}

static double mae(const struct pw_metric *m)
{
    return m->abs / (double)m->n;
}

static double r2(const struct pw_metric *m)
{
    return m->m2 > 0 ? 1 - m->sq / m->m2 : NAN;
}

static double rmse_baseline(const struct pw_metric *m)
{
    return m->task->n_train > 0 ? sqrt(m->base_sq / (double)m->n) : NAN;
}

static double mae_baseline(const struct pw_metric *m)
{
    return m->task->n_train > 0 ? m->base_abs / (double)m->n : NAN;
}

static double r2_baseline(const struct pw_metric *m)
{
    return m->task->n_train > 0 && m->m2 > 0 ? 1 - m->base_sq / m->m2 : NAN;
}

/* --- text --- */

static double bits_per_byte(const struct pw_metric *m)
{
    return m->bytes > 0 ? m->nats / (M_LN2 * (double)m->bytes) : NAN;
}

static double entropy(const struct pw_metric *m)
{
    double bits = 0, all = total(m->byte_count, 256);
    for (int i = 0; i < 256; i++)
        if (m->byte_count[i] > 0) bits -= (double)m->byte_count[i] * log2((double)m->byte_count[i] / all);
    return all > 0 ? bits / all : NAN;
}

static const struct metric_ops metrics[] = {
    {"accuracy", PWY_CLASSIFY, true, add_label, accuracy, accuracy_baseline},
    {"f1", PWY_CLASSIFY, true, add_label, macro_f1, macro_f1_baseline},
    {"f1", PWY_MULTILABEL, true, add_labels, micro_f1, micro_f1_baseline},
    {"rmse", PWY_REGRESS, false, add_number, rmse, rmse_baseline},
    {"mae", PWY_REGRESS, false, add_number, mae, mae_baseline},
    {"r2", PWY_REGRESS, true, add_number, r2, r2_baseline},
    {"bits_per_byte", PWY_GENERATE, false, NULL, bits_per_byte, entropy},
};
enum { N_METRICS = sizeof metrics / sizeof *metrics };

/* --- the interface --- */

static const struct metric_ops *find_metric(pwy_task_kind kind, const char *name)
{
    for (int i = 0; i < N_METRICS; i++)
        if (metrics[i].kind == kind && strcmp(metrics[i].name, name) == 0) return &metrics[i];
    return NULL;
}

pwy_status pw_metric_check(const struct pw_head_ops *head, const char *name)
{
    char list[128] = "";
    if (find_metric(head->kind, name) != NULL) return PWY_OK;
    for (int i = 0; i < N_METRICS; i++) {
        if (metrics[i].kind != head->kind) continue;
        if (list[0] != '\0') strcat(list, ", ");
        strcat(list, metrics[i].name);
    }
    return pw_fail(PWY_E_ARGUMENT, "kind %s has no metric '%.60s'; it has %s", head->name, name, list);
}

/* Ties to the lowest index. */
static int common_label(const struct pwy_task *t, int outputs)
{
    int best = -1;
    for (int i = 0; t->label_count != NULL && i < outputs; i++)
        if (best < 0 || t->label_count[i] > t->label_count[best]) best = i;
    return best;
}

pwy_status pw_metric_new(const struct pwy_task *t, struct pw_metric **out)
{
    const char *name = t->metric != NULL ? t->metric : t->head->metric;
    struct pw_metric *m;
    PW_TRY(pw_metric_check(t->head, name));
    PW_NEED(m = pw_calloc(1, sizeof *m));
    m->ops = find_metric(t->head->kind, name);
    m->task = t;
    m->outputs = t->head->outputs(t);
    m->common = common_label(t, m->outputs);
    m->hit = pw_calloc(3 * (size_t)m->outputs + 1, sizeof *m->hit);
    if (m->hit == NULL) {
        free(m);
        return PWY_E_NOMEM;
    }
    m->said = m->hit + m->outputs;
    m->right = m->said + m->outputs;
    *out = m;
    return PWY_OK;
}

void pw_metric_free(struct pw_metric *m)
{
    if (m == NULL) return;
    free(m->hit);
    free(m);
}

pwy_status pw_metric_add(struct pw_metric *m, const real *scores, const struct pw_target *target)
{
    if (m->ops->add == NULL) return pw_fail(PWY_E_STATE, "metric %s is of texts, not of scores", m->ops->name);
    m->ops->add(m, scores, target);
    return PWY_OK;
}

void pw_metric_add_text(struct pw_metric *m, double nats, int64_t bytes, const char *text)
{
    m->n++;
    m->nats += nats;
    m->bytes += bytes;
    for (int64_t i = 0; text != NULL && i < bytes; i++) m->byte_count[(unsigned char)text[i]]++;
}

double pw_metric_score(const struct pw_metric *m)
{
    return m->n > 0 ? m->ops->score(m) : NAN;
}

double pw_metric_baseline(const struct pw_metric *m)
{
    return m->n > 0 ? m->ops->baseline(m) : NAN;
}

int64_t pw_metric_count(const struct pw_metric *m)
{
    return m->n;
}

const char *pw_metric_name(const struct pw_metric *m)
{
    return m->ops->name;
}

bool pw_metric_higher_is_better(const struct pw_metric *m)
{
    return m->ops->higher_is_better;
}

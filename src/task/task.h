/* Tasks and their registry; heads (what kinds of answer there are); metrics. */
#ifndef PW_TASK_H
#define PW_TASK_H
#include "data/data.h"
#include "nn/nn.h"
#include "pathways/registry.h"

struct pw_head_ops;

struct pw_task_part { char *name; char *sense; struct pw_node *options; };

struct pwy_task {
    struct pwy_registry *registry;          /* not counted: a task lives as long as its registry */
    int index;
    char *name;
    const struct pw_head_ops *head;
    struct pw_task_part *parts; int n_parts;
    struct pw_map *labels;
    double weight;                          /* in the mixture; 1 */
    char *metric;                           /* NULL: the head's default */
    char *missing, *target; struct pw_node *columns;   /* how its files are read */
    pwy_source *source[3];            /* PWY_TRAIN, PWY_VALID, PWY_TEST; NULL: none */
    double mean, spread;                    /* regress: of the training targets */
    int64_t n_train;                        /* rows it learned from */
    int64_t *label_count;                   /* (labels) in training: the baseline is the most common */
    double wide_scale, trunk_scale;         /* answer = wide_scale * wide + trunk_scale * trunk, chosen on validation; 0, 1 before */
    bool trained;
};

struct pwy_registry {
    int count;                              /* atomic references */
    pwy_context *ctx;
    struct pwy_task **task; int n, cap;
    struct pw_map *names;
};
pwy_registry *pw_registry_hold(pwy_registry *r);
pwy_status pw_registry_get(const pwy_registry *r, const char *name, struct pwy_task **out);   /* PWY_E_NOT_FOUND names the nearest */
pwy_status pw_registry_copy(const pwy_registry *r, pwy_registry **out);                       /* tasks with sources held */
pwy_status pw_registry_to_node(const pwy_registry *r, struct pw_node **out);                  /* for the model file: all but sources */
pwy_status pw_registry_from_node(pwy_context *ctx, const struct pw_node *node, pwy_registry **out);
int pw_task_label(const struct pwy_task *t, const char *label);                               /* index or -1 */
pwy_status pw_task_want(const struct pwy_task *t, const char *folder, struct pw_want *want, struct pw_want_part *parts /* [n_parts] */);
/* Goes through the training targets: labels (in order of first appearance; numbers sorted by value when all are numbers), counts, mean and spread. Bad rows are left to the trainer. */
pwy_status pw_task_fit_target(struct pwy_task *t);

/* A goal as the losses take it. */
struct pw_target { int label; uint8_t *labels; double number; const char *text; };

/* Kinds of answer: one file each in task/, listed in task/heads.c. */
struct pw_head_ops {
    const char *name; pwy_task_kind kind;
    const char *metric;                     /* the default */
    bool reads_out;                         /* answers from one read-out row an example; false: writes, position by position */
    int (*outputs)(const struct pwy_task *t);
    /* The example's target for this task; unknown label, NaN: PWY_E_DATA that lists what would be right. labels: (outputs) zeroed, for multilabel. */
    pwy_status (*target)(const struct pwy_task *t, const pwy_example *ex, struct pw_target *out);
    /* rows of outputs (n, outputs) against targets: per-row loss, and gradient times weight[row]. */
    pwy_status (*loss)(struct pw_exec *x, const struct pwy_task *t, int n, const real *out, const struct pw_target *targets, const real *weight, double *loss, real *dout);
    /* The fused outputs (outputs) into scores: probabilities, or the number in its unit. In place. */
    void (*answer)(const struct pwy_task *t, const struct pw_kern *k, real *out);
};
extern const struct pw_head_ops *const pw_heads[];                 /* ended by NULL */

/* Metrics: accumulate answers against targets, in order; listed in task/metric.c. */
struct pw_metric;
pwy_status pw_metric_new(const struct pwy_task *t, struct pw_metric **out);       /* by the task's metric name; unknown: PWY_E_ARGUMENT with the list for that kind */
void pw_metric_free(struct pw_metric *m);
pwy_status pw_metric_add(struct pw_metric *m, const real *scores, const struct pw_target *target);
void pw_metric_add_text(struct pw_metric *m, double nats, int64_t bytes, const char *text);   /* generate: loss of a text; bytes counted for the order-0 baseline */
double pw_metric_score(const struct pw_metric *m);
double pw_metric_baseline(const struct pw_metric *m);              /* of always answering the most common training label, the mean, or the order-0 entropy of the bytes seen */
int64_t pw_metric_count(const struct pw_metric *m);
const char *pw_metric_name(const struct pw_metric *m);
bool pw_metric_higher_is_better(const struct pw_metric *m);
#endif

/* Tasks and their registry; heads (what kinds of answer there are); metrics. */
#ifndef PW_TASK_H
#define PW_TASK_H
#include "data/data.h"
#include "nn/nn.h"
#include "pathways/registry.h"

struct pw_head_ops;
struct pw_sense_ops;

struct pw_task_part { const char *name; const char *sense; struct pw_node *options; };   /* texts: the registry's */

/* labels.c: in the order of the outputs; texts are the registry's. */
struct pw_labels { const char **text; uint32_t *slot; uint32_t n, n_slots; };
int64_t pw_labels_find(const struct pw_labels *l, const char *label);                  /* -1: not there */
pwy_status pw_labels_add(struct pw_labels *l, struct pw_words *words, const char *label);   /* one that is not there */
void pw_labels_free(struct pw_labels *l);

/* Small: a registry may have a million. What a file's task has beside name, kind and state is there once it is
   filled, which it is for all but the functions of registry.h. */
struct pwy_task {
    struct pwy_registry *registry;          /* not counted: a task lives as long as its registry */
    const char *name;
    const struct pw_head_ops *head;
    struct pw_task_part *parts;             /* [n_parts] */
    struct pw_labels labels;
    double weight;                          /* in the mixture; 1 */
    char *metric;                           /* NULL: the head's default */
    char *missing, *target; struct pw_node *columns;   /* how its files are read */
    pwy_source *const *source;              /* [3]: PWY_TRAIN, PWY_VALID, PWY_TEST; NULL: none */
    double mean, spread;                    /* regress: of the training targets */
    int64_t n_train;                        /* rows it learned from */
    int64_t *label_count;                   /* (labels) in training: the baseline is the most common */
    double wide_scale, trunk_scale;         /* answer = wide_scale * wide + trunk_scale * trunk; else 0, 1 */
    struct pw_node *pathway;                /* its own way through the trunk (model/way.c); NULL: the trunk's */
    struct pw_node *use;                    /* which experts matter to it, measured (train/choose.c); NULL: not known */
    struct pw_node *stems;                  /* sense -> stem where that is not called as the sense is; NULL: none */
    struct pw_node *golden;                 /* inputs and, sealed, answers to them (model/golden.c); NULL: none */
    const uint8_t *digest;                  /* [32] of the sealed task, in its file or the registry; NULL: none */
    int index, slot, n_parts;               /* index: as callers count; slot: for good (store.h) */
    bool fixed_labels;                      /* given by name, not found in the rows: others are bad rows */
    bool trained, sealed;
    bool whole;                             /* atomic: filled */
};

/* registry.c. A registry made by adding is whole, and so is one that pw_registry_load went through: there
   pw_registry_at gives every task. Of any other, say a model file's, tasks are asked for by pw_registry_task or
   pw_registry_get, which read the one that is asked for; any number of threads may at once. */
struct pw_store;
struct pw_task_segment_bytes;
struct pw_image;
struct pwy_registry {
    int count;                              /* atomic references */
    pwy_context *ctx;
    int n;                                  /* tasks */
    struct pw_store *store;
};
pwy_status pw_registry_make(pwy_context *ctx, pwy_registry **out);                     /* empty, counted once */
pwy_registry *pw_registry_hold(pwy_registry *r);
void pw_registry_release(pwy_registry *r);                                             /* NULL allowed */
pwy_status pw_registry_add(pwy_registry *r, const char *name, const struct pw_head_ops *head, struct pwy_task **out);
/* i in 0..n-1. A damaged record or text is PWY_E_FORMAT that names file and task. */
pwy_status pw_registry_task(const pwy_registry *r, int64_t i, struct pwy_task **out);
struct pwy_task *pw_registry_at(const pwy_registry *r, int64_t i);
pwy_status pw_registry_load(const pwy_registry *r);
/* PWY_E_NOT_FOUND names the nearest. */
pwy_status pw_registry_get(const pwy_registry *r, const char *name, struct pwy_task **out);
/* The same two with name, kind and state alone; pw_task_fill does the rest. Filling again costs nothing. */
pwy_status pw_registry_find(const pwy_registry *r, const char *name, struct pwy_task **out);
pwy_status pw_registry_peek(const pwy_registry *r, int64_t i, struct pwy_task **out);
pwy_status pw_task_fill(const struct pwy_task *t);
/* What the file says of the task's senses: part -> map; NULL: nothing, as of one that was added. The caller's. */
pwy_status pw_task_senses(const struct pwy_task *t, struct pw_node **out);
/* Nothing may be read of it while this goes on. What pointed to the task points to nothing; indices behind it move. */
pwy_status pw_registry_remove(pwy_registry *r, const char *name);
pwy_status pw_registry_rename(pwy_registry *r, const char *name, const char *to);

/* Files' tasks, the base first, then its deltas in order; nothing of them is read. own: copies the bytes, else they
   must outlive the registry. */
pwy_status pw_registry_open(pwy_context *ctx, const struct pw_task_segment_bytes *b, int n, bool own,
                            pwy_registry **out);

/* Keeps what the registry's files lie in: let_go(owner) ends it with the registry. */
void pw_registry_keep(pwy_registry *r, void *owner, void (*let_go)(void *owner));

/* select.c: what pwy_registry_select says. */
struct pw_found { int64_t after, *index, room, n; };
pwy_status pw_registry_select(const pwy_registry *r, const struct pw_node *query, struct pw_found *found);
const char *pw_state_name(int state);                              /* NULL: none */

/* copy.c */
/* Another registry's task i, as it is, with its sources, added to `to`. */
pwy_status pw_registry_adopt(pwy_registry *to, const pwy_registry *r, int64_t i, struct pwy_task **out);
pwy_status pw_registry_copy(const pwy_registry *r, pwy_registry **out);   /* whole, in memory, with sources held */
/* Makes `to` whole, and gives its tasks the sources that those of the same index of `from` hold. */
pwy_status pw_registry_share_sources(pwy_registry *to, const pwy_registry *from);
/* The same by name, for a registry that came from a file: every task of `to` must be in `from`, of the same kind. */
pwy_status pw_registry_attach_sources(pwy_registry *to, const pwy_registry *from);
/* The registry for a file, all but sources: tasks from index `first` on. senses gives what a task's senses say now
   (the caller's node), or NULL where the file that it came from still says it; NULL: for all of them. A task that was
   never filled is not read but copied. */
typedef pwy_status (*pw_senses_fn)(void *arg, int64_t task, struct pw_node **out);
pwy_status pw_registry_image(const pwy_registry *r, int64_t first, pw_senses_fn senses, void *arg,
                             struct pw_image *out);
/* The same for a delta to a file: tasks again[n_again] replace those of their name there, the names gone[n_gone] are
   removed there, and tasks from index `first` on come behind. */
struct pw_registry_changes { const int64_t *again; int64_t n_again; const char *const *gone; int64_t n_gone, first; };
pwy_status pw_registry_delta(const pwy_registry *r, const struct pw_registry_changes *changes, pw_senses_fn senses,
                             void *arg, struct pw_image *out);

/* persist.c: what of a task's settings its answers depend on, as JSON, the caller's: neither its name nor which of a
   model's experts are its candidates. */
pwy_status pw_task_closure_json(const struct pwy_task *t, char **out);

/* task.c. No message of a task's functions names the task: the caller does, by pw_fail_task. */
void pw_task_init(struct pwy_task *t, pwy_registry *r, const struct pw_head_ops *head);     /* t is zeroed */
void pw_task_close(struct pwy_task *t);                            /* what it owns: not itself, name and texts */
pwy_status pw_name_check(const char *what, const char *name);     /* what: "task", "part" */
/* PWY_E_UNSUPPORTED for a sense that has a word but no code yet, PWY_E_ARGUMENT with the nearest for others. */
pwy_status pw_sense_named(const char *name, const struct pw_sense_ops **out);
/* settings: the part's map in a recipe without `sense`, copied; NULL: none. Unknown ones: the nearest is named. */
pwy_status pw_task_add_part(struct pwy_task *t, const char *name, const char *sense, const struct pw_node *settings);
/* What the names of the tensors start with that it shares with others of a sense; of "text", written or read.
   Borrowed. */
const char *pw_task_stem(const struct pwy_task *t, const char *sense);
pwy_status pw_task_set_stem(struct pwy_task *t, const char *sense, const char *stem);
bool pw_stem_of_sense(const char *stem, const char *sense);        /* "audio" and "audio~2" are of "audio" */
bool pw_has_sense(const struct pwy_task *t, int parts, const char *sense);             /* among its first parts */
pwy_status pw_task_add_label(struct pwy_task *t, const char *label);
pwy_status pw_task_set_weight(struct pwy_task *t, double weight);
pwy_status pw_task_set_metric(struct pwy_task *t, const char *metric);
/* takes source's count, also on failure */
pwy_status pw_task_set_source(struct pwy_task *t, pwy_split split, pwy_source *source);
int pw_task_label(const struct pwy_task *t, const char *label);                        /* index or -1 */
pwy_status pw_task_set_digest(struct pwy_task *t, const uint8_t digest[32]);           /* copied */
/* Fills want by what the task knows of its files; parts has room for n_parts. All borrowed from t. */
pwy_status pw_task_want(const struct pwy_task *t, const char *folder, struct pw_want *want, struct pw_want_part *parts);

/* target.c: goes through the training targets: labels (in order of first appearance; by value when all are numbers),
   counts, mean and spread. Rows that are PWY_E_DATA are left to the trainer; none that is good is PWY_E_DATA. A failure
   leaves the task as it was. Rows of generate that bring a target's text make the task one that writes it. */
pwy_status pw_task_fit_target(struct pwy_task *t);
/* The label as text, also of a target that was set as a number (then in `room`). NULL: there is none, or several. */
const char *pw_target_label(const pwy_example *ex, char room[32]);

const char *pw_split_name(pwy_split split);                        /* "train", "valid", "test" */
/* read.c: one split from what a recipe's train, valid or test says: a path or a map (see pw_source_open). */
pwy_status pw_task_open(struct pwy_task *t, pwy_split split, const char *folder, const struct pw_node *where);
pwy_status pw_task_where_check(const struct pwy_task *t, const struct pw_node *where);  /* opens nothing */
/* ask.c: the same by path, target and options (NULL: none), with what pwy_task_read says of them. */
pwy_status pw_task_read(struct pwy_task *t, pwy_split split, const char *path, const char *target,
                        const struct pw_node *options);
/* Cuts the training rows by a permutation keyed by seed: the first test share, the next valid share, the rest stays.
   0: that split is not cut; but where there is no valid source either, and ten rows are left, a tenth is. A split that
   has a source must be 0. */
struct pw_cut { double test, valid; int64_t seed; };
pwy_status pw_task_cut(struct pwy_task *t, const struct pw_cut *cut);
/* What validates when nothing was said: a tenth of train by a fixed seed. Nothing where there is a valid source, no
   train, or fewer than ten rows. */
pwy_status pw_task_cut_default(struct pwy_task *t);

/* A goal as the losses take it. */
struct pw_target { int label; uint8_t *labels; double number; const char *text; };

/* Kinds of answer: one file each in task/, listed in task/heads.c. */
struct pw_head_ops {
    const char *name; pwy_task_kind kind;
    const char *metric;                     /* the default */
    bool reads_out;                         /* answers from one read-out row an example; false: writes by position */
    int (*outputs)(const struct pwy_task *t);
    /* The example's target for this task; unknown label, NaN: PWY_E_DATA that lists what would be right. out->labels
       (outputs) is zeroed by the caller, for multilabel. out is untouched on failure. */
    pwy_status (*target)(const struct pwy_task *t, const pwy_example *ex, struct pw_target *out);
    /* rows of outputs (n, outputs) against targets: per-row loss, and gradient times weight[row]. */
    pwy_status (*loss)(struct pw_exec *x, const struct pwy_task *t, int n, const real *out,
                       const struct pw_target *targets, const real *weight, double *loss, real *dout);
    /* The fused outputs (outputs) into scores: probabilities, or the number in its unit. In place.
       loss and answer are NULL where reads_out is false: they are the writer's. */
    void (*answer)(const struct pwy_task *t, const struct pw_kern *k, real *out);
};
extern const struct pw_head_ops *const pw_heads[];                 /* ended by NULL */
extern const struct pw_head_ops pw_head_classify, pw_head_multilabel, pw_head_regress, pw_head_generate;
const struct pw_head_ops *pw_head_of(pwy_task_kind kind);          /* NULL: none */
/* PWY_E_UNSUPPORTED for a kind that has a word but no head yet, PWY_E_ARGUMENT with the nearest for others. */
pwy_status pw_head_named(const char *name, const struct pw_head_ops **out);
/* PWY_E_DATA: "label 'maybe' is not one of ham, spam", with the row's file and line; long lists are cut. */
pwy_status pw_label_unknown(const struct pwy_task *t, const pwy_example *ex, const char *label);
/* pw_fail(PWY_E_DATA) with the place that the example was read from. */
pwy_status pw_target_fail(const pwy_example *ex, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Metrics: accumulate answers against targets, in order; listed in task/metric.c, which says what each one means. */
struct pw_metric;
pwy_status pw_metric_check(const struct pw_head_ops *head, const char *name);     /* unknown: lists that kind's */
pwy_status pw_metric_new(const struct pwy_task *t, struct pw_metric **out);       /* by the task's metric; borrows t */
void pw_metric_free(struct pw_metric *m);                          /* NULL allowed */
pwy_status pw_metric_add(struct pw_metric *m, const real *scores, const struct pw_target *target);
/* generate: a text's loss in nats, and its bytes, which are also counted for the baseline. */
void pw_metric_add_text(struct pw_metric *m, double nats, int64_t bytes, const char *text);
double pw_metric_score(const struct pw_metric *m);                 /* NaN before the first example */
double pw_metric_baseline(const struct pw_metric *m);              /* of one fixed answer, by the training rows */
int64_t pw_metric_count(const struct pw_metric *m);
const char *pw_metric_name(const struct pw_metric *m);
bool pw_metric_higher_is_better(const struct pw_metric *m);
#endif

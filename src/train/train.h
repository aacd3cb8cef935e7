/* The training loop: mixture of tasks, schedule, optimizer, the step, checkpoints. */
#ifndef PW_TRAIN_H
#define PW_TRAIN_H
#include <time.h>
#include "model/infer.h"
#include "pathways/trainer.h"

struct pw_train_options {               /* a recipe's `train:` */
    double minutes, epochs, lr, learn_lr, warmup, temperature, clip, weight_decay, dropout, narrow;
    int64_t steps, seed, threads, batch, chunk, max_bad_rows, accumulate, candidates;
    bool recompute;
    char *dtype, *checkpoint, *optimizer;
    const struct pw_node *plan, *freeze, *add, *tasks;
};
extern const struct pw_option pw_train_table[];

/* --- schedule.c: how far a run is, and where it will end --- */
struct pw_plan { int64_t step; int64_t total; };
/* Progress goes by (1 - share) / (total - step) a step under the plan in force. A run by minutes writes new plans as
   it learns its own speed; they are part of the model file, so that `steps:` with the same `plan:` goes through the
   same shares, and so the same learning rates, to the byte. */
struct pw_schedule {
    double share; int64_t step;
    struct pw_plan *plan; int n_plan, cap, at;      /* at: the plan in force */
    double seconds, budget;                         /* budget 0: by steps */
    int64_t most;                                   /* steps within the budget; 0: no bound */
    bool replay;                                    /* plans were given: none is made */
    int64_t limit;   /* not 0: ends after this step whatever the plan: time ran out, there or here */
    int64_t measured_step, next_plan; double measured_at;
};
/* steps 0: by minutes, or by `most` steps (0: no bound) where they take less */
pwy_status pw_schedule_open(struct pw_schedule *s, const struct pw_train_options *o, int64_t steps, int64_t most);
void pw_schedule_close(struct pw_schedule *s);
bool pw_schedule_done(const struct pw_schedule *s);
double pw_schedule_rate(const struct pw_schedule *s, double warmup);        /* 0..1: warm-up, then cosine to .02 */
/* one step done, which ended `seconds` after the run's start */
pwy_status pw_schedule_advance(struct pw_schedule *s, double seconds);
double pw_schedule_left(const struct pw_schedule *s);                       /* seconds */
pwy_status pw_schedule_to_node(const struct pw_schedule *s, struct pw_node *run);
pwy_status pw_schedule_read_plan(struct pw_schedule *s, const struct pw_node *plan);

/* --- mixture.c: which task, which row --- */
/* Cumulative rates, of tasks that do not learn 0; the last that learns; rows taken of each task. */
struct pw_mixture { int n, last; double *upto; int64_t *cursor; };
struct pw_task_run;
pwy_status pw_mixture_open(struct pw_mixture *m, const pwy_registry *r, const struct pw_task_run *run,
                           double temperature);
void pw_mixture_close(struct pw_mixture *m);
int pw_mixture_draw(const struct pw_mixture *m, uint64_t seed, uint64_t draw);
/* moves the cursor: each epoch is a permutation of its own */
int64_t pw_mixture_row(struct pw_mixture *m, int task, uint64_t seed, int64_t rows);

/* --- adamw.c --- */
/* m, v: NULL until the first step that moves them. step: the last that they and the weights went through; by Adafactor
   how many an expert went through. */
struct pw_moment { real *m, *v; int64_t step; };
/* Of one parameter: a slot of `size` numbers for each expert of an expert tensor, else one; n 0: it does not train.
   second: numbers of v, fewer than size where Adafactor keeps means alone. */
struct pw_moments { struct pw_waker waker; struct pw_adamw *adamw; struct pw_moment *slot; int64_t n, size, second; };
static inline int64_t pw_moment_slots(const struct pw_param *p) { return p->slice != NULL ? p->groups : 1; }
/* The optimizer of a run: AdamW, or Adafactor. */
struct pw_adamw {
    bool adafactor;                     /* b2 and eps are its own; decay below 0: the rate squared, as PaLM's */
    double b1, b2, eps, decay, clip;
    bool apart;                         /* what a step's gradient does not reach stays, momentum or not, and misses
                                           nothing: none sleeps, no rates are kept */
    struct pw_params *params;           /* borrowed; they outlive it */
    struct pw_moments *of; int n;       /* [n], as the parameters */
    int64_t moved;                      /* weights that the last step went over */
    double *rate; int64_t steps, cap;   /* [steps]: the learning rate of each step so far */
};
/* Stays where it is: experts' parameters point at it until it is closed. */
pwy_status pw_adamw_open(struct pw_adamw *a, struct pw_params *params);
void pw_adamw_close(struct pw_adamw *a);
/* For parameters that were declared since: moments of zeros. */
pwy_status pw_adamw_extend(struct pw_adamw *a);
/* A matrix or vector, no table and no experts, is about to keep these columns (n) alone: so do its moments. */
pwy_status pw_adamw_keep_columns(struct pw_adamw *a, const struct pw_param *p, const int32_t *keep, int n);
pwy_status pw_adamw_need(struct pw_moments *of, int64_t k);        /* makes a slot's moments, zeros, where none are */
int64_t pw_adamw_bytes(const struct pw_adamw *a);                  /* allocated for moments */
/* Bytes that the last step had to move at least: weights and moments there and back, gradients once. */
static inline double pw_adamw_traffic(const struct pw_adamw *a)
{
    return (a->adafactor ? 5.0 : 7.0) * (double)a->moved * sizeof(real);
}
/* One update by the gradients there are. step counts from 1. Clips by the global norm of all but tables. A table's row
   that no gradient reached is left alone; an expert too, until it wakes. */
pwy_status pw_adamw_step(struct pw_adamw *a, struct pw_exec *x, double lr, int64_t step, double *norm);
pwy_status pw_adamw_rate(struct pw_adamw *a, int64_t step, double lr);     /* notes the rate of a step that was made */

/* --- adafactor.c --- */
int64_t pw_adafactor_size(const struct pw_param *p, int64_t size);            /* numbers of second moments for `size` */
bool pw_adafactor_factors(const struct pw_param *p);
/* One update of all but tables; gradients times scale. */
pwy_status pw_adafactor_update(struct pw_adamw *a, struct pw_exec *x, double lr, double scale, int64_t step);

/* --- copy.c --- */
pwy_status pw_copy_speed(const struct pw_exec *x, double *bytes_per_second);       /* read and written, all threads */

/* --- sleep.c --- */
/* Of the experts listed, those that trail behind a->steps go through what they missed, as steps without a gradient:
   the same within rounding. */
pwy_status pw_adamw_wake(struct pw_waker *w, struct pw_exec *x, const struct pw_param *p, const int32_t *expert, int n);
/* Between the two calls the parameters show the weights as they would be if all experts that ever moved were awake.
   Nothing else may train meanwhile; the state of the run does not change. */
struct pw_aside { struct pw_slice *slice; real *w; };
struct pw_awake { struct pw_aside *list; int64_t n, cap; };
pwy_status pw_adamw_look(const struct pw_adamw *a, struct pw_exec *x, struct pw_awake *k);
void pw_adamw_look_away(struct pw_awake *k);

struct pwy_progress { const struct pwy_trainer *trainer; const char *phase; double share, loss, seconds, left; };

/* drawn: the run teaches it: it was not there before others were added, is not sealed, has rows, and is of the `tasks`
   that were asked for; learned: examples by pw_trainer_learn */
struct pw_task_run { struct pw_metric *metric; double score; int64_t seen, learned; bool drawn; };

/* narrow.c: tasks whose candidate sets are learned, and how far they are. */
struct pw_narrowing {
    bool *of;                           /* [tasks] */
    int stage, stages, width;           /* stages 0: none are; width: candidates a layer now */
    struct pw_usage *usage;             /* of the run so far; NULL: they are narrow */
};

struct pwy_trainer {
    pwy_model *model;                   /* its own, writable */
    int first;                          /* the first task that learns; those before it were there when it was added */
    struct pw_train_options o;
    struct pw_node *given;              /* the options' tree: o borrows from it */
    struct pw_schedule schedule;
    struct pw_mixture mixture;
    struct pw_adamw adamw;
    struct pw_adamw doing;              /* learning by doing */
    int64_t learned, learned_before;    /* one step each; before: what the model had */
    struct pw_pool *pool;
    struct pw_encoder encoder;
    struct pw_exec x;
    pwy_example **ex; struct pw_encode_job *job; struct pw_item *item;      /* [batch] */
    real *weight; double *trunk_loss, *wide_loss;                           /* [batch] */
    struct pw_task_run *run;            /* [tasks] */
    bool draws;                         /* some task is drawn; those that are not stay as they are */
    struct pw_narrowing narrowing;
    double loss;                        /* running mean */
    struct pw_map *bad;                 /* rows skipped: "task:row" */
    double started;                     /* clock when this process began, less what it had run before */
    double shown;                       /* when progress was last reported */
    bool told;                          /* what tells the tasks apart is fitted */
    bool chosen;                        /* the mixes of wide path and trunk fit these weights */
    int cancelled;                      /* atomic */
    pwy_progress_fn progress; void *progress_user; pwy_destroy_fn progress_destroy;
};

pwy_status pw_trainer_open(pwy_model *model, const struct pw_node *options, struct pwy_trainer **out);
pwy_status pw_trainer_open_checkpoint(pwy_registry *registry, const char *path, const struct pw_node *options,
                                      struct pwy_trainer **out);
pwy_status pw_trainer_check(const struct pw_node *options);                  /* whether they would be taken */
/* A trainer of the tasks of `tasks`, added to a model whose own stay as they are: add.c gives each its pathway. */
pwy_status pw_trainer_open_added(pwy_model *model, const pwy_registry *tasks, const struct pw_node *options,
                                 struct pwy_trainer **out);
void pw_trainer_close(struct pwy_trainer *t);
pwy_status pw_trainer_step(struct pwy_trainer *t, double *loss);            /* step.c */
pwy_status pw_trainer_run(struct pwy_trainer *t);
pwy_status pw_trainer_learn(struct pwy_trainer *t, const char *task, const pwy_example *ex);     /* learn.c */
pwy_status pw_trainer_open_doing(struct pwy_trainer *t);                   /* its optimizer; nothing where it is open */
pwy_status pw_trainer_choose(struct pwy_trainer *t);                        /* choose.c */
pwy_status pw_trainer_save(const struct pwy_trainer *t, const char *path);  /* checkpoint.c */
pwy_status pw_trainer_snapshot(struct pwy_trainer *t, pwy_model **out);
/* calls the progress function; PWY_E_CANCELLED when it, or anyone, says stop */
pwy_status pw_trainer_report(struct pwy_trainer *t, const char *phase, bool always);
/* What of `freeze` names the parameters from the first-th on; met [freeze] counts, NULL: not asked. */
void pw_trainer_freeze(struct pwy_trainer *t, int first, int *met);
void pw_trainer_lock_unreached(const struct pwy_trainer *t);
double pw_clock(void);                                                      /* seconds, monotonic */
/* Shared by the two ways to begin. Takes model. */
pwy_status pw_trainer_begin(pwy_model *model, const struct pw_node *options, struct pwy_trainer **out);
#endif

/* Parameters: named tensors, what the optimizer may do with each, and where a step leaves its gradient. */
#ifndef PW_PARAM_H
#define PW_PARAM_H
#include <stdbool.h>
#include <stdint.h>
#include "base/mem.h"
#include "base/real.h"

enum pw_param_kind {
    PW_MATRIX,                          /* decayed */
    PW_VECTOR,                          /* gains, biases, embeddings of tasks and positions: not decayed */
    PW_TABLE,                       /* many rows, of which a step touches few: row-sparse Adam, own rate, no decay */
    PW_CONST                            /* fitted, never trained: quantiles, idf, kernels' biases, trees */
};

struct pw_param {
    char *name;                         /* "trunk.0.attn.qkv", "task.spam.head.w" */
    enum pw_param_kind kind;
    int rank; int64_t shape[4];
    int64_t n;                          /* product of shape */
    real *w;                            /* the weights: the set's, or borrowed from a file when `mapped` */
    bool mapped;
    real *g;                            /* NULL outside training, and for PW_CONST */
    int64_t groups;                     /* slices along the first axis that a step may leave alone: rows of a PW_TABLE,
                                           experts (a PW_MATRIX of rank 3); else 1 */
    uint8_t *touched;                   /* [groups] set by the backward pass of this step where groups > 1; g of an
                                           untouched group is not read */
    real lr_scale;                      /* times the run's learning rate; 1 unless the owner says otherwise */
    bool frozen;                        /* no gradient is computed, nothing moves */
};

/* closed: the set came from a file and is whole: declaring a name that is not in it is an error. */
struct pw_params { struct pw_param **list; int n, cap; struct pw_map *names; uint64_t seed; bool closed; };

struct pw_params *pw_params_new(uint64_t seed);
void pw_params_free(struct pw_params *set);
struct pw_param *pw_params_find(const struct pw_params *set, const char *name);

/* How a new tensor starts. */
enum pw_init { PW_ZEROS, PW_ONES, PW_NORMAL, PW_UNIFORM };
/* Declares a tensor by name (printf-like last, so that layers can number theirs): made and started by a random stream
   keyed by (set->seed, name), or found, when a file brought it or another task declared it before, and its shape
   checked (PWY_E_FORMAT). `spread` is the standard deviation or half-width. shape: rank numbers, 1 to 4 of them. */
pwy_status pw_param_declare(struct pw_params *set, enum pw_param_kind kind, enum pw_init init, double spread, int rank,
                            const int64_t *shape, struct pw_param **out, const char *name, ...)
    __attribute__((format(printf, 8, 9)));
#define PW_SHAPE(...) ((const int64_t[]){__VA_ARGS__})
/* Puts a file's tensor into the set, for a later declaration to find; its kind comes with that. w: mapped (it must
   outlive the set), or from pw_calloc and then taken, also on failure. A name that is there already, a rank outside
   1..4 or a negative size: PWY_E_FORMAT. */
pwy_status pw_params_bring(struct pw_params *set, const char *name, int rank, const int64_t *shape, real *w,
                           bool mapped);
void pw_param_touch(struct pw_param *p, int64_t group);            /* the first in a step zeroes its gradient */
/* Gradients for all but PW_CONST, and weights of their own for what was mapped. Again: for what is new. */
pwy_status pw_params_start_training(struct pw_params *set);
void pw_params_zero_grad(struct pw_params *set);                   /* one-group gradients to 0, touches off */
static inline bool pw_trains(const struct pw_param *p) { return p->g != NULL && !p->frozen; }
#endif

/* Parameters: named tensors, what the optimizer may do with each, and where a step leaves its gradient. */
#ifndef PW_PARAM_H
#define PW_PARAM_H
#include <stdbool.h>
#include <stdint.h>
#include "base/mem.h"
#include "base/real.h"
#include "kern/kern.h"

enum pw_param_kind {
    PW_MATRIX,                          /* decayed */
    PW_VECTOR,                          /* gains, biases, embeddings of tasks and positions: not decayed */
    PW_TABLE,                       /* many rows, of which a step touches few: row-sparse Adam, own rate, no decay */
    PW_CONST                            /* fitted, never trained: quantiles, idf, kernels' biases, trees */
};

/* One expert of an expert tensor (PW_MATRIX of rank 3, (expert, in, out)): memory of its own, so that what a run costs
   follows the experts that it reaches. In a file the experts of a tensor stand end to end. */
struct pw_slice {
    real *w;                            /* (in, out): `own`, or a piece of the tensor that a file brought */
    real *g;                            /* NULL until a step first touches it */
    bool own;                           /* w is an allocation of this slice's */
    bool locked;                        /* sealed: no gradient, no moments, never written */
    bool touched;                       /* by the backward pass of this step; else g is not read */
};

/* Matrices (groups, k, n) packed (kern.h), a group behind the other; at NULL: none. */
struct pw_packed { enum pw_form store; const void *at; const real *scale; void *own; real *own_scale; };

struct pw_exec;
struct pw_param;
/* Who owes sleeping experts the steps that they missed: asked for those that a training pass is about to read, n of
   them, ascending. */
struct pw_waker { pwy_status (*wake)(struct pw_waker *w, struct pw_exec *x, const struct pw_param *p,
    const int32_t *expert, int n); };

struct pw_param {
    char *name;                         /* "trunk.0.attn.qkv", "task.spam.head.w" */
    enum pw_param_kind kind;
    int rank; int64_t shape[4];
    int64_t n;                          /* product of shape */
    real *w;                            /* the weights: the set's, or borrowed when `mapped`; NULL where there are
                                           slices */
    bool mapped;                        /* what was brought is read-only: copied before it is first written */
    real *g;                            /* NULL outside training, for PW_CONST, and where there are slices */
    int64_t groups;                     /* along the first axis, what a step may leave alone: rows of a PW_TABLE,
                                           experts; else 1 */
    uint8_t *touched;                   /* [groups] of a PW_TABLE: set by the backward pass of this step; g of an
                                           untouched row is not read */
    struct pw_slice *slice;             /* [groups] of an expert tensor; else NULL */
    real *brought;                      /* the whole tensor that slices which are not their own lie in; else NULL */
    struct pw_packed packed;            /* the same weights, for inference: then w is NULL, and nothing trains */
    real lr_scale;                      /* times the run's learning rate; 1 unless the owner says otherwise */
    struct pw_waker *waker;             /* of an expert tensor in training: the optimizer; else NULL */
    bool training;                      /* pw_params_start_training was here */
    bool frozen;                        /* no gradient is computed, nothing moves */
    bool locked;                        /* sealed: as frozen, and no gradient is allocated; set before training
                                           starts */
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
/* The same of packed matrices, shape (k, n) or (group, k, n) with n filled up to whole panels; takes what packed owns,
   also on failure. */
pwy_status pw_params_bring_packed(struct pw_params *set, const char *name, int rank, const int64_t *shape,
                                  struct pw_packed packed);
/* The same of experts that lie apart: slice [shape[0]], each mapped. */
pwy_status pw_params_bring_slices(struct pw_params *set, const char *name, int rank, const int64_t *shape,
                                  real *const *slice);
/* A parameter by the weights of `from`, another set's, which must outlive this one: read-only here, experts by the
   slice. Locks are not taken along. */
pwy_status pw_params_borrow(struct pw_params *set, const struct pw_param *from);
pwy_status pw_params_borrow_as(struct pw_params *set, const struct pw_param *from, const char *name);
/* Of an expert tensor, those that keep [groups] says; the others move up. */
pwy_status pw_params_borrow_some(struct pw_params *set, const struct pw_param *from, const bool *keep);
/* The same, but what `from` owns is copied: only what `from` borrows itself must outlive this set. */
pwy_status pw_params_copy(struct pw_params *set, const struct pw_param *from);
/* Of a matrix (rows, n) or a vector (n) the columns `keep` (n), ascending; its gradient, if it has one, is zeros. */
pwy_status pw_param_keep_columns(struct pw_param *p, const int32_t *keep, int n);
/* Copies the columns `keep` (n) of from (rows, width) to `to` (rows, n). */
void pw_copy_columns(int64_t rows, int64_t width, const real *from, const int32_t *keep, int n, real *to);
/* n more experts of an expert tensor, zeros. */
pwy_status pw_param_grow(struct pw_param *p, int n);
/* Of an expert tensor those whose id [groups] is not below 0; the others move up. */
void pw_param_keep_groups(struct pw_param *p, const int32_t *id);
void pw_param_touch(struct pw_param *p, int64_t row);       /* of a table; the first in a step zeroes its gradient */
/* An expert's gradient is about to be added to: makes what there is not yet, its gradient and weights that may be
   written. *first: nothing was added to it in this step, g holds rubbish. Not on the pool. */
pwy_status pw_slice_touch(struct pw_param *p, int64_t e, bool *first);
/* Weights of its own for an expert whose were borrowed: before they are first written. */
pwy_status pw_slice_own(const struct pw_param *p, int64_t e);
/* What trains becomes ready for it: gradients, and weights of its own for what was mapped; experts when they are first
   touched. Again: for what is new. */
pwy_status pw_params_start_training(struct pw_params *set);
void pw_params_zero_grad(struct pw_params *set);                   /* one-group gradients to 0, touches off */
struct pw_params_bytes { int64_t weights, gradients; };            /* allocated; what is borrowed is not counted */
struct pw_params_bytes pw_params_bytes(const struct pw_params *set);

/* Frees the weights that are the set's own: others take their place. */
void pw_param_drop(struct pw_param *p);
/* packed.c: w (n, k), turned, packed as (k, n) into memory of its own. */
pwy_status pw_packed_turned(enum pw_form store, int64_t k, int64_t n, const real *w, struct pw_packed *out);
static inline struct pw_weights pw_packed_weights(const struct pw_packed *p)      /* of the first group */
{
    return (struct pw_weights){ p->store, p->at, p->scale };
}
/* Large pages where the system has them; free with free(). */
void *pw_take_pages(size_t size);
void pw_packed_free(struct pw_packed *packed);
/* Packs the weights of a matrix (k, n), or of matrices (group, k, n), and lets go of them as they were. */
pwy_status pw_param_pack(struct pw_param *p, enum pw_form store);
/* Whether a parameter of that name is packed: the matrices of the trunk, but for the routers. */
bool pw_packs(const char *name);
struct pw_weights pw_param_packed(const struct pw_param *p, int64_t group);
static inline bool pw_trains(const struct pw_param *p) { return p->training && !p->frozen && !p->locked; }
static inline bool pw_trains_group(const struct pw_param *p, int64_t e)
{
    return pw_trains(p) && (p->slice == NULL || !p->slice[e].locked);
}
static inline int64_t pw_param_group_size(const struct pw_param *p) { return p->groups > 0 ? p->n / p->groups : 0; }
/* The weights of an expert, or of a table's row. */
static inline real *pw_param_group(const struct pw_param *p, int64_t e)
{
    return p->slice != NULL ? p->slice[e].w : p->w + e * pw_param_group_size(p);
}
#endif

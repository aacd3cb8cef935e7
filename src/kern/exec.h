/* Where a computation runs: kernels, threads, memory for what it must keep, what it costs. Passed down to every
   layer. */
#ifndef PW_EXEC_H
#define PW_EXEC_H
#include "base/mem.h"
#include "base/real.h"
#include "base/rng.h"
#include "kern/kern.h"
#include "sys/pool.h"

struct pw_gemm_trace;                   /* a list of the products that ran, for `pathways bench` */

struct pw_tape;                         /* routes, kept or replayed: route/tape.h */
struct pw_record;                       /* where rows went: route/record.h */

struct pw_exec {
    const struct pw_kern *kern;
    struct pw_pool *pool;               /* NULL: the caller's thread alone */
    struct pw_arena *arena;             /* the step's activations; reset by the owner of the step */
    bool train;   /* keep what backward needs; products by `gemm`. Else by `product`, order fixed */
    bool bf16;    /* training: products marked so round their operands to bf16 and sum in floats */
    uint64_t seed, step;                /* keys of dropout and jitter; see pw_exec_rng */
    bool recompute;                     /* training: a trunk keeps its blocks' inputs alone and makes the rest again */
    /* training by several passes: routers' running shares are read as they are; the pass is to count for them; it is
       made another time, so that nothing else counts or records its tokens */
    bool hold, count, quiet;
    double portion;                     /* of the step's rows, those of this pass: losses by the row; 0: all */
    double dropout;                     /* training: rate on the trunk's residual branches; 0: off */
    /* inference: not 0: experts are permuted by this key, none left in its place: what is routing worth? */
    int64_t shuffle;
    double flops;                       /* counted by the products: 2 m n k each */
    struct pw_gemm_trace *trace;        /* NULL: not recorded */
    struct pw_tape *tape;               /* NULL: routes are not kept */
    struct pw_record *record;           /* NULL: not counted */
    struct pw_usage *usage;             /* NULL: gates are not summed up */
};
/* keyed by seed, step, what, index */
struct pw_rng pw_exec_rng(const struct pw_exec *x, const char *what, uint64_t index);

/* Runs fn over the items on the pool, or here. */
void pw_exec_run(const struct pw_exec *x, int items, pw_item_fn fn, void *arg);

/* One product C (m, n) = op(A) op(B) + beta C (beta 0 or 1), row-major. bf16: rounded operands will do, where x asks
   for them: the large products of the trunk and the vocabulary; not the router's, whose choices hang on small
   differences. */
struct pw_product { bool ta, tb; int m, n, k; const real *a; int lda; const real *b; int ldb; real beta; real *c;
    int ldc; bool bf16; };
/* Runs independent products, cut into tiles by their shapes alone, longest first. m, n or k may be 0 (k 0 with beta 0:
   C = 0). In training by `gemm`; at inference by `product`. Adds to x->flops. PWY_E_NOMEM only. */
pwy_status pw_products(struct pw_exec *x, const struct pw_product *list, int n);
/* The three of a linear layer y (rows, n) = x (rows, k) W (k, n): forward (add: y +=), dx += dy W^T, dW += x^T dy.
   pw_linear_bf16 is pw_linear in bf16 where x asks for it. */
pwy_status pw_linear(struct pw_exec *x, int rows, int k, int n, const real *in, const real *w, real *out, bool add);
pwy_status pw_linear_bf16(struct pw_exec *x, int rows, int k, int n, const real *in, const real *w, real *out,
                          bool add);
pwy_status pw_linear_dx(struct pw_exec *x, int rows, int k, int n, const real *dout, const real *w, real *din,
                        bool add);
pwy_status pw_linear_dw(struct pw_exec *x, int rows, int k, int n, const real *in, const real *dout, real *dw);

/* Inference: products y (rows, n) = or += x (rows, k) W (k, n) with packed weights, all independent, cut into whole
   panels and blocks of rows. Adds to x->flops. PWY_E_NOMEM only. */
struct pw_packed_product { int rows, k, n; const real *in; struct pw_weights w; real *out; bool add; };
pwy_status pw_packed_products(struct pw_exec *x, const struct pw_packed_product *list, int n);

/* The trace: shapes in order; replay runs each once by the same kernels on scratch memory and returns seconds. */
struct pw_gemm_trace *pw_trace_new(void);
void pw_trace_free(struct pw_gemm_trace *trace);
/* pw_products does; a list stays together */
pwy_status pw_trace_record(struct pw_gemm_trace *trace, const struct pw_product *list, int n);
void pw_trace_clear(struct pw_gemm_trace *trace);
pwy_status pw_trace_replay(struct pw_exec *x, const struct pw_gemm_trace *trace, double *seconds, double *flops);
/* The same products by one multi-threaded OpenBLAS call each: what the library itself would reach. */
pwy_status pw_trace_replay_blas(const struct pw_gemm_trace *trace, int threads, double *seconds);
#endif

/* The table of kernels: the inner loops that everything above is made of, each a plain loop over contiguous memory,
   compiled once for every instruction set from one source. All variants give the same bits: no sum depends on the
   width of a register. Chosen at run time; PATHWAYS_KERNELS=reference|avx2|avx512|avx512bf16|amx|blas|onednn
   forces one (blas, onednn: the best loops here, but the products of training by OpenBLAS or oneDNN).

   Order of sums: `matmul` has one chain of fused multiply-adds in the order of k for each output; `sum`, `dot` and
   `max` have 16 lanes (element i goes to lane i % 16), folded 8, 4, 2, 1. exp and its like are ours, of multiply-adds
   only. */
#ifndef PW_KERN_H
#define PW_KERN_H
#include <stdbool.h>
#include <stdint.h>
#include "base/real.h"
#include "base/error.h"

/* Weights packed for inference: a matrix (k, n) as panels of PW_PANEL columns, each (k, PW_PANEL) and one behind the
   other; the last is filled up with zeros. Numbers; the upper halves of floats; or whole numbers -127 .. 127, each
   standing for itself times its column's scale, rounded to a float. */
enum { PW_PANEL = 32 };
enum pw_form { PW_AS_REAL, PW_AS_BF16, PW_AS_I8 };
struct pw_weights { enum pw_form store; const void *at; const real *scale; };     /* scale: of whole panels */

/* One operand of a product C = op(A) op(B), where it stands: lines are the rows of C (A) or its columns (right: B).
   along: a line's k numbers lie end to end and lines are ld apart; else numbers of one k do and k are ld apart. */
struct pw_operand { const real *at; int ld, lines, k; bool along, right; };

/* Products of bf16 whose operands are rounded and packed once, for all tiles of C: panels of PW_PANEL lines, each all
   of k up to a multiple of PW_PANEL, and one behind the other; zeros fill up both. */
struct pw_panels {
    /* Lines `line` up to `line + lines` and their k from p, depth of them: firsts are multiples of PW_PANEL, and so are
       counts but at the ends. `out` is of the whole operand, at a multiple of 64 bytes. */
    void (*pack)(const struct pw_operand *x, int line, int lines, int p, int depth, uint16_t *out);
    /* C (m, n) = or += the panels from a by those from b, k > 0. An output's bits depend on its row and column only. */
    void (*multiply)(int m, int n, int k, const uint16_t *a, const uint16_t *b, bool add, real *c, int ldc);
};

struct pw_kern {
    const char *name;                                               /* "reference", "avx2": choose.c has them all */
    /* y (rows, n) = x (rows, k) w (k, n), or += when add. Row strides ldx, ldw, ldy. Own kernel: bitwise independent
       of rows, tiles, instruction set. */
    void (*matmul)(int rows, int n, int k, const real *x, int ldx, const real *w, int ldw, real *y, int ldy, bool add);
    /* C (m, n) = op(A) op(B) + beta C, row-major, on the calling thread alone; op transposes when ta, tb; beta 0 never
       reads C. Own kernel: the chain of matmul, begun with beta C. */
    void (*product)(bool ta, bool tb, int m, int n, int k, const real *a, int lda, const real *b, int ldb, real beta,
                    real *c, int ldc);
    /* The same, for training: `product`, or BLAS in the table "blas". */
    void (*gemm)(bool ta, bool tb, int m, int n, int k, const real *a, int lda, const real *b, int ldb, real beta,
                 real *c, int ldc);
    /* The same of bf16 operands, sums in floats: bits as those of `product` over the same numbers as floats, but
       for avx512bf16 and onednn, which add in other ways. NULL where `panels` do it. */
    void (*gemm_bf16)(bool ta, bool tb, int m, int n, int k, const uint16_t *a, int lda, const uint16_t *b, int ldb,
                      real beta, real *c, int ldc);
    const struct pw_panels *panels;                                 /* NULL: products by gemm_bf16 */
    /* y (rows, n) = or += x (rows, k) w (k, n), w packed: matmul's chains over what the weights stand for. */
    void (*linear)(int rows, int n, int k, const real *x, int ldx, struct pw_weights w, real *y, int ldy, bool add);
    /* y (cols, rows) = x (rows, cols) transposed */
    void (*transpose)(int rows, int cols, const real *x, int ldx, real *y, int ldy);
    real (*sum)(int n, const real *x);
    real (*dot)(int n, const real *x, const real *y);
    real (*max)(int n, const real *x);                              /* -inf for nothing; passes over NaN */
    void (*axpy)(int n, real a, const real *x, real *y);            /* y += a x */
    void (*scale)(int n, real a, real *x);                          /* x *= a */
    void (*add)(int n, const real *x, real *y);                     /* y += x */
    void (*mul)(int n, const real *x, const real *y, real *out);
    void (*exp)(int n, const real *x, real *out);
    void (*log)(int n, const real *x, real *out);
    void (*sigmoid)(int n, const real *x, real *out);
    void (*relu)(int n, const real *x, real *out);
    /* To and from bfloat16, the upper half of a float: to the nearest, ties to even; a NaN stays one. */
    void (*to_bf16)(int n, const real *x, uint16_t *out);
    void (*from_bf16)(int n, const uint16_t *x, real *out);
    /* of scale * x, in place allowed, n >= 1. A NaN in x makes all NaN */
    void (*softmax)(int n, const real *x, real scale, real *out);
    void (*swiglu)(int n, const real *a, const real *b, real *out);   /* silu(a) b */
    void (*swiglu_back)(int n, const real *a, const real *b, const real *dout, real *da, real *db);   /* da, db = */
    /* One AdamW pass (Loshchilov and Hutter 2019). lr, corrections and decay already folded: m = b1 m + (1-b1) g s; v
       likewise; w -= step (m / (sqrt(v) c2 + eps)) + decay w. */
    void (*adamw)(int n, real *w, const real *g, real *m, real *v, real gscale, real b1, real b2, real step, real c2,
                  real eps, real decay);
    /* The AdamW steps without a gradient that m, v and w missed, `nodes` stretches of them at once: w = keep w - sum
       over stretches of a (m / (sqrt(v) q + eps)), then m *= b1, v *= b2, the powers for all steps. */
    void (*adamw_missed)(int n, real *w, real *m, real *v, int nodes, const real *a, const real *q, real keep, real b1,
                         real b2, real eps);
};

/* pack.c: of one weight; of a packed matrix without its scales; and how many scales it has. */
int pw_form_size(enum pw_form store);
int64_t pw_packed_size(enum pw_form store, int64_t k, int64_t n);
int64_t pw_packed_width(int64_t n);                                 /* n, filled up to whole panels */
/* Packs w (k, n), or w (n, k) when `turned`, into out and, for PW_AS_I8, scale (pw_packed_width): the greatest of a
   column / 127. */
void pw_pack(enum pw_form store, int64_t k, int64_t n, const real *w, bool turned, void *out, real *scale);
/* What weight (p, j) of a packed matrix of k rows stands for. */
real pw_packed_at(struct pw_weights w, int64_t k, int64_t p, int64_t j);

/* The table that fits this processor, or the one that `force` names (NULL: the environment's PATHWAYS_KERNELS, else
   the best). An unknown or impossible name is an error that lists those possible here. */
pwy_status pw_kern_choose(const char *force, const struct pw_kern **out);
/* The tables of this build and processor, ended by NULL: tests compare them all. */
const struct pw_kern *const *pw_kern_all(void);
/* By what: "widening" (the same bits on every processor), "avx512bf16", "amx", or oneDNN's name of the instruction
   set. */
const char *pw_kern_bf16_by(const struct pw_kern *kern);

/* OpenBLAS has no setting per thread: the first of our calls in sets one thread, the last out puts back what it found.
   Nests; any thread. */
void pw_blas_enter(void);
void pw_blas_leave(void);
#endif

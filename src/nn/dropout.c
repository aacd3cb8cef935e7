/* Inverted dropout (Srivastava et al. 2014) with a mask that is never stored. */
#include "nn/nn.h"

enum { BLOCK = 8192 };                  /* numbers of an item: two a draw of 32 bits */

struct job { const struct pw_exec *x; const char *what; int64_t n; uint32_t dropped; real scale; real *inout; };

static void drop_block(void *arg, int block, int worker)
{
    const struct job *j = arg;
    int64_t first = (int64_t)block * BLOCK, end = first + BLOCK < j->n ? first + BLOCK : j->n;
    struct pw_rng rng = pw_exec_rng(j->x, j->what, (uint64_t)block);
    uint32_t bits = 0;
    (void)worker;
    for (int64_t i = first; i < end; i++) {
        bits = (i - first) % 2 == 0 ? pw_rng_u32(&rng) : bits >> 16;
        j->inout[i] *= (bits & 0xffff) < j->dropped ? 0 : j->scale;
    }
}

void pw_dropout(struct pw_exec *x, const char *what, int64_t n, double rate, real *inout)
{
    if (!x->train || !(rate > 0))
        return;
    uint32_t dropped = (uint32_t)(rate * 65536 + .5);
    real scale = dropped < 65536 ? (real)(65536. / (65536 - dropped)) : 0;
    struct job job = { x, what, n, dropped, scale, inout };
    pw_exec_run(x, (int)((n + BLOCK - 1) / BLOCK), drop_block, &job);
}

/* How fast the machine reads: what no decoding of a model larger than the caches can beat. */
#include "train/bench.h"
#include "base/num.h"
#include "train/train.h"
#include <stdlib.h>
#include <string.h>

enum { CHUNK = 1 << 20 };               /* bytes of one item */
static const size_t SIZE = (size_t)256 << 20;

struct reading { const struct pw_exec *x; const char *at; real *sum; };

static void read_chunk(void *arg, int item, int worker)
{
    const struct reading *r = arg;
    (void)worker;
    r->sum[item] = r->x->kern->sum((int)(CHUNK / sizeof(real)),
                                   (const real *)(const void *)(r->at + (size_t)item * CHUNK));
}

pwy_status pw_bench_memory(void **out)
{
    PW_NEED(*out = pw_take_pages(SIZE));
    memset(*out, 0, SIZE);
    return PWY_OK;
}

pwy_status pw_bench_read(struct pw_exec *x, const void *memory, double *bytes_per_second)
{
    size_t items = SIZE / CHUNK, mark = pw_arena_mark(x->arena);
    struct reading r = {x, memory, pw_arena_take(x->arena, items, sizeof(real))};
    PW_NEED(r.sum);
    double start = pw_clock();
    pw_exec_run(x, (int)items, read_chunk, &r);
    *bytes_per_second = (double)SIZE / (pw_clock() - start);
    pw_arena_release(x->arena, mark);
    return PWY_OK;
}

/* Of a matrix of the trunk: all of it, or of experts the k that a token meets. */
static double bytes_of(const struct pw_param *p, int64_t topk)
{
    bool experts = p->rank == 3;
    int64_t k = p->shape[experts], n = p->shape[experts + 1], scales = p->packed.scale != NULL ? pw_packed_width(n) : 0;
    double one = (double)pw_packed_size(p->packed.store, k, n) + (double)scales * (double)sizeof(real);
    return one * (double)(experts ? topk : 1);
}

double pw_bench_token_bytes(const struct pw_params *params, int64_t topk, int64_t d, int64_t vocab, enum pw_form form)
{
    double sum = (double)pw_packed_size(form, d, vocab) + (form == PW_AS_I8 ? (double)vocab * (double)sizeof(real) : 0);
    for (int i = 0; i < params->n; i++) {
        const struct pw_param *p = params->list[i];
        if (p->packed.at != NULL) sum += bytes_of(p, topk);
        else if (pw_trunk_owns(p->name)) sum += (double)p->n * (double)sizeof(real);
    }
    return sum;
}

/* The products of a step, recorded, so that they can run again by themselves: what the step could take at best. */
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "kern/exec.h"
#include "kern/tables.h"

struct shape { bool ta, tb, bf16, last; int m, n, k; real beta; };  /* last: the list that ran together ends here */
struct pw_gemm_trace { struct shape *shapes; size_t n, cap; };

struct pw_gemm_trace *pw_trace_new(void)
{
    return pw_calloc(1, sizeof(struct pw_gemm_trace));
}

void pw_trace_free(struct pw_gemm_trace *trace)
{
    if (trace == NULL)
        return;
    free(trace->shapes);
    free(trace);
}

void pw_trace_clear(struct pw_gemm_trace *trace)
{
    trace->n = 0;
}

static pwy_status reserve(struct pw_gemm_trace *trace, size_t n)
{
    if (trace->n + n <= trace->cap)
        return PWY_OK;
    size_t cap = 2 * trace->cap > trace->n + n ? 2 * trace->cap : trace->n + n + 64;
    struct shape *shapes = pw_realloc(trace->shapes, cap, sizeof *shapes);
    PW_NEED(shapes);
    trace->shapes = shapes;
    trace->cap = cap;
    return PWY_OK;
}

pwy_status pw_trace_record(struct pw_gemm_trace *trace, const struct pw_product *list, int n)
{
    PW_TRY(reserve(trace, n));
    for (int i = 0; i < n; i++) {
        const struct pw_product *p = &list[i];
        trace->shapes[trace->n++] = (struct shape){ p->ta, p->tb, p->bf16, i + 1 == n, p->m, p->n, p->k, p->beta };
    }
    return PWY_OK;
}

static size_t list_len(const struct pw_gemm_trace *trace, size_t first)
{
    size_t end = first;
    while (!trace->shapes[end].last)
        end++;
    return end + 1 - first;
}

/* Room for m x n numbers, kept apart by cache lines. */
static size_t room(int m, int n)
{
    return ((size_t)m * n + 15) / 16 * 16;
}

static size_t list_room(const struct shape *s, size_t n)
{
    size_t sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += room(s[i].m, s[i].k) + room(s[i].k, s[i].n) + room(s[i].m, s[i].n);
    return sum;
}

/* The numbers that every list of the trace finds its matrices in, and a list of the longest length. */
struct scratch { real *data; struct pw_product *list; };

static void scratch_free(struct scratch *s)
{
    free(s->data);
    free(s->list);
}

static pwy_status scratch_make(const struct pw_gemm_trace *trace, struct scratch *out)
{
    size_t len = 1, longest = 1;
    for (size_t i = 0; i < trace->n; i += list_len(trace, i)) {
        size_t n = list_len(trace, i), need = list_room(trace->shapes + i, n);
        len = need > len ? need : len;
        longest = n > longest ? n : longest;
    }
    struct scratch s = { pw_calloc(len, sizeof *s.data), pw_calloc(longest, sizeof *s.list) };
    if (s.data == NULL || s.list == NULL) {
        scratch_free(&s);
        return PWY_E_NOMEM;
    }
    for (size_t i = 0; i < len; i++)
        s.data[i] = (real)((uint32_t)i * 2654435761u >> 8) * (real)0x1p-24 - (real).5;
    *out = s;
    return PWY_OK;
}

/* The n products of the shapes, laid one behind the other in the scratch. */
static void lay(struct scratch *scratch, const struct shape *s, size_t n)
{
    real *at = scratch->data;
    for (size_t i = 0; i < n; i++, s++) {
        real *a = at, *b = a + room(s->m, s->k), *c = b + room(s->k, s->n);
        scratch->list[i] = (struct pw_product){ .ta = s->ta, .tb = s->tb, .m = s->m, .n = s->n, .k = s->k, .a = a,
            .lda = s->ta ? s->m : s->k, .b = b, .ldb = s->tb ? s->k : s->n, .beta = s->beta, .c = c, .ldc = s->n,
            .bf16 = s->bf16 };
        at = c + room(s->m, s->n);
    }
}

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static pwy_status replay(struct pw_exec *x, const struct pw_gemm_trace *trace, struct scratch *scratch)
{
    for (size_t i = 0, n; i < trace->n; i += n) {
        n = list_len(trace, i);
        lay(scratch, trace->shapes + i, n);
        PW_TRY(pw_products(x, scratch->list, (int)n));
    }
    return PWY_OK;
}

pwy_status pw_trace_replay(struct pw_exec *x, const struct pw_gemm_trace *trace, double *seconds, double *flops)
{
    struct scratch scratch;
    struct pw_exec alone = *x;
    alone.trace = NULL;
    alone.flops = 0;
    PW_TRY(scratch_make(trace, &scratch));
    pw_blas_enter();
    double start = now();
    pwy_status status = replay(&alone, trace, &scratch);
    double end = now();
    pw_blas_leave();
    scratch_free(&scratch);
    if (status != PWY_OK)
        return status;
    *seconds = end - start;
    *flops = alone.flops;
    return PWY_OK;
}

pwy_status pw_trace_replay_blas(const struct pw_gemm_trace *trace, int threads, double *seconds)
{
    struct scratch scratch;
    PW_TRY(scratch_make(trace, &scratch));
    int found = pw_blas_threads(threads);
    double start = now();
    for (size_t i = 0, n; i < trace->n; i += n) {
        n = list_len(trace, i);
        lay(&scratch, trace->shapes + i, n);
        for (size_t j = 0; j < n; j++) {
            const struct pw_product *p = &scratch.list[j];
            pw_gemm_blas(p->ta, p->tb, p->m, p->n, p->k, p->a, p->lda, p->b, p->ldb, p->beta, p->c, p->ldc);
        }
    }
    *seconds = now() - start;
    pw_blas_threads(found);
    scratch_free(&scratch);
    return PWY_OK;
}

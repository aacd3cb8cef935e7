/* The rate of the kernels, by themselves: our matmul and the cut products against OpenBLAS, in GFLOP/s.
   bench/kern [threads [kernels]]: threads 2 unless said. The best of several runs each. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "kern/exec.h"

struct shape { const char *what; int count, m, n, k; bool ta, tb; };

static const struct shape shapes[] = {
    { "qkv", 1, 4096, 768, 256, false, false },
    { "qkv dx", 1, 4096, 256, 768, false, true },
    { "qkv dW", 1, 256, 768, 4096, true, false },
    { "logits", 1, 4096, 8192, 256, false, true },
    { "logits dW", 1, 8192, 256, 4096, true, false },
    { "experts up", 16, 512, 1024, 256, false, false },
    { "experts down", 16, 512, 256, 512, false, false },
    { "experts dx", 16, 512, 256, 1024, false, true },
    { "experts dW", 16, 256, 1024, 512, true, false },
    { "scores", 256, 128, 128, 32, false, true },
    { "mix", 256, 128, 32, 128, false, false },
    { "router", 1, 4096, 16, 256, false, false },
    { "one row", 1, 1, 768, 256, false, false },
    { "one row logits", 1, 1, 8192, 256, false, true },
    { "16 rows", 1, 16, 768, 256, false, false },
};

enum { REPEATS = 7 };

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static double least(double a, double b)
{
    return b < a ? b : a;
}

/* matmul alone, on this thread: seconds for one product, transposed or not the same shape. */
static double time_matmul(const struct pw_kern *kern, const struct shape *s, real *data)
{
    real *a = data, *b = a + (size_t)s->m * s->k, *c = b + (size_t)s->k * s->n;
    int inner = 1 + (int)(2e7 / (2.0 * s->m * s->n * s->k));
    double best = 1e9;
    for (int r = 0; r < REPEATS; r++) {
        double start = now();
        for (int i = 0; i < inner; i++)
            kern->matmul(s->m, s->n, s->k, a, s->k, b, s->n, c, s->n, false);
        double took = (now() - start) / inner;
        best = least(best, took);
    }
    return best;
}

/* The list, recorded `inner` times. */
static struct pw_gemm_trace *make_trace(const struct shape *s, int inner)
{
    struct pw_gemm_trace *trace = pw_trace_new();
    struct pw_product *list = calloc(s->count, sizeof *list);
    for (int i = 0; list != NULL && i < s->count; i++)
        list[i] = (struct pw_product){ .ta = s->ta, .tb = s->tb, .m = s->m, .n = s->n, .k = s->k };
    for (int i = 0; trace != NULL && list != NULL && i < inner; i++)
        if (pw_trace_record(trace, list, s->count) != PWY_OK)
            break;
    free(list);
    return trace;
}

/* Seconds for prediction, training and OpenBLAS, taken in turns: other programs may run on the machine. */
static void time_products(struct pw_exec *x, const struct pw_gemm_trace *trace, int threads, double best[3])
{
    best[0] = best[1] = best[2] = 1e9;
    for (int r = 0; r < REPEATS; r++) {
        double seconds, flops;
        for (int train = 0; train < 2; train++) {
            x->train = train;
            if (pw_trace_replay(x, trace, &seconds, &flops) == PWY_OK)
                best[train] = least(best[train], seconds);
        }
        if (pw_trace_replay_blas(trace, threads, &seconds) == PWY_OK)
            best[2] = least(best[2], seconds);
    }
}

static void measure(struct pw_exec *x, const struct shape *s, int threads)
{
    double flops = 2.0 * s->count * s->m * s->n * s->k;
    int inner = 1 + (int)(5e7 / flops);
    size_t room = (size_t)s->m * s->k + (size_t)s->k * s->n + (size_t)s->m * s->n;
    real *data = pw_calloc(room, sizeof *data);
    struct pw_gemm_trace *trace = make_trace(s, inner);
    if (data == NULL || trace == NULL) {
        fprintf(stderr, "bench/kern: out of memory\n");
        exit(1);
    }
    double best[3], matmul = time_matmul(x->kern, s, data);
    time_products(x, trace, threads, best);
    printf("%-14s %4d x %5d %5d %5d %c%c", s->what, s->count, s->m, s->n, s->k, s->ta ? 't' : 'n', s->tb ? 't' : 'n');
    printf(" %9.1f", flops / s->count / matmul * 1e-9);
    for (int i = 0; i < 3; i++)
        printf(" %9.1f", flops * inner / best[i] * 1e-9);
    printf(" %9.2f\n", best[1] / best[2]);
    pw_trace_free(trace);
    free(data);
}

int main(int argc, char **argv)
{
    int threads = argc > 1 ? atoi(argv[1]) : 2;
    struct pw_exec x = { .arena = pw_arena_new() };
    if (x.arena == NULL || pw_kern_choose(argc > 2 ? argv[2] : NULL, &x.kern) != PWY_OK ||
        pw_pool_new(threads, &x.pool) != PWY_OK) {
        fprintf(stderr, "bench/kern: %s\n", pwy_error_message());
        return 1;
    }
    printf("kernels %s, %d threads, GFLOP/s\n", x.kern->name, threads);
    printf("%-14s %-25s %9s %9s %9s %9s %9s\n", "", "count x m n k", "matmul/1", "predict", "train",
           "blas", "train/blas");
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
        measure(&x, &shapes[i], threads);
    pw_pool_free(x.pool);
    pw_arena_free(x.arena);
    return 0;
}

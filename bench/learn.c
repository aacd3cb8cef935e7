/* What an example costs that is learned by doing: the rows of a recipe's training split are taught one by one to a model,
   and the milliseconds and the resident memory that each takes are shown for the first, a tenth of the way, and the last.

     bench/learn MODEL RECIPE TASK [EXAMPLES [DATA]] */
#include <pathways/media.h>
#include <pathways/pathways.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

enum { SHOWN = 100 };                   /* examples that a median goes over */

static double now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return 1e3 * (double)t.tv_sec + 1e-6 * (double)t.tv_nsec;
}

static long resident_kib(void)
{
    long pages = 0;
    FILE *f = fopen("/proc/self/statm", "r");
    if (f != NULL && fscanf(f, "%*d %ld", &pages) != 1) pages = 0;
    if (f != NULL) fclose(f);
    return pages * (sysconf(_SC_PAGESIZE) / 1024);
}

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void show(double *ms, long at)
{
    qsort(ms, SHOWN, sizeof *ms, ascending);
    printf("examples %ld to %ld: median %.3f ms, slowest %.3f ms; resident %ld KiB\n", at - SHOWN + 1, at, ms[SHOWN / 2],
           ms[SHOWN - 1], resident_kib());
}

static pwy_status teach(pwy_trainer *t, const char *task, pwy_source *rows, pwy_example *ex, long examples)
{
    double ms[SHOWN];
    for (long i = 0; i < examples; i++) {
        pwy_status status = pwy_source_read(rows, i % pwy_source_count(rows), ex);
        double start = now_ms();
        if (status == PWY_OK) status = pwy_trainer_learn(t, task, ex);
        if (status != PWY_OK) return status;
        ms[i % SHOWN] = now_ms() - start;
        bool tenth = i + 1 > SHOWN && i + 1 == examples / 10, last = i + 1 >= SHOWN && i + 1 == examples;
        if (i + 1 == SHOWN || tenth || last) show(ms, i + 1);
    }
    return PWY_OK;
}

struct opened { pwy_context *ctx; pwy_options *data; pwy_recipe *recipe; pwy_model *model, *with; pwy_trainer *trainer; };

static pwy_status open_all(struct opened *o, char **argv, const char *data)
{
    pwy_status status = pwy_context_new(NULL, &o->ctx);
    if (status == PWY_OK) status = pwy_media_register(o->ctx);
    if (status == PWY_OK) status = pwy_options_new(&o->data);
    if (status == PWY_OK && data != NULL) status = pwy_options_set(o->data, "data", data);
    if (status == PWY_OK) status = pwy_recipe_open(o->ctx, argv[2], o->data, &o->recipe);
    if (status == PWY_OK) status = pwy_model_open(o->ctx, argv[1], &o->model);
    if (status == PWY_OK) status = pwy_model_with_sources(o->model, pwy_recipe_registry(o->recipe), &o->with);
    return status == PWY_OK ? pwy_trainer_new(o->with, NULL, &o->trainer) : status;
}

static void close_all(struct opened *o)
{
    pwy_trainer_free(o->trainer);
    pwy_model_free(o->with);
    pwy_model_free(o->model);
    pwy_recipe_free(o->recipe);
    pwy_options_free(o->data);
    pwy_context_free(o->ctx);
}

static pwy_status run(struct opened *o, const char *name, long examples)
{
    pwy_task *task;
    pwy_source *rows;
    pwy_example *ex;
    pwy_status status = pwy_registry_find(pwy_recipe_registry(o->recipe), name, &task);
    if (status == PWY_OK) status = pwy_task_get_source(task, PWY_TRAIN, &rows);
    if (status == PWY_OK) status = pwy_example_new(&ex);
    if (status != PWY_OK) return status;
    status = teach(o->trainer, name, rows, ex, examples);
    pwy_example_free(ex);
    return status;
}

int main(int argc, char **argv)
{
    struct opened o = {0};
    long examples = argc > 4 ? atol(argv[4]) : 10 * SHOWN;
    if (argc < 4 || examples < SHOWN) return fprintf(stderr, "usage: learn MODEL RECIPE TASK [EXAMPLES [DATA]]\n"), 2;
    pwy_status status = open_all(&o, argv, argc > 5 ? argv[5] : NULL);
    if (status == PWY_OK) status = run(&o, argv[3], examples);
    if (status != PWY_OK) fprintf(stderr, "learn: %s\n", pwy_error_message());
    close_all(&o);
    return status == PWY_OK ? 0 : 1;
}

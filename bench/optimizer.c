/* bench/optimizer EXPERTS THREADS [adafactor]: one update of all experts of a layer (256 wide, 512 hidden), beside what it
   must move at the speed at which this machine copies memory. Medians of nine, taken in turn. */
#include "train/train.h"
#include <stdio.h>
#include <stdlib.h>

enum { TURNS = 9, WARM = 2 };

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static pwy_status touch_all(struct pw_params *set, bool fill)
{
    bool first;
    pw_params_zero_grad(set);
    for (int i = 0; i < set->n; i++)
        for (int64_t e = 0; e < set->list[i]->groups; e++) {
            struct pw_slice *s = &set->list[i]->slice[e];
            PW_TRY(pw_slice_touch(set->list[i], e, &first));
            for (int64_t k = 0; fill && k < pw_param_group_size(set->list[i]); k++) s->g[k] = (real)(1e-3 * (double)(k % 7));
        }
    return PWY_OK;
}

static pwy_status measure(struct pw_exec *x, struct pw_params *set, bool adafactor, double *step, double *bound)
{
    struct pw_adamw a = {.b1 = .9, .b2 = .98, .eps = 1e-8, .decay = .05, .clip = 1, .adafactor = adafactor};
    pwy_status status = pw_adamw_open(&a, set);
    for (int i = 0; status == PWY_OK && i < WARM + TURNS; i++) {
        double norm, speed = 1, start, *at = &step[i < WARM ? 0 : i - WARM];
        pw_arena_reset(x->arena);
        status = touch_all(set, i == 0);
        start = pw_clock();
        if (status == PWY_OK) status = pw_adamw_step(&a, x, 1e-3, i + 1, &norm);
        *at = pw_clock() - start;
        if (status == PWY_OK) status = pw_copy_speed(x, &speed);
        bound[at - step] = pw_adamw_traffic(&a) / speed;
    }
    pw_adamw_close(&a);
    return status;
}

static pwy_status run(int experts, int threads, bool adafactor)
{
    struct pw_exec x = {.train = true};
    struct pw_params *set = pw_params_new(1);
    struct pw_param *w13, *w2;
    double step[TURNS], bound[TURNS];
    PW_NEED(set);
    PW_TRY(pw_kern_choose(NULL, &x.kern));
    PW_TRY(pw_pool_new(threads, &x.pool));
    PW_NEED(x.arena = pw_arena_new());
    PW_TRY(pw_param_declare(set, PW_MATRIX, PW_ZEROS, 0, 3, PW_SHAPE(experts, 256, 1024), &w13, "w13"));
    PW_TRY(pw_param_declare(set, PW_MATRIX, PW_ZEROS, 0, 3, PW_SHAPE(experts, 512, 256), &w2, "w2"));
    PW_TRY(pw_params_start_training(set));
    PW_TRY(measure(&x, set, adafactor, step, bound));
    qsort(step, TURNS, sizeof *step, by_value);
    qsort(bound, TURNS, sizeof *bound, by_value);
    printf("{\"optimizer\": \"%s\", \"experts\": %d, \"threads\": %d, \"ms\": %.2f, \"memory_bound_ms\": %.2f}\n",
           adafactor ? "adafactor" : "adamw", experts, threads, 1e3 * step[TURNS / 2], 1e3 * bound[TURNS / 2]);
    pw_params_free(set);
    pw_arena_free(x.arena);
    pw_pool_free(x.pool);
    return PWY_OK;
}

int main(int argc, char **argv)
{
    int experts = argc > 1 ? atoi(argv[1]) : 64, threads = argc > 2 ? atoi(argv[2]) : 2;
    if (experts > 0 && threads > 0 && run(experts, threads, argc > 3) == PWY_OK) return 0;
    fprintf(stderr, "%s\n", pwy_error_message());
    return 1;
}

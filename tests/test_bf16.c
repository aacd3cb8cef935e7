/* Products of rounded operands, in every table and on any threads; and runs that train by them. */
#include "train_rig.h"
#include "kern/exec.h"
#include "suite.h"

enum { MOST = 11 };

/* One is not marked. Of the last, two are so long that tiles on panels pack them in parts; two are deep. */
static const struct pw_product shapes[MOST] = {
    { .m = 300, .n = 500, .k = 128, .bf16 = true },
    { .tb = true, .m = 129, .n = 600, .k = 70, .beta = 1, .bf16 = true },
    { .ta = true, .m = 256, .n = 200, .k = 300, .beta = 1, .bf16 = true }, { .m = 1, .n = 820, .k = 201, .bf16 = true },
    { .m = 7, .n = 9, .k = 0, .beta = 1, .bf16 = true }, { .m = 40, .n = 30, .k = 50 },
    { .ta = true, .tb = true, .m = 33, .n = 35, .k = 37, .bf16 = true },
    { .m = 700, .n = 20, .k = 1000, .bf16 = true },
    { .tb = true, .m = 20, .n = 700, .k = 1000, .beta = 1, .bf16 = true },
    { .ta = true, .m = 300, .n = 270, .k = 1100, .bf16 = true },
    { .tb = true, .m = 270, .n = 40, .k = 2500, .bf16 = true } };

static real *numbers(size_t n, uint64_t seed)
{
    struct pw_rng rng = pw_rng_at(seed, 1, 0);
    real *x = pw_calloc(n + 1, sizeof *x);
    ck_assert_ptr_nonnull(x);
    for (size_t i = 0; i < n; i++) x[i] = (real)(pw_rng_uniform(&rng) - 0.5);
    return x;
}

static void fill(struct pw_product *p)
{
    memcpy(p, shapes, sizeof shapes);
    for (uint64_t i = 0; i < MOST; i++, p++) {
        p->lda = (p->ta ? p->m : p->k) + (i % 2 == 0);
        p->ldb = (p->tb ? p->k : p->n) + 2 * (i % 3 == 0);
        p->ldc = p->n + 3;
        p->a = numbers((size_t)p->lda * (size_t)(p->ta ? p->k : p->m), 3 * i + 1);
        p->b = numbers((size_t)p->ldb * (size_t)(p->tb ? p->n : p->k), 3 * i + 2);
        p->c = numbers((size_t)p->ldc * (size_t)p->m, 3 * i + 3);
    }
}

static void release(struct pw_product *p)
{
    for (int i = 0; i < MOST; i++, p++) {
        free((void *)p->a);
        free((void *)p->b);
        free(p->c);
    }
}

static void round_all(const struct pw_kern *kern, const real *x, size_t n)
{
    uint16_t *half = pw_calloc(n, sizeof *half);
    ck_assert_ptr_nonnull(half);
    kern->to_bf16((int)n, x, half);
    kern->from_bf16((int)n, half, (real *)x);
    free(half);
}

/* The list by the reference, its marked operands rounded where they stand. */
static void wanted(struct pw_product *list)
{
    const struct pw_kern *kern = pw_kern_all()[0];
    fill(list);
    for (struct pw_product *p = list; p < list + MOST; p++) {
        if (p->bf16) {
            round_all(kern, p->a, (size_t)p->lda * (size_t)(p->ta ? p->k : p->m));
            round_all(kern, p->b, (size_t)p->ldb * (size_t)(p->tb ? p->n : p->k));
        }
        kern->product(p->ta, p->tb, p->m, p->n, p->k, p->a, p->lda, p->b, p->ldb, p->beta, p->c, p->ldc);
    }
}

static void run(struct pw_product *list, const char *kernels, int threads)
{
    struct pw_exec x = { .arena = pw_arena_new(), .train = true, .bf16 = true };
    ck_assert_ptr_nonnull(x.arena);
    OK(pw_kern_choose(kernels, &x.kern));
    if (threads > 0) OK(pw_pool_new(threads, &x.pool));
    fill(list);
    OK(pw_products(&x, list, MOST));
    pw_pool_free(x.pool);
    pw_arena_free(x.arena);
}

static void compare(const struct pw_product *want, const struct pw_product *got, double near)
{
    for (int i = 0; i < MOST; i++)
        for (size_t j = 0; j < (size_t)want[i].ldc * (size_t)want[i].m; j++) {
            double error = fabs((double)want[i].c[j] - (double)got[i].c[j]);
            ck_assert_msg(near > 0 ? error <= near : memcmp(&want[i].c[j], &got[i].c[j], sizeof(real)) == 0,
                          "product %d: %.9g at %zu, not %.9g", i, (double)got[i].c[j], j, (double)want[i].c[j]);
        }
}

/* Near the reference, and the same bits on any number of threads. */
START_TEST(every_table)
{
    struct pw_product want[MOST], alone[MOST], got[MOST];
    wanted(want);
    for (const struct pw_kern *const *all = pw_kern_all(); *all != NULL; all++) {
        bool widens = strcmp(pw_kern_bf16_by(*all), "widening") == 0;
        if (strcmp((*all)->name, "blas") == 0) continue;
        run(alone, (*all)->name, 0);
        compare(want, alone, widens ? 0 : 1e-4);
        for (int threads = 2; threads < 4; threads++) {
            run(got, (*all)->name, threads);
            compare(alone, got, 0);
            release(got);
        }
        release(alone);
    }
    release(want);
}
END_TEST

START_TEST(a_shared_operand_is_rounded_once)
{
    struct pw_exec x = { .arena = pw_arena_new(), .train = true, .bf16 = true };
    real *in = numbers(40 * 30, 1), *w = numbers(30 * 20, 2), *dout = numbers(40 * 20, 3);
    real din[40 * 30], dw[30 * 20], din2[40 * 30], dw2[30 * 20];
    struct pw_product list[2] = {
        { .tb = true, .m = 40, .n = 30, .k = 20, .a = dout, .lda = 20, .b = w, .ldb = 20, .c = din, .ldc = 30,
          .bf16 = true },
        { .ta = true, .m = 30, .n = 20, .k = 40, .a = in, .lda = 30, .b = dout, .ldb = 20, .c = dw, .ldc = 20,
          .bf16 = true } };
    OK(pw_kern_choose(NULL, &x.kern));
    OK(pw_products(&x, list, 2));
    list[0].c = din2;
    list[1].c = dw2;
    OK(pw_products(&x, &list[0], 1));
    OK(pw_products(&x, &list[1], 1));
    ck_assert(memcmp(din, din2, sizeof din) == 0 && memcmp(dw, dw2, sizeof dw) == 0);
    x.bf16 = false;
    OK(pw_products(&x, list, 2));
    ck_assert(memcmp(din, din2, sizeof din) != 0 && memcmp(dw, dw2, sizeof dw) != 0);
    pw_arena_free(x.arena);
    free(in);
    free(w);
    free(dout);
}
END_TEST

/* --- training --- */

static struct bytes trained_by(const char *kernels, const char *train)
{
    setenv("PATHWAYS_KERNELS", kernels, 1);
    struct bytes b = trained(R_QUICK | 1 << R_WRITE, train);
    unsetenv("PATHWAYS_KERNELS");
    return b;
}

START_TEST(the_same_file_by_every_table)
{
    struct bytes first = trained_by("reference", "steps: 4, batch: 12, dtype: bf16, threads: 2");
    for (const struct pw_kern *const *all = pw_kern_all() + 1; *all != NULL; all++) {
        if (strcmp((*all)->name, "blas") == 0 || strcmp(pw_kern_bf16_by(*all), "widening") != 0) continue;
        struct bytes b = trained_by((*all)->name, "steps: 4, batch: 12, dtype: bf16");
        rig_same(first, b);
        free(b.data);
    }
    free(first.data);
}
END_TEST

static double loss_after(pwy_model *m, const char *options)
{
    double loss = NAN;
    int done = 0;
    pwy_trainer *t = rig_trainer(m, options);
    while (!done) OK(pwy_trainer_step(t, &loss, &done));
    pwy_trainer_free(t);
    return loss;
}

START_TEST(the_loss_is_near)
{
    pwy_model *m = rig_model(NULL, 1 << R_GO | 1 << R_WRITE, NULL);
    double full = loss_after(m, "steps: 60, batch: 16, lr: 0.003");
    double low = loss_after(m, "steps: 60, batch: 16, lr: 0.003, dtype: bf16");
    ck_assert_msg(low != full && fabs(low - full) < .05 * full, "%g in f32, %g in bf16", full, low);
    pwy_model_free(m);
}
END_TEST

START_TEST(a_run_goes_on_in_bf16)
{
    pwy_registry *r = rig_registry(NULL, R_QUICK);
    pwy_model *m = rig_model(NULL, R_QUICK, NULL);
    struct bytes whole = finish(rig_trainer(m, "steps: 6, dtype: bf16"));
    pwy_trainer *t = rig_trainer(m, "steps: 6, dtype: bf16");
    int done;
    double loss;
    for (int i = 0; i < 3; i++) OK(pwy_trainer_step(t, &loss, &done));
    OK(pwy_trainer_save(t, in_folder("half")));
    pwy_trainer_free(t);
    OK(pwy_trainer_open(r, in_folder("half"), NULL, &t));
    same(whole, finish(t));
    pwy_registry_free(r);
    pwy_model_free(m);
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("bf16");
    TCase *t = add_case(s, "products");
    tcase_add_test(t, every_table);
    tcase_add_test(t, a_shared_operand_is_rounded_once);
    t = add_case(s, "training");
    tcase_add_test(t, the_same_file_by_every_table);
    tcase_add_test(t, the_loss_is_near);
    tcase_add_test(t, a_run_goes_on_in_bf16);
    return s;
}

int main(void)
{
    return run_suite(suite());
}

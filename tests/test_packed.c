/* A trunk whose weights are packed: as numbers it answers with the same bits, in fewer bits nearly so; alone, in a batch
   and row by row it answers the same. */
#include "route_rig.h"
#include "suite.h"

enum { KINDS = 4, D = 32, N = RIG_ROWS * D };

static struct pw_trunk_config shape(int kind)
{
    struct pw_trunk_config c = {.d = D, .layers = 2, .heads = 4, .experts = 6, .topk = 2, .hidden = 24,
                                .router = {.renormalise = true}};
    if (kind == 1) c = (struct pw_trunk_config){.d = D, .layers = 3, .heads = 4, .kv_heads = 2, .hidden = 48,
                                                .parallel = true};
    if (kind == 2) c.shared = c.topk = 1;
    if (kind == 3) c.hidden = 100;
    return c;
}

static void pack_all(struct rig *r, enum pw_form store)
{
    int packed = 0;
    for (int i = 0; i < r->set->n; i++) {
        struct pw_param *p = r->set->list[i];
        if (!pw_packs(p->name)) continue;
        ck_assert_int_eq(pw_param_pack(p, store), PWY_OK);
        ck_assert_ptr_null(p->w);
        packed++;
    }
    ck_assert_int_ge(packed, 8);
}

static void open_packed(struct rig *r, int kind, int threads, int store)
{
    struct pw_trunk_config c = shape(kind);
    rig_open(r, threads, false);
    rig_trunk(r, &c);
    if (store >= 0) pack_all(r, store);
}

static void infer(struct rig *r, const struct pw_ragged *ragged, const real *in, real *out)
{
    size_t mark = pw_arena_mark(r->x.arena);
    ck_assert_int_eq(pw_trunk_forward(r->trunk, &r->x, ragged, in, out, NULL, NULL), PWY_OK);
    ck_assert_uint_eq(pw_arena_mark(r->x.arena), mark);
}

/* The mean difference, in parts of the mean size. */
static double distance(const real *a, const real *b)
{
    double sum = 0, size = 0;
    for (int i = 0; i < N; i++) {
        sum += fabs((double)a[i] - (double)b[i]);
        size += fabs((double)a[i]);
    }
    return sum / size;
}

START_TEST(packed_numbers_answer_with_the_same_bits)
{
    struct rig plain, packed;
    real *in = numbers(1, N, 1), *want = numbers(0, N, 0), *got = numbers(0, N, 0);
    open_packed(&plain, _i, 1, -1);
    infer(&plain, &rig_ragged, in, want);
    for (int threads = 1; threads <= 4; threads++) {
        open_packed(&packed, _i, threads, PW_AS_REAL);
        infer(&packed, &rig_ragged, in, got);
        ck_assert(same(want, got, N));
        ck_assert_double_eq(plain.x.flops, packed.x.flops);
        rig_close(&packed);
    }
    rig_close(&plain);
    free(in);
    free(want);
    free(got);
}
END_TEST

/* More rows than one item takes, and experts with many. */
START_TEST(many_rows)
{
    enum { ROWS = 700 };
    static const int32_t off[] = {0, ROWS}, prefix[] = {ROWS}, task[] = {0};
    struct pw_ragged ragged = {1, off, prefix, task};
    struct rig plain, packed;
    real *in = numbers(1, ROWS * D, 1), *want = numbers(0, ROWS * D, 0), *got = numbers(0, ROWS * D, 0);
    open_packed(&plain, _i, 2, -1);
    open_packed(&packed, _i, 2, PW_AS_REAL);
    infer(&plain, &ragged, in, want);
    infer(&packed, &ragged, in, got);
    ck_assert(same(want, got, ROWS * D));
    rig_close(&plain);
    rig_close(&packed);
    free(in);
    free(want);
    free(got);
}
END_TEST

START_TEST(fewer_bits_answer_nearly_so)
{
    static const double near[] = {[PW_AS_BF16] = .02, [PW_AS_I8] = .06};
    real *in = numbers(1, N, 1), *want = numbers(0, N, 0), *got = numbers(0, N, 0);
    for (int kind = 0; kind < KINDS; kind++)
        for (int store = -1; store <= PW_AS_I8; store++) {
            struct rig r;
            open_packed(&r, kind, 2, store);
            infer(&r, &rig_ragged, in, store < 0 ? want : got);
            if (store > PW_AS_REAL) {
                double far = distance(want, got);
                ck_assert_msg(far > 0 && far < near[store], "kind %d: distance %g", kind, far);
            }
            rig_close(&r);
        }
    free(in);
    free(want);
    free(got);
}
END_TEST

/* One row at a time against the cache, and each sequence alone: the bits of the batch. */
START_TEST(rows_alone_and_in_a_batch)
{
    struct rig r;
    struct pw_cache *cache;
    static const int32_t causal[] = {0, 0, 0};
    struct pw_ragged ragged = rig_ragged;
    real *in = numbers(1, N, 1), *want = numbers(0, N, 0), row[D];
    ragged.prefix = causal;
    open_packed(&r, 0, 2, _i);
    infer(&r, &ragged, in, want);
    ck_assert_int_eq(pw_cache_new(r.trunk, NULL, 16, &cache), PWY_OK);
    for (int i = 0; i < RIG_ROWS; i++) {
        if (i == rig_off[1] || i == rig_off[2]) pw_cache_clear(cache);
        ck_assert_int_eq(pw_trunk_feed(r.trunk, &r.x, cache, 1, 0, in + i * D, row, NULL), PWY_OK);
        ck_assert(same(row, want + i * D, D));
    }
    pw_cache_free(cache);
    rig_close(&r);
    free(in);
    free(want);
}
END_TEST

START_TEST(what_is_packed_does_not_train)
{
    struct rig r;
    open_packed(&r, 0, 1, PW_AS_I8);
    ck_assert_int_eq(pw_params_start_training(r.set), PWY_E_UNSUPPORTED);
    ck_assert_ptr_nonnull(strstr(pwy_error_message(), "packed for inference"));
    ck_assert_int_eq(pw_param_pack(pw_params_find(r.set, "trunk.norm"), PW_AS_I8), PWY_E_ARGUMENT);
    rig_close(&r);
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("packed");
    TCase *c = tcase_create("packed");
    tcase_set_timeout(c, 120);
    tcase_add_loop_test(c, packed_numbers_answer_with_the_same_bits, 0, KINDS);
    tcase_add_loop_test(c, many_rows, 0, KINDS);
    tcase_add_test(c, fewer_bits_answer_nearly_so);
    tcase_add_loop_test(c, rows_alone_and_in_a_batch, PW_AS_REAL, PW_AS_I8 + 1);
    tcase_add_test(c, what_is_packed_does_not_train);
    suite_add_tcase(s, c);
    return s;
}

int main(void)
{
    return run_suite(suite());
}

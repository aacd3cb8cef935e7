/* The senses of pictures, sounds and time series: what they take, what they refuse, and that a saved one answers the
   same. */
#include <math.h>
#include "base/rng.h"
#include "sense_help.h"
#include "suite.h"

extern const struct pw_sense_ops pw_sense_image, pw_sense_audio, pw_sense_series;

enum { N = 24, D = 16 };
static struct pw_value values[N];
static struct pw_goal goals[N];
static uint8_t pixels[N][100 * 100 * 4];
static float samples[N][40000];

static struct rows pictures(int64_t h, int64_t w, int64_t c)
{
    struct pw_rng rng = pw_rng_at(1, 1, 0);
    for (int i = 0; i < N; i++) {
        for (int64_t j = 0; j < h * w * c; j++) pixels[i][j] = (uint8_t)pw_rng_below(&rng, 256);
        values[i] = picture(pixels[i], h, w, c);
        goals[i].label = i % 3;
    }
    return (struct rows){values, goals, N};
}

static struct rows sounds(int64_t steps, double rate)
{
    struct pw_rng rng = pw_rng_at(2, 1, 0);
    for (int i = 0; i < N; i++) {
        for (int64_t j = 0; j < steps; j++) {
            double t = (double)j / rate, tone = sin(6.2832 * (200 + 40 * i) * t) * (t < .1 ? t * 10 : 1);
            samples[i][j] = (float)(.4 * tone + .001 * pw_rng_normal(&rng));
        }
        values[i] = sound(samples[i], steps, rate);
        goals[i].label = i % 3;
    }
    return (struct rows){values, goals, N};
}

static struct rows lines(int64_t steps, int64_t channels)
{
    struct pw_rng rng = pw_rng_at(3, 1, 0);
    for (int i = 0; i < N; i++) {
        for (int64_t j = 0; j < steps * channels; j++)
            samples[i][j] = (float)(sin((double)j * .1 * (i % 3 + 1)) + .1 * pw_rng_normal(&rng));
        values[i] = line(samples[i], steps - i % 4, channels);
        goals[i].label = i % 3;
    }
    return (struct rows){values, goals, N};
}

static struct pw_encoded encode(const struct pw_sense *s, const struct pw_value *v, struct pw_rng *rng,
                                struct pw_arena *arena)
{
    struct pw_encoded e = {0};
    ck_assert_msg(s->ops->encode(s, v, rng, arena, &e) == PWY_OK, "%s", pwy_error_message());
    return e;
}

static void expect_bad(const struct pw_sense *s, struct pw_value v, const char *says)
{
    struct pw_arena *arena = pw_arena_new();
    struct pw_encoded e, before;
    memset(&e, 0x5a, sizeof e);
    before = e;
    ck_assert_int_eq(s->ops->encode(s, &v, NULL, arena, &e), PWY_E_DATA);
    ck_assert_msg(strstr(pwy_error_message(), says) != NULL, "%s", pwy_error_message());
    ck_assert_mem_eq(&e, &before, sizeof e);
    pw_arena_free(arena);
}

/* All values in one call: rows, then dense wide features; returns how many numbers. */
static size_t answers(const struct pw_sense *s, int from, int n, struct pw_pool *pool, struct pw_arena *arena,
                      real *out)
{
    struct pw_exec x = exec_of(arena, pool, false);
    struct pw_encoded e[N];
    const struct pw_encoded *in[N];
    size_t rows = 0, wide = (size_t)(n * s->wide_dense);
    for (int i = 0; i < n; i++) {
        e[i] = encode(s, &values[from + i], NULL, arena);
        in[i] = &e[i];
        rows += (size_t)(e[i].n_tokens * s->d);
    }
    ck_assert_int_eq(s->ops->forward(s, &x, n, in, out, out + rows, NULL), PWY_OK);
    return rows + wide;
}

/* A loaded sense, two threads, and values alone or together: the same bits; fitting on two threads too. */
static void check_same(const struct pw_sense_ops *ops, struct rows r)
{
    static real a[1 << 20], b[1 << 20];
    struct pw_arena *arena = pw_arena_new();
    struct pw_pool *pool;
    struct pw_sense s = sense_open(ops, "classify", 3, D, NULL);
    ck_assert_int_eq(pw_pool_new(2, &pool), PWY_OK);
    sense_fit(&s, &r, 4, pool);
    struct pw_sense again = sense_again(&s, NULL);
    ck_assert_int_eq(s.wide_rows, again.wide_rows);
    ck_assert_int_eq(s.wide_dense, again.wide_dense);
    size_t n = answers(&s, 0, 8, NULL, arena, a);
    ck_assert_uint_eq(answers(&again, 0, 8, pool, arena, b), n);
    ck_assert_mem_eq(a, b, n * sizeof(real));
    size_t one = answers(&s, 0, 1, NULL, arena, b), rows = one - (size_t)s.wide_dense;
    ck_assert_mem_eq(a, b, rows * sizeof(real));
    struct pw_encoded e = encode(&s, &values[1], NULL, arena), f = encode(&again, &values[1], NULL, arena);
    ck_assert_int_eq(e.n_wide, f.n_wide);
    if (e.n_wide > 0) ck_assert_mem_eq(e.wide_value, f.wide_value, (size_t)e.n_wide * sizeof(real));
    pw_pool_free(pool);
    pw_arena_free(arena);
    sense_close(&again);
    sense_close(&s);
}

START_TEST(same_answers)
{
    if (_i == 0) check_same(&pw_sense_image, pictures(28, 28, 1));
    else if (_i == 1) check_same(&pw_sense_audio, sounds(6000, 8000));
    else check_same(&pw_sense_series, lines(120, 3));
}
END_TEST

/* --- pictures --- */

START_TEST(picture_sizes)
{
    static const struct { int h, w, tokens; } size[] = {{28, 28, 4}, {32, 32, 4}, {45, 48, 9}, {100, 50, 6}, {3, 2, 1}};
    struct pw_arena *arena = pw_arena_new();
    struct rows r = pictures(size[_i].h, size[_i].w, 3);
    struct pw_sense s = sense_open(&pw_sense_image, "classify", 3, D, NULL);
    sense_fit(&s, &r, 0, NULL);
    ck_assert_int_eq(encode(&s, &values[0], NULL, arena).n_tokens, size[_i].tokens);
    ck_assert_int_eq(s.wide_dense, size[_i].tokens * D);
    pw_arena_free(arena);
    sense_close(&s);
}
END_TEST

/* Blocks of its own start as those that are shared, as many as there are numbers for, and move none of them. */
START_TEST(own_blocks)
{
    static const struct { int64_t numbers; int own; } want[] = {{600, 0}, {700, 1}, {2000, 2}, {30000, 3}, {99999, 4}};
    static real a[1 << 16], b[1 << 16];
    struct pw_arena *arena = pw_arena_new();
    struct rows r = pictures(28, 28, 1);
    struct pw_sense first = sense_open(&pw_sense_image, "classify", 3, D, NULL);
    sense_fit(&first, &r, 0, NULL);
    struct pw_sense added = first;
    struct pw_fit fit = {.arg = &r, .n_train = r.n, .row = rows_row, .kind = "classify", .outputs = 3,
                         .numbers = want[_i].numbers};
    added.own = (char *)"task/u/x";
    ck_assert_int_eq(added.ops->open(&added, NULL), PWY_OK);
    ck_assert_int_eq(added.ops->fit(&added, &fit), PWY_OK);
    ck_assert_int_eq(added.ops->declare(&added), PWY_OK);
    struct pw_param *gain = pw_params_find(added.params, "task/u/x/conv3.gain");
    ck_assert(want[_i].own > 0 ? gain != NULL : gain == NULL);
    for (int i = 0; i < 3; i++) {
        static const char *const name[] = {"task/u/x/conv1.w", "task/u/x/conv2.w", "task/u/x/conv3.w"};
        ck_assert_int_eq(pw_params_find(added.params, name[i]) != NULL, want[_i].own > i + 1);
    }
    size_t n = answers(&first, 0, 4, NULL, arena, a);
    ck_assert_uint_eq(answers(&added, 0, 4, NULL, arena, b), n);
    ck_assert_mem_eq(a, b, n * sizeof(real));
    if (gain != NULL) gain->w[0] += 1;
    answers(&first, 0, 4, NULL, arena, b);
    ck_assert_mem_eq(a, b, n * sizeof(real));
    added.ops->close(&added);
    pw_arena_free(arena);
    sense_close(&first);
}
END_TEST

START_TEST(picture_values)
{
    static uint8_t clear[28 * 28 * 4], flat[56 * 56];
    struct pw_arena *arena = pw_arena_new();
    struct rows r = pictures(28, 28, 1);
    struct pw_sense s = sense_open(&pw_sense_image, "classify", 3, D, NULL);
    sense_fit(&s, &r, 0, NULL);
    struct pw_encoded e = encode(&s, &values[0], NULL, arena);
    for (int i = 0; i < 28 * 28 * 3; i++)
        ck_assert_double_eq_tol((double)e.reals[i], pixels[0][i / 3] / 127.5 - 1, 1e-6);
    struct pw_value v = picture(clear, 28, 28, 4);
    e = encode(&s, &v, NULL, arena);
    for (int i = 0; i < 28 * 28 * 3; i++) ck_assert_double_eq((double)e.reals[i], 1);
    memset(flat, 51, sizeof flat);
    v = picture(flat, 56, 28, 1);
    e = encode(&s, &v, NULL, arena);
    ck_assert_double_eq((double)e.reals[0], 0);
    ck_assert_double_eq_tol((double)e.reals[14 * 3], 51 / 127.5 - 1, 1e-6);
    pw_arena_free(arena);
    sense_close(&s);
}
END_TEST

START_TEST(picture_augment)
{
    struct pw_arena *arena = pw_arena_new();
    struct rows r = pictures(28, 28, 1);
    struct pw_sense s = sense_open(&pw_sense_image, "classify", 3, D, "{\"augment\": \"flip\"}");
    sense_fit(&s, &r, 0, NULL);
    struct pw_rng a = pw_rng_at(1, 2, 0), b = a;
    size_t bytes = 28 * 28 * 3 * sizeof(real);
    struct pw_encoded plain = encode(&s, &values[0], NULL, arena);
    struct pw_encoded x = encode(&s, &values[0], &a, arena), y = encode(&s, &values[0], &b, arena);
    ck_assert_mem_eq(x.reals, y.reals, bytes);
    struct pw_encoded z = encode(&s, &values[0], &a, arena);
    ck_assert(memcmp(x.reals, plain.reals, bytes) != 0 || memcmp(z.reals, plain.reals, bytes) != 0);
    pw_arena_free(arena);
    sense_close(&s);
}
END_TEST

START_TEST(bad_pictures)
{
    struct rows r = pictures(28, 28, 1);
    struct pw_sense s = sense_open(&pw_sense_image, "classify", 3, D, NULL);
    sense_fit(&s, &r, 0, NULL);
    expect_bad(&s, picture(pixels[0], 0, 0, 1), "picture is 0 by 0");
    expect_bad(&s, picture(pixels[0], 4, 4, 5), "5 channels");
    for (int i = 0; i < N; i++) values[i].height = 0;
    struct pw_fit fit = {.arg = &r, .n_train = N, .row = rows_row, .kind = "classify", .outputs = 3};
    ck_assert_int_eq(s.ops->fit(&s, &fit), PWY_E_DATA);
    sense_close(&s);
}
END_TEST

START_TEST(mixed_picture_sizes)
{
    struct pw_arena *arena = pw_arena_new();
    struct rows r = pictures(40, 40, 3);
    for (int i = 0; i < N; i++) values[i].height = 10 + i, values[i].width = 40 - i;
    struct pw_sense s = sense_open(&pw_sense_image, "classify", 3, D, NULL);
    sense_fit(&s, &r, 0, NULL);
    for (int i = 0; i < N; i++) ck_assert_int_eq(encode(&s, &values[i], NULL, arena).n_tokens, 9);
    pw_arena_free(arena);
    sense_close(&s);
}
END_TEST

/* --- settings --- */

START_TEST(bad_settings)
{
    static const struct { const struct pw_sense_ops *ops; const char *json, *says; } bad[] = {
        {&pw_sense_image, "{\"augmnt\": \"flip\"}", "augment"}, {&pw_sense_image, "{\"augment\": \"turn\"}", "turn"},
        {&pw_sense_image, "{\"side\": 4}", "side"}, {&pw_sense_audio, "{\"seconds\": 100}", "seconds"},
        {&pw_sense_series, "{\"agument\": true}", "augment"}};
    struct pw_sense s = {.ops = bad[_i].ops, .d = D, .kind = "classify", .outputs = 2, .own = (char *)"task/t/x",
                         .stem = bad[_i].ops->name};
    struct pw_node *node;
    s.params = pw_params_new(1);
    ck_assert_int_eq(pw_node_from_json(bad[_i].json, strlen(bad[_i].json), NULL, &node), PWY_OK);
    ck_assert_int_eq(s.ops->open(&s, node), PWY_E_ARGUMENT);
    ck_assert_msg(strstr(pwy_error_message(), bad[_i].says) != NULL, "%s", pwy_error_message());
    pw_node_free(node);
    sense_close(&s);
}
END_TEST

START_TEST(damaged_state)
{
    static const struct pw_sense_ops *const ops[] = {&pw_sense_image, &pw_sense_audio, &pw_sense_series};
    static const char *const bad[] = {
        "{}", "{\"height\": 1e9, \"width\": 8, \"tokens\": 1e9, \"channels\": 1, \"length\": -1, \"seed\": 0}",
        "{\"height\": \"x\", \"width\": 8, \"tokens\": 0, \"channels\": 1e9, \"length\": 4, \"seed\": 0}"};
    struct pw_sense s = sense_open(ops[_i / 3], "classify", 3, D, NULL);
    struct pw_node *node;
    ck_assert_int_eq(pw_node_from_json(bad[_i % 3], strlen(bad[_i % 3]), NULL, &node), PWY_OK);
    ck_assert_int_eq(s.ops->load(&s, node), PWY_E_FORMAT);
    pw_node_free(node);
    sense_close(&s);
}
END_TEST

/* --- sounds --- */

START_TEST(sound_rates)
{
    struct pw_arena *arena = pw_arena_new();
    struct rows r = sounds(5600, 8000);
    struct pw_sense s = sense_open(&pw_sense_audio, "classify", 3, D, NULL);
    sense_fit(&s, &r, 0, NULL);
    struct pw_encoded a = encode(&s, &values[5], NULL, arena);
    ck_assert_int_eq(a.n_tokens, 12);
    sounds(_i == 0 ? 11200 : 30870, _i == 0 ? 16000 : 44100);
    struct pw_encoded b = encode(&s, &values[5], NULL, arena);
    double off = 0, size = 0;
    for (int64_t i = 0; i < a.n_reals; i++) {
        off += fabs((double)(a.reals[i] - b.reals[i]));
        size += fabs((double)a.reals[i]);
    }
    ck_assert_double_lt(off, .35 * size);
    pw_arena_free(arena);
    sense_close(&s);
}
END_TEST

START_TEST(sound_windows)
{
    struct pw_arena *arena = pw_arena_new();
    struct rows r = sounds(40000, 20000);
    struct pw_sense s = sense_open(&pw_sense_audio, "classify", 3, D, NULL);
    sense_fit(&s, &r, 0, NULL);
    ck_assert_int_eq(encode(&s, &values[0], NULL, arena).n_tokens, 25);
    struct pw_rng rng = pw_rng_at(1, 1, 0);
    struct pw_value brief = sound(samples[0], 1, 8000), mute = sound(samples[0], 4000, 8000);
    struct pw_encoded e = encode(&s, &brief, &rng, arena);
    for (int64_t i = 0; i < e.n_reals; i++) ck_assert(isfinite(e.reals[i]));
    memset(samples[0], 0, sizeof samples[0]);
    e = encode(&s, &mute, NULL, arena);
    for (int64_t i = 0; i < e.n_wide; i++) ck_assert(isfinite(e.wide_value[i]));
    pw_arena_free(arena);
    sense_close(&s);
}
END_TEST

START_TEST(bad_sounds)
{
    struct rows r = sounds(4000, 8000);
    struct pw_sense s = sense_open(&pw_sense_audio, "classify", 3, D, NULL);
    sense_fit(&s, &r, 0, NULL);
    expect_bad(&s, sound(samples[0], 0, 8000), "sound is empty");
    expect_bad(&s, sound(samples[0], 100, 0), "rate of 0 Hz");
    samples[0][17] = NAN;
    expect_bad(&s, sound(samples[0], 100, 8000), "sample 17");
    sense_close(&s);
}
END_TEST

/* --- series --- */

START_TEST(series_lengths)
{
    struct pw_arena *arena = pw_arena_new();
    struct rows r = lines(100, 2);
    struct pw_sense s = sense_open(&pw_sense_series, "classify", 3, D, NULL);
    sense_fit(&s, &r, 0, NULL);
    ck_assert_int_eq(encode(&s, &values[0], NULL, arena).n_tokens, 4 + 1);
    for (int64_t steps = 1; steps < 3000; steps = steps * 3 + 1) {
        struct pw_value v = line(samples[0], steps, 2);
        struct pw_encoded e = encode(&s, &v, NULL, arena);
        ck_assert_int_eq(e.n_tokens, 5);
        for (int64_t i = 0; i < e.n_reals; i++) ck_assert(isfinite(e.reals[i]));
    }
    pw_arena_free(arena);
    sense_close(&s);
}
END_TEST

/* A missing step lies on the line between its neighbours. */
START_TEST(series_missing)
{
    struct pw_arena *arena = pw_arena_new();
    struct rows r = lines(60, 1);
    struct pw_sense s = sense_open(&pw_sense_series, "classify", 3, D, NULL);
    sense_fit(&s, &r, 0, NULL);
    for (int i = 0; i < 60; i++) samples[0][i] = samples[1][i] = (float)i;
    samples[1][0] = samples[1][30] = samples[1][31] = NAN;
    samples[0][0] = 1;
    struct pw_value whole = line(samples[0], 60, 1), gaps = line(samples[1], 60, 1);
    struct pw_encoded a = encode(&s, &whole, NULL, arena), b = encode(&s, &gaps, NULL, arena);
    ck_assert_mem_eq(a.reals, b.reals, (size_t)a.n_reals * sizeof(real));
    pw_arena_free(arena);
    sense_close(&s);
}
END_TEST

START_TEST(bad_series)
{
    struct rows r = lines(60, 2);
    struct pw_sense s = sense_open(&pw_sense_series, "classify", 3, D, NULL);
    sense_fit(&s, &r, 0, NULL);
    expect_bad(&s, line(samples[0], 0, 2), "series is 0 steps");
    expect_bad(&s, line(samples[0], 20, 3), "3 channels");
    samples[0][9] = INFINITY;
    expect_bad(&s, line(samples[0], 20, 2), "step 4");
    for (int i = 0; i < 40; i++) samples[0][i] = NAN;
    expect_bad(&s, line(samples[0], 20, 2), "missing");
    sense_close(&s);
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("sense");
    TCase *c = tcase_create("image, audio, series");
    tcase_set_timeout(c, 60);
    tcase_add_loop_test(c, same_answers, 0, 3);
    tcase_add_loop_test(c, picture_sizes, 0, 5);
    tcase_add_loop_test(c, own_blocks, 0, 5);
    tcase_add_test(c, picture_values);
    tcase_add_test(c, picture_augment);
    tcase_add_test(c, bad_pictures);
    tcase_add_test(c, mixed_picture_sizes);
    tcase_add_loop_test(c, bad_settings, 0, 5);
    tcase_add_loop_test(c, damaged_state, 0, 9);
    tcase_add_loop_test(c, sound_rates, 0, 2);
    tcase_add_test(c, sound_windows);
    tcase_add_test(c, bad_sounds);
    tcase_add_test(c, series_lengths);
    tcase_add_test(c, series_missing);
    tcase_add_test(c, bad_series);
    suite_add_tcase(s, c);
    return s;
}

int main(void)
{
    return run_suite(suite());
}

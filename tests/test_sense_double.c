/* Gradients of the stems against finite differences, in double. */
#include <math.h>
#include <stdio.h>
#include "base/rng.h"
#include "sense_help.h"
#include "suite.h"

extern const struct pw_sense_ops pw_sense_image, pw_sense_audio, pw_sense_series, pw_sense_table;

enum { N = 5, D = 16 };

static double noise(struct pw_rng *rng)
{
    return pw_rng_uniform(rng) * 2 - 1;
}

/* Loss: the rows and the dense wide features against fixed random weights. */
struct probe { struct pw_sense *s; const struct pw_encoded *e[N]; struct pw_arena *arena; real *weight; int64_t rows,
              wide; };

static double loss_of(struct probe *p, bool back)
{
    const struct pw_sense *s = p->s;
    struct pw_exec x = exec_of(p->arena, NULL, true);
    void *keep = NULL;
    double loss = 0;
    pw_arena_reset(p->arena);
    real *out = pw_arena_zero(p->arena, (size_t)(p->rows * s->d + p->wide), sizeof(real));
    ck_assert_int_eq(s->ops->forward(s, &x, N, p->e, out, out + p->rows * s->d, &keep), PWY_OK);
    for (int64_t i = 0; i < p->rows * s->d + p->wide; i++) loss += out[i] * p->weight[i];
    if (back)
        ck_assert_int_eq(s->ops->backward(s, &x, N, p->e, keep, p->weight, p->weight + p->rows * s->d), PWY_OK);
    return loss;
}

static void check_param(struct probe *p, struct pw_param *param, struct pw_rng *rng)
{
    int tried = param->n < 12 ? (int)param->n : 12;
    for (int t = 0; t < tried; t++) {
        int64_t i = (int64_t)pw_rng_below(rng, (uint64_t)param->n), group = i / (param->n / param->groups);
        double old = param->w[i], step = 1e-5;
        double g = param->groups > 1 && !param->touched[group] ? 0 : param->g[i];
        param->w[i] = old + step;
        double up = loss_of(p, false);
        param->w[i] = old - step;
        double down = loss_of(p, false);
        param->w[i] = old;
        double want = (up - down) / (2 * step);
        ck_assert_msg(fabs(g - want) < 1e-6 + 2e-5 * fabs(want), "%s[%lld]: %.9g, by differences %.9g", param->name,
                      (long long)i, g, want);
    }
}

static void check_sense(struct pw_sense *s, struct rows *r)
{
    struct pw_arena *encoded = pw_arena_new();
    struct pw_rng rng = pw_rng_at(5, 5, 0);
    struct pw_encoded e[N];
    struct probe p = {.s = s, .arena = pw_arena_new(), .wide = (int64_t)s->wide_dense * N};
    for (int i = 0; i < N; i++) {
        ck_assert_int_eq(s->ops->encode(s, &r->value[i], NULL, encoded, &e[i]), PWY_OK);
        p.e[i] = &e[i];
        p.rows += e[i].n_tokens;
    }
    p.weight = malloc((size_t)(p.rows * s->d + p.wide) * sizeof *p.weight);
    for (int64_t i = 0; i < p.rows * s->d + p.wide; i++) p.weight[i] = noise(&rng);
    ck_assert_int_eq(pw_params_start_training(s->params), PWY_OK);
    pw_params_zero_grad(s->params);
    loss_of(&p, true);
    for (int i = 0; i < s->params->n; i++)
        if (s->params->list[i]->g != NULL) check_param(&p, s->params->list[i], &rng);
    free(p.weight);
    pw_arena_free(p.arena);
    pw_arena_free(encoded);
    sense_close(s);
}

START_TEST(image)
{
    static uint8_t pixels[N][13 * 20 * 3];
    struct pw_value value[N];
    struct pw_goal goal[N] = {0};
    struct rows r = {value, goal, N};
    struct pw_rng rng = pw_rng_at(1, 1, 0);
    for (int i = 0; i < N; i++) {
        for (size_t j = 0; j < sizeof pixels[i]; j++) pixels[i][j] = (uint8_t)pw_rng_below(&rng, 256);
        value[i] = picture(pixels[i], 13, 20, 3);
    }
    struct pw_sense s = sense_open(&pw_sense_image, "classify", 3, D, _i == 0 ? NULL : "{\"own\": 3}");
    sense_fit(&s, &r, 0, NULL);
    ck_assert_int_eq(s.wide_dense, 1 * 2 * D);
    check_sense(&s, &r);
}
END_TEST

START_TEST(audio)
{
    static float samples[N][3000];
    struct pw_value value[N];
    struct pw_goal goal[N] = {0};
    struct rows r = {value, goal, N};
    struct pw_rng rng = pw_rng_at(2, 1, 0);
    for (int i = 0; i < N; i++) {
        for (int j = 0; j < 3000; j++) samples[i][j] = (float)(.3 * sin(j * .01 * (i + 3)) + .01 * noise(&rng));
        value[i] = sound(samples[i], 3000 - 200 * i, 8000);
    }
    struct pw_sense s = sense_open(&pw_sense_audio, "classify", 3, D, "{\"seconds\": 0.3}");
    sense_fit(&s, &r, 0, NULL);
    check_sense(&s, &r);
}
END_TEST

START_TEST(series)
{
    static float samples[N][80];
    struct pw_value value[N];
    struct pw_goal goal[N] = {0};
    struct rows r = {value, goal, N};
    struct pw_rng rng = pw_rng_at(3, 1, 0);
    for (int i = 0; i < N; i++) {
        for (int j = 0; j < 80; j++) samples[i][j] = (float)(sin(j * .1 * (i + 1)) + .2 * noise(&rng));
        value[i] = line(samples[i], 40 - i, 2);
    }
    struct pw_sense s = sense_open(&pw_sense_series, "classify", 3, D, NULL);
    sense_fit(&s, &r, 0, NULL);
    check_sense(&s, &r);
}
END_TEST

/* Rows of `columns` columns: numbers, and each third a word. */
static void table_of(int columns, struct rows *r)
{
    static struct pw_cell cell[64][64];
    static struct pw_value value[64];
    static struct pw_goal goal[64];
    static const char *const words[] = {"red", "green", "blue"};
    static char names[64][8];
    struct pw_rng rng = pw_rng_at(4, 1, 0);
    for (int i = 0; i < 64; i++) {
        for (int c = 0; c < columns; c++) {
            snprintf(names[c], sizeof names[c], "c%d", c);
            cell[i][c] = (struct pw_cell){.column = names[c]};
            if (c % 3 == 2) cell[i][c].text = words[pw_rng_below(&rng, 3)];
            else if (i % 7 != 3) cell[i][c] = (struct pw_cell){names[c], NULL, noise(&rng), true};
        }
        value[i] = table_row(cell[i], columns);
        goal[i].label = i % 2;
    }
    *r = (struct rows){value, goal, 64};
}

START_TEST(table)
{
    struct rows r;
    table_of(_i % 2 == 0 ? 6 : 48, &r);
    struct pw_sense s = sense_open(&pw_sense_table, "classify", 2, D,
                                   _i < 2 ? "{\"trees\": false}" : "{\"trees\": false, \"rank\": 3}");
    sense_fit(&s, &r, 0, NULL);
    check_sense(&s, &r);
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("sense_double");
    TCase *c = tcase_create("gradients");
    tcase_set_timeout(c, 120);
    tcase_add_loop_test(c, image, 0, 2);
    tcase_add_test(c, audio);
    tcase_add_test(c, series);
    tcase_add_loop_test(c, table, 0, 4);
    suite_add_tcase(s, c);
    return s;
}

int main(void)
{
    return run_suite(suite());
}

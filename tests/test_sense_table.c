/* The sense of tables, and its boosted trees. */
#include <math.h>
#include <stdio.h>
#include "base/rng.h"
#include "sense_help.h"
#include "suite.h"

extern const struct pw_sense_ops pw_sense_table;

enum { MOST = 3000, COLUMNS = 64 };

/* A table by hand: fill() sets the cells and the goal of row i. */
static struct pw_cell cells[MOST][COLUMNS];
static struct pw_value values[MOST];
static struct pw_goal goals[MOST];
static char text[MOST][16];

static struct rows table_of(int n, int columns, void (*fill)(int i, struct pw_cell *cell, struct pw_goal *goal))
{
    for (int i = 0; i < n; i++) {
        goals[i] = (struct pw_goal){0};
        fill(i, cells[i], &goals[i]);
        values[i] = table_row(cells[i], columns);
    }
    return (struct rows){values, goals, n};
}

static struct pw_cell number(const char *column, double x)
{
    return (struct pw_cell){column, NULL, x, true};
}

static struct pw_cell word(const char *column, const char *w)
{
    return (struct pw_cell){column, w, 0, false};
}

static double chance(int i, int which)
{
    struct pw_rng rng = pw_rng_at(9, (uint64_t)which, (uint64_t)i);
    return pw_rng_uniform(&rng);
}

static void fill_xor(int i, struct pw_cell *cell, struct pw_goal *goal)
{
    double a = chance(i, 0), b = chance(i, 1);
    cell[0] = number("a", a);
    cell[1] = number("b", b);
    cell[2] = number("c", chance(i, 2));
    goal->label = (a > .5) != (b > .5);
}

static void fill_sine(int i, struct pw_cell *cell, struct pw_goal *goal)
{
    cell[0] = number("x", chance(i, 0) * 10);
    goal->number = sin(cell[0].number) * 1.4;
}

static void fill_three(int i, struct pw_cell *cell, struct pw_goal *goal)
{
    static const char *const names[] = {"ant", "bee", "cow"};
    int k = (int)(chance(i, 0) * 3);
    snprintf(text[i], sizeof text[i], "%.3f", chance(i, 1) * 9);
    cell[0] = word("animal", names[k]);
    cell[1] = (struct pw_cell){"size", text[i], chance(i, 1) * 9, true};
    cell[2] = i % 5 == 0 ? word("size2", NULL) : number("size2", chance(i, 2));
    goal->label = k == 2 ? (cell[1].number > 4) : 2;
}

static struct pw_encoded encode(const struct pw_sense *s, const struct pw_value *v, struct pw_arena *arena)
{
    struct pw_encoded e = {0};
    ck_assert_msg(s->ops->encode(s, v, NULL, arena, &e) == PWY_OK, "%s", pwy_error_message());
    return e;
}

static double trees_accuracy(const struct pw_sense *s, const struct rows *r, int64_t from)
{
    struct pw_arena *arena = pw_arena_new();
    int64_t right = 0;
    for (int64_t i = from; i < r->n; i++) {
        struct pw_encoded e = encode(s, &r->value[i], arena);
        int best = 0;
        for (int k = 1; k < s->outputs; k++) best = e.wide_logits[k] > e.wide_logits[best] ? k : best;
        right += best == r->goal[i].label;
    }
    pw_arena_free(arena);
    return (double)right / (double)(r->n - from);
}

START_TEST(trees_learn_xor)
{
    struct rows r = table_of(2000, 3, fill_xor), train = r;
    struct pw_sense s = sense_open(&pw_sense_table, "classify", 2, 8, NULL);
    train.n = 1200;
    sense_fit(&s, &train, 200, NULL);
    ck_assert(s.wide_logits);
    ck_assert_int_eq(s.wide_rows, 0);
    ck_assert_double_gt(trees_accuracy(&s, &r, 1200), .97);
    sense_close(&s);
}
END_TEST

START_TEST(trees_learn_sine)
{
    struct rows r = table_of(1500, 1, fill_sine), train = r;
    struct pw_arena *arena = pw_arena_new();
    struct pw_sense s = sense_open(&pw_sense_table, "regress", 1, 8, NULL);
    double miss = 0;
    train.n = 1000;
    sense_fit(&s, &train, _i == 0 ? 150 : 0, NULL);
    for (int64_t i = train.n; i < r.n; i++)
        miss += pow((double)encode(&s, &r.value[i], arena).wide_logits[0] - r.goal[i].number, 2) / 500;
    ck_assert_double_lt(miss, .01);
    pw_arena_free(arena);
    sense_close(&s);
}
END_TEST

START_TEST(trees_learn_three_classes)
{
    struct rows r = table_of(1500, 3, fill_three), train = r;
    struct pw_sense s = sense_open(&pw_sense_table, "classify", 3, 8, NULL);
    train.n = 1000;
    sense_fit(&s, &train, 150, NULL);
    ck_assert_double_gt(trees_accuracy(&s, &r, 1000), .97);
    sense_close(&s);
}
END_TEST

static void assert_same(const struct pw_params *a, const struct pw_params *b)
{
    ck_assert_int_eq(a->n, b->n);
    for (int i = 0; i < a->n; i++) {
        ck_assert_str_eq(a->list[i]->name, b->list[i]->name);
        ck_assert_int_eq(a->list[i]->n, b->list[i]->n);
        ck_assert_mem_eq(a->list[i]->w, b->list[i]->w, (size_t)a->list[i]->n * sizeof(real));
    }
}

START_TEST(same_on_two_threads)
{
    struct rows r = table_of(MOST, 3, _i == 0 ? fill_xor : fill_three);
    struct pw_sense a = sense_open(&pw_sense_table, "classify", 3, 8, NULL),
        b = sense_open(&pw_sense_table, "classify", 3, 8, NULL);
    struct pw_pool *pool;
    ck_assert_int_eq(pw_pool_new(2, &pool), PWY_OK);
    sense_fit(&a, &r, 300, NULL);
    sense_fit(&b, &r, 300, pool);
    assert_same(a.params, b.params);
    pw_pool_free(pool);
    sense_close(&a);
    sense_close(&b);
}
END_TEST

/* Rows and wide features of the first values, at the end of `out`; returns how many numbers. */
static size_t answers(const struct pw_sense *s, const struct rows *r, struct pw_arena *arena, real *out)
{
    struct pw_exec x = exec_of(arena, NULL, false);
    size_t n = 0;
    for (int i = 0; i < 20; i++) {
        struct pw_encoded e = encode(s, &r->value[i], arena);
        const struct pw_encoded *in[] = {&e};
        ck_assert_int_eq(s->ops->forward(s, &x, 1, in, out + n, NULL, NULL), PWY_OK);
        n += (size_t)(e.n_tokens * s->d);
        for (int64_t j = 0; j < e.n_wide; j++) out[n++] = e.wide_value[j] + (real)e.wide_index[j];
        for (int k = 0; s->wide_logits && k < s->outputs; k++) out[n++] = e.wide_logits[k];
    }
    return n;
}

START_TEST(saved_and_loaded)
{
    static real before[1 << 16], after[1 << 16];
    static const char *const list[] = {NULL, "{\"trees\": false}", "{\"rank\": 3, \"nodes\": 300}"};
    const char *settings = list[_i];
    struct rows r = table_of(400, 3, fill_three);
    struct pw_arena *arena = pw_arena_new();
    struct pw_sense a = sense_open(&pw_sense_table, "classify", 3, 8, settings);
    sense_fit(&a, &r, 50, NULL);
    struct pw_sense b = sense_again(&a, settings);
    ck_assert_int_eq(a.wide_rows, b.wide_rows);
    ck_assert_int_eq(a.wide_logits, b.wide_logits);
    size_t n = answers(&a, &r, arena, before);
    ck_assert_uint_eq(answers(&b, &r, arena, after), n);
    ck_assert_mem_eq(before, after, n * sizeof(real));
    pw_arena_free(arena);
    sense_close(&a);
    sense_close(&b);
}
END_TEST

static int64_t numbers_of(const struct pw_sense *s)
{
    int64_t n = 0;
    for (int i = 0; i < s->params->n; i++) n += s->params->list[i]->n;
    return n;
}

/* Within a budget there are narrow tokens and few trees, which still learn; what was left out is known. */
START_TEST(few_numbers)
{
    enum { BUDGET = 4000 };
    struct rows r = table_of(2000, 3, fill_xor), train = r;
    struct pw_sense whole = sense_open(&pw_sense_table, "classify", 2, 64, NULL),
                    few = sense_open(&pw_sense_table, "classify", 2, 64, NULL);
    struct pw_fit fit = {.arg = &train, .n_train = 1000, .n_valid = 200, .row = rows_row, .kind = "classify",
                         .outputs = 2, .numbers = BUDGET, .seed = 3};
    train.n = 1200;
    sense_fit(&whole, &train, 200, NULL);
    ck_assert_int_eq(few.ops->fit(&few, &fit), PWY_OK);
    ck_assert_int_eq(few.ops->declare(&few), PWY_OK);
    ck_assert(numbers_of(&few) <= BUDGET + numbers_of(&whole) / 10 && numbers_of(&whole) > 2 * BUDGET);
    ck_assert(few.left_out > 0 && numbers_of(&few) + few.left_out > numbers_of(&whole) / 2);
    ck_assert_double_gt(trees_accuracy(&few, &r, 1200), .95);
    ck_assert_ptr_nonnull(pw_params_find(few.params, "task/t/x/widen"));
    sense_close(&whole);
    sense_close(&few);
}
END_TEST

START_TEST(wide_without_trees)
{
    struct rows r = table_of(400, 3, fill_three);
    struct pw_arena *arena = pw_arena_new();
    struct pw_sense s = sense_open(&pw_sense_table, "classify", 3, 8, "{\"trees\": false}");
    sense_fit(&s, &r, 0, NULL);
    ck_assert_int_eq(s.wide_rows, 2 * 26 + 5);
    for (int i = 0; i < 400; i++) {
        struct pw_encoded e = encode(&s, &r.value[i], arena);
        ck_assert_ptr_null(e.wide_logits);
        ck_assert_int_eq(e.n_tokens, 3);
        for (int64_t j = 0; j < e.n_wide; j++) {
            ck_assert_int_lt(e.wide_index[j], s.wide_rows);
            if (j > 0) ck_assert_int_gt(e.wide_index[j], e.wide_index[j - 1]);
        }
    }
    pw_arena_free(arena);
    sense_close(&s);
}
END_TEST

static void fill_many(int i, struct pw_cell *cell, struct pw_goal *goal)
{
    static char names[50][8];
    for (int c = 0; c < 50; c++) {
        snprintf(names[c], sizeof names[c], "n%d", c);
        cell[c] = number(names[c], chance(i, c));
    }
    goal->label = cell[7].number > .5;
}

START_TEST(many_columns_are_one_token)
{
    static real out[1 << 14];
    struct rows r = table_of(120, 50, fill_many);
    struct pw_arena *arena = pw_arena_new();
    struct pw_sense s = sense_open(&pw_sense_table, "classify", 2, 8, NULL);
    sense_fit(&s, &r, 20, NULL);
    ck_assert_int_eq(encode(&s, &r.value[0], arena).n_tokens, 1);
    ck_assert_uint_eq(answers(&s, &r, arena, out), 20 * (8 + 2));
    pw_arena_free(arena);
    sense_close(&s);
}
END_TEST

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

START_TEST(bad_rows)
{
    struct rows r = table_of(300, 3, fill_three);
    struct pw_arena *arena = pw_arena_new();
    struct pw_sense s = sense_open(&pw_sense_table, "classify", 3, 8, NULL);
    sense_fit(&s, &r, 50, NULL);
    expect_bad(&s, table_row(NULL, 0), "no cell");
    struct pw_cell stranger[] = {word("animals", "ant")};
    expect_bad(&s, table_row(stranger, 1), "'animals'");
    expect_bad(&s, table_row(stranger, 1), "'animal'");
    struct pw_cell big[] = {word("animal", "ant"), word("size", "big")};
    expect_bad(&s, table_row(big, 2), "column 'size': 'big'");
    struct pw_cell endless[] = {number("size", INFINITY)};
    expect_bad(&s, table_row(endless, 1), "infinity");
    struct pw_cell odd[] = {word("animal", "yak"), word("size", ""), number("size2", NAN)};
    struct pw_encoded e = encode(&s, &(struct pw_value){.type = PW_VALUE_ROW, .cells = odd, .n_cells = 3}, arena);
    for (int k = 0; k < 3; k++) ck_assert(isfinite(e.wide_logits[k]));
    pw_arena_free(arena);
    sense_close(&s);
}
END_TEST

static void fill_rare(int i, struct pw_cell *cell, struct pw_goal *goal)
{
    cell[0] = number("gain", i % 50 == 0 ? 1000 + i : 0);
    cell[1] = number("always", 4);
    cell[2] = word("never", NULL);
    goal->label = i % 50 == 0 && i % 100 == 0;
}

/* Rare large values have cuts of their own; a column of one value and one without any do no harm. */
START_TEST(poor_columns)
{
    struct rows r = table_of(MOST, 3, fill_rare);
    struct pw_sense s = sense_open(&pw_sense_table, "classify", 2, 8, NULL);
    sense_fit(&s, &r, 0, NULL);
    ck_assert_double_gt(trees_accuracy(&s, &r, 0), .98);
    sense_close(&s);
}
END_TEST

START_TEST(no_rows)
{
    struct rows r = table_of(3, 3, fill_three);
    struct pw_sense s = sense_open(&pw_sense_table, "classify", 3, 8, NULL);
    for (int i = 0; i < 3; i++) values[i].type = PW_VALUE_NONE;
    struct pw_fit fit = {.arg = &r, .n_train = 3, .row = rows_row, .kind = "classify", .outputs = 3};
    ck_assert_int_eq(s.ops->fit(&s, &fit), PWY_E_DATA);
    sense_close(&s);
    r = table_of(1, 3, fill_three);
    s = sense_open(&pw_sense_table, "classify", 3, 8, NULL);
    sense_fit(&s, &r, 0, NULL);
    sense_close(&s);
}
END_TEST

START_TEST(damaged_state)
{
    static const char *const bad[] = {
        "{}", "{\"columns\": []}", "{\"columns\": [{\"words\": []}]}", "{\"columns\": [{\"name\": \"a\"}]}",
        "{\"columns\": [{\"name\": \"a\", \"words\": [\"x\", \"x\"]}]}",
        "{\"columns\": [{\"name\": \"a\", \"centre\": 0, \"scale\": 1, \"edges\": 99, \"cuts\": 3}]}",
        "{\"columns\": [{\"name\": \"a\", \"words\": []}, {\"name\": \"a\", \"words\": []}]}",
        "{\"columns\": [{\"name\": \"a\", \"words\": []}], \"trees\": -1, \"tree_nodes\": 4}"};
    struct pw_sense s = sense_open(&pw_sense_table, "classify", 3, 8, NULL);
    struct pw_node *node;
    ck_assert_int_eq(pw_node_from_json(bad[_i], strlen(bad[_i]), NULL, &node), PWY_OK);
    ck_assert_int_eq(s.ops->load(&s, node), PWY_E_FORMAT);
    pw_node_free(node);
    sense_close(&s);
}
END_TEST

/* Whatever stands in the constants, asking ends and stays within them. */
START_TEST(damaged_trees)
{
    struct rows r = table_of(400, 3, fill_three);
    struct pw_arena *arena = pw_arena_new();
    struct pw_sense s = sense_open(&pw_sense_table, "classify", 3, 8, NULL);
    sense_fit(&s, &r, 50, NULL);
    struct pw_param *node = pw_params_find(s.params, "task/t/x/trees.node"),
        *root = pw_params_find(s.params, "task/t/x/trees.root");
    const real odd[] = {(real)NAN, -7, (real)1e30};
    for (int64_t i = 0; i < node->n; i++) node->w[i] = i % 5 < 3 ? odd[i % 5] : (real)i;
    for (int64_t i = 0; i < root->n; i++) root->w[i] = (real)(i % 3 == 0 ? NAN : i % 3 == 1 ? -1 : 1e20);
    root->w[0] = 0;
    for (int i = 0; i < 50; i++) encode(&s, &r.value[i], arena);
    pw_arena_free(arena);
    sense_close(&s);
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("sense_table");
    TCase *c = tcase_create("table");
    tcase_set_timeout(c, 120);
    tcase_add_test(c, trees_learn_xor);
    tcase_add_loop_test(c, trees_learn_sine, 0, 2);
    tcase_add_test(c, trees_learn_three_classes);
    tcase_add_loop_test(c, same_on_two_threads, 0, 2);
    tcase_add_loop_test(c, saved_and_loaded, 0, 3);
    tcase_add_test(c, few_numbers);
    tcase_add_test(c, wide_without_trees);
    tcase_add_test(c, many_columns_are_one_token);
    tcase_add_test(c, bad_rows);
    tcase_add_test(c, poor_columns);
    tcase_add_test(c, no_rows);
    tcase_add_loop_test(c, damaged_state, 0, 8);
    tcase_add_test(c, damaged_trees);
    suite_add_tcase(s, c);
    return s;
}

int main(void)
{
    return run_suite(suite());
}

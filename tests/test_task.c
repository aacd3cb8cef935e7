/* Tasks, their targets, heads and metrics, on sources in memory. */
#include <check.h>
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "task/record.h"
#include "task/task.h"
#include "suite.h"

static pwy_registry *tasks;

static void setup(void)
{
    ck_assert_int_eq(pwy_registry_new(NULL, &tasks), PWY_OK);
}

static void teardown(void)
{
    pwy_registry_free(tasks);
}

static pwy_task *task(const char *name, pwy_task_kind kind)
{
    pwy_task *t;
    ck_assert_int_eq(pwy_registry_add(tasks, name, kind, &t), PWY_OK);
    ck_assert_int_eq(pwy_task_add_part(t, "message", "text"), PWY_OK);
    return t;
}

static void says(const char *text)
{
    if (strstr(pwy_error_message(), text) == NULL) ck_abort_msg("'%s' is not in: %s", text, pwy_error_message());
}

/* Rows by label: "a", or "a|b" for several, "" for none; NULL: a row without target. */
static void set_rows(pwy_task *t, pwy_split split, const char *const *label, int n)
{
    pwy_source *s;
    pwy_example *ex = pw_example_make();
    ck_assert_int_eq(pw_source_memory(tasks->ctx, &s), PWY_OK);
    for (int i = 0; i < n; i++) {
        pw_example_clear(ex);
        ck_assert_int_eq(pwy_example_set_text(ex, "message", "words", -1), PWY_OK);
        if (label[i] != NULL) ex->target_type = PW_TARGET_LABELS;
        for (const char *at = label[i]; at != NULL && *at != '\0'; at = at[strcspn(at, "|")] ? strchr(at, '|') + 1 : NULL)
            ck_assert_int_eq(pw_example_add_label(ex, at, (int64_t)strcspn(at, "|")), PWY_OK);
        ck_assert_int_eq(pw_source_memory_add(s, ex), PWY_OK);
    }
    ck_assert_int_eq(pwy_task_set_source(t, split, s), PWY_OK);
    pwy_source_free(s);
    pw_example_release(ex);
}

static void set_numbers(pwy_task *t, const double *number, int n)
{
    pwy_source *s;
    pwy_example *ex = pw_example_make();
    ck_assert_int_eq(pw_source_memory(tasks->ctx, &s), PWY_OK);
    for (int i = 0; i < n; i++) {
        pw_example_clear(ex);
        ck_assert_int_eq(pwy_example_set_text(ex, "message", "words", -1), PWY_OK);
        ex->target_type = PW_TARGET_NUMBER;
        ex->number = number[i];
        ck_assert_int_eq(pw_source_memory_add(s, ex), PWY_OK);
    }
    ck_assert_int_eq(pwy_task_set_source(t, PWY_TRAIN, s), PWY_OK);
    pwy_source_free(s);
    pw_example_release(ex);
}
#define ROWS(...) (const char *const[]){__VA_ARGS__}, (int)(sizeof((const char *const[]){__VA_ARGS__}) / sizeof(char *))

static void labels_are(const pwy_task *t, const char *const *label, int n)
{
    ck_assert_int_eq(pwy_task_label_count(t), n);
    for (int i = 0; i < n; i++) ck_assert_str_eq(pwy_task_label(t, i), label[i]);
}

/* --- the registry --- */

START_TEST(adds_and_finds)
{
    pwy_task *spam = task("spam", PWY_CLASSIFY), *found = NULL;
    ck_assert_int_eq(pwy_registry_count(tasks), 1);
    ck_assert_int_eq(pwy_registry_find(tasks, "spam", &found), PWY_OK);
    ck_assert_ptr_eq(found, spam);
    ck_assert_ptr_eq(pwy_registry_at(tasks, 0), spam);
    ck_assert_ptr_null(pwy_registry_at(tasks, 1));
    ck_assert_ptr_null(pwy_registry_at(tasks, -1));
    ck_assert_int_eq(pwy_registry_add(tasks, "spam", PWY_REGRESS, &found), PWY_E_EXISTS);
    ck_assert_int_eq(pwy_registry_find(tasks, "span", &found), PWY_E_NOT_FOUND);
    says("'spam'");
    ck_assert_int_eq(pwy_registry_find(tasks, "weather", &found), PWY_E_NOT_FOUND);
    says("there is no task 'weather' among spam");
    ck_assert_ptr_eq(found, spam);
    ck_assert_str_eq(pwy_task_part_name(spam, 0), "message");
    ck_assert_str_eq(pwy_task_part_sense(spam, 0), "text");
    ck_assert_ptr_null(pwy_task_part_name(spam, 1));
    ck_assert_ptr_null(pwy_task_label(spam, 0));
}
END_TEST

START_TEST(refuses_bad_names_and_kinds)
{
    char longest[300];
    memset(longest, 'x', sizeof longest);
    longest[299] = '\0';
    static const char *const bad[] = {"", "a/b", "a=b", "a*", "a\nb"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        ck_assert_int_eq(pwy_registry_add(tasks, bad[i], PWY_CLASSIFY, NULL), PWY_E_ARGUMENT);
    ck_assert_int_eq(pwy_registry_add(tasks, longest, PWY_CLASSIFY, NULL), PWY_E_ARGUMENT);
    ck_assert_int_eq(pwy_registry_add(tasks, "x", (pwy_task_kind)7, NULL), PWY_E_ARGUMENT);
    ck_assert_int_eq(pwy_registry_add(tasks, NULL, PWY_CLASSIFY, NULL), PWY_E_ARGUMENT);
    ck_assert_int_eq(pwy_registry_add(NULL, "x", PWY_CLASSIFY, NULL), PWY_E_ARGUMENT);
    ck_assert_int_eq(pwy_registry_count(tasks), 0);
    pwy_registry_free(NULL);
}
END_TEST

START_TEST(knows_kinds_by_name)
{
    pwy_task_kind kind = PWY_REGRESS;
    ck_assert_int_eq(pwy_task_kind_from_name("generate", &kind), PWY_OK);
    ck_assert_int_eq(kind, PWY_GENERATE);
    ck_assert_int_eq(pwy_task_kind_from_name("rank", &kind), PWY_E_UNSUPPORTED);
    says("rank");
    ck_assert_int_eq(pwy_task_kind_from_name("clasify", &kind), PWY_E_ARGUMENT);
    says("classify");
    ck_assert_int_eq(kind, PWY_GENERATE);
    ck_assert_str_eq(pwy_task_kind_name(PWY_MULTILABEL), "multilabel");
    ck_assert_ptr_null(pwy_task_kind_name((pwy_task_kind)5));
}
END_TEST

START_TEST(checks_parts)
{
    pwy_task *t = task("spam", PWY_CLASSIFY);
    pwy_options *o;
    ck_assert_int_eq(pwy_task_add_part(t, "message", "text"), PWY_E_EXISTS);
    ck_assert_int_eq(pwy_task_add_part(t, "target", "text"), PWY_E_ARGUMENT);
    says("task 'spam'");
    ck_assert_int_eq(pwy_task_add_part(t, "where", "text"), PWY_E_ARGUMENT);
    ck_assert_int_eq(pwy_task_add_part(t, "a=b", "text"), PWY_E_ARGUMENT);
    ck_assert_int_eq(pwy_task_add_part(t, "x", "tex"), PWY_E_ARGUMENT);
    says("'text'");
    ck_assert_int_eq(pwy_task_add_part(t, "x", "video"), PWY_E_UNSUPPORTED);
    says("not supported yet");
    ck_assert_int_eq(pwy_options_parse("colunm: a", &o), PWY_OK);
    ck_assert_int_eq(pwy_task_add_part_with(t, "x", "text", o), PWY_E_ARGUMENT);
    says("'column'");
    pwy_options_free(o);
    ck_assert_int_eq(pwy_options_parse("column: a", &o), PWY_OK);
    ck_assert_int_eq(pwy_task_add_part_with(t, "x", "text", o), PWY_OK);
    pwy_options_free(o);
    ck_assert_int_eq(pwy_task_part_count(t), 2);
    ck_assert_str_eq(pw_node_get(t->parts[1].options, "column")->text, "a");
}
END_TEST

START_TEST(checks_settings)
{
    pwy_task *t = task("spam", PWY_CLASSIFY), *r = task("price", PWY_REGRESS);
    pwy_source *source = NULL;
    ck_assert_int_eq(pwy_task_set_weight(t, NAN), PWY_E_ARGUMENT);
    ck_assert_int_eq(pwy_task_set_weight(t, 0), PWY_E_ARGUMENT);
    ck_assert_int_eq(pwy_task_set_weight(t, 2), PWY_OK);
    ck_assert_int_eq(pwy_task_set_metric(t, "rmse"), PWY_E_ARGUMENT);
    says("accuracy, f1");
    ck_assert_int_eq(pwy_task_set_metric(t, "f1"), PWY_OK);
    ck_assert_int_eq(pwy_task_add_label(r, "x"), PWY_E_ARGUMENT);
    ck_assert_int_eq(pwy_task_add_label(t, ""), PWY_E_ARGUMENT);
    ck_assert_int_eq(pwy_task_add_label(t, "x"), PWY_OK);
    ck_assert_int_eq(pwy_task_add_label(t, "x"), PWY_E_EXISTS);
    ck_assert_int_eq(pwy_task_get_source(t, PWY_TRAIN, &source), PWY_E_NOT_FOUND);
    ck_assert_int_eq(pwy_task_get_source(t, (pwy_split)3, &source), PWY_E_ARGUMENT);
    ck_assert_int_eq(pw_task_fit_target(t), PWY_E_STATE);
    ck_assert_int_eq(pwy_task_read(t, PWY_TRAIN, NULL, NULL, NULL), PWY_E_ARGUMENT);
    ck_assert_int_eq(pwy_task_read(t, PWY_TRAIN, "/no/such/file.tsv", "class", NULL), PWY_E_NOT_FOUND);
    says("task 'spam'");
    ck_assert_ptr_null(t->target);
}
END_TEST

/* --- targets --- */

START_TEST(labels_come_in_order_of_appearance)
{
    pwy_task *t = task("spam", PWY_CLASSIFY);
    set_rows(t, PWY_TRAIN, ROWS("ham", "spam", NULL, "ham", "a|b", "other"));
    for (int twice = 0; twice < 2; twice++) {
        ck_assert_int_eq(pw_task_fit_target(t), PWY_OK);
        labels_are(t, ROWS("ham", "spam", "other"));
        ck_assert_int_eq(t->n_train, 4);
        ck_assert_int_eq(t->label_count[0], 2);
        ck_assert_int_eq(t->label_count[2], 1);
    }
}
END_TEST

START_TEST(labels_that_are_numbers_come_by_value)
{
    pwy_task *t = task("digit", PWY_CLASSIFY), *u = task("mixed", PWY_CLASSIFY);
    set_rows(t, PWY_TRAIN, ROWS("10", "9", "-1.5", "10", "010"));
    ck_assert_int_eq(pw_task_fit_target(t), PWY_OK);
    labels_are(t, ROWS("-1.5", "9", "10", "010"));
    ck_assert_int_eq(t->label_count[2], 2);
    set_rows(u, PWY_TRAIN, ROWS("10", "nan", "2"));
    ck_assert_int_eq(pw_task_fit_target(u), PWY_OK);
    labels_are(u, ROWS("10", "nan", "2"));
}
END_TEST

START_TEST(fixed_labels_make_others_bad_rows)
{
    pwy_task *t = task("spam", PWY_CLASSIFY);
    pwy_example *ex = pw_example_make();
    struct pw_target goal = {.label = 7};
    ck_assert_int_eq(pwy_task_add_label(t, "ham"), PWY_OK);
    ck_assert_int_eq(pwy_task_add_label(t, "spam"), PWY_OK);
    set_rows(t, PWY_TRAIN, ROWS("spam", "maybe", "spam"));
    ck_assert_int_eq(pw_task_fit_target(t), PWY_OK);
    labels_are(t, ROWS("ham", "spam"));
    ck_assert_int_eq(t->n_train, 2);
    ck_assert_int_eq(t->label_count[0], 0);
    ck_assert_int_eq(pwy_example_set_label(ex, "maybe"), PWY_OK);
    ck_assert_int_eq(t->head->target(t, ex, &goal), PWY_E_DATA);
    ck_assert_str_eq(pwy_error_message(), "label 'maybe' is not one of ham, spam");
    ck_assert_int_eq(goal.label, 7);
    ck_assert_int_eq(pwy_example_set_label(ex, "spam"), PWY_OK);
    ck_assert_int_eq(t->head->target(t, ex, &goal), PWY_OK);
    ck_assert_int_eq(goal.label, 1);
    pw_example_clear(ex);
    ck_assert_int_eq(t->head->target(t, ex, &goal), PWY_E_DATA);
    pw_example_release(ex);
}
END_TEST

START_TEST(long_lists_of_labels_are_cut)
{
    pwy_task *t = task("many", PWY_CLASSIFY);
    pwy_example *ex = pw_example_make();
    struct pw_target goal;
    char label[32];
    for (int i = 0; i < 500; i++) {
        snprintf(label, sizeof label, "label number %d", i);
        ck_assert_int_eq(pwy_task_add_label(t, label), PWY_OK);
    }
    ck_assert_int_eq(pwy_example_set_label(ex, "label number 42x"), PWY_OK);
    ck_assert_int_eq(t->head->target(t, ex, &goal), PWY_E_DATA);
    says("(500 in all)");
    says("the nearest is 'label number 42");
    ck_assert_uint_lt(strlen(pwy_error_message()), 500);
    pw_example_release(ex);
}
END_TEST

START_TEST(no_usable_target_is_an_error_that_says_why)
{
    pwy_task *t = task("spam", PWY_CLASSIFY), *r = task("price", PWY_REGRESS);
    set_rows(t, PWY_TRAIN, ROWS("ham"));
    ck_assert_int_eq(pw_task_fit_target(t), PWY_OK);
    set_rows(t, PWY_TRAIN, ROWS(NULL, NULL));
    ck_assert_int_eq(pw_task_fit_target(t), PWY_E_DATA);
    says("none of its 2 training rows");
    labels_are(t, ROWS("ham"));
    ck_assert_int_eq(t->n_train, 1);
    set_rows(t, PWY_TRAIN, NULL, 0);
    ck_assert_int_eq(pw_task_fit_target(t), PWY_E_DATA);
    set_numbers(r, (double[]){1e308, -1e308, 1e308}, 3);
    ck_assert_int_eq(pw_task_fit_target(r), PWY_E_DATA);
    ck_assert_double_eq(r->spread, 1);
}
END_TEST

START_TEST(several_labels)
{
    pwy_task *t = task("tags", PWY_MULTILABEL);
    pwy_example *ex = pw_example_make();
    uint8_t marks[3] = {0};
    struct pw_target goal = {.labels = marks};
    set_rows(t, PWY_TRAIN, ROWS("a|b", "", "c|c", NULL, "b"));
    ck_assert_int_eq(pw_task_fit_target(t), PWY_OK);
    labels_are(t, ROWS("a", "b", "c"));
    ck_assert_int_eq(t->n_train, 4);
    ck_assert_int_eq(t->label_count[1], 2);
    ck_assert_int_eq(t->label_count[2], 1);
    ck_assert_int_eq(pwy_example_add_label(ex, "c"), PWY_OK);
    ck_assert_int_eq(pwy_example_add_label(ex, "d"), PWY_OK);
    ck_assert_int_eq(t->head->target(t, ex, &goal), PWY_E_DATA);
    ck_assert_int_eq(marks[2], 0);
    ck_assert_int_eq(t->head->outputs(t), 3);
    pw_example_clear(ex);
    ck_assert_int_eq(pwy_example_add_label(ex, "c"), PWY_OK);
    ck_assert_int_eq(t->head->target(t, ex, &goal), PWY_OK);
    ck_assert(marks[0] == 0 && marks[1] == 0 && marks[2] == 1);
    pw_example_release(ex);
}
END_TEST

START_TEST(numbers_have_mean_and_spread)
{
    pwy_task *t = task("price", PWY_REGRESS);
    pwy_example *ex = pw_example_make();
    struct pw_target goal = {.number = 5};
    real out[1] = {(real).5};
    set_numbers(t, (double[]){1, 2, NAN, 3, INFINITY, 6}, 6);
    ck_assert_int_eq(pw_task_fit_target(t), PWY_OK);
    ck_assert_int_eq(t->n_train, 4);
    ck_assert_double_eq_tol(t->mean, 3, 1e-12);
    ck_assert_double_eq_tol(t->spread, sqrt(3.5), 1e-12);
    t->head->answer(t, tasks->ctx->kern, out);
    ck_assert_double_eq_tol(out[0], 3 + .5 * sqrt(3.5), 1e-6);
    ex->target_type = PW_TARGET_NUMBER;
    ex->number = NAN;
    ck_assert_int_eq(t->head->target(t, ex, &goal), PWY_E_DATA);
    pw_example_clear(ex);
    ck_assert_int_eq(pwy_example_set_label(ex, "seven"), PWY_OK);
    ck_assert_int_eq(t->head->target(t, ex, &goal), PWY_E_DATA);
    says("seven");
    ck_assert_double_eq(goal.number, 5);
    ck_assert_int_eq(pwy_example_set_label(ex, "7.5"), PWY_OK);
    ck_assert_int_eq(t->head->target(t, ex, &goal), PWY_OK);
    ck_assert_double_eq(goal.number, 7.5);
    set_numbers(t, (double[]){4, 4}, 2);
    ck_assert_int_eq(pw_task_fit_target(t), PWY_OK);
    ck_assert_double_eq(t->spread, 1);
    pw_example_release(ex);
}
END_TEST

START_TEST(a_number_is_a_label_too)
{
    pwy_task *t = task("digit", PWY_CLASSIFY);
    set_numbers(t, (double[]){3, 1, 3}, 3);
    ck_assert_int_eq(pw_task_fit_target(t), PWY_OK);
    labels_are(t, ROWS("1", "3"));
    ck_assert_int_eq(t->label_count[1], 2);
}
END_TEST

START_TEST(texts_with_a_target_are_written)
{
    pwy_task *t = task("translate", PWY_GENERATE), *u = task("stream", PWY_GENERATE);
    pwy_source *s;
    pwy_example *ex = pw_example_make();
    struct pw_target goal = {0};
    ck_assert_int_eq(pw_source_memory(tasks->ctx, &s), PWY_OK);
    ck_assert_int_eq(pwy_example_set_text(ex, "message", "one", -1), PWY_OK);
    ck_assert_int_eq(u->head->target(u, ex, &goal), PWY_E_DATA);
    ck_assert_int_eq(pw_source_memory_add(s, ex), PWY_OK);
    ck_assert_int_eq(pwy_task_set_source(u, PWY_TRAIN, s), PWY_OK);
    ck_assert_int_eq(pw_task_fit_target(u), PWY_OK);
    ck_assert_ptr_null(u->target);
    pwy_source_free(s);
    ck_assert_int_eq(pw_source_memory(tasks->ctx, &s), PWY_OK);
    ck_assert_int_eq(pwy_example_set_target_text(ex, "eins", -1), PWY_OK);
    ck_assert_int_eq(t->head->target(t, ex, &goal), PWY_OK);
    ck_assert_str_eq(goal.text, "eins");
    ck_assert_int_eq(pw_source_memory_add(s, ex), PWY_OK);
    ck_assert_int_eq(pwy_task_set_source(t, PWY_TRAIN, s), PWY_OK);
    ck_assert_int_eq(pw_task_fit_target(t), PWY_OK);
    ck_assert_ptr_nonnull(t->target);
    ck_assert_int_eq(t->n_train, 1);
    pwy_source_free(s);
    pw_example_release(ex);
}
END_TEST

/* --- cutting --- */

static void mark_rows(pwy_source *s, int *seen)
{
    pwy_example *ex = pw_example_make();
    for (int64_t i = 0; i < s->n; i++) {
        ck_assert_int_eq(pw_source_target(s, i, ex), PWY_OK);
        seen[atoi(ex->labels[0])]++;
    }
    pw_example_release(ex);
}

static pwy_task *numbered(const char *name, int n)
{
    const char *label[200];
    static char text[200][16];
    pwy_task *t = task(name, PWY_CLASSIFY);
    for (int i = 0; i < n; i++) {
        snprintf(text[i], sizeof text[i], "%d", i);
        label[i] = text[i];
    }
    set_rows(t, PWY_TRAIN, label, n);
    return t;
}

START_TEST(cuts_every_row_once)
{
    pwy_task *t = numbered("cut", 50), *again = numbered("again", 50), *other = numbered("other", 50);
    int seen[50] = {0};
    ck_assert_int_eq(pw_task_cut(t, &(struct pw_cut){.test = .2, .valid = .1, .seed = 1}), PWY_OK);
    ck_assert_int_eq(t->source[PWY_TEST]->n, 10);
    ck_assert_int_eq(t->source[PWY_VALID]->n, 5);
    ck_assert_int_eq(t->source[PWY_TRAIN]->n, 35);
    for (int s = 0; s < 3; s++) mark_rows(t->source[s], seen);
    for (int i = 0; i < 50; i++) ck_assert_int_eq(seen[i], 1);
    int one[50] = {0}, two[50] = {0}, three[50] = {0};
    ck_assert_int_eq(pw_task_cut(again, &(struct pw_cut){.test = .2, .valid = .1, .seed = 1}), PWY_OK);
    ck_assert_int_eq(pw_task_cut(other, &(struct pw_cut){.test = .2, .valid = .1, .seed = 2}), PWY_OK);
    mark_rows(t->source[PWY_TEST], one);
    mark_rows(again->source[PWY_TEST], two);
    mark_rows(other->source[PWY_TEST], three);
    ck_assert_mem_eq(one, two, sizeof one);
    ck_assert_mem_ne(one, three, sizeof one);
}
END_TEST

START_TEST(a_tenth_validates)
{
    pwy_task *ten = numbered("ten", 10), *nine = numbered("nine", 9), *test = numbered("test", 100);
    ck_assert_int_eq(pw_task_cut_default(ten), PWY_OK);
    ck_assert_int_eq(ten->source[PWY_VALID]->n, 1);
    ck_assert_int_eq(ten->source[PWY_TRAIN]->n, 9);
    ck_assert_int_eq(pw_task_cut_default(ten), PWY_OK);
    ck_assert_int_eq(ten->source[PWY_TRAIN]->n, 9);
    ck_assert_int_eq(pw_task_cut_default(nine), PWY_OK);
    ck_assert_ptr_null(nine->source[PWY_VALID]);
    ck_assert_int_eq(pw_task_cut(test, &(struct pw_cut){.test = .2}), PWY_OK);
    ck_assert_int_eq(test->source[PWY_TEST]->n, 20);
    ck_assert_int_eq(test->source[PWY_VALID]->n, 8);
    ck_assert_int_eq(test->source[PWY_TRAIN]->n, 72);
}
END_TEST

START_TEST(bad_cuts_change_nothing)
{
    pwy_task *t = numbered("cut", 20), *two = numbered("two", 2), *none = task("none", PWY_CLASSIFY);
    ck_assert_int_eq(pw_task_cut(t, &(struct pw_cut){.test = .6, .valid = .5}), PWY_E_ARGUMENT);
    ck_assert_int_eq(pw_task_cut(t, &(struct pw_cut){.test = NAN}), PWY_E_ARGUMENT);
    ck_assert_int_eq(pw_task_cut(two, &(struct pw_cut){.test = .8}), PWY_E_DATA);
    ck_assert_int_eq(pw_task_cut(none, &(struct pw_cut){.test = .5}), PWY_E_STATE);
    ck_assert_int_eq(t->source[PWY_TRAIN]->n, 20);
    ck_assert_int_eq(pw_task_cut(t, &(struct pw_cut){.test = .5}), PWY_OK);
    ck_assert_int_eq(pw_task_cut(t, &(struct pw_cut){.test = .5}), PWY_E_STATE);
    ck_assert_int_eq(t->source[PWY_TRAIN]->n, 9);
}
END_TEST

/* --- losses --- */

START_TEST(losses_and_their_gradients)
{
    struct pw_exec x = {.kern = tasks->ctx->kern, .arena = pw_arena_new(), .train = true};
    pwy_task *c = task("c", PWY_CLASSIFY), *m = task("m", PWY_MULTILABEL), *r = task("r", PWY_REGRESS);
    real out[4] = {0, 0, 0, (real)log(3)}, dout[4];
    uint8_t marks[2][2] = {{1, 0}, {0, 1}};
    double loss[2];
    struct pw_target goal[2] = {{.label = 0, .labels = marks[0], .number = 12}, {.label = 1, .labels = marks[1], .number = 8}};
    set_rows(c, PWY_TRAIN, ROWS("a", "b"));
    set_rows(m, PWY_TRAIN, ROWS("a", "b"));
    set_numbers(r, (double[]){8, 12}, 2);
    ck_assert_int_eq(pw_task_fit_target(c), PWY_OK);
    ck_assert_int_eq(pw_task_fit_target(m), PWY_OK);
    ck_assert_int_eq(pw_task_fit_target(r), PWY_OK);
    ck_assert_int_eq(c->head->loss(&x, c, 2, out, goal, (real[]){1, 2}, loss, dout), PWY_OK);
    ck_assert_double_eq_tol(loss[0], log(2), 1e-6);
    ck_assert_double_eq_tol(loss[1], log(4) - log(3), 1e-6);
    ck_assert_double_eq_tol(dout[0], -.5, 1e-6);
    ck_assert_double_eq_tol(dout[3], -.5, 1e-6);
    ck_assert_int_eq(m->head->loss(&x, m, 2, out, goal, NULL, loss, dout), PWY_OK);
    ck_assert_double_eq_tol(loss[0], log(2), 1e-6);
    ck_assert_double_eq_tol(dout[0], -.25, 1e-6);
    ck_assert_int_eq(r->head->loss(&x, r, 2, out, goal, NULL, loss, dout), PWY_OK);
    ck_assert_double_eq_tol(loss[0], .5, 1e-6);
    ck_assert_double_eq_tol(dout[0], -1, 1e-6);
    c->head->answer(c, x.kern, out + 2);
    ck_assert_double_eq_tol(out[3], .75, 1e-6);
    out[0] = 0;
    m->head->answer(m, x.kern, out);
    ck_assert_double_eq_tol(out[0], .5, 1e-6);
    pw_arena_free(x.arena);
}
END_TEST

/* --- metrics --- */

static struct pw_metric *metric(pwy_task *t, const char *name)
{
    struct pw_metric *m;
    if (name != NULL) ck_assert_int_eq(pwy_task_set_metric(t, name), PWY_OK);
    ck_assert_int_eq(pw_metric_new(t, &m), PWY_OK);
    ck_assert(isnan(pw_metric_score(m)) && isnan(pw_metric_baseline(m)));
    ck_assert_int_eq(pw_metric_count(m), 0);
    return m;
}

START_TEST(accuracy_and_macro_f1)
{
    static const real scores[4][3] = {{.5f, .5f, 0}, {.1f, .8f, .1f}, {.1f, .8f, .1f}, {NAN, NAN, NAN}};
    static const int right[4] = {0, 1, 0, 1};
    pwy_task *t = task("spam", PWY_CLASSIFY);
    set_rows(t, PWY_TRAIN, ROWS("a", "b", "b", "c"));
    ck_assert_int_eq(pw_task_fit_target(t), PWY_OK);
    for (int which = 0; which < 2; which++) {
        struct pw_metric *m = metric(t, which == 0 ? NULL : "f1");
        for (int i = 0; i < 4; i++)
            ck_assert_int_eq(pw_metric_add(m, scores[i], &(struct pw_target){.label = right[i]}), PWY_OK);
        ck_assert_str_eq(pw_metric_name(m), which == 0 ? "accuracy" : "f1");
        ck_assert(pw_metric_higher_is_better(m));
        ck_assert_int_eq(pw_metric_count(m), 4);
        ck_assert_double_eq_tol(pw_metric_score(m), which == 0 ? .5 : (2. / 3 + .5) / 2, 1e-12);
        ck_assert_double_eq_tol(pw_metric_baseline(m), which == 0 ? .5 : (2. * 2 / 6) / 2, 1e-12);
        pw_metric_free(m);
    }
    pw_metric_free(NULL);
}
END_TEST

START_TEST(micro_f1)
{
    pwy_task *t = task("tags", PWY_MULTILABEL);
    uint8_t one[] = {1, 0, 1}, none[] = {0, 0, 0};
    set_rows(t, PWY_TRAIN, ROWS("a|b", "b", "c"));
    ck_assert_int_eq(pw_task_fit_target(t), PWY_OK);
    struct pw_metric *m = metric(t, NULL);
    ck_assert_str_eq(pw_metric_name(m), "f1");
    ck_assert_int_eq(pw_metric_add(m, (real[]){0, (real).4, NAN}, &(struct pw_target){.labels = none}), PWY_OK);
    ck_assert_double_eq(pw_metric_score(m), 1);
    ck_assert_int_eq(pw_metric_add(m, (real[]){(real).5, (real).9, 0}, &(struct pw_target){.labels = one}), PWY_OK);
    ck_assert_double_eq_tol(pw_metric_score(m), 2. / 4, 1e-12);
    ck_assert_double_eq_tol(pw_metric_baseline(m), 0, 1e-12);
    pw_metric_free(m);
    m = metric(t, NULL);
    ck_assert_int_eq(pw_metric_add(m, (real[]){0, 0, 0}, &(struct pw_target){.labels = (uint8_t[]){0, 1, 0}}), PWY_OK);
    ck_assert_double_eq(pw_metric_score(m), 0);
    ck_assert_double_eq(pw_metric_baseline(m), 1);
    pw_metric_free(m);
}
END_TEST

START_TEST(errors_of_numbers)
{
    const struct { const char *name; double score, baseline; bool up; } want[] = {
        {"rmse", 1, sqrt(5), false}, {"mae", 1, 2, false}, {"r2", 1 - 2. / 2, 1 - 10. / 2, true}};
    pwy_task *t = task("price", PWY_REGRESS);
    set_numbers(t, (double[]){0, 2}, 2);
    struct pw_metric *before = metric(t, NULL);
    ck_assert_int_eq(pw_metric_add(before, (real[]){1}, &(struct pw_target){.number = 2}), PWY_OK);
    ck_assert(isnan(pw_metric_baseline(before)));
    pw_metric_free(before);
    ck_assert_int_eq(pw_task_fit_target(t), PWY_OK);
    for (int i = 0; i < 3; i++) {
        struct pw_metric *m = metric(t, want[i].name);
        ck_assert_int_eq(pw_metric_add(m, (real[]){3}, &(struct pw_target){.number = 2}), PWY_OK);
        if (i == 2) ck_assert(isnan(pw_metric_score(m)));
        ck_assert_int_eq(pw_metric_add(m, (real[]){3}, &(struct pw_target){.number = 4}), PWY_OK);
        ck_assert_double_eq_tol(pw_metric_score(m), want[i].score, 1e-12);
        ck_assert(pw_metric_higher_is_better(m) == want[i].up);
        ck_assert_double_eq_tol(pw_metric_baseline(m), want[i].baseline, 1e-12);
        pw_metric_free(m);
    }
}
END_TEST

START_TEST(bits_of_text)
{
    pwy_task *t = task("play", PWY_GENERATE);
    struct pw_metric *m = metric(t, NULL);
    pw_metric_add_text(m, 8 * log(2), 4, "aabb");
    pw_metric_add_text(m, 0, 4, "cc\0d");
    ck_assert_double_eq_tol(pw_metric_score(m), 1, 1e-12);
    ck_assert_double_eq_tol(pw_metric_baseline(m), .75 * 2 + .25 * 3, 1e-12);
    ck_assert(!pw_metric_higher_is_better(m));
    ck_assert_int_eq(pw_metric_count(m), 2);
    ck_assert_int_eq(pw_metric_add(m, NULL, NULL), PWY_E_STATE);
    pw_metric_free(m);
}
END_TEST

/* --- copies and files --- */

static void full_registry(void)
{
    pwy_options *o;
    pwy_task *t = task("spam", PWY_CLASSIFY), *r = task("price", PWY_REGRESS);
    ck_assert_int_eq(pwy_options_parse("column: '1'", &o), PWY_OK);
    ck_assert_int_eq(pwy_task_add_part_with(t, "more", "text", o), PWY_OK);
    pwy_options_free(o);
    set_rows(t, PWY_TRAIN, ROWS("1", "true", "null", "1", "a \"quoted\" ü"));
    set_numbers(r, (double[]){0.1, 1e-300, 3.3}, 3);
    ck_assert_int_eq(pw_task_fit_target(t), PWY_OK);
    ck_assert_int_eq(pw_task_fit_target(r), PWY_OK);
    ck_assert_int_eq(pwy_task_set_metric(r, "mae"), PWY_OK);
    ck_assert_int_eq(pwy_task_set_weight(r, 1. / 3), PWY_OK);
    r->wide_scale = 0.1 + 0.2;
    r->trunk_scale = -DBL_MIN;
    r->trained = true;
    r->missing = pw_strdup("?");
    r->target = pw_strdup("12");
    r->columns = pw_node_new(PW_LIST);
    ck_assert_int_eq(pw_node_add(r->columns, pw_node_text("7", true)), PWY_OK);
}

static void same_task(const pwy_task *a, const pwy_task *b)
{
    ck_assert_str_eq(a->name, b->name);
    ck_assert_ptr_eq(a->head, b->head);
    ck_assert_int_eq(a->index, b->index);
    ck_assert_int_eq(a->n_parts, b->n_parts);
    for (int p = 0; p < a->n_parts; p++) {
        ck_assert_str_eq(a->parts[p].name, b->parts[p].name);
        ck_assert_str_eq(a->parts[p].sense, b->parts[p].sense);
        ck_assert((a->parts[p].options == NULL) == (b->parts[p].options == NULL));
    }
    ck_assert_int_eq(pwy_task_label_count(a), pwy_task_label_count(b));
    for (int64_t i = 0; i < pwy_task_label_count(a); i++) {
        ck_assert_str_eq(pwy_task_label(a, i), pwy_task_label(b, i));
        ck_assert_int_eq(a->label_count[i], b->label_count[i]);
    }
    ck_assert_pstr_eq(a->metric, b->metric);
    ck_assert_pstr_eq(a->missing, b->missing);
    ck_assert_pstr_eq(a->target, b->target);
    ck_assert((a->columns == NULL) == (b->columns == NULL));
    ck_assert(a->weight == b->weight && a->mean == b->mean && a->spread == b->spread && a->n_train == b->n_train);
    ck_assert(a->wide_scale == b->wide_scale && a->trunk_scale == b->trunk_scale && a->trained == b->trained);
    ck_assert(a->fixed_labels == b->fixed_labels);
}

START_TEST(copies_hold_their_sources)
{
    pwy_registry *copy;
    full_registry();
    ck_assert_int_eq(pw_registry_copy(tasks, &copy), PWY_OK);
    ck_assert_int_eq(copy->n, 2);
    for (int i = 0; i < 2; i++) {
        same_task(pw_registry_at(tasks, i), pw_registry_at(copy, i));
        ck_assert_ptr_eq(pw_registry_at(tasks, i)->source[0], pw_registry_at(copy, i)->source[0]);
        ck_assert_int_eq(pw_registry_at(copy, i)->source[0]->count, 2);
    }
    pw_registry_release(copy);
    ck_assert_int_eq(pw_registry_at(tasks, 0)->source[0]->count, 1);
}
END_TEST

/* A registry of one record with these settings. */
static pwy_status reopen(const char *name, pwy_task_kind kind, const char *json, pwy_registry **out)
{
    struct pw_image im = {0};
    struct pw_record r = {.kind = (uint16_t)kind};
    ck_assert_int_eq(pw_image_add(&im, name, &r, (struct pw_bytes){json, strlen(json)}, (struct pw_bytes){0}), PWY_OK);
    ck_assert_int_eq(pw_image_finish(&im), PWY_OK);
    struct pw_task_segment_bytes b = pw_image_bytes(&im);
    pwy_status status = pw_registry_open(NULL, &b, 1, true, out);
    pw_image_free(&im);
    return status;
}

START_TEST(comes_back_from_a_file_to_the_bit)
{
    struct pw_image im, again;
    pwy_registry *read;
    pwy_task *t;
    full_registry();
    ck_assert_int_eq(pw_registry_image(tasks, 0, NULL, NULL, &im), PWY_OK);
    struct pw_task_segment_bytes b = pw_image_bytes(&im);
    ck_assert_int_eq(pw_registry_open(NULL, &b, 1, false, &read), PWY_OK);
    ck_assert_int_eq(read->n, 2);
    ck_assert_int_eq(pw_registry_image(read, 0, NULL, NULL, &again), PWY_OK);
    ck_assert_mem_eq(im.texts.data, again.texts.data, im.texts.len);
    pw_image_free(&again);
    for (int i = 0; i < 2; i++) {
        ck_assert_int_eq(pw_registry_task(read, i, &t), PWY_OK);
        same_task(pw_registry_at(tasks, i), t);
    }
    ck_assert_int_eq(pw_registry_image(read, 0, NULL, NULL, &again), PWY_OK);
    ck_assert_int_eq(im.texts.len, again.texts.len);
    ck_assert_mem_eq(im.texts.data, again.texts.data, im.texts.len);
    ck_assert_mem_eq(im.records.data, again.records.data, im.records.len);
    ck_assert_mem_eq(im.labels.data, again.labels.data, im.labels.len);
    ck_assert_ptr_null(pw_registry_at(read, 0)->source[0]);
    ck_assert_str_eq(pw_node_get(pw_registry_at(read, 0)->parts[1].options, "column")->text, "1");
    pw_registry_release(read);
    pw_image_free(&im);
    pw_image_free(&again);
}
END_TEST

START_TEST(damaged_settings_are_refused)
{
    static const struct { pwy_task_kind kind; const char *json; } bad[] = {
        {PWY_CLASSIFY, "[]"}, {PWY_CLASSIFY, ""}, {PWY_CLASSIFY, "{}"}, {PWY_CLASSIFY, "{\"parts\": 1}"},
        {PWY_CLASSIFY, "{\"parts\": {\"m\": {}}}"},
        {PWY_CLASSIFY, "{\"parts\": {\"m\": {\"sense\": \"smell\"}}}"},
        {PWY_CLASSIFY, "{\"parts\": {\"m\": {\"sense\": \"text\"}}, \"mood\": 3}"},
        {PWY_CLASSIFY, "{\"parts\": {\"m\": {\"sense\": \"text\"}}, \"labels\": [\"x\", \"x\"]}"},
        {PWY_CLASSIFY, "{\"parts\": {\"m\": {\"sense\": \"text\"}}, \"labels\": [\"\"]}"},
        {PWY_CLASSIFY, "{\"parts\": {\"m\": {\"sense\": \"text\"}}, \"labels\": [\"x\"], \"label_count\": [1, 2]}"},
        {PWY_CLASSIFY, "{\"parts\": {\"m\": {\"sense\": \"text\"}}, \"labels\": [\"x\"], \"label_count\": [-1]}"},
        {PWY_CLASSIFY, "{\"parts\": {\"m\": {\"sense\": \"text\"}}, \"labels\": [[\"x\"]]}"},
        {PWY_REGRESS, "{\"parts\": {\"m\": {\"sense\": \"text\"}}, \"labels\": [\"x\"]}"},
        {PWY_REGRESS, "{\"parts\": {\"m\": {\"sense\": \"text\"}}, \"spread\": 0}"},
        {PWY_REGRESS, "{\"parts\": {\"m\": {\"sense\": \"text\"}}, \"weight\": -1}"},
        {PWY_REGRESS, "{\"parts\": {\"m\": {\"sense\": \"text\"}}, \"metric\": \"accuracy\"}"},
        {PWY_REGRESS, "{\"parts\": {\"m\": {\"sense\": \"text\"}}, \"columns\": 3}"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        pwy_registry *read;
        pwy_task *t = NULL, *found;
        ck_assert_int_eq(reopen("a", bad[i].kind, bad[i].json, &read), PWY_OK);
        for (int turn = 0; turn < 2; turn++) {
            ck_assert_msg(pw_registry_task(read, 0, &t) == PWY_E_FORMAT, "%s", bad[i].json);
            says("'a'");
        }
        ck_assert_ptr_null(t);
        ck_assert_int_eq(pwy_registry_find(read, "a", &found), PWY_OK);
        ck_assert_int_eq(pwy_task_part_count(found), 0);
        pwy_registry_free(read);
    }
    pwy_registry *read;
    ck_assert_int_eq(reopen("a/b", PWY_CLASSIFY, "{}", &read), PWY_OK);
    ck_assert_ptr_null(pwy_registry_at(read, 0));
    pwy_registry_free(read);
    ck_assert_int_eq(reopen("a", 7, "{}", &read), PWY_OK);
    ck_assert_ptr_null(pwy_registry_at(read, 0));
    says("kind 7");
    pwy_registry_free(read);
}
END_TEST

static Suite *suite(void)
{
    const TTest *const tests[] = {
        adds_and_finds, refuses_bad_names_and_kinds, knows_kinds_by_name, checks_parts, checks_settings,
        labels_come_in_order_of_appearance, labels_that_are_numbers_come_by_value, fixed_labels_make_others_bad_rows,
        long_lists_of_labels_are_cut, no_usable_target_is_an_error_that_says_why, several_labels,
        numbers_have_mean_and_spread, a_number_is_a_label_too, texts_with_a_target_are_written, cuts_every_row_once,
        a_tenth_validates, bad_cuts_change_nothing, losses_and_their_gradients, accuracy_and_macro_f1, micro_f1,
        errors_of_numbers, bits_of_text, copies_hold_their_sources, comes_back_from_a_file_to_the_bit,
        damaged_settings_are_refused};
    Suite *s = suite_create("task");
    TCase *t = tcase_create("task");
    tcase_add_checked_fixture(t, setup, teardown);
    for (size_t i = 0; i < sizeof tests / sizeof *tests; i++) tcase_add_test(t, tests[i]);
    suite_add_tcase(s, t);
    return s;
}

int main(void)
{
    return run_suite(suite());
}

/* Golden inputs: every task that is sealed keeps some, however large its rows, whatever it learned from. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "base/example_bytes.h"
#include "model/model.h"
#include "train_rig.h"
#include "suite.h"

enum { CUT = 2048 };

/* --- examples cut to a size --- */

static const struct pw_value *cut_part(pwy_example *ex, int64_t most)
{
    OK(pw_example_cut(ex, most));
    return &ex->parts[0].value;
}

static pwy_example *example(void)
{
    pwy_example *ex;
    OK(pwy_example_new(&ex));
    return ex;
}

START_TEST(texts_and_bytes_are_cut)
{
    static const char euros[] = "\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac";
    static const struct { int64_t most, want; } text[] = {{1, 3}, {3, 3}, {4, 6}, {8, 9}, {9, 9}, {100, 9}};
    pwy_example *ex = example();
    for (size_t i = 0; i < sizeof text / sizeof *text; i++) {
        OK(pwy_example_set_text(ex, "t", euros, -1));
        const struct pw_value *v = cut_part(ex, text[i].most);
        ck_assert_int_eq(v->len, text[i].want);
        ck_assert(memcmp(v->text, euros, (size_t)v->len) == 0 && v->text[v->len] == '\0');
        OK(pwy_example_set_bytes(ex, "t", euros, 9));
        ck_assert_int_eq(cut_part(ex, text[i].most)->len, text[i].most < 9 ? text[i].most : 9);
    }
    pwy_example_free(ex);
}
END_TEST

START_TEST(pixels_are_cut)
{
    static uint8_t pixels[6 * 20 * 40 * 3];
    pwy_example *ex = example();
    for (size_t i = 0; i < sizeof pixels; i++) pixels[i] = (uint8_t)(i / 3 * 7 + i % 3);
    OK(pwy_example_set_image(ex, "p", pixels, 20, 40, 3));
    const struct pw_value *v = cut_part(ex, 600);
    ck_assert(v->height == 10 && v->width == 20 && v->channels == 3);
    for (int y = 0; y < 10; y++)
        ck_assert(memcmp(v->pixels + y * 60, pixels + ((5 + y) * 40 + 10) * 3, 60) == 0);
    v = cut_part(ex, 1);
    ck_assert(v->height == 1 && v->width == 1);
    OK(pwy_example_set_image(ex, "p", pixels, 1, 4000, 1));
    ck_assert(cut_part(ex, 100)->height == 1);
    OK(pwy_example_set_video(ex, "p", pixels, 6, 20, 40, 3));
    v = cut_part(ex, 1800);
    ck_assert(v->frames == 3 && v->height == 10 && v->width == 20);
    ck_assert(memcmp(v->pixels + 2 * 600, pixels + ((2 * 20 + 5) * 40 + 10) * 3, 60) == 0);
    pwy_example_free(ex);
}
END_TEST

START_TEST(samples_and_cells_are_cut)
{
    float samples[60];
    pwy_example *ex = example();
    for (int i = 0; i < 60; i++) samples[i] = (float)i / 100;
    OK(pwy_example_set_series(ex, "s", samples, 20, 3));
    ck_assert_int_eq(cut_part(ex, 100)->steps, 8);
    ck_assert_int_eq(cut_part(ex, 5)->steps, 1);
    ck_assert_int_eq(cut_part(ex, 5)->channels, 3);
    OK(pwy_example_set_audio(ex, "s", samples, 60, 1, 1000));
    ck_assert_int_eq(cut_part(ex, 40)->steps, 10);
    pwy_example_clear(ex);
    for (int i = 0; i < 50; i++) {
        char name[16];
        snprintf(name, sizeof name, "column %d", i);
        OK(pwy_example_set_cell_number(ex, "row", name, i));
    }
    int64_t n = cut_part(ex, 1000)->n_cells;
    ck_assert(n > 5 && n < 30);
    ck_assert_int_eq(cut_part(ex, 1)->n_cells, 1);
    ck_assert_str_eq(ex->parts[0].value.cells[0].column, "column 0");
    pwy_example_free(ex);
}
END_TEST

/* --- rows of some 10 KB, for every sense --- */

static void large_cells(pwy_example *ex, int64_t i)
{
    for (int c = 0; c < 150; c++) {
        char name[48];
        snprintf(name, sizeof name, "measured at the place number %d", c);
        OK(pwy_example_set_cell_number(ex, "row", name, (double)((i * (c + 3)) % 17)));
    }
}

static void large_samples(int task, pwy_example *ex, int64_t i)
{
    float samples[3000];
    for (int t = 0; t < 3000; t++) samples[t] = .5f * sinf((float)t * (i % 2 ? .9f : .25f) + (float)i);
    if (task == R_AUDIO) OK(pwy_example_set_audio(ex, "sound", samples, 3000, 1, 1000));
    else OK(pwy_example_set_series(ex, "wave", samples, 600, 5));
}

static void large_picture(pwy_example *ex, int64_t i)
{
    static uint8_t pixels[64 * 64 * 3];
    for (size_t p = 0; p < sizeof pixels; p++) pixels[p] = (uint8_t)(p * (i % 2 ? 3 : 1) / 48 + p % 7 * (size_t)i);
    OK(pwy_example_set_image(ex, "picture", pixels, 64, 64, 3));
}

static void large_letters(int task, pwy_example *ex, int64_t i)
{
    char letters[10001];
    for (int b = 0; b < 10000; b++)
        letters[b] = b % 6 == 5 ? ' ' : (char)('a' + (b * (i % 2 ? 3 : 5) + b / 7 + i) % 26);
    letters[10000] = '\0';
    if (task == R_BYTES) OK(pwy_example_set_bytes(ex, "frame", letters, 10000));
    else OK(pwy_example_set_text(ex, rig_task[task].part, letters, -1));
}

static void large_parts(int task, int64_t i, pwy_example *ex)
{
    switch (task) {
    case R_TABLE: large_cells(ex, i); break;
    case R_SERIES: case R_AUDIO: large_samples(task, ex, i); break;
    case R_IMAGE: large_picture(ex, i); break;
    case R_TWO: large_picture(ex, i); large_letters(task, ex, i); break;
    default: large_letters(task, ex, i);
    }
}

static pwy_source *large_source(int task, int64_t from, int64_t to)
{
    pwy_source *s;
    pwy_example *ex = example();
    OK(pwy_source_new(NULL, &s));
    for (int64_t i = from; i < to; i++) {
        pwy_example_clear(ex);
        large_parts(task, i, ex);
        rig_target(task, i, ex);
        OK(pwy_source_append(s, ex));
    }
    pwy_example_free(ex);
    return s;
}

static void set_source(pwy_task *t, pwy_split split, pwy_source *s)
{
    OK(pwy_task_set_source(t, split, s));
    pwy_source_free(s);
}

/* A model of one task, trained and sealed; with validation rows or without. */
static pwy_model *sealed_large(int task, bool valid)
{
    pwy_registry *r;
    pwy_task *t;
    pwy_model *m, *out;
    pwy_options *shape = rig_options(RIG_SHAPE), *plain = rig_options("trees: false");
    OK(pwy_registry_new(NULL, &r));
    OK(pwy_registry_add(r, rig_task[task].name, rig_task[task].kind, &t));
    OK(pwy_task_add_part_with(t, rig_task[task].part, rig_task[task].sense, task == R_TABLE ? plain : NULL));
    if (task == R_TWO) OK(pwy_task_add_part(t, "picture", "image"));
    set_source(t, PWY_TRAIN, large_source(task, 0, 8));
    if (valid) set_source(t, PWY_VALID, large_source(task, 8, 14));
    OK(pwy_model_new(r, shape, &m));
    m = rig_trained(m, "steps: 2, batch: 4");
    OK(pwy_model_seal(m, NULL, NULL, &out));
    pwy_model_free(m);
    pwy_registry_free(r);
    pwy_options_free(plain);
    pwy_options_free(shape);
    return out;
}

static struct pw_node *golden(pwy_model *m, const char *task, const char *list)
{
    struct pw_net *net;
    OK(pw_model_net(m, task, &net));
    struct pw_node *node = pw_node_get(net->task->golden, list);
    ck_assert_msg(node != NULL && node->kind == PW_LIST, "'%s' has no %s", task, list);
    return node;
}

static void change_one_answer(pwy_model *m, const char *task, int i)
{
    char *text = golden(m, task, "answers")->item[i]->text;
    text[0] = text[0] == '3' ? '4' : '3';
    FAILS(pwy_model_check(m, task), PWY_E_FORMAT);
    SAYS("golden input");
    SAYS(task);
}

START_TEST(large_rows_are_kept_cut)
{
    for (int valid = 0; valid < 2; valid++) {
        pwy_model *m = sealed_large(_i, valid), *again = rig_reopened(m);
        const char *name = rig_task[_i].name;
        struct pw_node *inputs = golden(again, name, "inputs");
        ck_assert_int_eq(inputs->n, 3);
        ck_assert_int_eq(golden(again, name, "answers")->n, 3);
        for (int i = 0; i < 3; i++) {
            size_t len = strlen(inputs->item[i]->text) / 2;
            ck_assert_msg(len > CUT / 2 && len < CUT + 512, "an input of '%s' has %zu bytes", name, len);
            ck_assert_str_ne(golden(again, name, "answers")->item[i]->text, "");
        }
        OK(pwy_model_check(again, name));
        change_one_answer(again, name, 2);
        pwy_model_free(again);
        pwy_model_free(m);
    }
}
END_TEST

/* Whose start is missing is kept whole: cut, it would be no value at all. */
START_TEST(what_cannot_be_cut_is_whole)
{
    static float samples[2000];
    pwy_model *m = rig_trained(rig_model(NULL, 1 << R_SERIES, NULL), "steps: 1, batch: 4");
    pwy_example *ex = example();
    struct pw_net *net;
    OK(pw_model_net(m, "wave", &net));
    pw_node_free(net->task->golden);
    net->task->golden = NULL;
    for (int i = 0; i < 2000; i++) samples[i] = i < 1500 ? NAN : (float)(i % 10);
    OK(pwy_example_set_series(ex, "wave", samples, 1000, 2));
    OK(pw_golden_offer(m, net, ex));
    ck_assert_uint_gt(strlen(golden(m, "wave", "inputs")->item[0]->text), 2 * sizeof samples);
    for (int i = 0; i < 5; i++) OK(pw_golden_offer(m, net, ex));
    ck_assert_int_eq(golden(m, "wave", "inputs")->n, 3);
    pwy_example_free(ex);
    pwy_model_free(m);
}
END_TEST

/* A task that only ever learned one example at a time, in a model from a file, which has no rows. */
START_TEST(learned_by_doing_alone)
{
    pwy_model *made = rig_model(NULL, 1 << R_TEXT, NULL), *blank = rig_reopened(made), *m, *sealed;
    pwy_trainer *t = rig_trainer(blank, NULL);
    pwy_example *ex = example();
    for (int i = 0; i < 2; i++) {
        rig_row(R_TEXT, i, ex);
        OK(pwy_trainer_learn(t, "words", ex));
    }
    OK(pwy_trainer_model(t, &m));
    OK(pwy_model_seal(m, "words", NULL, &sealed));
    ck_assert_int_eq(golden(sealed, "words", "answers")->n, 2);
    OK(pwy_model_check(sealed, "words"));
    change_one_answer(sealed, "words", 1);
    pwy_example_free(ex);
    pwy_trainer_free(t);
    pwy_model_free(sealed);
    pwy_model_free(m);
    pwy_model_free(blank);
    pwy_model_free(made);
}
END_TEST

/* A file whose bytes are what was written, but a task's answers are not: its digests say nothing, the replay does, and
   the program names the task. */
START_TEST(found_in_a_file)
{
    char path[128], line[256] = "", command[256];
    pwy_model *m = rig_trained(rig_model(NULL, 1 << R_TEXT | 1 << R_TABLE, NULL), "steps: 2, batch: 4"), *sealed, *back;
    OK(pwy_model_seal(m, NULL, NULL, &sealed));
    change_one_answer(sealed, "words", 0);
    strcpy(path, in_folder("one.pathways"));
    OK(pwy_model_save(sealed, path));
    OK(pwy_model_verify(NULL, path, NULL, NULL));
    OK(pwy_model_open(NULL, path, &back));
    FAILS(pwy_model_check(back, NULL), PWY_E_FORMAT);
    SAYS("'words'");
    OK(pwy_model_check(back, "price"));
    if (access("./pathways", X_OK) == 0) {
        snprintf(command, sizeof command, "./pathways verify %s", path);
        FILE *out = popen(command, "r");
        ck_assert_ptr_nonnull(fgets(line, sizeof line, out));
        ck_assert_msg(strstr(line, "task 'words'") != NULL, "it says '%s'", line);
        ck_assert_ptr_null(fgets(line, sizeof line, out));
        ck_assert_int_eq(pclose(out) >> 8, 1);
    }
    pwy_model_free(back);
    pwy_model_free(sealed);
    pwy_model_free(m);
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("golden");
    TCase *t = tcase_create("golden");
    tcase_set_timeout(t, 240);
    tcase_add_checked_fixture(t, make_folder, remove_folder);
    tcase_add_test(t, texts_and_bytes_are_cut);
    tcase_add_test(t, pixels_are_cut);
    tcase_add_test(t, samples_and_cells_are_cut);
    tcase_add_loop_test(t, large_rows_are_kept_cut, 0, R_TASKS);
    tcase_add_test(t, what_cannot_be_cut_is_whole);
    tcase_add_test(t, learned_by_doing_alone);
    tcase_add_test(t, found_in_a_file);
    suite_add_tcase(s, t);
    return s;
}

int main(void)
{
    return run_suite(suite());
}

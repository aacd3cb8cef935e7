/* Recipes: the words, their errors with file and line, and real files. */
#include <check.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "recipe/recipe.h"
#include "suite.h"

/* Every word of a recipe that is in use elsewhere. */
static const char sketch[] =
    "data: ${PATHWAYS_DATA}\n"
    "model: {d: 128, layers: 4, heads: 4, experts: 16, topk: 2, hidden: 256, vocab: 4096}\n"
    "train: {minutes: 5, seed: 1, threads: 2}\n"
    "tasks:\n"
    "  spam:\n"
    "    kind: classify\n"
    "    parts: {message: text}\n"
    "    target: class\n"
    "    columns: [class, message]\n"
    "    train: sms_spam/train.tsv\n"
    "    test: sms_spam/test.tsv\n"
    "  digit:\n"
    "    kind: classify\n"
    "    parts: {picture: image}\n"
    "    train: {picture: mnist/train-images-idx3-ubyte.gz, target: mnist/train-labels-idx1-ubyte.gz}\n"
    "    test: {picture: mnist/t10k-images-idx3-ubyte.gz, target: mnist/t10k-labels-idx1-ubyte.gz}\n"
    "  processor:\n"
    "    kind: classify\n"
    "    parts: {code: {sense: bytes, record: 1024}}\n"
    "    train: {code: isa_bytes/train.bin, target: isa_bytes/train.labels.txt}\n"
    "    test: {code: isa_bytes/test.bin, target: isa_bytes/test.labels.txt}\n"
    "  word:\n"
    "    kind: classify\n"
    "    parts: {sound: audio}\n"
    "    train: {files: fsdd/train, target: '^([0-9])_'}\n"
    "    test: {files: fsdd/test, target: '^([0-9])_'}\n"
    "  object:\n"
    "    kind: classify\n"
    "    parts: {picture: image}\n"
    "    train: cifar10_jpg/train\n"
    "    test: cifar10_jpg/test\n"
    "  income:\n"
    "    kind: classify\n"
    "    parts: {person: table}\n"
    "    target: income\n"
    "    missing: \"?\"\n"
    "    train: adult/train.csv\n"
    "    test: adult/test.csv\n"
    "  house:\n"
    "    kind: regress\n"
    "    metric: rmse\n"
    "    parts: {block: table}\n"
    "    target: median_house_value\n"
    "    train: california_housing/housing.csv\n"
    "    split: {test: 0.2, valid: 0.1, seed: 1}\n"
    "  stamp:\n"
    "    kind: classify\n"
    "    parts: {picture: {sense: image, column: image, path: images}, caption: {sense: text, column: en}}\n"
    "    target: category\n"
    "    train: {table: tux_stamps/index.tsv, where: {split: train}}\n"
    "    test: {table: tux_stamps/index.tsv, where: {split: test}}\n"
    "  motion:\n"
    "    kind: classify\n"
    "    parts: {clip: video}\n"
    "    train: {clip: moving_mnist/train-frames-idx4-ubyte.gz, target: moving_mnist/train-direction-idx1-ubyte.gz}\n"
    "    test: {clip: moving_mnist/test-frames-idx4-ubyte.gz, target: moving_mnist/test-direction-idx1-ubyte.gz}\n"
    "  gesture:\n"
    "    kind: classify\n"
    "    parts: {motion: series}\n"
    "    train: ucr_small/BasicMotions/BasicMotions_TRAIN.ts\n"
    "    test: ucr_small/BasicMotions/BasicMotions_TEST.ts\n"
    "  play:\n"
    "    kind: generate\n"
    "    parts: {context: text}\n"
    "    train: tinyshakespeare/input.txt\n"
    "    split: {test: 0.1}\n";

static char folder[64];

static void setup(void)
{
    strcpy(folder, "/tmp/pathways-recipe-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
}

static void teardown(void)
{
    char command[128];
    snprintf(command, sizeof command, "rm -r '%s'", folder);
    ck_assert_int_eq(system(command), 0);
}

static void write_file(const char *name, const char *text)
{
    char path[256];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *f = fopen(path, "w");
    ck_assert_ptr_nonnull(f);
    ck_assert_int_eq(fputs(text, f) >= 0 && fclose(f) == 0, 1);
}

/* Reads text as DIR/recipe.yaml; options: as in pwy_options_parse, or NULL. */
static pwy_status read_text(const char *text, const char *options, pwy_recipe **out)
{
    char path[256];
    pwy_options *o = NULL;
    write_file("recipe.yaml", text);
    snprintf(path, sizeof path, "%s/recipe.yaml", folder);
    if (options != NULL) ck_assert_int_eq(pwy_options_parse(options, &o), PWY_OK);
    pwy_status status = pwy_recipe_open(NULL, path, o, out);
    pwy_options_free(o);
    return status;
}

static void says(const char *text)
{
    if (strstr(pwy_error_message(), text) == NULL) ck_abort_msg("'%s' is not in: %s", text, pwy_error_message());
}

/* The recipe is refused, at this line of it (0: as a whole), with these words in the message. */
static void refused(const char *recipe, pwy_status status, long line, const char *words)
{
    pwy_recipe *r = (void *)folder;
    pwy_status got = read_text(recipe, "sources: false", &r);
    if (got != status) ck_abort_msg("%s instead of %s: %s\n%s", pwy_status_name(got), pwy_status_name(status),
                                    got == PWY_OK ? "" : pwy_error_message(), recipe);
    ck_assert_ptr_eq(r, folder);
    says(words);
    says("recipe.yaml");
    pwy_error *e = pwy_error_last();
    if (pwy_error_line(e) != line) ck_abort_msg("line %ld, not %ld: %s", (long)pwy_error_line(e), line, pwy_error_text(e));
    pwy_error_free(e);
}

static pwy_task *task_of(pwy_recipe *r, const char *name)
{
    pwy_task *t = NULL;
    ck_assert_int_eq(pwy_registry_find(pwy_recipe_registry(r), name, &t), PWY_OK);
    return t;
}

/* --- words --- */

static const char others[] =
    "sources: false, data: /none, only: [spam, digit, processor, word, object, income, house, stamp, gesture, play]";

START_TEST(the_sketch_is_read)
{
    pwy_recipe *r;
    if (read_text(sketch, others, &r) != PWY_OK) ck_abort_msg("%s", pwy_error_message());
    ck_assert_int_eq(pwy_registry_count(pwy_recipe_registry(r)), 10);
    pwy_task *processor = task_of(r, "processor"), *stamp = task_of(r, "stamp"), *spam = task_of(r, "spam");
    ck_assert_str_eq(pw_node_get(processor->parts[0].options, "record")->text, "1024");
    ck_assert_ptr_null(pw_node_get(processor->parts[0].options, "sense"));
    ck_assert_int_eq(pwy_task_part_count(stamp), 2);
    ck_assert_str_eq(pwy_task_part_sense(stamp, 1), "text");
    ck_assert_str_eq(spam->target, "class");
    ck_assert_int_eq(spam->columns->n, 2);
    ck_assert_str_eq(task_of(r, "income")->missing, "?");
    ck_assert_str_eq(task_of(r, "house")->metric, "rmse");
    ck_assert_int_eq(pwy_task_get_kind(task_of(r, "play")), PWY_GENERATE);
    ck_assert_str_eq(pw_node_get(pwy_recipe_model_options(r)->map, "d")->text, "128");
    ck_assert_str_eq(pw_node_get(pwy_recipe_train_options(r)->map, "minutes")->text, "5");
    ck_assert_int_eq(pwy_options_set_int(pwy_recipe_train_options(r), "threads", 1), PWY_OK);
    pwy_recipe_free(r);
}
END_TEST

START_TEST(video_is_not_supported_yet)
{
    pwy_recipe *r = NULL;
    ck_assert_int_eq(read_text(sketch, "sources: false, data: /none", &r), PWY_E_UNSUPPORTED);
    says("task 'motion'");
    says("video");
    pwy_error *e = pwy_error_last();
    ck_assert_int_gt(pwy_error_line(e), 50);
    ck_assert_str_eq(pwy_error_task(e), "motion");
    pwy_error_free(e);
    ck_assert_ptr_null(r);
    ck_assert_int_eq(read_text(sketch, "sources: false, data: /none, skip_unsupported: true", &r), PWY_OK);
    ck_assert_int_eq(pwy_registry_count(pwy_recipe_registry(r)), 10);
    pwy_recipe_free(r);
}
END_TEST

#define TASK "  a:\n    kind: classify\n    parts: {m: text}\n    train: x.tsv\n"

START_TEST(bad_words_are_named)
{
    refused("", PWY_E_FORMAT, 0, "");
    refused("- a\n", PWY_E_FORMAT, 0, "map");
    refused("model: {d: 8}\n", PWY_E_FORMAT, 0, "'tasks'");
    refused("tasks:\n", PWY_E_ARGUMENT, 1, "'tasks'");
    refused("tasks: []\n", PWY_E_ARGUMENT, 1, "'tasks'");
    refused("taks:\n" TASK, PWY_E_ARGUMENT, 2, "tasks");
    refused("model: 3\ntasks:\n" TASK, PWY_E_ARGUMENT, 1, "'model'");
    refused("data: [x]\ntasks:\n" TASK, PWY_E_ARGUMENT, 1, "'data'");
    refused("tasks:\n  a: classify\n", PWY_E_ARGUMENT, 2, "task 'a'");
    refused("tasks:\n" TASK "    tset: y.tsv\n", PWY_E_ARGUMENT, 6, "test");
    refused("tasks:\n  a:\n    parts: {m: text}\n    train: x.tsv\n", PWY_E_ARGUMENT, 3, "'kind'");
    refused("tasks:\n" TASK TASK, PWY_E_FORMAT, 6, "a");
}
END_TEST

START_TEST(bad_kinds_and_senses_are_named)
{
    refused("tasks:\n  a:\n    parts: {m: text}\n    kind: clasify\n", PWY_E_ARGUMENT, 4, "'classify'");
    refused("tasks:\n  a:\n    parts: {m: text}\n    kind: rank\n", PWY_E_UNSUPPORTED, 4, "rank");
    refused("tasks:\n  a:\n    kind: classify\n    train: x\n", PWY_E_ARGUMENT, 3, "'parts'");
    refused("tasks:\n  a:\n    kind: classify\n    parts: {}\n", PWY_E_ARGUMENT, 4, "'parts'");
    refused("tasks:\n  a:\n    kind: classify\n    parts: {m: smell}\n", PWY_E_ARGUMENT, 4, "smell");
    refused("tasks:\n  a:\n    kind: classify\n    parts: {m: imgae}\n", PWY_E_ARGUMENT, 4, "'image'");
    refused("tasks:\n  a:\n    kind: classify\n    parts:\n      m: {record: 3}\n", PWY_E_ARGUMENT, 5, "sense");
    refused("tasks:\n  a:\n    kind: classify\n    parts:\n      target: text\n", PWY_E_ARGUMENT, 5, "target");
    refused("tasks:\n  a:\n    kind: classify\n    parts:\n      files: text\n", PWY_E_ARGUMENT, 5, "files");
    refused("tasks:\n  a:\n    kind: classify\n    parts:\n      m:\n        sense: text\n        colum: 3\n",
            PWY_E_ARGUMENT, 7, "'column'");
    refused("tasks:\n  a/b:\n    kind: classify\n    parts: {m: text}\n", PWY_E_ARGUMENT, 3, "'/'");
}
END_TEST

START_TEST(bad_settings_are_named)
{
    refused("tasks:\n" TASK "    weight: -1\n", PWY_E_ARGUMENT, 6, "weight");
    refused("tasks:\n" TASK "    weight: 0\n", PWY_E_ARGUMENT, 6, "weight");
    refused("tasks:\n" TASK "    metric: rmse\n", PWY_E_ARGUMENT, 6, "accuracy");
    refused("tasks:\n" TASK "    labels: yes\n", PWY_E_ARGUMENT, 6, "labels");
    refused("tasks:\n" TASK "    labels: [x, y, x]\n", PWY_E_EXISTS, 6, "'x'");
    refused("tasks:\n" TASK "    columns: {a: b}\n", PWY_E_ARGUMENT, 6, "columns");
    refused("tasks:\n  a:\n    kind: regress\n    parts: {m: text}\n    train: x\n    labels: [a]\n", PWY_E_ARGUMENT, 6,
            "labels");
    refused("tasks:\n  a:\n    kind: generate\n    parts: {m: image}\n    train: x\n", PWY_E_ARGUMENT, 5, "text");
}
END_TEST

START_TEST(bad_files_are_named)
{
    refused("tasks:\n  a:\n    kind: classify\n    parts: {m: text}\n", PWY_E_ARGUMENT, 3, "'train'");
    refused("tasks:\n  a:\n    kind: classify\n    parts: {m: text}\n    train: []\n", PWY_E_ARGUMENT, 5, "path");
    refused("tasks:\n  a:\n    kind: classify\n    parts: {m: text}\n    train: ''\n", PWY_E_ARGUMENT, 5, "path");
    refused("tasks:\n  a:\n    kind: classify\n    parts: {m: text}\n    train: {tabel: x}\n", PWY_E_ARGUMENT, 5, "'table'");
    refused("tasks:\n  a:\n    kind: classify\n    parts: {m: text}\n    train: {table: x, files: x}\n", PWY_E_ARGUMENT, 5,
            "not both");
    refused("tasks:\n  a:\n    kind: classify\n    parts: {m: text}\n    train: {where: {a: b}}\n", PWY_E_ARGUMENT, 5,
            "'table'");
    refused("tasks:\n" TASK "    split: 0.2\n", PWY_E_ARGUMENT, 6, "split");
    refused("tasks:\n" TASK "    split: {tset: 0.2}\n", PWY_E_ARGUMENT, 6, "test");
    refused("tasks:\n" TASK "    split: {test: 2}\n", PWY_E_ARGUMENT, 6, "test");
    refused("tasks:\n" TASK "    split: {test: 0.5, valid: 0.5}\n", PWY_E_ARGUMENT, 6, "nothing to train on");
    refused("tasks:\n" TASK "    test: y.tsv\n    split: {test: 0.5}\n", PWY_E_ARGUMENT, 7, "'test'");
    refused("tasks:\n  a:\n    kind: classify\n    parts: {m: text}\n    test: x\n    split: {valid: 0.5}\n",
            PWY_E_ARGUMENT, 6, "'train'");
}
END_TEST

START_TEST(variables_take_their_values)
{
    pwy_recipe *r;
    unsetenv("PATHWAYS_NO_SUCH");
    ck_assert_int_eq(setenv("PATHWAYS_KIND", "class", 1), 0);
    ck_assert_int_eq(setenv("PATHWAYS_EMPTY", "", 1), 0);
    ck_assert_int_eq(read_text("train: {seed: '${PATHWAYS_EMPTY}7'}\ntasks:\n  a:\n    kind: ${PATHWAYS_KIND}ify\n"
                               "    parts: {m: text}\n    train: $x${PATHWAYS_EMPTY}{y}\n    labels: ['$', '${PATHWAYS_KIND}']\n",
                               "sources: false", &r), PWY_OK);
    ck_assert_str_eq(pwy_task_label(task_of(r, "a"), 1), "class");
    ck_assert_str_eq(pw_node_get(pwy_recipe_train_options(r)->map, "seed")->text, "7");
    pwy_recipe_free(r);
    refused("tasks:\n" TASK "    test: ${PATHWAYS_NO_SUCH}/x\n", PWY_E_NOT_FOUND, 6, "PATHWAYS_NO_SUCH");
    refused("data: ${PATHWAYS_NO_SUCH}\ntasks:\n" TASK, PWY_E_NOT_FOUND, 1, "PATHWAYS_NO_SUCH");
    refused("tasks:\n" TASK "    test: ${PATHWAYS_NO_SUCH\n", PWY_E_FORMAT, 6, "${NAME}");
    refused("tasks:\n" TASK "    test: ${}\n", PWY_E_FORMAT, 6, "${NAME}");
    refused("tasks:\n" TASK "    test: ${1A}\n", PWY_E_FORMAT, 6, "${NAME}");
}
END_TEST

START_TEST(only_some_tasks)
{
    static const char two[] = "tasks:\n" TASK "  b:\n    kind: nonsense ${PATHWAYS_NO_SUCH}\n";
    pwy_recipe *r = NULL;
    ck_assert_int_eq(read_text(two, "sources: false, only: [a]", &r), PWY_OK);
    ck_assert_int_eq(pwy_registry_count(pwy_recipe_registry(r)), 1);
    pwy_recipe_free(r);
    ck_assert_int_eq(read_text(two, "sources: false, only: a", &r), PWY_OK);
    pwy_recipe_free(r);
    r = NULL;
    ck_assert_int_eq(read_text(two, "sources: false, only: [c]", &r), PWY_E_NOT_FOUND);
    ck_assert_int_eq(read_text(two, "sources: false, only: [[a]]", &r), PWY_E_ARGUMENT);
    ck_assert_int_eq(read_text(two, "soruces: false", &r), PWY_E_ARGUMENT);
    says("sources");
    ck_assert_int_eq(pwy_recipe_open(NULL, NULL, NULL, &r), PWY_E_ARGUMENT);
    ck_assert_int_eq(pwy_recipe_open(NULL, "x", NULL, NULL), PWY_E_ARGUMENT);
    ck_assert_int_eq(pwy_recipe_open(NULL, "/no/such/recipe.yaml", NULL, &r), PWY_E_NOT_FOUND);
    says("/no/such/recipe.yaml");
    ck_assert_ptr_null(r);
    pwy_recipe_free(NULL);
}
END_TEST

/* --- files --- */

static void write_rows(const char *name, int n)
{
    char text[8192] = "class\tm\n";
    for (int i = 0; i < n; i++) sprintf(text + strlen(text), "%s\ttext number %d\n", i % 3 == 0 ? "spam" : "ham", i);
    write_file(name, text);
}

static int64_t rows(pwy_recipe *r, const char *name, pwy_split split)
{
    pwy_source *s;
    return pwy_task_get_source(task_of(r, name), split, &s) == PWY_OK ? pwy_source_count(s) : -1;
}

#define SPAM "tasks:\n  spam:\n    kind: classify\n    parts: {m: text}\n    target: class\n    train: rows.tsv\n"

START_TEST(opens_files_beside_the_recipe)
{
    pwy_recipe *r;
    write_rows("rows.tsv", 100);
    write_rows("more.tsv", 7);
    if (read_text(SPAM "    test: more.tsv\n", NULL, &r) != PWY_OK) ck_abort_msg("%s", pwy_error_message());
    ck_assert_int_eq(rows(r, "spam", PWY_TRAIN), 90);
    ck_assert_int_eq(rows(r, "spam", PWY_VALID), 10);
    ck_assert_int_eq(rows(r, "spam", PWY_TEST), 7);
    ck_assert_int_eq(pw_task_fit_target(task_of(r, "spam")), PWY_OK);
    ck_assert_int_eq(pwy_task_label_count(task_of(r, "spam")), 2);
    ck_assert_int_eq(task_of(r, "spam")->n_train, 90);
    pwy_recipe_free(r);
}
END_TEST

START_TEST(cuts_what_it_is_told_to)
{
    pwy_recipe *r;
    write_rows("rows.tsv", 100);
    ck_assert_int_eq(read_text(SPAM "    split: {test: 0.2, valid: 0.3, seed: 4}\n", NULL, &r), PWY_OK);
    ck_assert_int_eq(rows(r, "spam", PWY_TEST), 20);
    ck_assert_int_eq(rows(r, "spam", PWY_VALID), 30);
    ck_assert_int_eq(rows(r, "spam", PWY_TRAIN), 50);
    pwy_recipe_free(r);
    ck_assert_int_eq(read_text(SPAM "    split: {test: 0.1}\n", NULL, &r), PWY_OK);
    ck_assert_int_eq(rows(r, "spam", PWY_TEST), 10);
    ck_assert_int_eq(rows(r, "spam", PWY_VALID), 9);
    ck_assert_int_eq(rows(r, "spam", PWY_TRAIN), 81);
    pwy_recipe_free(r);
    ck_assert_int_eq(read_text(SPAM "    valid: rows.tsv\n", NULL, &r), PWY_OK);
    ck_assert_int_eq(rows(r, "spam", PWY_TRAIN), 100);
    ck_assert_int_eq(rows(r, "spam", PWY_VALID), 100);
    ck_assert_int_eq(rows(r, "spam", PWY_TEST), -1);
    pwy_recipe_free(r);
    write_rows("rows.tsv", 3);
    pwy_recipe *none = NULL;
    ck_assert_int_eq(read_text(SPAM "    split: {test: 0.9}\n", NULL, &none), PWY_E_DATA);
    says("too few");
    says("recipe.yaml:7");
    ck_assert_ptr_null(none);
}
END_TEST

START_TEST(data_says_where_paths_start)
{
    char options[128], path[128];
    pwy_recipe *r;
    snprintf(path, sizeof path, "%s/sub", folder);
    ck_assert_int_eq(mkdir(path, 0777), 0);
    write_rows("sub/rows.tsv", 20);
    write_rows("rows.tsv", 30);
    ck_assert_int_eq(read_text("data: sub\n" SPAM, NULL, &r), PWY_OK);
    ck_assert_int_eq(rows(r, "spam", PWY_TRAIN), 18);
    pwy_recipe_free(r);
    snprintf(options, sizeof options, "data: %s", folder);
    ck_assert_int_eq(read_text("data: ${PATHWAYS_NO_SUCH}\n" SPAM, options, &r), PWY_OK);
    ck_assert_int_eq(rows(r, "spam", PWY_TRAIN), 27);
    pwy_recipe_free(r);
}
END_TEST

START_TEST(missing_files_are_named_with_task_and_line)
{
    pwy_recipe *r = NULL;
    ck_assert_int_eq(read_text(SPAM, NULL, &r), PWY_E_NOT_FOUND);
    says("task 'spam'");
    says("recipe.yaml:6");
    says("rows.tsv");
    pwy_error *e = pwy_error_last();
    ck_assert_str_eq(pwy_error_task(e), "spam");
    ck_assert_int_eq(pwy_error_line(e), 6);
    pwy_error_free(e);
    write_rows("rows.tsv", 10);
    ck_assert_int_eq(read_text(SPAM "    test: {table: none.tsv}\n", NULL, &r), PWY_E_NOT_FOUND);
    says("recipe.yaml:7");
    says("none.tsv");
    ck_assert_int_eq(read_text(SPAM "    columns: [a, b]\n", NULL, &r), PWY_E_NOT_FOUND);
    says("recipe.yaml:6");
    ck_assert_ptr_null(r);
}
END_TEST

/* The interface reads one split by the same words. */
START_TEST(tasks_read_files_by_path_and_options)
{
    char path[128];
    pwy_registry *tasks;
    pwy_task *t;
    pwy_options *o;
    pwy_source *s = NULL;
    write_rows("rows.tsv", 9);
    snprintf(path, sizeof path, "%s/rows.tsv", folder);
    ck_assert_int_eq(pwy_registry_new(NULL, &tasks), PWY_OK);
    ck_assert_int_eq(pwy_registry_add(tasks, "spam", PWY_CLASSIFY, &t), PWY_OK);
    ck_assert_int_eq(pwy_task_read(t, PWY_TRAIN, path, "class", NULL), PWY_E_STATE);
    ck_assert_int_eq(pwy_task_add_part(t, "m", "text"), PWY_OK);
    ck_assert_int_eq(pwy_task_read(t, PWY_TRAIN, path, "clas", NULL), PWY_E_NOT_FOUND);
    ck_assert_ptr_null(t->target);
    ck_assert_int_eq(pwy_task_read(t, PWY_TRAIN, path, "class", NULL), PWY_OK);
    ck_assert_str_eq(t->target, "class");
    ck_assert_int_eq(pwy_options_parse("where: {class: spam}", &o), PWY_OK);
    ck_assert_int_eq(pwy_task_read(t, PWY_TEST, path, NULL, o), PWY_OK);
    pwy_options_free(o);
    ck_assert_int_eq(pwy_task_get_source(t, PWY_TEST, &s), PWY_OK);
    ck_assert_int_eq(pwy_source_count(s), 3);
    ck_assert_int_eq(pwy_options_parse("files: x", &o), PWY_OK);
    ck_assert_int_eq(pwy_task_read(t, PWY_TEST, path, NULL, o), PWY_E_ARGUMENT);
    ck_assert_int_eq(pwy_task_read(t, PWY_TEST, NULL, NULL, o), PWY_E_NOT_FOUND);
    pwy_options_free(o);
    ck_assert_int_eq(pwy_options_parse("columns: x", &o), PWY_OK);
    ck_assert_int_eq(pwy_task_read(t, PWY_TEST, path, NULL, o), PWY_E_ARGUMENT);
    pwy_options_free(o);
    ck_assert_int_eq(pwy_task_get_source(t, PWY_TEST, &s), PWY_OK);
    ck_assert_int_eq(pwy_source_count(s), 3);
    pwy_registry_free(tasks);
}
END_TEST

/* Without a path the options say it: a file a part, the target's as `target` or in the argument. */
START_TEST(tasks_read_a_file_a_part)
{
    char text[128], label[128];
    pwy_registry *tasks;
    pwy_task *t;
    pwy_options *o;
    write_file("text.txt", "one\ntwo\nthree\n");
    write_file("label.txt", "odd\neven\nodd\n");
    snprintf(text, sizeof text, "m: %s/text.txt", folder);
    snprintf(label, sizeof label, "%s/label.txt", folder);
    ck_assert_int_eq(pwy_registry_new(NULL, &tasks), PWY_OK);
    ck_assert_int_eq(pwy_registry_add(tasks, "parity", PWY_CLASSIFY, &t), PWY_OK);
    ck_assert_int_eq(pwy_task_add_part(t, "m", "text"), PWY_OK);
    ck_assert_int_eq(pwy_options_parse(text, &o), PWY_OK);
    ck_assert_int_eq(pwy_task_read(t, PWY_TRAIN, NULL, "/no/such/label.txt", o), PWY_E_NOT_FOUND);
    if (pwy_task_read(t, PWY_TRAIN, NULL, label, o) != PWY_OK) ck_abort_msg("%s", pwy_error_message());
    pwy_options_free(o);
    ck_assert_ptr_null(t->target);
    ck_assert_int_eq(pw_task_fit_target(t), PWY_OK);
    ck_assert_str_eq(pwy_task_label(t, 0), "odd");
    ck_assert_int_eq(t->label_count[0], 2);
    pwy_registry_free(tasks);
}
END_TEST

static void opens(const char *name)
{
    char options[128];
    pwy_recipe *r;
    snprintf(options, sizeof options, "only: [%s]", name);
    if (read_text(sketch, options, &r) != PWY_OK) ck_abort_msg("%s", pwy_error_message());
    ck_assert_int_gt(rows(r, name, PWY_TRAIN), 30);
    ck_assert_int_gt(rows(r, name, PWY_TEST), 30);
    ck_assert_int_gt(rows(r, name, PWY_VALID), 3);
    if (pw_task_fit_target(task_of(r, name)) != PWY_OK) ck_abort_msg("%s: %s", name, pwy_error_message());
    pwy_recipe_free(r);
}

START_TEST(the_sketch_opens_its_files)
{
    static const char *const names[] = {"spam", "digit", "processor", "word", "object", "income", "house", "stamp",
                                        "gesture", "play"};
    if (getenv("PATHWAYS_DATA") == NULL) {
        fprintf(stderr, "skipped: PATHWAYS_DATA is not set\n");
        return;
    }
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) opens(names[i]);
}
END_TEST

static Suite *suite(void)
{
    const TTest *const tests[] = {
        the_sketch_is_read, video_is_not_supported_yet, bad_words_are_named, bad_kinds_and_senses_are_named,
        bad_settings_are_named, bad_files_are_named, variables_take_their_values, only_some_tasks,
        opens_files_beside_the_recipe, cuts_what_it_is_told_to, data_says_where_paths_start,
        missing_files_are_named_with_task_and_line, tasks_read_files_by_path_and_options,
        tasks_read_a_file_a_part, the_sketch_opens_its_files};
    Suite *s = suite_create("recipe");
    TCase *t = tcase_create("recipe");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_set_timeout(t, 120);
    for (size_t i = 0; i < sizeof tests / sizeof *tests; i++) tcase_add_test(t, tests[i]);
    suite_add_tcase(s, t);
    return s;
}

int main(void)
{
    return run_suite(suite());
}

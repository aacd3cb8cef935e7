/* The readers on real sets under $PATHWAYS_DATA, against the numbers of rows and labels that their README.txt give. */
#include "data_help.h"

#include "pathways/media.h"
#include "suite.h"

struct set { const char *task; int64_t rows; int labels, bad; };

#define CSV(names, goal, file) \
    "{parts: {row: table}, columns: " names ", target: " goal ", missing: '?', where: uci_small/" file "}"
#define HEADLESS(goal, file) \
    "{kind: regress, parts: {r: table}, target: " goal ", columns: none, missing: '?', where: " file "}"
#define TREC(goal, split) "{parts: {q: text}, target: " goal ", where: {table: trec/" split ".txt, " TREC_LINE "}}"
#define TREC_LINE "pattern: '^(?<both>(?<coarse>[A-Z]+):\\S+) (?<q>.*)'"
#define G2P(split) "{kind: generate, parts: {w: text}, target: p, columns: [w, p], where: g2p_cmudict/" split ".tsv}"
#define IDX(part, data, goal) "{parts: {p: " part "}, where: {p: " data "-ubyte.gz, target: " goal "-idx1-ubyte.gz}}"
#define BYTES(n, set, split) \
    "{parts: {c: {sense: bytes, record: " n "}}, " \
    "where: {c: " set "/" split ".bin, target: " set "/" split ".labels.txt}}"
#define UCR(name, split) "{parts: {s: series}, where: ucr_small/" name "/" name "_" split ".ts}"
#define ADL "{sense: series, column: path, path: .}}, target: activity, where: {table: adl_wrist/index.csv, where: {"
#define RARE "activity: {not: [Brush_teeth, Eat_meat, Eat_soup, Use_telephone]}, "

static const struct set tables[] = {
    {"{parts: {person: table}, target: income, missing: '?', where: adult/train.csv}", 32561, 2, 0},
    {"{parts: {person: table}, target: income, missing: '?', where: adult/test.csv}", 16281, 2, 0},
    {"{parts: {title: text, description: text}, target: label, where: ag_news/train.csv}", 6000, 4, 0},
    {"{parts: {title: text, description: text}, target: label, where: ag_news/test.csv}", 1600, 4, 0},
    {"{parts: {text: text}, target: category, where: banking77/train.csv}", 10003, 77, 0},
    {"{parts: {text: text}, target: category, where: banking77/test.csv}", 3080, 77, 0},
    {"{kind: regress, parts: {r: table}, target: median_house_value, where: california_housing/housing.csv}", 20640,
     0, 0},
    {HEADLESS("last", "wine_quality/winequality-red.csv"), 1599,
     0, 0},
    {HEADLESS("-1", "wine_quality/winequality-white.csv"), 4898,
     0, 0},
    {"{parts: {r: table}, where: {table: mushroom/agaricus.txt.train, format: libsvm}}", 6513, 2, 0},
    {"{parts: {r: table}, where: {table: mushroom/agaricus.txt.test, format: libsvm}}", 1611, 2, 0},
    {HEADLESS("last", "uci_small/abalone.csv"), 4177, 0, 0},
    {HEADLESS("last", "uci_small/auto_imports.csv"), 201, 0, 0},
    {CSV("none", "last", "ionosphere.csv"), 351, 2, 0},
    {CSV("none", "24", "horse-colic.csv"), 300, 2, 0},
    {CSV("none", "last", "sonar.csv"), 208, 2, 0},
    {CSV("none", "last", "pima-indians-diabetes.csv"), 768, 2, 0},
    {CSV("[variance, skewness, curtosis, entropy, class]", "class", "banknote_authentication.csv"), 1372, 2, 0},
    {CSV("none", "last", "glass.csv"), 214, 6, 0},
    {CSV("none", "last", "wheat-seeds.csv"), 210, 3, 0},
    {CSV("none", "last", "german.csv"), 1000, 2, 0},
    {CSV("none", "last", "phoneme.csv"), 5404, 2, 0},
    {CSV("none", "last", "mammography.csv"), 11183, 2, 0},
    {CSV("none", "last", "ecoli.csv"), 336, 8, 0},
    {CSV("none", "last", "haberman.csv"), 306, 2, 0},
    {CSV("none", "last", "oil-spill.csv"), 937, 2, 0},
    {CSV("none", "last", "breast-cancer.csv"), 286, 2, 0},
};

static const struct set texts[] = {
    {"{parts: {message: text}, target: class, columns: [class, message], where: sms_spam/train.tsv}", 4459, 2, 0},
    {"{parts: {message: text}, target: class, columns: [class, message], where: sms_spam/test.tsv}", 1115, 2, 0},
    {TREC("coarse", "train"), 5452, 6, 0},
    {TREC("coarse", "test"), 500, 6, 0},
    {TREC("both", "train"), 5452, 50,
     0},
    {"{parts: {text: text}, target: label, columns: [label, text], where: sst/binary.train.tsv}", 6920, 2, 0},
    {"{parts: {text: text}, target: label, columns: [label, text], where: sst/binary.test.tsv}", 1821, 2, 0},
    {"{parts: {text: text}, target: label, columns: [label, text], where: sst/fine.train.tsv}", 8544, 5, 0},
    {"{parts: {text: text}, target: label, columns: [label, text], where: langid_man/train.tsv}", 4400, 22, 0},
    {"{parts: {text: text}, target: label, columns: [label, text], where: langid_man/test.tsv}", 1289, 22, 0},
    {G2P("train"),
     30000, 0, 0},
    {G2P("test"),
     3000, 0, 0},
    {"{kind: generate, parts: {context: text}, where: tinyshakespeare/input.txt}", (1115394 + 511) / 512, 0, 0},
    {"{kind: generate, parts: {en: text}, where: {en: multi30k/train.en.gz, target: multi30k/train.de.gz}}", 29000, 0,
     0},
    {"{kind: generate, parts: {question: text}, target: answer, where: gsm8k/train.jsonl.gz}", 7473, 0, 0},
    {"{kind: generate, parts: {text: text}, target: code, where: mbpp/mbpp.jsonl}", 974, 0, 0},
};

static const struct set files[] = {
    {IDX("image", "mnist/train-images-idx3", "mnist/train-labels"),
     60000, 10, 0},
    {IDX("image", "mnist/t10k-images-idx3", "mnist/t10k-labels"),
     10000, 10, 0},
    {IDX("image", "fashion_mnist/train10k-images-idx3", "fashion_mnist/train10k-labels"), 10000, 10, 0},
    {IDX("video", "moving_mnist/train-frames-idx4", "moving_mnist/train-direction"), 1600, 8, 0},
    {"{parts: {p: image}, where: cifar10_jpg/train}", 6000, 10, 0},
    {"{parts: {p: image}, where: cifar10_jpg/test}", 2000, 10, 0},
    {"{parts: {s: audio}, where: {files: fsdd/train, target: '^([0-9])_'}}", 900, 10, 0},
    {"{parts: {s: audio}, where: {files: fsdd/test, target: '^([0-9])_'}}", 300, 10, 0},
    {"{parts: {s: {sense: audio, column: path}}, target: label, where: {table: spoken_prompts/index.csv, "
     "where: {task: langid, split: train}}}", 160, 5, 0},
    {"{parts: {s: {sense: audio, column: path}}, target: label, where: {table: spoken_prompts/index.csv, "
     "where: {task: langid, split: test}}}", 60, 5, 0},
    {BYTES("1024", "isa_bytes", "train"), 2720, 17, 0},
    {BYTES("1024", "isa_bytes", "test"), 1020, 17, 0},
    {BYTES("512", "file_fragments", "train"), 3800, 19, 0},
    {BYTES("512", "file_fragments", "test"), 1140, 19, 0},
    {"{parts: {picture: {sense: image, column: image, path: images}, caption: {sense: text, column: en}}, "
     "target: category, where: {table: tux_stamps/index.tsv, where: {split: train}}}", 633, 16, 0},
    {"{parts: {picture: {sense: image, column: image, path: images}, caption: {sense: text, column: en}}, "
     "target: category, where: {table: tux_stamps/index.tsv, where: {split: test}}}", 152, 15, 0},
    {"{parts: {picture: {sense: image, column: image, path: images}, name: {sense: text, column: en}}, target: group, "
     "where: {table: emoji/index.tsv, where: {split: train}}}", 1089, 9, 0},
    {"{parts: {picture: {sense: image, column: image, path: images}, name: {sense: text, column: en}}, target: group, "
     "where: {table: emoji/index.tsv, where: {split: test}}}", 288, 9, 0},
};

static const struct set series[] = {
    {UCR("GunPoint", "TRAIN"), 50, 2, 0}, {UCR("GunPoint", "TEST"), 150, 2, 0},
    {UCR("ItalyPowerDemand", "TRAIN"), 67, 2, 0}, {UCR("ItalyPowerDemand", "TEST"), 1029, 2, 0},
    {UCR("ArrowHead", "TRAIN"), 36, 3, 0}, {UCR("ArrowHead", "TEST"), 175, 3, 0},
    {UCR("OSULeaf", "TRAIN"), 200, 6, 0}, {UCR("OSULeaf", "TEST"), 242, 6, 0},
    {UCR("BasicMotions", "TRAIN"), 40, 4, 0}, {UCR("BasicMotions", "TEST"), 40, 4, 0},
    {UCR("JapaneseVowels", "TRAIN"), 270, 9, 0}, {UCR("JapaneseVowels", "TEST"), 370, 9, 0},
    {"{parts: {m: " ADL RARE "subject: {not: [f4, m1, m2]}}}}", 560, 10, 0},
    {"{parts: {m: " ADL RARE "subject: [f4, m1, m2]}}}", 246, 10, 0},
    {"{parts: {m: series}, where: {files: adl_wrist, target: '^([A-Z]\\w+)/.*\\.txt$'}}", 839, 14, 0},
};

static void start(void)
{
    snprintf(folder, sizeof folder, "%s", getenv("PATHWAYS_DATA"));
    ck_assert_int_eq(pw_context_or_default(NULL, &ctx), PWY_OK);
    ck_assert_int_eq(pwy_media_register(ctx), PWY_OK);
}

static void end(void)
{
    pw_context_release(ctx);
}

/* Every target is read, and about 500 rows as a whole. */
static void check_set(const struct set *set)
{
    pwy_source *s = opened(set->task);
    pwy_example *row = pw_example_make();
    struct pw_map *labels = pw_map_new();
    int bad = 0;
    ck_assert_msg(s->n == set->rows, "%s: %lld rows, not %lld", set->task, (long long)s->n, (long long)set->rows);
    for (int64_t i = 0; i < s->n; i++) {
        bool whole = i % (1 + s->n / 500) == 0 || i == s->n - 1;
        pwy_status status = whole ? pw_source_read(s, i, row) : pw_source_target(s, i, row);
        ck_assert_msg(status == PWY_OK || status == PWY_E_DATA, "%s: %s", set->task, pwy_error_message());
        bad += status == PWY_E_DATA;
        if (bad > set->bad && status == PWY_E_DATA)
            ck_abort_msg("%s: %s", set->task, pwy_error_message());
        for (int l = 0; l < row->n_labels; l++)
            pw_map_add(labels, row->labels[l], strlen(row->labels[l]));
    }
    ck_assert_int_eq(bad, set->bad);
    ck_assert_msg(pw_map_count(labels) == set->labels, "%s: %d labels", set->task, (int)pw_map_count(labels));
    pw_map_free(labels);
    pw_example_release(row);
    pw_source_release(s);
}

static void check_sets(const struct set *sets, size_t n)
{
    for (size_t s = 0; s < n; s++)
        check_set(&sets[s]);
}

#define CHECK_SETS(name) START_TEST(test_##name) { check_sets(name, sizeof name / sizeof *name); } END_TEST
CHECK_SETS(tables)
CHECK_SETS(texts)
CHECK_SETS(files)
CHECK_SETS(series)

/* Some rows by what they hold. */
START_TEST(test_rows)
{
    pwy_example *row = pw_example_make();
    pwy_source *s = opened(tables[0].task);
    good_row(s, 0, row);
    const struct pw_value *v = part_of(row, "person");
    ck_assert_int_eq(v->n_cells, 14);
    ck_assert(v->cells[0].is_number && v->cells[0].number == 39);
    ck_assert_str_eq(v->cells[1].text, "State-gov");
    pw_source_release(s);
    s = opened(files[0].task);
    good_row(s, 0, row);
    v = part_of(row, "p");
    ck_assert(v->height == 28 && v->width == 28 && v->channels == 1);
    ck_assert_str_eq(row->labels[0], "5");
    pw_source_release(s);
    s = opened(series[8].task);
    good_row(s, 0, row);
    ck_assert(part_of(row, "s")->steps == 100 && part_of(row, "s")->channels == 6);
    pw_source_release(s);
    pw_example_release(row);
}
END_TEST

int main(void)
{
    if (getenv("PATHWAYS_DATA") == NULL) {
        puts("1..0 # SKIP PATHWAYS_DATA does not name the folder of the data sets");
        return 0;
    }
    Suite *suite = suite_create("data_real");
    TCase *c = tcase_create("data_real");
    tcase_add_checked_fixture(c, start, end);
    tcase_set_timeout(c, 240);
    tcase_add_test(c, test_tables);
    tcase_add_test(c, test_texts);
    tcase_add_test(c, test_files);
    tcase_add_test(c, test_series);
    tcase_add_test(c, test_rows);
    suite_add_tcase(suite, c);
    return run_suite(suite);
}

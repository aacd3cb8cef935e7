/* Text and bytes: what encode makes of good values and bad, and that it makes the same every time. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "sense/bag.h"
#include "sense/sense.h"
#include "suite.h"

extern const struct pw_sense_ops pw_sense_text, pw_sense_bytes;

/* A sense with all that it stands on. */
struct rig { struct pw_sense s; struct pw_arena *arena; };

static void rig_open(struct rig *rig, const struct pw_sense_ops *ops, const char *settings)
{
    struct pw_node *map = NULL;
    memset(rig, 0, sizeof *rig);
    rig->s = (struct pw_sense){ .ops = ops, .d = 8, .own = (char *)"task.t.part", .stem = ops->name,
                                .kind = "classify", .outputs = 2 };
    rig->s.params = pw_params_new(1);
    rig->arena = pw_arena_new();
    ck_assert_int_eq(pw_tok_bytes(&rig->s.tok), PWY_OK);
    if (settings != NULL)
        ck_assert_int_eq(pw_node_from_yaml(settings, strlen(settings), NULL, &map), PWY_OK);
    ck_assert_int_eq(ops->open(&rig->s, map), PWY_OK);
    pw_node_free(map);
    ck_assert_int_eq(ops->declare(&rig->s), PWY_OK);
}

static void rig_close(struct rig *rig)
{
    rig->s.ops->close(&rig->s);
    pw_params_free(rig->s.params);
    pw_arena_free(rig->arena);
    pw_tok_release(rig->s.tok);
}

static struct pw_value text_value(const char *text)
{
    return (struct pw_value){ .type = PW_VALUE_TEXT, .text = text, .len = (int64_t)strlen(text) };
}

static struct pw_encoded encode(struct rig *rig, struct pw_value value)
{
    struct pw_encoded e;
    ck_assert_int_eq(rig->s.ops->encode(&rig->s, &value, NULL, rig->arena, &e), PWY_OK);
    for (int64_t i = 0; i < e.n_wide; i++) {
        ck_assert(e.wide_index[i] >= (i > 0 ? e.wide_index[i - 1] + 1 : 0) && e.wide_index[i] < rig->s.wide_rows);
        ck_assert(isfinite(e.wide_value[i]));
    }
    return e;
}

static void check_same(const struct pw_encoded *a, const struct pw_encoded *b)
{
    ck_assert(a->n_tokens == b->n_tokens && a->n_ids == b->n_ids && a->n_wide == b->n_wide && a->n_reals == b->n_reals);
    for (int64_t i = 0; i < a->n_wide; i++)
        ck_assert(a->wide_index[i] == b->wide_index[i] && a->wide_value[i] == b->wide_value[i]);
    for (int64_t i = 0; i < a->n_ids; i++)
        ck_assert_int_eq(a->ids[i], b->ids[i]);
}

/* How many of a's rows b has too. */
static int64_t shared(const struct pw_encoded *a, const struct pw_encoded *b)
{
    int64_t n = 0;
    for (int64_t i = 0, j = 0; i < a->n_wide; i++) {
        while (j < b->n_wide && b->wide_index[j] < a->wide_index[i])
            j++;
        n += j < b->n_wide && b->wide_index[j] == a->wide_index[i];
    }
    return n;
}

START_TEST(text_is_deterministic)
{
    struct rig rig, other;
    struct pw_value value = text_value("The quick brown fox; the lazy dog. Don't!");
    rig_open(&rig, &pw_sense_text, NULL);
    rig_open(&other, &pw_sense_text, NULL);
    struct pw_encoded a = encode(&rig, value), b = encode(&other, value);
    check_same(&a, &b);
    ck_assert(a.n_tokens == 40 && a.n_ids == 40 && a.n_wide > 100);
    rig_close(&rig);
    rig_close(&other);
}
END_TEST

START_TEST(text_norms)
{
    struct rig rig;
    double square = 0;
    rig_open(&rig, &pw_sense_text, NULL);
    struct pw_encoded e = encode(&rig, text_value("one two three four five six seven eight nine ten"));
    for (int64_t i = 0; i < e.n_wide; i++)
        square += (double)e.wide_value[i] * e.wide_value[i];
    ck_assert_double_eq_tol(square, 2, .1);
    rig_close(&rig);
}
END_TEST

START_TEST(text_case_and_blanks)
{
    struct rig rig;
    rig_open(&rig, &pw_sense_text, NULL);
    struct pw_encoded a = encode(&rig, text_value("straßenÖL Ärger don't")), b;
    b = encode(&rig, text_value("  STRAßenöl\t\n\xc2\xa0 äRGER  don\xe2\x80\x99t "));
    ck_assert_int_eq(shared(&a, &b), a.n_wide);
    ck_assert_int_eq(a.n_wide, b.n_wide);
    b = encode(&rig, text_value("something else"));
    ck_assert(shared(&a, &b) <= 2);
    rig_close(&rig);
}
END_TEST

/* Scripts without blanks: two long runs that have a part in common have grams in common. */
START_TEST(text_without_blanks)
{
    struct rig rig;
    rig_open(&rig, &pw_sense_text, NULL);
    struct pw_encoded a, b, c;
    a = encode(&rig, text_value("我们今天去北京大学图书馆看书然后回家吃饭睡觉明天再去上海旅游观光购物"));
    b = encode(&rig, text_value("听说北京大学图书馆很大"));
    c = encode(&rig, text_value("ひらがなだけのぶんしょうです"));
    ck_assert(a.n_wide > 100);
    ck_assert(shared(&b, &a) >= 18);
    ck_assert(shared(&c, &a) <= 2);
    rig_close(&rig);
}
END_TEST

START_TEST(text_settings)
{
    struct rig rig;
    struct pw_node *map = pw_node_new(PW_MAP);
    rig_open(&rig, &pw_sense_text, "{sense: text, column: title, tokens: 7, grams: false}");
    ck_assert_int_eq(rig.s.wide_rows, 0);
    struct pw_encoded e = encode(&rig, text_value("more than seven bytes"));
    ck_assert(e.n_tokens == 7 && e.n_wide == 0);
    e = encode(&rig, text_value("abc"));
    ck_assert(e.n_tokens == 3 && e.ids[2] == 'c');
    rig_close(&rig);
    ck_assert_int_eq(pw_node_put(map, "tokenz", pw_node_text("3", false)), PWY_OK);
    struct pw_sense s = { .ops = &pw_sense_text };
    ck_assert_int_ne(pw_sense_text.open(&s, map), PWY_OK);
    ck_assert_ptr_nonnull(strstr(pwy_error_message(), "tokens"));
    ck_assert_ptr_null(s.state);
    pw_node_free(map);
}
END_TEST

static void check_bad(struct rig *rig, struct pw_value value)
{
    struct pw_encoded e = { .n_tokens = -3 };
    ck_assert_int_eq(rig->s.ops->encode(&rig->s, &value, NULL, rig->arena, &e), PWY_E_DATA);
    ck_assert_int_eq(e.n_tokens, -3);
}

START_TEST(bad_values)
{
    struct rig rig;
    struct pw_encoded e;
    rig_open(&rig, &pw_sense_text, NULL);
    check_bad(&rig, text_value(""));
    ck_assert_str_eq(pwy_error_message(), "text is empty");
    check_bad(&rig, (struct pw_value){ .type = PW_VALUE_BYTES, .text = "x", .len = 1 });
    e = encode(&rig, (struct pw_value){ .type = PW_VALUE_NONE });
    ck_assert(e.n_tokens == 0 && e.n_wide == 0);
    e = encode(&rig, text_value("   "));
    ck_assert(e.n_tokens == 3 && e.n_wide == 0);
    e = encode(&rig, text_value("\xff\xfe broken \xc3"));
    ck_assert(e.n_tokens > 0 && e.n_wide > 0);
    rig_close(&rig);
    rig_open(&rig, &pw_sense_bytes, "{record: 512}");
    check_bad(&rig, (struct pw_value){ .type = PW_VALUE_BYTES, .text = "", .len = 0 });
    check_bad(&rig, text_value("text"));
    e = encode(&rig, (struct pw_value){ .type = PW_VALUE_NONE });
    ck_assert_int_eq(e.n_tokens, 0);
    rig_close(&rig);
}
END_TEST

START_TEST(text_needs_a_tokenizer)
{
    struct pw_sense s = { .ops = &pw_sense_text, .d = 4, .own = (char *)"task.t.part" };
    s.params = pw_params_new(1);
    ck_assert_int_eq(s.ops->open(&s, NULL), PWY_OK);
    ck_assert_int_eq(s.ops->declare(&s), PWY_E_STATE);
    s.ops->close(&s);
    pw_params_free(s.params);
}
END_TEST

static const char *const corpus[] = { "the cat", "the dog", "the bird", "", "the cat and the zebra" };

static pwy_status corpus_row(void *arg, int64_t i, const struct pw_value **value, struct pw_goal *goal)
{
    struct pw_value *store = arg;
    *store = text_value(corpus[i]);
    *value = store->len > 0 ? store : NULL;
    goal->label = (int)(i % 2);
    return PWY_OK;
}

/* What stands in every text weighs least; what no training text has, most. */
START_TEST(idf_is_fitted)
{
    struct rig rig;
    struct pw_value store;
    struct pw_fit fit = { .arg = &store, .n_train = 5, .row = corpus_row, .kind = "classify", .outputs = 2 };
    rig_open(&rig, &pw_sense_text, NULL);
    ck_assert_int_eq(rig.s.ops->fit(&rig.s, &fit), PWY_OK);
    const struct pw_param *idf = pw_params_find(rig.s.params, "task.t.part.idf");
    real least = 9, most = 0;
    ck_assert_ptr_nonnull(idf);
    ck_assert_int_eq(idf->n, 65536);
    for (int i = 0; i < 65536; i++) {
        least = idf->w[i] < least ? idf->w[i] : least;
        most = idf->w[i] > most ? idf->w[i] : most;
    }
    ck_assert_double_eq_tol((double)least, 1, 1e-6);
    ck_assert_double_eq_tol((double)most, 1 + log(5), 1e-6);
    struct pw_tally tally = { 0 };
    ck_assert_int_eq(pw_grams("the", 3, &tally), PWY_OK);
    ck_assert_int_eq(pw_tally_sort(&tally), PWY_OK);
    for (int64_t i = 0; i < tally.n; i++)
        ck_assert(idf->w[pw_tally_key(tally.slot[i]) >> 1] < (real)1.01);
    pw_tally_free(&tally);
    rig_close(&rig);
}
END_TEST

/* --- a tokenizer of its own --- */

static pwy_status cyrillic_row(void *arg, int64_t i, const struct pw_value **value, struct pw_goal *goal)
{
    static const char *const texts[] = { "доброе утро, добрый день", "добрый вечер и доброй ночи" };
    struct pw_value *store = arg;
    *store = text_value(texts[i % 2]);
    *value = store;
    goal->label = (int)(i % 2);
    return PWY_OK;
}

/* Opened with these settings, neither fitted nor declared. */
static void rig_unfitted(struct rig *rig, const char *settings)
{
    struct pw_node *map;
    rig_open(rig, &pw_sense_text, NULL);
    rig->s.ops->close(&rig->s);
    ck_assert_int_eq(pw_node_from_yaml(settings, strlen(settings), NULL, &map), PWY_OK);
    ck_assert_int_eq(rig->s.ops->open(&rig->s, map), PWY_OK);
    pw_node_free(map);
}

START_TEST(own_tokenizer)
{
    static const char settings[] = "{vocab: 300, rank: 4, grams: false}";
    struct rig rig, again;
    struct pw_value store;
    struct pw_fit fit = { .arg = &store, .n_train = 8, .row = cyrillic_row, .kind = "classify", .outputs = 2 };
    struct pw_node *map = pw_node_new(PW_MAP);
    rig_unfitted(&rig, settings);
    ck_assert_int_eq(rig.s.ops->fit(&rig.s, &fit), PWY_OK);
    ck_assert_int_eq(rig.s.ops->declare(&rig.s), PWY_OK);
    const struct pw_param *embed = pw_params_find(rig.s.params, "task.t.part.embed"),
                          *widen = pw_params_find(rig.s.params, "task.t.part.widen");
    ck_assert(embed->n % 4 == 0 && embed->n / 4 > 257 && embed->n / 4 <= 300 && widen->n == 4 * rig.s.d);
    struct pw_encoded own = encode(&rig, text_value("добрый день")), old;
    ck_assert(own.n_ids > 0 && own.n_ids < 10);
    ck_assert_int_eq(rig.s.ops->save(&rig.s, map), PWY_OK);
    rig_unfitted(&again, settings);
    ck_assert_int_eq(again.s.ops->load(&again.s, map), PWY_OK);
    old = encode(&again, text_value("добрый день"));
    check_same(&own, &old);
    pw_node_free(map);
    rig_close(&rig);
    rig_close(&again);
}
END_TEST

START_TEST(own_tokenizer_that_is_not_there)
{
    struct rig rig;
    struct pw_node *map = pw_node_new(PW_MAP);
    rig_unfitted(&rig, "{vocab: 300}");
    ck_assert_int_eq(rig.s.ops->load(&rig.s, map), PWY_E_FORMAT);
    ck_assert_ptr_nonnull(strstr(pwy_error_message(), "tokenizer"));
    ck_assert_int_eq(pw_node_put_text(map, "tokenizer", "{}"), PWY_OK);
    ck_assert_int_ne(rig.s.ops->load(&rig.s, map), PWY_OK);
    pw_node_free(map);
    rig_close(&rig);
}
END_TEST

static void refuses(const char *kind, const char *vocab, const char *says)
{
    struct pw_sense s = { .ops = &pw_sense_text, .kind = kind };
    struct pw_node *map = pw_node_new(PW_MAP);
    ck_assert_int_eq(pw_node_put(map, "vocab", pw_node_text(vocab, false)), PWY_OK);
    ck_assert_int_eq(s.ops->open(&s, map), PWY_E_ARGUMENT);
    ck_assert_msg(strstr(pwy_error_message(), says) != NULL, "%s", pwy_error_message());
    ck_assert_ptr_null(s.state);
    pw_node_free(map);
}

START_TEST(own_tokenizer_refused)
{
    refuses("classify", "256", "vocab 256 is too small");
    refuses("classify", "70000", "vocab");
    refuses("generate", "300", "writes");
}
END_TEST

/* Of two labels, each with a word of its own and many in common, few features keep the two words. */
static pwy_status telling_row(void *arg, int64_t i, const struct pw_value **value, struct pw_goal *goal)
{
    static const char *const texts[] = { "one and all of us said alpha to them", "one and all of us said omega to them" };
    struct pw_value *store = arg;
    *store = text_value(texts[i % 2]);
    *value = store;
    goal->label = (int)(i % 2);
    return PWY_OK;
}

START_TEST(few_features_are_those_that_tell)
{
    struct rig rig, all;
    struct pw_value store;
    struct pw_fit fit = { .arg = &store, .n_train = 8, .row = telling_row, .kind = "classify", .outputs = 2 };
    rig_open(&rig, &pw_sense_text, "{features: 16}");
    rig_open(&all, &pw_sense_text, NULL);
    ck_assert_int_eq(rig.s.wide_rows, 16);
    ck_assert_int_eq(rig.s.ops->fit(&rig.s, &fit), PWY_OK);
    struct pw_encoded common = encode(&rig, text_value("one and all of us")), alpha = encode(&rig, text_value("alpha")),
                      omega = encode(&rig, text_value("omega")), whole = encode(&all, text_value("alpha"));
    ck_assert_int_eq(common.n_wide, 0);
    ck_assert(alpha.n_wide > 0 && alpha.n_wide < whole.n_wide && omega.n_wide > 0);
    ck_assert_int_eq(shared(&alpha, &omega), 0);
    double square = 0;
    for (int64_t i = 0; i < alpha.n_wide; i++) square += (double)(alpha.wide_value[i] * alpha.wide_value[i]);
    ck_assert(square > .9 && square < 2.1);
    rig_close(&rig);
    rig_close(&all);
}
END_TEST

/* Records of two labels: pairs of their own, and zeros in common. */
static pwy_status record_row(void *arg, int64_t i, const struct pw_value **value, struct pw_goal *goal)
{
    static const char *const records[] = { "\0\0\0\0ABABAB", "\0\0\0\0YZYZYZ" };
    struct pw_value *store = arg;
    *store = (struct pw_value){ .type = PW_VALUE_BYTES, .text = records[i % 2], .len = 10 };
    *value = store;
    goal->label = (int)(i % 2);
    return PWY_OK;
}

static struct pw_value record_value(const char *text, int64_t len)
{
    return (struct pw_value){ .type = PW_VALUE_BYTES, .text = text, .len = len };
}

START_TEST(few_pairs_are_those_that_tell)
{
    enum { BESIDE = 5 * 256 };
    struct rig rig;
    struct pw_value store;
    struct pw_fit fit = { .arg = &store, .n_train = 8, .row = record_row, .kind = "classify", .outputs = 2 };
    rig_open(&rig, &pw_sense_bytes, "{record: 10, pairs: 16}");
    ck_assert_int_eq(rig.s.wide_rows, BESIDE + 16);
    ck_assert_int_eq(rig.s.ops->fit(&rig.s, &fit), PWY_OK);
    const struct pw_param *pairs = pw_params_find(rig.s.params, "task.t.part.pairs");
    ck_assert_int_eq(pairs->n, 16);
    for (int i = 1; i < 16; i++) ck_assert(pairs->w[i] > pairs->w[i - 1]);
    struct pw_encoded ab = encode(&rig, record_value("ABA", 3)), yz = encode(&rig, record_value("YZY", 3)),
                      none = encode(&rig, record_value("QRS", 3));
    int seen[3] = { 0 };
    for (int64_t i = 0; i < ab.n_wide; i++) seen[0] += ab.wide_index[i] >= BESIDE;
    for (int64_t i = 0; i < yz.n_wide; i++) seen[1] += yz.wide_index[i] >= BESIDE;
    for (int64_t i = 0; i < none.n_wide; i++) seen[2] += none.wide_index[i] >= BESIDE;
    ck_assert(seen[0] == 2 && seen[1] == 2 && seen[2] == 0);
    ck_assert_int_eq(encode(&rig, record_value("A", 1)).n_wide, 2);
    rig_close(&rig);
}
END_TEST

START_TEST(bytes_settings)
{
    struct pw_node *map = pw_node_new(PW_MAP);
    struct pw_sense s = { .ops = &pw_sense_bytes };
    ck_assert_int_eq(pw_node_put_int(map, "pairs", 15), PWY_OK);
    ck_assert_int_ne(pw_sense_bytes.open(&s, map), PWY_OK);
    ck_assert_ptr_nonnull(strstr(pwy_error_message(), "pairs"));
    ck_assert_ptr_null(s.state);
    pw_node_free(map);
}
END_TEST

START_TEST(logarithm)
{
    for (double x = 1e-3; x < 1e9; x *= 1.37)
        ck_assert_double_eq_tol(pw_ln(x), log(x), 1e-14 * (1 + fabs(log(x))));
    ck_assert(pw_ln(1) == 0);
}
END_TEST

/* A megabyte costs no more than its distinct grams in memory, and all of it is seen. */
START_TEST(text_of_any_length)
{
    struct rig rig;
    size_t len = 1 << 20;
    char *text = malloc(len + 8);
    for (size_t i = 0; i < len; i++)
        text[i] = i % 7 == 6 ? ' ' : (char)('a' + i % 5);
    strcpy(text + len, " qjxzvk");
    rig_open(&rig, &pw_sense_text, NULL);
    struct pw_encoded a = encode(&rig, text_value(text)), b = encode(&rig, text_value("qjxzvk"));
    ck_assert_int_eq(a.n_tokens, 40);
    ck_assert(shared(&b, &a) >= b.n_wide - 1);
    free(text);
    rig_close(&rig);
}
END_TEST

START_TEST(bytes_features)
{
    struct rig rig;
    char record[1024];
    double square = 0;
    for (int i = 0; i < 1024; i++)
        record[i] = (char)(i * i / 3);
    rig_open(&rig, &pw_sense_bytes, NULL);
    struct pw_value value = { .type = PW_VALUE_BYTES, .text = record, .len = sizeof record };
    struct pw_encoded a = encode(&rig, value), b = encode(&rig, value);
    check_same(&a, &b);
    ck_assert(a.n_tokens == 2 && a.n_reals == 256 + a.n_ids);
    for (int64_t i = 0; i < a.n_wide; i++)
        square += (double)a.wide_value[i] * a.wide_value[i];
    ck_assert_double_eq_tol(square, 3, 1e-4);
    square = 0;
    for (int64_t i = 256; i < a.n_reals; i++)
        square += (double)a.reals[i] * a.reals[i];
    ck_assert_double_eq_tol(square, 64, 1e-3);
    value.len = 1;
    a = encode(&rig, value);
    ck_assert(a.n_tokens == 2 && a.n_ids == 0 && a.n_wide == 2);
    rig_close(&rig);
}
END_TEST

START_TEST(table_of_senses)
{
    ck_assert_ptr_eq(pw_sense_find("text"), &pw_sense_text);
    ck_assert_ptr_eq(pw_sense_find("bytes"), &pw_sense_bytes);
    ck_assert_ptr_null(pw_sense_find("smell"));
    for (int i = 0; pw_senses[i] != NULL; i++)
        ck_assert_ptr_eq(pw_sense_find(pw_senses[i]->name), pw_senses[i]);
}
END_TEST

static Suite *suite(void)
{
    const TTest *const tests[] = {
        text_is_deterministic, text_norms, text_case_and_blanks, text_without_blanks, text_settings, bad_values,
        text_needs_a_tokenizer, idf_is_fitted, few_features_are_those_that_tell,
        own_tokenizer, own_tokenizer_that_is_not_there, own_tokenizer_refused,
        few_pairs_are_those_that_tell, bytes_settings, logarithm, text_of_any_length, bytes_features, table_of_senses
    };
    Suite *s = suite_create("sense_text");
    TCase *c = tcase_create("sense_text");
    for (size_t i = 0; i < sizeof tests / sizeof *tests; i++)
        tcase_add_test(c, tests[i]);
    tcase_set_timeout(c, 60);
    suite_add_tcase(s, c);
    return s;
}

int main(void)
{
    return run_suite(suite());
}

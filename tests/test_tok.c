/* Tokenizers: training, encoding, exact round trips, tokenizer.json, and whole characters out. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/rng.h"
#include "pathways/tokenizer.h"
#include "tok/bpe.h"
#include "suite.h"

static const char *const texts[] = {
    "the cat sat on the mat, the cat ate the rat", "the other mother bothers the father",
    "Öl läuft über die Straße; über die Straße läuft Öl", "日本語の文字と日本語の文章", "1234 12 123 12345 don't won't can't",
    "  two  blanks\tand\ttabs\n\n\nlines  "
};
enum { N_TEXTS = sizeof texts / sizeof *texts };

static pwy_tokenizer *train(int64_t vocab)
{
    pwy_tokenizer *t = NULL;
    ck_assert_int_eq(pwy_tokenizer_train(texts, NULL, N_TEXTS, vocab, &t), PWY_OK);
    return t;
}

static void check_round_trip(const pwy_tokenizer *t, const char *text, int64_t len)
{
    int32_t *ids = malloc(((size_t)len + 1) * sizeof *ids);
    int64_t n = -1, back_len = -1;
    char *back;
    ck_assert_int_eq(pwy_tokenizer_encode(t, text, len, ids, len, &n), PWY_OK);
    ck_assert(n <= len);
    ck_assert_int_eq(pwy_tokenizer_decode(t, ids, n, &back, &back_len), PWY_OK);
    ck_assert_int_eq(back_len, len);
    ck_assert_mem_eq(back, text, len);
    free(back);
    free(ids);
}

START_TEST(bytes_are_ids)
{
    pwy_tokenizer *t;
    int32_t ids[4];
    int64_t n;
    ck_assert_int_eq(pwy_tokenizer_bytes(&t), PWY_OK);
    ck_assert_int_eq(pwy_tokenizer_vocab(t), 257);
    ck_assert_int_eq(pwy_tokenizer_encode(t, "a\0\xff", 3, ids, 4, &n), PWY_OK);
    ck_assert_int_eq(n, 3);
    ck_assert(ids[0] == 'a' && ids[1] == 0 && ids[2] == 255);
    ck_assert_int_eq(pw_tok_end(t), PW_TOK_END);
    pwy_tokenizer_free(t);
    pwy_tokenizer_free(NULL);
}
END_TEST

START_TEST(training_is_deterministic)
{
    pwy_tokenizer *a = train(300), *b = train(300);
    char *s = pw_tok_json(a), *t = pw_tok_json(b);
    ck_assert_str_eq(s, t);
    ck_assert(pwy_tokenizer_vocab(a) > 290);
    free(s);
    free(t);
    pwy_tokenizer_free(a);
    pwy_tokenizer_free(b);
}
END_TEST

/* The first merges of a text whose counts are known: "ab" 4 times, then "abc" 3, ties to the smaller pair. */
START_TEST(merges_by_count_then_pair)
{
    const char *text[] = { "abc", "abc", "abc", "ab", "xy", "xy", "cd", "cd" };
    pwy_tokenizer *t;
    int64_t len;
    ck_assert_int_eq(pwy_tokenizer_train(text, NULL, 8, 1000, &t), PWY_OK);
    ck_assert_int_eq(pwy_tokenizer_vocab(t), 257 + 4);
    const char *expected[] = { "ab", "abc", "cd", "xy" };
    for (int i = 0; i < 4; i++) {
        const char *piece = pw_tok_piece(t, 257 + i, &len);
        ck_assert_int_eq(len, (int64_t)strlen(expected[i]));
        ck_assert_mem_eq(piece, expected[i], len);
    }
    pwy_tokenizer_free(t);
}
END_TEST

START_TEST(a_run_of_one_letter)
{
    const char *text[] = { "aaaaaaaaaaaaaaaa", "aaaaaaaa", "aaaa", "aaa" };
    pwy_tokenizer *t;
    ck_assert_int_eq(pwy_tokenizer_train(text, NULL, 4, 300, &t), PWY_OK);
    for (int i = 0; i < 4; i++)
        check_round_trip(t, text[i], (int64_t)strlen(text[i]));
    pwy_tokenizer_free(t);
}
END_TEST

START_TEST(end_is_never_made_of_text)
{
    const char *text[] = { "<end> <end><end> <end>", "<end><end>", "<end>", "end>", "<end" };
    pwy_tokenizer *t, *u;
    int32_t ids[64];
    int64_t n;
    ck_assert_int_eq(pwy_tokenizer_train(text, NULL, 5, 400, &t), PWY_OK);
    ck_assert_int_eq(pwy_tokenizer_encode(t, text[0], -1, ids, 64, &n), PWY_OK);
    for (int64_t i = 0; i < n; i++)
        ck_assert_int_ne(ids[i], PW_TOK_END);
    char *json = pw_tok_json(t);
    ck_assert_int_eq(pwy_tokenizer_parse(json, -1, "x", &u), PWY_OK);
    free(json);
    pwy_tokenizer_free(t);
    pwy_tokenizer_free(u);
}
END_TEST

START_TEST(round_trips)
{
    pwy_tokenizer *t = train(500);
    struct pw_rng rng = pw_rng_at(1, 2, 0);
    char noise[700];
    for (int i = 0; i < N_TEXTS; i++)
        check_round_trip(t, texts[i], (int64_t)strlen(texts[i]));
    for (int round = 0; round < 300; round++) {
        int64_t len = (int64_t)pw_rng_below(&rng, sizeof noise);
        const char *from = texts[round % N_TEXTS];
        for (int64_t i = 0; i < len; i++)
            noise[i] = round % 2 ? (char)pw_rng_below(&rng, 256) : from[(size_t)i % strlen(from)];
        for (int k = 0; k < 5 && len > 0; k++)
            noise[pw_rng_below(&rng, (uint64_t)len)] = (char)pw_rng_below(&rng, 256);
        check_round_trip(t, noise, len);
    }
    check_round_trip(t, "", 0);
    pwy_tokenizer_free(t);
}
END_TEST

START_TEST(long_runs)
{
    pwy_tokenizer *t = train(400);
    const size_t len = 300000;
    char *text = malloc(len);
    for (size_t i = 0; i < len; i++)
        text[i] = "the"[i % 3];
    check_round_trip(t, text, (int64_t)len);
    memset(text, ' ', len);
    check_round_trip(t, text, (int64_t)len);
    for (size_t i = 0; i + 1 < len; i += 2)
        memcpy(text + i, "\xc3\xb6", 2);
    check_round_trip(t, text + 1, (int64_t)len - 1);
    free(text);
    pwy_tokenizer_free(t);
}
END_TEST

START_TEST(long_and_short_merges_agree)
{
    pwy_tokenizer *t = train(500);
    struct pw_rng rng = pw_rng_at(3, 4, 0);
    int32_t a[PW_WORD_SHORT], b[PW_WORD_SHORT];
    for (int round = 0; round < 2000; round++) {
        int64_t n = 1 + (int64_t)pw_rng_below(&rng, PW_WORD_SHORT), m = n;
        for (int64_t i = 0; i < n; i++)
            a[i] = b[i] = (unsigned char)"aeht rmo"[pw_rng_below(&rng, 8)];
        ck_assert_int_eq(pw_merge_long(t, b, &m), PWY_OK);
        n = pw_merge_short(t, a, n);
        ck_assert_int_eq(n, m);
        ck_assert_mem_eq(a, b, (size_t)n * sizeof *a);
    }
    pwy_tokenizer_free(t);
}
END_TEST

/* The pattern keeps a blank with the word behind it, and words apart from numbers and signs. */
START_TEST(words)
{
    const char *text = "Hello world's 42nd  day!!\xff\xffok", *word;
    const char *expected[] = { "Hello", " world", "'s", " 42", "nd", " ", " day", "!!", "\xff", "\xff", "ok" };
    pwy_tokenizer *t = train(257);
    struct pw_split split;
    int64_t len;
    ck_assert_int_eq(pw_split_start(&split, t, text, (int64_t)strlen(text)), PWY_OK);
    for (size_t i = 0; i < sizeof expected / sizeof *expected; i++) {
        ck_assert_int_eq(pw_split_next(&split, &word, &len), PWY_OK);
        ck_assert_int_eq(len, (int64_t)strlen(expected[i]));
        ck_assert_mem_eq(word, expected[i], len);
    }
    ck_assert_int_eq(pw_split_next(&split, &word, &len), PWY_OK);
    ck_assert_int_eq(len, 0);
    pw_split_end(&split);
    pwy_tokenizer_free(t);
}
END_TEST

START_TEST(room_for_ids)
{
    pwy_tokenizer *t = train(400);
    int32_t all[64], few[3] = { -7, -7, -7 };
    int64_t n, m;
    ck_assert_int_eq(pwy_tokenizer_encode(t, texts[0], -1, all, 64, &n), PWY_OK);
    ck_assert_int_eq(pwy_tokenizer_encode(t, texts[0], -1, NULL, 0, &m), PWY_OK);
    ck_assert_int_eq(n, m);
    ck_assert_int_eq(pwy_tokenizer_encode(t, texts[0], -1, few, 2, &m), PWY_OK);
    ck_assert_int_eq(n, m);
    ck_assert(few[0] == all[0] && few[1] == all[1] && few[2] == -7);
    ck_assert_int_eq(pw_tok_encode(t, texts[0], (int64_t)strlen(texts[0]), few, 2, &m, false), PWY_OK);
    ck_assert_int_eq(m, 2);
    ck_assert_int_eq(pw_tok_encode(t, texts[0], (int64_t)strlen(texts[0]), NULL, 0, &m, false), PWY_OK);
    ck_assert_int_eq(m, 0);
    pwy_tokenizer_free(t);
}
END_TEST

START_TEST(json_round_trip)
{
    pwy_tokenizer *t = train(450), *u;
    int32_t a[64], b[64];
    int64_t n, m;
    char *json = pw_tok_json(t);
    ck_assert_int_eq(pwy_tokenizer_parse(json, -1, "here", &u), PWY_OK);
    char *again = pw_tok_json(u);
    ck_assert_str_eq(json, again);
    for (int i = 0; i < N_TEXTS; i++) {
        pwy_tokenizer_encode(t, texts[i], -1, a, 64, &n);
        pwy_tokenizer_encode(u, texts[i], -1, b, 64, &m);
        ck_assert_int_eq(n, m);
        ck_assert_mem_eq(a, b, (size_t)(n < 64 ? n : 64) * sizeof *a);
    }
    free(json);
    free(again);
    pwy_tokenizer_free(t);
    pwy_tokenizer_free(u);
}
END_TEST

START_TEST(saved_and_opened)
{
    char path[] = "/tmp/pathways-tok-XXXXXX";
    pwy_tokenizer *t = train(300), *u = NULL;
    int fd = mkstemp(path);
    ck_assert(fd >= 0);
    ck_assert_int_eq(pwy_tokenizer_save(t, path), PWY_OK);
    ck_assert_int_eq(pwy_tokenizer_open(path, &u), PWY_OK);
    ck_assert_int_eq(pwy_tokenizer_vocab(t), pwy_tokenizer_vocab(u));
    remove(path);
    pwy_tokenizer_free(t);
    pwy_tokenizer_free(u);
    u = NULL;
    ck_assert_int_ne(pwy_tokenizer_open(path, &u), PWY_OK);
    ck_assert_ptr_null(u);
}
END_TEST

static char *replaced(const char *text, const char *from, const char *to)
{
    const char *at = strstr(text, from);
    ck_assert_ptr_nonnull(at);
    char *out = malloc(strlen(text) + strlen(to) + 1);
    sprintf(out, "%.*s%s%s", (int)(at - text), text, to, at + strlen(from));
    return out;
}

/* A file in another library's order of ids, with the merges as lists. */
START_TEST(another_order_of_ids)
{
    pwy_tokenizer *t = train(257), *u;
    char *json = pw_tok_json(t), *a = replaced(json, "\"a\": 97", "\"a\": 300");
    char *b = replaced(a, "\"b\": 98", "\"b\": 97,\n      \"ab\": 98");
    char *c = replaced(b, "\"merges\": []", "\"merges\": [[\"a\", \"b\"]]");
    int32_t ids[8];
    int64_t n;
    ck_assert_int_eq(pwy_tokenizer_parse(c, -1, "x", &u), PWY_OK);
    ck_assert_int_eq(pwy_tokenizer_vocab(u), 301);
    ck_assert_int_eq(pwy_tokenizer_encode(u, "abba", -1, ids, 8, &n), PWY_OK);
    ck_assert_int_eq(n, 3);
    ck_assert(ids[0] == 98 && ids[1] == 97 && ids[2] == 300);
    check_round_trip(u, "abracadabra", 11);
    free(json);
    free(a);
    free(b);
    free(c);
    pwy_tokenizer_free(t);
    pwy_tokenizer_free(u);
}
END_TEST

START_TEST(bad_json)
{
    static const char *const edits[][2] = {
        { "\"a\": 97", "\"a\": 98" }, { "\"a\": 97", "\"a\": -1" }, { "\"a\": 97", "\"a\": 99999999" },
        { "\"a\": 97", "\"a\": \"97\"" }, { "\"a\": 97,", "" }, { "\"a\": 97", "\"\\u65e5\": 97" },
        { "\"merges\": [", "\"merges\": [\"qq zz\"," }, { "\"merges\": [", "\"merges\": [\"q\"," },
        { "\"merges\": [", "\"merges\": [7," }, { "\"vocab\": {", "\"vocab\": 3, \"other\": {" },
        { "\"merges\":", "\"marges\":" }, { "\"type\": \"BPE\"", "\"type\": \"Unigram\"" },
        { "\"normalizer\": null", "\"normalizer\": {\"type\": \"NFC\"}" },
        { "\"add_prefix_space\": false", "\"add_prefix_space\": true" },
        { "\"byte_fallback\": false", "\"byte_fallback\": true" }, { "\"special\": true", "\"special\": false" },
        { "ByteLevel", "Whitespace" }, { "{", "[" }, { "\"id\": 256", "\"id\": 255" }
    };
    pwy_tokenizer *t = train(300), *u = NULL;
    char *json = pw_tok_json(t);
    for (size_t i = 0; i < sizeof edits / sizeof *edits; i++) {
        char *bad = replaced(json, edits[i][0], edits[i][1]);
        pwy_status status = pwy_tokenizer_parse(bad, -1, "bad.json", &u);
        ck_assert_msg(status == PWY_E_FORMAT || status == PWY_E_UNSUPPORTED, "edit %zu gave %d", i, status);
        ck_assert_ptr_nonnull(strstr(pwy_error_message(), "bad.json"));
        ck_assert_ptr_null(u);
        free(bad);
    }
    for (size_t len = 0; len < strlen(json) - 3; len += 97)
        ck_assert_int_eq(pwy_tokenizer_parse(json, (int64_t)len, "cut", &u), PWY_E_FORMAT);
    free(json);
    pwy_tokenizer_free(t);
}
END_TEST

/* A Split by a pattern of its own before ByteLevel, as newer models have. */
START_TEST(own_pattern)
{
    pwy_tokenizer *t = train(260), *u, *v;
    char *json = pw_tok_json(t);
    char *own = replaced(json, "\"pre_tokenizer\": {\"type\": \"ByteLevel\", \"add_prefix_space\": false, "
                         "\"trim_offsets\": true, \"use_regex\": true}",
                         "\"pre_tokenizer\": {\"type\": \"Sequence\", \"pretokenizers\": [{\"type\": \"Split\", "
                         "\"pattern\": {\"Regex\": \"\\\\d|\\\\w+\"}, \"behavior\": \"Isolated\", \"invert\": false}, "
                         "{\"type\": \"ByteLevel\", \"add_prefix_space\": false, \"use_regex\": false}]}");
    ck_assert_int_eq(pwy_tokenizer_parse(own, -1, "own", &u), PWY_OK);
    ck_assert_str_eq(u->pattern, "\\d|\\w+");
    check_round_trip(u, "a12 --- b", 9);
    char *again = pw_tok_json(u);
    ck_assert_int_eq(pwy_tokenizer_parse(again, -1, "again", &v), PWY_OK);
    ck_assert_str_eq(v->pattern, u->pattern);
    char *broken = replaced(own, "\\\\d|", "(");
    ck_assert_int_eq(pwy_tokenizer_parse(broken, -1, "broken", &v), PWY_E_FORMAT);
    free(json);
    free(own);
    free(again);
    free(broken);
    pwy_tokenizer_free(t);
    pwy_tokenizer_free(u);
    pwy_tokenizer_free(v);
}
END_TEST

START_TEST(whole_characters)
{
    static const struct { int32_t id; const char *out; } feed[] = {
        { 'a', "a" }, { 0xe6, "" }, { 0x97, "" }, { 0xa5, "日" }, { 0xe6, "" }, { 'b', "\xef\xbf\xbd" "b" },
        { 0xff, "\xef\xbf\xbd" }, { 0, "\xef\xbf\xbd" }, { 0xc3, "" }, { PW_TOK_END, "\xef\xbf\xbd" }, { PW_TOK_END, "" }
    };
    pwy_tokenizer *t;
    pwy_detokenizer *d;
    const char *text;
    ck_assert_int_eq(pwy_tokenizer_bytes(&t), PWY_OK);
    ck_assert_int_eq(pwy_detokenizer_new(t, &d), PWY_OK);
    pwy_tokenizer_free(t);
    for (size_t i = 0; i < sizeof feed / sizeof *feed; i++) {
        ck_assert_int_eq(pwy_detokenizer_feed(d, feed[i].id, &text), PWY_OK);
        ck_assert_str_eq(text, feed[i].out);
    }
    ck_assert_int_eq(pwy_detokenizer_feed(d, 257, &text), PWY_E_ARGUMENT);
    ck_assert_int_eq(pwy_detokenizer_feed(d, -1, &text), PWY_E_ARGUMENT);
    pwy_detokenizer_free(d);
    pwy_detokenizer_free(NULL);
}
END_TEST

START_TEST(bad_arguments)
{
    pwy_tokenizer *t = NULL;
    char *text = NULL;
    int64_t n = -5;
    int32_t id = 5000;
    const char *null_text = NULL;
    ck_assert_int_eq(pwy_tokenizer_train(texts, NULL, N_TEXTS, 256, &t), PWY_E_ARGUMENT);
    ck_assert_int_eq(pwy_tokenizer_train(texts, NULL, N_TEXTS, PW_TOK_MAX + 1, &t), PWY_E_ARGUMENT);
    ck_assert_int_eq(pwy_tokenizer_train(&null_text, NULL, 1, 300, &t), PWY_E_ARGUMENT);
    ck_assert_int_eq(pwy_tokenizer_train(NULL, NULL, 2, 300, &t), PWY_E_ARGUMENT);
    ck_assert_ptr_null(t);
    ck_assert_int_eq(pwy_tokenizer_train(NULL, NULL, 0, 300, &t), PWY_OK);
    ck_assert_int_eq(pwy_tokenizer_vocab(t), 257);
    ck_assert_int_eq(pwy_tokenizer_encode(t, "a", -1, NULL, 4, &n), PWY_E_ARGUMENT);
    ck_assert_int_eq(pwy_tokenizer_encode(t, "a", -1, &id, -1, &n), PWY_E_ARGUMENT);
    ck_assert_int_eq(n, -5);
    ck_assert_int_eq(pwy_tokenizer_decode(t, &id, 1, &text, &n), PWY_E_ARGUMENT);
    ck_assert(text == NULL && n == -5);
    ck_assert_int_eq(pwy_tokenizer_decode(t, NULL, 0, &text, &n), PWY_OK);
    ck_assert_str_eq(text, "");
    free(text);
    pwy_tokenizer_free(t);
}
END_TEST

static Suite *suite(void)
{
    const TTest *const tests[] = {
        bytes_are_ids, training_is_deterministic, merges_by_count_then_pair, a_run_of_one_letter,
        end_is_never_made_of_text, round_trips, long_runs, long_and_short_merges_agree, words, room_for_ids,
        json_round_trip, saved_and_opened, another_order_of_ids, bad_json, own_pattern, whole_characters, bad_arguments
    };
    Suite *s = suite_create("tok");
    TCase *c = tcase_create("tok");
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

/* base/: errors, memory, numbers, randomness, settings, examples, and the exported functions over them. */
#include <check.h>
#include <locale.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/digest.h"
#include "base/example.h"
#include "base/node.h"
#include "base/num.h"
#include "base/rng.h"
#include "suite.h"

#define ck_message(part) ck_assert_msg(strstr(pwy_error_message(), part) != NULL, "message: %s", pwy_error_message())

START_TEST(error_parts)
{
    ck_assert_int_eq(pw_fail_at(PWY_E_DATA, "a.csv", 7, "label '%s' is unknown", "maybe"), PWY_E_DATA);
    ck_assert_int_eq(pw_fail_task("spam"), PWY_E_DATA);
    pwy_error *error = pwy_error_last();
    pw_fail(PWY_E_IO, "another");
    ck_assert_str_eq(pwy_error_text(error), "task 'spam': a.csv:7: label 'maybe' is unknown");
    ck_assert_str_eq(pwy_error_file(error), "a.csv");
    ck_assert_int_eq(pwy_error_line(error), 7);
    ck_assert_str_eq(pwy_error_task(error), "spam");
    ck_assert_int_eq(pwy_error_status(error), PWY_E_DATA);
    pwy_error_free(error);
    error = pwy_error_last();
    ck_assert_ptr_null(pwy_error_file(error));
    ck_assert_ptr_null(pwy_error_task(error));
    pwy_error_free(error);
    pwy_error_free(NULL);
    ck_assert_int_eq(pwy_error_status(NULL), PWY_OK);
}
END_TEST

START_TEST(error_of_an_error)
{
    pw_fail(PWY_E_DATA, "inner");
    pw_fail(PWY_E_DATA, "outer: %s", pwy_error_message());
    ck_assert_str_eq(pwy_error_message(), "outer: inner");
}
END_TEST

START_TEST(error_too_long_is_cut_between_characters)
{
    char text[5000];
    for (size_t i = 0; i + 2 < sizeof text; i += 2) memcpy(text + i, "\xC3\xA9", 3);
    pw_fail(PWY_E_DATA, "x%s", text);
    size_t len = strlen(pwy_error_message());
    ck_assert_uint_lt(len, 1200);
    ck_assert_uint_eq(len % 2, 1);
}
END_TEST

static void *message_of_thread(void *out)
{
    *(bool *)out = pwy_error_message()[0] == 0 && pwy_error_last() == NULL;
    pw_fail(PWY_E_IO, "of the other thread");
    return NULL;
}

START_TEST(error_belongs_to_a_thread)
{
    pthread_t thread;
    bool empty = false;
    pw_fail(PWY_E_DATA, "mine");
    pthread_create(&thread, NULL, message_of_thread, &empty);
    pthread_join(thread, NULL);
    ck_assert(empty);
    ck_assert_str_eq(pwy_error_message(), "mine");
}
END_TEST

START_TEST(status_names)
{
    ck_assert_str_eq(pwy_status_name(PWY_OK), "PWY_OK");
    ck_assert_str_eq(pwy_status_name(PWY_E_CALLBACK), "PWY_E_CALLBACK");
    ck_assert_str_eq(pwy_status_name((pwy_status)11), "PWY_?");
}
END_TEST

START_TEST(nearest_word)
{
    static const char *const words[] = { "experts", "topk", "d", "heads", "hidden", NULL };
    ck_assert_str_eq(pw_nearest("expert", words), "experts");
    ck_assert_str_eq(pw_nearest("haeds", words), "heads");
    ck_assert_ptr_null(pw_nearest("x", words));
    ck_assert_ptr_null(pw_nearest("quantum", words));
    ck_assert_ptr_null(pw_nearest("", words));
}
END_TEST

START_TEST(memory_is_aligned_and_zeroed)
{
    for (size_t n = 0; n < 300; n += 7) {
        char *p = pw_calloc(n, 1);
        ck_assert_uint_eq((uintptr_t)p % 64, 0);
        for (size_t i = 0; i < n; i++) ck_assert_int_eq(p[i], 0);
        free(p);
    }
    volatile size_t huge = SIZE_MAX / 2;
    ck_assert_ptr_null(pw_calloc(huge, 3));
    ck_assert_ptr_null(pw_realloc(NULL, huge, 2));
    ck_message("out of memory");
}
END_TEST

START_TEST(arena_marks_and_resets)
{
    struct pw_arena *arena = pw_arena_new();
    char *first = pw_arena_take(arena, 100, 1);
    memset(first, 1, 100);
    size_t mark = pw_arena_mark(arena);
    for (int i = 0; i < 50; i++) {
        char *p = pw_arena_zero(arena, 1000 + (size_t)i, 7);
        ck_assert_uint_eq((uintptr_t)p % 64, 0);
        ck_assert_int_eq(p[7000], 0);
        memset(p, 0x55, (1000 + (size_t)i) * 7);
    }
    pw_arena_release(arena, mark);
    ck_assert_uint_eq(pw_arena_mark(arena), mark);
    ck_assert_int_eq(first[99], 1);
    char *second = pw_arena_take(arena, 10, 1);
    ck_assert_ptr_eq(second, first + 128);
    pw_arena_reset(arena);
    ck_assert_ptr_eq(pw_arena_take(arena, 1, 1), first);
    ck_assert_ptr_null(pw_arena_take(arena, SIZE_MAX, 2));
    pw_arena_free(arena);
    pw_arena_free(NULL);
}
END_TEST

/* The same requests after a reset find the same places: no growth from step to step. */
START_TEST(arena_keeps_its_memory)
{
    struct pw_arena *arena = pw_arena_new();
    void *at[40];
    for (int step = 0; step < 3; step++) {
        for (size_t i = 0; i < 40; i++) {
            void *p = pw_arena_take(arena, i * 1000, 3);
            ck_assert(step < 1 || p == at[i]);
            at[i] = p;
        }
        pw_arena_reset(arena);
    }
    pw_arena_free(arena);
}
END_TEST

START_TEST(buffer_grows)
{
    struct pw_buf buf = { 0 };
    for (int i = 0; i < 1000; i++) ck_assert_int_eq(pw_buf_printf(&buf, "%d,", i % 10), PWY_OK);
    ck_assert_uint_eq(buf.len, 2000);
    ck_assert_uint_eq(strlen(buf.data), 2000);
    ck_assert_int_eq(pw_buf_add(&buf, NULL, 0), PWY_OK);
    ck_assert_int_eq(pw_buf_add(&buf, "", SIZE_MAX - 10), PWY_E_NOMEM);
    ck_assert_uint_eq(buf.len, 2000);
    pw_buf_free(&buf);
    ck_assert_ptr_null(buf.data);
}
END_TEST

START_TEST(map_keeps_order)
{
    struct pw_map *map = pw_map_new();
    char key[32];
    ck_assert_int_eq(pw_map_find(map, "a", 1), -1);
    for (int i = 0; i < 2000; i++)
        ck_assert_int_eq(pw_map_add(map, key, (size_t)snprintf(key, sizeof key, "key %d", i)), i);
    for (int i = 0; i < 2000; i++) {
        size_t len = (size_t)snprintf(key, sizeof key, "key %d", i);
        ck_assert_int_eq(pw_map_add(map, key, len), i);
        ck_assert_int_eq(pw_map_find(map, key, len), i);
        ck_assert_str_eq(pw_map_key(map, i), key);
    }
    ck_assert_int_eq(pw_map_add(map, "", 0), 2000);
    ck_assert_int_eq(pw_map_find(map, "key 1", 4), -1);
    ck_assert_int_eq(pw_map_count(map), 2001);
    pw_map_free(map);
}
END_TEST

/* The known answers of Salmon et al.'s own distribution (philox4x32 10). */
START_TEST(philox_known_answers)
{
    struct pw_rng zero = pw_rng_at(0, 0, 0), ones = pw_rng_at(UINT64_MAX, UINT64_MAX, UINT64_MAX);
    struct pw_rng pi = pw_rng_at(UINT64_C(0x299f31d0a4093822), UINT64_C(0x0370734413198a2e),
                                 UINT64_C(0x85a308d3243f6a88));
    static const uint32_t of_zero[] = { 0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8 };
    static const uint32_t of_ones[] = { 0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd };
    static const uint32_t of_pi[] = { 0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1 };
    for (int i = 0; i < 4; i++) {
        ck_assert_uint_eq(pw_rng_u32(&zero), of_zero[i]);
        ck_assert_uint_eq(pw_rng_u32(&ones), of_ones[i]);
        ck_assert_uint_eq(pw_rng_u32(&pi), of_pi[i]);
    }
}
END_TEST

START_TEST(random_numbers_have_their_moments)
{
    struct pw_rng rng = pw_rng_at(1, 2, 0);
    double sum = 0, squares = 0, uniform = 0;
    int count[7] = { 0 }, n = 70000;
    for (int i = 0; i < n; i++) {
        double x = pw_rng_normal(&rng), u = pw_rng_uniform(&rng);
        ck_assert(u >= 0 && u < 1);
        sum += x;
        squares += x * x;
        uniform += u;
        count[pw_rng_below(&rng, 7)]++;
    }
    ck_assert(fabs(sum / n) < 0.02 && fabs(squares / n - 1) < 0.03 && fabs(uniform / n - 0.5) < 0.01);
    for (int i = 0; i < 7; i++) ck_assert(abs(count[i] - 10000) < 500);
    ck_assert_uint_eq(pw_rng_below(&rng, 1), 0);
    ck_assert_uint_lt(pw_rng_below(&rng, UINT64_MAX), UINT64_MAX);
}
END_TEST

START_TEST(random_numbers_resume)
{
    struct pw_rng rng = pw_rng_at(5, 6, 0), later = pw_rng_at(5, 6, 3);
    for (int i = 0; i < 12; i++) pw_rng_u32(&rng);
    for (int i = 0; i < 9; i++) ck_assert_uint_eq(pw_rng_u32(&rng), pw_rng_u32(&later));
}
END_TEST

START_TEST(permutation)
{
    static const uint64_t sizes[] = { 1, 2, 3, 7, 16, 100, 257, 1000 };
    for (int s = 0; s < 8; s++) {
        uint64_t n = sizes[s];
        bool seen[1000] = { false };
        for (uint64_t i = 0; i < n; i++) {
            uint64_t p = pw_permute(42 + n, n, i);
            ck_assert(p < n && !seen[p]);
            seen[p] = true;
            ck_assert_uint_eq(pw_permute_inverse(42 + n, n, p), i);
        }
    }
    uint64_t huge = UINT64_MAX, p = pw_permute(1, huge, 12345);
    ck_assert_uint_eq(pw_permute_inverse(1, huge, p), 12345);
    int same = 0;
    for (uint64_t i = 0; i < 1000; i++) same += pw_permute(1, 1000, i) == pw_permute(2, 1000, i);
    ck_assert_int_lt(same, 20);
}
END_TEST

static double parsed(const char *text)
{
    double value = -12345;
    return pw_parse_double(text, strlen(text), &value) ? value : -12345;
}

START_TEST(numbers_from_text)
{
    static const char *const good[] = { "0", "-0", "1", "+1.5", " 3 ", "\t-.5\n", "5.", "1e3", "1E-7",
        "123456789012345678", "0.1", "1e22", "1e23", "2.2250738585072011e-308", "4.9406564584124654e-324",
        "1.7976931348623157e308", "1e400",
        "9007199254740993", "0.000001", "179769313486231580793728971405301e275", "00012" };
    static const char *const bad[] = { "", " ", "-", "+", ".", "e5", "1e", "1e+", "1,5", "0x10", "1 2", "1.2.3", "nano",
        "infinit", "1f", "--1", "(1)" };
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        ck_assert_msg(parsed(good[i]) == strtod(good[i], NULL), "%s", good[i]);
    ck_assert(signbit(parsed("-0")));
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) ck_assert_msg(parsed(bad[i]) == -12345, "%s", bad[i]);
    ck_assert(isnan(parsed("NaN")) && isnan(parsed("-nan")));
    ck_assert(parsed("inf") == INFINITY && parsed("-Infinity") == -INFINITY);
}
END_TEST

START_TEST(numbers_only_in_their_length)
{
    double value = 0;
    int64_t whole = 0;
    ck_assert(pw_parse_double("123456", 3, &value) && value == 123);
    ck_assert(pw_parse_int("123456", 3, &whole) && whole == 123);
    ck_assert(!pw_parse_double("12", 0, &value));
}
END_TEST

START_TEST(whole_numbers_from_text)
{
    int64_t value = 77;
    ck_assert(pw_parse_int(" -42 ", 5, &value) && value == -42);
    ck_assert(pw_parse_int("9223372036854775807", 19, &value) && value == INT64_MAX);
    ck_assert(pw_parse_int("-9223372036854775808", 20, &value) && value == INT64_MIN);
    value = 77;
    ck_assert(!pw_parse_int("9223372036854775808", 19, &value));
    ck_assert(!pw_parse_int("1.0", 3, &value) && !pw_parse_int("", 0, &value) && !pw_parse_int("-", 1, &value));
    ck_assert_int_eq(value, 77);
}
END_TEST

START_TEST(numbers_to_text_and_back)
{
    struct pw_rng rng = pw_rng_at(9, 9, 9);
    char text[40];
    for (int i = 0; i < 20000; i++) {
        uint64_t bits = (uint64_t)pw_rng_u32(&rng) << 32 | pw_rng_u32(&rng);
        double value;
        memcpy(&value, &bits, sizeof value);
        if (!isfinite(value)) continue;
        pw_format_double(text, sizeof text, value);
        ck_assert_msg(parsed(text) == value, "%s", text);
    }
    pw_format_double(text, sizeof text, 0.1);
    ck_assert_str_eq(text, "0.1");
    pw_format_double(text, sizeof text, 128);
    ck_assert_str_eq(text, "128");
    pw_format_double(text, sizeof text, 1.0 / 3);
    ck_assert_str_eq(text, "0.3333333333333333");
}
END_TEST

/* Where the machine has a locale with a comma, it changes nothing and is not changed. */
START_TEST(numbers_without_the_locale)
{
    static const char *const names[] = { "de_DE.UTF-8", "fr_FR.UTF-8", "de_DE", "C" };
    for (int i = 0; i < 4 && setlocale(LC_ALL, names[i]) == NULL; i++) continue;
    char text[40], before = localeconv()->decimal_point[0];
    pw_format_double(text, sizeof text, 1.5);
    ck_assert_str_eq(text, "1.5");
    ck_assert(parsed("1.2345678901234567890") == 1.2345678901234567890);
    ck_assert_int_eq(localeconv()->decimal_point[0], before);
    setlocale(LC_ALL, "C");
}
END_TEST

static struct pw_node *yaml(const char *text)
{
    struct pw_node *tree = NULL;
    ck_assert_msg(pw_node_from_yaml(text, strlen(text), "r.yaml", &tree) == PWY_OK, "%s", pwy_error_message());
    return tree;
}

START_TEST(yaml_tree)
{
    struct pw_node *tree = yaml("# a recipe\nmodel: {d: 128, name: \"12\"}\nlist:\n  - a\n  - [1, 2]\nempty:\n");
    const struct pw_node *d = pw_node_get(pw_node_get(tree, "model"), "d"), *list = pw_node_get(tree, "list");
    ck_assert_str_eq(d->text, "128");
    ck_assert_int_eq(d->line, 2);
    ck_assert_str_eq(d->file, "r.yaml");
    ck_assert(pw_node_get(pw_node_get(tree, "model"), "name")->quoted && !d->quoted);
    ck_assert_int_eq(list->n, 2);
    ck_assert_int_eq(list->item[1]->kind, PW_LIST);
    ck_assert_ptr_null(pw_node_get(tree, "nothing"));
    ck_assert_ptr_null(pw_node_get(NULL, "nothing"));
    char *json = pw_node_to_json(tree);
    ck_assert_str_eq(json, "{\"model\":{\"d\":128,\"name\":\"12\"},\"list\":[\"a\",[1,2]],\"empty\":null}");
    free(json);
    struct pw_node *copy = pw_node_copy(tree);
    pw_node_free(tree);
    ck_assert_str_eq(pw_node_get(pw_node_get(copy, "model"), "d")->file, "r.yaml");
    pw_node_free(copy);
}
END_TEST

START_TEST(yaml_refused)
{
    static const char *const cases[][2] = {
        { "a: 1\na: 2\n", "r.yaml:2: 'a' is there twice, first at line 1" },
        { "a: &x 1\n", "r.yaml:1: anchors" }, { "a: *x\n", "r.yaml:1: aliases" },
        { "a: !!str 1\n", "r.yaml:1: the tag" },
        { "a: [1, 2\n", "r.yaml:2" }, { "a: 1\n  b: 2\n", "r.yaml:2" }, { "? [a]\n: 1\n", "a key must be one word" },
        { "a: 1\n---\nb: 1\n", "second document" }, { "a: \xFF\n", "r.yaml" }, { "a: \"x\\0y\"\n", "NUL" },
        { "{a: 1}}\n", "r.yaml" } };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct pw_node *tree = NULL;
        ck_assert_int_eq(pw_node_from_yaml(cases[i][0], strlen(cases[i][0]), "r.yaml", &tree), PWY_E_FORMAT);
        ck_assert_ptr_null(tree);
        ck_message(cases[i][1]);
    }
}
END_TEST

START_TEST(yaml_too_deep)
{
    char text[4000];
    struct pw_node *tree = NULL;
    memset(text, '[', 2000);
    memset(text + 2000, ']', 2000);
    ck_assert_int_eq(pw_node_from_yaml(text, 4000, NULL, &tree), PWY_E_FORMAT);
    ck_assert_ptr_null(tree);
    ck_assert_int_eq(pw_node_from_yaml(text, 80, NULL, &tree), PWY_E_FORMAT);
}
END_TEST

START_TEST(yaml_empty_is_an_empty_map)
{
    struct pw_node *tree = yaml("# nothing\n");
    ck_assert(tree->kind == PW_MAP && tree->n == 0);
    pw_node_free(tree);
}
END_TEST

START_TEST(json_round_trip)
{
    const char *text = "{\"b\":[1,-2.5,true,null,\"x\\\"\\n\\u00e9\"],\"a\":{},\"n\":\"12\",\"e\":[]}";
    struct pw_node *tree = NULL;
    ck_assert_int_eq(pw_node_from_json(text, strlen(text), "m.json", &tree), PWY_OK);
    char *json = pw_node_to_json(tree);
    ck_assert_str_eq(json, "{\"b\":[1,-2.5,true,null,\"x\\\"\\u000a\xC3\xA9\"],\"a\":{},\"n\":\"12\",\"e\":[]}");
    free(json);
    pw_node_free(tree);
    tree = NULL;
    ck_assert_int_eq(pw_node_from_json("{\"a\":1,\n\"a\":2}", 14, "m.json", &tree), PWY_E_FORMAT);
    ck_message("m.json:2");
    ck_assert_int_eq(pw_node_from_json("{\"a\":", 5, "m.json", &tree), PWY_E_FORMAT);
    ck_assert_int_eq(pw_node_from_json("", 0, "m.json", &tree), PWY_E_FORMAT);
    ck_assert_ptr_null(tree);
}
END_TEST

START_TEST(json_numbers_only_by_its_grammar)
{
    struct pw_node *tree = yaml("[007, 1., .5, +1, 1e5, -0, nan, 0x1, 1e999, 0.50, true, yes, ~, '1']");
    char *json = pw_node_to_json(tree);
    ck_assert_str_eq(json, "[\"007\",\"1.\",\".5\",\"+1\","
                           "1e5,-0,\"nan\",\"0x1\",\"1e999\",0.50,true,\"yes\",null,\"1\"]");
    free(json);
    pw_node_free(tree);
}
END_TEST

struct settings { int64_t d; double lr; bool tied; char *name; const struct pw_node *more; };
static const struct pw_option table[] = {
    { "d", PW_OPT_INT, offsetof(struct settings, d), 8, 4096 },
    { "lr", PW_OPT_NUMBER, offsetof(struct settings, lr), 0, INFINITY },
    { "tied", PW_OPT_FLAG, offsetof(struct settings, tied), 0, 0 },
    { "name", PW_OPT_TEXT, offsetof(struct settings, name), 0, 0 },
    { "more", PW_OPT_NODE, offsetof(struct settings, more), 0, 0 },
    { 0 } };

START_TEST(options_by_table)
{
    struct settings s = { .d = 64, .lr = 1, .name = pw_strdup("old") };
    struct pw_node *tree = yaml("{d: 128, tied: yes, name: \"7\", more: [1, 2]}");
    ck_assert_int_eq(pw_options_read(NULL, "model", table, &s), PWY_OK);
    ck_assert_int_eq(pw_options_read(tree, "model", table, &s), PWY_OK);
    ck_assert(s.d == 128 && s.lr == 1 && s.tied && s.more->n == 2);
    ck_assert_str_eq(s.name, "7");
    pw_options_release(table, &s);
    ck_assert_ptr_null(s.name);
    pw_node_free(tree);
}
END_TEST

START_TEST(options_refused_and_untouched)
{
    static const char *const cases[][2] = {
        { "{tied: true,\n dd: 128}", "r.yaml:2: model: unknown setting 'dd'; did you mean 'd'?" },
        { "{zebra: 1}", "there are: d, lr, tied, name, more" },
        { "{d: 7}", "'d' is 7; it must be a whole number from 8 to 4096" },
        { "{d: 8.5}", "'d' is '8.5'; it must be a whole number" },
        { "{d: \"128\"}", "in quotes" }, { "{d: [1]}", "'d' is a list" },
        { "{d: 99999999999999999999}", "whole number" },
        { "{lr: -1}", "'lr' is -1; it must be a finite number of at least 0" }, { "{lr: nan}", "finite" },
        { "{lr: inf}", "finite" }, { "{tied: maybe}", "true or false" }, { "{name: {a: 1}}", "'name' is a map" },
        { "[1]", "model must be a map" } };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct settings s = { .d = 64 };
        struct pw_node *tree = yaml(cases[i][0]);
        ck_assert_int_eq(pw_options_read(tree, "model", table, &s), PWY_E_ARGUMENT);
        ck_assert(s.d == 64 && !s.tied && s.name == NULL);
        ck_message(cases[i][1]);
        pw_node_free(tree);
    }
}
END_TEST

START_TEST(options_interface)
{
    pwy_options *o = NULL;
    ck_assert_int_eq(pwy_options_parse("d: 128, lr: 0.5\n", &o), PWY_OK);
    ck_assert_int_eq(pwy_options_set_number(o, "lr", 0.1), PWY_OK);
    ck_assert_int_eq(pwy_options_set_flag(o, "tied", 5), PWY_OK);
    ck_assert_int_eq(pwy_options_set_int(o, "d", INT64_MIN), PWY_OK);
    ck_assert_int_eq(pwy_options_set(o, "name", "a, b: c"), PWY_OK);
    ck_assert_int_eq(pwy_options_set_number(o, "lr", NAN), PWY_E_ARGUMENT);
    ck_assert_int_eq(pwy_options_set(o, NULL, "x"), PWY_E_ARGUMENT);
    ck_assert_int_eq(pwy_options_set(o, "x", NULL), PWY_E_ARGUMENT);
    ck_assert_int_eq(pwy_options_set(o, "", "x"), PWY_E_ARGUMENT);
    ck_assert_int_eq(pwy_options_set_int(NULL, "x", 1), PWY_E_ARGUMENT);
    char *json = pw_node_to_json(o->map);
    ck_assert_str_eq(json, "{\"d\":-9223372036854775808,\"lr\":0.1,\"tied\":true,\"name\":\"a, b: c\"}");
    free(json);
    pwy_options_free(o);
    pwy_options_free(NULL);
}
END_TEST

START_TEST(options_parse)
{
    static const char *const good[] = { "", "{}", "a: 1", "a: 1\nb: {c: 2}\n", "{a: 1, b: 2}", "a: 1, b: 2",
        " a: [1, 2], b: x" };
    static const char *const bad[] = { "a", "[1]", "a: 1, a: 2", "a: {", "a: 1, b: }", "a: 1\nb: 2, c: 3\n" };
    pwy_options *o = NULL;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        ck_assert_msg(pwy_options_parse(good[i], &o) == PWY_OK, "%s: %s", good[i], pwy_error_message());
        pwy_options_free(o);
        o = NULL;
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        ck_assert_msg(pwy_options_parse(bad[i], &o) == PWY_E_FORMAT, "%s", bad[i]);
        ck_assert_ptr_null(o);
    }
    ck_assert_int_eq(pwy_options_parse(NULL, &o), PWY_E_ARGUMENT);
    ck_assert_int_eq(pwy_options_parse("", NULL), PWY_E_ARGUMENT);
    ck_assert_int_eq(pwy_options_new(NULL), PWY_E_ARGUMENT);
}
END_TEST

START_TEST(example_parts)
{
    pwy_example *ex = NULL;
    float steps[4] = { 0, 1, NAN, 3 };
    uint8_t pixels[12] = { 9, 8, 7 };
    ck_assert_int_eq(pwy_example_new(&ex), PWY_OK);
    ck_assert_int_eq(pwy_example_set_text(ex, "message", "gr\xC3\xBC\xC3\x9F" "e", -1), PWY_OK);
    ck_assert_int_eq(pwy_example_set_text(ex, "short", "abcdef", 2), PWY_OK);
    ck_assert_int_eq(pwy_example_set_image(ex, "face", pixels, 2, 2, 3), PWY_OK);
    ck_assert_int_eq(pwy_example_set_series(ex, "sensor", steps, 2, 2), PWY_OK);
    ck_assert_int_eq(pwy_example_set_bytes(ex, "raw", "\0\1", 2), PWY_OK);
    ck_assert_int_eq(pwy_example_set_video(ex, "clip", pixels, 3, 2, 2, 1), PWY_OK);
    steps[2] = 2;
    ck_assert_int_eq(pwy_example_set_audio(ex, "sound", steps, 4, 1, 8000), PWY_OK);
    ck_assert_int_eq(ex->n_parts, 7);
    memset(pixels, 0, sizeof pixels);
    ck_assert_int_eq(pw_example_find(ex, "face")->pixels[0], 9);
    ck_assert_str_eq(pw_example_find(ex, "short")->text, "ab");
    ck_assert_int_eq(pw_example_find(ex, "message")->len, 7);
    ck_assert(isnan(pw_example_find(ex, "sensor")->samples[2]));
    ck_assert_ptr_null(pw_example_find(ex, "none"));
    pwy_example_clear(ex);
    ck_assert_int_eq(ex->n_parts, 0);
    ck_assert_int_eq(pwy_example_set_text(ex, "message", "again", -1), PWY_OK);
    ck_assert_str_eq(ex->parts[0].name, "message");
    pwy_example_free(ex);
    pwy_example_free(NULL);
    pwy_example_clear(NULL);
}
END_TEST

START_TEST(example_refused_and_untouched)
{
    pwy_example *ex = NULL;
    float bad[2] = { 0, INFINITY }, missing[2] = { 0, NAN };
    uint8_t pixel[4] = { 0 };
    ck_assert_int_eq(pwy_example_new(&ex), PWY_OK);
    ck_assert_int_eq(pwy_example_set_text(ex, "p", "good", -1), PWY_OK);
    ck_assert_int_eq(pwy_example_set_text(ex, "p", "", -1), PWY_E_DATA);
    ck_message("part 'p': the text is empty");
    static const char *const broken[] = { "\xC3", "a\xFF", "\xC0\xAF", "\xED\xA0\x80", "\xF4\x90\x80\x80",
        "\xE2\x82", "\x80" };
    for (size_t i = 0; i < sizeof broken / sizeof *broken; i++)
        ck_assert_int_eq(pwy_example_set_text(ex, "p", broken[i], -1), PWY_E_DATA);
    ck_assert_int_eq(pwy_example_set_text(ex, "p", "x", -2), PWY_E_ARGUMENT);
    ck_assert_int_eq(pwy_example_set_text(ex, "p", NULL, 0), PWY_E_ARGUMENT);
    ck_assert_int_eq(pwy_example_set_text(ex, NULL, "x", 1), PWY_E_ARGUMENT);
    ck_assert_int_eq(pwy_example_set_text(NULL, "p", "x", 1), PWY_E_ARGUMENT);
    ck_assert_int_eq(pwy_example_set_bytes(ex, "p", "", 0), PWY_E_DATA);
    ck_assert_int_eq(pwy_example_set_image(ex, "p", pixel, 0, 0, 1), PWY_E_DATA);
    ck_message("0 by 0");
    ck_assert_int_eq(pwy_example_set_image(ex, "p", pixel, 1, 1, 5), PWY_E_DATA);
    ck_assert_int_eq(pwy_example_set_image(ex, "p", pixel, INT64_MAX, INT64_MAX, 4), PWY_E_DATA);
    ck_assert_int_eq(pwy_example_set_video(ex, "p", pixel, 0, 1, 1, 1), PWY_E_DATA);
    ck_assert_int_eq(pwy_example_set_audio(ex, "p", missing, 2, 1, 8000), PWY_E_DATA);
    ck_assert_int_eq(pwy_example_set_audio(ex, "p", missing, 1, 1, 0), PWY_E_DATA);
    ck_assert_int_eq(pwy_example_set_audio(ex, "p", missing, 1, 1, NAN), PWY_E_DATA);
    ck_assert_int_eq(pwy_example_set_series(ex, "p", bad, 2, 1), PWY_E_DATA);
    ck_assert_int_eq(pwy_example_set_series(ex, "p", missing, 0, 1), PWY_E_DATA);
    ck_assert_int_eq(pwy_example_set_series(ex, "q", missing, -1, 1), PWY_E_DATA);
    ck_assert_int_eq(ex->n_parts, 1);
    ck_assert_str_eq(pw_example_find(ex, "p")->text, "good");
    pwy_example_free(ex);
}
END_TEST

START_TEST(example_row)
{
    pwy_example *ex = NULL;
    char column[16];
    ck_assert_int_eq(pwy_example_new(&ex), PWY_OK);
    for (int i = 0; i < 100; i++) {
        snprintf(column, sizeof column, "c%d", i);
        ck_assert_int_eq(pwy_example_set_cell(ex, "row", column, i % 2 ? "3.5" : "red"), PWY_OK);
    }
    ck_assert_int_eq(pwy_example_set_cell(ex, "row", "c1", NULL), PWY_OK);
    ck_assert_int_eq(pwy_example_set_cell_number(ex, "row", "c3", NAN), PWY_OK);
    ck_assert_int_eq(pwy_example_set_cell_number(ex, "row", "c5", 7), PWY_OK);
    ck_assert_int_eq(pwy_example_set_cell_number(ex, "row", "c5", INFINITY), PWY_E_DATA);
    ck_assert_int_eq(pwy_example_set_cell(ex, "row", NULL, "x"), PWY_E_ARGUMENT);
    ck_assert_int_eq(pwy_example_set_cell(ex, "row", "c7", "\xFF"), PWY_E_DATA);
    const struct pw_value *row = pw_example_find(ex, "row");
    ck_assert_int_eq(row->n_cells, 100);
    for (int i = 0; i < 100; i++) {
        const struct pw_cell *c = &row->cells[i];
        if (!strcmp(c->column, "c0")) ck_assert(!c->is_number && !strcmp(c->text, "red"));
        if (!strcmp(c->column, "c1") || !strcmp(c->column, "c3")) ck_assert(!c->is_number && c->text == NULL);
        if (!strcmp(c->column, "c5")) ck_assert(c->is_number && c->number == 7);
        if (!strcmp(c->column, "c7")) ck_assert(c->is_number && c->number == 3.5 && !strcmp(c->text, "3.5"));
    }
    pwy_example_free(ex);
}
END_TEST

START_TEST(example_targets)
{
    pwy_example *ex = NULL;
    ck_assert_int_eq(pwy_example_new(NULL), PWY_E_ARGUMENT);
    ck_assert_int_eq(pwy_example_new(&ex), PWY_OK);
    for (int i = 0; i < 9; i++) ck_assert_int_eq(pwy_example_add_label(ex, "news"), PWY_OK);
    ck_assert_int_eq(ex->n_labels, 9);
    ck_assert_int_eq(pwy_example_set_label(ex, "sport"), PWY_OK);
    ck_assert_int_eq(ex->n_labels, 1);
    ck_assert_str_eq(ex->labels[0], "sport");
    ck_assert_int_eq(pwy_example_set_label(ex, ""), PWY_E_DATA);
    ck_assert_int_eq(pwy_example_set_label(ex, NULL), PWY_E_ARGUMENT);
    ck_assert_int_eq(pwy_example_set_number(ex, NAN), PWY_E_DATA);
    ck_assert_int_eq(pwy_example_set_number(NULL, 1), PWY_E_ARGUMENT);
    ck_assert_int_eq(ex->target_type, PW_TARGET_LABELS);
    ck_assert_int_eq(pwy_example_set_number(ex, 2.5), PWY_OK);
    ck_assert(ex->target_type == PW_TARGET_NUMBER && ex->number == 2.5);
    ck_assert_int_eq(pwy_example_set_target_text(ex, "one two", 3), PWY_OK);
    ck_assert_str_eq(ex->target_text, "one");
    ck_assert_int_eq(pwy_example_set_target_text(ex, "", -1), PWY_E_DATA);
    ck_assert_str_eq(ex->target_text, "one");
    pwy_example_free(ex);
}
END_TEST

/* --- digests --- */

static void check_digest(const void *data, size_t len, size_t cut, const char *want)
{
    unsigned char out[PW_DIGEST_LEN], back[PW_DIGEST_LEN];
    char hex[PW_DIGEST_HEX];
    struct pw_digest d;
    pw_digest_begin(&d);
    pw_digest_add(&d, data, cut);
    pw_digest_add(&d, (const char *)data + cut, len - cut);
    pw_digest_end(&d, out);
    pw_digest_hex(out, hex);
    ck_assert_str_eq(hex, want);
    ck_assert(pw_digest_from_hex(hex, back));
    ck_assert_mem_eq(back, out, sizeof out);
}

/* Against Python's hashlib.blake2b(data, digest_size=32). */
START_TEST(digests_known_answers)
{
    static unsigned char data[100000];
    for (int i = 0; i < 100000; i++) data[i] = (unsigned char)(i % 251);
    check_digest("", 0, 0, "0e5751c026e543b2e8ab2eb06099daa1d1e5df47778f7787faab45cdf12fe3a8");
    check_digest("abc", 3, 1, "bddd813c634239723171ef3fee98579b94964e3bb1cb3e427262c8c068d52319");
    for (size_t cut = 0; cut <= sizeof data; cut += 33331)
        check_digest(data, sizeof data, cut, "916cfaa800ee55811e82095babeb88ea29c9ef8a36e8d7e20c7b772c344c9e1c");
}
END_TEST

START_TEST(digests_only_in_their_form)
{
    unsigned char out[PW_DIGEST_LEN] = { 7 };
    char hex[PW_DIGEST_HEX + 1] = "0e5751c026e543b2e8ab2eb06099daa1d1e5df47778f7787faab45cdf12fe3a8";
    ck_assert(!pw_digest_from_hex("", out));
    ck_assert(!pw_digest_from_hex(hex + 1, out));
    hex[1] = 'E';
    ck_assert(!pw_digest_from_hex(hex, out));
    ck_assert_int_eq(out[0], 7);
}
END_TEST

START_TEST(keyed_hashes)
{
    struct pw_hash_key a = pw_hash_key_new(), b = pw_hash_key_new();
    ck_assert_mem_ne(&a, &b, sizeof a);
    ck_assert(pw_hash_keyed(&a, "name", 4) == pw_hash_keyed(&a, "name", 4));
    ck_assert(pw_hash_keyed(&a, "name", 4) != pw_hash_keyed(&b, "name", 4));
    ck_assert(pw_hash_keyed(&a, "name", 4) != pw_hash_keyed(&a, "nams", 4));
}
END_TEST

static void add(Suite *s, const char *name, const TTest *const *tests)
{
    TCase *c = tcase_create(name);
    for (; *tests != NULL; tests++) tcase_add_test(c, *tests);
    suite_add_tcase(s, c);
}

static Suite *suite(void)
{
    Suite *s = suite_create("base");
    add(s, "error", (const TTest *const[]){ error_parts, error_of_an_error, error_too_long_is_cut_between_characters,
        error_belongs_to_a_thread, status_names, nearest_word, NULL });
    add(s, "mem", (const TTest *const[]){ memory_is_aligned_and_zeroed, arena_marks_and_resets, arena_keeps_its_memory,
        buffer_grows, map_keeps_order, NULL });
    add(s, "rng", (const TTest *const[]){ philox_known_answers, random_numbers_have_their_moments,
        random_numbers_resume, permutation, NULL });
    add(s, "num", (const TTest *const[]){ numbers_from_text, numbers_only_in_their_length, whole_numbers_from_text,
        numbers_to_text_and_back, numbers_without_the_locale, NULL });
    add(s, "node", (const TTest *const[]){ yaml_tree, yaml_refused, yaml_too_deep, yaml_empty_is_an_empty_map,
        json_round_trip, json_numbers_only_by_its_grammar, options_by_table, options_refused_and_untouched,
        options_interface, options_parse, NULL });
    add(s, "example", (const TTest *const[]){ example_parts, example_refused_and_untouched, example_row,
        example_targets, NULL });
    add(s, "digest", (const TTest *const[]){ digests_known_answers, digests_only_in_their_form, keyed_hashes, NULL });
    return s;
}

int main(void)
{
    return run_suite(suite());
}

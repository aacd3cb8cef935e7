/* Files of rows, made here: what is read of them, and what is said of bad ones. */
#include "data_help.h"

START_TEST(test_csv)
{
    put_text("a.csv", "\xef\xbb\xbflabel,message\r\n"
             "ham,\"one, two\r\nthree \"\"four\"\"\"\r\n\r\nspam,plain\r\nham,\n"
             "spam,\"open\"x\nspam,a,b\n,text\nham,\"never\n");
    pwy_source *s = opened("{parts: {message: text}, target: label, where: a.csv}");
    ck_assert_int_eq(s->n, 7);
    good_row(s, 0, ex);
    text_is("message", "one, two\r\nthree \"four\"");
    label_is("ham");
    ck_assert_int_eq(ex->line, 2);
    good_row(s, 1, ex);
    text_is("message", "plain");
    ck_assert_int_eq(ex->line, 5);
    ck_assert_str_eq(ex->file, in_folder("a.csv"));
    bad_row(s, 2, "a.csv:6: every part of this row is missing");
    bad_row(s, 3, "a.csv:7: field 2 goes on behind its closing quote");
    bad_row(s, 4, "a.csv:8: 3 fields where the header has 2");
    bad_row(s, 5, "a.csv:9: the target 'label' is missing");
    bad_row(s, 6, "a.csv:10: the quote before field 2 is never closed");
    ck_assert_int_eq(pw_source_read(s, 7, ex), PWY_E_ARGUMENT);
    good_row(s, 1, ex);
    pw_source_release(s);
}
END_TEST

START_TEST(test_tsv)
{
    put_text("a.tsv.gz", "ham\t\"lone quote\nspam\tb, c");
    pwy_source *s = opened("{parts: {message: text}, target: class, columns: [class, message], where: a.tsv.gz}");
    ck_assert_int_eq(s->n, 2);
    good_row(s, 0, ex);
    text_is("message", "\"lone quote");
    good_row(s, 1, ex);
    text_is("message", "b, c");
    ck_assert_int_eq(pw_source_target(s, 1, ex), PWY_OK);
    label_is("spam");
    ck_assert_int_eq(ex->n_parts, 0);
    pw_source_release(s);
    put_text("b.tsv", "class\tmessage\nham\ta\nspam\n");
    s = opened("{parts: {message: text}, target: class, where: b.tsv}");
    bad_row(s, 1, "b.tsv:3: 1 fields where the header has 2");
    pw_source_release(s);
}
END_TEST

START_TEST(test_columns)
{
    put_text("a.csv", "1.5,red,7\n2,?,8\n?,?,9\n1,green,nan\n1,blue,\n");
    pwy_source *s = opened("{kind: regress, parts: {row: table}, target: last, missing: '?', columns: none, "
                           "where: a.csv}");
    good_row(s, 0, ex);
    const struct pw_value *v = part_of(ex, "row");
    ck_assert_int_eq(v->type, PW_VALUE_ROW);
    ck_assert_int_eq(v->n_cells, 2);
    ck_assert_str_eq(v->cells[0].column, "1");
    ck_assert(v->cells[0].is_number && v->cells[0].number == 1.5);
    ck_assert_str_eq(v->cells[1].text, "red");
    ck_assert_int_eq(ex->target_type, PW_TARGET_NUMBER);
    ck_assert(ex->number == 7);
    good_row(s, 1, ex);
    v = part_of(ex, "row");
    ck_assert(v->cells[1].text == NULL && !v->cells[1].is_number);
    bad_row(s, 2, "a.csv:3: every part of this row is missing");
    bad_row(s, 3, "a.csv:4: target 'nan' is not a finite number");
    bad_row(s, 4, "a.csv:5: the target '3' is missing");
    pw_source_release(s);
    put_text("b.csv", "x,1,2,w\ny,1,2,\n");
    s = opened("{parts: {row: {sense: table, columns: [c]}, b: text}, target: -3, "
               "columns: [t, a, c, b], where: b.csv}");
    good_row(s, 1, ex);
    ck_assert_int_eq(ex->n_parts, 1);
    label_is("1");
    pw_source_release(s);
}
END_TEST

START_TEST(test_columns_refused)
{
    put_text("a.csv", "a,b,class\n1,2,x\n");
    put_text("twice.csv", "a,b,a\n1,2,x\n");
    put_text("empty.csv", "");
    refused("{parts: {t: text}, target: class, where: a.csv}", PWY_E_NOT_FOUND,
            "no column 't'; its columns are a, b, class (its first line; where that is a row, `columns:` names them)");
    refused("{parts: {a: text}, target: label, where: a.csv}", PWY_E_NOT_FOUND,
            "no column 'label'; its columns are a, b, class");
    refused("{parts: {a: text}, where: a.csv}", PWY_E_NOT_FOUND, "`target:`");
    refused("{parts: {x: {sense: text, column: class}}, target: class, where: a.csv}", PWY_E_ARGUMENT, "is the target");
    refused("{parts: {x: {sense: text, columns: [a]}}, target: class, where: a.csv}", PWY_E_ARGUMENT, "`column:`");
    refused("{parts: {x: {sense: table, columns: [a, z]}}, target: class, where: a.csv}", PWY_E_NOT_FOUND,
            "no column 'z'");
    refused("{parts: {r: table}, target: class, columns: [a, class], where: a.csv}", PWY_E_FORMAT, "2 names");
    refused("{parts: {r: table, a: text, b: text}, target: class, where: a.csv}", PWY_E_ARGUMENT, "no column left");
    refused("{parts: {r: table}, target: a, where: twice.csv}", PWY_E_FORMAT, "two columns 'a'");
    refused("{parts: {r: table}, target: a, where: empty.csv}", PWY_E_FORMAT, "is empty");
    refused("{kind: sing, parts: {r: table}, target: a, where: a.csv}", PWY_E_UNSUPPORTED, "sing");
    refused("{parts: {a: {sense: image, path: nowhere}}, target: class, where: a.csv}", PWY_E_NOT_FOUND, "nowhere");
}
END_TEST

START_TEST(test_paths_refused)
{
    put_text("x.weird", "hello");
    put_text("d/plain.txt", "hello");
    put_text("a.csv", "a,t\n1,2\n");
    refused("{parts: {t: text}, target: c, where: none/here.csv}", PWY_E_NOT_FOUND, in_folder("none/here.csv"));
    refused("{parts: {t: text}, where: x.weird}", PWY_E_UNSUPPORTED, ".csv");
    refused("{parts: {t: text}, where: d}", PWY_E_NOT_FOUND, "one a class");
    refused("{parts: {t: text}, where: {table: a.csv, wheer: {a: 1}}}", PWY_E_ARGUMENT, "did you mean 'where'?");
    refused("{parts: {t: text}, where: {table: d}}", PWY_E_ARGUMENT, "is a folder");
    refused("{parts: {t: text}, where: {files: a.csv, target: x}}", PWY_E_ARGUMENT, "is a file");
    refused("{parts: {t: text}, where: {files: d}}", PWY_E_ARGUMENT, "target:");
    refused("{parts: {t: text}, where: {files: d, target: '(['}}", PWY_E_ARGUMENT, "character");
    refused("{parts: {t: text}, where: {files: d, target: '^x'}}", PWY_E_NOT_FOUND, "plain.txt");
    refused("{parts: {t: text}, where: [a, b]}", PWY_E_ARGUMENT, "a list");
    refused("{parts: {t: text}, where: {tt: a.csv, target: a.csv}}", PWY_E_ARGUMENT, "'tt' is no part");
    refused("{parts: {t: text}, where: {target: a.csv}}", PWY_E_ARGUMENT, "no file for 't'");
    refused("{parts: {t: text}, where: d/plain.txt}", PWY_E_ARGUMENT, "pattern");
}
END_TEST

START_TEST(test_where)
{
    put_text("a.csv", "split,x,y\ntrain,1,a\ntest,2,b\ntrain,3\nvalid,4,c\n,5,d\n");
    pwy_source *s = opened("{parts: {x: text}, target: y, where: {table: a.csv, where: {split: train}}}");
    ck_assert_int_eq(s->n, 2);
    good_row(s, 0, ex);
    text_is("x", "1");
    bad_row(s, 1, "a.csv:4: 2 fields where the header has 3");
    pw_source_release(s);
    s = opened("{parts: {x: text}, target: y, where: {table: a.csv, where: {split: [test, valid], x: {not: 2}}}}");
    ck_assert_int_eq(s->n, 2);
    good_row(s, 1, ex);
    text_is("x", "4");
    ck_assert_int_eq(ex->line, 5);
    pw_source_release(s);
    put_text("b.csv", "split,x,y\ntrain,1,a\n");
    refused("{parts: {x: text}, target: y, where: {table: b.csv, where: {split: trian}}}", PWY_E_NOT_FOUND,
            "keeps no row");
    refused("{parts: {x: text}, target: y, where: {table: b.csv, where: {splt: train}}}", PWY_E_NOT_FOUND,
            "split, x, y");
    refused("{parts: {x: text}, target: y, where: {table: b.csv, where: {split: {nt: 1}}}}", PWY_E_ARGUMENT, "not");
}
END_TEST

START_TEST(test_jsonl)
{
    put_text("a.jsonl", "{\"s\": [[1, 2], [3, null]], \"t\": \"a\\n\\u00e9\", \"y\": \"up\", \"n\": 3}\n\n"
             "{\"t\": null, \"y\": \"down\", \"n\": 2.5, \"s\": [1, 2, 3]}\n"
             "{\"y\": \"down\", \"s\": \"x\"}\n[1]\n{\"y\": \"d\", \"t\": [1]}\n{\"t\": \"u\"\n");
    pwy_source *s = opened("{parts: {s: series, t: text, row: {sense: table, columns: [n]}}, target: y, "
                           "where: a.jsonl}");
    ck_assert_int_eq(s->n, 6);
    good_row(s, 0, ex);
    samples_are("s", 2, 2, (float[]){1, 2, 3, NAN});
    text_is("t", "a\n\xc3\xa9");
    ck_assert(part_of(ex, "row")->cells[0].number == 3);
    good_row(s, 1, ex);
    samples_are("s", 3, 1, (float[]){1, 2, 3});
    ck_assert_ptr_null(pw_example_find(ex, "t"));
    ck_assert(part_of(ex, "row")->cells[0].number == 2.5);
    ck_assert_int_eq(ex->line, 3);
    bad_row(s, 2, "a.jsonl:4: part 's'");
    bad_row(s, 3, "a.jsonl:5: a row of .jsonl is an object");
    bad_row(s, 4, "a.jsonl:6: part 't': the cell holds a list");
    bad_row(s, 5, "a.jsonl:7: not JSON");
    pw_source_release(s);
    put_text("bad.jsonl", "nonsense\n");
    refused("{parts: {t: text}, target: y, where: bad.jsonl}", PWY_E_FORMAT, "bad.jsonl:1: not JSON");
}
END_TEST

START_TEST(test_targets)
{
    put_text("a.tsv", "t\ty\nx\ta| b |c\nx\t[\"d\", \"e\"]\nx\t[1]\nx\t\n");
    pwy_source *s = opened("{kind: multilabel, parts: {t: text}, target: y, where: a.tsv}");
    good_row(s, 0, ex);
    ck_assert_int_eq(ex->n_labels, 3);
    ck_assert_str_eq(ex->labels[1], "b");
    good_row(s, 1, ex);
    ck_assert_int_eq(ex->n_labels, 2);
    ck_assert_str_eq(ex->labels[1], "e");
    bad_row(s, 2, "a.tsv:4: label 1 of the target is not a text");
    bad_row(s, 3, "a.tsv:5: the target 'y' is missing");
    pw_source_release(s);
    put_text("a.jsonl", "{\"t\": \"x\", \"y\": [\"p\", \"q\"]}\n{\"t\": \"x\", \"y\": []}\n");
    s = opened("{kind: multilabel, parts: {t: text}, target: y, where: a.jsonl}");
    good_row(s, 0, ex);
    ck_assert_int_eq(ex->n_labels, 2);
    good_row(s, 1, ex);
    ck_assert_int_eq(ex->n_labels, 0);
    ck_assert_int_eq(ex->target_type, PW_TARGET_LABELS);
    pw_source_release(s);
    put("g.tsv", "word\tphones\nab\tA B\ncd\t\xff\n", 25);
    s = opened("{kind: generate, parts: {word: text}, target: phones, where: g.tsv}");
    good_row(s, 0, ex);
    ck_assert_int_eq(ex->target_type, PW_TARGET_TEXT);
    ck_assert_str_eq(ex->target_text, "A B");
    bad_row(s, 1, "g.tsv:3");
    pw_source_release(s);
}
END_TEST

START_TEST(test_lines)
{
    put_text("a.txt", "NUM:dist How far ?\nno match\nHUM:desc Who ?");
    pwy_source *s = opened("{parts: {q: text}, target: coarse, where: {table: a.txt, "
                           "pattern: '^(?<coarse>[A-Z]+):(?<fine>\\S+) (?<q>.*)$'}}");
    ck_assert_int_eq(s->n, 3);
    good_row(s, 2, ex);
    text_is("q", "Who ?");
    label_is("HUM");
    bad_row(s, 1, "a.txt:2: the line does not match");
    pw_source_release(s);
    refused("{parts: {q: text}, target: x, where: {table: a.txt, pattern: 'a'}}", PWY_E_ARGUMENT, "named groups");
    put_text("en.txt.gz", "one\ntwo\n\nfour\n");
    put_text("de", "eins\nzwei\ndrei\nvier");
    s = opened("{kind: generate, parts: {en: text}, where: {en: en.txt.gz, target: de}}");
    ck_assert_int_eq(s->n, 4);
    good_row(s, 3, ex);
    text_is("en", "four");
    ck_assert_str_eq(ex->target_text, "vier");
    bad_row(s, 2, "en.txt.gz:3: part 'en'");
    pw_source_release(s);
}
END_TEST

/* The windows of a stream, put together, are the file; each is good UTF-8. */
START_TEST(test_stream)
{
    char text[5000];
    size_t len = 0, seen = 0;
    while (len < 4000) {
        memcpy(text + len, len % 7 ? "\xe2\x82\xac" : "ab\n", 3);
        len += 3;
    }
    put("s.txt", text, len);
    pwy_source *s = opened("{kind: generate, parts: {context: text}, where: s.txt}");
    ck_assert_int_eq(s->n, (int64_t)(len + 511) / 512);
    for (int64_t i = 0; i < s->n; i++) {
        good_row(s, i, ex);
        const struct pw_value *v = part_of(ex, "context");
        ck_assert_int_eq(memcmp(v->text, text + seen, (size_t)v->len), 0);
        ck_assert_int_eq(ex->target_type, PW_TARGET_NONE);
        seen += (size_t)v->len;
    }
    ck_assert_uint_eq(seen, len);
    pw_source_release(s);
    text[1000] = (char)0xff;
    put("s.txt", text, len);
    s = opened("{kind: generate, parts: {context: text}, where: s.txt}");
    bad_row(s, 1, "s.txt:");
    good_row(s, 0, ex);
    pw_source_release(s);
    put_text("e.txt", "");
    refused("{kind: generate, parts: {context: text}, where: e.txt}", PWY_E_FORMAT, "is empty");
}
END_TEST

START_TEST(test_series_columns)
{
    put_text("a.csv", "y,t1,t2,t3\nup,1,,3\nup,1,x,3\nup,,,\n");
    pwy_source *s = opened("{parts: {s: series}, target: y, where: a.csv}");
    good_row(s, 0, ex);
    samples_are("s", 3, 1, (float[]){1, NAN, 3});
    bad_row(s, 1, "a.csv:3: part 's': column 't2': 'x' is not a number");
    bad_row(s, 2, "a.csv:4: every part");
    pw_source_release(s);
    s = opened("{parts: {s: {sense: series, columns: [t3, t1]}}, target: y, where: a.csv}");
    good_row(s, 0, ex);
    samples_are("s", 2, 1, (float[]){3, 1});
    pw_source_release(s);
    put_text("c.tsv", "y\ts\nup\t1,2,3:4,5\nup\tf.txt\n");
    put_text("f.txt", "x y\n1 2\r\n3,4\n");
    s = opened("{parts: {s: series}, target: y, where: c.tsv}");
    good_row(s, 0, ex);
    samples_are("s", 3, 2, (float[]){1, 4, 2, 5, 3, NAN});
    good_row(s, 1, ex);
    samples_are("s", 2, 2, (float[]){1, 2, 3, 4});
    pw_source_release(s);
}
END_TEST

START_TEST(test_ts)
{
    put_text("a.ts", "#about\n@problemName x\n@univariate false\n@dimensions 2\n@classLabel true a b\n@data\n"
             "1,2,3:4,?,6:a\n1:2,3:b\n1,2:a\n1,z:2:a\n12\n1:2:\n");
    pwy_source *s = opened("{parts: {m: series}, where: a.ts}");
    ck_assert_int_eq(s->n, 6);
    good_row(s, 0, ex);
    samples_are("m", 3, 2, (float[]){1, 4, 2, NAN, 3, 6});
    label_is("a");
    good_row(s, 1, ex);
    samples_are("m", 2, 2, (float[]){1, 2, NAN, 3});
    bad_row(s, 2, "a.ts:9: 1 dimensions where the header says 2");
    bad_row(s, 3, "a.ts:10: 'z' is not a number");
    bad_row(s, 4, "a.ts:11: no ':' and label");
    bad_row(s, 5, "a.ts:12: the target is missing");
    pw_source_release(s);
    ck_assert_int_eq(pw_decode_file(ctx, PW_VALUE_SERIES, in_folder("a.ts"), ex, "p"), PWY_OK);
    ck_assert_int_eq(part_of(ex, "p")->channels, 2);
    put_text("b.ts", "@univariate true\n1,2:a\n");
    refused("{parts: {m: series}, where: b.ts}", PWY_E_FORMAT, "b.ts:2:");
    put_text("c.ts", "@univariate true\n");
    refused("{parts: {m: series}, where: c.ts}", PWY_E_FORMAT, "@data");
    refused("{parts: {m: text}, where: a.ts}", PWY_E_ARGUMENT, "series");
    refused("{parts: {m: series}, target: y, where: a.ts}", PWY_E_ARGUMENT, "no columns");
}
END_TEST

START_TEST(test_libsvm)
{
    put_text("a.libsvm", "1 1:2 3:0.5\n0 2:1\n1 x:2\n");
    pwy_source *s = opened("{parts: {r: table}, where: a.libsvm}");
    good_row(s, 0, ex);
    const struct pw_value *v = part_of(ex, "r");
    ck_assert_int_eq(v->n_cells, 4);
    ck_assert(v->cells[1].number == 2 && v->cells[2].number == 0 && v->cells[3].number == 0.5);
    label_is("1");
    bad_row(s, 2, "a.libsvm:3: 'x:2' is not index:value");
    pw_source_release(s);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        test_csv, test_tsv, test_columns, test_columns_refused, test_paths_refused, test_where, test_jsonl,
        test_targets, test_lines, test_stream, test_series_columns, test_ts, test_libsvm
    };
    return run_tests("data", tests, sizeof tests / sizeof *tests);
}

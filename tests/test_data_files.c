/* IDX, records, folders, pictures and sounds, made here, good and bad. */
#include "data_help.h"

static const unsigned char images[] = {0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 2, 0, 0, 0, 3, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10,
                                       11, 12};
static const unsigned char labels[] = {0, 0, 8, 1, 0, 0, 0, 2, 7, 9};

START_TEST(test_idx)
{
    const char *task = "{parts: {p: image}, where: {p: im, target: la.gz}}";
    put("im", images, sizeof images);
    put("la.gz", labels, sizeof labels);
    pwy_source *s = opened(task);
    ck_assert_int_eq(s->n, 2);
    good_row(s, 1, ex);
    const struct pw_value *v = part_of(ex, "p");
    ck_assert(v->height == 2 && v->width == 3 && v->channels == 1 && v->pixels[5] == 12);
    label_is("9");
    pw_source_release(s);
    put("im", images, sizeof images - 1);
    refused(task, PWY_E_FORMAT, "cut short: 28 bytes expected for its 2 items, 27 found");
    put("im", images, 9);
    refused(task, PWY_E_FORMAT, "cut short: its header has 16 bytes");
    put("im", images, 0);
    refused(task, PWY_E_FORMAT, "is not IDX");
    put("im", images, sizeof images);
    put("la.gz", "\0\0\10\1\0\0\0\3\1\2\3", 11);
    refused(task, PWY_E_FORMAT, "2 items");
    refused("{parts: {p: audio}, where: {p: im, target: la.gz}}", PWY_E_FORMAT, "does not suit part 'p'");
    refused("{parts: {p: image}, where: {p: im, target: im}}", PWY_E_FORMAT, "rank 1");
    refused("{parts: {p: image}, where: im}", PWY_E_ARGUMENT, "{PART: FILE, target: FILE}");
    refused("{parts: {p: image}, where: {p: gone, target: la.gz}}", PWY_E_NOT_FOUND, in_folder("gone"));
    put("huge", "\0\0\10\4\377\377\377\377\377\377\377\377\377\377\377\377\377\377\377\377", 20);
    refused("{parts: {p: image}, where: {p: huge, target: la.gz}}", PWY_E_FORMAT, "huge");
}
END_TEST

START_TEST(test_idx_kinds)
{
    put("zero", "\0\0\10\3\0\0\0\1\0\0\0\0\0\0\0\0", 16);
    put("nan", "\0\0\15\1\0\0\0\1\177\300\0\0", 12);
    put("f", "\0\0\15\3\0\0\0\1\0\0\0\2\0\0\0\1\77\200\0\0\300\0\0\0", 24);
    put("pcm", "\0\0\13\2\0\0\0\1\0\0\0\2\100\0\300\0", 16);
    pwy_source *s = opened("{kind: regress, parts: {p: image}, where: {p: zero, target: nan}}");
    bad_row(s, 0, "nan:1: target 'nan' is not a finite number");
    pw_source_release(s);
    s = opened("{kind: generate, parts: {p: image}, where: {p: zero}}");
    bad_row(s, 0, "zero:1: part 'p'");
    pw_source_release(s);
    s = opened("{kind: generate, parts: {f: series, a: {sense: audio, rate: 8000}}, where: {f: f, a: pcm}}");
    good_row(s, 0, ex);
    samples_are("f", 2, 1, (float[]){1, -2});
    samples_are("a", 2, 1, (float[]){0.5f, -0.5f});
    ck_assert(part_of(ex, "a")->rate == 8000);
    pw_source_release(s);
}
END_TEST

START_TEST(test_records)
{
    put("r.bin", "abcdef", 6);
    put_text("l.txt", "x\ny\n");
    pwy_source *s = opened("{parts: {code: {sense: bytes, record: 3}}, where: {code: r.bin, target: l.txt}}");
    ck_assert_int_eq(s->n, 2);
    good_row(s, 1, ex);
    ck_assert_int_eq(part_of(ex, "code")->len, 3);
    ck_assert_int_eq(memcmp(part_of(ex, "code")->text, "def", 3), 0);
    label_is("y");
    pw_source_release(s);
    refused("{parts: {code: {sense: bytes, record: 4}}, where: {code: r.bin, target: l.txt}}", PWY_E_FORMAT,
            "no multiple");
    refused("{parts: {code: {sense: bytes, record: 2}}, where: {code: r.bin, target: l.txt}}", PWY_E_FORMAT,
            "should agree");
    refused("{parts: {code: {sense: bytes, record: 0}}, where: {code: r.bin, target: l.txt}}", PWY_E_ARGUMENT,
            "1 or more");
    refused("{parts: {code: bytes}, where: {code: r.bin, target: l.txt}}", PWY_E_ARGUMENT, "record:");
}
END_TEST

START_TEST(test_folders)
{
    put_text("d/dog/b.pgm", "P2 2 1 255 0 9");
    put_text("d/dog/a.pgm", "P2 1 1 255 7");
    put_text("d/cat/deep/c.pgm", "P5 0 2 255\n");
    put_text("d/cat/.hidden", "no");
    put_text("d/README.txt", "not a class");
    put_text("d/cat/e.pgm", "");
    pwy_source *s = opened("{parts: {p: image}, where: d}");
    ck_assert_int_eq(s->n, 4);
    bad_row(s, 0, "cat/deep/c.pgm: part 'p'");
    bad_row(s, 1, "cat/e.pgm");
    good_row(s, 2, ex);
    label_is("dog");
    ck_assert_int_eq(part_of(ex, "p")->pixels[0], 7);
    ck_assert_str_eq(ex->file, in_folder("d/dog/a.pgm"));
    ck_assert_int_eq(pw_source_target(s, 0, ex), PWY_OK);
    label_is("cat");
    pw_source_release(s);
    s = opened("{parts: {p: image}, where: {files: d, target: '/([ab])\\.pgm$'}}");
    ck_assert_int_eq(s->n, 2);
    good_row(s, 1, ex);
    label_is("b");
    pw_source_release(s);
    refused("{parts: {p: image, q: text}, where: d}", PWY_E_ARGUMENT, "for one part");
    refused("{parts: {p: image}, target: x, where: d}", PWY_E_ARGUMENT, "no columns");
}
END_TEST

START_TEST(test_file_cells)
{
    put_text("t/index.tsv",
             "image\tcaption\ty\na.pgm\tone\tx\n\ttwo\tx\ngone.pgm\tthree\tx\nbad.pgm\tfour\ty\n\t\ty\n");
    put("t/pics/a.pgm", "P5\n# c\n2 1\n65535\n\0\0\377\377", 21);
    put_text("t/pics/bad.pgm", "GIF89a");
    pwy_source *s = opened("{parts: {p: {sense: image, column: image, path: pics}, c: {sense: text, column: caption}}, "
                           "target: y,"
                           " where: {table: t/index.tsv}}");
    good_row(s, 0, ex);
    ck_assert(part_of(ex, "p")->width == 2 && part_of(ex, "p")->pixels[1] == 255);
    text_is("c", "one");
    good_row(s, 1, ex);
    ck_assert_ptr_null(pw_example_find(ex, "p"));
    bad_row(s, 2, "index.tsv:4: part 'p'");
    ck_assert_ptr_nonnull(strstr(pwy_error_message(), "t/pics/gone.pgm"));
    bad_row(s, 3, "index.tsv:5: part 'p'");
    bad_row(s, 4, "index.tsv:6: every part");
    pw_source_release(s);
}
END_TEST

static void decodes(enum pw_value_type type, const void *data, int64_t len, pwy_status status, const char *words)
{
    pw_example_clear(ex);
    pwy_status got = pw_decode_bytes(ctx, type, "x.bin", data, len, ex, "p");
    ck_assert_msg(got == status, "%s: status %d: %s", words ? words : "good", (int)got, pwy_error_message());
    ck_assert(words == NULL || strstr(pwy_error_message(), words) != NULL);
}

START_TEST(test_pnm)
{
    decodes(PW_VALUE_IMAGE, "P3\n1 2 #c\n15\n0 15 5 15 0 0", 26, PWY_OK, NULL);
    const struct pw_value *v = part_of(ex, "p");
    ck_assert(v->channels == 3 && v->height == 2 && v->pixels[1] == 255 && v->pixels[2] == 85);
    decodes(PW_VALUE_IMAGE, "P6 1 1 255\n\1\2\3", 14, PWY_OK, NULL);
    ck_assert_int_eq(part_of(ex, "p")->pixels[2], 3);
    decodes(PW_VALUE_IMAGE, "P6 1 1 255\n\1\2", 13, PWY_E_FORMAT, "cut short");
    decodes(PW_VALUE_IMAGE, "P5 9999999 99999 255\n", 21, PWY_E_DATA, "64 Mpixel");
    decodes(PW_VALUE_IMAGE, "P5 0 0 255\n", 11, PWY_E_DATA, "0 by 0");
    decodes(PW_VALUE_IMAGE, "P5 x", 4, PWY_E_FORMAT, "no number");
    decodes(PW_VALUE_IMAGE, "P5 1 1 0\n\1", 10, PWY_E_FORMAT, "highest value");
    decodes(PW_VALUE_IMAGE, "P2 2 1 255 7", 12, PWY_E_FORMAT, "cut short");
    decodes(PW_VALUE_IMAGE, "GIF89a", 6, PWY_E_UNSUPPORTED, "x.bin");
    ck_assert_ptr_nonnull(strstr(pwy_error_message(), "PGM and PPM are built in"));
    decodes(PW_VALUE_IMAGE, "", 0, PWY_E_UNSUPPORTED, "x.bin");
}
END_TEST

static int64_t wav(unsigned char *out, int format, int channels, int bits, const void *data, uint32_t len)
{
    unsigned char head[] = "RIFF\0\0\0\0WAVEodd \3\0\0\0abc\0"
                           "fmt \20\0\0\0\0\0\0\0\100\37\0\0\0\0\0\0\0\0\0\0data\0\0\0\0";
    head[32] = (unsigned char)format;
    head[34] = (unsigned char)channels;
    head[46] = (unsigned char)bits;
    memcpy(head + 52, &len, 4);
    memcpy(out, head, 56);
    memcpy(out + 56, data, len);
    return 56 + len;
}

START_TEST(test_wav)
{
    unsigned char file[256];
    decodes(PW_VALUE_AUDIO, file, wav(file, 1, 2, 16, "\0\100\0\300\0\200\0\0", 8), PWY_OK, NULL);
    samples_are("p", 2, 2, (float[]){0.5f, -0.5f, -1, 0});
    ck_assert(part_of(ex, "p")->rate == 8000);
    decodes(PW_VALUE_AUDIO, file, wav(file, 1, 1, 8, "\200\300\0", 3), PWY_OK, NULL);
    samples_are("p", 3, 1, (float[]){0, 0.5f, -1});
    decodes(PW_VALUE_AUDIO, file, wav(file, 1, 1, 24, "\0\0\100\0\0\300", 6), PWY_OK, NULL);
    samples_are("p", 2, 1, (float[]){0.5f, -0.5f});
    decodes(PW_VALUE_AUDIO, file, wav(file, 1, 1, 32, "\0\0\0\100", 4), PWY_OK, NULL);
    samples_are("p", 1, 1, (float[]){0.5f});
    float number[2] = {0.25f, -0.75f}, broken = NAN;
    decodes(PW_VALUE_AUDIO, file, wav(file, 3, 1, 32, number, 8), PWY_OK, NULL);
    samples_are("p", 2, 1, number);
    decodes(PW_VALUE_AUDIO, file, wav(file, 3, 1, 32, &broken, 4), PWY_E_DATA, NULL);
    decodes(PW_VALUE_AUDIO, file, wav(file, 1, 1, 16, "abcd", 4) - 1, PWY_E_FORMAT,
            "cut short: 4 bytes of sound expected, 3 found");
    decodes(PW_VALUE_AUDIO, file, wav(file, 1, 1, 16, "", 0), PWY_E_DATA, "no sound");
    decodes(PW_VALUE_AUDIO, file, wav(file, 2, 1, 4, "ab", 2), PWY_E_UNSUPPORTED, "format 2 of 4 bit");
    decodes(PW_VALUE_AUDIO, file, wav(file, 1, 0, 16, "ab", 2), PWY_E_FORMAT, "0 channels");
    wav(file, 1, 1, 16, "ab", 2);
    for (int64_t len = 12; len < 56; len++)
        decodes(PW_VALUE_AUDIO, file, len, PWY_E_FORMAT, "WAV");
}
END_TEST

START_TEST(test_decode_others)
{
    decodes(PW_VALUE_SERIES, "1 2\n3 4\n5 6\n", 12, PWY_OK, NULL);
    samples_are("p", 3, 2, (float[]){1, 2, 3, 4, 5, 6});
    decodes(PW_VALUE_SERIES, "1,?,3", 5, PWY_OK, NULL);
    samples_are("p", 3, 1, (float[]){1, NAN, 3});
    decodes(PW_VALUE_SERIES, "[[1,2],[3]]", 11, PWY_E_DATA, "channels");
    decodes(PW_VALUE_SERIES, "1 2\n3\n", 6, PWY_E_DATA, "x.bin:2: 1 numbers where the lines before have 2");
    decodes(PW_VALUE_SERIES, "a\nb\n", 4, PWY_E_DATA, "x.bin:2");
    decodes(PW_VALUE_SERIES, "", 0, PWY_E_DATA, "no number");
    decodes(PW_VALUE_TEXT, "hi\n", 3, PWY_OK, NULL);
    text_is("p", "hi\n");
    decodes(PW_VALUE_TEXT, "", 0, PWY_E_DATA, NULL);
    decodes(PW_VALUE_TEXT, "\xff", 1, PWY_E_DATA, NULL);
    decodes(PW_VALUE_BYTES, "\xff\0", 2, PWY_OK, NULL);
    ck_assert_int_eq(part_of(ex, "p")->len, 2);
    decodes(PW_VALUE_ROW, "{\"a\": 1, \"b\": null, \"c\": \"x\"}", 29, PWY_OK, NULL);
    ck_assert_int_eq(part_of(ex, "p")->n_cells, 3);
    decodes(PW_VALUE_ROW, "[1]", 3, PWY_E_DATA, "object");
    ck_assert_int_eq(pw_decode_file(ctx, PW_VALUE_TEXT, in_folder("gone"), ex, "p"), PWY_E_NOT_FOUND);
}
END_TEST

START_TEST(test_gzip_damaged)
{
    put_text("a.csv.gz", "t,y\nsome text that is long enough to be packed,x\n");
    FILE *f = fopen(in_folder("a.csv.gz"), "r+b");
    ck_assert_int_eq(ftruncate(fileno(f), 30), 0);
    fclose(f);
    refused("{parts: {t: text}, target: y, where: a.csv.gz}", PWY_E_FORMAT, "a.csv.gz");
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        test_idx, test_idx_kinds, test_records, test_folders, test_file_cells, test_pnm, test_wav,
        test_decode_others, test_gzip_damaged
    };
    return run_tests("data_files", tests, sizeof tests / sizeof *tests);
}

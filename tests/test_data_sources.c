/* Sources in memory, from a function, cut from others; and what a row costs in memory. */
#include "data_help.h"

#include <malloc.h>

#include "pathways/source.h"

START_TEST(test_memory)
{
    pwy_source *s;
    pwy_example *from = pw_example_make();
    ck_assert_int_eq(pwy_source_new(ctx, &s), PWY_OK);
    uint8_t pixels[6] = {1, 2, 3, 4, 5, 6};
    float series[3] = {1, NAN, 3};
    ck_assert_int_eq(pw_value_set_text(from, pw_example_part(from, "t"), "hey", 3), PWY_OK);
    ck_assert_int_eq(pw_value_set_image(from, pw_example_part(from, "i"), pixels, 1, 2, 3), PWY_OK);
    ck_assert_int_eq(pw_value_set_series(from, pw_example_part(from, "s"), series, 3, 1), PWY_OK);
    ck_assert_int_eq(pw_value_add_cell(from, pw_example_part(from, "r"), "c", "12", 2), PWY_OK);
    ck_assert_int_eq(pw_value_add_cell(from, pw_example_part(from, "r"), "d", NULL, 0), PWY_OK);
    ck_assert_int_eq(pw_value_add_number(from, pw_example_part(from, "r"), "e", 2.5), PWY_OK);
    ck_assert_int_eq(pw_example_add_label(from, "yes", 3), PWY_OK);
    for (int i = 0; i < 100; i++)
        ck_assert_int_eq(pwy_source_append(s, from), PWY_OK);
    pw_example_clear(from);
    ck_assert_int_eq(pwy_source_append(s, from), PWY_OK);
    ck_assert_int_eq(pwy_source_count(s), 101);
    good_row(s, 77, ex);
    text_is("t", "hey");
    label_is("yes");
    samples_are("s", 3, 1, series);
    ck_assert_int_eq(part_of(ex, "i")->pixels[5], 6);
    const struct pw_value *row = part_of(ex, "r");
    ck_assert_int_eq(row->n_cells, 3);
    ck_assert(row->cells[0].is_number && row->cells[0].number == 12 && row->cells[2].number == 2.5);
    ck_assert(row->cells[1].text == NULL && !row->cells[1].is_number);
    bad_row(s, 100, "every part");
    ck_assert_int_eq(pwy_source_append(NULL, from), PWY_E_ARGUMENT);
    ck_assert_int_eq(pwy_source_read(s, -1, ex), PWY_E_ARGUMENT);
    pw_example_release(from);
    pwy_source_free(s);
    pwy_source_free(NULL);
}
END_TEST

static int ended;

static void end_user(void *user)
{
    ck_assert_ptr_eq(user, &ended);
    ended++;
}

static pwy_status give(int64_t i, pwy_example *out, void *user)
{
    ck_assert_ptr_eq(user, &ended);
    if (i == 2)
        return PWY_E_DATA;
    if (i == 3)
        return PWY_OK;
    if (i == 4)
        return PWY_E_CANCELLED;
    char text[32];
    int len = snprintf(text, sizeof text, "%d", (int)i);
    PW_TRY(pw_value_set_text(out, pw_example_part(out, "t"), text, len));
    return pw_example_add_label(out, text, len);
}

START_TEST(test_function)
{
    pwy_source *s;
    ended = 0;
    ck_assert_int_eq(pwy_source_from_function(NULL, 5, give, &ended, end_user, &s), PWY_OK);
    good_row(s, 1, ex);
    text_is("t", "1");
    bad_row(s, 2, "row 2");
    bad_row(s, 3, "every part");
    ck_assert_int_eq(pw_source_read(s, 4, ex), PWY_E_CANCELLED);
    ck_assert_int_eq(pwy_source_append(s, ex), PWY_E_STATE);
    pwy_source_free(s);
    ck_assert_int_eq(ended, 1);
    pwy_source *kept = (pwy_source *)&ended;
    s = kept;
    ck_assert_int_eq(pwy_source_from_function(NULL, 5, NULL, &ended, end_user, &s), PWY_E_ARGUMENT);
    ck_assert_int_eq(pwy_source_from_function(NULL, -1, give, &ended, end_user, &s), PWY_E_ARGUMENT);
    ck_assert_int_eq(pwy_source_from_function(NULL, 5, give, &ended, end_user, NULL), PWY_E_ARGUMENT);
    ck_assert_int_eq(ended, 4);
    ck_assert_ptr_eq(s, kept);
}
END_TEST

static pwy_status count_up(int64_t i, pwy_example *out, void *user)
{
    (void)user;
    char text[32];
    int len = snprintf(text, sizeof text, "%d", (int)i);
    return pw_value_set_text(out, pw_example_part(out, "t"), text, len);
}

START_TEST(test_slice)
{
    pwy_source *all, *part[2], *bad = NULL;
    bool seen[101] = {0};
    ck_assert_int_eq(pw_source_function(ctx, 101, count_up, NULL, NULL, &all), PWY_OK);
    ck_assert_int_eq(pw_source_slice(all, 42, 0, 30, &part[0]), PWY_OK);
    ck_assert_int_eq(pw_source_slice(all, 42, 30, 101, &part[1]), PWY_OK);
    ck_assert_int_eq(pw_source_slice(all, 42, 30, 102, &bad), PWY_E_ARGUMENT);
    ck_assert_int_eq(pw_source_slice(all, 42, -1, 2, &bad), PWY_E_ARGUMENT);
    pw_source_release(all);
    int sorted = 0, last = -1;
    for (int p = 0; p < 2; p++)
        for (int64_t i = 0; i < part[p]->n; i++) {
            good_row(part[p], i, ex);
            int row = atoi(part_of(ex, "t")->text);
            ck_assert(!seen[row]);
            seen[row] = true;
            sorted += row > last;
            last = row;
        }
    ck_assert_int_lt(sorted, 90);
    ck_assert_int_eq(pw_source_read(part[0], 30, ex), PWY_E_ARGUMENT);
    pw_source_release(part[0]);
    pw_source_release(part[1]);
}
END_TEST

/* What opening leaves on the heap, in bytes a row. */
static double held(const char *task, int64_t rows)
{
    malloc_trim(0);
    struct mallinfo2 before = mallinfo2();
    pwy_source *s = opened(task);
    struct mallinfo2 after = mallinfo2();
    ck_assert_int_eq(s->n, rows);
    double bytes = (double)(after.uordblks + after.hblkhd) - (double)(before.uordblks + before.hblkhd);
    good_row(s, rows - 1, ex);
    pw_source_release(s);
    return bytes / (double)rows;
}

START_TEST(test_memory_per_row)
{
    enum { ROWS = 100000 };
    struct pw_buf csv = {0}, lines = {0}, ts = {0};
    pw_buf_printf(&csv, "t,y\n");
    pw_buf_printf(&ts, "@classLabel true a\n@data\n");
    for (int i = 0; i < ROWS; i++) {
        pw_buf_printf(&csv, "text %d,\"a\"\n", i);
        pw_buf_printf(&lines, "label%d\n", i);
        pw_buf_printf(&ts, "1,2:a\n");
    }
    put("a.csv", csv.data, csv.len);
    put("a.tsv.gz", "", 0);
    put("l.txt", lines.data, lines.len);
    put("r.bin", lines.data, ROWS);
    put("a.ts", ts.data, ts.len);
    ck_assert_double_lt(held("{parts: {t: text}, target: y, where: a.csv}", ROWS), 16);
    ck_assert_double_lt(held("{parts: {t: text}, target: y, where: {table: a.csv, where: {y: a}}}", ROWS), 16);
    ck_assert_double_lt(held("{parts: {c: {sense: bytes, record: 1}}, where: {c: r.bin, target: l.txt}}", ROWS), 2.5);
    ck_assert_double_lt(held("{parts: {s: series}, where: a.ts}", ROWS), 16);
    pw_buf_free(&csv);
    pw_buf_free(&lines);
    pw_buf_free(&ts);
}
END_TEST

START_TEST(test_memory_per_file)
{
    enum { ROWS = 3000 };
    for (int i = 0; i < ROWS; i++) {
        char name[64];
        snprintf(name, sizeof name, "many/%d/file-with-a-long-name-%d.txt", i % 3, i);
        put_text(name, "x");
    }
    ck_assert_double_lt(held("{parts: {t: text}, where: many}", ROWS), 16 + 1024.0 / ROWS);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        test_memory, test_function, test_slice, test_memory_per_row, test_memory_per_file
    };
    return run_tests("data_sources", tests, sizeof tests / sizeof *tests);
}

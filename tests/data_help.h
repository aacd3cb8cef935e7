/* What the tests of the readers share: a temporary folder, and sources opened by the words of a recipe. */
#ifndef DATA_HELP_H
#define DATA_HELP_H
#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "data/data.h"
#include "suite.h"

static char folder[256];
static pwy_context *ctx;

static inline void make_folder(void)
{
    const char *base = getenv("TMPDIR");
    snprintf(folder, sizeof folder, "%s/pathways-data-XXXXXX", base ? base : "/tmp");
    ck_assert_ptr_nonnull(mkdtemp(folder));
    ck_assert_int_eq(pw_context_or_default(NULL, &ctx), PWY_OK);
}

static inline void remove_folder(void)
{
    char command[300];
    snprintf(command, sizeof command, "rm -rf '%s'", folder);
    ck_assert_int_eq(system(command), 0);
    pw_context_release(ctx);
}

static inline const char *in_folder(const char *name)
{
    static char path[600];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

/* Folders on the way are made; a name that ends with .gz is packed. */
static inline void put(const char *name, const void *data, size_t len)
{
    char path[600];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    for (char *c = path + strlen(folder) + 1; *c; c++)
        if (*c == '/') {
            *c = 0;
            mkdir(path, 0777);
            *c = '/';
        }
    size_t n = strlen(name);
    if (n > 3 && strcmp(name + n - 3, ".gz") == 0) {
        gzFile gz = gzopen(path, "wb");
        ck_assert_int_eq(gzwrite(gz, data, (unsigned)len), (int)len);
        gzclose(gz);
        return;
    }
    FILE *f = fopen(path, "wb");
    ck_assert_ptr_nonnull(f);
    ck_assert_uint_eq(fwrite(data, 1, len, f), len);
    fclose(f);
}

static inline void put_text(const char *name, const char *text)
{
    put(name, text, strlen(text));
}

static inline enum pw_value_type type_of(const char *sense)
{
    static const char *const names[] = {"", "text", "bytes", "image", "audio", "video", "table", "series"};
    for (int t = 1; t < 8; t++)
        if (strcmp(names[t], sense) == 0)
            return (enum pw_value_type)t;
    ck_abort_msg("no sense %s", sense);
    return PW_VALUE_NONE;
}

static inline struct pw_node *yaml(const char *text)
{
    struct pw_node *node = NULL;
    ck_assert_int_eq(pw_node_from_yaml(text, strlen(text), NULL, &node), PWY_OK);
    return node;
}

static inline void take_part(const char *name, const struct pw_node *node, struct pw_want_part *part)
{
    const struct pw_node *sense = node->kind == PW_MAP ? pw_node_get(node, "sense") : node;
    *part = (struct pw_want_part){name, type_of(sense->text), node->kind == PW_MAP ? node : NULL};
}

/* task: a recipe's task as YAML: kind, parts, target, columns, missing, and where. */
static inline pwy_status open_task(const char *task, pwy_source **out)
{
    struct pw_node *node = yaml(task), *parts = pw_node_get(node, "parts"), *target = pw_node_get(node, "target");
    struct pw_node *missing = pw_node_get(node, "missing"), *kind = pw_node_get(node, "kind");
    struct pw_want_part part[8];
    for (int p = 0; p < parts->n; p++)
        take_part(parts->key[p], parts->item[p], &part[p]);
    struct pw_want want = {.parts = part, .n_parts = parts->n, .kind = kind ? kind->text : "classify",
                           .target = target ? target->text : NULL, .columns = pw_node_get(node, "columns"),
                           .missing = missing ? missing->text : NULL, .folder = folder};
    pwy_status status = pw_source_open(ctx, &want, pw_node_get(node, "where"), out);
    pw_node_free(node);
    return status;
}

static inline pwy_source *opened(const char *task)
{
    pwy_source *s = NULL;
    pwy_status status = open_task(task, &s);
    ck_assert_msg(status == PWY_OK, "%s: %s", task, pwy_error_message());
    return s;
}

/* Opening fails with that status and a message that holds `words`. */
static inline void refused(const char *task, pwy_status status, const char *words)
{
    pwy_source *s = (pwy_source *)&folder;
    pwy_status got = open_task(task, &s);
    ck_assert_msg(got == status, "%s: status %d, %s", task, (int)got, pwy_error_message());
    ck_assert_msg(strstr(pwy_error_message(), words) != NULL, "'%s' lacks '%s'", pwy_error_message(), words);
    ck_assert_ptr_eq(s, &folder);
}

/* Row i cannot be used, for the reason `words`. */
static inline void bad_row(pwy_source *s, int64_t i, const char *words)
{
    pwy_example *ex = pw_example_make();
    pwy_status got = pw_source_read(s, i, ex);
    ck_assert_msg(got == PWY_E_DATA, "row %d: status %d, wanted '%s'", (int)i, (int)got, words);
    ck_assert_msg(strstr(pwy_error_message(), words) != NULL, "'%s' lacks '%s'", pwy_error_message(), words);
    ck_assert_int_eq(ex->n_parts, 0);
    ck_assert_int_eq(ex->target_type, PW_TARGET_NONE);
    pw_example_release(ex);
}

static inline void good_row(pwy_source *s, int64_t i, pwy_example *ex)
{
    pwy_status got = pw_source_read(s, i, ex);
    ck_assert_msg(got == PWY_OK, "row %d: %s", (int)i, pwy_error_message());
}

static inline const struct pw_value *part_of(const pwy_example *ex, const char *name)
{
    const struct pw_value *v = pw_example_find(ex, name);
    ck_assert_msg(v != NULL, "no part %s", name);
    return v;
}
static pwy_example *ex;

static inline void setup(void)
{
    make_folder();
    ex = pw_example_make();
}

static inline void teardown(void)
{
    pw_example_release(ex);
    remove_folder();
}

static inline void text_is(const char *part, const char *text)
{
    const struct pw_value *v = part_of(ex, part);
    ck_assert_int_eq(v->type, PW_VALUE_TEXT);
    ck_assert_str_eq(v->text, text);
}

static inline void label_is(const char *label)
{
    ck_assert_int_eq(ex->target_type, PW_TARGET_LABELS);
    ck_assert_int_eq(ex->n_labels, 1);
    ck_assert_str_eq(ex->labels[0], label);
}

static inline void samples_are(const char *part, int64_t steps, int64_t channels, const float *want)
{
    const struct pw_value *v = part_of(ex, part);
    ck_assert_int_eq(v->steps, steps);
    ck_assert_int_eq(v->channels, channels);
    for (int64_t i = 0; i < steps * channels; i++)
        ck_assert_msg(isnan(want[i]) ? isnan(v->samples[i]) : v->samples[i] == want[i], "sample %d: %g, not %g", (int)i,
                      (double)v->samples[i], (double)want[i]);
}

static inline int run_tests(const char *name, const TTest *const *tests, size_t n)
{
    Suite *s = suite_create(name);
    TCase *c = tcase_create(name);
    tcase_add_checked_fixture(c, setup, teardown);
    tcase_set_timeout(c, 60);
    for (size_t t = 0; t < n; t++)
        tcase_add_test(c, tests[t]);
    suite_add_tcase(s, c);
    return run_suite(s);
}
#endif

/* The registry: many tasks, names that come and go, files of them, queries, and files that are damaged on purpose. */
#include <check.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "file/chain.h"
#include "file/registry_file.h"
#include "pathways/pathways.h"
#include "suite.h"

#define OK(call) ck_assert_msg((call) == PWY_OK, "%s: %s", #call, pwy_error_message())

static char path[64];

static void setup(void)
{
    snprintf(path, sizeof path, "registry-%ld.pathways", (long)getpid());
}

static void teardown(void)
{
    unlink(path);
}

static uint64_t next(uint64_t *state)
{
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return *state >> 33;
}

static const char *const senses[] = {"text", "image", "audio", "bytes", "table", "series"};

/* Task i: kinds and senses in turn, every third one trained, every ninth sealed; a label that all have, one of ten. */
static void add(pwy_registry *r, int i)
{
    static const pwy_task_kind kinds[] = {PWY_CLASSIFY, PWY_REGRESS, PWY_MULTILABEL};
    char name[32], label[32];
    pwy_task *t;
    snprintf(name, sizeof name, "task %d", i);
    snprintf(label, sizeof label, "label %d", i % 10);
    OK(pwy_registry_add(r, name, kinds[i % 3], &t));
    OK(pwy_task_add_part(t, "input", senses[i % 6]));
    if (i % 5 == 0) OK(pwy_task_add_part(t, "more", "text"));
    if (kinds[i % 3] != PWY_REGRESS) {
        OK(pwy_task_add_label(t, "yes"));
        OK(pwy_task_add_label(t, label));
    }
    t->trained = i % 3 == 0;
    t->sealed = i % 9 == 0;
}

static pwy_registry *registry(int n)
{
    pwy_registry *r;
    OK(pwy_registry_new(NULL, &r));
    for (int i = 0; i < n; i++) add(r, i);
    return r;
}

static pwy_registry *reopened(pwy_registry *r)
{
    pwy_registry *read;
    OK(pwy_registry_save(r, path));
    OK(pwy_registry_open(NULL, path, &read));
    pwy_registry_free(r);
    return read;
}

/* --- names that come and go --- */

struct names { char name[4000][16]; int n; };

static void same(const pwy_registry *r, const struct names *names)
{
    pwy_task *t;
    ck_assert_int_eq(pwy_registry_count(r), names->n);
    for (int i = 0; i < names->n; i++) {
        ck_assert_str_eq(pwy_task_name(pwy_registry_at(r, i)), names->name[i]);
        OK(pwy_registry_find(r, names->name[i], &t));
        ck_assert_ptr_eq(t, pwy_registry_at(r, i));
        ck_assert_int_eq(t->index, i);
    }
}

/* One random change in both; names out of so few that they are often there. */
static void change(pwy_registry *r, struct names *names, uint64_t *seed)
{
    char a[16], b[16];
    int at = 0, other = 0;
    uint64_t what = next(seed) % 4;
    snprintf(a, sizeof a, "task %d", (int)(next(seed) % 600));
    snprintf(b, sizeof b, "task %d", (int)(next(seed) % 600));
    while (at < names->n && strcmp(names->name[at], a) != 0) at++;
    while (other < names->n && strcmp(names->name[other], b) != 0) other++;
    if (what <= 1) {
        ck_assert_int_eq(pwy_registry_add(r, a, PWY_CLASSIFY, NULL), at < names->n ? PWY_E_EXISTS : PWY_OK);
        if (at == names->n) memcpy(names->name[names->n++], a, sizeof a);
    } else if (what == 2) {
        ck_assert_int_eq(pwy_registry_remove(r, a), at < names->n ? PWY_OK : PWY_E_NOT_FOUND);
        if (at < names->n) memmove(names->name[at], names->name[at + 1], sizeof a * (size_t)(--names->n - at));
    } else {
        pwy_status right = at == names->n ? PWY_E_NOT_FOUND : other < names->n && other != at ? PWY_E_EXISTS : PWY_OK;
        ck_assert_int_eq(pwy_registry_rename(r, a, b), right);
        if (right == PWY_OK) memcpy(names->name[at], b, sizeof b);
    }
}

static void come_and_go(pwy_registry *r, struct names *names, uint64_t seed)
{
    for (int turn = 0; turn < 1500; turn++) {
        change(r, names, &seed);
        if (turn % 100 == 0) same(r, names);
    }
    same(r, names);
}

START_TEST(names_come_and_go)
{
    static struct names names;
    pwy_registry *r = registry(0);
    names.n = 0;
    come_and_go(r, &names, 1);
    r = reopened(r);
    same(r, &names);
    come_and_go(r, &names, 2);
    r = reopened(r);
    come_and_go(r, &names, 3);
    pwy_registry_free(r);
}
END_TEST

START_TEST(a_name_twice_is_refused)
{
    pwy_registry *r = reopened(registry(10));
    pwy_task *t = NULL;
    ck_assert_int_eq(pwy_registry_add(r, "task 7", PWY_REGRESS, &t), PWY_E_EXISTS);
    ck_assert_ptr_nonnull(strstr(pwy_error_message(), "task 7"));
    ck_assert_ptr_null(t);
    ck_assert_int_eq(pwy_registry_rename(r, "task 7", "task 8"), PWY_E_EXISTS);
    ck_assert_int_eq(pwy_registry_rename(r, "task 7", "a/b"), PWY_E_ARGUMENT);
    OK(pwy_registry_rename(r, "task 7", "task 7"));
    OK(pwy_registry_remove(r, "task 7"));
    ck_assert_int_eq(pwy_registry_remove(r, "task 7"), PWY_E_NOT_FOUND);
    OK(pwy_registry_add(r, "task 7", PWY_REGRESS, &t));
    ck_assert_ptr_eq(pwy_registry_at(r, 9), t);
    pwy_registry_free(r);
}
END_TEST

/* --- files --- */

START_TEST(a_file_comes_back_whole)
{
    pwy_registry *r = reopened(registry(3000));
    ck_assert_int_eq(pwy_registry_count(r), 3000);
    for (int i = 2999; i >= 0; i -= 7) {
        const pwy_task *t = pwy_registry_at(r, i);
        ck_assert_ptr_nonnull(t);
        ck_assert(!t->whole);
        ck_assert_int_eq(pwy_task_part_count(t), i % 5 == 0 ? 2 : 1);
        ck_assert(t->whole);
        ck_assert_str_eq(pwy_task_part_sense(t, 0), senses[i % 6]);
        ck_assert_int_eq(pwy_task_label_count(t), i % 3 == 1 ? 0 : 2);
        pwy_task_state state = i % 9 == 0 ? PWY_TASK_SEALED : i % 3 == 0 ? PWY_TASK_TRAINED : PWY_TASK_OPEN;
        ck_assert_int_eq(pwy_task_get_state(t), state);
    }
    pwy_registry_free(r);
}
END_TEST

static struct pw_buf bytes_of(const char *name)
{
    struct pw_buf buf = {0};
    char room[4096];
    size_t n;
    FILE *f = fopen(name, "rb");
    ck_assert_ptr_nonnull(f);
    while ((n = fread(room, 1, sizeof room, f)) > 0) OK(pw_buf_add(&buf, room, n));
    fclose(f);
    return buf;
}

START_TEST(what_is_not_read_is_copied)
{
    pwy_registry *r = reopened(registry(500));
    struct pw_buf first = bytes_of(path);
    for (int i = 0; i < 500; i += 3) pwy_task_part_count(pwy_registry_at(r, i));
    r = reopened(r);
    struct pw_buf again = bytes_of(path);
    ck_assert_uint_eq(first.len, again.len);
    ck_assert_mem_eq(first.data, again.data, first.len);
    pw_buf_free(&first);
    pw_buf_free(&again);
    pwy_registry_free(r);
}
END_TEST

struct finder { const pwy_registry *r; pwy_task *found[400]; };

static void *find_all(void *arg)
{
    struct finder *f = arg;
    char name[32];
    for (int i = 0; i < 400; i++) {
        snprintf(name, sizeof name, "task %d", i);
        if (pwy_registry_find(f->r, name, &f->found[i]) != PWY_OK || pwy_task_part_count(f->found[i]) == 0)
            f->found[i] = NULL;
    }
    return NULL;
}

START_TEST(threads_find_the_same)
{
    static struct finder f[4];
    pwy_registry *r = reopened(registry(400));
    pthread_t thread[4];
    for (int i = 0; i < 4; i++) {
        f[i].r = r;
        ck_assert_int_eq(pthread_create(&thread[i], NULL, find_all, &f[i]), 0);
    }
    for (int i = 0; i < 4; i++) pthread_join(thread[i], NULL);
    for (int i = 0; i < 400; i++) {
        ck_assert_ptr_eq(f[0].found[i], pwy_registry_at(r, i));
        for (int j = 1; j < 4; j++) ck_assert_ptr_eq(f[j].found[i], f[0].found[i]);
    }
    pwy_registry_free(r);
}
END_TEST

START_TEST(many_labels)
{
    pwy_registry *r = registry(1);
    pwy_task *t;
    char label[32];
    OK(pwy_registry_add(r, "words", PWY_CLASSIFY, &t));
    OK(pwy_task_add_part(t, "input", "text"));
    for (int i = 0; i < 3000; i++) {
        snprintf(label, sizeof label, "word %d", i);
        OK(pwy_task_add_label(t, label));
        ck_assert_int_eq(pwy_task_add_label(t, label), PWY_E_EXISTS);
    }
    r = reopened(r);
    OK(pw_registry_get(r, "words", &t));
    for (int i = 0; i < 3000; i++) {
        snprintf(label, sizeof label, "word %d", i);
        ck_assert_int_eq(pw_task_label(t, label), i);
        ck_assert_str_eq(pwy_task_label(t, i), label);
    }
    ck_assert_int_eq(pw_task_label(t, "word 3000"), -1);
    pwy_registry_free(r);
}
END_TEST

/* --- base and deltas --- */

static void record(struct pw_image *im, const char *name, int flags, const char *sense)
{
    char json[128];
    struct pw_record r = {.kind = PWY_CLASSIFY, .flags = (uint8_t)flags, .senses = pw_sense_bit(sense)};
    int len = snprintf(json, sizeof json, "{\"parts\":{\"input\":{\"sense\":\"%s\"}}}", sense);
    OK(pw_image_add(im, name, &r, (struct pw_bytes){json, (size_t)len}, (struct pw_bytes){0}));
}

static void names_are(const pwy_registry *r, const char *const *name, int n)
{
    pwy_task *t;
    ck_assert_int_eq(pwy_registry_count(r), n);
    for (int i = 0; i < n; i++) {
        OK(pwy_registry_find(r, name[i], &t));
        ck_assert_int_eq(t->index, i);
        ck_assert_ptr_eq(t, pwy_registry_at(r, i));
    }
}

START_TEST(deltas_change_what_was)
{
    struct pw_image im[3] = {{{0}}};
    struct pw_task_segment_bytes b[3];
    pwy_registry *r;
    pwy_task *t;
    for (int i = 0; i < 4; i++) record(&im[0], (const char *[]){"a", "b", "c", "d"}[i], 0, "text");
    record(&im[1], "b", PW_RECORD_AGAIN, "image");
    record(&im[1], "c", PW_RECORD_GONE, "text");
    record(&im[1], "e", 0, "audio");
    record(&im[2], "b", PW_RECORD_AGAIN, "table");
    record(&im[2], "e", PW_RECORD_AGAIN, "bytes");
    record(&im[2], "c", 0, "series");
    for (int i = 0; i < 3; i++) {
        OK(pw_image_finish(&im[i]));
        b[i] = pw_image_bytes(&im[i]);
    }
    OK(pw_registry_open(NULL, b, 3, true, &r));
    names_are(r, (const char *const[]){"a", "b", "d", "e", "c"}, 5);
    static const char *const sense[] = {"text", "table", "text", "bytes", "series"};
    for (int i = 0; i < 5; i++) ck_assert_str_eq(pwy_task_part_sense(pwy_registry_at(r, i), 0), sense[i]);
    OK(pwy_registry_add(r, "f", PWY_REGRESS, &t));
    OK(pwy_registry_remove(r, "a"));
    r = reopened(r);
    names_are(r, (const char *const[]){"b", "d", "e", "c", "f"}, 5);
    pwy_registry_free(r);
    ck_assert_int_eq(pw_registry_open(NULL, b + 1, 2, true, &r), PWY_E_FORMAT);
    for (int i = 0; i < 3; i++) pw_image_free(&im[i]);
}
END_TEST

static const char *name_at(const pwy_registry *r, int64_t i)
{
    return pwy_task_name(pwy_registry_at(r, i));
}

static int64_t select_all(const pwy_registry *r, const char *query, int64_t room, int64_t *out)
{
    pwy_options *o;
    int64_t index[64], n, found = 0, after = -1;
    OK(pwy_options_parse(query, &o));
    do {
        OK(pwy_registry_select(r, o, after, index, room, &n));
        for (int64_t i = 0; i < n; i++) out[found++] = after = index[i];
    } while (n == room);
    pwy_options_free(o);
    return found;
}

static void same_image(const pwy_registry *a, const pwy_registry *b)
{
    struct pw_image x, y;
    OK(pw_registry_image(a, 0, NULL, NULL, &x));
    OK(pw_registry_image(b, 0, NULL, NULL, &y));
    struct pw_buf *p[] = {&x.records, &x.index, &x.names, &x.texts, &x.labels};
    struct pw_buf *q[] = {&y.records, &y.index, &y.names, &y.texts, &y.labels};
    for (int i = 0; i < 5; i++) {
        ck_assert_uint_eq(p[i]->len, q[i]->len);
        ck_assert_mem_eq(p[i]->data, q[i]->data, p[i]->len);
    }
    pw_image_free(&x);
    pw_image_free(&y);
}

/* Removes two, changes three, adds two, one of them by a name that was removed. */
static void change_some(pwy_registry *r)
{
    OK(pwy_registry_remove(r, "task 5"));
    OK(pwy_registry_remove(r, "task 40"));
    ck_assert_str_eq(name_at(r, 7), "task 8");
    ck_assert_str_eq(name_at(r, 10), "task 11");
    OK(pwy_task_set_weight(pwy_registry_at(r, 7), 3));
    OK(pwy_task_add_label(pwy_registry_at(r, 10), "late"));
    add(r, 60);
    add(r, 40);
}

/* Base and delta together are the registry as it became, whether its tasks were read meanwhile or not. */
static void changes_come_back(int read_every)
{
    pwy_registry *r = reopened(registry(60)), *both;
    struct pw_image base, delta;
    int64_t found[8];
    OK(pw_registry_image(r, 0, NULL, NULL, &base));
    for (int i = 0; i < 60; i += read_every) pwy_task_part_count(pwy_registry_at(r, i));
    change_some(r);
    const struct pw_registry_changes c = {.again = (const int64_t[]){7, 10, 20}, .n_again = 3, .first = 58,
                                          .gone = (const char *const[]){"task 5", "task 40"}, .n_gone = 2};
    OK(pw_registry_delta(r, &c, NULL, NULL, &delta));
    struct pw_task_segment_bytes b[2] = {pw_image_bytes(&base), pw_image_bytes(&delta)};
    OK(pw_registry_open(NULL, b, 2, false, &both));
    ck_assert_int_eq(both->n, 60);
    ck_assert_int_eq(select_all(both, "label: late", 8, found), 1);
    ck_assert_int_eq(found[0], 10);
    same_image(both, r);
    OK(pw_registry_load(both));
    same_image(both, r);
    pw_image_free(&base);
    pw_image_free(&delta);
    pwy_registry_free(both);
    pwy_registry_free(r);
}

/* The same beside a file. */
START_TEST(a_file_and_its_delta)
{
    char beside[80];
    struct pw_image delta;
    struct pw_tensor list[PW_REGISTRY_TENSORS];
    int number = 0;
    pwy_registry *r = reopened(registry(60)), *both;
    snprintf(beside, sizeof beside, "%s.delta1", path);
    change_some(r);
    const struct pw_registry_changes c = {.again = (const int64_t[]){7, 10}, .n_again = 2, .first = 58,
                                          .gone = (const char *const[]){"task 5", "task 40"}, .n_gone = 2};
    OK(pw_registry_delta(r, &c, NULL, NULL, &delta));
    OK(pw_delta_write(path, NULL, list, pw_registry_tensors(&delta, list), &number));
    ck_assert_int_eq(number, 1);
    OK(pwy_registry_open(NULL, path, &both));
    same_image(both, r);
    pw_image_free(&delta);
    pwy_registry_free(both);
    pwy_registry_free(r);
    ck_assert_int_eq(unlink(beside), 0);
}
END_TEST

START_TEST(a_delta_holds_the_changes)
{
    changes_come_back(1);
    changes_come_back(3);
    changes_come_back(100);
}
END_TEST

/* --- queries --- */

static bool wanted(int q, int i)
{
    switch (q) {
    case 0: return true;
    case 1: return i % 6 == 2;
    case 2: return i % 6 == 0 || i % 5 == 0;
    case 3: return i % 9 == 0;
    case 4: return i % 3 == 0 && i % 9 != 0;
    case 5: return i % 3 == 1;
    case 6: return i % 3 != 1 && i % 10 == 7;
    case 7: return i == 42;
    case 8: return i % 9 == 0 && i % 10 == 0 && i % 5 == 0;
    case 9: return i % 3 != 0;
    default: return false;
    }
}

static void check_queries(const pwy_registry *r, int n)
{
    static const char *const query[] = {"{}", "sense: audio", "sense: text", "state: sealed", "state: trained",
        "kind: regress", "label: label 7", "name: task 42", "{state: sealed, label: label 0, sense: text}",
        "state: open", "{name: task 42, kind: regress}"};
    int64_t out[2000];
    for (int q = 0; q < 11; q++) {
        int64_t found = select_all(r, query[q], 1 + q * 6, out), at = 0;
        for (int i = 0; i < n; i++)
            if (wanted(q, i)) ck_assert_int_eq(out[at++], i);
        ck_assert_msg(found == at, "%s: %d", query[q], (int)found);
    }
}

START_TEST(queries)
{
    pwy_registry *r = registry(1000);
    check_queries(r, 1000);
    r = reopened(r);
    check_queries(r, 1000);
    for (int i = 0; i < 1000; i += 2) pwy_task_part_count(pwy_registry_at(r, i));
    for (int i = 1000; i < 1200; i++) add(r, i);
    check_queries(r, 1200);
    pwy_registry_free(r);
}
END_TEST

START_TEST(queries_that_are_wrong)
{
    pwy_registry *r = registry(3);
    pwy_options *o;
    int64_t index[4], n = 77;
    static const char *const bad[] = {"state: asleep", "sense: smell", "kind: classyfy", "labels: a"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        OK(pwy_options_parse(bad[i], &o));
        ck_assert_int_eq(pwy_registry_select(r, o, -1, index, 4, &n), PWY_E_ARGUMENT);
        pwy_options_free(o);
    }
    ck_assert_int_eq(pwy_registry_select(r, NULL, -2, index, 4, &n), PWY_E_ARGUMENT);
    ck_assert_int_eq(pwy_registry_select(r, NULL, -1, NULL, 4, &n), PWY_E_ARGUMENT);
    ck_assert_int_eq(n, 77);
    OK(pwy_registry_select(r, NULL, 1, index, 4, &n));
    ck_assert_int_eq(n, 1);
    ck_assert_int_eq(index[0], 2);
    OK(pwy_registry_select(r, NULL, 1000, index, 4, &n));
    ck_assert_int_eq(n, 0);
    pwy_registry_free(r);
}
END_TEST

START_TEST(sealed_tasks_stay)
{
    pwy_registry *r = reopened(registry(10));
    pwy_task *t;
    OK(pwy_registry_find(r, "task 9", &t));
    ck_assert_int_eq(pwy_task_get_state(t), PWY_TASK_SEALED);
    ck_assert_str_eq(pwy_task_state_name(pwy_task_get_state(t)), "sealed");
    ck_assert_ptr_null(pwy_task_state_name((pwy_task_state)3));
    ck_assert_int_eq(pwy_task_add_part(t, "x", "text"), PWY_E_STATE);
    ck_assert_ptr_nonnull(strstr(pwy_error_message(), "sealed"));
    ck_assert_int_eq(pwy_task_add_label(t, "x"), PWY_E_STATE);
    ck_assert_int_eq(pwy_task_set_weight(t, 2), PWY_E_STATE);
    ck_assert_int_eq(pwy_task_set_metric(t, "f1"), PWY_E_STATE);
    ck_assert(t->weight == 1 && t->metric == NULL && t->n_parts == 1);
    pwy_registry_free(r);
}
END_TEST

/* --- damage --- */

/* Everything that can be asked of a registry: answers may be anything, crashing is not. */
static void ask_anything(const pwy_registry *r)
{
    int64_t index[64], n;
    pwy_options *o;
    pwy_task *t;
    struct pw_image im;
    char name[32];
    for (int64_t i = 0; i < pwy_registry_count(r) && i < 100; i++) {
        pwy_task *at = pwy_registry_at(r, i);
        struct pw_node *node = NULL;
        for (int64_t l = 0; l < pwy_task_label_count(at); l++) ck_assert_ptr_nonnull(pwy_task_label(at, l));
        if (at != NULL && pw_task_senses(at, &node) == PWY_OK) pw_node_free(node);
        snprintf(name, sizeof name, "task %d", (int)i);
        if (pwy_registry_find(r, name, &t) == PWY_OK) ck_assert_str_eq(pwy_task_name(t), name);
    }
    static const char *const query[] = {"label: label 7", "sense: audio", "state: sealed"};
    for (int q = 0; q < 3; q++) {
        OK(pwy_options_parse(query[q], &o));
        pwy_status status = pwy_registry_select(r, o, -1, index, 64, &n);
        ck_assert(status == PWY_OK || status == PWY_E_FORMAT || status == PWY_E_UNSUPPORTED);
        pwy_options_free(o);
    }
    if (pw_registry_image(r, 0, NULL, NULL, &im) == PWY_OK) pw_image_free(&im);
}

START_TEST(damage_never_crashes)
{
    pwy_registry *r = registry(40);
    struct pw_image im;
    OK(pw_registry_image(r, 0, NULL, NULL, &im));
    pwy_registry_free(r);
    uint64_t seed = 7;
    int opened = 0;
    for (int turn = 0; turn < 3000; turn++) {
        struct pw_image bad = {{0}};
        struct pw_buf *from[] = {&im.records, &im.index, &im.names, &im.texts, &im.labels};
        struct pw_buf *to[] = {&bad.records, &bad.index, &bad.names, &bad.texts, &bad.labels};
        for (int p = 0; p < 5; p++) OK(pw_buf_add(to[p], from[p]->data, from[p]->len));
        int part = turn % 5, changes = 1 + (int)(next(&seed) % 20);
        for (int c = 0; c < changes; c++) to[part]->data[next(&seed) % to[part]->len] = (char)next(&seed);
        if (turn % 4 == 0) to[next(&seed) % 5]->len -= (next(&seed) % 3) * 32;
        struct pw_task_segment_bytes b = pw_image_bytes(&bad);
        pwy_status status = pw_registry_open(NULL, &b, 1, true, &r);
        ck_assert(status == PWY_OK || status == PWY_E_FORMAT);
        if (status == PWY_OK) {
            ask_anything(r);
            pwy_registry_free(r);
            opened++;
        }
        pw_image_free(&bad);
    }
    ck_assert_int_gt(opened, 500);
    pw_image_free(&im);
}
END_TEST

START_TEST(files_that_are_none)
{
    pwy_registry *r;
    FILE *f = fopen(path, "wb");
    fputs("no file of tasks", f);
    fclose(f);
    ck_assert_int_eq(pwy_registry_open(NULL, path, &r), PWY_E_FORMAT);
    ck_assert_int_eq(pwy_registry_open(NULL, "nothing here", &r), PWY_E_NOT_FOUND);
    r = registry(2);
    ck_assert_int_ne(pwy_registry_save(r, "no folder/x"), PWY_OK);
    ck_assert_int_eq(pwy_registry_save(r, NULL), PWY_E_ARGUMENT);
    ck_assert_int_eq(pwy_registry_save(NULL, path), PWY_E_ARGUMENT);
    pwy_registry_free(r);
    r = reopened(registry(0));
    ck_assert_int_eq(pwy_registry_count(r), 0);
    pwy_registry_free(r);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {names_come_and_go, a_name_twice_is_refused, a_file_comes_back_whole,
        what_is_not_read_is_copied, threads_find_the_same, many_labels, deltas_change_what_was,
        a_delta_holds_the_changes, a_file_and_its_delta, queries,
        queries_that_are_wrong, sealed_tasks_stay, damage_never_crashes, files_that_are_none};
    Suite *s = suite_create("registry");
    TCase *t = tcase_create("registry");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_set_timeout(t, 120);
    for (size_t i = 0; i < sizeof tests / sizeof *tests; i++) tcase_add_test(t, tests[i]);
    suite_add_tcase(s, t);
    return run_suite(s);
}

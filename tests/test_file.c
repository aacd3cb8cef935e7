/* Model files: what was saved comes back, damage is named and harms nobody, the old file stays until it is replaced. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "model_rig.h"
#include "file/chain.h"
#include "model/model.h"
#include "suite.h"
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static char folder[40];
static pwy_model *model;
static struct bytes file;

enum { TASKS = R_ALL };

static void begin(void)
{
    strcpy(folder, "/tmp/pathways-file-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
    model = rig_model(NULL, TASKS, "d: 8, layers: 1, heads: 2, experts: 2, topk: 1, hidden: 8, vocab: 270");
    model = rig_trained(model, "steps: 3");
    file = rig_bytes(model);
}

static int entries(void)
{
    int n = 0;
    DIR *d = opendir(folder);
    for (struct dirent *e; (e = readdir(d)) != NULL;) n += strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0;
    closedir(d);
    return n;
}

static void end(void)
{
    char path[320];
    DIR *d = opendir(folder);
    for (struct dirent *e; (e = readdir(d)) != NULL;) {
        snprintf(path, sizeof path, "%s/%s", folder, e->d_name);
        if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0) unlink(path);
    }
    closedir(d);
    rmdir(folder);
    free(file.data);
    pwy_model_free(model);
}

static char *in_folder(const char *name)
{
    static char path[128];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

static void write_bytes(const char *path, const void *data, int64_t len)
{
    FILE *f = fopen(path, "wb");
    ck_assert_ptr_nonnull(f);
    ck_assert_int_eq((int64_t)fwrite(data, 1, (size_t)len, f), len);
    fclose(f);
}

static void holds(const char *path, struct bytes want)
{
    struct bytes there = rig_file(path);
    rig_same(there, want);
    free(there.data);
}

/* --- there and back --- */

START_TEST(path_and_memory_are_the_same)
{
    pwy_model *m;
    OK(pwy_model_save(model, in_folder("one")));
    holds(in_folder("one"), file);
    ck_assert_int_eq(entries(), 1);
    char *want = rig_ask(model, NULL, TASKS, 16, 8);
    OK(pwy_model_open(NULL, in_folder("one"), &m));
    rig_same_answers(m, NULL, TASKS, 8, want);
    OK(pwy_model_save(m, in_folder("one")));        /* over the file that it is mapped from */
    rig_same_answers(m, NULL, TASKS, 16, want);
    holds(in_folder("one"), file);
    free(want);
    pwy_model_free(m);
}
END_TEST

START_TEST(the_file_may_go)
{
    pwy_model *m;
    OK(pwy_model_save(model, in_folder("gone")));
    OK(pwy_model_open(NULL, in_folder("gone"), &m));
    unlink(in_folder("gone"));
    char *want = rig_ask(model, NULL, TASKS, 16, 8);
    rig_same_answers(m, NULL, TASKS, 8, want);
    free(want);
    pwy_model_free(m);
}
END_TEST

START_TEST(what_is_told_comes_back)
{
    pwy_model *m;
    char *a, *b;
    OK(pwy_model_open_memory(NULL, file.data, file.len, &m));
    OK(pwy_model_describe(model, &a));
    OK(pwy_model_describe(m, &b));
    ck_assert_msg(strcmp(a, b) == 0, "the descriptions differ");
    ck_assert_int_eq(pwy_model_parameters(m), pwy_model_parameters(model));
    pwy_registry *r = pwy_model_registry(m);
    ck_assert_int_eq(pwy_registry_count(r), R_TASKS);
    for (int t = 0; t < R_TASKS; t++) ck_assert_str_eq(pwy_task_name(pwy_registry_at(r, t)), rig_task[t].name);
    ck_assert_int_eq(pwy_tokenizer_vocab(pwy_model_tokenizer(m)), pwy_tokenizer_vocab(pwy_model_tokenizer(model)));
    pwy_text_free(a);
    pwy_text_free(b);
    pwy_model_free(m);
}
END_TEST

/* --- where nothing can be written --- */

START_TEST(unwritable_folders)
{
    char path[160];
    FAILS(pwy_model_save(model, "/nowhere/at/all"), PWY_E_NOT_FOUND);
    SAYS("/nowhere");
    ck_assert_int_ne(pwy_model_check_path("/nowhere/at/all"), PWY_OK);
    ck_assert_int_ne(pwy_model_save(model, folder), PWY_OK);
    snprintf(path, sizeof path, "%s/x", in_folder("plain"));
    write_bytes(in_folder("plain"), "abc", 3);
    ck_assert_int_ne(pwy_model_save(model, path), PWY_OK);
    holds(in_folder("plain"), (struct bytes){"abc", 3});
    ck_assert_int_eq(entries(), 1);
    if (geteuid() != 0) {
        chmod(folder, 0500);
        FAILS(pwy_model_check_path(in_folder("new")), PWY_E_IO);
        FAILS(pwy_model_save(model, in_folder("plain")), PWY_E_IO);
        chmod(folder, 0700);
        holds(in_folder("plain"), (struct bytes){"abc", 3});
    }
    OK(pwy_model_check_path(in_folder("plain")));
    OK(pwy_model_check_path(in_folder("new")));
    ck_assert_int_eq(entries(), 1);
}
END_TEST

START_TEST(full_devices)
{
    if (access("/dev/full", W_OK) != 0) return;
    ck_assert_int_ne(pwy_model_save(model, "/dev/full"), PWY_OK);
    ck_assert_int_eq(access("/dev/full", W_OK), 0);
}
END_TEST

/* Killed at any point of saving, the file is the old or the new one. */
START_TEST(killed_while_saving)
{
    pwy_model *other = rig_trained(rig_model(NULL, 1 << R_TEXT, RIG_SHAPE), "steps: 2"), *m;
    struct bytes b = rig_bytes(other);
    OK(pwy_model_save(model, in_folder("kept")));
    for (int i = 0; i < 12; i++) {
        pid_t child = fork();
        if (child == 0)
            for (;;) {
                pwy_model_save(other, in_folder("kept"));
                pwy_model_save(model, in_folder("kept"));
            }
        usleep((useconds_t)(2000 + 1700 * i));
        kill(child, SIGKILL);
        waitpid(child, NULL, 0);
        struct bytes there = rig_file(in_folder("kept"));
        ck_assert(there.len == file.len || there.len == b.len);
        rig_same(there, there.len == file.len ? file : b);
        free(there.data);
        OK(pwy_model_open(NULL, in_folder("kept"), &m));
        pwy_model_free(m);
    }
    OK(pwy_model_save(model, in_folder("kept")));
    holds(in_folder("kept"), file);
    free(b.data);
    pwy_model_free(other);
}
END_TEST

/* --- digests and deltas --- */

static int64_t told;

static void tell(const char *path, const char *part, const char *why, void *user)
{
    ck_assert_str_eq(path, in_folder("one"));
    ck_assert_str_eq(part, user);
    ck_assert_ptr_nonnull(why);
    told++;
}

START_TEST(a_changed_weight_is_named)
{
    const char *name = "task/words/head.w";
    pwy_model *m;
    struct pw_tensors *t;
    OK(pwy_model_save(model, in_folder("one")));
    OK(pwy_model_verify(NULL, in_folder("one"), NULL, NULL));
    OK(pw_tensors_read(file.data, (size_t)file.len, "f", &t));
    const struct pw_tensor *w = pw_tensors_find(t, name);
    ck_assert_ptr_nonnull(w);
    ((char *)(uintptr_t)w->data)[w->bytes / 2] ^= 1;
    pw_tensors_free(t);
    write_bytes(in_folder("one"), file.data, file.len);
    FAILS(pwy_model_verify(NULL, in_folder("one"), tell, (void *)(uintptr_t)name), PWY_E_FORMAT);
    SAYS(name);
    ck_assert_int_eq(told, 1);
    OK(pwy_model_open(NULL, in_folder("one"), &m));         /* opening reads no weights */
    pwy_model_free(m);
    FAILS(pwy_model_verify(NULL, in_folder("none"), NULL, NULL), PWY_E_NOT_FOUND);
}
END_TEST

/* A weight of its own in a delta is what answers, before and after packing; saving anew takes the deltas away. */
START_TEST(a_delta_is_part_of_the_model)
{
    static char name[] = "task/words/head.b";
    pwy_model *m;
    struct pw_tensors *t;
    OK(pwy_model_save(model, in_folder("one")));
    OK(pw_tensors_read(file.data, (size_t)file.len, "f", &t));
    struct pw_tensor b = *pw_tensors_find(t, name);
    char *changed = calloc(b.bytes, 1);
    b.data = changed;
    OK(pw_delta_write(in_folder("one"), NULL, &b, 1, NULL));
    pw_tensors_free(t);
    ck_assert_int_eq(entries(), 2);
    OK(pwy_model_open(NULL, in_folder("one"), &m));
    char *want = rig_ask(m, NULL, TASKS, 16, 8);
    ck_assert_mem_eq(pw_params_find(m->params, name)->w, changed, b.bytes);
    pwy_model_free(m);
    OK(pwy_model_pack(in_folder("one")));
    ck_assert_int_eq(entries(), 1);
    OK(pwy_model_verify(NULL, in_folder("one"), NULL, NULL));
    OK(pwy_model_open(NULL, in_folder("one"), &m));
    rig_same_answers(m, NULL, TASKS, 8, want);
    pwy_model_free(m);
    OK(pw_delta_write(in_folder("one"), NULL, &b, 1, NULL));
    OK(pwy_model_save(model, in_folder("one")));
    ck_assert_int_eq(entries(), 1);
    holds(in_folder("one"), file);
    free(changed);
    free(want);
}
END_TEST

/* Slices behind what is read whole. */
START_TEST(odd_deltas)
{
    static const char *const names[] = {"pathways.config", "task/words/head.b", "trunk.0.load", "trunk.0.qkv"};
    struct pw_tensors *t;
    char name[64];
    OK(pw_tensors_read(file.data, (size_t)file.len, "f", &t));
    for (int i = 0; i < 4; i++) {
        pwy_model *m = NULL;
        struct pw_tensor more = *pw_tensors_find(t, names[i]);
        snprintf(name, sizeof name, "%s+%lld", names[i], (long long)more.shape[0]);
        more.name = name;
        more.shape[0] = 0;
        more.bytes = 0;
        OK(pwy_model_save(model, in_folder("one")));
        OK(pw_delta_write(in_folder("one"), NULL, &more, 1, NULL));
        FAILS(pwy_model_open(NULL, in_folder("one"), &m), PWY_E_FORMAT);
        SAYS(names[i]);
        ck_assert_ptr_null(m);
    }
    pw_tensors_free(t);
}
END_TEST

/* --- damage --- */

static void refused(const void *data, int64_t len, const char *what)
{
    pwy_model *m = NULL;
    pwy_status status = pwy_model_open_memory(NULL, data, len, &m);
    ck_assert_msg(status == PWY_E_FORMAT || status == PWY_E_UNSUPPORTED, "%s: %s (%s)", what, pwy_status_name(status),
                  pwy_error_message());
    ck_assert_ptr_null(m);
    ck_assert(pwy_error_message()[0] != 0);
}

START_TEST(not_a_model)
{
    pwy_model *m = NULL;
    FAILS(pwy_model_open(NULL, in_folder("missing"), &m), PWY_E_NOT_FOUND);
    SAYS("missing");
    ck_assert_int_ne(pwy_model_open(NULL, folder, &m), PWY_OK);
    write_bytes(in_folder("empty"), "", 0);
    FAILS(pwy_model_open(NULL, in_folder("empty"), &m), PWY_E_FORMAT);
    SAYS("empty");
    write_bytes(in_folder("text"), "hello, this is only a text", 26);
    FAILS(pwy_model_open(NULL, in_folder("text"), &m), PWY_E_FORMAT);
    SAYS("text");
    refused("\2\0\0\0\0\0\0\0{}", 10, "an empty safetensors file");
    SAYS("pathways.config");
    ck_assert_ptr_null(m);
}
END_TEST

START_TEST(cut_short)
{
    for (int64_t len = 0; len < file.len; len += len < 3000 ? 97 : file.len / 61) refused(file.data, len, "cut short");
    refused(file.data, file.len - 1, "one byte less");
    OK(pwy_model_save(model, in_folder("cut")));
    ck_assert_int_eq(truncate(in_folder("cut"), file.len / 2), 0);
    pwy_model *m = NULL;
    FAILS(pwy_model_open(NULL, in_folder("cut"), &m), PWY_E_FORMAT);
    SAYS("cut");
}
END_TEST

/* A copy of the file with one text in it replaced by another of the same length. The caller's. */
static char *copy_with(const char *old, const char *new)
{
    size_t len = strlen(old);
    char *copy = malloc((size_t)file.len), *at;
    ck_assert_uint_eq(strlen(new), len);
    memcpy(copy, file.data, (size_t)file.len);
    at = memmem(copy, (size_t)file.len, old, len);
    ck_assert_msg(at != NULL, "the file has no '%s'", old);
    memcpy(at, new, len);
    return copy;
}

static void with(const char *old, const char *new)
{
    char *copy = copy_with(old, new);
    refused(copy, file.len, new);
    free(copy);
}

/* The first task's own settings are read when it is asked: that is refused, and the next one answers. */
static void asked_with(const char *old, const char *new)
{
    char *copy = copy_with(old, new);
    pwy_model *m;
    pwy_session *s;
    pwy_result *r = NULL;
    pwy_example *ex;
    OK(pwy_model_open_memory(NULL, copy, file.len, &m));
    OK(pwy_session_new(m, NULL, &s));
    OK(pwy_example_new(&ex));
    rig_parts(0, 5, ex);
    pwy_status status = pwy_session_predict(s, rig_task[0].name, ex, &r);
    ck_assert_msg(status == PWY_E_FORMAT, "%s: %s", new, pwy_status_name(status));
    SAYS(rig_task[0].name);
    ck_assert_ptr_null(r);
    pwy_example_clear(ex);
    rig_parts(1, 5, ex);
    OK(pwy_session_predict(s, rig_task[1].name, ex, &r));
    pwy_result_free(r);
    pwy_example_free(ex);
    pwy_session_free(s);
    pwy_model_free(m);
    free(copy);
}

START_TEST(wrong_in_one_place)
{
    with("\"trunk.norm\"", "\"trunk.nxrm\"");
    SAYS("trunk.norm");
    with("pathways.config", "pathways.xonfig");
    with("\"version\":2", "\"version\":9");
    SAYS("9");
    asked_with("{\"parts\":", "{\"pxrts\":");
    with("\"heads\":2", "\"heads\":3");
    with("\"layers\":1", "\"layers\":2");
    with("\"experts\":2", "\"experts\":9");
    with("\"d\":8,", "\"d\":9,");
    asked_with("\"sense\":\"", "\"sxnse\":\"");
}
END_TEST

static uint64_t next(uint64_t *state)
{
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return *state >> 33;
}

/* Asks a damaged model what it may still answer: weights may be anything, crashing is not. */
static void ask_anything(pwy_model *m)
{
    pwy_session *s;
    pwy_example *ex;
    pwy_options *o = rig_options("max_new: 2");
    char *json;
    OK(pwy_example_new(&ex));
    if (pwy_model_describe(m, &json) == PWY_OK) pwy_text_free(json);
    OK(pwy_session_new(m, o, &s));
    for (int t = 0; t < R_TASKS; t++) {
        pwy_result *r;
        pwy_example_clear(ex);
        rig_parts(t, 5, ex);
        if (pwy_session_predict(s, rig_task[t].name, ex, &r) == PWY_OK) pwy_result_free(r);
    }
    pwy_session_free(s);
    pwy_example_free(ex);
    pwy_options_free(o);
}

static void mutate(char *copy, uint64_t *state, int64_t span)
{
    static const char useful[] = "0123456789-[]{}\",:.e";
    int changes = 1 + (int)(next(state) % 3);
    for (int i = 0; i < changes; i++) {
        int64_t at = (int64_t)(next(state) % (uint64_t)span);
        copy[at] = next(state) % 2 ? useful[next(state) % (sizeof useful - 1)] : (char)next(state);
    }
}

/* Where the header and the model's own texts end, and numbers begin. */
static int64_t texts_end(void)
{
    const char *last = memmem(file.data, (size_t)file.len, "\"run\":", 6);
    ck_assert_ptr_nonnull(last);
    return last - (const char *)file.data + 64;
}

START_TEST(mutations_never_crash)
{
    const char *env = getenv("PATHWAYS_MUTATIONS");
    int n = env != NULL ? atoi(env) : 400, opened = 0;
    uint64_t state = env != NULL ? (uint64_t)n * 77 : 1;
    char *copy = malloc((size_t)file.len);
    for (int i = 0; i < n; i++) {
        pwy_model *m = NULL;
        memcpy(copy, file.data, (size_t)file.len);
        mutate(copy, &state, i % 8 == 7 ? file.len : texts_end());
        pwy_status status = pwy_model_open_memory(NULL, copy, file.len, &m);
        ck_assert_msg(status == PWY_OK || status == PWY_E_FORMAT || status == PWY_E_UNSUPPORTED,
                      "mutation %d: %s (%s)", i, pwy_status_name(status), pwy_error_message());
        ck_assert_msg((status == PWY_OK) == (m != NULL), "mutation %d", i);
        if (m == NULL) continue;
        opened++;
        ask_anything(m);
        pwy_model_free(m);
    }
    ck_assert_int_gt(opened, 0);
    free(copy);
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("model files");
    TCase *t = tcase_create("files");
    tcase_set_timeout(t, 120);
    tcase_add_checked_fixture(t, begin, end);
    tcase_add_test(t, path_and_memory_are_the_same);
    tcase_add_test(t, the_file_may_go);
    tcase_add_test(t, what_is_told_comes_back);
    tcase_add_test(t, unwritable_folders);
    tcase_add_test(t, full_devices);
    tcase_add_test(t, killed_while_saving);
    tcase_add_test(t, a_changed_weight_is_named);
    tcase_add_test(t, a_delta_is_part_of_the_model);
    tcase_add_test(t, odd_deltas);
    tcase_add_test(t, not_a_model);
    tcase_add_test(t, cut_short);
    tcase_add_test(t, wrong_in_one_place);
    tcase_add_test(t, mutations_never_crash);
    suite_add_tcase(s, t);
    return s;
}

int main(void)
{
    return run_suite(suite());
}

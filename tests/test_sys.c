/* sys/: the pool (also forked, nested, shared), mapped and unpacked files, replacing, the processor. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <fenv.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <zlib.h>
#include "base/mem.h"
#include "sys/cpu.h"
#include "sys/file.h"
#include "sys/pool.h"
#include "suite.h"

#define ck_message(part) ck_assert_msg(strstr(pwy_error_message(), part) != NULL, "message: %s", pwy_error_message())

/* --- the pool --- */

enum { ITEMS = 500 };
struct seen { int count[ITEMS]; int workers; bool out_of_range; struct pw_pool *pool; };

static void mark(void *arg, int item, int worker)
{
    struct seen *seen = arg;
    seen->count[item]++;
    if (worker < 0 || worker >= seen->workers) seen->out_of_range = true;
}

static void check_run(struct pw_pool *pool, int items)
{
    struct seen seen = { .workers = pw_pool_workers(pool) };
    pw_pool_run(pool, items, mark, &seen);
    for (int i = 0; i < ITEMS; i++) ck_assert_int_eq(seen.count[i], i < items);
    ck_assert(!seen.out_of_range);
}

START_TEST(pool_runs_each_item_once)
{
    static const int threads[] = { 1, 2, 3, 16 };
    check_run(NULL, 10);
    for (int t = 0; t < 4; t++) {
        struct pw_pool *pool = NULL;
        ck_assert_int_eq(pw_pool_new(threads[t], &pool), PWY_OK);
        ck_assert_int_eq(pw_pool_workers(pool), threads[t]);
        for (int round = 0; round < 300; round++) check_run(pool, round % 7 == 0 ? ITEMS : round % 5);
        pw_pool_free(pool);
    }
    pw_pool_free(NULL);
    ck_assert_int_eq(pw_pool_workers(NULL), 1);
}
END_TEST

START_TEST(pool_out_of_range)
{
    struct pw_pool *pool = NULL;
    ck_assert_int_eq(pw_pool_new(0, &pool), PWY_E_ARGUMENT);
    ck_assert_int_eq(pw_pool_new(-3, &pool), PWY_E_ARGUMENT);
    ck_assert_int_eq(pw_pool_new(100000, &pool), PWY_E_ARGUMENT);
    ck_message("1 to 1024");
    ck_assert_ptr_null(pool);
}
END_TEST

static void nest(void *arg, int item, int worker)
{
    struct seen *outer = arg, inner = { .workers = outer->workers };
    pw_pool_run(outer->pool, 20, mark, &inner);
    for (int i = 0; i < 20; i++) outer->count[item] += inner.count[i];
    (void)worker;
}

START_TEST(pool_nested)
{
    struct seen seen = { .workers = 3 };
    ck_assert_int_eq(pw_pool_new(3, &seen.pool), PWY_OK);
    pw_pool_run(seen.pool, 50, nest, &seen);
    for (int i = 0; i < 50; i++) ck_assert_int_eq(seen.count[i], 20);
    pw_pool_free(seen.pool);
}
END_TEST

static void *run_many(void *arg)
{
    for (int i = 0; i < 200; i++) {
        struct seen seen = { .workers = 4 };
        pw_pool_run(arg, 40, mark, &seen);
        for (int j = 0; j < 40; j++)
            if (seen.count[j] != 1) return arg;
    }
    return NULL;
}

START_TEST(pool_shared_by_threads)
{
    struct pw_pool *pool = NULL;
    pthread_t thread[3];
    void *wrong = NULL;
    ck_assert_int_eq(pw_pool_new(4, &pool), PWY_OK);
    for (int i = 0; i < 3; i++) pthread_create(&thread[i], NULL, run_many, pool);
    for (int i = 0; i < 3; i++) {
        pthread_join(thread[i], &wrong);
        ck_assert_ptr_null(wrong);
    }
    pw_pool_free(pool);
}
END_TEST

START_TEST(pool_in_a_forked_child)
{
    struct pw_pool *pool = NULL;
    int status = -1;
    ck_assert_int_eq(pw_pool_new(4, &pool), PWY_OK);
    check_run(pool, 100);
    pid_t child = fork();
    if (child == 0) {
        struct seen seen = { .workers = 4 };
        pw_pool_run(pool, 100, mark, &seen);
        for (int i = 0; i < 100; i++)
            if (seen.count[i] != 1) _exit(1);
        pw_pool_free(pool);
        _exit(0);
    }
    waitpid(child, &status, 0);
    ck_assert_int_eq(status, 0);
    check_run(pool, 100);
    pw_pool_free(pool);
}
END_TEST

struct modes { bool blocked[64]; int rounding[64]; };

static void look(void *arg, int item, int worker)
{
    struct modes *modes = arg;
    sigset_t now;
    pthread_sigmask(SIG_SETMASK, NULL, &now);
    modes->blocked[worker] = sigismember(&now, SIGINT) && sigismember(&now, SIGUSR1) && sigismember(&now, SIGALRM);
    modes->rounding[worker] = fegetround();
    usleep(1000);
    (void)item;
}

START_TEST(pool_blocks_signals_and_keeps_its_rounding)
{
    struct modes modes;
    struct pw_pool *pool = NULL;
    sigset_t before, after;
    memset(&modes, 0, sizeof modes);
    for (int i = 0; i < 64; i++) modes.rounding[i] = -1;
    pthread_sigmask(SIG_SETMASK, NULL, &before);
    fesetround(FE_UPWARD);
    ck_assert_int_eq(pw_pool_new(4, &pool), PWY_OK);
    pw_pool_run(pool, 40, look, &modes);
    fesetround(FE_TONEAREST);
    pthread_sigmask(SIG_SETMASK, NULL, &after);
    ck_assert_int_eq(sigismember(&after, SIGINT), sigismember(&before, SIGINT));
    ck_assert(!modes.blocked[0]);
    for (int i = 1; i < 4; i++)
        if (modes.rounding[i] != -1) ck_assert(modes.blocked[i] && modes.rounding[i] == FE_TONEAREST);
    pw_pool_free(pool);
}
END_TEST

START_TEST(cpu_levels_include_each_other)
{
    struct pw_cpu cpu = pw_cpu_detect();
    ck_assert(!cpu.avx512 || cpu.avx2_fma);
    ck_assert(!cpu.avx512_bf16 || cpu.avx512);
#if defined __x86_64__
    ck_assert_int_eq(cpu.avx2_fma, __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"));
    ck_assert_int_eq(cpu.avx512, __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                     __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl"));
#endif
}
END_TEST

/* --- files: each test in a folder of its own --- */

static char folder[] = "/tmp/pathways-test-XXXXXX";

static void enter_folder(void)
{
    strcpy(folder, "/tmp/pathways-test-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
    ck_assert_int_eq(chdir(folder), 0);
}

static void leave_folder(void)
{
    char command[100];
    ck_assert_int_eq(chdir("/"), 0);
    snprintf(command, sizeof command, "rm -rf %s", folder);
    ck_assert_int_eq(system(command), 0);
}

static void put(const char *path, const void *data, size_t len)
{
    FILE *f = fopen(path, "wb");
    ck_assert_ptr_nonnull(f);
    ck_assert_uint_eq(fwrite(data, 1, len, f), len);
    fclose(f);
}

static void holds(const char *path, const char *text)
{
    struct pw_mapping m;
    ck_assert_int_eq(pw_map_open(path, &m), PWY_OK);
    ck_assert_uint_eq(m.len, strlen(text));
    ck_assert_int_eq(memcmp(m.data, text, m.len), 0);
    pw_map_close(&m);
}

static int files_here(void)
{
    FILE *p = popen("ls -A | wc -l", "r");
    int n = -1;
    ck_assert_int_eq(fscanf(p, "%d", &n), 1);
    pclose(p);
    return n;
}

START_TEST(map_plain_empty_and_missing)
{
    struct pw_mapping m = { "kept", 4 };
    put("a", "hello", 5);
    put("empty", "", 0);
    holds("a", "hello");
    holds("empty", "");
    ck_assert_int_eq(pw_map_open("nothing", &m), PWY_E_NOT_FOUND);
    ck_message("nothing: cannot be opened: No such file");
    ck_assert_int_eq(pw_map_open(".", &m), PWY_E_IO);
    ck_message("is a folder");
    ck_assert_int_eq(mkfifo("pipe", 0600), 0);
    ck_assert_int_eq(pw_map_open("pipe", &m), PWY_E_IO);
    ck_assert_str_eq(m.data, "kept");
}
END_TEST

/* Two members of gzip, one behind the other: 3 MB of text. */
static size_t make_gzip(const char *path, char **text)
{
    size_t len = 3000000;
    *text = malloc(len + 1);
    for (size_t i = 0; i < len; i++) (*text)[i] = "etaoin shrdlu\n"[i * i / 7 % 14];
    (*text)[len] = 0;
    gzFile z = gzopen(path, "wb");
    gzwrite(z, *text, 1000000);
    gzclose(z);
    z = gzopen(path, "ab");
    gzwrite(z, *text + 1000000, 2000000);
    gzclose(z);
    return len;
}

START_TEST(unpack_gzip)
{
    struct pw_mapping m;
    char *text;
    size_t len = make_gzip("t.gz", &text);
    ck_assert_int_eq(pw_map_unpacked("t.gz", &m), PWY_OK);
    ck_assert_uint_eq(m.len, len);
    ck_assert_int_eq(memcmp(m.data, text, len), 0);
    pw_map_close(&m);
    free(text);
    put("plain", "not packed", 10);
    ck_assert_int_eq(pw_map_unpacked("plain", &m), PWY_OK);
    ck_assert_uint_eq(m.len, 10);
    pw_map_close(&m);
    gzclose(gzopen("empty.gz", "wb"));
    ck_assert_int_eq(pw_map_unpacked("empty.gz", &m), PWY_OK);
    ck_assert_uint_eq(m.len, 0);
    ck_assert_int_eq(files_here(), 3);
}
END_TEST

START_TEST(unpack_bad_gzip)
{
    struct pw_mapping whole, m = { "kept", 4 };
    char *text;
    make_gzip("t.gz", &text);
    free(text);
    ck_assert_int_eq(pw_map_open("t.gz", &whole), PWY_OK);
    size_t cuts[] = { 2, 5, 11, whole.len / 2, whole.len - 1 };
    for (int i = 0; i < 5; i++) {
        put("cut.gz", whole.data, cuts[i]);
        ck_assert_int_eq(pw_map_unpacked("cut.gz", &m), PWY_E_FORMAT);
        ck_message("cut.gz: the gzip file is cut off");
    }
    char *damaged = malloc(whole.len);
    memcpy(damaged, whole.data, whole.len);
    damaged[whole.len - 6] ^= 1;
    put("damaged.gz", damaged, whole.len);
    ck_assert_int_eq(pw_map_unpacked("damaged.gz", &m), PWY_E_FORMAT);
    memcpy(damaged, whole.data, whole.len);
    damaged[whole.len / 2] ^= 0x55;
    put("damaged.gz", damaged, whole.len);
    ck_assert_int_eq(pw_map_unpacked("damaged.gz", &m), PWY_E_FORMAT);
    free(damaged);
    pw_map_close(&whole);
    FILE *f = fopen("t.gz", "ab");
    fputs("rubbish", f);
    fclose(f);
    ck_assert_int_eq(pw_map_unpacked("t.gz", &m), PWY_E_FORMAT);
    ck_message("not gzip");
    ck_assert_int_eq(pw_map_unpacked("nothing.gz", &m), PWY_E_NOT_FOUND);
    setenv("TMPDIR", "/nonexistent", 1);
    ck_assert_int_eq(pw_map_unpacked("cut.gz", &m), PWY_E_NOT_FOUND);
    ck_message("set TMPDIR");
    unsetenv("TMPDIR");
    ck_assert_str_eq(m.data, "kept");
}
END_TEST

static void replace(const char *path, const char *text)
{
    struct pw_replace *r = NULL;
    ck_assert_msg(pw_replace_begin(path, &r) == PWY_OK, "%s", pwy_error_message());
    ck_assert_int_eq(pw_write_all(pw_replace_fd(r), text, strlen(text), path), PWY_OK);
    ck_assert_int_eq(pw_replace_commit(r), PWY_OK);
}

START_TEST(replace_new_and_old)
{
    struct stat st;
    umask(022);
    replace("m", "first");
    holds("m", "first");
    ck_assert_int_eq(stat("m", &st), 0);
    ck_assert_int_eq(st.st_mode & 07777, 0644);
    ck_assert_int_eq(chmod("m", 0640), 0);
    replace("m", "second, longer");
    holds("m", "second, longer");
    ck_assert_int_eq(stat("m", &st), 0);
    ck_assert_int_eq(st.st_mode & 07777, 0640);
    ck_assert_int_eq(files_here(), 1);
}
END_TEST

START_TEST(replace_aborted)
{
    struct pw_replace *r = NULL;
    put("m", "old", 3);
    ck_assert_int_eq(pw_replace_begin("m", &r), PWY_OK);
    ck_assert_int_eq(pw_write_all(pw_replace_fd(r), "new", 3, "m"), PWY_OK);
    holds("m", "old");
    pw_replace_abort(r);
    pw_replace_abort(NULL);
    holds("m", "old");
    ck_assert_int_eq(files_here(), 1);
}
END_TEST

START_TEST(replace_behind_links)
{
    struct stat st;
    ck_assert_int_eq(mkdir("real", 0700), 0);
    put("real/m", "old", 3);
    ck_assert_int_eq(symlink("real/m", "one") | symlink("one", "two") | symlink("real/fresh", "dangling"), 0);
    replace("two", "new");
    holds("real/m", "new");
    replace("dangling", "born");
    holds("real/fresh", "born");
    ck_assert_int_eq(lstat("two", &st), 0);
    ck_assert(S_ISLNK(st.st_mode));
    ck_assert_int_eq(symlink("b", "a") | symlink("a", "b"), 0);
    struct pw_replace *r = NULL;
    ck_assert_int_eq(pw_replace_begin("a", &r), PWY_E_IO);
    ck_message("symbolic links");
}
END_TEST

START_TEST(replace_refused)
{
    struct pw_replace *r = NULL;
    ck_assert_int_eq(pw_replace_begin("no/such/folder/m", &r), PWY_E_NOT_FOUND);
    ck_message("no/such/folder/m");
    ck_assert_int_eq(pw_replace_begin("", &r), PWY_E_ARGUMENT);
    ck_assert_int_eq(pw_replace_begin("name/", &r), PWY_E_ARGUMENT);
    ck_assert_int_eq(mkdir("d", 0700), 0);
    ck_assert_int_eq(pw_replace_begin("d", &r), PWY_E_ARGUMENT);
    ck_message("is a folder");
    ck_assert_int_eq(pw_replace_begin("/proc/m", &r) == PWY_OK, 0);
    ck_assert_ptr_null(r);
    ck_assert_int_eq(files_here(), 1);
}
END_TEST

START_TEST(replace_keeps_two_writers_apart)
{
    struct pw_replace *one = NULL, *two = NULL;
    ck_assert_int_eq(pw_replace_begin("m", &one), PWY_OK);
    ck_assert_int_eq(pw_replace_begin("m", &two), PWY_E_STATE);
    ck_message("being written");
    ck_assert_int_eq(pw_write_all(pw_replace_fd(one), "one", 3, "m"), PWY_OK);
    ck_assert_int_eq(pw_replace_commit(one), PWY_OK);
    holds("m", "one");
    replace("m", "two");
    holds("m", "two");
}
END_TEST

/* A writer that was killed leaves its file behind; the next one clears it. */
START_TEST(replace_after_a_crash)
{
    int status;
    put("m", "old", 3);
    pid_t child = fork();
    if (child == 0) {
        struct pw_replace *r = NULL;
        if (pw_replace_begin("m", &r) == PWY_OK) pw_write_all(pw_replace_fd(r), "half a model", 12, "m");
        _exit(0);
    }
    waitpid(child, &status, 0);
    holds("m", "old");
    ck_assert_int_eq(files_here(), 2);
    replace("m", "new");
    holds("m", "new");
    ck_assert_int_eq(files_here(), 1);
}
END_TEST

START_TEST(replace_on_a_full_disk)
{
    int fd = open("/dev/full", O_WRONLY);
    if (fd < 0) return;
    ck_assert_int_eq(pw_write_all(fd, "x", 1, "model"), PWY_E_IO);
    ck_message("model: cannot be written: No space");
    close(fd);
}
END_TEST

START_TEST(temp_has_no_name)
{
    int fd = -1;
    struct stat st;
    ck_assert_int_eq(pw_temp_open(&fd), PWY_OK);
    ck_assert_int_eq(fstat(fd, &st), 0);
    ck_assert_uint_eq(st.st_nlink, 0);
    close(fd);
}
END_TEST

static void is(char *path, const char *wanted)
{
    ck_assert_str_eq(path, wanted);
    free(path);
}

START_TEST(paths)
{
    is(pw_path_join("a", "b"), "a/b");
    is(pw_path_join("a/", "b"), "a/b");
    is(pw_path_join("", "b"), "b");
    is(pw_path_join("a", "/b"), "/b");
    is(pw_path_folder("b"), ".");
    is(pw_path_folder("a/b"), "a");
    is(pw_path_folder("a//b"), "a");
    is(pw_path_folder("/b"), "/");
    is(pw_path_folder("/a/b"), "/a");
}
END_TEST

static void add(Suite *s, const char *name, bool in_folder, const TTest *const *tests)
{
    TCase *c = tcase_create(name);
    tcase_set_timeout(c, 60);
    if (in_folder) tcase_add_checked_fixture(c, enter_folder, leave_folder);
    for (; *tests != NULL; tests++) tcase_add_test(c, *tests);
    suite_add_tcase(s, c);
}

static Suite *suite(void)
{
    Suite *s = suite_create("sys");
    add(s, "pool", false, (const TTest *const[]){ pool_runs_each_item_once, pool_out_of_range, pool_nested,
        pool_shared_by_threads, pool_in_a_forked_child, pool_blocks_signals_and_keeps_its_rounding,
        cpu_levels_include_each_other, NULL });
    add(s, "file", true, (const TTest *const[]){ map_plain_empty_and_missing, unpack_gzip, unpack_bad_gzip,
        replace_new_and_old, replace_aborted, replace_behind_links, replace_refused, replace_keeps_two_writers_apart,
        replace_after_a_crash, replace_on_a_full_disk, temp_has_no_name, paths, NULL });
    return s;
}

int main(void)
{
    return run_suite(suite());
}

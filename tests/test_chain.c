/* A base and its deltas: what was added is there, what was there stays, a writer may be killed at any of its system
   calls, and a changed byte anywhere is found and named. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <check.h>
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include "file/chain.h"
#include "suite.h"

#define OK(call) ck_assert_msg((call) == PWY_OK, "%s", pwy_error_message())
#define FAILS(call, status) ck_assert_int_eq(call, status)
#define SAYS(part) ck_assert_msg(strstr(pwy_error_message(), part) != NULL, "message: %s", pwy_error_message())

/* --- system calls of the library, counted: the process dies at one of them --- */

static int left = -1;                   /* calls until then; -1: never */
static size_t written;
static bool dirty;                      /* written to since it was synced */

static bool due(void)
{
    return left > 0 && --left == 0;
}

static void die_if_due(void)
{
    if (due()) kill(getpid(), SIGKILL);
}

ssize_t write(int fd, const void *data, size_t len)
{
    if (due()) {
        syscall(SYS_write, fd, data, len / 2);
        kill(getpid(), SIGKILL);
    }
    written += len;
    dirty = true;
    return syscall(SYS_write, fd, data, len);
}

int fsync(int fd)
{
    die_if_due();
    dirty = false;
    return (int)syscall(SYS_fsync, fd);
}

int rename(const char *from, const char *to)
{
    die_if_due();
    if (dirty) _exit(99);               /* what is not synced must not be put in place */
    int result = (int)syscall(SYS_rename, from, to);
    die_if_due();
    return result;
}

int unlink(const char *path)
{
    die_if_due();
    int result = (int)syscall(SYS_unlink, path);
    die_if_due();
    return result;
}

int fchmod(int fd, mode_t mode)
{
    die_if_due();
    return (int)syscall(SYS_fchmod, fd, mode);
}

/* --- a model of a few tensors in a folder of its own --- */

static char folder[40], base[64];
static int32_t number[6000];
static char text[] = "the old text", newer[] = "a newer text";

static struct pw_tensor ints(char *name, int64_t rows, int64_t columns, int from)
{
    return (struct pw_tensor){ .name = name, .dtype = PW_I32, .rank = 2, .shape = { rows, columns },
                               .data = number + from, .bytes = (size_t)(rows * columns) * 4 };
}

static struct pw_tensor words(char *name, const char *is)
{
    return (struct pw_tensor){ .name = name, .dtype = PW_U8, .rank = 1, .shape = { (int64_t)strlen(is) }, .data = is,
                               .bytes = strlen(is) };
}

static char *beside(const char *end)
{
    static char path[128];
    snprintf(path, sizeof path, "%s%s", base, end);
    return path;
}

static void write_base(const char *path)
{
    struct pw_tensor list[] = { words("config", text), ints("experts", 2, 100, 0), ints("head", 3, 5, 200),
                                ints("big", 170, 100, 0), ints("none", 0, 4, 0) };
    struct pw_node *meta = pw_node_new(PW_MAP);
    struct pw_replace *r;
    list[3].shape[0] = 50;
    list[3].bytes = 50 * 100 * 4;
    OK(pw_node_put_text(meta, "format", "pathways 2"));
    OK(pw_replace_begin(path, &r));
    int fd = pw_replace_fd(r);
    OK(pw_digested_write(list, 5, meta, pw_write_to_fd, &fd));
    OK(pw_replace_commit(r));
    pw_node_free(meta);
}

static pwy_status add_first(void)
{
    struct pw_tensor list[] = { words("config", newer), ints("experts+2", 3, 100, 1000), ints("task/two", 1, 7, 5) };
    return pw_delta_write(base, NULL, list, 3, NULL);
}

static pwy_status add_second(void)
{
    struct pw_tensor list[] = { ints("experts+5", 1, 100, 2000), ints("head", 1, 1, 77), ints("none+0", 2, 4, 9) };
    return pw_delta_write(base, NULL, list, 3, NULL);
}

static void begin(void)
{
    strcpy(folder, "/tmp/pathways-chain-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
    snprintf(base, sizeof base, "%s/one.pathways", folder);
    for (int i = 0; i < 6000; i++) number[i] = i * 7;
    write_base(base);
}

static int entries(bool remove)
{
    char path[320];
    int n = 0;
    DIR *d = opendir(folder);
    for (struct dirent *e; (e = readdir(d)) != NULL;) {
        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0) continue;
        n++;
        snprintf(path, sizeof path, "%s/%s", folder, e->d_name);
        if (remove) syscall(SYS_unlink, path);
    }
    closedir(d);
    return n;
}

static void end(void)
{
    entries(true);
    rmdir(folder);
}

static struct pw_chain *chain(int n)
{
    struct pw_chain *c = NULL;
    OK(pw_chain_open(base, &c));
    ck_assert_int_eq(c->n, n);
    return c;
}

static void has_ints(const struct pw_chain *c, const char *name, int64_t rows, int64_t columns, const int *from)
{
    const struct pw_tensor *t = pw_tensors_find(c->all, name);
    ck_assert_msg(t != NULL, "%s", name);
    ck_assert_int_eq(t->shape[0], rows);
    ck_assert_uint_eq(t->bytes, (size_t)(rows * columns) * 4);
    int32_t *copy = calloc(t->bytes + 1, 1);
    pw_tensor_copy(t, copy);
    for (int64_t i = 0; i < rows; i++) {
        ck_assert_mem_eq(pw_tensor_slice(t, i), number + from[i], (size_t)columns * 4);
        ck_assert_mem_eq(copy + i * columns, number + from[i], (size_t)columns * 4);
    }
    free(copy);
}

static void has_words(const struct pw_chain *c, const char *name, const char *want)
{
    const struct pw_tensor *t = pw_tensors_find(c->all, name);
    ck_assert_ptr_nonnull(t);
    ck_assert_uint_eq(t->bytes, strlen(want));
    ck_assert_mem_eq(t->data, want, t->bytes);
}

static const int rows_of_experts[] = { 0, 100, 1000, 1100, 1200, 2000 }, row_200[] = { 200, 205, 210 }, row_5[] = { 5 },
    row_77[] = { 77 }, row_9[] = { 9, 13 };

static void is_second(struct pw_chain *c)
{
    has_words(c, "config", newer);
    has_ints(c, "experts", 6, 100, rows_of_experts);
    has_ints(c, "task/two", 1, 7, row_5);
    has_ints(c, "head", 1, 1, row_77);
    has_ints(c, "none", 2, 4, row_9);
    ck_assert_int_eq(pw_tensors_find(c->all, "big")->shape[0], 50);
}

static void sound(int64_t want)
{
    int64_t n = -1;
    OK(pw_chain_verify(base, NULL, NULL, &n));
    ck_assert_int_eq(n, want);
}

/* --- adding --- */

START_TEST(deltas_are_read_in_their_order)
{
    struct pw_chain *c = chain(1);
    has_ints(c, "experts", 2, 100, rows_of_experts);
    OK(add_first());
    has_ints(c, "experts", 2, 100, rows_of_experts);
    pw_chain_free(c);
    c = chain(2);
    has_words(c, "config", newer);
    has_ints(c, "experts", 5, 100, rows_of_experts);
    has_ints(c, "head", 3, 5, row_200);
    ck_assert(pw_chain_holds(c, pw_tensor_slice(pw_tensors_find(c->all, "experts"), 3)));
    ck_assert(!pw_chain_holds(c, number));
    pw_chain_free(c);
    OK(add_second());
    c = chain(3);
    is_second(c);
    pw_chain_free(c);
    sound(0);
    ck_assert_int_eq(entries(false), 3);
}
END_TEST

START_TEST(packing_keeps_it_all)
{
    OK(add_first());
    OK(add_second());
    struct pw_chain *old = chain(3);
    OK(pw_chain_pack(base, NULL, NULL));
    ck_assert_int_eq(entries(false), 1);
    struct pw_chain *c = chain(1);
    is_second(c);
    is_second(old);                     /* who has it open goes on reading what is no more */
    ck_assert_str_eq(pw_tensors_text(c->all, "format"), "pathways 2");
    pw_chain_free(c);
    pw_chain_free(old);
    sound(0);
    OK(pw_chain_pack(base, NULL, NULL));            /* nothing to do */
    OK(add_second() == PWY_E_FORMAT ? PWY_OK : PWY_E_STATE);        /* experts+5: there are 6 */
}
END_TEST

START_TEST(only_the_new_bytes_are_written)
{
    written = 0;
    OK(add_first());
    ck_assert_uint_lt(written, 3 * 100 * 4 + 7 * 4 + 12 + 4096);
}
END_TEST

START_TEST(mode_and_links_are_kept)
{
    struct stat st;
    char path[128];
    chmod(base, 0640);
    snprintf(path, sizeof path, "%s/link", folder);
    ck_assert_int_eq(symlink("one.pathways", path), 0);
    struct pw_tensor t = ints("x", 1, 1, 0);
    int made = 0;
    OK(pw_delta_write(path, NULL, &t, 1, &made));
    ck_assert_int_eq(made, 1);
    ck_assert_int_eq(stat(beside(".delta1"), &st), 0);
    ck_assert_int_eq(st.st_mode & 07777, 0640);
    struct pw_chain *c;
    OK(pw_chain_open(path, &c));
    ck_assert_int_eq(c->n, 2);
    pw_chain_free(c);
    OK(pw_chain_pack(path, NULL, NULL));
    ck_assert(lstat(path, &st) == 0 && S_ISLNK(st.st_mode));
    ck_assert_int_eq(stat(base, &st), 0);
    ck_assert_int_eq(st.st_mode & 07777, 0640);
}
END_TEST

START_TEST(wrong_additions)
{
    struct pw_tensor one[] = { ints("experts+3", 1, 100, 0), ints("nobody+0", 1, 100, 0), ints("experts+2", 1, 99, 0),
                               ints("__x", 1, 1, 0) };
    for (int i = 0; i < 4; i++) ck_assert_int_ne(pw_delta_write(base, NULL, &one[i], 1, NULL), PWY_OK);
    one[0] = words("experts+2", "other dtype and rank");
    FAILS(pw_delta_write(base, NULL, one, 1, NULL), PWY_E_FORMAT);
    SAYS("experts");
    one[0] = one[1] = ints("twice", 1, 1, 0);
    FAILS(pw_delta_write(base, NULL, one, 2, NULL), PWY_E_ARGUMENT);
    ck_assert_int_eq(entries(false), 1);
    FAILS(pw_delta_write(beside(".not-there"), NULL, one, 1, NULL), PWY_E_NOT_FOUND);
    ck_assert_int_eq(entries(false), 1);
    sound(0);
}
END_TEST

START_TEST(two_writers)
{
    struct pw_chain *c = chain(1);
    struct pw_tensor t = ints("x", 1, 1, 0);
    struct pw_replace *r;
    OK(pw_replace_begin(base, &r));
    FAILS(add_first(), PWY_E_STATE);
    FAILS(pw_chain_pack(base, NULL, NULL), PWY_E_STATE);
    OK(pw_write_all(pw_replace_fd(r), "x", 1, "x"));
    pw_replace_abort(r);
    OK(add_first());
    FAILS(pw_delta_write(base, pw_chain_tip(c), &t, 1, NULL), PWY_E_STATE);
    SAYS("has changed");
    pw_chain_free(c);
    c = chain(2);
    OK(pw_delta_write(base, pw_chain_tip(c), &t, 1, NULL));
    pw_chain_free(c);
}
END_TEST

/* --- what lies there and does not belong --- */

static void copy_file(const char *from, const char *to)
{
    char command[300];
    snprintf(command, sizeof command, "cp %s %s", from, to);
    ck_assert_int_eq(system(command), 0);
}

START_TEST(deltas_of_others_are_left_out)
{
    char other[128], delta[128];
    snprintf(other, sizeof other, "%s/other", folder);
    OK(add_first());
    OK(add_second());
    text[0] = 'T';                      /* another base: as after a save whose writer died before it cleared up */
    write_base(other);
    text[0] = 't';
    ck_assert_int_eq(rename(other, base), 0);
    struct pw_chain *c = chain(1);
    ck_assert_ptr_nonnull(c->ignored);
    ck_assert_ptr_nonnull(strstr(c->ignored, ".delta1"));
    pw_chain_free(c);
    OK(add_first());                    /* takes the other's place; its second is still left out */
    c = chain(2);
    ck_assert_ptr_nonnull(strstr(c->ignored, ".delta2"));
    pw_chain_free(c);
    strcpy(delta, beside(".delta3"));
    copy_file(beside(".delta1"), delta);
    pw_chain_free(chain(2));
}
END_TEST

START_TEST(broken_chains)
{
    char one[128], two[128], kept[128];
    struct pw_chain *c = NULL;
    strcpy(one, beside(".delta1"));
    strcpy(two, beside(".delta2"));
    strcpy(kept, beside(".kept"));
    OK(add_first());
    OK(add_second());
    ck_assert_int_eq(rename(one, kept), 0);
    FAILS(pw_chain_open(base, &c), PWY_E_FORMAT);
    SAYS("not the delta before it");
    copy_file(two, one);
    FAILS(pw_chain_open(base, &c), PWY_E_FORMAT);
    SAYS("by its name");
    ck_assert_int_eq(unlink(two), 0);
    ck_assert_int_eq(unlink(one), 0);
    pw_chain_free(chain(1));
    struct pw_tensor t = ints("x", 1, 1, 0);
    OK(pw_delta_write(base, NULL, &t, 1, NULL));
    OK(pw_delta_write(base, NULL, &t, 1, NULL));
    copy_file(kept, one);               /* of this base, but not what the second extends */
    FAILS(pw_chain_open(base, &c), PWY_E_FORMAT);
    SAYS("does not extend");
    ck_assert_int_eq(truncate(one, 100), 0);
    FAILS(pw_chain_open(base, &c), PWY_E_FORMAT);
    SAYS(".delta1");
    ck_assert_ptr_null(c);
}
END_TEST

/* --- killed --- */

static pwy_status pack(void)
{
    return pw_chain_pack(base, NULL, NULL);
}

/* Runs `act` in a child that dies at its k-th step. True: it came to its end. */
static bool dies_at(int k, pwy_status (*act)(void))
{
    int status;
    pid_t child = fork();
    if (child == 0) {
        left = k;
        _exit(act() == PWY_OK ? 0 : 1);
    }
    waitpid(child, &status, 0);
    ck_assert_msg(WIFSIGNALED(status) || WEXITSTATUS(status) == 0, "step %d: exit status %d", k, WEXITSTATUS(status));
    return !WIFSIGNALED(status);
}

/* Each tensor's name, shape and bytes but the digests, in one digest. */
static void sum_of(const struct pw_chain *c, unsigned char out[PW_DIGEST_LEN])
{
    unsigned char each[PW_DIGEST_LEN];
    struct pw_digest d;
    pw_digest_begin(&d);
    for (int64_t i = 0; i < c->all->n; i++) {
        const struct pw_tensor *t = &c->all->list[i];
        if (strcmp(t->name, PW_DIGESTS) == 0) continue;
        pw_tensor_digest(t, each);
        pw_digest_add_text(&d, t->name);
        pw_digest_add(&d, t->shape, sizeof t->shape);
        pw_digest_add(&d, each, sizeof each);
    }
    pw_digest_end(&d, out);
}

static void current(unsigned char out[PW_DIGEST_LEN])
{
    struct pw_chain *c = NULL;
    OK(pw_chain_open(base, &c));
    sum_of(c, out);
    pw_chain_free(c);
    sound(0);
}

static void prepare(int deltas)
{
    entries(true);
    write_base(base);
    if (deltas > 0) OK(add_first());
    if (deltas > 1) OK(add_second());
}

static void killed_anywhere(int deltas, pwy_status (*act)(void), int fewest)
{
    unsigned char old[PW_DIGEST_LEN], new[PW_DIGEST_LEN], is[PW_DIGEST_LEN];
    int k = 1, olds = 0, news = 0;
    prepare(deltas);
    current(old);
    OK(act());
    current(new);
    for (bool done = false; !done; k++) {
        prepare(deltas);
        done = dies_at(k, act);
        current(is);
        bool is_old = memcmp(is, old, sizeof is) == 0;
        ck_assert_msg(is_old || memcmp(is, new, sizeof is) == 0, "step %d", k);
        olds += is_old;
        news += !is_old;
        if (act == pack || is_old) OK(act());       /* the next writer is not in the way of what is left */
        current(is);
        ck_assert_mem_eq(is, new, sizeof is);
    }
    ck_assert_int_ge(k, fewest);
    ck_assert(act == pack || (olds > 0 && news > 1));
}

START_TEST(killed_while_adding)
{
    killed_anywhere(1, add_second, 12);
}
END_TEST

START_TEST(killed_while_packing)
{
    killed_anywhere(2, pack, 12);
}
END_TEST

/* One process adds and packs, the other never sees less than before. */
START_TEST(readers_beside_writers)
{
    int64_t most = 0;
    pid_t child = fork();
    if (child == 0)
        for (int i = 0;; i++) {
            char name[24];
            struct pw_tensor t = ints(name, 1, 1, i % 100);
            snprintf(name, sizeof name, "task/%d", i);
            if (pw_delta_write(base, NULL, &t, 1, NULL) != PWY_OK) _exit(1);
            if (i % 3 == 2 && pw_chain_pack(base, NULL, NULL) != PWY_OK) _exit(2);
        }
    for (int i = 0; i < 300; i++) {
        struct pw_chain *c = NULL;
        int64_t n = 0;
        OK(pw_chain_open(base, &c));
        for (int64_t k = 0; k < c->all->n; k++) n += strncmp(c->all->list[k].name, "task/", 5) == 0;
        ck_assert_int_ge(n, most);
        most = n;
        pw_chain_free(c);
    }
    ck_assert_int_eq(waitpid(child, NULL, WNOHANG), 0);
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    pw_chain_free((OK(pw_chain_pack(base, NULL, NULL)), chain(1)));
}
END_TEST

/* --- a changed byte --- */

struct told { int n; char part[40], file[100]; };

static void tell(void *arg, const char *file, const char *part, const char *why)
{
    struct told *told = arg;
    ck_assert_ptr_nonnull(why);
    told->n++;
    snprintf(told->part, sizeof told->part, "%s", part);
    snprintf(told->file, sizeof told->file, "%s", file);
}

/* What byte `at` of a file belongs to. */
static const char *part_at(const struct pw_tensors *t, size_t at)
{
    if (at < t->header_len) return "header";
    for (int64_t i = 0; i < t->n; i++) {
        size_t from = (size_t)((const char *)t->list[i].data - t->file);
        if (at >= from && at < from + t->list[i].bytes) return t->list[i].name;
    }
    return "padding";
}

static void flip_each(const char *path)
{
    struct pw_mapping map;
    struct pw_tensors *t;
    OK(pw_map_open(path, &map));
    char *copy = malloc(map.len);
    memcpy(copy, map.data, map.len);
    OK(pw_tensors_read(map.data, map.len, path, &t));
    for (size_t at = 0; at < map.len; at++) {
        const char *part = part_at(t, at);
        if (at >= t->header_len && strcmp(part, "padding") != 0 && at % 61 != 0) continue;
        struct told told = { 0 };
        int64_t n = 0;
        char bit = (char)(1 << at % 8);
        copy[at] ^= bit;
        OK(pw_verify_bytes(copy, map.len, path, tell, &told, &n));
        ck_assert_msg(n == 1 && told.n == 1 && strcmp(told.part, part) == 0 && strcmp(told.file, path) == 0,
                      "byte %zu of %s: %d damaged, '%s' and not '%s'", at, path, told.n, told.part, part);
        copy[at] ^= bit;
    }
    free(copy);
    pw_tensors_free(t);
    pw_map_close(&map);
}

START_TEST(every_changed_byte_is_named)
{
    char delta[128];
    OK(add_first());
    strcpy(delta, beside(".delta1"));
    flip_each(base);
    flip_each(delta);
}
END_TEST

START_TEST(damage_in_a_delta_is_told)
{
    struct told told = { 0 };
    int64_t n = 0;
    char delta[128];
    struct stat st;
    OK(add_first());
    OK(add_second());
    strcpy(delta, beside(".delta2"));
    ck_assert_int_eq(stat(delta, &st), 0);
    int fd = open(delta, O_RDWR);
    char last;
    ck_assert_int_eq(pread(fd, &last, 1, st.st_size - 1), 1);
    last ^= 4;
    ck_assert_int_eq(pwrite(fd, &last, 1, st.st_size - 1), 1);
    close(fd);
    OK(pw_chain_verify(base, tell, &told, &n));
    ck_assert_int_eq(n, 1);
    ck_assert_str_eq(told.part, PW_DIGESTS);
    ck_assert_ptr_nonnull(strstr(told.file, ".delta2"));
    ck_assert_int_eq(truncate(delta, st.st_size - 1), 0);
    OK(pw_chain_verify(base, tell, &told, &n));
    ck_assert_int_eq(n, 1);
    ck_assert_str_eq(told.part, "header");
    FAILS(pw_chain_verify(beside(".not-there"), tell, &told, &n), PWY_E_NOT_FOUND);
}
END_TEST

static Suite *suite(void)
{
    const TTest *const tests[] = {
        deltas_are_read_in_their_order, packing_keeps_it_all, only_the_new_bytes_are_written, mode_and_links_are_kept,
        wrong_additions, two_writers, deltas_of_others_are_left_out, broken_chains, killed_while_adding,
        killed_while_packing, readers_beside_writers, every_changed_byte_is_named, damage_in_a_delta_is_told
    };
    Suite *s = suite_create("chains");
    TCase *c = tcase_create("chains");
    tcase_add_checked_fixture(c, begin, end);
    for (size_t i = 0; i < sizeof tests / sizeof *tests; i++) tcase_add_test(c, tests[i]);
    tcase_set_timeout(c, 120);
    suite_add_tcase(s, c);
    return s;
}

int main(void)
{
    return run_suite(suite());
}

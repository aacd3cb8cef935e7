/* A file of a thousand tasks over thousands of experts, without training them: every task is a copy of one sealed task
   of a small model, over experts of its own that are copies of that one's, so it must answer the same to the bit.

     large make DONOR OUT TASKS EXPERTS      writes OUT; DONOR has one sealed task that reads texts
     large ask FILE TASK TEXT DONOR          takes FILE out of the page cache, opens it, asks once: times, and what of
                                             FILE was read; 1 where the answer is not the donor's
   bench/large.sh runs it all. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include "base/rng.h"
#include "file/model_file.h"
#include "file/registry_file.h"
#include "pathways/pathways.h"

static _Noreturn void die(const char *what)
{
    fprintf(stderr, "large: %s: %s\n", what, pwy_error_message());
    exit(1);
}

#define OK(call) do { if ((call) != PWY_OK) die(#call); } while (0)

/* --- make --- */

struct making { struct pw_task_segment_bytes task; const char *name; struct pw_tensor *list; int64_t n, tasks, experts,
    old_experts; struct pw_image image; };

static void *need(size_t n, size_t size)
{
    void *memory = pw_calloc(n + 1, size);
    if (memory == NULL) die("memory");
    return memory;
}

/* {"experts":8} becomes {"experts":N}. */
static struct pw_tensor grown_config(struct making *k, const struct pw_tensor *t)
{
    char *text = need(t->bytes, 1), *at, *whole = NULL;
    memcpy(text, t->data, t->bytes);
    if ((at = strstr(text, "\"experts\":")) == NULL) die("the donor is dense");
    k->old_experts = strtoll(at + 10, &at, 10);
    int before = (int)(strstr(text, "\"experts\":") + 10 - text);
    int len = asprintf(&whole, "%.*s%lld%s", before, text, (long long)k->experts, at);
    struct pw_tensor out = *t;
    out.data = whole;
    out.bytes = (size_t)(out.shape[0] = len);
    return out;
}

/* The first axis, or the last one of a router, repeated until there are as many as there are experts. */
static struct pw_tensor grown(const struct making *k, const struct pw_tensor *t)
{
    struct pw_tensor out = *t;
    struct pw_piece *piece = need((size_t)k->experts, sizeof *piece);
    out.bytes = t->bytes / (size_t)t->shape[0] * (size_t)k->experts;
    out.shape[0] = k->experts;
    for (int64_t e = 0; e < k->experts; e++) piece[e] = (struct pw_piece){pw_tensor_slice(t, e % k->old_experts), 1};
    out.piece = piece;
    out.n_pieces = (int)k->experts;
    return out;
}

static struct pw_tensor grown_router(const struct making *k, const struct pw_tensor *t)
{
    struct pw_tensor out = *t;
    float *w = need((size_t)(t->shape[0] * k->experts), sizeof *w);
    for (int64_t i = 0; i < t->shape[0]; i++)
        for (int64_t e = 0; e < k->experts; e++)
            w[i * k->experts + e] = ((const float *)t->data)[i * k->old_experts + e % k->old_experts];
    out.data = w;
    out.shape[1] = k->experts;
    out.bytes = (size_t)(t->shape[0] * k->experts) * sizeof *w;
    return out;
}

static bool ends(const char *name, const char *end)
{
    size_t len = strlen(name), n = strlen(end);
    return len >= n && strcmp(name + len - n, end) == 0;
}

static void copy_of_task(struct making *k, int64_t task, const struct pw_tensor *t)
{
    struct pw_tensor out = *t;
    if (asprintf(&out.name, "task/t%04lld%s", (long long)task, t->name + 5 + strlen(k->name)) < 0) die("memory");
    k->list[k->n++] = out;
}

static void add_tensor(struct making *k, const struct pw_tensor *t)
{
    bool own = strncmp(t->name, "task/", 5) == 0;
    if (pw_is_files_own(t->name)) return;
    for (int64_t i = 0; own && i < k->tasks; i++) copy_of_task(k, i, t);
    if (own) return;
    k->list[k->n++] = strcmp(t->name, "pathways.config") == 0 ? grown_config(k, t)
        : strstr(t->name, ".experts.") != NULL || ends(t->name, ".load") ? grown(k, t)
        : ends(t->name, ".router") ? grown_router(k, t) : *t;
}

/* The donor's settings with each candidate expert moved by a multiple of the donor's number of experts. */
static char *moved_settings(const struct making *k, int64_t task, const char *text)
{
    struct pw_buf out = {0};
    const char *at = strstr(text, "\"experts\":[[");
    struct pw_rng rng = pw_rng_at(1, 2, (uint64_t)task);
    int64_t by = 0, copies = k->experts / k->old_experts;
    if (at == NULL) die("the donor's task has no pathway of its own");
    OK(pw_buf_add(&out, text, (size_t)(at + 11 - text)));
    for (at += 11; at[0] != ']' || at[1] != ']';) {
        if (*at == '[') by = k->old_experts * (int64_t)pw_rng_below(&rng, (uint64_t)copies);
        if (*at < '0' || *at > '9') OK(pw_buf_add(&out, at++, 1));
        else OK(pw_buf_printf(&out, "%lld", (long long)(by + strtoll(at, (char **)&at, 10))));
    }
    OK(pw_buf_printf(&out, "%s", at));
    return out.data;
}

static void add_task(struct making *k, int64_t task)
{
    struct pw_record r;
    char name[24];
    memcpy(&r, k->task.records.data, sizeof r);
    const char *texts = (const char *)k->task.texts.data + r.text_at;
    char *settings = pw_strndup(texts, r.task_len), *moved = moved_settings(k, task, settings);
    struct pw_bytes senses = {texts + r.task_len, r.senses_len};
    snprintf(name, sizeof name, "t%04lld", (long long)task);
    OK(pw_image_add(&k->image, name, &r, (struct pw_bytes){moved, strlen(moved)}, senses));
    for (size_t i = 0; i < k->task.labels.len / 8; i++)
        OK(pw_image_label(&k->image, ((const uint32_t *)k->task.labels.data)[2 * i], task));
    free(settings);
    free(moved);
}

static void write_out(const struct making *k, const char *path)
{
    struct pw_replace *r;
    struct pw_node *meta = pw_node_new(PW_MAP);
    OK(pw_node_put_text(meta, "format", "pathways 2"));
    OK(pw_replace_begin(path, &r));
    int fd = pw_replace_fd(r);
    OK(pw_digested_write(k->list, k->n, meta, pw_write_to_fd, &fd));
    OK(pw_replace_commit(r));
    pw_node_free(meta);
}

static int make(const char *donor, const char *out, int64_t tasks, int64_t experts)
{
    struct pw_chain *c;
    struct making k = {.tasks = tasks, .experts = experts};
    struct pw_record r;
    OK(pw_chain_open(donor, &c));
    OK(pw_registry_segment(c->all, donor, &k.task));
    memcpy(&r, k.task.records.data, sizeof r);
    k.name = pw_strndup((const char *)k.task.names.data + r.name_at, r.name_len);
    k.list = need((size_t)(c->all->n * (tasks + 1)) + PW_REGISTRY_TENSORS, sizeof *k.list);
    const struct pw_tensor *config = pw_tensors_find(c->all, "pathways.config");
    if (config == NULL) die("the donor is no model");
    grown_config(&k, config);
    for (int64_t i = 0; i < tasks; i++) add_task(&k, i);
    OK(pw_image_finish(&k.image));
    k.n = pw_registry_tensors(&k.image, k.list);
    for (int64_t i = 0; i < c->all->n; i++) add_tensor(&k, &c->all->list[i]);
    write_out(&k, out);
    printf("%s: %lld tensors\n", out, (long long)k.n);
    return 0;
}

/* --- ask --- */

static double seconds_of(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static double now(void)
{
    return seconds_of(CLOCK_MONOTONIC);
}

static pwy_model *timed_open(const char *path, const char *how)
{
    pwy_model *m;
    double wall = now(), cpu = seconds_of(CLOCK_PROCESS_CPUTIME_ID);
    OK(pwy_model_open(NULL, path, &m));
    printf("opened %s in %.1f ms, %.1f of them on a processor\n", how, 1e3 * (now() - wall),
           1e3 * (seconds_of(CLOCK_PROCESS_CPUTIME_ID) - cpu));
    return m;
}

/* Bytes of the file in the page cache, by mincore over a mapping that nobody touches. */
static int64_t resident(const char *path, int64_t *size)
{
    struct stat st;
    int fd = open(path, O_RDONLY);
    if (fd < 0 || fstat(fd, &st) != 0) die(path);
    size_t len = (size_t)st.st_size, pages = (len + 4095) / 4096;
    unsigned char *in = need(pages, 1);
    void *at = mmap(NULL, len, PROT_READ, MAP_SHARED, fd, 0);
    int64_t n = 0;
    if (at == MAP_FAILED || mincore(at, len, in) != 0) die("mincore");
    for (size_t i = 0; i < pages; i++) n += in[i] & 1;
    munmap(at, len);
    close(fd);
    free(in);
    *size = st.st_size;
    return n * 4096;
}

static void drop(const char *path)
{
    int fd = open(path, O_RDONLY);
    if (fd < 0 || fsync(fd) != 0 || posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED) != 0) die(path);
    close(fd);
}

static void tell(const char *when, const char *path)
{
    int64_t size, in = resident(path, &size);
    printf("%-28s %12lld of %lld bytes in the page cache, %.4f%%\n", when, (long long)in, (long long)size,
           100. * (double)in / (double)size);
}

/* The scores of one answer. */
static pwy_result *answer(pwy_model *m, const char *task, const char *text, double *seconds)
{
    pwy_session *s;
    pwy_example *ex;
    pwy_result *r;
    double from = now();
    OK(pwy_session_new(m, NULL, &s));
    OK(pwy_example_new(&ex));
    pwy_task *t;
    OK(pwy_registry_find(pwy_model_registry(m), task, &t));
    OK(pwy_example_set_text(ex, pwy_task_part_name(t, 0), text, -1));
    OK(pwy_session_predict(s, task, ex, &r));
    *seconds = now() - from;
    pwy_session_free(s);
    pwy_example_free(ex);
    return r;
}

static bool same(const pwy_result *a, const pwy_result *b)
{
    if (pwy_result_count(a) != pwy_result_count(b)) return false;
    for (int64_t i = 0; i < pwy_result_count(a); i++) {
        double x = pwy_result_score(a, i), y = pwy_result_score(b, i);
        if (memcmp(&x, &y, sizeof x) != 0) return false;
    }
    return true;
}

static int ask(const char *path, const char *task, const char *text, const char *donor)
{
    pwy_model *m, *d;
    double seconds, unused;
    drop(path);
    tell("dropped", path);
    m = timed_open(path, "cold");
    tell("after opening", path);
    pwy_result *r = answer(m, task, text, &seconds);
    printf("first answer in %.1f ms\n", 1e3 * seconds);
    tell("after the first answer", path);
    OK(pwy_model_open(NULL, donor, &d));
    const char *first = pwy_task_name(pwy_registry_at(pwy_model_registry(d), 0));
    bool right = same(r, answer(d, first, text, &unused));
    printf("%s answers %s '%s' of the donor, to the bit\n", task, right ? "as" : "NOT as", first);
    pwy_model_free(timed_open(path, "again, warm,"));
    return !right;
}

int main(int argc, char **argv)
{
    if (argc == 6 && strcmp(argv[1], "make") == 0) return make(argv[2], argv[3], atoll(argv[4]), atoll(argv[5]));
    if (argc == 6 && strcmp(argv[1], "ask") == 0) return ask(argv[2], argv[3], argv[4], argv[5]);
    fprintf(stderr, "usage: large make DONOR OUT TASKS EXPERTS | large ask FILE TASK TEXT DONOR\n");
    return 2;
}

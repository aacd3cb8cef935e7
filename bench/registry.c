/* A registry of a million tasks: what each costs in memory beyond its name and labels, how long finding one takes, and
   opening all of them in a fresh process. bench/registry [tasks [folder]]: 1000000 tasks, in $TMPDIR or /tmp, unless
   said. Each line is one measurement as JSON. */
#include <malloc.h>
#include <pathways/pathways.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { LABELS = 3, SEED = 1 };

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* Of this process alone: what others take does not count. */
static double cpu(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void must(pwy_status status)
{
    if (status == PWY_OK) return;
    fprintf(stderr, "bench/registry: %s\n", pwy_error_message());
    exit(1);
}

static uint64_t next(uint64_t *state)
{
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return *state >> 33;
}

/* Bytes that malloc has given out, its own about them included. */
static double allocated(void)
{
    struct mallinfo2 m = mallinfo2();
    return (double)m.uordblks + (double)m.hblkhd;
}

/* Of this process, in bytes: all, and what is no file's. */
static void resident(double *all, double *own)
{
    long pages = 0, shared = 0;
    FILE *f = fopen("/proc/self/statm", "r");
    if (f == NULL || fscanf(f, "%*s %ld %ld", &pages, &shared) != 2) pages = shared = 0;
    if (f != NULL) fclose(f);
    *all = (double)pages * (double)sysconf(_SC_PAGESIZE);
    *own = (double)(pages - shared) * (double)sysconf(_SC_PAGESIZE);
}

static int name_of(uint64_t i, char *room, size_t cap)
{
    return snprintf(room, cap, "skill %08llx of %llu", (unsigned long long)(i * 2654435761u & 0xffffffffu),
                    (unsigned long long)i);
}

/* Two labels that many tasks have and one of its own. The bytes of names and labels, with the ends of the texts. */
static double add_task(pwy_registry *r, uint64_t i)
{
    static const pwy_task_kind kinds[] = {PWY_CLASSIFY, PWY_MULTILABEL};
    static const char *const senses[] = {"text", "image", "audio", "bytes", "table", "series"};
    char name[64], own[64];
    const char *label[LABELS] = {"yes", "no", own};
    pwy_task *t;
    double bytes = name_of(i, name, sizeof name) + 1;
    snprintf(own, sizeof own, "only %llu", (unsigned long long)i);
    must(pwy_registry_add(r, name, kinds[i % 2], &t));
    must(pwy_task_add_part(t, "input", senses[i % 6]));
    for (int l = 0; l < LABELS; l++) {
        must(pwy_task_add_label(t, label[l]));
        bytes += (double)strlen(label[l]) + 1;
    }
    return bytes;
}

static void add_all(uint64_t n, const char *path)
{
    pwy_registry *r;
    double before = allocated(), all, own, base, texts = 0, start = now(), saved;
    resident(&all, &base);
    must(pwy_registry_new(NULL, &r));
    for (uint64_t i = 0; i < n; i++) texts += add_task(r, i);
    double seconds = now() - start, bytes = allocated() - before;
    resident(&all, &own);
    saved = now();
    must(pwy_registry_save(r, path));
    printf("{\"kind\":\"add\",\"tasks\":%llu,\"ns_each\":%.0f,\"bytes_each\":%.1f,\"texts_each\":%.1f,"
           "\"bytes_beyond_texts\":%.1f,\"resident_beyond_texts\":%.1f,\"save_seconds\":%.2f}\n",
           (unsigned long long)n, 1e9 * seconds / (double)n, bytes / (double)n, texts / (double)n,
           (bytes - texts) / (double)n, (own - base - texts) / (double)n, now() - saved);
    pwy_registry_free(r);
}

/* Random names, made before the clock starts. Nanoseconds each by the wall's clock and the processor's. */
static void find_some(const pwy_registry *r, uint64_t n, uint64_t finds, uint64_t seed, double ns[2])
{
    enum { NAME = 40 };
    char *name = malloc(finds * NAME);
    pwy_task *t;
    if (name == NULL) exit(1);
    for (uint64_t i = 0; i < finds; i++) name_of(next(&seed) % n, name + i * NAME, NAME);
    double start = now(), used = cpu();
    for (uint64_t i = 0; i < finds; i++) must(pwy_registry_find(r, name + i * NAME, &t));
    ns[0] = 1e9 * (now() - start) / (double)finds;
    ns[1] = 1e9 * (cpu() - used) / (double)finds;
    free(name);
}

static void select_some(const pwy_registry *r, const char *query)
{
    pwy_options *o;
    int64_t index[4096], n, after = -1, found = 0;
    must(pwy_options_parse(query, &o));
    double start = now();
    do {
        must(pwy_registry_select(r, o, after, index, 4096, &n));
        found += n;
        if (n > 0) after = index[n - 1];
    } while (n == 4096);
    printf("{\"kind\":\"select\",\"query\":\"%s\",\"found\":%lld,\"seconds\":%.4f}\n", query, (long long)found,
           now() - start);
    pwy_options_free(o);
}

static void open_and_find(uint64_t n, const char *path)
{
    pwy_registry *r;
    double all, own, base, start = now(), opened, first[2], again[2];
    resident(&all, &base);
    must(pwy_registry_open(NULL, path, &r));
    opened = now() - start;
    if (pwy_registry_count(r) != (int64_t)n) exit(1);
    find_some(r, n, n, SEED, first);
    find_some(r, n, n, SEED + 1, again);
    resident(&all, &own);
    printf("{\"kind\":\"open\",\"tasks\":%llu,\"open_seconds\":%.4f,\"ns_per_find\":%.0f,\"cpu_ns\":%.0f,"
           "\"ns_per_find_again\":%.0f,\"cpu_ns_again\":%.0f,\"resident_each\":%.1f}\n",
           (unsigned long long)n, opened, first[0], first[1], again[0], again[1], (own - base) / (double)n);
    select_some(r, "label: only 77");
    select_some(r, "sense: audio");
    select_some(r, "state: sealed");
    pwy_registry_free(r);
}

/* Runs this program anew: its memory holds nothing of the registry. */
static int in_a_fresh_process(const char *n, const char *path)
{
    int status = 1;
    pid_t child = fork();
    if (child == 0) {
        execl("/proc/self/exe", "bench/registry", "open", n, path, (char *)NULL);
        _exit(127);
    }
    return child < 0 || waitpid(child, &status, 0) < 0 || status != 0;
}

int main(int argc, char **argv)
{
    const char *count = argc > 1 ? argv[1] : "1000000";
    const char *folder = argc > 2 ? argv[2] : getenv("TMPDIR") != NULL ? getenv("TMPDIR") : "/tmp";
    uint64_t n = strtoull(count, NULL, 10);
    char path[4096];
    if (argc == 4 && strcmp(argv[1], "open") == 0) return open_and_find(strtoull(argv[2], NULL, 10), argv[3]), 0;
    if (n == 0) return 2;
    snprintf(path, sizeof path, "%s/registry-%ld.pathways", folder, (long)getpid());
    add_all(n, path);
    fflush(stdout);
    int status = in_a_fresh_process(count, path);
    unlink(path);
    return status;
}

/* A reference workload's numbers in a file, mapped: what of it, and how much memory, a prediction touches. */
#include "train/bench.h"
#include "base/num.h"
#include "file/chain.h"
#include "file/model_file.h"
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

/* --- writing --- */

pwy_status pw_bench_write(const struct pw_params *params, const char *path)
{
    struct pw_param_list l = {0};
    struct pw_replace *r;
    PW_TRY(pw_replace_begin(path, &r));
    int fd = pw_replace_fd(r);
    pwy_status status = pw_param_list(params, &l);
    if (status == PWY_OK) status = pw_tensors_write(l.list, l.n, NULL, pw_write_to_fd, &fd);
    pw_param_list_free(&l);
    if (status == PWY_OK) return pw_replace_commit(r);
    pw_replace_abort(r);
    return status;
}

/* --- reading --- */

/* Out of the page cache, so that what is touched comes from the disk. */
static void forget_pages(const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return;
    posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
    close(fd);
}

static pwy_status bring(const struct pw_bench_file *f, const struct pw_tensor *t, struct pw_params *params)
{
    if (pw_is_packed(t)) return pw_packed_bring(params, f->tensors, t, false);
    if (t->bytes % sizeof(real) != 0 || (uintptr_t)t->data % sizeof(real) != 0)
        return pw_fail(PWY_E_FORMAT, "bench: tensor '%s' is none that bench wrote", t->name);
    return pw_params_bring(params, t->name, t->rank, t->shape, (real *)(uintptr_t)t->data, true);
}

pwy_status pw_bench_map(const char *path, struct pw_params *params, struct pw_bench_file *f)
{
    forget_pages(path);
    PW_TRY(pw_map_open(path, &f->map));
    PW_TRY(pw_tensors_read(f->map.data, f->map.len, path, &f->tensors));
    pw_map_random(f->map.data + f->tensors->header_len, f->map.len - f->tensors->header_len);
    for (int64_t i = 0; i < f->tensors->n; i++) PW_TRY(bring(f, &f->tensors->list[i], params));
    params->closed = true;
    return PWY_OK;
}

void pw_bench_unmap(struct pw_bench_file *f)
{
    if (f->map.data == NULL) return;
    pw_tensors_free(f->tensors);
    pw_map_close(&f->map);
}

/* --- counting --- */

/* Of the process, exactly, which statm is not; 0 where the kernel does not say. */
static int64_t resident_bytes(void)
{
    FILE *f = fopen("/proc/self/smaps_rollup", "re");
    char line[256];
    long long kib = 0;
    while (f != NULL && kib == 0 && fgets(line, sizeof line, f) != NULL)
        if (strncmp(line, "Rss:", 4) == 0) kib = strtoll(line + 4, NULL, 10);
    if (f != NULL) fclose(f);
    return 1024 * (int64_t)kib;
}

static double seconds(struct timeval t)
{
    return (double)t.tv_sec + 1e-6 * (double)t.tv_usec;
}

void pw_touched_some(struct pw_touched *t, int sign)
{
    struct rusage u;
    getrusage(RUSAGE_SELF, &u);
    t->minor += sign * u.ru_minflt;
    t->major += sign * u.ru_majflt;
    t->cpu += sign * (seconds(u.ru_utime) + seconds(u.ru_stime));
}

/* Faults of looking itself are not counted. */
void pw_touched_begin(struct pw_touched *t)
{
    t->resident -= resident_bytes();
    pw_touched_some(t, -1);
}

void pw_touched_end(struct pw_touched *t)
{
    pw_touched_some(t, 1);
    t->resident += resident_bytes();
}

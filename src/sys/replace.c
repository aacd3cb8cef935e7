/* Replacing a file as a whole. The new one is written to ".NAME.new" in the same folder. Locks (flock) lie on that file
   and on the old one, so the second writer of a name finds one of them held, also while the first is still busy behind
   its rename; a crash leaves nothing that the next writer does not clear away. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/mem.h"
#include "sys/file.h"

/* path: behind all symbolic links. old: the file that is there, locked, or -1. */
struct pw_replace { char *path, *temp, *folder; int fd, old; bool published; };

static pwy_status fail_system(const char *path, const char *what)
{
    int error = errno;
    return pw_fail_at(error == ENOENT ? PWY_E_NOT_FOUND : PWY_E_IO, path, 0, "%s: %s", what, strerror(error));
}

char *pw_path_join(const char *folder, const char *name)
{
    size_t len = strlen(folder);
    if (name[0] == '/' || len == 0)
        return pw_strdup(name);
    return pw_printf("%s%s%s", folder, folder[len - 1] == '/' ? "" : "/", name);
}

char *pw_path_folder(const char *path)
{
    const char *slash = strrchr(path, '/');
    if (slash == NULL)
        return pw_strdup(".");
    while (slash > path && slash[-1] == '/')
        slash--;
    return slash == path ? pw_strdup("/") : pw_strndup(path, (size_t)(slash - path));
}

static void release(struct pw_replace *r)
{
    if (r->fd >= 0)
        close(r->fd);
    if (r->old >= 0)
        close(r->old);
    free(r->path);
    free(r->temp);
    free(r->folder);
    free(r);
}

/* Puts in *path's place what it points to; the file behind the last link need not be there. */
static pwy_status follow_link(char **path, bool *followed)
{
    char target[PATH_MAX];
    ssize_t len = readlink(*path, target, sizeof target - 1);
    *followed = len > 0;
    if (len <= 0)
        return PWY_OK;
    target[len] = 0;
    char *folder = pw_path_folder(*path);
    char *next = folder != NULL ? pw_path_join(folder, target) : NULL;
    free(folder);
    PW_NEED(next);
    free(*path);
    *path = next;
    return PWY_OK;
}

static pwy_status resolve(const char *path, char **out)
{
    bool followed = true;
    PW_NEED(*out = pw_strdup(path));
    for (int links = 0; followed; links++) {
        if (links == 40)
            return pw_fail_at(PWY_E_IO, path, 0, "more than 40 symbolic links, one behind the other");
        PW_TRY(follow_link(out, &followed));
    }
    return PWY_OK;
}

pwy_status pw_path_resolve(const char *path, char **out)
{
    char *resolved = NULL;
    pwy_status status = resolve(path, &resolved);
    if (status == PWY_OK)
        *out = resolved;
    else
        free(resolved);
    return status;
}

static pwy_status set_paths(struct pw_replace *r, const char *path)
{
    PW_TRY(resolve(path, &r->path));
    const char *slash = strrchr(r->path, '/'), *name = slash != NULL ? slash + 1 : r->path;
    if (name[0] == 0)
        return pw_fail_at(PWY_E_ARGUMENT, path, 0, "is no name of a file");
    r->folder = pw_path_folder(r->path);
    PW_NEED(r->folder);
    r->temp = pw_printf("%s/.%s.new", r->folder, name);
    PW_NEED(r->temp);
    return PWY_OK;
}

static bool same_file(int fd, const char *path)
{
    struct stat mine, there;
    return fstat(fd, &mine) == 0 && stat(path, &there) == 0 && mine.st_ino == there.st_ino
        && mine.st_dev == there.st_dev;
}

/* A file system without locks is none's fault: then there are none. */
static pwy_status lock(const struct pw_replace *r, int fd)
{
    if (flock(fd, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK)
        return pw_fail_at(PWY_E_STATE, r->path, 0, "is being written by someone else; try again when they are done");
    return PWY_OK;
}

static void close_again(struct pw_replace *r)
{
    close(r->fd);
    if (r->old >= 0)
        close(r->old);
    r->fd = r->old = -1;
}

/* Opens and locks. Between the two the holder may have renamed or removed the file: *again is then set. */
static pwy_status lock_temp(struct pw_replace *r, bool *again)
{
    r->fd = open(r->temp, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0666);
    if (r->fd < 0)
        return fail_system(r->path, "cannot be written beside itself");
    PW_TRY(lock(r, r->fd));
    *again = !same_file(r->fd, r->temp);
    if (*again)
        close_again(r);
    return PWY_OK;
}

/* The file that is there, if it can be opened; what it is take_over looks at. */
static pwy_status lock_old(struct pw_replace *r, bool *again)
{
    r->old = open(r->path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    if (r->old < 0)
        return PWY_OK;
    pwy_status status = lock(r, r->old);
    if (status != PWY_OK) {
        unlink(r->temp);
        return status;
    }
    *again = !same_file(r->old, r->path);
    if (*again)
        close_again(r);
    return PWY_OK;
}

static pwy_status lock_both(struct pw_replace *r)
{
    for (bool again = true; again;) {
        PW_TRY(lock_temp(r, &again));
        if (!again)
            PW_TRY(lock_old(r, &again));
    }
    return PWY_OK;
}

/* The mode of `like` and, where the system allows it, its owner. */
static pwy_status take_over(struct pw_replace *r, const char *like)
{
    struct stat old;
    if (ftruncate(r->fd, 0) != 0)
        return fail_system(r->temp, "cannot be emptied");
    if (stat(like, &old) != 0)
        return PWY_OK;
    if (!S_ISREG(old.st_mode))
        return pw_fail_at(PWY_E_ARGUMENT, like, 0, "is %s; it must be a regular file, or not there yet",
                          S_ISDIR(old.st_mode) ? "a folder" : "a device, pipe or socket");
    bool owned = fchown(r->fd, old.st_uid, old.st_gid) == 0;
    if (fchmod(r->fd, old.st_mode & (owned ? 07777 : 0777)) != 0)
        return fail_system(r->temp, "cannot be given the old file's mode");
    return PWY_OK;
}

pwy_status pw_replace_begin_like(const char *path, const char *like, struct pw_replace **out)
{
    struct pw_replace *r = pw_calloc(1, sizeof *r);
    PW_NEED(r);
    r->fd = r->old = -1;
    pwy_status status = set_paths(r, path);
    if (status == PWY_OK)
        status = lock_both(r);
    if (status != PWY_OK) {
        release(r);
        return status;
    }
    status = take_over(r, r->path);
    if (status == PWY_OK && like != NULL)
        status = take_over(r, like);
    if (status == PWY_OK)
        *out = r;
    else
        pw_replace_abort(r);
    return status;
}

pwy_status pw_replace_begin(const char *path, struct pw_replace **out)
{
    return pw_replace_begin_like(path, NULL, out);
}

int pw_replace_fd(const struct pw_replace *r)
{
    return r->fd;
}

static pwy_status sync_folder(const struct pw_replace *r)
{
    int fd = open(r->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return fail_system(r->folder, "cannot be opened to be synced");
    pwy_status status = PWY_OK;
    if (fsync(fd) != 0 && errno != EINVAL && errno != ENOTSUP)
        status = fail_system(r->folder, "cannot be synced");
    close(fd);
    return status;
}

pwy_status pw_replace_publish(struct pw_replace *r)
{
    if (fsync(r->fd) != 0)
        return fail_system(r->temp, "cannot be synced");
    if (rename(r->temp, r->path) != 0)
        return fail_system(r->path, "cannot be replaced");
    r->published = true;
    return sync_folder(r);
}

pwy_status pw_replace_commit(struct pw_replace *r)
{
    pwy_status status = pw_replace_publish(r);
    pw_replace_abort(r);
    return status;
}

void pw_replace_abort(struct pw_replace *r)
{
    if (r == NULL)
        return;
    if (!r->published)
        unlink(r->temp);
    release(r);
}

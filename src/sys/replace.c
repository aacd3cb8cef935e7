/* Replacing a file as a whole. The new one is written to ".NAME.new" in the same folder; the lock lies on that file, so
   the second writer of a name finds it held, and a crash leaves nothing that the next writer does not clear away. */
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
#include <sys/stat.h>
#include <unistd.h>
#include "base/mem.h"
#include "sys/file.h"

struct pw_replace { char *path, *temp, *folder; int fd; };         /* path: behind all symbolic links */

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
    *out = pw_strdup(path);
    PW_NEED(*out);
    for (int links = 0; followed; links++) {
        if (links == 40)
            return pw_fail_at(PWY_E_IO, path, 0, "more than 40 symbolic links, one behind the other");
        PW_TRY(follow_link(out, &followed));
    }
    return PWY_OK;
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

/* Opens and locks. Between the two the holder may have renamed or removed the file: *again is then set. */
static pwy_status lock_temp(struct pw_replace *r, bool *again)
{
    struct flock whole = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
    struct stat mine, there;
    r->fd = open(r->temp, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0666);
    if (r->fd < 0)
        return fail_system(r->path, "cannot be written beside itself");
    if (fcntl(r->fd, F_OFD_SETLK, &whole) != 0 && (errno == EAGAIN || errno == EACCES))
        return pw_fail_at(PWY_E_STATE, r->path, 0, "is being written by someone else; try again when they are done");
    if (fstat(r->fd, &mine) != 0)
        return fail_system(r->temp, "cannot be asked for its state");
    *again = stat(r->temp, &there) != 0 || mine.st_ino != there.st_ino || mine.st_dev != there.st_dev;
    if (*again) {
        close(r->fd);
        r->fd = -1;
    }
    return PWY_OK;
}

/* The old file's mode and, where the system allows it, its owner. */
static pwy_status take_over(struct pw_replace *r)
{
    struct stat old;
    if (ftruncate(r->fd, 0) != 0)
        return fail_system(r->temp, "cannot be emptied");
    if (stat(r->path, &old) != 0)
        return PWY_OK;
    if (!S_ISREG(old.st_mode))
        return pw_fail_at(PWY_E_ARGUMENT, r->path, 0, "is %s; it must be a regular file, or not there yet",
                          S_ISDIR(old.st_mode) ? "a folder" : "a device, pipe or socket");
    bool owned = fchown(r->fd, old.st_uid, old.st_gid) == 0;
    if (fchmod(r->fd, old.st_mode & (owned ? 07777 : 0777)) != 0)
        return fail_system(r->temp, "cannot be given the old file's mode");
    return PWY_OK;
}

pwy_status pw_replace_begin(const char *path, struct pw_replace **out)
{
    struct pw_replace *r = pw_calloc(1, sizeof *r);
    PW_NEED(r);
    r->fd = -1;
    pwy_status status = set_paths(r, path);
    for (bool again = true; status == PWY_OK && again;)
        status = lock_temp(r, &again);
    if (status != PWY_OK) {
        release(r);
        return status;
    }
    status = take_over(r);
    if (status == PWY_OK)
        *out = r;
    else
        pw_replace_abort(r);
    return status;
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

pwy_status pw_replace_commit(struct pw_replace *r)
{
    pwy_status status = PWY_OK;
    if (fsync(r->fd) != 0)
        status = fail_system(r->temp, "cannot be synced");
    else if (rename(r->temp, r->path) != 0)
        status = fail_system(r->path, "cannot be replaced");
    if (status != PWY_OK) {
        pw_replace_abort(r);
        return status;
    }
    status = sync_folder(r);
    release(r);
    return status;
}

void pw_replace_abort(struct pw_replace *r)
{
    if (r == NULL)
        return;
    unlink(r->temp);
    release(r);
}

/* Files mapped for reading, as they are or unpacked. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>
#include "base/mem.h"
#include "sys/file.h"

static pwy_status fail_system(const char *path, const char *what)
{
    int error = errno;
    return pw_fail_at(error == ENOENT ? PWY_E_NOT_FOUND : PWY_E_IO, path, 0, "%s: %s", what, strerror(error));
}

pwy_status pw_map_fd(int fd, const char *name, struct pw_mapping *out)
{
    struct stat st;
    if (fstat(fd, &st) != 0)
        return fail_system(name, "cannot be asked for its size");
    if (!S_ISREG(st.st_mode))
        return pw_fail_at(PWY_E_IO, name, 0, "is %s; it must be a regular file",
                          S_ISDIR(st.st_mode) ? "a folder" : "a device, pipe or socket");
    *out = (struct pw_mapping){ "", 0, (uint64_t)st.st_dev, (uint64_t)st.st_ino };
    if (st.st_size == 0)
        return PWY_OK;
    void *data = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (data == MAP_FAILED)
        return fail_system(name, "cannot be mapped");
    out->data = data;
    out->len = (size_t)st.st_size;
    return PWY_OK;
}

/* O_NONBLOCK: opening a pipe that nobody writes would wait for ever. */
pwy_status pw_map_open(const char *path, struct pw_mapping *out)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return fail_system(path, "cannot be opened");
    pwy_status status = pw_map_fd(fd, path, out);
    close(fd);
    return status;
}

static void advise(const void *from, size_t len, int advice)
{
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE), begin = ((uintptr_t)from + page - 1) / page * page;
    if (advice == MADV_WILLNEED)
        begin = (uintptr_t)from / page * page;
    if ((uintptr_t)from + len > begin)
        (void)madvise((void *)begin, (uintptr_t)from + len - begin, advice);
}

void pw_map_random(const void *from, size_t len)
{
    advise(from, len, MADV_RANDOM);
}

void pw_map_soon(const void *from, size_t len)
{
    advise(from, len, MADV_WILLNEED);
}

void pw_map_close(struct pw_mapping *mapping)
{
    if (mapping->len > 0)
        munmap((void *)mapping->data, mapping->len);
    *mapping = (struct pw_mapping){ .data = "" };
}

pwy_status pw_temp_open(int *fd)
{
    const char *folder = getenv("TMPDIR");
    char *path = pw_path_join(folder != NULL && folder[0] != 0 ? folder : "/tmp", "pathways-XXXXXX");
    PW_NEED(path);
    int temp = mkostemp(path, O_CLOEXEC);
    pwy_status status = PWY_OK;
    if (temp < 0)
        status = fail_system(path, "no temporary file can be made; set TMPDIR to a folder that can be written");
    else
        unlink(path);
    free(path);
    if (status == PWY_OK)
        *fd = temp;
    return status;
}

pwy_status pw_write_all(int fd, const void *data, size_t len, const char *name)
{
    for (const char *at = data; len > 0;) {
        ssize_t n = write(fd, at, len < (1u << 30) ? len : 1u << 30);
        if (n < 0 && errno != EINTR)
            return fail_system(name, "cannot be written");
        if (n > 0) {
            at += n;
            len -= (size_t)n;
        }
    }
    return PWY_OK;
}

struct unpack { z_stream z; const char *path; const char *at; size_t left; int fd; unsigned char *out; };
enum { PIECE = 1 << 18 };

static pwy_status fail_gzip(const struct unpack *u, const char *why)
{
    return pw_fail_at(PWY_E_FORMAT, u->path, 0, "the gzip file is %s", why);
}

/* zlib counts its input in 32 bits: hand it over in pieces. */
static void feed(struct unpack *u)
{
    if (u->z.avail_in > 0)
        return;
    u->z.avail_in = u->left < (1u << 30) ? (unsigned)u->left : 1u << 30;
    u->z.next_in = (unsigned char *)u->at;
    u->at += u->z.avail_in;
    u->left -= u->z.avail_in;
}

/* One member, up to its checksum. */
static pwy_status unpack_member(struct unpack *u)
{
    for (int code = Z_OK; code != Z_STREAM_END;) {
        feed(u);
        u->z.next_out = u->out;
        u->z.avail_out = PIECE;
        code = inflate(&u->z, Z_NO_FLUSH);
        if (code == Z_MEM_ERROR)
            return pw_fail_nomem(0);
        if (code == Z_BUF_ERROR)
            return fail_gzip(u, "cut off");
        if (code != Z_OK && code != Z_STREAM_END)
            return fail_gzip(u, u->z.msg != NULL ? u->z.msg : "damaged");
        PW_TRY(pw_write_all(u->fd, u->out, PIECE - u->z.avail_out, "the temporary file in $TMPDIR or /tmp"));
    }
    return PWY_OK;
}

/* What follows a member: another, or zeros that fill a block of tape, or the end. */
static pwy_status unpack_members(struct unpack *u)
{
    for (;;) {
        PW_TRY(unpack_member(u));
        feed(u);
        if (u->z.avail_in == 0)
            return PWY_OK;
        if (u->z.next_in[0] == 0)
            return PWY_OK;
        if (u->z.next_in[0] != 0x1F)
            return fail_gzip(u, "followed by bytes that are not gzip");
        inflateReset(&u->z);
    }
}

static pwy_status unpack(const char *path, const struct pw_mapping *packed, int fd)
{
    struct unpack u = { .path = path, .at = packed->data, .left = packed->len, .fd = fd };
    u.out = pw_calloc(PIECE, 1);
    PW_NEED(u.out);
    pwy_status status = inflateInit2(&u.z, 15 + 16) == Z_OK ? PWY_OK : pw_fail_nomem(1 << 16);
    if (status == PWY_OK) {
        status = unpack_members(&u);
        inflateEnd(&u.z);
    }
    free(u.out);
    return status;
}

pwy_status pw_map_unpacked(const char *path, struct pw_mapping *out)
{
    struct pw_mapping packed;
    int fd;
    PW_TRY(pw_map_open(path, &packed));
    if (packed.len < 2 || memcmp(packed.data, "\x1F\x8B", 2) != 0) {
        *out = packed;
        return PWY_OK;
    }
    pwy_status status = pw_temp_open(&fd);
    if (status == PWY_OK) {
        status = unpack(path, &packed, fd);
        if (status == PWY_OK)
            status = pw_map_fd(fd, path, out);
        close(fd);
    }
    pw_map_close(&packed);
    return status;
}

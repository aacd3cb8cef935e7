/* A base and its deltas: opened as one. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "file/chain.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MOST_DELTAS = 100000, MOST_TRIES = 100, LARGE = 1 << 29 };     /* LARGE: bytes of a file */

static void free_link(struct pw_link *l)
{
    pw_tensors_free(l->tensors);
    if (l->map.data != NULL)
        pw_map_close(&l->map);
    free(l->path);
    *l = (struct pw_link){ .path = NULL };
}

void pw_chain_free(struct pw_chain *c)
{
    if (c == NULL)
        return;
    if (c->n == 0 || c->all != c->link[0].tensors)
        pw_tensors_free(c->all);
    for (int i = 0; i < c->n; i++)
        free_link(&c->link[i]);
    free(c->link);
    free(c->path);
    free(c->ignored);
    free(c);
}

const char *pw_chain_tip(const struct pw_chain *c)
{
    const char *digest = pw_tensors_text(c->link[c->n - 1].tensors, "digest");
    return digest != NULL ? digest : "";
}

bool pw_chain_holds(const struct pw_chain *c, const void *data)
{
    for (int i = 0; i < c->n; i++)
        if ((uintptr_t)data - (uintptr_t)c->link[i].map.data < c->link[i].map.len)
            return true;
    return false;
}

/* Of a large file one answer needs little, here and there: reading around what is touched (8 MiB on some systems) would
   read much of it. Only the header is read in one go, and then what stands before the numbers; a task's own stretches
   are when it is opened. */
static void read_header_soon(const struct pw_mapping *map)
{
    uint64_t header = 0;
    if (map->len < LARGE)
        return;
    pw_map_random(map->data, map->len);
    for (int i = 7; i >= 0; i--)
        header = header << 8 | (unsigned char)map->data[i];
    if (header <= PW_HEADER_MAX)
        pw_map_soon(map->data, header + 8 < map->len ? header + 8 : map->len);
}

static void read_front_soon(const struct pw_link *l)
{
    const struct pw_tensors *t = l->tensors;
    const char *begin = t->file + t->header_len;
    int64_t i = 0;
    while (i < t->n && strncmp(t->list[i].name, "pathways.", 9) == 0)
        i++;
    if (l->map.len >= LARGE && i < t->n)
        pw_map_soon(begin, (size_t)((const char *)t->list[i].data - begin));
}

/* Takes path, also on failure. */
static pwy_status open_link(char *path, struct pw_link *out)
{
    struct pw_link l = { .path = path };
    PW_NEED(path);
    pwy_status status = pw_map_open(path, &l.map);
    if (status == PWY_OK) {
        read_header_soon(&l.map);
        status = pw_tensors_read(l.map.data, l.map.len, path, &l.tensors);
    }
    if (status != PWY_OK) {
        free_link(&l);
        return status;
    }
    read_front_soon(&l);
    *out = l;
    return PWY_OK;
}

static pwy_status push_link(struct pw_chain *c, const struct pw_link *l)
{
    if ((c->n & (c->n - 1)) == 0) {
        struct pw_link *grown = pw_realloc(c->link, c->n > 0 ? 2 * (size_t)c->n : 1, sizeof *grown);
        PW_NEED(grown);
        c->link = grown;
    }
    c->link[c->n++] = *l;
    return PWY_OK;
}

static char *delta_path(const char *base, int number)
{
    return pw_printf("%s.delta%d", base, number);
}

static bool text_is(const struct pw_tensors *t, const char *key, const char *want)
{
    const char *text = pw_tensors_text(t, key);
    return text != NULL && want != NULL && strcmp(text, want) == 0;
}

/* A delta of this very base must be the next one; of another it is what a replaced model left behind. */
static pwy_status check_delta(const struct pw_chain *c, const struct pw_link *l, bool *ours)
{
    char number[24];
    snprintf(number, sizeof number, "%d", c->n);
    *ours = text_is(l->tensors, "base", pw_tensors_text(c->link[0].tensors, "digest"));
    if (!*ours)
        return PWY_OK;
    if (!text_is(l->tensors, "delta", number))
        return pw_fail_at(PWY_E_FORMAT, l->path, 0, "says that it is delta %s, by its name it is delta %s",
                          pw_tensors_text(l->tensors, "delta") != NULL ? pw_tensors_text(l->tensors, "delta") : "?",
                          number);
    if (!text_is(l->tensors, "extends", pw_chain_tip(c)))
        return pw_fail_at(PWY_E_FORMAT, l->path, 0, "does not extend %s as that is now: one of them was put in place "
                          "of another", c->link[c->n - 1].path);
    return PWY_OK;
}

static bool is_there(char *path)
{
    bool there = path != NULL && access(path, F_OK) == 0;
    free(path);
    return there;
}

/* Nothing stood at `number`: then nothing of this base may stand behind it. *came: both were written meanwhile. */
static pwy_status check_gap(const struct pw_chain *c, int number, bool *came)
{
    struct pw_link l;
    pwy_status status = open_link(delta_path(c->path, number + 1), &l);
    if (status != PWY_OK)
        return status == PWY_E_NOT_FOUND ? PWY_OK : status;
    bool ours = text_is(l.tensors, "base", pw_tensors_text(c->link[0].tensors, "digest"));
    *came = ours && is_there(delta_path(c->path, number));
    if (ours && !*came)
        status = pw_fail_at(PWY_E_FORMAT, c->path, 0, "'%s' is there, but not the delta before it; put that back, or "
                            "take the later ones away to open the model as it was", l.path);
    free_link(&l);
    return status;
}

static pwy_status open_delta(struct pw_chain *c, bool *more)
{
    struct pw_link l;
    bool ours = false;
    *more = false;
    if (c->n > MOST_DELTAS)
        return pw_fail_at(PWY_E_LIMIT, c->path, 0, "more than %d deltas; pack it", MOST_DELTAS);
    pwy_status status = open_link(delta_path(c->path, c->n), &l);
    if (status == PWY_E_NOT_FOUND)
        return check_gap(c, c->n, more);
    PW_TRY(status);
    status = check_delta(c, &l, &ours);
    if (status == PWY_OK && ours)
        status = push_link(c, &l);
    *more = status == PWY_OK && ours;
    if (*more)
        return PWY_OK;
    if (status == PWY_OK && (c->ignored = pw_strdup(l.path)) == NULL)
        status = PWY_E_NOMEM;
    free_link(&l);
    return status;
}

static pwy_status open_all(struct pw_chain *c)
{
    struct pw_link base;
    PW_TRY(open_link(pw_strdup(c->path), &base));
    if (push_link(c, &base) != PWY_OK) {
        free_link(&base);
        return PWY_E_NOMEM;
    }
    if (pw_tensors_text(base.tensors, "digest") == NULL)
        return PWY_OK;
    for (bool more = true; more;)
        PW_TRY(open_delta(c, &more));
    return PWY_OK;
}

static pwy_status merge_all(struct pw_chain *c)
{
    if (c->n == 1) {
        c->all = c->link[0].tensors;
        return PWY_OK;
    }
    PW_TRY(pw_tensors_view(c->link[0].tensors, &c->all));
    for (int i = 1; i < c->n; i++)
        PW_TRY(pw_tensors_merge(c->all, c->link[i].tensors->list, c->link[i].tensors->n, c->link[i].path));
    return PWY_OK;
}

/* Whether the base is still the file that was mapped: a writer that replaces it takes its deltas away. */
static bool still_there(const struct pw_chain *c)
{
    struct stat st;
    return stat(c->path, &st) == 0 && c->n > 0 && (uint64_t)st.st_ino == c->link[0].map.inode
        && (uint64_t)st.st_dev == c->link[0].map.device;
}

static pwy_status try_open(const char *path, struct pw_chain **out, bool *again)
{
    struct pw_chain *c = pw_calloc(1, sizeof *c);
    PW_NEED(c);
    pwy_status status = pw_path_resolve(path, &c->path);
    if (status == PWY_OK)
        status = open_all(c);
    *again = status != PWY_E_NOMEM && c->n > 0 && !still_there(c);
    if (status == PWY_OK && !*again)
        status = merge_all(c);
    if (status == PWY_OK && !*again)
        *out = c;
    else
        pw_chain_free(c);
    return status;
}

pwy_status pw_chain_open(const char *path, struct pw_chain **out)
{
    bool again = true;
    pwy_status status = PWY_OK;
    for (int tries = 0; again && tries < MOST_TRIES; tries++)
        status = try_open(path, out, &again);
    if (again && status == PWY_OK)
        return pw_fail_at(PWY_E_STATE, path, 0, "is replaced all the time; try again when its writers are done");
    return status;
}

int pw_deltas_count(const char *path)
{
    struct stat st;
    int n = 0;
    for (bool more = true; more && n < MOST_DELTAS;) {
        char *name = delta_path(path, n + 1);
        more = name != NULL && lstat(name, &st) == 0;
        n += more;
        free(name);
    }
    return n;
}

void pw_deltas_remove(const char *path, int n)
{
    for (; n > 0; n--) {
        char *name = delta_path(path, n);
        if (name != NULL)
            (void)unlink(name);
        free(name);
    }
}

pwy_status pw_chain_verify(const char *path, pw_damage_fn tell, void *arg, int64_t *n_damaged)
{
    char *resolved;
    struct pw_mapping map;
    int64_t n = 0, total = 0;
    PW_TRY(pw_path_resolve(path, &resolved));
    pwy_status status = PWY_OK;
    for (int i = 0; status == PWY_OK; i++) {
        char *name = i == 0 ? pw_strdup(resolved) : delta_path(resolved, i);
        status = name == NULL ? PWY_E_NOMEM : pw_map_open(name, &map);
        if (status == PWY_OK) {
            status = pw_verify_bytes(map.data, map.len, name, tell, arg, &n);
            pw_map_close(&map);
            total += n;
        } else if (status == PWY_E_NOT_FOUND && i > 0) {
            free(name);
            status = PWY_OK;
            break;
        }
        free(name);
    }
    free(resolved);
    if (status == PWY_OK)
        *n_damaged = total;
    return status;
}

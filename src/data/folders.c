/* A folder of folders, one a class; and {files: FOLDER, target: REGEX}, where the name says the target.
   The names lie in an unlinked temporary file, in sorted order; memory holds where each begins. */
#include "data/read.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MAX_DEPTH = 16, SPOOL = 1 << 20 };

struct files {
    char *root, *part;
    enum pw_value_type type;
    enum pw_answer answer;
    bool classes;                           /* the first folder of a name is its target */
    struct pw_regex *regex;                 /* or the target is in the name; or NULL: none */
    struct pw_mapping names;                /* relative to root, each with its NUL */
    struct pw_index index;
};

/* While the folder is gone through. */
struct walk { struct files *f; int fd; struct pw_buf spool; uint64_t written; int64_t seen; char *first; };

static pwy_status spool_flush(struct walk *w)
{
    PW_TRY(pw_write_all(w->fd, w->spool.data, w->spool.len, "temporary file"));
    w->written += w->spool.len;
    w->spool.len = 0;
    return PWY_OK;
}

static pwy_status add_file(struct walk *w, const char *name)
{
    w->seen++;
    if (w->first == NULL)
        PW_NEED(w->first = pw_strdup(name));
    if (w->f->regex && !pw_regex_match(w->f->regex, name, (int64_t)strlen(name)))
        return PWY_OK;
    PW_TRY(pw_index_add(&w->f->index, w->written + w->spool.len, 0));
    PW_TRY(pw_buf_add(&w->spool, name, strlen(name) + 1));
    return w->spool.len >= SPOOL ? spool_flush(w) : PWY_OK;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

struct entries { char **name; int n, cap; };

static void entries_free(struct entries *e)
{
    for (int i = 0; i < e->n; i++)
        free(e->name[i]);
    free(e->name);
}

static pwy_status entries_add(struct entries *e, const char *name)
{
    if (e->n == e->cap) {
        int cap = e->cap ? e->cap * 2 : 64;
        char **more = pw_realloc(e->name, (size_t)cap, sizeof *more);
        PW_NEED(more);
        e->name = more;
        e->cap = cap;
    }
    PW_NEED(e->name[e->n] = pw_strdup(name));
    e->n++;
    return PWY_OK;
}

/* The names in a folder, sorted by bytes, without hidden ones. */
static pwy_status list_folder(const char *path, struct entries *e)
{
    DIR *dir = opendir(path);
    if (dir == NULL)
        return pw_fail(errno == ENOENT ? PWY_E_NOT_FOUND : PWY_E_IO, "folder '%s': %s", path, strerror(errno));
    pwy_status status = PWY_OK;
    for (struct dirent *d; status == PWY_OK && (d = readdir(dir)) != NULL; )
        if (d->d_name[0] != '.')
            status = entries_add(e, d->d_name);
    closedir(dir);
    if (e->n > 0)
        qsort(e->name, (size_t)e->n, sizeof *e->name, by_name);
    return status;
}

static pwy_status walk_folder(struct walk *w, const char *relative, int depth);

static pwy_status walk_entry(struct walk *w, const char *relative, const char *name, int depth)
{
    char *below = *relative ? pw_path_join(relative, name) : pw_strdup(name);
    char *path = below ? pw_path_join(w->f->root, below) : NULL;
    struct stat st;
    pwy_status status = path ? PWY_OK : PWY_E_NOMEM;
    if (path && stat(path, &st) == 0) {
        if (S_ISDIR(st.st_mode))
            status = walk_folder(w, below, depth + 1);
        else if (S_ISREG(st.st_mode) && (depth > 0 || !w->f->classes))
            status = add_file(w, below);
    }
    free(path);
    free(below);
    return status;
}

static pwy_status walk_folder(struct walk *w, const char *relative, int depth)
{
    struct entries e = {0};
    if (depth > MAX_DEPTH)
        return pw_fail(PWY_E_LIMIT, "'%s' has folders more than %d deep", w->f->root, MAX_DEPTH);
    char *path = *relative ? pw_path_join(w->f->root, relative) : pw_strdup(w->f->root);
    pwy_status status = path ? list_folder(path, &e) : PWY_E_NOMEM;
    for (int i = 0; i < e.n && status == PWY_OK; i++)
        status = walk_entry(w, relative, e.name[i], depth);
    entries_free(&e);
    free(path);
    return status;
}

static pwy_status none_found(const struct walk *w)
{
    const char *root = w->f->root;
    if (w->f->regex && w->seen > 0)
        return pw_fail(PWY_E_NOT_FOUND, "none of the %lld names under '%s' matches `target:`, not '%s' for one",
                       (long long)w->seen, root, w->first);
    if (w->f->classes)
        return pw_fail(PWY_E_NOT_FOUND, "'%s' has no folders with files in them, one a class; "
                       "for a target in the files' names say {files: FOLDER, target: REGEX}", root);
    return pw_fail(PWY_E_NOT_FOUND, "folder '%s' holds no files", root);
}

static pwy_status walk_all(struct walk *w)
{
    PW_TRY(walk_folder(w, "", 0));
    if (w->f->index.n == 0)
        return none_found(w);
    PW_TRY(spool_flush(w));
    pw_index_trim(&w->f->index);
    return pw_map_fd(w->fd, "temporary file", &w->f->names);
}

static pwy_status gather(struct files *f)
{
    struct walk w = {.f = f};
    PW_TRY(pw_temp_open(&w.fd));
    pwy_status status = walk_all(&w);
    close(w.fd);
    pw_buf_free(&w.spool);
    free(w.first);
    return status;
}

/* The first group that took part, or the whole match. */
static pwy_status name_target(struct files *f, const char *name, pwy_example *ex)
{
    const char *at = name;
    int64_t len = 0;
    if (!pw_regex_match(f->regex, name, (int64_t)strlen(name)))
        return pw_fail(PWY_E_DATA, "the name does not match `target:`");
    for (int g = 1; g <= pw_regex_groups(f->regex); g++)
        if (pw_regex_group(f->regex, g, name, &at, &len))
            return pw_answer_set(ex, f->answer, at, len);
    pw_regex_group(f->regex, 0, name, &at, &len);
    return pw_answer_set(ex, f->answer, at, len);
}

static pwy_status set_target(struct files *f, const char *name, pwy_example *ex)
{
    if (f->classes)
        return pw_answer_set(ex, f->answer, name, (int64_t)strcspn(name, "/"));
    return f->regex ? name_target(f, name, ex) : PWY_OK;
}

static pwy_status read_at(pwy_source *s, int64_t i, pwy_example *ex, bool whole)
{
    struct files *f = s->state;
    const char *name = f->names.data + f->index.at[i];
    char *path = pw_path_join(f->root, name);
    PW_NEED(path);
    pwy_status status = pw_example_place(ex, path, 0);
    if (status == PWY_OK)
        status = pw_bad_row(set_target(f, name, ex), path, 0, NULL);
    if (status == PWY_OK && whole) {
        status = pw_decode_file(s->ctx, f->type, path, ex, f->part);
        status = pw_bad_row(status, path, 0, f->part);
    }
    free(path);
    return status;
}

static pwy_status read_file(pwy_source *s, int64_t i, pwy_example *ex)
{
    return read_at(s, i, ex, true);
}

static pwy_status target_file(pwy_source *s, int64_t i, pwy_example *ex)
{
    return read_at(s, i, ex, false);
}

static void files_free(struct files *f)
{
    pw_map_close(&f->names);
    pw_index_free(&f->index);
    pw_regex_free(f->regex);
    free(f->root);
    free(f->part);
    free(f);
}

static void free_files(pwy_source *s)
{
    files_free(s->state);
}

static pwy_status files_load(struct files *f, const struct pw_open *o, const struct pw_node *target)
{
    const struct pw_want *want = o->want;
    if (want->n_parts != 1)
        return pw_fail(PWY_E_ARGUMENT, "'%s' is a folder of files, for one part; this task has %d", o->path,
                       want->n_parts);
    if (want->target || want->columns)
        return pw_fail(PWY_E_ARGUMENT, "'%s' is a folder of files and has no columns, so leave out `%s:`", o->path,
                       want->target ? "target" : "columns");
    PW_TRY(pw_answer_kind(want->kind, &f->answer));
    f->type = want->parts[0].type;
    PW_NEED(f->root = pw_strdup(o->path));
    PW_NEED(f->part = pw_strdup(want->parts[0].name));
    if (target)
        PW_TRY(pw_regex_new(target, &f->regex));
    f->classes = target == NULL && f->answer != PW_ANSWER_TEXT;
    return gather(f);
}

static pwy_status open_with(const struct pw_open *o, const struct pw_node *target, pwy_source **out)
{
    static const struct pw_source_ops ops = {"files", read_file, target_file, free_files};
    struct files *f = pw_calloc(1, sizeof *f);
    PW_NEED(f);
    pwy_status status = files_load(f, o, target);
    if (status == PWY_OK)
        status = pw_source_make(o->ctx, &ops, f->index.n, f, out);
    if (status != PWY_OK)
        files_free(f);
    return status;
}

static pwy_status open_folders(const struct pw_open *o, pwy_source **out)
{
    return open_with(o, NULL, out);
}

static pwy_status open_files(const struct pw_open *o, pwy_source **out)
{
    const struct pw_node *target = pw_node_get(o->where, "target");
    if (target || (o->want->kind && strcmp(o->want->kind, "generate") == 0))
        return open_with(o, target, out);
    return pw_node_fail(o->where, PWY_E_ARGUMENT,
                        "{files: FOLDER} needs `target:`, a regular expression whose group is the label in the names");
}

const struct pw_reader pw_reader_folders = {"folders", open_folders};
const struct pw_reader pw_reader_files = {"files", open_files};

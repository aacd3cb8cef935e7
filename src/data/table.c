/* The readers, and which one a `where` means. A new reader is one file and one line here. */
#include "data/read.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

static const struct pw_reader *const readers[] = {
    &pw_reader_csv, &pw_reader_tsv, &pw_reader_jsonl, &pw_reader_txt, &pw_reader_ts, &pw_reader_libsvm,
    &pw_reader_folders, &pw_reader_files, &pw_reader_parts, NULL
};

static const struct pw_reader *find_reader(const char *form)
{
    for (int r = 0; readers[r]; r++)
        if (strcmp(readers[r]->form, form) == 0)
            return readers[r];
    return NULL;
}

/* Words of a map beside the one that chose its form. */
static pwy_status check_words(const struct pw_node *map, const char *const *words)
{
    for (int k = 0; k < map->n; k++) {
        bool known = false;
        for (int w = 0; words[w]; w++)
            known |= strcmp(words[w], map->key[k]) == 0;
        const char *near = known ? NULL : pw_nearest(map->key[k], words);
        if (!known)
            return pw_node_fail(map->item[k], PWY_E_ARGUMENT, "unknown word '%s' beside `%s:`%s%s%s", map->key[k],
                                words[0],
                                near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
    }
    return PWY_OK;
}

static pwy_status resolve(struct pw_open *o, const struct pw_node *path)
{
    if (path->kind != PW_SCALAR || path->text[0] == 0)
        return pw_node_fail(path, PWY_E_ARGUMENT, "here the name of a file or folder is expected");
    o->path = o->want->folder ? pw_path_join(o->want->folder, path->text) : pw_strdup(path->text);
    PW_NEED(o->path);
    struct stat st;
    if (stat(o->path, &st) == 0)
        return PWY_OK;
    return pw_node_fail(path, errno == ENOENT || errno == ENOTDIR ? PWY_E_NOT_FOUND : PWY_E_IO, "'%s': %s", o->path,
                        strerror(errno));
}

/* "csv" for a/b.CSV.gz; "" where the name has no end. */
static char *name_end(const char *path)
{
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    size_t len = strlen(name);
    if (len > 3 && strcasecmp(name + len - 3, ".gz") == 0)
        len -= 3;
    size_t dot = len;
    while (dot > 0 && name[dot - 1] != '.')
        dot--;
    char *end = dot > 0 ? pw_strndup(name + dot, len - dot) : pw_strdup("");
    for (char *c = end; c && *c; c++)
        *c = *c >= 'A' && *c <= 'Z' ? (char)(*c + 32) : *c;
    return end;
}

static bool is_folder(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

static pwy_status unknown_form(const struct pw_open *o)
{
    if (!is_folder(o->path) && pw_idx_is(o->path))
        return pw_node_fail(o->where, PWY_E_ARGUMENT,
                            "'%s' is an IDX file: say which part it is, {PART: FILE, target: FILE}", o->path);
    return pw_node_fail(o->where, PWY_E_UNSUPPORTED,
                        "'%s': .%s is none of .csv, .tsv, .jsonl, .txt, .ts, .libsvm (each also .gz) or a folder; "
                        "{table: FILE, format: csv} says what it is", o->path, o->form);
}

/* A file or folder given by its name. */
static pwy_status choose_by_name(struct pw_open *o, const struct pw_node *path)
{
    PW_TRY(resolve(o, path));
    o->form = is_folder(o->path) ? pw_strdup("folders") : name_end(o->path);
    return o->form ? PWY_OK : PWY_E_NOMEM;
}

static pwy_status choose_table(struct pw_open *o)
{
    static const char *const words[] = {"table", "where", "pattern", "format", NULL};
    const struct pw_node *format = pw_node_get(o->where, "format");
    PW_TRY(check_words(o->where, words));
    PW_TRY(resolve(o, pw_node_get(o->where, "table")));
    if (is_folder(o->path))
        return pw_node_fail(o->where, PWY_E_ARGUMENT, "'%s' is a folder; `table:` is a file of rows", o->path);
    if (format && format->kind != PW_SCALAR)
        return pw_node_fail(format, PWY_E_ARGUMENT, "`format:` is csv, tsv, jsonl, txt or libsvm");
    bool pattern = pw_node_get(o->where, "pattern") != NULL;
    o->form = format ? pw_strdup(format->text) : pattern ? pw_strdup("txt") : name_end(o->path);
    return o->form ? PWY_OK : PWY_E_NOMEM;
}

static pwy_status choose_files(struct pw_open *o)
{
    static const char *const words[] = {"files", "target", NULL};
    const struct pw_node *path = pw_node_get(o->where, "files");
    PW_TRY(check_words(o->where, words));
    PW_TRY(resolve(o, path));
    if (!is_folder(o->path))
        return pw_node_fail(path, PWY_E_ARGUMENT, "'%s' is a file; `files:` is a folder", o->path);
    o->form = pw_strdup("files");
    return o->form ? PWY_OK : PWY_E_NOMEM;
}

static pwy_status choose(struct pw_open *o)
{
    if (o->where->kind == PW_LIST)
        return pw_node_fail(o->where, PWY_E_ARGUMENT,
                            "a list; a source is a file, a folder or a map like {table: FILE}");
    if (o->where->kind == PW_SCALAR)
        return choose_by_name(o, o->where);
    if (pw_node_get(o->where, "table"))
        return choose_table(o);
    if (pw_node_get(o->where, "files"))
        return choose_files(o);
    o->form = pw_strdup("parts");
    return o->form ? PWY_OK : PWY_E_NOMEM;
}

pwy_status pw_source_open(pwy_context *ctx, const struct pw_want *want, const struct pw_node *where, pwy_source **out)
{
    struct pw_open o = {.ctx = ctx, .want = want, .where = where};
    pwy_status status = want->n_parts > 0 ? choose(&o)
        : pw_node_fail(where, PWY_E_ARGUMENT, "a task needs a part before its files are read");
    const struct pw_reader *reader = status == PWY_OK ? find_reader(o.form) : NULL;
    if (reader)
        status = reader->open(&o, out);
    else if (status == PWY_OK)
        status = unknown_form(&o);
    free(o.path);
    free(o.form);
    return status;
}

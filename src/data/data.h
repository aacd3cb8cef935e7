/* Sources: examples by number from files, memory or a function. They hold at most 16 bytes a row in memory: offsets
   into mapped or spooled files. A reader is one file with one struct pw_reader, listed in data/table.c. */
#ifndef PW_DATA_H
#define PW_DATA_H
#include "base/example.h"
#include "base/node.h"
#include "kern/context.h"
#include "pathways/source.h"

/* What a task wants of a file. */
/* options: the part's map in the recipe (column, columns, path, record, rate, ...) or NULL */
struct pw_want_part { const char *name; enum pw_value_type type; const struct pw_node *options; };
struct pw_want {
    const struct pw_want_part *parts; int n_parts;
    const char *kind;   /* "classify", "multilabel" (labels separated by '|' or a JSON list), "regress", "generate" */
    const char *target;                     /* column, "last", "-1", or NULL */
    /* list of names for a file without a header line, [none]: called 1, 2, ...; or NULL */
    const struct pw_node *columns;
    const char *missing;                    /* text that stands for a missing value beside the empty cell, or NULL */
    const char *folder;                     /* what relative paths start from, or NULL: the process's own */
};


struct pw_source_ops {
    const char *name;
    /* Reads row i into a cleared ex; one thread at a time. A bad row: PWY_E_DATA naming file and line; the source
       stays usable. */
    pwy_status (*read)(pwy_source *s, int64_t i, pwy_example *ex);
    /* Only the target, when that is cheaper; NULL: read all. */
    pwy_status (*read_target)(pwy_source *s, int64_t i, pwy_example *ex);
    void (*free)(pwy_source *s);
};
/* count: atomic references */
struct pwy_source { const struct pw_source_ops *ops; int count; int64_t n; pwy_context *ctx; void *state; };
pwy_source *pw_source_hold(pwy_source *s);
void pw_source_release(pwy_source *s);
pwy_status pw_source_read(pwy_source *s, int64_t i, pwy_example *ex);      /* clears ex; checks i */
pwy_status pw_source_target(pwy_source *s, int64_t i, pwy_example *ex);

/* `where` as in a recipe (docs/readers.md): a path (its form chosen by name and content: .csv .tsv .jsonl .txt .libsvm
   .ts, each also .gz; a folder of folders), or a map: {table: PATH, where: {column: value}, pattern: REGEX, format:
   csv}, {files: FOLDER, target: REGEX}, {PART: FILE, ..., target: FILE} (IDX, records of bytes, lines). */
pwy_status pw_source_open(pwy_context *ctx, const struct pw_want *want, const struct pw_node *where, pwy_source **out);
pwy_status pw_source_memory(pwy_context *ctx, pwy_source **out);
pwy_status pw_source_memory_add(pwy_source *s, const pwy_example *ex);     /* copies */
pwy_status pw_source_function(pwy_context *ctx, int64_t n, pwy_source_fn fn, void *user, pwy_destroy_fn destroy,
                              pwy_source **out);
/* A part of another source, cut by a keyed permutation without memory: rows [from, to) of the permuted order. Holds
   the parent. */
pwy_status pw_source_slice(pwy_source *parent, uint64_t key, int64_t from, int64_t to, pwy_source **out);

/* decode.c: a file's bytes into a part, by the type wanted: text and bytes as they are, image and audio by the
   context's decoders (PGM, PPM, WAV are built in), series by .ts or rows of numbers. */
pwy_status pw_decode_file(pwy_context *ctx, enum pw_value_type want, const char *path, pwy_example *ex,
                          const char *part);
pwy_status pw_decode_bytes(pwy_context *ctx, enum pw_value_type want, const char *name, const void *data, int64_t len,
                           pwy_example *ex, const char *part);
#endif

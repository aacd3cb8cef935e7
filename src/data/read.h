/* What the readers of this folder share; nobody else includes it. */
#ifndef PW_READ_H
#define PW_READ_H
#include "data/data.h"
#include "sys/file.h"

/* One `where`, resolved: what a reader opens. */
struct pw_open {
    pwy_context *ctx;
    const struct pw_want *want;
    const struct pw_node *where;            /* the text or map as it was written: for messages, and a map's own words */
    char *path;                             /* from want->folder; NULL for a file a part */
    char *form;                             /* "csv", "folders", ...: which reader */
};
struct pw_reader {
    const char *form;
    pwy_status (*open)(const struct pw_open *o, pwy_source **out);
};
extern const struct pw_reader pw_reader_csv, pw_reader_tsv, pw_reader_jsonl, pw_reader_txt, pw_reader_libsvm,
    pw_reader_ts;
extern const struct pw_reader pw_reader_folders, pw_reader_files, pw_reader_parts;

/* A source around a reader's state, which stays the caller's to free on failure. */
pwy_status pw_source_make(pwy_context *ctx, const struct pw_source_ops *ops, int64_t n, void *state, pwy_source **out);
/* A row cannot be used: PWY_E_DATA at file:line with the last error's text behind the part's name (may be NULL).
   What is no fault of the row (no memory, cancelled, a callback) stays as it is. */
pwy_status pw_bad_row(pwy_status status, const char *file, int64_t line, const char *part);
/* Notes in ex where it was read (copied). */
pwy_status pw_example_place(pwy_example *ex, const char *file, int64_t line);
/* PWY_E_DATA at file:line unless some part has a value. */
pwy_status pw_example_filled(pwy_example *ex, const char *file, int64_t line);

/* Targets. */
enum pw_answer { PW_ANSWER_LABEL, PW_ANSWER_LABELS, PW_ANSWER_NUMBER, PW_ANSWER_TEXT };
pwy_status pw_answer_kind(const char *kind, enum pw_answer *out);
/* Writes the target that the text says: a label, labels between '|' or in a JSON list, a finite number, a text. */
pwy_status pw_answer_set(pwy_example *ex, enum pw_answer answer, const char *text, int64_t len);

/* Where each row begins: 12 bytes a row. */
struct pw_index { uint64_t *at; uint32_t *line; int64_t n, cap; };
pwy_status pw_index_add(struct pw_index *index, uint64_t at, int64_t line);
void pw_index_trim(struct pw_index *index);
void pw_index_free(struct pw_index *index);

/* The end of the line that begins at `at`: at its newline or at `end`. */
const char *pw_line_end(const char *at, const char *end);
/* The same without a carriage return before the newline. */
const char *pw_line_trim(const char *at, const char *line_end);
/* Behind a UTF-8 byte order mark, if there is one. */
const char *pw_skip_mark(const struct pw_mapping *map);

/* Lines by number, 1 byte a line: every eighth is remembered. */
struct pw_lines { struct pw_mapping map; uint64_t *at; int64_t n; };
pwy_status pw_lines_open(const char *path, struct pw_lines *out);
void pw_lines_get(const struct pw_lines *lines, int64_t i, const char **text, int64_t *len);
void pw_lines_close(struct pw_lines *lines);

/* A cell of a row: text NULL and no JSON: missing. */
struct pw_field { const char *text; int64_t len; struct json_t *json; };

/* What part takes which columns. */
struct pw_bind {
    char *name; enum pw_value_type type;
    int column;                             /* or -1 */
    int *columns; int n_columns;            /* ROW, SERIES over columns */
    /* folder of the files that cells name, or NULL: cells hold the value itself */
    char *path;
    bool file;                              /* cells are names of files */
};

struct pw_rows;
struct pw_row_form {
    const char *name;
    bool header;                            /* a first line may name the columns */
    /* The end of the row at `at`, one past its newline; adds its lines to *lines. */
    const char *(*next)(const char *at, const char *end, int64_t *lines);
    /* Cuts the row [at, end) into cells; t->fields has room for cap cells, *n gets how many there were (may pass
       cap: then those behind are dropped). */
    pwy_status (*split)(struct pw_rows *t, const char *at, const char *end, int64_t *n);
    /* The names of the columns where no header line gives them; NULL: none. */
    pwy_status (*columns)(struct pw_rows *t, const struct pw_open *o);
    void (*free)(struct pw_rows *t);        /* of t->own; may be NULL */
    bool loose;                             /* split finds cells by name: their number is always right */
};

/* A file of rows with named columns. */
struct pw_rows {
    pwy_context *ctx;
    const struct pw_row_form *form;
    char *path, *folder, *missing;
    struct pw_mapping map;
    struct pw_index index;
    const char *first; int64_t first_line;  /* where the rows begin */
    struct pw_map *columns; int n_columns;
    struct pw_field *fields;                /* [n_columns] */
    struct pw_buf scratch;                  /* unquoted cells of the row being read */
    struct pw_bind *bind; int n_bind;
    enum pw_answer answer; int target;      /* target: column or -1 */
    void *own;                              /* the form's */
};
pwy_status pw_rows_open(const struct pw_open *o, const struct pw_row_form *form, pwy_source **out);
void pw_rows_free(struct pw_rows *t);
/* PWY_E_NOT_FOUND that lists the columns; what: "target", "part 'x'". -1 in *column never passes. */
pwy_status pw_rows_column(const struct pw_rows *t, const char *what, const char *name, const struct pw_node *node,
                          int *column);
/* bind.c: parts and target to columns */
pwy_status pw_rows_bind(struct pw_rows *t, const struct pw_want *want);
pwy_status pw_rows_where(struct pw_rows *t, const struct pw_node *where);                /* where.c: builds the index */
/* checks the number of cells; PWY_E_DATA */
pwy_status pw_rows_split(struct pw_rows *t, const char *at, int64_t line);
bool pw_field_missing(const struct pw_rows *t, const struct pw_field *field);
/* cells.c: the parts and the target of the row in t->fields. */
pwy_status pw_rows_fill(struct pw_rows *t, pwy_example *ex, int64_t line);
pwy_status pw_rows_target(struct pw_rows *t, pwy_example *ex, int64_t line);

/* A file for one part, or for the target, in {PART: FILE, target: FILE}. */
struct pw_feed_ops;
struct pw_feed { const struct pw_feed_ops *ops; char *path; int64_t n; void *state; };
struct pw_feed_ops {
    const char *name;
    pwy_status (*read)(struct pw_feed *f, int64_t i, pwy_example *ex, const char *part, enum pw_value_type type);
    /* NULL: not for targets */
    pwy_status (*answer)(struct pw_feed *f, int64_t i, pwy_example *ex, enum pw_answer answer);
    void (*close)(struct pw_feed *f);
};
pwy_status pw_feed_idx(struct pw_feed *f, const struct pw_want_part *part /* NULL: target */);
pwy_status pw_feed_records(struct pw_feed *f, const struct pw_want_part *part);
pwy_status pw_feed_lines(struct pw_feed *f, const struct pw_want_part *part);
bool pw_idx_is(const char *path);           /* begins as IDX does, packed or not */

/* Numbers between commas, blanks, tabs or semicolons, '?' and nothing as NaN. */
struct pw_floats { float *data; int64_t n, cap; };
pwy_status pw_floats_add(struct pw_floats *f, float value);
/* adds; PWY_E_DATA names what is no number */
pwy_status pw_floats_read(struct pw_floats *f, const char *text, const char *end);
/* Dimensions between ':', each numbers: a series (steps, channels), the shorter ones filled with NaN. */
pwy_status pw_series_dims(pwy_example *ex, const char *part, const char *text, const char *end, int want_dims,
                          struct pw_floats *work);
pwy_status pw_series_json(pwy_example *ex, const char *part, const struct json_t *list);
/* Rows of numbers, a step a line; `@data` files give their first row. */
pwy_status pw_series_text(pwy_example *ex, const char *part, const char *name, const char *text, int64_t len);

/* The first row of a .ts file. */
pwy_status pw_ts_first(pwy_example *ex, const char *part, const char *name, const char *text, int64_t len);

bool pw_is_pnm(const void *data, int64_t len);
bool pw_is_wav(const void *data, int64_t len);
pwy_status pw_read_pnm(const char *name, const void *data, int64_t len, pwy_example *ex, const char *part);
pwy_status pw_read_wav(const char *name, const void *data, int64_t len, pwy_example *ex, const char *part);
enum { PW_MAX_PIXELS = 1 << 26 };           /* 64 Mpixel */

const char *pw_value_type_name(enum pw_value_type type);
/* A regex (PCRE2, UTF). */
struct pw_regex;
pwy_status pw_regex_new(const struct pw_node *pattern, struct pw_regex **out);
void pw_regex_free(struct pw_regex *r);
bool pw_regex_match(struct pw_regex *r, const char *text, int64_t len);
/* Of the last match: group by number (0 the whole); false: it took no part. */
bool pw_regex_group(const struct pw_regex *r, int group, const char *text, const char **at, int64_t *len);
int pw_regex_groups(const struct pw_regex *r);
const char *pw_regex_name(const struct pw_regex *r, int index, int *group);  /* the index-th named group, or NULL */
#endif

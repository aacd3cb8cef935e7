/* The columns of a table as the training rows show them, and how one row reads through them. A column is numeric when
   every cell of it is a number and there are more than ten different ones or fractions; else its cells are
   categories. Columns stand numeric first, then the others, each in the order in which they were met. */
#ifndef PW_COLUMNS_H
#define PW_COLUMNS_H
#include "sense/sense.h"

enum {
    PW_COLUMN_BINS = 24, PW_COLUMN_EDGES = PW_COLUMN_BINS + 1,
    PW_COLUMN_INPUTS = PW_COLUMN_BINS + 2,      /* piecewise-linear bins, quantile-normalised value, missing flag */
    PW_COLUMN_CUTS = 253,                       /* between at most 254 bins of the trees; bin 0: missing */
    PW_COLUMN_WORDS = 254,                      /* the most common categories */
    PW_WORD_UNSEEN = 0, PW_WORD_MISSING = 1, PW_WORD_FIRST = 2
};

struct pw_column {
    char *name;
    bool numeric;
    double centre, scale;                       /* numeric: z = (x - centre) / scale */
    int n_edges, n_cuts;
    struct pw_map *words;                       /* categories, sorted by text */
    int64_t first;                              /* its first row among all categories' (words + 2 each) */
};

struct pw_columns {
    struct pw_column *col; int n, n_numeric;
    struct pw_map *names;                       /* index: that of col */
    int64_t categories;                         /* of all columns, with unseen and missing */
    struct pw_param *edges;                     /* constants (n_numeric, PW_COLUMN_EDGES) of z */
    struct pw_param *cuts;                      /* constants (n_numeric, PW_COLUMN_CUTS) of z */
};

/* The columns of a sample of the training rows (100,000 at most, fewer of wide tables); declares the constants. */
pwy_status pw_columns_fit(struct pw_sense *s, const struct pw_fit *fit, struct pw_columns *out);
pwy_status pw_columns_save(const struct pw_columns *c, struct pw_node *into);
pwy_status pw_columns_load(struct pw_columns *c, const struct pw_node *from);
pwy_status pw_columns_declare(struct pw_sense *s, struct pw_columns *c);
void pw_columns_free(struct pw_columns *c);

/* cell (n): the row's cell of each column, NULL where it is missing. A column that is none of these: PWY_E_DATA with
   the nearest; also what is no finite number in a numeric column. */
pwy_status pw_columns_read(const struct pw_columns *c, const struct pw_value *row, const struct pw_cell **cell);
/* Numeric column i: its PW_COLUMN_INPUTS inputs. */
void pw_column_inputs(const struct pw_columns *c, int i, const struct pw_cell *cell, real *out);
/* Column i of categories: PW_WORD_UNSEEN, PW_WORD_MISSING, or the word's number from PW_WORD_FIRST. */
int pw_column_word(const struct pw_columns *c, int i, const struct pw_cell *cell);
/* Any column: the bin of the trees, 0 for missing and unseen. */
uint8_t pw_column_bin(const struct pw_columns *c, int i, const struct pw_cell *cell);

/* columns_fit.c: what a cell says; false when it is missing. */
bool pw_cell_number(const struct pw_cell *cell, double *out);
bool pw_cell_word(const struct pw_cell *cell, char number[64], const char **word, size_t *len);
#endif

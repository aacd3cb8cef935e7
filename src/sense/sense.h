/* A sense turns one part of an example into rows of width d for the trunk, and into features for the wide path beside
   it. Each is one file in this folder with one struct pw_sense_ops, listed in sense/table.c. A life:
     open (settings)  ->  fit (constants from the training rows) or load (what save gave)  ->  declare (parameters)
     -> encode (one value, any thread)  ->  forward / backward (many encoded values at once). */
#ifndef PW_SENSE_H
#define PW_SENSE_H
#include "base/example.h"
#include "base/node.h"
#include "nn/nn.h"
#include "sense/sign.h"
#include "tok/tok.h"

enum { PW_MAX_TOKENS = 4096 };

/* What encode made of one value; everything in the arena that encode was given. Layout of reals and ids is the sense's
   own. */
struct pw_encoded {
    int n_tokens;                           /* rows in the trunk; 0: the part is missing */
    real *reals; int64_t n_reals;
    int32_t *ids; int64_t n_ids;            /* rows of tables (rows, d) that the stem gathers */
    int32_t shape[4];
    /* sparse features for the wide path, index < sense->wide_rows, unique, ascending */
    int32_t *wide_index; real *wide_value; int64_t n_wide;
    real *wide_logits;   /* (outputs) or NULL: an answer that is added to the wide path's (boosted trees) */
};

/* The training rows, for fit: rows 0 .. n_train-1, then n_valid held-out ones. row() gives a value (NULL: missing or
   bad: skip it) and the goal. */
struct pw_goal { int label; double number; };   /* classify: label index, -1 unknown; regress: standardised target */
struct pw_fit {
    void *arg; int64_t n_train, n_valid;
    /* borrowed until the next call */
    pwy_status (*row)(void *arg, int64_t i, const struct pw_value **value, struct pw_goal *goal);
    const char *kind;                       /* the task's: "classify", "regress", ... */
    int outputs;                            /* of the task's head */
    int64_t numbers;                        /* about as many of its own as the sense should have at most; 0: no bound */
    uint64_t seed;
    struct pw_pool *pool;                   /* may be NULL */
};

struct pw_sense {
    const struct pw_sense_ops *ops;
    struct pw_params *params;
    pwy_tokenizer *tok;                     /* that of the model's texts of this stem, or NULL */
    int d;
    const char *kind; int outputs;          /* the task's kind and the number of its head's outputs; set before open */
    /* "task/NAME/PART": prefix of its own parameters and constants; and of shared ones: the sense's name most often */
    char *own; const char *stem;
    int64_t wide_rows;                      /* size of the sparse feature space, 0: none. Set by open, fit or load */
    int wide_dense;   /* width of dense wide features that come out of forward, with a gradient; 0: none */
    bool wide_logits;                       /* encode gives wide_logits */
    double input;                           /* what the setting of pw_sense_input comes to; known once it is fitted */
    int64_t left_out;                       /* numbers that it would have of its own if nothing were cut down */
    void *state;                            /* the sense's own */
};

/* The setting that cuts the sparse feature space down to the features that tell most: its value where nothing is cut,
   and the rows beside. */
struct pw_sense_limit { const char *setting; int64_t all, beside; };
/* The setting that bounds how much of a value the trunk looks at, the least that it may be, and whether it is a whole
   number. What it comes to is the sense's `input`. */
struct pw_sense_input { const char *setting; double least; bool whole; };

struct pw_sense_ops {
    const char *name;                       /* "text" */
    enum pw_value_type takes;
    /* words of its own that a recipe's part may use, NULL: none; for help and nearest word. column, path and record
       belong to the readers and are skipped */
    const struct pw_option *settings;
    struct pw_sense_limit limit;            /* setting NULL: the space is small, or none */
    struct pw_sense_input input;            /* setting NULL: rows are few, or as many as the value has */
    const struct pw_sign_ops *sign;         /* how its values look, to tell tasks apart by; NULL: they cannot be told */
    pwy_status (*open)(struct pw_sense *s, const struct pw_node *settings);   /* NULL: defaults. Unknown word: error */
    pwy_status (*fit)(struct pw_sense *s, const struct pw_fit *rows);                 /* NULL: nothing to fit */
    /* puts what load needs beside the settings into a map; large arrays belong in PW_CONST parameters */
    pwy_status (*save)(const struct pw_sense *s, struct pw_node *into);
    pwy_status (*load)(struct pw_sense *s, const struct pw_node *from);
    pwy_status (*declare)(struct pw_sense *s);
    /* augment NULL: none (evaluation, prediction). Bad value: PWY_E_DATA with a message that starts at the value,
       "picture is 0 by 0". */
    pwy_status (*encode)(const struct pw_sense *s, const struct pw_value *value, struct pw_rng *augment,
                         struct pw_arena *arena, struct pw_encoded *out);
    /* rows (sum of n_tokens, d) of the values in order; wide (n, wide_dense). keep NULL at inference. */
    pwy_status (*forward)(const struct pw_sense *s, struct pw_exec *x, int n, const struct pw_encoded *const *in,
                          real *rows, real *wide, void **keep);
    pwy_status (*backward)(const struct pw_sense *s, struct pw_exec *x, int n, const struct pw_encoded *const *in,
                           void *keep, const real *drows, const real *dwide);
    void (*close)(struct pw_sense *s);      /* frees state */
};

extern const struct pw_sense_ops *const pw_senses[];               /* ended by NULL */
const struct pw_sense_ops *pw_sense_find(const char *name);        /* NULL: none */
/* What `open` calls: reads settings (NULL: nothing set) by the sense's table, passing over the readers' words (sense,
   column, columns, path, record) that the table does not have. `what` names the sense in messages. */
pwy_status pw_sense_options(const struct pw_node *settings, const char *what, const struct pw_option *table,
                            void *into);
/* text.c: the token embedding (vocab, d) that text shares with writing: parameter "text.embed" N(0, .05). */
pwy_status pw_text_embedding(struct pw_params *params, const char *stem, pwy_tokenizer *tok, int d,
                             struct pw_param **out);

/* trees.c: gradient boosted trees over binned columns, the wide path of tables (Chen and Guestrin 2016; Ke et al. 2017
   for the histograms). */
#endif

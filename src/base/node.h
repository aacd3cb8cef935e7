/* A tree of settings: what an options handle holds, what a recipe's YAML is read into, what a model file's JSON
   becomes. Scalars are kept as text with the place they came from, so that any error can name file, line and the
   nearest word. */
#ifndef PW_NODE_H
#define PW_NODE_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/error.h"
#include "pathways/options.h"

enum pw_node_kind { PW_SCALAR, PW_LIST, PW_MAP };

struct pw_node {
    enum pw_node_kind kind;
    char *text;                    /* PW_SCALAR */
    bool quoted;                   /* PW_SCALAR: written in quotes, so never a number, a flag or null */
    int n, cap;
    struct pw_node **item;         /* [n] PW_LIST, PW_MAP: owned */
    char **key;                    /* [n] PW_MAP */
    char *file;                    /* where it was read, or NULL: set by the program. Owned */
    long line;
};

struct pw_node *pw_node_new(enum pw_node_kind kind);               /* NULL: no memory, error set */
struct pw_node *pw_node_text(const char *text, bool quoted);
struct pw_node *pw_node_copy(const struct pw_node *node);
void pw_node_free(struct pw_node *node);                           /* and all below it; NULL allowed */
struct pw_node *pw_node_get(const struct pw_node *map, const char *key);       /* NULL: not there, or map is NULL */
/* takes value, also on failure; replaces */
pwy_status pw_node_put(struct pw_node *map, const char *key, struct pw_node *value);
void pw_node_remove(struct pw_node *map, const char *key);          /* nothing where it is not there */
pwy_status pw_node_add(struct pw_node *list, struct pw_node *value);           /* takes value, also on failure */
/* The usual values, made and put (or added to a list) in one call. text NULL: left out; a word is not quoted; a number
   that is not finite is null. */
pwy_status pw_node_put_text(struct pw_node *map, const char *key, const char *text);
pwy_status pw_node_put_word(struct pw_node *map, const char *key, const char *word);
pwy_status pw_node_put_number(struct pw_node *map, const char *key, double number);
pwy_status pw_node_put_int(struct pw_node *map, const char *key, int64_t number);
pwy_status pw_node_put_flag(struct pw_node *map, const char *key, bool flag);
pwy_status pw_node_put_copy(struct pw_node *map, const char *key, const struct pw_node *value);   /* NULL: left out */
/* owned by map */
pwy_status pw_node_put_new(struct pw_node *map, const char *key, enum pw_node_kind kind, struct pw_node **out);
pwy_status pw_node_add_text(struct pw_node *list, const char *text);
pwy_status pw_node_add_number(struct pw_node *list, double number);
pwy_status pw_node_add_int(struct pw_node *list, int64_t number);
pwy_status pw_node_add_new(struct pw_node *list, enum pw_node_kind kind, struct pw_node **out);      /* owned by list */
/* pw_fail with the node's file and line where it has them. */
pwy_status pw_node_fail(const struct pw_node *node, pwy_status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* YAML (libyaml) into a tree; an alias or a tag is refused, a key twice is an error with its line. `name` stands in
   messages and in every node's file; NULL: none. */
pwy_status pw_node_from_yaml(const char *text, size_t len, const char *name, struct pw_node **out);
pwy_status pw_node_from_json(const char *text, size_t len, const char *name, struct pw_node **out);
/* sorted as inserted; scalars as numbers/true/false/null where they read as such and are not quoted */
char *pw_node_to_json(const struct pw_node *node);

struct pwy_options { struct pw_node *map; };

/* One setting of a table-driven reader: where its value goes in a struct, and its range. */
/* int64_t, double, bool, char * (owned copy), const struct pw_node * (borrowed) */
/* PW_OPT_WORD: int64_t, which of the words it is */
enum pw_option_type { PW_OPT_INT, PW_OPT_NUMBER, PW_OPT_FLAG, PW_OPT_TEXT, PW_OPT_NODE, PW_OPT_WORD };
struct pw_option { const char *name; enum pw_option_type type; size_t offset; double min, max;
    const char *const *words; };      /* of PW_OPT_WORD, ended by NULL */
/* Reads map (NULL: nothing set) by a table that ends with {0}; what is not in map keeps its value in `into`. An
   unknown key is an error with the nearest word; a value out of range names the range. `what` names the map
   ("model"). */
pwy_status pw_options_read(const struct pw_node *map, const char *what, const struct pw_option *table, void *into);
void pw_options_release(const struct pw_option *table, void *into);   /* frees the texts */
#endif

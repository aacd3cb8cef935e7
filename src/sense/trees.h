/* Gradient boosted trees over binned columns, the wide path of tables (Chen and Guestrin 2016; Ke et al. 2017 for the
   histograms). A forest is fitted once, from the training rows, and never trained further: constants, like quantiles.
   */
#ifndef PW_TREES_H
#define PW_TREES_H
#include "sense/sense.h"

enum { PW_TREES_OUTPUTS = 20, PW_TREES_COLUMNS = 4096 };     /* more classes or columns: no trees */

/* Binned rows: 0 .. n-1 to learn from, then n_valid to stop by. bin (cols, n + n_valid), 0: missing. */
struct pw_tree_rows {
    int64_t n, n_valid; int cols;
    const uint8_t *bin;
    const int32_t *label; int outputs;          /* classify: 0 .. outputs-1; NULL: regress, by number */
    const float *number;
};

struct pw_trees {
    int outputs, groups, cols;                  /* groups: trees a round; 1 where outputs are 1 or 2, else outputs */
    int64_t n_trees, n_nodes;
    struct pw_param *base, *root, *node;        /* constants (groups), (n_trees), (n_nodes, 2); i: group i % groups */
};

/* Chooses depth and rate by the validation rows, then averages forests of several seeds; declares the constants under
   s->own. The same bytes whatever the pool. A forest of no trees is what comes out when nothing can be learned. */
struct pw_trees_bound {
    int64_t nodes; bool tenth;                  /* of all of them at most, 0: any; and a tenth of what is whole */
    int64_t whole;                              /* out: what they would have without a bound, about */
};
pwy_status pw_trees_fit(struct pw_sense *s, const struct pw_tree_rows *rows, uint64_t seed,
                        struct pw_trees_bound *bound, struct pw_pool *pool, struct pw_trees *out);
pwy_status pw_trees_save(const struct pw_trees *t, struct pw_node *into);
pwy_status pw_trees_load(struct pw_trees *t, const struct pw_node *from, int cols, int outputs);
pwy_status pw_trees_declare(struct pw_sense *s, struct pw_trees *t);
/* logits (outputs): the standardised number, or scores whose softmax is the forest's answer. */
void pw_trees_answer(const struct pw_trees *t, const uint8_t *bin, real *logits);

/* grow.c: one boosted forest. Nodes in preorder, two numbers each: (0, value) of a leaf, else (column * 256 + bin +
   1, nodes from here to the right child); a row goes left when its bin is at most that. */
/* nodes: no more than so many, 0: as many as it takes */
struct pw_forest_how { int depth; double rate, columns; int64_t rounds, patience, nodes; uint64_t seed; };
struct pw_forest {
    struct pw_buf node, root;                   /* floats */
    int64_t n_trees, n_nodes;
    double loss;                                /* of the validation rows after the rounds kept */
};
pwy_status pw_forest_grow(const struct pw_tree_rows *rows, const struct pw_forest_how *how, const double *base,
                          struct pw_pool *pool, struct pw_forest *out);
void pw_forest_free(struct pw_forest *f);
#endif

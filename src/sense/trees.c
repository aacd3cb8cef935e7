/* Choosing, averaging, keeping and asking boosted trees. */
#include "sense/trees.h"
#include "sense/fitted.h"
#include <string.h>

enum { SEEDS_SMALL = 5, SEEDS = 3, ROUNDS = 1000, PATIENCE = 50, FIXED_ROUNDS = 100, MOST_NODES = 1 << 24 };
static const double small_table = 1e5, work = 1.5e9, histogram_cells = 16e6;

static int groups_of(int outputs)
{
    return outputs > 2 ? outputs : 1;
}

/* --- fit --- */

/* Where the margins start: the mean, the log odds, or the log of each class's share. */
static void start_at(const struct pw_tree_rows *rows, double *base)
{
    double count[PW_TREES_OUTPUTS] = {0}, sum = 0, n = (double)rows->n;
    for (int64_t i = 0; i < rows->n; i++) {
        if (rows->label == NULL) sum += (double)rows->number[i];
        else count[rows->label[i]]++;
    }
    if (rows->label == NULL) base[0] = n > 0 ? sum / n : 0;
    else if (rows->outputs <= 2) base[0] = log((count[1] + .5) / (count[0] + .5));
    else for (int k = 0; k < rows->outputs; k++) base[k] = log((count[k] + .5) / (n + .5 * rows->outputs));
}

/* Rounds that the work allows, at the rate that so many need. */
static void bound_work(const struct pw_tree_rows *rows, struct pw_forest_how *how)
{
    double round = (double)rows->n * rows->cols * how->columns * how->depth * groups_of(rows->outputs);
    double most = work / (round > 1 ? round : 1);
    if (most < how->rounds) how->rounds = most < 30 ? 30 : (int64_t)most;
    if (how->rate * (double)how->rounds < 10) how->rate = 10 / (double)how->rounds;
    if (how->rate > .3) how->rate = .3;
    while (how->depth > 3 && (double)(1 << (how->depth - 1)) * rows->cols * 254 > histogram_cells) how->depth--;
}

static struct pw_forest_how plan(const struct pw_tree_rows *rows, int depth, double rate, int64_t nodes, uint64_t seed)
{
    struct pw_forest_how how = {.depth = depth, .rate = rate, .columns = rows->n >= 12000 ? .6 : .8, .rounds = ROUNDS,
                                .patience = PATIENCE, .nodes = nodes, .seed = seed};
    if (rows->n_valid == 0) how.rounds = FIXED_ROUNDS;
    bound_work(rows, &how);
    return how;
}

/* Grows one forest a setting and keeps the one of the lowest validation loss. Few nodes go further in shallow trees or
   at a higher rate. */
static pwy_status search(const struct pw_tree_rows *rows, const double *base, uint64_t seed, int64_t nodes,
                         struct pw_pool *pool, struct pw_forest_how *best_how, struct pw_forest *best)
{
    static const struct { int depth; double rate; } tried[] = {{4, .1}, {6, .05}, {8, .05}, {3, .1}, {4, .3}, {6, .2}};
    int n = rows->n_valid == 0 ? 1 : nodes > 0 ? 6 : 3;
    for (int i = 0; i < n; i++) {
        struct pw_forest_how how = plan(rows, tried[i].depth, tried[i].rate, nodes, seed);
        struct pw_forest forest;
        PW_TRY(pw_forest_grow(rows, &how, base, pool, &forest));
        bool better = i == 0 || forest.loss < best->loss;
        pw_forest_free(better ? best : &forest);
        if (!better) continue;
        *best = forest;
        *best_how = how;
    }
    return PWY_OK;
}

/* Writes forest f behind what stands in t, its leaves divided by the number of forests. */
static void append(struct pw_trees *t, const struct pw_forest *f, int64_t tree, int64_t node, double share)
{
    const float *from = (const float *)(const void *)f->node.data, *root = (const float *)(const void *)f->root.data;
    for (int64_t i = 0; i < f->n_nodes; i++) {
        bool leaf = from[2 * i] == 0;
        t->node->w[2 * (node + i)] = (real)from[2 * i];
        t->node->w[2 * (node + i) + 1] = (real)(leaf ? (float)((double)from[2 * i + 1] * share) : from[2 * i + 1]);
    }
    for (int64_t i = 0; i < f->n_trees; i++) t->root->w[tree + i] = (real)(root[i] + (float)node);
}

static pwy_status keep_forests(struct pw_sense *s, struct pw_trees *t, const struct pw_forest *f, int n,
                               const double *base)
{
    int64_t tree = 0, node = 0, nodes = 0;
    for (int i = 0; i < n; i++) {
        nodes += f[i].n_nodes;
        if (nodes > MOST_NODES) n = i;
    }
    for (int i = 0; i < n; i++) {
        t->n_trees += f[i].n_trees;
        t->n_nodes += f[i].n_nodes;
    }
    PW_TRY(pw_trees_declare(s, t));
    for (int k = 0; k < t->groups; k++) t->base->w[k] = (real)base[k];
    for (int i = 0; i < n; i++) {
        append(t, &f[i], tree, node, 1.0 / n);
        tree += f[i].n_trees;
        node += f[i].n_nodes;
    }
    return PWY_OK;
}

/* The first forest says how many nodes all would have; where that is too many it is grown again within the bound. */
static pwy_status grow_first(const struct pw_tree_rows *rows, const double *base, uint64_t seed,
                             struct pw_trees_bound *bound, struct pw_pool *pool, int n, struct pw_forest_how *how,
                             struct pw_forest *first)
{
    PW_TRY(search(rows, base, seed, 0, pool, how, first));
    bound->whole = first->n_nodes * n;
    if (bound->nodes == 0 || bound->whole <= bound->nodes) return PWY_OK;
    if (bound->tenth) bound->nodes += bound->whole / 10;
    if (first->n_nodes <= bound->nodes) return PWY_OK;
    pw_forest_free(first);
    return search(rows, base, seed, bound->nodes, pool, how, first);
}

/* As many forests as asked for, or as there are nodes for. */
static pwy_status grow_all(const struct pw_tree_rows *rows, const double *base, uint64_t seed,
                           struct pw_trees_bound *bound, struct pw_pool *pool, struct pw_forest *forest, int *n)
{
    struct pw_forest_how how;
    int64_t left;
    PW_TRY(grow_first(rows, base, seed, bound, pool, *n, &how, &forest[0]));
    left = bound->nodes - forest[0].n_nodes;
    for (int i = 1; i < *n; i++, left -= forest[i - 1].n_nodes) {
        if (bound->nodes > 0 && left < forest[0].n_nodes) {
            *n = i;
            break;
        }
        how.nodes = bound->nodes > 0 ? left : 0;
        how.seed = seed + (uint64_t)i;
        PW_TRY(pw_forest_grow(rows, &how, base, pool, &forest[i]));
    }
    return PWY_OK;
}

pwy_status pw_trees_fit(struct pw_sense *s, const struct pw_tree_rows *rows, uint64_t seed,
                        struct pw_trees_bound *bound, struct pw_pool *pool, struct pw_trees *out)
{
    struct pw_trees t = {.outputs = rows->outputs, .groups = groups_of(rows->outputs), .cols = rows->cols};
    struct pw_forest forest[SEEDS_SMALL] = {0};
    double base[PW_TREES_OUTPUTS];
    int n = (double)rows->n * rows->cols < small_table ? SEEDS_SMALL : SEEDS;
    start_at(rows, base);
    pwy_status status = rows->n > 0 ? grow_all(rows, base, seed, bound, pool, forest, &n) : PWY_OK;
    if (status == PWY_OK) status = keep_forests(s, &t, forest, n, base);
    for (int i = 0; i < SEEDS_SMALL; i++) pw_forest_free(&forest[i]);
    if (status == PWY_OK) *out = t;
    return status;
}

/* --- life in a file --- */

pwy_status pw_trees_declare(struct pw_sense *s, struct pw_trees *t)
{
    int64_t trees = t->n_trees > 0 ? t->n_trees : 1, nodes = t->n_nodes > 0 ? t->n_nodes : 1;
    PW_TRY(pw_param_declare(s->params, PW_CONST, PW_ZEROS, 0, 1, PW_SHAPE(t->groups), &t->base, "%s/trees.base",
                            s->own));
    PW_TRY(pw_param_declare(s->params, PW_CONST, PW_ZEROS, 0, 1, PW_SHAPE(trees), &t->root, "%s/trees.root", s->own));
    return pw_param_declare(s->params, PW_CONST, PW_ZEROS, 0, 2, PW_SHAPE(nodes, 2), &t->node, "%s/trees.node", s->own);
}

pwy_status pw_trees_save(const struct pw_trees *t, struct pw_node *into)
{
    PW_TRY(pw_fitted_put(into, "trees", (double)t->n_trees));
    return pw_fitted_put(into, "tree_nodes", (double)t->n_nodes);
}

pwy_status pw_trees_load(struct pw_trees *t, const struct pw_node *from, int cols, int outputs)
{
    double trees, nodes;
    if (outputs < 1 || outputs > PW_TREES_OUTPUTS)
        return pw_fail(PWY_E_FORMAT, "table: trees for %d outputs; 1 to %d would be right", outputs, PW_TREES_OUTPUTS);
    PW_TRY(pw_fitted_get(from, "table", "trees", 0, MOST_NODES, &trees));
    PW_TRY(pw_fitted_get(from, "table", "tree_nodes", 0, MOST_NODES, &nodes));
    *t = (struct pw_trees){.outputs = outputs, .groups = groups_of(outputs), .cols = cols, .n_trees = (int64_t)trees,
                           .n_nodes = (int64_t)nodes};
    return PWY_OK;
}

/* --- asking --- */

/* The leaf's value. Steps lead forward only and stay within the forest, whatever a file holds. */
static real ask(const struct pw_trees *t, int64_t at, const uint8_t *bin)
{
    while (at >= 0 && at < t->n_nodes) {
        const real *node = t->node->w + 2 * at;
        if (!(node[0] >= 1)) return node[1];
        int64_t code = node[0] < (real)(t->cols * 256 + 1) ? (int64_t)node[0] - 1 : 0;
        bool left = bin[code / 256] <= code % 256;
        int64_t step = node[1] >= 2 && node[1] <= (real)MOST_NODES ? (int64_t)node[1] : 2;
        at += left ? 1 : step;
    }
    return 0;
}

void pw_trees_answer(const struct pw_trees *t, const uint8_t *bin, real *logits)
{
    real sum[PW_TREES_OUTPUTS];
    for (int k = 0; k < t->groups; k++) sum[k] = t->base->w[k];
    for (int64_t i = 0; i < t->n_trees; i++) {
        real root = t->root->w[i];
        sum[i % t->groups] += ask(t, root >= 0 && root < (real)t->n_nodes ? (int64_t)root : -1, bin);
    }
    for (int k = 0; k < t->groups; k++) logits[k] = sum[k];
    if (t->outputs == 2) {
        logits[0] = -sum[0] / 2;
        logits[1] = sum[0] / 2;
    }
}

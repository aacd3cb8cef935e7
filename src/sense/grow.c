/* Growing one boosted forest: level by level, by histograms of gradient and hessian; the larger child's histogram is
   its parent's less the smaller child's. Every sum runs over rows in a fixed order, a column at a time, so the pool
   does not show in the result. */
#include "sense/trees.h"
#include "base/rng.h"
#include "sys/pool.h"
#include <stdlib.h>
#include <string.h>

enum { BINS = 256, DEEPEST = 8, NODES = 2 << DEEPEST, CHUNK = 4096 };
static const double lambda = 1, min_hessian = 1, row_share = .8;

struct cell { double g, h; };
struct pair { float g, h; };

struct node {
    int64_t begin, end;                         /* its sampled rows, in order[] */
    int64_t other, other_end;                   /* its other rows: not sampled, and those to stop by */
    struct cell sum;
    int column, bin, child;                     /* column -1: leaf; child: its left child, the right one follows */
    int slot;                                   /* of its histogram in this level's */
    double value;
};

struct grower {
    const struct pw_tree_rows *rows; const struct pw_forest_how *how;
    struct pw_pool *pool;
    int groups; int64_t all;
    float *score;                               /* (groups, all) */
    struct pair *pull;                          /* (groups, n): gradient and hessian of every row */
    int32_t *order, *spare;                     /* (all): sampled rows, then the others, by node */
    struct pair *pair, *spare_pair;             /* (sampled): pull in the order of order[] */
    int64_t sampled;
    int *column, n_columns;                     /* of this tree */
    int *n_bins, *offset;                       /* (cols): bins of each; where each sampled one stands in a histogram */
    int width;                                  /* of a histogram */
    struct cell *histogram, *next;              /* of this level, by slot, and of the next one */
    struct node node[NODES]; int n_nodes;
    int level_begin, level_end, *build, n_build;
};

/* --- gradients --- */

static void pull_regress(struct grower *g, int64_t i)
{
    g->pull[i] = (struct pair){g->score[i] - g->rows->number[i], 1};
}

static void pull_binary(struct grower *g, int64_t i)
{
    float p = 1 / (1 + expf(-g->score[i]));
    g->pull[i] = (struct pair){p - (float)g->rows->label[i], p * (1 - p)};
}

static void pull_classes(struct grower *g, int64_t i)
{
    float most = g->score[i], sum = 0;
    for (int k = 1; k < g->groups; k++) most = fmaxf(most, g->score[k * g->all + i]);
    for (int k = 0; k < g->groups; k++) sum += expf(g->score[k * g->all + i] - most);
    for (int k = 0; k < g->groups; k++) {
        float p = expf(g->score[k * g->all + i] - most) / sum;
        g->pull[k * g->rows->n + i] = (struct pair){p - (g->rows->label[i] == k), p * (1 - p)};
    }
}

static void pull_chunk(void *arg, int item, int worker)
{
    struct grower *g = arg;
    int64_t to = (int64_t)(item + 1) * CHUNK;
    (void)worker;
    for (int64_t i = (int64_t)item * CHUNK; i < to && i < g->rows->n; i++) {
        if (g->rows->label == NULL) pull_regress(g, i);
        else if (g->groups == 1) pull_binary(g, i);
        else pull_classes(g, i);
    }
}

static double row_loss(const struct grower *g, int64_t i)
{
    if (g->rows->label == NULL) {
        double miss = (double)(g->score[i] - g->rows->number[i]);
        return miss * miss;
    }
    if (g->groups == 1) return log1p(exp(g->rows->label[i] == 1 ? -(double)g->score[i] : (double)g->score[i]));
    double most = (double)g->score[i], sum = 0;
    for (int k = 1; k < g->groups; k++) most = fmax(most, (double)g->score[k * g->all + i]);
    for (int k = 0; k < g->groups; k++) sum += exp((double)g->score[k * g->all + i] - most);
    return log(sum) + most - (double)g->score[g->rows->label[i] * g->all + i];
}

static double valid_loss(const struct grower *g)
{
    double sum = 0;
    for (int64_t i = g->rows->n; i < g->all; i++) sum += row_loss(g, i);
    return g->rows->n_valid > 0 ? sum / (double)g->rows->n_valid : 0;
}

/* --- what a tree sees: rows by chance, once a round; columns by chance, once a tree --- */

static void sample_rows(struct grower *g, int64_t round)
{
    struct pw_rng rng = pw_rng_at(g->how->seed, pw_hash("trees.rows", 10) + (uint64_t)round, 0);
    const uint32_t below = (uint32_t)(row_share * 4294967296.0);
    int64_t others = 0;
    g->sampled = 0;
    for (int32_t i = 0; i < g->rows->n; i++) {
        if (pw_rng_u32(&rng) < below) g->spare[g->sampled++] = i;
        else g->order[others++] = i;
    }
    memmove(g->order + g->sampled, g->order, (size_t)others * sizeof *g->order);
    memcpy(g->order, g->spare, (size_t)g->sampled * sizeof *g->order);
    for (int64_t i = g->rows->n; i < g->all; i++) g->order[i] = (int32_t)i;
}

static void sample_columns(struct grower *g, int64_t tree)
{
    uint64_t key = pw_hash("trees.columns", 13) ^ (g->how->seed * 0x9e3779b97f4a7c15u + (uint64_t)tree);
    int cols = g->rows->cols, want = (int)ceil(g->how->columns * cols);
    memset(g->offset, 0, sizeof *g->offset * (size_t)cols);
    for (int i = 0; i < want; i++) g->offset[pw_permute(key, (uint64_t)cols, (uint64_t)i)] = 1;
    g->n_columns = g->width = 0;
    for (int c = 0; c < cols; c++) {
        if (!g->offset[c]) continue;
        g->column[g->n_columns++] = c;
        g->offset[c] = g->width;
        g->width += g->n_bins[c];
    }
}

/* --- histograms --- */

static struct cell *slot_of(struct cell *histogram, const struct grower *g, int slot)
{
    return histogram + (int64_t)slot * g->width;
}

/* One column of every node to be built, into g->next. */
static void build_column(void *arg, int item, int worker)
{
    struct grower *g = arg;
    int c = g->column[item];
    const uint8_t *bin = g->rows->bin + (size_t)c * (size_t)g->all;
    (void)worker;
    for (int b = 0; b < g->n_build; b++) {
        const struct node *node = &g->node[g->build[b]];
        struct cell *cell = slot_of(g->next, g, node->slot) + g->offset[c];
        memset(cell, 0, sizeof *cell * (size_t)g->n_bins[c]);
        for (int64_t i = node->begin; i < node->end; i++) {
            struct cell *at = &cell[bin[g->order[i]]];
            at->g += (double)g->pair[i].g;
            at->h += (double)g->pair[i].h;
        }
    }
}

/* --- the best split of a node --- */

static double score_of(struct cell c)
{
    return c.g * c.g / (c.h + lambda);
}

static void best_of_column(const struct grower *g, struct node *node, int c, double *best)
{
    const struct cell *cell = slot_of(g->histogram, g, node->slot) + g->offset[c];
    struct cell left = {0, 0};
    for (int b = 0; b + 1 < g->n_bins[c]; b++) {
        if (cell[b].h == 0) continue;
        left.g += cell[b].g;
        left.h += cell[b].h;
        struct cell right = {node->sum.g - left.g, node->sum.h - left.h};
        if (left.h < min_hessian) continue;
        if (right.h < min_hessian) return;
        double gain = score_of(left) + score_of(right);
        if (!(gain > *best)) continue;
        *best = gain;
        node->column = c;
        node->bin = b;
    }
}

static void split_node(void *arg, int item, int worker)
{
    struct grower *g = arg;
    struct node *node = &g->node[g->level_begin + item];
    double best = score_of(node->sum) * (1 + 1e-7) + 1e-6;
    (void)worker;
    node->column = -1;
    for (int c = 0; c < g->n_columns; c++) best_of_column(g, node, g->column[c], &best);
}

/* --- children --- */

/* Stable partition of order[from .. to-1]; sampled rows carry their pairs along. Returns where the right
   part begins. */
static int64_t partition(struct grower *g, const struct node *node, int64_t from, int64_t to, bool pairs)
{
    const uint8_t *bin = g->rows->bin + (size_t)node->column * (size_t)g->all;
    int64_t left = from, right = from;
    for (int64_t i = from; i < to; i++) {
        int32_t row = g->order[i];
        bool goes_left = bin[row] <= node->bin;
        int64_t at = goes_left ? left++ : right++;
        if (goes_left) g->order[at] = row;
        else g->spare[at] = row;
        if (!pairs) continue;
        if (goes_left) g->pair[at] = g->pair[i];
        else g->spare_pair[at] = g->pair[i];
    }
    memcpy(g->order + left, g->spare + from, (size_t)(right - from) * sizeof *g->order);
    if (pairs) memcpy(g->pair + left, g->spare_pair + from, (size_t)(right - from) * sizeof *g->pair);
    return left;
}

static void part_node(void *arg, int item, int worker)
{
    struct grower *g = arg;
    struct node *node = &g->node[g->level_begin + item];
    (void)worker;
    if (node->column < 0) return;
    struct node *left = &g->node[node->child], *right = left + 1;
    int64_t middle = partition(g, node, node->begin, node->end, true);
    int64_t others = partition(g, node, node->other, node->other_end, false);
    *left = (struct node){.begin = node->begin, .end = middle, .other = node->other, .other_end = others, .column = -1};
    *right = (struct node){.begin = middle, .end = node->end, .other = others, .other_end = node->other_end,
                           .column = -1};
}

static void add_children(struct grower *g)
{
    for (int i = g->level_begin; i < g->level_end; i++) {
        if (g->node[i].column < 0) continue;
        g->node[i].child = g->n_nodes;
        g->n_nodes += 2;
    }
}

/* Slots of the next level's histograms; the smaller child of each pair is built, the other one subtracted. */
static void plan_level(struct grower *g)
{
    g->n_build = 0;
    for (int i = g->level_begin; i < g->level_end; i++) {
        if (g->node[i].column < 0) continue;
        struct node *left = &g->node[g->node[i].child], *right = left + 1;
        left->slot = (int)(left - &g->node[g->level_end]);
        right->slot = left->slot + 1;
        g->build[g->n_build++] = g->node[i].child + (left->end - left->begin > right->end - right->begin);
    }
}

static struct cell sum_of(const struct grower *g, const struct cell *cell, int c)
{
    struct cell sum = {0, 0};
    for (int b = 0; b < g->n_bins[c]; b++) {
        sum.g += cell[g->offset[c] + b].g;
        sum.h += cell[g->offset[c] + b].h;
    }
    return sum;
}

static void subtract_node(void *arg, int item, int worker)
{
    struct grower *g = arg;
    struct node *parent = &g->node[g->level_begin + item];
    (void)worker;
    if (parent->column < 0) return;
    struct node *left = &g->node[parent->child], *right = left + 1;
    bool right_built = left->end - left->begin > right->end - right->begin;
    struct node *built = right_built ? right : left, *rest = right_built ? left : right;
    const struct cell *whole = slot_of(g->histogram, g, parent->slot), *part = slot_of(g->next, g, built->slot);
    struct cell *out = slot_of(g->next, g, rest->slot);
    for (int i = 0; i < g->width; i++) out[i] = (struct cell){whole[i].g - part[i].g, whole[i].h - part[i].h};
    built->sum = sum_of(g, part, g->column[0]);
    rest->sum = (struct cell){parent->sum.g - built->sum.g, parent->sum.h - built->sum.h};
}

static void swap_levels(struct grower *g)
{
    struct cell *old = g->histogram;
    g->histogram = g->next;
    g->next = old;
}

/* Splits a level and lays out the next; `last`: its children are leaves and need no histogram. False when nothing
   split. */
static bool grow_level(struct grower *g, bool last)
{
    int n = g->level_end - g->level_begin, before = g->n_nodes;
    pw_pool_run(g->pool, n, split_node, g);
    add_children(g);
    if (g->n_nodes == before) return false;
    pw_pool_run(g->pool, n, part_node, g);
    plan_level(g);
    if (last) {
        g->level_begin = g->level_end;
        g->level_end = g->n_nodes;
        return true;
    }
    pw_pool_run(g->pool, g->n_columns, build_column, g);
    pw_pool_run(g->pool, n, subtract_node, g);
    g->level_begin = g->level_end;
    g->level_end = g->n_nodes;
    swap_levels(g);
    return true;
}

static void grow_root(struct grower *g, int group)
{
    for (int64_t i = 0; i < g->sampled; i++) g->pair[i] = g->pull[group * g->rows->n + g->order[i]];
    g->node[0] = (struct node){.end = g->sampled, .other = g->sampled, .other_end = g->all, .column = -1};
    g->n_nodes = g->level_end = 1;
    g->level_begin = 0;
    g->build[0] = 0;
    g->n_build = 1;
    pw_pool_run(g->pool, g->n_columns, build_column, g);
    swap_levels(g);
    g->node[0].sum = sum_of(g, slot_of(g->histogram, g, 0), g->column[0]);
}

/* Children of the last level have no histogram: their sums come from their rows. */
static void sum_leaves(struct grower *g)
{
    for (int n = g->level_begin; n < g->level_end; n++) {
        struct node *node = &g->node[n];
        node->sum = (struct cell){0, 0};
        for (int64_t i = node->begin; i < node->end; i++) {
            node->sum.g += (double)g->pair[i].g;
            node->sum.h += (double)g->pair[i].h;
        }
    }
}

static void set_leaf(struct grower *g, struct node *node, int group)
{
    float *score = g->score + group * g->all;
    node->value = (double)(float)(-node->sum.g / (node->sum.h + lambda) * g->how->rate);
    for (int64_t i = node->begin; i < node->end; i++) score[g->order[i]] += (float)node->value;
    for (int64_t i = node->other; i < node->other_end; i++) score[g->order[i]] += (float)node->value;
}

static void grow_tree(struct grower *g, int64_t tree, int group)
{
    sample_columns(g, tree);
    grow_root(g, group);
    for (int depth = 1; depth <= g->how->depth; depth++) {
        if (!grow_level(g, depth == g->how->depth)) break;
        if (depth == g->how->depth) sum_leaves(g);
    }
    for (int i = 0; i < g->n_nodes; i++)
        if (g->node[i].column < 0) set_leaf(g, &g->node[i], group);
}

/* --- writing --- */

static int size_of(const struct grower *g, int at)
{
    const struct node *node = &g->node[at];
    return node->column < 0 ? 1 : 1 + size_of(g, node->child) + size_of(g, node->child + 1);
}

static pwy_status write_node(const struct grower *g, int at, struct pw_forest *out)
{
    const struct node *node = &g->node[at];
    float pair[2] = {0, (float)node->value};
    out->n_nodes++;
    if (node->column < 0) return pw_buf_add(&out->node, pair, sizeof pair);
    pair[0] = (float)(node->column * BINS + node->bin + 1);
    pair[1] = (float)(1 + size_of(g, node->child));
    PW_TRY(pw_buf_add(&out->node, pair, sizeof pair));
    PW_TRY(write_node(g, node->child, out));
    return write_node(g, node->child + 1, out);
}

static pwy_status grow_round(struct grower *g, int64_t round, struct pw_forest *out)
{
    pw_pool_run(g->pool, (int)((g->rows->n + CHUNK - 1) / CHUNK), pull_chunk, g);
    for (int k = 0; k < g->groups; k++) {
        float root = (float)out->n_nodes;
        sample_rows(g, round);
        grow_tree(g, out->n_trees++, k);
        PW_TRY(pw_buf_add(&out->root, &root, sizeof root));
        PW_TRY(write_node(g, 0, out));
    }
    return PWY_OK;
}

/* --- a forest --- */

static void cut_back(struct pw_forest *f, int64_t n_trees, int64_t n_nodes)
{
    f->n_trees = n_trees;
    f->n_nodes = n_nodes;
    f->root.len = (size_t)n_trees * sizeof(float);
    f->node.len = (size_t)n_nodes * 2 * sizeof(float);
}

/* Rounds until the validation loss has not fallen for `patience` rounds, or there are too many nodes; then back to the
   best one. */
static pwy_status grow_rounds(struct grower *g, struct pw_forest *out)
{
    int64_t best_round = 0, trees = 0, nodes = 0;
    double best = valid_loss(g);
    for (int64_t round = 1; round <= g->how->rounds; round++) {
        PW_TRY(grow_round(g, round, out));
        if (g->how->nodes > 0 && out->n_nodes > g->how->nodes) break;
        double loss = valid_loss(g);
        if (g->rows->n_valid > 0 && !(loss < best)) {
            if (round - best_round >= g->how->patience) break;
            continue;
        }
        best = loss;
        best_round = round;
        trees = out->n_trees;
        nodes = out->n_nodes;
    }
    cut_back(out, trees, nodes);
    out->loss = best;
    return PWY_OK;
}

static void count_bins(struct grower *g)
{
    for (int c = 0; c < g->rows->cols; c++) {
        const uint8_t *bin = g->rows->bin + (size_t)c * (size_t)g->all;
        int most = 1;
        for (int64_t i = 0; i < g->rows->n; i++) most = bin[i] > most ? bin[i] : most;
        g->n_bins[c] = most + 1;
    }
}

static int widest(const struct grower *g)
{
    int width = 0;
    for (int c = 0; c < g->rows->cols; c++) width += g->n_bins[c];
    return width;
}

static pwy_status grower_open(struct grower *g, const double *base)
{
    size_t n = (size_t)g->rows->n + 1, all = (size_t)g->all + 1, cols = (size_t)g->rows->cols;
    PW_NEED(g->score = pw_calloc(all * (size_t)g->groups, sizeof *g->score));
    PW_NEED(g->pull = pw_calloc(n * (size_t)g->groups, sizeof *g->pull));
    PW_NEED(g->order = pw_calloc(all, 2 * sizeof *g->order));
    g->spare = g->order + all;
    PW_NEED(g->pair = pw_calloc(n, 2 * sizeof *g->pair));
    g->spare_pair = g->pair + n;
    PW_NEED(g->n_bins = pw_calloc(cols, 3 * sizeof *g->n_bins));
    g->offset = g->n_bins + cols;
    g->column = g->offset + cols;
    PW_NEED(g->build = pw_calloc(NODES, sizeof *g->build));
    count_bins(g);
    size_t cells = ((size_t)1 << (g->how->depth - 1)) * (size_t)widest(g);
    PW_NEED(g->histogram = pw_calloc(cells, sizeof *g->histogram));
    PW_NEED(g->next = pw_calloc(cells, sizeof *g->next));
    for (int64_t i = 0; i < g->groups * g->all; i++) g->score[i] = (float)base[i / g->all];
    return PWY_OK;
}

static void grower_free(struct grower *g)
{
    free(g->score);
    free(g->pull);
    free(g->order);
    free(g->pair);
    free(g->n_bins);
    free(g->build);
    free(g->histogram);
    free(g->next);
    free(g);
}

void pw_forest_free(struct pw_forest *f)
{
    pw_buf_free(&f->node);
    pw_buf_free(&f->root);
    *f = (struct pw_forest){0};
}

pwy_status pw_forest_grow(const struct pw_tree_rows *rows, const struct pw_forest_how *how, const double *base,
                          struct pw_pool *pool, struct pw_forest *out)
{
    struct pw_forest forest = {0};
    struct grower *g = pw_calloc(1, sizeof *g);
    PW_NEED(g);
    g->rows = rows;
    g->how = how;
    g->pool = pool;
    g->groups = rows->label != NULL && rows->outputs > 2 ? rows->outputs : 1;
    g->all = rows->n + rows->n_valid;
    pwy_status status = grower_open(g, base);
    if (status == PWY_OK) status = grow_rounds(g, &forest);
    grower_free(g);
    if (status == PWY_OK) *out = forest;
    else pw_forest_free(&forest);
    return status;
}

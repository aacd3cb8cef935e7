/* Products in bf16 by panels. An operand is packed once: the larger one by the tiles of C, each its part, into a little
   memory that the second cache holds; the other before them, for all. Deep products have both packed before. */
#include "kern/rounded.h"

enum {
    PIECE = 32768, LONGEST = 1024,              /* numbers of an item of packing; of them in one direction */
    DEEPEST = 1024, SCRATCH = 128 * DEEPEST     /* k of products whose tiles pack; numbers at a time */
};

struct item { const struct pw_operand *of; uint16_t *to; int line, p; };
struct packing { const struct pw_exec *x; struct pw_operand *operands; uint16_t **to; int n; struct item *items;
    int n_items; };

static int whole_panels(int n)
{
    return (n + PW_PANEL - 1) / PW_PANEL * PW_PANEL;
}

static int least(int a, int b)
{
    return a < b ? a : b;
}

/* An item is long in the direction of memory. */
static void item_size(const struct pw_operand *x, int *lines, int *depth)
{
    int extent = least(whole_panels(x->along ? x->k : x->lines), LONGEST);
    int across = PIECE / extent / PW_PANEL * PW_PANEL;
    *lines = x->along ? across : extent;
    *depth = x->along ? extent : across;
}

static int count_items(const struct pw_operand *x)
{
    int lines, depth;
    item_size(x, &lines, &depth);
    return ((x->lines + lines - 1) / lines) * ((x->k + depth - 1) / depth);
}

enum pw_packer pw_packer_of(const struct pw_product *p)
{
    return p->k > DEEPEST ? PW_PACKED_BEFORE : p->m >= p->n ? PW_TILES_PACK_A : PW_TILES_PACK_B;
}

static struct pw_operand left_of(const struct pw_product *p)
{
    return (struct pw_operand){ p->a, p->lda, p->m, p->k, !p->ta, false };
}

static struct pw_operand right_of(const struct pw_product *p)
{
    return (struct pw_operand){ p->b, p->ldb, p->n, p->k, p->tb, true };
}

static pwy_status take(struct packing *g, struct pw_operand x, const uint16_t **out)
{
    uint16_t *to = pw_arena_take(g->x->arena, (size_t)whole_panels(x.lines), (size_t)whole_panels(x.k) * sizeof *to);
    PW_NEED(to);
    g->operands[g->n] = x;
    g->to[g->n++] = to;
    *out = to;
    return PWY_OK;
}

static pwy_status plan_product(struct packing *g, const struct pw_product *p, struct pw_rounded *out)
{
    *out = (struct pw_rounded){ 0 };
    if (!p->bf16 || p->m <= 0 || p->n <= 0 || p->k <= 0)
        return PWY_OK;
    if (pw_packer_of(p) != PW_TILES_PACK_A)
        PW_TRY(take(g, left_of(p), &out->a));
    return pw_packer_of(p) != PW_TILES_PACK_B ? take(g, right_of(p), &out->b) : PWY_OK;
}

static pwy_status cut(struct packing *g)
{
    size_t count = 0;
    for (int i = 0; i < g->n; i++)
        count += (size_t)count_items(&g->operands[i]);
    PW_NEED(g->items = pw_arena_take(g->x->arena, count + 1, sizeof *g->items));
    for (int i = 0; i < g->n; i++) {
        const struct pw_operand *x = &g->operands[i];
        int lines, depth;
        item_size(x, &lines, &depth);
        for (int line = 0; line < x->lines; line += lines)
            for (int p = 0; p < x->k; p += depth)
                g->items[g->n_items++] = (struct item){ x, g->to[i], line, p };
    }
    return PWY_OK;
}

static void pack_item(void *arg, int item, int worker)
{
    const struct packing *g = arg;
    const struct item *i = &g->items[item];
    int lines, depth;
    (void)worker;
    item_size(i->of, &lines, &depth);
    g->x->kern->panels->pack(i->of, i->line, least(i->of->lines - i->line, lines), i->p, least(i->of->k - i->p, depth),
                             i->to);
}

pwy_status pw_pack_operands(struct pw_exec *x, const struct pw_product *list, int n, struct pw_rounded **out)
{
    struct packing g = { .x = x };
    struct pw_rounded *packed;
    PW_NEED(packed = pw_arena_take(x->arena, (size_t)n, sizeof *packed));
    PW_NEED(g.operands = pw_arena_take(x->arena, 2 * (size_t)n, sizeof *g.operands));
    PW_NEED(g.to = pw_arena_take(x->arena, 2 * (size_t)n, sizeof *g.to));
    for (int i = 0; i < n; i++)
        PW_TRY(plan_product(&g, &list[i], &packed[i]));
    PW_TRY(cut(&g));
    pw_exec_run(x, g.n_items, pack_item, &g);
    *out = packed;
    return PWY_OK;
}

uint16_t *pw_panels_scratch(struct pw_exec *x)
{
    return pw_arena_take(x->arena, (size_t)pw_pool_workers(x->pool), SCRATCH * sizeof(uint16_t));
}

/* Lines from `line` of an operand, an operand by itself. */
static struct pw_operand part_of(struct pw_operand x, int line, int lines)
{
    x.at += x.along ? (ptrdiff_t)line * x.ld : line;
    x.lines = lines;
    return x;
}

static void pack_part(const struct pw_exec *x, struct pw_operand of, int line, int lines, uint16_t *out)
{
    struct pw_operand part = part_of(of, line, lines);
    x->kern->panels->pack(&part, 0, lines, 0, of.k, out);
}

/* The tile at (row, col), of so many rows and columns that what it packs fits. */
static void multiply_part(const struct pw_exec *x, const struct pw_product *p, const struct pw_rounded *r, int row,
                          int col, int m, int n, uint16_t *scratch)
{
    ptrdiff_t line = whole_panels(p->k);
    if (r->a == NULL)
        pack_part(x, left_of(p), row, m, scratch);
    if (r->b == NULL)
        pack_part(x, right_of(p), col, n, scratch);
    x->kern->panels->multiply(m, n, p->k, r->a == NULL ? scratch : r->a + row * line,
                              r->b == NULL ? scratch : r->b + col * line, p->beta != 0,
                              p->c + (ptrdiff_t)row * p->ldc + col, p->ldc);
}

void pw_multiply_panels(const struct pw_exec *x, const struct pw_product *p, const struct pw_rounded *r, int row,
                        int col, int m, int n, int worker, uint16_t *scratch)
{
    int fit = SCRATCH / whole_panels(p->k) / PW_PANEL * PW_PANEL;
    int rows = r->a == NULL ? fit : m, cols = r->b == NULL ? fit : n;
    for (int i = 0; i < m; i += rows)
        for (int j = 0; j < n; j += cols)
            multiply_part(x, p, r, row + i, col + j, least(m - i, rows), least(n - j, cols),
                          scratch + (ptrdiff_t)worker * SCRATCH);
}

/* Runs lists of matrix products on the pool. A product is cut over the rows and columns of C, never over k, by its shape
   alone; so the bits don't depend on how many threads there are. Small tiles share one item of the pool. */
#include <stdlib.h>
#include "kern/exec.h"

enum {
    ROW_STEP = 16, COL_STEP = 48,       /* tiles end at multiples of these: whole register tiles of every table */
    DEPTH = 256                         /* rows of a transposed operand that are turned at a time */
};
/* In multiply-adds. A tile of TILE_MOST takes about 0.5 ms, one of TILE_LEAST 20 us: what is worth another thread. */
static const double TILE_LEAST = 1e6, TILE_MOST = 24e6, PIECES = 16;
/* The cost of reading an element of B, in multiply-adds: what few rows wait for. */
static const double READ_COST = 4;

struct tile { const struct pw_product *of; int row, col, m, n; double cost; int order; };
struct job { int first, end; };         /* tiles that run one after the other */
struct plan { const struct pw_exec *x; struct tile *tiles; int n_tiles; struct job *jobs; int n_jobs; };

static double cost_of(double m, double n, double k)
{
    return n * k * (m + READ_COST) + n;
}

static int step_up(int value, int step)
{
    return (value + step - 1) / step * step;
}

/* The size of p's tiles: the longer side is halved until a tile is small enough or a side is down to one step. */
static void tile_size(const struct pw_product *p, int *tile_m, int *tile_n)
{
    double target = cost_of(p->m, p->n, p->k) / PIECES;
    target = target < TILE_LEAST ? TILE_LEAST : target > TILE_MOST ? TILE_MOST : target;
    int m = p->m, n = p->n;
    while (cost_of(m, n, p->k) > target && (m > ROW_STEP || n > COL_STEP)) {
        if (n <= COL_STEP || (m > n && m > ROW_STEP))
            m = step_up((m + 1) / 2, ROW_STEP);
        else
            n = step_up((n + 1) / 2, COL_STEP);
    }
    *tile_m = m;
    *tile_n = n;
}

static int count_tiles(const struct pw_product *p)
{
    if (p->m <= 0 || p->n <= 0)
        return 0;
    int tile_m, tile_n;
    tile_size(p, &tile_m, &tile_n);
    return ((p->m + tile_m - 1) / tile_m) * ((p->n + tile_n - 1) / tile_n);
}

static void cut(struct plan *plan, const struct pw_product *p)
{
    if (p->m <= 0 || p->n <= 0)
        return;
    int tile_m, tile_n;
    tile_size(p, &tile_m, &tile_n);
    for (int row = 0; row < p->m; row += tile_m)
        for (int col = 0; col < p->n; col += tile_n) {
            int m = p->m - row < tile_m ? p->m - row : tile_m, n = p->n - col < tile_n ? p->n - col : tile_n;
            plan->tiles[plan->n_tiles] = (struct tile){ p, row, col, m, n, cost_of(m, n, p->k), plan->n_tiles };
            plan->n_tiles++;
        }
}

static int longest_first(const void *a, const void *b)
{
    const struct tile *s = a, *t = b;
    return s->cost != t->cost ? (s->cost < t->cost ? 1 : -1) : s->order - t->order;
}

/* Consecutive tiles into jobs of at least TILE_LEAST. */
static void gather(struct plan *plan)
{
    for (int i = 0; i < plan->n_tiles;) {
        struct job *job = &plan->jobs[plan->n_jobs++];
        job->first = i;
        for (double cost = 0; i < plan->n_tiles && cost < TILE_LEAST; i++)
            cost += plan->tiles[i].cost;
        job->end = i;
    }
}

/* At inference with B transposed: blocks of it are turned on the stack, on their way to the kernel. */
static void turned(const struct pw_kern *kern, const struct tile *t, const real *a, const real *b, real *c)
{
    const struct pw_product *p = t->of;
    real block[DEPTH * COL_STEP] __attribute__((aligned(64)));
    for (int j = 0; j < t->n; j += COL_STEP) {
        int cols = t->n - j < COL_STEP ? t->n - j : COL_STEP;
        for (int q = 0; q < p->k; q += DEPTH) {
            int depth = p->k - q < DEPTH ? p->k - q : DEPTH;
            kern->transpose(cols, depth, b + (ptrdiff_t)j * p->ldb + q, p->ldb, block, COL_STEP);
            kern->matmul(t->m, cols, depth, a + q, p->lda, block, COL_STEP, c + j, p->ldc, p->beta != 0 || q > 0);
        }
    }
}

static void run_tile(const struct pw_exec *x, const struct tile *t)
{
    const struct pw_product *p = t->of;
    const real *a = p->a + (p->ta ? t->row : (ptrdiff_t)t->row * p->lda);
    const real *b = p->b + (p->tb ? (ptrdiff_t)t->col * p->ldb : t->col);
    real *c = p->c + (ptrdiff_t)t->row * p->ldc + t->col;
    if (x->train)
        x->kern->gemm(p->ta, p->tb, t->m, t->n, p->k, a, p->lda, b, p->ldb, p->beta, c, p->ldc);
    else if (p->tb && p->k > 0)
        turned(x->kern, t, a, b, c);
    else
        x->kern->matmul(t->m, t->n, p->k, a, p->lda, b, p->ldb, c, p->ldc, p->beta != 0);
}

static void run_job(void *arg, int item, int worker)
{
    const struct plan *plan = arg;
    (void)worker;
    for (int i = plan->jobs[item].first; i < plan->jobs[item].end; i++)
        run_tile(plan->x, &plan->tiles[i]);
}

static pwy_status run_list(struct pw_exec *x, const struct pw_product *list, int n)
{
    size_t count = 0;
    for (int i = 0; i < n; i++)
        count += count_tiles(&list[i]);
    if (count == 0)
        return PWY_OK;
    struct plan plan = { .x = x };
    PW_NEED(plan.tiles = pw_arena_take(x->arena, count, sizeof *plan.tiles));
    PW_NEED(plan.jobs = pw_arena_take(x->arena, count, sizeof *plan.jobs));
    for (int i = 0; i < n; i++)
        cut(&plan, &list[i]);
    qsort(plan.tiles, plan.n_tiles, sizeof *plan.tiles, longest_first);
    gather(&plan);
    pw_exec_run(x, plan.n_jobs, run_job, &plan);
    return PWY_OK;
}

/* At inference, the list with every transposed A copied to the arena as the kernel wants it. */
static pwy_status straighten(struct pw_exec *x, const struct pw_product **list, int n)
{
    struct pw_product *copy;
    PW_NEED(copy = pw_arena_take(x->arena, n, sizeof *copy));
    for (int i = 0; i < n; i++) {
        copy[i] = (*list)[i];
        if (!copy[i].ta || copy[i].m <= 0 || copy[i].k <= 0)
            continue;
        real *a;
        PW_NEED(a = pw_arena_take(x->arena, (size_t)copy[i].m * copy[i].k, sizeof *a));
        x->kern->transpose(copy[i].k, copy[i].m, copy[i].a, copy[i].lda, a, copy[i].k);
        copy[i].ta = false;
        copy[i].a = a;
        copy[i].lda = copy[i].k;
    }
    *list = copy;
    return PWY_OK;
}

static bool any_ta(const struct pw_product *list, int n)
{
    for (int i = 0; i < n; i++)
        if (list[i].ta)
            return true;
    return false;
}

pwy_status pw_products(struct pw_exec *x, const struct pw_product *list, int n)
{
    if (n <= 0)
        return PWY_OK;
    if (x->trace != NULL)
        PW_TRY(pw_trace_record(x->trace, list, n));
    size_t mark = pw_arena_mark(x->arena);
    pwy_status status = x->train || !any_ta(list, n) ? PWY_OK : straighten(x, &list, n);
    if (status == PWY_OK)
        status = run_list(x, list, n);
    pw_arena_release(x->arena, mark);
    for (int i = 0; status == PWY_OK && i < n; i++)
        x->flops += 2.0 * list[i].m * list[i].n * list[i].k;
    return status;
}

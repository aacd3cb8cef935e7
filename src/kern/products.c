/* Runs lists of matrix products on the pool. A product is cut over the rows and columns of C, never over k, by its
   shape alone; so the bits don't depend on how many threads there are. Small tiles share one item of the pool. */
#include <stdlib.h>
#include "kern/exec.h"
#include "kern/rounded.h"

enum {
    ROW_STEP = 16, COL_STEP = 48,       /* tiles end at multiples of these: whole register tiles of every table */
    ROW_LEAST = 128, COL_LEAST = 192,   /* below, packing costs more than the balance is worth */
    FEW = 8, FEW_COL_LEAST = 96         /* of fewer rows nothing is packed: they wait for memory */
};
/* A product becomes about PIECES tiles, each worth another thread: 20 us or more. In multiply-adds. */
static const double TILE_LEAST = 1e6, PIECES = 24;
/* The cost of reading an element of B, in multiply-adds: what few rows wait for. */
static const double READ_COST = 4;

struct tile { const struct pw_product *of; int row, col, m, n; double cost; int order; };
struct job { int first, end; };         /* tiles that run one after the other */
struct plan { const struct pw_exec *x; const struct pw_product *list; const struct pw_rounded *rounded;
    struct tile *tiles; int n_tiles; struct job *jobs; int n_jobs; };

static double cost_of(double m, double n, double k)
{
    return n * k * (m + READ_COST) + n;
}

static int half(int value, int step)
{
    return ((value + 1) / 2 + step - 1) / step * step;
}

/* The size of p's tiles: the longer side is halved until a tile is small enough or both are as short as is good. */
static void tile_size(const struct pw_product *p, int *tile_m, int *tile_n)
{
    bool few = p->m < FEW && !p->ta && !p->tb;
    double target = cost_of(p->m, p->n, p->k) / PIECES, least = few ? TILE_LEAST / 4 : TILE_LEAST;
    int m = p->m, n = p->n, col_least = few ? FEW_COL_LEAST : COL_LEAST;
    while (cost_of(m, n, p->k) > (target > least ? target : least)) {
        bool can_m = half(m, ROW_STEP) >= ROW_LEAST, can_n = half(n, COL_STEP) >= col_least;
        if (can_m && (m > n || !can_n))
            m = half(m, ROW_STEP);
        else if (can_n)
            n = half(n, COL_STEP);
        else
            break;
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
        for (double cost = 0; i < plan->n_tiles && cost < TILE_LEAST / 4; i++)
            cost += plan->tiles[i].cost;
        job->end = i;
    }
}

static void run_rounded(const struct pw_exec *x, const struct tile *t, const struct pw_rounded *r)
{
    const struct pw_product *p = t->of;
    const uint16_t *a = r->a + (p->ta ? t->row : (ptrdiff_t)t->row * r->lda);
    const uint16_t *b = r->b + (p->tb ? (ptrdiff_t)t->col * r->ldb : t->col);
    x->kern->gemm_bf16(p->ta, p->tb, t->m, t->n, p->k, a, r->lda, b, r->ldb, p->beta,
                       p->c + (ptrdiff_t)t->row * p->ldc + t->col, p->ldc);
}

static void run_tile(const struct pw_exec *x, const struct tile *t)
{
    const struct pw_product *p = t->of;
    const real *a = p->a + (p->ta ? t->row : (ptrdiff_t)t->row * p->lda);
    const real *b = p->b + (p->tb ? (ptrdiff_t)t->col * p->ldb : t->col);
    real *c = p->c + (ptrdiff_t)t->row * p->ldc + t->col;
    (x->train ? x->kern->gemm : x->kern->product)(p->ta, p->tb, t->m, t->n, p->k, a, p->lda, b, p->ldb, p->beta, c,
                                                  p->ldc);
}

static void run_job(void *arg, int item, int worker)
{
    const struct plan *plan = arg;
    (void)worker;
    for (int i = plan->jobs[item].first; i < plan->jobs[item].end; i++) {
        const struct tile *t = &plan->tiles[i];
        const struct pw_rounded *r = plan->rounded == NULL ? NULL : &plan->rounded[t->of - plan->list];
        if (r != NULL && r->a != NULL)
            run_rounded(plan->x, t, r);
        else
            run_tile(plan->x, t);
    }
}

static pwy_status run_list(struct pw_exec *x, const struct pw_product *list, int n)
{
    size_t count = 0;
    for (int i = 0; i < n; i++)
        count += count_tiles(&list[i]);
    if (count == 0)
        return PWY_OK;
    struct plan plan = { .x = x, .list = list };
    struct pw_rounded *rounded = NULL;
    if (x->train && x->bf16)
        PW_TRY(pw_round_operands(x, list, n, &rounded));
    plan.rounded = rounded;
    PW_NEED(plan.tiles = pw_arena_take(x->arena, count, sizeof *plan.tiles));
    PW_NEED(plan.jobs = pw_arena_take(x->arena, count, sizeof *plan.jobs));
    for (int i = 0; i < n; i++)
        cut(&plan, &list[i]);
    qsort(plan.tiles, plan.n_tiles, sizeof *plan.tiles, longest_first);
    gather(&plan);
    pw_exec_run(x, plan.n_jobs, run_job, &plan);
    return PWY_OK;
}

pwy_status pw_products(struct pw_exec *x, const struct pw_product *list, int n)
{
    if (n <= 0)
        return PWY_OK;
    if (x->trace != NULL)
        PW_TRY(pw_trace_record(x->trace, list, n));
    size_t mark = pw_arena_mark(x->arena);
    pwy_status status = run_list(x, list, n);
    pw_arena_release(x->arena, mark);
    for (int i = 0; status == PWY_OK && i < n; i++)
        x->flops += 2.0 * list[i].m * list[i].n * list[i].k;
    return status;
}

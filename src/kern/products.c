/* Runs lists of matrix products on the pool. A product is cut over the rows and columns of C, never over k, by its
   shape alone; so the bits don't depend on how many threads there are. Small tiles share one item of the pool. */
#include <limits.h>
#include <stdlib.h>
#include "kern/exec.h"
#include "kern/rounded.h"

/* How products of a kind are cut: tiles end at multiples of the steps, whole register tiles of every table; below the
   least sides, reading both operands costs more than the balance is worth; and a tile should be worth another thread:
   20 us or more, in multiply-adds that cost `cost` each. */
struct way { int row_step, col_step, row_least, col_least; double least, cost; };
static const struct way usual = { 16, 48, 128, 192, 1e6, 1 };
static const struct way few_rows = { 16, 48, 128, 96, 2.5e5, 1 };       /* nothing is packed: they wait for memory */
/* In panels multiplying costs less: by tiles of both sides, of rows, of columns. */
static const struct way in_panels[] = { [PW_PACKED_BEFORE] = { PW_PANEL, PW_PANEL, 128, 128, 1e6, .125 },
    [PW_TILES_PACK_A] = { PW_PANEL, PW_PANEL, 128, INT_MAX, 1e6, .125 },
    [PW_TILES_PACK_B] = { PW_PANEL, PW_PANEL, INT_MAX, 128, 1e6, .125 } };
static const double JOB_LEAST = 2.5e5, PIECES = 24;     /* a product becomes about PIECES tiles */
/* The cost of reading an element of B, in multiply-adds: what few rows wait for. */
static const double READ_COST = 4;
enum { FEW = 8 };

struct tile { const struct pw_product *of; int row, col, m, n; double cost; int order; };
struct job { int first, end; };         /* tiles that run one after the other */
struct plan { const struct pw_exec *x; const struct pw_product *list; const struct pw_rounded *rounded;
    bool panels; uint16_t *scratch; struct tile *tiles; int n_tiles; struct job *jobs; int n_jobs; };

static double cost_of(const struct way *way, double m, double n, double k)
{
    return way->cost * (n * k * (m + READ_COST) + n);
}

/* The operands in bf16; NULL: the product stays in floats. */
static const struct pw_rounded *rounded(const struct plan *plan, const struct pw_product *p)
{
    const struct pw_rounded *r = plan->rounded == NULL ? NULL : &plan->rounded[p - plan->list];
    return r != NULL && (r->a != NULL || r->b != NULL) ? r : NULL;
}

static const struct way *way_of(const struct plan *plan, const struct pw_product *p)
{
    if (plan->panels && rounded(plan, p) != NULL)
        return &in_panels[pw_packer_of(p)];
    return p->m < FEW && !p->ta && !p->tb ? &few_rows : &usual;
}

static int half(int value, int step)
{
    return ((value + 1) / 2 + step - 1) / step * step;
}

/* The size of p's tiles: the longer side is halved until a tile is small enough or both are as short as is good. */
static void tile_size(const struct way *way, const struct pw_product *p, int *tile_m, int *tile_n)
{
    double target = cost_of(way, p->m, p->n, p->k) / PIECES;
    int m = p->m, n = p->n;
    while (cost_of(way, m, n, p->k) > (target > way->least ? target : way->least)) {
        bool can_m = half(m, way->row_step) >= way->row_least, can_n = half(n, way->col_step) >= way->col_least;
        if (can_m && (m > n || !can_n))
            m = half(m, way->row_step);
        else if (can_n)
            n = half(n, way->col_step);
        else
            break;
    }
    *tile_m = m;
    *tile_n = n;
}

static int count_tiles(const struct plan *plan, const struct pw_product *p)
{
    if (p->m <= 0 || p->n <= 0)
        return 0;
    int tile_m, tile_n;
    tile_size(way_of(plan, p), p, &tile_m, &tile_n);
    return ((p->m + tile_m - 1) / tile_m) * ((p->n + tile_n - 1) / tile_n);
}

static void cut(struct plan *plan, const struct pw_product *p)
{
    if (p->m <= 0 || p->n <= 0)
        return;
    const struct way *way = way_of(plan, p);
    int tile_m, tile_n;
    tile_size(way, p, &tile_m, &tile_n);
    for (int row = 0; row < p->m; row += tile_m)
        for (int col = 0; col < p->n; col += tile_n) {
            int m = p->m - row < tile_m ? p->m - row : tile_m, n = p->n - col < tile_n ? p->n - col : tile_n;
            plan->tiles[plan->n_tiles] = (struct tile){ p, row, col, m, n, cost_of(way, m, n, p->k), plan->n_tiles };
            plan->n_tiles++;
        }
}

static int longest_first(const void *a, const void *b)
{
    const struct tile *s = a, *t = b;
    return s->cost != t->cost ? (s->cost < t->cost ? 1 : -1) : s->order - t->order;
}

/* Consecutive tiles into jobs of at least JOB_LEAST. */
static void gather(struct plan *plan)
{
    for (int i = 0; i < plan->n_tiles;) {
        struct job *job = &plan->jobs[plan->n_jobs++];
        job->first = i;
        for (double cost = 0; i < plan->n_tiles && cost < JOB_LEAST; i++)
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
    for (int i = plan->jobs[item].first; i < plan->jobs[item].end; i++) {
        const struct tile *t = &plan->tiles[i];
        const struct pw_rounded *r = rounded(plan, t->of);
        if (r == NULL)
            run_tile(plan->x, t);
        else if (plan->panels)
            pw_multiply_panels(plan->x, t->of, r, t->row, t->col, t->m, t->n, worker, plan->scratch);
        else
            run_rounded(plan->x, t, r);
    }
}

/* The operands that are to be in bf16. */
static pwy_status prepare(struct pw_exec *x, struct plan *plan, int n)
{
    struct pw_rounded *out = NULL;
    if (!x->train || !x->bf16)
        return PWY_OK;
    plan->panels = x->kern->panels != NULL;
    if (plan->panels)
        PW_NEED(plan->scratch = pw_panels_scratch(x));
    PW_TRY((plan->panels ? pw_pack_operands : pw_round_operands)(x, plan->list, n, &out));
    plan->rounded = out;
    return PWY_OK;
}

static pwy_status run_list(struct pw_exec *x, const struct pw_product *list, int n)
{
    struct plan plan = { .x = x, .list = list };
    size_t count = 0;
    PW_TRY(prepare(x, &plan, n));
    for (int i = 0; i < n; i++)
        count += count_tiles(&plan, &list[i]);
    if (count == 0)
        return PWY_OK;
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

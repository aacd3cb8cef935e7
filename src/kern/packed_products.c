/* Runs products with packed weights on the pool. Few rows are cut by columns, where every item reads a stretch of
   memory of its own from end to end; many also by rows. */
#include "kern/exec.h"

/* Weights and rows of one item: at one row some microseconds, against less than one that handing it out costs. */
enum { ITEM_WEIGHTS = 32768, ITEM_ROWS = 128 };

struct item { const struct pw_packed_product *of; int row, col; };
struct job { const struct pw_exec *x; const struct pw_packed_product *list; struct item *item; };

static int item_columns(const struct pw_packed_product *p)
{
    int panels = p->k > 0 ? ITEM_WEIGHTS / PW_PANEL / p->k : 1;
    return (panels > 1 ? panels : 1) * PW_PANEL;
}

static int count(const struct pw_packed_product *p)
{
    int columns = item_columns(p);
    return p->rows <= 0 || p->n <= 0 ? 0 : (p->n + columns - 1) / columns * ((p->rows + ITEM_ROWS - 1) / ITEM_ROWS);
}

static int least(int a, int b)
{
    return a < b ? a : b;
}

static void run_part(const struct pw_exec *x, const struct pw_packed_product *p, int row, int col)
{
    struct pw_weights w = p->w;
    w.at = (const char *)w.at + (ptrdiff_t)col * p->k * pw_form_size(w.store);
    w.scale = w.scale != NULL ? w.scale + col : NULL;
    x->kern->linear(least(ITEM_ROWS, p->rows - row), least(item_columns(p), p->n - col), p->k,
                    p->in + (ptrdiff_t)row * p->k, p->k, w, p->out + (ptrdiff_t)row * p->n + col, p->n, p->add);
}

static void run_item(void *arg, int item, int worker)
{
    const struct job *j = arg;
    (void)worker;
    run_part(j->x, j->item[item].of, j->item[item].row, j->item[item].col);
}

/* The only product, of one block of rows: its items need no list. */
static void run_columns(void *arg, int item, int worker)
{
    const struct job *j = arg;
    (void)worker;
    run_part(j->x, j->list, 0, item * item_columns(j->list));
}

static int cut(const struct pw_packed_product *p, struct item *out)
{
    int n = 0;
    for (int row = 0; row < p->rows; row += ITEM_ROWS)
        for (int col = 0; col < p->n; col += item_columns(p))
            out[n++] = (struct item){ p, row, col };
    return n;
}

static pwy_status run_list(struct pw_exec *x, const struct pw_packed_product *list, int n)
{
    struct job job = { .x = x, .list = list };
    size_t mark = pw_arena_mark(x->arena), total = 0;
    if (n == 1 && list->rows <= ITEM_ROWS) {
        pw_exec_run(x, count(list), run_columns, &job);
        return PWY_OK;
    }
    for (int i = 0; i < n; i++)
        total += (size_t)count(&list[i]);
    PW_NEED(job.item = pw_arena_take(x->arena, total + 1, sizeof *job.item));
    total = 0;
    for (int i = 0; i < n; i++)
        total += (size_t)cut(&list[i], job.item + total);
    pw_exec_run(x, (int)total, run_item, &job);
    pw_arena_release(x->arena, mark);
    return PWY_OK;
}

pwy_status pw_packed_products(struct pw_exec *x, const struct pw_packed_product *list, int n)
{
    PW_TRY(run_list(x, list, n));
    for (int i = 0; i < n; i++)
        x->flops += 2.0 * list[i].rows * list[i].n * list[i].k;
    return PWY_OK;
}

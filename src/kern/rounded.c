/* Rounds the operands of a list of products to bf16, each matrix once: neighbours in a list share one, as the two
   products of a way back share the gradient of the output. */
#include "kern/rounded.h"

enum { PIECE = 16384 };                 /* numbers of an item of work */

struct matrix { const real *from; int rows, cols, ld; uint16_t *to; };
struct piece { const struct matrix *of; int row, rows; };
struct rounding { const struct pw_exec *x; struct matrix *matrices; int n; struct piece *pieces; int n_pieces; };

static int rows_of_piece(const struct matrix *m)
{
    return m->cols >= PIECE ? 1 : PIECE / (m->cols > 0 ? m->cols : 1);
}

static int count_pieces(const struct matrix *m)
{
    int step = rows_of_piece(m);
    return (m->rows + step - 1) / step;
}

/* One operand, as it stands in memory. */
static struct matrix operand(const real *at, bool turned, int rows, int cols, int ld)
{
    return (struct matrix){ .from = at, .rows = turned ? cols : rows, .cols = turned ? rows : cols, .ld = ld };
}

static bool same_matrix(const struct matrix *a, const struct matrix *b)
{
    return a->from == b->from && a->rows == b->rows && a->cols == b->cols && a->ld == b->ld;
}

/* The rounded copy of m: one of the last four matrices, or a new one. */
static pwy_status copy_of(struct rounding *r, struct matrix m, const uint16_t **out)
{
    for (int i = r->n - 1; i >= 0 && i >= r->n - 4; i--)
        if (same_matrix(&r->matrices[i], &m)) {
            *out = r->matrices[i].to;
            return PWY_OK;
        }
    PW_NEED(m.to = pw_arena_take(r->x->arena, (size_t)m.rows * (size_t)m.cols + 1, sizeof *m.to));
    r->matrices[r->n++] = m;
    *out = m.to;
    return PWY_OK;
}

static pwy_status plan_product(struct rounding *r, const struct pw_product *p, struct pw_rounded *out)
{
    struct matrix a = operand(p->a, p->ta, p->m, p->k, p->lda), b = operand(p->b, p->tb, p->k, p->n, p->ldb);
    *out = (struct pw_rounded){ .lda = a.cols, .ldb = b.cols };
    if (!p->bf16 || p->m <= 0 || p->n <= 0 || p->k <= 0)
        return PWY_OK;
    PW_TRY(copy_of(r, a, &out->a));
    return copy_of(r, b, &out->b);
}

static pwy_status cut(struct rounding *r)
{
    size_t count = 0;
    for (int i = 0; i < r->n; i++)
        count += (size_t)count_pieces(&r->matrices[i]);
    PW_NEED(r->pieces = pw_arena_take(r->x->arena, count + 1, sizeof *r->pieces));
    for (int i = 0; i < r->n; i++) {
        const struct matrix *m = &r->matrices[i];
        int step = rows_of_piece(m);
        for (int row = 0; row < m->rows; row += step)
            r->pieces[r->n_pieces++] = (struct piece){ m, row, m->rows - row < step ? m->rows - row : step };
    }
    return PWY_OK;
}

static void round_piece(void *arg, int item, int worker)
{
    const struct rounding *r = arg;
    const struct piece *p = &r->pieces[item];
    const struct matrix *m = p->of;
    bool whole = m->ld == m->cols;
    (void)worker;
    for (int i = 0; i < (whole ? 1 : p->rows); i++)
        r->x->kern->to_bf16(whole ? p->rows * m->cols : m->cols, m->from + (ptrdiff_t)(p->row + i) * m->ld,
                            m->to + (ptrdiff_t)(p->row + i) * m->cols);
}

pwy_status pw_round_operands(struct pw_exec *x, const struct pw_product *list, int n, struct pw_rounded **out)
{
    struct rounding r = { .x = x };
    struct pw_rounded *rounded;
    PW_NEED(rounded = pw_arena_take(x->arena, (size_t)n, sizeof *rounded));
    PW_NEED(r.matrices = pw_arena_take(x->arena, 2 * (size_t)n, sizeof *r.matrices));
    for (int i = 0; i < n; i++)
        PW_TRY(plan_product(&r, &list[i], &rounded[i]));
    PW_TRY(cut(&r));
    pw_exec_run(x, r.n_pieces, round_piece, &r);
    *out = rounded;
    return PWY_OK;
}

/* Rows of tables: one for each id, or a weighted bag of them. */
#include "nn/nn.h"
#include "nn/rows.h"

/* Backward, the rows of a table are dealt to LANES items, RUN neighbours together; each item walks over all entries. */
enum { LANES = 8, RUN = 16 };

/* start NULL: entry i belongs to row i; value NULL: 1. */
struct job {
    const struct pw_exec *x;
    int n, d;
    const int64_t *start;
    const int32_t *index;
    const real *value, *w, *dout;
    real *out;
    struct pw_param *table;
};

static int width_of(const struct pw_param *table)
{
    return (int)(table->shape[0] > 0 ? table->n / table->shape[0] : 0);
}

static void embed_block(void *arg, int block, int worker)
{
    const struct job *j = arg;
    struct pw_span span = pw_block_span(j->n, j->d, block);
    (void)worker;
    for (int i = span.first; i < span.end; i++)
        memcpy(j->out + (size_t)i * j->d, j->w + (size_t)j->index[i] * j->d, j->d * sizeof(real));
}

pwy_status pw_embed(struct pw_exec *x, int n, const int32_t *id, const struct pw_param *table, real *out)
{
    struct job job = { .x = x, .n = n, .d = width_of(table), .index = id, .w = table->w, .out = out };
    pw_exec_run(x, pw_block_count(n, job.d), embed_block, &job);
    return PWY_OK;
}

static void bag_block(void *arg, int block, int worker)
{
    const struct job *j = arg;
    struct pw_span span = pw_block_span(j->n, j->d, block);
    (void)worker;
    for (int i = span.first; i < span.end; i++)
        for (int64_t e = j->start[i]; e < j->start[i + 1]; e++)
            j->x->kern->axpy(j->d, j->value[e], j->w + (size_t)j->index[e] * j->d, j->out + (size_t)i * j->d);
}

pwy_status pw_bag(struct pw_exec *x, const struct pw_sparse *in, const struct pw_param *table, real *out)
{
    struct job job = { .x = x, .n = in->n, .d = width_of(table), .start = in->start, .index = in->index,
                       .value = in->value, .w = table->w, .out = out };
    pw_exec_run(x, pw_block_count(in->n, job.d), bag_block, &job);
    return PWY_OK;
}

static void scatter_entry(const struct job *j, int row, int64_t entry)
{
    real *to = j->table->g + (size_t)j->index[entry] * j->d;
    const real *dout = j->dout + (size_t)row * j->d;
    pw_param_touch(j->table, j->index[entry]);
    if (j->value == NULL)
        j->x->kern->add(j->d, dout, to);
    else
        j->x->kern->axpy(j->d, j->value[entry], dout, to);
}

static void scatter_lane(void *arg, int lane, int worker)
{
    const struct job *j = arg;
    (void)worker;
    for (int i = 0; i < j->n; i++) {
        int64_t first = j->start == NULL ? i : j->start[i], end = j->start == NULL ? i + 1 : j->start[i + 1];
        for (int64_t e = first; e < end; e++)
            if (j->index[e] / RUN % LANES == lane)
                scatter_entry(j, i, e);
    }
}

pwy_status pw_embed_back(struct pw_exec *x, int n, const int32_t *id, struct pw_param *table, const real *dout)
{
    struct job job = { .x = x, .n = n, .d = width_of(table), .index = id, .dout = dout, .table = table };
    if (pw_trains(table))
        pw_exec_run(x, LANES, scatter_lane, &job);
    return PWY_OK;
}

pwy_status pw_bag_back(struct pw_exec *x, const struct pw_sparse *in, struct pw_param *table, const real *dout)
{
    struct job job = { .x = x, .n = in->n, .d = width_of(table), .start = in->start, .index = in->index,
                       .value = in->value, .dout = dout, .table = table };
    if (pw_trains(table))
        pw_exec_run(x, LANES, scatter_lane, &job);
    return PWY_OK;
}

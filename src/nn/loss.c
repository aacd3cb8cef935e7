/* Losses: the value in double, the gradient by the logits. In place (gradient over logits) is allowed. */
#include "nn/nn.h"
#include "nn/rows.h"

struct job {
    const struct pw_exec *x;
    int rows, n;
    const real *in, *weight;
    const int32_t *class;
    const uint8_t *flag;
    double *loss;
    real *din;
};

static real weight_of(const struct job *j, int row)
{
    return j->weight == NULL ? 1 : j->weight[row];
}

/* log(sum exp) = top - log p(top), and p(top) is 1 / n at least: nothing is lost where the target's p is tiny. */
static void softmax_row(const struct job *j, int row)
{
    const struct pw_kern *kern = j->x->kern;
    const real *logits = j->in + (size_t)row * j->n;
    real *p = j->din + (size_t)row * j->n;
    int target = j->class[row];
    j->loss[row] = 0;
    if (target < 0) {
        memset(p, 0, j->n * sizeof *p);
        return;
    }
    double below = (double)kern->max(j->n, logits) - logits[target];
    kern->softmax(j->n, logits, 1, p);
    j->loss[row] = below - log((double)kern->max(j->n, p));
    p[target] -= 1;
    kern->scale(j->n, weight_of(j, row), p);
}

static void softmax_block(void *arg, int block, int worker)
{
    const struct job *j = arg;
    struct pw_span span = pw_block_span(j->rows, j->n, block);
    (void)worker;
    for (int i = span.first; i < span.end; i++)
        softmax_row(j, i);
}

pwy_status pw_softmax_xent(struct pw_exec *x, int rows, int n, const real *logits, const int32_t *target,
                           const real *weight, double *loss, real *dlogits)
{
    struct job job = { .x = x, .rows = rows, .n = n, .in = logits, .weight = weight, .class = target, .loss = loss,
                       .din = dlogits };
    pw_exec_run(x, pw_block_count(rows, n), softmax_block, &job);
    return PWY_OK;
}

/* -log sigmoid(z) for a label that is there, -log(1 - sigmoid(z)) for one that is not. */
static double label_loss(double z, bool there)
{
    return (z > 0 ? z : 0) - (there ? z : 0) + log1p(exp(-fabs(z)));
}

static void sigmoid_row(const struct job *j, int row)
{
    size_t at = (size_t)row * j->n;
    double sum = 0;
    for (int i = 0; i < j->n; i++)
        sum += isnan(j->in[at + i]) ? NAN : label_loss(j->in[at + i], j->flag[at + i]);
    j->loss[row] = j->n > 0 ? sum / j->n : 0;
    j->x->kern->sigmoid(j->n, j->in + at, j->din + at);
    for (int i = 0; i < j->n; i++)
        j->din[at + i] = (j->din[at + i] - (j->flag[at + i] != 0)) * (weight_of(j, row) / j->n);
}

static void sigmoid_block(void *arg, int block, int worker)
{
    const struct job *j = arg;
    struct pw_span span = pw_block_span(j->rows, j->n, block);
    (void)worker;
    for (int i = span.first; i < span.end; i++)
        sigmoid_row(j, i);
}

pwy_status pw_sigmoid_xent(struct pw_exec *x, int rows, int n, const real *logits, const uint8_t *target,
                           const real *weight, double *loss, real *dlogits)
{
    struct job job = { .x = x, .rows = rows, .n = n, .in = logits, .weight = weight, .flag = target, .loss = loss,
                       .din = dlogits };
    pw_exec_run(x, pw_block_count(rows, n), sigmoid_block, &job);
    return PWY_OK;
}

pwy_status pw_squared(struct pw_exec *x, int rows, const real *pred, const real *target, const real *weight,
                      double *loss, real *dpred)
{
    struct job job = { .x = x, .weight = weight };
    for (int i = 0; i < rows; i++) {
        real off = pred[i] - target[i];
        loss[i] = (double)off * off / 2;
        dpred[i] = off * weight_of(&job, i);
    }
    return PWY_OK;
}

/* Any number of labels: a sigmoid for each; a label is accepted from .5 on. */
#include <string.h>
#include "task/task.h"

static int outputs(const struct pwy_task *t)
{
    return (int)t->labels.n;
}

/* Checks every label before it marks one, so that `out` stays as it was on failure. */
static pwy_status target(const struct pwy_task *t, const pwy_example *ex, struct pw_target *out)
{
    if (ex->target_type != PW_TARGET_LABELS) return pw_target_fail(ex, "it has no labels");
    for (int i = 0; i < ex->n_labels; i++)
        if (pw_task_label(t, ex->labels[i]) < 0) return pw_label_unknown(t, ex, ex->labels[i]);
    for (int i = 0; i < ex->n_labels; i++) out->labels[pw_task_label(t, ex->labels[i])] = 1;
    return PWY_OK;
}

static pwy_status loss(struct pw_exec *x, const struct pwy_task *t, int n, const real *out,
                       const struct pw_target *targets, const real *weight, double *loss, real *dout)
{
    size_t width = (size_t)outputs(t);
    uint8_t *labels = pw_arena_take(x->arena, (size_t)n * width + 1, 1);
    PW_NEED(labels);
    for (int i = 0; i < n; i++) memcpy(labels + (size_t)i * width, targets[i].labels, width);
    return pw_sigmoid_xent(x, n, (int)width, out, labels, weight, loss, dout);
}

static void answer(const struct pwy_task *t, const struct pw_kern *k, real *out)
{
    k->sigmoid(outputs(t), out, out);
}

const struct pw_head_ops pw_head_multilabel = {
    .name = "multilabel", .kind = PWY_MULTILABEL, .metric = "f1", .reads_out = true,
    .outputs = outputs, .target = target, .loss = loss, .answer = answer
};

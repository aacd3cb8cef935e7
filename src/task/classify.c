/* One of several labels: softmax over the labels. */
#include "task/task.h"

static int outputs(const struct pwy_task *t)
{
    return (int)t->labels.n;
}

static pwy_status target(const struct pwy_task *t, const pwy_example *ex, struct pw_target *out)
{
    char room[32];
    const char *label = pw_target_label(ex, room);
    if (label == NULL && ex->target_type == PW_TARGET_LABELS && ex->n_labels > 1)
        return pw_target_fail(ex, "it has %d labels; classify takes one, multilabel any number", ex->n_labels);
    if (label == NULL) return pw_target_fail(ex, "it has no label");
    int at = pw_task_label(t, label);
    if (at < 0) return pw_label_unknown(t, ex, label);
    out->label = at;
    return PWY_OK;
}

static pwy_status loss(struct pw_exec *x, const struct pwy_task *t, int n, const real *out,
                       const struct pw_target *targets, const real *weight, double *loss, real *dout)
{
    int32_t *label = pw_arena_take(x->arena, (size_t)n + 1, sizeof *label);
    PW_NEED(label);
    for (int i = 0; i < n; i++) label[i] = targets[i].label;
    return pw_softmax_xent(x, n, outputs(t), out, label, weight, loss, dout);
}

static void answer(const struct pwy_task *t, const struct pw_kern *k, real *out)
{
    int n = outputs(t);
    if (n > 0) k->softmax(n, out, 1, out);
}

const struct pw_head_ops pw_head_classify = {
    .name = "classify", .kind = PWY_CLASSIFY, .metric = "accuracy", .reads_out = true,
    .outputs = outputs, .target = target, .loss = loss, .answer = answer
};

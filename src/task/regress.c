/* A number: learned standardised by the training targets' mean and spread, answered in its own unit. */
#include <math.h>
#include <string.h>
#include "base/num.h"
#include "task/task.h"

static int outputs(const struct pwy_task *t)
{
    (void)t;
    return 1;
}

static pwy_status target(const struct pwy_task *t, const pwy_example *ex, struct pw_target *out)
{
    double number = NAN;
    (void)t;
    if (ex->target_type == PW_TARGET_NUMBER) number = ex->number;
    else if (ex->target_type != PW_TARGET_LABELS || ex->n_labels != 1)
        return pw_target_fail(ex, "it has no target number");
    else if (!pw_parse_double(ex->labels[0], strlen(ex->labels[0]), &number))
        return pw_target_fail(ex, "target '%.60s' is not a number", ex->labels[0]);
    if (!isfinite(number)) return pw_target_fail(ex, "target %g: a finite number is right", number);
    out->number = number;
    return PWY_OK;
}

static pwy_status loss(struct pw_exec *x, const struct pwy_task *t, int n, const real *out,
                       const struct pw_target *targets, const real *weight, double *loss, real *dout)
{
    real *goal = pw_arena_take(x->arena, (size_t)n + 1, sizeof *goal);
    PW_NEED(goal);
    for (int i = 0; i < n; i++) goal[i] = (real)((targets[i].number - t->mean) / t->spread);
    return pw_squared(x, n, out, goal, weight, loss, dout);
}

static void answer(const struct pwy_task *t, const struct pw_kern *k, real *out)
{
    (void)k;
    out[0] = (real)(out[0] * t->spread + t->mean);
}

const struct pw_head_ops pw_head_regress = {
    .name = "regress", .kind = PWY_REGRESS, .metric = "rmse", .reads_out = true,
    .outputs = outputs, .target = target, .loss = loss, .answer = answer
};

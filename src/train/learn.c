/* Learning by doing: one labelled example, one step, outside the run: its schedule, mixture and moments stay where they
   are. The rate does not fall, nothing decays and nothing is dropped: who teaches one example wants it known, and no
   more. */
#include "train/train.h"
#include <stdlib.h>

pwy_status pw_trainer_open_doing(struct pwy_trainer *t)
{
    if (t->doing.of != NULL) return PWY_OK;
    t->doing = t->adamw;
    t->doing.of = NULL;
    t->doing.rate = NULL;
    t->doing.steps = t->doing.cap = 0;
    t->doing.decay = 0;
    t->doing.apart = true;
    return pw_adamw_open(&t->doing, t->model->params);
}

/* Sealed tasks, those that were there when others were added, and those that the run leaves out, stay as they are. */
static pwy_status find_net(const struct pwy_trainer *t, const char *name, struct pw_net **out)
{
    PW_TRY(pw_model_net(t->model, name, out));
    const struct pwy_task *task = (*out)->task;
    if (task->sealed) pw_fail(PWY_E_STATE, "it is sealed, and learns no more");
    else if (task->index < t->first) pw_fail(PWY_E_STATE, "it is not one that this trainer added");
    else if (t->draws && !t->run[task->index].drawn)
        pw_fail(PWY_E_STATE, "it is not one of the tasks that this trainer was made for (`tasks`, or those with rows)");
    else return PWY_OK;
    return pw_fail_task(task->name);
}

/* The run's state of computing, but that its routes, records and running shares are not touched. */
static struct pw_exec apart(const struct pwy_trainer *t)
{
    struct pw_exec x = t->x;
    x.step = (uint64_t)t->learned;
    x.dropout = 0;
    x.tape = NULL;
    x.record = NULL;
    x.hold = x.quiet = true;
    return x;
}

static pwy_status not_finite(const struct pwy_trainer *t)
{
    return pw_fail(PWY_E_STATE, "the loss of the example or its gradient is not finite: nothing was learned; a smaller "
                   "learn_lr than %g would be right", t->o.learn_lr);
}

static pwy_status learn_item(struct pwy_trainer *t, struct pw_item *item)
{
    struct pw_exec x = apart(t);
    struct pw_batch b = {.item = item, .n = 1};
    struct pw_pass p;
    real weight = 1;
    double loss, wide, norm;
    PW_TRY(pw_batch_layout(&b, x.arena));
    pw_params_zero_grad(t->model->params);
    PW_TRY(pw_pass_forward(&p, t->model, &x, &b));
    PW_TRY(pw_pass_backward(&p, &weight, &loss, &wide));
    if (!isfinite(loss) || isinf(wide)) return not_finite(t);
    PW_TRY(pw_adamw_step(&t->doing, &x, t->o.learn_lr, t->learned + 1, &norm));
    return isfinite(norm) ? PWY_OK : not_finite(t);
}

pwy_status pw_trainer_learn(struct pwy_trainer *t, const char *name, const pwy_example *ex)
{
    struct pw_net *net;
    struct pw_item item;
    PW_TRY(find_net(t, name, &net));
    PW_TRY(pw_trainer_open_doing(t));
    pw_arena_reset(t->x.arena);
    pwy_status status = pw_item_encode(t->model, net, ex, true, NULL, t->x.arena, &item);
    if (status == PWY_OK) status = pw_golden_offer(t->model, net, ex);
    if (status == PWY_OK) status = learn_item(t, &item);
    if (status != PWY_OK) return pw_fail_task(net->task->name);
    t->learned++;
    t->run[net->task->index].learned++;
    t->chosen = false;
    return PWY_OK;
}

/* How far a run is, and where it will end. */
#include "base/num.h"
#include "train/train.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* a run by minutes looks at its speed after 8, 16, 32 ... steps, then every 30th of its time */
enum { FIRST_PLAN = 8 };

static pwy_status add_plan(struct pw_schedule *s, int64_t step, int64_t total)
{
    if (s->n_plan == s->cap) {
        int cap = s->cap > 0 ? 2 * s->cap : 16;
        struct pw_plan *grown = pw_realloc(s->plan, (size_t)cap, sizeof *grown);
        PW_NEED(grown);
        s->plan = grown;
        s->cap = cap;
    }
    s->plan[s->n_plan++] = (struct pw_plan){step, total};
    return PWY_OK;
}

static bool read_pair(const struct pw_node *pair, int64_t *step, int64_t *total)
{
    struct pw_node *a, *b;
    if (pair->kind != PW_LIST || pair->n != 2) return false;
    a = pair->item[0];
    b = pair->item[1];
    if (a->kind != PW_SCALAR || b->kind != PW_SCALAR) return false;
    return pw_parse_int(a->text, strlen(a->text), step) && pw_parse_int(b->text, strlen(b->text), total);
}

pwy_status pw_schedule_read_plan(struct pw_schedule *s, const struct pw_node *plan)
{
    int64_t step, total, last = -1;
    if (plan->kind != PW_LIST || plan->n == 0)
        return pw_node_fail(plan, PWY_E_ARGUMENT, "train: plan is a list of [step, total steps], as inspect shows it");
    for (int i = 0; i < plan->n; i++) {
        if (!read_pair(plan->item[i], &step, &total) || step <= last || total <= step || (i == 0 && step != 0))
            return pw_node_fail(plan->item[i], PWY_E_ARGUMENT,
                                "train: plan entry %d is not [step, total steps] with steps that rise from 0", i + 1);
        PW_TRY(add_plan(s, step, total));
        last = step;
    }
    s->replay = true;
    return PWY_OK;
}

static int64_t at_most(const struct pw_schedule *s, int64_t steps)
{
    return s->most > 0 && steps > s->most ? s->most : steps;
}

pwy_status pw_schedule_open(struct pw_schedule *s, const struct pw_train_options *o, int64_t steps, int64_t most)
{
    *s = (struct pw_schedule){.next_plan = FIRST_PLAN, .most = most};
    s->limit = o->plan != NULL ? o->steps : 0;
    if (o->plan != NULL) return pw_schedule_read_plan(s, o->plan);
    if (steps > 0) return add_plan(s, 0, steps);
    s->budget = 60 * o->minutes;
    return add_plan(s, 0, at_most(s, (int64_t)(10 * s->budget) + FIRST_PLAN));
}

void pw_schedule_close(struct pw_schedule *s)
{
    free(s->plan);
}

static int64_t total(const struct pw_schedule *s)
{
    return s->plan[s->at].total;
}

bool pw_schedule_done(const struct pw_schedule *s)
{
    return s->step >= total(s) || (s->limit > 0 && s->step >= s->limit);
}

double pw_schedule_rate(const struct pw_schedule *s, double warmup)
{
    const double last = .02, pi = 3.14159265358979323846;
    double middle = s->share;
    if (warmup > 0 && middle < warmup) return (middle + 1.0 / (double)total(s)) / (warmup + 1.0 / (double)total(s));
    middle = (middle - warmup) / (1 - warmup);
    return last + (1 - last) * .5 * (1 + cos(pi * (middle < 1 ? middle : 1)));
}

static bool looks_at_speed(const struct pw_schedule *s)
{
    if (s->budget == 0 || s->replay) return false;
    return s->step >= s->next_plan || s->seconds >= s->budget;
}

/* The number of steps that fit what is left, by the speed since the last look. */
static pwy_status new_plan(struct pw_schedule *s)
{
    double each = (s->seconds - s->measured_at) / (double)(s->step - s->measured_step);
    double left = s->budget - s->seconds;
    int64_t more = left > 0 && each > 0 ? (int64_t)(left / each) : 0;
    more = at_most(s, s->step + more) - s->step;
    int64_t wait = each > 0 ? (int64_t)(s->budget / 30 / each) : 1;
    s->measured_step = s->step;
    s->measured_at = s->seconds;
    s->next_plan = wait < s->step ? s->step + (wait > 0 ? wait : 1) : 2 * s->step;
    if (s->step + more == total(s)) return PWY_OK;
    if (more == 0) {
        s->limit = s->step;
        return PWY_OK;
    }
    return add_plan(s, s->step, s->step + more);
}

pwy_status pw_schedule_advance(struct pw_schedule *s, double seconds)
{
    s->share += (1 - s->share) / (double)(total(s) - s->step);
    s->step++;
    s->seconds = seconds;
    if (looks_at_speed(s)) PW_TRY(new_plan(s));
    while (s->at + 1 < s->n_plan && s->plan[s->at + 1].step <= s->step) s->at++;
    return PWY_OK;
}

double pw_schedule_left(const struct pw_schedule *s)
{
    double by_steps = s->step > 0 ? s->seconds / (double)s->step * (double)(total(s) - s->step) : NAN;
    if (s->budget == 0 || (s->step > 0 && total(s) == s->most)) return by_steps;
    return s->budget > s->seconds ? s->budget - s->seconds : 0;
}

pwy_status pw_schedule_to_node(const struct pw_schedule *s, struct pw_node *run)
{
    struct pw_node *plan, *pair;
    PW_TRY(pw_node_put_int(run, "steps", s->step));
    PW_TRY(pw_node_put_new(run, "plan", PW_LIST, &plan));
    for (int i = 0; i <= s->at; i++) {
        PW_TRY(pw_node_add_new(plan, PW_LIST, &pair));
        PW_TRY(pw_node_add_int(pair, s->plan[i].step));
        PW_TRY(pw_node_add_int(pair, s->plan[i].total));
    }
    return PWY_OK;
}

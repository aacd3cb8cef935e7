/* Which task a chunk of the batch comes from, and which of its rows. Counter-based: a function of seed and step. */
#include "train/train.h"
#include <stdlib.h>
#include <string.h>

enum { FEWEST_ROWS = 200 };             /* a small task is drawn as if it had this many */

static double rate(const struct pwy_task *t, double temperature)
{
    double rows = (double)t->source[PWY_TRAIN]->n;
    return t->weight * pow(rows > FEWEST_ROWS ? rows : FEWEST_ROWS, 1 / temperature);
}

pwy_status pw_mixture_open(struct pw_mixture *m, const pwy_registry *r, const struct pw_task_run *run,
                           double temperature)
{
    double sum = 0;
    m->n = r->n;
    PW_NEED(m->upto = pw_calloc((size_t)r->n, sizeof *m->upto));
    PW_NEED(m->cursor = pw_calloc((size_t)r->n, sizeof *m->cursor));
    for (int i = 0; i < r->n; i++) {
        if (run[i].drawn) sum += rate(pw_registry_at(r, i), temperature);
        if (run[i].drawn) m->last = i;
        m->upto[i] = sum;
    }
    for (int i = 0; i < r->n && sum > 0; i++) m->upto[i] /= sum;
    return PWY_OK;
}

void pw_mixture_close(struct pw_mixture *m)
{
    free(m->upto);
    free(m->cursor);
}

int pw_mixture_draw(const struct pw_mixture *m, uint64_t seed, uint64_t draw)
{
    struct pw_rng rng = pw_rng_at(seed, pw_hash("mixture", 7), draw);
    double u = pw_rng_uniform(&rng);
    int task = 0;
    while (task < m->last && u >= m->upto[task]) task++;
    return task;
}

int64_t pw_mixture_row(struct pw_mixture *m, int task, uint64_t seed, int64_t rows)
{
    int64_t at = m->cursor[task]++;
    uint64_t key[3] = {seed, (uint64_t)task, (uint64_t)(at / rows)};
    return (int64_t)pw_permute(pw_hash(key, sizeof key), (uint64_t)rows, (uint64_t)(at % rows));
}

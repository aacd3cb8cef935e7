/* How fast this machine moves memory: the bound of what only moves it, as the optimizer does. */
#include "train/train.h"
#include <stdlib.h>
#include <string.h>

enum { COPY = 32 << 20, PIECE = 1 << 20 };      /* bytes; past every cache */

struct copying { char *from, *to; };

static void copy_piece(void *arg, int item, int worker)
{
    const struct copying *c = arg;
    (void)worker;
    memcpy(c->to + (size_t)item * PIECE, c->from + (size_t)item * PIECE, PIECE);
}

/* Both ways count: a byte copied is one read and one written. */
pwy_status pw_copy_speed(const struct pw_exec *x, double *bytes_per_second)
{
    struct copying c = {pw_calloc(COPY, 1), pw_calloc(COPY, 1)};
    double best = 0;
    pwy_status status = c.from != NULL && c.to != NULL ? PWY_OK : PWY_E_NOMEM;
    for (int i = 0; status == PWY_OK && i < 3; i++) {
        double start = pw_clock();
        pw_exec_run(x, COPY / PIECE, copy_piece, &c);
        double speed = 2.0 * COPY / (pw_clock() - start);
        best = speed > best ? speed : best;
    }
    *bytes_per_second = best;
    free(c.from);
    free(c.to);
    return status;
}

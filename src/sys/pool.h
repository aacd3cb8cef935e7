/* A pool of threads that work off numbered items. The caller works too, and is the only worker of a NULL pool.
   Items must not depend on who runs them; whatever must be summed in a fixed order is summed after the run. */
#ifndef PW_POOL_H
#define PW_POOL_H
#include "base/error.h"

struct pw_pool;
typedef void (*pw_item_fn)(void *arg, int item, int worker);       /* worker: 0 .. pw_pool_workers - 1 */

/* threads counts the caller; 1 makes a pool without threads. All signals are blocked in its threads */
pwy_status pw_pool_new(int threads, struct pw_pool **out);
void pw_pool_free(struct pw_pool *pool);
int pw_pool_workers(const struct pw_pool *pool);                   /* NULL: 1 */
/* returns when all are done; in a forked child it runs on the caller alone */
void pw_pool_run(struct pw_pool *pool, int items, pw_item_fn fn, void *arg);
#endif

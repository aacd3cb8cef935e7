/* A pool of threads. A run is a job with a counter of items; whoever is free takes the next. The caller waits only for
   threads that took part, never for one that the system has not woken yet. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <fenv.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/mem.h"
#include "sys/pool.h"

enum { MOST_THREADS = 1024, SPINS = 1000 };

struct worker { struct pw_pool *pool; pthread_t thread; int number; };

struct pw_pool {
    int workers, started;                   /* with the caller; threads that run */
    pid_t pid;                              /* of the process whose threads these are */
    int spins;                              /* looks at the generation before a thread goes to sleep */
    struct worker *worker;                  /* [workers - 1] */
    pthread_mutex_t run;                    /* held through a run */
    pthread_mutex_t lock;                   /* over what follows, but for the atomics */
    pthread_cond_t start, done;
    bool open, stop;                        /* there is a job to join; the pool ends */
    int inside;                             /* threads that joined it */
    pw_item_fn fn;
    void *arg;
    int items;
    atomic_uint generation;                 /* counts the jobs */
    atomic_int next;                        /* the first item that nobody has taken */
};

static void work(struct pw_pool *pool, int worker)
{
    for (;;) {
        int item = atomic_fetch_add_explicit(&pool->next, 1, memory_order_relaxed);
        if (item >= pool->items)
            return;
        pool->fn(pool->arg, item, worker);
    }
}

static void rest(void)
{
#if defined __x86_64__ || defined __i386__
    __builtin_ia32_pause();
#endif
}

/* Waits for a job after `seen`; false when the pool ends. Joined, with the lock let go, on true. */
static bool join(struct pw_pool *pool, unsigned *seen)
{
    for (int i = 0; i < pool->spins && atomic_load(&pool->generation) == *seen; i++)
        rest();
    pthread_mutex_lock(&pool->lock);
    while (!pool->stop && (!pool->open || atomic_load(&pool->generation) == *seen))
        pthread_cond_wait(&pool->start, &pool->lock);
    *seen = atomic_load(&pool->generation);
    bool joined = !pool->stop;
    pool->inside += joined;
    pthread_mutex_unlock(&pool->lock);
    return joined;
}

static void leave(struct pw_pool *pool)
{
    pthread_mutex_lock(&pool->lock);
    if (--pool->inside == 0)
        pthread_cond_signal(&pool->done);
    pthread_mutex_unlock(&pool->lock);
}

/* A thread computes in the default floating-point mode, whatever the mode of the thread that started it. */
static void *live(void *arg)
{
    struct worker *self = arg;
    unsigned seen = 0;
    fesetenv(FE_DFL_ENV);
    while (join(self->pool, &seen)) {
        work(self->pool, self->number);
        leave(self->pool);
    }
    return NULL;
}

static pwy_status start_one(struct pw_pool *pool, int index)
{
    struct worker *worker = &pool->worker[index];
    *worker = (struct worker){ .pool = pool, .number = index + 1 };
    int error = pthread_create(&worker->thread, NULL, live, worker);
    if (error != 0)
        return pw_fail(PWY_E_NOMEM, "the system refused thread %d of %d: %s; ask for fewer", index + 2, pool->workers,
                       strerror(error));
    pthread_setname_np(worker->thread, "pathways");
    pool->started++;
    return PWY_OK;
}

/* Signals are blocked while the threads are made, so that they begin with all of them blocked. */
static pwy_status start_threads(struct pw_pool *pool)
{
    sigset_t all, before;
    pwy_status status = PWY_OK;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    for (int i = 0; i < pool->workers - 1 && status == PWY_OK; i++)
        status = start_one(pool, i);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return status;
}

pwy_status pw_pool_new(int threads, struct pw_pool **out)
{
    if (threads < 1 || threads > MOST_THREADS)
        return pw_fail(PWY_E_ARGUMENT, "%d threads; there must be 1 to %d", threads, MOST_THREADS);
    struct pw_pool *pool = pw_calloc(1, sizeof *pool);
    PW_NEED(pool);
    pool->workers = threads;
    pool->pid = getpid();
    pool->spins = threads <= sysconf(_SC_NPROCESSORS_ONLN) ? SPINS : 0;
    pthread_mutex_init(&pool->run, NULL);
    pthread_mutex_init(&pool->lock, NULL);
    pthread_cond_init(&pool->start, NULL);
    pthread_cond_init(&pool->done, NULL);
    pool->worker = pw_calloc((size_t)threads, sizeof *pool->worker);
    pwy_status status = pool->worker != NULL ? start_threads(pool) : PWY_E_NOMEM;
    if (status == PWY_OK)
        *out = pool;
    else
        pw_pool_free(pool);
    return status;
}

static void stop_threads(struct pw_pool *pool)
{
    pthread_mutex_lock(&pool->lock);
    pool->stop = true;
    atomic_fetch_add(&pool->generation, 1);
    pthread_cond_broadcast(&pool->start);
    pthread_mutex_unlock(&pool->lock);
    for (int i = 0; i < pool->started; i++)
        pthread_join(pool->worker[i].thread, NULL);
    pthread_mutex_destroy(&pool->run);
    pthread_mutex_destroy(&pool->lock);
    pthread_cond_destroy(&pool->start);
    pthread_cond_destroy(&pool->done);
}

/* In a forked child there are no threads, and the locks may be held by ones that are not there: only memory goes. */
void pw_pool_free(struct pw_pool *pool)
{
    if (pool == NULL)
        return;
    if (pool->pid == getpid())
        stop_threads(pool);
    free(pool->worker);
    free(pool);
}

int pw_pool_workers(const struct pw_pool *pool)
{
    return pool != NULL ? pool->workers : 1;
}

static void run_alone(int items, pw_item_fn fn, void *arg)
{
    for (int i = 0; i < items; i++)
        fn(arg, i, 0);
}

static void open_job(struct pw_pool *pool, int items, pw_item_fn fn, void *arg)
{
    pthread_mutex_lock(&pool->lock);
    pool->fn = fn;
    pool->arg = arg;
    pool->items = items;
    atomic_store(&pool->next, 0);
    pool->open = true;
    atomic_fetch_add(&pool->generation, 1);
    pthread_cond_broadcast(&pool->start);
    pthread_mutex_unlock(&pool->lock);
}

static void close_job(struct pw_pool *pool)
{
    pthread_mutex_lock(&pool->lock);
    pool->open = false;
    while (pool->inside > 0)
        pthread_cond_wait(&pool->done, &pool->lock);
    pthread_mutex_unlock(&pool->lock);
}

/* A second run at the same time, from another thread or from within an item, is the caller's alone. */
void pw_pool_run(struct pw_pool *pool, int items, pw_item_fn fn, void *arg)
{
    if (pool == NULL || pool->workers == 1 || items <= 1 || pool->pid != getpid() ||
        pthread_mutex_trylock(&pool->run) != 0) {
        run_alone(items, fn, arg);
        return;
    }
    open_job(pool, items, fn, arg);
    work(pool, 0);
    close_job(pool);
    pthread_mutex_unlock(&pool->run);
}

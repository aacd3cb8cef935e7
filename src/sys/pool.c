/* A pool of threads. A run is a job with a counter of items; whoever is free takes the next. The caller waits only for
   items that others have taken, never for a thread that the system has not woken yet.
   A pass over few rows is many jobs of some microseconds each, so nobody takes a lock or sleeps between them: threads
   look at the job's counter for a while before they sleep, and the caller looks for the last item's end likewise. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <fenv.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/mem.h"
#include "sys/pool.h"

/* A look takes 25 to 50 ns: an idle thread sleeps after about a tenth of a millisecond. */
enum { MOST_THREADS = 1024, SPINS = 3000 };

struct worker { struct pw_pool *pool; pthread_t thread; int number; };

struct pw_pool {
    int workers, started;                   /* with the caller; threads that run */
    pid_t pid;                              /* of the process whose threads these are */
    int spins;                              /* looks before a thread goes to sleep */
    struct worker *worker;                  /* [workers - 1] */
    pthread_mutex_t run;                    /* held through a run */
    pthread_mutex_t lock;                   /* of those who sleep */
    pthread_cond_t start, done;
    bool awaited;                           /* the caller sleeps until the job is done; under lock */
    atomic_bool stop;                       /* the pool ends */
    atomic_int sleepers;                    /* threads that wait for `start`, or are about to */
    /* The job. Who takes an item keeps it open, so these stay as they are until it has been counted off `left`. */
    pw_item_fn fn;
    void *arg;
    int items;
    atomic_uint_fast64_t untaken __attribute__((aligned(64)));      /* the job's number << 32 | items to take */
    atomic_int left __attribute__((aligned(64)));                   /* items that are not done */
};

static bool take(struct pw_pool *pool, int *item)
{
    uint_fast64_t seen = atomic_load_explicit(&pool->untaken, memory_order_acquire);
    while ((uint32_t)seen > 0)
        if (atomic_compare_exchange_weak_explicit(&pool->untaken, &seen, seen - 1, memory_order_acq_rel,
                                                  memory_order_acquire)) {
            *item = pool->items - (int)(uint32_t)seen;
            return true;
        }
    return false;
}

static void wake_caller(struct pw_pool *pool)
{
    pthread_mutex_lock(&pool->lock);
    if (pool->awaited)
        pthread_cond_signal(&pool->done);
    pthread_mutex_unlock(&pool->lock);
}

/* Does items until all are taken. The job may be over once the last is counted off: nothing of it is read then. */
static void work(struct pw_pool *pool, int worker)
{
    int did = 0, item;
    for (; take(pool, &item); did++)
        pool->fn(pool->arg, item, worker);
    if (did > 0 && atomic_fetch_sub(&pool->left, did) == did && worker != 0)
        wake_caller(pool);
}

static void rest(void)
{
#if defined __x86_64__ || defined __i386__
    __builtin_ia32_pause();
#endif
}

static bool called(struct pw_pool *pool)
{
    return (uint32_t)atomic_load(&pool->untaken) > 0 || atomic_load(&pool->stop);
}

/* Waits for items to take; false when the pool ends. */
static bool join(struct pw_pool *pool)
{
    for (int i = 0; i < pool->spins && !called(pool); i++)
        rest();
    if (!called(pool)) {
        pthread_mutex_lock(&pool->lock);
        atomic_fetch_add(&pool->sleepers, 1);
        while (!called(pool))
            pthread_cond_wait(&pool->start, &pool->lock);
        atomic_fetch_sub(&pool->sleepers, 1);
        pthread_mutex_unlock(&pool->lock);
    }
    return !atomic_load(&pool->stop);
}

/* A thread computes in the default floating-point mode, whatever the mode of the thread that started it. */
static void *live(void *arg)
{
    struct worker *self = arg;
    fesetenv(FE_DFL_ENV);
    while (join(self->pool))
        work(self->pool, self->number);
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
    atomic_store(&pool->stop, true);
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

/* The counter is stored last: with it the job is open. A thread that goes to sleep has counted itself before it looks
   at the counter for the last time, so either it sees the job or it is seen here. */
static void open_job(struct pw_pool *pool, int items, pw_item_fn fn, void *arg)
{
    uint32_t number = (uint32_t)(atomic_load_explicit(&pool->untaken, memory_order_relaxed) >> 32) + 1;
    pool->fn = fn;
    pool->arg = arg;
    pool->items = items;
    atomic_store_explicit(&pool->left, items, memory_order_relaxed);
    atomic_store(&pool->untaken, (uint_fast64_t)number << 32 | (uint32_t)items);
    if (atomic_load(&pool->sleepers) == 0)
        return;
    pthread_mutex_lock(&pool->lock);
    pthread_cond_broadcast(&pool->start);
    pthread_mutex_unlock(&pool->lock);
}

static void close_job(struct pw_pool *pool)
{
    for (int i = 0; i < pool->spins && atomic_load_explicit(&pool->left, memory_order_acquire) > 0; i++)
        rest();
    if (atomic_load(&pool->left) == 0)
        return;
    pthread_mutex_lock(&pool->lock);
    pool->awaited = true;
    while (atomic_load(&pool->left) > 0)
        pthread_cond_wait(&pool->done, &pool->lock);
    pool->awaited = false;
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

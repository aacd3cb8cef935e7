/* OpenBLAS: the products of training, and its one setting that belongs to the whole process. */
#include <cblas.h>
#include <pthread.h>
#include "kern/tables.h"

/* The library's only state of the process: how many of our calls are in BLAS now, and what the host had set. */
static struct { pthread_mutex_t lock; int inside, found; } guest = { .lock = PTHREAD_MUTEX_INITIALIZER };

void pw_blas_enter(void)
{
    pthread_mutex_lock(&guest.lock);
    if (guest.inside++ == 0) {
        guest.found = openblas_get_num_threads();
        openblas_set_num_threads(1);
    }
    pthread_mutex_unlock(&guest.lock);
}

void pw_blas_leave(void)
{
    pthread_mutex_lock(&guest.lock);
    if (--guest.inside == 0)
        openblas_set_num_threads(guest.found);
    pthread_mutex_unlock(&guest.lock);
}

int pw_blas_threads(int threads)
{
    pthread_mutex_lock(&guest.lock);
    int found = openblas_get_num_threads();
    openblas_set_num_threads(threads);
    pthread_mutex_unlock(&guest.lock);
    return found;
}

/* A product over nothing: C = beta C. BLAS would complain of its strides on stderr. */
static void scale_rows(int m, int n, real beta, real *c, int ldc)
{
    for (int i = 0; i < m; i++)
        for (int j = 0; j < n; j++)
            c[(ptrdiff_t)i * ldc + j] = beta == 0 ? 0 : beta * c[(ptrdiff_t)i * ldc + j];
}

void pw_gemm_blas(bool ta, bool tb, int m, int n, int k, const real *a, int lda, const real *b, int ldb, real beta,
                  real *c, int ldc)
{
    if (m <= 0 || n <= 0)
        return;
    if (k <= 0) {
        scale_rows(m, n, beta, c, ldc);
        return;
    }
#ifdef PATHWAYS_DOUBLE
    cblas_dgemm(CblasRowMajor, ta ? CblasTrans : CblasNoTrans, tb ? CblasTrans : CblasNoTrans, m, n, k, 1, a, lda, b,
                ldb, beta, c, ldc);
#else
    cblas_sgemm(CblasRowMajor, ta ? CblasTrans : CblasNoTrans, tb ? CblasTrans : CblasNoTrans, m, n, k, 1, a, lda, b,
                ldb, beta, c, ldc);
#endif
}

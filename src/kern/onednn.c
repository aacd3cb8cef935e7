/* oneDNN through its module, opened when it is first asked for and kept: the process has one or none. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "kern/onednn.h"
#include "kern/tables.h"

#ifndef PATHWAYS_DOUBLE
#ifndef PATHWAYS_MODULES
#define PATHWAYS_MODULES "/usr/lib/libpathways"
#endif

static struct { pthread_once_t once; const struct pw_onednn *module; char error[400]; } opened
    = { .once = PTHREAD_ONCE_INIT };

static void fail(const char *what)
{
    snprintf(opened.error, sizeof opened.error, "%s", what != NULL ? what : "unknown");
}

/* Never closed: OpenMP's threads and oneDNN's code would go with it. */
static void open_module(void)
{
    const char *folder = secure_getenv("PATHWAYS_MODULES");
    char path[1024];
    pw_onednn_fn fn = NULL;
    snprintf(path, sizeof path, "%s/pathways-onednn.so", folder != NULL ? folder : PATHWAYS_MODULES);
    void *handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (handle == NULL) {
        fail(dlerror());
        return;
    }
    *(void **)&fn = dlsym(handle, PW_ONEDNN_SYMBOL);
    const struct pw_onednn *module = fn != NULL ? fn() : NULL;
    if (module == NULL || module->layout != PW_ONEDNN_LAYOUT)
        fail(module == NULL ? "oneDNN did not start" : "the module is of another version of libpathways");
    else
        opened.module = module;
}

const struct pw_onednn *pw_onednn_open(const char **error)
{
    pthread_once(&opened.once, open_module);
    if (error != NULL)
        *error = opened.error;
    return opened.module;
}

void pw_gemm_onednn(bool ta, bool tb, int m, int n, int k, const float *a, int lda, const float *b, int ldb, float beta,
                    float *c, int ldc)
{
    bool some = opened.module != NULL && m > 0 && n > 0 && k > 0;
    if (!some || !opened.module->gemm(ta, tb, m, n, k, a, lda, b, ldb, beta, c, ldc))
        pw_gemm_blas(ta, tb, m, n, k, a, lda, b, ldb, beta, c, ldc);
}

bool pw_gemm_bf16_onednn(bool ta, bool tb, int m, int n, int k, const uint16_t *a, int lda, const uint16_t *b, int ldb,
                         float beta, float *c, int ldc)
{
    bool some = opened.module != NULL && opened.module->has_bf16 && m > 0 && n > 0 && k > 0;
    return some && opened.module->gemm_bf16(ta, tb, m, n, k, a, lda, b, ldb, beta, c, ldc);
}
#endif

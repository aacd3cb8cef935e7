/* The module: oneDNN's products (C interface, 2.x) as a table of functions. The only place that knows oneDNN.
   Threads are ours: each call sets OpenMP's number for its own thread to one and puts back what it found. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <dlfcn.h>
#include <pthread.h>
#include <stddef.h>
#include <stdlib.h>
#include <stdio.h>
#include <oneapi/dnnl/dnnl.h>
#include "kern/onednn.h"

/* One primitive for each way that the operands may lie, for C = and for C +=; shapes and strides come with each call,
   so that nothing is compiled anew for every number of rows. */
struct primitives { dnnl_primitive_t of[2][2][2]; };                /* [a turned][b turned][C +=] */

static pthread_once_t once = PTHREAD_ONCE_INIT;
static dnnl_engine_t engine;
static struct primitives bf16;
static struct pw_onednn table;
static char version[32];
static int (*omp_get)(void);
static void (*omp_set)(int);

/* --- one thread --- */

static int enter(void)
{
    int found = omp_get != NULL ? omp_get() : 1;
    if (found != 1)
        omp_set(1);
    return found;
}

static void leave(int found)
{
    if (found != 1)
        omp_set(found);
}

/* --- floats --- */

static bool gemm(bool ta, bool tb, int m, int n, int k, const float *a, int lda, const float *b, int ldb, float beta,
                 float *c, int ldc)
{
    int found = enter();
    dnnl_status_t status = dnnl_sgemm(ta ? 'T' : 'N', tb ? 'T' : 'N', m, n, k, 1, a, lda, b, ldb, beta, c, ldc);
    leave(found);
    return status == dnnl_success;
}

/* --- bf16 --- */

/* Of any size and stride, but one of the strides is 1: else oneDNN takes its slow reference. */
static dnnl_memory_desc_t any_matrix(dnnl_data_type_t type, bool turned)
{
    const dnnl_dim_t any = DNNL_RUNTIME_DIM_VAL;
    dnnl_dims_t strides = { turned ? 1 : any, turned ? any : 1 };
    dnnl_memory_desc_t md;
    dnnl_memory_desc_init_by_strides(&md, 2, (dnnl_dims_t){ any, any }, type, strides);
    return md;
}

static dnnl_status_t make_primitive(dnnl_data_type_t type, bool ta, bool tb, dnnl_primitive_attr_t attr,
                                    dnnl_primitive_t *out)
{
    dnnl_memory_desc_t left = any_matrix(type, ta), right = any_matrix(type, tb), result = any_matrix(dnnl_f32, false);
    dnnl_matmul_desc_t desc;
    dnnl_primitive_desc_t pd;
    dnnl_status_t status = dnnl_matmul_desc_init(&desc, &left, &right, NULL, &result);
    if (status != dnnl_success)
        return status;
    status = dnnl_primitive_desc_create(&pd, &desc, attr, engine, NULL);
    if (status != dnnl_success)
        return status;
    status = dnnl_primitive_create(out, pd);
    dnnl_primitive_desc_destroy(pd);
    return status;
}

/* attr: what the product adds to. */
static dnnl_status_t make_turns(dnnl_data_type_t type, bool add, dnnl_primitive_attr_t attr, struct primitives *out)
{
    dnnl_status_t status = dnnl_success;
    for (int turn = 0; status == dnnl_success && turn < 4; turn++)
        status = make_primitive(type, turn & 1, turn & 2, attr, &out->of[turn & 1][turn >> 1][add]);
    return status;
}

static dnnl_status_t make_all(dnnl_data_type_t type, struct primitives *out)
{
    dnnl_primitive_attr_t attr;
    dnnl_post_ops_t sum;
    dnnl_status_t status = dnnl_primitive_attr_create(&attr);
    if (status != dnnl_success)
        return status;
    status = make_turns(type, false, attr, out);
    if (status == dnnl_success && (status = dnnl_post_ops_create(&sum)) == dnnl_success) {
        dnnl_post_ops_append_sum(sum, 1);
        dnnl_primitive_attr_set_post_ops(attr, sum);
        status = make_turns(type, true, attr, out);
        dnnl_post_ops_destroy(sum);
    }
    dnnl_primitive_attr_destroy(attr);
    return status;
}

static dnnl_memory_t matrix(dnnl_data_type_t type, bool turned, int rows, int cols, int ld, const void *data)
{
    dnnl_memory_desc_t md;
    dnnl_memory_t memory = NULL;
    dnnl_dims_t strides = { turned ? 1 : ld, turned ? ld : 1 };
    if (dnnl_memory_desc_init_by_strides(&md, 2, (dnnl_dims_t){ rows, cols }, type, strides) != dnnl_success)
        return NULL;
    return dnnl_memory_create(&memory, &md, engine, (void *)data) == dnnl_success ? memory : NULL;
}

static bool execute(dnnl_primitive_t primitive, dnnl_memory_t a, dnnl_memory_t b, dnnl_memory_t c)
{
    dnnl_exec_arg_t args[] = { { DNNL_ARG_SRC, a }, { DNNL_ARG_WEIGHTS, b }, { DNNL_ARG_DST, c } };
    dnnl_stream_t stream;
    if (dnnl_stream_create(&stream, engine, 0) != dnnl_success)
        return false;
    bool done = dnnl_primitive_execute(primitive, stream, 3, args) == dnnl_success
             && dnnl_stream_wait(stream) == dnnl_success;
    dnnl_stream_destroy(stream);
    return done;
}

static void scale_rows(int m, int n, float beta, float *c, int ldc)
{
    for (int i = 0; i < m; i++)
        for (int j = 0; j < n; j++)
            c[(ptrdiff_t)i * ldc + j] *= beta;
}

static bool multiply(dnnl_data_type_t type, const struct primitives *p, bool ta, bool tb, int m, int n, int k,
                     const void *a, int lda, const void *b, int ldb, float beta, float *c, int ldc)
{
    int found = enter();
    dnnl_memory_t left = matrix(type, ta, m, k, lda, a), right = matrix(type, tb, k, n, ldb, b);
    dnnl_memory_t result = matrix(dnnl_f32, false, m, n, ldc, c);
    bool whole = left != NULL && right != NULL && result != NULL;
    if (whole && beta != 0 && beta != 1)
        scale_rows(m, n, beta, c, ldc);
    bool done = whole && execute(p->of[ta][tb][beta != 0], left, right, result);
    dnnl_memory_destroy(left);
    dnnl_memory_destroy(right);
    dnnl_memory_destroy(result);
    leave(found);
    return done;
}

static bool gemm_bf16(bool ta, bool tb, int m, int n, int k, const uint16_t *a, int lda, const uint16_t *b, int ldb,
                      float beta, float *c, int ldc)
{
    return multiply(dnnl_bf16, &bf16, ta, tb, m, n, k, a, lda, b, ldb, beta, c, ldc);
}

/* --- starting --- */

static const char *isa_name(void)
{
    switch (dnnl_get_effective_cpu_isa()) {
    case dnnl_cpu_isa_avx512_core_amx: return "avx512_core_amx";
    case dnnl_cpu_isa_avx512_core_bf16: return "avx512_core_bf16";
    case dnnl_cpu_isa_avx512_core_vnni: return "avx512_core_vnni";
    case dnnl_cpu_isa_avx512_core: return "avx512_core";
    case dnnl_cpu_isa_avx2: return "avx2";
    default: return "less than avx2, or unknown";
    }
}

static void start(void)
{
    const dnnl_version_t *v = dnnl_version();
    int (*get)(void) = (int (*)(void))dlsym(RTLD_DEFAULT, "omp_get_max_threads");
    omp_set = (void (*)(int))dlsym(RTLD_DEFAULT, "omp_set_num_threads");
    omp_get = omp_set != NULL ? get : NULL;
    if (dnnl_engine_create(&engine, dnnl_cpu, 0) != dnnl_success)
        return;
    snprintf(version, sizeof version, "%d.%d.%d", v->major, v->minor, v->patch);
    table = (struct pw_onednn){ .layout = PW_ONEDNN_LAYOUT, .version = version, .isa = isa_name(), .gemm = gemm,
                                .gemm_bf16 = gemm_bf16, .has_bf16 = make_all(dnnl_bf16, &bf16) == dnnl_success };
}

__attribute__((visibility("default"))) const struct pw_onednn *pw_onednn_module(void);
const struct pw_onednn *pw_onednn_module(void)
{
    pthread_once(&once, start);
    return table.layout != 0 ? &table : NULL;
}

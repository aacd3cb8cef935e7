/* Where a computation runs; the three products of a linear layer. */
#include "kern/exec.h"

struct pw_rng pw_exec_rng(const struct pw_exec *x, const char *what, uint64_t index)
{
    size_t len = 0;
    while (what[len] != '\0')
        len++;
    uint64_t key[3] = { pw_hash(what, len), x->step, index };
    return pw_rng_at(x->seed, pw_hash(key, sizeof key), 0);
}

void pw_exec_run(const struct pw_exec *x, int items, pw_item_fn fn, void *arg)
{
    if (items > 0)
        pw_pool_run(x->pool, items, fn, arg);
}

pwy_status pw_linear(struct pw_exec *x, int rows, int k, int n, const real *in, const real *w, real *out, bool add)
{
    struct pw_product p = { .m = rows, .n = n, .k = k, .a = in, .lda = k, .b = w, .ldb = n, .beta = add, .c = out,
                            .ldc = n };
    return pw_products(x, &p, 1);
}

pwy_status pw_linear_bf16(struct pw_exec *x, int rows, int k, int n, const real *in, const real *w, real *out,
                          bool add)
{
    struct pw_product p = { .m = rows, .n = n, .k = k, .a = in, .lda = k, .b = w, .ldb = n, .beta = add, .c = out,
                            .ldc = n, .bf16 = true };
    return pw_products(x, &p, 1);
}

pwy_status pw_linear_dx(struct pw_exec *x, int rows, int k, int n, const real *dout, const real *w, real *din, bool add)
{
    struct pw_product p = { .tb = true, .m = rows, .n = k, .k = n, .a = dout, .lda = n, .b = w, .ldb = n, .beta = add,
                            .c = din, .ldc = k };
    return pw_products(x, &p, 1);
}

pwy_status pw_linear_dw(struct pw_exec *x, int rows, int k, int n, const real *in, const real *dout, real *dw)
{
    struct pw_product p = { .ta = true, .m = k, .n = n, .k = rows, .a = in, .lda = k, .b = dout, .ldb = n, .beta = 1,
                            .c = dw, .ldc = n };
    return pw_products(x, &p, 1);
}

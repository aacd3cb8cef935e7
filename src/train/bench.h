/* The reference workloads: a decoder of random weights over random ids. */
#ifndef PW_BENCH_H
#define PW_BENCH_H
#include "kern/context.h"
#include "nn/nn.h"

/* what: "train", "predict" or "decode". *json: one line, the caller's. */
pwy_status pw_bench(pwy_context *ctx, const char *what, const struct pw_node *options, char **json);

/* bench_read.c: memory to read (free() it), how fast one run over it was, and the bytes of weights of a decoded token. */
pwy_status pw_bench_memory(void **out);
pwy_status pw_bench_read(struct pw_exec *x, const void *memory, double *bytes_per_second);
double pw_bench_token_bytes(const struct pw_params *params, int64_t topk, int64_t d, int64_t vocab, enum pw_form form);
#endif

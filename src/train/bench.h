/* The reference workloads: a decoder of random weights over random ids. */
#ifndef PW_BENCH_H
#define PW_BENCH_H
#include "kern/context.h"

/* what: "train", "predict" or "decode". *json: one line, the caller's. */
pwy_status pw_bench(pwy_context *ctx, const char *what, const struct pw_node *options, char **json);
#endif

/* The reference workloads: a decoder of random weights over random ids. */
#ifndef PW_BENCH_H
#define PW_BENCH_H
#include "file/file.h"
#include "kern/context.h"
#include "nn/nn.h"
#include "sys/file.h"

/* what: "train", "predict" or "decode". *json: one line, the caller's. */
pwy_status pw_bench(pwy_context *ctx, const char *what, const struct pw_node *options, char **json);

/* bench_read.c: memory to read (free() it), how fast one run over it was, and the bytes of weights of a decoded
   token. */
pwy_status pw_bench_memory(void **out);
pwy_status pw_bench_read(struct pw_exec *x, const void *memory, double *bytes_per_second);
double pw_bench_token_bytes(const struct pw_params *params, int64_t topk, int64_t d, int64_t vocab, enum pw_form form);

/* bench_file.c: the parameters of a workload as a file of tensors, as a model's file has them; and back, mapped, into
   an empty set, which must not outlive the mapping. */
struct pw_bench_file { struct pw_mapping map; struct pw_tensors *tensors; };
pwy_status pw_bench_write(const struct pw_params *params, const char *path);
pwy_status pw_bench_map(const char *path, struct pw_params *params, struct pw_bench_file *f);
void pw_bench_unmap(struct pw_bench_file *f);
/* What was touched between begin and end, added up: page faults from memory and from disk, and bytes of this process
   that became resident, of which 0 are known where the system does not say. */
struct pw_touched { int64_t minor, major, resident; double cpu; };    /* cpu: seconds of all threads */
void pw_touched_begin(struct pw_touched *t);
void pw_touched_end(struct pw_touched *t);
void pw_touched_some(struct pw_touched *t, int sign);   /* without resident: -1: it begins, 1: it ends, 0: nothing */
#endif

/**
 * @file pathways/bench.h
 * The reference workloads: what `pathways bench` runs.
 */
#ifndef PATHWAYS_BENCH_H
#define PATHWAYS_BENCH_H
#include <pathways/status.h>
#include <pathways/options.h>
#include <pathways/context.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Times "train", "predict" or "decode" on a causal language model of random weights over random ids. Options, with
 *  their defaults: `d` 256, `layers` 4, `heads` 8, `hidden` 512, `experts` 16 (0: dense), `topk` 2, `seq` 128, `batch`
 *  32 (decode: 1), `vocab` 8192, `threads` (the context's), `steps` 8 that are timed, `new` 128 tokens that decode
 *  writes behind its prompt of 16, `dtype` "f32" (train: or "bf16"; others: PWY_E_UNSUPPORTED), `candidates` 0 (all),
 *  `pack` true and `file` (of predict and decode: packed weights; weights mapped from a file, which is written where it
 *  is not there), `router`, `capacity`, `record`, `recompute`. *json is one line: docs/json.md says what each field
 *  means; the caller's (pwy_text_free). Any thread; sets OpenBLAS's threads to one while it runs. @since 0.1 */
PWY_API pwy_status pwy_bench_run(pwy_context *context, const char *what, const pwy_options *options, char **json);

#ifdef __cplusplus
}
#endif
#endif

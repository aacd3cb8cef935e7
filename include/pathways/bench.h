/**
 * @file pathways/bench.h
 * The reference workloads: what  runs.
 */
#ifndef PATHWAYS_BENCH_H
#define PATHWAYS_BENCH_H
#include <pathways/status.h>
#include <pathways/options.h>
#include <pathways/context.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Runs "train", "predict" or "decode" on a decoder of random weights. Options: `d`, `layers`, `heads`, `hidden`, `experts`, `topk`, `seq`, `batch`, `vocab`, `dtype` ("f32"), `threads`, `steps`, `new`.
 *  *json is one line: every option, params, ms, tok_s, and of train gemm_bound_ms. The caller's (pwy_text_free). @since 0.1 */
PWY_API pwy_status pwy_bench_run(pwy_context *context, const char *what, const pwy_options *options, char **json);

#ifdef __cplusplus
}
#endif
#endif

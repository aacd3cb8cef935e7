/* The reference workloads: see pathways/bench.h. */
#include "pathways/bench.h"
#include "api/check.h"
#include "train/bench.h"

pwy_status pwy_bench_run(pwy_context *context, const char *what, const pwy_options *options, char **json)
{
    pwy_context *ctx;
    PW_GIVEN(what);
    PW_GIVEN(json);
    PW_TRY(pw_context_or_default(context, &ctx));
    pwy_status status = pw_bench(ctx, what, options == NULL ? NULL : options->map, json);
    pw_context_release(ctx);
    return status;
}

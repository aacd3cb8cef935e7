/* pathways bench: the reference workloads, timed. */
#include "cli.h"
#include <stdio.h>

static const char more[] =
    "Times a causal language model of random weights over random ids: tied embeddings, RMSNorm, rotary positions,\n"
    "SwiGLU experts chosen token by token, gates renormalised, balance loss 0.01. Prints one line of JSON.\n\n"
    "  train      a whole step: forward, backward, AdamW. Beside ms and tok_s: gemm_bound_ms, the same matrix\n"
    "             products by themselves by the same kernels, and gemm_blas_ms, by one threaded OpenBLAS call each;\n"
    "             memory_bound_ms, the optimizer's bytes at this machine's copy speed; bytes allocated, page faults\n"
    "  predict    one forward pass over --batch sequences of --seq tokens to a class; also what the first one took:\n"
    "             first_ms, resident_bytes, page faults\n"
    "  decode     16 tokens of prompt, then --new tokens, one sequence, greedy. Beside ms and tok_s: read_gb_s, how\n"
    "             fast the threads read memory, and read_bound_ms, reading each token's weights once at that speed\n\n"
    "  --d 256 --layers 4 --heads 8 --hidden 512 --experts 16 --topk 2 --seq 128 --batch 32 --vocab 8192\n"
    "  --dtype f32|bf16 (train), f32|bf16|i8 (predict and decode, whose weights are packed)\n"
    "  --dtype f32 --threads 1 --steps 8 --new 128: the shape, and its defaults; --experts 0 is the dense model\n"
    "  --candidates 0: so many experts of each layer, drawn at random, are all that rows may choose; 0: all\n"
    "  --router topk|hash|task, --capacity 0, --record false: the policy; drops; whether routes are counted\n"
    "  --recompute false: keep the inputs of the blocks alone and make the rest again on the way back\n"
    "  --file PATH: predict and decode by weights mapped from there, written first where there is no such file; the\n"
    "             first prediction begins with nothing of it in memory\n"
    "  --pack true: predict and decode by packed weights, as quantize makes them; false: as they were trained\n"
    "  --json     accepted for likeness: the output is JSON anyway\n\n"
    "Exit status: 0 done, 1 failed, 2 used wrongly.\n";

static int run(const char *what, const pwy_options *o)
{
    pwy_context *ctx = cli_context(1, true);
    char *json;
    if (ctx == NULL) return CLI_FAILED;
    pwy_status status = pwy_bench_run(ctx, what, o, &json);
    int result = status == PWY_OK ? CLI_DONE : cli_fail_option(status);
    if (status == PWY_OK) printf("%s\n", json);
    if (status == PWY_OK) pwy_text_free(json);
    pwy_context_free(ctx);
    return result;
}

int cli_bench(int argc, char **argv)
{
    const struct cli_command *c = cli_command("bench");
    bool help = false, json = false;
    struct cli_flag flags[] = {{"--help", NULL, &help}, {"-h", NULL, &help}, {"--json", NULL, &json}, {0}};
    pwy_options *o;
    int result;
    if (pwy_options_new(&o) != PWY_OK) return cli_fail();
    if (!cli_flags(c, &argc, argv, flags, o)) result = CLI_USAGE;
    else if (help) result = cli_help(c, more);
    else if (argc != 1) result = cli_usage(c, "one workload is needed: train, predict or decode");
    else result = run(argv[0], o);
    pwy_options_free(o);
    return result;
}

/* pathways quantize: a model prepared for answering. */
#include "cli.h"
#include <string.h>

static const char more[] =
    "Writes a copy whose trunk is packed for answering: small batches take about as long as reading the weights. It\n"
    "cannot be trained on; keep the model that it was made from.\n\n"
    "  --dtype i8|bf16|f32   how the trunk's matrices are kept: whole numbers of 8 bits with a scale for each column\n"
    "                        (the usual), the upper halves of floats, or floats, which answer with the same bits\n"
    "  -o, --output OUT      the file to write\n\n"
    "Exit status: 0 done, 1 failed, 2 used wrongly.\n";

static int run(const char *path, const char *dtype, const char *out)
{
    pwy_context *ctx = cli_context(1, true);
    pwy_model *m, *packed;
    if (ctx == NULL) return CLI_FAILED;
    pwy_status status = pwy_model_open(ctx, path, &m);
    if (status == PWY_OK) {
        status = pwy_model_quantize(m, dtype, &packed);
        pwy_model_free(m);
    }
    if (status == PWY_OK) {
        status = pwy_model_save(packed, out);
        pwy_model_free(packed);
    }
    int result = status == PWY_OK ? CLI_DONE : cli_fail();
    pwy_context_free(ctx);
    return result;
}

int cli_quantize(int argc, char **argv)
{
    const struct cli_command *c = cli_command("quantize");
    const char *dtype = "i8", *out = NULL;
    bool help = false;
    struct cli_flag flags[] = {{"--dtype", &dtype, NULL}, {"-o", &out, NULL}, {"--output", &out, NULL},
                               {"--help", NULL, &help}, {"-h", NULL, &help}, {0}};
    if (!cli_flags(c, &argc, argv, flags, NULL)) return CLI_USAGE;
    if (help) return cli_help(c, more);
    if (argc != 1) return cli_usage(c, "one model is needed");
    if (out == NULL) return cli_usage(c, "-o OUT says where to write");
    return run(argv[0], dtype, out);
}

/* pathways upcycle: experts out of a dense model. */
#include "cli.h"
#include <stdio.h>
#include <string.h>

static const char more[] =
    "Writes a sparse model with the answers of MODEL, which must be dense (experts: 0): each expert of a layer starts\n"
    "as a copy of its feed-forward. `pathways train RECIPE --from OUT` trains it on.\n\n"
    "  -o OUT           the file to write\n"
    "  --experts N      experts of each layer\n"
    "  --topk K         how many of them a row meets (default 2)\n"
    "  --noise X        tell the copies apart: each number moves by X times what its matrix's are (default 0)\n"
    "  --seed N         of the routers and the noise (default 1)\n"
    "  --router, --gate, --normalise, --balance-by, --balance, --gate-scale, --capacity, --expert-lr X: as in a\n"
    "                   recipe's `model:`\n"
    "  --approximate    allow gates that do not sum to 1, as of --topk 1: then the answers change\n\n"
    "Exit status: 0 done, 1 failed, 2 used wrongly.\n";

static const char *const words[] = {"experts", "topk", "noise", "seed", "router", "gate", "normalise", "balance_by",
                                    "balance", "gate_scale", "capacity", "expert_lr"};
static const char *const word_flags[] = {"--experts", "--topk", "--noise", "--seed", "--router", "--gate",
                                         "--normalise", "--balance-by", "--balance", "--gate-scale", "--capacity",
                                         "--expert-lr"};
enum { WORDS = 12, FLAGS = 4 };

struct upcycle { const char *path, *out, *value[WORDS]; bool approximate, help;
    pwy_context *ctx; pwy_model *dense, *sparse; };

static pwy_status make(struct upcycle *u)
{
    pwy_options *o;
    pwy_status status = pwy_options_new(&o);
    if (status != PWY_OK) return status;
    for (int i = 0; i < WORDS && status == PWY_OK; i++)
        if (u->value[i] != NULL) status = pwy_options_set(o, words[i], u->value[i]);
    if (status == PWY_OK && u->approximate) status = pwy_options_set_flag(o, "approximate", 1);
    if (status == PWY_OK) status = pwy_model_upcycle(u->dense, o, &u->sparse);
    pwy_options_free(o);
    return status;
}

static int work(struct upcycle *u)
{
    pwy_status status = pwy_model_open(u->ctx, u->path, &u->dense);
    if (status != PWY_OK) return cli_fail();
    status = make(u);
    if (status != PWY_OK) return cli_fail_option(status);
    if (pwy_model_save(u->sparse, u->out) != PWY_OK) return cli_fail();
    fprintf(stderr, "%s: %lld parameters, of %lld\n", u->out, (long long)pwy_model_parameters(u->sparse),
            (long long)pwy_model_parameters(u->dense));
    return CLI_DONE;
}

int cli_upcycle(int argc, char **argv)
{
    const struct cli_command *c = cli_command("upcycle");
    struct upcycle u = {0};
    struct cli_flag flags[FLAGS + WORDS + 1] = {{"-o", &u.out, NULL}, {"--approximate", NULL, &u.approximate},
                                                {"--help", NULL, &u.help}, {"-h", NULL, &u.help}};
    for (int i = 0; i < WORDS; i++) flags[FLAGS + i] = (struct cli_flag){word_flags[i], &u.value[i], NULL};
    if (!cli_flags(c, &argc, argv, flags, NULL)) return CLI_USAGE;
    if (u.help) return cli_help(c, more);
    if (argc != 1) return cli_usage(c, "%s", argc < 1 ? "no model given" : "one model at a time");
    if (u.out == NULL) return cli_usage(c, "-o OUT says where to write");
    if (u.value[0] == NULL) return cli_usage(c, "--experts N says how many a layer is to have");
    u.path = argv[0];
    if ((u.ctx = cli_context(1, true)) == NULL) return CLI_FAILED;
    int result = work(&u);
    pwy_model_free(u.sparse);
    pwy_model_free(u.dense);
    pwy_context_free(u.ctx);
    return result;
}

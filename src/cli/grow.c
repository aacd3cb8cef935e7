/* pathways grow: more experts for what is not sealed. */
#include "cli.h"
#include <stdio.h>

static const char more[] =
    "Gives every layer of MODEL more experts: copies of those that are there, for the tasks that go by the trunk's\n"
    "routers. No answer changes until `pathways train RECIPE --from MODEL` trains it on; sealed tasks never do.\n\n"
    "  --experts N      how many more a layer\n"
    "  --copy WHICH     used: each layer's most used are copied (default); random: any\n"
    "  --noise X        tell the copies apart: each number moves by X times what its matrix's are (default 0)\n"
    "  --seed N         of the random order and the noise (default 1)\n"
    "  --approximate    allow routers that choose by how many there are (expert_choice, hash): then answers of open\n"
    "                   tasks change\n"
    "  -o OUT           write OUT; without it MODEL is replaced, as a whole\n\n"
    "Exit status: 0 done, 1 failed, 2 used wrongly.\n";

struct grow { const char *path, *out, *experts, *copy, *noise, *seed; bool approximate, help;
    pwy_context *ctx; pwy_model *model, *grown; };

static pwy_status make(struct grow *g)
{
    pwy_options *o;
    pwy_status status = pwy_options_new(&o);
    if (status != PWY_OK) return status;
    bool set = cli_set(o, "experts", g->experts) && cli_set(o, "copy", g->copy) && cli_set(o, "noise", g->noise)
            && cli_set(o, "seed", g->seed) && (!g->approximate || pwy_options_set_flag(o, "approximate", 1) == PWY_OK);
    status = set ? pwy_model_grow(g->model, o, &g->grown) : PWY_E_NOMEM;
    pwy_options_free(o);
    return status;
}

static int work(struct grow *g)
{
    const char *out = g->out != NULL ? g->out : g->path;
    if (pwy_model_open(g->ctx, g->path, &g->model) != PWY_OK) return cli_fail();
    pwy_status status = make(g);
    if (status != PWY_OK) return cli_fail_option(status);
    if (pwy_model_save(g->grown, out) != PWY_OK) return cli_fail();
    fprintf(stderr, "%s: %lld parameters, of %lld\n", out, (long long)pwy_model_parameters(g->grown),
            (long long)pwy_model_parameters(g->model));
    return CLI_DONE;
}

int cli_grow(int argc, char **argv)
{
    const struct cli_command *c = cli_command("grow");
    struct grow g = {0};
    const struct cli_flag flags[] = {{"--experts", &g.experts, NULL}, {"--copy", &g.copy, NULL},
        {"--noise", &g.noise, NULL}, {"--seed", &g.seed, NULL}, {"--approximate", NULL, &g.approximate},
        {"-o", &g.out, NULL}, {"--help", NULL, &g.help}, {"-h", NULL, &g.help}, {0}};
    if (!cli_flags(c, &argc, argv, flags, NULL)) return CLI_USAGE;
    if (g.help) return cli_help(c, more);
    if (argc != 1) return cli_usage(c, "%s", argc < 1 ? "no model given" : "one model at a time");
    if (g.experts == NULL) return cli_usage(c, "--experts N says how many more a layer is to have");
    g.path = argv[0];
    if ((g.ctx = cli_context(1, true)) == NULL) return CLI_FAILED;
    int result = work(&g);
    pwy_model_free(g.grown);
    pwy_model_free(g.model);
    pwy_context_free(g.ctx);
    return result;
}

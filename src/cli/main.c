/* The program `pathways`. */
#include "../base/nearest.h"
#include "cli.h"
#include <locale.h>
#include <stdio.h>
#include <string.h>

const struct cli_command cli_commands[] = {
    {"train", "RECIPE -o MODEL [--resume | --from MODEL] [--minutes N] [--data DIR] [--threads N] [--seed N]"
     " [--steps N] [--quiet]",
     "learn the recipe's tasks", cli_train},
    {"eval", "MODEL RECIPE [--json] [--split train|valid|test] [--task NAME] [--data DIR] [--threads N]",
     "score a model on a recipe's test rows", cli_eval},
    {"predict", "MODEL [--task NAME] [--json] [--ranking] [--threads N] [--max-new N] [--temperature X]"
     " FILE-OR-TEXT...",
     "answer one example or several", cli_predict},
    {"seal", "MODEL [--task NAME] [--tolerance X] [-o OUT]", "lock tasks, so that they never move again", cli_seal},
    {"add", "MODEL RECIPE [-o OUT] [--minutes N] [--parameters N] [--reuse WHAT] [--data DIR] ...",
     "learn more tasks behind sealed ones", cli_add},
    {"extract", "MODEL --task NAME... -o OUT", "write a small model of some tasks", cli_extract},
    {"forget", "MODEL --task NAME... [-o OUT]", "take tasks out, with what only they read", cli_forget},
    {"rename", "MODEL TASK NAME [-o OUT]", "give a task another name", cli_rename},
    {"prune", "MODEL [-o OUT]", "take out what no task reads", cli_prune},
    {"grow", "MODEL --experts N [--copy used|random] [--noise X] [--seed N] [--approximate] [-o OUT]",
     "give every layer more experts to train", cli_grow},
    {"merge", "MODEL OTHER [-o OUT]", "put the tasks of two models into one", cli_merge},
    {"continual", "FILE [--json]", "show what eval --matrix kept of tasks learned one by one", cli_continual},
    {"inspect", "MODEL [--json] [--task NAME] [--sense NAME] [--state NAME] [--kind NAME] [--label NAME]",
     "show what is in a model", cli_inspect},
    {"verify", "MODEL [--json]", "check every byte of a model against its digests", cli_verify},
    {"pack", "MODEL", "fold what was added beside a model into it", cli_pack},
    {"quantize", "MODEL -o OUT [--dtype i8|bf16|f32]", "prepare a model for answering", cli_quantize},
    {"upcycle", "MODEL -o OUT --experts N [--topk K] [--noise X] [--seed N] [--approximate] ...",
     "make a sparse model from a dense one", cli_upcycle},
    {"bench", "train|predict|decode [--d N] [--layers N] ...", "time the reference workloads", cli_bench},
    {0}};

const struct cli_command *cli_command(const char *name)
{
    for (const struct cli_command *c = cli_commands; c->name != NULL; c++)
        if (strcmp(c->name, name) == 0) return c;
    return NULL;
}

static int help(FILE *to)
{
    fprintf(to, "usage: pathways COMMAND ...\n\n"
                "One sparse model learns many tasks through many senses.\n\n");
    for (const struct cli_command *c = cli_commands; c->name != NULL; c++)
        fprintf(to, "  %-9s %s\n", c->name, c->what);
    fprintf(to, "\n`pathways COMMAND --help` says more; `pathways --version` says which library this is.\n"
                "Exit status: 0 done, 1 failed, 2 used wrongly, 130 interrupted with its state saved.\n");
    return to == stdout ? CLI_DONE : CLI_USAGE;
}

static int no_command(const char *name)
{
    const char *names[sizeof cli_commands / sizeof *cli_commands];
    int n = 0;
    for (const struct cli_command *c = cli_commands; c->name != NULL; c++) names[n++] = c->name;
    names[n] = NULL;
    const char *near = pw_nearest(name, names);
    fprintf(stderr, "pathways: no command '%s'", name);
    if (near == NULL) return fprintf(stderr, "\n\n"), help(stderr);
    fprintf(stderr, "; did you mean '%s'? `pathways --help` lists them all\n", near);
    return CLI_USAGE;
}

int main(int argc, char **argv)
{
    setlocale(LC_CTYPE, "");
    if (argc < 2) return help(stderr);
    bool asked = strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 || strcmp(argv[1], "help") == 0;
    if (asked) return help(stdout);
    if (strcmp(argv[1], "--version") == 0) return printf("pathways %s (%s)\n", pwy_version(), pwy_features()), CLI_DONE;
    const struct cli_command *c = cli_command(argv[1]);
    return c != NULL ? c->run(argc - 2, argv + 2) : no_command(argv[1]);
}

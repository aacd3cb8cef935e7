/* pathways seal: tasks that will not move again. */
#include "cli.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static const char more[] =
    "Seals every task of MODEL that was trained, or one: what its answers read is locked, and a digest of it is kept.\n"
    "Each task keeps as few experts a layer as lose no more than the tolerance of its score.\n\n"
    "  --task NAME      this task alone\n"
    "  --tolerance X    of the score, what leaving experts out may cost (default 0.005)\n"
    "  -o OUT           write OUT; without it MODEL is replaced, as a whole, or, from 64 MiB on, what is new is\n"
    "                   written beside it\n"
    "  --quiet          say nothing\n\n"
    "Exit status: 0 done, 1 failed, 2 used wrongly.\n";

struct seal { const char *path, *task, *tolerance, *out; bool help, quiet;
    pwy_context *ctx; pwy_model *model, *sealed; };

static pwy_status seal_model(struct seal *s)
{
    pwy_options *o;
    pwy_status status = pwy_options_new(&o);
    if (status != PWY_OK) return status;
    if (s->tolerance != NULL) status = pwy_options_set(o, "tolerance", s->tolerance);
    if (status == PWY_OK) status = pwy_model_seal(s->model, s->task, o, &s->sealed);
    pwy_options_free(o);
    return status;
}

static pwy_status tell(const struct seal *s)
{
    pwy_registry *tasks = pwy_model_registry(s->sealed);
    for (int64_t i = 0; i < pwy_registry_count(tasks); i++) {
        const char *name = pwy_task_name(pwy_registry_at(tasks, i));
        char *hex;
        if (pwy_model_digest(s->sealed, name, &hex) != PWY_OK) continue;
        printf("%s  %s\n", hex, name);
        pwy_text_free(hex);
    }
    return PWY_OK;
}

/* One file is easier to carry than two; a large one is not written again for what a seal adds. */
static pwy_status save(const struct seal *s)
{
    enum { LARGE = 64 << 20 };
    struct stat st;
    if (s->out != NULL) return pwy_model_save(s->sealed, s->out);
    bool large = stat(s->path, &st) == 0 && st.st_size >= LARGE;
    return large ? pwy_model_save_added(s->sealed, s->path) : pwy_model_save(s->sealed, s->path);
}

static pwy_status work(struct seal *s)
{
    pwy_status status = pwy_model_open(s->ctx, s->path, &s->model);
    if (status == PWY_OK) status = seal_model(s);
    if (status == PWY_OK) status = save(s);
    return status == PWY_OK && !s->quiet ? tell(s) : status;
}

int cli_seal(int argc, char **argv)
{
    const struct cli_command *c = cli_command("seal");
    struct seal s = {0};
    const struct cli_flag flags[] = {{"--task", &s.task, NULL}, {"--tolerance", &s.tolerance, NULL},
        {"-o", &s.out, NULL}, {"--quiet", NULL, &s.quiet}, {"--help", NULL, &s.help}, {"-h", NULL, &s.help}, {0}};
    if (!cli_flags(c, &argc, argv, flags, NULL)) return CLI_USAGE;
    if (s.help) return cli_help(c, more);
    if (argc != 1) return cli_usage(c, "%s", argc < 1 ? "no model given" : "one model at a time");
    s.path = argv[0];
    if ((s.ctx = cli_context(1, s.quiet)) == NULL) return CLI_FAILED;
    int result = work(&s) == PWY_OK ? CLI_DONE : cli_fail();
    pwy_model_free(s.model);
    pwy_model_free(s.sealed);
    pwy_context_free(s.ctx);
    return result;
}

/* pathways extract, forget, rename, prune, merge: a model of other tasks, from those of one or two. */
#include "cli.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct work { const char *path, *out, *other; bool help; const char *const *name; int64_t n; pwy_context *ctx;
    pwy_model *model, *second, *made; };
typedef pwy_status (*make_fn)(struct work *w);

static pwy_status extract(struct work *w)
{
    return pwy_model_extract(w->model, w->name, w->n, &w->made);
}

/* One after the other. */
static pwy_status forget(struct work *w)
{
    pwy_status status = PWY_OK;
    for (int64_t i = 0; i < w->n && status == PWY_OK; i++) {
        pwy_model *from = w->made != NULL ? w->made : w->model, *made = NULL;
        status = pwy_model_forget(from, w->name[i], &made);
        if (status != PWY_OK) continue;
        pwy_model_free(w->made);
        w->made = made;
    }
    return status;
}

static pwy_status rename_task(struct work *w)
{
    return pwy_model_rename(w->model, w->name[0], w->name[1], &w->made);
}

static pwy_status prune(struct work *w)
{
    return pwy_model_prune(w->model, &w->made);
}

static pwy_status merge(struct work *w)
{
    pwy_status status = pwy_model_open(w->ctx, w->other, &w->second);
    return status == PWY_OK ? pwy_model_merge(w->model, w->second, &w->made) : status;
}

static int run(struct work *w, make_fn make)
{
    if ((w->ctx = cli_context(1, false)) == NULL) return CLI_FAILED;
    pwy_status status = pwy_model_open(w->ctx, w->path, &w->model);
    if (status == PWY_OK) status = make(w);
    if (status == PWY_OK) status = pwy_model_save(w->made, w->out != NULL ? w->out : w->path);
    int result = status == PWY_OK ? CLI_DONE : cli_fail();
    pwy_model_free(w->made);
    pwy_model_free(w->second);
    pwy_model_free(w->model);
    pwy_context_free(w->ctx);
    return result;
}

/* --task may come several times: cli_flags keeps the last, so they are taken out before. */
static int take_tasks(int *argc, char **argv, const char **names)
{
    int n = 0, kept = 0;
    for (int i = 0; i < *argc; i++) {
        bool ended = strcmp(argv[i], "--") == 0;
        if (!ended && strcmp(argv[i], "--task") == 0 && i + 1 < *argc) names[n++] = argv[++i];
        else if (!ended && strncmp(argv[i], "--task=", 7) == 0) names[n++] = argv[i] + 7;
        else argv[kept++] = argv[i];
        for (; ended && i + 1 < *argc; i++) argv[kept++] = argv[i + 1];
    }
    *argc = kept;
    return n;
}

static bool read_flags(const struct cli_command *c, int *argc, char **argv, struct work *w)
{
    const struct cli_flag flags[] = {{"-o", &w->out, NULL}, {"--help", NULL, &w->help}, {"-h", NULL, &w->help}, {0}};
    return cli_flags(c, argc, argv, flags, NULL);
}

static const char exits[] = "Exit status: 0 done, 1 failed, 2 used wrongly.\n";

static int help(const struct cli_command *c, const char *text)
{
    printf("usage: pathways %s %s\n\n%s%s", c->name, c->usage, text, exits);
    return CLI_DONE;
}

/* extract and forget: a model, and tasks by --task. */
static int by_names(const char *command, int argc, char **argv, const char *text, bool must_out, make_fn make)
{
    const struct cli_command *c = cli_command(command);
    const char **names = calloc((size_t)argc + 1, sizeof *names);
    struct work w = {.name = names};
    int result = CLI_FAILED;
    if (names == NULL) return CLI_FAILED;
    w.n = take_tasks(&argc, argv, names);
    if (!read_flags(c, &argc, argv, &w)) result = CLI_USAGE;
    else if (w.help) result = help(c, text);
    else if (argc != 1) result = cli_usage(c, "%s", argc < 1 ? "no model given" : "one model at a time");
    else if (w.n == 0) result = cli_usage(c, "no task given; --task NAME names one");
    else if (must_out && w.out == NULL) result = cli_usage(c, "no output given; -o OUT names it");
    else {
        w.path = argv[0];
        result = run(&w, make);
    }
    free(names);
    return result;
}

int cli_extract(int argc, char **argv)
{
    return by_names("extract", argc, argv,
                    "Writes a model of the named tasks alone, with what they read and nothing else. Their answers,\n"
                    "and the digests of those that are sealed, stay the same to the bit.\n\n"
                    "  --task NAME      a task to take; several may be named\n"
                    "  -o OUT           the file to write\n\n", true, extract);
}

int cli_forget(int argc, char **argv)
{
    return by_names("forget", argc, argv,
                    "Takes tasks out of MODEL, with all that only they read.\n\n"
                    "  --task NAME      a task to forget; several may be named\n"
                    "  -o OUT           write OUT; without it MODEL is replaced, as a whole\n\n", false, forget);
}

static int plain(const char *command, int argc, char **argv, int want, const char *needs, const char *text,
                 make_fn make)
{
    const struct cli_command *c = cli_command(command);
    struct work w = {0};
    if (!read_flags(c, &argc, argv, &w)) return CLI_USAGE;
    if (w.help) return help(c, text);
    if (argc != want) return cli_usage(c, "%s", needs);
    w.path = argv[0];
    w.name = (const char *const *)argv + 1;
    w.other = want > 1 ? argv[1] : NULL;
    return run(&w, make);
}

int cli_rename(int argc, char **argv)
{
    return plain("rename", argc, argv, 3, "a model, a task and its new name are needed",
                 "Gives a task another name. Its answers and its digest stay the same.\n\n"
                 "  -o OUT           write OUT; without it MODEL is replaced, as a whole\n\n", rename_task);
}

int cli_prune(int argc, char **argv)
{
    return plain("prune", argc, argv, 1, "one model is needed",
                 "Takes out experts and senses that no task of MODEL reads. A task without candidates of its own may\n"
                 "meet any expert of the trunk's routers: for it they stay.\n\n"
                 "  -o OUT           write OUT; without it MODEL is replaced, as a whole\n\n", prune);
}

int cli_merge(int argc, char **argv)
{
    return plain("merge", argc, argv, 2, "two models are needed",
                 "Puts the tasks of OTHER, all sealed, behind those of MODEL. Both must have grown from one sealed\n"
                 "model; what both brought of one sense since then is kept for each.\n\n"
                 "  -o OUT           write OUT; without it MODEL is replaced, as a whole\n\n", merge);
}

/* pathways train: a recipe in, a model out. */
#include "cli.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char more[] =
    "Learns every task of RECIPE and writes MODEL. The recipe says what to learn, from which files, and how long;\n"
    "options given here stand over the recipe's.\n\n"
    "  -o MODEL       the file to write; what was there stays whole until the new one is complete\n"
    "  --resume       go on from MODEL.checkpoint, which an interrupted run left\n"
    "  --minutes N    how long to train, or --steps N, or --epochs N\n"
    "  --data DIR     the folder that the recipe's paths start from\n"
    "  --threads N, --seed N, --batch N, --lr X, --max-bad-rows N ...: as the recipe's `train:`\n"
    "  --quiet        no progress\n\n"
    "Ctrl-C saves the state beside MODEL and says how to go on. Exit status: 0 done, 1 failed, 2 used wrongly, 130 interrupted.\n";

struct train { const char *recipe_path, *model_path, *data, *minutes, *steps, *epochs; bool resume, help, quiet; char *checkpoint;
    pwy_options *given; pwy_context *ctx; pwy_recipe *recipe; pwy_model *blank; pwy_trainer *trainer; pwy_model *model; };

static pwy_status open_recipe(struct train *t)
{
    pwy_options *o;
    pwy_status status = pwy_options_new(&o);
    if (status != PWY_OK) return status;
    if (t->data != NULL) status = pwy_options_set(o, "data", t->data);
    if (status == PWY_OK) status = pwy_options_set_flag(o, "skip_unsupported", 1);
    if (status == PWY_OK) status = pwy_recipe_open(t->ctx, t->recipe_path, o, &t->recipe);
    pwy_options_free(o);
    return status;
}

/* How long: what the command line says stands instead of what the recipe says. */
static pwy_status set_length(struct train *t, pwy_options *o)
{
    static const char *const ways[] = {"minutes", "steps", "epochs", "plan"};
    const char *value[] = {t->minutes, t->steps, t->epochs, NULL};
    pwy_status status = PWY_OK;
    bool any = t->minutes != NULL || t->steps != NULL || t->epochs != NULL;
    for (int i = 0; status == PWY_OK && any && i < 4; i++)
        status = value[i] != NULL ? pwy_options_set(o, ways[i], value[i]) : pwy_options_unset(o, ways[i]);
    return status;
}

static pwy_status set_options(struct train *t, pwy_options *o)
{
    pwy_status status = pwy_options_merge(o, t->given);
    if (status == PWY_OK) status = set_length(t, o);
    if (status == PWY_OK) status = pwy_options_set(o, "checkpoint", t->checkpoint);
    return status;
}

static pwy_status open_trainer(struct train *t)
{
    pwy_options *o = pwy_recipe_train_options(t->recipe);
    pwy_status status = set_options(t, o);
    if (status != PWY_OK) return status;
    if (t->resume) return pwy_trainer_open(pwy_recipe_registry(t->recipe), t->checkpoint, o, &t->trainer);
    status = pwy_model_new(pwy_recipe_registry(t->recipe), pwy_recipe_model_options(t->recipe), &t->blank);
    return status != PWY_OK ? status : pwy_trainer_new(t->blank, o, &t->trainer);
}

static pwy_status run(struct train *t)
{
    pwy_status status;
    if (!t->quiet) pwy_trainer_on_progress(t->trainer, cli_progress, NULL, NULL);
    cli_catch_interrupt(t->trainer);
    status = pwy_trainer_run(t->trainer);
    cli_release_interrupt();
    cli_progress_end();
    if (status == PWY_OK) status = pwy_trainer_model(t->trainer, &t->model);
    return status == PWY_OK ? pwy_model_save(t->model, t->model_path) : status;
}

static void finish(struct train *t)
{
    unlink(t->checkpoint);
    if (t->quiet) return;
    fprintf(stderr, "%s: %lld tasks, %lld parameters, %lld steps", t->model_path,
            (long long)pwy_registry_count(pwy_model_registry(t->model)), (long long)pwy_model_parameters(t->model),
            (long long)pwy_trainer_steps(t->trainer));
    if (pwy_trainer_bad_rows(t->trainer) > 0)
        fprintf(stderr, ", %lld bad rows skipped", (long long)pwy_trainer_bad_rows(t->trainer));
    fputc('\n', stderr);
}

/* Looking through the data and training use every processor unless told otherwise: the model is the same for any number. */
static int64_t processors(void)
{
    long n = sysconf(_SC_NPROCESSORS_ONLN);
    return n < 1 ? 1 : n > 64 ? 64 : n;
}

static int train(struct train *t)
{
    pwy_status status = PWY_OK;
    if (access(t->checkpoint, F_OK) != 0 && t->resume && access(t->model_path, F_OK) == 0) {
        fprintf(stderr, "%s is finished: there is nothing to resume\n", t->model_path);
        return CLI_DONE;
    }
    if ((t->ctx = cli_context(processors())) == NULL) return CLI_FAILED;
    status = open_recipe(t);
    if (status == PWY_OK) status = pwy_model_check_path(t->model_path);
    if (status == PWY_OK) status = open_trainer(t);
    if (status == PWY_OK) status = run(t);
    if (status == PWY_E_CANCELLED) {
        cli_line_break();
        fprintf(stderr, "interrupted; the state is in %s\ngo on with: pathways train %s -o %s --resume\n", t->checkpoint,
                t->recipe_path, t->model_path);
        return CLI_INTERRUPTED;
    }
    if (status != PWY_OK) return cli_fail();
    finish(t);
    return CLI_DONE;
}

static void close_all(struct train *t)
{
    pwy_model_free(t->model);
    pwy_trainer_free(t->trainer);
    pwy_model_free(t->blank);
    pwy_recipe_free(t->recipe);
    pwy_context_free(t->ctx);
    pwy_options_free(t->given);
    free(t->checkpoint);
}

static bool checkpoint_path(struct train *t)
{
    size_t len = strlen(t->model_path) + sizeof ".checkpoint";
    t->checkpoint = malloc(len);
    if (t->checkpoint != NULL) snprintf(t->checkpoint, len, "%s.checkpoint", t->model_path);
    return t->checkpoint != NULL;
}

int cli_train(int argc, char **argv)
{
    const struct cli_command *c = cli_command("train");
    struct train t = {0};
    struct cli_flag flags[] = {{"-o", &t.model_path, NULL}, {"--resume", NULL, &t.resume}, {"--data", &t.data, NULL},
        {"--minutes", &t.minutes, NULL}, {"--steps", &t.steps, NULL}, {"--epochs", &t.epochs, NULL},
        {"--quiet", NULL, &t.quiet}, {"--help", NULL, &t.help}, {"-h", NULL, &t.help}, {0}};
    if (pwy_options_new(&t.given) != PWY_OK) return cli_fail();
    int result = cli_flags(c, &argc, argv, flags, t.given) ? CLI_DONE : CLI_USAGE;
    if (result == CLI_DONE && t.help) result = cli_help(c, more);
    else if (result == CLI_DONE && argc != 1) result = cli_usage(c, "%s", argc < 1 ? "no recipe given" : "one recipe at a time");
    else if (result == CLI_DONE && t.model_path == NULL) result = cli_usage(c, "no output given; -o MODEL names it");
    else if (result == CLI_DONE) {
        t.recipe_path = argv[0];
        result = checkpoint_path(&t) ? train(&t) : CLI_FAILED;
    }
    close_all(&t);
    return result;
}

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
    "  -o MODEL         the file to write; what was there stays whole until the new one is complete\n"
    "  --resume         go on from MODEL.checkpoint, which an interrupted run left\n"
    "  --from MODEL     start from the weights of a model that has these tasks; what the recipe says of its shape\n"
    "                   and senses is not asked\n"
    "  --tasks A,B      learn these tasks of the model alone; the others keep what is theirs, while the trunk that\n"
    "                   all of them share moves on\n"
    "  --data DIR       the folder that the recipe's paths start from\n"
    "  --minutes N      how long to train (default 5), or\n"
    "  --steps N, --epochs N\n"
    "  --threads N      default: every processor; with --steps or --epochs the model is the same for any number\n"
    "  --seed N         default 1\n"
    "  --candidates N   learn which N experts of each layer each task needs: from the share --narrow X (default .3)\n"
    "                   of the run on it chooses from those alone, by a router of its own (default 0: all, always)\n"
    "  --max-bad-rows N rows that may be skipped before it is an error (default 100)\n"
    "  --batch N, --lr X, --warmup X, --temperature X, --clip X, --weight-decay X, --dropout X: as in the recipe's\n"
    "                   `train:`\n"
    "  --quiet          no progress; warnings only\n\n"
    "With --resume only --minutes, --threads and --max-bad-rows may be given anew.\n"
    "Ctrl-C saves the state beside MODEL and says how to go on.\n"
    "Exit status: 0 done, 1 failed, 2 used wrongly, 130 interrupted.\n";

/* What a recipe's `train:` may say, and so the command line. The first three exclude each other; the first and the last
   two may change when a run goes on. */
static const char *const words[] = {
    "minutes", "steps", "epochs", "seed", "batch", "chunk", "lr", "warmup", "temperature", "clip", "weight_decay",
    "dropout", "dtype", "candidates", "narrow", "threads", "max_bad_rows"};
static const char *const word_flags[] = {
    "--minutes", "--steps", "--epochs", "--seed", "--batch", "--chunk", "--lr", "--warmup", "--temperature", "--clip",
    "--weight-decay", "--dropout", "--dtype", "--candidates", "--narrow", "--threads", "--max-bad-rows"};
enum { MINUTES, STEPS, EPOCHS, SEED, THREADS = 15, WORDS = 17, FLAGS = 8 };

struct train { const char *recipe_path, *model_path, *from, *tasks, *data, *value[WORDS]; bool resume, help, quiet;
    char *checkpoint; pwy_context *ctx; pwy_recipe *recipe; pwy_model *blank; pwy_trainer *trainer; pwy_model *model; };

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

/* How long: what the command line says stands instead of all that the recipe says of it. */
static pwy_status clear_length(const struct train *t, pwy_options *o)
{
    static const char *const ways[] = {"minutes", "steps", "epochs", "plan"};
    pwy_status status = PWY_OK;
    if (t->value[MINUTES] == NULL && t->value[STEPS] == NULL && t->value[EPOCHS] == NULL) return PWY_OK;
    for (int i = 0; i < 4 && status == PWY_OK; i++) status = pwy_options_unset(o, ways[i]);
    return status;
}

/* "tasks: [A, B]" over what the recipe says. */
static pwy_status set_tasks(const struct train *t, pwy_options *o)
{
    pwy_options *more;
    size_t len = t->tasks == NULL ? 0 : strlen(t->tasks) + sizeof "tasks: []";
    char *text = t->tasks == NULL ? NULL : malloc(len);
    if (t->tasks == NULL) return PWY_OK;
    if (text == NULL) return PWY_E_NOMEM;
    snprintf(text, len, "tasks: [%s]", t->tasks);
    pwy_status status = pwy_options_parse(text, &more);
    free(text);
    if (status != PWY_OK) return status;
    status = pwy_options_merge(o, more);
    pwy_options_free(more);
    return status;
}

static pwy_status set_values(const struct train *t, pwy_options *o)
{
    pwy_status status = set_tasks(t, o);
    for (int i = 0; i < WORDS && status == PWY_OK; i++)
        if (t->value[i] != NULL) status = pwy_options_set(o, words[i], t->value[i]);
    return status;
}

/* What the command line says, by itself: told before anything is opened. */
static pwy_status check_values(const struct train *t)
{
    pwy_options *o;
    pwy_status status = pwy_options_new(&o);
    if (status != PWY_OK) return status;
    status = set_values(t, o);
    if (status == PWY_OK) status = pwy_trainer_check(o);
    pwy_options_free(o);
    return status;
}

static pwy_status set_options(const struct train *t, pwy_options *o)
{
    pwy_status status = clear_length(t, o);
    if (status == PWY_OK) status = set_values(t, o);
    if (status == PWY_OK) status = pwy_options_set(o, "checkpoint", t->checkpoint);
    return status == PWY_OK ? pwy_trainer_check(o) : status;
}

/* An untrained model, or one that was trained before over the recipe's rows. */
static pwy_status open_start(struct train *t)
{
    pwy_registry *tasks = pwy_recipe_registry(t->recipe);
    pwy_model *before;
    if (t->from == NULL) return pwy_model_new(tasks, pwy_recipe_model_options(t->recipe), &t->blank);
    pwy_status status = pwy_model_open(t->ctx, t->from, &before);
    if (status != PWY_OK) return status;
    status = pwy_model_with_sources(before, tasks, &t->blank);
    pwy_model_free(before);
    return status;
}

static pwy_status open_trainer(struct train *t)
{
    pwy_options *o = pwy_recipe_train_options(t->recipe);
    pwy_status status = set_options(t, o);
    if (status != PWY_OK) return status;
    if (t->resume) return pwy_trainer_open(pwy_recipe_registry(t->recipe), t->checkpoint, o, &t->trainer);
    status = open_start(t);
    return status != PWY_OK ? status : pwy_trainer_new(t->blank, o, &t->trainer);
}

static pwy_status run(struct train *t)
{
    pwy_status status;
    if (!t->quiet) pwy_trainer_on_progress(t->trainer, cli_progress, NULL, NULL);
    cli_catch_interrupt(t->trainer);
    status = pwy_trainer_run(t->trainer);
    cli_release_interrupt();
    cli_line_break();
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

/* What was asked for, done step by step. */
static pwy_status work(struct train *t)
{
    pwy_status status = open_recipe(t);
    if (status == PWY_OK) status = pwy_model_check_path(t->model_path);
    if (status == PWY_OK) status = open_trainer(t);
    return status == PWY_OK ? run(t) : status;
}

static int interrupted(const struct train *t)
{
    fprintf(stderr, "interrupted; the state is in %s\n", t->checkpoint);
    fprintf(stderr, "go on with: pathways train %s -o %s --resume%s%s\n", t->recipe_path, t->model_path,
            t->data != NULL ? " --data " : "", t->data != NULL ? t->data : "");
    return CLI_INTERRUPTED;
}

/* With --resume: is there something to go on from? True: yes; else *result. */
static bool can_resume(const struct train *t, int *result)
{
    if (access(t->checkpoint, F_OK) == 0) return true;
    bool finished = access(t->model_path, F_OK) == 0;
    if (finished) fprintf(stderr, "%s is finished: there is nothing to resume\n", t->model_path);
    else fprintf(stderr, "pathways: there is no %s to go on from; leave out --resume to start anew\n", t->checkpoint);
    *result = finished ? CLI_DONE : CLI_FAILED;
    return false;
}

static int train(struct train *t)
{
    int result;
    pwy_status status = check_values(t);
    if (status != PWY_OK) return cli_fail_option(status);
    if (t->resume && !can_resume(t, &result)) return result;
    if ((t->ctx = cli_context(cli_processors(), t->quiet)) == NULL) return CLI_FAILED;
    cli_catch_early();
    status = work(t);
    if (status == PWY_E_CANCELLED) return interrupted(t);
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
    free(t->checkpoint);
}

static bool checkpoint_path(struct train *t)
{
    size_t len = strlen(t->model_path) + sizeof ".checkpoint";
    t->checkpoint = malloc(len);
    if (t->checkpoint != NULL) snprintf(t->checkpoint, len, "%s.checkpoint", t->model_path);
    return t->checkpoint != NULL;
}

/* A run that goes on keeps its settings. */
static bool usable(const struct cli_command *c, const struct train *t, int argc)
{
    if (argc != 1) return cli_usage(c, "%s", argc < 1 ? "no recipe given" : "one recipe at a time"), false;
    if (t->model_path == NULL) return cli_usage(c, "no output given; -o MODEL names it"), false;
    if (t->resume && t->from != NULL) return cli_usage(c, "--resume and --from exclude each other"), false;
    int ways = (t->value[MINUTES] != NULL) + (t->value[STEPS] != NULL) + (t->value[EPOCHS] != NULL);
    if (ways > 1) return cli_usage(c, "--minutes, --steps and --epochs exclude each other"), false;
    for (int i = STEPS; t->resume && i < THREADS; i++)
        if (t->value[i] != NULL) return cli_usage(c, "%s cannot be changed by --resume", word_flags[i]), false;
    return true;
}

int cli_train(int argc, char **argv)
{
    const struct cli_command *c = cli_command("train");
    struct train t = {0};
    struct cli_flag flags[FLAGS + WORDS + 1] = {{"-o", &t.model_path, NULL}, {"--resume", NULL, &t.resume},
        {"--from", &t.from, NULL}, {"--tasks", &t.tasks, NULL}, {"--data", &t.data, NULL}, {"--quiet", NULL, &t.quiet},
        {"--help", NULL, &t.help}, {"-h", NULL, &t.help}};
    for (int i = 0; i < WORDS; i++) flags[FLAGS + i] = (struct cli_flag){word_flags[i], &t.value[i], NULL};
    if (!cli_flags(c, &argc, argv, flags, NULL)) return CLI_USAGE;
    if (t.help) return cli_help(c, more);
    if (!usable(c, &t, argc)) return CLI_USAGE;
    t.recipe_path = argv[0];
    int result = checkpoint_path(&t) ? train(&t) : CLI_FAILED;
    close_all(&t);
    return result;
}

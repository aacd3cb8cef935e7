/* pathways add: more tasks for a model, while those that it has stay as they are. */
#include "cli.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char more[] =
    "Learns the tasks of RECIPE, one after the other, behind those of MODEL, which stay as they are to the bit, and\n"
    "seals them. Each reuses the pathway of the old task that explains most of its answers, clones the experts that\n"
    "it uses most, and grows what it lacks, within its budget. Sealed, it keeps as few experts a layer as lose no\n"
    "more than .005 of its score on validation rows.\n\n"
    "  -o OUT           write OUT; without it MODEL is added to, as a whole or not at all\n"
    "  --minutes N      how long each task trains, or\n"
    "  --steps N, --epochs N\n"
    "                   (default: as the recipe says, else 5 minutes, or 10 passes over its rows, 400 to 4000 steps,\n"
    "                   where that is less)\n"
    "  --parameters N   that each task brings at most (default: a tenth of what a model of its own would have, and\n"
    "                   what senses share that are new to the model)\n"
    "  --operations N   floating-point operations that an answer to its greatest example takes at most, as predict\n"
    "                   and eval count them (default: no bound)\n"
    "  --adapter N      hidden width of its adapter at most (default 8)\n"
    "  --clones N       experts that it may clone at most (default 4)\n"
    "  --reuse WHAT     best (measured; the default), random, or a task's name\n"
    "  --data DIR       the folder that the recipe's paths start from\n"
    "  --threads N      default: every processor; with --steps or --epochs the model is the same for any number\n"
    "  --seed N         default 1\n"
    "  --batch N, --lr X (default .01), --warmup X, --dropout X, --weight-decay X, --clip X: as in the\n"
    "  recipe's `train:`\n"
    "  --quiet          no progress; warnings only\n\n"
    "Ctrl-C leaves MODEL as it was. Exit status: 0 done, 1 failed, 2 used wrongly, 130 interrupted.\n";

static const char *const words[] = {"minutes", "steps", "epochs", "seed", "batch", "lr", "warmup", "dropout",
                                    "weight_decay", "clip", "threads"};
static const char *const word_flags[] = {"--minutes", "--steps", "--epochs", "--seed", "--batch", "--lr", "--warmup",
                                         "--dropout", "--weight-decay", "--clip", "--threads"};
static const char *const add_words[] = {"parameters", "operations", "adapter", "clones", "reuse"};
static const char *const add_flags[] = {"--parameters", "--operations", "--adapter", "--clones", "--reuse"};
enum { WORDS = 11, ADDS = 5, FLAGS = 5 };

struct add { const char *path, *recipe_path, *out, *data, *value[WORDS], *add[ADDS]; bool help, quiet;
    pwy_context *ctx; pwy_recipe *recipe; pwy_model *model; };

static pwy_status open_recipe(struct add *a)
{
    pwy_options *o;
    pwy_status status = pwy_options_new(&o);
    if (status != PWY_OK) return status;
    if (a->data != NULL) status = pwy_options_set(o, "data", a->data);
    if (status == PWY_OK) status = pwy_options_set_flag(o, "skip_unsupported", 1);
    if (status == PWY_OK) status = pwy_recipe_open(a->ctx, a->recipe_path, o, &a->recipe);
    pwy_options_free(o);
    return status;
}

/* "add: {parameters: 5, reuse: x}", laid over what the recipe says. */
static pwy_status set_add(const struct add *a, pwy_options *o)
{
    char text[512];
    size_t len = (size_t)snprintf(text, sizeof text, "add: {"), start = len;
    pwy_options *more;
    for (int i = 0; i < ADDS; i++)
        if (a->add[i] != NULL && len < sizeof text)
            len += (size_t)snprintf(text + len, sizeof text - len, "%s%s: %s", len > start ? ", " : "", add_words[i],
                                    a->add[i]);
    if (len == start) return PWY_OK;
    if (len < sizeof text) snprintf(text + len, sizeof text - len, "}");
    pwy_status status = pwy_options_parse(text, &more);
    if (status != PWY_OK) return status;
    status = pwy_options_merge(o, more);
    pwy_options_free(more);
    return status;
}

static pwy_status set_options(const struct add *a, pwy_options *o)
{
    static const char *const ways[] = {"minutes", "steps", "epochs", "plan"};
    bool length = a->value[0] != NULL || a->value[1] != NULL || a->value[2] != NULL;
    pwy_status status = PWY_OK;
    for (int i = 0; i < 4 && length && status == PWY_OK; i++) status = pwy_options_unset(o, ways[i]);
    for (int i = 0; i < WORDS && status == PWY_OK; i++)
        if (a->value[i] != NULL) status = pwy_options_set(o, words[i], a->value[i]);
    if (status == PWY_OK) status = set_add(a, o);
    return status == PWY_OK ? pwy_trainer_check(o) : status;
}

static pwy_status train(const struct add *a, pwy_trainer *trainer, pwy_model **out)
{
    if (!a->quiet) pwy_trainer_on_progress(trainer, cli_progress, NULL, NULL);
    cli_catch_interrupt(trainer);
    pwy_status status = pwy_trainer_run(trainer);
    cli_release_interrupt();
    cli_line_break();
    return status == PWY_OK ? pwy_trainer_model(trainer, out) : status;
}

/* One task by itself: the next may then reuse it. The model becomes the one with it, sealed. */
static pwy_status add_task(struct add *a, pwy_registry *one, const char *name)
{
    pwy_trainer *trainer;
    pwy_model *grown = NULL, *sealed = NULL;
    pwy_status status = pwy_trainer_add(a->model, one, pwy_recipe_train_options(a->recipe), &trainer);
    if (status != PWY_OK) return status;
    status = train(a, trainer, &grown);
    pwy_trainer_free(trainer);
    if (status == PWY_OK) status = pwy_model_seal(grown, name, NULL, &sealed);
    pwy_model_free(grown);
    if (status != PWY_OK) return status;
    pwy_model_free(a->model);
    a->model = sealed;
    return PWY_OK;
}

static pwy_status add_at(struct add *a, int64_t i)
{
    pwy_task *task = pwy_registry_at(pwy_recipe_registry(a->recipe), i);
    pwy_registry *one;
    pwy_status status = pwy_registry_new(a->ctx, &one);
    if (status != PWY_OK) return status;
    status = pwy_registry_copy_task(one, task);
    if (status == PWY_OK) status = add_task(a, one, pwy_task_name(task));
    pwy_registry_free(one);
    return status;
}

static pwy_status work(struct add *a)
{
    pwy_status status = open_recipe(a);
    if (status == PWY_OK) status = set_options(a, pwy_recipe_train_options(a->recipe));
    if (status == PWY_OK) status = pwy_model_check_path(a->out != NULL ? a->out : a->path);
    if (status == PWY_OK) status = pwy_model_open(a->ctx, a->path, &a->model);
    for (int64_t i = 0; status == PWY_OK && i < pwy_registry_count(pwy_recipe_registry(a->recipe)); i++)
        status = add_at(a, i);
    if (status != PWY_OK) return status;
    return a->out != NULL ? pwy_model_save(a->model, a->out) : pwy_model_save_added(a->model, a->path);
}

static int add(struct add *a)
{
    if ((a->ctx = cli_context(cli_processors(), a->quiet)) == NULL) return CLI_FAILED;
    pwy_status status = work(a);
    if (status == PWY_E_CANCELLED) return fprintf(stderr, "interrupted; %s is as it was\n", a->path), CLI_INTERRUPTED;
    if (status != PWY_OK) return cli_fail();
    if (!a->quiet)
        fprintf(stderr, "%s: %lld tasks, %lld parameters\n", a->out != NULL ? a->out : a->path,
                (long long)pwy_registry_count(pwy_model_registry(a->model)), (long long)pwy_model_parameters(a->model));
    return CLI_DONE;
}

int cli_add(int argc, char **argv)
{
    const struct cli_command *c = cli_command("add");
    struct add a = {0};
    struct cli_flag flags[FLAGS + WORDS + ADDS + 1] = {{"-o", &a.out, NULL}, {"--data", &a.data, NULL},
        {"--quiet", NULL, &a.quiet}, {"--help", NULL, &a.help}, {"-h", NULL, &a.help}};
    for (int i = 0; i < WORDS; i++) flags[FLAGS + i] = (struct cli_flag){word_flags[i], &a.value[i], NULL};
    for (int i = 0; i < ADDS; i++) flags[FLAGS + WORDS + i] = (struct cli_flag){add_flags[i], &a.add[i], NULL};
    if (!cli_flags(c, &argc, argv, flags, NULL)) return CLI_USAGE;
    if (a.help) return cli_help(c, more);
    if (argc != 2) return cli_usage(c, "%s", argc < 2 ? "a model and a recipe are needed" : "one recipe at a time");
    a.path = argv[0];
    a.recipe_path = argv[1];
    int result = add(&a);
    pwy_model_free(a.model);
    pwy_recipe_free(a.recipe);
    pwy_context_free(a.ctx);
    return result;
}

/* pathways verify and pathways pack: a model's files as bytes. */
#include "cli.h"
#include <stdio.h>
#include <string.h>

static const char about_verify[] =
    "Reads every byte of MODEL, and of what was added beside it (MODEL.delta1, ...), against the digests in it, and\n"
    "names each tensor that differs, the header, or the padding between tensors. Then makes the digest of each sealed\n"
    "task anew, and answers its golden inputs again.\n\n"
    "  --json    one JSON object a line for each part that differs: file part why\n\n"
    "Exit status: 0 every byte is as it was written, 1 something differs or cannot be read, 2 used wrongly.\n";

static const char about_pack[] =
    "Folds what was added beside MODEL (MODEL.delta1, ...) into it. The old files stay until the new one is whole.\n\n"
    "Exit status: 0 done, also where nothing was to do, 1 failed, 2 used wrongly.\n";

static void say(const char *file, const char *part, const char *why, void *user)
{
    (void)user;
    printf("%s: %s %s\n", file, part, why);
}

static void print_json(const char *text)
{
    putchar('"');
    for (const unsigned char *c = (const unsigned char *)text; *c != 0; c++) {
        if (*c == '"' || *c == '\\') printf("\\%c", *c);
        else if (*c < 0x20) printf("\\u%04x", *c);
        else putchar(*c);
    }
    putchar('"');
}

static void say_json(const char *file, const char *part, const char *why, void *user)
{
    (void)user;
    printf("{\"file\":");
    print_json(file);
    printf(",\"part\":");
    print_json(part);
    printf(",\"why\":");
    print_json(why);
    printf("}\n");
}

/* The one argument that both commands take. False: *result is the exit status. */
static bool model_alone(const struct cli_command *c, int argc, char **argv, bool *json, const char *more, int *result)
{
    bool help = false;
    struct cli_flag flags[] = {{"--help", NULL, &help}, {"-h", NULL, &help}, {json ? "--json" : NULL, NULL, json}, {0}};
    *result = CLI_USAGE;
    if (!cli_flags(c, &argc, argv, flags, NULL)) return false;
    if (help) *result = cli_help(c, more);
    else if (argc != 1) *result = cli_usage(c, "one model is needed");
    return !help && argc == 1;
}

/* Each sealed task: its digest made anew, its golden inputs answered again. */
static int check_tasks(pwy_context *ctx, const char *path, pwy_damage_fn tell)
{
    pwy_model *model;
    int result = CLI_DONE;
    if (pwy_model_open(ctx, path, &model) != PWY_OK) return cli_fail();
    pwy_registry *tasks = pwy_model_registry(model);
    for (int64_t i = 0; i < pwy_registry_count(tasks); i++) {
        const char *name = pwy_task_name(pwy_registry_at(tasks, i));
        char part[256];
        pwy_status status = pwy_model_check(model, name);
        if (status == PWY_OK || status == PWY_E_STATE) continue;
        snprintf(part, sizeof part, "task '%s'", name);
        tell(path, part, pwy_error_message(), NULL);
        result = CLI_FAILED;
    }
    pwy_model_free(model);
    return result;
}

int cli_verify(int argc, char **argv)
{
    bool json = false;
    int result;
    if (!model_alone(cli_command("verify"), argc, argv, &json, about_verify, &result)) return result;
    pwy_context *ctx = cli_context(1, true);
    if (ctx == NULL) return CLI_FAILED;
    pwy_damage_fn tell = json ? say_json : say;
    result = pwy_model_verify(ctx, argv[0], tell, NULL) == PWY_OK ? check_tasks(ctx, argv[0], tell) : cli_fail();
    pwy_context_free(ctx);
    return result;
}

int cli_pack(int argc, char **argv)
{
    int result;
    if (!model_alone(cli_command("pack"), argc, argv, NULL, about_pack, &result)) return result;
    return pwy_model_pack(argv[0]) == PWY_OK ? CLI_DONE : cli_fail();
}

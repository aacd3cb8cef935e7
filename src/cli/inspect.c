/* pathways inspect: what is in a model. */
#include "cli.h"
#include <stdio.h>
#include <string.h>

static const char more[] =
    "Shows the model's shape, how it was trained (as recipe words that replay the run), its tasks with their senses and labels,\n"
    "and how training spread the tokens over each layer's experts.\n\n"
    "  --json    one JSON object a line: kind model, then kind task for each, then kind layer\n\n"
    "Exit status: 0 done, 1 failed, 2 used wrongly.\n";

static void show_task(const pwy_task *t)
{
    printf("%-16s %s of", pwy_task_name(t), pwy_task_kind_name(pwy_task_get_kind(t)));
    for (int64_t p = 0; p < pwy_task_part_count(t); p++)
        printf(" %s:%s", pwy_task_part_name(t, p), pwy_task_part_sense(t, p));
    if (pwy_task_label_count(t) > 0) printf("; %lld labels:", (long long)pwy_task_label_count(t));
    for (int64_t i = 0; i < pwy_task_label_count(t) && i < 8; i++) printf(" %s", pwy_task_label(t, i));
    printf("%s\n", pwy_task_label_count(t) > 8 ? " ..." : "");
}

static int show(const pwy_model *m, bool json)
{
    char *lines;
    if (pwy_model_describe(m, &lines) != PWY_OK) return cli_fail();
    if (json) fputs(lines, stdout);
    else {
        const pwy_registry *tasks = pwy_model_registry(m);
        printf("%.*s\n\n", (int)strcspn(lines, "\n"), lines);
        for (int64_t i = 0; i < pwy_registry_count(tasks); i++) show_task(pwy_registry_at(tasks, i));
        for (const char *at = strstr(lines, "\n{\"kind\": \"layer\""); at != NULL; at = strstr(at + 1, "\n{\"kind\": \"layer\""))
            printf("%s%.*s\n", at == lines ? "" : "", (int)strcspn(at + 1, "\n"), at + 1);
    }
    pwy_text_free(lines);
    return CLI_DONE;
}

int cli_inspect(int argc, char **argv)
{
    const struct cli_command *c = cli_command("inspect");
    bool json = false, help = false;
    struct cli_flag flags[] = {{"--json", NULL, &json}, {"--help", NULL, &help}, {"-h", NULL, &help}, {0}};
    pwy_context *ctx;
    pwy_model *m;
    int result;
    if (!cli_flags(c, &argc, argv, flags, NULL)) return CLI_USAGE;
    if (help) return cli_help(c, more);
    if (argc != 1) return cli_usage(c, "one model is needed");
    if ((ctx = cli_context(1)) == NULL) return CLI_FAILED;
    if (pwy_model_open(ctx, argv[0], &m) != PWY_OK) result = cli_fail();
    else {
        result = show(m, json);
        pwy_model_free(m);
    }
    pwy_context_free(ctx);
    return result;
}

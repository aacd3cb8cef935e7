/* pathways inspect: what is in a model. */
#include "cli.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char more[] =
    "Shows the model's shape, how it was trained (as recipe words that replay the run), its tasks with their senses\n"
    "and labels, and how training spread the tokens over each layer's experts.\n\n"
    "  --json    one JSON object a line: kind model, then kind task for each, then kind layer\n\n"
    "Exit status: 0 done, 1 failed, 2 used wrongly.\n";

static void show_task(const pwy_task *t)
{
    printf("%s: %s", pwy_task_name(t), pwy_task_kind_name(pwy_task_get_kind(t)));
    for (int64_t p = 0; p < pwy_task_part_count(t); p++)
        printf("%s %s (%s)", p > 0 ? "," : " by", pwy_task_part_name(t, p), pwy_task_part_sense(t, p));
    if (pwy_task_label_count(t) > 0) printf("; %lld labels:", (long long)pwy_task_label_count(t));
    for (int64_t i = 0; i < pwy_task_label_count(t) && i < 8; i++) printf(" %s", pwy_task_label(t, i));
    printf("%s\n", pwy_task_label_count(t) > 8 ? " ..." : "");
}

/* The value of a JSON line's field up to where its brackets close, in the form of a recipe: {d: 128, layers: 4}. */
static void show_field(const char *line, const char *field)
{
    const char *at = strstr(line, field), *end = at == NULL ? NULL : strchr(line, '\n');
    int depth = 0;
    for (at = at == NULL ? NULL : at + strlen(field); at != NULL && at < end; at++) {
        if (*at == '{' || *at == '[') depth++;
        else if (*at == '}' || *at == ']') depth--;
        if (*at != '"') putchar(*at);
        if (*at == ':' || *at == ',') putchar(' ');
        if (depth == 0) break;
    }
    putchar('\n');
}

/* Percent of the tokens that each expert received; 100 / experts would be even. */
static void show_load(const char *line, int layer)
{
    const char *at = strstr(line, "\"load\":[");
    char *end;
    if (at == NULL || at[8] == ']') return;
    printf("layer %d:", layer);
    for (at += 8; *at != '\0'; at = end + 1) {
        printf(" %.1f", 100 * strtod(at, &end));
        if (*end != ',') break;
    }
    printf("\n");
}

static void show_words(const pwy_model *m, const char *lines)
{
    const pwy_registry *tasks = pwy_model_registry(m);
    int layer = 0;
    printf("%lld parameters, %lld tasks\n", (long long)pwy_model_parameters(m), (long long)pwy_registry_count(tasks));
    printf("model: ");
    show_field(lines, "\"shape\":");
    printf("train: ");
    show_field(lines, "\"train\":");
    printf("\n");
    for (int64_t i = 0; i < pwy_registry_count(tasks); i++) show_task(pwy_registry_at(tasks, i));
    printf("\ntokens that each expert received in training, %% of all\n");
    for (const char *at = lines; (at = strstr(at, "\n{\"kind\":\"layer\"")) != NULL; at++) show_load(at, layer++);
}

static int show(const pwy_model *m, bool json)
{
    char *lines;
    if (pwy_model_describe(m, &lines) != PWY_OK) return cli_fail();
    if (json) fputs(lines, stdout);
    else show_words(m, lines);
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
    if ((ctx = cli_context(1, true)) == NULL) return CLI_FAILED;
    if (pwy_model_open(ctx, argv[0], &m) != PWY_OK) result = cli_fail();
    else {
        result = show(m, json);
        pwy_model_free(m);
    }
    pwy_context_free(ctx);
    return result;
}

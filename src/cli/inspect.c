/* pathways inspect: what is in a model. */
#include "cli.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char more[] =
    "Shows the model's shape, how it was trained (as recipe words that replay the run), its tasks with their senses\n"
    "and labels, and how training spread the tokens over each layer's experts.\n\n"
    "  --json    one JSON object a line: kind model, then kind task for each, then kind layer\n\n"
    "Shows tasks alone, those that fit all of these, without opening the model:\n\n"
    "  --task NAME   --kind NAME   --label NAME   --sense NAME (of any part)   --state open|trained|sealed\n\n"
    "Exit status: 0 done, 1 failed, 2 used wrongly.\n";

/* Line, of a model that is open, NULL of a registry alone: from how many experts of each layer a task chooses. */
static void show_candidates(const char *line)
{
    const char *at = line == NULL ? NULL : strstr(line, "\"candidates\":["), *end;
    if (at == NULL || at > line + strcspn(line, "\n")) return;
    at += strlen("\"candidates\":[");
    end = at + strcspn(at, "]");
    printf(", experts a layer: ");
    for (; at < end; at++) printf(*at == ',' ? " " : "%c", *at);
}

static void show_state(const pwy_task *t, const char *line)
{
    pwy_task_state state = pwy_task_get_state(t);
    if (state == PWY_TASK_TRAINED) return;
    printf("; %s", state == PWY_TASK_OPEN ? "not trained" : pwy_task_state_name(state));
    show_candidates(line);
}

static void show_task(const pwy_task *t, const char *line)
{
    printf("%s: %s", pwy_task_name(t), pwy_task_kind_name(pwy_task_get_kind(t)));
    for (int64_t p = 0; p < pwy_task_part_count(t); p++)
        printf("%s %s (%s)", p > 0 ? "," : " by", pwy_task_part_name(t, p), pwy_task_part_sense(t, p));
    if (pwy_task_label_count(t) > 0) printf("; %lld labels:", (long long)pwy_task_label_count(t));
    for (int64_t i = 0; i < pwy_task_label_count(t) && i < 8; i++) printf(" %s", pwy_task_label(t, i));
    if (pwy_task_label_count(t) > 8) printf(" ...");
    show_state(t, line);
    printf("\n");
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

/* The line of the task after the one that starts at `line`; NULL: there is none. */
static const char *next_task(const char *line)
{
    const char *at = line == NULL ? NULL : strstr(line, "\n{\"kind\":\"task\"");
    return at == NULL ? NULL : at + 1;
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
    const char *task = next_task(lines);
    for (int64_t i = 0; i < pwy_registry_count(tasks); i++, task = next_task(task))
        show_task(pwy_registry_at(tasks, i), task);
    printf("\ntokens that each expert received in training, %% of all\n");
    for (const char *at = lines; (at = strstr(at, "\n{\"kind\":\"layer\"")) != NULL; at++) show_load(at, layer++);
}

/* --- tasks that fit a query --- */

static void show_text(const char *name, const char *text)
{
    printf("\"%s\":\"", name);
    for (; *text != '\0'; text++)
        if ((unsigned char)*text < 32) printf("\\u%04x", *text);
        else printf(*text == '"' || *text == '\\' ? "\\%c" : "%c", *text);
    printf("\"");
}

static void show_task_json(const pwy_task *t)
{
    printf("{\"kind\":\"task\",");
    show_text("task", pwy_task_name(t));
    printf(",\"answers\":\"%s\",\"state\":\"%s\",\"parts\":{", pwy_task_kind_name(pwy_task_get_kind(t)),
           pwy_task_state_name(pwy_task_get_state(t)));
    for (int64_t p = 0; p < pwy_task_part_count(t); p++) {
        if (p > 0) printf(",");
        show_text(pwy_task_part_name(t, p), pwy_task_part_sense(t, p));
    }
    printf("},\"labels\":%lld}\n", (long long)pwy_task_label_count(t));
}

/* Tasks in pieces: there may be a million. */
static int show_fitting(const pwy_registry *tasks, const pwy_options *query, bool json)
{
    int64_t index[256], n = 256, after = -1;
    while (n == 256) {
        pwy_status status = pwy_registry_select(tasks, query, after, index, 256, &n);
        if (status != PWY_OK) return cli_fail_option(status);
        for (int64_t i = 0; i < n; i++) {
            const pwy_task *t = pwy_registry_at(tasks, after = index[i]);
            if (t == NULL) return cli_fail();
            if (json) show_task_json(t);
            else show_task(t, NULL);
        }
    }
    return CLI_DONE;
}

static int select_tasks(pwy_context *ctx, const char *path, const pwy_options *query, bool json)
{
    pwy_registry *tasks;
    if (pwy_registry_open(ctx, path, &tasks) != PWY_OK) return cli_fail();
    int result = show_fitting(tasks, query, json);
    pwy_registry_free(tasks);
    return result;
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

static int open_and_show(pwy_context *ctx, const char *path, bool json)
{
    pwy_model *m;
    if (pwy_model_open(ctx, path, &m) != PWY_OK) return cli_fail();
    int result = show(m, json);
    pwy_model_free(m);
    return result;
}

static int inspect(const char *path, const pwy_options *query, bool asked, bool json)
{
    pwy_context *ctx = cli_context(1, true);
    if (ctx == NULL) return CLI_FAILED;
    int result = asked ? select_tasks(ctx, path, query, json) : open_and_show(ctx, path, json);
    pwy_context_free(ctx);
    return result;
}

int cli_inspect(int argc, char **argv)
{
    const struct cli_command *c = cli_command("inspect");
    const char *task = NULL, *sense = NULL, *state = NULL, *kind = NULL, *label = NULL;
    bool json = false, help = false;
    struct cli_flag flags[] = {{"--json", NULL, &json}, {"--task", &task, NULL}, {"--sense", &sense, NULL},
        {"--state", &state, NULL}, {"--kind", &kind, NULL}, {"--label", &label, NULL}, {"--help", NULL, &help},
        {"-h", NULL, &help}, {0}};
    pwy_options *query;
    if (!cli_flags(c, &argc, argv, flags, NULL)) return CLI_USAGE;
    if (help) return cli_help(c, more);
    if (argc != 1) return cli_usage(c, "one model is needed");
    if (pwy_options_new(&query) != PWY_OK) return cli_fail();
    bool set = cli_set(query, "name", task) && cli_set(query, "sense", sense) && cli_set(query, "state", state)
        && cli_set(query, "kind", kind) && cli_set(query, "label", label);
    bool asked = task != NULL || sense != NULL || state != NULL || kind != NULL || label != NULL;
    int result = set ? inspect(argv[0], query, asked, json) : cli_fail();
    pwy_options_free(query);
    return result;
}

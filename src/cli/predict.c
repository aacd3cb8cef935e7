/* pathways predict: answers for files or texts. */
#include "cli.h"
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const char more[] =
    "Answers one example for each FILE-OR-TEXT: an argument that names a file is read as the task's sense takes it\n"
    "(a picture, a sound, ...); for text, anything else is the text itself; `-` reads standard input. A task with\n"
    "several parts takes them as part=value, all of one example; a table's row as column=value.\n\n"
    "  --task NAME      which task; without it the model says which task is meant, or that it is\n"
    "                   unknown; a file is read by the first sense that can, anything else is a text or name=value\n"
    "  --ranking        without --task: only which task it may be: one JSON object a line\n"
    "  --json           one JSON object a line: task label scores (or number, or text) active_params\n"
    "                   flops\n"
    "  --threads N      default 1; the answers are the same to the bit\n"
    "  --max-new N, --temperature X, --seed N: for tasks that write\n"
    "  --               what follows are no options\n\n"
    "Exit status: 0 done, 1 failed, 2 used wrongly.\n";

struct predict { const char *task, *threads, *max_new, *temperature, *seed; bool json, ranking, help; pwy_context *ctx;
    pwy_model *model; pwy_session *session; pwy_task *what; pwy_example *example; };

/* --- what an argument is --- */

static const char *sense_of(const struct predict *p, const char *part, size_t len)
{
    for (int64_t i = 0; i < pwy_task_part_count(p->what); i++) {
        const char *name = pwy_task_part_name(p->what, i);
        if (strlen(name) == len && strncmp(name, part, len) == 0) return pwy_task_part_sense(p->what, i);
    }
    return NULL;
}

pwy_status cli_read_text(pwy_example *example, const char *part)
{
    static char text[1 << 20];
    size_t len = fread(text, 1, sizeof text - 1, stdin);
    while (len > 0 && (text[len - 1] == '\n' || text[len - 1] == '\r')) len--;
    return pwy_example_set_text(example, part, text, (int64_t)len);
}

static pwy_status set_part(struct predict *p, const char *part, const char *sense, const char *value)
{
    bool text = strcmp(sense, "text") == 0;
    if (text && strcmp(value, "-") == 0) return cli_read_text(p->example, part);
    if (text && access(value, R_OK) != 0) return pwy_example_set_text(p->example, part, value, -1);
    return pwy_session_read_part(p->session, pwy_task_name(p->what), value, part, p->example);
}

/* part=value, or column=value of the task's table part; false: neither. */
static bool set_named(struct predict *p, const char *argument, pwy_status *status)
{
    const char *equals = strchr(argument, '='), *sense;
    char name[256];
    if (equals == NULL || equals == argument || (size_t)(equals - argument) >= sizeof name) return false;
    memcpy(name, argument, (size_t)(equals - argument));
    name[equals - argument] = '\0';
    sense = sense_of(p, name, strlen(name));
    if (sense != NULL && strcmp(sense, "table") != 0) return *status = set_part(p, name, sense, equals + 1), true;
    for (int64_t i = 0; i < pwy_task_part_count(p->what); i++) {
        if (strcmp(pwy_task_part_sense(p->what, i), "table") != 0) continue;
        const char *value = equals[1] != '\0' ? equals + 1 : NULL;
        *status = pwy_example_set_cell(p->example, pwy_task_part_name(p->what, i), name, value);
        return true;
    }
    return false;
}

/* --- answers --- */

static void show(const struct predict *p, const char *argument, const pwy_result *r)
{
    if (p->json) {
        printf("%s\n", pwy_result_json(r));
        return;
    }
    if (argument != NULL) printf("%s: ", argument);
    if (pwy_result_text(r) != NULL) printf("%s\n", pwy_result_text(r));
    else if (!isnan(pwy_result_number(r))) printf("%g\n", pwy_result_number(r));
    else printf("%s %.3f\n", pwy_result_label(r, 0), pwy_result_score(r, 0));
}

static pwy_status answer(struct predict *p, const char *argument)
{
    pwy_result *r;
    pwy_status status = pwy_session_predict(p->session, pwy_task_name(p->what), p->example, &r);
    if (status != PWY_OK) return status;
    show(p, argument, r);
    pwy_result_free(r);
    return PWY_OK;
}

static pwy_status one_example(struct predict *p, int argc, char **argv)
{
    for (int i = 0; i < argc; i++) {
        pwy_status status;
        if (!set_named(p, argv[i], &status))
            status = set_part(p, pwy_task_part_name(p->what, 0), pwy_task_part_sense(p->what, 0), argv[i]);
        if (status != PWY_OK) return status;
    }
    return answer(p, NULL);
}

static pwy_status example_each(struct predict *p, int argc, char **argv)
{
    for (int i = 0; i < argc; i++) {
        pwy_example_clear(p->example);
        pwy_status status = set_part(p, pwy_task_part_name(p->what, 0), pwy_task_part_sense(p->what, 0), argv[i]);
        if (status == PWY_OK) status = answer(p, argc > 1 ? argv[i] : NULL);
        if (status != PWY_OK) return status;
    }
    return PWY_OK;
}

/* Arguments are parts of one example where the task has several parts or a table, or where the first names its part. */
static bool parts_of_one(const struct predict *p, const char *first)
{
    const char *equals = strchr(first, '=');
    if (pwy_task_part_count(p->what) > 1 || strcmp(pwy_task_part_sense(p->what, 0), "table") == 0) return true;
    return equals != NULL && sense_of(p, first, (size_t)(equals - first)) != NULL;
}

static pwy_status find_task(struct predict *p)
{
    const pwy_registry *tasks = pwy_model_registry(p->model);
    if (p->task != NULL) return pwy_registry_find(tasks, p->task, &p->what);
    if (pwy_registry_count(tasks) == 1 && !p->ranking) p->what = pwy_registry_at(tasks, 0);
    return PWY_OK;
}

static pwy_status answer_all(struct predict *p, int argc, char **argv)
{
    struct cli_any any = {p->model, p->session, p->example, NULL, p->json, p->ranking};
    if (p->what == NULL) return cli_predict_any(&any, argc, argv);
    return parts_of_one(p, argv[0]) ? one_example(p, argc, argv) : example_each(p, argc, argv);
}

static pwy_status open_session(struct predict *p)
{
    pwy_options *o;
    pwy_status status = pwy_options_new(&o);
    if (status != PWY_OK) return status;
    bool set = cli_set(o, "threads", p->threads) && cli_set(o, "max_new", p->max_new)
        && cli_set(o, "temperature", p->temperature) && cli_set(o, "seed", p->seed);
    status = set ? pwy_session_new(p->model, o, &p->session) : PWY_E_NOMEM;
    pwy_options_free(o);
    return status;
}

static int run(struct predict *p, int argc, char **argv)
{
    if ((p->ctx = cli_context(1, true)) == NULL) return CLI_FAILED;
    if (pwy_model_open(p->ctx, argv[0], &p->model) != PWY_OK) return cli_fail();
    if (find_task(p) != PWY_OK || pwy_example_new(&p->example) != PWY_OK) return cli_fail();
    pwy_status status = open_session(p);
    if (status != PWY_OK) return cli_fail_option(status);
    return answer_all(p, argc - 1, argv + 1) == PWY_OK ? CLI_DONE : cli_fail();
}

int cli_predict(int argc, char **argv)
{
    const struct cli_command *c = cli_command("predict");
    struct predict p = {0};
    struct cli_flag flags[] = {{"--task", &p.task, NULL}, {"--json", NULL, &p.json}, {"--ranking", NULL, &p.ranking},
        {"--threads", &p.threads, NULL}, {"--max-new", &p.max_new, NULL},
        {"--temperature", &p.temperature, NULL}, {"--seed", &p.seed, NULL},
        {"--help", NULL, &p.help}, {"-h", NULL, &p.help}, {0}};
    if (!cli_flags(c, &argc, argv, flags, NULL)) return CLI_USAGE;
    if (p.help) return cli_help(c, more);
    if (p.ranking && p.task != NULL) return cli_usage(c, "--ranking asks which task; --task has said it");
    if (argc < 2) return cli_usage(c, "a model, and a file or text, are needed");
    int result = run(&p, argc, argv);
    pwy_example_free(p.example);
    pwy_session_free(p.session);
    pwy_model_free(p.model);
    pwy_context_free(p.ctx);
    return result;
}

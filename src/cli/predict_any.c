/* pathways predict without --task, of several: each example is answered by the task that it looks like, or by none. */
#include "cli.h"
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* --- what an argument is --- */

/* Whether some task has a part of this name, or (name NULL) of this sense. */
static bool has_part(const pwy_registry *tasks, const char *name, const char *sense)
{
    for (int64_t i = 0; i < pwy_registry_count(tasks); i++) {
        const pwy_task *t = pwy_registry_at(tasks, i);
        for (int64_t p = 0; p < pwy_task_part_count(t); p++) {
            if (name != NULL && strcmp(pwy_task_part_name(t, p), name) != 0) continue;
            if (sense == NULL || strcmp(pwy_task_part_sense(t, p), sense) == 0) return true;
        }
    }
    return false;
}

/* A file is read by the first sense that can, anything else is a text. */
static pwy_status set_value(struct cli_any *a, const char *part, const char *value)
{
    if (strcmp(value, "-") == 0) return cli_read_text(a->example, part);
    if (access(value, R_OK) == 0) return pwy_session_read_part(a->session, NULL, value, part, a->example);
    return pwy_example_set_text(a->example, part, value, -1);
}

/* part=value, or column=value where the model has a table; false: neither. What stands before the = has no blank. */
static bool set_named(struct cli_any *a, const char *argument, pwy_status *status)
{
    const char *equals = strchr(argument, '=');
    char name[256];
    if (equals == NULL || equals == argument || (size_t)(equals - argument) >= sizeof name) return false;
    memcpy(name, argument, (size_t)(equals - argument));
    name[equals - argument] = '\0';
    if (strpbrk(name, " \t\n") != NULL) return false;
    if (has_part(a->tasks, name, NULL) && !has_part(a->tasks, name, "table"))
        return *status = set_value(a, name, equals + 1), true;
    if (!has_part(a->tasks, NULL, "table")) return false;
    return *status = pwy_example_set_cell(a->example, "*", name, equals[1] != '\0' ? equals + 1 : NULL), true;
}

/* --- answers --- */

static void show_unknown(const pwy_which *w)
{
    printf("unknown");
    for (int64_t i = 0; i < pwy_which_count(w) && i < 3; i++)
        printf("%s %s %.3f", i == 0 ? "; like" : ",", pwy_which_task(w, i), pwy_which_confidence(w, i));
    printf("\n");
}

static void show_known(const pwy_result *r, const pwy_which *w)
{
    printf("%s: ", pwy_which_task(w, 0));
    if (pwy_result_text(r) != NULL) printf("%s\n", pwy_result_text(r));
    else if (!isnan(pwy_result_number(r))) printf("%g\n", pwy_result_number(r));
    else printf("%s %.3f\n", pwy_result_label(r, 0), pwy_result_score(r, 0));
}

static pwy_status answer_known(struct cli_any *a, const pwy_which *w)
{
    pwy_result *r;
    pwy_status status = pwy_session_predict(a->session, NULL, a->example, &r);
    if (status != PWY_OK) return status;
    if (a->json) printf("%s\n", pwy_result_json(r));
    else show_known(r, w);
    pwy_result_free(r);
    return PWY_OK;
}

static pwy_status answer(struct cli_any *a, const char *argument)
{
    pwy_which *w;
    pwy_status status = pwy_session_which(a->session, a->example, &w);
    if (status != PWY_OK) return status;
    if (argument != NULL && !a->json && !a->ranking) printf("%s: ", argument);
    if (a->ranking || (a->json && !pwy_which_known(w))) printf("%s\n", pwy_which_json(w));
    else if (!pwy_which_known(w)) show_unknown(w);
    else status = answer_known(a, w);
    pwy_which_free(w);
    return status;
}

static pwy_status one_example(struct cli_any *a, int argc, char **argv)
{
    for (int i = 0; i < argc; i++) {
        pwy_status status;
        if (!set_named(a, argv[i], &status)) status = set_value(a, "*", argv[i]);
        if (status != PWY_OK) return status;
    }
    return answer(a, NULL);
}

pwy_status cli_predict_any(struct cli_any *a, int argc, char **argv)
{
    pwy_status status;
    a->tasks = pwy_model_registry(a->model);
    if (set_named(a, argv[0], &status)) return one_example(a, argc, argv);
    for (int i = 0; i < argc; i++) {
        pwy_example_clear(a->example);
        status = set_value(a, "*", argv[i]);
        if (status == PWY_OK) status = answer(a, argc > 1 ? argv[i] : NULL);
        if (status != PWY_OK) return status;
    }
    return PWY_OK;
}

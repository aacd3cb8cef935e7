/* pathways continual, and the file that eval --matrix keeps: scores of every task after each was learned. */
#include "cli.h"
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char more[] =
    "Reads FILE, which `pathways eval --matrix FILE` keeps: run it after each task that a model learns. Prints the\n"
    "score of every task after each was learned, and behind each row, over the tasks learned so far:\n\n"
    "  accuracy    the mean of the scores (ACC)\n"
    "  backward    what later tasks gave old ones: the mean of now less when it was learned (backward transfer)\n"
    "  forward     what earlier tasks gave a new one before it was learned, over its baseline (forward transfer)\n"
    "  forgetting  the mean of the best score that an old task ever had less now\n\n"
    "  --json      one JSON object: tasks higher_is_better baseline matrix figures\n\n"
    "Exit status: 0 done, 1 failed, 2 used wrongly.\n";

/* --- the file --- */

static bool fail_file(const char *path)
{
    cli_line_break();
    fprintf(stderr, "pathways: %s: %s\n", path, strerror(errno));
    return false;
}

/* All of a stream, with a NUL behind; NULL: it cannot be read, errno says why. */
static char *read_all(FILE *from)
{
    size_t len = 0, cap = 4096;
    char *text = malloc(cap);
    while (text != NULL) {
        len += fread(text + len, 1, cap - len - 1, from);
        if (len < cap - 1) break;
        char *grown = realloc(text, cap *= 2);
        if (grown == NULL) free(text);
        text = grown;
    }
    if (text != NULL && ferror(from)) {
        free(text);
        return NULL;
    }
    if (text != NULL) text[len] = '\0';
    return text;
}

bool cli_matrix_read(const char *path, bool make, pwy_continual **out)
{
    FILE *from = fopen(path, "rb");
    if (from == NULL && make && errno == ENOENT) return pwy_continual_new(out) == PWY_OK || (cli_fail(), false);
    char *text = from != NULL ? read_all(from) : NULL;
    if (text == NULL) fail_file(path);
    if (from != NULL) fclose(from);
    if (text == NULL) return false;
    pwy_status status = pwy_continual_parse(text, out);
    free(text);
    if (status == PWY_OK) return true;
    fprintf(stderr, "pathways: %s: %s\n", path, pwy_error_message());
    return false;
}

bool cli_matrix_write(const pwy_continual *matrix, const char *path)
{
    char *json, beside[4096];
    if (snprintf(beside, sizeof beside, "%s.new", path) >= (int)sizeof beside)
        return errno = ENAMETOOLONG, fail_file(path);
    if (pwy_continual_json(matrix, &json) != PWY_OK) return cli_fail(), false;
    FILE *to = fopen(beside, "wb");
    bool good = to != NULL && fprintf(to, "%s\n", json) >= 0;
    if (to != NULL && fclose(to) != 0) good = false;
    pwy_text_free(json);
    return (good && rename(beside, path) == 0) || fail_file(path);
}

/* --- eval's row --- */

/* The scores in the order in which the model learned the tasks. */
static bool put_row(pwy_continual *matrix, const pwy_registry *tasks, const struct cli_scored *scored, int n,
                    int64_t after)
{
    for (int64_t i = 0; i < pwy_registry_count(tasks); i++) {
        const char *name = pwy_task_name(pwy_registry_at(tasks, i));
        for (int s = 0; s < n; s++) {
            int64_t at;
            if (name == NULL || strcmp(scored[s].task, name) != 0) continue;
            if (pwy_continual_find(matrix, name, &at) != PWY_OK) continue;
            if (pwy_continual_set(matrix, after, at, scored[s].score) != PWY_OK) return cli_fail(), false;
        }
    }
    return true;
}

/* Tasks that the matrix does not have yet, up to the one that was learned last; NULL: all. */
static bool add_tasks(pwy_continual *matrix, const pwy_registry *tasks, const struct cli_scored *scored, int n,
                      const char *last)
{
    for (int64_t i = 0; i < pwy_registry_count(tasks); i++) {
        const char *name = pwy_task_name(pwy_registry_at(tasks, i));
        int64_t at;
        for (int s = 0; name != NULL && s < n; s++) {
            if (strcmp(scored[s].task, name) != 0 || pwy_continual_find(matrix, name, &at) == PWY_OK) continue;
            if (pwy_continual_add(matrix, name, scored[s].higher_is_better, &at) != PWY_OK) return cli_fail(), false;
        }
        if (name != NULL && last != NULL && strcmp(name, last) == 0) return true;
    }
    return true;
}

bool cli_matrix_add(const char *path, const char *after, const pwy_registry *tasks, const struct cli_scored *scored,
                    int n)
{
    pwy_continual *matrix;
    int64_t at;
    if (after == NULL) after = pwy_task_name(pwy_registry_at(tasks, pwy_registry_count(tasks) - 1));
    if (after == NULL || !cli_matrix_read(path, true, &matrix)) return false;
    bool good = add_tasks(matrix, tasks, scored, n, after);
    if (good && pwy_continual_find(matrix, after, &at) != PWY_OK) {
        fprintf(stderr, "pathways: the task '%s', learned last, was not scored; --after names another\n", after);
        good = false;
    }
    good = good && put_row(matrix, tasks, scored, n, at) && cli_matrix_write(matrix, path);
    pwy_continual_free(matrix);
    return good;
}

bool cli_matrix_baseline(const char *path, const pwy_registry *tasks, const struct cli_scored *scored, int n)
{
    pwy_continual *matrix;
    if (!cli_matrix_read(path, true, &matrix)) return false;
    bool good = add_tasks(matrix, tasks, scored, n, NULL);
    for (int i = 0; good && i < n; i++) {
        int64_t at;
        good = pwy_continual_find(matrix, scored[i].task, &at) == PWY_OK
            && pwy_continual_set_baseline(matrix, at, scored[i].score) == PWY_OK;
        if (!good) cli_fail();
    }
    good = good && cli_matrix_write(matrix, path);
    pwy_continual_free(matrix);
    return good;
}

/* --- the command --- */

static void show_number(double x)
{
    if (isnan(x)) printf(" %10s", "-");
    else printf(fabs(x) < 1000 ? " %10.4f" : " %10.1f", x);
}

static void show(const pwy_continual *m)
{
    int64_t n = pwy_continual_count(m);
    printf("%-24s %10s %10s %10s %10s   score of each task\n", "after", "accuracy", "backward", "forward",
           "forgetting");
    for (int64_t k = 0; k < n; k++) {
        printf("%-24s", pwy_continual_name(m, k));
        show_number(pwy_continual_accuracy(m, k));
        show_number(pwy_continual_backward_transfer(m, k));
        show_number(pwy_continual_forward_transfer(m, k));
        show_number(pwy_continual_forgetting(m, k));
        printf("  ");
        for (int64_t j = 0; j < n; j++) show_number(pwy_continual_score(m, k, j));
        printf("\n");
    }
}

static int show_json(const pwy_continual *m)
{
    char *json;
    if (pwy_continual_json(m, &json) != PWY_OK) return cli_fail();
    printf("%s\n", json);
    pwy_text_free(json);
    return CLI_DONE;
}

int cli_continual(int argc, char **argv)
{
    const struct cli_command *c = cli_command("continual");
    bool json = false, help = false;
    struct cli_flag flags[] = {{"--json", NULL, &json}, {"--help", NULL, &help}, {"-h", NULL, &help}, {0}};
    pwy_continual *matrix;
    int result = CLI_DONE;
    if (!cli_flags(c, &argc, argv, flags, NULL)) return CLI_USAGE;
    if (help) return cli_help(c, more);
    if (argc != 1) return cli_usage(c, "one file is needed");
    if (!cli_matrix_read(argv[0], false, &matrix)) return CLI_FAILED;
    if (json) result = show_json(matrix);
    else show(matrix);
    pwy_continual_free(matrix);
    return result;
}

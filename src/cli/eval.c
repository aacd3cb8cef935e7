/* pathways eval: a model's scores on a recipe's rows, beside the baselines. */
#include "cli.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NAME = 40, SENSES = 64 };        /* columns that a name takes at most; bytes of a task's senses */

static const char more[] =
    "Scores every task of MODEL that RECIPE has rows for, beside the score of always answering the most common label\n"
    "(or the mean, or the order-0 entropy of the text), with the parameters that an answer read and its operations.\n\n"
    "  --json               one JSON object a line: task senses metric higher_is_better score baseline n bad_rows\n"
    "                       active_params total_params flops\n"
    "  --split NAME         train, valid or test (the default)\n"
    "  --task NAME          this task alone\n"
    "  --matrix FILE        put the scores into FILE as the row of the task learned last; `pathways continual`\n"
    "                       reads it\n"
    "  --after NAME         the task that was learned last, where it is not the model's last\n"
    "  --baseline           into FILE as what a model scores that has learned nothing: forward transfer\n"
    "                       starts from it\n"
    "  --data DIR           the folder that the recipe's paths start from\n"
    "  --threads N          default 1; the scores are the same to the bit\n"
    "  --shuffle-routes KEY permute the routers' choices by KEY: what the routing is worth\n"
    "  --path WHAT          both (the default), or what the trunk or the wide path answers alone\n"
    "  --max-bad-rows N     bad rows to skip before it is an error (default 100)\n\n"
    "Exit status: 0 done, 1 failed, 2 used wrongly.\n";

struct eval {
    const char *model_path, *recipe_path, *split, *task, *data, *threads, *shuffle, *path, *max_bad, *matrix, *after;
    bool json, baseline, help;
    pwy_context *ctx; pwy_recipe *recipe; pwy_model *model; pwy_session *session; pwy_split which; int64_t bad_rows;
    int name_width, senses_width; struct cli_scored *scored; int n_scored; };

static pwy_status open_session(struct eval *e)
{
    pwy_options *o;
    pwy_status status = pwy_options_new(&o);
    if (status != PWY_OK) return status;
    if (e->threads != NULL) status = pwy_options_set(o, "threads", e->threads);
    if (status == PWY_OK && e->shuffle != NULL) status = pwy_options_set(o, "shuffle_routes", e->shuffle);
    if (status == PWY_OK && e->path != NULL) status = pwy_options_set(o, "path", e->path);
    if (status == PWY_OK) status = pwy_session_new(e->model, o, &e->session);
    pwy_options_free(o);
    return status;
}

static pwy_status open_files(struct eval *e)
{
    pwy_options *o;
    pwy_status status = pwy_options_new(&o);
    if (status != PWY_OK) return status;
    status = cli_set(o, "data", e->data) && cli_set(o, "only", e->task) ? PWY_OK : PWY_E_NOMEM;
    if (status == PWY_OK) status = pwy_model_open(e->ctx, e->model_path, &e->model);
    if (status == PWY_OK) status = pwy_options_set_flag(o, "skip_unsupported", 1);
    if (status == PWY_OK) status = pwy_recipe_open(e->ctx, e->recipe_path, o, &e->recipe);
    pwy_options_free(o);
    return status;
}

static void senses(const pwy_task *t, char *out, size_t cap)
{
    size_t len = 0;
    out[0] = '\0';
    for (int64_t p = 0; p < pwy_task_part_count(t) && len < cap; p++)
        len += (size_t)snprintf(out + len, cap - len, "%s%s", p > 0 ? "+" : "", pwy_task_part_sense(t, p));
}

/* Columns that UTF-8 text takes, roughly: one a character. */
static int width(const char *text)
{
    int n = 0;
    for (; *text != '\0'; text++) n += ((unsigned char)*text & 0xC0) != 0x80;
    return n;
}

static void measure(struct eval *e)
{
    const pwy_registry *tasks = pwy_recipe_registry(e->recipe);
    char of[SENSES];
    e->name_width = e->senses_width = 6;
    for (int64_t i = 0; i < pwy_registry_count(tasks); i++) {
        const pwy_task *t = pwy_registry_at(tasks, i);
        int name = width(pwy_task_name(t));
        senses(t, of, sizeof of);
        if (name > e->name_width) e->name_width = name < NAME ? name : NAME;
        if (width(of) > e->senses_width) e->senses_width = width(of);
    }
}

static void show_head(const struct eval *e)
{
    printf("%-*s  %-*s  %-13s %9s %9s %7s %10s %7s %10s\n", e->name_width, "task", e->senses_width, "senses", "metric",
           "score", "baseline", "n", "active", "of all", "flops");
}

/* A long name stands alone, with its numbers below, so that columns stay columns. */
static void show_name(const struct eval *e, const char *name)
{
    int pad = e->name_width - width(name);
    if (pad >= 0) printf("%s%*s", name, pad, "");
    else printf("%s\n%*s", name, e->name_width, "");
}

/* Six digits or so of any size: 0.9314, 68312.1. */
static const char *number(double x, char out[32])
{
    snprintf(out, 32, fabs(x) < 1000 ? "%.4f" : "%.1f", x);
    return out;
}

static void show(const struct eval *e, const pwy_task *t, const pwy_score *s)
{
    char of[SENSES], score[32], base[32];
    cli_line_clear();
    if (e->json) {
        printf("%s\n", pwy_score_json(s));
        fflush(stdout);
        return;
    }
    senses(t, of, sizeof of);
    show_name(e, pwy_task_name(t));
    printf("  %-*s  %-13s %9s %9s %7lld %10lld %6.1f%% %10.3g\n", e->senses_width, of, pwy_score_metric(s),
           number(pwy_score_value(s), score), number(pwy_score_baseline(s), base), (long long)pwy_score_n(s),
           (long long)pwy_score_active_parameters(s),
           100.0 * (double)pwy_score_active_parameters(s) / (double)pwy_score_total_parameters(s), pwy_score_flops(s));
    if (pwy_score_bad_rows(s) > 0)
        printf("%*s  %lld bad rows skipped\n", e->name_width, "", (long long)pwy_score_bad_rows(s));
    fflush(stdout);
}

/* For the matrix; a score of no rows is no score. */
static bool keep_score(struct eval *e, const char *task, const pwy_score *s)
{
    if (e->matrix == NULL || isnan(pwy_score_value(s))) return true;
    struct cli_scored *scored = realloc(e->scored, ((size_t)e->n_scored + 1) * sizeof *scored);
    if (scored == NULL) return false;
    e->scored = scored;
    scored[e->n_scored] = (struct cli_scored){strdup(task), pwy_score_higher_is_better(s), pwy_score_value(s)};
    return scored[e->n_scored].task != NULL && ++e->n_scored > 0;
}

/* A task of the recipe; one that the model does not have, or without rows in this split, is said and passed over. */
static pwy_status eval_task(struct eval *e, const pwy_task *t, int *scored)
{
    pwy_source *source;
    pwy_task *known;
    pwy_score *score;
    if (pwy_registry_find(pwy_model_registry(e->model), pwy_task_name(t), &known) != PWY_OK
        || pwy_task_get_source(t, e->which, &source) != PWY_OK) {
        if (e->task != NULL) return PWY_E_NOT_FOUND;
        fprintf(stderr, "pathways: left out: %s\n", pwy_error_message());
        return PWY_OK;
    }
    cli_passing("scoring %s", pwy_task_name(t));
    pwy_status status = pwy_session_evaluate(e->session, pwy_task_name(t), source, e->bad_rows, &score);
    if (status != PWY_OK) return status;
    show(e, known, score);
    bool kept = keep_score(e, pwy_task_name(t), score);
    pwy_score_free(score);
    (*scored)++;
    return kept ? PWY_OK : PWY_E_NOMEM;
}

static bool keep_row(const struct eval *e, const pwy_registry *known)
{
    if (e->baseline) return cli_matrix_baseline(e->matrix, known, e->scored, e->n_scored);
    return cli_matrix_add(e->matrix, e->after, known, e->scored, e->n_scored);
}

static int eval_all(struct eval *e)
{
    const pwy_registry *tasks = pwy_recipe_registry(e->recipe);
    int scored = 0;
    measure(e);
    if (!e->json) show_head(e);
    for (int64_t i = 0; i < pwy_registry_count(tasks); i++)
        if (eval_task(e, pwy_registry_at(tasks, i), &scored) != PWY_OK) return cli_fail();
    const pwy_registry *known = pwy_model_registry(e->model);
    if (e->matrix != NULL && scored > 0 && !keep_row(e, known)) return CLI_FAILED;
    if (scored > 0) return CLI_DONE;
    fprintf(stderr, "pathways: %s has no task of %s with rows to score\n", e->recipe_path, e->model_path);
    return CLI_FAILED;
}

static bool read_split(const char *name, pwy_split *out)
{
    static const char *const names[] = {"train", "valid", "test"};
    static const pwy_split splits[] = {PWY_TRAIN, PWY_VALID, PWY_TEST};
    for (int i = 0; i < 3; i++)
        if (name == NULL || strcmp(name, names[i]) == 0) return *out = name == NULL ? PWY_TEST : splits[i], true;
    return false;
}

static int run(const struct cli_command *c, struct eval *e)
{
    char *end = NULL;
    if (!read_split(e->split, &e->which))
        return cli_usage(c, "no split '%s'; train, valid and test would be right", e->split);
    e->bad_rows = e->max_bad == NULL ? 100 : strtoll(e->max_bad, &end, 10);
    if (e->bad_rows < 0 || (end != NULL && (*end != '\0' || end == e->max_bad)))
        return cli_usage(c, "--max-bad-rows '%s' is not a number from 0", e->max_bad);
    if ((e->ctx = cli_context(1, true)) == NULL) return CLI_FAILED;
    if (open_files(e) != PWY_OK) return cli_fail();
    pwy_status status = open_session(e);
    return status == PWY_OK ? eval_all(e) : cli_fail_option(status);
}

int cli_eval(int argc, char **argv)
{
    const struct cli_command *c = cli_command("eval");
    struct eval e = {0};
    struct cli_flag flags[] = {{"--json", NULL, &e.json}, {"--split", &e.split, NULL}, {"--task", &e.task, NULL},
        {"--data", &e.data, NULL}, {"--threads", &e.threads, NULL}, {"--shuffle-routes", &e.shuffle, NULL},
        {"--path", &e.path, NULL}, {"--max-bad-rows", &e.max_bad, NULL}, {"--matrix", &e.matrix, NULL},
        {"--after", &e.after, NULL}, {"--baseline", NULL, &e.baseline},
        {"--help", NULL, &e.help}, {"-h", NULL, &e.help}, {0}};
    if (!cli_flags(c, &argc, argv, flags, NULL)) return CLI_USAGE;
    if (e.help) return cli_help(c, more);
    if (argc != 2) return cli_usage(c, "a model and a recipe are needed");
    if (e.baseline && (e.matrix == NULL || e.after != NULL))
        return cli_usage(c, "--baseline goes with --matrix, and not with --after");
    e.model_path = argv[0];
    e.recipe_path = argv[1];
    int result = run(c, &e);
    for (int i = 0; i < e.n_scored; i++) free(e.scored[i].task);
    free(e.scored);
    pwy_session_free(e.session);
    pwy_model_free(e.model);
    pwy_recipe_free(e.recipe);
    pwy_context_free(e.ctx);
    return result;
}

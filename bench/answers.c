/* The raw answers of every sealed task of a model to rows of a recipe's test split, and where that has too few, of its
   validation and training rows, as a digest a task: what must be the same bytes after every addition.

     answers MODEL RECIPE [--data DIR] [--rows N] [--threads N] [--batch N] */
#include "base/digest.h"
#include "base/error.h"
#include <pathways/media.h>
#include <pathways/pathways.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct run { const char *model, *recipe, *data; int64_t rows, threads; int batch; };

static int fail(void)
{
    fprintf(stderr, "answers: %s\n", pwy_error_message());
    return 1;
}

static void add_result(struct pw_digest *d, const pwy_result *r)
{
    double number = pwy_result_number(r);
    pw_digest_add(d, &number, sizeof number);
    if (pwy_result_text(r) != NULL) pw_digest_add_text(d, pwy_result_text(r));
    for (int64_t i = 0; i < pwy_result_count(r); i++) {
        double score = pwy_result_score(r, i);
        pw_digest_add_text(d, pwy_result_label(r, i));
        pw_digest_add(d, &score, sizeof score);
    }
}

static pwy_status some(pwy_session *s, const char *task, pwy_example **ex, int n, struct pw_digest *d)
{
    pwy_result *result[64];
    pwy_status status = pwy_session_predict_batch(s, task, (const pwy_example *const *)ex, n, result);
    for (int i = 0; status == PWY_OK && i < n; i++) {
        add_result(d, result[i]);
        pwy_result_free(result[i]);
    }
    return status;
}

struct asking {
    const struct run *run; pwy_session *s; const char *task;
    pwy_example *ex[64];
    struct pw_digest digest;
    int64_t good;
};

/* Rows 0, 1, ... of a split, `batch` at a time, until all that were asked for are answered; bad ones are left out. */
static pwy_status ask_split(struct asking *a, pwy_source *rows)
{
    int64_t n = pwy_source_count(rows);
    pwy_status status = PWY_OK;
    for (int64_t at = 0; status == PWY_OK && at < n && a->good < a->run->rows;) {
        int have = 0;
        for (; have < a->run->batch && at < n && a->good + have < a->run->rows; at++)
            have += pwy_source_read(rows, at, a->ex[have]) == PWY_OK;
        a->good += have;
        status = some(a->s, a->task, a->ex, have, &a->digest);
    }
    return status;
}

static pwy_status ask_splits(struct asking *a, pwy_task *task)
{
    static const pwy_split split[] = {PWY_TEST, PWY_VALID, PWY_TRAIN};
    for (int i = 0; i < 3; i++) {
        pwy_source *rows;
        if (pwy_task_get_source(task, split[i], &rows) != PWY_OK) continue;
        pwy_status status = ask_split(a, rows);
        if (status != PWY_OK) return status;
    }
    return a->good > 0 ? PWY_OK : pw_fail(PWY_E_DATA, "no row of '%s' can be read", a->task);
}

static pwy_status task_digest(const struct run *run, pwy_session *s, pwy_task *task, char hex[PW_DIGEST_HEX])
{
    unsigned char digest[PW_DIGEST_LEN];
    struct asking a = {.run = run, .s = s, .task = pwy_task_name(task)};
    for (int i = 0; i < run->batch; i++) pwy_example_new(&a.ex[i]);
    pw_digest_begin(&a.digest);
    pwy_status status = ask_splits(&a, task);
    for (int i = 0; i < run->batch; i++) pwy_example_free(a.ex[i]);
    pw_digest_end(&a.digest, digest);
    pw_digest_hex(digest, hex);
    return status;
}

static pwy_status all(const struct run *run, pwy_session *s, pwy_recipe *recipe, pwy_model *model)
{
    pwy_registry *tasks = pwy_recipe_registry(recipe);
    for (int64_t i = 0; i < pwy_registry_count(tasks); i++) {
        pwy_task *t = pwy_registry_at(tasks, i), *there;
        char hex[PW_DIGEST_HEX];
        if (pwy_registry_find(pwy_model_registry(model), pwy_task_name(t), &there) != PWY_OK) continue;
        pwy_status status = task_digest(run, s, t, hex);
        if (status != PWY_OK) return status;
        printf("%s %s\n", hex, pwy_task_name(t));
    }
    return PWY_OK;
}

static pwy_status open_all(const struct run *run, pwy_context *ctx, pwy_recipe **recipe, pwy_model **model,
                           pwy_session **s)
{
    pwy_options *o, *p;
    pwy_options_new(&o);
    pwy_options_new(&p);
    if (run->data != NULL) pwy_options_set(o, "data", run->data);
    pwy_options_set_int(p, "threads", run->threads);
    pwy_status status = pwy_recipe_open(ctx, run->recipe, o, recipe);
    if (status == PWY_OK) status = pwy_model_open(ctx, run->model, model);
    if (status == PWY_OK) status = pwy_session_new(*model, p, s);
    pwy_options_free(o);
    pwy_options_free(p);
    return status;
}

int main(int argc, char **argv)
{
    struct run run = {.rows = 200, .threads = 1, .batch = 1};
    pwy_context *ctx = NULL;
    pwy_recipe *recipe = NULL;
    pwy_model *model = NULL;
    pwy_session *s = NULL;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--data") == 0 && i + 1 < argc) run.data = argv[++i];
        else if (strcmp(argv[i], "--rows") == 0 && i + 1 < argc) run.rows = atol(argv[++i]);
        else if (strcmp(argv[i], "--threads") == 0 && i + 1 < argc) run.threads = atol(argv[++i]);
        else if (strcmp(argv[i], "--batch") == 0 && i + 1 < argc) run.batch = atoi(argv[++i]);
        else if (run.model == NULL) run.model = argv[i];
        else run.recipe = argv[i];
    }
    if (run.recipe == NULL || run.batch < 1 || run.batch > 64) return fprintf(stderr, "usage: answers MODEL RECIPE\n"), 2;
    if (pwy_context_new(NULL, &ctx) != PWY_OK || pwy_media_register(ctx) != PWY_OK) return fail();
    if (open_all(&run, ctx, &recipe, &model, &s) != PWY_OK) return fail();
    int result = all(&run, s, recipe, model) == PWY_OK ? 0 : fail();
    pwy_session_free(s);
    pwy_model_free(model);
    pwy_recipe_free(recipe);
    pwy_context_free(ctx);
    return result;
}

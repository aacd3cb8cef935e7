/* bench/which MODEL RECIPE UNKNOWN [SPLIT]: asks the model for every row (2000 of a set at most) of the recipe's split
   (test) which task it belongs to, part names hidden, then the same of the sets in UNKNOWN, which the model never saw.
   Prints what docs/results.md shows. Files below $PATHWAYS_DATA. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/example.h"
#include "base/rng.h"
#include "pathways/pathways.h"
#include "pathways/media.h"

enum { ROWS = 2000, TASKS = 64 };

struct tally { int64_t n, right, unknown, good, as[TASKS]; double sure, wrong, log_loss; };

static int failed(const char *what)
{
    fprintf(stderr, "%s: %s\n", what, pwy_error_message());
    return 1;
}

/* The parts' names hidden: "*", "*2", ... */
static void hide(pwy_example *ex)
{
    static const char *const name[] = {"*", "*2", "*3", "*4"};
    for (int i = 0; i < ex->n_parts && i < 4; i++) ex->parts[i].name = name[i];
}

static int place_of(const pwy_registry *tasks, const char *name)
{
    for (int64_t i = 0; i < pwy_registry_count(tasks); i++)
        if (strcmp(pwy_task_name(pwy_registry_at(tasks, i)), name) == 0) return (int)i;
    return -1;
}

static void add(struct tally *t, const pwy_registry *tasks, const pwy_which *w, const char *truth)
{
    const char *first = pwy_which_task(w, 0);
    bool right = first != NULL && truth != NULL && strcmp(first, truth) == 0, known = pwy_which_known(w);
    double p = 1e-6;
    for (int64_t i = 0; truth != NULL && i < pwy_which_count(w); i++)
        if (strcmp(pwy_which_task(w, i), truth) == 0 && pwy_which_confidence(w, i) > p) p = pwy_which_confidence(w, i);
    t->n++;
    t->right += right;
    t->unknown += !known;
    t->good += right && known;
    t->log_loss -= log(p);
    if (first == NULL) return;
    t->as[place_of(tasks, first)]++;
    *(right ? &t->sure : &t->wrong) += pwy_which_confidence(w, 0);
}

static int ask_all(pwy_session *s, const pwy_registry *tasks, pwy_source *source, const char *truth, struct tally *t)
{
    int64_t rows = pwy_source_count(source), n = rows < ROWS ? rows : ROWS;
    pwy_example *ex = pw_example_make();
    if (ex == NULL) return failed("memory");
    for (int64_t i = 0; i < n; i++) {
        pwy_which *w;
        if (pwy_source_read(source, (int64_t)pw_permute(5, (uint64_t)rows, (uint64_t)i), ex) != PWY_OK) continue;
        hide(ex);
        if (pwy_session_which(s, ex, &w) != PWY_OK) return failed("which");
        add(t, tasks, w, truth);
        pwy_which_free(w);
    }
    pw_example_release(ex);
    return 0;
}

static void print_as(const pwy_registry *tasks, const struct tally *t, const char *truth)
{
    const char *between = "";
    for (int i = 0; i < pwy_registry_count(tasks); i++) {
        const char *name = pwy_task_name(pwy_registry_at(tasks, i));
        if (t->as[i] == 0 || (truth != NULL && strcmp(name, truth) == 0)) continue;
        printf("%s%s %lld", between, name, (long long)t->as[i]);
        between = ", ";
    }
}

static pwy_recipe *open_recipe(pwy_context *ctx, const char *path)
{
    pwy_recipe *r = NULL;
    if (pwy_recipe_open(ctx, path, NULL, &r) != PWY_OK) failed(path);
    return r;
}

/* Trained sets: right counts the ranking's first, kept what is right and not called unknown. */
static int known_sets(pwy_session *s, const pwy_registry *tasks, const pwy_registry *sets, pwy_split split)
{
    double right = 0, alarms = 0, kept = 0, loss = 0, sure = 0, wrong = 0;
    int64_t n = pwy_registry_count(sets), all_right = 0, all_wrong = 0;
    printf("| set | n | ranked first | called unknown | right and known | ranked first instead |\n"
           "|---|---|---|---|---|---|\n");
    for (int64_t i = 0; i < n; i++) {
        const char *name = pwy_task_name(pwy_registry_at(sets, i));
        struct tally t = {0};
        pwy_source *source;
        if (pwy_task_get_source(pwy_registry_at(sets, i), split, &source) != PWY_OK) return failed(name);
        if (ask_all(s, tasks, source, name, &t) != 0) return 1;
        double m = t.n > 0 ? (double)t.n : 1;
        printf("| %s | %lld | %.2f %% | %.2f %% | %.2f %% | ", name, (long long)t.n, 100 * t.right / m,
               100 * t.unknown / m, 100 * t.good / m);
        print_as(tasks, &t, name);
        printf(" |\n");
        right += t.right / m, alarms += t.unknown / m, kept += t.good / m, loss += t.log_loss / m;
        sure += t.sure, wrong += t.wrong, all_right += t.right, all_wrong += t.n - t.right;
    }
    printf("| mean of %lld | | %.2f %% | %.2f %% | %.2f %% | |\n\n", (long long)n, 100 * right / n, 100 * alarms / n,
           100 * kept / n);
    printf("Mean confidence of the first: %.3f where it is right, %.3f where it is not; log loss %.3f nats.\n\n",
           sure / (all_right > 0 ? all_right : 1), wrong / (all_wrong > 0 ? all_wrong : 1), loss / n);
    return 0;
}

static int unknown_sets(pwy_session *s, const pwy_registry *tasks, const pwy_registry *sets)
{
    printf("| never trained | n | called unknown | ranked first |\n|---|---|---|---|\n");
    for (int64_t i = 0; i < pwy_registry_count(sets); i++) {
        const char *name = pwy_task_name(pwy_registry_at(sets, i));
        struct tally t = {0};
        pwy_source *source;
        if (pwy_task_get_source(pwy_registry_at(sets, i), PWY_TEST, &source) != PWY_OK) return failed(name);
        if (ask_all(s, tasks, source, NULL, &t) != 0) return 1;
        printf("| %s | %lld | %.2f %% | ", name, (long long)t.n, 100. * t.unknown / (t.n > 0 ? t.n : 1));
        print_as(tasks, &t, NULL);
        printf(" |\n");
    }
    return 0;
}

int main(int argc, char **argv)
{
    pwy_context *ctx;
    pwy_model *m;
    pwy_session *s;
    if (argc < 4) return fprintf(stderr, "usage: which MODEL RECIPE UNKNOWN [valid]\n"), 2;
    if (pwy_context_new(NULL, &ctx) != PWY_OK || pwy_media_register(ctx) != PWY_OK) return failed("context");
    if (pwy_model_open(ctx, argv[1], &m) != PWY_OK || pwy_session_new(m, NULL, &s) != PWY_OK) return failed(argv[1]);
    pwy_recipe *known = open_recipe(ctx, argv[2]), *unknown = open_recipe(ctx, argv[3]);
    if (known == NULL || unknown == NULL) return 1;
    const pwy_registry *tasks = pwy_model_registry(m);
    int result = known_sets(s, tasks, pwy_recipe_registry(known), argc > 4 ? PWY_VALID : PWY_TEST);
    if (result == 0) result = unknown_sets(s, tasks, pwy_recipe_registry(unknown));
    pwy_recipe_free(unknown);
    pwy_recipe_free(known);
    pwy_session_free(s);
    pwy_model_free(m);
    pwy_context_free(ctx);
    return result;
}

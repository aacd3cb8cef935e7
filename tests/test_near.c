/* Which old tasks a new one is tried with: those whose data look most like its own, when there are many. */
#include <string.h>
#include "model/model.h"
#include "train/near.h"
#include "train_rig.h"
#include "suite.h"

enum { TASKS = 36, ROWS = 12 };         /* more than are tried one by one */

/* Task i has words of its own. */
static pwy_source *rows_of(pwy_context *ctx, int task)
{
    pwy_source *s;
    pwy_example *ex;
    char text[96];
    OK(pwy_source_new(ctx, &s));
    OK(pwy_example_new(&ex));
    for (int i = 0; i < ROWS; i++) {
        char a = (char)('a' + task % 6), b = (char)('a' + task / 6);
        snprintf(text, sizeof text, "%c%c%s%c%c %c%c%c%c%c %c%c", a, b, i % 2 ? "up" : "down", b, a, a, a, b, b, a, b, b);
        pwy_example_clear(ex);
        OK(pwy_example_set_text(ex, "message", text, -1));
        OK(pwy_example_set_label(ex, i % 2 ? "odd" : "even"));
        OK(pwy_source_append(s, ex));
    }
    pwy_example_free(ex);
    return s;
}

static void add_words(pwy_registry *r, pwy_context *ctx, const char *name, const char *part, int words)
{
    pwy_task *t;
    pwy_source *s = rows_of(ctx, words);
    OK(pwy_registry_add(r, name, PWY_CLASSIFY, &t));
    OK(pwy_task_add_part(t, part, "text"));
    OK(pwy_task_set_source(t, PWY_TRAIN, s));
    pwy_source_free(s);
}

static pwy_registry *many(pwy_context *ctx)
{
    char name[16];
    pwy_registry *r;
    OK(pwy_registry_new(ctx, &r));
    for (int i = 0; i < TASKS; i++) {
        snprintf(name, sizeof name, "task%d", i);
        add_words(r, ctx, name, "message", i);
    }
    rig_add(r, ctx, R_IMAGE);
    return r;
}

static pwy_model *sealed_of(pwy_registry *r)
{
    pwy_options *o = rig_options("d: 8, layers: 1, heads: 1, experts: 4, topk: 1, hidden: 8, vocab: 300");
    pwy_model *blank, *m, *out;
    OK(pwy_model_new(r, o, &blank));
    m = rig_trained(blank, "steps: 1, batch: 8");
    OK(pwy_model_seal(m, NULL, NULL, &out));
    pwy_options_free(o);
    pwy_model_free(m);
    return out;
}

START_TEST(distances_by_data)
{
    pwy_registry *r = many(NULL);
    pwy_model *m = sealed_of(r);
    double *distance = calloc(TASKS + 1, sizeof *distance);
    for (int like = 0; like < TASKS; like += 5) {
        OK(pw_near(m, pw_registry_at(r, like), distance));
        for (int i = 0; i < TASKS; i++) ck_assert_msg(i == like || distance[i] > distance[like], "%d as near as %d", i, like);
        ck_assert(isinf(distance[TASKS]));
    }
    OK(pw_near(m, pw_registry_at(r, TASKS), distance));
    ck_assert(isinf(distance[0]) && isfinite(distance[TASKS]));
    free(distance);
    pwy_model_free(m);
    pwy_registry_free(r);
}
END_TEST

static void note(pwy_log_level level, const char *message, void *user)
{
    (void)level;
    if (strstr(message, "reuses the pathway") != NULL) snprintf(user, 200, "%s", message);
}

/* Of more tasks than are tried, the twin in data is among the tried, and wins or loses by its measured use. */
START_TEST(among_many)
{
    char said[200] = "";
    pwy_context *ctx;
    OK(pwy_context_new(NULL, &ctx));
    OK(pwy_context_on_log(ctx, note, said, NULL));
    pwy_registry *r = many(ctx), *more;
    pwy_model *m = sealed_of(r);
    pwy_options *o = rig_options("steps: 1, batch: 8");
    pwy_trainer *t;
    OK(pwy_registry_new(ctx, &more));
    add_words(more, ctx, "newcomer", "another", 33);
    OK(pwy_trainer_add(m, more, o, &t));
    ck_assert_msg(strstr(said, "'newcomer' reuses the pathway of 'task") != NULL, "%s", said);
    pwy_trainer_free(t);
    pwy_options_free(o);
    pwy_model_free(m);
    pwy_registry_free(more);
    pwy_registry_free(r);
    pwy_context_free(ctx);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("near");
    TCase *t = tcase_create("near");
    tcase_set_timeout(t, 120);
    tcase_add_test(t, distances_by_data);
    tcase_add_test(t, among_many);
    suite_add_tcase(s, t);
    return run_suite(s);
}

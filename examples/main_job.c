/* The main job in C: three tasks through three senses, one model, one file; later a fourth, which moves none of them.
   cc main_job.c $(pkg-config --cflags --libs pathways) && ./a.out FOLDER
   FOLDER holds mail.tsv (class, message), motors/ (a folder of WAV files for each class) and people.csv (income and
   other columns, age among them). */
#include <pathways/pathways.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void check(pwy_status status)
{
    if (status == PWY_OK) return;
    fprintf(stderr, "%s\n", pwy_error_message());
    exit(1);
}

static int show(const pwy_progress *p, void *user)
{
    (void)user;
    fprintf(stderr, "\r%3.0f%%  loss %.3f  %3.0f s left", 100 * pwy_progress_share(p), pwy_progress_loss(p),
            pwy_progress_seconds_left(p));
    return 0;                                                     /* anything else stops the run, cleanly */
}

static void task(pwy_registry *tasks, const char *name, pwy_task_kind kind, const char *part, const char *sense,
                 const char *folder, const char *file, const char *target)
{
    pwy_task *t;                                                  /* borrowed: lives as long as the registry */
    char path[1024];
    snprintf(path, sizeof path, "%s/%s", folder, file);
    check(pwy_registry_add(tasks, name, kind, &t));
    check(pwy_task_add_part(t, part, sense));
    check(pwy_task_read(t, PWY_TRAIN, path, target, NULL));       /* the labels come from the file */
}

/* Runs it to its end; models never change, so that what comes of it is a new one. */
static pwy_model *run(pwy_trainer *trainer)
{
    pwy_model *trained, *sealed;
    check(pwy_trainer_on_progress(trainer, show, NULL, NULL));
    check(pwy_trainer_run(trainer));
    check(pwy_trainer_model(trainer, &trained));
    check(pwy_model_seal(trained, NULL, NULL, &sealed));          /* what it has learned will not move again */
    pwy_trainer_free(trainer);
    pwy_model_free(trained);
    fputc('\n', stderr);
    return sealed;
}

static pwy_model *learn(pwy_registry *tasks, const pwy_options *how)
{
    pwy_model *blank, *model;
    pwy_trainer *trainer;
    check(pwy_model_new(tasks, NULL, &blank));                    /* NULL: sized by the data */
    check(pwy_trainer_new(blank, how, &trainer));
    model = run(trainer);
    pwy_model_free(blank);
    return model;
}

/* A task that comes later: it reads what the model has, and learns what is its own. */
static pwy_model *learn_more(pwy_model *model, const char *folder, const pwy_options *how)
{
    pwy_registry *later;
    pwy_trainer *trainer;
    pwy_model *more;
    check(pwy_registry_new(NULL, &later));
    task(later, "age", PWY_REGRESS, "who", "table", folder, "people.csv", "age");
    check(pwy_trainer_add(model, later, how, &trainer));
    more = run(trainer);
    pwy_registry_free(later);
    return more;
}

static pwy_result *ask(pwy_model *model, const char *text)
{
    pwy_session *session;                                         /* one a thread; the model is shared */
    pwy_example *mail;
    pwy_result *answer;
    check(pwy_session_new(model, NULL, &session));
    check(pwy_example_new(&mail));
    check(pwy_example_set_text(mail, "message", text, -1));
    check(pwy_session_predict(session, "spam", mail, &answer));   /* it outlives session and model */
    pwy_example_free(mail);
    pwy_session_free(session);
    return answer;
}

int main(int argc, char **argv)
{
    const char *folder = argc > 1 ? argv[1] : ".";
    pwy_registry *tasks;
    pwy_options *how;
    pwy_model *model, *more;
    check(pwy_options_parse(argc > 2 ? argv[2] : "{minutes: 1, seed: 1}", &how));
    check(pwy_registry_new(NULL, &tasks));                        /* NULL: a private default context */
    task(tasks, "spam", PWY_CLASSIFY, "message", "text", folder, "mail.tsv", "class");
    task(tasks, "fault", PWY_CLASSIFY, "sound", "audio", folder, "motors", NULL);   /* a folder a class */
    task(tasks, "income", PWY_CLASSIFY, "person", "table", folder, "people.csv", "income");
    model = learn(tasks, how);
    check(pwy_model_save(model, "one.pathways"));
    pwy_result *before = ask(model, "You won a prize");
    printf("%s (%.0f%%), %.1f%% of the model awake\n", pwy_result_label(before, 0), 100 * pwy_result_score(before, 0),
           100 * pwy_result_active_share(before));
    pwy_model_free(model);

    check(pwy_model_open(NULL, "one.pathways", &model));          /* later, perhaps in another program */
    more = learn_more(model, folder, how);
    check(pwy_model_save_added(more, "one.pathways"));            /* beside the file: only what is new */
    pwy_result *after = ask(more, "You won a prize");
    printf("%lld tasks; spam answers %s\n", (long long)pwy_registry_count(pwy_model_registry(more)),
           strcmp(pwy_result_json(before), pwy_result_json(after)) == 0 ? "as before, to the bit" : "otherwise");
    check(pwy_model_check(more, NULL));                           /* each closure against its digest */
    printf("spam's closure %s\n", pwy_result_digest(after));
    pwy_result_free(before);
    pwy_result_free(after);
    pwy_model_free(model);
    pwy_model_free(more);
    pwy_options_free(how);
    pwy_registry_free(tasks);
    return 0;
}

/* The main job in C: three tasks through three senses, one model, one file.
   cc main_job.c $(pkg-config --cflags --libs pathways) && ./a.out FOLDER
   FOLDER holds mail.tsv (class, message), motors/ (a folder of WAV files for each class) and people.csv (income and
   other columns). */
#include <pathways/pathways.h>
#include <stdio.h>
#include <stdlib.h>

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

static void task(pwy_registry *tasks, const char *name, const char *part, const char *sense, const char *folder,
                 const char *file, const char *target)
{
    pwy_task *t;                                                  /* borrowed: lives as long as the registry */
    char path[1024];
    snprintf(path, sizeof path, "%s/%s", folder, file);
    check(pwy_registry_add(tasks, name, PWY_CLASSIFY, &t));
    check(pwy_task_add_part(t, part, sense));
    check(pwy_task_read(t, PWY_TRAIN, path, target, NULL));       /* the labels come from the file */
}

static pwy_model *learn(pwy_registry *tasks, const char *how)
{
    pwy_options *options;
    pwy_model *blank, *model;
    pwy_trainer *trainer;
    check(pwy_options_parse(how, &options));
    check(pwy_model_new(tasks, NULL, &blank));                    /* NULL: sized by the data */
    check(pwy_trainer_new(blank, options, &trainer));
    check(pwy_trainer_on_progress(trainer, show, NULL, NULL));
    check(pwy_trainer_run(trainer));
    check(pwy_trainer_model(trainer, &model));                    /* models never change: this is a new one */
    pwy_trainer_free(trainer);
    pwy_model_free(blank);
    pwy_options_free(options);
    return model;
}

static void ask(pwy_model *model, const char *text)
{
    pwy_session *session;                                         /* one a thread; the model is shared */
    pwy_example *mail;
    pwy_result *answer;
    check(pwy_session_new(model, NULL, &session));
    check(pwy_example_new(&mail));
    check(pwy_example_set_text(mail, "message", text, -1));
    check(pwy_session_predict(session, "spam", mail, &answer));
    printf("\n%s (%.0f%%), %.1f%% of the model awake\n", pwy_result_label(answer, 0), 100 * pwy_result_score(answer, 0),
           100 * pwy_result_active_share(answer));
    pwy_result_free(answer);
    pwy_example_free(mail);
    pwy_session_free(session);
}

int main(int argc, char **argv)
{
    const char *folder = argc > 1 ? argv[1] : ".";
    pwy_registry *tasks;
    pwy_model *model;
    check(pwy_registry_new(NULL, &tasks));                        /* NULL: a private default context */
    task(tasks, "spam", "message", "text", folder, "mail.tsv", "class");
    task(tasks, "fault", "sound", "audio", folder, "motors", NULL);   /* a folder a class */
    task(tasks, "income", "person", "table", folder, "people.csv", "income");
    model = learn(tasks, argc > 2 ? argv[2] : "{minutes: 1, seed: 1}");
    check(pwy_model_save(model, "one.pathways"));
    ask(model, "You won a prize");
    pwy_model_free(model);
    pwy_registry_free(tasks);
    return 0;
}

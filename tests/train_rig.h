/* What tests of training share: a folder of their own, and runs as the bytes of the model that came of them. */
#ifndef TRAIN_RIG_H
#define TRAIN_RIG_H
#include <dirent.h>
#include <unistd.h>
#include "model_rig.h"

static char folder[40];

static inline void make_folder(void)
{
    strcpy(folder, "/tmp/pathways-train-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
}

static inline void remove_folder(void)
{
    char path[320];
    DIR *d = opendir(folder);
    for (struct dirent *e; (e = readdir(d)) != NULL;) {
        snprintf(path, sizeof path, "%s/%s", folder, e->d_name);
        if (e->d_name[0] != '.') unlink(path);
    }
    closedir(d);
    rmdir(folder);
}

static inline char *in_folder(const char *name)
{
    static char path[128];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

static inline struct bytes snapshot(pwy_trainer *t)
{
    pwy_model *m;
    OK(pwy_trainer_model(t, &m));
    struct bytes b = rig_bytes(m);
    pwy_model_free(m);
    return b;
}

/* Runs to the end; the trainer is freed. */
static inline struct bytes finish(pwy_trainer *t)
{
    OK(pwy_trainer_run(t));
    struct bytes b = snapshot(t);
    pwy_trainer_free(t);
    return b;
}

static inline struct bytes trained(int tasks, const char *train)
{
    pwy_model *m = rig_model(NULL, tasks, NULL);
    struct bytes b = finish(rig_trainer(m, train));
    pwy_model_free(m);
    return b;
}

static inline void same(struct bytes a, struct bytes b)
{
    rig_same(a, b);
    free(a.data);
    free(b.data);
}

static inline TCase *add_case(Suite *s, const char *name)
{
    TCase *t = tcase_create(name);
    tcase_set_timeout(t, 120);
    tcase_add_checked_fixture(t, make_folder, remove_folder);
    suite_add_tcase(s, t);
    return t;
}
#endif

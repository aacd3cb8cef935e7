/* What tests of sealed tasks share: sealing, adding behind what is sealed, digests. */
#ifndef SEAL_RIG_H
#define SEAL_RIG_H
#include "train_rig.h"

/* task NULL: all; how NULL: as usual. */
static inline pwy_model *rig_sealed(const pwy_model *m, const char *task, const char *how)
{
    pwy_options *o = rig_options(how);
    pwy_model *out;
    OK(pwy_model_seal(m, task, o, &out));
    pwy_options_free(o);
    return out;
}

static inline pwy_trainer *rig_adding(pwy_model *m, int tasks, const char *how)
{
    pwy_registry *r = rig_registry(NULL, tasks);
    pwy_options *o = rig_options(how);
    pwy_trainer *t;
    OK(pwy_trainer_add(m, r, o, &t));
    pwy_options_free(o);
    pwy_registry_free(r);
    return t;
}

/* Added, trained and sealed, with all that is there. */
static inline pwy_model *rig_added(pwy_model *m, int tasks, const char *how)
{
    pwy_trainer *t = rig_adding(m, tasks, how);
    pwy_model *grown, *out;
    OK(pwy_trainer_run(t));
    OK(pwy_trainer_model(t, &grown));
    pwy_trainer_free(t);
    out = rig_sealed(grown, NULL, NULL);
    pwy_model_free(grown);
    return out;
}

static inline void rig_same_digest(const pwy_model *one, const char *task, const pwy_model *two, const char *other)
{
    char *a, *b;
    OK(pwy_model_digest(one, task, &a));
    OK(pwy_model_digest(two, other, &b));
    ck_assert_str_eq(a, b);
    pwy_text_free(a);
    pwy_text_free(b);
}
#endif

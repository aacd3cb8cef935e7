/* What tasks of one sense share has the sense's name in a model; two models that each brought a sense have two of one
   name. Where they are merged, the second's get another. */
#ifndef PW_STEMS_H
#define PW_STEMS_H
#include "model/model.h"

struct pw_stem_name { const char *sense; char *from, *to; };
struct pw_stem_names { struct pw_stem_name *list; int n; };

/* What b's stems are called beside those that are in `own`, vocabularies and all: as there, where they are the same
   numbers. */
pwy_status pw_stems_choose(const pwy_model *b, const pwy_model *own, struct pw_stem_names *out);
void pw_stems_free(struct pw_stem_names *names);
/* A tensor's name, malloc'ed; as it was where it is of no stem. NULL: no memory. */
char *pw_stems_name(const struct pw_stem_names *names, const char *tensor);
/* For a task that is new to m: its senses' stems, where m has them by another name alone. */
pwy_status pw_stems_take(const pwy_model *m, struct pwy_task *t);
pwy_status pw_stems_give(const struct pw_stem_names *names, struct pwy_task *t);
#endif

/* One answer, on its own feet. */
#ifndef PW_RESULT_H
#define PW_RESULT_H
#include "base/digest.h"
#include "model/infer.h"

struct pwy_result {
    char *task;
    int n; char **label; double *score;     /* [n], best first */
    double number;                          /* NaN: not a number's answer */
    char *text;                             /* NULL: not written */
    int64_t active, total; double flops;
    char digest[PW_DIGEST_HEX];             /* of the sealed task, else "" */
    char *json;
};
/* Of item i of the last pass. how: for tasks that write. */
pwy_status pw_result_make(struct pw_infer *f, int i, const struct pw_generate *how, struct pwy_result **out);
void pw_result_release(struct pwy_result *r);
#endif

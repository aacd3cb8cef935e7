/* Which task an example belongs to, or that it belongs to none, from the signatures of its parts (sense/sign.h).

   A task keeps, for each part, how likely each item of its bags is, the mean and covariance of the dense numbers, and
   how far its own rows usually stray; and for the task the distance past which an example is none of its own: the .95
   quantile of its validation rows. All are PW_CONST tensors, so a file keeps them and a seal covers them:

     task/T/P/which.bag    (bags, BUCKETS / 3)  -16 log p in 8 bits, three to a number (whole below 2^24, so exact)
     task/T/P/which.dense  (n + n (n + 1) / 2)  mean, then the lower Cholesky factor of the covariance by rows
     task/T/P/which.scale  (3 * 4 + 2)          see pw_which_part
     task/T/which          (2 + 33)             validation rows (0: not fitted), the limit, 33 quantiles
     which.S               (bags, BUCKETS / 3)  of a sense, for all tasks: what its items are against. Fitted with the
                                                first tasks and then kept, so that a task added later moves no other

   Nothing here depends on weights that train. */
#ifndef PW_WHICH_H
#define PW_WHICH_H
#include "model/model.h"

enum { PW_WHICH_WORDS = (PW_SIGN_BUCKETS + 2) / 3, PW_WHICH_QUANTILES = 33, PW_WHICH_SCALES = 4 * PW_SIGN_BAGS + 2,
       PW_WHICH_LIMITS = 2 + PW_WHICH_QUANTILES };

/* One part's tensors as they are read. */
struct pw_which_part {
    const struct pw_sign_ops *sign;
    const real *bag, *ground;           /* (bags, WORDS) or NULL: no bags */
    const real *dense;                  /* NULL: no dense numbers */
    /* of each bag c0, c1, a, b: the mean surprise of n items is c0 + c1 log(items of bag 0), its variance a / n + b;
       then mean and spread of log Mahalanobis distance */
    const real *scale;
};

/* What one part says of an example. */
struct pw_which_seen {
    double likelihood;                  /* weighted log-likelihood: for the ranking */
    double distance;                    /* about 0 +- 1 for the task's own */
    bool excluded;                      /* a closed bag has an item that the task never had */
    double surprise[PW_SIGN_BAGS], items[PW_SIGN_BAGS], mahalanobis;    /* before scale: for the fit */
};

bool pw_which_owns(const char *tensor);   /* one of the above: an answer of a task that was named does not read it */
bool pw_which_grounds(const struct pw_net *net, const char *tensor);    /* the ground of one of its senses */
/* Declares the tensors of one task; nothing where its file was written without them. */
pwy_status pw_which_declare(const pwy_model *m, const struct pwy_task *t);
int64_t pw_which_numbers(const struct pwy_task *t);                 /* of a task's own, before they are declared */
/* false: the part has no signature, or the file no tensors for it. */
bool pw_which_part_of(const pwy_model *m, const struct pwy_task *t, int part, struct pw_which_part *out);
void pw_which_see(const struct pw_which_part *p, const struct pw_signature *s, struct pw_which_seen *out);
double pw_which_unpack(const real *words, int item);                /* log p */
void pw_which_pack(real *words, const double *p);                  /* p (BUCKETS), sums to 1 */

/* which_fit.c: from the training rows, the limit from the validation rows (or a tenth of the training rows). One task
   alone leaves the ground of its senses as it is, unless that was never fitted. */
pwy_status pw_which_fit(pwy_model *m, struct pwy_task *t);
pwy_status pw_which_fit_all(pwy_model *m);             /* and the grounds, from all tasks */

/* --- asking --- */

struct pw_which_row { char *task; int index; double likelihood, distance, limit, confidence; bool within; };
struct pwy_which { int n; struct pw_which_row *row; bool known; char *json; };     /* rows best first */
/* Ranks the trained tasks that take the example's parts. A part whose name begins with '*' is any part that takes its
   value. */
pwy_status pw_which_ask(const pwy_model *m, const pwy_example *ex, struct pwy_which **out);
void pw_which_release(struct pwy_which *w);                         /* NULL allowed */
/* Whether some task has a part of this sense and name ("*...": any name). */
pwy_status pw_which_has(const pwy_registry *r, const char *sense, const char *part, bool *out);
/* part (n_parts of ex): the task's part that each of the example's takes. false: the task cannot take the example. */
bool pw_which_match(const struct pwy_task *t, const pwy_example *ex, int *part);
#endif

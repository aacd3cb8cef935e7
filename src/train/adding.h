/* How one task is added, between add.c, reuse.c and growth.c. */
#ifndef PW_ADDING_H
#define PW_ADDING_H
#include "train/add.h"

struct adding {
    pwy_model *m;                       /* the overlay that it is added to */
    struct pw_net *net;                 /* the new task's */
    const struct pw_add_options *o;
    struct pw_infer *infer;
    int64_t came;                       /* numbers that it brought so far */
    double **use;                       /* [layers] (experts): the gates of the new task's rows on the chosen way */
};

/* --- reuse.c: which old pathway --- */
struct source { int64_t task; struct pw_net *net; double score; };      /* net NULL: there is none; NAN: not measured */
enum { PW_REUSE_ROWS = 192 };                                           /* of a quick look */
pwy_status pw_reuse_choose(struct adding *a, struct source *out);
/* The new task takes the way and the token of another, for trying. */
void pw_reuse_borrow(struct adding *a, const struct source *s);
/* How much the way explains of so many rows (score), and how far each expert is used (NULL: not asked). The token stays
   the other's. */
pwy_status pw_reuse_probe(struct adding *a, struct source *s, int rows, double **use);

/* --- growth.c: what it gets of its own --- */
struct growth { int adapter, clones, most; };    /* most: candidates a layer, the most used stay; 0: all */
/* An adapter first: it reaches every layer; then as many clones as the budget has room for. */
void pw_growth_plan(const struct adding *a, const struct source *s, struct growth *out);
/* Cut to the budget of operations, counted on the way that is reused, if there is one. */
pwy_status pw_growth_within(struct adding *a, const struct source *s, struct growth *g);
/* Makes clones and way. */
pwy_status pw_growth_give(struct adding *a, const struct source *s, const struct growth *g);
#endif

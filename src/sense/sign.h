/* The signature of a value: what it looks like before any weight has touched it, the same for every task of a sense.
   By signatures a model tells which task an example belongs to (model/which.c), without a pass of the trunk for each.

   A signature is a few dense numbers (length, contrast, levels ...) and up to three bags of hashed items (n-grams,
   words, byte pairs, cells). A bag's item is its bucket, 0 .. PW_SIGN_BUCKETS-1. Nothing in it is fitted. */
#ifndef PW_SIGN_H
#define PW_SIGN_H
#include <math.h>
#include "base/example.h"

enum { PW_SIGN_DENSE = 72, PW_SIGN_BAGS = 3, PW_SIGN_BUCKETS = 8192 };

/* In the order found; one that comes again stands again. */
struct pw_sign_bag { uint16_t *item; int64_t n, cap; };
struct pw_signature {
    struct pw_arena *arena;             /* of items; set by the caller before describe */
    double dense[PW_SIGN_DENSE]; int n_dense;
    struct pw_sign_bag bag[PW_SIGN_BAGS];
};

/* How a sense signs. A sense without one cannot be told from an example. */
struct pw_sign_ops {
    int n_dense, n_bags;
    double weight[PW_SIGN_BAGS];        /* of a bag's log-likelihoods in the ranking: n-grams overlap, so below 1 */
    bool closed;                        /* bag 0 holds facts that a task's rows all share (a table's columns): an item
                                           that its training never had excludes the task */
    /* Adds to an empty signature. A value that encode would refuse may be refused: PWY_E_DATA. */
    pwy_status (*describe)(const struct pw_value *value, struct pw_signature *out);
};
extern const struct pw_sign_ops pw_sign_text, pw_sign_bytes, pw_sign_table, pw_sign_series, pw_sign_image,
    pw_sign_audio;

/* The signature of a value by ops, from nothing; items in `arena`. */
pwy_status pw_sign(const struct pw_sign_ops *ops, const struct pw_value *value, struct pw_arena *arena,
                   struct pw_signature *out);
pwy_status pw_sign_room(struct pw_signature *s, int bag, int64_t n);   /* for n items in all */
/* After pw_sign_room: nothing is added past it. */
void pw_sign_item(struct pw_signature *s, int bag, uint64_t hash);
static inline void pw_sign_number(struct pw_signature *s, double number) { s->dense[s->n_dense++] = number; }
/* The root of a share: it spreads small ones. */
static inline void pw_sign_share(struct pw_signature *s, int64_t part, int64_t whole)
{
    pw_sign_number(s, whole > 0 ? sqrt((double)part / (double)whole) : 0);
}
#endif

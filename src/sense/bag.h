/* Sparse features while they are being counted, and the grams of a text. */
#ifndef PW_BAG_H
#define PW_BAG_H
#include "base/mem.h"
#include "base/real.h"

/* How often each key below 1 << PW_TALLY_BITS was added. Start with {0}; end with pw_tally_free. */
enum { PW_TALLY_BITS = 18 };
struct pw_tally { uint64_t *slot; int64_t cap, n; };               /* key << 32 | count, 0: free */
pwy_status pw_tally_add(struct pw_tally *t, uint32_t key);
/* The entries, keys ascending, n of them at t->slot; nothing can be added after it. */
pwy_status pw_tally_sort(struct pw_tally *t);
void pw_tally_free(struct pw_tally *t);
static inline uint32_t pw_tally_key(uint64_t entry) { return (uint32_t)(entry >> 32); }
static inline uint32_t pw_tally_count(uint64_t entry) { return (uint32_t)entry; }

/* Words and word pairs (key even), character 2- to 5-grams inside words (key odd), lower-cased; key >> 1 is the row: 0
   .. PW_GRAM_ROWS - 1. */
enum { PW_GRAM_ROWS = 65536 };
pwy_status pw_grams(const char *text, int64_t len, struct pw_tally *tally);

/* Natural logarithm of x > 0 by plain operations, so that it has the same bits on every processor. */
double pw_ln(double x);
#endif

/* The nearest word, for messages: by itself, since the program has it too. */
#include "nearest.h"
#include <string.h>

static size_t least(size_t a, size_t b, size_t c)
{
    size_t ab = a < b ? a : b;
    return ab < c ? ab : c;
}

/* Levenshtein's distance, a and b at most 63 bytes. */
static size_t distance(const char *a, size_t n, const char *b, size_t m)
{
    size_t row[64];
    for (size_t j = 0; j <= m; j++)
        row[j] = j;
    for (size_t i = 1; i <= n; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= m; j++) {
            size_t above = row[j];
            row[j] = least(above + 1, row[j - 1] + 1, diagonal + (a[i - 1] != b[j - 1]));
            diagonal = above;
        }
    }
    return row[m];
}

/* Near is: at most a third of the longer word is to change, and a one-letter word is near to none. */
const char *pw_nearest(const char *word, const char *const *words)
{
    const char *best = NULL;
    size_t n = strlen(word), best_distance = 63;
    if (n > 63)
        return NULL;
    for (; *words != NULL; words++) {
        size_t m = strlen(*words), longer = m > n ? m : n;
        size_t d = m > 63 ? 63 : distance(word, n, *words, m);
        if (d < best_distance && (d == 1 ? longer > 1 : 3 * d <= longer + 1)) {
            best = *words;
            best_distance = d;
        }
    }
    return best;
}

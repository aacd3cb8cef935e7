/* The nearest of some words, for messages about one that is not among them. */
#ifndef PW_NEAREST_H
#define PW_NEAREST_H

/* The word of `words` (NULL-terminated) nearest to `word` by edit distance, or NULL when none is near. */
const char *pw_nearest(const char *word, const char *const *words);
#endif

/* Memory: checked allocation, an arena for what lives one step or one call, and a growable buffer. */
#ifndef PW_MEM_H
#define PW_MEM_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/error.h"

/* Zeroed, 64-byte aligned; NULL with PWY_E_NOMEM set, also where count * size would overflow. Free with free(). */
void *pw_calloc(size_t count, size_t size);
void *pw_realloc(void *old, size_t count, size_t size);    /* old stays valid on failure; not aligned beyond malloc's */
char *pw_strdup(const char *text);
char *pw_strndup(const char *text, size_t len);
char *pw_printf(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Blocks that grow as needed; all of it is given back at once. One thread at a time. */
struct pw_arena;
struct pw_arena *pw_arena_new(void);
void pw_arena_free(struct pw_arena *arena);
/* 64-byte aligned, NOT zeroed; NULL with the error set. */
void *pw_arena_take(struct pw_arena *arena, size_t count, size_t size);
void *pw_arena_zero(struct pw_arena *arena, size_t count, size_t size);
size_t pw_arena_mark(const struct pw_arena *arena);                 /* to give back in the order of a stack */
void pw_arena_release(struct pw_arena *arena, size_t mark);
size_t pw_arena_size(const struct pw_arena *arena);                 /* bytes held: the most that was in use at once */
void pw_arena_reset(struct pw_arena *arena);                        /* keeps the memory for the next step */

struct pw_buf { char *data; size_t len, cap; };                     /* start with {0}; end with pw_buf_free */
pwy_status pw_buf_add(struct pw_buf *buf, const void *data, size_t len); /* keeps a NUL behind the data, not counted */
pwy_status pw_buf_printf(struct pw_buf *buf, const char *format, ...) __attribute__((format(printf, 2, 3)));
pwy_status pw_buf_add_json(struct pw_buf *buf, const char *text);   /* in quotes, escaped; UTF-8 stays as it is */
void pw_buf_free(struct pw_buf *buf);

/* Texts and small arrays packed one behind the other, given back all at once; what is taken never moves. One thread at
   a time. NULL with the error set where there is no memory. */
struct pw_words;
struct pw_words *pw_words_new(void);
void pw_words_free(struct pw_words *w);                            /* NULL allowed */
void *pw_words_take(struct pw_words *w, size_t len, size_t align);  /* not zeroed; align: a power of two, at most 16 */
char *pw_words_copy(struct pw_words *w, const char *text, size_t len);   /* with a NUL behind */
const char *pw_words_put(struct pw_words *w, const char *text);    /* the same text may be the same pointer: constant */

/* A map from strings to 64-bit numbers, insertion order kept; keys are copied. */
struct pw_map;
struct pw_map *pw_map_new(void);
void pw_map_free(struct pw_map *map);
int64_t pw_map_find(const struct pw_map *map, const char *key, size_t len);    /* its index (0, 1, ...) or -1 */
int64_t pw_map_add(struct pw_map *map, const char *key, size_t len);   /* the index, old or new; -1: no memory */
int64_t pw_map_count(const struct pw_map *map);
const char *pw_map_key(const struct pw_map *map, int64_t index);               /* NUL-terminated, borrowed */
#endif

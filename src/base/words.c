/* Many small texts and arrays that live as long as their owner: taken from chunks one behind the other, without the
   16 to 80 bytes that an allocation each would cost. A text that came lately is given again. */
#include <stdlib.h>
#include <string.h>
#include "base/mem.h"
#include "base/rng.h"

enum { FIRST_CHUNK = 512, LARGEST_CHUNK = 256 << 10, RECENT = 512 };

struct chunk { struct chunk *before; };

struct pw_words {
    struct chunk *chunk;                /* the last one; each knows the one before */
    char *at; size_t left, next;        /* what is free of it, and how large the next will be */
    const char *recent[RECENT];         /* by hash: the text put last */
};

struct pw_words *pw_words_new(void)
{
    struct pw_words *w = pw_calloc(1, sizeof *w);
    if (w != NULL) w->next = FIRST_CHUNK;
    return w;
}

void pw_words_free(struct pw_words *w)
{
    if (w == NULL) return;
    for (struct chunk *c = w->chunk, *before; c != NULL; c = before) {
        before = c->before;
        free(c);
    }
    free(w);
}

static pwy_status grow(struct pw_words *w, size_t need)
{
    size_t size = need > w->next ? need : w->next;
    struct chunk *c = pw_realloc(NULL, 1, sizeof *c + size);
    PW_NEED(c);
    c->before = w->chunk;
    w->chunk = c;
    w->at = (char *)(c + 1);
    w->left = size;
    w->next = w->next < LARGEST_CHUNK ? 2 * w->next : w->next;
    return PWY_OK;
}

void *pw_words_take(struct pw_words *w, size_t len, size_t align)
{
    size_t skip = (size_t)-(uintptr_t)w->at & (align - 1);
    if (len > PTRDIFF_MAX / 2) {
        pw_fail_nomem(len);
        return NULL;
    }
    if (w->at == NULL || w->left < skip + len) {
        if (grow(w, len + align) != PWY_OK) return NULL;
        skip = (size_t)-(uintptr_t)w->at & (align - 1);
    }
    char *taken = w->at + skip;
    w->at = taken + len;
    w->left -= skip + len;
    return taken;
}

char *pw_words_copy(struct pw_words *w, const char *text, size_t len)
{
    char *copy = pw_words_take(w, len + 1, 1);
    if (copy == NULL) return NULL;
    memcpy(copy, text, len);
    copy[len] = '\0';
    return copy;
}

const char *pw_words_put(struct pw_words *w, const char *text)
{
    size_t len = strlen(text);
    const char **recent = &w->recent[pw_hash(text, len) % RECENT];
    if (*recent != NULL && strcmp(*recent, text) == 0) return *recent;
    const char *copy = pw_words_copy(w, text, len);
    if (copy != NULL) *recent = copy;
    return copy;
}

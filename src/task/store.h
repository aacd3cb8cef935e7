/* What lies behind a registry: slots. A task has its slot from the moment it is added or its file is opened, and
   keeps it; its index, what callers count by, is the slot less the removed ones before it. Slots of files come first,
   then those of tasks added in memory. A file's task is made (its name and kind alone) when it is first asked for,
   and filled (its JSON read) when something of it is needed. */
#ifndef PW_STORE_H
#define PW_STORE_H
#include <pthread.h>
#include "task/record.h"
#include "task/task.h"

enum { PW_PAGE = 1024 };                /* slots of a page: pages come as they are needed, and never move */

struct pw_again { int64_t slot; int segment; int64_t k; };      /* which record speaks of a slot now */

struct pw_store {
    pthread_mutex_t lock;               /* around making and filling: sessions of many threads find tasks */
    struct pw_words *words;             /* tasks, names, labels, parts */
    struct pw_task_segment *segment; int n_segments;
    struct pw_again *again; int64_t n_again;        /* by slot, once each */
    int64_t n_slots, n_mapped;          /* all, and those of segments */
    struct pwy_task ***page; int64_t n_pages;       /* [n_pages][PW_PAGE], atomic; NULL: none made yet */
    int64_t *removed; int64_t n_removed, cap_removed;   /* slots, ascending */
    /* By name, of tasks whose name is in no segment: low half of the hash, slot + 1 (0: free); open addressing. */
    struct pw_name_slot { uint32_t hash, slot; } *index;
    uint64_t n_index, n_used;           /* a power of two or 0 */
    bool renamed;                       /* any: a file's index may then find a task by its old name */
    void *copy;                         /* what segments lie in, where it is the registry's own */
    void *owner; void (*let_go)(void *owner);           /* the same, where it is a file's; NULL: others keep it */
};

static inline int64_t pw_slot_of(const struct pw_store *s, int64_t index)
{
    int64_t low = 0, high = s->n_removed;
    while (low < high) {
        int64_t mid = (low + high) / 2;
        if (s->removed[mid] - mid <= index) low = mid + 1;
        else high = mid;
    }
    return index + low;
}

/* How many removed slots lie before this one; *there: it is one itself. */
static inline int64_t pw_removed_before(const struct pw_store *s, int64_t slot, bool *there)
{
    int64_t low = 0, high = s->n_removed;
    while (low < high) {
        int64_t mid = (low + high) / 2;
        if (s->removed[mid] < slot) low = mid + 1;
        else high = mid;
    }
    *there = low < s->n_removed && s->removed[low] == slot;
    return low;
}

static inline enum pw_state pw_task_state(const struct pwy_task *t)
{
    return !t->trained ? PW_OPEN : t->sealed ? PW_SEALED : PW_TRAINED;
}

/* store.c */
pwy_status pw_store_new(struct pw_store **out);
void pw_store_free(struct pw_store *s);                         /* and its tasks; NULL allowed */
struct pwy_task *pw_store_made(const struct pw_store *s, int64_t slot);          /* NULL: not made yet */
/* A task's memory, zeroed, at a new slot behind the others; the index knows its name. */
pwy_status pw_store_add(struct pw_store *s, const char *name, struct pwy_task **out);
int64_t pw_store_find(const struct pw_store *s, const char *name);               /* a slot that is not removed, or -1 */
pwy_status pw_store_remove(struct pw_store *s, int64_t slot);                    /* frees the task */
pwy_status pw_store_rename(struct pw_store *s, struct pwy_task *t, const char *name);
/* Segment and record that speak of a file's slot. */
void pw_store_where(const struct pw_store *s, int64_t slot, struct pw_again *out);
/* Whether a segment's record k is the one that speaks of a task now, and of which. */
bool pw_store_speaks(const struct pw_store *s, int segment, int64_t k, int64_t *index);
pwy_status pw_store_attach(struct pw_store *s, const struct pw_task_segment_bytes *b);
/* The task of a slot with its name and kind, made if need be. found: pw_store_find gave the slot for its name. */
pwy_status pw_store_task(struct pw_store *s, pwy_registry *r, int64_t slot, bool found, struct pwy_task **out);

/* persist.c */
/* JSON of a task's own settings, and back into a task that has none yet. */
pwy_status pw_task_to_json(const struct pwy_task *t, char **out);
pwy_status pw_task_from_json(struct pwy_task *t, const char *text, size_t len, const char *file);
#endif

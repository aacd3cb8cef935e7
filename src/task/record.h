/* Tasks in a file: a record of fixed size each, an index by name that is searched where it lies, and pools of bytes.
   Nothing here is read before it is needed, and every number is checked before it is used. docs/format.md. */
#ifndef PW_RECORD_H
#define PW_RECORD_H
#include "base/mem.h"

/* Little-endian, as it lies in the file; 96 bytes. */
struct pw_record {
    uint64_t hash;                      /* pw_hash of the name */
    uint64_t name_at, text_at;          /* in the names; in the texts: the task's JSON, and its senses' behind it */
    uint32_t name_len;                  /* a NUL follows */
    uint32_t task_len, senses_len;
    uint32_t senses;                    /* bit i: a part goes through sense i (pw_sense_bit) */
    uint16_t kind;                      /* pwy_task_kind */
    uint8_t state;                      /* enum pw_state */
    uint8_t flags;
    uint32_t zero;
    uint8_t digest[32];                 /* of the sealed task; zeros: none */
    uint8_t room[16];
};
_Static_assert(sizeof(struct pw_record) == 96, "a record has 96 bytes in the file");
enum pw_state { PW_OPEN, PW_TRAINED, PW_SEALED };
/* In a delta, whose first records speak of tasks before it: this one replaces that of its name, or removes it. */
enum { PW_RECORD_AGAIN = 1, PW_RECORD_GONE = 2 };

struct pw_bytes { const void *data; size_t len; };
/* One file's tasks, as tensors: records (n, 96) u8; index (slots, 2) u32: hash >> 32 and record + 1, open addressing
   from hash modulo slots, a power of two; names and texts u8; labels (m, 2) u32: low 32 bits of a label's hash and the
   record, sorted. */
struct pw_task_segment_bytes { struct pw_bytes records, index, names, texts, labels; const char *name; };

struct pw_task_segment {
    struct pw_task_segment_bytes b;
    char *name;                         /* of the file, for messages; owned */
    int64_t n; uint64_t n_slots; int64_t n_labels;
    int64_t first;                      /* registry's slot of the first record that is no AGAIN */
    int64_t n_again, *again;            /* [n_again] slots of the tasks that the first records speak of; owned */
};
/* Sizes alone: costs nothing however many tasks there are. */
pwy_status pw_task_segment_open(const struct pw_task_segment_bytes *b, struct pw_task_segment *out);
void pw_task_segment_close(struct pw_task_segment *s);
/* The record, with its places checked. */
pwy_status pw_task_segment_read(const struct pw_task_segment *s, int64_t k, struct pw_record *out);
void pw_task_segment_look(const struct pw_task_segment *s, int64_t k, struct pw_record *out);   /* nothing checked */
/* The record of a name, or -1. */
int64_t pw_task_segment_find(const struct pw_task_segment *s, const char *name, size_t len, uint64_t hash);
const char *pw_task_segment_name(const struct pw_task_segment *s, const struct pw_record *r);   /* r was checked */
uint32_t pw_sense_bit(const char *sense);                          /* 1 << its number in the format; the last: other */

/* The same being written. */
struct pw_image { struct pw_buf records, index, names, texts, labels; int64_t n; };
/* Puts name, texts and their places; senses may be empty. r's other fields are the caller's. */
pwy_status pw_image_add(struct pw_image *im, const char *name, struct pw_record *r, struct pw_bytes task,
                        struct pw_bytes senses);
pwy_status pw_image_label(struct pw_image *im, uint32_t hash, int64_t record);
pwy_status pw_image_finish(struct pw_image *im);                   /* sorts the labels, makes the index */
struct pw_task_segment_bytes pw_image_bytes(const struct pw_image *im); /* borrowed from im */
void pw_image_free(struct pw_image *im);
#endif

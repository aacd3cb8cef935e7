/* The JSON of a safetensors header, read without a tree: straight into tensors and metadata. */
#ifndef PW_HEADER_H
#define PW_HEADER_H
#include "file/file.h"

/* Fills out's list and padding (in the order of the header, offsets checked against out->len), texts, metadata and
   digest_at; out's file, len and header_len stand already. name: in messages. */
pwy_status pw_header_read(struct pw_tensors *out, const char *name);
/* A dtype by its name; false: none. */
bool pw_dtype_find(const char *name, enum pw_dtype *out);

/* --- json text, scan.c --- */
/* text: where the next text is unpacked to; 8 bytes more than the JSON's are needed there. */
struct pw_scan { const char *name, *begin, *at, *end; char *text; };
pwy_status pw_scan_fail(const struct pw_scan *s, const char *why);      /* PWY_E_FORMAT with the place */
bool pw_scan_take(struct pw_scan *s, char c);                           /* blanks, then c: over it, or as it was */
char pw_scan_peek(struct pw_scan *s);                                   /* the next but blanks; 0: the end */
/* A text, unpacked to s->text with a NUL behind; s->text moves on. */
pwy_status pw_scan_text(struct pw_scan *s, char **out);
/* *whole: it has neither fraction nor exponent; else *out is not set. */
pwy_status pw_scan_number(struct pw_scan *s, int64_t *out, bool *whole);
pwy_status pw_scan_skip(struct pw_scan *s, int depth);                  /* any value; s->text stays as it is */
/* One step through a map or list that is open: false at its end. first: set before the first step. */
pwy_status pw_scan_next(struct pw_scan *s, char close, bool *first, bool *more);
#endif

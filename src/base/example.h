/* One example as the readers make it and the senses take it: named parts and a target. Behind pwy_example. */
#ifndef PW_EXAMPLE_H
#define PW_EXAMPLE_H
#include <stdbool.h>
#include <stdint.h>
#include "base/error.h"
#include "base/mem.h"
#include "pathways/example.h"

enum pw_value_type { PW_VALUE_NONE, PW_VALUE_TEXT, PW_VALUE_BYTES, PW_VALUE_IMAGE, PW_VALUE_AUDIO, PW_VALUE_VIDEO,
    PW_VALUE_ROW, PW_VALUE_SERIES };

/* text NULL and not a number: missing. A text that reads as a number is still kept as text */
struct pw_cell { const char *column, *text; double number; bool is_number; };

struct pw_value {                       /* all pointers live in the example's arena */
    enum pw_value_type type;
    const char *text; int64_t len;              /* TEXT (UTF-8, NUL behind it), BYTES (len bytes at text) */
    const uint8_t *pixels;   /* IMAGE (height, width, channels), VIDEO (frames, height, width, channels), 0..255 */
    int64_t frames, height, width, channels;
    const float *samples;   /* AUDIO (steps, channels) in -1..1 at `rate` Hz; SERIES (steps, channels), NaN = missing */
    int64_t steps; double rate;                 /* `channels` as above */
    const struct pw_cell *cells; int64_t n_cells;   /* ROW */
};

enum pw_target_type { PW_TARGET_NONE, PW_TARGET_LABELS, PW_TARGET_NUMBER, PW_TARGET_TEXT };

struct pw_part { const char *name; struct pw_value value; };
struct pwy_example {
    struct pw_arena *arena;             /* owns every text, pixel and sample; emptied by pw_example_clear */
    struct pw_part *parts; int n_parts;
    enum pw_target_type target_type;
    const char **labels; int n_labels;  /* one for classify */
    double number;
    const char *target_text;
    const char *file; int64_t line;     /* where it was read, for messages; line 0: the file as a whole */
};
pwy_example *pw_example_make(void);
void pw_example_release(pwy_example *ex);
void pw_example_clear(pwy_example *ex);
/* The value of a part, added when it was not there (type NONE); NULL: no memory. The pointer holds until the next call
   that adds a part. */
struct pw_value *pw_example_part(pwy_example *ex, const char *name);
const struct pw_value *pw_example_find(const pwy_example *ex, const char *name);    /* NULL: not there */
/* Each copies into the arena. */
pwy_status pw_example_add_label(pwy_example *ex, const char *label, int64_t len);
/* checks UTF-8 and empty */
pwy_status pw_value_set_text(pwy_example *ex, struct pw_value *value, const char *text, int64_t len);
pwy_status pw_value_set_bytes(pwy_example *ex, struct pw_value *value, const void *data, int64_t len);
/* c 1..4 */
pwy_status pw_value_set_image(pwy_example *ex, struct pw_value *value, const uint8_t *pixels, int64_t h, int64_t w,
                              int64_t c);
pwy_status pw_value_set_audio(pwy_example *ex, struct pw_value *value, const float *samples, int64_t steps,
                              int64_t channels, double rate);
pwy_status pw_value_set_series(pwy_example *ex, struct pw_value *value, const float *samples, int64_t steps,
                               int64_t channels);
pwy_status pw_value_set_video(pwy_example *ex, struct pw_value *value, const uint8_t *pixels, int64_t frames,
                              int64_t h, int64_t w, int64_t c);
/* text NULL: missing; tries to read a number */
pwy_status pw_value_add_cell(pwy_example *ex, struct pw_value *value, const char *column, const char *text,
                             int64_t len);
/* NaN: missing */
pwy_status pw_value_add_number(pwy_example *ex, struct pw_value *value, const char *column, double number);
#endif

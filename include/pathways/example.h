/**
 * @file pathways/example.h
 * One input, with or without its target: named parts, each through one sense.
 *
 * A part's name is the task's (pwy_task_add_part). Setting a part again replaces it; a part that is not set is missing.
 * What cannot be learned from (empty, NaN, sizes below 1) is PWY_E_DATA, and the part stays as it was.
 */
#ifndef PATHWAYS_EXAMPLE_H
#define PATHWAYS_EXAMPLE_H
#include <pathways/status.h>

#ifdef __cplusplus
extern "C" {
#endif

/** One example. One thread at a time; several may read one that nobody changes. Everything that is set is copied. */
typedef struct pwy_example pwy_example;

/** Empty; the caller frees it. @since 0.1 */
PWY_API pwy_status pwy_example_new(pwy_example **out);
/** NULL allowed. @since 0.1 */
PWY_API void pwy_example_free(pwy_example *example);
/** Back to empty, memory kept: for a loop over many. @since 0.1 */
PWY_API void pwy_example_clear(pwy_example *example);

/** A text part, UTF-8; len in bytes, or -1: up to the NUL. An empty text or broken UTF-8 is PWY_E_DATA, with the place
 *  of the byte. @since 0.1 */
PWY_API pwy_status pwy_example_set_text(pwy_example *example, const char *part, const char *text, int64_t len);
/** Raw bytes, at least one. @since 0.1 */
PWY_API pwy_status pwy_example_set_bytes(pwy_example *example, const char *part, const void *data, int64_t len);
/** A picture: pixels (height, width, channels) of 0..255, rows from the top; channels 1 grey, 2 grey and alpha, 3 RGB,
 *  4 RGBA. @since 0.1 */
PWY_API pwy_status pwy_example_set_image(pwy_example *example, const char *part, const uint8_t *pixels,
                                         int64_t height, int64_t width, int64_t channels);
/** A sound: samples (steps, channels) in -1..1 at rate Hz. NaN and infinity are PWY_E_DATA. @since 0.1 */
PWY_API pwy_status pwy_example_set_audio(pwy_example *example, const char *part, const float *samples, int64_t steps,
                                         int64_t channels, double rate);
/** A series: samples (steps, channels) in any unit, NaN for a missing value; infinity is PWY_E_DATA. @since 0.1 */
PWY_API pwy_status pwy_example_set_series(pwy_example *example, const char *part, const float *samples, int64_t steps,
                                          int64_t channels);
/** A video: pixels (frames, height, width, channels), as of a picture. No sense takes one yet. @since 0.1 */
PWY_API pwy_status pwy_example_set_video(pwy_example *example, const char *part, const uint8_t *pixels, int64_t frames,
                                         int64_t height, int64_t width, int64_t channels);
/** One cell of a table row: text (read as a number where it is one), NULL for missing. Columns may come in any
 *  order; those left out are missing. @since 0.1 */
PWY_API pwy_status pwy_example_set_cell(pwy_example *example, const char *part, const char *column, const char *text);
/** The same from a number; NaN: missing. @since 0.1 */
PWY_API pwy_status pwy_example_set_cell_number(pwy_example *example, const char *part, const char *column,
                                               double number);

/** The target of classify: replaces what target there was. @since 0.1 */
PWY_API pwy_status pwy_example_set_label(pwy_example *example, const char *label);
/** One more target of multilabel. @since 0.1 */
PWY_API pwy_status pwy_example_add_label(pwy_example *example, const char *label);
/** The target of regress, in its own unit; finite. @since 0.1 */
PWY_API pwy_status pwy_example_set_number(pwy_example *example, double number);
/** The target of generate: UTF-8; len in bytes, or -1: up to the NUL. @since 0.1 */
PWY_API pwy_status pwy_example_set_target_text(pwy_example *example, const char *text, int64_t len);

#ifdef __cplusplus
}
#endif
#endif

/**
 * @file pathways/example.h
 * One input, with or without its target: named parts, each through one sense.
 */
#ifndef PATHWAYS_EXAMPLE_H
#define PATHWAYS_EXAMPLE_H
#include <pathways/status.h>

#ifdef __cplusplus
extern "C" {
#endif

/** One example. One thread at a time. Everything that is set is copied. */
typedef struct pwy_example pwy_example;

PWY_API pwy_status pwy_example_new(pwy_example **out);             /**< Empty; the caller frees it. @since 0.1 */
PWY_API void pwy_example_free(pwy_example *example);               /**< NULL allowed. @since 0.1 */
PWY_API void pwy_example_clear(pwy_example *example);              /**< Back to empty, memory kept. @since 0.1 */

/** A text part, UTF-8; len in bytes, or -1: up to the NUL. An empty text or broken UTF-8 is PWY_E_DATA. @since 0.1 */
PWY_API pwy_status pwy_example_set_text(pwy_example *example, const char *part, const char *text, int64_t len);
/** Raw bytes. @since 0.1 */
PWY_API pwy_status pwy_example_set_bytes(pwy_example *example, const char *part, const void *data, int64_t len);
/** A picture: pixels (height, width, channels) of 0..255, rows from the top; channels 1 grey, 2 grey and alpha, 3 RGB, 4 RGBA. @since 0.1 */
PWY_API pwy_status pwy_example_set_image(pwy_example *example, const char *part, const uint8_t *pixels, int64_t height, int64_t width, int64_t channels);
/** A sound: samples (steps, channels) in -1..1 at rate Hz. NaN is PWY_E_DATA. @since 0.1 */
PWY_API pwy_status pwy_example_set_audio(pwy_example *example, const char *part, const float *samples, int64_t steps, int64_t channels, double rate);
/** A series: samples (steps, channels), NaN for a missing value. @since 0.1 */
PWY_API pwy_status pwy_example_set_series(pwy_example *example, const char *part, const float *samples, int64_t steps, int64_t channels);
/** A video: pixels (frames, height, width, channels). @since 0.1 */
PWY_API pwy_status pwy_example_set_video(pwy_example *example, const char *part, const uint8_t *pixels, int64_t frames, int64_t height, int64_t width, int64_t channels);
/** One cell of a table row: text (read as a number where it is one), NULL for missing. Columns may come in any order. @since 0.1 */
PWY_API pwy_status pwy_example_set_cell(pwy_example *example, const char *part, const char *column, const char *text);
PWY_API pwy_status pwy_example_set_cell_number(pwy_example *example, const char *part, const char *column, double number);  /**< NaN: missing. @since 0.1 */

PWY_API pwy_status pwy_example_set_label(pwy_example *example, const char *label);    /**< The target of classify: replaces. @since 0.1 */
PWY_API pwy_status pwy_example_add_label(pwy_example *example, const char *label);    /**< One more target of multilabel. @since 0.1 */
PWY_API pwy_status pwy_example_set_number(pwy_example *example, double number);       /**< The target of regress; finite. @since 0.1 */
PWY_API pwy_status pwy_example_set_target_text(pwy_example *example, const char *text, int64_t len);  /**< The target of generate. @since 0.1 */

#ifdef __cplusplus
}
#endif
#endif

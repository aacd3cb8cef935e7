/**
 * @file pathways/options.h
 * Settings by name, so that they can grow without a break.
 */
#ifndef PATHWAYS_OPTIONS_H
#define PATHWAYS_OPTIONS_H
#include <pathways/status.h>

#ifdef __cplusplus
extern "C" {
#endif

/** A map of settings. Not to be changed by two threads at once. Whoever takes options copies what it needs of them, and
 *  checks them: an unknown name is PWY_E_ARGUMENT with the nearest one, a value out of range names the range. */
typedef struct pwy_options pwy_options;

/** An empty map. The caller frees it. @since 0.1 */
PWY_API pwy_status pwy_options_new(pwy_options **out);
/** A map from YAML in flow or block form, as in a recipe: "d: 128, layers: 4". PWY_E_FORMAT names the line.
 *  @since 0.1 */
PWY_API pwy_status pwy_options_parse(const char *text, pwy_options **out);
/** Set one value; the name is checked by whoever takes the options, who knows what is right. Copied. @since 0.1 */
PWY_API pwy_status pwy_options_set(pwy_options *options, const char *name, const char *value);
/** The same for a whole number. @since 0.1 */
PWY_API pwy_status pwy_options_set_int(pwy_options *options, const char *name, int64_t value);
/** The same for a number; finite, else PWY_E_ARGUMENT. Without the locale. @since 0.1 */
PWY_API pwy_status pwy_options_set_number(pwy_options *options, const char *name, double value);
/** The same for a flag: 0 is false, all else true. @since 0.1 */
PWY_API pwy_status pwy_options_set_flag(pwy_options *options, const char *name, int value);
/** Takes one away, where it was set. @since 0.1 */
PWY_API pwy_status pwy_options_unset(pwy_options *options, const char *name);
/** Copies every setting of `from` over those of the same name; NULL: none. @since 0.1 */
PWY_API pwy_status pwy_options_merge(pwy_options *options, const pwy_options *from);
/** NULL allowed. @since 0.1 */
PWY_API void pwy_options_free(pwy_options *options);

#ifdef __cplusplus
}
#endif
#endif

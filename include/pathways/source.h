/**
 * @file pathways/source.h
 * Examples by number: from files of the usual formats (pwy_task_read), memory, or a callback.
 */
#ifndef PATHWAYS_SOURCE_H
#define PATHWAYS_SOURCE_H
#include <pathways/status.h>
#include <pathways/options.h>
#include <pathways/example.h>
#include <pathways/context.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Examples by number. Counted; one thread at a time. One over files holds at most 16 bytes a row in memory. */
typedef struct pwy_source pwy_source;
/** Fills a cleared example with row index (0 .. n-1); the same index gives the same example. Runs on the thread that
 *  called in. Not PWY_OK: PWY_E_DATA skips the row, all else stops. */
typedef pwy_status (*pwy_source_fn)(int64_t index, pwy_example *example, void *user);

/** An empty source in memory; pwy_source_append copies examples into it. @since 0.1 */
PWY_API pwy_status pwy_source_new(pwy_context *context, pwy_source **out);
/** One more row, copied with its target. Only for pwy_source_new's: else PWY_E_STATE. @since 0.1 */
PWY_API pwy_status pwy_source_append(pwy_source *source, const pwy_example *example);
/** A source of n rows that calls a function for each. @since 0.1 */
PWY_API pwy_status pwy_source_from_function(pwy_context *context, int64_t n, pwy_source_fn fn, void *user,
                                            pwy_destroy_fn destroy, pwy_source **out);
/** Rows, bad ones included. @since 0.1 */
PWY_API int64_t pwy_source_count(const pwy_source *source);
/** Row index into example, which is cleared first. PWY_E_DATA: a bad row, with its file and line; the source stays
 *  usable. PWY_E_ARGUMENT: no such row. @since 0.1 */
PWY_API pwy_status pwy_source_read(pwy_source *source, int64_t index, pwy_example *example);
/** Lets go; NULL allowed. @since 0.1 */
PWY_API void pwy_source_free(pwy_source *source);

#ifdef __cplusplus
}
#endif
#endif

/**
 * @file pathways/version.h
 * Which library this is.
 */
#ifndef PATHWAYS_VERSION_H
#define PATHWAYS_VERSION_H
#include <pathways/status.h>

#ifdef __cplusplus
extern "C" {
#endif

/** "0.1.0" of the library that runs. Borrowed for ever. Any thread. @since 0.1 */
PWY_API const char *pwy_version(void);
/** What this build has, words between blanks: "openblas libffi avx2 avx512". Borrowed for ever. Any thread.
 *  @since 0.1 */
PWY_API const char *pwy_features(void);

#ifdef __cplusplus
}
#endif
#endif

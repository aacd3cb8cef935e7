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

PWY_API const char *pwy_version(void);                             /**< "0.1.0" of the library that runs. Borrowed for ever. @since 0.1 */
PWY_API const char *pwy_features(void);                            /**< What this build has: "openblas libffi". Borrowed for ever. @since 0.1 */

#ifdef __cplusplus
}
#endif
#endif

/**
 * @file pathways/status.h
 * What a call that can fail returns, and the thread's last error.
 *
 * Every such call returns a ::pwy_status and leaves its outputs untouched on failure. The message of the thread's last
 * failure says what was wrong, with which value, and what would be right.
 */
#ifndef PATHWAYS_STATUS_H
#define PATHWAYS_STATUS_H
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#ifndef PWY_API
#define PWY_API __attribute__((visibility("default")))
#endif

/** Status codes: spaced, never renumbered, never reused. @since 0.1 */
typedef enum pwy_status {
    PWY_OK            = 0,
    PWY_E_ARGUMENT    = 10,   /**< an argument or option is out of range, unknown or NULL */
    PWY_E_STATE       = 20,   /**< the object cannot do that now (predict before training, read without a source) */
    PWY_E_NOT_FOUND   = 30,   /**< no task, part, label, file of that name */
    PWY_E_EXISTS      = 40,   /**< that name is taken */
    PWY_E_IO          = 50,   /**< the system refused to read or write */
    PWY_E_FORMAT      = 60,   /**< a file is not what it claims to be, or is cut short */
    PWY_E_DATA        = 70,   /**< one row or example is bad: an unknown label, NaN, an empty text */
    PWY_E_UNSUPPORTED = 80,   /**< understood, but this build or this model cannot do it */
    PWY_E_NOMEM       = 90,   /**< out of memory */
    PWY_E_CANCELLED   = 100,  /**< stopped by pwy_trainer_cancel or by a callback */
    PWY_E_LIMIT       = 110,  /**< a limit that the caller set was passed (max_bad_rows) */
    PWY_E_CALLBACK    = 120   /**< a function given by the caller failed */
} pwy_status;

/** The name of a status, "PWY_E_DATA"; "PWY_?" for a number that is none. Borrowed for ever. Any thread. @since 0.1 */
PWY_API const char *pwy_status_name(pwy_status status);

/** The message of this thread's last failed call, "" when there was none.
 *  Borrowed until the next pwy_ call on this thread. @since 0.1 */
PWY_API const char *pwy_error_message(void);

/** The last error as an object that outlives other calls. */
typedef struct pwy_error pwy_error;

/** Takes a copy of this thread's last error; NULL when there was none or no memory. The caller frees it.
 *  @since 0.1 */
PWY_API pwy_error *pwy_error_last(void);
PWY_API pwy_status pwy_error_status(const pwy_error *error);       /**< @since 0.1 */
PWY_API const char *pwy_error_text(const pwy_error *error);        /**< borrowed from error. @since 0.1 */
PWY_API const char *pwy_error_file(const pwy_error *error);        /**< the file it is about, or NULL. @since 0.1 */
PWY_API int64_t pwy_error_line(const pwy_error *error);            /**< the line there, from 1, or 0. @since 0.1 */
PWY_API const char *pwy_error_task(const pwy_error *error);        /**< the task it is about, or NULL. @since 0.1 */
PWY_API void pwy_error_free(pwy_error *error);                     /**< NULL allowed. @since 0.1 */

/** Frees a text or block that a function gave to the caller ("the caller's"). NULL allowed. @since 0.1 */
PWY_API void pwy_text_free(char *text);

/** Ends the life of a callback's user data; called exactly once, also when the call that took it failed. */
typedef void (*pwy_destroy_fn)(void *user);

#ifdef __cplusplus
}
#endif
#endif

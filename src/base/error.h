/* The thread's last error, and the two macros that pass one on. Public half: pathways/status.h. */
#ifndef PW_ERROR_H
#define PW_ERROR_H
#include "base/nearest.h"
#include "pathways/status.h"

/* Records status and message as the thread's last error; returns status, so that a caller can `return pw_fail(...)`.
   The message names the thing, the value and what would be right; no newline, no final stop. */
pwy_status pw_fail(pwy_status status, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* The same, with the place in a file (line 0: the file as a whole); the text becomes "file:line: message". */
pwy_status pw_fail_at(pwy_status status, const char *file, long line, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
/* Puts "task 'NAME': " before the last error's message and NAME into the error object. Returns the error's status. */
pwy_status pw_fail_task(const char *task);
/* Out of memory for `bytes`: sets PWY_E_NOMEM. */
pwy_status pw_fail_nomem(size_t bytes);

#define PW_TRY(call) do { pwy_status status_ = (call); if (status_ != PWY_OK) return status_; } while (0)
/* For a pointer that an allocator has given: it has set the error. */
#define PW_NEED(pointer) do { if ((pointer) == NULL) return PWY_E_NOMEM; } while (0)
#endif

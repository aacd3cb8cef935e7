/**
 * @file pathways/closure.h
 * C function pointers from functions of a script (libffi): how bindings pass callbacks.
 */
#ifndef PATHWAYS_CLOSURE_H
#define PATHWAYS_CLOSURE_H
#include <pathways/status.h>

#ifdef __cplusplus
extern "C" {
#endif

/** A native function that calls a handler with its arguments. One thread at a time. */
typedef struct pwy_closure pwy_closure;
/** args: pointers to the arguments in order; ret: where a result of its type goes (a zeroed word, so a narrow integer
 *  has room), NULL for void. */
typedef void (*pwy_closure_handler)(void *const *args, void *ret, void *user);

/** A function of this signature: result, then at most 32 arguments: `v` void (a result only), `i` int32, `l` int64,
 *  `d` double, `p` pointer, `s` text; "ipp": int32 f(void *, void *). PWY_E_UNSUPPORTED where the system lets nobody
 *  make functions at run time. @since 0.1 */
PWY_API pwy_status pwy_closure_new(const char *signature, pwy_closure_handler handler, void *user,
                                   pwy_destroy_fn destroy, pwy_closure **out);
/** The function to pass; cast it to the callback's type. Valid until the closure is freed. @since 0.1 */
PWY_API void *pwy_closure_function(const pwy_closure *closure);
/** NULL allowed. As a pwy_destroy_fn it ends a callback's life. @since 0.1 */
PWY_API void pwy_closure_free(pwy_closure *closure);

#ifdef __cplusplus
}
#endif
#endif

/* pathways/closure.h: native functions made at run time. The only file that knows libffi. */
#include <ffi.h>
#include <stdlib.h>
#include <string.h>
#include "base/mem.h"
#include "pathways/closure.h"

enum { MAX_ARGUMENTS = 32 };

struct pwy_closure {
    ffi_closure *code;                      /* where libffi writes the function */
    void *function;                         /* where it is called: not always the same address */
    ffi_cif cif;
    ffi_type *args[MAX_ARGUMENTS];
    char result;
    pwy_closure_handler handler;
    void *user;
    pwy_destroy_fn destroy;
};

/* The letters of a signature; v is a result only. */
static ffi_type *type_of(char letter)
{
    switch (letter) {
    case 'v': return &ffi_type_void;
    case 'i': return &ffi_type_sint32;
    case 'l': return &ffi_type_sint64;
    case 'd': return &ffi_type_double;
    case 'p':
    case 's': return &ffi_type_pointer;
    default: return NULL;
    }
}

/* libffi takes a narrow integer result as a whole ffi_arg: the handler gets a zeroed word of its own, of which an int32
   is read where a handler puts it, and widened with its sign. */
static void call(ffi_cif *cif, void *ret, void **args, void *user)
{
    const pwy_closure *closure = user;
    union { int32_t narrow; int64_t word; double number; void *pointer; } room = {.word = 0};
    (void)cif;
    closure->handler(args, closure->result == 'v' ? NULL : &room, closure->user);
    switch (closure->result) {
    case 'i': *(ffi_sarg *)ret = room.narrow; break;
    case 'l': *(int64_t *)ret = room.word; break;
    case 'd': *(double *)ret = room.number; break;
    case 'p':
    case 's': *(void **)ret = room.pointer; break;
    default: break;
    }
}

static pwy_status parse(const char *signature, pwy_closure *closure)
{
    size_t n = strlen(signature);
    if (n == 0) return pw_fail(PWY_E_ARGUMENT, "the signature is empty; \"v\" is void f(void)");
    if (n - 1 > MAX_ARGUMENTS)
        return pw_fail(PWY_E_ARGUMENT, "signature \"%.40s\": %zu arguments; at most %d are right", signature, n - 1,
                       MAX_ARGUMENTS);
    for (size_t i = 0; i < n; i++) {
        ffi_type *type = type_of(signature[i]);
        if (type == NULL || (i > 0 && signature[i] == 'v'))
            return pw_fail(PWY_E_ARGUMENT, "signature \"%s\": '%c' at %zu; i, l, d, p, s are right, v as a result",
                           signature, signature[i], i + 1);
        if (i > 0) closure->args[i - 1] = type;
    }
    closure->result = signature[0];
    if (ffi_prep_cif(&closure->cif, FFI_DEFAULT_ABI, (unsigned)n - 1, type_of(signature[0]), closure->args) == FFI_OK)
        return PWY_OK;
    return pw_fail(PWY_E_UNSUPPORTED, "libffi cannot make a function of signature \"%s\" here", signature);
}

static pwy_status build(const char *signature, pwy_closure *closure)
{
    PW_TRY(parse(signature, closure));
    closure->code = ffi_closure_alloc(sizeof *closure->code, &closure->function);
    if (closure->code == NULL)
        return pw_fail(PWY_E_UNSUPPORTED, "libffi cannot make functions here: it gets no memory to run code from");
    if (ffi_prep_closure_loc(closure->code, &closure->cif, call, closure, closure->function) == FFI_OK) return PWY_OK;
    return pw_fail(PWY_E_UNSUPPORTED, "libffi cannot make a function of signature \"%s\" here", signature);
}

static pwy_status make(const char *signature, pwy_closure_handler handler, pwy_closure **out)
{
    pwy_closure *closure;
    if (signature == NULL || handler == NULL || out == NULL)
        return pw_fail(PWY_E_ARGUMENT, "pwy_closure_new: %s is NULL",
                       signature == NULL ? "signature" : handler == NULL ? "handler" : "out");
    PW_NEED(closure = pw_calloc(1, sizeof *closure));
    closure->handler = handler;
    pwy_status status = build(signature, closure);
    if (status == PWY_OK) *out = closure;
    else pwy_closure_free(closure);
    return status;
}

/* The user's data ends here too when no closure comes to be. */
pwy_status pwy_closure_new(const char *signature, pwy_closure_handler handler, void *user, pwy_destroy_fn destroy,
                           pwy_closure **out)
{
    pwy_closure *closure = NULL;
    pwy_status status = make(signature, handler, out != NULL ? &closure : NULL);
    if (status != PWY_OK) {
        if (destroy != NULL) destroy(user);
        return status;
    }
    closure->user = user;
    closure->destroy = destroy;
    *out = closure;
    return PWY_OK;
}

void *pwy_closure_function(const pwy_closure *closure)
{
    return closure != NULL ? closure->function : NULL;
}

void pwy_closure_free(pwy_closure *closure)
{
    if (closure == NULL) return;
    if (closure->code != NULL) ffi_closure_free(closure->code);
    if (closure->destroy != NULL) closure->destroy(closure->user);
    free(closure);
}

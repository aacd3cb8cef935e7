/* What every exported function does first. */
#ifndef PW_CHECK_H
#define PW_CHECK_H
#include "base/error.h"
/* Fails with the argument's name when it is NULL. */
#define PW_GIVEN(argument) \
    do { \
        if ((argument) == NULL) return pw_fail(PWY_E_ARGUMENT, "%s: %s is NULL", __func__, #argument); \
    } while (0)
#endif

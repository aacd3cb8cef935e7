/* Which library this is, and what its build has. */
#ifdef HAVE_CONFIG_H
#include <config.h>
#endif
#include "pathways/version.h"

#ifndef PACKAGE_VERSION
#define PACKAGE_VERSION "0.1.0"         /* a build by hand */
#endif

const char *pwy_version(void)
{
    return PACKAGE_VERSION;
}

const char *pwy_features(void)
{
#ifdef __x86_64__
    return "openblas libffi avx2 avx512";
#else
    return "openblas libffi";
#endif
}

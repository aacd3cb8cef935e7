/* The floating-point mode of the calling thread. Results must not hang on what the host has set (flush to zero, another
   rounding): a call that computes does so in the default mode, and gives the host's back. */
#ifndef PW_FPMODE_H
#define PW_FPMODE_H
#include <fenv.h>

static inline void pw_fp_enter(fenv_t *host)
{
    fegetenv(host);
    fesetenv(FE_DFL_ENV);
}

static inline void pw_fp_leave(const fenv_t *host)
{
    fesetenv(host);
}
#endif

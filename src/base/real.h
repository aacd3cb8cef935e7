/* The number the networks compute with: float in the library, double in the build that checks gradients. */
#ifndef PW_REAL_H
#define PW_REAL_H
#include <math.h>

#ifdef PATHWAYS_DOUBLE
typedef double real;
#define pw_fma fma
#define pw_sqrt sqrt
#else
typedef float real;
#define pw_fma fmaf
#define pw_sqrt sqrtf
#endif
#endif

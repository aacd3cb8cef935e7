/* What this processor can do, asked once and kept by the caller. */
#ifndef PW_CPU_H
#define PW_CPU_H
#include <stdbool.h>
struct pw_cpu { bool avx2_fma, avx512, avx512_bf16, amx_bf16; };   /* with the operating system's support */
struct pw_cpu pw_cpu_detect(void);
#endif

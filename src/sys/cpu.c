/* What the processor has and the operating system keeps across a switch of threads. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE                     /* syscall */
#endif
#include "sys/cpu.h"

#if defined __x86_64__
#include <cpuid.h>
#ifdef __linux__
#include <sys/syscall.h>
#include <unistd.h>
#endif

enum { XCR0_AVX = 0x6, XCR0_AVX512 = 0xE6, XCR0_AMX = 0x60000 };

static unsigned enabled_states(void)
{
    unsigned a, b, c, d, low, high;
    if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & bit_OSXSAVE))
        return 0;
    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return low;
}

/* Linux gives the tiles' registers to processes that ask for them. To ask again does nothing. */
static bool may_use_tiles(void)
{
#ifdef SYS_arch_prctl
    enum { ARCH_REQ_XCOMP_PERM = 0x1023, XTILEDATA = 18 };
    return syscall(SYS_arch_prctl, ARCH_REQ_XCOMP_PERM, XTILEDATA) == 0;
#else
    return false;
#endif
}

struct pw_cpu pw_cpu_detect(void)
{
    unsigned a, b1, c1, d, b7 = 0, c7, d7 = 0, a71 = 0, most, xcr0 = enabled_states();
    struct pw_cpu cpu = { false, false, false, false };
    if (!__get_cpuid(1, &a, &b1, &c1, &d) || !__get_cpuid_count(7, 0, &most, &b7, &c7, &d7))
        return cpu;
    if (most >= 1)
        __get_cpuid_count(7, 1, &a71, &b1, &c7, &d);
    unsigned wanted = bit_AVX512F | bit_AVX512BW | bit_AVX512DQ | bit_AVX512VL;
    cpu.avx2_fma = (xcr0 & XCR0_AVX) == XCR0_AVX && (b7 & bit_AVX2) && (c1 & bit_FMA);
    cpu.avx512 = cpu.avx2_fma && (xcr0 & XCR0_AVX512) == XCR0_AVX512 && (b7 & wanted) == wanted;
    cpu.avx512_bf16 = cpu.avx512 && (a71 & 1u << 5);
    cpu.amx_bf16 = (xcr0 & XCR0_AMX) == XCR0_AMX && (d7 & 1u << 24) && (d7 & 1u << 22) && may_use_tiles();
    return cpu;
}
#else
struct pw_cpu pw_cpu_detect(void)
{
    return (struct pw_cpu){ false, false, false, false };
}
#endif

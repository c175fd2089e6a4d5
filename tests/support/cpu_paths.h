/* cpu_paths: which of the texts for wider vectors this machine can run. */
#ifndef TENOR_TEST_CPU_PATHS_H
#define TENOR_TEST_CPU_PATHS_H

#include "tenor/base.h"

static inline uint32_t runnable_paths(enum tn_cpu paths[3])
{
    uint32_t count = 0;
    paths[count++] = TN_CPU_BASE;
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx2")) paths[count++] = TN_CPU_AVX2;
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq"))
        paths[count++] = TN_CPU_AVX512;
#endif
    return count;
}

#endif

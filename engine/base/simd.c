/* engine/base/simd.c - the level of vector instructions: asked of the processor once. */
#include "engine/base/simd.h"

#include <string.h>

_Atomic int simd_state;

static enum simd possible(void)
{
#if defined(__GNUC__) && defined(__x86_64__)
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
        __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") &&
        __builtin_cpu_supports("avx512cd"))
        return SIMD_AVX512;
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
        __builtin_cpu_supports("bmi2"))
        return SIMD_AVX2;
#endif
    return SIMD_BASE;
}

int simd_detect(void)
{
    int s = 1 + (int)possible();
    atomic_store_explicit(&simd_state, s, memory_order_relaxed);
    return s;
}

void simd_limit(enum simd most)
{
    enum simd can = possible();
    atomic_store_explicit(&simd_state, 1 + (int)(most < can ? most : can), memory_order_relaxed);
}

int simd_named(const char *name)
{
    static const char *const names[] = {"base", "avx2", "avx512"};
    for (int i = 0; i < 3; i++)
        if (!strcmp(names[i], name)) return i;
    return -1;
}

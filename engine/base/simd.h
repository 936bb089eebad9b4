/* engine/base/simd.h - which vector instructions kernels use, decided when the program runs.
 *
 * A kernel is written once, as a body that the compiler turns into three functions; the one that
 * fits the processor is called.  Bodies do the same operations in the same order at every level,
 * so results do not depend on it; simd_limit() lets a test (or a user who suspects a processor)
 * see that. */
#pragma once

#include <stdatomic.h>

enum simd { SIMD_BASE, SIMD_AVX2, SIMD_AVX512 };

/* Uses no more than `most` from now on (and never what the processor lacks).  Not meant to be
 * called while kernels run. */
void simd_limit(enum simd most);
/* "base", "avx2", "avx512"; -1: no such level */
int simd_named(const char *name);

/* 1 + the level; 0: nobody has asked yet */
extern _Atomic int simd_state;
int simd_detect(void); /* sets it */

static inline enum simd simd_level(void)
{
    int s = atomic_load_explicit(&simd_state, memory_order_relaxed);
    return (enum simd)((s ? s : simd_detect()) - 1);
}

#if defined(__GNUC__) && defined(__x86_64__) && !defined(DSK_SANITIZE)
#define SIMD_ALWAYS static inline __attribute__((always_inline))
#ifdef __clang__
#define SIMD_V4 "arch=x86-64-v4"
#else
#define SIMD_V4 "arch=x86-64-v4,prefer-vector-width=512"
#endif
/* Defines `linkage void name params` in all versions; the body follows:
 *     SIMD_KERNEL(static, scale, (size_t n, double *x), (n, x)) { ... } */
#define SIMD_KERNEL(linkage, name, params, args) SIMD_KERNEL_(linkage, name, params, args)
#define SIMD_KERNEL_(linkage, name, params, args)                                                  \
    SIMD_ALWAYS void name##_body params;                                                           \
    __attribute__((target(SIMD_V4), noinline)) static void name##_v4 params                        \
    {                                                                                              \
        name##_body args;                                                                          \
    }                                                                                              \
    __attribute__((target("arch=x86-64-v3"), noinline)) static void name##_v3 params               \
    {                                                                                              \
        name##_body args;                                                                          \
    }                                                                                              \
    __attribute__((noinline)) static void name##_v1 params                                         \
    {                                                                                              \
        name##_body args;                                                                          \
    }                                                                                              \
    linkage void name params                                                                       \
    {                                                                                              \
        switch (simd_level()) {                                                                    \
        case SIMD_AVX512: name##_v4 args; return;                                                  \
        case SIMD_AVX2: name##_v3 args; return;                                                    \
        default: name##_v1 args;                                                                   \
        }                                                                                          \
    }                                                                                              \
    SIMD_ALWAYS void name##_body params
#else
#define SIMD_ALWAYS                              static inline
#define SIMD_KERNEL(linkage, name, params, args) linkage void name params
#endif

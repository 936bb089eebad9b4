/* engine/kernels/pass.h - passing over elements that cannot matter, included by those who use it.
 *
 * PASS_OVER(name, T, U, better) makes name(at, n, best, out): the elements from `at` on are looked
 * at in stretches; *out is how many lie in stretches in which no x is `better` than `best`.  What
 * does not fill a stretch is not looked at.  U: an integer as wide as T. */
#pragma once

#include <stdint.h>

#include "engine/base/simd.h"

enum { STRETCH = 256 };

#define PASS_OVER(name, T, U, better)                                                              \
    SIMD_KERNEL(static, name, (const T *at, int64_t n, T best, int64_t *out), (at, n, best, out))  \
    {                                                                                              \
        int64_t i = 0;                                                                             \
        for (U any = 0; i + STRETCH <= n; i += STRETCH) {                                          \
            for (int64_t k = i; k < i + STRETCH; k++) {                                            \
                const T x = at[k];                                                                 \
                any |= (U)(better);                                                                \
            }                                                                                      \
            if (any) break;                                                                        \
        }                                                                                          \
        *out = i;                                                                                  \
    }

/* engine/kernels/bisect.h - bisection for blocks of values, included by those who use it.
 *
 * BISECT_BLOCK(name, T) makes name(row, n, v, m, right, at): at[i] is how many elements of the
 * ascending row are less than v[i] (right: not greater). */
#pragma once

#include "engine/base/simd.h"

#define BISECT_BLOCK(name, T)                                                                      \
    SIMD_KERNEL(                                                                                   \
        static, name,                                                                              \
        (const T *row, int64_t n, const T *v, int64_t m, bool right, int64_t *restrict at),        \
        (row, n, v, m, right, at))                                                                 \
    {                                                                                              \
        memset(at, 0, (size_t)m * sizeof *at);                                                     \
        if (n == 0) return;                                                                        \
        int64_t left = n;                                                                          \
        for (; left > 1; left -= left / 2) {                                                       \
            const T *mid = row + left / 2 - 1;                                                     \
            const int64_t half = left / 2;                                                         \
            if (right)                                                                             \
                for (int64_t i = 0; i < m; i++) at[i] += mid[at[i]] <= v[i] ? half : 0;            \
            else                                                                                   \
                for (int64_t i = 0; i < m; i++) at[i] += mid[at[i]] < v[i] ? half : 0;             \
        }                                                                                          \
        for (int64_t i = 0; i < m; i++) at[i] += right ? row[at[i]] <= v[i] : row[at[i]] < v[i];   \
    }

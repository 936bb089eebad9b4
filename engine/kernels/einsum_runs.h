/* engine/kernels/einsum_runs.h - sums of products over elements that lie side by side, by vectors;
 * included by einsum.c.
 *
 * Products are added to results of their own, each as one by one, or, of integers alone, whose sums
 * have no order, into one. */
#pragma once

#include "engine/base/simd.h"

/* r[i] += x * y[i]; r[i] += x[i] * y[i]; r[i] += x[i] */
#define RUNS_OF(T)                                                                                 \
    SIMD_KERNEL(static, scaled_##T, (int64_t n, T x, const T *y, T *restrict r), (n, x, y, r))     \
    {                                                                                              \
        for (int64_t i = 0; i < n; i++) r[i] = (T)(r[i] + (T)(x * y[i]));                          \
    }                                                                                              \
    SIMD_KERNEL(static, products_##T, (int64_t n, const T *x, const T *y, T *restrict r),          \
                (n, x, y, r))                                                                      \
    {                                                                                              \
        for (int64_t i = 0; i < n; i++) r[i] = (T)(r[i] + (T)(x[i] * y[i]));                       \
    }                                                                                              \
    SIMD_KERNEL(static, added_##T, (int64_t n, const T *x, T *restrict r), (n, x, r))              \
    {                                                                                              \
        for (int64_t i = 0; i < n; i++) r[i] = (T)(r[i] + x[i]);                                   \
    }                                                                                              \
    static bool side_by_side_##T(int64_t n, int nop, char **p, const int64_t *s)                   \
    {                                                                                              \
        const int64_t u = sizeof(T);                                                               \
        const T *x = (const T *)p[0], *y = (const T *)p[1];                                        \
        T *r = (T *)p[nop];                                                                        \
        if (nop == 1 && s[0] == u)                                                                 \
            added_##T(n, x, r);                                                                    \
        else if (nop == 2 && s[0] == 0 && s[1] == u)                                               \
            scaled_##T(n, *x, y, r);                                                               \
        else if (nop == 2 && s[0] == u && s[1] == 0)                                               \
            scaled_##T(n, *y, x, r);                                                               \
        else if (nop == 2 && s[0] == u && s[1] == u)                                               \
            products_##T(n, x, y, r);                                                              \
        else                                                                                       \
            return false;                                                                          \
        return true;                                                                               \
    }
/* one result */
#define ONE_OF(T)                                                                                  \
    SIMD_KERNEL(static, dot_##T, (int64_t n, const T *x, const T *y, T *r), (n, x, y, r))          \
    {                                                                                              \
        T sum = *r;                                                                                \
        for (int64_t i = 0; i < n; i++) sum = (T)(sum + (T)(x[i] * y[i]));                         \
        *r = sum;                                                                                  \
    }                                                                                              \
    static bool into_one_##T(int64_t n, int nop, char **p, const int64_t *s)                       \
    {                                                                                              \
        const int64_t u = sizeof(T);                                                               \
        if (nop != 2 || s[0] != u || s[1] != u) return false;                                      \
        dot_##T(n, (const T *)p[0], (const T *)p[1], (T *)p[2]);                                   \
        return true;                                                                               \
    }
RUNS_OF(uint32_t)
RUNS_OF(uint64_t)
RUNS_OF(float)
RUNS_OF(double)
ONE_OF(uint32_t)
ONE_OF(uint64_t)

/* false: nothing is done, elements are of other types or lie otherwise */
static bool sum_run(enum dtype t, int64_t n, int nop, char **p, const int64_t *s)
{
    const int64_t size = dtypes[t].size;
    const bool whole = dtype_is_int(t);
    if (whole && s[nop] == 0 && size == 4) return into_one_uint32_t(n, nop, p, s);
    if (whole && s[nop] == 0 && size == 8) return into_one_uint64_t(n, nop, p, s);
    if (s[nop] != size) return false;
    if (whole && size == 4) return side_by_side_uint32_t(n, nop, p, s);
    if (whole && size == 8) return side_by_side_uint64_t(n, nop, p, s);
    if (t == DT_float32) return side_by_side_float(n, nop, p, s);
    return t == DT_float64 && side_by_side_double(n, nop, p, s);
}

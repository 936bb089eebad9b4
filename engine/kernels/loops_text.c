/* engine/kernels/loops_text.c - comparing fixed-size text.
 *
 * Element sizes travel in steps[3] and steps[4]; trailing NULs do not count, so a shorter string is
 * padded with them. */
#include <string.h>

#include "engine/kernels/loops.h"

#define COMPARE(T)                                                                                 \
    static int compare_##T(const T *x, size_t nx, const T *y, size_t ny)                           \
    {                                                                                              \
        size_t n = nx > ny ? nx : ny;                                                              \
        for (size_t i = 0; i < n; i++) {                                                           \
            T a = i < nx ? x[i] : 0, b = i < ny ? y[i] : 0;                                        \
            if (a != b) return a < b ? -1 : 1;                                                     \
        }                                                                                          \
        return 0;                                                                                  \
    }
COMPARE(uint8_t)
COMPARE(uint32_t)

#define TEXT_LOOP(name, T, op)                                                                     \
    void loop_##name(size_t n, char *const *p, const ptrdiff_t *s);                                \
    void loop_##name(size_t n, char *const *p, const ptrdiff_t *s)                                 \
    {                                                                                              \
        size_t nx = (size_t)s[3] / sizeof(T), ny = (size_t)s[4] / sizeof(T);                       \
        for (ptrdiff_t i = 0; i < (ptrdiff_t)n; i++)                                               \
            *(bool *)(p[2] + i * s[2]) = compare_##T((const T *)(p[0] + i * s[0]), nx,             \
                                                     (const T *)(p[1] + i * s[1]), ny) op 0;       \
    }
#define COMPARISONS(name, op)                                                                      \
    TEXT_LOOP(name##_bytes, uint8_t, op)                                                           \
    TEXT_LOOP(name##_str, uint32_t, op)

COMPARISONS(greater, >)
COMPARISONS(greater_equal, >=)
COMPARISONS(less, <)
COMPARISONS(less_equal, <=)
COMPARISONS(equal, ==)
COMPARISONS(not_equal, !=)

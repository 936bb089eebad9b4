/* engine/kernels/loops_text.c - comparing fixed-size text and moments.
 *
 * Text: element sizes travel in steps[3] and steps[4]; trailing NULs do not count, so a shorter
 * string is padded with them.  Moments: NaT is unequal to everything and spreads. */
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
#define TIME_LOOP(name, op)                                                                        \
    void loop_time_##name(size_t n, char *const *p, const ptrdiff_t *s);                           \
    void loop_time_##name(size_t n, char *const *p, const ptrdiff_t *s)                            \
    {                                                                                              \
        for (ptrdiff_t i = 0; i < (ptrdiff_t)n; i++) {                                             \
            int64_t x = *(const int64_t *)(p[0] + i * s[0]);                                       \
            int64_t y = *(const int64_t *)(p[1] + i * s[1]);                                       \
            bool nat = x == INT64_MIN || y == INT64_MIN;                                           \
            *(bool *)(p[2] + i * s[2]) = nat ? (1 op 2 && 2 op 1) : x op y;                        \
        }                                                                                          \
    }
#define COMPARISONS(name, op)                                                                      \
    TEXT_LOOP(name##_bytes, uint8_t, op)                                                           \
    TEXT_LOOP(name##_str, uint32_t, op)                                                            \
    TIME_LOOP(name, op)

COMPARISONS(greater, >)
COMPARISONS(greater_equal, >=)
COMPARISONS(less, <)
COMPARISONS(less_equal, <=)
COMPARISONS(equal, ==)
COMPARISONS(not_equal, !=)

#define TIME_PICK(name, op)                                                                        \
    void loop_time_##name(size_t n, char *const *p, const ptrdiff_t *s);                           \
    void loop_time_##name(size_t n, char *const *p, const ptrdiff_t *s)                            \
    {                                                                                              \
        for (ptrdiff_t i = 0; i < (ptrdiff_t)n; i++) {                                             \
            int64_t x = *(const int64_t *)(p[0] + i * s[0]);                                       \
            int64_t y = *(const int64_t *)(p[1] + i * s[1]);                                       \
            bool nat = x == INT64_MIN || y == INT64_MIN;                                           \
            *(int64_t *)(p[2] + i * s[2]) = nat ? INT64_MIN : x op y ? x : y;                      \
        }                                                                                          \
    }
TIME_PICK(maximum, >)
TIME_PICK(minimum, <)

#define TIME_TEST(name, op)                                                                        \
    void loop_time_##name(size_t n, char *const *p, const ptrdiff_t *s);                           \
    void loop_time_##name(size_t n, char *const *p, const ptrdiff_t *s)                            \
    {                                                                                              \
        for (ptrdiff_t i = 0; i < (ptrdiff_t)n; i++)                                               \
            *(bool *)(p[1] + i * s[1]) = *(const int64_t *)(p[0] + i * s[0]) op INT64_MIN;         \
    }
TIME_TEST(isnat, ==)
TIME_TEST(isfinite, !=)

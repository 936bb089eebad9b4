/* engine/kernels/loops_time.c - moments and durations: int64 counts of one unit.
 *
 * NaT (the least int64) is unequal to everything and spreads through arithmetic.  Both operands of
 * a loop have the same unit. */
#include <math.h>

#include "engine/kernels/fp.h"
#include "engine/kernels/loops.h"

static const int64_t nat = INT64_MIN;

#define TIME_LOOP(name, op)                                                                        \
    void loop_time_##name(size_t n, char *const *p, const ptrdiff_t *s);                           \
    void loop_time_##name(size_t n, char *const *p, const ptrdiff_t *s)                            \
    {                                                                                              \
        for (ptrdiff_t i = 0; i < (ptrdiff_t)n; i++) {                                             \
            int64_t x = *(const int64_t *)(p[0] + i * s[0]);                                       \
            int64_t y = *(const int64_t *)(p[1] + i * s[1]);                                       \
            bool lost = x == INT64_MIN || y == INT64_MIN;                                          \
            *(bool *)(p[2] + i * s[2]) = lost ? (1 op 2 && 2 op 1) : x op y;                       \
        }                                                                                          \
    }
TIME_LOOP(greater, >)
TIME_LOOP(greater_equal, >=)
TIME_LOOP(less, <)
TIME_LOOP(less_equal, <=)
TIME_LOOP(equal, ==)
TIME_LOOP(not_equal, !=)

#define TIME_PICK(name, op)                                                                        \
    void loop_time_##name(size_t n, char *const *p, const ptrdiff_t *s);                           \
    void loop_time_##name(size_t n, char *const *p, const ptrdiff_t *s)                            \
    {                                                                                              \
        for (ptrdiff_t i = 0; i < (ptrdiff_t)n; i++) {                                             \
            int64_t x = *(const int64_t *)(p[0] + i * s[0]);                                       \
            int64_t y = *(const int64_t *)(p[1] + i * s[1]);                                       \
            bool lost = x == INT64_MIN || y == INT64_MIN;                                          \
            *(int64_t *)(p[2] + i * s[2]) = lost ? INT64_MIN : x op y ? x : y;                     \
        }                                                                                          \
    }
TIME_PICK(maximum, >)
TIME_PICK(minimum, <)

/* likewise, but NaT is no answer where there is another */
#define TIME_PICK_KNOWN(name, op)                                                                  \
    void loop_time_##name(size_t n, char *const *p, const ptrdiff_t *s);                           \
    void loop_time_##name(size_t n, char *const *p, const ptrdiff_t *s)                            \
    {                                                                                              \
        for (ptrdiff_t i = 0; i < (ptrdiff_t)n; i++) {                                             \
            int64_t x = *(const int64_t *)(p[0] + i * s[0]);                                       \
            int64_t y = *(const int64_t *)(p[1] + i * s[1]);                                       \
            bool first = y == INT64_MIN || (x != INT64_MIN && x op y);                             \
            *(int64_t *)(p[2] + i * s[2]) = first ? x : y;                                         \
        }                                                                                          \
    }
TIME_PICK_KNOWN(fmax, >)
TIME_PICK_KNOWN(fmin, <)

#define TIME_TEST(name, op)                                                                        \
    void loop_time_##name(size_t n, char *const *p, const ptrdiff_t *s);                           \
    void loop_time_##name(size_t n, char *const *p, const ptrdiff_t *s)                            \
    {                                                                                              \
        for (ptrdiff_t i = 0; i < (ptrdiff_t)n; i++)                                               \
            *(bool *)(p[1] + i * s[1]) = *(const int64_t *)(p[0] + i * s[0]) op INT64_MIN;         \
    }
TIME_TEST(isnat, ==)
TIME_TEST(isfinite, !=)

/* two operands of types A and B give one of type R; x and y are not NaT there */
#define TIME_MATH(name, A, B, R, is_nat, none, body)                                               \
    void loop_##name(size_t n, char *const *p, const ptrdiff_t *s);                                \
    void loop_##name(size_t n, char *const *p, const ptrdiff_t *s)                                 \
    {                                                                                              \
        for (ptrdiff_t i = 0; i < (ptrdiff_t)n; i++) {                                             \
            A x = *(const A *)(p[0] + i * s[0]);                                                   \
            B y = *(const B *)(p[1] + i * s[1]);                                                   \
            *(R *)(p[2] + i * s[2]) = (is_nat) ? (none) : (R)(body);                               \
        }                                                                                          \
    }

static int64_t to_count(double v)
{
    return v >= -0x1p63 && v < 0x1p63 ? (int64_t)v : nat;
}

static int64_t floor_quotient(int64_t x, int64_t y)
{
    if (y == 0) {
        fp_raise(FP_DIVIDE);
        return 0;
    }
    return x / y - (x % y != 0 && (x < 0) != (y < 0));
}

static int64_t modulo(int64_t x, int64_t y)
{
    if (y == 0) {
        fp_raise(FP_DIVIDE);
        return nat;
    }
    int64_t r = x % y;
    return r && (r < 0) != (y < 0) ? r + y : r;
}

#define EITHER (x == nat || y == nat)
TIME_MATH(time_add, int64_t, int64_t, int64_t, EITHER, nat, x + y)
TIME_MATH(time_subtract, int64_t, int64_t, int64_t, EITHER, nat, x - y)
TIME_MATH(time_times_int, int64_t, int64_t, int64_t, x == nat, nat, x *y)
TIME_MATH(int_times_time, int64_t, int64_t, int64_t, y == nat, nat, x *y)
TIME_MATH(time_times_float, int64_t, double, int64_t, x == nat, nat, to_count((double)x *y))
TIME_MATH(float_times_time, double, int64_t, int64_t, y == nat, nat, to_count(x *(double)y))
TIME_MATH(time_ratio, int64_t, int64_t, double, EITHER, (double)NAN, (double)x / (double)y)
TIME_MATH(time_over_int, int64_t, int64_t, int64_t, x == nat || y == 0, nat, x / y)
TIME_MATH(time_over_float, int64_t, double, int64_t, x == nat, nat, to_count((double)x / y))
TIME_MATH(time_floor_ratio, int64_t, int64_t, int64_t, EITHER, 0, floor_quotient(x, y))
TIME_MATH(time_modulo, int64_t, int64_t, int64_t, EITHER, nat, modulo(x, y))

#define TIME_SELF(name, body)                                                                      \
    void loop_time_##name(size_t n, char *const *p, const ptrdiff_t *s);                           \
    void loop_time_##name(size_t n, char *const *p, const ptrdiff_t *s)                            \
    {                                                                                              \
        for (ptrdiff_t i = 0; i < (ptrdiff_t)n; i++) {                                             \
            int64_t x = *(const int64_t *)(p[0] + i * s[0]);                                       \
            *(int64_t *)(p[1] + i * s[1]) = x == nat ? nat : (body);                               \
        }                                                                                          \
    }
TIME_SELF(negative, -x)
TIME_SELF(positive, x)
TIME_SELF(absolute, x < 0 ? -x : x)
TIME_SELF(sign, (x > 0) - (x < 0))

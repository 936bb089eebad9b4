/* engine/kernels/loops_time.c - moments and durations: int64 counts of one unit.
 *
 * NaT (the least int64) is unequal to everything and spreads through arithmetic.  Both operands of
 * a loop have the same unit. */
#include <math.h>

#include "engine/kernels/fp.h"
#include "engine/kernels/loops.h"

static const int64_t nat = INT64_MIN;

/* one operand x, two operands x and y, of the types given, make a result of type R */
#define TIME1(name, R, body)                                                                       \
    void loop_time_##name(size_t n, char *const *p, const ptrdiff_t *s);                           \
    void loop_time_##name(size_t n, char *const *p, const ptrdiff_t *s)                            \
    {                                                                                              \
        for (ptrdiff_t i = 0; i < (ptrdiff_t)n; i++) {                                             \
            int64_t x = *(const int64_t *)(p[0] + i * s[0]);                                       \
            *(R *)(p[1] + i * s[1]) = (R)(body);                                                   \
        }                                                                                          \
    }
#define TIME2(name, A, B, R, body)                                                                 \
    void loop_##name(size_t n, char *const *p, const ptrdiff_t *s);                                \
    void loop_##name(size_t n, char *const *p, const ptrdiff_t *s)                                 \
    {                                                                                              \
        for (ptrdiff_t i = 0; i < (ptrdiff_t)n; i++) {                                             \
            A x = *(const A *)(p[0] + i * s[0]);                                                   \
            B y = *(const B *)(p[1] + i * s[1]);                                                   \
            *(R *)(p[2] + i * s[2]) = (R)(body);                                                   \
        }                                                                                          \
    }
#define EITHER (x == nat || y == nat)

/* NaT is only unequal */
#define COMPARE(name, op)                                                                          \
    TIME2(time_##name, int64_t, int64_t, bool, EITHER ? (1 op 2 && 2 op 1) : x op y)
COMPARE(greater, >)
COMPARE(greater_equal, >=)
COMPARE(less, <)
COMPARE(less_equal, <=)
COMPARE(equal, ==)
COMPARE(not_equal, !=)

#define PICK(name, op) TIME2(time_##name, int64_t, int64_t, int64_t, EITHER ? nat : x op y ? x : y)
PICK(maximum, >)
PICK(minimum, <)

/* likewise, but NaT is no answer where there is another */
#define PICK_KNOWN(name, op)                                                                       \
    TIME2(time_##name, int64_t, int64_t, int64_t, y == nat || (x != nat && x op y) ? x : y)
PICK_KNOWN(fmax, >)
PICK_KNOWN(fmin, <)

TIME1(isnat, bool, x == nat)
TIME1(isfinite, bool, x != nat)

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

#define MATH(name, A, B, R, is_nat, none, body) TIME2(name, A, B, R, (is_nat) ? (none) : (R)(body))
MATH(time_add, int64_t, int64_t, int64_t, EITHER, nat, x + y)
MATH(time_subtract, int64_t, int64_t, int64_t, EITHER, nat, x - y)
MATH(time_times_int, int64_t, int64_t, int64_t, x == nat, nat, x *y)
MATH(int_times_time, int64_t, int64_t, int64_t, y == nat, nat, x *y)
MATH(time_times_float, int64_t, double, int64_t, x == nat, nat, to_count((double)x *y))
MATH(float_times_time, double, int64_t, int64_t, y == nat, nat, to_count(x *(double)y))
MATH(time_ratio, int64_t, int64_t, double, EITHER, (double)NAN, (double)x / (double)y)
MATH(time_over_int, int64_t, int64_t, int64_t, x == nat || y == 0, nat, x / y)
MATH(time_over_float, int64_t, double, int64_t, x == nat, nat, to_count((double)x / y))
MATH(time_floor_ratio, int64_t, int64_t, int64_t, EITHER, 0, floor_quotient(x, y))
MATH(time_modulo, int64_t, int64_t, int64_t, EITHER, nat, modulo(x, y))

void loop_time_divmod(size_t n, char *const *p, const ptrdiff_t *s);
void loop_time_divmod(size_t n, char *const *p, const ptrdiff_t *s)
{
    loop_time_floor_ratio(n, p, s);
    loop_time_modulo(n, (char *[]){p[0], p[1], p[3]}, (ptrdiff_t[]){s[0], s[1], s[3]});
}

#define SELF(name, body) TIME1(name, int64_t, x == nat ? nat : (body))
SELF(negative, -x)
SELF(positive, x)
SELF(absolute, x < 0 ? -x : x)
SELF(sign, (x > 0) - (x < 0))

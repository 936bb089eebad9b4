/* engine/kernels/loops_int.h - the integer loops of ufunc.def for one type; included by
 * loops_int8.c and so on, which define LOOP_DT, LOOP_T, LOOP_U (its unsigned twin), LOOP_SIGNED.
 * Partial operations answer as NumPy does: division by zero is 0 and raises FP_DIVIDE. */
#include <math.h>
#include <string.h>

#include "engine/kernels/fp.h"
#include "engine/kernels/loops.h"

#pragma GCC diagnostic ignored "-Wtype-limits" /* bodies are written once for both signs */

typedef LOOP_T num;
typedef LOOP_U unum;

#define LOOP_MEM num
#define LD(p)    (*(const num *)(p))
#define ST(p, v) (*(num *)(p) = (num)(v))

static const num least = LOOP_SIGNED ? (num)((unum)1 << (8 * sizeof(num) - 1)) : 0;

static inline num floordiv(num x, num y)
{
    if (y == 0) {
        fp_raise(FP_DIVIDE);
        return 0;
    }
    if (LOOP_SIGNED && y == (num)-1) {
        if (x == least) fp_raise(FP_OVER);
        return (num)(0 - (unum)x);
    }
    num q = (num)(x / y);
    return LOOP_SIGNED && (x < 0) != (y < 0) && (num)(q * y) != x ? (num)(q - 1) : q;
}

static inline num cmod(num x, num y)
{
    if (y == 0) {
        fp_raise(FP_DIVIDE);
        return 0;
    }
    return LOOP_SIGNED && y == (num)-1 ? 0 : (num)(x % y);
}

static inline num modulo(num x, num y)
{
    num r = cmod(x, y);
    return LOOP_SIGNED && r && (r < 0) != (y < 0) ? (num)(r + y) : r;
}

/* --- quotients by one divisor: multiplications -------------------------------------------------
 */

/* Of up to 32 bits the quotient of doubles, cut, is exact; of up to 16 that of floats. */
typedef __typeof__(__builtin_choose_expr(sizeof(num) <= 2, 1.0F, 1.0)) real;
typedef __typeof__(__builtin_choose_expr(sizeof(num) <= 2, (int32_t)1, (int64_t)1)) cut;
static inline num cut_quotient(num x, real y)
{
    return (num)(cut)((real)x / y);
}

/* The same by what 1 / y is, nearly: half is added, so that no quotient is within 1 / 2y of the
 * next whole number, and that is more than rounding takes away. */
static inline num cut_product(num x, real inverse)
{
    const real half = LOOP_SIGNED && x < 0 ? (real)-0.5 : (real)0.5;
    return (num)(cut)(((real)x + half) * inverse);
}

__extension__ typedef unsigned __int128 wide;
__extension__ typedef __int128 swide;

/* Of 64 bits: the high half of a product (Granlund and Montgomery 1994). */
typedef struct reciprocal {
    uint64_t factor;
    int shift;
    num sign; /* of the divisor: 0 or -1 */
} reciprocal;

/* of y, neither 0 nor -1 */
static inline reciprocal reciprocal_of(num y)
{
    uint64_t d = (uint64_t)(y < 0 ? 0 - (uint64_t)y : (uint64_t)y);
    int log = d > 1 ? 64 - __builtin_clzll(d - 1) : 0; /* rounded up */
    reciprocal r = {.sign = y < 0 ? (num)-1 : 0};
    if (LOOP_SIGNED) {
        if (log < 1) log = 1;
        r.factor = (uint64_t)(((wide)1 << (63 + log)) / d + 1);
        r.shift = log - 1;
        return r;
    }
    wide top = ((wide)1 << log) - d;
    r.factor = (uint64_t)((top << 64) / d + 1);
    r.shift = log;
    return r;
}

static inline num times_reciprocal(num x, const reciprocal *r)
{
    if (LOOP_SIGNED) {
        int64_t n = (int64_t)x;
        int64_t high = (int64_t)(((swide)n * (int64_t)r->factor) >> 64);
        int64_t q = (int64_t)((uint64_t)high + (uint64_t)n);
        q = (q >> r->shift) - (n >> 63);
        return (num)((uint64_t)(q ^ (int64_t)r->sign) - (uint64_t)(int64_t)r->sign);
    }
    uint64_t n = (uint64_t)x, high = (uint64_t)(((wide)n * r->factor) >> 64);
    return (num)(r->shift ? (high + ((n - high) >> 1)) >> (r->shift - 1) : n);
}

static inline num floor_from(num q, num x, num y)
{
    return LOOP_SIGNED && (x < 0) != (y < 0) && (num)(q * y) != x ? (num)(q - 1) : q;
}

static inline num rest_from(num q, num x, num y)
{
    num r = (num)((unum)x - (unum)((uint64_t)q * (uint64_t)y));
    return LOOP_SIGNED && r && (r < 0) != (y < 0) ? (num)(r + y) : r;
}

/* Doubles hold it, and the quotient of two such, cut, is exact; neither 0 nor what overflows. */
static inline bool is_small(num x)
{
    return sizeof(num) < 8 ||
           (unum)((uint64_t)x + ((uint64_t)1 << 52)) >> 53 % (8 * sizeof(num)) == 0;
}
static inline bool divides(num y)
{
    return (y != 0) & (!LOOP_SIGNED | (y != (num)-1)) & is_small(y);
}

/* A stretch of contiguous x by y, or (ys 0) by one y: all by doubles if they may, else one by one,
 * through the reciprocal where there is one. */
enum { STRETCH = 512 };
#define QUOTIENTS(from, whole)                                                                     \
    num *to = (num *)r;                                                                            \
    const num *x = (const num *)a, *y = (const num *)b, y0 = *y;                                   \
    const bool one = !ys && y0 != 0 && y0 != (num)-1;                                              \
    const real inverse = y0 ? 1 / (real)y0 : 0;                                                    \
    reciprocal inverted = {0};                                                                     \
    if (one && sizeof(num) == 8) inverted = reciprocal_of(y0);                                     \
    for (size_t i = 0, end; i < n; i = end) {                                                      \
        unum odd = 0;                                                                              \
        end = n - i < STRETCH ? n : i + STRETCH;                                                   \
        for (size_t k = i; k < end; k++) odd |= (unum)!is_small(x[k]);                             \
        if (ys)                                                                                    \
            for (size_t k = i; k < end; k++) odd |= (unum)!divides(y[k]);                          \
        else                                                                                       \
            odd |= (unum)!divides(y0);                                                             \
        if (!odd && ys)                                                                            \
            IVDEP for (size_t k = i; k < end; k++) to[k] =                                         \
                from(cut_quotient(x[k], (real)y[k]), x[k], y[k]);                                  \
        else if (!odd)                                                                             \
            IVDEP for (size_t k = i; k < end; k++) to[k] =                                         \
                from(sizeof(num) < 8 ? cut_product(x[k], inverse) : cut_quotient(x[k], (real)y0),  \
                     x[k], y0);                                                                    \
        else if (one && sizeof(num) == 8)                                                          \
            for (size_t k = i; k < end; k++)                                                       \
                to[k] = from(times_reciprocal(x[k], &inverted), x[k], y0);                         \
        else                                                                                       \
            for (size_t k = i; k < end; k++) to[k] = whole(x[k], y[ys ? k : 0]);                   \
    }
// clang-format off
SIMD_KERNEL(static, floor_quotients, (size_t n, const char *a, const char *b, int ys, char *r), (n, a, b, ys, r))
{
    QUOTIENTS(floor_from, floordiv)
}
SIMD_KERNEL(static, rests, (size_t n, const char *a, const char *b, int ys, char *r), (n, a, b, ys, r))
{
    QUOTIENTS(rest_from, modulo)
}
// clang-format on

/* y >= 0: negative exponents are refused before the loop runs */
static inline num ipow(num x, num y)
{
    unum base = (unum)x, out = 1;
    for (unum k = (unum)y; k; k >>= 1) {
        if (k & 1) out = (unum)((uint64_t)out * base);
        base = (unum)((uint64_t)base * base);
    }
    return (num)out;
}

static inline num inverse(num x)
{
    if (x == 0) {
        fp_raise(FP_DIVIDE);
        return sizeof(num) >= 4 ? least : 0;
    }
    return (num)(1 / x);
}

static inline unum magnitude(num x)
{
    return x < 0 ? (unum)(0 - (unum)x) : (unum)x;
}

static inline unum divisor_of(unum a, unum b)
{
    while (b) {
        unum t = (unum)(a % b);
        a = b;
        b = t;
    }
    return a;
}

static inline num divisor(num x, num y)
{
    return (num)divisor_of(magnitude(x), magnitude(y));
}

static inline num common(num x, num y)
{
    unum a = magnitude(x), b = magnitude(y), g = divisor_of(a, b);
    return g ? (num)((uint64_t)(a / g) * b) : 0;
}

static inline num shift_left(num x, num y)
{
    return (unum)y < 8 * sizeof(num) ? (num)((uint64_t)x << y) : 0;
}

static inline num shift_right(num x, num y)
{
    return (unum)y < 8 * sizeof(num) ? (num)(x >> y) : (num)(x < 0 ? -1 : 0);
}

static inline num clamp(num x, num low, num high)
{
    num y = x > low ? x : low;
    return y < high ? y : high;
}

// clang-format off
/* a contiguous fold in any order: bodies are operators, which work on vectors too */
typedef num lanes __attribute__((vector_size(64)));
enum { WIDTH = 64 / sizeof(num) };
#define STEP_ANY(t, at, body)                                                                      \
    do {                                                                                           \
        lanes y;                                                                                   \
        const lanes x = t;                                                                         \
        memcpy(&y, at, sizeof y);                                                                  \
        t = body;                                                                                  \
    } while (0)
#define FOLD_ANY(body)                                                                             \
    if (IS_FOLD && sb == u && n >= 4 * WIDTH) {                                                    \
        lanes t0, t1, t2, t3;                                                                      \
        memcpy(&t0, b, 64), memcpy(&t1, b + 64, 64), memcpy(&t2, b + 128, 64);                     \
        memcpy(&t3, b + 192, 64);                                                                  \
        size_t i = 4 * WIDTH;                                                                      \
        for (; i + 4 * WIDTH <= n; i += 4 * WIDTH) {                                               \
            const char *at = b + (ptrdiff_t)i * u;                                                 \
            STEP_ANY(t0, at, body);                                                                \
            STEP_ANY(t1, at + 64, body);                                                           \
            STEP_ANY(t2, at + 128, body);                                                          \
            STEP_ANY(t3, at + 192, body);                                                          \
        }                                                                                          \
        { const lanes x = t0, y = t1; t0 = body; }                                                 \
        { const lanes x = t2, y = t3; t2 = body; }                                                 \
        { const lanes x = t0, y = t2; t0 = body; }                                                 \
        num x = LD(r);                                                                             \
        for (int k = 0; k < WIDTH; k++) { const num y = t0[k]; x = (num)(body); }                  \
        for (; i < n; i++) { const num y = LD(b + (ptrdiff_t)i * u); x = (num)(body); }            \
        ST(r, x);                                                                                  \
        return;                                                                                    \
    }                                                                                              \
    FOLD_SEQ(body)
#define I1(name, res, body) PASTE(I1_, res)(name, body)
#define I1_SAME(name, body) LOOP1(name, ST, sizeof(num), body)
#define I1_BOOL(name, body) LOOP1(name, PUT_BOOL, 1, body)
#define I2(name, res, body) PASTE(I2_, res)(name, body)
#define I2_SAME(name, body) LOOP2(name, ST, sizeof(num), FOLD_SEQ(body), body)
#define IN_STRETCHES(kernel)                                                                       \
    if (sa == u && (sb == u || sb == 0) && sr == u && n >= 16) {                                   \
        kernel(n, a, b, sb != 0, r);                                                               \
        return;                                                                                    \
    }
#define I2_FLOOR(name, body) LOOP2(name, ST, sizeof(num), IN_STRETCHES(floor_quotients) FOLD_SEQ(body), body)
#define I2_REST(name, body) LOOP2(name, ST, sizeof(num), IN_STRETCHES(rests) FOLD_SEQ(body), body)
#define I2_ANY(name, body) LOOP2(name, ST, sizeof(num), FOLD_ANY(body), body)
#define I2_BOOL(name, body) LOOP2(name, PUT_BOOL, 1, NO_FOLD, body)
#define I3(name, res, body) LOOP3(name, body)
#include "engine/kernels/ufunc_rows.h"
// clang-format on

LOOP_HEAD(divmod)
{
    for (size_t i = 0; i < n; i++) {
        ptrdiff_t k = (ptrdiff_t)i;
        num x = LD(p[0] + k * s[0]), y = LD(p[1] + k * s[1]);
        ST(p[2] + k * s[2], floordiv(x, y));
        ST(p[3] + k * s[3], modulo(x, y));
    }
}

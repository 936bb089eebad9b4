/* engine/kernels/pairs.c - pieces of 256 pairs through vectors; NaN comes back where the body of
 * the table shall answer.
 *
 * Remainders: with n the quotient of the amounts, rounded and cut to a whole number below 2^53,
 * a - n * b is one fused product; n is right or one too large, and both differences are exact. */
#include "engine/kernels/pairs.h"

#include <float.h>
#include <math.h>
#include <string.h>

#include "engine/kernels/fp.h"
#include "engine/kernels/loops.h"

enum { PIECE = 256 };

typedef void block64(size_t n, const double *x, const double *y, double *out);
typedef void block32(size_t n, const float *x, const float *y, float *out);

/* --- remainders and hypot: doubles ------------------------------------------------------------ */

/* the remainder with the sign of x; NaN: too far apart */
SIMD_ALWAYS double rest(double x, double y)
{
    double a = __builtin_fabs(x), b = __builtin_fabs(y), q = a / b;
    double r = __builtin_fma(-__builtin_trunc(q), b, a);
    r += r < 0 ? b : 0.0;
    int near = (q < 0x1p53) & (b <= DBL_MAX);
    return near ? __builtin_copysign(r, x) : (double)NAN;
}

/* Choices are made with masks of bits: where there are several, compilers see branches. */
#define FLOORED(T, BITS, SUFFIX, rest_, floor_)                                                    \
    SIMD_ALWAYS BITS bits##SUFFIX(T x)                                                             \
    {                                                                                              \
        BITS b;                                                                                    \
        memcpy(&b, &x, sizeof b);                                                                  \
        return b;                                                                                  \
    }                                                                                              \
    SIMD_ALWAYS T number##SUFFIX(BITS b)                                                           \
    {                                                                                              \
        T x;                                                                                       \
        memcpy(&x, &b, sizeof x);                                                                  \
        return x;                                                                                  \
    }                                                                                              \
    SIMD_ALWAYS BITS sign##SUFFIX(BITS b)                                                          \
    {                                                                                              \
        return b & ((BITS)1 << (8 * sizeof b - 1));                                                \
    }                                                                                              \
    /* all ones where rounding down moves the remainder r: it is not 0, its sign not y's */        \
    SIMD_ALWAYS BITS moves##SUFFIX(BITS r, BITS y)                                                 \
    {                                                                                              \
        return -(BITS)(r << 1 != 0) & -(BITS)(sign##SUFFIX(r ^ y) != 0);                           \
    }                                                                                              \
    SIMD_ALWAYS T remainder##SUFFIX(T x, T y)                                                      \
    {                                                                                              \
        BITS r = bits##SUFFIX(rest_(x, y)), b = bits##SUFFIX(y), zero = -(BITS)(r << 1 == 0);      \
        T moved = number##SUFFIX(r) + number##SUFFIX(b & moves##SUFFIX(r, b));                     \
        return number##SUFFIX((bits##SUFFIX(moved) & ~zero) | (sign##SUFFIX(b) & zero));           \
    }                                                                                              \
    SIMD_ALWAYS T quotient##SUFFIX(T x, T y)                                                       \
    {                                                                                              \
        T r = rest_(x, y), q = (x - r) / y;                                                        \
        q -= number##SUFFIX(bits##SUFFIX(1) & moves##SUFFIX(bits##SUFFIX(r), bits##SUFFIX(y)));    \
        T down = floor_(q);                                                                        \
        down += number##SUFFIX(bits##SUFFIX(1) & -(BITS)(q - down > (T)0.5));                      \
        BITS zero = -(BITS)(q == 0), sign = sign##SUFFIX(bits##SUFFIX(x) ^ bits##SUFFIX(y));       \
        return number##SUFFIX((bits##SUFFIX(down) & ~zero) | (sign & zero));                       \
    }
FLOORED(double, uint64_t, 64, rest, __builtin_floor)

/* The root of the sum of squares, then what its square lacks, computed without the squares
 * (C. Borges, 2019): few results are not the nearest number, and libm's are the same. */
SIMD_ALWAYS double hypotenuse(double x, double y)
{
    double p = __builtin_fabs(x), q = __builtin_fabs(y);
    double a = p > q ? p : q, b = p > q ? q : p;
    double h = __builtin_sqrt(a * a + b * b);
    double u = h - b, v = h - a;
    double near = a * (2 * u - a) + (u - 2 * (a - b)) * u;
    double far = 2 * v * (a - 2 * b) + ((4 * v - b) * b + v * v);
    double lacks = h <= 2 * b ? near : far;
    int plain = (b > 0x1p-450) & (a < 0x1p500), zero = (b == 0) & (a < 0x1p500);
    double sum = plain ? h - lacks / (2 * h) : (double)NAN;
    return zero ? a : sum;
}

#define BLOCK64(name, body)                                                                        \
    SIMD_KERNEL(static, name##_64, (size_t n, const double *x, const double *y, double *out),      \
                (n, x, y, out))                                                                    \
    {                                                                                              \
        EACH out[i] = body(x[i], y[i]);                                                            \
    }
BLOCK64(hypot, hypotenuse)
BLOCK64(fmod, rest)
BLOCK64(remainder, remainder64)
BLOCK64(floor_divide, quotient64)

/* --- floats: in doubles, where every step of theirs is exact -----------------------------------
 */

SIMD_ALWAYS float rest32(float x, float y)
{
    return (float)rest((double)x, (double)y);
}

FLOORED(float, uint32_t, 32, rest32, __builtin_floorf)

SIMD_ALWAYS float hypotenuse32(float x, float y)
{
    double a = (double)x, b = (double)y;
    float h = (float)__builtin_sqrt(a * a + b * b);
    return h <= FLT_MAX ? h : (float)NAN;
}

#define BLOCK32(name, body)                                                                        \
    SIMD_KERNEL(static, name##_32, (size_t n, const float *x, const float *y, float *out),         \
                (n, x, y, out))                                                                    \
    {                                                                                              \
        EACH out[i] = body(x[i], y[i]);                                                            \
    }
BLOCK32(hypot, hypotenuse32)
BLOCK32(fmod, rest32)
BLOCK32(remainder, remainder32)
BLOCK32(floor_divide, quotient32)

/* --- all of them -------------------------------------------------------------------------------
 */

#define ROW(name) [P_##name] = {name##_64, name##_32},
static const struct {
    block64 *d;
    block32 *f;
} blocks[NPAIR] = {VECTOR_PAIR_FUNCTIONS(ROW)};
#undef ROW

#define RUN(name, T, block)                                                                        \
    static const T *flat_##name(size_t n, const char *at, ptrdiff_t step, T *room)                 \
    {                                                                                              \
        if (step == sizeof(T)) return (const T *)(const void *)at;                                 \
        for (size_t i = 0; i < n; i++, at += step) room[i] = *(const T *)(const void *)at;         \
        return room;                                                                               \
    }                                                                                              \
    void name(enum pair_id id, T (*one)(T, T), size_t n, char *const *p, const ptrdiff_t *s)       \
    {                                                                                              \
        T u[PIECE], v[PIECE], out[PIECE];                                                          \
        for (size_t i = 0; i < n; i += PIECE) {                                                    \
            size_t m = n - i < PIECE ? n - i : PIECE;                                              \
            const T *x = flat_##name(m, p[0] + (ptrdiff_t)i * s[0], s[0], u);                      \
            const T *y = flat_##name(m, p[1] + (ptrdiff_t)i * s[1], s[1], v);                      \
            unsigned status = fp_save();                                                           \
            blocks[id].block(m, x, y, out);                                                        \
            fp_restore(status);                                                                    \
            for (size_t k = 0; k < m; k++)                                                         \
                if (out[k] != out[k]) out[k] = one(x[k], y[k]);                                    \
            char *to = p[2] + (ptrdiff_t)i * s[2];                                                 \
            for (size_t k = 0; k < m; k++, to += s[2]) *(T *)(void *)to = out[k];                  \
        }                                                                                          \
    }
RUN(pairs64_run, double, d)
RUN(pairs32_run, float, f)

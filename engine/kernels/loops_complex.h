/* engine/kernels/loops_complex.h - the complex loops of ufunc.def for one type; included by
 * loops_complex64.c and loops_complex128.c, which define LOOP_DT, LOOP_T, LOOP_R (its parts) and
 * LOOP_SUFFIX.  Formulas are NumPy's: plain products, Smith's division, lexicographic order. */
#include <complex.h>
#include <math.h>
#include <string.h>

#include "engine/kernels/fp.h"
#include "engine/kernels/loops.h"

typedef LOOP_T num;
typedef LOOP_R part;

#define LOOP_MEM  num
#define LD(p)     (*(const num *)(p))
#define ST(p, v)  (*(num *)(p) = (num)(v))
#define STR(p, v) (*(part *)(p) = (part)(v))
#define M(f, ...) PASTE(f, LOOP_SUFFIX)(__VA_ARGS__)
#define RE(x)     M(creal, x)
#define IM(x)     M(cimag, x)

static inline num make(part re, part im)
{
    union {
        part p[2];
        num z;
    } u = {.p = {re, im}};
    return u.z;
}

static inline bool isnan_c(num x)
{
    return RE(x) != RE(x) || IM(x) != IM(x);
}

static inline bool isinf_c(num x)
{
    return M(fabs, RE(x)) == INFINITY || M(fabs, IM(x)) == INFINITY;
}

static inline bool finite_c(num x)
{
    return !isnan_c(x) && !isinf_c(x); /* a difference of infinities would raise a flag */
}

static inline bool cless(num x, num y)
{
    return (RE(x) < RE(y) && IM(x) == IM(x) && IM(y) == IM(y)) || (RE(x) == RE(y) && IM(x) < IM(y));
}

static inline bool clesseq(num x, num y)
{
    return (RE(x) < RE(y) && IM(x) == IM(x) && IM(y) == IM(y)) ||
           (RE(x) == RE(y) && IM(x) <= IM(y));
}

static inline num times(num x, num y)
{
    return make(RE(x) * RE(y) - IM(x) * IM(y), RE(x) * IM(y) + IM(x) * RE(y));
}

static inline num scale(num x, double k)
{
    return make(RE(x) * (part)k, IM(x) * (part)k);
}

static inline num quotient(num x, num y)
{
    part yr = RE(y), yi = IM(y), ar = M(fabs, yr), ai = M(fabs, yi);
    if (ar >= ai) {
        if (ar == 0 && ai == 0) return make(RE(x) / ar, IM(x) / ar);
        part t = yi / yr, k = 1 / (yr + yi * t);
        return make((RE(x) + IM(x) * t) * k, (IM(x) - RE(x) * t) * k);
    }
    part t = yr / yi, k = 1 / (yi + yr * t);
    return make((RE(x) * t + IM(x)) * k, (IM(x) * t - RE(x)) * k);
}

static inline num cinverse(num x)
{
    part xr = RE(x), xi = IM(x);
    if (M(fabs, xi) <= M(fabs, xr)) {
        part t = xi / xr, d = xr + xi * t;
        return make(1 / d, -t / d);
    }
    part t = xr / xi, d = xi + xr * t;
    return make(t / d, -1 / d);
}

static inline part modulus(num x)
{
    part re = M(fabs, RE(x)), im = M(fabs, IM(x));
    part most = re > im ? re : im, t = (re > im ? im : re) / most;
    if (isinf_c(x)) return (part)INFINITY;
    if (isnan_c(x)) return (part)NAN;
    return most == 0 ? 0 : most * M(sqrt, M(fma, t, t, 1)); /* NumPy's formula, to the bit */
}

static inline num csign(num x)
{
    if (isnan_c(x)) return make((part)NAN, 0);
    return make(cless(0, x) ? 1 : cless(x, 0) ? -1 : 0, 0);
}

static inline num cround(num x)
{
    return make(M(rint, RE(x)), M(rint, IM(x)));
}

static inline num cexp2(num x)
{
    return M(cexp, scale(x, 0.693147180559945309417232121458176568));
}

static inline num cexpm1(num x)
{
    part a = M(sin, IM(x) / 2);
    return make(M(expm1, RE(x)) * M(cos, IM(x)) - 2 * a * a, M(exp, RE(x)) * M(sin, IM(x)));
}

static inline num clog1p(num x)
{
    part l = M(hypot, RE(x) + 1, IM(x));
    return make(M(log, l), M(atan2, IM(x), RE(x) + 1));
}

static num small_power(num x, int n)
{
    int k = n < 0 ? -n : n;
    num out = 1, base = x;
    for (;;) {
        if (k & 1) out = times(out, base);
        k >>= 1;
        if (!k) break;
        base = times(base, base);
    }
    return n < 0 ? quotient(1, out) : out;
}

static num cpower(num x, num y)
{
    part yr = RE(y), yi = IM(y);
    if (yr == 0 && yi == 0) return 1;
    if (RE(x) == 0 && IM(x) == 0) {
        if (yr > 0 && yi == 0) return 0;
        fp_raise(FP_INVALID);
        return make((part)NAN, (part)NAN);
    }
    if (yi == 0 && yr > -100 && yr < 100 && yr == (part)(int)yr) {
        int n = (int)yr;
        if (n == 1) return x;
        if (n == 2) return times(x, x);
        if (n == 3) return times(x, times(x, x));
        return small_power(x, n);
    }
    return M(cpow, x, y);
}

static inline num cclamp(num x, num low, num high)
{
    num y = isnan_c(x) || cless(low, x) ? x : low;
    return isnan_c(y) || cless(y, high) ? y : high;
}

// clang-format off
#define C1(name, res, body) PASTE(C1_, res)(name, body)
#define C1_SAME(name, body) LOOP1(name, ST, sizeof(num), body)
#define C1_REAL(name, body) LOOP1(name, STR, sizeof(part), body)
#define C1_BOOL(name, body) LOOP1(name, PUT_BOOL, 1, body)
#define C2(name, res, body) PASTE(C2_, res)(name, body)
#define C2_SAME(name, body) LOOP2(name, ST, sizeof(num), FOLD_SEQ(body), body)
#define C2_BOOL(name, body) LOOP2(name, PUT_BOOL, 1, NO_FOLD, body)
#define C3(name, res, body) LOOP3(name, body)
#include "engine/kernels/ufunc_rows.h"

typedef part parts __attribute__((vector_size(8 * sizeof(part))));
/* n counts parts (twice the elements), as in NumPy: leaves of 64 elements, 4 complex partial sums */
static num pairwise(const char *b, size_t n, ptrdiff_t sb)
{
    if (n < 8) {
        part re = 0, im = 0;
        for (size_t i = 0; i < n / 2; i++) {
            num x = LD(b + (ptrdiff_t)i * sb);
            re += RE(x);
            im += IM(x);
        }
        return make(re, im);
    }
    if (n > 128) {
        size_t half = n / 2;
        half -= half % 8;
        num x = pairwise(b, half, sb), y = pairwise(b + (ptrdiff_t)(half / 2) * sb, n - half, sb);
        return x + y;
    }
    num t[4];
    size_t i = 8;
    if (sb == sizeof(num)) {
        parts v, next;
        memcpy(&v, b, sizeof v);
        for (; i < n - n % 8; i += 8) {
            memcpy(&next, b + i / 2 * sizeof(num), sizeof next);
            v += next;
        }
        memcpy(t, &v, sizeof v);
    } else {
        for (int k = 0; k < 4; k++) t[k] = LD(b + k * sb);
        for (; i < n - n % 8; i += 8)
            for (int k = 0; k < 4; k++) t[k] += LD(b + ((ptrdiff_t)(i / 2) + k) * sb);
    }
    num sum = (t[0] + t[1]) + (t[2] + t[3]);
    for (; i < n; i += 2) sum += LD(b + (ptrdiff_t)(i / 2) * sb);
    return sum;
}

#define FOLD_PAIRS                                                                           \
    if (IS_FOLD) {                                                                                 \
        ST(r, LD(r) + pairwise(b, 2 * n, sb));                                                     \
        return;                                                                                    \
    }
LOOP2(add, ST, sizeof(num), FOLD_PAIRS, x + y)
// clang-format on

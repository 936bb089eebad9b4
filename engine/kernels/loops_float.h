/* engine/kernels/loops_float.h - the real floating loops of ufunc.def for one type; included by
 * loops_float16.c and so on, which define LOOP_DT, LOOP_MEM, LOOP_T, LOOP_SUFFIX (of libm's
 * names), LD and ST.  add folds pairwise: runs of at most 128 with 8 partial sums, halves above. */
#include <math.h>
#include <string.h>

#include "engine/kernels/fp.h"
#include "engine/kernels/loops.h"

typedef LOOP_T num;

#define M(f, ...) PASTE(f, LOOP_SUFFIX)(__VA_ARGS__)
#define PI(x)     ((num)3.141592653589793238462643383279502884)

/* the integer as wide as num, and the bits of a number */
typedef __typeof__(__builtin_choose_expr(sizeof(num) == 4, (int32_t)1, (int64_t)1)) bits;

static inline bits bits_of(num x)
{
    bits b;
    memcpy(&b, &x, sizeof b);
    return b;
}

static inline num of_bits(bits b)
{
    num x;
    memcpy(&x, &b, sizeof x);
    return x;
}

/* Compilers make vectors of rint, not of floor.  What is above what is asked of the bits, of which
 * both have the same sign: NaN raises no flag. */
static inline num floored(num x)
{
    const num r = M(rint, x);
    const bits minus = bits_of(x) < 0 ? -1 : 0, more = bits_of(r) - bits_of(x);
    return (more ^ minus) - minus > 0 ? r - 1 : r;
}

/* Python's: the quotient rounds down, the remainder has the sign of the divisor */
static inline num modulo(num x, num y)
{
    num r = M(fmod, x, y);
    if (y == 0 || r != r) return r;
    if (r == 0) return M(copysign, 0, y);
    return (y < 0) != (r < 0) ? r + y : r;
}

static inline num floordiv(num x, num y)
{
    num r = M(fmod, x, y);
    if (y == 0) return x / y;
    if (r != r) return r; /* comparing it would count as invalid */
    num q = (x - r) / y;
    if (r != 0 && (y < 0) != (r < 0)) q -= 1;
    if (q == 0) return M(copysign, 0, x / y);
    num down = M(floor, q);
    return q - down > (num)0.5 ? down + 1 : down;
}

static inline num logsum(num x, num y)
{
    num d = x - y;
    if (x == y) return x + (num)0.693147180559945309417232121458176568;
    if (d > 0) return x + M(log1p, M(exp, -d));
    return d <= 0 ? y + M(log1p, M(exp, d)) : d;
}

static inline num logsum2(num x, num y)
{
    const num log2e = (num)1.442695040888963407359924681001892137;
    num d = x - y;
    if (x == y) return x + 1;
    if (d > 0) return x + log2e * M(log1p, M(exp2, -d));
    return d <= 0 ? y + log2e * M(log1p, M(exp2, d)) : d;
}

static inline num clamp(num x, num low, num high)
{
    num y = x != x || x > low ? x : low;
    return y != y || y < high ? y : high;
}

// clang-format off
#ifdef LOOP_BITS /* the integer as wide as LOOP_T */
/* maximum and minimum of a contiguous run: in lanes that lie side by side, then one after the
 * other; NaN and order come out the same.  Lanes are an array, of which the compiler makes the
 * widest vectors that there are. */
enum { WIDTH = 32 / sizeof(num), ABREAST = 8 * WIDTH };
#define PICK_FROM(to, at, some, condition)                                                         \
    for (size_t k = 0; k < (some); k++) {                                                          \
        const num x = (to)[k], y = (at)[k];                                                        \
        (to)[k] = (condition) ? x : y;                                                             \
    }
#define FOLD_LANES(condition)                                                                      \
    if (IS_FOLD && sb == u && n >= ABREAST) {                                                      \
        const num *at = (const num *)(const void *)b;                                              \
        num v[ABREAST];                                                                            \
        memcpy(v, at, sizeof v);                                                                   \
        size_t i = ABREAST;                                                                        \
        for (; i + ABREAST <= n; i += ABREAST) PICK_FROM(v, at + i, ABREAST, condition)            \
        for (; i + WIDTH <= n; i += WIDTH) PICK_FROM(v, at + i, WIDTH, condition)                  \
        for (size_t half = ABREAST / 2; half >= WIDTH; half /= 2)                                  \
            PICK_FROM(v, v + half, half, condition)                                                \
        num x = LD(r);                                                                             \
        for (size_t k = 0; k < WIDTH; k++) { const num y = v[k]; x = (condition) ? x : y; }    \
        for (; i < n; i++) { const num y = at[i]; x = (condition) ? x : y; }                   \
        ST(r, x);                                                                                  \
        return;                                                                                    \
    }                                                                                              \
    if (!IS_FOLD && !(sr == u && (sa == 0 || sa == u) && (sb == 0 || sb == u))) {                  \
        num v[ABREAST], w[ABREAST]; /* side by side no choice is a branch */                       \
        for (size_t i = 0; i < n; i += ABREAST) {                                                  \
            const size_t some = n - i < ABREAST ? n - i : ABREAST;                                 \
            for (size_t k = 0; k < some; k++) v[k] = LD(a + (ptrdiff_t)(i + k) * sa);              \
            for (size_t k = 0; k < some; k++) w[k] = LD(b + (ptrdiff_t)(i + k) * sb);              \
            PICK_FROM(v, w, some, condition)                                                       \
            for (size_t k = 0; k < some; k++) ST(r + (ptrdiff_t)(i + k) * sr, v[k]);               \
        }                                                                                          \
        return;                                                                                    \
    }                                                                                              \
    FOLD_SEQ((condition) ? x : y)
#else
#define FOLD_LANES(condition) FOLD_SEQ((condition) ? x : y)
#endif

#define F1(name, res, body) PASTE(F1_, res)(name, body)
#ifdef LOOP_BITS
/* At other steps what takes a processor long goes side by side first, where vectors take it. */
#define TAKES_LONG(name) (!__builtin_strcmp(name, "sqrt") || !__builtin_strcmp(name, "sign"))
#define F1_SAME(name, body)                                                                        \
    LOOP_HEAD(name)                                                                                \
    {                                                                                              \
        enum { SOME = 64 };                                                                        \
        const char *a = p[0];                                                                      \
        char *r = p[1];                                                                            \
        const ptrdiff_t sa = s[0], sr = s[1], u = sizeof(num);                                     \
        if (sa == u && sr == u) {                                                                  \
            EACH WALK1(u, u, ST, body)                                                             \
            return;                                                                                \
        }                                                                                          \
        if (!TAKES_LONG(#name)) {                                                                  \
            for (size_t i = 0; i < n; i++) WALK1(sa, sr, ST, body)                                 \
            return;                                                                                \
        }                                                                                          \
        num room[SOME];                                                                            \
        for (size_t m; n; n -= m, a += (ptrdiff_t)m * sa, r += (ptrdiff_t)m * sr) {                \
            m = n < SOME ? n : SOME;                                                               \
            for (size_t i = 0; i < m; i++) room[i] = LD(a + (ptrdiff_t)i * sa);                    \
            for (size_t i = 0; i < m; i++) { const num x = room[i]; (void)x; room[i] = body; }     \
            for (size_t i = 0; i < m; i++) ST(r + (ptrdiff_t)i * sr, room[i]);                     \
        }                                                                                          \
    }
#else
#define F1_SAME(name, body) LOOP1(name, ST, sizeof(LOOP_MEM), body)
#endif
#define F1_BOOL(name, body) LOOP1(name, PUT_BOOL, 1, body)
#define F2(name, res, body) PASTE(F2_, res)(name, body)
#define F2_SAME(name, body) LOOP2(name, ST, sizeof(LOOP_MEM), FOLD_SEQ(body), body)
#define F2_BOOL(name, body) LOOP2(name, PUT_BOOL, 1, NO_FOLD, body)
#define F3(name, res, body) LOOP3(name, body)
#define FM(name, condition) LOOP2(name, ST, sizeof(LOOP_MEM), FOLD_LANES(condition), (condition) ? x : y)
#ifndef VECTOR_MATH
#define V1(name, res, body) LOOP1(name, ST, sizeof(LOOP_MEM), body)
#endif
#ifndef PAIRS_RUN
#define E2(name, res, body) F2(name, res, body)
#else
#define E2(name, res, body)                                                                        \
    static num exact_##name(num x, num y) { return body; }                                         \
    void LOOP_NAME(name)(size_t n, char *const *p, const ptrdiff_t *s);                            \
    void LOOP_NAME(name)(size_t n, char *const *p, const ptrdiff_t *s)                             \
    {                                                                                              \
        if (p[0] != p[2] || s[0] || s[2]) {                                                        \
            PAIRS_RUN(P_##name, exact_##name, n, p, s);                                            \
            return;                                                                                \
        }                                                                                          \
        for (size_t i = 0; i < n; i++) /* a fold */                                                \
            ST(p[2], exact_##name(LD(p[2]), LD(p[1] + (ptrdiff_t)i * s[1])));                      \
    }
#endif
#include "engine/kernels/ufunc_rows.h"

static inline num pairwise(const char *b, size_t n, ptrdiff_t sb)
{
    if (n < 8) {
        num sum = 0;
        for (size_t i = 0; i < n; i++) sum += LD(b + (ptrdiff_t)i * sb);
        return sum;
    }
    if (n > 128) {
        size_t half = n / 2;
        half -= half % 8;
        return pairwise(b, half, sb) + pairwise(b + (ptrdiff_t)half * sb, n - half, sb);
    }
    num t[8];
    for (int k = 0; k < 8; k++) t[k] = LD(b + k * sb);
    size_t i = 8;
    for (; i < n - n % 8; i += 8)
        for (int k = 0; k < 8; k++) t[k] += LD(b + ((ptrdiff_t)i + k) * sb);
    num sum = ((t[0] + t[1]) + (t[2] + t[3])) + ((t[4] + t[5]) + (t[6] + t[7]));
    for (; i < n; i++) sum += LD(b + (ptrdiff_t)i * sb);
    return sum;
}

#ifndef PAIRWISE_RUN /* of a contiguous run: see fold.h */
#define PAIRWISE_RUN(b, n) pairwise(b, n, sizeof(LOOP_MEM))
#endif
#define FOLD_PAIRS                                                                           \
    if (IS_FOLD) {                                                                                 \
        ST(r, LD(r) + (sb == u ? PAIRWISE_RUN(b, n) : pairwise(b, n, sb)));                        \
        return;                                                                                    \
    }
LOOP2(add, ST, sizeof(LOOP_MEM), FOLD_PAIRS, x + y)
#ifndef POWER_WHOLE /* a block by one exponent, where there is a faster way than pow */
#define POWER_WHOLE
#endif
#ifdef POWER_ROUGH /* vectors for all but a reduction, which goes one after the other */
#define POWER_REST                                                                                 \
    if (!IS_FOLD) {                                                                                \
        POWER_ROUGH(n, p, s);                                                                      \
        return;                                                                                    \
    }
#else
#define POWER_REST
#endif
LOOP2(power, ST, sizeof(LOOP_MEM), POWER_WHOLE POWER_REST FOLD_SEQ(M(pow, x, y)), M(pow, x, y))
// clang-format on

/* --- two results, mixed types --------------------------------------------------------------- */

#define IN(k) (p[k] + (ptrdiff_t)i * s[k])

#ifndef PAIRS_RUN
LOOP_HEAD(divmod)
{
    for (size_t i = 0; i < n; i++) {
        num x = LD(IN(0)), y = LD(IN(1));
        num q = floordiv(x, y), r = modulo(x, y);
        ST(IN(2), q);
        ST(IN(3), r);
    }
}
#else
/* outputs may be inputs: quotients and remainders of a few pairs at a time */
void LOOP_NAME(divmod)(size_t n, char *const *p, const ptrdiff_t *s);
void LOOP_NAME(divmod)(size_t n, char *const *p, const ptrdiff_t *s)
{
    enum { SOME = 256 };
    num x[SOME], y[SOME];
    const ptrdiff_t u = sizeof(num);
    for (size_t i = 0; i < n; i += SOME) {
        size_t m = n - i < SOME ? n - i : SOME;
        for (size_t k = 0; k < m; k++) x[k] = LD(IN(0) + (ptrdiff_t)k * s[0]);
        for (size_t k = 0; k < m; k++) y[k] = LD(IN(1) + (ptrdiff_t)k * s[1]);
        char *both[3] = {(char *)x, (char *)y, IN(2)};
        PAIRS_RUN(P_floor_divide, floordiv, m, both, ((ptrdiff_t[]){u, u, s[2]}));
        both[2] = IN(3);
        PAIRS_RUN(P_remainder, modulo, m, both, ((ptrdiff_t[]){u, u, s[3]}));
    }
}
#endif

LOOP_HEAD(modf)
{
    for (size_t i = 0; i < n; i++) {
        num whole, part = M(modf, LD(IN(0)), &whole);
        ST(IN(1), part);
        ST(IN(2), whole);
    }
}

/* Pieces of 256 at any steps go by vectors; one with something odd in it goes to libm. */
enum {
    FEW = 256,
    MANTISSA = sizeof(num) == 4 ? 23 : 52,
    EXPONENTS = sizeof(num) == 4 ? 0xff : 0x7ff
};

static void load_few(size_t n, num *x, const char *at, ptrdiff_t step)
{
    if (step == sizeof(num) && sizeof(num) == sizeof(LOOP_MEM)) {
        memcpy(x, at, n * sizeof *x);
        return;
    }
    for (size_t i = 0; i < n; i++) x[i] = LD(at + (ptrdiff_t)i * step);
}

static void store_few(size_t n, char *at, ptrdiff_t step, const num *x)
{
    if (step == sizeof(num) && sizeof(num) == sizeof(LOOP_MEM)) {
        memcpy(at, x, n * sizeof *x);
        return;
    }
    for (size_t i = 0; i < n; i++) ST(at + (ptrdiff_t)i * step, x[i]);
}

SIMD_KERNEL(static, fractions, (size_t n, const num *x, num *part, int32_t *power, bool *odd),
            (n, x, part, power, odd))
{
    const bits most = EXPONENTS;
    bits any = 0;
    for (size_t i = 0; i < n; i++) {
        const bits b = bits_of(x[i]), e = b >> MANTISSA & most;
        const bits zero = x[i] == 0, half = (b & ~(most << MANTISSA)) | (most / 2 - 1) << MANTISSA;
        any |= (e == most) | ((e == 0) & !zero);
        part[i] = of_bits(zero ? b : half);
        power[i] = zero ? 0 : (int32_t)(e - (most / 2 - 1));
    }
    *odd = any != 0;
}

void LOOP_NAME(frexp)(size_t n, char *const *p, const ptrdiff_t *s);
void LOOP_NAME(frexp)(size_t n, char *const *p, const ptrdiff_t *s)
{
    num x[FEW], part[FEW];
    int32_t power[FEW];
    for (size_t i = 0; i < n; i += FEW) {
        const size_t m = n - i < FEW ? n - i : FEW;
        bool odd;
        load_few(m, x, IN(0), s[0]);
        fractions(m, x, part, power, &odd);
        for (size_t k = 0; odd && k < m; k++) {
            int one = 0;
            part[k] = M(frexp, x[k], &one);
            power[k] = one;
        }
        store_few(m, IN(1), s[1], part);
        if (s[2] == sizeof *power)
            memcpy(IN(2), power, m * sizeof *power);
        else
            for (size_t k = 0; k < m; k++) memcpy(IN(2) + (ptrdiff_t)k * s[2], &power[k], 4);
    }
}

/* A product with a power of two is rounded once, as ldexp's result is. */
#define LDEXP(T)                                                                                   \
    SIMD_KERNEL(static, scale_##T, (size_t n, num * x, const T##_t *power, bool *odd),             \
                (n, x, power, odd))                                                                \
    {                                                                                              \
        T##_t any = 0;                                                                             \
        for (size_t i = 0; i < n; i++) any |= (power[i] < -1022) | (power[i] > 1023);              \
        *odd = any != 0;                                                                           \
        for (size_t i = 0; !any && i < n; i++) {                                                   \
            const uint64_t two = (uint64_t)((int64_t)power[i] + 1023) << 52;                       \
            double d;                                                                              \
            memcpy(&d, &two, sizeof d);                                                            \
            x[i] = (num)((double)x[i] * d);                                                        \
        }                                                                                          \
    }                                                                                              \
    void PASTE(LOOP_NAME(ldexp), _##T)(size_t n, char *const *p, const ptrdiff_t *s);              \
    void PASTE(LOOP_NAME(ldexp), _##T)(size_t n, char *const *p, const ptrdiff_t *s)               \
    {                                                                                              \
        num x[FEW];                                                                                \
        T##_t power[FEW];                                                                          \
        for (size_t i = 0; i < n; i += FEW) {                                                      \
            const size_t m = n - i < FEW ? n - i : FEW;                                            \
            bool odd;                                                                              \
            load_few(m, x, IN(0), s[0]);                                                           \
            if (s[1] == sizeof *power)                                                             \
                memcpy(power, IN(1), m * sizeof *power);                                           \
            else                                                                                   \
                for (size_t k = 0; k < m; k++)                                                     \
                    memcpy(&power[k], IN(1) + (ptrdiff_t)k * s[1], sizeof *power);                 \
            scale_##T(m, x, power, &odd);                                                          \
            for (size_t k = 0; odd && k < m; k++) {                                                \
                const T##_t far = power[k] < 100000 ? power[k] : 100000;                           \
                x[k] = M(ldexp, x[k], far > -100000 ? (int)far : -100000);                         \
            }                                                                                      \
            store_few(m, IN(2), s[2], x);                                                          \
        }                                                                                          \
    }
LDEXP(int32)
LDEXP(int64)

LOOP_HEAD(nextafter)
{
    for (size_t i = 0; i < n; i++) NEXT(IN(2), IN(0), IN(1));
}

LOOP_HEAD(spacing)
{
    for (size_t i = 0; i < n; i++) SPACING(IN(1), IN(0));
}

/* engine/kernels/elementary_core.h - exponentials and logarithms that others are made of; included
 * by elementary_fma.c and so on, which define VECTOR (bytes), FMA(x, y, z), FMS(x, y, z), ROOT(x),
 * IF_BELOW(a, b, x, y) (lanes of x where a < b, else of y), IF_LESS (of signed integers),
 * SOME_BELOW(a, b) (is any?), SMALLER(a, b) and LARGER(a, b), LOOK_UP(table, i) (of 16 doubles by
 * the last four bits of i) and SCALED(x, k, n): x times two to the power of floor(n / 16), k being
 * n as a double.
 *
 * A `two` is a sum of two doubles that stands for more digits than one has.  A logarithm's argument
 * is brought near 1 by a power of two and one of 13 quotients, an exponential's near 0 by
 * sixteenths of ln 2; polynomials (Chebyshev fits on these ranges) do the rest. */
#include <math.h>
#include <stdint.h>
#include <string.h>

typedef double V __attribute__((vector_size(VECTOR)));
typedef uint64_t U __attribute__((vector_size(VECTOR)));
typedef double loose __attribute__((vector_size(VECTOR), aligned(8), may_alias));
enum { LANES = VECTOR / 8 };

typedef struct two {
    V high, low;
} two;

#define INLINE static inline __attribute__((always_inline))

INLINE V all(double x)
{
    return x - (V){0};
}

INLINE V absolute(V x)
{
    return (V)((U)x & ~(U)all(-0.0));
}

/* x >= 0 with the sign of s */
INLINE V with_sign(V x, V s)
{
    return (V)((U)x | ((U)s & (U)all(-0.0)));
}

/* |a| >= |b|, or a == 0 */
INLINE two sum_sorted(V a, V b)
{
    const V s = a + b;
    return (two){s, (a - s) + b};
}

INLINE two sum(V a, V b)
{
    const V s = a + b, t = s - a;
    return (two){s, (a - (s - t)) + (b - t)};
}

INLINE two product(V a, V b)
{
    const V p = a * b;
    return (two){p, FMS(a, b, p)};
}

/* a / b */
INLINE two quotient(two a, two b)
{
    const V y = 1.0 / b.high, q = a.high * y;
    const V rest = FMA(-q, b.high, a.high) + FMA(-q, b.low, a.low);
    return sum_sorted(q, rest * y);
}

#define C0(c)             all(c)
#define HORNER(p, x, c)   ((p) = FMA(p, x, all(c)))
#define MAGIC             0x1.8p52 /* added to a double it rounds it to an integer, in the last bits */
#define WHOLE_OF(shifted) ((U)(shifted) - (U)all(MAGIC))

/* an integer below 2^51 as a double */
INLINE V number_of(U i)
{
    return (V)(i + (U)all(0x1p52)) - 0x1p52;
}

/* 2^k, for k of a normal number */
INLINE V power_of_two(U k)
{
    return (V)((k + 1023) << 52);
}

/* --- logarithms ---------------------------------------------------------------------------------
 */

/* of m/16, m = 16 .. 24, -, 12 .. 15: near its inverse; the logarithm of that, sign turned */
static const double log_scale[16] = {
    0x1p0,      0x1.e1ep-1, 0x1.c72p-1, 0x1.af2p-1, 0x1.99ap-1, 0x1.862p-1, 0x1.746p-1, 0x1.642p-1,
    0x1.556p-1, 1,          1,          1,          0x1.555p0,  0x1.3b1p0,  0x1.249p0,  0x1.111p0};
/* multiples of 2^-42, as LN2_HIGH is: sums with its multiples are exact */
static const double log_high[16] = {0,
                                    0x1.f0c30c1118000p-5,
                                    0x1.e2507702b0000p-4,
                                    0x1.601b076e7a000p-3,
                                    0x1.c8df7cb9a8000p-3,
                                    0x1.1661caecba000p-2,
                                    0x1.4610bc29c6000p-2,
                                    0x1.73c1800dc1000p-2,
                                    0x1.9f123f4bf7000p-2,
                                    0,
                                    0,
                                    0,
                                    -0x1.268620f34d000p-2,
                                    -0x1.a926d3a4ae000p-3,
                                    -0x1.1168e8127e000p-3,
                                    -0x1.08498b51e4000p-4};
static const double log_low[16] = {0,
                                   -0x1.caef3588b7d80p-45,
                                   -0x1.f897980522249p-45,
                                   0x1.152d7d4dfc8e5p-44,
                                   0x1.eee42f58e1e6ep-44,
                                   -0x1.171fff9fc4abbp-44,
                                   -0x1.e82c9f310c8e6p-46,
                                   -0x1.9be4811571280p-45,
                                   -0x1.2edbfd41b7fc2p-45,
                                   0,
                                   0,
                                   0,
                                   -0x1.8f44b998bb50ep-44,
                                   0x1.53935e85baac8p-44,
                                   -0x1.93436f195cb75p-46,
                                   0x1.93b33c55fb24fp-46};
#define LN2_HIGH 0x1.62e42fefa3800p-1
#define LN2_LOW  0x1.ef35793c76730p-45

/* x = 2^(k - 1024) * z, z from 3/4 to 3/2 */
INLINE U binary_exponent(V x, V *z)
{
    const U up = (U)x - (U)all(0.75) + ((uint64_t)1024 << 52), k = up >> 52;
    *z = (V)((U)x - (up & ~(((uint64_t)1 << 52) - 1)) + ((uint64_t)1024 << 52));
    return k;
}

/* What a logarithm needs of x: the reduced argument r, and the logarithm without that of 1 + r. */
typedef struct reduced {
    two r, rest;
} reduced;

INLINE reduced logarithm_parts(two x, V more)
{
    V z;
    const U k = binary_exponent(x.high, &z), i = (U)(z + 0x1.8p48);
    const V c = LOOK_UP(log_scale, i), turns = number_of(k) - 1024.0 + more;
    const two near = product(z, c);
    /* 2^(1024 - k), or 0 where that is below all: for the largest numbers, k being 2048 */
    const V back = (V)(((2047 - k) & ((k >> 11) - 1)) << 52);
    const V low = FMA(x.low * back, c, near.low);
    return (reduced){{near.high - 1.0, low},
                     {FMA(turns, all(LN2_HIGH), LOOK_UP(log_high, i)),
                      FMA(turns, all(LN2_LOW), LOOK_UP(log_low, i))}};
}

/* (ln(1 + r) - r) / r^2 */
INLINE V log_tail(V r)
{
    V p = C0(0x1.759ae8c23ecd5p-4);
    HORNER(p, r, -0x1.9af1e501def26p-4), HORNER(p, r, 0x1.c71c07153cebbp-4);
    HORNER(p, r, -0x1.ffff8c6af1516p-4), HORNER(p, r, 0x1.2492492b33a81p-3);
    HORNER(p, r, -0x1.5555555c8415cp-3), HORNER(p, r, 0x1.999999999960ap-3);
    HORNER(p, r, -0x1.ffffffffffc25p-3), HORNER(p, r, 0x1.5555555555555p-2);
    return HORNER(p, r, -0.5);
}

/* ln(x) of a normal number above 0, the sum of both; error 2^-61 */
INLINE two logarithm_of_one(V x)
{
    const reduced l = logarithm_parts((two){x, all(0)}, all(0));
    const V r = l.r.high;
    const two first = sum_sorted(l.rest.high, r);
    const V low = FMA(-r, l.r.low, l.r.low) + l.rest.low;
    return (two){first.high, FMA(r * r, log_tail(r), first.low + low)};
}

/* ln(x.high + x.low) + more * ln 2, for a normal number above 0; error 2^-64 */
INLINE two logarithm(two x, V more)
{
    const reduced l = logarithm_parts(x, more);
    const two r = sum_sorted(l.r.high, l.r.low);
    V p = C0(-0x1.569d4f9f85d51p-4);
    HORNER(p, r.high, 0x1.75be4a0ee75cbp-4), HORNER(p, r.high, -0x1.999919224244bp-4);
    HORNER(p, r.high, 0x1.c71be76f14994p-4), HORNER(p, r.high, -0x1.0000000a43c54p-3);
    HORNER(p, r.high, 0x1.2492492fa0183p-3), HORNER(p, r.high, -0x1.5555555554c26p-3);
    HORNER(p, r.high, 0x1.9999999998fb6p-3), HORNER(p, r.high, -0x1p-2);
    HORNER(p, r.high, 0x1.5555555555555p-2);
    const V half = -0.5 * r.high;
    const two first = sum_sorted(l.rest.high, r.high), square = product(r.high, half);
    const two both = sum_sorted(first.high, square.high);
    const V rest = l.rest.low + first.low + both.low + square.low + FMA(-r.high, r.low, r.low);
    return sum_sorted(both.high, FMA(r.high * r.high * r.high, p, rest));
}

/* its value alone, with an error of 2^-56 */
INLINE V logarithm_value(two x, V more)
{
    const reduced l = logarithm_parts(x, more);
    const two r = sum_sorted(l.r.high, l.r.low);
    const two first = sum_sorted(l.rest.high, r.high);
    const V low = FMA(-r.high, r.low, r.low) + l.rest.low;
    return first.high + FMA(r.high * r.high, log_tail(r.high), first.low + low);
}

/* the same of x alone, with an error of 2^-40 */
INLINE V logarithm_rough(V x)
{
#ifdef MANTISSA
    const V z = MANTISSA(x), turns = EXPONENT(x);
#else
    V z;
    const V turns = number_of(binary_exponent(x, &z)) - 1024.0;
#endif
    const U i = (U)(z + 0x1.8p48);
    const V r = FMS(z, LOOK_UP(log_scale, i), all(1));
    V p = C0(0x1.2511b2af126edp-3);
    HORNER(p, r, -0x1.55e4aae675a68p-3), HORNER(p, r, 0x1.99998b58e493ap-3);
    HORNER(p, r, -0x1.ffffeff75e1afp-3), HORNER(p, r, 0x1.5555555555555p-2), HORNER(p, r, -0.5);
    return FMA(turns, all(LN2_HIGH), LOOK_UP(log_high, i)) + FMA(r * r, p, r);
}

/* r for positive x that are finite, else NaN; vmath.c knows better about 0 and infinity */
INLINE V if_positive(V x, V r)
{
    const uint64_t flip = (uint64_t)1 << 63;
    return IF_LESS((U)x + (flip - 1), (U)all(INFINITY) + (flip - 1), r, all(NAN));
}

/* r for positive x; what a logarithm is of others: not finite, NaN below zero */
INLINE V logarithm_or(V x, V r)
{
    const V low = IF_BELOW(x, all(0), all(NAN), all(-INFINITY));
    return IF_BELOW(x, all(INFINITY), IF_BELOW(all(0), x, r, low), x);
}

/* --- exponentials -------------------------------------------------------------------------------
 */

/* 2^(i/16) */
static const double exp_high[16] = {0x1p0,
                                    0x1.0b5586cf9890fp0,
                                    0x1.172b83c7d517bp0,
                                    0x1.2387a6e756238p0,
                                    0x1.306fe0a31b715p0,
                                    0x1.3dea64c123422p0,
                                    0x1.4bfdad5362a27p0,
                                    0x1.5ab07dd485429p0,
                                    0x1.6a09e667f3bcdp0,
                                    0x1.7a11473eb0187p0,
                                    0x1.8ace5422aa0dbp0,
                                    0x1.9c49182a3f090p0,
                                    0x1.ae89f995ad3adp0,
                                    0x1.c199bdd85529cp0,
                                    0x1.d5818dcfba487p0,
                                    0x1.ea4afa2a490dap0};
static const double exp_low[16] = {0,
                                   0x1.8a62e4adc610bp-54,
                                   -0x1.19041b9d78a76p-55,
                                   0x1.9b07eb6c70573p-54,
                                   0x1.6f46ad23182e4p-55,
                                   0x1.ada0911f09ebcp-55,
                                   0x1.d4397afec42e2p-56,
                                   0x1.6324c054647adp-54,
                                   -0x1.bdd3413b26456p-54,
                                   -0x1.41577ee04992fp-55,
                                   0x1.6e9f156864b27p-54,
                                   0x1.c7c46b071f2bep-56,
                                   0x1.7a1cd345dcc81p-54,
                                   0x1.11065895048ddp-55,
                                   0x1.2ed02d75b3707p-55,
                                   -0x1.e9c23179c2893p-54};
#define SIXTEENTHS 0x1.71547652b82fep4 /* 16 / ln 2 */
#define PART_HIGH  0x1.62e42fefa0000p-5
#define PART_LOW   0x1.cf79abc9e3b3ap-44
#define LN2        0x1.62e42fefa39efp-1

/* (exp(r) - 1 - r) / r^2 */
INLINE V exp_tail(V r)
{
    V p = C0(0x1.a01b0c3c80bbcp-13);
    HORNER(p, r, 0x1.6c17ed5c1f49ep-10), HORNER(p, r, 0x1.11111110e1059p-7);
    HORNER(p, r, 0x1.55555554e93b7p-5), HORNER(p, r, 0x1.5555555555556p-3);
    return HORNER(p, r, 0.5);
}

INLINE V exp_tail_rough(V r)
{
    V p = C0(0x1.55565bc76401bp-5);
    HORNER(p, r, 0x1.5556df00a164dp-3);
    return HORNER(p, r, 0.5);
}

/* n / 16 as 2^k * 2^(i/16): k, as two halves whose powers of two are normal numbers */
INLINE V times_power(V x, U n)
{
    const U k = ((n + 0x8000) >> 4) - 0x800, half = ((k + 0x800) >> 1) - 0x400;
    return x * power_of_two(half) * power_of_two(k - half);
}

INLINE V limited(V x, double most)
{
    return LARGER(all(-most), SMALLER(all(most), x));
}

/* exp(r + low) * 2^(k/16), |r| up to ln 2 / 32; k is in the last bits of n */
INLINE V exponential_part(V r, V low, V k, U n)
{
    (void)k;
    const V high = LOOK_UP(exp_high, n), p = r + FMA(r * r, exp_tail(r), low);
    return SCALED(high + FMA(high, p, LOOK_UP(exp_low, n)), k, n);
}

/* its argument in sixteenths of ln 2 (k, n), and what is left */
INLINE two exponential_rest(two x, V *k, U *n)
{
    const V shifted = FMA(x.high, all(SIXTEENTHS), all(MAGIC)), turns = shifted - MAGIC;
    const V left = FMA(-turns, all(PART_HIGH), x.high), r = FMA(-turns, all(PART_LOW), left);
    *n = WHOLE_OF(shifted);
    *k = turns;
    return sum_sorted(r, FMA(-turns, all(PART_LOW), left - r) + x.low);
}

INLINE V exponential(two x)
{
    U n;
    V k;
    const two r = exponential_rest((two){limited(x.high, 800), limited(x.low, 1)}, &k, &n);
    return exponential_part(r.high, r.low, k, n);
}

INLINE V exponential_of_one(V x)
{
    x = limited(x, 800);
    const V shifted = FMA(x, all(SIXTEENTHS), all(MAGIC)), turns = shifted - MAGIC;
    const V r = FMA(-turns, all(PART_LOW), FMA(-turns, all(PART_HIGH), x));
    return exponential_part(r, all(0), turns, WHOLE_OF(shifted));
}

/* exp(x) - 1; from 710 on not a number */
INLINE two exponential_less_1(V x)
{
    U n;
    V k;
    x = SMALLER(all(710), x);
    const two r = exponential_rest((two){x, all(0)}, &k, &n);
    const V times = power_of_two(((n + 0x8000) >> 4) - 0x800);
    const V scale = LOOK_UP(exp_high, n) * times, low = LOOK_UP(exp_low, n) * times;
    const two less = sum(scale, all(-1)), more = product(scale, r.high);
    const two both = sum(less.high, more.high);
    const V tail = FMA(r.high * r.high, exp_tail(r.high), r.low);
    return sum_sorted(both.high,
                      FMA(scale, tail, FMA(low, r.high, low) + less.low + more.low) + both.low);
}

/* the same with errors of 2^-36 */
INLINE V exponential_rough(V x, const int less_1)
{
    const V shifted = FMA(x, all(SIXTEENTHS), all(MAGIC)), turns = shifted - MAGIC;
    const V r = FMA(-turns, all(LN2 / 16), x);
    const V scale = SCALED(LOOK_UP(exp_high, (U)shifted), turns, WHOLE_OF(shifted));
    return FMA(scale, FMA(r * r, exp_tail_rough(r), r), less_1 ? scale - 1.0 : scale);
}

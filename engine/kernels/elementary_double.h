/* engine/kernels/elementary_double.h - the functions of doubles, made of elementary_core.h; errors
 * are below 0.9 ulp, of most below 0.6.  Where arguments or results are not normal numbers libm
 * answers (vmath.c). */

#define ALONE(x)      ((two){x, all(0)})
#define INV_LN2_HIGH  0x1.71547652b82fep+0
#define INV_LN2_LOW   0x1.777d0ffda0d24p-56
#define INV_LN10_HIGH 0x1.bcb7b1526e50ep-2
#define INV_LN10_LOW  0x1.95355baaafad3p-57

INLINE V double_exp(V x)
{
    return exponential_of_one(x);
}

INLINE V double_exp2(V x)
{
    x = limited(x, 1200);
    const V shifted = x + MAGIC / 16;
    const V left = x - (shifted - MAGIC / 16);
    return exponential_part(left * LN2, all(0), 16.0 * (x - left), (U)shifted - (U)all(MAGIC / 16));
}

INLINE V double_expm1(V x)
{
    return exponential_less_1(LARGER(all(-45), x)).high;
}

INLINE V double_log(V x)
{
    const two l = logarithm_of_one(x);
    return if_positive(x, l.high + l.low);
}

/* log(x) * (high + low) */
INLINE V logarithm_to(V x, double high, double low)
{
    const two l = logarithm_of_one(x);
    const V p = l.high * high;
    return if_positive(x, p + (FMS(l.high, all(high), p) + FMA(l.high, all(low), l.low * high)));
}

INLINE V double_log2(V x)
{
    return logarithm_to(x, INV_LN2_HIGH, INV_LN2_LOW);
}

INLINE V double_log10(V x)
{
    return logarithm_to(x, INV_LN10_HIGH, INV_LN10_LOW);
}

INLINE V double_log1p(V x)
{
    const two all_of_it = sum(all(1), x);
    return logarithm_or(x + 1.0, logarithm_value(all_of_it, all(0)));
}

/* --- hyperbolic functions --- */

/* scaled to half of it before it is large: no infinity before its time */
INLINE V double_cosh(V x)
{
    U n;
    V k;
    const two r = exponential_rest(ALONE(SMALLER(all(800), absolute(x))), &k, &n);
    const V high = LOOK_UP(exp_high, n);
    const V p = r.high + FMA(r.high * r.high, exp_tail(r.high), r.low);
    const two e = sum_sorted(high, FMA(high, p, LOOK_UP(exp_low, n)));
    const V half = SCALED(e.high, k - 16.0, n - 16), low = SCALED(e.low, k - 16.0, n - 16),
            y = 0.25 / half;
    return half + (y + FMA(-4.0 * low * y, y, low));
}

INLINE V double_sinh(V x)
{
    const V a = absolute(x);
    const two e = exponential_less_1(a);
    const two more = sum(e.high, all(1)), inverse = quotient(e, (two){more.high, more.low + e.low});
    const two both = sum_sorted(e.high, inverse.high);
    const V r = with_sign(0.5 * (both.high + (both.low + (e.low + inverse.low))), x);
    if (!SOME_BELOW(all(700), a)) return r;
    return IF_BELOW(all(700), a, with_sign(double_cosh(x), x), r);
}

INLINE V double_tanh(V x)
{
    const V a = absolute(x), twice = a + a;
    const two e = exponential_less_1(SMALLER(all(45), twice));
    const two more = sum(e.high, all(2));
    return with_sign(quotient(e, (two){more.high, more.low + e.low}).high, x);
}

/* sqrt(x.high + x.low), and 0 of 0 */
INLINE two root(two x)
{
    const V s = ROOT(x.high), rest = FMA(-s, s, x.high) + x.low;
    return (two){s, IF_BELOW(all(0), s, rest * (0.5 / s), all(0))};
}

/* log(x + sqrt(x * x + c)), x >= 0 */
INLINE V logarithm_of_both(V x, double c)
{
    const V is_large = all(0x1p28);
    const two square = product(x, x), inner = sum(square.high, all(c));
    const two s = root((two){inner.high, inner.low + square.low}), all_of_it = sum(s.high, x);
    const two either = {IF_BELOW(x, is_large, all_of_it.high, x),
                        IF_BELOW(x, is_large, all_of_it.low + s.low, all(0))};
    return logarithm_value(either, IF_BELOW(x, is_large, all(0), all(1)));
}

INLINE V double_arcsinh(V x)
{
    const V a = absolute(x), r = logarithm_of_both(a, 1);
    return with_sign(IF_BELOW(a, all(INFINITY), IF_BELOW(a, all(0x1p-28), a, r), a), x);
}

INLINE V double_arccosh(V x)
{
    const V r = logarithm_of_both(LARGER(all(1), x), -1);
    return IF_BELOW(x, all(1), all(NAN), IF_BELOW(x, all(INFINITY), r, x));
}

INLINE V double_arctanh(V x)
{
    const V a = absolute(x), inside = IF_BELOW(a, all(1), a, all(0));
    const two q = quotient(sum_sorted(all(1), inside), sum_sorted(all(1), -inside));
    const V r = 0.5 * logarithm_value(q, all(0));
    const V outside = IF_BELOW(all(1), a, all(NAN), all(INFINITY));
    return with_sign(IF_BELOW(a, all(1), IF_BELOW(a, all(0x1p-28), a, r), outside), x);
}

/* --- roots --- */

/* 2^(-i/3), i = 0, 1, 2 */
static const double root_scale[16] = {1, 0x1.965fea53d6e3dp-1, 0x1.428a2f98d728bp-1};

/* a^(-1/3) with an error of 2^-40, a = 2^j * m, 1 <= m < 2 */
INLINE V inverse_root(V m, U j)
{
    V p = C0(0x1.c731837107b28p-6);
    HORNER(p, m, -0x1.bb1bec900c2fdp-3), HORNER(p, m, 0x1.5e8accb9a7d37p-1);
    HORNER(p, m, -0x1.2992df8a9809cp0), HORNER(p, m, 0x1.aa913e4c930ecp0);
    const V h = FMA(-m * p, p * p, all(1));
    return FMA(p, h * FMA(h, all(2.0 / 9), all(1.0 / 3)), p) * LOOK_UP(root_scale, j);
}

INLINE V double_cbrt(V x)
{
    const V a = absolute(x);
    const V large = IF_BELOW(a, all(0x1p-1000), a * 0x1p60, a);
    const V back = IF_BELOW(a, all(0x1p-1000), all(0x1p-20), all(1));
    const V e = number_of((U)large >> 52), shifted = FMA(e, all(1.0 / 3), all(-0.375)) + MAGIC;
    const U q = WHOLE_OF(shifted), j = ((U)large >> 52) - q * 3;
    const V m = (V)(((U)large & (((uint64_t)1 << 52) - 1)) | (U)all(1));
    const V of = (V)((U)m + (j << 52)), r = inverse_root(m, j), rr = r * r, y = of * rr;
    const two square = product(y, y);
    const V rest = FMA(-square.high, y, of) - square.low * y;
    const V whole = FMA(rest, rr * (1.0 / 3), y) * power_of_two(q - 341) * back;
    return with_sign(IF_BELOW(all(0), a, IF_BELOW(a, all(INFINITY), whole, a), a), x);
}

/* --- angles --- */

/* i/15, its arc tangent; near 0 points need not be turned */
static const double atan_at[16] = {0,
                                   0,
                                   0x1.1111111111111p-3,
                                   0x1.999999999999ap-3,
                                   0x1.1111111111111p-2,
                                   0x1.5555555555555p-2,
                                   0x1.999999999999ap-2,
                                   0x1.ddddddddddddep-2,
                                   0x1.1111111111111p-1,
                                   0x1.3333333333333p-1,
                                   0x1.5555555555555p-1,
                                   0x1.7777777777777p-1,
                                   0x1.999999999999ap-1,
                                   0x1.bbbbbbbbbbbbcp-1,
                                   0x1.ddddddddddddep-1,
                                   1};
static const double atan_high[16] = {0,
                                     0,
                                     0x1.0f772d81fdc0bp-3,
                                     0x1.94441f8f7260cp-3,
                                     0x1.0adb5a7741c03p-2,
                                     0x1.4978fa3269ee1p-2,
                                     0x1.85a376b677dc0p-2,
                                     0x1.bf1b30afc731bp-2,
                                     0x1.f5b75f92c80ddp-2,
                                     0x1.14b1dd5f90ce1p-1,
                                     0x1.2d0ead6066395p-1,
                                     0x1.43f7a7c1d53c7p-1,
                                     0x1.5977a5103ea93p-1,
                                     0x1.6d9d4bc9d5828p-1,
                                     0x1.8079c6293aee0p-1,
                                     0x1.921fb54442d18p-1};
static const double atan_low[16] = {0,
                                    0,
                                    0x1.3e1959820e856p-60,
                                    -0x1.bd7fbfba49d93p-58,
                                    0x1.dc8f0bd95a7a0p-56,
                                    -0x1.424cbde73c20fp-57,
                                    0x1.05437130f10cdp-58,
                                    0x1.5ca225f568c1dp-60,
                                    0x1.206ab5bf89282p-56,
                                    -0x1.bdc3d8b25f2a4p-56,
                                    0x1.90737b3d6cbc1p-56,
                                    -0x1.4b583245c4c55p-55,
                                    -0x1.df27bdae742c1p-55,
                                    -0x1.0ceccdd81fc31p-56,
                                    -0x1.c2cfe75319506p-56,
                                    0x1.1a62633145c07p-55};
#define HALF_PI_HIGH 0x1.921fb54442d18p+0
#define HALF_PI_LOW  0x1.1a62633145c07p-54

/* near 15 y / x in the last bits; 0 <= y <= x, x a normal number */
INLINE U atan_place(V y, V x)
{
    V inverse = (V)(0x7fde623822fc16e6u - (U)x); /* within an eighth */
    inverse *= 2.0 - x * inverse;
    inverse *= 2.0 - x * inverse;
    return (U)FMA(y * inverse, all(15), all(MAGIC));
}

/* the angle of a point at (x, y), 0 <= y <= x */
INLINE two angle(V y, V x)
{
    const U i = atan_place(y, x);
    const V c = LOOK_UP(atan_at, i);
    const two cx = product(c, x);
    const V above = (y - cx.high) - cx.low, below = FMA(c, y, x), inverse = 1.0 / below;
    const V t = above * inverse, low = FMA(-t, below, above) * inverse, s = t * t;
    V p = C0(0x1.31d1000d809a6p-4);
    HORNER(p, s, -0x1.743d43e2fdaa9p-4), HORNER(p, s, 0x1.c71c3bcf2f4c3p-4);
    HORNER(p, s, -0x1.2492490d68f87p-3), HORNER(p, s, 0x1.9999999990749p-3);
    HORNER(p, s, -0x1.555555555554cp-2);
    const two both = sum_sorted(LOOK_UP(atan_high, i), t);
    return (two){both.high, both.low + FMA(t * s, p, LOOK_UP(atan_low, i) + low)};
}

/* k quarter turns less an angle */
INLINE two turned(two a, double k)
{
    const two both = sum_sorted(all(k * HALF_PI_HIGH), -a.high);
    return (two){both.high, both.low + (k * HALF_PI_LOW - a.low)};
}

/* for each quarter of an octave from 1/4 (at 4) to 4, a number near the middle, its arc tangent */
static const double arctan_at[16] = {
    0x1.1d0p+1, 0x1.5d6p+1, 0x1.9dcp+1, 0x1.de0p+1, 0x1.200p-2, 0x1.600p-2, 0x1.a00p-2, 0x1.e00p-2,
    0x1.1f0p-1, 0x1.5f0p-1, 0x1.9f0p-1, 0x1.df0p-1, 0x1.1e0p+0, 0x1.5e0p+0, 0x1.9e4p+0, 0x1.de4p+0};
static const double arctan_high[16] = {
    0x1.260f602d89d37p+0, 0x1.3838a5cf8314ap+0, 0x1.455127af8261fp+0, 0x1.4f249ef094022p+0,
    0x1.18bf5a30bf178p-2, 0x1.530ad9951cd4ap-2, 0x1.8b24d394a1b25p-2, 0x1.c0db4c94ec9f0p-2,
    0x1.059547bbc38eap-1, 0x1.33b1035032e8bp-1, 0x1.5cbe3ee37b8fbp-1, 0x1.8114a9904ecfap-1,
    0x1.ae6f38727cb4ep-1, 0x1.e0ea42989ba49p-1, 0x1.046b03ce6e30cp+0, 0x1.144e5f0fdd2cep+0};
static const double arctan_low[16] = {
    -0x1.c74c949e1e659p-54, 0x1.17ff71f3235b7p-54,  0x1.f39b05008bb3ep-54,  -0x1.598d4a07c632dp-55,
    0x1.30ca4748b1bf9p-57,  -0x1.2566480884082p-57, 0x1.b6d0ba3748fa8p-56,  -0x1.cc1ce70934c34p-56,
    0x1.9901661334fedp-55,  0x1.9769247b31a70p-57,  -0x1.c9aff94eaec89p-55, -0x1.9609ddc09ea68p-59,
    -0x1.9ef20fd741d10p-55, -0x1.606ab4633c24cp-55, 0x1.9b8ed7fe60c63p-57,  -0x1.7e0c0ba8110c3p-56};

/* a as one of the table, c, and t: arctan(a) = arctan(c) + arctan(t).  Below 1/4 c is 0, from 4 on
 * it is infinite. */
INLINE V double_arctan(V x)
{
    const V a = absolute(x), quarter = all(0.25), four = all(4);
    const U i = (U)a >> 50;
    const V c = IF_BELOW(a, quarter, all(0), LOOK_UP(arctan_at, i));
    const V high = IF_BELOW(a, quarter, all(0), LOOK_UP(arctan_high, i));
    const V low = IF_BELOW(a, quarter, all(0), LOOK_UP(arctan_low, i));
    const V t = IF_BELOW(a, four, a - c, all(-1)) / IF_BELOW(a, four, FMA(a, c, all(1)), a);
    const V s = t * t;
    V p = C0(-0x1.47ae752ac1038p-5);
    HORNER(p, s, 0x1.d4fb26208415bp-5), HORNER(p, s, -0x1.109c2ece849e6p-4);
    HORNER(p, s, 0x1.3b0ea747dc96dp-4), HORNER(p, s, -0x1.745cf4d598ee3p-4);
    HORNER(p, s, 0x1.c71c71388ccfap-4), HORNER(p, s, -0x1.24924923eb16ap-3);
    HORNER(p, s, 0x1.9999999998d92p-3), HORNER(p, s, -0x1.5555555555553p-2);
    const V rest = t + FMA(t * s, p, IF_BELOW(a, four, low, all(HALF_PI_LOW)));
    return with_sign(IF_BELOW(a, four, high, all(HALF_PI_HIGH)) + rest, x);
}

INLINE V double_arctan2(V y, V x)
{
    const V a = absolute(y), b = absolute(x);
    const two t = angle(SMALLER(a, b), LARGER(a, b)), u = turned(t, 1);
    const two v = {IF_BELOW(b, a, u.high, t.high), IF_BELOW(b, a, u.low, t.low)};
    const two w = turned(v, 2);
    return with_sign(IF_BELOW(x, all(0), w.high + w.low, v.high + v.low), y);
}

/* --- turns --- */

#define QUARTERS     0x1.45f306dc9c883p-1 /* 2 / pi */
#define HALF_PI_MORE 0x1.1a62633000000p-54
#define HALF_PI_REST 0x1.45c06e0e68948p-86
#define HALF_PI_LAST -0x1.f1976b7ed8fbcp-110
#define FEW_TURNS    0x1p22
#define MANY_TURNS   0x1p40

/* What whole quarter turns (n, in its last bits) leave of x: from -pi/4 to pi/4.  The product of
 * few turns and HALF_PI_MORE is exact, so what follows it loses nothing. */
INLINE two quarter_rest(V x, U *n)
{
    const V shifted = FMA(x, all(QUARTERS), all(MAGIC)), k = shifted - MAGIC;
    const V first = FMA(-k, all(HALF_PI_HIGH), x), r = FMA(-k, all(HALF_PI_MORE), first);
    const V low = FMA(-k, all(HALF_PI_REST), FMA(-k, all(HALF_PI_MORE), first - r));
    const V a = absolute(x), few = all(FEW_TURNS);
    *n = (U)shifted;
    if (!SOME_BELOW(few, a)) return (two){r, low};
    const two more = product(k, all(HALF_PI_LOW)), both = sum(first, -more.high);
    const V rest = FMA(-k, all(HALF_PI_LAST), both.low - more.low);
    return (two){IF_BELOW(few, a, both.high, r), IF_BELOW(few, a, rest, low)};
}

/* of arguments up to pi/4; x.low and what is returned as `low` are below half an ulp */
INLINE two sine_part(two x, V s)
{
    V p = C0(0x1.5d932770372a1p-33);
    HORNER(p, s, -0x1.ae5e66b8f759bp-26), HORNER(p, s, 0x1.71de35784f0a3p-19);
    HORNER(p, s, -0x1.a01a019c123d1p-13), HORNER(p, s, 0x1.111111110f87fp-7);
    HORNER(p, s, -0x1.5555555555549p-3);
    return (two){x.high, FMA(x.high * s, p, FMA(-0.5 * s, x.low, x.low))};
}

INLINE two cosine_part(two x, V s)
{
    V p = C0(-0x1.8faed68c8a8b3p-37);
    HORNER(p, s, 0x1.1ee9ec560377fp-29), HORNER(p, s, -0x1.27e4f80a8b7acp-22);
    HORNER(p, s, 0x1.a01a019cb28c4p-16), HORNER(p, s, -0x1.6c16c16c15186p-10);
    HORNER(p, s, 0x1.555555555554cp-5);
    const V less = FMA(all(-0.5), s, all(1)), left = FMA(all(-0.5), s, 1.0 - less);
    const V more = FMA(x.high, x.low, 0.5 * FMS(x.high, x.high, s));
    return (two){less, FMA(s * s, p, left - more)};
}

#define IF_ODD(n, x, y) IF_LESS((n) << 63, (U)all(0), x, y)
/* r where a vector's parts of a turn are known; libm knows them of larger numbers */
#define IF_TURNS(x, r) IF_BELOW(absolute(x), all(MANY_TURNS), r, all(NAN))

/* the sine of x and k quarters */
INLINE V sine_from(V x, uint64_t k)
{
    U n;
    const two r = quarter_rest(x, &n);
    n += k;
    const V square = r.high * r.high;
    const two s = sine_part(r, square), c = cosine_part(r, square);
    const V y = IF_ODD(n, c.high + c.low, s.high + s.low);
    return IF_TURNS(x, (V)((U)y ^ (n >> 1 << 63)));
}

INLINE V double_sin(V x)
{
    return sine_from(x, 0);
}

INLINE V double_cos(V x)
{
    return sine_from(x, 1);
}

INLINE V double_tan(V x)
{
    U n;
    const two r = quarter_rest(x, &n);
    const V square = r.high * r.high;
    const two sp = sine_part(r, square), cp = cosine_part(r, square);
    const two s = sum_sorted(sp.high, sp.low), c = sum_sorted(cp.high, cp.low);
    const two a = {IF_ODD(n, c.high, s.high), IF_ODD(n, c.low, s.low)};
    const two b = {IF_ODD(n, -s.high, c.high), IF_ODD(n, -s.low, c.low)};
    return IF_TURNS(x, quotient(a, b).high);
}

/* What arcs need of |x|: below 1/2 it is r; else r is the sine of half the arc's complement. */
typedef struct arc {
    V a, r, tail; /* |x|; arcsin(r) is r + tail */
} arc;

INLINE arc arc_of(V x)
{
    const V a = absolute(x), half = all(0.5);
    const V z = IF_BELOW(a, half, a * a, FMA(all(-0.5), a, half)), s = ROOT(z);
    V inverse = (V)(0x7fde623822fc16e6u - (U)s); /* within an eighth */
    inverse *= FMA(-s, inverse, all(2));
    const V low = FMA(-s, s, z) * (0.5 * inverse);
    const V r = IF_BELOW(a, half, a, s);
    V p = C0(0x1.05ce190a00356p-5);
    HORNER(p, z, -0x1.0af3fd953f8f8p-6), HORNER(p, z, 0x1.40b149d80aa88p-6);
    HORNER(p, z, 0x1.aab499046e998p-8), HORNER(p, z, 0x1.8ee48a4b3d813p-7);
    HORNER(p, z, 0x1.c6f881fe15b20p-7), HORNER(p, z, 0x1.1c6c278ac86c3p-6);
    HORNER(p, z, 0x1.6e89ef7cd4125p-6), HORNER(p, z, 0x1.f1c72c6d3508ap-6);
    HORNER(p, z, 0x1.6db6db41d4228p-5), HORNER(p, z, 0x1.333333336f87cp-4);
    HORNER(p, z, 0x1.5555555555387p-3);
    const V known = IF_BELOW(all(0), z, low, all(0));
    return (arc){a, r, FMA(r * z, p, IF_BELOW(a, half, all(0), known))};
}

INLINE V double_arcsin(V x)
{
    const arc t = arc_of(x);
    const two both = sum_sorted(all(HALF_PI_HIGH), -2.0 * t.r);
    const V large = both.high + (both.low + FMA(all(-2), t.tail, all(HALF_PI_LOW)));
    return with_sign(IF_BELOW(t.a, all(0.5), t.r + t.tail, large), x);
}

INLINE V double_arccos(V x)
{
    const arc t = arc_of(x);
    const V half = all(0.5), quarters = IF_BELOW(x, all(0), all(2), all(0));
    const V k = IF_BELOW(t.a, half, all(1), quarters), twice = IF_BELOW(t.a, half, all(-1), all(2));
    const V r = (V)((U)(t.r * twice) ^ ((U)x & (U)all(-0.0)));
    const V tail = (V)((U)(t.tail * twice) ^ ((U)x & (U)all(-0.0)));
    const two both = sum_sorted(k * HALF_PI_HIGH, r);
    return both.high + (both.low + FMA(k, all(HALF_PI_LOW), tail));
}

/* --- powers --- */

INLINE V double_power(V x, V y)
{
    const two l = logarithm(ALONE(absolute(x)), all(0)), p = product(y, l.high);
    const V r = exponential((two){p.high, FMA(y, l.low, p.low)});
    if (!SOME_BELOW(x, all(0))) return r;
    /* a number below zero has powers by integers only */
    const V half = 0.5 * y, least = all(0x1p53), a = absolute(y);
    const V whole = absolute((y + with_sign(all(0x1p52), y)) - with_sign(all(0x1p52), y) - y);
    const V odd = absolute((half + with_sign(all(0x1p52), y)) - with_sign(all(0x1p52), y) - half);
    const V sign = IF_BELOW(all(0), IF_BELOW(a, least, odd, all(0)), all(-0.0), all(0));
    const V is_part = IF_BELOW(a, all(0x1p52), whole, all(0));
    const V other = IF_BELOW(all(0), is_part, all(NAN), (V)((U)r ^ (U)sign));
    return IF_BELOW(x, all(0), other, r);
}

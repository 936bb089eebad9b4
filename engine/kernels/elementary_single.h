/* engine/kernels/elementary_single.h - the functions of float32, computed with doubles: nearly all
 * results are the right ones, none is off by more than 0.51 ulp. */

INLINE V single_exp(V x)
{
    return exponential_rough(limited(x, 200), 0);
}

INLINE V single_exp2(V x)
{
    return exponential_rough(limited(x, 300) * LN2, 0);
}

INLINE V single_expm1(V x)
{
    return exponential_rough(limited(x, 200), 1);
}

INLINE V single_log(V x)
{
    return if_positive(x, logarithm_rough(x));
}

INLINE V single_log2(V x)
{
    return if_positive(x, logarithm_rough(x) * INV_LN2_HIGH);
}

INLINE V single_log10(V x)
{
    return if_positive(x, logarithm_rough(x) * INV_LN10_HIGH);
}

INLINE V single_log1p(V x)
{
    const V few = x * FMA(x, FMA(x, all(1.0 / 3), all(-0.5)), all(1));
    const V more = logarithm_or(x + 1.0, logarithm_rough(x + 1.0));
    return IF_BELOW(absolute(x), all(0x1p-10), few, more);
}

INLINE V single_sinh(V x)
{
    const V e = exponential_rough(SMALLER(all(200), absolute(x)), 1);
    return with_sign(0.5 * (e + e / (e + 1.0)), x);
}

INLINE V single_cosh(V x)
{
    const V e = exponential_rough(SMALLER(all(200), absolute(x)), 0);
    return 0.5 * (e + 1.0 / e);
}

INLINE V single_tanh(V x)
{
    const V a = absolute(x), e = exponential_rough(SMALLER(all(40), a + a), 1);
    return with_sign(e / (e + 2.0), x);
}

INLINE V single_arcsinh(V x)
{
    const V a = absolute(x), r = logarithm_rough(a + ROOT(FMA(a, a, all(1))));
    const V few = a * FMA(a * a, all(-1.0 / 6), all(1));
    return with_sign(IF_BELOW(a, all(0x1p-10), few, IF_BELOW(a, all(INFINITY), r, a)), x);
}

INLINE V single_arccosh(V x)
{
    const V r = logarithm_rough(x + ROOT(FMS(x, x, all(1))));
    return IF_BELOW(x, all(1), all(NAN), IF_BELOW(x, all(INFINITY), r, x));
}

INLINE V single_arctanh(V x)
{
    const V a = absolute(x), few = a * FMA(a * a, all(1.0 / 3), all(1));
    const V q = (1.0 + a) / (1.0 - a), r = 0.5 * logarithm_or(q, logarithm_rough(q));
    return with_sign(IF_BELOW(a, all(0x1p-10), few, r), x);
}

INLINE V single_cbrt(V x)
{
    const V a = absolute(x), e = number_of((U)a >> 52);
    const U q = WHOLE_OF(FMA(e, all(1.0 / 3), all(-0.375)) + MAGIC), j = ((U)a >> 52) - q * 3;
    const V m = (V)(((U)a & (((uint64_t)1 << 52) - 1)) | (U)all(1));
    const V r = inverse_root(m, j), y = (V)((U)m + (j << 52)) * (r * r) * power_of_two(q - 341);
    return with_sign(IF_BELOW(all(0), a, IF_BELOW(a, all(INFINITY), y, a), a), x);
}

INLINE V angle_rough(V y, V x)
{
    const U i = atan_place(y, x);
    const V c = LOOK_UP(atan_at, i), t = FMA(-c, x, y) / FMA(c, y, x), s = t * t;
    V p = C0(-0x1.203ffdd58c3ffp-3);
    HORNER(p, s, 0x1.999336914f14fp-3), HORNER(p, s, -0x1.555553fd484edp-2);
    return LOOK_UP(atan_high, i) + FMA(t * s, p, t);
}

INLINE V single_arctan(V x)
{
    const V a = absolute(x), quarter = all(0.25), four = all(4);
    const U i = (U)a >> 50;
    const V c = IF_BELOW(a, quarter, all(0), LOOK_UP(arctan_at, i));
    const V high = IF_BELOW(a, quarter, all(0), LOOK_UP(arctan_high, i));
    const V t = IF_BELOW(a, four, a - c, all(-1)) / IF_BELOW(a, four, FMA(a, c, all(1)), a);
    const V s = t * t;
    V p = C0(-0x1.3fca0278c0e7fp-4);
    HORNER(p, s, 0x1.c3a17ec6de7e5p-4), HORNER(p, s, -0x1.2484ad95d649cp-3);
    HORNER(p, s, 0x1.99996adebec71p-3), HORNER(p, s, -0x1.5555553b3540ep-2);
    return with_sign(IF_BELOW(a, four, high, all(HALF_PI_HIGH)) + FMA(t * s, p, t), x);
}

INLINE V single_arctan2(V y, V x)
{
    const V a = absolute(y), b = absolute(x);
    const V t = angle_rough(SMALLER(a, b), LARGER(a, b));
    const V u = IF_BELOW(b, a, HALF_PI_HIGH - t, t);
    return with_sign(IF_BELOW(x, all(0), 2 * HALF_PI_HIGH - u, u), y);
}

/* the sine of x and k quarters: 10^-11 of it is lost, below MANY_TURNS */
INLINE void parts_of_turn(V x, U *n, V *sine, V *cosine)
{
    const V shifted = FMA(x, all(QUARTERS), all(MAGIC)), k = shifted - MAGIC;
    const V r = FMA(-k, all(HALF_PI_LOW), FMA(-k, all(HALF_PI_HIGH), x)), s = r * r;
    V p = C0(0x1.6cd877918ff7ep-19), q = C0(-0x1.242ae97c1eeacp-22);
    HORNER(p, s, -0x1.a00f9e2cc7baep-13), HORNER(q, s, 0x1.a0112082d8246p-16);
    HORNER(p, s, 0x1.11110896fd442p-7), HORNER(q, s, -0x1.6c16b8994ffa0p-10);
    HORNER(p, s, -0x1.5555554cbb0d1p-3), HORNER(q, s, 0x1.5555554f4eb55p-5);
    *n = (U)shifted;
    *sine = FMA(r * s, p, r);
    *cosine = FMA(s, FMA(s, q, all(-0.5)), all(1));
}

INLINE V single_sine_from(V x, uint64_t k)
{
    U n;
    V s, c;
    parts_of_turn(x, &n, &s, &c);
    n += k;
    return IF_TURNS(x, (V)((U)IF_ODD(n, c, s) ^ (n >> 1 << 63)));
}

INLINE V single_sin(V x)
{
    return single_sine_from(x, 0);
}

INLINE V single_cos(V x)
{
    return single_sine_from(x, 1);
}

INLINE V single_tan(V x)
{
    U n;
    V s, c;
    parts_of_turn(x, &n, &s, &c);
    return IF_TURNS(x, IF_ODD(n, -c, s) / IF_ODD(n, s, c));
}

/* |x| and what arcsin makes of it below 1/2, and of half the complement above */
INLINE V single_arc(V x)
{
    const V a = absolute(x), half = all(0.5);
    const V z = IF_BELOW(a, half, a * a, FMA(all(-0.5), a, half)),
            r = IF_BELOW(a, half, a, ROOT(z));
    V p = C0(0x1.1c328f34031c1p-5);
    HORNER(p, z, 0x1.e98c8bf8c525ap-8), HORNER(p, z, 0x1.9357bc527731fp-6);
    HORNER(p, z, 0x1.ed53bf855de5bp-6), HORNER(p, z, 0x1.6ddb24aee2ffdp-5);
    HORNER(p, z, 0x1.3332a811bc14ap-4), HORNER(p, z, 0x1.555556090b47cp-3);
    return FMA(r * z, p, r);
}

INLINE V single_arcsin(V x)
{
    const V t = single_arc(x);
    return with_sign(IF_BELOW(absolute(x), all(0.5), t, FMA(all(-2), t, all(HALF_PI_HIGH))), x);
}

INLINE V single_arccos(V x)
{
    const V t = single_arc(x), s = (V)((U)t ^ ((U)x & (U)all(-0.0)));
    const V base = IF_BELOW(x, all(0), all(2 * HALF_PI_HIGH), all(0));
    return IF_BELOW(absolute(x), all(0.5), HALF_PI_HIGH - s, FMA(all(2), s, base));
}

INLINE V single_power(V x, V y)
{
    const V r = exponential_rough(limited(y * logarithm_rough(absolute(x)), 200), 0);
    if (!SOME_BELOW(x, all(0))) return r;
    const V half = 0.5 * y, near = all(MAGIC);
    const V whole = absolute((y + near) - near - y), odd = absolute((half + near) - near - half);
    const V a = absolute(y), exact = all(0x1p50); /* larger ones are even */
    const V is_odd = IF_BELOW(a, exact, odd, all(0)), is_part = IF_BELOW(a, exact, whole, all(0));
    const V sign = IF_BELOW(all(0), is_odd, all(-0.0), all(0));
    const V other = IF_BELOW(all(0), is_part, all(NAN), (V)((U)r ^ (U)sign));
    return IF_BELOW(x, all(0), other, r);
}

/* stdlib/math.c - the module math: functions of real numbers.
 *
 * A result that is NaN without a NaN going in is a "math domain error", an infinite one without
 * an infinity going in a "math range error" (or again a domain error, at a pole). */
#include <math.h>
#include <string.h>

#include "engine/base/mem.h"
#include "lang/lang.h"
#include "stdlib/math_parts.h"
#include "stdlib/stdlib.h"

static value domain(interp *in)
{
    return throw(in, ValueError, "math domain error");
}

static value range(interp *in)
{
    return throw(in, OverflowError, "math range error");
}

/* ---- one argument ---- */

enum at_infinity { POLE, OVERFLOWS };

static value call1(interp *in, const value *arg, double (*f)(double), enum at_infinity what)
{
    double x;
    if (!to_double(in, arg[0], &x)) return FAIL;
    double r = f(x);
    if (isnan(r) && !isnan(x)) return domain(in);
    if (isinf(r) && isfinite(x)) return what == OVERFLOWS ? range(in) : domain(in);
    return v_float(r);
}

// clang-format off
/* X(function, what an infinite result means, doc) */
#define FUNCTIONS1(X)                                                                              \
    X(acos, POLE, "The angle whose cosine is x, from 0 to pi.")                             \
    X(acosh, POLE, "What has the cosh x.")                                   \
    X(asin, POLE, "The angle whose sine is x, from -pi/2 to pi/2.")                               \
    X(asinh, POLE, "What has the sinh x.")                                     \
    X(atan, POLE, "The angle whose tangent is x, from -pi/2 to pi/2.")                            \
    X(atanh, POLE, "What has the tanh x.")                                  \
    X(cbrt, POLE, "What cubed is x.")                                                    \
    X(cos, POLE, "The cosine of an angle in radians.")                                  \
    X(cosh, OVERFLOWS, "(e ** x + e ** -x) / 2.")                                       \
    X(erf, POLE, "erf(x): twice the area under the normal curve up to x * 2 ** 0.5.")                                                           \
    X(erfc, POLE, "1 - erf(x), exact far out.")                                            \
    X(exp, OVERFLOWS, "e ** x, closer than pow.")                                        \
    X(exp2, OVERFLOWS, "2 ** x.")                                       \
    X(expm1, OVERFLOWS, "e ** x - 1, exact near 0.")                                                        \
    X(fabs, POLE, "x without its sign, as a float.")                                     \
    X(log1p, POLE, "The natural logarithm of 1 + x, exact near 0.")                                \
    X(sin, POLE, "The sine of an angle in radians.")                                    \
    X(sinh, OVERFLOWS, "(e ** x - e ** -x) / 2.")                                         \
    X(sqrt, POLE, "What squared is x.")                                                  \
    X(tan, POLE, "The tangent of an angle in radians.")                                 \
    X(tanh, POLE, "sinh(x) / cosh(x).")
// clang-format on

#define X_FUNCTION(NAME, WHAT, DOC)                                                                \
    static value math_##NAME(interp *in, const value *arg)                                         \
    {                                                                                              \
        return call1(in, arg, NAME, WHAT);                                                         \
    }
FUNCTIONS1(X_FUNCTION)
#undef X_FUNCTION

static double to_degrees(double x)
{
    return x * (180.0 / M_PI);
}

static double to_radians(double x)
{
    return x * (M_PI / 180.0);
}

static value degrees(interp *in, const value *arg)
{
    double x;
    return to_double(in, arg[0], &x) ? v_float(to_degrees(x)) : FAIL;
}

static value radians(interp *in, const value *arg)
{
    double x;
    return to_double(in, arg[0], &x) ? v_float(to_radians(x)) : FAIL;
}

static value ulp(interp *in, const value *arg)
{
    double x;
    if (!to_double(in, arg[0], &x)) return FAIL;
    x = fabs(x);
    if (!isfinite(x)) return v_float(x);
    double next = nextafter(x, INFINITY);
    return v_float(isinf(next) ? x - nextafter(x, -INFINITY) : next - x);
}

static value math_frexp(interp *in, const value *arg)
{
    double x;
    int e = 0;
    if (!to_double(in, arg[0], &x)) return FAIL;
    double m = isfinite(x) ? frexp(x, &e) : x;
    return v_obj(tuple_pack(in, 2, v_float(m), v_int(e)));
}

static value math_modf(interp *in, const value *arg)
{
    double x, whole;
    if (!to_double(in, arg[0], &x)) return FAIL;
    if (isinf(x)) return v_obj(tuple_pack(in, 2, v_float(copysign(0, x)), v_float(x)));
    double part = modf(x, &whole);
    return v_obj(tuple_pack(in, 2, v_float(part), v_float(whole)));
}

#define IS_FUNCTION(NAME)                                                                          \
    static value math_##NAME(interp *in, const value *arg)                                         \
    {                                                                                              \
        double x;                                                                                  \
        return to_double(in, arg[0], &x) ? v_bool(NAME(x)) : FAIL;                                 \
    }
IS_FUNCTION(isfinite)
IS_FUNCTION(isinf)
IS_FUNCTION(isnan)

/* ---- to integers ---- */

static value to_whole(interp *in, value v, enum unop op, double (*f)(double))
{
    double x;
    if (float_plain(v, &x)) return int_from_double(in, f(x));
    const type *t = type_of(in, v);
    value r = t->unary ? t->unary(in, op, v) : value_ref(NOTIMPL);
    if (!is_notimpl(r)) return r;
    value_unref(in, r);
    if (op == OP_TRUNC) {
        return throw(in, TypeError, "type %s doesn't define __trunc__ method", t->name);
    }
    return to_double(in, v, &x) ? int_from_double(in, f(x)) : FAIL;
}

static value math_ceil(interp *in, const value *arg)
{
    return to_whole(in, arg[0], OP_CEIL, ceil);
}

static value math_floor(interp *in, const value *arg)
{
    return to_whole(in, arg[0], OP_FLOOR, floor);
}

static value math_trunc(interp *in, const value *arg)
{
    return to_whole(in, arg[0], OP_TRUNC, trunc);
}

/* ---- two arguments ---- */

static bool two(interp *in, const value *arg, double *x, double *y)
{
    return to_double(in, arg[0], x) && to_double(in, arg[1], y);
}

static value call2(interp *in, const value *arg, double (*f)(double, double))
{
    double x, y;
    if (!two(in, arg, &x, &y)) return FAIL;
    double r = f(x, y);
    if (isnan(r) && !isnan(x) && !isnan(y)) return domain(in);
    if (isinf(r) && isfinite(x) && isfinite(y)) return range(in);
    return v_float(r);
}

static value math_atan2(interp *in, const value *arg)
{
    return call2(in, arg, atan2);
}

static value math_copysign(interp *in, const value *arg)
{
    return call2(in, arg, copysign);
}

static value math_fmod(interp *in, const value *arg)
{
    return call2(in, arg, fmod);
}

static value math_remainder(interp *in, const value *arg)
{
    return call2(in, arg, remainder);
}

static value math_nextafter(interp *in, const value *arg)
{
    double x, y;
    return two(in, arg, &x, &y) ? v_float(nextafter(x, y)) : FAIL;
}

static value math_pow(interp *in, const value *arg)
{
    double x, y;
    if (!two(in, arg, &x, &y)) return FAIL;
    double r = pow(x, y);
    if (!isfinite(x) || !isfinite(y)) return v_float(r);
    if (isnan(r)) return domain(in);
    if (isinf(r)) return x == 0 ? domain(in) : range(in);
    return v_float(r);
}

static value math_ldexp(interp *in, const value *arg)
{
    double x;
    int64_t e;
    if (!to_double(in, arg[0], &x)) return FAIL;
    if (!is_int(arg[1])) {
        return throw(in, TypeError, "Expected an int as second argument to ldexp.");
    }
    if (!to_index_clamped(in, arg[1], &e)) return FAIL;
    if (x == 0 || !isfinite(x)) return v_float(x);
    double r = ldexp(x, e > 10000 ? 10000 : e < -10000 ? -10000 : (int)e);
    return isinf(r) ? range(in) : v_float(r);
}

static value math_isclose(interp *in, const value *arg)
{
    double a, b, rel, abs_tol;
    if (!two(in, arg, &a, &b) || !to_double(in, arg[2], &rel) || !to_double(in, arg[3], &abs_tol)) {
        return FAIL;
    }
    if (rel < 0 || abs_tol < 0) return throw(in, ValueError, "tolerances must be non-negative");
    if (a == b) return v_bool(true);
    if (isinf(a) || isinf(b)) return v_bool(false);
    double diff = fabs(b - a);
    return v_bool(diff <= fabs(rel * b) || diff <= fabs(rel * a) || diff <= abs_tol);
}

/* ---- logarithms: also of ints beyond every float ---- */

static bool log_of(interp *in, value v, double (*f)(double), double log_of_2, double *out)
{
    double x;
    value n;
    if (int_plain(v, &n) && !int_to_double(n, &x)) {
        if (int_sign(n) > 0) {
            intview w;
            long e;
            double m = mpz_get_d_2exp(&e, intview_of(&w, n));
            *out = f(m) + log_of_2 * (double)e;
            return true;
        }
        domain(in);
        return false;
    }
    if (!to_double(in, v, &x)) return false;
    if (x <= 0) {
        domain(in);
        return false;
    }
    *out = f(x);
    return true;
}

static value math_log(interp *in, const value *arg)
{
    double x, base;
    if (!log_of(in, arg[0], log, M_LN2, &x)) return FAIL;
    if (is_fail(arg[1])) return v_float(x);
    if (!log_of(in, arg[1], log, M_LN2, &base)) return FAIL;
    if (base == 0) return throw(in, ZeroDivisionError, "float division by zero");
    return v_float(x / base);
}

static value math_log2(interp *in, const value *arg)
{
    double x;
    return log_of(in, arg[0], log2, 1.0, &x) ? v_float(x) : FAIL;
}

static value math_log10(interp *in, const value *arg)
{
    double x;
    return log_of(in, arg[0], log10, 0.30102999566398119521, &x) ? v_float(x) : FAIL;
}

static value math_gamma(interp *in, const value *arg)
{
    double x, r;
    if (!to_double(in, arg[0], &x)) return FAIL;
    switch (gamma_of(x, &r)) {
    case 'd': return domain(in);
    case 'r': return range(in);
    default: return v_float(r);
    }
}

static value math_lgamma(interp *in, const value *arg)
{
    double x, r;
    if (!to_double(in, arg[0], &x)) return FAIL;
    switch (lgamma_of(x, &r)) {
    case 'd': return domain(in);
    case 'r': return range(in);
    default: return v_float(r);
    }
}

static bool constants(interp *in, module *m)
{
    return module_put(in, m, "pi", v_float(M_PI)) && module_put(in, m, "e", v_float(M_E)) &&
           module_put(in, m, "tau", v_float(2 * M_PI)) &&
           module_put(in, m, "inf", v_float(INFINITY)) && module_put(in, m, "nan", v_float(NAN));
}

#define X_ROW(NAME, WHAT, DOC) {#NAME "(x, /)", math_##NAME, DOC},
static const builtin table[] = {
    // clang-format off
    FUNCTIONS1(X_ROW)
    // clang-format on
    {"degrees(x, /)", degrees, "x * 180 / pi."},
    {"radians(x, /)", radians, "x * pi / 180."},
    {"ulp(x, /)", ulp, "What the last bit of x is worth."},
    {"frexp(x, /)", math_frexp, "(m, n) with x == m * 2 ** n and m from 0.5 to 1."},
    {"modf(x, /)", math_modf, "Fraction and whole part of x, both with its sign."},
    {"isfinite(x, /)", math_isfinite, "Whether x is a number, neither infinite nor NaN."},
    {"isinf(x, /)", math_isinf, "Whether x is an infinity."},
    {"isnan(x, /)", math_isnan, "Whether x is NaN."},
    {"ceil(x, /)", math_ceil, "The nearest int not below x."},
    {"floor(x, /)", math_floor, "The nearest int not above x."},
    {"trunc(x, /)", math_trunc, "x without its fraction, as an int."},
    {"atan2(y, x, /)", math_atan2, "The angle of the point (x, y), from -pi to pi."},
    {"copysign(x, y, /)", math_copysign, "x with the sign of y, as a float."},
    {"fmod(x, y, /)", math_fmod,
     "What is left of x after whole multiples of y, with the sign of "
     "x."},
    {"remainder(x, y, /)", math_remainder, "How far x is from the nearest multiple of y."},
    {"nextafter(x, y, /)", math_nextafter, "The float next to x, on the side of y."},
    {"pow(x, y, /)", math_pow, "x ** y in floating point."},
    {"ldexp(x, i, /)", math_ldexp, "x * 2 ** i."},
    {"isclose(a, b, *, rel_tol=1e-09, abs_tol=0.0)", math_isclose,
     "Whether two numbers differ by no more than the tolerances."},
    {"log(x, base=<unset>, /)", math_log, "The logarithm of x, natural or to a base."},
    {"log2(x, /)", math_log2, "The logarithm of x to base 2."},
    {"log10(x, /)", math_log10, "The logarithm of x to base 10."},
    {"gamma(x, /)", math_gamma, "gamma(x), which is (x - 1)! at whole numbers."},
    {"lgamma(x, /)", math_lgamma, "The logarithm of the absolute value of gamma(x)."},
    {"factorial(n, /)", math_factorial, "1 * 2 * ... * n."},
    {"gcd(*integers)", math_gcd, "The largest int that divides all."},
    {"lcm(*integers)", math_lcm, "The smallest int that all divide."},
    {"comb(n, k, /)", math_comb, "In how many ways k of n things can be chosen."},
    {"perm(n, k=None, /)", math_perm,
     "In how many orders k of n things can be chosen; all n without k."},
    {"isqrt(n, /)", math_isqrt, "The largest int whose square is not above n."},
    {"fsum(seq, /)", math_fsum, "The sum of the items, rounded once."},
    {"prod(iterable, /, *, start=1)", math_prod, "The items multiplied, beginning with start."},
    {"hypot(*coordinates)", math_hypot,
     "The distance of a point from the origin, without overflow."},
    {"dist(p, q, /)", math_dist, "The distance of two points, without overflow."},
    {0},
};

const module_def math_def = {
    .name = "math",
    .doc = "Functions of real numbers, most of them those of C.",
    .table = table,
    .open = constants,
};

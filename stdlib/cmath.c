/* stdlib/cmath.c - the module cmath: functions of complex numbers, by Kahan's
 * formulas, so that digits are CPython's; C's <complex.h> for infinities and NaN. */
#include <complex.h>
#include <float.h>
#include <math.h>

#include "lang/lang.h"
#include "stdlib/stdlib.h"

#ifndef CMPLX /* glibc has it for gcc only */
#define CMPLX(re, im) __builtin_complex((double)(re), (double)(im))
#endif

typedef struct cpx {
    double re, im;
} cpx;

static const double LARGE = DBL_MAX / 4; /* sums of two such numbers are finite */

static bool arg_of(interp *in, value v, cpx *z)
{
    return to_complex(in, v, &z->re, &z->im);
}

static bool is_finite(cpx z)
{
    return isfinite(z.re) && isfinite(z.im);
}

static bool is_nan(cpx z)
{
    return isnan(z.re) || isnan(z.im);
}

static double complex to_c99(cpx z)
{
    return CMPLX(z.re, z.im);
}

static cpx from_c99(double complex z)
{
    return (cpx){creal(z), cimag(z)};
}

static bool large(cpx z)
{
    return fabs(z.re) > LARGE || fabs(z.im) > LARGE;
}

static double log_half(cpx z) /* log|z| + log 2 without overflow */
{
    return log(hypot(z.re / 2, z.im / 2)) + M_LN2 * 2;
}

/* ---- the functions for finite arguments (Kahan's formulas) ---- */

static cpx sqrt_of(cpx z)
{
    enum { UP = 53, DOWN = -27 };
    double ax = fabs(z.re), ay = fabs(z.im), s;
    if (ax == 0 && ay == 0) return (cpx){0, z.im};
    if (ax < DBL_MIN && ay < DBL_MIN) {
        ax = ldexp(ax, UP);
        s = ldexp(sqrt(ax + hypot(ax, ldexp(ay, UP))), DOWN);
    } else {
        ax /= 8;
        s = 2 * sqrt(ax + hypot(ax, ay / 8));
    }
    double d = ay / (2 * s);
    return z.re >= 0 ? (cpx){s, copysign(d, z.im)} : (cpx){d, copysign(s, z.im)};
}

static cpx acos_of(cpx z)
{
    if (large(z)) {
        double l = log_half(z);
        return (cpx){atan2(fabs(z.im), z.re), z.re < 0 ? -copysign(l, z.im) : copysign(l, -z.im)};
    }
    cpx a = sqrt_of((cpx){1 - z.re, -z.im}), b = sqrt_of((cpx){1 + z.re, z.im});
    return (cpx){2 * atan2(a.re, b.re), asinh(b.re * a.im - b.im * a.re)};
}

static cpx acosh_of(cpx z)
{
    if (large(z)) return (cpx){log_half(z), atan2(z.im, z.re)};
    cpx a = sqrt_of((cpx){z.re - 1, z.im}), b = sqrt_of((cpx){z.re + 1, z.im});
    return (cpx){asinh(a.re * b.re + a.im * b.im), 2 * atan2(a.im, b.re)};
}

static cpx asinh_of(cpx z)
{
    if (large(z)) {
        double l = log_half(z);
        return (cpx){z.im >= 0 ? copysign(l, z.re) : -copysign(l, -z.re), atan2(z.im, fabs(z.re))};
    }
    cpx a = sqrt_of((cpx){1 + z.im, -z.re}), b = sqrt_of((cpx){1 - z.im, z.re});
    return (cpx){asinh(a.re * b.im - b.re * a.im), atan2(z.im, a.re * b.re - a.im * b.im)};
}

static cpx atanh_of(cpx z)
{
    const double big = sqrt(LARGE), tiny = sqrt(DBL_MIN);
    if (z.re < 0 || (z.re == 0 && signbit(z.re))) {
        cpx r = atanh_of((cpx){-z.re, -z.im});
        return (cpx){-r.re, -r.im};
    }
    double ay = fabs(z.im);
    if (z.re > big || ay > big) {
        double h = hypot(z.re / 2, z.im / 2);
        return (cpx){z.re / 4 / h / h, -copysign(M_PI / 2, -z.im)};
    }
    if (z.re == 1 && ay < tiny) {
        if (ay == 0) return (cpx){INFINITY, z.im};
        return (cpx){-log(sqrt(ay) / sqrt(hypot(ay, 2))), copysign(atan2(2, -ay) / 2, z.im)};
    }
    return (cpx){log1p(4 * z.re / ((1 - z.re) * (1 - z.re) + ay * ay)) / 4,
                 -atan2(-2 * z.im, (1 - z.re) * (1 + z.re) - ay * ay) / 2};
}

static cpx exp_of(cpx z)
{
    double cut = log(LARGE), l = z.re > cut ? exp(z.re - 1) : exp(z.re),
           more = z.re > cut ? M_E : 1;
    return (cpx){l * cos(z.im) * more, l * sin(z.im) * more};
}

static cpx cosh_of(cpx z)
{
    bool far = fabs(z.re) > log(LARGE);
    double x = far ? z.re - copysign(1, z.re) : z.re, more = far ? M_E : 1;
    return (cpx){cos(z.im) * cosh(x) * more, sin(z.im) * sinh(x) * more};
}

static cpx sinh_of(cpx z)
{
    bool far = fabs(z.re) > log(LARGE);
    double x = far ? z.re - copysign(1, z.re) : z.re, more = far ? M_E : 1;
    return (cpx){cos(z.im) * sinh(x) * more, sin(z.im) * cosh(x) * more};
}

static cpx tanh_of(cpx z)
{
    if (fabs(z.re) > log(LARGE)) {
        return (cpx){copysign(1, z.re), 4 * sin(z.im) * cos(z.im) * exp(-2 * fabs(z.re))};
    }
    double tx = tanh(z.re), ty = tan(z.im), cx = 1 / cosh(z.re), t = tx * ty, d = 1 + t * t;
    return (cpx){tx * (1 + ty * ty) / d, ty / d * cx * cx};
}

static cpx log_of(cpx z)
{
    double ax = fabs(z.re), ay = fabs(z.im), re;
    if (ax > LARGE || ay > LARGE)
        re = log(hypot(ax / 2, ay / 2)) + M_LN2;
    else if (ax < DBL_MIN && ay < DBL_MIN) {
        if (ax == 0 && ay == 0) return (cpx){-INFINITY, atan2(z.im, z.re)};
        re = log(hypot(ldexp(ax, DBL_MANT_DIG), ldexp(ay, DBL_MANT_DIG))) - DBL_MANT_DIG * M_LN2;
    } else {
        double h = hypot(ax, ay), hi = ax > ay ? ax : ay, lo = ax > ay ? ay : ax;
        re = h >= 0.71 && h <= 1.73 ? log1p((hi - 1) * (hi + 1) + lo * lo) / 2 : log(h);
    }
    return (cpx){re, atan2(z.im, z.re)};
}

/* f(z) from g, where f(z) = -i g(i z) */
static cpx turned(cpx z, cpx (*g)(cpx))
{
    cpx r = g((cpx){-z.im, z.re});
    return (cpx){r.im, -r.re};
}

static cpx asin_of(cpx z)
{
    return turned(z, asinh_of);
}

static cpx atan_of(cpx z)
{
    return turned(z, atanh_of);
}

static cpx cos_of(cpx z)
{
    return cosh_of((cpx){-z.im, z.re});
}

static cpx sin_of(cpx z)
{
    return turned(z, sinh_of);
}

static cpx tan_of(cpx z)
{
    return turned(z, tanh_of);
}

/* Infinities and NaN are C99's to handle; its rules are the same. */
static value call1(interp *in, const value *arg, cpx (*f)(cpx),
                   double complex (*special)(double complex))
{
    cpx z;
    if (!arg_of(in, arg[0], &z)) return FAIL;
    if (!is_finite(z)) {
        cpx r = from_c99(special(to_c99(z)));
        if (is_nan(r) && !is_nan(z)) return throw(in, ValueError, "math domain error");
        return v_complex(in, r.re, r.im);
    }
    cpx r = f(z);
    if (is_finite(r)) return v_complex(in, r.re, r.im);
    if (f == log_of || f == atanh_of || f == atan_of) {
        return throw(in, ValueError, "math domain error");
    }
    return throw(in, OverflowError, "math range error");
}

// clang-format off
#define FUNCTIONS1(X)                                                                              \
    X(acos, "What has the cosine z.") X(acosh, "What has the cosh z.")  \
    X(asin, "What has the sine z.") X(asinh, "What has the sinh z.")      \
    X(atan, "What has the tangent z.") X(atanh, "What has the tanh z.") \
    X(cos, "The cosine of z.") X(cosh, "(e**z + e**-z) / 2.")                \
    X(exp, "e to the power z.") X(sin, "The sine of z.")                   \
    X(sinh, "(e**z - e**-z) / 2.") X(sqrt, "What squared is z.")            \
    X(tan, "The tangent of z.") X(tanh, "sinh(z) / cosh(z).")
// clang-format on
#define X_FUNCTION(NAME, DOC)                                                                      \
    static value cmath_##NAME(interp *in, const value *arg)                                        \
    {                                                                                              \
        return call1(in, arg, NAME##_of, c##NAME);                                                 \
    }
FUNCTIONS1(X_FUNCTION)

static value cmath_log(interp *in, const value *arg)
{
    value a = call1(in, arg, log_of, clog);
    if (is_fail(a) || is_fail(arg[1])) return a;
    value b = call1(in, arg + 1, log_of, clog);
    value r = is_fail(b) ? FAIL : value_binary(in, OP_TRUEDIV, a, b);
    value_unref(in, a);
    value_unref(in, b);
    return r;
}

static value cmath_log10(interp *in, const value *arg)
{
    value v = call1(in, arg, log_of, clog);
    if (is_fail(v)) return FAIL;
    cplx *c = (cplx *)v.o;
    value r = v_complex(in, c->re / M_LN10, c->im / M_LN10);
    value_unref(in, v);
    return r;
}

static value cmath_phase(interp *in, const value *arg)
{
    cpx z;
    return arg_of(in, arg[0], &z) ? v_float(atan2(z.im, z.re)) : FAIL;
}

static value cmath_polar(interp *in, const value *arg)
{
    cpx z;
    if (!arg_of(in, arg[0], &z)) return FAIL;
    return v_obj(tuple_pack(in, 2, v_float(hypot(z.re, z.im)), v_float(atan2(z.im, z.re))));
}

static value cmath_rect(interp *in, const value *arg)
{
    double r, phi;
    if (!to_double(in, arg[0], &r) || !to_double(in, arg[1], &phi)) return FAIL;
    if (phi == 0) return v_complex(in, r, r * phi);
    return v_complex(in, r * cos(phi), r * sin(phi));
}

static value cmath_isnan(interp *in, const value *arg)
{
    cpx z;
    return arg_of(in, arg[0], &z) ? v_bool(is_nan(z)) : FAIL;
}

static value cmath_isfinite(interp *in, const value *arg)
{
    cpx z;
    return arg_of(in, arg[0], &z) ? v_bool(is_finite(z)) : FAIL;
}

static value cmath_isinf(interp *in, const value *arg)
{
    cpx z;
    return arg_of(in, arg[0], &z) ? v_bool(isinf(z.re) || isinf(z.im)) : FAIL;
}

static value cmath_isclose(interp *in, const value *arg)
{
    cpx a, b;
    double rel, tol;
    if (!arg_of(in, arg[0], &a) || !arg_of(in, arg[1], &b) || !to_double(in, arg[2], &rel) ||
        !to_double(in, arg[3], &tol)) {
        return FAIL;
    }
    if (rel < 0 || tol < 0) return throw(in, ValueError, "tolerances must be non-negative");
    if (a.re == b.re && a.im == b.im) return v_bool(true);
    if (!is_finite(a) || !is_finite(b)) return v_bool(false);
    double diff = hypot(a.re - b.re, a.im - b.im), x = hypot(a.re, a.im), y = hypot(b.re, b.im);
    return v_bool(diff <= rel * y || diff <= rel * x || diff <= tol);
}

static bool constants(interp *in, module *m)
{
    return module_put(in, m, "pi", v_float(M_PI)) && module_put(in, m, "e", v_float(M_E)) &&
           module_put(in, m, "tau", v_float(2 * M_PI)) &&
           module_put(in, m, "inf", v_float(INFINITY)) && module_put(in, m, "nan", v_float(NAN)) &&
           module_put(in, m, "infj", v_complex(in, 0, INFINITY)) &&
           module_put(in, m, "nanj", v_complex(in, 0, NAN));
}

#define X_ROW(NAME, DOC) {#NAME "(z, /)", cmath_##NAME, DOC},
static const builtin table[] = {
    // clang-format off
    FUNCTIONS1(X_ROW)
    // clang-format on
    {"log(z, base=<unset>, /)", cmath_log, "The logarithm of z, natural or to a base."},
    {"log10(z, /)", cmath_log10, "The logarithm of z to base 10."},
    {"phase(z, /)", cmath_phase, "The angle of z, from -pi to pi."},
    {"polar(z, /)", cmath_polar, "The absolute value and the angle of z."},
    {"rect(r, phi, /)", cmath_rect, "The number of that size at that angle."},
    {"isnan(z, /)", cmath_isnan, "Whether a part of z is NaN."},
    {"isfinite(z, /)", cmath_isfinite, "Whether neither part of z is infinite or NaN."},
    {"isinf(z, /)", cmath_isinf, "Whether a part of z is infinite."},
    {"isclose(a, b, *, rel_tol=1e-09, abs_tol=0.0)", cmath_isclose,
     "Whether two complex numbers differ by no more than the tolerances."},
    {0},
};

const module_def cmath_def = {
    .name = "cmath",
    .doc = "The functions of math, for complex numbers.",
    .table = table,
    .open = constants,
};

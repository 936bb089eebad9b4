/* stdlib/cmath.c - the module cmath: functions of complex numbers, on C's <complex.h>. */
#include <complex.h>
#include <math.h>

#include "lang/lang.h"
#include "stdlib/stdlib.h"

static bool arg_of(interp *in, value v, double complex *z)
{
    double re, im;
    if (!to_complex(in, v, &re, &im)) return false;
    *z = CMPLX(re, im);
    return true;
}

static value result(interp *in, double complex z)
{
    return v_complex(in, creal(z), cimag(z));
}

static bool is_finite(double complex z)
{
    return isfinite(creal(z)) && isfinite(cimag(z));
}

static bool is_nan(double complex z)
{
    return isnan(creal(z)) || isnan(cimag(z));
}

static value call1(interp *in, const value *arg, double complex (*f)(double complex))
{
    double complex z;
    if (!arg_of(in, arg[0], &z)) return FAIL;
    double complex r = f(z);
    if (is_nan(r) && !is_nan(z)) return throw(in, ValueError, "math domain error");
    if (!is_finite(r) && is_finite(z)) {
        if (f == clog || f == catanh || f == catan) {
            return throw(in, ValueError, "math domain error");
        }
        return throw(in, OverflowError, "math range error");
    }
    return result(in, r);
}

// clang-format off
#define FUNCTIONS1(X)                                                                              \
    X(acos, "Return the arc cosine of z.") X(acosh, "Return the inverse hyperbolic cosine of z.")  \
    X(asin, "Return the arc sine of z.") X(asinh, "Return the inverse hyperbolic sine of z.")      \
    X(atan, "Return the arc tangent of z.") X(atanh, "Return the inverse hyperbolic tangent of z.") \
    X(cos, "Return the cosine of z.") X(cosh, "Return the hyperbolic cosine of z.")                \
    X(exp, "Return the exponential value e**z.") X(sin, "Return the sine of z.")                   \
    X(sinh, "Return the hyperbolic sine of z.") X(sqrt, "Return the square root of z.")            \
    X(tan, "Return the tangent of z.") X(tanh, "Return the hyperbolic tangent of z.")
// clang-format on
#define X_FUNCTION(NAME, DOC)                                                                      \
    static value cmath_##NAME(interp *in, const value *arg)                                        \
    {                                                                                              \
        return call1(in, arg, c##NAME);                                                            \
    }
FUNCTIONS1(X_FUNCTION)

static value cmath_log(interp *in, const value *arg)
{
    double complex z, base;
    if (!arg_of(in, arg[0], &z)) return FAIL;
    if (z == 0) return throw(in, ValueError, "math domain error");
    if (is_fail(arg[1])) return result(in, clog(z));
    if (!arg_of(in, arg[1], &base)) return FAIL;
    if (base == 0) return throw(in, ValueError, "math domain error");
    if (base == 1) return throw(in, ZeroDivisionError, "complex division by zero");
    double complex a = clog(z), b = clog(base);
    return complex_arith(in, OP_TRUEDIV, creal(a), cimag(a), creal(b), cimag(b));
}

static value cmath_log10(interp *in, const value *arg)
{
    double complex z;
    if (!arg_of(in, arg[0], &z)) return FAIL;
    if (z == 0) return throw(in, ValueError, "math domain error");
    double complex r = clog(z);
    return v_complex(in, creal(r) / M_LN10, cimag(r) / M_LN10);
}

static value cmath_phase(interp *in, const value *arg)
{
    double complex z;
    return arg_of(in, arg[0], &z) ? v_float(carg(z)) : FAIL;
}

static value cmath_polar(interp *in, const value *arg)
{
    double complex z;
    if (!arg_of(in, arg[0], &z)) return FAIL;
    return v_obj(tuple_pack(in, 2, v_float(cabs(z)), v_float(carg(z))));
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
    double complex z;
    return arg_of(in, arg[0], &z) ? v_bool(is_nan(z)) : FAIL;
}

static value cmath_isfinite(interp *in, const value *arg)
{
    double complex z;
    return arg_of(in, arg[0], &z) ? v_bool(is_finite(z)) : FAIL;
}

static value cmath_isinf(interp *in, const value *arg)
{
    double complex z;
    return arg_of(in, arg[0], &z) ? v_bool(isinf(creal(z)) || isinf(cimag(z))) : FAIL;
}

static value cmath_isclose(interp *in, const value *arg)
{
    double complex a, b;
    double rel, tol;
    if (!arg_of(in, arg[0], &a) || !arg_of(in, arg[1], &b) || !to_double(in, arg[2], &rel) ||
        !to_double(in, arg[3], &tol)) {
        return FAIL;
    }
    if (rel < 0 || tol < 0) return throw(in, ValueError, "tolerances must be non-negative");
    if (a == b) return v_bool(true);
    if (!is_finite(a) || !is_finite(b)) return v_bool(false);
    double diff = cabs(a - b);
    return v_bool(diff <= rel * cabs(b) || diff <= rel * cabs(a) || diff <= tol);
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
    {"log(z, base=<unset>, /)", cmath_log,
     "log(z[, base]) -> the logarithm of z to the given base."},
    {"log10(z, /)", cmath_log10, "Return the base-10 logarithm of z."},
    {"phase(z, /)", cmath_phase, "Return argument, also known as the phase angle, of a complex."},
    {"polar(z, /)", cmath_polar, "Convert a complex from rectangular coordinates to polar."},
    {"rect(r, phi, /)", cmath_rect, "Convert from polar coordinates to rectangular coordinates."},
    {"isnan(z, /)", cmath_isnan, "Checks if the real or imaginary part of z not a number (NaN)."},
    {"isfinite(z, /)", cmath_isfinite, "Return True if both the real and imaginary parts of z are finite, else False."},
    {"isinf(z, /)", cmath_isinf, "Checks if the real or imaginary part of z is infinite."},
    {"isclose(a, b, *, rel_tol=1e-09, abs_tol=0.0)", cmath_isclose,
     "Determine whether two complex numbers are close in value."},
    {0},
};

const module_def cmath_def = {
    .name = "cmath",
    .doc = "This module provides access to mathematical functions for complex\nnumbers.",
    .table = table,
    .open = constants,
};

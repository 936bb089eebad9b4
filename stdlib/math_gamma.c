/* stdlib/math_gamma.c - Gamma and its logarithm, by Lanczos' approximation with g = 6.0246...
 * and 13 terms (the rational form), so that digits agree with CPython's. */
#include <math.h>

#include "stdlib/math_parts.h"

enum { TERMS = 13, NFACTORIAL = 23 };
static const double G = 6.024680040776729583740234375;
static const double G_MINUS_HALF = 5.524680040776729583740234375;
static const double LOG_PI = 1.144729885849400174143427351353058711647;

// clang-format off
static const double upper[TERMS] = {
    23531376880.410759688572007674451636754734846804940,
    42919803642.649098768957899047001988850926355848959,
    35711959237.355668049440185451547166705960488635843,
    17921034426.037209699919755754458931112671403265390,
    6039542586.3520280050642916443072979210699388420708,
    1439720407.3117216736632230727949123939715485786372,
    248874557.86205415651146038641322942321632125127801,
    31426415.585400194380614231628318205362874684987640,
    2876370.6289353724412254090516208496135991145378768,
    186056.26539522349504029498971604569928220784236328,
    8071.6720023658162106380029022722506138218516325024,
    210.82427775157934587250973392071336271166969580291,
    2.5066282746310002701649081771338373386264310793408,
};
static const double lower[TERMS] = {
    0.0, 39916800.0, 120543840.0, 150917976.0, 105258076.0, 45995730.0, 13339535.0, 2637558.0,
    357423.0, 32670.0, 1925.0, 66.0, 1.0,
};
// clang-format on

static double lanczos_sum(double x)
{
    double num = 0, den = 0;
    if (x < 5.0) {
        for (int i = TERMS; --i >= 0;) num = num * x + upper[i], den = den * x + lower[i];
    } else {
        for (int i = 0; i < TERMS; i++) num = num / x + upper[i], den = den / x + lower[i];
    }
    return num / den;
}

static double sinpi(double x) /* sin(pi x), exact at multiples of one half */
{
    double y = fmod(fabs(x), 2.0), r;
    switch ((int)round(2.0 * y)) {
    case 0: r = sin(M_PI * y); break;
    case 1: r = cos(M_PI * (y - 0.5)); break;
    case 2: r = sin(M_PI * (1.0 - y)); break;
    case 3: r = -cos(M_PI * (y - 1.5)); break;
    default: r = sin(M_PI * (y - 2.0)); break;
    }
    return copysign(1.0, x) * r;
}

static double factorial(int n)
{
    double r = 1;
    for (int i = 2; i <= n; i++) r *= i;
    return r;
}

int gamma_of(double x, double *out)
{
    if (!isfinite(x)) return *out = x, isinf(x) && x < 0 ? 'd' : 0;
    if (x == 0) return 'd';
    if (x == floor(x)) {
        if (x < 0) return 'd';
        if (x <= NFACTORIAL) return *out = factorial((int)x - 1), 0;
    }
    double a = fabs(x);
    if (a < 1e-20) {
        *out = 1.0 / x;
        return isinf(*out) ? 'r' : 0;
    }
    if (a > 200.0) {
        *out = 0.0 / sinpi(x);
        return x < 0 ? 0 : 'r';
    }
    double y = a + G_MINUS_HALF, z, r;
    if (a > G_MINUS_HALF) { /* the rounding error of y, worth correcting */
        double q = y - a;
        z = q - G_MINUS_HALF;
    } else {
        double q = y - G_MINUS_HALF;
        z = q - a;
    }
    z = z * G / y;
    if (x < 0) {
        r = -M_PI / sinpi(a) / a * exp(y) / lanczos_sum(a);
        r -= z * r;
        if (a < 140.0)
            r /= pow(y, a - 0.5);
        else
            r /= pow(y, a / 2.0 - 0.25), r /= pow(y, a / 2.0 - 0.25);
    } else {
        r = lanczos_sum(a) / exp(y);
        r += z * r;
        if (a < 140.0)
            r *= pow(y, a - 0.5);
        else
            r *= pow(y, a / 2.0 - 0.25), r *= pow(y, a / 2.0 - 0.25);
    }
    *out = r;
    return isinf(r) ? 'r' : 0;
}

int lgamma_of(double x, double *out)
{
    if (!isfinite(x)) return *out = isnan(x) ? x : INFINITY, 0;
    if (x == floor(x) && x <= 2.0) {
        if (x <= 0) return 'd';
        return *out = 0.0, 0;
    }
    double a = fabs(x), r;
    if (a < 1e-20) return *out = -log(a), 0;
    r = log(lanczos_sum(a)) - G;
    r += (a - 0.5) * (log(a + G - 0.5) - 1);
    if (x < 0) r = LOG_PI - log(fabs(sinpi(a))) - log(a) - r;
    *out = r;
    return isinf(r) ? 'r' : 0;
}

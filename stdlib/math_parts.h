/* stdlib/math_parts.h - between math.c, math_sums.c and math_gamma.c. */
#pragma once

#include "lang/lang.h"

value math_factorial(interp *in, const value *arg);
value math_gcd(interp *in, const value *arg);
value math_lcm(interp *in, const value *arg);
value math_comb(interp *in, const value *arg);
value math_perm(interp *in, const value *arg);
value math_isqrt(interp *in, const value *arg);
value math_fsum(interp *in, const value *arg);
value math_prod(interp *in, const value *arg);
value math_hypot(interp *in, const value *arg);
value math_dist(interp *in, const value *arg);

/* 0, 'd' domain error, 'r' range error */
int gamma_of(double x, double *out);
int lgamma_of(double x, double *out);

/* engine/kernels/vmath.h - vectors of elementary functions (below 1 ulp), chosen by CPU.
 *
 * A block function computes n elements; loops use it through vmath_run, which gives the blocks
 * whose results are not finite, or whose inputs lie where vectors are known to be wrong, to libm:
 * values and floating-point status are libm's there. */
#pragma once

#include <stddef.h>

// clang-format off
/* name of the ufunc, of the function in C */
#define VECTOR_MATH_FUNCTIONS(F)                                                                    \
    F(exp, exp) F(exp2, exp2) F(expm1, expm1) F(log, log) F(log2, log2) F(log10, log10)            \
    F(log1p, log1p) F(cbrt, cbrt) F(arctan, atan) F(sinh, sinh) F(cosh, cosh) F(tanh, tanh)        \
    F(arcsinh, asinh) F(arccosh, acosh) F(arctanh, atanh)                                          \
    F(sin, sin) F(cos, cos) F(tan, tan) F(arcsin, asin) F(arccos, acos)
#define VECTOR_MATH_PAIRS(F) F(arctan2, atan2) F(power, pow)

/* No error is larger, in units of the last place: of float32 over all numbers (`check_sweep --every`
 * finds so), of float64 over many of every exponent and where it is hard (check_vmath).  Of float16
 * results are those of libm's floats, rounded.  Pairs: 1.01. */
#define VECTOR_MATH_BOUNDS(F)                                                                      \
    F(exp, exp, 0.5002, 0.71)                                                                      \
    F(exp2, exp2, 0.5003, 0.56)                                                                    \
    F(expm1, expm1, 0.5055, 0.52)                                                                  \
    F(log, log, 0.5001, 0.52)                                                                      \
    F(log2, log2, 0.5001, 0.53)                                                                    \
    F(log10, log10, 0.5001, 0.52)                                                                  \
    F(log1p, log1p, 0.5040, 0.51)                                                                  \
    F(cbrt, cbrt, 0.5001, 0.51)                                                                    \
    F(arctan, atan, 0.5050, 0.69)                                                                  \
    F(sinh, sinh, 0.5054, 0.53)                                                                    \
    F(cosh, cosh, 0.5002, 0.75)                                                                    \
    F(tanh, tanh, 0.5054, 0.51)                                                                    \
    F(arcsinh, asinh, 0.5001, 0.51)                                                                \
    F(arccosh, acosh, 0.5001, 0.52)                                                                \
    F(arctanh, atanh, 0.5001, 0.51)                                                                \
    F(sin, sin, 0.5608, 0.71)                                                                      \
    F(cos, cos, 0.5608, 0.72)                                                                      \
    F(tan, tan, 0.5030, 0.76)                                                                      \
    F(arcsin, asin, 0.5004, 0.73)                                                                  \
    F(arccos, acos, 0.5004, 0.66)
// clang-format on

enum vmath_id {
#define ID(name, c) V_##name,
    VECTOR_MATH_FUNCTIONS(ID)
#undef ID
        NVMATH
};

enum vmath_pair {
#define ID(name, c) V2_##name,
    VECTOR_MATH_PAIRS(ID)
#undef ID
        NVMATH2
};

/* in: contiguous, out: contiguous, may be equal; padded reads stay inside n */
typedef void (*vmath64)(size_t n, double *out, const double *in);
typedef void (*vmath32)(size_t n, float *out, const float *in);
/* NULL: this processor has no vectors for it */
vmath64 vmath64_find(enum vmath_id id);
vmath32 vmath32_find(enum vmath_id id);

/* two inputs, one output, any steps */
void vmath64_run2(enum vmath_pair id, double (*one)(double, double), size_t n, char *const *p,
                  const ptrdiff_t *s);
void vmath32_run2(enum vmath_pair id, float (*one)(float, float), size_t n, char *const *p,
                  const ptrdiff_t *s);
/* one input, one output, any steps */
void vmath64_run(enum vmath_id id, double (*one)(double), size_t n, char *const *p,
                 const ptrdiff_t *s);
void vmath32_run(enum vmath_id id, float (*one)(float), size_t n, char *const *p,
                 const ptrdiff_t *s);

/* engine/kernels/loops_power.c - whole powers without pow(): x ** 2 ... x ** 8.
 *
 * Repeated products carry their rounding errors along (each one exact, by fma), so that the result
 * is the correctly rounded one in nearly all cases, as pow() gives it, at the speed of products. */
#include "engine/kernels/power.h"

#include <float.h>

#include "engine/kernels/fp.h"
#include "engine/kernels/loops.h"

/* k is a constant wherever this is inlined; no branch, so that the loop around it vectorises */
SIMD_ALWAYS double whole(double x, int k)
{
    double high = x * x, low = __builtin_fma(x, x, -high);
#pragma GCC unroll 8
    for (int i = 3; i < k; i++) {
        double p = high * x, lost = __builtin_fma(high, x, -p);
        low = __builtin_fma(low, x, lost);
        high = p;
    }
    double r = __builtin_fma(high, x, low * x), size = __builtin_fabs(r);
    /* beyond the range the errors are meaningless, and so is the sign that they give a zero */
    return ((size > 0) & (size <= DBL_MAX)) ? r : high * x;
}

#define POWER(k)                                                                                   \
    case k: EACH r[i] = whole(a[i], k); break;
SIMD_KERNEL(static, run_whole, (size_t n, const double *a, int k, double *r), (n, a, k, r))
{
    switch (k) {
    case 2:
        EACH r[i] = a[i] * a[i];
        break; /* rounded once already */
        POWER(3) POWER(4) POWER(5) POWER(6) POWER(7) POWER(8) default : break;
    }
}

void power_whole(size_t n, const double *a, int k, double *r)
{
    unsigned before = fp_test();
    run_whole(n, a, k, r);
    unsigned after = fp_test();
    if (after & ~before & FP_INVALID) { /* inf - inf in the errors, not in the result */
        fp_clear();
        fp_raise((after & ~(unsigned)FP_INVALID) | before);
    }
}

/* floats: their products in double lose nothing that counts */
#define POWER32(k)                                                                                 \
    case k:                                                                                        \
        EACH                                                                                       \
        {                                                                                          \
            double x = (double)a[i], y = x;                                                        \
            for (int q = 1; q < (k); q++) y *= x;                                                  \
            r[i] = (float)y;                                                                       \
        }                                                                                          \
        break;
SIMD_KERNEL(, power_whole_f32, (size_t n, const float *a, int k, float *r), (n, a, k, r))
{
    switch (k) {
        POWER32(2)
        POWER32(3) POWER32(4) POWER32(5) POWER32(6) POWER32(7) POWER32(8) default : break;
    }
}

/* engine/kernels/loops_power.c - whole powers of doubles without pow(): x ** 2 ... x ** 8.
 *
 * Repeated products carry their rounding errors along (each one exact, by fma), so that the result
 * is the correctly rounded one in nearly all cases, as pow() gives it, at the speed of products. */
#include "engine/kernels/power.h"

#include <math.h>

#include "engine/kernels/fp.h"
#include "engine/kernels/loops.h"

static inline double whole(double x, int k)
{
    double high = x, low = 0;
    for (int i = 1; i < k; i++) {
        double p = high * x, lost = __builtin_fma(high, x, -p);
        low = __builtin_fma(low, x, lost);
        high = p;
    }
    double r = high + low;
    return r == r && high != 0 ? r : high; /* beyond the range the errors are meaningless */
}

#define POWER(k)                                                                                   \
    case k: EACH r[i] = whole(a[i], k); break;
static void run_whole(size_t n, const double *a, int k, double *r);
KERNEL static void run_whole(size_t n, const double *a, int k, double *r)
{
    switch (k) {
        POWER(2) POWER(3) POWER(4) POWER(5) POWER(6) POWER(7) POWER(8) default : break;
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

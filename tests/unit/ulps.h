/* tests/unit/ulps.h - how far results are from the truth, and the loop of a type that computed
 * them.  A sign of zero that is wrong, a number for NaN or an infinity are as far off as can be. */
#pragma once

#include <math.h>
#include <stdint.h>
#include <string.h>

#include "engine/kernels/ufunc.h"

/* the next of a row of numbers that are everywhere */
static inline uint64_t random_next(uint64_t *s)
{
    *s = *s * 6364136223846793005u + 1442695040888963407u;
    return *s ^ *s >> 29;
}

/* |got - want| in units of the last place of want */
static inline double error64(double got, long double want)
{
    const double near = (double)want;
    if (isnan(got) || isnan(near)) return isnan(got) && isnan(near) ? 0 : INFINITY;
    if (near == got) return signbit(near) == signbit(got) ? 0 : INFINITY;
    if (!isfinite(got)) return fabsl(want) >= 0x1.fffffffffffff8p1023L ? 0 : INFINITY;
    int e;
    frexpl(want, &e);
    long double ulp = ldexpl(1, e - 53 > -1074 ? e - 53 : -1074);
    return (double)(fabsl((long double)got - want) / ulp);
}

static inline double error32(float got, double want)
{
    const float near = (float)want;
    if (isnan(got) || isnan(near)) return isnan(got) && isnan(near) ? 0 : INFINITY;
    if (near == got && (isinf(got) || got == 0 || (double)got == want))
        return !signbit(near) == !signbit(got) ? 0 : INFINITY;
    if (!isfinite(got)) return INFINITY;
    /* by bits: billions of these are asked for */
    uint64_t bits, power;
    memcpy(&bits, &want, sizeof bits);
    const int e = (int)(bits >> 52 & 0x7ff) - 1023;
    power = (uint64_t)(1023 + 23 - (e < -126 ? -126 : e)) << 52;
    double inverse;
    memcpy(&inverse, &power, sizeof inverse);
    return fabs((double)got - want) * inverse;
}

static inline loop find_loop(enum ufunc_id id, enum dtype dt)
{
    for (const ufunc_loop *l = ufuncs[id].loops; l->run; l++)
        if (l->arg[0] == dt && l->arg[ufuncs[id].nin] == dt) return l->run;
    return NULL;
}

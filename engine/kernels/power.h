/* engine/kernels/power.h - x ** k for small whole k. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

static inline bool power_is_whole(double y)
{
    return y >= 2 && y <= 8 && y == (double)(int)y;
}
/* r[i] = a[i] ** k for k of 2 to 8; r may be a */
void power_whole(size_t n, const double *a, int k, double *r);
void power_whole_f32(size_t n, const float *a, int k, float *r);

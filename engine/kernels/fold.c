/* engine/kernels/fold.c - pairwise sums of contiguous runs, for double and float. */
#include "engine/kernels/fold.h"

#include <stdbool.h>
#include <string.h>

#include "engine/base/simd.h"

enum { SQUARES = 1, NANS = 2, WHOLE = 4 }; /* WHOLE: elements are integers of T's size */

typedef double doubles8 __attribute__((vector_size(64)));
typedef int64_t longs8 __attribute__((vector_size(64)));
typedef float floats8 __attribute__((vector_size(32)));
typedef int32_t ints8 __attribute__((vector_size(32)));

#define T        double
#define V        doubles8
#define VI       longs8
#define INF      0x7ff0000000000000
#define NOT_SIGN 0x7fffffffffffffff
#define SUFFIX   f64
#define WHOLE_TOO
#include "engine/kernels/fold_pairs.h"

double fold_sum_i64(const int64_t *x, size_t n)
{
    double out;
    whole_f64((const double *)(const void *)x, n, 0, &out, NULL);
    return out;
}

#define T        float
#define V        floats8
#define VI       ints8
#define INF      0x7f800000
#define NOT_SIGN 0x7fffffff
#define SUFFIX   f32
#include "engine/kernels/fold_pairs.h"

SIMD_KERNEL(, square_distances_f32,
            (float *out, const float *x, const double *u, int step, size_t n), (out, x, u, step, n))
{
    float *restrict to = out;
    if (step) {
        for (size_t i = 0; i < n; i++) to[i] = (float)((x[i] - u[i]) * (x[i] - u[i]));
        return;
    }
    const double all = *u;
    for (size_t i = 0; i < n; i++) to[i] = (float)((x[i] - all) * (x[i] - all));
}

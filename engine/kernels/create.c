/* engine/kernels/create.c - blocks made from a rule: ranges, identities, triangles. */
#include <math.h>
#include <string.h>

#include "engine/base/simd.h"
#include "engine/base/stop.h"
#include "engine/kernels/cast.h"
#include "engine/kernels/half.h"
#include "engine/kernels/ops.h"

// clang-format off
/* elements [first, first + n) of start + i * (second - start), computed in D, kept as T */
#define RANGE(name, T, D, LD, ST)                                                                  \
    SIMD_KERNEL(static, range_##name, (void *out, const void *a, const void *b, int64_t first, int64_t n), \
                (out, a, b, first, n))                                                             \
    {                                                                                              \
        const D start = LD(*(const T *)a), delta = (D)(LD(*(const T *)b) - start);                 \
        T *to = out;                                                                               \
        for (int64_t i = 0; i < n; i++) to[i] = (T)ST((D)(start + (D)(first + i) * delta));        \
    }
/* whole numbers wrap: adding up is multiplying */
#define COUNT(name, T)                                                                             \
    SIMD_KERNEL(static, range_##name, (void *out, const void *a, const void *b, int64_t first, int64_t n), \
                (out, a, b, first, n))                                                             \
    {                                                                                              \
        const T delta = (T)(*(const T *)b - *(const T *)a);                                        \
        T *to = out, x = (T)(*(const T *)a + (T)((T)first * delta));                               \
        for (int64_t i = 0; i < n; i++, x = (T)(x + delta)) to[i] = x;                             \
    }
COUNT(int8, int8_t)       COUNT(uint8, uint8_t)
COUNT(int16, int16_t)    COUNT(uint16, uint16_t)
COUNT(int32, int32_t)    COUNT(uint32, uint32_t)
COUNT(int64, int64_t)    COUNT(uint64, uint64_t)
RANGE(float32, float, float, , )      RANGE(float64, double, double, , )
RANGE(float16, uint16_t, float, half_to_float, float_to_half)
RANGE(complex64, float _Complex, float _Complex, , )
RANGE(complex128, double _Complex, double _Complex, , )
    // clang-format on

    typedef void (*range_loop)(void *, const void *, const void *, int64_t, int64_t);
static const range_loop ranges[NDTYPE] = {
    [DT_int8] = range_int8,
    [DT_uint8] = range_uint8,
    [DT_int16] = range_int16,
    [DT_uint16] = range_uint16,
    [DT_int32] = range_int32,
    [DT_uint32] = range_uint32,
    [DT_int64] = range_int64,
    [DT_uint64] = range_uint64,
    [DT_float16] = range_float16,
    [DT_float32] = range_float32,
    [DT_float64] = range_float64,
    [DT_complex64] = range_complex64,
    [DT_complex128] = range_complex128,
    [DT_datetime64] = range_int64,
    [DT_timedelta64] = range_int64,
};

bool arange_fill(dtype_of t, const void *start, const void *second, int64_t first, int64_t n,
                 void *out, err *e)
{
    char *to = out;
    if (!ranges[t.dt] && t.dt != DT_bool)
        return err_set(e, TypeError, "no fill-function for data-type.");
    if (t.dt == DT_bool) { /* at most False, True */
        for (int64_t i = 0; i < n; i++)
            to[i] = (char)(*(const bool *)(first + i ? second : start) != 0);
        return true;
    }
    ranges[t.dt](to, start, second, first, n);
    /* the first two are as given, whatever the rule rounds to */
    for (int64_t i = first; i < 2 && i < first + n; i++)
        memcpy(to + (i - first) * t.size, i ? second : start, t.size);
    return true;
}

enum { AT_ONCE = 1 << 18 }; /* elements: between two looks whether to go on */

nd *nd_arange(dtype_of t, const void *start, const void *second, int64_t n, err *e)
{
    nd *x = nd_new(t, 1, &n, e);
    int64_t i = 0;
    while (x && i <= n) {
        int64_t some = n - i < AT_ONCE ? n - i : AT_ONCE;
        if (!arange_fill(t, start, second, i, some, x->at + i * (int64_t)x->size, e) ||
            (n > AT_ONCE && !stop_check(e)))
            x = datum_unref(x);
        i += AT_ONCE;
    }
    return x;
}

static double line_width(double start, double stop, int64_t n, bool endpoint)
{
    int64_t div = endpoint ? n - 1 : n;
    return div > 0 ? (stop - start) / (double)div : (double)NAN;
}

void linspace_fill(double start, double stop, int64_t num, bool endpoint, int64_t first, int64_t n,
                   double *out)
{
    int64_t div = endpoint ? num - 1 : num;
    double delta = stop - start, width = line_width(start, stop, num, endpoint);
    for (int64_t k = 0, i = first; k < n; k++, i++)
        if (div <= 0)
            out[k] = (double)i * delta + start;
        else if (width == 0)
            out[k] = (double)i / (double)div * delta + start;
        else
            out[k] = (double)i * width + start;
    if (endpoint && num > 1 && first + n == num && n) out[n - 1] = stop;
}

nd *nd_linspace(double start, double stop, int64_t n, bool endpoint, double *step, err *e)
{
    if (n < 0)
        return err_set(e, ValueError, "Number of samples, %ld, must be non-negative.", (long)n);
    nd *x = nd_new(dtype_plain(DT_float64), 1, &n, e);
    if (!x) return NULL;
    for (int64_t i = 0, some; i < n; i += some) {
        some = n - i < AT_ONCE ? n - i : AT_ONCE;
        linspace_fill(start, stop, n, endpoint, i, some, (double *)x->at + i);
        if (n > AT_ONCE && !stop_check(e)) return datum_unref(x);
    }
    if (step) *step = line_width(start, stop, n, endpoint);
    return x;
}

/* a block of x's type holding 0 and 1 is made through a cast */
nd *nd_eye(int64_t rows, int64_t cols, int64_t k, dtype_of t, err *e)
{
    int64_t shape[2] = {rows, cols};
    int8_t one = 1;
    nd *x = nd_zero(t, 2, shape, e);
    if (!x || k >= cols || k <= -rows) return x;
    nd *d = nd_diagonal(x, k, 0, 1, e), *v = nd_scalar(DT_int8, &one);
    bool ok = d && nd_assign(d, v, 'u', NULL, e);
    datum_unref(d);
    datum_unref(v);
    return ok ? x : datum_unref(x);
}

nd *nd_diag(const nd *x, int64_t k, err *e)
{
    if (x->ndim == 2) {
        nd *d = nd_diagonal(x, k, 0, 1, e), *y = d ? nd_copy(d, e) : NULL;
        datum_unref(d);
        return y;
    }
    if (x->ndim != 1) return err_set(e, ValueError, "Input must be 1- or 2-d.");
    int64_t n = nd_shape(x)[0] + (k < 0 ? -k : k), shape[2] = {n, n};
    nd *y = nd_zero(nd_type(x), 2, shape, e), *d = y ? nd_diagonal(y, k, 0, 1, e) : NULL;
    bool ok = d && nd_assign(d, x, 'u', NULL, e);
    datum_unref(d);
    return ok ? y : datum_unref(y);
}

/* rows of zeros and copies: element (i, j) stays where j - i >= k (upper) or <= k (lower) */
nd *nd_tri(const nd *x, int64_t k, bool upper, err *e)
{
    int ndim = x->ndim;
    if (ndim == 1) { /* as NumPy: a vector counts as n equal rows */
        int64_t n = nd_shape(x)[0], shape[2] = {n, n};
        nd *wide = nd_broadcast(x, 2, shape, e), *y = wide ? nd_tri(wide, k, upper, e) : NULL;
        datum_unref(wide);
        return y;
    }
    if (ndim == 0) return err_set(e, ValueError, "a triangle needs at least one axis");
    nd *y = nd_zero(nd_type(x), ndim, nd_shape(x), e);
    if (!y) return NULL;
    int64_t rows = nd_shape(x)[ndim - 2], cols = nd_shape(x)[ndim - 1];
    for (int64_t i = 0; i < rows; i++) {
        int64_t edge = i + k, from = 0, to = cols;
        if (upper)
            from = edge < 0 ? 0 : edge > cols ? cols : edge;
        else
            to = edge + 1 < 0 ? 0 : edge + 1 > cols ? cols : edge + 1;
        if (from >= to) continue;
        nd *xr = nd_slice(x, ndim - 2, i, 1, 1), *yr = nd_slice(y, ndim - 2, i, 1, 1);
        nd *xp = nd_slice(xr, ndim - 1, from, to - from, 1);
        nd *yp = nd_slice(yr, ndim - 1, from, to - from, 1);
        nd_copy_into(yp, xp);
        datum_unref(xr);
        datum_unref(yr);
        datum_unref(xp);
        datum_unref(yp);
    }
    return y;
}

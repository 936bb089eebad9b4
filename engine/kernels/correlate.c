/* engine/kernels/correlate.c - correlation of two sequences, in NumPy's order of additions.
 *
 * Kernels of at most 11 floats are summed term by term; everything else is one dot product for
 * each element of the result, which gives BLAS's bits. */
#include <string.h>

#include "engine/base/simd.h"
#include "engine/kernels/blas.h"
#include "engine/kernels/linalg.h"
#include "engine/kernels/ops.h"

enum { SMALL_KERNEL = 11 };

typedef struct sliding {
    const nd *x, *y; /* 1-d, contiguous, of one type; y is not longer */
    bool half;       /* were float16: sums of floats, one term after the other */
    nd *out;
    int64_t at; /* of the next element of the result */
} sliding;

/* out[at++] = dot(x[i : i + n], y[k : k + n]) */
static bool any_dot_at(sliding *s, int64_t i, int64_t k, int64_t n, err *e)
{
    nd *a = nd_slice(s->x, 0, i, n, 1), *b = nd_slice(s->y, 0, k, n, 1), *r = nd_dot(a, b, e);
    datum_unref(a);
    datum_unref(b);
    if (!r) return false;
    memcpy(s->out->at + s->at++ * s->out->size, r->at, s->out->size);
    datum_unref(r);
    return true;
}

/* Term by term: a block of results gets the k-th product each, so that blocks go by vectors. */
#define SMALL(name, T)                                                                             \
    SIMD_KERNEL(static, small_##name,                                                              \
                (const void *xs, const void *ys, void *to, int64_t count, int64_t n),              \
                (xs, ys, to, count, n))                                                            \
    {                                                                                              \
        enum { BLOCK = 512 };                                                                      \
        const T *x = xs, *y = ys;                                                                  \
        T *out = to;                                                                               \
        for (; count > 0; count -= BLOCK, x += BLOCK, out += BLOCK) {                              \
            int64_t m = count < BLOCK ? count : BLOCK;                                             \
            for (int64_t i = 0; i < m; i++) out[i] = (T)(x[i] * y[0]);                             \
            for (int64_t k = 1; k < n; k++)                                                        \
                for (int64_t i = 0; i < m; i++) out[i] = (T)(out[i] + x[i + k] * y[k]);            \
        }                                                                                          \
    }
SMALL(float, float)
SMALL(double, double)
SMALL(1, uint8_t)
SMALL(2, uint16_t)
SMALL(4, uint32_t)
SMALL(8, uint64_t)

/* `count` results of n terms from x[i], y[k] on; false: not of a type for that */
static bool small(sliding *s, int64_t i, int64_t k, int64_t count, int64_t n)
{
    int64_t size = s->x->size;
    const char *x = s->x->at + i * size, *y = s->y->at + k * size;
    char *out = s->out->at + s->at * size;
    if (s->x->dtype == DT_float64)
        small_double(x, y, out, count, n);
    else if (s->x->dtype == DT_float32)
        small_float(x, y, out, count, n);
    else if (!dtype_is_int((enum dtype)s->x->dtype))
        return false;
    else if (size == 1)
        small_1(x, y, out, count, n);
    else if (size == 2)
        small_2(x, y, out, count, n);
    else if (size == 4)
        small_4(x, y, out, count, n);
    else
        small_8(x, y, out, count, n);
    s->at += count;
    return true;
}

/* the same products as NumPy makes, without an array for each; false: other types, no library */
static bool by_blas(sliding *s, int64_t first, int64_t second, int64_t count, int64_t n)
{
    const enum dtype t = (enum dtype)s->x->dtype;
    const blas *f = n <= INT32_MAX && t >= DT_float32 && t <= DT_complex128 ? blas_open() : NULL;
    if (!f) return false;
    const int64_t size = s->x->size;
    char *out = s->out->at + s->at * size;
    const char *x = s->x->at + first * size, *y = s->y->at + second * size;
    for (int64_t i = 0; i < count; i++, x += size, out += size)
        if (t == DT_float64)
            *(double *)out = f->ddot((int)n, (const double *)x, 1, (const double *)y, 1);
        else if (t == DT_float32)
            *(float *)out = f->sdot((int)n, (const float *)x, 1, (const float *)y, 1);
        else
            (t == DT_complex64 ? f->cdotu : f->zdotu)((int)n, x, 1, y, 1, out);
    s->at += count;
    return true;
}

/* The places where y lies within x. */
static bool inner(sliding *s, int64_t count, int64_t n, err *e)
{
    bool whole = dtype_is_int((enum dtype)s->x->dtype) || s->x->dtype == DT_bool;
    if ((s->half || n <= SMALL_KERNEL) && small(s, 0, 0, count, n)) return true;
    if (whole) { /* sums of integers have no order: all windows at once */
        int64_t size = s->x->size;
        nd *w = nd_view(s->x->b, s->x->at, nd_type(s->x), 2, (int64_t[]){count, n},
                        (int64_t[]){size, size});
        nd *r = nd_matmul(w, s->y, e);
        datum_unref(w);
        if (!r) return false;
        memcpy(s->out->at + s->at * size, r->at, (size_t)(count * size));
        datum_unref(r);
        s->at += count;
        return true;
    }
    if (by_blas(s, 0, 0, count, n)) return true;
    for (int64_t i = 0; i < count; i++) TRY(any_dot_at(s, i, 0, n, e));
    return true;
}

/* At the ends: one product, as the library makes it; sums of integers have no order. */
static bool dot_at(sliding *s, int64_t i, int64_t k, int64_t n, err *e)
{
    const bool termwise = s->half || dtype_is_int((enum dtype)s->x->dtype);
    return (termwise && small(s, i, k, 1, n)) || by_blas(s, i, k, 1, n) ||
           any_dot_at(s, i, k, n, e);
}

static bool slide(sliding *s, char mode, err *e)
{
    int64_t n = nd_shape(s->y)[0], m = nd_shape(s->x)[0];
    int64_t left = mode == 'v' ? 0 : mode == 's' ? n / 2 : n - 1;
    int64_t right = mode == 'v' ? 0 : mode == 's' ? n - left - 1 : n - 1;
    int64_t count = m - n + 1 + left + right;
    s->out = nd_new(nd_type(s->x), 1, &count, e);
    TRY(s->out);
    for (int64_t i = left; i > 0; i--) TRY(dot_at(s, 0, i, n - i, e));
    TRY(inner(s, m - n + 1, n, e));
    for (int64_t i = 1; i <= right; i++) TRY(dot_at(s, m - n + i, 0, n - i, e));
    return true;
}

/* sums from zero on, which is not negative, of type t */
static nd *as_half(nd *sums, dtype_of t, err *e)
{
    float *v = (float *)sums->at;
    for (int64_t i = 0, n = nd_count(sums); i < n; i++) v[i] += 0.0F;
    nd *r = nd_cast(sums, t, 'u', e);
    datum_unref(sums);
    return r;
}

nd *nd_correlate(const nd *x, const nd *y, char mode, err *e)
{
    dtype_of t;
    if (x->ndim != 1 || y->ndim != 1)
        return err_set(e, ValueError,
                       x->ndim > 1 || y->ndim > 1 ? "object too deep for desired array"
                                                  : "object of too small depth for desired array");
    if (!nd_count(x)) return err_set(e, ValueError, "first array argument cannot be empty");
    if (!nd_count(y)) return err_set(e, ValueError, "second array argument cannot be empty");
    TRY(dtype_promote(nd_type(x), nd_type(y), &t, e));
    const bool half = t.dt == DT_float16;
    const dtype_of in = half ? dtype_plain(DT_float32) : t;
    nd *a = nd_cast(x, in, 'u', e), *b = a ? nd_cast(y, in, 'u', e) : NULL;
    nd *p = b ? nd_contiguous(a, e) : NULL, *q = p ? nd_contiguous(b, e) : NULL;
    bool turned = q && nd_count(q) > nd_count(p);
    sliding s = {.x = turned ? q : p, .y = turned ? p : q, .half = half};
    bool ok = q && slide(&s, mode, e);
    nd *r = s.out;
    if (!ok) r = datum_unref(r);
    if (r && half) r = as_half(r, t, e);
    if (r && turned) {
        nd *back = nd_flip(r, 1);
        datum_unref(r);
        r = nd_copy(back, e);
        datum_unref(back);
    }
    datum_unref(a);
    datum_unref(b);
    datum_unref(p);
    datum_unref(q);
    return r;
}

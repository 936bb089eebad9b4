/* engine/kernels/views.c - blocks that share another block's memory. */
#include <string.h>

#include "engine/base/str.h"
#include "engine/kernels/ops.h"

nd *nd_squeeze(const nd *x, uint32_t axes)
{
    int64_t shape[ND_MAXDIM], strides[ND_MAXDIM];
    int n = 0;
    for (int i = 0; i < x->ndim; i++) {
        if (axes >> i & 1) continue;
        shape[n] = nd_shape(x)[i];
        strides[n++] = nd_strides(x)[i];
    }
    return nd_view(x->b, x->at, nd_type(x), n, shape, strides);
}

nd *nd_expand(const nd *x, int axis)
{
    int64_t shape[ND_MAXDIM + 1], strides[ND_MAXDIM + 1];
    for (int i = 0, j = 0; i <= x->ndim; i++) {
        shape[i] = i == axis ? 1 : nd_shape(x)[j];
        strides[i] = i == axis ? 0 : nd_strides(x)[j++];
    }
    return nd_view(x->b, x->at, nd_type(x), x->ndim + 1, shape, strides);
}

nd *nd_flip(const nd *x, uint32_t axes)
{
    int64_t strides[ND_MAXDIM];
    char *at = x->at;
    for (int i = 0; i < x->ndim; i++) {
        bool turned = axes >> i & 1;
        strides[i] = turned ? -nd_strides(x)[i] : nd_strides(x)[i];
        if (turned && nd_shape(x)[i]) at += (nd_shape(x)[i] - 1) * nd_strides(x)[i];
    }
    return nd_view(x->b, at, nd_type(x), x->ndim, nd_shape(x), strides);
}

nd *nd_slice(const nd *x, int axis, int64_t start, int64_t count, int64_t step)
{
    int64_t shape[ND_MAXDIM], strides[ND_MAXDIM];
    for (int i = 0; i < x->ndim; i++) {
        shape[i] = i == axis ? count : nd_shape(x)[i];
        strides[i] = i == axis ? nd_strides(x)[i] * step : nd_strides(x)[i];
    }
    char *at = count ? x->at + start * nd_strides(x)[axis] : x->at;
    return nd_view(x->b, at, nd_type(x), x->ndim, shape, strides);
}

nd *nd_diagonal(const nd *x, int64_t offset, int axis1, int axis2, err *e)
{
    if (x->ndim < 2)
        return err_set(e, ValueError, "diag requires an array of at least two dimensions");
    if (axis1 == axis2) return err_set(e, ValueError, "axis1 and axis2 cannot be the same");
    int64_t shape[ND_MAXDIM], strides[ND_MAXDIM];
    int n = 0;
    for (int i = 0; i < x->ndim; i++) {
        if (i == axis1 || i == axis2) continue;
        shape[n] = nd_shape(x)[i];
        strides[n++] = nd_strides(x)[i];
    }
    int64_t rows = nd_shape(x)[axis1], cols = nd_shape(x)[axis2];
    int64_t s1 = nd_strides(x)[axis1], s2 = nd_strides(x)[axis2];
    char *at = x->at;
    if (offset >= 0)
        cols -= offset;
    else
        rows += offset;
    int64_t count = rows < cols ? rows : cols;
    if (count < 0) count = 0;
    if (count) at += offset >= 0 ? offset * s2 : -offset * s1;
    shape[n] = count;
    strides[n++] = s1 + s2;
    return nd_view(x->b, at, nd_type(x), n, shape, strides);
}

nd *nd_field(const nd *x, ptrdiff_t offset, dtype_of t)
{
    return nd_view(x->b, x->at + offset, t, x->ndim, nd_shape(x), nd_strides(x));
}

static dtype_of part_type(const nd *x)
{
    return dtype_plain(x->dtype == DT_complex64 ? DT_float32 : DT_float64);
}

nd *nd_real(const nd *x)
{
    return dtype_is_complex(x->dtype) ? nd_field(x, 0, part_type(x)) : nd_ref(x);
}

nd *nd_imag(const nd *x, err *e)
{
    if (dtype_is_complex(x->dtype)) return nd_field(x, x->size / 2, part_type(x));
    return nd_zero(nd_type(x), x->ndim, nd_shape(x), e);
}

nd *nd_as_type(const nd *x, dtype_of t, err *e)
{
    int64_t shape[ND_MAXDIM], strides[ND_MAXDIM];
    if ((x->dtype == DT_object) != (t.dt == DT_object))
        return err_set(e, TypeError, "Cannot change data-type for object array.");
    if (t.size == 0) t.size = x->size;
    if (t.size == x->size) return nd_field(x, 0, t);
    int last = x->ndim - 1;
    if (last < 0)
        return err_set(e, ValueError,
                       "Changing the dtype of a 0d array is only supported if the itemsize is "
                       "unchanged");
    if (nd_shape(x)[last] != 1 && nd_strides(x)[last] != (int64_t)x->size)
        return err_set(
            e, ValueError,
            "To change to a dtype of a different size, the last axis must be contiguous");
    memcpy(shape, nd_shape(x), (size_t)x->ndim * sizeof *shape);
    memcpy(strides, nd_strides(x), (size_t)x->ndim * sizeof *strides);
    if (t.size < x->size && x->size % t.size)
        return err_set(
            e, ValueError,
            "When changing to a smaller dtype, its size must be a divisor of the size of "
            "original dtype");
    int64_t bytes = shape[last] * x->size;
    if (bytes % t.size)
        return err_set(e, ValueError,
                       "When changing to a larger dtype, its size must be a divisor of the total "
                       "size in bytes of the last axis of the array.");
    shape[last] = bytes / t.size;
    strides[last] = t.size;
    return nd_view(x->b, x->at, t, x->ndim, shape, strides);
}

nd *nd_reshape_order(const nd *x, int ndim, const int64_t *shape, char order, err *e)
{
    bool fortran = order == 'F' || (order == 'A' && (x->flags & ND_F) && !(x->flags & ND_C));
    if (!fortran) return nd_reshape(x, ndim, shape, e);
    int64_t turned[ND_MAXDIM];
    for (int i = 0; i < ndim && i < ND_MAXDIM; i++) turned[i] = shape[ndim - 1 - i];
    err own = {0};
    nd *t = nd_transpose(x, NULL), *r = nd_reshape(t, ndim, turned, &own);
    datum_unref(t);
    if (!r) { /* the message names the shape as the user wrote it */
        int64_t unused[ND_MAXDIM];
        if (shape_resolve(nd_count(x), ndim, shape, unused, e)) err_move(e, &own);
        err_clear(&own);
        return NULL;
    }
    nd *y = nd_transpose(r, NULL);
    datum_unref(r);
    return y;
}

nd *nd_ravel(const nd *x, char order, err *e)
{
    int64_t n = nd_count(x);
    if (order == 'K' && x->flags & (ND_C | ND_F)) order = 'A'; /* one run as it lies */
    if (order != 'K') {
        nd *r = nd_reshape_order(x, 1, &n, order, e), *run = r ? nd_contiguous(r, e) : NULL;
        datum_unref(r);
        return run;
    }
    nd *y = nd_copy_order(x, 'K', e); /* axes as they lie, copied into one run */
    if (!y) return NULL;
    nd *flat = nd_view(y->b, y->b->data, nd_type(x), 1, &n, NULL);
    datum_unref(y);
    return flat;
}

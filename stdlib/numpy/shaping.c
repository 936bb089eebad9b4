/* stdlib/numpy/shaping.c - methods that see the same elements in another shape, and their forms as
 * functions of numpy.  self -> a view where strides can say it, else a copy. */
#include <string.h>

#include "engine/base/mem.h"
#include "stdlib/numpy/long.h"
#include "stdlib/numpy/methods.h"
#include "stdlib/numpy/numpy.h"
#include "stdlib/numpy/objects.h"

/* *shape: ints, or one tuple */
static bool star_shape(interp *in, value star, int *ndim, int64_t shape[ND_MAXDIM])
{
    tuple *t = as_tuple(star);
    value v = t->n == 1 ? t->at[0] : star;
    return to_shape(in, v, ndim, shape);
}

static value reshape(interp *in, value self, int ndim, const int64_t *shape, char order)
{
    ndarray *a = as_ndarray(self);
    if (a && order != 'F' &&
        array_peek(a)->flags & ND_C) { /* the same memory, whatever the shape */
        const nd *of = array_peek(a);
        int64_t to[ND_MAXDIM], strides[ND_MAXDIM];
        err bad = {0};
        if (!shape_resolve(nd_count(of), ndim, shape, to, &bad)) return throw_err(in, &bad);
        strides_c(ndim, to, of->size, strides);
        return array_view(in, a, of->at, ndim, to, strides);
    }
    nd *x = to_nd_any(in, self);
    if (!x) return FAIL;
    err e = {0};
    nd *y = nd_reshape_order(x, ndim, shape, order, &e);
    datum_unref(x);
    return view_of(in, self, y, &e);
}

value ndarray_reshape(interp *in, const value *arg)
{
    int ndim;
    int64_t shape[ND_MAXDIM];
    if (!star_shape(in, arg[1], &ndim, shape)) return FAIL;
    return reshape(in, arg[0], ndim, shape, order_of(arg[2], 'C'));
}

value ndarray_ravel(interp *in, const value *arg)
{
    nd *x = to_nd_any(in, arg[0]);
    if (!x) return FAIL;
    err e = {0};
    nd *y = nd_ravel(x, order_of(arg[1], 'C'), &e);
    datum_unref(x);
    return view_of(in, arg[0], y, &e);
}

value ndarray_flatten(interp *in, const value *arg)
{
    nd *x = to_nd_any(in, arg[0]), *c = NULL;
    err e = {0};
    nd *y = x ? nd_ravel(x, order_of(arg[1], 'C'), &e) : NULL;
    if (y) c = nd_copy(y, &e);
    datum_unref(x);
    datum_unref(y);
    return x ? array_wrap(in, c, &e) : FAIL;
}

value ndarray_transpose(interp *in, const value *arg)
{
    nd *x = to_nd_any(in, arg[0]);
    if (!x) return FAIL;
    tuple *t = as_tuple(arg[1]);
    int perm[ND_MAXDIM];
    uint32_t seen = 0;
    err e = {0};
    value r = FAIL;
    const value *at = t->at;
    int64_t n = t->n;
    if (n == 1 && (as_tuple(at[0]) || as_list(at[0]))) {
        tuple *inner = as_tuple(at[0]);
        n = inner ? inner->n : as_list(t->at[0])->n;
        at = inner ? inner->at : as_list(t->at[0])->at;
    }
    if (n == 0 || (n == 1 && is_none(at[0]))) {
        r = view_of(in, arg[0], nd_transpose(x, NULL), &e);
    } else if (n != x->ndim) {
        throw(in, ValueError, "axes don't match array");
    } else {
        bool ok = true;
        for (int i = 0; ok && i < n; i++) {
            ok = to_axis(in, at[i], x->ndim, &perm[i]);
            if (ok && seen & axis_bit(perm[i]))
                ok = THROW0(in, ValueError, "repeated axis in transpose");
            if (ok) seen |= axis_bit(perm[i]);
        }
        if (ok) r = view_of(in, arg[0], nd_transpose(x, perm), &e);
    }
    datum_unref(x);
    return r;
}

/* An axis whose error names the parameter. */
static bool named_axis(interp *in, value v, int ndim, const char *name, int *axis)
{
    int64_t i;
    err e = {0};
    if (!to_int64(in, v, &i)) return false;
    if (check_axis(i, ndim, axis, &e)) return true;
    throw(in, AxisError, "%s: %s", name, e.msg);
    err_clear(&e);
    return false;
}

value ndarray_swapaxes(interp *in, const value *arg)
{
    nd *x = to_nd_any(in, arg[0]);
    int a, b, perm[ND_MAXDIM];
    err e = {0};
    value r = FAIL;
    if (x && named_axis(in, arg[1], x->ndim, "axis1", &a) &&
        named_axis(in, arg[2], x->ndim, "axis2", &b)) {
        for (int i = 0; i < x->ndim; i++) perm[i] = i == a ? b : i == b ? a : i;
        r = view_of(in, arg[0], nd_transpose(x, perm), &e);
    }
    datum_unref(x);
    return r;
}

value ndarray_squeeze(interp *in, const value *arg)
{
    nd *x = to_nd_any(in, arg[0]);
    uint32_t axes;
    err e = {0};
    value r = FAIL;
    const bool single = x && !x->ndim && arg[1].kind == V_INT && (arg[1].i == 0 || arg[1].i == -1);
    if (x && to_axes(in, single ? NONE : arg[1], x->ndim, &axes)) {
        bool ok = true;
        for (int i = 0; i < x->ndim; i++)
            if (nd_shape(x)[i] != 1 && axes != ALL_AXES && axes & axis_bit(i)) ok = false;
        if (axes == ALL_AXES)
            for (int i = 0; i < x->ndim; i++)
                if (nd_shape(x)[i] != 1) axes &= ~axis_bit(i);
        r = ok ? view_of(in, arg[0], nd_squeeze(x, axes), &e)
               : throw(in, ValueError,
                       "cannot select an axis to squeeze out which has size not equal to one");
    }
    datum_unref(x);
    return r;
}

/* The bytes of an array of a shape, or of more than most: more than that. */
static size_t bytes_of_shape(size_t itemsize, int n, const int64_t *shape, size_t most)
{
    size_t bytes = itemsize;
    for (int i = 0; i < n; i++)
        if (shape[i] <= 0) return 0;
    for (int i = 0; i < n && bytes <= most; i++)
        bytes *= (size_t)shape[i] > most ? most + 1 : (size_t)shape[i];
    return bytes;
}

/* The array in memory of n elements less or as many, which is its own as it stands. */
static value resize_within(interp *in, ndarray *a, const nd *x, int n, const int64_t *shape)
{
    if (!(x->flags & ND_C) && !(x->flags & ND_F && n == 1))
        return throw(in, ValueError, "resize only works on single-segment arrays");
    int64_t strides[ND_MAXDIM];
    strides_c(n, shape, x->size, strides);
    nd *y = nd_view(x->b, x->at, nd_type(x), n, shape, strides);
    bool ok = y && array_become(in, a, y);
    datum_unref(y);
    return ok ? NONE : FAIL;
}

/* Memory that views share (refcheck=False) grows for all of them and does not shrink. */
value ndarray_resize(interp *in, const value *arg)
{
    ndarray *a = as_ndarray(arg[0]);
    int n;
    int64_t shape[ND_MAXDIM];
    err e = {0};
    if (!a) return throw(in, ValueError, "cannot resize a scalar");
    if (as_tuple(arg[1])->n == 0) return NONE;
    if (!star_shape(in, arg[1], &n, shape)) return FAIL;
    for (int i = 0; i < n; i++)
        if (shape[i] < 0) return throw(in, ValueError, "negative dimensions not allowed");
    const nd *was = array_peek(a);
    size_t old = nd_bytes(was), now = bytes_of_shape(was->size, n, shape, old);
    if (now == old) return resize_within(in, a, was, n, shape);
    if (a->base) return throw(in, ValueError, "cannot resize this array: it does not own its data");
    if (a->s->rc > 1 && value_truth(in, arg[2]) != 0)
        return throw(in, ValueError,
                     "cannot resize an array that references or is referenced\nby another array in "
                     "this way.\nUse the np.resize function or refcheck=False");
    if (a->s->rc > 1 && now < old) return resize_within(in, a, was, n, shape);
    nd *x = array_write(in, a), *y = x ? nd_zero(nd_type(x), n, shape, &e) : NULL;
    if (!x) return FAIL;
    if (!y) return throw_err(in, &e);
    if (x->dtype == DT_object) {
        datum_unref(y);
        return throw(in, NotImplementedError, "resize() of an array of objects is not supported");
    }
    memcpy(y->at, x->at, old < now ? old : nd_bytes(y));
    bool ok = array_become(in, a, y);
    datum_unref(y);
    return ok ? NONE : FAIL;
}

value ndarray_diagonal(interp *in, const value *arg)
{
    nd *x = to_nd_any(in, arg[0]);
    int64_t k;
    int a, b;
    err e = {0};
    value r = FAIL;
    if (x && x->ndim < 2)
        throw(in, ValueError, "diag requires an array of at least two dimensions");
    else if (x && to_int64(in, arg[1], &k) && to_axis(in, arg[2], x->ndim, &a) &&
             to_axis(in, arg[3], x->ndim, &b))
        r = view_of(in, arg[0], nd_diagonal(x, k, a, b, &e), &e);
    ndarray *d = as_ndarray(r);
    if (d) d->readonly = true;
    datum_unref(x);
    return r;
}

value ndarray_trace(interp *in, const value *arg)
{
    if (is_object_array(arg[0])) return object_product(in, "trace", arg, 2);
    value d = ndarray_diagonal(in, arg);
    nd *x = is_fail(d) ? NULL : to_nd_any(in, d);
    value_unref(in, d);
    if (!x) return FAIL;
    err e = {0};
    dtype_of want;
    value r = FAIL;
    if (to_dtype_or_none(in, arg[4], &want))
        r = array_result(
            in, nd_reduce(&reductions[R_sum], x, axis_bit(x->ndim - 1), false, want, NULL, &e), &e);
    datum_unref(x);
    return r;
}

/* ---- as functions ---- */

value numpy_reshape(interp *in, const value *arg)
{
    int ndim;
    int64_t shape[ND_MAXDIM];
    if (!to_shape(in, arg[1], &ndim, shape)) return FAIL;
    return reshape(in, arg[0], ndim, shape, order_of(arg[2], 'C'));
}

value numpy_transpose(interp *in, const value *arg)
{
    tuple *t = is_none(arg[1]) ? tuple_new(in, 0) : tuple_pack(in, 1, value_ref(arg[1]));
    if (!t) return FAIL;
    value r = ndarray_transpose(in, (value[]){arg[0], v_obj(t)});
    obj_unref(in, t);
    return r;
}

value numpy_size(interp *in, const value *arg)
{
    nd *x = to_nd_any(in, arg[0]);
    int axis = 0;
    value r = FAIL;
    if (x && is_none(arg[1]))
        r = v_int(nd_count(x));
    else if (x && to_axis(in, arg[1], x->ndim, &axis))
        r = v_int(nd_shape(x)[axis]);
    datum_unref(x);
    return r;
}

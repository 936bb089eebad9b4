/* stdlib/numpy/methods.h - the methods of arrays, by family; methods.c lists them in tables.
 *
 * Every function takes self (arg[0]) as anything array-like: an ndarray (views stay views) or a
 * scalar.  An x of methods.c's tables is ndarray_x as a method, numpy_x where the function of numpy
 * differs from it. */
#pragma once

#include "lang/lang.h"
#include "stdlib/numpy/numpy.h"

typedef value array_method(interp *in, const value *arg);

/* Views x (owned) of self as an array; x NULL throws. */
static inline value view_of(interp *in, value self, nd *x, err *e)
{
    return array_wrap_view(in, x, as_ndarray(self), e);
}

static inline char order_of(value v, char otherwise)
{
    str *s = as_str(v);
    return s && s->nbyte ? s->at[0] : otherwise;
}

/* A function of one argument, self, of whose block x it computes a value. */
#define WITH_SELF(name, expression)                                                                \
    value name(interp *in, const value *arg)                                                       \
    {                                                                                              \
        ndarray *a = as_ndarray(arg[0]);                                                           \
        nd *own = a ? NULL : to_nd_any(in, arg[0]);                                                \
        if (!a && !own) return FAIL;                                                               \
        const nd *x = a ? array_peek(a) : own;                                                     \
        value r = expression;                                                                      \
        datum_unref(own);                                                                          \
        return r;                                                                                  \
    }

/* ---- attributes.c ---- */
array_method ndarray_get_base, ndarray_get_dtype, ndarray_get_flags, ndarray_get_flat,
    ndarray_get_imag, ndarray_get_itemsize, ndarray_get_nbytes, ndarray_get_ndim, ndarray_get_real,
    ndarray_get_shape, ndarray_get_size, ndarray_get_strides, ndarray_get_transpose,
    ndarray_set_flat, ndarray_set_imag, ndarray_set_real, ndarray_set_shape, ndarray_setflags;
bool ndarray_flat_setitem(interp *in, value flat, value key, value v); /* a.flat[key] = v */
char *ndarray_flat_place(const nd *x, int64_t i);                      /* of element i in C order */

/* ---- shaping.c ---- */
array_method ndarray_diagonal, ndarray_flatten, ndarray_ravel, ndarray_reshape, ndarray_resize,
    ndarray_squeeze, ndarray_swapaxes, ndarray_trace, ndarray_transpose, numpy_reshape, numpy_size,
    numpy_transpose;

/* 'k' of "same_kind" and so on; otherwise: of what is no text */
char casting_of(value v, char otherwise);

/* ---- steps.c ---- */
array_method ndarray_choose;

/* ---- ordering.c ---- */
array_method ndarray_argpartition, ndarray_argsort, ndarray_compress, ndarray_dot, ndarray_nonzero,
    ndarray_partition, ndarray_put, ndarray_repeat, ndarray_searchsorted, ndarray_sort,
    ndarray_take, numpy_compress, numpy_partition, numpy_sort;

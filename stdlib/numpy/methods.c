/* stdlib/numpy/methods.c - the methods and attributes of arrays, which scalars share: the tables,
 * and what converts elements or computes with them.  The other families: attributes.c, shaping.c,
 * ordering.c, reductions.c. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "engine/base/mem.h"
#include "engine/kernels/linalg.h"
#include "lang/interp.h"
#include "lang/types/bytes.h"
#include "stdlib/numpy/long.h"
#include "stdlib/numpy/methods.h"
#include "stdlib/numpy/numpy.h"
#include "stdlib/numpy/objects.h"
#include "stdlib/numpy/reductions.h"
#include "stdlib/numpy/subclass.h"

/* ---- conversions ---- */

char casting_of(value v, char otherwise)
{
    str *s = as_str(v);
    return !s ? otherwise : str_is(s, "same_kind") ? 'k' : s->at[0];
}

static value m_astype(interp *in, const value *arg)
{
    dtype_of t = {.dt = DT_none};
    if (!to_dtype(in, arg[1], &t)) return FAIL;
    bool copy = value_truth(in, arg[5]) == 1;
    ndarray *a = as_ndarray(arg[0]);
    if (arg[0].kind == V_SCALAR && t.dt == DT_object) return call_method(in, arg[0], "item", 0);
    if (a && !copy && dtype_equal(nd_type(array_peek(a)), t)) return value_ref(arg[0]);
    nd *x = to_nd_any(in, arg[0]);
    if (!x) return FAIL;
    err e = {0};
    char casting = casting_of(arg[3], 'u');
    if (casting != 'u' && !dtype_can_cast(nd_type(x), t, casting)) {
        nd *y = nd_cast(x, t, casting, &e);
        datum_unref(x);
        return array_wrap(in, y, &e);
    }
    nd *y = to_nd(in, arg[0], t);
    bool same = y && y->b == x->b;
    datum_unref(x);
    if (!y) return FAIL;
    if (same && !copy && as_ndarray(arg[0])) {
        datum_unref(y);
        return value_ref(arg[0]);
    }
    if (same) {
        nd *own = nd_copy_order(y, order_of(arg[2], 'K'), &e);
        datum_unref(y);
        y = own;
    }
    return as_ndarray(arg[0]) ? array_wrap(in, y, &e) : array_result(in, y, &e);
}

static value m_copy(interp *in, const value *arg)
{
    nd *x = to_nd_any(in, arg[0]);
    if (!x) return FAIL;
    err e = {0};
    apart a;
    apart_begin(in, &a, 1, (const nd *const *)&x);
    nd *y = nd_copy_order(a.operands[0], order_of(arg[1], 'C'), &e);
    apart_end(&a);
    datum_unref(x);
    return as_ndarray(arg[0]) ? array_wrap(in, y, &e) : array_result(in, y, &e);
}

/* The bytes of x as elements of foreign order.  These are in native order here, as all are: a copy,
 * since the two orders cannot share memory. */
static nd *as_swapped(const nd *x, dtype_of t, err *e)
{
    nd *v = nd_as_type(x, t, e), *y = v ? nd_copy(v, e) : NULL;
    if (y) nd_swap_bytes(y->at, nd_bytes(y), t);
    datum_unref(v);
    return y;
}

static value m_view(interp *in, const value *arg)
{
    dtype_of t = {.dt = DT_none};
    nd *x = to_nd_any(in, arg[0]);
    if (!x) return FAIL;
    err e = {0};
    value r = FAIL;
    const type *cls = as_type(arg[1]), *also = as_type(arg[2]);
    if (!is_none(arg[2]) && !(also && type_is_sub(also, &T_ndarray))) {
        datum_unref(x);
        return throw(in, ValueError, "Type must be a sub-type of ndarray type");
    }
    if (also) {
        datum_unref(x);
        value v = is_none(arg[1]) ? value_ref(arg[0]) : m_view(in, (value[]){arg[0], arg[1], NONE});
        r = as_ndarray(v) ? array_as(in, also, as_ndarray(v)) : v;
        if (as_ndarray(v)) value_unref(in, v);
        return r;
    }
    if (cls && as_ndarray(arg[0]) && type_is_sub(cls, &T_ndarray))
        r = array_as(in, cls, as_ndarray(arg[0]));
    else if (is_none(arg[1]) || cls == &T_ndarray)
        r = view_of(in, arg[0], nd_ref(x), &e);
    else if (to_dtype(in, arg[1], &t) && t.swapped)
        r = array_wrap(in, as_swapped(x, t, &e), &e);
    else if (!throwing(in))
        r = view_of(in, arg[0], nd_as_type(x, t, &e), &e);
    datum_unref(x);
    return r;
}

static value nested_list(interp *in, const nd *x, const char *at, int axis)
{
    if (axis == x->ndim) return scalar_item(in, nd_type(x), at);
    list *l = list_new(in, nd_shape(x)[axis]);
    for (int64_t i = 0; l && i < nd_shape(x)[axis]; i++)
        if (!goes_on(in, (size_t)i) ||
            !list_add(in, l, nested_list(in, x, at + i * nd_strides(x)[axis], axis + 1))) {
            obj_unref(in, l);
            return FAIL;
        }
    return v_obj(l);
}

static WITH_SELF(m_tolist, nested_list(in, x, x->at, 0))

    static value m_item(interp *in, const value *arg)
{
    nd *x = to_nd_any(in, arg[0]);
    if (!x) return FAIL;
    tuple *t = as_tuple(arg[1]);
    value r = FAIL;
    if (t->n == 1 && as_tuple(t->at[0])) t = as_tuple(t->at[0]);
    int64_t n = nd_count(x), i = 0;
    if (t->n == 0 && n == 1) {
        r = scalar_item(in, nd_type(x), x->at);
    } else if (t->n == 0) {
        throw(in, ValueError, "can only convert an array of size 1 to a Python scalar");
    } else if (t->n == 1) {
        if (to_int64(in, t->at[0], &i)) {
            int64_t j = i < 0 ? i + n : i;
            r = j < 0 || j >= n ? throw(in, IndexError, "index %lld is out of bounds for size %lld",
                                        (long long)i, (long long)n)
                                : scalar_item(in, nd_type(x), ndarray_flat_place(x, j));
        }
    } else if (as_ndarray(arg[0])) {
        value v = array_getitem(in, arg[0], v_obj(t));
        nd *y = is_fail(v) ? NULL : to_nd_any(in, v);
        r = y ? scalar_item(in, nd_type(y), y->at) : FAIL;
        datum_unref(y);
        value_unref(in, v);
    } else {
        throw(in, ValueError, "incorrect number of indices for array");
    }
    datum_unref(x);
    return r;
}

static value m_itemset(interp *in, const value *arg)
{
    tuple *t = as_tuple(arg[1]);
    if (t->n < 1) return throw(in, ValueError, "itemset must have at least one argument");
    value v = t->at[t->n - 1];
    tuple *key = tuple_from(in, t->at, t->n - 1);
    bool ok;
    if (key && key->n == 1) {
        value f = ndarray_get_flat(in, arg);
        ok = !is_fail(f) && ndarray_flat_setitem(in, f, key->at[0], v);
        value_unref(in, f);
    } else {
        ok = key && array_setitem(in, arg[0], v_obj(key), v);
    }
    obj_unref(in, key);
    return ok ? NONE : FAIL;
}

static value m_tobytes(interp *in, const value *arg)
{
    nd *x = to_nd_any(in, arg[0]);
    err e = {0};
    char order = order_of(arg[1], 'C');
    bool as_is = x && nd_is_c(x) && (order != 'F' || x->ndim < 2);
    nd *y = as_is ? nd_ref(x) : x ? nd_copy_order(x, order, &e) : NULL;
    datum_unref(x);
    if (!y) return e.kind ? throw_err(in, &e) : FAIL;
    bytes *b = bytes_new(in, y->at, nd_bytes(y));
    datum_unref(y);
    return v_obj(b);
}

static value m_fill(interp *in, const value *arg)
{
    return array_setitem(in, arg[0], ELLIPSIS, arg[1]) ? NONE : FAIL;
}

static value f_copy(interp *in, const value *arg)
{
    nd *x = to_nd_any(in, arg[0]);
    err e = {0};
    nd *y = x ? nd_copy_order(x, order_of(arg[1], 'K'), &e) : NULL;
    datum_unref(x);
    return x ? array_wrap(in, y, &e) : FAIL;
}

/* ---- arithmetic ---- */

static value m_conj(interp *in, const value *arg)
{
    nd *x = to_nd_any(in, arg[0]);
    err e = {0};
    if (!x) return FAIL;
    nd *y = dtype_is_complex((enum dtype)x->dtype) ? nd_map1(U_conjugate, x, &e) : nd_ref(x);
    datum_unref(x);
    return as_ndarray(arg[0]) ? view_of(in, arg[0], y, &e) : array_result(in, y, &e);
}

/* the array `out`, with the values of r, which is given up */
static value stored_in(interp *in, value out, value r)
{
    const bool stored = array_setitem(in, out, ELLIPSIS, r);
    value_unref(in, r);
    return stored ? value_ref(out) : FAIL;
}

/* Can what is rounded to n decimals be stored there? */
static bool check_round_out(interp *in, value out, const nd *x, int64_t n)
{
    err e = {0};
    if (!as_ndarray(out)) return THROW0(in, TypeError, "output must be an array");
    const nd *to = array_peek(as_ndarray(out));
    if (to->ndim != x->ndim || memcmp(nd_shape(to), nd_shape(x), (size_t)x->ndim * sizeof(int64_t)))
        return THROW0(in, ValueError, "invalid output shape");
    if (dtype_is_complex((enum dtype)x->dtype) && !dtype_is_complex((enum dtype)to->dtype))
        return THROW0(in, TypeError, "array does not have imaginary part to set");
    const bool whole = dtype_is_int((enum dtype)x->dtype);
    const dtype_of t = whole ? dtype_plain(DT_float64) : nd_type(x);
    if ((whole && n >= 0) || dtype_can_cast(t, nd_type(to), 'k')) return true;
    ufunc_cast_error(&ufuncs[n > 0   ? U_multiply
                             : n < 0 ? U_divide
                                     : U_rint],
                     "output", t, nd_type(to), 'k', &e);
    throw_err(in, &e);
    return false;
}

static value m_round(interp *in, const value *arg)
{
    nd *x = to_nd_any(in, arg[0]);
    int64_t n = 0;
    err e = {0};
    const bool kept = is_none(arg[2]);
    if (!x || (!is_none(arg[1]) && !to_int64(in, arg[1], &n)) ||
        (!kept && !check_round_out(in, arg[2], x, n)))
        return datum_unref(x), FAIL;
    if (x->dtype == DT_object) {
        datum_unref(x);
        value r = object_fold(in, "round", (value[]){arg[0], v_int(n)}, 2);
        return kept || is_fail(r) ? r : stored_in(in, arg[2], r);
    }
    if (kept && dtype_is_int((enum dtype)x->dtype) && n >= 0 && x->ndim && as_ndarray(arg[0])) {
        datum_unref(x); /* the array itself, as NumPy has it */
        return value_ref(arg[0]);
    }
    nd *y = x->dtype == DT_bool ? nd_cast(x, dtype_plain(DT_float16), 'u', &e) : nd_round(x, n, &e);
    if (y == x) datum_unref(y), y = nd_copy_order(x, 'K', &e);
    datum_unref(x);
    value r = array_result(in, y, &e);
    return kept || is_fail(r) ? r : stored_in(in, arg[2], r);
}

/* round(x): an int for scalars */
value array_round(interp *in, const value *arg)
{
    if (as_ndarray(arg[0]))
        return throw(in, TypeError, "type " TYPE_FMT " doesn't define __round__ method",
                     TYPE_ARG(type_of(in, arg[0])));
    value r = m_round(in, (value[]){arg[0], arg[1], NONE});
    if (is_fail(r) || !is_none(arg[1]) || as_ndarray(arg[0])) return r;
    value i = value_unary(in, OP_INT, r);
    value_unref(in, r);
    return i;
}

static value m_clip(interp *in, const value *arg)
{
    nd *x = to_nd_any(in, arg[0]), *lo = NULL, *hi = NULL;
    err e = {0};
    bool ok = x != NULL;
    if (ok && is_none(arg[1]) && is_none(arg[2]))
        ok = THROW0(in, ValueError, "One of max or min must be given");
    if (ok && !is_none(arg[1])) ok = (lo = to_nd_any(in, arg[1])) != NULL;
    if (ok && !is_none(arg[2])) ok = (hi = to_nd_any(in, arg[2])) != NULL;
    if (ok && (x->dtype == DT_object || (lo && lo->dtype == DT_object) ||
               (hi && hi->dtype == DT_object))) {
        datum_unref(x);
        datum_unref(lo);
        datum_unref(hi);
        value r = object_fold(in, "clip", arg, 3);
        return is_none(arg[3]) || is_fail(r) || !as_ndarray(arg[3]) ? r : stored_in(in, arg[3], r);
    }
    nd *y = ok ? nd_ref(x) : NULL;
    if (ok && lo) {
        nd *z = nd_map2(U_maximum, y, lo, &e);
        datum_unref(y);
        y = z;
    }
    if (ok && hi && y) {
        nd *z = nd_map2(U_minimum, y, hi, &e);
        datum_unref(y);
        y = z;
    }
    datum_unref(x);
    datum_unref(lo);
    datum_unref(hi);
    if (!ok) return FAIL;
    value r = array_result(in, y, &e);
    return is_none(arg[3]) || is_fail(r) || !as_ndarray(arg[3]) ? r : stored_in(in, arg[3], r);
}

static value m_byteswap(interp *in, const value *arg)
{
    nd *x = to_nd_any(in, arg[0]);
    err e = {0};
    nd *y = x ? nd_copy(x, &e) : NULL;
    if (y) nd_swap_bytes(y->at, nd_bytes(y), nd_type(y));
    datum_unref(x);
    return x ? array_wrap(in, y, &e) : FAIL;
}

/* By its path, the bytes: without a copy of them.  Else numpy/_files.dsk knows what to write. */
static value m_tofile(interp *in, const value *arg)
{
    str *path = as_str(arg[1]), *between = as_str(arg[2]);
    if (!path || !between || *between->at) {
        value files = interp_import(in, "numpy._files");
        value write = is_fail(files) ? FAIL : value_getattr_c(in, files, "_tofile");
        value r = is_fail(write) ? FAIL : value_call(in, write, arg, 4, NULL);
        value_unref(in, write);
        value_unref(in, files);
        return r;
    }
    nd *x = to_nd_any(in, arg[0]);
    err e = {0};
    if (x && x->dtype == DT_object) {
        datum_unref(x);
        return throw(in, OSError, "cannot write object arrays to a file in binary mode");
    }
    nd *y = x ? nd_contiguous(x, &e) : NULL;
    FILE *f = y ? fopen(path->at, "wb") : NULL;
    bool ok = f && fwrite(y->at, 1, nd_bytes(y), f) == nd_bytes(y);
    if (f && fclose(f)) ok = false;
    if (y && !ok) err_errno(&e, errno, path->at);
    datum_unref(x);
    datum_unref(y);
    return ok ? NONE : throw_err(in, &e);
}

static value m_array(interp *in, const value *arg)
{
    dtype_of t;
    if (!to_dtype_or_none(in, arg[1], &t)) return FAIL;
    if (as_ndarray(arg[0]) && t.dt == DT_none)
        return is_subarray(arg[0]) ? array_as(in, &T_ndarray, as_ndarray(arg[0]))
                                   : value_ref(arg[0]);
    err e = {0};
    nd *x = to_nd(in, arg[0], t);
    return x ? array_wrap(in, x, &e) : FAIL;
}

static value m_is_integer(interp *in, const value *arg)
{
    tuple *none = tuple_new(in, 0);
    if (!none) return FAIL;
    value item = m_item(in, (value[]){arg[0], v_obj(none)});
    obj_unref(in, none);
    double d;
    bool ok = !is_fail(item) && to_double(in, item, &d);
    value_unref(in, item);
    return ok ? v_bool(d == floor(d)) : FAIL;
}

/* ---- the table ---- */

// clang-format off
KEEPS(m_astype) KEEPS(m_copy) KEEPS(m_round) KEEPS(m_clip) KEEPS(m_byteswap) KEEPS(ndarray_flatten)
KEEPS(ndarray_ravel) KEEPS(ndarray_reshape) KEEPS(numpy_reshape) KEEPS(ndarray_trace)
KEEPS(ndarray_argsort) KEEPS(ndarray_argpartition) KEEPS(ndarray_take) KEEPS(ndarray_compress)
KEEPS(ndarray_choose) KEEPS(ndarray_repeat) KEEPS(numpy_sort)
KEEPS(numpy_partition)
    // clang-format on

    const builtin array_methods[] = {
        /* ARRAY_HOOKS rows that scalars lack */
        {"@property __array_priority__", array_get_priority, "Whose class results are of."},
        {"__array_finalize__(self, obj, /)", array_hook_finalize, "Called on every new instance."},
        {"__array_wrap__(self, array, context=None, /)", array_hook_wrap,
         "The result of a ufunc as an array of this class."},
        {"__array_prepare__(self, array, context=None, /)", array_hook_prepare,
         "The memory of a result before a ufunc fills it."},
        {"__array_ufunc__(self, ufunc, method, /, *inputs, **kwargs)", array_hook_ufunc,
         "The ufunc of operands that leave it to NumPy."},
        {"@property data", array_get_data, "The memory, as a memoryview."},
        {"__reduce__(self)", array_hook_reduce, "What pickle needs to make it again."},
        {"__setstate__(self, state, /)", array_hook_setstate, "Takes what __reduce__ told."},
        {"__deepcopy__(self, memo, /)", array_hook_deepcopy,
         "A copy, with copies of objects in it."},
        {"__array_function__(self, func, types, args, kwargs)", array_hook_function,
         "The function of arguments that leave it to NumPy."},
        {"@property shape", ndarray_get_shape, "Extent along each axis, a tuple of ints."},
        {"@setter shape", ndarray_set_shape, NULL},
        {"@property strides", ndarray_get_strides,
         "Bytes from one element to the next along each axis."},
        {"@property ndim", ndarray_get_ndim, "Number of axes."},
        {"@property size", ndarray_get_size, "Number of elements."},
        {"@property itemsize", ndarray_get_itemsize, "Bytes of one element."},
        {"@property nbytes", ndarray_get_nbytes, "Bytes of all elements."},
        {"@property dtype", ndarray_get_dtype, "Type of the elements."},
        {"@property T", ndarray_get_transpose, "The array with its axes reversed, a view."},
        {"@property real", ndarray_get_real, "The real part, a view."},
        {"@setter real", ndarray_set_real, NULL},
        {"@property imag", ndarray_get_imag, "The imaginary part."},
        {"@setter imag", ndarray_set_imag, NULL},
        {"@property base", ndarray_get_base, "The array this one is a view of, or None."},
        {"@property flags", ndarray_get_flags, "Memory layout and writeability."},
        {"@property flat", ndarray_get_flat,
         "All elements in C order: iterates, and takes flat indices."},
        {"@setter flat", ndarray_set_flat, NULL},
        // clang-format off
    BOTH(REDUCE_METHOD)
    SCAN_BOTH(SCAN_METHOD)
        // clang-format on
        {"astype(self, dtype, order='K', casting='unsafe', subok=True, copy=True)", keeps_m_astype,
         "A copy with elements of another type.\n\nTypeError when casting forbids it."},
        {"copy(self, order='C')", keeps_m_copy, "A copy that shares nothing."},
        {"__copy__(self)", keeps_m_copy, "A copy that shares nothing."},
        {"view(self, dtype=None, type=None)", m_view,
         "The same memory, perhaps read as another type."},
        {"tolist(self)", m_tolist, "Nested lists of Python values."},
        {"item(self, *args)", m_item, "One element as a Python value."},
        {"itemset(self, *args)", m_itemset, "Sets one element."},
        {"tobytes(self, order='C')", m_tobytes, "The bytes of all elements."},
        {"tostring(self, order='C')", m_tobytes, "The bytes of all elements."},
        {"tofile(self, fid, sep='', format='%s')", m_tofile,
         "Writes the bytes of all elements to a file."},
        {"fill(self, value)", m_fill, "Sets every element."},
        {"reshape(self, *shape, order='C')", keeps_ndarray_reshape,
         "The elements in another shape, a view when possible.\n\nOne extent may be -1. ValueError "
         "when the sizes differ."},
        {"ravel(self, order='C')", keeps_ndarray_ravel, "One axis, a view when possible."},
        {"flatten(self, order='C')", keeps_ndarray_flatten, "One axis, a copy."},
        {"transpose(self, *axes)", ndarray_transpose, "A view with permuted axes."},
        {"swapaxes(self, axis1, axis2)", ndarray_swapaxes, "A view with two axes exchanged."},
        {"squeeze(self, axis=None)", ndarray_squeeze, "A view without axes of length 1."},
        {"resize(self, *new_shape, refcheck=True)", ndarray_resize,
         "Changes shape and size in place; new elements are zero."},
        {"diagonal(self, offset=0, axis1=0, axis2=1)", ndarray_diagonal,
         "The diagonal of two axes, a read-only view."},
        {"trace(self, offset=0, axis1=0, axis2=1, dtype=None, out=None)", keeps_ndarray_trace,
         "Sum along a diagonal."},
        {"sort(self, axis=-1, kind=None, order=None)", ndarray_sort,
         "Sorts in place along an axis."},
        {"argsort(self, axis=-1, kind=None, order=None)", keeps_ndarray_argsort,
         "Indices that would sort along an axis."},
        {"partition(self, kth, axis=-1, kind='introselect', order=None)", ndarray_partition,
         "Puts the kth element in its sorted place, smaller ones before it."},
        {"argpartition(self, kth, axis=-1, kind='introselect', order=None)",
         keeps_ndarray_argpartition, "Indices that would partition."},
        {"searchsorted(self, v, side='left', sorter=None)", ndarray_searchsorted,
         "Where v would be inserted to keep order."},
        {"take(self, indices, axis=None, out=None, mode='raise')", keeps_ndarray_take,
         "Elements by index along an axis."},
        {"put(self, indices, values, mode='raise')", ndarray_put, "Sets elements by flat index."},
        {"compress(self, condition, axis=None, out=None)", keeps_ndarray_compress,
         "The slices where condition is true."},
        {"nonzero(self)", ndarray_nonzero,
         "Indices of the elements that are not zero, one array for each axis."},
        {"choose(self, choices, out=None, mode='raise')", keeps_ndarray_choose,
         "For every element, that of the array whose number it is."},
        {"setflags(self, write=None, align=None, uic=None)", ndarray_setflags,
         "Lets elements be assigned, or not."},
        {"repeat(self, repeats, axis=None)", keeps_ndarray_repeat, "Every element several times."},
        {"dot(self, b, out=None)", ndarray_dot, "Matrix product."},
        {"conj(self)", m_conj, "Complex conjugate."},
        {"conjugate(self)", m_conj, "Complex conjugate."},
        {"round(self, decimals=0, out=None)", keeps_m_round,
         "Rounded to a number of decimals, halves to even."},
        {"__round__(self, ndigits=None)", array_round, "round(x)"},
        {"clip(self, min=None, max=None, out=None)", keeps_m_clip,
         "Limited to the range from min to max."},
        {"byteswap(self, inplace=False)", keeps_m_byteswap, "The bytes of every element reversed."},
        {"__array__(self, dtype=None)", m_array, "The array itself."},
        {"is_integer(self)", m_is_integer, "Is it a whole number?"},
        {0},
};

/* the same as functions */
const builtin numpy_method_functions[] = {
    {"@def shape(a)", ndarray_get_shape, "Extent along each axis, a tuple of ints."},
    {"@def ndim(a)", ndarray_get_ndim, "Number of axes."},
    {"@def size(a, axis=None)", numpy_size, "Number of elements, or extent along an axis."},
    {"@def reshape(a, newshape, order='C')", keeps_numpy_reshape,
     "The elements in another shape, a view when possible.\n\nOne extent may be -1. ValueError "
     "when the sizes differ."},
    {"@def ravel(a, order='C')", keeps_ndarray_ravel, "One axis, a view when possible."},
    {"@def transpose(a, axes=None)", numpy_transpose, "A view with permuted axes."},
    {"@def swapaxes(a, axis1, axis2)", ndarray_swapaxes, "A view with two axes exchanged."},
    {"@def squeeze(a, axis=None)", ndarray_squeeze, "A view without axes of length 1."},
    {"@def diagonal(a, offset=0, axis1=0, axis2=1)", ndarray_diagonal,
     "The diagonal of two axes, a read-only view."},
    {"@def trace(a, offset=0, axis1=0, axis2=1, dtype=None, out=None)", keeps_ndarray_trace,
     "Sum along a diagonal."},
    {"@def sort(a, axis=-1, kind=None, order=None)", keeps_numpy_sort, "A sorted copy."},
    {"@def argsort(a, axis=-1, kind=None, order=None)", keeps_ndarray_argsort,
     "Indices that would sort along an axis."},
    {"@def partition(a, kth, axis=-1, kind='introselect', order=None)", keeps_numpy_partition,
     "A copy with the kth element in its sorted place, smaller ones before it."},
    {"@def argpartition(a, kth, axis=-1, kind='introselect', order=None)",
     keeps_ndarray_argpartition, "Indices that would partition."},
    {"@def searchsorted(a, v, side='left', sorter=None)", ndarray_searchsorted,
     "Where v would be inserted to keep order."},
    {"@def take(a, indices, axis=None, out=None, mode='raise')", keeps_ndarray_take,
     "Elements by index along an axis."},
    {"@def put(a, ind, v, mode='raise')", ndarray_put, "Sets elements by flat index."},
    {"@def compress(condition, a, axis=None, out=None)", numpy_compress,
     "The slices where condition is true."},
    {"@def nonzero(a)", ndarray_nonzero,
     "Indices of the elements that are not zero, one array for each axis."},
    {"@def choose(a, choices, out=None, mode='raise')", keeps_ndarray_choose,
     "For every element, that of the array whose number it is."},
    {"@def repeat(a, repeats, axis=None)", keeps_ndarray_repeat, "Every element several times."},
    {"@def round(a, decimals=0, out=None)", keeps_m_round,
     "Rounded to a number of decimals, halves to even."},
    {"@def around(a, decimals=0, out=None)", keeps_m_round,
     "Rounded to a number of decimals, halves to even."},
    {"@def round_(a, decimals=0, out=None)", keeps_m_round,
     "Rounded to a number of decimals, halves to even."},
    {"@def clip(a, a_min, a_max, out=None)", keeps_m_clip,
     "Limited to the range from a_min to a_max."},
    {"@def copy(a, order='K', subok=False)", f_copy, "A copy as an array."},
    {0},
};

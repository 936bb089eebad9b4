/* stdlib/numpy/ordering.c - methods that sort, search and pick elements, and their forms as
 * functions of numpy.  self, indices -> a new array; sort, partition and put change self. */
#include <string.h>

#include "engine/base/mem.h"
#include "engine/kernels/sort.h"
#include "stdlib/numpy/long.h"
#include "stdlib/numpy/methods.h"
#include "stdlib/numpy/numpy.h"
#include "stdlib/numpy/objects.h"

/* ---- order ---- */

static bool is_stable(value kind)
{
    const str *s = as_str(kind);
    return s && (str_is(s, "stable") || str_is(s, "mergesort"));
}

static nd *sorted(interp *in, const nd *x, int axis, bool stable, err *e)
{
    return stable ? nd_sort_kind(x, axis, true, e) : long_sort(in, x, axis, e);
}

value ndarray_sort(interp *in, const value *arg)
{
    ndarray *a = as_ndarray(arg[0]);
    nd *x = a ? array_write(in, a) : THROW0(in, TypeError, "cannot sort a scalar in place");
    int axis;
    err e = {0};
    if (!x || !to_axis(in, arg[1], x->ndim, &axis)) return FAIL;
    bool objects = x->dtype == DT_object;
    nd *y = objects ? object_sort(in, x, axis, false, true)
                    : sorted(in, x, axis, is_stable(arg[2]), &e);
    if (objects && !y) return FAIL;
    bool ok = y && nd_assign(x, y, 'u', NULL, &e);
    datum_unref(y);
    return ok ? NONE : throw_err(in, &e);
}

/* None: flattened.  Takes and replaces x. */
static bool sort_axis(interp *in, value v, nd **x, int *axis)
{
    if (!is_none(v)) return to_axis(in, v, (*x)->ndim, axis);
    err e = {0};
    nd *flat = nd_ravel(*x, 'C', &e);
    datum_unref(*x);
    *x = flat;
    *axis = 0;
    if (!flat) throw_err(in, &e);
    return flat != NULL;
}

/* An array without axes is one of a single element here. */
static bool row_axis(interp *in, value v, nd **x, int *axis)
{
    return sort_axis(in, (*x)->ndim ? v : NONE, x, axis) &&
           (is_none(v) || to_axis(in, v, (*x)->ndim, axis));
}

value ndarray_argsort(interp *in, const value *arg)
{
    nd *x = to_nd_any(in, arg[0]);
    int axis;
    err e = {0};
    value r = FAIL;
    bool stable = is_stable(arg[2]);
    if (x && row_axis(in, arg[1], &x, &axis)) {
        bool objects = x->dtype == DT_object;
        nd *y = objects ? object_sort(in, x, axis, true, stable)
                        : long_argsort(in, x, axis, stable, &e);
        r = y || !objects ? array_wrap(in, y, &e) : FAIL;
    }
    datum_unref(x);
    return r;
}

/* In an array of no elements any place will do. */
static bool kth_list(interp *in, value v, const nd *x, int axis, int64_t kth[ND_MAXDIM], int *n)
{
    int64_t len = nd_shape(x)[axis];
    if (is_none(v) || v.kind == V_FLOAT || !to_shape(in, v, n, kth)) {
        exc_clear(in);
        return THROW0(in, TypeError, "Partition index must be integer");
    }
    for (int i = 0; i < *n && nd_count(x); i++) {
        if (kth[i] < 0) kth[i] += len;
        if (kth[i] < 0 || kth[i] >= len)
            return THROW0(in, ValueError, "kth(=%lld) out of bounds (%lld)", (long long)kth[i],
                          (long long)len);
    }
    return true;
}

static bool work_partition(long_job *j, err *e)
{
    int n = (int)j->n[1];
    return (j->out[0] = nd_partition(j->in[0], j->n + 2, n, (int)j->n[0], e)) != NULL;
}

value ndarray_partition(interp *in, const value *arg)
{
    ndarray *a = as_ndarray(arg[0]);
    nd *x = a ? array_write(in, a) : THROW0(in, TypeError, "cannot partition a scalar in place");
    int axis, n;
    int64_t kth[ND_MAXDIM];
    err e = {0};
    if (!x || !to_axis(in, arg[2], x->ndim, &axis) || !kth_list(in, arg[1], x, axis, kth, &n))
        return FAIL;
    if (!nd_count(x)) return NONE;
    long_job j = {.nin = 1, .in = {x}, .n = {axis, n}};
    memcpy(j.n + 2, kth, (size_t)n * sizeof *kth);
    bool objects = x->dtype == DT_object; /* sorted, they are in their places */
    nd *y = objects ? object_sort(in, x, axis, false, true)
                    : long_one(in, work_partition, long_sort_ns(x) / 4, &j, &e);
    if (objects && !y) return FAIL;
    bool ok = y && nd_assign(x, y, 'u', NULL, &e);
    datum_unref(y);
    return ok ? NONE : throw_err(in, &e);
}

static bool work_argpartition(long_job *j, err *e)
{
    int n = (int)j->n[1];
    return (j->out[0] = nd_argpartition(j->in[0], j->n + 2, n, (int)j->n[0], e)) != NULL;
}

/* one place at least */
static nd *argpartition(interp *in, const nd *x, const int64_t *kth, int n, int axis, err *e)
{
    if (x->dtype == DT_object) return object_sort(in, x, axis, true, true);
    long_job j = {.nin = 1, .in = {x}, .n = {axis, n}};
    memcpy(j.n + 2, kth, (size_t)n * sizeof *kth);
    return long_one(in, work_argpartition, long_sort_ns(x) / 4, &j, e);
}

value ndarray_argpartition(interp *in, const value *arg)
{
    nd *x = to_nd_any(in, arg[0]);
    int axis, n;
    int64_t kth[ND_MAXDIM];
    err e = {0};
    value r = FAIL;
    if (x && sort_axis(in, arg[2], &x, &axis) && kth_list(in, arg[1], x, axis, kth, &n)) {
        nd *y = nd_count(x) ? argpartition(in, x, kth, n, axis, &e)
                            : nd_new(dtype_plain(DT_int64), x->ndim, nd_shape(x), &e);
        r = y || e.kind ? array_wrap(in, y, &e) : FAIL;
    }
    datum_unref(x);
    return r;
}

LONG1(work_searchsorted, nd_searchsorted(x, y, j->n[0], j->in[2], e))

/* side='left' or 'right', told by its first letter as in NumPy */
static bool side_of(interp *in, value v, bool *right)
{
    str *s = as_str(v);
    if (!s) return THROW0(in, TypeError, "search side must be str, not %s", type_of(in, v)->name);
    *right = s->nbyte && (*s->at | 32) == 'r';
    if (*right || (s->nbyte && (*s->at | 32) == 'l')) return true;
    return THROW0(in, ValueError, "search side must be 'left' or 'right' (got '%s')", s->at);
}

value ndarray_searchsorted(interp *in, const value *arg)
{
    bool right;
    if (!side_of(in, arg[2], &right)) return FAIL;
    nd *x = to_nd_any(in, arg[0]), *v = x ? to_nd_any(in, arg[1]) : NULL;
    nd *sorter = v && !is_none(arg[3]) ? to_nd(in, arg[3], dtype_plain(DT_int64)) : NULL;
    err e = {0};
    value r = FAIL;
    if (v && !throwing(in) && (x->dtype == DT_object || v->dtype == DT_object)) {
        r = object_fold(in, "searchsorted", (value[]){arg[0], arg[1], v_bool(right), arg[3]}, 4);
    } else if (v && !throwing(in)) {
        long_job j = {.nin = sorter ? 3 : 2, .in = {x, v, sorter}};
        j.n[0] = right;
        r = array_result(in, long_one(in, work_searchsorted, long_sort_ns(v), &j, &e), &e);
    }
    datum_unref(x);
    datum_unref(v);
    datum_unref(sorter);
    return r;
}

/* ---- picking ---- */

value ndarray_take(interp *in, const value *arg)
{
    nd *x = to_nd_any(in, arg[0]), *at = x ? to_nd(in, arg[1], (dtype_of){.dt = DT_none}) : NULL;
    int axis = 0;
    err e = {0};
    value r = FAIL;
    if (at && dtypes[at->dtype].kind == 'f') { /* cut off without a word */
        datum_unref(at);
        at = to_nd(in, arg[1], dtype_plain(DT_int64));
    }
    if (at && row_axis(in, arg[2], &x, &axis))
        r = array_result(in, nd_take(x, at, axis, order_of(arg[4], 'r'), &e), &e);
    datum_unref(x);
    datum_unref(at);
    return r;
}

value ndarray_put(interp *in, const value *arg)
{
    ndarray *a = as_ndarray(arg[0]);
    nd *x = a ? array_write(in, a) : THROW0(in, TypeError, "argument 1 must be numpy.ndarray");
    nd *at = x ? to_nd(in, arg[1], dtype_plain(DT_int64)) : NULL,
       *v = at ? to_nd(in, arg[2], nd_type(x)) : NULL;
    err e = {0};
    bool ok = v && nd_put(x, at, v, order_of(arg[3], 'r'), &e);
    datum_unref(at);
    datum_unref(v);
    return ok ? NONE : e.kind ? throw_err(in, &e) : FAIL;
}

value ndarray_compress(interp *in, const value *arg)
{
    nd *x = to_nd_any(in, arg[0]), *c = x ? to_nd(in, arg[1], dtype_plain(DT_bool)) : NULL;
    int axis;
    err e = {0};
    value r = FAIL;
    if (c && sort_axis(in, arg[2], &x, &axis)) r = array_wrap(in, nd_compress(c, x, axis, &e), &e);
    datum_unref(x);
    datum_unref(c);
    return r;
}

value ndarray_nonzero(interp *in, const value *arg)
{
    nd *x = to_nd_any(in, arg[0]);
    if (!x) return FAIL;
    if (!x->ndim &&
        !warn(in, DeprecationWarning,
              "Calling nonzero on 0d arrays is deprecated, as it behaves surprisingly. Use "
              "`atleast_1d(arr).nonzero()` if the old behavior was intended.")) {
        datum_unref(x);
        return FAIL;
    }
    nd *out[ND_MAXDIM] = {0}, *truths = nd_truths(in, x);
    err e = {0};
    datum_unref(x);
    if (!(x = truths)) return FAIL;
    if (!nd_nonzero(x, out, &e)) {
        datum_unref(x);
        return throw_err(in, &e);
    }
    int n = x->ndim ? x->ndim : 1;
    datum_unref(x);
    tuple *t = tuple_new(in, n);
    for (int i = 0; i < n; i++) {
        if (t) t->at[i] = array_wrap(in, out[i], &e);
    }
    return v_obj(t);
}

LONG1(work_repeat, nd_repeat(x, y, (int)j->n[0], e))

value ndarray_repeat(interp *in, const value *arg)
{
    nd *x = to_nd_any(in, arg[0]), *n = x ? to_nd(in, arg[1], dtype_plain(DT_int64)) : NULL;
    int axis;
    err e = {0};
    value r = FAIL;
    if (n && !n->ndim && *(const int64_t *)n->at < 0)
        throw(in, ValueError, "negative dimensions are not allowed");
    else if (n && row_axis(in, arg[2], &x, &axis)) {
        long_job j = {.nin = 2, .in = {x, n}, .n = {axis}};
        double times = nd_count(n) == 1 ? (double)*(const int64_t *)n->at : 8;
        r = array_wrap(in, long_one(in, work_repeat, (double)nd_count(x) * times, &j, &e), &e);
    }
    datum_unref(x);
    datum_unref(n);
    return r;
}

/* ---- as functions ---- */

value numpy_sort(interp *in, const value *arg)
{
    nd *x = to_nd_any(in, arg[0]);
    err e = {0};
    int axis;
    if (!x || !sort_axis(in, arg[1], &x, &axis)) return datum_unref(x), FAIL;
    if (x->dtype != DT_object) {
        nd *y = sorted(in, x, axis, is_stable(arg[2]), &e);
        datum_unref(x);
        return array_wrap(in, y, &e);
    }
    value a = array_wrap(in, nd_copy_order(x, 'K', &e), &e);
    datum_unref(x);
    value done = is_fail(a) ? FAIL : ndarray_sort(in, (value[]){a, v_int(axis), NONE, NONE});
    if (!is_fail(done)) return a;
    value_unref(in, a);
    return FAIL;
}

value numpy_partition(interp *in, const value *arg)
{
    nd *x = to_nd_any(in, arg[0]);
    err e = {0};
    int axis;
    if (!x || !sort_axis(in, arg[2], &x, &axis)) return datum_unref(x), FAIL;
    value a = array_wrap(in, nd_copy_order(x, 'K', &e), &e);
    datum_unref(x);
    value done =
        is_fail(a) ? FAIL : ndarray_partition(in, (value[]){a, arg[1], v_int(axis), NONE, NONE});
    if (!is_fail(done)) return a;
    value_unref(in, a);
    return FAIL;
}

value numpy_compress(interp *in, const value *arg)
{
    return ndarray_compress(in, (value[]){arg[1], arg[0], arg[2], arg[3]});
}

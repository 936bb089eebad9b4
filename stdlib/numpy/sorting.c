/* stdlib/numpy/sorting.c - numpy functions that sort, count and pick elements by index or mask: one
 * block operation each.  The methods of the kind are in ordering.c. */
#include <string.h>

#include "engine/kernels/sort.h"
#include "stdlib/numpy/functions.h"
#include "stdlib/numpy/long.h"
#include "stdlib/numpy/numpy.h"
#include "stdlib/numpy/parts.h"

/* ---- order and counting ---- */

static bool work_lexsort(long_job *j, err *e)
{
    return (j->out[0] = nd_lexsort(j->nin, j->in, (int)j->n[0], e)) != NULL;
}

static nd *long_lexsort(interp *in, const blocks *b, int axis, err *e)
{
    long_job j = {.nin = b->n, .n = {axis}};
    if (b->n > ND_MAXDIM) return nd_lexsort(b->n, (const nd *const *)b->at, axis, e);
    for (int i = 0; i < b->n; i++) j.in[i] = b->at[i];
    return long_one(in, work_lexsort, b->n * long_sort_ns(b->at[0]), &j, e);
}

static value f_lexsort(interp *in, const value *arg)
{
    blocks b;
    int axis;
    err e = {0};
    value r = FAIL;
    bool objects = false;
    if (!blocks_of(in, arg[0], &b)) return FAIL;
    for (int i = 0; i < b.n; i++) objects |= b.at[i]->dtype == DT_object;
    if (b.n == 0)
        throw(in, TypeError, "need sequence of keys with len > 0 in lexsort");
    else if (objects)
        r = object_fold(in, "lexsort", arg, 2);
    else if (to_axis(in, arg[1], b.at[0]->ndim, &axis))
        r = array_wrap(in, long_lexsort(in, &b, axis, &e), &e);
    blocks_clear(&b);
    return r;
}

LONG1(work_digitize, nd_digitize(x, y, j->n[0], e))

static value f_digitize(interp *in, const value *arg)
{
    nd *x = to_nd_any(in, arg[0]), *bins = x ? to_nd_any(in, arg[1]) : NULL;
    err e = {0};
    long_job j = {.nin = 2, .in = {x, bins}};
    if (bins) j.n[0] = value_truth(in, arg[2]) == 1;
    double ns = x ? 10 * (double)nd_count(x) : 0;
    value r = bins ? array_result(in, long_one(in, work_digitize, ns, &j, &e), &e) : FAIL;
    datum_unref(x);
    datum_unref(bins);
    return r;
}

static bool work_unique(long_job *j, err *e)
{
    unique_parts u = {0};
    if (!nd_unique(j->in[0], (unsigned)j->n[0], &u, e)) return false;
    j->out[0] = u.values;
    j->out[1] = u.index;
    j->out[2] = u.inverse;
    j->out[3] = u.counts;
    return true;
}

/* _unique(ar, index, inverse, counts, equal_nan) -> (values, index or None, inverse or None, counts
 * or None) */
static value f_unique(interp *in, const value *arg)
{
    nd *x = to_nd_any(in, arg[0]);
    if (!x) return FAIL;
    unsigned want = 0;
    for (int i = 0; i < 3; i++)
        if (value_truth(in, arg[1 + i]) == 1) want |= 1u << i;
    if (value_truth(in, arg[4]) == 0) want |= UNIQUE_NAN_APART;
    err e = {0};
    long_job j = {.nin = 1, .in = {x}, .n = {want}};
    bool ok = long_do(in, work_unique, long_sort_ns(x), &j, &e);
    datum_unref(x);
    if (!ok) return throw_err(in, &e);
    value v[4];
    for (int i = 0; i < 4; i++) v[i] = j.out[i] ? array_wrap(in, j.out[i], &e) : NONE;
    return v_obj(tuple_pack(in, 4, v[0], v[1], v[2], v[3]));
}

/* numbers as float64, or NULL when they are of a type that has no safe way there */
static nd *to_weights(interp *in, value v)
{
    if (!as_ndarray(v)) return to_nd(in, v, dtype_plain(DT_float64));
    nd *x = to_nd_any(in, v);
    err e = {0};
    nd *w = x ? nd_cast(x, dtype_plain(DT_float64), 's', &e) : NULL;
    datum_unref(x);
    if (e.kind) throw_err(in, &e);
    return w;
}

static value f_bincount(interp *in, const value *arg)
{
    nd *x = to_nd_any(in, arg[0]), *w = x && !is_none(arg[1]) ? to_weights(in, arg[1]) : NULL;
    int64_t min;
    err e = {0};
    value r = FAIL;
    if (x && !throwing(in) && to_int64(in, arg[2], &min))
        r = array_wrap(in, nd_bincount(x, w, min, &e), &e);
    datum_unref(x);
    datum_unref(w);
    return r;
}

/* _kth(a, places): what stands there along the last axis after sorting */
static value f_kth(interp *in, const value *arg)
{
    nd *x = to_nd_any(in, arg[0]), *at = x ? to_nd(in, arg[1], dtype_plain(DT_int64)) : NULL;
    err e = {0};
    value r = FAIL;
    if (at && !throwing(in)) r = array_wrap(in, nd_kth(x, at, &e), &e);
    datum_unref(x);
    datum_unref(at);
    return r;
}

/* _histogram(a, weights, edges) */
static value f_histogram(interp *in, const value *arg)
{
    nd *x = to_nd_any(in, arg[0]), *w = NULL;
    nd *edges = x ? to_nd(in, arg[2], dtype_plain(DT_float64)) : NULL;
    if (edges && !is_none(arg[1])) w = to_nd(in, arg[1], dtype_plain(DT_float64));
    err e = {0};
    value r = FAIL;
    if (edges && !throwing(in)) r = array_wrap(in, nd_histogram(x, w, edges, &e), &e);
    datum_unref(x);
    datum_unref(edges);
    datum_unref(w);
    return r;
}

static value topk(interp *in, const value *arg, bool indices)
{
    nd *x = to_nd_any(in, arg[0]);
    int64_t k;
    int axis;
    err e = {0};
    value r = FAIL;
    if (x && to_int64(in, arg[1], &k) && to_axis(in, arg[2], x->ndim, &axis))
        r = array_wrap(in, indices ? nd_argtopk(x, k, axis, &e) : nd_topk(x, k, axis, &e), &e);
    datum_unref(x);
    return r;
}

static value f_topk(interp *in, const value *arg)
{
    return topk(in, arg, false);
}

static value f_argtopk(interp *in, const value *arg)
{
    return topk(in, arg, true);
}

/* ---- picking ---- */

static value f_take_along_axis(interp *in, const value *arg)
{
    nd *x = to_nd_any(in, arg[0]), *at = x ? to_nd(in, arg[1], dtype_plain(DT_int64)) : NULL;
    int axis;
    err e = {0};
    value r = FAIL;
    if (at && to_axis(in, arg[2], x->ndim, &axis))
        r = array_wrap(in, nd_take_along(x, at, axis, &e), &e);
    datum_unref(x);
    datum_unref(at);
    return r;
}

/* a block of the language that is written: the array itself, which must be one */
static nd *target(interp *in, value v, const char *who)
{
    ndarray *a = as_ndarray(v);
    return a ? array_write(in, a)
             : THROW0(in, TypeError, "%s() argument 1 must be numpy.ndarray", who);
}

static value f_put_along_axis(interp *in, const value *arg)
{
    nd *x = target(in, arg[0], "put_along_axis"),
       *at = x ? to_nd(in, arg[1], dtype_plain(DT_int64)) : NULL;
    nd *v = at ? to_nd(in, arg[2], nd_type(x)) : NULL;
    int axis;
    err e = {0};
    bool ok = v && to_axis(in, arg[3], x->ndim, &axis) && nd_put_along(x, at, v, axis, &e);
    datum_unref(at);
    datum_unref(v);
    return ok ? NONE : e.kind ? throw_err(in, &e) : FAIL;
}

static value put_mask(interp *in, const value *arg, bool place)
{
    nd *x = target(in, arg[0], place ? "place" : "putmask"),
       *m = x ? to_nd(in, arg[1], dtype_plain(DT_bool)) : NULL;
    nd *v = m ? to_nd(in, arg[2], nd_type(x)) : NULL;
    err e = {0};
    bool ok = v && nd_putmask(x, m, v, place, &e);
    datum_unref(m);
    datum_unref(v);
    return ok ? NONE : e.kind ? throw_err(in, &e) : FAIL;
}

static value f_putmask(interp *in, const value *arg)
{
    return put_mask(in, arg, false);
}

static value f_place(interp *in, const value *arg)
{
    return put_mask(in, arg, true);
}

const builtin numpy_sort_functions[] = {
    {"@def lexsort(keys, axis=-1)", f_lexsort,
     "Indices that sort by several keys, the last one first."},
    {"@def digitize(x, bins, right=False)", f_digitize, "The bin each value belongs to."},
    {"_unique(ar, index, inverse, counts, equal_nan)", f_unique, NULL},
    {"@def bincount(x, /, weights=None, minlength=0)", f_bincount,
     "How often each non-negative int occurs."},
    {"_kth(a, places)", f_kth, NULL},
    {"_histogram(a, weights, edges)", f_histogram, NULL},
    {"_topk(a, k, axis)", f_topk, "The k largest, in descending order."},
    {"_argtopk(a, k, axis)", f_argtopk, "Indices of the k largest."},
    {"@def take_along_axis(arr, indices, axis)", f_take_along_axis,
     "Elements by one index array along an axis."},
    {"@def put_along_axis(arr, indices, values, axis)", f_put_along_axis,
     "Sets elements by one index array along an axis."},
    {"@def putmask(a, mask, values)", f_putmask, "Sets elements where mask is true."},
    {"@def place(arr, mask, vals)", f_place,
     "Sets elements where mask is true, from the values in turn."},
    {0},
};

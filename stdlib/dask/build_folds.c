/* stdlib/dask/build_folds.c - the primitives that build lazy arrays, as functions of the module
 * _dask: reductions and scans. */
#include "engine/base/mem.h"
#include "engine/kernels/sort.h"
#include "stdlib/dask/parts.h"
#include "stdlib/numpy/numpy.h"

static bool split_of(interp *in, value v, int ndim, int64_t *every, int64_t *axis,
                     const int64_t **by_axis)
{
    *every = 0;
    *by_axis = NULL;
    if (is_none(v) || (v.kind == V_BOOL && !v.i)) return true;
    dict *d = as_dict(v);
    if (!d) return to_int64(in, v, every);
    for (int i = 0; i < ndim; i++) {
        value n;
        axis[i] = 0;
        int found = dict_get(in, d, v_int(i), &n);
        if (found < 0 || (found && !to_int64(in, n, &axis[i]))) return false;
    }
    *by_axis = axis;
    return true;
}

/* Axes given in another than ascending order, as reduce_args has them.  Dask joins the parts of
 * means and moments along the axes in that order: the bits depend on it. */
static uint64_t axes_turn(value v, int ndim)
{
    enum { MOST = 16 };
    const tuple *t = as_tuple(v);
    const value *at = t ? t->at : NULL;
    int64_t n = t ? (int64_t)t->n : 0, last = -1;
    uint64_t turn = 0;
    bool ascends = true;
    for (int64_t k = 0; k < n && n <= MOST; k++) {
        int64_t axis = at[k].i + (at[k].i < 0 ? ndim : 0);
        if (at[k].kind != V_INT) return 0;
        ascends &= axis > last;
        turn |= (uint64_t)(axis & (MOST - 1)) << 4 * k;
        last = axis;
    }
    return ascends ? 0 : turn;
}

/* reduce(op, x, axis, keepdims, dtype, ddof, order, split_every, prefix) */
static value b_reduce(interp *in, const value *arg)
{
    str *op = as_str(arg[0]);
    expr *x = peek_expr(in, arg[1]);
    int64_t order, split[GRID_MAXDIM];
    reduce_args a = {.l = label_of(arg[8], NONE)};
    if (!x || !op || !to_axes(in, arg[2], expr_ndim(x), &a.axes) ||
        !to_dtype_or_none(in, arg[4], &a.want))
        return FAIL;
    if (!to_double(in, arg[5], &a.ddof) || !to_int64(in, arg[6], &order)) return FAIL;
    if (!split_of(in, arg[7], expr_ndim(x), &a.split_every, split, &a.split_axis)) return FAIL;
    a.keepdims = value_truth(in, arg[3]) == 1;
    a.order = (int)order;
    a.turn = axes_turn(arg[2], expr_ndim(x));
    err e = {0};
    return wrap_expr(in, expr_reduce(op->at, x, &a, &e), &e);
}

/* reduction(x, chunk, combine, aggregate, axis, keepdims, dtype, split_every, prefix, concatenate,
 * output_size, weights, chunk_prefix, combine_prefix): chunk None: x are the parts already */
static value b_reduction(interp *in, const value *arg)
{
    expr *x = peek_expr(in, arg[0]);
    int64_t split[GRID_MAXDIM];
    reduce_tree r = {.l = label_of(arg[8], NONE), .x = x, .type = dtype_plain(DT_float64)};
    if (!x || !to_axes(in, arg[4], expr_ndim(x), &r.axes) || !to_dtype(in, arg[6], &r.type))
        return FAIL;
    if (!split_of(in, arg[7], expr_ndim(x), &r.split_every, split, &r.split_axis)) return FAIL;
    if (!to_int64(in, arg[10], &r.output_size)) return FAIL;
    str *chunk_name = as_str(arg[12]), *combine_name = as_str(arg[13]);
    r.chunk_prefix = chunk_name ? chunk_name->at : NULL;
    r.combine_prefix = combine_name ? combine_name->at : NULL;
    r.keepdims = value_truth(in, arg[5]) == 1;
    r.lists = value_truth(in, arg[9]) == 0;
    if (!is_none(arg[11]) && !(r.weights = peek_expr(in, arg[11]))) return FAIL;
    fn *chunk = is_none(arg[1]) ? NULL : fn_callable(in, arg[1], FAIL);
    bool ok = chunk || is_none(arg[1]);
    fn *mid = ok && !is_none(arg[2]) ? fn_callable(in, arg[2], FAIL) : NULL;
    fn *last = ok ? fn_callable(in, arg[3], FAIL) : NULL;
    r.chunk = chunk;
    r.combine = mid;
    r.aggregate = last;
    err e = {0};
    value v = last ? wrap_expr(in, expr_reduce_tree(&r, &e), &e) : FAIL;
    datum_unref(chunk);
    datum_unref(mid);
    datum_unref(last);
    return v;
}

/* topk(x, k, axis, split_every, arg) */
static value b_topk(interp *in, const value *arg)
{
    expr *x = peek_expr(in, arg[0]);
    int64_t k, every = 0;
    int axis;
    if (!x || !to_int64(in, arg[1], &k) || !to_axis(in, arg[2], expr_ndim(x), &axis)) return FAIL;
    if (!is_none(arg[3]) && !to_int64(in, arg[3], &every)) return FAIL;
    err e = {0};
    return wrap_expr(in, expr_topk((label){0}, x, k, axis, every, value_truth(in, arg[4]) == 1, &e),
                     &e);
}

/* sort(x) */
static value b_sort(interp *in, const value *arg)
{
    expr *x = peek_expr(in, arg[0]);
    err e = {0};
    return x ? wrap_expr(in, expr_sort(x, &e), &e) : FAIL;
}

static value function_value(interp *in, fn *f) /* takes f */
{
    value v = fn_value(in, f);
    datum_unref(f);
    return v;
}

static unsigned unique_want(interp *in, const value *arg)
{
    return (value_truth(in, arg[0]) == 1 ? UNIQUE_INDEX : 0u) |
           (value_truth(in, arg[1]) == 1 ? UNIQUE_COUNTS : 0u);
}

/* unique_function(index, counts), unique_merge_function(index, counts, bare) */
static value b_unique_function(interp *in, const value *arg)
{
    return function_value(in, fn_unique(unique_want(in, arg)));
}

static value b_unique_merge_function(interp *in, const value *arg)
{
    return function_value(in, fn_unique_merge(unique_want(in, arg), value_truth(in, arg[2]) == 1));
}

/* unique_item_function() */
static value b_unique_item_function(interp *in, const value *arg)
{
    (void)arg;
    return function_value(in, fn_unique_item());
}

/* unique_inverse_function() */
static value b_unique_inverse_function(interp *in, const value *arg)
{
    (void)arg;
    return function_value(in, fn_unique_inverse());
}

/* scan(op, x, axis, dtype, method) */
static value b_scan(interp *in, const value *arg)
{
    str *op = as_str(arg[0]), *method = as_str(arg[4]);
    expr *x = peek_expr(in, arg[1]);
    int axis;
    dtype_of t;
    if (!x || !op || !to_axis(in, arg[2], expr_ndim(x), &axis) || !to_dtype_or_none(in, arg[3], &t))
        return FAIL;
    err e = {0};
    return wrap_expr(
        in, expr_scan((label){0}, scan_find(op->at), x, axis, t, method ? method->at[0] : 's', &e),
        &e);
}

const builtin dask_fold_functions[] = {
    {"reduce(op, x, axis=None, keepdims=False, dtype=None, ddof=0, order=0, split_every=None, "
     "prefix=None)",
     b_reduce, NULL},
    {"reduction(x, chunk, combine, aggregate, axis, keepdims, dtype, split_every, prefix, "
     "concatenate=True, "
     "output_size=1, weights=None, chunk_prefix=None, combine_prefix=None)",
     b_reduction, NULL},
    {"topk(x, k, axis, split_every, arg)", b_topk, NULL},
    {"sort(x)", b_sort, NULL},
    {"unique_function(index, counts)", b_unique_function, NULL},
    {"unique_inverse_function()", b_unique_inverse_function, NULL},
    {"unique_item_function()", b_unique_item_function, NULL},
    {"unique_merge_function(index, counts, bare)", b_unique_merge_function, NULL},
    {"scan(op, x, axis, dtype, method)", b_scan, NULL},
    {0},
};

/* stdlib/numpy/functions.c - numpy functions that are one block operation each: joining, moving and
 * types.  Sorting, counting and picking are in sorting.c, products and factorisations in
 * products.c.
 *
 * Names that begin with an underscore are primitives for the part of numpy that is written in dsk.
 */
#include <string.h>

#include "engine/data/walk.h"
#include "stdlib/numpy/functions.h"
#include "stdlib/numpy/numpy.h"
#include "stdlib/numpy/objects.h"
#include "stdlib/numpy/parts.h"
#include "stdlib/numpy/reductions.h"
#include "stdlib/numpy/subclass.h"

/* ---- joining and moving ---- */

/* The same for blocks that are put together. */
static bool alike_blocks_of(interp *in, value seq, blocks *out)
{
    if (!blocks_of(in, seq, out)) return false;
    if (nd_alike(in, out->at, out->n)) return true;
    blocks_clear(out);
    return false;
}

static value f_concatenate(interp *in, const value *arg)
{
    blocks b;
    dtype_of want;
    int axis = 0;
    err e = {0};
    value r = FAIL;
    if (!alike_blocks_of(in, arg[0], &b)) return FAIL;
    if (b.n == 0) {
        throw(in, ValueError, "need at least one array to concatenate");
    } else if (to_dtype_or_none(in, arg[3], &want)) {
        bool ok = true;
        if (is_none(arg[1])) {
            for (int i = 0; ok && i < b.n; i++) {
                nd *flat = nd_ravel(b.at[i], 'C', &e);
                datum_unref(b.at[i]);
                ok = (b.at[i] = flat) != NULL;
            }
        } else if (b.at[0]->ndim == 0) {
            ok = THROW0(in, ValueError, "zero-dimensional arrays cannot be concatenated");
        } else {
            ok = to_axis(in, arg[1], b.at[0]->ndim, &axis);
        }
        if (ok)
            r = array_wrap(in, nd_concat(b.n, (const nd *const *)b.at, axis, want, &e), &e);
        else if (e.kind)
            throw_err(in, &e);
    }
    blocks_clear(&b);
    ndarray *out = is_none(arg[2]) || is_fail(r) ? NULL : as_ndarray(arg[2]);
    if (!out) return array_kept_joined(in, arg[0], r);
    bool ok = array_setitem(in, arg[2], ELLIPSIS, r);
    value_unref(in, r);
    return ok ? value_ref(arg[2]) : FAIL;
}

static value f_stack(interp *in, const value *arg)
{
    blocks b;
    int axis;
    err e = {0};
    value r = FAIL;
    if (!alike_blocks_of(in, arg[0], &b)) return FAIL;
    if (b.n == 0)
        throw(in, ValueError, "need at least one array to stack");
    else if (to_axis(in, arg[1], b.at[0]->ndim + 1, &axis))
        r = array_wrap(in, nd_stack(b.n, (const nd *const *)b.at, axis, &e), &e);
    blocks_clear(&b);
    return r;
}

static value f_where(interp *in, const value *arg)
{
    nd *c = to_nd(in, arg[0], dtype_plain(DT_bool)), *x = NULL, *y = NULL;
    err e = {0};
    value r = FAIL;
    if (c && is_fail(arg[1]) && is_fail(arg[2])) {
        value a = array_wrap(in, c, &e);
        r = is_fail(a) ? FAIL : call_method(in, a, "nonzero", 0);
        value_unref(in, a);
        return r;
    }
    if (c && (is_fail(arg[1]) || is_fail(arg[2])))
        throw(in, ValueError, "either both or neither of x and y should be given");
    else if (c && (x = to_nd_any(in, arg[1])) && (y = to_nd_any(in, arg[2]))) {
        nd *pair[2] = {x, y};
        bool ok = nd_alike(in, pair, 2);
        x = pair[0], y = pair[1];
        if (ok) r = array_wrap(in, nd_where(c, x, y, &e), &e);
    }
    datum_unref(c);
    datum_unref(x);
    datum_unref(y);
    return r;
}

static value f_tile(interp *in, const value *arg)
{
    nd *x = to_nd_any(in, arg[0]);
    int n;
    int64_t reps[ND_MAXDIM];
    err e = {0};
    value r = FAIL;
    if (x && to_shape(in, arg[1], &n, reps)) r = array_wrap(in, nd_tile(x, n, reps, &e), &e);
    datum_unref(x);
    return r;
}

static value f_roll(interp *in, const value *arg)
{
    nd *x = to_nd_any(in, arg[0]);
    int64_t shift;
    int axis;
    err e = {0};
    value r = FAIL;
    if (x && to_int64(in, arg[1], &shift) && to_axis(in, arg[2], x->ndim, &axis))
        r = array_wrap(in, nd_roll(x, shift, axis, &e), &e);
    datum_unref(x);
    return r;
}

static value view(interp *in, value of, nd *y, err *e)
{
    return array_wrap_view(in, y, as_ndarray(of), e);
}

static value f_flip(interp *in, const value *arg)
{
    nd *x = to_nd_any(in, arg[0]);
    uint32_t axes;
    err e = {0};
    value r = FAIL;
    if (x && to_axes(in, arg[1], x->ndim, &axes)) r = view(in, arg[0], nd_flip(x, axes), &e);
    datum_unref(x);
    return r;
}

static value broadcast_error(interp *in, const nd *x, int ndim, const int64_t *shape)
{
    char from[400], to[400];
    if (x->ndim > ndim)
        return throw(in, ValueError,
                     "input operand has more dimensions than allowed by the axis remapping");
    shape_text_tight(x->ndim, nd_shape(x), from, sizeof from);
    shape_text_tight(ndim, shape, to, sizeof to);
    return throw(in, ValueError,
                 "operands could not be broadcast together with remapped shapes "
                 "[original->remapped]: %s  and requested shape %s",
                 from, to);
}

static value f_broadcast_to(interp *in, const value *arg)
{
    nd *x = to_nd_any(in, arg[0]);
    int ndim;
    int64_t shape[ND_MAXDIM];
    err e = {0};
    value r = FAIL;
    if (x && to_shape(in, arg[1], &ndim, shape)) {
        nd *y = nd_broadcast(x, ndim, shape, &e);
        r = y ? view(in, arg[0], y, &e) : broadcast_error(in, x, ndim, shape);
        err_clear(&e);
    }
    datum_unref(x);
    ndarray *a = as_ndarray(r);
    if (a && is_heap(r) && value_truth(in, arg[2]) == 0) {
        value plain = array_as(in, &T_ndarray, a);
        value_unref(in, r);
        r = plain;
        a = as_ndarray(r);
    }
    if (a) a->readonly = true;
    return r;
}

/* Steps as users know them, of pointers, to those of the cells that hold objects. */
static bool cell_steps(interp *in, const nd *x, int n, int64_t *step)
{
    const int64_t seen = sizeof(void *);
    for (int i = 0; i < n && x->dtype == DT_object; i++) {
        if (step[i] % seen)
            return throw(in, ValueError, "as_strided: the view would cut objects in pieces"), false;
        step[i] = step[i] / seen * x->size;
    }
    return true;
}

/* _as_strided(x, shape, strides): refused when it would leave the memory of x */
static value f_as_strided(interp *in, const value *arg)
{
    ndarray *a = as_ndarray(arg[0]);
    int n, m;
    int64_t shape[ND_MAXDIM], step[ND_MAXDIM], low = 0, high = 0;
    err e = {0};
    if (!a) return throw(in, TypeError, "as_strided() needs an array");
    if (!to_shape(in, arg[1], &n, shape) || !to_shape(in, arg[2], &m, step)) return FAIL;
    if (n != m) return throw(in, ValueError, "strides, if given, must be the same length as shape");
    const nd *x = array_peek(a);
    if (!cell_steps(in, x, n, step)) return FAIL;
    for (int i = 0; i < n; i++) {
        if (shape[i] < 0) return throw(in, ValueError, "negative dimensions are not allowed");
        *(step[i] < 0 ? &low : &high) += step[i] * (shape[i] ? shape[i] - 1 : 0);
    }
    int64_t at = x->at - x->b->data;
    if (shape_count(n, shape) && (at + low < 0 || at + high + x->size > (int64_t)x->b->size))
        return throw(in, ValueError, "as_strided: the view would leave the memory of the array");
    return view(in, arg[0], nd_view(x->b, x->at, nd_type(x), n, shape, step), &e);
}

static value f_expand_dims(interp *in, const value *arg)
{
    nd *x = to_nd_any(in, arg[0]);
    int n;
    int64_t axis[ND_MAXDIM];
    uint32_t at = 0;
    err e = {0};
    bool ok = x && to_shape(in, arg[1], &n, axis);
    for (int i = 0; ok && i < n; i++) {
        int a;
        ok = check_axis(axis[i], x->ndim + n, &a, &e);
        if (ok && at & axis_bit(a)) ok = err_set(&e, ValueError, "repeated axis");
        if (ok) at |= axis_bit(a);
    }
    nd *y = ok ? nd_ref(x) : NULL;
    for (int i = 0; y && i < ND_MAXDIM; i++)
        if (at & axis_bit(i)) {
            nd *z = nd_expand(y, i);
            datum_unref(y);
            y = z;
        }
    value r = y || e.kind ? view(in, arg[0], y, &e) : FAIL;
    datum_unref(x);
    return r;
}

static nd *all_true(const nd *x, err *e)
{
    nd *y = nd_new(dtype_plain(DT_bool), x->ndim, nd_shape(x), e);
    if (y) memset(y->at, 1, nd_bytes(y));
    return y;
}

static value f_tri_part(interp *in, const value *arg, bool upper)
{
    nd *x = to_nd_any(in, arg[0]);
    int64_t k;
    err e = {0};
    bool ok = x && to_int64(in, arg[1], &k);
    const bool objects = ok && x->dtype == DT_object;
    nd *of = !ok ? NULL : objects ? all_true(x, &e) : nd_ref(x);
    nd *y = of ? nd_tri(of, k, upper, &e) : NULL;
    datum_unref(of);
    if (y && objects) {
        nd *kept = object_kept(in, x, y);
        datum_unref(y);
        y = kept;
    }
    value r = y || e.kind ? array_wrap(in, y, &e) : FAIL;
    datum_unref(x);
    return r;
}

static value f_triu(interp *in, const value *arg)
{
    return f_tri_part(in, arg, true);
}

static value f_tril(interp *in, const value *arg)
{
    return f_tri_part(in, arg, false);
}

static value f_diag(interp *in, const value *arg)
{
    if (is_object_array(arg[0])) return object_product(in, "diag", arg, 2);
    nd *x = to_nd_any(in, arg[0]);
    int64_t k;
    err e = {0};
    value r = FAIL;
    if (x && x->ndim != 1 && x->ndim != 2)
        throw(in, ValueError, "Input must be 1- or 2-d.");
    else if (x && to_int64(in, arg[1], &k))
        r = array_wrap(in, nd_diag(x, k, &e), &e);
    datum_unref(x);
    return r;
}

static value f_linspace(interp *in, const value *arg)
{
    double a, b, step;
    int64_t n;
    if (!to_double(in, arg[0], &a) || !to_double(in, arg[1], &b) || !to_int64(in, arg[2], &n))
        return FAIL;
    if (n < 0)
        return throw(in, ValueError, "Number of samples, %lld, must be non-negative.",
                     (long long)n);
    err e = {0};
    value r = array_wrap(in, nd_linspace(a, b, n, value_truth(in, arg[3]) == 1, &step, &e), &e);
    if (is_fail(r)) return r;
    value s = {.kind = V_SCALAR, .aux = DT_float64, .f = step};
    return v_obj(tuple_pack(in, 2, r, s));
}

/* ---- types ---- */

static value f_result_type(interp *in, const value *arg)
{
    tuple *t = as_tuple(arg[0]);
    dtype_of out;
    err e = {0};
    int n = (int)t->n;
    if (n < 1) return throw(in, ValueError, "at least one array or dtype is required");
    operand *op = mem_zero((size_t)n * sizeof *op);
    nd **x = mem_zero((size_t)n * sizeof *x);
    bool ok = true;
    for (int i = 0; ok && i < n; i++) {
        value v = t->at[i];
        if (as_type(v) || as_str(v) || as_obj(v, &T_dtype)) {
            op[i] = (operand){0};
            ok = to_dtype(in, v, &op[i].t);
        } else if ((ok = (x[i] = to_nd_any(in, v)) != NULL)) {
            op[i] = operand_of(x[i]);
        }
    }
    if (ok && !(ok = result_type(n, op, &out, &e))) throw_err(in, &e);
    for (int i = 0; i < n; i++) datum_unref(x[i]);
    mem_free(op);
    mem_free(x);
    return ok ? dtype_value(in, out) : FAIL;
}

static value f_promote_types(interp *in, const value *arg)
{
    dtype_of a = dtype_plain(DT_float64), b = a, out;
    err e = {0};
    if (!to_dtype(in, arg[0], &a) || !to_dtype(in, arg[1], &b)) return FAIL;
    if (dtype_promote(a, b, &out, &e)) return dtype_value(in, out);
    err_clear(&e);
    return throw(in, TypeError,
                 "The DTypes <class 'numpy.dtype[%s]'> and <class 'numpy.dtype[%s]'> do not have a "
                 "common DType. For example they cannot be stored in a single array unless the "
                 "dtype is `object`.",
                 scalar_type((enum dtype)a.dt)->name, scalar_type((enum dtype)b.dt)->name);
}

static value f_can_cast(interp *in, const value *arg)
{
    dtype_of from = dtype_plain(DT_float64), to = from;
    str *casting = as_str(arg[2]);
    if (!to_dtype(in, arg[1], &to)) return FAIL;
    if (as_type(arg[0]) || as_str(arg[0]) || as_obj(arg[0], &T_dtype)) {
        if (!to_dtype(in, arg[0], &from)) return FAIL;
    } else {
        nd *x = to_nd_any(in, arg[0]);
        if (!x) return FAIL;
        from = x->ndim ? nd_type(x) : min_scalar_type(nd_type(x), x->at);
        datum_unref(x);
    }
    char how = casting && !str_is(casting, "same_kind") ? casting->at[0] : casting ? 'k' : 's';
    return v_bool(dtype_can_cast(from, to, how));
}

ARRAY1(f_min_scalar_type,
       ((void)e, dtype_value(in, x->ndim ? nd_type(x) : min_scalar_type(nd_type(x), x->at))))

static value f_isscalar(interp *in, const value *arg)
{
    return v_bool(is_scalar(in, arg[0]));
}

ARRAY2(f_may_share, ((void)e, v_bool(x->b == y->b && nd_overlaps(x, y))))

static void mark_bytes(const nd *x, const char *low, char *seen, bool *met)
{
    walk w;
    walk_init(&w, x->ndim, nd_shape(x));
    walk_add_nd(&w, x);
    if (!w.count) return;
    do
        for (int64_t i = 0; i < w.shape[0]; i++) {
            char *at = seen + (w.at[0] + i * w.step[0][0] - low);
            for (uint32_t k = 0; k < x->size; k++)
                if (met)
                    *met |= at[k];
                else
                    at[k] = 1;
        }
    while (walk_next(&w));
}

/* Exactly: do some bytes belong to elements of both? */
static value f_shares_memory(interp *in, const value *arg)
{
    ndarray *a = as_ndarray(arg[0]), *b = as_ndarray(arg[1]);
    if (!a || !b || a->s != b->s) return v_bool(false);
    const nd *x = array_peek(a), *y = array_peek(b);
    if (!nd_overlaps(x, y)) return v_bool(false);
    err e = {0};
    char *seen = try_zero(a->s->b->size, &e);
    bool met = false;
    if (!seen) return throw_err(in, &e);
    mark_bytes(x, a->s->b->data, seen, NULL);
    mark_bytes(y, a->s->b->data, seen, &met);
    mem_free(seen);
    return v_bool(met);
}
ARRAY2(f_same, ((void)e, v_bool(nd_same(x, y))))

const builtin numpy_shape_functions[] = {
    {"@def concatenate(arrays, axis=0, out=None, *, dtype=None, casting='same_kind')",
     f_concatenate,
     "Joins arrays along an existing axis.\n\nValueError when the other extents differ."},
    {"@def stack(arrays, axis=0, out=None)", f_stack, "Joins arrays along a new axis."},
    {"@def where(condition, x=<unset>, y=<unset>, /)", f_where,
     "x where condition is true, y elsewhere; alone: condition.nonzero()."},
    {"@def tile(A, reps)", f_tile, "A repeated along its axes."},
    {"_as_strided(x, shape, strides)", f_as_strided, NULL},
    {"_roll(a, shift, axis)", f_roll, "One axis rolled."},
    {"@def flip(m, axis=None)", f_flip, "Elements in reverse order along axes, a view."},
    {"@def broadcast_to(array, shape, subok=False)", f_broadcast_to,
     "A read-only view of another shape."},
    {"@def expand_dims(a, axis)", f_expand_dims, "A view with new axes of length 1."},
    {"@def triu(m, k=0)", f_triu, "The upper triangle; zeros below diagonal k."},
    {"@def tril(m, k=0)", f_tril, "The lower triangle; zeros above diagonal k."},
    {"@def diag(v, k=0)", f_diag, "A matrix with this diagonal, or the diagonal of a matrix."},
    {"_linspace(start, stop, num, endpoint)", f_linspace, "(points, step)"},
    {"@def result_type(*arrays_and_dtypes)", f_result_type,
     "The dtype that operations on these give."},
    {"@def can_cast(from_, to, casting='safe')", f_can_cast, "May a type (or value) be cast?"},
    {"@def min_scalar_type(a, /)", f_min_scalar_type, "The smallest dtype that holds a scalar."},
    {"@def shares_memory(a, b, /, max_work=None)", f_shares_memory,
     "Do two arrays overlap in memory?"},
    {"@def may_share_memory(a, b, /, max_work=None)", f_may_share,
     "Could two arrays overlap in memory?"},
    {0},
};
const builtin numpy_type_functions[] = {
    {"promote_types(type1, type2)", f_promote_types, "The smallest dtype both cast to safely."},
    {"@def isscalar(element)", f_isscalar, "Is it a number or string, not an array?"},
    {"_same(a, b)", f_same, "Equal dtype, shape and bytes?"},
    {0},
};

// clang-format off
const builtin numpy_reduction_functions[] = {
    BOTH(REDUCE_FUNCTION) FUNCTIONS(REDUCE_FUNCTION) SCAN_BOTH(SCAN_FUNCTION) SCAN_FUNCTIONS(SCAN_FUNCTION)
    {"@def amin" SIG_B("a"), array_reduce_min, doc_min},
    {"@def amax" SIG_B("a"), array_reduce_max, doc_max},
    {"@def product" SIG_A("a"), array_reduce_prod, doc_prod},
    {"@def sometrue" SIG_C("a"), array_reduce_any, doc_any},
    {"@def alltrue" SIG_C("a"), array_reduce_all, doc_all},
    {0},
};
// clang-format on

/* stdlib/numpy/functions.c - numpy functions that are one block operation each.
 *
 * Names that begin with an underscore are primitives for the part of numpy that is written in dsk.
 */
#include <string.h>

#include "engine/base/mem.h"
#include "engine/data/walk.h"
#include "engine/kernels/linalg.h"
#include "engine/kernels/sort.h"
#include "stdlib/numpy/long.h"
#include "stdlib/numpy/numpy.h"
#include "stdlib/numpy/parts.h"
#include "stdlib/numpy/reductions.h"

/* ---- arguments ---- */

typedef struct blocks {
    int n;
    nd **at; /* owned */
} blocks;

static void blocks_clear(blocks *b)
{
    for (int i = 0; i < b->n; i++) datum_unref(b->at[i]);
    mem_free(b->at);
}

static bool blocks_of(interp *in, value seq, blocks *out)
{
    list *l = list_of(in, seq);
    *out = (blocks){0};
    if (!l) return false;
    out->at = mem_zero(sizeof(nd *) * (size_t)(l->n + 1));
    bool ok = true;
    for (int64_t i = 0; ok && i < l->n; i++) {
        ok = (out->at[i] = to_nd_any(in, l->at[i])) != NULL;
        out->n++;
    }
    obj_unref(in, l);
    if (!ok) blocks_clear(out);
    return ok;
}

/* The same for blocks that are put together. */
static bool alike_blocks_of(interp *in, value seq, blocks *out)
{
    if (!blocks_of(in, seq, out)) return false;
    if (nd_alike(in, out->at, out->n)) return true;
    blocks_clear(out);
    return false;
}

#define ARRAY1(name, expression)                                                                   \
    static value name(interp *in, const value *arg)                                                \
    {                                                                                              \
        nd *x = to_nd_any(in, arg[0]);                                                             \
        if (!x) return FAIL;                                                                       \
        err e = {0};                                                                               \
        value r = expression;                                                                      \
        datum_unref(x);                                                                            \
        return r;                                                                                  \
    }
#define ARRAY2(name, expression)                                                                   \
    static value name(interp *in, const value *arg)                                                \
    {                                                                                              \
        nd *x = to_nd_any(in, arg[0]), *y = x ? to_nd_any(in, arg[1]) : NULL;                      \
        err e = {0};                                                                               \
        value r = y ? expression : FAIL;                                                           \
        datum_unref(x);                                                                            \
        datum_unref(y);                                                                            \
        return r;                                                                                  \
    }

/* ---- joining and moving ---- */

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
    if (!out) return r;
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
    if (c && is_none(arg[1]) && is_none(arg[2])) {
        value a = array_wrap(in, c, &e);
        r = is_fail(a) ? FAIL : call_method(in, a, "nonzero", 0);
        value_unref(in, a);
        return r;
    }
    if (c && (is_none(arg[1]) || is_none(arg[2])))
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
    if (a) a->readonly = true;
    return r;
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

static value f_tri_part(interp *in, const value *arg, bool upper)
{
    nd *x = to_nd_any(in, arg[0]);
    int64_t k;
    err e = {0};
    value r = x && to_int64(in, arg[1], &k) ? array_wrap(in, nd_tri(x, k, upper, &e), &e) : FAIL;
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

/* ---- order and counting ---- */

static value f_lexsort(interp *in, const value *arg)
{
    blocks b;
    int axis;
    err e = {0};
    value r = FAIL;
    if (!blocks_of(in, arg[0], &b)) return FAIL;
    if (b.n == 0)
        throw(in, TypeError, "need sequence of keys with len > 0 in lexsort");
    else if (to_axis(in, arg[1], b.at[0]->ndim, &axis))
        r = array_wrap(in, nd_lexsort(b.n, (const nd *const *)b.at, axis, &e), &e);
    blocks_clear(&b);
    return r;
}

static value f_digitize(interp *in, const value *arg)
{
    nd *x = to_nd_any(in, arg[0]), *bins = x ? to_nd_any(in, arg[1]) : NULL;
    err e = {0};
    value r =
        bins ? array_result(in, nd_digitize(x, bins, value_truth(in, arg[2]) == 1, &e), &e) : FAIL;
    datum_unref(x);
    datum_unref(bins);
    return r;
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
    unique_parts u = {0};
    err e = {0};
    bool ok = nd_unique(x, want, &u, &e);
    datum_unref(x);
    if (!ok) return throw_err(in, &e);
    value v[4] = {array_wrap(in, u.values, &e), u.index ? array_wrap(in, u.index, &e) : NONE,
                  u.inverse ? array_wrap(in, u.inverse, &e) : NONE,
                  u.counts ? array_wrap(in, u.counts, &e) : NONE};
    return v_obj(tuple_pack(in, 4, v[0], v[1], v[2], v[3]));
}

static value f_bincount(interp *in, const value *arg)
{
    nd *x = to_nd_any(in, arg[0]),
       *w = x && !is_none(arg[1]) ? to_nd(in, arg[1], dtype_plain(DT_float64)) : NULL;
    int64_t min;
    err e = {0};
    value r = FAIL;
    if (x && !throwing(in) && to_int64(in, arg[2], &min)) {
        nd *counts = nd_cast(x, dtype_plain(DT_int64), nd_count(x) ? 's' : 'u', &e);
        r = array_wrap(in, counts ? nd_bincount(counts, w, min, &e) : NULL, &e);
        datum_unref(counts);
    }
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

/* ---- products, factorisations, Fourier ---- */

ARRAY2(f_dot, array_result(in, long_dot(in, x, y, &e), &e))
ARRAY2(f_matmul, array_result(in, long_matmul(in, x, y, &e), &e))
ARRAY2(f_vdot, array_result(in, nd_vdot(x, y, &e), &e))
ARRAY2(f_inner, array_result(in, nd_inner(x, y, &e), &e))
static value f_correlate(interp *in, const value *arg)
{
    nd *x = to_nd_any(in, arg[0]), *y = x ? to_nd_any(in, arg[1]) : NULL;
    str *mode = as_str(arg[2]);
    err e = {0};
    value r = y ? array_wrap(in, nd_correlate(x, y, mode ? mode->at[0] : 'v', &e), &e) : FAIL;
    datum_unref(x);
    datum_unref(y);
    return r;
}

ARRAY1(f_inv, array_result(in, nd_inv(x, &e), &e))
ARRAY1(f_det, array_result(in, nd_det(x, &e), &e))
ARRAY1(f_cholesky, array_result(in, nd_cholesky(x, &e), &e))
ARRAY2(f_solve, array_result(in, nd_solve(x, y, &e), &e))

static int axis_list(interp *in, value v, int ndim, int *axes)
{
    int n;
    int64_t a[ND_MAXDIM];
    err e = {0};
    if (!to_shape(in, v, &n, a)) return -1;
    for (int i = 0; i < n; i++)
        if (!check_axis(a[i], ndim, &axes[i], &e)) return throw_err(in, &e), -1;
    return n;
}

/* _tensordot(a, b, axes_of_a, axes_of_b) */
static value f_tensordot(interp *in, const value *arg)
{
    nd *x = to_nd_any(in, arg[0]), *y = x ? to_nd_any(in, arg[1]) : NULL;
    int xa[ND_MAXDIM], ya[ND_MAXDIM];
    err e = {0};
    value r = FAIL;
    if (y) {
        int n = axis_list(in, arg[2], x->ndim, xa),
            m = n < 0 ? -1 : axis_list(in, arg[3], y->ndim, ya);
        if (m >= 0 && n != m)
            throw(in, ValueError, "shape-mismatch for sum");
        else if (m >= 0)
            r = array_result(in, nd_tensordot(x, y, n, xa, ya, &e), &e);
    }
    datum_unref(x);
    datum_unref(y);
    return r;
}

/* [0, 1] as "ab", Ellipsis as "..." */
static bool add_labels(interp *in, value labels, strbuf *out)
{
    list *l = list_of(in, labels);
    bool ok = l != NULL;
    for (int64_t i = 0; ok && i < l->n; i++) {
        int64_t k;
        if (l->at[i].kind == V_OBJ && l->at[i].o->type == &T_ellipsis)
            sb_adds(out, "...");
        else if ((ok = to_int64(in, l->at[i], &k)))
            sb_addc(out, (char)(k < 26 ? 'a' + k : 'A' + k - 26));
        if (ok && (k < 0 || k >= 52))
            ok = THROW0(in, ValueError, "subscript is not within the valid range [0, 52)");
    }
    obj_unref(in, l);
    return ok;
}

/* einsum(x, [0, 1], y, [1, 2], [0, 2]) as subscripts and operands */
static bool sublists(interp *in, value first, tuple *rest, strbuf *text, list *operands)
{
    bool ok = true;
    int64_t n = rest->n + 1;
    for (int64_t i = 0; ok && i + 1 < n; i += 2) {
        if (i) sb_addc(text, ',');
        ok = list_append(in, operands, i ? rest->at[i - 1] : first) &&
             add_labels(in, rest->at[i], text);
    }
    if (!ok || n % 2 == 0) return ok;
    sb_adds(text, "->");
    return add_labels(in, rest->at[n - 2], text);
}

/* optimize=True with three operands and more: step by step, in the language.  None: not this way */
static value einsum_in_steps(interp *in, const char *subscripts, value of, value dtype)
{
    value m = interp_import(in, "numpy._numeric"), f = FAIL, r = FAIL;
    str *s = is_fail(m) ? NULL : str_new(in, subscripts, strlen(subscripts));
    if (s && value_findattr(in, m, "_einsum_in_steps", &f) == 1)
        r = value_call(in, f, (value[]){v_obj(s), of, dtype}, 3, NULL);
    obj_unref(in, s);
    value_unref(in, f);
    value_unref(in, m);
    return r;
}

static value f_einsum(interp *in, const value *arg)
{
    str *s = as_str(arg[0]);
    blocks b;
    dtype_of want;
    strbuf text = {0};
    list *operands = NULL;
    value of = arg[1];
    if (!s) {
        operands = list_new(in, 4);
        if (!operands || !sublists(in, arg[0], as_tuple(arg[1]), &text, operands)) {
            obj_unref(in, operands);
            sb_clear(&text);
            return FAIL;
        }
        of = (value){.kind = V_OBJ, .o = &operands->hdr};
    }
    value r = FAIL;
    err e = {0};
    const char *subscripts = s ? s->at : sb_text(&text);
    int64_t count = operands ? operands->n : as_tuple(of)->n;
    bool steps = count > 2 && value_truth(in, arg[6]) == 1;
    if (steps) r = einsum_in_steps(in, subscripts, of, arg[3]);
    bool done = steps && !is_none(r);
    if (!done && to_dtype_or_none(in, arg[3], &want) && blocks_of(in, of, &b)) {
        r = array_result(in, nd_einsum(subscripts, b.n, (const nd *const *)b.at, want, &e), &e);
        blocks_clear(&b);
    }
    obj_unref(in, operands);
    sb_clear(&text);
    if (is_fail(r) || is_none(arg[2])) return r;
    bool ok = array_setitem(in, arg[2], ELLIPSIS, r);
    value_unref(in, r);
    return ok ? value_ref(arg[2]) : FAIL;
}

/* The blocks that a call among the arguments sets. */
static value pair(interp *in, bool ok, nd **a, nd **b, err *e)
{
    if (!ok) return throw_err(in, e);
    value v = array_result(in, *a, e), w = array_result(in, *b, e);
    return v_obj(tuple_pack(in, 2, v, w));
}

static value f_slogdet(interp *in, const value *arg)
{
    nd *x = to_nd_any(in, arg[0]), *s = NULL, *l = NULL;
    err e = {0};
    value r = x ? pair(in, nd_slogdet(x, &s, &l, &e), &s, &l, &e) : FAIL;
    datum_unref(x);
    return r;
}

static value f_qr(interp *in, const value *arg)
{
    nd *x = to_nd_any(in, arg[0]), *q = NULL, *r = NULL;
    str *mode = as_str(arg[1]);
    err e = {0};
    if (!x) return FAIL;
    bool only_r = mode && str_is(mode, "r");
    char m = only_r                             ? 'R'
             : mode && str_is(mode, "complete") ? 'c'
             : mode && str_is(mode, "raw")      ? 'a'
                                                : 'r';
    bool ok = nd_qr(x, m, &q, &r, &e);
    datum_unref(x);
    if (ok && only_r) return datum_unref(q), array_wrap(in, r, &e);
    return pair(in, ok, &q, &r, &e);
}

static value f_svd(interp *in, const value *arg)
{
    nd *x = to_nd_any(in, arg[0]), *u = NULL, *s = NULL, *vt = NULL;
    bool uv = value_truth(in, arg[2]) == 1;
    err e = {0};
    if (!x) return FAIL;
    bool ok = nd_svd(x, value_truth(in, arg[1]) == 1, uv ? &u : NULL, &s, uv ? &vt : NULL, &e);
    datum_unref(x);
    if (!ok) return throw_err(in, &e);
    if (!uv) return array_wrap(in, s, &e);
    value a = array_wrap(in, u, &e), b = array_wrap(in, s, &e), c = array_wrap(in, vt, &e);
    return v_obj(tuple_pack(in, 3, a, b, c));
}

static value f_eig(interp *in, const value *arg)
{
    nd *x = to_nd_any(in, arg[0]), *w = NULL, *v = NULL;
    err e = {0};
    value r = x ? pair(in, nd_eig(x, &w, &v, &e), &w, &v, &e) : FAIL;
    datum_unref(x);
    return r;
}

static value f_eigvals(interp *in, const value *arg)
{
    nd *x = to_nd_any(in, arg[0]), *w = NULL;
    err e = {0};
    value r = !x ? FAIL : nd_eig(x, &w, NULL, &e) ? array_wrap(in, w, &e) : throw_err(in, &e);
    datum_unref(x);
    return r;
}

static char uplo(value v)
{
    str *s = as_str(v);
    return s && (s->at[0] == 'U' || s->at[0] == 'u') ? 'U' : 'L';
}

static value f_eigh(interp *in, const value *arg)
{
    nd *x = to_nd_any(in, arg[0]), *w = NULL, *v = NULL;
    err e = {0};
    value r = x ? pair(in, nd_eigh(x, uplo(arg[1]), &w, &v, &e), &w, &v, &e) : FAIL;
    datum_unref(x);
    return r;
}

static value f_eigvalsh(interp *in, const value *arg)
{
    nd *x = to_nd_any(in, arg[0]), *w = NULL;
    err e = {0};
    value r = !x                                       ? FAIL
              : nd_eigh(x, uplo(arg[1]), &w, NULL, &e) ? array_wrap(in, w, &e)
                                                       : throw_err(in, &e);
    datum_unref(x);
    return r;
}

static value f_lstsq(interp *in, const value *arg)
{
    nd *a = to_nd_any(in, arg[0]), *b = a ? to_nd_any(in, arg[1]) : NULL, *x = NULL, *res = NULL,
       *s = NULL;
    double rcond = -1;
    int64_t rank;
    err e = {0};
    value r = FAIL;
    if (b && (as_str(arg[2]) || is_none(arg[2]) || to_double(in, arg[2], &rcond))) {
        if (nd_lstsq(a, b, rcond, &x, &res, &rank, &s, &e)) {
            value v[3] = {array_wrap(in, x, &e), array_wrap(in, res, &e), array_wrap(in, s, &e)};
            r = v_obj(tuple_pack(in, 4, v[0], v[1], v_int(rank), v[2]));
        } else {
            throw_err(in, &e);
        }
    }
    datum_unref(a);
    datum_unref(b);
    return r;
}

static value f_lu(interp *in, const value *arg)
{
    nd *x = to_nd_any(in, arg[0]), *p = NULL, *l = NULL, *u = NULL;
    err e = {0};
    if (!x) return FAIL;
    bool ok = nd_lu(x, &p, &l, &u, &e);
    datum_unref(x);
    if (!ok) return throw_err(in, &e);
    value a = array_wrap(in, p, &e), b = array_wrap(in, l, &e), c = array_wrap(in, u, &e);
    return v_obj(tuple_pack(in, 3, a, b, c));
}

static value f_solve_triangular(interp *in, const value *arg)
{
    nd *a = to_nd_any(in, arg[0]), *b = a ? to_nd_any(in, arg[1]) : NULL;
    err e = {0};
    value r = FAIL;
    if (b)
        r = array_wrap(in,
                       nd_solve_triangular(a, b, value_truth(in, arg[2]) == 1,
                                           value_truth(in, arg[3]) == 1,
                                           value_truth(in, arg[4]) == 1, &e),
                       &e);
    datum_unref(a);
    datum_unref(b);
    return r;
}

/* _fft(kind, a, n, axis, norm): kind as enum fft_kind */
static value f_fft(interp *in, const value *arg)
{
    int64_t kind, n = -1;
    int axis;
    str *norm = as_str(arg[4]);
    err e = {0};
    nd *x = to_nd_any(in, arg[1]);
    value r = FAIL;
    if (x && to_int64(in, arg[0], &kind) && (is_none(arg[2]) || to_int64(in, arg[2], &n)) &&
        to_axis(in, arg[3], x->ndim, &axis)) {
        if (!is_none(arg[2]) && n < 1)
            throw(in, ValueError, "Invalid number of FFT data points (%lld) specified.",
                  (long long)n);
        else
            r = array_wrap(
                in, nd_fft((enum fft_kind)kind, x, n, axis, norm ? norm->at[0] : 'b', &e), &e);
    }
    datum_unref(x);
    return r;
}

const builtin numpy_shape_functions[] = {
    {"concatenate(arrays, axis=0, out=None, *, dtype=None, casting='same_kind')", f_concatenate,
     "Joins arrays along an existing axis.\n\nValueError when the other extents differ."},
    {"@def stack(arrays, axis=0, out=None)", f_stack, "Joins arrays along a new axis."},
    {"where(condition, x=None, y=None, /)", f_where,
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
    {"result_type(*arrays_and_dtypes)", f_result_type, "The dtype that operations on these give."},
    {"can_cast(from_, to, casting='safe')", f_can_cast, "May a type (or value) be cast?"},
    {"min_scalar_type(a, /)", f_min_scalar_type, "The smallest dtype that holds a scalar."},
    {"shares_memory(a, b, /, max_work=None)", f_shares_memory, "Do two arrays overlap in memory?"},
    {"may_share_memory(a, b, /, max_work=None)", f_may_share,
     "Could two arrays overlap in memory?"},
    {0},
};
const builtin numpy_type_functions[] = {
    {"promote_types(type1, type2)", f_promote_types, "The smallest dtype both cast to safely."},
    {"@def isscalar(element)", f_isscalar, "Is it a number or string, not an array?"},
    {"_same(a, b)", f_same, "Equal dtype, shape and bytes?"},
    {0},
};
const builtin numpy_sort_functions[] = {
    {"lexsort(keys, axis=-1)", f_lexsort, "Indices that sort by several keys, the last one first."},
    {"@def digitize(x, bins, right=False)", f_digitize, "The bin each value belongs to."},
    {"_unique(ar, index, inverse, counts, equal_nan)", f_unique, NULL},
    {"bincount(x, /, weights=None, minlength=0)", f_bincount,
     "How often each non-negative int occurs."},
    {"_kth(a, places)", f_kth, NULL},
    {"_histogram(a, weights, edges)", f_histogram, NULL},
    {"_topk(a, k, axis)", f_topk, "The k largest, in descending order."},
    {"_argtopk(a, k, axis)", f_argtopk, "Indices of the k largest."},
    {"@def take_along_axis(arr, indices, axis)", f_take_along_axis,
     "Elements by one index array along an axis."},
    {"@def put_along_axis(arr, indices, values, axis)", f_put_along_axis,
     "Sets elements by one index array along an axis."},
    {"putmask(a, mask, values)", f_putmask, "Sets elements where mask is true."},
    {"@def place(arr, mask, vals)", f_place,
     "Sets elements where mask is true, from the values in turn."},
    {0},
};
const builtin numpy_linalg_functions[] = {
    {"dot(a, b, out=None)", f_dot,
     "Product of two arrays: matrix product, or sum over last and second-to-last axes."},
    {"matmul(x1, x2, /)", f_matmul, "Matrix product of the last two axes."},
    {"vdot(a, b, /)", f_vdot, "Dot product of two vectors, the first conjugated."},
    {"inner(a, b, /)", f_inner, "Sum of products over the last axes."},
    {"_tensordot(a, b, axes_a, axes_b)", f_tensordot, NULL},
    {"einsum(subscripts, *operands, out=None, dtype=None, order='K', casting='safe', "
     "optimize=False)",
     f_einsum, "Einstein summation: einsum('ij,jk->ik', a, b)."},
    {"_correlate(a, v, mode)", f_correlate, NULL},
    {"_inv(a)", f_inv, NULL},
    {"_det(a)", f_det, NULL},
    {"_cholesky(a)", f_cholesky, NULL},
    {"_solve(a, b)", f_solve, NULL},
    {"_slogdet(a)", f_slogdet, NULL},
    {"_qr(a, mode)", f_qr, NULL},
    {"_svd(a, full, uv)", f_svd, NULL},
    {"_eig(a)", f_eig, NULL},
    {"_eigvals(a)", f_eigvals, NULL},
    {"_eigh(a, uplo)", f_eigh, NULL},
    {"_eigvalsh(a, uplo)", f_eigvalsh, NULL},
    {"_lstsq(a, b, rcond)", f_lstsq, NULL},
    {"_lu(a)", f_lu, NULL},
    {"_solve_triangular(a, b, lower, trans, unit)", f_solve_triangular, NULL},
    {"_fft(kind, a, n, axis, norm)", f_fft, NULL},
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

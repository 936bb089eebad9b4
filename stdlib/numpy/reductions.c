/* stdlib/numpy/reductions.c - sum, mean, argmax ... as methods of arrays and scalars and as
 * functions.
 *
 * A row of the lists below is a method, a function, or both; what the reduction does is a row of
 * engine/kernels/reduce.def.  The letters name the argument lists NumPy gives them. */
#include "stdlib/numpy/reductions.h"

#include "engine/kernels/scan.h"
#include "stdlib/numpy/long.h"
#include "stdlib/numpy/numpy.h"
#include "stdlib/numpy/objects.h"
#include "stdlib/numpy/subclass.h"

typedef struct reduce_call { /* borrowed arguments; FAIL where the form has none */
    value x, axis, dtype, out, keepdims, ddof, initial, where;
} reduce_call;

static value store_out(interp *in, value result, value out)
{
    if (is_none(out) || is_fail(result)) return result;
    ndarray *a = as_ndarray(out);
    nd *x = a ? array_write(in, a) : THROW0(in, TypeError, "output must be an array");
    err e = {0};
    nd *y = x ? to_nd_any(in, result) : NULL;
    bool ok = y && nd_assign(x, y, 'k', NULL, &e);
    if (y && !ok) throw_err(in, &e);
    datum_unref(y);
    value_unref(in, result);
    return ok ? value_ref(out) : FAIL;
}

static nd *optional(interp *in, value v, dtype_of want)
{
    if (is_fail(v) || is_none(v) || (v.kind == V_BOOL && v.i)) return NULL;
    return to_nd(in, v, want);
}

/* the ufunc that folds objects, or NULL */
static const ufunc *fold_of_objects(const reduction *r)
{
    switch ((enum reduction_id)(r - reductions)) {
    case R_sum:
    case R_prod:
    case R_max:
    case R_min: return r->fold;
    case R_mean: return &ufuncs[U_add];
    case R_any: return &ufuncs[U_logical_or];
    case R_all: return &ufuncs[U_logical_and];
    default: return NULL;
    }
}

/* what adding up gave by the number of elements, an int64 */
static value mean_of(interp *in, value sum, const nd *x, uint32_t axes)
{
    int64_t n = 1;
    if (is_fail(sum)) return FAIL;
    for (int i = 0; i < x->ndim; i++)
        if (axes & axis_bit(i)) n *= nd_shape(x)[i];
    value count = scalar_value(in, dtype_plain(DT_int64), &n);
    value mean = is_fail(count) ? FAIL : value_binary(in, OP_TRUEDIV, sum, count);
    value_unref(in, count);
    value_unref(in, sum);
    return mean;
}

/* sum, max, mean ... of objects */
static value run_objects(interp *in, const reduction *r, const reduce_call *c, const nd *x,
                         uint32_t axes, bool keep)
{
    err e = {0};
    if (r == &reductions[R_argmin] || r == &reductions[R_argmax]) {
        nd *y = object_argpick(in, r == &reductions[R_argmax], x, axes, keep);
        return y ? array_result(in, y, &e) : FAIL;
    }
    if (axes == ALL_AXES && !nd_count(x) && (r == &reductions[R_any] || r == &reductions[R_all]))
        return v_bool(r == &reductions[R_all]);
    const ufunc *f = fold_of_objects(r);
    if (!f) {
        value array =
            as_ndarray(c->x) ? value_ref(c->x) : array_wrap(in, nd_ref((nd *)(uintptr_t)x), &e);
        value ddof = is_fail(c->ddof) ? v_int(0) : c->ddof;
        value v = is_fail(array)
                      ? FAIL
                      : object_fold(in, r->name, (value[]){array, c->axis, ddof, v_bool(keep)}, 4);
        value_unref(in, array);
        return v;
    }
    nd *y = object_reduce(in, f, x, axes, keep, is_none(c->initial) ? FAIL : c->initial);
    value v = y ? array_result(in, y, &e) : FAIL;
    return r == &reductions[R_mean] ? mean_of(in, v, x, axes) : v;
}

/* Objects of which numbers are wanted: dtype=.  Replaces x. */
static bool as_wanted(interp *in, nd **x, value v, dtype_of want)
{
    if ((*x)->dtype != DT_object || want.dt == DT_none || want.dt == DT_object) return true;
    nd *y = to_nd(in, v, want);
    datum_unref(*x);
    *x = y;
    return y != NULL;
}

/* First what is odd about the slices, then what dividing by their counts did. */
static bool warn_reduction(interp *in, unsigned flags, bool scalar)
{
    unsigned slices = flags & ~(unsigned)(FP_DIVIDE | FP_OVER | FP_UNDER | FP_INVALID);
    if (!slices) return warn_flags(in, flags, "reduce");
    return warn_flags(in, slices, "") &&
           warn_flags(in, flags & ~slices, scalar ? "scalar divide" : "divide");
}

/* Everything but the array left at its default? */
static bool plain_call(const reduce_call *c)
{
    return is_none(c->axis) && (is_none(c->dtype) || is_fail(c->dtype)) &&
           (is_none(c->out) || is_fail(c->out)) && is_fail(c->initial) && is_fail(c->ddof) &&
           (is_fail(c->keepdims) || (c->keepdims.kind == V_BOOL && !c->keepdims.i)) &&
           (is_fail(c->where) || (c->where.kind == V_BOOL && c->where.i));
}

/* A 0-d array may be folded along axis 0; what divides by the extent of the axis wants it to be. */
static bool counts_axes(const reduction *r)
{
    return r == &reductions[R_mean] || r == &reductions[R_var] || r == &reductions[R_std] ||
           r == &reductions[R_nanmean] || r == &reductions[R_nanvar] || r == &reductions[R_nanstd];
}

static bool reduce_axes(interp *in, const reduction *r, value axis, int ndim, uint32_t *axes)
{
    bool zero = axis.kind == V_INT && (axis.i == 0 || axis.i == -1);
    if (ndim || counts_axes(r) || !zero) return to_axes(in, axis, ndim, axes);
    return *axes = 1, true;
}

static nd *reduce_numbers(interp *in, const reduction *r, const nd *x, uint32_t axes, bool keep,
                          dtype_of want, reduce_opts *o, err *e)
{
    if (o->initial || o->where) return nd_reduce(r, x, axes, keep, want, o, e);
    apart a;
    apart_begin(in, &a, 1, &x);
    nd *y = nd_reduce(r, a.operands[0], axes, keep, want, o, e);
    apart_end(&a);
    return y;
}

static value run(interp *in, const reduction *r, reduce_call c)
{
    value quick;
    if (plain_call(&c) && quick_reduce(in, r, c.x, &quick)) return quick;
    nd *x = to_nd_any(in, c.x);
    if (x && r == &reductions[R_count_nonzero]) {
        nd *truths = nd_truths(in, x);
        datum_unref(x);
        x = truths;
    }
    if (!x) return FAIL;
    dtype_of want;
    uint32_t axes;
    reduce_opts o = {0};
    value result = FAIL;
    err e = {0};
    int keep = is_fail(c.keepdims) ? 0 : value_truth(in, c.keepdims);
    bool ok = keep >= 0 && to_dtype_or_none(in, c.dtype, &want) &&
              reduce_axes(in, r, c.axis, x->ndim, &axes);
    if (ok && !is_fail(c.ddof)) ok = to_double(in, c.ddof, &o.ddof);
    nd *initial = ok ? optional(in, c.initial, (dtype_of){.dt = DT_none}) : NULL;
    nd *where = ok ? optional(in, c.where, dtype_plain(DT_bool)) : NULL;
    ok = ok && !throwing(in) && as_wanted(in, &x, c.x, want);
    if (ok) {
        o.initial = initial;
        o.where = where;
        if (x->dtype == DT_object && where) {
            result = throw(in, ValueError,
                           "reduction operation '%s' does not have an identity, so to use a where "
                           "mask one has to specify 'initial'",
                           r->fold ? r->fold->name : r->name);
        } else if (x->dtype == DT_object) {
            result = run_objects(in, r, &c, x, axes, keep);
        } else {
            nd *y = reduce_numbers(in, r, x, axes, keep, want, &o, &e);
            if (y && o.flags && !warn_reduction(in, o.flags, y->ndim == 0)) y = datum_unref(y);
            result = y || e.kind ? array_result(in, y, &e) : FAIL;
            if (r == &reductions[R_count_nonzero] && result.kind == V_SCALAR && is_none(c.axis))
                result = v_int((int64_t)result.bits); /* an int of Python */
        }
    }
    datum_unref(initial);
    datum_unref(where);
    datum_unref(x);
    return store_out(in, result, is_fail(c.out) ? NONE : c.out);
}

/* The ufunc that an array's own __array_ufunc__ is asked for instead; NULL: none */
static const ufunc *asked(interp *in, const reduction *r, value x)
{
    if (!is_subarray(x) || is_fail(own_hook(in, x, "__array_ufunc__"))) return NULL;
    if (r == &reductions[R_any]) return &ufuncs[U_logical_or];
    if (r == &reductions[R_all]) return &ufuncs[U_logical_and];
    return r == &reductions[R_mean] ? &ufuncs[U_add] : r->fold;
}

static bool put_given(interp *in, dict *kw, const char *name, value v, bool given)
{
    return !given || dict_put(in, kw, name, value_ref(v));
}

/* ufunc.reduce(x, axis=..), and for the mean what divides it */
static value run_asked(interp *in, const ufunc *f, const reduction *r, const reduce_call *c)
{
    dict *kw = dict_new(in);
    value u = ufunc_value(in, f), reduce = is_fail(u) ? FAIL : value_getattr_c(in, u, "reduce");
    value args = v_obj(tuple_pack(in, 1, value_ref(c->x)));
    bool ok = kw && !is_fail(reduce) && !is_fail(args) &&
              dict_put(in, kw, "axis", value_ref(c->axis)) &&
              put_given(in, kw, "dtype", c->dtype, !is_fail(c->dtype) && !is_none(c->dtype)) &&
              put_given(in, kw, "keepdims", c->keepdims, value_truth(in, c->keepdims) == 1) &&
              put_given(in, kw, "out", c->out, !is_none(c->out)) &&
              put_given(in, kw, "initial", c->initial, !is_fail(c->initial)) &&
              put_given(in, kw, "where", c->where,
                        !is_fail(c->where) && !(c->where.kind == V_BOOL && c->where.i));
    value v = ok ? call_with(in, reduce, args, v_obj(kw)) : FAIL;
    obj_unref(in, kw);
    value_unref(in, args);
    value_unref(in, reduce);
    value_unref(in, u);
    if (is_fail(v) || r != &reductions[R_mean]) return v;
    const nd *x = array_peek(as_ndarray(c->x));
    uint32_t axes;
    int64_t n = 1;
    if (!to_axes(in, c->axis, x->ndim, &axes)) return value_unref(in, v), FAIL;
    for (int i = 0; i < x->ndim; i++)
        if (axes & axis_bit(i)) n *= nd_shape(x)[i];
    value mean = value_binary(in, OP_TRUEDIV, v, v_int(n));
    value_unref(in, v);
    return mean;
}

/* What an array of a user's class makes of it. */
static value run_of(interp *in, const reduction *r, reduce_call c)
{
    const ufunc *f = asked(in, r, c.x);
    value v = f ? run_asked(in, f, r, &c) : run(in, r, c);
    bool keep = !f && is_subarray(c.x) && (is_none(c.out) || is_fail(c.out));
    if (!as_ndarray(v) && (r == &reductions[R_argmin] || r == &reductions[R_argmax])) return v;
    return keep ? array_kept(in, c.x, v) : v;
}

#define FORM_A(a)                                                                                  \
    (reduce_call)                                                                                  \
    {                                                                                              \
        a[0], a[1], a[2], a[3], a[4], FAIL, a[5], a[6]                                             \
    }
#define FORM_B(a)                                                                                  \
    (reduce_call)                                                                                  \
    {                                                                                              \
        a[0], a[1], FAIL, a[2], a[3], FAIL, a[4], a[5]                                             \
    }
#define FORM_C(a)                                                                                  \
    (reduce_call)                                                                                  \
    {                                                                                              \
        a[0], a[1], FAIL, a[2], a[3], FAIL, FAIL, a[4]                                             \
    }
#define FORM_D(a)                                                                                  \
    (reduce_call)                                                                                  \
    {                                                                                              \
        a[0], a[1], a[2], a[3], a[4], FAIL, FAIL, a[5]                                             \
    }
#define FORM_E(a)                                                                                  \
    (reduce_call)                                                                                  \
    {                                                                                              \
        a[0], a[1], a[2], a[3], a[5], a[4], FAIL, a[6]                                             \
    }
#define FORM_F(a)                                                                                  \
    (reduce_call)                                                                                  \
    {                                                                                              \
        a[0], a[1], FAIL, a[2], a[3], FAIL, FAIL, FAIL                                             \
    }
#define FORM_G(a)                                                                                  \
    (reduce_call)                                                                                  \
    {                                                                                              \
        a[0], a[1], FAIL, FAIL, a[2], FAIL, FAIL, FAIL                                             \
    }

#define DEFINE(name, form)                                                                         \
    value array_reduce_##name(interp *in, const value *arg)                                        \
    {                                                                                              \
        return run_of(in, &reductions[R_##name], FORM_##form(arg));                                \
    }
BOTH(DEFINE)
FUNCTIONS(DEFINE)

/* ---- running sums and products ---- */

static value scan_run(interp *in, const scan *s, const value *arg)
{
    nd *x = to_nd_any(in, arg[0]), *flat = NULL;
    if (!x) return FAIL;
    dtype_of want;
    int axis = 0;
    err e = {0};
    value r = FAIL;
    if (is_none(arg[1]) || !x->ndim) {
        flat = nd_ravel(x, 'C', &e);
        datum_unref(x);
        x = flat;
    }
    bool ok = x && to_dtype_or_none(in, arg[2], &want) &&
              (is_none(arg[1]) || to_axis(in, arg[1], x->ndim, &axis));
    ok = ok && as_wanted(in, &x, arg[0], want);
    if (ok && x->dtype == DT_object && s->skip_nan) {
        value array = array_wrap(in, nd_ref(x), &e);
        r = is_fail(array) ? FAIL : object_fold(in, s->name, (value[]){array, v_int(axis)}, 2);
        value_unref(in, array);
    } else if (ok && x->dtype == DT_object) {
        nd *y = object_accumulate(in, &ufuncs[s->fold], x, axis);
        r = y ? array_wrap(in, y, &e) : FAIL;
    } else if (ok)
        r = array_wrap(in, nd_scan(s, x, axis, want, NULL, &e), &e);
    else if (!x)
        throw_err(in, &e);
    datum_unref(x);
    if (is_subarray(arg[0]) && is_none(arg[3])) r = array_kept(in, arg[0], r);
    return store_out(in, r, arg[3]);
}

#define DEFINE_SCAN(name)                                                                          \
    value array_scan_##name(interp *in, const value *arg)                                          \
    {                                                                                              \
        return scan_run(in, scan_find(#name), arg);                                                \
    }
SCAN_BOTH(DEFINE_SCAN)
SCAN_FUNCTIONS(DEFINE_SCAN)

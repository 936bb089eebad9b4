/* stdlib/numpy/reductions.c - sum, mean, argmax ... as methods of arrays and scalars and as
 * functions.
 *
 * A row of the lists below is a method, a function, or both; what the reduction does is a row of
 * engine/kernels/reduce.def.  The letters name the argument lists NumPy gives them. */
#include "stdlib/numpy/reductions.h"

#include "engine/kernels/scan.h"
#include "stdlib/numpy/numpy.h"

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

static value object_reduce(interp *in, const reduction *r, const nd *x)
{
    enum binop op = r->fold == &ufuncs[U_multiply] ? OP_MUL : OP_ADD;
    enum cmpop pick = r->fold == &ufuncs[U_minimum] ? OP_LT : OP_GT;
    bool choose = r->fold == &ufuncs[U_minimum] || r->fold == &ufuncs[U_maximum];
    err e = {0};
    nd *flat = nd_contiguous(x, &e);
    if (!flat) return throw_err(in, &e);
    int64_t n = nd_count(flat);
    value acc = n ? scalar_item(in, nd_type(flat), flat->at) : v_int(op == OP_MUL);
    for (int64_t i = 1; i < n && !is_fail(acc); i++) {
        value item = scalar_item(in, nd_type(flat), flat->at + i * flat->size);
        value next;
        if (choose) {
            value better = value_compare(in, pick, item, acc);
            int yes = is_fail(better) ? -1 : value_truth(in, better);
            value_unref(in, better);
            next = yes < 0 ? FAIL : value_ref(yes ? item : acc);
        } else {
            next = value_binary(in, op, acc, item);
        }
        value_unref(in, item);
        value_unref(in, acc);
        acc = next;
    }
    datum_unref(flat);
    return acc;
}

static value run(interp *in, const reduction *r, reduce_call c)
{
    nd *x = to_nd_any(in, c.x);
    if (!x) return FAIL;
    dtype_of want;
    uint32_t axes;
    reduce_opts o = {0};
    value result = FAIL;
    err e = {0};
    int keep = is_fail(c.keepdims) ? 0 : value_truth(in, c.keepdims);
    bool ok =
        keep >= 0 && to_dtype_or_none(in, c.dtype, &want) && to_axes(in, c.axis, x->ndim, &axes);
    if (ok && !is_fail(c.ddof)) ok = to_double(in, c.ddof, &o.ddof);
    nd *initial = ok ? optional(in, c.initial, (dtype_of){.dt = DT_none}) : NULL;
    nd *where = ok ? optional(in, c.where, dtype_plain(DT_bool)) : NULL;
    if (ok && !throwing(in)) {
        o.initial = initial;
        o.where = where;
        if (x->dtype == DT_object && r->fold && axes == ALL_AXES) {
            result = object_reduce(in, r, x);
        } else {
            nd *y = nd_reduce(r, x, axes, keep, want, &o, &e);
            if (y && o.flags && !warn_flags(in, o.flags, "reduce")) y = datum_unref(y);
            result = y || e.kind ? array_result(in, y, &e) : FAIL;
        }
    }
    datum_unref(initial);
    datum_unref(where);
    datum_unref(x);
    return store_out(in, result, is_fail(c.out) ? NONE : c.out);
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
    value array_reduce_##name(interp *in, const value *arg)                                              \
    {                                                                                              \
        return run(in, &reductions[R_##name], FORM_##form(arg));                                   \
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
    if (is_none(arg[1])) {
        flat = nd_ravel(x, 'C', &e);
        datum_unref(x);
        x = flat;
    }
    if (x && to_dtype_or_none(in, arg[2], &want) && (flat || to_axis(in, arg[1], x->ndim, &axis)))
        r = array_wrap(in, nd_scan(s, x, axis, want, NULL, &e), &e);
    else if (!x)
        throw_err(in, &e);
    datum_unref(x);
    return store_out(in, r, arg[3]);
}

#define DEFINE_SCAN(name)                                                                          \
    value array_scan_##name(interp *in, const value *arg)                                                \
    {                                                                                              \
        return scan_run(in, scan_find(#name), arg);                                                \
    }
SCAN_BOTH(DEFINE_SCAN)
SCAN_FUNCTIONS(DEFINE_SCAN)

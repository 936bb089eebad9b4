/* stdlib/numpy/operators.c - a + b, -a, a < b of arrays and scalars.
 *
 * An operator is a ufunc on two blocks; operands that want to answer themselves (lazy arrays) get
 * NotImplemented, and pairs of plain numbers take a short way (scalar_math.c). */
#include <string.h>

#include "engine/kernels/linalg.h"
#include "stdlib/numpy/long.h"
#include "stdlib/numpy/numpy.h"
#include "stdlib/numpy/subclass.h"

static const enum ufunc_id binary_ids[NBINOP] = {
    [OP_ADD] = U_add,         [OP_SUB] = U_subtract,          [OP_MUL] = U_multiply,
    [OP_TRUEDIV] = U_divide,  [OP_FLOORDIV] = U_floor_divide, [OP_MOD] = U_remainder,
    [OP_POW] = U_power,       [OP_LSHIFT] = U_left_shift,     [OP_RSHIFT] = U_right_shift,
    [OP_AND] = U_bitwise_and, [OP_OR] = U_bitwise_or,         [OP_XOR] = U_bitwise_xor,
    [OP_DIVMOD] = U_divmod,
};
static const enum ufunc_id compare_ids[NCMPOP] = {
    [OP_LT] = U_less,      [OP_LE] = U_less_equal, [OP_EQ] = U_equal,
    [OP_NE] = U_not_equal, [OP_GT] = U_greater,    [OP_GE] = U_greater_equal,
};

/* An operand of an operator: NULL without an exception when it is not ours to handle. */
static nd *operand_nd(interp *in, value v)
{
    ndarray *a = as_ndarray(v);
    if (a) return array_snapshot(a);
    if (v.kind == V_OBJ && !as_list(v) && !as_tuple(v)) {
        dtype_of t;
        _Alignas(16) char element[16];
        bool scalar = scalar_element(in, v, &t, element);
        if (!scalar && !throwing(in)) {
            value method; /* lazy arrays answer the reflected operator */
            if (value_findattr(in, v, "__array_ufunc__", &method) == 1) {
                value_unref(in, method);
                return NULL;
            }
            exc_clear(in);
        }
    }
    return to_nd_any(in, v);
}

/* f of an array, into itself when out is given */
static value apply1(interp *in, const ufunc *f, value a, ndarray *out)
{
    if (out && !array_write(in, out)) return FAIL;
    nd *x = out ? NULL : operand_nd(in, a);
    if (!out && !x) return FAIL;
    nd *arg[1] = {out ? (nd *)(uintptr_t)array_peek(out) : x};
    value r = ufunc_apply(in, f, f->name, arg, out);
    datum_unref(x);
    return r;
}

/* a ** b where b is a number: the ufunc of a alone that NumPy calls for it; NULL: power */
static const ufunc *shorter_pow(interp *in, const ufunc *f, value a, value b)
{
    ndarray *x = as_ndarray(a), *y = as_ndarray(b);
    bool number = b.kind == V_INT || b.kind == V_FLOAT || b.kind == V_SCALAR ||
                  (y && array_peek(y)->ndim == 0);
    if (f->id != U_power || !x || !number) return NULL;
    nd *k = to_nd_any(in, b);
    operand exponent = k ? operand_of(k) : (operand){0};
    const ufunc *g = k ? ufunc_of_pow(nd_type(array_peek(x)), &exponent) : NULL;
    exc_clear(in);
    datum_unref(k);
    return g;
}

/* the power 0 of an array without axes, which keeps its type: 1; or FAIL, nothing thrown */
static value power_none(interp *in, const ufunc *f, value a, value b)
{
    ndarray *x = f->id == U_power ? as_ndarray(a) : NULL;
    bool none = (b.kind == V_INT && b.i == 0) || (b.kind == V_FLOAT && b.f == 0);
    const nd *of = x && none ? array_peek(x) : NULL;
    if (!of || of->ndim || !(dtype_is_float(of->dtype) || dtype_is_complex(of->dtype))) return FAIL;
    err e = {0};
    nd *one = nd_scalar(DT_int8, &(int8_t){1}), *r = nd_cast(one, nd_type(of), 'u', &e);
    datum_unref(one);
    return array_result(in, r, &e);
}

static value apply2(interp *in, const ufunc *f, const char *name, value a, value b, ndarray *out)
{
    value quick;
    const ufunc *alone = shorter_pow(in, f, a, b);
    if (alone) return apply1(in, alone, a, out);
    if (!out && !is_fail(quick = power_none(in, f, a, b))) return quick;
    if (quick_binary(in, f, name, a, b, out, &quick)) return quick;
    nd *x[2] = {operand_nd(in, a), NULL};
    if (x[0]) x[1] = operand_nd(in, b);
    value r;
    if (x[0] && x[1]) {
        if (out) { /* in place: the snapshots must not look like other users of the buffer */
            for (int i = 0; i < 2; i++) {
                ndarray *own = as_ndarray(i ? b : a);
                if (own && own->s == out->s) {
                    datum_unref(x[i]);
                    x[i] = NULL;
                }
            }
            if (!array_write(in, out)) {
                datum_unref(x[0]);
                datum_unref(x[1]);
                return FAIL;
            }
            nd *arg[2];
            for (int i = 0; i < 2; i++)
                arg[i] = x[i] ? x[i] : (nd *)(uintptr_t)array_peek(as_ndarray(i ? b : a));
            r = ufunc_apply(in, f, name, arg, out);
        } else {
            r = ufunc_apply(in, f, name, x, NULL);
        }
    } else {
        r = throwing(in) ? FAIL : NOTIMPL;
    }
    datum_unref(x[0]);
    datum_unref(x[1]);
    return r;
}

static const char *const reflected_names[NBINOP] = {
    [OP_ADD] = "__radd__",
    [OP_SUB] = "__rsub__",
    [OP_MUL] = "__rmul__",
    [OP_TRUEDIV] = "__rtruediv__",
    [OP_FLOORDIV] = "__rfloordiv__",
    [OP_MOD] = "__rmod__",
    [OP_POW] = "__rpow__",
    [OP_LSHIFT] = "__rlshift__",
    [OP_RSHIFT] = "__rrshift__",
    [OP_AND] = "__rand__",
    [OP_OR] = "__ror__",
    [OP_XOR] = "__rxor__",
    [OP_DIVMOD] = "__rdivmod__",
};

/* a @ b, which what is no array answers as a ufunc is answered, if it has no operator of its own */
static value matmul_taken(interp *in, value a, value b)
{
    value other = as_ndarray(a) ? b : a;
    const char *own = as_ndarray(a) ? "__rmatmul__" : "__matmul__";
    value hook = is_heap(other) ? own_hook(in, other, "__array_ufunc__") : FAIL;
    if (is_fail(hook) || is_none(hook) || !is_fail(own_hook(in, other, own))) return NOTIMPL;
    value np = interp_import(in, "numpy"), r = FAIL;
    value f = is_fail(np) ? FAIL : value_getattr_c(in, np, "matmul");
    value how = is_fail(f) ? FAIL : v_str(in, "__call__");
    if (!is_fail(how)) r = call_method(in, other, "__array_ufunc__", 4, f, how, a, b);
    value_unref(in, how);
    value_unref(in, f);
    value_unref(in, np);
    return r;
}

value array_binary(interp *in, enum binop op, value a, value b)
{
    value fast;
    if ((is_heap(a) || is_heap(b)) && op != OP_MATMUL) {
        value r = subclass_binary(in, &ufuncs[binary_ids[op]], a, b, reflected_names[op], false);
        if (!is_fail(r) || throwing(in)) return r;
    }
    if (a.kind != V_OBJ && b.kind != V_OBJ) {
        int done = scalar_binary(in, op, a, b, &fast);
        if (done) return done < 0 ? FAIL : fast;
    }
    if ((as_str(a) || (a.kind == V_OBJ && a.o->type == &T_bytes)) && !as_ndarray(b) && !as_str(b))
        return NOTIMPL; /* text says itself what it can be joined to */
    if (op == OP_MATMUL && (is_object_array(a) || is_object_array(b)))
        return object_product(in, "matmul", (value[]){a, b}, 2);
    if (op == OP_MATMUL) {
        nd *p = operand_nd(in, a), *q = p ? operand_nd(in, b) : NULL;
        err e = {0};
        value r = p && q         ? array_result(in, long_matmul(in, p, q, &e), &e)
                  : throwing(in) ? FAIL
                                 : NOTIMPL;
        datum_unref(p);
        datum_unref(q);
        if (is_notimpl(r)) return matmul_taken(in, a, b);
        return is_fail(r) || is_notimpl(r) ? r : array_kept_of(in, (value[]){a, b}, 2, r);
    }
    bool numbers = !as_ndarray(a) && !as_ndarray(b);
    const ufunc *f = &ufuncs[binary_ids[op]];
    value r = apply2(in, f, numbers && scalar_names[op] ? scalar_names[op] : f->name, a, b, NULL);
    if (numbers && r.kind == V_SCALAR && !scalar_overflow(in, op, a, b, r)) return FAIL;
    return r;
}

value array_inplace(interp *in, enum binop op, value self, value other)
{
    if (op == OP_MATMUL || op == OP_DIVMOD) return NOTIMPL;
    if (array_peek(as_ndarray(self))->dtype == DT_object) return NOTIMPL;
    const ufunc *f = &ufuncs[binary_ids[op]];
    if (is_heap(self) || is_heap(other)) {
        value r = subclass_binary(in, f, self, other, reflected_names[op], true);
        if (!is_fail(r) || throwing(in)) return r;
    }
    return apply2(in, f, f->name, self, other, as_ndarray(self));
}

/* Large and whole, in memory that nobody else sees. */
static bool is_spare(ndarray *a)
{
    enum { WORTH = 1 << 18 }; /* bytes */
    const nd *x = array_peek(a);
    const buf *b = x->b;
    return a->hdr.type == &T_ndarray && !a->base && a->s->rc == 1 && !a->readonly &&
           !a->s->readonly && !a->s->frozen && !(a->hdr.flags & OBJ_FROZEN) &&
           (size_t)nd_count(x) * x->size >= WORTH && x->flags & ND_C && b->flags & BUF_POOL &&
           !(b->flags & ~(uint32_t)(BUF_POOL | BUF_COUNTED)) && x->at == b->data && !buf_shared(b);
}

/* Does f of a and b, one of them `to`, have the shape and type of `to`? */
static bool result_fits(const ufunc *f, int n, const nd *const *x, const nd *to)
{
    operand of[2];
    ufunc_plan how;
    err e = {0};
    int ndim;
    int64_t shape[ND_MAXDIM];
    for (int k = 0; k < n; k++) of[k] = operand_of(x[k]);
    bool ok = shape_broadcast(n, x, &ndim, shape, &e) &&
              ufunc_resolve(f, of, (dtype_of){.dt = DT_none}, 0, &how, &e) &&
              how.arg[n].dt == to->dtype && ndim == to->ndim &&
              !memcmp(shape, nd_shape(to), (size_t)ndim * sizeof *shape);
    err_clear(&e);
    return ok;
}

/* Fresh memory is what operations on large arrays wait for: temporaries lend theirs. */
value array_reuse(interp *in, enum binop op, value a, value b, value into)
{
    ndarray *to = as_ndarray(into), *x = as_ndarray(a), *y = as_ndarray(b);
    value other = x == to ? b : a;
    bool number = other.kind == V_INT || other.kind == V_FLOAT || other.kind == V_SCALAR;
    if (op == OP_MATMUL || op == OP_DIVMOD || x == y || (!number && !(x && y)) || !is_spare(to) ||
        !dtype_is_number(array_peek(to)->dtype))
        return value_ref(NOTIMPL);
    const ufunc *f = &ufuncs[binary_ids[op]], *alone = shorter_pow(in, f, a, b);
    nd *given = number ? to_nd_any(in, other) : NULL;
    const nd *arg[2] = {x ? array_peek(x) : given, y ? array_peek(y) : given};
    bool fits = arg[0] && arg[1] && dtype_is_number(arg[x == to]->dtype) && (!alone || x == to) &&
                result_fits(alone ? alone : f, alone ? 1 : 2, arg, array_peek(to));
    datum_unref(given);
    exc_clear(in);
    return fits ? apply2(in, f, f->name, a, b, to) : value_ref(NOTIMPL);
}

value array_unary(interp *in, enum unop op, value v)
{
    static const enum ufunc_id ids[] = {[OP_NEG] = U_negative,
                                        [OP_POS] = U_positive,
                                        [OP_INVERT] = U_invert,
                                        [OP_ABS] = U_absolute};
    value r;
    if (op <= OP_ABS && quick_unary(in, &ufuncs[ids[op]], v, &r)) return r;
    if (op <= OP_ABS && is_subarray(v)) {
        value u = ufunc_value(in, &ufuncs[ids[op]]);
        r = is_fail(u) ? FAIL : call_n(in, u, 1, v);
        value_unref(in, u);
        return r;
    }
    nd *x = to_nd_any(in, v);
    if (!x) return FAIL;
    if (op <= OP_ABS) {
        r = ufunc_apply(in, &ufuncs[ids[op]], ufuncs[ids[op]].name, &x, NULL);
    } else if (nd_count(x) != 1) {
        r = op == OP_INDEX
                ? throw(in, TypeError,
                        "only integer scalar arrays can be converted to a scalar index")
                : throw(in, TypeError, "only size-1 arrays can be converted to Python scalars");
    } else if (op == OP_INDEX && (x->ndim || !dtype_is_int((enum dtype)x->dtype))) {
        r = throw(in, TypeError, "only integer scalar arrays can be converted to a scalar index");
    } else {
        value item = scalar_item(in, nd_type(x), x->at);
        r = is_fail(item) ? FAIL : op == OP_INDEX ? value_ref(item) : value_unary(in, op, item);
        value_unref(in, item);
    }
    datum_unref(x);
    return r;
}

value array_compare(interp *in, enum cmpop op, value a, value b)
{
    value fast;
    if (a.kind != V_OBJ && b.kind != V_OBJ && scalar_compare(op, a, b, &fast)) return fast;
    if (is_none(b) && (op == OP_EQ || op == OP_NE) && !as_ndarray(a)) return v_bool(op == OP_NE);
    const ufunc *f = &ufuncs[compare_ids[op]];
    if (is_heap(a) || is_heap(b)) {
        value own = subclass_binary(in, f, a, b, "", false); /* who takes over is asked */
        if (!is_fail(own)) return own;
        if (throwing(in)) return FAIL;
    }
    value r = apply2(in, f, f->name, a, b, NULL);
    if (is_notimpl(r) &&
        (as_ndarray(a) ||
         a.kind == V_SCALAR)) { /* b handles ufuncs itself: NumPy calls the ufunc */
        value u = ufunc_value(in, f);
        r = is_fail(u) ? FAIL : call_n(in, u, 2, a, b);
        value_unref(in, u);
        return r;
    }
    if (is_fail(r) && exc_is(in, UFuncTypeError)) { /* numbers against text */
        exc_clear(in);
        bool array = as_ndarray(a) || as_ndarray(b);
        if (array && (op == OP_EQ || op == OP_NE) &&
            !warn(in, FutureWarning,
                  "elementwise comparison failed; returning scalar instead, but in the future will "
                  "perform elementwise comparison"))
            return FAIL;
        return NOTIMPL;
    }
    if (is_fail(r) && exc_is(in, TypeError) && (op == OP_EQ || op == OP_NE) && !is_heap(a) &&
        !is_heap(b)) { /* months and days are unequal as a whole, with a warning */
        exc_clear(in);
        if (!warn(in, DeprecationWarning,
                  "elementwise comparison failed; this will raise an error in the future."))
            return FAIL;
        return v_bool(op == OP_NE);
    }
    if (is_fail(r) && exc_is(in, ValueError) && (op == OP_EQ || op == OP_NE) && as_ndarray(a) &&
        as_ndarray(b)) {
        exc_clear(in); /* shapes that do not broadcast are unequal as a whole, with a warning */
        if (!warn(in, DeprecationWarning,
                  "elementwise comparison failed; this will raise an error in the future."))
            return FAIL;
        return v_bool(op == OP_NE);
    }
    return r;
}

/* stdlib/numpy/subclass.c - arrays of user's classes: what they keep, and who makes the results.
 *
 * NumPy's protocol: __array_finalize__(new, from) on every new instance; the operand with the
 * highest __array_priority__ wraps what a ufunc computed; __array_ufunc__ replaces the ufunc. */
#include "stdlib/numpy/subclass.h"

#include <string.h>

#include "lang/types/klass.h"
#include "lang/types/memview.h"
#include "stdlib/numpy/parts.h"

static value class_row(interp *in, const type *t, const char *name)
{
    str *s = str_intern(in, name, strlen(name));
    value v = s ? type_lookup(in, t, s) : FAIL;
    obj_unref(in, s);
    return v;
}

value own_hook(interp *in, value v, const char *name)
{
    if (!is_heap(v)) return FAIL;
    value f = class_row(in, v.o->type, name);
    if (is_fail(f) || !as_ndarray(v)) return f;
    value native = class_row(in, &T_ndarray, name);
    return !is_fail(native) && value_same(f, native) ? FAIL : f;
}

bool array_finalize(interp *in, ndarray *a, value from)
{
    value self = {.kind = V_OBJ, .o = &a->hdr};
    value f = own_hook(in, self, "__array_finalize__");
    if (is_fail(f) || is_none(f)) return !throwing(in);
    value r = call_method(in, self, "__array_finalize__", 1, from);
    value_unref(in, r);
    return !is_fail(r);
}

value array_kept(interp *in, value like, value r)
{
    if (is_fail(r) || r.kind == V_NONE) return r;
    ndarray *a = as_ndarray(r);
    err e = {0};
    if (a && a->hdr.type != &T_ndarray) return r;
    if (!a && !is_scalar(in, r)) return r;
    value plain = r;
    if (!a) plain = array_wrap(in, to_nd_any(in, r), &e);
    value kept = is_fail(plain) ? FAIL : array_typed(in, like, as_ndarray(plain));
    if (!a) value_unref(in, plain);
    value_unref(in, r);
    return kept;
}

/* ---- who wraps ---- */

static double priority_of(interp *in, value v, double otherwise)
{
    value p;
    double d = otherwise;
    if (!is_heap(v)) return as_ndarray(v) ? 0 : otherwise;
    if (value_findattr(in, v, "__array_priority__", &p) == 1) {
        if (!to_double(in, p, &d)) d = otherwise;
        value_unref(in, p);
    }
    exc_clear(in);
    return d;
}

value wrapping_of(interp *in, const value *arg, size_t n)
{
    value best = FAIL;
    double most = 0;
    for (size_t i = 0; i < n; i++) {
        if (!is_heap(arg[i])) continue;
        if (!as_ndarray(arg[i]) && is_fail(own_hook(in, arg[i], "__array_wrap__"))) continue;
        double p = priority_of(in, arg[i], 0);
        if (!is_fail(best) && p <= most) continue;
        best = arg[i];
        most = p;
    }
    return best;
}

value array_kept_of(interp *in, const value *arg, size_t n, value r)
{
    bool any = false;
    for (size_t i = 0; i < n; i++) any |= is_heap(arg[i]);
    value owner = any && !is_fail(r) ? wrapping_of(in, arg, n) : FAIL;
    return is_fail(owner) || !as_ndarray(owner) ? r : array_kept(in, owner, r);
}

value array_kept_joined(interp *in, value arrays, value r)
{
    list *l = as_list(arrays);
    tuple *t = as_tuple(arrays);
    if (!l && !t) return r;
    value owner = wrapping_of(in, l ? l->at : t->at, (size_t)(l ? l->n : t->n));
    return is_fail(owner) || priority_of(in, owner, 0) <= 0 ? r : array_kept_of(in, &owner, 1, r);
}

/* __array_wrap__(array, (ufunc, arguments, i)) of an operand, for the i-th result; r taken */
static value wrapped_by(interp *in, value owner, value called, const value *arg, size_t n, int i,
                        value r)
{
    err e = {0};
    value plain = as_ndarray(r) ? value_ref(r) : array_wrap(in, to_nd_any(in, r), &e);
    tuple *args = tuple_from(in, arg, (int64_t)n);
    tuple *context = args ? tuple_pack(in, 3, value_ref(called), v_obj(args), v_int(i)) : NULL;
    value out = is_fail(plain) || !context
                    ? FAIL
                    : call_method(in, owner, "__array_wrap__", 2, plain, v_obj(context));
    obj_unref(in, context);
    value_unref(in, plain);
    value_unref(in, r);
    return out;
}

static value wrapped(interp *in, value called, const value *arg, size_t n, int i, value r)
{
    value owner = is_fail(r) ? FAIL : wrapping_of(in, arg, n);
    if (is_fail(owner)) return r;
    if (is_fail(own_hook(in, owner, "__array_wrap__"))) return array_kept(in, owner, r);
    return wrapped_by(in, owner, called, arg, n, i, r);
}

value array_wrapped(interp *in, value called, const value *arg, size_t n, value r)
{
    tuple *two = is_fail(r) ? NULL : as_tuple(r);
    if (!two) return wrapped(in, called, arg, n, 0, r);
    value first = wrapped(in, called, arg, n, 0, value_ref(two->at[0]));
    value second = is_fail(first) ? FAIL : wrapped(in, called, arg, n, 1, value_ref(two->at[1]));
    value_unref(in, r);
    if (is_fail(second)) return value_unref(in, first), FAIL;
    return v_obj(tuple_pack(in, 2, first, second));
}

/* ---- operators ---- */

/* Does the other operand answer the operator itself? 1, 0; -1: it takes over the ufunc */
static int defers(interp *in, value self, value other, const char *reflected, bool into)
{
    if (!is_heap(other)) return 0;
    value hook = own_hook(in, other, "__array_ufunc__");
    if (!is_fail(hook) && is_none(hook)) return !into;
    bool answers = !is_fail(own_hook(in, other, reflected));
    if (!is_fail(hook)) return answers && !into && !as_ndarray(other) ? 1 : -1;
    if (as_ndarray(other) || into) return 0;
    return priority_of(in, other, -1000000) > priority_of(in, self, -1000000);
}

value subclass_binary(interp *in, const ufunc *f, value a, value b, const char *reflected,
                      bool into)
{
    int other = as_ndarray(a) ? defers(in, a, b, reflected, into) : 0;
    if (other > 0) return value_ref(NOTIMPL);
    bool special = other < 0 || !is_fail(own_hook(in, a, "__array_ufunc__")) ||
                   (!into && !is_fail(wrapping_of(in, (value[]){a, b}, 2)));
    if (!special) return FAIL;
    value u = ufunc_value(in, f);
    value args = is_fail(u) ? FAIL : v_obj(tuple_pack(in, 2, value_ref(a), value_ref(b)));
    value kw = FAIL;
    if (into && !is_fail(args)) {
        dict *d = dict_new(in);
        tuple *out = d ? tuple_pack(in, 1, value_ref(a)) : NULL;
        if (d && !dict_put(in, d, "out", v_obj(out))) obj_unref(in, d), d = NULL;
        kw = v_obj(d);
    }
    value r = is_fail(args) || throwing(in) ? FAIL : call_with(in, u, args, kw);
    value_unref(in, kw);
    value_unref(in, args);
    value_unref(in, u);
    return r;
}

/* ---- what ndarray itself has for the protocol ---- */

value array_get_priority(interp *in, const value *arg)
{
    (void)in, (void)arg;
    return v_float(0);
}

value array_get_data(interp *in, const value *arg)
{
    return call_n(in, v_type(&T_memoryview), 1, arg[0]);
}

value array_hook_finalize(interp *in, const value *arg)
{
    (void)in, (void)arg;
    return NONE;
}

value array_hook_prepare(interp *in, const value *arg)
{
    (void)in;
    return value_ref(arg[1]);
}

value array_hook_wrap(interp *in, const value *arg)
{
    if (!as_ndarray(arg[1])) return throw(in, TypeError, "can only be called with ndarray object");
    return array_kept(in, arg[0], value_ref(arg[1]));
}

/* (ufunc, method, *inputs, **kwargs): the ufunc of operands none of which takes it over */
value array_hook_ufunc(interp *in, const value *arg)
{
    tuple *inputs = as_tuple(arg[3]);
    dict *kw = as_dict(arg[4]);
    value out = kw ? dict_peek(in, kw, "out") : FAIL;
    tuple *outs = is_fail(out) ? NULL : as_tuple(out);
    for (int64_t i = 0; i < inputs->n + (outs ? outs->n : 0); i++) {
        value v = i < inputs->n ? inputs->at[i] : outs->at[i - inputs->n];
        if (!is_fail(own_hook(in, v, "__array_ufunc__"))) return value_ref(NOTIMPL);
    }
    str *name = as_str(arg[2]);
    value f = !name                      ? throw(in, TypeError, "the method must be a str")
              : str_is(name, "__call__") ? value_ref(arg[1])
                                         : value_getattr(in, arg[1], name);
    value r = is_fail(f) ? FAIL : call_with(in, f, arg[3], arg[4]);
    value_unref(in, f);
    return r;
}

static value with_module(interp *in, const char *function, value a, value b)
{
    value m = interp_import(in, "numpy._subclasses");
    value r = is_fail(m) ? FAIL : call_method(in, m, function, is_fail(b) ? 1 : 2, a, b);
    value_unref(in, m);
    return r;
}

value array_hook_reduce(interp *in, const value *arg)
{
    return with_module(in, "reduced", arg[0], FAIL);
}

value array_hook_deepcopy(interp *in, const value *arg)
{
    return with_module(in, "deep", arg[0], arg[1]);
}

value array_hook_setstate(interp *in, const value *arg)
{
    value v = with_module(in, "content", arg[1], FAIL);
    bool ok = as_ndarray(v) && array_become(in, as_ndarray(arg[0]), array_peek(as_ndarray(v)));
    value_unref(in, v);
    return ok ? NONE : FAIL;
}

/* (func, types, args, kwargs): what the function does with plain arrays, unless other kinds
 * of arrays are among them */
value array_hook_function(interp *in, const value *arg)
{
    list *types = list_of(in, arg[2]);
    bool ours = types != NULL;
    for (int64_t i = 0; ours && i < types->n; i++)
        ours = as_type(types->at[i]) && type_is_sub(as_type(types->at[i]), &T_ndarray);
    obj_unref(in, types);
    if (throwing(in)) return FAIL;
    if (!ours) return value_ref(NOTIMPL);
    return array_function_run(in, arg[1], arg[3], arg[4]);
}

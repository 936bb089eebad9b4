/* stdlib/numpy/dispatch.c - functions of numpy that other array types may take over.
 *
 * numpy.sum(x) of a lazy x must stay lazy: a call looks at its arguments (and one level into lists
 * and tuples) for a class with __array_function__, and hands the call over to it. */
#include "lang/types/klass.h"
#include "stdlib/numpy/numpy.h"
#include "stdlib/numpy/parts.h"

typedef struct array_function {
    obj hdr;
    value f;    /* what runs for plain arrays */
    value home; /* its __module__: a str */
} array_function;

static const type T_array_function;

value array_function_new(interp *in, value f, value home)
{
    array_function *a = obj_new(in, &T_array_function, 0);
    if (!a) return FAIL;
    a->f = value_ref(f);
    a->home = value_ref(home);
    return v_obj(a);
}

static void af_drop(interp *in, obj *o)
{
    value_unref(in, ((array_function *)o)->f);
    value_unref(in, ((array_function *)o)->home);
}

static void af_visit(obj *o, visitor visit, void *ctx)
{
    visit(((array_function *)o)->f, ctx);
}

/* borrowed method of the first argument that has one */
static value method_of(interp *in, value v, str *name, int depth)
{
    if (v.kind != V_OBJ) return FAIL;
    const type *t = v.o->type;
    if (t->flags & TYPE_HEAP) return type_lookup(in, t, name);
    if (depth == 0) return FAIL;
    list *l = as_list(v);
    tuple *tp = as_tuple(v);
    const value *at = l ? l->at : tp ? tp->at : NULL;
    int64_t n = l ? l->n : tp ? tp->n : 0;
    if (n > 64) n = 64;
    for (int64_t i = 0; i < n; i++) {
        value m = method_of(in, at[i], name, depth - 1);
        if (!is_fail(m)) return m;
    }
    return FAIL;
}

static value owner_of(interp *in, value v, str *name, int depth)
{
    if (v.kind != V_OBJ) return FAIL;
    if (v.o->type->flags & TYPE_HEAP && !is_fail(type_lookup(in, v.o->type, name))) return v;
    list *l = as_list(v);
    tuple *tp = as_tuple(v);
    for (int64_t i = 0; depth && i < (l ? l->n : tp ? tp->n : 0) && i < 64; i++) {
        value o = owner_of(in, l ? l->at[i] : tp->at[i], name, depth - 1);
        if (!is_fail(o)) return o;
    }
    return FAIL;
}

static value hand_over(interp *in, value self, value owner, const value *arg, size_t npos,
                       tuple *kwnames)
{
    tuple *args = tuple_from(in, arg, (int64_t)npos);
    dict *kw = dict_new(in);
    tuple *types = tuple_pack(in, 1, v_type(owner.o->type));
    bool ok = args && kw && types;
    for (int64_t i = 0; ok && kwnames && i < kwnames->n; i++)
        ok = dict_set(in, kw, kwnames->at[i], arg[npos + (size_t)i]);
    value r = ok ? call_method(in, owner, "__array_function__", 4, self, v_obj(types), v_obj(args),
                               v_obj(kw))
                 : FAIL;
    obj_unref(in, args);
    obj_unref(in, kw);
    obj_unref(in, types);
    return r;
}

static value af_call(interp *in, value self, const value *arg, size_t npos, tuple *kwnames)
{
    array_function *a = (array_function *)self.o;
    size_t n = npos + (kwnames ? (size_t)kwnames->n : 0);
    for (size_t i = 0; i < n; i++) {
        if (arg[i].kind != V_OBJ || as_ndarray(arg[i])) continue;
        str *name = str_intern(in, "__array_function__", 18);
        value m = name ? method_of(in, arg[i], name, 1) : FAIL;
        value owner = is_fail(m) ? FAIL : owner_of(in, arg[i], name, 1);
        obj_unref(in, name);
        if (is_fail(owner)) continue;
        value r = hand_over(in, self, owner, arg, npos, kwnames);
        if (!is_notimpl(r)) return r;
        value_unref(in, r);
    }
    return value_call(in, a->f, arg, npos, kwnames);
}

static value af_getattr(interp *in, value self, str *name)
{
    value r;
    if (str_is(name, "__module__")) return value_ref(((array_function *)self.o)->home);
    if (!str_is(name, "__class__")) {
        int found = value_findattr(in, ((array_function *)self.o)->f, name->at, &r);
        if (found) return found < 0 ? FAIL : r;
    }
    return generic_getattr(in, self, name);
}

static value af_repr(interp *in, value self)
{
    value name = value_getattr_c(in, ((array_function *)self.o)->f, "__name__");
    str *s = as_str(name);
    str *r = s ? str_fmt(in, "<function %s at %p>", s->at, (void *)self.o) : NULL;
    value_unref(in, name);
    return v_obj(r);
}

/* Named like a function of Python, so that type(f).__name__ and callable checks read as usual. */
static const type T_array_function = {
    TYPE_HEAD,
    .name = "function",
    .module = "builtins",
    .size = sizeof(array_function),
    .flags = TYPE_GC,
    .drop = af_drop,
    .visit = af_visit,
    .repr = af_repr,
    .getattr = af_getattr,
    .call = af_call,
};

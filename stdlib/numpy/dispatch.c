/* stdlib/numpy/dispatch.c - functions of numpy that other array types may take over.
 *
 * numpy.sum(x) of a lazy x must stay lazy: a call looks at its arguments (and one level into lists
 * and tuples) for a class with __array_function__, and hands the call over to it. */
#include "lang/types/klass.h"
#include "stdlib/numpy/numpy.h"
#include "stdlib/numpy/parts.h"
#include "stdlib/numpy/subclass.h"

#include <string.h>

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

enum { PARTIES = 16 };

/* Arguments that take part: one of each class with __array_function__, subclasses before their
 * bases; arrays only say that they are there. Borrowed. */
typedef struct parties {
    value v[PARTIES];
    int n;
    bool foreign; /* one that is not ndarray's own way */
} parties;

static void join(interp *in, parties *p, value v)
{
    value hook = own_hook(in, v, "__array_function__");
    if (is_fail(hook) && !as_ndarray(v)) return;
    int at = p->n;
    for (int i = 0; i < p->n; i++) {
        if (p->v[i].o->type == v.o->type) return;
        if (at == p->n && type_is_sub(v.o->type, p->v[i].o->type)) at = i;
    }
    if (p->n == PARTIES) return;
    for (int i = p->n++; i > at; i--) p->v[i] = p->v[i - 1];
    p->v[at] = v;
    p->foreign |= !is_fail(hook);
}

static void join_all(interp *in, parties *p, const value *at, int64_t n, int depth)
{
    for (int64_t i = 0; i < n && i < 64; i++) {
        list *l = depth ? as_list(at[i]) : NULL;
        tuple *t = depth ? as_tuple(at[i]) : NULL;
        if (l || t)
            join_all(in, p, l ? l->at : t->at, l ? l->n : t->n, depth - 1);
        else if (at[i].kind == V_OBJ)
            join(in, p, at[i]);
    }
}

static bool any_heap(const value *at, int64_t n, int depth)
{
    for (int64_t i = 0; i < n && i < 64; i++) {
        list *l = depth ? as_list(at[i]) : NULL;
        tuple *t = depth ? as_tuple(at[i]) : NULL;
        if (is_heap(at[i])) return true;
        if ((l || t) && any_heap(l ? l->at : t->at, l ? l->n : t->n, depth - 1)) return true;
    }
    return false;
}

static value throw_unimplemented(interp *in, value self, const parties *p)
{
    list *types = list_new(in, p->n);
    for (int i = 0; types && i < p->n; i++) list_add(in, types, v_type(p->v[i].o->type));
    str *said = types ? value_repr(in, v_obj(types)) : NULL;
    array_function *a = (array_function *)self.o;
    value name = value_getattr_c(in, a->f, "__name__");
    str *home = as_str(a->home), *own = as_str(name);
    if (said && own)
        throw(in, TypeError,
              "no implementation found for '%s.%s' on types that implement __array_function__: %s",
              home ? home->at : "numpy", own->at, said->at);
    value_unref(in, name);
    obj_unref(in, said);
    obj_unref(in, types);
    return FAIL;
}

static value hand_over(interp *in, value self, const parties *p, const value *arg, size_t npos,
                       tuple *kwnames)
{
    tuple *args = tuple_from(in, arg, (int64_t)npos);
    dict *kw = dict_new(in);
    list *all = list_new(in, p->n);
    bool ok = args && kw && all;
    for (int i = 0; ok && i < p->n; i++) ok = list_add(in, all, v_type(p->v[i].o->type));
    tuple *types = ok ? tuple_of(in, v_obj(all)) : NULL;
    for (int64_t i = 0; types && ok && kwnames && i < kwnames->n; i++)
        ok = dict_set(in, kw, kwnames->at[i], arg[npos + (size_t)i]);
    value r = types && ok ? value_ref(NOTIMPL) : FAIL;
    for (int i = 0; i < p->n && !is_fail(r) && is_notimpl(r); i++) {
        value_unref(in, r);
        r = call_method(in, p->v[i], "__array_function__", 4, self, v_obj(types), v_obj(args),
                        v_obj(kw));
    }
    obj_unref(in, args);
    obj_unref(in, kw);
    obj_unref(in, all);
    obj_unref(in, types);
    if (!is_notimpl(r)) return r;
    value_unref(in, r);
    return throw_unimplemented(in, self, p);
}

/* Functions that ask the first argument for its method, if its class has one of its own. */
static value own_method(interp *in, value f, value x)
{
    static const char names[] =
        " sum prod max min any all mean std var ptp argmax argmin argsort take repeat reshape "
        "transpose cumsum cumprod swapaxes squeeze diagonal trace nonzero round clip "
        "searchsorted put compress choose ravel ";
    value name = value_getattr_c(in, f, "__name__");
    str *s = as_str(name);
    const char *own = s && str_is(s, "amax")   ? "max"
                      : s && str_is(s, "amin") ? "min"
                      : s                      ? s->at
                                               : "";
    char word[32];
    size_t n = strlen(own);
    value method = FAIL;
    if (n && n < sizeof word - 2) {
        word[0] = ' ';
        memcpy(word + 1, own, n);
        memcpy(word + 1 + n, " ", 2);
        if (strstr(names, word) && !is_fail(own_hook(in, x, own)))
            method = value_getattr_c(in, x, own);
    }
    value_unref(in, name);
    return method;
}

static value af_call(interp *in, value self, const value *arg, size_t npos, tuple *kwnames)
{
    array_function *a = (array_function *)self.o;
    int64_t n = (int64_t)npos + (kwnames ? kwnames->n : 0);
    if (!any_heap(arg, n, 1)) return value_call(in, a->f, arg, npos, kwnames);
    parties p = {.n = 0};
    join_all(in, &p, arg, n, 1);
    if (p.foreign) return hand_over(in, self, &p, arg, npos, kwnames);
    value method = npos && is_subarray(arg[0]) ? own_method(in, a->f, arg[0]) : FAIL;
    if (throwing(in)) return FAIL;
    if (is_fail(method)) return value_call(in, a->f, arg, npos, kwnames);
    value r = value_call(in, method, arg + 1, npos - 1, kwnames);
    value_unref(in, method);
    return r;
}

value array_function_run(interp *in, value f, value args, value kwargs)
{
    array_function *a = (array_function *)as_obj(f, &T_array_function);
    return call_with(in, a ? a->f : f, args, kwargs);
}

static value af_getattr(interp *in, value self, str *name)
{
    value r;
    if (str_is(name, "__module__")) return value_ref(((array_function *)self.o)->home);
    if (str_is(name, "__wrapped__")) return value_ref(((array_function *)self.o)->f);
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

/* What isinstance() believes: they are functions of Python's, as far as anybody asks. */
static value af_class(interp *in, const value *arg)
{
    (void)in, (void)arg;
    return v_type(&T_function);
}

static const builtin af_table[] = {{"@property __class__", af_class, NULL}, {0}};

/* Named like a function of Python, so that type(f).__name__ and callable checks read as usual. */
static const type T_array_function = {
    TYPE_HEAD,
    .name = "function",
    .module = "builtins",
    .size = sizeof(array_function),
    .flags = TYPE_GC | TYPE_CLAIMS,
    .table = af_table,
    .drop = af_drop,
    .visit = af_visit,
    .repr = af_repr,
    .getattr = af_getattr,
    .call = af_call,
};

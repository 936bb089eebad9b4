/* lang/class.c - class statements: bases, metaclass, namespace, body. */
#include "lang/exc.h"
#include "lang/frame.h"
#include "lang/types/dunder.h"
#include "lang/types/func.h"
#include "lang/vm.h"

#define OBJ(p) ((value){.kind = V_OBJ, .o = &(p)->hdr})

/* Bases that are no classes say what stands for them (__mro_entries__). Owned. */
static tuple *real_bases(interp *in, tuple *bases)
{
    list *l = NULL;
    for (int64_t i = 0; i < bases->n; i++) {
        value b = bases->at[i], f, r;
        int has = as_type(b) ? 0 : value_findattr(in, b, "__mro_entries__", &f);
        if (has < 0) goto failed;
        if (!has) {
            if (l && !list_append(in, l, b)) goto failed;
            continue;
        }
        if (!l && !(l = list_new(in, 0))) goto failed;
        for (int64_t j = 0; j < i && l->n < i; j++) list_append(in, l, bases->at[j]);
        r = call_n(in, f, 1, OBJ(bases));
        value_unref(in, f);
        bool ok = !is_fail(r) && list_extend(in, l, r);
        value_unref(in, r);
        if (!ok) goto failed;
    }
    if (!l) return obj_ref(bases);
    tuple *t = tuple_from(in, l->at, l->n);
    obj_unref(in, l);
    return t;
failed:
    obj_unref(in, l);
    return NULL;
}

static value prepare(interp *in, value meta, value name, tuple *bases, dict *kw)
{
    if (meta.kind == V_OBJ && meta.o == &T_type.hdr) return v_obj(dict_new(in));
    value f;
    int has = value_findattr(in, meta, "__prepare__", &f);
    if (has <= 0) return has < 0 ? FAIL : v_obj(dict_new(in));
    tuple *args = tuple_pack(in, 2, value_ref(name), v_obj(obj_ref(bases)));
    value ns = args ? call_with(in, f, OBJ(args), OBJ(kw)) : FAIL;
    obj_unref(in, args);
    value_unref(in, f);
    return ns;
}

static value build_class(interp *in, const value *arg)
{
    func *fn = as_func(arg[0]);
    if (!fn) return throw(in, TypeError, "__build_class__: func must be a function");
    tuple *bases = real_bases(in, as_tuple(arg[2]));
    if (!bases) return FAIL;
    value meta = arg[3];
    if (is_fail(meta)) meta = (value){.kind = V_OBJ, .o = (obj *)(uintptr_t)&T_type.hdr};
    const type *mt = as_type(meta);
    if (mt) mt = metaclass_of(in, mt, bases);
    value ns = FAIL, done = FAIL, cls = FAIL;
    if (mt) meta = (value){.kind = V_OBJ, .o = (obj *)(uintptr_t)&mt->hdr};
    if (!throwing(in)) ns = prepare(in, meta, arg[1], bases, as_dict(arg[4]));
    if (!is_fail(ns)) done = code_run(in, fn->link, fn->globals, ns, fn->closure);
    if (!is_fail(done) && bases != as_tuple(arg[2]) && as_dict(ns) &&
        !dict_put(in, as_dict(ns), "__orig_bases__", value_ref(arg[2]))) {
        value_unref(in, done);
        done = FAIL;
    }
    tuple *args = is_fail(done)
                      ? NULL
                      : tuple_pack(in, 3, value_ref(arg[1]), v_obj(obj_ref(bases)), value_ref(ns));
    if (args) cls = call_with(in, meta, OBJ(args), arg[4]);
    obj_unref(in, args);
    value_unref(in, done);
    value_unref(in, ns);
    obj_unref(in, bases);
    return cls;
}

const builtin build_class_row = {
    "__build_class__(func, name, /, *bases, metaclass=<unset>, **kwds)", build_class, NULL};

value build_class_function(interp *in)
{
    return value_ref(in->build_class);
}

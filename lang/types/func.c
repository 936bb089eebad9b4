/* lang/types/func.c - functions written in the language, cells, and bound methods. */
#include "lang/types/func.h"

#include <string.h>

#include "engine/base/mem.h"
#include "lang/exc.h"
#include "lang/types/dunder.h"
#include "lang/types/klass.h"

#define OBJ(p) ((value){.kind = V_OBJ, .o = &(p)->hdr})

/* ---- cells ---- */

cell *cell_new(interp *in, value v)
{
    cell *c = obj_new(in, &T_cell, 0);
    if (c)
        c->v = v;
    else
        value_unref(in, v);
    return c;
}

static void cell_drop(interp *in, obj *o)
{
    value_unref(in, ((cell *)(void *)o)->v);
}

static void cell_visit(obj *o, visitor f, void *ctx)
{
    f(((cell *)(void *)o)->v, ctx);
}

static value cell_contents(interp *in, const value *arg)
{
    value v = ((cell *)(void *)arg[0].o)->v;
    return is_fail(v) ? throw(in, ValueError, "Cell is empty") : value_ref(v);
}

static value set_contents(interp *in, const value *arg)
{
    cell *c = (cell *)(void *)arg[0].o;
    value old = c->v;
    c->v = value_ref(arg[1]);
    value_unref(in, old);
    return NONE;
}

static const builtin cell_table[] = {
    {"@property cell_contents", cell_contents, NULL},
    {"@setter cell_contents", set_contents, NULL},
    {0},
};

const type T_cell = {
    TYPE_HEAD,
    .name = "cell",
    .module = "builtins",
    .size = sizeof(cell),
    .flags = TYPE_GC,
    .table = cell_table,
    .drop = cell_drop,
    .visit = cell_visit,
    .hash = object_hash,
    .compare = object_compare,
};

/* ---- functions ---- */

func *func_new(interp *in, link *l, dict *globals)
{
    func *f = obj_new(in, &T_function, 0);
    if (!f) return NULL;
    f->link = link_ref(l);
    f->globals = obj_ref(globals);
    f->name = obj_ref(l->name);
    f->qualname = obj_ref(l->qualname);
    const bytecode *c = l->code;
    f->doc = c->doc ? v_obj(str_new(in, c->doc, c->doc_n)) : NONE;
    value m;
    f->module = dict_get_str(in, globals, in->name.__name__, &m) == 1 ? value_ref(m) : NONE;
    return f;
}

static void func_drop(interp *in, obj *o)
{
    func *f = (func *)(void *)o;
    link_unref(in, f->link);
    obj_unref(in, f->globals);
    obj_unref(in, f->defaults);
    obj_unref(in, f->closure);
    obj_unref(in, f->kwdefaults);
    obj_unref(in, f->annotations);
    obj_unref(in, f->name);
    obj_unref(in, f->qualname);
    value_unref(in, f->doc);
    value_unref(in, f->module);
}

static void func_visit(obj *o, visitor f, void *ctx)
{
    func *x = (func *)(void *)o;
    if (x->globals) f(OBJ(x->globals), ctx);
    if (x->defaults) f(OBJ(x->defaults), ctx);
    if (x->closure) f(OBJ(x->closure), ctx);
    if (x->kwdefaults) f(OBJ(x->kwdefaults), ctx);
    if (x->annotations) f(OBJ(x->annotations), ctx);
    f(x->doc, ctx);
    f(x->module, ctx);
}

static value func_repr(interp *in, value self)
{
    return v_obj(str_fmt(in, "<function %s at %p>", as_func(self)->qualname->at, (void *)self.o));
}

static value func_get(interp *in, value self, value inst, const type *owner)
{
    (void)owner;
    return is_fail(inst) ? value_ref(self) : method_new(in, self, inst);
}

static value func_slot_call(interp *in, value self, const value *arg, size_t npos, tuple *kwnames)
{
    return func_call(in, as_func(self), arg, npos, kwnames);
}

static value or_none(void *p)
{
    return p ? v_obj(obj_ref(p)) : NONE;
}

static value f_name(interp *in, const value *arg)
{
    (void)in;
    return v_obj(obj_ref(as_func(arg[0])->name));
}

static value put_str(interp *in, str **at, value v, const char *what)
{
    if (!as_str(v)) return throw(in, TypeError, "%s must be set to a string object", what);
    str *old = *at;
    *at = obj_ref(as_str(v));
    obj_unref(in, old);
    return NONE;
}

static value f_set_name(interp *in, const value *arg)
{
    return put_str(in, &as_func(arg[0])->name, arg[1], "__name__");
}

static value f_qualname(interp *in, const value *arg)
{
    (void)in;
    return v_obj(obj_ref(as_func(arg[0])->qualname));
}

static value f_set_qualname(interp *in, const value *arg)
{
    return put_str(in, &as_func(arg[0])->qualname, arg[1], "__qualname__");
}

static value f_doc(interp *in, const value *arg)
{
    (void)in;
    return value_ref(as_func(arg[0])->doc);
}

static value put(interp *in, value *at, value v)
{
    value old = *at;
    *at = is_fail(v) ? NONE : value_ref(v);
    value_unref(in, old);
    return NONE;
}

static value f_set_doc(interp *in, const value *arg)
{
    return put(in, &as_func(arg[0])->doc, arg[1]);
}

static value f_module(interp *in, const value *arg)
{
    (void)in;
    return value_ref(as_func(arg[0])->module);
}

static value f_set_module(interp *in, const value *arg)
{
    return put(in, &as_func(arg[0])->module, arg[1]);
}

static value f_defaults(interp *in, const value *arg)
{
    (void)in;
    return or_none(as_func(arg[0])->defaults);
}

static value f_set_defaults(interp *in, const value *arg)
{
    func *f = as_func(arg[0]);
    tuple *t = is_none(arg[1]) || is_fail(arg[1]) ? NULL : as_tuple(arg[1]), *old = f->defaults;
    if (!t && !is_none(arg[1]) && !is_fail(arg[1])) {
        return throw(in, TypeError, "__defaults__ must be set to a tuple object");
    }
    f->defaults = obj_ref(t);
    obj_unref(in, old);
    return NONE;
}

static value f_kwdefaults(interp *in, const value *arg)
{
    (void)in;
    return or_none(as_func(arg[0])->kwdefaults);
}

static value f_set_kwdefaults(interp *in, const value *arg)
{
    func *f = as_func(arg[0]);
    bool none = is_none(arg[1]) || is_fail(arg[1]);
    dict *d = none ? NULL : as_dict(arg[1]), *old = f->kwdefaults;
    if (!d && !none) return throw(in, TypeError, "__kwdefaults__ must be set to a dict object");
    f->kwdefaults = obj_ref(d);
    obj_unref(in, old);
    return NONE;
}

static value f_annotations(interp *in, const value *arg)
{
    func *f = as_func(arg[0]);
    if (!f->annotations) f->annotations = dict_new(in);
    return v_obj(obj_ref(f->annotations));
}

static value f_set_annotations(interp *in, const value *arg)
{
    func *f = as_func(arg[0]);
    dict *d = as_dict(arg[1]), *old = f->annotations;
    if (!d && !is_none(arg[1]) && !is_fail(arg[1])) {
        return throw(in, TypeError, "__annotations__ must be set to a dict object");
    }
    f->annotations = obj_ref(d);
    obj_unref(in, old);
    return NONE;
}

static value f_closure(interp *in, const value *arg)
{
    (void)in;
    return or_none(as_func(arg[0])->closure);
}

static value f_globals(interp *in, const value *arg)
{
    (void)in;
    return v_obj(obj_ref(as_func(arg[0])->globals));
}

static value f_code(interp *in, const value *arg)
{
    return code_value(in, as_func(arg[0])->link);
}

static value f_set_code(interp *in, const value *arg)
{
    link *l = code_of_value(arg[1]);
    func *f = as_func(arg[0]);
    if (!l) return throw(in, TypeError, "__code__ must be set to a code object");
    link *old = f->link;
    f->link = link_ref(l);
    frame *runs = NULL; /* the outermost; generators count theirs */
    for (frame *x = in->frame; x; x = x->back)
        if (x->link == old && !(x->flags & FRAME_GEN)) runs = x;
    if (runs && !(runs->flags & FRAME_LINK))
        runs->flags |= FRAME_LINK;
    else
        link_unref(in, old);
    return NONE;
}

static value get_builtins(interp *in, const value *arg)
{
    (void)arg;
    return v_obj(obj_ref(in->builtins));
}

static const builtin func_table[] = {
    {"@property __name__", f_name, NULL},
    {"@setter __name__", f_set_name, NULL},
    {"@property __qualname__", f_qualname, NULL},
    {"@setter __qualname__", f_set_qualname, NULL},
    {"@property __doc__", f_doc, NULL},
    {"@setter __doc__", f_set_doc, NULL},
    {"@property __module__", f_module, NULL},
    {"@setter __module__", f_set_module, NULL},
    {"@property __defaults__", f_defaults, NULL},
    {"@setter __defaults__", f_set_defaults, NULL},
    {"@property __kwdefaults__", f_kwdefaults, NULL},
    {"@setter __kwdefaults__", f_set_kwdefaults, NULL},
    {"@property __annotations__", f_annotations, NULL},
    {"@setter __annotations__", f_set_annotations, NULL},
    {"@property __closure__", f_closure, NULL},
    {"@property __globals__", f_globals, NULL},
    {"@property __builtins__", get_builtins, NULL},
    {"@property __code__", f_code, NULL},
    {"@setter __code__", f_set_code, NULL},
    {0},
};

const type T_function = {
    TYPE_HEAD,
    .name = "function",
    .module = "builtins",
    .size = sizeof(func),
    .flags = TYPE_GC | TYPE_DICT,
    .table = func_table,
    .drop = func_drop,
    .visit = func_visit,
    .repr = func_repr,
    .call = func_slot_call,
    .get = func_get,
    .hash = object_hash,
    .compare = object_compare,
};

/* ---- methods ---- */

value method_new(interp *in, value f, value self)
{
    method *m = obj_new(in, &T_method, 0);
    if (!m) return FAIL;
    m->f = value_ref(f);
    m->self = value_ref(self);
    return v_obj(m);
}

static method *as_method(value v)
{
    return (method *)(void *)v.o;
}

static void method_drop(interp *in, obj *o)
{
    method *m = (method *)(void *)o;
    value_unref(in, m->f);
    value_unref(in, m->self);
}

static void method_visit(obj *o, visitor f, void *ctx)
{
    f(((method *)(void *)o)->f, ctx);
    f(((method *)(void *)o)->self, ctx);
}

static value method_call(interp *in, value self, const value *arg, size_t npos, tuple *kwnames)
{
    size_t all = npos + (kwnames ? (size_t)kwnames->n : 0);
    value few[8], *a = all < 8 ? few : mem_alloc((all + 1) * sizeof *a);
    a[0] = as_method(self)->self;
    if (all) memcpy(a + 1, arg, all * sizeof *a);
    value r = value_call(in, as_method(self)->f, a, npos + 1, kwnames);
    if (a != few) mem_free(a);
    return r;
}

static value method_repr(interp *in, value self)
{
    method *m = as_method(self);
    func *f = as_func(m->f);
    str *s = value_repr(in, m->self);
    if (!s) return FAIL;
    value r = v_obj(str_fmt(in, "<bound method %s of %s>", f ? f->qualname->at : "?", s->at));
    obj_unref(in, s);
    return r;
}

static value method_compare(interp *in, enum cmpop op, value self, value other)
{
    if ((op != OP_EQ && op != OP_NE) || other.kind != V_OBJ || other.o->type != &T_method) {
        return NOTIMPL;
    }
    (void)in;
    bool same = value_same(as_method(self)->f, as_method(other)->f) &&
                value_same(as_method(self)->self, as_method(other)->self);
    return v_bool(same == (op == OP_EQ));
}

static bool method_hash(interp *in, value self, uint64_t *out)
{
    (void)in;
    *out = (uint64_t)(uintptr_t)as_method(self)->f.o >> 4 ^ (uint64_t)as_method(self)->self.i;
    return true;
}

/* what the method does not have itself, its function has */
static value method_getattr(interp *in, value self, str *name)
{
    value v = type_lookup(in, &T_method, name);
    if (!is_fail(v) && type_of(in, v) == &T_getset) return generic_getattr(in, self, name);
    value inner = type_lookup(in, &T_object, name);
    if (!is_fail(inner) && !str_is(name, "__doc__")) return generic_getattr(in, self, name);
    return value_getattr(in, as_method(self)->f, name);
}

static value m_self(interp *in, const value *arg)
{
    (void)in;
    return value_ref(as_method(arg[0])->self);
}

static value m_func(interp *in, const value *arg)
{
    (void)in;
    return value_ref(as_method(arg[0])->f);
}

static const builtin method_table[] = {
    {"@property __self__", m_self, NULL},
    {"@property __func__", m_func, NULL},
    {0},
};

const type T_method = {
    TYPE_HEAD,
    .name = "method",
    .module = "builtins",
    .size = sizeof(method),
    .flags = TYPE_GC,
    .table = method_table,
    .drop = method_drop,
    .visit = method_visit,
    .repr = method_repr,
    .call = method_call,
    .getattr = method_getattr,
    .compare = method_compare,
    .hash = method_hash,
};

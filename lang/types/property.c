/* lang/types/property.c - property, staticmethod, classmethod, super. */
#include <string.h>

#include "engine/base/mem.h"
#include "lang/exc.h"
#include "lang/types/dunder.h"
#include "lang/types/func.h"
#include "lang/types/klass.h"

#define OBJ(p) ((value){.kind = V_OBJ, .o = &(p)->hdr})

/* ---- staticmethod, classmethod ---- */

static wrapper *as_wrapper(value v)
{
    return (wrapper *)(void *)v.o;
}

value wrapper_new(interp *in, const type *t, value f)
{
    wrapper *w = obj_new(in, t, 0);
    if (w) w->f = value_ref(f);
    return v_obj(w);
}

static value wrapper_make(interp *in, const type *cls, const value *arg, size_t npos,
                          tuple *kwnames)
{
    if (npos != 1 || kwnames) {
        return throw(in, TypeError, "%s expected 1 argument, got %zu", cls->name, npos);
    }
    return wrapper_new(in, cls, arg[0]);
}

static void wrapper_drop(interp *in, obj *o)
{
    value_unref(in, ((wrapper *)(void *)o)->f);
}

static void wrapper_visit(obj *o, visitor f, void *ctx)
{
    f(((wrapper *)(void *)o)->f, ctx);
}

static value static_get(interp *in, value self, value inst, const type *owner)
{
    (void)in, (void)inst, (void)owner;
    return value_ref(as_wrapper(self)->f);
}

static value static_call(interp *in, value self, const value *arg, size_t npos, tuple *kwnames)
{
    return value_call(in, as_wrapper(self)->f, arg, npos, kwnames);
}

static value class_get(interp *in, value self, value inst, const type *owner)
{
    value f = as_wrapper(self)->f;
    value cls = (value){.kind = V_OBJ, .o = (obj *)(uintptr_t)(owner ? owner : type_of(in, inst))};
    cfunction *c = as_cfunction(f);
    if (c) {
        value v = cfunc_new(in, c->row, cls);
        if (!is_fail(v)) {
            as_cfunction(v)->owner = c->owner;
            as_cfunction(v)->sig = c->sig;
        }
        return v;
    }
    if (!as_func(f) && type_of(in, f)->get)
        return type_of(in, f)->get(in, f, cls, type_of(in, cls));
    return method_new(in, f, cls);
}

static value wrapper_repr(interp *in, value self)
{
    str *s = value_repr(in, as_wrapper(self)->f);
    value r = s ? v_obj(str_fmt(in, "<%s(%s)>", self.o->type->name, s->at)) : FAIL;
    obj_unref(in, s);
    return r;
}

static value wrapped(interp *in, const value *arg)
{
    (void)in;
    return value_ref(as_wrapper(arg[0])->f);
}

static value wrapper_abstract(interp *in, const value *arg)
{
    value v;
    int r = value_findattr(in, as_wrapper(arg[0])->f, "__isabstractmethod__", &v);
    return r < 0 ? FAIL : r ? v : v_bool(false);
}

/* __name__, __doc__ ... are the function's */
static value wrapper_getattr(interp *in, value self, str *name)
{
    value v = type_lookup(in, self.o->type, name);
    if (str_is(name, "__doc__") || str_is(name, "__name__") || str_is(name, "__qualname__") ||
        str_is(name, "__module__")) {
        return value_getattr(in, as_wrapper(self)->f, name);
    }
    (void)v;
    return generic_getattr(in, self, name);
}

static const builtin wrapper_table[] = {
    {"@property __func__", wrapped, NULL},
    {"@property __wrapped__", wrapped, NULL},
    {"@property __isabstractmethod__", wrapper_abstract, NULL},
    {0},
};

#define WRAPPER_SLOTS                                                                              \
    .module = "builtins", .size = sizeof(wrapper), .flags = TYPE_GC | TYPE_BASE | TYPE_DICT,       \
    .table = wrapper_table, .drop = wrapper_drop, .visit = wrapper_visit, .make = wrapper_make,    \
    .repr = wrapper_repr, .hash = object_hash, .compare = object_compare,                          \
    .getattr = wrapper_getattr

const type T_staticmethod = {TYPE_HEAD, .name = "staticmethod", WRAPPER_SLOTS, .get = static_get,
                             .call = static_call};
const type T_classmethod = {TYPE_HEAD, .name = "classmethod", WRAPPER_SLOTS, .get = class_get};

/* ---- property ---- */

static property *as_property(value v)
{
    return (property *)(void *)v.o;
}

static value property_make(interp *in, const type *cls, const value *arg, size_t npos,
                           tuple *kwnames)
{
    value a[4];
    if (!args_bind(in, "property(fget=None, fset=None, fdel=None, doc=None)", arg, npos, kwnames, a,
                   4)) {
        return FAIL;
    }
    property *p = obj_new(in, cls, 0);
    if (p) {
        p->get = value_ref(a[0]);
        p->set = value_ref(a[1]);
        p->del = value_ref(a[2]);
        p->doc = value_ref(a[3]);
        value d;
        if (is_none(p->doc) && !is_none(p->get) && value_findattr(in, p->get, "__doc__", &d) == 1) {
            p->doc = d;
        }
    }
    args_clear(in, a, 4);
    return v_obj(p);
}

static void property_drop(interp *in, obj *o)
{
    property *p = (property *)(void *)o;
    value_unref(in, p->get);
    value_unref(in, p->set);
    value_unref(in, p->del);
    value_unref(in, p->doc);
    obj_unref(in, p->name);
}

static void property_visit(obj *o, visitor f, void *ctx)
{
    property *p = (property *)(void *)o;
    f(p->get, ctx);
    f(p->set, ctx);
    f(p->del, ctx);
    f(p->doc, ctx);
}

static value property_get(interp *in, value self, value inst, const type *owner)
{
    (void)owner;
    property *p = as_property(self);
    if (is_fail(inst)) return value_ref(self);
    if (!is_none(p->get)) return call_n(in, p->get, 1, inst);
    str *q = value_isa(in, inst, &T_type) ? NULL : str_of(in, type_of(in, inst)->name);
    throw(in, AttributeError,
          p->name ? "property '%s' of '%s' object has no getter"
                  : "property%s of '%s' object has no getter",
          p->name ? p->name->at : "", q ? q->at : "type");
    obj_unref(in, q);
    return FAIL;
}

/* The class of the library that stands for one of C, and has the property as a plain attribute. */
static const type *has_as_member(interp *in, value inst, property *p)
{
    const klass *k = as_klass(type_of(in, inst));
    for (; k; k = k->bases->n ? as_klass(as_type(k->bases->at[0])) : NULL) {
        if (!value_same(dict_peek(in, k->dict, p->name->at), OBJ(p))) continue;
        return is_fail(dict_peek(in, k->dict, "__tp_prefix__")) ? NULL : &k->t;
    }
    return NULL;
}

static bool property_set(interp *in, value self, value inst, value to)
{
    property *p = as_property(self);
    value f = is_fail(to) ? p->del : p->set;
    if (is_none(f)) {
        const char *what = is_fail(to) ? "deleter" : "setter";
        const type *shown = p->name ? has_as_member(in, inst, p) : NULL;
        if (shown) {
            throw(in, AttributeError, "attribute '%s' of '" TYPE_FMT "' objects is not writable",
                  p->name->at, TYPE_ARG(shown));
        } else if (p->name) {
            throw(in, AttributeError, "property '%s' of '%s' object has no %s", p->name->at,
                  type_of(in, inst)->name, what);
        } else {
            throw(in, AttributeError, "property of '%s' object has no %s", type_of(in, inst)->name,
                  what);
        }
        return false;
    }
    value r = is_fail(to) ? call_n(in, f, 1, inst) : call_n(in, f, 2, inst, to);
    value_unref(in, r);
    return !is_fail(r);
}

static value with(interp *in, const value *arg, int which)
{
    property *p = as_property(arg[0]);
    value a[4] = {p->get, p->set, p->del, p->doc};
    a[which] = arg[1];
    value v = property_make(in, arg[0].o->type, a, 4, NULL);
    if (!is_fail(v)) as_property(v)->name = obj_ref(p->name);
    return v;
}

static value p_getter(interp *in, const value *arg)
{
    return with(in, arg, 0);
}

static value p_setter(interp *in, const value *arg)
{
    return with(in, arg, 1);
}

static value p_deleter(interp *in, const value *arg)
{
    return with(in, arg, 2);
}

static value p_set_name(interp *in, const value *arg)
{
    property *p = as_property(arg[0]);
    obj_unref(in, p->name);
    p->name = obj_ref(as_str(arg[2]));
    return NONE;
}

#define READ(field)                                                                                \
    static value p_##field(interp *in, const value *arg)                                           \
    {                                                                                              \
        (void)in;                                                                                  \
        return value_ref(as_property(arg[0])->field);                                              \
    }
READ(get)
READ(set)
READ(del)
READ(doc)

static value p_set_doc(interp *in, const value *arg)
{
    value old = as_property(arg[0])->doc;
    as_property(arg[0])->doc = value_ref(arg[1]);
    value_unref(in, old);
    return NONE;
}

static value p_abstract(interp *in, const value *arg)
{
    value v;
    int r = value_findattr(in, as_property(arg[0])->get, "__isabstractmethod__", &v);
    return r < 0 ? FAIL : r ? v : v_bool(false);
}

static const builtin property_table[] = {
    {"getter(self, fget, /)", p_getter, NULL},
    {"setter(self, fset, /)", p_setter, NULL},
    {"deleter(self, fdel, /)", p_deleter, NULL},
    {"__set_name__(self, owner, name, /)", p_set_name, NULL},
    {"@property fget", p_get, NULL},
    {"@property fset", p_set, NULL},
    {"@property fdel", p_del, NULL},
    {"@property __doc__", p_doc, NULL},
    {"@setter __doc__", p_set_doc, NULL},
    {"@property __isabstractmethod__", p_abstract, NULL},
    {0},
};

const type T_property = {
    TYPE_HEAD,
    .name = "property",
    .module = "builtins",
    .size = sizeof(property),
    .flags = TYPE_GC | TYPE_BASE,
    .table = property_table,
    .drop = property_drop,
    .visit = property_visit,
    .make = property_make,
    .get = property_get,
    .set = property_set,
    .hash = object_hash,
    .compare = object_compare,
};

/* ---- super ---- */

typedef struct super {
    obj hdr;
    const type *cls;   /* look behind this one */
    value self;        /* FAIL: unbound */
    const type *owner; /* the class whose MRO is walked */
} super;

/* super() without arguments: the first parameter and __class__ of the running function */
static bool from_frame(interp *in, const type **cls, value *self)
{
    frame *f = in->frame;
    const bytecode *c = f ? f->link->code : NULL;
    if (!c || c->argcount == 0) {
        throw(in, RuntimeError, c ? "super(): no arguments" : "super(): no current frame");
        return false;
    }
    *self = f->r[0];
    if (self->kind == V_OBJ && self->o->type == &T_cell) *self = ((cell *)(void *)self->o)->v;
    if (is_fail(*self)) {
        throw(in, RuntimeError, "super(): arg[0] deleted");
        return false;
    }
    value v = c->self_class < 0 || !f->closure
                  ? FAIL
                  : ((cell *)(void *)f->closure->at[c->self_class].o)->v;
    *cls = as_type(v);
    if (!*cls) {
        throw(in, RuntimeError,
              c->self_class < 0 ? "super(): __class__ cell not found"
                                : "super(): empty __class__ cell");
        return false;
    }
    return true;
}

static value super_make(interp *in, const type *t, const value *arg, size_t npos, tuple *kwnames)
{
    if (kwnames && kwnames->n) return throw(in, TypeError, "super() takes no keyword arguments");
    if (npos > 2)
        return throw(in, TypeError, "super() expected at most 2 arguments, got %zu", npos);
    const type *cls = NULL, *owner = NULL;
    value self = npos == 2 ? arg[1] : FAIL;
    if (npos == 0) {
        if (!from_frame(in, &cls, &self)) return FAIL;
    } else if (!(cls = as_type(arg[0]))) {
        return throw(in, TypeError, "super() argument 1 must be a type, not %s",
                     type_of(in, arg[0])->name);
    }
    if (!is_fail(self)) {
        const type *own = as_type(self);
        owner = own && type_is_sub(own, cls) ? own : type_of(in, self);
        if (!type_is_sub(owner, cls)) {
            return throw(in, TypeError,
                         "super(type, obj): obj must be an instance or subtype of type");
        }
    }
    super *s = obj_new(in, t, 0);
    if (!s) return FAIL;
    s->cls = obj_ref((void *)(uintptr_t)cls);
    s->self = value_ref(self);
    s->owner = obj_ref((void *)(uintptr_t)owner);
    return v_obj(s);
}

static void super_drop(interp *in, obj *o)
{
    super *s = (super *)(void *)o;
    obj_unref(in, (void *)(uintptr_t)s->cls);
    obj_unref(in, (void *)(uintptr_t)s->owner);
    value_unref(in, s->self);
}

static void super_visit(obj *o, visitor f, void *ctx)
{
    super *s = (super *)(void *)o;
    if (s->cls) f((value){.kind = V_OBJ, .o = (obj *)(uintptr_t)s->cls}, ctx);
    if (s->owner) f((value){.kind = V_OBJ, .o = (obj *)(uintptr_t)s->owner}, ctx);
    f(s->self, ctx);
}

static value super_getattr(interp *in, value self, str *name)
{
    super *s = (super *)(void *)self.o;
    uint32_t n = 0, i = 0;
    const type *const *mro = s->owner ? type_mro(in, s->owner, &n) : NULL;
    while (i < n && mro[i] != s->cls) i++;
    for (i++; i < n && !str_is(name, "__class__"); i++) {
        value v;
        if (dict_get_str(in, type_attrs(in, mro[i]), name, &v) != 1) continue;
        const type *t = type_of(in, v);
        bool of_class = as_type(s->self) == s->owner;
        return t->get ? t->get(in, v, of_class ? FAIL : s->self, s->owner) : value_ref(v);
    }
    value v = type_lookup(in, &T_super, name);
    if (!is_fail(v)) return generic_getattr(in, self, name);
    return throw_attribute(in, self, name, "'%s' object has no attribute '%s'", "super");
}

static value super_repr(interp *in, value self)
{
    super *s = (super *)(void *)self.o;
    return v_obj(str_fmt(in, "<super: <class '%s'>, %s%s%s>", s->cls->name, s->owner ? "<" : "NULL",
                         s->owner ? s->owner->name : "", s->owner ? " object>" : ""));
}

const type T_super = {
    TYPE_HEAD,
    .name = "super",
    .module = "builtins",
    .size = sizeof(super),
    .flags = TYPE_GC | TYPE_BASE,
    .drop = super_drop,
    .visit = super_visit,
    .make = super_make,
    .repr = super_repr,
    .getattr = super_getattr,
    .hash = object_hash,
    .compare = object_compare,
};

/* lang/types/object.c - `object`: what every class can do, and instances of user classes. */
#include <string.h>

#include "engine/base/mem.h"
#include "engine/base/str.h"
#include "lang/exc.h"
#include "lang/types/dunder.h"
#include "lang/types/func.h"
#include "lang/types/klass.h"

bool object_hash(interp *in, value self, uint64_t *out)
{
    (void)in;
    uintptr_t p = (uintptr_t)self.o;
    *out = p >> 4 | p << 60;
    return true;
}

value object_compare(interp *in, enum cmpop op, value self, value other)
{
    if (op == OP_EQ) return value_same(self, other) ? v_bool(true) : NOTIMPL;
    if (op != OP_NE) return NOTIMPL;
    const type *t = type_of(in, self);
    value r = t->compare ? t->compare(in, OP_EQ, self, other) : NOTIMPL;
    if (is_fail(r) || is_notimpl(r)) return r;
    int yes = value_truth(in, r);
    value_unref(in, r);
    return yes < 0 ? FAIL : v_bool(!yes);
}

value object_repr(interp *in, value self)
{
    str *name = type_fullname(in, type_of(in, self));
    if (!name) return FAIL;
    value r = v_obj(str_fmt(in, "<%s object at %p>", name->at, (void *)self.o));
    obj_unref(in, name);
    return r;
}

dict *obj_dict(interp *in, obj *o, bool make)
{
    if (o->type == &T_module) return module_dict((module *)(void *)o);
    if (!(o->flags & OBJ_DICT)) return NULL;
    klass *k = as_klass(o->type);
    if (k && k->sealed) return NULL;
    dict_head *h = obj_head(o);
    if (!h->dict && make && !(o->flags & OBJ_FROZEN)) h->dict = dict_new(in);
    return h->dict;
}

/* A bare instance; abstract classes refuse. */
value object_new(interp *in, const type *cls, bool args)
{
    klass *k = as_klass(cls);
    if (!k) return v_obj(obj_new(in, cls, 0));
    if (args && is_fail(k->init) && !is_fail(k->new_)) {
        return throw(in, TypeError,
                     "object.__new__() takes exactly one argument (the type to instantiate)");
    }
    if (args && is_fail(k->init)) return throw(in, TypeError, "%s() takes no arguments", cls->name);
    if (k->abstract) return throw_abstract(in, k);
    return v_obj(obj_new(in, cls, 0));
}

static value make(interp *in, const type *cls, const value *arg, size_t npos, tuple *kwnames)
{
    (void)arg;
    bool args = npos || (kwnames && kwnames->n);
    if (cls == &T_object && args) return throw(in, TypeError, "object() takes no arguments");
    return object_new(in, cls, args);
}

static value get_class(interp *in, const value *arg)
{
    return v_type(type_of(in, arg[0]));
}

static value set_class(interp *in, const value *arg)
{
    const type *t = as_type(arg[1]);
    if (!t)
        return throw(in, TypeError, "__class__ must be set to a class, not '%s' object",
                     type_of(in, arg[1])->name);
    klass *k = as_klass(t), *old = arg[0].kind == V_OBJ ? as_klass(arg[0].o->type) : NULL;
    if (!k || !old) {
        return throw(
            in, TypeError,
            "__class__ assignment only supported for mutable types or ModuleType subclasses");
    }
    if (k->native != old->native || k->t.size != old->t.size) {
        return throw(in, TypeError, "__class__ assignment: '%s' object layout differs from '%s'",
                     k->t.name, old->t.name);
    }
    klass_describes(in, &old->t, t);
    arg[0].o->type = obj_ref(k);
    obj_unref(in, old);
    return NONE;
}

static value get_dict(interp *in, const value *arg)
{
    dict *d = arg[0].kind == V_OBJ ? obj_dict(in, arg[0].o, true) : NULL;
    if (!d && throwing(in)) return FAIL;
    if (!d) return throw_attr(in, arg[0], in->name.__dict__);
    return v_obj(obj_ref(d));
}

static value set_dict(interp *in, const value *arg)
{
    dict *d = as_dict(arg[1]);
    if (!d)
        return throw(in, TypeError, "__dict__ must be set to a dictionary, not a '%s'",
                     type_of(in, arg[1])->name);
    if (!obj_dict(in, arg[0].o, true)) return throw_attr(in, arg[0], in->name.__dict__);
    if (arg[0].o->type == &T_module) return throw(in, AttributeError, "readonly attribute");
    dict_head *h = obj_head(arg[0].o);
    obj_unref(in, h->dict);
    h->dict = obj_ref(d);
    return NONE;
}

static bool add_keys(interp *in, set *s, dict *d)
{
    value k, v;
    for (int64_t i = 0; d && dict_next(d, &i, &k, &v);) {
        if (!set_add(in, s, k)) return false;
    }
    return true;
}

/* __dict__, which is object's here, belongs to what has one; user classes add __weakref__. */
static bool add_layout(interp *in, set *s, const type *t)
{
    const klass *k = as_klass(t);
    bool with = k ? !k->sealed : t->flags & TYPE_DICT || t == &T_type;
    if (!with && set_discard(in, s, (value){.kind = V_OBJ, .o = &in->name.__dict__->hdr}) < 0)
        return false;
    if (!k || k->sealed) return true;
    const type *native = k->native;
    if (native == &T_int || native == &T_tuple || native == &T_bytes || native == &T_type)
        return true;
    str *name = str_intern(in, "__weakref__", 11);
    bool ok = name && set_add(in, s, (value){.kind = V_OBJ, .o = &name->hdr});
    obj_unref(in, name);
    return ok;
}

/* dir(v): sorted names of the instance, its class and their bases */
list *object_dir(interp *in, value v)
{
    set *s = set_new(in, false);
    const type *cls = as_type(v), *t = cls ? cls : type_of(in, v);
    bool ok = s != NULL;
    uint32_t n;
    const type *const *mro = type_mro(in, t, &n);
    for (uint32_t i = 0; ok && i < n; i++) ok = add_keys(in, s, type_attrs(in, mro[i]));
    if (ok && !cls && v.kind == V_OBJ) ok = add_keys(in, s, obj_dict(in, v.o, false));
    if (ok) ok = add_layout(in, s, t);
    list *l = ok ? list_of(in, (value){.kind = V_OBJ, .o = &s->hdr}) : NULL;
    obj_unref(in, s);
    if (l && !list_sort(in, l, FAIL, false)) {
        obj_unref(in, l);
        return NULL;
    }
    return l;
}

static value init_subclass(interp *in, const value *arg)
{
    (void)in, (void)arg;
    return NONE;
}

static value subclasshook(interp *in, const value *arg)
{
    (void)in, (void)arg;
    return NOTIMPL;
}

static value size_of(interp *in, const value *arg)
{
    return v_int(type_of(in, arg[0])->size);
}

value newargs_of(interp *in, const type *t, value self)
{
    return v_obj(tuple_pack(in, 1, call_n(in, v_type(t), 1, self)));
}

/* Has a class between t and object an entry of that name? */
static bool says(interp *in, const type *t, const char *name)
{
    str *s = str_intern(in, name, strlen(name));
    bool own = s && !value_same(type_lookup(in, t, s), type_lookup(in, &T_object, s));
    obj_unref(in, s);
    return own;
}

/* An instance that keeps all it has in its dict. */
static bool is_plain_instance(interp *in, value v)
{
    static const char *const hooks[] = {"__getnewargs_ex__", "__getnewargs__", "__slots__"};
    const klass *k = v.kind == V_OBJ ? as_klass(v.o->type) : NULL;
    if (!k || k->native != &T_object) return false;
    for (size_t i = 0; i < sizeof hooks / sizeof *hooks; i++)
        if (says(in, &k->t, hooks[i])) return false;
    return true;
}

static value getstate(interp *in, const value *arg)
{
    if (is_plain_instance(in, arg[0])) {
        dict *d = obj_dict(in, arg[0].o, false);
        return d && d->n ? value_ref((value){.kind = V_OBJ, .o = &d->hdr}) : NONE;
    }
    value library = interp_import(in, "copyreg");
    value v = is_fail(library) ? FAIL : call_method(in, library, "_getstate", 1, arg[0]);
    value_unref(in, library);
    return v;
}

/* (copyreg.__newobj__, (cls,), state, None, None) */
static value reduce_plain(interp *in, value library, value self)
{
    value make = value_getattr_c(in, library, "__newobj__");
    value state = is_fail(make) ? FAIL : call_method(in, self, "__getstate__", 0);
    tuple *args = is_fail(state) ? NULL : tuple_pack(in, 1, v_type(type_of(in, self)));
    if (args) return v_obj(tuple_pack(in, 5, make, v_obj(args), state, NONE, NONE));
    value_unref(in, make), value_unref(in, state);
    return FAIL;
}

/* What copy and pickle make of it, in terms of copyreg. */
static value reduce_ex(interp *in, const value *arg)
{
    if (says(in, type_of(in, arg[0]), "__reduce__"))
        return call_method(in, arg[0], "__reduce__", 0);
    value library = interp_import(in, "copyreg"), v = FAIL;
    bool plain = arg[1].kind == V_INT && arg[1].i >= 2 && is_plain_instance(in, arg[0]);
    if (!is_fail(library))
        v = plain ? reduce_plain(in, library, arg[0])
                  : call_method(in, library, "_reduce", 2, arg[0], arg[1]);
    value_unref(in, library);
    return v;
}

static value reduce(interp *in, const value *arg)
{
    value library = interp_import(in, "copyreg");
    value r = is_fail(library) ? FAIL : call_method(in, library, "_reduce", 2, arg[0], v_int(0));
    value_unref(in, library);
    return r;
}

static const builtin table[] = {
    {"@property __class__", get_class, NULL},
    {"@setter __class__", set_class, NULL},
    {"@property __dict__", get_dict, NULL},
    {"@setter __dict__", set_dict, NULL},
    {"@classmethod __init_subclass__(cls, /)", init_subclass, NULL},
    {"@classmethod __subclasshook__(cls, sub, /)", subclasshook, NULL},
    {"__getstate__(self, /)", getstate, NULL},
    {"__reduce__(self, /)", reduce, "What pickle writes of it."},
    {"__reduce_ex__(self, protocol, /)", reduce_ex, "What pickle writes of it."},
    {"__sizeof__(self, /)", size_of, NULL},
    {0},
};

const type T_object = {
    TYPE_HEAD,
    .name = "object",
    .module = "builtins",
    .doc = "The class that all classes inherit from. Its own instances have no attributes.",
    .size = sizeof(obj),
    .flags = TYPE_BASE,
    .table = table,
    .make = make,
    .repr = object_repr,
    .hash = object_hash,
    .compare = object_compare,
};

/* lang/types/type.c - classes as objects: what a type knows, method resolution, attributes.
 *
 * A builtin type is const; what an interpreter needs beyond its slots (namespace, MRO) hangs
 * in a typeinfo made on first use. */
#include <string.h>

#include "engine/base/mem.h"
#include "engine/base/str.h"
#include "lang/exc.h"
#include "lang/types/alias.h"
#include "lang/types/dunder.h"
#include "lang/types/func.h"
#include "lang/types/klass.h"

/* ---- which type ---- */

const type *type_of_unboxed(interp *in, value v)
{
    switch (v.kind) {
    case V_INT: return &T_int;
    case V_FLOAT: return &T_float;
    case V_BOOL: return &T_bool;
    case V_NONE: return &T_none;
    case V_SCALAR: return in->scalar[v.aux & 0xff];
    default: return &T_object;
    }
}

bool type_is_sub(const type *t, const type *of)
{
    if (t == of || of == &T_object) return true;
    klass *k = as_klass(t);
    for (uint32_t i = 0; k && i < k->nmro; i++) {
        if (k->mro[i] == of) return true;
    }
    if (k) return false;
    for (; t; t = t->base) {
        if (t == of || (t->base2 && type_is_sub(t->base2, of))) return true;
    }
    return false;
}

bool obj_isa(const obj *o, const type *t)
{
    const type *own = o->type;
    if (!(own->flags & TYPE_HEAP) && !own->base && !own->base2) /* as most builtin types */
        return own == t || t == &T_object;
    return type_is_sub(o->type, t);
}

bool value_isa(interp *in, value v, const type *t)
{
    return type_is_sub(type_of(in, v), t);
}

value v_type(const type *t)
{
    return value_ref((value){.kind = V_OBJ, .o = (obj *)(uintptr_t)&t->hdr});
}

const type *as_type(value v)
{
    if (v.kind != V_OBJ) return NULL;
    const type *t = v.o->type; /* a metaclass is T_type or a user class */
    if (t != &T_type && !(t->flags & TYPE_HEAP && obj_isa(v.o, &T_type))) return NULL;
    return (const type *)(const void *)v.o;
}

/* ---- typeinfo ---- */

static uint32_t type_slot(const interp *in, const type *t)
{
    uint32_t i = (uint32_t)((uintptr_t)t >> 4) * 2654435761u;
    for (i &= in->types_cap - 1; in->types[i] && in->types[i]->type != t;) {
        i = (i + 1) & (in->types_cap - 1);
    }
    return i;
}

static void types_grow(interp *in)
{
    typeinfo **old = in->types;
    uint32_t n = in->types_cap;
    in->types_cap = n ? n * 2 : 64;
    in->types = mem_zero(in->types_cap * sizeof *in->types);
    for (uint32_t i = 0; i < n; i++) {
        if (old[i]) in->types[type_slot(in, old[i]->type)] = old[i];
    }
    mem_free(old);
}

/* base before base2, both before object: enough for the few builtin types with two bases */
static uint32_t add_mro(const type *t, const type **out, uint32_t n)
{
    if (t == &T_object) return n;
    for (uint32_t i = 0; i < n; i++) {
        if (out[i] != t) continue;
        memmove(out + i, out + i + 1, (n - i - 1) * sizeof *out); /* a shared base comes last */
        n--;
    }
    out[n++] = t;
    if (t->base) n = add_mro(t->base, out, n);
    if (t->base2) n = add_mro(t->base2, out, n);
    return n;
}

/* "@property name" -> name, and the kind of row */
static str *row_name(interp *in, const builtin *row, char *kind)
{
    const char *s = row->sig;
    *kind = 'm';
    if (*s == '@') {
        *kind = s[1] == 'p' ? 'p' : s[1] == 'c' ? 'c' : s[2] == 't' ? 's' : 'w'; /* st, se */
        s += strcspn(s, " ");
        s += strspn(s, " ");
    }
    return str_intern(in, s, strcspn(s, "( "));
}

static value row_value(interp *in, const type *t, const builtin *row, char kind, str *name)
{
    if (kind == 'p' || kind == 'w') {
        getset *g = obj_new(in, &T_getset, 0);
        if (!g) return FAIL;
        *(kind == 'p' ? &g->get : &g->set) = row;
        g->owner = t;
        g->name = obj_ref(name);
        return v_obj(g);
    }
    value f = cfunc_new(in, row, FAIL);
    if (is_fail(f)) return FAIL;
    cfunction *c = as_cfunction(f);
    c->owner = t;
    if (kind == 'm') return f;
    value w = wrapper_new(in, kind == 'c' ? &T_classmethod : &T_staticmethod, f);
    value_unref(in, f);
    return w;
}

static bool add_rows(interp *in, dict *d, const type *t, const builtin *row)
{
    for (; row && row->sig; row++) {
        char kind;
        value have;
        str *name = row_name(in, row, &kind);
        if (!name) return false;
        bool ok = true;
        if (kind == 'w' && dict_get_str(in, d, name, &have) == 1 && have.o->type == &T_getset) {
            ((getset *)(void *)have.o)->set = row;
        } else {
            value v = row_value(in, t, row, kind, name);
            ok = !is_fail(v) && dict_set_str(in, d, name, v);
            value_unref(in, v);
        }
        obj_unref(in, name);
        if (!ok) return false;
    }
    return true;
}

static typeinfo *info_new(interp *in, const type *t)
{
    typeinfo *info = mem_zero(sizeof *info);
    const type *mro[64];
    info->type = t;
    info->nmro = add_mro(t, mro, 0);
    mro[info->nmro++] = &T_object;
    info->mro = mem_alloc(info->nmro * sizeof *mro);
    memcpy(info->mro, mro, info->nmro * sizeof *mro);
    if ((in->ntypes + 1) * 2 > in->types_cap) types_grow(in);
    in->types[type_slot(in, t)] = info;
    in->ntypes++;
    in->sure++; /* half of a type would stay so */
    info->attrs = dict_new(in);
    const builtin *own = exc_table(t);
    if (!info->attrs || !dunder_rows(in, info->attrs, t) ||
        !add_rows(in, info->attrs, t, own ? own : t->table)) {
        exc_clear(in);
    }
    in->sure--;
    return info;
}

static typeinfo *info_of(interp *in, const type *t)
{
    if (in->types_cap) {
        typeinfo *i = in->types[type_slot(in, t)];
        if (i) return i;
    }
    return info_new(in, t);
}

dict *type_attrs(interp *in, const type *t)
{
    klass *k = as_klass(t);
    return k ? k->dict : info_of(in, t)->attrs;
}

const type *const *type_mro(interp *in, const type *t, uint32_t *n)
{
    klass *k = as_klass(t);
    if (k) {
        *n = k->nmro;
        return k->mro;
    }
    typeinfo *i = info_of(in, t);
    *n = i->nmro;
    return i->mro;
}

void types_close(interp *in)
{
    for (uint32_t i = 0; i < in->types_cap; i++) {
        typeinfo *t = in->types[i];
        if (!t) continue;
        obj_unref(in, t->attrs);
        mem_free(t->mro);
        mem_free(t);
    }
    mem_free(in->types);
    in->types = NULL;
    in->types_cap = in->ntypes = 0;
}

/* ---- lookup ---- */

static value lookup_slow(interp *in, const type *t, str *name)
{
    uint32_t n;
    const type *const *mro = type_mro(in, t, &n);
    for (uint32_t i = 0; i < n; i++) {
        dict *d = type_attrs(in, mro[i]);
        value v;
        if (d && dict_get_str(in, d, name, &v) == 1) return v;
    }
    return FAIL;
}

value type_lookup(interp *in, const type *t, str *name)
{
    if (!(name->hdr.flags & OBJ_NAME)) {
        str *twin = intern_find(in, name);
        if (!twin) return lookup_slow(in, t, name);
        name = twin;
    }
    klass *k = as_klass(t);
    uint64_t version = k ? k->version : 0;
    uintptr_t h = ((uintptr_t)t >> 4) * 31 ^ ((uintptr_t)name >> 4);
    method_slot *s = &in->method[(h ^ h >> 8) & (NMETHOD - 1)];
    if (s->type == t && s->name == name && s->version == version) return s->val;
    value v = lookup_slow(in, t, name);
    *s = (method_slot){t, name, version, v};
    return v;
}

/* ---- type objects ---- */

static str *type_str(interp *in, const type *t, bool qualified)
{
    klass *k = as_klass(t);
    value m = k ? dict_peek(in, k->dict, "__module__") : FAIL;
    const char *home = k ? (as_str(m) ? as_str(m)->at : "") : t->module;
    const char *name = k ? k->qualname->at : t->name;
    if (!qualified || !home || !*home || strcmp(home, "builtins") == 0) return str_of(in, name);
    return str_fmt(in, "%s.%s", home, name);
}

static value type_repr(interp *in, value self)
{
    str *s = type_str(in, as_type(self), true);
    value v = s ? v_obj(str_fmt(in, "<class '%s'>", s->at)) : FAIL;
    obj_unref(in, s);
    return v;
}

str *type_fullname(interp *in, const type *t)
{
    return type_str(in, t, true);
}

static value bind(interp *in, value attr, value inst, const type *owner)
{
    const type *t = type_of(in, attr);
    return t->get ? t->get(in, attr, inst, owner) : value_ref(attr);
}

static value type_getattr(interp *in, value self, str *name)
{
    const type *t = as_type(self), *meta = self.o->type;
    value m = type_lookup(in, meta, name);
    if (!is_fail(m) && type_of(in, m)->set) return bind(in, m, self, meta);
    value v = type_lookup(in, t, name);
    if (!is_fail(v)) return bind(in, v, FAIL, t);
    if (!is_fail(m)) return bind(in, m, self, meta);
    if (meta->flags & TYPE_HEAP && !is_fail(as_klass(meta)->getattr)) {
        return call_n(in, as_klass(meta)->getattr, 2, self,
                      (value){.kind = V_OBJ, .o = &name->hdr});
    }
    return throw_attribute(in, self, name, "type object '%s' has no attribute '%s'", t->name);
}

static bool type_setattr(interp *in, value self, str *name, value v)
{
    klass *k = as_klass(as_type(self));
    if (!k) {
        throw(in, TypeError, "cannot set '%s' attribute of immutable type '%s'", name->at,
              as_type(self)->name);
        return false;
    }
    if (self.o->flags & OBJ_FROZEN) {
        trap(in, self.o);
        return false;
    }
    value m = type_lookup(in, self.o->type, name);
    if (!is_fail(m) && type_of(in, m)->set) return type_of(in, m)->set(in, m, self, v);
    str *key = str_intern(in, name->at, name->nbyte);
    if (!key) return false;
    bool ok;
    if (is_fail(v)) {
        int found = dict_del(in, k->dict, (value){.kind = V_OBJ, .o = &key->hdr});
        ok = found == 1;
        if (found == 0) {
            throw_attribute(in, self, name, "type object '%s' has no attribute '%s'", k->t.name);
        }
    } else
        ok = dict_set_str(in, k->dict, key, v);
    obj_unref(in, key);
    if (ok) klass_changed(in, k);
    return ok;
}

static value get_name(interp *in, const value *arg)
{
    return v_str(in, as_type(arg[0])->name);
}

static value get_qualname(interp *in, const value *arg)
{
    return v_obj(type_str(in, as_type(arg[0]), false));
}

static value set_str(interp *in, value v, str **at, const char *what, const char *cls)
{
    str *s = as_str(v);
    if (!s) {
        return throw(in, TypeError, "can only assign string to %s.%s, not '%s'", cls, what,
                     type_of(in, v)->name);
    }
    obj_unref(in, *at);
    *at = obj_ref(s);
    return NONE;
}

static value set_name(interp *in, const value *arg)
{
    klass *k = as_klass(as_type(arg[0]));
    if (!k)
        return throw(in, TypeError, "cannot set '__name__' attribute of immutable type '%s'",
                     as_type(arg[0])->name);
    if (is_fail(set_str(in, arg[1], &k->name, "__name__", k->t.name))) return FAIL;
    k->t.name = k->name->at;
    return NONE;
}

static value set_qualname(interp *in, const value *arg)
{
    klass *k = as_klass(as_type(arg[0]));
    if (!k)
        return throw(in, TypeError, "cannot set '__qualname__' attribute of immutable type '%s'",
                     as_type(arg[0])->name);
    return set_str(in, arg[1], &k->qualname, "__qualname__", k->t.name);
}

/* __module__ and __doc__ of a class: in its dict, or in the const type */
static value from_dict(interp *in, const type *t, const char *name, const char *builtin_text)
{
    klass *k = as_klass(t);
    if (!k) return builtin_text ? v_str(in, builtin_text) : NONE;
    value v = dict_peek(in, k->dict, name);
    if (is_fail(v)) return NONE;
    return type_of(in, v)->get ? type_of(in, v)->get(in, v, FAIL, t) : value_ref(v);
}

static value to_dict(interp *in, const value *arg, const char *name)
{
    klass *k = as_klass(as_type(arg[0]));
    if (!k) {
        return throw(in, TypeError, "cannot set '%s' attribute of immutable type '%s'", name,
                     as_type(arg[0])->name);
    }
    return dict_put(in, k->dict, name, value_ref(arg[1])) ? NONE : FAIL;
}

static value get_module(interp *in, const value *arg)
{
    return from_dict(in, as_type(arg[0]), "__module__", as_type(arg[0])->module);
}

static value set_module(interp *in, const value *arg)
{
    return to_dict(in, arg, "__module__");
}

static value get_doc(interp *in, const value *arg)
{
    return from_dict(in, as_type(arg[0]), "__doc__", as_type(arg[0])->doc);
}

static value set_doc(interp *in, const value *arg)
{
    return to_dict(in, arg, "__doc__");
}

static value get_bases(interp *in, const value *arg)
{
    const type *t = as_type(arg[0]);
    klass *k = as_klass(t);
    if (k) return v_obj(obj_ref(k->bases));
    if (t == &T_object) return v_obj(tuple_new(in, 0));
    if (t->base2) return v_obj(tuple_pack(in, 2, v_type(t->base), v_type(t->base2)));
    return v_obj(tuple_pack(in, 1, v_type(t->base ? t->base : &T_object)));
}

static value get_base(interp *in, const value *arg)
{
    (void)in;
    const type *t = as_type(arg[0]);
    if (t == &T_object) return NONE;
    return v_type(t->base ? t->base : &T_object);
}

static value get_mro(interp *in, const value *arg)
{
    uint32_t n;
    const type *const *mro = type_mro(in, as_type(arg[0]), &n);
    tuple *t = tuple_new(in, n);
    for (uint32_t i = 0; t && i < n; i++) t->at[i] = v_type(mro[i]);
    return v_obj(t);
}

static value mro_list(interp *in, const value *arg)
{
    value t = get_mro(in, arg);
    list *l = is_fail(t) ? NULL : list_of(in, t);
    value_unref(in, t);
    return v_obj(l);
}

static value get_dict(interp *in, const value *arg)
{
    return mapping_proxy_new(in,
                             (value){.kind = V_OBJ, .o = &type_attrs(in, as_type(arg[0]))->hdr});
}

static value subclasses(interp *in, const value *arg)
{
    list *l = list_new(in, 0);
    const type *t = as_type(arg[0]);
    klass *last = NULL;
    for (klass *k = in->klasses; l && k; k = k->next) last = k;
    for (klass *k = last; l && k; k = k->prev) { /* oldest first */
        for (int64_t i = 0; i < k->bases->n; i++) {
            if (as_type(k->bases->at[i]) == t)
                list_append(in, l, (value){.kind = V_OBJ, .o = &k->t.hdr});
        }
    }
    return v_obj(l);
}

static value instancecheck(interp *in, const value *arg)
{
    return v_bool(value_isa(in, arg[1], as_type(arg[0])));
}

static value subclasscheck(interp *in, const value *arg)
{
    const type *t = as_type(arg[1]);
    if (!t) return throw(in, TypeError, "issubclass() arg 1 must be a class");
    return v_bool(type_is_sub(t, as_type(arg[0])));
}

static value get_annotations(interp *in, const value *arg)
{
    klass *k = as_klass(as_type(arg[0]));
    if (!k)
        return throw(in, AttributeError, "type object '%s' has no attribute '__annotations__'",
                     as_type(arg[0])->name);
    value v = dict_peek(in, k->dict, "__annotations__");
    if (!is_fail(v)) return value_ref(v);
    if (!dict_put(in, k->dict, "__annotations__", v_obj(dict_new(in)))) return FAIL;
    return value_ref(dict_peek(in, k->dict, "__annotations__"));
}

static value set_annotations(interp *in, const value *arg)
{
    klass *k = as_klass(as_type(arg[0]));
    if (!k) {
        return throw(in, TypeError, "cannot set '__annotations__' attribute of immutable type '%s'",
                     as_type(arg[0])->name);
    }
    if (!is_fail(arg[1]))
        return dict_put(in, k->dict, "__annotations__", value_ref(arg[1])) ? NONE : FAIL;
    str *name = str_of(in, "__annotations__");
    int gone = name ? dict_del(in, k->dict, v_obj(name)) : -1;
    obj_unref(in, name);
    return gone < 0 ? FAIL : NONE;
}

static value prepare(interp *in, const value *arg)
{
    (void)arg;
    return v_obj(dict_new(in));
}

static const builtin table[] = {
    {"@property __name__", get_name, NULL},
    {"@setter __name__", set_name, NULL},
    {"@property __qualname__", get_qualname, NULL},
    {"@setter __qualname__", set_qualname, NULL},
    {"@property __module__", get_module, NULL},
    {"@setter __module__", set_module, NULL},
    {"@property __doc__", get_doc, NULL},
    {"@setter __doc__", set_doc, NULL},
    {"@property __bases__", get_bases, NULL},
    {"@property __base__", get_base, NULL},
    {"@property __mro__", get_mro, NULL},
    {"@property __dict__", get_dict, NULL},
    {"@property __annotations__", get_annotations, NULL},
    {"@setter __annotations__", set_annotations, NULL},
    {"mro(self, /)", mro_list, NULL},
    {"__subclasses__(self, /)", subclasses, NULL},
    {"__instancecheck__(self, instance, /)", instancecheck, NULL},
    {"__subclasscheck__(self, subclass, /)", subclasscheck, NULL},
    {"@classmethod __prepare__(cls, *args, **kwargs)", prepare, NULL},
    {0},
};

static void type_drop(interp *in, obj *o)
{
    klass *k = (klass *)(void *)o;
    if (k->next) k->next->prev = k->prev;
    if (k->prev)
        k->prev->next = k->next;
    else if (in->klasses == k)
        in->klasses = k->next;
    obj_unref(in, k->name);
    obj_unref(in, k->qualname);
    obj_unref(in, k->dict);
    for (uint32_t i = 1; i < k->nmro; i++) obj_unref(in, (void *)(uintptr_t)k->mro[i]);
    mem_free(k->mro);
    obj_unref(in, k->bases);
}

static void type_visit(obj *o, visitor f, void *ctx)
{
    klass *k = (klass *)(void *)o;
    if (k->dict) f((value){.kind = V_OBJ, .o = &k->dict->hdr}, ctx);
    if (k->bases) f((value){.kind = V_OBJ, .o = &k->bases->hdr}, ctx);
    for (uint32_t i = 1; i < k->nmro; i++) {
        f((value){.kind = V_OBJ, .o = (obj *)(uintptr_t)&k->mro[i]->hdr}, ctx);
    }
}

const type T_type = {
    TYPE_HEAD,
    .name = "type",
    .module = "builtins",
    .doc = "type(object) -> the object's type\ntype(name, bases, dict, **kwds) -> a new type",
    .size = sizeof(klass),
    .flags = TYPE_BASE | TYPE_GC,
    .table = table,
    .drop = type_drop,
    .visit = type_visit,
    .make = type_make,
    .repr = type_repr,
    .getattr = type_getattr,
    .setattr = type_setattr,
    .call = type_call,
    .getitem = class_getitem,
    .hash = object_hash,
    .compare = object_compare,
};

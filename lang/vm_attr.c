/* lang/vm_attr.c - attributes with inline caches.
 *
 * A cache remembers a type, its version and where the attribute was: the place in the instance
 * dict (the key there is compared by address), in the dict of a module (of that very version), or
 * the function found in the class. */
#include <string.h>

#include "lang/types/dunder.h"
#include "lang/vm.h"
#include "lang/words.h"

static void forget(site *s)
{
    s->how = SITE_NONE;
    s->type = NULL;
}

/* Remembers where d keeps the name. */
static bool remember_place(interp *in, site *s, dict *d, const type *t, uint8_t how)
{
    int64_t at;
    if (dict_find(in, d, (value){.kind = V_OBJ, .o = &s->name->hdr}, str_hash(s->name), &at) != 1) {
        return false;
    }
    const bool named = how == SITE_MODULE || d->entry[at].key.o == (obj *)s->name;
    if (at > UINT32_MAX || !named) return false;
    s->type = t;
    s->version = type_version(t);
    s->version2 = d->version;
    s->hint = (uint32_t)at;
    s->how = how;
    return true;
}

/* What class t has, for all its instances or for those that have no such attribute of their own. */
static void remember_found(site *s, const type *t, value found, uint8_t how)
{
    *s = (site){.name = s->name, .how = how, .type = t, .val = found, .version = type_version(t)};
}

static value load_module(interp *in, site *s, value v)
{
    const value *at = module_place(s, v);
    if (at) return ref_at(at);
    dict *d = module_dict((module *)(void *)v.o);
    forget(s);
    value r = value_getattr(in, v, s->name);
    if (!is_fail(r)) remember_place(in, s, d, &T_module, SITE_MODULE);
    return r;
}

/* What the class has for instances, a property for one, comes before their own values. */
static value load_descriptor(interp *in, const site *s, value found, value v)
{
    value_ref(found);
    value r = type_of(in, found)->get(in, found, v, type_of(in, v));
    value_unref(in, found);
    return is_fail(r) ? attr_failed(in, v, s->name) : r;
}

/* Does the instance have an attribute of its own that hides the class's? */
static bool hidden(interp *in, site *s, value v)
{
    dict *d = v.kind == V_OBJ && v.o->flags & OBJ_DICT ? obj_head(v.o)->dict : NULL;
    if (!d || d->version == s->version2) return false;
    value own;
    if (dict_get_str(in, d, s->name, &own) == 1) return true;
    s->version2 = d->version;
    return false;
}

value attr_load(interp *in, site *s, value v)
{
    const type *t = type_of(in, v);
    if (s->how == SITE_DESCRIPTOR && s->type == t && s->version == type_version(t))
        return load_descriptor(in, s, s->val, v);
    if (s->how == SITE_CLASS && s->type == t && s->version == type_version(t) && !hidden(in, s, v))
        return value_ref(s->val);
    if (t == &T_module) return load_module(in, s, v);
    if (t->getattr) return value_getattr(in, v, s->name);
    dict *d = v.kind == V_OBJ && v.o->flags & OBJ_DICT ? obj_head(v.o)->dict : NULL;
    value found = type_lookup(in, t, s->name);
    const type *kind = is_fail(found) ? NULL : type_of(in, found);
    bool hides = kind && kind->set && !is_member(found);
    if (hides && kind->get) {
        remember_found(s, t, found, SITE_DESCRIPTOR);
        return load_descriptor(in, s, found, v);
    }
    if (kind && !kind->get && !kind->set) {
        remember_found(s, t, found, SITE_CLASS);
        if (!hidden(in, s, v)) return value_ref(found);
    }
    if (!d || hides) return value_getattr(in, v, s->name);
    if (!remember_place(in, s, d, t, SITE_FIELD)) return value_getattr(in, v, s->name);
    return value_ref(d->entry[s->hint].val);
}

/* The dict in which an instance keeps attributes and slots, made when there is none. */
static dict *own_dict(interp *in, obj *o)
{
    dict_head *h = obj_head(o);
    if (!h->dict) h->dict = dict_new(in);
    return h->dict;
}

/* The usual way a new instance grows: the attribute comes next in the same place as last time. */
static bool append_field(interp *in, site *s, value v, value to)
{
    if (v.kind != V_OBJ || v.o->type != s->type || s->how != SITE_FIELD ||
        s->version != type_version(s->type) || v.o->flags & OBJ_FROZEN) {
        return false;
    }
    dict *d = obj_head(v.o)->dict;
    if (!d && s->hint == 0 && as_klass(s->type)) {
        d = own_dict(in, v.o);
        if (!d || !dict_reserve(in, d, 5)) return false; /* the slow way reports it */
    }
    if (!d || s->hint != d->used || d->used >= d->cap || d->nindex) return false;
    for (int64_t i = 0; i < d->used; i++) {
        if (d->entry[i].key.o == (obj *)s->name || d->entry[i].key.kind != V_OBJ ||
            !(d->entry[i].key.o->flags & OBJ_NAME)) {
            return false;
        }
    }
    d->entry[d->used++] =
        (dict_entry){str_hash(s->name), {.kind = V_OBJ, .o = obj_ref(s->name)}, value_ref(to)};
    d->n++;
    d->version = next_version(in);
    return true;
}

bool attr_store(interp *in, site *s, value v, value to)
{
    if (append_field(in, s, v, to)) return true;
    const type *t = type_of(in, v);
    bool plain =
        !t->setattr && v.kind == V_OBJ && (v.o->flags & (OBJ_DICT | OBJ_FROZEN)) == OBJ_DICT;
    value found = plain ? type_lookup(in, t, s->name) : FAIL;
    if (is_member(found)) /* a slot: no other name gets into the dict of a sealed class */
        plain = true;
    else if (plain)
        plain =
            (is_fail(found) || !type_of(in, found)->set) && !(as_klass(t) && as_klass(t)->sealed);
    if (!plain) return value_setattr(in, v, s->name, to);
    dict *d = own_dict(in, v.o);
    if (!d || !dict_set_str(in, d, s->name, to)) return false;
    if (s->how == SITE_FIELD && s->type == t && s->version == type_version(t) &&
        s->hint < d->used && d->entry[s->hint].key.o == (obj *)s->name) {
        return true;
    }
    if (d->used > 0 && d->entry[d->used - 1].key.o == (obj *)s->name) { /* just added */
        s->type = t;
        s->version = type_version(t);
        s->hint = (uint32_t)(d->used - 1);
        s->how = SITE_FIELD;
        return true;
    }
    remember_place(in, s, d, t, SITE_FIELD);
    return true;
}

/* A function as class t has it, plain or in a wrapper, for use by v; false: nothing so simple. */
static bool from_class(value found, const type *t, value v, value *f, value *self)
{
    if (found.kind != V_OBJ) return false;
    const type *kind = found.o->type;
    if (kind == &T_function) {
        *f = value_ref(found);
        *self = value_ref(v);
        return true;
    }
    if (kind != &T_staticmethod && kind != &T_classmethod) return false;
    value inner = ((wrapper *)(void *)found.o)->f;
    if (!as_func(inner)) return false;
    *f = value_ref(inner);
    *self = kind == &T_staticmethod ? FAIL
                                    : value_ref((value){.kind = V_OBJ, .o = (obj *)(uintptr_t)t});
    return true;
}

bool attr_method(interp *in, site *s, value v, value *f, value *self)
{
    const type *t = type_of(in, v);
    if (s->how == SITE_METHOD && s->type == t && s->version == type_version(t) &&
        !hidden(in, s, v)) {
        *f = value_ref(s->val);
        *self = value_ref(v);
        return true;
    }
    *self = FAIL;
    if (t == &T_module) {
        *f = load_module(in, s, v);
        return !is_fail(*f);
    }
    if (is_class(v) && is_fail(type_lookup(in, &T_type, s->name))) { /* of the class itself */
        const type *cls = as_type(v);
        if (from_class(type_lookup(in, cls, s->name), cls, FAIL, f, self)) return true;
    } else if (!t->getattr) {
        value found = type_lookup(in, t, s->name);
        bool plain = as_func(found) || (as_cfunction(found) && as_cfunction(found)->owner &&
                                        is_fail(as_cfunction(found)->self));
        s->version2 = 0;
        if (plain && !hidden(in, s, v)) {
            s->type = t;
            s->version = type_version(t);
            s->how = SITE_METHOD;
            s->val = found;
            *f = value_ref(found);
            *self = value_ref(v);
            return true;
        }
        if (!plain && as_klass(t) && from_class(found, t, v, f, self)) {
            if (!hidden(in, s, v)) return true;
            value_unref(in, *f);
            value_unref(in, *self);
            *self = FAIL;
        }
    }
    *f = value_getattr(in, v, s->name);
    return !is_fail(*f);
}

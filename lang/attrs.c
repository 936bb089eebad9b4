/* lang/attrs.c - attributes of any value, and the generic rule behind a NULL slot:
 * data descriptor of the class, instance dict, other descriptor or value of the class. */
#include <string.h>

#include "lang/interp.h"
#include "lang/lang.h"
#include "lang/types/dunder.h"

value value_getattr(interp *in, value v, str *name)
{
    const type *t = type_of(in, v);
    return t->getattr ? t->getattr(in, v, name) : generic_getattr(in, v, name);
}

value value_getattr_c(interp *in, value v, const char *name)
{
    str *s = str_intern(in, name, strlen(name));
    value r = s ? value_getattr(in, v, s) : FAIL;
    obj_unref(in, s);
    return r;
}

int value_findattr(interp *in, value v, const char *name, value *out)
{
    str *s = str_intern(in, name, strlen(name));
    if (!s) return -1;
    int r = -1;
    const type *t = type_of(in, v);
    if (!t->getattr && !(t->flags & TYPE_HEAP) && is_fail(type_lookup(in, t, s)) &&
        !(v.kind == V_OBJ && v.o->flags & OBJ_DICT)) {
        *out = FAIL; /* the common case needs no exception */
        r = 0;
    } else {
        *out = value_getattr(in, v, s);
        if (!is_fail(*out))
            r = 1;
        else if (exc_is(in, AttributeError)) {
            exc_clear(in);
            r = 0;
        }
    }
    obj_unref(in, s);
    return r;
}

bool value_setattr(interp *in, value v, str *name, value to)
{
    const type *t = type_of(in, v);
    return t->setattr ? t->setattr(in, v, name, to) : generic_setattr(in, v, name, to);
}

value generic_getattr(interp *in, value v, str *name)
{
    const type *t = type_of(in, v);
    value found = type_lookup(in, t, name), r;
    const type *kind = is_fail(found) ? NULL : type_of(in, found);
    value_ref(found);
    if (kind && kind->get && kind->set)
        r = kind->get(in, found, v, t);
    else {
        dict *d = v.kind == V_OBJ ? obj_dict(in, v.o, false) : NULL;
        int have = d ? dict_get_str(in, d, name, &r) : 0;
        if (have < 0)
            r = FAIL;
        else if (have)
            value_ref(r);
        else if (kind)
            r = kind->get ? kind->get(in, found, v, t) : value_ref(found);
        else
            r = throw_attr(in, v, name);
    }
    value_unref(in, found);
    return r;
}

static bool set_in_dict(interp *in, value v, str *name, value to, bool in_class)
{
    if (v.kind == V_OBJ && v.o->flags & OBJ_DICT && !check_mutable(in, v.o)) return false;
    dict *d = v.kind == V_OBJ ? obj_dict(in, v.o, !is_fail(to)) : NULL;
    if (throwing(in)) return false;
    if (d && !is_fail(to)) return check_mutable(in, v.o) && dict_set_str(in, d, name, to);
    if (d) {
        if (!check_mutable(in, v.o)) return false;
        int r = dict_del(in, d, (value){.kind = V_OBJ, .o = &name->hdr});
        if (r) return r > 0;
    }
    if (!d && in_class)
        throw(in, AttributeError, "'%s' object attribute '%s' is read-only", type_of(in, v)->name,
              name->at);
    else
        throw_attr(in, v, name);
    return false;
}

bool generic_setattr(interp *in, value v, str *name, value to)
{
    value found = type_lookup(in, type_of(in, v), name);
    const type *kind = is_fail(found) ? NULL : type_of(in, found);
    if (kind && kind->set) {
        value_ref(found);
        bool ok = kind->set(in, found, v, to);
        value_unref(in, found);
        return ok;
    }
    return set_in_dict(in, v, name, to, kind != NULL);
}

bool value_callable(interp *in, value v)
{
    return v.kind != V_FAIL && type_of(in, v)->call;
}

/* lang/attrs.c - attributes of any value, and the generic rule behind a NULL slot:
 * data descriptor of the class, instance dict, other descriptor or value of the class. */
#include <string.h>

#include "lang/exc.h"
#include "lang/interp.h"
#include "lang/lang.h"
#include "lang/types/dunder.h"

/* 1 found (the caller's), 0 there is no such attribute, -1 raised */
static int generic_find(interp *in, value v, str *name, value *out)
{
    const type *t = type_of(in, v);
    value found = type_lookup(in, t, name);
    const type *kind = is_fail(found) ? NULL : type_of(in, found);
    value_ref(found);
    dict *d = NULL;
    int have = 0;
    *out = FAIL;
    if (!(kind && kind->get && kind->set)) { /* a data descriptor comes before the own values */
        d = v.kind == V_OBJ ? obj_dict(in, v.o, false) : NULL;
        have = d ? dict_get_str(in, d, name, out) : 0;
    }
    if (have)
        *out = have > 0 ? value_ref(*out) : FAIL;
    else if (kind)
        *out = kind->get ? kind->get(in, found, v, t) : value_ref(found);
    bool missing = !have && !kind;
    value_unref(in, found);
    return missing ? 0 : is_fail(*out) ? -1 : 1;
}

value generic_getattr(interp *in, value v, str *name)
{
    value r;
    return generic_find(in, v, name, &r) ? r : throw_attr(in, v, name);
}

value attr_failed(interp *in, value v, str *name)
{
    exc *x = exc_is(in, AttributeError) ? as_exc(in->exc) : NULL;
    const bool says =
        !x || x->hdr.flags & OBJ_FROZEN || !is_fail(x->field[0]) || !is_fail(x->field[1]);
    if (!says) {
        x->field[0] = value_ref((value){.kind = V_OBJ, .o = &name->hdr});
        x->field[1] = value_ref(v);
    }
    return FAIL;
}

value value_getattr(interp *in, value v, str *name)
{
    const type *t = type_of(in, v);
    value r = t->getattr ? t->getattr(in, v, name) : generic_getattr(in, v, name);
    return is_fail(r) ? attr_failed(in, v, name) : r;
}

value value_getattr_c(interp *in, value v, const char *name)
{
    str *s = str_intern(in, name, strlen(name));
    value r = s ? value_getattr(in, v, s) : FAIL;
    obj_unref(in, s);
    return r;
}

int value_lookattr(interp *in, value v, str *name, value *out)
{
    const type *t = type_of(in, v);
    int r = 1;
    if (!t->getattr) /* the usual case: no exception is made only to be dropped */
        r = generic_find(in, v, name, out);
    else if (is_fail(*out = t->getattr(in, v, name)))
        r = -1;
    if (r >= 0 || !exc_is(in, AttributeError)) return r;
    exc_clear(in);
    return 0;
}

int value_findattr(interp *in, value v, const char *name, value *out)
{
    str *s = str_intern(in, name, strlen(name));
    int r = s ? value_lookattr(in, v, s, out) : -1;
    obj_unref(in, s);
    return r;
}

bool value_setattr(interp *in, value v, str *name, value to)
{
    const type *t = type_of(in, v);
    return t->setattr ? t->setattr(in, v, name, to) : generic_setattr(in, v, name, to);
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

/* lang/freeze_class.c - classes in capsules: those of C by name, those of users whole, with an
 * identity that every process knows: a class that comes back is the class that went out. */
#include <string.h>
#include <sys/random.h>

#include "lang/builtins.h"
#include "lang/exc.h"
#include "lang/freeze_impl.h"
#include "lang/types/klass.h"
#include "lang/types/module.h"

/* In every capsule: found without a name.  What is written is the place in here. */
const type *const core_types[] = {
    &T_object,   &T_type,     &T_none,      &T_bool,         &T_int,         &T_float,
    &T_complex,  &T_str,      &T_bytes,     &T_bytearray,    &T_list,        &T_tuple,
    &T_dict,     &T_set,      &T_frozenset, &T_range,        &T_slice,       &T_function,
    &T_method,   &T_property, &T_cfunction, &T_staticmethod, &T_classmethod, &T_module,
    &T_ellipsis, &T_code,     &T_generator, &T_cell,         NULL,
};

static bool put_core(freezer *f, const type *t)
{
    for (unsigned i = 0; core_types[i]; i++) {
        if (core_types[i] != t) continue;
        freeze_byte(f, RK_CORE);
        freeze_byte(f, i);
        return true;
    }
    return false;
}

static bool put_builtin(freezer *f, const type *t)
{
    value v = class_value(t);
    if (put_core(f, t)) return true;
    if (freeze_named(f, v, t->module, t->name)) return true;
    if (f->copy) {
        if (freeze_found(f, v)) return true;
        throw(f->in, TypeError, "cannot pickle the class '" TYPE_FMT "'", TYPE_ARG(t));
        return false;
    }
    freeze_byte(f, RK_TYPE);
    freeze_bytes(f, &t, sizeof t);
    f->pointers = true;
    return true;
}

/* Never zero, never given twice. */
static const uint64_t *identity(klass *k)
{
    while (!(k->id[0] | k->id[1])) {
        if (getrandom(k->id, sizeof k->id, 0) != (ssize_t)sizeof k->id)
            k->id[0] = (uint64_t)(uintptr_t)k, k->id[1] = k->version;
    }
    return k->id;
}

bool freeze_class(freezer *f, const type *t)
{
    klass *k = as_klass(t);
    if (!k) return put_builtin(f, t);
    str *home = as_str(dict_peek(f->in, k->dict, "__module__"));
    if (freeze_named(f, OBJ(&k->t), home ? home->at : NULL, k->qualname->at)) return true;
    /* a class of the library may name as its home a module that only shows it, and is not loaded */
    if (home && is_fail(dict_peek(f->in, f->in->modules, home->at)) && freeze_found(f, OBJ(&k->t)))
        return true;
    freeze_byte(f, RK_CLASS);
    freeze_bytes(f, identity(k), sizeof k->id);
    freeze_value(f, class_value(k->t.hdr.type));
    freeze_obj(f, k->name);
    freeze_obj(f, k->qualname);
    freeze_obj(f, k->bases);
    freeze_obj(f, k->dict);
    freeze_byte(f, k->sealed);
    return true;
}

/* ---- instances that say themselves how they travel ---- */

bool freeze_member(freezer *f, obj *o)
{
    interp *in = f->in;
    klass *k = as_klass(o->type);
    dict *own = k && o->flags & OBJ_DICT ? obj_head(o)->dict : NULL;
    str *name = own ? as_str(dict_peek(in, own, "_name_")) : NULL;
    dict *members = name ? as_dict(dict_peek(in, k->dict, "_member_map_")) : NULL;
    value v;
    if (!members || dict_get_str(in, members, name, &v) != 1 || v.o != o) return false;
    freeze_byte(f, RK_ENUM);
    freeze_value(f, class_value(o->type));
    freeze_obj(f, name);
    return true;
}

/* Was it said by copyreg.pickle()? */
static bool is_dispatched(interp *in, const type *t)
{
    value m = dict_peek(in, in->modules, "copyreg"), v;
    bool loaded = m.kind == V_OBJ && m.o->type == &T_module;
    dict *table =
        loaded ? as_dict(dict_peek(in, ((module *)(void *)m.o)->dict, "dispatch_table")) : NULL;
    return table && dict_get(in, table, class_value(t), &v) == 1;
}

static bool has_hook(interp *in, const type *t)
{
    static const char *const hooks[] = {"__reduce_ex__", "__reduce__",     "__getstate__",
                                        "__setstate__",  "__getnewargs__", "__getnewargs_ex__"};
    for (size_t i = 0; i < sizeof hooks / sizeof *hooks; i++) {
        str *s = str_intern(in, hooks[i], strlen(hooks[i]));
        value own = s ? type_lookup(in, t, s) : FAIL;
        value plain = s ? type_lookup(in, &T_object, s) : FAIL;
        obj_unref(in, s);
        if (!is_fail(own) && !value_same(own, plain)) return true;
    }
    return is_dispatched(in, t);
}

/* A list of what an iterable gives; None stays. */
static void put_items(freezer *f, value items)
{
    value l = is_none(items) ? NONE : call_n(f->in, class_value(&T_list), 1, items);
    freeze_value(f, l);
    value_unref(f->in, l);
}

int freeze_reduced(freezer *f, obj *o)
{
    interp *in = f->in;
    if (!f->copy || !as_klass(o->type) || !has_hook(in, o->type)) return 0;
    value copy = interp_import(in, "copy");
    value r =
        is_fail(copy) ? FAIL : call_method(in, copy, "_reduced", 1, (value){.kind = V_OBJ, .o = o});
    value_unref(in, copy);
    if (is_fail(r)) return -1;
    tuple *t = as_tuple(r);
    if (as_str(r)) {
        value home = dict_peek(in, as_klass(o->type)->dict, "__module__");
        int ok = freeze_named(f, (value){.kind = V_OBJ, .o = o},
                              as_str(home) ? as_str(home)->at : NULL, as_str(r)->at)
                     ? 1
                     : -1;
        if (ok < 0) freeze_refuse(f, o);
        value_unref(in, r);
        return ok;
    }
    if (!t || t->n < 2 || t->n > 6) {
        throw(in, TypeError,
              t ? "tuple returned by __reduce__ must contain 2 through 6 elements"
                : "__reduce__ must return a string or tuple");
        value_unref(in, r);
        return -1;
    }
    freeze_byte(f, RK_REDUCE);
    for (int64_t i = 0; i < REDUCED_PARTS; i++) {
        value part = i < t->n ? t->at[i] : NONE;
        if (i == 3 || i == 4)
            put_items(f, part);
        else
            freeze_value(f, part);
    }
    value_unref(in, r);
    return throwing(in) ? -1 : 1;
}

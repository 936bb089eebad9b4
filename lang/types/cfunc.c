/* lang/types/cfunc.c - functions written in C, and attributes they compute (getset). */
#include <string.h>

#include "engine/base/mem.h"
#include "lang/exc.h"
#include "lang/types/dunder.h"
#include "lang/types/func.h"
#include "lang/types/klass.h"

value cfunc_new(interp *in, const builtin *row, value self)
{
    cfunction *f = obj_new(in, &T_cfunction, 0);
    if (!f) return FAIL;
    const char *s = row->sig;
    if (*s == '@') s += strcspn(s, " ") + 1;
    f->row = row;
    f->self = value_ref(self);
    f->name = str_intern(in, s, strcspn(s, "( "));
    return v_obj(f);
}

static cfunction *cf(value v)
{
    return (cfunction *)(void *)v.o;
}

static void drop(interp *in, obj *o)
{
    value_unref(in, ((cfunction *)(void *)o)->self);
    obj_unref(in, ((cfunction *)(void *)o)->name);
}

static void visit(obj *o, visitor f, void *ctx)
{
    f(((cfunction *)(void *)o)->self, ctx);
}

static value repr(interp *in, value self)
{
    cfunction *f = cf(self);
    if (!is_fail(f->self)) {
        const type *t = as_type(f->self);
        return v_obj(str_fmt(in, "<built-in method %s of %s object at %p>", f->name->at,
                             t ? "type" : type_of(in, f->self)->name, (void *)f->self.o));
    }
    if (f->owner) {
        return v_obj(str_fmt(in, "<method '%s' of '%s' objects>", f->name->at, f->owner->name));
    }
    return v_obj(str_fmt(in, "<built-in function %s>", f->name->at));
}

static value call(interp *in, value self, const value *arg, size_t npos, tuple *kwnames)
{
    return cfunction_call(in, cf(self), arg, npos, kwnames);
}

static value get(interp *in, value self, value inst, const type *owner)
{
    (void)owner;
    cfunction *f = cf(self);
    if (is_fail(inst) || !is_fail(f->self) || !f->owner) return value_ref(self);
    value v = cfunc_new(in, f->row, inst);
    if (is_fail(v)) return v;
    cf(v)->owner = f->owner;
    cf(v)->sig = f->sig;
    return v;
}

static value name(interp *in, const value *arg)
{
    (void)in;
    return v_obj(obj_ref(cf(arg[0])->name));
}

static value qualname(interp *in, const value *arg)
{
    cfunction *f = cf(arg[0]);
    if (!f->owner) return v_obj(obj_ref(f->name));
    return v_obj(str_fmt(in, "%s.%s", f->owner->name, f->name->at));
}

static value doc(interp *in, const value *arg)
{
    const char *s = cf(arg[0])->row->doc;
    return s ? v_str(in, s) : NONE;
}

static value home(interp *in, const value *arg)
{
    cfunction *f = cf(arg[0]);
    if (f->owner) return NONE;
    return f->module ? v_str(in, f->module) : v_str(in, "builtins");
}

static value self_of(interp *in, const value *arg)
{
    value v = cf(arg[0])->self;
    return is_fail(v) ? throw_attr(in, arg[0], in->name.__class__) : value_ref(v);
}

static value signature(interp *in, const value *arg)
{
    const char *s = strchr(cf(arg[0])->row->sig, '(');
    return s ? v_str(in, s) : NONE;
}

static const builtin table[] = {
    {"@property __name__", name, NULL},
    {"@property __qualname__", qualname, NULL},
    {"@property __doc__", doc, NULL},
    {"@property __module__", home, NULL},
    {"@property __self__", self_of, NULL},
    {"@property __text_signature__", signature, NULL},
    {0},
};

static bool hash(interp *in, value self, uint64_t *out)
{
    if (is_fail(cf(self)->self)) return object_hash(in, self, out);
    *out = (uint64_t)(uintptr_t)cf(self)->row ^ (uint64_t)cf(self)->self.i;
    return true;
}

static value compare(interp *in, enum cmpop op, value a, value b)
{
    if ((op != OP_EQ && op != OP_NE) || !as_cfunction(b)) return object_compare(in, op, a, b);
    bool same = cf(a)->row == cf(b)->row && value_same(cf(a)->self, cf(b)->self);
    return v_bool(same == (op == OP_EQ));
}

const type T_cfunction = {
    TYPE_HEAD,
    .name = "builtin_function_or_method",
    .module = "builtins",
    .size = sizeof(cfunction),
    .flags = TYPE_GC,
    .table = table,
    .drop = drop,
    .visit = visit,
    .repr = repr,
    .call = call,
    .get = get,
    .hash = hash,
    .compare = compare,
};

/* ---- getset ---- */

static getset *gs(value v)
{
    return (getset *)(void *)v.o;
}

static value gs_get(interp *in, value self, value inst, const type *owner)
{
    (void)owner;
    if (is_fail(inst)) return value_ref(self);
    if (!gs(self)->get) return throw(in, AttributeError, "unreadable attribute");
    return gs(self)->get->fn(in, &inst);
}

static bool gs_set(interp *in, value self, value inst, value v)
{
    getset *g = gs(self);
    if (!g->set) {
        throw(in, AttributeError, "attribute '%s' of '%s' objects is not writable", g->name->at,
              g->owner->name);
        return false;
    }
    if (inst.kind == V_OBJ && inst.o->flags & OBJ_FROZEN && inst.o->type != &T_type) {
        trap(in, inst.o);
        return false;
    }
    value r = g->set->fn(in, (value[]){inst, v});
    value_unref(in, r);
    return !is_fail(r);
}

static value gs_repr(interp *in, value self)
{
    getset *g = gs(self);
    return v_obj(str_fmt(in, "<attribute '%s' of '%s' objects>", g->name->at, g->owner->name));
}

static void gs_drop(interp *in, obj *o)
{
    obj_unref(in, ((getset *)(void *)o)->name);
}

static value gs_name(interp *in, const value *arg)
{
    (void)in;
    return v_obj(obj_ref(gs(arg[0])->name));
}

static value gs_doc(interp *in, const value *arg)
{
    const builtin *row = gs(arg[0])->get;
    return row && row->doc ? v_str(in, row->doc) : NONE;
}

static const builtin gs_table[] = {
    {"@property __name__", gs_name, NULL},
    {"@property __doc__", gs_doc, NULL},
    {0},
};

const type T_getset = {
    TYPE_HEAD,
    .name = "getset_descriptor",
    .module = "builtins",
    .size = sizeof(getset),
    .table = gs_table,
    .drop = gs_drop,
    .repr = gs_repr,
    .get = gs_get,
    .set = gs_set,
    .hash = object_hash,
    .compare = object_compare,
};

/* ---- the attributes of __slots__ ---- */

static value in_slot(interp *in, value self, value inst, bool *ok)
{
    value v;
    getset *g = gs(self);
    *ok = inst.kind == V_OBJ && obj_isa(inst.o, g->owner) && inst.o->flags & OBJ_DICT;
    if (!*ok) {
        return throw(in, TypeError,
                     "descriptor '%s' for '%s' objects doesn't apply to a '%s' object", g->name->at,
                     g->owner->name, type_of(in, inst)->name);
    }
    dict *d = obj_head(inst.o)->dict;
    return d && dict_get_str(in, d, g->name, &v) == 1 ? v : FAIL;
}

static value member_get(interp *in, value self, value inst, const type *owner)
{
    (void)owner;
    if (is_fail(inst)) return value_ref(self);
    bool ok;
    value v = in_slot(in, self, inst, &ok);
    if (!ok) return FAIL;
    return is_fail(v) ? throw_attr(in, inst, gs(self)->name) : value_ref(v);
}

static bool member_set(interp *in, value self, value inst, value to)
{
    bool ok;
    value v = in_slot(in, self, inst, &ok);
    if (!ok) return false;
    if (inst.o->flags & OBJ_FROZEN) {
        trap(in, inst.o);
        return false;
    }
    dict_head *h = obj_head(inst.o);
    if (is_fail(to)) {
        if (is_fail(v)) {
            throw_attr(in, inst, gs(self)->name);
            return false;
        }
        return dict_del(in, h->dict, (value){.kind = V_OBJ, .o = &gs(self)->name->hdr}) == 1;
    }
    if (!h->dict && !(h->dict = dict_new(in))) return false;
    return dict_set_str(in, h->dict, gs(self)->name, to);
}

static value member_repr(interp *in, value self)
{
    getset *g = gs(self);
    return v_obj(str_fmt(in, "<member '%s' of '%s' objects>", g->name->at, g->owner->name));
}

static const type T_member = {
    TYPE_HEAD,
    .name = "member_descriptor",
    .module = "builtins",
    .size = sizeof(getset),
    .table = gs_table,
    .drop = gs_drop,
    .repr = member_repr,
    .get = member_get,
    .set = member_set,
    .hash = object_hash,
    .compare = object_compare,
};

bool is_member(value v)
{
    return v.kind == V_OBJ && v.o->type == &T_member;
}

value member_new(interp *in, const type *owner, str *attr)
{
    getset *g = obj_new(in, &T_member, 0);
    if (!g) return FAIL;
    g->owner = owner;
    g->name = str_intern(in, attr->at, attr->nbyte);
    return v_obj(g);
}

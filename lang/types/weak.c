/* lang/types/weak.c - weak references: chained from the head of objects that have one. */
#include "lang/types/weak.h"

#include "lang/types/dunder.h"

static weak *as_weak(value v)
{
    return (weak *)(void *)v.o;
}

value weak_new(interp *in, value to, value callback)
{
    if (to.kind != V_OBJ || !(to.o->flags & OBJ_DICT)) {
        return throw(in, TypeError, "cannot create weak reference to '%s' object",
                     type_of(in, to)->name);
    }
    weak *w = obj_new(in, &T_weakref, 0);
    if (!w) return FAIL;
    w->to = to.o;
    w->callback = is_none(callback) ? FAIL : value_ref(callback);
    w->next = obj_head(to.o)->weak;
    obj_head(to.o)->weak = w;
    return v_obj(w);
}

void weak_clear(interp *in, obj *o)
{
    weak *w = obj_head(o)->weak;
    obj_head(o)->weak = NULL;
    for (weak *p = w; p; p = p->next) {
        p->to = NULL;
        obj_ref(p);
    }
    while (w) {
        weak *next = w->next;
        w->next = NULL;
        if (!is_fail(w->callback)) {
            value pending = exc_take(in);
            value r = call_n(in, w->callback, 1, (value){.kind = V_OBJ, .o = &w->hdr});
            if (is_fail(r)) exc_clear(in);
            value_unref(in, r);
            in->exc = pending;
        }
        obj_unref(in, w);
        w = next;
    }
}

static void drop(interp *in, obj *o)
{
    weak *w = (weak *)(void *)o;
    value_unref(in, w->callback);
    if (!w->to) return;
    weak **p = &obj_head(w->to)->weak;
    while (*p && *p != w) p = &(*p)->next;
    if (*p) *p = w->next;
}

static void visit(obj *o, visitor f, void *ctx)
{
    f(((weak *)(void *)o)->callback, ctx);
}

static value target(value self)
{
    obj *o = as_weak(self)->to;
    return o && o->rc ? value_ref((value){.kind = V_OBJ, .o = o}) : NONE;
}

static value call(interp *in, value self, const value *arg, size_t npos, tuple *kwnames)
{
    (void)arg;
    if (npos || kwnames)
        return throw(in, TypeError, "__call__() takes 0 positional arguments but %zu were given",
                     npos);
    return target(self);
}

static value make(interp *in, const type *cls, const value *arg, size_t npos, tuple *kwnames)
{
    (void)cls;
    value a[2];
    if (!args_bind(in, "ref(object, callback=None, /)", arg, npos, kwnames, a, 2)) return FAIL;
    value v = weak_new(in, a[0], a[1]);
    args_clear(in, a, 2);
    return v;
}

static value repr(interp *in, value self)
{
    obj *o = as_weak(self)->to;
    if (!o) return v_obj(str_fmt(in, "<weakref at %p; dead>", (void *)self.o));
    return v_obj(
        str_fmt(in, "<weakref at %p; to '%s' at %p>", (void *)self.o, o->type->name, (void *)o));
}

static bool hash(interp *in, value self, uint64_t *out)
{
    value v = target(self);
    if (is_none(v)) {
        throw(in, TypeError, "weak object has gone away");
        return false;
    }
    bool ok = value_hash(in, v, out);
    value_unref(in, v);
    return ok;
}

static value compare(interp *in, enum cmpop op, value a, value b)
{
    if ((op != OP_EQ && op != OP_NE) || b.kind != V_OBJ || b.o->type != &T_weakref) return NOTIMPL;
    obj *x = as_weak(a)->to, *y = as_weak(b)->to;
    if (!x || !y) return v_bool((a.o == b.o) == (op == OP_EQ));
    return value_compare(in, op, (value){.kind = V_OBJ, .o = x}, (value){.kind = V_OBJ, .o = y});
}

const type T_weakref = {
    TYPE_HEAD,
    .name = "weakref",
    .module = "builtins",
    .size = sizeof(weak),
    .flags = TYPE_GC | TYPE_BASE,
    .drop = drop,
    .visit = visit,
    .make = make,
    .call = call,
    .repr = repr,
    .hash = hash,
    .compare = compare,
};

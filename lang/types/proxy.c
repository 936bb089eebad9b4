/* lang/types/proxy.c - mappingproxy: a mapping that can be read but not written. */
#include "lang/freeze.h"

typedef struct proxy {
    obj hdr;
    value of;
} proxy;

static value inner(value self)
{
    return ((proxy *)self.o)->of;
}

value mapping_proxy_new(interp *in, value mapping)
{
    proxy *p = obj_new(in, &T_mappingproxy, 0);
    if (p) p->of = value_ref(mapping);
    return v_obj(p);
}

static value make(interp *in, const type *cls, const value *arg, size_t npos, tuple *kwnames)
{
    value of;
    (void)cls;
    if (!args_bind(in, "mappingproxy(mapping)", arg, npos, kwnames, &of, 1)) return FAIL;
    const type *t = type_of(in, of);
    value p =
        t->getitem && !as_list(of) && !as_tuple(of)
            ? mapping_proxy_new(in, of)
            : throw(in, TypeError, "mappingproxy() argument must be a mapping, not %s", t->name);
    args_clear(in, &of, 1);
    return p;
}

static void drop(interp *in, obj *o)
{
    value_unref(in, ((proxy *)o)->of);
}

static void visit(obj *o, visitor f, void *ctx)
{
    f(((proxy *)o)->of, ctx);
}

static value repr(interp *in, value self)
{
    str *s = value_repr(in, inner(self));
    value r = s ? v_obj(str_fmt(in, "mappingproxy(%s)", s->at)) : FAIL;
    obj_unref(in, s);
    return r;
}

static value tostr(interp *in, value self)
{
    return v_obj(value_str(in, inner(self)));
}

static int64_t length(interp *in, value self)
{
    return value_len(in, inner(self));
}

static value compare(interp *in, enum cmpop op, value self, value other)
{
    if (other.kind == V_OBJ && other.o->type == &T_mappingproxy) other = inner(other);
    return value_compare(in, op, inner(self), other);
}

static value binary(interp *in, enum binop op, value a, value b)
{
    if (op != OP_OR) return value_ref(NOTIMPL);
    if (a.kind == V_OBJ && a.o->type == &T_mappingproxy) a = inner(a);
    if (b.kind == V_OBJ && b.o->type == &T_mappingproxy) b = inner(b);
    return value_binary(in, op, a, b);
}

static value getitem(interp *in, value self, value key)
{
    return value_getitem(in, inner(self), key);
}

static int contains(interp *in, value self, value item)
{
    return value_contains(in, inner(self), item);
}

static value iter(interp *in, value self)
{
    return value_iter(in, inner(self));
}

static bool save(freezer *f, obj *o)
{
    freeze_value(f, ((proxy *)(void *)o)->of);
    return true;
}

static obj *load(thawer *t, const type *cls)
{
    proxy *p = obj_new(thawer_interp(t), cls, 0);
    if (p) p->of = thaw_value(t);
    return (obj *)(void *)p;
}

static const crossing cross = {save, load};

static value get(interp *in, const value *arg)
{
    return call_method(in, inner(arg[0]), "get", 2, arg[1], arg[2]);
}

#define FORWARD(name)                                                                              \
    static value name(interp *in, const value *arg)                                                \
    {                                                                                              \
        return call_method(in, inner(arg[0]), #name, 0);                                           \
    }
FORWARD(keys)
FORWARD(values)
FORWARD(items)
FORWARD(copy)

static const builtin table[] = {
    {"get(self, key, default=None, /)", get, "The value of the key, or the default."},
    {"keys(self, /)", keys, "The keys, as a set that follows changes."},
    {"values(self, /)", values, "The values, as a collection that follows changes."},
    {"items(self, /)", items, "The pairs, as a set that follows changes."},
    {"copy(self, /)", copy, "Another dict of the same keys and values."},
    {0},
};

const type T_mappingproxy = {
    TYPE_HEAD,
    .name = "mappingproxy",
    .cross = &cross,
    .module = "builtins",
    .doc = "Read-only proxy of a mapping.",
    .size = sizeof(proxy),
    .flags = TYPE_GC | TYPE_MAPPING,
    .table = table,
    .drop = drop,
    .visit = visit,
    .make = make,
    .repr = repr,
    .tostr = tostr,
    .length = length,
    .compare = compare,
    .binary = binary,
    .getitem = getitem,
    .contains = contains,
    .iter = iter,
};

/* lang/types/alias.c - list[int] (types.GenericAlias) and int | None (types.UnionType).
 *
 * An alias behaves as its origin when called and lends it its attributes; a union only shows
 * itself, compares, and answers isinstance through union_args. */
#include "lang/types/alias.h"

#include <string.h>

#include "engine/base/mem.h"
#include "engine/base/str.h"
#include "lang/exc.h"
#include "lang/interp.h"
#include "lang/lang.h"

typedef struct alias {
    obj hdr;
    value origin; /* of a union: FAIL */
    tuple *args;
} alias;

static alias *self_alias(value v)
{
    return (alias *)v.o;
}

static value alias_new(interp *in, const type *t, value origin, tuple *args)
{
    alias *a = args ? obj_new(in, t, 0) : NULL;
    if (a) {
        a->origin = value_ref(origin);
        a->args = obj_ref(args);
    }
    return v_obj(a);
}

static void drop(interp *in, obj *o)
{
    alias *a = (alias *)o;
    value_unref(in, a->origin);
    obj_unref(in, a->args);
}

static void visit(obj *o, visitor f, void *ctx)
{
    alias *a = (alias *)o;
    f(a->origin, ctx);
    if (a->args) f((value){.kind = V_OBJ, .o = &a->args->hdr}, ctx);
}

/* ---- making ---- */

static bool is_generic(const type *t)
{
    return t == &T_list || t == &T_tuple || t == &T_dict || t == &T_set || t == &T_frozenset ||
           t == &T_type || t == exc_type(BaseExceptionGroup) || t == exc_type(ExceptionGroup);
}

value class_with_parameters(interp *in, const value *arg)
{
    tuple *args = as_tuple(arg[1]) ? obj_ref(as_tuple(arg[1])) : tuple_from(in, arg + 1, 1);
    value r = alias_new(in, &T_generic_alias, arg[0], args);
    obj_unref(in, args);
    return r;
}

value class_getitem(interp *in, value cls, value key)
{
    const type *t = as_type(cls);
    if (is_generic(t)) return class_with_parameters(in, (value[]){cls, key});
    value hook = type_lookup(in, t, in->name.__class_getitem__);
    if (!is_fail(hook)) {
        value bound = value_getattr(in, cls, in->name.__class_getitem__);
        if (is_fail(bound)) return FAIL;
        value r = call_n(in, bound, 1, key);
        value_unref(in, bound);
        return r;
    }
    return throw(in, TypeError, "type '%s' is not subscriptable", t->name);
}

bool alias_operand(value v)
{
    return is_none(v) || as_type(v) ||
           (v.kind == V_OBJ && (v.o->type == &T_generic_alias || v.o->type == &T_union));
}

tuple *union_args(value v)
{
    return v.kind == V_OBJ && v.o->type == &T_union ? self_alias(v)->args : NULL;
}

/* Appends v, or the alternatives of v, unless they are there. */
static bool add_alternatives(interp *in, list *l, value v)
{
    tuple *parts = union_args(v);
    for (int64_t i = 0; parts && i < parts->n; i++)
        if (!add_alternatives(in, l, parts->at[i])) return false;
    if (parts) return true;
    if (is_none(v)) v = v_type(&T_none);
    for (int64_t i = 0; i < l->n; i++) {
        int eq = value_eq(in, l->at[i], v);
        if (eq) return eq > 0;
    }
    return list_append(in, l, v);
}

value union_of(interp *in, value a, value b)
{
    value r = FAIL;
    if (is_none(a) && is_none(b))
        return throw(in, TypeError, "unsupported operand type(s) for |: 'NoneType' and 'NoneType'");
    list *l = list_new(in, 2);
    if (l && add_alternatives(in, l, a) && add_alternatives(in, l, b)) {
        tuple *args = tuple_from(in, l->at, l->n);
        r = l->n == 1 ? value_ref(l->at[0]) : alias_new(in, &T_union, FAIL, args);
        obj_unref(in, args);
    }
    obj_unref(in, l);
    return r;
}

/* ---- showing ---- */

/* int, mod.Name, None, ..., [int, str] */
static bool add_part(interp *in, strbuf *b, value v)
{
    const type *t = as_type(v);
    list *l = as_list(v);
    if (t == &T_none || is_none(v))
        sb_adds(b, "None");
    else if (t) {
        if (t->module && strcmp(t->module, "builtins")) sb_addf(b, "%s.", t->module);
        sb_adds(b, t->name);
    } else if (v.kind == V_OBJ && v.o->type == &T_ellipsis)
        sb_adds(b, "...");
    else if (l) {
        sb_addc(b, '[');
        for (int64_t i = 0; i < l->n; i++) {
            if (i) sb_adds(b, ", ");
            if (!add_part(in, b, l->at[i])) return false;
        }
        sb_addc(b, ']');
    } else {
        str *s = value_repr(in, v);
        if (!s) return false;
        sb_add(b, s->at, s->nbyte);
        obj_unref(in, s);
    }
    return true;
}

static value finish_text(interp *in, strbuf *b, bool ok)
{
    size_t n;
    char *s = sb_take(b, &n);
    if (ok) return v_obj(str_take(in, s, n));
    mem_free(s);
    return FAIL;
}

static bool add_parts(interp *in, strbuf *b, tuple *args, const char *between)
{
    for (int64_t i = 0; i < args->n; i++) {
        if (i) sb_adds(b, between);
        if (!add_part(in, b, args->at[i])) return false;
    }
    return true;
}

static value repr_alias(interp *in, value self)
{
    alias *a = self_alias(self);
    strbuf b = {0};
    bool ok = add_part(in, &b, a->origin);
    sb_addc(&b, '[');
    if (!a->args->n) sb_adds(&b, "()");
    ok = ok && add_parts(in, &b, a->args, ", ");
    sb_addc(&b, ']');
    return finish_text(in, &b, ok);
}

static value repr_union(interp *in, value self)
{
    strbuf b = {0};
    bool ok = add_parts(in, &b, self_alias(self)->args, " | ");
    return finish_text(in, &b, ok);
}

/* ---- behaviour ---- */

static value compare(interp *in, enum cmpop op, value self, value other)
{
    if ((op != OP_EQ && op != OP_NE) || other.kind != V_OBJ || other.o->type != self.o->type)
        return value_ref(NOTIMPL);
    alias *a = self_alias(self), *b = self_alias(other);
    int eq = is_fail(a->origin) ? 1 : value_eq(in, a->origin, b->origin);
    if (eq > 0 && is_fail(a->origin)) { /* a union: in any order */
        set *x = set_of(in, v_obj(a->args), true), *y = x ? set_of(in, v_obj(b->args), true) : NULL;
        eq = y ? value_eq(in, v_obj(x), v_obj(y)) : -1;
        obj_unref(in, x);
        obj_unref(in, y);
    } else if (eq > 0)
        eq = value_eq(in, v_obj(a->args), v_obj(b->args));
    return eq < 0 ? FAIL : v_bool(eq == (op == OP_EQ));
}

static bool hash(interp *in, value self, uint64_t *out)
{
    alias *a = self_alias(self);
    uint64_t h = 0;
    if (!is_fail(a->origin)) {
        if (!value_hash(in, a->origin, &h) || !value_hash(in, v_obj(a->args), out)) return false;
        *out ^= h;
        return true;
    }
    set *s = set_of(in, v_obj(a->args), true);
    bool ok = s && value_hash(in, v_obj(s), out);
    obj_unref(in, s);
    return ok;
}

static value binary(interp *in, enum binop op, value a, value b)
{
    (void)in, (void)op, (void)a, (void)b;
    return value_ref(NOTIMPL); /* | is made by value_binary for all class-like operands */
}

static value call_alias(interp *in, value self, const value *arg, size_t npos, tuple *kwnames)
{
    return value_call(in, self_alias(self)->origin, arg, npos, kwnames);
}

static value getattr_alias(interp *in, value self, str *name)
{
    if (name->nbyte < 4 || name->at[0] != '_' || name->at[1] != '_')
        return value_getattr(in, self_alias(self)->origin, name);
    return generic_getattr(in, self, name);
}

static value getitem_alias(interp *in, value self, value key)
{
    return class_getitem(in, self_alias(self)->origin, key);
}

static value get_origin(interp *in, const value *arg)
{
    (void)in;
    return value_ref(self_alias(arg[0])->origin);
}

static value get_args(interp *in, const value *arg)
{
    (void)in;
    return v_obj(obj_ref(self_alias(arg[0])->args));
}

static const builtin alias_table[] = {
    {"@property __origin__", get_origin, NULL},
    {"@property __args__", get_args, NULL},
    {0},
};
static const builtin union_table[] = {{"@property __args__", get_args, NULL}, {0}};

#define ALIAS                                                                                      \
    TYPE_HEAD, .module = "types", .size = sizeof(alias), .flags = TYPE_GC, .drop = drop,           \
               .visit = visit, .compare = compare, .hash = hash, .binary = binary

const type T_generic_alias = {
    ALIAS,
    .name = "GenericAlias",
    .doc = "A class with what is in its brackets: list[int]",
    .table = alias_table,
    .repr = repr_alias,
    .call = call_alias,
    .getattr = getattr_alias,
    .getitem = getitem_alias,
};
const type T_union = {
    ALIAS,
    .name = "UnionType",
    .doc = "One of several types: int | str",
    .table = union_table,
    .repr = repr_union,
};

/* stdlib/core/operator.c - operator: every operator as a function, and the three getters. */
#include <stdio.h>
#include <string.h>

#include "engine/base/mem.h"
#include "engine/base/str.h"
#include "lang/freeze.h"
#include "stdlib/core/operator.h"
#include "stdlib/stdlib.h"

/* ---- operators ---- */

#define BINARY(name, op)                                                                           \
    static value name(interp *in, const value *arg)                                                \
    {                                                                                              \
        return value_binary(in, op, arg[0], arg[1]);                                               \
    }
#define INPLACE(name, op)                                                                          \
    static value name(interp *in, const value *arg)                                                \
    {                                                                                              \
        return value_inplace(in, op, arg[0], arg[1]);                                              \
    }
#define UNARY(name, op)                                                                            \
    static value name(interp *in, const value *arg)                                                \
    {                                                                                              \
        return value_unary(in, op, arg[0]);                                                        \
    }
#define COMPARE(name, op)                                                                          \
    static value name(interp *in, const value *arg)                                                \
    {                                                                                              \
        return value_compare(in, op, arg[0], arg[1]);                                              \
    }
BINARY(add, OP_ADD)
BINARY(sub, OP_SUB)
BINARY(mul, OP_MUL)
BINARY(truediv, OP_TRUEDIV)
BINARY(floordiv, OP_FLOORDIV)
BINARY(mod, OP_MOD)
BINARY(power, OP_POW)
BINARY(matmul, OP_MATMUL)
BINARY(lshift, OP_LSHIFT)
BINARY(rshift, OP_RSHIFT)
BINARY(and_, OP_AND)
BINARY(or_, OP_OR)
BINARY(xor, OP_XOR)
INPLACE(iadd, OP_ADD)
INPLACE(isub, OP_SUB)
INPLACE(imul, OP_MUL)
INPLACE(itruediv, OP_TRUEDIV)
INPLACE(ifloordiv, OP_FLOORDIV)
INPLACE(imod, OP_MOD)
INPLACE(ipow, OP_POW)
INPLACE(imatmul, OP_MATMUL)
INPLACE(ilshift, OP_LSHIFT)
INPLACE(irshift, OP_RSHIFT)
INPLACE(iand, OP_AND)
INPLACE(ior, OP_OR)
INPLACE(ixor, OP_XOR)
UNARY(neg, OP_NEG)
UNARY(pos, OP_POS)
UNARY(invert, OP_INVERT)
UNARY(abs_, OP_ABS)
UNARY(index_, OP_INDEX)
COMPARE(lt, OP_LT)
COMPARE(le, OP_LE)
COMPARE(eq, OP_EQ)
COMPARE(ne, OP_NE)
COMPARE(gt, OP_GT)
COMPARE(ge, OP_GE)

static value is_(interp *in, const value *arg)
{
    (void)in;
    return v_bool(value_same(arg[0], arg[1]));
}

static value is_not(interp *in, const value *arg)
{
    (void)in;
    return v_bool(!value_same(arg[0], arg[1]));
}

static value truth(interp *in, const value *arg)
{
    int t = value_truth(in, arg[0]);
    return t < 0 ? FAIL : v_bool(t);
}

static value not_(interp *in, const value *arg)
{
    int t = value_truth(in, arg[0]);
    return t < 0 ? FAIL : v_bool(!t);
}

static value contains(interp *in, const value *arg)
{
    int r = value_contains(in, arg[0], arg[1]);
    return r < 0 ? FAIL : v_bool(r);
}

static value getitem(interp *in, const value *arg)
{
    return value_getitem(in, arg[0], arg[1]);
}

static value setitem(interp *in, const value *arg)
{
    return value_setitem(in, arg[0], arg[1], arg[2]) ? NONE : FAIL;
}

static value delitem(interp *in, const value *arg)
{
    return value_setitem(in, arg[0], arg[1], FAIL) ? NONE : FAIL;
}

static bool check_sequence(interp *in, value v)
{
    const type *t = type_of(in, v);
    if (t->getitem && !as_dict(v)) return true;
    throw(in, TypeError, "'%s' object can't be concatenated", t->name);
    return false;
}

static value concat(interp *in, const value *arg)
{
    return check_sequence(in, arg[0]) ? value_binary(in, OP_ADD, arg[0], arg[1]) : FAIL;
}

static value iconcat(interp *in, const value *arg)
{
    return check_sequence(in, arg[0]) ? value_inplace(in, OP_ADD, arg[0], arg[1]) : FAIL;
}

/* How many items equal arg[1], or where the first is. */
static value search(interp *in, const value *arg, bool first)
{
    value it = value_iter(in, arg[0]), v;
    if (is_fail(it)) return FAIL;
    int64_t n = 0, i = 0;
    int r;
    for (; (r = iter_next(in, it, &v)) > 0; i++) {
        int eq = value_eq(in, v, arg[1]);
        value_unref(in, v);
        if (eq < 0) r = -1;
        if (eq < 0 || (eq && first)) break;
        n += eq;
    }
    value_unref(in, it);
    if (r < 0) return FAIL;
    if (first && !r) return throw(in, ValueError, "sequence.index(x): x not in sequence");
    return v_int(first ? i : n);
}

static value count_of(interp *in, const value *arg)
{
    return search(in, arg, false);
}

static value index_of_item(interp *in, const value *arg)
{
    return search(in, arg, true);
}

static value length_hint(interp *in, const value *arg)
{
    value f;
    const type *t = type_of(in, arg[0]);
    if (t->length) return v_int(t->length(in, arg[0]));
    int has = value_findattr(in, arg[0], "__length_hint__", &f);
    if (has <= 0) return has ? FAIL : value_ref(arg[1]);
    value r = call_n(in, f, 0);
    value_unref(in, f);
    if (!is_notimpl(r)) return r;
    value_unref(in, r);
    return value_ref(arg[1]);
}

static value call(interp *in, const value *arg)
{
    return call_with(in, arg[0], arg[1], arg[2]);
}

// clang-format off
static const builtin functions[] = {
    {"abs(a, /)", abs_, "abs(a)"},
    {"add(a, b, /)", add, "a + b"},
    {"and_(a, b, /)", and_, "a & b"},
    {"call(obj, /, *args, **kwargs)", call, "obj(*args, **kwargs)"},
    {"concat(a, b, /)", concat, "a + b, of sequences."},
    {"contains(a, b, /)", contains, "b in a: the operands are the other way round."},
    {"countOf(a, b, /)", count_of, "How many items of a are b or equal it."},
    {"delitem(a, b, /)", delitem, "del a[b]"},
    {"eq(a, b, /)", eq, "a == b"},
    {"floordiv(a, b, /)", floordiv, "a // b"},
    {"ge(a, b, /)", ge, "a >= b"},
    {"getitem(a, b, /)", getitem, "a[b]"},
    {"gt(a, b, /)", gt, "a > b"},
    {"iadd(a, b, /)", iadd, "a += b"},
    {"iand(a, b, /)", iand, "a &= b"},
    {"iconcat(a, b, /)", iconcat, "a += b, of sequences."},
    {"ifloordiv(a, b, /)", ifloordiv, "a //= b"},
    {"ilshift(a, b, /)", ilshift, "a <<= b"},
    {"imatmul(a, b, /)", imatmul, "a @= b"},
    {"imod(a, b, /)", imod, "a %= b"},
    {"imul(a, b, /)", imul, "a *= b"},
    {"index(a, /)", index_, "a as an int."},
    {"indexOf(a, b, /)", index_of_item, "Where the first item of a is that equals b."},
    {"inv(a, /)", invert, "~a"},
    {"invert(a, /)", invert, "~a"},
    {"ior(a, b, /)", ior, "a |= b"},
    {"ipow(a, b, /)", ipow, "a **= b"},
    {"irshift(a, b, /)", irshift, "a >>= b"},
    {"is_(a, b, /)", is_, "a is b"},
    {"is_not(a, b, /)", is_not, "a is not b"},
    {"isub(a, b, /)", isub, "a -= b"},
    {"itruediv(a, b, /)", itruediv, "a /= b"},
    {"ixor(a, b, /)", ixor, "a ^= b"},
    {"le(a, b, /)", le, "a <= b"},
    {"length_hint(obj, default=0, /)", length_hint,
     "About how many items obj has."},
    {"lshift(a, b, /)", lshift, "a << b"},
    {"lt(a, b, /)", lt, "a < b"},
    {"matmul(a, b, /)", matmul, "a @ b"},
    {"mod(a, b, /)", mod, "a % b"},
    {"mul(a, b, /)", mul, "a * b"},
    {"ne(a, b, /)", ne, "a != b"},
    {"neg(a, /)", neg, "-a"},
    {"not_(a, /)", not_, "not a"},
    {"or_(a, b, /)", or_, "a | b"},
    {"pos(a, /)", pos, "+a"},
    {"pow(a, b, /)", power, "a ** b"},
    {"rshift(a, b, /)", rshift, "a >> b"},
    {"setitem(a, b, c, /)", setitem, "a[b] = c"},
    {"sub(a, b, /)", sub, "a - b"},
    {"truediv(a, b, /)", truediv, "a / b"},
    {"truth(a, /)", truth, "Whether a is true."},
    {"xor(a, b, /)", xor, "a ^ b"},
    {0},
};
static const char *const dunders[] = { /* also known under these names */
    "abs", "add", "and_", "call", "concat", "contains", "delitem", "eq", "floordiv", "ge",
    "getitem", "gt", "iadd", "iand", "iconcat", "ifloordiv", "ilshift", "imatmul", "imod", "imul",
    "index", "inv", "invert", "ior", "ipow", "irshift", "isub", "itruediv", "ixor", "le", "lshift",
    "lt", "matmul", "mod", "mul", "ne", "neg", "not_", "or_", "pos", "pow", "rshift", "setitem",
    "sub", "truediv", "xor",
};
// clang-format on

/* ---- itemgetter, attrgetter, methodcaller ---- */

typedef struct getter {
    obj hdr;
    tuple *what; /* the items, the names; of methodcaller: its arguments */
    str *name;   /* methodcaller */
    dict *kw;
} getter;

static void drop(interp *in, obj *o)
{
    getter *g = (getter *)o;
    obj_unref(in, g->what);
    obj_unref(in, g->name);
    obj_unref(in, g->kw);
}

static void visit(obj *o, visitor f, void *ctx)
{
    getter *g = (getter *)o;
    if (g->what) f((value){.kind = V_OBJ, .o = &g->what->hdr}, ctx);
    if (g->kw) f((value){.kind = V_OBJ, .o = &g->kw->hdr}, ctx);
}

static value getter_new(interp *in, const type *cls, const value *arg, size_t npos, tuple *kwnames)
{
    const char *name = cls->name;
    if (kwnames && kwnames->n) return throw(in, TypeError, "%s() takes no keyword arguments", name);
    if (!npos) return throw(in, TypeError, "%s expected 1 argument, got 0", name);
    getter *g = obj_new(in, cls, 0);
    if (g && !(g->what = tuple_from(in, arg, (int64_t)npos))) {
        obj_unref(in, g);
        g = NULL;
    }
    return v_obj(g);
}

static value attr_make(interp *in, const type *cls, const value *arg, size_t npos, tuple *kwnames)
{
    for (size_t i = 0; i < npos; i++)
        if (!as_str(arg[i])) return throw(in, TypeError, "attribute name must be a string");
    value v = getter_new(in, cls, arg, npos, kwnames);
    tuple *names = is_fail(v) ? NULL : ((getter *)v.o)->what;
    for (int64_t i = 0; names && i < names->n; i++) { /* interned, they are found at once */
        str *s = as_str(names->at[i]), *name = str_intern(in, s->at, s->nbyte);
        if (!name) break;
        names->at[i] = v_obj(name);
        obj_unref(in, s);
    }
    return v;
}

static value method_make(interp *in, const type *cls, const value *arg, size_t npos, tuple *kwnames)
{
    if (!npos)
        return throw(in, TypeError, "methodcaller needs at least one argument, the method name");
    if (!as_str(arg[0])) return throw(in, TypeError, "method name must be a string");
    getter *g = obj_new(in, cls, 0);
    if (!g) return FAIL;
    g->name = obj_ref(as_str(arg[0]));
    g->what = tuple_from(in, arg + 1, (int64_t)npos - 1);
    g->kw = g->what ? dict_new(in) : NULL;
    bool ok = g->kw;
    for (int64_t i = 0; ok && kwnames && i < kwnames->n; i++)
        ok = dict_set(in, g->kw, kwnames->at[i], arg[npos + (size_t)i]);
    if (ok) return v_obj(g);
    obj_unref(in, g);
    return FAIL;
}

/* a.b.c of v */
static value dotted(interp *in, value v, str *path)
{
    value_ref(v);
    for (const char *p = path->at, *end; !is_fail(v); p = end + 1) {
        end = p + strcspn(p, ".");
        str *name = str_intern(in, p, (size_t)(end - p));
        value next = name ? value_getattr(in, v, name) : FAIL;
        obj_unref(in, name);
        value_unref(in, v);
        v = next;
        if (!*end) break;
    }
    return v;
}

static value item_of(interp *in, value v, value key)
{
    return value_getitem(in, v, key);
}

static value attr_of(interp *in, value v, value name)
{
    str *s = as_str(name);
    return strchr(s->at, '.') ? dotted(in, v, s) : value_getattr(in, v, s);
}

static value get_all(interp *in, const getter *g, const value *arg, size_t npos, tuple *kwnames,
                     value (*one)(interp *, value, value))
{
    const char *name = g->hdr.type->name;
    if (kwnames && kwnames->n) return throw(in, TypeError, "%s() takes no keyword arguments", name);
    if (npos != 1) return throw(in, TypeError, "%s expected 1 argument, got %zu", name, npos);
    if (g->what->n == 1) return one(in, arg[0], g->what->at[0]);
    tuple *t = tuple_new(in, g->what->n);
    for (int64_t i = 0; t && i < t->n; i++) {
        value v = one(in, arg[0], g->what->at[i]);
        if (is_fail(v)) {
            obj_unref(in, t);
            return FAIL;
        }
        t->at[i] = v;
    }
    return v_obj(t);
}

static value item_call(interp *in, value self, const value *arg, size_t npos, tuple *kwnames)
{
    return get_all(in, (getter *)self.o, arg, npos, kwnames, item_of);
}

static value attr_call(interp *in, value self, const value *arg, size_t npos, tuple *kwnames)
{
    return get_all(in, (getter *)self.o, arg, npos, kwnames, attr_of);
}

static value method_call(interp *in, value self, const value *arg, size_t npos, tuple *kwnames)
{
    getter *g = (getter *)self.o;
    if (kwnames && kwnames->n)
        return throw(in, TypeError, "methodcaller() takes no keyword arguments");
    if (npos != 1) return throw(in, TypeError, "methodcaller expected 1 argument, got %zu", npos);
    value f = value_getattr(in, arg[0], g->name);
    if (is_fail(f)) return FAIL;
    value r = call_with(in, f, (value){.kind = V_OBJ, .o = &g->what->hdr},
                        (value){.kind = V_OBJ, .o = &g->kw->hdr});
    value_unref(in, f);
    return r;
}

static const type T_methodcaller;

bool splits_at_blanks(interp *in, value f)
{
    if (f.kind != V_OBJ) return false;
    if (f.o->type == &T_methodcaller) {
        getter *g = (getter *)f.o;
        return str_is(g->name, "split") && !g->what->n && (!g->kw || !g->kw->n);
    }
    value own = value_getattr_c(in, v_type(&T_str), "split");
    bool is = value_same(own, f);
    value_unref(in, own);
    return is;
}

static bool add_repr(interp *in, strbuf *b, value v)
{
    str *s = value_repr(in, v);
    if (s) sb_add(b, s->at, s->nbyte);
    obj_unref(in, s);
    return s;
}

static value repr(interp *in, value self)
{
    getter *g = (getter *)self.o;
    strbuf b = {0};
    bool ok = true;
    int shown = 0;
    value k, v;
    sb_addf(&b, "operator.%s(", self.o->type->name);
    if (g->name) ok = add_repr(in, &b, (value){.kind = V_OBJ, .o = &g->name->hdr}), shown = 1;
    for (int64_t i = 0; ok && i < g->what->n; i++) {
        if (shown++) sb_adds(&b, ", ");
        ok = add_repr(in, &b, g->what->at[i]);
    }
    for (int64_t i = 0; ok && g->kw && dict_next(g->kw, &i, &k, &v);) {
        if (shown++) sb_adds(&b, ", ");
        sb_addf(&b, "%s=", as_str(k) ? as_str(k)->at : "");
        ok = add_repr(in, &b, v);
    }
    sb_addc(&b, ')');
    size_t n;
    char *s = sb_take(&b, &n);
    if (ok) return v_obj(str_take(in, s, n));
    mem_free(s);
    return FAIL;
}

static value or_fail(void *o)
{
    return o ? (value){.kind = V_OBJ, .o = o} : FAIL;
}

static bool save(freezer *f, obj *o)
{
    getter *g = (getter *)(void *)o;
    freeze_value(f, or_fail(g->what));
    freeze_value(f, or_fail(g->name));
    freeze_value(f, or_fail(g->kw));
    return true;
}

static obj *load(thawer *t, const type *cls)
{
    getter *g = obj_new(thawer_interp(t), cls, 0);
    if (!g) return NULL;
    g->what = as_tuple(thaw_value(t));
    g->name = as_str(thaw_value(t));
    g->kw = as_dict(thaw_value(t));
    return &g->hdr;
}

static const crossing cross = {save, load};

#define GETTER                                                                                     \
    TYPE_HEAD, .cross = &cross, .module = "operator", .size = sizeof(getter), .flags = TYPE_GC,    \
               .drop = drop, .visit = visit, .repr = repr

static const type T_itemgetter = {
    GETTER,
    .name = "itemgetter",
    .doc = "A function that gets an item, f(x) is x[2], or a tuple of several.",
    .make = getter_new,
    .call = item_call,
};
static const type T_attrgetter = {
    GETTER,
    .name = "attrgetter",
    .doc = "A function that gets an attribute, f(x) is x.name, or a tuple of several; names may "
           "have dots.",
    .make = attr_make,
    .call = attr_call,
};
static const type T_methodcaller = {
    GETTER,
    .name = "methodcaller",
    .doc = "A function that calls a method: f(x) is x.name(*args, **kwargs).",
    .make = method_make,
    .call = method_call,
};

static bool open_operator(interp *in, module *m)
{
    dict *d = module_dict(m);
    for (size_t i = 0; i < sizeof dunders / sizeof *dunders; i++) {
        char name[32];
        size_t n = strcspn(dunders[i], "_");
        value f = dict_peek(in, d, dunders[i]);
        snprintf(name, sizeof name, "__%.*s__", (int)n, dunders[i]);
        if (!is_fail(f) && !module_put(in, m, name, value_ref(f))) return false;
    }
    return module_put_type(in, m, &T_itemgetter) && module_put_type(in, m, &T_attrgetter) &&
           module_put_type(in, m, &T_methodcaller);
}

const module_def operator_def = {
    .name = "operator",
    .doc = "The operators as functions: add(x, y) is x + y.",
    .table = functions,
    .open = open_operator,
};

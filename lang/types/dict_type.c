/* lang/types/dict_type.c - dict as a type of the language: slots and methods over dict.c. */
#include "engine/base/str.h"
#include "lang/types/alias.h"
#include "lang/interp.h"
#include "lang/lang.h"
#include "lang/types/dict_impl.h"

static dict *self_of(const value *arg)
{
    return as_dict(arg[0]);
}

/* ---- life ---- */

static void drop(interp *in, obj *o)
{
    dict_clear(in, (dict *)o);
}

static void visit(obj *o, visitor f, void *ctx)
{
    dict *d = (dict *)o;
    for (int64_t i = 0; i < d->used; i++) {
        f(d->entry[i].key, ctx);
        f(d->entry[i].val, ctx);
    }
}

/* dict(mapping or pairs, **kwargs) into d */
static bool fill(interp *in, dict *d, const char *name, const value *arg, size_t npos,
                 tuple *kwnames)
{
    if (npos > 1) {
        throw(in, TypeError, "%s expected at most 1 argument, got %zu", name, npos);
        return false;
    }
    if (npos && dict_merge(in, d, arg[0], 0) < 0) return false;
    for (int64_t i = 0; kwnames && i < kwnames->n; i++)
        if (!dict_set(in, d, kwnames->at[i], arg[npos + (size_t)i])) return false;
    return true;
}

static value make(interp *in, const type *cls, const value *arg, size_t npos, tuple *kwnames)
{
    dict *d = obj_new(in, cls, 0);
    if (!d) return FAIL;
    d->version = next_version(in);
    if (cls != &T_dict || fill(in, d, "dict", arg, npos, kwnames)) return v_obj(d);
    obj_unref(in, d); /* a subclass has its own __init__, which sees the arguments */
    return FAIL;
}

/* fill from a bound (*args, **kwargs) */
static bool fill_from(interp *in, dict *d, const char *name, value args, value kwargs)
{
    tuple *t = as_tuple(args);
    return fill(in, d, name, t->at, (size_t)t->n, NULL) && dict_merge(in, d, kwargs, 0) > 0;
}

static value init(interp *in, const value *arg)
{
    return fill_from(in, self_of(arg), "dict", arg[1], arg[2]) ? NONE : FAIL;
}

/* ---- protocol ---- */

static bool add_repr(interp *in, strbuf *b, value v)
{
    value_ref(v);
    str *s = value_repr(in, v);
    value_unref(in, v);
    if (!s) return false;
    sb_add(b, s->at, s->nbyte);
    obj_unref(in, s);
    return true;
}

static bool add_items(interp *in, strbuf *b, dict *d)
{
    for (int64_t i = 0, shown = 0; i < d->used; i++) {
        dict_entry *e = &d->entry[i];
        if (is_fail(e->key)) continue;
        if (shown++) sb_add(b, ", ", 2);
        value val = value_ref(e->val);
        bool ok = add_repr(in, b, e->key);
        sb_add(b, ": ", 2);
        ok = ok && add_repr(in, b, val);
        value_unref(in, val);
        if (!ok) return false;
    }
    return true;
}

static value repr(interp *in, value self)
{
    dict *d = as_dict(self);
    int r = repr_enter(in, &d->hdr);
    if (r <= 0) return r ? FAIL : v_str(in, "{...}");
    strbuf b = {.soft = true};
    sb_addc(&b, '{');
    bool ok = add_items(in, &b, d);
    sb_addc(&b, '}');
    repr_leave(in, &d->hdr);
    if (ok) return v_obj(str_built(in, &b));
    sb_clear(&b);
    return FAIL;
}

static int64_t length(interp *in, value self)
{
    (void)in;
    return as_dict(self)->n;
}

/* the same keys with equal values: 1 0 -1 */
static int same(interp *in, dict *a, dict *b)
{
    if (a->n != b->n) return 0;
    if (!check_depth(in, "in comparison")) return -1;
    for (int64_t i = 0; i < a->used; i++) {
        dict_entry e = a->entry[i];
        int64_t at;
        if (is_fail(e.key)) continue;
        value_ref(e.key), value_ref(e.val);
        int eq = dict_find(in, b, e.key, e.hash, &at);
        if (eq > 0) {
            value other = value_ref(b->entry[at].val);
            eq = value_eq(in, e.val, other);
            value_unref(in, other);
        }
        value_unref(in, e.key), value_unref(in, e.val);
        if (eq <= 0) return eq;
    }
    return 1;
}

static value compare(interp *in, enum cmpop op, value self, value other)
{
    dict *a = as_dict(self), *b = as_dict(other);
    if (!b || (op != OP_EQ && op != OP_NE)) return value_ref(NOTIMPL);
    int eq = same(in, a, b);
    return eq < 0 ? FAIL : v_bool(eq == (op == OP_EQ));
}

static value binary(interp *in, enum binop op, value a, value b)
{
    dict *x = as_dict(a), *y = as_dict(b);
    if (op != OP_OR || !x || !y) return value_ref(NOTIMPL);
    dict *d = dict_copy(in, x);
    if (d && dict_merge(in, d, b, 0) > 0) return v_obj(d);
    obj_unref(in, d);
    return FAIL;
}

static value inplace(interp *in, enum binop op, value self, value other)
{
    if (op != OP_OR) return value_ref(NOTIMPL);
    return dict_update(in, as_dict(self), other) ? value_ref(self) : FAIL;
}

static value missing(interp *in, value self, value key)
{
    const type *t = type_of(in, self);
    value hook = t == &T_dict ? FAIL : type_lookup(in, t, in->name.__missing__);
    return is_fail(hook) ? throw_key(in, key) : call_n(in, hook, 2, self, key);
}

static value getitem(interp *in, value self, value key)
{
    value v;
    int r = dict_get(in, as_dict(self), key, &v);
    if (r > 0) return value_ref(v);
    return r < 0 ? FAIL : missing(in, self, key);
}

static bool setitem(interp *in, value self, value key, value v)
{
    dict *d = as_dict(self);
    if (!is_fail(v)) return dict_set(in, d, key, v);
    int r = dict_del(in, d, key);
    if (!r) throw_key(in, key);
    return r > 0;
}

static int contains(interp *in, value self, value key)
{
    value v;
    return dict_get(in, as_dict(self), key, &v);
}

static value iter(interp *in, value self)
{
    return dict_iter_new(in, as_dict(self), 0, false);
}

/* ---- methods ---- */

value throw_key_text(interp *in, const char *text)
{
    value s = v_str(in, text);
    if (!is_fail(s)) throw_key(in, s);
    value_unref(in, s);
    return FAIL;
}

static value get(interp *in, const value *arg)
{
    value v;
    int r = dict_get(in, self_of(arg), arg[1], &v);
    return r < 0 ? FAIL : value_ref(r ? v : arg[2]);
}

static value setdefault(interp *in, const value *arg)
{
    dict *d = self_of(arg);
    uint64_t hash;
    int64_t i;
    if (!check_mutable(in, &d->hdr) || !value_hash(in, arg[1], &hash)) return FAIL;
    int r = dict_find(in, d, arg[1], hash, &i);
    if (r > 0) return value_ref(d->entry[i].val);
    return !r && dict_set_hashed(in, d, arg[1], hash, arg[2]) ? value_ref(arg[2]) : FAIL;
}

static value pop(interp *in, const value *arg)
{
    value v = dict_pop(in, self_of(arg), arg[1]);
    if (!is_fail(v) || throwing(in)) return v;
    return is_fail(arg[2]) ? throw_key(in, arg[1]) : value_ref(arg[2]);
}

static value popitem(interp *in, const value *arg)
{
    dict *d = self_of(arg);
    value k, v;
    if (!d->n) return throw_key_text(in, "popitem(): dictionary is empty");
    int64_t i = d->used - 1;
    while (is_fail(d->entry[i].key)) i--;
    if (!dict_pop_at(in, d, i, &k, &v)) return FAIL;
    return v_obj(tuple_pack(in, 2, k, v));
}

static value update(interp *in, const value *arg)
{
    return fill_from(in, self_of(arg), "update", arg[1], arg[2]) ? NONE : FAIL;
}

static value clear(interp *in, const value *arg)
{
    dict *d = self_of(arg);
    if (!check_mutable(in, &d->hdr)) return FAIL;
    dict_clear(in, d);
    return NONE;
}

static value copy(interp *in, const value *arg)
{
    return v_obj(dict_copy(in, self_of(arg)));
}

static value keys(interp *in, const value *arg)
{
    return dict_view_new(in, self_of(arg), &T_dict_keys);
}

static value values(interp *in, const value *arg)
{
    return dict_view_new(in, self_of(arg), &T_dict_values);
}

static value items(interp *in, const value *arg)
{
    return dict_view_new(in, self_of(arg), &T_dict_items);
}

static value reversed(interp *in, const value *arg)
{
    return dict_iter_new(in, self_of(arg), 0, true);
}

static bool put_key(interp *in, value d, value key, value v)
{
    if (d.o->type == &T_dict) return dict_set(in, as_dict(d), key, v);
    return value_setitem(in, d, key, v);
}

static value fromkeys(interp *in, const value *arg)
{
    value d = call_n(in, arg[0], 0), key;
    value it = is_fail(d) ? FAIL : value_iter(in, arg[1]);
    int r = is_fail(it) ? -1 : 1;
    while (r > 0 && (r = iter_next(in, it, &key)) > 0) {
        if (!put_key(in, d, key, arg[2])) r = -1;
        value_unref(in, key);
    }
    value_unref(in, it);
    if (!r) return d;
    value_unref(in, d);
    return FAIL;
}

// clang-format off
static const builtin table[] = {
    CLASS_GETITEM,
    {"__init__(self, /, *args, **kwargs)", init,
     "Stores the pairs of a mapping or iterable, and the keywords."},
    {"clear(self, /)", clear, "Empties the dict."},
    {"copy(self, /)", copy, "Another dict of the same keys and values."},
    {"@classmethod fromkeys(cls, iterable, value=None, /)", fromkeys,
     "A dict of the keys, in their order, each with the same value."},
    {"get(self, key, default=None, /)", get,
     "The value of the key, or the default."},
    {"items(self, /)", items,
     "The pairs, as a set that follows changes."},
    {"keys(self, /)", keys, "The keys, as a set that follows changes."},
    {"pop(self, key, default=<unset>, /)", pop,
     "Takes the key out and returns its value, or the default; without one, KeyError."},
    {"popitem(self, /)", popitem,
     "Takes the pair that came last out and returns it; KeyError from an empty dict."},
    {"setdefault(self, key, default=None, /)", setdefault,
     "The value of the key; a key that is not there gets the default first."},
    {"update(self, /, *args, **kwargs)", update,
     "Stores the pairs of a mapping, of what has keys(), or of an iterable, then the keywords."},
    {"values(self, /)", values, "The values, as a collection that follows changes."},
    {"__reversed__(self, /)", reversed, "The keys, the last one first."},
    {0},
};
// clang-format on

const type T_dict = {
    TYPE_HEAD,
    .name = "dict",
    .module = "builtins",
    .doc = "Values found by keys, in the order in which the keys came: of a mapping or an "
           "iterable of pairs, and of keywords.",
    .size = sizeof(dict),
    .flags = TYPE_BASE | TYPE_GC,
    .table = table,
    .drop = drop,
    .visit = visit,
    .make = make,
    .repr = repr,
    .length = length,
    .compare = compare,
    .binary = binary,
    .inplace = inplace,
    .getitem = getitem,
    .setitem = setitem,
    .contains = contains,
    .iter = iter,
};

/* lang/types/set_type.c - set and frozenset as types: slots and methods over set.c. */
#include "engine/base/str.h"
#include "lang/types/alias.h"
#include "lang/interp.h"
#include "lang/lang.h"
#include "lang/types/iter.h"
#include "lang/types/set_impl.h"

static set *self_of(const value *arg)
{
    return as_set(arg[0]);
}

static set *mutable_self(interp *in, const value *arg)
{
    set *s = as_set(arg[0]);
    return check_mutable(in, &s->hdr) ? s : NULL;
}

/* set or frozenset, as the class of s is one or derives from one */
static set *new_like(interp *in, const set *s)
{
    return set_new(in, obj_isa(&s->hdr, &T_frozenset));
}

static value self_value(set *s)
{
    return (value){.kind = V_OBJ, .o = &s->hdr};
}

/* ---- life ---- */

static void drop(interp *in, obj *o)
{
    set_clear(in, (set *)o);
}

static void visit(obj *o, visitor f, void *ctx)
{
    set *s = (set *)o;
    for (uint64_t i = 0; s->at && i <= s->mask; i++) f(s->at[i].key, ctx);
}

static value make_filled(interp *in, const type *cls, value from)
{
    set *s = set_alloc(in, cls);
    if (s && (is_fail(from) || set_update(in, s, from))) return v_obj(s);
    obj_unref(in, s);
    return FAIL;
}

static value make(interp *in, const type *cls, const value *arg, size_t npos, tuple *kwnames)
{
    value from = FAIL;
    if (cls == &T_set && !args_bind(in, "set(iterable=<unset>, /)", arg, npos, kwnames, &from, 1))
        return FAIL; /* a subclass has its own __init__, which sees the arguments */
    value s = make_filled(in, cls, from);
    args_clear(in, &from, 1);
    return s;
}

static value make_frozen(interp *in, const type *cls, const value *arg, size_t npos, tuple *kwnames)
{
    value from;
    if (!args_bind(in, "frozenset(iterable=<unset>, /)", arg, npos, kwnames, &from, 1)) return FAIL;
    if (cls == &T_frozenset && from.kind == V_OBJ && from.o->type == &T_frozenset) return from;
    value s = make_filled(in, cls, from);
    args_clear(in, &from, 1);
    return s;
}

static value init(interp *in, const value *arg)
{
    set *s = mutable_self(in, arg);
    if (!s) return FAIL;
    set_clear(in, s);
    return is_fail(arg[1]) || set_update(in, s, arg[1]) ? NONE : FAIL;
}

/* ---- protocol ---- */

static bool add_members(interp *in, strbuf *b, set *s)
{
    bool first = true;
    for (uint64_t i = 0; s->at && i <= s->mask; i++) {
        value key = value_ref(s->at[i].key);
        if (is_fail(key)) continue;
        str *t = value_repr(in, key);
        value_unref(in, key);
        if (!t) return false;
        if (!first) sb_add(b, ", ", 2);
        first = false;
        sb_add(b, t->at, t->nbyte);
        obj_unref(in, t);
    }
    return true;
}

static value repr(interp *in, value self)
{
    set *s = as_set(self);
    const char *name = s->hdr.type->name;
    int r = repr_enter(in, &s->hdr);
    if (r <= 0) return r ? FAIL : v_obj(str_fmt(in, "%s(...)", name));
    bool plain = s->hdr.type == &T_set;
    strbuf b = {.soft = true};
    if (!s->n || !plain) sb_addf(&b, "%s(", name);
    if (s->n) sb_addc(&b, '{');
    bool ok = add_members(in, &b, s);
    if (s->n) sb_addc(&b, '}');
    if (!s->n || !plain) sb_addc(&b, ')');
    repr_leave(in, &s->hdr);
    if (ok) return v_obj(str_built(in, &b));
    sb_clear(&b);
    return FAIL;
}

static inline uint64_t shuffle(uint64_t h)
{
    return ((h ^ 89869747u) ^ (h << 16)) * 3644798167u;
}

static bool hash_frozen(interp *in, value self, uint64_t *out)
{
    (void)in;
    set *s = as_set(self);
    if (!s->hash) {
        uint64_t h = 0;
        for (uint64_t i = 0; s->at && i <= s->mask; i++)
            if (!is_fail(s->at[i].key)) h ^= shuffle(s->at[i].hash);
        h ^= ((uint64_t)s->n + 1) * 1927868237u;
        h ^= h >> 11 ^ h >> 25;
        h = h * 69069u + 907133923u;
        s->hash = h == UINT64_MAX ? 590923713u : h;
    }
    *out = s->hash;
    return true;
}

static int64_t length(interp *in, value self)
{
    (void)in;
    return as_set(self)->n;
}

static value compare(interp *in, enum cmpop op, value self, value other)
{
    set *a = as_set(self), *b = as_set(other);
    if (!b) return value_ref(NOTIMPL);
    bool down = op == OP_GT || op == OP_GE, strict = op == OP_GT || op == OP_LT;
    int r = down ? set_is_subset(in, b, a) : set_is_subset(in, a, b);
    if (r < 0) return FAIL;
    if (op == OP_EQ || op == OP_NE) return v_bool((r && a->n == b->n) == (op == OP_EQ));
    return v_bool(r && (!strict || a->n != b->n));
}

/* op on two sets, into a new one like a */
static bool combine(interp *in, enum binop op, set *r, set *a, value b)
{
    switch (op) {
    case OP_OR: return set_update(in, r, self_value(a)) && set_update(in, r, b);
    case OP_AND: return set_intersect(in, r, a, b);
    case OP_SUB: return set_difference(in, r, a, b);
    default: return set_update(in, r, b) && set_toggle(in, r, self_value(a));
    }
}

static value combined(interp *in, enum binop op, set *a, value b)
{
    set *r = new_like(in, a);
    if (r && combine(in, op, r, a, b)) return v_obj(r);
    obj_unref(in, r);
    return FAIL;
}

static bool is_set_op(enum binop op)
{
    return op == OP_OR || op == OP_AND || op == OP_SUB || op == OP_XOR;
}

static value binary(interp *in, enum binop op, value a, value b)
{
    if (!is_set_op(op) || !as_set(a) || !as_set(b)) return value_ref(NOTIMPL);
    return combined(in, op, as_set(a), b);
}

static bool intersect_inplace(interp *in, set *s, value with)
{
    set *r = set_new(in, false);
    bool ok = r && set_intersect(in, r, s, with);
    if (ok) set_swap(r, s);
    obj_unref(in, r);
    return ok;
}

static value inplace(interp *in, enum binop op, value self, value other)
{
    if (!is_set_op(op) || !as_set(other)) return value_ref(NOTIMPL);
    set *s = as_set(self);
    if (!check_mutable(in, &s->hdr)) return FAIL;
    bool ok = op == OP_OR    ? set_update(in, s, other)
              : op == OP_AND ? intersect_inplace(in, s, other)
              : op == OP_SUB ? set_subtract(in, s, other)
                             : set_toggle(in, s, other);
    return ok ? value_ref(self) : FAIL;
}

/* A set is looked up as the frozenset it equals. */
static int lookup(interp *in, set *s, value v, int (*f)(interp *, set *, value))
{
    int r = f(in, s, v);
    if (r >= 0 || !as_set(v) || obj_isa(v.o, &T_frozenset) || !exc_is(in, TypeError)) return r;
    exc_clear(in);
    set *frozen = set_of(in, v, true);
    r = frozen ? f(in, s, self_value(frozen)) : -1;
    obj_unref(in, frozen);
    return r;
}

static int contains(interp *in, value self, value v)
{
    return lookup(in, as_set(self), v, set_contains);
}

/* ---- methods ---- */

static value add(interp *in, const value *arg)
{
    set *s = mutable_self(in, arg);
    return s && set_add(in, s, arg[1]) ? NONE : FAIL;
}

static value discard(interp *in, const value *arg)
{
    set *s = mutable_self(in, arg);
    return s && lookup(in, s, arg[1], set_discard) >= 0 ? NONE : FAIL;
}

static value remove_member(interp *in, const value *arg)
{
    set *s = mutable_self(in, arg);
    int r = s ? lookup(in, s, arg[1], set_discard) : -1;
    if (!r) throw_key(in, arg[1]);
    return r > 0 ? NONE : FAIL;
}

static value pop(interp *in, const value *arg)
{
    set *s = mutable_self(in, arg);
    return s ? set_pop(in, s) : FAIL;
}

static value clear(interp *in, const value *arg)
{
    set *s = mutable_self(in, arg);
    if (!s) return FAIL;
    set_clear(in, s);
    return NONE;
}

static value copy_of(interp *in, set *s)
{
    set *r = new_like(in, s);
    if (r && set_update(in, r, self_value(s))) return v_obj(r);
    obj_unref(in, r);
    return FAIL;
}

static value copy(interp *in, const value *arg)
{
    set *s = self_of(arg);
    return s->hdr.type == &T_frozenset ? value_ref(arg[0]) : copy_of(in, s);
}

static value union_with(interp *in, const value *arg)
{
    set *s = self_of(arg);
    tuple *others = as_tuple(arg[1]);
    value r = copy_of(in, s);
    for (int64_t i = 0; !is_fail(r) && i < others->n; i++)
        if (!value_same(arg[0], others->at[i]) && !set_update(in, as_set(r), others->at[i])) {
            value_unref(in, r);
            r = FAIL;
        }
    return r;
}

static value intersection(interp *in, const value *arg)
{
    tuple *others = as_tuple(arg[1]);
    if (!others->n) return copy_of(in, self_of(arg));
    value r = value_ref(arg[0]);
    for (int64_t i = 0; !is_fail(r) && i < others->n; i++) {
        value next = combined(in, OP_AND, as_set(r), others->at[i]);
        value_unref(in, r);
        r = next;
    }
    return r;
}

static value difference(interp *in, const value *arg)
{
    tuple *others = as_tuple(arg[1]);
    if (!others->n) return copy_of(in, self_of(arg));
    value r = combined(in, OP_SUB, self_of(arg), others->at[0]);
    for (int64_t i = 1; !is_fail(r) && i < others->n; i++)
        if (!set_subtract(in, as_set(r), others->at[i])) {
            value_unref(in, r);
            r = FAIL;
        }
    return r;
}

static value symmetric_difference(interp *in, const value *arg)
{
    return combined(in, OP_XOR, self_of(arg), arg[1]);
}

static value update(interp *in, const value *arg)
{
    set *s = mutable_self(in, arg);
    tuple *others = as_tuple(arg[1]);
    if (!s) return FAIL;
    for (int64_t i = 0; i < others->n; i++)
        if (!set_update(in, s, others->at[i])) return FAIL;
    return NONE;
}

static value difference_update(interp *in, const value *arg)
{
    set *s = mutable_self(in, arg);
    tuple *others = as_tuple(arg[1]);
    if (!s) return FAIL;
    for (int64_t i = 0; i < others->n; i++)
        if (!set_subtract(in, s, others->at[i])) return FAIL;
    return NONE;
}

static value intersection_update(interp *in, const value *arg)
{
    set *s = mutable_self(in, arg);
    value r = s ? intersection(in, arg) : FAIL;
    if (is_fail(r)) return FAIL;
    if (as_set(r) != s) set_swap(s, as_set(r));
    value_unref(in, r);
    return NONE;
}

static value symmetric_difference_update(interp *in, const value *arg)
{
    set *s = mutable_self(in, arg);
    return s && set_toggle(in, s, arg[1]) ? NONE : FAIL;
}

static value isdisjoint(interp *in, const value *arg)
{
    set *s = self_of(arg);
    value it = value_iter(in, arg[1]), v;
    if (is_fail(it)) return FAIL;
    int r, found = 0;
    while (!found && (r = iter_next(in, it, &v)) > 0) {
        found = set_contains(in, s, v);
        value_unref(in, v);
    }
    value_unref(in, it);
    return throwing(in) ? FAIL : v_bool(!found);
}

/* arg[1] as a set, owned */
static set *other_set(interp *in, const value *arg)
{
    set *s = as_set(arg[1]);
    return s ? obj_ref(s) : set_of(in, arg[1], false);
}

static value issubset(interp *in, const value *arg)
{
    set *other = other_set(in, arg);
    int r = other ? set_is_subset(in, self_of(arg), other) : -1;
    obj_unref(in, other);
    return r < 0 ? FAIL : v_bool(r);
}

static value issuperset(interp *in, const value *arg)
{
    set *other = other_set(in, arg);
    int r = other ? set_is_subset(in, other, self_of(arg)) : -1;
    obj_unref(in, other);
    return r < 0 ? FAIL : v_bool(r);
}

/* ---- iteration ---- */

typedef struct set_iter {
    obj hdr;
    set *of; /* NULL: exhausted */
    int64_t i, n;
} set_iter;

static const type T_set_iter;

static value iter(interp *in, value self)
{
    set_iter *it = obj_new(in, &T_set_iter, 0);
    if (!it) return FAIL;
    it->of = obj_ref(as_set(self));
    it->n = it->of->n;
    return v_obj(it);
}

static value iter_step(interp *in, value self)
{
    set_iter *it = (set_iter *)self.o;
    value v;
    if (!it->of) return FAIL;
    if (it->n != it->of->n) {
        it->n = -1; /* it stays broken */
        return throw(in, RuntimeError, "Set changed size during iteration");
    }
    if (set_walk(it->of, &it->i, &v)) return value_ref(v);
    obj_unref(in, it->of);
    it->of = NULL;
    return FAIL;
}

static void iter_drop(interp *in, obj *o)
{
    obj_unref(in, ((set_iter *)o)->of);
}

static void iter_visit(obj *o, visitor f, void *ctx)
{
    set_iter *it = (set_iter *)o;
    if (it->of) f(self_value(it->of), ctx);
}

static const type T_set_iter = {
    TYPE_HEAD,         .name = "set_iterator", .module = "builtins", .size = sizeof(set_iter),
    .flags = TYPE_GC,  .drop = iter_drop,      .visit = iter_visit,  .iter = iter_self,
    .next = iter_step,
};

// clang-format off
#define SHARED_METHODS                                                                             \
    {"copy(self, /)", copy, "Another set of the same elements."},                                    \
    {"difference(self, /, *others)", difference,                                                   \
     "What is in this set and in none of the others."},                                            \
    {"intersection(self, /, *others)", intersection,                                               \
     "What is in this set and in all of the others."},                                             \
    {"isdisjoint(self, other, /)", isdisjoint,                                                     \
     "Whether no element is in both."},                                                            \
    {"issubset(self, other, /)", issubset, "Whether all elements are in the other."},       \
    {"issuperset(self, other, /)", issuperset, "Whether all of the other are in here."},   \
    {"symmetric_difference(self, other, /)", symmetric_difference,                                 \
     "What is in one of the two sets, but not in both."},                                          \
    {"union(self, /, *others)", union_with,                                                          \
     "What is in this set or in one of the others."}

static const builtin set_table[] = {
    SHARED_METHODS,
    CLASS_GETITEM,
    {"__init__(self, iterable=<unset>, /)", init,
     "Makes the set hold the items of an iterable."},
    {"add(self, object, /)", add,
     "Puts an element in, if it is not there."},
    {"clear(self, /)", clear, "Takes everything out."},
    {"difference_update(self, /, *others)", difference_update,
     "Takes out what is in one of the others."},
    {"discard(self, object, /)", discard,
     "Takes an element out, if it is there."},
    {"intersection_update(self, /, *others)", intersection_update,
     "Takes out what is not in all of the others."},
    {"pop(self, /)", pop,
     "Remove and return an arbitrary set element.\nRaises KeyError if the set is empty."},
    {"remove(self, object, /)", remove_member,
     "Takes an element out; KeyError when it is not there."},
    {"symmetric_difference_update(self, other, /)", symmetric_difference_update,
     "Takes out what is in both and puts in what is only in the other."},
    {"update(self, /, *others)", update,
     "Puts in what is in one of the others."},
    {0},
};

static const builtin frozen_table[] = {SHARED_METHODS, CLASS_GETITEM, {0}};
// clang-format on

#define SET                                                                                        \
    TYPE_HEAD, .module = "builtins", .size = sizeof(set), .flags = TYPE_BASE | TYPE_GC,            \
               .drop = drop, .visit = visit, .repr = repr, .length = length, .compare = compare,   \
               .binary = binary, .contains = contains, .iter = iter

const type T_set = {
    SET,
    .name = "set",
    .doc = "Elements in no order, each once: of an iterable, or none.",
    .table = set_table,
    .make = make,
    .inplace = inplace,
};

const type T_frozenset = {
    SET,
    .name = "frozenset",
    .doc = "Elements in no order, each once, that cannot change: of an iterable, or none.",
    .table = frozen_table,
    .make = make_frozen,
    .hash = hash_frozen,
};

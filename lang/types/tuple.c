/* lang/types/tuple.c - tuple, with its items behind the header. */
#include <stdarg.h>
#include <string.h>

#include "lang/types/alias.h"
#include "lang/bin.h"
#include "lang/lang.h"
#include "lang/types/iter.h"
#include "lang/words.h"

/* ---- life ---- */

/* Its items are FAIL yet. */
static tuple *blank(interp *in, const type *t, int64_t n)
{
    if (n < 0 || n > INT64_MAX / (int64_t)sizeof(value) - 64)
        return THROW0(in, MemoryError, "%s", "");
    tuple *x = obj_new(in, t, (size_t)n * sizeof(value));
    if (x) x->n = n;
    return x;
}

static tuple *alloc(interp *in, const type *t, int64_t n)
{
    tuple *x = blank(in, t, n);
    for (int64_t i = 0; x && i < n; i++) {
        if (i && !goes_on(in, (size_t)i)) return obj_unref(in, x), NULL;
        x->at[i] = NONE;
    }
    return x;
}

/* n items, every step-th, to where nothing is yet; false: interrupted */
static bool copy(interp *in, value *at, const value *from, int64_t n, int64_t step)
{
    return items_copy(in, at, from, n, step) == n;
}

tuple *tuple_new(interp *in, int64_t n)
{
    return alloc(in, &T_tuple, n);
}

tuple *tuple_again(interp *in, tuple **last, int64_t n)
{
    tuple *t = *last;
    if (t && t->hdr.rc == 1 && t->n == n) {
        for (int64_t i = 0; i < n; i++) {
            set_words(in, &t->at[i], V_NONE, 0);
        }
        return obj_ref(t);
    }
    obj_unref(in, t);
    *last = t = tuple_new(in, n);
    return obj_ref(t);
}

tuple *tuple_from(interp *in, const value *at, int64_t n)
{
    tuple *t = blank(in, &T_tuple, n);
    if (t && !copy(in, t->at, at, n, 1)) return obj_unref(in, t), NULL;
    return t;
}

tuple *tuple_of(interp *in, value iterable)
{
    if (iterable.kind == V_OBJ && iterable.o->type == &T_tuple) return obj_ref((tuple *)iterable.o);
    list *l = iterable.kind == V_OBJ && iterable.o->type == &T_list
                  ? obj_ref((list *)iterable.o) /* no user code runs while it is copied */
                  : list_of(in, iterable);
    if (!l) return NULL;
    tuple *t = tuple_from(in, l->at, l->n);
    obj_unref(in, l);
    return t;
}

tuple *tuple_pack(interp *in, int n, ...)
{
    tuple *t = tuple_new(in, n);
    bool ok = t;
    va_list ap;
    va_start(ap, n);
    for (int i = 0; i < n; i++) {
        value v = va_arg(ap, value);
        if (is_fail(v)) ok = false;
        if (t && !is_fail(v))
            t->at[i] = v;
        else
            value_unref(in, v);
    }
    va_end(ap);
    if (ok) return t;
    obj_unref(in, t);
    return NULL;
}

static void drop(interp *in, obj *o)
{
    tuple *t = (tuple *)o;
    if (t->n < PILE_LEAST)
        for (int64_t i = t->n; i--;) value_unref(in, t->at[i]);
    else
        pile_drop(in, (pile){.next = (char *)(t->at + t->n - 1),
                             .step = -(ptrdiff_t)sizeof *t->at,
                             .n = t->n,
                             .nvalue = 1,
                             .owner = o});
}

static void visit(obj *o, visitor f, void *ctx)
{
    tuple *t = (tuple *)o;
    for (int64_t i = 0; i < t->n; i++) f(t->at[i], ctx);
}

static value make(interp *in, const type *cls, const value *arg, size_t npos, tuple *kwnames)
{
    value from;
    if (!args_bind(in, "tuple(iterable=(), /)", arg, npos, kwnames, &from, 1)) return FAIL;
    tuple *t = tuple_of(in, from);
    args_clear(in, &from, 1);
    if (!t || cls == &T_tuple) return v_obj(t);
    tuple *x = blank(in, cls, t->n);
    if (x && !copy(in, x->at, t->at, t->n, 1)) obj_unref(in, x), x = NULL;
    obj_unref(in, t);
    return v_obj(x);
}

/* ---- protocol ---- */

static value repr(interp *in, value self)
{
    tuple *t = as_tuple(self);
    value *at = t->at;
    int r = repr_enter(in, &t->hdr);
    if (r <= 0) return r ? FAIL : v_str(in, "(...)");
    value s = seq_repr(in, &at, &t->n, "(", ")", true);
    repr_leave(in, &t->hdr);
    return s;
}

/* Python's own: the xxHash way, so that hash(()) and sets of tuples show as they do there */
static bool hash(interp *in, value self, uint64_t *out)
{
    const uint64_t p1 = 11400714785074694791u, p2 = 14029467366897019727u,
                   p5 = 2870177450012600261u;
    tuple *t = as_tuple(self);
    uint64_t acc = p5, lane;
    if (!check_stack(in)) return false;
    for (int64_t i = 0; i < t->n; i++) {
        if (!value_hash(in, t->at[i], &lane)) return false;
        acc += lane * p2;
        acc = (acc << 31 | acc >> 33) * p1;
    }
    acc += (uint64_t)t->n ^ (p5 ^ 3527539u);
    *out = acc == UINT64_MAX ? 1546275796u : acc;
    return true;
}

static int64_t length(interp *in, value self)
{
    (void)in;
    return as_tuple(self)->n;
}

static value compare(interp *in, enum cmpop op, value self, value other)
{
    tuple *a = as_tuple(self), *b = as_tuple(other);
    if (!b) return value_ref(NOTIMPL);
    value *x = a->at, *y = b->at;
    return seq_compare(in, op, &x, &a->n, &y, &b->n);
}

static value concat(interp *in, tuple *a, tuple *b)
{
    if (!a->n && b->hdr.type == &T_tuple) return v_obj(obj_ref(b));
    if (!b->n && a->hdr.type == &T_tuple) return v_obj(obj_ref(a));
    tuple *t = blank(in, &T_tuple, a->n + b->n);
    if (!t) return FAIL;
    if (copy(in, t->at, a->at, a->n, 1) && copy(in, t->at + a->n, b->at, b->n, 1)) return v_obj(t);
    obj_unref(in, t);
    return FAIL;
}

static value repeat(interp *in, tuple *a, value count)
{
    int64_t times, n;
    int r = index_of(in, count, &times);
    if (r <= 0) return r ? FAIL : value_ref(NOTIMPL);
    if (times < 0) times = 0;
    if (__builtin_mul_overflow(times, a->n, &n)) return throw(in, MemoryError, "%s", "");
    tuple *t = blank(in, &T_tuple, n);
    for (int64_t i = 0; t && i < n; i += a->n)
        if (!copy(in, t->at + i, a->at, a->n, 1) || !goes_on(in, (size_t)i))
            return obj_unref(in, t), FAIL;
    return v_obj(t);
}

static value binary(interp *in, enum binop op, value a, value b)
{
    tuple *x = as_tuple(a), *y = as_tuple(b);
    if (op == OP_ADD && x && y) return concat(in, x, y);
    if (op == OP_MUL && !(x && y)) return x ? repeat(in, x, b) : repeat(in, y, a);
    return value_ref(NOTIMPL);
}

static value getslice(interp *in, tuple *t, const slice *s)
{
    int64_t start, stop, step, n;
    if (!slice_indices(in, s, t->n, &start, &stop, &step, &n)) return FAIL;
    if (n == t->n && step == 1 && t->hdr.type == &T_tuple) return v_obj(obj_ref(t));
    tuple *r = blank(in, &T_tuple, n);
    if (r && !copy(in, r->at, t->at + start, n, step)) obj_unref(in, r), r = NULL;
    return v_obj(r);
}

static value getitem(interp *in, value self, value key)
{
    tuple *t = as_tuple(self);
    int64_t i;
    if (as_slice(key)) return getslice(in, t, as_slice(key));
    return check_index(in, key, &t->n, "tuple", "index", &i) ? value_ref(t->at[i]) : FAIL;
}

static int contains(interp *in, value self, value item)
{
    tuple *t = as_tuple(self);
    value *at = t->at;
    int64_t i = seq_find(in, &at, &t->n, item, 0, INT64_MAX);
    return i == -2 ? -1 : i >= 0;
}

/* ---- methods ---- */

static value index_method(interp *in, const value *arg)
{
    tuple *t = as_tuple(arg[0]);
    value *at = t->at;
    int64_t from, to;
    if (!to_index_clamped(in, arg[2], &from) || !to_index_clamped(in, arg[3], &to)) return FAIL;
    if (from < 0) from = from + t->n < 0 ? 0 : from + t->n;
    if (to < 0) to += t->n;
    int64_t i = seq_find(in, &at, &t->n, arg[1], from, to);
    if (i == -1) throw(in, ValueError, "tuple.index(x): x not in tuple");
    return i < 0 ? FAIL : v_int(i);
}

static value count(interp *in, const value *arg)
{
    tuple *t = as_tuple(arg[0]);
    value *at = t->at;
    int64_t n = 0;
    for (int64_t i = -1; (i = seq_find(in, &at, &t->n, arg[1], i + 1, INT64_MAX)) != -1; n++)
        if (i == -2 || !goes_on(in, (size_t)n)) return FAIL;
    return v_int(n);
}

static value getnewargs(interp *in, const value *arg)
{
    tuple *t = as_tuple(arg[0]);
    return v_obj(tuple_pack(in, 1, v_obj(tuple_from(in, t->at, t->n))));
}

static const builtin table[] = {
    CLASS_GETITEM,
    {"count(self, value, /)", count, "How many items equal the value."},
    {"index(self, value, start=0, stop=9223372036854775807, /)", index_method,
     "Where the value is first between start and stop; ValueError when nowhere."},
    {"__getnewargs__(self, /)", getnewargs, NULL},
    {0},
};

/* ---- iteration ---- */

static value iter(interp *in, value self)
{
    tuple_iter *it = obj_new(in, &T_tuple_iter, 0);
    if (it) it->of = obj_ref(as_tuple(self));
    return v_obj(it);
}

static void iter_drop(interp *in, obj *o)
{
    obj_unref(in, ((tuple_iter *)o)->of);
}

static void iter_visit(obj *o, visitor f, void *ctx)
{
    tuple_iter *it = (tuple_iter *)o;
    if (it->of) f((value){.kind = V_OBJ, .o = &it->of->hdr}, ctx);
}

static value iter_step(interp *in, value self)
{
    tuple_iter *it = (tuple_iter *)self.o;
    if (!it->of) return FAIL;
    if (it->i < it->of->n) return value_ref(it->of->at[it->i++]);
    obj_unref(in, it->of);
    it->of = NULL;
    return FAIL;
}

static value iter_hint(interp *in, const value *arg)
{
    (void)in;
    tuple_iter *it = (tuple_iter *)arg[0].o;
    return v_int(it->of ? it->of->n - it->i : 0);
}

static const builtin iter_table[] = {
    {"__length_hint__(self, /)", iter_hint, "About how many items are left."},
    {0},
};

const type T_tuple_iter = {
    TYPE_HEAD,         .name = "tuple_iterator", .module = "builtins", .size = sizeof(tuple_iter),
    .flags = TYPE_GC,  .table = iter_table,      .drop = iter_drop,    .visit = iter_visit,
    .iter = iter_self, .next = iter_step,
};

const type T_tuple = {
    TYPE_HEAD,
    .name = "tuple",
    .module = "builtins",
    .doc = "Items in an order, that cannot change: of an iterable, or none.",
    .size = sizeof(tuple),
    .flags = TYPE_BASE | TYPE_GC,
    .table = table,
    .drop = drop,
    .visit = visit,
    .make = make,
    .repr = repr,
    .hash = hash,
    .length = length,
    .compare = compare,
    .binary = binary,
    .getitem = getitem,
    .contains = contains,
    .iter = iter,
};

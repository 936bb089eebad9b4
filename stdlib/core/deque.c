/* stdlib/core/deque.c - deque.
 *
 * A deque is a ring: item i is at[(first + i) & mask].  `version` changes with every change of
 * length, so that iterators notice.  Over 600 lines: one type, its ring and its iterators. */
#include <string.h>

#include "engine/base/mem.h"
#include "engine/base/str.h"
#include "lang/types/iter.h"
#include "lang/freeze.h"
#include "stdlib/core/collections.h"

typedef struct deque {
    obj hdr;
    int64_t n, first, mask; /* mask -1: nothing allocated */
    int64_t max;            /* -1: no bound */
    uint64_t version;
    value *at;
} deque;

static deque *as_deque(value v)
{
    return (deque *)as_obj(v, &T_deque);
}

static inline value *slot(const deque *d, int64_t i)
{
    return &d->at[(d->first + i) & d->mask];
}

static deque *alloc(interp *in, const type *cls, int64_t max)
{
    deque *d = obj_new(in, cls, 0);
    if (!d) return NULL;
    d->mask = -1;
    d->max = max;
    return d;
}

/* ---- the ring ---- */

static bool grow(interp *in, deque *d)
{
    int64_t cap = (d->mask + 1) * 2;
    if (cap < 8) cap = 8;
    value *at = lang_grow(in, NULL, cap, sizeof *at);
    if (!at) return false;
    int64_t head = d->n < d->mask + 1 - d->first ? d->n : d->mask + 1 - d->first;
    size_t each = sizeof *at;
    if (d->n && (!memory_copy(in, at, d->at + d->first, (size_t)head * each) ||
                 !memory_copy(in, at + head, d->at, (size_t)(d->n - head) * each)))
        return mem_free(at), false;
    mem_free(d->at);
    d->at = at;
    d->mask = cap - 1;
    d->first = 0;
    return true;
}

static value take_first(deque *d)
{
    value v = *slot(d, 0);
    d->first = (d->first + 1) & d->mask;
    d->n--;
    d->version++;
    return v;
}

static value take_last(deque *d)
{
    d->version++;
    return *slot(d, --d->n);
}

/* Takes v; a full bounded deque lets go of the other end. */
static bool push_last(interp *in, deque *d, value v)
{
    if (d->n > d->mask && !grow(in, d)) {
        value_unref(in, v);
        return false;
    }
    *slot(d, d->n++) = v;
    d->version++;
    if (d->max >= 0 && d->n > d->max) value_unref(in, take_first(d));
    return true;
}

static bool push_first(interp *in, deque *d, value v)
{
    if (d->n > d->mask && !grow(in, d)) {
        value_unref(in, v);
        return false;
    }
    d->first = (d->first - 1) & d->mask;
    d->n++;
    *slot(d, 0) = v;
    d->version++;
    if (d->max >= 0 && d->n > d->max) value_unref(in, take_last(d));
    return true;
}

static void clear_all(interp *in, deque *d)
{
    deque old = *d;
    d->at = NULL;
    d->n = d->first = 0;
    d->mask = -1;
    d->version++;
    for (int64_t i = old.n; i <= old.mask; i++) *slot(&old, i) = FAIL;
    values_drop(in, old.at, old.mask + 1);
}

static bool push_all(interp *in, deque *d, value iterable, bool (*push)(interp *, deque *, value))
{
    value copy = FAIL;
    if (as_deque(iterable) == d) iterable = copy = v_obj(list_of(in, iterable));
    value it = is_fail(iterable) ? FAIL : value_iter(in, iterable), v;
    value_unref(in, copy);
    if (is_fail(it)) return false;
    int r;
    while ((r = iter_next(in, it, &v)) > 0)
        if (!push(in, d, v)) break;
    value_unref(in, it);
    return !r;
}

static void rotate_by(deque *d, int64_t k)
{
    if (d->n < 2) return;
    k %= d->n;
    if (k < 0) k += d->n;
    if (k <= d->n / 2)
        for (; k; k--) { /* the last becomes the first */
            value v = *slot(d, d->n - 1);
            d->first = (d->first - 1) & d->mask;
            *slot(d, 0) = v;
        }
    else
        for (k = d->n - k; k; k--) {
            value v = *slot(d, 0);
            d->first = (d->first + 1) & d->mask;
            *slot(d, d->n - 1) = v;
        }
    d->version++;
}

/* ---- life ---- */

static void drop(interp *in, obj *o)
{
    clear_all(in, (deque *)o);
}

static void visit(obj *o, visitor f, void *ctx)
{
    deque *d = (deque *)o;
    for (int64_t i = 0; i < d->n; i++) f(*slot(d, i), ctx);
}

static bool max_arg(interp *in, value v, int64_t *max)
{
    *max = -1;
    if (is_none(v)) return true;
    int r = index_of(in, v, max);
    if (r > 0 && *max >= 0) return true;
    if (r > 0)
        throw(in, ValueError, "maxlen must be non-negative");
    else if (!r)
        throw(in, TypeError, "an integer is required");
    return false;
}

static value make(interp *in, const type *cls, const value *arg, size_t npos, tuple *kwnames)
{
    if (cls != &T_deque) return v_obj(alloc(in, cls, -1)); /* its __init__ does the rest */
    value a[2];
    int64_t max;
    if (!args_bind(in, "deque(iterable=(), maxlen=None)", arg, npos, kwnames, a, 2)) return FAIL;
    deque *d = max_arg(in, a[1], &max) ? alloc(in, cls, max) : NULL;
    if (d && !push_all(in, d, a[0], push_last)) {
        obj_unref(in, d);
        d = NULL;
    }
    args_clear(in, a, 2);
    return v_obj(d);
}

static value init(interp *in, const value *arg)
{
    deque *d = as_deque(arg[0]);
    if (!check_mutable(in, &d->hdr) || !max_arg(in, arg[2], &d->max)) return FAIL;
    clear_all(in, d);
    return push_all(in, d, arg[1], push_last) ? NONE : FAIL;
}

/* ---- protocol ---- */

static value repr(interp *in, value self)
{
    deque *d = as_deque(self);
    int r = repr_enter(in, &d->hdr);
    if (r <= 0) return r ? FAIL : v_str(in, "[...]");
    list *l = list_of(in, self);
    str *s = l ? value_repr(in, v_obj(l)) : NULL, *t = NULL;
    obj_unref(in, l);
    repr_leave(in, &d->hdr);
    const char *name = self.o->type->name;
    if (s)
        t = d->max < 0 ? str_fmt(in, "%s(%s)", name, s->at)
                       : str_fmt(in, "%s(%s, maxlen=%lld)", name, s->at, (long long)d->max);
    obj_unref(in, s);
    return v_obj(t);
}

static int64_t length(interp *in, value self)
{
    (void)in;
    return as_deque(self)->n;
}

static value compare(interp *in, enum cmpop op, value self, value other)
{
    if (!as_deque(other)) return value_ref(NOTIMPL);
    list *a = list_of(in, self), *b = a ? list_of(in, other) : NULL;
    value r = b ? seq_compare(in, op, &a->at, &a->n, &b->at, &b->n) : FAIL;
    obj_unref(in, a);
    obj_unref(in, b);
    return r;
}

static bool push_items(interp *in, deque *d, const deque *from, int64_t n)
{
    bool ok = true;
    for (int64_t i = 0; ok && i < n; i++) {
        ok = push_last(in, d, value_ref(*slot(from, i)));
        if (i % 4096 == 4095) ok = ok && check_interrupt(in);
    }
    return ok;
}

static deque *copy_of(interp *in, const deque *d)
{
    deque *c = alloc(in, &T_deque, d->max);
    if (!c || push_items(in, c, d, d->n)) return c;
    obj_unref(in, c);
    return NULL;
}

static bool repeat_in_place(interp *in, deque *d, int64_t times)
{
    int64_t n = d->n;
    if (times <= 0) clear_all(in, d);
    if (d->max >= 0 && n && times > d->max / n + 2) times = d->max / n + 2;
    deque *once = times > 1 ? copy_of(in, d) : NULL;
    bool ok = times <= 1 || once;
    for (int64_t k = 1; ok && k < times; k++) ok = push_items(in, d, once, n);
    obj_unref(in, once);
    return ok;
}

static value binary(interp *in, enum binop op, value a, value b)
{
    deque *x = as_deque(a), *y = as_deque(b), *r;
    int64_t times;
    if (op == OP_ADD && x && y) {
        r = copy_of(in, x);
        if (r && push_all(in, r, b, push_last)) return v_obj(r);
        obj_unref(in, r);
        return FAIL;
    }
    if (op != OP_MUL || (x && y)) return value_ref(NOTIMPL);
    int is = index_of(in, x ? b : a, &times);
    if (is <= 0) return is ? FAIL : value_ref(NOTIMPL);
    r = copy_of(in, x ? x : y);
    if (r && repeat_in_place(in, r, times)) return v_obj(r);
    obj_unref(in, r);
    return FAIL;
}

static value inplace(interp *in, enum binop op, value self, value other)
{
    deque *d = as_deque(self);
    int64_t times;
    if (op != OP_ADD && op != OP_MUL) return value_ref(NOTIMPL);
    if (!check_mutable(in, &d->hdr)) return FAIL;
    if (op == OP_ADD) return push_all(in, d, other, push_last) ? value_ref(self) : FAIL;
    int is = index_of(in, other, &times);
    if (is <= 0) return is ? FAIL : value_ref(NOTIMPL);
    return repeat_in_place(in, d, times) ? value_ref(self) : FAIL;
}

static bool place(interp *in, deque *d, value key, int64_t *i)
{
    int r = index_of(in, key, i);
    if (r <= 0) {
        if (!r)
            throw(in, TypeError, "sequence index must be integer, not '%s'",
                  type_of(in, key)->name);
        return false;
    }
    if (*i < 0) *i += d->n;
    if (*i >= 0 && *i < d->n) return true;
    throw(in, IndexError, "deque index out of range");
    return false;
}

static value getitem(interp *in, value self, value key)
{
    deque *d = as_deque(self);
    int64_t i;
    return place(in, d, key, &i) ? value_ref(*slot(d, i)) : FAIL;
}

/* Takes item i out and closes the gap. */
static value take(deque *d, int64_t i)
{
    value v = *slot(d, i);
    for (; i + 1 < d->n; i++) *slot(d, i) = *slot(d, i + 1);
    d->n--;
    d->version++;
    return v;
}

static bool setitem(interp *in, value self, value key, value v)
{
    deque *d = as_deque(self);
    int64_t i;
    if (!check_mutable(in, &d->hdr) || !place(in, d, key, &i)) return false;
    value old = is_fail(v) ? take(d, i) : *slot(d, i);
    if (!is_fail(v)) *slot(d, i) = value_ref(v);
    value_unref(in, old);
    return true;
}

/* Offset of the first item equal to v in [from, to), -1 none, -2 failed. */
static int64_t find(interp *in, deque *d, value v, int64_t from, int64_t to)
{
    uint64_t version = d->version;
    for (int64_t i = from; i < to && i < d->n; i++) {
        value x = value_ref(*slot(d, i));
        int eq = value_eq(in, x, v);
        value_unref(in, x);
        if (eq > 0) return i;
        if (i % 4096 == 4095 && !check_interrupt(in)) return -2;
        if (eq >= 0 && d->version == version) continue;
        if (eq >= 0) throw(in, RuntimeError, "deque mutated during iteration");
        return -2;
    }
    return -1;
}

static int contains(interp *in, value self, value v)
{
    deque *d = as_deque(self);
    int64_t i = find(in, d, v, 0, d->n);
    return i == -2 ? -1 : i >= 0;
}

/* ---- methods ---- */

static deque *mutable_self(interp *in, const value *arg)
{
    deque *d = as_deque(arg[0]);
    return check_mutable(in, &d->hdr) ? d : NULL;
}

static value append(interp *in, const value *arg)
{
    deque *d = mutable_self(in, arg);
    return d && push_last(in, d, value_ref(arg[1])) ? NONE : FAIL;
}

static value appendleft(interp *in, const value *arg)
{
    deque *d = mutable_self(in, arg);
    return d && push_first(in, d, value_ref(arg[1])) ? NONE : FAIL;
}

static value extend(interp *in, const value *arg)
{
    deque *d = mutable_self(in, arg);
    return d && push_all(in, d, arg[1], push_last) ? NONE : FAIL;
}

static value extendleft(interp *in, const value *arg)
{
    deque *d = mutable_self(in, arg);
    return d && push_all(in, d, arg[1], push_first) ? NONE : FAIL;
}

static value pop(interp *in, const value *arg)
{
    deque *d = mutable_self(in, arg);
    if (!d) return FAIL;
    return d->n ? take_last(d) : throw(in, IndexError, "pop from an empty deque");
}

static value popleft(interp *in, const value *arg)
{
    deque *d = mutable_self(in, arg);
    if (!d) return FAIL;
    return d->n ? take_first(d) : throw(in, IndexError, "pop from an empty deque");
}

static value clear(interp *in, const value *arg)
{
    deque *d = mutable_self(in, arg);
    if (!d) return FAIL;
    clear_all(in, d);
    return NONE;
}

static value copy(interp *in, const value *arg)
{
    return v_obj(copy_of(in, as_deque(arg[0])));
}

static value count(interp *in, const value *arg)
{
    deque *d = as_deque(arg[0]);
    int64_t n = 0;
    for (int64_t i = -1; (i = find(in, d, arg[1], i + 1, d->n)) != -1; n++)
        if (i == -2) return FAIL;
    return v_int(n);
}

static value index_method(interp *in, const value *arg)
{
    deque *d = as_deque(arg[0]);
    int64_t from = 0, to = d->n;
    if (!to_index_clamped(in, arg[2], &from)) return FAIL;
    if (!is_fail(arg[3]) && !to_index_clamped(in, arg[3], &to)) return FAIL;
    if (from < 0) from = from + d->n < 0 ? 0 : from + d->n;
    if (to < 0) to += d->n;
    int64_t i = find(in, d, arg[1], from, to);
    if (i == -2) return FAIL;
    if (i >= 0) return v_int(i);
    str *s = value_repr(in, arg[1]);
    if (s) throw(in, ValueError, "%s is not in deque", s->at);
    obj_unref(in, s);
    return FAIL;
}

static value insert(interp *in, const value *arg)
{
    deque *d = mutable_self(in, arg);
    int64_t i;
    if (!d || !to_index_clamped(in, arg[1], &i)) return FAIL;
    if (d->max >= 0 && d->n >= d->max)
        return throw(in, IndexError, "deque already at its maximum size");
    if (i < 0) i = i + d->n < 0 ? 0 : i + d->n;
    if (!push_last(in, d, value_ref(arg[2]))) return FAIL;
    for (int64_t k = d->n - 1; k > i; k--) {
        value t = *slot(d, k);
        *slot(d, k) = *slot(d, k - 1);
        *slot(d, k - 1) = t;
    }
    return NONE;
}

static value remove_item(interp *in, const value *arg)
{
    deque *d = mutable_self(in, arg);
    int64_t i = d ? find(in, d, arg[1], 0, d->n) : -2;
    if (i == -2) return FAIL;
    if (i >= 0) {
        value_unref(in, take(d, i));
        return NONE;
    }
    str *s = value_repr(in, arg[1]);
    if (s) throw(in, ValueError, "%s is not in deque", s->at);
    obj_unref(in, s);
    return FAIL;
}

static value reverse(interp *in, const value *arg)
{
    deque *d = mutable_self(in, arg);
    if (!d) return FAIL;
    for (int64_t i = 0, j = d->n - 1; i < j; i++, j--) {
        value t = *slot(d, i);
        *slot(d, i) = *slot(d, j);
        *slot(d, j) = t;
    }
    return NONE;
}

static value rotate(interp *in, const value *arg)
{
    deque *d = mutable_self(in, arg);
    int64_t k;
    if (!d || !to_int64(in, arg[1], &k)) return FAIL;
    rotate_by(d, k);
    return NONE;
}

static value get_maxlen(interp *in, const value *arg)
{
    (void)in;
    deque *d = as_deque(arg[0]);
    return d->max < 0 ? NONE : v_int(d->max);
}

static value reduce(interp *in, const value *arg)
{
    deque *d = as_deque(arg[0]);
    value items = v_obj(list_of(in, arg[0]));
    tuple *args = d->max < 0 ? tuple_pack(in, 1, items) : tuple_pack(in, 2, items, v_int(d->max));
    return v_obj(tuple_pack(in, 2, v_type(arg[0].o->type), v_obj(args)));
}

/* ---- iteration ---- */

typedef struct deque_iter {
    obj hdr;
    deque *of; /* NULL: exhausted */
    int64_t i, by;
    uint64_t version;
} deque_iter;

static const type T_deque_iter, T_deque_reverse_iter;

static value iter_new(interp *in, deque *d, const type *t, int64_t from, int64_t by)
{
    deque_iter *it = obj_new(in, t, 0);
    if (!it) return FAIL;
    it->of = obj_ref(d);
    it->i = from;
    it->by = by;
    it->version = d->version;
    return v_obj(it);
}

static value iter(interp *in, value self)
{
    return iter_new(in, as_deque(self), &T_deque_iter, 0, 1);
}

static value reversed(interp *in, const value *arg)
{
    deque *d = as_deque(arg[0]);
    return iter_new(in, d, &T_deque_reverse_iter, d->n - 1, -1);
}

static value iter_step(interp *in, value self)
{
    deque_iter *it = (deque_iter *)self.o;
    deque *d = it->of;
    if (!d) return FAIL;
    if (it->version != d->version) {
        it->of = NULL;
        obj_unref(in, d);
        return throw(in, RuntimeError, "deque mutated during iteration");
    }
    if (it->i >= 0 && it->i < d->n) {
        value v = value_ref(*slot(d, it->i));
        it->i += it->by;
        return v;
    }
    it->of = NULL;
    obj_unref(in, d);
    return FAIL;
}

static void iter_drop(interp *in, obj *o)
{
    obj_unref(in, ((deque_iter *)o)->of);
}

static void iter_visit(obj *o, visitor f, void *ctx)
{
    deque_iter *it = (deque_iter *)o;
    if (it->of) f((value){.kind = V_OBJ, .o = &it->of->hdr}, ctx);
}

// clang-format off
#define DEQUE_ITER                                                                                 \
    TYPE_HEAD, .module = "_collections", .size = sizeof(deque_iter), .flags = TYPE_GC,             \
               .drop = iter_drop, .visit = iter_visit, .iter = iter_self, .next = iter_step
static const type T_deque_iter = {DEQUE_ITER, .name = "_deque_iterator"};
static const type T_deque_reverse_iter = {DEQUE_ITER, .name = "_deque_reverse_iterator"};

static const builtin deque_table[] = {
    {"__init__(self, iterable=(), maxlen=None)", init, NULL},
    {"append(self, x, /)", append, "Puts an item at the right end."},
    {"appendleft(self, x, /)", appendleft, "Puts an item at the left end."},
    {"clear(self, /)", clear, "Takes everything out."},
    {"copy(self, /)", copy, "Another deque of the same items."},
    {"__copy__(self, /)", copy, "Another deque of the same items."},
    {"count(self, value, /)", count, "How many items equal the value."},
    {"extend(self, iterable, /)", extend,
     "Puts the items of an iterable, one after the other, at the right end."},
    {"extendleft(self, iterable, /)", extendleft,
     "Puts the items of an iterable, one after the other, at the left end."},
    {"index(self, value, start=0, stop=<unset>, /)", index_method,
     "Where the value is first between start and stop; ValueError when nowhere."},
    {"insert(self, index, value, /)", insert, "Puts an item before the one at index."},
    {"pop(self, /)", pop, "Takes the last item out."},
    {"popleft(self, /)", popleft, "Takes the first item out."},
    {"remove(self, value, /)", remove_item, "Takes out the first item that equals the value."},
    {"reverse(self, /)", reverse, "Turns the order of the items round."},
    {"rotate(self, n=1, /)", rotate,
     "Moves n items from the right end to the left, or with n below zero the other way."},
    {"@property maxlen", get_maxlen, "How many items it may have; None: any number."},
    {"__reversed__(self, /)", reversed, "The items from right to left."},
    {"__reduce__(self, /)", reduce, "What pickle makes it of again."},
    {0},
};
// clang-format on

static bool save(freezer *f, obj *o)
{
    deque *d = (deque *)(void *)o;
    freeze_bytes(f, &d->max, sizeof d->max);
    freeze_bytes(f, &d->n, sizeof d->n);
    for (int64_t i = 0; i < d->n; i++) freeze_value(f, *slot(d, i));
    return true;
}

static obj *load(thawer *t, const type *cls)
{
    int64_t max, n;
    thaw_bytes(t, &max, sizeof max);
    thaw_bytes(t, &n, sizeof n);
    deque *d = alloc(thawer_interp(t), cls, max);
    for (int64_t i = 0; d && i < n && !throwing(thawer_interp(t)); i++)
        push_last(thawer_interp(t), d, thaw_value(t));
    return (obj *)(void *)d;
}

static const crossing cross = {save, load};

const type T_deque = {
    TYPE_HEAD,
    .cross = &cross,
    .name = "deque",
    .module = "collections",
    .doc = "Items that are put in and taken out at both ends in no time; with maxlen, the other "
           "end drops what is too many.",
    .size = sizeof(deque),
    .flags = TYPE_BASE | TYPE_GC | TYPE_SEQUENCE,
    .table = deque_table,
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

/* lang/types/range.c - range(start, stop, step).
 *
 * All four numbers are values, so ranges beyond int64 work through the generic operations;
 * `small` says that every item fits int64 and the plain paths apply. */
#include "engine/base/str.h"
#include "lang/lang.h"
#include "lang/types/iter.h"

/* ---- building ---- */

/* op(a, b), releasing both; FAIL passes through */
static value calc(interp *in, enum binop op, value a, value b)
{
    value r = is_fail(a) || is_fail(b) ? FAIL : value_binary(in, op, a, b);
    value_unref(in, a);
    value_unref(in, b);
    return r;
}

static int less(interp *in, value a, value b)
{
    if (a.kind == V_INT && b.kind == V_INT) return a.i < b.i;
    value r = value_compare(in, OP_LT, a, b);
    int t = is_fail(r) ? -1 : value_truth(in, r);
    value_unref(in, r);
    return t;
}

/* max(0, ceil((stop - start) / step)) */
static value count_items(interp *in, value start, value stop, value step)
{
    if (start.kind == V_INT && stop.kind == V_INT && step.kind == V_INT && step.i != INT64_MIN) {
        int64_t lo = step.i > 0 ? start.i : stop.i, hi = step.i > 0 ? stop.i : start.i;
        if (lo >= hi) return v_int(0);
        uint64_t by = (uint64_t)(step.i > 0 ? step.i : -step.i);
        return int_from_u64(in, ((uint64_t)hi - (uint64_t)lo - 1) / by + 1);
    }
    int down = less(in, step, v_int(0));
    if (down < 0) return FAIL;
    value lo = down ? stop : start, hi = down ? start : stop;
    int some = less(in, lo, hi);
    if (some <= 0) return some ? FAIL : v_int(0);
    value by = down ? value_unary(in, OP_NEG, step) : value_ref(step);
    value span = calc(in, OP_SUB, value_binary(in, OP_SUB, hi, lo), v_int(1));
    return calc(in, OP_ADD, calc(in, OP_FLOORDIV, span, by), v_int(1));
}

static value range_new(interp *in, value start, value stop, value step)
{
    value len = count_items(in, start, stop, step);
    range_obj *r = is_fail(len) ? NULL : obj_new(in, &T_range, 0);
    if (!r) {
        value_unref(in, len);
        return FAIL;
    }
    r->start = value_ref(start);
    r->stop = value_ref(stop);
    r->step = value_ref(step);
    r->len = len;
    return v_obj(r);
}

static value to_index(interp *in, value v)
{
    if (v.kind == V_INT) return v;
    if (v.kind == V_BOOL) return v_int(v.i);
    return value_unary(in, OP_INDEX, v);
}

static value make(interp *in, const type *cls, const value *arg, size_t npos, tuple *kwnames)
{
    (void)cls;
    if (kwnames && kwnames->n) return throw(in, TypeError, "range() takes no keyword arguments");
    if (!npos) return throw(in, TypeError, "range expected at least 1 argument, got 0");
    if (npos > 3) return throw(in, TypeError, "range expected at most 3 arguments, got %zu", npos);
    value start = npos == 1 ? v_int(0) : to_index(in, arg[0]);
    value stop = is_fail(start) ? FAIL : to_index(in, arg[npos == 1 ? 0 : 1]);
    value step = is_fail(stop) ? FAIL : npos == 3 ? to_index(in, arg[2]) : v_int(1);
    value r = FAIL;
    if (step.kind == V_INT && !step.i)
        throw(in, ValueError, "range() arg 3 must not be zero");
    else if (!is_fail(step))
        r = range_new(in, start, stop, step);
    value_unref(in, start);
    value_unref(in, stop);
    value_unref(in, step);
    return r;
}

static void drop(interp *in, obj *o)
{
    range_obj *r = (range_obj *)o;
    value_unref(in, r->start);
    value_unref(in, r->stop);
    value_unref(in, r->step);
    value_unref(in, r->len);
}

static bool small(const range_obj *r)
{
    return r->start.kind == V_INT && r->stop.kind == V_INT && r->step.kind == V_INT &&
           r->len.kind == V_INT;
}

/* start + i * step */
static value item(interp *in, const range_obj *r, value i)
{
    int64_t off, at;
    if (small(r) && !__builtin_mul_overflow(i.i, r->step.i, &off) &&
        !__builtin_add_overflow(r->start.i, off, &at))
        return v_int(at);
    return calc(in, OP_ADD, value_ref(r->start), value_binary(in, OP_MUL, i, r->step));
}

/* ---- protocol ---- */

static value repr(interp *in, value self)
{
    range_obj *r = as_range(self);
    bool unit = r->step.kind == V_INT && r->step.i == 1;
    str *a = value_repr(in, r->start), *b = a ? value_repr(in, r->stop) : NULL;
    str *c = b ? value_repr(in, r->step) : NULL;
    str *s = NULL;
    if (c)
        s = unit ? str_fmt(in, "range(%s, %s)", a->at, b->at)
                 : str_fmt(in, "range(%s, %s, %s)", a->at, b->at, c->at);
    obj_unref(in, a);
    obj_unref(in, b);
    obj_unref(in, c);
    return v_obj(s);
}

static int truth(interp *in, value self)
{
    (void)in;
    range_obj *r = as_range(self);
    return r->len.kind != V_INT || r->len.i;
}

static int64_t length(interp *in, value self)
{
    range_obj *r = as_range(self);
    if (r->len.kind == V_INT) return r->len.i;
    return THROWN(in, OverflowError, "Python int too large to convert to C ssize_t");
}

/* Equal as sequences: the same length, then start, then step as far as they matter. */
static int same_items(interp *in, range_obj *a, range_obj *b)
{
    int eq = value_eq(in, a->len, b->len);
    if (eq <= 0 || !truth(in, v_obj(a))) return eq;
    if ((eq = value_eq(in, a->start, b->start)) <= 0) return eq;
    if (a->len.kind == V_INT && a->len.i == 1) return 1;
    return value_eq(in, a->step, b->step);
}

static value compare(interp *in, enum cmpop op, value self, value other)
{
    range_obj *a = as_range(self), *b = as_range(other);
    if (!b || (op != OP_EQ && op != OP_NE)) return value_ref(NOTIMPL);
    int eq = same_items(in, a, b);
    return eq < 0 ? FAIL : v_bool(eq == (op == OP_EQ));
}

static bool hash(interp *in, value self, uint64_t *out)
{
    range_obj *r = as_range(self);
    bool some = truth(in, self), many = some && !(r->len.kind == V_INT && r->len.i == 1);
    tuple *t = tuple_pack(in, 3, value_ref(r->len), some ? value_ref(r->start) : NONE,
                          many ? value_ref(r->step) : NONE);
    bool ok = t && value_hash(in, v_obj(t), out);
    obj_unref(in, t);
    return ok;
}

static value getslice(interp *in, range_obj *r, const slice *s)
{
    int64_t start, stop, step, n;
    if (r->len.kind != V_INT)
        return throw(in, OverflowError, "Python int too large to convert to C ssize_t");
    if (!slice_indices(in, s, r->len.i, &start, &stop, &step, &n)) return FAIL;
    value from = item(in, r, v_int(start)), to = item(in, r, v_int(stop));
    value by = value_binary(in, OP_MUL, r->step, v_int(step));
    value v = is_fail(from) || is_fail(to) || is_fail(by) ? FAIL : range_new(in, from, to, by);
    value_unref(in, from);
    value_unref(in, to);
    value_unref(in, by);
    return v;
}

static value getitem_big(interp *in, range_obj *r, value key)
{
    value i = to_index(in, key);
    int neg = is_fail(i) ? -1 : less(in, i, v_int(0));
    if (neg < 0) return FAIL;
    if (neg) i = calc(in, OP_ADD, i, value_ref(r->len));
    int under = is_fail(i) ? -1 : less(in, i, v_int(0));
    int inside = under < 0 ? -1 : less(in, i, r->len);
    value v = FAIL;
    if (inside >= 0)
        v = under || !inside ? throw(in, IndexError, "range object index out of range")
                             : item(in, r, i);
    value_unref(in, i);
    return v;
}

static value getitem(interp *in, value self, value key)
{
    range_obj *r = as_range(self);
    if (as_slice(key)) return getslice(in, r, as_slice(key));
    if (key.kind == V_INT && small(r)) {
        int64_t i = key.i < 0 ? key.i + r->len.i : key.i;
        if (i >= 0 && i < r->len.i) return item(in, r, v_int(i));
        return throw(in, IndexError, "range object index out of range");
    }
    if (!is_int(key) && !type_of(in, key)->unary)
        return throw(in, TypeError, "range indices must be integers or slices, not %s",
                     type_of(in, key)->name);
    value v = getitem_big(in, r, key);
    if (is_fail(v) && exc_is(in, TypeError)) {
        exc_clear(in);
        throw(in, TypeError, "range indices must be integers or slices, not %s",
              type_of(in, key)->name);
    }
    return v;
}

/* Which item an int is: 1 (at *i), 0 none, -1 failed */
static int find_int(interp *in, range_obj *r, value v, value *i)
{
    value off = value_binary(in, OP_SUB, v, r->start);
    value pair = is_fail(off) ? FAIL : value_binary(in, OP_DIVMOD, off, r->step);
    value_unref(in, off);
    tuple *t = as_tuple(pair);
    if (!t) return -1;
    int found = value_truth(in, t->at[1]) == 0 && less(in, t->at[0], v_int(0)) == 0 &&
                less(in, t->at[0], r->len) == 1;
    if (found) *i = value_ref(t->at[0]);
    obj_unref(in, t);
    return throwing(in) ? -1 : found;
}

/* As find_int for any value: what is no int is compared with every item. */
static int find(interp *in, range_obj *r, value v, value *i)
{
    if (v.kind == V_INT && small(r)) {
        int64_t off;
        if (__builtin_sub_overflow(v.i, r->start.i, &off) || off % r->step.i) return 0;
        *i = v_int(off / r->step.i);
        return i->i >= 0 && i->i < r->len.i;
    }
    if (v.kind == V_INT || v.kind == V_BOOL || (v.kind == V_OBJ && v.o->type == &T_int))
        return find_int(in, r, v, i);
    for (int64_t k = 0; r->len.kind != V_INT || k < r->len.i; k++) {
        value x = item(in, r, v_int(k));
        int eq = is_fail(x) ? -1 : value_eq(in, x, v);
        value_unref(in, x);
        if (eq) {
            *i = v_int(k);
            return eq;
        }
        if (!(k & 0xffff) && !check_interrupt(in)) return -1;
    }
    return 0;
}

static int contains(interp *in, value self, value v)
{
    value i = FAIL;
    int r = find(in, as_range(self), v, &i);
    value_unref(in, i);
    return r;
}

/* ---- methods ---- */

static value index_method(interp *in, const value *arg)
{
    value i = FAIL;
    int r = find(in, as_range(arg[0]), arg[1], &i);
    if (r) return r < 0 ? FAIL : i;
    value_unref(in, i);
    if (!is_int(arg[1])) return throw(in, ValueError, "sequence.index(x): x not in sequence");
    str *s = value_repr(in, arg[1]);
    if (s) throw(in, ValueError, "%s is not in range", s->at);
    obj_unref(in, s);
    return FAIL;
}

static value count(interp *in, const value *arg)
{
    int r = contains(in, arg[0], arg[1]);
    return r < 0 ? FAIL : v_int(r);
}

static value get_start(interp *in, const value *arg)
{
    (void)in;
    return value_ref(as_range(arg[0])->start);
}

static value get_stop(interp *in, const value *arg)
{
    (void)in;
    return value_ref(as_range(arg[0])->stop);
}

static value get_step(interp *in, const value *arg)
{
    (void)in;
    return value_ref(as_range(arg[0])->step);
}

/* ---- iteration ---- */

typedef struct long_iter { /* items beyond int64 */
    obj hdr;
    range_obj *of;
    value i;
} long_iter;

static const type T_long_iter;

static value iter_of(interp *in, range_obj *r)
{
    if (small(r)) {
        range_iter *it = obj_new(in, &T_range_iter, 0);
        if (it) it->at = r->start.i, it->step = r->step.i, it->left = r->len.i;
        return v_obj(it);
    }
    long_iter *it = obj_new(in, &T_long_iter, 0);
    if (it) it->of = obj_ref(r), it->i = v_int(0);
    return v_obj(it);
}

static value iter(interp *in, value self)
{
    return iter_of(in, as_range(self));
}

static value reversed(interp *in, const value *arg)
{
    range_obj *r = as_range(arg[0]);
    value last = calc(in, OP_SUB, value_ref(r->len), v_int(1));
    value from = calc(in, OP_ADD, value_ref(r->start), calc(in, OP_MUL, last, value_ref(r->step)));
    value to = value_binary(in, OP_SUB, r->start, r->step);
    value by = value_unary(in, OP_NEG, r->step);
    value back = is_fail(from) || is_fail(to) || is_fail(by) ? FAIL : range_new(in, from, to, by);
    value_unref(in, from);
    value_unref(in, to);
    value_unref(in, by);
    if (is_fail(back)) return FAIL;
    value it = iter_of(in, as_range(back));
    value_unref(in, back);
    return it;
}

static value iter_step(interp *in, value self)
{
    (void)in;
    range_iter *it = (range_iter *)self.o;
    if (it->left <= 0) return FAIL;
    value v = v_int(it->at);
    if (--it->left) it->at += it->step;
    return v;
}

static value iter_hint(interp *in, const value *arg)
{
    (void)in;
    return v_int(((range_iter *)arg[0].o)->left);
}

static value long_step(interp *in, value self)
{
    long_iter *it = (long_iter *)self.o;
    int more = less(in, it->i, it->of->len);
    if (more <= 0) return FAIL;
    value v = item(in, it->of, it->i);
    it->i = calc(in, OP_ADD, it->i, v_int(1));
    return v;
}

static void long_drop(interp *in, obj *o)
{
    long_iter *it = (long_iter *)o;
    obj_unref(in, it->of);
    value_unref(in, it->i);
}

static const builtin iter_table[] = {
    {"__length_hint__(self, /)", iter_hint, "About how many items are left."},
    {0},
};

const type T_range_iter = {
    TYPE_HEAD,           .name = "range_iterator", .module = "builtins", .size = sizeof(range_iter),
    .table = iter_table, .iter = iter_self,        .next = iter_step,
};

static const type T_long_iter = {
    TYPE_HEAD,
    .name = "longrange_iterator",
    .module = "builtins",
    .size = sizeof(long_iter),
    .drop = long_drop,
    .iter = iter_self,
    .next = long_step,
};

static const builtin table[] = {
    {"count(self, value, /)", count, "How many items equal the value: 0 or 1."},
    {"index(self, value, /)", index_method, "Where the value is; ValueError when it is nowhere."},
    {"@property start", get_start, NULL},
    {"@property stop", get_stop, NULL},
    {"@property step", get_step, NULL},
    {"__reversed__(self, /)", reversed, "The numbers from the last to the first."},
    {0},
};

const type T_range = {
    TYPE_HEAD,
    .name = "range",
    .module = "builtins",
    .doc = "The ints start, start + step, ... before stop. They are not stored.",
    .size = sizeof(range_obj),
    .flags = TYPE_IMMUTABLE | TYPE_SEQUENCE,
    .table = table,
    .drop = drop,
    .make = make,
    .repr = repr,
    .hash = hash,
    .truth = truth,
    .length = length,
    .compare = compare,
    .getitem = getitem,
    .contains = contains,
    .iter = iter,
};

/* lang/types/list.c - list: life, the C interface of seq.h, and the protocol slots.
 *
 * Its methods are in list_methods.c, sorting in lang/sort.c.  A list never shrinks its array
 * except when it becomes much too large; `cap` counts allocated items. */
#include "lang/types/list.h"

#include <string.h>

#include "engine/base/mem.h"
#include "lang/bin.h"
#include "lang/lang.h"
#include "lang/types/bytes.h"
#include "lang/types/dict.h"
#include "lang/types/iter_fast.h"

#define LIST_BYTES(cap) ((size_t)(cap) * sizeof(value))

/* ---- life ---- */

list *list_new(interp *in, int64_t cap)
{
    list *l = obj_new(in, &T_list, 0);
    if (l && cap && !list_reserve(in, l, cap)) {
        obj_unref(in, l);
        return NULL;
    }
    return l;
}

bool list_reserve(interp *in, list *l, int64_t cap)
{
    if (cap <= l->cap) return true;
    if ((uint64_t)cap > PTRDIFF_MAX / sizeof(value)) return throw_nomem(in), false;
    value *at = items_grow(in, l->at, LIST_BYTES(l->cap), LIST_BYTES(cap));
    if (!at) return false;
    l->at = at;
    l->cap = cap;
    return true;
}

static void drop(interp *in, obj *o)
{
    list *l = (list *)o;
    value *at = l->at;
    int64_t n = l->n, cap = l->cap;
    l->at = NULL;
    l->n = l->cap = 0;
    if (n >= PILE_LEAST) {
        pile_drop(in, (pile){.next = (char *)(at + n - 1),
                             .step = -(ptrdiff_t)sizeof *at,
                             .n = n,
                             .nvalue = 1,
                             .block = at,
                             .bytes = LIST_BYTES(cap)});
        return;
    }
    while (n) value_unref(in, at[--n]);
    items_free(in, at, LIST_BYTES(cap));
}

static void visit(obj *o, visitor f, void *ctx)
{
    list *l = (list *)o;
    for (int64_t i = 0; i < l->n; i++) f(l->at[i], ctx);
}

void list_clear(interp *in, list *l)
{
    drop(in, &l->hdr);
}

/* ---- growing ---- */

/* CPython's steps (4, 8, 16, 24, 32, 40, 52, 64 ...): sys.getsizeof shows them. */
static int64_t roomy(int64_t n)
{
    return (n + (n >> 3) + 6) & ~(int64_t)3;
}

bool list_add(interp *in, list *l, value v)
{
    if (is_fail(v)) return false;
    const bool room = l->n < l->cap || list_reserve(in, l, roomy(l->n + 1));
    if (!room || (l->n && !goes_on(in, (size_t)l->n))) {
        value_unref(in, v);
        return false;
    }
    l->at[l->n++] = v;
    return true;
}

bool list_append(interp *in, list *l, value v)
{
    return list_add(in, l, value_ref(v));
}

/* Appends n items of an array that user code cannot reach while this runs. */
static bool append_items(interp *in, list *l, const value *at, int64_t n)
{
    int64_t size = l->n + n, cap = roomy(size);
    if (!l->at)
        cap = (size + 1) & ~(int64_t)1;
    else if (n > cap - size)
        cap = (size + 3) & ~(int64_t)3;
    if (size > l->cap && !list_reserve(in, l, cap)) return false;
    int64_t done = items_copy(in, l->at + l->n, at, n, 1);
    l->n += done;
    return done == n;
}

static bool extend_by_iterating(interp *in, list *l, value iterable)
{
    value it = value_iter(in, iterable), v;
    if (is_fail(it)) return false;
    const type *t = type_of(in, iterable);
    int64_t guess = t->length && !(t->flags & TYPE_HEAP) ? value_len(in, iterable) : 8;
    if (guess < 0 || (!l->at && !list_reserve(in, l, (guess + 1) & ~(int64_t)1))) {
        value_unref(in, it);
        return false;
    }
    while (!is_fail(v = next_item(in, it)) && list_add(in, l, v)) {
    }
    value_unref(in, it);
    list_trim(in, l);
    return !throwing(in);
}

/* Bytes as ints. */
static bool append_bytes(interp *in, list *l, const unsigned char *s, int64_t n)
{
    if (l->n + n > l->cap && !list_reserve(in, l, l->at ? roomy(l->n + n) : (n + 1) & ~(int64_t)1))
        return false;
    for (int64_t i = 0; i < n; i++) {
        if (!goes_on(in, (size_t)i)) return false;
        put_value(&l->at[l->n++], v_int(s[i]));
    }
    return true;
}

/* The keys of a dict; no user code runs. */
static bool append_keys(interp *in, list *l, dict *d)
{
    int64_t n = d->n, at = 0;
    value k, v;
    if (l->n + n > l->cap && !list_reserve(in, l, l->at ? roomy(l->n + n) : (n + 1) & ~(int64_t)1))
        return false;
    while (n-- > 0 && dict_next(d, &at, &k, &v)) {
        if (!goes_on(in, (size_t)n)) return false;
        put_value(&l->at[l->n++], value_ref(k));
    }
    return true;
}

bool list_extend(interp *in, list *l, value iterable)
{
    if (iterable.kind == V_OBJ && iterable.o->type == &T_list) {
        list *from = (list *)iterable.o;
        if (from == l && !list_reserve(in, l, roomy(2 * l->n))) return false;
        return append_items(in, l, from->at, from->n);
    }
    if (iterable.kind == V_OBJ && iterable.o->type == &T_tuple) {
        tuple *from = (tuple *)iterable.o;
        return append_items(in, l, from->at, from->n);
    }
    if (iterable.kind == V_OBJ && iterable.o->type == &T_bytes) {
        const bytes *b = (const bytes *)iterable.o;
        return append_bytes(in, l, (const unsigned char *)b->at, (int64_t)b->n);
    }
    if (iterable.kind == V_OBJ && iterable.o->type == &T_dict)
        return append_keys(in, l, (dict *)iterable.o);
    return extend_by_iterating(in, l, iterable);
}

list *list_of(interp *in, value iterable)
{
    list *l = list_new(in, 0);
    if (l && !list_extend(in, l, iterable)) {
        obj_unref(in, l);
        return NULL;
    }
    return l;
}

list *list_from(interp *in, const value *at, int64_t n)
{
    list *l = list_new(in, n);
    if (!l) return NULL;
    for (int64_t i = 0; i < n; i++) put_value(&l->at[i], ref_at(&at[i]));
    l->n = n;
    return l;
}

/* Replaces items [lo, hi) by n new ones (counted here; from may be inside l). */
bool list_splice(interp *in, list *l, int64_t lo, int64_t hi, const value *from, int64_t n)
{
    if (hi < lo) hi = lo;
    int64_t old = hi - lo, size = l->n - old + n;
    value *gone = NULL;
    if (old && !(gone = lang_grow(in, NULL, old, sizeof *gone))) return false;
    if (size > l->cap && !list_reserve(in, l, roomy(size))) {
        mem_free(gone);
        return false;
    }
    for (int64_t i = 0; i < n; i++) value_ref(from[i]);
    if (old) memcpy(gone, l->at + lo, (size_t)old * sizeof *gone);
    if (n != old && l->n > hi)
        memmove(l->at + lo + n, l->at + hi, (size_t)(l->n - hi) * sizeof *gone);
    if (n) memcpy(l->at + lo, from, (size_t)n * sizeof *gone);
    l->n = size;
    list_trim(in, l);
    for (int64_t i = 0; i < old; i++) value_unref(in, gone[i]);
    mem_free(gone);
    return true;
}

void list_trim(interp *in, list *l)
{
    if (l->n >= l->cap / 2) return;
    int64_t cap = l->n ? roomy(l->n) : 0;
    if (cap >= l->cap) return;
    value *at = cap ? items_grow(in, l->at, LIST_BYTES(l->cap), LIST_BYTES(cap)) : NULL;
    if (!cap) items_free(in, l->at, LIST_BYTES(l->cap));
    if (cap && !at)
        exc_clear(in); /* it stays as large as it is */
    else {
        l->at = at;
        l->cap = cap;
    }
}

/* ---- protocol ---- */

static value make(interp *in, const type *cls, const value *arg, size_t npos, tuple *kwnames)
{
    value from = FAIL;
    if (cls == &T_list && !args_bind(in, "list(iterable=<unset>, /)", arg, npos, kwnames, &from, 1))
        return FAIL; /* a subclass has its own __init__, which sees the arguments */
    list *l = obj_new(in, cls, 0);
    if (l && !is_fail(from) && !list_extend(in, l, from)) {
        obj_unref(in, l);
        l = NULL;
    }
    args_clear(in, &from, 1);
    return v_obj(l);
}

static value repr(interp *in, value self)
{
    list *l = as_list(self);
    if (!l->n) return v_str(in, "[]");
    int r = repr_enter(in, &l->hdr);
    if (r <= 0) return r ? FAIL : v_str(in, "[...]");
    value s = seq_repr(in, &l->at, &l->n, "[", "]", false);
    repr_leave(in, &l->hdr);
    return s;
}

static int64_t length(interp *in, value self)
{
    (void)in;
    return as_list(self)->n;
}

static value compare(interp *in, enum cmpop op, value self, value other)
{
    list *a = as_list(self), *b = as_list(other);
    if (!b) return value_ref(NOTIMPL);
    return seq_compare(in, op, &a->at, &a->n, &b->at, &b->n);
}

static value concat(interp *in, list *a, list *b)
{
    list *l = list_new(in, a->n + b->n);
    bool ok = l && append_items(in, l, a->at, a->n) && append_items(in, l, b->at, b->n);
    if (ok) return v_obj(l);
    obj_unref(in, l);
    return FAIL;
}

/* Writes l's first n items times - 1 times more behind them; the room is there. */
static bool repeat_items(interp *in, list *l, int64_t n, int64_t times)
{
    const int64_t all = n * times;
    if (n == 1) { /* [x] * n */
        const value v = l->at[0];
        enum { BLOCK = 1 << 14 };
        while (l->n < all) {
            if (!goes_on(in, 0)) return false;
            const int64_t end = all - l->n < BLOCK ? all : l->n + BLOCK;
            if (v.kind == V_OBJ && !(v.o->flags & OBJ_FROZEN)) v.o->rc += (uint32_t)(end - l->n);
            for (int64_t i = l->n; i < end; i++) put_value(&l->at[i], v);
            l->n = end;
        }
        return true;
    }
    while (l->n < all) { /* what is there once more */
        const int64_t most = l->n < all - l->n ? l->n : all - l->n;
        const int64_t done = items_copy(in, l->at + l->n, l->at, most, 1);
        l->n += done;
        if (done < most) return false;
    }
    return true;
}

static bool check_repeat(interp *in, int64_t n, int64_t times)
{
    int64_t total;
    if (!__builtin_mul_overflow(n, times, &total) && total < INT64_MAX / (int64_t)sizeof(value))
        return true;
    throw(in, MemoryError, "%s", "");
    return false;
}

static value repeat(interp *in, list *a, value count)
{
    int64_t times;
    int r = index_of(in, count, &times);
    if (r <= 0) return r ? FAIL : value_ref(NOTIMPL);
    if (times < 0) times = 0;
    if (!check_repeat(in, a->n, times)) return FAIL;
    list *l = list_new(in, a->n * times);
    if (!l) return FAIL;
    if (!times || (append_items(in, l, a->at, a->n) && repeat_items(in, l, a->n, times)))
        return v_obj(l);
    obj_unref(in, l);
    return FAIL;
}

static value binary(interp *in, enum binop op, value a, value b)
{
    list *x = as_list(a), *y = as_list(b);
    if (op == OP_ADD && x && y) return concat(in, x, y);
    if (op == OP_MUL && !(x && y)) return x ? repeat(in, x, b) : repeat(in, y, a);
    return value_ref(NOTIMPL);
}

static value inplace(interp *in, enum binop op, value self, value other)
{
    list *l = as_list(self);
    if (op != OP_ADD && op != OP_MUL) return value_ref(NOTIMPL);
    if (!check_mutable(in, &l->hdr)) return FAIL;
    if (op == OP_ADD) return list_extend(in, l, other) ? value_ref(self) : FAIL;
    int64_t times, n = l->n;
    int r = index_of(in, other, &times);
    if (r <= 0) return r ? FAIL : value_ref(NOTIMPL);
    if (times <= 0)
        list_clear(in, l);
    else if (!check_repeat(in, n, times) || !list_reserve(in, l, n * times) ||
             !repeat_items(in, l, n, times))
        return FAIL;
    return value_ref(self);
}

static value getslice(interp *in, list *l, const slice *s)
{
    int64_t start, stop, step, n;
    if (!slice_bounds(in, s, &start, &stop, &step)) return FAIL;
    n = slice_fit(l->n, &start, &stop, step);
    list *r = list_new(in, n);
    if (!r) return FAIL;
    r->n = n ? items_copy(in, r->at, l->at + start, n, step) : 0;
    return r->n == n ? v_obj(r) : (obj_unref(in, r), FAIL);
}

static value getitem(interp *in, value self, value key)
{
    list *l = as_list(self);
    int64_t i;
    if (as_slice(key)) return getslice(in, l, as_slice(key));
    return check_index(in, key, &l->n, "list", "index", &i) ? value_ref(l->at[i]) : FAIL;
}

/* del l[start::step], n items, step not 1 */
static bool del_strided(interp *in, list *l, int64_t start, int64_t step, int64_t n)
{
    if (step < 0) start += step * (n - 1), step = -step;
    value *gone = lang_grow(in, NULL, n, sizeof *gone);
    if (!gone) return false;
    int64_t to = start, k = 0;
    for (int64_t i = start; i < l->n; i++) {
        if (k < n && i == start + k * step)
            gone[k++] = l->at[i];
        else
            l->at[to++] = l->at[i];
    }
    l->n = to;
    for (int64_t i = 0; i < n; i++) value_unref(in, gone[i]);
    mem_free(gone);
    return true;
}

static bool set_strided(interp *in, list *l, int64_t start, int64_t step, int64_t n, list *from)
{
    if (from->n != n) {
        throw(in, ValueError,
              "attempt to assign sequence of size %lld to extended slice of size %lld",
              (long long)from->n, (long long)n);
        return false;
    }
    for (int64_t i = 0; i < n; i++) { /* swap: the old items leave with `from` */
        value old = l->at[start + i * step];
        l->at[start + i * step] = from->at[i];
        from->at[i] = old;
    }
    return true;
}

static list *slice_source(interp *in, int64_t step, value v)
{
    list *from = list_of(in, v);
    if (!from && exc_is(in, TypeError) && !type_of(in, v)->iter) {
        exc_clear(in);
        throw(in, TypeError, "%s",
              step == 1 ? "can only assign an iterable" : "must assign iterable to extended slice");
    }
    return from;
}

static bool setslice(interp *in, list *l, const slice *s, value v)
{
    int64_t start, stop, step, n;
    if (!slice_bounds(in, s, &start, &stop, &step)) return false;
    if (step == 1 || is_fail(v)) n = slice_fit(l->n, &start, &stop, step);
    if (is_fail(v)) {
        if (step == 1) return list_splice(in, l, start, start + n, NULL, 0);
        return !n || del_strided(in, l, start, step, n);
    }
    list *from = slice_source(in, step, v);
    if (!from) return false;
    n = slice_fit(l->n, &start, &stop, step); /* the source may have changed l */
    bool ok = step == 1 ? list_splice(in, l, start, start + n, from->at, from->n)
                        : set_strided(in, l, start, step, n, from);
    obj_unref(in, from);
    return ok;
}

static bool setitem(interp *in, value self, value key, value v)
{
    list *l = as_list(self);
    int64_t i;
    if (!check_mutable(in, &l->hdr)) return false;
    if (as_slice(key)) return setslice(in, l, as_slice(key), v);
    if (!check_index(in, key, &l->n, "list", "assignment index", &i)) return false;
    if (is_fail(v)) return list_splice(in, l, i, i + 1, NULL, 0);
    value old = l->at[i];
    l->at[i] = value_ref(v);
    value_unref(in, old);
    return true;
}

static int contains(interp *in, value self, value item)
{
    list *l = as_list(self);
    int64_t i = seq_find(in, &l->at, &l->n, item, 0, INT64_MAX);
    return i == -2 ? -1 : i >= 0;
}

/* ---- iteration ---- */

static value iter(interp *in, value self)
{
    list_iter *it = obj_new(in, &T_list_iter, 0);
    if (it) it->of = obj_ref(as_list(self));
    return v_obj(it);
}

static void iter_drop(interp *in, obj *o)
{
    obj_unref(in, ((list_iter *)o)->of);
}

static void iter_visit(obj *o, visitor f, void *ctx)
{
    list_iter *it = (list_iter *)o;
    if (it->of) f((value){.kind = V_OBJ, .o = &it->of->hdr}, ctx);
}

static value iter_step(interp *in, value self)
{
    list_iter *it = (list_iter *)self.o;
    if (!it->of) return FAIL;
    if (it->i < it->of->n) return value_ref(it->of->at[it->i++]);
    obj_unref(in, it->of);
    it->of = NULL;
    return FAIL;
}

static value iter_hint(interp *in, const value *arg)
{
    (void)in;
    list_iter *it = (list_iter *)arg[0].o;
    return v_int(it->of && it->i < it->of->n ? it->of->n - it->i : 0);
}

static const builtin iter_table[] = {
    {"__length_hint__(self, /)", iter_hint, "About how many items are left."},
    {0},
};

const type T_list_iter = {
    TYPE_HEAD,         .name = "list_iterator", .module = "builtins", .size = sizeof(list_iter),
    .flags = TYPE_GC,  .table = iter_table,     .drop = iter_drop,    .visit = iter_visit,
    .iter = iter_self, .next = iter_step,
};

const type T_list = {
    TYPE_HEAD,
    .name = "list",
    .module = "builtins",
    .doc = "Items in an order, that can change: of an iterable, or none.",
    .size = sizeof(list),
    .flags = TYPE_BASE | TYPE_GC,
    .table = list_table,
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

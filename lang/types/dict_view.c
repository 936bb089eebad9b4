/* lang/types/dict_view.c - keys(), values(), items() and the iterators over a dict.
 *
 * `what` is 0 for keys, 1 for values, 2 for items, everywhere below. */
#include "engine/base/str.h"
#include "lang/lang.h"
#include "lang/types/dict_impl.h"
#include "lang/types/iter.h"
#include "lang/words.h"

/* ---- iterators ---- */

typedef struct dict_iter {
    obj hdr;
    dict *of;    /* NULL: exhausted */
    tuple *last; /* of items: see tuple_again */
    int64_t i, n, left;
} dict_iter;

static const type iter_types[3][2];

value dict_iter_new(interp *in, dict *d, int what, bool reverse)
{
    dict_iter *it = obj_new(in, &iter_types[what][reverse], 0);
    if (!it) return FAIL;
    it->of = obj_ref(d);
    it->n = it->left = d->n;
    it->i = reverse ? d->used - 1 : 0;
    return v_obj(it);
}

static value finish(interp *in, dict_iter *it)
{
    obj_unref(in, it->of);
    it->of = NULL;
    return FAIL;
}

static inline value entry_part(interp *in, dict_iter *it, const dict_entry *e, int what)
{
    if (what == 0) return ref_at(&e->key);
    if (what == 1) return ref_at(&e->val);
    value k = ref_at(&e->key), v = ref_at(&e->val);
    tuple *t = tuple_again(in, &it->last, 2); /* letting go of the old one may change the dict */
    if (!t) {
        value_unref(in, k), value_unref(in, v);
        return FAIL;
    }
    set_value(in, &t->at[0], k);
    set_value(in, &t->at[1], v);
    return v_obj(t);
}

static inline value step(interp *in, value self, int what, int by)
{
    dict_iter *it = (dict_iter *)self.o;
    dict *d = it->of;
    if (!d) return FAIL;
    if (it->n != d->n) {
        it->n = -1; /* it stays broken */
        return throw(in, RuntimeError, "dictionary changed size during iteration");
    }
    if (it->i >= d->used && by < 0) it->i = d->used - 1;
    if (!it->i && by > 0) it->i = dict_front(d);
    while (it->i >= 0 && it->i < d->used && is_fail(d->entry[it->i].key)) it->i += by;
    if (it->i < 0 || it->i >= d->used) return finish(in, it);
    if (!it->left) {
        finish(in, it);
        return throw(in, RuntimeError, "dictionary keys changed during iteration");
    }
    const dict_entry *e = &d->entry[it->i];
    it->i += by;
    it->left--;
    return entry_part(in, it, e, what);
}

#define STEP(name, what, by)                                                                       \
    static value name(interp *in, value self)                                                      \
    {                                                                                              \
        return step(in, self, what, by);                                                           \
    }
STEP(step_key, 0, 1)
STEP(step_value, 1, 1)
STEP(step_item, 2, 1)
STEP(back_key, 0, -1)
STEP(back_value, 1, -1)
STEP(back_item, 2, -1)

static void iter_drop(interp *in, obj *o)
{
    obj_unref(in, ((dict_iter *)o)->of);
    obj_unref(in, ((dict_iter *)o)->last);
}

static void iter_visit(obj *o, visitor f, void *ctx)
{
    dict_iter *it = (dict_iter *)o;
    if (it->of) f((value){.kind = V_OBJ, .o = &it->of->hdr}, ctx);
    if (it->last) f((value){.kind = V_OBJ, .o = &it->last->hdr}, ctx);
}

static void drop(interp *in, obj *o)
{
    obj_unref(in, ((dict_view *)o)->of);
}

static void visit(obj *o, visitor f, void *ctx)
{
    dict_view *v = (dict_view *)o;
    if (v->of) f((value){.kind = V_OBJ, .o = &v->of->hdr}, ctx);
}

static value iter_hint(interp *in, const value *arg)
{
    (void)in;
    dict_iter *it = (dict_iter *)arg[0].o;
    return v_int(it->of && it->n == it->of->n ? it->left : 0);
}

static const builtin iter_table[] = {
    {"__length_hint__(self, /)", iter_hint, "About how many items are left."},
    {0},
};

#define ITERATOR(text, f)                                                                          \
    {                                                                                              \
        TYPE_HEAD, .name = text, .module = "builtins", .size = sizeof(dict_iter),                  \
                   .flags = TYPE_GC, .table = iter_table, .drop = iter_drop, .visit = iter_visit,  \
                   .iter = iter_self, .next = f                                                    \
    }

static const type iter_types[3][2] = {
    {ITERATOR("dict_keyiterator", step_key), ITERATOR("dict_reversekeyiterator", back_key)},
    {ITERATOR("dict_valueiterator", step_value), ITERATOR("dict_reversevalueiterator", back_value)},
    {ITERATOR("dict_itemiterator", step_item), ITERATOR("dict_reverseitemiterator", back_item)},
};

/* ---- views ---- */

value dict_view_new(interp *in, dict *d, const type *t)
{
    dict_view *v = obj_new(in, t, 0);
    if (v) v->of = obj_ref(d);
    return v_obj(v);
}

static dict *dict_of(value view)
{
    return ((dict_view *)view.o)->of;
}

static int what_of(value view)
{
    return view.o->type == &T_dict_keys ? 0 : view.o->type == &T_dict_values ? 1 : 2;
}

static value repr(interp *in, value self)
{
    list *l = NULL;
    int r = repr_enter(in, self.o);
    if (r <= 0) return r ? FAIL : v_str(in, "...");
    str *s = (l = list_of(in, self)) ? value_repr(in, v_obj(l)) : NULL;
    obj_unref(in, l);
    repr_leave(in, self.o);
    value v = s ? v_obj(str_fmt(in, "%s(%s)", self.o->type->name, s->at)) : FAIL;
    obj_unref(in, s);
    return v;
}

static int64_t length(interp *in, value self)
{
    (void)in;
    return dict_of(self)->n;
}

static value iter(interp *in, value self)
{
    return dict_iter_new(in, dict_of(self), what_of(self), false);
}

static value reversed(interp *in, const value *arg)
{
    return dict_iter_new(in, dict_of(arg[0]), what_of(arg[0]), true);
}

static int keys_contain(interp *in, value self, value key)
{
    value v;
    return dict_get(in, dict_of(self), key, &v);
}

static int items_contain(interp *in, value self, value item)
{
    tuple *t = as_tuple(item);
    value v;
    if (!t || t->n != 2) return 0;
    int r = dict_get(in, dict_of(self), t->at[0], &v);
    if (r <= 0) return r;
    value_ref(v);
    r = value_eq(in, v, t->at[1]);
    value_unref(in, v);
    return r;
}

/* ---- views as sets ---- */

static bool is_set_like(value v)
{
    return as_set(v) ||
           (v.kind == V_OBJ && (v.o->type == &T_dict_keys || v.o->type == &T_dict_items));
}

/* every member of a is in b */
static int all_in(interp *in, value a, value b)
{
    value it = value_iter(in, a), v;
    if (is_fail(it)) return -1;
    int in_b = 1, r;
    while (in_b > 0 && (r = iter_next(in, it, &v)) > 0) {
        in_b = value_contains(in, b, v);
        value_unref(in, v);
    }
    value_unref(in, it);
    return throwing(in) ? -1 : in_b;
}

static value compare(interp *in, enum cmpop op, value self, value other)
{
    if (!is_set_like(other)) return value_ref(NOTIMPL);
    int64_t n = value_len(in, self), m = value_len(in, other);
    bool down = op == OP_GT || op == OP_GE, equal = op == OP_EQ || op == OP_NE;
    bool fits = equal         ? n == m
                : op == OP_LT ? n < m
                : op == OP_LE ? n <= m
                : op == OP_GT ? n > m
                              : n >= m;
    int r = !fits ? 0 : down ? all_in(in, other, self) : all_in(in, self, other);
    return r < 0 ? FAIL : v_bool(op == OP_NE ? !r : r);
}

/* As set operations on set(a), with the operand that walks chosen as CPython chooses it. */
static bool combine(interp *in, enum binop op, value *r, value a, value b)
{
    const char *method = op == OP_OR    ? "update"
                         : op == OP_SUB ? "difference_update"
                         : op == OP_XOR ? "symmetric_difference_update"
                                        : "intersection_update";
    bool keys = a.kind == V_OBJ && a.o->type == &T_dict_keys;
    set *s = set_of(in, keys ? (value){.kind = V_OBJ, .o = &dict_of(a)->hdr} : a, false);
    *r = v_obj(s);
    value done = s ? call_method(in, *r, method, 1, b) : FAIL;
    value_unref(in, done);
    return !is_fail(done);
}

/* a & b: iterates b, keeps what is in a */
static value intersect(interp *in, value a, value b)
{
    int64_t n = value_len(in, a), m = is_set_like(b) ? value_len(in, b) : 0;
    if (as_set(b) ? n <= m : n < m) {
        value t = a;
        a = b;
        b = t;
    }
    set *s = set_new(in, false);
    value it = s ? value_iter(in, b) : FAIL, v;
    int r = is_fail(it) ? -1 : 1;
    while (r > 0 && (r = iter_next(in, it, &v)) > 0) {
        int found = value_contains(in, a, v);
        if (found < 0 || (found && !set_add(in, s, v))) r = -1;
        value_unref(in, v);
    }
    value_unref(in, it);
    if (!r) return v_obj(s);
    obj_unref(in, s);
    return FAIL;
}

static value binary(interp *in, enum binop op, value a, value b)
{
    if (op != OP_OR && op != OP_AND && op != OP_SUB && op != OP_XOR) return value_ref(NOTIMPL);
    if (op == OP_AND) {
        bool view = !as_set(a) && is_set_like(a);
        return view ? intersect(in, a, b) : intersect(in, b, a);
    }
    value r;
    if (combine(in, op, &r, a, b)) return r;
    value_unref(in, r);
    return FAIL;
}

static value isdisjoint(interp *in, const value *arg)
{
    value r = intersect(in, arg[0], arg[1]);
    if (is_fail(r)) return FAIL;
    bool none = !as_set(r)->n;
    value_unref(in, r);
    return v_bool(none);
}

static value mapping(interp *in, const value *arg)
{
    return mapping_proxy_new(in, (value){.kind = V_OBJ, .o = &dict_of(arg[0])->hdr});
}

// clang-format off
static const builtin set_like_table[] = {
    {"isdisjoint(self, other, /)", isdisjoint,
     "Return True if the view and the given iterable have a null intersection."},
    {"__reversed__(self, /)", reversed, "Return a reverse iterator over the dict view."},
    {"@property mapping", mapping, "dictionary that this view refers to"},
    {0},
};
static const builtin values_table[] = {
    {"__reversed__(self, /)", reversed, "Return a reverse iterator over the dict values."},
    {"@property mapping", mapping, "dictionary that this view refers to"},
    {0},
};
// clang-format on

#define VIEW                                                                                       \
    TYPE_HEAD, .module = "builtins", .size = sizeof(dict_view), .flags = TYPE_GC, .drop = drop,    \
               .visit = visit, .repr = repr, .length = length, .iter = iter

const type T_dict_keys = {
    VIEW,
    .name = "dict_keys",
    .table = set_like_table,
    .compare = compare,
    .binary = binary,
    .contains = keys_contain,
};
const type T_dict_values = {VIEW, .name = "dict_values", .table = values_table};
const type T_dict_items = {
    VIEW,
    .name = "dict_items",
    .table = set_like_table,
    .compare = compare,
    .binary = binary,
    .contains = items_contain,
};

/* lang/types/iter.c - iterators that need only indexing or a call.
 *
 * All three share one shape: the thing, a position, and for iter(f, sentinel) the sentinel.
 * An exhausted iterator has let go of the thing (`of` is None) and stays exhausted. */
#include "lang/types/iter.h"

#include "lang/types/seq.h"
#include "lang/words.h"

typedef struct item_iter {
    obj hdr;
    value of; /* FAIL: exhausted */
    value sentinel;
    int64_t i;
} item_iter;

value iter_self(interp *in, value self)
{
    (void)in;
    return value_ref(self);
}

static void drop(interp *in, obj *o)
{
    item_iter *it = (item_iter *)o;
    value_unref(in, it->of);
    value_unref(in, it->sentinel);
}

static void visit(obj *o, visitor f, void *ctx)
{
    item_iter *it = (item_iter *)o;
    f(it->of, ctx);
    f(it->sentinel, ctx);
}

static value finish(interp *in, item_iter *it)
{
    value of = it->of;
    it->of = FAIL;
    value_unref(in, of);
    return FAIL;
}

static value new_iter(interp *in, const type *t, value of, value sentinel, int64_t i)
{
    item_iter *it = obj_new(in, t, 0);
    if (!it) return FAIL;
    it->of = value_ref(of);
    it->sentinel = value_ref(sentinel);
    it->i = i;
    return v_obj(it);
}

/* of[i]; past the end (IndexError, StopIteration) it finishes quietly */
static value item_at(interp *in, item_iter *it, int64_t i)
{
    if (it->of.kind == V_OBJ && it->of.o->type == &T_list) {
        list *l = (list *)it->of.o;
        return i < l->n ? ref_at(&l->at[i]) : finish(in, it);
    }
    value of = value_ref(it->of);
    value v = value_getitem(in, of, v_int(i));
    value_unref(in, of);
    if (!is_fail(v)) return v;
    if (!exc_is(in, IndexError) && !exc_is(in, StopIteration)) return FAIL;
    exc_clear(in);
    return finish(in, it);
}

/* ---- iter(x) of an x that has only __getitem__ ---- */

value seq_iter_new(interp *in, value seq)
{
    return new_iter(in, &T_seq_iter, seq, FAIL, 0);
}

static value seq_next(interp *in, value self)
{
    item_iter *it = (item_iter *)self.o;
    return is_fail(it->of) ? FAIL : item_at(in, it, it->i++);
}

/* ---- reversed(x) ---- */

value reversed_new(interp *in, value of, int64_t n, const type *t)
{
    return new_iter(in, t, of, FAIL, n - 1);
}

static value reversed_next(interp *in, value self)
{
    item_iter *it = (item_iter *)self.o;
    if (is_fail(it->of)) return FAIL;
    return it->i < 0 ? finish(in, it) : item_at(in, it, it->i--);
}

static value reversed_hint(interp *in, const value *arg)
{
    (void)in;
    item_iter *it = (item_iter *)arg[0].o;
    return v_int(is_fail(it->of) ? 0 : it->i + 1);
}

static value reversed_make(interp *in, const type *cls, const value *arg, size_t npos,
                           tuple *kwnames)
{
    value of, method;
    (void)cls;
    if (!args_bind(in, "reversed(sequence, /)", arg, npos, kwnames, &of, 1)) return FAIL;
    value r = FAIL;
    int has = value_lookattr(in, of, in->name.__reversed__, &method);
    if (has > 0) {
        if (is_none(method))
            throw(in, TypeError, "'%s' object is not reversible", type_of(in, of)->name);
        else
            r = call_n(in, method, 0);
        value_unref(in, method);
    } else if (!has) {
        const type *t = type_of(in, of);
        int64_t n;
        if (!t->getitem || (!t->length && !(t->flags & TYPE_HEAP)))
            throw(in, TypeError, "'%s' object is not reversible", t->name);
        else if ((n = value_len(in, of)) >= 0)
            r = reversed_new(in, of, n, &T_reversed);
    }
    args_clear(in, &of, 1);
    return r;
}

/* ---- iter(f, sentinel) ---- */

value callable_iter_new(interp *in, value f, value sentinel)
{
    return new_iter(in, &T_callable_iter, f, sentinel, 0);
}

static value callable_next(interp *in, value self)
{
    item_iter *it = (item_iter *)self.o;
    if (is_fail(it->of)) return FAIL;
    value v = call_n(in, it->of, 0);
    if (is_fail(v)) {
        if (!exc_is(in, StopIteration)) return FAIL;
        exc_clear(in);
        return finish(in, it);
    }
    int end = value_eq(in, v, it->sentinel);
    if (!end) return v;
    value_unref(in, v);
    return end < 0 ? FAIL : finish(in, it);
}

static const builtin reversed_table[] = {
    {"__length_hint__(self, /)", reversed_hint, "About how many items are left."},
    {0},
};

#define ITERATOR                                                                                   \
    TYPE_HEAD, .module = "builtins", .size = sizeof(item_iter), .flags = TYPE_GC, .drop = drop,    \
               .visit = visit, .iter = iter_self

const type T_seq_iter = {ITERATOR, .name = "iterator", .next = seq_next};
const type T_callable_iter = {ITERATOR, .name = "callable_iterator", .next = callable_next};
const type T_list_reverse_iter = {ITERATOR, .name = "list_reverseiterator", .table = reversed_table,
                                  .next = reversed_next};
const type T_reversed = {
    ITERATOR,
    .name = "reversed",
    .doc = "The items of a sequence, the last one first.",
    .table = reversed_table,
    .make = reversed_make,
    .next = reversed_next,
};

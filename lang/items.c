/* lang/items.c - length, items, membership and iteration of any value. */
#include "lang/interp.h"
#include "lang/lang.h"
#include "lang/types/alias.h"
#include "lang/types/iter.h"
#include "lang/types/iter_fast.h"

int64_t value_len(interp *in, value v)
{
    const type *t = type_of(in, v);
    if (t->length) return t->length(in, v);
    return THROWN(in, TypeError, "object of type '" TYPE_FMT "' has no len()", TYPE_ARG(t));
}

value value_getitem(interp *in, value v, value key)
{
    const type *t = type_of(in, v);
    if (t->getitem) return t->getitem(in, v, key);
    if (as_type(v)) return class_getitem(in, v, key);
    return throw(in, TypeError, "'" TYPE_FMT "' object is not subscriptable", TYPE_ARG(t));
}

bool value_setitem(interp *in, value v, value key, value to)
{
    const type *t = type_of(in, v);
    if (t->setitem) return t->setitem(in, v, key, to);
    /* CPython's two words for it: of a sequence, and of what is none */
    const char *no = t->getitem ? "doesn't" : "does not";
    if (is_fail(to))
        throw(in, TypeError, "'" TYPE_FMT "' object %s support item deletion", TYPE_ARG(t), no);
    else
        throw(in, TypeError, "'" TYPE_FMT "' object does not support item assignment", TYPE_ARG(t));
    return false;
}

static int contains_by_iterating(interp *in, value v, value item)
{
    value it = value_iter(in, v), x;
    if (is_fail(it)) {
        if (exc_is(in, TypeError) && !type_of(in, v)->iter) {
            exc_clear(in);
            throw(in, TypeError, "argument of type '" TYPE_FMT "' is not iterable",
                  TYPE_ARG(type_of(in, v)));
        }
        return -1;
    }
    int found = 0, r;
    while (!found && (r = iter_next(in, it, &x)) != 0) {
        found = r < 0 ? -1 : value_eq(in, x, item);
        if (r > 0) value_unref(in, x);
    }
    value_unref(in, it);
    return found;
}

int value_contains(interp *in, value v, value item)
{
    const type *t = type_of(in, v);
    return t->contains ? t->contains(in, v, item) : contains_by_iterating(in, v, item);
}

value value_iter(interp *in, value v)
{
    const type *t = type_of(in, v);
    if (t->iter) {
        value it = t->iter(in, v);
        if (is_fail(it) || type_of(in, it)->next) return it;
        throw(in, TypeError, "iter() returned non-iterator of type '%s'", type_of(in, it)->name);
        value_unref(in, it);
        return FAIL;
    }
    if (t->getitem && t->flags & TYPE_HEAP && !as_dict(v)) return seq_iter_new(in, v);
    return throw(in, TypeError, "'" TYPE_FMT "' object is not iterable", TYPE_ARG(t));
}

value next_of_any(interp *in, value it)
{
    const type *t = type_of(in, it);
    if (!t->next)
        return throw(in, TypeError, "'" TYPE_FMT "' object is not an iterator", TYPE_ARG(t));
    value v = t->next(in, it);
    if (!is_fail(v)) {
        if (!safe_point_due(in) || check_interrupt(in)) return v;
        value_unref(in, v);
    } else if (exc_is(in, StopIteration))
        exc_clear(in);
    return FAIL;
}

int iter_next(interp *in, value it, value *out)
{
    *out = next_item(in, it);
    return !is_fail(*out) ? 1 : throwing(in) ? -1 : 0;
}

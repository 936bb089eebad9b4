/* lang/types/list_methods.c - the methods of list. */
#include <string.h>

#include "engine/base/mem.h"
#include "lang/types/alias.h"
#include "lang/interp.h"
#include "lang/types/list.h"

/* arg[0] as a list that may be changed, else NULL and an exception */
static list *mutable_self(interp *in, const value *arg)
{
    list *l = as_list(arg[0]);
    return check_mutable(in, &l->hdr) ? l : NULL;
}

static value append(interp *in, const value *arg)
{
    list *l = mutable_self(in, arg);
    return l && list_append(in, l, arg[1]) ? NONE : FAIL;
}

static value extend(interp *in, const value *arg)
{
    list *l = mutable_self(in, arg);
    return l && list_extend(in, l, arg[1]) ? NONE : FAIL;
}

static value insert(interp *in, const value *arg)
{
    list *l = mutable_self(in, arg);
    int64_t i;
    if (!l || !to_int64(in, arg[1], &i)) return FAIL;
    if (i < 0) i = i + l->n < 0 ? 0 : i + l->n;
    if (i > l->n) i = l->n;
    return list_splice(in, l, i, i, &arg[2], 1) ? NONE : FAIL;
}

static value pop(interp *in, const value *arg)
{
    list *l = mutable_self(in, arg);
    int64_t i;
    if (!l || !to_int64(in, arg[1], &i)) return FAIL;
    if (!l->n) return throw(in, IndexError, "pop from empty list");
    if (i < 0) i += l->n;
    if (i < 0 || i >= l->n) return throw(in, IndexError, "pop index out of range");
    value v = l->at[i];
    memmove(l->at + i, l->at + i + 1, (size_t)(l->n - i - 1) * sizeof v);
    l->n--;
    list_trim(in, l);
    return v;
}

static value remove_item(interp *in, const value *arg)
{
    list *l = mutable_self(in, arg);
    if (!l) return FAIL;
    int64_t i = seq_find(in, &l->at, &l->n, arg[1], 0, INT64_MAX);
    if (i == -2) return FAIL;
    if (i < 0) return throw(in, ValueError, "list.remove(x): x not in list");
    return list_splice(in, l, i, i + 1, NULL, 0) ? NONE : FAIL;
}

static value clear(interp *in, const value *arg)
{
    list *l = mutable_self(in, arg);
    if (!l) return FAIL;
    list_clear(in, l);
    return NONE;
}

static value copy(interp *in, const value *arg)
{
    list *l = as_list(arg[0]);
    return v_obj(list_from(in, l->at, l->n));
}

static value reverse(interp *in, const value *arg)
{
    list *l = mutable_self(in, arg);
    if (!l) return FAIL;
    for (int64_t i = 0, j = l->n - 1; i < j; i++, j--) {
        value t = l->at[i];
        l->at[i] = l->at[j];
        l->at[j] = t;
    }
    return NONE;
}

static value index_method(interp *in, const value *arg)
{
    list *l = as_list(arg[0]);
    int64_t from, to;
    if (!to_index_clamped(in, arg[2], &from) || !to_index_clamped(in, arg[3], &to)) return FAIL;
    if (from < 0) from = from + l->n < 0 ? 0 : from + l->n;
    if (to < 0) to += l->n;
    int64_t i = seq_find(in, &l->at, &l->n, arg[1], from, to);
    if (i == -2) return FAIL;
    if (i >= 0) return v_int(i);
    str *s = value_repr(in, arg[1]);
    if (s) throw(in, ValueError, "%s is not in list", s->at);
    obj_unref(in, s);
    return FAIL;
}

static value count(interp *in, const value *arg)
{
    list *l = as_list(arg[0]);
    int64_t n = 0;
    for (int64_t i = -1; (i = seq_find(in, &l->at, &l->n, arg[1], i + 1, INT64_MAX)) != -1; n++)
        if (i == -2 || !goes_on(in, (size_t)n)) return FAIL;
    return v_int(n);
}

static value sort(interp *in, const value *arg)
{
    list *l = mutable_self(in, arg);
    int down = l ? value_truth(in, arg[2]) : -1;
    return down >= 0 && list_sort(in, l, arg[1], down) ? NONE : FAIL;
}

static value init(interp *in, const value *arg)
{
    list *l = mutable_self(in, arg);
    if (!l) return FAIL;
    list_clear(in, l);
    return is_fail(arg[1]) || list_extend(in, l, arg[1]) ? NONE : FAIL;
}

static value reversed(interp *in, const value *arg)
{
    return reversed_new(in, arg[0], as_list(arg[0])->n, &T_list_reverse_iter);
}

// clang-format off
const builtin list_table[] = {
    CLASS_GETITEM,
    {"__init__(self, iterable=<unset>, /)", init,
     "Makes the list hold the items of an iterable."},
    {"append(self, object, /)", append, "Puts an item behind the last."},
    {"clear(self, /)", clear, "Takes everything out."},
    {"copy(self, /)", copy, "Another list of the same items."},
    {"count(self, value, /)", count, "How many items equal the value."},
    {"extend(self, iterable, /)", extend, "Puts the items of an iterable behind the last."},
    {"index(self, value, start=0, stop=9223372036854775807, /)", index_method,
     "Where the value is first between start and stop; ValueError when nowhere."},
    {"insert(self, index, object, /)", insert, "Puts an item before the one at index."},
    {"pop(self, index=-1, /)", pop,
     "Takes the item at index (the last) out and returns it; IndexError when there is none."},
    {"remove(self, value, /)", remove_item,
     "Takes out the first item that equals the value; ValueError when none does."},
    {"reverse(self, /)", reverse, "Turns the order of the items round."},
    {"sort(self, /, *, key=None, reverse=False)", sort,
     "Puts the list in order, smallest first: by key(item), largest first with reverse. Equal "
     "items stay in their order."},
    {"__reversed__(self, /)", reversed, "The items from the last to the first."},
    {0},
};
// clang-format on

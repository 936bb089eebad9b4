/* stdlib/core/bisect.c - bisect: where an item belongs in a sorted sequence, and putting it there.
 *
 * One search: the first place in [lo, hi) whose item is not before the one that is looked for;
 * behind what equals it (right) or in front of it (left). */
#include "lang/types/list.h"
#include "stdlib/stdlib.h"

typedef struct search {
    value seq, x, key; /* key: NONE or a function of the items */
    int64_t lo, hi;
    bool right;
} search;

/* Does the item at i stand before the place of x?  1 0 -1 */
static int is_before(interp *in, const search *s, int64_t i)
{
    list *l = as_list(s->seq);
    value item = l && i < l->n ? value_ref(l->at[i]) : value_getitem(in, s->seq, v_int(i));
    if (!is_fail(item) && !is_none(s->key)) {
        value of = call_n(in, s->key, 1, item);
        value_unref(in, item);
        item = of;
    }
    if (is_fail(item)) return -1;
    if (item.kind == V_INT && s->x.kind == V_INT)
        return s->right ? item.i <= s->x.i : item.i < s->x.i;
    value less = value_compare(in, OP_LT, s->right ? s->x : item, s->right ? item : s->x);
    value_unref(in, item);
    int t = is_fail(less) ? -1 : value_truth(in, less);
    value_unref(in, less);
    return t < 0 ? -1 : t != s->right;
}

static bool find(interp *in, search *s)
{
    while (s->lo < s->hi) {
        int64_t middle = s->lo + (s->hi - s->lo) / 2;
        int before = is_before(in, s, middle);
        if (before < 0) return false;
        if (before)
            s->lo = middle + 1;
        else
            s->hi = middle;
    }
    return true;
}

/* arg: a x lo hi key; the place is in s->lo */
static bool search_of(interp *in, const value *arg, value x, bool right, search *s)
{
    *s = (search){.seq = arg[0], .x = x, .key = arg[4], .right = right};
    if (!to_int64(in, arg[2], &s->lo)) return false;
    if (s->lo < 0) {
        throw(in, ValueError, "lo must be non-negative");
        return false;
    }
    if (is_none(arg[3])) {
        s->hi = value_len(in, arg[0]);
        if (s->hi < 0) return false;
    } else if (!to_int64(in, arg[3], &s->hi))
        return false;
    return find(in, s);
}

static value place(interp *in, const value *arg, bool right)
{
    search s;
    return search_of(in, arg, arg[1], right, &s) ? v_int(s.lo) : FAIL;
}

static value insert(interp *in, const value *arg, bool right)
{
    search s;
    value x = is_none(arg[4]) ? value_ref(arg[1]) : call_n(in, arg[4], 1, arg[1]);
    bool found = !is_fail(x) && search_of(in, arg, x, right, &s);
    value_unref(in, x);
    value r = found ? call_method(in, arg[0], "insert", 2, v_int(s.lo), arg[1]) : FAIL;
    value_unref(in, r);
    return is_fail(r) ? FAIL : NONE;
}

static value f_bisect_left(interp *in, const value *arg)
{
    return place(in, arg, false);
}

static value f_bisect_right(interp *in, const value *arg)
{
    return place(in, arg, true);
}

static value f_insort_left(interp *in, const value *arg)
{
    return insert(in, arg, false);
}

static value f_insort_right(interp *in, const value *arg)
{
    return insert(in, arg, true);
}

static const builtin functions[] = {
    {"bisect_left(a, x, lo=0, hi=None, *, key=None)", f_bisect_left,
     "The place in the sorted list a, before what equals x, where x keeps it sorted."},
    {"bisect_right(a, x, lo=0, hi=None, *, key=None)", f_bisect_right,
     "The place in the sorted list a, behind what equals x, where x keeps it sorted."},
    {"insort_left(a, x, lo=0, hi=None, *, key=None)", f_insort_left,
     "Puts x into the sorted list a, before what equals it."},
    {"insort_right(a, x, lo=0, hi=None, *, key=None)", f_insort_right,
     "Puts x into the sorted list a, behind what equals it."},
    {0},
};

const module_def bisect_def = {
    .name = "_bisect", .doc = "Sorted lists: places in them.", .table = functions};

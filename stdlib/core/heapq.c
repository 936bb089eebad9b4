/* stdlib/core/heapq.c - the heap operations of heapq on lists: heap[k] <= heap[2k+1], heap[2k+2].
 *
 * Items stay in the list while they are compared (an __lt__ may look at it); a list that changes
 * size meanwhile is an error. */
#include "lang/types/list.h"
#include "stdlib/stdlib.h"

static int less(interp *in, value a, value b)
{
    if (a.kind == V_INT && b.kind == V_INT) return a.i < b.i;
    if (a.kind == V_FLOAT && b.kind == V_FLOAT) return a.f < b.f;
    value_ref(a), value_ref(b);
    value r = value_compare(in, OP_LT, a, b);
    value_unref(in, a), value_unref(in, b);
    int t = r.kind == V_BOOL ? (int)r.i : is_fail(r) ? -1 : value_truth(in, r);
    if (r.kind == V_OBJ) value_unref(in, r);
    return t;
}

/* less(l[i], l[j]) of a list that must keep its n items */
static int less_at(interp *in, const list *l, int64_t n, int64_t i, int64_t j)
{
    int r = less(in, l->at[i], l->at[j]);
    if (r >= 0 && l->n != n) return THROWN(in, RuntimeError, "list changed size during iteration");
    return r;
}

static void swap(list *l, int64_t i, int64_t j)
{
    value t = l->at[i];
    l->at[i] = l->at[j];
    l->at[j] = t;
}

/* Moves item i up towards `top` until its parent is no larger. */
static bool rise(interp *in, list *l, int64_t top, int64_t i)
{
    int64_t n = l->n;
    while (i > top) {
        int64_t parent = (i - 1) / 2;
        int r = less_at(in, l, n, i, parent);
        if (r < 0) return false;
        if (!r) break;
        swap(l, i, parent);
        i = parent;
    }
    return true;
}

/* Moves item i down to a leaf along the smaller children, then up to its place. */
static bool sink(interp *in, list *l, int64_t i)
{
    int64_t top = i, n = l->n;
    while (2 * i + 1 < n) {
        int64_t child = 2 * i + 1;
        if (child + 1 < n) {
            int r = less_at(in, l, n, child, child + 1);
            if (r < 0) return false;
            child += !r;
        }
        swap(l, i, child);
        i = child;
    }
    if (top % 4096 == 0 && !check_interrupt(in)) return false;
    return rise(in, l, top, i);
}

static list *heap_arg(interp *in, value v)
{
    list *l = as_list(v);
    if (!l)
        return THROW0(in, TypeError, "heap argument must be a list, not %s", type_of(in, v)->name);
    return check_mutable(in, &l->hdr) ? l : NULL;
}

static value heappush(interp *in, const value *arg)
{
    list *l = heap_arg(in, arg[0]);
    return l && list_append(in, l, arg[1]) && rise(in, l, 0, l->n - 1) ? NONE : FAIL;
}

/* Puts v (taken) at the top of a heap that has items; gives what was there. */
static value replace_top(interp *in, list *l, value v)
{
    value top = l->at[0];
    l->at[0] = v;
    if (sink(in, l, 0)) return top;
    value_unref(in, top);
    return FAIL;
}

static value heappop(interp *in, const value *arg)
{
    list *l = heap_arg(in, arg[0]);
    if (!l) return FAIL;
    if (!l->n) return throw(in, IndexError, "index out of range");
    value last = l->at[--l->n];
    list_trim(in, l);
    return l->n ? replace_top(in, l, last) : last;
}

static value heapreplace(interp *in, const value *arg)
{
    list *l = heap_arg(in, arg[0]);
    if (!l) return FAIL;
    if (!l->n) return throw(in, IndexError, "index out of range");
    return replace_top(in, l, value_ref(arg[1]));
}

static value heappushpop(interp *in, const value *arg)
{
    list *l = heap_arg(in, arg[0]);
    if (!l) return FAIL;
    if (!l->n) return value_ref(arg[1]);
    int r = less(in, l->at[0], arg[1]);
    if (r < 0) return FAIL;
    if (!l->n) return throw(in, IndexError, "index out of range");
    return r ? replace_top(in, l, value_ref(arg[1])) : value_ref(arg[1]);
}

static value heapify(interp *in, const value *arg)
{
    list *l = heap_arg(in, arg[0]);
    if (!l) return FAIL;
    for (int64_t i = l->n / 2 - 1; i >= 0; i--)
        if (!sink(in, l, i)) return FAIL;
    return NONE;
}

static const builtin functions[] = {
    {"heappush(heap, item, /)", heappush, "Puts an item into the heap."},
    {"heappop(heap, /)", heappop, "Takes the smallest item out of the heap and returns it."},
    {"heapify(heap, /)", heapify, "Orders a list as a heap, in time proportional to its length."},
    {"heapreplace(heap, item, /)", heapreplace,
     "Takes the smallest item out of the heap, puts another in, and returns the one taken out."},
    {"heappushpop(heap, item, /)", heappushpop,
     "The smaller of the item and the smallest of the heap; the other one is in the heap "
     "afterwards."},
    {0},
};

const module_def heapq_def = {
    .name = "_heapq",
    .doc = "Lists as heaps: the smallest item is at hand, and the next after it soon.",
    .table = functions,
};

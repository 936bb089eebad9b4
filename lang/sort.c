/* lang/sort.c - list_sort: a stable merge sort over keys, values moved along.
 *
 * The list is emptied while user code may run, so that a key function or __lt__ that changes it
 * is noticed ("list modified during sort").  Without a key function the list's own array is sorted
 * where it lies.  Keys of one kind (all int, all float, all str) are compared without dispatch.
 * Natural runs are found first, so that sorted input is linear; runs shorter than MIN_RUN are
 * finished by insertion.  A merge sets the shorter of its runs aside: half the list at most.
 * A reversed sort reverses, sorts, reverses: equal items keep their order. */
#include <string.h>

#include "engine/base/mem.h"
#include "lang/interp.h"
#include "lang/lang.h"
#include "lang/types/list.h"
#include "lang/words.h"

enum { MIN_RUN = 32, MAX_RUNS = 64, FEW = 16 };

typedef struct span {
    value *key, *val; /* val: what moves with the keys; NULL when they are the items themselves */
} span;

typedef struct sorter {
    interp *in;
    int (*less)(struct sorter *s, value a, value b); /* 1 0 -1 */
    span tmp;                                        /* where a run waits while it is merged */
    int64_t room, most;                              /* of it; more is never needed */
    bool failed;
} sorter;

/* ---- how keys compare ---- */

static int less_int(sorter *s, value a, value b)
{
    (void)s;
    return a.i < b.i;
}

static int less_float(sorter *s, value a, value b)
{
    (void)s;
    return a.f < b.f;
}

static int less_str(sorter *s, value a, value b)
{
    (void)s;
    const str *x = (const str *)a.o, *y = (const str *)b.o;
    size_t n = x->nbyte < y->nbyte ? x->nbyte : y->nbyte;
    int c = memcmp(x->at, y->at, n); /* UTF-8 sorts as its code points do */
    return c ? c < 0 : x->nbyte < y->nbyte;
}

static int less_any(sorter *s, value a, value b)
{
    value r = value_compare(s->in, OP_LT, a, b);
    int t = r.kind == V_BOOL ? (int)r.i : is_fail(r) ? -1 : value_truth(s->in, r);
    if (r.kind == V_OBJ) value_unref(s->in, r);
    if (t < 0) s->failed = true;
    return t;
}

static bool is_plain_str(value v)
{
    return v.kind == V_OBJ && v.o->type == &T_str;
}

/* Of plain tuples: decided here as long as their items are numbers or texts of one kind. */
static int less_tuple(sorter *s, value a, value b)
{
    const tuple *x = (const tuple *)a.o, *y = (const tuple *)b.o;
    for (int64_t i = 0; i < x->n && i < y->n; i++) {
        value p = x->at[i], q = y->at[i];
        if (p.kind == V_INT && q.kind == V_INT) {
            if (p.i != q.i) return p.i < q.i;
        } else if (p.kind == V_FLOAT && q.kind == V_FLOAT) {
            if (p.f < q.f || p.f > q.f) return p.f < q.f;
            if (p.f != q.f) return less_any(s, a, b); /* NaN */
        } else if (is_plain_str(p) && is_plain_str(q)) {
            if (!str_eq((const str *)p.o, (const str *)q.o)) return less_str(s, p, q);
        } else
            return less_any(s, a, b);
    }
    return x->n < y->n;
}

static void choose_less(sorter *s, const value *key, int64_t n)
{
    bool ints = true, floats = true, strs = true, tuples = true;
    for (int64_t i = 0; i < n && (ints || floats || strs || tuples); i++) {
        ints = ints && key[i].kind == V_INT;
        floats = floats && key[i].kind == V_FLOAT;
        strs = strs && is_plain_str(key[i]);
        tuples = tuples && key[i].kind == V_OBJ && key[i].o->type == &T_tuple;
    }
    s->less = ints     ? less_int
              : floats ? less_float
              : strs   ? less_str
              : tuples ? less_tuple
                       : less_any;
}

/* ---- spans ---- */

static inline span span_at(span a, int64_t i)
{
    return (span){a.key + i, a.val ? a.val + i : NULL};
}

static inline void span_put(span to, int64_t i, span from, int64_t j)
{
    to.key[i] = from.key[j];
    if (to.val) to.val[i] = from.val[j];
}

static void span_move(span to, span from, int64_t n)
{
    memmove(to.key, from.key, (size_t)n * sizeof *to.key);
    if (to.val) memmove(to.val, from.val, (size_t)n * sizeof *to.val);
}

static void reverse_values(value *a, int64_t n)
{
    for (int64_t i = 0, j = n - 1; i < j; i++, j--) {
        value t = a[i];
        a[i] = a[j];
        a[j] = t;
    }
}

static void span_reverse(span a, int64_t n)
{
    reverse_values(a.key, n);
    if (a.val) reverse_values(a.val, n);
}

/* Puts a[0 .. n) aside. */
static bool set_aside(sorter *s, span a, int64_t n)
{
    if (n > s->room) {
        int64_t room = 2 * n < s->most ? 2 * n : s->most;
        value *at = lang_grow(s->in, NULL, room, (a.val ? 2 : 1) * sizeof *at);
        if (!at) return !(s->failed = true);
        mem_free(s->tmp.key);
        s->tmp = (span){at, a.val ? at + room : NULL};
        s->room = room;
    }
    span_move(s->tmp, a, n);
    return true;
}

/* ---- runs ---- */

/* Length of the ascending run at a; a strictly descending one is turned round. */
static int64_t count_run(sorter *s, span a, int64_t n)
{
    int64_t i = 1;
    if (n < 2) return n;
    bool down = s->less(s, a.key[1], a.key[0]) > 0;
    while (++i < n && !s->failed && goes_on(s->in, (size_t)i))
        if ((s->less(s, a.key[i], a.key[i - 1]) > 0) != down) break;
    if (down) span_reverse(a, i);
    return i;
}

/* a[0 .. sorted) is in order: puts the rest in, by binary search. */
static void insertion(sorter *s, span a, int64_t sorted, int64_t n)
{
    for (int64_t i = sorted; i < n && !s->failed; i++) {
        value key = a.key[i], val = a.val ? a.val[i] : FAIL;
        int64_t lo = 0, hi = i;
        while (lo < hi) {
            int64_t mid = (lo + hi) / 2;
            if (s->less(s, key, a.key[mid]) > 0)
                hi = mid;
            else
                lo = mid + 1;
        }
        span_move(span_at(a, lo + 1), span_at(a, lo), i - lo);
        a.key[lo] = key;
        if (a.val) a.val[lo] = val;
    }
}

/* a[0 .. n) and a[n .. n + m) become one, from the left; the left one waits aside. */
static void merge_up(sorter *s, span a, int64_t n, int64_t m)
{
    if (!set_aside(s, a, n)) return;
    span x = s->tmp;
    int64_t i = 0, j = n, to = 0;
    while (i < n && j < n + m && !s->failed) {
        if (s->less(s, a.key[j], x.key[i]) > 0)
            span_put(a, to++, a, j++);
        else
            span_put(a, to++, x, i++);
        if (!goes_on(s->in, (size_t)to)) s->failed = true;
    }
    span_move(span_at(a, to), span_at(x, i), n - i);
}

/* The same from the right; the right one waits. */
static void merge_down(sorter *s, span a, int64_t n, int64_t m)
{
    if (!set_aside(s, span_at(a, n), m)) return;
    span y = s->tmp;
    int64_t i = n, j = m; /* one behind what comes next */
    while (i > 0 && j > 0 && !s->failed) {
        if (s->less(s, y.key[j - 1], a.key[i - 1]) > 0)
            i--, span_put(a, i + j, a, i);
        else
            j--, span_put(a, i + j, y, j);
        if (!goes_on(s->in, (size_t)(i + j))) s->failed = true;
    }
    span_move(span_at(a, i), y, j);
}

static void merge(sorter *s, span a, int64_t n, int64_t m)
{
    if (s->less(s, a.key[n], a.key[n - 1]) <= 0) return; /* already in order */
    if (!check_interrupt(s->in)) s->failed = true;
    if (s->failed) return;
    if (n <= m)
        merge_up(s, a, n, m);
    else
        merge_down(s, a, n, m);
}

typedef struct run_stack {
    int64_t at[MAX_RUNS], len[MAX_RUNS];
    int n;
} run_stack;

static void merge_at(sorter *s, span a, run_stack *r, int i)
{
    merge(s, span_at(a, r->at[i]), r->len[i], r->len[i + 1]);
    r->len[i] += r->len[i + 1];
    for (int k = i + 1; k + 1 < r->n; k++) r->at[k] = r->at[k + 1], r->len[k] = r->len[k + 1];
    r->n--;
}

/* Keeps the lengths on the stack growing at least as Fibonacci's numbers do, so it stays short. */
static void balance(sorter *s, span a, run_stack *r)
{
    while (r->n > 1 && !s->failed) {
        int i = r->n - 2;
        const int64_t *len = r->len;
        if ((i > 0 && len[i - 1] <= len[i] + len[i + 1]) ||
            (i > 1 && len[i - 2] <= len[i - 1] + len[i]))
            merge_at(s, a, r, len[i - 1] < len[i + 1] ? i - 1 : i);
        else if (len[i] <= len[i + 1])
            merge_at(s, a, r, i);
        else
            break;
    }
}

static bool sort_span(sorter *s, span a, int64_t n)
{
    run_stack r;
    r.n = 0;
    for (int64_t i = 0; i < n && !s->failed;) {
        int64_t len = count_run(s, span_at(a, i), n - i), full = n - i < MIN_RUN ? n - i : MIN_RUN;
        if (!check_interrupt(s->in)) s->failed = true;
        if (len < full) {
            insertion(s, span_at(a, i), len, full);
            len = full;
        }
        r.at[r.n] = i;
        r.len[r.n++] = len;
        balance(s, a, &r);
        i += len;
    }
    while (r.n > 1 && !s->failed) {
        int i = r.n - 2;
        if (i > 0 && r.len[i - 1] < r.len[i + 1]) i--;
        merge_at(s, a, &r, i);
    }
    return !s->failed;
}

/* ---- lists ---- */

static void drop_keys(interp *in, value *key, int64_t n)
{
    for (int64_t i = 0; i < n; i++) value_unref(in, key[i]);
}

/* The keys of n items: owned, in `few` if that has the room. NULL: pending. */
static value *make_keys(interp *in, const value *item, int64_t n, value key, value *few)
{
    value *made = n <= FEW ? few : lang_grow(in, NULL, n, sizeof *made);
    for (int64_t i = 0; made && i < n; i++) {
        put_value(&made[i], value_call(in, key, &item[i], 1, NULL));
        if (!is_fail(made[i])) continue;
        drop_keys(in, made, i);
        if (made != few) mem_free(made);
        return NULL;
    }
    return made;
}

static bool sort_keys(interp *in, span a, int64_t n, bool reverse)
{
    sorter s = {.in = in, .most = n / 2};
    choose_less(&s, a.key, n);
    if (reverse) span_reverse(a, n);
    bool ok = sort_span(&s, a, n);
    if (reverse) span_reverse(a, n);
    mem_free(s.tmp.key);
    return ok;
}

static bool sort_items(interp *in, value *at, int64_t n, value key, bool reverse)
{
    value few[FEW];
    if (is_fail(key) || is_none(key)) return sort_keys(in, (span){at, NULL}, n, reverse);
    span a = {make_keys(in, at, n, key, few), at};
    if (!a.key) return false;
    bool ok = sort_keys(in, a, n, reverse);
    drop_keys(in, a.key, n);
    if (a.key != few) mem_free(a.key);
    return ok;
}

bool list_sort(interp *in, list *l, value key, bool reverse)
{
    int64_t n = l->n, cap = l->cap;
    value *at = l->at;
    if (n == 0 || (n == 1 && (is_fail(key) || is_none(key)))) return true;
    l->at = NULL;
    l->n = l->cap = 0;
    bool ok = sort_items(in, at, n, key, reverse);
    bool touched = l->at || l->n;
    list_clear(in, l);
    l->at = at;
    l->n = n;
    l->cap = cap;
    if (ok && touched) throw(in, ValueError, "list modified during sort");
    return ok && !touched;
}

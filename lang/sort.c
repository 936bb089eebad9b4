/* lang/sort.c - list_sort: a stable merge sort over keys, values moved along.
 *
 * The list is emptied while user code may run, so that a key function or __lt__ that changes it
 * is noticed ("list modified during sort").  Keys of one kind (all int, all float, all str) are
 * compared without dispatch.  Natural runs are found first, so that sorted input is linear;
 * runs shorter than MIN_RUN are finished by insertion.  A reversed sort reverses, sorts, reverses:
 * equal items keep their order. */
#include <string.h>

#include "engine/base/mem.h"
#include "lang/interp.h"
#include "lang/lang.h"
#include "lang/types/list.h"
#include "lang/words.h"

enum { MIN_RUN = 32, MAX_RUNS = 64, FEW = 16 };

typedef struct pair {
    value key, val; /* val is FAIL when there is no key function: the key is the item */
} pair;

typedef struct sorter {
    interp *in;
    int (*less)(struct sorter *s, value a, value b); /* 1 0 -1 */
    pair *tmp;                                       /* room for as many as there are */
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

static void choose_less(sorter *s, const pair *a, int64_t n)
{
    bool ints = true, floats = true, strs = true, tuples = true;
    for (int64_t i = 0; i < n && (ints || floats || strs || tuples); i++) {
        ints = ints && a[i].key.kind == V_INT;
        floats = floats && a[i].key.kind == V_FLOAT;
        strs = strs && is_plain_str(a[i].key);
        tuples = tuples && a[i].key.kind == V_OBJ && a[i].key.o->type == &T_tuple;
    }
    s->less = ints     ? less_int
              : floats ? less_float
              : strs   ? less_str
              : tuples ? less_tuple
                       : less_any;
}

/* ---- runs ---- */

static void reverse_pairs(pair *a, int64_t n)
{
    for (int64_t i = 0, j = n - 1; i < j; i++, j--) {
        pair t = a[i];
        a[i] = a[j];
        a[j] = t;
    }
}

/* Length of the ascending run at a; a strictly descending one is turned round. */
static int64_t count_run(sorter *s, pair *a, int64_t n)
{
    int64_t i = 1;
    if (n < 2) return n;
    bool down = s->less(s, a[1].key, a[0].key) > 0;
    while (++i < n && !s->failed && goes_on(s->in, (size_t)i))
        if ((s->less(s, a[i].key, a[i - 1].key) > 0) != down) break;
    if (down) reverse_pairs(a, i);
    return i;
}

/* a[0 .. sorted) is in order: puts the rest in, by binary search. */
static void insertion(sorter *s, pair *a, int64_t sorted, int64_t n)
{
    for (int64_t i = sorted; i < n && !s->failed; i++) {
        pair p = a[i];
        int64_t lo = 0, hi = i;
        while (lo < hi) {
            int64_t mid = (lo + hi) / 2;
            if (s->less(s, p.key, a[mid].key) > 0)
                hi = mid;
            else
                lo = mid + 1;
        }
        memmove(a + lo + 1, a + lo, (size_t)(i - lo) * sizeof *a);
        a[lo] = p;
    }
}

/* a[0 .. n) and a[n .. n + m) become one; the left one waits in tmp. */
static void merge(sorter *s, pair *a, int64_t n, int64_t m)
{
    pair *x = s->tmp, *xe = x + n, *y = a + n, *ye = y + m, *to = a;
    if (s->less(s, y->key, y[-1].key) <= 0) return; /* already in order */
    if (!check_interrupt(s->in)) s->failed = true;
    memcpy(x, a, (size_t)n * sizeof *a);
    while (x < xe && y < ye && !s->failed) {
        *to++ = s->less(s, y->key, x->key) > 0 ? *y++ : *x++;
        if (!goes_on(s->in, (size_t)(to - a))) s->failed = true;
    }
    memcpy(to, x, (size_t)(xe - x) * sizeof *a);
}

typedef struct run_stack {
    int64_t at[MAX_RUNS], len[MAX_RUNS];
    int n;
} run_stack;

static void merge_at(sorter *s, pair *a, run_stack *r, int i)
{
    merge(s, a + r->at[i], r->len[i], r->len[i + 1]);
    r->len[i] += r->len[i + 1];
    for (int k = i + 1; k + 1 < r->n; k++) r->at[k] = r->at[k + 1], r->len[k] = r->len[k + 1];
    r->n--;
}

/* Keeps the lengths on the stack growing at least as Fibonacci's numbers do, so it stays short. */
static void balance(sorter *s, pair *a, run_stack *r)
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

static bool sort_pairs(sorter *s, pair *a, int64_t n)
{
    run_stack r;
    r.n = 0;
    for (int64_t i = 0; i < n && !s->failed;) {
        int64_t len = count_run(s, a + i, n - i), full = n - i < MIN_RUN ? n - i : MIN_RUN;
        if (!check_interrupt(s->in)) s->failed = true;
        if (len < full) {
            insertion(s, a + i, len, full);
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

static bool make_keys(interp *in, pair *a, int64_t n, value key)
{
    bool keyed = !is_fail(key) && !is_none(key);
    for (int64_t i = 0; keyed && i < n; i++) {
        value k = value_call(in, key, &a[i].key, 1, NULL);
        if (is_fail(k)) {
            while (i--) value_unref(in, a[i].key), a[i].key = a[i].val;
            for (int64_t j = 0; j < n; j++) a[j].val = FAIL;
            return false;
        }
        a[i].val = a[i].key;
        a[i].key = k;
    }
    return true;
}

/* a has room for n more. */
static bool sort_array(interp *in, pair *a, int64_t n, value key, bool reverse)
{
    sorter s = {.in = in, .tmp = a + n};
    if (!make_keys(in, a, n, key)) return false;
    choose_less(&s, a, n);
    if (reverse) reverse_pairs(a, n);
    bool ok = sort_pairs(&s, a, n);
    if (reverse) reverse_pairs(a, n);
    return ok;
}

bool list_sort(interp *in, list *l, value key, bool reverse)
{
    int64_t n = l->n, cap = l->cap;
    value *at = l->at;
    if (n == 0 || (n == 1 && (is_fail(key) || is_none(key)))) return true;
    pair few[2 * FEW], *a = n <= FEW ? few : lang_grow(in, NULL, 2 * n, sizeof *a);
    if (!a) return false;
    for (int64_t i = 0; i < n; i++) {
        put_value(&a[i].key, value_at(&at[i]));
        a[i].val = FAIL;
        if (!goes_on(in, (size_t)i)) return mem_free(a), false; /* so many are no few */
    }
    l->at = NULL;
    l->n = l->cap = 0;
    bool ok = sort_array(in, a, n, key, reverse);
    for (int64_t i = 0; i < n; i++) {
        bool keyed = !is_fail(a[i].val);
        at[i] = keyed ? a[i].val : a[i].key;
        if (keyed) value_unref(in, a[i].key);
    }
    if (a != few) mem_free(a);
    bool touched = l->at || l->n;
    list_clear(in, l);
    l->at = at;
    l->n = n;
    l->cap = cap;
    if (ok && touched) throw(in, ValueError, "list modified during sort");
    return ok && !touched;
}

/* engine/kernels/sort.c - sorting and selecting along an axis.
 *
 * Each lane along the axis becomes keys (see keys.h) in a scratch row.  sort works on the keys and
 * turns them back; everything about positions orders a row of indices.  Complex numbers and text
 * are ordered by index, then gathered. */
#include "engine/kernels/sort.h"

#include <stdatomic.h>
#include <string.h>

#include "engine/base/mem.h"
#include "engine/base/par.h"
#include "engine/kernels/index.h"
#include "engine/kernels/keys.h"
#include "engine/kernels/ops.h"
#include "engine/kernels/places.h"
#include "engine/kernels/radix.h"
#include "engine/kernels/reduce.h"
#include "engine/kernels/sort_complex.h"

typedef struct lanes {
    const nd *x;
    nd *out;
    int axis;
    int64_t n, count;
    int64_t index[ND_MAXDIM];
    char *from, *to; /* the current lane's first elements */
    ptrdiff_t fstep, tstep;
    buf *room;
    uint64_t *key, *scratch;
    int64_t *order;
    char *row; /* one contiguous lane, for types without keys */
} lanes;

static bool lanes_init(lanes *l, const nd *x, nd *out, int axis, err *e)
{
    *l = (lanes){.x = x, .out = out, .axis = axis, .n = nd_shape(x)[axis]};
    l->count = l->n ? nd_count(x) / l->n : 0;
    l->from = x->at;
    l->to = out->at;
    l->fstep = nd_strides(x)[axis];
    l->tstep = nd_strides(out)[axis];
    size_t n = (size_t)l->n;
    l->room = buf_new(n * (3 * sizeof(uint64_t) + x->size) + 8, e);
    if (!l->room) return false;
    l->key = (uint64_t *)(void *)l->room->data;
    l->scratch = l->key + n;
    l->order = (int64_t *)(l->scratch + n);
    l->row = (char *)(l->order + n);
    return true;
}

static bool lanes_next(lanes *l)
{
    for (int i = l->x->ndim; i-- > 0;) {
        if (i == l->axis) continue;
        int64_t fs = nd_strides(l->x)[i], ts = nd_strides(l->out)[i], n = nd_shape(l->x)[i];
        l->from += fs;
        l->to += ts;
        if (++l->index[i] < n) return true;
        l->from -= n * fs;
        l->to -= n * ts;
        l->index[i] = 0;
    }
    return false;
}

static void lanes_clear(lanes *l)
{
    buf_unref(l->room);
}

/* the current lane, with keys if its type has them */
static lane lane_of(lanes *l)
{
    lane v = {.t = nd_type(l->x), .at = l->from, .step = l->fstep};
    if (!has_keys(l->x->dtype)) return v;
    keys_make_many(v.t, l->n, l->from, l->fstep, false, l->key);
    v.key = l->key;
    return v;
}

static void identity(int64_t *order, int64_t n)
{
    for (int64_t i = 0; i < n; i++) order[i] = i;
}

static bool check_sortable(const nd *x, err *e)
{
    if (x->dtype != DT_object) return true;
    return err_set(e, TypeError, "sorting objects is the language's work");
}

/* elements in the order of the indices */
static void gather(lanes *l)
{
    size_t size = l->x->size;
    for (int64_t i = 0; i < l->n; i++)
        memcpy(l->row + i * (int64_t)size, l->from + l->order[i] * l->fstep, size);
    for (int64_t i = 0; i < l->n; i++)
        memcpy(l->to + i * l->tstep, l->row + i * (int64_t)size, size);
}

/* --- lanes of types with keys: whoever is free takes the next ones -----------------------------
 */

typedef struct lane_job {
    const nd *x;
    nd *out;
    int axis;
    int64_t n, count, groups;
    bool positions, stable; /* argsort */
    _Atomic bool failed;
} lane_job;

static bool sort_large(const lane_job *j, const char *from, char *to, char *room, err *e)
{
    dtype_of t = nd_type(j->x);
    ptrdiff_t step = nd_strides(j->out)[j->axis];
    char *at = step == t.size ? to : room;
    TRY(radix_sort(t, j->n, from, nd_strides(j->x)[j->axis], at, e));
    for (int64_t i = 0; at == room && i < j->n; i++)
        memcpy(to + i * step, room + i * t.size, t.size);
    return true;
}

static bool order_large(const lane_job *j, const char *from, char *to, bool *ties, err *e)
{
    return radix_order(nd_type(j->x), j->n, from, nd_strides(j->x)[j->axis], to,
                       nd_strides(j->out)[j->axis], ties, e);
}

/* --- positions beside keys --- */

enum { SLICE = 1 << 14 };

typedef struct keyed_job {
    dtype_of t;
    const char *from;
    ptrdiff_t step;
    int64_t n;
    keyed *x;
} keyed_job;

static void key_slice(void *arg, int64_t slice)
{
    const keyed_job *j = arg;
    int64_t i = slice * SLICE, end = j->n - i < SLICE ? j->n : i + SLICE;
    for (; i < end; i += 64) {
        uint64_t key[64];
        const int64_t k = end - i < 64 ? end - i : 64;
        keys_make(j->t, k, j->from + i * j->step, j->step, false, key);
        for (int64_t m = 0; m < k; m++) j->x[i + m] = (keyed){key[m], i + m};
    }
}

static void keyed_make(dtype_of t, int64_t n, const char *from, ptrdiff_t step, keyed *x)
{
    keyed_job j = {t, from, step, n, x};
    par_for((n + SLICE - 1) / SLICE, key_slice, &j);
}

/* positions with ties where NumPy's quicksort leaves them */
static void order_as_numpy(const lane_job *j, const char *from, char *to, keyed *x)
{
    ptrdiff_t step = nd_strides(j->out)[j->axis];
    keyed_make(nd_type(j->x), j->n, from, nd_strides(j->x)[j->axis], x);
    keyed_order_as_numpy(x, j->n);
    for (int64_t i = 0; i < j->n; i++) *(int64_t *)(to + i * step) = x[i].index;
}

/* Will some of these whole numbers be equal?  Of so few in their range, so many would be. */
static bool expects_ties(const lane_job *j, const keyed *x)
{
    uint64_t least = UINT64_MAX, most = 0;
    if (j->stable || j->n <= 16 || j->x->dtype > DT_uint64) return false;
    for (int64_t i = 0; i < j->n; i++) {
        least = x[i].key < least ? x[i].key : least;
        most = x[i].key > most ? x[i].key : most;
    }
    return most - least < (uint64_t)j->n * (uint64_t)j->n / 2;
}

/* room: 4 n words */
static bool order_small(const lane_job *j, const char *from, char *to, uint64_t *room)
{
    ptrdiff_t step = nd_strides(j->out)[j->axis];
    keyed *x = (keyed *)room, *y = x + j->n;
    bool ties = false;
    keyed_make(nd_type(j->x), j->n, from, nd_strides(j->x)[j->axis], x);
    if (expects_ties(j, x))
        keyed_order_as_numpy(x, j->n);
    else {
        keyed_order(x, y, j->n);
        for (int64_t i = 1; i < j->n; i++) ties |= x[i].key == x[i - 1].key;
        if (ties && !j->stable && j->n > 16) return false;
    }
    for (int64_t i = 0; i < j->n; i++) *(int64_t *)(to + i * step) = x[i].index;
    return true;
}

/* how many elements of the sorted lane are less than zero (right: or equal to it) */
static int64_t zeros_at(const lane_job *j, const char *to, bool right)
{
    dtype_of t = nd_type(j->out);
    uint64_t key, zero, none = 0;
    int64_t low = 0, high = j->n;
    keys_make(t, 1, (const char *)&none, 0, false, &zero);
    while (low < high) {
        int64_t mid = low + (high - low) / 2;
        keys_make(t, 1, to + mid * nd_strides(j->out)[j->axis], 0, false, &key);
        if (right ? key <= zero : key < zero)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

/* Zeros of both signs are equal: they come as a stable sort or NumPy's quicksort leaves them. */
static bool settle_zeros(const lane_job *j, const char *from, char *to, err *e)
{
    dtype_of t = nd_type(j->x);
    ptrdiff_t fs = nd_strides(j->x)[j->axis], ts = nd_strides(j->out)[j->axis];
    int64_t first = zeros_at(j, to, false), end = zeros_at(j, to, true), at = first;
    if (end - first < 2 || !memcmp(to + first * ts, to + (end - 1) * ts, t.size)) return true;
    if (j->stable || j->n <= 16) {
        uint64_t key, zero, none = 0;
        keys_make(t, 1, (const char *)&none, 0, false, &zero);
        for (int64_t i = 0; i < j->n && at < end; i++) {
            keys_make(t, 1, from + i * fs, 0, false, &key);
            if (key == zero) memcpy(to + at++ * ts, from + i * fs, t.size);
        }
        return true;
    }
    keyed *x = try_room((size_t)j->n * sizeof *x, e);
    if (!x) return false;
    keyed_make(t, j->n, from, fs, x);
    keyed_order_as_numpy(x, j->n);
    for (; at < end; at++) memcpy(to + at * ts, from + x[at].index * fs, t.size);
    mem_free(x);
    return true;
}

static bool sort_lane(const lane_job *j, const char *from, char *to, uint64_t *room, bool large,
                      err *e)
{
    dtype_of t = nd_type(j->x);
    if (large)
        TRY(sort_large(j, from, to, (char *)room, e));
    else if (t.size == 4)
        halves_sort(t, j->n, from, nd_strides(j->x)[j->axis], to, nd_strides(j->out)[j->axis],
                    (uint32_t *)room);
    else {
        keys_make(t, j->n, from, nd_strides(j->x)[j->axis], true, room);
        keys_sort(room, room + j->n, j->n);
        keys_undo(t, j->n, room, to, nd_strides(j->out)[j->axis]);
    }
    return dtypes[t.dt].kind != 'f' || settle_zeros(j, from, to, e);
}

/* Short rows that lie one after the other become keys and elements again many at a time. */
enum { SHORT_ROW = 64, SOME_KEYS = 1024 };

static bool has_short_rows(const lane_job *j)
{
    return !j->positions && j->n <= SHORT_ROW && j->axis == j->x->ndim - 1 &&
           j->x->flags & j->out->flags & ND_C;
}

static bool sort_short_rows(const lane_job *j, int64_t first, int64_t end, err *e)
{
    dtype_of t = nd_type(j->x);
    uint64_t key[SOME_KEYS], scratch[SHORT_ROW], minus;
    const double minus_zero = -0.0;
    const int64_t row = j->n * t.size;
    keys_make(dtype_plain(DT_float64), 1, (const char *)&minus_zero, 0, true, &minus);
    for (int64_t some; first < end; first += some) {
        some = end - first < SOME_KEYS / j->n ? end - first : SOME_KEYS / j->n;
        const char *from = j->x->at + first * row;
        char *to = j->out->at + first * row;
        uint64_t zeros = 0;
        keys_make(t, some * j->n, from, t.size, true, key);
        for (int64_t i = 0; i < some * j->n; i++) zeros |= key[i] == minus;
        for (int64_t i = 0; i < some; i++) keys_sort(key + i * j->n, scratch, j->n);
        keys_undo(t, some * j->n, key, to, t.size);
        for (int64_t i = 0; i < some && zeros && dtypes[t.dt].kind == 'f'; i++)
            TRY(settle_zeros(j, from + i * row, to + i * row, e));
    }
    return true;
}

/* Do equal elements show in a sample? */
static bool has_ties(const lane_job *j, const char *from, uint64_t *room)
{
    const int64_t size = j->n < 1 << 14 ? j->n : 1 << 14;
    const ptrdiff_t step = nd_strides(j->x)[j->axis] * (j->n / size);
    bool ties = false;
    keys_make(nd_type(j->x), size, from, step, false, room);
    keys_sort(room, room + size, size);
    for (int64_t i = 1; i < size; i++) ties |= room[i] == room[i - 1];
    return ties;
}

static bool run_lane(const lane_job *j, int64_t which, uint64_t *room, bool large, err *e)
{
    const char *from = j->x->at + lane_offset(j->x, j->axis, which);
    char *to = j->out->at + lane_offset(j->out, j->axis, which);
    bool ties = false;
    if (!j->positions) return sort_lane(j, from, to, room, large, e);
    if (large && !j->stable) ties = has_ties(j, from, room);
    if (large && !ties) TRY(order_large(j, from, to, &ties, e));
    if (large ? ties && !j->stable : !order_small(j, from, to, room))
        order_as_numpy(j, from, to, (keyed *)room);
    return true;
}

static void run_lanes(void *arg, int64_t group)
{
    lane_job *j = arg;
    err e = {0};
    int64_t i = group * j->count / j->groups, end = (group + 1) * j->count / j->groups;
    bool large = radix_is_large(nd_type(j->x), j->n), rows = has_short_rows(j);
    bool straight = nd_strides(j->out)[j->axis] == j->x->size;
    int64_t words = j->positions ? (large && j->stable ? 0
                                    : large            ? 2
                                                       : 4)
                    : large      ? (straight ? 0 : 1)
                                 : 2;
    uint64_t *room = try_room((size_t)(words * j->n) * sizeof *room + 8, &e);
    bool ok = room && (!rows || sort_short_rows(j, i, end, &e));
    for (; ok && !rows && i < end; i++) ok = run_lane(j, i, room, large, &e);
    mem_free(room);
    err_clear(&e);
    if (!ok) atomic_store(&j->failed, true);
}

static nd *lanes_sorted(const nd *x, nd *y, int axis, bool positions, bool stable, err *e)
{
    lane_job j = {.x = x, .out = y, .axis = axis, .n = nd_shape(x)[axis]};
    j.positions = positions;
    j.stable = stable;
    j.count = j.n ? nd_count(x) / j.n : 0;
    j.groups = nd_count(x) < 1 << 15 || j.count < 2 ? 1 : 4 * par_width();
    if (j.groups > j.count) j.groups = j.count;
    par_for(j.groups, run_lanes, &j);
    if (!j.failed) return y;
    err_set(e, MemoryError, "no room to sort %lld elements%s", (long long)j.n, mem_reason());
    return datum_unref(y);
}

/* the order of a lane without keys: text, complex numbers */
static bool order_lane(const lane *v, int64_t *order, int64_t n, bool stable, err *e)
{
    bool done = false, ties = false;
    if (dtype_is_complex(v->t.dt)) TRY(complex_order(v, order, n, &done, &ties, e));
    if (done && (stable || !ties || n <= 16)) return true;
    identity(order, n);
    if (stable) return lane_sort_stable(v, order, n, e);
    lane_quicksort(v, order, n);
    return true;
}

nd *nd_sort(const nd *x, int axis, err *e)
{
    return nd_sort_kind(x, axis, false, e);
}

nd *nd_sort_kind(const nd *x, int axis, bool stable, err *e)
{
    TRY(check_sortable(x, e));
    nd *y = nd_new_like(x, nd_type(x), e);
    lanes l;
    if (y && has_keys(x->dtype)) return lanes_sorted(x, y, axis, false, stable, e);
    if (!y || !lanes_init(&l, x, y, axis, e)) return datum_unref(y);
    bool ok = true;
    if (l.count) do {
            lane v = lane_of(&l);
            ok = order_lane(&v, l.order, l.n, true, e);
            if (ok) gather(&l);
        } while (ok && lanes_next(&l));
    lanes_clear(&l);
    return ok ? y : datum_unref(y);
}

static void store_order(lanes *l)
{
    for (int64_t i = 0; i < l->n; i++) *(int64_t *)(l->to + i * l->tstep) = l->order[i];
}

nd *nd_argsort(const nd *x, int axis, bool stable, err *e)
{
    TRY(check_sortable(x, e));
    nd *y = nd_new(dtype_plain(DT_int64), x->ndim, nd_shape(x), e);
    lanes l;
    if (y && has_keys(x->dtype)) return lanes_sorted(x, y, axis, true, stable, e);
    if (!y || !lanes_init(&l, x, y, axis, e)) return datum_unref(y);
    bool ok = true;
    if (l.count) do {
            lane v = lane_of(&l);
            ok = order_lane(&v, l.order, l.n, stable, e);
            store_order(&l);
        } while (ok && lanes_next(&l));
    lanes_clear(&l);
    return ok ? y : datum_unref(y);
}

nd *nd_lexsort(int n, const nd *const *keys, int axis, err *e)
{
    if (n < 1) return err_set(e, TypeError, "need sequence of keys with len > 0 in lexsort");
    for (int k = 1; k < n; k++)
        if (keys[k]->ndim != keys[0]->ndim ||
            memcmp(nd_shape(keys[k]), nd_shape(keys[0]), (size_t)keys[0]->ndim * sizeof(int64_t)))
            return err_set(e, ValueError, "all keys need to be the same shape");
    nd *order = nd_argsort(keys[0], axis, true, e);
    for (int k = 1; order && k < n; k++) {
        nd *row = nd_take_along(keys[k], order, axis, e);
        nd *next = row ? nd_argsort(row, axis, true, e) : NULL;
        nd *all = next ? nd_take_along(order, next, axis, e) : NULL;
        datum_unref(row);
        datum_unref(next);
        datum_unref(order);
        order = all;
    }
    return order;
}

/* --- selection
 * ------------------------------------------------------------------------------------ */

/* sorted, in [0, n) */
static bool check_kth(const int64_t *kth, int nkth, int64_t n, int64_t *out, err *e)
{
    for (int i = 0; i < nkth; i++) {
        int64_t k = kth[i] < 0 ? kth[i] + n : kth[i];
        if (k < 0 || k >= n)
            return err_set(e, ValueError, "kth(=%ld) out of bounds (%ld)", (long)k, (long)n);
        int j = i;
        for (; j > 0 && out[j - 1] > k; j--) out[j] = out[j - 1];
        out[j] = k;
    }
    return true;
}

/* Are there zeros, whose sign the keys of this lane have lost? */
static bool has_zero(const lanes *l)
{
    dtype_of t = nd_type(l->x);
    uint64_t zero, none = 0;
    if (dtypes[t.dt].kind != 'f') return false;
    keys_make(t, 1, (const char *)&none, 0, false, &zero);
    for (int64_t i = 0; i < l->n; i++)
        if (l->key[i] == zero) return true;
    return false;
}

/* the lane's order, as far as the places want it, or all of it; its keys are gone */
static void select_keyed(lanes *l, const int64_t *kth, int nkth, bool inexact, bool all)
{
    pivots p = {.n = 0};
    keyed *x = (keyed *)l->key; /* over key and scratch */
    for (int64_t i = l->n; i-- > 0;) x[i] = (keyed){l->key[i], i};
    for (int k = 0; !all && k < nkth; k++) keyed_select_place(x, l->n, kth[k], inexact, &p);
    if (all) keyed_order_as_numpy(x, l->n);
    for (int64_t i = 0; i < l->n; i++) l->order[i] = x[i].index;
}

static nd *partition(const nd *x, const int64_t *kth, int nkth, int axis, bool positions, err *e)
{
    TRY(check_sortable(x, e));
    int64_t *want = try_alloc((size_t)nkth * sizeof *want + 8, e);
    nd *y = NULL;
    lanes l;
    if (want && (nd_count(x) == 0 || check_kth(kth, nkth, nd_shape(x)[axis], want, e)))
        y = positions ? nd_new(dtype_plain(DT_int64), x->ndim, nd_shape(x), e)
                      : nd_new_like(x, nd_type(x), e);
    if (!y || !lanes_init(&l, x, y, axis, e)) {
        mem_free(want);
        return datum_unref(y);
    }
    bool text = x->dtype == DT_str || x->dtype == DT_bytes;
    bool all = text || x->dtype >= DT_datetime64; /* NumPy has no selection for these: it sorts */
    bool inexact = x->dtype >= DT_float32 && x->dtype <= DT_complex128;
    if (l.count) do {
            lane v = lane_of(&l);
            pivots p = {.n = 0};
            if (!positions && v.key && !all && !has_zero(&l)) {
                for (int k = 0; k < nkth; k++) keys_select(l.key, l.n, want[k], inexact, &p);
                keys_undo_many(v.t, l.n, l.key, l.to, l.tstep);
                continue;
            }
            identity(l.order, l.n);
            if (v.key) select_keyed(&l, want, nkth, inexact, all);
            if (text) lane_quicksort(&v, l.order, l.n);
            for (int k = 0; !v.key && !text && k < nkth; k++)
                lane_select(&v, l.order, l.n, want[k], inexact, &p);
            if (positions)
                store_order(&l);
            else
                gather(&l);
        } while (lanes_next(&l));
    lanes_clear(&l);
    mem_free(want);
    return y;
}

nd *nd_partition(const nd *x, const int64_t *kth, int nkth, int axis, err *e)
{
    return partition(x, kth, nkth, axis, false, e);
}

nd *nd_argpartition(const nd *x, const int64_t *kth, int nkth, int axis, err *e)
{
    return partition(x, kth, nkth, axis, true, e);
}

/* --- elements at given places, along the last axis ----------------------------------------------
 */

typedef struct kth_job {
    const nd *x;
    nd *out;
    const int64_t *kth; /* ascending */
    int nkth;
    int64_t n, count, groups;
    _Atomic bool failed;
} kth_job;

/* one lane; room: two keys for each element, or nothing if it is long */
static bool kth_of(const kth_job *j, const char *from, char *to, uint64_t *room, err *e)
{
    dtype_of t = nd_type(j->x);
    ptrdiff_t step = nd_strides(j->x)[j->x->ndim - 1];
    bool large = radix_is_large(t, j->n) && t.size >= 4, found = false;
    if (j->n >= PLACES_LEAST) {
        uint64_t *key = try_alloc((size_t)j->nkth * sizeof *key, e);
        bool ok = key && places_find(t, j->n, from, step, j->kth, j->nkth, key, &found, e);
        if (ok && found) keys_undo(t, j->nkth, key, to, t.size);
        mem_free(key);
        if (!ok || found) return ok;
    }
    if (large) return radix_select(t, j->n, from, step, j->kth, j->nkth, to, e);
    keys_make(t, j->n, from, step, true, room);
    keys_sort(room, room + j->n, j->n);
    for (int k = 0; k < j->nkth; k++)
        keys_undo(t, 1, room + j->kth[k], to + k * (int64_t)t.size, t.size);
    return true;
}

static void run_kth(void *arg, int64_t group)
{
    kth_job *j = arg;
    err e = {0};
    int axis = j->x->ndim - 1;
    dtype_of t = nd_type(j->x);
    bool large = radix_is_large(t, j->n) && t.size >= 4;
    uint64_t *room = try_room((large ? 1 : 2 * (size_t)j->n) * sizeof *room, &e);
    bool ok = room != NULL;
    int64_t i = group * j->count / j->groups, end = (group + 1) * j->count / j->groups;
    for (; ok && i < end; i++)
        ok = kth_of(j, j->x->at + lane_offset(j->x, axis, i), j->out->at + i * j->nkth * t.size,
                    room, &e);
    mem_free(room);
    err_clear(&e);
    if (!ok) atomic_store(&j->failed, true);
}

/* any type: the whole lane sorted */
static nd *kth_by_sort(const nd *x, const nd *places, err *e)
{
    nd *y = nd_sort(x, x->ndim - 1, e), *out = y ? nd_take(y, places, x->ndim - 1, 'r', e) : NULL;
    datum_unref(y);
    return out;
}

nd *nd_kth(const nd *x, const nd *places, err *e)
{
    nd *found = NULL;
    if (dtype_is_complex((enum dtype)x->dtype)) TRY(complex_kths(x, places, &found, e));
    if (found) return found;
    if (!has_keys(x->dtype)) return kth_by_sort(x, places, e);
    int64_t shape[ND_MAXDIM], n = nd_shape(x)[x->ndim - 1];
    kth_job j = {.x = x, .kth = (const int64_t *)places->at, .nkth = (int)nd_count(places), .n = n};
    for (int i = 0; i < j.nkth; i++)
        if (j.kth[i] < (i ? j.kth[i - 1] : 0) || j.kth[i] >= n)
            return err_set(e, ValueError, "kth(=%ld) out of bounds (%ld)", (long)j.kth[i], (long)n);
    memcpy(shape, nd_shape(x), (size_t)x->ndim * sizeof *shape);
    shape[x->ndim - 1] = j.nkth;
    j.out = nd_new(nd_type(x), x->ndim, shape, e);
    if (!j.out) return NULL;
    j.count = n ? nd_count(x) / n : 0;
    j.groups = nd_count(x) < 1 << 15 || j.count < 2 ? 1 : 4 * par_width();
    if (j.groups > j.count) j.groups = j.count;
    par_for(j.groups, run_kth, &j);
    if (!j.failed) return j.out;
    err_set(e, MemoryError, "no room to select among %lld elements", (long long)n);
    return datum_unref(j.out);
}

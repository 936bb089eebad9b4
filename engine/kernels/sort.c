/* engine/kernels/sort.c - sorting and selecting along an axis.
 *
 * Each lane along the axis becomes keys (see keys.h) in a scratch row.  sort works on the keys and
 * turns them back; everything about positions orders a row of indices.  Complex numbers and text
 * are ordered by index, then gathered. */
#include "engine/kernels/sort.h"

#include <string.h>

#include "engine/base/mem.h"
#include "engine/kernels/index.h"
#include "engine/kernels/keys.h"
#include "engine/kernels/ops.h"
#include "engine/kernels/reduce.h"

typedef struct lanes {
    const nd *x;
    nd *out;
    int axis;
    int64_t n, count;
    int64_t index[ND_MAXDIM];
    char *from, *to; /* the current lane's first elements */
    ptrdiff_t fstep, tstep;
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
    char *room = try_alloc(n * (3 * sizeof(uint64_t) + x->size) + 8, e);
    l->key = (uint64_t *)room;
    l->scratch = l->key + n;
    l->order = (int64_t *)(l->scratch + n);
    l->row = (char *)(l->order + n);
    return room != NULL;
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
    mem_free(l->key);
}

/* the current lane, with keys if its type has them */
static lane lane_of(lanes *l)
{
    lane v = {.t = nd_type(l->x), .at = l->from, .step = l->fstep};
    if (!has_keys(l->x->dtype)) return v;
    keys_make(v.t, l->n, l->from, l->fstep, false, l->key);
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

nd *nd_sort(const nd *x, int axis, err *e)
{
    TRY(check_sortable(x, e));
    nd *y = nd_new_like(x, nd_type(x), e);
    lanes l;
    if (!y || !lanes_init(&l, x, y, axis, e)) return datum_unref(y);
    bool ok = true, keyed = has_keys(x->dtype);
    if (l.count) do {
            if (keyed) {
                keys_make(nd_type(x), l.n, l.from, l.fstep, true, l.key);
                keys_sort(l.key, l.scratch, l.n);
                keys_undo(nd_type(x), l.n, l.key, l.to, l.tstep);
                continue;
            }
            lane v = lane_of(&l);
            identity(l.order, l.n);
            ok = lane_sort_stable(&v, l.order, l.n, e);
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
    if (!y || !lanes_init(&l, x, y, axis, e)) return datum_unref(y);
    bool ok = true;
    if (l.count) do {
            lane v = lane_of(&l);
            identity(l.order, l.n);
            if (stable)
                ok = lane_sort_stable(&v, l.order, l.n, e);
            else
                lane_quicksort(&v, l.order, l.n);
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
    bool inexact = x->dtype >= DT_float32 && x->dtype <= DT_complex128;
    if (l.count) do {
            lane v = lane_of(&l);
            pivots p = {.n = 0};
            identity(l.order, l.n);
            if (text) lane_quicksort(&v, l.order, l.n); /* as NumPy, which has no selection here */
            for (int k = 0; !text && k < nkth; k++)
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

/* of a sorted block: its k last along the axis, the last one first (k < 0: its -k first) */
static nd *cut_top(const nd *sorted, int64_t k, int axis, err *e)
{
    int64_t n = nd_shape(sorted)[axis], m = k < 0 ? -k : k;
    if (m > n) m = n;
    nd *part = nd_slice(sorted, axis, k < 0 ? 0 : n - m, m, 1);
    nd *turned = k < 0 ? nd_ref(part) : nd_flip(part, axis_bit(axis));
    nd *y = nd_copy(turned, e);
    datum_unref(part);
    datum_unref(turned);
    return y;
}

nd *nd_topk(const nd *x, int64_t k, int axis, err *e)
{
    if (axis >= x->ndim)
        return err_set(e, AxisError, "axis %d is out of bounds for array of dimension %d", axis,
                       x->ndim);
    nd *sorted = nd_sort(x, axis, e), *y = sorted ? cut_top(sorted, k, axis, e) : NULL;
    datum_unref(sorted);
    return y;
}

nd *nd_argtopk(const nd *x, int64_t k, int axis, err *e)
{
    if (axis >= x->ndim)
        return err_set(e, AxisError, "axis %d is out of bounds for array of dimension %d", axis,
                       x->ndim);
    nd *order = nd_argsort(x, axis, true, e), *y = order ? cut_top(order, k, axis, e) : NULL;
    datum_unref(order);
    return y;
}

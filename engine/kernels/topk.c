/* engine/kernels/topk.c - the k largest or smallest along an axis.
 *
 * One pass: elements are compared with the k-th best so far, a stretch at a time; those that pass
 * gather in a room for twice as many, which is cut back to k when it is full.  The result is what
 * a stable sort would put at the end.  Where k is not small, and for types without keys, the lane
 * is sorted. */
#include <string.h>

#include "engine/base/mem.h"
#include "engine/kernels/index.h"
#include "engine/kernels/keys.h"
#include "engine/kernels/ops.h"
#include "engine/kernels/pass.h"
#include "engine/kernels/reduce.h"
#include "engine/kernels/sort.h"

typedef struct top_part { /* the m best of a lane so far, and those since the last cut */
    int64_t m, n, cap;
    bool smallest;
    uint64_t bar; /* what an element must reach (largest) or undercut (smallest) */
    keyed *at, *scratch;
} top_part;

/* leaves m, in ascending order, those of equal keys as they came */
static void cut(top_part *b)
{
    keyed_order(b->at, b->scratch, b->n);
    if (b->n <= b->m) return;
    if (!b->smallest) memmove(b->at, b->at + b->n - b->m, (size_t)b->m * sizeof *b->at);
    b->n = b->m;
    b->bar = b->smallest ? b->at[b->m - 1].key : b->at[0].key;
}

// clang-format off
#define BAR(dt, T, U) PASS_OVER(lower_##dt, T, U, !(x < best)) PASS_OVER(upper_##dt, T, U, !(x >= best))
BAR(int8, int8_t, uint8_t) BAR(uint8, uint8_t, uint8_t) BAR(int16, int16_t, uint16_t)
BAR(uint16, uint16_t, uint16_t) BAR(int32, int32_t, uint32_t) BAR(uint32, uint32_t, uint32_t)
BAR(int64, int64_t, uint64_t) BAR(uint64, uint64_t, uint64_t)
BAR(float32, float, uint32_t) BAR(float64, double, uint64_t)
/* how many of n contiguous elements lie in stretches that hold none to be looked at */
static int64_t pass_over(const top_part *b, dtype_of t, int64_t n, const char *at)
{
    int64_t skip = 0;
    union { char bytes[8]; int8_t int8; uint8_t uint8; int16_t int16; uint16_t uint16; int32_t int32;
            uint32_t uint32; int64_t int64; uint64_t uint64; float float32; double float64; } bar;
    keys_undo(t, 1, &b->bar, bar.bytes, t.size);
#define CASE(dt) case DT_##dt: (b->smallest ? upper_##dt : lower_##dt)((const void *)at, n, bar.dt, &skip); break;
    switch (t.dt) {
    CASE(int8) CASE(uint8) CASE(int16) CASE(uint16) CASE(int32) CASE(uint32) CASE(int64) CASE(uint64)
    CASE(float32) CASE(float64)
    default: break;
    }
    return skip;
}
// clang-format on

static void take_lane(top_part *b, dtype_of t, int64_t n, const char *at, ptrdiff_t step)
{
    uint64_t key[STRETCH];
    b->n = 0;
    b->bar = b->smallest ? UINT64_MAX : 0;
    bool all = true; /* until the first cut */
    for (int64_t i = 0, k; i < n; i += k) {
        if (!all && step == t.size) i += pass_over(b, t, n - i, at + i * step);
        k = n - i < STRETCH ? n - i : STRETCH;
        keys_make(t, k, at + i * step, step, false, key);
        for (int64_t j = 0; j < k; j++) {
            if (!all && (b->smallest ? key[j] >= b->bar : key[j] < b->bar)) continue;
            b->at[b->n++] = (keyed){key[j], i + j};
            if (b->n < b->cap) continue;
            cut(b);
            all = false;
        }
    }
    cut(b);
}

/* every lane's best to `out` (values or positions), the axis of length m */
static void take_lanes(top_part *b, const nd *x, int axis, nd *out, bool positions)
{
    int64_t n = nd_shape(x)[axis], lanes = nd_count(x) / n, index[ND_MAXDIM] = {0};
    ptrdiff_t fs = nd_strides(x)[axis], ts = nd_strides(out)[axis];
    const char *from = x->at;
    char *to = out->at;
    for (; lanes > 0; lanes--) {
        take_lane(b, nd_type(x), n, from, fs);
        for (int64_t i = 0; i < b->m; i++) {
            int64_t place = b->at[b->smallest ? i : b->m - 1 - i].index;
            if (positions)
                *(int64_t *)(to + i * ts) = place;
            else
                memcpy(to + i * ts, from + place * fs, x->size);
        }
        for (int i = x->ndim; i-- > 0;) {
            if (i == axis) continue;
            from += nd_strides(x)[i];
            to += nd_strides(out)[i];
            if (++index[i] < nd_shape(x)[i]) break;
            from -= nd_shape(x)[i] * nd_strides(x)[i];
            to -= nd_shape(x)[i] * nd_strides(out)[i];
            index[i] = 0;
        }
    }
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

static nd *top_by_sort(const nd *x, int64_t k, int axis, bool positions, err *e)
{
    nd *sorted = positions ? nd_argsort(x, axis, true, e) : nd_sort(x, axis, e);
    nd *y = sorted ? cut_top(sorted, k, axis, e) : NULL;
    datum_unref(sorted);
    return y;
}

static nd *top(const nd *x, int64_t k, int axis, bool positions, err *e)
{
    if (axis >= x->ndim)
        return err_set(e, AxisError, "axis %d is out of bounds for array of dimension %d", axis,
                       x->ndim);
    int64_t n = nd_shape(x)[axis], shape[ND_MAXDIM];
    top_part b = {.m = k < 0 ? -k : k, .smallest = k < 0};
    if (!has_keys(x->dtype) || b.m > n / 8 || b.m == 0 || nd_count(x) == 0)
        return top_by_sort(x, k, axis, positions, e);
    b.cap = b.m < 64 ? b.m + 64 : 2 * b.m;
    b.at = try_room(2 * (size_t)b.cap * sizeof *b.at, e);
    b.scratch = b.at + b.cap;
    memcpy(shape, nd_shape(x), (size_t)x->ndim * sizeof *shape);
    shape[axis] = b.m;
    nd *out =
        b.at ? nd_new(positions ? dtype_plain(DT_int64) : nd_type(x), x->ndim, shape, e) : NULL;
    if (out) take_lanes(&b, x, axis, out, positions);
    mem_free(b.at);
    return out;
}

nd *nd_topk(const nd *x, int64_t k, int axis, err *e)
{
    return top(x, k, axis, false, e);
}

nd *nd_argtopk(const nd *x, int64_t k, int axis, err *e)
{
    return top(x, k, axis, true, e);
}

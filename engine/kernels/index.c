/* engine/kernels/index.c - reading and writing x[items] for every kind of item.
 *
 * Stages: spread (ellipsis filled in, masks turned into index arrays), then the basic items make a
 * view, then the index arrays, broadcast together, become one list of byte offsets.  The result is
 * that list (its axes at the place of the arrays if those are neighbours, else in front) times the
 * remaining axes of the view; both directions copy one sub-block per offset.
 * Over 600 lines: reading and writing share the private layout of that list. */
#include "engine/kernels/index.h"

#include <string.h>

#include "engine/base/mem.h"
#include "engine/base/stop.h"
#include "engine/base/str.h"
#include "engine/data/walk.h"
#include "engine/kernels/ops.h"

enum { MAXITEM = 2 * ND_MAXDIM };

typedef struct spread {
    index_item item[MAXITEM]; /* no ellipsis, no masks; IDX_ARRAY holds int64 blocks */
    nd *owned[MAXITEM];
    bool empty_mask[MAXITEM]; /* a 0-d bool: takes no axis of x */
    int n, nowned;
    int dots; /* the item that an ellipsis stands before, or n */
} spread;

static void spread_clear(spread *s)
{
    for (int i = 0; i < s->nowned; i++) datum_unref(s->owned[i]);
}

bool slice_clip(int64_t n, int64_t *start, int64_t *stop, int64_t *step, int64_t *len, err *e)
{
    if (*step == SLICE_NONE) *step = 1;
    if (*step == 0) return err_set(e, ValueError, "slice step cannot be zero");
    if (*step < -INT64_MAX) *step = -INT64_MAX;
    bool back = *step < 0;
    int64_t low = back ? -1 : 0, high = back ? n - 1 : n;
    if (*start == SLICE_NONE)
        *start = back ? high : low;
    else if (*start < 0)
        *start = *start + n < low ? low : *start + n;
    else if (*start > high)
        *start = high;
    if (*stop == SLICE_NONE)
        *stop = back ? low : high;
    else if (*stop < 0)
        *stop = *stop + n < low ? low : *stop + n;
    else if (*stop > high)
        *stop = high;
    if (back)
        *len = *stop < *start ? (*start - *stop - 1) / -*step + 1 : 0;
    else
        *len = *start < *stop ? (*stop - *start - 1) / *step + 1 : 0;
    return true;
}

bool index_is_basic(const index_item *items, int n)
{
    for (int i = 0; i < n; i++)
        if (items[i].kind == IDX_ARRAY) return false;
    return true;
}

/* --- spreading ------------------------------------------------------------------------------ */

/* axes of x that an item takes */
static int axes_taken(const index_item *it)
{
    if (it->kind == IDX_ARRAY) return it->array->dtype == DT_bool ? it->array->ndim : 1;
    return it->kind == IDX_INT || it->kind == IDX_SLICE;
}

static bool check_mask(const nd *x, const nd *mask, int axis, err *e)
{
    for (int i = 0; i < mask->ndim; i++)
        if (nd_shape(mask)[i] != nd_shape(x)[axis + i])
            return err_set(e, IndexError,
                           "boolean index did not match indexed array along dimension %d; "
                           "dimension is %ld but corresponding boolean dimension is %ld",
                           axis + i, (long)nd_shape(x)[axis + i], (long)nd_shape(mask)[i]);
    return true;
}

static bool add_array(spread *s, const nd *mask_or_ints, err *e)
{
    if (mask_or_ints->dtype == DT_bool) {
        nd *at[ND_MAXDIM];
        int n = mask_or_ints->ndim ? mask_or_ints->ndim : 1;
        if (!nd_nonzero(mask_or_ints, at, e)) return false;
        for (int i = 0; i < n; i++) {
            s->owned[s->nowned++] = at[i];
            s->empty_mask[s->n] = mask_or_ints->ndim == 0;
            s->item[s->n++] = (index_item){.kind = IDX_ARRAY, .array = at[i]};
        }
        return true;
    }
    if (!dtype_is_int(mask_or_ints->dtype)) {
        /* an empty list is a float array */
        return err_set(e, IndexError,
                       "arrays used as indices must be of integer (or boolean) type");
    }
    nd *ints = nd_cast(mask_or_ints, dtype_plain(DT_int64), 'u', e);
    if (!ints) return false;
    s->owned[s->nowned++] = ints;
    s->item[s->n++] = (index_item){.kind = IDX_ARRAY, .array = ints};
    return true;
}

static bool spread_items(const nd *x, const index_item *items, int n, spread *s, err *e)
{
    int taken = 0, dots = 0, axis = 0;
    for (int i = 0; i < n; i++) {
        taken += axes_taken(&items[i]);
        dots += items[i].kind == IDX_ELLIPSIS;
    }
    if (dots > 1) return err_set(e, IndexError, "an index can only have a single ellipsis ('...')");
    if (taken > x->ndim)
        return err_set(e, IndexError,
                       "too many indices for array: array is %d-dimensional, but %d were indexed",
                       x->ndim, taken);
    bool arrays = !index_is_basic(items, n);
    for (int i = 0; i <= n; i++) {
        if (i == n ? !dots : items[i].kind == IDX_ELLIPSIS) {
            s->dots = s->n; /* separates arrays even when it stands for no axis */
            for (int k = taken; k < x->ndim; k++, axis++)
                s->item[s->n++] = (index_item){
                    .kind = IDX_SLICE, .start = SLICE_NONE, .stop = SLICE_NONE, .step = SLICE_NONE};
            continue;
        }
        if (i == n) break;
        if (s->n + ND_MAXDIM > MAXITEM) return err_set(e, IndexError, "too many indices for array");
        if (items[i].kind == IDX_ARRAY) {
            if (items[i].array->dtype == DT_bool) TRY(check_mask(x, items[i].array, axis, e));
            TRY(add_array(s, items[i].array, e));
        } else if (items[i].kind == IDX_INT && arrays) {
            int64_t at = items[i].start, size = axis < x->ndim ? nd_shape(x)[axis] : INT64_MAX;
            if (at < -size || at >= size)
                return err_set(e, IndexError,
                               "index %ld is out of bounds for axis %d with size %ld", (long)at,
                               axis, (long)size);
            nd *one = nd_scalar(DT_int64, &items[i].start);
            s->owned[s->nowned++] = one;
            s->item[s->n++] = (index_item){.kind = IDX_ARRAY, .array = one};
        } else
            s->item[s->n++] = items[i];
        axis += axes_taken(&items[i]);
    }
    return true;
}

/* --- the plan --------------------------------------------------------------------------------- */

typedef struct plan {
    int64_t shape[MAXITEM], strides[MAXITEM]; /* remaining axes of the view */
    int nview, split;                         /* the list's axes come after `split` of them */
    char *at;
    const nd *array[ND_MAXDIM]; /* index arrays, the stride each multiplies, its axis */
    int64_t stride[ND_MAXDIM], extent[ND_MAXDIM];
    int axis[ND_MAXDIM], narray;
    int64_t list[ND_MAXDIM]; /* broadcast shape of the arrays */
    int nlist;
    buf *room;       /* owned: holds them */
    int64_t *offset; /* one byte offset per element of the list */
    int64_t noffset;
} plan;

static bool take_int(plan *p, int64_t i, int64_t n, int64_t stride, int axis, err *e)
{
    if (i < -n || i >= n)
        return err_set(e, IndexError, "index %ld is out of bounds for axis %d with size %ld",
                       (long)i, axis, (long)n);
    p->at += (i < 0 ? i + n : i) * stride;
    return true;
}

static void keep_axis(plan *p, int64_t n, int64_t stride)
{
    p->shape[p->nview] = n;
    p->strides[p->nview++] = stride;
}

/* Basic items move `at` and keep axes; arrays are noted. */
static bool plan_items(plan *p, const nd *x, const spread *s, err *e)
{
    int axis = 0, last = -2;
    bool apart = false;
    p->at = x->at;
    for (int i = 0; i < s->n; i++) {
        const index_item *it = &s->item[i];
        int64_t n = axis < x->ndim ? nd_shape(x)[axis] : 0;
        int64_t stride = axis < x->ndim ? nd_strides(x)[axis] : 0;
        if (it->kind == IDX_NEW) {
            keep_axis(p, 1, 0);
            continue;
        }
        if (it->kind == IDX_ARRAY) {
            if (p->narray == 0)
                p->split = p->nview;
            else if (last != i - 1 || s->dots == i)
                apart = true;
            last = i;
            bool none = s->empty_mask[i];
            p->array[p->narray] = it->array;
            p->stride[p->narray] = none ? 0 : stride;
            p->extent[p->narray] = none ? 1 : n;
            p->axis[p->narray++] = axis;
            axis += !none;
            continue;
        }
        if (it->kind == IDX_INT)
            TRY(take_int(p, it->start, n, stride, axis, e));
        else {
            int64_t start = it->start, stop = it->stop, step = it->step, len;
            TRY(slice_clip(n, &start, &stop, &step, &len, e));
            if (len) p->at += start * stride;
            keep_axis(p, len, len > 1 ? step * stride : stride * (len == 1 ? step : 1));
        }
        axis++;
    }
    if (apart) p->split = 0;
    return true;
}

static void *list_error(const plan *p, err *e)
{
    strbuf b = {0};
    for (int k = 0; k < p->narray; k++) {
        if (p->array[k]->ndim == 0) continue; /* an integer */
        sb_addc(&b, '(');
        for (int i = 0; i < p->array[k]->ndim; i++)
            sb_addf(&b,
                    i                        ? ",%ld"
                    : p->array[k]->ndim == 1 ? "%ld,"
                                             : "%ld",
                    (long)nd_shape(p->array[k])[i]);
        sb_adds(&b, ") ");
    }
    err_set(e, IndexError,
            "shape mismatch: indexing arrays could not be broadcast together with shapes %s",
            sb_text(&b));
    sb_clear(&b);
    return NULL;
}

/* One run of index array k: `to` gets (or, for all but the first array, is raised by) the offsets.
 * False: an index lies outside. */
static bool offset_run(int64_t count, const char *from, int64_t step, int64_t n, int64_t stride,
                       bool first, int64_t *to)
{
    uint64_t outside = 0;
    if (step == 0) {
        int64_t j = *(const int64_t *)(const void *)from, at = (j < 0 ? j + n : j) * stride;
        outside = (uint64_t)(j < 0 ? j + n : j) >= (uint64_t)n;
        for (int64_t i = 0; i < count; i++) to[i] = first ? at : to[i] + at;
        return !outside;
    }
    for (int64_t i = 0; i < count; i++) {
        int64_t j = *(const int64_t *)(const void *)(from + i * step);
        j += j < 0 ? n : 0;
        outside |= (uint64_t)j >= (uint64_t)n;
        to[i] = first ? j * stride : to[i] + j * stride;
    }
    return !outside;
}

static bool outside_error(const plan *p, int k, const nd *wide, err *e)
{
    nd *flat = nd_contiguous(wide, e);
    int64_t n = p->extent[k], i = 0;
    if (!flat) return false;
    const int64_t *at = (const int64_t *)(const void *)flat->at;
    while (at[i] >= -n && at[i] < n) i++;
    err_set(e, IndexError, "index %ld is out of bounds for axis %d with size %ld", (long)at[i],
            p->axis[k], (long)n);
    datum_unref(flat);
    return false;
}

/* adds index array k to the offsets, checking bounds */
static bool add_offsets(plan *p, int k, err *e)
{
    nd *wide = nd_broadcast(p->array[k], p->nlist, p->list, e);
    if (!wide) return false;
    walk w;
    bool ok = true;
    int64_t *to = p->offset;
    walk_init(&w, p->nlist, p->list);
    walk_add_nd(&w, wide);
    enum { AT_ONCE = 1 << 20 };
    bool stopped = false;
    if (w.count) do
            for (int64_t i = 0, n; ok && !stopped && i < w.shape[0]; i += n, to += n) {
                n = w.shape[0] - i < AT_ONCE ? w.shape[0] - i : AT_ONCE;
                ok = offset_run(n, w.at[0] + i * w.step[0][0], w.step[0][0], p->extent[k],
                                p->stride[k], k == 0, to);
                stopped = n == AT_ONCE && !stop_check(e);
            }
        while (ok && !stopped && walk_next(&w));
    if (!ok) outside_error(p, k, wide, e);
    datum_unref(wide);
    return ok && !stopped;
}

static bool plan_list(plan *p, err *e)
{
    err own = {0};
    if (!shape_broadcast(p->narray, p->array, &p->nlist, p->list, &own)) {
        err_clear(&own);
        return list_error(p, e);
    }
    p->noffset = shape_count(p->nlist, p->list);
    p->room = buf_new((size_t)p->noffset * sizeof(int64_t), e);
    if (!p->room) return false;
    p->offset = (int64_t *)(void *)p->room->data;
    for (int k = 0; k < p->narray; k++)
        if (!add_offsets(p, k, &own)) {
            bool none = own.kind == IndexError && shape_count(p->nview, p->shape) == 0;
            if (!none) {
                err_move(e, &own);
                return false;
            }
            err_clear(&own); /* NumPy does not look when there is nothing to take */
        }
    return true;
}

static int result_shape(const plan *p, int64_t *shape)
{
    int n = 0;
    for (int i = 0; i < p->split; i++) shape[n++] = p->shape[i];
    for (int i = 0; i < p->nlist; i++) shape[n++] = p->list[i];
    for (int i = p->split; i < p->nview; i++) shape[n++] = p->shape[i];
    return n;
}

/* --- moving ----------------------------------------------------------------------------------- */

/* Single elements between `at` + offset[i] and y + i * step. */
#define PICK(T)                                                                                    \
    case sizeof(T):                                                                                \
        if (store && step == 0) {                                                                  \
            T v;                                                                                   \
            memcpy(&v, y, sizeof v);                                                               \
            for (int64_t i = 0; i < n; i++) memcpy(at + offset[i], &v, sizeof v);                  \
        } else if (store) {                                                                        \
            for (int64_t i = 0; i < n; i++) memcpy(at + offset[i], y + i * step, sizeof(T));       \
        } else {                                                                                   \
            for (int64_t i = 0; i < n; i++) memcpy(y + i * step, at + offset[i], sizeof(T));       \
        }                                                                                          \
        return;
static void move_elements(int64_t n, char *at, const int64_t *offset, char *y, int64_t step,
                          size_t size, bool store)
{
    switch (size) {
        PICK(uint8_t)
        PICK(uint16_t)
        PICK(uint32_t)
        PICK(uint64_t)
    default:
        for (int64_t i = 0; i < n; i++)
            memcpy(store ? at + offset[i] : y + i * step, store ? y + i * step : at + offset[i],
                   size);
    }
}

/* One sub-block per offset between the view and a block y of the result's shape, a run of the list
 * at a time.  `store`: from y into the view. */
static bool move(const plan *p, char *y, const int64_t *ystrides, size_t size, bool store,
                 const cell_ops *ops, err *e)
{
    enum { OFTEN = 1 << 14 };
    int64_t sub[ND_MAXDIM], index[ND_MAXDIM] = {0};
    const int64_t *list = ystrides + p->split;
    int last = p->nlist - 1;
    int64_t row = last < 0 ? 1 : p->list[last], step = last < 0 ? 0 : list[last], moved = 0;
    for (int i = 0; i < p->nview; i++) sub[i] = ystrides[i < p->split ? i : i + p->nlist];
    bool one = shape_count(p->nview, p->shape) == 1 && !ops;
    for (int64_t k = 0; k < p->noffset; k += row) {
        for (int64_t i = 0; one && i < row; i += OFTEN) {
            move_elements(row - i < OFTEN ? row - i : OFTEN, p->at, p->offset + k + i, y + i * step,
                          step, size, store);
            if ((moved += row - i < OFTEN ? row - i : OFTEN) >= OFTEN) {
                moved = 0;
                TRY(stop_check(e));
            }
        }
        for (int64_t i = 0; !one && i < row; i++) {
            char *at = p->at + p->offset[k + i], *v = y + i * step;
            if (++moved % OFTEN == 0) TRY(stop_check(e));
            if (store)
                strided_copy(p->nview, p->shape, at, p->strides, v, sub, size, ops);
            else
                strided_copy(p->nview, p->shape, v, sub, at, p->strides, size, ops);
        }
        for (int i = last; i-- > 0;) {
            y += list[i];
            if (++index[i] < p->list[i]) break;
            y -= p->list[i] * list[i];
            index[i] = 0;
        }
    }
    return true;
}

/* a mask of x's whole shape: the elements in C order */
static bool is_full_mask(const nd *x, const index_item *items, int n)
{
    return n == 1 && items[0].kind == IDX_ARRAY && items[0].array->dtype == DT_bool &&
           items[0].array->ndim == x->ndim && x->ndim > 0;
}

/* Packs the elements of a contiguous run that the mask takes; at `to` there is room for `room` of
 * them.  Without a branch, which a processor would guess wrongly half of the time: every element is
 * written, and the place moves on after those that are taken.  Answers how many. */
#define PACK(T)                                                                                    \
    static int64_t pack_##T(int64_t n, const T *x, const char *m, T *to, int64_t room)             \
    {                                                                                              \
        int64_t i = 0, k = 0;                                                                      \
        for (; i < n && k < room; i++) {                                                           \
            int64_t safe = room - k < n - i ? room - k : n - i;                                    \
            for (int64_t end = i + safe - 1; i < end; i++) to[k] = x[i], k += m[i] != 0;           \
            if (m[i]) to[k++] = x[i];                                                              \
        }                                                                                          \
        return k;                                                                                  \
    }
PACK(uint8_t)
PACK(uint16_t)
PACK(uint32_t)
PACK(uint64_t)

static int64_t pack_run(int64_t n, const char *x, const char *m, char *to, int64_t room,
                        size_t size)
{
    switch (size) {
    case 1: return pack_uint8_t(n, (const void *)x, m, (void *)to, room);
    case 2: return pack_uint16_t(n, (const void *)x, m, (void *)to, room);
    case 4: return pack_uint32_t(n, (const void *)x, m, (void *)to, room);
    default: return pack_uint64_t(n, (const void *)x, m, (void *)to, room);
    }
}

static bool is_packable(size_t size)
{
    return size == 1 || size == 2 || size == 4 || size == 8;
}

/* Calls for every true element (so many in all) in C order: copies between x and the packed y. */
static void move_masked(const nd *x, const nd *mask, int64_t total, char *y, int64_t ystep,
                        bool store, const cell_ops *ops)
{
    int64_t index[ND_MAXDIM] = {0}, one = 1, zero = 0;
    int last = x->ndim - 1;
    int64_t n = nd_shape(x)[last], xs = nd_strides(x)[last], ms = nd_strides(mask)[last];
    int64_t rows = n ? nd_count(x) / n : 0;
    char *xat = x->at, *mat = mask->at;
    size_t size = x->size;
    bool packs = !store && !ops && is_packable(size) && xs == (int64_t)size && ms == 1;
    for (int64_t r = 0; r < rows; r++) {
        if (packs) {
            int64_t took = pack_run(n, xat, mat, y, total, size);
            y += took * ystep;
            total -= took;
        }
        for (int64_t i = 0; i < n && !packs; i++) {
            if (!mat[i * ms]) continue;
            char *cell = xat + i * xs, *to = store ? cell : y, *from = store ? y : cell;
            if (ops)
                strided_copy(1, &one, to, &zero, from, &zero, size, ops);
            else if (size == 8)
                memcpy(to, from, 8);
            else
                memcpy(to, from, size);
            y += ystep;
        }
        for (int i = last; i-- > 0;) {
            xat += nd_strides(x)[i];
            mat += nd_strides(mask)[i];
            if (++index[i] < nd_shape(x)[i]) break;
            xat -= nd_shape(x)[i] * nd_strides(x)[i];
            mat -= nd_shape(x)[i] * nd_strides(mask)[i];
            index[i] = 0;
        }
    }
}

nd *nd_mask(const nd *x, const nd *mask, err *e)
{
    index_item it = {.kind = IDX_ARRAY, .array = mask};
    if (!is_full_mask(x, &it, 1)) return nd_index(x, &it, 1, e);
    TRY(check_mask(x, mask, 0, e));
    int64_t n = nd_count_nonzero(mask, e);
    nd *y = n < 0 ? NULL : nd_new(nd_type(x), 1, &n, e);
    if (!y) return NULL;
    if (x->dtype == DT_object && buf_cells(x->b)) buf_hold(y->b, buf_cells(x->b));
    move_masked(x, mask, n, y->at, y->size, false, x->dtype == DT_object ? buf_cells(x->b) : NULL);
    return y;
}

/* Only what counts is cleared: there is room for many axes. */
static void start_plan(spread *s, plan *p)
{
    s->n = s->nowned = s->dots = 0;
    memset(s->empty_mask, 0, sizeof s->empty_mask);
    p->nview = p->split = p->narray = p->nlist = 0;
    p->at = NULL;
    p->room = NULL;
    p->offset = NULL;
    p->noffset = 0;
}

static bool make_plan(const nd *x, const index_item *items, int n, spread *s, plan *p, err *e)
{
    if (!spread_items(x, items, n, s, e) || !plan_items(p, x, s, e)) return false;
    if (p->nview + (p->narray ? 1 : 0) > ND_MAXDIM)
        return err_set(e, IndexError,
                       "number of dimensions must be within [0, %d], indexing result would have %d",
                       ND_MAXDIM, p->nview + (p->narray ? 1 : 0));
    return !p->narray || plan_list(p, e);
}

/* NumPy's layout: axes of the lists outermost, the others in the order of x's memory */
static nd *new_picked(const plan *p, dtype_of t, int ndim, const int64_t *shape, err *e)
{
    int64_t strides[ND_MAXDIM], size = t.size;
    walk w;
    nd *base = nd_new(t, ndim, shape, e);
    if (!base || ndim < 2) return base;
    walk_init(&w, p->nview, p->shape);
    walk_add(&w, p->at, p->strides);
    walk_sort(&w);
    for (int i = 0; i < p->nview; i++) {
        int axis = w.axis[i] < p->split ? w.axis[i] : w.axis[i] + p->nlist;
        strides[axis] = size;
        size *= shape[axis] ? shape[axis] : 1;
    }
    for (int i = p->split + p->nlist; i-- > p->split;) {
        strides[i] = size;
        size *= shape[i] ? shape[i] : 1;
    }
    nd *y = nd_view(base->b, base->at, t, ndim, shape, strides);
    datum_unref(base);
    return y;
}

nd *nd_index(const nd *x, const index_item *items, int n, err *e)
{
    if (is_full_mask(x, items, n)) return nd_mask(x, items[0].array, e);
    bool rows = n == 1 && items[0].kind == IDX_ARRAY && dtype_is_int(items[0].array->dtype) &&
                x->ndim > 0 && nd_is_c(x) && x->dtype != DT_object && nd_count(x) > 0;
    if (rows) return nd_take(x, items[0].array, 0, 'r', e);
    spread s;
    plan p;
    start_plan(&s, &p);
    nd *y = NULL;
    int64_t shape[MAXITEM + ND_MAXDIM];
    if (make_plan(x, items, n, &s, &p, e)) {
        if (!p.narray)
            y = nd_view(x->b, p.at, nd_type(x), p.nview, p.shape, p.strides);
        else {
            y = new_picked(&p, nd_type(x), result_shape(&p, shape), shape, e);
            const cell_ops *ops = x->dtype == DT_object ? buf_cells(x->b) : NULL;
            if (y && ops) buf_hold(y->b, ops);
            if (y && nd_count(y) && (x->dtype != DT_object || ops))
                if (!move(&p, y->at, nd_strides(y), y->size, false, ops, e)) y = datum_unref(y);
        }
    }
    buf_unref(p.room);
    spread_clear(&s);
    return y;
}

/* Where each element of the result is, in order. */
static bool list_places(const plan *p, int ndim, const int64_t *shape, nd *y, err *e)
{
    enum { OFTEN = 1 << 18 };
    int64_t index[ND_MAXDIM] = {0}, count = nd_count(y);
    for (int64_t k = 0; k < count; k++) {
        int64_t at = 0, which = 0;
        if (k % OFTEN == OFTEN - 1) TRY(stop_check(e));
        for (int i = 0; i < ndim; i++) {
            bool list = i >= p->split && i < p->split + p->nlist;
            if (list)
                which = which * p->list[i - p->split] + index[i];
            else
                at += index[i] * p->strides[i < p->split ? i : i - p->nlist];
        }
        ((int64_t *)y->at)[k] = at + p->offset[which];
        for (int i = ndim; i-- > 0;) {
            if (++index[i] < shape[i]) break;
            index[i] = 0;
        }
    }
    return true;
}

nd *nd_index_places(const nd *x, const index_item *items, int n, err *e)
{
    spread s;
    plan p;
    start_plan(&s, &p);
    nd *y = NULL;
    int64_t shape[MAXITEM + ND_MAXDIM];
    if (make_plan(x, items, n, &s, &p, e)) {
        int64_t none = p.at - x->at;
        if (!p.narray)
            p.offset = &none, p.noffset = 1, p.split = p.nview;
        else
            for (int64_t k = 0; k < p.noffset; k++) p.offset[k] += none;
        int ndim = result_shape(&p, shape);
        y = nd_new(dtype_plain(DT_int64), ndim, shape, e);
        if (y && !list_places(&p, ndim, shape, y, e)) y = datum_unref(y);
    }
    buf_unref(p.room);
    spread_clear(&s);
    return y;
}

/* --- assignment ---------------------------------------------------------------------------------
 */

static bool assign_masked(nd *target, const nd *mask, const nd *value, err *e)
{
    TRY(check_mask(target, mask, 0, e));
    int64_t n = nd_count_nonzero(mask, e), m = nd_count(value);
    if (n < 0) return false;
    if (value->ndim == 0) return nd_assign(target, value, 'u', mask, e);
    if (value->ndim > 1)
        return err_set(e, TypeError,
                       "NumPy boolean array indexing assignment requires a 0 or 1-dimensional "
                       "input, input has %d dimensions",
                       value->ndim);
    if (m != n && m != 1)
        return err_set(e, ValueError,
                       "NumPy boolean array indexing assignment cannot assign %ld input values to "
                       "the %ld output values where the mask is true",
                       (long)m, (long)n);
    nd *v = nd_cast(value, nd_type(target), 'u', e), *own = NULL;
    if (v && nd_overlaps(v, target)) own = nd_copy(v, e);
    const nd *src = own ? own : v;
    const cell_ops *ops = src && target->dtype == DT_object ? buf_cells(src->b) : NULL;
    if (ops) buf_hold(target->b, ops);
    if (src) move_masked(target, mask, n, src->at, m == 1 ? 0 : nd_strides(src)[0], true, ops);
    datum_unref(own);
    datum_unref(v);
    return src != NULL;
}

/* the value in the target's type, apart from the target's memory, broadcast to the shape */
static nd *prepare_value(const nd *target, const nd *value, int ndim, const int64_t *shape, err *e)
{
    nd *v = nd_cast(value, nd_type(target), 'u', e);
    if (v && nd_overlaps(v, target)) {
        nd *own = nd_copy(v, e);
        datum_unref(v);
        v = own;
    }
    if (!v) return NULL;
    nd *low = v;
    if (v->ndim > ndim) {
        uint32_t drop = 0;
        for (int i = 0; i < v->ndim - ndim && nd_shape(v)[i] == 1; i++) drop |= (uint32_t)1 << i;
        low = nd_squeeze(v, drop);
        datum_unref(v);
    }
    err own = {0};
    nd *wide = nd_broadcast(low, ndim, shape, &own);
    datum_unref(low);
    if (wide) return wide;
    err_clear(&own);
    char from[400], to[400];
    shape_text_tight(value->ndim, nd_shape(value), from, sizeof from);
    shape_text_tight(ndim, shape, to, sizeof to);
    return err_set(e, ValueError,
                   "shape mismatch: value array of shape %s could not be broadcast to indexing "
                   "result of shape %s",
                   from, to);
}

bool nd_index_assign(nd *target, const index_item *items, int n, const nd *value, err *e)
{
    if (is_full_mask(target, items, n)) return assign_masked(target, items[0].array, value, e);
    spread s;
    plan p;
    start_plan(&s, &p);
    int64_t shape[MAXITEM + ND_MAXDIM];
    bool ok = make_plan(target, items, n, &s, &p, e);
    if (ok && !p.narray) {
        nd *view = nd_view(target->b, p.at, nd_type(target), p.nview, p.shape, p.strides);
        ok = nd_assign(view, value, 'u', NULL, e);
        datum_unref(view);
    } else if (ok) {
        int ndim = result_shape(&p, shape);
        nd *v = prepare_value(target, value, ndim, shape, e);
        ok = v != NULL;
        const cell_ops *ops = ok && target->dtype == DT_object ? buf_cells(v->b) : NULL;
        if (ops) buf_hold(target->b, ops);
        if (ok && shape_count(ndim, shape) && (target->dtype != DT_object || ops))
            ok = move(&p, v->at, nd_strides(v), v->size, true, ops, e);
        datum_unref(v);
    }
    buf_unref(p.room);
    spread_clear(&s);
    return ok;
}

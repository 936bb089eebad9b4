/* engine/kernels/take.c - picking elements by position: take, put, nonzero and their relatives. */
#include <stdatomic.h>
#include <string.h>

#include "engine/base/mem.h"
#include "engine/base/par.h"
#include "engine/base/stop.h"
#include "engine/base/str.h"
#include "engine/data/walk.h"
#include "engine/kernels/cast.h"
#include "engine/kernels/fold.h"
#include "engine/kernels/index.h"
#include "engine/kernels/ops.h"
#include "engine/kernels/ufunc.h"

/* --- nonzero ------------------------------------------------------------------------------------
 */

typedef struct counting { /* of numbers in C order */
    const nd *x;
    cast_loop cast;  /* to bool; NULL: they are */
    int64_t n, each; /* elements of all, of a turn */
    _Atomic int64_t found;
} counting;

static void count_turn(void *arg, int64_t turn)
{
    counting *c = arg;
    char room[FOLD_BLOCK];
    int64_t from = turn * c->each, end = from + c->each < c->n ? from + c->each : c->n, found = 0;
    dtype_of type = nd_type(c->x), truth = dtype_plain(DT_bool);
    err none = {0}; /* numbers always cast */
    for (int64_t some; from < end && !stop_asked(); from += some) {
        const char *at = c->x->at + from * (int64_t)type.size;
        some = end - from < FOLD_BLOCK ? end - from : FOLD_BLOCK;
        if (c->cast) c->cast((size_t)some, room, 1, at, type.size, truth, type, &none);
        found += fold_whole(DT_bool, c->cast ? room : at, (size_t)some);
    }
    atomic_fetch_add(&c->found, found);
}

/* *found: -1 if it failed; false: not in order */
static bool count_in_order(const nd *x, int64_t *found, err *e)
{
    enum { SHARE = 1 << 17 };
    counting c = {.x = x, .n = nd_count(x), .each = SHARE};
    err none = {0};
    if (!(x->flags & ND_C) || x->dtype > DT_complex128) return false;
    if (x->dtype != DT_bool && !(c.cast = cast_find(dtype_plain(DT_bool), nd_type(x), &none)))
        return false;
    par_for((c.n + SHARE - 1) / SHARE, count_turn, &c);
    *found = stop_check(e) ? c.found : -1;
    return true;
}

int64_t nd_count_nonzero(const nd *x, err *e)
{
    int64_t found;
    if (count_in_order(x, &found, e)) return found;
    nd *truth = nd_cast(x, dtype_plain(DT_bool), 'u', e);
    if (!truth) return -1;
    walk w;
    int64_t count = 0;
    walk_init(&w, truth->ndim, nd_shape(truth));
    walk_add_nd(&w, truth);
    walk_order(&w);
    if (w.count) do {
            const char *at = w.at[0];
            int64_t n = w.shape[0], step = w.step[0][0];
            if (step == 1)
                count += fold_whole(DT_bool, at, (size_t)n);
            else
                for (int64_t i = 0; i < n; i++) count += at[i * step] != 0;
        } while (walk_next(&w));
    datum_unref(truth);
    return count;
}

/* Positions of the true elements of a run; room for so many.  As PACK in index.c. */
static int64_t list_run(const char *m, int64_t n, int64_t *to, int64_t room)
{
    int64_t i = 0, k = 0;
    for (; i < n && k < room; i++) {
        int64_t safe = room - k < n - i ? room - k : n - i;
        for (int64_t end = i + safe - 1; i < end; i++) to[k] = i, k += m[i] != 0;
        if (m[i]) to[k++] = i;
    }
    return k;
}

/* Positions of the true elements (so many) of a C contiguous bool block, one array per axis. */
static void list_true(const nd *x, int64_t total, int64_t *const *to)
{
    int last = x->ndim - 1;
    int64_t index[ND_MAXDIM] = {0}, n = nd_shape(x)[last], rows = n ? nd_count(x) / n : 0, k = 0;
    for (int64_t r = 0; r < rows && k < total; r++) {
        int64_t took = list_run(x->at + r * n, n, to[last] + k, total - k);
        for (int a = 0; a < last; a++)
            for (int64_t i = k; i < k + took; i++) to[a][i] = index[a];
        k += took;
        for (int a = last; a-- > 0;) {
            if (++index[a] < nd_shape(x)[a]) break;
            index[a] = 0;
        }
    }
}

bool nd_nonzero(const nd *x, nd *out[ND_MAXDIM], err *e)
{
    int64_t one = 1, n = nd_count_nonzero(x, e), *to[ND_MAXDIM];
    if (n < 0) return false;
    nd *truth = nd_cast(x, dtype_plain(DT_bool), 'u', e),
       *flat = truth ? nd_contiguous(truth, e) : NULL;
    datum_unref(truth);
    if (flat && flat->ndim == 0) {
        nd *wide = nd_reshape(flat, 1, &one, e);
        datum_unref(flat);
        flat = wide;
    }
    bool ok = flat != NULL;
    int made = 0;
    for (; ok && made < flat->ndim; made++) {
        out[made] = nd_new(dtype_plain(DT_int64), 1, &n, e);
        ok = out[made] != NULL;
        if (!ok) break;
        to[made] = (int64_t *)out[made]->at;
    }
    if (ok)
        list_true(flat, n, to);
    else
        while (made-- > 0) out[made] = datum_unref(out[made]);
    datum_unref(flat);
    return ok;
}

/* --- take ---------------------------------------------------------------------------------------
 */

static bool place(int64_t i, int64_t n, char mode, int64_t *out)
{
    if (mode == 'w') {
        i %= n;
        *out = i < 0 ? i + n : i;
    } else if (mode == 'c')
        *out = i < 0 ? 0 : i >= n ? n - 1 : i;
    else {
        *out = i < 0 ? i + n : i;
        return *out >= 0 && *out < n;
    }
    return true;
}

/* int64, contiguous, every element (look) brought into [0, n); the given block when all are
 * already */
static nd *places(const nd *indices, int64_t n, int axis, char mode, bool look, err *e)
{
    if (!dtype_is_int(indices->dtype) && indices->dtype != DT_bool && nd_count(indices))
        return err_set(e, TypeError,
                       "Cannot cast array data from dtype('%s') to dtype('int64') according to the "
                       "rule 'safe'",
                       dtypes[indices->dtype].name);
    nd *ints = nd_cast(indices, dtype_plain(DT_int64), 'u', e);
    nd *out = ints ? nd_contiguous(ints, e) : NULL;
    datum_unref(ints);
    if (!out) return NULL;
    int64_t count = nd_count(out), *at = (int64_t *)out->at;
    if (n == 0 && count) {
        err_set(e, IndexError, "cannot do a non-empty take from an empty axes.");
        return datum_unref(out);
    }
    bool inside = true;
    for (int64_t k = 0; k < count; k++) inside &= (uint64_t)at[k] < (uint64_t)n;
    if (inside || !look) return out;
    ints = nd_copy(out, e);
    datum_unref(out);
    at = ints ? (int64_t *)ints->at : NULL;
    for (int64_t k = 0; at && k < count; k++) {
        int64_t i = at[k];
        if (place(i, n, mode, &at[k])) continue;
        err_set(e, IndexError, "index %ld is out of bounds for axis %d with size %ld", (long)i,
                axis, (long)n);
        return datum_unref(ints);
    }
    return ints;
}

/* rows of `chunk` bytes picked from each of `outer` groups of n */
static void take_rows(char *to, const char *from, int64_t outer, int64_t n, size_t chunk,
                      const int64_t *at, int64_t count)
{
    for (int64_t o = 0; o < outer; o++, from += n * (int64_t)chunk) switch (chunk) {
#define ROWS(size)                                                                                 \
    case size:                                                                                     \
        for (int64_t i = 0; i < count; i++, to += size) memcpy(to, from + at[i] * size, size);     \
        break;
            ROWS(1)
            ROWS(2)
            ROWS(4)
            ROWS(8)
            ROWS(12)
            ROWS(16)
            ROWS(24)
            ROWS(32)
#undef ROWS
        default:
            for (int64_t i = 0; i < count; i++, to += chunk)
                memcpy(to, from + at[i] * (int64_t)chunk, chunk);
        }
}

static nd *take_contiguous(const nd *x, const nd *at, int axis, err *e)
{
    int64_t shape[2 * ND_MAXDIM];
    int ndim = x->ndim - 1 + at->ndim, tail = x->ndim - axis - 1;
    if (ndim > ND_MAXDIM)
        return err_set(e, ValueError, "maximum supported dimension for an ndarray is %d, found %d",
                       ND_MAXDIM, ndim);
    memcpy(shape, nd_shape(x), (size_t)axis * sizeof *shape);
    memcpy(shape + axis, nd_shape(at), (size_t)at->ndim * sizeof *shape);
    memcpy(shape + axis + at->ndim, nd_shape(x) + axis + 1, (size_t)tail * sizeof *shape);
    nd *y = nd_new(nd_type(x), ndim, shape, e);
    size_t chunk = (size_t)shape_count(tail, nd_shape(x) + axis + 1) * x->size;
    enum { LONG = 1 << 16 }; /* rows: between two looks whether to go on */
    int64_t outer = shape_count(axis, nd_shape(x)), count = nd_count(at);
    int64_t some = outer == 1 && count > LONG ? LONG : count;
    for (int64_t i = 0; y && nd_count(y) && i < count; i += some) {
        take_rows(y->at + i * (int64_t)chunk, x->at, outer, nd_shape(x)[axis], chunk,
                  (const int64_t *)at->at + i, count - i < some ? count - i : some);
        if (!stop_check(e)) y = datum_unref(y);
    }
    return y;
}

nd *nd_take(const nd *x, const nd *indices, int axis, char mode, err *e)
{
    bool look = shape_count(axis, nd_shape(x)) > 0; /* NumPy does not when there is nothing */
    nd *at = places(indices, nd_shape(x)[axis], axis, mode, look, e);
    if (!at) return NULL;
    if (nd_is_c(x) && x->dtype != DT_object) {
        nd *y = take_contiguous(x, at, axis, e);
        datum_unref(at);
        return y;
    }
    index_item items[ND_MAXDIM];
    for (int i = 0; i < axis; i++)
        items[i] = (index_item){
            .kind = IDX_SLICE, .start = SLICE_NONE, .stop = SLICE_NONE, .step = SLICE_NONE};
    items[axis] = (index_item){.kind = IDX_ARRAY, .array = at};
    nd *y = nd_index(x, items, axis + 1, e), *c = y ? nd_contiguous(y, e) : NULL;
    datum_unref(at);
    datum_unref(y);
    return c;
}

/* byte offset of the k-th element in C order */
static int64_t offset_of(const nd *x, int64_t k)
{
    int64_t at = 0;
    for (int i = x->ndim; i-- > 0;) {
        at += k % nd_shape(x)[i] * nd_strides(x)[i];
        k /= nd_shape(x)[i];
    }
    return at;
}

static void put_cell(nd *target, char *cell, const nd *v, int64_t i)
{
    int64_t one = 1, zero = 0;
    const cell_ops *ops = target->dtype == DT_object ? buf_cells(v->b) : NULL;
    if (target->dtype == DT_object && !ops) return;
    if (ops) buf_hold(target->b, ops);
    strided_copy(1, &one, cell, &zero, v->at + i * v->size, &zero, v->size, ops);
}

/* The elements of a contiguous target at the given places. */
static bool put_flat(nd *target, const int64_t *at, int64_t n, const nd *v, int64_t m)
{
    char *to = target->at;
    if (!nd_is_c(target) || target->dtype == DT_object) return false;
    switch (target->size) {
#define PUT(size)                                                                                  \
    case size:                                                                                     \
        for (int64_t k = 0, from = 0; k < n; k++) {                                                \
            memcpy(to + at[k] * size, v->at + from * size, size);                                  \
            if (++from == m) from = 0;                                                             \
        }                                                                                          \
        return true;
        PUT(1)
        PUT(2)
        PUT(4)
        PUT(8)
        PUT(16)
#undef PUT
    default: return false;
    }
}

/* All elements of a contiguous target where the flags say so; in_turn: the next value, else the one
 * at the same place (as often as there are values). */
static bool put_where(nd *target, const char *flag, const nd *v, int64_t m, bool in_turn)
{
    char *to = target->at;
    int64_t n = nd_count(target);
    if (!nd_is_c(target) || target->dtype == DT_object || !m) return false;
    switch (target->size) {
#define PUT(T)                                                                                     \
    case sizeof(T): {                                                                              \
        const T *from = (const T *)(const void *)v->at;                                            \
        T *at = (T *)(void *)to;                                                                   \
        if (m == 1)                                                                                \
            for (int64_t k = 0; k < n; k++) at[k] = flag[k] ? from[0] : at[k];                     \
        else                                                                                       \
            for (int64_t k = 0, i = 0; k < n; k++) {                                               \
                at[k] = flag[k] ? from[i] : at[k];                                                 \
                i += !in_turn || flag[k];                                                          \
                i = i == m ? 0 : i;                                                                \
            }                                                                                      \
        return true;                                                                               \
    }
        PUT(uint8_t)
        PUT(uint16_t)
        PUT(uint32_t)
        PUT(uint64_t)
#undef PUT
    default: return false;
    }
}

bool nd_put(nd *target, const nd *indices, const nd *values, char mode, err *e)
{
    nd *at = places(indices, nd_count(target), 0, mode, true, e);
    nd *cast = at ? nd_cast(values, nd_type(target), 'u', e) : NULL,
       *v = cast ? nd_copy(cast, e) : NULL;
    int64_t n = v ? nd_count(at) : 0, m = v ? nd_count(v) : 0;
    bool done = !m || put_flat(target, (const int64_t *)(const void *)at->at, n, v, m);
    for (int64_t k = 0; !done && k < n; k++)
        put_cell(target, target->at + offset_of(target, ((int64_t *)at->at)[k]), v, k % m);
    bool ok = v != NULL;
    datum_unref(at);
    datum_unref(cast);
    datum_unref(v);
    return ok;
}

/* putmask takes values by position, place by the count of true elements so far */
bool nd_putmask(nd *target, const nd *mask, const nd *values, bool in_turn, err *e)
{
    if (nd_count(mask) != nd_count(target))
        return err_set(e, ValueError,
                       in_turn ? "place: mask and data must be the same size"
                               : "putmask: mask and data must be the same size");
    nd *truth = nd_cast(mask, dtype_plain(DT_bool), 'u', e),
       *flags = truth ? nd_contiguous(truth, e) : NULL;
    nd *cast = flags ? nd_cast(values, nd_type(target), 'u', e) : NULL,
       *v = cast ? nd_copy(cast, e) : NULL;
    int64_t n = v ? nd_count(target) : 0, m = v ? nd_count(v) : 0, used = 0;
    bool ok = v != NULL, done = ok && put_where(target, flags->at, v, m, in_turn);
    for (int64_t k = 0; ok && !done && k < n; k++) {
        if (!flags->at[k]) continue;
        if (!m)
            ok = !in_turn || err_set(e, ValueError, "Cannot insert from an empty array!");
        else
            put_cell(target, target->at + offset_of(target, k), v, (in_turn ? used : k) % m);
        used++;
    }
    datum_unref(truth);
    datum_unref(flags);
    datum_unref(cast);
    datum_unref(v);
    return ok;
}

nd *nd_compress(const nd *condition, const nd *x, int axis, err *e)
{
    nd *at[ND_MAXDIM];
    if (condition->ndim != 1) return err_set(e, ValueError, "condition must be a 1-d array");
    if (!nd_nonzero(condition, at, e)) return NULL;
    nd *y = nd_take(x, at[0], axis, 'r', e);
    datum_unref(at[0]);
    return y;
}

/* --- along an axis
 * -------------------------------------------------------------------------------- */

/* Index items for x[..., indices, ...] with aranges on the other axes; own[] to be released. */
static bool along_items(const nd *x, const nd *indices, int axis, index_item *items, nd **own,
                        err *e)
{
    if (indices->ndim != x->ndim)
        return err_set(e, ValueError,
                       "`indices` and `arr` must have the same number of dimensions");
    if (!dtype_is_int(indices->dtype))
        return err_set(e, IndexError, "`indices` must be an integer array");
    for (int i = 0; i < x->ndim; i++) {
        int64_t shape[ND_MAXDIM], zero = 0, one = 1;
        for (int j = 0; j < x->ndim; j++) shape[j] = j == i ? nd_shape(x)[i] : 1;
        nd *row = i == axis ? nd_ref(indices)
                            : nd_arange(dtype_plain(DT_int64), &zero, &one, nd_shape(x)[i], e);
        own[i] = row && i != axis ? nd_reshape(row, x->ndim, shape, e) : nd_ref(row);
        datum_unref(row);
        if (!own[i]) return false;
        items[i] = (index_item){.kind = IDX_ARRAY, .array = own[i]};
    }
    return true;
}

nd *nd_take_along(const nd *x, const nd *indices, int axis, err *e)
{
    index_item items[ND_MAXDIM];
    nd *own[ND_MAXDIM] = {NULL};
    bool ok = along_items(x, indices, axis, items, own, e);
    nd *y = ok ? nd_index(x, items, x->ndim, e) : NULL;
    for (int i = 0; i < x->ndim; i++) datum_unref(own[i]);
    return y;
}

bool nd_put_along(nd *target, const nd *indices, const nd *values, int axis, err *e)
{
    index_item items[ND_MAXDIM];
    nd *own[ND_MAXDIM] = {NULL};
    bool ok = along_items(target, indices, axis, items, own, e) &&
              nd_index_assign(target, items, target->ndim, values, e);
    for (int i = 0; i < target->ndim; i++) datum_unref(own[i]);
    return ok;
}

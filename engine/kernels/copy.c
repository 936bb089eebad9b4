/* engine/kernels/copy.c - casting and assigning whole blocks. */
#include <stdlib.h>
#include <string.h>

#include "engine/base/stop.h"
#include "engine/base/str.h"
#include "engine/data/datetime.h"
#include "engine/data/walk.h"
#include "engine/kernels/cast.h"
#include "engine/kernels/ops.h"
#include "engine/kernels/select.h"

/* the first and one past the last byte of x */
static void bounds(const nd *x, const char **first, const char **end)
{
    const char *lo = x->at, *hi = x->at + x->size;
    for (int i = 0; i < x->ndim; i++) {
        int64_t n = nd_shape(x)[i], s = nd_strides(x)[i];
        if (n == 0)
            hi = lo = x->at;
        else if (s < 0)
            lo += (n - 1) * s;
        else
            hi += (n - 1) * s;
    }
    *first = lo;
    *end = hi;
}

bool nd_overlaps(const nd *a, const nd *b)
{
    const char *a0, *a1, *b0, *b1;
    if (nd_count(a) == 0 || nd_count(b) == 0) return false;
    bounds(a, &a0, &a1);
    bounds(b, &b0, &b1);
    return a0 < b1 && b0 < a1;
}

bool nd_same(const nd *a, const nd *b)
{
    if (!dtype_equal(nd_type(a), nd_type(b)) || a->ndim != b->ndim) return false;
    if (memcmp(a->ext, b->ext, (size_t)a->ndim * sizeof *a->ext)) return false;
    walk w;
    walk_init(&w, a->ndim, nd_shape(a));
    walk_add_nd(&w, a);
    walk_add_nd(&w, b);
    walk_order(&w);
    if (w.count == 0) return true;
    do {
        for (int64_t i = 0; i < w.shape[0]; i++)
            if (memcmp(w.at[0] + i * w.step[0][0], w.at[1] + i * w.step[1][0], a->size))
                return false;
    } while (walk_next(&w));
    return true;
}

/* Is axis b, which comes later, to be stepped along more slowly than a?  1 yes, 0 no, -1 unknown:
 * where blocks disagree C order wins, and an axis that stands still counts as the fastest. */
static int is_slower(int n, const nd *const *x, int b, int a)
{
    int answer = -1;
    for (int k = 0; k < n; k++) {
        if (nd_shape(x[k])[a] == 1 || nd_shape(x[k])[b] == 1) continue;
        if (llabs(nd_strides(x[k])[b]) <= llabs(nd_strides(x[k])[a]))
            answer = 0;
        else if (answer < 0)
            answer = 1;
    }
    return answer;
}

nd *nd_new_as(int n, const nd *const *x, dtype_of t, const int64_t *shape, err *e)
{
    int ndim = x[0]->ndim, order[ND_MAXDIM];
    int64_t strides[ND_MAXDIM], size = t.size;
    nd *base = nd_new(t, ndim, shape, e);
    bool c = true;
    for (int k = 0; k < n && c; k++) c = nd_is_c(x[k]);
    if (!base || ndim < 2 || c) return base;
    for (int i = 0; i < ndim; i++) { /* pairs that do not say do not stop the search */
        int to = i, answer = -1;
        for (int j = i - 1; j >= 0 && answer; j--)
            if ((answer = is_slower(n, x, i, order[j])) > 0) to = j;
        memmove(&order[to + 1], &order[to], (size_t)(i - to) * sizeof *order);
        order[to] = i;
    }
    for (int i = ndim - 1; i >= 0; i--) {
        strides[order[i]] = size;
        size *= shape[order[i]] ? shape[order[i]] : 1;
    }
    nd *y = nd_view(base->b, base->at, t, ndim, shape, strides);
    datum_unref(base);
    return y;
}

nd *nd_new_like(const nd *x, dtype_of t, err *e)
{
    return nd_new_as(1, &x, t, nd_shape(x), e);
}

nd *nd_new_order(dtype_of t, int ndim, const int64_t *shape, char order, err *e)
{
    int64_t strides[ND_MAXDIM];
    nd *base = nd_new(t, ndim, shape, e);
    if (!base || order != 'F' || ndim < 2) return base;
    strides_f(ndim, shape, t.size, strides);
    nd *x = nd_view(base->b, base->at, t, ndim, shape, strides);
    datum_unref(base);
    return x;
}

nd *nd_copy_order(const nd *x, char order, err *e)
{
    if (order == 'A') order = (x->flags & ND_F) && !(x->flags & ND_C) ? 'F' : 'C';
    nd *y = order == 'K' ? nd_new_like(x, nd_type(x), e)
                         : nd_new_order(nd_type(x), x->ndim, nd_shape(x), order, e);
    return y && nd_fill_from(y, x, e) ? y : datum_unref(y);
}

/* --- casts ---------------------------------------------------------------------------------- */

enum { LONG = 1 << 18 }; /* elements: between two looks whether to go on */

static bool cast_run(cast_loop run, int64_t n, const walk *w, dtype_of to, dtype_of from, err *e)
{
    int64_t ds = w->step[0][0], ss = w->step[1][0];
    for (int64_t i = 0; i < n; i += LONG) {
        int64_t m = n - i < LONG ? n - i : LONG;
        if (i) TRY(stop_check(e));
        TRY(run((size_t)m, w->at[0] + i * ds, ds, w->at[1] + i * ss, ss, to, from, e));
    }
    return true;
}

/* elements one to one; where: a mask operand or NULL */
static bool cast_into(nd *dst, const nd *src, const nd *where, err *e)
{
    dtype_of to = nd_type(dst), from = nd_type(src);
    cast_loop run = cast_find(to, from, e);
    if (!run) return false;
    walk w;
    walk_init(&w, dst->ndim, nd_shape(dst));
    walk_add_nd(&w, dst);
    walk_add_nd(&w, src);
    if (where) walk_add_nd(&w, where);
    walk_order(&w);
    if (w.count == 0) return true;
    int64_t n = w.shape[0], ds = w.step[0][0], ss = w.step[1][0], ms = where ? w.step[2][0] : 0;
    int64_t done = 0;
    do {
        if ((done += n) > LONG) {
            TRY(stop_check(e));
            done = 0;
        }
        if (!where) {
            TRY(cast_run(run, n, &w, to, from, e));
            continue;
        }
        for (int64_t i = 0; i < n; i++)
            if (w.at[2][i * ms])
                TRY(run(1, w.at[0] + i * ds, ds, w.at[1] + i * ss, ss, to, from, e));
    } while (walk_next(&w));
    return true;
}

static const char *rule_name(char casting)
{
    return casting == 's' ? "safe" : casting == 'n' ? "no" : casting == 'e' ? "equiv" : "same_kind";
}

/* as the repr of a dtype has it */
static void cast_name(dtype_of t, char out[32])
{
    dtype_name(t, out);
    if (t.dt == DT_object) strcpy(out, "O");
    if (t.dt >= DT_datetime64) dtype_str(t, out);
    if (t.dt == DT_bytes) memmove(out, out + 1, strlen(out)); /* "|S4" */
}

static bool check_cast(dtype_of from, dtype_of to, char casting, err *e)
{
    if (dtype_can_cast(from, to, casting)) return true;
    char a[32], b[32];
    dtype_name(from, a);
    dtype_name(to, b);
    cast_name(from, a);
    cast_name(to, b);
    return err_set(e, TypeError,
                   "Cannot cast array data from dtype('%s') to dtype('%s') according to the rule "
                   "'%s'",
                   a, b, rule_name(casting));
}

dtype_of cast_sized(dtype_of t, dtype_of from, err *e)
{
    if (t.size || (t.dt != DT_str && t.dt != DT_bytes)) return t;
    dtype_of both;
    dtype_of shortest = {.dt = t.dt, .size = t.dt == DT_str ? 4 : 1};
    if (from.dt == DT_str || from.dt == DT_bytes) {
        uint32_t n = from.dt == DT_str ? from.size / 4 : from.size;
        if (n == 0) n = 1;
        t.size = t.dt == DT_str ? 4 * n : n;
    } else if (from.dt >= DT_datetime64)
        t.size = datetime_width(from) * (t.dt == DT_str ? 4 : 1);
    else if (dtype_promote(from, shortest, &both, e))
        t.size = both.size;
    return t;
}

nd *nd_cast(const nd *x, dtype_of t, char casting, err *e)
{
    dtype_of from = nd_type(x);
    t = cast_sized(t, from, e);
    t.swapped = false;
    if (dtype_equal(from, t)) return nd_ref(x);
    if (!check_cast(from, t, casting, e)) return NULL;
    nd *y = nd_new_like(x, t, e);
    return y && cast_into(y, x, NULL, e) ? y : datum_unref(y);
}

static bool same_type(const nd *a, const nd *b)
{
    return dtype_equal(nd_type(a), nd_type(b));
}

bool nd_assign(nd *target, const nd *value, char casting, const nd *where, err *e)
{
    TRY(check_cast(nd_type(value), nd_type(target), casting, e));
    nd *v = NULL, *m = NULL, *own = NULL;
    /* leading axes of length 1 may be dropped */
    const nd *src = value;
    nd *squeezed = NULL;
    int extra = src->ndim - target->ndim;
    if (extra > 0) {
        uint32_t drop = 0;
        for (int i = 0; i < extra && nd_shape(src)[i] == 1; i++) drop |= (uint32_t)1 << i;
        src = squeezed = nd_squeeze(src, drop);
    }
    bool ok = (v = nd_broadcast(src, target->ndim, nd_shape(target), e)) != NULL;
    if (ok && where) ok = (m = nd_broadcast(where, target->ndim, nd_shape(target), e)) != NULL;
    if (ok && nd_overlaps(target, v)) {
        own = nd_copy(value->ndim <= target->ndim ? value : src, e);
        datum_unref(v);
        v = own ? nd_broadcast(own, target->ndim, nd_shape(target), e) : NULL;
        ok = v != NULL;
    }
    if (ok && same_type(target, v) && !m)
        ok = nd_fill_from(target, v, e);
    else if (ok && same_type(target, v) && dtype_is_number(target->dtype))
        ok = nd_select(target, m, v, target, e);
    else if (ok && target->dtype == DT_object)
        ok = nd_assign_cells(target, v, m);
    else if (ok)
        ok = cast_into(target, v, m, e);
    datum_unref(squeezed);
    datum_unref(own);
    datum_unref(v);
    datum_unref(m);
    return ok;
}

/* object cells where the mask is true */
bool nd_assign_cells(nd *target, const nd *v, const nd *mask)
{
    const cell_ops *ops = buf_cells(v->b);
    if (!ops) return true;
    buf_hold(target->b, ops);
    walk w;
    walk_init(&w, target->ndim, nd_shape(target));
    walk_add_nd(&w, target);
    walk_add_nd(&w, v);
    walk_add_nd(&w, mask);
    if (w.count == 0) return true;
    do {
        for (int64_t i = 0; i < w.shape[0]; i++) {
            if (!w.at[2][i * w.step[2][0]]) continue;
            int64_t one = 1, zero = 0;
            strided_copy(1, &one, w.at[0] + i * w.step[0][0], &zero, w.at[1] + i * w.step[1][0],
                         &zero, sizeof(objcell), ops);
        }
    } while (walk_next(&w));
    return true;
}

nd *nd_full(dtype_of t, int ndim, const int64_t *shape, const nd *value, err *e)
{
    nd *x = nd_new(t, ndim, shape, e);
    return x && nd_assign(x, value, 'u', NULL, e) ? x : datum_unref(x);
}

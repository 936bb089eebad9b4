/* engine/kernels/search.c - finding values in sorted rows.
 *
 * Many values are looked for together: each step of the bisection is one vector loop over a block
 * of them, and the reads of the row overlap.  Types with keys are compared by key. */
#include <math.h>
#include <string.h>

#include "engine/base/mem.h"
#include "engine/base/par.h"
#include "engine/kernels/bisect.h"
#include "engine/kernels/index.h"
#include "engine/kernels/keys.h"
#include "engine/kernels/ops.h"
#include "engine/kernels/sort.h"
#include "engine/kernels/ufunc.h"

/* --- searchsorted
 * ----------------------------------------------------------------------------------- */

enum { STAGE = 512 };

BISECT_BLOCK(bisect_keys, uint64_t)
BISECT_BLOCK(bisect_doubles, double)
BISECT_BLOCK(bisect_ints, int64_t)

/* two elements side by side so that lane_less can compare them */
static int64_t bisect_slow(dtype_of t, const char *at, ptrdiff_t step, int64_t n,
                           const int64_t *order, const char *value, bool right, char *pair)
{
    lane v = {.t = t, .at = pair, .step = t.size};
    memcpy(pair + t.size, value, t.size);
    int64_t low = 0, high = n;
    while (low < high) {
        int64_t mid = low + (high - low) / 2;
        memcpy(pair, at + (order ? order[mid] : mid) * step, t.size);
        bool before = right ? !lane_less(&v, 1, 0) : lane_less(&v, 0, 1);
        if (before)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

/* without making keys of the whole row */
static int64_t bisect_few(dtype_of t, const char *at, ptrdiff_t step, int64_t n,
                          const int64_t *order, const char *value, bool right)
{
    uint64_t v, k;
    int64_t low = 0, high = n;
    keys_make(t, 1, value, 0, false, &v);
    while (low < high) {
        int64_t mid = low + (high - low) / 2;
        keys_make(t, 1, at + (order ? order[mid] : mid) * step, 0, false, &k);
        if (right ? k <= v : k < v)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

/* a job for one thread: values [first, first + n) */
typedef struct search {
    const nd *values;
    int64_t n, *to, pieces;
    const void *row; /* keys, or int64, or doubles without NaN */
    bool keys, ints, right;
} search;

static void search_piece(void *arg, int64_t k)
{
    const search *s = arg;
    dtype_of t = nd_type(s->values);
    uint64_t key[STAGE];
    int64_t count = nd_count(s->values), end = (k + 1) * count / s->pieces;
    for (int64_t i = k * count / s->pieces, m; i < end; i += m) {
        const char *v = s->values->at + i * t.size;
        m = end - i < STAGE ? end - i : STAGE;
        if (s->keys) {
            keys_make(t, m, v, t.size, false, key);
            bisect_keys(s->row, s->n, key, m, s->right, s->to + i);
            continue;
        }
        if (s->ints) {
            bisect_ints(s->row, s->n, (const int64_t *)(const void *)v, m, s->right, s->to + i);
            continue;
        }
        bisect_doubles(s->row, s->n, (const double *)v, m, s->right, s->to + i);
        for (int64_t j = 0; j < m; j++)
            if (((const double *)v)[j] != ((const double *)v)[j]) s->to[i + j] = s->n;
    }
}

/* the row in order, as keys; NULL: failed */
static uint64_t *ordered_keys(const nd *row, const int64_t *order, err *e)
{
    int64_t n = nd_shape(row)[0];
    ptrdiff_t step = nd_strides(row)[0];
    uint64_t *key = try_room((size_t)n * sizeof *key + 8, e);
    if (key && !order) keys_make(nd_type(row), n, row->at, step, false, key);
    for (int64_t i = 0; key && order && i < n; i++)
        keys_make(nd_type(row), 1, row->at + order[i] * step, 0, false, &key[i]);
    return key;
}

static bool search_keyed(const nd *row, const nd *values, bool right, const int64_t *order, nd *out,
                         err *e)
{
    int64_t n = nd_shape(row)[0], count = nd_count(values);
    const double *last = n ? (const double *)(row->at + (n - 1) * nd_strides(row)[0]) : NULL;
    search s = {.values = values, .n = n, .to = (int64_t *)out->at, .right = right, .row = row->at};
    bool straight = !order && nd_strides(row)[0] == 8 && n;
    s.ints = straight && row->dtype == DT_int64;
    s.keys = !s.ints && (row->dtype != DT_float64 || !straight || *last != *last);
    uint64_t *key = s.keys ? ordered_keys(row, order, e) : NULL;
    if (s.keys && !key) return false;
    if (key) s.row = key;
    s.pieces = count < 1 << 14 ? 1 : 4 * par_width();
    par_for(s.pieces, search_piece, &s);
    mem_free(key);
    return true;
}

static bool search_all(const nd *row, const nd *values, bool right, const int64_t *order, nd *out,
                       err *e)
{
    dtype_of t = nd_type(row);
    int64_t n = nd_shape(row)[0], count = nd_count(values), step = nd_strides(row)[0];
    bool few = count < n / 64 && (t.dt != DT_float64 || order);
    if (has_keys(t.dt) && !few) return search_keyed(row, values, right, order, out, e);
    for (int64_t i = 0; few && has_keys(t.dt) && i < count; i++)
        ((int64_t *)out->at)[i] =
            bisect_few(t, row->at, step, n, order, values->at + i * t.size, right);
    if (has_keys(t.dt)) return true;
    char *pair = try_alloc(2 * (size_t)t.size, e);
    for (int64_t i = 0; pair && i < count; i++)
        ((int64_t *)out->at)[i] =
            bisect_slow(t, row->at, step, n, order, values->at + i * t.size, right, pair);
    mem_free(pair);
    return pair != NULL;
}

nd *nd_searchsorted(const nd *x, const nd *values, bool right, const nd *sorter, err *e)
{
    operand both[2] = {{.t = nd_type(x)}, {.t = nd_type(values)}};
    dtype_of t;
    if (x->ndim != 1) return err_set(e, ValueError, "object too deep for desired array");
    if (sorter && nd_count(sorter) != nd_shape(x)[0])
        return err_set(e, ValueError, "sorter.size must equal a.size");
    TRY(result_type(2, both, &t, e));
    nd *row = nd_cast(x, t, 'u', e), *cast = row ? nd_cast(values, t, 'u', e) : NULL;
    nd *flat = cast ? nd_contiguous(cast, e) : NULL;
    nd *order = NULL,
       *out = flat ? nd_new(dtype_plain(DT_int64), values->ndim, nd_shape(values), e) : NULL;
    if (out && sorter) {
        nd *ints = nd_cast(sorter, dtype_plain(DT_int64), 's', e);
        order = ints ? nd_contiguous(ints, e) : NULL;
        datum_unref(ints);
        if (!order) out = datum_unref(out);
    }
    if (out && !search_all(row, flat, right, order ? (const int64_t *)order->at : NULL, out, e))
        out = datum_unref(out);
    datum_unref(row);
    datum_unref(cast);
    datum_unref(flat);
    datum_unref(order);
    return out;
}

/* 1 ascending, -1 descending, 0 neither */
static int direction(const double *b, int64_t n)
{
    int64_t i = 0;
    while (i + 1 < n && b[i] == b[i + 1]) i++;
    int dir = i + 1 >= n || b[i] < b[i + 1] ? 1 : -1;
    for (; i + 1 < n; i++)
        if (dir > 0 ? !(b[i] <= b[i + 1]) : !(b[i] >= b[i + 1])) return 0;
    return dir;
}

nd *nd_digitize(const nd *x, const nd *bins, bool right, err *e)
{
    if (bins->ndim != 1) return err_set(e, ValueError, "object too deep for desired array");
    nd *cast = nd_cast(bins, dtype_plain(DT_float64), 's', e),
       *b = cast ? nd_contiguous(cast, e) : NULL;
    datum_unref(cast);
    if (!b) return NULL;
    int dir = direction((const double *)b->at, nd_shape(b)[0]);
    nd *out = NULL;
    if (!dir)
        err_set(e, ValueError, "bins must be monotonically increasing or decreasing");
    else if (dir > 0)
        out = nd_searchsorted(bins, x, !right, NULL, e);
    else {
        nd *turned = nd_flip(bins, 1);
        out = nd_searchsorted(turned, x, right, NULL, e);
        int64_t n = nd_shape(bins)[0], count = out ? nd_count(out) : 0;
        for (int64_t i = 0; i < count; i++) ((int64_t *)out->at)[i] = n - ((int64_t *)out->at)[i];
        datum_unref(turned);
    }
    datum_unref(b);
    return out;
}

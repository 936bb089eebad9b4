/* engine/kernels/search.c - finding values in sorted rows, sets, and counting into bins. */
#include <math.h>
#include <string.h>

#include "engine/base/mem.h"
#include "engine/kernels/index.h"
#include "engine/kernels/keys.h"
#include "engine/kernels/ops.h"
#include "engine/kernels/sort.h"
#include "engine/kernels/ufunc.h"

/* --- searchsorted
 * ----------------------------------------------------------------------------------- */

/* less(i, v): element i of the row before v; found: first position not before (or not up to) v */
#define BISECT(before)                                                                             \
    int64_t low = 0, high = n;                                                                     \
    while (low < high) {                                                                           \
        int64_t mid = low + (high - low) / 2;                                                      \
        if (before)                                                                                \
            low = mid + 1;                                                                         \
        else                                                                                       \
            high = mid;                                                                            \
    }                                                                                              \
    return low;

static inline uint64_t key_at(dtype_of t, const char *at)
{
    uint64_t key;
    keys_make(t, 1, at, 0, false, &key);
    return key;
}

static int64_t bisect_keys(dtype_of t, const char *at, ptrdiff_t step, int64_t n,
                           const int64_t *order, const char *value, bool right)
{
    uint64_t v = key_at(t, value);
#define KEY(i) key_at(t, at + (order ? order[i] : (i)) * step)
    if (right) {
        BISECT(KEY(mid) <= v)
    }
    BISECT(KEY(mid) < v)
#undef KEY
}

static int64_t bisect_doubles(const char *at, ptrdiff_t step, int64_t n, double v, bool right)
{
    if (v != v) v = INFINITY, right = true; /* NaN sorts last; among NaN see below */
#define AT(i) (*(const double *)(at + (i)*step))
    if (right) {
        BISECT(AT(mid) <= v)
    }
    BISECT(AT(mid) < v)
#undef AT
}

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

static bool search_all(const nd *row, const nd *values, bool right, const int64_t *order, nd *out,
                       err *e)
{
    dtype_of t = nd_type(row);
    int64_t n = nd_shape(row)[0], count = nd_count(values), step = nd_strides(row)[0];
    int64_t *to = (int64_t *)out->at;
    char *pair = try_alloc(2 * (size_t)t.size, e);
    if (!pair) return false;
    bool has_nan =
        t.dt == DT_float64 && n && order == NULL &&
        *(const double *)(row->at + (n - 1) * step) != *(const double *)(row->at + (n - 1) * step);
    for (int64_t i = 0; i < count; i++) {
        const char *v = values->at + i * t.size;
        if (t.dt == DT_float64 && !has_nan && !order)
            to[i] = bisect_doubles(row->at, step, n, *(const double *)v, right);
        else if (has_keys(t.dt))
            to[i] = bisect_keys(t, row->at, step, n, order, v, right);
        else
            to[i] = bisect_slow(t, row->at, step, n, order, v, right, pair);
    }
    mem_free(pair);
    return true;
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

/* --- unique
 * ------------------------------------------------------------------------------------------ */

void unique_clear(unique_parts *u)
{
    datum_unref(u->values);
    datum_unref(u->index);
    datum_unref(u->inverse);
    datum_unref(u->counts);
    *u = (unique_parts){0};
}

static bool is_nan_at(const nd *x, int64_t i)
{
    const char *at = x->at + i * x->size;
    if (x->dtype == DT_float64) return *(const double *)at != *(const double *)at;
    if (x->dtype == DT_float32) return *(const float *)at != *(const float *)at;
    if (x->dtype == DT_float16) return (*(const uint16_t *)at & 0x7fff) > 0x7c00;
    return false;
}

/* first[k]: where group k of equal elements begins in order[]; answers their number */
static int64_t find_groups(const nd *flat, const int64_t *order, int64_t n, unsigned want,
                           int64_t *first)
{
    uint64_t *key = has_keys(flat->dtype) ? mem_alloc((size_t)n * sizeof *key) : NULL;
    if (key) keys_make(nd_type(flat), n, flat->at, flat->size, false, key);
    lane v = {.t = nd_type(flat), .at = flat->at, .step = flat->size, .key = key};
    int64_t groups = 0;
    for (int64_t i = 0; i < n; i++) {
        bool fresh = i == 0 || lane_less(&v, order[i - 1], order[i]) ||
                     lane_less(&v, order[i], order[i - 1]);
        if (!fresh && (want & UNIQUE_NAN_APART)) fresh = is_nan_at(flat, order[i]);
        if (fresh) first[groups++] = i;
    }
    mem_free(key);
    return groups;
}

static nd *ints(int64_t n, err *e)
{
    return nd_new(dtype_plain(DT_int64), 1, &n, e);
}

static bool fill_unique(const nd *flat, const int64_t *order, int64_t n, const int64_t *first,
                        int64_t groups, unsigned want, unique_parts *u, err *e)
{
    nd *where = ints(groups, e);
    if (!where) return false;
    for (int64_t k = 0; k < groups; k++) ((int64_t *)where->at)[k] = order[first[k]];
    u->values = nd_take(flat, where, 0, 'r', e);
    if (want & UNIQUE_INDEX) u->index = nd_ref(where);
    if (want & UNIQUE_INVERSE) u->inverse = ints(n, e);
    if (want & UNIQUE_COUNTS) u->counts = ints(groups, e);
    datum_unref(where);
    bool ok = u->values && (u->inverse || !(want & UNIQUE_INVERSE)) &&
              (u->counts || !(want & UNIQUE_COUNTS));
    for (int64_t k = 0; ok && k < groups; k++) {
        int64_t end = k + 1 < groups ? first[k + 1] : n;
        if (u->counts) ((int64_t *)u->counts->at)[k] = end - first[k];
        for (int64_t i = first[k]; u->inverse && i < end; i++)
            ((int64_t *)u->inverse->at)[order[i]] = k;
    }
    return ok;
}

bool nd_unique(const nd *x, unsigned want, unique_parts *out, err *e)
{
    int64_t n = nd_count(x);
    *out = (unique_parts){0};
    nd *flat = nd_ravel(x, 'C', e), *own = flat ? nd_contiguous(flat, e) : NULL;
    nd *order = own ? nd_argsort(own, 0, true, e) : NULL, *first = order ? ints(n, e) : NULL;
    bool ok = first != NULL;
    if (ok) {
        const int64_t *o = (const int64_t *)order->at;
        int64_t groups = find_groups(own, o, n, want, (int64_t *)first->at);
        ok = fill_unique(own, o, n, (const int64_t *)first->at, groups, want, out, e);
    }
    if (!ok) unique_clear(out);
    datum_unref(flat);
    datum_unref(own);
    datum_unref(order);
    datum_unref(first);
    return ok;
}

/* --- counting into bins
 * -------------------------------------------------------------------------------- */

static nd *flat_of(const nd *x, dtype_of t, char casting, err *e)
{
    nd *cast = nd_cast(x, t, casting, e), *flat = cast ? nd_contiguous(cast, e) : NULL;
    datum_unref(cast);
    return flat;
}

nd *nd_bincount(const nd *x, const nd *weights, int64_t minlength, err *e)
{
    int64_t n = nd_count(x), most = -1;
    if (x->ndim != 1)
        return err_set(e, ValueError,
                       x->ndim ? "object too deep for desired array"
                               : "object of too small depth for desired array");
    if (minlength < 0) return err_set(e, ValueError, "'minlength' must not be negative");
    nd *flat = flat_of(x, dtype_plain(DT_int64), n ? 's' : 'u', e);
    if (!flat) return NULL;
    const int64_t *v = (const int64_t *)flat->at;
    bool ok = true;
    for (int64_t i = 0; ok && i < n; i++) {
        if (v[i] > most) most = v[i];
        if (v[i] < 0) ok = err_set(e, ValueError, "'list' argument must have no negative elements");
    }
    if (ok && weights && nd_count(weights) != n)
        ok = err_set(e, ValueError, "The weights and list don't have the same length.");
    int64_t bins = most + 1 > minlength ? most + 1 : minlength;
    nd *w = ok && weights ? flat_of(weights, dtype_plain(DT_float64), 's', e) : NULL;
    ok = ok && (!weights || w);
    nd *out = ok ? nd_zero(dtype_plain(weights ? DT_float64 : DT_int64), 1, &bins, e) : NULL;
    if (out && w)
        for (int64_t i = 0; i < n; i++) ((double *)out->at)[v[i]] += ((const double *)w->at)[i];
    else if (out)
        for (int64_t i = 0; i < n; i++) ((int64_t *)out->at)[v[i]]++;
    datum_unref(flat);
    datum_unref(w);
    return out;
}

/* the bin of v, or -1; nudged where rounding put it past an edge, as NumPy does */
static int64_t uniform_bin(double v, const double *edge, int64_t bins, double norm)
{
    double lo = edge[0], hi = edge[bins];
    if (!(v >= lo && v <= hi)) return -1;
    int64_t k = (int64_t)((v - lo) * norm);
    if (k == bins) k--;
    if (v < edge[k])
        k--;
    else if (k != bins - 1 && v >= edge[k + 1])
        k++;
    return k;
}

static int64_t edge_bin(double v, const double *edge, int64_t bins)
{
    if (!(v >= edge[0] && v <= edge[bins])) return -1;
    int64_t k = bisect_doubles((const char *)edge, 8, bins + 1, v, true) - 1;
    return k == bins ? bins - 1 : k;
}

nd *nd_histogram(const nd *x, const nd *weights, const nd *edges, bool uniform, err *e)
{
    int64_t bins = nd_count(edges) - 1, n = nd_count(x);
    dtype_of f8 = dtype_plain(DT_float64);
    nd *v = flat_of(x, f8, 'u', e), *b = v ? flat_of(edges, f8, 'u', e) : NULL;
    nd *w = b && weights ? flat_of(weights, f8, 'u', e) : NULL;
    bool ok = b && (!weights || w);
    nd *out = ok ? nd_zero(weights ? f8 : dtype_plain(DT_int64), 1, &bins, e) : NULL;
    if (out && bins > 0) {
        const double *edge = (const double *)b->at, *at = (const double *)v->at;
        double norm = (double)bins / (edge[bins] - edge[0]);
        for (int64_t i = 0; i < n; i++) {
            int64_t k =
                uniform ? uniform_bin(at[i], edge, bins, norm) : edge_bin(at[i], edge, bins);
            if (k < 0) continue;
            if (w)
                ((double *)out->at)[k] += ((const double *)w->at)[i];
            else
                ((int64_t *)out->at)[k]++;
        }
    }
    datum_unref(v);
    datum_unref(b);
    datum_unref(w);
    return out;
}

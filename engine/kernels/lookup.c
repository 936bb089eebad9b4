/* engine/kernels/lookup.c - a value for every element from tables: choose (element i of the array
 * that a number names) and interp (between the points of a line). */
#include <math.h>
#include <string.h>

#include "engine/base/stop.h"
#include "engine/kernels/ops.h"

enum {
    MOST = 32,       /* arrays to choose from */
    OFTEN = 1 << 16, /* elements between two questions whether anybody still waits */
};

#define CHOOSE(T)                                                                                  \
    case sizeof(T):                                                                                \
        for (int64_t i = 0; i < count; i++)                                                        \
            ((T *)(void *)to)[i] = ((const T *)(const void *)from[at[i]])[i];                      \
        return;
static void choose_run(int64_t count, const int64_t *at, const char *const *from, size_t size,
                       char *to)
{
    switch (size) {
        CHOOSE(uint8_t)
        CHOOSE(uint16_t)
        CHOOSE(uint32_t)
        CHOOSE(uint64_t)
    default:
        for (int64_t i = 0; i < count; i++)
            memcpy(to + i * (int64_t)size, from[at[i]] + i * (int64_t)size, size);
    }
}

/* int64 numbers in [0, n), contiguous; counted */
static nd *numbers_of(const nd *which, int n, char mode, err *e)
{
    nd *ints = nd_cast(which, dtype_plain(DT_int64), 's', e),
       *at = ints ? nd_contiguous(ints, e) : NULL;
    bool inside = true;
    datum_unref(ints);
    int64_t count = at ? nd_count(at) : 0, *i = at ? (int64_t *)(void *)at->at : NULL;
    for (int64_t k = 0; k < count; k++) inside &= (uint64_t)i[k] < (uint64_t)n;
    if (!at || inside) return at;
    if (mode == 'r') {
        err_set(e, ValueError, "invalid entry in choice array");
        return datum_unref(at);
    }
    nd *own = nd_copy(at, e);
    datum_unref(at);
    i = own ? (int64_t *)(void *)own->at : NULL;
    for (int64_t k = 0; own && k < count; k++) {
        if (mode == 'c')
            i[k] = i[k] < 0 ? 0 : i[k] >= n ? n - 1 : i[k];
        else
            i[k] = (i[k] % n + n) % n;
    }
    return own;
}

static nd *spread_to(const nd *x, int ndim, const int64_t *shape, err *e)
{
    nd *wide = nd_broadcast(x, ndim, shape, e), *flat = wide ? nd_contiguous(wide, e) : NULL;
    datum_unref(wide);
    return flat;
}

/* shape_broadcast, but a mismatch names the first two arrays that do not fit */
static bool broadcast_args(int n, const nd *const *x, int *ndim, int64_t *shape, err *e)
{
    err own = {0};
    if (shape_broadcast(n, x, ndim, shape, &own)) return true;
    err_clear(&own);
    int64_t extent[ND_MAXDIM]; /* from the last axis */
    int first[ND_MAXDIM] = {0};
    for (int i = 0; i < ND_MAXDIM; i++) extent[i] = 1;
    for (int k = 0; k < n; k++)
        for (int i = 0; i < x[k]->ndim; i++) {
            int64_t m = nd_shape(x[k])[x[k]->ndim - 1 - i];
            if (m != 1 && extent[i] != 1 && m != extent[i]) {
                char a[400], b[400];
                shape_text(x[first[i]]->ndim, nd_shape(x[first[i]]), a, sizeof a);
                shape_text(x[k]->ndim, nd_shape(x[k]), b, sizeof b);
                return err_set(e, ValueError,
                               "shape mismatch: objects cannot be broadcast to a single shape.  "
                               "Mismatch is between arg %d with shape %s and arg %d with shape %s.",
                               first[i], a, k, b);
            }
            if (m != 1 && extent[i] == 1) extent[i] = m, first[i] = k;
        }
    return false;
}

/* Cells that were copied as bytes become counted ones of y. */
static void own_cells(nd *y, int n, nd *const *from)
{
    const cell_ops *ops = NULL;
    for (int k = 0; !ops && k < n; k++) ops = buf_cells(from[k]->b);
    if (!ops) return; /* they are all empty */
    buf_hold(y->b, ops);
    static const objcell empty;
    objcell *cell = (objcell *)(void *)y->at;
    for (int64_t i = 0, m = nd_count(y); i < m; i++)
        if (memcmp(&cell[i], &empty, sizeof empty)) cell[i] = ops->copy(cell[i]);
}

nd *nd_choose(const nd *which, int n, const nd *const *choice, char mode, err *e)
{
    const nd *all[MOST + 1]; /* the order in which messages count them */
    const char *from[MOST];
    nd *own[MOST + 1] = {NULL};
    int ndim;
    int64_t shape[ND_MAXDIM];
    if (n < 1 || n > MOST)
        return err_set(e, ValueError, "Need at least 0 and at most %d array objects.", MOST);
    for (int k = 0; k < n; k++) all[k] = choice[k];
    all[n] = which;
    TRY(broadcast_args(n + 1, all, &ndim, shape, e));
    nd *at = numbers_of(which, n, mode, e), *y = NULL;
    bool ok = at && (own[n] = spread_to(at, ndim, shape, e));
    for (int k = 0; ok && k < n; k++) {
        ok = (own[k] = spread_to(choice[k], ndim, shape, e)) != NULL;
        from[k] = ok ? own[k]->at : NULL;
    }
    if (ok) y = nd_new(nd_type(choice[0]), ndim, shape, e);
    if (y) choose_run(nd_count(y), (const int64_t *)(const void *)own[n]->at, from, y->size, y->at);
    if (y && y->dtype == DT_object) own_cells(y, n, own);
    for (int k = 0; k <= n; k++) datum_unref(own[k]);
    datum_unref(at);
    return y;
}

/* --- interp ------------------------------------------------------------------------------------
 */

/* The last point that is not above x, which lies within the points; `near` is a guess. */
static int64_t point_below(const double *xp, int64_t n, double x, int64_t near)
{
    int64_t low = 0, high = n;
    if (xp[near] <= x) {
        if (near + 1 >= n || x < xp[near + 1]) return near;
        low = near + 1;
    } else {
        high = near;
    }
    while (low < high) {
        int64_t mid = low + (high - low) / 2;
        if (x >= xp[mid])
            low = mid + 1;
        else
            high = mid;
    }
    return low - 1;
}

/* Between points j and j + 1, as NumPy: from the left one, from the right one where that is NaN. */
static double between(double slope, double x, const double *xp, double below, double above)
{
    double r = slope * (x - xp[0]) + below;
    if (r == r) return r;
    r = slope * (x - xp[1]) + above;
    return r != r && below == above ? below : r;
}

static bool interp_real(int64_t n, const double *x, int64_t np, const double *xp, const double *fp,
                        int64_t step, double left, double right, bool inverse, double *out, err *e)
{
    for (int64_t i = 0, j = 0; i < n; i++) {
        double r, v = x[i];
        if (i % OFTEN == OFTEN - 1) TRY(stop_check(e));
        if (np == 1)
            r = v < xp[0] ? left : v > xp[0] ? right : fp[0];
        else if (v != v)
            r = v;
        else if (v > xp[np - 1])
            r = right;
        else if (v < xp[0])
            r = left;
        else {
            j = point_below(xp, np, v, j < 0 ? 0 : j);
            if (j < 0)
                r = left;
            else if (j == np - 1 || xp[j] == v)
                r = fp[j * step];
            else {
                double below = fp[j * step], above = fp[(j + 1) * step], gap = xp[j + 1] - xp[j];
                double slope = inverse ? (above - below) * (1.0 / gap) : (above - below) / gap;
                r = between(slope, v, xp + j, below, above);
            }
        }
        out[i * step] = r;
    }
    return true;
}

nd *nd_interp(const nd *x, const nd *xp, const nd *fp, const double *left, const double *right,
              err *e)
{
    bool both = fp->dtype == DT_complex128;
    nd *own[3] = {nd_contiguous(x, e), nd_contiguous(xp, e), nd_contiguous(fp, e)};
    nd *y = own[0] && own[1] && own[2] ? nd_new(nd_type(fp), x->ndim, nd_shape(x), e) : NULL;
    const double *f = y ? (const double *)(const void *)own[2]->at : NULL;
    bool ok = y != NULL;
    for (int part = 0; ok && part <= both; part++) /* the imaginary part after the real one */
        ok = interp_real(nd_count(x), (const double *)(const void *)own[0]->at, nd_shape(xp)[0],
                         (const double *)(const void *)own[1]->at, f + part, both ? 2 : 1,
                         left[part], right[part], both, (double *)(void *)y->at + part, e);
    for (int k = 0; k < 3; k++) datum_unref(own[k]);
    return ok ? y : datum_unref(y);
}

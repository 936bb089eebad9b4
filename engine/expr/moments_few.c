/* engine/expr/moments_few.c - means and variances of very small blocks, and of single numbers.
 *
 * What reduceops.c does with arrays, here done with numbers: the same operations in the same order,
 * so the bits are the same, in a tenth of the time.  A graph of a million blocks of some elements
 * is made of such tasks.  Whatever is unusual - NaN, infinities, empty blocks, which may have to
 * warn - is left to reduceops.c. */
#include "engine/expr/moments_few.h"

#include <math.h>

#include "engine/kernels/fold.h"

enum { FEW = 64 }; /* elements, or packs; pairwise sums of so many are one run */

static bool is_wanted(const red_fn *r)
{
    return !r->nan && !r->turn && r->want.dt == DT_float64;
}

static bool is_reduced_whole(const red_fn *r, int ndim)
{
    return ndim > 0 && (r->axes & ((1u << ndim) - 1)) == (1u << ndim) - 1;
}

static nd *one(enum dtype dt, int ndim, double x, err *e)
{
    int64_t shape[ND_MAXDIM];
    for (int k = 0; k < ndim; k++) shape[k] = 1;
    nd *y = nd_new(dtype_plain(dt), ndim, shape, e);
    if (y && dt == DT_int64) *(int64_t *)(void *)y->at = (int64_t)x;
    if (y && dt == DT_float64) *(double *)(void *)y->at = x;
    return y;
}

static datum *moments_pack(int ndim, enum dtype counts, double total, double n, double m, err *e)
{
    nd *part[3] = {one(DT_float64, ndim, total, e), one(counts, ndim, n, e),
                   one(DT_float64, ndim + 1, m, e)};
    return red_pack(3, part);
}

static datum *mean_pack(int ndim, double n, double total, err *e)
{
    nd *part[2] = {one(DT_float64, ndim, n, e), one(DT_float64, ndim, total, e)};
    return red_pack(2, part);
}

/* the elements of a block that is reduced to one; how many, or 0 */
static size_t items_of(const red_fn *r, const nd *x, double *item)
{
    const int64_t n = nd_count(x);
    if (!is_wanted(r) || n < 1 || n > FEW || x->ndim >= GRID_MAXDIM || !(x->flags & ND_C) ||
        !is_reduced_whole(r, x->ndim) || (x->dtype != DT_float64 && x->dtype != DT_int64))
        return 0;
    for (int64_t i = 0; i < n; i++)
        item[i] = x->dtype == DT_int64 ? (double)((const int64_t *)(const void *)x->at)[i]
                                       : ((const double *)(const void *)x->at)[i];
    return (size_t)n;
}

datum *few_mean(const red_fn *r, const nd *x, err *e)
{
    double item[FEW];
    const size_t n = items_of(r, x, item);
    const double total = n ? fold_sum_f64(item, n) : 0;
    return n && isfinite(total) ? mean_pack(x->ndim, (double)n, total, e) : NULL;
}

datum *few_moments(const red_fn *r, const nd *x, err *e)
{
    double item[FEW];
    const size_t n = r->order == 2 ? items_of(r, x, item) : 0;
    if (!n) return NULL;
    const double total = fold_sum_f64(item, n), m = fold_squares_f64(item, n, total / (double)n);
    return isfinite(total) && isfinite(m) ? moments_pack(x->ndim, DT_int64, total, (double)n, m, e)
                                          : NULL;
}

/* the tasks in a list, one after the other as they lie when they are joined; false: too many */
static bool listed(const lit *x, uint32_t *task, int *n)
{
    if (x->kind == LIT_IN) {
        if (*n == FEW) return false;
        task[(*n)++] = x->i;
        return true;
    }
    if (x->kind != LIT_LIST) return false;
    for (uint32_t i = 0; i < x->n; i++)
        if (!listed(&x->item[i], task, n)) return false;
    return true;
}

static bool number_of(const nd *x, int ndim, double *out)
{
    if (!x || x->ndim != ndim || nd_count(x) != 1) return false;
    if (x->dtype == DT_int64)
        *out = (double)*(const int64_t *)(const void *)x->at;
    else if (x->dtype == DT_float64)
        *out = *(const double *)(const void *)x->at;
    else
        return false;
    return isfinite(*out);
}

/* what packs hold: so many items, each one number; the last may have an axis more (M) */
typedef struct numbers {
    int n, ndim;
    double item[3][FEW];
} numbers;

static bool numbers_of(const red_fn *r, const call *c, uint32_t nitem, numbers *x)
{
    uint32_t task[FEW];
    x->n = x->ndim = 0;
    if (!is_wanted(r) || !listed(&c->arg[0], task, &x->n)) return false;
    for (int i = 0; i < x->n; i++) {
        const pack *p = as_pack(c->in[task[i]]);
        const nd *first = p && p->n == nitem ? as_nd(p->item[0]) : NULL;
        if (first && i == 0) x->ndim = first->ndim;
        if (!first || !is_reduced_whole(r, x->ndim)) return false;
        for (uint32_t k = 0; k < nitem; k++)
            if (!number_of(as_nd(p->item[k]), x->ndim + (k == 2), &x->item[k][i])) return false;
    }
    return x->n > 0;
}

datum *few_means_together(const red_fn *r, const call *c, err *e)
{
    numbers x;
    if (!r->keepdims || !numbers_of(r, c, 2, &x)) return NULL;
    const double n = fold_sum_f64(x.item[0], (size_t)x.n),
                 total = fold_sum_f64(x.item[1], (size_t)x.n);
    return isfinite(total) ? mean_pack(x.ndim, n, total, e) : NULL;
}

datum *few_moments_together(const red_fn *r, const call *c, err *e)
{
    numbers x;
    double apart[FEW];
    if (r->order != 2 || !numbers_of(r, c, 3, &x)) return NULL;
    const size_t n = (size_t)x.n;
    const double *total = x.item[0], *count = x.item[1];
    const double all = fold_sum_f64(total, n), counts = fold_sum_f64(count, n), mu = all / counts;
    for (size_t i = 0; i < n; i++) {
        if (!(count[i] > 0)) return NULL;
        const double inner = total[i] / count[i] - mu, square = inner * inner;
        apart[i] = count[i] * square;
    }
    const double sum = fold_sum_f64(x.item[2], n) + fold_sum_f64(apart, n);
    return isfinite(all) && isfinite(sum) ? moments_pack(x.ndim, DT_float64, all, counts, sum, e)
                                          : NULL;
}

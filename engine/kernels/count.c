/* engine/kernels/count.c - counting into bins: bincount, histogram.
 *
 * Counters lie in four tables that take turns, so that a run of equal values does not wait for
 * its own last addition; large blocks are counted in pieces by whoever is free.
 *
 * Bins of about equal width are found by one multiplication.  Its error is bounded beforehand: a
 * value whose quotient is that near to a whole number, as every value outside the bins, is placed
 * by comparing it with the edges, the others need no look at them.  Other bins are found by
 * bisection, a block of values at a time. */
#include <float.h>
#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#include "engine/base/mem.h"
#include "engine/base/par.h"
#include "engine/base/simd.h"
#include "engine/kernels/bisect.h"
#include "engine/kernels/ops.h"
#include "engine/kernels/sort.h"

enum { STAGE = 512, TABLES = 4, PIECE = 1 << 18, MAX_PRIVATE = 1 << 16 };

static nd *flat_of(const nd *x, dtype_of t, char casting, err *e)
{
    nd *cast = nd_cast(x, t, casting, e), *flat = cast ? nd_contiguous(cast, e) : NULL;
    datum_unref(cast);
    return flat;
}

/* --- counting numbers of bins ------------------------------------------------------------------
 */

typedef struct tally {
    int64_t bins, n, npiece;
    int64_t *count; /* the result */
    bool (*piece)(struct tally *t, int64_t first, int64_t n, int64_t *table);
    const void *from;
    _Atomic bool failed;
    /* histogram */
    const double *edge;
    double scale, slack;
    bool uniform;
    pthread_mutex_t lock; /* of count, while pieces are added */
} tally;

static inline void count_block(const int32_t *bin, int64_t n, int64_t bins, int64_t *table)
{
    int64_t *t0 = table, *t1 = t0 + bins, *t2 = t1 + bins, *t3 = t2 + bins, i = 0;
    for (; i + 4 <= n; i += 4) {
        t0[bin[i]]++;
        t1[bin[i + 1]]++;
        t2[bin[i + 2]]++;
        t3[bin[i + 3]]++;
    }
    for (; i < n; i++) t0[bin[i]]++;
}

static void tally_piece(void *arg, int64_t k)
{
    tally *t = arg;
    err e = {0};
    int64_t bins = t->bins + 1, first = k * t->n / t->npiece; /* one more for what is outside */
    int64_t *table = try_zero((size_t)(TABLES * bins) * sizeof *table, &e);
    bool ok = table && t->piece(t, first, (k + 1) * t->n / t->npiece - first, table);
    if (ok) {
        pthread_mutex_lock(&t->lock);
        for (int64_t i = 0; i < t->bins; i++)
            for (int j = 0; j < TABLES; j++) t->count[i] += table[j * bins + i];
        pthread_mutex_unlock(&t->lock);
    }
    mem_free(table);
    err_clear(&e);
    if (!ok) atomic_store(&t->failed, true);
}

static bool tally_run(tally *t, err *e)
{
    int64_t most = 4 * par_width();
    t->npiece = t->n / PIECE < most ? t->n / PIECE : most;
    if (t->npiece < 1 || t->bins > MAX_PRIVATE) t->npiece = 1;
    pthread_mutex_init(&t->lock, NULL);
    par_for(t->npiece, tally_piece, t);
    pthread_mutex_destroy(&t->lock);
    return !t->failed ||
           err_set(e, MemoryError, "no room to count into %lld bins", (long long)t->bins);
}

/* --- bincount -----------------------------------------------------------------------------------
 */

SIMD_KERNEL(static, limits, (const int64_t *v, int64_t n, int64_t *least, int64_t *most),
            (v, n, least, most))
{
    int64_t lo = INT64_MAX, hi = INT64_MIN;
    for (int64_t i = 0; i < n; i++) {
        lo = v[i] < lo ? v[i] : lo;
        hi = v[i] > hi ? v[i] : hi;
    }
    *least = lo;
    *most = hi;
}

static bool bincount_piece(tally *t, int64_t first, int64_t n, int64_t *table)
{
    const int64_t *v = (const int64_t *)t->from + first;
    int32_t bin[STAGE];
    for (int64_t i = 0; i < n; i += STAGE) {
        int64_t k = n - i < STAGE ? n - i : STAGE;
        for (int64_t j = 0; j < k; j++) bin[j] = (int32_t)v[i + j];
        count_block(bin, k, t->bins + 1, table);
    }
    return true;
}

static bool bincount(const int64_t *v, int64_t n, int64_t bins, int64_t *count, err *e)
{
    tally t = {.bins = bins, .n = n, .count = count, .piece = bincount_piece, .from = v};
    if (bins < n && bins < INT32_MAX) return tally_run(&t, e);
    for (int64_t i = 0; i < n; i++) count[v[i]]++;
    return true;
}

nd *nd_bincount(const nd *x, const nd *weights, int64_t minlength, err *e)
{
    int64_t n = nd_count(x), least = 0, most = -1;
    if (x->ndim != 1)
        return err_set(e, ValueError,
                       x->ndim ? "object too deep for desired array"
                               : "object of too small depth for desired array");
    if (minlength < 0) return err_set(e, ValueError, "'minlength' must not be negative");
    nd *flat = flat_of(x, dtype_plain(DT_int64), n ? 's' : 'u', e);
    if (!flat) return NULL;
    const int64_t *v = (const int64_t *)flat->at;
    if (n) limits(v, n, &least, &most);
    bool ok = least >= 0;
    if (!ok) err_set(e, ValueError, "'list' argument must have no negative elements");
    if (ok && weights && nd_count(weights) != n)
        ok = err_set(e, ValueError, "The weights and list don't have the same length.");
    int64_t bins = most + 1 > minlength ? most + 1 : minlength;
    nd *w = ok && weights ? flat_of(weights, dtype_plain(DT_float64), 's', e) : NULL;
    ok = ok && (!weights || w);
    nd *out = ok ? nd_zero(dtype_plain(weights ? DT_float64 : DT_int64), 1, &bins, e) : NULL;
    if (out && w)
        for (int64_t i = 0; i < n; i++) ((double *)out->at)[v[i]] += ((const double *)w->at)[i];
    else if (out && !bincount(v, n, bins, (int64_t *)out->at, e))
        out = datum_unref(out);
    datum_unref(flat);
    datum_unref(w);
    return out;
}

/* --- histogram ----------------------------------------------------------------------------------
 */

BISECT_BLOCK(bisect_edges, double)

/* Is bin k = (v - edge[0]) * scale for all v but those whose quotient is within slack of a whole
 * number? */
static void find_scale(tally *t)
{
    const double *edge = t->edge, lo = edge[0], width = edge[t->bins] - lo;
    t->scale = (double)t->bins / width;
    double worst = 0;
    for (int64_t k = 0; k <= t->bins; k++) {
        double off = fabs((edge[k] - lo) * t->scale - (double)k);
        worst = off > worst ? off : worst;
    }
    t->slack = 1.01 * worst + 8 * DBL_EPSILON * (double)t->bins;
    t->uniform = t->bins < INT32_MAX / 2 && isfinite(t->scale) && t->slack < 0.01;
}

/* *sure: none of them is near the edge of a bin; else they are all to be looked at again */
SIMD_KERNEL(static, uniform_bins,
            (const double *restrict v, int64_t n, int32_t bins, double lo, double hi, double scale,
             double slack, int32_t *restrict bin, bool *sure),
            (v, n, bins, lo, hi, scale, slack, bin, sure))
{
    int32_t unsure = 0;
    const double top = 1 - slack;
    for (int64_t i = 0; i < n; i++) {
        int32_t in = (v[i] >= lo) & (v[i] <= hi);
        double at = in ? (v[i] - lo) * scale : 0.5;
        int32_t k = (int32_t)at;
        double rest = at - (double)k;
        unsure |= (rest < slack) | (rest > top) | (k >= bins);
        bin[i] = in ? k : bins;
    }
    *sure = !unsure;
}

/* by comparing; outside: the bin after the last */
static int32_t compared_bin(const tally *t, double v)
{
    const double *edge = t->edge;
    if (!(v >= edge[0] && v <= edge[t->bins])) return (int32_t)t->bins;
    int64_t k = (int64_t)((v - edge[0]) * t->scale);
    if (k >= t->bins) k = t->bins - 1;
    while (k > 0 && v < edge[k]) k--;
    while (k < t->bins - 1 && v >= edge[k + 1]) k++;
    return (int32_t)k;
}

static void searched_bins(const tally *t, const double *v, int64_t n, int32_t *bin)
{
    int64_t at[STAGE];
    bisect_edges(t->edge, t->bins + 1, v, n, true, at);
    for (int64_t i = 0; i < n; i++) {
        bool last = v[i] == t->edge[t->bins];
        bin[i] = (int32_t)(at[i] == 0 || (at[i] > t->bins && !last) || v[i] != v[i] ? t->bins
                           : last                                                   ? t->bins - 1
                                                                                    : at[i] - 1);
    }
}

/* the bins of n values, at most STAGE; those outside get the number after the last */
static void find_bins(const tally *t, const double *v, int64_t n, int32_t *bin)
{
    double lo = t->edge[0], hi = t->edge[t->bins];
    bool sure = true;
    if (t->uniform)
        uniform_bins(v, n, (int32_t)t->bins, lo, hi, t->scale, t->slack, bin, &sure);
    else
        searched_bins(t, v, n, bin);
    for (int64_t j = 0; !sure && j < n; j++) bin[j] = compared_bin(t, v[j]);
}

static bool histogram_piece(tally *t, int64_t first, int64_t n, int64_t *table)
{
    const double *v = (const double *)t->from + first;
    int32_t bin[STAGE];
    for (int64_t i = 0; i < n; i += STAGE) {
        int64_t k = n - i < STAGE ? n - i : STAGE;
        find_bins(t, v + i, k, bin);
        count_block(bin, k, t->bins + 1, table);
    }
    return true;
}

static bool weigh(tally *t, const double *w, double *sum)
{
    int32_t bin[STAGE];
    const double *v = t->from;
    for (int64_t i = 0; i < t->n; i += STAGE) {
        int64_t k = t->n - i < STAGE ? t->n - i : STAGE;
        find_bins(t, v + i, k, bin);
        for (int64_t j = 0; j < k; j++)
            if (bin[j] < t->bins) sum[bin[j]] += w[i + j];
    }
    return true;
}

nd *nd_histogram(const nd *x, const nd *weights, const nd *edges, err *e)
{
    int64_t bins = nd_count(edges) - 1;
    dtype_of f8 = dtype_plain(DT_float64);
    nd *v = flat_of(x, f8, 'u', e), *b = v ? flat_of(edges, f8, 'u', e) : NULL;
    nd *w = b && weights ? flat_of(weights, f8, 'u', e) : NULL;
    bool ok = b && (!weights || w);
    nd *out = ok ? nd_zero(weights ? f8 : dtype_plain(DT_int64), 1, &bins, e) : NULL;
    if (out && bins > 0) {
        tally t = {.bins = bins, .n = nd_count(x), .piece = histogram_piece, .from = v->at};
        t.edge = (const double *)b->at;
        t.count = (int64_t *)out->at;
        find_scale(&t);
        ok = w ? weigh(&t, (const double *)w->at, (double *)out->at) : tally_run(&t, e);
        if (!ok) out = datum_unref(out);
    }
    datum_unref(v);
    datum_unref(b);
    datum_unref(w);
    return out;
}

/* engine/kernels/count.c - counting into bins: bincount, histogram.
 *
 * Elements are taken a stage at a time, made int64 or float64 where they are not, and counted in a
 * private table; large blocks are counted in pieces by whoever is free.  A cell of a table has four
 * counters that take turns, so that a run of equal values does not wait for its own last addition.
 *
 * Bins of about equal width are found by one multiplication.  What it gives never falls as the
 * value grows, and how far it is off at the edges is measured beforehand: only a value whose
 * quotient is that near to a whole number has to be compared with the edges.  Other bins are found
 * by bisection. */
#include <float.h>
#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#include "engine/base/mem.h"
#include "engine/base/par.h"
#include "engine/base/simd.h"
#include "engine/kernels/bisect.h"
#include "engine/kernels/cast.h"
#include "engine/kernels/ops.h"
#include "engine/kernels/sort.h"

enum {
    STAGE = 512,
    TURNS = 4,
    PIECE = 1 << 18,
    MAX_PIECE = 1 << 30,
    MAX_CELLS = 1 << 16,
    FEW_BINS = 1 << 12
};

/* --- elements, a stage at a time ----------------------------------------------------------------
 */

typedef struct elements {
    nd *flat; /* contiguous */
    int64_t n;
    dtype_of as;
    cast_loop cast; /* NULL: they are of that type */
} elements;

static bool elements_init(elements *x, const nd *from, enum dtype as, char casting, err *e)
{
    dtype_of to = dtype_plain(as);
    bool by_stage = from->dtype <= DT_float64 && dtype_can_cast(nd_type(from), to, 's');
    nd *typed = by_stage ? nd_ref((nd *)(uintptr_t)from) : nd_cast(from, to, casting, e);
    *x = (elements){.n = nd_count(from), .as = to};
    if (typed && typed->dtype != as) x->cast = cast_find(to, nd_type(typed), e);
    x->flat = typed ? nd_contiguous(typed, e) : NULL;
    datum_unref(typed);
    return x->flat != NULL;
}

/* the m <= STAGE elements from i on, as they lie or in `room` */
static const void *elements_at(const elements *x, int64_t i, int64_t m, void *room)
{
    const char *at = x->flat->at + i * (int64_t)x->flat->size;
    if (!x->cast) return at;
    err none = {0}; /* numbers always cast */
    x->cast((size_t)m, room, x->as.size, at, x->flat->size, x->as, nd_type(x->flat), &none);
    return room;
}

#define EACH_STAGE(i, m, first, end)                                                               \
    for (int64_t i = (first), m; m = (end)-i < STAGE ? (end)-i : STAGE, m > 0; i += m)

/* --- tables -------------------------------------------------------------------------------------
 */

typedef struct table {
    uint32_t *at; /* TURNS counters a cell */
    int64_t cells;
} table;

static bool table_reach(table *t, int64_t cells, err *e)
{
    if (cells <= t->cells) return true;
    if (cells < 2 * t->cells) cells = 2 * t->cells;
    uint32_t *at = try_grow(t->at, (size_t)(TURNS * cells) * sizeof *at, e);
    if (!at) return false;
    memset(at + TURNS * t->cells, 0, (size_t)(TURNS * (cells - t->cells)) * sizeof *at);
    *t = (table){at, cells};
    return true;
}

#define COUNT(name, T)                                                                             \
    static void name(const T *cell, int64_t n, uint32_t *at)                                       \
    {                                                                                              \
        int64_t i = 0;                                                                             \
        for (; i + TURNS <= n; i += TURNS)                                                         \
            for (int k = 0; k < TURNS; k++) at[TURNS * (size_t)cell[i + k] + (size_t)k]++;         \
        for (; i < n; i++) at[TURNS * (size_t)cell[i]]++;                                          \
    }
COUNT(count_cells, int32_t)
COUNT(count_values, int64_t)

typedef struct tally tally;
struct tally {
    elements x;
    int64_t npiece;
    /* counts the elements v; false: they do not fit a table (wide), or there is no memory */
    bool (*stage)(tally *t, const void *v, int64_t n, table *counts);
    _Atomic bool wide, failed;
    pthread_mutex_t lock; /* of the counts of all pieces */
    int64_t *count, cells;
    /* histogram */
    const double *edge;
    int64_t bins;
    double scale, slack;
    bool uniform;
};

/* with the lock held */
static bool tally_add(tally *t, const table *counts, err *e)
{
    if (counts->cells > t->cells) {
        int64_t *all = try_grow(t->count, (size_t)counts->cells * sizeof *all, e);
        if (!all) return false;
        memset(all + t->cells, 0, (size_t)(counts->cells - t->cells) * sizeof *all);
        t->count = all;
        t->cells = counts->cells;
    }
    for (int64_t i = 0; i < counts->cells; i++)
        for (int k = 0; k < TURNS; k++) t->count[i] += counts->at[TURNS * i + k];
    return true;
}

static void tally_piece(void *arg, int64_t k)
{
    tally *t = arg;
    err e = {0};
    table counts = {0};
    int64_t first = k * t->x.n / t->npiece, end = (k + 1) * t->x.n / t->npiece;
    uint64_t room[STAGE];
    bool ok = table_reach(&counts, t->bins + 2, &e);
    EACH_STAGE(i, m, first, end)
    if (!ok || !(ok = t->stage(t, elements_at(&t->x, i, m, room), m, &counts))) break;
    if (ok) {
        pthread_mutex_lock(&t->lock);
        ok = tally_add(t, &counts, &e);
        pthread_mutex_unlock(&t->lock);
    }
    mem_free(counts.at);
    err_clear(&e);
    if (!ok) atomic_store(&t->failed, true);
}

/* false: failed, or wide */
static bool tally_run(tally *t, err *e)
{
    int64_t n = t->x.n, most = 4 * par_width();
    t->npiece = n / PIECE < most ? n / PIECE : most;
    if (t->npiece < n / MAX_PIECE + 1) t->npiece = n / MAX_PIECE + 1;
    pthread_mutex_init(&t->lock, NULL);
    par_for(t->npiece, tally_piece, t);
    pthread_mutex_destroy(&t->lock);
    if (!t->failed) return true;
    return !t->wide && err_set(e, MemoryError, "no room to count %lld elements", (long long)n);
}

/* `bins` cells from the first'th on, as a block */
static nd *tally_result(const tally *t, int64_t first, int64_t bins, err *e)
{
    nd *out = nd_zero(dtype_plain(DT_int64), 1, &bins, e);
    int64_t n = t->cells - first < bins ? t->cells - first : bins;
    if (out && n > 0) memcpy(out->at, t->count + first, (size_t)n * sizeof *t->count);
    return out;
}

/* --- bincount -----------------------------------------------------------------------------------
 */

/* the largest, negative numbers above all others */
SIMD_KERNEL(static, find_largest, (const int64_t *v, int64_t n, uint64_t *out), (v, n, out))
{
    uint64_t most = *out;
    for (int64_t i = 0; i < n; i++) most = (uint64_t)v[i] > most ? (uint64_t)v[i] : most;
    *out = most;
}

static bool bincount_stage(tally *t, const void *v, int64_t n, table *counts)
{
    uint64_t most = 0;
    err e = {0};
    find_largest(v, n, &most);
    if (most >= MAX_CELLS || (int64_t)most > t->x.n + STAGE) { /* or mostly empty */
        atomic_store(&t->wide, true);
        return false;
    }
    bool ok = table_reach(counts, (int64_t)most + 1, &e);
    if (ok) count_values(v, n, counts->at);
    err_clear(&e);
    return ok;
}

static bool check_values(const elements *x, int64_t *bins, err *e)
{
    uint64_t room[STAGE], most = 0;
    EACH_STAGE(i, m, 0, x->n) find_largest(elements_at(x, i, m, room), m, &most);
    if (most > INT64_MAX)
        return err_set(e, ValueError, "'list' argument must have no negative elements");
    if (x->n && (int64_t)most >= *bins) *bins = (int64_t)most + 1;
    return true;
}

/* straight into the result, one after the other: numbers and sums of weights for many bins */
static nd *bincount_wide(const elements *x, const elements *w, int64_t bins, err *e)
{
    TRY(check_values(x, &bins, e));
    nd *out = nd_zero(dtype_plain(w ? DT_float64 : DT_int64), 1, &bins, e);
    if (!out) return NULL;
    int64_t *count = (int64_t *)out->at;
    double *sum = (double *)out->at;
    uint64_t room[STAGE], weights[STAGE];
    EACH_STAGE(i, m, 0, x->n)
    {
        const int64_t *v = elements_at(x, i, m, room);
        const double *u = w ? elements_at(w, i, m, weights) : NULL;
        if (u)
            for (int64_t j = 0; j < m; j++) sum[v[j]] += u[j];
        else
            for (int64_t j = 0; j < m; j++) count[v[j]]++;
    }
    return out;
}

/* Sums of weights for a few bins, as many as turn out to be needed.  NULL without an error: there
 * are too many, or a negative value. */
static nd *bincount_weighed(const elements *x, const elements *w, int64_t bins, err *e)
{
    double sum[FEW_BINS] = {0};
    uint64_t room[STAGE], weights[STAGE], most = 0;
    EACH_STAGE(i, m, 0, x->n)
    {
        const int64_t *v = elements_at(x, i, m, room);
        const double *u = elements_at(w, i, m, weights);
        find_largest(v, m, &most);
        if (most >= FEW_BINS) return NULL;
        for (int64_t j = 0; j < m; j++) sum[v[j]] += u[j];
    }
    if (x->n && bins <= (int64_t)most) bins = (int64_t)most + 1;
    nd *out = nd_zero(dtype_plain(DT_float64), 1, &bins, e);
    int64_t n = bins < FEW_BINS ? bins : FEW_BINS;
    if (out) memcpy(out->at, sum, (size_t)n * sizeof *sum);
    return out;
}

static nd *bincount_tally(const elements *x, int64_t bins, err *e)
{
    tally t = {.x = *x, .stage = bincount_stage};
    bool ok = tally_run(&t, e);
    while (ok && t.cells > bins && !t.count[t.cells - 1]) t.cells--;
    nd *out = ok ? tally_result(&t, 0, t.cells > bins ? t.cells : bins, e) : NULL;
    mem_free(t.count);
    return out || !t.wide ? out : bincount_wide(x, NULL, bins, e);
}

nd *nd_bincount(const nd *x, const nd *weights, int64_t minlength, err *e)
{
    int64_t n = nd_count(x), bins = minlength;
    if (x->ndim != 1)
        return err_set(e, ValueError,
                       x->ndim ? "object too deep for desired array"
                               : "object of too small depth for desired array");
    if (minlength < 0) return err_set(e, ValueError, "'minlength' must not be negative");
    if (n == 0) weights = NULL; /* numbers then, too */
    elements v = {0}, w = {0};
    nd *out = NULL;
    bool ok = elements_init(&v, x, DT_int64, n ? 's' : 'u', e);
    if (ok && weights && nd_count(weights) != n)
        ok = check_values(&v, &bins, e) &&
             err_set(e, ValueError, "The weights and list don't have the same length.");
    if (ok && weights) ok = elements_init(&w, weights, DT_float64, 's', e);
    if (ok) out = weights ? bincount_weighed(&v, &w, bins, e) : bincount_tally(&v, bins, e);
    if (ok && !out && weights && !e->kind) out = bincount_wide(&v, &w, bins, e);
    datum_unref(v.flat);
    datum_unref(w.flat);
    return out;
}

/* --- histogram ----------------------------------------------------------------------------------
 *
 * Cells are one more than bins: the first is for what lies below (and NaN), the last for what lies
 * above. */

BISECT_BLOCK(bisect_edges, double)

/* 0 in the middle of the first cell, 1 at the first edge ... */
SIMD_ALWAYS double quotient(double v, double lo, double scale)
{
    return (v - lo) * scale + 1;
}

/* Is the cell the whole part of its quotient, but for values whose quotient is within slack of a
 * whole number? */
static void find_scale(tally *t)
{
    const double *edge = t->edge, lo = edge[0], width = edge[t->bins] - lo;
    t->scale = (double)t->bins / width;
    t->uniform = t->bins < INT32_MAX / 2 && isfinite(t->scale);
    double worst = 0;
    for (int64_t k = 0; k <= t->bins && t->uniform; k++) {
        double off = fabs(quotient(edge[k], lo, t->scale) - (double)(k + 1));
        worst = off > worst ? off : worst;
        t->uniform = off < 0.01; /* nor is an edge NaN */
    }
    t->slack = 1.01 * worst + 8 * DBL_EPSILON * (double)t->bins;
    t->uniform = t->uniform && t->slack < 0.01;
}

/* *sure: none of them is near an edge; else the cells are a guess, off by one at most */
SIMD_KERNEL(static, uniform_cells,
            (const double *restrict v, int64_t n, int32_t bins, double lo, double scale,
             double slack, int32_t *restrict cell, bool *sure),
            (v, n, bins, lo, scale, slack, cell, sure))
{
    int64_t unsure = 0;
    const double least = 0.5, most = (double)bins + 1.5, top = 1 - slack;
    for (int64_t i = 0; i < n; i++) {
        double at = quotient(v[i], lo, scale);
        at = at > least ? at : least; /* NaN too */
        at = at < most ? at : most;
        const int32_t k = (int32_t)at;
        const double rest = at - (double)k;
        unsure |= rest < slack;
        unsure |= rest > top;
        cell[i] = k;
    }
    *sure = !unsure;
}

SIMD_KERNEL(static, compare_edges,
            (const double *restrict v, int64_t n, int32_t bins, const double *restrict edge,
             int32_t *restrict cell),
            (v, n, bins, edge, cell))
{
    const double lo = edge[0], hi = edge[bins];
    for (int64_t i = 0; i < n; i++) {
        int32_t k = cell[i] - 1;
        k = k < 0 ? 0 : k;
        k = k < bins ? k : bins - 1;
        k -= v[i] < edge[k] && k > 0;
        k += v[i] >= edge[k + 1];
        k = k < bins ? k : bins - 1;
        cell[i] = v[i] >= lo && v[i] <= hi ? k + 1 : 0;
    }
}

static void search_edges(const tally *t, const double *v, int64_t n, int32_t *cell)
{
    int64_t at[STAGE];
    bisect_edges(t->edge, t->bins + 1, v, n, true, at);
    const double hi = t->edge[t->bins];
    for (int64_t i = 0; i < n; i++) cell[i] = (int32_t)(at[i] - (at[i] > t->bins && v[i] == hi));
}

/* the cells of n <= STAGE values */
static void find_cells(const tally *t, const double *v, int64_t n, int32_t *cell)
{
    bool sure = true;
    if (!t->uniform) {
        search_edges(t, v, n, cell);
        return;
    }
    uniform_cells(v, n, (int32_t)t->bins, t->edge[0], t->scale, t->slack, cell, &sure);
    if (!sure) compare_edges(v, n, (int32_t)t->bins, t->edge, cell);
}

static bool histogram_stage(tally *t, const void *v, int64_t n, table *counts)
{
    int32_t cell[STAGE];
    find_cells(t, v, n, cell);
    count_cells(cell, n, counts->at);
    return true;
}

/* one after the other, as NumPy adds them; `sum` has a place for every cell */
static void weigh(const tally *t, const elements *w, double *sum)
{
    int32_t cell[STAGE];
    double values[STAGE], weights[STAGE];
    EACH_STAGE(i, m, 0, t->x.n)
    {
        const double *u = elements_at(w, i, m, weights);
        find_cells(t, elements_at(&t->x, i, m, values), m, cell);
        for (int64_t j = 0; j < m; j++) sum[cell[j]] += u[j];
    }
}

static nd *histogram_weighed(const tally *t, const elements *w, err *e)
{
    int64_t cells = t->bins + 2;
    nd *sums = nd_zero(dtype_plain(DT_float64), 1, &cells, e);
    if (!sums) return NULL;
    weigh(t, w, (double *)sums->at);
    nd *inner = nd_slice(sums, 0, 1, t->bins, 1), *out = nd_copy_order(inner, 'C', e);
    datum_unref(inner);
    datum_unref(sums);
    return out;
}

static nd *histogram_counted(tally *t, err *e)
{
    nd *out = tally_run(t, e) ? tally_result(t, 1, t->bins, e) : NULL;
    mem_free(t->count);
    return out;
}

nd *nd_histogram(const nd *x, const nd *weights, const nd *edges, err *e)
{
    dtype_of f8 = dtype_plain(DT_float64);
    elements w = {0};
    tally t = {.bins = nd_count(edges) - 1, .stage = histogram_stage};
    if (t.bins <= 0) return nd_zero(weights ? f8 : dtype_plain(DT_int64), 1, &(int64_t){0}, e);
    nd *typed = nd_cast(edges, f8, 'u', e), *b = typed ? nd_contiguous(typed, e) : NULL;
    datum_unref(typed);
    bool ok = b && elements_init(&t.x, x, DT_float64, 'u', e);
    if (ok && weights) ok = elements_init(&w, weights, DT_float64, 'u', e);
    nd *out = NULL;
    if (ok) {
        t.edge = (const double *)b->at;
        find_scale(&t);
        out = weights ? histogram_weighed(&t, &w, e) : histogram_counted(&t, e);
    }
    datum_unref(t.x.flat);
    datum_unref(w.flat);
    datum_unref(b);
    return out;
}

/* engine/kernels/random_pick.c - shuffling, choosing, and draws of several numbers at once.
 *
 * Shuffles are Fisher and Yates from the end.  A choice with weights looks uniform numbers up in
 * the cumulated weights; one without replacement repeats that with the found weights at zero.
 * Generator without weights uses Floyd's method, or shuffles only the tail of a large pool. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/mem.h"
#include "engine/base/stop.h"
#include "engine/kernels/ops.h"
#include "engine/kernels/random_draw.h"

void random_shuffle(rng *g, int64_t n, void (*swap)(void *ctx, int64_t i, int64_t j), void *ctx)
{
    for (int64_t i = n - 1; i > 0; i--) {
        int64_t j = (int64_t)rng_interval(g, (uint64_t)i);
        if (i != j) swap(ctx, i, j);
    }
}

static void swap_int(int64_t *x, int64_t i, int64_t j)
{
    int64_t t = x[i];
    x[i] = x[j];
    x[j] = t;
}

/* The numbers are drawn some ahead of the swaps, so that memory far away is on its way by then.
 * When nobody waits for the end any more, the rest stays as it is. */
#define SHUFFLE(T)                                                                                 \
    static void shuffle_##T(rng *g, int64_t n, void *cells)                                        \
    {                                                                                              \
        enum { AHEAD = 64, BETWEEN = 4096 };                                                       \
        T *x = cells;                                                                              \
        for (int64_t i = n - 1, turn = 1; i > 0; turn++) {                                         \
            if (turn % BETWEEN == 0 && stop_asked()) return;                                       \
            int64_t count = i < AHEAD ? i : AHEAD;                                                 \
            int64_t to[AHEAD];                                                                     \
            for (int64_t k = 0; k < count; k++) {                                                  \
                to[k] = (int64_t)rng_interval(g, (uint64_t)(i - k));                               \
                __builtin_prefetch(x + to[k], 1);                                                  \
            }                                                                                      \
            for (int64_t k = 0; k < count; k++, i--) {                                             \
                const T t = x[i];                                                                  \
                x[i] = x[to[k]];                                                                   \
                x[to[k]] = t;                                                                      \
            }                                                                                      \
        }                                                                                          \
    }
typedef struct {
    uint64_t low, high;
} pair64;
SHUFFLE(uint8_t)
SHUFFLE(uint16_t)
SHUFFLE(uint32_t)
SHUFFLE(uint64_t)
SHUFFLE(pair64)
#undef SHUFFLE

bool random_shuffle_cells(rng *g, int64_t n, uint32_t size, void *cells)
{
    switch (size) {
    case 1: shuffle_uint8_t(g, n, cells); return true;
    case 2: shuffle_uint16_t(g, n, cells); return true;
    case 4: shuffle_uint32_t(g, n, cells); return true;
    case 8: shuffle_uint64_t(g, n, cells); return true;
    case 16: shuffle_pair64(g, n, cells); return true;
    default: return false;
    }
}

void random_order(rng *g, int64_t n, int64_t *order)
{
    for (int64_t i = 0; i < n; i++) order[i] = i;
    shuffle_uint64_t(g, n, order);
}

nd *random_permutation(rng *g, int64_t n, err *e)
{
    nd *x = nd_arange(dtype_plain(DT_int64), &(int64_t){0}, &(int64_t){1}, n, e);
    if (x) shuffle_uint64_t(g, n, x->at);
    return x && !stop_check(e) ? datum_unref(x) : x;
}

/* ---- choice ---- */

enum { OFTEN = 1 << 15 }; /* numbers between two questions whether to go on */

/* Shuffles x[first .. n) against everything before, with Lemire's numbers. */
static void shuffle_tail(rng *g, int64_t n, int64_t first, int64_t *x)
{
    for (int64_t i = n - 1; i >= first; i--) {
        if (i % OFTEN == 0 && stop_asked()) return;
        swap_int(x, i, (int64_t)draw_below(g, (uint64_t)i));
    }
}

static bool choose_tail(rng *g, int64_t population, int64_t n, int64_t *out, err *e)
{
    int64_t *all = try_alloc((size_t)population * sizeof *all, e);
    if (!all) return false;
    bool ok = true;
    for (int64_t i = 0; i < population && ok; i++) {
        all[i] = i;
        ok = i % OFTEN || stop_check(e);
    }
    if (!ok) return mem_free(all), false;
    shuffle_tail(g, population, population - n > 1 ? population - n : 1, all);
    memcpy(out, all + population - n, (size_t)n * sizeof *out);
    mem_free(all);
    return true;
}

enum { VACANT = -1 };

/* Puts x into an open hash table of mask + 1 places; false when it is there already. */
static bool set_add(int64_t *set, uint64_t mask, int64_t x)
{
    uint64_t at = (uint64_t)x & mask;
    while (set[at] != VACANT && set[at] != x) at = (at + 1) & mask;
    bool fresh = set[at] == VACANT;
    set[at] = x;
    return fresh;
}

/* R. W. Floyd: each j not seen before the last n enters, itself or a number below it. */
static bool choose_floyd(rng *g, int64_t population, int64_t n, bool shuffle, int64_t *out, err *e)
{
    uint64_t want = (uint64_t)(1.2 * (double)n),
             mask = want ? UINT64_MAX >> __builtin_clzll(want) : 0;
    int64_t *set = try_alloc((size_t)(mask + 1) * sizeof *set, e);
    if (!set) return false;
    memset(set, 0xff, (size_t)(mask + 1) * sizeof *set);
    for (int64_t j = population - n; j < population; j++) {
        int64_t x = (int64_t)draw_below(g, (uint64_t)j);
        if (!set_add(set, mask, x)) set_add(set, mask, x = j);
        out[j - population + n] = x;
        if (j % OFTEN == 0 && stop_asked()) break;
    }
    mem_free(set);
    if (shuffle) shuffle_tail(g, n, 1, out);
    return true;
}

static bool choose_distinct(rng *g, bool old, int64_t population, int64_t n, bool shuffle,
                            int64_t *out, err *e)
{
    if (!old && population > 10000 && n > population / (shuffle ? 50 : 20))
        return choose_tail(g, population, n, out, e);
    if (!old) return choose_floyd(g, population, n, shuffle, out, e);
    nd *all = random_permutation(g, population, e);
    if (!all) return false;
    memcpy(out, all->at, (size_t)n * sizeof *out);
    datum_unref(all);
    return true;
}

/* Cumulated weights, scaled to end at 1. */
static void cumulate(const double *p, int64_t n, double *cdf)
{
    double sum = 0;
    for (int64_t i = 0; i < n; i++) cdf[i] = sum += p[i];
    for (int64_t i = 0; i < n; i++) cdf[i] /= sum;
}

/* The first index whose cumulated weight exceeds u. */
static int64_t look_up(const double *cdf, int64_t n, double u)
{
    int64_t low = 0, high = n;
    while (low < high) {
        int64_t mid = low + (high - low) / 2;
        if (u < cdf[mid])
            high = mid;
        else
            low = mid + 1;
    }
    return low;
}

typedef struct weights {
    int64_t n;
    double *p, *cdf; /* owned */
    bool *taken;     /* owned */
} weights;

static bool weights_init(weights *w, const nd *p, err *e)
{
    w->n = p->ext[0];
    size_t n = (size_t)w->n;
    w->p = try_alloc((n + 1) * sizeof(double), e);
    w->cdf = w->p ? try_alloc((n + 1) * sizeof(double), e) : NULL;
    w->taken = w->cdf ? try_zero(n + 1, e) : NULL;
    if (!w->taken) return false;
    for (int64_t i = 0; i < w->n; i++) memcpy(&w->p[i], p->at + i * p->ext[1], sizeof(double));
    return true;
}

static void weights_clear(weights *w)
{
    mem_free(w->p);
    mem_free(w->cdf);
    mem_free(w->taken);
}

static double exact_sum(const double *x, int64_t n) /* Kahan's */
{
    double sum = x[0], lost = 0;
    for (int64_t i = 1; i < n; i++) {
        double y = x[i] - lost, t = sum + y;
        lost = (t - sum) - y;
        sum = t;
    }
    return sum;
}

static bool check_weights(const weights *w, err *e)
{
    double sum = w->n ? exact_sum(w->p, w->n) : 0;
    if (isnan(sum)) return err_set(e, ValueError, "probabilities contain NaN");
    for (int64_t i = 0; i < w->n; i++)
        if (w->p[i] < 0) return err_set(e, ValueError, "probabilities are not non-negative");
    if (fabs(sum - 1.0) > 0x1p-26) return err_set(e, ValueError, "probabilities do not sum to 1");
    return true;
}

static void choose_weighted(rng *g, weights *w, int64_t n, int64_t *out)
{
    cumulate(w->p, w->n, w->cdf);
    for (int64_t i = 0; i < n; i++) {
        if (i % OFTEN == OFTEN - 1 && stop_asked()) return;
        out[i] = look_up(w->cdf, w->n, rng_double(g));
    }
}

static bool choose_weighted_distinct(rng *g, weights *w, int64_t n, int64_t *out, err *e)
{
    int64_t possible = 0;
    for (int64_t i = 0; i < w->n; i++) possible += w->p[i] > 0;
    if (possible < n) return err_set(e, ValueError, "Fewer non-zero entries in p than size");
    for (int64_t found = 0; found < n;) {
        int64_t draws = n - found, fresh = 0;
        for (int64_t i = 0; i < found; i++) w->p[out[i]] = 0;
        cumulate(w->p, w->n, w->cdf);
        for (int64_t i = 0; i < draws; i++) {
            int64_t x = look_up(w->cdf, w->n, rng_double(g));
            if (!w->taken[x]) out[found + fresh++] = x;
            w->taken[x] = true;
        }
        found += fresh;
    }
    return true;
}

static bool check_choice(bool old, int64_t population, const nd *p, int64_t n, err *e)
{
    if (population <= 0 && n)
        return err_set(e, ValueError,
                       old ? "a must be greater than 0 unless no samples are taken"
                           : "a must be a positive integer unless no samples are taken");
    if (p && p->ndim != 1)
        return err_set(e, ValueError,
                       old ? "'p' must be 1-dimensional" : "p must be 1-dimensional");
    if (p && p->ext[0] != population)
        return err_set(e, ValueError,
                       old ? "'a' and 'p' must have same size" : "a and p must have same size");

    return true;
}

static bool choose(rng *g, bool old, int64_t population, weights *w, bool replace, bool shuffle,
                   nd *out, err *e)
{
    int64_t *to = (int64_t *)(void *)out->at, n = nd_count(out);
    if (!replace && n > population)
        return err_set(e, ValueError, "Cannot take a larger sample than population when %s",
                       old ? "'replace=False'" : "replace is False");
    if (w->p && !replace) return choose_weighted_distinct(g, w, n, to, e);
    if (w->p)
        return choose_weighted(g, w, n, to), stop_check(e);
    else if (!replace)
        return choose_distinct(g, old, population, n, shuffle, to, e) && stop_check(e);
    else
        for (int64_t i = 0; i < n; i++) {
            if (i % OFTEN == OFTEN - 1) TRY(stop_check(e));
            uint64_t most = (uint64_t)population - 1;
            to[i] = (int64_t)(old ? rng_interval(g, most) : draw_below(g, most));
        }
    return true;
}

nd *random_choice(rng *g, bool old, int64_t population, const nd *p, bool replace, bool shuffle,
                  int ndim, const int64_t *shape, err *e)
{
    weights w = {0};
    int64_t to[ND_MAXDIM];
    int n = 0;
    TRY(random_shape(0, NULL, 0, ndim < 0 ? 0 : ndim, shape, &n, to, e));
    TRY(check_choice(old, population, p, shape_count(n, to), e));
    nd *q = p ? nd_cast(p, dtype_plain(DT_float64), 'u', e) : NULL;
    bool ok = !p || (q && weights_init(&w, q, e) && check_weights(&w, e));
    nd *out = ok ? nd_new(dtype_plain(DT_int64), n, to, e) : NULL;
    if (out && !choose(g, old, population, &w, replace, shuffle, out, e)) out = datum_unref(out);
    weights_clear(&w);
    datum_unref(q);
    return out;
}

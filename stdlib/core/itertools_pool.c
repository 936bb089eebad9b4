/* stdlib/core/itertools_pool.c - product, permutations, combinations: tuples drawn from a pool.
 *
 * pool holds the items (of product: one tuple per argument); idx the places drawn now; `stop` how
 * many are drawn.  permutations keep a second array behind idx: the cycles of the algorithm
 * that swaps its way through all arrangements in lexicographic order. */
#include "engine/base/mem.h"
#include "stdlib/core/itertools.h"

static bool alloc_idx(interp *in, lazy *z, int64_t n)
{
    z->idx = lang_grow(in, NULL, n + 1, sizeof *z->idx);
    return z->idx;
}

/* pool[idx[0]], pool[idx[1]], ... */
static value draw(interp *in, lazy *z)
{
    tuple *t = tuple_again(in, &z->last, z->stop);
    for (int64_t i = 0; t && i < z->stop; i++) t->at[i] = value_ref(z->pool->at[z->idx[i]]);
    return v_obj(t);
}

static value finished(lazy *z)
{
    z->done = true;
    return FAIL;
}

/* ---- product ---- */

static bool fill_pools(interp *in, lazy *z, tuple *from, int64_t repeat)
{
    int64_t n;
    if (__builtin_mul_overflow(from->n, repeat, &n) || n > INT32_MAX) {
        throw(in, MemoryError, "%s", "");
        return false;
    }
    z->stop = n;
    if (!(z->pool = tuple_new(in, n)) || !alloc_idx(in, z, n)) return false;
    for (int64_t i = 0; i < n; i++) {
        tuple *t =
            i < from->n ? tuple_of(in, from->at[i]) : obj_ref(as_tuple(z->pool->at[i - from->n]));
        if (!t) return false;
        z->pool->at[i] = v_obj(t);
        z->idx[i] = 0;
        if (!t->n) z->done = true;
    }
    return true;
}

static value product_make(interp *in, const type *cls, const value *arg, size_t npos,
                          tuple *kwnames)
{
    value a[2];
    int64_t repeat;
    if (!args_bind(in, "product(*iterables, repeat=1)", arg, npos, kwnames, a, 2)) return FAIL;
    lazy *z = NULL;
    if (to_int64(in, a[1], &repeat)) {
        if (repeat < 0)
            throw(in, ValueError, "repeat argument cannot be negative");
        else if ((z = lazy_new(in, cls)) && !fill_pools(in, z, as_tuple(a[0]), repeat)) {
            obj_unref(in, z);
            z = NULL;
        }
    }
    args_clear(in, a, 2);
    return v_obj(z);
}

static value product_next(interp *in, value self)
{
    lazy *z = as_lazy(self);
    if (z->done) return FAIL;
    if (z->started) {
        int64_t k = z->stop - 1;
        for (; k >= 0; k--) {
            if (++z->idx[k] < as_tuple(z->pool->at[k])->n) break;
            z->idx[k] = 0;
        }
        if (k < 0) return finished(z);
    }
    z->started = true;
    tuple *t = tuple_again(in, &z->last, z->stop);
    for (int64_t i = 0; t && i < z->stop; i++)
        t->at[i] = value_ref(as_tuple(z->pool->at[i])->at[z->idx[i]]);
    return v_obj(t);
}

/* ---- draws of r items from one pool ---- */

static lazy *pool_new(interp *in, const type *cls, value iterable, value r, bool none_is_all)
{
    lazy *z = lazy_new(in, cls);
    if (!z) return NULL;
    bool ok = (z->pool = tuple_of(in, iterable));
    if (ok && none_is_all && is_none(r))
        z->stop = z->pool->n;
    else if (ok)
        ok = to_int64(in, r, &z->stop);
    if (ok && z->stop < 0) {
        throw(in, ValueError, "r must be non-negative");
        ok = false;
    }
    if (ok) return z;
    obj_unref(in, z);
    return NULL;
}

static value combinations_make(interp *in, const type *cls, const value *arg, size_t npos,
                               tuple *kwnames)
{
    value a[2];
    bool repeats = cls == &T_combinations_repeat;
    const char *sig =
        repeats ? "combinations_with_replacement(iterable, r)" : "combinations(iterable, r)";
    if (!args_bind(in, sig, arg, npos, kwnames, a, 2)) return FAIL;
    lazy *z = pool_new(in, cls, a[0], a[1], false);
    args_clear(in, a, 2);
    if (!z) return FAIL;
    if (repeats ? !z->pool->n && z->stop : z->stop > z->pool->n)
        z->done = true;
    else if (alloc_idx(in, z, z->stop))
        for (int64_t i = 0; i < z->stop; i++) z->idx[i] = repeats ? 0 : i;
    else {
        obj_unref(in, z);
        return FAIL;
    }
    return v_obj(z);
}

static value combinations_next(interp *in, value self)
{
    lazy *z = as_lazy(self);
    int64_t n = z->pool->n, r = z->stop, k = r - 1;
    if (z->done) return FAIL;
    if (z->started) {
        while (k >= 0 && z->idx[k] == n - r + k) k--;
        if (k < 0) return finished(z);
        z->idx[k]++;
        for (k++; k < r; k++) z->idx[k] = z->idx[k - 1] + 1;
    }
    z->started = true;
    return draw(in, z);
}

static value repeats_next(interp *in, value self)
{
    lazy *z = as_lazy(self);
    int64_t n = z->pool->n, r = z->stop, k = r - 1;
    if (z->done) return FAIL;
    if (z->started) {
        while (k >= 0 && z->idx[k] == n - 1) k--;
        if (k < 0) return finished(z);
        int64_t next = z->idx[k] + 1;
        for (; k < r; k++) z->idx[k] = next;
    }
    z->started = true;
    return draw(in, z);
}

static value permutations_make(interp *in, const type *cls, const value *arg, size_t npos,
                               tuple *kwnames)
{
    value a[2];
    if (!args_bind(in, "permutations(iterable, r=None)", arg, npos, kwnames, a, 2)) return FAIL;
    lazy *z = pool_new(in, cls, a[0], a[1], true);
    args_clear(in, a, 2);
    if (!z) return FAIL;
    int64_t n = z->pool->n;
    if (z->stop > n)
        z->done = true;
    else if (alloc_idx(in, z, n + z->stop)) {
        for (int64_t i = 0; i < n; i++) z->idx[i] = i;
        for (int64_t i = 0; i < z->stop; i++) z->idx[n + i] = n - i;
    } else {
        obj_unref(in, z);
        return FAIL;
    }
    return v_obj(z);
}

/* Steps to the next arrangement; false: there is none. */
static bool permute(lazy *z)
{
    int64_t n = z->pool->n, *idx = z->idx, *cycle = z->idx + n;
    for (int64_t i = z->stop - 1; i >= 0; i--) {
        if (--cycle[i] == 0) {
            int64_t first = idx[i];
            for (int64_t k = i; k < n - 1; k++) idx[k] = idx[k + 1];
            idx[n - 1] = first;
            cycle[i] = n - i;
            continue;
        }
        int64_t j = n - cycle[i], t = idx[i];
        idx[i] = idx[j];
        idx[j] = t;
        return true;
    }
    return false;
}

static value permutations_next(interp *in, value self)
{
    lazy *z = as_lazy(self);
    if (z->done) return FAIL;
    if (z->started && !permute(z)) return finished(z);
    z->started = true;
    return draw(in, z);
}

const type T_product = {
    LAZY,
    .name = "product",
    .doc = "All tuples with an item of each iterable, the last one running fastest.",
    .make = product_make,
    .next = product_next,
};
const type T_combinations = {
    LAZY,
    .name = "combinations",
    .doc = "All ways to take r items, in their order, as tuples.",
    .make = combinations_make,
    .next = combinations_next,
};
const type T_combinations_repeat = {
    LAZY,
    .name = "combinations_with_replacement",
    .doc = "All ways to take r items, each as often as wanted, in their order, as tuples.",
    .make = combinations_make,
    .next = repeats_next,
};
const type T_permutations = {
    LAZY,
    .name = "permutations",
    .doc = "All orders of r items, as tuples.",
    .make = permutations_make,
    .next = permutations_next,
};

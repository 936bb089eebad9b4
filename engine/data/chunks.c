/* engine/data/chunks.c - from what a user writes for `chunks=` to a grid.
 *
 * Follows Dask's normalize_chunks, auto_chunks and common_blockdim, sentences included. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/mem.h"
#include "engine/base/str.h"
#include "engine/data/grid.h"

/* --- "auto" --- */

typedef struct autos {
    int ndim;
    const int64_t *shape;
    const grid *previous;
    double limit, itemsize, largest; /* largest: elements in the axes already fixed */
    bool is[GRID_MAXDIM];            /* still to be decided */
    double size[GRID_MAXDIM];        /* the decision */
    int n;
} autos;

/* near an even multiple of s when larger, else c itself */
static double round_to(double c, double s)
{
    if (c <= s) return fmax(1, trunc(c));
    return floor(c / s) * s;
}

static void fix(autos *a, int i)
{
    a->is[i] = false;
    a->n--;
    a->size[i] = (double)a->shape[i];
    a->largest *= (double)a->shape[i];
}

/* no previous chunks: square blocks, short axes whole */
static void auto_square(autos *a)
{
    while (a->n) {
        double size = pow(a->limit / a->itemsize / a->largest, 1.0 / a->n);
        bool small[GRID_MAXDIM], any = false;
        for (int i = 0; i < a->ndim; i++) {
            small[i] = a->is[i] && (double)a->shape[i] < size;
            any |= small[i];
        }
        for (int i = 0; i < a->ndim; i++) {
            if (small[i])
                fix(a, i);
            else if (!any && a->is[i])
                a->size[i] = round_to(size, (double)a->shape[i]);
        }
        if (!any) return;
    }
}

typedef struct tally {
    int64_t size, count;
} tally;

static int by_size(const void *x, const void *y)
{
    int64_t a = ((const tally *)x)->size, b = ((const tally *)y)->size;
    return (a > b) - (a < b);
}

static tally *tally_runs(const cuts *a)
{
    tally *t = mem_alloc(a->nrun * sizeof *t);
    for (uint32_t i = 0; i < a->nrun; i++) t[i] = (tally){a->run[i].size, a->run[i].count};
    qsort(t, a->nrun, sizeof *t, by_size);
    return t;
}

static double median_size(const cuts *a)
{
    tally *t = tally_runs(a);
    int64_t lo = (a->nblock - 1) / 2, hi = a->nblock / 2, seen = 0;
    double at_lo = 0, at_hi = 0;
    for (uint32_t i = 0; i < a->nrun; i++) {
        if (lo >= seen && lo < seen + t[i].count) at_lo = (double)t[i].size;
        if (hi >= seen && hi < seen + t[i].count) at_hi = (double)t[i].size;
        seen += t[i].count;
    }
    mem_free(t);
    return (at_lo + at_hi) / 2;
}

/* The commonest chunk size when at least half the chunks have it, else the extent.  Of equally
 * common sizes the one met first counts. */
static double ideal_size(const cuts *a)
{
    int64_t best = 0, count = 0;
    for (uint32_t i = 0; i < a->nrun; i++) {
        int64_t n = 0;
        for (uint32_t k = 0; k < a->nrun; k++)
            if (a->run[k].size == a->run[i].size) n += a->run[k].count;
        if (n > count) {
            best = a->run[i].size;
            count = n;
        }
    }
    return (double)(best > 1 && 2 * count >= a->nblock ? best : a->extent);
}

static double multiplier(const autos *a)
{
    double product = 1;
    for (int i = 0; i < a->ndim; i++)
        if (a->is[i] && a->size[i] != 0) product *= a->size[i];
    return a->limit / a->itemsize / a->largest / product;
}

/* previous chunks: keep their aspect ratio and their multiples */
static void auto_like(autos *a)
{
    double ideal[GRID_MAXDIM];
    for (int i = 0; i < a->ndim; i++) {
        ideal[i] = ideal_size(a->previous->ax[i]);
        if (a->is[i]) a->size[i] = median_size(a->previous->ax[i]);
    }
    double m = multiplier(a), last = 0;
    int last_n = -1;
    while (m != last || a->n != last_n) {
        last = m;
        last_n = a->n;
        for (int i = 0; i < a->ndim; i++) {
            if (!a->is[i]) continue;
            if (ideal[i] == 0) {
                a->size[i] = 0;
                continue;
            }
            double proposed = a->size[i] * pow(m, 1.0 / a->n);
            if (proposed > (double)a->shape[i])
                fix(a, i);
            else
                a->size[i] = round_to(proposed, ideal[i]);
        }
        m = multiplier(a);
    }
}

static bool check_auto(const autos *a, const chunk_spec *spec, dtype_of t, err *e)
{
    if (t.dt == DT_none) return err_set(e, TypeError, "dtype must be known for auto-chunking");
    if (t.dt == DT_object)
        return err_set(e, NotImplementedError,
                       "Can not use auto rechunking with object dtype. "
                       "We are unable to estimate the size in bytes of object data");
    bool unknown = false;
    for (int i = 0; i < a->ndim; i++) {
        unknown |= a->shape[i] < 0;
        for (int64_t k = 0; spec[i].form == CHUNK_LIST && k < spec[i].n; k++)
            unknown |= spec[i].list[k] < 0;
    }
    if (unknown)
        return err_set(e, ValueError,
                       "Can not perform automatic rechunking with unknown (nan) chunk sizes.\n\n"
                       "A possible solution: "
                       "https://docs.dask.org/en/latest/array-chunks.html#unknown-chunks\n"
                       "Summary: to compute chunks sizes, use\n\n"
                       "   x.compute_chunk_sizes()  # for Dask Array `x`\n"
                       "   ddf.to_dask_array(lengths=True)  # for Dask DataFrame `ddf`");
    if (!a->previous && t.size == 0)
        return err_set(e, ValueError,
                       "auto-chunking with dtype.itemsize == 0 is not supported, please pass in "
                       "`chunks` explicitly");
    return true;
}

static int64_t list_max(const chunk_spec *s)
{
    int64_t m = 0;
    for (int64_t i = 0; i < s->n; i++)
        if (s->list[i] > m) m = s->list[i];
    return m;
}

static bool decide_auto(autos *a, const chunk_spec *spec, dtype_of t, err *e)
{
    TRY(check_auto(a, spec, t, e));
    a->itemsize = t.size ? t.size : 1;
    a->largest = 1;
    for (int i = 0; i < a->ndim; i++) {
        enum chunk_form f = spec[i].form;
        a->is[i] = f == CHUNK_AUTO || f == CHUNK_BYTES;
        a->n += a->is[i];
        if (!a->is[i])
            a->largest *= (double)(f == CHUNK_LIST   ? list_max(&spec[i])
                                   : f == CHUNK_SIZE ? spec[i].size
                                                     : a->shape[i]);
    }
    if (a->previous)
        auto_like(a);
    else
        auto_square(a);
    return true;
}

/* --- normalising --- */

static void spec_text(strbuf *b, int n, const chunk_spec *spec, const int64_t *shape, int ndim)
{
    sb_addc(b, '(');
    for (int i = 0; i < n; i++) {
        if (i) sb_adds(b, ", ");
        if (spec[i].form == CHUNK_LIST) {
            cuts *a = cuts_of(spec[i].n, spec[i].list);
            char *s = cuts_text(a);
            sb_adds(b, s);
            mem_free(s);
            datum_unref(a);
        } else if (spec[i].form == CHUNK_SIZE)
            sb_addf(b, "%lld", (long long)spec[i].size);
        else if (spec[i].form == CHUNK_ALL)
            sb_addf(b, "%lld", (long long)(i < ndim ? shape[i] : -1));
        else
            sb_adds(b, "'auto'");
    }
    sb_adds(b, n == 1 ? ",)" : ")");
}

static void add_shape(strbuf *b, int ndim, const int64_t *shape)
{
    sb_addc(b, '(');
    for (int i = 0; i < ndim; i++) sb_addf(b, i ? ", %lld" : "%lld", (long long)shape[i]);
    sb_adds(b, ndim == 1 ? ",)" : ")");
}

static bool check_count(int n, const chunk_spec *spec, int ndim, const int64_t *shape, err *e)
{
    if (n == ndim) return true;
    if (!ndim)
        return err_set(e, ValueError,
                       "Input array has 0 dimensions but the supplied chunks has only %d "
                       "dimensions",
                       n);
    strbuf b = {0};
    spec_text(&b, n, spec, shape, 0);
    sb_adds(&b, ", shape=");
    add_shape(&b, ndim, shape);
    err_set(e, ValueError, "Chunks and shape must be of the same length/dimension. Got chunks=%s",
            sb_text(&b));
    sb_clear(&b);
    return false;
}

bool grid_fills(const grid *g, const int64_t *shape, err *e)
{
    for (int i = 0; i < g->ndim; i++) {
        int64_t n = g->ax[i]->extent;
        if (n == shape[i] || n < 0 || shape[i] < 0) continue;
        char *chunks = grid_text(g);
        strbuf t = {0};
        add_shape(&t, g->ndim, shape);
        err_set(e, ValueError, "Chunks do not add up to shape. Got chunks=%s, shape=%s", chunks,
                sb_text(&t));
        sb_clear(&t);
        mem_free(chunks);
        return false;
    }
    return true;
}

/* a byte size given twice must be one size */
static bool find_limit(int n, const chunk_spec *spec, int64_t *limit, err *e)
{
    for (int i = 0; i < n; i++) {
        if (spec[i].form != CHUNK_BYTES) continue;
        if (!*limit) *limit = spec[i].size;
        if (*limit != spec[i].size)
            return err_set(e, ValueError,
                           "Only one consistent value of limit or chunk is allowed.Used %lld != "
                           "%lld",
                           (long long)spec[i].size, (long long)*limit);
    }
    return true;
}

static cuts *cuts_from(const chunk_spec *s, int64_t extent, const autos *a, int i, err *e)
{
    switch (s->form) {
    case CHUNK_LIST:
        if (!s->n)
            return err_set(e, ValueError,
                           "Empty tuples are not allowed in chunks. Express "
                           "zero length dimensions with 0(s) in chunks");
        return cuts_of(s->n, s->list);
    case CHUNK_SIZE:
        if (s->size == 0 && extent > 0)
            return err_set(e, ZeroDivisionError, "integer division or modulo by zero");
        if (s->size < 0)
            return err_set(e, ValueError,
                           "chunks=%lld: a chunk of an axis has a positive size, or -1 for all of "
                           "its %lld elements",
                           (long long)s->size, (long long)extent);
        return cuts_even(extent, s->size);
    case CHUNK_ALL: return cuts_repeat(1, extent);
    default: return cuts_even(extent, (int64_t)a->size[i]);
    }
}

grid *grid_normalize(int nspec, const chunk_spec *spec, int ndim, const int64_t *shape,
                     int64_t limit, dtype_of t, const grid *previous, err *e)
{
    const chunk_spec none = {.form = CHUNK_LIST, .n = 1, .list = (int64_t[]){0}};
    chunk_spec zero[GRID_MAXDIM];
    bool empty = ndim > 0 && nspec == 0;
    for (int i = 0; i < ndim; i++) {
        empty = empty && shape[i] == 0;
        zero[i] = none;
    }
    if (empty) spec = zero, nspec = ndim;
    TRY(check_count(nspec, spec, ndim, shape, e));
    TRY(find_limit(nspec, spec, &limit, e));
    autos a = {.ndim = ndim, .shape = shape, .previous = previous};
    a.limit = limit > 0 ? (double)limit : CHUNK_LIMIT;
    for (int i = 0; i < ndim; i++)
        if (spec[i].form == CHUNK_AUTO || spec[i].form == CHUNK_BYTES) {
            TRY(decide_auto(&a, spec, t, e));
            break;
        }
    cuts *ax[GRID_MAXDIM] = {0};
    grid *g = NULL;
    int n = 0;
    while (n < ndim && (ax[n] = cuts_from(&spec[n], shape[n], &a, n, e))) n++;
    if (n == ndim) g = grid_new(ndim, ax);
    for (int i = 0; i < n; i++) datum_unref(ax[i]);
    if (g && !grid_fills(g, shape, e)) g = datum_unref(g);
    return g;
}

/* --- common refinement --- */

typedef struct cursor {
    const cuts *a;
    uint32_t run;
    int64_t used, left; /* blocks of the run used up; elements left in the present block */
} cursor;

static void cursor_next(cursor *c)
{
    while (!c->left && c->run < c->a->nrun) {
        if (++c->used >= c->a->run[c->run].count) c->run++, c->used = 0;
        if (c->run < c->a->nrun) c->left = c->a->run[c->run].size;
    }
}

static cuts *refine(int n, cuts *const *a)
{
    cursor *c = mem_zero((size_t)n * sizeof *c);
    for (int i = 0; i < n; i++) {
        c[i] = (cursor){.a = a[i], .left = a[i]->run[0].size};
        cursor_next(&c[i]);
    }
    cuts_builder b = {0};
    for (int64_t at = 0, step; at < a[0]->extent; at += step) {
        step = c[0].left;
        for (int i = 1; i < n; i++)
            if (c[i].left < step) step = c[i].left;
        cuts_add(&b, step, 1);
        for (int i = 0; i < n; i++) {
            c[i].left -= step;
            cursor_next(&c[i]);
        }
    }
    mem_free(c);
    return cuts_build(&b);
}

/* Python's hash of the tuple of sizes: the message shows a set, in the order of one */
static uint64_t tuple_hash(const cuts *c)
{
    const uint64_t p1 = 11400714785074694791u, p2 = 14029467366897019727u,
                   p5 = 2870177450012600261u;
    uint64_t h = p5;
    for (uint32_t r = 0; r < c->nrun; r++)
        for (int64_t i = 0; i < c->run[r].count; i++) {
            h += (uint64_t)c->run[r].size * p2;
            h = (h << 31 | h >> 33) * p1;
        }
    return h + ((uint64_t)c->nblock ^ (p5 ^ 3527539));
}

/* Where a set of few members keeps them: 8 places, none taken twice. */
static void set_of_sizes(int n, const cuts *const *a, const cuts *place[8])
{
    for (int i = 0; i < n && i < 8; i++) {
        if (!a[i]) continue;
        uint64_t h = tuple_hash(a[i]), k = h & 7, perturb = h;
        while (place[k] && !cuts_eq(place[k], a[i])) perturb >>= 5, k = (5 * k + 1 + perturb) & 7;
        place[k] = a[i];
    }
}

static void *misaligned(int n, cuts *const *a, err *e)
{
    strbuf b = {0};
    const cuts *given[8] = {0}, *place[8] = {0};
    bool unknown = false;
    set_of_sizes(n < 5 ? n : 4, (const cuts *const *)a, given);
    set_of_sizes(8, given, place); /* Dask makes its set from another */
    for (int i = 0; i < 8; i++) {
        if (!place[i]) continue;
        char *s = cuts_text(place[i]);
        sb_addf(&b, b.n ? ", %s" : "%s", s);
        mem_free(s);
        unknown |= !cuts_known(place[i]);
    }
    if (unknown)
        err_set(e, ValueError,
                "Arrays' chunk sizes ({%s}) are unknown.\n\nA possible solution:\n"
                "  x.compute_chunk_sizes()",
                sb_text(&b));
    else
        err_set(e, ValueError, "('Chunks do not add up to same value', {%s})", sb_text(&b));
    sb_clear(&b);
    return NULL;
}

cuts *cuts_common(int n, cuts *const *a, err *e)
{
    cuts *cut[64];
    int ncut = 0;
    const cuts *whole = NULL;
    for (int i = 0; i < n; i++) {
        bool seen = a[i]->nblock <= 1;
        if (seen && (!whole || a[i]->extent > whole->extent)) whole = a[i];
        for (int k = 0; k < ncut && !seen; k++) seen = cuts_eq(cut[k], a[i]);
        if (!seen && ncut < 64) cut[ncut++] = a[i];
    }
    if (ncut == 0) return datum_ref((cuts *)(uintptr_t)whole);
    if (ncut == 1) return datum_ref(cut[0]);
    for (int i = 0; i < n; i++)
        if (!cuts_known(a[i])) return misaligned(n, a, e);
    for (int i = 1; i < ncut; i++)
        if (cut[i]->extent != cut[0]->extent) return misaligned(n, a, e);
    return refine(ncut, cut);
}

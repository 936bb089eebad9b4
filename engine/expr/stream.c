/* engine/expr/stream.c - reductions of blocks that come in pieces: sums, extrema, means, moments,
 * or several of them in step.
 *
 * The chunk functions of reduceops.c in one or two passes over pieces that are still in cache, and
 * with no temporary of the block's size.  The order of additions is that of reduce.c, which is
 * NumPy's: a run that folds into one cell goes in blocks of 8192, each pairwise (here as four
 * quarters: a quarter is a subtree); where the innermost axis stays, row is added to row.
 * Over the limit of length: what all of it shares is the lane. */
#include <math.h>
#include <string.h>

#include "engine/expr/reduceops.h"
#include "engine/expr/several.h"
#include "engine/kernels/cast.h"
#include "engine/kernels/folder.h"
#include "engine/kernels/index.h"
#include "engine/kernels/ops.h"

/* --- one fold, or several in step --- */

enum {
    WIDEST = 16, /* bytes of an element */
    WORTH = 64   /* elements: looked at for their extreme before its place */
};

typedef struct lane { /* one of several results of the same pieces */
    folder k;
    dtype_of from;  /* the pieces' type */
    cast_loop cast; /* pieces have another type than it folds; or NULL */
    bool whole;     /* or it adds them up as they are */
    buf *room;      /* for a piece of its own type */
    const char *at; /* the piece that all work on */
    double part[4]; /* sums of quarters */
    arg_loop find;  /* of argmin and argmax, which keep the best in their cells; */
    int64_t *place; /* where it was found; else NULL */
    uint32_t axes;
    folding f;
    /* where it is, if lanes fold other axes than each other: */
    int64_t stretch, done; /* done: elements of the stretch */
    int64_t cell;          /* the stretch's first */
    bool begins;
    buf *kept; /* the beginning of a unit */
} lane;

typedef struct fold {
    const stream *s;
    folding f;
    int n;
    lane *lane;
    bool any_size; /* all of them take pieces of any size, `most` at a time, */
    bool quarters; /* or quarters of whole blocks */
    int64_t most;
    bool sums; /* the stream adds up pieces itself */
    err *e;
} fold;

/* the sum of two, rounded to the folder's type */
static double plus(const folder *k, double a, double b)
{
    return k->type.dt == DT_float32 ? (double)(float)(a + b) : a + b;
}

/* The next piece, to every lane. */
static bool next(const fold *d, int64_t from, int64_t n)
{
    const char *at = d->s->next(d->s->ctx, from, n, d->e);
    for (int i = 0; at && i < d->n; i++) {
        lane *l = &d->lane[i];
        l->at = at;
        if (!l->cast) continue;
        dtype_of to = l->k.type, t = d->s->type;
        l->at = l->room->data;
        TRY(l->cast((size_t)n, l->room->data, to.size, at, t.size, to, t, d->e));
    }
    return at != NULL;
}

/* n elements of the lane's piece, `done` elements into the run of the cell */
static void fold_piece(lane *l, int64_t cell, const char *at, int64_t n, bool begins, int64_t done)
{
    if (l->whole) {
        folder_whole(&l->k, cell, l->from, at, (size_t)n);
        return;
    }
    if (!l->find) {
        folder_piece(&l->k, cell, at, (size_t)n, begins);
        return;
    }
    uint32_t size = l->k.type.size;
    char *best = l->k.acc + cell * (int64_t)size, both[2 * WIDEST];
    memcpy(both, best, size);
    if (!begins && l->k.run && n >= WORTH) { /* most pieces have nothing better */
        char *x = both + size, *p[] = {x, (char *)(uintptr_t)at, x};
        memcpy(x, at, size);
        l->k.run((size_t)n, p, (ptrdiff_t[]){0, (ptrdiff_t)size, 0, 0, 0});
        if (!l->find(2, both, size, size)) return;
    }
    int64_t i = l->find(n, at, size, size);
    memcpy(both + size, at + i * (int64_t)size, size);
    if (!begins && !l->find(2, both, size, size)) return;
    memcpy(best, both + size, size);
    l->place[cell] = done + i;
}

_Static_assert((int)FOLD_QUARTER == (int)TILE, "a quarter is a piece");
/* the sums of the quarters of a block of floats */
static bool sum_quarters(const fold *d, int64_t from, double *sum)
{
    float single[4];
    bool wide = d->lane->k.type.dt != DT_float32;
    for (int64_t q = 0, some = d->s->sums / FOLD_QUARTER; q < 4; q += some) {
        void *out = wide ? (void *)(sum + q) : (void *)(single + q);
        TRY(d->s->sum(d->s->ctx, from + q * FOLD_QUARTER, some * FOLD_QUARTER, out, d->e));
    }
    for (int q = 0; q < 4 && !wide; q++) sum[q] = (double)single[q];
    return true;
}

/* a piece of integers as one, their sum */
static bool add_sum(fold *d, int64_t cell, int64_t from, int64_t n, bool begins)
{
    int64_t sum;
    TRY(d->s->sum(d->s->ctx, from, n, &sum, d->e));
    folder_piece(&d->lane->k, cell, (const char *)&sum, 1, begins);
    return true;
}

/* a whole block of 8192: its quarters one after the other, so that a quarter stays in L1 */
static bool fold_quarters(fold *d, int64_t cell, int64_t from, int64_t done, bool begins)
{
    if (d->sums) TRY(sum_quarters(d, from + done, d->lane->part));
    for (int q = 0; q < 4 && !d->sums; q++) {
        TRY(next(d, from + done + q * FOLD_QUARTER, FOLD_QUARTER));
        for (int i = 0; i < d->n; i++) {
            lane *l = &d->lane[i];
            if (l->k.pairs)
                l->part[q] = folder_sum(&l->k, l->at, FOLD_QUARTER, cell);
            else
                fold_piece(l, cell, l->at, FOLD_QUARTER, begins && q == 0, done + q * FOLD_QUARTER);
        }
    }
    for (int i = 0; i < d->n; i++) {
        folder *k = &d->lane[i].k;
        const double *p = d->lane[i].part;
        if (k->pairs) folder_add(k, cell, plus(k, plus(k, p[0], p[1]), plus(k, p[2], p[3])));
    }
    return true;
}

/* a run that folds into one cell */
static bool fold_long(fold *d, int64_t cell, int64_t from, bool begins)
{
    int64_t most = d->any_size ? d->most : FOLD_BLOCK, length = d->f.length;
    for (int64_t done = 0, n; done < length; done += n) {
        n = length - done < most ? length - done : most;
        if (d->quarters && n == FOLD_BLOCK) {
            TRY(fold_quarters(d, cell, from, done, begins && done == 0));
            continue;
        }
        if (d->sums && d->any_size && n >= TILE) {
            n -= n % TILE;
            TRY(add_sum(d, cell, from + done, n, begins && done == 0));
            continue;
        }
        TRY(next(d, from + done, n));
        for (int i = 0; i < d->n; i++)
            fold_piece(&d->lane[i], cell, d->lane[i].at, n, begins && done == 0, done);
    }
    return true;
}

/* `n` runs of the piece, each into its cell */
static void add_runs(fold *d, int64_t cell, int64_t skip, int64_t n, bool begins)
{
    int64_t length = d->f.length;
    for (int k = 0; k < d->n; k++) {
        lane *l = &d->lane[k];
        int64_t size = (int64_t)(l->whole ? l->from : l->k.type).size;
        for (int64_t i = 0; i < n; i++)
            fold_piece(l, cell + i, l->at + (skip + i * length) * size, length, begins, 0);
    }
}

/* short runs: several to a piece */
static bool fold_short(fold *d, int64_t cell, int64_t from, bool begins)
{
    int64_t length = d->f.length, most = TILE / length;
    for (int64_t i = 0, n; i < d->f.cells; i += n) {
        n = d->f.cells - i < most ? d->f.cells - i : most;
        TRY(next(d, from + i * length, n * length));
        add_runs(d, cell + i, 0, n, begins);
    }
    return true;
}

static bool fold_runs(fold *d, int64_t cell, int64_t from, bool begins)
{
    if (d->f.length <= TILE / 2) return fold_short(d, cell, from, begins);
    for (int64_t i = 0; i < d->f.cells; i++)
        TRY(fold_long(d, cell + i, from + i * d->f.length, begins));
    return true;
}

/* rows of the piece into n cells */
static void add_rows(fold *d, int64_t cell, int64_t skip, int64_t n, int64_t rows, bool begins)
{
    for (int k = 0; k < d->n; k++) {
        lane *l = &d->lane[k];
        folder_rows(&l->k, cell, l->at + skip * (int64_t)l->k.type.size, (size_t)n, (size_t)rows,
                    begins);
    }
}

static bool fold_rows(fold *d, int64_t first, int64_t from, bool begins)
{
    int64_t cells = d->f.cells, most = cells < TILE ? TILE / cells : 1;
    for (int64_t row = 0, rows; row < d->f.length; row += rows) {
        rows = d->f.length - row < most ? d->f.length - row : most;
        for (int64_t cell = 0, n; cell < cells; cell += n) {
            n = rows > 1 || cells - cell < TILE ? cells - cell : TILE;
            TRY(next(d, from + row * cells + cell, rows * n));
            add_rows(d, first + cell, 0, n, rows, begins && row == 0);
        }
    }
    return true;
}

static bool fold_stretch(fold *d, int64_t cell, int64_t from, bool begins)
{
    switch (d->f.over) {
    case OVER_ALL: return fold_long(d, cell, from, begins);
    case OVER_ROWS: return fold_rows(d, cell, from, begins);
    default: return fold_runs(d, cell, from, begins);
    }
}

/* one whole stretch of the piece */
static void add_stretch(fold *d, int64_t cell, int64_t skip, bool begins)
{
    if (d->f.over == OVER_ROWS)
        add_rows(d, cell, skip, d->f.cells, d->f.length, begins);
    else
        add_runs(d, cell, skip, d->f.cells, begins);
}

/* Stretches one after the other, small ones several to a piece. */
static bool fold_stream(fold *d)
{
    int64_t size = d->f.cells * d->f.length, n = d->s->count / size, most = TILE / size;
    bool begins;
    for (int64_t i = 0, some; i < n; i += some) {
        some = most < 2 || d->f.over == OVER_ALL ? 1 : n - i < most ? n - i : most;
        if (some == 1) {
            int64_t cell = folding_cell(&d->f, i, &begins);
            TRY(fold_stretch(d, cell, i * size, begins));
            continue;
        }
        TRY(next(d, i * size, some * size));
        for (int64_t q = 0; q < some; q++) {
            int64_t cell = folding_cell(&d->f, i + q, &begins);
            add_stretch(d, cell, q * size, begins);
        }
    }
    return true;
}

/* --- over different axes ----------------------------------------------------------------------
 *
 * Every lane takes whatever piece comes and knows where in its own stretch that is.  Rows are added
 * in any portions; what has to be summed as a unit (a block of 8192 of a run, or its quarter) is
 * kept until it is complete, unless it is all in one piece: most are, as pieces are cut for the
 * lane of the shortest runs. */

/* elements that the lane sums as one, the one `done` elements into a run being among them */
static int64_t unit_of(const lane *l, int64_t done, int64_t *into)
{
    int64_t begin = done - done % FOLD_BLOCK, left = l->f.length - begin;
    if (left >= FOLD_BLOCK && l->k.pairs) {
        *into = done % FOLD_QUARTER;
        return FOLD_QUARTER;
    }
    *into = done - begin;
    return left < FOLD_BLOCK ? left : FOLD_BLOCK;
}

/* a whole unit, which ends `end` elements into the run */
static void add_unit(lane *l, int64_t cell, const char *at, int64_t n, int64_t end)
{
    int64_t begin = (end - 1) - (end - 1) % FOLD_BLOCK;
    if (n != FOLD_QUARTER || !l->k.pairs || l->f.length - begin < FOLD_BLOCK) {
        folder_piece(&l->k, cell, at, (size_t)n, l->begins && end == n);
        return;
    }
    const folder *k = &l->k;
    const double *p = l->part;
    l->part[(end - 1 - begin) / FOLD_QUARTER] = folder_sum(&l->k, at, FOLD_QUARTER, cell);
    if (end - begin == FOLD_BLOCK)
        folder_add(&l->k, cell, plus(k, plus(k, p[0], p[1]), plus(k, p[2], p[3])));
}

/* Up to n elements of a run, `done` elements into it: how many. */
static int64_t take_unit(lane *l, int64_t cell, const char *at, int64_t n, int64_t done)
{
    int64_t into, unit = unit_of(l, done, &into), some = unit - into < n ? unit - into : n;
    if (some == unit) {
        add_unit(l, cell, at, unit, done + unit);
        return unit;
    }
    size_t size = l->k.type.size;
    memcpy(l->kept->data + (size_t)into * size, at, (size_t)some * size);
    if (into + some == unit) add_unit(l, cell, l->kept->data, unit, done + some);
    return some;
}

static void take_runs(lane *l, const char *at, int64_t n)
{
    int64_t length = l->f.length, done = l->done % length, cell = l->cell + l->done / length;
    for (int64_t some; n; n -= some, at += some * (int64_t)l->k.type.size) {
        some = length - done < n ? length - done : n;
        if (l->k.any_size)
            fold_piece(l, cell, at, some, l->begins && done == 0, done);
        else
            some = take_unit(l, cell, at, some, done);
        done += some;
        if (done < length) continue;
        cell++;
        done = 0;
    }
}

static void take_rows(lane *l, const char *at, int64_t n)
{
    int64_t cells = l->f.cells;
    for (int64_t some, done = l->done; n; n -= some, done += some) {
        int64_t column = done % cells, width = column || n < cells ? cells - column : cells;
        if (width > n) width = n;
        some = column || n < cells ? width : n - n % cells;
        folder_rows(&l->k, l->cell + column, at, (size_t)width, (size_t)(some / width),
                    l->begins && done < cells);
        at += some * (int64_t)l->k.type.size;
    }
}

static void take(lane *l, const char *at, int64_t n)
{
    int64_t size = l->f.cells * l->f.length;
    for (int64_t some; n; n -= some, at += some * (int64_t)l->k.type.size) {
        some = size - l->done < n ? size - l->done : n;
        if (!l->done) l->cell = folding_cell(&l->f, l->stretch, &l->begins);
        if (l->f.over == OVER_ROWS)
            take_rows(l, at, some);
        else
            take_runs(l, at, some);
        l->done += some;
        if (l->done < size) continue;
        l->stretch++;
        l->done = 0;
    }
}

/* the shortest runs that are summed in units; 0: none are */
static int64_t shortest_runs(const fold *d)
{
    int64_t least = 0;
    for (int i = 0; i < d->n; i++) {
        const lane *l = &d->lane[i];
        if (l->f.over == OVER_ROWS || l->k.any_size) continue;
        if (!least || l->f.length < least) least = l->f.length;
    }
    return least;
}

static bool fold_apart(fold *d)
{
    int64_t length = shortest_runs(d), count = d->s->count;
    for (int i = 0; i < d->n; i++) {
        lane *l = &d->lane[i];
        if (l->f.over == OVER_ROWS || l->k.any_size || l->kept) continue;
        TRY(l->kept = buf_new(FOLD_BLOCK * WIDEST, d->e));
    }
    for (int64_t from = 0, n; from < count; from += n) {
        int64_t left = length ? length - from % length : count - from; /* of the run */
        if (length && length <= TILE)
            n = TILE / length * length;
        else if (length && left < FOLD_BLOCK && (length - left) % FOLD_BLOCK == 0)
            n = left; /* what remains after whole blocks is a unit */
        else
            n = left < TILE ? left : TILE;
        if (n > count - from) n = count - from;
        TRY(next(d, from, n));
        for (int i = 0; i < d->n; i++) take(&d->lane[i], d->lane[i].at, n);
    }
    return true;
}

/* --- what can be folded so --- */

enum sort { SORT_NONE, SORT_PLAIN, SORT_MEAN, SORT_MOMENT, SORT_ARG };

static enum sort sort_of(const fn *f)
{
    if (f->kind == fn_arg_kind(RED_ARG_CHUNK)) {
        enum reduction_id id = ((const red_fn *)f)->id;
        return id == R_argmin || id == R_argmax ? SORT_ARG : SORT_NONE;
    }
    switch (red_step_of(f)) {
    case RED_PLAIN: return SORT_PLAIN;
    case RED_MEAN_CHUNK: return SORT_MEAN;
    case RED_MOMENT_CHUNK: return ((const red_fn *)f)->order == 2 ? SORT_MOMENT : SORT_NONE;
    default: return SORT_NONE;
    }
}

static bool is_float(dtype_of t)
{
    return t.dt == DT_float64 || t.dt == DT_float32;
}

static bool plain_streams(const red_fn *r, dtype_of t, dtype_of *as)
{
    err e = {0};
    enum reduction_id id = r->id;
    bool truth = id == R_any || id == R_all;
    if (id == R_nansum && t.dt >= DT_float16 && !is_float(t)) return false;
    if (!truth && id != R_sum && id != R_prod && id != R_min && id != R_max && id != R_nansum &&
        id != R_nanmin && id != R_nanmax)
        return false;
    bool ok = reduce_resolve(&reductions[id], t, r->want, as, &e);
    err_clear(&e);
    if (!ok || !dtype_is_number(as->dt) || !folder_loop(reductions[id].fold, *as)) return false;
    return id != R_nansum || t.dt < DT_float16 || as->dt == t.dt;
}

static bool one_streams(const fn *f, int ndim, const int64_t *shape, dtype_of t, dtype_of *as)
{
    const red_fn *r = (const red_fn *)f;
    enum sort sort = sort_of(f);
    if (!sort || !dtype_is_number(t.dt) || shape_count(ndim, shape) == 0) return false;
    enum over over = folding_of(r->axes, ndim, shape).over;
    if (over == OVER_NOTHING) return false;
    if (sort == SORT_ARG) {
        *as = t;
        return over != OVER_ROWS && (dtype_is_int(t.dt) || t.dt == DT_bool || is_float(t));
    }
    if (sort == SORT_PLAIN) return plain_streams(r, t, as);
    bool whole = dtype_is_int(t.dt) || t.dt == DT_bool;
    *as = r->want;
    if (sort == SORT_MOMENT && r->want.dt == DT_float32) return t.dt == DT_float32 && !r->nan;
    if (sort == SORT_MOMENT) return r->want.dt == DT_float64 && (whole || t.dt == DT_float64);
    if (r->nan && !whole) /* a float32 counts what is not NaN as far as 2^24 */
        return is_float(t) && r->want.dt == t.dt &&
               (t.dt == DT_float64 || shape_count(ndim, shape) <= 1 << 24);
    return dtype_is_number(r->want.dt) && (!dtype_is_complex(t.dt) || r->want.dt == t.dt);
}

bool red_streams(const fn *f, int ndim, const int64_t *shape, dtype_of t, dtype_of *as)
{
    const fn *part[RED_MOST];
    int n = fn_parts(f, part);
    for (int i = 0; i < n; i++)
        if (!one_streams(part[i], ndim, shape, t, &as[i])) return false;
    return true;
}

bool red_takes(const fn *f, int ndim, const int64_t *shape, dtype_of t, dtype_of as, bool lies)
{
    const fn *part[RED_MOST];
    const red_fn *r = (const red_fn *)f;
    enum sort sort = sort_of(f);
    if (fn_parts(f, part) > 1 || (sort != SORT_MEAN && sort != SORT_PLAIN)) return false;
    if (sort == SORT_PLAIN && reductions[r->id].fold->id != U_add) return false;
    enum over over = folding_of(r->axes, ndim, shape).over;
    return over != OVER_ROWS && fold_is_whole(t.dt, as.dt) && (lies || t.size < as.size);
}

bool red_prefers_stream(const fn *f)
{
    const fn *part[RED_MOST];
    if (fn_parts(f, part) > 1) return true; /* one pass over memory, not several */
    enum sort sort = sort_of(f);
    const red_fn *r = (const red_fn *)f;
    return sort == SORT_MOMENT || (sort == SORT_MEAN && r->nan) ||
           (sort == SORT_PLAIN && r->id == R_nansum);
}

/* --- results --- */

/* a block of the results' shape, zeroed */
static nd *cells_new(const red_fn *r, const stream *s, bool keepdims, dtype_of t, err *e)
{
    int64_t shape[GRID_MAXDIM];
    int n = 0;
    for (int i = 0; i < s->ndim; i++)
        if (!(r->axes & axis_bit(i)))
            shape[n++] = s->shape[i];
        else if (keepdims)
            shape[n++] = 1;
    return nd_zero(t, n, shape, e);
}

static bool fill_with_one(nd *x, err *e)
{
    nd *one = nd_scalar(DT_int8, &(int8_t){1});
    bool ok = nd_assign(x, one, 'u', NULL, e);
    datum_unref(one);
    return ok;
}

/* how many elements each result is made of, when that is the same for all: a view of one number */
static nd *same_count(const red_fn *r, const stream *s, dtype_of t, err *e)
{
    double n = (double)folding_of(r->axes, s->ndim, s->shape).total;
    int64_t shape[GRID_MAXDIM];
    for (int i = 0; i < s->ndim; i++) shape[i] = r->axes & axis_bit(i) ? 1 : s->shape[i];
    nd *one = nd_scalar(DT_float64, &n), *cast = nd_cast(one, t, 'u', e);
    nd *out = cast ? nd_broadcast(cast, s->ndim, shape, e) : NULL;
    datum_unref(one);
    datum_unref(cast);
    return out;
}

/* One result on its way. */
typedef struct outcome {
    const red_fn *r;
    enum sort sort;
    dtype_of as;
    nd *count; /* means and moments: float64 per cell, or one for all */
    nd *first; /* the plain result, or the total */
    nd *n, *mean, *sums;
    nd *spare; /* counts that nobody asked for */
    const lit *arg;
} outcome;

static bool skips_nan(const outcome *j)
{
    return j->r->nan && is_float(j->as);
}

static bool open_lane(lane *l, const outcome *j, enum reduction_id id, const stream *s, err *e)
{
    const ufunc *f = reductions[id].fold;
    buf *room = l->room, *kept = l->kept; /* of the first pass */
    *l = (lane){.k = folder_of(f, folder_loop(f, j->as), j->as),
                .from = s->type,
                .room = room,
                .kept = kept,
                .axes = j->r->axes & (uint32_t)((1ull << s->ndim) - 1),
                .f = folding_of(j->r->axes, s->ndim, s->shape)};
    if (j->as.dt == s->type.dt) return true;
    l->cast = cast_find(j->as, s->type, e);
    if (l->cast && !l->room) l->room = buf_new(TILE_MOST * WIDEST, e);
    return l->cast && l->room;
}

static double *numbers(nd *x)
{
    return x ? (double *)(void *)x->at : NULL;
}

static bool open_places(lane *l, outcome *j, const stream *s, err *e)
{
    const bool max = j->r->id == R_argmax;
    TRY(open_lane(l, j, max ? R_max : R_min, s, e));
    TRY(j->first = cells_new(j->r, s, true, j->as, e));
    TRY(j->n = cells_new(j->r, s, true, dtype_plain(DT_int64), e));
    loop extreme = dtype_is_int(j->as.dt) || is_float(j->as) ? l->k.run : NULL;
    l->k = (folder){.type = j->as, .run = extreme, .any_size = true, .acc = j->first->at};
    l->find = arg_loop_of(max, j->as.dt);
    l->place = (int64_t *)(void *)j->n->at;
    return true;
}

/* The cells of the first pass, and what is counted beside them. */
static bool open_first(lane *l, outcome *j, const stream *s, err *e)
{
    const dtype_of f8 = dtype_plain(DT_float64);
    bool plain = j->sort == SORT_PLAIN, nan = skips_nan(j);
    if (j->sort == SORT_ARG) return open_places(l, j, s, e);
    enum reduction_id id = plain ? j->r->id : R_sum;
    TRY(open_lane(l, j, id, s, e));
    if (!plain) TRY(j->count = nan ? cells_new(j->r, s, true, f8, e) : same_count(j->r, s, f8, e));
    folder *k = &l->k;
    k->valid = !plain && nan ? numbers(j->count) : NULL;
    k->nan = k->pairs && (id == R_nansum || k->valid);
    TRY(j->first = cells_new(j->r, s, plain ? j->r->keepdims : true, j->as, e));
    if (k->nan && folding_of(j->r->axes, s->ndim, s->shape).over == OVER_ROWS && !k->valid) {
        TRY(j->spare = cells_new(j->r, s, true, f8, e)); /* rows always count */
        k->valid = numbers(j->spare);
    }
    if (reductions[id].fold->identity == IDENTITY_1) TRY(fill_with_one(j->first, e));
    k->acc = j->first->at;
    return true;
}

/* sums of squares about the means, which are float64 in C order */
static bool open_second(lane *l, outcome *j, buf **wide, const stream *s, err *e)
{
    TRY(j->n = nd_cast(j->count, dtype_plain(DT_int64), 'u', e));
    TRY(j->mean = nd_map2(U_divide, j->first, j->n, e));
    TRY(open_lane(l, j, R_sum, s, e));
    folder *k = &l->k;
    TRY(j->sums = cells_new(j->r, s, true, j->as, e));
    k->acc = j->sums->at;
    k->nan = skips_nan(j);
    k->u = j->mean->at;
    k->wide = j->as.dt == DT_float32;
    if (!k->wide) return true;
    TRY(*wide = buf_new(TILE_MOST * sizeof *k->room, e));
    k->room = (float *)(void *)(*wide)->data;
    return true;
}

static bool fold_lanes(int n, lane *to, const stream *s, err *e)
{
    fold d = {.s = s, .f = to->f, .n = n, .lane = to, .any_size = true, .quarters = true, .e = e};
    bool pairs = false, apart = false;
    for (int i = 0; i < n; i++) {
        const folder *k = &to[i].k;
        d.any_size &= k->any_size;
        d.quarters &= k->any_size || k->pairs;
        pairs |= k->pairs;
        apart |= to[i].axes != to->axes;
    }
    if (apart) return fold_apart(&d);
    to->whole = n == 1 && to->f.over != OVER_ROWS && folder_takes(&to->k, s->type);
    if (to->whole) to->cast = NULL;
    bool lies = s->lies && n == 1 && !to->cast; /* else pieces had better stay in L1 */
    d.quarters &= pairs && !lies && !to->whole;
    const folder *k = &to->k;
    d.sums = s->sums && n == 1 && !to->cast && !to->whole && !to->find && k->sums && !k->nan &&
             !k->u && !k->valid;
    d.most = lies ? TILE_MOST : d.sums ? s->sums : TILE;
    return fold_stream(&d);
}

/* Both passes. */
static bool run_passes(int n, outcome *j, lane *to, buf **wide, const stream *s, err *e)
{
    int again = 0;
    for (int i = 0; i < n; i++) TRY(open_first(&to[i], &j[i], s, e));
    TRY(fold_lanes(n, to, s, e));
    for (int i = 0; i < n; i++) {
        if (j[i].sort != SORT_MOMENT) continue;
        TRY(open_second(&to[again], &j[i], &wide[again], s, e));
        again++;
    }
    return !again || (s->again(s->ctx, e) && fold_lanes(again, to, s, e));
}

/* What the chunk function would give. */
static datum *finished(const outcome *j, const stream *s, err *e)
{
    if (j->sort == SORT_PLAIN) return datum_ref(&j->first->hdr);
    if (j->sort == SORT_ARG)
        return arg_found(j->r, j->first, j->n, s->ndim, s->shape, &j->arg[2], e);
    if (j->sort == SORT_MEAN) {
        nd *n = nd_cast(j->count, j->r->want, 'u', e);
        return n ? red_pack(2, (nd *[]){n, nd_ref(j->first)}) : NULL;
    }
    nd *of_orders = nd_expand(j->sums, s->ndim); /* 2 .. 2 */
    return of_orders ? red_pack(3, (nd *[]){nd_ref(j->first), nd_ref(j->n), of_orders}) : NULL;
}

datum *red_stream(const fn *f, const lit *arg, const dtype_of *as, const stream *s, err *e)
{
    outcome j[RED_MOST] = {0};
    lane to[RED_MOST] = {0};
    buf *wide[RED_MOST] = {0};
    const fn *part[RED_MOST];
    datum *out[RED_MOST] = {0};
    int n = fn_parts(f, part);
    for (int i = 0; i < n; i++)
        j[i] = (outcome){.r = (const red_fn *)part[i],
                         .sort = sort_of(part[i]),
                         .as = as[i],
                         .arg = n > 1 ? arg[i].item : arg};
    bool ok = run_passes(n, j, to, wide, s, e);
    for (int i = 0; i < n && ok; i++) ok = (out[i] = finished(&j[i], s, e)) != NULL;
    for (int i = 0; i < n; i++) {
        if (!ok) out[i] = datum_unref(out[i]);
        nd *own[] = {j[i].count, j[i].first, j[i].n, j[i].mean, j[i].sums, j[i].spare};
        for (size_t k = 0; k < sizeof own / sizeof *own; k++) datum_unref(own[k]);
        buf_unref(to[i].room);
        buf_unref(to[i].kept);
        buf_unref(wide[i]);
    }
    return !ok ? NULL : n > 1 ? &pack_new((uint32_t)n, NULL, out)->hdr : out[0];
}

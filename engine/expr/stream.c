/* engine/expr/stream.c - reductions of blocks that come in pieces: sums, extrema, means, moments.
 *
 * The chunk functions of reduceops.c in one or two passes over pieces that are still in cache, and
 * with no temporary of the block's size.  The order of additions is that of reduce.c, which is
 * NumPy's: a run that folds into one cell goes in blocks of 8192, each pairwise (here as four
 * quarters: a quarter is a subtree); where the innermost axis stays, row is added to row. */
#include <math.h>

#include "engine/expr/reduceops.h"
#include "engine/expr/tile.h"
#include "engine/kernels/cast.h"
#include "engine/kernels/folder.h"
#include "engine/kernels/ops.h"

/* --- one fold --- */

typedef struct fold {
    const stream *s;
    folding f;
    folder k;
    err *e;
} fold;

/* the sum of two, rounded to the folder's type */
static double plus(const folder *k, double a, double b)
{
    return k->type.dt == DT_float32 ? (double)(float)(a + b) : a + b;
}

static const char *next(const fold *d, int64_t from, int64_t n)
{
    return d->s->next(d->s->ctx, from, n, d->e);
}

/* a whole block of 8192: its quarters one after the other, so that a quarter stays in L1 */
static bool fold_quarters(fold *d, int64_t cell, int64_t from)
{
    double part[4];
    for (int i = 0; i < 4; i++) {
        const char *at = next(d, from + i * (FOLD_BLOCK / 4), FOLD_BLOCK / 4);
        if (!at) return false;
        part[i] = folder_sum(&d->k, at, FOLD_BLOCK / 4, cell);
    }
    folder *k = &d->k;
    folder_add(k, cell, plus(k, plus(k, part[0], part[1]), plus(k, part[2], part[3])));
    return true;
}

/* a run that folds into one cell */
static bool fold_long(fold *d, int64_t cell, int64_t from, bool begins)
{
    int64_t most = d->k.any_size ? TILE : FOLD_BLOCK, length = d->f.length;
    for (int64_t done = 0, n; done < length; done += n) {
        n = length - done < most ? length - done : most;
        if (d->k.pairs && n == FOLD_BLOCK) {
            TRY(fold_quarters(d, cell, from + done));
            continue;
        }
        const char *at = next(d, from + done, n);
        if (!at) return false;
        folder_piece(&d->k, cell, at, (size_t)n, begins && done == 0);
    }
    return true;
}

/* `n` runs in memory, each into its cell */
static void add_runs(fold *d, int64_t cell, const char *at, int64_t n, bool begins)
{
    int64_t length = d->f.length;
    for (int64_t i = 0; i < n; i++)
        folder_piece(&d->k, cell + i, at + i * length * (int64_t)d->k.type.size, (size_t)length,
                     begins);
}

/* short runs: several to a piece */
static bool fold_short(fold *d, int64_t cell, int64_t from, bool begins)
{
    int64_t length = d->f.length, most = TILE / length;
    for (int64_t i = 0, n; i < d->f.cells; i += n) {
        n = d->f.cells - i < most ? d->f.cells - i : most;
        const char *at = next(d, from + i * length, n * length);
        if (!at) return false;
        add_runs(d, cell + i, at, n, begins);
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

static bool fold_rows(fold *d, int64_t first, int64_t from, bool begins)
{
    int64_t cells = d->f.cells, most = cells < TILE ? TILE / cells : 1;
    for (int64_t row = 0, rows; row < d->f.length; row += rows) {
        rows = d->f.length - row < most ? d->f.length - row : most;
        for (int64_t cell = 0, n; cell < cells; cell += n) {
            n = rows > 1 || cells - cell < TILE ? cells - cell : TILE;
            const char *at = next(d, from + row * cells + cell, rows * n);
            if (!at) return false;
            folder_rows(&d->k, first + cell, at, (size_t)n, (size_t)rows, begins && row == 0);
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

/* one whole stretch in memory */
static void add_stretch(fold *d, int64_t cell, const char *at, bool begins)
{
    if (d->f.over == OVER_ROWS)
        folder_rows(&d->k, cell, at, (size_t)d->f.cells, (size_t)d->f.length, begins);
    else
        add_runs(d, cell, at, d->f.cells, begins);
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
        const char *at = next(d, i * size, some * size);
        if (!at) return false;
        for (int64_t q = 0; q < some; q++) {
            int64_t cell = folding_cell(&d->f, i + q, &begins);
            add_stretch(d, cell, at + q * size * (int64_t)d->k.type.size, begins);
        }
    }
    return true;
}

/* --- what can be folded so --- */

enum sort { SORT_NONE, SORT_PLAIN, SORT_MEAN, SORT_MOMENT };

static enum sort sort_of(const fn *f)
{
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

bool red_streams(const fn *f, int ndim, const int64_t *shape, dtype_of t, dtype_of *as)
{
    const red_fn *r = (const red_fn *)f;
    enum sort sort = sort_of(f);
    if (!sort || !dtype_is_number(t.dt) || shape_count(ndim, shape) == 0) return false;
    if (folding_of(r->axes, ndim, shape).over == OVER_NOTHING) return false;
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

bool red_prefers_stream(const fn *f)
{
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

static fold fold_of(const red_fn *r, enum reduction_id id, const stream *s, err *e)
{
    const ufunc *f = reductions[id].fold;
    return (fold){.s = s,
                  .f = folding_of(r->axes, s->ndim, s->shape),
                  .k = folder_of(f, folder_loop(f, s->type), s->type),
                  .e = e};
}

static nd *stream_plain(const red_fn *r, enum reduction_id id, const stream *s, bool keepdims,
                        double *valid, err *e)
{
    fold d = fold_of(r, id, s, e);
    folder *k = &d.k;
    k->nan = k->pairs && (id == R_nansum || valid);
    k->valid = valid;
    nd *out = cells_new(r, s, keepdims, s->type, e), *spare = NULL;
    if (k->nan && d.f.over == OVER_ROWS && !valid) { /* rows always count */
        spare = cells_new(r, s, true, dtype_plain(DT_float64), e);
        k->valid = spare ? (double *)(void *)spare->at : NULL;
    }
    bool ok = out && (spare || k->valid || !k->nan || d.f.over != OVER_ROWS);
    if (ok && reductions[id].fold->identity == IDENTITY_1) ok = fill_with_one(out, e);
    if (ok) k->acc = out->at;
    ok = ok && fold_stream(&d);
    datum_unref(spare);
    return ok ? out : datum_unref(out);
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

static bool skips_nan(const red_fn *r, const stream *s)
{
    return r->nan && is_float(s->type);
}

/* *count (float64 per cell, or one for all) and *total of the first pass */
static bool first_pass(const red_fn *r, const stream *s, nd **count, nd **total, err *e)
{
    bool nan = skips_nan(r, s);
    *total = NULL;
    *count = nan ? cells_new(r, s, true, dtype_plain(DT_float64), e)
                 : same_count(r, s, dtype_plain(DT_float64), e);
    if (!*count) return false;
    *total = stream_plain(r, R_sum, s, true, nan ? (double *)(void *)(*count)->at : NULL, e);
    return *total != NULL;
}

static datum *stream_mean(const red_fn *r, const stream *s, err *e)
{
    nd *count, *total, *n = NULL;
    if (first_pass(r, s, &count, &total, e)) n = nd_cast(count, r->want, 'u', e);
    datum_unref(count);
    if (n) return red_pack(2, (nd *[]){n, total});
    datum_unref(total);
    return NULL;
}

/* sums of squares about the means, which are float64 in C order */
static nd *second_pass(const red_fn *r, const stream *s, const nd *mean, err *e)
{
    fold d = fold_of(r, R_sum, s, e);
    folder *k = &d.k;
    nd *sums = cells_new(r, s, true, s->type, e);
    k->nan = skips_nan(r, s);
    k->u = mean->at;
    k->wide = s->type.dt == DT_float32;
    buf *room = k->wide ? buf_new(TILE_MOST * sizeof *k->room, e) : NULL;
    if (sums) k->acc = sums->at;
    if (room) k->room = (float *)(void *)room->data;
    bool ok = sums && (room || !k->wide) && s->again(s->ctx, e) && fold_stream(&d);
    buf_unref(room);
    nd *out = ok ? nd_expand(sums, s->ndim) : NULL; /* of orders 2 .. 2 */
    datum_unref(sums);
    return out;
}

static datum *stream_moment(const red_fn *r, const stream *s, err *e)
{
    nd *count, *total, *n = NULL, *mean = NULL, *sums = NULL;
    if (first_pass(r, s, &count, &total, e)) n = nd_cast(count, dtype_plain(DT_int64), 'u', e);
    if (n) mean = nd_map2(U_divide, total, n, e);
    if (mean) sums = second_pass(r, s, mean, e);
    datum_unref(count);
    datum_unref(mean);
    if (sums) return red_pack(3, (nd *[]){total, n, sums});
    datum_unref(total);
    datum_unref(n);
    return NULL;
}

datum *red_stream(const fn *f, const stream *s, err *e)
{
    const red_fn *r = (const red_fn *)f;
    switch (sort_of(f)) {
    case SORT_MEAN: return stream_mean(r, s, e);
    case SORT_MOMENT: return stream_moment(r, s, e);
    default: return (datum *)stream_plain(r, r->id, s, r->keepdims, NULL, e);
    }
}

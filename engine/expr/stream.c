/* engine/expr/stream.c - reductions of blocks that come in pieces: sums, extrema, means, moments.
 *
 * The chunk functions of reduceops.c in one or two passes over pieces that are still in cache, and
 * with no temporary of the block's size.  The order of additions is that of reduce.c, which is
 * NumPy's: a run that folds into one cell goes in blocks of 8192, each pairwise (here as four
 * quarters: a quarter is a subtree); where the innermost axis stays, row is added to row. */
#include <math.h>
#include <string.h>

#include "engine/expr/reduceops.h"
#include "engine/expr/tile.h"
#include "engine/kernels/cast.h"
#include "engine/kernels/fold.h"
#include "engine/kernels/ops.h"

/* --- which axes fold --- */

enum over { OVER_NOTHING, OVER_ALL, OVER_ROWS, OVER_RUNS };

/* Neighbouring axes that both fold, or both stay, are one.  The innermost two are a stretch, which
 * folds at one go; the others say which cells the next stretch goes to. */
typedef struct folding {
    enum over over;        /* which of a stretch's axes folds */
    int64_t cells, length; /* of a stretch: results; elements that fold into each */
    int64_t total;         /* elements that fold into each result, in all stretches */
    int nouter;            /* further axes, innermost first */
    int64_t outer[GRID_MAXDIM];
    int64_t step[GRID_MAXDIM]; /* cells that a step along it goes on; 0: it folds */
} folding;

/* Axes of extent 1 do not matter.  *folds: the innermost one does. */
static int merged_axes(uint32_t axes, int ndim, const int64_t *shape, int64_t *extent, bool *folds)
{
    int n = 0;
    bool was = false;
    for (int i = ndim; i-- > 0;) {
        if (shape[i] == 1) continue;
        bool now = (axes & axis_bit(i)) != 0;
        if (!n) *folds = now;
        if (n && now == was)
            extent[n - 1] *= shape[i];
        else
            extent[n++] = shape[i];
        was = now;
    }
    return n;
}

/* OVER_ROWS: the outer axis of a stretch folds; OVER_RUNS: the inner one. */
static folding folding_of(uint32_t axes, int ndim, const int64_t *shape)
{
    folding f = {.cells = 1, .length = 1, .total = 1};
    int64_t extent[GRID_MAXDIM], cells = 1;
    bool runs = false;
    int n = merged_axes(axes, ndim, shape, extent, &runs);
    if (n < 1 + !runs) return f;
    f.over = n == 1 ? OVER_ALL : runs ? OVER_RUNS : OVER_ROWS;
    f.length = runs ? extent[0] : extent[1];
    if (n > 1) cells = f.cells = runs ? extent[1] : extent[0];
    f.total = f.length;
    for (int i = 2; i < n; i++) {
        bool folds = i % 2 ? !runs : runs;
        f.outer[f.nouter] = extent[i];
        f.step[f.nouter++] = folds ? 0 : cells;
        *(folds ? &f.total : &cells) *= extent[i];
    }
    return f;
}

/* --- one fold --- */

typedef struct folder {
    const stream *s;
    folding f;
    loop run;        /* folds pieces, unless pairs */
    bool pairs;      /* float64 or float32 sums, by the functions of fold.h */
    bool single;     /* float32 */
    bool nan;        /* NaN counts as 0 */
    bool first;      /* a cell starts with its first element, not with the identity */
    bool any_size;   /* pieces of any size give the same result */
    const double *u; /* squares of the distance from this, per cell; or NULL */
    double *valid;   /* counts what is not NaN, per cell; or NULL */
    float *squares;  /* of a piece of floats, whose distances are float64 */
    char *acc;
    ptrdiff_t size;
    err *e;
} folder;

/* one piece of at most 8192 elements as its pairwise sum */
static double piece_sum(folder *k, const char *at, size_t n, int64_t cell)
{
    int64_t valid = 0;
    double r;
    if (k->single && k->u) {
        square_distances_f32(k->squares, (const float *)(const void *)at, k->u + cell, 0, n);
        r = (double)fold_sum_f32(k->squares, n);
    } else if (k->single)
        r = (double)(k->nan ? fold_nansum_f32((const float *)(const void *)at, n, &valid)
                            : fold_sum_f32((const float *)(const void *)at, n));
    else if (k->u)
        r = (k->nan ? fold_nansquares_f64 : fold_squares_f64)((const double *)(const void *)at, n,
                                                              k->u[cell]);
    else
        r = k->nan ? fold_nansum_f64((const double *)(const void *)at, n, &valid)
                   : fold_sum_f64((const double *)(const void *)at, n);
    if (k->valid) k->valid[cell] += (double)valid;
    return r;
}

/* the sum of two, rounded to the folder's type */
static double plus(const folder *k, double a, double b)
{
    return k->single ? (double)(float)(a + b) : a + b;
}

static void add_to_cell(folder *k, int64_t cell, double x)
{
    char *at = k->acc + cell * k->size;
    if (k->single)
        *(float *)(void *)at += (float)x;
    else
        *(double *)(void *)at += x;
}

static const char *next(const folder *k, int64_t from, int64_t n)
{
    return k->s->next(k->s->ctx, from, n, k->e);
}

/* a whole block of 8192: its quarters one after the other, so that a quarter stays in L1 */
static bool fold_quarters(folder *k, int64_t cell, int64_t from)
{
    double part[4];
    for (int i = 0; i < 4; i++) {
        const char *at = next(k, from + i * (FOLD_BLOCK / 4), FOLD_BLOCK / 4);
        if (!at) return false;
        part[i] = piece_sum(k, at, FOLD_BLOCK / 4, cell);
    }
    add_to_cell(k, cell, plus(k, plus(k, part[0], part[1]), plus(k, part[2], part[3])));
    return true;
}

static void fold_piece(folder *k, int64_t cell, const char *at, int64_t n, bool begins)
{
    char *acc = k->acc + cell * k->size;
    if (k->pairs) {
        add_to_cell(k, cell, piece_sum(k, at, (size_t)n, cell));
        return;
    }
    if (begins && k->first) memcpy(acc, at, (size_t)k->size);
    k->run((size_t)n, (char *[]){acc, (char *)(uintptr_t)at, acc},
           (ptrdiff_t[]){0, k->size, 0, k->size, k->size});
}

/* a run that folds into one cell */
static bool fold_long(folder *k, int64_t cell, int64_t from, bool begins)
{
    int64_t most = k->any_size ? TILE : FOLD_BLOCK, length = k->f.length;
    for (int64_t done = 0, n; done < length; done += n) {
        n = length - done < most ? length - done : most;
        if (k->pairs && n == FOLD_BLOCK) {
            TRY(fold_quarters(k, cell, from + done));
            continue;
        }
        const char *at = next(k, from + done, n);
        if (!at) return false;
        fold_piece(k, cell, at, n, begins && done == 0);
    }
    return true;
}

/* `n` runs in memory, each into its cell */
static void add_runs(folder *k, int64_t cell, const char *at, int64_t n, bool begins)
{
    int64_t length = k->f.length;
    for (int64_t i = 0; i < n; i++)
        fold_piece(k, cell + i, at + i * length * k->size, length, begins);
}

/* short runs: several to a piece */
static bool fold_short(folder *k, int64_t cell, int64_t from, bool begins)
{
    int64_t length = k->f.length, most = TILE / length;
    for (int64_t i = 0, n; i < k->f.cells; i += n) {
        n = k->f.cells - i < most ? k->f.cells - i : most;
        const char *at = next(k, from + i * length, n * length);
        if (!at) return false;
        add_runs(k, cell + i, at, n, begins);
    }
    return true;
}

static bool fold_runs(folder *k, int64_t cell, int64_t from, bool begins)
{
    if (k->f.length <= TILE / 2) return fold_short(k, cell, from, begins);
    for (int64_t i = 0; i < k->f.cells; i++)
        TRY(fold_long(k, cell + i, from + i * k->f.length, begins));
    return true;
}

/* `rows` rows of n elements for the cells from `cell` on */
static void add_rows(folder *k, int64_t cell, const char *at, size_t n, size_t rows, bool begins)
{
    char *acc = k->acc + cell * k->size;
    const double *x = (const double *)(const void *)at;
    double *to = (double *)(void *)acc;
    double *valid = k->valid ? k->valid + cell : NULL;
    if (k->pairs && k->single && k->u) {
        const float *row = (const float *)(const void *)at;
        for (size_t i = 0; i < rows; i++, row += n) {
            square_distances_f32(k->squares, row, k->u + cell, 1, n);
            fold_row_sum_f32((float *)(void *)acc, k->squares, n, 1);
        }
    } else if (k->pairs && k->single && k->nan)
        fold_row_nansum_f32((float *)(void *)acc, valid, (const float *)(const void *)at, n, rows);
    else if (k->pairs && k->single)
        fold_row_sum_f32((float *)(void *)acc, (const float *)(const void *)at, n, rows);
    else if (k->pairs && k->u)
        (k->nan ? fold_row_nansquares_f64 : fold_row_squares_f64)(to, x, k->u + cell, n, rows);
    else if (k->pairs && k->nan)
        fold_row_nansum_f64(to, valid, x, n, rows);
    else if (k->pairs)
        fold_row_sum_f64(to, x, n, rows);
    else
        for (size_t i = 0; i < rows; i++) {
            char *row = (char *)(uintptr_t)at + (ptrdiff_t)(i * n) * k->size;
            if (begins && i == 0 && k->first) memcpy(acc, row, n * (size_t)k->size);
            k->run(n, (char *[]){acc, row, acc},
                   (ptrdiff_t[]){k->size, k->size, k->size, k->size, k->size});
        }
}

static bool fold_rows(folder *k, int64_t first, int64_t from, bool begins)
{
    int64_t cells = k->f.cells, most = cells < TILE ? TILE / cells : 1;
    for (int64_t row = 0, rows; row < k->f.length; row += rows) {
        rows = k->f.length - row < most ? k->f.length - row : most;
        for (int64_t cell = 0, n; cell < cells; cell += n) {
            n = rows > 1 || cells - cell < TILE ? cells - cell : TILE;
            const char *at = next(k, from + row * cells + cell, rows * n);
            if (!at) return false;
            add_rows(k, first + cell, at, (size_t)n, (size_t)rows, begins && row == 0);
        }
    }
    return true;
}

static bool fold_stretch(folder *k, int64_t cell, int64_t from, bool begins)
{
    switch (k->f.over) {
    case OVER_ALL: return fold_long(k, cell, from, begins);
    case OVER_ROWS: return fold_rows(k, cell, from, begins);
    default: return fold_runs(k, cell, from, begins);
    }
}

/* one whole stretch in memory */
static void add_stretch(folder *k, int64_t cell, const char *at, bool begins)
{
    if (k->f.over == OVER_ROWS)
        add_rows(k, cell, at, (size_t)k->f.cells, (size_t)k->f.length, begins);
    else
        add_runs(k, cell, at, k->f.cells, begins);
}

/* The first cell of stretch i.  *begins: nothing has gone into it so far. */
static int64_t stretch_cell(const folding *f, int64_t i, bool *begins)
{
    int64_t cell = 0;
    *begins = true;
    for (int k = 0; k < f->nouter; k++) {
        int64_t at = i % f->outer[k];
        i /= f->outer[k];
        cell += at * f->step[k];
        if (at && !f->step[k]) *begins = false;
    }
    return cell;
}

/* Stretches one after the other, small ones several to a piece. */
static bool fold_stream(folder *k)
{
    int64_t size = k->f.cells * k->f.length, n = k->s->count / size, most = TILE / size;
    bool begins;
    for (int64_t i = 0, some; i < n; i += some) {
        some = most < 2 || k->f.over == OVER_ALL ? 1 : n - i < most ? n - i : most;
        if (some == 1) {
            int64_t cell = stretch_cell(&k->f, i, &begins);
            TRY(fold_stretch(k, cell, i * size, begins));
            continue;
        }
        const char *at = next(k, i * size, some * size);
        if (!at) return false;
        for (int64_t q = 0; q < some; q++) {
            int64_t cell = stretch_cell(&k->f, i + q, &begins);
            add_stretch(k, cell, at + q * size * k->size, begins);
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

/* the loop that folds type t into t; NULL: other types are needed */
static loop same_loop(const ufunc *f, dtype_of t)
{
    ufunc_plan plan;
    err e = {0};
    operand in[] = {{.t = t}, {.t = t}};
    bool ok = ufunc_resolve(f, in, (dtype_of){.dt = DT_none}, 0, &plan, &e);
    err_clear(&e);
    for (int i = 0; i < 3 && ok; i++) ok = plan.arg[i].dt == t.dt;
    return ok ? plan.run : NULL;
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
    if (!ok || !dtype_is_number(as->dt) || !same_loop(reductions[id].fold, *as)) return false;
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
    if (r->nan && !whole) return t.dt == DT_float64 && r->want.dt == DT_float64;
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

static folder folder_of(const red_fn *r, enum reduction_id id, const stream *s, err *e)
{
    const ufunc *f = reductions[id].fold;
    bool sums = f->id == U_add, real = is_float(s->type);
    return (folder){.s = s,
                    .f = folding_of(r->axes, s->ndim, s->shape),
                    .run = same_loop(f, s->type),
                    .pairs = sums && real,
                    .single = s->type.dt == DT_float32,
                    .first = f->identity == NO_IDENTITY,
                    .any_size = !sums || s->type.dt <= DT_uint64,
                    .size = s->type.size,
                    .e = e};
}

static nd *stream_plain(const red_fn *r, enum reduction_id id, const stream *s, bool keepdims,
                        double *valid, err *e)
{
    folder k = folder_of(r, id, s, e);
    k.nan = k.pairs && (id == R_nansum || valid);
    k.valid = valid;
    nd *out = cells_new(r, s, keepdims, s->type, e), *spare = NULL;
    if (k.nan && k.f.over == OVER_ROWS && !valid) { /* rows always count */
        spare = cells_new(r, s, true, dtype_plain(DT_float64), e);
        k.valid = spare ? (double *)(void *)spare->at : NULL;
    }
    bool ok = out && (spare || k.valid || !k.nan || k.f.over != OVER_ROWS);
    if (ok && reductions[id].fold->identity == IDENTITY_1) ok = fill_with_one(out, e);
    if (ok) k.acc = out->at;
    ok = ok && fold_stream(&k);
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
    return r->nan && s->type.dt == DT_float64;
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
    folder k = folder_of(r, R_sum, s, e);
    nd *sums = cells_new(r, s, true, s->type, e);
    k.nan = skips_nan(r, s);
    k.u = (const double *)(const void *)mean->at;
    buf *room = k.single ? buf_new(TILE_MOST * sizeof *k.squares, e) : NULL;
    if (sums) k.acc = sums->at;
    if (room) k.squares = (float *)(void *)room->data;
    bool ok = sums && (room || !k.single) && s->again(s->ctx, e) && fold_stream(&k);
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

/* engine/kernels/reduce_memory.c - folding blocks that lie in memory in C order.
 *
 * The same additions in the same order as reduce.c's general fold, without a walk: elements of
 * other types are cast a piece at a time, and nothing is stored but the results.  Large folds of a
 * thread that is nobody's worker are shared out so that no cell is two threads' at once; a long
 * run into one cell is shared out by its blocks of 8192, whose sums are then added in order. */
#include <stdatomic.h>
#include <string.h>

#include "engine/base/mem.h"
#include "engine/base/par.h"
#include "engine/base/stop.h"
#include "engine/kernels/cast.h"
#include "engine/kernels/folder.h"
#include "engine/kernels/fp.h"
#include "engine/kernels/ops.h"
#include "engine/kernels/reduce_parts.h"

enum {
    SHARE = 1 << 17,    /* elements of a turn, at least */
    COLUMNS = 512,      /* of rows, at least */
    SMALLEST = 1 << 11, /* elements of a block */
    WIDEST = 8,         /* bytes of what is cast */
    LINE = 64           /* bytes a cache moves at once */
};

typedef struct job {
    folder k;
    folding f;
    const char *from;
    dtype_of type; /* in memory */
    cast_loop cast;
    bool whole;             /* runs of numbers are added up without a cast */
    int64_t count, stretch; /* elements of all, of a stretch */
    int64_t turns, columns; /* columns: of rows, that a turn takes */
    double *sum;            /* of blocks of one run */
    char *part;             /* cells of turns, of one run */
    _Atomic unsigned flags;
    _Atomic bool stopped;
} job;

/* --- pieces ------------------------------------------------------------------------------------
 */

/* n elements from `at` on, as they lie or cast */
static const char *piece(const job *j, int64_t at, int64_t n, char *room)
{
    const char *from = j->from + at * (int64_t)j->type.size;
    err none = {0}; /* numbers always cast */
    if (!j->cast) return from;
    j->cast((size_t)n, room, j->k.type.size, from, j->type.size, j->k.type, j->type, &none);
    return room;
}

/* n <= FOLD_BLOCK elements of one cell's run */
static void fold_piece(const job *j, folder *k, int64_t cell, int64_t at, int64_t n, char *room,
                       bool begins)
{
    if (j->whole)
        folder_whole(k, cell, j->type, j->from + at * (int64_t)j->type.size, (size_t)n);
    else
        folder_piece(k, cell, piece(j, at, n, room), (size_t)n, begins);
}

/* `n` runs of `length`, from element `at` on, into as many cells */
static void fold_runs(const job *j, folder *k, int64_t cell, int64_t at, int64_t n, bool begins)
{
    char room[FOLD_BLOCK * WIDEST];
    int64_t length = j->f.length, most = FOLD_BLOCK / length;
    if (most > 1 && !j->whole) { /* short: several to a piece */
        for (int64_t i = 0, some; i < n; i += some) {
            some = n - i < most ? n - i : most;
            const char *x = piece(j, at + i * length, some * length, room);
            folder_runs(k, cell + i, x, (size_t)some, (size_t)length, begins);
        }
        return;
    }
    for (int64_t i = 0; i < n; i++)
        for (int64_t done = 0; done < length; done += FOLD_BLOCK) {
            int64_t some = length - done < FOLD_BLOCK ? length - done : FOLD_BLOCK;
            fold_piece(j, k, cell + i, at + i * length + done, some, room, begins && done == 0);
        }
}

/* A piece of the next row: processors guess what follows in a row, not where a strip goes on. */
static inline void ask_ahead(const char *at, int64_t bytes)
{
    for (int64_t b = 0; b < bytes; b += LINE) __builtin_prefetch(at + b);
}

/* columns [first, end) of the rows from element `at` on */
static void fold_rows(const job *j, folder *k, int64_t cell, int64_t at, int64_t first, int64_t end,
                      bool begins)
{
    char room[FOLD_BLOCK * WIDEST];
    int64_t cells = j->f.cells, rows = j->f.length, n = end - first, some;
    if (n == cells && (n <= FOLD_BLOCK / 2 || !j->cast)) {
        int64_t most = n < FOLD_BLOCK ? FOLD_BLOCK / n : 1;
        for (int64_t i = 0; i < rows; i += some) {
            some = rows - i < most ? rows - i : most;
            const char *x = piece(j, at + i * cells, some * n, room);
            folder_rows(k, cell, x, (size_t)n, (size_t)some, begins && i == 0);
        }
        return;
    }
    for (int64_t i = 0; i < rows; i++)
        for (int64_t c = first; c < end; c += some) {
            some = end - c < FOLD_BLOCK ? end - c : FOLD_BLOCK;
            const char *x = piece(j, at + i * cells + c, some, room);
            if (!j->cast)
                ask_ahead(x + cells * (int64_t)j->type.size, some * (int64_t)j->type.size);
            folder_rows(k, cell + c, x, (size_t)some, 1, begins && i == 0);
        }
}

/* --- turns -------------------------------------------------------------------------------------
 */

static void take_stretches(const job *j, folder *k, int64_t i, int64_t end)
{
    for (; i < end; i++) {
        bool begins;
        int64_t cell = folding_cell(&j->f, i, &begins);
        if (j->f.over == OVER_ROWS)
            fold_rows(j, k, cell, i * j->stretch, 0, j->f.cells, begins);
        else
            fold_runs(j, k, cell, i * j->stretch, j->f.cells, begins);
    }
}

/* columns of all stretches */
static void take_columns(const job *j, folder *k, int64_t turn)
{
    int64_t first = turn * j->columns, end = first + j->columns;
    if (end > j->f.cells) end = j->f.cells;
    for (int64_t i = 0; i < j->count / j->stretch; i++) {
        bool begins;
        int64_t cell = folding_cell(&j->f, i, &begins);
        fold_rows(j, k, cell, i * j->stretch, first, end, begins);
    }
}

/* blocks of the only run */
static void take_blocks(const job *j, folder *k, int64_t turn)
{
    char room[FOLD_BLOCK * WIDEST];
    int64_t blocks = (j->count + FOLD_BLOCK - 1) / FOLD_BLOCK;
    int64_t i = turn * blocks / j->turns, first = i, end = (turn + 1) * blocks / j->turns;
    if (j->part) k->acc = j->part + turn * (int64_t)k->type.size;
    for (; i < end; i++) {
        int64_t at = i * FOLD_BLOCK, n = j->count - at < FOLD_BLOCK ? j->count - at : FOLD_BLOCK;
        if (j->sum && j->whole)
            j->sum[i] = fold_whole_f64(j->type.dt, j->from + at * (int64_t)j->type.size, (size_t)n);
        else if (j->sum)
            j->sum[i] = folder_sum(k, piece(j, at, n, room), (size_t)n, 0);
        else
            fold_piece(j, k, 0, at, n, room, i == first);
    }
}

static void take_turn(void *arg, int64_t turn)
{
    job *j = arg;
    folder k = j->k;
    if (atomic_load_explicit(&j->stopped, memory_order_relaxed)) return;
    if (stop_asked()) {
        atomic_store(&j->stopped, true);
        return;
    }
    unsigned before = fp_test();
    double valid = 0;
    fp_clear();
    if (j->sum || j->part) {
        if (j->k.valid) k.valid = &valid;
        take_blocks(j, &k, turn);
        if (j->k.valid) j->k.valid[turn] = valid;
    } else if (j->columns)
        take_columns(j, &k, turn);
    else if (j->f.nouter == 0 && j->f.over == OVER_RUNS) {
        int64_t cell = turn * j->f.cells / j->turns, end = (turn + 1) * j->f.cells / j->turns;
        fold_runs(j, &k, cell, cell * j->f.length, end - cell, true);
    } else {
        int64_t n = j->count / j->stretch;
        take_stretches(j, &k, turn * n / j->turns, (turn + 1) * n / j->turns);
    }
    atomic_fetch_or_explicit(&j->flags, fp_test(), memory_order_relaxed);
    fp_raise(before);
}

/* --- sharing out -------------------------------------------------------------------------------
 */

/* every stretch has cells of its own */
static bool is_apart(const folding *f)
{
    for (int i = 0; i < f->nouter; i++)
        if (!f->step[i]) return false;
    return true;
}

/* how a turn's share is cut, and how many turns there are */
static void cut(job *j)
{
    int64_t stretches = j->count / j->stretch, most = j->count / SHARE + 1;
    j->turns = 1;
    if (j->f.over == OVER_RUNS && j->f.nouter == 0)
        j->turns = j->f.cells;
    else if (is_apart(&j->f))
        j->turns = stretches;
    if (j->turns > most) j->turns = most;
    if (j->turns >= 2 * par_width() || j->f.over != OVER_ROWS || most == 1) return;
    int64_t share = most < 2 * par_width() ? most : 2 * par_width(); /* wide: memory likes runs */
    int64_t columns = j->f.cells / share > COLUMNS ? j->f.cells / share : COLUMNS;
    int64_t turns = (j->f.cells + columns - 1) / columns;
    if (turns <= j->turns) return;
    j->columns = columns;
    j->turns = turns;
}

/* one run into one cell: sums of its blocks, or cells of turns, put together in order */
static bool fold_one(job *j, err *e)
{
    int64_t blocks = (j->count + FOLD_BLOCK - 1) / FOLD_BLOCK, most = j->count / SHARE + 1;
    dtype_of t = j->k.type; /* in any order: whole numbers, extrema */
    bool exact = t.dt <= DT_uint64 || (j->k.first && t.dt <= DT_float64);
    size_t size = j->k.type.size;
    if (most == 1 || (!j->k.pairs && !exact)) {
        j->turns = 1;
        take_turn(j, 0);
        return true;
    }
    j->turns = most;
    double *all = j->k.valid;
    size_t n = j->k.pairs ? (size_t)blocks * sizeof(double) : (size_t)most * size;
    char *room = try_alloc(n + (size_t)most * sizeof(double), e);
    if (!room) return false;
    if (all) j->k.valid = (double *)(void *)(room + n);
    if (j->k.pairs)
        j->sum = (double *)(void *)room;
    else
        j->part = room;
    for (int64_t i = 0; j->part && i < most; i++) memcpy(room + i * (int64_t)size, j->k.acc, size);
    par_for(most, take_turn, j);
    for (int64_t i = 0; j->sum && i < blocks; i++) folder_add(&j->k, 0, j->sum[i]);
    for (int64_t i = 0; all && i < most; i++) all[0] += j->k.valid[i];
    if (j->part) folder_piece(&j->k, 0, j->part, (size_t)most, true);
    mem_free(room);
    return true;
}

bool memory_folds(const nd *x, uint32_t axes, dtype_of t)
{
    bool same = x->dtype == t.dt;
    if (!(x->flags & ND_C) || nd_count(x) < SMALLEST || t.dt > DT_complex128) return false;
    if (x->dtype > DT_complex128 || (!same && (t.size > WIDEST || !dtype_is_number(t.dt))))
        return false;
    return folding_of(axes, x->ndim, nd_shape(x)).over != OVER_NOTHING;
}

/* into k's cells */
static bool fold_memory(const folder *k, const nd *x, uint32_t axes, err *e)
{
    job j = {.k = *k,
             .f = folding_of(axes, x->ndim, nd_shape(x)),
             .from = x->at,
             .type = nd_type(x),
             .count = nd_count(x)};
    j.stretch = j.f.cells * j.f.length;
    j.whole = folder_takes(k, j.type);
    if (x->dtype != k->type.dt) TRY(j.cast = cast_find(k->type, j.type, e));
    bool ok = true;
    if (j.f.over == OVER_ALL)
        ok = fold_one(&j, e);
    else {
        cut(&j);
        par_for(j.turns, take_turn, &j);
    }
    fp_raise(j.flags);
    return ok && (!j.stopped || stop_check(e));
}

/* --- the two faces -----------------------------------------------------------------------------
 */

static nd *cells_new(const nd *x, uint32_t axes, bool keepdims, dtype_of t, err *e)
{
    int64_t shape[ND_MAXDIM];
    int n = reduce_shape(x, axes, keepdims, shape);
    return nd_zero(t, n, shape, e);
}

nd *memory_reduce(const ufunc *f, loop run, const nd *x, uint32_t axes, bool keepdims, dtype_of t,
                  const void *identity, err *e)
{
    folder k = folder_of(f, run, t);
    nd *out = cells_new(x, axes, keepdims, t, e);
    static const char zero[16];
    if (out && identity && memcmp(identity, zero, t.size) != 0) {
        nd *v = nd_scalar(t.dt, identity);
        bool ok = nd_assign(out, v, 'u', NULL, e);
        datum_unref(v);
        if (!ok) return datum_unref(out);
    }
    if (out) k.acc = out->at;
    return out && fold_memory(&k, x, axes, e) ? out : datum_unref(out);
}

nd *memory_sum(const nd *x, uint32_t axes, bool keepdims, dtype_of t, const nd *u, bool nan,
               nd **valid, err *e)
{
    folder k = folder_of(&ufuncs[U_add], NULL, t);
    nd *out = cells_new(x, axes, keepdims, t, e);
    bool counts = nan && !u; /* those who skip NaN always count */
    nd *n = out && counts ? cells_new(x, axes, true, dtype_plain(DT_float64), e) : NULL;
    bool ok = out && (n || !counts);
    k.nan = nan;
    k.u = u ? u->at : NULL;
    k.valid = n ? (double *)(void *)n->at : NULL;
    if (ok) k.acc = out->at;
    ok = ok && fold_memory(&k, x, axes, e);
    if (ok && valid)
        *valid = n;
    else
        datum_unref(n);
    return ok ? out : datum_unref(out);
}

/* engine/kernels/folder.h - one fold, a piece of the elements at a time.
 *
 * What folds of blocks in memory (reduce_memory.c) and of blocks that come in pieces
 * (expr/stream.c) share: cells, and how a piece is added to one of them, or rows of pieces to many.
 * The order of additions is NumPy's as long as whoever calls goes through the elements in C order
 * and gives a cell's run in pieces of FOLD_BLOCK, unless any_size. */
#pragma once

#include "engine/kernels/fold.h"
#include "engine/kernels/ufunc.h"

/* --- which axes fold --- */

enum { FOLD_MAXDIM = 32 };
enum over { OVER_NOTHING, OVER_ALL, OVER_ROWS, OVER_RUNS };

/* Neighbouring axes that both fold, or both stay, are one.  The innermost two are a stretch, which
 * folds at one go; the others say which cells the next stretch goes to. */
typedef struct folding {
    enum over over;        /* which of a stretch's axes folds */
    int64_t cells, length; /* of a stretch: results; elements that fold into each */
    int64_t total;         /* elements that fold into each result, in all stretches */
    int nouter;            /* further axes, innermost first */
    int64_t outer[FOLD_MAXDIM];
    int64_t step[FOLD_MAXDIM]; /* cells that a step along it goes on; 0: it folds */
} folding;

/* of a block in C order; OVER_NOTHING: none of more than one element */
folding folding_of(uint32_t axes, int ndim, const int64_t *shape);
/* The first cell of stretch i.  *begins: nothing has gone into it so far. */
int64_t folding_cell(const folding *f, int64_t i, bool *begins);

/* --- one fold --- */

typedef struct folder {
    dtype_of type; /* of elements and cells */
    char *acc;     /* the cells, contiguous */
    loop run;      /* folds pieces, unless pairs */
    bool sums;     /* it adds */
    bool pairs;    /* float64 or float32 sums, by the functions of fold.h */
    bool nan;      /* NaN counts as 0 */
    bool first;    /* a cell starts with its first element, not with the identity */
    bool any_size; /* pieces of any size give the same result */
    bool wide;     /* u is float64 although the elements are float32 */
    const void *u; /* squares of the distance from this, per cell; or NULL */
    double *valid; /* counts what is not NaN, per cell; or NULL.  Rows need it to skip NaN. */
    float *room;   /* for a piece of float32, if wide */
} folder;

/* the loop of f from t and t to t; NULL: it works in other types */
loop folder_loop(const ufunc *f, dtype_of t);
/* without cells yet */
folder folder_of(const ufunc *f, loop run, dtype_of t);

/* Can folder_whole() add up elements of type `from`? */
bool folder_takes(const folder *k, dtype_of from);
/* adds n <= FOLD_BLOCK elements of that type to one cell */
void folder_whole(folder *k, int64_t cell, dtype_of from, const char *at, size_t n);
/* of n <= FOLD_BLOCK elements, for the cell; only when k->pairs */
double folder_sum(folder *k, const char *at, size_t n, int64_t cell);
void folder_add(folder *k, int64_t cell, double sum);
/* adds n elements to one cell (n <= FOLD_BLOCK unless any_size); begins: the cell's first */
void folder_piece(folder *k, int64_t cell, const char *at, size_t n, bool begins);
/* n runs of `length` into as many cells, each a piece */
void folder_runs(folder *k, int64_t cell, const char *at, size_t n, size_t length, bool begins);
/* adds `rows` rows of n elements to the n cells from `cell` on */
void folder_rows(folder *k, int64_t cell, const char *at, size_t n, size_t rows, bool begins);

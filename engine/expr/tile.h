/* engine/expr/tile.h - block operations that can work piece by piece.
 *
 * A fused program evaluates an elementwise chain on elements [from, from + n) of a block in C
 * order, few enough to stay in cache (plan/tiles.c).  One that makes a block from nothing takes
 * part when it has a tile_kind; a reduction takes part when red_streams() says so. */
#pragma once

#include "engine/data/grid.h"
#include "engine/graph/fn.h"

enum {
    TILE = 2048,          /* elements of a piece, usually: all that a chain needs stays in L1 */
    TILE_MOST = 8192,     /* at most: NumPy's block of a sum */
    TILE_LEAST = 4 * TILE /* of a block; in smaller ones pieces gain nothing */
};

typedef struct tile_call {
    const fn *f;
    const call *c; /* the task's literals */
    void *state;   /* tile_kind.state bytes, kept over the pieces of a block */
} tile_call;

typedef struct tile_kind {
    size_t state;
    /* Before the first piece; may be NULL.  False without an error: not this one, after all. */
    bool (*begin)(const tile_call *t, err *e);
    /* Elements of the block's type into `out`; pieces come in order, each once. */
    bool (*fill)(const tile_call *t, int64_t from, int64_t n, void *out, err *e);
    /* Elements are first + i * step, int64; may be NULL.  False: these are not. */
    bool (*ramp)(const tile_call *t, int64_t *first, int64_t *step);
    /* instead of fill: the one element of all, 0-d, borrowed */
    const nd *(*value)(const tile_call *t);
} tile_kind;

/* A block that is made piece by piece, in C order. */
typedef struct stream {
    int ndim;
    int64_t shape[GRID_MAXDIM], count;
    dtype_of type; /* of the pieces */
    bool lies;     /* pieces are part of a block in memory: the longer the better */
    void *ctx;
    /* Elements [from, from + n), n <= TILE_MOST, contiguous; borrowed until the next call.  Pieces
     * come in order.  NULL: failed. */
    const char *(*next)(void *ctx, int64_t from, int64_t n, err *e);
    /* Instead of the next n elements, n <= `sums` and both multiples of TILE, in out[] (of `type`)
     * the sum of every TILE of them as folder_sum gives it; of int64 only that of all. */
    bool (*sum)(void *ctx, int64_t from, int64_t n, void *out, err *e);
    int64_t sums;                     /* 0: it has none */
    bool (*again)(void *ctx, err *e); /* from the start */
} stream;

enum { RED_MOST = 8 }; /* reductions in step */

/* Can f (a callable, perhaps several) be given its first argument, a block of type t, as a stream?
 * Then in as[] are the types that it works in (one for each of several), and red_stream gives the
 * very bits that the call on the whole block gives. */
bool red_streams(const fn *f, int ndim, const int64_t *shape, dtype_of t, dtype_of *as);
/* Would f, which works in `as`, rather have pieces of type t as they are?  lies: see stream */
bool red_takes(const fn *f, int ndim, const int64_t *shape, dtype_of t, dtype_of as, bool lies);
/* Is that better even when the block lies in memory? */
bool red_prefers_stream(const fn *f);
/* Pieces of another type than as[i] are cast.  arg: of the call. */
datum *red_stream(const fn *f, const lit *arg, const dtype_of *as, const stream *s, err *e);

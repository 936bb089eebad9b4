/* engine/data/grid.h - how an array is cut into chunks.
 *
 * An axis is a run-length coded list of chunk sizes (-1: unknown, Dask's nan); a grid is one axis
 * per dimension.  Both are counted and immutable, so that grids share axes and exprs share grids.
 * 10^9 equal chunks are one run. Blocks are numbered in C order. */
#pragma once

#include "engine/data/dtype.h"

enum { GRID_MAXDIM = 32 };

typedef struct run {
    int64_t size, count;
} run;

typedef struct axis {
    datum hdr;
    uint32_t nrun;
    int64_t nblock, extent; /* extent -1: some chunk size is unknown */
    int64_t largest;        /* -1 when unknown */
    const int64_t *block;   /* first block of each run */
    const int64_t *start;   /* first element of each run; meaningless when unknown */
    run run[];
} axis;

typedef struct grid {
    datum hdr;
    uint8_t ndim;
    uint64_t nblock;
    axis *ax[];
} grid;

/* axes */
axis *axis_new(int64_t n, const run *runs);     /* equal neighbours are merged */
axis *axis_of(int64_t n, const int64_t *sizes); /* one by one */
axis *axis_even(int64_t extent, int64_t size);  /* full chunks, then what is left */
axis *axis_repeat(int64_t count, int64_t size);
int64_t axis_size(const axis *a, int64_t block);
int64_t axis_start(const axis *a, int64_t block);  /* block may be nblock: the end */
int64_t axis_find(const axis *a, int64_t element); /* the block that holds it */
bool axis_eq(const axis *a, const axis *b);
static inline bool axis_known(const axis *a)
{
    return a->extent >= 0;
}
/* sizes under construction: mem_free(b.run) or axis_build, which empties it */
typedef struct axis_builder {
    run *run;
    int64_t n, cap;
} axis_builder;
void axis_add(axis_builder *b, int64_t size, int64_t count);
axis *axis_build(axis_builder *b);

/* grids: constructors count the axes they are given */
grid *grid_new(int ndim, axis *const *ax);
grid *grid_one(int ndim, const int64_t *shape); /* a single block */
grid *grid_even(int ndim, const int64_t *shape, const int64_t *size);
bool grid_eq(const grid *a, const grid *b);
static inline bool axis_single(const axis *a)
{
    return a->nblock == 1;
}
bool grid_known(const grid *g);                 /* every size is known */
void grid_shape(const grid *g, int64_t *shape); /* extents, -1 unknown */
int64_t grid_count(const grid *g);              /* elements; -1 unknown */
void grid_block(const grid *g, uint64_t linear, int64_t *block);
uint64_t grid_linear(const grid *g, const int64_t *block);
void grid_block_shape(const grid *g, const int64_t *block, int64_t *shape);
void grid_block_start(const grid *g, const int64_t *block, int64_t *start);
/* Python's text of the tuple of tuples: "((2, 2), (3, nan))"; mem_free it */
char *grid_text(const grid *g);
char *axis_text(const axis *a);
uint64_t grid_hash(const grid *g);

/* What a user may write for one axis of `chunks=`. */
enum chunk_form { CHUNK_SIZE, CHUNK_LIST, CHUNK_ALL /* -1, None */, CHUNK_AUTO, CHUNK_BYTES };
typedef struct chunk_spec {
    enum chunk_form form;
    int64_t size;        /* CHUNK_SIZE: elements; CHUNK_BYTES: the limit */
    int64_t n;           /* CHUNK_LIST */
    const int64_t *list; /* -1: nan */
} chunk_spec;

enum { CHUNK_LIMIT = 128 << 20 }; /* Dask's array.chunk-size */

/* Dask's normalize_chunks: nspec specs (already one per axis where the user wrote a scalar).
 * `limit` 0: CHUNK_LIMIT; `previous` (or NULL) guides "auto".  ValueError in Dask's words. */
grid *grid_normalize(int nspec, const chunk_spec *spec, int ndim, const int64_t *shape,
                     int64_t limit, dtype_of t, const grid *previous, err *e);

/* The coarsest cut that refines all given axes of one extent (Dask's common_blockdim). */
axis *axis_common(int n, axis *const *a, err *e);

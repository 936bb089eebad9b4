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

typedef struct cuts {
    datum hdr;
    uint32_t nrun;
    int64_t nblock, extent; /* extent -1: some chunk size is unknown */
    int64_t largest;        /* -1 when unknown */
    int64_t most; /* elements that a block can really have, where more are announced; 0: it has
                     what is announced */
    const int64_t *block; /* first block of each run */
    const int64_t *start; /* first element of each run; meaningless when unknown */
    run run[];
} cuts;

typedef struct grid {
    datum hdr;
    uint8_t ndim;
    uint64_t nblock;
    cuts *ax[];
} grid;

extern const datum_kind cuts_kind, grid_kind; /* for readers of bytes */

/* axes */
cuts *cuts_new(int64_t n, const run *runs);     /* equal neighbours are merged */
cuts *cuts_of(int64_t n, const int64_t *sizes); /* one by one */
cuts *cuts_even(int64_t extent, int64_t size);  /* full chunks, then what is left */
cuts *cuts_repeat(int64_t count, int64_t size);
/* `most`, below 1: not known, is how many elements a block can really have (Dask announces k for a
 * topk, however few there are) */
cuts *cuts_announced(int64_t count, int64_t size, int64_t most);
int64_t cuts_size(const cuts *a, int64_t block);
/* what memory needs to know: of block, and of any; -1 when unknown */
int64_t cuts_held(const cuts *a, int64_t block);
int64_t cuts_held_most(const cuts *a);
int64_t cuts_start(const cuts *a, int64_t block);  /* block may be nblock: the end */
int64_t cuts_find(const cuts *a, int64_t element); /* the block that holds it */
bool cuts_eq(const cuts *a, const cuts *b);
static inline bool cuts_known(const cuts *a)
{
    return a->extent >= 0;
}
/* sizes under construction: mem_free(b.run) or cuts_build, which empties it */
typedef struct cuts_builder {
    run *run;
    int64_t n, cap;
} cuts_builder;
void cuts_add(cuts_builder *b, int64_t size, int64_t count);
cuts *cuts_build(cuts_builder *b);

/* grids: constructors count the axes they are given */
grid *grid_new(int ndim, cuts *const *ax);
grid *grid_one(int ndim, const int64_t *shape); /* a single block */
grid *grid_even(int ndim, const int64_t *shape, const int64_t *size);
bool grid_eq(const grid *a, const grid *b);
static inline bool cuts_single(const cuts *a)
{
    return a->nblock == 1;
}
bool grid_known(const grid *g);                 /* every size is known */
bool grid_exact(const grid *g);                 /* and no block can have less than announced */
void grid_shape(const grid *g, int64_t *shape); /* extents, -1 unknown */
int64_t grid_count(const grid *g);              /* elements; -1 unknown */
void grid_block(const grid *g, uint64_t linear, int64_t *block);
uint64_t grid_linear(const grid *g, const int64_t *block);
void grid_block_shape(const grid *g, const int64_t *block, int64_t *shape);
void grid_block_start(const grid *g, const int64_t *block, int64_t *start);
/* Python's text of the tuple of tuples: "((2, 2), (3, nan))"; mem_free it */
char *grid_text(const grid *g);
char *cuts_text(const cuts *a);
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
/* Do the chunks add up to the shape (-1: unknown)?  ValueError in Dask's words. */
bool grid_fills(const grid *g, const int64_t *shape, err *e);

/* The coarsest cut that refines all given axes of one extent (Dask's common_blockdim). */
cuts *cuts_common(int n, cuts *const *a, err *e);

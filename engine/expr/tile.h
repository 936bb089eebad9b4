/* engine/expr/tile.h - block operations on a piece of a block.
 *
 * A fused program evaluates an elementwise chain tile by tile: elements [from, from + n) of the
 * block in C order, small enough to stay in cache.  A callable that can work so has a tile_kind. */
#pragma once

#include "engine/graph/fn.h"

typedef struct tile {
    const char *at;
    ptrdiff_t step; /* bytes between elements; 0: one element for all */
} tile;

typedef struct tile_call {
    const fn *f;
    const call *c;        /* the task's literals */
    const tile *in;       /* one per argument */
    const dtype_of *type; /* of the inputs as they come */
    void *state;          /* tile_kind.state bytes, kept over the tiles of a block */
    char *room;           /* space for the tile's elements */
    tile *out;            /* set: room, or memory lent */
} tile_call;

typedef struct tile_kind {
    size_t state;
    bool (*begin)(const tile_call *t, err *e); /* before the first tile; may be NULL */
    bool (*run)(const tile_call *t, int64_t from, int64_t n, err *e);
    bool in_order; /* tiles must come in order, each once (streams of random numbers) */
    bool lends;    /* out never uses room */
} tile_kind;

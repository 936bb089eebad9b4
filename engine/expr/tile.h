/* engine/expr/tile.h - block operations that can make a block piece by piece.
 *
 * A fused program evaluates an elementwise chain on elements [from, from + n) of a block in C
 * order, few enough to stay in cache.  Elementwise callables work on pieces as they are; one that
 * makes a block from nothing does when it has a tile_kind. */
#pragma once

#include "engine/graph/fn.h"

typedef struct tile_call {
    const fn *f;
    const call *c; /* the task's literals */
    void *state;   /* tile_kind.state bytes, kept over the pieces of a block */
} tile_call;

typedef struct tile_kind {
    size_t state;
    bool (*begin)(const tile_call *t, err *e); /* before the first piece; may be NULL */
    /* the elements as a 1-d block, or one element for all; pieces come in order, each once */
    nd *(*run)(const tile_call *t, int64_t from, int64_t n, err *e);
} tile_kind;

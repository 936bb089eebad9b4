/* engine/expr/bw.h - the inside of a blockwise layer, for the passes that fuse them. */
#pragma once

#include "engine/graph/layer.h"

/* where a block number comes from: an output axis (>= 0), always block 0, or a summed letter */
enum { BW_FIRST = -1 };
#define BW_SUM(s)       (-2 - (s))
#define BW_SUMMED(from) (-2 - (from))

typedef struct bw_input {
    layer *of; /* borrowed from base.dep; NULL: a literal */
    lit literal;
    int ndim;
    int16_t from[GRID_MAXDIM];
    int64_t nblock[GRID_MAXDIM];
} bw_input;

typedef struct bw_layer {
    layer base;
    fn *f;
    uint32_t narg, nref; /* nref: inputs of a task */
    int nsummed;
    bool plain; /* block i reads block i of every input */
    int64_t nsum[GRID_MAXDIM];
    bw_input *arg;
    arena mem;
} bw_layer;

const bw_layer *as_bw(const layer *l); /* NULL: another kind */
uint64_t bw_block(const bw_input *in, const int64_t *out, const int64_t *sum);
/* The same operation on other layers, which have the old ones' axes: of[k] for argument k (NULL for
 * literals), g is the result's grid.  An axis of one block under several of the result is repeated.
 * axis >= 0: the result has that axis more, and so have those of the layers that had as many as
 * the result had and have one more now. */
layer *bw_again(const bw_layer *l, const char *name, layer *const *of, grid *g, int axis);

/* engine/expr/gather.h - the inside of a layer whose task reads all blocks of another. */
#pragma once

#include "engine/expr/build.h"

typedef struct gather_layer {
    layer base;
    fn *f, *merge;     /* merge: NULL: all blocks are read at once */
    uint64_t most;     /* blocks to a task; 0: all of them */
    uint64_t run;      /* so many are merged at once */
    uint32_t narg, at; /* at: the argument that is the list */
    lit *arg;
    arena mem;
} gather_layer;

const gather_layer *as_gather(const layer *l); /* NULL: another kind */
/* What `merge` makes of each run of `most` blocks that l reads, as blocks of g. */
layer *gather_runs(const gather_layer *l, uint64_t most, grid *g);
/* The same task, reading the blocks of `of`. */
layer *gather_again(const gather_layer *l, layer *of);

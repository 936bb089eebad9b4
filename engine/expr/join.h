/* engine/expr/join.h - the inside of concatenate and stack layers, for the passes that split them.
 */
#pragma once

#include "engine/graph/layer.h"

typedef struct join_layer {
    layer base;
    fn *getitem; /* stack: adds the axis; NULL: concatenate */
    int axis;
    uint32_t n;
    const layer **part; /* among base.dep */
    const grid **part_grid;
    int64_t *first; /* n + 1: blocks before each part, along the axis */
} join_layer;

const join_layer *as_join(const layer *l); /* NULL: another kind */
/* Blocks of the parts one after the other along `axis` (stack: a new axis); g is the result's. */
layer *layer_join(const char *name, uint32_t n, layer *const *part, const grid *const *part_grid,
                  int axis, bool stack, grid *g, dtype_of t);

/* engine/expr/rechunk.h - by which intermediate grids a rechunk goes. */
#pragma once

#include "engine/graph/layer.h"

enum { MAX_RECHUNK_STEP = 64 };

/* Dask's plan_rechunk: fills step[] (owned by the caller), the last one is `to`; answers how many.
 * threshold: growth of the graph that is accepted; limit: bytes of the largest block. */
int rechunk_plan(grid *old, grid *to, size_t itemsize, int64_t threshold, int64_t limit,
                 grid *step[MAX_RECHUNK_STEP]);
/* The grid that a rechunk layer starts from (its blocks are dep[0]'s); NULL: another layer. */
const grid *as_rechunk(const layer *l);

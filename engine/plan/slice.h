/* engine/plan/slice.h - what the files of the pass share that moves selections to the sources. */
#pragma once

#include "engine/plan/lower.h"
#include "engine/plan/region.h"

/* What is being rewritten: the getitem that users see, what it takes, and the blocks that it takes
 * parts of if it may have to copy them ({0}: its parts lie in C order anyhow). */
typedef struct taking {
    const layer *as;
    const selection *s;
    part_sizes whole;
} taking;

char *name_below(const char *prefix, const layer *l, const selection *s); /* mem_free it */
/* what s (taken) takes of l; l itself (counted) if that is all */
layer *taken(layer *l, selection *s);
/* axes that x drops are dropped of l (taken), new ones added; copied as Dask's step would */
layer *shaped(const taking *x, layer *l);
/* Do the blocks of l lie in memory in C order for sure? */
bool c_order(const layer *l, int depth);

/* Each answers with x's blocks, made of what it takes of what l is made of; NULL: not so. */
layer *below_reduction(const nodes *all, const taking *x, layer *l);
layer *below_reshape(const taking *x, layer *l);
layer *below_repeat(const taking *x, layer *l);

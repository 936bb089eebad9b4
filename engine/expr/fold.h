/* engine/expr/fold.h - reductions that take their blocks one after the other. */
#pragma once

#include "engine/expr/reduceops.h"
#include "engine/graph/layer.h"

/* Will a call of f fold its inputs, as far as grids tell? */
bool fn_folds(const fn *f, const task_view *v);
enum { FOLD_MOST = 64 }; /* blocks */

typedef struct folding { /* the blocks of a call, one after the other */
    const red_fn *r;
    const call *c;
    int n, pick; /* pick: the item that it is of packs; -1: they are blocks */
    const lit *item[FOLD_MOST];
} folding;

/* Can these blocks be folded? Else they are to be joined. */
bool fold_begin(folding *f, const red_fn *r, const call *c, int pick);
/* Block i, or item `pick` of it, from disk if need be; owned. */
nd *fold_get(const folding *f, int i, int pick, err *e);
/* *sum + x into *sum, which is x at first; takes x (NULL: failed). */
bool fold_add(nd **sum, nd *x, err *e);
/* The sum of all: *out, or NULL and the error.  False: they are to be joined. */
bool fold_blocks(const red_fn *r, const call *c, int pick, bool keepdims, dtype_of want, nd **out,
                 err *e);
/* The same of counts (item `pick`) that are one number each, shown as large as their block. */
bool fold_counts(const red_fn *r, const call *c, int pick, bool keepdims, dtype_of want, nd **out,
                 err *e);

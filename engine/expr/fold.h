/* engine/expr/fold.h - reductions that take their blocks one after the other. */
#pragma once

#include "engine/expr/reduceops.h"
#include "engine/graph/layer.h"

/* Will a call of f fold its inputs, as far as grids tell? */
bool fn_folds(const fn *f, const task_view *v);
/* Does it, if these blocks can be: *out, or NULL and the error.  False: they are to be joined. */
bool fold_blocks(const red_fn *r, const call *c, nd **out, err *e);

/* engine/expr/moments_few.h - chunks of means and moments of very few numbers, and their joins. */
#pragma once

#include "engine/expr/reduceops.h"
#include "engine/graph/layer.h"

/* (n, total) or (total, n, M) of a block; NULL without an error: it is not as small and plain as
 * that. */
datum *few_mean(const red_fn *r, const nd *x, err *e);
datum *few_moments(const red_fn *r, const nd *x, err *e);
/* The same of all packs that a call is given, each of one number. */
datum *few_means_together(const red_fn *r, const call *c, err *e);
datum *few_moments_together(const red_fn *r, const call *c, err *e);

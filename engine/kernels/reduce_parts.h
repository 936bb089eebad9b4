/* engine/kernels/reduce_parts.h - between the files reduce*.c: the functions rows of reduce.def
 * name. */
#pragma once

#include "engine/kernels/reduce.h"

typedef nd *reduce_run(const reduction *r, const nd *x, uint32_t axes, bool keepdims, dtype_of want,
                       reduce_opts *o, err *e);
typedef bool reduce_type(const reduction *r, dtype_of in, dtype_of want, dtype_of *out, err *e);

reduce_run reduce_plain, reduce_truth, reduce_mean, reduce_var, reduce_std, reduce_ptp,
    reduce_argminmax, reduce_count, reduce_nanplain, reduce_nanminmax, reduce_nanmean,
    reduce_nanvar, reduce_nanstd, reduce_nanargminmax;
reduce_type type_plain, type_truth, type_mean, type_var, type_index;

/* axes as a mask within x's dimensions */
static inline uint32_t axes_of(const nd *x, uint32_t axes)
{
    return axes & (uint32_t)(((uint64_t)1 << x->ndim) - 1);
}
/* elements that each result is made of */
static inline int64_t folded_count(const nd *x, uint32_t axes)
{
    int64_t n = 1;
    for (int i = 0; i < x->ndim; i++)
        if (axes >> i & 1) n *= nd_shape(x)[i];
    return n;
}

/* shape of the result: with axes of length 1 in the place of those that fold, or without them */
int reduce_shape(const nd *x, uint32_t axes, bool keepdims, int64_t *shape);

/* --- blocks in memory (reduce_memory.c) --- */

/* Is x one that these take, its elements of type t or cast to it? */
bool memory_folds(const nd *x, uint32_t axes, dtype_of t);
/* with the loop of f, which folds in any order or as elements come: add, multiply, extrema, bits.
 * identity: NULL: a cell starts with 0 or its first element */
nd *memory_reduce(const ufunc *f, loop run, const nd *x, uint32_t axes, bool keepdims, dtype_of t,
                  const void *identity, err *e);
/* Sums in float64 or float32: of the elements; or (u: per cell, of that type, in C order) of the
 * squares of their distances from u; nan: NaN counts as 0.  *valid (if asked for and without u):
 * how many are not NaN, float64, the axes kept. */
nd *memory_sum(const nd *x, uint32_t axes, bool keepdims, dtype_of t, const nd *u, bool nan,
               nd **valid, err *e);

/* engine/kernels/sort.h - ordering: sort, partition, search, unique, counting.
 *
 * NumPy's order: NaN last (complex lexicographic, NaN parts last), strings by code point. */
#pragma once

#include "engine/data/nd.h"

/* Ascending along an axis.  Zeros of both signs, which are equal, come in the order that NumPy's
 * quicksort leaves, or (stable) as they are. */
nd *nd_sort(const nd *x, int axis, err *e);
nd *nd_sort_kind(const nd *x, int axis, bool stable, err *e);
/* stable: kind='stable' / 'mergesort'; otherwise ties come in the order NumPy's quicksort leaves.
 */
nd *nd_argsort(const nd *x, int axis, bool stable, err *e);
nd *nd_lexsort(int n, const nd *const *keys, int axis, err *e); /* last key is primary */
/* The kth elements in their sorted places, smaller before, larger after; the others where
 * NumPy's introselect leaves them. kth may be negative. */
nd *nd_partition(const nd *x, const int64_t *kth, int nkth, int axis, err *e);
nd *nd_argpartition(const nd *x, const int64_t *kth, int nkth, int axis, err *e);
/* Along the last axis only what stands at `places` (int64, ascending, contiguous) after sorting. */
nd *nd_kth(const nd *x, const nd *places, err *e);
/* k > 0: the k largest, descending; k < 0: the -k smallest, ascending (dask's topk). */
nd *nd_topk(const nd *x, int64_t k, int axis, err *e);
nd *nd_argtopk(const nd *x, int64_t k, int axis, err *e);
/* int64 positions in the sorted 1-d `x`; sorter may be NULL */
nd *nd_searchsorted(const nd *x, const nd *values, bool right, const nd *sorter, err *e);
nd *nd_digitize(const nd *x, const nd *bins, bool right, err *e);

typedef struct unique_parts {
    nd *values, *index, *inverse, *counts; /* owned by the caller; the last three if asked for */
} unique_parts;
enum unique_want { UNIQUE_INDEX = 1, UNIQUE_INVERSE = 2, UNIQUE_COUNTS = 4, UNIQUE_NAN_APART = 8 };
bool nd_unique(const nd *x, unsigned want, unique_parts *out, err *e); /* of x flattened */
void unique_clear(unique_parts *u);

/* int64 counts, or float64 sums of weights; at least minlength bins */
nd *nd_bincount(const nd *x, const nd *weights, int64_t minlength, err *e);
/* Counts (int64), or float64 sums of weights, of x in the bins between ascending edges: bin k holds
 * edges[k] <= x < edges[k + 1], the last one also its upper edge. */
nd *nd_histogram(const nd *x, const nd *weights, const nd *edges, err *e);

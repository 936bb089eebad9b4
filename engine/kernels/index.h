/* engine/kernels/index.h - NumPy's indexing: basic (views), boolean, integer, and all mixed.
 *
 * One description serves reading and writing.  Basic items give views on the same buffer; any
 * array item gives a copy, in NumPy's axis order. */
#pragma once

#include "engine/data/nd.h"

enum index_kind { IDX_INT, IDX_SLICE, IDX_NEW, IDX_ELLIPSIS, IDX_ARRAY };

#define SLICE_NONE INT64_MIN /* an omitted start, stop or step */

typedef struct index_item {
    enum index_kind kind;
    int64_t start, stop, step; /* IDX_INT: start; IDX_SLICE: as written, SLICE_NONE if omitted */
    const nd *array;           /* IDX_ARRAY: any integer or bool array (0-d bool included) */
} index_item;

/* Python's slice.indices: clips start and stop to n, answers the length. False: step is zero. */
bool slice_clip(int64_t n, int64_t *start, int64_t *stop, int64_t *step, int64_t *len, err *e);
bool index_is_basic(const index_item *items, int n);

nd *nd_index(const nd *x, const index_item *items, int n, err *e);
/* target[items] = value: casts unsafely as NumPy's setitem, broadcasts; target is the caller's
 * to write.  value may overlap target. */
bool nd_index_assign(nd *target, const index_item *items, int n, const nd *value, err *e);

/* int64 byte offsets from x->at of the elements that items select, in the shape of the result. */
nd *nd_index_places(const nd *x, const index_item *items, int n, err *e);

/* mode: 'r'aise, 'w'rap, 'c'lip */
nd *nd_take(const nd *x, const nd *indices, int axis, char mode, err *e);
bool nd_put(nd *target, const nd *indices, const nd *values, char mode, err *e); /* flat */
bool nd_putmask(nd *target, const nd *mask, const nd *values, bool place, err *e);
nd *nd_take_along(const nd *x, const nd *indices, int axis, err *e);
bool nd_put_along(nd *target, const nd *indices, const nd *values, int axis, err *e);
nd *nd_compress(const nd *condition, const nd *x, int axis, err *e);
/* x[mask] for a mask of x's shape (or its leading axes). */
nd *nd_mask(const nd *x, const nd *mask, err *e);
/* One int64 block of indices per axis (at least one: 0-d counts as 1-d). */
bool nd_nonzero(const nd *x, nd *out[ND_MAXDIM], err *e);
int64_t nd_count_nonzero(const nd *x, err *e); /* -1: failed */

/* The place of the first extreme of n elements of `size` bytes, `step` apart; NULL: no such type.
 */
typedef int64_t (*arg_loop)(int64_t n, const char *at, ptrdiff_t step, uint32_t size);
arg_loop arg_loop_of(bool max, enum dtype t);

/* stdlib/numpy/objects.h - arrays of objects: elementwise, folded, sorted, through the language.
 *
 * NULL or false: an exception is pending. */
#pragma once

#include "stdlib/numpy/numpy.h"

/* f of blocks, one of which holds objects; out[0 .. f->nout) */
bool object_map(interp *in, const ufunc *f, nd *const *x, nd *out[2]);
/* objects and text as bools: their truth in Python, whether there is more than blanks; else x */
nd *nd_truths(interp *in, const nd *x);
nd *object_cast(interp *in, const nd *x); /* the elements as Python's values */
/* the elements of x where the mask (bool, contiguous, of x's shape; NULL: nowhere) is true, else 0
 */
nd *object_kept(interp *in, const nd *x, const nd *mask);
/* start FAIL: the first element */
nd *object_reduce(interp *in, const ufunc *f, const nd *x, uint32_t axes, bool keep, value start);
nd *object_argpick(interp *in, bool most, const nd *x, uint32_t axes, bool keep);
nd *object_accumulate(interp *in, const ufunc *f, const nd *x, int axis);
/* indices: the places of the items; unless stable, equal ones lie as NumPy's quicksort leaves them
 */
nd *object_sort(interp *in, const nd *x, int axis, bool indices, bool stable);

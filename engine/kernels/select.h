/* engine/kernels/select.h - one of two elements, by a mask. */
#pragma once

#include "engine/kernels/ufunc.h"

/* A loop (mask, x, y) -> x where mask, else y, for elements of so many bytes; a mask is one byte, 0
 * or 1.  NULL: none for that size. */
loop select_loop(size_t size);
/* out = mask ? x : y, in one pass over blocks of numbers of one type that broadcast to out, which x
 * and y may be. */
bool nd_select(nd *out, const nd *mask, const nd *x, const nd *y, err *e);

/* engine/kernels/cast.h - loops that turn elements of one type into another; used by ops and map.
 */
#pragma once

#include "engine/data/nd.h"
#include "engine/kernels/ufunc.h"

/* n elements; src and dst may not overlap.  False only for text that does not parse (err set). */
typedef bool (*cast_loop)(size_t n, char *dst, ptrdiff_t dstep, const char *src, ptrdiff_t sstep,
                          dtype_of to, dtype_of from, err *e);
/* TypeError when there is none (objects). */
cast_loop cast_find(dtype_of to, dtype_of from, err *e);

/* What casting x to t loses that is worth a warning: FP_INVALID when a number does not fit an
 * integer, FP_OVER when a finite one becomes infinite. */
unsigned cast_lost(const nd *x, enum dtype t);

/* between text and anything; in cast_text.c */
bool cast_to_text(size_t n, char *dst, ptrdiff_t dstep, const char *src, ptrdiff_t sstep,
                  dtype_of to, dtype_of from, err *e);
bool cast_from_text(size_t n, char *dst, ptrdiff_t dstep, const char *src, ptrdiff_t sstep,
                    dtype_of to, dtype_of from, err *e);
/* between moments or durations of different units */
bool cast_time(size_t n, char *dst, ptrdiff_t dstep, const char *src, ptrdiff_t sstep, dtype_of to,
               dtype_of from, err *e);

/* engine/kernels/places.h - what stands at given places of a lane, were it sorted. */
#pragma once

#include "engine/data/nd.h"

enum { PLACES_LEAST = 1 << 11 }; /* shorter lanes are sorted at once */

/* The exact keys (keys.h) of the elements at kth[0 .. nkth), ascending, of a lane that has keys;
 * kth[] < n.  found false: the lane or the places do not lend themselves to it, nothing has
 * happened.  Uses the processors that par.h has to offer. */
bool places_find(dtype_of t, int64_t n, const char *from, ptrdiff_t step, const int64_t *kth,
                 int nkth, uint64_t *key, bool *found, err *e);
